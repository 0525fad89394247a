//! The engine's JSON of networks, volumes and images.

use std::collections::BTreeMap;

use super::wire::{Map, wire};
use super::wire_container::Config;

wire! {
    /// A network: what a create takes and an inspect gives.
    Network {
        name: String = "Name",
        id: String = "Id",
        created: String = "Created",
        scope: String = "Scope",
        driver: String = "Driver",
        check_duplicate: bool = "CheckDuplicate",
        enable_ipv4: Option<bool> = "EnableIPv4",
        enable_ipv6: Option<bool> = "EnableIPv6",
        internal: bool = "Internal",
        attachable: bool = "Attachable",
        ipam: Option<Ipam> = "IPAM",
        options: Map = "Options",
        labels: Map = "Labels",
        containers: BTreeMap<String, Attached> = "Containers",
    }

    /// Address management.
    Ipam {
        driver: String = "Driver",
        options: Map = "Options",
        config: Vec<Pool> = "Config",
    }

    /// A pool of addresses.
    Pool {
        subnet: String = "Subnet",
        ip_range: String = "IPRange",
        gateway: String = "Gateway",
        reserved: Map = "AuxiliaryAddresses",
    }

    /// A container on a network.
    Attached {
        name: String = "Name",
    }

    /// A volume: what a create takes and an inspect gives.
    Volume {
        name: String = "Name",
        driver: String = "Driver",
        driver_opts: Map = "DriverOpts",
        options: Map = "Options",
        labels: Map = "Labels",
        mountpoint: String = "Mountpoint",
        created_at: String = "CreatedAt",
        usage: Option<Usage> = "UsageData",
    }

    /// How much is in a volume.
    Usage {
        size: i64 = "Size",
    }

    /// A listing of volumes, and the part of a measurement that is about them.
    Volumes {
        volumes: Vec<Volume> = "Volumes",
    }

    /// A line of a listing of images.
    ImageSummary {
        id: String = "Id",
        tags: Vec<String> = "RepoTags",
    }

    /// An image.
    Image {
        id: String = "Id",
        tags: Vec<String> = "RepoTags",
        digests: Vec<String> = "RepoDigests",
        created: String = "Created",
        os: String = "Os",
        arch: String = "Architecture",
        variant: String = "Variant",
        size: i64 = "Size",
        config: Option<Config> = "Config",
    }
}
