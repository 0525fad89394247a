//! From the engine's answers to facts, secrets taken out.

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_model::{
    ContainerSpec, EffectiveMount, HealthTest, HostPort, MASK, MountSource, MountSpec,
    ObservedContainer, ObservedImage, ObservedVolume, PortSpec, ResourcesSpec, RestartSpec, Secret,
    UlimitSpec, carried, is_secret_key, label, mask_command,
};

use crate::facts::{
    ContainerFact, Endpoint, HealthFact, ImageFact, Limits, Mount, Probe, Published, VolumeFact,
};
use crate::tokens::{Mask, Tokens};

use super::on_host;
use super::told::secret_parts;

pub(super) fn container_fact(
    container: &ObservedContainer,
    tokens: &mut Tokens,
    mask: &Mask,
) -> ContainerFact {
    let (spec, state) = (&container.spec, &container.state);
    let words = spec.entrypoint.iter().chain(&spec.command);
    let words = words.flat_map(|words| words.iter().map(String::as_str));
    ContainerFact {
        name: container.name.clone(),
        id: container.id.0.clone(),
        service: container.labels().get(label::SERVICE).cloned(),
        is_one_off: container
            .labels()
            .get(label::ONE_OFF)
            .is_some_and(|word| word == "True"),
        image: spec.image.clone(),
        image_id: container.image_id.0.clone(),
        created: container.created,
        status: state.status.clone(),
        exit_code: state.exit_code,
        oom_killed: state.oom_killed,
        error: state.error.as_ref().map(|error| mask.apply(error)),
        started: state.started,
        finished: state.finished,
        restarts: container.restart_count,
        restart_policy: policy(spec.restart),
        health: health(container, mask),
        command: mask_command(words)
            .into_iter()
            .map(|word| mask.apply(&word))
            .collect(),
        user: spec.user.clone(),
        environment: environment(spec, tokens, mask),
        endpoints: endpoints(container),
        network_mode: spec.network.mode.clone(),
        published: published(container),
        mounts: mounts(container),
        limits: Limits {
            memory_bytes: spec.resources.memory_bytes,
            nano_cpus: nano_cpus(&spec.resources),
            pids: spec.resources.pids_limit,
            open_files: open_files(&spec.resources.ulimits),
        },
        log_driver: spec.logging.as_ref().map(|logging| logging.driver.clone()),
        stop_timeout_secs: spec.stop_timeout_secs,
        stop_signal: spec.stop_signal.clone(),
        extra_hosts: spec.network.extra_hosts.clone(),
        exposed: spec.exposed.iter().map(ToString::to_string).collect(),
        is_read_only: spec.security.read_only,
        tmpfs: spec.tmpfs.keys().cloned().collect(),
        has_init: spec.init == Some(true),
        dns: spec.network.dns.clone(),
        log_options: log_options(spec, tokens, mask),
        working_dir: spec.working_dir.clone().filter(|folder| !folder.is_empty()),
        cap_drop: spec.security.cap_drop.clone(),
        sysctls: spec.security.sysctls.clone(),
        hostname: spec.hostname.clone(),
    }
}

/// The processors that it may use: as they were asked for, or by the quota of a period.
fn nano_cpus(resources: &ResourcesSpec) -> Option<i64> {
    let by_quota = || {
        let quota = resources.cpu_quota.filter(|quota| *quota > 0)?;
        // The kernel's own period, where none was asked for.
        let period = resources.cpu_period.filter(|period| *period > 0);
        quota
            .checked_mul(1_000_000_000)?
            .checked_div(period.unwrap_or(100_000))
    };
    resources
        .nano_cpus
        .filter(|nano| *nano > 0)
        .or_else(by_quota)
}

fn open_files(limits: &[UlimitSpec]) -> Option<i64> {
    let limit = limits.iter().find(|limit| limit.name == "nofile")?;
    Some(limit.soft).filter(|soft| *soft >= 0)
}

fn environment(
    spec: &ContainerSpec,
    tokens: &mut Tokens,
    mask: &Mask,
) -> BTreeMap<String, Option<String>> {
    let variables = spec.env.iter().map(|(key, value)| {
        let value = value.map(|value| shown(key, value, tokens, mask));
        (key.to_owned(), value)
    });
    variables.collect()
}

