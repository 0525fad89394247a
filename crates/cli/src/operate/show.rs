//! How operations look: their steps while they run, what did not work, what there was.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};

use bowline_model::{Action, Effect, Operation, Outcome, Plan, Step, StepOutcome, mask_written};
use bowline_ops::{
    Building, Halt, OperationDone, Problem, Progress, StayEnd, Stayed, StepError, Watch,
};

use crate::doctor::text::headline;
use crate::table::columns;
use crate::terminal::Terminal;

/// Shows steps on standard error, a line each.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    terminal: &'a Terminal,
    /// The last words about an image on its way, so that a line is not repeated.
    pulls: Mutex<BTreeMap<String, String>>,
}

impl<'a> Steps<'a> {
    pub(crate) fn new(terminal: &'a Terminal) -> Self {
        Self {
            terminal,
            pulls: Mutex::default(),
        }
    }

    fn line(&self, mark: &str, color: &str, text: &str) {
        let mark = self.terminal.paint(color, mark);
        self.terminal.note(&format!("{mark} {text}\n"));
    }
}

impl Watch for Steps<'_> {
    fn began(&self, step: &Step) {
        if matches!(
            step.action,
            Action::PullImage { .. } | Action::BuildImage { .. } | Action::Await { .. }
        ) {
            self.line("  ....", "2", &step.action.to_string());
        }
    }

    fn ended(&self, step: &Step, result: Result<&StepOutcome, &StepError>) {
        match result {
            Ok(StepOutcome::Done { already: true, .. }) if step.action.effect() != Effect::Read => {
                self.line("    ok", "32", &format!("{}: was so already", step.action));
            }
            Ok(_) => self.line("    ok", "32", &step.action.to_string()),
            Err(StepError::Halted) => self.line("  left", "33", &step.action.to_string()),
            Err(error) => {
                // An engine says which command it could not run.
                let error = mask_written(&error.to_string());
                self.line("failed", "1;31", &format!("{}: {error}", step.action));
            }
        }
    }
}

impl Progress for Steps<'_> {
    fn pulling(&self, reference: &str, status: &str) {
        if !status.is_empty() {
            self.news(reference, format!("pull image {reference}: {status}"));
        }
    }

    fn building(&self, reference: &str, news: Building<'_>) {
        match news {
            Building::Step(step) => {
                let text = format!("build image {reference}: step {step}");
                self.line("  ....", "2", &text);
            }
            Building::Line(line) => self.line("     |", "2", &format!("{reference}: {line}")),
            Building::BaseImage(status) => self.news(
                reference,
                format!("build image {reference}: base image: {status}"),
            ),
        }
    }
}

impl Steps<'_> {
    /// Words about an image on its way, unless they are the same as before.
    fn news(&self, reference: &str, news: String) {
        let mut pulls = self.pulls.lock().unwrap_or_else(PoisonError::into_inner);
        let last = pulls.entry(reference.to_owned()).or_default();
        if *last != news {
            self.line("  ....", "2", &news);
            *last = news;
        }
    }
}

/// What did not work, a paragraph each.
pub(crate) fn problems(done: &OperationDone, terminal: &Terminal) -> String {
    let mut text = String::new();
    for problem in &done.problems {
        text.push('\n');
        text += &paragraph(problem, terminal);
    }
    text
}

fn paragraph(problem: &Problem, terminal: &Terminal) -> String {
    let error = terminal.paint("1;31", "error");
    let mut text = match (&problem.service, problem.is_gate) {
        (Some(service), true) => format!("{error}: service `{service}` did not become ready\n"),
        (Some(service), false) => format!("{error}: service `{service}`: {}\n", problem.wanted),
        (None, _) => format!("{error}: {}\n", problem.wanted),
    };
    if problem.is_gate {
        field(&mut text, "waited for", &problem.subject());
    }
    if let Some(dockerfile) = &problem.dockerfile {
        field(&mut text, "Dockerfile", dockerfile);
    }
    if let Some((step, _)) = &problem.build_step {
        field(&mut text, "step", step);
    }
    field(&mut text, "reason", &problem.reason);
    if let Some((_, Some(code))) = &problem.build_step {
        field(&mut text, "exit code", &code.to_string());
    }
    if let Some(probe) = &problem.probe {
        let code = match probe.exit_code {
            Some(code) => format!("exit code {code}"),
            None => "did not end in time".to_owned(),
        };
        field(&mut text, "last probe", &code);
        quoted(&mut text, probe.output.lines());
    }
    if let Some(state) = &problem.state {
        field(&mut text, "container", state);
    }
    if !problem.last_lines.is_empty() {
        field(&mut text, "last output", "");
        quoted(&mut text, problem.last_lines.iter().map(String::as_str));
    }
    if !problem.blocks.is_empty() {
        field(&mut text, "blocks", &problem.blocks.join(", "));
    }
    let mut hints = problem.hints.clone();
    if let Some(cause) = &problem.why {
        let place = cause.culprit.place.as_ref();
        let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
        let (why, cause) = (terminal.paint("1;31", "why"), headline(cause));
        let _ = writeln!(text, "{why}: {cause}{place}");
        hints.insert(
            0,
            "what shows it, and what mends it: `bowline doctor`".to_owned(),
        );
    }
    for hint in &hints {
        let _ = writeln!(text, "{}: {hint}", terminal.paint("1;36", "hint"));
    }
    text
}

