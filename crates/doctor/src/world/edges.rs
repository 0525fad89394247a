//! Whom containers were told to dial: who that is, and whether it can be reached.

use std::collections::BTreeSet;
use std::net::IpAddr;

use bowline_model::carried::{Carrier, Usage};
use bowline_model::{ContainerStatus, Protocol, nearest};

use crate::collect::number;
use crate::facts::{
    ContainerFact, DialAnswer, InsideFact, ListenerFact, NameAnswer, Told, ToldHost,
};

use super::World;

/// A container, and an address that it was told to dial.
#[derive(Clone, Debug)]
pub(crate) struct Edge<'f> {
    /// Who was told.
    pub(crate) client: &'f ContainerFact,
    /// What it was told, with the login.
    pub(crate) told: &'f Told,
    /// The address.
    pub(crate) host: &'f ToldHost,
    /// The port that clients take.
    pub(crate) port: Option<u16>,
    /// Whose address it is.
    pub(crate) target: Target<'f>,
}

impl<'f> Edge<'f> {
    /// Whether client and target share a network.
    pub(crate) fn is_near(&self) -> bool {
        matches!(self.target, Target::Service { is_near: true, .. })
    }

    /// Whether a container is among those that are dialled.
    pub(crate) fn leads_to(&self, container: &ContainerFact) -> bool {
        let targets = self.service().map(|(_, targets)| targets);
        targets.is_some_and(|targets| targets.iter().any(|one| one.name == container.name))
    }

    /// The service that is dialled, with its containers; `None` where it has none, or is no service of the stack.
    pub(crate) fn service(&self) -> Option<(&'f str, &[&'f ContainerFact])> {
        match &self.target {
            Target::Service {
                name, containers, ..
            } => Some((name, containers)),
            _ => None,
        }
    }
}

/// Whose address something is, by the model alone.
#[derive(Clone, Debug)]
pub(crate) enum Target<'f> {
    /// A service of the stack that has containers.
    Service {
        /// Its name.
        name: &'f str,
        /// Its containers.
        containers: Vec<&'f ContainerFact>,
        /// Whether the client shares a network with one of them on which it has that name.
        is_near: bool,
    },
    /// A service of the files that has no container.
    Absent {
        /// Its name.
        name: &'f str,
        /// Whether it is behind a profile that is not asked for.
        is_disabled: bool,
    },
    /// The client itself: its loopback.
    Itself,
    /// A name without a dot that nobody in the stack has.
    Unknown {
        /// The name that is most like it.
        nearest: Option<&'f str>,
    },
    /// Somewhere else: an address, or a name with a dot in it.
    Elsewhere,
}

/// What is wrong with an edge, by what was seen. Only of one whose target is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble<'f> {
    /// Nobody has such a name.
    NoSuchName,
    /// The target runs, and shares no network with the client.
    OtherNetwork,
    /// The target does not run.
    Down,
    /// The target is paused.
    Paused,
    /// The target listens there, on its loopback only.
    LoopbackOnly(&'f ListenerFact),
    /// The target listens on these ports, and not on that one.
    OtherPort(BTreeSet<u16>),
    /// The target runs and listens nowhere, neither by TCP nor by UDP.
    NeverListens,
    /// Nobody listens there on the client's own loopback; the named service does on that port.
    OwnLoopback(Option<&'f str>),
    /// The target listens there, and who dials it gets no answer.
    Unanswered,
    /// The target listens there, and who dials it is refused.
    Rejected,
    /// Another service has the same name, and only one of them listens there.
    SharedName,
}

/// Every address that containers were told to dial.
pub(super) fn all<'f>(world: &World<'f>) -> Vec<Edge<'f>> {
    let mut edges = Vec::new();
    for client in world.containers() {
        for told in world.told(client) {
            let hosts = told.hosts.iter();
            let hosts = hosts.filter(|host| is_dialled(world, client, told, host));
            edges.extend(hosts.map(|host| Edge {
                client,
                told,
                host,
                port: number(host.port),
                target: target(world, client, &host.name),
            }));
        }
    }
    edges
}

