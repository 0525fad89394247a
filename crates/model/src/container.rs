//! What a container is asked to be: the create spec, complete for everything Compose services can say.
//!
//! The same type is what an inspect gives back (with image defaults merged in by the engine), so that the
//! two sides of a comparison have the same fields, and an adopted container can be made again from what was
//! observed. Which of the fields may be compared, and how, is core's business. `None` always means "not
//! said": the engine's or the image's default holds.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Argv, EnvSpec, Labels, MountSpec, TextMap};

/// The engine's id of a container, 64 hexadecimal digits; it never names another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ContainerId(pub String);

impl ContainerId {
    /// The first twelve digits, as people read them.
    pub fn short(&self) -> &str {
        self.0.get(..12).unwrap_or(&self.0)
    }
}

impl std::fmt::Display for ContainerId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything a container is created with, its name aside.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of its own in the engine's API"
)]
pub struct ContainerSpec {
    /// An image id (`sha256:…`) or a reference.
    pub image: String,
    /// `os/arch[/variant]`, where the image must be of that platform.
    pub platform: Option<String>,
    /// Replaces the image's entrypoint. `[""]` clears it, and the image's command with it.
    pub entrypoint: Option<Argv>,
    /// Replaces the image's command.
    pub command: Option<Argv>,
    /// Variables added to the image's, or hiding them.
    pub env: EnvSpec,
    /// Labels added to the image's.
    pub labels: Labels,
    /// `user[:group]`, names or numbers.
    pub user: Option<String>,
    /// Folder in which commands run.
    pub working_dir: Option<String>,
    /// Host name; the engine's default is the short id.
    pub hostname: Option<String>,
    /// Domain name.
    pub domainname: Option<String>,
    /// Allocate a terminal; then stdout and stderr are one stream.
    pub tty: bool,
    /// Keep stdin open without anything attached.
    pub stdin_open: bool,
    /// Close stdin when the one client that attached goes.
    pub stdin_once: bool,
    /// Signal that asks it to stop, as a name or a number.
    pub stop_signal: Option<String>,
    /// Seconds between that signal and SIGKILL, kept by the engine for stops that name none. Zero is not `None`.
    pub stop_timeout_secs: Option<i64>,
    /// Overlays the image's healthcheck field by field.
    pub healthcheck: Option<HealthcheckSpec>,
    /// Ports that are open inside, published or not.
    pub exposed: BTreeSet<PortKey>,
    /// Ports published on the host. Each of them is exposed too, whether or not `exposed` says so.
    pub published: Vec<PortSpec>,
    /// What is mounted where.
    pub mounts: Vec<MountSpec>,
    /// Memory file systems in the short form: path to mount options (`size=64m,mode=1777`, or empty).
    pub tmpfs: BTreeMap<String, String>,
    /// Containers whose mounts are taken over: `id[:ro|:rw]`.
    pub volumes_from: Vec<String>,
    /// Volume driver for short-form volumes that do not exist yet.
    pub volume_driver: Option<String>,
    /// Network, and everything with a namespace.
    pub network: NetworkingSpec,
    /// Limits and devices.
    pub resources: ResourcesSpec,
    /// Rights and confinement.
    pub security: SecuritySpec,
    /// When the engine starts it again by itself.
    pub restart: RestartSpec,
    /// Remove the container when it ends.
    pub auto_remove: bool,
    /// Run an init process as pid 1.
    pub init: Option<bool>,
    /// OCI runtime by name.
    pub runtime: Option<String>,
    /// Where its output goes.
    pub logging: Option<LogSpec>,
    /// Storage driver options, such as `size`.
    pub storage_options: TextMap,
    /// OCI annotations (API 1.43).
    pub annotations: TextMap,
    /// Isolation technology (Windows hosts only).
    pub isolation: Option<String>,
}

