//! MySQL and MariaDB: whether they let a login in, and then what is there.
//!
//! A packet is a length of three bytes, a number that counts, and that much ("Client/Server Protocol" of MySQL's source
//! documentation). The server speaks first. Questions only read, and end after 800 ms where the server can do that.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use super::{Bounds, Login, Names, Silence, Wanted, Wire, as_far_as_it_goes, is_plain, short};
use crate::facts::{DatabaseAnswer, Outcome, SessionsFact};

/// No packet that is read here is longer, in bytes.
const LONGEST: usize = 16 * 1024;
/// What a client can do: 4.1 protocol, long passwords, a database, a named way of logging in.
const CAN: u32 = 0x0000_0001 | 0x0000_0200 | 0x0000_8000 | 0x0008_0000;
const CAN_DATABASE: u32 = 0x0000_0008;
const CAN_TLS: u32 = 0x0000_0800;
/// UTF-8, of up to four bytes.
const CHARACTERS: u8 = 45;
/// The way of logging in of MySQL since 8.0.
const CACHING: &str = "caching_sha2_password";
/// That of MariaDB and of older ones.
const NATIVE: &str = "mysql_native_password";
/// The way in which the password itself is sent.
const CLEAR: &str = "mysql_clear_password";

/// Asks one server with one login, once.
pub(crate) fn ask(
    address: SocketAddr,
    wanted: &Wanted<'_>,
    bounds: Bounds,
) -> (Outcome, DatabaseAnswer) {
    as_far_as_it_goes(|answer| attempt(address, wanted, bounds, answer))
}

fn attempt(
    address: SocketAddr,
    wanted: &Wanted<'_>,
    bounds: Bounds,
    answer: &mut DatabaseAnswer,
) -> Result<Outcome, Silence> {
    let mut wire = Wire::open(address, bounds)?;
    let greeting = match greeting(&mut wire)? {
        Greeted::Refused(code) => return Ok(Outcome::Refused { code }),
        Greeted::By(greeting) => greeting,
    };
    answer.version = Some(greeting.version.clone());
    answer.speaks_tls = Some(greeting.can_tls);
    let is_tls = greeting.can_tls;
    if is_tls {
        wire.send(&packet(1, &hello(CAN_TLS, wanted.database)))?;
        wire = wire.secure("server")?.0;
    }
    let outcome = log_in(&mut wire, &greeting, wanted, is_tls)?;
    if matches!(outcome, Outcome::LetIn { .. }) {
        // What is not read any more is not known; that it was let in stands.
        let _ = look_around(&mut wire, wanted.names, answer);
    }
    Ok(outcome)
}

/// What a server says first.
struct Greeting {
    version: String,
    can_tls: bool,
    method: String,
    salt: Vec<u8>,
}

/// Whether a server greets, or refuses at once.
enum Greeted {
    By(Greeting),
    Refused(String),
}

fn greeting(wire: &mut Wire) -> Result<Greeted, Silence> {
    let (_, body) = take(wire)?;
    if body.first() == Some(&0xff) {
        return Ok(Greeted::Refused(code(&body)));
    }
    read_greeting(&body)
        .map(Greeted::By)
        .ok_or(Silence::Strange)
}

fn read_greeting(body: &[u8]) -> Option<Greeting> {
    let rest = body.strip_prefix(&[10])?;
    let (version, rest) = text(rest)?;
    // The number of the connection, the first part of the salt, and a zero.
    let (salt, rest) = rest.get(4..)?.split_at_checked(8)?;
    let (low, rest) = rest.get(1..)?.split_first_chunk::<2>()?;
    // Characters and state.
    let (high, rest) = rest.get(3..)?.split_first_chunk::<2>()?;
    let can = u32::from(u16::from_le_bytes(*low)) | u32::from(u16::from_le_bytes(*high)) << 16;
    let (length, rest) = rest.split_first()?;
    let more = usize::from(*length).saturating_sub(8).max(13);
    let (second, rest) = rest.get(10..)?.split_at_checked(more)?;
    let second = second.strip_suffix(&[0]).unwrap_or(second);
    let method = text(rest).map_or(&b""[..], |(method, _)| method);
    Some(Greeting {
        // MariaDB puts the version of a MySQL before its own.
        version: short(version).trim_start_matches("5.5.5-").to_owned(),
        can_tls: can & CAN_TLS != 0,
        method: short(method),
        salt: [salt, second].concat(),
    })
}

