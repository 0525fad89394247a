//! Names that lead nowhere, and services that are not there.

use bowline_model::carried::{Carrier, is_program};
use bowline_recipes::Says;

use crate::edit::{Change, Edit, Piece, Spot};
use crate::facts::{ContainerFact, Told};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::{Trouble, answers_to, is_loopback};
use crate::world::{Edge, Said, Target, World, culprit, shown, spoken, whole};

use super::pools::has_sibling;
use super::reach::is_hurt;
use crate::world::DONE;

pub(crate) const OTHER_NETWORK: Rule = Rule {
    code: Code("D051"),
    title: "a client shares no network with the service that it dials",
    layer: Layer::Network,
    decisive: &["the address", "the networks", "that the service runs"],
    look_alikes: &[Code("D052"), Code("D053")],
    yields: false,
    endangers_data: false,
    find: other_network,
};

pub(crate) const NEEDED_AND_DOWN: Rule = Rule {
    code: Code("D012"),
    title: "a service that others need does not run",
    layer: Layer::Dependency,
    decisive: &["that it does not run", "who needs it"],
    look_alikes: &[],
    yields: true,
    endangers_data: false,
    find: needed_and_down,
};

pub(crate) const DOWN: Rule = Rule {
    code: Code("D052"),
    title: "a name is unknown because its service does not run",
    layer: Layer::Dependency,
    decisive: &["that it does not run", "who needs it"],
    look_alikes: &[Code("D051"), Code("D053")],
    yields: true,
    endangers_data: false,
    find: down,
};

pub(crate) const MISSPELT: Rule = Rule {
    code: Code("D053"),
    title: "a client dials a name that nobody has",
    layer: Layer::Config,
    decisive: &[
        "the address",
        "that nobody has the name",
        "that it asks for it",
    ],
    look_alikes: &[Code("D004"), Code("D051"), Code("D052")],
    yields: false,
    endangers_data: false,
    find: misspelt,
};

pub(crate) const NOT_ENCODED: Rule = Rule {
    code: Code("D004"),
    title: "a password stands in an address without being encoded",
    layer: Layer::Credential,
    decisive: &["the address", "what the client makes of it"],
    look_alikes: &[Code("D053"), Code("D001")],
    yields: false,
    endangers_data: false,
    find: not_encoded,
};

/// What a client was told, as evidence.
pub(super) fn address(edge: &Edge<'_>, proves: &str) -> Evidence {
    let port = edge.port.map(|port| format!(":{port}")).unwrap_or_default();
    let text = format!(
        "{}: {} names `{}{port}`",
        edge.client.name,
        carrier(&edge.host.carrier),
        edge.host.name
    );
    shown(FactRef::Told(edge.client.name.clone()), text, proves)
}

/// What carries something, for people.
pub(super) fn carrier(carrier: &bowline_model::carried::Carrier) -> String {
    use bowline_model::carried::Carrier;
    match carrier {
        Carrier::Variable(name) => format!("variable `{name}`"),
        Carrier::Argument(_) => "the command".to_owned(),
        Carrier::File { path, line } => format!("`{path}`, line {line},"),
        Carrier::Program => "the program, where it is told none,".to_owned(),
    }
}

/// That a client is told to dial another name.
pub(super) fn dials(edge: &Edge<'_>, name: &str) -> Option<Edit> {
    let spot = Spot::carried(edge.client, &edge.host.carrier)?;
    Some(spot.replace(Piece::Host, &*edge.host.name, name))
}

/// Who is to blame for what a client was told: its variable, its command, or the file.
pub(super) fn teller(
    world: &World<'_>,
    client: &ContainerFact,
    carrier: &bowline_model::carried::Carrier,
) -> Culprit {
    use bowline_model::carried::Carrier;
    match carrier {
        Carrier::Variable(name) => culprit(client, Some(&format!("environment.{name}"))),
        Carrier::Argument(_) => culprit(client, Some("command")),
        Carrier::File { path, .. } => world.file_of(client, path),
        Carrier::Program => culprit(client, None),
    }
}

