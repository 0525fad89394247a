//! Facts as rules see them: what could not be looked at is unknown, and never "no".

mod asked;
pub(crate) mod edges;
mod evidence;
pub(crate) mod logins;
pub(crate) mod said;
pub(crate) mod stores;
pub(crate) mod subnet;
pub(crate) mod wellness;

pub(crate) use edges::{Edge, Target};
pub(crate) use evidence::{
    culprit, filed, listening, made, noted, reported, shown, spoken, stood, whole, written,
};
pub(crate) use said::{Said, is_everyday};
pub(crate) use wellness::DONE;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_model::{ContainerStatus, EventAction};
use bowline_recipes::{Reading, Recipe, Says, Server};
use jiff::Timestamp;

use crate::facts::{
    Changed, Circle, ContainerFact, Elsewhere, EmptyVariable, Endpoint, Event, Facts, FileFact,
    HealthFact, HostFact, ImageFact, InsideFact, Limits, LogFact, Look, MissingNetwork, Mount,
    NameFact, NetworkFact, NoEngine, NotDone, Overriding, PlatformFact, PortFact, RouteFact,
    ServiceFact, SettingFact, TakenSubnet, Told, TriedFact, Unseen, VolumeFact, WhyUnseen,
};
use crate::finding::{Evidence, FactRef};

/// Facts, some of them hidden. Rules have no other way to facts, so hiding one is as if nobody had looked there.
pub(crate) struct World<'f> {
    facts: &'f Facts,
    hidden: BTreeSet<FactRef>,
    recipes: BTreeMap<&'f str, &'f Recipe>,
    heard: BTreeMap<&'f str, said::Heard<'f>>,
    edges: Vec<Edge<'f>>,
    /// The containers that may be why something is wrong, by name.
    doubted: BTreeSet<&'f str>,
}

/// One life of a container: from its start to its end.
pub(crate) struct Life<'f> {
    /// Its end; `None` while it lives.
    pub(crate) end: Option<&'f Event>,
    /// Signals that were sent to it, in their order.
    pub(crate) signals: Vec<&'f Event>,
    /// Processes of it were killed for want of memory.
    pub(crate) out_of_memory: Option<&'f Event>,
    /// Whether everything that the engine reported of it is known.
    pub(crate) is_complete: bool,
}

impl<'f> World<'f> {
    pub(crate) fn new(facts: &'f Facts, hidden: BTreeSet<FactRef>) -> Self {
        let mut world = Self {
            facts,
            hidden,
            recipes: BTreeMap::new(),
            heard: BTreeMap::new(),
            edges: Vec::new(),
            doubted: BTreeSet::new(),
        };
        world.recipes = recipes(facts);
        world.heard = said::all(&world);
        world.edges = edges::all(&world);
        world.doubted = wellness::doubted(&world);
        world
    }

    /// When everything was looked at.
    pub(crate) fn now(&self) -> Timestamp {
        self.facts.at
    }

