//! URLs, above all those with a password that is not encoded.
//!
//! The hard question is where a password ends. Clients go by the first `/`, `?` or `#`, or by the first `@`; a writer
//! who pasted `p@ss/w#rd` into a URL meant the last `@` that has a host behind it:
//!
//! ```text
//! postgresql://app:p@ss/w#rd@db:5432/app
//!                  └───────┘ └┘            as it was meant
//!                  │ └┘                    as libpq and others read it: password `p`, host `ss`
//! ```
//!
//! [`cut`] takes the writer's side, and [`hosts_as_read`] says what clients make of it. Web addresses may hold an `@`
//! in their path (`/npm/@scope`), so for them the writer's side is taken only where the other makes no sense.

use std::collections::BTreeSet;
use std::ops::Range;

use super::connection::{Carrier, Connection, Field, Form, Parameter, Part, Problem};
use super::host::{self, entries};
use super::pairs::Piece;
use super::{percent, scheme};
use crate::{Secret, is_secret_key};

/// The pieces of a URL, as bytes of the text it was cut from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Cut {
    scheme: Range<usize>,
    /// All between `://` and the end.
    rest: Range<usize>,
    user: Option<Range<usize>>,
    password: Option<Range<usize>>,
    hosts: Range<usize>,
    path: Option<Range<usize>>,
    query: Option<Range<usize>>,
}

/// Finds the URLs in a text, each up to the next blank, quote or closing bracket.
///
/// A comma ends one where another scheme follows it; else it may be part of a list of hosts.
pub(super) fn find(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(colon) = text[from..].find("://").map(|at| from + at) {
        let start = scheme_start(text, from, colon);
        let end = word_end(text, colon + 3);
        if start < colon {
            found.push(start..end);
        }
        from = end;
    }
    found
}

/// Walks back from `://` over the scheme, and over `jdbc:` before it, but not before `floor`.
fn scheme_start(text: &str, floor: usize, colon: usize) -> usize {
    let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+.-_".contains(&byte);
    let back = |from: usize| {
        let bytes = text[floor..from].bytes().rev();
        from - bytes.take_while(|byte| is_part(*byte)).count()
    };
    let mut start = back(colon);
    while start > floor && text[..start].ends_with(':') {
        let before = back(start - 1);
        let word = &text[before..start];
        if !word.eq_ignore_ascii_case("jdbc:") && !text[floor..before].ends_with("jdbc:") {
            break;
        }
        start = before;
    }
    let junk = text[start..colon]
        .bytes()
        .take_while(|byte| !byte.is_ascii_alphabetic());
    start + junk.count()
}

fn word_end(text: &str, from: usize) -> usize {
    let stop =
        |it: char| it.is_whitespace() || matches!(it, '"' | '\'' | '`' | '<' | '>' | '|' | '\\');
    // Only up to the next URL, so that many of them take no longer for each.
    let next = end_of_text(text, from, "://");
    let end = match text[from..next].find(stop) {
        Some(at) => from + at,
        // Another URL in the same word begins behind the last comma or semicolon before its scheme.
        None => match text[from..next].rfind([',', ';']) {
            Some(comma) if next < text.len() => from + comma,
            _ => text[next..].find(stop).map_or(text.len(), |at| next + at),
        },
    };
    from + without_closing(&text[from..end]).len()
}

fn end_of_text(text: &str, from: usize, stop: &str) -> usize {
    text[from..].find(stop).map_or(text.len(), |at| from + at)
}

/// Takes away what closes a sentence or a bracket around a URL, but no bracket that the URL itself opened.
fn without_closing(word: &str) -> &str {
    let pairs = [('(', ')'), ('[', ']'), ('{', '}')];
    let mut surplus = pairs.map(|(open, close)| {
        word.matches(close)
            .count()
            .saturating_sub(word.matches(open).count())
    });
    let mut kept = word;
    while let Some(last) = kept.chars().next_back() {
        let bracket = pairs.iter().position(|(_, close)| *close == last);
        match bracket {
            Some(pair) if surplus[pair] > 0 => surplus[pair] -= 1,
            None if matches!(last, ',' | ';' | '.' | ':') => {}
            _ => break,
        }
        kept = &kept[..kept.len() - 1];
    }
    kept
}

