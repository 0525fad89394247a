//! What callers say in a request, beside the specs of `bowline-model`.

use std::fmt;
use std::time::Duration;

use bowline_model::{Argv, EnvSpec, EventAction, Labels, MASK, ObjectKind, UlimitSpec};
use futures_util::stream::BoxStream;
use jiff::Timestamp;

/// A tar archive, piece by piece.
pub type TarStream = BoxStream<'static, std::io::Result<Vec<u8>>>;

/// Turns a whole archive into a stream of one piece.
pub fn tar_of(bytes: Vec<u8>) -> TarStream {
    Box::pin(futures_util::stream::once(async move { Ok(bytes) }))
}

/// Which objects a listing shows: those that match everything said here. Nothing said is all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selector {
    /// Labels with their value, or only present.
    pub labels: Vec<(String, Option<String>)>,
    /// Exact names; several mean any of them.
    pub names: Vec<String>,
}

impl Selector {
    /// Everything.
    pub fn all() -> Self {
        Self::default()
    }

    /// Objects whose label `key` is `value`.
    pub fn label(key: impl Into<String>, value: impl Into<String>) -> Self {
        Self::default().and_label(key, value)
    }

    /// Objects with exactly this name.
    pub fn name(name: impl Into<String>) -> Self {
        Self {
            names: vec![name.into()],
            ..Self::default()
        }
    }

    /// Narrows it to objects whose label `key` is `value`.
    #[must_use]
    pub fn and_label(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.labels.push((key.into(), Some(value.into())));
        self
    }

    /// Narrows it to objects that have a label `key`, whatever its value.
    #[must_use]
    pub fn and_has_label(mut self, key: impl Into<String>) -> Self {
        self.labels.push((key.into(), None));
        self
    }

    /// Tells whether an object of this name and these labels is meant.
    pub fn matches(&self, name: &str, labels: &Labels) -> bool {
        let named = self.names.is_empty() || self.names.iter().any(|wanted| wanted == name);
        named
            && self
                .labels
                .iter()
                .all(|(key, wanted)| match (labels.get(key), wanted) {
                    (Some(found), Some(wanted)) => found == wanted,
                    (found, None) => found.is_some(),
                    (None, Some(_)) => false,
                })
    }
}

/// How a container is removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RemoveContainer {
    /// Kill it first where it runs. Without this a running one is [`EngineError::InUse`](crate::EngineError).
    pub force: bool,
    /// Remove its anonymous volumes, with what is in them. Named volumes stay in any case.
    pub anonymous_volumes: bool,
}

/// What [`wait_container`](crate::Engine::wait_container) waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitFor {
    /// Not running: at once where it does not run now.
    NotRunning,
    /// The next end of a run, whatever it does now.
    NextExit,
    /// Gone.
    Removed,
}

/// Which part of a container's log is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// Stay and give what is written from now on, until the container ends.
    pub follow: bool,
    /// Entries from this time on, itself included.
    pub since: Option<Timestamp>,
    /// Entries before this time.
    pub until: Option<Timestamp>,
    /// Only so many of the last entries (before following).
    pub tail: Option<u64>,
    /// Its standard output.
    pub stdout: bool,
    /// Its standard error.
    pub stderr: bool,
}

impl Default for LogOptions {
    fn default() -> Self {
        Self {
            follow: false,
            since: None,
            until: None,
            tail: None,
            stdout: true,
            stderr: true,
        }
    }
}

/// Which events are wanted. The engine filters: what is not asked for never crosses the socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// From this time on; the engine still knows its last 256 events. `None` is from now on.
    pub since: Option<Timestamp>,
    /// Up to this time of [`Engine::now`](crate::Engine::now), then the stream ends. `None` never ends.
    pub until: Option<Timestamp>,
    /// Labels of the object. Events of networks and volumes carry none and are all filtered out by this.
    pub labels: Vec<(String, Option<String>)>,
    /// Kinds of objects; none said is all.
    pub kinds: Vec<ObjectKind>,
    /// Actions; none said is all. Execs and health are only filtered out by naming what is wanted.
    pub actions: Vec<EventAction>,
}

/// What happens to containers and their networks. Health and execs are not in it: probes alone would fill what an
/// engine remembers.
pub const LIFE_ACTIONS: &[EventAction] = &[
    EventAction::Create,
    EventAction::Start,
    EventAction::Die,
    EventAction::Kill,
    EventAction::Oom,
    EventAction::Stop,
    EventAction::Restart,
    EventAction::Pause,
    EventAction::Unpause,
    EventAction::Rename,
    EventAction::Destroy,
    EventAction::Connect,
    EventAction::Disconnect,
];

