//! What a service needs of other services: an order, namespaces, mounts, links.

use std::collections::BTreeMap;

use bowline_model::{Condition, Share, Shared, WantedDependency, WantedLink};

use super::Unfit;
use super::report::{Report, Subject};

/// What the service waits for. Services that are left out are not waited for.
pub(super) fn depends_on(
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> BTreeMap<String, WantedDependency> {
    let mut wanted = BTreeMap::new();
    for (other, on) in &subject.service.depends_on {
        let path = format!("depends_on.{other}");
        let condition = match on.condition.as_str() {
            "" | "service_started" => Condition::Started,
            "service_healthy" => Condition::Healthy,
            "service_completed_successfully" => Condition::Completed,
            word => {
                report.invalid(
                    subject.path(&format!("{path}.condition")),
                    word,
                    "one of `service_started`, `service_healthy` and `service_completed_successfully`",
                );
                continue;
            }
        };
        if subject.project.services.contains_key(other) {
            let dependency = WantedDependency {
                condition,
                restart: on.restart,
                required: on.required.0,
            };
            wanted.insert(other.clone(), dependency);
        } else if on.required.0 && !subject.project.disabled_services.contains_key(other) {
            let service = other.clone();
            report.refuse(subject.path(&path), Unfit::UnknownService { service });
        }
    }
    wanted
}

/// What is taken from containers of other services.
pub(super) fn shares(subject: &Subject<'_>, report: &mut Report<'_>) -> Vec<Share> {
    let service = subject.service;
    let mut found = Vec::new();
    for (field, mode, what) in [
        ("network_mode", &service.network_mode, Shared::Network),
        ("ipc", &service.ipc, Shared::Ipc),
        ("pid", &service.pid, Shared::Pid),
    ] {
        if let Some(other) = mode.strip_prefix("service:") {
            found.push((field.to_owned(), what, other));
        }
    }
    for (index, from) in service.volumes_from.iter().enumerate() {
        if !from.starts_with("container:") {
            let other = from.split_once(':').map_or(from.as_str(), |(name, _)| name);
            // Compose drops the access mode; that is said where the mounts are.
            let what = Shared::Volumes { read_only: false };
            found.push((format!("volumes_from[{index}]"), what, other));
        }
    }
    let mut shares = Vec::new();
    for (field, what, other) in found {
        if is_there(&field, other, subject, report) {
            let service = other.to_owned();
            shares.push(Share { what, service });
        }
    }
    shares
}

/// Legacy links to other services; those to containers outside the project are complete in the spec.
pub(super) fn links(subject: &Subject<'_>, report: &mut Report<'_>) -> Vec<WantedLink> {
    let mut links = Vec::new();
    for (index, link) in subject.service.links.iter().enumerate() {
        let (other, alias) = link.split_once(':').unwrap_or((link, link));
        if is_there(&format!("links[{index}]"), other, subject, report) {
            links.push(WantedLink {
                service: other.to_owned(),
                alias: alias.to_owned(),
            });
        }
    }
    links
}

fn is_there(field: &str, other: &str, subject: &Subject<'_>, report: &mut Report<'_>) -> bool {
    let there = subject.project.services.contains_key(other);
    if !there {
        let service = other.to_owned();
        report.refuse(subject.path(field), Unfit::UnknownService { service });
    }
    there
}
