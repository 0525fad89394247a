//! From text to trees: YAML as Compose's parser reads it, with a span for every value.
//!
//! The only module that knows the YAML parser. It composes the parser's events into nodes, expands aliases
//! and merge keys, reads plain scalars by the rules of Compose's own parser (YAML 1.1 numbers such as `0440`
//! and `1_000`, YAML 1.2 booleans) and records where `!reset` and `!override` stand. It never looks at what
//! the values mean.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;

use granit_parser::{Event, Parser, ScalarStyle, Tag};
use indexmap::map::Entry as Slot;

use crate::context::Context;
use crate::problem::{Caution, Mistake};
use crate::source::Span;
use crate::syntax;
use crate::tree::{At, Entry, Map, Mark, Node, Size, Value};

/// One document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) root: Node,
    pub(crate) resets: Resets,
}

/// The fields whose earlier values go, in the form of [`At::steps`].
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Resets(HashSet<Vec<String>>);

impl Resets {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contains(&self, at: &At<'_>) -> bool {
        self.0.contains(&steps(at))
    }

    fn insert(&mut self, at: &At<'_>) {
        self.0.insert(steps(at));
    }
}

fn steps(at: &At<'_>) -> Vec<String> {
    at.steps().into_iter().map(str::to_owned).collect()
}

/// Nodes that one document may have after its aliases are expanded.
const NODE_LIMIT: usize = 100_000;

/// How deep collections may be nested.
pub(crate) const DEPTH_LIMIT: usize = 100;

/// The key under which mappings are merged.
const MERGE_KEY: &str = "<<";

/// Reads all documents of a loaded text.
///
/// What cannot be read is reported to `ctx`; the answer then holds the documents before it.
pub(crate) fn parse(ctx: &mut Context, file: u32) -> Vec<Document> {
    let text = ctx.sources.text(file);
    let mut options = granit_parser::Options::default();
    options.set_emit_comments(false);
    options.flow_nesting_limit = DEPTH_LIMIT;
    options.block_nesting_limit = DEPTH_LIMIT;
    let mut composer = Composer {
        ctx,
        file,
        text: &text,
        open: Vec::new(),
        anchors: HashMap::new(),
        nodes: 0,
        documents: Vec::new(),
        failed: false,
    };
    for event in Parser::new_from_str_with_options(&text, options) {
        match event {
            Ok((event, span)) => composer.take(event, &span),
            Err(error) => composer.syntax_error(&error),
        }
        if composer.failed {
            break;
        }
    }
    let roots = std::mem::take(&mut composer.documents);
    roots.into_iter().map(|root| finish(ctx, root)).collect()
}

/// A collection whose end has not been seen yet.
enum Open {
    List {
        items: Vec<Node>,
        span: Span,
        anchor: usize,
        mark: Option<Mark>,
    },
    Map {
        map: Map,
        key: Option<Key>,
        span: Span,
        anchor: usize,
        mark: Option<Mark>,
    },
}

struct Key {
    text: String,
    span: Span,
}

fn mark(tag: Option<&Tag>) -> Option<Mark> {
    match tag?.original().as_str() {
        "!reset" => Some(Mark::Reset),
        "!override" => Some(Mark::Override),
        _ => None,
    }
}

struct Composer<'a> {
    ctx: &'a mut Context,
    file: u32,
    text: &'a str,
    open: Vec<Open>,
    /// Finished anchored nodes; `None` while the node is still open.
    anchors: HashMap<usize, Option<(Node, Size)>>,
    nodes: usize,
    documents: Vec<Node>,
    failed: bool,
}

