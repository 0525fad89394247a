//! Services that run, and cannot be reached where they are looked for.

use std::collections::BTreeSet;

use bowline_engine::TcpState;
use bowline_model::carried::Form;
use bowline_recipes::Says;
use jiff::Timestamp;

use crate::edit::{Edit, Piece, Spot};
use crate::facts::{AskedFact, ContainerFact, ListenerFact};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Edge, Target, World, listening, shown, spoken, whole};

use super::names::{address, another_fails, complaint, dials, sure_of, teller, tried};
use super::tls::wants_tls;
use super::variables::is_told_nothing;

pub(crate) const OTHER_PORT: Rule = Rule {
    code: Code("D054"),
    title: "a client dials a port on which the service does not listen",
    layer: Layer::Network,
    decisive: &["the address", "what it listens on", "the attempt"],
    look_alikes: &[Code("D067"), Code("D100")],
    yields: false,
    endangers_data: false,
    find: other_port,
};

pub(crate) const TLS_ELSEWHERE: Rule = Rule {
    code: Code("D021"),
    title: "a client dials a port of its own at an entrance that takes TLS at another one",
    layer: Layer::Network,
    decisive: &[
        "the address",
        "what it listens on",
        "what is spoken there",
        "the attempt",
    ],
    look_alikes: &[Code("D054"), Code("D100"), Code("D105")],
    yields: false,
    endangers_data: false,
    find: tls_elsewhere,
};

pub(crate) const NEVER_LISTENS: Rule = Rule {
    code: Code("D067"),
    title: "a service runs and listens nowhere",
    layer: Layer::Startup,
    decisive: &["what it listens on", "who dials it"],
    look_alikes: &[Code("D054"), Code("D100")],
    yields: true,
    endangers_data: false,
    find: never_listens,
};

pub(crate) const OWN_LOOPBACK: Rule = Rule {
    code: Code("D092"),
    title: "a client looks for another service on its own loopback",
    layer: Layer::Config,
    decisive: &["the address", "its own listeners", "the attempt"],
    look_alikes: &[Code("D054")],
    yields: false,
    endangers_data: false,
    find: own_loopback,
};

pub(crate) const LOOPBACK_ONLY: Rule = Rule {
    code: Code("D100"),
    title: "a service listens on its own loopback only",
    layer: Layer::Network,
    decisive: &["the listener", "the address", "the attempt"],
    look_alikes: &[Code("D011"), Code("D054")],
    yields: false,
    endangers_data: false,
    find: loopback_only,
};

pub(crate) const PAUSED: Rule = Rule {
    code: Code("D101"),
    title: "a service that others need is paused",
    layer: Layer::Dependency,
    decisive: &["that it is paused", "who needs it"],
    look_alikes: &[Code("D052"), Code("D106")],
    yields: false,
    endangers_data: false,
    find: paused,
};

/// What clients say of a call that nobody took.
pub(super) const NOT_TAKEN: &[Says] = &[
    Says::ConnectionRefused,
    Says::UpstreamFailed,
    Says::ConnectionTimeout,
];

/// What a client says of its attempt, or what came of our own.
fn attempt(world: &World<'_>, edge: &Edge<'_>) -> Option<Evidence> {
    complaint(world, edge, NOT_TAKEN)
        .or_else(|| tried(world, edge, "from within the client it is the same"))
}

/// Whether a client is not well, or silent in front of somebody who is not.
pub(super) fn is_hurt<'f>(world: &World<'f>, client: &'f ContainerFact) -> bool {
    !world.seems_well(client) || world.is_doubted(client)
}

/// Failed attempts to connect that are no accident of a start.
const MANY_ATTEMPTS: u64 = 3;
/// How often, in seconds, somebody at least tries again who needs an answer. A few attempts in hours are those of people, and
/// of earlier looks of this very program, which the kernel counts as well.
const TRIES_EVERY: u64 = 60;

