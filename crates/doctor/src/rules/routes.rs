//! Containers that have no way to where they want to go, or live in a network that is over.

use std::collections::BTreeSet;
use std::net::IpAddr;

use crate::edit::{Change, Spot};
use crate::facts::{ContainerFact, DialAnswer, NetworkFact};
use crate::finding::{Code, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::subnet::contains;
use crate::world::{Edge, World, culprit, shown};

use super::names::{address, complaint, sure_of, tried};
use super::networks::{NOT_OUT, literal};

pub(crate) const NO_ROUTE: Rule = Rule {
    code: Code("D103"),
    title: "it has no way to where it wants to go",
    layer: Layer::Network,
    decisive: &[
        "where it wants to go",
        "where it can go",
        "what comes of it",
    ],
    look_alikes: &[Code("D051")],
    yields: false,
    endangers_data: false,
    find: no_route,
};

fn no_route(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        cases.extend(on_another_network(world, edge));
        cases.extend(lost_its_route(world, edge));
    }
    for host in world.containers() {
        cases.extend(left_behind(world, host));
    }
}

/// An address is dialled that is on a network of the stack, and the client is not on that one.
fn on_another_network(world: &World<'_>, edge: &Edge<'_>) -> Option<Case> {
    let there = literal(edge)?;
    let own = world.networks(edge.client)?;
    let holds =
        |network: &&NetworkFact| network.subnets.iter().any(|subnet| contains(subnet, there));
    let network = world.all_networks().find(holds)?;
    let attempt = complaint(world, edge, NOT_OUT)?;
    if own.contains_key(&network.name) || world.seems_well(edge.client) {
        return None;
    }
    let at = |container: &&ContainerFact| {
        let endpoint = container.endpoints.get(&network.name);
        endpoint.is_some_and(|endpoint| endpoint.ipv4.as_deref() == Some(&there.to_string()))
    };
    let whose = world.containers().find(at);
    let whose = whose.and_then(|container| container.service.as_deref());
    let claim = format!(
        "it dials {there}, which is on network `{}`{}; it is not on that network",
        network.name,
        whose.map(|name| format!(" (`{name}`)")).unwrap_or_default()
    );
    let names: Vec<&str> = own.keys().map(String::as_str).collect();
    let text = format!("{}: on {}", edge.client.name, names.join(", "));
    let networks = FactRef::Networks(edge.client.name.clone());
    let apart = shown(networks, text, "none of them leads there");
    let attach = whose.and(Spot::field(edge.client, "networks"));
    let attach = attach.map(|spot| {
        spot.change(Change::Add {
            entry: network.name.clone(),
        })
    });
    Some(
        Case::new(culprit(edge.client, Some("networks")), claim)
            .at_most(sure_of(world, edge, NOT_OUT))
            .between(whose, edge.client.service.as_deref())
            .mended_by(
                format!("put it on `{}` under `networks`, and dial the service by its name; then `bowline up`", network.name),
                Safety::Restart,
            )
            .by_edits(attach)
            .decides("where it wants to go", Some(address(edge, "it is told to go there")))
            .decides("where it can go", Some(apart))
            .decides("what comes of it", Some(attempt))
            .rules_out(Code("D051"), Some(address(edge, "no name is looked up"))),
    )
}

/// A client is on the network of a service, as the engine has it, and its table of routes leads there no more.
fn lost_its_route(world: &World<'_>, edge: &Edge<'_>) -> Option<Case> {
    let (name, containers) = edge.service().filter(|_| edge.is_near())?;
    let routes = world.inside(edge.client)?.routes.as_ref()?;
    let (network, there) = containers
        .iter()
        .find_map(|target| shared_address(world, edge.client, target))?;
    if routes.iter().any(|route| contains(route, there)) {
        return None;
    }
    let attempt = complaint(world, edge, NOT_OUT).or_else(|| {
        let tried_it = world.tried(edge.client, &edge.host.name)?;
        let mut dialled = tried_it.dialled.iter();
        dialled
            .any(|one| one.answer == DialAnswer::NoRoute)
            .then(|| tried(world, edge, "from within it, now"))?
    });
    let claim = format!("it is on network `{network}` with `{name}`, and has no route there");
    let text = format!("{}: {name} is {there} on {network}", edge.client.name);
    let networks = FactRef::Networks(edge.client.name.clone());
    let near = shown(
        networks,
        text,
        "the engine has attached both to one network",
    );
    let mut again = vec!["bowline", "restart"];
    again.extend(edge.client.service.as_deref());
    Some(
        Case::new(culprit(edge.client, Some("networks")), claim)
            .between(Some(name), edge.client.service.as_deref())
            .mended_by(
                "restart it: the engine makes its routes anew; then see what takes them away",
                Safety::Restart,
            )
            .by_command(again)
            .decides("where it wants to go", Some(near.clone()))
            .decides("where it can go", Some(ways(edge.client, routes)))
            .decides("what comes of it", attempt)
            .rules_out(Code("D051"), Some(near)),
    )
}

