//! How a later file changes an earlier one, and what counts as the same entry of a list.
//!
//! [`merge`] puts an override onto a base; [`unique`] then keeps the last of entries that mean the same.
//! Both act on values in any of their written forms; they know paths, not types.

use std::collections::HashSet;

use indexmap::IndexMap;

use crate::context::Context;
use crate::problem::Mistake;
use crate::source::Span;
use crate::tree::{At, Entry, Map, Node, Size, Value};
use crate::volume;

/// How values at a path are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Mappings entry by entry, lists appended, everything else replaced.
    Deep,
    /// The later one.
    Replace,
    /// Both as lists of `key=value`, appended; [`unique`] lets the later key win.
    Sequence,
    /// Appended without exact repetitions.
    Hosts,
    /// Mappings entry by entry after a list of names became one; the value is what a bare name stands for.
    Names(Bare),
    /// A path is a mapping with that context.
    Build,
    /// Options are put together only where the drivers agree.
    Logging,
    /// Address pools with the same subnet.
    Pools,
}

/// What a bare name in a list stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bare {
    Nothing,
    Dependency,
}

fn rule(steps: &[&str]) -> Rule {
    match steps {
        ["services", _, rest @ ..] => match rest {
            ["command" | "entrypoint"] | ["healthcheck", "test"] | ["ulimits", _] => Rule::Replace,
            [
                "annotations" | "dns" | "dns_opt" | "dns_search" | "env_file" | "label_file"
                | "environment" | "labels" | "sysctls" | "tmpfs",
            ]
            | ["build", "args" | "additional_contexts" | "labels"]
            | ["deploy", "labels"]
            | ["volumes", "[]", "volume", "labels"] => Rule::Sequence,
            ["extra_hosts"] | ["build", "extra_hosts"] => Rule::Hosts,
            ["build"] => Rule::Build,
            ["depends_on"] => Rule::Names(Bare::Dependency),
            ["networks" | "models"] => Rule::Names(Bare::Nothing),
            ["logging"] => Rule::Logging,
            _ => Rule::Deep,
        },
        ["networks", _, "ipam", "config"] => Rule::Pools,
        ["networks" | "volumes", _, "labels"] => Rule::Sequence,
        _ => Rule::Deep,
    }
}

/// Puts `over` onto `base`.
pub(crate) fn merge(ctx: &mut Context, base: Node, over: Node, at: &At<'_>) -> Node {
    match rule(&at.steps()) {
        Rule::Deep => deep(ctx, base, over, at),
        Rule::Replace => over,
        Rule::Sequence => append(sequence(base), sequence(over)),
        Rule::Hosts => hosts(base, over),
        Rule::Names(meaning) => {
            let (base, over) = (named(base, meaning), named(over, meaning));
            entries(ctx, base, over, at)
        }
        Rule::Build => {
            let (base, over) = (build(base), build(over));
            entries(ctx, base, over, at)
        }
        Rule::Logging => match (base.get("driver"), over.get("driver")) {
            (Some(one), Some(other)) if one != other => over,
            _ => entries(ctx, base, over, at),
        },
        Rule::Pools => pools(ctx, base, over, at),
    }
}

fn deep(ctx: &mut Context, base: Node, over: Node, at: &At<'_>) -> Node {
    match (&base.value, &over.value) {
        (_, Value::Null) => base,
        (Value::Map(_), Value::Map(_)) => entries(ctx, base, over, at),
        (Value::List(_), Value::List(_)) => append(base, over),
        (Value::Map(_) | Value::List(_), other) => {
            ctx.fail(
                over.span,
                at,
                Mistake::CannotOverride {
                    found: base.value.kind(),
                    other: other.kind(),
                },
            );
            base
        }
        _ => over,
    }
}

/// Puts the entries of one mapping onto those of another; what is no mapping counts as an empty one.
fn entries(ctx: &mut Context, base: Node, over: Node, at: &At<'_>) -> Node {
    let span = over.span;
    let (base_span, mut merged) = match base {
        Node {
            value: Value::Map(map),
            span,
            ..
        } => (span, map),
        Node { span, .. } => (span, Map::new()),
    };
    if let Value::Map(over) = over.value {
        for (key, entry) in over {
            let node = match merged.get_mut(&key) {
                Some(slot) => {
                    let base = std::mem::replace(&mut slot.node, Node::new(Value::Null, span));
                    merge(ctx, base, entry.node, &at.key(&key))
                }
                None => entry.node,
            };
            merged.insert(
                key,
                Entry {
                    key: entry.key,
                    node,
                },
            );
        }
    }
    Node::new(Value::Map(merged), base_span)
}

