//! Settings of services as the loader understands them, and the files that are mounted. Pure.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::carried::find;
use bowline_model::{Project, Secret, Service, is_secret_key};
use serde_json::Value as Json;

/// A file of the host that a service gets.
pub(super) struct Mounted {
    /// Its path.
    pub(super) path: String,
    /// Whether it is a secret as a whole.
    pub(super) is_secret: bool,
}

/// What stands in a field of a service.
pub(super) fn json_at(project: &Project, service: &str, field: &str) -> Option<Json> {
    let service = project.services.get(service)?;
    let all = serde_json::to_value(service).ok()?;
    let mut found = &all;
    let mut rest = field;
    while !rest.is_empty() {
        // Keys of mappings may have dots in them.
        if let Some(value) = found.get(rest) {
            return Some(value.clone());
        }
        let (first, behind) = rest.split_once('.')?;
        found = found.get(first)?;
        rest = behind;
    }
    Some(found.clone())
}

/// The words of a field: of a list one for each entry, of anything else one.
pub(super) fn words_at(project: &Project, service: &str, field: &str) -> Option<Vec<String>> {
    let word = |value: &Json| match value {
        Json::String(text) => text.clone(),
        other => other.to_string(),
    };
    match json_at(project, service, field)? {
        Json::Null => None,
        Json::Array(items) => Some(items.iter().map(word).collect()),
        other => Some(vec![word(&other)]),
    }
}

/// The entries of a list, or the keys of a mapping.
pub(super) fn entries(project: &Project, service: &str, field: &str) -> BTreeSet<String> {
    match json_at(project, service, field) {
        Some(Json::Object(map)) => map.keys().cloned().collect(),
        Some(Json::Array(items)) => items
            .iter()
            .filter_map(|item| item.as_str().map(str::to_owned))
            .collect(),
        _ => BTreeSet::new(),
    }
}

/// The services without one field of one of them, to see whether anything else changes. Networks and volumes that
/// nobody used before come and go with that.
pub(super) fn without(project: &Project, service: &str, field: &str) -> Option<Json> {
    let mut all = serde_json::to_value(&project.services).ok()?;
    let mut found = all.get_mut(service)?;
    let (parents, key) = field.rsplit_once('.').unwrap_or(("", field));
    for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
        found = found.get_mut(parent)?;
    }
    if let Some(map) = found.as_object_mut() {
        map.remove(key);
    }
    Some(all)
}

/// The mounts of a service by their paths in it: what is mounted, and whether it can only be read.
pub(super) fn mounts(project: &Project, service: &str) -> BTreeMap<String, (String, bool)> {
    let service = project.services.get(service);
    let mounts = service.into_iter().flat_map(|service| &service.volumes);
    let mounts = mounts.map(|mount| {
        let what = format!("{} {}", mount.kind, mount.source);
        (mount.target.clone(), (what, mount.read_only))
    });
    mounts.collect()
}

/// The variables of a service.
pub(super) fn environment(project: &Project, service: &str) -> Vec<(String, String)> {
    let Some(service) = project.services.get(service) else {
        return Vec::new();
    };
    let pairs = service.environment.iter();
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .collect()
}

/// The file of the host that lies at a path in the containers of a service.
pub(super) fn mounted(project: &Project, service: &str, inside: &str) -> Option<Mounted> {
    let service = project.services.get(service)?;
    let objects = [
        (&service.secrets, &project.secrets, "/run/secrets/", true),
        (&service.configs, &project.configs, "/", false),
    ];
    for (used, objects, folder, is_secret) in objects {
        for one in used {
            let target = match one.target.as_str() {
                "" => format!("{folder}{}", one.source),
                target if target.starts_with('/') => target.to_owned(),
                target => format!("{folder}{target}"),
            };
            let object = objects.get(&one.source);
            if target == inside
                && let Some(object) = object.filter(|object| !object.file.is_empty())
            {
                return Some(Mounted {
                    path: object.file.clone(),
                    is_secret,
                });
            }
        }
    }
    let binds = service.volumes.iter().filter(|mount| mount.kind == "bind");
    let below = binds.filter_map(|mount| {
        let rest = inside.strip_prefix(mount.target.trim_end_matches('/'))?;
        (rest.is_empty() || rest.starts_with('/')).then_some((mount, rest))
    });
    // Of mounts within each other the inner one is seen.
    let (mount, rest) = below.max_by_key(|(mount, _)| mount.target.len())?;
    Some(Mounted {
        path: format!("{}{rest}", mount.source.trim_end_matches('/')),
        is_secret: is_told_as_secret(service, inside),
    })
}