/// Cuts a text that is one URL. `None` without `scheme://`, or where the scheme names no host.
pub(super) fn cut(text: &str) -> Option<Cut> {
    let colon = text.find("://")?;
    let start = scheme_start(text, 0, colon);
    let scheme_name = scheme_of(&text[start..colon])?;
    if start != 0 {
        return None;
    }
    let rest = colon + 3..text.len();
    let body = &text[rest.clone()];
    let at = userinfo_end(&scheme_name, body);
    let info = at.map(|at| rest.start..rest.start + at);
    let (user, password) = match info {
        None => (None, None),
        Some(info) => match text[info.clone()].find(':') {
            Some(colon) => (
                Some(info.start..info.start + colon),
                Some(info.start + colon + 1..info.end),
            ),
            None if scheme::token_stands_alone(&scheme_name) => (None, Some(info)),
            None => (Some(info), None),
        },
    };

    let hosts_start = at.map_or(rest.start, |at| rest.start + at + 1);
    let hosts_end = end_of(text, hosts_start, &['/', '?', '#', ';']);
    let path_end = end_of(text, hosts_end, &['?', '#', ';']);
    let query_end = end_of(text, path_end, &['#']);
    let within = |range: Range<usize>| (range.len() > 1).then(|| range.start + 1..range.end);
    Some(Cut {
        scheme: start..colon,
        rest,
        user: user.filter(|user| !user.is_empty()),
        password,
        hosts: hosts_start..hosts_end,
        path: within(hosts_end..path_end).filter(|_| text[hosts_end..].starts_with('/')),
        query: within(path_end..query_end),
    })
}

fn end_of(text: &str, from: usize, stops: &[char]) -> usize {
    text[from..].find(stops).map_or(text.len(), |at| from + at)
}

/// Returns the scheme in lower case, without `jdbc:` and what JDBC drivers put behind it.
fn scheme_of(written: &str) -> Option<String> {
    let written = written.to_ascii_lowercase();
    let inner = written.strip_prefix("jdbc:").unwrap_or(&written);
    let name = inner.split(':').next().unwrap_or(inner);
    (!name.is_empty() && scheme::names_a_host(name)).then(|| name.to_owned())
}

/// Returns where in `rest` (all behind `://`) the `@` stands that ends user and password as they were meant.
fn userinfo_end(scheme_name: &str, rest: &str) -> Option<usize> {
    let authority = &rest[..end_of(rest, 0, &['/', '?', '#'])];
    let as_read = authority.rfind('@');
    let is_sound = entries(authority, 0).iter().all(|entry| {
        entry
            .port
            .as_ref()
            .is_none_or(|port| host::port(&authority[port.clone()]).is_some())
    });
    if scheme::is_web(scheme_name) && (as_read.is_some() || is_sound) {
        return as_read;
    }
    let hosts_behind = |at: usize| {
        let behind = &rest[at + 1..];
        behind.split_at(end_of(behind, 0, &['/', '?', '#', ';', '@']))
    };
    let with_host = |at: &usize| {
        let (hosts, behind) = hosts_behind(*at);
        let fits = |it: char| it.is_alphanumeric() || ".-_:,[]${}*".contains(it);
        !behind.starts_with('@') && hosts.chars().all(fits)
    };
    // `?mail=me@example.com` is a parameter; with a port or a path behind it, it would be a strange one.
    let question = rest.find('?');
    let equals = question.and_then(|question| Some(question + rest[question..].find('=')?));
    let in_query = |at: &usize| {
        let (hosts, behind) = hosts_behind(*at);
        let is_behind = equals.is_some_and(|equals| equals < *at);
        is_behind && !hosts.contains(':') && !behind.starts_with('/')
    };
    let meant: Vec<usize> = rest
        .match_indices('@')
        .map(|(at, _)| at)
        .filter(with_host)
        .collect();
    let outside = meant.iter().rev().find(|at| !in_query(at));
    let any = meant.last().filter(|_| as_read.is_none() && !is_sound);
    outside.or(any).copied().or(as_read)
}

