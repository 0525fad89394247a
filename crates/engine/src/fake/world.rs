//! What the fake holds: objects, the clock, the ids, the events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use bowline_model::{
    ContainerId, ContainerSpec, ContainerState, ContainerStatus, EngineEvent, EventAction, Health,
    HealthStatus, ImageId, NetworkId, ObjectKind, ObservedEndpoint, ObservedImage, ObservedNetwork,
    ObservedVolume, Protocol,
};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::builds::ScriptedStep;
use super::create;
use super::script::Run;
use crate::{EngineError, EventFilter, ExecId, FileToPut, LogEntry, OutputSource, PullFailure};

/// How many events an engine remembers.
const REMEMBERED_EVENTS: usize = 256;

/// The world and the bell that rings when it changed.
#[derive(Debug)]
pub(super) struct Shared {
    world: Mutex<World>,
    pub(super) changed: watch::Sender<u64>,
}

impl Shared {
    pub(super) fn new(base: Timestamp) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            world: Mutex::new(World::new(base, this.clone())),
            changed: watch::channel(0).0,
        })
    }

    /// Locks the world. Nothing awaits while it is held.
    pub(super) fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and rings the bell.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.lock());
        self.changed.send_modify(|version| *version += 1);
        result
    }

    /// Waits until `look` finds something.
    pub(super) async fn until<T>(&self, mut look: impl FnMut(&mut World) -> Option<T>) -> T {
        let mut changed = self.changed.subscribe();
        loop {
            if let Some(found) = look(&mut self.lock()) {
                return found;
            }
            // The sender is `self`, so this cannot fail.
            let _ = changed.changed().await;
        }
    }
}

#[derive(Debug)]
pub(super) struct World {
    pub(super) this: Weak<Shared>,
    base: Timestamp,
    began: Instant,
    last: Timestamp,
    ids: u64,
    addresses: u32,
    pub(super) containers: Vec<FakeContainer>,
    pub(super) networks: Vec<ObservedNetwork>,
    pub(super) volumes: BTreeMap<String, ObservedVolume>,
    pub(super) volume_sizes: BTreeMap<String, u64>,
    pub(super) images: Vec<ObservedImage>,
    pub(super) build_steps: BTreeMap<String, ScriptedStep>,
    pub(super) registry: BTreeMap<String, Result<ObservedImage, PullFailure>>,
    pub(super) files_of_images: BTreeMap<String, BTreeSet<String>>,
    pub(super) runs_of_images: BTreeMap<String, Vec<Run>>,
    pub(super) runs_of_containers: BTreeMap<String, Vec<Run>>,
    pub(super) ports_outside: BTreeSet<(u16, Protocol)>,
    pub(super) execs: BTreeMap<ExecId, FakeExec>,
    /// How long the next creation of what has this name takes.
    pub(super) late: BTreeMap<String, Duration>,
    events: Vec<EngineEvent>,
    watchers: Vec<(EventFilter, mpsc::UnboundedSender<EngineEvent>)>,
}

#[derive(Debug)]
pub(super) struct FakeContainer {
    pub(super) id: ContainerId,
    pub(super) name: String,
    pub(super) created: Timestamp,
    pub(super) image_id: ImageId,
    /// As asked for, with image defaults merged in.
    pub(super) spec: ContainerSpec,
    pub(super) state: ContainerState,
    pub(super) restart_count: u64,
    /// Stopped on request: its restart policy is not asked.
    pub(super) stopped: bool,
    pub(super) endpoints: BTreeMap<String, ObservedEndpoint>,
    pub(super) ports: Vec<bowline_model::BoundPort>,
    pub(super) mounts: Vec<bowline_model::EffectiveMount>,
    pub(super) files: BTreeMap<String, FileToPut>,
    pub(super) log: Vec<LogEntry>,
    pub(super) log_readers: Vec<mpsc::UnboundedSender<LogEntry>>,
    /// Counts starts, so that a timer of an earlier run does nothing.
    pub(super) run: u32,
    pub(super) behaviour: Run,
    pub(super) probes: u32,
    pub(super) began: Instant,
}

#[derive(Clone, Debug)]
pub(super) struct FakeExec {
    pub(super) container: ContainerId,
    pub(super) running: bool,
    pub(super) code: Option<i64>,
}

