//! What platforms say that are no engine: a cloud of apps with vaults, and nodes of Kubernetes.
//!
//! Nothing here asks such a platform. A recording may hold what one said, and is diagnosed like any other.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What a platform said of what it runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PlatformFact {
    /// Apps of Azure Container Apps.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub apps: Vec<AppFact>,
    /// Who may do what, as `az role assignment list` says it; `None` where nobody asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub roles: Option<Vec<RoleFact>>,
    /// Servers of k3s.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nodes: Vec<NodeFact>,
}

impl PlatformFact {
    /// Whether nothing was said.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// An app, as `az containerapp show` and its newest revision tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppFact {
    /// Its name.
    pub name: String,
    /// Whether its newest revision is well, in the platform's word: `Healthy`, `Unhealthy`; `None` where it says nothing.
    #[serde(default)]
    pub health: Option<String>,
    /// Its identities, each with the principal that it stands for: `system`, or the id of one that was attached.
    #[serde(default)]
    pub identities: BTreeMap<String, String>,
    /// Its secrets that are kept in a vault.
    #[serde(default)]
    pub secrets: Vec<VaultSecretFact>,
}

/// A secret of an app that is read from a vault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultSecretFact {
    /// Its name in the app.
    pub name: String,
    /// The name of the vault.
    pub vault: String,
    /// The identity by which it is read: `system`, or the id of one.
    pub identity: String,
}

/// That a principal may do something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleFact {
    /// The principal.
    pub principal: String,
    /// The role, by its name: `Key Vault Secrets User`.
    pub role: String,
    /// Where: the path of a resource, or of what it is in.
    pub scope: String,
}

/// A server of k3s, as its files and its host tell of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeFact {
    /// Its name.
    pub name: String,
    /// The address that it keeps of itself (`node-ip`).
    pub kept: String,
    /// The names and addresses that its certificate is for.
    pub certificate_names: Vec<String>,
    /// The addresses that its host has now.
    pub addresses: Vec<String>,
    /// How often its unit was started again.
    #[serde(default)]
    pub restarts: u64,
}
