//! From the engine's JSON to observations.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use bowline_model::{
    Argv, BindRecursive, BindSpec, BlockIoSpec, BoundPort, ContainerId, ContainerSpec,
    ContainerState, ContainerStatus, ContainerSummary, DeviceRequestSpec, DeviceSpec,
    EffectiveMount, EndpointSpec, EngineEvent, EnvSpec, EventAction, Health, HealthProbe,
    HealthStatus, HealthTest, HealthcheckSpec, HostPort, ImageConfig, ImageId, ImageMountSpec,
    IpamPool, IpamSpec, LogSpec, MountSource, MountSpec, NetworkId, NetworkSpec, NetworkingSpec,
    ObjectKind, ObservedContainer, ObservedEndpoint, ObservedImage, ObservedNetwork,
    ObservedVolume, PortKey, PortSpec, ResourcesSpec, RestartSpec, SecuritySpec, SelinuxLabel,
    ThrottleDevice, TmpfsSpec, UlimitSpec, VolumeMountSpec, VolumeSpec, WeightDevice,
};
use jiff::Timestamp;

use super::wire::{Event, KeySet, nonzero, said, time};
use super::wire_container as wire;
use super::wire_objects::{Image, Network, Volume};

/// A line of a listing.
pub(super) fn summary(line: wire::Summary) -> ContainerSummary {
    // A container that others link to has several names; its own has no slash inside.
    let name = line
        .names
        .iter()
        .map(|name| name.trim_start_matches('/'))
        .find(|name| !name.contains('/'));
    ContainerSummary {
        name: name.unwrap_or_default().to_owned(),
        id: ContainerId(line.id),
        image: line.image,
        image_id: ImageId(line.image_id),
        labels: line.labels.into(),
        status: ContainerStatus::from_word(&line.state),
        created: Timestamp::from_second(line.created).ok(),
    }
}

/// An inspect.
pub(super) fn container(inspect: wire::Inspect) -> ObservedContainer {
    let endpoints = inspect
        .network
        .networks
        .iter()
        .map(|(name, endpoint)| (name.clone(), observed_endpoint(endpoint)));
    ObservedContainer {
        name: inspect.name.trim_start_matches('/').to_owned(),
        id: ContainerId(inspect.id),
        created: time(&inspect.created),
        image_id: ImageId(inspect.image),
        endpoints: endpoints.collect(),
        ports: inspect
            .network
            .ports
            .iter()
            .flat_map(|(key, bound)| bound_ports(key, bound.as_deref()))
            .collect(),
        spec: spec(inspect.config, inspect.host, &inspect.network.networks),
        state: state(inspect.state),
        restart_count: inspect.restart_count,
        mounts: inspect.mounts.into_iter().map(effective_mount).collect(),
        execs: inspect.exec_ids,
    }
}

fn state(state: wire::State) -> ContainerState {
    ContainerState {
        status: ContainerStatus::from_word(&state.status),
        exit_code: state.exit_code,
        oom_killed: state.oom_killed,
        error: said(state.error),
        pid: u32::try_from(state.pid).ok().filter(|pid| *pid != 0),
        started: time(&state.started_at),
        finished: time(&state.finished_at),
        health: state.health.and_then(health),
    }
}

fn health(health: wire::Health) -> Option<Health> {
    let status = match health.status.as_str() {
        "healthy" => HealthStatus::Healthy,
        "unhealthy" => HealthStatus::Unhealthy,
        "starting" => HealthStatus::Starting,
        // Docker says `none` and Podman nothing for a container without a healthcheck.
        _ => return None,
    };
    let probe = |probe: wire::Probe| HealthProbe {
        started: time(&probe.start),
        ended: time(&probe.end),
        exit_code: probe.exit_code,
        output: probe.output,
    };
    Some(Health {
        status,
        failing_streak: health.failing_streak,
        probes: health.log.into_iter().map(probe).collect(),
    })
}

fn observed_endpoint(endpoint: &wire::Endpoint) -> ObservedEndpoint {
    ObservedEndpoint {
        network: said(endpoint.network_id.clone()).map(NetworkId),
        aliases: endpoint.aliases.clone(),
        ipv4: said(endpoint.ip_address.clone()),
        ipv6: said(endpoint.ipv6_address.clone()),
        mac_address: said(endpoint.mac_address.clone()),
    }
}

