//! `bowline debug`: a shell beside the containers of a service, with this terminal or these streams.

use std::io::{self, IsTerminal as _};
use std::time::Duration;

use bowline_ops::{Answer, Debug, DebugRequest, Failure, StackOptions, debug};
use clap::Args;
use tokio::time::timeout;

use crate::exec::{End, Signals, attached, window};
use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};

/// What the engine has begun when somebody interrupts may take so long to come to its end; then it is taken away.
const BEGUN: Duration = Duration::from_secs(10);

/// `bowline debug`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bowline debug web                      a shell, whether or not `web` runs
  bowline debug web -- env               one command; its exit code becomes that of bowline
  bowline debug web --write              what is mounted can be written to
  bowline debug web --with tools:1       a shell of another image, in the network of `web`")]
pub(crate) struct DebugArgs {
    /// Service
    service: String,
    /// Command to run, behind `--` [default: a shell of the image]
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    /// Let what is mounted be written to; else it can only be read
    #[arg(long)]
    write: bool,
    /// Take the shell of this image, joined to a container of the service where one runs
    #[arg(long, value_name = "IMAGE")]
    with: Option<String>,
    /// Run it as this user, `NAME` or `UID[:GID]` [default: the service's]
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Give it no terminal, even where there is one here
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,
}

/// Runs a shell or a command beside a service and returns its exit code.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &DebugArgs,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let request = args.request(global.stack()?);
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    runtime::block_on(async {
        let Answer {
            value: mut debug,
            warnings,
        } = debug(&surroundings, &request).await?;
        terminal.note(&warnings);
        terminal.note(debug.notes());
        let mut signals = Signals::new()?;
        let end = enter(&mut debug, &mut signals).await;
        if let Some(left) = debug.close().await {
            terminal.note(&left);
        }
        Ok(end?.code(terminal))
    })
}

/// Goes in and stays until the end of the process or of this one.
async fn enter(debug: &mut Debug, signals: &mut Signals) -> Result<End, Failure> {
    let mut opening = Box::pin(debug.open());
    let run = tokio::select! {
        run = &mut opening => run?,
        code = signals.end() => {
            // Whether it came that far or not, it is removed by its name.
            let _ = timeout(BEGUN, opening).await;
            return Ok(End::Code(code));
        }
    };
    attached(run, signals).await
}

impl DebugArgs {
    fn request(&self, stack: StackOptions) -> DebugRequest {
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        DebugRequest {
            stack,
            service: self.service.clone(),
            command: self.command.clone(),
            write: self.write,
            with: self.with.clone(),
            user: self.user.clone(),
            tty: (is_terminal && !self.no_tty).then(window),
            stdin: true,
        }
    }
}
