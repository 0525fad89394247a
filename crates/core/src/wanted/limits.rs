//! Limits and devices.

use bowline_model::{
    BlkioConfig, BlockIoSpec, ContainerSpec, DeviceRate, DeviceRequest, DeviceRequestSpec,
    DeviceSpec, Number, Resource, ResourcesSpec, ThrottleDevice, WeightDevice,
};

use super::labels;
use super::report::{Report, Subject, said};

/// Everything of a spec that is about limits and devices. What `deploy.resources` says counts first.
pub(super) fn fill(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    let service = subject.service;
    let set = |value: i64| (value != 0).then_some(value);
    spec.resources = ResourcesSpec {
        memory_bytes: set(service.mem_limit.0),
        memory_swap_bytes: set(service.memswap_limit.0),
        memory_reservation_bytes: set(service.mem_reservation.0),
        memory_swappiness: set(service.mem_swappiness.0),
        oom_kill_disable: Some(service.oom_kill_disable),
        oom_score_adj: set(service.oom_score_adj),
        nano_cpus: set(nano_cpus(service.cpus)),
        cpu_shares: set(service.cpu_shares),
        cpu_period: set(service.cpu_period),
        cpu_quota: set(service.cpu_quota),
        cpu_rt_period: set(service.cpu_rt_period),
        cpu_rt_runtime: set(service.cpu_rt_runtime),
        cpuset_cpus: said(&service.cpuset),
        cpuset_mems: None,
        cpu_count: set(service.cpu_count),
        cpu_percent: set(single(service.cpu_percent, 100.0)),
        pids_limit: set(service.pids_limit),
        shm_size_bytes: set(service.shm_size.0),
        cgroup_parent: said(&service.cgroup_parent),
        ulimits: service
            .ulimits
            .iter()
            .map(|(name, limit)| limit.spec(name))
            .collect(),
        devices: Vec::new(),
        device_cgroup_rules: service.device_cgroup_rules.clone(),
        device_requests: Vec::new(),
        block_io: service
            .blkio_config
            .as_ref()
            .map_or_else(BlockIoSpec::default, |config| {
                block_io(config, subject, report)
            }),
    };
    if let Some(deploy) = &service.deploy {
        if let Some(limits) = &deploy.resources.0.limits {
            limit(&mut spec.resources, limits);
            name_unused(limits, "limits", subject, report);
        }
        if let Some(reservations) = &deploy.resources.0.reservations {
            reserve(&mut spec.resources, reservations);
            name_unused(reservations, "reservations", subject, report);
        }
    }
    add_devices(&mut spec.resources, subject);
    spec.storage_options = service.storage_opt.clone().into();
}

/// Billionths of a CPU, with the precision of Compose: single.
fn nano_cpus(cpus: Number) -> i64 {
    single(cpus, 1e9)
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "Compose computes it in single precision and cuts the fraction off"
)]
fn single(number: Number, scale: f32) -> i64 {
    (number.0 as f32 * scale) as i64
}

fn limit(resources: &mut ResourcesSpec, limits: &Resource) {
    if limits.memory.0 != 0 {
        resources.memory_bytes = Some(limits.memory.0);
    }
    if limits.cpus.0 != 0.0 {
        resources.nano_cpus = Some(nano_cpus(limits.cpus));
    }
    if limits.pids > 0 {
        resources.pids_limit = Some(limits.pids);
    }
}

fn reserve(resources: &mut ResourcesSpec, reservations: &Resource) {
    if reservations.memory.0 != 0 {
        resources.memory_reservation_bytes = Some(reservations.memory.0);
    }
    let requests = reservations
        .devices
        .iter()
        .map(|device| request(device, device.capabilities.clone()));
    resources.device_requests.extend(requests);
}

/// Names what only Swarm can set aside or limit.
fn name_unused(resource: &Resource, kind: &str, subject: &Subject<'_>, report: &mut Report<'_>) {
    let reserved = kind == "reservations";
    for (field, there) in [
        ("cpus", reserved && resource.cpus.0 != 0.0),
        ("pids", reserved && resource.pids != 0),
        ("devices", !reserved && !resource.devices.is_empty()),
        ("generic_resources", !resource.generic_resources.is_empty()),
    ] {
        if there {
            report.ignore(
                subject.path(&format!("deploy.resources.{kind}.{field}")),
                "an engine by itself has nothing like it",
            );
        }
    }
}

