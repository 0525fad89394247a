//! Waiting until a container may be depended on.
//!
//! bowline runs a service's own healthcheck test itself instead of waiting for the engine's next interval, and
//! is never readier than the service. docs/decisions/readiness.md says what that means and why; in short:
//!
//! - The engine's verdict counts at once, but for a database whose start script is still setting it up. An own success counts only when a second one, at least 250 ms later,
//!   sees the same main process with the same listeners, and, where ports are exposed, one of them listens on
//!   an address that can be reached from outside. Where that cannot be looked at, the engine decides.
//! - Own failures never fail a wait. It has failed when the engine says so, when the container is gone for
//!   good, or when the healthcheck's own time is over.
//! - At most one probe of ours runs in a container; none is started while one hangs, because it cannot be
//!   ended. At most as many probes as there are CPUs run at once.

use std::time::Duration;

use bowline_engine::{
    Engine, EngineError, ExecEnd, ExecId, ExecLimits, ExecSpec, Inside, Listener,
};
use bowline_model::{
    Argv, Condition, ContainerEnd, ContainerId, ContainerRef, ContainerStatus, HealthStatus,
    HealthTest, HealthcheckSpec, ObservedContainer, Readiness, RestartSpec,
};
use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

/// The shortest pause between looks and between probes.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// Probes pause for this part of the time that has gone since the run began, up to the healthcheck's interval.
const PAUSE_PART: u32 = 4;
/// The pause between looks at the listeners of a container that cannot be reached yet.
const LISTEN_LOOK: Duration = Duration::from_millis(100);
/// The pause between glances at its listeners alone, which ask the engine nothing.
const LISTEN_GLANCE: Duration = Duration::from_millis(20);
/// The longest pause between looks at a container.
const LONGEST_LOOK: Duration = Duration::from_millis(500);
/// How long a success has to hold before it counts.
const SETTLE: Duration = Duration::from_millis(250);
/// How long a container without a healthcheck has to run.
const STEADY: Duration = Duration::from_millis(500);
/// Restarts within one wait after which a container counts as unable to stay up.
const RESTART_LIMIT: u64 = 5;
/// What is kept of a probe's output, in bytes of each stream.
const OUTPUT_LIMIT: usize = 4096;

/// What a wait needs to know and to use.
pub(crate) struct Waiting<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// Shared by all waits: how many probes run at once.
    pub probes: &'a Semaphore,
    /// How a container is looked into.
    pub inside: &'a (dyn Fn(&ContainerId, u32) -> Option<Inside> + Send + Sync),
    /// How readiness is found out.
    pub readiness: Readiness,
}

/// The last probe of a wait.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probe {
    /// Exit code; `None` where it did not end in time.
    pub exit_code: Option<i64>,
    /// What it printed, its end where it is long.
    pub output: String,
}

/// Why a wait ended without success.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum NotReady {
    /// The engine's healthcheck failed as often as it may.
    #[error("unhealthy: {failures} failures in a row")]
    Unhealthy {
        /// Failures in a row.
        failures: u32,
    },
    /// The healthcheck's own time is over and it never succeeded.
    #[error("not healthy within {}, the time that its healthcheck allows", shown(*.allowed))]
    TimedOut {
        /// That time.
        allowed: Duration,
    },
    /// It ended, and nothing starts it again.
    #[error("{}", ended(.end))]
    Ended {
        /// How.
        end: ContainerEnd,
    },
    /// It ends again and again.
    #[error("restarted {count} times; it last {}", ended(.end))]
    KeepsEnding {
        /// Restarts within this wait.
        count: u64,
        /// How it ended the last time.
        end: ContainerEnd,
    },
    /// It is frozen.
    #[error("paused")]
    Paused,
    /// It is gone.
    #[error("the container is gone")]
    Gone,
    /// Its image and service have no healthcheck, and something waits for one.
    #[error("it has no healthcheck to wait for")]
    NoHealthcheck,
    /// The engine did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A wait that ended without success, with the last probe where there was one.
