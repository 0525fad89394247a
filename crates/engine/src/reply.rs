//! What an engine answers, beside the observations of `bowline-model`.

use std::fmt;

use bowline_model::{ContainerId, ImageId, ObservedVolume};
use futures_util::stream::BoxStream;
use jiff::Timestamp;
use tokio::io::AsyncWrite;

use crate::EngineError;

/// Answers that come one by one. An error is the last item.
pub type Stream<T> = BoxStream<'static, Result<T, EngineError>>;

/// A container that was created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedContainer {
    /// Its id.
    pub id: ContainerId,
    /// What the engine did not like but did.
    pub warnings: Vec<String>,
}

/// The volume of a name after a create.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedVolume {
    /// The volume as it is now, which is not what was asked for where it existed before.
    pub volume: ObservedVolume,
    /// Whether every label asked for is on it. With an operation's own label among them this says that this
    /// operation made it, now or before a crash; the engine itself never tells.
    pub ours: bool,
}

/// What a start found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Started {
    /// It was started.
    Now,
    /// It was running already.
    Already,
}

/// What a stop found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stopped {
    /// It was stopped.
    Now,
    /// It was not running already.
    Already,
}

/// What a removal found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removed {
    /// It was removed.
    Now,
    /// It was gone already.
    Already,
}

/// Where output comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputSource {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A terminal, where the two are one.
    Terminal,
}

/// One entry of a container's log.
#[derive(Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// When the engine read it, to the nanosecond. Entries of one container come in this order.
    pub at: Timestamp,
    /// Where it was written to.
    pub source: OutputSource,
    /// What was written, without the line's end. Not necessarily UTF-8.
    pub bytes: Vec<u8>,
    /// Whether the line goes on in the next entry of this source: the engine cuts lines at 16 KiB.
    pub continues: bool,
}

impl LogEntry {
    /// The text, with what is not UTF-8 replaced.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.bytes)
    }
}

impl fmt::Debug for LogEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {:?} {:?}{}",
            self.at,
            self.source,
            self.text(),
            if self.continues { "…" } else { "" }
        )
    }
}

/// The engine's id of an exec. It is forgotten some minutes after the process ended, and with the container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExecId(pub String);

/// A process started in a container, with its streams.
///
/// Dropping this closes the connection. The process does not notice, unless it reads or writes: an exec
/// cannot be ended from outside.
pub struct ExecSession {
    /// Its id.
    pub id: ExecId,
    /// Its stdin, where that was asked for. Shutting it down is the end of its input.
    pub input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// Its output; the end of this stream is the end of the process (or of the last one that holds it open).
    pub output: Stream<OutputChunk>,
}

impl fmt::Debug for ExecSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ExecSession")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

/// The streams of a container's main process. Dropping this closes the connection.
pub struct Attached {
    /// Its stdin. Shutting it down is the end of its input, where the container says so (`stdin_once`).
    pub input: Box<dyn AsyncWrite + Send + Unpin>,
    /// Its output; the end of this stream is the end of the run.
    pub output: Stream<OutputChunk>,
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").finish_non_exhaustive()
    }
}

/// A piece of output, cut anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// Where it was written to.
    pub source: OutputSource,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// What is known of an exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecState {
    /// Whether its process is there.
    pub running: bool,
    /// Exit code, once there is one.
    pub exit_code: Option<i64>,
    /// Its process, in the host's numbering; `None` where the engine does not say.
    pub pid: Option<u32>,
}

/// What came out of an exec.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    /// Its id.
    pub id: ExecId,
    /// How it ended, if it did.
    pub end: ExecEnd,
    /// Standard output (with a terminal: everything), up to the limit.
    pub stdout: Vec<u8>,
    /// Standard error, up to the limit.
    pub stderr: Vec<u8>,
    /// Whether there was more than the limit.
    pub truncated: bool,
}

/// How an exec ended, if it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecEnd {
    /// With this exit code. 137 and 126 also come when the container ended meanwhile, 126 and 127 when the
    /// command could not be run: after anything but 0 look whether the container still runs.
    Exited {
        /// Exit code.
        code: i64,
    },
    /// Not within the time given. The process runs on and cannot be ended; do not start a second one.
    StillRunning,
}

/// One step of a pull.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PullProgress {
    /// The layer, where it is about one.
    pub layer: Option<String>,
    /// The engine's words (`Downloading`, `Pull complete`, …).
    pub status: String,
    /// Bytes done of this layer.
    pub done_bytes: Option<u64>,
    /// Bytes of this layer.
    pub total_bytes: Option<u64>,
}

/// One item of a build's progress.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BuildProgress {
    /// A step of the Dockerfile begins.
    Step(BuildStep),
    /// A line that a step's program or the builder wrote, without its end and without colours. What the builder
    /// says about its own containers and layers is left out.
    Line(String),
    /// A base image is pulled.
    Pull(PullProgress),
    /// The image is there. The last item of a build that went well.
    Built(ImageId),
}

/// A step of a Dockerfile, as the builder counts them: labels that the request asks for are steps, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildStep {
    /// Its number, from 1.
    pub number: u32,
    /// How many there are.
    pub count: u32,
    /// The instruction, variables in place.
    pub instruction: String,
}

impl fmt::Display for BuildStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}: {}", self.number, self.count, self.instruction)
    }
}

/// What is at a path of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathStat {
    /// Last part of the path.
    pub name: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Permissions.
    pub mode: u32,
    /// Where it points, for a symbolic link.
    pub link_target: Option<String>,
}

/// What is at a path of a container, and how it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathHead {
    /// What is there. Symbolic links are not followed.
    pub stat: PathStat,
    /// Owner, as the container's file system has it.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// When its content was changed, in seconds since 1970.
    pub modified_secs: i64,
    /// Whether it is a folder with nothing in it.
    pub is_empty_folder: bool,
    /// The first bytes of a plain file; `None` for anything else.
    pub bytes: Option<Vec<u8>>,
}

/// The processes of a container as `ps` on the engine's host lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessTable {
    /// Names of the columns.
    pub titles: Vec<String>,
    /// One line per process.
    pub rows: Vec<Vec<String>>,
}