/// A process to start in a running container.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecSpec {
    /// What is run; no shell unless it says so.
    pub command: Argv,
    /// Variables in addition to the container's.
    pub env: EnvSpec,
    /// User, where not the container's.
    pub user: Option<String>,
    /// Folder, where not the container's.
    pub working_dir: Option<String>,
    /// All rights.
    pub privileged: bool,
    /// With a terminal of this size (rows, columns). Then stdout and stderr are one stream.
    pub tty: Option<(u16, u16)>,
    /// Whether something will be written to its stdin.
    pub stdin: bool,
}

impl ExecSpec {
    /// A command without stdin and terminal, as the container's own user.
    pub fn new(command: impl Into<Argv>) -> Self {
        Self {
            command: command.into(),
            ..Self::default()
        }
    }
}

/// How long an exec is waited for and how much of its output is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecLimits {
    /// After this the answer is [`ExecEnd::StillRunning`](crate::ExecEnd::StillRunning); the process runs on.
    pub timeout: Duration,
    /// Bytes kept of each of stdout and stderr, from their beginning; the rest is read and dropped.
    pub output_bytes: usize,
}

/// A file to put into a container. `Debug` does not show its contents.
#[derive(Clone, PartialEq, Eq)]
pub struct FileToPut {
    /// Absolute path in the container. Missing folders above it are made by the engine, owned by root.
    pub path: String,
    /// What is in it.
    pub contents: Vec<u8>,
    /// Permissions.
    pub mode: u32,
    /// Owner, by number.
    pub uid: u32,
    /// Group, by number.
    pub gid: u32,
    /// Time of its last change, in seconds since 1970.
    pub modified_secs: u64,
}

impl fmt::Debug for FileToPut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "FileToPut({} {:o} {}:{} {} bytes {MASK})",
            self.path,
            self.mode,
            self.uid,
            self.gid,
            self.contents.len()
        )
    }
}

/// An image to build with the engine's own (classic) builder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildSpec {
    /// Path of the Dockerfile within the context, with slashes; `None` is `Dockerfile`.
    pub dockerfile: Option<String>,
    /// References the image gets; one without a tag gets `latest`.
    pub tags: Vec<String>,
    /// Build arguments; a bare name leaves the Dockerfile's own value. The engine keeps the values in the image's
    /// history.
    pub args: EnvSpec,
    /// Labels the image gets, over those of the Dockerfile.
    pub labels: Labels,
    /// Stage to build; `None` is the last.
    pub target: Option<String>,
    /// References of images whose layers may be used, where they are there.
    pub cache_from: Vec<String>,
    /// Do not use layers of earlier builds.
    pub no_cache: bool,
    /// Ask the registry for newer base images.
    pub pull: bool,
    /// Network of the build's containers.
    pub network: Option<String>,
    /// Lines for their hosts file, `name:address`.
    pub extra_hosts: Vec<String>,
    /// Their limits on resources of the kernel.
    pub ulimits: Vec<UlimitSpec>,
    /// `os/arch[/variant]`; `None` is the engine's own.
    pub platform: Option<String>,
    /// Size of their /dev/shm in bytes.
    pub shm_size_bytes: Option<i64>,
    /// Memory limit of the build's containers, in bytes.
    pub memory_bytes: Option<i64>,
    /// Isolation (Windows hosts only).
    pub isolation: Option<String>,
}

/// Where the files of a build come from.
pub enum BuildContext {
    /// An archive, sent along. Its paths are relative. Where the stream ends with an error the request is given up.
    Archive(TarStream),
    /// A git repository (`https://…/repo.git#ref:folder`), an archive or a single Dockerfile behind a URL, which the
    /// engine fetches itself.
    Remote(String),
}

impl fmt::Debug for BuildContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Archive(_) => f.write_str("Archive(…)"),
            Self::Remote(url) => write!(f, "Remote({})", bowline_model::mask_passwords(url)),
        }
    }
}

/// An image to make of a root file system.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportSpec {
    /// Reference it gets, `name:tag`.
    pub reference: String,
    /// Dockerfile instructions applied to it (`CMD ["/bin/sh"]`, `LABEL a=b`).
    pub changes: Vec<String>,
    /// `os[/arch[/variant]]`; `None` is the engine's own.
    pub platform: Option<String>,
}

/// A login at a registry. `Debug` shows neither password nor token.
#[derive(Clone, PartialEq, Eq)]
pub struct RegistryLogin {
    /// The registry as Docker's config names it.
    pub registry: String,
    /// User name, empty with a token.
    pub username: String,
    /// Password, empty with a token.
    pub password: String,
    /// Identity token, where the login gave one.
    pub identity_token: String,
}

impl fmt::Debug for RegistryLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "RegistryLogin({} as {} {MASK})",
            self.registry, self.username
        )
    }
}
