//! What follows from facts: claims that name what would refute them.

use bowline_model::{EventAction, Place};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A code. It never changes its meaning, and no other finding ever gets it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Code(pub &'static str);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// How sure a finding is. Words with a meaning, not a scale of feelings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Confidence {
    /// The symptom is there, and nothing that decides was seen.
    Possible,
    /// Something that decides was seen, and not everything that could have refuted it could be looked at.
    Likely,
    /// Everything that decides was seen, and every look-alike is ruled out by something that was seen.
    Certain,
}

/// One fact of [`Facts`](crate::Facts), by which a diagnosis can be asked what it would say without it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FactRef {
    /// What a container does, its exit code, and why it was not started.
    State(String),
    /// Whether the engine says that it was killed for want of memory.
    OutOfMemory(String),
    /// How often it was started again, and its policy.
    Restarts(String),
    /// What it may use.
    Limits(String),
    /// Its healthcheck, and what came of it.
    Health(String),
    /// Something that the engine reported.
    Event {
        /// The container.
        container: String,
        /// When.
        at: Timestamp,
        /// What.
        action: EventAction,
    },
}

/// A fact, as it is shown for a claim.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The fact.
    pub fact: FactRef,
    /// When it was so, where that is known.
    pub at: Option<Timestamp>,
    /// What was seen, in the words of its source.
    pub text: String,
    /// What that proves.
    pub proves: String,
}

/// Something that looks alike and is not the cause, with what shows it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RuledOut {
    /// Its code.
    pub code: Code,
    /// The fact that rules it out.
    pub by: Evidence,
}

/// What is to be mended.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Culprit {
    /// What it is.
    pub kind: CulpritKind,
    /// Its name.
    pub name: String,
    /// The field of the Compose file that says it, where one does: `services.api.mem_limit`.
    pub field: Option<String>,
    /// Where that field is written, filled in by whoever has the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// What can be to blame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CulpritKind {
    /// A service.
    Service,
    /// A container that belongs to no service.
    Container,
}

/// A claim about what is broken.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// Its code.
    pub code: Code,
    /// How sure it is.
    pub confidence: Confidence,
    /// What is to be mended.
    pub culprit: Culprit,
    /// The claim, a sentence.
    pub claim: String,
    /// What decides it.
    pub evidence: Vec<Evidence>,
    /// What looks alike and is ruled out.
    pub ruled_out: Vec<RuledOut>,
    /// What looks alike and is not ruled out.
    pub not_ruled_out: Vec<Code>,
    /// What mends it.
    pub fix: Option<Fix>,
    /// The services that are not well because of it, by their names; not the culprit itself.
    pub affects: Vec<String>,
}

/// What mends something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What to do, in words and with the commands for it.
    pub text: String,
    /// What that may cost.
    pub safety: Safety,
}

/// What mending may cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Safety {
    /// Containers are made again; data stays.
    Restart,
    /// Somebody has to decide something first.
    NeedsYou,
}