/// What a client says of an attempt to reach somebody: words about this host, or about none.
pub(super) fn complaint(world: &World<'_>, edge: &Edge<'_>, words: &[Says]) -> Option<Evidence> {
    let said = world
        .said(edge.client)
        .iter()
        .find(|said| said.is_fresh && words.contains(&said.says) && fits(edge, said))?;
    Some(spoken(edge.client, said, "it tried and did not get there"))
}

/// Whether words may be about an address: they name it, or nobody.
pub(super) fn fits(edge: &Edge<'_>, said: &Said<'_>) -> bool {
    said.capture("host").is_none_or(|_| names_it(edge, said))
}

fn names_it(edge: &Edge<'_>, said: &Said<'_>) -> bool {
    let is_itself = |host| matches!(edge.target, Target::Itself) && is_loopback(host);
    let port = said.capture("port");
    let port = port.and_then(|port| port.parse::<u16>().ok());
    let is_port = edge.port.zip(port).is_none_or(|(told, said)| told == said);
    said.capture("host").is_some_and(|host| {
        host.eq_ignore_ascii_case(&edge.host.name) || is_port && is_itself(host)
    })
}

/// How sure it is that a client's words are about an address: they name it, or name nobody while everything else that the
/// client dials was looked into and is in no trouble. Else they may be about that.
pub(super) fn sure_of(world: &World<'_>, edge: &Edge<'_>, words: &[Says]) -> Confidence {
    let mut said = world.said(edge.client).iter();
    let is_named =
        said.any(|said| said.is_fresh && words.contains(&said.says) && names_it(edge, said));
    let is_seen = |other: &Edge<'_>| {
        let targets = other.service().map(|(_, targets)| targets);
        let mut targets = targets.into_iter().flatten();
        targets.all(|target| world.inside(target).is_some())
    };
    let is_well = |other: &Edge<'_>| world.trouble(other).is_none() && is_seen(other);
    let is_its = || others(world, edge).all(is_well) && complaint(world, edge, words).is_some();
    if is_named || is_its() {
        Confidence::Certain
    } else {
        Confidence::Likely
    }
}

/// Whether something else that a client dials is in trouble.
pub(super) fn another_fails(world: &World<'_>, edge: &Edge<'_>) -> bool {
    others(world, edge).any(|other| world.trouble(other).is_some())
}

/// What else a client dials.
fn others<'w, 'f>(world: &'w World<'f>, edge: &'w Edge<'f>) -> impl Iterator<Item = &'w Edge<'f>> {
    world.edges().iter().filter(move |other| {
        let is_another = other.host.name != edge.host.name || other.port != edge.port;
        is_another && other.client.name == edge.client.name
    })
}

/// That it came of a look-up or a call from within the client.
pub(super) fn tried(world: &World<'_>, edge: &Edge<'_>, proves: &str) -> Option<Evidence> {
    let tried = world.tried(edge.client, &edge.host.name)?;
    let fact = FactRef::Tried {
        from: tried.from.clone(),
        host: tried.host.clone(),
    };
    let text = format!("{}: `{}` {}", tried.from, tried.host, outcome(tried));
    Some(shown(fact, text, proves))
}

fn outcome(tried: &crate::facts::TriedFact) -> String {
    use crate::facts::{DialAnswer, NameAnswer};
    let addresses = match &tried.name {
        NameAnswer::Addresses(addresses) => addresses,
        NameAnswer::NoAddresses => return "has no address".to_owned(),
        NameAnswer::NoSuchName => return "does not exist for the resolver".to_owned(),
        NameAnswer::ServerFailed => {
            return "could not be looked up: the resolver failed".to_owned();
        }
        NameAnswer::NoAnswer => return "could not be looked up: no answer".to_owned(),
        NameAnswer::NotAName => return "cannot be a name".to_owned(),
    };
    let dialled = tried.dialled.iter().map(|dialled| {
        let answer = match &dialled.answer {
            DialAnswer::Connected => "takes calls",
            DialAnswer::Refused => "refuses",
            DialAnswer::NoRoute => "cannot be reached",
            DialAnswer::HostUnreachable => "is not there",
            DialAnswer::TimedOut => "does not answer",
            DialAnswer::Failed(reason) => reason,
        };
        format!("{}:{} {answer}", dialled.address, dialled.port)
    });
    let dialled: Vec<String> = dialled.collect();
    if dialled.is_empty() {
        let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        return format!("leads to {}", addresses.join(", "));
    }
    dialled.join(", ")
}