/// Namespaces, names and endpoints of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NetworkingSpec {
    /// `bridge`, `host`, `none`, `container:ID`, or the name of the network that is its first one.
    pub mode: Option<String>,
    /// Endpoints made together with the container. More than one needs API 1.44; before that the others are
    /// connected after the create.
    pub endpoints: Vec<EndpointSpec>,
    /// No network at all, not even loopback configuration.
    pub disabled: bool,
    /// Legacy links, `container:alias`.
    pub links: Vec<String>,
    /// Name servers.
    pub dns: Vec<String>,
    /// Resolver options.
    pub dns_options: Vec<String>,
    /// Search domains.
    pub dns_search: Vec<String>,
    /// Lines for the hosts file, `name:address`.
    pub extra_hosts: Vec<String>,
    /// IPC namespace: `private`, `shareable`, `host`, `none`, `container:ID`.
    pub ipc: Option<String>,
    /// PID namespace: `host`, `container:ID`.
    pub pid: Option<String>,
    /// UTS namespace: `host`.
    pub uts: Option<String>,
    /// User namespace: `host`.
    pub userns: Option<String>,
    /// Control group namespace: `host`, `private`.
    pub cgroupns: Option<String>,
    /// Address of the only interface where no endpoint carries it (for example on the default bridge).
    pub mac_address: Option<String>,
}

/// One attachment of a container to a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct EndpointSpec {
    /// Name or id of the network.
    pub network: String,
    /// Names under which the network's resolver finds the container.
    pub aliases: Vec<String>,
    /// Legacy links, `container:alias`.
    pub links: Vec<String>,
    /// Fixed IPv4 address.
    pub ipv4: Option<String>,
    /// Fixed IPv6 address.
    pub ipv6: Option<String>,
    /// Link-local addresses.
    pub link_local: Vec<String>,
    /// Hardware address. On more than one endpoint it needs API 1.44.
    pub mac_address: Option<String>,
    /// Options for the network driver.
    pub driver_options: TextMap,
    /// Which endpoint gives the default route, highest wins (API 1.48).
    pub gateway_priority: Option<i64>,
}

/// A port inside a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct PortKey {
    /// Port number, or the first of a range.
    pub port: u16,
    /// Last port of a range; equal to `port` for a single one.
    pub last: u16,
    /// Transport.
    pub protocol: Protocol,
}

impl PortKey {
    /// A single port.
    pub fn new(port: u16, protocol: Protocol) -> Self {
        Self {
            port,
            last: port,
            protocol,
        }
    }

    /// Reads `80`, `80/tcp`, `8000-8010/UDP`. Anything else is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
        let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
        let (port, last) = (first.parse().ok()?, last.parse().ok()?);
        (port <= last).then_some(Self {
            port,
            last,
            protocol: Protocol::parse(protocol)?,
        })
    }
}

impl std::fmt::Display for PortKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.port == self.last {
            write!(f, "{}/{}", self.port, self.protocol)
        } else {
            write!(f, "{}-{}/{}", self.port, self.last, self.protocol)
        }
    }
}

/// Transport protocol of a port.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
}

impl Protocol {
    /// Reads the name in any case; empty means TCP.
    pub fn parse(text: &str) -> Option<Self> {
        match text.to_ascii_lowercase().as_str() {
            "" | "tcp" => Some(Self::Tcp),
            "udp" => Some(Self::Udp),
            "sctp" => Some(Self::Sctp),
            _ => None,
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Sctp => "sctp",
        })
    }
}

/// One publication of a container's port on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortSpec {
    /// The port inside.
    pub container: PortKey,
    /// Address of the host to bind; `None` binds all of them, IPv4 and IPv6.
    pub host_ip: Option<String>,
    /// The port outside.
    pub host: HostPort,
}

/// The host's side of a published port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HostPort {
    /// Any free one; which one is known once the container runs, and differs with every start.
    Any,
    /// Exactly this one.
    Fixed(u16),
    /// The first free one of a range.
    Range(u16, u16),
}

/// A healthcheck, or the parts of one that differ from the image's.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthcheckSpec {
    /// What is run; `None` keeps the image's.
    pub test: Option<HealthTest>,
    /// Time between probes.
    pub interval: Option<Duration>,
    /// Time after which one probe has failed.
    pub timeout: Option<Duration>,
    /// Time after the start in which failures do not count.
    pub start_period: Option<Duration>,
    /// Time between probes within the start period (API 1.44).
    pub start_interval: Option<Duration>,
    /// Failures in a row that make it unhealthy.
    pub retries: Option<u32>,
}

