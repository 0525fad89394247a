//! One service of a project and everything that hangs from it.
//!
//! The fields, their names and their order are those of the Compose Specification as Compose 2.40 prints it;
//! what a field means is documented there and not repeated here.

use std::collections::BTreeMap;

use super::record;
use super::values::{Bytes, Command, FileMode, Number, Pairs, Period, Shown};

record! {
    /// A declared unit of the stack: what its containers are made from.
    Service {
        profiles: Vec<String>,
        annotations: Pairs,
        attach: Option<bool>,
        build: Option<Build>,
        develop: Option<Develop>,
        blkio_config: Option<BlkioConfig>,
        cap_add: Vec<String>,
        cap_drop: Vec<String>,
        cgroup_parent: String,
        cgroup: String,
        cpu_count: i64,
        cpu_percent: Number,
        cpu_period: i64,
        cpu_quota: i64,
        cpu_rt_period: i64,
        cpu_rt_runtime: i64,
        cpus: Number,
        cpuset: String,
        cpu_shares: i64,
        command: Command,
        configs: Vec<FileReference>,
        container_name: String,
        credential_spec: Option<CredentialSpec>,
        depends_on: BTreeMap<String, Dependency>,
        deploy: Option<Deploy>,
        device_cgroup_rules: Vec<String>,
        devices: Vec<DeviceMapping>,
        dns: Vec<String>,
        dns_opt: Vec<String>,
        dns_search: Vec<String>,
        domainname: String,
        entrypoint: Command,
        provider: Option<Provider>,
        environment: Pairs,
        env_file: Vec<EnvFile>,
        expose: Vec<String>,
        external_links: Vec<String>,
        /// Each entry reads `host=address`, sorted.
        extra_hosts: Vec<String>,
        group_add: Vec<String>,
        gpus: Vec<DeviceRequest>,
        hostname: String,
        healthcheck: Option<Healthcheck>,
        image: String,
        init: Option<bool>,
        ipc: String,
        isolation: String,
        labels: Pairs,
        label_file: Vec<String>,
        links: Vec<String>,
        logging: Option<Logging>,
        mem_limit: Bytes,
        mem_reservation: Bytes,
        memswap_limit: Bytes,
        mem_swappiness: Bytes,
        mac_address: String,
        models: BTreeMap<String, Option<ServiceModel>>,
        network_mode: String,
        networks: BTreeMap<String, Option<ServiceNetwork>>,
        oom_kill_disable: bool,
        oom_score_adj: i64,
        pid: String,
        pids_limit: i64,
        platform: String,
        ports: Vec<Port>,
        privileged: bool,
        pull_policy: String,
        /// Newer than what Compose 2.40 prints.
        #[serde(skip_serializing)]
        pull_refresh_after: String,
        read_only: bool,
        restart: String,
        runtime: String,
        scale: Option<i64>,
        secrets: Vec<FileReference>,
        security_opt: Vec<String>,
        shm_size: Bytes,
        stdin_open: bool,
        stop_grace_period: Option<Period>,
        stop_signal: String,
        storage_opt: BTreeMap<String, String>,
        sysctls: Pairs,
        tmpfs: Vec<String>,
        tty: bool,
        ulimits: BTreeMap<String, Ulimit>,
        use_api_socket: bool,
        user: String,
        userns_mode: String,
        uts: String,
        volumes: Vec<Mount>,
        volumes_from: Vec<String>,
        working_dir: String,
        pre_start: Vec<Hook>,
        post_start: Vec<Hook>,
        pre_stop: Vec<Hook>,
    }
}

impl Service {
    /// How many containers are wanted: `scale`, else `deploy.replicas`, else 1.
    pub fn replicas(&self) -> i64 {
        self.scale
            .or_else(|| self.deploy.as_ref()?.replicas)
            .unwrap_or(1)
    }
}

record! {
    /// How to build the image of a service.
    Build {
        context: String,
        dockerfile: String,
        dockerfile_inline: String,
        entitlements: Vec<String>,
        args: Pairs,
        provenance: String,
        sbom: String,
        /// Each entry reads `id` or `id=path`.
        ssh: Vec<String>,
        labels: Pairs,
        cache_from: Vec<String>,
        cache_to: Vec<String>,
        no_cache: bool,
        no_cache_filter: Vec<String>,
        additional_contexts: BTreeMap<String, String>,
        pull: bool,
        /// Each entry reads `host=address`, sorted.
        extra_hosts: Vec<String>,
        isolation: String,
        network: String,
        target: String,
        secrets: Vec<FileReference>,
        shm_size: Bytes,
        tags: Vec<String>,
        ulimits: BTreeMap<String, Ulimit>,
        platforms: Vec<String>,
        privileged: bool,
    }