/// The names that networks have for people.
fn names_of_networks(container: &ContainerFact) -> String {
    let names: Vec<&str> = container.endpoints.keys().map(String::as_str).collect();
    if names.is_empty() {
        return "no network".to_owned();
    }
    names.join(", ")
}

fn other_network(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        // One that the engine could not even start dials nobody.
        let is_refused = world
            .state(edge.client)
            .is_none_or(|state| state.error.is_some());
        // Many are told more than they use, by a file of settings that all share. Who suffers from something of its own may never
        // dial it, nor may who is well.
        let complaint = complaint(world, edge, LEADS_NOWHERE);
        let is_suspect = !world.seems_well(edge.client) || is_blamed(world, edge.client);
        let is_suspect = is_suspect && !has_own_trouble(world, edge.client);
        let is_its = !is_refused && (complaint.is_some() || is_suspect);
        if !is_its || world.trouble(edge) != Some(Trouble::OtherNetwork) {
            continue;
        }
        let Some(target) = containers.iter().find(|container| world.runs(container)) else {
            continue;
        };
        let claim = format!(
            "it dials `{name}`, and shares no network with it: it is on {}, `{name}` on {}",
            names_of_networks(edge.client),
            names_of_networks(target)
        );
        let text = format!(
            "{} is on {}; {} is on {}",
            edge.client.name,
            names_of_networks(edge.client),
            target.name,
            names_of_networks(target)
        );
        let both = world.networks(edge.client).and(world.networks(target));
        let apart = both.map(|_| {
            let proves = "no network has both, so the name means nothing there";
            shown(FactRef::Networks(edge.client.name.clone()), text, proves)
        });
        let runs = world.state(target).map(|_| {
            let text = format!("{}: running", target.name);
            let proves = "it is there to be reached";
            shown(FactRef::State(target.name.clone()), text, proves)
        });
        let told = address(edge, "it is told to go there");
        cases.push(
            Case::new(culprit(edge.client, Some("networks")), claim)
                .at_most(sure_of(world, edge, LEADS_NOWHERE))
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(
                    format!("put both on one network under `networks`, then `bowline up`; `{name}` keeps running"),
                    Safety::Restart,
                )
                .by_edits(joins(world, edge.client, target))
                .decides("the address", Some(told))
                .decides("the networks", apart)
                .decides("that the service runs", runs.clone())
                .rules_out(Code("D052"), runs.clone())
                .rules_out(Code("D053"), runs),
        );
    }
}

/// What clients say of a name that nobody has.
const UNKNOWN: &[Says] = &[Says::NameUnknown, Says::UpstreamNameUnknown];

/// What clients say of an address to which no network leads.
const LEADS_NOWHERE: &[Says] = &[
    Says::ConnectionFailed,
    Says::ConnectionRefused,
    Says::ConnectionTimeout,
    Says::NameUnknown,
    Says::NoRoute,
    Says::UpstreamFailed,
    Says::UpstreamNameUnknown,
];

