//! Who is not well, as far as anybody can see.

use std::collections::BTreeSet;

use bowline_model::{ContainerStatus, HealthStatus, signal_number};
use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::facts::{ContainerFact, Event};
use crate::finding::{Evidence, FactRef};

use super::{Said, World, shown, spoken, written};

/// How long one that was started again has to run to be believed.
const YOUNG: SignedDuration = SignedDuration::from_secs(30);
/// How old the last complaint of one that runs may be to count.
const LATELY: SignedDuration = SignedDuration::from_secs(20);
/// How long before the last line of one that ended a complaint may stand to be about the end.
pub(super) const LAST_WORDS: SignedDuration = SignedDuration::from_secs(3);

/// Those that fail or are deaf, whom they dial, whom these dial, and so on.
pub(super) fn doubted<'f>(world: &World<'f>) -> BTreeSet<&'f str> {
    let mut doubted = BTreeSet::new();
    for container in world.containers() {
        if world.fails(container) || world.is_deaf(container) {
            world.reach(container, &mut doubted);
        }
    }
    doubted
}

/// What a service waits for where it waits for a job.
pub(crate) const DONE: &str = "service_completed_successfully";

/// Signals that tell a program to end, whichever it is: `INT`, `QUIT`, `KILL`, `TERM`.
const ENDING: &[i32] = &[2, 3, 9, 15];

/// Whether a signal tells a container to end: its own stop signal, or one by which every program is told to. Others are
/// messages: by `HUP` servers read their files again.
pub(crate) fn tells_to_stop(container: &ContainerFact, signal: &Event) -> bool {
    let Some(sent) = signal.signal.as_deref().and_then(signal_number) else {
        return false;
    };
    let own = container.stop_signal.as_deref().and_then(signal_number);
    own == Some(sent) || ENDING.contains(&sent)
}

impl<'f> World<'f> {
    /// What shows that a container is not well; `None` where nothing does.
    pub(crate) fn ailment(&self, container: &'f ContainerFact) -> Option<String> {
        let state = self.state(container)?;
        match state.status {
            ContainerStatus::Created if state.error.is_some() => {
                Some("could not be started".to_owned())
            }
            ContainerStatus::Restarting => Some(format!(
                "ends again and again, the last time with code {}",
                state.exit_code
            )),
            ContainerStatus::Dead => Some("half removed".to_owned()),
            ContainerStatus::Exited if state.error.is_some() => {
                Some("could not be started again".to_owned())
            }
            ContainerStatus::Exited if state.exit_code != 0 && !self.was_stopped(container) => {
                Some(format!("ended with code {}", state.exit_code))
            }
            ContainerStatus::Running => {
                let verdict = self.health(container).and_then(|health| health.verdict);
                if verdict == Some(HealthStatus::Unhealthy) {
                    return Some("unhealthy".to_owned());
                }
                let (restarts, _) = self.restarts(container)?;
                (restarts > 1 && self.is_young(container)).then(|| {
                    format!("was started again {restarts} times, the last time a moment ago")
                })
            }
            _ => None,
        }
    }

    /// Whether it was started not long ago.
    pub(crate) fn is_young(&self, container: &ContainerFact) -> bool {
        let started = container.started;
        started.is_some_and(|started| self.now().duration_since(started) < YOUNG)
    }

    /// Whether somebody told it to end, and it did so in time. That the engine reported a stop is not enough: it does so
    /// of one as well that had ended by itself and waited to be started again.
    pub(crate) fn was_stopped(&self, container: &ContainerFact) -> bool {
        let life = self.last_life(container);
        let mut signals = life.signals.iter();
        let was_told = signals.any(|signal| tells_to_stop(container, signal));
        was_told && !life.signals.iter().any(|signal| signal.is_sigkill())
    }

