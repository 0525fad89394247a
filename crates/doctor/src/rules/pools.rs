//! Several containers behind one name, and addresses that outlived theirs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::TcpState;
use bowline_model::carried::{Carrier, Form};
use bowline_model::{ContainerStatus, HealthStatus};
use bowline_recipes::{Says, repository};

use crate::facts::{ContainerFact, DialAnswer, NameAnswer, NetworkFact, TriedFact};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::subnet::contains;
use crate::world::{Edge, Target, World, culprit, listening, shown, spoken, whole};

use super::crashes::has_crashed;
use super::drift::is_orphan;
use super::names::{address, complaint, sure_of, tried};
use super::reach::{NOT_TAKEN, is_hurt};

pub(crate) const ONE_REPLICA: Rule = Rule {
    code: Code("D059"),
    title: "one of several replicas does not work, and a part of the calls goes to it",
    layer: Layer::Dependency,
    decisive: &["the replica", "its sibling", "who feels it"],
    look_alikes: &[Code("D052"), Code("D064")],
    yields: true,
    endangers_data: false,
    find: one_replica,
};

pub(crate) const STALE_ADDRESS: Rule = Rule {
    code: Code("D064"),
    title: "goes on to dial an address that its service no longer has",
    layer: Layer::Network,
    decisive: &[
        "the address that it dials",
        "where the service is",
        "that the service takes calls",
    ],
    look_alikes: &[Code("D052"), Code("D059")],
    yields: false,
    endangers_data: false,
    find: stale_address,
};

pub(crate) const SHARED_NAME: Rule = Rule {
    code: Code("D102"),
    title: "two services have the same name on one network",
    layer: Layer::Network,
    decisive: &["who has the name", "the address", "the attempt"],
    look_alikes: &[Code("D059")],
    yields: false,
    endangers_data: false,
    find: shared_name,
};

/// What a proxy or another client says of somebody behind it who does not answer as wanted.
const UPSTREAM: &[Says] = &[
    Says::UpstreamFailed,
    Says::UpstreamNotAnswering,
    Says::UpstreamClosed,
    Says::AnswerTimeout,
    Says::ServerError,
    Says::ConnectionRefused,
    Says::ConnectionTimeout,
    Says::ConnectionFailed,
    Says::NoRoute,
];

/// What is wrong with one replica: it does not run, is frozen, unhealthy, or listens nowhere.
fn defect(world: &World<'_>, replica: &ContainerFact) -> Option<Evidence> {
    let state = world.state(replica)?;
    let is_job = world.is_done(replica);
    let what = match state.status {
        ContainerStatus::Exited if !is_job => format!("ended with code {}", state.exit_code),
        ContainerStatus::Dead => "half removed".to_owned(),
        ContainerStatus::Restarting => "ends again and again".to_owned(),
        ContainerStatus::Running => {
            let health = world.health(replica);
            if let Some(health) =
                health.filter(|health| health.verdict == Some(HealthStatus::Unhealthy))
            {
                let text = format!(
                    "{}: unhealthy, {} failures in a row",
                    replica.name, health.failing_streak
                );
                return Some(shown(
                    FactRef::Health(replica.name.clone()),
                    text,
                    "this one does not work",
                ));
            }
            let is_deaf = world.open_ports(replica)?.is_empty();
            return is_deaf.then(|| listening(replica, world, "this one serves nobody"))?;
        }
        _ => return None,
    };
    let text = format!("{}: {what}", replica.name);
    Some(shown(
        FactRef::State(replica.name.clone()),
        text,
        "this one does not work",
    ))
}

/// A replica that works, as evidence.
fn works(world: &World<'_>, replica: &ContainerFact) -> Option<Evidence> {
    let is_sound = !world.open_ports(replica)?.is_empty() && defect(world, replica).is_none();
    is_sound.then(|| {
        listening(
            replica,
            world,
            "this one is there, so the service is not down",
        )
    })?
}

