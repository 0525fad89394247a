//! `down`, `stop`, `start`, `restart`, `pause`, `unpause`: what is there, whatever the files say.
//!
//! These work by labels alone, so they need no project: dependencies are read from the label that every
//! container carries.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{Action, Cause, Condition, ContainerStatus, ObservedContainer, StepId, label};

use super::PlanError;
use super::draft::{Draft, Known, Running, reference};

/// What the services of containers depend on, by their labels.
fn dependencies(container: &ObservedContainer) -> Vec<(&str, Condition, bool)> {
    let text = container
        .spec
        .labels
        .get(label::DEPENDS_ON)
        .map_or("", String::as_str);
    text.split(',')
        .filter_map(|entry| {
            let mut parts = entry.split(':');
            let name = parts.next().filter(|name| !name.is_empty())?;
            let condition = match parts.next() {
                Some("service_healthy") => Condition::Healthy,
                Some("service_completed_successfully") => Condition::Completed,
                _ => Condition::Started,
            };
            Some((name, condition, parts.next() == Some("true")))
        })
        .collect()
}

/// The containers of the stack by service, one-off ones under no name.
fn by_service<'a>(draft: &Draft<'a>) -> BTreeMap<&'a str, Vec<&'a ObservedContainer>> {
    let mut services: BTreeMap<&str, Vec<&ObservedContainer>> = BTreeMap::new();
    for container in &draft.observed.containers {
        let service = container.service().filter(|_| !container.is_one_off());
        services
            .entry(service.unwrap_or_default())
            .or_default()
            .push(container);
    }
    services
}

/// Those that are named, or all; a name that the stack does not know is a mistake.
fn selected<'a>(
    draft: &mut Draft<'a>,
    names: &[String],
) -> BTreeMap<&'a str, Vec<&'a ObservedContainer>> {
    let mut services = by_service(draft);
    services.remove("");
    for name in names {
        if !services.contains_key(name.as_str()) {
            draft.fail(PlanError::NoService { name: name.clone() });
        }
    }
    if !names.is_empty() {
        services.retain(|service, _| names.iter().any(|name| name == service));
    }
    services
}

/// Services so that each comes behind everything that depends on it.
fn dependents_first<'a>(services: &BTreeMap<&'a str, Vec<&'a ObservedContainer>>) -> Vec<&'a str> {
    fn visit<'a>(
        services: &BTreeMap<&'a str, Vec<&'a ObservedContainer>>,
        name: &'a str,
        seen: &mut BTreeSet<&'a str>,
        order: &mut Vec<&'a str>,
    ) {
        if !services.contains_key(name) || !seen.insert(name) {
            return;
        }
        for (other, containers) in services {
            if containers.iter().any(|container| {
                dependencies(container)
                    .iter()
                    .any(|(dependency, ..)| *dependency == name)
            }) {
                visit(services, other, seen, order);
            }
        }
        order.push(name);
    }
    let (mut seen, mut order) = (BTreeSet::new(), Vec::new());
    for name in services.keys() {
        visit(services, name, &mut seen, &mut order);
    }
    order
}

/// Whether any of these containers depends on a service.
fn depend_on(containers: &[&ObservedContainer], service: &str) -> bool {
    let mut needed = containers
        .iter()
        .flat_map(|container| dependencies(container));
    needed.any(|(dependency, ..)| dependency == service)
}

/// Does something to services one behind the other: to each behind those among the earlier ones that `comes_before`
/// it. Returns the steps by service.
fn in_turn<'a>(
    draft: &mut Draft<'a>,
    services: &BTreeMap<&'a str, Vec<&'a ObservedContainer>>,
    order: Vec<&'a str>,
    comes_before: impl Fn(&str, &str) -> bool,
    act: impl Fn(&ObservedContainer) -> Option<Action>,
) -> BTreeMap<&'a str, Vec<StepId>> {
    let mut done: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for name in order {
        let before = done.iter().filter(|(other, _)| comes_before(other, name));
        let after: Vec<StepId> = before.flat_map(|(_, steps)| steps).copied().collect();
        for action in services[name].iter().filter_map(|container| act(container)) {
            let id = draft.step(action, Cause::Requested, Some(name), &after);
            done.entry(name).or_default().push(id);
        }
        // One to which nothing is done holds nothing up, but what it comes behind still does.
        done.entry(name).or_insert(after);
    }
    done
}

