//! Networks and named volumes of the stack.

use bowline_model::{
    Capability, IpamPool, IpamSpec, Network, NetworkSpec, Project, Volume, VolumeSpec,
    WantedNetwork, WantedVolume, label,
};

use super::report::{Report, said};
use super::{Given, labels};

/// A network, by its key.
pub(super) fn network(
    project: &Project,
    given: &Given<'_>,
    key: &str,
    network: &Network,
    report: &mut Report<'_>,
) -> WantedNetwork {
    if network.external {
        let spec = NetworkSpec {
            name: network.name.clone(),
            ..NetworkSpec::default()
        };
        return WantedNetwork {
            spec,
            external: true,
        };
    }
    let ipam = &network.ipam.0;
    if !ipam.options.is_empty() {
        report.ignore(
            format!("networks.{key}.ipam.options"),
            "Compose 2.40 does not hand it to the engine",
        );
    }
    let without_ipv4 = given.api.has(Capability::WithoutIpv4);
    if network.enable_ipv4 == Some(false) && !without_ipv4 {
        report.ignore(
            format!("networks.{key}.enable_ipv4"),
            format!(
                "the engine speaks API {} and this needs {}",
                given.api,
                Capability::WithoutIpv4.since()
            ),
        );
    }
    let hashes = &given.hashes.networks;
    let spec = NetworkSpec {
        name: network.name.clone(),
        driver: said(&network.driver),
        options: network.driver_opts.clone().into(),
        labels: labels::of_object(project, &network.labels, label::NETWORK, key, hashes),
        internal: network.internal,
        attachable: network.attachable,
        ipv4: network.enable_ipv4.filter(|_| without_ipv4),
        ipv6: network.enable_ipv6,
        ipam: (!ipam.driver.is_empty() || !ipam.config.is_empty()).then(|| IpamSpec {
            driver: said(&ipam.driver),
            pools: ipam
                .config
                .iter()
                .map(|pool| IpamPool {
                    subnet: said(&pool.subnet),
                    ip_range: said(&pool.ip_range),
                    gateway: said(&pool.gateway),
                    reserved: pool.aux_addresses.clone(),
                })
                .collect(),
            ..IpamSpec::default()
        }),
    };
    WantedNetwork {
        spec,
        external: false,
    }
}

/// A named volume, by its key.
pub(super) fn volume(
    project: &Project,
    given: &Given<'_>,
    key: &str,
    volume: &Volume,
) -> WantedVolume {
    let name = volume.name.clone();
    let spec = if volume.external {
        VolumeSpec {
            name,
            ..VolumeSpec::default()
        }
    } else {
        let hashes = &given.hashes.volumes;
        VolumeSpec {
            name,
            driver: said(&volume.driver),
            options: volume.driver_opts.clone().into(),
            labels: labels::of_object(project, &volume.labels, label::VOLUME, key, hashes),
        }
    };
    WantedVolume {
        spec,
        external: volume.external,
    }
}
