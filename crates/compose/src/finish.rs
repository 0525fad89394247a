//! What happens to a model once all its files are merged: defaults, rules between fields, variables that are
//! passed through, and what Compose adds by itself.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::context::Context;
use crate::paths;
use crate::problem::Mistake;
use crate::source::Span;
use crate::tree::{At, Entry, Map, Node, Value};

/// Variables by name.
pub(crate) type Environment = BTreeMap<String, String>;

/// The key under which the content of a secret or config is kept that comes from a variable.
pub(crate) const VALUE_KEY: &str = "x-#value";

/// Fills in what Compose assumes where nothing is said.
pub(crate) fn defaults(node: &mut Node, at: &At<'_>) {
    match at.steps().as_slice() {
        ["services", _, "build"] => node.set_default("context", Value::Str(".".to_owned())),
        ["services", _, "secrets", "[]"] => {
            let target = format!("/run/secrets/{}", node.str_at("source").unwrap_or_default());
            node.set_default("target", Value::Str(target));
        }
        ["services", _, "ports", "[]"] => {
            node.set_default("protocol", Value::Str("tcp".to_owned()));
            node.set_default("mode", Value::Str("ingress".to_owned()));
        }
        steps if is_device_request(steps) => {
            if node.get("device_ids").is_none() {
                node.set_default("count", Value::Str("all".to_owned()));
            }
        }
        _ => for_each_child(node, at, defaults),
    }
}

fn is_device_request(steps: &[&str]) -> bool {
    matches!(
        steps,
        ["services", _, "gpus", "[]"]
            | [
                "services",
                _,
                "deploy",
                "resources",
                "reservations",
                "devices",
                "[]"
            ]
    )
}

fn for_each_child(node: &mut Node, at: &At<'_>, mut visit: impl FnMut(&mut Node, &At<'_>)) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map {
                visit(&mut entry.node, &at.key(key));
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                visit(item, &at.item(index));
            }
        }
        _ => {}
    }
}

/// Reports fields that do not go together within one value.
pub(crate) fn check(ctx: &mut Context, node: &Node, at: &At<'_>) {
    match at.steps().as_slice() {
        ["volumes", _] => external(ctx, node, at),
        ["configs", _] => one_source(ctx, node, at, &["file", "environment", "content"]),
        ["secrets", _] => one_source(ctx, node, at, &["file", "environment"]),
        ["services", _, "ports", "[]"] => {
            if let Some(ip) = node.get("host_ip")
                && ip.as_str().is_none_or(|ip| ip.parse::<IpAddr>().is_err())
            {
                let at = at.key("host_ip");
                ctx.fail(
                    ip.span,
                    &at,
                    Mistake::BadValue {
                        value: ctx.shown_node(ip, &at),
                        wanted: "an address",
                    },
                );
            }
        }
        ["services", _, "develop", "watch", "[]", "path"] => {
            if node.as_str() == Some("") {
                ctx.fail(node.span, at, Mistake::EmptyText);
            }
        }
        ["services", _, "volumes", "[]"] => {
            if node.str_at("type") == Some("bind") && node.get("source").is_none() {
                ctx.fail(node.span, at, Mistake::MissingField { key: "source" });
            }
        }
        steps if is_device_request(steps) => {
            if node.get("count").is_some() && node.get("device_ids").is_some() {
                ctx.fail(node.span, at, Mistake::CountAndIds);
            }
        }
        _ => match &node.value {
            Value::Map(map) => map
                .iter()
                .for_each(|(key, entry)| check(ctx, &entry.node, &at.key(key))),
            Value::List(items) => items
                .iter()
                .enumerate()
                .for_each(|(index, item)| check(ctx, item, &at.item(index))),
            _ => {}
        },
    }
}

fn external(ctx: &mut Context, node: &Node, at: &At<'_>) {
    if !is_external(node) {
        return;
    }
    for (key, entry) in node.as_map().into_iter().flatten() {
        if !matches!(key.as_str(), "name" | "external") && !key.starts_with("x-") {
            ctx.fail(entry.key, at, Mistake::ExternalWith { key: key.clone() });
        }
    }
}