/// Devices by path, and those that CDI or a driver for GPUs provides.
fn add_devices(resources: &mut ResourcesSpec, subject: &Subject<'_>) {
    let mut by_cdi = Vec::new();
    for device in &subject.service.devices {
        if device.source == device.target && is_cdi_name(&device.source) {
            by_cdi.push(device.source.clone());
        } else {
            resources.devices.push(DeviceSpec {
                host_path: device.source.clone(),
                container_path: device.target.clone(),
                permissions: device.permissions.clone(),
            });
        }
    }
    if !by_cdi.is_empty() {
        resources.device_requests.push(DeviceRequestSpec {
            driver: "cdi".into(),
            device_ids: by_cdi,
            ..DeviceRequestSpec::default()
        });
    }
    for gpu in &subject.service.gpus {
        let mut capabilities = gpu.capabilities.clone();
        capabilities.push("gpu".into());
        resources.device_requests.push(request(gpu, capabilities));
    }
}

fn request(device: &DeviceRequest, capabilities: Vec<String>) -> DeviceRequestSpec {
    DeviceRequestSpec {
        driver: device.driver.clone(),
        count: device.count,
        device_ids: device.device_ids.clone(),
        capabilities: vec![capabilities],
        options: labels::values(&device.options),
    }
}

/// Tells whether this is the qualified name of a device: `vendor.example/class=name`.
fn is_cdi_name(name: &str) -> bool {
    let Some((kind, device)) = name.split_once('=') else {
        return false;
    };
    let Some((vendor, class)) = kind.split_once('/') else {
        return false;
    };
    let fits = |text: &str, first: fn(&u8) -> bool, also: &[u8]| {
        let bytes = text.as_bytes();
        bytes.first().is_some_and(first)
            && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
            && bytes
                .iter()
                .all(|byte| byte.is_ascii_alphanumeric() || also.contains(byte))
    };
    fits(vendor, u8::is_ascii_alphabetic, b"_-.")
        && fits(class, u8::is_ascii_alphabetic, b"_-.")
        && fits(device, u8::is_ascii_alphanumeric, b"_-.:")
}

fn block_io(config: &BlkioConfig, subject: &Subject<'_>, report: &mut Report<'_>) -> BlockIoSpec {
    let mut weight = |field: String, value: i64| -> Option<u16> {
        let weight = u16::try_from(value);
        if weight.is_err() {
            let path = subject.path(&format!("blkio_config.{field}"));
            report.invalid(path, value.to_string(), "a weight from 10 to 1000");
        }
        weight.ok()
    };
    let own = weight("weight".into(), config.weight).filter(|weight| *weight != 0);
    let weight_devices = config
        .weight_device
        .iter()
        .enumerate()
        .filter_map(|(index, device)| {
            Some(WeightDevice {
                path: device.path.0.clone(),
                weight: weight(format!("weight_device[{index}].weight"), device.weight.0)?,
            })
        })
        .collect();
    let mut rates = |field: &str, devices: &[DeviceRate]| -> Vec<ThrottleDevice> {
        let mut throttles = Vec::new();
        for (index, device) in devices.iter().enumerate() {
            let rate = device.rate.0.0;
            match u64::try_from(rate) {
                Ok(rate) => throttles.push(ThrottleDevice {
                    path: device.path.0.clone(),
                    rate,
                }),
                Err(_) => report.invalid(
                    subject.path(&format!("blkio_config.{field}[{index}].rate")),
                    rate.to_string(),
                    "a rate",
                ),
            }
        }
        throttles
    };
    BlockIoSpec {
        weight: own,
        weight_devices,
        read_bps: rates("device_read_bps", &config.device_read_bps),
        write_bps: rates("device_write_bps", &config.device_write_bps),
        read_iops: rates("device_read_iops", &config.device_read_iops),
        write_iops: rates("device_write_iops", &config.device_write_iops),
    }
}
