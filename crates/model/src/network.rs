//! Networks: as asked for, and as observed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ContainerId, Labels, TextMap};

/// The engine's id of a network. Names are not unique; ids are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetworkId(pub String);

impl std::fmt::Display for NetworkId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything a network is created with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkSpec {
    /// Name, which the engine does not keep unique.
    pub name: String,
    /// Driver; `None` is the engine's default (`bridge`).
    pub driver: Option<String>,
    /// Options for the driver.
    pub options: TextMap,
    /// Labels.
    pub labels: Labels,
    /// No way out of it.
    pub internal: bool,
    /// Containers that do not belong to a swarm service may join (overlay networks).
    pub attachable: bool,
    /// IPv4 on or off (off needs API 1.48).
    pub ipv4: Option<bool>,
    /// IPv6 on or off.
    pub ipv6: Option<bool>,
    /// Address management; `None` leaves it to the engine.
    pub ipam: Option<IpamSpec>,
}

/// Address management of a network.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamSpec {
    /// Driver; `None` is `default`.
    pub driver: Option<String>,
    /// Options for the driver.
    pub options: TextMap,
    /// Pools.
    pub pools: Vec<IpamPool>,
}

/// One pool of addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct IpamPool {
    /// Subnet in CIDR form.
    pub subnet: Option<String>,
    /// Part of it from which addresses are given.
    pub ip_range: Option<String>,
    /// Gateway address.
    pub gateway: Option<String>,
    /// Addresses that are not given, by host name.
    pub reserved: BTreeMap<String, String>,
}

/// A network as an engine shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedNetwork {
    /// Id.
    pub id: NetworkId,
    /// When it was created, by the engine's clock.
    pub created: Option<Timestamp>,
    /// `local`, `global` or `swarm`.
    pub scope: String,
    /// What it is, with the defaults the engine filled in: pools have a subnet and a gateway.
    pub spec: NetworkSpec,
    /// Containers that are attached and run. Filled by an inspect only, a listing leaves it empty.
    pub attached: BTreeMap<ContainerId, String>,
}
