//! From a project to what an engine would be asked for: names, labels and specs as Compose writes them.
//!
//! [`wanted`] is pure. It follows Compose 2.40.3 in everything that an engine can see, so that a stack made by
//! Compose compares equal and `docker compose ps`, `logs` and `down` work on one made here. Where Compose
//! does something else than the file says, so does this, and says it in [`Wanted::ignored`]; nothing that a
//! project says is dropped silently, and what cannot be left out without doing harm is an error.
//!
//! Some things differ from one container of a service to the next, or are known only later: its name and
//! number, the id of its image, and the names of the containers it links to. [`instance`] fills them in. What
//! names a container of another service (`network_mode: service:x`, `volumes_from`) stays in
//! [`WantedService::shares`] until that container has an id.
//!
//! What Compose really sends is kept in `tests/create_bodies`, with the list of differences.

mod contents;
mod dependencies;
mod error;
mod extension;
mod given;
mod image;
mod instance;
mod labels;
mod limits;
mod mounts;
mod networking;
mod objects;
mod ports;
mod process;
mod report;
mod security;
mod undone;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bowline_model::{Project, Service, Wanted, WantedService};

pub use error::{Unfit, WantedError};
pub use given::{ConfigHashes, FileContent, Given, files_to_read};
pub use instance::{Instance, container_name, instance};

use extension::Settings;
use report::{Report, Subject, said};

/// Turns a project into what is wanted of an engine.
///
/// # Errors
///
/// Everything that cannot be carried out, each with its place.
pub fn wanted(project: &Project, given: &Given<'_>) -> Result<Wanted, Vec<WantedError>> {
    let mut report = Report::new(&project.origins);
    let settings = extension::of_project(&project.extensions, &mut report);
    for service in given.scale.keys() {
        if !project.services.contains_key(service) {
            let service = service.clone();
            report.refuse("--scale".into(), Unfit::UnknownService { service });
        }
    }
    let networks = project.networks.iter().map(|(key, declared)| {
        let network = objects::network(project, given, key, declared, &mut report);
        (key.clone(), network)
    });
    let networks = networks.collect();
    let volumes = project.volumes.iter().map(|(key, declared)| {
        let volume = objects::volume(project, given, key, declared);
        (key.clone(), volume)
    });
    let volumes = volumes.collect();
    let mut services = BTreeMap::new();
    for (name, service) in &project.services {
        let subject = Subject {
            project,
            given,
            name,
            service,
        };
        services.insert(
            name.clone(),
            wanted_service(&subject, &settings, &mut report),
        );
    }
    let Report {
        errors, ignored, ..
    } = report;
    if !errors.is_empty() {
        return Err(errors);
    }
    Ok(Wanted {
        project: project.name.clone(),
        networks,
        volumes,
        services,
        left_out: project.disabled_services.keys().cloned().collect(),
        disposable_data: settings.disposable_data,
        ignored,
    })
}

fn wanted_service(
    subject: &Subject<'_>,
    defaults: &Settings,
    report: &mut Report<'_>,
) -> WantedService {
    let Subject {
        project,
        given,
        name,
        service,
    } = *subject;
    let at = format!("services.{name}");
    let own = extension::of_service(&service.extensions, &at, report);
    let separator = given.separator;
    let mut wanted = WantedService {
        replicas: replicas(subject, report),
        container_name: said(&service.container_name),
        name_prefix: format!("{}{separator}{name}{separator}", project.name),
        links: dependencies::links(subject, report),
        image: image::of_service(subject, report),
        depends_on: dependencies::depends_on(subject, report),
        shares: dependencies::shares(subject, report),
        hash_text: given.hashes.of_ids.get(name).cloned(),
        on_content_change: own
            .on_content_change
            .or_else(|| defaults.on_content_change.clone())
            .unwrap_or_default(),
        readiness: own.readiness.or(defaults.readiness).unwrap_or_default(),
        stop_grace_secs: service.stop_grace_period.map(process::whole_seconds),
        place: project.origins.nearest(&at).cloned(),
        ..WantedService::default()
    };
    let spec = &mut wanted.spec;
    spec.image.clone_from(&wanted.image.reference);
    spec.platform.clone_from(&wanted.image.platform);
    spec.labels = labels::of_service(subject);
    process::fill(spec, subject, report);
    networking::fill(spec, subject, report);
    ports::fill(spec, subject, report);
    limits::fill(spec, subject, report);
    security::fill(spec, subject, report);
    mounts::fill(&mut wanted, subject, report);
    contents::fill(&mut wanted, subject, report);
    undone::name(subject, report);
    wanted
}

/// How many containers: `--scale`, else what the service says.
fn replicas(subject: &Subject<'_>, report: &mut Report<'_>) -> u32 {
    let Service {
        container_name,
        scale,
        ..
    } = subject.service;
    let field = match scale {
        Some(_) => "scale",
        None => "deploy.replicas",
    };
    let said = subject.service.replicas();
    let replicas = match subject.given.scale.get(subject.name) {
        Some(replicas) => *replicas,
        None => u32::try_from(said).unwrap_or_else(|_| {
            report.invalid(
                subject.path(field),
                said.to_string(),
                "a number of containers",
            );
            0
        }),
    };
    if replicas > 1 && !container_name.is_empty() {
        let name = container_name.clone();
        report.refuse(
            subject.path("container_name"),
            Unfit::OneNameForMany { name, replicas },
        );
    }
    replicas
}
