//! Ends that nobody wanted: killed, or over too soon.

use bowline_model::ContainerStatus;

use crate::facts::{ContainerFact, Event};
use crate::finding::{Code, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::wellness::tells_to_stop;
use crate::world::{World, culprit, reported, shown};

use super::memory::{limit, unsent_kill};

/// 128 and the number of SIGKILL.
pub(super) const KILLED_CODE: i64 = 137;
/// Restarts after which nobody would call it chance.
const MANY: u64 = 3;

pub(crate) const IGNORES_STOP: Rule = Rule {
    code: Code("D114"),
    title: "does not end when it is told to, and is killed",
    layer: Layer::Startup,
    decisive: &["told to stop", "killed after that", "the exit code"],
    look_alikes: &[Code("D032"), Code("D115")],
    yields: false,
    endangers_data: false,
    find: ignores_stop,
};

pub(crate) const KILLED: Rule = Rule {
    code: Code("D115"),
    title: "killed from outside",
    layer: Layer::Platform,
    decisive: &["killed without a word", "the exit code"],
    look_alikes: &[Code("D032"), Code("D114")],
    yields: false,
    endangers_data: false,
    find: killed,
};

pub(crate) const ENDS_AND_RESTARTS: Rule = Rule {
    code: Code("D135"),
    title: "ends with success, and is started again and again",
    layer: Layer::Startup,
    decisive: &["the exit code", "restarts", "that it complains of nothing"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: ends_and_restarts,
};

/// The container with its last exit code, where it is the one of a kill.
fn exit_code(world: &World<'_>, container: &ContainerFact) -> Option<Evidence> {
    let end = world.last_life(container).end?;
    (end.exit_code == Some(KILLED_CODE)).then(|| reported(end, "SIGKILL ended it: 128 and 9"))
}

/// Whether a container is told to end by a signal that leaves it the time to.
fn is_told_by(container: &ContainerFact, signal: &Event) -> bool {
    !signal.is_sigkill() && tells_to_stop(container, signal)
}

fn ignores_stop(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let life = world.last_life(container);
        let mut signals = life.signals.iter();
        let told = signals.find(|signal| is_told_by(container, signal));
        let kill = life.signals.iter().find(|signal| signal.is_sigkill());
        let (Some(told), Some(kill)) = (told, kill) else {
            continue;
        };
        let waited = kill.at.duration_since(told.at).as_secs();
        let claim = format!("it did not end within {waited} s of being told to, so it was killed");
        let told = reported(told, "it was told to stop");
        let kill = reported(kill, "the time to stop was over");
        cases.push(
            Case::new(culprit(container, Some("stop_signal")), claim)
                .mended_by(
                    "start it without a shell around it (`command` as a list, `exec` in a script), set `init: true`, or name the signal that it knows with `stop_signal`",
                    Safety::Restart,
                )
                .decides("told to stop", Some(told.clone()))
                .decides("killed after that", Some(kill.clone()))
                .decides("the exit code", exit_code(world, container))
                .rules_out(Code("D032"), Some(kill))
                .rules_out(Code("D115"), Some(told)),
        );
    }
}

fn killed(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let life = world.last_life(container);
        let Some(end) = life.end.filter(|end| end.exit_code == Some(KILLED_CODE)) else {
            continue;
        };
        let mut signals = life.signals.iter();
        let was_told = signals.any(|signal| is_told_by(container, signal));
        let for_memory =
            life.out_of_memory.is_some() || world.out_of_memory(container) == Some(true);
        // With a limit it is the more likely cause: see `memory`.
        let perhaps_for_memory = unsent_kill(&life).is_some() && limit(world, container).is_some();
        if was_told || for_memory || perhaps_for_memory {
            continue;
        }
        let kill = life.signals.iter().find(|signal| signal.is_sigkill());
        let claim = if kill.is_some() {
            "somebody killed it through the engine".to_owned()
        } else {
            "something outside of the engine killed it: the host ran out of memory, or somebody did"
                .to_owned()
        };
        let code = reported(end, "SIGKILL ended it: 128 and 9");
        let kill = kill.filter(|_| life.is_complete);
        let service = container.service.as_deref().unwrap_or_default();
        let without_a_word = kill.map(|kill| reported(kill, "nobody had told it to stop before"));
        cases.push(
            Case::new(culprit(container, None), claim)
                .mended_by(
                    format!("start it again: `bowline start {service}`; and find out who did it"),
                    Safety::Safe,
                )
                .by_command(["bowline", "start", service])
                .decides("killed without a word", without_a_word.clone())
                .decides("the exit code", Some(code))
                .rules_out(Code("D032"), without_a_word.clone())
                .rules_out(Code("D114"), without_a_word.or_else(|| unsent_kill(&life))),
        );
    }
}

fn ends_and_restarts(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some((restarts, policy)) = world.restarts(container) else {
            continue;
        };
        let is_over = |state: &&ContainerFact| {
            state.exit_code == 0
                && state.error.is_none()
                && state.status != ContainerStatus::Running
        };
        // One that says what it failed at ends for that, whatever its exit code is.
        let mut said = world.said(container).iter();
        let fails = said.any(|said| said.is_fresh && !said.says.is_benign());
        let is_over = world.state(container).as_ref().is_some_and(is_over);
        if restarts < MANY || !is_over || fails {
            continue;
        }
        let text = format!(
            "{}: started again {restarts} times, policy `{policy}`",
            container.name
        );
        let proves = "nothing keeps it up";
        let again = shown(FactRef::Restarts(container.name.clone()), text, proves);
        let quiet = world.log(container).map(|_| {
            let text = format!("{} log: no complaint", container.name);
            let fact = FactRef::Log(container.name.clone());
            shown(fact, text, "it did not fail at something")
        });
        let claim = format!(
            "its main process does its work and ends, and the restart policy `{policy}` starts it again"
        );
        let text_of_end = format!("{}: exit code 0", container.name);
        let success = "it ended by itself and without an error";
        let code = shown(FactRef::State(container.name.clone()), text_of_end, success);
        cases.push(
            Case::new(culprit(container, Some("restart")), claim)
                .mended_by(
                    "let a server stay in the foreground; for a job set `restart: \"no\"`",
                    Safety::Restart,
                )
                .decides("the exit code", Some(code))
                .decides("restarts", Some(again))
                .decides("that it complains of nothing", quiet),
        );
    }
}
