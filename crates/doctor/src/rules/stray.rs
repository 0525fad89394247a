//! Values that are wrong by what stands around them, credentials that were filled in at the wrong place, and names that
//! nobody is told.

use std::collections::BTreeSet;

use bowline_model::carried::{Carrier, Oddity, oddities};
use bowline_recipes::{Said as Read, Says};
use jiff::{SignedDuration, Timestamp};

use crate::edit::{Change, Edit, Spot};
use crate::facts::{ContainerFact, EmptyVariable, Probe, Told};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::logins::{Account, REFUSED};
use crate::world::{Said, Target, World, culprit, shown, spoken, written};

use super::logins::{are_strays, may_keep_quotes};
use super::names::{carrier, teller};

pub(crate) const STRAY_CHARACTERS: Rule = Rule {
    code: Code("D094"),
    title: "quotes, blanks or a line end belong to a value by mistake",
    layer: Layer::Config,
    decisive: &["the value", "the complaint"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: stray_characters,
};

pub(crate) const CHECK_LOGS_IN_WRONG: Rule = Rule {
    code: Code("D041"),
    title: "the healthcheck logs in with something that was filled in on the host",
    layer: Layer::Credential,
    decisive: &["the probe's end", "the check's words"],
    look_alikes: &[Code("D017")],
    yields: false,
    endangers_data: false,
    find: check_logs_in_wrong,
};

pub(crate) const NAMES_NOBODY_IS_TOLD: Rule = Rule {
    code: Code("D068"),
    title: "somebody asks for an account or a database that no setting names",
    layer: Layer::Credential,
    decisive: &["the refusal", "the names that are told"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: names_nobody_is_told,
};

/// What is said of a value that does not fit.
const UNFIT: &[Says] = &[
    Says::DatabaseMissing,
    Says::NameUnknown,
    Says::NameUnanswered,
    Says::UpstreamNameUnknown,
    Says::BadUrl,
    Says::SettingWrong,
];

/// Lines at the end of a log in which a value is looked for.
const LAST_LINES: usize = 10;

/// What people take for a part of the file's syntax and programs for a part of the value.
pub(super) fn strays(value: &str) -> BTreeSet<Oddity> {
    let mut odd = oddities(value);
    odd.retain(is_stray);
    odd
}

fn is_stray(odd: &Oddity) -> bool {
    matches!(
        odd,
        Oddity::Quoted
            | Oddity::LeadingSpace
            | Oddity::TrailingSpace
            | Oddity::CarriageReturn
            | Oddity::Newline
    )
}

/// Whether the variable that carries something has stray characters around its value.
pub(super) fn stray_in(container: &ContainerFact, carrier: &Carrier) -> bool {
    let Carrier::Variable(name) = carrier else {
        return false;
    };
    let value = container.environment.get(name).and_then(Option::as_deref);
    value.is_some_and(|value| !strays(value).is_empty())
}

/// Strays in words.
fn in_words(odd: &BTreeSet<Oddity>) -> String {
    let words = odd.iter().filter_map(|one| match one {
        Oddity::Quoted => Some("quotes around it"),
        Oddity::LeadingSpace => Some("a blank before it"),
        Oddity::TrailingSpace => Some("a blank behind it"),
        Oddity::CarriageReturn => Some("a carriage return at its end"),
        Oddity::Newline => Some("a line end behind it"),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" and ")
}

fn stray_characters(world: &World<'_>, cases: &mut Vec<Case>) {
    stray_passwords(world, cases);
    for container in world.containers().filter(|it| !world.seems_well(it)) {
        for name in connected(world, container) {
            let value = container.environment.get(name).and_then(Option::as_deref);
            let odd = strays(value.unwrap_or_default());
            if odd.is_empty() {
                continue;
            }
            let complaint = unfit(world, container, value.unwrap_or_default());
            let Some((complaint, confidence)) = complaint else {
                continue;
            };
            let told = Carrier::Variable(name.clone());
            cases.push(stray_case(world, container, &told, &odd, complaint).at_most(confidence));
        }
    }
}

/// What a container says of a value that does not fit: by the value itself, which is sure; else in words that may be
/// about it.
fn unfit(
    world: &World<'_>,
    container: &ContainerFact,
    value: &str,
) -> Option<(Evidence, Confidence)> {
    let proves = "the value does not fit as it is";
    let core = value.trim().trim_matches(['"', '\'']).trim();
    let is_unfit = |said: &&Said<'_>| {
        said.is_fresh && (UNFIT.contains(&said.says) || REFUSED.contains(&said.says))
    };
    let said: Vec<&Said<'_>> = world.said(container).iter().filter(is_unfit).collect();
    if let Some(said) = said.iter().find(|said| said.text.contains(core)) {
        return Some((spoken(container, said, proves), Confidence::Certain));
    }
    let since = container
        .started?
        .min(world.now().checked_sub(LATELY).unwrap_or(Timestamp::MIN));
    let lines = world.log(container)?.lines.iter().rev().take(LAST_LINES);
    let mut fresh = lines.filter(|line| line.at >= since);
    if let Some(line) = fresh.find(|line| line.text.contains(value.trim())) {
        return Some((written(container, line, proves), Confidence::Certain));
    }
    let first = said.first()?;
    Some((spoken(container, first, proves), Confidence::Likely))
}

/// The variables that say of a container where it connects to, and as whom.
fn connected<'f>(world: &World<'f>, container: &ContainerFact) -> BTreeSet<&'f String> {
    let mut names = BTreeSet::new();
    for told in world.told(container) {
        let hosts = told
            .hosts
            .iter()
            .flat_map(|host| [Some(&host.carrier), host.port_carrier.as_ref()]);
        let pieces = [&told.user, &told.database].into_iter();
        let pieces = pieces.map(|piece| piece.as_ref().map(|piece| &piece.carrier));
        names.extend(
            hosts
                .chain(pieces)
                .flatten()
                .filter_map(|carrier| match carrier {
                    Carrier::Variable(name) => Some(name),
                    _ => None,
                }),
        );
    }
    names
}

