//! From a create spec to the engine's JSON.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_model::{
    BindRecursive, BindSpec, BlockIoSpec, ContainerSpec, EndpointSpec, HealthcheckSpec, HostPort,
    IpamSpec, MountSource, MountSpec, NetworkSpec, PortKey, RestartSpec, SelinuxLabel, TextMap,
    ThrottleDevice, VolumeMountSpec, VolumeSpec,
};

use super::wire::{KeySet, Map};
use super::wire_container as wire;
use super::wire_objects::{Ipam, Network, Pool, Volume};

/// The body of a container's create.
///
/// `per_endpoint_mac` says whether the engine takes a hardware address with each endpoint; older ones take one
/// for the container, and there is at most one then.
pub(super) fn container(spec: &ContainerSpec, per_endpoint_mac: bool) -> wire::Config {
    let endpoints = &spec.network.endpoints;
    let mut mac = spec.network.mac_address.clone();
    if !per_endpoint_mac {
        mac = mac.or_else(|| {
            endpoints
                .iter()
                .find_map(|endpoint| endpoint.mac_address.clone())
        });
    }
    let exposed = spec
        .exposed
        .iter()
        .chain(spec.published.iter().map(|port| &port.container));
    let networking = wire::Networking {
        endpoints: endpoints
            .iter()
            .map(|wanted| (wanted.network.clone(), endpoint(wanted, per_endpoint_mac)))
            .collect(),
    };
    wire::Config {
        hostname: text(spec.hostname.as_ref()),
        domainname: text(spec.domainname.as_ref()),
        user: text(spec.user.as_ref()),
        attach_stdin: spec.stdin_once,
        attach_stdout: true,
        attach_stderr: true,
        exposed_ports: keys(exposed.map(PortKey::to_string)),
        tty: spec.tty,
        open_stdin: spec.stdin_open,
        stdin_once: spec.stdin_once,
        env: spec.env.to_entries(),
        cmd: spec.command.as_ref().map(|argv| argv.to_vec()),
        healthcheck: spec.healthcheck.as_ref().map(healthcheck),
        image: spec.image.clone(),
        volumes: anonymous_volumes(&spec.mounts),
        working_dir: text(spec.working_dir.as_ref()),
        entrypoint: spec.entrypoint.as_ref().map(|argv| argv.to_vec()),
        network_disabled: spec.network.disabled,
        mac_address: mac.unwrap_or_default(),
        labels: map(&spec.labels),
        stop_signal: text(spec.stop_signal.as_ref()),
        stop_timeout: spec.stop_timeout_secs,
        shell: Vec::new(),
        host: Some(host(spec)),
        networking: (!networking.endpoints.is_empty()).then_some(networking),
    }
}

fn host(spec: &ContainerSpec) -> wire::HostConfig {
    let mut host = wire::HostConfig {
        log_config: spec
            .logging
            .as_ref()
            .map_or_else(Default::default, |logging| wire::LogConfig {
                kind: logging.driver.clone(),
                config: map(&logging.options),
            }),
        port_bindings: ports(spec),
        restart_policy: restart(spec.restart),
        auto_remove: spec.auto_remove,
        volume_driver: text(spec.volume_driver.as_ref()),
        volumes_from: spec.volumes_from.clone(),
        annotations: map(&spec.annotations),
        storage_opt: map(&spec.storage_options),
        tmpfs: spec.tmpfs.clone(),
        runtime: text(spec.runtime.as_ref()),
        isolation: text(spec.isolation.as_ref()),
        init: spec.init,
        ..wire::HostConfig::default()
    };
    for mount in &spec.mounts {
        match bind_string(mount) {
            Some(bind) => host.binds.push(bind),
            None if is_plain_anonymous(mount) => {}
            None => host.mounts.push(mount_body(mount)),
        }
    }
    fill_network(&mut host, spec);
    fill_security(&mut host, spec);
    fill_resources(&mut host, spec);
    fill_block_io(&mut host, &spec.resources.block_io);
    host
}