/// That a client which says nothing goes on to dial an address in vain: the kernel counts its attempts that came to nothing,
/// and everything else that it dials was there before it and is well.
pub(crate) fn dials_in_vain(world: &World<'_>, edge: &Edge<'_>) -> Option<Evidence> {
    let client = edge.client;
    let attempts = world.inside(client)?.failed_attempts?;
    // In vain it can have been since the server is the one that it is.
    let servers = edge.service().into_iter().flat_map(|(_, servers)| servers);
    let since = servers.filter_map(|server| server.started).max();
    let since = client.started?.max(since.unwrap_or(Timestamp::MIN));
    let secs = world.now().duration_since(since).as_secs();
    let enough = MANY_ATTEMPTS.max(secs.unsigned_abs() / TRIES_EVERY);
    let was_there = |other: &Edge<'_>| {
        let targets = other.service().map(|(_, targets)| targets);
        targets.is_some_and(|targets| {
            let mut targets = targets.iter();
            world.trouble(other).is_none() && targets.all(|one| one.started < client.started)
        })
    };
    let mut others = world.edges().iter().filter(|other| {
        let is_same = other.host.name == edge.host.name && other.port == edge.port;
        other.client.name == client.name && !is_same
    });
    let mode = client.network_mode.as_deref().unwrap_or_default();
    let shares_network = mode == "host" || mode.starts_with("container:");
    if shares_network || !world.runs(client) || attempts < enough || !others.all(was_there) {
        return None;
    }
    let text = format!(
        "{}: {attempts} attempts to connect came to nothing",
        client.name
    );
    let fact = FactRef::Inside(client.name.clone());
    Some(shown(
        fact,
        text,
        "it dials, and everything else that it dials answers",
    ))
}

/// How sure a wrong address can be: who is well and says nothing may mean something else with its attempts, and where a
/// server may take TLS the port may not be all that is wrong.
fn sure_where(is_all_known: bool) -> Confidence {
    if is_all_known {
        Confidence::Certain
    } else {
        Confidence::Likely
    }
}

/// The port at which an entrance takes TLS and nothing else, where a client speaks plainly to it at another one.
fn entrance<'f>(world: &World<'f>, edge: &Edge<'f>) -> Option<(u16, &'f AskedFact)> {
    let Some(Trouble::OtherPort(open)) = world.trouble(edge) else {
        return None;
    };
    let (_, containers) = edge.service()?;
    let shows = |port: u16| {
        let mut answers = containers.iter().filter_map(|it| world.tls(it, port));
        answers.find_map(|(asked, answer)| answer.map(|_| (port, asked)))
    };
    // Entrances take plain calls as well, to send them to the other port.
    let ports = open.into_iter().filter(|port| *port != PLAIN_WEB);
    let entrances: Vec<Option<(u16, &AskedFact)>> = ports.map(shows).collect();
    let wants_tls = wants_tls(edge.told).is_some_and(|(is_wanted, _)| is_wanted);
    let first = *entrances.first()?;
    first.filter(|_| !wants_tls && entrances.iter().all(Option::is_some))
}

/// The port at which pages are asked for in the clear.
const PLAIN_WEB: u16 = 80;
/// The port of HTTPS: what is to take TLS elsewhere mostly ends with it, as 8443 does.
const HTTPS: u16 = 443;

/// Whether a server may take TLS at a port: that is usual for it, others are told to speak it there, or what starts or probes
/// the server names the port and TLS.
pub(crate) fn may_take_tls(world: &World<'_>, server: &ContainerFact, port: u16) -> bool {
    let is_told = |edge: &Edge<'_>| {
        let is_it = edge.port == Some(port) && edge.leads_to(server);
        is_it && wants_tls(edge.told).is_some_and(|(is_wanted, _)| is_wanted)
    };
    let known = world.containers().find(|one| one.name == server.name);
    let health = known.and_then(|server| world.health(server));
    let test = health.map_or(&[][..], |health| &health.test);
    port % 1000 == HTTPS
        || world.edges().iter().any(is_told)
        || [&server.command[..], test]
            .iter()
            .any(|words| name_tls_at(words, port))
}

/// Whether the words of a command name a port, and TLS.
fn name_tls_at(words: &[String], port: u16) -> bool {
    const TLS: &[&str] = &["tls", "ssl", "https"];
    let port = port.to_string();
    let is_apart = |it: char| !it.is_ascii_alphanumeric();
    let pieces = words.iter().flat_map(|word| word.split(is_apart));
    let mut pieces = pieces.map(str::to_ascii_lowercase);
    let mut others = pieces.clone();
    pieces.any(|it| it == port) && others.any(|it| TLS.contains(&it.as_str()))
}

