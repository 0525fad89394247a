//! Ports of the host: held by somebody else, or not open at all.

use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::edit::{Change, Spot};
use crate::facts::{ContainerFact, InsideFact, PortFact};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, World, culprit, listening, shown, spoken, whole};

use super::health::asked;
use super::names::{address, complaint, sure_of};

pub(crate) const HELD_BY_CONTAINER: Rule = Rule {
    code: Code("D048"),
    title: "a port of the host is held by another container",
    layer: Layer::Network,
    decisive: &["the refusal", "who holds it"],
    look_alikes: &[Code("D049"), Code("D120"), Code("D127")],
    yields: false,
    endangers_data: false,
    find: held_by_container,
};

pub(crate) const HELD_BY_PROCESS: Rule = Rule {
    code: Code("D049"),
    title: "a port of the host is held by a process of the host",
    layer: Layer::Network,
    decisive: &["the refusal", "who holds it"],
    look_alikes: &[Code("D048"), Code("D120")],
    yields: false,
    endangers_data: false,
    find: held_by_process,
};

pub(crate) const HELD_IN_HOST_NETWORK: Rule = Rule {
    code: Code("D050"),
    title: "runs in the host's network, where its port is taken",
    layer: Layer::Network,
    decisive: &["the host's network", "its own words", "who holds it"],
    look_alikes: &[Code("D049")],
    yields: false,
    endangers_data: false,
    find: held_in_host_network,
};

pub(crate) const NOT_PUBLISHED: Rule = Rule {
    code: Code("D069"),
    title: "dialled on the host, where its port is not open",
    layer: Layer::Network,
    decisive: &[
        "the address",
        "that nothing is published",
        "that it listens",
    ],
    look_alikes: &[Code("D054"), Code("D104")],
    yields: false,
    endangers_data: false,
    find: not_published,
};

pub(crate) const ONLY_EXPOSED: Rule = Rule {
    code: Code("D104"),
    title: "dialled on the host, where `expose` opens no port",
    layer: Layer::Network,
    decisive: &[
        "the address",
        "that nothing is published",
        "that it listens",
    ],
    look_alikes: &[Code("D054"), Code("D069")],
    yields: false,
    endangers_data: false,
    find: only_exposed,
};

/// A port that a container wanted and did not get, and what the engine said.
struct Refused<'f> {
    container: &'f ContainerFact,
    /// `8080/tcp`.
    port: String,
    error: &'f str,
}

/// Every start that failed over a port, by the engine's words: `…:8080 failed: port is already allocated`,
/// `listen tcp4 0.0.0.0:8080: bind: address already in use`, `failed to bind host port for 0.0.0.0:8080:…`.
fn refused<'f>(world: &World<'f>) -> Vec<Refused<'f>> {
    let mut found = Vec::new();
    for container in world.containers() {
        let Some(error) = world
            .state(container)
            .and_then(|state| state.error.as_deref())
        else {
            continue;
        };
        let lower = error.to_lowercase();
        if world.runs(container) {
            continue;
        }
        if !lower.contains("port is already allocated") && !lower.contains("address already in use")
        {
            continue;
        }
        let wanted = container.published.iter().filter(|port| !port.is_open);
        let named =
            wanted.filter(|port| !port.host_port.is_empty() && names_port(error, &port.host_port));
        found.extend(named.map(|port| Refused {
            container,
            port: format!(
                "{}/{}",
                port.host_port,
                port.container.rsplit('/').next().unwrap_or("tcp")
            ),
            error,
        }));
    }
    found
}

/// Whether a text names a port behind a colon.
fn names_port(text: &str, port: &str) -> bool {
    text.match_indices(&format!(":{port}")).any(|(at, found)| {
        let next = text[at + found.len()..].bytes().next();
        next.is_none_or(|next| !next.is_ascii_digit())
    })
}

impl Refused<'_> {
    fn number(&self) -> &str {
        self.port.split('/').next().unwrap_or(&self.port)
    }

    fn refusal(&self) -> Evidence {
        shown(
            FactRef::State(self.container.name.clone()),
            format!("{}: {}", self.container.name, self.error),
            "the engine could not open that port for it",
        )
    }

    fn case(&self, claim: String) -> Case {
        let refusal = self.refusal();
        Case::new(whole(CulpritKind::Port, self.number()), claim)
            .seen_in(self.container.service.as_deref())
            .decides("the refusal", Some(refusal.clone()))
            .rules_out(Code("D120"), Some(refusal))
    }

    fn by(&self) -> &str {
        self.container
            .service
            .as_deref()
            .unwrap_or(&self.container.name)
    }
}

