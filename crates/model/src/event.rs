//! What an engine reports as it happens.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Kinds of objects that steps and events are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ObjectKind {
    /// A container.
    Container,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// An image.
    Image,
    /// A process started in a running container.
    Exec,
    /// A file of the user's, which no engine holds.
    File,
}

impl std::fmt::Display for ObjectKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Container => "container",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Image => "image",
            Self::Exec => "exec",
            Self::File => "file",
        })
    }
}

/// One event. The engine keeps the last 256 of them, and forgets them when it restarts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineEvent {
    /// When, by the engine's clock.
    pub at: Timestamp,
    /// What it is about.
    pub kind: ObjectKind,
    /// What happened.
    pub action: EventAction,
    /// Id of the object; a volume's is its name.
    pub id: String,
    /// Facts about it: a container's labels, `name`, `image` and for `die` the `exitCode`; a network's `name`
    /// and, for connect and disconnect, `container`. Networks' and volumes' events carry no labels.
    pub attributes: BTreeMap<String, String>,
}

impl EngineEvent {
    /// Exit code of a container that ended.
    pub fn exit_code(&self) -> Option<i64> {
        self.attributes.get("exitCode")?.parse().ok()
    }
}

/// What happened to an object.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventAction {
    /// Created. Docker 20.10 also reports it of an existing volume that a container is created with.
    Create,
    /// Started.
    Start,
    /// Its main process ended.
    Die,
    /// A signal was sent.
    Kill,
    /// A process in it was killed for want of memory.
    Oom,
    /// Stopped on request; engines report it after `Die` (20.10) or before it (28).
    Stop,
    /// Restarted on request.
    Restart,
    /// Frozen.
    Pause,
    /// No longer frozen.
    Unpause,
    /// Has another name.
    Rename,
    /// Removed.
    Destroy,
    /// The engine's verdict on its health changed; the word is the engine's.
    Health(String),
    /// A container joined a network.
    Connect,
    /// A container left a network.
    Disconnect,
    /// A volume is mounted into a container that starts.
    Mount,
    /// A volume is no longer mounted.
    Unmount,
    /// Pulled.
    Pull,
    /// Given a reference.
    Tag,
    /// Lost a reference.
    Untag,
    /// Removed (images).
    Delete,
    /// Anything else, in the engine's words; execs append their command after a colon.
    Other(String),
}

/// The actions whose word is fixed.
const WORDS: &[(&str, EventAction)] = &[
    ("create", EventAction::Create),
    ("start", EventAction::Start),
    ("die", EventAction::Die),
    ("kill", EventAction::Kill),
    ("oom", EventAction::Oom),
    ("stop", EventAction::Stop),
    ("restart", EventAction::Restart),
    ("pause", EventAction::Pause),
    ("unpause", EventAction::Unpause),
    ("rename", EventAction::Rename),
    ("destroy", EventAction::Destroy),
    ("connect", EventAction::Connect),
    ("disconnect", EventAction::Disconnect),
    ("mount", EventAction::Mount),
    ("unmount", EventAction::Unmount),
    ("pull", EventAction::Pull),
    ("tag", EventAction::Tag),
    ("untag", EventAction::Untag),
    ("delete", EventAction::Delete),
];

impl EventAction {
    /// Reads the engine's word.
    pub fn from_word(word: &str) -> Self {
        if let Some(health) = word.strip_prefix("health_status") {
            return Self::Health(health.trim_start_matches([':', ' ']).to_owned());
        }
        WORDS.iter().find(|(known, _)| *known == word).map_or_else(
            || Self::Other(word.to_owned()),
            |(_, action)| action.clone(),
        )
    }

    /// Writes the engine's word, as its filters want it.
    pub fn word(&self) -> &str {
        match self {
            Self::Health(_) => "health_status",
            Self::Other(word) => word,
            known => WORDS
                .iter()
                .find(|(_, action)| action == known)
                .map_or("", |(word, _)| word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_read_and_written_and_unknown_ones_are_kept() {
        for (word, action) in WORDS {
            assert_eq!(&EventAction::from_word(word), action);
            assert_eq!(action.word(), *word);
        }
        assert_eq!(
            EventAction::from_word("health_status: healthy"),
            EventAction::Health("healthy".into())
        );
        assert_eq!(
            EventAction::from_word("exec_die"),
            EventAction::Other("exec_die".into())
        );
    }
}