/// The beginning of what a client says of itself.
fn hello(can: u32, database: Option<&str>) -> Vec<u8> {
    let can = CAN | can | if database.is_some() { CAN_DATABASE } else { 0 };
    let mut hello = can.to_le_bytes().to_vec();
    hello.extend((1_u32 << 24).to_le_bytes());
    hello.push(CHARACTERS);
    hello.extend([0; 23]);
    hello
}

fn log_in(
    wire: &mut Wire,
    greeting: &Greeting,
    wanted: &Wanted<'_>,
    is_tls: bool,
) -> Result<Outcome, Silence> {
    let login = wanted.login;
    let method = if greeting.method == CACHING {
        CACHING
    } else {
        NATIVE
    };
    let proof = prove(method, &greeting.salt, login).ok_or(Silence::Strange)?;
    let can = if is_tls { CAN_TLS } else { 0 };
    let mut body = hello(can, wanted.database);
    body.extend(ended(&login.user));
    body.push(u8::try_from(proof.len()).map_err(|_| Silence::Strange)?);
    body.extend(proof);
    body.extend(wanted.database.map(ended).unwrap_or_default());
    body.extend(ended(method));
    wire.send(&packet(if is_tls { 2 } else { 1 }, &body))?;
    let mut method = method.to_owned();
    // Each turn is one of: let in, refused, another way of logging in, more of this way.
    for _ in 0..6 {
        let (number, body) = take(wire)?;
        let next = number.wrapping_add(1);
        match body.split_first() {
            Some((0, _)) => {
                return Ok(Outcome::LetIn {
                    by_password: login.password.is_some(),
                });
            }
            Some((0xff, _)) => return Ok(Outcome::Refused { code: code(&body) }),
            Some((0xfe, rest)) => {
                let (name, salt) = text(rest).ok_or(Silence::Strange)?;
                method = short(name);
                let salt = salt.strip_suffix(&[0]).unwrap_or(salt);
                let proof = match method.as_str() {
                    CLEAR if is_tls => clear(login),
                    _ => prove(&method, salt, login).ok_or(Silence::Strange)?,
                };
                wire.send(&packet(next, &proof))?;
            }
            // It knows the password already.
            Some((1, [3])) => {}
            // It wants the password itself, which is sent to nobody in the clear.
            Some((1, [4])) if method == CACHING && is_tls => {
                wire.send(&packet(next, &clear(login)))?;
            }
            _ => return Err(Silence::Strange),
        }
    }
    Err(Silence::Strange)
}

/// The password with an end, for those who want it as it is.
fn clear(login: &Login) -> Vec<u8> {
    ended(
        login
            .password
            .as_ref()
            .map_or("", |password| password.reveal()),
    )
}

/// What proves that the password is known; `None` for a way that is not spoken here.
fn prove(method: &str, salt: &[u8], login: &Login) -> Option<Vec<u8>> {
    let Some(password) = &login.password else {
        return Some(Vec::new());
    };
    let password = password.reveal().as_bytes();
    match method {
        NATIVE => {
            let once = Sha1::digest(password);
            let mixed = Sha1::digest([salt, &Sha1::digest(once)[..]].concat());
            Some(
                mixed
                    .iter()
                    .zip(once)
                    .map(|(one, other)| one ^ other)
                    .collect(),
            )
        }
        CACHING => {
            let once = Sha256::digest(password);
            let mixed = Sha256::digest([&Sha256::digest(once)[..], salt].concat());
            Some(
                mixed
                    .iter()
                    .zip(once)
                    .map(|(one, other)| one ^ other)
                    .collect(),
            )
        }
        _ => None,
    }
}