/// Whether one who calls a container fails, and complains of nobody else by name.
fn is_blamed(world: &World<'_>, container: &ContainerFact) -> bool {
    let blames_another = |caller: &ContainerFact| {
        let mut hosts = world.said(caller).iter().filter_map(|said| {
            let host = said.capture("host")?;
            said.is_fresh.then_some(host)
        });
        let is_it = |edge: &&Edge<'_>, host: &str| {
            edge.client.name == caller.name && edge.host.name.eq_ignore_ascii_case(host)
        };
        hosts.any(|host| {
            let mut edges = world.edges().iter().filter(|edge| is_it(edge, host));
            edges.any(|edge| !edge.leads_to(container))
        })
    };
    // Where the caller dials another one too that does not get where it was told to, it may be that one as well.
    let is_in_trouble = |name: &str| {
        let mut edges = world.edges().iter().filter(|edge| edge.client.name == name);
        edges.any(|edge| world.trouble(edge).is_some())
    };
    let has_another = |caller: &ContainerFact| {
        let edges = world.edges().iter();
        let edges = edges.filter(|edge| edge.client.name == caller.name);
        let targets = edges.filter_map(Edge::service).flat_map(|(_, all)| all);
        let mut others = targets.filter(|one| one.service != container.service);
        others.any(|one| is_in_trouble(&one.name))
    };
    let mut edges = world.edges().iter();
    edges.any(|edge| {
        edge.leads_to(container)
            && edge.client.name != container.name
            && world.fails(edge.client)
            && !has_own_trouble(world, edge.client)
            && !blames_another(edge.client)
            && !has_another(edge.client)
    })
}

/// What a program says of trouble in its own container: of its files, its limits, its settings.
const OWN_TROUBLE: &[Says] = &[
    Says::AddressInUse,
    Says::CannotFork,
    Says::CommandMissing,
    Says::ExecFormat,
    Says::ExecMissing,
    Says::FileMissing,
    Says::IsDirectory,
    Says::ModuleMissing,
    Says::NoSpace,
    Says::NotWritable,
    Says::OutOfMemory,
    Says::PermissionDenied,
    Says::PortNotPermitted,
    Says::ReadOnly,
    Says::SettingUnknown,
    Says::SettingWrong,
    Says::TooManyFiles,
    Says::VariableMissing,
];

/// Whether a container complains of what is in itself, and of nothing else.
fn has_own_trouble(world: &World<'_>, container: &ContainerFact) -> bool {
    let said = world.said(container).iter();
    let mut complaints = said
        .filter(|said| said.is_fresh && !said.says.is_benign())
        .peekable();
    complaints.peek().is_some() && complaints.all(|said| OWN_TROUBLE.contains(&said.says))
}

fn needed_and_down(world: &World<'_>, cases: &mut Vec<Case>) {
    let down = outages(world);
    cases.extend(down.into_iter().filter_map(|(name, case)| {
        let is_missed = is_missed_by_name(world, &name);
        (!is_missed).then_some(case)
    }));
}

fn down(world: &World<'_>, cases: &mut Vec<Case>) {
    let down = outages(world);
    cases.extend(down.into_iter().filter_map(|(name, case)| {
        let is_missed = is_missed_by_name(world, &name);
        is_missed.then_some(case)
    }));
}

/// Whether somebody who needs a service says that nobody has its name.
fn is_missed_by_name(world: &World<'_>, name: &str) -> bool {
    let is_it = |edge: &&Edge<'_>| match &edge.target {
        Target::Service { name: target, .. } | Target::Absent { name: target, .. } => {
            *target == name
        }
        _ => false,
    };
    let mut edges = world.edges().iter().filter(is_it);
    edges.any(|edge| complaint(world, edge, UNKNOWN).is_some())
}

/// Whether a service has no container because the last operation could not make a network that it is to be on.
fn lacks_its_network(world: &World<'_>, name: &str) -> bool {
    let networks = world.declared(name).map(|declared| &declared.networks);
    let is_its = |network: &str| networks.is_some_and(|all| all.contains(network));
    let mut steps = world.not_done();
    world.of_service(name).is_empty()
        && steps.any(|step| {
            let network = step.step.strip_prefix("create network ");
            network.is_some_and(is_its)
        })
}

