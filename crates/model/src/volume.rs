//! Volumes: as asked for, and as observed.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{Labels, TextMap};

/// Everything a volume is created with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct VolumeSpec {
    /// Name, unique on an engine.
    pub name: String,
    /// Driver; `None` is `local`.
    pub driver: Option<String>,
    /// Options for the driver.
    pub options: TextMap,
    /// Labels.
    pub labels: Labels,
}

/// A volume as an engine shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedVolume {
    /// What it is; the driver is always filled in.
    pub spec: VolumeSpec,
    /// When it was created, whole seconds by the engine's clock. Some drivers do not say.
    pub created: Option<Timestamp>,
    /// Where its data lies on the engine's host; empty for drivers that do not say.
    pub mountpoint: PathBuf,
}
