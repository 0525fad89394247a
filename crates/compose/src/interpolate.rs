//! `${VARIABLE:-default}`: replacing variables in values.
//!
//! Follows what Compose does down to its oddities: the first operator in the text decides, a default reaches
//! to the brace that closes it, what follows is replaced in turn, and names are looked up as written.

use crate::context::{Context, EmptyVariable};
use crate::problem::{Caution, Mistake, shown};
use crate::schema;
use crate::tree::{At, Node, Value};

/// Looks up a variable; nothing means that it is not set.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<String>;

/// How deep defaults may stand in defaults.
const DEPTH_LIMIT: usize = 64;

/// What went wrong in a template.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum TemplateError {
    /// It cannot be understood.
    Invalid,
    /// A variable written with `?` has no value.
    Required {
        name: String,
        is_set: bool,
        message: String,
    },
}

/// A template with its variables replaced.
#[derive(Debug, Default)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// Variables that had nothing to give and no default.
    pub(crate) empty: Vec<EmptyVariable>,
}

/// The ways to write what a variable falls back to, in the order in which equal positions are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Require { or_empty: bool },
    Default { or_empty: bool },
    Presence { or_empty: bool },
}

const OPERATORS: &[(&str, Operator)] = &[
    (":?", Operator::Require { or_empty: true }),
    ("?", Operator::Require { or_empty: false }),
    (":-", Operator::Default { or_empty: true }),
    ("-", Operator::Default { or_empty: false }),
    (":+", Operator::Presence { or_empty: true }),
    ("+", Operator::Presence { or_empty: false }),
];

/// A variable as it stands in a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct VariableUse {
    /// Its name.
    pub name: String,
    /// What stands in for it when it is not there.
    pub default: String,
    /// What stands in for it when it is there.
    pub presence: String,
    /// Whether the project cannot be loaded without it.
    pub required: bool,
}

/// Replaces the variables of a template.
pub(crate) fn substitute(template: &str, lookup: Lookup<'_>) -> Result<Substituted, TemplateError> {
    let mut out = Substituted::default();
    expand(template, lookup, &mut out, 0)?;
    Ok(out)
}

fn expand(
    template: &str,
    lookup: Lookup<'_>,
    out: &mut Substituted,
    depth: usize,
) -> Result<(), TemplateError> {
    if depth > DEPTH_LIMIT {
        return Err(TemplateError::Invalid);
    }
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        out.text.push_str(&rest[..at]);
        rest = &rest[at..];
        match next_part(rest)? {
            Part::Dollar => {
                out.text.push('$');
                rest = &rest[2..];
            }
            Part::Literal => {
                out.text.push('$');
                rest = &rest[1..];
            }
            Part::Named(name) => {
                push_variable(name, lookup, out);
                rest = &rest[1 + name.len()..];
            }
            Part::Braced(braced) => {
                expand_braced(braced, lookup, out, depth)?;
                rest = &rest[braced.len()..];
            }
        }
    }
    out.text.push_str(rest);
    Ok(())
}

enum Part<'a> {
    /// `$$`
    Dollar,
    /// A `$` that begins nothing.
    Literal,
    /// `$NAME`
    Named(&'a str),
    /// From `${` to the last brace on the line that could close it; what follows the first one that does is
    /// replaced in turn.
    Braced(&'a str),
}

/// Looks at what begins with the `$` at the start of `text`.
fn next_part(text: &str) -> Result<Part<'_>, TemplateError> {
    let after = &text[1..];
    if after.starts_with('$') {
        return Ok(Part::Dollar);
    }
    let named = name_len(after);
    if named > 0 {
        return Ok(Part::Named(&after[..named]));
    }
    let Some(inside) = after.strip_prefix('{') else {
        return Ok(Part::Literal);
    };
    let name = name_len(inside);
    let behind = &inside[name..];
    if name > 0 && behind.starts_with('}') {
        return Ok(Part::Braced(&text[..2 + name + 1]));
    }
    let has_operator = behind
        .strip_prefix(':')
        .unwrap_or(behind)
        .starts_with(['-', '+', '?']);
    let line = behind.split('\n').next().unwrap_or("");
    match line.rfind('}') {
        Some(end) if name > 0 && has_operator => Ok(Part::Braced(&text[..2 + name + end + 1])),
        _ => Err(TemplateError::Invalid),
    }
}

