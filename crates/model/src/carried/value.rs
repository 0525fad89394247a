//! What a value is: a connection string, a list of hosts, or text with such things in it.

use super::connection::{Carrier, Connection, Field, Form};
use super::pairs::{Pair, Piece};
use super::{driver, host, key, keywords, oddity, scheme, url};
use crate::is_secret_key;

/// Finds the connections in a value: as a whole first, else within it.
///
/// The values of ports, users, passwords and databases are never looked into: a password may look like anything.
pub(super) fn connections(pair: &Pair<'_>) -> Vec<Connection> {
    let read = key::read(&pair.key);
    let is_piece = read.as_ref().is_some_and(|it| {
        it.is_file
            || matches!(
                it.field,
                Field::Port | Field::User | Field::Password | Field::Database | Field::Kind
            )
    });
    let words = key::words(&pair.key);
    if is_piece && !read.as_ref().is_some_and(|it| it.is_weak) || !key::may_be_address(&words) {
        return Vec::new();
    }
    let found = whole(pair);
    // A list in which some have no port is put together from its key.
    let is_list = read.is_some_and(|it| it.field == Field::Host) && host::all_hosts(pair.value);
    if found.is_empty() && is_list {
        return Vec::new();
    }
    let mut found = if found.is_empty() {
        within(&pair.piece(), &pair.key)
    } else {
        found
    };
    for connection in &mut found {
        connection.usage = key::usage(&words);
        if connection.scheme.is_none() {
            connection.scheme = key::scheme_of(&words).map(str::to_owned);
            let port = connection.scheme.as_deref().and_then(scheme::default_port);
            for host in connection
                .hosts
                .iter_mut()
                .filter(|it| it.written_port.is_none())
            {
                host.default_port = port;
            }
        }
    }
    found
}

impl<'a> Pair<'a> {
    pub(super) fn piece(&self) -> Piece<'a> {
        Piece {
            carrier: self.carrier.clone(),
            text: self.value,
            offset: self.offset,
        }
    }
}

/// Reads a value that is a connection string from its first to its last character, blanks and quotes around it aside.
pub(super) fn whole(pair: &Pair<'_>) -> Vec<Connection> {
    let trimmed = pair.value.trim();
    let text = oddity::unquoted(trimmed).trim();
    let Some(start) = pair.value.find(text).filter(|_| !text.is_empty()) else {
        return Vec::new();
    };
    let offset = pair.offset + start;
    let carrier = &pair.carrier;
    if text.contains("://") {
        let urls = url::find(text);
        let is_one = urls.len() == 1 && urls[0].start == 0;
        // A blank in a password does not end the URL, if an `@` comes behind it.
        let blank = text.find(char::is_whitespace);
        if is_one && blank.is_none_or(|blank| text[blank..].contains('@')) {
            return url::parse(text, offset, carrier, &pair.key)
                .into_iter()
                .collect();
        }
        return Vec::new();
    }
    driver::parse(text, offset, carrier)
        .or_else(|| keywords::parse(text, offset, carrier))
        .or_else(|| {
            host_ports(
                &Piece {
                    carrier: carrier.clone(),
                    text,
                    offset,
                },
                &pair.key,
            )
        })
        .into_iter()
        .collect()
}

/// Reads `host:port,host:port`.
///
/// Under a key that says nothing, a port below 1024 is taken for the tag of an image or a part of a ratio, unless the host
/// can be nothing else. A value under the key of a secret is never read: it might be `user:digits`.
fn host_ports(list: &Piece<'_>, name: &str) -> Option<Connection> {
    let read = key::read(name).map(|it| it.field);
    let says_address = matches!(read, Some(Field::Host | Field::Url));
    if is_secret_key(name) && !says_address {
        return None;
    }
    let fits = |entry: &host::Entry| {
        let name = &list.text[entry.host.clone()];
        let port = entry
            .port
            .clone()
            .and_then(|port| host::port(&list.text[port]));
        let is_plain = name == "localhost" || name.contains('.') || host::is_ip(name);
        host::is_host(name) && port.is_some_and(|port| says_address || is_plain || port >= 1024)
    };
    if !host::entries(list.text, 0).iter().all(fits) {
        return None;
    }
    let mut connection = Connection::empty(Form::HostPorts);
    host::read_list(&mut connection, list, None);
    Some(connection)
}

/// Finds connections in loose text. Lists of hosts count only among other words, as in `wait-for db:5432`.
pub(super) fn scan(piece: &Piece<'_>) -> Vec<Connection> {
    within(piece, "")
}

fn within(piece: &Piece<'_>, name: &str) -> Vec<Connection> {
    let urls = url::find(piece.text);
    let mut found: Vec<Connection> = urls
        .iter()
        .filter_map(|it| {
            url::parse(
                &piece.text[it.clone()],
                piece.offset + it.start,
                &piece.carrier,
                name,
            )
        })
        .collect();
    if is_secret_key(name) {
        return found;
    }
    let is_end = |it: char| it.is_whitespace() || "\"'`()[]{},;=<>|".contains(it);
    let is_argument = matches!(piece.carrier, Carrier::Argument(_));
    let mut start = 0;
    let mut urls = urls.into_iter().peekable();
    for word in piece.text.split(is_end) {
        let at = start;
        start += word.len();
        start += piece.text[start..].chars().next().map_or(0, char::len_utf8);
        while urls.next_if(|url| url.end <= at).is_some() {}
        let in_url = urls.peek().is_some_and(|url| url.contains(&at));
        let is_alone = word.len() == piece.text.len() && !is_argument;
        if !in_url && !is_alone && word.contains(':') {
            let mut word = Piece {
                carrier: piece.carrier.clone(),
                text: word,
                offset: piece.offset + at,
            };
            word.text = word.text.trim_end_matches('.');
            found.extend(host_ports(&word, ""));
        }
    }
    found
}
