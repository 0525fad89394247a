//! What an image holds, and what is asked of it.

use bowline_recipes::Says;

use crate::finding::{Code, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, filed, shown, spoken};

use super::files::{absolute, refused_program};
use super::modules::is_hidden;

pub(crate) const NO_SUCH_PROGRAM: Rule = Rule {
    code: Code("D072"),
    title: "the program that it is to run is not in its image",
    layer: Layer::Image,
    decisive: &["the refusal to start", "that it is not there"],
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

const CORRECT: &str = "correct `command` or `entrypoint`, or put the program into the image, then `bowline up --build`";

/// Its words for something to be mounted that does not fit.
const MOUNT: &str = "mount";

fn no_such_program(world: &World<'_>, cases: &mut Vec<Case>) {
    not_found_by_shell(world, cases);
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
        let program = refused_program(error).unwrap_or("its program");
        if is_hidden(world, container, &absolute(container, program)) {
            continue;
        }
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
                .mended_by(CORRECT, Safety::Restart)
                .decides("the refusal to start", Some(refusal.clone()))
                .decides("that it is not there", Some(refusal.clone()))
                .rules_out(Code("D034"), Some(refusal.clone()))
                .rules_out(Code("D112"), Some(refusal)),
        );
    }
}

/// Programs that a shell or a supervisor was to start, or the kernel behind it, by their paths.
fn not_found_by_shell(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for said in world.complaints(container, &[Says::CommandMissing, Says::ExecMissing]) {
            // One that runs may do without it, unless it tries again and again, as supervisors do.
            if world.runs(container) && said.count < super::files::AGAIN {
                continue;
            }
            let name = said.capture("name").or_else(|| said.capture("path"));
            let Some(path) = name.filter(|name| name.starts_with('/')) else {
                continue;
            };
            let file = world.file(container, path);
            if file.is_some_and(|file| file.there.is_some()) || is_hidden(world, container, path) {
                continue;
            }
            let claim = format!("`{path}` is not in the image `{}`", container.image);
            let gone = file.map(|file| filed(file, "nothing is at that path"));
            cases.push(
                Case::new(culprit(container, Some("command")), claim)
                    .mended_by(CORRECT, Safety::Restart)
                    .decides(
                        "the refusal to start",
                        Some(spoken(
                            container,
                            said,
                            "it was to be run, and was not found",
                        )),
                    )
                    .decides("that it is not there", gone.clone())
                    .rules_out(Code("D034"), gone.clone())
                    .rules_out(Code("D112"), gone),
            );
        }
    }
}
