//! What goes through the queues and channels of a server, and the settings that name them.

use std::collections::BTreeSet;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::ToldText;

/// Queues and channels of a server by their names, and who is connected to it. Nothing that went through them is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrafficFact {
    /// Queues that have entries: 16 in each of 4 databases at most.
    pub queues: Vec<QueueFact>,
    /// Groups that read streams: of 16 streams in each of 4 databases at most.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<GroupFact>,
    /// Channels that somebody listens to by name, 64 at most.
    pub channels: BTreeSet<String>,
    /// How many patterns of channels somebody listens to.
    pub patterns: u64,
    /// Connected clients, those alike counted together and this look left out.
    pub clients: Vec<TalkerFact>,
}

/// A queue that has entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueFact {
    /// The database that it is in.
    pub database: u32,
    /// Its name.
    pub name: String,
    /// Its entries.
    pub length: u64,
}

/// A group of consumers that share the entries of a stream.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupFact {
    /// The database that the stream is in.
    pub database: u32,
    /// The stream.
    pub stream: String,
    /// The group.
    pub name: String,
    /// Entries that nobody of it was given yet; `None` where the server does not know (Redis before 7.0).
    pub waiting: Option<u64>,
}

/// Clients of a server that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TalkerFact {
    /// Where they are.
    pub remote: IpAddr,
    /// What they did last, in the server's word: `brpop`.
    pub last: String,
    /// Whether they listen to channels.
    pub listens: bool,
    /// How many.
    pub count: usize,
}

/// A setting that names a queue or a channel of a server of the stack, or has the key of one that does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SettingFact {
    /// Its key in small letters: `order_queue`.
    pub key: String,
    /// What it says.
    pub value: ToldText,
}

/// Whether a setting names a queue or channel as a whole or by a part between separators: `orders` is in `queue:orders`,
/// `bull:orders:wait` and `orders`, and not in `reorders`.
pub(crate) fn names_part(name: &str, setting: &str) -> bool {
    let is_separator = |it: char| ":./{}".contains(it);
    name.match_indices(setting).any(|(at, _)| {
        let before = name[..at].chars().next_back();
        let behind = name[at + setting.len()..].chars().next();
        before.is_none_or(is_separator) && behind.is_none_or(is_separator)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_setting_names_a_queue_as_a_whole_part() {
        for (name, setting, is_it) in [
            ("orders", "orders", true),
            ("queue:orders", "orders", true),
            ("bull:orders:wait", "orders", true),
            ("dev.orders", "dev", true),
            ("dev.orders", "dev.orders", true),
            ("reorders", "orders", false),
            ("orders-2", "orders", false),
        ] {
            assert_eq!(names_part(name, setting), is_it, "{setting} in {name}");
        }
    }
}