/// Stops services, each behind what depends on it. Returns the stops by service.
fn stops<'a>(
    draft: &mut Draft<'a>,
    services: &BTreeMap<&'a str, Vec<&'a ObservedContainer>>,
    grace_secs: Option<i64>,
) -> BTreeMap<&'a str, Vec<StepId>> {
    let order = dependents_first(services);
    let depends = |other: &str, name: &str| depend_on(&services[other], name);
    in_turn(draft, services, order, depends, |container| {
        let stop = Action::StopContainer {
            container: reference(container),
            grace_secs,
        };
        container.state.status.is_up().then_some(stop)
    })
}

/// Plans `pause`: what runs is frozen, each service behind what depends on it, so that nobody calls one that does not
/// answer any more.
pub(super) fn pause(draft: &mut Draft<'_>, names: &[String]) {
    let services = selected(draft, names);
    let containers = services.values().flatten();
    for container in containers.filter(|found| found.state.status == ContainerStatus::Restarting) {
        draft.note(
            format!("container {}", container.name),
            "is between two starts, and only what runs can be paused",
        );
    }
    let order = dependents_first(&services);
    let depends = |other: &str, name: &str| depend_on(&services[other], name);
    in_turn(draft, &services, order, depends, |container| {
        let pause = Action::PauseContainer {
            container: reference(container),
        };
        (container.state.status == ContainerStatus::Running).then_some(pause)
    });
}

/// Plans `unpause`: what is frozen goes on, each service behind what it depends on, and is waited for.
pub(super) fn unpause(draft: &mut Draft<'_>, names: &[String]) {
    let services = selected(draft, names);
    let mut order = dependents_first(&services);
    order.reverse();
    let is_needed = |other: &str, name: &str| depend_on(&services[name], other);
    let is_paused =
        |container: &ObservedContainer| container.state.status == ContainerStatus::Paused;
    let unpaused = in_turn(draft, &services, order, is_needed, |container| {
        let unpause = Action::UnpauseContainer {
            container: reference(container),
        };
        is_paused(container).then_some(unpause)
    });
    for (name, containers) in &services {
        let paused = containers.iter().filter(|container| is_paused(container));
        for (container, step) in paused.zip(&unpaused[name]) {
            let running = Running {
                container: reference(container),
                started: Some(*step),
                known: Known::default(),
            };
            draft.until(&running, Condition::Healthy, Cause::Requested, name);
        }
    }
}

/// Plans `stop`.
pub(super) fn stop(draft: &mut Draft<'_>, names: &[String], grace_secs: Option<i64>) {
    let services = selected(draft, names);
    stops(draft, &services, grace_secs);
}

/// Plans `start`: what is stopped starts again, each service behind what it depends on. Jobs that are done stay so
/// unless they are named; so does what is paused, whether or not it is named.
pub(super) fn start(draft: &mut Draft<'_>, names: &[String]) {
    let services = selected(draft, names);
    starts(
        draft,
        &services,
        &BTreeMap::new(),
        &Cause::NotRunning,
        names,
    );
}

/// Plans `restart`.
pub(super) fn restart(draft: &mut Draft<'_>, names: &[String], grace_secs: Option<i64>) {
    let services = selected(draft, names);
    let stopped = stops(draft, &services, grace_secs);
    starts(draft, &services, &stopped, &Cause::Requested, names);
}

