//! Holding a merged tree against the table of fields.

use std::collections::BTreeSet;

use super::{Extra, Names, ROOT, Record, Shape};
use crate::context::Context;
use crate::problem::Mistake;
use crate::tree::{At, Map, Node, Value};
use bowline_model::nearest;

/// Reports everything in a Compose file that does not fit the table. All of it, not only the first.
pub(crate) fn validate(ctx: &mut Context, root: &Node) {
    record(ctx, root, &At::Root, &ROOT);
}

fn check(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape) {
    if !shape.accepts(&node.value) {
        ctx.fail(
            node.span,
            at,
            Mistake::WrongType {
                wanted: shape.words().join(" or "),
                found: node.value.kind(),
            },
        );
        return;
    }
    match shape {
        Shape::Matching(fits, expected) if !node.as_str().is_some_and(fits) => {
            let value = ctx.shown_node(node, at);
            ctx.fail(node.span, at, Mistake::BadPattern { value, expected });
        }
        Shape::OneOf(allowed) if !node.as_str().is_some_and(|text| allowed.contains(&text)) => {
            let value = ctx.shown_node(node, at);
            ctx.fail(node.span, at, Mistake::NotOneOf { value, allowed });
        }
        Shape::Whole(least, most) => range(ctx, node, at, *least, *most),
        Shape::Command | Shape::Test => items(ctx, node, at, &Shape::Text, false),
        Shape::Pairs(_) | Shape::Ssh => match &node.value {
            Value::List(_) => items(ctx, node, at, &Shape::Text, true),
            _ => entries(ctx, node, at, &PAIR_VALUE, Names::Free),
        },
        Shape::Options => entries(ctx, node, at, &OPTION_VALUE, Names::Free),
        Shape::MultiOptions => entries(ctx, node, at, &MULTI_VALUE, Names::Free),
        Shape::Hosts => match &node.value {
            Value::List(_) => items(ctx, node, at, &Shape::Text, true),
            _ => entries(ctx, node, at, &HOST_VALUE, Names::Free),
        },
        Shape::List(item) => items(ctx, node, at, item, false),
        Shape::Set(item) => items(ctx, node, at, item, true),
        Shape::Map(value, names) => entries(ctx, node, at, value, *names),
        Shape::Record(fields) => record(ctx, node, at, fields),
        Shape::Nullable(inner) if !node.is_null() => check(ctx, node, at, inner),
        Shape::Either(alternatives) => {
            if let Some(fitting) = alternatives.iter().find(|shape| shape.accepts(&node.value)) {
                check(ctx, node, at, fitting);
            }
        }
        _ => {}
    }
}

const PAIR_VALUE: Shape = Shape::Nullable(&Shape::Either(&[Shape::Label, Shape::StrictFlag]));
const OPTION_VALUE: Shape = Shape::Nullable(&Shape::Label);
const SCALAR: Shape = Shape::Either(&[Shape::Label, Shape::StrictFlag]);
const MULTI_VALUE: Shape = Shape::Either(&[SCALAR, Shape::List(&SCALAR)]);
const HOST_VALUE: Shape = Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)]);

fn range(ctx: &mut Context, node: &Node, at: &At<'_>, least: i64, most: i64) {
    if let Value::Int(number) = node.value {
        if number < least {
            ctx.fail(node.span, at, Mistake::TooSmall { least });
        } else if number > most {
            ctx.fail(node.span, at, Mistake::TooLarge { most });
        }
    }
}

fn items(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape, unique: bool) {
    let Some(items) = node.as_list() else { return };
    let mut seen = BTreeSet::new();
    for (index, item) in items.iter().enumerate() {
        let at = at.item(index);
        check(ctx, item, &at, shape);
        // Repeated mappings are told apart by what they mean, not by their text: that is merged elsewhere.
        if unique
            && item
                .value
                .scalar_text()
                .is_some_and(|text| !seen.insert(text))
        {
            ctx.fail(
                item.span,
                &at,
                Mistake::DuplicateItem {
                    value: ctx.shown_node(item, &at),
                },
            );
        }
    }
}

fn entries(ctx: &mut Context, node: &Node, at: &At<'_>, shape: &Shape, names: Names) {
    let Some(map) = node.as_map() else { return };
    for (key, entry) in map {
        let plain = !key.is_empty()
            && key
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
        if names == Names::Plain && !plain {
            ctx.fail(entry.key, at, Mistake::BadName { name: key.clone() });
        }
        check(ctx, &entry.node, &at.key(key), shape);
    }
}

