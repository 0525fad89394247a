//! `${VARIABLE:-default}`: replacing variables in values.
//!
//! Follows what Compose does down to its oddities: the first operator in the text decides, a default reaches
//! to the brace that closes it, what follows is replaced in turn, and names are looked up as written.

use std::fmt;

use bowline_model::{MASK, is_secret_key};

use crate::context::{Context, State, UsedVariable};
use crate::problem::{Caution, Mistake, mask_text, shown};
use crate::schema;
use crate::source::Span;
use crate::tree::{At, Node, Size, Value};

/// Looks up a variable; nothing means that it is not set.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// How deep defaults may stand in defaults.
const DEPTH_LIMIT: usize = 64;

/// Bytes that variables may add to one value.
const TEXT_LIMIT: usize = 1 << 20;

/// Uses of variables that are remembered of one value.
const USES_LIMIT: usize = 16;

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
    /// Its variables hold more than anybody means.
    TooLong,
}

impl TemplateError {
    /// The same as a mistake in a field.
    fn into_mistake(self, shown: impl Fn(&str) -> String, template: &str) -> Mistake {
        match self {
            Self::Invalid => Mistake::BadTemplate {
                template: shown(template),
            },
            Self::Required {
                name,
                is_set,
                message,
            } => Mistake::RequiredVariable {
                name,
                state: if is_set { "is empty" } else { "is not set" },
                // Written to be read; what is secret in it was masked when it was put together.
                message: mask_text(&message),
            },
            Self::TooLong => Mistake::TooMuchText { limit: TEXT_LIMIT },
        }
    }
}

/// A template with its variables replaced.
#[derive(Debug, Default)]
pub(crate) struct Substituted {
    pub(crate) text: String,
    /// The variables in it that were empty or are secret.
    pub(crate) used: Vec<UsedVariable>,
    /// Bytes that came out of variables, those included that were not used in the end.
    pub(crate) grown: usize,
}

/// The ways to write what a variable falls back to.
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
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
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

impl fmt::Debug for VariableUse {
    /// Masks what stands in for a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |text: &str| {
            if is_secret_key(&self.name) && !text.is_empty() {
                MASK.to_owned()
            } else {
                mask_text(text)
            }
        };
        f.debug_struct("VariableUse")
            .field("name", &self.name)
            .field("default", &shown(&self.default))
            .field("presence", &shown(&self.presence))
            .field("required", &self.required)
            .finish()
    }
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
        let part = next_part(rest)?;
        match part {
            Part::Dollar | Part::Literal => out.text.push('$'),
            Part::Named(name) => out.push_variable(name, lookup(name))?,
            Part::Braced(inside) => expand_braced(inside, lookup, out, depth)?,
        }
        rest = &rest[part.len()..];
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
    /// What stands between `${` and the brace that closes it.
    Braced(&'a str),
}

