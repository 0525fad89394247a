//! Ends that say little: by a signal of its own making, without a word, or again and again.

use bowline_model::ContainerStatus;

use crate::facts::{ContainerFact, Event};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::said::grumbles;
use crate::world::{World, culprit, made, reported, shown, stood};

pub(crate) const CRASHED: Rule = Rule {
    code: Code("D136"),
    title: "its program crashed: the kernel ended it for what it did",
    layer: Layer::Startup,
    decisive: &["the exit code", "that nobody sent the signal"],
    look_alikes: &[Code("D032"), Code("D115")],
    yields: true,
    endangers_data: false,
    find: crashed,
};

pub(crate) const SILENT: Rule = Rule {
    code: Code("D066"),
    title: "it fails and there is no log to read",
    layer: Layer::Startup,
    decisive: &["that it fails", "why there is nothing to read"],
    look_alikes: &[],
    yields: true,
    endangers_data: false,
    find: silent,
};

pub(crate) const CRASH_LOOP: Rule = Rule {
    code: Code("D148"),
    title: "it ends soon after each start, and is started again",
    layer: Layer::Startup,
    decisive: &["the exit code", "restarts"],
    look_alikes: &[Code("D135")],
    yields: true,
    endangers_data: false,
    find: crash_loop,
};

/// Signals by which the kernel, or the program itself, ends what went wrong: their numbers and what they mean.
const CRASHES: &[(i64, &str, &str)] = &[
    (
        4,
        "SIGILL",
        "an instruction that this processor does not have",
    ),
    (6, "SIGABRT", "the program gave up by itself"),
    (7, "SIGBUS", "memory that is not there"),
    (8, "SIGFPE", "a calculation that has no result"),
    (11, "SIGSEGV", "memory that it must not touch"),
];

/// Restarts from which on it is a loop.
const LOOP: u64 = 2;

/// A program that ended by a signal which nobody sent.
struct Crash<'f> {
    /// The signal.
    name: &'static str,
    /// What the kernel means by it.
    meaning: &'static str,
    /// The end, as the engine reported it.
    end: Option<&'f Event>,
    /// Whether the engine reported everything of that life, and so any signal that was sent.
    is_complete: bool,
}

/// How a container's program crashed the last time; nothing where it did not, or works by now.
fn crash<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Crash<'f>> {
    let state = world.state(container)?;
    world.ailment(container)?;
    let life = world.last_life(container);
    // The engine says of one that runs again how it ended before only in what it reported.
    let exit_code = if world.runs(container) {
        life.end?.exit_code?
    } else {
        state.exit_code
    };
    let number = exit_code - 128;
    let mut signals = CRASHES.iter();
    let (_, name, meaning) = signals.find(|(signal, ..)| *signal == number)?;
    let was_sent = life.signals.iter().any(|event| {
        let sent = event.signal.as_deref().unwrap_or_default();
        sent == *name || Some(sent) == name.strip_prefix("SIG") || sent == number.to_string()
    });
    (!was_sent).then_some(Crash {
        name,
        meaning,
        end: life.end,
        is_complete: life.is_complete,
    })
}

/// Whether a container is down because its program crashed.
pub(super) fn has_crashed<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    crash(world, container).is_some()
}

fn crashed(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some(crash) = crash(world, container) else {
            continue;
        };
        let proves = "128 and the number of the signal that ended it";
        let code = if world.runs(container) {
            crash.end.map(|end| reported(end, proves))
        } else {
            stood(world, container, proves)
        };
        let unsent = crash.end.filter(|_| crash.is_complete);
        let unsent = unsent.map(|end| reported(end, "the engine had not sent that signal"));
        let claim = format!("its program crashed with {}: {}", crash.name, crash.meaning);
        cases.push(
            Case::new(culprit(container, None), claim)
                .mended_by(
                    "run the version before it, or one in which this is mended; what it wrote last may say more (`bowline logs`)",
                    Safety::NeedsYou,
                )
                .decides("the exit code", code.clone())
                .decides("that nobody sent the signal", unsent.clone())
                .rules_out(Code("D032"), code)
                .rules_out(Code("D115"), unsent),
        );
    }
}

