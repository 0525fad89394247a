//! All pairs: who reaches whom.
//!
//! Rows are the services that run, columns the ports on which services listen or are said to. A pair is dialled where
//! the two share a network; what somebody was told to dial comes first, since there is only so much time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use bowline_doctor::{
    Call, ContainerFact, Dial, DialAnswer, Facts, Missed, NameAnswer, Reach, Target, Tried, Within,
};
use bowline_model::{ContainerId, PortKey, Protocol};
use futures_util::future::join_all;
use serde::{Serialize, Serializer};
use tokio::sync::Semaphore;

use super::{NAME, THREADS, counting, is_blind, look, runs, unseen, why_not, within};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, ExitCode, Failure, containers};

/// How long somebody may take to answer a call.
const CALL: Duration = Duration::from_secs(1);
/// How long all calls may take together; one that was begun before is waited for.
const ALL: Duration = Duration::from_secs(20);
/// No more pairs of a service and a port are dialled.
const MOST_PAIRS: usize = 4000;

/// What came of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetCell {
    /// Every address of the name takes the call.
    Reached,
    /// The service itself.
    Itself,
    /// The two share no network.
    NoNetwork,
    /// The name is not known there.
    NoName,
    /// The call is refused.
    Refused,
    /// Nobody answers, or there is no way.
    TimedOut,
    /// The target does not run.
    NotRunning,
    /// There was no time, or there were too many.
    LeftOut,
    /// It could not be tried from there.
    Unseen,
}

impl NetCell {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reached => "ok",
            Self::Itself => "-",
            Self::NoNetwork => "no network",
            Self::NoName => "no name",
            Self::Refused => "refused",
            Self::TimedOut => "timeout",
            Self::NotRunning => "not running",
            Self::LeftOut => "left out",
            Self::Unseen => "?",
        }
    }

    /// Whether somebody who needs this has it not.
    fn is_trouble(self) -> bool {
        matches!(
            self,
            Self::NoNetwork | Self::NoName | Self::Refused | Self::TimedOut | Self::NotRunning
        )
    }
}

impl Serialize for NetCell {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.word())
    }
}

/// A port of a service.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NetColumn {
    /// The service.
    pub service: String,
    /// The port.
    pub port: u16,
}

/// What a service reaches.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetRow {
    /// The service.
    pub service: String,
    /// A cell for each column.
    pub cells: Vec<NetCell>,
}

/// Somebody who was told to dial somebody, and does not reach it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ToldPair {
    /// The service that was told.
    pub from: String,
    /// The name that it was told.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The service that has the name.
    pub service: String,
    /// What came of it, in a word.
    pub result: &'static str,
}

/// What `net check` without arguments answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetMatrix {
    /// The stack.
    pub project: String,
    /// How many containers it has, those of single commands among them; `None` where nobody could look.
    pub containers: Option<usize>,
    /// The ports of services.
    pub columns: Vec<NetColumn>,
    /// What each service that runs reaches of them.
    pub rows: Vec<NetRow>,
    /// Who was told to dial somebody, and does not reach it.
    pub told: Vec<ToldPair>,
    /// How many pairs that somebody was told to dial were not tried, for whatever reason.
    pub told_untried: usize,
    /// How many pairs were dialled.
    pub dialled: usize,
    /// How many pairs were left out for want of time, or because there are too many.
    pub left_out: usize,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
}

impl NetMatrix {
    /// The exit code that says it: whether everybody reaches whom they were told to dial.
    pub fn exit_code(&self) -> ExitCode {
        let mut cells = self.rows.iter().flat_map(|row| &row.cells);
        let is_there = self.containers.is_some_and(|count| count > 0);
        let is_blind = self.dialled == 0 && cells.any(|cell| *cell == NetCell::Unseen);
        if !self.told.is_empty() {
            ExitCode::CausesFound
        } else if !is_there || self.told_untried > 0 || is_blind {
            ExitCode::CouldNotLook
        } else {
            ExitCode::Done
        }
    }

    /// Why there is no row, in words; `None` where there is one.
    pub fn nothing(&self) -> Option<String> {
        let project = &self.project;
        self.rows.is_empty().then(|| match self.containers {
            None => format!("the containers of project `{project}` could not be looked at"),
            Some(0) => containers::no_containers(project),
            Some(_) => format!("nothing of project `{project}` runs"),
        })
    }
}

