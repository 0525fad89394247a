//! Risks: what explains no trouble, and may be one some day. They are never mixed with causes.

use std::collections::BTreeMap;

use bowline_model::Place;
use bowline_model::carried::Oddity;
use bowline_recipes::Server;
use serde::Serialize;

use crate::facts::{Facts, ServiceFact};
use crate::finding::Code;

/// Something that may become trouble.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Risk {
    /// Its code.
    pub code: Code,
    /// The field of the files that says it: `services.db.ports`.
    pub field: String,
    /// What it is, a sentence.
    pub claim: String,
    /// What takes it away.
    pub fix: String,
    /// Where the field is written, filled in by whoever has the files.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The codes of risks, with what each says.
pub const RISKS: &[(Code, &str)] = &[
    (Code("D082"), "a password is one that everybody knows"),
    (Code("D084"), "a secret stands in a log"),
    (Code("D085"), "a secret is a part of an image"),
    (Code("D137"), "a log grows without end"),
    (Code("D140"), "more is open than others should reach"),
    (Code("D200"), "the image may be another one tomorrow"),
    (Code("D201"), "a service may use all memory of the host"),
    (
        Code("D202"),
        "services may together use more memory than the host has",
    ),
];

/// Sockets by which a container rules over its engine.
const ENGINE_SOCKETS: &[&str] = &["docker.sock", "podman.sock", "containerd.sock"];

/// Names by which people say that a host is this one.
const OWN_HOST: &[&str] = &["127.0.0.1", "::1", "localhost"];

/// The risks of a stack, by its files; by code and field.
pub fn lint(facts: &Facts) -> Vec<Risk> {
    let mut risks = Vec::new();
    let enabled = facts
        .services
        .iter()
        .filter(|(_, service)| service.is_enabled);
    for (name, service) in enabled {
        let mut found = Found {
            name,
            risks: &mut risks,
        };
        passwords(&mut found, service);
        exposure(&mut found, service, facts);
        images(&mut found, service, facts);
        resources(&mut found, service);
    }
    budget(facts, &mut risks);
    logs(facts, &mut risks);
    risks.sort();
    risks.dedup();
    risks
}

/// Where risks of one service go.
struct Found<'a> {
    name: &'a str,
    risks: &'a mut Vec<Risk>,
}

impl Found<'_> {
    fn add(&mut self, code: &'static str, field: &str, claim: String, fix: &str) {
        self.risks.push(Risk {
            code: Code(code),
            field: format!("services.{}.{field}", self.name),
            claim,
            fix: fix.to_owned(),
            place: None,
        });
    }
}

fn passwords(found: &mut Found<'_>, service: &ServiceFact) {
    for (key, odd) in &service.odd {
        if odd.contains(&Oddity::WellKnown) {
            let claim = format!(
                "`{key}` of `{}` is a password that everybody knows",
                found.name
            );
            let field = format!("environment.{key}");
            found.add(
                "D082",
                &field,
                claim,
                "make one up, and keep it out of the files",
            );
        }
    }
}

fn exposure(found: &mut Found<'_>, service: &ServiceFact, facts: &Facts) {
    let name = found.name.to_owned();
    if service.is_privileged {
        let claim = format!("`{name}` may do on the host whatever root may");
        let fix = "give it just what it needs: `cap_add`, `devices`";
        found.add("D140", "privileged", claim, fix);
    }
    for mount in &service.mounts {
        let is_socket = ENGINE_SOCKETS
            .iter()
            .any(|socket| mount.source.ends_with(socket));
        if is_socket {
            let claim = format!(
                "`{name}` rules over the engine: `{}` is mounted",
                mount.source
            );
            let fix = "take it away, or put a proxy in between that lets only reading through";
            found.add("D140", "volumes", claim, fix);
        }
    }
    let data_ports: Vec<u16> = recipe_ports(service, facts);
    for (host_ip, host_port, inside) in &service.published {
        let is_own = OWN_HOST.contains(&host_ip.as_str());
        if is_own || !data_ports.contains(inside) {
            continue;
        }
        let claim = format!(
            "everybody who reaches this host reaches the data of `{name}` at port {}",
            if host_port.is_empty() {
                "that the engine chooses"
            } else {
                host_port
            }
        );
        let fix = format!(
            "publish it on this host only: `127.0.0.1:{host_port}:{inside}`, or not at all"
        );
        found.add("D140", "ports", claim, &fix);
    }
}

