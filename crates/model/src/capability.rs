//! What an engine can do, by the version of the API that is spoken with it.
//!
//! An engine drops fields it does not know without a word. So what a spec asks for is compared with this
//! table before anything is sent, and a field the engine cannot hold takes part in no comparison either.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{BindRecursive, ContainerSpec, MountSource, NetworkSpec};

/// A version of the engine's API, `major.minor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ApiVersion {
    /// Before the dot.
    pub major: u16,
    /// After it.
    pub minor: u16,
}

impl ApiVersion {
    /// A version 1.x.
    pub const fn v1(minor: u16) -> Self {
        Self { major: 1, minor }
    }

    /// Reads `1.41`.
    pub fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Self {
            major: major.parse().ok()?,
            minor: minor.parse().ok()?,
        })
    }

    /// Tells whether this version can do it.
    pub fn has(self, capability: Capability) -> bool {
        self >= capability.since()
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Something that not every supported version of the API has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Capability {
    /// A bind that makes its folder together with options of its own.
    CreateMountpoint,
    /// `/system/df` for one kind of object.
    PartialDiskUsage,
    /// OCI annotations.
    Annotations,
    /// Several endpoints in one create.
    MultipleEndpoints,
    /// A hardware address for each endpoint.
    EndpointMacAddress,
    /// `start_interval` of a healthcheck.
    StartInterval,
    /// Read-only binds that leave or force the mounts below them.
    RecursiveReadOnly,
    /// A folder of a volume.
    VolumeSubpath,
    /// Images as mounts.
    ImageMount,
    /// Networks without IPv4.
    WithoutIpv4,
    /// Priority of an endpoint for the default route.
    GatewayPriority,
    /// The name of the interface inside.
    InterfaceName,
}

impl Capability {
    /// Every capability, oldest first.
    pub const ALL: &[Self] = &[
        Self::CreateMountpoint,
        Self::PartialDiskUsage,
        Self::Annotations,
        Self::MultipleEndpoints,
        Self::EndpointMacAddress,
        Self::StartInterval,
        Self::RecursiveReadOnly,
        Self::VolumeSubpath,
        Self::ImageMount,
        Self::WithoutIpv4,
        Self::GatewayPriority,
        Self::InterfaceName,
    ];

    /// The first version that has it.
    pub const fn since(self) -> ApiVersion {
        ApiVersion::v1(match self {
            Self::CreateMountpoint | Self::PartialDiskUsage => 42,
            Self::Annotations => 43,
            Self::MultipleEndpoints
            | Self::EndpointMacAddress
            | Self::StartInterval
            | Self::RecursiveReadOnly => 44,
            Self::VolumeSubpath => 45,
            Self::ImageMount | Self::WithoutIpv4 | Self::GatewayPriority => 48,
            Self::InterfaceName => 49,
        })
    }

    /// The field of the Compose file, or the thing, that needs it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CreateMountpoint => "bind.create_host_path beside other bind options",
            Self::PartialDiskUsage => "disk usage of volumes alone",
            Self::Annotations => "annotations",
            Self::MultipleEndpoints => "several networks in one create",
            Self::EndpointMacAddress => "mac_address of more than one network",
            Self::StartInterval => "healthcheck.start_interval",
            Self::RecursiveReadOnly => "bind.recursive",
            Self::VolumeSubpath => "volume.subpath",
            Self::ImageMount => "volumes of type image",
            Self::WithoutIpv4 => "enable_ipv4: false",
            Self::GatewayPriority => "gw_priority",
            Self::InterfaceName => "interface_name",
        }
    }
}

/// Driver option by which a name for the interface is asked.
const INTERFACE_NAME: &str = "com.docker.network.endpoint.ifname";

impl ContainerSpec {
    /// What of this needs more than the oldest supported API, each once.
    pub fn needs(&self) -> Vec<Capability> {
        let mut needs = Vec::new();
        let mut need = |condition: bool, capability| {
            if condition && !needs.contains(&capability) {
                needs.push(capability);
            }
        };
        need(!self.annotations.is_empty(), Capability::Annotations);
        need(
            self.healthcheck
                .as_ref()
                .is_some_and(|check| check.start_interval.is_some()),
            Capability::StartInterval,
        );
        let endpoints = &self.network.endpoints;
        need(endpoints.len() > 1, Capability::MultipleEndpoints);
        need(
            endpoints
                .iter()
                .filter(|endpoint| endpoint.mac_address.is_some())
                .count()
                > 1,
            Capability::EndpointMacAddress,
        );
        for endpoint in endpoints {
            need(
                endpoint.gateway_priority.unwrap_or_default() != 0,
                Capability::GatewayPriority,
            );
            need(
                endpoint.driver_options.contains_key(INTERFACE_NAME),
                Capability::InterfaceName,
            );
        }
        for mount in &self.mounts {
            match &mount.source {
                MountSource::Bind(bind) => {
                    let recursive = matches!(
                        bind.recursive,
                        BindRecursive::Writable | BindRecursive::ReadOnly
                    );
                    need(recursive, Capability::RecursiveReadOnly);
                    need(
                        bind.create_host_path && bind.recursive != BindRecursive::Enabled,
                        Capability::CreateMountpoint,
                    );
                }
                MountSource::Volume(volume) => {
                    need(volume.subpath.is_some(), Capability::VolumeSubpath);
                }
                MountSource::Image(_) => need(true, Capability::ImageMount),
                MountSource::Tmpfs(_) | MountSource::NamedPipe { .. } => {}
            }
        }
        needs
    }
}

impl NetworkSpec {
    /// What of this needs more than the oldest supported API.
    pub fn needs(&self) -> Vec<Capability> {
        if self.ipv4 == Some(false) {
            vec![Capability::WithoutIpv4]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::EndpointSpec;

    #[test]
    fn versions_are_numbers_and_not_text() {
        assert!(ApiVersion::parse("1.100") > ApiVersion::parse("1.41"));
        assert_eq!(ApiVersion::parse("1"), None);
    }

    #[test]
    fn the_table_is_in_the_order_of_versions_and_complete() {
        assert!(Capability::ALL.is_sorted_by_key(|capability| capability.since()));
        assert!(ApiVersion::v1(51).has(Capability::InterfaceName));
        assert!(!ApiVersion::v1(41).has(Capability::CreateMountpoint));
    }

    #[test]
    fn a_second_endpoint_needs_a_newer_api_and_one_does_not() {
        let mut spec = ContainerSpec::default();
        spec.network.endpoints.push(EndpointSpec {
            mac_address: Some("02:42:ac:11:00:02".into()),
            ..EndpointSpec::default()
        });
        assert_eq!(spec.needs(), []);
        spec.network.endpoints.push(EndpointSpec::default());
        assert_eq!(spec.needs(), [Capability::MultipleEndpoints]);
    }
}