/// The command of a healthcheck. `Debug` masks passwords in connection strings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthTest {
    /// No healthcheck, whatever the image and the other fields say.
    Disabled,
    /// An argument vector, run as it is.
    Exec(Argv),
    /// One line for the image's shell: one element, an argument vector so that `Debug` masks it.
    Shell(Argv),
}

impl HealthTest {
    /// Reads the engine's form. An empty list is `None`: the image's test holds. A first word that the engine
    /// does not know means no healthcheck to it, so it does here.
    pub fn from_words(words: &[String]) -> Option<Self> {
        let (first, rest) = words.split_first()?;
        Some(match first.as_str() {
            "CMD" => Self::Exec(rest.iter().cloned().collect()),
            "CMD-SHELL" => Self::Shell(rest.iter().cloned().collect()),
            _ => Self::Disabled,
        })
    }

    /// Writes the engine's form.
    pub fn to_words(&self) -> Vec<String> {
        let (first, rest): (&str, &[String]) = match self {
            Self::Disabled => ("NONE", &[]),
            Self::Exec(argv) => ("CMD", argv),
            Self::Shell(line) => ("CMD-SHELL", line),
        };
        std::iter::once(first.to_owned())
            .chain(rest.iter().cloned())
            .collect()
    }
}

/// When the engine starts an ended container again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RestartSpec {
    /// Never.
    #[default]
    No,
    /// Whenever it ends, and when the engine starts.
    Always,
    /// The same, unless it was stopped on purpose before the engine went down.
    UnlessStopped,
    /// When it ends with another code than 0, at most so many times (`None`: no limit).
    OnFailure {
        /// Limit of restarts.
        max_retries: Option<u32>,
    },
}

/// Log driver and its options.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LogSpec {
    /// Driver by name; empty means the engine's default.
    pub driver: String,
    /// Its options.
    pub options: TextMap,
}

/// Rights and confinement of a container.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SecuritySpec {
    /// All capabilities and devices.
    pub privileged: bool,
    /// Capabilities added, in the spelling they were given.
    pub cap_add: Vec<String>,
    /// Capabilities dropped.
    pub cap_drop: Vec<String>,
    /// Security options (`no-new-privileges`, `seccomp=…` with the profile's content, `label=…`).
    pub options: Vec<String>,
    /// Do not hide or write-protect the sensitive parts of /proc and /sys.
    pub system_paths_unconfined: bool,
    /// Root file system is read-only.
    pub read_only: bool,
    /// Additional groups.
    pub groups: Vec<String>,
    /// Kernel parameters of the container's namespaces.
    pub sysctls: BTreeMap<String, String>,
}

/// Limits and devices of a container. Sizes are bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ResourcesSpec {
    /// Memory limit.
    pub memory_bytes: Option<i64>,
    /// Memory and swap together; -1 is unlimited. Unset with a memory limit, the engine stores twice that limit.
    pub memory_swap_bytes: Option<i64>,
    /// Soft memory limit.
    pub memory_reservation_bytes: Option<i64>,
    /// Swappiness, 0 to 100.
    pub memory_swappiness: Option<i64>,
    /// Never kill it for want of memory.
    pub oom_kill_disable: Option<bool>,
    /// Adjusts its score for the kernel's OOM killer.
    pub oom_score_adj: Option<i64>,
    /// CPU time limit, in billionths of one CPU.
    pub nano_cpus: Option<i64>,
    /// Relative weight.
    pub cpu_shares: Option<i64>,
    /// CFS period in microseconds.
    pub cpu_period: Option<i64>,
    /// CFS quota in microseconds per period.
    pub cpu_quota: Option<i64>,
    /// Real-time period in microseconds.
    pub cpu_rt_period: Option<i64>,
    /// Real-time runtime in microseconds.
    pub cpu_rt_runtime: Option<i64>,
    /// CPUs it may use, `0-2,7`.
    pub cpuset_cpus: Option<String>,
    /// Memory nodes it may use.
    pub cpuset_mems: Option<String>,
    /// Usable CPUs (Windows hosts only).
    pub cpu_count: Option<i64>,
    /// Usable percentage (Windows hosts only).
    pub cpu_percent: Option<i64>,
    /// Process limit; -1 is unlimited.
    pub pids_limit: Option<i64>,
    /// Size of /dev/shm.
    pub shm_size_bytes: Option<i64>,
    /// Parent control group.
    pub cgroup_parent: Option<String>,
    /// Limits of the processes, in the order given.
    pub ulimits: Vec<UlimitSpec>,
    /// Devices of the host.
    pub devices: Vec<DeviceSpec>,
    /// Rules such as `c 13:* rwm`.
    pub device_cgroup_rules: Vec<String>,
    /// Devices asked of a driver: GPUs, CDI names.
    pub device_requests: Vec<DeviceRequestSpec>,
    /// Weight and throttles of block devices.
    pub block_io: BlockIoSpec,
}

