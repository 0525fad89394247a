//! PostgreSQL: whether it lets a login in, and then who holds what.
//!
//! The messages are those of the documentation's chapter "Frontend/Backend Protocol"; every one after the first is a
//! letter, a length that counts itself, and that much text. Each question runs in a transaction of its own that can
//! only read, ends after 800 ms, and is rolled back.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use postgres_protocol::authentication::md5_hash;
use postgres_protocol::authentication::sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256};

use super::{
    Bounds, Login, NAME, Names, Silence, Wanted, Wire, as_far_as_it_goes, is_plain, short,
};
use crate::facts::{DatabaseAnswer, HolderFact, Outcome, SessionsFact, StatementFact, WaitFact};

/// What is sent to ask whether it speaks TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
/// The version of the protocol, 3.0.
const VERSION: [u8; 4] = [0, 3, 0, 0];
/// No message that is read here is longer, in bytes.
const LONGEST: usize = 16 * 1024;
/// Where to look for what is there, when the database that was asked for is not.
const EVERYWHERE: &str = "postgres";
/// Words that statements begin with. Anything else could be a part of what somebody keeps.
const KEYWORDS: &[&str] = &[
    "ALTER", "ANALYZE", "BEGIN", "CALL", "CLUSTER", "COMMIT", "COPY", "CREATE", "DELETE", "DO",
    "DROP", "EXECUTE", "FETCH", "GRANT", "INSERT", "LOCK", "MERGE", "REFRESH", "REINDEX",
    "ROLLBACK", "SELECT", "SET", "TRUNCATE", "UPDATE", "VACUUM", "WITH",
];

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
    let mut wire = open(address, bounds, answer)?;
    // Where none is told, clients take the one that is called as the account.
    let database = wanted.database.unwrap_or(&wanted.login.user);
    let outcome = log_in(&mut wire, wanted.login, database, answer)?;
    if matches!(outcome, Outcome::LetIn { .. }) {
        // What is not read any more is not known; that it was let in stands.
        let _ = look_around(&mut wire, wanted.names, true, answer);
        return Ok(outcome);
    }
    let has_no_such_database = matches!(&outcome, Outcome::Refused { code } if code == "3D000");
    if has_no_such_database && database != EVERYWHERE {
        // The login was good, so it may be used once more for a look at what is there instead.
        let mut wire = open(address, wire.bounds(), answer)?;
        if let Ok(Outcome::LetIn { .. }) = log_in(&mut wire, wanted.login, EVERYWHERE, answer) {
            let _ = look_around(&mut wire, wanted.names, false, answer);
        }
    }
    Ok(outcome)
}

/// Connects, in TLS where the server speaks it.
fn open(address: SocketAddr, bounds: Bounds, answer: &mut DatabaseAnswer) -> Result<Wire, Silence> {
    let mut wire = Wire::open(address, bounds)?;
    let speaks_tls = speaks_tls(&mut wire)?;
    answer.speaks_tls = Some(speaks_tls);
    Ok(if speaks_tls {
        wire.secure("server")?.0
    } else {
        wire
    })
}

/// Asks a server to go on in TLS, and whether it will.
pub(super) fn speaks_tls(wire: &mut Wire) -> Result<bool, Silence> {
    wire.send(&SSL_REQUEST)?;
    match wire.take(1)?[0] {
        b'S' => Ok(true),
        b'N' => Ok(false),
        _ => Err(Silence::Strange),
    }
}

/// Logs in, and reads until the server is ready for a question or says why it is not.
fn log_in(
    wire: &mut Wire,
    login: &Login,
    database: &str,
    answer: &mut DatabaseAnswer,
) -> Result<Outcome, Silence> {
    let mut startup = VERSION.to_vec();
    for (name, value) in [
        ("user", login.user.as_str()),
        ("database", database),
        ("application_name", NAME),
    ] {
        for text in [name, value] {
            startup.extend_from_slice(text.as_bytes());
            startup.push(0);
        }
    }
    startup.push(0);
    wire.send(&with_length(&startup))?;
    let password = login.password.as_ref().map(|it| it.reveal().as_bytes());
    let mut by_password = false;
    let mut scram = None;
    loop {
        let (kind, body) = message(wire)?;
        match kind {
            b'E' => return Ok(Outcome::Refused { code: code(&body) }),
            b'S' => {
                if let Some((b"server_version", version)) = pair(&body) {
                    answer.version = Some(short(version));
                }
            }
            b'Z' => return Ok(Outcome::LetIn { by_password }),
            b'R' => {
                let (method, rest) = method(&body)?;
                if method == 0 {
                    continue;
                }
                by_password = true;
                let Some(password) = password else {
                    return Ok(Outcome::PasswordWanted);
                };
                if let Some(reply) = prove(method, rest, login, password, &mut scram)? {
                    wire.send(&framed(b'p', &reply))?;
                }
            }
            // Notices, and the key by which a question can be cancelled.
            b'K' | b'N' | b'v' => {}
            _ => return Err(Silence::Strange),
        }
    }
}

