//! `up`: everything that is wanted is there, runs, and has been waited for.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{
    Action, Cause, Condition, ContainerRef, ContainerSpec, HostPort, ObservedContainer,
    OnContentChange, Protocol, StepId, Wanted, WantedService, label,
};

use super::draft::{Draft, Known, Running, reference};
use super::replicas::{Current, Replica, assign};
use super::{Images, PlanError};
use super::{images, networks};

/// What is asked for beside the wanted state.
pub(super) struct Choices<'a> {
    pub(super) recreate: &'a [String],
    pub(super) remove_orphans: bool,
    pub(super) wait: bool,
    pub(super) images: Images,
    /// Jobs that run once more although they are done.
    pub(super) rerun: &'a [String],
}

/// Plans everything.
pub(super) fn up(draft: &mut Draft<'_>, wanted: &Wanted, choices: &Choices<'_>) {
    if choices.images == Images::Bring {
        images::bring(draft, wanted);
        images::foretell(draft, wanted);
    }
    let made = networks::prepare(draft, wanted);
    volumes(draft, wanted);
    // What holds a port that is wanted goes before anybody asks for it.
    let ports = wanted_ports(wanted);
    let holds_one = |container: &ObservedContainer| {
        let mut held = container.spec.published.iter();
        held.any(|port| ports.contains(&(port.host, port.container.protocol)))
    };
    let freed = if choices.remove_orphans {
        orphans(draft, wanted, true, &holds_one)
    } else {
        Vec::new()
    };
    let mut planner = Up {
        wanted,
        choices,
        made,
        freed,
        running: BTreeMap::new(),
        recreated: BTreeSet::new(),
    };
    for name in order(wanted) {
        planner.service(draft, name, &wanted.services[name]);
    }
    let is_left = |container: &ObservedContainer| !choices.remove_orphans || !holds_one(container);
    orphans(draft, wanted, choices.remove_orphans, &is_left);
    if choices.wait {
        planner.wait_for_all(draft);
    }
}

fn volumes(draft: &mut Draft<'_>, wanted: &Wanted) {
    for volume in wanted.volumes.values() {
        let name = &volume.spec.name;
        let there = draft
            .observed
            .volumes
            .iter()
            .find(|there| there.spec.name == *name);
        match there {
            None if volume.external => {
                draft.fail(PlanError::NoExternalVolume { name: name.clone() });
            }
            None => {
                draft.step(
                    Action::CreateVolume {
                        spec: volume.spec.clone(),
                    },
                    Cause::Missing,
                    None,
                    &[],
                );
            }
            Some(_) if volume.external => {}
            Some(there) => {
                let changes = networks::volume_changes(&there.spec, &volume.spec);
                if !changes.is_empty() {
                    draft.fail(PlanError::VolumeChanged {
                        name: name.clone(),
                        changes,
                    });
                }
            }
        }
    }
}

/// All services, each behind what it depends on or shares with.
pub(super) fn order(wanted: &Wanted) -> Vec<&str> {
    fn visit<'a>(
        wanted: &'a Wanted,
        name: &'a str,
        seen: &mut BTreeSet<&'a str>,
        order: &mut Vec<&'a str>,
    ) {
        let Some((name, service)) = wanted.services.get_key_value(name) else {
            return;
        };
        if !seen.insert(name) {
            return;
        }
        let before = service
            .depends_on
            .keys()
            .chain(service.shares.iter().map(|share| &share.service));
        for dependency in before {
            visit(wanted, dependency, seen, order);
        }
        order.push(name);
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for name in wanted.services.keys() {
        visit(wanted, name, &mut seen, &mut order);
    }
    order
}

struct Up<'a> {
    wanted: &'a Wanted,
    choices: &'a Choices<'a>,
    made: networks::Prepared,
    /// The steps after which ports of the host are free that somebody held who is no service any more.
    freed: Vec<StepId>,
    /// What will run of each service that was planned already.
    running: BTreeMap<&'a str, Vec<Running>>,
    /// Services of which a container is made again.
    recreated: BTreeSet<&'a str>,
}

/// The service that is being planned.
struct Subject<'a> {
    name: &'a str,
    service: &'a WantedService,
    /// Whether something waits for its end.
    is_job: bool,
    /// The steps after which everything that it depends on is as it has to be.
    before: Vec<StepId>,
}

impl Subject<'_> {
    /// What a container of it has to reach to count as there.
    fn goal(&self) -> Condition {
        if self.is_job {
            Condition::Completed
        } else {
            Condition::Healthy
        }
    }
}