/// What the driver of the log is told. Some are told how to log in somewhere.
fn log_options(spec: &ContainerSpec, tokens: &mut Tokens, mask: &Mask) -> BTreeMap<String, String> {
    let options = spec.logging.iter().flat_map(|one| one.options.iter());
    options
        .map(|(key, value)| {
            let value = shown(key, &Secret::new(value), tokens, mask);
            (key.to_owned(), value)
        })
        .collect()
}

fn endpoints(container: &ObservedContainer) -> BTreeMap<String, Endpoint> {
    let wanted = |network: &String| {
        let wanted = container.spec.network.endpoints.iter();
        wanted
            .filter(|endpoint| endpoint.network == *network)
            .find_map(|endpoint| endpoint.ipv4.clone())
    };
    let endpoints = container.endpoints.iter();
    let endpoints = endpoints.map(|(network, observed)| {
        let endpoint = Endpoint {
            aliases: observed.aliases.clone(),
            ipv4: observed.ipv4.clone(),
            ipv6: observed.ipv6.clone(),
            wanted_ipv4: wanted(network),
        };
        (network.clone(), endpoint)
    });
    endpoints.collect()
}

fn mounts(container: &ObservedContainer) -> Vec<Mount> {
    let folder = container.labels().get(label::WORKING_DIR);
    let mounts = container.mounts.iter();
    mounts
        .map(|it| Mount {
            subpath: subpath(it, &container.spec.mounts),
            ..mount(it, folder.map(String::as_str))
        })
        .collect()
}

/// The folder of a volume that was asked for: what engines say of mounts in effect leaves it out.
fn subpath(mount: &EffectiveMount, wanted: &[MountSpec]) -> Option<String> {
    let target = |target: &str| target.trim_end_matches('/').to_owned();
    let mut wanted = wanted.iter();
    let wanted = wanted.find(|wanted| target(&wanted.target) == target(&mount.target))?;
    let MountSource::Volume(volume) = &wanted.source else {
        return None;
    };
    volume.subpath.clone().filter(|folder| !folder.is_empty())
}

fn mount(mount: &EffectiveMount, folder: Option<&str>) -> Mount {
    let in_project = folder.filter(|_| mount.kind == "bind").and_then(|folder| {
        let path = mount.source.strip_prefix(folder).ok()?;
        Some(path.display().to_string()).filter(|path| !path.is_empty())
    });
    Mount {
        in_project,
        changed_on_host: (mount.kind == "bind")
            .then(|| on_host::changed(&mount.source))
            .flatten(),
        target: mount.target.clone(),
        kind: mount.kind.clone(),
        source: match &mount.volume {
            Some(volume) => volume.clone(),
            None => mount.source.display().to_string(),
        },
        writable: mount.writable,
        subpath: None,
    }
}

/// A value of the environment, or of an option, as it may be shown: all of it by its number where its key is a secret's, else with the
/// secrets in it replaced.
pub(super) fn shown(key: &str, value: &Secret, tokens: &mut Tokens, mask: &Mask) -> String {
    if is_secret_key(key) {
        return tokens.token(value);
    }
    let mut text = value.reveal().to_owned();
    let connections = carried::find([(key, value.reveal())], [], []);
    let parts = connections.iter().flat_map(secret_parts);
    let mut parts: Vec<_> = parts
        .map(|part| (part.span.clone(), tokens.token(&part.value)))
        .collect();
    // From the end, so that what stands before keeps its place.
    parts.sort_by_key(|(span, _)| std::cmp::Reverse(span.start));
    parts.dedup_by(|(one, _), (other, _)| one.start == other.start);
    for (span, token) in parts {
        if text.get(span.clone()).is_none() {
            return MASK.to_owned();
        }
        text.replace_range(span, &token);
    }
    mask.apply(&text)
}

fn policy(restart: RestartSpec) -> String {
    match restart {
        RestartSpec::No => "no".to_owned(),
        RestartSpec::Always => "always".to_owned(),
        RestartSpec::UnlessStopped => "unless-stopped".to_owned(),
        RestartSpec::OnFailure { max_retries: None } => "on-failure".to_owned(),
        RestartSpec::OnFailure {
            max_retries: Some(limit),
        } => format!("on-failure:{limit}"),
    }
}

