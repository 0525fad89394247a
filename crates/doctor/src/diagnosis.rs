//! The answer: what is not well, and what explains it.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{ContainerStatus, HealthStatus};
use serde::Serialize;

use crate::facts::{ContainerFact, Facts, Unseen};
use crate::finding::{FactRef, Finding};
use crate::rule;
use crate::world::World;

/// What is not well in a stack, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The project.
    pub project: String,
    /// How many containers were looked at.
    pub containers: usize,
    /// What is wrong: what explains most comes first.
    pub causes: Vec<Finding>,
    /// Services that are not well, by their names.
    pub failing: Vec<Failing>,
    /// Those among them that no cause explains.
    pub unexplained: Vec<String>,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

/// A service that is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The service; a container's name where it belongs to none.
    pub service: String,
    /// What can be seen of it, in words.
    pub state: String,
}

impl Diagnosis {
    pub(crate) fn of(facts: &Facts, hidden: BTreeSet<FactRef>) -> Self {
        let world = World::new(facts, hidden);
        let mut causes = rule::findings(&world);
        let failing = failing(&world);
        let names: BTreeSet<&String> = failing.keys().collect();
        for cause in &mut causes {
            let mut affected = dependents(facts, &cause.culprit.name);
            affected.retain(|name| names.contains(name));
            cause.affects = affected.into_iter().collect();
        }
        causes.sort_by(|one, other| {
            let weight = |cause: &Finding| (cause.affects.len(), cause.confidence);
            weight(other).cmp(&weight(one))
        });
        let is_explained = |name: &&String| {
            let mut causes = causes.iter();
            causes.any(|cause| cause.culprit.name == **name || cause.affects.contains(name))
        };
        let unexplained = failing.keys().filter(|name| !is_explained(name));
        Self {
            project: facts.project.clone(),
            containers: world.containers().count(),
            unexplained: unexplained.cloned().collect(),
            failing: failing
                .into_iter()
                .map(|(service, state)| Failing { service, state })
                .collect(),
            causes,
            unseen: facts.unseen.clone(),
        }
    }
}

/// The services that are not well, with what can be seen of the first container that shows it.
fn failing(world: &World<'_>) -> BTreeMap<String, String> {
    let mut failing = BTreeMap::new();
    for container in world.containers() {
        if let Some(state) = not_well(world, container) {
            let name = container.service.as_ref().unwrap_or(&container.name);
            failing.entry(name.clone()).or_insert(state);
        }
    }
    failing
}

/// What shows that a container is not well; `None` where nothing does.
fn not_well<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<String> {
    let state = world.state(container)?;
    match state.status {
        ContainerStatus::Created => state
            .error
            .as_ref()
            .map(|_| "could not be started".to_owned()),
        ContainerStatus::Restarting => Some(format!(
            "ends again and again, the last time with code {}",
            state.exit_code
        )),
        ContainerStatus::Dead => Some("half removed".to_owned()),
        ContainerStatus::Exited if state.exit_code != 0 && !was_stopped(world, container) => {
            Some(format!("ended with code {}", state.exit_code))
        }
        ContainerStatus::Running => {
            let verdict = world.health(container)?.verdict?;
            (verdict == HealthStatus::Unhealthy).then(|| "unhealthy".to_owned())
        }
        _ => None,
    }
}

/// Whether somebody told it to end, and it did so in time.
fn was_stopped(world: &World<'_>, container: &ContainerFact) -> bool {
    let life = world.last_life(container);
    !life.signals.is_empty() && !life.signals.iter().any(|signal| signal.is_sigkill())
}

/// Everything that needs a service, directly or through others.
fn dependents(facts: &Facts, service: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut next = vec![service.to_owned()];
    while let Some(needed) = next.pop() {
        for (name, needs) in &facts.needs {
            if needs.contains(&needed) && name != service && found.insert(name.clone()) {
                next.push(name.clone());
            }
        }
    }
    found
}