/// Whether a service may take TLS at one of these ports, and nobody could ask it whether it does.
fn may_want_tls(world: &World<'_>, containers: &[&ContainerFact], open: &BTreeSet<u16>) -> bool {
    containers.iter().any(|server| {
        let mut ports = open.iter();
        ports.any(|port| may_take_tls(world, server, *port) && world.tls(server, *port).is_none())
    })
}

/// A case against who told a client the port at which it dials a service in vain.
fn misdialled(world: &World<'_>, edge: &Edge<'_>, name: &str, claim: String) -> Case {
    let carrier = edge.host.port_carrier.as_ref();
    let carrier = carrier.unwrap_or(&edge.host.carrier);
    Case::new(teller(world, edge.client, carrier), claim)
        .seen_in(edge.client.service.as_deref())
        .between(Some(name), edge.client.service.as_deref())
}

fn tls_elsewhere(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let (Some((right, asked)), Some((name, containers)), Some(port)) =
            (entrance(world, edge), edge.service(), edge.port)
        else {
            continue;
        };
        let in_vain = dials_in_vain(world, edge);
        if !is_hurt(world, edge.client) && in_vain.is_none() {
            continue;
        }
        let Some(target) = containers.first() else {
            continue;
        };
        let claim = format!(
            "it dials `{name}` at port {port}, where nobody listens: `{name}` takes calls in TLS at port {right} only"
        );
        let listens = listening(target, world, "it can be reached, elsewhere");
        let spoken = asked.evidence("TLS there", "another port alone would not do");
        let told = address(edge, "it is told to go there, and not to speak TLS");
        cases.push(
            misdialled(world, edge, name, claim)
                .at_most(Confidence::Likely)
                .mended_by(
                    format!("write port {right} there, let it speak TLS, then `bowline up`"),
                    Safety::NeedsYou,
                )
                .decides("the address", Some(told.clone()))
                .decides("what it listens on", listens.clone())
                .decides("what is spoken there", Some(spoken.clone()))
                .decides("the attempt", attempt(world, edge).or(in_vain))
                .rules_out(Code("D054"), Some(spoken))
                .rules_out(Code("D100"), listens)
                .rules_out(Code("D105"), Some(told)),
        );
    }
}

fn other_port(world: &World<'_>, cases: &mut Vec<Case>) {
    other_port_before(world, cases);
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let Some(Trouble::OtherPort(open)) = world.trouble(edge) else {
            continue;
        };
        let is_hurt = is_hurt(world, edge.client);
        // The port is not all that is wrong there.
        if entrance(world, edge).is_some() {
            continue;
        }
        let in_vain = dials_in_vain(world, edge);
        let (true, Some(target), Some(port)) =
            (is_hurt || in_vain.is_some(), containers.first(), edge.port)
        else {
            continue;
        };
        let ports: Vec<String> = open.iter().map(ToString::to_string).collect();
        let published = target.published.iter().find(|published| {
            published.host_port == port.to_string()
                && !published.container.starts_with(&format!("{port}/"))
        });
        let hint = match published {
            Some(published) => format!(
                "; {port} is its port on the host, inside it is {}",
                published.container
            ),
            None => String::new(),
        };
        let claim = format!(
            "it dials `{name}` at port {port}, where nobody listens: `{name}` listens on {}{hint}",
            ports.join(", ")
        );
        let listens = listening(target, world, "it can be reached, elsewhere");
        cases.push(
            misdialled(world, edge, name, claim)
                .at_most(sure_where(
                    is_hurt && !may_want_tls(world, containers, &open),
                ))
                .mended_by(
                    format!("write port {} there, then `bowline up`", ports.join(" or ")),
                    Safety::NeedsYou,
                )
                .by_edits(dials_port(
                    edge,
                    &open,
                    published.map(|it| it.container.as_str()),
                ))
                .decides("the address", Some(address(edge, "it is told to go there")))
                .decides("what it listens on", listens.clone())
                .decides("the attempt", attempt(world, edge).or(in_vain))
                .rules_out(Code("D067"), listens.clone())
                .rules_out(Code("D100"), listens),
        );
    }
}