/// The address of a container on a network that it shares with another one.
fn shared_address<'f>(
    world: &World<'f>,
    from: &'f ContainerFact,
    target: &'f ContainerFact,
) -> Option<(&'f str, IpAddr)> {
    let own = world.networks(from)?;
    let networks = world.networks(target)?.iter();
    let mut shared = networks.filter(|(name, _)| own.contains_key(*name));
    shared.find_map(|(name, endpoint)| {
        let address = endpoint.ipv4.as_deref()?.parse().ok()?;
        Some((name.as_str(), address))
    })
}

/// The table of routes of a container, as evidence.
fn ways(container: &ContainerFact, routes: &BTreeSet<String>) -> Evidence {
    let text = if routes.is_empty() {
        format!("{}: has no route at all", container.name)
    } else {
        let routes: Vec<&str> = routes.iter().map(String::as_str).collect();
        format!(
            "{}: has routes to {} only",
            container.name,
            routes.join(", ")
        )
    };
    let fact = FactRef::Inside(container.name.clone());
    shown(fact, text, "the kernel knows no way there")
}

/// Containers that share the network of another one, and still live in the one that it had before it was started again:
/// a container's network ends with its run (Docker's manual of `docker run`, "container" network mode).
fn left_behind(world: &World<'_>, host: &ContainerFact) -> Option<Case> {
    let now = world.inside(host)?.namespace?;
    let in_former = |guest: &&ContainerFact| {
        let lives_in = world.inside(guest).and_then(|inside| inside.namespace);
        lives_in.is_some_and(|namespace| namespace != now)
    };
    let guests = world.containers().filter(|guest| {
        let owner = world.host_of(guest);
        owner.is_some_and(|owner| owner.name == host.name)
    });
    let left: Vec<&ContainerFact> = guests.filter(in_former).collect();
    left_case(world, host, &left)
}

fn left_case(world: &World<'_>, host: &ContainerFact, left: &[&ContainerFact]) -> Option<Case> {
    let guest = *left.first()?;
    let services: Vec<&str> = left.iter().filter_map(|it| it.service.as_deref()).collect();
    let owner = host.service.as_deref().unwrap_or(&host.name);
    let claim = match services.as_slice() {
        [_] => format!(
            "it is left in the network that `{owner}` had before it was started again: nobody reaches it, and it reaches nobody"
        ),
        all => format!(
            "`{}` are left in the network that `{owner}` had before it was started again: nobody reaches them, and they reach nobody",
            all.join("`, `")
        ),
    };
    let text = format!("{}: lives in the network of {}", guest.name, host.name);
    let networks = FactRef::Networks(guest.name.clone());
    let shares = shown(
        networks,
        text,
        "the engine put it there when it was started",
    );
    let text = format!(
        "{}: in a network namespace that is not the one of {}",
        guest.name, host.name
    );
    let inside = FactRef::Inside(guest.name.clone());
    let apart = shown(inside, text, "that network is over");
    let routes = world.inside(guest)?.routes.as_ref();
    let cut_off = routes.filter(|routes| routes.is_empty());
    let cut_off = cut_off.map(|routes| ways(guest, routes));
    let caller = caller(world, host);
    let suffers = caller.and_then(|client| world.complaint_by(client, "it does not get there"));
    let again = ["bowline", "restart"].into_iter().chain(services);
    Some(
        Case::new(culprit(guest, Some("network_mode")), claim)
            .between(
                guest.service.as_deref(),
                caller.and_then(|client| client.service.as_deref()),
            )
            .mended_by(
                format!(
                    "restart what lives in the network of `{owner}` whenever that was started again"
                ),
                Safety::Restart,
            )
            .by_command(again)
            .decides("where it wants to go", Some(shares.clone()))
            .decides("where it can go", Some(apart))
            .decides("what comes of it", cut_off.or(suffers))
            .rules_out(Code("D051"), Some(shares)),
    )
}

/// Somebody who dials a container and is not well.
fn caller<'f>(world: &World<'f>, host: &ContainerFact) -> Option<&'f ContainerFact> {
    let mut edges = world.edges().iter();
    let edge = edges.find(|edge| edge.leads_to(host) && world.fails(edge.client))?;
    Some(edge.client)
}