fn bound_ports(key: &str, bound: Option<&[wire::PortBinding]>) -> Vec<BoundPort> {
    let Some(container) = PortKey::parse(key) else {
        return Vec::new();
    };
    let bindings = bound.unwrap_or_default().iter();
    bindings
        .filter_map(|binding| {
            let host_port = binding.host_port.parse().ok()?;
            Some(BoundPort {
                container: container.clone(),
                host_ip: binding.host_ip.clone(),
                host_port,
            })
        })
        .collect()
}

fn effective_mount(mount: wire::MountPoint) -> EffectiveMount {
    EffectiveMount {
        target: mount.destination,
        kind: mount.kind,
        volume: said(mount.name),
        source: PathBuf::from(mount.source),
        driver: said(mount.driver),
        writable: mount.writable,
        propagation: mount.propagation,
        mode: mount.mode,
    }
}

/// What a container was created with.
fn spec(
    config: wire::Config,
    host: wire::HostConfig,
    networks: &BTreeMap<String, wire::Endpoint>,
) -> ContainerSpec {
    let mut mounts: Vec<MountSpec> = host
        .binds
        .iter()
        .filter_map(|bind| bind_mount(bind))
        .collect();
    mounts.extend(host.mounts.iter().filter_map(mount));
    ContainerSpec {
        platform: None,
        entrypoint: argv(config.entrypoint.clone()),
        command: argv(config.cmd.clone()),
        env: EnvSpec::from_entries(config.env.iter().map(String::as_str)),
        user: said(config.user.clone()),
        working_dir: said(config.working_dir.clone()),
        hostname: said(config.hostname.clone()),
        domainname: said(config.domainname.clone()),
        tty: config.tty,
        stdin_open: config.open_stdin,
        stdin_once: config.stdin_once,
        stop_signal: said(config.stop_signal.clone()),
        stop_timeout_secs: config.stop_timeout,
        healthcheck: config.healthcheck.as_ref().map(healthcheck),
        exposed: exposed(&config.exposed_ports),
        published: published(&host),
        mounts,
        tmpfs: host.tmpfs.clone(),
        volumes_from: host.volumes_from.clone(),
        volume_driver: said(host.volume_driver.clone()),
        network: networking(&config, &host, networks),
        resources: resources(&host),
        security: security(&host),
        restart: restart(&host.restart_policy),
        auto_remove: host.auto_remove,
        init: host.init,
        runtime: said(host.runtime),
        logging: Some(LogSpec {
            driver: host.log_config.kind,
            options: host.log_config.config.into(),
        }),
        storage_options: host.storage_opt.into(),
        annotations: host.annotations.into(),
        isolation: said(host.isolation).filter(|isolation| isolation != "default"),
        image: config.image,
        labels: config.labels.into(),
    }
}

fn networking(
    config: &wire::Config,
    host: &wire::HostConfig,
    networks: &BTreeMap<String, wire::Endpoint>,
) -> NetworkingSpec {
    let endpoint = |(name, endpoint): (&String, &wire::Endpoint)| {
        let ipam = endpoint.ipam.clone().unwrap_or_default();
        EndpointSpec {
            network: name.clone(),
            aliases: endpoint.aliases.clone(),
            links: endpoint.links.clone(),
            ipv4: said(ipam.ipv4),
            ipv6: said(ipam.ipv6),
            link_local: ipam.link_local,
            // An address that the engine made up looks like one that was asked for.
            mac_address: None,
            driver_options: endpoint.driver_opts.clone().into(),
            gateway_priority: nonzero(endpoint.gw_priority),
        }
    };
    NetworkingSpec {
        mode: said(host.network_mode.clone()),
        endpoints: networks.iter().map(endpoint).collect(),
        disabled: config.network_disabled,
        links: host.links.clone(),
        dns: host.dns.clone(),
        dns_options: host.dns_options.clone(),
        dns_search: host.dns_search.clone(),
        extra_hosts: host.extra_hosts.clone(),
        ipc: said(host.ipc_mode.clone()),
        pid: said(host.pid_mode.clone()),
        uts: said(host.uts_mode.clone()),
        userns: said(host.userns_mode.clone()),
        cgroupns: said(host.cgroupns_mode.clone()),
        mac_address: said(config.mac_address.clone()),
    }
}