fn name_len(text: &str) -> usize {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) if first == '_' || first.is_ascii_alphabetic() => {
            1 + chars
                .take_while(|next| *next == '_' || next.is_ascii_alphanumeric())
                .count()
        }
        _ => 0,
    }
}

fn push_variable(name: &str, lookup: Lookup<'_>, out: &mut Substituted) {
    match lookup(name) {
        Some(value) => {
            if value.is_empty() {
                out.empty.push(EmptyVariable {
                    name: name.to_owned(),
                    is_set: true,
                });
            }
            out.text.push_str(&value);
        }
        None => out.empty.push(EmptyVariable {
            name: name.to_owned(),
            is_set: false,
        }),
    }
}

fn expand_braced(
    braced: &str,
    lookup: Lookup<'_>,
    out: &mut Substituted,
    depth: usize,
) -> Result<(), TemplateError> {
    let end = closing_brace(braced).unwrap_or(braced.len() - 1);
    let inside = &braced[2..end];
    let behind = &braced[end + 1..];
    let first = OPERATORS
        .iter()
        .filter_map(|(sign, operator)| Some((braced.find(sign)?, *sign, *operator)))
        .min_by_key(|(at, ..)| *at);
    let Some((sign, operator)) = first
        .map(|(_, sign, operator)| (sign, operator))
        .filter(|(sign, _)| inside.contains(sign))
    else {
        push_variable(inside, lookup, out);
        return Ok(());
    };
    let (name, operand) = inside.split_once(sign).unwrap_or((inside, ""));
    let value = lookup(name);
    let is_there = |or_empty: bool| {
        value
            .as_deref()
            .is_some_and(|value| !or_empty || !value.is_empty())
    };
    match operator {
        Operator::Require { or_empty } if !is_there(or_empty) => {
            let mut message = Substituted::default();
            expand(operand, lookup, &mut message, depth + 1)?;
            return Err(TemplateError::Required {
                name: name.to_owned(),
                is_set: value.is_some(),
                message: message.text,
            });
        }
        Operator::Default { or_empty } if !is_there(or_empty) => {
            expand(operand, lookup, out, depth + 1)?
        }
        Operator::Presence { or_empty } if is_there(or_empty) => {
            expand(operand, lookup, out, depth + 1)?
        }
        _ => {
            // The operand is not used, but it has to be well formed all the same.
            expand(operand, lookup, &mut Substituted::default(), depth + 1)?;
            out.text.push_str(value.as_deref().unwrap_or(""));
        }
    }
    expand(behind, lookup, out, depth + 1)
}

/// Where the brace that opens the text is closed, counted as Compose counts: what follows an opening brace
/// is not looked at.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at) = (0, 0);
    while at < bytes.len() {
        if bytes[at] == b'}' {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
        if bytes[at] == b'{' {
            depth += 1;
            at += 1;
        }
        at += 1;
    }
    None
}

/// Lists the variables of a template, those in defaults included.
pub(crate) fn variables(template: &str, found: &mut Vec<VariableUse>) {
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        rest = &rest[at..];
        match next_part(rest) {
            Ok(Part::Dollar) => rest = &rest[2..],
            Ok(Part::Literal) | Err(_) => rest = &rest[1..],
            Ok(Part::Named(name)) => {
                found.push(VariableUse {
                    name: name.to_owned(),
                    default: String::new(),
                    presence: String::new(),
                    required: false,
                });
                rest = &rest[1 + name.len()..];
            }
            Ok(Part::Braced(braced)) => {
                let end = closing_brace(braced).unwrap_or(braced.len() - 1);
                braced_variable(&braced[2..end], found);
                rest = &rest[end + 1..];
            }
        }
    }
}

fn braced_variable(inside: &str, found: &mut Vec<VariableUse>) {
    let (name, rest) = inside.split_at(name_len(inside));
    let operand = |signs: &[&str]| signs.iter().find_map(|sign| rest.strip_prefix(sign));
    let default = operand(&[":-", "-"]).unwrap_or("");
    let presence = operand(&[":+", "+"]).unwrap_or("");
    found.push(VariableUse {
        name: name.to_owned(),
        default: default.to_owned(),
        presence: presence.to_owned(),
        required: operand(&[":?", "?"]).is_some(),
    });
    variables(default, found);
    variables(presence, found);
}