/// Whether a file lies where secrets do, or a variable for a secret names it, as `DB_PASSWORD_FILE` does.
fn is_told_as_secret(service: &Service, inside: &str) -> bool {
    let mut pairs = service.environment.iter();
    let is_named = |(key, value): (&str, &str)| {
        let key = key
            .strip_suffix("_FILE")
            .or_else(|| key.strip_suffix("_file"));
        value == inside && key.is_some_and(is_secret_key)
    };
    inside.starts_with("/run/secrets/") || pairs.any(is_named)
}

/// The services that get a file of the host.
pub(super) fn users(project: &Project, path: &str) -> BTreeSet<String> {
    let is_in = |folder: &str| {
        let rest = path.strip_prefix(folder.trim_end_matches('/'));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let has_it = |service: &bowline_model::Service| {
        let mut binds = service.volumes.iter().filter(|mount| mount.kind == "bind");
        let mut secrets = service.secrets.iter();
        let mut configs = service.configs.iter();
        binds.any(|mount| is_in(&mount.source))
            || secrets.any(|used| {
                let object = project.secrets.get(&used.source);
                object.is_some_and(|object| object.file == path)
            })
            || configs.any(|used| {
                let object = project.configs.get(&used.source);
                object.is_some_and(|object| object.file == path)
            })
    };
    let users = project.services.iter();
    let users = users.filter(|(_, service)| has_it(service));
    users.map(|(name, _)| name.clone()).collect()
}

/// The values that are not the same in two projects, each with where it is, what it was and what it is.
pub(super) fn changes(one: &Project, other: &Project) -> Vec<(String, String, String)> {
    let (Ok(one), Ok(other)) = (
        serde_json::to_value(&one.services),
        serde_json::to_value(&other.services),
    ) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    compare("", &one, &other, &mut found);
    found
}

fn compare(path: &str, one: &Json, other: &Json, found: &mut Vec<(String, String, String)>) {
    let text = |value: &Json| match value {
        Json::String(text) => text.clone(),
        value => value.to_string(),
    };
    match (one, other) {
        (Json::Object(one), Json::Object(other)) => {
            for key in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let at = |map: &serde_json::Map<String, Json>| map.get(key).cloned();
                let path = format!("{path}.{key}");
                let (one, other) = (at(one).unwrap_or_default(), at(other).unwrap_or_default());
                compare(&path, &one, &other, found);
            }
        }
        (Json::Array(one), Json::Array(other)) if one.len() == other.len() => {
            for (one, other) in one.iter().zip(other) {
                compare(path, one, other, found);
            }
        }
        (one, other) if one != other => {
            let path = path.trim_start_matches('.').to_owned();
            found.push((path, text(one), text(other)));
        }
        _ => {}
    }
}

/// The services that are not the same in two projects.
pub(super) fn differing(one: &Project, other: &Project) -> BTreeSet<String> {
    let services = other.services.iter();
    services
        .filter(|(name, service)| one.services.get(*name) != Some(service))
        .map(|(name, _)| name.clone())
        .collect()
}

/// The services that depend on any of these, and those that depend on them.
pub(super) fn dependents(project: &Project, services: &BTreeSet<String>) -> Vec<String> {
    let mut all = services.clone();
    loop {
        let waits = |name: &String| {
            let service = project.services.get(name);
            service.is_some_and(|it| it.depends_on.keys().any(|needed| all.contains(needed)))
        };
        let names = project.services.keys();
        let new = names.filter(|name| !all.contains(*name) && waits(name));
        let new: Vec<String> = new.cloned().collect();
        if new.is_empty() {
            return all.difference(services).cloned().collect();
        }
        all.extend(new);
    }
}

/// Everything in a project that is secret by the name of its key, or a password in what a service is told.
pub(super) fn secrets(project: &Project) -> Vec<Secret> {
    let mut found = BTreeSet::new();
    for service in project.services.values() {
        let pairs: Vec<(&str, &str)> = service.environment.iter().collect();
        let secret = pairs.iter().filter(|(key, _)| is_secret_key(key));
        found.extend(secret.map(|(_, value)| Secret::new(*value)));
        let passwords = find(pairs, [], []).into_iter();
        let passwords = passwords.filter_map(|connection| connection.password);
        found.extend(passwords.map(|password| password.value));
    }
    let variables = project.environment.iter();
    let secret = variables.filter(|(key, _)| is_secret_key(key));
    found.extend(secret.map(|(_, value)| value.clone()));
    // Short ones are in many lines by chance, and are masked by their keys.
    found.retain(|secret| secret.reveal().chars().count() >= 4);
    found.into_iter().collect()
}
