//! Why an engine did not do what was asked of it.
//!
//! The engine answers with a number and a sentence; here the sentences that matter become variants with
//! fields. What no variant knows keeps the engine's own words. After [`EngineError::Unreachable`] the caller
//! has to ask [`EngineError::retry`] whether the request may have been carried out all the same.

use std::time::Duration;

use bowline_model::{ApiVersion, Capability, ContainerId, ObjectKind, Protocol};

use crate::BuildStep;

/// Why an engine did not do what was asked of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The object is not there, or no longer.
    #[error("the engine has no {kind} `{name}`")]
    NotFound {
        /// What was looked for.
        kind: ObjectKind,
        /// Its id, name or reference.
        name: String,
    },
    /// Another container has this name. The holder may still be in the making: listed or named here, but not
    /// found by an inspect for a while.
    #[error("the container name `{name}` is taken{}", holder.as_ref().map(|id| format!(" by `{}`", id.short())).unwrap_or_default())]
    NameTaken {
        /// The name.
        name: String,
        /// Who has it, where the engine says so.
        holder: Option<ContainerId>,
    },
    /// A host port is held by something else, a container or a process of the host.
    #[error("host port {port}/{protocol} is taken")]
    PortTaken {
        /// The host's port.
        port: u16,
        /// Transport.
        protocol: Protocol,
        /// The host's address that was to be bound, where the engine says so.
        host_ip: Option<String>,
        /// The engine's words.
        text: String,
    },
    /// The container does not run (or is paused or restarting, or ended meanwhile).
    #[error("container `{container}` does not run: {text}")]
    NotRunning {
        /// Id or name.
        container: String,
        /// The engine's words.
        text: String,
    },
    /// The object cannot go while others use it.
    #[error("{kind} `{name}` is in use: {text}")]
    InUse {
        /// What was to be removed.
        kind: ObjectKind,
        /// Its id, name or reference.
        name: String,
        /// The containers that use it, where the engine says so.
        by: Vec<ContainerId>,
        /// The engine's words.
        text: String,
    },
    /// The container was not started: a bad command, a missing mount, a missing device.
    #[error("container `{container}` could not be started: {text}")]
    FailedToStart {
        /// Id or name.
        container: String,
        /// The engine's words.
        text: String,
    },
    /// The engine has no subnet left to give, or the wanted one overlaps with another network's.
    #[error("no addresses for network `{network}`: {text}")]
    NoAddresses {
        /// Name of the network.
        network: String,
        /// The engine's words.
        text: String,
    },
    /// This version of the engine's API does not have it. Nothing was sent.
    #[error("{} needs API {}, the engine has {api}", capability.name(), capability.since())]
    Unsupported {
        /// What is missing.
        capability: Capability,
        /// What is spoken with the engine.
        api: ApiVersion,
    },
    /// Files cannot be put into a container whose root file system is read-only.
    #[error("container `{container}` is read-only")]
    ReadOnly {
        /// Id or name.
        container: String,
    },
    /// The engine's disk is full.
    #[error("the engine has no space left: {text}")]
    NoSpace {
        /// The engine's words.
        text: String,
    },
    /// An image could not be pulled.
    #[error("image `{reference}` cannot be pulled: {reason}")]
    Pull {
        /// The reference asked for.
        reference: String,
        /// Why.
        reason: PullFailure,
    },
    /// A build ended with an error. The references that it was to get point where they did before.
    #[error("{0}")]
    Build(Box<BuildFailure>),
    /// The request contradicts itself, or a rule of the engine's.
    #[error("the engine refuses the request: {text}")]
    Invalid {
        /// The engine's words.
        text: String,
    },
    /// Any other conflict with the state of things.
    #[error("the engine's state does not allow it: {text}")]
    Conflict {
        /// The engine's words.
        text: String,
    },
    /// Any other failure.
    #[error("the engine failed ({status}): {text}")]
    Failed {
        /// HTTP status.
        status: u16,
        /// The engine's words.
        text: String,
    },
    /// No answer, or not all of it.
    #[error("no answer from the engine at `{endpoint}` to {request}: {reason}")]
    Unreachable {
        /// How the engine was to be reached.
        endpoint: String,
        /// Method and path.
        request: String,
        /// What went wrong.
        reason: Unreachable,
        /// Whether the engine may have read the request.
        sent: Sent,
    },
    /// An answer that is not what the API says.
    #[error("the engine's answer to {request} cannot be read: {text}")]
    Unreadable {
        /// Method and path.
        request: String,
        /// Where it stopped making sense.
        text: String,
    },
    /// The caller gave something that cannot be sent (a path that is not absolute, a broken archive).
    #[error("{text}")]
    BadRequest {
        /// What is wrong with it.
        text: String,
    },
}

/// Where and why a build ended with an error.
///
/// Its texts are the engine's and those of the programs that the build ran: whoever shows them masks the secrets
/// that it gave to the build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BuildFailure {
    /// The step under way; `None` where it never came to one.
    pub step: Option<BuildStep>,
    /// The engine's words.
    pub text: String,
    /// Exit code of the step's program, where it was that which failed.
    pub exit_code: Option<i64>,
    /// The last lines that the step wrote, at most [`BuildFailure::LAST_LINES`].
    pub last_lines: Vec<String>,
}

impl BuildFailure {
    /// How many of a step's lines are kept.
    pub const LAST_LINES: usize = 20;
}

impl std::fmt::Display for BuildFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("the build failed")?;
        if let Some(step) = &self.step {
            write!(f, " at step {step}")?;
        }
        write!(f, ": {}", self.text)
    }
}

/// Whether a request may have reached the engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Not one byte of it: nothing was done.
    No,
    /// Perhaps all of it: an engine finishes what it has fully read.
    Maybe,
}