/// Returns what clients take for the host, each that differs from the first host as it was meant.
fn hosts_as_read(scheme_name: &str, rest: &str, meant: &str) -> BTreeSet<Secret> {
    let authority = &rest[..end_of(rest, 0, &['/', '?', '#'])];
    let behind = authority
        .rfind('@')
        .map_or(authority, |at| &authority[at + 1..]);
    let mut found = vec![&behind[..end_of(behind, 0, &[':', ','])]];
    if scheme::ends_at_first_at(scheme_name) {
        let before_path = &rest[..end_of(rest, 0, &['/'])];
        let behind = before_path.find('@').map_or(rest, |at| &rest[at + 1..]);
        found.push(&behind[..end_of(behind, 0, &[':', '/', '?', ','])]);
    }
    let differing = found
        .into_iter()
        .filter(|host| host.trim_matches(['[', ']']) != meant);
    differing.map(Secret::new).collect()
}

/// Reads a text that is one URL; `offset` is where it begins in what the carrier carries, under `key`.
pub(super) fn parse(text: &str, offset: usize, carrier: &Carrier, key: &str) -> Option<Connection> {
    let cut = cut(text)?;
    let is_jdbc = text
        .get(..5)
        .is_some_and(|start| start.eq_ignore_ascii_case("jdbc:"));
    let scheme_name = scheme_of(&text[cut.scheme.clone()])?;
    let mut reading = Reading {
        text,
        offset,
        carrier,
        is_jdbc,
        problems: BTreeSet::new(),
    };

    let default_port = scheme::default_port(&scheme_name);
    let mut connection = Connection::empty(if is_jdbc { Form::Jdbc } else { Form::Url });
    connection.user = cut
        .user
        .clone()
        .map(|user| reading.decoded(user, Field::User));
    connection.password = cut
        .password
        .clone()
        .map(|password| reading.secret(password));
    let hosts = Piece {
        carrier: carrier.clone(),
        text: &text[cut.hosts.clone()],
        offset: offset + cut.hosts.start,
    };
    host::read_list(&mut connection, &hosts, default_port);
    if !scheme::is_web(&scheme_name) || !is_secret_key(key) {
        connection.path = cut
            .path
            .clone()
            .map(|path| reading.decoded(path, Field::Database));
        connection.parameters = cut
            .query
            .clone()
            .map_or_else(Vec::new, |query| reading.parameters(query));
    }
    if let Some(password) = &cut.password {
        let meant = connection
            .hosts
            .first()
            .map_or("", |host| host.name.value.as_str());
        let rest = &text[cut.rest.clone()];
        reading.note_unencoded(password.clone(), || {
            hosts_as_read(&scheme_name, rest, meant)
        });
    }
    reading
        .problems
        .into_iter()
        .for_each(|it| connection.note(it));
    if !scheme::is_web(&scheme_name) {
        connection.take_parameters(default_port);
    }
    connection.scheme = Some(scheme_name);
    connection.note_empty();
    Some(connection)
}

/// A URL while it is read.
struct Reading<'a> {
    text: &'a str,
    offset: usize,
    carrier: &'a Carrier,
    is_jdbc: bool,
    problems: BTreeSet<Problem>,
}

impl Reading<'_> {
    fn part<T>(&self, value: T, span: Range<usize>) -> Part<T> {
        Part {
            value,
            carrier: self.carrier.clone(),
            span: span.start + self.offset..span.end + self.offset,
        }
    }

    fn text_of(&mut self, span: Range<usize>, field: Field) -> String {
        let raw = &self.text[span];
        percent::decode(raw, false).unwrap_or_else(|| {
            self.problems.insert(Problem::BadPercent(field));
            raw.to_owned()
        })
    }

    fn decoded(&mut self, span: Range<usize>, field: Field) -> Part<String> {
        let value = self.text_of(span.clone(), field);
        self.part(value, span)
    }

    fn secret(&mut self, span: Range<usize>) -> Part<Secret> {
        let value = Secret::new(self.text_of(span.clone(), Field::Password));
        self.part(value, span)
    }

    fn parameters(&mut self, span: Range<usize>) -> Vec<Parameter> {
        let separators: &[char] = if self.is_jdbc { &['&', ';'] } else { &['&'] };
        let mut start = span.start;
        let mut found = Vec::new();
        for item in self.text[span].split(separators) {
            let at = start;
            start += item.len() + 1;
            let Some((name, raw)) = item.split_once('=') else {
                continue;
            };
            let decode =
                |raw: &str| percent::decode(raw, self.is_jdbc).unwrap_or_else(|| raw.to_owned());
            let value = Secret::new(decode(raw));
            found.push(Parameter {
                name: decode(name),
                value: self.part(value, at + name.len() + 1..at + item.len()),
            });
        }
        found
    }

    fn note_unencoded(
        &mut self,
        password: Range<usize>,
        as_read: impl FnOnce() -> BTreeSet<Secret>,
    ) {
        let raw = &self.text[password];
        let characters: BTreeSet<char> = raw
            .chars()
            .filter(|it| percent::must_be_encoded(*it))
            .collect();
        if !characters.is_empty() {
            let hosts_as_read = as_read();
            self.problems.insert(Problem::Unencoded {
                characters,
                hosts_as_read,
            });
        }
    }
}

