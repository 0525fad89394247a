//! Programs that the kernel does not run: no interpreter, a wrong line end, another processor.

use bowline_recipes::Says;

use crate::edit::{Change, Spot};
use crate::facts::{ContainerFact, FileFact, FileHead};
use crate::finding::{Code, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, filed, shown, spoken};

use super::files::on_host;

pub(crate) const NO_INTERPRETER: Rule = Rule {
    code: Code("D070"),
    title: "the interpreter that a script names is not there",
    layer: Layer::Image,
    decisive: &[
        "the refusal",
        "the script",
        "that its interpreter is missing",
    ],
    look_alikes: &[Code("D071"), Code("D072"), Code("D073")],
    yields: false,
    endangers_data: false,
    find: no_interpreter,
};

pub(crate) const CARRIAGE_RETURN: Rule = Rule {
    code: Code("D071"),
    title: "a script has the line ends of Windows",
    layer: Layer::Image,
    decisive: &["the refusal", "the first line"],
    look_alikes: &[Code("D070"), Code("D072")],
    yields: false,
    endangers_data: false,
    find: carriage_return,
};

pub(crate) const WRONG_FORMAT: Rule = Rule {
    code: Code("D073"),
    title: "a program is for another processor, or a script does not say what runs it",
    layer: Layer::Image,
    decisive: &["the refusal", "what the file is", "what could run it"],
    look_alikes: &[Code("D070"), Code("D072")],
    yields: false,
    endangers_data: false,
    find: wrong_format,
};

/// Where programs are looked for when nothing says where.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A script that somebody tried to run in a container that fails.
struct Script<'f> {
    container: &'f ContainerFact,
    file: &'f FileFact,
    interpreter: &'f str,
    has_carriage_return: bool,
    refusal: Option<Evidence>,
}

/// The paths at which the interpreter of a script may be: its own, or with `env` wherever programs are looked for.
pub(crate) fn interpreter_paths(container: &ContainerFact, interpreter: &str) -> Vec<String> {
    let mut words = interpreter.split_whitespace();
    let Some(first) = words.next() else {
        return Vec::new();
    };
    if !first.ends_with("/env") {
        return vec![first.to_owned()];
    }
    let Some(name) = words.find(|word| !word.starts_with('-') && !word.contains('=')) else {
        return Vec::new();
    };
    let path = container.environment.get("PATH").cloned().flatten();
    let folders = path.as_deref().unwrap_or(PATH).split(':');
    let folders = folders.filter(|folder| folder.starts_with('/'));
    folders
        .take(8)
        .map(|folder| format!("{}/{name}", folder.trim_end_matches('/')))
        .collect()
}

/// The program that a script is to be run by, without its folder where `env` looks for it.
fn interpreter_name(interpreter: &str) -> &str {
    let mut words = interpreter.split_whitespace();
    let first = words.next().unwrap_or_default();
    if first.ends_with("/env") {
        let mut rest = words.filter(|word| !word.starts_with('-') && !word.contains('='));
        return rest.next().unwrap_or(first);
    }
    first
}

fn scripts<'f>(world: &World<'f>) -> Vec<Script<'f>> {
    let mut scripts = Vec::new();
    for container in world.containers().filter(|one| world.fails(one)) {
        for file in world.files(container) {
            let head = file.there.as_ref().and_then(|there| there.head.as_ref());
            let Some(FileHead::Script {
                interpreter,
                has_carriage_return,
            }) = head
            else {
                continue;
            };
            scripts.push(Script {
                container,
                file,
                interpreter,
                has_carriage_return: *has_carriage_return,
                refusal: refusal(world, container, &file.path, interpreter),
            });
        }
    }
    scripts
}

/// What says that a script was to be run and was not, though it is there.
fn refusal<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
    interpreter: &str,
) -> Option<Evidence> {
    let name = interpreter_name(interpreter);
    let complaints = world.complaints(container, &[Says::ExecMissing, Says::CommandMissing]);
    let said = complaints.into_iter().find(|said| match said.says {
        Says::ExecMissing => said.capture("path") == Some(path),
        _ => said.capture("name").is_some_and(|missing| {
            // `env` shows the carriage return as it is written in C.
            missing == path || missing.trim_end_matches("\\r") == name
        }),
    })?;
    Some(spoken(
        container,
        said,
        "something that it takes to run the script was not found",
    ))
}

fn no_interpreter(world: &World<'_>, cases: &mut Vec<Case>) {
    for script in scripts(world).iter().filter(|it| !it.has_carriage_return) {
        let container = script.container;
        let paths = interpreter_paths(container, script.interpreter);
        let looked: Vec<&FileFact> = paths
            .iter()
            .filter_map(|path| world.file(container, path))
            .collect();
        if script.refusal.is_none() || looked.iter().any(|file| file.there.is_some()) {
            continue;
        }
        let name = interpreter_name(script.interpreter);
        let path = &script.file.path;
        let claim = format!(
            "`{path}` is to be run by `{name}`, which is not in the image `{}`",
            container.image
        );
        let is_nowhere = !paths.is_empty() && looked.len() == paths.len();
        let nowhere = looked.iter().filter(|_| is_nowhere);
        let there = filed(script.file, "the script itself is there");
        let text = format!(
            "{}: `{path}` begins with `#!{}`",
            container.name, script.interpreter
        );
        let fact = there.fact.clone();
        let line = shown(fact, text, "the kernel starts that program, not the script");
        let mut case = Case::new(world.file_of(container, path), claim)
            .seen_in(container.service.as_deref())
            .mended_by(
                format!(
                    "name an interpreter in the first line of {} that the image has, or put `{name}` into the image; then `bowline up --build`",
                    on_host(world, container, path)
                ),
                Safety::Restart,
            )
            .decides("the refusal", script.refusal.clone())
            .decides("the script", Some(line.clone()))
            .rules_out(Code("D071"), Some(line.clone()))
            .rules_out(Code("D072"), Some(there))
            .rules_out(Code("D073"), Some(line));
        for file in nowhere {
            let gone = filed(file, "nothing is there to run it");
            case = case.decides("that its interpreter is missing", Some(gone));
        }
        cases.push(case);
    }
}

