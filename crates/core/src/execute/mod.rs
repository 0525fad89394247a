//! Carrying a plan out. Nothing is decided here: which steps there are and in which order is the planner's
//! business; when an operation begins, who holds the lock and what is shown is that of the caller.

mod act;
mod run;
mod undo;

use async_trait::async_trait;
use bowline_engine::{BuildFailure, Engine, EngineError};
use bowline_model::{Build, FileChange, FileState, ImageId, ObjectKind, Place, Plan};

pub(crate) use act::{GRACE_SECS, find, to_put};
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

    /// Looks, before anything begins, whether what a plan needs from outside is there. Changes nothing.
    ///
    /// # Errors
    ///
    /// Everything that is missing, not only the first.
    async fn look(&self, _plan: &Plan) -> Result<(), Vec<ExecuteError>> {
        Ok(())
    }

    /// Builds an image and gives it a reference, and those of the build's `tags`. Dropping this gives the build up.
    ///
    /// No error says what the build was given in secret.
    async fn build(
        &self,
        engine: &dyn Engine,
        reference: &str,
        build: &Build,
        place: Option<&Place>,
    ) -> Result<ImageId, ExecuteError>;

    /// Reads a file of the user's that a step changes.
    ///
    /// # Errors
    ///
    /// [`ExecuteError::File`] where it is no text file that can be read.
    async fn file(&self, change: &FileChange) -> Result<FileState, ExecuteError> {
        Err(no_files(change))
    }

    /// Puts [`FileChange::after`] in the place of a file, whole or not at all: whoever reads it meanwhile reads the
    /// old text or the new one. Returns when that would survive a power cut. Its owner stays.
    ///
    /// # Errors
    ///
    /// [`ExecuteError::File`] where it cannot be written; it is as it was then.
    async fn change_file(&self, change: &FileChange) -> Result<(), ExecuteError> {
        Err(no_files(change))
    }
}

fn no_files(change: &FileChange) -> ExecuteError {
    ExecuteError::File {
        name: change.name.clone(),
        text: "no files are changed from here".to_owned(),
    }
}

impl ExecuteError {
    /// What to do about a file of the user's that was not changed, a sentence each; nothing for other errors.
    pub fn file_hints(&self) -> Vec<String> {
        match self {
            Self::FileChanged { name } => vec![
                format!("look at `{name}`, and change it by hand where that is still wanted"),
                "or look again what is wrong by now: `bowline doctor`".to_owned(),
            ],
            Self::File { name, .. } => {
                vec![format!(
                    "see to it that `{name}` can be read and written, and try again"
                )]
            }
            _ => Vec::new(),
        }
    }
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
    /// The files of a build are not there, cannot be read, or do not stay as they are.
    #[error("{}{text}", .place.as_ref().map(|place| format!("{place}: ")).unwrap_or_default())]
    Context {
        /// Where the build is written.
        place: Option<Place>,
        /// Which file, and what is wrong with it.
        text: String,
        /// What to do about it, a sentence each.
        hints: Vec<String>,
    },
    /// The engine could not build an image. Secrets are masked.
    #[error("{failure}")]
    Build {
        /// The Dockerfile, as people find it.
        dockerfile: String,
        /// Where it is written that it is built.
        place: Option<Place>,
        /// The step, the engine's words, and what the step wrote.
        failure: Box<BuildFailure>,
    },
    /// A file of the user's is neither as it was read nor as it is to be: somebody changed it since.
    #[error("`{name}` was changed by somebody since it was read, and is left as it is")]
    FileChanged {
        /// The file, as messages call it.
        name: String,
    },
    /// A file of the user's cannot be read or written.
    #[error("`{name}`: {text}")]
    File {
        /// The file, as messages call it.
        name: String,
        /// What is wrong with it.
        text: String,
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
