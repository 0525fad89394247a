//! What is odd about a value, without the value.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::percent;

/// Passwords that everybody knows, in lower case, without `_`, `-` and blanks.
const WELL_KNOWN: &[&str] = &[
    "123456",
    "12345678",
    "123456789",
    "admin",
    "admin123",
    "adminadmin",
    "default",
    "demo",
    "dev",
    "example",
    "guest",
    "letmein",
    "minioadmin",
    "mypassword",
    "mysecretpassword",
    "mysql",
    "pass",
    "passwd",
    "password",
    "password1",
    "password123",
    "passw0rd",
    "postgres",
    "postgrespassword",
    "qwerty",
    "redis",
    "replaceme",
    "root",
    "rootpassword",
    "sa",
    "secret",
    "secretpassword",
    "supersecret",
    "test",
    "toor",
    "user",
    "yourpassword",
];

/// Beginnings of passwords that ask to be replaced: `change_me_in_production`.
const PLACEHOLDERS: &[&str] = &["changeme", "changethis", "pleasechange", "replacethis"];

/// Something about a value that often explains why it does not work.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Oddity {
    /// There is nothing.
    Empty,
    /// The same quotes, `"` or `'`, stand around it and belong to it.
    Quoted,
    /// It begins with a space or a tab.
    LeadingSpace,
    /// It ends with a space or a tab, a line end behind it aside.
    TrailingSpace,
    /// It ends with a carriage return, before a newline or alone: a file was written on Windows.
    CarriageReturn,
    /// It ends with a newline.
    Newline,
    /// It looks like a reference that nobody resolved: `${NAME}`, `$NAME`, `{{name}}`, `<name>`.
    Unresolved,
    /// As a password it is one that everybody knows. Means nothing for other values.
    WellKnown,
    /// These characters would have to be percent-encoded if the value stood in a URL, each once.
    NeedsEncoding(BTreeSet<char>),
}

/// Says what is odd about a value, in the order of [`Oddity`].
///
/// Tells nothing of the value beyond that, so the answer may be shown.
pub fn oddities(value: &str) -> BTreeSet<Oddity> {
    let line = value.strip_suffix('\n').unwrap_or(value);
    let text = line.strip_suffix('\r').unwrap_or(line);
    let core = text.trim_matches([' ', '\t']);
    let encode: BTreeSet<char> = core
        .chars()
        .filter(|it| *it == '%' || percent::must_be_encoded(*it))
        .collect();
    let found = [
        (value.is_empty(), Oddity::Empty),
        (unquoted(core) != core, Oddity::Quoted),
        (text.starts_with([' ', '\t']), Oddity::LeadingSpace),
        (text.ends_with([' ', '\t']), Oddity::TrailingSpace),
        (line.ends_with('\r'), Oddity::CarriageReturn),
        (value.ends_with('\n'), Oddity::Newline),
        (is_unresolved(unquoted(core)), Oddity::Unresolved),
        (is_well_known(unquoted(core)), Oddity::WellKnown),
        (!encode.is_empty(), Oddity::NeedsEncoding(encode)),
    ];
    let held = found.into_iter().filter(|(holds, _)| *holds);
    held.map(|(_, oddity)| oddity).collect()
}

/// Takes off one pair of quotes around a text.
pub(super) fn unquoted(text: &str) -> &str {
    let without = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    without('"').or_else(|| without('\'')).unwrap_or(text)
}

fn is_unresolved(text: &str) -> bool {
    let between = |open: &str, close: &str| {
        let inner = text
            .split_once(open)
            .and_then(|(_, rest)| rest.split_once(close));
        inner.is_some_and(|(inner, _)| !inner.is_empty())
    };
    let name = |text: &str| {
        let first = text.bytes().next();
        first.is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    between("${", "}")
        || between("{{", "}}")
        || text.strip_prefix('$').is_some_and(name)
        || text.len() > 2 && text.starts_with('<') && text.ends_with('>')
}

fn is_well_known(text: &str) -> bool {
    let plain: String = text
        .chars()
        .filter(|it| !matches!(it, '_' | '-' | ' ' | '!'))
        .map(|it| it.to_ascii_lowercase())
        .collect();
    WELL_KNOWN.contains(&plain.as_str())
        || PLACEHOLDERS.iter().any(|start| plain.starts_with(start))
}