fn carriage_return(world: &World<'_>, cases: &mut Vec<Case>) {
    for script in scripts(world).iter().filter(|it| it.has_carriage_return) {
        let container = script.container;
        let path = &script.file.path;
        let claim = format!(
            "`{path}` has the line ends of Windows: its first line asks for a program whose name ends with a carriage return"
        );
        let text = format!(
            "{}: `{path}` begins with `#!{}` and a carriage return",
            container.name, script.interpreter
        );
        let there = filed(script.file, "the script itself is there");
        let line = shown(
            there.fact.clone(),
            text,
            "no program is called so, whatever is installed",
        );
        let host = on_host(world, container, path);
        cases.push(
            Case::new(world.file_of(container, path), claim)
                .seen_in(container.service.as_deref())
                .mended_by(
                    format!(
                        "take the carriage returns out of {host} (`sed -i 's/\\r$//'`), then `bowline up --build`; the line `* text=auto eol=lf` in .gitattributes keeps them out"
                    ),
                    Safety::Restart,
                )
                .by_edits(Spot::file(world, container, path).map(|spot| spot.change(Change::UnixLines)))
                .decides("the refusal", script.refusal.clone())
                .decides("the first line", Some(line.clone()))
                .rules_out(Code("D070"), Some(line))
                .rules_out(Code("D072"), Some(there)),
        );
    }
}

/// A processor in the spelling of images, by that of ELF headers.
fn as_images_say(processor: &str) -> &str {
    match processor {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        "i386" => "386",
        other => other,
    }
}

fn wrong_format(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for said in world.complaints(container, &[Says::ExecFormat]) {
            let Some(file) = said
                .capture("path")
                .and_then(|path| world.file(container, path))
            else {
                continue;
            };
            let head = file.there.as_ref().and_then(|there| there.head.as_ref());
            let refusal = spoken(container, said, "the kernel does not know how to run it");
            let case = match head {
                Some(FileHead::Program(processor)) => {
                    of_other_processor(world, container, file, as_images_say(processor))
                }
                Some(FileHead::Text | FileHead::Empty | FileHead::Version(_)) => {
                    Some(without_first_line(world, container, file))
                }
                _ => None,
            };
            let there = filed(file, "the file itself is there");
            cases.extend(case.map(|case| {
                case.seen_in(container.service.as_deref())
                    .decides("the refusal", Some(refusal.clone()))
                    .rules_out(Code("D070"), Some(refusal))
                    .rules_out(Code("D072"), Some(there))
            }));
        }
    }
}

fn of_other_processor(
    world: &World<'_>,
    container: &ContainerFact,
    file: &FileFact,
    processor: &str,
) -> Option<Case> {
    let host = world.host();
    if host.is_some_and(|host| host.processor == processor) {
        return None;
    }
    let path = &file.path;
    let claim = match host {
        Some(host) => format!(
            "`{path}` is for {processor}, and this host is {}",
            host.processor
        ),
        None => format!("`{path}` is for {processor}, and this host is not"),
    };
    let there = filed(file, "");
    let text = format!("{}: `{path}` is a program for {processor}", container.name);
    let header = shown(
        there.fact,
        text,
        "its header says for which processor it was built",
    );
    let host = host.map(|host| {
        let text = format!("the engine's host is {}", host.processor);
        shown(FactRef::Host, text, "another processor cannot run it")
    });
    let is_mounted = world.mount_of(container, path).is_some();
    let to_blame = if is_mounted {
        world.file_of(container, path)
    } else {
        culprit(container, Some("image"))
    };
    let case = Case::new(to_blame, claim)
        .mended_by(
            "build the image for this processor, or pull the variant for it (`platform`), then `bowline up --build`",
            Safety::Restart,
        )
        .decides("what the file is", Some(header))
        .decides("what could run it", host);
    Some(case)
}

fn without_first_line<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    file: &FileFact,
) -> Case {
    let path = &file.path;
    let head = file.there.as_ref().and_then(|there| there.head.as_ref());
    let (claim, what) = if head == Some(&FileHead::Empty) {
        (
            format!("`{path}` is empty, so nothing can run it"),
            "is empty",
        )
    } else {
        let claim = format!("`{path}` is a script that does not say what runs it");
        (claim, "is text without a `#!` at its beginning")
    };
    let there = filed(file, "");
    let text = format!("{}: `{path}` {what}", container.name);
    let said = shown(
        there.fact,
        text,
        "the kernel runs programs, and scripts that name one",
    );
    // A shell that is asked to run such a file runs it with `sh` (POSIX, `exec`).
    let line = "#!/bin/sh".to_owned();
    let begun = Spot::file(world, container, path)
        .filter(|_| head != Some(&FileHead::Empty))
        .map(|spot| spot.change(Change::Begin { line }));
    Case::new(world.file_of(container, path), claim)
        .mended_by(
            format!(
                "begin {} with a line such as `#!/bin/sh`, or call its interpreter in `command`; then `bowline up --build`",
                on_host(world, container, path)
            ),
            Safety::Restart,
        )
        .by_edits(begun)
        .decides("what the file is", Some(said.clone()))
        .decides("what could run it", Some(said))
}
