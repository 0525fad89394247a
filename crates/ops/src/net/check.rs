//! One pair: which step of the way fails, and why.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::Duration;

use bowline_doctor::{
    Call, ContainerFact, Dial, DialAnswer, Facts, Missed, NameAnswer, Obstacle, Reach, Target,
    Tried, Whose,
};
use bowline_engine::Unseen;
use bowline_model::{ContainerId, ContainerStatus};
use serde::{Deserialize, Serialize};

use super::{NAME, Seen, counting, is_blind, look, mend, runs, unseen, why_not, within};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, ExitCode, Failure, containers};

/// How long somebody may take to answer a call.
const CALL: Duration = Duration::from_secs(3);
/// How long all calls of one check may take together.
const ALL: Duration = Duration::from_secs(15);

/// What `net check A B:PORT` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct NetCheckRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// The service from which is dialled.
    pub from: String,
    /// Whom it dials: a service, a name or an address, and a port (`db:5432`, `[::1]:80`).
    pub to: String,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NetVerdict {
    /// Every address of the name takes the call.
    Reached,
    /// Some addresses of the name take the call, others do not.
    ReachedInPart,
    /// The service from which is dialled does not run.
    ClientDown,
    /// Nobody in the stack has the name.
    Unknown,
    /// The client's resolver does not know the name, or does not answer.
    NameFails,
    /// Client and target share no network.
    NoCommonNetwork,
    /// The target does not run.
    TargetDown,
    /// The target is paused.
    TargetPaused,
    /// The target listens on other ports, and not on this one.
    OtherPort,
    /// The target listens there for itself only.
    LoopbackOnly,
    /// The target listens nowhere.
    NotListening,
    /// The call is refused.
    Refused,
    /// Nobody answers in time.
    TimedOut,
    /// There is no way to the address.
    NoRoute,
    /// Neither what was seen nor a try tells: nothing could be tried.
    NotTried,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetStep {
    /// Which: `from`, `name`, `networks`, `target`, `dial`.
    pub step: &'static str,
    /// Whether it works; `None` where it could not be looked at, or tells nothing alone.
    pub ok: Option<bool>,
    /// What was seen.
    pub text: String,
}

/// What `net check A B:PORT` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetCheck {
    /// The service from which is dialled.
    pub from: String,
    /// Whom it dials.
    pub host: String,
    /// At which port.
    pub port: u16,
    /// What came of it.
    pub verdict: NetVerdict,
    /// The same in words.
    pub because: String,
    /// The way, step by step.
    pub steps: Vec<NetStep>,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
    /// What could not be looked at, and why.
    pub unseen: Vec<String>,
}

impl NetCheck {
    /// The exit code that says it.
    pub fn exit_code(&self) -> ExitCode {
        match self.verdict {
            NetVerdict::Reached => ExitCode::Done,
            NetVerdict::NotTried => ExitCode::CouldNotLook,
            _ => ExitCode::CausesFound,
        }
    }
}

/// Tries whether a service reaches another one, a name or an address, and says at which step it does not.
///
/// Reads, looks one name up, and opens connections that it closes at once. Takes 17 s at most for that.
///
/// # Errors
///
/// [`Failure::Usage`] for a service that nobody knows, and for an address without a port; the loader's mistakes; the
/// engine's failures.
pub async fn net_check(
    surroundings: &Surroundings,
    request: &NetCheckRequest,
) -> Result<Answer<NetCheck>, Failure> {
    let (host, port) = parse(&request.to)?;
    let mut seen = look(surroundings, &request.stack).await?;
    if is_blind(&seen.facts) {
        return Ok(Answer {
            value: blind(&request.from, host, port, &seen.facts),
            warnings: seen.named.warnings,
        });
    }
    let client = client(&seen.facts, &request.from)?;
    let tried = if client.as_ref().is_some_and(runs) {
        let dial = Dial {
            host: host.clone(),
            ports: BTreeSet::from([port]),
            only: None,
            name_within: NAME,
            call_within: CALL,
            whole: ALL,
        };
        try_it(surroundings, &seen, client.as_ref(), dial).await?
    } else {
        None
    };
    let warnings = std::mem::take(&mut seen.named.warnings);
    let mut could_not = Vec::new();
    let mut is_gone = false;
    let tried = match tried {
        Some(Ok(tried)) => {
            let name = client.as_ref().map_or("", |one| one.name.as_str());
            seen.facts.tried.push(tried.fact(name, &host));
            Some(tried)
        }
        Some(Err(missed)) if missed.is_gone() => {
            is_gone = true;
            None
        }
        Some(Err(error)) => {
            could_not.push(why_not(&error));
            None
        }
        None => None,
    };
    let pair = Pair {
        seen: &seen,
        reach: Reach::new(&seen.facts),
        from: &request.from,
        client: client.as_ref(),
        host: &host,
        port,
        tried: tried.as_ref(),
        is_gone,
    };
    let mut value = pair.check();
    if value.verdict != NetVerdict::Reached {
        value.unseen = unseen(&seen.facts, |name| pair.is_about(name));
        value.unseen.extend(could_not);
    }
    Ok(Answer { value, warnings })
}