fn security(host: &wire::HostConfig) -> SecuritySpec {
    // A privileged container has none masked either; there it says nothing.
    let unconfined = !host.privileged && host.masked_paths.as_ref().is_some_and(Vec::is_empty);
    SecuritySpec {
        privileged: host.privileged,
        cap_add: host.cap_add.clone(),
        cap_drop: host.cap_drop.clone(),
        options: host.security_opt.clone(),
        system_paths_unconfined: unconfined,
        read_only: host.readonly_rootfs,
        groups: host.group_add.clone(),
        sysctls: host.sysctls.clone(),
    }
}

fn resources(host: &wire::HostConfig) -> ResourcesSpec {
    let ulimit = |limit: &wire::Ulimit| UlimitSpec {
        name: limit.name.clone(),
        soft: limit.soft,
        hard: limit.hard,
    };
    let device = |device: &wire::Device| DeviceSpec {
        host_path: device.host.clone(),
        container_path: device.container.clone(),
        permissions: device.permissions.clone(),
    };
    let request = |request: &wire::DeviceRequest| DeviceRequestSpec {
        driver: request.driver.clone(),
        count: request.count,
        device_ids: request.ids.clone(),
        capabilities: request.capabilities.clone(),
        options: request.options.clone().into(),
    };
    ResourcesSpec {
        memory_bytes: nonzero(host.memory),
        memory_swap_bytes: nonzero(host.memory_swap),
        memory_reservation_bytes: nonzero(host.memory_reservation),
        memory_swappiness: host.memory_swappiness.filter(|swappiness| *swappiness >= 0),
        oom_kill_disable: host.oom_kill_disable,
        oom_score_adj: nonzero(host.oom_score_adj),
        nano_cpus: nonzero(host.nano_cpus),
        cpu_shares: nonzero(host.cpu_shares),
        cpu_period: nonzero(host.cpu_period),
        cpu_quota: nonzero(host.cpu_quota),
        cpu_rt_period: nonzero(host.cpu_rt_period),
        cpu_rt_runtime: nonzero(host.cpu_rt_runtime),
        cpuset_cpus: said(host.cpuset_cpus.clone()),
        cpuset_mems: said(host.cpuset_mems.clone()),
        cpu_count: nonzero(host.cpu_count),
        cpu_percent: nonzero(host.cpu_percent),
        pids_limit: host.pids_limit.filter(|limit| *limit != 0),
        shm_size_bytes: nonzero(host.shm_size),
        cgroup_parent: said(host.cgroup_parent.clone()),
        ulimits: host.ulimits.iter().map(ulimit).collect(),
        devices: host.devices.iter().map(device).collect(),
        device_cgroup_rules: host.device_cgroup_rules.clone(),
        device_requests: host.device_requests.iter().map(request).collect(),
        block_io: block_io(host),
    }
}

fn block_io(host: &wire::HostConfig) -> BlockIoSpec {
    let throttles = |devices: &[wire::ThrottleDevice]| -> Vec<ThrottleDevice> {
        devices
            .iter()
            .map(|device| ThrottleDevice {
                path: device.path.clone(),
                rate: device.rate,
            })
            .collect()
    };
    BlockIoSpec {
        weight: Some(host.blkio_weight).filter(|weight| *weight != 0),
        weight_devices: host
            .blkio_weight_device
            .iter()
            .map(|device| WeightDevice {
                path: device.path.clone(),
                weight: device.weight,
            })
            .collect(),
        read_bps: throttles(&host.blkio_read_bps),
        write_bps: throttles(&host.blkio_write_bps),
        read_iops: throttles(&host.blkio_read_iops),
        write_iops: throttles(&host.blkio_write_iops),
    }
}

