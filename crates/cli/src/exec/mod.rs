//! `bowline exec`: a process in a container, with this terminal or these streams.

mod raw_mode;

use std::io::{self, ErrorKind, IsTerminal as _, Read as _};
use std::time::Duration;

use bowline_ops::{
    Answer, ExecControl, ExecExit, ExecOutput, ExecRequest, ExecRun, ExitCode, Failure,
    StackOptions, exec,
};
use clap::{ArgAction, Args};
use futures_util::StreamExt as _;
use tokio::io::{AsyncWrite, AsyncWriteExt as _};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::sleep;

use crate::global::GlobalArgs;
use crate::terminal::Terminal;
use crate::{runtime, surroundings};
use raw_mode::RawMode;

/// So much is read of standard input at once.
const PIECE: usize = 32 << 10;

/// An engine may not know the terminal yet when its size is said for the first time.
const SAY_SIZE_AGAIN: Duration = Duration::from_millis(100);

/// What a process that is ended by a signal gives: 128 and the signal's number.
const HUNG_UP: u8 = 129;
const TERMINATED: u8 = 143;

/// `bowline exec`
#[derive(Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub(crate) struct ExecArgs {
    /// Service and command; everything behind the service goes to the command as it is
    #[arg(required = true, num_args = 2.., trailing_var_arg = true, allow_hyphen_values = true,
        value_names = ["SERVICE", "COMMAND"])]
    words: Vec<String>,
    /// Return as soon as the process runs
    #[arg(short, long)]
    detach: bool,
    /// Set a variable, `NAME=VALUE`; a bare `NAME` takes its value from here; repeatable
    #[arg(short, long, value_name = "NAME")]
    env: Vec<String>,
    /// Number of the container, where the service has several
    #[arg(long, value_name = "N")]
    index: Option<u32>,
    /// Give it no terminal, even where there is one here
    #[arg(short = 'T', long, alias = "no-TTY")]
    no_tty: bool,
    /// Run it as this user, `NAME` or `UID[:GID]`
    #[arg(short, long, value_name = "USER")]
    user: Option<String>,
    /// Run it in this folder of the container
    #[arg(short, long, value_name = "DIR")]
    workdir: Option<String>,
    /// Give it all rights
    #[arg(long)]
    privileged: bool,
    /// Keep standard input open: what is done anyway
    #[arg(short, long, hide = true, action = ArgAction::SetTrue)]
    interactive: bool,
    /// Give it a terminal: what is done anyway where there is one
    #[arg(short, long, hide = true, action = ArgAction::SetTrue)]
    tty: bool,
}

/// Runs a process in a container and returns its exit code.
pub(crate) fn run(
    global: &GlobalArgs,
    args: &ExecArgs,
    terminal: &Terminal,
) -> Result<u8, Failure> {
    let request = args.request(global.stack()?);
    let surroundings = surroundings::read(&request.stack, terminal.color())?;
    runtime::block_on(async {
        let Answer { value, warnings } = exec(&surroundings, &request).await?;
        terminal.note(&warnings);
        let end = if args.detach {
            detached(value).await?
        } else {
            let mut signals = Signals::new()?;
            attached(value, &mut signals).await?
        };
        if let End::Code(code) = end
            && code != ExitCode::Done as u8
        {
            terminal
                .note("the process in the container runs on: nothing can end it from outside\n");
        }
        Ok(end.code(terminal))
    })
}

impl ExecArgs {
    fn request(&self, stack: StackOptions) -> ExecRequest {
        let (service, command) = match self.words.split_first() {
            Some((service, command)) => (service.clone(), command.to_vec()),
            None => (String::new(), Vec::new()),
        };
        let is_terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let tty = is_terminal && !self.no_tty && !self.detach;
        ExecRequest {
            stack,
            service,
            index: self.index,
            command,
            env: self.env.clone(),
            user: self.user.clone(),
            working_dir: self.workdir.clone(),
            privileged: self.privileged,
            tty: tty.then(window),
            stdin: !self.detach,
        }
    }
}

/// Why this process is done with the other one.
pub(crate) enum End {
    /// The other one has ended.
    Exited(ExecExit),
    /// This one was told to end, or nobody reads any more.
    Code(u8),
}

impl End {
    /// The exit code of this process, with what has to be said about that of the other one.
    pub(crate) fn code(self, terminal: &Terminal) -> u8 {
        match self {
            Self::Exited(exit) => {
                if let Some(note) = &exit.note {
                    terminal.note(&format!("{note}\n"));
                }
                // A program's code has eight bits, and so has ours.
                exit.code.to_le_bytes()[0]
            }
            Self::Code(code) => code,
        }
    }
}

