//! Which of the containers that are there stand for which of those that are wanted.

use std::collections::BTreeMap;

use bowline_model::{
    Cause, ContainerSpec, ContainerStatus, EffectiveMount, MountSource, MountSpec, Observed,
    ObservedContainer, VolumeMountSpec, Wanted, WantedService,
};

use super::Memory;
use crate::compare::{Comparison, compare};
use crate::wanted::{Instance, container_name, instance};

/// One container that is wanted, and the one that is there for it.
#[derive(Debug)]
pub(super) struct Replica<'a> {
    pub(super) number: u32,
    pub(super) name: String,
    /// What it is to be created with, complete but for the operation.
    pub(super) spec: ContainerSpec,
    /// Volumes that nobody named and that it takes over from `current`.
    pub(super) keeps: Vec<MountSpec>,
    pub(super) current: Option<Current<'a>>,
}

/// A container that is there, and how it compares.
#[derive(Debug)]
pub(super) struct Current<'a> {
    pub(super) container: &'a ObservedContainer,
    pub(super) comparison: Comparison,
}

impl Current<'_> {
    /// Why the container has to be made again by itself, if it has to.
    pub(super) fn reason(&self, is_job: bool) -> Option<Cause> {
        let Comparison {
            changed,
            drifted,
            contents,
            ..
        } = &self.comparison;
        if !changed.is_empty() || !contents.is_empty() {
            let changes = changed.iter().chain(contents).cloned().collect();
            return Some(if is_job {
                Cause::JobInputs(changes)
            } else {
                Cause::Changed(changes)
            });
        }
        (!drifted.is_empty()).then(|| Cause::Drifted(drifted.clone()))
    }
}

/// Sorts the containers of a service into those that stand for a replica and those that are too many.
pub(super) fn assign<'a>(
    wanted: &Wanted,
    name: &str,
    observed: &'a Observed,
    memory: &Memory,
) -> (Vec<Replica<'a>>, Vec<&'a ObservedContainer>) {
    let service = &wanted.services[name];
    let there: Vec<&ObservedContainer> = observed
        .containers
        .iter()
        .filter(|container| container.service() == Some(name) && !container.is_one_off())
        .collect();
    let (half_made, there): (Vec<_>, Vec<_>) = there
        .into_iter()
        .partition(|container| memory.half_made.contains(&container.id));
    let mut by_number: BTreeMap<u32, Vec<Current<'a>>> = BTreeMap::new();
    for container in there {
        let (_, spec) = instance_of(wanted, service, container.number(), observed);
        let comparison = compare_with(service, &spec, container, observed, memory);
        by_number
            .entry(container.number())
            .or_default()
            .push(Current {
                container,
                comparison,
            });
    }
    let (mut chosen, mut extra) = best_of(service, by_number);
    extra.extend(half_made);
    // Those that are as wanted stay before those that would have to be made again.
    chosen.sort_by_key(|(number, current)| (!current.comparison.is_same(), *number));
    let keep = (service.replicas as usize).min(chosen.len());
    extra.extend(
        chosen
            .split_off(keep)
            .into_iter()
            .map(|(_, current)| current.container),
    );
    let mut replicas: Vec<Replica<'a>> = chosen
        .into_iter()
        .map(|(number, current)| replica(wanted, service, number, observed, Some(current)))
        .collect();
    let mut number = 0;
    while replicas.len() < service.replicas as usize {
        number += 1;
        if replicas.iter().all(|replica| replica.number != number) {
            replicas.push(replica(wanted, service, number, observed, None));
        }
    }
    replicas.sort_by_key(|replica| replica.number);
    (replicas, extra)
}

/// Containers that stand for a replica, by number, and those that are too many.
type Chosen<'a> = (Vec<(u32, Current<'a>)>, Vec<&'a ObservedContainer>);