impl Composer<'_> {
    fn take(&mut self, event: Event<'_>, at: &granit_parser::Span) {
        let span = self.span(at);
        match event {
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.nodes = 0;
            }
            Event::Scalar(text, style, anchor, tag) => {
                let node = self.scalar(&text, style, tag.as_deref(), span);
                self.finish_node(node, anchor);
            }
            Event::Alias(id) => match self.anchors.get(&id) {
                Some(Some((node, size))) => {
                    let size = *size;
                    if self.open.len() + size.depth > DEPTH_LIMIT {
                        return self.fail(span, Mistake::NestedTooDeep { limit: DEPTH_LIMIT });
                    }
                    let mut node = node.clone();
                    drop_resets(&mut node);
                    self.nodes += size.nodes;
                    self.failed |= !self.ctx.spend(size, span);
                    self.place(node);
                }
                _ => self.fail(span, Mistake::AliasCycle),
            },
            Event::SequenceStart(_, anchor, tag) => {
                let mark = mark(tag.as_deref());
                self.begin(anchor);
                self.open.push(Open::List {
                    items: Vec::new(),
                    span,
                    anchor,
                    mark,
                });
            }
            Event::MappingStart(_, anchor, tag) => {
                let mark = mark(tag.as_deref());
                self.begin(anchor);
                self.open.push(Open::Map {
                    map: Map::new(),
                    key: None,
                    span,
                    anchor,
                    mark,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            _ => {}
        }
        if self.nodes > NODE_LIMIT {
            self.fail(span, Mistake::TooManyNodes { limit: NODE_LIMIT });
        }
        if self.open.len() > DEPTH_LIMIT {
            self.fail(span, Mistake::NestedTooDeep { limit: DEPTH_LIMIT });
        }
    }

    fn begin(&mut self, anchor: usize) {
        if anchor != 0 {
            self.anchors.insert(anchor, None);
        }
    }

    fn close(&mut self, end: Span) {
        let (value, span, anchor, mark) = match self.open.pop() {
            Some(Open::List {
                items,
                span,
                anchor,
                mark,
            }) => (Value::List(items), span, anchor, mark),
            Some(Open::Map {
                map,
                span,
                anchor,
                mark,
                ..
            }) => (Value::Map(map), span, anchor, mark),
            None => return,
        };
        let span = Span {
            end: end.end.max(span.end),
            ..span
        };
        self.finish_node(Node { value, span, mark }, anchor);
    }

    fn finish_node(&mut self, node: Node, anchor: usize) {
        self.nodes += 1;
        self.failed |= !self.ctx.spend(Size::of_nodes(1), node.span);
        if anchor != 0 {
            let size = node.size();
            self.failed |= !self.ctx.spend(size, node.span);
            self.anchors.insert(anchor, Some((node.clone(), size)));
        }
        self.place(node);
    }

    /// Puts a finished node where it belongs: behind a key, into a list, or at the top of a document.
    fn place(&mut self, node: Node) {
        match self.open.last_mut() {
            None => self.documents.push(node),
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { map, key, .. }) => {
                let Some(pending) = key.take() else {
                    match node.value {
                        Value::Str(text) => {
                            let span = node.span;
                            *key = Some(Key { text, span });
                        }
                        _ => self.fail(
                            node.span,
                            Mistake::KeyNotString {
                                found: node
                                    .value
                                    .scalar_text()
                                    .unwrap_or_else(|| node.value.kind().to_owned()),
                            },
                        ),
                    }
                    return;
                };
                match map.entry(pending.text) {
                    Slot::Vacant(slot) => {
                        slot.insert(Entry {
                            key: pending.span,
                            node,
                        });
                    }
                    Slot::Occupied(slot) => {
                        let first = slot.get().key;
                        let key = slot.key().clone();
                        let first_line =
                            self.ctx.sources.place(first).map_or(0, |place| place.line);
                        self.ctx.fail_at(
                            pending.span,
                            self.file_path(),
                            Mistake::DuplicateKey { key, first_line },
                        );
                    }
                }
            }
        }
    }

    fn scalar(&mut self, text: &str, style: ScalarStyle, tag: Option<&Tag>, span: Span) -> Node {
        let mark = mark(tag);
        let core = tag
            .and_then(Tag::core_suffix)
            .or_else(|| tag.filter(|tag| tag.original() == "!").map(|_| "str"));
        let value = match (style, core) {
            (_, Some("str")) => Value::Str(text.to_owned()),
            (ScalarStyle::Plain, None) => plain(text),
            (_, Some(wanted @ ("int" | "float" | "bool" | "null"))) => {
                self.tagged(text, wanted, span)
            }
            (_, Some(other)) => {
                self.fail(
                    span,
                    Mistake::UnknownTag {
                        tag: format!("!!{other}"),
                    },
                );
                Value::Null
            }
            (_, None) => Value::Str(text.to_owned()),
        };
        if let (Value::Int(read), ScalarStyle::Plain) = (&value, style) {
            self.warn_of_octal(text, *read, span);
        }
        Node { value, span, mark }
    }

    fn tagged(&mut self, text: &str, wanted: &str, span: Span) -> Value {
        let value = plain(text);
        match (wanted, &value) {
            ("int", Value::Int(_))
            | ("bool", Value::Bool(_))
            | ("null", Value::Null)
            | ("float", Value::Float(_)) => value,
            #[expect(clippy::cast_precision_loss, reason = "a float was asked for")]
            ("float", Value::Int(number)) => Value::Float(*number as f64),
            _ => {
                self.fail(
                    span,
                    Mistake::TagMismatch {
                        tag: format!("!!{wanted}"),
                        found: value.kind(),
                    },
                );
                Value::Null
            }
        }
    }

    /// `010` is read as 8: the same as Compose does, but nobody means it outside of file modes.
    fn warn_of_octal(&mut self, text: &str, read: i64, span: Span) {
        let digits = text.trim_start_matches(['-', '+']);
        let is_mode = matches!(self.open.last(), Some(Open::Map { key: Some(key), .. }) if key.text == "mode");
        if !is_mode
            && digits.len() > 1
            && digits.starts_with('0')
            && digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'_')
        {
            self.ctx.warn_at(
                span,
                self.file_path(),
                Caution::OctalNumber {
                    written: text.to_owned(),
                    read,
                },
            );
        }
    }

    fn span(&self, at: &granit_parser::Span) -> Span {
        let offset = |marker: &granit_parser::Marker| {
            let bytes = marker.byte_offset().unwrap_or_else(|| marker.index());
            u32::try_from(bytes.min(self.text.len())).unwrap_or(u32::MAX)
        };
        Span {
            file: self.file,
            start: offset(&at.start),
            end: offset(&at.end),
        }
    }

    /// The path of what is being read right now.
    fn file_path(&self) -> String {
        let mut path = String::new();
        for open in &self.open {
            let _ = match open {
                Open::List { items, .. } => write!(path, "[{}]", items.len()),
                Open::Map { key: Some(key), .. } if path.is_empty() => write!(path, "{}", key.text),
                Open::Map { key: Some(key), .. } => write!(path, ".{}", key.text),
                Open::Map { .. } => Ok(()),
            };
        }
        path
    }

    fn fail(&mut self, span: Span, mistake: Mistake) {
        self.failed = true;
        let path = self.file_path();
        self.ctx.fail_at(span, path, mistake);
    }

    fn syntax_error(&mut self, error: &granit_parser::ScanError) {
        let opened: Vec<Span> = self.open.iter().rev().map(Open::span).collect();
        let found = syntax::explain(self.text, error, &opened);
        let span = Span {
            file: self.file,
            ..found.span
        };
        self.failed = true;
        let path = self.file_path();
        self.ctx.fail_with(span, path, found.mistake, found.hints);
    }
}

