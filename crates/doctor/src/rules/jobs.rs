//! Jobs: services that do something once, and that others wait for.

use bowline_model::ContainerStatus;

use crate::facts::{ContainerFact, Mount};
use crate::finding::{Code, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::{holds, in_source};
use crate::world::{DONE, World, culprit, shown, stood};

pub(crate) const JOB_FAILED: Rule = Rule {
    code: Code("D046"),
    title: "a job failed, and others wait for it to be done",
    layer: Layer::Dependency,
    decisive: &["the job's end", "who waits for it", "that it waits"],
    look_alikes: &[],
    // Whatever says why the job failed stands for both.
    yields: true,
    endangers_data: false,
    find: job_failed,
};

/// Whether a service waits for a job that failed, whatever else it waits for.
pub(crate) fn is_held_by_a_job(world: &World<'_>, service: &str) -> bool {
    let declared = world.declared(service);
    let mut needs = declared.iter().flat_map(|it| &it.depends_on);
    needs.any(|(job, condition)| {
        let containers = world.of_service(job);
        condition == DONE && containers.iter().any(|one| has_failed(world, one))
    })
}

/// Whether what lies at a path comes from a volume that a job was to fill which failed.
pub(super) fn fills_what_it_lacks<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> bool {
    let Some(mount) = world.mount_of(container, path) else {
        return false;
    };
    let Some(place) = in_source(path, mount) else {
        return false;
    };
    world.containers().any(|other| {
        let shares = |one: &Mount| one.writable && holds(one, &mount.source, &place);
        other.name != container.name
            && has_failed(world, other)
            && world.mounts(other).unwrap_or_default().iter().any(shares)
    })
}

/// Whether a container ended with a failure and is not started again.
fn has_failed<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    world.ailment(container).is_some()
        && world
            .state(container)
            .is_some_and(|state| state.status == ContainerStatus::Exited && state.exit_code != 0)
}

fn job_failed(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| has_failed(world, one)) {
        let Some(job) = container.service.as_deref() else {
            continue;
        };
        let waiting: Vec<&str> = world
            .wait_for_end(job)
            .into_iter()
            .filter(|service| {
                let containers = world.of_service(service);
                containers.iter().all(|one| !world.seems_well(one))
            })
            .collect();
        if waiting.is_empty() {
            continue;
        }
        let names: Vec<String> = waiting.iter().map(|name| format!("`{name}`")).collect();
        let claim = format!(
            "the job `{job}` failed with code {}, and {} for it to be done",
            container.exit_code,
            match &*names {
                [name] => format!("{name} waits"),
                _ => format!("{} wait", names.join(", ")),
            }
        );
        let end = stood(world, container, "it was started, and did not do its work");
        let mut case = Case::new(culprit(container, None), claim)
            .mended_by(
                format!("see what it wrote (`bowline logs {job}`), mend that, and run it again: `bowline rerun {job}`, then `bowline up`"),
                Safety::NeedsYou,
            )
            .decides("the job's end", end);
        for name in &waiting {
            case = case.between(Some(job), Some(name));
        }
        // One of those who wait shows it for all.
        if let Some(name) = waiting.first() {
            let text = format!("{name}: waits for `{job}` with `condition: {DONE}`");
            let needs = shown(
                FactRef::Declared((*name).to_owned()),
                text,
                "it begins after the job",
            );
            case = case
                .decides("who waits for it", Some(needs.clone()))
                .decides(
                    "that it waits",
                    match world.of_service(name).first() {
                        Some(container) => stood(world, container, "it does not work"),
                        None => Some(needs),
                    },
                );
        }
        cases.push(case);
    }
}
