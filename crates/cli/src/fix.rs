//! `bowline doctor --fix`: what mends a cause is shown, done, and looked at again.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bowline_ops::{
    Answer, ExitCode, Failure, FixRequest, FixView, Mended, OperationDone, Remedies, Remedy,
    Surroundings, remedies,
};
use clap::Args;

use crate::doctor::{Asked, text};
use crate::operate::{Steps, listen, show};
use crate::runtime;
use crate::terminal::Terminal;

/// The options of `bowline doctor` that mend something.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mending")]
#[group(skip)]
pub(crate) struct FixArgs {
    /// Show and do what mends this cause, and look whether it is gone: `D101`, or `D101=db` for one of several
    ///
    /// What is done is one of `start`, `stop`, `restart`, `unpause`, `up` and `rerun`; where a wrong word stands in the
    /// files of the project and facts show the right one, that word is changed first. The plan shows every line that
    /// changes. `bowline undo` takes all of it back, the file to the byte.
    #[arg(long, value_name = "CODE[=NAME]", conflicts_with_all = ["only", "record", "replay", "lint"])]
    fix: Option<String>,
    /// Only show what would be done
    #[arg(long, requires = "fix")]
    dry_run: bool,
    /// Do it without a question; there is none where standard input is no terminal
    #[arg(short, long, requires = "fix")]
    yes: bool,
}

impl FixArgs {
    /// What is asked for beside `request`; `None` where nothing is to be mended.
    pub(crate) fn request(&self, request: FixRequest) -> Option<FixRequest> {
        let Asked { code, culprit } = Asked::of(self.fix.as_deref()?);
        Some(FixRequest {
            code,
            culprit,
            ..request
        })
    }
}

/// Mends a cause. Exit codes: 0 it is gone, or was not there, or all was only shown; 11 it is still there; those of
/// operations, where one was not begun or cut short or something else did not become ready.
pub(crate) fn run(
    args: &FixArgs,
    request: &FixRequest,
    is_json: bool,
    surroundings: &Surroundings,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let call = Call {
        args,
        request,
        is_json,
        surroundings,
        terminal,
    };
    runtime::block_on(call.run())
}

struct Call<'a> {
    args: &'a FixArgs,
    request: &'a FixRequest,
    is_json: bool,
    surroundings: &'a Surroundings,
    terminal: &'a Terminal,
}

impl Call<'_> {
    async fn run(&self) -> Result<ExitCode, Failure> {
        let Answer { value, warnings } = match remedies(self.surroundings, self.request).await {
            Ok(answer) => answer,
            Err(failure) if failure.exit_code() == ExitCode::EngineUnreachable => {
                self.terminal.failure(&failure);
                return Ok(ExitCode::CouldNotLook);
            }
            Err(failure) => return Err(failure),
        };
        self.terminal.note(&warnings);
        let plan = self.planned(&value);
        self.say(&plan);
        if self.args.dry_run || !value.can_mend() {
            self.finish(&value, None);
            return Ok(value.exit_code());
        }
        if !self.is_agreed(&plan) {
            self.finish(&value, None);
            return Err(Failure::Declined);
        }
        let acts = Arc::new(AtomicBool::new(true));
        let halt = listen(self.terminal, acts, None)?;
        let steps = Steps::new(self.terminal);
        let mended = value.run(self.surroundings, &steps, halt).await?;
        for done in mended.operations.iter().flatten() {
            self.terminal.note(&show::problems(done, self.terminal));
            self.terminal.note(&show::halted(done, self.terminal));
        }
        if let Some(failure) = &mended.failure {
            self.terminal.failure(failure);
        }
        self.say(&outcome(&value, &mended));
        self.finish(&value, Some(&mended));
        Ok(mended.exit_code())
    }

    /// Text, where text is the answer.
    fn say(&self, text: &str) {
        if !self.is_json {
            self.terminal.data(text);
        }
    }

    /// The answer for programs, where that is wanted.
    fn finish(&self, remedies: &Remedies, mended: Option<&Mended>) {
        if self.is_json {
            let view = FixView::of(remedies, mended);
            let json = serde_json::to_string_pretty(&view).expect("JSON can hold it");
            self.terminal.data(&format!("{json}\n"));
        }
    }

    /// What would be done about each culprit.
    fn planned(&self, remedies: &Remedies) -> String {
        let code = &self.request.code;
        if remedies.remedies.is_empty() {
            let place = self.request.culprit.as_ref();
            let place = place
                .map(|name| format!(" at `{name}`"))
                .unwrap_or_default();
            return if remedies.exit_code() == ExitCode::Done {
                format!("{code} is not there{place}: nothing to mend\n")
            } else {
                format!("nobody could look whether {code} is there{place}\n")
            };
        }
        let mut text: String = remedies.remedies.iter().map(shown).collect();
        if self.args.dry_run || !remedies.can_mend() {
            text += "nothing was changed\n";
        }
        text
    }

    /// Whether it is to be done, which a person is asked who has seen the plan.
    fn is_agreed(&self, plan: &str) -> bool {
        if self.args.yes || !std::io::stdin().is_terminal() {
            return true;
        }
        if self.is_json || !std::io::stdout().is_terminal() {
            self.terminal.note(plan);
        }
        self.terminal.note("Do this? [y/N] ");
        let _ = std::io::stderr().flush();
        let mut line = String::new();
        let read = std::io::stdin().lock().read_line(&mut line);
        let word = line.trim().to_lowercase();
        read.is_ok() && ["y", "yes"].contains(&word.as_str())
    }
}