/// What is said where nobody could look at the containers: nothing, least of all that somebody does not run.
fn blind(from: &str, host: String, port: u16, facts: &Facts) -> NetCheck {
    NetCheck {
        from: from.to_owned(),
        host,
        port,
        verdict: NetVerdict::NotTried,
        because: "the containers could not be looked at".to_owned(),
        steps: Vec::new(),
        hints: vec![
            "`bowline ps` shows whether the engine answers; try again when it does".to_owned(),
        ],
        unseen: unseen(facts, |_| false),
    }
}

/// Reads `HOST:PORT`.
fn parse(to: &str) -> Result<(String, u16), Failure> {
    let wrong = |message: String| {
        Failure::Usage {
        message,
        hint: Some(
            "write it as `db:5432`, `example.com:443`, `10.0.0.7:80` or `[::1]:80`; `bowline net check` alone shows who listens on which port"
                .to_owned(),
        ),
    }
    };
    let (host, port) = match to.strip_prefix('[').and_then(|rest| rest.split_once("]:")) {
        Some(split) => split,
        None => to
            .rsplit_once(':')
            .filter(|(host, _)| !host.contains(':'))
            .ok_or_else(|| wrong(format!("`{to}` names no port")))?,
    };
    if port.ends_with("/udp") {
        return Err(wrong(
            "only TCP can be tried: with UDP nobody says whether a packet has arrived".to_owned(),
        ));
    }
    let number = port.trim_end_matches("/tcp").parse::<u16>();
    let number = number.ok().filter(|number| *number > 0);
    match number {
        Some(number) if !host.is_empty() => Ok((host.to_owned(), number)),
        _ => Err(wrong(format!("`{port}` of `{to}` is no port"))),
    }
}

/// The container from which is dialled: the first of the service that runs, else the first; `None` where it has none.
fn client(facts: &Facts, service: &str) -> Result<Option<ContainerFact>, Failure> {
    let reach = Reach::new(facts);
    let mut own: Vec<&ContainerFact> = reach
        .containers()
        .filter(|one| one.service.as_deref() == Some(service))
        .collect();
    own.sort_by_key(|one| !runs(one));
    if let Some(first) = own.first() {
        return Ok(Some((*first).clone()));
    }
    if facts.services.contains_key(service) {
        return Ok(None);
    }
    let names = reach.containers().filter_map(|one| one.service.as_deref());
    let known: BTreeSet<&str> = names
        .chain(facts.services.keys().map(String::as_str))
        .collect();
    Err(containers::no_such_service(service, &facts.project, &known))
}

/// Tries it, where the client has a main process.
async fn try_it(
    surroundings: &Surroundings,
    seen: &Seen,
    client: Option<&ContainerFact>,
    dial: Dial,
) -> Result<Option<Result<Tried, Missed>>, Failure> {
    let Some(client) = client else {
        return Ok(None);
    };
    let gone = Some(Err(Unseen::Gone.into()));
    let id = ContainerId(client.id.clone());
    let inspected = match seen.engine.inspect_container(&id).await {
        Ok(inspected) => inspected,
        Err(error) if error.is_not_found() => return Ok(gone),
        Err(error) => return Err(error.into()),
    };
    let Some(pid) = inspected.state.pid else {
        return Ok(gone);
    };
    let within = within(surroundings, &*seen.engine, ALL);
    let tried = within.dial(Target { id: &id, pid }, dial).await;
    within.end().await;
    Ok(Some(tried))
}

/// A pair, with everything that was seen of it.
pub(super) struct Pair<'f> {
    pub(super) seen: &'f Seen,
    pub(super) reach: Reach<'f>,
    pub(super) from: &'f str,
    pub(super) client: Option<&'f ContainerFact>,
    pub(super) host: &'f str,
    pub(super) port: u16,
    pub(super) tried: Option<&'f Tried>,
    /// The client ended while it was looked at.
    pub(super) is_gone: bool,
}