/// Finds the passwords of all connection strings in a text, for hiding them; in order, and none in another.
///
/// Errs on the side of hiding: what [`cut`] takes for a password goes, and so does all between the colon behind the
/// first name and an `@`.
pub(crate) fn password_spans(text: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    while let Some(colon) = text[from..].find("://").map(|at| from + at) {
        let start = scheme_start(text, from, colon);
        let end = hiding_end(text, colon + 3);
        if start < colon {
            found.extend(
                password_span(&text[start..end]).map(|it| start + it.start..start + it.end),
            );
            found.extend(signatures(&text[colon..end]).map(|it| colon + it.start..colon + it.end));
        }
        from = end;
    }
    found
}

/// Parameters of an address that let in whoever has it.
const SIGNATURES: &[&str] = &[
    "sig",
    "signature",
    "x-amz-security-token",
    "x-amz-signature",
    "x-goog-signature",
];

/// Where the values of such parameters stand in an address.
fn signatures(url: &str) -> impl Iterator<Item = Range<usize>> {
    let query = url.find('?').map_or(url.len(), |at| at + 1);
    let pairs = url[query..].split_inclusive('&').scan(query, |at, pair| {
        let start = *at;
        *at += pair.len();
        Some((start, pair.trim_end_matches('&')))
    });
    pairs.filter_map(|(start, pair)| {
        let (key, value) = pair.split_once('=')?;
        let from = start + key.len() + 1;
        let is_one = SIGNATURES
            .iter()
            .any(|known| key.eq_ignore_ascii_case(known));
        (is_one && !value.is_empty()).then_some(from..from + value.len())
    })
}

/// Returns where a word ends for hiding: at the next blank or URL, or at a closing quote behind an `@`. Passwords hold
/// quotes, so one closes only if something follows it that ends a value.
fn hiding_end(text: &str, from: usize) -> usize {
    let next = end_of_text(text, from, "://");
    let end = match text[from..next].find(char::is_whitespace) {
        Some(blank) => from + blank,
        None if next < text.len() => scheme_start(text, from, next),
        None => next,
    };
    let at = end_of(&text[..end], from, &['@']);
    let closes = |quote: &usize| {
        let behind = &text[*quote + 1..end];
        behind.is_empty() || behind.starts_with([',', ']', '}', ')', ';', ':', '|'])
    };
    let mut quotes = text[at..end]
        .match_indices(['"', '\'', '`'])
        .map(|(quote, _)| at + quote);
    quotes.find(closes).unwrap_or(end)
}

fn password_span(word: &str) -> Option<Range<usize>> {
    let body = word.find("://")? + 3;
    let meant = cut(word).and_then(|cut| cut.password);
    let colon = body + word[body..].find([':', '/', '@'])?;
    let plain = word[colon..].starts_with(':').then(|| {
        let at = colon + 1 + word[colon + 1..].find('@')?;
        (at > colon + 1).then_some(colon + 1..at)
    });
    match (meant.filter(|it| !it.is_empty()), plain.flatten()) {
        (Some(meant), Some(plain)) => Some(meant.start.min(plain.start)..meant.end.max(plain.end)),
        (meant, plain) => meant.or(plain),
    }
}
