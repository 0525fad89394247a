//! How runs of the fake's containers end, and how the containers go.

use std::time::Duration;

use bowline_model::{
    ContainerId, ContainerStatus, EventAction, HealthStatus, ObjectKind, RestartSpec,
};

use super::script::OnStop;
use super::world::World;
use crate::{EngineError, RemoveContainer, Removed};

impl World {
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
        self.emit_mounts(id, &EventAction::Unmount);
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
}