/// Why there is nothing to read, with the field that says so; `None` where there is.
fn nothing_to_read<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<(String, Option<&'static str>, Option<Evidence>)> {
    let driver = container.log_driver.as_deref().unwrap_or_default();
    let is_kept = driver != "none" && !world.refuses_log(container);
    if !is_kept && world.made(container).is_some() {
        let proves = "what it writes is kept nowhere that the engine can read";
        let evidence = made(world, container, &format!("log driver `{driver}`"), proves);
        let claim = format!("it fails, and its log driver `{driver}` keeps nothing to read");
        return Some((claim, Some("logging"), evidence));
    }
    let log = world.log(container)?;
    // What was written before the last start does not speak of it, but for one that the engine starts again and again:
    // what its last run said, the next one dies of.
    let began = container.run_began()?;
    let is_again = container.restarts > 0;
    let is_silent = log.lines.iter().all(|line| line.at < began && !is_again);
    let text = format!("{}: no line since it was started", container.name);
    let evidence = shown(
        FactRef::Log(container.name.clone()),
        text,
        "its log can be read, and nothing was written",
    );
    let claim = "it fails without having written a line".to_owned();
    is_silent.then_some((claim, None, Some(evidence)))
}

fn silent(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let has_ended = world.state(container).is_some_and(|state| {
            state.error.is_none()
                && !matches!(
                    state.status,
                    ContainerStatus::Created | ContainerStatus::Running
                )
        });
        // One that runs and only fails its healthcheck may have nothing to say.
        let is_young =
            world.runs(container) && container.restarts > 0 && world.ailment(container).is_some();
        // An end that says something by itself, and a job that others wait for, have rules of their own.
        let ended_by_signal = container.exit_code > 128 || has_crashed(world, container);
        let says_enough = ended_by_signal || world.is_waited_for(container);
        if world.ailment(container).is_none() || !(has_ended || is_young) || says_enough {
            continue;
        }
        let Some((claim, field, why)) = nothing_to_read(world, container) else {
            continue;
        };
        let fails = stood(world, container, "there is something that a log would tell");
        let fix = if field.is_some() {
            "set `logging.driver: json-file` (or `local`), then `bowline up`, and look again"
        } else {
            "run its command in the foreground to see more; a program that keeps its output back needs a switch such as `PYTHONUNBUFFERED=1`"
        };
        cases.push(
            Case::new(culprit(container, field), claim)
                .mended_by(fix, Safety::Restart)
                .decides("that it fails", fails)
                .decides("why there is nothing to read", why),
        );
    }
}

fn crash_loop(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let Some((restarts, policy)) = world.restarts(container) else {
            continue;
        };
        let ailment = world.ailment(container);
        let state = world.state(container);
        let (Some(state), Some(_), true) = (state, ailment, restarts >= LOOP) else {
            continue;
        };
        // An end by a signal, and one without a word, have rules of their own; one whose log is understood says more.
        let mut said = world.said(container).iter();
        // The engine says of one that runs again how it ended before only in what it reported.
        let ended = world.last_life(container).end.and_then(|end| end.exit_code);
        let exit_code = if world.runs(container) {
            ended.unwrap_or_default()
        } else {
            state.exit_code
        };
        let is_told = exit_code > 128
            || nothing_to_read(world, container).is_some()
            || said.any(|said| said.is_fresh && !said.says.is_benign());
        if exit_code == 0 || is_told {
            continue;
        }
        let lived = match (state.started, state.finished) {
            (Some(started), Some(finished)) if finished > started => {
                format!(
                    " {} s after its start",
                    finished.duration_since(started).as_secs()
                )
            }
            _ => String::new(),
        };
        let last = world.last_words(container);
        let words = last.map_or_else(String::new, |line| format!("; it said last: `{line}`"));
        let claim = format!(
            "it ends by itself with code {exit_code}{lived}, and has been started again {restarts} times{words}"
        );
        let code = stood(world, container, "it does not end by being done");
        let text = format!(
            "{}: started again {restarts} times, policy `{policy}`",
            container.name
        );
        let fact = FactRef::Restarts(container.name.clone());
        let again = shown(fact, text, "its restarts hide how it ends");
        let service = container.service.as_deref().unwrap_or(&container.name);
        cases.push(
            Case::new(culprit(container, None), claim)
                // What ends it is its own affair, as far as anybody can see.
                .at_most(if last.is_some_and(grumbles) {
                    Confidence::Likely
                } else {
                    Confidence::Possible
                })
                .mended_by(
                    format!("see what it writes before it ends: `bowline logs {service}`"),
                    Safety::NeedsYou,
                )
                .decides("the exit code", code.clone())
                .decides("restarts", Some(again))
                .rules_out(Code("D135"), code),
        );
    }
}
