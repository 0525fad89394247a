//! Short forms into long ones, so that everything behind this point sees one form of each value.

use crate::context::Context;
use crate::merge::{self, Bare};
use crate::port;
use crate::problem::{Caution, Mistake};
use crate::tree::{At, Entry, Map, Node, Size, Value};
use crate::volume;

/// Whether a value that cannot be read is a mistake, or is left as it stands because it may still hold
/// variables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    Refuse,
    Leave,
}

/// Brings all short forms of a tree into their long ones.
pub(crate) fn canonical(ctx: &mut Context, node: &mut Node, at: &At<'_>, strictness: Strictness) {
    match at.steps().as_slice() {
        ["services", _, rest @ ..] if service_field(ctx, node, at, rest, strictness) => return,
        ["networks" | "volumes" | "secrets" | "configs", _] => external(ctx, node, at),
        _ => {}
    }
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map {
                canonical(ctx, &mut entry.node, &at.key(key), strictness);
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                canonical(ctx, item, &at.item(index), strictness);
            }
        }
        _ => {}
    }
}

/// Returns whether nothing below this field has forms of its own.
fn service_field(
    ctx: &mut Context,
    node: &mut Node,
    at: &At<'_>,
    steps: &[&str],
    strictness: Strictness,
) -> bool {
    match steps {
        ["build"] => {
            wrap_text(node, "context");
            return false;
        }
        ["extends"] => wrap_text(node, "service"),
        ["depends_on"] => depends_on(node),
        ["networks" | "models"] => merge::names(node, Bare::Nothing),
        ["env_file"] => env_files(node),
        ["label_file"] | ["develop", "watch", "[]", "ignore" | "include"] => one_or_more(node),
        ["dns"] => addresses(node),
        ["gpus"] => gpus(node),
        ["volumes", "[]"] => mount(ctx, node, at, strictness),
        ["devices", "[]"] => device(ctx, node, at, strictness),
        ["secrets" | "configs", "[]"] | ["build", "secrets", "[]"] => wrap_text(node, "source"),
        ["ports"] => ports(ctx, node, at, strictness),
        ["build", "ssh"] => ssh(ctx, node, at),
        ["build", "provenance" | "sbom"] => {
            if let Some(text) = node.value.scalar_text() {
                node.value = Value::Str(text);
            }
        }
        ["build", "additional_contexts"] => contexts(ctx, node, at, strictness),
        _ => return false,
    }
    true
}

/// `text` becomes `{key: text}`.
fn wrap_text(node: &mut Node, key: &str) {
    if node.as_str().is_some() {
        let inner = std::mem::replace(node, Node::map(node.span));
        node.set(key, inner);
    }
}

/// `text` becomes `[text]`.
fn one_or_more(node: &mut Node) {
    if node.as_str().is_some() {
        let inner = node.clone();
        node.value = Value::List(vec![inner]);
    }
}

fn addresses(node: &mut Node) {
    one_or_more(node);
    if let Value::List(items) = &mut node.value {
        items.retain(|item| !item.is_null() && item.as_str() != Some(""));
    }
}

fn env_files(node: &mut Node) {
    one_or_more(node);
    if let Value::List(items) = &mut node.value {
        for item in items {
            wrap_text(item, "path");
            item.set_default("required", Value::Bool(true));
        }
    }
}

/// `all` becomes `[{count: all}]`.
fn gpus(node: &mut Node) {
    wrap_text(node, "count");
    if node.as_map().is_some() {
        node.value = Value::List(vec![node.clone()]);
    }
}

fn depends_on(node: &mut Node) {
    merge::names(node, Bare::Dependency);
    if let Value::Map(map) = &mut node.value {
        for dependency in map.values_mut() {
            let dependency = &mut dependency.node;
            dependency.set_default("condition", Value::Str("service_started".to_owned()));
            dependency.set_default("required", Value::Bool(true));
        }
    }
}

fn mount(ctx: &mut Context, node: &mut Node, at: &At<'_>, strictness: Strictness) {
    let Some(text) = node.as_str() else { return };
    match volume::parse(text) {
        Ok(parsed) => {
            if let Some(name) = parsed.swallowed_name() {
                let caution = Caution::DriveLetter {
                    written: text.to_owned(),
                    source_path: if parsed.source.is_empty() {
                        parsed.target.clone()
                    } else {
                        parsed.source.clone()
                    },
                    volume: name.to_owned(),
                };
                ctx.warn(node.span, at, caution);
            }
            *node = parsed.into_node(node.span);
        }
        Err(reason) if strictness == Strictness::Refuse => {
            ctx.fail(
                node.span,
                at,
                Mistake::BadVolume {
                    spec: ctx.shown(node.span, at, text),
                    reason,
                },
            );
        }
        Err(_) => {}
    }
}