impl World {
    fn new(base: Timestamp, this: Weak<Shared>) -> Self {
        Self {
            this,
            base,
            began: Instant::now(),
            last: base,
            ids: 0,
            addresses: 0,
            containers: Vec::new(),
            networks: Vec::new(),
            volumes: BTreeMap::new(),
            volume_sizes: BTreeMap::new(),
            images: Vec::new(),
            build_steps: BTreeMap::new(),
            registry: BTreeMap::new(),
            files_of_images: BTreeMap::new(),
            runs_of_images: BTreeMap::new(),
            runs_of_containers: BTreeMap::new(),
            ports_outside: BTreeSet::new(),
            execs: BTreeMap::new(),
            late: BTreeMap::new(),
            events: Vec::new(),
            watchers: Vec::new(),
        }
    }

    /// The time: the runtime's own since the fake was made, never twice the same.
    pub(super) fn now(&mut self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or_default();
        let time = self.base.checked_add(elapsed).unwrap_or(self.base);
        let next = self
            .last
            .checked_add(SignedDuration::from_micros(1))
            .unwrap_or(self.last);
        self.last = time.max(next);
        self.last
    }

    /// The next id: 64 hexadecimal digits that differ within the first twelve.
    pub(super) fn next_id(&mut self) -> String {
        self.ids += 1;
        format!("{:012x}{:052x}", 0xfa00_0000_0000_u64 + self.ids, self.ids)
    }

    pub(super) fn container(
        &mut self,
        id: &ContainerId,
    ) -> Result<&mut FakeContainer, EngineError> {
        self.containers
            .iter_mut()
            .find(|container| container.id == *id)
            .ok_or_else(|| not_found(ObjectKind::Container, &id.0))
    }

    pub(super) fn image(&self, reference: &str) -> Option<&ObservedImage> {
        let full = full_reference(reference);
        self.images.iter().find(|image| {
            image.id.0 == reference
                || image
                    .tags
                    .iter()
                    .chain(&image.digests)
                    .any(|tag| full_reference(tag) == full)
        })
    }

    /// Tells everybody what happened.
    pub(super) fn emit(
        &mut self,
        kind: ObjectKind,
        action: EventAction,
        id: &str,
        attributes: BTreeMap<String, String>,
    ) {
        let event = EngineEvent {
            at: self.now(),
            kind,
            action,
            id: id.to_owned(),
            attributes,
        };
        self.watchers.retain(|(filter, watcher)| {
            if wanted(filter, &event) {
                watcher.send(event.clone()).is_ok()
            } else {
                !watcher.is_closed()
            }
        });
        self.events.push(event);
        if self.events.len() > REMEMBERED_EVENTS {
            self.events.remove(0);
        }
    }

    /// Tells everybody what happened to a container.
    pub(super) fn emit_of(
        &mut self,
        id: &ContainerId,
        action: EventAction,
        extra: &[(&str, String)],
    ) {
        let Ok(container) = self.container(id) else {
            return;
        };
        let mut attributes: BTreeMap<String, String> = (*container.spec.labels).clone();
        attributes.insert("image".into(), container.spec.image.clone());
        attributes.insert("name".into(), container.name.clone());
        attributes.extend(
            extra
                .iter()
                .map(|(key, value)| ((*key).to_owned(), value.clone())),
        );
        self.emit(ObjectKind::Container, action, &id.0, attributes);
    }

    /// Tells that the volumes of a container are mounted or no longer so.
    pub(super) fn emit_mounts(&mut self, id: &ContainerId, action: &EventAction) {
        let Ok(container) = self.container(id) else {
            return;
        };
        let mounts = container.mounts.iter();
        let volumes: Vec<String> = mounts.filter_map(|mount| mount.volume.clone()).collect();
        for volume in volumes {
            let attributes = [("container".to_owned(), id.0.clone())].into();
            self.emit(ObjectKind::Volume, action.clone(), &volume, attributes);
        }
    }

    /// The next address that a container gets.
    pub(super) fn next_address(&mut self) -> String {
        self.addresses += 1;
        format!(
            "172.17.{}.{}",
            self.addresses / 250,
            self.addresses % 250 + 2
        )
    }

