//! From the merged tree to the plain values that a [`Project`](bowline_model::Project) is made of.
//!
//! Expects canonical forms (what `canonical` leaves behind) and reports what only shows itself when a value
//! is really read: durations, sizes, commands that cannot be split.

use bowline_model::Period;
use serde_json::{Map as Object, Value as Json};

use super::cast::flag;
use super::{Extra, Record, Shape};
use crate::context::Context;
use crate::problem::{Caution, Mistake};
use crate::tree::{At, Node, Value};
use crate::words;

/// The key under which extensions of a record are kept.
const EXTENSIONS: &str = "#extensions";

/// Reads a value as what its field means. What cannot be read is reported and becomes null.
pub(crate) fn lower(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape) -> Json {
    match shape {
        Shape::Any => plain(node),
        Shape::Text | Shape::Matching(..) | Shape::OneOf(_) | Shape::Label | Shape::FlagText => {
            node.value.scalar_text().into()
        }
        Shape::Flag | Shape::StrictFlag => boolean(ctx, node, at),
        Shape::Whole(..) | Shape::StrictWhole | Shape::Quantity => whole(ctx, node, at),
        Shape::Fraction => fraction(ctx, node, at),
        Shape::Size | Shape::SizeText => size(ctx, node, at),
        Shape::Time => time(ctx, node, at),
        Shape::Mode => mode(ctx, node, at),
        Shape::Count => match node.as_str() {
            Some(text) if text.eq_ignore_ascii_case("all") => (-1).into(),
            _ => whole(ctx, node, at),
        },
        Shape::Command => command(ctx, node, at),
        Shape::Test => match node.as_str() {
            Some(text) => vec!["CMD-SHELL", text].into(),
            None => list(ctx, node, at, &Shape::Text),
        },
        Shape::Pairs(pass) => pairs(ctx, node, at, *pass),
        Shape::Ssh => keys(node),
        Shape::Options => entries(node, |value| {
            value.value.scalar_text().unwrap_or_default().into()
        }),
        Shape::MultiOptions => entries(node, |value| {
            let one = std::slice::from_ref(value);
            let items = value.as_list().unwrap_or(one).iter();
            items.filter_map(|item| item.value.scalar_text()).collect()
        }),
        Shape::Hosts => hosts(ctx, node, at),
        Shape::List(item) | Shape::Set(item) => list(ctx, node, at, item),
        Shape::Map(value, _) => map(ctx, node, at, value),
        Shape::Record(fields) => record(ctx, node, at, fields),
        Shape::Nullable(_) if node.is_null() => Json::Null,
        Shape::Nullable(inner) => lower(ctx, node, at, inner),
        Shape::Either(alternatives) => {
            match alternatives.iter().find(|shape| shape.accepts(&node.value)) {
                Some(shape) => lower(ctx, node, at, shape),
                None => Json::Null,
            }
        }
    }
}

/// SSH keys as a list of `id=path`.
fn keys(node: &Node) -> Json {
    let keys = node.as_map().into_iter().flatten();
    keys.map(|(id, entry)| match entry.node.value.scalar_text() {
        Some(path) => format!("{id}={path}"),
        None => id.clone(),
    })
    .collect()
}

/// The value as it stands, for extensions.
pub(crate) fn plain(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Null,
        Value::Bool(flag) => (*flag).into(),
        Value::Int(number) => (*number).into(),
        Value::Huge(number) => (*number).into(),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "only whole numbers that a double holds exactly get here"
        )]
        Value::Float(number)
            if number.fract() == 0.0
                && number.abs() < 9e15
                && !(*number == 0.0 && number.is_sign_negative()) =>
        {
            (*number as i64).into()
        }
        Value::Float(number) => (*number).into(),
        Value::Date(text) if text.len() <= "2001-12-31".len() => format!("{text}T00:00:00Z").into(),
        Value::Str(text) | Value::Date(text) => text.clone().into(),
        Value::List(items) => items.iter().map(plain).collect(),
        Value::Map(map) => map
            .iter()
            .map(|(key, entry)| (key.clone(), plain(&entry.node)))
            .collect(),
    }
}