/// Passwords that would be the same without what stands around one of them.
fn stray_passwords(world: &World<'_>, cases: &mut Vec<Case>) {
    for login in world.logins() {
        let client = login.client();
        let Some(refusal) = world.refusal(&login).filter(|_| !world.seems_well(client)) else {
            continue;
        };
        let accounts = world.accounts(login.server);
        let mut held = accounts.iter().filter_map(|account| account.told);
        let Some(brought) = login.told else {
            continue;
        };
        let Some(held) = held.find(|held| are_strays(brought, held)) else {
            continue;
        };
        let keeps_quotes = may_keep_quotes(brought);
        let (holder, told) = if brought.without_strays.is_some() || keeps_quotes {
            (client, brought)
        } else {
            (login.server, held)
        };
        let said = match (refusal.by_server, refusal.by_client) {
            (Some(said), _) => spoken(login.server, said, "the two copies are not the same"),
            (None, Some(said)) => spoken(client, said, "the two copies are not the same"),
            (None, None) => match refusal.answered {
                Some(asked) => asked.evidence("refused", "the two copies are not the same"),
                None => continue,
            },
        };
        if let Some(password) = &told.password {
            let odd = told
                .odd
                .iter()
                .filter(|odd| is_stray(odd))
                .cloned()
                .collect();
            let case = stray_case(world, holder, &password.carrier, &odd, said);
            // What is to be changed is one value of a file, and not the file.
            let case = if keeps_quotes {
                case.at_most(Confidence::Likely).by_edits(None)
            } else {
                case
            };
            cases.push(case.between(Some(login.service), client.service.as_deref()));
        }
    }
}

/// That a value is without what stands around it. Where data may have been made with it, that is kept as it is.
fn stripped(container: &ContainerFact, told: &Carrier) -> Option<Edit> {
    let whole = match told {
        Carrier::File { path, .. } => Carrier::File {
            path: path.clone(),
            line: 0,
        },
        Carrier::Variable(_) => told.clone(),
        Carrier::Argument(_) | Carrier::Program => return None,
    };
    Some(Spot::carried(container, &whole)?.change(Change::Strip))
}

fn stray_case(
    world: &World<'_>,
    container: &ContainerFact,
    told: &Carrier,
    odd: &BTreeSet<Oddity>,
    complaint: Evidence,
) -> Case {
    let what = in_words(odd);
    let place = carrier(told);
    let place = place.trim_end_matches(',');
    let text = format!("{}: the value of {place} has {what}", container.name);
    let value = shown(
        FactRef::Told(container.name.clone()),
        text,
        "programs take that for a part of the value",
    );
    Case::new(teller(world, container, told), format!("the value of {place} has {what}"))
        .seen_in(container.service.as_deref())
        .mended_by("take that away (in `KEY=value` quotes are a part of the value; save files with LF), then `bowline up`", Safety::NeedsYou)
        .by_edits(stripped(container, told))
        .decides("the value", Some(value))
        .decides("the complaint", Some(complaint))
}

