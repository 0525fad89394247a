//! What goes through a server: which lists have entries, what waits in streams, which channels somebody listens to, and
//! what its clients did last.
//!
//! It is read by what tells of names and numbers only: no entry of a list and no message is ever read. Sources: the
//! reference of SCAN, XINFO GROUPS, PUBSUB CHANNELS, PUBSUB NUMPAT and CLIENT LIST.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::{Reply, Silence, Wire, ask_for, count, head, list, reply, text};
use crate::facts::{GroupFact, QueueFact, TalkerFact, TrafficFact};

/// Databases of one server that are looked through.
const DATABASES: usize = 4;
/// Rounds in which the keys of one database are looked through, a thousand slots each.
const ROUNDS: usize = 10;
/// Lists of one database whose length is asked for, and streams whose groups are.
const QUEUES: usize = 16;
/// Groups of one stream that are read, and pieces of what is told of one.
const GROUPS: u64 = 64;
/// Channels that are kept.
const CHANNELS: usize = 64;
/// Longer names are nobody's setting, in bytes.
const LONGEST_NAME: usize = 128;

/// Looks once. `None` where the server does not let this login look. `info` is what `INFO` said.
pub(super) fn look(wire: &mut Wire, info: &str) -> Result<Option<TrafficFact>, Silence> {
    let Reply::List(channels) = reply(wire, &["PUBSUB", "CHANNELS"])? else {
        return Ok(None);
    };
    let Reply::Number(patterns) = reply(wire, &["PUBSUB", "NUMPAT"])? else {
        return Ok(None);
    };
    let mut queues = Vec::new();
    let mut groups = Vec::new();
    for database in databases(info).take(DATABASES) {
        if let Reply::Text(_) = reply(wire, &["SELECT", &database.to_string()])? {
            filled(wire, database, &mut queues)?;
            shared(wire, database, &mut groups)?;
        }
    }
    let Reply::Text(clients) = reply(wire, &["CLIENT", "LIST"])? else {
        return Ok(None);
    };
    let is_known = |name: &String| is_plain(name);
    Ok(Some(TrafficFact {
        queues,
        groups,
        channels: channels
            .into_iter()
            .filter(is_known)
            .take(CHANNELS)
            .collect(),
        patterns,
        clients: talkers(&clients),
    }))
}

/// The databases that have keys: `db0:keys=3,expires=0,avg_ttl=0`.
fn databases(info: &str) -> impl Iterator<Item = u32> {
    info.lines().filter_map(|line| {
        let (database, _) = line.strip_prefix("db")?.split_once(":keys=")?;
        database.parse().ok()
    })
}

/// Adds the lists of the database that was selected. A list without entries is none.
fn filled(wire: &mut Wire, database: u32, queues: &mut Vec<QueueFact>) -> Result<(), Silence> {
    for name in keys(wire, "list")? {
        if let Reply::Number(length) = reply(wire, &["LLEN", &name])? {
            queues.push(QueueFact {
                database,
                name,
                length,
            });
        }
    }
    Ok(())
}

/// Adds the groups of the streams of the database that was selected.
fn shared(wire: &mut Wire, database: u32, groups: &mut Vec<GroupFact>) -> Result<(), Silence> {
    for stream in keys(wire, "stream")? {
        ask_for(wire, &["XINFO", "GROUPS", &stream])?;
        let (b'*', rest) = head(wire)? else {
            continue;
        };
        for _ in 0..few(&rest)? {
            let fields = fields(wire)?;
            let waiting = fields.get("lag").and_then(|lag| lag.parse().ok());
            if let Some(name) = fields.get("name").filter(|name| is_plain(name)) {
                groups.push(GroupFact {
                    database,
                    stream: stream.clone(),
                    name: name.clone(),
                    waiting,
                });
            }
        }
    }
    Ok(())
}