fn holder(port: &PortFact, who: &str, proves: &str) -> Evidence {
    shown(
        FactRef::Port(port.port.clone()),
        format!("port {}: {who}", port.port),
        proves,
    )
}

fn held_by_container(world: &World<'_>, cases: &mut Vec<Case>) {
    for refused in refused(world) {
        let fact = world.port(&refused.port);
        let container = fact.and_then(|fact| fact.container.as_deref());
        let is_of_engine = refused.error.contains("port is already allocated");
        if container.is_none() && (!is_of_engine || fact.is_some_and(|fact| fact.process.is_some()))
        {
            continue;
        }
        // A container that nobody wants any more is to go, rather than the port.
        if container.is_some_and(|name| super::drift::is_orphan(world, name)) {
            continue;
        }
        let project = fact.and_then(|fact| fact.project.as_deref());
        let who = match (container, project) {
            (Some(name), Some(project)) if project != world.project() => {
                format!("container `{name}` of the project `{project}`")
            }
            (Some(name), _) => format!("container `{name}`"),
            (None, _) => "another container".to_owned(),
        };
        let claim = format!(
            "port {} of the host, which `{}` wants, is held by {who}",
            refused.number(),
            refused.by()
        );
        let stop = match (container, project) {
            (Some(_), Some(project)) if project != world.project() => {
                format!("take that project down (`bowline -p {project} down`)")
            }
            (Some(name), _) => format!("stop that container (`docker stop {name}`)"),
            (None, _) => "stop that container".to_owned(),
        };
        let held = fact.filter(|_| container.is_some()).map(|fact| {
            holder(
                fact,
                &who,
                "a container has it, no process of the host's own",
            )
        });
        cases.push(
            refused
                .case(claim)
                .mended_by(
                    format!(
                        "write another port under `ports` of `{}`, or {stop}; then `bowline up`",
                        refused.by()
                    ),
                    Safety::NeedsYou,
                )
                .decides("who holds it", held.clone())
                .rules_out(Code("D127"), belongs(world, container, held.as_ref()))
                .rules_out(Code("D049"), held),
        );
    }
}

/// That the holder of a port belongs to a service of the files, or to another project.
fn belongs(world: &World<'_>, holder: Option<&str>, held: Option<&Evidence>) -> Option<Evidence> {
    let own = world.containers().find(|one| Some(&*one.name) == holder);
    let Some(own) = own else {
        return held.cloned();
    };
    let service = world.made(own)?.service.as_deref()?;
    let text = format!("{}: made for the service `{service}`", own.name);
    let proves = "the files have that service, so it is not left over";
    Some(shown(FactRef::Made(own.name.clone()), text, proves))
}

fn held_by_process(world: &World<'_>, cases: &mut Vec<Case>) {
    for refused in refused(world) {
        let fact = world.port(&refused.port);
        let is_container = fact.is_some_and(|fact| fact.container.is_some());
        if is_container
            || refused.error.contains("port is already allocated")
                && fact.is_none_or(|fact| fact.process.is_none())
        {
            continue;
        }
        let process = fact.and_then(|fact| fact.process.as_ref());
        let who = match process {
            Some((name, pid)) => format!("process {pid} (`{name}`) of the host"),
            None => "a process of the host that cannot be seen from here".to_owned(),
        };
        let claim = format!(
            "port {} of the host, which `{}` wants, is held by {who}",
            refused.number(),
            refused.by()
        );
        let held = fact
            .filter(|_| process.is_some())
            .map(|fact| holder(fact, &who, "no container has it, a process does"));
        let (number, protocol) = refused
            .port
            .split_once('/')
            .unwrap_or((&refused.port, "tcp"));
        let option = if protocol == "udp" { "-lunp" } else { "-ltnp" };
        cases.push(
            refused
                .case(claim)
                .mended_by(
                    format!(
                        "write another port under `ports` of `{}`, or end that process (`sudo ss {option} 'sport = :{number}'` shows it); then `bowline up`",
                        refused.by()
                    ),
                    Safety::NeedsYou,
                )
                .decides("who holds it", held.clone())
                .rules_out(Code("D048"), held),
        );
    }
}

/// Whether a container has no network of its own.
fn is_in_host_network(container: &ContainerFact) -> bool {
    container.network_mode.as_deref() == Some("host")
}