fn bad(ctx: &mut Context, node: &Node, at: &At<'_>, wanted: &'static str) -> Json {
    let value = ctx.shown_node(node, at);
    ctx.fail(node.span, at, Mistake::BadValue { value, wanted });
    Json::Null
}

fn boolean(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let read = match &node.value {
        Value::Bool(value) => Some(*value),
        Value::Str(text) => flag(ctx, node.span, text, at),
        _ => None,
    };
    read.map_or_else(|| bad(ctx, node, at, "a boolean"), Json::from)
}

fn whole(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let read = match &node.value {
        Value::Int(number) => Some(*number),
        #[expect(
            clippy::cast_possible_truncation,
            reason = "Compose cuts the fraction off, too"
        )]
        Value::Float(number) => Some(*number as i64),
        Value::Str(text) => text.parse().ok(),
        _ => None,
    };
    read.map_or_else(|| bad(ctx, node, at, "a whole number"), Json::from)
}

fn fraction(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "Compose keeps 32 bits of these numbers"
    )]
    let read = match &node.value {
        Value::Int(number) => Some(*number as f32),
        Value::Float(number) => Some(*number as f32),
        Value::Str(text) => text.parse::<f32>().ok(),
        _ => None,
    };
    // Through the shortest text, so that 0.1 stays 0.1 instead of becoming 0.10000000149.
    let read = read
        .and_then(|number| number.to_string().parse::<f64>().ok())
        .filter(|number| number.is_finite());
    read.map_or_else(|| bad(ctx, node, at, "a number"), Json::from)
}

fn size(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let bytes = match &node.value {
        Value::Int(number) => Some(*number),
        Value::Float(number) => {
            ctx.warn(
                node.span,
                at,
                Caution::FractionalBytes {
                    value: crate::tree::float_text(*number),
                },
            );
            Some(0)
        }
        Value::Str(text) => words::parse_size(text),
        _ => None,
    };
    bytes.map_or_else(
        || bad(ctx, node, at, "a size such as `512m`"),
        |bytes| bytes.to_string().into(),
    )
}

fn time(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    match node.as_str().and_then(Period::parse) {
        Some(period) => period.to_string().into(),
        None => bad(ctx, node, at, "a duration such as `1m30s`"),
    }
}

fn mode(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let bits = match &node.value {
        Value::Int(number) => Some(*number),
        Value::Str(text) => i64::from_str_radix(text, 8).ok(),
        _ => None,
    };
    match bits {
        Some(bits) => format!(
            "0{}{:o}",
            if bits < 0 { "-" } else { "" },
            bits.unsigned_abs()
        )
        .into(),
        None => bad(ctx, node, at, "an octal mode such as `0440`"),
    }
}

fn command(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let Some(text) = node.as_str() else {
        return if node.is_null() {
            Json::Null
        } else {
            list(ctx, node, at, &Shape::Text)
        };
    };
    match words::split(text) {
        Ok(split) => {
            if let Some(sign) = split.cut_at {
                ctx.warn(node.span, at, Caution::CommandCut { sign });
            }
            split.words.into()
        }
        Err(reason) => {
            ctx.fail(node.span, at, Mistake::BadCommand { reason });
            Json::Null
        }
    }
}

fn pairs(ctx: &mut Context, node: &Node, at: &At<'_>, pass: bool) -> Json {
    let absent = || {
        if pass {
            Json::Null
        } else {
            Json::String(String::new())
        }
    };
    let mut object = Object::new();
    match &node.value {
        Value::Map(map) => {
            for (key, entry) in map {
                object.insert(
                    key.clone(),
                    entry
                        .node
                        .value
                        .scalar_text()
                        .map_or_else(absent, Json::String),
                );
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let text = item.value.scalar_text().unwrap_or_default();
                let (key, value) = text
                    .split_once('=')
                    .map_or((text.as_str(), None), |(key, value)| (key, Some(value)));
                if pass && key.ends_with(char::is_whitespace) {
                    ctx.fail(
                        item.span,
                        &at.item(index),
                        Mistake::TrailingSpace {
                            key: key.trim_end().to_owned(),
                        },
                    );
                }
                object.insert(key.to_owned(), value.map_or_else(absent, Json::from));
            }
        }
        _ => {}
    }
    Json::Object(object)
}