/// Tries who reaches whom in a stack.
///
/// Reads, looks names up, and opens connections that it closes at once: 4000 pairs at most, in 20 s or little more. What
/// was left out is counted.
///
/// # Errors
///
/// The loader's mistakes; the engine's failures.
pub async fn net_matrix(
    surroundings: &Surroundings,
    stack: &StackOptions,
) -> Result<Answer<NetMatrix>, Failure> {
    let seen = look(surroundings, stack).await?;
    let plan = Draft::of(&seen.facts);
    let ids: Vec<ContainerId> = plan
        .rows
        .values()
        .map(|one| ContainerId(one.id.clone()))
        .collect();
    let inspected = seen.engine.inspect_containers(&ids).await?;
    let pids: BTreeMap<ContainerId, u32> = inspected
        .into_iter()
        .filter_map(|one| Some((one.id, one.state.pid?)))
        .collect();
    let within = within(surroundings, &*seen.engine, ALL);
    let mut answers = plan.dial(&within, &pids).await;
    within.end().await;
    let could_not = std::mem::take(&mut answers.unseen);
    let mut value = plan.matrix(&seen.facts.project, &answers);
    value.unseen = unseen(&seen.facts, |_| true);
    value.unseen.extend(could_not);
    Ok(Answer {
        value,
        warnings: seen.named.warnings,
    })
}

/// A question: from which service, which name, which ports.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Question<'f> {
    /// What was told comes first.
    is_only_near: bool,
    from: &'f str,
    host: &'f str,
}

/// Somebody who was told an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Told<'f> {
    from: &'f str,
    host: &'f str,
    service: &'f str,
    port: u16,
}

/// What is to be found out, before anything is tried.
struct Draft<'f> {
    containers: Option<usize>,
    /// The services that run, each with the container that speaks for it.
    rows: BTreeMap<&'f str, &'f ContainerFact>,
    columns: Vec<NetColumn>,
    told: BTreeSet<Told<'f>>,
    /// Pairs of services that share a network.
    near: BTreeSet<(&'f str, &'f str)>,
    questions: BTreeMap<Question<'f>, BTreeSet<u16>>,
    left_out: usize,
}

/// What came of trying.
#[derive(Default)]
struct Answers<'f> {
    cells: BTreeMap<(&'f str, &'f str, u16), NetCell>,
    dialled: usize,
    unseen: BTreeSet<String>,
}

impl<'f> Draft<'f> {
    fn of(facts: &'f Facts) -> Self {
        let reach = Reach::new(facts);
        let mut rows: BTreeMap<&str, &ContainerFact> = BTreeMap::new();
        for container in reach.containers().filter(|one| runs(one)) {
            if let Some(service) = &container.service {
                rows.entry(service).or_insert(container);
            }
        }
        let told = told(&reach, &rows);
        let columns = columns(facts, &reach, &rows, &told);
        let mut draft = Self {
            containers: (!is_blind(facts)).then_some(facts.containers.len()),
            near: near(&reach, &rows),
            rows,
            columns,
            told,
            questions: BTreeMap::new(),
            left_out: 0,
        };
        draft.ask(facts);
        draft
    }