/// What the output of a probe says of a login: that it is refused.
fn refused_probe<'f>(
    world: &World<'f>,
    container: &ContainerFact,
    probe: &Probe,
) -> Option<Read<'f>> {
    let reading = world.reading(container);
    let lines = probe.output.split('\n').filter(|_| probe.exit_code != 0);
    let said = lines.filter_map(|line| reading.line(line));
    // Of several the one that is known best.
    said.filter(|said| REFUSED.contains(&said.says))
        .max_by_key(|said| said.is_proven)
}

/// What is wrong with the words of a check, and what shows it.
fn words_of(
    container: &ContainerFact,
    test: &str,
    empty: Option<&EmptyVariable>,
) -> (String, Evidence) {
    match empty {
        Some(variable) => (
            format!(
                "the healthcheck logs in with the variable `{}` of the host, which is not set",
                variable.name
            ),
            shown(
                FactRef::Variable(variable.name.clone()),
                format!(
                    "{} became empty in {}",
                    variable.name,
                    variable.fields.join(", ")
                ),
                "the check was given nothing, whatever the container has",
            ),
        ),
        None => (
            "the healthcheck logs in with something else than the container's own variables"
                .to_owned(),
            shown(
                FactRef::Health(container.name.clone()),
                format!("{}: {test}", container.name),
                "nothing in it is filled in inside of the container",
            ),
        ),
    }
}

fn check_logs_in_wrong(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(health) = world
            .health(container)
            .filter(|health| health.failing_streak > 0)
        else {
            continue;
        };
        let last = health.probes.last();
        let refused = last.and_then(|probe| Some((probe, refused_probe(world, container, probe)?)));
        let Some((last, said)) = refused else {
            continue;
        };
        let test = health.test.join(" ");
        let accounts = world.accounts(container);
        let mut own = accounts.iter().filter_map(Account::password);
        // A shell in the container fills in what the container has; and what it has may be refused for other reasons.
        let uses_own = test.contains('$')
            || own.any(|password| !password.text.is_empty() && test.contains(&password.text));
        let empty = world.empty_variables().find(|variable| {
            let service = container.service.as_deref().unwrap_or_default();
            let field = format!("services.{service}.healthcheck");
            variable.fields.iter().any(|it| it.starts_with(&field))
        });
        if uses_own && empty.is_none() {
            continue;
        }
        let fact = FactRef::Health(container.name.clone());
        let end = shown(
            fact,
            format!(
                "{}: exit code {}, {}",
                container.name, last.exit_code, last.output
            ),
            "the server works, and refuses the check's login",
        )
        .known_by(said.is_proven);
        let (claim, words) = words_of(container, &test, empty);
        // Without the variable nothing shows whose mistake the words of the check are.
        let at_most = if empty.is_some() {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        cases.push(
            Case::new(culprit(container, Some("healthcheck")), claim)
                .at_most(at_most)
                .mended_by("write `$$NAME` in the test, so that the container's own variable is taken, then `bowline up`", Safety::Restart)
                .by_edits(empty.filter(|it| container.environment.contains_key(&it.name)).and_then(|empty| {
                    let name = empty.name.clone();
                    let spot = Spot::field(container, "healthcheck.test")?;
                    Some(spot.change(Change::LeaveVariable { name }))
                }))
                .decides("the probe's end", Some(end.clone()))
                .decides("the check's words", Some(words))
                .rules_out(Code("D017"), Some(end)),
        );
    }
}

/// What a line asks for: an account or a database.
fn asked<'s>(said: &'s Said<'_>) -> Option<&'s str> {
    match said.says {
        Says::RoleMissing => said.capture("user"),
        Says::DatabaseMissing => said.capture("database"),
        _ => None,
    }
}

/// The same of what a client says. Servers tell it that the password is wrong where there is no such account. A tool that is
/// told of none takes the name of the system's user.
fn refused<'s>(said: &'s Said<'_>) -> Option<&'s str> {
    match said.says {
        Says::PasswordRefused => said.capture("user").filter(|name| *name != "root"),
        _ => asked(said),
    }
}

/// Whether anybody of the stack is told a name, as a user or a database.
fn is_told(world: &World<'_>, name: &str) -> bool {
    let names = |told: &Told| {
        let pieces = [&told.user, &told.database];
        pieces.into_iter().flatten().any(|piece| piece.text == name)
    };
    world.containers().any(|container| {
        let written =
            |value: &Option<String>| value.as_deref().is_some_and(|value| value.contains(name));
        world.told(container).iter().any(names)
            || container.environment.values().any(written)
            || world
                .accounts(container)
                .iter()
                .any(|account| account.user == Some(name) || account.database == Some(name))
    })
}