fn hosts(ctx: &mut Context, node: &Node, at: &At<'_>) -> Json {
    let mut pairs: Vec<(String, String, &Node)> = Vec::new();
    match &node.value {
        Value::Map(map) => {
            for (host, entry) in map {
                match entry.node.as_list() {
                    Some(items) => pairs.extend(items.iter().map(|item| {
                        (
                            host.clone(),
                            item.value.scalar_text().unwrap_or_default(),
                            item,
                        )
                    })),
                    None => pairs.push((
                        host.clone(),
                        entry.node.value.scalar_text().unwrap_or_default(),
                        &entry.node,
                    )),
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.iter().enumerate() {
                let text = item.value.scalar_text().unwrap_or_default();
                let Some((host, addresses)) = text.split_once('=').or_else(|| text.split_once(':'))
                else {
                    let at = at.item(index);
                    let entry = ctx.shown(item.span, &at, &text);
                    ctx.fail(item.span, &at, Mistake::BadHost { entry });
                    continue;
                };
                pairs.extend(
                    addresses
                        .split(',')
                        .map(|address| (host.to_owned(), address.to_owned(), item)),
                );
            }
        }
        _ => {}
    }
    let mut lines = Vec::with_capacity(pairs.len());
    for (host, address, node) in pairs {
        if host.is_empty() || host.contains([':', '=']) {
            let entry = ctx.shown(node.span, at, &format!("{host}={address}"));
            ctx.fail(node.span, at, Mistake::BadHost { entry });
        }
        let bare = address
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .filter(|bare| !bare.is_empty());
        lines.push(format!("{host}={}", bare.unwrap_or(&address)));
    }
    lines.sort();
    lines.into()
}

fn list(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape) -> Json {
    match &node.value {
        Value::List(items) => items
            .iter()
            .enumerate()
            .map(|(index, item)| lower(ctx, item, &at.item(index), shape))
            .collect(),
        // A single value where Compose takes one or many.
        _ => Json::Array(vec![lower(ctx, node, at, shape)]),
    }
}

fn entries(node: &Node, read: impl Fn(&Node) -> Json) -> Json {
    node.as_map()
        .into_iter()
        .flatten()
        .map(|(key, entry)| (key.clone(), read(&entry.node)))
        .collect()
}

fn map(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape) -> Json {
    let entries = node.as_map().into_iter().flatten();
    entries
        .map(|(key, entry)| (key.clone(), lower(ctx, &entry.node, &at.key(key), shape)))
        .collect()
}

fn record(ctx: &mut Context, node: &Node, at: &At<'_>, record: &Record) -> Json {
    let mut object = Object::new();
    let mut extensions = Object::new();
    for (key, entry) in node.as_map().into_iter().flatten() {
        let Some(shape) = record.field(key) else {
            if record.extra == Extra::Extensions {
                extensions.insert(key.clone(), plain(&entry.node));
            }
            continue;
        };
        // An empty value is a field that is not there, but for commands, where it means the image's.
        if entry.node.is_null() && !matches!(shape, Shape::Command) {
            continue;
        }
        let at = at.key(key);
        let mut value = lower(ctx, &entry.node, &at, shape);
        if matches!(
            shape,
            Shape::Either([Shape::Text, Shape::Set(_) | Shape::List(_)])
        ) && value.is_string()
        {
            value = vec![value].into();
        }
        // What is wrong has been reported, and would only be in the way of reading the rest.
        if !ctx.is_wrong(&at) {
            object.insert(key.clone(), value);
        }
    }
    if !extensions.is_empty() {
        object.insert(EXTENSIONS.to_owned(), Json::Object(extensions));
    }
    Json::Object(object)
}
