//! Operations: plans that were carried out, by whom, and how they ended.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::FileChange;
use crate::{StepId, Wanted};

/// Id of an operation: `op-` and twelve letters or digits, unique in a stack's journal and on its engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OperationId(pub String);

impl fmt::Display for OperationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who asked for an operation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The user's name.
    pub user: String,
    /// The machine's name.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
}

impl fmt::Display for Actor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{} (process {})", self.user, self.host, self.pid)
    }
}

/// What the user wants.
///
/// Complete enough to plan again after a crash without the files it came from. Serialising writes secrets in
/// full; the journal stores it encrypted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "goal")]
pub enum Goal {
    /// The stack, or some of its services with what they depend on, is there and runs.
    Up {
        /// What is wanted.
        wanted: Box<Wanted>,
        /// Make these again although nothing changed.
        recreate: Vec<String>,
        /// Remove containers of services that are no longer declared.
        remove_orphans: bool,
        /// Wait until everything is ready.
        wait: bool,
    },
    /// The stack is gone, its volumes aside.
    Down {
        /// Volumes to remove, by name.
        volumes: Vec<String>,
        /// Remove containers of services that are not declared, too.
        remove_orphans: bool,
        /// Seconds until a container is killed.
        grace_secs: Option<i64>,
    },
    /// These services run, as they are.
    Start {
        /// Names.
        services: Vec<String>,
    },
    /// These services are stopped.
    Stop {
        /// Names.
        services: Vec<String>,
        /// Seconds until a container is killed.
        grace_secs: Option<i64>,
    },
    /// These services are stopped and started.
    Restart {
        /// Names.
        services: Vec<String>,
        /// Seconds until a container is killed.
        grace_secs: Option<i64>,
    },
    /// These services stand still.
    Pause {
        /// Names.
        services: Vec<String>,
    },
    /// These services go on from where they were frozen.
    Unpause {
        /// Names.
        services: Vec<String>,
    },
    /// These jobs run once more.
    Rerun {
        /// What is wanted of the stack.
        wanted: Box<Wanted>,
        /// Names of the jobs.
        jobs: Vec<String>,
    },
    /// What the doctor found is mended by reaching another goal.
    Remedy {
        /// Code of the finding: `D101`.
        code: String,
        /// The files of the user's that are changed first.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        changes: Vec<FileChange>,
        /// What mends it then.
        by: Box<Goal>,
    },
    /// An earlier operation is taken back.
    Undo {
        /// Which.
        operation: OperationId,
    },
}

impl Goal {
    /// The verb that asks for it.
    pub fn verb(&self) -> &'static str {
        match self {
            Self::Up { .. } => "up",
            Self::Down { .. } => "down",
            Self::Start { .. } => "start",
            Self::Stop { .. } => "stop",
            Self::Restart { .. } => "restart",
            Self::Pause { .. } => "pause",
            Self::Unpause { .. } => "unpause",
            Self::Rerun { .. } => "rerun",
            Self::Remedy { by, .. } => by.verb(),
            Self::Undo { .. } => "undo",
        }
    }

    /// The files of the user's that are to be changed.
    pub fn changes(&self) -> &[FileChange] {
        match self {
            Self::Remedy { changes, .. } => changes,
            _ => &[],
        }
    }

    /// What is wanted of the stack, where the goal says so.
    pub fn wanted(&self) -> Option<&Wanted> {
        match self {
            Self::Up { wanted, .. } | Self::Rerun { wanted, .. } => Some(wanted),
            Self::Remedy { by, .. } => by.wanted(),
            Self::Down { .. }
            | Self::Start { .. }
            | Self::Stop { .. }
            | Self::Restart { .. }
            | Self::Pause { .. }
            | Self::Unpause { .. }
            | Self::Undo { .. } => None,
        }
    }
}

impl fmt::Display for Goal {
    /// What was asked for, and because of which finding: `up`, `unpause for D101`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.verb())?;
        match self {
            Self::Remedy { code, .. } => write!(f, " for {code}"),
            _ => Ok(()),
        }
    }
}

/// How an operation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum Outcome {
    /// It runs, or its process died: nobody has said how it ended.
    Open,
    /// Everything was done.
    Done,
    /// A step failed; what was done stays.
    Failed {
        /// The step.
        step: StepId,
        /// Why, without secrets.
        error: String,
    },
    /// The user interrupted it.
    Interrupted,
    /// A later operation took over what it left.
    Superseded {
        /// Which.
        by: OperationId,
    },
    /// It was taken back.
    Undone {
        /// By which operation.
        by: OperationId,
    },
    /// An undo failed; a person is needed.
    Stuck {
        /// What is where, without secrets.
        state: String,
    },
}

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum StepOutcome {
    /// It was written down, and nobody has said how it ended.
    Open,
    /// Done; the id of what it made, if it made something.
    Done {
        /// Id of the container, network or image; name of the volume.
        made: Option<String>,
        /// Found done already: nothing was changed.
        already: bool,
    },
    /// It failed and changed nothing, as far as is known.
    Failed {
        /// Why, without secrets.
        error: String,
    },
    /// Whether it was done cannot be found out.
    Unknown {
        /// Why not.
        because: String,
    },
}

/// An operation as the journal shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Operation {
    /// Its id.
    pub id: OperationId,
    /// The verb, and the code of the finding that it is to mend, if it is: `unpause for D101`.
    pub verb: String,
    /// Who asked for it.
    pub actor: Actor,
    /// When it began.
    pub began: Timestamp,
    /// When it ended, if it has.
    pub ended: Option<Timestamp>,
    /// How it ended.
    pub outcome: Outcome,
    /// The operation that this one takes back, if it is an undo.
    pub undoes: Option<OperationId>,
}