fn names_nobody_is_told(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let server = world.edges().iter().find_map(|edge| match &edge.target {
            Target::Service {
                name, containers, ..
            } if edge.client.name == client.name => {
                let server = containers.first()?;
                world.recipe(server).map(|_| (*name, *server))
            }
            _ => None,
        });
        // A tool of a server's image is no server.
        let listens = world.open_ports(client).is_none_or(|open| !open.is_empty());
        let own = listens
            && world
                .recipe(client)
                .is_some_and(|recipe| !recipe.logins.is_empty());
        let Some((service, server)) = server.filter(|_| !own) else {
            continue;
        };
        let mut said = world.said(client).iter().filter(|said| said.is_fresh);
        let Some((said, name)) = said.find_map(|said| Some((said, refused(said)?))) else {
            continue;
        };
        if !is_told(world, name) {
            cases.push(told_nowhere(world, client, (service, server), said, name));
        }
    }
    for server in world.containers() {
        outside(world, server, cases);
    }
}

fn told_nowhere(
    world: &World<'_>,
    client: &ContainerFact,
    (service, server): (&str, &ContainerFact),
    said: &Said<'_>,
    name: &str,
) -> Case {
    let claim =
        format!("its program asks `{service}` for `{name}`, which no setting of the stack names");
    let text = format!("{}: nothing that it is told names `{name}`", client.name);
    let has_any = !world.told(client).is_empty() && !world.told(server).is_empty();
    let none = shown(
        FactRef::Told(client.name.clone()),
        text,
        "the name stands in the program or its command itself",
    );
    Case::new(culprit(client, Some("command")), claim)
        .between(Some(service), client.service.as_deref())
        .at_most(Confidence::Likely)
        .mended_by(
            format!("let the program take its names from the settings that `{service}` has"),
            Safety::NeedsYou,
        )
        .decides(
            "the refusal",
            Some(spoken(client, said, "the server does not have it")),
        )
        .decides("the names that are told", has_any.then_some(none))
}

/// How near to a probe a line is taken for the probe's.
const OF_A_PROBE: SignedDuration = SignedDuration::from_secs(2);
/// How often somebody has to be refused before that is more than a slip, and over what time: a person who tries again does
/// so at once.
const OFTEN: usize = 3;
const FOR_LONG: SignedDuration = SignedDuration::from_secs(10);
/// How long ago the last time may be.
const LATELY: SignedDuration = SignedDuration::from_secs(10);

/// Somebody outside of the stack who asks a server for names that it does not have.
fn outside<'f>(world: &World<'f>, server: &'f ContainerFact, cases: &mut Vec<Case>) {
    let Some(recipe) = world.recipe(server).filter(|_| world.runs(server)) else {
        return;
    };
    let probes = world
        .health(server)
        .map_or(&[][..], |health| &health.probes);
    let by_probe = |said: &Said<'_>| {
        let mut times = probes.iter().filter_map(|probe| probe.at);
        times.any(|at| said.last.duration_since(at).abs() <= OF_A_PROBE)
    };
    for said in world.said(server) {
        // A tool that names no account takes the name of the system's user.
        let Some(name) = asked(said).filter(|name| *name != "root") else {
            continue;
        };
        let is_now = world.now().duration_since(said.last) <= LATELY
            && said.recipe == recipe.name
            && said.count >= OFTEN
            && said.last.duration_since(said.first) >= FOR_LONG;
        if !is_now || by_probe(said) || is_told(world, name) || has_a_speaker(world, server, said) {
            continue;
        }
        let accounts = world.accounts(server);
        let users: Vec<String> = accounts
            .iter()
            .filter_map(|account| Some(format!("`{}`", account.user?)))
            .collect();
        let claim = format!(
            "somebody asks it for `{name}`, which no setting of the stack names; it has {}",
            users.join(" and ")
        );
        let text = format!(
            "{}: nothing that the stack is told names `{name}`",
            server.name
        );
        let none = shown(
            FactRef::Told(server.name.clone()),
            text,
            "who asks was not told by these files",
        );
        cases.push(
            Case::new(culprit(server, None), claim)
                .at_most(Confidence::Likely)
                .mended_by("find the script or tool that uses this name, and let it take the one of the files", Safety::NeedsYou)
                .decides("the refusal", Some(spoken(server, said, "it is refused again and again")))
                .decides("the names that are told", (!users.is_empty()).then_some(none)),
        );
    }
}

/// Whether a container of the stack says that it was the one.
fn has_a_speaker(world: &World<'_>, server: &ContainerFact, said: &Said<'_>) -> bool {
    let others = world.containers().filter(|other| other.name != server.name);
    let name = asked(said);
    others
        .flat_map(|other| world.said(other))
        .any(|other| name.is_some() && asked(other) == name)
}