/// Why there was no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// There is no socket: the engine does not run, or runs elsewhere.
    #[error("there is no such socket")]
    NoSocket,
    /// The socket may not be opened by this user.
    #[error("permission denied")]
    PermissionDenied,
    /// Nobody listens behind the socket: the engine has gone without cleaning up.
    #[error("connection refused")]
    Refused,
    /// The connection ended before the answer did.
    #[error("the connection was closed: {0}")]
    Closed(String),
    /// The time that this request may take was over.
    #[error("nothing within {0:?}")]
    TimedOut(Duration),
    /// Anything else, in the system's words.
    #[error("{0}")]
    Other(String),
}

/// Why an image could not be pulled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PullFailure {
    /// The registry has no such name, or hides it from who is not logged in. Registries do not say which.
    #[error("the registry has no such name, or wants a login for it")]
    NoSuchNameOrLogin {
        /// The engine's words.
        text: String,
    },
    /// The name is there, the tag or digest is not.
    #[error("the registry has the name, but not this tag or digest")]
    NoSuchTag {
        /// The engine's words.
        text: String,
    },
    /// The registry wants a login, or refused the one it got.
    #[error("the registry wants a login")]
    LoginNeeded {
        /// The engine's words.
        text: String,
    },
    /// The registry answers that it was asked too often.
    #[error("the registry limits the rate")]
    RateLimited {
        /// The engine's words.
        text: String,
    },
    /// There is no such image for this platform.
    #[error("the image is not there for this platform")]
    NoSuchPlatform {
        /// The engine's words.
        text: String,
    },
    /// The registry could not be reached: name resolution, connection, TLS, time.
    #[error("the registry cannot be reached: {text}")]
    Network {
        /// The engine's words.
        text: String,
    },
    /// The reference is not one.
    #[error("this is not an image reference")]
    BadReference {
        /// The engine's words.
        text: String,
    },
    /// Anything else.
    #[error("{text}")]
    Other {
        /// The engine's words.
        text: String,
    },
}

/// Whether doing the same again is right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// It would fail again.
    Never,
    /// Nothing was done; the same request may be sent again.
    Safe,
    /// Something may have been done: look first.
    AfterObserve,
}

impl EngineError {
    /// Tells whether doing the same again is right.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Unreachable { sent: Sent::No, .. }
            | Self::Pull {
                reason: PullFailure::Network { .. } | PullFailure::RateLimited { .. },
                ..
            } => Retry::Safe,
            Self::Unreachable { .. } | Self::Unreadable { .. } | Self::Failed { .. } => {
                Retry::AfterObserve
            }
            _ => Retry::Never,
        }
    }

    /// Tells whether the object asked about is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    /// Tells whether the engine could not be talked to, as opposed to having said no.
    pub fn is_unreachable(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// What the user can do about it: commands to run or facts to act on, most likely first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreachable { reason, endpoint, .. } => reason.hints(endpoint),
            Self::Pull { reference, reason } => reason.hints(reference),
            Self::PortTaken { port, .. } => vec![format!("publish another port than {port}, or stop what holds it")],
            Self::NameTaken { name, .. } => vec![format!("look at it with `docker inspect {name}`; rename or remove it if it is not needed")],
            Self::NoAddresses { .. } => vec!["remove networks that nothing uses (`docker network prune`), or give the network a subnet of its own".into()],
            Self::NoSpace { .. } => vec!["free space on the engine's disk: `docker system df` shows what takes it".into()],
            Self::Unsupported { .. } => vec!["update the engine, or take the field out".into()],
            Self::ReadOnly { .. } => vec!["give secrets and configs as files: those are mounted, not copied".into()],
            _ => Vec::new(),
        }
    }
}

impl Unreachable {
    pub(crate) fn of_io(error: &std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::NotFound => Self::NoSocket,
            ErrorKind::PermissionDenied => Self::PermissionDenied,
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof => {
                Self::Closed(error.to_string())
            }
            _ => Self::Other(error.to_string()),
        }
    }

    pub(crate) fn hints(&self, endpoint: &str) -> Vec<String> {
        match self {
            Self::NoSocket | Self::Refused => vec![
                format!("start the engine, or say where it is with `DOCKER_HOST` or a context; `{endpoint}` was tried"),
            ],
            Self::PermissionDenied => vec![
                "add your user to the group `docker` (`sudo usermod -aG docker \"$USER\"`) and log in again".into(),
                format!("or run this as a user who may open `{endpoint}`"),
            ],
            Self::Closed(_) | Self::TimedOut(_) | Self::Other(_) => vec!["look at the engine's own log; it may be restarting or overloaded".into()],
        }
    }
}

impl PullFailure {
    fn hints(&self, reference: &str) -> Vec<String> {
        match self {
            Self::NoSuchNameOrLogin { .. } => vec![
                format!("check the spelling of `{reference}`"),
                "if the image is private, log in with `docker login`".into(),
            ],
            Self::NoSuchTag { .. } => {
                vec![format!("check the tag of `{reference}` at the registry")]
            }
            Self::LoginNeeded { .. } => vec!["log in with `docker login`, then try again".into()],
            Self::RateLimited { .. } => {
                vec!["log in with `docker login`: the limit for known users is higher".into()]
            }
            Self::NoSuchPlatform { .. } => {
                vec!["name a platform that the image has (`platform:`)".into()]
            }
            Self::Network { .. } => vec![
                "check the engine's network and name resolution; the engine pulls, not bowline"
                    .into(),
            ],
            Self::BadReference { .. } => vec![format!(
                "write `{reference}` as `[registry/]name[:tag][@digest]`, lower case"
            )],
            Self::Other { .. } => Vec::new(),
        }
    }
}
