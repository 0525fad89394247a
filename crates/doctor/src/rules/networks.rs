//! Networks that are not there, lead nowhere, or have no room for an address.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bowline_recipes::Says;

use crate::collect::networks::bridge;
use crate::edit::{Change, Spot};
use crate::facts::{ContainerFact, MissingNetwork, NameAnswer, NetworkFact, TakenSubnet};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::subnet::{contains, overlap, prefix};
use crate::world::{Edge, Target, World, culprit, noted, shown, spoken, whole};

use super::names::{complaint, sure_of, tried};

pub(crate) const ADDRESS_TAKEN: Rule = Rule {
    code: Code("D120"),
    title: "the address that it asks for on a network is taken",
    layer: Layer::Network,
    decisive: &["the refusal", "the address", "who has it"],
    look_alikes: &[Code("D048"), Code("D049")],
    yields: false,
    endangers_data: false,
    find: address_taken,
};

pub(crate) const NO_SUBNET: Rule = Rule {
    code: Code("D121"),
    title: "a network cannot be made: its subnet overlaps, or none is free",
    layer: Layer::Network,
    decisive: &["the refusal", "the subnets"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: no_subnet,
};

pub(crate) const NETWORK_GONE: Rule = Rule {
    code: Code("D122"),
    title: "its network was removed while it was kept",
    layer: Layer::Network,
    decisive: &["the refusal", "that it is gone"],
    look_alikes: &[Code("D121")],
    yields: false,
    endangers_data: false,
    find: network_gone,
};

pub(crate) const ROUTE_CAPTURED: Rule = Rule {
    code: Code("D045"),
    title: "a route of the host leads the stack's addresses elsewhere",
    layer: Layer::Platform,
    decisive: &["the route", "the network"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: route_captured,
};

pub(crate) const UPSTREAM_DNS: Rule = Rule {
    code: Code("D090"),
    title: "names outside of the stack cannot be looked up",
    layer: Layer::Network,
    decisive: &[
        "the answer",
        "that names of the stack are known",
        "that there is a way out",
    ],
    look_alikes: &[Code("D051"), Code("D091")],
    yields: false,
    endangers_data: false,
    find: upstream_dns,
};

pub(crate) const NO_WAY_OUT: Rule = Rule {
    code: Code("D091"),
    title: "wants to go outside, and is on internal networks only",
    layer: Layer::Network,
    decisive: &["the network", "the attempt"],
    look_alikes: &[Code("D090")],
    yields: false,
    endangers_data: false,
    find: no_way_out,
};

fn refusal(container: &ContainerFact, error: &str, proves: &str) -> Evidence {
    shown(
        FactRef::State(container.name.clone()),
        format!("{}: {error}", container.name),
        proves,
    )
}

fn address_taken(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(error) = world
            .state(container)
            .and_then(|state| state.error.as_deref())
        else {
            continue;
        };
        let is_port = ["bind: ", "host port", "port is already"]
            .iter()
            .any(|words| error.contains(words));
        if is_port || !error.to_lowercase().contains("address already in use") {
            continue;
        }
        let endpoints = world.networks(container).into_iter().flatten();
        for (network, endpoint) in endpoints {
            let Some(wanted) = endpoint.wanted_ipv4.as_deref() else {
                continue;
            };
            let holder = holder(world, container, network, wanted);
            let who = holder.as_ref().map_or_else(
                || "somebody else".to_owned(),
                |(name, _)| format!("`{name}`"),
            );
            let claim =
                format!("it asks for the address {wanted} on network `{network}`, which {who} has");
            let text = format!("{}: asks for {wanted} on `{network}`", container.name);
            let asked = shown(
                FactRef::Networks(container.name.clone()),
                text,
                "a fixed address",
            );
            let refused = refusal(
                container,
                error,
                "an address is taken; no port is spoken of",
            );
            cases.push(
                Case::new(culprit(container, Some("networks")), claim)
                    .mended_by(
                        format!("give it another `ipv4_address`, or keep a part of the subnet free for fixed addresses with `ip_range` under `ipam` of `{network}`; then `bowline up`"),
                        Safety::NeedsYou,
                    )
                    .decides("the refusal", Some(refused.clone()))
                    .decides("the address", Some(asked))
                    .decides("who has it", holder.map(|(_, evidence)| evidence))
                    .rules_out(Code("D048"), Some(refused.clone()))
                    .rules_out(Code("D049"), Some(refused)),
            );
        }
    }
}

/// Who has an address on a network: another container of the stack, or a stranger.
fn holder(
    world: &World<'_>,
    container: &ContainerFact,
    network: &str,
    wanted: &str,
) -> Option<(String, Evidence)> {
    let proves = "it was there first";
    let text = |name: &str| format!("{name}: has {wanted} on `{network}`");
    let of_stack = world.containers().find(|other| {
        let endpoint = world
            .networks(other)
            .and_then(|networks| networks.get(network));
        other.name != container.name
            && endpoint.is_some_and(|it| it.ipv4.as_deref() == Some(wanted))
    });
    if let Some(other) = of_stack {
        let fact = FactRef::Networks(other.name.clone());
        return Some((other.name.clone(), shown(fact, text(&other.name), proves)));
    }
    let strangers = &world.network(network)?.strangers;
    let stranger = strangers
        .iter()
        .find(|one| one.ipv4.as_deref() == Some(wanted))?;
    let fact = FactRef::Network(network.to_owned());
    Some((
        stranger.name.clone(),
        shown(fact, text(&stranger.name), proves),
    ))
}

/// The engine's words for a subnet that it cannot give.
const NO_POOL: &[&str] = &[
    "pool overlaps",
    "non-overlapping ipv4",
    "all predefined address pools",
    "no available network",
];

fn no_subnet(world: &World<'_>, cases: &mut Vec<Case>) {
    for network in world
        .missing_networks()
        .filter(|network| !network.is_external)
    {
        let mut steps = world.not_done();
        let refused = steps.find(|step| {
            let error = step.error.to_lowercase();
            step.step.contains(&network.name) && NO_POOL.iter().any(|words| error.contains(words))
        });
        let taken = world.taken_subnets().iter().find(|taken| {
            network
                .subnets
                .iter()
                .any(|subnet| overlap(subnet, &taken.subnet))
        });
        if refused.is_none() && taken.is_none() {
            continue;
        }
        let claim = cannot_be_made(network, taken);
        let count = world.taken_subnets().len();
        let subnets = match taken {
            Some(taken) => Some(format!("network `{}` has {}", taken.network, taken.subnet)),
            None => (count > 0).then(|| format!("{count} subnets are in use")),
        };
        let subnets = subnets.map(|text| {
            shown(
                FactRef::Subnets,
                text,
                "no two networks may share addresses",
            )
        });
        let waits = world
            .declared_services()
            .find(|(_, service)| service.networks.contains(&network.name));
        cases.push(
            Case::new(whole(CulpritKind::Network, &network.name), claim)
                .seen_in(waits.map(|(name, _)| name))
                .mended_by(
                    "write another `subnet` under `ipam`, remove networks that nobody uses (`docker network ls` lists them), or give the engine more in `default-address-pools`; then `bowline up`",
                    Safety::NeedsYou,
                )
                .decides("the refusal", refused.map(|step| noted(step, "the engine could not give it addresses")))
                .decides("the subnets", subnets),
        );
    }
}

fn cannot_be_made(network: &MissingNetwork, taken: Option<&TakenSubnet>) -> String {
    match taken {
        Some(taken) => format!(
            "network `{}` cannot be made: its subnet {} overlaps {} of network `{}`",
            network.name,
            network.subnets.join(", "),
            taken.subnet,
            taken.network
        ),
        None if network.subnets.is_empty() => format!(
            "network `{}` cannot be made: the engine has no free subnet left for it",
            network.name
        ),
        None => format!(
            "network `{}` cannot be made: its subnet {} overlaps another one of the host",
            network.name,
            network.subnets.join(", ")
        ),
    }
}

fn network_gone(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(error) = world
            .state(container)
            .and_then(|state| state.error.as_deref())
        else {
            continue;
        };
        let lower = error.to_lowercase();
        if !(lower.contains("network") && lower.contains("not found")) {
            continue;
        }
        let endpoints = world.networks(container);
        let names = endpoints.into_iter().flat_map(|networks| networks.keys());
        let is_gone = |name: &&String| {
            // Where it was made again, its id is another one.
            world
                .network(name)
                .is_none_or(|network| error.contains("network ") && !error.contains(&network.id))
        };
        let gone = names.into_iter().find(is_gone).map(String::as_str);
        let name = gone.unwrap_or("its network");
        let claim = format!(
            "it was made for network `{name}`, which was removed and is gone, or is another one by now"
        );
        let text = match gone.and_then(|name| world.network(name)) {
            Some(network) => format!("network `{name}`: id {}", network.id),
            None => format!(
                "{}: on network `{name}`, which the engine does not have",
                container.name
            ),
        };
        let missing = gone.map(|_| {
            shown(
                FactRef::Networks(container.name.clone()),
                text,
                "a container keeps the id of its network",
            )
        });
        let refused = refusal(container, error, "the engine does not find the network");
        let service = container.service.as_deref().unwrap_or_default();
        let culprit = match gone {
            Some(name) => whole(CulpritKind::Network, name),
            None => culprit(container, Some("networks")),
        };
        cases.push(
            Case::new(culprit, claim)
                .seen_in(container.service.as_deref())
                .mended_by(
                    "make network and container again: `bowline up --force-recreate`",
                    Safety::Restart,
                )
                .by_command(["bowline", "up", "--force-recreate", service])
                .decides("the refusal", Some(refused.clone()))
                .decides("that it is gone", missing)
                .rules_out(Code("D121"), Some(refused)),
        );
    }
}