#[derive(Clone, Debug, PartialEq)]
pub struct Failed {
    /// Why.
    pub reason: NotReady,
    /// The last probe, ours or the engine's.
    pub probe: Option<Probe>,
}

/// A container that was waited for with success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ready {
    /// Its id.
    pub id: ContainerId,
    /// The start of the run in which it was ready; `None` where it has ended well.
    pub run: Option<Timestamp>,
}

fn shown(duration: Duration) -> String {
    format!("{} s", duration.as_secs_f64().ceil())
}

fn ended(end: &ContainerEnd) -> String {
    match end {
        ContainerEnd::Exited { code } => format!("exited with {code}"),
        ContainerEnd::Signalled { signal } => format!("was ended by signal {signal}"),
        ContainerEnd::OutOfMemory { .. } => "was killed because its memory was used up".to_owned(),
        ContainerEnd::FailedToStart { error, .. } => format!("could not be started: {error}"),
    }
}

/// Waits until a container fulfils a condition.
///
/// Has no limit of its own for [`Condition::Completed`]; for [`Condition::Healthy`] the healthcheck's own time
/// is the limit.
pub(crate) async fn wait(
    waiting: &Waiting<'_>,
    container: &ContainerRef,
    condition: Condition,
) -> Result<Ready, Failed> {
    let mut wait = Wait {
        waiting,
        container,
        condition,
        run: None,
        pause: FIRST_PAUSE,
        probe_at: Instant::now(),
        success: None,
        listening: Vec::new(),
        hanging: None,
        probe: None,
        restarts: None,
    };
    match wait.run().await {
        Ok(ready) => Ok(ready),
        Err(reason) => Err(Failed {
            reason,
            probe: wait.probe,
        }),
    }
}

struct Wait<'a> {
    waiting: &'a Waiting<'a>,
    container: &'a ContainerRef,
    condition: Condition,
    /// The run that is being waited for, and when it was first seen.
    run: Option<(Timestamp, Instant)>,
    /// The pause before the next look, or the next probe.
    pause: Duration,
    /// When the next probe may begin. Looks go on in between: the engine's verdict counts at once.
    probe_at: Instant,
    success: Option<Success>,
    /// What listened at the last look; a change is worth a probe.
    listening: Vec<Listener>,
    /// A probe of ours that did not end in time and still runs.
    hanging: Option<ExecId>,
    probe: Option<Probe>,
    /// Restarts that were counted before this wait.
    restarts: Option<u64>,
}

/// An own probe that succeeded.
struct Success {
    at: Instant,
    pid: Option<u32>,
    listeners: Vec<Listener>,
}

/// What to do after a look.
enum Look {
    Done(Ready),
    Again(Instant),
}

