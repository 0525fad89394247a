//! How the fake's containers come: create, rename, start.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bowline_model::{
    BoundPort, ContainerId, ContainerSpec, ContainerState, ContainerStatus, EventAction, HostPort,
    ObjectKind, ObservedContainer, ObservedEndpoint, PortSpec,
};
use tokio::time::Instant;

use super::create;
use super::script::{Run, StartOutcome};
use super::world::{FakeContainer, World, not_found};
use crate::{CreatedContainer, EngineError, LogEntry, OutputSource, Started};

/// First port of those given for [`HostPort::Any`].
const FIRST_FREE_PORT: u16 = 32768;

impl World {
    pub(super) fn create(
        &mut self,
        name: &str,
        spec: &ContainerSpec,
    ) -> Result<CreatedContainer, EngineError> {
        let image = self
            .image(&spec.image)
            .cloned()
            .ok_or_else(|| not_found(ObjectKind::Image, &spec.image))?;
        self.refuse_taken(name)?;
        let id = ContainerId(self.next_id());
        let endpoints = self.endpoints_of(spec);
        let mounts = create::mounts(self, spec, &image.config);
        let merged = create::merge(spec.clone(), &image.config, &id.0);
        let created = self.now();
        self.containers.push(FakeContainer {
            id: id.clone(),
            name: name.to_owned(),
            created,
            image_id: image.id,
            spec: merged,
            state: ContainerState {
                status: ContainerStatus::Created,
                exit_code: 0,
                oom_killed: false,
                error: None,
                pid: None,
                started: None,
                finished: None,
                health: None,
            },
            restart_count: 0,
            stopped: false,
            endpoints,
            ports: Vec::new(),
            mounts,
            files: BTreeMap::new(),
            log: Vec::new(),
            log_readers: Vec::new(),
            run: 0,
            behaviour: Run::default(),
            probes: 0,
            began: Instant::now(),
        });
        self.emit_of(&id, EventAction::Create, &[]);
        Ok(CreatedContainer {
            id,
            warnings: Vec::new(),
        })
    }

    /// The endpoints that a new container has: those asked for, else that of its mode.
    fn endpoints_of(&self, spec: &ContainerSpec) -> BTreeMap<String, ObservedEndpoint> {
        let mut endpoints = BTreeMap::new();
        for wanted in &spec.network.endpoints {
            let network = self.network_named(&wanted.network);
            let name = network.map_or(&wanted.network, |network| &network.spec.name);
            let endpoint = ObservedEndpoint {
                aliases: wanted.aliases.clone(),
                ..ObservedEndpoint::default()
            };
            endpoints.insert(name.clone(), endpoint);
        }
        if endpoints.is_empty() && !spec.network.disabled {
            let network = match spec.network.mode.as_deref() {
                None | Some("default") => "bridge",
                Some(mode) => mode,
            };
            if !network.starts_with("container:") {
                endpoints.insert(network.to_owned(), ObservedEndpoint::default());
            }
        }
        endpoints
    }

    fn refuse_taken(&self, name: &str) -> Result<(), EngineError> {
        match self
            .containers
            .iter()
            .find(|container| container.name == name)
        {
            Some(holder) => Err(EngineError::NameTaken {
                name: name.to_owned(),
                holder: Some(holder.id.clone()),
            }),
            None => Ok(()),
        }
    }

    pub(super) fn rename(&mut self, id: &ContainerId, name: &str) -> Result<(), EngineError> {
        let old = self.container(id)?.name.clone();
        if old == name {
            return Ok(());
        }
        self.refuse_taken(name)?;
        name.clone_into(&mut self.container(id)?.name);
        self.emit_of(id, EventAction::Rename, &[("oldName", format!("/{old}"))]);
        Ok(())
    }

    pub(super) fn observe(&mut self, id: &ContainerId) -> Result<ObservedContainer, EngineError> {
        let execs = self
            .execs
            .iter()
            .filter(|(_, exec)| exec.running && exec.container == *id)
            .map(|(id, _)| id.0.clone());
        let execs = execs.collect();
        let container = self.container(id)?;
        Ok(ObservedContainer {
            id: container.id.clone(),
            name: container.name.clone(),
            created: Some(container.created),
            image_id: container.image_id.clone(),
            spec: container.spec.clone(),
            state: container.state.clone(),
            restart_count: container.restart_count,
            mounts: container.mounts.clone(),
            endpoints: container.endpoints.clone(),
            ports: container.ports.clone(),
            execs,
        })
    }

    /// How the next run of a container goes: by its name, else by its image; the last one said repeats.
    pub(super) fn next_run(&mut self, id: &ContainerId) -> Run {
        let Ok(container) = self.container(id) else {
            return Run::default();
        };
        let (name, image, number) = (
            container.name.clone(),
            container.spec.image.clone(),
            container.run as usize,
        );
        let runs = self
            .runs_of_containers
            .get(&name)
            .or_else(|| self.runs_of_images.get(&image));
        runs.and_then(|runs| runs.get(number).or(runs.last()))
            .cloned()
            .unwrap_or_default()
    }