/// The services that are down and needed, once for each who needs them.
fn outages(world: &World<'_>) -> Vec<(String, Case)> {
    let mut cases = Vec::new();
    for edge in world.edges() {
        let (Target::Service { name, .. } | Target::Absent { name, .. }) = &edge.target else {
            continue;
        };
        let is_out = world.trouble(edge) == Some(Trouble::Down)
            && !has_sibling(world, name)
            && !lacks_its_network(world, name)
            && !world.is_kept_waiting(name);
        if !is_hurt(world, edge.client) || !is_out {
            continue;
        }
        let told = address(edge, "it is told to go there");
        cases.push(((*name).to_owned(), is_down(world, name, edge.client, told)));
    }
    // Not everybody says in its environment whom it dials.
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(service) = &client.service else {
            continue;
        };
        // A job that failed is not down: it says more than that.
        let is_job = |needed: &&str| {
            let declared = world.declared(service);
            declared.is_some_and(|it| it.depends_on.get(*needed).is_some_and(|it| it == DONE))
        };
        for needed in world.needs(service).filter(|needed| !is_job(needed)) {
            let containers = world.of_service(needed);
            let is_down = !containers.is_empty()
                && !has_sibling(world, needed)
                && containers.iter().all(|container| is_out(world, container));
            if is_down {
                let text = format!("{service}: depends on `{needed}`");
                let needs = shown(FactRef::Declared(service.clone()), text, "it needs it");
                let case = self::is_down(world, needed, client, needs);
                cases.push((needed.to_owned(), case));
            }
        }
    }
    cases
}

/// Whether a container should run, was stopped or ended, and is no job that has done its work.
fn is_out(world: &World<'_>, container: &ContainerFact) -> bool {
    use bowline_model::ContainerStatus::{Created, Dead, Exited};
    let name = &container.name;
    let mut all = world.containers();
    let Some(container) = all.find(|other| other.name == *name) else {
        return false;
    };
    let Some(state) = world.state(container) else {
        return false;
    };
    matches!(state.status, Exited | Dead) && !world.is_done(container)
        || state.status == Created && state.error.is_some()
}

fn is_down(world: &World<'_>, name: &str, client: &ContainerFact, needs: Evidence) -> Case {
    let containers = world.of_service(name);
    let first = containers.first();
    let state = first.and_then(|container| world.state(container));
    let stopped = first.is_some_and(|container| world.was_stopped(container));
    let claim = match state {
        None => format!("`{name}` has no container, and others need it"),
        Some(_) if stopped => format!("`{name}` was stopped, and others need it"),
        Some(state) => format!(
            "`{name}` does not run ({}), and others need it",
            described(state)
        ),
    };
    let out = match (first, state) {
        (Some(container), Some(state)) => Some(shown(
            FactRef::State(container.name.clone()),
            format!("{}: {}", container.name, described(state)),
            "nobody is there to answer, or even to be found by name",
        )),
        (None, _) => world.declared(name).map(|_| {
            let text = format!("{name}: no container");
            shown(
                FactRef::Declared(name.to_owned()),
                text,
                "nobody is there to answer",
            )
        }),
        _ => None,
    };
    // One that ended by itself, with an error, has a reason of its own; then somebody has to say that this is what hurts.
    let has_failed = state.is_some_and(|state| state.exit_code != 0) && !stopped;
    let at_most = if has_failed && !world.complains(client) {
        Confidence::Likely
    } else {
        Confidence::Certain
    };
    let mut case = Case::new(whole(CulpritKind::Service, name), claim)
        .at_most(at_most)
        .between(Some(name), client.service.as_deref())
        .decides("that it does not run", out.clone())
        .decides("who needs it", Some(needs))
        .rules_out(Code("D051"), out.clone())
        .rules_out(Code("D053"), out);
    case = if state.is_some() {
        case.mended_by(
            format!("start it: `bowline start {name}`"),
            if stopped {
                Safety::Safe
            } else {
                Safety::Restart
            },
        )
        .by_command(["bowline", "start", name])
    } else {
        case.mended_by(format!("start it: `bowline up {name}`"), Safety::Safe)
            .by_command(["bowline", "up", name])
    };
    case
}