/// Containers that do the same for who dials them: those of one service, or of several that are alike and that one client
/// dials at the same port, as a gateway does with a pool.
fn pools<'f>(world: &World<'f>) -> Vec<Vec<&'f ContainerFact>> {
    let services: BTreeSet<&str> = world
        .containers()
        .filter_map(|one| one.service.as_deref())
        .collect();
    let mut pools: Vec<Vec<&ContainerFact>> = services
        .into_iter()
        .map(|service| world.of_service(service))
        .filter(|pool| pool.len() > 1)
        .collect();
    for client in world.containers() {
        let edges = world.edges().iter();
        let own = edges.filter(|edge| edge.client.name == client.name);
        let mut alike: BTreeMap<_, Vec<&ContainerFact>> = BTreeMap::new();
        for edge in own {
            let Target::Service { containers, .. } = &edge.target else {
                continue;
            };
            // `left:80, right:80` is a list of those who do the same; URLs are of those who do something of their own.
            if edge.told.form != Form::HostPorts {
                continue;
            }
            for one in containers {
                let key = (
                    edge.port,
                    source(&edge.host.carrier),
                    &one.image_id,
                    &one.command,
                );
                let pool = alike.entry(key).or_default();
                if pool.iter().all(|other| other.name != one.name) {
                    pool.push(one);
                }
            }
        }
        pools.extend(
            alike
                .into_values()
                .filter(|pool| pool.iter().any(|one| one.service != pool[0].service)),
        );
    }
    pools
}

/// What an address stands in: a variable, a file, the command.
fn source(carrier: &Carrier) -> &str {
    match carrier {
        Carrier::Variable(name) => name,
        Carrier::File { path, .. } => path,
        Carrier::Argument(_) | Carrier::Program => "",
    }
}

/// Whether a service is one of several that are alike, and another one of them works: then it is not simply down.
pub(crate) fn has_sibling(world: &World<'_>, service: &str) -> bool {
    pools(world).iter().any(|pool| {
        let is_it = |one: &&&ContainerFact| one.service.as_deref() == Some(service);
        pool.iter().any(|one| is_it(&one)) && pool.iter().any(|one| works(world, one).is_some())
    })
}

/// Who feels that a replica does not work: one that dials the pool, or one before a proxy that passes it on without a word.
fn felt<'f>(
    world: &World<'f>,
    pool: &[&'f ContainerFact],
    replica: &'f ContainerFact,
) -> Option<(&'f ContainerFact, Evidence)> {
    let is_of_it = |edge: &&Edge<'_>| match &edge.target {
        Target::Service { name, .. } => {
            pool.iter().any(|one| one.service.as_deref() == Some(*name))
        }
        _ => false,
    };
    let mut edges = world.edges().iter().filter(is_of_it);
    let near = edges.find_map(|edge| Some((edge.client, feels(world, edge)?)));
    near.or_else(|| {
        let far = world.sufferer(replica)?;
        Some((far, world.complaint_by(far, "a part of its calls fails")?))
    })
}

fn one_replica(world: &World<'_>, cases: &mut Vec<Case>) {
    for pool in pools(world) {
        let good = pool.iter().find_map(|one| works(world, one));
        let bad: Vec<_> = pool
            .iter()
            // Of one that crashed that is the cause, and not that others go on to call it.
            .filter(|one| !has_crashed(world, one))
            .filter_map(|one| Some((*one, defect(world, one)?)))
            .collect();
        let (Some(good), Some((replica, evidence))) = (good, bad.first()) else {
            continue;
        };
        let Some(service) = replica.service.as_deref() else {
            continue;
        };
        let felt = felt(world, &pool, replica);
        let by_health = matches!(evidence.fact, FactRef::Health(_));
        if felt.is_none() && !by_health && world.ailment(replica).is_none() {
            continue;
        }
        let claim = format!(
            "{} of {} containers that do the same {} not work (`{}`), and calls still go to all of them",
            bad.len(),
            pool.len(),
            if bad.len() == 1 { "does" } else { "do" },
            replica.name
        );
        let client = felt
            .as_ref()
            .and_then(|(client, _)| client.service.as_deref());
        let verb = again(world, replica);
        cases.push(
            Case::new(whole(CulpritKind::Service, service), claim)
                .between(Some(service), client)
                .mended_by(
                    format!(
                        "start it again: `bowline {verb} {service}`; see why `{}` fell: `bowline logs {service}`",
                        replica.name
                    ),
                    Safety::Restart,
                )
                .by_command(["bowline", verb, service])
                .decides("the replica", Some(evidence.clone()))
                .decides("its sibling", Some(good.clone()))
                .decides("who feels it", felt.map(|(_, evidence)| evidence))
                .rules_out(Code("D052"), Some(good))
                .rules_out(Code("D064"), Some(evidence.clone())),
        );
    }
}

