//! What the files say.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::Place;
use bowline_model::carried::Oddity;
use serde::{Deserialize, Serialize};

use super::Mount;

/// A service, as the files have it.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a plain fact of its own, and recordings have them by name"
)]
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ServiceFact {
    /// Whether it is a part of the stack as it was asked for; one behind a profile may not be.
    pub is_enabled: bool,
    /// How many containers are wanted of it.
    pub replicas: u64,
    /// The image.
    pub image: String,
    /// The name that its container is to have.
    pub container_name: Option<String>,
    /// What it needs, and what of that it waits for: `service_started`, `service_healthy`, `service_completed_successfully`.
    pub depends_on: BTreeMap<String, String>,
    /// Its environment, secrets by number. `None` is a name without a value.
    pub environment: BTreeMap<String, Option<String>>,
    /// Its networks, by the names that the engine has for them.
    pub networks: BTreeSet<String>,
    /// The network's mode, where it is on no network of its own.
    pub network_mode: Option<String>,
    /// Restart policy; empty is none.
    pub restart: String,
    /// What is to be mounted. A relative source of a folder is made absolute.
    pub mounts: Vec<Mount>,
    /// Whether it has a healthcheck of its own.
    pub has_healthcheck: bool,
    /// The profiles that it is behind.
    pub profiles: Vec<String>,
    /// Whether it may do on the host what root may.
    pub is_privileged: bool,
    /// The most memory that it may use, in bytes.
    pub memory_bytes: Option<u64>,
    /// Ports that it publishes: the address of the host (empty is all), its port, and the port inside.
    pub published: Vec<(String, String, u16)>,
    /// Whether its image is built from the files.
    pub is_built: bool,
    /// Whether its log has a driver or options of its own.
    pub has_log_settings: bool,
    /// What is odd about secret values in its environment, by their keys.
    pub odd: BTreeMap<String, BTreeSet<Oddity>>,
    /// Ports that it names for others on its networks: `8080/tcp`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub expose: Vec<String>,
    /// Variables that hold a secret whose value stands in a Compose file itself, with the place.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub in_clear: BTreeMap<String, Place>,
    /// Variables that hold a secret which is too weak to be kept out of what is shown.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub weak: BTreeMap<String, Weakness>,
    /// What the files do not limit.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub unlimited: BTreeSet<Unlimited>,
}

/// Why a secret cannot be hidden in running text: it would be found in innocent words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Weakness {
    /// It has fewer than six characters.
    Short,
    /// It is also a name of the project: of a service, a network, a volume, an image.
    Name,
}

/// Something of the host that a service may use up where nothing limits it; memory has a field of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unlimited {
    /// The processors.
    Processors,
    /// The numbers of processes.
    Processes,
}

/// A variable that the files use, that is not set, and that became empty.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EmptyVariable {
    /// Its name.
    pub name: String,
    /// The fields in which it stands: `services.web.environment.TITLE`.
    pub fields: Vec<String>,
}