/// What is sent to prove that the password is known; `None` where there is nothing more to send.
fn prove(
    method: u32,
    rest: &[u8],
    login: &Login,
    password: &[u8],
    scram: &mut Option<ScramSha256>,
) -> Result<Option<Vec<u8>>, Silence> {
    let ended = |text: &[u8]| [text, &[0]].concat();
    match (method, scram) {
        (3, _) => Ok(Some(ended(password))),
        (5, _) => {
            let salt = rest.try_into().map_err(|_| Silence::Strange)?;
            let hash = md5_hash(login.user.as_bytes(), password, salt);
            Ok(Some(ended(hash.as_bytes())))
        }
        (10, scram) => {
            let mut methods = rest.split(|byte| *byte == 0);
            if !methods.any(|it| it == SCRAM_SHA_256.as_bytes()) {
                return Err(Silence::Strange);
            }
            let begun = ScramSha256::new(password, ChannelBinding::unsupported());
            let first = with_plain_length(begun.message())?;
            *scram = Some(begun);
            Ok(Some(
                [&ended(SCRAM_SHA_256.as_bytes())[..], &first].concat(),
            ))
        }
        (11, Some(scram)) => {
            is_affordable(rest)?;
            scram.update(rest).map_err(|_| Silence::Strange)?;
            Ok(Some(scram.message().to_vec()))
        }
        (12, Some(scram)) => {
            scram.finish(rest).map_err(|_| Silence::Strange)?;
            Ok(None)
        }
        _ => Err(Silence::Strange),
    }
}

/// Whether a server asks for no more rounds of hashing than servers do: a billion would keep a processor busy.
fn is_affordable(challenge: &[u8]) -> Result<(), Silence> {
    let text = std::str::from_utf8(challenge).map_err(|_| Silence::Strange)?;
    let rounds = text.split(',').find_map(|part| part.strip_prefix("i="));
    let rounds: u32 = rounds
        .and_then(|rounds| rounds.parse().ok())
        .ok_or(Silence::Strange)?;
    if rounds > 20_000 {
        return Err(Silence::Strange);
    }
    Ok(())
}

const SESSIONS: &str = "SELECT coalesce(usename::text, ''), coalesce(datname::text, ''), \
     coalesce(host(client_addr), ''), coalesce(state, 'hidden'), count(*), \
     coalesce(max(floor(extract(epoch from clock_timestamp() - CASE WHEN state LIKE 'idle in%' THEN xact_start \
     WHEN state = 'active' THEN query_start ELSE state_change END))::bigint), 0) \
     FROM pg_stat_activity WHERE backend_type = 'client backend' AND application_name <> 'bowline doctor' \
     GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC LIMIT 100";

const WAITS: &str = "SELECT coalesce(host(w.client_addr), ''), \
     floor(extract(epoch from clock_timestamp() - w.query_start))::bigint, \
     coalesce(host(b.client_addr), ''), coalesce(b.state, 'hidden'), \
     coalesce(floor(extract(epoch from clock_timestamp() - b.xact_start))::bigint, 0), \
     coalesce(upper(substring(ltrim(b.query) from '^[A-Za-z]+')), ''), b.pid, \
     coalesce(w.usename::text, ''), coalesce(b.usename::text, '') \
     FROM pg_stat_activity w CROSS JOIN LATERAL unnest(pg_blocking_pids(w.pid)) AS p(pid) \
     JOIN pg_stat_activity b ON b.pid = p.pid \
     WHERE w.wait_event_type = 'Lock' AND b.wait_event_type IS DISTINCT FROM 'Lock' LIMIT 100";

