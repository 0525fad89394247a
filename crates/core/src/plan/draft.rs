//! A plan while it is being made.

use std::collections::BTreeMap;

use bowline_model::{
    Action, Cause, Condition, ContainerRef, ContainerStatus, HealthStatus, MountSource, Note,
    Observed, ObservedContainer, Plan, StepId, WantedService,
};

use super::{Memory, PlanError};

/// Gathers steps, notes and reasons why there can be no plan.
pub(super) struct Draft<'a> {
    pub(super) observed: &'a Observed,
    pub(super) memory: &'a Memory,
    plan: Plan,
    errors: Vec<PlanError>,
    /// Waits that are planned already, by container and condition.
    waits: BTreeMap<(ContainerRef, Condition), StepId>,
}

/// A container that will run when the plan is done.
#[derive(Clone, Debug)]
pub(super) struct Running {
    pub(super) container: ContainerRef,
    /// The step that starts it; `None` where it runs, or has ended well, already.
    pub(super) started: Option<StepId>,
    /// What is known of it now, where it is there and stays as it is.
    pub(super) known: Known,
}

/// What is known of a container that stays as it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) ready: bool,
    pub(super) completed: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(project: &str, observed: &'a Observed, memory: &'a Memory) -> Self {
        let plan = Plan {
            project: project.to_owned(),
            ..Plan::default()
        };
        Self {
            observed,
            memory,
            plan,
            errors: Vec::new(),
            waits: BTreeMap::new(),
        }
    }

    pub(super) fn step(
        &mut self,
        action: Action,
        cause: Cause,
        service: Option<&str>,
        after: &[StepId],
    ) -> StepId {
        self.plan.push(action, cause, service, after)
    }

    pub(super) fn note(&mut self, subject: impl Into<String>, text: impl Into<String>) {
        let note = Note {
            subject: subject.into(),
            text: text.into(),
        };
        if !self.plan.notes.contains(&note) {
            self.plan.notes.push(note);
        }
    }

    /// Says of a container that is paused that it is left so, and tells whether it is.
    pub(super) fn stays_paused(&mut self, container: &ObservedContainer) -> bool {
        let is_paused = container.state.status == ContainerStatus::Paused;
        if is_paused {
            let service = container.service().unwrap_or_default();
            let text = format!("is paused and stays so: `bowline unpause {service}` lets it go on");
            self.note(format!("container {}", container.name), text);
        }
        is_paused
    }

    pub(super) fn fail(&mut self, error: PlanError) {
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    pub(super) fn finish(self) -> Result<Plan, Vec<PlanError>> {
        if self.errors.is_empty() {
            Ok(self.plan)
        } else {
            Err(self.errors)
        }
    }

    /// The steps after which a container fulfils a condition. A wait is planned once, whoever needs it, and not
    /// at all where the condition holds already.
    pub(super) fn until(
        &mut self,
        running: &Running,
        condition: Condition,
        cause: Cause,
        service: &str,
    ) -> Vec<StepId> {
        let holds = running.started.is_none()
            && match condition {
                Condition::Started => true,
                Condition::Healthy => running.known.ready || running.known.completed,
                Condition::Completed => running.known.completed,
            };
        if holds {
            return Vec::new();
        }
        if condition == Condition::Started {
            return running.started.into_iter().collect();
        }
        let key = (running.container.clone(), condition);
        if let Some(step) = self.waits.get(&key) {
            return vec![*step];
        }
        let after: Vec<StepId> = running.started.into_iter().collect();
        let action = Action::Await {
            container: running.container.clone(),
            condition,
        };
        let step = self.step(action, cause, Some(service), &after);
        self.waits.insert(key, step);
        vec![step]
    }

    /// The steps that make the volumes which a service mounts.
    pub(super) fn volume_steps(&self, service: &WantedService) -> Vec<StepId> {
        let mounts = |name: &str| {
            service.spec.mounts.iter().any(|mount| matches!(&mount.source, MountSource::Volume(volume) if volume.name.as_deref() == Some(name)))
        };
        let made = self.plan.steps.iter().filter(
            |step| matches!(&step.action, Action::CreateVolume { spec } if mounts(&spec.name)),
        );
        made.map(|step| step.id).collect()
    }

    /// The steps that bring the image of a service.
    pub(super) fn image_steps(&self, service: &WantedService) -> Vec<StepId> {
        let wanted = &service.image.reference;
        let brings = |action: &Action| action.references().contains(&wanted.as_str());
        self.plan
            .steps
            .iter()
            .filter(|step| brings(&step.action))
            .map(|step| step.id)
            .collect()
    }

    /// What is known of a container by looking at it and into the journal.
    pub(super) fn known(&self, container: &ObservedContainer) -> Known {
        let state = &container.state;
        let completed =
            state.status == ContainerStatus::Exited && state.exit_code == 0 && !state.oom_killed;
        let ready = state.status == ContainerStatus::Running
            && match state.health.as_ref().map(|health| health.status) {
                Some(HealthStatus::Healthy) => {
                    self.was_ready(container) || !self.may_set_itself_up(container)
                }
                Some(HealthStatus::Unhealthy) => false,
                Some(HealthStatus::Starting) => self.was_ready(container),
                None => self.was_ready(container) || self.has_run_for_a_while(container),
            };
        Known { ready, completed }
    }

    /// Whether a container that ended is left as it is, because it has done what it was for.
    ///
    /// One that nothing waits for is a job only as long as something else of the stack is up: where all has
    /// ended, somebody stopped it.
    pub(super) fn is_done(&self, container: &ObservedContainer, is_waited_for: bool) -> bool {
        let mut others = self.observed.containers.iter();
        let mut others_are_up = || others.any(|other| other.state.status.is_up());
        container.has_done_its_job(is_waited_for) && (is_waited_for || others_are_up())
    }

    fn was_ready(&self, container: &ObservedContainer) -> bool {
        let run = state_start(container);
        run.is_some_and(|started| self.memory.ready.contains(&(container.id.clone(), started)))
    }

    /// Whether the engine may call it healthy while it is still being set up: only a wait, which looks into it, can
    /// tell. It returns at once where there is nothing to wait for.
    fn may_set_itself_up(&self, container: &ObservedContainer) -> bool {
        /// No first start of a database takes longer.
        const FIRST_START: jiff::SignedDuration = jiff::SignedDuration::from_mins(10);
        let is_young = |started| self.observed.now.duration_since(started) < FIRST_START;
        !container.spec.exposed.is_empty() && state_start(container).is_some_and(is_young)
    }

    /// Without a healthcheck a container counts as ready that runs and ran half a second ago.
    fn has_run_for_a_while(&self, container: &ObservedContainer) -> bool {
        state_start(container).is_some_and(|started| {
            self.observed.now.duration_since(started) >= jiff::SignedDuration::from_millis(500)
        })
    }
}

fn state_start(container: &ObservedContainer) -> Option<jiff::Timestamp> {
    container.state.started
}

/// A container that is there, as a plan speaks of it.
pub(super) fn reference(container: &ObservedContainer) -> ContainerRef {
    ContainerRef {
        name: container.name.clone(),
        id: Some(container.id.clone()),
    }
}