/// A cause in a line, and what mends it.
fn shown(remedy: &Remedy) -> String {
    let mut text = text::headline(&remedy.finding) + "\n";
    text::part(&mut text, "fix", text::fix(&remedy.finding));
    let lines = match (remedy.refusal(), remedy.plan()) {
        (Some(refusal), _) => vec![format!("none: {refusal}")],
        (None, Some(plan)) if plan.is_empty() => vec!["nothing is left to do".to_owned()],
        (None, plan) => {
            let plan = plan.map(ToString::to_string).unwrap_or_default();
            plan.lines().map(str::to_owned).collect()
        }
    };
    text::part(&mut text, "plan", lines);
    text + "\n"
}

/// Whether the cause is gone, and how to take back what was done.
fn outcome(remedies: &Remedies, mended: &Mended) -> String {
    let mut text = String::new();
    let operations = mended.operations.iter().flatten();
    let ids: Vec<String> = operations
        .filter_map(|done: &OperationDone| done.operation.as_ref())
        .map(|id| format!("`bowline undo {id}`"))
        .collect();
    match mended.is_gone() {
        Some(true) => {
            let culprits = remedies.remedies.iter();
            let culprits: Vec<String> = culprits
                .map(|remedy| {
                    format!(
                        "{} of `{}`",
                        remedy.finding.code, remedy.finding.culprit.name
                    )
                })
                .collect();
            let _ = writeln!(text, "mended: {} is gone", culprits.join(", "));
            text += &not_well(mended);
        }
        Some(false) => {
            let _ = writeln!(text, "still there:\n");
            for finding in &mended.left {
                if let Some(after) = &mended.after {
                    text::show(&mut text, after, finding);
                }
            }
        }
        None => {
            let _ = writeln!(
                text,
                "nobody could look whether it is gone: `bowline doctor` does"
            );
        }
    }
    if !ids.is_empty() {
        // The last one first: an earlier one cannot be taken back under it.
        let back: Vec<String> = ids.into_iter().rev().collect();
        let _ = writeln!(text, "to take it back: {}", back.join(", then "));
    }
    text
}

/// What is not well all the same: it may only need its time, or have a cause of its own.
fn not_well(mended: &Mended) -> String {
    let failing = mended.after.iter().flat_map(|after| &after.failing);
    let words: Vec<String> = failing
        .map(|failing| format!("`{}` {}", failing.service, failing.state))
        .collect();
    if words.is_empty() {
        return String::new();
    }
    format!("not well now: {} (`bowline doctor`)\n", words.join(", "))
}
