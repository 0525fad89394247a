//! Lists of accounts that servers read from a file: `user password`, `user:password`, `"user" "password"`.

use super::connection::{Carrier, Connection, Form, Part};
use super::{key, oddity};
use crate::Secret;

/// Words in the name of a file that say that it is such a list.
const NAMES: &[&str] = &[
    "accounts",
    "htpasswd",
    "logins",
    "passwd",
    "passwords",
    "passwordfile",
    "pwfile",
    "userlist",
    "users",
];
/// Beginnings of passwords that are digests: what they are made of nobody can read from them.
const DIGESTS: &[&str] = &["$", "{", "SCRAM-SHA-", "md5"];

/// Reads a list of accounts; nothing where neither the file nor a key that names it is called so, or a line of it is none.
pub(super) fn read<'k>(
    path: &str,
    text: &str,
    mut keys: impl Iterator<Item = &'k str>,
) -> Vec<Connection> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_one = |name: &str| {
        key::words(name)
            .iter()
            .any(|word| NAMES.contains(&word.as_str()))
    };
    if !is_one(name) && !keys.any(is_one) {
        return Vec::new();
    }
    let mut found = Vec::new();
    let mut offset = 0;
    for (line, raw) in (1..).zip(text.split_inclusive('\n')) {
        let start = offset;
        offset += raw.len();
        let content = raw.trim();
        if content.is_empty() || content.starts_with(['#', ';']) {
            continue;
        }
        let Some((user, password)) = cut(content) else {
            return Vec::new();
        };
        let carrier = Carrier::File {
            path: path.to_owned(),
            line,
        };
        let span = |piece: &str| {
            let at = start + raw.find(piece).unwrap_or_default();
            at..at + piece.len()
        };
        let mut account = Connection::empty(Form::Split);
        account.user = Some(Part {
            value: user.to_owned(),
            carrier: carrier.clone(),
            span: span(user),
        });
        if !DIGESTS
            .iter()
            .any(|beginning| password.starts_with(beginning))
        {
            account.give_password(&Part {
                value: Secret::new(password),
                carrier,
                span: span(password),
            });
        }
        found.push(account);
    }
    found
}

/// Cuts a line into two words, at a colon or at blanks.
fn cut(line: &str) -> Option<(&str, &str)> {
    let (user, password) = match line.split_once([' ', '\t']) {
        Some((user, password)) => (user, password.trim()),
        None => line.split_once(':')?,
    };
    let (user, password) = (oddity::unquoted(user), oddity::unquoted(password));
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    let is_name = user
        .chars()
        .all(|it| it.is_alphanumeric() || "_.-@".contains(it));
    (is_word(user) && is_word(password) && is_name).then_some((user, password))
}