    /// Everything that is worth a call, up to the bound.
    fn ask(&mut self, facts: &'f Facts) {
        let mut asked = BTreeSet::new();
        let mut ask = |question: Question<'f>, port: u16| {
            if !asked.insert((question.from, question.host, port)) {
                return;
            }
            if asked.len() > MOST_PAIRS {
                self.left_out += 1;
            } else {
                self.questions.entry(question).or_default().insert(port);
            }
        };
        let told = self.told.iter();
        // Of those that share no network it is known without a call that they do not reach each other.
        for told in told.filter(|told| self.near.contains(&(told.from, told.service))) {
            let question = Question {
                is_only_near: false,
                from: told.from,
                host: told.host,
            };
            ask(question, told.port);
        }
        let known = names(facts);
        for from in self.rows.keys() {
            for column in &self.columns {
                let Some(host) = known.get(column.service.as_str()) else {
                    continue;
                };
                if self.near.contains(&(from, host)) && from != host {
                    let question = Question {
                        is_only_near: true,
                        from,
                        host,
                    };
                    ask(question, column.port);
                }
            }
        }
    }

    /// Tries all of it, as many at once as may be, those that were told first.
    async fn dial(&self, within: &Within<'_>, pids: &BTreeMap<ContainerId, u32>) -> Answers<'f> {
        let begun = Instant::now();
        let turns = &Semaphore::new(THREADS);
        let tries = self.questions.iter().map(|(question, ports)| {
            let container = self.rows.get(question.from);
            let id = container.map(|one| ContainerId(one.id.clone()));
            let pid = id.as_ref().and_then(|id| pids.get(id).copied());
            async move {
                let (id, pid) = id.zip(pid)?;
                let _turn = turns.acquire().await.ok()?;
                let left = ALL.checked_sub(begun.elapsed())?;
                let dial = Dial {
                    host: question.host.to_owned(),
                    ports: ports.clone(),
                    only: None,
                    name_within: NAME,
                    call_within: CALL,
                    whole: left,
                };
                Some(within.dial(Target { id: &id, pid }, dial).await)
            }
        });
        let done = join_all(tries).await;
        let mut answers = Answers::default();
        for ((question, ports), tried) in self.questions.iter().zip(done) {
            answers.take(question, ports, tried);
        }
        answers
    }

    fn matrix(&self, project: &str, answers: &Answers<'f>) -> NetMatrix {
        let rows = self.rows.keys().map(|from| NetRow {
            service: (*from).to_owned(),
            cells: self
                .columns
                .iter()
                .map(|column| {
                    self.cell(from, &column.service, &column.service, column.port, answers)
                })
                .collect(),
        });
        let told = self.told.iter().map(|told| {
            let cell = self.cell(told.from, told.host, told.service, told.port, answers);
            (told, cell)
        });
        let (troubled, others): (Vec<_>, Vec<_>) = told.partition(|(_, cell)| cell.is_trouble());
        let troubled = troubled.into_iter().map(|(told, cell)| ToldPair {
            from: told.from.to_owned(),
            host: told.host.to_owned(),
            port: told.port,
            service: told.service.to_owned(),
            result: cell.word(),
        });
        let untried = others
            .iter()
            .filter(|(_, cell)| matches!(cell, NetCell::Unseen | NetCell::LeftOut));
        let left = |cell: &&NetCell| **cell == NetCell::LeftOut;
        NetMatrix {
            project: project.to_owned(),
            containers: self.containers,
            columns: self.columns.clone(),
            rows: rows.collect(),
            told: troubled.collect(),
            told_untried: untried.count(),
            dialled: answers.dialled,
            left_out: self.left_out + answers.cells.values().filter(left).count(),
            unseen: Vec::new(),
        }
    }

    fn cell(
        &self,
        from: &str,
        host: &str,
        service: &str,
        port: u16,
        answers: &Answers<'_>,
    ) -> NetCell {
        if from == service {
            return NetCell::Itself;
        }
        if !self.rows.contains_key(service) {
            return NetCell::NotRunning;
        }
        if !self.near.contains(&(from, service)) {
            return NetCell::NoNetwork;
        }
        let known = answers.cells.get(&(from, host, port));
        known.copied().unwrap_or(NetCell::LeftOut)
    }
}

impl<'f> Answers<'f> {
    fn take(
        &mut self,
        question: &Question<'f>,
        ports: &BTreeSet<u16>,
        tried: Option<Result<Tried, Missed>>,
    ) {
        let tried = match tried {
            Some(Ok(tried)) => Some(tried),
            Some(Err(missed)) => {
                self.unseen.insert(if missed.is_gone() {
                    format!(
                        "what `{}` reaches: it ended while it was looked at",
                        question.from
                    )
                } else {
                    why_not(&missed)
                });
                for port in ports {
                    self.set(question, *port, NetCell::Unseen);
                }
                return;
            }
            None => None,
        };
        for port in ports {
            let cell = tried
                .as_ref()
                .map_or(NetCell::LeftOut, |tried| of(tried, *port));
            if !matches!(cell, NetCell::LeftOut | NetCell::NoName) {
                self.dialled += 1;
            }
            self.set(question, *port, cell);
        }
    }