fn starts<'a>(
    draft: &mut Draft<'a>,
    services: &BTreeMap<&'a str, Vec<&'a ObservedContainer>>,
    stopped: &BTreeMap<&'a str, Vec<StepId>>,
    cause: &Cause,
    names: &[String],
) {
    let mut order = dependents_first(services);
    order.reverse();
    let waited_for: BTreeSet<&str> = services
        .values()
        .flatten()
        .flat_map(|container| dependencies(container))
        .filter(|(_, condition, _)| *condition == Condition::Completed)
        .map(|(name, ..)| name)
        .collect();
    let mut running: BTreeMap<&str, Vec<Running>> = BTreeMap::new();
    for name in order {
        for container in &services[name] {
            let known = draft.known(container);
            let restarts = stopped.get(name).is_some_and(|steps| !steps.is_empty());
            // One that is named is meant, job or not.
            let is_done = !names.iter().any(|named| named == name)
                && draft.is_done(container, waited_for.contains(name));
            if !restarts && (container.state.status.is_up() || is_done) {
                let stays = Running {
                    container: reference(container),
                    started: None,
                    known,
                };
                if draft.stays_paused(container) {
                    // To be started means to run, which it does not; the wait says so.
                    draft.until(&stays, Condition::Healthy, Cause::Requested, name);
                }
                running.entry(name).or_default().push(stays);
                continue;
            }
            let mut after: Vec<StepId> = stopped.get(name).into_iter().flatten().copied().collect();
            for (dependency, condition, _) in dependencies(container) {
                for other in running.get(dependency).cloned().unwrap_or_default() {
                    after.extend(draft.until(
                        &other,
                        condition,
                        Cause::NeededBy(name.to_owned()),
                        dependency,
                    ));
                }
            }
            let step = draft.step(
                Action::StartContainer {
                    container: reference(container),
                },
                cause.clone(),
                Some(name),
                &after,
            );
            let started = Running {
                container: reference(container),
                started: Some(step),
                known: Known::default(),
            };
            draft.until(&started, Condition::Healthy, Cause::Started, name);
            running.entry(name).or_default().push(started);
        }
    }
}

/// Plans `down`: containers and networks go, volumes only where they are named.
pub(super) fn down(
    draft: &mut Draft<'_>,
    volumes: &[String],
    remove_orphans: bool,
    grace_secs: Option<i64>,
) {
    let services = by_service(draft);
    // Without a project there are no orphans: everything that carries the project's label belongs to it.
    let _ = remove_orphans;
    let stopped = stops(draft, &services, grace_secs);
    let mut removed = Vec::new();
    let mut leaves: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
    for (name, containers) in &services {
        for container in containers {
            let after = stopped.get(name).cloned().unwrap_or_default();
            let remove = Action::RemoveContainer {
                container: reference(container),
                anonymous_volumes: false,
                made_by: None,
            };
            let service = (!name.is_empty()).then_some(*name);
            let step = draft.step(remove, Cause::Requested, service, &after);
            removed.push(step);
            for network in container.endpoints.keys() {
                leaves.entry(network).or_default().push(step);
            }
        }
    }
    let observed = draft.observed;
    for network in &observed.networks {
        let ours = network.spec.labels.get(label::PROJECT).is_some();
        if ours {
            let remove = Action::RemoveNetwork {
                id: Some(network.id.clone()),
                name: network.spec.name.clone(),
                made_by: None,
            };
            // An engine removes networks slowly, so none waits for containers that are on others.
            let after = leaves.get(network.spec.name.as_str());
            let after = after.map_or(&[][..], Vec::as_slice);
            draft.step(remove, Cause::Requested, None, after);
        }
    }
    let known: Vec<String> = observed
        .volumes
        .iter()
        .map(|volume| volume.spec.name.clone())
        .collect();
    for volume in volumes {
        if !known.contains(volume) {
            // What belongs to somebody else is not destroyed because of a typo.
            draft.fail(PlanError::NoVolume {
                name: volume.clone(),
                known: known.clone(),
            });
            continue;
        }
        draft.step(
            Action::RemoveVolume {
                name: volume.clone(),
            },
            Cause::Requested,
            None,
            &removed,
        );
    }
}