/// Whether a client dials an address: its key says so, or its log does. `SITE_URL` may be what it tells others, or whom
/// it asks.
fn is_dialled(world: &World<'_>, client: &ContainerFact, told: &Told, host: &ToldHost) -> bool {
    // Every address of one's own is where one listens, however it is written.
    let address = host.name.parse::<IpAddr>();
    if address.is_ok_and(|address| address.is_unspecified()) {
        return false;
    }
    match told.usage {
        // What a program has by itself only its log tells.
        Usage::Dials if host.carrier == Carrier::Program => world.log(client).is_some(),
        Usage::Dials => true,
        Usage::Listens => false,
        Usage::Announces if is_of_the_stack(world, client, told, host) => true,
        Usage::Announces => world.said(client).iter().any(|said| {
            let port = said.capture("port").map(str::to_owned);
            let is_there = said.capture("host") == Some(host.name.as_str());
            is_there
                && port.is_none_or(|port| number(host.port).is_none_or(|it| it.to_string() == port))
        }),
    }
}

/// Whether an address is another service's, and no page: nobody outside could do anything with `SITE_DB=db:3306`.
fn is_of_the_stack(
    world: &World<'_>,
    client: &ContainerFact,
    told: &Told,
    host: &ToldHost,
) -> bool {
    let is_page = matches!(
        told.scheme.as_deref(),
        Some("http" | "https" | "ws" | "wss")
    ) || matches!(number(host.port), None | Some(80 | 443));
    !is_page && is_known_name(world, &host.name) && !answers_to(client, &host.name)
}

/// Whether a name or an address is the own loopback of whoever dials it.
pub(crate) fn is_loopback(name: &str) -> bool {
    let is_address = |address: IpAddr| address.is_loopback();
    name == "localhost" || name.parse().is_ok_and(is_address)
}

/// Whose address a name is, for a client.
pub(crate) fn target<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    name: &'f str,
) -> Target<'f> {
    if is_loopback(name) {
        return Target::Itself;
    }
    let has_own_table = client.extra_hosts.iter().any(|entry| {
        let entry = entry.split([':', '=']).next();
        entry == Some(name)
    });
    if name.contains('.') && !is_known_name(world, name)
        || has_own_table
        || name.contains(':')
        || name.starts_with('#')
        || client.network_mode.as_deref() == Some("host")
    {
        return Target::Elsewhere;
    }
    let found: Vec<&ContainerFact> = world
        .containers()
        .filter(|container| answers_to(container, name))
        .collect();
    let is_called_so = |container: &&&ContainerFact| container.service.as_deref() == Some(name);
    if let Some(first) = found.iter().find(is_called_so).or(found.first()) {
        let service = first.service.as_deref().unwrap_or(&first.name);
        let is_near = found
            .iter()
            .any(|container| is_near(world, client, container));
        return Target::Service {
            name: service,
            containers: found,
            is_near,
        };
    }
    if let Some((service, declared)) = world
        .declared_services()
        .find(|(service, _)| *service == name)
    {
        return Target::Absent {
            name: service,
            is_disabled: !declared.is_enabled,
        };
    }
    // A service that the files have and nobody looked at may have the name.
    if world.has_service(name) {
        return Target::Elsewhere;
    }
    let found = resolved(world, client, name);
    if let Some(&first) = found.first() {
        return Target::Service {
            name: first.service.as_deref().unwrap_or(&first.name),
            containers: found,
            is_near: true,
        };
    }
    let known = world.containers().flat_map(names);
    Target::Unknown {
        nearest: nearest(name, known.collect::<BTreeSet<&'f str>>()),
    }
}

