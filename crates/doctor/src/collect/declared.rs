//! What the files say, as facts.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::carried::{Oddity, oddities};
use bowline_model::{
    ObservedContainer, ObservedNetwork, Port, Project, Secret, Service, is_secret_key, label,
};

use crate::facts::{MissingNetwork, Mount, ServiceFact, Unlimited};
use crate::tokens::{Mask, Tokens};

use super::secrets;
use super::translate::shown;

/// The names that a project's people use: they stay readable even where a password is one of them.
pub(super) fn names(project: Option<&Project>) -> BTreeSet<String> {
    let Some(project) = project else {
        return BTreeSet::new();
    };
    let services = project.services.values();
    let images = services
        .filter_map(|service| Some(service.image.clone()).filter(|image| !image.is_empty()));
    let keys = project
        .services
        .keys()
        .chain(project.networks.keys())
        .chain(project.volumes.keys())
        .cloned();
    keys.chain(images).chain([project.name.clone()]).collect()
}

/// Which services a service needs, by the files; by the labels of containers where there are none.
pub(super) fn needs(
    project: Option<&Project>,
    containers: &[ObservedContainer],
) -> BTreeMap<String, BTreeSet<String>> {
    if let Some(project) = project {
        let needs = project.services.iter().map(|(name, service)| {
            let needed = service.depends_on.keys().cloned().collect();
            (name.clone(), needed)
        });
        return needs.collect();
    }
    let mut needs: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for container in containers {
        let labels = container.labels();
        let (Some(service), Some(needed)) =
            (labels.get(label::SERVICE), labels.get(label::DEPENDS_ON))
        else {
            continue;
        };
        // `db:service_healthy:false,cache:service_started:false`
        let needed = needed.split(',').filter_map(|one| one.split(':').next());
        let needed = needed.filter(|name| !name.is_empty()).map(str::to_owned);
        needs.entry(service.clone()).or_default().extend(needed);
    }
    needs
}

/// Remembers the secret values that the files hold.
pub(super) fn remember(project: Option<&Project>, tokens: &mut Tokens) {
    let services = project.iter().flat_map(|project| project.services.values());
    for service in services {
        for (key, value) in service.environment.iter() {
            if is_secret_key(key) {
                tokens.token(&Secret::new(value));
            }
        }
    }
    let objects = project.iter().flat_map(|project| project.secrets.values());
    for secret in objects.filter_map(|object| object.value.as_ref()) {
        tokens.token(secret);
    }
}

/// What the files say of the services.
pub(super) fn services(
    project: Option<&Project>,
    tokens: &mut Tokens,
    mask: &Mask,
) -> BTreeMap<String, ServiceFact> {
    let Some(project) = project else {
        return BTreeMap::new();
    };
    let enabled = project.services.iter().map(|one| (one, true));
    let disabled = project.disabled_services.iter().map(|one| (one, false));
    enabled
        .chain(disabled)
        .map(|((name, service), is_enabled)| {
            let mut fact = service_fact(project, service, is_enabled, tokens, mask);
            let own = secrets::of(service);
            fact.in_clear = secrets::in_clear(project, name, &own);
            fact.weak = secrets::weak(&own, tokens);
            (name.clone(), fact)
        })
        .collect()
}

