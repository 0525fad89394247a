//! The engine's JSON of containers: what a create takes and an inspect gives.

use std::collections::BTreeMap;

use super::wire::{KeySet, Map, wire};

wire! {
    /// The configuration of a container or an image; with its host part, the body of a create.
    Config {
        hostname: String = "Hostname",
        domainname: String = "Domainname",
        user: String = "User",
        attach_stdin: bool = "AttachStdin",
        attach_stdout: bool = "AttachStdout",
        attach_stderr: bool = "AttachStderr",
        exposed_ports: KeySet = "ExposedPorts",
        tty: bool = "Tty",
        open_stdin: bool = "OpenStdin",
        stdin_once: bool = "StdinOnce",
        env: Vec<String> = "Env",
        cmd: Option<Vec<String>> = "Cmd",
        healthcheck: Option<Healthcheck> = "Healthcheck",
        image: String = "Image",
        volumes: KeySet = "Volumes",
        working_dir: String = "WorkingDir",
        entrypoint: Option<Vec<String>> = "Entrypoint",
        network_disabled: bool = "NetworkDisabled",
        mac_address: String = "MacAddress",
        labels: Map = "Labels",
        stop_signal: String = "StopSignal",
        stop_timeout: Option<i64> = "StopTimeout",
        shell: Vec<String> = "Shell",
        host: Option<HostConfig> = "HostConfig",
        networking: Option<Networking> = "NetworkingConfig",
    }

    /// A healthcheck. Durations are nanoseconds.
    Healthcheck {
        test: Vec<String> = "Test",
        interval: u64 = "Interval",
        timeout: u64 = "Timeout",
        start_period: u64 = "StartPeriod",
        start_interval: u64 = "StartInterval",
        retries: u32 = "Retries",
    }

    /// The host's part of a container.
    HostConfig {
        binds: Vec<String> = "Binds",
        log_config: LogConfig = "LogConfig",
        network_mode: String = "NetworkMode",
        port_bindings: BTreeMap<String, Vec<PortBinding>> = "PortBindings",
        restart_policy: RestartPolicy = "RestartPolicy",
        auto_remove: bool = "AutoRemove",
        volume_driver: String = "VolumeDriver",
        volumes_from: Vec<String> = "VolumesFrom",
        mounts: Vec<Mount> = "Mounts",
        annotations: Map = "Annotations",
        cap_add: Vec<String> = "CapAdd",
        cap_drop: Vec<String> = "CapDrop",
        cgroupns_mode: String = "CgroupnsMode",
        dns: Vec<String> = "Dns",
        dns_options: Vec<String> = "DnsOptions",
        dns_search: Vec<String> = "DnsSearch",
        extra_hosts: Vec<String> = "ExtraHosts",
        group_add: Vec<String> = "GroupAdd",
        ipc_mode: String = "IpcMode",
        links: Vec<String> = "Links",
        oom_score_adj: i64 = "OomScoreAdj",
        pid_mode: String = "PidMode",
        privileged: bool = "Privileged",
        readonly_rootfs: bool = "ReadonlyRootfs",
        security_opt: Vec<String> = "SecurityOpt",
        storage_opt: Map = "StorageOpt",
        tmpfs: Map = "Tmpfs",
        uts_mode: String = "UTSMode",
        userns_mode: String = "UsernsMode",
        shm_size: i64 = "ShmSize",
        sysctls: Map = "Sysctls",
        runtime: String = "Runtime",
        isolation: String = "Isolation",
        masked_paths: Option<Vec<String>> = "MaskedPaths",
        readonly_paths: Option<Vec<String>> = "ReadonlyPaths",
        init: Option<bool> = "Init",
        cpu_shares: i64 = "CpuShares",
        memory: i64 = "Memory",
        nano_cpus: i64 = "NanoCpus",
        cgroup_parent: String = "CgroupParent",
        blkio_weight: u16 = "BlkioWeight",
        blkio_weight_device: Vec<WeightDevice> = "BlkioWeightDevice",
        blkio_read_bps: Vec<ThrottleDevice> = "BlkioDeviceReadBps",
        blkio_write_bps: Vec<ThrottleDevice> = "BlkioDeviceWriteBps",
        blkio_read_iops: Vec<ThrottleDevice> = "BlkioDeviceReadIOps",
        blkio_write_iops: Vec<ThrottleDevice> = "BlkioDeviceWriteIOps",
        cpu_period: i64 = "CpuPeriod",
        cpu_quota: i64 = "CpuQuota",
        cpu_rt_period: i64 = "CpuRealtimePeriod",
        cpu_rt_runtime: i64 = "CpuRealtimeRuntime",
        cpuset_cpus: String = "CpusetCpus",
        cpuset_mems: String = "CpusetMems",
        devices: Vec<Device> = "Devices",
        device_cgroup_rules: Vec<String> = "DeviceCgroupRules",
        device_requests: Vec<DeviceRequest> = "DeviceRequests",
        memory_reservation: i64 = "MemoryReservation",
        memory_swap: i64 = "MemorySwap",
        memory_swappiness: Option<i64> = "MemorySwappiness",
        oom_kill_disable: Option<bool> = "OomKillDisable",
        pids_limit: Option<i64> = "PidsLimit",
        ulimits: Vec<Ulimit> = "Ulimits",
        cpu_count: i64 = "CpuCount",
        cpu_percent: i64 = "CpuPercent",
    }

    /// Where logs go.
    LogConfig {
        kind: String = "Type",
        config: Map = "Config",
    }

    /// The host's side of a port.
    PortBinding {
        host_ip: String = "HostIp",
        host_port: String = "HostPort",
    }

    /// When it is started again.
    RestartPolicy {
        name: String = "Name",
        max_retries: u32 = "MaximumRetryCount",
    }

    /// A mount as it is asked for.
    Mount {
        kind: String = "Type",
        source: String = "Source",
        target: String = "Target",
        read_only: bool = "ReadOnly",
        consistency: String = "Consistency",
        bind: Option<BindOptions> = "BindOptions",
        volume: Option<VolumeOptions> = "VolumeOptions",
        tmpfs: Option<TmpfsOptions> = "TmpfsOptions",
        image: Option<ImageOptions> = "ImageOptions",
    }

    /// Options of a bind.
    BindOptions {
        propagation: String = "Propagation",
        non_recursive: bool = "NonRecursive",
        create_mountpoint: bool = "CreateMountpoint",
        read_only_non_recursive: bool = "ReadOnlyNonRecursive",
        read_only_force_recursive: bool = "ReadOnlyForceRecursive",
    }

    /// Options of a volume.
    VolumeOptions {
        no_copy: bool = "NoCopy",
        labels: Map = "Labels",
        subpath: String = "Subpath",
    }

    /// Options of a memory file system.
    TmpfsOptions {
        size: i64 = "SizeBytes",
        mode: u32 = "Mode",
    }

    /// Options of an image.
    ImageOptions {
        subpath: String = "Subpath",
    }

    /// Weight of a block device.
    WeightDevice {
        path: String = "Path",
        weight: u16 = "Weight",
    }

    /// Throttle of a block device.
    ThrottleDevice {
        path: String = "Path",
        rate: u64 = "Rate",
    }

    /// A device.
    Device {
        host: String = "PathOnHost",
        container: String = "PathInContainer",
        permissions: String = "CgroupPermissions",
    }

    /// Devices asked of a driver.
    DeviceRequest {
        driver: String = "Driver",
        count: i64 = "Count",
        ids: Vec<String> = "DeviceIDs",
        capabilities: Vec<Vec<String>> = "Capabilities",
        options: Map = "Options",
    }

    /// A process limit.
    Ulimit {
        name: String = "Name",
        soft: i64 = "Soft",
        hard: i64 = "Hard",
    }

    /// The endpoints of a create.
    Networking {
        endpoints: BTreeMap<String, Endpoint> = "EndpointsConfig",
    }

    /// An endpoint, as it is asked for and as it is.
    Endpoint {
        ipam: Option<EndpointIpam> = "IPAMConfig",
        links: Vec<String> = "Links",
        aliases: Vec<String> = "Aliases",
        mac_address: String = "MacAddress",
        driver_opts: Map = "DriverOpts",
        gw_priority: i64 = "GwPriority",
        network_id: String = "NetworkID",
        ip_address: String = "IPAddress",
        ipv6_address: String = "GlobalIPv6Address",
    }

    /// Fixed addresses of an endpoint.
    EndpointIpam {
        ipv4: String = "IPv4Address",
        ipv6: String = "IPv6Address",
        link_local: Vec<String> = "LinkLocalIPs",
    }

    /// A line of a listing.
    Summary {
        id: String = "Id",
        names: Vec<String> = "Names",
        image: String = "Image",
        image_id: String = "ImageID",
        created: i64 = "Created",
        labels: Map = "Labels",
        state: String = "State",
    }

    /// What an inspect gives.
    Inspect {
        id: String = "Id",
        name: String = "Name",
        created: String = "Created",
        image: String = "Image",
        platform: String = "Platform",
        restart_count: u64 = "RestartCount",
        exec_ids: Vec<String> = "ExecIDs",
        state: State = "State",
        config: Config = "Config",
        host: HostConfig = "HostConfig",
        mounts: Vec<MountPoint> = "Mounts",
        network: NetworkSettings = "NetworkSettings",
    }

    /// What a container does.
    State {
        status: String = "Status",
        exit_code: i64 = "ExitCode",
        oom_killed: bool = "OOMKilled",
        error: String = "Error",
        pid: i64 = "Pid",
        started_at: String = "StartedAt",
        finished_at: String = "FinishedAt",
        health: Option<Health> = "Health",
    }

    /// The verdict on its healthcheck.
    Health {
        status: String = "Status",
        failing_streak: u32 = "FailingStreak",
        log: Vec<Probe> = "Log",
    }

    /// One probe.
    Probe {
        start: String = "Start",
        end: String = "End",
        exit_code: i64 = "ExitCode",
        output: String = "Output",
    }

    /// A mount in effect.
    MountPoint {
        kind: String = "Type",
        name: String = "Name",
        source: String = "Source",
        destination: String = "Destination",
        driver: String = "Driver",
        mode: String = "Mode",
        writable: bool = "RW",
        propagation: String = "Propagation",
    }

    /// Networks and ports in effect.
    NetworkSettings {
        ports: BTreeMap<String, Option<Vec<PortBinding>>> = "Ports",
        networks: BTreeMap<String, Endpoint> = "Networks",
    }
}