impl Open {
    fn span(&self) -> Span {
        match self {
            Open::List { span, .. } | Open::Map { span, .. } => *span,
        }
    }
}

/// Takes out of a copy of an anchored node what is reset inside it: a reset counts where it is written, not
/// where aliases bring it.
fn drop_resets(node: &mut Node) {
    match &mut node.value {
        Value::List(items) => {
            items.retain(|item| item.mark != Some(Mark::Reset));
            items.iter_mut().for_each(drop_resets);
        }
        Value::Map(map) => {
            map.retain(|_, entry| entry.node.mark != Some(Mark::Reset));
            map.values_mut()
                .for_each(|entry| drop_resets(&mut entry.node));
        }
        _ => {}
    }
}

/// Records resets, drops what they drop, and expands merge keys.
fn finish(ctx: &mut Context, mut root: Node) -> Document {
    let mut resets = Resets::default();
    let keep = take_marks(&mut root, &At::Root, &mut resets);
    if !keep {
        root.value = Value::Null;
    }
    merge_keys(ctx, &mut root, &At::Root);
    Document { root, resets }
}

/// Returns whether the node stays.
fn take_marks(node: &mut Node, at: &At<'_>, resets: &mut Resets) -> bool {
    match node.mark.take() {
        Some(mark) => {
            resets.insert(at);
            return mark == Mark::Override;
        }
        None => match &mut node.value {
            Value::List(items) => {
                let mut index = 0;
                items.retain_mut(|item| {
                    index += 1;
                    take_marks(item, &at.item(index - 1), resets)
                });
            }
            // What is merged in stands at the place of the mapping that merges it.
            Value::Map(map) => map.retain(|key, entry| match key.as_str() {
                MERGE_KEY => take_marks(&mut entry.node, at, resets),
                key => take_marks(&mut entry.node, &at.key(key), resets),
            }),
            _ => {}
        },
    }
    true
}