fn append(base: Node, over: Node) -> Node {
    let span = if base.as_list().is_some_and(|items| !items.is_empty()) {
        base.span
    } else {
        over.span
    };
    let mut items = into_items(base);
    items.extend(into_items(over));
    Node::new(Value::List(items), span)
}

fn into_items(node: Node) -> Vec<Node> {
    match node.value {
        Value::List(items) => items,
        _ => Vec::new(),
    }
}

/// The list form of a mapping: `key=value`, sorted; a bare key where there is no value.
fn sequence(node: Node) -> Node {
    let span = node.span;
    let items = match node.value {
        Value::Map(map) => {
            let mut items = Vec::new();
            for (key, Entry { key: place, node }) in map {
                match &node.value {
                    Value::Null => items.push(Node::text(key, place)),
                    Value::List(values) => {
                        items.extend(values.iter().map(|value| {
                            Node::text(
                                format!("{key}={}", value.value.scalar_text().unwrap_or_default()),
                                value.span,
                            )
                        }));
                    }
                    value => items.push(Node::text(
                        format!("{key}={}", value.scalar_text().unwrap_or_default()),
                        node.span,
                    )),
                }
            }
            items.sort_by(|one, other| one.as_str().cmp(&other.as_str()));
            items
        }
        Value::List(items) => items,
        Value::Str(_) => vec![node],
        _ => Vec::new(),
    };
    Node::new(Value::List(items), span)
}

fn hosts(base: Node, over: Node) -> Node {
    let (base, over) = (sequence(base), sequence(over));
    let mut known: HashSet<Option<String>> = HashSet::new();
    let items = base.as_list().into_iter().flatten();
    known.extend(items.map(|item| item.value.scalar_text()));
    let span = base.span;
    let mut added = into_items(over);
    added.retain(|item| !known.contains(&item.value.scalar_text()));
    append(base, Node::new(Value::List(added), span))
}

fn named(mut node: Node, bare: Bare) -> Node {
    names(&mut node, bare);
    node
}

/// Brings a list of names into the form of a mapping.
pub(crate) fn names(node: &mut Node, bare: Bare) {
    if let Value::List(items) = &node.value {
        let entries = items.iter().filter_map(|item| {
            let (key, node) = (item.span, bare_value(bare, item.span));
            Some((item.as_str()?.to_owned(), Entry { key, node }))
        });
        node.value = Value::Map(entries.collect());
    }
}

fn bare_value(bare: Bare, span: Span) -> Node {
    match bare {
        Bare::Nothing => Node::new(Value::Null, span),
        Bare::Dependency => started(span),
    }
}

/// What a dependency means that only names a service.
pub(crate) fn started(span: Span) -> Node {
    let mut node = Node::map(span);
    node.set("condition", Node::text("service_started", span));
    node.set("required", Node::new(Value::Bool(true), span));
    node
}

fn build(node: Node) -> Node {
    let span = node.span;
    match node.value {
        Value::Str(_) => {
            let mut build = Node::map(span);
            build.set("context", node);
            build
        }
        _ => node,
    }
}

/// Follows Compose step by step, losses included: a pool of the base goes where no pool of the override has
/// its subnet.
fn pools(ctx: &mut Context, base: Node, over: Node, at: &At<'_>) -> Node {
    let span = over.span;
    if base.as_list().is_none() || over.as_list().is_none() {
        return deep(ctx, base, over, at);
    }
    let subnet = |node: &Node| node.get("subnet").cloned();
    let (base, over) = (into_items(base), into_items(over));
    // Each is held against each, and against what came of it.
    let pairs = base.len().saturating_mul(over.len());
    let effort = pairs.saturating_mul(base.len() + over.len());
    if !ctx.spend(Size::of_nodes(effort), span) {
        return Node::new(Value::List(base), span);
    }
    let mut merged: Vec<Node> = Vec::new();
    for mut base in base {
        for over in &over {
            let position = merged.iter().position(|pool| subnet(pool) == subnet(over));
            if subnet(&base) != subnet(over) && position.is_none() {
                merged.push(over.clone());
                continue;
            }
            base = entries(ctx, base, over.clone(), at);
            match merged.iter().position(|pool| subnet(pool) == subnet(&base)) {
                Some(position) => merged[position] = base.clone(),
                None => merged.push(base.clone()),
            }
        }
    }
    Node::new(Value::List(merged), span)
}

