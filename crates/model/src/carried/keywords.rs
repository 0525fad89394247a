//! Keyword strings: `host=db user=app password='a b'` of libpq, `Host=db;Username=app;Password=x` of ADO.NET,
//! `mysql:host=db;dbname=shop` of PDO.

use std::ops::Range;

use super::connection::{Carrier, Connection, Field, Form, Parameter, Part, Problem};
use super::pairs::Piece;
use super::{host, scheme};
use crate::Secret;

/// One keyword with its value, unquoted, and the bytes of the value inside its quotes.
type Item<'a> = (&'a str, String, Range<usize>);

/// What stands before the keywords for PDO of PHP, and the kind of server.
const PDO: &[(&str, &str)] = &[
    ("dblib:", "sqlserver"),
    ("mysql:", "mysql"),
    ("pgsql:", "postgresql"),
    ("sqlsrv:", "sqlserver"),
];

/// Reads a value in one of the forms. `None` unless two keywords of a connection are in it, one of them for a host or a
/// login, and all of it is keywords.
pub(super) fn parse(text: &str, offset: usize, carrier: &Carrier) -> Option<Connection> {
    let driver = PDO.iter().find(|(driver, _)| text.starts_with(driver));
    let (text, offset) = match driver {
        Some((driver, _)) => (&text[driver.len()..], offset + driver.len()),
        None => (text, offset),
    };
    let is_libpq = !text.contains(';') && driver.is_none_or(|(_, kind)| *kind == "postgresql");
    // Behind a driver one keyword is enough.
    let fewest = if driver.is_some() { 1 } else { 2 };
    let items = if is_libpq {
        spaced(text)?
    } else {
        semicolons(text)?
    };
    let known: Vec<Field> = items.iter().filter_map(|(name, ..)| field(name)).collect();
    let matters = |it: &Field| matches!(it, Field::Host | Field::User | Field::Password);
    if known.len() < fewest || !known.iter().any(matters) {
        return None;
    }

    let mut connection = Connection::empty(Form::Keywords);
    let kind = driver.map(|(_, kind)| *kind);
    let kind = kind.or_else(|| is_libpq.then_some("postgresql"));
    connection.scheme = kind.map(str::to_owned);
    let mut ports = None;
    for (name, value, span) in items {
        let span = span.start + offset..span.end + offset;
        let part = Part {
            value,
            carrier: carrier.clone(),
            span,
        };
        match field(name) {
            Some(Field::User) => connection.user = connection.user.take().or(Some(part)),
            Some(Field::Database) => connection.path = connection.path.take().or(Some(part)),
            Some(Field::Password) => connection.give_password(&secret(part)),
            Some(Field::Port) => ports = Some(part),
            Some(Field::Host) if connection.hosts.is_empty() => {
                add_hosts(&mut connection, &part, is_libpq);
            }
            _ => connection.parameters.push(Parameter {
                name: name.to_owned(),
                value: secret(part),
            }),
        }
    }
    if let Some(ports) = ports {
        give_ports(&mut connection, &ports);
    }
    connection.note_empty();
    Some(connection)
}

fn secret(part: Part<String>) -> Part<Secret> {
    Part {
        value: Secret::new(part.value),
        carrier: part.carrier,
        span: part.span,
    }
}

fn field(name: &str) -> Option<Field> {
    Some(match name.to_ascii_lowercase().as_str() {
        "host" | "hostaddr" | "server" | "data source" | "datasource" | "address" | "addr" => {
            Field::Host
        }
        "port" => Field::Port,
        "user" | "username" | "user name" | "user id" | "userid" | "uid" => Field::User,
        "password" | "pwd" => Field::Password,
        "dbname" | "database" | "initial catalog" => Field::Database,
        _ => return None,
    })
}