    pub(super) fn start(&mut self, id: &ContainerId) -> Result<Started, EngineError> {
        match self.container(id)?.state.status {
            ContainerStatus::Running | ContainerStatus::Restarting => return Ok(Started::Already),
            ContainerStatus::Paused => {
                return Err(EngineError::Conflict {
                    text: "cannot start a paused container, try unpause instead".into(),
                });
            }
            _ => {}
        }
        let run = self.next_run(id);
        let attempt = self.attempt(id, &run);
        let container = self.container(id)?;
        container.run += 1;
        container.stopped = false;
        if let Err((code, error)) = attempt {
            container.state.exit_code = code;
            container.state.error = Some(match &error {
                EngineError::PortTaken { text, .. } | EngineError::FailedToStart { text, .. } => {
                    text.clone()
                }
                other => other.to_string(),
            });
            return Err(error);
        }
        self.run(id, run);
        Ok(Started::Now)
    }

    /// Everything that can go wrong before the main process runs, with the exit code that is noted.
    fn attempt(&mut self, id: &ContainerId, run: &Run) -> Result<(), (i64, EngineError)> {
        let failed = |text: String| EngineError::FailedToStart {
            container: id.0.clone(),
            text,
        };
        if let StartOutcome::Fails { code, text } = &run.start {
            return Err((*code, failed(text.clone())));
        }
        let container = self.container(id).map_err(|error| (128, error))?;
        let (networks, published): (Vec<String>, _) = (
            container.endpoints.keys().cloned().collect(),
            container.spec.published.clone(),
        );
        if let Some(missing) = networks
            .iter()
            .find(|name| self.network_named(name).is_none())
        {
            return Err((128, failed(format!("network {missing} not found"))));
        }
        let mut ports: Vec<BoundPort> = Vec::new();
        for port in &published {
            let bound = self.bind(port, &ports).map_err(|error| (128, error))?;
            ports.push(bound);
        }
        self.container(id).map_err(|error| (128, error))?.ports = ports;
        Ok(())
    }

    /// Finds a free port of the host; `taken` are those that the same start has bound already.
    fn bind(&self, wanted: &PortSpec, taken: &[BoundPort]) -> Result<BoundPort, EngineError> {
        let range = match wanted.host {
            HostPort::Any => FIRST_FREE_PORT..=u16::MAX,
            HostPort::Fixed(port) => port..=port,
            HostPort::Range(first, last) => first..=last,
        };
        let protocol = wanted.container.protocol;
        let first = *range.start();
        let elsewhere = self
            .containers
            .iter()
            .flat_map(|container| &container.ports);
        let bound: BTreeSet<u16> = elsewhere
            .chain(taken)
            .filter(|bound| bound.container.protocol == protocol)
            .map(|bound| bound.host_port)
            .collect();
        let host_ip = wanted.host_ip.clone().unwrap_or_else(|| "0.0.0.0".into());
        let free = range
            .into_iter()
            .find(|port| !bound.contains(port) && !self.ports_outside.contains(&(*port, protocol)));
        match free {
            Some(host_port) => Ok(BoundPort {
                container: wanted.container.clone(),
                host_ip,
                host_port,
            }),
            None => Err(EngineError::PortTaken {
                port: first,
                protocol,
                text: format!("Bind for {host_ip}:{first} failed: port is already allocated"),
                host_ip: Some(host_ip),
            }),
        }
    }

    fn run(&mut self, id: &ContainerId, behaviour: Run) {
        let now = self.now();
        let networks: BTreeMap<_, _> = self
            .networks
            .iter()
            .map(|network| (network.spec.name.clone(), network.id.clone()))
            .collect();
        let address = self.next_address();
        let Ok(container) = self.container(id) else {
            return;
        };
        container.join(&networks, &address);
        container.begin(now, &behaviour);
        let (run, checked) = (container.run, container.state.health.is_some());
        let joined: Vec<_> = container
            .endpoints
            .values()
            .filter_map(|endpoint| endpoint.network.clone())
            .collect();
        for network in joined {
            self.emit_endpoint(&network, id, EventAction::Connect);
        }
        self.emit_mounts(id, &EventAction::Mount);
        self.emit_of(id, EventAction::Start, &[]);
        for (source, line) in behaviour.output {
            self.write(id, source, &line, false);
        }
        if checked {
            self.watch_health(id.clone(), run);
        }
        let oom = behaviour.out_of_memory;
        if let Some((time, code)) = behaviour.ends {
            self.later(time, id.clone(), run, move |world, id| {
                if oom {
                    world.emit_of(id, EventAction::Oom, &[]);
                }
                world.end(id, code, oom);
            });
        }
    }

    /// Lets a container write a line, or a part of one.
    pub(super) fn write(
        &mut self,
        id: &ContainerId,
        source: OutputSource,
        line: &str,
        continues: bool,
    ) {
        let at = self.now();
        if let Ok(container) = self.container(id) {
            container.write(LogEntry {
                at,
                source,
                bytes: line.as_bytes().to_vec(),
                continues,
            });
        }
    }

    /// Does something to a container after a time, if it is still in the same run.
    pub(super) fn later(
        &self,
        time: Duration,
        id: ContainerId,
        run: u32,
        act: impl FnOnce(&mut World, &ContainerId) + Send + 'static,
    ) {
        let this = self.this.clone();
        tokio::spawn(async move {
            // sleeps because: the script says when this happens
            tokio::time::sleep(time).await;
            if let Some(shared) = this.upgrade() {
                shared.change(|world| {
                    if world.container(&id).is_ok_and(|container| {
                        container.run == run
                            && !matches!(container.state.status, ContainerStatus::Exited)
                    }) {
                        act(world, &id);
                    }
                });
            }
        });
    }
}