impl<'f> Pair<'f> {
    fn check(&self) -> NetCheck {
        let mut check = NetCheck {
            from: self.from.to_owned(),
            host: self.host.to_owned(),
            port: self.port,
            verdict: NetVerdict::ClientDown,
            because: format!("`{}` does not run", self.from),
            steps: vec![self.client_step()],
            hints: Vec::new(),
            unseen: Vec::new(),
        };
        match self.client.filter(|client| runs(client) && !self.is_gone) {
            Some(client) => {
                let whose = self.reach.whose(client, self.host);
                (check.verdict, check.because) = self.verdict(client, &whose);
                check.steps.extend(self.steps(client, &whose));
                check.hints = mend::hints(self, client, &whose, check.verdict);
            }
            None => check.hints = mend::start(self.from, self.client),
        }
        check
    }

    /// Whether a container is one of the two.
    fn is_about(&self, name: &str) -> bool {
        let Some(client) = self.client else {
            return false;
        };
        let is_target = match self.reach.whose(client, self.host) {
            Whose::Service { containers, .. } => containers.iter().any(|one| one == name),
            _ => false,
        };
        is_target || client.name == name
    }

    fn client_step(&self) -> NetStep {
        let text = match self.client {
            Some(client) if self.is_gone => {
                format!(
                    "`{}`: container `{}` ended while it was looked at",
                    self.from, client.name
                )
            }
            Some(client) => format!(
                "`{}`: container `{}` {}",
                self.from,
                client.name,
                state(client)
            ),
            None => format!("`{}` has no container", self.from),
        };
        NetStep {
            step: "from",
            ok: Some(self.client.is_some_and(runs) && !self.is_gone),
            text,
        }
    }

    /// What came of it, by the try where there was one, and else by what the doctor would say.
    fn verdict(&self, client: &'f ContainerFact, whose: &Whose) -> (NetVerdict, String) {
        let calls = self.tried.map(|tried| counting(tried, self.port));
        let calls = calls.unwrap_or_default();
        let connected = calls
            .iter()
            .filter(|call| call.answer == DialAnswer::Connected);
        let connected = connected.count();
        if connected > 0 && connected == calls.len() {
            let slowest = calls.iter().map(|call| call.after).max();
            let after = slowest.map(millis).unwrap_or_default();
            return (NetVerdict::Reached, format!("connected in {after}"));
        }
        if connected > 0 {
            return (
                NetVerdict::ReachedInPart,
                format!("{connected} of {} addresses take the call", calls.len()),
            );
        }
        let obstacle = self.reach.obstacle(client, self.host, self.port);
        match obstacle {
            Some(obstacle) => self.obstacle(whose, &obstacle),
            None => self.ended(whose).unwrap_or_else(|| self.raw(&calls)),
        }
    }

    /// A target that does not run and is not missed either: a job that is done.
    fn ended(&self, whose: &Whose) -> Option<(NetVerdict, String)> {
        let Whose::Service {
            name, containers, ..
        } = whose
        else {
            return None;
        };
        let mut own = self
            .reach
            .containers()
            .filter(|one| containers.contains(&one.name));
        let because = format!("`{name}` has ended");
        own.all(|one| !one.status.is_up())
            .then_some((NetVerdict::TargetDown, because))
    }

