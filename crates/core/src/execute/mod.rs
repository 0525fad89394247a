//! Carrying a plan out. Nothing is decided here: which steps there are and in which order is the planner's
//! business; when an operation begins, who holds the lock and what is shown is that of the caller.

mod act;
mod run;
mod undo;

use async_trait::async_trait;
use bowline_engine::{Engine, EngineError};
use bowline_model::{Build, ImageId, ObjectKind};

pub(crate) use act::{GRACE_SECS, find};
pub use run::{Chapter, Execution, Halt, Ledger, Report, StepError, Watch, execute};

/// What an executor needs from outside of the engine: files, logins, and somebody to tell about progress.
#[async_trait]
pub trait Outside: Send + Sync {
    /// Pulls an image, with the login that belongs to its registry.
    async fn pull(
        &self,
        engine: &dyn Engine,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<(), ExecuteError>;

    /// Builds an image and gives it a reference.
    async fn build(
        &self,
        engine: &dyn Engine,
        reference: &str,
        build: &Build,
    ) -> Result<ImageId, ExecuteError>;
}

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExecuteError {
    /// The engine did not do it.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// An object of that name is there and was not made by this operation.
    #[error("the {kind} `{name}` is there already and was not made by this operation")]
    NotOurs {
        /// What it is.
        kind: ObjectKind,
        /// Its name.
        name: String,
        /// Its short id, where it is known.
        holder: Option<String>,
    },
    /// What is needed from outside could not be had.
    #[error("{text}")]
    Outside {
        /// What, and why not.
        text: String,
    },
}

#[cfg(test)]
pub(crate) mod tests;