fn described(state: &ContainerFact) -> String {
    use bowline_model::ContainerStatus::{Created, Exited};
    match state.status {
        Exited => format!("ended with code {}", state.exit_code),
        Created => "never started".to_owned(),
        ref other => format!("{other:?}").to_lowercase(),
    }
}

/// Whether an address is that of a service of the stack but for a slip: the port is the one at which that service listens, and
/// the two names are more than two of a row (`kafka2` beside `kafka1`).
pub(crate) fn is_slip(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let (
        Target::Unknown {
            nearest: Some(nearest),
        },
        Some(port),
    ) = (&edge.target, edge.port)
    else {
        return false;
    };
    let stem = |name: &str| name.replace(|it: char| it.is_ascii_digit() || "-_".contains(it), "");
    let mut servers = world.containers().filter(|one| answers_to(one, nearest));
    let listens = servers.any(|one| {
        world
            .open_ports(one)
            .is_some_and(|open| open.contains(&port))
    });
    listens && stem(&edge.host.name) != stem(nearest)
}

fn misspelt(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Target::Unknown { nearest } = &edge.target else {
            continue;
        };
        let complaint = complaint(world, edge, UNKNOWN);
        let asked = tried(world, edge, "the container's own resolver does not know it");
        let in_trouble = world.trouble(edge) == Some(Trouble::NoSuchName);
        // A name that nobody asks for hurts nobody, and programs hold many: as the beginning of an address that is only read.
        let is_made_up =
            matches!(&edge.host.carrier, Carrier::File { path, .. } if is_program(path));
        // Files of settings name much that is no host: a pool, a section.
        let is_filed = matches!(edge.host.carrier, Carrier::File { .. })
            && nearest.is_none()
            && edge.port.is_none();
        if (is_made_up || is_filed) && complaint.is_none() {
            continue;
        }
        // What stands in a command is what the program does.
        let is_used = matches!(edge.host.carrier, Carrier::Argument(_)) && nearest.is_some();
        // One that says nothing may have a name that it never asks for; one like another's it may have meant.
        let may_matter =
            !world.seems_well(edge.client) || nearest.is_some() && is_hurt(world, edge.client);
        // A slip in the name of a service is one wherever it stands, although nobody says what it is used for.
        let is_idle = !may_matter && !is_used && !is_slip(world, edge);
        if is_idle || !in_trouble || complaint.is_none() && asked.is_none() && !is_used {
            continue;
        }
        let claim = match nearest {
            Some(nearest) => format!(
                "it dials `{}`, which nobody is called; did you mean `{nearest}`?",
                edge.host.name
            ),
            None => format!("it dials `{}`, which nobody is called", edge.host.name),
        };
        let told = address(edge, "this is the name that it goes by");
        // Where the client says so itself, nothing more is needed.
        let unknown = complaint.clone().or(asked);
        cases.push(
            Case::new(teller(world, edge.client, &edge.host.carrier), claim)
                .at_most(sure_of(world, edge, UNKNOWN))
                .seen_in(edge.client.service.as_deref())
                .mended_by(
                    match nearest {
                        Some(nearest) => format!("write `{nearest}` there, then `bowline up`"),
                        None => "write the name of a service there, then `bowline up`".to_owned(),
                    },
                    Safety::NeedsYou,
                )
                .by_edits(nearest.and_then(|nearest| dials(edge, nearest)))
                .decides("the address", Some(told.clone()))
                .decides("that nobody has the name", unknown)
                .decides("that it asks for it", complaint)
                .rules_out(
                    Code("D004"),
                    Some(told.clone()).filter(|_| edge.told.unencoded.is_empty()),
                )
                .rules_out(Code("D051"), Some(told.clone()))
                .rules_out(Code("D052"), Some(told)),
        );
    }
}