impl Wait<'_> {
    async fn run(&mut self) -> Result<Ready, NotReady> {
        loop {
            match self.look().await? {
                Look::Done(ready) => return Ok(ready),
                // sleeps because: an engine does not say when a service can be used, so it is looked at again
                Look::Again(at) => sleep_until(at).await,
            }
        }
    }

    async fn inspect(&self) -> Result<ObservedContainer, NotReady> {
        let found = match &self.container.id {
            Some(id) => match self.waiting.engine.inspect_container(id).await {
                Ok(found) => Some(found),
                Err(error) if error.is_not_found() => None,
                Err(error) => return Err(error.into()),
            },
            None => {
                self.waiting
                    .engine
                    .find_container(&self.container.name)
                    .await?
            }
        };
        found.ok_or(NotReady::Gone)
    }

    async fn look(&mut self) -> Result<Look, NotReady> {
        let container = self.inspect().await?;
        self.count_restarts(&container)?;
        match container.state.status {
            ContainerStatus::Running => {}
            ContainerStatus::Paused => return Err(NotReady::Paused),
            ContainerStatus::Restarting => return Ok(self.again()),
            ContainerStatus::Created if container.state.end().is_none() => return Ok(self.again()),
            _ => return self.over(&container),
        }
        self.follow_run(&container);
        match self.condition {
            Condition::Started => Ok(Look::Done(ready(&container))),
            Condition::Completed => Ok(self.again()),
            Condition::Healthy => match healthcheck(&container) {
                Some(check) => self.healthy(&container, &check).await,
                None => Ok(self.steady(&container)),
            },
        }
    }

    fn again(&mut self) -> Look {
        let at = Instant::now() + self.pause.min(LONGEST_LOOK);
        self.pause = (self.pause * 2).min(LONGEST_LOOK);
        Look::Again(at)
    }

    /// Starts the clock anew where the container has been started again.
    fn follow_run(&mut self, container: &ObservedContainer) {
        let Some(started) = container.state.started else {
            return;
        };
        if self.run.is_none_or(|(run, _)| run != started) {
            self.run = Some((started, Instant::now()));
            self.pause = FIRST_PAUSE;
            self.probe_at = Instant::now();
            self.success = None;
            self.hanging = None;
        }
    }

    fn count_restarts(&mut self, container: &ObservedContainer) -> Result<(), NotReady> {
        let before = *self.restarts.get_or_insert(container.restart_count);
        let count = container.restart_count.saturating_sub(before);
        match container.state.end() {
            Some(end) if count >= RESTART_LIMIT => Err(NotReady::KeepsEnding { count, end }),
            _ => Ok(()),
        }
    }

    /// The container does not run, and its engine will not start it again.
    fn over(&self, container: &ObservedContainer) -> Result<Look, NotReady> {
        let end = container
            .state
            .end()
            .unwrap_or(ContainerEnd::Exited { code: 0 });
        let ended_well = end == ContainerEnd::Exited { code: 0 };
        let is_job = container.spec.restart == RestartSpec::No && healthcheck(container).is_none();
        match self.condition {
            Condition::Completed if ended_well => Ok(Look::Done(Ready {
                id: container.id.clone(),
                run: None,
            })),
            // Without a healthcheck and a restart policy it is a job: done is success.
            Condition::Healthy | Condition::Started if ended_well && is_job => {
                Ok(Look::Done(Ready {
                    id: container.id.clone(),
                    run: None,
                }))
            }
            _ => Err(NotReady::Ended { end }),
        }
    }

    /// Without a healthcheck: it runs, and runs still on a second look.
    fn steady(&mut self, container: &ObservedContainer) -> Look {
        let seen = self.run.map_or_else(Instant::now, |(_, seen)| seen);
        if seen.elapsed() >= STEADY {
            return Look::Done(ready(container));
        }
        Look::Again(seen + STEADY)
    }

    async fn healthy(
        &mut self,
        container: &ObservedContainer,
        check: &Check,
    ) -> Result<Look, NotReady> {
        if let Some(health) = &container.state.health {
            let probes = container
                .state
                .started
                .map(|run| health.probes_since(run).last().cloned());
            if let Some(Some(last)) = probes {
                let probe = Probe {
                    exit_code: Some(last.exit_code).filter(|code| *code >= 0),
                    output: last.output,
                };
                if self.probe.is_none() || health.status == HealthStatus::Unhealthy {
                    self.probe = Some(probe);
                }
            }
            let seen = self.run.map_or_else(Instant::now, |(_, seen)| seen);
            let believes =
                self.waiting.readiness == Readiness::Engine || seen.elapsed() >= check.allowed();
            match health.status {
                HealthStatus::Healthy if !believes && self.sets_itself_up(container) => {
                    return Ok(Look::Again(Instant::now() + LISTEN_LOOK));
                }
                HealthStatus::Healthy => return Ok(Look::Done(ready(container))),
                HealthStatus::Unhealthy if health.failing_streak >= check.retries => {
                    return Err(NotReady::Unhealthy {
                        failures: health.failing_streak,
                    });
                }
                // Fewer failures make no verdict: Docker also calls unhealthy what it has stopped to check, which a
                // pause does, and takes that back only at the next interval after it goes on.
                HealthStatus::Starting | HealthStatus::Unhealthy => {}
            }
        }
        let seen = self.run.map_or_else(Instant::now, |(_, seen)| seen);
        if seen.elapsed() >= check.allowed() {
            return Err(NotReady::TimedOut {
                allowed: check.allowed(),
            });
        }
        if self.waiting.readiness == Readiness::Engine || self.still_hangs().await? {
            return Ok(self.again());
        }
        let now = Instant::now();
        if !container.spec.exposed.is_empty() {
            let listeners = self.reachable(container);
            let Some(listeners) = listeners else {
                // Nobody outside could reach it, so no success would count: looking is cheaper than probing.
                self.success = None;
                self.listening.clear();
                return Ok(self.glance(container).await);
            };
            if self.listening != listeners {
                self.listening = listeners;
                self.probe_at = now;
            }
        }
        if now < self.probe_at {
            return Ok(Look::Again(self.probe_at.min(now + LONGEST_LOOK)));
        }
        self.probe_once(container, check).await
    }

    /// Waits a short time for it to be reachable, which the kernel shows without the engine.
    async fn glance(&self, container: &ObservedContainer) -> Look {
        let end = Instant::now() + LISTEN_LOOK;
        while Instant::now() < end {
            // sleeps because: the kernel tells nobody that something listens now
            sleep_until(Instant::now() + LISTEN_GLANCE).await;
            if self.reachable(container).is_some() {
                break;
            }
        }
        Look::Again(Instant::now())
    }

    /// Whether a probe of ours that took too long still runs.
    async fn still_hangs(&mut self) -> Result<bool, NotReady> {
        let Some(exec) = &self.hanging else {
            return Ok(false);
        };
        match self.waiting.engine.exec_state(exec).await {
            Ok(state) if state.running => Ok(true),
            Ok(_) => {
                self.hanging = None;
                Ok(false)
            }
            Err(error) if error.is_not_found() => {
                self.hanging = None;
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Runs the healthcheck's test once and looks at what it is worth.
    async fn probe_once(
        &mut self,
        container: &ObservedContainer,
        check: &Check,
    ) -> Result<Look, NotReady> {
        let Ok(_permit) = self.waiting.probes.acquire().await else {
            return Ok(self.again());
        };
        let limits = ExecLimits {
            timeout: check.timeout,
            output_bytes: OUTPUT_LIMIT,
        };
        let begun = Instant::now();
        let answer = self
            .waiting
            .engine
            .exec(&container.id, &ExecSpec::new(check.command.clone()), limits)
            .await;
        let output = match answer {
            Ok(output) => output,
            // It ended or was paused in between: the next look says so.
            Err(EngineError::NotRunning { .. }) => return Ok(self.again()),
            Err(error) if error.is_not_found() => return Err(NotReady::Gone),
            Err(error) => return Err(error.into()),
        };
        let exit_code = match output.end {
            ExecEnd::Exited { code } => Some(code),
            ExecEnd::StillRunning => {
                self.hanging = Some(output.id.clone());
                None
            }
        };
        let text = [output.stdout, output.stderr].concat();
        self.probe = Some(Probe {
            exit_code,
            output: String::from_utf8_lossy(&text).trim_end().to_owned(),
        });
        if exit_code != Some(0) {
            self.success = None;
            return Ok(self.probe_again(check.interval));
        }
        self.weigh(container, check, begun.elapsed()).await
    }

    /// The next probe comes after a pause that grows with the time that has gone by.
    fn probe_again(&mut self, interval: Duration) -> Look {
        let run = self.run.map_or(Duration::ZERO, |(_, seen)| seen.elapsed());
        let pause = (run / PAUSE_PART).clamp(FIRST_PAUSE, interval.max(FIRST_PAUSE));
        self.probe_at = Instant::now() + pause;
        Look::Again(Instant::now() + pause.min(LONGEST_LOOK))
    }

    /// Decides what a success is worth: it counts when a second one sees the same.
    async fn weigh(
        &mut self,
        before: &ObservedContainer,
        check: &Check,
        took: Duration,
    ) -> Result<Look, NotReady> {
        let container = self.inspect().await?;
        if container.state.started != before.state.started
            || container.state.status != ContainerStatus::Running
        {
            self.success = None;
            return Ok(self.again());
        }
        let Some(listeners) = self.reachable(&container) else {
            // It succeeds, but nobody outside could reach it: a database that sets itself up, perhaps.
            self.success = None;
            return Ok(self.probe_again(check.interval));
        };
        let pid = container.state.pid;
        if let Some(first) = &self.success
            && first.at.elapsed() >= SETTLE
            && first.pid == pid
            && first.listeners == listeners
        {
            return Ok(Look::Done(ready(&container)));
        }
        let at = Instant::now();
        self.success = Some(Success { at, pid, listeners });
        // The second success has to come that much later, not its beginning.
        self.probe_at = at + SETTLE - (took / 2).min(SETTLE / 2);
        Ok(Look::Again(self.probe_at))
    }

    fn inside(&self, container: &ObservedContainer) -> Option<Inside> {
        let pid = container.state.pid?;
        (self.waiting.inside)(&container.id, pid)
    }

    /// Whether its start script is still at it and nothing in it can be reached from outside: a database on its first
    /// start, which answers a healthcheck through its temporary server, whoever asks.
    fn sets_itself_up(&self, container: &ObservedContainer) -> bool {
        let starts = |inside: Inside| {
            inside.is_script && !inside.listeners.iter().any(Listener::is_reachable)
        };
        !container.spec.exposed.is_empty() && self.inside(container).is_some_and(starts)
    }

    /// The listeners of a container, where an own success may count; `None` where it may not.
    fn reachable(&self, container: &ObservedContainer) -> Option<Vec<Listener>> {
        let listeners = self.inside(container).map(|inside| inside.listeners);
        if container.spec.exposed.is_empty() {
            return Some(listeners.unwrap_or_default());
        }
        let listeners = listeners?;
        let exposed = |listener: &Listener| {
            container.spec.exposed.iter().any(|key| {
                key.protocol == listener.protocol && (key.port..=key.last).contains(&listener.port)
            })
        };
        listeners
            .iter()
            .any(|listener| listener.is_reachable() && exposed(listener))
            .then_some(listeners)
    }
}

fn ready(container: &ObservedContainer) -> Ready {
    Ready {
        id: container.id.clone(),
        run: container.state.started,
    }
}

/// A healthcheck with its defaults filled in.
struct Check {
    command: Argv,
    interval: Duration,
    timeout: Duration,
    start_period: Duration,
    retries: u32,
}

impl Check {
    /// The time within which it has to succeed, from the start of a run.
    fn allowed(&self) -> Duration {
        self.start_period + (self.retries + 1) * (self.interval + self.timeout)
    }
}

/// The healthcheck of a container; `None` where it has none.
fn healthcheck(container: &ObservedContainer) -> Option<Check> {
    let check: &HealthcheckSpec = container.spec.healthcheck.as_ref()?;
    let command = match check.test.as_ref()? {
        HealthTest::Disabled => return None,
        HealthTest::Exec(argv) => argv.clone(),
        HealthTest::Shell(line) => ["/bin/sh", "-c"]
            .into_iter()
            .map(str::to_owned)
            .chain(line.iter().cloned())
            .collect(),
    };
    let or = |value: Option<Duration>, default: u64| {
        value
            .filter(|value| !value.is_zero())
            .unwrap_or(Duration::from_secs(default))
    };
    Some(Check {
        command,
        interval: or(check.interval, 30),
        timeout: or(check.timeout, 30),
        start_period: check.start_period.unwrap_or_default(),
        retries: check.retries.filter(|retries| *retries > 0).unwrap_or(3),
    })
}

#[cfg(test)]
mod tests;