    fn set(&mut self, question: &Question<'f>, port: u16, cell: NetCell) {
        let pair = (question.from, question.host, port);
        self.cells.insert(pair, cell);
    }
}

/// What came of a port: of several addresses that count the worst.
fn of(tried: &Tried, port: u16) -> NetCell {
    if !matches!(tried.name, NameAnswer::Addresses(_)) {
        return NetCell::NoName;
    }
    let calls = counting(tried, port).into_iter();
    let worst = calls.map(answered).max_by_key(|cell| match cell {
        NetCell::Reached => 0,
        NetCell::Refused => 1,
        _ => 2,
    });
    worst.unwrap_or(NetCell::LeftOut)
}

fn answered(call: &Call) -> NetCell {
    match call.answer {
        DialAnswer::Connected => NetCell::Reached,
        DialAnswer::Refused => NetCell::Refused,
        _ => NetCell::TimedOut,
    }
}

/// The names of all services, as the facts have them.
fn names(facts: &Facts) -> BTreeSet<&str> {
    let made = facts
        .containers
        .iter()
        .filter_map(|one| one.service.as_deref());
    made.chain(facts.services.keys().map(String::as_str))
        .collect()
}

/// Which services were told to dial which other ones, as far as they run.
fn told<'f>(reach: &Reach<'f>, rows: &BTreeMap<&'f str, &'f ContainerFact>) -> BTreeSet<Told<'f>> {
    let by_name: BTreeMap<&str, &str> = rows
        .iter()
        .map(|(service, container)| (container.name.as_str(), *service))
        .collect();
    let told = reach.told().into_iter().filter_map(|edge| {
        Some(Told {
            from: by_name.get(edge.client)?,
            host: edge.host,
            service: edge.service,
            port: edge.port?,
        })
    });
    told.filter(|told| told.from != told.service).collect()
}

/// Pairs of services that run and share a network, or of which one lives in the other's.
fn near<'f>(
    reach: &Reach<'f>,
    rows: &BTreeMap<&'f str, &'f ContainerFact>,
) -> BTreeSet<(&'f str, &'f str)> {
    let networks: Vec<(&str, Option<BTreeSet<&str>>)> = rows
        .iter()
        .map(|(service, container)| (*service, reach.networks(container)))
        .collect();
    let mut near = BTreeSet::new();
    for (one, mine) in &networks {
        for (other, theirs) in &networks {
            let is_near = match (mine, theirs) {
                (Some(mine), Some(theirs)) => mine.iter().any(|network| theirs.contains(network)),
                // Nobody knows; then nobody says that they are apart.
                _ => true,
            };
            if is_near {
                near.insert((*one, *other));
            }
        }
    }
    near
}

/// The ports of services: those on which they listen, those that somebody was told, and those that the files name. What
/// an image says that it opens counts only where nobody could look.
fn columns(
    facts: &Facts,
    reach: &Reach<'_>,
    rows: &BTreeMap<&str, &ContainerFact>,
    told: &BTreeSet<Told<'_>>,
) -> Vec<NetColumn> {
    let mut ports: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for container in reach.containers() {
        let Some(service) = container.service.as_deref() else {
            continue;
        };
        let found = ports.entry(service).or_default();
        let speaks = rows
            .get(service)
            .is_none_or(|one| one.name == container.name);
        match reach.open_ports(container).filter(|_| runs(container)) {
            Some(open) => found.extend(open),
            None if speaks => found.extend(tcp(&container.exposed)),
            None => {}
        }
    }
    for (service, declared) in facts.services.iter().filter(|(_, one)| one.is_enabled) {
        let found = ports.entry(service).or_default();
        found.extend(tcp(&declared.expose));
        found.extend(declared.published.iter().map(|(_, _, port)| *port));
    }
    for told in told {
        ports.entry(told.service).or_default().insert(told.port);
    }
    let columns = ports.into_iter().flat_map(|(service, ports)| {
        let column = move |port| NetColumn {
            service: service.to_owned(),
            port,
        };
        ports.into_iter().filter(|port| *port > 0).map(column)
    });
    columns.collect()
}