/// Cuts `name = value` at blanks. A value in `'…'` may hold blanks; `\` takes the next character as it is.
fn spaced(text: &str) -> Option<Vec<Item<'_>>> {
    let mut items = Vec::new();
    let mut at = 0;
    loop {
        at = skip_blanks(text, at);
        if at == text.len() {
            return Some(items);
        }
        let equals = at + text[at..].find('=')?;
        let name = text[at..equals].trim_end();
        if name.is_empty()
            || !name
                .bytes()
                .all(|it| it.is_ascii_alphanumeric() || it == b'_')
        {
            return None;
        }
        let start = skip_blanks(text, equals + 1);
        let (value, span, next) = spaced_value(text, start)?;
        items.push((name, value, span));
        at = next;
    }
}

fn skip_blanks(text: &str, from: usize) -> usize {
    text.len() - text[from..].trim_start().len()
}

/// Reads one value from `start`; also returns its bytes, and where the next keyword may begin.
fn spaced_value(text: &str, start: usize) -> Option<(String, Range<usize>, usize)> {
    let is_quoted = text[start..].starts_with('\'');
    let start = start + usize::from(is_quoted);
    let mut value = String::new();
    let mut characters = text[start..].char_indices();
    while let Some((at, character)) = characters.next() {
        let at = start + at;
        match character {
            '\\' => value.extend(characters.next().map(|(_, taken)| taken)),
            '\'' if is_quoted => return Some((value, start..at, at + 1)),
            blank if blank.is_whitespace() && !is_quoted => return Some((value, start..at, at)),
            other => value.push(other),
        }
    }
    (!is_quoted).then_some((value, start..text.len(), text.len()))
}

fn semicolons(text: &str) -> Option<Vec<Item<'_>>> {
    let mut start = 0;
    let mut items = Vec::new();
    for item in text.split(';') {
        let at = start;
        start += item.len() + 1;
        if item.trim().is_empty() {
            continue;
        }
        let (name, value) = item.split_once('=')?;
        let kept = value.trim();
        let begin = at + name.len() + 1 + (value.len() - value.trim_start().len());
        let inner = super::oddity::unquoted(kept);
        let begin = begin + (kept.len() - inner.len()) / 2;
        items.push((name.trim(), inner.to_owned(), begin..begin + inner.len()));
    }
    Some(items)
}

/// Adds the hosts of one keyword. SQL Server writes `tcp:host,port` where others write a list.
fn add_hosts(connection: &mut Connection, hosts: &Part<String>, is_libpq: bool) {
    let text = hosts.value.as_str();
    let default = connection.scheme.as_deref().and_then(scheme::default_port);
    let (name, port) = match text.strip_prefix("tcp:").unwrap_or(text).split_once(',') {
        Some((name, port)) if !is_libpq && host::port(port).is_some() => (name, Some(port)),
        _ => (text, None),
    };
    let skipped = if port.is_some() && text.starts_with("tcp:") {
        4
    } else {
        0
    };
    let start = hosts.span.start + skipped;
    let piece = Piece {
        carrier: hosts.carrier.clone(),
        text: name,
        offset: start,
    };
    host::read_list(connection, &piece, default);
    if let (Some(port), Some(first)) = (port, connection.hosts.first_mut()) {
        first.written_port = host::port(port).map(|value| Part {
            value,
            carrier: hosts.carrier.clone(),
            span: hosts.span.end - port.len()..hosts.span.end,
        });
    }
}

/// Gives the hosts the ports of a list: one for all, or one for each.
fn give_ports(connection: &mut Connection, ports: &Part<String>) {
    let listed: Vec<&str> = ports.value.split(',').map(str::trim).collect();
    for index in 0..connection.hosts.len() {
        let text = if listed.len() == 1 {
            Some(listed[0])
        } else {
            listed.get(index).copied()
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            continue;
        };
        let port = host::port(text);
        if port.is_none() {
            connection.note(Problem::BadPort(index));
            connection.hosts[index].default_port = None;
        }
        connection.hosts[index].written_port = port.map(|value| Part {
            value,
            carrier: ports.carrier.clone(),
            span: ports.span.clone(),
        });
    }
}