/// The containers to whose addresses a client's own resolver leads it, by names that are theirs for nobody else: links.
fn resolved<'f>(world: &World<'f>, client: &ContainerFact, name: &str) -> Vec<&'f ContainerFact> {
    let tried = world.tried(client, name).map(|tried| &tried.name);
    let Some(NameAnswer::Addresses(addresses)) = tried else {
        return Vec::new();
    };
    let found = addresses.iter().filter_map(|it| world.at_address(*it));
    found.collect()
}

fn is_known_name(world: &World<'_>, name: &str) -> bool {
    world
        .containers()
        .any(|container| answers_to(container, name))
}

/// Whether a container may be found under a name.
pub(crate) fn answers_to(container: &ContainerFact, name: &str) -> bool {
    let is_it = |known: &str| known.eq_ignore_ascii_case(name);
    names(container).any(is_it)
}

/// The names under which a container may be found: its service's, its own, and its aliases.
fn names(container: &ContainerFact) -> impl Iterator<Item = &str> {
    let aliases = container
        .endpoints
        .values()
        .flat_map(|endpoint| &endpoint.aliases);
    // An alias that is the beginning of the id is the engine's own.
    let aliases = aliases.filter(|alias| !container.id.starts_with(alias.as_str()));
    container
        .service
        .iter()
        .chain([&container.name])
        .chain(aliases)
        .map(String::as_str)
}

/// Whether two containers share a network, or one network namespace.
fn is_near<'f>(world: &World<'f>, one: &'f ContainerFact, other: &'f ContainerFact) -> bool {
    let (Some(mine), Some(others)) = (networks(world, one), networks(world, other)) else {
        // Nobody knows; then nobody says that they are apart.
        return true;
    };
    mine.iter().any(|network| others.contains(network))
}

/// The networks of a container, or of the one whose namespace it lives in.
pub(crate) fn networks<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<BTreeSet<&'f str>> {
    let container = match shared(container) {
        Some(_) => world.host_of(container)?,
        None => container,
    };
    let networks = world.networks(container)?;
    Some(networks.keys().map(String::as_str).collect())
}

/// The container, by id or name, in whose network another one lives.
fn shared(container: &ContainerFact) -> Option<&str> {
    let mode = container.network_mode.as_deref()?;
    mode.strip_prefix("container:")
}