fn fill_network(host: &mut wire::HostConfig, spec: &ContainerSpec) {
    let network = &spec.network;
    host.network_mode = text(network.mode.as_ref());
    host.links.clone_from(&network.links);
    host.dns.clone_from(&network.dns);
    host.dns_options.clone_from(&network.dns_options);
    host.dns_search.clone_from(&network.dns_search);
    host.extra_hosts.clone_from(&network.extra_hosts);
    host.ipc_mode = text(network.ipc.as_ref());
    host.pid_mode = text(network.pid.as_ref());
    host.uts_mode = text(network.uts.as_ref());
    host.userns_mode = text(network.userns.as_ref());
    host.cgroupns_mode = text(network.cgroupns.as_ref());
}

fn fill_security(host: &mut wire::HostConfig, spec: &ContainerSpec) {
    let security = &spec.security;
    host.privileged = security.privileged;
    host.cap_add.clone_from(&security.cap_add);
    host.cap_drop.clone_from(&security.cap_drop);
    host.security_opt.clone_from(&security.options);
    host.readonly_rootfs = security.read_only;
    host.group_add.clone_from(&security.groups);
    host.sysctls.clone_from(&security.sysctls);
    if security.system_paths_unconfined {
        host.masked_paths = Some(Vec::new());
        host.readonly_paths = Some(Vec::new());
    }
}

fn fill_resources(host: &mut wire::HostConfig, spec: &ContainerSpec) {
    let resources = &spec.resources;
    host.memory = resources.memory_bytes.unwrap_or_default();
    host.memory_swap = resources.memory_swap_bytes.unwrap_or_default();
    host.memory_reservation = resources.memory_reservation_bytes.unwrap_or_default();
    host.memory_swappiness = resources.memory_swappiness;
    host.oom_kill_disable = resources.oom_kill_disable;
    host.oom_score_adj = resources.oom_score_adj.unwrap_or_default();
    host.nano_cpus = resources.nano_cpus.unwrap_or_default();
    host.cpu_shares = resources.cpu_shares.unwrap_or_default();
    host.cpu_period = resources.cpu_period.unwrap_or_default();
    host.cpu_quota = resources.cpu_quota.unwrap_or_default();
    host.cpu_rt_period = resources.cpu_rt_period.unwrap_or_default();
    host.cpu_rt_runtime = resources.cpu_rt_runtime.unwrap_or_default();
    host.cpuset_cpus = text(resources.cpuset_cpus.as_ref());
    host.cpuset_mems = text(resources.cpuset_mems.as_ref());
    host.cpu_count = resources.cpu_count.unwrap_or_default();
    host.cpu_percent = resources.cpu_percent.unwrap_or_default();
    host.pids_limit = resources.pids_limit;
    host.shm_size = resources.shm_size_bytes.unwrap_or_default();
    host.cgroup_parent = text(resources.cgroup_parent.as_ref());
    host.device_cgroup_rules
        .clone_from(&resources.device_cgroup_rules);
    let ulimit = |limit: &bowline_model::UlimitSpec| wire::Ulimit {
        name: limit.name.clone(),
        soft: limit.soft,
        hard: limit.hard,
    };
    host.ulimits = resources.ulimits.iter().map(ulimit).collect();
    let device = |device: &bowline_model::DeviceSpec| wire::Device {
        host: device.host_path.clone(),
        container: device.container_path.clone(),
        // Without permissions an engine gives none at all, where its own clients send these.
        permissions: if device.permissions.is_empty() {
            "rwm".into()
        } else {
            device.permissions.clone()
        },
    };
    host.devices = resources.devices.iter().map(device).collect();
    let request = |request: &bowline_model::DeviceRequestSpec| wire::DeviceRequest {
        driver: request.driver.clone(),
        count: request.count,
        ids: request.device_ids.clone(),
        capabilities: request.capabilities.clone(),
        options: map(&request.options),
    };
    host.device_requests = resources.device_requests.iter().map(request).collect();
}

fn fill_block_io(host: &mut wire::HostConfig, block_io: &BlockIoSpec) {
    let throttles = |devices: &[ThrottleDevice]| -> Vec<wire::ThrottleDevice> {
        devices
            .iter()
            .map(|device| wire::ThrottleDevice {
                path: device.path.clone(),
                rate: device.rate,
            })
            .collect()
    };
    host.blkio_weight = block_io.weight.unwrap_or_default();
    host.blkio_weight_device = block_io
        .weight_devices
        .iter()
        .map(|device| wire::WeightDevice {
            path: device.path.clone(),
            weight: device.weight,
        })
        .collect();
    host.blkio_read_bps = throttles(&block_io.read_bps);
    host.blkio_write_bps = throttles(&block_io.write_bps);
    host.blkio_read_iops = throttles(&block_io.read_iops);
    host.blkio_write_iops = throttles(&block_io.write_iops);
}