    /// The containers of services, those of single commands left out, and those that a newer one has replaced.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'f ContainerFact> {
        let containers = self.facts.containers.iter();
        containers.filter(|container| !container.is_one_off && !is_set_aside(container))
    }

    /// The containers of a service.
    pub(crate) fn of_service(&self, service: &str) -> Vec<&'f ContainerFact> {
        self.containers()
            .filter(|container| container.service.as_deref() == Some(service))
            .collect()
    }

    /// What is known about the kind of server that a container runs.
    pub(crate) fn recipe(&self, container: &ContainerFact) -> Option<&'f Recipe> {
        self.recipes.get(container.name.as_str()).copied()
    }

    /// How what a container writes is read.
    pub(crate) fn reading(&self, container: &ContainerFact) -> Reading<'f> {
        let known = self.facts.recipes.known();
        known.reading(self.recipe(container))
    }

    /// What the files say of a service.
    pub(crate) fn declared(&self, service: &str) -> Option<&'f ServiceFact> {
        let declared = self.facts.services.get(service)?;
        self.is_known(&FactRef::Declared(service.to_owned()))
            .then_some(declared)
    }

    /// Every service that the files have, the disabled ones included.
    pub(crate) fn declared_services(&self) -> impl Iterator<Item = (&'f str, &'f ServiceFact)> {
        let services = self.facts.services.iter();
        services
            .filter(|(name, _)| self.is_known(&FactRef::Declared((*name).clone())))
            .map(|(name, service)| (name.as_str(), service))
    }

    /// Variables that the files use and nobody set.
    pub(crate) fn empty_variables(&self) -> impl Iterator<Item = &'f EmptyVariable> {
        let variables = self.facts.empty_variables.iter();
        variables.filter(|variable| self.is_known(&FactRef::Variable(variable.name.clone())))
    }

    /// Which services a service needs.
    pub(crate) fn needs(&self, service: &str) -> impl Iterator<Item = &'f str> {
        let needs = self.facts.needs.get(service);
        needs.into_iter().flatten().map(String::as_str)
    }

    /// When it was created, and of what.
    pub(crate) fn made(&self, container: &'f ContainerFact) -> Option<&'f ContainerFact> {
        self.is_known(&FactRef::Made(container.name.clone()))
            .then_some(container)
    }

    /// Its networks and its names on them.
    pub(crate) fn networks(
        &self,
        container: &'f ContainerFact,
    ) -> Option<&'f BTreeMap<String, Endpoint>> {
        self.is_known(&FactRef::Networks(container.name.clone()))
            .then_some(&container.endpoints)
    }

    /// What is mounted into it.
    pub(crate) fn mounts(&self, container: &'f ContainerFact) -> Option<&'f [Mount]> {
        self.is_known(&FactRef::Mounts(container.name.clone()))
            .then_some(container.mounts.as_slice())
    }

    /// What it is told about servers and logins.
    pub(crate) fn told(&self, container: &ContainerFact) -> &'f [Told] {
        let told = self.facts.told.get(&container.name);
        match told {
            Some(told) if self.is_known(&FactRef::Told(container.name.clone())) => told,
            _ => &[],
        }
    }

    /// Its settings that name queues and channels, or have the key of one that does.
    pub(crate) fn settings(&self, container: &ContainerFact) -> &'f [SettingFact] {
        let settings = self.facts.settings.get(&container.name);
        match settings {
            Some(settings) if self.is_known(&FactRef::Told(container.name.clone())) => settings,
            _ => &[],
        }
    }

    /// What the kernel shows of it; `None` where it does not run or could not be looked into.
    pub(crate) fn inside(&self, container: &ContainerFact) -> Option<&'f InsideFact> {
        let inside = self.facts.insides.get(&container.name)?;
        self.is_known(&FactRef::Inside(container.name.clone()))
            .then_some(inside)
    }

    /// The container that has an address, as far as networks are known.
    pub(crate) fn at_address(&self, address: IpAddr) -> Option<&'f ContainerFact> {
        let is = |text: &Option<String>| {
            let text = text.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
            text == Some(address.to_canonical())
        };
        self.containers().find(|container| {
            let networks = self.networks(container);
            let mut endpoints = networks.into_iter().flat_map(BTreeMap::values);
            endpoints.any(|endpoint| is(&endpoint.ipv4) || is(&endpoint.ipv6))
        })
    }

    /// What came of a name or an address from within it.
    pub(crate) fn tried(&self, from: &ContainerFact, host: &str) -> Option<&'f TriedFact> {
        let mut tried = self.facts.tried.iter();
        let tried = tried.find(|tried| tried.from == from.name && tried.host == host)?;
        let fact = FactRef::Tried {
            from: tried.from.clone(),
            host: tried.host.clone(),
        };
        self.is_known(&fact).then_some(tried)
    }

    /// What is at a path of it; `None` where nobody looked.
    pub(crate) fn file(&self, container: &ContainerFact, path: &str) -> Option<&'f FileFact> {
        let mut files = self.facts.files.iter();
        let file = files.find(|file| file.container == container.name && file.path == path)?;
        let fact = FactRef::File {
            container: file.container.clone(),
            path: file.path.clone(),
        };
        self.is_known(&fact).then_some(file)
    }

    /// Every path of it that was looked at.
    pub(crate) fn files(&self, container: &ContainerFact) -> impl Iterator<Item = &'f FileFact> {
        let files = self.facts.files.iter();
        let files = files.filter(|file| file.container == container.name);
        files.filter(|file| {
            self.is_known(&FactRef::File {
                container: file.container.clone(),
                path: file.path.clone(),
            })
        })
    }

    /// What an image's reference leads to; `None` where nobody looked.
    pub(crate) fn image(&self, reference: &str) -> Option<&'f ImageFact> {
        let image = self.facts.images.get(reference)?;
        self.is_known(&FactRef::Image(reference.to_owned()))
            .then_some(image)
    }

    /// A volume by its name.
    pub(crate) fn volume(&self, name: &str) -> Option<&'f VolumeFact> {
        let volume = self.facts.volumes.iter().find(|one| one.name == name)?;
        self.is_known(&FactRef::Volume(name.to_owned()))
            .then_some(volume)
    }

    /// A network by its name.
    pub(crate) fn network(&self, name: &str) -> Option<&'f NetworkFact> {
        let network = self.facts.networks.iter().find(|one| one.name == name)?;
        self.is_known(&FactRef::Network(name.to_owned()))
            .then_some(network)
    }

    /// Networks that the files want and the engine does not have.
    pub(crate) fn missing_networks(&self) -> impl Iterator<Item = &'f MissingNetwork> {
        let missing = self.facts.missing_networks.iter();
        missing.filter(|network| self.is_known(&FactRef::Network(network.name.clone())))
    }

    /// The subnets of all networks of the engine, where one that is wanted is missing.
    pub(crate) fn taken_subnets(&self) -> &'f [TakenSubnet] {
        if self.is_known(&FactRef::Subnets) {
            &self.facts.taken_subnets
        } else {
            &[]
        }
    }

    /// The routes of this host.
    pub(crate) fn routes(&self) -> &'f [RouteFact] {
        if self.is_known(&FactRef::Routes) {
            &self.facts.routes
        } else {
            &[]
        }
    }

    /// Every network of the stack.
    pub(crate) fn all_networks(&self) -> impl Iterator<Item = &'f NetworkFact> {
        let networks = self.facts.networks.iter();
        networks.filter(|network| self.is_known(&FactRef::Network(network.name.clone())))
    }

    /// Who has a name that a service wants for its container; `None` where nobody looked.
    pub(crate) fn name(&self, name: &str) -> Option<&'f NameFact> {
        let fact = self.facts.names.iter().find(|one| one.name == name)?;
        self.is_known(&FactRef::Name(name.to_owned()))
            .then_some(fact)
    }

    /// The paths in which it differs from its image; `None` where nobody looked.
    pub(crate) fn changes(&self, container: &ContainerFact) -> Option<&'f [String]> {
        let changes = self.facts.changes.get(&container.name)?;
        self.is_known(&FactRef::Changes(container.name.clone()))
            .then_some(changes.as_slice())
    }

    /// Whether its image does not have a path at all.
    pub(crate) fn is_added(&self, container: &ContainerFact, path: &str) -> bool {
        let added = self.facts.added.get(&container.name);
        added.is_some_and(|added| added.contains(path))
    }

    /// Volumes of other projects that are called in their files as one of this project's.
    pub(crate) fn namesakes(&self) -> impl Iterator<Item = &'f VolumeFact> {
        let volumes = self.facts.namesakes.iter();
        volumes.filter(|volume| self.is_known(&FactRef::Volume(volume.name.clone())))
    }

    /// What the engine says of itself and its host.
    pub(crate) fn host(&self) -> Option<&'f HostFact> {
        let host = self.facts.host.as_ref()?;
        self.is_known(&FactRef::Host).then_some(host)
    }

    /// What a platform that is no engine said.
    pub(crate) fn platform(&self) -> Option<&'f PlatformFact> {
        let platform = &self.facts.platform;
        (!platform.is_empty() && self.is_known(&FactRef::Platform)).then_some(platform)
    }

    /// The project's name.
    pub(crate) fn project(&self) -> &'f str {
        &self.facts.project
    }

    /// Whether its log was to be read and could not be, as the engine says.
    pub(crate) fn refuses_log(&self, container: &ContainerFact) -> bool {
        self.facts.unseen.iter().any(|unseen| {
            unseen.look == Look::Log(container.name.clone())
                && matches!(unseen.cause, WhyUnseen::Engine(_))
        })
    }

    /// What could not be looked at.
    pub(crate) fn unseen(&self) -> &'f [Unseen] {
        &self.facts.unseen
    }

    /// Who holds a port of the host; `None` where nobody looked.
    pub(crate) fn port(&self, port: &str) -> Option<&'f PortFact> {
        let port = self.facts.ports.iter().find(|one| one.port == port)?;
        self.is_known(&FactRef::Port(port.port.clone()))
            .then_some(port)
    }

    /// The end of its log; `None` where nobody read it.
    pub(crate) fn log(&self, container: &ContainerFact) -> Option<&'f LogFact> {
        let log = self.facts.logs.get(&container.name)?;
        self.is_known(&FactRef::Log(container.name.clone()))
            .then_some(log)
    }

    /// What the last operation could not do.
    pub(crate) fn not_done(&self) -> impl Iterator<Item = &'f NotDone> {
        let steps = self.facts.not_done.iter();
        steps.filter(|step| self.is_known(&FactRef::NotDone(step.step.clone())))
    }

    /// In what the running containers of a service are not as the files want them.
    pub(crate) fn changed(&self, service: &str) -> &'f [Changed] {
        let changed = self.facts.changed.get(service);
        match changed {
            Some(changed) if self.is_known(&FactRef::Changed(service.to_owned())) => changed,
            _ => &[],
        }
    }

    /// Whether it is known what an `up` would change.
    pub(crate) fn is_planned(&self) -> bool {
        let mut unseen = self.facts.unseen.iter();
        !unseen.any(|unseen| unseen.look == Look::Drift)
    }

    /// Whether it is known in what the files have changed since a service's containers were made.
    pub(crate) fn knows_changes(&self, service: &str) -> bool {
        self.is_planned() && self.is_known(&FactRef::Changed(service.to_owned()))
    }

    /// Variables of this shell that stand before what a file of variables says.
    pub(crate) fn overriding(&self) -> impl Iterator<Item = &'f Overriding> {
        let overriding = self.facts.overriding.iter();
        overriding.filter(|one| self.is_known(&FactRef::Variable(one.variable.clone())))
    }

    /// Dependencies that go in a circle.
    pub(crate) fn circles(&self) -> impl Iterator<Item = &'f Circle> {
        let circles = self.facts.circles.iter();
        circles.filter(|circle| {
            let first = circle.services.first().cloned().unwrap_or_default();
            self.is_known(&FactRef::Circle(first))
        })
    }

    /// The engine, where it could not be reached.
    pub(crate) fn no_engine(&self) -> Option<&'f NoEngine> {
        let engine = self.facts.no_engine.as_ref();
        engine.filter(|_| self.is_known(&FactRef::Engine))
    }

    /// Another engine that has the project.
    pub(crate) fn elsewhere(&self) -> Option<&'f Elsewhere> {
        let elsewhere = self.facts.elsewhere.as_ref();
        elsewhere.filter(|_| self.is_known(&FactRef::Engine))
    }

    /// Whether the files have a service of this name, on or off.
    pub(crate) fn has_service(&self, name: &str) -> bool {
        self.facts.services.contains_key(name)
    }

    /// The ports of the host that were asked about.
    pub(crate) fn ports(&self) -> impl Iterator<Item = &'f PortFact> {
        let ports = self.facts.ports.iter();
        ports.filter(|port| self.is_known(&FactRef::Port(port.port.clone())))
    }

    /// That a container has no healthcheck, its own or its image's.
    pub(crate) fn has_no_healthcheck(&self, container: &ContainerFact) -> Option<Evidence> {
        let fact = FactRef::Health(container.name.clone());
        let is_so = container.health.is_none() && self.is_known(&fact);
        let text = format!("{}: no healthcheck", container.name);
        is_so.then(|| shown(fact, text, "neither its service nor its image has one"))
    }

    /// The last time that the engine reported something of a container in the run that goes on.
    pub(crate) fn last_event(
        &self,
        container: &ContainerFact,
        action: &EventAction,
    ) -> Option<&'f Event> {
        let created = container.created;
        let mut events = self.facts.events.iter().rev();
        events.find(|event| {
            event.container == container.name
                && event.action == *action
                && created.is_none_or(|created| event.at >= created)
                && self.is_known(&event_ref(event))
        })
    }

    /// Verdicts of the engine on its health in this run, the oldest first.
    pub(crate) fn verdicts(&self, container: &ContainerFact) -> Vec<(&'f Event, &'f str)> {
        let of_it = self.facts.events.iter().filter(|event| {
            let is_of_this_run = container.started.is_none_or(|started| event.at >= started);
            event.container == container.name && is_of_this_run && self.is_known(&event_ref(event))
        });
        let verdicts = of_it.filter_map(|event| match &event.action {
            EventAction::Health(word) => Some((event, word.as_str())),
            _ => None,
        });
        verdicts.collect()
    }

    /// What its log says, of any time that was read.
    pub(crate) fn said(&self, container: &ContainerFact) -> &[Said<'f>] {
        let heard = self.heard.get(container.name.as_str());
        heard.map_or(&[], |heard| heard.said.as_slice())
    }

    /// What its log says of now: of the run that goes on if it is young or ended, else of the last minute.
    pub(crate) fn says(&self, container: &ContainerFact, says: Says) -> Option<&Said<'f>> {
        let mut said = self.said(container).iter();
        said.find(|said| said.says == says && said.is_fresh)
    }

    /// Whom containers were told to dial, and what is known of that.
    pub(crate) fn edges(&self) -> &[Edge<'f>] {
        &self.edges
    }

    fn is_known(&self, fact: &FactRef) -> bool {
        !self.hidden.contains(fact)
    }

    /// What a container does and how it ended: the container itself, to read just that of it.
    pub(crate) fn state(&self, container: &'f ContainerFact) -> Option<&'f ContainerFact> {
        self.is_known(&FactRef::State(container.name.clone()))
            .then_some(container)
    }

    /// Whether the engine says that it was killed for want of memory.
    pub(crate) fn out_of_memory(&self, container: &ContainerFact) -> Option<bool> {
        self.is_known(&FactRef::OutOfMemory(container.name.clone()))
            .then_some(container.oom_killed)
    }

    /// How often it was started again, and its policy.
    pub(crate) fn restarts(&self, container: &'f ContainerFact) -> Option<(u64, &'f str)> {
        self.is_known(&FactRef::Restarts(container.name.clone()))
            .then_some((container.restarts, container.restart_policy.as_str()))
    }

    /// What it may use.
    pub(crate) fn limits(&self, container: &'f ContainerFact) -> Option<&'f Limits> {
        self.is_known(&FactRef::Limits(container.name.clone()))
            .then_some(&container.limits)
    }

    /// Its healthcheck; `None` also where it has none.
    pub(crate) fn health(&self, container: &'f ContainerFact) -> Option<&'f HealthFact> {
        let health = container.health.as_ref()?;
        self.is_known(&FactRef::Health(container.name.clone()))
            .then_some(health)
    }

    /// The last life of a container, or the one that it lives. Of one that the engine started again a moment ago it is
    /// the life before: what it ended of it will end of again.
    pub(crate) fn last_life(&self, container: &ContainerFact) -> Life<'f> {
        let of_it: Vec<&Event> = self
            .facts
            .events
            .iter()
            .filter(|event| event.container == container.name)
            // Another one of the same name may have been there before.
            .filter(|event| container.created.is_none_or(|created| event.at >= created))
            .collect();
        let begin = container.started.and_then(|started| {
            let near =
                |event: &&Event| event.action == EventAction::Start && is_near(event.at, started);
            of_it.iter().rposition(near)
        });
        let is_again = container.restarts > 0
            && container.status == ContainerStatus::Running
            && self.is_young(container);
        let before = begin.filter(|_| is_again);
        let before = before.and_then(|begin| {
            let is_start = |event: &&Event| event.action == EventAction::Start;
            of_it[..begin].iter().rposition(is_start)
        });
        let end = begin.filter(|_| before.is_some()).unwrap_or(of_it.len());
        let begin = before.or(begin);
        let life = &of_it[begin.unwrap_or_default()..end];
        let since = begin.map(|begin| of_it[begin].at.min(container.started.unwrap_or_default()));
        let known = |event: &&&Event| self.is_known(&event_ref(event));
        let of = |action: EventAction| {
            life.iter()
                .filter(known)
                .filter(move |event| event.action == action)
                .copied()
        };
        let all_known = life.iter().all(|event| known(&event));
        Life {
            end: of(EventAction::Die).next(),
            signals: of(EventAction::Kill).collect(),
            out_of_memory: of(EventAction::Oom).next(),
            is_complete: begin.is_some() && all_known && self.hears_all_since(since),
        }
    }

    /// That another container of the same name was removed before this one was made.
    pub(crate) fn removed_before(&self, container: &ContainerFact) -> Option<Evidence> {
        let created = container.created?;
        let mut events = self.facts.events.iter().rev();
        let removed = events.find(|event| {
            event.container == container.name
                && event.action == EventAction::Destroy
                && event.at <= created
                && self.is_known(&event_ref(event))
        })?;
        Some(reported(removed, "the container before this one"))
    }

    /// The last that was reported of another container of the same name, before this one was made.
    pub(crate) fn another_before(&self, container: &ContainerFact) -> Option<&'f Event> {
        let created = container.created?;
        let mut events = self.facts.events.iter().rev();
        events.find(|event| {
            event.container == container.name
                && event.at < created
                && self.is_known(&event_ref(event))
        })
    }

    /// Whether nothing that was reported from a moment on is missing.
    fn hears_all_since(&self, moment: Option<Timestamp>) -> bool {
        let mut unseen = self.facts.unseen.iter();
        !unseen.any(|unseen| match &unseen.look {
            Look::Events { before } => moment.is_none_or(|moment| moment < *before),
            _ => false,
        })
    }
}