fn look_around(wire: &mut Wire, names: &Names, answer: &mut DatabaseAnswer) -> Result<(), Silence> {
    // Only one of the two knows each of these.
    for setting in ["max_statement_time = 0.8", "max_execution_time = 800"] {
        question(wire, &format!("SET SESSION {setting}"))?;
    }
    let rows = question(wire, "SELECT @@max_connections")?;
    answer.limit = rows.and_then(|rows| rows.first()?.parse().ok());
    // Only those that the login may use: who may read the accounts too is shown all.
    answer.databases = those_of(wire, &names.databases, &DATABASES)?;
    // Who may not read it is told nothing.
    answer.roles = those_of(wire, &names.roles, &ACCOUNTS)?;
    let rows = question(wire, SESSIONS)?;
    answer.sessions = rows.map(|rows| rows.iter().filter_map(|row| sessions(row)).collect());
    let _ = wire.send(&packet(0, &[1]));
    Ok(())
}

/// The sessions that the login may see: of all accounts with the right to, else of its own.
const SESSIONS: &str = "SELECT CONCAT_WS('|', user, IFNULL(db, ''), SUBSTRING_INDEX(host, ':', 1), doing, COUNT(*), MAX(time)) \
    FROM (SELECT user, db, host, time, CASE WHEN state LIKE 'Waiting for%lock' THEN 'waiting' \
    WHEN command = 'Sleep' THEN 'idle' ELSE 'active' END AS doing FROM information_schema.processlist \
    WHERE id <> CONNECTION_ID() AND command IN ('Sleep', 'Query', 'Execute')) AS seen \
    GROUP BY user, db, SUBSTRING_INDEX(host, ':', 1), doing LIMIT 100";

/// One row of them. A client that is shown by a name is left out: nobody can tell whose it is.
fn sessions(row: &str) -> Option<SessionsFact> {
    let mut fields = row.rsplitn(5, '|');
    let oldest_secs = fields.next()?.parse().ok()?;
    let count = fields.next()?.parse().ok()?;
    let state = fields.next()?.to_owned();
    let host = fields.next()?;
    let (user, database) = fields.next()?.split_once('|')?;
    let remote = host.parse().ok();
    (remote.is_some() || host == "localhost").then(|| SessionsFact {
        user: user.to_owned(),
        database: database.to_owned(),
        remote,
        state,
        count,
        oldest_secs,
    })
}

/// Where a server keeps names.
struct Kept {
    table: &'static str,
    column: &'static str,
    /// What is read of it.
    read: &'static str,
    /// Whether what was read is a name.
    is: fn(&str, &str) -> bool,
}

const DATABASES: Kept = Kept {
    table: "information_schema.schemata",
    column: "schema_name",
    read: "CONCAT(@@lower_case_table_names, schema_name)",
    is: is_database,
};

const ACCOUNTS: Kept = Kept {
    table: "mysql.user",
    column: "user",
    read: "user",
    is: |row, name| row == name,
};

/// Whether a database is one that is asked for: a server tells names apart by their case only where its setting, which
/// stands before the name, is 0.
fn is_database(row: &str, name: &str) -> bool {
    match row.strip_prefix('0') {
        Some(known) => known == name,
        None => row
            .get(1..)
            .is_some_and(|known| known.eq_ignore_ascii_case(name)),
    }
}

/// Which of these names a server has; nothing of a name that is written oddly, or where it does not say.
fn those_of(
    wire: &mut Wire,
    names: &BTreeSet<String>,
    kept: &Kept,
) -> Result<BTreeMap<String, bool>, Silence> {
    let plain: Vec<&String> = names.iter().filter(|name| is_plain(name)).collect();
    if plain.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list: Vec<String> = plain.iter().map(|name| format!("'{name}'")).collect();
    let list = list.join(", ");
    let Kept {
        table,
        column,
        read,
        is,
    } = kept;
    let statement = format!("SELECT {read} FROM {table} WHERE {column} IN ({list}) LIMIT 100");
    let Some(found) = question(wire, &statement)? else {
        return Ok(BTreeMap::new());
    };
    let has = |name: &str| found.iter().any(|row| is(row.as_str(), name));
    let told = plain.into_iter().map(|name| (name.clone(), has(name)));
    Ok(told.collect())
}

