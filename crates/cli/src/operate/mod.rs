//! The verbs that change a stack, and those that look at what was done.

mod args;
pub(crate) mod show;
mod stay;

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bowline_model::OperationId;
use bowline_ops::{
    Answer, AtStake, ExitCode, Failure, Halt, OperationDone, PlanView, ServicesRequest,
    StackOptions, Surroundings, Turn,
};
use bowline_ops::{at_stake, down, history, plan, rerun, resume, turn, undo, up};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use args::PlanFormat;
pub(crate) use args::{
    DownArgs, HistoryArgs, PlanArgs, RerunArgs, StartArgs, StopArgs, UndoArgs, UpArgs,
};
pub(crate) use show::Steps;

use crate::args::Verb;
use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// Exit code of `plan --detailed-exitcode` where something would be done.
const CHANGES: u8 = 2;

/// One call of the binary, as far as verbs of this module need it.
struct Call<'a> {
    surroundings: Surroundings,
    stack: StackOptions,
    parallel: Option<usize>,
    steps: Steps<'a>,
    terminal: &'a Terminal,
    /// Whether steps may be under way that an interrupt lets end.
    acts: Arc<AtomicBool>,
}

/// Runs a verb; `None` where it is not one of these.
pub(crate) fn run(
    global: &GlobalArgs,
    verb: &Verb,
    terminal: &Terminal,
) -> Option<Result<u8, Failure>> {
    let run = async {
        let stack = global.stack()?;
        let call = Call {
            surroundings: surroundings::read(&stack, terminal.color())?,
            stack,
            parallel: global.parallel()?,
            steps: Steps::new(terminal),
            terminal,
            acts: Arc::new(AtomicBool::new(true)),
        };
        // On the heap: what all verbs need together is large.
        Box::pin(call.run(verb)).await
    };
    match verb {
        Verb::Up(_)
        | Verb::Plan(_)
        | Verb::Down(_)
        | Verb::Start(_)
        | Verb::Stop(_)
        | Verb::Restart(_)
        | Verb::Pause(_)
        | Verb::Unpause(_)
        | Verb::Rerun(_)
        | Verb::History(_)
        | Verb::Undo(_)
        | Verb::Resume => Some(runtime::block_on(run)),
        _ => None,
    }
}

impl Call<'_> {
    async fn run(&self, verb: &Verb) -> Result<u8, Failure> {
        let at = &self.surroundings;
        let steps = &self.steps;
        let stack = self.stack.clone();
        match verb {
            Verb::Up(args) => {
                let halt = self.listen(args.wait_timeout)?;
                let request = args.request(stack, self.parallel)?;
                match args.stay(&request) {
                    Some(request) => Box::pin(self.stay(&args.stay, &request, halt)).await,
                    None => Ok(self.show(&up(at, &request, steps, halt).await?, "up")),
                }
            }
            Verb::Plan(args) => self.plan(args).await,
            Verb::Down(args) => self.down(args).await,
            Verb::Start(args) => self.turn(&args.request(stack), Turn::Start, "start").await,
            Verb::Stop(args) => self.turn(&args.request(stack), Turn::Stop, "stop").await,
            Verb::Restart(args) => {
                let request = args.request(stack);
                self.turn(&request, Turn::Restart, "restart").await
            }
            Verb::Pause(args) => self.turn(&args.request(stack), Turn::Pause, "pause").await,
            Verb::Unpause(args) => {
                let request = args.request(stack);
                self.turn(&request, Turn::Unpause, "unpause").await
            }
            Verb::Rerun(args) => {
                let halt = self.listen(None)?;
                Ok(self.show(&rerun(at, &stack, &args.jobs, steps, halt).await?, "rerun"))
            }
            Verb::Undo(args) => {
                let operation = args.operation.clone().map(OperationId);
                let halt = self.listen(None)?;
                Ok(self.show(&undo(at, &stack, operation, steps, halt).await?, "undo"))
            }
            Verb::Resume => {
                let halt = self.listen(None)?;
                Ok(self.show(&resume(at, &stack, steps, halt).await?, "resume"))
            }
            Verb::History(args) => self.history(args).await,
            _ => Ok(0),
        }
    }

    fn listen(&self, seconds: Option<u64>) -> Result<watch::Receiver<Option<Halt>>, Failure> {
        listen(self.terminal, self.acts.clone(), seconds)
    }

    async fn turn(&self, request: &ServicesRequest, how: Turn, verb: &str) -> Result<u8, Failure> {
        let halt = self.listen(None)?;
        let answer = turn(&self.surroundings, request, how, &self.steps, halt).await?;
        Ok(self.show(&answer, verb))
    }

    async fn plan(&self, args: &PlanArgs) -> Result<u8, Failure> {
        let request = args.wanted.request(self.stack.clone(), self.parallel)?;
        let Answer { value, warnings } = plan(&self.surroundings, &request).await?;
        self.terminal.note(&warnings);
        let text = match (&args.why, args.format) {
            (Some(service), _) => show::why(&value, service),
            (None, PlanFormat::Json) => json(&PlanView::of(&value))?,
            (None, PlanFormat::Text) if value.steps.is_empty() && value.notes.is_empty() => {
                "nothing to do\n".to_owned()
            }
            (None, PlanFormat::Text) => value.to_string(),
        };
        self.terminal.data(&text);
        let changes = args.detailed_exitcode && !value.is_empty();
        Ok(if changes { CHANGES } else { 0 })
    }

    async fn down(&self, args: &DownArgs) -> Result<u8, Failure> {
        let volumes = if args.volumes {
            let stake = at_stake(&self.surroundings, &self.stack).await?;
            ask(&stake, self.terminal)?
        } else {
            args.destroy_volumes.clone()
        };
        let request = args.request(self.stack.clone(), volumes, self.parallel);
        let halt = self.listen(None)?;
        let done = down(&self.surroundings, &request, &self.steps, halt).await?;
        Ok(self.show(&done, "down"))
    }

    async fn history(&self, args: &HistoryArgs) -> Result<u8, Failure> {
        let operations = history(&self.surroundings, &self.stack, args.limit).await?;
        self.terminal.data(&match args.format {
            PlanFormat::Text => show::history(&operations),
            PlanFormat::Json => json(&operations)?,
        });
        Ok(0)
    }

    /// Shows what became of an operation, and returns the exit code that says it.
    fn show(&self, answer: &Answer<OperationDone>, verb: &str) -> u8 {
        self.terminal.note(&answer.warnings);
        self.show_done(&answer.value, verb)
    }

    fn show_done(&self, value: &OperationDone, verb: &str) -> u8 {
        let terminal = self.terminal;
        for note in &value.plan.notes {
            terminal.note(&format!("note: {}: {}\n", note.subject, note.text));
        }
        terminal.note(&show::problems(value, terminal));
        terminal.note(&show::summary(value, verb));
        if value.halted.is_some() {
            terminal.note(&show::halted(value, terminal));
        }
        value.exit_code() as u8
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Failure::State {
        message: format!("cannot be written as JSON: {error}"),
        hints: Vec::new(),
    })?;
    Ok(text + "\n")
}

