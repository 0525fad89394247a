//! Who can reach whom: what the rules understand of names, networks and listeners, for whoever asks about one pair.
//!
//! Nothing is looked at here. What was tried from within a container comes in as a [`TriedFact`].

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::{Dialled as Answered, Outcome};
use bowline_model::carried::{Carrier, Port};

use crate::facts::{ContainerFact, DialAnswer, Facts, ListenerFact, NameAnswer, Told};
use crate::world::edges::{Target, Trouble, is_hidden, networks, target};
use crate::world::{Edge, World};

/// Whose address something is, as far as the stack knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A service of the stack that has containers.
    Service {
        /// Its name.
        name: String,
        /// Its containers, by name.
        containers: Vec<String>,
        /// Whether the client shares a network with one of them.
        is_near: bool,
    },
    /// A service of the files that has no container.
    Absent {
        /// Its name.
        name: String,
        /// Whether it is behind a profile that is not asked for.
        is_disabled: bool,
    },
    /// The client itself: its loopback.
    Itself,
    /// A name without a dot that nobody in the stack has.
    Unknown {
        /// The name that is most like it.
        nearest: Option<String>,
    },
    /// Somewhere else: an address, or a name with a dot in it.
    Elsewhere,
}

/// What stands between a client and an address, by what was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// Nobody has such a name.
    NoSuchName,
    /// The target runs, and shares no network with the client.
    OtherNetwork,
    /// The target does not run.
    Down,
    /// The target is paused.
    Paused,
    /// The target listens there, on this address of its loopback only.
    LoopbackOnly(IpAddr),
    /// The target listens on these ports, and not on that one.
    OtherPort(BTreeSet<u16>),
    /// The target runs and listens nowhere.
    NeverListens,
    /// Nobody listens there on the client's own loopback; the named service does on that port.
    OwnLoopback(Option<String>),
    /// The target listens there, and who dials it gets no answer.
    Unanswered,
    /// The target listens there, and who dials it is refused.
    Rejected,
    /// Another service has the same name, and only one of them listens there.
    SharedName,
}

/// Somebody, and an address of the stack that it was told to dial.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ToldEdge<'f> {
    /// The container that was told.
    pub client: &'f str,
    /// The name that it was told.
    pub host: &'f str,
    /// The service that has the name.
    pub service: &'f str,
    /// The port that clients take, where it is known.
    pub port: Option<u16>,
}

/// The facts of a stack as its network.
pub struct Reach<'f> {
    world: World<'f>,
}

impl<'f> Reach<'f> {
    /// Reads facts as a network. Facts that were tried later need a new one.
    pub fn new(facts: &'f Facts) -> Self {
        Self {
            world: World::new(facts, BTreeSet::new()),
        }
    }

    /// The containers of services: those of single commands left out, and those that a newer one has replaced.
    pub fn containers(&self) -> impl Iterator<Item = &'f ContainerFact> {
        self.world.containers()
    }

    /// Whose address a name is, for a container.
    pub fn whose(&self, client: &'f ContainerFact, host: &'f str) -> Whose {
        match target(&self.world, client, host) {
            Target::Service {
                name,
                containers,
                is_near,
            } => Whose::Service {
                name: name.to_owned(),
                containers: containers.iter().map(|one| one.name.clone()).collect(),
                is_near,
            },
            Target::Absent { name, is_disabled } => Whose::Absent {
                name: name.to_owned(),
                is_disabled,
            },
            Target::Itself => Whose::Itself,
            Target::Unknown { nearest } => Whose::Unknown {
                nearest: nearest.map(str::to_owned),
            },
            Target::Elsewhere => Whose::Elsewhere,
        }
    }

    /// What stands between a container and an address; `None` where nothing does, or where not enough was seen.
    pub fn obstacle(
        &self,
        client: &'f ContainerFact,
        host: &'f str,
        port: u16,
    ) -> Option<Obstacle> {
        let told = Told::dials(host, Port::Written(port), Carrier::Argument(0));
        let edge = Edge {
            client,
            host: told.hosts.first()?,
            port: Some(port),
            target: target(&self.world, client, host),
            told: &told,
        };
        self.world.trouble(&edge).map(Obstacle::from)
    }

    /// The services of the stack that containers were told to dial, each once.
    pub fn told(&self) -> BTreeSet<ToldEdge<'f>> {
        let edges = self.world.edges().iter();
        let told = edges.filter_map(|edge| {
            let (Target::Service { name: service, .. } | Target::Absent { name: service, .. }) =
                &edge.target
            else {
                return None;
            };
            Some(ToldEdge {
                client: &edge.client.name,
                host: &edge.host.name,
                service,
                port: edge.port,
            })
        });
        told.collect()
    }

    /// The TCP ports on which others can reach a container; `None` where it was not looked into.
    pub fn open_ports(&self, container: &ContainerFact) -> Option<BTreeSet<u16>> {
        self.world.open_ports(container)
    }

    /// The TCP ports on which only a container itself can be reached, with the address; none of the engine's own.
    pub fn hidden_ports(&self, container: &ContainerFact) -> BTreeMap<u16, IpAddr> {
        let inside = self.world.inside(container);
        let listeners = inside.into_iter().flat_map(|inside| &inside.listeners);
        let is_meant = |one: &&ListenerFact| {
            one.protocol == bowline_model::Protocol::Tcp
                && is_hidden(one)
                && one.address != ENGINE_RESOLVER
        };
        let hidden = listeners.filter(is_meant);
        hidden.map(|one| (one.port, one.address)).collect()
    }

    /// The networks of a container, or of the one whose network it lives in; `None` where that is not known.
    pub fn networks(&self, container: &'f ContainerFact) -> Option<BTreeSet<&'f str>> {
        networks(&self.world, container)
    }
}

/// Where Docker's resolver listens in every container on a network of its own.
const ENGINE_RESOLVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 11));

impl From<Trouble<'_>> for Obstacle {
    fn from(trouble: Trouble<'_>) -> Self {
        match trouble {
            Trouble::NoSuchName => Self::NoSuchName,
            Trouble::OtherNetwork => Self::OtherNetwork,
            Trouble::Down => Self::Down,
            Trouble::Paused => Self::Paused,
            Trouble::LoopbackOnly(listener) => Self::LoopbackOnly(listener.address),
            Trouble::OtherPort(ports) => Self::OtherPort(ports),
            Trouble::NeverListens => Self::NeverListens,
            Trouble::OwnLoopback(service) => Self::OwnLoopback(service.map(str::to_owned)),
            Trouble::Unanswered => Self::Unanswered,
            Trouble::Rejected => Self::Rejected,
            Trouble::SharedName => Self::SharedName,
        }
    }
}

impl From<Outcome> for NameAnswer {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Addresses(addresses) => Self::Addresses(addresses),
            Outcome::NoAddresses => Self::NoAddresses,
            Outcome::NoSuchName => Self::NoSuchName,
            Outcome::ServerFailed => Self::ServerFailed,
            Outcome::NoAnswer => Self::NoAnswer,
            Outcome::NotAName => Self::NotAName,
        }
    }
}

impl From<Answered> for DialAnswer {
    fn from(answer: Answered) -> Self {
        match answer {
            Answered::Connected { .. } => Self::Connected,
            Answered::Refused { .. } => Self::Refused,
            Answered::NoRoute { .. } => Self::NoRoute,
            Answered::HostUnreachable { .. } => Self::HostUnreachable,
            Answered::TimedOut { .. } => Self::TimedOut,
            Answered::Failed { reason, .. } => Self::Failed(reason),
        }
    }
}
