//! Why a step is in a plan, in words that a person checks the plan by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One field that is not as it was or as it is wanted. Secret values are masked before they get here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The field, as people write it: `environment.TAG`, `ports`.
    pub field: String,
    /// What it is or was; `None` where it is not there.
    pub from: Option<String>,
    /// What it becomes; `None` where it goes.
    pub to: Option<String>,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.from, &self.to) {
            (None, Some(to)) => write!(f, "{} becomes {to}", self.field),
            (Some(from), None) => write!(f, "{} was {from} and goes", self.field),
            (Some(from), Some(to)) if from == to => write!(f, "{} changed", self.field),
            (Some(from), Some(to)) => write!(f, "{}: {from} → {to}", self.field),
            (None, None) => write!(f, "{} changed", self.field),
        }
    }
}

/// Why a step is in a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It is not there.
    Missing,
    /// The files say something else than the last time.
    Changed(Vec<Change>),
    /// It is not what it was made to be.
    Drifted(Vec<Change>),
    /// Its image was made of something else since.
    NewImage,
    /// It does not run.
    NotRunning,
    /// A job that has not ended well yet.
    JobNotDone,
    /// What a job was made with has changed.
    JobInputs(Vec<Change>),
    /// Another service is made again.
    DependencyRecreated(String),
    /// It is to take over from the container of this name.
    Replaces(String),
    /// Another container has taken over from it.
    Replaced,
    /// There are more containers than wanted.
    TooMany,
    /// No service of the project has this name.
    Orphan,
    /// A service waits for it.
    NeededBy(String),
    /// Everything that was started is waited for.
    Started,
    /// It was asked for.
    Requested,
    /// It mends what the doctor found; the code of that.
    Mends(String),
    /// The image's policy says so.
    Policy,
    /// What it is used by goes.
    Unused,
    /// Another network has its name, which engines allow.
    Doubled,
    /// The engine was killed while it started it, and cannot start it any more.
    Lost,
    /// An operation whose process died made it and did not get to its end.
    HalfMade,
    /// It takes back an earlier step.
    Undoes(String),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Changed(changes) => write_changes(f, "changed", changes),
            Self::Drifted(changes) => write_changes(f, "drifted", changes),
            Self::NewImage => f.write_str("its image has changed"),
            Self::NotRunning => f.write_str("not running"),
            Self::JobNotDone => f.write_str("job not done"),
            Self::JobInputs(changes) => write_changes(f, "job inputs changed", changes),
            Self::DependencyRecreated(service) => write!(f, "{service} is recreated"),
            Self::Replaces(name) => write!(f, "replaces {name}"),
            Self::Replaced => f.write_str("replaced"),
            Self::TooMany => f.write_str("more than wanted"),
            Self::Orphan => f.write_str("no service of the project"),
            Self::NeededBy(service) => write!(f, "needed by {service}"),
            Self::Started => f.write_str("started"),
            Self::Requested => f.write_str("requested"),
            Self::Mends(code) => write!(f, "mends {code}"),
            Self::Policy => f.write_str("pull policy"),
            Self::Unused => f.write_str("no longer used"),
            Self::Doubled => f.write_str("another network has its name"),
            Self::Lost => f.write_str("the engine lost track of it when it was killed"),
            Self::HalfMade => f.write_str("left half made by an operation that died"),
            Self::Undoes(step) => write!(f, "undoes: {step}"),
        }
    }
}

fn write_changes(f: &mut fmt::Formatter<'_>, word: &str, changes: &[Change]) -> fmt::Result {
    f.write_str(word)?;
    for (index, change) in changes.iter().enumerate() {
        write!(f, "{} {change}", if index == 0 { ":" } else { "," })?;
    }
    Ok(())
}