/// Waits until the process runs. One that could not be run has said why.
async fn detached(mut run: ExecRun) -> Result<End, Failure> {
    match run.control.started().await? {
        Some(exit) if exit.code != 0 => {
            let mut streams = Streams::new();
            while let Some(output) = run.output.next().await {
                if !streams.write(&output?).await? {
                    break;
                }
            }
            Ok(End::Exited(exit))
        }
        _ => Ok(End::Code(ExitCode::Done as u8)),
    }
}

/// Stands between a process and this process's own streams until one of them ends.
pub(crate) async fn attached(run: ExecRun, signals: &mut Signals) -> Result<End, Failure> {
    let ExecRun {
        input,
        mut output,
        tty,
        control,
    } = run;
    let raw = tty
        .then(RawMode::enter)
        .transpose()
        .map_err(|error| Failure::State {
            message: format!("the terminal cannot be handed over: {error}"),
            hints: vec!["`-T` runs it without a terminal".to_owned()],
        })?;
    if let Some(input) = input {
        tokio::spawn(feed(input));
    }
    // sleeps because: the size of a terminal is lost while the process starts, and nothing tells when it has
    let say_again = sleep(SAY_SIZE_AGAIN);
    tokio::pin!(say_again);
    let mut said_again = !tty;
    let mut streams = Streams::new();
    let end = loop {
        tokio::select! {
            piece = output.next() => match piece {
                Some(piece) => {
                    if !streams.write(&piece?).await? {
                        break End::Code(ExitCode::Done as u8);
                    }
                }
                None => break End::Exited(control.end().await?),
            },
            told = signals.next() => match told {
                Told::End(code) => break End::Code(code),
                Told::Resized if tty => resize(&control).await,
                Told::Resized => {}
            },
            () = &mut say_again, if !said_again => {
                said_again = true;
                resize(&control).await;
            }
        }
    };
    drop(raw);
    Ok(end)
}

/// Rows and columns of this terminal.
pub(crate) fn window() -> (u16, u16) {
    raw_mode::size()
}

async fn resize(control: &ExecControl) {
    let (rows, columns) = raw_mode::size();
    control.resize(rows, columns).await;
}

/// Hands standard input on, and its end.
async fn feed(mut input: Box<dyn AsyncWrite + Send + Unpin>) {
    let (sender, mut pieces) = mpsc::channel::<Vec<u8>>(4);
    // Reads of standard input cannot be given up; this thread ends with the process.
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut piece = vec![0; PIECE];
            match stdin.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => {
                    piece.truncate(length);
                    if sender.blocking_send(piece).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    });
    while let Some(piece) = pieces.recv().await {
        // A process that reads no more is no failure; what it says then is its own business.
        if input.write_all(&piece).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    let _ = input.shutdown().await;
}

/// This process's own streams.
struct Streams {
    stdout: tokio::io::Stdout,
    stderr: tokio::io::Stderr,
}

impl Streams {
    fn new() -> Self {
        Self {
            stdout: tokio::io::stdout(),
            stderr: tokio::io::stderr(),
        }
    }

    /// Writes a piece as it is, and tells whether somebody still reads.
    async fn write(&mut self, piece: &ExecOutput) -> Result<bool, Failure> {
        let written = if piece.stderr {
            write(&mut self.stderr, &piece.bytes).await
        } else {
            write(&mut self.stdout, &piece.bytes).await
        };
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::State {
                message: format!("the output cannot be written: {error}"),
                hints: Vec::new(),
            }),
        }
    }
}

async fn write(stream: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes).await?;
    stream.flush().await
}

/// What a signal says.
enum Told {
    /// To end, with this exit code.
    End(u8),
    /// That the terminal has another size.
    Resized,
}

/// The signals that this process gets while it stands between two others.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hang_up: Signal,
    window: Signal,
}

impl Signals {
    /// Catches them from now on: none of them ends this process by itself any more.
    pub(crate) fn new() -> Result<Self, Failure> {
        let listen = |kind| {
            signal(kind).map_err(|error| Failure::State {
                message: format!("signals cannot be caught: {error}"),
                hints: Vec::new(),
            })
        };
        Ok(Self {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
            hang_up: listen(SignalKind::hangup())?,
            window: listen(SignalKind::window_change())?,
        })
    }

    /// Waits until this process is told to end, and gives the exit code that says so.
    pub(crate) async fn end(&mut self) -> u8 {
        loop {
            if let Told::End(code) = self.next().await {
                return code;
            }
        }
    }

    async fn next(&mut self) -> Told {
        tokio::select! {
            _ = self.interrupt.recv() => Told::End(ExitCode::Interrupted as u8),
            _ = self.terminate.recv() => Told::End(TERMINATED),
            _ = self.hang_up.recv() => Told::End(HUNG_UP),
            _ = self.window.recv() => Told::Resized,
        }
    }
}
