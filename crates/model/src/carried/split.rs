//! Puts together what several keys say about one connection.

use std::collections::BTreeMap;

use super::connection::{
    Carrier, Connection, Field, Form, Host, Parameter, Part, Problem, Unread, Usage,
};
use super::key::{self, Key};
use super::pairs::{Pair, Piece, Source};
use super::{host, oddity, scheme};
use crate::Secret;

/// The pairs of one connection, by what they say.
struct Group<'a> {
    prefix: Vec<String>,
    members: Vec<(Key, &'a Pair<'a>)>,
    /// The first of the connections that its values are, by index.
    string: Option<usize>,
    /// Whether a key names a host that is not among those connections.
    has_own_host: bool,
}

/// Puts the pairs of a source together. `alone` has for each of them the connections that its value alone is.
///
/// A connection string takes what it leaves open from the keys beside it (`KC_DB_URL`, `KC_DB_USERNAME`), unless they name
/// a host or a user of their own. Values of `_FILE` keys are taken from `files`.
pub(super) fn fold(
    source: &Source<'_>,
    alone: Vec<Vec<Connection>>,
    files: &[(&str, &str)],
) -> Vec<Connection> {
    let mut groups: BTreeMap<Vec<String>, Group<'_>> = BTreeMap::new();
    let mut found = Vec::new();
    for (pair, strings) in source.pairs.iter().zip(alone) {
        if let Some(key) = key::read(&pair.key) {
            let prefix = key.prefix.clone();
            let group = groups.entry(prefix.clone()).or_insert_with(|| Group {
                prefix,
                members: Vec::new(),
                string: None,
                has_own_host: false,
            });
            if strings.is_empty() {
                let is_host = key.field == Field::Host && !key.is_weak && !key.is_file;
                group.has_own_host |= is_host && !pair.value.trim().is_empty();
            } else {
                group.string = group.string.or(Some(found.len()));
            }
            group.members.push((key, pair));
        }
        found.extend(strings);
    }
    for group in groups.values() {
        let read = group.read(files);
        let string = group
            .string
            .filter(|_| !group.prefix.is_empty() && !group.has_own_host);
        match string.filter(|string| found[*string].has_room_for(&read)) {
            Some(string) => found[string].join(read),
            None => found.extend(Some(read).filter(is_connection)),
        }
    }
    found
}

/// Gives databases the mode of TLS that a key beside them says for all: `PGSSLMODE`, `server_tls_sslmode` of `PgBouncer`. One
/// for clients is about those that come.
pub(super) fn give_tls_mode(source: &Source<'_>, found: &mut [Connection]) {
    let is_mode = |pair: &&Pair<'_>| {
        let words = key::words(&pair.key);
        words.concat().ends_with("sslmode") && !words.iter().any(|word| word == "client")
    };
    let Some(pair) = source.pairs.iter().find(is_mode) else {
        return;
    };
    let is_database = |it: &&mut Connection| {
        let scheme = it.scheme.as_deref().unwrap_or_default();
        let is_kind = ["postgres", "mysql", "mariadb"]
            .iter()
            .any(|kind| scheme.starts_with(kind));
        !it.hosts.is_empty() && (is_kind || it.path.is_some()) && it.usage == Usage::Dials
    };
    for connection in found.iter_mut().filter(is_database) {
        let mut known = connection.parameters.iter();
        if known.any(|known| matches!(known.name.as_str(), "sslmode" | "ssl-mode")) {
            continue;
        }
        let text = trimmed(pair, Field::Kind);
        connection.parameters.push(Parameter {
            name: "sslmode".to_owned(),
            value: Part {
                value: Secret::new(text.value),
                carrier: text.carrier,
                span: text.span,
            },
        });
    }
}

impl Connection {
    /// Tells whether a group can be about the same login: not if it names another user.
    fn has_room_for(&self, group: &Connection) -> bool {
        let users = self.user.as_ref().zip(group.user.as_ref());
        let may_dial = match self.usage {
            Usage::Dials => true,
            // A page that is told to others takes no login.
            Usage::Announces => group.user.is_some() || group.password.is_some(),
            Usage::Listens => false,
        };
        may_dial && users.is_none_or(|(own, other)| own.value == other.value)
    }

    /// Takes what a group says that this connection string leaves open.
    fn join(&mut self, group: Connection) {
        self.usage = Usage::Dials;
        if self.scheme.is_none() {
            self.scheme = group.scheme;
        }
        self.user = self.user.take().or(group.user);
        self.path = self.path.take().or(group.path);
        self.unread.extend(group.unread);
        if let Some(password) = &group.password {
            self.give_password(password);
        }
        group
            .problems
            .into_iter()
            .for_each(|problem| self.note(problem));
    }
}

