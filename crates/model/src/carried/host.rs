//! What can be a host, and `host:port`.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::connection::{Connection, Host, Part, Problem};
use super::pairs::Piece;

/// Words that stand where a host could, and are none.
const NO_HOSTS: &[&str] = &[
    "true",
    "false",
    "yes",
    "no",
    "on",
    "off",
    "none",
    "null",
    "nil",
    "auto",
    "default",
    "any",
    "all",
    "enabled",
    "disabled",
    "undefined",
    "unset",
    "todo",
];

/// Tells whether a text can be a host: a name with a letter in it, or an IP address without brackets.
pub(super) fn is_host(text: &str) -> bool {
    let labels = |text: &str| {
        text.split('.').all(|label| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
                && !label.starts_with('-')
        })
    };
    let name = text.strip_suffix('.').unwrap_or(text);
    is_ip(text)
        || name.len() <= 253
            && labels(name)
            && name.bytes().any(|byte| byte.is_ascii_alphabetic())
            && !NO_HOSTS.contains(&name.to_ascii_lowercase().as_str())
}

/// Tells whether a text is an IP address, without brackets.
pub(super) fn is_ip(text: &str) -> bool {
    text.parse::<Ipv4Addr>().is_ok() || text.parse::<Ipv6Addr>().is_ok()
}

/// Tells whether a host means every address of the machine, on which one can listen but which one cannot dial.
pub(super) fn is_every_host(text: &str) -> bool {
    matches!(text, "0.0.0.0" | "::" | "*" | "+")
}

/// One entry of a list of hosts, in bytes of the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The host, without brackets.
    pub(super) host: Range<usize>,
    /// What stands behind the colon; may be anything, but not empty.
    pub(super) port: Option<Range<usize>>,
}

/// Cuts `host:port,[::1]:port` at its commas and colons. `offset` is where the text begins.
pub(super) fn entries(text: &str, offset: usize) -> Vec<Entry> {
    let mut start = offset;
    text.split(',')
        .map(|item| {
            let at = start;
            start += item.len() + 1;
            entry(item, at)
        })
        .collect()
}

fn entry(item: &str, at: usize) -> Entry {
    let bracketed = item
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
        .map(|(host, behind)| (at + 1..at + 1 + host.len(), behind));
    let (host, behind) = bracketed.unwrap_or_else(|| {
        let colon = item.find(':').unwrap_or(item.len());
        // An IPv6 address without brackets is all host.
        let end = if is_ip(item) { item.len() } else { colon };
        (at..at + end, &item[end..])
    });
    let end = at + item.len();
    let port = behind.strip_prefix(':').filter(|port| !port.is_empty());
    Entry {
        host,
        port: port.map(|port| end - port.len()..end),
    }
}

/// Tells whether all entries of a list can be hosts, whatever their ports.
pub(super) fn all_hosts(text: &str) -> bool {
    let mut entries = entries(text, 0).into_iter();
    entries.all(|entry| is_host(&text[entry.host]))
}

/// Reads a port. Zero is none.
pub(super) fn port(text: &str) -> Option<u16> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|port| digits && *port > 0)
}

/// Adds the hosts of a list `host:port,…` to a connection, with what is wrong with them.
pub(super) fn read_list(connection: &mut Connection, list: &Piece<'_>, default_port: Option<u16>) {
    if list.text.is_empty() {
        return;
    }
    for (index, entry) in entries(list.text, 0).into_iter().enumerate() {
        let part = |span: Range<usize>| span.start + list.offset..span.end + list.offset;
        let written = entry.port.clone().map(|span| &list.text[span]);
        let number = written.and_then(port);
        let is_bad = written.is_some() && number.is_none();
        if is_bad {
            connection.note(Problem::BadPort(index));
        }
        if entry.host.is_empty() {
            connection.note(Problem::EmptyHost);
        }
        connection.hosts.push(Host {
            name: Part {
                value: list.text[entry.host.clone()].to_owned(),
                carrier: list.carrier.clone(),
                span: part(entry.host),
            },
            written_port: number.zip(entry.port).map(|(value, span)| Part {
                value,
                carrier: list.carrier.clone(),
                span: part(span),
            }),
            default_port: default_port.filter(|_| !is_bad),
        });
    }
}