    /// What to do while files change during development.
    Develop {
        watch: Vec<WatchRule>,
    }

    /// One path to watch, and what its change sets off.
    WatchRule {
        path: Shown<String>,
        action: Shown<String>,
        target: String,
        exec: Shown<Hook>,
        include: Vec<String>,
        ignore: Vec<String>,
        initial_sync: bool,
    }

    /// Limits on block devices.
    BlkioConfig {
        weight: i64,
        weight_device: Vec<DeviceWeight>,
        device_read_bps: Vec<DeviceRate>,
        device_read_iops: Vec<DeviceRate>,
        device_write_bps: Vec<DeviceRate>,
        device_write_iops: Vec<DeviceRate>,
    }

    /// The share of one block device.
    DeviceWeight {
        #[serde(rename(serialize = "Path"), alias = "Path")]
        path: Shown<String>,
        #[serde(rename(serialize = "Weight"), alias = "Weight")]
        weight: Shown<i64>,
    }

    /// The rate limit of one block device, in bytes or operations a second.
    DeviceRate {
        #[serde(rename(serialize = "Path"), alias = "Path")]
        path: Shown<String>,
        #[serde(rename(serialize = "Rate"), alias = "Rate")]
        rate: Shown<Bytes>,
    }

    /// How a config or secret is mounted.
    FileReference {
        source: String,
        target: String,
        uid: String,
        gid: String,
        mode: Option<FileMode>,
    }

    /// A Windows credential.
    CredentialSpec {
        config: String,
        file: String,
        registry: String,
    }

    /// What one service waits for in another.
    Dependency {
        /// `service_started`, `service_healthy` or `service_completed_successfully`.
        condition: String,
        restart: bool,
        required: Shown<bool>,
    }

    /// How many, with how much, and how to replace them.
    Deploy {
        mode: String,
        replicas: Option<i64>,
        labels: Pairs,
        update_config: Option<UpdateConfig>,
        rollback_config: Option<UpdateConfig>,
        resources: Shown<Resources>,
        restart_policy: Option<RestartPolicy>,
        placement: Shown<Placement>,
        endpoint_mode: String,
    }

    /// How running containers are replaced by new ones.
    UpdateConfig {
        parallelism: Option<i64>,
        delay: Period,
        failure_action: String,
        monitor: Period,
        max_failure_ratio: Number,
        order: String,
    }

    /// What a container may use at most, and what is set aside for it.
    Resources {
        limits: Option<Resource>,
        reservations: Option<Resource>,
    }

    /// Amounts of processor, memory, processes and devices.
    Resource {
        cpus: Number,
        memory: Bytes,
        pids: i64,
        devices: Vec<DeviceRequest>,
        generic_resources: Vec<GenericResource>,
    }

    /// A resource that the user named.
    GenericResource {
        discrete_resource_spec: Option<DiscreteResource>,
    }

    /// A countable resource that the user named.
    DiscreteResource {
        kind: Shown<String>,
        value: Shown<i64>,
    }

    /// When and how often a failed container is started again.
    RestartPolicy {
        condition: String,
        delay: Option<Period>,
        max_attempts: Option<i64>,
        window: Option<Period>,
    }

    /// Where containers may run.
    Placement {
        constraints: Vec<String>,
        preferences: Vec<PlacementPreference>,
        max_replicas_per_node: i64,
    }

    /// What containers are spread over.
    PlacementPreference {
        spread: String,
    }

    /// A device of the host, as seen inside.
    DeviceMapping {
        source: String,
        target: String,
        permissions: String,
    }

    /// Devices asked for by what they can do.
    DeviceRequest {
        capabilities: Vec<String>,
        driver: String,
        /// -1 means all.
        count: i64,
        device_ids: Vec<String>,
        options: Pairs,
    }

    /// An external program that provides the service.
    Provider {
        #[serde(rename = "type")]
        kind: String,
        options: BTreeMap<String, Vec<String>>,
    }

    /// How a container is asked whether it is healthy.
    Healthcheck {
        /// Begins with `CMD`, `CMD-SHELL` or `NONE`; empty keeps the image's.
        test: Vec<String>,
        timeout: Option<Period>,
        interval: Option<Period>,
        retries: Option<i64>,
        start_period: Option<Period>,
        start_interval: Option<Period>,
        disable: bool,
    }

