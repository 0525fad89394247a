//! Files of containers, and what the host has.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A path in a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FileFact {
    /// The container.
    pub container: String,
    /// The path.
    pub path: String,
    /// What is there; `None` where nothing is.
    pub there: Option<FileThere>,
    /// How full the file system is that it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<Room>,
}

/// What is at a path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileThere {
    /// What it is.
    pub sort: FileSort,
    /// Permissions, `0o7777` at most.
    pub mode: u32,
    /// Owner and group by number, where they can be seen.
    pub owner: Option<(u32, u32)>,
    /// Size in bytes.
    pub size_bytes: u64,
    /// When its content was changed.
    pub modified: Option<Timestamp>,
    /// Whether nothing is in it, for a folder; `None` where nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_empty: Option<bool>,
    /// When the newest of what is in it was changed, for a folder; `None` where nothing is, or nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newest: Option<Timestamp>,
    /// What its beginning tells, for a file that somebody runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub head: Option<FileHead>,
}

/// Sorts of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileSort {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link that leads nowhere, or too far.
    Link,
    /// Something else.
    Other,
}

/// What the first bytes of a file tell about how it is run. The bytes themselves are not kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileHead {
    /// A program for this sort of processor, as its ELF header says it: `x86_64`, `aarch64` or a number.
    Program(String),
    /// A script.
    Script {
        /// What its first line asks for.
        interpreter: String,
        /// Whether that line ends with a carriage return, as files from Windows do.
        has_carriage_return: bool,
    },
    /// Text without a first line that says what runs it.
    Text,
    /// Nothing at all.
    Empty,
    /// One short line that holds nothing but a number of a version.
    Version(String),
    /// Other bytes.
    Other,
}

/// How full a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Room {
    /// Its size in bytes.
    pub total_bytes: u64,
    /// What is left for programs without special rights.
    pub available_bytes: u64,
    /// How many files it can have; 0 where that has no limit.
    pub total_inodes: u64,
    /// How many more.
    pub free_inodes: u64,
    /// Nothing can be written there.
    pub is_read_only: bool,
}

/// A port of the host that a container wants and did not get.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PortFact {
    /// The port with its protocol: `8080/tcp`.
    pub port: String,
    /// The container that has it published.
    pub container: Option<String>,
    /// The project of that container.
    pub project: Option<String>,
    /// The process of the host that listens there, its name and number.
    pub process: Option<(String, u32)>,
}

/// A name that a service wants for its container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NameFact {
    /// The name.
    pub name: String,
    /// Whether a container has it.
    pub is_taken: bool,
    /// The project of that container.
    pub project: Option<String>,
    /// The service of that container.
    pub service: Option<String>,
}

/// The engine's host, as the engine tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostFact {
    /// Its processor, in the spelling of images: `amd64`.
    pub processor: String,
    /// The folder in which the engine keeps everything.
    pub folder: String,
    /// Security options of the engine: `name=selinux`, `name=rootless`.
    pub security: Vec<String>,
    /// By how many milliseconds at least its clock is ahead of the one of the host that looks; less than none where it is
    /// behind. `None` where the two agree to within 2 s, and where nobody compared them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead_millis: Option<i64>,
}