/// The verb that lets a replica begin anew: its siblings that work stay up where nothing has to be stopped.
fn again<'f>(world: &World<'f>, replica: &'f ContainerFact) -> &'static str {
    if world.runs(replica) {
        "restart"
    } else {
        "start"
    }
}

/// What a client feels of it: it says so, or a call from within it fails for some addresses and not for others.
fn feels(world: &World<'_>, edge: &Edge<'_>) -> Option<Evidence> {
    let mixed = world
        .tried(edge.client, &edge.host.name)
        .filter(|tried| is_mixed(tried));
    let mixed = mixed.and_then(|_| tried(world, edge, "some calls are taken and some are not"));
    mixed
        .or_else(|| complaint(world, edge, UPSTREAM))
        .or_else(|| {
            let mut said = world.said(edge.client).iter();
            let said = said.find(|said| said.is_fresh && UPSTREAM.contains(&said.says))?;
            let is_address = said
                .capture("host")
                .is_some_and(|host| host.parse::<IpAddr>().is_ok());
            is_address.then(|| spoken(edge.client, said, "a part of its calls fails"))
        })
}

fn is_mixed(tried: &TriedFact) -> bool {
    let is_taken = |answer: &DialAnswer| *answer == DialAnswer::Connected;
    let taken = tried
        .dialled
        .iter()
        .filter(|dialled| is_taken(&dialled.answer))
        .count();
    taken > 0 && taken < tried.dialled.len()
}

/// Addresses that a client dials in vain, with what shows it: its own words, or calls that nobody answers.
fn dialled_in_vain(world: &World<'_>, client: &ContainerFact) -> Vec<(IpAddr, Evidence)> {
    let mut found: Vec<(IpAddr, Evidence)> = Vec::new();
    for said in world
        .said(client)
        .iter()
        .filter(|said| said.is_fresh && UPSTREAM.contains(&said.says))
    {
        let captured = said.capture("host").and_then(|host| host.parse().ok());
        if let Some(address) = captured.or_else(|| address_in(world, client, said.text)) {
            let proves = "this is the address that it goes to";
            found.push((address, spoken(client, said, proves)));
        }
    }
    let inside = world.inside(client);
    let peers = inside.iter().flat_map(|inside| &inside.peers);
    for peer in peers.filter(|peer| peer.state == TcpState::SynSent) {
        let port = peer.remote_port.unwrap_or_default();
        let text = format!(
            "{}: calls {}:{port}, and nobody answers",
            client.name, peer.remote
        );
        let fact = FactRef::Inside(client.name.clone());
        found.push((
            peer.remote,
            shown(fact, text, "this is the address that it goes to"),
        ));
    }
    found
}

/// The first address in a text that stands before a port which the client dials: `http://172.18.0.3:8080/`.
fn address_in(world: &World<'_>, client: &ContainerFact, text: &str) -> Option<IpAddr> {
    let own = world.edges().iter();
    let own = own.filter(|edge| edge.client.name == client.name);
    let ports: BTreeSet<u16> = own.filter_map(|edge| edge.port).collect();
    let is_break = |it: char| !(it.is_ascii_digit() || it == '.' || it == ':');
    text.split(is_break).find_map(|word| {
        let (address, port) = word.split_once(':')?;
        let is_dialled = ports.contains(&port.parse().ok()?);
        address.parse().ok().filter(|_| is_dialled)
    })
}

fn stale_address(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world.containers().filter(|client| world.runs(client)) {
        for (gone, dials) in dialled_in_vain(world, client) {
            cases.extend(stale(world, client, gone, dials));
        }
    }
}