    /// Where the container's output goes.
    Logging {
        driver: String,
        options: BTreeMap<String, String>,
    }

    /// Under which variables a service learns of a language model.
    ServiceModel {
        endpoint_var: String,
        model_var: String,
    }

    /// How a service takes part in one network.
    ServiceNetwork {
        aliases: Vec<String>,
        driver_opts: BTreeMap<String, String>,
        gw_priority: i64,
        interface_name: String,
        ipv4_address: String,
        ipv6_address: String,
        link_local_ips: Vec<String>,
        mac_address: String,
        priority: i64,
    }

    /// A port of the container, and where the host publishes it.
    Port {
        name: String,
        mode: String,
        host_ip: String,
        target: i64,
        /// A port or a range; empty lets the engine choose.
        published: String,
        protocol: String,
        app_protocol: String,
    }

    /// Something mounted into the container.
    Mount {
        /// `bind`, `volume`, `tmpfs`, `image`, `npipe` or `cluster`.
        #[serde(rename = "type")]
        kind: String,
        source: String,
        target: String,
        read_only: bool,
        consistency: String,
        bind: Option<BindOptions>,
        volume: Option<VolumeOptions>,
        tmpfs: Option<TmpfsOptions>,
        image: Option<ImageOptions>,
    }

    /// What is special about a bind mount.
    BindOptions {
        selinux: String,
        propagation: String,
        create_host_path: bool,
        recursive: String,
    }

    /// What is special about a volume mount.
    VolumeOptions {
        labels: Pairs,
        nocopy: bool,
        subpath: String,
    }

    /// What is special about a tmpfs mount.
    TmpfsOptions {
        size: Bytes,
        mode: i64,
    }

    /// What is special about an image mount.
    ImageOptions {
        subpath: String,
    }

    /// A command run inside the container at a point of its life.
    Hook {
        command: Command,
        user: String,
        privileged: bool,
        working_dir: String,
        environment: Pairs,
    }
}

/// A file of environment variables.
///
/// As JSON it is what Compose writes: of one that is required nothing but its path.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(from = "WrittenEnvFile")]
pub struct EnvFile {
    /// Absolute path.
    pub path: String,
    /// Whether its absence is an error.
    pub required: bool,
    /// `raw` for values that are taken as they stand, else empty.
    pub format: String,
}

#[derive(serde::Deserialize)]
#[serde(untagged)]
enum WrittenEnvFile {
    Path(String),
    Whole {
        path: String,
        required: bool,
        #[serde(default)]
        format: String,
    },
}

impl From<WrittenEnvFile> for EnvFile {
    fn from(written: WrittenEnvFile) -> Self {
        let (path, required, format) = match written {
            WrittenEnvFile::Path(path) => (path, true, String::new()),
            WrittenEnvFile::Whole {
                path,
                required,
                format,
            } => (path, required, format),
        };
        Self {
            path,
            required,
            format,
        }
    }
}

impl serde::Serialize for EnvFile {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.required {
            return serializer.serialize_str(&self.path);
        }
        let path = ("path", serde_json::Value::from(&*self.path));
        let required = ("required", serde_json::Value::from(false));
        let format = ("format", serde_json::Value::from(&*self.format));
        let format = Some(format).filter(|_| !self.format.is_empty());
        serializer.collect_map([path, required].into_iter().chain(format))
    }
}

/// A limit on a resource of the kernel.
///
/// As JSON it is what Compose writes: a single 0 cannot be told from a range that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(untagged)]
pub enum Ulimit {
    /// Soft and hard limit are the same.
    Single(i64),
    /// Soft and hard limit differ.
    Range {
        /// What applies.
        #[serde(default)]
        soft: i64,
        /// How far a process may raise it.
        #[serde(default)]
        hard: i64,
    },
}

impl Ulimit {
    /// The limit in an engine's words.
    pub fn spec(&self, name: &str) -> crate::UlimitSpec {
        let (soft, hard) = match self {
            Self::Single(both) => (*both, *both),
            Self::Range { soft, hard } => (*soft, *hard),
        };
        crate::UlimitSpec {
            name: name.to_owned(),
            soft,
            hard,
        }
    }
}

impl serde::Serialize for Ulimit {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let limits = match *self {
            Self::Single(0) => [("soft", 0), ("hard", 0)],
            Self::Single(both) => return serializer.serialize_i64(both),
            Self::Range { soft, hard } => [("soft", soft), ("hard", hard)],
        };
        serializer.collect_map(limits.into_iter().filter(|(_, limit)| *limit != 0))
    }
}