fn healthcheck(check: &HealthcheckSpec) -> wire::Healthcheck {
    let nanos = |time: Option<Duration>| {
        time.map_or(0, |time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX))
    };
    wire::Healthcheck {
        test: check
            .test
            .as_ref()
            .map(bowline_model::HealthTest::to_words)
            .unwrap_or_default(),
        interval: nanos(check.interval),
        timeout: nanos(check.timeout),
        start_period: nanos(check.start_period),
        start_interval: nanos(check.start_interval),
        retries: check.retries.unwrap_or_default(),
    }
}

/// An endpoint, as a create and a connect take it.
pub(super) fn endpoint(spec: &EndpointSpec, with_mac: bool) -> wire::Endpoint {
    let ipam = wire::EndpointIpam {
        ipv4: text(spec.ipv4.as_ref()),
        ipv6: text(spec.ipv6.as_ref()),
        link_local: spec.link_local.clone(),
    };
    wire::Endpoint {
        ipam: (ipam != wire::EndpointIpam::default()).then_some(ipam),
        links: spec.links.clone(),
        aliases: spec.aliases.clone(),
        mac_address: if with_mac {
            text(spec.mac_address.as_ref())
        } else {
            String::new()
        },
        driver_opts: map(&spec.driver_options),
        gw_priority: spec.gateway_priority.unwrap_or_default(),
        ..wire::Endpoint::default()
    }
}

fn ports(spec: &ContainerSpec) -> BTreeMap<String, Vec<wire::PortBinding>> {
    let mut ports: BTreeMap<String, Vec<wire::PortBinding>> = BTreeMap::new();
    for port in &spec.published {
        let host_port = match port.host {
            HostPort::Any => String::new(),
            HostPort::Fixed(port) => port.to_string(),
            HostPort::Range(first, last) => format!("{first}-{last}"),
        };
        let binding = wire::PortBinding {
            host_ip: text(port.host_ip.as_ref()),
            host_port,
        };
        ports
            .entry(port.container.to_string())
            .or_default()
            .push(binding);
    }
    ports
}

fn restart(policy: RestartSpec) -> wire::RestartPolicy {
    let (name, max_retries) = match policy {
        RestartSpec::No => ("no", 0),
        RestartSpec::Always => ("always", 0),
        RestartSpec::UnlessStopped => ("unless-stopped", 0),
        RestartSpec::OnFailure { max_retries } => ("on-failure", max_retries.unwrap_or_default()),
    };
    wire::RestartPolicy {
        name: name.into(),
        max_retries,
    }
}

/// Writes a mount the short way, where that says all of it.
///
/// Only this way makes a missing folder of the host on API 1.41, and relabels for `SELinux`. What it cannot
/// say (a colon in a path, a labelled volume) goes the long way.
fn bind_string(mount: &MountSpec) -> Option<String> {
    let mut options = vec![if mount.read_only { "ro" } else { "rw" }];
    let source = match &mount.source {
        MountSource::Bind(bind) if bind.create_host_path => {
            if bind.recursive != BindRecursive::Enabled || mount.consistency.is_some() {
                return None;
            }
            options.extend(match bind.selinux {
                Some(SelinuxLabel::Shared) => Some("z"),
                Some(SelinuxLabel::Private) => Some("Z"),
                None => None,
            });
            options.extend(bind.propagation.as_deref());
            &bind.path
        }
        MountSource::Volume(VolumeMountSpec {
            name: Some(name),
            no_copy,
            subpath: None,
            labels,
        }) if labels.is_empty() => {
            options.extend(no_copy.then_some("nocopy"));
            name
        }
        _ => return None,
    };
    let plain = |path: &str| !path.is_empty() && !path.contains(':');
    (plain(source) && plain(&mount.target))
        .then(|| format!("{source}:{}:{}", mount.target, options.join(",")))
}