fn healthcheck(check: &wire::Healthcheck) -> HealthcheckSpec {
    let time = |nanos: u64| (nanos != 0).then(|| Duration::from_nanos(nanos));
    HealthcheckSpec {
        test: HealthTest::from_words(&check.test),
        interval: time(check.interval),
        timeout: time(check.timeout),
        start_period: time(check.start_period),
        start_interval: time(check.start_interval),
        retries: Some(check.retries).filter(|retries| *retries != 0),
    }
}

fn exposed(ports: &KeySet) -> BTreeSet<PortKey> {
    ports
        .0
        .iter()
        .filter_map(|key| PortKey::parse(key))
        .collect()
}

fn published(host: &wire::HostConfig) -> Vec<PortSpec> {
    let all = host
        .port_bindings
        .iter()
        .flat_map(|(key, bindings)| bindings.iter().map(move |binding| (key, binding)));
    all.filter_map(|(key, binding)| {
        let host = match binding.host_port.as_str() {
            "" | "0" => HostPort::Any,
            port => match port.split_once('-') {
                Some((first, last)) => HostPort::Range(first.parse().ok()?, last.parse().ok()?),
                None => HostPort::Fixed(port.parse().ok()?),
            },
        };
        Some(PortSpec {
            container: PortKey::parse(key)?,
            host_ip: said(binding.host_ip.clone()),
            host,
        })
    })
    .collect()
}

fn restart(policy: &wire::RestartPolicy) -> RestartSpec {
    match policy.name.as_str() {
        "always" => RestartSpec::Always,
        "unless-stopped" => RestartSpec::UnlessStopped,
        "on-failure" => RestartSpec::OnFailure {
            max_retries: Some(policy.max_retries).filter(|max| *max != 0),
        },
        _ => RestartSpec::No,
    }
}

/// Reads `source:target[:options]`. What is no such thing (a path of Windows) is left out.
fn bind_mount(bind: &str) -> Option<MountSpec> {
    let mut parts = bind.splitn(3, ':');
    let (source, target, options) = (
        parts.next()?,
        parts.next()?,
        parts.next().unwrap_or_default(),
    );
    let options: Vec<&str> = options.split(',').collect();
    let source = if source.starts_with('/') {
        let propagation = options.iter().find(|option| {
            option.ends_with("private") || option.ends_with("shared") || option.ends_with("slave")
        });
        MountSource::Bind(BindSpec {
            path: source.to_owned(),
            create_host_path: true,
            propagation: propagation.map(|propagation| (*propagation).to_owned()),
            recursive: BindRecursive::Enabled,
            selinux: options.iter().find_map(|option| match *option {
                "z" => Some(SelinuxLabel::Shared),
                "Z" => Some(SelinuxLabel::Private),
                _ => None,
            }),
        })
    } else {
        MountSource::Volume(VolumeMountSpec {
            name: said(source.to_owned()),
            no_copy: options.contains(&"nocopy"),
            ..VolumeMountSpec::default()
        })
    };
    Some(MountSpec {
        target: target.to_owned(),
        read_only: options.contains(&"ro"),
        source,
        consistency: None,
    })
}

fn mount(mount: &wire::Mount) -> Option<MountSpec> {
    let source = match mount.kind.as_str() {
        "bind" => {
            let options = mount.bind.clone().unwrap_or_default();
            MountSource::Bind(BindSpec {
                path: mount.source.clone(),
                create_host_path: options.create_mountpoint,
                propagation: said(options.propagation),
                recursive: match (
                    options.non_recursive,
                    options.read_only_non_recursive,
                    options.read_only_force_recursive,
                ) {
                    (true, _, _) => BindRecursive::Disabled,
                    (_, true, _) => BindRecursive::Writable,
                    (_, _, true) => BindRecursive::ReadOnly,
                    _ => BindRecursive::Enabled,
                },
                selinux: None,
            })
        }
        "volume" => {
            let options = mount.volume.clone().unwrap_or_default();
            MountSource::Volume(VolumeMountSpec {
                name: said(mount.source.clone()),
                no_copy: options.no_copy,
                subpath: said(options.subpath),
                labels: options.labels.into(),
            })
        }
        "tmpfs" => {
            let options = mount.tmpfs.clone().unwrap_or_default();
            MountSource::Tmpfs(TmpfsSpec {
                size_bytes: nonzero(options.size),
                mode: Some(options.mode).filter(|mode| *mode != 0),
            })
        }
        "image" => MountSource::Image(ImageMountSpec {
            image: mount.source.clone(),
            subpath: mount
                .image
                .clone()
                .and_then(|options| said(options.subpath)),
        }),
        "npipe" => MountSource::NamedPipe {
            path: mount.source.clone(),
        },
        // `cluster` volumes of a swarm; the effective mounts still show it.
        _ => return None,
    };
    Some(MountSpec {
        target: mount.target.clone(),
        read_only: mount.read_only,
        source,
        consistency: said(mount.consistency.clone()),
    })
}