    /// The services that wait for a service to be done.
    pub(crate) fn wait_for_end(&self, job: &str) -> Vec<&'f str> {
        let declared = self.declared_services();
        declared
            .filter(|(_, service)| service.is_enabled)
            .filter(|(_, service)| service.depends_on.get(job).is_some_and(|it| it == DONE))
            .map(|(name, _)| name)
            .collect()
    }

    /// Whether a container is a job that others wait for.
    pub(crate) fn is_waited_for(&self, container: &ContainerFact) -> bool {
        let job = container.service.as_deref();
        job.is_some_and(|job| !self.wait_for_end(job).is_empty())
    }

    /// Whether it is a job that has done its work. A server is none, unless others wait for its end: it ends with success
    /// when it is stopped, and engines soon forget that it was.
    pub(crate) fn is_done(&self, container: &ContainerFact) -> bool {
        let is_over = |state: &ContainerFact| {
            state.status == ContainerStatus::Exited
                && state.exit_code == 0
                && state.restart_policy == "no"
        };
        let known = self.containers().find(|one| one.name == container.name);
        let state = known.and_then(|container| self.state(container));
        state.is_none_or(is_over)
            && !self.was_stopped(container)
            && (self.recipe(container).is_none() || self.is_waited_for(container))
    }

    /// Whether it runs, and nothing that it or the engine says speaks against that it works.
    pub(crate) fn seems_well(&self, container: &'f ContainerFact) -> bool {
        self.runs(container)
            && self.ailment(container).is_none()
            && !self.grumbles(container)
            && !self.was_started_again(container)
            && self.health(container).is_none_or(|health| {
                health.verdict != Some(HealthStatus::Starting) || health.failing_streak == 0
            })
    }

    /// Whether it runs, and its healthcheck, where it has one, says that it is well. What it complains of may be others:
    /// servers write down whoever was refused.
    pub(crate) fn seems_ready(&self, container: &'f ContainerFact) -> bool {
        let health = self.health(container);
        self.runs(container)
            && self.ailment(container).is_none()
            && health.is_none_or(|health| health.verdict == Some(HealthStatus::Healthy))
    }

    /// Whether it was started again by the engine, and not long ago.
    pub(crate) fn was_started_again(&self, container: &'f ContainerFact) -> bool {
        let restarts = self.restarts(container);
        restarts.is_some_and(|(restarts, _)| restarts > 0) && self.is_young(container)
    }

    /// Whether its log speaks of trouble, and lately.
    pub(crate) fn complains(&self, container: &ContainerFact) -> bool {
        self.said(container).iter().any(|said| {
            !said.says.is_benign() && said.is_fresh && self.now().duration_since(said.last) < LATELY
        })
    }

    /// Whether its log speaks of trouble lately, in words that are known, or in others by which people call something an
    /// error. What those mean nobody knows: they are a reason to look, and prove nothing.
    pub(crate) fn grumbles(&self, container: &ContainerFact) -> bool {
        let mut grumblings = self.grumblings(container).iter();
        self.complains(container)
            || grumblings.any(|line| self.now().duration_since(line.at) < LATELY)
    }

    /// Whether something is wrong with it now: it ended badly, or it runs and does not seem well.
    pub(crate) fn fails(&self, container: &'f ContainerFact) -> bool {
        self.ailment(container).is_some() || self.runs(container) && !self.seems_well(container)
    }

    /// Whether something is wrong with it, and it says nothing of what.
    pub(crate) fn fails_quietly(&self, container: &'f ContainerFact) -> bool {
        self.fails(container) && !self.complains(container)
    }

    /// Whether a container may be why something is wrong: it fails, or it stands behind one that does. A service that is well
    /// and waits for its database says nothing; who waits for it does.
    pub(crate) fn is_doubted(&self, container: &ContainerFact) -> bool {
        self.doubted.contains(container.name.as_str())
    }

    /// Whether it runs and listens nowhere, and another is told to dial it at a port.
    fn is_deaf(&self, container: &'f ContainerFact) -> bool {
        let mut edges = self.edges().iter();
        self.listens_nowhere(container)
            && self.runs(container)
            && edges.any(|edge| edge.port.is_some() && edge.leads_to(container))
    }

    /// A container that complains and may suffer from another: it dials it, or somebody who does, and so on.
    pub(crate) fn sufferer(&self, from: &ContainerFact) -> Option<&'f ContainerFact> {
        let mut others = self.containers().filter(|one| one.name != from.name);
        others.find(|other| {
            let mut reached = BTreeSet::new();
            if self.grumbles(other) {
                self.reach(other, &mut reached);
            }
            reached.contains(from.name.as_str())
        })
    }

    /// What a container complains of now, in words that are known or not.
    pub(crate) fn complaint_by(
        &self,
        container: &'f ContainerFact,
        proves: &str,
    ) -> Option<Evidence> {
        let mut said = self.said(container).iter();
        let said = said.find(|said| said.is_fresh && !said.says.is_benign());
        let line = || self.grumblings(container).first();
        said.map(|said| spoken(container, said, proves))
            .or_else(|| Some(written(container, line()?, proves)))
    }

    /// Adds a container and all that it dials, near or far.
    pub(crate) fn reach(&self, from: &'f ContainerFact, reached: &mut BTreeSet<&'f str>) {
        let mut open = vec![from.name.as_str()];
        while let Some(client) = open.pop() {
            if !reached.insert(client) {
                continue;
            }
            let dialled = self
                .edges()
                .iter()
                .filter(|edge| edge.client.name == client);
            let targets = dialled.filter_map(super::Edge::service);
            open.extend(targets.flat_map(|(_, targets)| targets.iter().map(|it| it.name.as_str())));
        }
    }

    /// What a container that fails says of it in these words, the newest first: of one that ended only what it said
    /// at its end.
    pub(crate) fn complaints(
        &self,
        container: &'f ContainerFact,
        words: &[Says],
    ) -> Vec<&Said<'f>> {
        if !self.fails(container) {
            return Vec::new();
        }
        let end = self.log(container).and_then(|log| log.lines.last());
        let end = end.filter(|_| !self.runs(container)).map(|line| line.at);
        let said = self.said(container).iter();
        said.filter(|said| said.is_fresh && words.contains(&said.says))
            .filter(|said| end.is_none_or(|end| end.duration_since(said.last) < LAST_WORDS))
            .collect()
    }

    /// Whether it runs, as the engine says.
    pub(crate) fn runs(&self, container: &'f ContainerFact) -> bool {
        self.state(container)
            .is_some_and(|state| state.status == ContainerStatus::Running)
    }

    /// Whether a service that should run has never been started.
    pub(crate) fn is_not_started(&self, service: &str) -> bool {
        let containers = self.of_service(service);
        if containers.is_empty() {
            return self
                .declared(service)
                .is_some_and(|declared| declared.is_enabled && declared.replicas > 0);
        }
        containers.iter().all(|container| {
            self.state(container)
                .is_some_and(|state| state.status == ContainerStatus::Created)
        })
    }

    /// Whether a service was not started because something that it needs is not there, or not ready yet.
    pub(crate) fn is_kept_waiting(&self, service: &str) -> bool {
        let is_unready = |container: &&'f ContainerFact| {
            let verdict = self.health(container).and_then(|health| health.verdict);
            let is_well = verdict.is_none_or(|verdict| verdict == HealthStatus::Healthy);
            !(self.is_done(container) || self.runs(container) && is_well)
        };
        let mut needed = self.needs(service);
        self.is_not_started(service)
            && needed.any(|needed| self.of_service(needed).iter().any(is_unready))
    }

    /// The services that were not started and wait until a service is healthy, by the files; each with what shows it.
    pub(crate) fn waits_for_health(&self, service: &str) -> Vec<(&'f str, Evidence)> {
        let mut waiting = Vec::new();
        for (name, declared) in self.declared_services() {
            let condition = declared.depends_on.get(service);
            let waits = condition.is_some_and(|condition| condition == "service_healthy");
            if !waits || !self.is_not_started(name) {
                continue;
            }
            let proves = "it waits for that verdict";
            let evidence = match self.of_service(name).first() {
                Some(container) => shown(
                    FactRef::State(container.name.clone()),
                    format!("{}: created and never started", container.name),
                    proves,
                ),
                None => shown(
                    FactRef::Declared(name.to_owned()),
                    format!("{name}: no container; depends on `{service}` being healthy"),
                    proves,
                ),
            };
            waiting.push((name, evidence));
        }
        waiting
    }
}