impl Group<'_> {
    /// Reads the members into a connection. The host is left out where a connection string has it.
    fn read(&self, files: &[(&str, &str)]) -> Connection {
        let mut connection = Connection::empty(Form::Split);
        let has = |field| self.members.iter().any(|(key, _)| key.field == field);
        let is_login = has(Field::User) || has(Field::Password);
        let is_elsewhere = self.string.is_some() && !self.has_own_host;
        let mut ports = None;
        for (key, pair) in &self.members {
            let Some(part) = value(key, pair, files, &mut connection) else {
                continue;
            };
            let is_meant = match key.field {
                Field::Host => !key.is_weak || is_login || has(Field::Port),
                Field::Password => !key.is_weak || has(Field::User),
                Field::Database => {
                    !key.is_weak || key::is_database(&self.prefix) || is_login && has(Field::Host)
                }
                _ => true,
            };
            match key.field {
                Field::User => connection.user = connection.user.take().or(Some(part)),
                Field::Database if is_meant => {
                    connection.path = connection.path.take().or(Some(part));
                }
                Field::Password if is_meant => connection.give_password(&Part {
                    value: Secret::new(part.value),
                    carrier: part.carrier,
                    span: part.span,
                }),
                Field::Port => ports = ports.or(Some(part)),
                Field::Kind => connection.scheme = connection.scheme.take().or(kind(&part.value)),
                Field::Host if is_meant && !is_elsewhere && connection.hosts.is_empty() => {
                    connection.usage = self.usage(&part, &pair.key, is_login, has(Field::Database));
                    add_hosts(&mut connection, &part);
                }
                Field::Host | Field::Database | Field::Password | Field::Url => {}
            }
        }
        self.finish(&mut connection, ports);
        connection
    }

    /// Says what a host is for. A bare `HOST` is where the service itself listens, unless a login stands beside it.
    fn usage(&self, host: &Part<String>, name: &str, is_login: bool, has_database: bool) -> Usage {
        let is_own = self.prefix.is_empty() && !is_login && !has_database;
        let listens = is_own || host::is_every_host(&host.value);
        if listens {
            Usage::Listens
        } else {
            match key::usage(&key::words(name)) {
                // `SITE_DB_HOST` with a login beside it is no page of the site.
                Usage::Announces if is_login => Usage::Dials,
                usage => usage,
            }
        }
    }

    fn finish(&self, connection: &mut Connection, port: Option<Part<String>>) {
        if connection.scheme.is_none() {
            connection.scheme = key::scheme_of(&self.prefix).map(str::to_owned);
        }
        let default = connection.scheme.as_deref().and_then(scheme::default_port);
        for host in &mut connection.hosts {
            host.default_port = host.default_port.or(default);
        }
        if let Some(port) = port {
            connection.give_port(&port);
        }
        // An empty password next to a file means that the file is to be taken.
        let has_file = connection
            .unread
            .iter()
            .any(|it| it.field == Field::Password);
        if has_file {
            connection.password = connection.password.take().filter(|it| !it.value.is_empty());
        }
        connection.note_empty();
    }
}

/// Returns the value of a member, out of its file if it names one; `None` if it is empty or not to be had.
fn value(
    key: &Key,
    pair: &Pair<'_>,
    files: &[(&str, &str)],
    connection: &mut Connection,
) -> Option<Part<String>> {
    let part = trimmed(pair, key.field);
    if !key.is_file {
        return Some(part).filter(|it| key.field == Field::Password || !it.value.is_empty());
    }
    if key.is_weak || !part.value.starts_with('/') {
        return None;
    }
    let Some((path, text)) = files.iter().find(|(path, _)| *path == part.value) else {
        connection.unread.push(Unread {
            field: key.field,
            path: part,
        });
        return None;
    };
    // As `$(cat FILE)` does: a carriage return stays, and is a part of what is sent.
    let text = text.trim_end_matches('\n');
    Some(Part {
        value: text.to_owned(),
        carrier: Carrier::File {
            path: (*path).to_owned(),
            line: 1,
        },
        span: 0..text.len(),
    })
}

/// Tells whether the members say enough: where, or a login.
fn is_connection(read: &Connection) -> bool {
    let is_login = read.user.is_some() && (read.path.is_some() || !read.unread.is_empty());
    let has_password =
        read.password.is_some() || read.unread.iter().any(|it| it.field == Field::Password);
    !read.hosts.is_empty() || has_password || is_login
}

/// Returns a value without the blanks and quotes around it; a password as it is, because a client takes it so.
fn trimmed(pair: &Pair<'_>, field: Field) -> Part<String> {
    let text = if field == Field::Password {
        pair.value
    } else {
        oddity::unquoted(pair.value.trim())
    };
    let start = pair.offset + pair.value.find(text).unwrap_or(0);
    Part {
        value: text.to_owned(),
        carrier: pair.carrier.clone(),
        span: start..start + text.len(),
    }
}

/// Reads the kind of server from a value such as `postgresql`, `pdo_mysql`.
fn kind(value: &str) -> Option<String> {
    key::scheme_of(&key::words(value)).map(str::to_owned)
}

/// Adds the hosts of a value, if all of it is hosts: a word that is none makes no address.
fn add_hosts(connection: &mut Connection, hosts: &Part<String>) {
    let text = hosts.value.as_str();
    if host::all_hosts(text) {
        let list = Piece {
            carrier: hosts.carrier.clone(),
            text,
            offset: hosts.span.start,
        };
        host::read_list(connection, &list, None);
    }
}

impl Connection {
    /// Gives a port to the hosts that have none written beside them.
    fn give_port(&mut self, port: &Part<String>) {
        let number = host::port(&port.value);
        for index in 0..self.hosts.len() {
            if self.hosts[index].written_port.is_some() {
                continue;
            }
            let Host {
                written_port,
                default_port,
                ..
            } = &mut self.hosts[index];
            *written_port = number.map(|value| Part {
                value,
                carrier: port.carrier.clone(),
                span: port.span.clone(),
            });
            if number.is_none() {
                *default_port = None;
                self.note(Problem::BadPort(index));
            }
        }
    }
}