fn held_in_host_network(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| is_in_host_network(one)) {
        // One that listens there itself holds it.
        if world.networks(container).is_none() || world.seems_well(container) {
            continue;
        }
        let Some(said) = world.says(container, Says::AddressInUse) else {
            continue;
        };
        let wanted = said.capture("port").map(|port| format!("{port}/tcp"));
        let fact = wanted
            .as_deref()
            .and_then(|port| world.port(port))
            .or_else(|| {
                let ports = own_ports(world, container);
                let mut facts = ports.iter().filter_map(|port| world.port(port));
                facts.find(|fact| fact.container.is_some() || fact.process.is_some())
            });
        let Some(port) = wanted.or_else(|| fact.map(|fact| fact.port.clone())) else {
            continue;
        };
        let number = port.split('/').next().unwrap_or(&port);
        let service = container.service.as_deref().unwrap_or(&container.name);
        let who = fact.and_then(|fact| match (&fact.container, &fact.process) {
            (Some(name), _) => Some(format!("container `{name}`")),
            (None, Some((name, pid))) => Some(format!("process {pid} (`{name}`) of the host")),
            (None, None) => None,
        });
        let claim = format!(
            "`{service}` runs in the host's network and cannot listen on port {number}: {} holds it",
            who.as_deref().unwrap_or("something else")
        );
        let text = format!("{}: network mode `host`", container.name);
        let proves = "its ports are the host's, and `ports` changes nothing about that";
        let mode = shown(FactRef::Networks(container.name.clone()), text, proves);
        let held = fact
            .zip(who.as_deref())
            .map(|(fact, who)| holder(fact, who, "it was there first"));
        cases.push(
            Case::new(whole(CulpritKind::Port, number), claim)
                .seen_in(Some(service))
                .mended_by(
                    format!("let one of the two listen elsewhere, or leave `network_mode: host` of `{service}` and publish a port instead; then `bowline up`"),
                    Safety::NeedsYou,
                )
                .decides("the host's network", Some(mode.clone()))
                .decides("its own words", Some(spoken(container, said, "it asked for the port and did not get it")))
                .decides("who holds it", held)
                .rules_out(Code("D049"), Some(mode)),
        );
    }
}

/// The ports that a container may want by what it is: those that its image or its files name, or its kind of server.
pub(crate) fn own_ports(world: &World<'_>, container: &ContainerFact) -> Vec<String> {
    let known = world
        .recipe(container)
        .into_iter()
        .flat_map(|recipe| &recipe.ports);
    let known = known.map(|port| port.number);
    let checked = world
        .health(container)
        .and_then(|health| asked(&health.test)?.port);
    let told = container
        .environment
        .iter()
        .filter(|(key, _)| names_own_port(key));
    let told = told.filter_map(|(_, value)| value.as_deref()?.rsplit(':').next()?.parse().ok());
    // `--listen :8080`, `-p 8080`: who holds a number that is no port is nobody.
    let words = container.command.iter();
    let words = words.filter_map(|word| word.rsplit([':', '=']).next()?.parse().ok());
    let words = words.filter(|port: &u16| *port >= 80);
    let numbers: BTreeSet<u16> = known.chain(checked).chain(told).chain(words).collect();
    let numbers = numbers.into_iter().map(|number| format!("{number}/tcp"));
    container.exposed.iter().cloned().chain(numbers).collect()
}

/// Whether a variable tells a server where to listen, by its name: `PORT`, `HTTP_PORT`, `LISTEN`, `BIND_ADDRESS`.
fn names_own_port(key: &str) -> bool {
    let key = key.to_uppercase();
    key == "PORT" || key.contains("LISTEN") || key.contains("BIND") || key.ends_with("HTTP_PORT")
}

fn not_published(world: &World<'_>, cases: &mut Vec<Case>) {
    on_the_host(world, false, cases);
}

fn only_exposed(world: &World<'_>, cases: &mut Vec<Case>) {
    on_the_host(world, true, cases);
}

/// Whom a call to a port of the host is meant for, where nobody listens there: the service that listens on that port in
/// its container, for sure; else one that the client needs, that listens somewhere and publishes nothing.
fn meant<'f>(world: &World<'f>, edge: &Edge<'f>, port: u16) -> Option<(&'f ContainerFact, bool)> {
    let is_there = |inside: &InsideFact| inside.listeners.iter().any(|one| one.port == port);
    if world.inside(edge.client).is_some_and(is_there) || held(world, port) {
        return None;
    }
    let is_shut = |container: &&ContainerFact| {
        let mut published = container.published.iter();
        !is_in_host_network(container) && !published.any(|one| one.host_port == port.to_string())
    };
    let shut: Vec<&ContainerFact> = world.containers().filter(is_shut).collect();
    let same = shut
        .iter()
        .find(|one| world.inside(one).is_some_and(is_there));
    if let Some(same) = same {
        return Some((same, true));
    }
    let needs: Vec<&str> = world.needs(edge.client.service.as_deref()?).collect();
    let likely = shut.iter().find(|one| {
        let is_needed = one
            .service
            .as_deref()
            .is_some_and(|name| needs.contains(&name));
        let listens = world.open_ports(one).is_some_and(|open| !open.is_empty());
        is_needed && listens && one.published.is_empty()
    });
    likely.map(|one| (*one, false))
}

