//! How the fake's containers come and go: create, start, end, restart, health.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_model::{
    BoundPort, ContainerId, ContainerSpec, ContainerState, ContainerStatus, EventAction, Health,
    HealthProbe, HealthStatus, HostPort, ObjectKind, ObservedContainer, ObservedEndpoint,
    RestartSpec,
};
use tokio::time::Instant;

use super::create;
use super::script::{OnStop, Ready, Run, StartOutcome};
use super::world::{FakeContainer, World, not_found};
use crate::{CreatedContainer, EngineError, LogEntry, RemoveContainer, Removed, Started};

/// First port of those given for [`HostPort::Any`].
const FIRST_FREE_PORT: u16 = 32768;

/// Defaults of an engine's healthcheck.
const INTERVAL: Duration = Duration::from_secs(30);
const RETRIES: u32 = 3;

/// What one probe of a healthcheck would find now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Probe {
    Succeeds,
    Fails,
    Hangs,
}

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
        let mut endpoints: BTreeMap<String, ObservedEndpoint> = BTreeMap::new();
        for endpoint in &spec.network.endpoints {
            let network = self.network_named(&endpoint.network);
            let name = network.map_or_else(
                || endpoint.network.clone(),
                |network| network.spec.name.clone(),
            );
            endpoints.insert(
                name,
                ObservedEndpoint {
                    aliases: endpoint.aliases.clone(),
                    ..ObservedEndpoint::default()
                },
            );
        }
        if endpoints.is_empty() && !spec.network.disabled {
            match spec.network.mode.as_deref() {
                None | Some("default" | "bridge") => {
                    drop(endpoints.insert("bridge".into(), ObservedEndpoint::default()))
                }
                Some(mode) if mode.starts_with("container:") => {}
                Some(mode) => drop(endpoints.insert(mode.to_owned(), ObservedEndpoint::default())),
            }
        }
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
        let mut ports = Vec::new();
        for port in published {
            let wanted = match port.host {
                HostPort::Any => FIRST_FREE_PORT..=u16::MAX,
                HostPort::Fixed(port) => port..=port,
                HostPort::Range(first, last) => first..=last,
            };
            let protocol = port.container.protocol;
            let first = *wanted.start();
            let free = wanted.into_iter().find(|candidate| {
                let bound = |taken: &BoundPort| {
                    taken.host_port == *candidate && taken.container.protocol == protocol
                };
                !self.ports_outside.contains(&(*candidate, protocol))
                    && !ports.iter().any(bound)
                    && !self
                        .containers
                        .iter()
                        .any(|other| other.ports.iter().any(bound))
            });
            let host_ip = port.host_ip.clone().unwrap_or_else(|| "0.0.0.0".into());
            let Some(host_port) = free else {
                let text = format!(
                    "driver failed programming external connectivity on endpoint: Bind for {host_ip}:{first} failed: port is already allocated"
                );
                return Err((
                    128,
                    EngineError::PortTaken {
                        port: first,
                        protocol,
                        host_ip: Some(host_ip),
                        text,
                    },
                ));
            };
            ports.push(BoundPort {
                container: port.container.clone(),
                host_ip,
                host_port,
            });
        }
        self.container(id).map_err(|error| (128, error))?.ports = ports;
        Ok(())
    }

    fn run(&mut self, id: &ContainerId, behaviour: Run) {
        let now = self.now();
        let short = id.short().to_owned();
        let ids: BTreeMap<_, _> = self
            .networks
            .iter()
            .map(|network| (network.spec.name.clone(), network.id.clone()))
            .collect();
        let Some(position) = self
            .containers
            .iter()
            .position(|container| container.id == *id)
        else {
            return;
        };
        let container = &mut self.containers[position];
        for (name, endpoint) in &mut container.endpoints {
            endpoint.network = ids.get(name).cloned();
            endpoint.ipv4 = Some(format!("172.17.0.{}", position + 2));
            if !matches!(name.as_str(), "bridge" | "host" | "none")
                && !endpoint.aliases.contains(&short)
            {
                endpoint.aliases.push(short.clone());
            }
        }
        container.state = ContainerState {
            status: ContainerStatus::Running,
            exit_code: 0,
            oom_killed: false,
            error: None,
            pid: u32::try_from(position + 1000).ok(),
            started: Some(now),
            finished: container.state.finished,
            health: container.state.health.take(),
        };
        container.began = Instant::now();
        container.probes = 0;
        let run = container.run;
        let output = behaviour.output.clone();
        let ends = behaviour.ends;
        let oom = behaviour.out_of_memory;
        container.behaviour = behaviour;
        if create::has_healthcheck(&container.spec) {
            // The probes of an earlier run stay in the log.
            let probes = container
                .state
                .health
                .take()
                .map(|health| health.probes)
                .unwrap_or_default();
            container.state.health = Some(Health {
                status: HealthStatus::Starting,
                failing_streak: 0,
                probes,
            });
            self.watch_health(id.clone(), run);
        }
        let joined: Vec<_> = self.containers[position]
            .endpoints
            .values()
            .filter_map(|endpoint| endpoint.network.clone())
            .collect();
        for network in joined {
            self.emit_endpoint(&network, id, EventAction::Connect);
        }
        self.emit_of(id, EventAction::Start, &[]);
        for (source, line) in output {
            let at = self.now();
            let entry = LogEntry {
                at,
                source,
                bytes: line.into_bytes(),
                continues: false,
            };
            self.containers[position].write(entry);
        }
        if let Some((time, code)) = ends {
            self.later(time, id.clone(), run, move |world, id| {
                if oom {
                    world.emit_of(id, EventAction::Oom, &[]);
                }
                world.end(id, code, oom);
            });
        }
    }

    /// Does something to a container after a time, if it is still in the same run.
    fn later(
        &self,
        time: Duration,
        id: ContainerId,
        run: u32,
        act: impl FnOnce(&mut World, &ContainerId) + Send + 'static,
    ) {
        let this = self.this.clone();
        tokio::spawn(async move {
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

    /// Ends the run of a container, and plans the next one where its restart policy says so.
    pub(super) fn end(&mut self, id: &ContainerId, code: i64, out_of_memory: bool) {
        let now = self.now();
        let Ok(container) = self.container(id) else {
            return;
        };
        container.state.status = ContainerStatus::Exited;
        container.state.exit_code = code;
        container.state.oom_killed = out_of_memory;
        container.state.pid = None;
        container.state.finished = Some(now);
        container.ports.clear();
        container.log_readers.clear();
        if let Some(health) = &mut container.state.health {
            health.status = HealthStatus::Unhealthy;
        }
        let mut left = Vec::new();
        for endpoint in container.endpoints.values_mut() {
            endpoint.ipv4 = None;
            left.extend(endpoint.network.clone());
        }
        let restarts = !container.stopped
            && match container.spec.restart {
                RestartSpec::No => false,
                RestartSpec::Always | RestartSpec::UnlessStopped => true,
                RestartSpec::OnFailure { max_retries } => {
                    code != 0
                        && max_retries.is_none_or(|max| container.restart_count < u64::from(max))
                }
            };
        let (run, count) = (container.run, container.restart_count);
        let auto_remove = container.spec.auto_remove && !restarts;
        if restarts {
            container.state.status = ContainerStatus::Restarting;
        }
        for exec in self
            .execs
            .values_mut()
            .filter(|exec| exec.running && exec.container == *id)
        {
            exec.running = false;
            exec.code = Some(137);
        }
        self.emit_of(id, EventAction::Die, &[("exitCode", code.to_string())]);
        for network in left {
            self.emit_endpoint(&network, id, EventAction::Disconnect);
        }
        if restarts {
            let backoff = Duration::from_millis(100)
                * 2_u32.saturating_pow(u32::try_from(count).unwrap_or(9).min(9));
            self.later(backoff, id.clone(), run, |world, id| {
                if let Ok(container) = world.container(id) {
                    container.restart_count += 1;
                    container.state.status = ContainerStatus::Exited;
                }
                // A start that fails is written into the container's state.
                let _ = world.start(id);
            });
        } else if auto_remove {
            self.destroy(id, true);
        }
    }

    /// Asks a container to stop. True where it ended at once, false where it has to be killed later.
    pub(super) fn ask_to_stop(&mut self, id: &ContainerId) -> Result<bool, EngineError> {
        let container = self.container(id)?;
        container.stopped = true;
        if container.state.status == ContainerStatus::Restarting {
            container.state.status = ContainerStatus::Exited;
            return Ok(true);
        }
        let (on_stop, signal) = (
            container.behaviour.on_stop,
            container.spec.stop_signal.clone(),
        );
        self.emit_of(
            id,
            EventAction::Kill,
            &[("signal", signal.unwrap_or_else(|| "15".into()))],
        );
        if let OnStop::Ends(code) = on_stop {
            self.end(id, code, false);
        }
        Ok(matches!(on_stop, OnStop::Ends(_)))
    }

    pub(super) fn kill(&mut self, id: &ContainerId, signal: &str) -> Result<(), EngineError> {
        let container = self.container(id)?;
        if !container.is_running() {
            return Err(container.not_running());
        }
        let on_stop = container.behaviour.on_stop;
        let stop_signal = container
            .spec
            .stop_signal
            .clone()
            .unwrap_or_else(|| "SIGTERM".into());
        self.emit_of(id, EventAction::Kill, &[("signal", signal.to_owned())]);
        match signal.trim_start_matches("SIG") {
            "KILL" | "9" => {
                self.container(id)?.stopped = true;
                self.end(id, 137, false);
            }
            "TERM" | "15" if on_stop != OnStop::Ignores => self.end(id, 143, false),
            other if stop_signal.trim_start_matches("SIG") == other => {
                if let OnStop::Ends(code) = on_stop {
                    self.end(id, code, false);
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn remove(
        &mut self,
        id: &ContainerId,
        how: RemoveContainer,
    ) -> Result<Removed, EngineError> {
        let Ok(container) = self.container(id) else {
            return Ok(Removed::Already);
        };
        if container.is_running() || container.state.status == ContainerStatus::Restarting {
            if !how.force {
                return Err(EngineError::InUse {
                    kind: ObjectKind::Container,
                    name: id.0.clone(),
                    by: vec![id.clone()],
                    text: "You cannot remove a running container. Stop the container before attempting removal or force remove".into(),
                });
            }
            container.stopped = true;
            self.emit_of(id, EventAction::Kill, &[("signal", "9".into())]);
            self.end(id, 137, false);
        }
        self.destroy(id, how.anonymous_volumes);
        Ok(Removed::Now)
    }

    fn destroy(&mut self, id: &ContainerId, anonymous_volumes: bool) {
        self.emit_of(id, EventAction::Destroy, &[]);
        let Some(position) = self
            .containers
            .iter()
            .position(|container| container.id == *id)
        else {
            return;
        };
        let container = self.containers.remove(position);
        self.execs.retain(|_, exec| exec.container != *id);
        if anonymous_volumes {
            for mount in container
                .mounts
                .iter()
                .filter(|mount| mount.is_anonymous_volume())
            {
                // One that another container uses as well stays.
                let _ = self.remove_volume(mount.volume.as_deref().unwrap_or_default());
            }
        }
    }

    // ---- health

    /// What the healthcheck's test answers now, whoever runs it.
    pub(super) fn probe(&mut self, id: &ContainerId) -> Probe {
        let Ok(container) = self.container(id) else {
            return Probe::Fails;
        };
        container.probes += 1;
        match container.behaviour.ready {
            Ready::AtOnce => Probe::Succeeds,
            Ready::After(time) if container.began.elapsed() >= time => Probe::Succeeds,
            Ready::AfterProbes(failures) if container.probes > failures => Probe::Succeeds,
            Ready::ProbesHang => Probe::Hangs,
            Ready::After(_) | Ready::AfterProbes(_) | Ready::Never => Probe::Fails,
        }
    }

    /// Probes a container as an engine does, from one interval after its start until the run ends.
    fn watch_health(&mut self, id: ContainerId, run: u32) {
        let Ok(container) = self.container(&id) else {
            return;
        };
        let check = container.spec.healthcheck.clone().unwrap_or_default();
        let interval = check.interval.unwrap_or(INTERVAL);
        let start_period = check.start_period.unwrap_or_default();
        let early = check.start_interval.unwrap_or(interval);
        let (retries, began) = (check.retries.unwrap_or(RETRIES), container.began);
        let this = self.this.clone();
        tokio::spawn(async move {
            let mut ready = false;
            loop {
                let in_start_period = !ready && began.elapsed() < start_period;
                tokio::time::sleep(if in_start_period { early } else { interval }).await;
                let Some(shared) = this.upgrade() else { return };
                let go_on = shared.change(|world| {
                    let same = world
                        .container(&id)
                        .is_ok_and(|container| container.run == run && container.is_running());
                    if same {
                        ready |= world.engine_probe(
                            &id,
                            retries,
                            !ready && began.elapsed() < start_period,
                        );
                    }
                    same
                });
                if !go_on {
                    return;
                }
            }
        });
    }

    /// One probe by the engine. Tells whether it succeeded.
    fn engine_probe(&mut self, id: &ContainerId, retries: u32, forgiven: bool) -> bool {
        let outcome = self.probe(id);
        let (started, ended) = (Some(self.now()), Some(self.now()));
        let Ok(container) = self.container(id) else {
            return false;
        };
        let Some(health) = &mut container.state.health else {
            return false;
        };
        let before = health.status;
        let (exit_code, output) = match outcome {
            Probe::Succeeds => (0, "ok"),
            Probe::Fails => (1, "not yet"),
            Probe::Hangs => (-1, "Health check exceeded timeout"),
        };
        health.probes.push(HealthProbe {
            started,
            ended,
            exit_code,
            output: output.into(),
        });
        if health.probes.len() > 5 {
            health.probes.remove(0);
        }
        if exit_code == 0 {
            health.failing_streak = 0;
            health.status = HealthStatus::Healthy;
        } else if !forgiven {
            health.failing_streak += 1;
            if health.failing_streak >= retries {
                health.status = HealthStatus::Unhealthy;
            }
        }
        let after = health.status;
        if before != after {
            let word = if after == HealthStatus::Healthy {
                "healthy"
            } else {
                "unhealthy"
            };
            self.emit_of(id, EventAction::Health(word.into()), &[]);
        }
        exit_code == 0
    }
}