/// Replaces the variables in all values of a tree, and reads numbers and booleans where a field wants them.
pub(crate) fn tree(ctx: &mut Context, node: &mut Node, at: &At<'_>, lookup: Lookup<'_>) {
    match &mut node.value {
        Value::Str(text) => {
            let replaced = if text.contains('$') {
                match scalar(ctx, node.span, text, at, lookup) {
                    Some(replaced) => replaced,
                    None => return,
                }
            } else {
                std::mem::take(text)
            };
            node.value = schema::cast(ctx, node.span, replaced, at);
        }
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                tree(ctx, item, &at.item(index), lookup);
            }
        }
        Value::Map(map) => {
            for (key, entry) in map {
                tree(ctx, &mut entry.node, &at.key(key), lookup);
            }
        }
        _ => {}
    }
}

fn scalar(
    ctx: &mut Context,
    span: crate::source::Span,
    text: &str,
    at: &At<'_>,
    lookup: Lookup<'_>,
) -> Option<String> {
    match substitute(text, lookup) {
        Ok(Substituted { text, empty }) => {
            for variable in empty.iter().filter(|variable| !variable.is_set) {
                ctx.warn(
                    span,
                    at,
                    Caution::UnsetVariable {
                        name: variable.name.clone(),
                    },
                );
            }
            if !empty.is_empty() {
                ctx.empty_variables.insert(span, empty);
            }
            Some(text)
        }
        Err(TemplateError::Invalid) => {
            ctx.fail(
                span,
                at,
                Mistake::BadTemplate {
                    template: shown(at, text),
                },
            );
            None
        }
        Err(TemplateError::Required {
            name,
            is_set,
            message,
        }) => {
            let state = if is_set { "is empty" } else { "is not set" };
            ctx.fail(
                span,
                at,
                Mistake::RequiredVariable {
                    name,
                    state,
                    message: shown(at, &message),
                },
            );
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(template: &str) -> Result<String, TemplateError> {
        let lookup = |name: &str| match name {
            "SET" | "set" => Some("value".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        substitute(template, &lookup).map(|substituted| substituted.text)
    }

    #[test]
    fn every_form_of_a_variable_is_replaced() {
        for (template, result) in [
            ("$SET", "value"),
            ("${SET}", "value"),
            ("a${SET}b", "avalueb"),
            ("$SET-x", "value-x"),
            ("$$SET", "$SET"),
            ("${NO:-d}", "d"),
            ("${EMPTY:-d}", "d"),
            ("${EMPTY-d}", ""),
            ("${NO-d}", "d"),
            ("${SET:+r}", "r"),
            ("${EMPTY:+r}", ""),
            ("${EMPTY+r}", "r"),
            ("${NO+r}", ""),
            ("${SET:?e}", "value"),
            ("${NO:-${SET}}", "value"),
            ("${NO:-${ALSO:-x}}-${SET}", "x-value"),
            ("${NO:-a}${NO:-b}", "ab"),
            ("${NO:-a:b-c?d}", "a:b-c?d"),
            ("${NO:-}", ""),
            ("5$", "5$"),
            ("$ 5", "$ 5"),
            ("$1", "$1"),
        ] {
            assert_eq!(with(template).as_deref(), Ok(result), "{template}");
        }
    }

    #[test]
    fn malformed_templates_are_refused() {
        for template in [
            "${",
            "${}",
            "${SET",
            "${SET:}",
            "${1X}",
            "${SET/x/y}",
            "${NO:-${}}",
            "${ SET}",
        ] {
            assert_eq!(with(template), Err(TemplateError::Invalid), "{template}");
        }
    }

    #[test]
    fn a_required_variable_says_its_name_and_why() {
        assert_eq!(
            with("${NO:?set it to $SET}"),
            Err(TemplateError::Required {
                name: "NO".into(),
                is_set: false,
                message: "set it to value".into()
            })
        );
        assert_eq!(with("${EMPTY?}").as_deref(), Ok(""));
    }

    #[test]
    fn variables_in_defaults_are_listed_too() {
        let mut found = Vec::new();
        variables("${A:-${B}}/$C/$$D/${E:?no}", &mut found);
        let names: Vec<_> = found
            .iter()
            .map(|found| (found.name.as_str(), found.required))
            .collect();
        assert_eq!(
            names,
            [("A", false), ("B", false), ("C", false), ("E", true)]
        );
    }
}