fn field(text: &mut String, name: &str, value: &str) {
    let mut lines = value.lines();
    let first = lines.next().unwrap_or_default();
    let line = format!("  {name:<12} {first}");
    let _ = writeln!(text, "{}", line.trim_end());
    for line in lines {
        let _ = writeln!(text, "  {:<12} {line}", "");
    }
}

fn quoted<'a>(text: &mut String, lines: impl Iterator<Item = &'a str>) {
    for line in lines {
        let _ = writeln!(text, "  {:<12} | {line}", "");
    }
}

/// One line about an operation that has ended.
pub(crate) fn summary(done: &OperationDone, verb: &str) -> String {
    let Some(operation) = &done.operation else {
        return if done.problems.is_empty() {
            format!("{verb}: nothing to do\n")
        } else {
            String::new()
        };
    };
    if done.problems.is_empty() && done.halted.is_none() {
        format!("{verb}: done (operation {operation})\n")
    } else {
        String::new()
    }
}

/// Why a service's containers would be changed.
pub(crate) fn why(plan: &Plan, service: &str) -> String {
    let mut text = String::new();
    let steps = plan.steps.iter().filter(|step| {
        step.service.as_deref() == Some(service) && step.action.effect() != Effect::Read
    });
    for step in steps {
        let _ = writeln!(text, "{} ({})", step.action, step.cause);
    }
    if text.is_empty() {
        let _ = writeln!(text, "service {service} is as the files want it");
    }
    text
}

/// Operations as a table, newest first.
pub(crate) fn history(operations: &[Operation]) -> String {
    let head = ["OPERATION", "VERB", "BEGAN", "BY", "OUTCOME"];
    columns(head, operations.iter().map(row))
}

fn row(operation: &Operation) -> [String; 5] {
    let verb = match &operation.undoes {
        Some(undone) => format!("{} {undone}", operation.verb),
        None => operation.verb.clone(),
    };
    [
        operation.id.to_string(),
        verb,
        operation.began.strftime("%F %T UTC").to_string(),
        format!("{}@{}", operation.actor.user, operation.actor.host),
        outcome(&operation.outcome),
    ]
}

fn outcome(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Open => "not ended: runs, or its process died".to_owned(),
        Outcome::Done => "done".to_owned(),
        Outcome::Failed { step, error } => {
            let error = error.lines().next().unwrap_or_default();
            format!("failed at step {step}: {error}")
        }
        Outcome::Interrupted => "interrupted".to_owned(),
        Outcome::Superseded { by } => format!("taken over by {by}"),
        Outcome::Undone { by } => format!("undone by {by}"),
        Outcome::Stuck { state } => format!("stuck: {state}"),
    }
}

/// Why an operation was cut short, and how it goes on.
pub(crate) fn halted(done: &OperationDone, terminal: &Terminal) -> String {
    let hint = terminal.paint("1;36", "hint");
    let what = match &done.halted {
        Some(Halt::Interrupted) => "interrupted: what was done stays as it is",
        Some(Halt::OutOfTime) => "the time given is over: what was started goes on",
        Some(Halt::LockLost) => {
            "another operation holds the stack now: nothing more was begun here"
        }
        None => return String::new(),
    };
    let mut text = format!("{}: {what}\n", terminal.paint("1;33", "stopped"));
    if done.operation.is_some() {
        let _ = writeln!(
            text,
            "{hint}: go on with `bowline resume`, or take it back with `bowline undo`"
        );
    }
    text
}

/// Why nobody stays with the logs any longer, and what became of the stack.
pub(crate) fn end_of_stay(stayed: &Stayed, up: &OperationDone, terminal: &Terminal) -> String {
    let mut text = match &stayed.end {
        StayEnd::NotUp(_) => return String::new(),
        StayEnd::NothingRuns => "nothing runs any more\n".to_owned(),
        StayEnd::Interrupted if stayed.stopped.is_none() && up.halted.is_some() => {
            return String::new();
        }
        StayEnd::Interrupted if stayed.stopped.is_none() => {
            "left the logs: the stack goes on, and `bowline down` takes it down\n".to_owned()
        }
        StayEnd::Interrupted => "interrupted: everything was stopped\n".to_owned(),
        StayEnd::Ended(ended) => format!(
            "{} has ended with exit code {}: everything was stopped\n",
            ended.container, ended.code
        ),
    };
    if let Some(stopped) = &stayed.stopped {
        text += &problems(stopped, terminal);
    }
    text
}

/// Bytes as people write them, with decimal units.
pub(crate) fn bytes(bytes: u64) -> String {
    let mut unit = "B";
    let mut whole = bytes;
    let mut tenths = 0;
    for next in ["kB", "MB", "GB", "TB", "PB"] {
        if whole < 1000 {
            break;
        }
        tenths = whole % 1000 / 100;
        whole /= 1000;
        unit = next;
    }
    if unit == "B" || whole >= 100 {
        format!("{whole} {unit}")
    } else {
        format!("{whole}.{tenths} {unit}")
    }
}