const LONGEST_STATEMENT: &str = "SELECT coalesce(host(client_addr), ''), \
     floor(extract(epoch from clock_timestamp() - query_start))::bigint, \
     coalesce(upper(substring(ltrim(query) from '^[A-Za-z]+')), ''), coalesce(usename::text, '') \
     FROM pg_stat_activity WHERE state = 'active' AND backend_type = 'client backend' \
     AND wait_event_type IS DISTINCT FROM 'Lock' AND application_name <> 'bowline doctor' \
     ORDER BY query_start LIMIT 1";

/// Reads what a login that is let in may see. What the server refuses to say is left out.
fn look_around(
    wire: &mut Wire,
    names: &Names,
    is_own_database: bool,
    answer: &mut DatabaseAnswer,
) -> Result<(), Silence> {
    let rows = question(wire, "SELECT current_setting('max_connections')")?;
    answer.limit = rows.and_then(|rows| number(rows.first()?, 0));
    let rows = question(wire, SESSIONS)?;
    answer.sessions = rows.map(|rows| rows.iter().filter_map(sessions).collect());
    let rows = question(wire, WAITS)?;
    answer.waits = rows.map(|rows| rows.iter().filter_map(wait).collect());
    let rows = question(wire, LONGEST_STATEMENT)?;
    answer.longest = rows.and_then(|rows| statement(rows.first()?));
    answer.roles = those_of(wire, &names.roles, |list| {
        format!("SELECT rolname FROM pg_roles WHERE rolname IN ({list})")
    })?;
    answer.databases = those_of(wire, &names.databases, |list| {
        format!("SELECT datname FROM pg_database WHERE datname IN ({list})")
    })?;
    if is_own_database {
        answer.relations = those_of(wire, &names.relations, |list| {
            format!(
                "SELECT name FROM unnest(ARRAY[{list}]) AS it(name) WHERE EXISTS \
                 (SELECT FROM pg_class WHERE relname = regexp_replace(name, '^.*[.]', ''))"
            )
        })?;
    }
    // It may be gone by now, and that is no matter.
    let _ = wire.send(&framed(b'X', &[]));
    Ok(())
}

/// Which of these names a server has; nothing of a name that is written oddly.
fn those_of(
    wire: &mut Wire,
    names: &BTreeSet<String>,
    statement: impl FnOnce(&str) -> String,
) -> Result<BTreeMap<String, bool>, Silence> {
    let plain: Vec<&String> = names.iter().filter(|name| is_plain(name)).collect();
    if plain.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list: Vec<String> = plain.iter().map(|name| format!("'{name}'")).collect();
    let Some(rows) = question(wire, &statement(&list.join(", ")))? else {
        return Ok(BTreeMap::new());
    };
    let found: BTreeSet<&str> = rows
        .iter()
        .filter_map(|row| row.first()?.as_deref())
        .collect();
    let told = plain
        .into_iter()
        .map(|name| (name.clone(), found.contains(name.as_str())));
    Ok(told.collect())
}

type Row = Vec<Option<String>>;

/// The rows of one question; `None` where the server refuses it.
fn question(wire: &mut Wire, statement: &str) -> Result<Option<Vec<Row>>, Silence> {
    let text =
        format!("BEGIN READ ONLY; SET LOCAL statement_timeout = '800ms'; {statement}; ROLLBACK");
    query(wire, &text)?;
    let (rows, is_whole) = answered(wire)?;
    if !is_whole {
        query(wire, "ROLLBACK")?;
        answered(wire)?;
        return Ok(None);
    }
    Ok(Some(rows))
}

fn query(wire: &mut Wire, text: &str) -> Result<(), Silence> {
    wire.send(&framed(b'Q', &[text.as_bytes(), &[0]].concat()))
}

/// Reads rows until the server is ready again; and whether it did all that it was asked.
fn answered(wire: &mut Wire) -> Result<(Vec<Row>, bool), Silence> {
    let mut rows = Vec::new();
    let mut is_whole = true;
    loop {
        let (kind, body) = message(wire)?;
        match kind {
            b'D' => rows.push(row(&body).ok_or(Silence::Strange)?),
            b'E' => is_whole = false,
            b'Z' => return Ok((rows, is_whole)),
            b'T' | b'C' | b'N' | b'S' | b'I' => {}
            _ => return Err(Silence::Strange),
        }
    }
}

