//! Whose turn it is on a stack. See `docs/decisions/stack-identity-lock-and-state-home.md`.
//!
//! The lock is a container on the engine, created and never started, whose name makes it once; so two users and
//! two machines meet it. Its holder keeps it alive with a [heartbeat](LockGuard), by the engine's clock. A file
//! lock in the state home, let go by the kernel, tells which dead owners are our own. Nothing here decides what
//! is done under the lock, and nothing else on the engine is looked at.

mod guard;
mod object;

use std::sync::Arc;
use std::time::Duration;

use bowline_engine::{Engine, EngineError};
use bowline_model::{Actor, ContainerId, OperationId};
use jiff::Timestamp;

pub use guard::{LockGuard, LockLost};

use crate::{Clock, FileError, Sealer, StackHome, StateHome, files};
use object::{Made, Object};

/// The image of locks: a file system with nothing in it.
pub const LOCK_IMAGE: &str = "bowline/lock:1";

/// How often a holder shows that it lives.
pub const HEARTBEAT: Duration = Duration::from_secs(10);

/// After so long without a sign of life, by the engine's clock, a lock is stale.
pub const STALE_AFTER: Duration = Duration::from_secs(30);

/// How many times a lock that comes and goes is tried for, and how long is waited in between.
const ATTEMPTS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(50);

/// Who wants a lock, or has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// The user, the host, the process.
    pub actor: Actor,
    /// What it is for; unique, so it tells our lock from any other.
    pub operation: OperationId,
    /// Digest of the state home, empty where there is no host key.
    pub home: String,
}

impl Owner {
    /// An owner who keeps its state in `home`.
    pub fn new(
        actor: Actor,
        operation: OperationId,
        home: &StateHome,
        sealer: Option<&Sealer>,
    ) -> Self {
        let path = home.state().as_os_str().as_encoded_bytes();
        let home = sealer.map(|sealer| sealer.digest("state home", path));
        Self {
            actor,
            operation,
            home: home.unwrap_or_default(),
        }
    }

    /// Tells whether both keep their state in the same place, so that a file lock there speaks for both.
    fn lives_with(&self, other: &Self) -> bool {
        !self.home.is_empty()
            && self.home == other.home
            && self.actor.host == other.actor.host
            && self.actor.user == other.actor.user
    }
}

impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, operation `{}`", self.actor, self.operation)
    }
}

/// A lock that somebody has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// Who.
    pub owner: Owner,
    /// The container that is the lock.
    pub lock: ContainerId,
    /// Since when, by the engine's clock.
    pub since: Timestamp,
    /// Its last sign of life, by the engine's clock.
    pub seen: Timestamp,
    /// How long ago that was; at least [`STALE_AFTER`] is stale.
    pub quiet: Duration,
}

/// Why there is no lock.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockError {
    /// Somebody else has it.
    #[error("project `{project}` is held by {} since {}", .holder.owner, .holder.since.strftime("%F %T UTC"))]
    Held {
        /// The project.
        project: String,
        /// Who.
        holder: Box<Holder>,
    },
    /// Another process of this user is taking it or letting it go.
    #[error("project `{project}` is held by another process of yours: {owner}")]
    HeldHere {
        /// The project.
        project: String,
        /// What that process wrote about itself.
        owner: String,
    },
    /// Others came and went faster than this one could take it.
    #[error("project `{project}` is wanted by too many at once")]
    Crowded {
        /// The project.
        project: String,
    },
    /// Something that is no lock has its name.
    #[error("container `{name}` has the name of bowline's lock and is something else")]
    NotALock {
        /// The name.
        name: String,
    },
    /// The engine did not do what was asked.
    #[error("the lock of the stack: {0}")]
    Engine(#[from] EngineError),
    /// The local half of the lock cannot be used.
    #[error("the lock of the stack {0}")]
    File(#[from] FileError),
}

impl LockError {
    /// What the user can do about it, most likely first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Held { holder, project } => vec![
                format!(
                    "wait until operation `{}` has ended",
                    holder.owner.operation
                ),
                format!(
                    "its last sign of life was {} s ago; after {} s it is taken over",
                    holder.quiet.as_secs(),
                    STALE_AFTER.as_secs()
                ),
                format!(
                    "if nobody is there any more: `docker rm {}`",
                    lock_name(project)
                ),
            ],
            Self::HeldHere { .. } | Self::Crowded { .. } => vec!["try again in a moment".into()],
            Self::NotALock { name } => vec![format!("rename it: `docker rename {name} …`")],
            Self::Engine(error) => error.hints(),
            Self::File(error) => error.hints(),
        }
    }
}

/// Name of the container that is a project's lock.
pub fn lock_name(project: &str) -> String {
    format!("bowline-lock-{project}")
}

/// The lock of a stack.
#[derive(Debug)]
pub struct Lock;

impl Lock {
    /// Takes the lock, or says who has it. Does not wait for a holder that lives.
    ///
    /// A lock whose owner is dead is taken over: at once where it was one of this state home, else when it was
    /// quiet for [`STALE_AFTER`]. The guard's heartbeat runs on the current tokio runtime.
    ///
    /// # Errors
    ///
    /// [`LockError::Held`] and [`LockError::HeldHere`]: exit 7. After any other error nothing is held; a lock that
    /// was made although its answer was lost is recognised by the next try from this state home.
    pub async fn acquire(
        engine: Arc<dyn Engine>,
        stack: &StackHome,
        project: &str,
        owner: &Owner,
        clock: Arc<dyn Clock>,
    ) -> Result<LockGuard, LockError> {
        stack.create()?;
        let object = Object::new(engine, project, owner.clone());
        let file = match files::hold_file(&stack.lock(), &owner.to_string())? {
            Ok(file) => file,
            Err(line) => return Err(held_here(&object, project, line).await),
        };
        for _ in 0..ATTEMPTS {
            // The age of what is known about the lock is counted from before it was made.
            let moment = guard::Moment::now(clock.as_ref());
            match object.make().await? {
                Made::Ours(id) => return Ok(LockGuard::new(object, id, moment, clock, file)),
                Made::InTheMaking => {}
                Made::Theirs(holder) => {
                    let dead = holder.owner.lives_with(owner);
                    let gone = dead && object.remove(&holder.lock).await?;
                    if !gone && !object.take_over(&holder).await? {
                        let project = project.to_owned();
                        let holder = Box::new(holder);
                        return Err(LockError::Held { project, holder });
                    }
                    continue;
                }
            }
            // sleeps because: nothing tells when a lock in the making is made
            tokio::time::sleep(PAUSE).await;
        }
        Err(LockError::Crowded {
            project: project.to_owned(),
        })
    }

    /// Tells, without asking the engine, whether a process of this state home holds the lock or died holding it.
    pub(crate) fn is_left_behind(stack: &StackHome) -> Result<bool, LockError> {
        Ok(files::is_signed(&stack.lock())?)
    }

    /// Says who has the lock of a project; `None` where nobody has.
    pub async fn holder(
        engine: Arc<dyn Engine>,
        project: &str,
    ) -> Result<Option<Holder>, LockError> {
        object::holder(engine.as_ref(), project).await
    }
}

/// Says who has it where the file lock of this state home is held.
async fn held_here(object: &Object, project: &str, owner: String) -> LockError {
    let project = project.to_owned();
    match object.holder().await {
        Ok(Some(holder)) => LockError::Held {
            project,
            holder: Box::new(holder),
        },
        Ok(None) => LockError::HeldHere { project, owner },
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests;