fn argv(words: Option<Vec<String>>) -> Option<Argv> {
    words.map(Argv)
}

/// A network.
pub(super) fn network(network: Network) -> ObservedNetwork {
    let pool = |pool: &super::wire_objects::Pool| IpamPool {
        subnet: said(pool.subnet.clone()),
        ip_range: said(pool.ip_range.clone()),
        gateway: said(pool.gateway.clone()),
        reserved: pool.reserved.clone(),
    };
    let ipam = network.ipam.map(|ipam| IpamSpec {
        driver: said(ipam.driver),
        options: ipam.options.into(),
        pools: ipam.config.iter().map(pool).collect(),
    });
    // A swarm's load balancers are no containers and have other ids.
    let attached = network
        .containers
        .into_iter()
        .filter(|(id, _)| id.len() == 64);
    ObservedNetwork {
        id: NetworkId(network.id),
        created: time(&network.created),
        scope: network.scope,
        attached: attached
            .map(|(id, attached)| (ContainerId(id), attached.name))
            .collect(),
        spec: NetworkSpec {
            name: network.name,
            driver: said(network.driver),
            options: network.options.into(),
            labels: network.labels.into(),
            internal: network.internal,
            attachable: network.attachable,
            ipv4: network.enable_ipv4,
            ipv6: network.enable_ipv6,
            ipam,
        },
    }
}

/// A volume.
pub(super) fn volume(volume: Volume) -> ObservedVolume {
    ObservedVolume {
        created: time(&volume.created_at),
        mountpoint: PathBuf::from(volume.mountpoint),
        spec: VolumeSpec {
            name: volume.name,
            driver: said(volume.driver),
            options: volume.options.into(),
            labels: volume.labels.into(),
        },
    }
}

/// An image.
pub(super) fn image(image: Image) -> ObservedImage {
    let config = image.config.unwrap_or_default();
    let variant = if image.variant.is_empty() {
        String::new()
    } else {
        format!("/{}", image.variant)
    };
    ObservedImage {
        id: ImageId(image.id),
        tags: image.tags,
        digests: image.digests,
        created: time(&image.created),
        platform: format!("{}/{}{variant}", image.os, image.arch),
        size_bytes: image.size,
        config: ImageConfig {
            env: EnvSpec::from_entries(config.env.iter().map(String::as_str)),
            entrypoint: argv(config.entrypoint),
            command: argv(config.cmd),
            labels: config.labels.into(),
            exposed: exposed(&config.exposed_ports),
            volumes: config.volumes.0,
            healthcheck: config.healthcheck.as_ref().map(healthcheck),
            user: said(config.user),
            working_dir: said(config.working_dir),
            stop_signal: said(config.stop_signal),
            shell: config.shell,
        },
    }
}

/// An event. Those about other kinds of objects are `None`.
pub(super) fn event(event: Event) -> Option<EngineEvent> {
    let kind = match event.kind.as_str() {
        "container" => ObjectKind::Container,
        "network" => ObjectKind::Network,
        "volume" => ObjectKind::Volume,
        "image" => ObjectKind::Image,
        _ => return None,
    };
    Some(EngineEvent {
        at: Timestamp::from_nanosecond(i128::from(event.time_nanos)).ok()?,
        kind,
        action: EventAction::from_word(&event.action),
        id: event.actor.id,
        attributes: event.actor.attributes,
    })
}