/// The columns of a row as text; `None` for one that says more than it holds.
fn row(body: &[u8]) -> Option<Row> {
    let (count, mut rest) = body.split_first_chunk()?;
    let mut row = Vec::new();
    for _ in 0..u16::from_be_bytes(*count) {
        let (length, after) = rest.split_first_chunk()?;
        let length = i32::from_be_bytes(*length);
        let Ok(length) = usize::try_from(length) else {
            row.push(None);
            rest = after;
            continue;
        };
        let (text, after) = after.split_at_checked(length)?;
        row.push(Some(String::from_utf8_lossy(text).into_owned()));
        rest = after;
    }
    Some(row)
}

fn text(row: &Row, at: usize) -> Option<&str> {
    row.get(at)?.as_deref()
}

fn number<T: std::str::FromStr>(row: &Row, at: usize) -> Option<T> {
    text(row, at)?.parse().ok()
}

fn sessions(row: &Row) -> Option<SessionsFact> {
    Some(SessionsFact {
        user: short(text(row, 0)?.as_bytes()),
        database: short(text(row, 1)?.as_bytes()),
        remote: text(row, 2)?.parse().ok(),
        state: short(text(row, 3)?.as_bytes()),
        count: number(row, 4)?,
        oldest_secs: number(row, 5)?,
    })
}

fn wait(row: &Row) -> Option<WaitFact> {
    Some(WaitFact {
        user: short(text(row, 7)?.as_bytes()),
        waiting: text(row, 0)?.parse().ok(),
        since_secs: number(row, 1)?,
        holder: HolderFact {
            user: short(text(row, 8)?.as_bytes()),
            remote: text(row, 2)?.parse().ok(),
            state: short(text(row, 3)?.as_bytes()),
            since_secs: number(row, 4)?,
            statement: keyword(text(row, 5)?),
            process: number(row, 6)?,
        },
    })
}

fn statement(row: &Row) -> Option<StatementFact> {
    Some(StatementFact {
        user: short(text(row, 3)?.as_bytes()),
        remote: text(row, 0)?.parse().ok(),
        since_secs: number(row, 1)?,
        statement: keyword(text(row, 2)?),
    })
}

fn keyword(word: &str) -> Option<String> {
    KEYWORDS.contains(&word).then(|| word.to_owned())
}

/// One message: its letter and what follows the length.
fn message(wire: &mut Wire) -> Result<(u8, Vec<u8>), Silence> {
    let head = wire.take(5)?;
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
    let length = usize::try_from(length).map_err(|_| Silence::Strange)?;
    let length = length.checked_sub(4).ok_or(Silence::Strange)?;
    if length > LONGEST {
        return Err(Silence::Strange);
    }
    Ok((head[0], wire.take(length)?))
}

fn framed(kind: u8, body: &[u8]) -> Vec<u8> {
    [&[kind][..], &with_length(body)].concat()
}

/// A body behind its length, which counts its own four bytes.
fn with_length(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap_or(u32::MAX);
    [&length.to_be_bytes()[..], body].concat()
}

/// A text behind its length, which does not count itself.
fn with_plain_length(text: &[u8]) -> Result<Vec<u8>, Silence> {
    let length = u32::try_from(text.len()).map_err(|_| Silence::Strange)?;
    Ok([&length.to_be_bytes()[..], text].concat())
}

/// The way of logging in that the server wants, and what it says of it.
fn method(body: &[u8]) -> Result<(u32, &[u8]), Silence> {
    let (method, rest) = body.split_first_chunk().ok_or(Silence::Strange)?;
    Ok((u32::from_be_bytes(*method), rest))
}

/// Two texts, each with a zero behind it.
fn pair(body: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut texts = body.split(|byte| *byte == 0);
    Some((texts.next()?, texts.next()?))
}