/// One ulimit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UlimitSpec {
    /// Name without the `RLIMIT_`, lower case.
    pub name: String,
    /// Soft limit; -1 is unlimited.
    pub soft: i64,
    /// Hard limit; -1 is unlimited.
    pub hard: i64,
}

/// One device of the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Path on the host.
    pub host_path: String,
    /// Path in the container.
    pub container_path: String,
    /// Any of `rwm`; empty leaves the engine's `rwm`.
    pub permissions: String,
}

/// Devices asked of a driver.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DeviceRequestSpec {
    /// Driver by name (`nvidia`, `cdi`).
    pub driver: String,
    /// How many; -1 is all of them.
    pub count: i64,
    /// Which ones, by name.
    pub device_ids: Vec<String>,
    /// Alternatives of sets of capabilities.
    pub capabilities: Vec<Vec<String>>,
    /// Options for the driver.
    pub options: TextMap,
}

/// Weight and throttles of block devices.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BlockIoSpec {
    /// Relative weight, 10 to 1000.
    pub weight: Option<u16>,
    /// Weights by device.
    pub weight_devices: Vec<WeightDevice>,
    /// Bytes a second.
    pub read_bps: Vec<ThrottleDevice>,
    /// Bytes a second.
    pub write_bps: Vec<ThrottleDevice>,
    /// Operations a second.
    pub read_iops: Vec<ThrottleDevice>,
    /// Operations a second.
    pub write_iops: Vec<ThrottleDevice>,
}

/// Weight of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WeightDevice {
    /// Path on the host.
    pub path: String,
    /// Relative weight.
    pub weight: u16,
}

/// Throttle of one block device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ThrottleDevice {
    /// Path on the host.
    pub path: String,
    /// Units a second.
    pub rate: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spec_survives_a_journal_and_takes_fields_that_are_not_there_yet_as_unsaid() {
        let mut spec = ContainerSpec {
            image: "x".into(),
            ..ContainerSpec::default()
        };
        spec.env.set("PASSWORD", Some("hunter2".into()));
        spec.healthcheck = Some(HealthcheckSpec {
            interval: Some(Duration::from_secs(5)),
            ..HealthcheckSpec::default()
        });
        let json = serde_json::to_string(&spec).unwrap_or_default();
        assert_eq!(
            serde_json::from_str::<ContainerSpec>(&json).ok(),
            Some(spec.clone())
        );
        assert!(!format!("{spec:?}").contains("hunter2"));
        assert_eq!(
            serde_json::from_str::<ContainerSpec>(r#"{"image":"x"}"#)
                .map(|s| s.image)
                .ok()
                .as_deref(),
            Some("x")
        );
    }

    #[test]
    fn ports_are_read_in_every_spelling_the_engine_keeps() {
        assert_eq!(PortKey::parse("81"), Some(PortKey::new(81, Protocol::Tcp)));
        assert_eq!(
            PortKey::parse("84/TCP"),
            Some(PortKey::new(84, Protocol::Tcp))
        );
        assert_eq!(
            PortKey::parse("8000-8010/udp")
                .map(|p| p.to_string())
                .as_deref(),
            Some("8000-8010/udp")
        );
        assert_eq!(PortKey::parse("10-5"), None);
        assert_eq!(PortKey::parse("x/tcp"), None);
    }
}
