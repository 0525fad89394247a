//! Why the journal did not take or give something.

use std::path::{Path, PathBuf};

use bowline_model::{OperationId, StepId};
use rusqlite::ErrorCode;

use crate::{FileError, FileProblem, LockLost, SealError};

/// Why the journal did not take or give something. After an error of an append nothing of it was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// Its folder or file cannot be made.
    #[error("the journal {0}")]
    File(#[from] FileError),
    /// Its file cannot be used as a journal, or not now.
    #[error("the journal `{}` {problem}", path.display())]
    Storage {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        problem: StorageProblem,
    },
    /// There is no such operation.
    #[error("the journal knows no operation `{0}`")]
    UnknownOperation(OperationId),
    /// The operation has no such step.
    #[error("operation `{operation}` did not begin a step {step}")]
    UnknownStep {
        /// The operation.
        operation: OperationId,
        /// The step.
        step: StepId,
    },
    /// An operation of this id has begun already.
    #[error("operation `{0}` has begun already")]
    BegunAlready(OperationId),
    /// A step of this number has begun already.
    #[error("step {step} of operation `{operation}` has begun already")]
    IntendedAlready {
        /// The operation.
        operation: OperationId,
        /// The step.
        step: StepId,
    },
    /// What an operation is does not allow what it is to become.
    #[error("operation `{operation}` is {from}, it cannot become {to}")]
    Illegal {
        /// The operation.
        operation: OperationId,
        /// What it is.
        from: &'static str,
        /// What it was to become.
        to: &'static str,
    },
    /// What a step is does not allow what it is to become.
    #[error("step {step} of operation `{operation}` is {from}, it cannot become {to}")]
    IllegalStep {
        /// The operation.
        operation: OperationId,
        /// The step.
        step: StepId,
        /// What it is.
        from: &'static str,
        /// What it was to become.
        to: &'static str,
    },
    /// An operation was to end while steps of it have no outcome.
    #[error(
        "operation `{operation}` has steps without an outcome: {}",
        list(steps)
    )]
    OpenSteps {
        /// The operation.
        operation: OperationId,
        /// The steps.
        steps: Vec<StepId>,
    },
    /// An earlier operation has not ended, and the new one does not take it over.
    #[error("an earlier operation has not ended: {}", list(operations))]
    StillOpen {
        /// The operations.
        operations: Vec<OperationId>,
    },
    /// A sealed part does not open.
    #[error("{what} cannot be read: {reason}")]
    Sealed {
        /// Of what.
        what: String,
        /// Why.
        reason: SealError,
    },
    /// What is to be written holds secrets, and there is no key to seal them with.
    #[error("`{verb}` needs the host key, and there is none that can be used")]
    NeedsKey {
        /// What was to be done.
        verb: &'static str,
    },
    /// A value cannot be written, or what was read is not one.
    #[error("{what} cannot be understood: {text}")]
    Encoding {
        /// Of what.
        what: &'static str,
        /// Where it stopped making sense; never its contents.
        text: String,
    },
    /// The lock of the stack is not held any more, so nothing more may be begun.
    #[error(transparent)]
    LockLost(#[from] LockLost),
    /// The journal was closed.
    #[error("the journal is closed")]
    Closed,
}

/// Why a journal's file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageProblem {
    /// A newer bowline wrote it. Nothing was changed.
    #[error("was written by a newer bowline (schema {found}, this one knows {known})")]
    NewerSchema {
        /// Its schema.
        found: i32,
        /// The newest that this bowline knows.
        known: i32,
    },
    /// It is some other file.
    #[error("is not a journal of bowline's")]
    NotAJournal,
    /// It belongs to another stack: a folder was copied or renamed.
    #[error("belongs to project `{project}` on engine `{engine}`")]
    OtherStack {
        /// Id of its engine.
        engine: String,
        /// Its project.
        project: String,
    },
    /// The user may not open it.
    #[error("may not be opened by this user")]
    Denied,
    /// It cannot be written.
    #[error("cannot be written: it or its file system is read-only")]
    ReadOnly,
    /// The disk is full.
    #[error("cannot grow: the disk is full")]
    Full,
    /// Another process held it for too long.
    #[error("is held by another process")]
    Busy,
    /// It is damaged.
    #[error("is damaged: {0}")]
    Damaged(String),
    /// Anything else, in SQLite's words.
    #[error("cannot be used: {0}")]
    Other(String),
}