/// The five letters and digits by which an error is known; its text is for people, and in their language.
fn code(body: &[u8]) -> String {
    let mut fields = body.split(|byte| *byte == 0);
    let code = fields.find_map(|field| field.strip_prefix(b"C"));
    let code = code.filter(|code| code.len() == 5 && code.iter().all(u8::is_ascii_alphanumeric));
    code.map_or_else(String::new, |code| {
        String::from_utf8_lossy(code).into_owned()
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use bowline_model::Secret;

    use super::super::script::{read, server, until_gone, write};
    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(500);

    fn login() -> Login {
        Login {
            user: "keeper".to_owned(),
            password: Some(Secret::new("opensesame")),
        }
    }

    fn asked(address: SocketAddr, within: Duration) -> (Outcome, DatabaseAnswer) {
        let relations = ["orders", "o'; DROP TABLE x", "\\"]
            .map(str::to_owned)
            .into();
        let names = Names {
            roles: ["keeper", "clerk"].map(str::to_owned).into(),
            databases: BTreeSet::new(),
            relations,
        };
        let wanted = Wanted {
            login: &login(),
            database: Some("books"),
            names: &names,
        };
        ask(address, &wanted, Bounds::within(within))
    }

    /// What comes of a server that speaks no TLS, takes the start-up message and then says this and no more.
    fn after_startup(said: Vec<u8>, within: Duration) -> (Outcome, DatabaseAnswer) {
        let (address, served) = server([move |mut stream: TcpStream| {
            startup(&mut stream);
            write(&mut stream, &said);
            until_gone(&stream);
        }]);
        let found = asked(address, within);
        served.join().unwrap();
        found
    }

    fn startup(stream: &mut TcpStream) -> Vec<u8> {
        assert_eq!(read(stream, 8), SSL_REQUEST);
        write(stream, b"N");
        let length = read(stream, 4);
        let length = u32::from_be_bytes(length.try_into().unwrap());
        read(stream, usize::try_from(length).unwrap() - 4)
    }

    fn client_message(stream: &mut TcpStream) -> (u8, String) {
        let head = read(stream, 5);
        let length = u32::from_be_bytes(head[1..].try_into().unwrap());
        let body = read(stream, usize::try_from(length).unwrap() - 4);
        (head[0], String::from_utf8(body).unwrap())
    }

    fn error(code: &str) -> Vec<u8> {
        framed(
            b'E',
            format!("SFATAL\0C{code}\0Msecret text\0\0").as_bytes(),
        )
    }

    fn method(number: u32, rest: &[u8]) -> Vec<u8> {
        framed(b'R', &[&number.to_be_bytes()[..], rest].concat())
    }

    fn row_of(columns: &[&str]) -> Vec<u8> {
        let mut body = u16::try_from(columns.len()).unwrap().to_be_bytes().to_vec();
        for column in columns {
            body.extend(with_plain_length(column.as_bytes()).unwrap());
        }
        framed(b'D', &body)
    }

    const READY: &[u8] = b"Z\0\0\0\x05I";

    /// What a server says to each question, and never to one with what somebody wrote between its quotes.
    fn reply_to(question: &str) -> Vec<u8> {
        let holder = [
            "10.0.0.4",
            "idle in transaction",
            "42",
            "LOCK",
            "77",
            "a",
            "b",
        ];
        if question.contains("max_connections") {
            row_of(&["12"])
        } else if question.contains("unnest(pg_blocking_pids") {
            row_of(&[&["10.0.0.3", "31"][..], &holder].concat())
        } else if question.contains("GROUP BY") {
            row_of(&["keeper", "books", "10.0.0.3", "active", "2", "31"])
        } else if question.contains("query_start LIMIT 1") {
            row_of(&["10.0.0.3", "9", "hunter2", "keeper"])
        } else if question.contains("pg_roles") {
            row_of(&["keeper"])
        } else {
            assert!(question.contains("ARRAY['orders']"), "{question}");
            [error("42501"), READY.to_vec()].concat()
        }
    }

    #[test]
    fn a_login_that_is_let_in_shows_who_holds_what() {
        let (address, served) = server([|mut stream: TcpStream| {
            let hello = String::from_utf8(startup(&mut stream)).unwrap();
            assert!(
                hello.contains("user\0keeper\0database\0books\0"),
                "{hello:?}"
            );
            write(&mut stream, &method(3, &[]));
            assert_eq!(
                client_message(&mut stream),
                (b'p', "opensesame\0".to_owned())
            );
            write(&mut stream, &method(0, &[]));
            write(&mut stream, &framed(b'S', b"server_version\x0015.18\0"));
            write(&mut stream, READY);
            loop {
                let (kind, text) = client_message(&mut stream);
                if kind == b'X' {
                    break;
                }
                assert!(!text.contains("DROP"), "{text}");
                let reply = reply_to(&text);
                write(&mut stream, &reply);
                if reply.starts_with(b"E") {
                    assert_eq!(client_message(&mut stream).1, "ROLLBACK\0");
                }
                write(&mut stream, READY);
            }
        }]);
        let (outcome, answer) = asked(address, LONG);
        served.join().unwrap();
        assert_eq!(outcome, Outcome::LetIn { by_password: true });
        assert_eq!(
            (answer.version.as_deref(), answer.limit),
            (Some("15.18"), Some(12))
        );
        assert_eq!(answer.sessions.unwrap()[0].count, 2);
        let holder = &answer.waits.unwrap()[0].holder;
        assert_eq!((holder.process, holder.since_secs), (77, 42));
        assert_eq!(holder.statement.as_deref(), Some("LOCK"));
        // The first word of this one is none of the language: it may be anything.
        assert_eq!(answer.longest.unwrap().statement, None);
        let roles: Vec<_> = answer.roles.into_iter().collect();
        assert_eq!(
            roles,
            [("clerk".to_owned(), false), ("keeper".to_owned(), true)]
        );
    }

    #[test]
    fn a_refusal_is_its_code_and_never_its_text() {
        for (said, outcome) in [
            (
                error("28P01"),
                Outcome::Refused {
                    code: "28P01".to_owned(),
                },
            ),
            (
                error("lo\x1b[2J"),
                Outcome::Refused {
                    code: String::new(),
                },
            ),
            (
                framed(b'E', &[]),
                Outcome::Refused {
                    code: String::new(),
                },
            ),
            (method(0, &[]), Outcome::HungUp),
            (
                [method(0, &[]), READY.to_vec()].concat(),
                Outcome::LetIn { by_password: false },
            ),
        ] {
            let (address, served) = server([move |mut stream: TcpStream| {
                startup(&mut stream);
                write(&mut stream, &said);
            }]);
            assert_eq!(asked(address, LONG).0, outcome);
            served.join().unwrap();
        }
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_is_given_up_at_once() {
        let rounds = b"r=x,s=QSXCR+Q6sek8bf92,i=2000000000";
        for said in [
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            b"R\0\0\0\x03".to_vec(),
            b"R\xff\xff\xff\xff".to_vec(),
            method(7, &[]),
            framed(b'R', b"\0"),
            method(5, b"abc"),
            method(10, b"SCRAM-SHA-512\0\0"),
            method(11, rounds),
            [method(10, b"SCRAM-SHA-256\0\0"), method(11, rounds)].concat(),
            [method(10, b"SCRAM-SHA-256\0\0"), method(11, b"\xff\xfe")].concat(),
            [method(10, b"SCRAM-SHA-256\0\0"), method(12, b"v=x")].concat(),
            framed(b'N', &[b'x'; LONGEST - 4]).repeat(8),
        ] {
            let (outcome, answer) = after_startup(said.clone(), LONG);
            assert_eq!(outcome, Outcome::Strange, "{said:?}");
            assert_eq!(answer.sessions, None);
        }
    }

    #[test]
    fn silence_and_half_an_answer_end_with_the_time() {
        for said in [Vec::new(), b"R\0\0".to_vec(), method(0, &[])] {
            assert_eq!(after_startup(said, SHORT).0, Outcome::Silent);
        }
    }

    #[test]
    fn a_row_that_says_more_than_it_holds_is_none() {
        assert_eq!(
            row(&[0, 1, 0, 0, 0, 1, b'x']),
            Some(vec![Some("x".to_owned())])
        );
        assert_eq!(row(&[0, 1, 255, 255, 255, 255]), Some(vec![None]));
        for bytes in [
            &[][..],
            &[0],
            &[0, 1],
            &[0, 1, 0, 0, 0, 9, b'x'],
            &[255, 255],
        ] {
            assert_eq!(row(bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn a_database_that_is_not_there_is_looked_for_from_another_one() {
        let first = |mut stream: TcpStream| {
            startup(&mut stream);
            write(&mut stream, &error("3D000"));
        };
        let second = |mut stream: TcpStream| {
            let hello = startup(&mut stream);
            assert!(
                hello
                    .windows(18)
                    .any(|part| part == b"database\0postgres\0")
            );
            write(&mut stream, &[method(0, &[]), READY.to_vec()].concat());
            while client_message(&mut stream).0 != b'X' {
                write(&mut stream, READY);
            }
        };
        let serve: [fn(TcpStream); 2] = [first, second];
        let (address, served) = server(serve);
        let (outcome, answer) = asked(address, LONG);
        served.join().unwrap();
        assert_eq!(
            outcome,
            Outcome::Refused {
                code: "3D000".to_owned()
            }
        );
        assert_eq!(answer.roles.get("keeper"), Some(&false));
        assert_eq!(answer.relations, BTreeMap::new());
    }
}