/// Whether a container of the stack has a port of the host.
fn held(world: &World<'_>, port: u16) -> bool {
    world.containers().any(|one| {
        let mut published = one.published.iter();
        published.any(|it| it.is_open && it.host_port == port.to_string())
    })
}

/// What is said of a port of the host that nobody has.
const NOT_REACHED: &[Says] = &[
    Says::ConnectionRefused,
    Says::UpstreamFailed,
    Says::ConnectionTimeout,
    Says::ConnectionFailed,
];

/// Calls to the host itself, where the port of a service is not open: from a container in the host's network, or by the
/// name that engines give the host.
fn on_the_host(world: &World<'_>, is_exposed: bool, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let is_host = matches!(
            &*edge.host.name,
            "host.docker.internal" | "host.containers.internal"
        ) || is_in_host_network(edge.client)
            && matches!(&*edge.host.name, "localhost" | "127.0.0.1" | "::1");
        let (Some(port), true) = (edge.port, is_host) else {
            continue;
        };
        let said = complaint(world, edge, NOT_REACHED);
        if world.seems_well(edge.client) || said.is_none() {
            continue;
        }
        let Some((target, is_sure)) = meant(world, edge, port) else {
            continue;
        };
        let Some(service) = target.service.as_deref() else {
            continue;
        };
        let files = by_files(world, service, port);
        if files.as_ref().is_some_and(|(exposes, _)| *exposes) != is_exposed {
            continue;
        }
        cases.push(
            unpublished(world, edge, target, is_exposed)
                .rules_out(
                    if is_exposed {
                        Code("D069")
                    } else {
                        Code("D104")
                    },
                    files.map(|(_, evidence)| evidence),
                )
                .at_most(if is_sure {
                    sure_of(world, edge, NOT_REACHED)
                } else {
                    Confidence::Likely
                }),
        );
    }
}

/// Whether a service names a port under `expose`, with what shows it.
fn by_files(world: &World<'_>, service: &str, port: u16) -> Option<(bool, Evidence)> {
    let declared = world.declared(service)?;
    let exposes = declared.expose.contains(&format!("{port}/tcp"));
    let whether = if exposes { "named" } else { "not named" };
    let text = format!("{service}: port {port} is {whether} under `expose`");
    let fact = FactRef::Declared(service.to_owned());
    Some((exposes, shown(fact, text, "so the files say")))
}

fn unpublished(
    world: &World<'_>,
    edge: &Edge<'_>,
    target: &ContainerFact,
    is_exposed: bool,
) -> Case {
    let client = edge.client.service.as_deref();
    let service = target.service.as_deref().unwrap_or(&target.name);
    let port = edge.port.unwrap_or_default();
    let why = if is_exposed {
        "`expose` opens nothing on the host"
    } else {
        "it publishes no such port"
    };
    let claim = format!(
        "`{}` dials port {port} of the host, where nobody listens: `{service}` listens in its container, and {why}",
        client.unwrap_or(&edge.client.name)
    );
    let text = format!("{}: port {port} is not published", target.name);
    let fact = FactRef::Networks(target.name.clone());
    let closed = world
        .networks(target)
        .map(|_| shown(fact, text, "from the host it cannot be reached"));
    let listens = listening(target, world, "it is there, inside");
    let open = world.open_ports(target).unwrap_or_default();
    let inner = match open.first() {
        Some(only) if open.len() == 1 => *only,
        _ => port,
    };
    // From a container the host is not its loopback.
    let on = if is_in_host_network(edge.client) {
        "127.0.0.1:"
    } else {
        ""
    };
    let ports = format!("[\"{on}{port}:{inner}\"]");
    // What else is published would be lost; and whether everybody may come in is not for bowline to say.
    let may_be_set = target.published.is_empty() && !on.is_empty();
    let spot = Spot::field(target, "ports").filter(|_| may_be_set);
    Case::new(culprit(target, Some("ports")), claim)
        .seen_in(client)
        .between(Some(service), client)
        .mended_by(
            format!("publish it: `ports: {ports}` under `{service}`, then `bowline up`; or dial `{service}` from a network of the stack"),
            Safety::Restart,
        )
        .by_edits(spot.map(|spot| spot.change(Change::Set { value: ports })))
        .decides("the address", Some(address(edge, "it is told to go there")))
        .decides("that nothing is published", closed)
        .decides("that it listens", listens.clone())
        .rules_out(Code("D054"), listens)
}