impl<'a> Up<'a> {
    fn service(&mut self, draft: &mut Draft<'_>, name: &'a str, service: &'a WantedService) {
        let (replicas, extra) = assign(self.wanted, name, draft.observed, draft.memory);
        let mut before = self.dependencies(draft, name, service);
        if !service.spec.published.is_empty() {
            before.extend(&self.freed);
        }
        let is_job = self.is_job(name);
        let subject = Subject {
            name,
            service,
            is_job,
            before,
        };
        // What is too many goes first where its name is needed.
        let mut freed = BTreeMap::new();
        for container in extra {
            let cause = if draft.memory.half_made.contains(&container.id) {
                Cause::HalfMade
            } else {
                Cause::TooMany
            };
            let removed = remove(draft, container, cause, Some(name), &[]);
            freed.insert(container.name.clone(), removed);
        }
        let mut running = Vec::new();
        for replica in replicas {
            let planned = match &replica.current {
                None => self.create(draft, &subject, &replica, &freed),
                Some(current) => self.existing(draft, &subject, &replica, current, &freed),
            };
            running.push(planned);
        }
        self.running.insert(name, running);
    }

    /// Whether something waits for the end of this service.
    fn is_job(&self, name: &str) -> bool {
        let waits = |service: &WantedService| {
            let dependency = service.depends_on.get(name);
            dependency.is_some_and(|dependency| dependency.condition == Condition::Completed)
        };
        self.wanted.services.values().any(waits)
    }

    fn dependencies(
        &self,
        draft: &mut Draft<'_>,
        name: &str,
        service: &WantedService,
    ) -> Vec<StepId> {
        let mut steps = Vec::new();
        for (other, dependency) in &service.depends_on {
            for running in self.running.get(other.as_str()).into_iter().flatten() {
                let cause = Cause::NeededBy(name.to_owned());
                steps.extend(draft.until(running, dependency.condition, cause, other));
            }
        }
        steps.extend(self.shared_with(service));
        steps
    }

    /// The steps after which the containers that a service takes something from run under their own names. Before
    /// that an engine cannot even create its containers: it is told the ids of the others.
    fn shared_with(&self, service: &WantedService) -> Vec<StepId> {
        let others = service.shares.iter();
        others
            .filter_map(|share| self.running.get(share.service.as_str()))
            .flatten()
            .filter_map(|running| running.started)
            .collect()
    }

    fn create(
        &self,
        draft: &mut Draft<'_>,
        subject: &Subject<'_>,
        replica: &Replica<'_>,
        freed: &BTreeMap<String, StepId>,
    ) -> Running {
        let mut after = self.made.needed_by(subject.service, draft);
        after.extend(self.shared_with(subject.service));
        after.extend(freed.get(&replica.name));
        let action = self.creation(subject, replica, replica.name.clone(), replica.spec.clone());
        let created = draft.step(action, Cause::Missing, Some(subject.name), &after);
        let container = ContainerRef {
            name: replica.name.clone(),
            id: None,
        };
        start(draft, subject, container, Cause::Missing, &[created])
    }

    fn creation(
        &self,
        subject: &Subject<'_>,
        replica: &Replica<'_>,
        name: String,
        spec: ContainerSpec,
    ) -> Action {
        let first = |name: &str| {
            let running = self.running.get(name)?.first()?;
            Some(running.container.clone())
        };
        let shares = subject.service.shares.iter();
        Action::CreateContainer {
            name,
            spec: Box::new(spec),
            shares: shares
                .filter_map(|share| Some((share.clone(), first(&share.service)?)))
                .collect(),
            hash_text: subject.service.hash_text.clone(),
            keeps: replica.keeps.clone(),
            files: subject.service.files.clone(),
            contents: subject.service.contents.clone(),
        }
    }

    fn existing(
        &mut self,
        draft: &mut Draft<'_>,
        subject: &Subject<'a>,
        replica: &Replica<'_>,
        current: &Current<'_>,
        freed: &BTreeMap<String, StepId>,
    ) -> Running {
        for unknown in &current.comparison.unknown {
            draft.note(
                format!("container {}", current.container.name),
                format!("cannot compare {unknown}"),
            );
        }
        match self.reason(draft, subject, current) {
            Some(cause) => {
                self.recreated.insert(subject.name);
                self.replace(draft, subject, replica, current.container, cause, freed)
            }
            None => self.keep(draft, subject, replica, current, freed),
        }
    }