/// Puts the entries of merged mappings under those of the mapping itself: its own win, then the first merged.
fn merge_keys(ctx: &mut Context, node: &mut Node, at: &At<'_>) {
    match &mut node.value {
        Value::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                merge_keys(ctx, item, &at.item(index));
            }
        }
        Value::Map(map) => {
            let merged = map.shift_remove(MERGE_KEY);
            for (key, entry) in map.iter_mut() {
                merge_keys(ctx, &mut entry.node, &at.key(key));
            }
            let Some(Entry { mut node, .. }) = merged else {
                return;
            };
            merge_keys(ctx, &mut node, at);
            let span = node.span;
            let sources = match node.value {
                Value::List(items) => items,
                _ => vec![node],
            };
            for source in sources {
                match source.value {
                    Value::Map(source) => {
                        for (key, entry) in source {
                            map.entry(key).or_insert(entry);
                        }
                    }
                    Value::Null => {}
                    other => ctx.fail(
                        span,
                        at,
                        Mistake::BadMerge {
                            found: other.kind(),
                        },
                    ),
                }
            }
        }
        _ => {}
    }
}

/// Tells whether a plain scalar is read as a string.
pub(crate) fn is_text(text: &str) -> bool {
    matches!(plain(text), Value::Str(_))
}

/// Reads a plain scalar as Compose's parser does.
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return Value::Bool(true),
        "false" | "False" | "FALSE" => return Value::Bool(false),
        ".nan" | ".NaN" | ".NAN" => return Value::Float(f64::NAN),
        ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => {
            return Value::Float(f64::INFINITY);
        }
        "-.inf" | "-.Inf" | "-.INF" => return Value::Float(f64::NEG_INFINITY),
        _ => {}
    }
    match text.as_bytes()[0] {
        b'.' => text
            .parse()
            .ok()
            .filter(|_| is_decimal(text))
            .map_or_else(|| Value::Str(text.to_owned()), Value::Float),
        b'0'..=b'9' | b'+' | b'-' => number(text).unwrap_or_else(|| Value::Str(text.to_owned())),
        _ => Value::Str(text.to_owned()),
    }
}

fn number(text: &str) -> Option<Value> {
    if is_date(text) {
        return Some(Value::Date(text.to_owned()));
    }
    let plain = text.replace('_', "");
    if let Some(number) = integer(&plain) {
        return Some(number);
    }
    if is_decimal(&plain) {
        plain.parse().ok().map(Value::Float)
    } else {
        None
    }
}