/// That a client is put on the network of a server, where there is only one to choose.
fn joins<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    server: &'f ContainerFact,
) -> Option<Edit> {
    let mut networks = world.networks(server)?.keys();
    let (Some(network), None) = (networks.next(), networks.next()) else {
        return None;
    };
    // Of one that is on no network of its own, `networks` may not be said.
    let is_on_some = world.networks(client)?.keys().next().is_some();
    let spot = Spot::field(client, "networks").filter(|_| is_on_some)?;
    let entry = network.clone();
    Some(spot.change(Change::Add { entry }))
}

fn not_encoded(world: &World<'_>, cases: &mut Vec<Case>) {
    let clients = world.containers();
    for client in clients.filter(|client| !world.seems_well(client)) {
        for told in world.told(client) {
            if told.unencoded.is_empty() && !told.has_bad_percent {
                continue;
            }
            cases.extend(cut_password(world, client, told));
        }
    }
}

/// A password that ends an address before its end, where the client shows that it does.
fn cut_password<'f>(world: &World<'f>, client: &'f ContainerFact, told: &Told) -> Option<Case> {
    let password = told.password.as_ref()?;
    let made_of_it = misread(world, client, told);
    let is_right = taken_as_meant(world, client, told);
    // Without a word of the client it is likely at most.
    let seen = Some(made_of_it.clone().or(is_right)?);
    let characters: Vec<String> = told.unencoded.iter().map(|it| format!("`{it}`")).collect();
    let what = if characters.is_empty() {
        "a `%` that stands for nothing".to_owned()
    } else {
        format!("{} in it", characters.join(" and "))
    };
    let place = carrier(&password.carrier);
    let claim = format!("the password in {place} is not percent-encoded: {what}");
    let text = format!(
        "{}: password {} in {place} has {what}",
        client.name, password.text
    );
    let fact = FactRef::Told(client.name.clone());
    let written = shown(fact, text, "an address ends or is cut there");
    let fix = "encode the password in that address (`@` is `%40`, `/` is `%2F`, `#` is `%23`, `%` is `%25`) or hand it over in a variable of its own, then `bowline up`";
    let case = Case::new(teller(world, client, &password.carrier), claim)
        .seen_in(client.service.as_deref())
        .mended_by(fix, Safety::NeedsYou)
        .by_edits(
            Spot::carried(client, &password.carrier)
                .map(|spot| spot.change(Change::EncodePassword)),
        )
        .decides("the address", Some(written))
        .decides("what the client makes of it", made_of_it)
        .rules_out(Code("D053"), seen.clone())
        .rules_out(Code("D001"), seen);
    Some(case)
}

/// That the server takes the password as it is meant, while the client, which fails, says nothing of what it makes of it.
fn taken_as_meant<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    told: &Told,
) -> Option<Evidence> {
    let logins = world.logins().into_iter();
    let mut its = logins.filter(|login| std::ptr::eq(login.edge.told, told));
    let asked = its.find_map(|login| world.asked_as(&login))?;
    let is_it = asked.took_password() && world.fails_quietly(client);
    is_it.then(|| {
        asked.evidence(
            "let in",
            "the password is right; it is read wrongly on the way",
        )
    })
}

/// That a client takes a piece of a password for the host or the port.
fn misread(world: &World<'_>, client: &ContainerFact, told: &Told) -> Option<Evidence> {
    let mut said = world.said(client).iter();
    let said = said.find(|said| {
        said.is_fresh
            && match said.says {
                Says::BadUrl => true,
                Says::NameUnknown | Says::NameUnanswered | Says::ConnectionRefused => said
                    .capture("host")
                    .is_some_and(|host| is_piece(told, host)),
                _ => false,
            }
    })?;
    let proves = "what it takes for the host or the port is a piece of the password";
    Some(spoken(client, said, proves))
}

/// Whether what a client took for a host is a piece of a password: a number stands for it, or an `@` is left in it.
/// Where it is cut differs from client to client.
fn is_piece(told: &Told, host: &str) -> bool {
    let is_cut = !told.unencoded.is_empty() && (host.contains('@') || host.starts_with('#'));
    is_cut || told.read_as_host.contains(host)
}