impl Part<'_> {
    /// How much of the template this is.
    fn len(&self) -> usize {
        match self {
            Part::Dollar => "$$".len(),
            Part::Literal => "$".len(),
            Part::Named(name) => "$".len() + name.len(),
            Part::Braced(inside) => "${}".len() + inside.len(),
        }
    }
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
        return Ok(Part::Braced(&inside[..name]));
    }
    let has_operator = behind
        .strip_prefix(':')
        .unwrap_or(behind)
        .starts_with(['-', '+', '?']);
    match closing_brace(text) {
        Some(end) if name > 0 && has_operator => Ok(Part::Braced(&text["${".len()..end])),
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

/// Where the brace that opens the text is closed, counted as Compose counts: what follows an opening brace
/// is not looked at. A brace that nothing closes reaches to the last one on its line.
fn closing_brace(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let (mut depth, mut at, mut last) = (0, 0, None);
    while at < bytes.len() && bytes[at] != b'\n' {
        if bytes[at] == b'}' {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
            last = Some(at);
        }
        if bytes[at] == b'{' {
            depth += 1;
            at += 1;
            if bytes.get(at) == Some(&b'}') {
                last = Some(at);
            }
            if bytes.get(at) == Some(&b'\n') {
                break;
            }
        }
        at += 1;
    }
    last
}

impl Substituted {
    fn push_variable(&mut self, name: &str, value: Option<&str>) -> Result<(), TemplateError> {
        let state = match value {
            None => State::Unset,
            Some("") => State::Empty,
            Some(_) => State::Filled,
        };
        let used = UsedVariable {
            name: name.to_owned(),
            state,
        };
        let matters = state != State::Filled || is_secret_key(name);
        if matters && self.used.len() < USES_LIMIT && !self.used.contains(&used) {
            self.used.push(used);
        }
        self.push_value(value.unwrap_or(""))
    }

    fn push_value(&mut self, value: &str) -> Result<(), TemplateError> {
        self.text.push_str(value);
        self.grow(value.len())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), TemplateError> {
        self.grown += bytes;
        if self.grown > TEXT_LIMIT {
            return Err(TemplateError::TooLong);
        }
        Ok(())
    }
}

fn expand_braced(
    inside: &str,
    lookup: Lookup<'_>,
    out: &mut Substituted,
    depth: usize,
) -> Result<(), TemplateError> {
    // The operator that stands first decides.
    let first = OPERATORS
        .iter()
        .filter_map(|(sign, operator)| Some((inside.find(sign)?, *sign, *operator)))
        .min_by_key(|(at, ..)| *at);
    let Some((at, sign, operator)) = first else {
        return out.push_variable(inside, lookup(inside));
    };
    let (name, operand) = (&inside[..at], &inside[at + sign.len()..]);
    let value = lookup(name);
    let is_there = |or_empty: bool| value.is_some_and(|value| !or_empty || !value.is_empty());
    match operator {
        Operator::Require { or_empty } if !is_there(or_empty) => {
            // The message is for showing, so the secrets in it are not for using.
            let masked = |name: &str| {
                let value = lookup(name);
                value.map(|value| if is_secret_key(name) { MASK } else { value })
            };
            let mut message = Substituted::default();
            expand(operand, &masked, &mut message, depth + 1)?;
            Err(TemplateError::Required {
                name: name.to_owned(),
                is_set: value.is_some(),
                message: message.text,
            })
        }
        Operator::Default { or_empty } if !is_there(or_empty) => {
            expand(operand, lookup, out, depth + 1)
        }
        Operator::Presence { or_empty } if is_there(or_empty) => {
            expand(operand, lookup, out, depth + 1)
        }
        _ => {
            // The operand is not used, but it has to be well formed all the same.
            let mut unused = Substituted::default();
            expand(operand, lookup, &mut unused, depth + 1)?;
            out.grow(unused.grown)?;
            match value {
                Some(value) if !value.is_empty() => out.push_variable(name, Some(value)),
                _ => Ok(()),
            }
        }
    }
}

/// Lists the variables of a template, those in defaults included.
pub(crate) fn variables(template: &str, found: &mut Vec<VariableUse>) {
    variables_within(template, found, 0);
}

fn variables_within(template: &str, found: &mut Vec<VariableUse>, depth: usize) {
    if depth > DEPTH_LIMIT {
        return;
    }
    let mut rest = template;
    while let Some(at) = rest.find('$') {
        rest = &rest[at..];
        let part = next_part(rest).unwrap_or(Part::Literal);
        match part {
            Part::Dollar | Part::Literal => {}
            Part::Named(name) => found.push(VariableUse {
                name: name.to_owned(),
                default: String::new(),
                presence: String::new(),
                required: false,
            }),
            Part::Braced(inside) => {
                let variable = braced_variable(inside);
                let operands = [variable.default.clone(), variable.presence.clone()];
                found.push(variable);
                for operand in operands {
                    variables_within(&operand, found, depth + 1);
                }
            }
        }
        rest = &rest[part.len()..];
    }
}

fn braced_variable(inside: &str) -> VariableUse {
    let (name, rest) = inside.split_at(name_len(inside));
    let operand = |signs: &[&str]| signs.iter().find_map(|sign| rest.strip_prefix(sign));
    VariableUse {
        name: name.to_owned(),
        default: operand(&[":-", "-"]).unwrap_or("").to_owned(),
        presence: operand(&[":+", "+"]).unwrap_or("").to_owned(),
        required: operand(&[":?", "?"]).is_some(),
    }
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
    span: Span,
    text: &str,
    at: &At<'_>,
    lookup: Lookup<'_>,
) -> Option<String> {
    match substitute(text, lookup) {
        Ok(Substituted { text, used, grown }) => {
            for variable in used
                .iter()
                .filter(|variable| variable.state == State::Unset)
            {
                let name = variable.name.clone();
                ctx.warn(span, at, Caution::UnsetVariable { name });
            }
            for variable in used
                .iter()
                .filter(|variable| variable.state == State::Filled)
            {
                ctx.keep_secret(lookup(&variable.name).unwrap_or_default());
            }
            if !used.is_empty() {
                ctx.variables.insert(span, used);
            }
            ctx.spend(Size::of_text(grown), span).then_some(text)
        }
        Err(error) => {
            report(ctx, span, at, text, error);
            None
        }
    }
}

/// Reports what is wrong with a template.
pub(crate) fn report(
    ctx: &mut Context,
    span: Span,
    at: &At<'_>,
    template: &str,
    error: TemplateError,
) {
    let mistake = error.into_mistake(|text| shown(at, text), template);
    ctx.fail(span, at, mistake);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(template: &str) -> Result<String, TemplateError> {
        let lookup = |name: &str| match name {
            "SET" | "set" => Some("value"),
            "EMPTY" => Some(""),
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