/// The same of a server that does not run any more: it refused calls at that port while it ran, and others dial it at its
/// usual one. What stopped it is another cause; this one shows again when it is back.
fn other_port_before(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let (Some((name, containers)), Some(port)) = (edge.service(), edge.port) else {
            continue;
        };
        let Some(server) = containers.first().filter(|it| it.finished.is_some()) else {
            continue;
        };
        let is_odd = world.trouble(edge) == Some(Trouble::Down) && !may_listen(world, server, port);
        let usual = world.edges().iter().find(|other| {
            let to_it = other.service().is_some_and(|(other, _)| other == name);
            let port = other.port.filter(|other| *other != port);
            to_it && port.is_some_and(|port| may_listen(world, server, port))
        });
        let mut said = world.said(edge.client).iter();
        let refused = said.find(|said| {
            said.says == Says::ConnectionRefused
                && said.capture("host") == Some(edge.host.name.as_str())
                && said.capture("port") == Some(port.to_string().as_str())
                && server.finished.is_some_and(|end| said.last < end)
        });
        let (true, Some(usual), Some(refused)) = (is_odd, usual, refused) else {
            continue;
        };
        let right = usual.port.unwrap_or_default();
        let claim = format!(
            "it dials `{name}` at port {port}, where it was refused while `{name}` ran; others dial it at {right}"
        );
        let line = spoken(edge.client, refused, "nobody listened there");
        cases.push(
            misdialled(world, edge, name, claim)
                .at_most(Confidence::Likely)
                .mended_by(
                    format!("write port {right} there, then `bowline up`"),
                    Safety::NeedsYou,
                )
                .by_edits(dials_port(edge, &[right].into(), None))
                .decides("the address", Some(address(edge, "it is told to go there")))
                .decides(
                    "what it listens on",
                    Some(address(usual, "others are told another port")),
                )
                .decides("the attempt", Some(line)),
        );
    }
}

/// Whether a server listens on a port as far as its kind and its command say.
fn may_listen(world: &World<'_>, server: &ContainerFact, port: u16) -> bool {
    let written = port.to_string();
    let mut words = server
        .command
        .iter()
        .flat_map(|word| word.split([' ', '=', ':']));
    let mut values = server.environment.values().flatten();
    let recipe = world.recipe(server);
    let is_usual = recipe.is_some_and(|recipe| recipe.ports.iter().any(|it| it.number == port));
    is_usual || words.any(|word| word == written) || values.any(|value| *value == written)
}

/// That a client is told to dial the port on which its server listens, where that is clear.
fn dials_port(edge: &Edge<'_>, open: &BTreeSet<u16>, published: Option<&str>) -> Option<Edit> {
    let inside = published.and_then(|container| container.split('/').next());
    let right = match (open.first(), inside) {
        (_, Some(port)) => port.to_owned(),
        (Some(only), None) if open.len() == 1 => only.to_string(),
        _ => return None,
    };
    let host = &edge.host.name;
    if let Some(carrier) = &edge.host.port_carrier {
        let wrong = edge.port?.to_string();
        return Some(Spot::carried(edge.client, carrier)?.replace(Piece::Port, wrong, right));
    }
    // Where none is written, it comes behind the name, if that is the form.
    let takes_one = matches!(edge.told.form, Form::Url | Form::HostPorts);
    let spot = Spot::carried(edge.client, &edge.host.carrier).filter(|_| takes_one)?;
    Some(spot.replace(Piece::Host, host.as_str(), format!("{host}:{right}")))
}

/// That a service is told to listen everywhere, where one word tells it to listen on its loopback.
fn listens_everywhere(server: &ContainerFact, listener: &ListenerFact) -> Option<Edit> {
    let address = listener.address.to_string();
    let names = [address.as_str(), "localhost"];
    let everywhere = if listener.address.is_ipv4() {
        "0.0.0.0"
    } else {
        "::"
    };
    let says = |text: &str, name: &str| {
        let mut words = text.split(|it: char| it.is_whitespace() || "=/[],\"'".contains(it));
        words.any(|word| {
            word == name || word.strip_suffix(&format!(":{}", listener.port)) == Some(name)
        })
    };
    let mut found = Vec::new();
    for name in names {
        if server.command.iter().any(|word| says(word, name)) {
            found.push(("command".to_owned(), name));
        }
        let told = server.environment.iter();
        let told = told.filter(|(_, value)| value.as_deref().is_some_and(|it| says(it, name)));
        found.extend(told.map(|(key, _)| (format!("environment.{key}"), name)));
    }
    let [(field, name)] = found.as_slice() else {
        return None;
    };
    Some(Spot::field(server, field)?.replace(Piece::Word, *name, everywhere))
}