/// Engines note the start in a container a moment before they report it.
fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs().as_secs() < 5
}

pub(super) fn event_ref(event: &Event) -> FactRef {
    FactRef::Event {
        container: event.container.clone(),
        at: event.at,
        action: event.action.clone(),
    }
}

/// Whether it is an old container that was renamed to make way for a new one: `1a2b3c4d5e6f_shop-api-1`.
fn is_set_aside(container: &ContainerFact) -> bool {
    let name = &container.name;
    let is_id = |text: &str| text.len() == 12 && container.id.starts_with(text);
    let before = name.split_once('_').map(|(id, _)| id);
    let after = name.rsplit_once('_').map(|(_, id)| id);
    before.into_iter().chain(after).any(is_id)
}

/// The kind of server that each container runs.
pub(crate) fn recipes(facts: &Facts) -> BTreeMap<&str, &Recipe> {
    let known = facts.recipes.known();
    let recipe = |container: &ContainerFact| {
        let ports = container.exposed.iter().filter_map(|port| {
            let (number, _) = port.split_once('/')?;
            number.parse().ok()
        });
        known.of(&Server {
            image: &container.image,
            command: container.command.iter().map(String::as_str).collect(),
            environment_keys: container.environment.keys().map(String::as_str).collect(),
            exposed_ports: ports.collect(),
        })
    };
    let containers = facts.containers.iter();
    containers
        .filter_map(|container| Some((container.name.as_str(), recipe(container)?)))
        .collect()
}