/// The first column of what a server answers; `None` where it refuses.
fn question(wire: &mut Wire, statement: &str) -> Result<Option<Vec<String>>, Silence> {
    wire.send(&packet(0, &[&[3], statement.as_bytes()].concat()))?;
    let (_, head) = take(wire)?;
    let columns = match head.first() {
        Some(0) => return Ok(Some(Vec::new())),
        Some(0xff) => return Ok(None),
        Some(count @ 1..=9) => *count,
        _ => return Err(Silence::Strange),
    };
    for _ in 0..columns {
        take(wire)?;
    }
    if !is_end(&take(wire)?.1) {
        return Err(Silence::Strange);
    }
    let mut rows = Vec::new();
    loop {
        let (_, body) = take(wire)?;
        if is_end(&body) {
            return Ok(Some(rows));
        }
        match body.split_first() {
            Some((0xff, _)) => return Ok(None),
            // No value, and texts that are longer than any name.
            Some((251.., _)) | None => {}
            Some((length, rest)) => {
                let text = rest.get(..usize::from(*length)).ok_or(Silence::Strange)?;
                rows.push(short(text));
            }
        }
    }
}

fn is_end(body: &[u8]) -> bool {
    body.first() == Some(&0xfe) && body.len() < 9
}

/// One packet: its number and what is in it.
fn take(wire: &mut Wire) -> Result<(u8, Vec<u8>), Silence> {
    let head = wire.take(4)?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    if length > LONGEST {
        return Err(Silence::Strange);
    }
    Ok((head[3], wire.take(length)?))
}

fn packet(number: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    [&length[..3], &[number], body].concat()
}

fn ended(text: &str) -> Vec<u8> {
    [text.as_bytes(), &[0]].concat()
}

/// A text up to its zero, and what follows that.
fn text(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = body.iter().position(|byte| *byte == 0)?;
    Some((&body[..end], &body[end + 1..]))
}