/// The service for which a client dials an address that nobody of it has: one that was started after the client, while
/// all that it dials is well and elsewhere. Where one of them is down, or has that address, nobody can say whose it was.
fn moved_target<'w, 'f>(
    world: &'w World<'f>,
    client: &ContainerFact,
    gone: IpAddr,
) -> Option<(&'w Edge<'f>, &'f ContainerFact)> {
    let is_clear = |one: &ContainerFact| {
        world.runs(one)
            && world.networks(one).is_some()
            && defect(world, one).is_none()
            && !addresses(world, one).contains(&gone)
    };
    let mut newest: Option<(&'w Edge<'f>, &'f ContainerFact)> = None;
    for edge in world
        .edges()
        .iter()
        .filter(|edge| edge.client.name == client.name)
    {
        let Target::Service { containers, .. } = &edge.target else {
            continue;
        };
        if !containers.iter().all(|one| is_clear(one)) {
            return None;
        }
        let later = containers.iter().filter(|one| one.started > client.started);
        for one in later {
            if newest.is_none_or(|(_, other)| one.started > other.started) {
                newest = Some((edge, one));
            }
        }
    }
    newest
}

/// Who has an address now, for people.
fn heir(world: &World<'_>, network: &NetworkFact, gone: IpAddr) -> String {
    let mut containers = world.containers();
    let own = containers.find(|one| addresses(world, one).contains(&gone));
    let mut strangers = network.strangers.iter();
    let stranger = strangers.find(|one| one.ipv4.as_deref() == Some(&gone.to_string()));
    match (own.and_then(|one| one.service.as_deref()), stranger) {
        (Some(own), _) => format!("`{own}` has that address"),
        (None, Some(stranger)) => format!("container `{}` has that address", stranger.name),
        (None, None) => format!("nobody on `{}` has that address", network.name),
    }
}

fn stale(world: &World<'_>, client: &ContainerFact, gone: IpAddr, dials: Evidence) -> Option<Case> {
    // An address of its own networks, which somebody there had.
    let shared = world
        .networks(client)?
        .keys()
        .filter_map(|name| world.network(name));
    let holds =
        |network: &&NetworkFact| network.subnets.iter().any(|subnet| contains(subnet, gone));
    let network = shared.into_iter().find(holds)?;
    let (edge, target) = moved_target(world, client, gone)?;
    // Who complained before it was there again may have looked its name up since. nginx does so only where it is told to.
    let is_before = |at| target.started.is_some_and(|started| at < started);
    let is_before = dials.at.is_some_and(is_before);
    let asks_once = world.recipe(client).is_some_and(|it| it.name == "nginx");
    if is_before && !asks_once {
        return None;
    }
    let (name, containers) = edge.service()?;
    let now: Vec<String> = containers
        .iter()
        .flat_map(|one| addresses(world, one))
        .map(|it| it.to_string())
        .collect();
    let now = Some(now.join(", ")).filter(|now| !now.is_empty())?;
    let whose = heir(world, network, gone);
    let claim =
        format!("it goes on to dial {gone} for `{name}`, which is at {now} by now; {whose}");
    let text = format!("{}: at {now}", target.name);
    let proves = "the address that is dialled is none of these";
    let elsewhere = shown(FactRef::Networks(target.name.clone()), text, proves);
    let runs = world.state(target).map(|_| {
        let text = format!("{}: running, started after {}", target.name, client.name);
        shown(
            FactRef::State(target.name.clone()),
            text,
            "it is there, elsewhere",
        )
    });
    let takes = tried(world, edge, "by its name it can be reached from there")
        .filter(|_| is_taken(world, edge))
        .or_else(|| listening(target, world, "it is there to be called"));
    let service = client.service.as_deref().unwrap_or(&client.name);
    Some(
        Case::new(culprit(client, None), claim)
            .between(Some(name), client.service.as_deref())
            .mended_by(
                format!("let it look the name up again: `bowline restart {service}`; so that it stays right, let it ask again by itself (nginx: `resolver 127.0.0.11 valid=10s;` and the name in a variable)"),
                Safety::Restart,
            )
            .by_command(["bowline", "restart", service])
            .decides("the address that it dials", Some(dials))
            .decides("where the service is", Some(elsewhere))
            .decides("that the service takes calls", takes)
            .rules_out(Code("D052"), runs.clone())
            .rules_out(Code("D059"), runs)
            .at_most(if is_before {
                Confidence::Likely
            } else {
                Confidence::Certain
            }),
    )
}

fn is_taken(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let tried = world.tried(edge.client, &edge.host.name);
    tried.is_some_and(|tried| {
        tried
            .dialled
            .iter()
            .any(|dialled| dialled.answer == DialAnswer::Connected)
    })
}

/// The addresses that a container has now.
fn addresses(world: &World<'_>, container: &ContainerFact) -> Vec<IpAddr> {
    let endpoints = world.networks(container);
    let endpoints = endpoints.into_iter().flat_map(|networks| networks.values());
    endpoints
        .flat_map(|endpoint| [&endpoint.ipv4, &endpoint.ipv6])
        .filter_map(|address| address.as_deref()?.parse().ok())
        .collect()
}

/// Somebody else who has the name that an edge dials: a service of the stack, or a stranger on one of its networks.
struct Namesake {
    /// What is to be mended.
    culprit: crate::finding::Culprit,
    /// Its name for people.
    who: String,
    /// That it has the name.
    evidence: Evidence,
    /// Its address there, where it does something else than who was meant.
    address: Option<String>,
}

fn namesake<'f>(
    world: &World<'f>,
    edge: &Edge<'f>,
    containers: &[&'f ContainerFact],
) -> Option<Namesake> {
    let dialled = edge.host.name.as_str();
    let mine = world.networks(edge.client)?;
    let is_near = |one: &&ContainerFact| {
        world
            .networks(one)
            .is_some_and(|networks| networks.keys().any(|network| mine.contains_key(network)))
    };
    let near: Vec<&ContainerFact> = containers
        .iter()
        .copied()
        .filter(|one| world.runs(one))
        .filter(is_near)
        .collect();
    let first = near
        .iter()
        .find(|one| one.service.as_deref() == Some(dialled))
        .or(near.first())?;
    // A container that nobody wants any more is to go, rather than the name.
    let is_wanted = |one: &&&ContainerFact| !is_orphan(world, &one.name);
    let mut others = near.iter().filter(|one| one.service != first.service);
    if let Some(other) = others.find(is_wanted) {
        let service = other.service.as_deref().unwrap_or(&other.name);
        let text = format!(
            "{} and {}: both are called `{dialled}`",
            first.name, other.name
        );
        return Some(Namesake {
            culprit: culprit(other, Some("networks")),
            who: format!("`{service}`"),
            evidence: shown(
                FactRef::Networks(other.name.clone()),
                text,
                "the name leads now to the one, now to the other",
            ),
            address: Some(*other)
                .filter(|other| differ(first, other))
                .and_then(|other| {
                    let shared = other.endpoints.iter();
                    let mut shared = shared.filter(|(network, _)| mine.contains_key(*network));
                    shared.find_map(|(_, endpoint)| endpoint.ipv4.clone())
                }),
        });
    }
    stranger(world, edge, first)
}

/// Whether two containers do different work. Those that share a name on purpose are called alike as well (`app-blue`,
/// `app-green`), or are given the same files.
fn differ(one: &ContainerFact, other: &ContainerFact) -> bool {
    let files = |container: &ContainerFact| -> BTreeSet<String> {
        let mounts = container.mounts.iter().filter(|mount| mount.kind == "bind");
        mounts.map(|mount| mount.source.clone()).collect()
    };
    let stem = |container: &ContainerFact| {
        let name = container.service.clone().unwrap_or_default();
        let parts: Vec<&str> = name.split(['-', '_', '.']).collect();
        let rest = parts.split_last().map_or(&*parts, |(_, rest)| rest);
        let rest = if rest.is_empty() {
            name.clone()
        } else {
            rest.join("-")
        };
        rest.trim_end_matches(|it: char| it.is_ascii_digit())
            .to_owned()
    };
    let is_other = repository(&one.image) != repository(&other.image)
        || one.command != other.command
        || files(one) != files(other);
    is_other && stem(one) != stem(other)
}

/// That the resolver gives the address of a namesake too, to a client that is not well, or before whom somebody is not, or to
/// another one that dials the same name.
fn led_to(world: &World<'_>, edge: &Edge<'_>, address: Option<&str>) -> Option<Evidence> {
    let address = address?.parse().ok()?;
    let is_led = |other: &&Edge<'_>| {
        let tried = world.tried(other.client, &other.host.name);
        tried.is_some_and(
            |tried| matches!(&tried.name, NameAnswer::Addresses(all) if all.contains(&address)),
        )
    };
    let edges = world.edges().iter();
    let mut same = edges.filter(|other| other.host.name == edge.host.name);
    let led = same.find(is_led).filter(|_| is_hurt(world, edge.client))?;
    tried(world, led, "one of these addresses is the other's")
}