fn list<T: ToString>(items: &[T]) -> String {
    let items: Vec<String> = items
        .iter()
        .map(|item| format!("`{}`", item.to_string()))
        .collect();
    items.join(", ")
}

impl JournalError {
    /// What the user can do about it, most likely first.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Storage { path, problem } => problem.hints(path),
            Self::StillOpen { .. } => vec![
                "`bowline resume` goes on with it, `bowline undo` takes it back, `bowline up` takes it over".into(),
            ],
            Self::Sealed { reason: SealError::OtherKey { .. } | SealError::NoKey, .. } => vec![
                "put the old host key back".into(),
                "or bring the stack to what you want with `bowline up`".into(),
            ],
            Self::NeedsKey { .. } => vec!["make the host key usable; `ps`, `history`, `logs`, `start`, `stop` and `down` work without it".into()],
            _ => Vec::new(),
        }
    }

    /// Whether nothing could be written because the disk is full.
    pub fn is_full(&self) -> bool {
        matches!(
            self,
            Self::Storage {
                problem: StorageProblem::Full,
                ..
            } | Self::File(FileError {
                problem: FileProblem::Full,
                ..
            })
        )
    }

    /// Names the file where that is still missing.
    pub(super) fn at(self, file: &Path) -> Self {
        match self {
            Self::Storage { path, problem } if path.as_os_str().is_empty() => Self::Storage {
                path: file.to_owned(),
                problem,
            },
            other => other,
        }
    }
}

impl StorageProblem {
    fn hints(&self, path: &Path) -> Vec<String> {
        let path = path.display();
        match self {
            Self::NewerSchema { .. } => vec!["update bowline".into()],
            Self::NotAJournal => vec![format!("move `{path}` away; a new journal is begun")],
            Self::OtherStack { .. } => vec![format!("put `{path}` back where it was copied from")],
            Self::Denied | Self::ReadOnly => vec![format!("look at the permissions of `{path}` and its folder")],
            Self::Full => vec![format!("free space on the disk of `{path}`")],
            Self::Busy => vec!["try again; if it stays, look for a process that has the file open".into()],
            Self::Damaged(_) => vec![
                format!("copy `{path}` and its `-wal` away and look at them with `sqlite3 … .recover`"),
                "containers are not touched by this; without the file, `bowline up` works, `undo` does not".into(),
            ],
            Self::Other(_) => Vec::new(),
        }
    }
}

impl From<StorageProblem> for JournalError {
    /// The file is named later, by `JournalError::at`.
    fn from(problem: StorageProblem) -> Self {
        Self::Storage {
            path: PathBuf::new(),
            problem,
        }
    }
}

impl From<rusqlite::Error> for JournalError {
    fn from(error: rusqlite::Error) -> Self {
        let Some(code) = error.sqlite_error_code() else {
            return StorageProblem::Other(error.to_string()).into();
        };
        let problem = match code {
            ErrorCode::DiskFull => StorageProblem::Full,
            ErrorCode::ReadOnly => StorageProblem::ReadOnly,
            ErrorCode::CannotOpen | ErrorCode::PermissionDenied => StorageProblem::Denied,
            ErrorCode::NotADatabase => StorageProblem::NotAJournal,
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => StorageProblem::Busy,
            ErrorCode::DatabaseCorrupt => StorageProblem::Damaged(error.to_string()),
            _ => StorageProblem::Other(error.to_string()),
        };
        problem.into()
    }
}
