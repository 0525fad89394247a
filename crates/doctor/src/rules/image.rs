//! What an image holds, and what is asked of it.

use crate::finding::{Code, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, shown};

pub(crate) const NO_SUCH_PROGRAM: Rule = Rule {
    code: Code("D072"),
    title: "the program that it is to run is not in its image",
    layer: Layer::Image,
    decisive: &["the refusal to start"],
    look_alikes: &[Code("D034"), Code("D112")],
    yields: false,
    endangers_data: false,
    find: no_such_program,
};

/// The runtime's words for a program that is not there, in every engine that was looked at.
const MISSING: &[&str] = &[
    "executable file not found in $PATH",
    ": no such file or directory: unknown",
];

/// Its words for something to be mounted that does not fit.
const MOUNT: &str = "mount";

fn no_such_program(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(error) = world
            .state(container)
            .and_then(|state| state.error.as_ref())
        else {
            continue;
        };
        let is_missing =
            MISSING.iter().any(|words| error.contains(words)) && error.contains("exec:");
        if !is_missing || error.contains(MOUNT) {
            continue;
        }
        // `exec: "PROGRAM": …`
        let program = error
            .split_once("exec: \"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .map_or("its program", |(program, _)| program);
        let claim = format!(
            "`{program}` is not in the image `{}`, or not in its PATH",
            container.image
        );
        let fact = FactRef::State(container.name.clone());
        let refusal = shown(
            fact,
            error.clone(),
            "the engine looked for it in the image and did not find it",
        );
        cases.push(
            Case::new(culprit(container, Some("command")), claim)
                .mended_by(
                    "correct `command` or `entrypoint`, or put the program into the image, then `bowline up --build`",
                    Safety::Restart,
                )
                .decides("the refusal to start", Some(refusal.clone()))
                .rules_out(Code("D034"), Some(refusal.clone()))
                .rules_out(Code("D112"), Some(refusal)),
        );
    }
}
