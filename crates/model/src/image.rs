//! Images as observed.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Argv, EnvSpec, HealthcheckSpec, Labels, PortKey};

/// The engine's id of an image, `sha256:` and 64 hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ImageId(pub String);

impl ImageId {
    /// The first twelve digits, as people read them.
    pub fn short(&self) -> &str {
        let digits = self.0.strip_prefix("sha256:").unwrap_or(&self.0);
        digits.get(..12).unwrap_or(digits)
    }
}

impl std::fmt::Display for ImageId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image as an engine shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedImage {
    /// Id.
    pub id: ImageId,
    /// References that point to it (`name:tag`).
    pub tags: Vec<String>,
    /// References by digest (`name@sha256:…`), known for what came from a registry.
    pub digests: Vec<String>,
    /// When it was built; reproducible builds say anything here.
    pub created: Option<Timestamp>,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// Size in bytes, shared layers included.
    pub size_bytes: i64,
    /// What a container of it gets where its spec says nothing.
    pub config: ImageConfig,
}

/// What a container gets from its image where its spec says nothing.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// Environment.
    pub env: EnvSpec,
    /// Entrypoint.
    pub entrypoint: Option<Argv>,
    /// Command.
    pub command: Option<Argv>,
    /// Labels.
    pub labels: Labels,
    /// Ports it says it opens.
    pub exposed: BTreeSet<PortKey>,
    /// Paths that become anonymous volumes.
    pub volumes: BTreeSet<String>,
    /// Healthcheck.
    pub healthcheck: Option<HealthcheckSpec>,
    /// User.
    pub user: Option<String>,
    /// Working folder.
    pub working_dir: Option<String>,
    /// Stop signal.
    pub stop_signal: Option<String>,
    /// Shell for commands and healthchecks in shell form; empty means `/bin/sh -c`.
    pub shell: Vec<String>,
}
