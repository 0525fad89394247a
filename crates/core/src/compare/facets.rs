//! A container's spec as a flat list of fields, so that two of them can be compared and the difference told.
//!
//! Everything that a spec says gets a field here by itself: a new field of the type cannot be forgotten.
//! What engines rewrite without changing its meaning is brought into one form first.

use std::collections::BTreeMap;

use bowline_model::{
    Change, ContainerSpec, HealthTest, HealthcheckSpec, HostPort, MASK, MountSource,
    ObservedContainer, is_secret_key, label, mask_passwords, signal_name,
};
use serde::Serialize;
use serde_json::Value as Json;

/// Fields with their values as text, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Facets(BTreeMap<String, String>);

impl Facets {
    /// The fields of a spec, mounts in the form in which they were asked for.
    pub(crate) fn of(spec: &ContainerSpec) -> Self {
        let mut facets = Self::without_mounts(spec);
        for mount in &spec.mounts {
            let mut mount = mount.clone();
            mount.consistency = None;
            facets.add(
                &format!("mounts.{}", clean(&mount.target)),
                &json(&mount.source),
            );
            if mount.read_only {
                facets.set(
                    &format!("mounts.{}.read_only", clean(&mount.target)),
                    "true",
                );
            }
        }
        facets
    }

    /// The fields of a container as it is, mounts in the form in which they are in effect.
    pub(crate) fn observed(container: &ObservedContainer) -> Self {
        let mut facets = Self::without_mounts(&container.spec);
        for mount in &container.mounts {
            // Whatever its name: an anonymous volume is one that nobody named.
            let source = if mount.is_anonymous_volume() {
                String::new()
            } else {
                mount
                    .volume
                    .clone()
                    .unwrap_or_else(|| clean(&mount.source.to_string_lossy()))
            };
            let at = format!("mounts.{}", clean(&mount.target));
            facets.set(&at, &format!("{} {source}", mount.kind));
            if !mount.writable {
                facets.set(&format!("{at}.read_only"), "true");
            }
        }
        facets
    }

    fn without_mounts(spec: &ContainerSpec) -> Self {
        let mut facets = Self::default();
        let mut rest = normal(spec);
        for (name, value) in std::mem::take(&mut rest.env).iter() {
            let value = value.map_or_else(String::new, |value| format!("={}", value.reveal()));
            facets.set(&format!("environment.{name}"), &value);
        }
        for (key, value) in &std::mem::take(&mut rest.labels) {
            if label::describes(key) {
                facets.set(&format!("labels.{key}"), value);
            }
        }
        for port in std::mem::take(&mut rest.published) {
            let ip = port
                .host_ip
                .as_deref()
                .filter(|ip| !matches!(*ip, "0.0.0.0" | "::"));
            let at = format!("ports.{}", port.container);
            let host = match port.host {
                HostPort::Any => "any".to_owned(),
                HostPort::Fixed(port) => port.to_string(),
                HostPort::Range(first, last) => format!("{first}-{last}"),
            };
            facets.append(&at, &format!("{}:{host}", ip.unwrap_or("*")));
        }
        for endpoint in std::mem::take(&mut rest.network.endpoints) {
            let at = format!("networks.{}", endpoint.network);
            let mut endpoint = endpoint;
            endpoint.aliases.sort();
            endpoint.aliases.dedup();
            tidy_links(&mut endpoint.links);
            facets.set(&at, "attached");
            facets.add(&at, &without(json(&endpoint), &["network"]));
        }
        for ulimit in std::mem::take(&mut rest.resources.ulimits) {
            facets.set(
                &format!("ulimits.{}", ulimit.name),
                &format!("{}:{}", ulimit.soft, ulimit.hard),
            );
        }
        for (path, options) in std::mem::take(&mut rest.tmpfs) {
            facets.set(
                &format!("tmpfs.{}", clean(&path)),
                &format!("with {options}"),
            );
        }
        if let Some(check) = &mut rest.healthcheck
            && check.test == Some(HealthTest::Disabled)
        {
            // Disabled is disabled, whatever the other fields say.
            *check = HealthcheckSpec {
                test: Some(HealthTest::Disabled),
                ..HealthcheckSpec::default()
            };
        }
        rest.mounts.clear();
        rest.image.clear();
        facets.add("", &json(&rest));
        facets
    }

    /// Adds the fields of a value that is not empty.
    fn add(&mut self, at: &str, value: &Json) {
        match value {
            Json::Null | Json::Bool(false) => {}
            Json::String(text) if text.is_empty() => {}
            Json::Array(items) if items.is_empty() => {}
            Json::Object(object) => {
                for (key, value) in object {
                    let at = if at.is_empty() {
                        key.clone()
                    } else {
                        format!("{at}.{key}")
                    };
                    self.add(&at, value);
                }
            }
            Json::String(text) => self.set(at, text),
            other => self.set(at, &other.to_string()),
        }
    }

    fn set(&mut self, at: &str, value: &str) {
        self.0.insert(at.to_owned(), value.to_owned());
    }

    fn append(&mut self, at: &str, value: &str) {
        let values = self.0.entry(at.to_owned()).or_default();
        if !values.is_empty() {
            values.push_str(", ");
        }
        values.push_str(value);
    }

    /// Keeps the fields for which this says so.
    pub(crate) fn retain(&mut self, keep: impl Fn(&str, &str) -> bool) {
        self.0.retain(|field, value| keep(field, value));
    }

    /// Notes a mount as it is in effect.
    pub(crate) fn mount(&mut self, target: &str, source: &str, read_only: bool) {
        let at = format!("mounts.{}", clean(target));
        self.set(&at, source);
        if read_only {
            self.set(&format!("{at}.read_only"), "true");
        }
    }