fn is_external(node: &Node) -> bool {
    match node.get("external").map(|node| &node.value) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::Str(text)) => {
            matches!(text.as_str(), "true" | "True" | "TRUE" | "t" | "T" | "1")
        }
        _ => false,
    }
}

fn one_source(ctx: &mut Context, node: &Node, at: &At<'_>, allowed: &'static [&'static str]) {
    let given = allowed.iter().filter(|key| node.get(key).is_some()).count();
    if given > 1 {
        ctx.fail(node.span, at, Mistake::SeveralSources { allowed });
    }
    if given == 0 && node.get("driver").is_none() && node.get("external").is_none() {
        ctx.fail(node.span, at, Mistake::NoSource { allowed });
    }
}

/// Fills in values that are passed through from the environment of whoever loads the files.
pub(crate) fn pass_environment(root: &mut Node, environment: &Environment) {
    for (_, service) in entries_mut(root, "services") {
        let Some(Node {
            value: Value::List(items),
            ..
        }) = service.get_mut("environment")
        else {
            continue;
        };
        for item in items {
            if let Some(value) = item.as_str().and_then(|key| environment.get(key)) {
                let text = format!("{}={value}", item.as_str().unwrap_or_default());
                item.value = Value::Str(text);
            }
        }
    }
    for section in ["secrets", "configs"] {
        for (_, object) in entries_mut(root, section) {
            let Some(name) = object.get("environment") else {
                continue;
            };
            let span = name.span;
            if let Some(value) = name.as_str().and_then(|name| environment.get(name)) {
                object.set(VALUE_KEY, Node::text(value, span));
            }
        }
    }
}

fn entries_mut<'a>(
    root: &'a mut Node,
    section: &str,
) -> impl Iterator<Item = (&'a String, &'a mut Node)> {
    let map = root.get_mut(section).and_then(Node::as_map_mut);
    map.into_iter()
        .flatten()
        .map(|(key, entry)| (key, &mut entry.node))
}

/// Adds what Compose adds by itself: the default network, names of resources, dependencies that other fields
/// imply.
pub(crate) fn normalize(root: &mut Node, name: &str, environment: &Environment) {
    networks(root);
    for (_, service) in entries_mut(root, "services") {
        normalize_service(service, environment);
    }
    for section in ["networks", "volumes", "configs", "secrets"] {
        for (key, resource) in entries_mut(root, section) {
            if resource.is_null() {
                resource.value = Value::Map(Map::new());
            }
            if resource.get("name").is_none_or(Node::is_null) {
                let name = if is_external(resource) {
                    key.clone()
                } else {
                    format!("{name}_{key}")
                };
                resource.set("name", Node::text(name, Span::NOWHERE));
            }
        }
    }
}

fn networks(root: &mut Node) {
    let mut uses_default = false;
    for (_, service) in entries_mut(root, "services") {
        if service.get("provider").is_some() || service.get("network_mode").is_some() {
            continue;
        }
        let networks = service.get("networks").and_then(Node::as_map);
        if networks.is_none_or(Map::is_empty) {
            let mut networks = Node::map(Span::NOWHERE);
            networks.set("default", Node::new(Value::Null, Span::NOWHERE));
            service.set("networks", networks);
            uses_default = true;
        } else if networks.is_some_and(|networks| networks.contains_key("default")) {
            uses_default = true;
        }
    }
    if uses_default {
        if root.get("networks").and_then(Node::as_map).is_none() {
            root.set("networks", Node::map(Span::NOWHERE));
        }
        if let Some(networks) = root.get_mut("networks") {
            networks.set_default("default", Value::Null);
        }
    }
}