impl<'f> World<'f> {
    /// The container in whose network another one of the stack lives.
    pub(crate) fn host_of(&self, guest: &'f ContainerFact) -> Option<&'f ContainerFact> {
        self.networks(guest)?;
        let host = shared(guest)?;
        self.containers()
            .find(|other| other.id == host || other.name == host)
    }

    /// Who was seen to be connected to whom, client before server, whatever anybody was told. Those who share a network
    /// namespace cannot be told apart: what is seen there is of the one that has it.
    pub(crate) fn connected(&self) -> Vec<(&'f ContainerFact, &'f ContainerFact)> {
        let with_own = self.containers().filter(|container| {
            let is_hosts = container.network_mode.as_deref() == Some("host");
            !is_hosts && shared(container).is_none()
        });
        let seen = with_own.flat_map(|container| {
            let inside = self.inside(container).into_iter();
            let peers = inside.flat_map(|inside| &inside.peers);
            peers.filter_map(move |peer| {
                let other = self.at_address(peer.remote)?;
                match peer.local_port {
                    Some(_) => Some((other, container)),
                    None => Some((container, other)),
                }
            })
        });
        seen.collect()
    }

    /// What is wrong with an edge; `None` where nothing is, or where not enough could be seen.
    pub(crate) fn trouble(&self, edge: &Edge<'f>) -> Option<Trouble<'f>> {
        match &edge.target {
            Target::Service {
                containers,
                is_near,
                ..
            } => self.trouble_with(edge, containers, *is_near),
            Target::Absent { is_disabled, .. } => (!is_disabled).then_some(Trouble::Down),
            Target::Unknown { .. } => self.is_unknown(edge).then_some(Trouble::NoSuchName),
            Target::Itself => self.own_loopback(edge),
            Target::Elsewhere => None,
        }
    }

    fn trouble_with(
        &self,
        edge: &Edge<'f>,
        containers: &[&'f ContainerFact],
        is_near: bool,
    ) -> Option<Trouble<'f>> {
        let up: Vec<&ContainerFact> = containers
            .iter()
            .copied()
            .filter(|container| {
                self.state(container)
                    .is_some_and(|state| state.status.is_up())
            })
            .collect();
        if up.is_empty() {
            // A job that has done its work is not down.
            let all_done = containers.iter().all(|container| self.is_done(container));
            return (!all_done).then_some(Trouble::Down);
        }
        if !is_near {
            return Some(Trouble::OtherNetwork);
        }
        let is_paused = |container: &&ContainerFact| {
            self.state(container)
                .is_some_and(|state| state.status == ContainerStatus::Paused)
        };
        if up.iter().all(is_paused) {
            return Some(Trouble::Paused);
        }
        self.trouble_at(edge, &up, edge.port?)
    }

    /// The same with those that run, at a port.
    fn trouble_at(
        &self,
        edge: &Edge<'f>,
        up: &[&'f ContainerFact],
        port: u16,
    ) -> Option<Trouble<'f>> {
        // Whatever is seen of calls is of TCP, and says nothing of who sends packets by UDP.
        if is_by_udp(edge.told) {
            return None;
        }
        if up
            .iter()
            .any(|container| container.service != up[0].service)
        {
            return self.differ(up, port).then_some(Trouble::SharedName);
        }
        // Replicas are alike: the first that can be looked into speaks for all.
        let (looked_into, inside) = up
            .iter()
            .find_map(|container| Some((*container, self.inside(container)?)))?;
        let tcp: Vec<&ListenerFact> = inside
            .listeners
            .iter()
            .filter(|listener| listener.protocol == Protocol::Tcp)
            .collect();
        let is_open = |listener: &&&ListenerFact| !is_hidden(listener);
        let here: Vec<&&ListenerFact> = tcp
            .iter()
            .filter(|listener| listener.port == port)
            .collect();
        if here.iter().any(&is_open) {
            return self.unanswered(edge, looked_into, port);
        }
        // Nothing but a scheme says by which of the two it is dialled.
        if takes_packets(inside, |at| at == port) {
            return None;
        }
        if let Some(hidden) = here.first() {
            return Some(Trouble::LoopbackOnly(hidden));
        }
        let open: BTreeSet<u16> = tcp
            .iter()
            .filter(is_open)
            .map(|listener| listener.port)
            .collect();
        if !open.is_empty() {
            return Some(Trouble::OtherPort(open));
        }
        if takes_packets(inside, |_| true) {
            return None;
        }
        // It may not have come that far yet.
        let is_new = up
            .iter()
            .all(|container| self.is_young_and_unproven(container));
        (!is_new).then_some(Trouble::NeverListens)
    }

    /// The TCP ports on which others can reach a container; `None` where it was not looked into. Engines listen in it too,
    /// on its loopback, to look names up.
    pub(crate) fn open_ports(&self, container: &ContainerFact) -> Option<BTreeSet<u16>> {
        let listeners = &self.inside(container)?.listeners;
        let tcp = listeners.iter().filter(|one| one.protocol == Protocol::Tcp);
        let open = tcp.filter(|one| !is_hidden(one));
        Some(open.map(|one| one.port).collect())
    }

    /// Whether a container was looked into and listens nowhere where others can reach it, neither by TCP nor by UDP.
    pub(super) fn listens_nowhere(&self, container: &ContainerFact) -> bool {
        self.inside(container)
            .is_some_and(|inside| inside.listeners.iter().all(is_hidden))
    }

    /// Whether some of those who have a name listen on a port, and some do not.
    fn differ(&self, containers: &[&'f ContainerFact], port: u16) -> bool {
        let listens = containers.iter().filter_map(|container| {
            let open = self.open_ports(container)?;
            Some(open.contains(&port))
        });
        let listens: BTreeSet<bool> = listens.collect();
        listens.len() > 1
    }

    /// Whether it began a moment ago, and nobody has called it healthy since.
    fn is_young_and_unproven(&self, container: &'f ContainerFact) -> bool {
        let health = self.health(container).and_then(|health| health.verdict);
        let started = container.started;
        health != Some(bowline_model::HealthStatus::Healthy)
            && started.is_none_or(|started| self.now().duration_since(started).as_secs() < 5)
    }

    /// Whether who dials a listener that is there gets nothing. A name that several have leads to all of them, and whether
    /// the others listen nobody saw: only answers of the addresses of the one that does count then.
    fn unanswered(
        &self,
        edge: &Edge<'f>,
        listens: &ContainerFact,
        port: u16,
    ) -> Option<Trouble<'f>> {
        let tried = self.tried(edge.client, &edge.host.name)?;
        let is_alone = edge.service().is_none_or(|(_, all)| all.len() == 1);
        let is_its = |address: IpAddr| {
            let owner = self.at_address(address);
            is_alone || owner.is_some_and(|owner| owner.name == listens.name)
        };
        let mut dialled = tried.dialled.iter();
        let first = dialled.find(|dialled| dialled.port == port && is_its(dialled.address))?;
        match first.answer {
            DialAnswer::TimedOut => Some(Trouble::Unanswered),
            DialAnswer::Refused | DialAnswer::HostUnreachable | DialAnswer::Failed(_) => {
                Some(Trouble::Rejected)
            }
            DialAnswer::Connected | DialAnswer::NoRoute => None,
        }
    }

    /// Whether nobody knows a name: by the resolver where it was asked, else by the model.
    fn is_unknown(&self, edge: &Edge<'f>) -> bool {
        let tried = self.tried(edge.client, &edge.host.name);
        tried.is_none_or(|tried| {
            matches!(tried.name, NameAnswer::NoSuchName | NameAnswer::NoAddresses)
        })
    }

    fn own_loopback(&self, edge: &Edge<'f>) -> Option<Trouble<'f>> {
        let port = edge.port?;
        if let Some(inside) = self.inside(edge.client)
            && inside
                .listeners
                .iter()
                .any(|listener| listener.port == port)
        {
            return None;
        }
        if edge.client.network_mode.as_deref() == Some("host") {
            return None;
        }
        let listens = |container: &&ContainerFact| {
            container.name != edge.client.name
                && self.inside(container).is_some_and(|inside| {
                    let mut listeners = inside.listeners.iter();
                    listeners.any(|listener| listener.port == port && !is_hidden(listener))
                })
        };
        let there = self.containers().find(listens);
        let there = there.and_then(|container| container.service.as_deref());
        Some(Trouble::OwnLoopback(there))
    }
}

/// Whether an address is dialled by UDP, as its scheme says.
fn is_by_udp(told: &Told) -> bool {
    let scheme = told.scheme.as_deref().unwrap_or_default();
    let mut words = scheme.split('+');
    words.any(|word| matches!(word, "udp" | "udp4" | "udp6"))
}

/// Whether a container takes packets by UDP from others at such a port.
fn takes_packets(inside: &InsideFact, is_meant: impl Fn(u16) -> bool) -> bool {
    inside.listeners.iter().any(|listener| {
        listener.protocol == Protocol::Udp && is_meant(listener.port) && !is_hidden(listener)
    })
}

/// Whether nobody outside can reach a listener.
pub(crate) fn is_hidden(listener: &ListenerFact) -> bool {
    match listener.address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => {
            address.is_loopback()
                || address
                    .to_ipv4_mapped()
                    .is_some_and(|address| address.is_loopback())
        }
    }
}