    fn obstacle(&self, whose: &Whose, obstacle: &Obstacle) -> (NetVerdict, String) {
        let (from, host, port) = (self.from, self.host, self.port);
        let target = service_of(whose).unwrap_or(host);
        let verdict = match obstacle {
            Obstacle::NoSuchName => NetVerdict::Unknown,
            Obstacle::OtherNetwork => NetVerdict::NoCommonNetwork,
            Obstacle::Down => NetVerdict::TargetDown,
            Obstacle::Paused => NetVerdict::TargetPaused,
            Obstacle::LoopbackOnly(_) => NetVerdict::LoopbackOnly,
            Obstacle::OtherPort(_) => NetVerdict::OtherPort,
            Obstacle::NeverListens => NetVerdict::NotListening,
            Obstacle::Unanswered => NetVerdict::TimedOut,
            Obstacle::OwnLoopback(_) | Obstacle::Rejected | Obstacle::SharedName => {
                NetVerdict::Refused
            }
        };
        let because = match obstacle {
            Obstacle::NoSuchName => {
                format!("nobody on the networks of `{from}` is called `{host}`")
            }
            Obstacle::OtherNetwork => format!("`{from}` and `{target}` share no network"),
            Obstacle::Down => format!("`{target}` does not run"),
            Obstacle::Paused => format!("`{target}` is paused"),
            Obstacle::LoopbackOnly(address) => {
                format!("`{target}` listens on {address} only, where nobody else reaches it")
            }
            Obstacle::OtherPort(open) => {
                let open: Vec<String> = open.iter().map(u16::to_string).collect();
                let open = open.join(", ");
                format!("`{target}` does not listen on {port}; it listens on {open}")
            }
            Obstacle::NeverListens => format!("`{target}` runs and listens on no port"),
            Obstacle::OwnLoopback(Some(other)) => format!(
                "`{host}` is `{from}` itself, and nobody listens there; `{other}` listens on {port}"
            ),
            Obstacle::OwnLoopback(None) => {
                format!("`{host}` is `{from}` itself, and nobody listens there on {port}")
            }
            Obstacle::Unanswered => format!(
                "`{target}` listens on {port}, and nothing comes back: something in between drops the packets"
            ),
            Obstacle::Rejected => format!(
                "`{target}` listens on {port}, and the call is refused all the same: something in between rejects it"
            ),
            Obstacle::SharedName => format!(
                "several services are called `{host}`, and not all of them listen on {port}"
            ),
        };
        (verdict, because)
    }

    /// What the try itself says, where nothing is known about whose address it is.
    fn raw(&self, calls: &[&Call]) -> (NetVerdict, String) {
        let Some(tried) = self.tried else {
            return (NetVerdict::NotTried, "it could not be tried".to_owned());
        };
        let host = self.host;
        let Some(call) = calls.first() else {
            let because = match &tried.name {
                NameAnswer::NoSuchName => format!("its resolver says that there is no `{host}`"),
                NameAnswer::NoAddresses => format!("`{host}` has no address"),
                NameAnswer::ServerFailed => {
                    format!("its resolver could not find out about `{host}`")
                }
                NameAnswer::NoAnswer => "its resolver does not answer".to_owned(),
                NameAnswer::NotAName => format!("`{host}` cannot be a name"),
                NameAnswer::Addresses(_) => "there was no time to dial".to_owned(),
            };
            return (NetVerdict::NameFails, because);
        };
        let address = call.address;
        match &call.answer {
            DialAnswer::Refused => (
                NetVerdict::Refused,
                format!("{address} refuses: nobody listens there"),
            ),
            DialAnswer::TimedOut => (
                NetVerdict::TimedOut,
                format!(
                    "nothing comes back from {address} within {}",
                    millis(call.after)
                ),
            ),
            DialAnswer::NoRoute => (
                NetVerdict::NoRoute,
                format!("there is no route to {address}"),
            ),
            DialAnswer::HostUnreachable => (
                NetVerdict::NoRoute,
                format!("nobody has the address {} on that network", address.ip()),
            ),
            DialAnswer::Failed(text) => (NetVerdict::NoRoute, format!("{address}: {text}")),
            DialAnswer::Connected => (NetVerdict::Reached, String::new()),
        }
    }

    fn steps(&self, client: &'f ContainerFact, whose: &Whose) -> Vec<NetStep> {
        let mut steps = Vec::new();
        steps.extend(self.tried.map(|tried| self.name_step(tried)));
        steps.extend(self.networks_step(client, whose));
        steps.extend(self.target_steps(whose));
        if let Some(tried) = self.tried {
            steps.extend(tried.calls.iter().map(dial_step));
        }
        steps
    }

    fn name_step(&self, tried: &Tried) -> NetStep {
        let text = match &tried.name {
            NameAnswer::Addresses(addresses) if self.host.parse::<IpAddr>().is_ok() => {
                format!("{} is an address", list(addresses))
            }
            NameAnswer::Addresses(addresses) => format!(
                "`{}` is {} to its resolver ({})",
                self.host,
                list(addresses),
                millis(tried.name_took)
            ),
            NameAnswer::NoAddresses => {
                "its resolver knows the name, and no address of it".to_owned()
            }
            NameAnswer::NoSuchName => "its resolver knows no such name".to_owned(),
            NameAnswer::ServerFailed => "its resolver could not find out".to_owned(),
            NameAnswer::NoAnswer => "its resolver does not answer".to_owned(),
            NameAnswer::NotAName => "this cannot be a name".to_owned(),
        };
        NetStep {
            step: "name",
            ok: Some(!tried.addresses().is_empty()),
            text,
        }
    }