fn route_captured(world: &World<'_>, cases: &mut Vec<Case>) {
    for network in world.all_networks() {
        let device = bridge(network);
        let addresses = world.containers().filter_map(|container| {
            let endpoint = world.networks(container)?.get(&network.name)?;
            endpoint.ipv4.as_deref()?.parse::<IpAddr>().ok()
        });
        let is_bridge = network
            .driver
            .as_deref()
            .is_none_or(|driver| driver == "bridge");
        for address in addresses.filter(|_| is_bridge).take(1) {
            let routes = world
                .routes()
                .iter()
                .filter(|route| contains(&route.subnet, address));
            let best = routes.clone().max_by_key(|route| prefix(&route.subnet));
            let best = best.filter(|best| {
                best.device != device && best.device != "lo" && prefix(&best.subnet) > Some(0)
            });
            let has_own = world.routes().iter().any(|route| route.device == device);
            let Some(best) = best.filter(|_| has_own) else {
                continue;
            };
            let claim = format!(
                "the host sends what is for {address} of network `{}` to `{}` ({}), not to `{device}`: a VPN or another network has the same addresses",
                network.name, best.device, best.subnet
            );
            let route = shown(
                FactRef::Routes,
                format!("route: {} by {}", best.subnet, best.device),
                "the narrowest route wins",
            );
            let there = shown(
                FactRef::Network(network.name.clone()),
                format!(
                    "network `{}`: {} on {device}",
                    network.name,
                    network.subnets.join(", ")
                ),
                "its containers are there",
            );
            cases.push(
                Case::new(whole(CulpritKind::Network, &network.name), claim)
                    .mended_by(
                        "give the network another `subnet` under `ipam`, then `bowline up`; or let the VPN leave these addresses alone",
                        Safety::NeedsYou,
                    )
                    .at_most(Confidence::Likely)
                    .decides("the route", Some(route))
                    .decides("the network", Some(there)),
            );
        }
    }
}