/// The single TCP ports of a list such as `5432/tcp`.
fn tcp(ports: &[String]) -> impl Iterator<Item = u16> {
    let keys = ports.iter().filter_map(|port| PortKey::parse(port));
    let single = keys.filter(|key| key.protocol == Protocol::Tcp && key.port == key.last);
    single.map(|key| key.port)
}

#[cfg(test)]
mod tests {
    use bowline_doctor::{InsideFact, ListenerFact};
    use bowline_engine::fake::Run;
    use bowline_engine::{Engine as _, Tap, Unseen};
    use bowline_model::{EndpointSpec, EnvSpec, NetworkSpec};

    use super::*;
    use crate::net::facts;
    use crate::stage::{self, by_name};

    /// Services on a network each, and what they are told.
    async fn stack(services: &[(&str, &str, &[&str])]) -> Facts {
        let engine = stage::engine();
        for (service, network, env) in services {
            let made = NetworkSpec {
                name: (*network).to_owned(),
                ..NetworkSpec::default()
            };
            // The second one of a name is refused, which is fine.
            let _ = engine.create_network(&made).await;
            let mut spec = stage::spec(service, 1);
            spec.env = EnvSpec::from_entries(env.iter().copied());
            spec.network.mode = Some((*network).to_owned());
            spec.network.endpoints = vec![EndpointSpec {
                network: (*network).to_owned(),
                aliases: vec![(*service).to_owned()],
                ..EndpointSpec::default()
            }];
            stage::started_with(&engine, spec, Run::new()).await;
        }
        facts(&*engine, &by_name()).await.unwrap()
    }

    fn listens(facts: &mut Facts, service: &str, port: u16) {
        let inside = InsideFact {
            listeners: vec![ListenerFact {
                port,
                address: [0, 0, 0, 0].into(),
                protocol: Protocol::Tcp,
            }],
            ..InsideFact::default()
        };
        facts.insides.insert(format!("shop-{service}-1"), inside);
    }

    fn tried(name: NameAnswer, answer: DialAnswer) -> Tried {
        Tried {
            name,
            name_took: Duration::ZERO,
            calls: vec![Call {
                address: ([10, 0, 0, 2], 5432).into(),
                answer,
                after: Duration::ZERO,
            }],
        }
    }