fn normalize_service(service: &mut Node, environment: &Environment) {
    if service.str_at("pull_policy") == Some("if_not_present") {
        let span = service
            .get("pull_policy")
            .map_or(Span::NOWHERE, |node| node.span);
        service.set("pull_policy", Node::text("missing", span));
    }
    if let Some(build) = service
        .get_mut("build")
        .filter(|build| build.as_map().is_some())
    {
        if build.get("context").is_none_or(Node::is_null) {
            build.set("context", Node::text(".", Span::NOWHERE));
        }
        if build.get("dockerfile").is_none_or(Node::is_null)
            && build.get("dockerfile_inline").is_none_or(Node::is_null)
        {
            build.set("dockerfile", Node::text("Dockerfile", Span::NOWHERE));
        }
        if let Some(args) = build.get_mut("args") {
            resolve_pairs(args, environment, false);
        }
    }
    if let Some(pairs) = service.get_mut("environment") {
        resolve_pairs(pairs, environment, true);
    }
    if let Some(Node {
        value: Value::List(volumes),
        ..
    }) = service.get_mut("volumes")
    {
        for target in volumes
            .iter_mut()
            .filter_map(|volume| volume.get_mut("target"))
        {
            if let Value::Str(text) = &mut target.value {
                *text = if text.is_empty() {
                    ".".to_owned()
                } else {
                    paths::clean(text)
                };
            }
        }
    }
    imply_dependencies(service);
}

/// Gives keys without a value that of the environment, and drops those that have none unless they are kept.
fn resolve_pairs(pairs: &mut Node, environment: &Environment, keep: bool) {
    match &mut pairs.value {
        Value::Map(map) => map.retain(|key, entry| {
            if entry.node.is_null() {
                match environment.get(key) {
                    Some(value) => entry.node.value = Value::Str(value.clone()),
                    None => return keep,
                }
            }
            true
        }),
        Value::List(items) => items.retain_mut(|item| {
            let Some(key) = item.as_str().filter(|text| !text.contains('=')) else {
                return true;
            };
            match environment.get(key) {
                Some(value) => {
                    item.value = Value::Str(format!("{key}={value}"));
                    true
                }
                None => keep,
            }
        }),
        _ => {}
    }
}

/// Links, shared namespaces and `volumes_from` make a service depend on another one.
fn imply_dependencies(service: &mut Node) {
    let mut implied: Vec<(String, Span, bool)> = Vec::new();
    for link in service
        .get("links")
        .and_then(Node::as_list)
        .into_iter()
        .flatten()
    {
        let Some(text) = link.as_str() else { continue };
        let parts: Vec<&str> = text.split(':').collect();
        let name = if parts.len() == 2 { parts[0] } else { text };
        implied.push((name.to_owned(), link.span, true));
    }
    for namespace in ["network_mode", "ipc", "pid", "uts", "cgroup"] {
        if let Some(node) = service.get(namespace)
            && let Some(name) = node.as_str().and_then(|text| text.strip_prefix("service:"))
        {
            implied.push((name.to_owned(), node.span, true));
        }
    }
    for volumes in service
        .get("volumes_from")
        .and_then(Node::as_list)
        .into_iter()
        .flatten()
    {
        if let Some(text) = volumes
            .as_str()
            .filter(|text| !text.starts_with("container:"))
        {
            implied.push((
                text.split(':').next().unwrap_or_default().to_owned(),
                volumes.span,
                false,
            ));
        }
    }
    if implied.is_empty() {
        return;
    }
    if service.get("depends_on").and_then(Node::as_map).is_none() {
        service.set("depends_on", Node::map(Span::NOWHERE));
    }
    let Some(depends_on) = service.get_mut("depends_on").and_then(Node::as_map_mut) else {
        return;
    };
    for (name, span, restart) in implied {
        depends_on.entry(name).or_insert_with(|| {
            let mut dependency = crate::merge::started(span);
            dependency.set("restart", Node::new(Value::Bool(restart), span));
            Entry {
                key: span,
                node: dependency,
            }
        });
    }
}