/// The networks of a container, looked up.
fn networks_of<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<&'f NetworkFact> {
    let networks = world.networks(container).into_iter().flatten();
    networks
        .filter_map(|(name, _)| world.network(name))
        .collect()
}

/// The address of an edge: as it is written, or as the client's own table of hosts has it.
pub(super) fn literal(edge: &Edge<'_>) -> Option<IpAddr> {
    let own = edge.client.extra_hosts.iter().find_map(|entry| {
        let (name, address) = entry.split_once([':', '='])?;
        (name == edge.host.name).then_some(address)
    });
    own.unwrap_or(&edge.host.name).parse().ok()
}

/// Whether an edge leads out of the stack, and to nobody's loopback.
fn leads_outside(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let is_in_stack = |address: IpAddr| {
        world.all_networks().any(|network| {
            network
                .subnets
                .iter()
                .any(|subnet| contains(subnet, address))
        })
    };
    matches!(edge.target, Target::Elsewhere)
        && !edge.host.name.starts_with('#')
        && literal(edge).is_none_or(|address| !is_in_stack(address))
        && edge.client.network_mode.as_deref() != Some("host")
}

/// What somebody says who does not get outside.
pub(super) const NOT_OUT: &[Says] = &[
    Says::NameUnanswered,
    Says::NameUnknown,
    Says::ConnectionTimeout,
    Says::NoRoute,
    Says::ConnectionFailed,
    Says::UpstreamNameUnknown,
];