    /// The remembered events that a filter wants, and a receiver of those to come.
    pub(super) fn watch(
        &mut self,
        filter: &EventFilter,
    ) -> (Vec<EngineEvent>, mpsc::UnboundedReceiver<EngineEvent>) {
        let past = match filter.since {
            Some(since) => self
                .events
                .iter()
                .filter(|event| event.at >= since && wanted(filter, event))
                .cloned()
                .collect(),
            None => Vec::new(),
        };
        let (sender, receiver) = mpsc::unbounded_channel();
        self.watchers.push((filter.clone(), sender));
        (past, receiver)
    }
}

impl FakeContainer {
    /// Joins its networks under an address.
    pub(super) fn join(&mut self, networks: &BTreeMap<String, NetworkId>, address: &str) {
        let short = self.id.short().to_owned();
        for (name, endpoint) in &mut self.endpoints {
            endpoint.network = networks.get(name).cloned();
            endpoint.ipv4 = Some(address.to_owned());
            let predefined = matches!(name.as_str(), "bridge" | "host" | "none");
            if !predefined && !endpoint.aliases.contains(&short) {
                endpoint.aliases.push(short.clone());
            }
        }
    }

    /// Begins a run.
    pub(super) fn begin(&mut self, now: Timestamp, behaviour: &Run) {
        // The probes of an earlier run stay in the log.
        let earlier = self.state.health.take().map(|health| health.probes);
        let health = create::has_healthcheck(&self.spec).then(|| Health {
            status: HealthStatus::Starting,
            failing_streak: 0,
            probes: earlier.unwrap_or_default(),
        });
        self.state = ContainerState {
            status: ContainerStatus::Running,
            exit_code: 0,
            oom_killed: false,
            error: None,
            pid: Some(1000 + self.run),
            started: Some(now),
            finished: self.state.finished,
            health,
        };
        self.began = Instant::now();
        self.probes = 0;
        self.behaviour = behaviour.clone();
    }

    pub(super) fn is_running(&self) -> bool {
        self.state.is_running()
    }

    pub(super) fn write(&mut self, mut entry: LogEntry) {
        if self.spec.tty {
            entry.source = OutputSource::Terminal;
        }
        self.log_readers
            .retain(|reader| reader.send(entry.clone()).is_ok());
        self.log.push(entry);
    }

    /// Freezes it. Nobody checks its health meanwhile, and Docker calls that unhealthy until the next check.
    pub(super) fn freeze(&mut self) {
        self.state.status = ContainerStatus::Paused;
        if let Some(health) = &mut self.state.health {
            health.status = HealthStatus::Unhealthy;
        }
    }

    pub(super) fn not_running(&self) -> EngineError {
        let text = match self.state.status {
            ContainerStatus::Paused => "it is paused".to_owned(),
            ContainerStatus::Restarting => "it is restarting".to_owned(),
            _ => format!("container {} is not running", self.id),
        };
        EngineError::NotRunning {
            container: self.id.0.clone(),
            text,
        }
    }
}

pub(super) fn not_found(kind: ObjectKind, name: &str) -> EngineError {
    EngineError::NotFound {
        kind,
        name: name.to_owned(),
    }
}

/// A reference with everything that may be left out.
pub(super) fn full_reference(reference: &str) -> String {
    let bare = reference.strip_prefix("docker.io/").unwrap_or(reference);
    let bare = bare.strip_prefix("library/").unwrap_or(bare);
    let last = bare.rsplit('/').next().unwrap_or(bare);
    if last.contains([':', '@']) {
        bare.to_owned()
    } else {
        format!("{bare}:latest")
    }
}

fn wanted(filter: &EventFilter, event: &EngineEvent) -> bool {
    let labels =
        filter
            .labels
            .iter()
            .all(|(key, value)| match (event.attributes.get(key), value) {
                (Some(found), Some(wanted)) => found == wanted,
                (found, None) => found.is_some(),
                (None, Some(_)) => false,
            });
    let action = filter.actions.iter().any(|action| {
        let (word, happened) = (action.word(), event.action.word());
        happened == word
            || happened
                .strip_prefix(word)
                .is_some_and(|rest| rest.starts_with(':'))
    });
    labels
        && (filter.actions.is_empty() || action)
        && (filter.kinds.is_empty() || filter.kinds.contains(&event.kind))
        && filter.until.is_none_or(|until| event.at < until)
}