    /// Why a container has to be made again, if it has to.
    fn reason(
        &self,
        draft: &Draft<'_>,
        subject: &Subject<'_>,
        current: &Current<'_>,
    ) -> Option<Cause> {
        let is_named = |names: &[String]| names.iter().any(|name| name == subject.name);
        if is_named(self.choices.recreate) || is_named(self.choices.rerun) {
            return Some(Cause::Requested);
        }
        if current.container.state.is_lost() {
            return Some(Cause::Lost);
        }
        let shares = &mut subject.service.shares.iter();
        if let Some(share) = shares.find(|share| self.recreated.contains(share.service.as_str())) {
            return Some(Cause::DependencyRecreated(share.service.clone()));
        }
        let image = draft.observed.images.get(&subject.service.image.reference);
        if image.is_some_and(|image| image.id != current.container.image_id) {
            return Some(Cause::NewImage);
        }
        let only_contents =
            current.comparison.changed.is_empty() && current.comparison.drifted.is_empty();
        if only_contents && subject.service.on_content_change != OnContentChange::Recreate {
            return None;
        }
        current.reason(subject.is_job)
    }

    /// Makes a container again.
    ///
    /// The new one is created beside the old one; then the old one stops and steps aside, the new one takes its
    /// name and starts, and the old one goes when the new one is ready.
    fn replace(
        &self,
        draft: &mut Draft<'_>,
        subject: &Subject<'_>,
        replica: &Replica<'_>,
        old: &ObservedContainer,
        cause: Cause,
        freed: &BTreeMap<String, StepId>,
    ) -> Running {
        let service = Some(subject.name);
        let aside = ContainerRef {
            name: format!("{}_{}", replica.name, old.id.short()),
            id: Some(old.id.clone()),
        };
        let beside = format!("{}_{}", old.id.short(), replica.name);
        let takes_over = Cause::Replaces(old.name.clone());

        let mut spec = replica.spec.clone();
        spec.labels
            .insert(label::REPLACE.to_owned(), old.name.clone());
        let mut after = self.made.needed_by(subject.service, draft);
        after.extend(self.shared_with(subject.service));
        // One that was begun there before and is not finished goes first.
        after.extend(freed.get(&beside));
        let created = draft.step(
            self.creation(subject, replica, beside.clone(), spec),
            cause,
            service,
            &after,
        );
        let mut after: Vec<StepId> = subject.before.iter().copied().chain([created]).collect();
        if old.state.status.is_up() {
            let stop = Action::StopContainer {
                container: reference(old),
                grace_secs: subject.service.stop_grace_secs,
            };
            after = vec![draft.step(stop, Cause::Replaced, service, &after)];
        }
        let rename = Action::RenameContainer {
            container: aside.clone(),
            from: old.name.clone(),
        };
        let renamed = draft.step(rename, Cause::Replaced, service, &after);
        let container = ContainerRef {
            name: replica.name.clone(),
            id: None,
        };
        let rename = Action::RenameContainer {
            container: container.clone(),
            from: beside,
        };
        let renamed = draft.step(rename, takes_over.clone(), service, &[renamed, created]);
        let running = start(draft, subject, container, takes_over.clone(), &[renamed]);
        let ready = if self.choices.wait {
            draft.until(&running, subject.goal(), takes_over, subject.name)
        } else {
            running.started.into_iter().collect()
        };
        let remove = Action::RemoveContainer {
            container: aside,
            anonymous_volumes: false,
            made_by: None,
        };
        draft.step(remove, Cause::Replaced, service, &ready);
        running
    }

    /// Leaves a container as it is, and starts it where it has to run and does not.
    fn keep(
        &self,
        draft: &mut Draft<'_>,
        subject: &Subject<'_>,
        replica: &Replica<'_>,
        current: &Current<'_>,
        freed: &BTreeMap<String, StepId>,
    ) -> Running {
        let observed = current.container;
        let mut container = reference(observed);
        let mut before = Vec::new();
        if observed.name != replica.name {
            // What an interrupted operation left under the name that it had in between.
            container.name.clone_from(&replica.name);
            let after: Vec<StepId> = freed.get(&replica.name).copied().into_iter().collect();
            let rename = Action::RenameContainer {
                container: container.clone(),
                from: observed.name.clone(),
            };
            before.push(draft.step(
                rename,
                Cause::Replaces(replica.name.clone()),
                Some(subject.name),
                &after,
            ));
        }
        tell_of_contents(draft, subject, current, &container);
        if let Some(cause) = self.restarted_dependency(subject.service) {
            if observed.state.status.is_up() {
                let stop = Action::StopContainer {
                    container: container.clone(),
                    grace_secs: subject.service.stop_grace_secs,
                };
                before = vec![draft.step(stop, cause.clone(), Some(subject.name), &subject.before)];
            }
            return start(draft, subject, container, cause, &before);
        }
        let known = draft.known(observed);
        let is_done = draft.is_done(observed, subject.is_job);
        draft.stays_paused(observed);
        if observed.state.status.is_up() || is_done {
            return Running {
                container,
                started: None,
                known,
            };
        }
        let cause = if subject.is_job {
            Cause::JobNotDone
        } else {
            Cause::NotRunning
        };
        start(draft, subject, container, cause, &before)
    }