/// A container of somebody else that has the name, on a network of the client.
fn stranger(world: &World<'_>, edge: &Edge<'_>, first: &ContainerFact) -> Option<Namesake> {
    let dialled = edge.host.name.as_str();
    let mine = world.networks(edge.client)?;
    mine.keys()
        .filter_map(|network| world.network(network))
        .find_map(|network| {
            let is_it = |alias: &String| alias.eq_ignore_ascii_case(dialled);
            let stranger = network
                .strangers
                .iter()
                .find(|one| one.aliases.iter().any(is_it) || is_it(&one.name))?;
            let whose = stranger
                .project
                .as_ref()
                .map(|project| format!(" of the project `{project}`"))
                .unwrap_or_default();
            let text = format!(
                "{} and {}: both are called `{dialled}` on `{}`",
                first.name, stranger.name, network.name
            );
            Some(Namesake {
                culprit: whole(CulpritKind::Network, &network.name),
                who: format!("container `{}`{whose}", stranger.name),
                evidence: shown(
                    FactRef::Network(network.name.clone()),
                    text,
                    "the name leads now to the one, now to the other",
                ),
                address: stranger.ipv4.clone(),
            })
        })
}

/// Whether somebody else near a client has the name that it dials.
pub(crate) fn is_shared<'f>(world: &World<'f>, edge: &Edge<'f>) -> bool {
    match &edge.target {
        Target::Service { containers, .. } => namesake(world, edge, containers).is_some(),
        _ => false,
    }
}

