//! What is mounted into a container: as asked for, and as it is in effect.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::Labels;

/// One mount as it is asked for.
///
/// The engine has two doors for these (binds and mounts) that answer differently on an inspect; which one is
/// used follows from the fields and is not part of the spec.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountSpec {
    /// Where in the container, an absolute path.
    pub target: String,
    /// Not writable.
    pub read_only: bool,
    /// What is mounted.
    pub source: MountSource,
    /// Consistency requirement (`cached`, `delegated`, …), kept for Docker Desktop.
    pub consistency: Option<String>,
}

/// What a mount shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MountSource {
    /// A path of the host.
    Bind(BindSpec),
    /// A volume.
    Volume(VolumeMountSpec),
    /// A memory file system.
    Tmpfs(TmpfsSpec),
    /// The files of an image, read-only (API 1.48).
    Image(ImageMountSpec),
    /// A named pipe of a Windows host.
    NamedPipe {
        /// Path of the pipe.
        path: String,
    },
}

/// A path of the host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BindSpec {
    /// Path on the engine's host.
    pub path: String,
    /// Make the folder when there is none. Together with `propagation` or `recursive` it needs API 1.42.
    pub create_host_path: bool,
    /// `private`, `rprivate`, `shared`, `rshared`, `slave`, `rslave`; `None` is `rprivate`.
    pub propagation: Option<String>,
    /// What happens to mounts below the path.
    pub recursive: BindRecursive,
    /// `SELinux` relabelling. Engines know it only together with `create_host_path`.
    pub selinux: Option<SelinuxLabel>,
}

/// What a bind does with mounts below its path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BindRecursive {
    /// Takes them along, read-only where the engine can.
    #[default]
    Enabled,
    /// Leaves them out.
    Disabled,
    /// Takes them along writable under a read-only bind (API 1.44).
    Writable,
    /// Takes them along read-only, or refuses (API 1.44).
    ReadOnly,
}

/// How `SELinux` relabels a bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelinuxLabel {
    /// `z`: for several containers.
    Shared,
    /// `Z`: for this container alone.
    Private,
}

/// A volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeMountSpec {
    /// Name; `None` asks for an anonymous one that the engine names.
    pub name: Option<String>,
    /// Do not copy the image's files into the empty volume.
    pub no_copy: bool,
    /// Mount only this folder of it (API 1.45).
    pub subpath: Option<String>,
    /// Labels for the volume where this mount makes it.
    pub labels: Labels,
}

/// A memory file system.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TmpfsSpec {
    /// Limit; unset or 0 is half of the host's memory.
    pub size_bytes: Option<i64>,
    /// Permissions, as a number (`0o1777`).
    pub mode: Option<u32>,
}

/// Files of an image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageMountSpec {
    /// Reference or id.
    pub image: String,
    /// Mount only this folder of it.
    pub subpath: Option<String>,
}

/// One mount as it is in effect in a container; the order of several means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveMount {
    /// Where in the container.
    pub target: String,
    /// `bind`, `volume`, `tmpfs`, `image`, `npipe` or a word this build does not know.
    pub kind: String,
    /// The volume's name, where it is one.
    pub volume: Option<String>,
    /// The path on the host (of the volume's data, where it is one).
    pub source: PathBuf,
    /// Volume driver.
    pub driver: Option<String>,
    /// Writable.
    pub writable: bool,
    /// Propagation; empty for what has none.
    pub propagation: String,
    /// `SELinux` and other flags, in a spelling that depends on how it was asked for.
    pub mode: String,
}

impl EffectiveMount {
    /// Tells whether this is a volume that nobody named (64 hexadecimal digits).
    pub fn is_anonymous_volume(&self) -> bool {
        self.volume
            .as_deref()
            .is_some_and(|name| name.len() == 64 && name.bytes().all(|b| b.is_ascii_hexdigit()))
    }
}
