//! The generic tree that files are read into: values with their spans, and paths to them.

use std::fmt;

use indexmap::IndexMap;

use crate::source::Span;

/// A value and where it was written.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) value: Value,
    pub(crate) span: Span,
    /// A tag of Compose's own that stands before the value.
    pub(crate) mark: Option<Mark>,
}

/// The tags by which a file changes how it is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// `!reset`: what earlier files said goes, and so does this value.
    Reset,
    /// `!override`: what earlier files said goes, and this value takes its place.
    Override,
}

/// What a YAML document can hold.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// A whole number that only fits without a sign; nothing in Compose means one, but it can be printed.
    Huge(u64),
    Float(f64),
    /// A plain scalar that YAML 1.1 takes for a date; Compose has no use for one anywhere.
    Date(String),
    Str(String),
    List(Vec<Node>),
    Map(Map),
}

/// A mapping in the order in which it was written.
pub(crate) type Map = IndexMap<String, Entry>;

/// The value behind a key, and where the key stands.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) key: Span,
    pub(crate) node: Node,
}

impl PartialEq for Node {
    /// Nodes are equal when their values are, wherever they were written.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.node == other.node
    }
}

impl Node {
    pub(crate) fn new(value: Value, span: Span) -> Self {
        Self {
            value,
            span,
            mark: None,
        }
    }

    pub(crate) fn text(value: impl Into<String>, span: Span) -> Self {
        Self::new(Value::Str(value.into()), span)
    }

    pub(crate) fn map(span: Span) -> Self {
        Self::new(Value::Map(Map::new()), span)
    }

    pub(crate) fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Str(text) => Some(text),
            _ => None,
        }
    }

    pub(crate) fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub(crate) fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    pub(crate) fn is_null(&self) -> bool {
        self.value == Value::Null
    }

    /// Returns the value behind a key of a mapping.
    pub(crate) fn get(&self, key: &str) -> Option<&Node> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    pub(crate) fn get_mut(&mut self, key: &str) -> Option<&mut Node> {
        self.as_map_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// Returns the text behind a key of a mapping.
    pub(crate) fn str_at(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Sets the value behind a key of a mapping; does nothing where this is no mapping.
    pub(crate) fn set(&mut self, key: &str, node: Node) {
        if let Some(map) = self.as_map_mut() {
            let place = map.get(key).map_or(node.span, |entry| entry.key);
            map.insert(key.to_owned(), Entry { key: place, node });
        }
    }

    /// Sets the value behind a key that has none.
    pub(crate) fn set_default(&mut self, key: &str, value: Value) {
        if self.get(key).is_none() {
            self.set(key, Node::new(value, Span::NOWHERE));
        }
    }

    pub(crate) fn remove(&mut self, key: &str) -> Option<Node> {
        self.as_map_mut()?.shift_remove(key).map(|entry| entry.node)
    }
}

/// How much there is to a node, itself and everything below it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) nodes: usize,
    /// Bytes of text.
    pub(crate) bytes: usize,
    /// How deep it is nested; a scalar is 1.
    pub(crate) depth: usize,
}

impl Size {
    /// That many nodes without text.
    pub(crate) fn of_nodes(nodes: usize) -> Self {
        Self {
            nodes,
            ..Self::default()
        }
    }

    /// That much text.
    pub(crate) fn of_text(bytes: usize) -> Self {
        Self {
            bytes,
            ..Self::default()
        }
    }

    fn add(&mut self, below: Self) {
        self.nodes += below.nodes;
        self.bytes += below.bytes;
        self.depth = self.depth.max(below.depth);
    }
}

impl Node {
    /// Measures the node.
    pub(crate) fn size(&self) -> Size {
        let mut size = Size::default();
        match &self.value {
            Value::Str(text) | Value::Date(text) => size.bytes = text.len(),
            Value::List(items) => items.iter().for_each(|item| size.add(item.size())),
            Value::Map(map) => {
                for (key, entry) in map {
                    size.bytes += key.len();
                    size.add(entry.node.size());
                }
            }
            _ => {}
        }
        size.nodes += 1;
        size.depth += 1;
        size
    }
}

impl Value {
    /// The word for this kind of value in messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Huge(_) | Value::Float(_) => "a number",
            Value::Date(_) => "a date",
            Value::Str(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }

    /// The text of a scalar as Compose writes it where it needs a string; nothing for collections and null.
    pub(crate) fn scalar_text(&self) -> Option<String> {
        match self {
            Value::Bool(flag) => Some(flag.to_string()),
            Value::Int(number) => Some(number.to_string()),
            Value::Huge(number) => Some(number.to_string()),
            Value::Float(number) => Some(float_text(*number)),
            Value::Str(text) | Value::Date(text) => Some(text.clone()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// Writes a float as Go's `%v` does: shortest digits, an exponent below 1e-4 and from 1e21 on.
pub(crate) fn float_text(number: f64) -> String {
    if number.is_nan() {
        return "NaN".to_owned();
    }
    if number.is_infinite() {
        return if number > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e21).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent
            .strip_prefix('-')
            .map_or(('+', exponent), |rest| ('-', rest));
        return format!("{digits}e{sign}{exponent:0>2}");
    }
    format!("{number}")
}

/// A path into the tree, built on the stack while walking it.
#[derive(Clone, Copy)]
pub(crate) enum At<'a> {
    Root,
    Key(&'a At<'a>, &'a str),
    Item(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    pub(crate) fn key(&'a self, key: &'a str) -> At<'a> {
        At::Key(self, key)
    }

    pub(crate) fn item(&'a self, index: usize) -> At<'a> {
        At::Item(self, index)
    }

    /// The steps from the root, every list index written as `[]`, for matching against patterns.
    pub(crate) fn steps(&self) -> Vec<&'a str> {
        let mut steps = Vec::with_capacity(8);
        let mut at = *self;
        loop {
            match at {
                At::Root => break,
                At::Key(parent, key) => {
                    steps.push(key);
                    at = *parent;
                }
                At::Item(parent, _) => {
                    steps.push("[]");
                    at = *parent;
                }
            }
        }
        steps.reverse();
        steps
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            At::Root => Ok(()),
            At::Key(At::Root, key) => f.write_str(key),
            At::Key(parent, key) => write!(f, "{parent}.{key}"),
            At::Item(parent, index) => write!(f, "{parent}[{index}]"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_written_as_go_writes_them() {
        for (number, text) in [
            (1000.0, "1000"),
            (0.5, "0.5"),
            (1e21, "1e+21"),
            (1.5e-7, "1.5e-07"),
            (-2.25, "-2.25"),
            (0.0, "0"),
        ] {
            assert_eq!(float_text(number), text);
        }
    }

    #[test]
    fn paths_read_as_people_write_them() {
        let root = At::Root;
        let services = root.key("services");
        let web = services.key("web");
        let ports = web.key("ports");
        assert_eq!(ports.item(0).to_string(), "services.web.ports[0]");
        assert_eq!(ports.item(0).steps(), ["services", "web", "ports", "[]"]);
    }
}
