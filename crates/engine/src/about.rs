//! Who an engine is.

use bowline_model::ApiVersion;

use crate::Endpoint;

/// Who an engine is and what it runs on: read once, when it was connected to.
#[derive(Clone, Debug, PartialEq)]
pub struct About {
    /// The id that tells this engine from others for as long as its data lives. Podman makes up a new one with
    /// every answer, so for it this is made of its host's name and its storage folder.
    pub id: String,
    /// Which program it is.
    pub kind: EngineKind,
    /// The program's version, in its own spelling.
    pub version: String,
    /// The version of the API that is spoken with it, and sent with every request.
    pub api: ApiVersion,
    /// The newest version of the API that it offers.
    pub newest_api: ApiVersion,
    /// How it was reached.
    pub endpoint: Endpoint,
    /// Name of its host.
    pub host_name: String,
    /// `linux` or `windows`.
    pub os: String,
    /// Architecture, in the spelling of images (`amd64`, `arm64`).
    pub arch: String,
    /// CPUs it has.
    pub cpus: usize,
    /// Memory of its host in bytes.
    pub memory_bytes: u64,
    /// Folder in which it keeps everything.
    pub root_dir: String,
    /// How it stores layers.
    pub storage_driver: String,
    /// `1` or `2`, or empty where there are no control groups.
    pub cgroup_version: String,
    /// Its security options, such as `name=rootless` or `name=userns`.
    pub security_options: Vec<String>,
}

impl About {
    /// Tells whether it runs without root's rights.
    pub fn is_rootless(&self) -> bool {
        self.security_options
            .iter()
            .any(|option| option.contains("rootless"))
    }
}

/// Which program an engine is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// Docker Engine, Moby.
    Docker,
    /// Podman, by its Docker-compatible API.
    Podman,
    /// The scripted one of tests.
    Fake,
}
