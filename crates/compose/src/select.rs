//! Which services of a project take part: profiles, services named on the command line, and what nobody uses.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{Project, Service, nearest};

use crate::problem::Mistake;

/// Switches services on and off by their profiles; `*` switches on all.
pub(crate) fn apply_profiles(project: &mut Project, profiles: &[String]) {
    let all: BTreeMap<String, Service> = std::mem::take(&mut project.services)
        .into_iter()
        .chain(std::mem::take(&mut project.disabled_services))
        .collect();
    for (name, service) in all {
        let on = service.profiles.is_empty()
            || profiles
                .iter()
                .any(|profile| profile == "*" || service.profiles.contains(profile));
        let group = if on {
            &mut project.services
        } else {
            &mut project.disabled_services
        };
        group.insert(name, service);
    }
}

/// Keeps the named services and what they depend on. No names keep everything.
///
/// Naming a service that its profile switches off switches that profile on.
pub(crate) fn select(
    project: &mut Project,
    profiles: &[String],
    names: &[String],
) -> Result<(), Mistake> {
    if names.is_empty() {
        return Ok(());
    }
    let mut active = profiles.to_vec();
    for disabled in names
        .iter()
        .filter_map(|name| project.disabled_services.get(name))
    {
        active.extend(disabled.profiles.iter().cloned());
    }
    apply_profiles(project, &active);
    let mut wanted: Vec<(String, bool)> = names.iter().map(|name| (name.clone(), true)).collect();
    let mut selected = BTreeSet::new();
    while let Some((name, required)) = wanted.pop() {
        let Some(service) = project.services.get(&name) else {
            if required {
                let known = project
                    .services
                    .keys()
                    .chain(project.disabled_services.keys())
                    .map(String::as_str);
                let nearest = nearest(&name, known).map(str::to_owned);
                return Err(Mistake::NoSuchService { name, nearest });
            }
            continue;
        };
        if selected.insert(name) {
            wanted.extend(
                service
                    .depends_on
                    .iter()
                    .map(|(name, dependency)| (name.clone(), dependency.required.0)),
            );
        }
    }
    for (name, mut service) in std::mem::take(&mut project.services) {
        service
            .depends_on
            .retain(|dependency, _| selected.contains(dependency));
        let group = if selected.contains(&name) {
            &mut project.services
        } else {
            &mut project.disabled_services
        };
        group.insert(name, service);
    }
    Ok(())
}

/// Drops networks, volumes, secrets, configs and models that no active service uses.
pub(crate) fn drop_unused(project: &mut Project) {
    let services = || project.services.values();
    let networks: BTreeSet<String> = services()
        .flat_map(|service| service.networks.keys().cloned())
        .collect();
    let volumes: BTreeSet<String> = services()
        .flat_map(|service| &service.volumes)
        .filter(|volume| volume.kind == "volume")
        .map(|volume| volume.source.clone())
        .collect();
    let secrets: BTreeSet<String> = services()
        .flat_map(|service| {
            service
                .secrets
                .iter()
                .chain(service.build.iter().flat_map(|build| &build.secrets))
        })
        .map(|secret| secret.source.clone())
        .collect();
    let configs: BTreeSet<String> = services()
        .flat_map(|service| &service.configs)
        .map(|config| config.source.clone())
        .collect();
    let models: BTreeSet<String> = services()
        .flat_map(|service| service.models.keys().cloned())
        .collect();
    project.networks.retain(|name, _| networks.contains(name));
    project.volumes.retain(|name, _| volumes.contains(name));
    project.secrets.retain(|name, _| secrets.contains(name));
    project.configs.retain(|name, _| configs.contains(name));
    project.models.retain(|name, _| models.contains(name));
}
