//! Memory: the kernel's killer, and whom it took.

use bowline_model::ContainerStatus;
use jiff::SignedDuration;

use crate::facts::ContainerFact;
use crate::finding::{Code, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Life, World, culprit, reported, shown};

use super::caps::{cap_above, no_cap_above};
use super::ends::KILLED_CODE;

pub(crate) const LIMIT_REACHED: Rule = Rule {
    code: Code("D032"),
    title: "killed because its memory limit was reached",
    layer: Layer::Resource,
    decisive: &["the kernel's kill", "that it ended then", "the limit"],
    look_alikes: &[Code("D043"), Code("D113"), Code("D114"), Code("D115")],
    yields: false,
    endangers_data: false,
    find: limit_reached,
};

pub(crate) const CHILD_KILLED: Rule = Rule {
    code: Code("D113"),
    title: "a process in it is killed for want of memory while its main process goes on",
    layer: Layer::Resource,
    decisive: &["the kernel's kill", "it runs on", "the limit"],
    look_alikes: &[Code("D032")],
    yields: false,
    endangers_data: false,
    find: child_killed,
};

/// The longest that a kill and the end that comes of it are apart.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(5);

const MORE: &str = "give it more memory (`mem_limit`, or `deploy.resources.limits.memory`) or let it use less, then `bowline up`";

fn limit_reached(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let life = world.last_life(container);
        let says = world.out_of_memory(container) == Some(true);
        // Either is enough to ask; to be certain, both have to be seen. Engines miss the kernel's word now and then, where
        // the main process dies at once: then there is a kill that nobody sent, and a limit.
        let is_over = life.end.is_some() || is_down(world, container);
        let unsent = unsent_kill(&life).filter(|_| limit(world, container).is_some());
        let is_told_more = cap_above(world, container).is_some();
        if is_told_more || !(is_over && (says || life.out_of_memory.is_some() || unsent.is_some()))
        {
            continue;
        }
        let kill = life.out_of_memory.map(|oom| {
            reported(
                oom,
                "the kernel killed for want of memory, and nobody else did",
            )
        });
        let end = life.end.filter(|end| {
            let kill = life.out_of_memory;
            end.exit_code == Some(KILLED_CODE)
                && kill.is_some_and(|kill| end.at.duration_since(kill.at).abs() < AT_ONCE)
        });
        let end = end.map(|end| reported(end, "the main process was what the kernel killed"));
        let verdict = says.then(|| {
            let text = format!("{}: killed for want of memory", container.name);
            let proves = "the engine saw it as well";
            shown(FactRef::OutOfMemory(container.name.clone()), text, proves)
        });
        let claim = match limit(world, container) {
            Some((text, _)) => {
                format!("its memory limit of {text} is too low for what it does, or it leaks")
            }
            None => "it was killed for want of memory".to_owned(),
        };
        cases.push(
            Case::new(culprit(container, Some("mem_limit")), claim)
                .mended_by(MORE, Safety::NeedsYou)
                .decides("the kernel's kill", kill.clone())
                .decides("that it ended then", end.clone())
                .decides(
                    "the limit",
                    limit(world, container).map(|(_, evidence)| evidence),
                )
                .rules_out(Code("D113"), end.or(verdict).or_else(|| unsent.clone()))
                .rules_out(Code("D043"), no_cap_above(world, container))
                .rules_out(Code("D114"), kill.clone().or(unsent))
                .rules_out(Code("D115"), kill),
        );
    }
}

fn child_killed(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let life = world.last_life(container);
        let Some(oom) = life.out_of_memory else {
            continue;
        };
        // Without its end in the events it may have been started again since.
        let runs_since = world
            .state(container)
            .filter(|state| state.status == ContainerStatus::Running)
            .and_then(|state| state.started)
            .filter(|started| *started < oom.at);
        if runs_since.is_none() || life.end.is_some() {
            continue;
        }
        let runs = runs_since.map(|started| {
            let text = format!("{}: running since {started}", container.name);
            let proves = "the main process outlived it";
            shown(FactRef::State(container.name.clone()), text, proves)
        });
        let claim = match limit(world, container) {
            Some((text, _)) => format!("processes in it are killed at its memory limit of {text}"),
            None => "processes in it are killed for want of memory".to_owned(),
        };
        cases.push(
            Case::new(culprit(container, Some("mem_limit")), claim)
                .mended_by(MORE, Safety::NeedsYou)
                .decides(
                    "the kernel's kill",
                    Some(reported(oom, "the kernel killed a process in it")),
                )
                .decides("it runs on", runs.clone())
                .decides(
                    "the limit",
                    limit(world, container).map(|(_, evidence)| evidence),
                )
                .rules_out(Code("D032"), runs),
        );
    }
}

/// An end by SIGKILL that the engine did not send, where everything that it did is known.
pub(super) fn unsent_kill(life: &Life<'_>) -> Option<Evidence> {
    let end = life.end.filter(|end| end.exit_code == Some(KILLED_CODE))?;
    let unsent = life.is_complete && life.signals.is_empty();
    unsent.then(|| reported(end, "SIGKILL ended it, and the engine had not sent it"))
}

/// Whether it is known not to run.
fn is_down<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    world.state(container).is_some_and(|state| {
        matches!(
            state.status,
            ContainerStatus::Exited | ContainerStatus::Restarting | ContainerStatus::Dead
        )
    })
}

/// Its memory limit, as people write it.
pub(super) fn limit<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<(String, Evidence)> {
    let limits = world.limits(container)?;
    let bytes = limits.memory_bytes.filter(|bytes| *bytes > 0)?;
    let readable = in_binary_units(bytes);
    let text = format!("{}: at most {readable} of memory", container.name);
    let proves = "there is a limit to reach";
    let evidence = shown(FactRef::Limits(container.name.clone()), text, proves);
    Some((readable, evidence))
}

/// Bytes in the largest unit that gives a whole number.
pub(super) fn in_binary_units(bytes: i64) -> String {
    let mut value = bytes;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if value % 1024 != 0 || value < 1024 || unit == "GiB" {
            return format!("{value} {unit}");
        }
        value /= 1024;
    }
    format!("{value} GiB")
}