/// Listens for Ctrl-C and for the end of the time given.
///
/// The first Ctrl-C lets what is under way come to its end and begins nothing new; the second ends the process,
/// which loses nothing either: the journal knows what was begun.
#[expect(
    clippy::exit,
    reason = "a second Ctrl-C means at once, whatever still runs"
)]
pub(crate) fn listen(
    terminal: &Terminal,
    acts: Arc<AtomicBool>,
    seconds: Option<u64>,
) -> Result<watch::Receiver<Option<Halt>>, Failure> {
    let (sender, receiver) = watch::channel(None);
    let failed = |error: std::io::Error| Failure::State {
        message: format!("the system does not let signals be listened for: {error}"),
        hints: Vec::new(),
    };
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let terminal = terminal.clone();
    tokio::spawn(async move {
        let mut asked = false;
        let mut time_is_up = std::pin::pin!(after(seconds));
        let mut timed = seconds.is_some();
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                () = &mut time_is_up, if timed => {
                    timed = false;
                    sender.send_replace(Some(Halt::OutOfTime));
                    continue;
                }
            }
            if asked {
                std::process::exit(i32::from(ExitCode::Interrupted as u8));
            }
            asked = true;
            terminal.note(if acts.load(Ordering::Relaxed) {
                "\ngiving up builds, and letting other steps that are under way end; once more to leave at once\n"
            } else {
                "\n"
            });
            sender.send_replace(Some(Halt::Interrupted));
        }
    });
    Ok(receiver)
}

async fn after(seconds: Option<u64>) {
    match seconds {
        // sleeps because: the user gave a time
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// Asks whether the volumes of a stack may go, and returns their names.
fn ask(stake: &AtStake, terminal: &Terminal) -> Result<Vec<String>, Failure> {
    let names: Vec<String> = stake.volumes.iter().map(|one| one.name.clone()).collect();
    if names.is_empty() || stake.disposable {
        return Ok(names);
    }
    if !std::io::stdin().is_terminal() {
        return Err(Failure::DataAtStake {
            project: stake.project.clone(),
            volumes: names,
        });
    }
    terminal.note("These volumes would be destroyed with everything in them:\n");
    for volume in &stake.volumes {
        let size = volume.bytes.map_or("unknown size".to_owned(), show::bytes);
        terminal.note(&format!("  {} ({size})\n", volume.name));
    }
    terminal.note(&format!(
        "Type the project's name, {}, to destroy them; anything else leaves all as it is: ",
        stake.project
    ));
    let _ = std::io::stderr().flush();
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    if read.is_ok() && line.trim() == stake.project {
        Ok(names)
    } else {
        Err(Failure::Declined)
    }
}
