//! How a verb can fail, and the exit code by which scripts tell it.

use bowline_compose::{LoadError, Mistake};
use bowline_core::{ExecuteError, PlanError, WantedError};
use bowline_engine::{ConnectError, EndpointError, EngineError};

/// Exit codes of every front end. They are a contract: a number never changes its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Done = 0,
    /// Failed for a reason that has no code of its own.
    Failed = 1,
    /// The Compose files or their variables are wrong.
    InvalidConfiguration = 3,
    /// The engine cannot be reached.
    EngineUnreachable = 4,
    /// A service did not become ready.
    HealthGate = 5,
    /// Failed, and what was done has been taken back.
    RolledBack = 6,
    /// Another operation holds the stack.
    Locked = 7,
    /// Refused, because data would be lost.
    DataProtected = 8,
    /// `doctor` found what is wrong; `net check` did not get there.
    CausesFound = 11,
    /// Something is not well, and `doctor` does not know why.
    Undetermined = 12,
    /// `doctor` or `net check` could not look.
    CouldNotLook = 13,
    /// The command line is wrong.
    Usage = 64,
    /// Interrupted by the user.
    Interrupted = 130,
}

/// Why a verb did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The project cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Nobody says where the engine is, or in a way that is not supported.
    #[error(transparent)]
    EngineEndpoint(#[from] EndpointError),
    /// The engine cannot be connected to.
    #[error("{error}")]
    EngineConnect {
        /// Why.
        error: ConnectError,
        /// What to do about it.
        hints: Vec<String>,
    },
    /// The engine did not do what was asked of it, or has gone.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The project cannot be carried out on an engine.
    #[error("{}", join(.0))]
    Unfit(Vec<WantedError>),
    /// There is no plan that leads there.
    #[error("{}", join(.0))]
    NoPlan(Vec<PlanError>),
    /// Another operation holds the stack.
    #[error("{message}")]
    Locked {
        /// Who, and since when.
        message: String,
        /// What to do next, a sentence each.
        hints: Vec<String>,
    },
    /// The files of a build are not there, or make no sense.
    #[error("{message}")]
    Build {
        /// Which, where they are asked for, and what is wrong with them.
        message: String,
        /// What to do next, a sentence each.
        hints: Vec<String>,
    },
    /// A recipe of the user's own cannot be used.
    #[error("{message}")]
    Recipe {
        /// Which, where in it, and what is wrong.
        message: String,
        /// What to do next, a sentence each.
        hints: Vec<String>,
    },
    /// What is there does not allow it.
    #[error("{message}")]
    State {
        /// What is there.
        message: String,
        /// What to do next, a sentence each.
        hints: Vec<String>,
    },
    /// Volumes would be destroyed, and nobody said that they may.
    #[error("project `{project}` keeps data in {}: nothing was changed", list(.volumes))]
    DataAtStake {
        /// The project.
        project: String,
        /// The volumes.
        volumes: Vec<String>,
    },
    /// The user was asked and did not agree.
    #[error("not confirmed: nothing was changed")]
    Declined,
    /// A request that contradicts itself or asks for what does not exist.
    #[error("{message}")]
    Usage {
        /// What is wrong with it.
        message: String,
        /// What to do instead.
        hint: Option<String>,
    },
}

/// Whether the files are right and only the command line names a service that is not in them.
fn is_about_the_request(error: &LoadError) -> bool {
    let mut problems = error.problems().iter();
    problems.all(|problem| matches!(problem.what, Mistake::NoSuchService { .. }))
}

fn join<E: std::fmt::Display>(errors: &[E]) -> String {
    let lines: Vec<String> = errors.iter().map(E::to_string).collect();
    lines.join("\n")
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

impl Failure {
    /// A failure for which only its words and what to do about it count.
    pub(crate) fn state(error: &dyn std::error::Error, hints: Vec<String>) -> Self {
        Self::State {
            message: error.to_string(),
            hints,
        }
    }

    /// What a plan needs from outside is not there.
    pub(crate) fn unfit_outside(errors: &[ExecuteError]) -> Self {
        let of_files: Vec<String> = errors.iter().flat_map(ExecuteError::file_hints).collect();
        if !of_files.is_empty() {
            return Self::State {
                message: join(errors),
                hints: of_files,
            };
        }
        let hints = errors.iter().flat_map(|error| match error {
            ExecuteError::Context { hints, .. } => hints.as_slice(),
            _ => &[],
        });
        Self::Build {
            message: join(errors),
            hints: hints.cloned().collect(),
        }
    }

    /// The exit code of this failure.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Load(error) if is_about_the_request(error) => ExitCode::Usage,
            Self::Load(_) | Self::Unfit(_) | Self::Build { .. } | Self::Recipe { .. } => {
                ExitCode::InvalidConfiguration
            }
            Self::EngineEndpoint(_) | Self::EngineConnect { .. } => ExitCode::EngineUnreachable,
            Self::Engine(error) if error.is_unreachable() => ExitCode::EngineUnreachable,
            Self::Locked { .. } => ExitCode::Locked,
            Self::NoPlan(errors) if errors.iter().any(PlanError::protects_data) => {
                ExitCode::DataProtected
            }
            Self::NoPlan(_) | Self::Engine(_) | Self::State { .. } => ExitCode::Failed,
            Self::DataAtStake { .. } | Self::Declined => ExitCode::DataProtected,
            Self::Usage { .. } => ExitCode::Usage,
        }
    }

    /// What to do next, a sentence each.
    pub fn hints(&self) -> Vec<String> {
        match self {
            // These carry their hints beside the mistakes that they belong to, or need none.
            Self::Load(_) | Self::Unfit(_) | Self::Declined => Vec::new(),
            Self::EngineEndpoint(error) => error.hints(),
            Self::EngineConnect { hints, .. }
            | Self::Locked { hints, .. }
            | Self::Build { hints, .. }
            | Self::Recipe { hints, .. }
            | Self::State { hints, .. } => hints.clone(),
            Self::Engine(error) => error.hints(),
            Self::NoPlan(errors) => errors.iter().flat_map(PlanError::hints).collect(),
            Self::DataAtStake { volumes, .. } => vec![
                format!(
                    "to destroy them without a question: `bowline down --destroy-volumes {}`",
                    volumes.join(",")
                ),
                "to keep them: `bowline down`".to_owned(),
            ],
            Self::Usage { hint, .. } => hint.iter().cloned().collect(),
        }
    }
}