/// The number by which an error is known.
fn code(body: &[u8]) -> String {
    match body {
        [0xff, low, high, ..] => u16::from_le_bytes([*low, *high]).to_string(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use bowline_model::Secret;

    use super::super::script::{read, server, until_gone, write};
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    fn login() -> Login {
        Login {
            user: "keeper".to_owned(),
            password: Some(Secret::new("opensesame")),
        }
    }

    fn asked(address: SocketAddr, within: Duration) -> (Outcome, DatabaseAnswer) {
        let names = Names {
            roles: ["keeper"].map(str::to_owned).into(),
            databases: ["books", "x' OR '1", "accounts"].map(str::to_owned).into(),
            relations: BTreeSet::new(),
        };
        let wanted = Wanted {
            login: &login(),
            database: Some("books"),
            names: &names,
        };
        ask(address, &wanted, Bounds::within(within))
    }

    fn greets(method: &str) -> Vec<u8> {
        let mut body = vec![10];
        body.extend(ended("5.5.5-10.11.6-MariaDB"));
        body.extend([1, 0, 0, 0]);
        body.extend(*b"12345678");
        body.extend([0, 0xff, 0xf7, 45, 2, 0, 0xff, 0x81, 21]);
        body.extend([0; 10]);
        body.extend(*b"123456789012\0");
        body.extend(ended(method));
        packet(0, &body)
    }

    fn client_packet(stream: &mut TcpStream) -> Vec<u8> {
        let head = read(stream, 4);
        let length = usize::from(head[0]) | usize::from(head[1]) << 8;
        read(stream, length)
    }

    fn error(number: u16) -> Vec<u8> {
        let number = number.to_le_bytes();
        packet(
            2,
            &[&[0xff, number[0], number[1]], &b"#28000secret text"[..]].concat(),
        )
    }

    const OK: &[u8] = &[7, 0, 0, 2, 0, 0, 0, 2, 0, 0, 0];
    const END: &[u8] = &[5, 0, 0, 3, 0xfe, 0, 0, 2, 0];

    fn rows(rows: &[&str]) -> Vec<u8> {
        let mut said = [packet(1, &[1]), packet(2, b"a column"), END.to_vec()].concat();
        for row in rows {
            let length = u8::try_from(row.len()).unwrap();
            said.extend(packet(4, &[&[length], row.as_bytes()].concat()));
        }
        [said, END.to_vec()].concat()
    }

    /// What comes of a server that says these, one after each packet of the client.
    fn after(turns: Vec<Vec<u8>>, within: Duration) -> (Outcome, DatabaseAnswer) {
        let (address, served) = server([move |mut stream: TcpStream| {
            let mut turns = turns.into_iter();
            write(&mut stream, &turns.next().unwrap_or_default());
            for said in turns {
                client_packet(&mut stream);
                write(&mut stream, &said);
            }
            until_gone(&stream);
        }]);
        let found = asked(address, within);
        served.join().unwrap();
        found
    }

    #[test]
    fn a_login_that_is_let_in_shows_what_is_there() {
        let (outcome, answer) = after(
            vec![
                greets(NATIVE),
                OK.to_vec(),
                OK.to_vec(),
                error(1193),
                rows(&["151"]),
                rows(&["0books"]),
                error(1142),
                rows(&[
                    "keeper|books|10.0.0.3|waiting|2|7",
                    "keeper||localhost|idle|1|60",
                    "keeper|books|worker.net|idle|1|60",
                ]),
            ],
            LONG,
        );
        assert_eq!(outcome, Outcome::LetIn { by_password: true });
        assert_eq!(
            (answer.version.as_deref(), answer.limit),
            (Some("10.11.6-MariaDB"), Some(151))
        );
        let databases: Vec<_> = answer.databases.into_iter().collect();
        assert_eq!(
            databases,
            [("accounts".to_owned(), false), ("books".to_owned(), true)]
        );
        assert_eq!(answer.roles, BTreeMap::new());
        let sessions: Vec<_> = answer.sessions.into_iter().flatten().collect();
        let seen: Vec<_> = sessions
            .iter()
            .map(|it| {
                (
                    it.remote.is_some(),
                    it.state.as_str(),
                    it.count,
                    it.oldest_secs,
                )
            })
            .collect();
        assert_eq!(seen, [(true, "waiting", 2, 7), (false, "idle", 1, 60)]);
    }

    #[test]
    fn names_of_databases_are_told_apart_by_their_case_where_the_server_does_so() {
        for (row, name, expected) in [
            ("0books", "books", true),
            ("0books", "Books", false),
            ("1books", "Books", true),
            ("2Books", "books", true),
            ("1books", "book", false),
            ("", "books", false),
        ] {
            assert_eq!(is_database(row, name), expected, "{row} {name}");
        }
    }

    #[test]
    fn a_refusal_is_its_number_whenever_it_comes() {
        let refused = |code: &str| Outcome::Refused {
            code: code.to_owned(),
        };
        assert_eq!(after(vec![error(1040)], LONG).0, refused("1040"));
        for number in [1045, 1049] {
            let turns = vec![greets(NATIVE), error(number)];
            assert_eq!(after(turns, LONG).0, refused(&number.to_string()));
        }
    }

    #[test]
    fn the_password_itself_is_sent_to_nobody_in_the_clear() {
        let wants_it = packet(2, &[1, 4]);
        let other = packet(2, &[&[0xfe], &ended(CLEAR)[..]].concat());
        for said in [wants_it, other] {
            let turns = vec![greets(CACHING), said];
            assert_eq!(after(turns, LONG).0, Outcome::Strange);
        }
        let proof = prove(NATIVE, b"12345678901234567890", &login()).unwrap();
        assert_eq!(proof.len(), 20);
        assert_eq!(prove(CACHING, b"x", &login()).unwrap().len(), 32);
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_is_given_up_at_once() {
        let mut cut = greets(NATIVE);
        cut.truncate(40);
        cut[0] = 36;
        for turns in [
            vec![b"HTTP/1.1 400 Bad Request\r\n".to_vec()],
            vec![packet(0, &[10])],
            vec![cut],
            vec![vec![255, 255, 255, 0]],
            vec![greets(NATIVE), packet(2, &[7])],
            vec![greets(NATIVE), packet(2, b"\xfeno_end")],
            vec![
                greets(NATIVE),
                packet(2, &[&[0xfe], &ended("dialog")[..]].concat()),
            ],
        ] {
            assert_eq!(after(turns.clone(), LONG).0, Outcome::Strange, "{turns:?}");
        }
    }

    #[test]
    fn silence_and_half_an_answer_end_with_the_time() {
        let short = Duration::from_millis(50);
        for turns in [
            vec![Vec::new()],
            vec![vec![9, 0]],
            vec![greets(NATIVE), Vec::new()],
        ] {
            assert_eq!(after(turns, short).0, Outcome::Silent);
        }
    }
}