/// The answer that an outside name got from within a client, where its servers gave none.
fn unanswered(world: &World<'_>, edge: &Edge<'_>) -> Option<Evidence> {
    let asked = world.tried(edge.client, &edge.host.name)?;
    let has_none = matches!(asked.name, NameAnswer::ServerFailed | NameAnswer::NoAnswer);
    has_none.then(|| {
        tried(
            world,
            edge,
            "the servers behind the container's resolver do not answer",
        )
    })?
}

/// A name of the stack that a client's resolver knows.
fn known_name(world: &World<'_>, client: &ContainerFact) -> Option<Evidence> {
    let names = world
        .containers()
        .filter_map(|container| container.service.as_deref());
    let known = names.filter_map(|name| world.tried(client, name));
    let known = known
        .into_iter()
        .find(|tried| matches!(tried.name, NameAnswer::Addresses(_)))?;
    let fact = FactRef::Tried {
        from: known.from.clone(),
        host: known.host.clone(),
    };
    let text = format!("{}: `{}` is known", known.from, known.host);
    Some(shown(
        fact,
        text,
        "its resolver answers, for names of the stack",
    ))
}

fn upstream_dns(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        if world.seems_well(edge.client) || !leads_outside(world, edge) || literal(edge).is_some() {
            continue;
        }
        let networks = networks_of(world, edge.client);
        if !networks.is_empty() && networks.iter().all(|network| network.internal) {
            continue;
        }
        let said = complaint(world, edge, &[Says::NameUnanswered]);
        let answer = unanswered(world, edge);
        if answer.is_none() && said.is_none() {
            continue;
        }
        let out = networks
            .iter()
            .find(|network| !network.internal)
            .map(|network| {
                let text = format!("network `{}`: not internal", network.name);
                shown(
                    FactRef::Network(network.name.clone()),
                    text,
                    "it leads outside",
                )
            });
        let known = known_name(world, edge.client);
        let (field, claim) = if edge.client.dns.is_empty() {
            let claim = format!(
                "`{}` cannot be looked up: the name servers of the host do not answer",
                edge.host.name
            );
            (None, claim)
        } else {
            let claim = format!(
                "`{}` cannot be looked up: the name servers that it was given ({}) do not answer",
                edge.host.name,
                edge.client.dns.join(", ")
            );
            (Some("dns"), claim)
        };
        let fix = if field.is_some() {
            "correct `dns`, or leave it out to use the host's name servers; then `bowline up`"
        } else {
            "see that the host itself can look it up (`/etc/resolv.conf`), or write servers under `dns`; then `bowline up`"
        };
        cases.push(
            Case::new(culprit(edge.client, field), claim)
                .mended_by(fix, Safety::NeedsYou)
                .at_most(if answer.is_some() {
                    Confidence::Certain
                } else {
                    Confidence::Likely
                })
                .decides("the answer", answer.or(said))
                .decides("that names of the stack are known", known.clone())
                .decides("that there is a way out", out.clone())
                .rules_out(Code("D051"), known)
                .rules_out(Code("D091"), out),
        );
    }
}