/// Of the containers that have the same number, the one that is most as it should be.
fn best_of<'a>(service: &WantedService, by_number: BTreeMap<u32, Vec<Current<'a>>>) -> Chosen<'a> {
    let is_gone = |container: &ObservedContainer| {
        matches!(
            container.state.status,
            ContainerStatus::Dead | ContainerStatus::Removing
        )
    };
    let (mut chosen, mut extra) = (Vec::new(), Vec::new());
    for (number, mut candidates) in by_number {
        let wanted_name = container_name(service, number);
        candidates.sort_by_key(|current| {
            let container = current.container;
            (
                is_gone(container),
                !current.comparison.is_same(),
                container.name != wanted_name,
                !container.state.is_running(),
                std::cmp::Reverse(container.created),
            )
        });
        let mut candidates = candidates.into_iter();
        if let Some(best) = candidates.next() {
            if is_gone(best.container) {
                extra.push(best.container);
            } else {
                chosen.push((number, best));
            }
        }
        extra.extend(candidates.map(|current| current.container));
    }
    (chosen, extra)
}

fn replica<'a>(
    wanted: &Wanted,
    service: &WantedService,
    number: u32,
    observed: &Observed,
    current: Option<Current<'a>>,
) -> Replica<'a> {
    let (name, spec) = instance_of(wanted, service, number, observed);
    let mut keeps = Vec::new();
    if let Some(current) = &current {
        let image = observed.images.get(&service.image.reference);
        let declared = image
            .map(|image| image.config.volumes.iter().cloned().collect::<Vec<_>>())
            .unwrap_or_default();
        keeps = kept_volumes(&spec, &declared, &current.container.mounts);
    }
    Replica {
        number,
        name,
        spec,
        keeps,
        current,
    }
}

/// What a replica is created with, complete but for the operation; all of its endpoints are in it.
fn instance_of(
    wanted: &Wanted,
    service: &WantedService,
    number: u32,
    observed: &Observed,
) -> (String, ContainerSpec) {
    let image = observed
        .images
        .get(&service.image.reference)
        .map(|image| &image.id);
    let names_of = |name: &str| {
        let numbers = |service: &WantedService| {
            (1..=service.replicas)
                .map(|number| container_name(service, number))
                .collect()
        };
        wanted.services.get(name).map(numbers).unwrap_or_default()
    };
    let Instance {
        name,
        mut spec,
        connect,
    } = instance(service, number, image, observed.api, &names_of);
    spec.network.endpoints.extend(connect);
    (name, spec)
}

fn compare_with(
    service: &WantedService,
    spec: &ContainerSpec,
    container: &ObservedContainer,
    observed: &Observed,
    memory: &Memory,
) -> Comparison {
    let image = observed
        .image_of
        .get(&container.image_id.0)
        .map(|image| &image.config);
    let mut spec = spec.clone();
    // References to other containers are compared by who they mean, not by the id of the moment.
    for share in &service.shares {
        let other = observed.of_service(&share.service).next();
        crate::shares::apply(&mut spec, share, other.map(|other| &other.id));
    }
    compare(
        &spec,
        &service.contents,
        container,
        memory.baselines.get(&container.id),
        image,
    )
}

/// The volumes that nobody named and that a container that is made again keeps.
fn kept_volumes(
    spec: &ContainerSpec,
    declared: &[String],
    mounts: &[EffectiveMount],
) -> Vec<MountSpec> {
    let same = |one: &str, other: &str| one.trim_end_matches('/') == other.trim_end_matches('/');
    let kept = |mount: &EffectiveMount| {
        let wanted = spec
            .mounts
            .iter()
            .find(|wanted| same(&wanted.target, &mount.target));
        let mut kept = match wanted {
            Some(wanted) => wanted.clone(),
            None if declared.iter().any(|target| same(target, &mount.target)) => MountSpec {
                target: mount.target.clone(),
                read_only: !mount.writable,
                source: MountSource::Volume(VolumeMountSpec::default()),
                consistency: None,
            },
            None => return None,
        };
        match &mut kept.source {
            MountSource::Volume(volume) if volume.name.is_none() => {
                volume.name.clone_from(&mount.volume);
                Some(kept)
            }
            _ => None,
        }
    };
    mounts
        .iter()
        .filter(|mount| mount.is_anonymous_volume())
        .filter_map(kept)
        .collect()
}