/// The ports of the server that a service runs, where it keeps data.
fn recipe_ports(service: &ServiceFact, facts: &Facts) -> Vec<u16> {
    let recipe = facts.recipes.known().of(&Server {
        image: &service.image,
        ..Server::default()
    });
    let recipe = recipe.filter(|recipe| !recipe.data.is_empty());
    recipe
        .iter()
        .flat_map(|recipe| &recipe.ports)
        .map(|port| port.number)
        .collect()
}

fn images(found: &mut Found<'_>, service: &ServiceFact, facts: &Facts) {
    let image = service.image.as_str();
    let last = image.rsplit('/').next().unwrap_or_default();
    let has_digest = image.contains('@');
    let tag = last.split_once(':').map(|(_, tag)| tag);
    if !service.is_built && !image.is_empty() && !has_digest && matches!(tag, None | Some("latest"))
    {
        let claim = format!(
            "`{image}` of `{}` is whatever is newest when it is pulled",
            found.name
        );
        found.add(
            "D200",
            "image",
            claim,
            "name a version: `image: NAME:VERSION`",
        );
    }
    let known = facts.images.get(image);
    for key in known.iter().flat_map(|image| &image.secrets) {
        let claim =
            format!("the image `{image}` holds a value for `{key}`, for everybody who has it");
        found.add(
            "D085",
            "image",
            claim,
            "hand it over when it runs, under `secrets` or `environment`; change it",
        );
    }
}

fn resources(found: &mut Found<'_>, service: &ServiceFact) {
    if service.memory_bytes.is_none() {
        let claim = format!(
            "nothing keeps `{}` from using all memory of the host",
            found.name
        );
        found.add(
            "D201",
            "mem_limit",
            claim,
            "set `mem_limit`, or `deploy.resources.limits.memory`",
        );
    }
    if !service.has_log_settings {
        let claim = format!(
            "the log of `{}` grows until the disk is full, unless the engine says otherwise",
            found.name
        );
        let fix = "set `logging: {driver: json-file, options: {max-size: 10m, max-file: \"3\"}}`, or `driver: local`";
        found.add("D137", "logging", claim, fix);
    }
}

/// Whether the limits of all services fit into the host's memory.
fn budget(facts: &Facts, risks: &mut Vec<Risk>) {
    let enabled = facts.services.values().filter(|service| service.is_enabled);
    let total: u64 = enabled
        .filter_map(|service| Some(service.memory_bytes? * service.replicas))
        .sum();
    let host = facts.host_memory_bytes;
    if host == 0 || total <= host {
        return;
    }
    let mib = |bytes: u64| bytes / 1024 / 1024;
    risks.push(Risk {
        code: Code("D202"),
        field: "services".to_owned(),
        claim: format!(
            "the memory limits add up to {} MiB, and the host has {} MiB",
            mib(total),
            mib(host)
        ),
        fix: "lower limits or replicas, or take a larger host".to_owned(),
        place: None,
    });
}

/// Secret values in logs, by what is known of their values and not by how they look.
fn logs(facts: &Facts, risks: &mut Vec<Risk>) {
    let containers: BTreeMap<&str, &str> = facts
        .containers
        .iter()
        .filter_map(|container| Some((container.name.as_str(), container.service.as_deref()?)))
        .collect();
    for (container, log) in &facts.logs {
        let Some(service) = containers.get(container.as_str()) else {
            continue;
        };
        if !log.secrets.is_empty() {
            let numbers: Vec<&str> = log.secrets.iter().map(String::as_str).collect();
            risks.push(Risk {
                code: Code("D084"),
                field: format!("services.{service}"),
                claim: format!(
                    "the log of `{service}` holds secret values ({})",
                    numbers.join(", ")
                ),
                fix: "keep the program from printing them, and change them".to_owned(),
                place: None,
            });
        }
    }
}