/// The only network of the stack that leads outside; its default network, where it has none.
fn open_network(world: &World<'_>) -> Option<String> {
    let networks = world.containers().flat_map(|one| networks_of(world, one));
    let open: BTreeSet<&str> = networks
        .filter(|network| !network.internal)
        .map(|network| network.name.as_str())
        .collect();
    match open.len() {
        0 => Some("default".to_owned()),
        1 => open.first().map(|name| (*name).to_owned()),
        _ => None,
    }
}

fn no_way_out(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let networks = networks_of(world, edge.client);
        let is_shut = !networks.is_empty() && networks.iter().all(|network| network.internal);
        let knows_all = edge.client.endpoints.len() == networks.len();
        if world.seems_well(edge.client) || !is_shut || !knows_all || !leads_outside(world, edge) {
            continue;
        }
        let attempt = complaint(world, edge, NOT_OUT).or_else(|| unanswered(world, edge));
        if attempt.is_none() {
            continue;
        }
        let names: Vec<&str> = networks
            .iter()
            .map(|network| network.name.as_str())
            .collect();
        let claim = format!(
            "`{}` wants to reach `{}`, and is on internal networks only ({}), which lead nowhere else",
            edge.client.service.as_deref().unwrap_or(&edge.client.name),
            edge.host.name,
            names.join(", ")
        );
        let text = format!("network `{}`: internal", names[0]);
        let shut = shown(
            FactRef::Network(names[0].to_owned()),
            text,
            "it has no way out, by its files",
        );
        cases.push(
            Case::new(whole(CulpritKind::Network, names[0]), claim)
                // From an internal network no name outside is ever answered, whether somebody needs it or not.
                .at_most(sure_of(world, edge, NOT_OUT))
                .seen_in(edge.client.service.as_deref())
                .mended_by(
                    "put the service on a second network that is not `internal`, under `networks`, then `bowline up`",
                    Safety::Restart,
                )
                .by_edits(open_network(world).and_then(|entry| {
                    let spot = Spot::field(edge.client, "networks")?;
                    Some(spot.change(Change::Add { entry }))
                }))
                .decides("the network", Some(shut.clone()))
                .decides("the attempt", attempt)
                .rules_out(Code("D090"), Some(shut)),
        );
    }
}

/// What a client says of a host outside: in words that are about that very host, or about none where it is the only one
/// that it dials and all else that it dials is well.
pub(super) fn outside_complaint<'w>(
    world: &'w World<'_>,
    edge: &Edge<'_>,
    words: &[Says],
) -> Option<(Evidence, &'w crate::world::Said<'w>)> {
    if !leads_outside(world, edge) {
        return None;
    }
    let own = world.edges().iter();
    let own = own.filter(|other| other.client.name == edge.client.name);
    let (outside, inside): (Vec<_>, Vec<_>) = own.partition(|other| leads_outside(world, other));
    let is_alone = outside
        .iter()
        .all(|other| other.host.name == edge.host.name)
        && inside.iter().all(|other| world.trouble(other).is_none());
    let names_it = |host: Option<&str>| match host {
        Some(host) => host.eq_ignore_ascii_case(&edge.host.name),
        None => is_alone,
    };
    let mut said = world.said(edge.client).iter();
    let said = said.find(|said| {
        said.is_fresh && words.contains(&said.says) && names_it(said.capture("host"))
    })?;
    Some((
        spoken(
            edge.client,
            said,
            "it tried, and did not get what it wanted",
        ),
        said,
    ))
}