    /// Notes a mount that is in effect where nothing else is mounted.
    pub(crate) fn mount_if_free(&mut self, target: &str, source: &str) {
        if self.get(&format!("mounts.{}", clean(target))).is_none() {
            self.mount(target, source, false);
        }
    }

    /// Notes that a network is attached.
    pub(crate) fn attach(&mut self, network: &str) {
        self.set(&format!("networks.{network}"), "attached");
    }

    /// Notes the legacy links of an endpoint, whatever their order.
    pub(crate) fn link(&mut self, network: &str, links: &[String]) {
        let mut links = links.to_vec();
        tidy_links(&mut links);
        if !links.is_empty() {
            self.set(&format!("networks.{network}.links"), &links.join(", "));
        }
    }

    /// Notes a field that is there.
    pub(crate) fn note(&mut self, field: &str) {
        self.set(field, "there");
    }

    /// The value of a field.
    pub(crate) fn get(&self, field: &str) -> Option<&str> {
        self.0.get(field).map(String::as_str)
    }

    /// Iterates over fields and values.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(field, value)| (field.as_str(), value.as_str()))
    }

    /// What is not the same in `other`, secret values masked.
    pub(crate) fn differences(&self, other: &Self) -> Vec<Change> {
        let mut changes: Vec<Change> = Vec::new();
        for (field, value) in &self.0 {
            if other.0.get(field) != Some(value) {
                changes.push(change(field, Some(value), other.get(field)));
            }
        }
        for (field, value) in &other.0 {
            if !self.0.contains_key(field) {
                changes.push(change(field, None, Some(value)));
            }
        }
        changes.sort_by(|one, other| one.field.cmp(&other.field));
        changes
    }
}

fn change(field: &str, from: Option<&str>, to: Option<&str>) -> Change {
    Change {
        field: field.to_owned(),
        from: from.map(|value| shown(field, value)),
        to: to.map(|value| shown(field, value)),
    }
}

/// A value for showing: masked where its key is secret, shortened where it is long.
fn shown(field: &str, value: &str) -> String {
    let value = if field.starts_with("environment.") {
        value.strip_prefix('=').unwrap_or(value)
    } else {
        value
    };
    let key = field.split_once('.').map_or(field, |(_, key)| key);
    if (field.starts_with("environment.") || field.starts_with("labels.")) && is_secret_key(key) {
        return MASK.to_owned();
    }
    let value = mask_passwords(value);
    if value.chars().count() > 60 {
        value.chars().take(59).chain(['…']).collect()
    } else {
        value
    }
}

fn json(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

fn without(mut value: Json, keys: &[&str]) -> Json {
    if let Json::Object(object) = &mut value {
        for key in keys {
            object.remove(*key);
        }
    }
    value
}

/// Brings into one form what means the same to an engine.
fn normal(spec: &ContainerSpec) -> ContainerSpec {
    let mut spec = spec.clone();
    for capabilities in [&mut spec.security.cap_add, &mut spec.security.cap_drop] {
        for name in capabilities.iter_mut() {
            let upper = name.to_uppercase();
            upper
                .strip_prefix("CAP_")
                .unwrap_or(&upper)
                .clone_into(name);
        }
        capabilities.sort();
        capabilities.dedup();
    }
    if let Some(signal) = &mut spec.stop_signal {
        *signal = signal_name(signal);
    }
    if let Some(folder) = &mut spec.working_dir {
        *folder = clean(folder);
    }
    for device in &mut spec.resources.devices {
        if device.permissions.is_empty() {
            "rwm".clone_into(&mut device.permissions);
        }
    }
    spec.resources.pids_limit = spec.resources.pids_limit.filter(|limit| *limit > 0);
    spec.resources.memory_swappiness = spec.resources.memory_swappiness.filter(|value| *value >= 0);
    spec.resources.oom_kill_disable = spec.resources.oom_kill_disable.filter(|on| *on);
    spec.network.extra_hosts.sort();
    tidy_links(&mut spec.network.links);
    for from in &mut spec.volumes_from {
        if let Some(writable) = from.strip_suffix(":rw") {
            *from = writable.to_owned();
        }
    }
    spec.volumes_from.sort();
    spec.volumes_from.dedup();
    // What engines on Linux understand by it is that nothing is said, and some of them show nothing.
    spec.isolation = spec
        .isolation
        .filter(|isolation| !isolation.eq_ignore_ascii_case("default"));
    spec.security.groups.sort();
    spec.security
        .options
        .retain(|option| option != "label=disable" || !spec.security.privileged);
    // Ports that are published are exposed, whether or not anybody said so.
    for port in &spec.published {
        spec.exposed.insert(port.container.clone());
    }
    for mount in &mut spec.mounts {
        if let MountSource::Bind(bind) = &mut mount.source {
            bind.path = clean(&bind.path);
        }
    }
    spec.platform = None;
    spec.stdin_once = false;
    spec
}

/// Legacy links as they are asked for, sorted: an engine shows `/db:/web/alias` for `db:alias`.
fn tidy_links(links: &mut Vec<String>) {
    for link in links.iter_mut() {
        if let Some((container, alias)) = link.split_once(':') {
            let alias = alias.rsplit('/').next().unwrap_or(alias);
            *link = format!("{}:{alias}", container.trim_start_matches('/'));
        }
    }
    links.sort();
    links.dedup();
}

/// A path without what does not change where it leads.
pub(super) fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    if path.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    }
}