fn device(ctx: &mut Context, node: &mut Node, at: &At<'_>, strictness: Strictness) {
    let Some(text) = node.as_str() else { return };
    let parts: Vec<&str> = text.split(':').collect();
    let (source, target, permissions) = match parts.as_slice() {
        [source] => (*source, *source, "rwm"),
        [source, target] => (*source, *target, "rwm"),
        [source, target, permissions] => (*source, *target, *permissions),
        _ if strictness == Strictness::Leave => ("", "", "rwm"),
        _ => {
            ctx.fail(
                node.span,
                at,
                Mistake::BadDevice {
                    spec: ctx.shown(node.span, at, text),
                },
            );
            return;
        }
    };
    let span = node.span;
    let mut device = Node::map(span);
    device.set("source", Node::text(source, span));
    device.set(
        "target",
        Node::text(if target.is_empty() { source } else { target }, span),
    );
    device.set("permissions", Node::text(permissions, span));
    *node = device;
}

/// How many nodes the long form of a port has.
const NODES_OF_A_PORT: usize = 5;

fn ports(ctx: &mut Context, node: &mut Node, at: &At<'_>, strictness: Strictness) {
    let Value::List(items) = &mut node.value else {
        return;
    };
    let mut ports = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        let at = at.item(index);
        let spec = match &item.value {
            Value::Map(_) => {
                ports.push(item.clone());
                continue;
            }
            Value::Float(_) => {
                ctx.fail(
                    item.span,
                    &at,
                    Mistake::BadPort {
                        spec: ctx.shown_node(item, &at),
                        reason: "a port is a whole number".to_owned(),
                    },
                );
                continue;
            }
            value => value.scalar_text().unwrap_or_default(),
        };
        let parsed = match port::parse(&spec) {
            Ok(parsed) => parsed,
            // One value that cannot be read leaves the whole list as it stands, as Compose does.
            Err(_) if strictness == Strictness::Leave => return,
            Err(reason) => {
                let mistake = Mistake::BadPort {
                    reason: if ctx.is_secret(item.span) {
                        "the secret in it does not belong there".to_owned()
                    } else {
                        reason
                    },
                    spec: ctx.shown(item.span, &at, &spec),
                };
                ctx.fail(item.span, &at, mistake);
                continue;
            }
        };
        // A range of ports is a few characters and up to 65536 mappings.
        if !ctx.spend(Size::of_nodes(parsed.len() * NODES_OF_A_PORT), item.span) {
            return;
        }
        ports.extend(parsed.into_iter().map(|port| port.into_node(item.span)));
    }
    *items = ports;
}

/// A list of `key=value` becomes a mapping. `bare` says what an entry without a value means, or that it is none.
fn keyed(
    ctx: &mut Context,
    node: &mut Node,
    at: &At<'_>,
    strictness: Strictness,
    bare: impl Fn(&str, String) -> Result<Value, Mistake>,
) {
    let Value::List(items) = &node.value else {
        return;
    };
    let mut map = Map::new();
    for (index, item) in items.iter().enumerate() {
        let text = item.value.scalar_text().unwrap_or_default();
        let at = at.item(index);
        let (key, value) = match text.split_once('=') {
            Some((key, value)) => (key, Ok(Value::Str(value.to_owned()))),
            None => (text.as_str(), bare(&text, ctx.shown(item.span, &at, &text))),
        };
        match value {
            Ok(value) => {
                let (key, node) = (key.to_owned(), Node::new(value, item.span));
                let place = item.span;
                map.insert(key, Entry { key: place, node });
            }
            Err(_) if strictness == Strictness::Leave => return,
            Err(mistake) => ctx.fail(item.span, &at, mistake),
        }
    }
    node.value = Value::Map(map);
}

fn ssh(ctx: &mut Context, node: &mut Node, at: &At<'_>) {
    keyed(ctx, node, at, Strictness::Refuse, |id, key| match id {
        "default" => Ok(Value::Null),
        _ => Err(Mistake::BadSshKey { key }),
    });
}

fn contexts(ctx: &mut Context, node: &mut Node, at: &At<'_>, strictness: Strictness) {
    keyed(ctx, node, at, strictness, |_, entry| {
        Err(Mistake::NotKeyValue { entry })
    });
}

/// `external: {name: x}`, the form of long ago, becomes `external: true` and `name: x`.
fn external(ctx: &mut Context, node: &mut Node, at: &At<'_>) {
    let Some(external) = node
        .get("external")
        .filter(|external| external.as_map().is_some())
        .cloned()
    else {
        return;
    };
    node.set("external", Node::new(Value::Bool(true), external.span));
    let Some(outer) = external.get("name") else {
        return;
    };
    ctx.warn(external.span, at, Caution::ExternalName);
    match node.get("name") {
        Some(name) if name != outer => ctx.fail(external.span, at, Mistake::TwoNames),
        Some(_) => {}
        None => node.set("name", outer.clone()),
    }
}