/// Names and values of one group; a value is a text, a number, or nothing.
fn fields(wire: &mut Wire) -> Result<BTreeMap<String, String>, Silence> {
    let (b'*', rest) = head(wire)? else {
        return Err(Silence::Strange);
    };
    let mut fields = BTreeMap::new();
    for _ in 0..few(&rest)? / 2 {
        let (kind, rest) = head(wire)?;
        let name = text(wire, kind, rest)?;
        let value = match head(wire)? {
            (b'$' | b'*', rest) if rest == "-1" => continue,
            (b':', rest) => rest,
            (kind, rest) => text(wire, kind, rest)?,
        };
        fields.insert(name, value);
    }
    Ok(fields)
}

/// The length of a list that is short.
fn few(digits: &str) -> Result<u64, Silence> {
    let length = count(digits)?;
    if length > GROUPS {
        return Err(Silence::Strange);
    }
    Ok(length)
}

/// The names of keys of one kind in the database that was selected, as many as are looked at.
fn keys(wire: &mut Wire, kind: &str) -> Result<impl Iterator<Item = String> + use<>, Silence> {
    let mut names = BTreeSet::new();
    let mut cursor = "0".to_owned();
    for _ in 0..ROUNDS {
        ask_for(wire, &["SCAN", &cursor, "COUNT", "1000", "TYPE", kind])?;
        let Some((next, found)) = scanned(wire)? else {
            // Before version 6 a server cannot be asked for one kind of key only.
            break;
        };
        names.extend(found.into_iter().filter(|name| is_plain(name)));
        cursor = next;
        if cursor == "0" {
            break;
        }
    }
    Ok(names.into_iter().take(QUEUES))
}

/// An answer to `SCAN`: where to go on, and names. `None` for an error.
fn scanned(wire: &mut Wire) -> Result<Option<(String, Vec<String>)>, Silence> {
    match head(wire)? {
        (b'-', _) => Ok(None),
        (b'*', rest) if count(&rest)? == 2 => {
            let (kind, rest) = head(wire)?;
            let next = text(wire, kind, rest)?;
            match head(wire)? {
                (b'*', rest) => Ok(Some((next, list(wire, &rest)?))),
                _ => Err(Silence::Strange),
            }
        }
        _ => Err(Silence::Strange),
    }
}

/// Who is connected, from lines as `id=3 addr=10.0.0.3:5123 … idle=0 … sub=1 psub=0 … cmd=subscribe …`; this very look
/// left out.
fn talkers(lines: &str) -> Vec<TalkerFact> {
    let mut counted: BTreeMap<(IpAddr, String, bool), usize> = BTreeMap::new();
    for line in lines.lines() {
        let fields: BTreeMap<&str, &str> = line
            .split_ascii_whitespace()
            .filter_map(|field| field.split_once('='))
            .collect();
        let remote = fields
            .get("addr")
            .and_then(|it| it.parse::<SocketAddr>().ok());
        let (Some(remote), Some(last)) = (remote, fields.get("cmd")) else {
            continue;
        };
        let is_word = |it: char| it.is_ascii_lowercase() || "|-_".contains(it);
        if last.starts_with("client") || last.len() > 32 || !last.chars().all(is_word) {
            continue;
        }
        let listens = ["sub", "psub", "ssub"]
            .iter()
            .any(|key| fields.get(key).is_some_and(|count| *count != "0"));
        let talker = (remote.ip(), (*last).to_owned(), listens);
        *counted.entry(talker).or_default() += 1;
    }
    let counted = counted.into_iter();
    counted
        .map(|((remote, last, listens), count)| TalkerFact {
            remote,
            last,
            listens,
            count,
        })
        .collect()
}

/// Whether a name may stand in a setting, and in what people read.
fn is_plain(name: &str) -> bool {
    let is_harmless = |it: char| it.is_ascii_alphanumeric() || "_-.:/{}".contains(it);
    !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_harmless)
}