fn service_fact(
    project: &Project,
    service: &Service,
    is_enabled: bool,
    tokens: &mut Tokens,
    mask: &Mask,
) -> ServiceFact {
    let environment = service.environment.0.iter().map(|(key, value)| {
        let value = value
            .as_ref()
            .map(|value| shown(key, &Secret::new(value), tokens, mask));
        (key.clone(), value)
    });
    let network = |key: &String| {
        let network = project.networks.get(key);
        network.map_or_else(|| key.clone(), |network| network.name.clone())
    };
    let volume = |source: &String| {
        let volume = project.volumes.get(source);
        volume.map_or_else(|| source.clone(), |volume| volume.name.clone())
    };
    let check = service.healthcheck.as_ref();
    ServiceFact {
        is_enabled,
        replicas: u64::try_from(service.replicas()).unwrap_or_default(),
        image: service.image.clone(),
        container_name: Some(service.container_name.clone()).filter(|name| !name.is_empty()),
        depends_on: service
            .depends_on
            .iter()
            .map(|(name, dependency)| (name.clone(), dependency.condition.clone()))
            .collect(),
        environment: environment.collect(),
        networks: service.networks.keys().map(network).collect(),
        network_mode: Some(service.network_mode.clone()).filter(|mode| !mode.is_empty()),
        restart: service.restart.clone(),
        mounts: service
            .volumes
            .iter()
            .map(|mount| Mount {
                target: mount.target.clone(),
                kind: mount.kind.clone(),
                source: if mount.kind == "volume" {
                    volume(&mount.source)
                } else {
                    mount.source.clone()
                },
                writable: !mount.read_only,
                subpath: subpath(mount),
                in_project: None,
                changed_on_host: None,
            })
            .collect(),
        has_healthcheck: check.is_some_and(|check| {
            !check.disable && check.test.first().is_none_or(|word| word != "NONE")
        }),
        profiles: service.profiles.clone(),
        is_privileged: service.privileged,
        memory_bytes: memory(service),
        published: service.ports.iter().map(published).collect(),
        is_built: service.build.is_some(),
        has_log_settings: service.logging.is_some(),
        odd: odd(service),
        expose: service.expose.iter().map(|port| exposed(port)).collect(),
        unlimited: unlimited(service),
        ..ServiceFact::default()
    }
}

/// The folder of a volume that is to be mounted.
fn subpath(mount: &bowline_model::Mount) -> Option<String> {
    let volume = mount.volume.as_ref();
    let folder = volume.map(|volume| volume.subpath.clone());
    folder.filter(|folder| !folder.is_empty())
}

/// What of processors and processes the files do not limit, by any way to say it.
fn unlimited(service: &Service) -> BTreeSet<Unlimited> {
    let deployed = service.deploy.as_ref();
    let deployed = deployed.and_then(|deploy| deploy.resources.0.limits.as_ref());
    let has_processors = service.cpus.0 > 0.0
        || service.cpu_quota > 0
        || service.cpu_count > 0
        || !service.cpuset.is_empty()
        || deployed.is_some_and(|limits| limits.cpus.0 > 0.0);
    let has_processes = service.pids_limit > 0 || deployed.is_some_and(|limits| limits.pids > 0);
    let limited = [
        (Unlimited::Processors, has_processors),
        (Unlimited::Processes, has_processes),
    ];
    let missing = limited.into_iter().filter(|(_, is_limited)| !is_limited);
    missing.map(|(what, _)| what).collect()
}

/// The most memory that a service may use, by either way to say it.
fn memory(service: &Service) -> Option<u64> {
    let deployed = || {
        let limits = service.deploy.as_ref()?.resources.0.limits.as_ref()?;
        Some(limits.memory.0)
    };
    let bytes = Some(service.mem_limit.0).filter(|bytes| *bytes > 0);
    let bytes = bytes.or_else(deployed)?;
    u64::try_from(bytes).ok().filter(|bytes| *bytes > 0)
}

fn published(port: &Port) -> (String, String, u16) {
    let inside = u16::try_from(port.target).unwrap_or_default();
    (port.host_ip.clone(), port.published.clone(), inside)
}

/// What is odd about secret values in the environment, where anything is.
fn odd(service: &Service) -> BTreeMap<String, BTreeSet<Oddity>> {
    let secret = service
        .environment
        .iter()
        .filter(|(key, _)| is_secret_key(key));
    let odd = secret.map(|(key, value)| (key.to_owned(), oddities(value)));
    odd.filter(|(_, odd)| !odd.is_empty()).collect()
}

/// A port with its protocol: `8080/tcp`.
fn exposed(port: &str) -> String {
    match port.split_once('/') {
        Some(_) => port.to_owned(),
        None => format!("{port}/tcp"),
    }
}

/// The networks that the files want and the engine does not have.
pub(super) fn missing_networks(
    project: Option<&Project>,
    networks: &[ObservedNetwork],
) -> Vec<MissingNetwork> {
    let wanted = project.iter().flat_map(|project| project.networks.values());
    let is_missing = |name: &str| !networks.iter().any(|network| network.spec.name == name);
    let missing = wanted.filter(|network| is_missing(&network.name));
    let missing = missing.map(|network| MissingNetwork {
        name: network.name.clone(),
        subnets: network
            .ipam
            .0
            .config
            .iter()
            .map(|pool| pool.subnet.clone())
            .filter(|subnet| !subnet.is_empty())
            .collect(),
        is_external: network.external,
    });
    missing.collect()
}