/// What makes two entries of a list the same.
#[derive(Clone, Copy)]
enum Identity {
    /// The text before `=`.
    Key,
    /// Where it is mounted.
    Target,
    /// Where a device appears.
    Device,
    /// The number, as text.
    Expose,
    /// Where a file is mounted, by default below this folder.
    File(&'static str),
    Port,
    /// The path of an environment file.
    Path,
}

fn identity(steps: &[&str]) -> Option<Identity> {
    Some(match steps {
        ["services", _, rest @ ..] => match rest {
            [
                "annotations" | "cap_add" | "cap_drop" | "dns" | "dns_opt" | "dns_search"
                | "environment" | "labels" | "links" | "profiles" | "sysctls" | "tmpfs",
            ]
            | [
                "build",
                "args" | "additional_contexts" | "platform" | "tags" | "labels",
            ]
            | ["deploy", "labels"]
            | ["networks", _, "aliases" | "link_local_ips"] => Identity::Key,
            ["devices"] => Identity::Device,
            ["volumes"] => Identity::Target,
            ["configs"] => Identity::File(""),
            ["secrets"] => Identity::File("/run/secrets"),
            ["env_file"] => Identity::Path,
            ["expose"] => Identity::Expose,
            ["ports"] => Identity::Port,
            _ => return None,
        },
        ["networks", _, "labels"] | ["networks", _, "ipam", "options"] => Identity::Key,
        _ => return None,
    })
}

/// Keeps of list entries that mean the same only the last, at the place of the first.
pub(crate) fn unique(ctx: &mut Context, node: &mut Node, at: &At<'_>) {
    match &mut node.value {
        Value::Map(map) => {
            for (key, entry) in map {
                unique(ctx, &mut entry.node, &at.key(key));
            }
        }
        Value::List(items) => {
            let Some(identity) = identity(&at.steps()) else {
                return;
            };
            let mut kept: IndexMap<String, Node> = IndexMap::with_capacity(items.len());
            for (index, item) in std::mem::take(items).into_iter().enumerate() {
                if let Some(key) = identify(ctx, identity, &item, &at.item(index)) {
                    kept.insert(key, item);
                }
            }
            *items = kept.into_values().collect();
        }
        _ => {}
    }
}

fn identify(ctx: &mut Context, identity: Identity, item: &Node, at: &At<'_>) -> Option<String> {
    let key = match (identity, &item.value) {
        (Identity::Key, Value::Str(text)) => Ok(text.split('=').next().unwrap_or(text).to_owned()),
        (Identity::Key, _) => Err(wrong_type(item, "a string")),
        (Identity::Target | Identity::Device, Value::Map(_)) => part(item, "target"),
        (Identity::Target, Value::Str(text)) => match volume::parse(text) {
            Ok(volume) => Ok(volume.target),
            Err(reason) => {
                let spec = ctx.shown_node(item, at);
                Err(Mistake::BadVolume { spec, reason })
            }
        },
        (Identity::Device, Value::Str(text)) => {
            Ok(text.split(':').nth(1).unwrap_or(text).to_owned())
        }
        (Identity::Expose, Value::Str(_) | Value::Int(_)) => return item.value.scalar_text(),
        (Identity::Expose, _) => Err(wrong_type(item, "a port")),
        (Identity::File(folder), Value::Str(text)) => Ok(format!("{folder}/{text}")),
        (Identity::File(folder), Value::Map(_)) => {
            let source = item.str_at("source").unwrap_or_default();
            let target = item.str_at("target").map(str::to_owned);
            Ok(target.unwrap_or_else(|| format!("{folder}/{source}")))
        }
        (Identity::File(_), _) => Err(wrong_type(item, "a name or a mapping")),
        (Identity::Path, Value::Map(_)) => part(item, "path"),
        (Identity::Port, Value::Map(_)) => port(item),
        // Whatever else stands in the list is judged by the table of fields.
        (_, value) => Ok(value
            .scalar_text()
            .unwrap_or_else(|| format!("#{}", item.span.start))),
    };
    key.map_err(|mistake| ctx.fail(item.span, at, mistake)).ok()
}

fn wrong_type(item: &Node, wanted: &str) -> Mistake {
    Mistake::WrongType {
        wanted: wanted.to_owned(),
        found: item.value.kind(),
    }
}

/// The text behind a key that has to be there.
fn part(item: &Node, key: &'static str) -> Result<String, Mistake> {
    let text = item.str_at(key).map(str::to_owned);
    text.ok_or(Mistake::MissingField { key })
}

fn port(item: &Node) -> Result<String, Mistake> {
    if item.get("target").is_none() {
        return Err(Mistake::MissingField { key: "target" });
    }
    let part = |key: &str, default: &str| {
        let text = item.get(key).and_then(|node| node.value.scalar_text());
        text.unwrap_or_else(|| default.to_owned())
    };
    Ok(format!(
        "{}:{}:{}/{}",
        part("host_ip", "0.0.0.0"),
        part("published", ""),
        part("target", ""),
        part("protocol", "tcp")
    ))
}