    /// The dependency that is made again and wants its dependents restarted with it.
    fn restarted_dependency(&self, service: &WantedService) -> Option<Cause> {
        let restarts = service
            .depends_on
            .iter()
            .filter(|(_, dependency)| dependency.restart);
        let mut recreated = restarts.filter(|(other, _)| self.recreated.contains(other.as_str()));
        recreated
            .next()
            .map(|(other, _)| Cause::DependencyRecreated(other.clone()))
    }

    fn wait_for_all(&self, draft: &mut Draft<'_>) {
        for (name, running) in &self.running {
            let condition = if self.is_job(name) {
                Condition::Completed
            } else {
                Condition::Healthy
            };
            for running in running {
                draft.until(running, condition, Cause::Started, name);
            }
        }
    }
}

/// Plans a signal for a container that reads again what has changed, where its service says so.
fn tell_of_contents(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    current: &Current<'_>,
    container: &ContainerRef,
) {
    let contents = &current.comparison.contents;
    if let OnContentChange::Signal(signal) = &subject.service.on_content_change
        && !contents.is_empty()
        && current.container.state.is_running()
    {
        let action = Action::SignalContainer {
            container: container.clone(),
            signal: signal.clone(),
        };
        let cause = Cause::Changed(contents.clone());
        draft.step(action, cause, Some(subject.name), &subject.before);
    }
}

/// Plans a start behind everything that the service depends on.
fn start(
    draft: &mut Draft<'_>,
    subject: &Subject<'_>,
    container: ContainerRef,
    cause: Cause,
    after: &[StepId],
) -> Running {
    let after: Vec<StepId> = subject.before.iter().chain(after).copied().collect();
    let action = Action::StartContainer {
        container: container.clone(),
    };
    let started = draft.step(action, cause, Some(subject.name), &after);
    Running {
        container,
        started: Some(started),
        known: Known::default(),
    }
}

/// Stops and removes a container.
pub(super) fn remove(
    draft: &mut Draft<'_>,
    container: &ObservedContainer,
    cause: Cause,
    service: Option<&str>,
    after: &[StepId],
) -> StepId {
    let mut after = after.to_vec();
    if container.state.status.is_up() {
        let stop = Action::StopContainer {
            container: reference(container),
            grace_secs: None,
        };
        after = vec![draft.step(stop, cause.clone(), service, &after)];
    }
    let remove = Action::RemoveContainer {
        container: reference(container),
        anonymous_volumes: false,
        made_by: None,
    };
    draft.step(remove, cause, service, &after)
}

fn orphans(
    draft: &mut Draft<'_>,
    wanted: &Wanted,
    remove_them: bool,
    which: &dyn Fn(&ObservedContainer) -> bool,
) -> Vec<StepId> {
    let observed = draft.observed;
    let mut removed = Vec::new();
    for container in observed.containers.iter().filter(|it| which(it)) {
        let Some(service) = container.service() else {
            continue;
        };
        let declared = wanted.services.contains_key(service)
            || wanted.left_out.iter().any(|name| name == service);
        if declared {
            continue;
        }
        if remove_them {
            removed.push(remove(draft, container, Cause::Orphan, None, &[]));
        } else {
            draft.note(
                format!("container {}", container.name),
                format!(
                    "its service `{service}` is not in the project; `--remove-orphans` removes it"
                ),
            );
        }
    }
    removed
}

/// The ports of the host that services publish.
fn wanted_ports(wanted: &Wanted) -> Vec<(HostPort, Protocol)> {
    let services = wanted.services.values();
    let ports = services.flat_map(|service| &service.spec.published);
    let ports = ports.map(|port| (port.host, port.container.protocol));
    ports.filter(|(host, _)| *host != HostPort::Any).collect()
}