fn record(ctx: &mut Context, node: &Node, at: &At<'_>, record: &'static Record) {
    let Some(map) = node.as_map() else {
        ctx.fail(
            node.span,
            at,
            Mistake::WrongType {
                wanted: "a mapping".to_owned(),
                found: node.value.kind(),
            },
        );
        return;
    };
    for (key, entry) in map {
        match record.field(key) {
            Some(shape) => check(ctx, &entry.node, &at.key(key), shape),
            None if record.extra == Extra::Ignored
                || record.extra == Extra::Extensions && key.starts_with("x-") => {}
            None => unknown_field(ctx, key, map, at, record),
        }
    }
    for key in record.required {
        if !map.contains_key(*key) {
            ctx.fail(node.span, at, Mistake::MissingField { key });
        }
    }
}

fn unknown_field(ctx: &mut Context, key: &str, map: &Map, at: &At<'_>, record: &'static Record) {
    if ctx.is_full() {
        return;
    }
    let known = record.fields.iter().map(|(name, _)| *name);
    let nearest = nearest(key, known.filter(|name| !map.contains_key(*name)))
        .or_else(|| nearest(key, record.fields.iter().map(|(name, _)| *name)));
    let parent = record.name.to_owned();
    ctx.fail(
        map[key].key,
        &at.key(key),
        Mistake::UnknownField {
            key: key.to_owned(),
            parent,
            nearest: nearest.map(str::to_owned),
        },
    );
}

impl Shape {
    /// Tells whether a value is of a kind that can have this shape.
    pub(super) fn accepts(&self, value: &Value) -> bool {
        use Value::{Bool, Float, Huge, Int, List, Map, Null, Str};
        match self {
            Shape::Any => true,
            Shape::Text | Shape::Matching(..) | Shape::OneOf(_) | Shape::SizeText | Shape::Time => {
                matches!(value, Str(_))
            }
            Shape::Label | Shape::Quantity | Shape::Fraction | Shape::Size | Shape::Mode => {
                matches!(value, Str(_) | Int(_) | Huge(_) | Float(_))
            }
            Shape::Flag | Shape::FlagText => matches!(value, Str(_) | Bool(_)),
            Shape::StrictFlag => matches!(value, Bool(_)),
            Shape::Whole(..) | Shape::Count => {
                matches!(value, Str(_) | Int(_))
                    || matches!(value, Float(number) if number.fract() == 0.0)
            }
            Shape::StrictWhole => matches!(value, Int(_)),
            Shape::Command => matches!(value, Null | Str(_) | List(_)),
            Shape::Test => matches!(value, Str(_) | List(_)),
            Shape::Pairs(_) | Shape::Ssh | Shape::Hosts => matches!(value, Map(_) | List(_)),
            Shape::Options | Shape::MultiOptions | Shape::Map(..) | Shape::Record(_) => {
                matches!(value, Map(_))
            }
            Shape::List(_) | Shape::Set(_) => matches!(value, List(_)),
            Shape::Nullable(inner) => matches!(value, Null) || inner.accepts(value),
            Shape::Either(alternatives) => alternatives.iter().any(|shape| shape.accepts(value)),
        }
    }

    /// The kinds of values that can have this shape, in words.
    fn words(&self) -> Vec<&'static str> {
        match self {
            Shape::Any => vec!["anything"],
            Shape::Text | Shape::Matching(..) | Shape::OneOf(_) | Shape::SizeText => {
                vec!["a string"]
            }
            Shape::Time => vec!["a duration such as `1m30s`"],
            Shape::Label => vec!["a string", "a number"],
            Shape::Quantity | Shape::Fraction => vec!["a number"],
            Shape::Size => vec!["a size such as `512m`"],
            Shape::Mode => vec!["an octal mode such as `0440`"],
            Shape::Flag | Shape::StrictFlag | Shape::FlagText => vec!["a boolean"],
            Shape::Whole(..) | Shape::StrictWhole => vec!["a whole number"],
            Shape::Count => vec!["a whole number", "`all`"],
            Shape::Command | Shape::Test => vec!["a string", "a list"],
            Shape::Pairs(_) | Shape::Ssh | Shape::Hosts => vec!["a mapping", "a list"],
            Shape::Options | Shape::MultiOptions | Shape::Map(..) | Shape::Record(_) => {
                vec!["a mapping"]
            }
            Shape::List(_) | Shape::Set(_) => vec!["a list"],
            Shape::Nullable(inner) => inner.words(),
            Shape::Either(alternatives) => {
                let mut words: Vec<_> = alternatives.iter().flat_map(Shape::words).collect();
                words.dedup();
                words
            }
        }
    }
}