fn health(container: &ObservedContainer, mask: &Mask) -> Option<HealthFact> {
    let check = container.spec.healthcheck.as_ref()?;
    let words = |kind: &str, words: &[String]| {
        let words = mask_command(words.iter().map(String::as_str));
        let words = words.into_iter().map(|word| mask.apply(&word));
        std::iter::once(kind.to_owned()).chain(words).collect()
    };
    let test = match check.test.as_ref()? {
        HealthTest::Disabled => return None,
        HealthTest::Exec(argv) => words("CMD", argv),
        HealthTest::Shell(line) => words("CMD-SHELL", line),
    };
    // Docker's own defaults, where nothing is said.
    let secs = |said: Option<Duration>, default: u64| {
        said.filter(|said| !said.is_zero())
            .unwrap_or(Duration::from_secs(default))
            .as_secs_f64()
    };
    let health = container.state.health.as_ref();
    let probes = match (health, container.state.started) {
        (Some(health), Some(started)) => health.probes_since(started).collect(),
        _ => Vec::new(),
    };
    Some(HealthFact {
        verdict: health.map(|health| health.status),
        failing_streak: health.map_or(0, |health| health.failing_streak),
        test,
        interval_secs: secs(check.interval, 30),
        timeout_secs: secs(check.timeout, 30),
        start_period_secs: check.start_period.unwrap_or_default().as_secs_f64(),
        retries: check.retries.filter(|retries| *retries > 0).unwrap_or(3),
        probes: probes
            .into_iter()
            .map(|probe| Probe {
                at: probe.started,
                exit_code: probe.exit_code,
                output: mask.apply(&super::text::plain(probe.output.as_bytes(), 4096)),
            })
            .collect(),
    })
}

/// The ports that are open, and those that were asked for and are not.
fn published(container: &ObservedContainer) -> Vec<Published> {
    let open = container.ports.iter().map(|port| Published {
        container: port.container.to_string(),
        host_ip: port.host_ip.clone(),
        host_port: port.host_port.to_string(),
        is_open: true,
    });
    let is_closed = |wanted: &&PortSpec| {
        let mut ports = container.ports.iter();
        !ports.any(|port| port.container == wanted.container)
    };
    let closed = container.spec.published.iter().filter(is_closed);
    let closed = closed.map(|wanted| Published {
        container: wanted.container.to_string(),
        host_ip: wanted.host_ip.clone().unwrap_or_default(),
        host_port: match wanted.host {
            HostPort::Any => String::new(),
            HostPort::Fixed(port) => port.to_string(),
            HostPort::Range(first, last) => format!("{first}-{last}"),
        },
        is_open: false,
    });
    open.chain(closed).collect()
}

/// What the engine has under a reference; nothing where it has no such image.
pub(super) fn image_fact(image: Option<&ObservedImage>, mask: &Mask) -> ImageFact {
    let Some(image) = image else {
        return ImageFact {
            id: None,
            platform: String::new(),
            command: Vec::new(),
            exposed: Vec::new(),
            volumes: Vec::new(),
            secrets: Vec::new(),
        };
    };
    let config = &image.config;
    let words = config.entrypoint.iter().chain(&config.command);
    ImageFact {
        id: Some(image.id.0.clone()),
        platform: image.platform.clone(),
        command: mask_command(words.flat_map(|words| words.iter().map(String::as_str)))
            .into_iter()
            .map(|word| mask.apply(&word))
            .collect(),
        exposed: config.exposed.iter().map(ToString::to_string).collect(),
        volumes: config.volumes.iter().cloned().collect(),
        secrets: config
            .env
            .iter()
            .filter(|(key, value)| {
                is_secret_key(key) && value.is_some_and(|value| !value.is_empty())
            })
            .map(|(key, _)| key.to_owned())
            .collect(),
    }
}

pub(super) fn volume_fact(volume: &ObservedVolume) -> VolumeFact {
    VolumeFact {
        name: volume.spec.name.clone(),
        driver: volume.spec.driver.clone(),
        created: volume.created,
        file_system: volume.spec.options.get("type").cloned(),
        key: volume.spec.labels.get(label::VOLUME).cloned(),
        project: volume.spec.labels.get(label::PROJECT).cloned(),
    }
}