fn shared_name(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let Some(namesake) = namesake(world, edge, containers) else {
            continue;
        };
        let attempt = world
            .tried(edge.client, &edge.host.name)
            .filter(|tried| is_mixed(tried));
        let is_mixed_there = attempt.is_some();
        let attempt = attempt
            .and_then(|_| {
                tried(
                    world,
                    edge,
                    "some of those who have the name take the call, and some do not",
                )
            })
            .or_else(|| complaint(world, edge, NOT_TAKEN));
        let is_felt = is_mixed_there || sure_of(world, edge, NOT_TAKEN) == Confidence::Certain;
        let attempt = attempt.or_else(|| led_to(world, edge, namesake.address.as_deref()));
        if attempt.is_none() {
            continue;
        }
        let claim = format!(
            "`{}` leads to `{name}` and to {} as well, so calls reach now the one, now the other",
            edge.host.name, namesake.who
        );
        cases.push(
            Case::new(namesake.culprit, claim)
                .at_most(if is_felt { Confidence::Certain } else { Confidence::Likely })
                .seen_in(edge.client.service.as_deref())
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(
                    format!("take the alias `{}` from one of them, or put them on networks of their own; then `bowline up`", edge.host.name),
                    Safety::NeedsYou,
                )
                .decides("who has the name", Some(namesake.evidence.clone()))
                .decides("the address", Some(address(edge, "this is the name that it goes by")))
                .decides("the attempt", attempt)
                .rules_out(Code("D059"), Some(namesake.evidence)),
        );
    }
}
