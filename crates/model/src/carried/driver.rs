//! The form of Go's MySQL driver: `user:password@tcp(host:port)/name?parameters`.
//!
//! The driver takes the last `@` and the last `/` and decodes nothing, so any password fits.

use super::connection::{Carrier, Connection, Form, Part};
use super::{host, pairs, scheme};
use crate::Secret;

const NETWORKS: [&str; 3] = ["@tcp(", "@tcp4(", "@tcp6("];

/// Reads a value in this form; `offset` is where it begins in what the carrier carries.
pub(super) fn parse(text: &str, offset: usize, carrier: &Carrier) -> Option<Connection> {
    let (at, network) = NETWORKS.iter().find_map(|it| Some((text.rfind(it)?, it)))?;
    let open = at + network.len();
    let close = open + text[open..].find(')')?;
    if text[..at].contains("://") {
        return None;
    }
    let part = |start: usize, end: usize| Part {
        value: text[start..end].to_owned(),
        carrier: carrier.clone(),
        span: start + offset..end + offset,
    };
    let mut connection = Connection::empty(Form::GoMysql);
    connection.scheme = Some("mysql".to_owned());
    let colon = text[..at].find(':');
    let user = part(0, colon.unwrap_or(at));
    connection.user = (!user.value.is_empty()).then_some(user);
    connection.password = colon.map(|colon| {
        let Part {
            value,
            carrier,
            span,
        } = part(colon + 1, at);
        Part {
            value: Secret::new(value),
            carrier,
            span,
        }
    });
    let listed = pairs::Piece {
        carrier: carrier.clone(),
        text: &text[open..close],
        offset: offset + open,
    };
    host::read_list(&mut connection, &listed, scheme::default_port("mysql"));
    if text[close..].starts_with(")/") {
        let start = close + 2;
        let end = text[start..].find('?').map_or(text.len(), |it| start + it);
        connection.path = (end > start).then(|| part(start, end));
    }
    connection.note_empty();
    Some(connection)
}