/// The service to which one that listens nowhere holds a connection: it has asked, and waits.
pub(crate) fn waits_for<'f>(
    world: &World<'f>,
    container: &ContainerFact,
) -> Option<(&'f str, Evidence)> {
    if world.open_ports(container)?.iter().next().is_some() {
        return None;
    }
    let peers = &world.inside(container)?.peers;
    let held = peers
        .iter()
        .filter(|peer| peer.state == TcpState::Established && peer.local_port.is_none());
    let (peer, other) = held
        .filter_map(|peer| Some((peer, world.at_address(peer.remote)?)))
        .find(|(_, other)| other.name != container.name)?;
    let port = peer.remote_port.unwrap_or_default();
    let text = format!(
        "{}: connected to {}:{port} ({})",
        container.name, peer.remote, other.name
    );
    let fact = FactRef::Inside(container.name.clone());
    let evidence = shown(fact, text, "it has called, and goes no further");
    Some((other.service.as_deref()?, evidence))
}

fn never_listens(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        if world.seems_well(edge.client) || world.trouble(edge) != Some(Trouble::NeverListens) {
            continue;
        }
        let Some(target) = containers.first() else {
            continue;
        };
        let waits = world
            .inside(target)
            .and_then(|inside| inside.main_waits_in.as_ref());
        let upstream = waits_for(world, target);
        let claim = match (&upstream, waits) {
            (Some((needed, _)), _) => format!(
                "`{name}` runs and listens nowhere: it has called `{needed}` and waits for its answer"
            ),
            (None, Some(place)) => format!(
                "`{name}` runs and listens nowhere; its main process waits in the kernel's `{place}`"
            ),
            (None, None) => format!("`{name}` runs and listens nowhere"),
        };
        let needed = upstream.as_ref().map(|(needed, _)| *needed);
        let listens = listening(target, world, "nobody can be reached there");
        cases.push(
            Case::new(whole(CulpritKind::Service, name), claim)
                .between(Some(name), edge.client.service.as_deref())
                .between(needed, Some(name))
                .mended_by(
                    format!("see what it waits for: `bowline logs {name}`"),
                    Safety::NeedsYou,
                )
                .decides("what it listens on", listens.clone())
                .decides("what it listens on", upstream.map(|(_, evidence)| evidence))
                .decides("who dials it", Some(address(edge, "it is expected there")))
                .rules_out(Code("D054"), listens.clone())
                .rules_out(Code("D100"), listens),
        );
    }
}

fn own_loopback(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some(Trouble::OwnLoopback(there)) = world.trouble(edge) else {
            continue;
        };
        let said = complaint(world, edge, NOT_TAKEN);
        let port = edge.port.unwrap_or_default();
        // Who says nothing of it may never dial it: many are told where a browser finds somebody.
        let is_unsaid = said.is_none() && (there.is_none() || another_fails(world, edge));
        if world.seems_well(edge.client) || is_unsaid || is_told_nothing(world, edge) {
            continue;
        }
        let claim = match there {
            Some(service) => format!(
                "it dials its own port {port}, where nobody listens; `{service}` does. In a container `{}` is the container itself",
                edge.host.name
            ),
            None => format!(
                "it dials its own port {port}, where nobody listens. In a container `{}` is the container itself",
                edge.host.name
            ),
        };
        let own = listening(edge.client, world, "nobody listens there in the container");
        // One that has ended has nobody who listens either.
        let own = own.or_else(|| there.filter(|_| !world.runs(edge.client)).and(said.clone()));
        // One whose log nobody read may have said anything.
        let silent = || world.log(edge.client).and(own.clone());
        cases.push(
            Case::new(teller(world, edge.client, &edge.host.carrier), claim)
                .seen_in(edge.client.service.as_deref())
                .mended_by(
                    match there {
                        Some(service) => format!("write `{service}` there, then `bowline up`"),
                        None => "write the name of the service there, then `bowline up`".to_owned(),
                    },
                    Safety::NeedsYou,
                )
                .by_edits(there.and_then(|service| dials(edge, service)))
                .decides(
                    "the address",
                    Some(address(edge, "it is told to go to itself")),
                )
                .at_most(sure_of(world, edge, NOT_TAKEN))
                .decides("its own listeners", own.clone())
                .decides("the attempt", said.clone().or_else(silent))
                .rules_out(
                    Code("D054"),
                    Some(address(edge, "no other service is dialled")),
                ),
        );
    }
}