    fn networks_step(&self, client: &'f ContainerFact, whose: &Whose) -> Option<NetStep> {
        let Whose::Service {
            containers,
            is_near,
            ..
        } = whose
        else {
            return None;
        };
        let of = |container: &'f ContainerFact| {
            let networks = self.reach.networks(container)?;
            let names: Vec<&str> = networks.into_iter().collect();
            Some(format!(
                "`{}` is on {}",
                container.service.as_deref().unwrap_or(&container.name),
                or_none(&names)
            ))
        };
        let other = self
            .reach
            .containers()
            .find(|one| containers.contains(&one.name))?;
        Some(NetStep {
            step: "networks",
            ok: Some(*is_near),
            text: format!("{}; {}", of(client)?, of(other)?),
        })
    }

    /// What the containers of the target do, and on which ports they listen.
    fn target_steps(&self, whose: &Whose) -> Vec<NetStep> {
        let containers = match whose {
            Whose::Service { containers, .. } => containers,
            Whose::Absent { name, .. } => {
                return vec![NetStep {
                    step: "target",
                    ok: Some(false),
                    text: format!("`{name}` has no container"),
                }];
            }
            _ => return Vec::new(),
        };
        let found = self
            .reach
            .containers()
            .filter(|one| containers.contains(&one.name));
        found.map(|one| self.target_step(one)).collect()
    }

    fn target_step(&self, container: &'f ContainerFact) -> NetStep {
        let text = format!("container `{}` {}", container.name, state(container));
        let (ok, ports) = if runs(container) {
            self.ports(container)
        } else {
            (Some(false), String::new())
        };
        NetStep {
            step: "target",
            ok,
            text: text + &ports,
        }
    }

    /// Whether a container listens on the port, and on which it does.
    fn ports(&self, container: &'f ContainerFact) -> (Option<bool>, String) {
        let Some(open) = self.reach.open_ports(container) else {
            return (None, "; its ports could not be looked at".to_owned());
        };
        let is_open = open.contains(&self.port);
        let open: Vec<String> = open.iter().map(u16::to_string).collect();
        let mut text = match open.as_slice() {
            [] => " and listens on no port".to_owned(),
            open => format!(" and listens on {}", open.join(", ")),
        };
        let hidden = self.reach.hidden_ports(container);
        if let Some(address) = hidden.get(&self.port).filter(|_| !is_open) {
            // Writing to a String cannot fail.
            let _ = write!(text, "; on {} at {address} only", self.port);
        }
        (Some(is_open), text)
    }
}

fn dial_step(call: &Call) -> NetStep {
    let after = millis(call.after);
    let what = match &call.answer {
        DialAnswer::Connected => format!("connected in {after}"),
        DialAnswer::Refused => format!("refused after {after}"),
        DialAnswer::TimedOut => format!("no answer within {after}"),
        DialAnswer::NoRoute => "no route".to_owned(),
        DialAnswer::HostUnreachable => format!("nobody has that address (after {after})"),
        DialAnswer::Failed(text) => text.clone(),
    };
    NetStep {
        step: "dial",
        ok: Some(call.answer == DialAnswer::Connected),
        text: format!("{} {what}", call.address),
    }
}

/// The service that an address belongs to.
pub(super) fn service_of(whose: &Whose) -> Option<&str> {
    match whose {
        Whose::Service { name, .. } | Whose::Absent { name, .. } => Some(name),
        _ => None,
    }
}

fn state(container: &ContainerFact) -> String {
    match container.status {
        ContainerStatus::Running => "runs".to_owned(),
        ContainerStatus::Paused => "is paused".to_owned(),
        ContainerStatus::Restarting => format!(
            "ends again and again; the last time with exit code {}",
            container.exit_code
        ),
        ContainerStatus::Created => "was never started".to_owned(),
        _ => format!("has ended with exit code {}", container.exit_code),
    }
}

fn list(addresses: &[IpAddr]) -> String {
    let words: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    words.join(", ")
}

fn or_none(words: &[&str]) -> String {
    if words.is_empty() {
        return "none".to_owned();
    }
    words.join(", ")
}

/// A time as people read it.
fn millis(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1000.0)
}

#[cfg(test)]
mod tests;
