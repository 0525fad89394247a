//! What bowline itself noted.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A step that the last operation could not do, or a wait in it that ended without success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotDone {
    /// When it failed.
    pub at: Option<Timestamp>,
    /// The service it was for.
    pub service: Option<String>,
    /// What was to be done, in the words of the plan.
    pub step: String,
    /// Whether it was a wait until a service is ready.
    pub is_wait: bool,
    /// Why it failed, in the words of the engine or of the wait.
    pub error: String,
}

/// A field in which a container is not as it is wanted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Changed {
    /// The field, as people write it: `environment.TAG`. No value is kept.
    pub field: String,
    /// The files say something else than when it was made; otherwise somebody changed the container.
    pub by_files: bool,
}

/// An engine that could not be reached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NoEngine {
    /// Where it was looked for: `unix:///run/docker.sock`.
    pub endpoint: String,
    /// The variable that says so, where one does.
    pub variable: Option<String>,
    /// Why not.
    pub why: WhyNoEngine,
    /// The same in words.
    pub text: String,
    /// What to do about it, a sentence each.
    pub hints: Vec<String>,
}

/// Why an engine could not be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyNoEngine {
    /// There is no such socket.
    NoSocket,
    /// This user may not open it.
    PermissionDenied,
    /// Nobody listens behind it.
    Refused,
    /// Something else.
    Other,
}

/// An engine that has containers of the project, while the one that was asked has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Elsewhere {
    /// The engine that was asked.
    pub asked: String,
    /// The variable that says that it is to be asked, where one does.
    pub variable: Option<String>,
    /// The engine that has them.
    pub endpoint: String,
    /// How many.
    pub containers: usize,
}

/// A mistake for which the files cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Circle {
    /// Services, each of which depends on the next one; the first stands at the end again.
    pub services: Vec<String>,
}

/// A variable that this shell sets, while the file of variables says something else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overriding {
    /// Its name.
    pub variable: String,
    /// The fields that would be others without it: `services.web.environment.TITLE`, or `services.web`.
    pub fields: Vec<String>,
}