fn loopback_only(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let Some(Trouble::LoopbackOnly(listener)) = world.trouble(edge) else {
            continue;
        };
        let Some(target) = containers
            .iter()
            .find(|container| world.inside(container).is_some())
        else {
            continue;
        };
        if !is_hurt(world, edge.client)
            && world.seems_well(target)
            && attempt(world, edge).is_none()
        {
            continue;
        }
        let claim = format!(
            "`{name}` listens on {}:{} only, so nobody but itself reaches it",
            listener.address, listener.port
        );
        let hidden = listening(target, world, "that address ends at the container");
        cases.push(
            Case::new(whole(CulpritKind::Service, name), claim)
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(
                    "let it listen on 0.0.0.0 (or `::`), then `bowline up`",
                    Safety::NeedsYou,
                )
                .by_edits(listens_everywhere(target, listener))
                .decides("the listener", hidden.clone())
                .decides(
                    "the address",
                    Some(address(edge, "others come from outside")),
                )
                .decides("the attempt", attempt(world, edge))
                .rules_out(Code("D011"), hidden.clone())
                .rules_out(Code("D054"), hidden),
        );
    }
}

fn paused(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let is_paused = world
            .state(container)
            .is_some_and(|state| state.status == bowline_model::ContainerStatus::Paused);
        let Some(service) = container.service.as_deref().filter(|_| is_paused) else {
            continue;
        };
        let text = format!("{}: paused", container.name);
        let proves = "the kernel takes calls for it, and nothing in it runs to answer them";
        let state = shown(FactRef::State(container.name.clone()), text, proves);
        let mut case = Case::new(
            whole(CulpritKind::Service, service),
            format!("`{service}` is paused: it takes calls and answers none"),
        )
        .mended_by(
            format!("let it go on: `bowline unpause {service}`"),
            Safety::Safe,
        )
        .by_command(["bowline", "unpause", service])
        .decides("that it is paused", Some(state.clone()))
        .rules_out(Code("D052"), Some(state.clone()))
        .rules_out(Code("D106"), Some(state));
        let mut is_needed = false;
        for client in world
            .containers()
            .filter(|client| !world.seems_well(client))
        {
            let dials = world.edges().iter().find(|edge| {
                edge.client.name == client.name
                    && matches!(&edge.target, Target::Service { name, .. } if *name == service)
            });
            let needs = client
                .service
                .as_deref()
                .is_some_and(|name| world.needs(name).any(|needed| needed == service));
            let evidence = match dials {
                Some(edge) => Some(address(edge, "it is told to go there")),
                None if needs => client.service.as_ref().map(|name| {
                    let text = format!("{name}: depends on `{service}`");
                    shown(FactRef::Declared(name.clone()), text, "it needs it")
                }),
                None => None,
            };
            if evidence.is_some() {
                case = case.between(Some(service), client.service.as_deref());
            }
            // One is enough to know that somebody does.
            if !is_needed && evidence.is_some() {
                is_needed = true;
                case = case.decides("who needs it", evidence);
            }
        }
        if is_needed {
            cases.push(case);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_that_names_a_port_and_tls_may_be_of_a_server_that_takes_it_there() {
        let names = |words: &[&str], port| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            name_tls_at(&words, port)
        };
        assert!(names(&["redis-cli", "-p", "6380", "--tls", "ping"], 6380));
        assert!(names(
            &["sh", "-c", "exec serve --tls-port=6380 --port 0"],
            6380
        ));
        assert!(names(&["curl", "https://localhost:9000/"], 9000));
        assert!(!names(&["serve", "--tls-port", "6380"], 638));
        assert!(!names(
            &["serve", "--port", "6380", "--title", "tlse"],
            6380
        ));
    }
}