/// Reads an integer with the prefixes `0x`, `0o`, `0b` and, for octal numbers, a bare `0`.
fn integer(text: &str) -> Option<Value> {
    let (negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    let (radix, digits) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', _, ..] => (8, &digits[1..]),
        _ => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|digit| digit.is_digit(radix)) {
        return None;
    }
    let magnitude = i128::from_str_radix(digits, radix).ok()?;
    let value = if negative { -magnitude } else { magnitude };
    match i64::try_from(value) {
        Ok(value) => Some(Value::Int(value)),
        Err(_) => u64::try_from(value).ok().map(Value::Huge),
    }
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_decimal(text: &str) -> bool {
    let text = text.strip_prefix(['-', '+']).unwrap_or(text);
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa_fits = match mantissa.split_once('.') {
        Some(("", fraction)) => !fraction.is_empty() && digits(fraction),
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => !mantissa.is_empty() && digits(mantissa),
    };
    let exponent_fits = exponent.is_none_or(|exponent| {
        let exponent = exponent.strip_prefix(['-', '+']).unwrap_or(exponent);
        !exponent.is_empty() && digits(exponent)
    });
    mantissa_fits && exponent_fits
}

/// `2001-12-14`, with or without a time of day behind it.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    if bytes.len() < 8 || !bytes[..4].iter().all(u8::is_ascii_digit) || bytes[4] != b'-' {
        return false;
    }
    let (day, time) = match text.find(['T', 't', ' ']) {
        Some(at) => (&text[..at], Some(&text[at + 1..])),
        None => (text, None),
    };
    let parts: Vec<&str> = day.split('-').collect();
    let within = |part: &str, most: u32| {
        part.len() <= 2
            && part
                .parse::<u32>()
                .is_ok_and(|value| (1..=most).contains(&value))
    };
    let [_, month, day] = parts.as_slice() else {
        return false;
    };
    within(month, 12)
        && within(day, 31)
        && time.is_none_or(|time| {
            time.split(':').count() >= 3 && time.starts_with(|first: char| first.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Document>, Context) {
        let mut ctx = Context::default();
        let file = ctx.sources.add("compose.yaml", text.to_owned());
        let documents = parse(&mut ctx, file);
        (documents, ctx)
    }

    #[test]
    fn plain_scalars_are_read_by_the_rules_of_composes_own_parser() {
        for (text, value) in [
            ("0440", Value::Int(0o440)),
            ("0o17", Value::Int(15)),
            ("0x1F", Value::Int(31)),
            ("1_000", Value::Int(1000)),
            ("08", Value::Float(8.0)),
            ("1e3", Value::Float(1000.0)),
            ("22:22", Value::Str("22:22".into())),
            ("yes", Value::Str("yes".into())),
            ("on", Value::Str("on".into())),
            ("True", Value::Bool(true)),
            ("~", Value::Null),
            ("1.2.3", Value::Str("1.2.3".into())),
            ("-", Value::Str("-".into())),
            ("2024-01-31", Value::Date("2024-01-31".into())),
            ("2024-13-31", Value::Str("2024-13-31".into())),
            ("10.0.0.1", Value::Str("10.0.0.1".into())),
        ] {
            assert_eq!(plain(text), value, "{text}");
        }
    }

    #[test]
    fn own_keys_win_over_merged_ones_and_earlier_merges_over_later_ones() {
        let (documents, ctx) =
            read("a: &a {x: 1, y: 1}\nb: &b {y: 2, z: 2}\nc:\n  <<: [*a, *b]\n  x: 0\n");
        assert!(ctx.problems.is_empty());
        let merged = documents[0].root.get("c").expect("c is there");
        for (key, value) in [("x", 0), ("y", 1), ("z", 2)] {
            assert_eq!(
                merged.get(key).map(|node| &node.value),
                Some(&Value::Int(value)),
                "{key}"
            );
        }
    }

    #[test]
    fn resets_count_where_they_are_written_and_overrides_wherever_aliases_bring_them() {
        let (documents, _) = read(
            "x-base: &base\n  ports: !reset []\n  image: !override b\nservices:\n  web:\n    <<: *base\n",
        );
        let mut resets: Vec<String> = documents[0]
            .resets
            .0
            .iter()
            .map(|steps| steps.join("."))
            .collect();
        resets.sort();
        assert_eq!(
            resets,
            ["services.web.image", "x-base.image", "x-base.ports"]
        );
        assert!(
            documents[0]
                .root
                .get("services")
                .and_then(|node| node.get("web"))
                .and_then(|node| node.get("ports"))
                .is_none()
        );
    }

    #[test]
    fn an_alias_bomb_is_refused_before_it_is_expanded_far() {
        let mut text = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
        for (previous, name) in "abcdefgh".chars().zip("bcdefghi".chars()) {
            let aliases = vec![format!("*{previous}"); 9].join(", ");
            let _ = writeln!(text, "{name}: &{name} [{aliases}]");
        }
        let (_, ctx) = read(&text);
        assert!(matches!(ctx.problems[0].what, Mistake::TooManyNodes { .. }));
    }

    #[test]
    fn a_duplicate_key_names_both_lines() {
        let (_, ctx) = read("services:\n  web: {image: a}\n  web: {image: b}\n");
        assert_eq!(ctx.problems[0].path, "services");
        assert_eq!(
            ctx.problems[0].what,
            Mistake::DuplicateKey {
                key: "web".into(),
                first_line: 2
            }
        );
    }
}