    fn words(matrix: &NetMatrix) -> Vec<String> {
        let word = |row: &NetRow| {
            let cells: Vec<&str> = row.cells.iter().map(|cell| cell.word()).collect();
            format!("{}: {}", row.service, cells.join(", "))
        };
        matrix.rows.iter().map(word).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn only_who_shares_a_network_is_dialled_and_first_who_was_told() {
        let told = "DATABASE_URL=postgres://app@db:5432/app";
        let mut facts = stack(&[
            ("api", "shop_a", &[told]),
            ("db", "shop_a", &[]),
            ("web", "shop_b", &[told]),
        ])
        .await;
        listens(&mut facts, "api", 9000);
        listens(&mut facts, "db", 5432);
        listens(&mut facts, "web", 80);
        let draft = Draft::of(&facts);
        let asked: Vec<(bool, &str, &str)> = draft
            .questions
            .keys()
            .map(|one| (one.is_only_near, one.from, one.host))
            .collect();
        assert_eq!(asked, [(false, "api", "db"), (true, "db", "api")]);
        let mut answers = Answers::default();
        for (question, ports) in &draft.questions {
            let name = NameAnswer::Addresses(vec![[10, 0, 0, 2].into()]);
            let mut answer = tried(name, DialAnswer::Connected);
            answer.calls[0].address.set_port(*ports.first().unwrap());
            answers.take(question, ports, Some(Ok(answer)));
        }
        let matrix = draft.matrix("shop", &answers);
        let columns: Vec<String> = matrix
            .columns
            .iter()
            .map(|one| format!("{}:{}", one.service, one.port))
            .collect();
        assert_eq!(columns, ["api:9000", "db:5432", "web:80"]);
        assert_eq!(
            words(&matrix),
            [
                "api: -, ok, no network",
                "db: ok, -, no network",
                "web: no network, no network, -"
            ]
        );
        assert_eq!(matrix.told.len(), 1);
        assert_eq!(
            (matrix.told[0].from.as_str(), matrix.told[0].result),
            ("web", "no network")
        );
        assert_eq!(matrix.exit_code(), ExitCode::CausesFound);
    }

    #[tokio::test(start_paused = true)]
    async fn of_several_addresses_the_worst_counts_and_what_was_not_dialled_is_left_out() {
        let mut facts = stack(&[("api", "shop_a", &[]), ("db", "shop_a", &[])]).await;
        listens(&mut facts, "db", 5432);
        let draft = Draft::of(&facts);
        let known = NameAnswer::Addresses(Vec::new());
        let mut both = tried(known, DialAnswer::Connected);
        both.calls.push(Call {
            answer: DialAnswer::Refused,
            ..both.calls[0].clone()
        });
        for (tried, expected) in [
            (Some(Ok(both)), "api: refused"),
            (None, "api: left out"),
            (Some(Err(Unseen::Gone.into())), "api: ?"),
        ] {
            let mut answers = Answers::default();
            let (question, ports) = draft.questions.first_key_value().unwrap();
            answers.take(question, ports, tried);
            assert_eq!(words(&draft.matrix("shop", &answers))[0], expected);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_well_where_somebody_was_told_and_that_was_not_tried() {
        let told = "DATABASE_URL=postgres://app@db:5432/app";
        let mut facts = stack(&[("api", "shop_a", &[told]), ("db", "shop_a", &[])]).await;
        listens(&mut facts, "api", 5432);
        listens(&mut facts, "db", 5432);
        let draft = Draft::of(&facts);
        let known = || NameAnswer::Addresses(vec![[10, 0, 0, 2].into()]);
        let connected = || Some(Ok(tried(known(), DialAnswer::Connected)));
        for (came, untried, code) in [
            (None, 1, ExitCode::CouldNotLook),
            (Some(Err(Unseen::Gone.into())), 1, ExitCode::CouldNotLook),
            (connected(), 0, ExitCode::Done),
        ] {
            let mut answers = Answers::default();
            let mut questions = draft.questions.iter();
            let (first, ports) = questions.next().unwrap();
            answers.take(first, ports, came);
            for (question, ports) in questions {
                answers.take(question, ports, connected());
            }
            let matrix = draft.matrix("shop", &answers);
            assert!(matrix.dialled > 0 && matrix.told.is_empty());
            assert_eq!((matrix.told_untried, matrix.exit_code()), (untried, code));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_could_not_be_seen_is_not_down_and_a_name_without_containers_is_not_well() {
        let engine = stage::engine();
        let tap = Tap::new(engine.clone());
        let seen = async || {
            let facts = facts(&tap, &by_name()).await.unwrap();
            let matrix = Draft::of(&facts).matrix("shop", &Answers::default());
            (matrix.nothing().unwrap(), matrix.exit_code())
        };
        let none = "project `shop` has no containers; is its name right?";
        assert_eq!(seen().await, (none.to_owned(), ExitCode::CouldNotLook));
        let id = stage::started(&engine, "web", 1, Run::new()).await;
        engine.end_container(&id, 0);
        let down = "nothing of project `shop` runs";
        assert_eq!(seen().await, (down.to_owned(), ExitCode::Done));
        tap.reset();
        // It is lost after it has said what time it is.
        tap.gone_from(1);
        let blind = "the containers of project `shop` could not be looked at";
        assert_eq!(seen().await, (blind.to_owned(), ExitCode::CouldNotLook));
    }

    #[tokio::test(start_paused = true)]
    async fn of_too_many_pairs_what_was_told_is_kept_and_the_rest_counted() {
        let names: Vec<String> = (0..70).map(|number| format!("s{number:02}")).collect();
        let env: &[&str] = &["API_URL=http://s00:80"];
        let services: Vec<(&str, &str, &[&str])> = names
            .iter()
            .map(|name| {
                (
                    name.as_str(),
                    "shop_a",
                    if name == "s69" { env } else { &[] },
                )
            })
            .collect();
        let mut facts = stack(&services).await;
        for name in &names {
            listens(&mut facts, name, 80);
        }
        let draft = Draft::of(&facts);
        assert_eq!(draft.left_out, 70 * 69 - MOST_PAIRS);
        let first = draft.questions.first_key_value().unwrap().0;
        assert_eq!((first.from, first.host), ("s69", "s00"));
    }
}