/// A volume that nobody names and that has no options goes into the config's `Volumes`.
fn is_plain_anonymous(mount: &MountSpec) -> bool {
    let plain = VolumeMountSpec::default();
    !mount.read_only && matches!(&mount.source, MountSource::Volume(volume) if *volume == plain)
}

fn anonymous_volumes(mounts: &[MountSpec]) -> KeySet {
    keys(
        mounts
            .iter()
            .filter(|mount| is_plain_anonymous(mount))
            .map(|mount| mount.target.clone()),
    )
}

fn mount_body(mount: &MountSpec) -> wire::Mount {
    let mut body = wire::Mount {
        target: mount.target.clone(),
        read_only: mount.read_only,
        consistency: text(mount.consistency.as_ref()),
        ..wire::Mount::default()
    };
    match &mount.source {
        MountSource::Bind(bind) => {
            body.kind = "bind".into();
            body.source.clone_from(&bind.path);
            body.bind = Some(bind_options(bind));
        }
        MountSource::Volume(volume) => {
            body.kind = "volume".into();
            body.source = text(volume.name.as_ref());
            let options = wire::VolumeOptions {
                no_copy: volume.no_copy,
                labels: map(&volume.labels),
                subpath: text(volume.subpath.as_ref()),
            };
            body.volume = (options != wire::VolumeOptions::default()).then_some(options);
        }
        MountSource::Tmpfs(tmpfs) => {
            body.kind = "tmpfs".into();
            let options = wire::TmpfsOptions {
                size: tmpfs.size_bytes.unwrap_or_default(),
                mode: tmpfs.mode.unwrap_or_default(),
            };
            body.tmpfs = (options != wire::TmpfsOptions::default()).then_some(options);
        }
        MountSource::Image(image) => {
            body.kind = "image".into();
            body.source.clone_from(&image.image);
            body.image = image
                .subpath
                .clone()
                .map(|subpath| wire::ImageOptions { subpath });
        }
        MountSource::NamedPipe { path } => {
            body.kind = "npipe".into();
            body.source.clone_from(path);
        }
    }
    body
}

fn bind_options(bind: &BindSpec) -> wire::BindOptions {
    wire::BindOptions {
        propagation: text(bind.propagation.as_ref()),
        non_recursive: bind.recursive == BindRecursive::Disabled,
        create_mountpoint: bind.create_host_path,
        read_only_non_recursive: bind.recursive == BindRecursive::Writable,
        read_only_force_recursive: bind.recursive == BindRecursive::ReadOnly,
    }
}

/// The body of a network's create.
pub(super) fn network(spec: &NetworkSpec) -> Network {
    Network {
        name: spec.name.clone(),
        driver: text(spec.driver.as_ref()),
        check_duplicate: true,
        enable_ipv4: spec.ipv4,
        enable_ipv6: spec.ipv6,
        internal: spec.internal,
        attachable: spec.attachable,
        ipam: spec.ipam.as_ref().map(ipam),
        options: map(&spec.options),
        labels: map(&spec.labels),
        ..Network::default()
    }
}

fn ipam(spec: &IpamSpec) -> Ipam {
    let pool = |pool: &bowline_model::IpamPool| Pool {
        subnet: text(pool.subnet.as_ref()),
        ip_range: text(pool.ip_range.as_ref()),
        gateway: text(pool.gateway.as_ref()),
        reserved: pool.reserved.clone(),
    };
    Ipam {
        driver: text(spec.driver.as_ref()),
        options: map(&spec.options),
        config: spec.pools.iter().map(pool).collect(),
    }
}

/// The body of a volume's create.
pub(super) fn volume(spec: &VolumeSpec) -> Volume {
    Volume {
        name: spec.name.clone(),
        driver: text(spec.driver.as_ref()),
        driver_opts: map(&spec.options),
        labels: map(&spec.labels),
        ..Volume::default()
    }
}

fn text(value: Option<&String>) -> String {
    value.cloned().unwrap_or_default()
}

fn map(pairs: &TextMap) -> Map {
    (**pairs).clone()
}

fn keys(names: impl Iterator<Item = String>) -> KeySet {
    KeySet(names.collect())
}
