//! The healthchecks of the fake's containers, as an engine runs them.

use std::time::Duration;

use bowline_model::{ContainerId, ContainerStatus, EventAction, HealthProbe, HealthStatus};

use super::script::Ready;
use super::world::World;

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
    pub(super) fn watch_health(&mut self, id: ContainerId, run: u32) {
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
                // sleeps because: a healthcheck has an interval
                tokio::time::sleep(if in_start_period { early } else { interval }).await;
                let Some(shared) = this.upgrade() else { return };
                let go_on = shared.change(|world| {
                    let same = world
                        .container(&id)
                        .is_ok_and(|container| container.run == run && container.is_running());
                    if same && !world.is_frozen(&id) {
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

    fn is_frozen(&mut self, id: &ContainerId) -> bool {
        let found = self.container(id);
        found.is_ok_and(|container| container.state.status == ContainerStatus::Paused)
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
