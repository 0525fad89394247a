//! Redis and Valkey: whether they let a login in, and then how full they are, whether they can save, and what goes
//! through their queues and channels.
//!
//! A question is a list of texts, an answer a line or a text behind its length (RESP2, "Redis serialization protocol
//! specification").

mod traffic;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Bounds, Login, Silence, Wire, as_far_as_it_goes};
use crate::facts::{Outcome, RedisAnswer};

/// No line of an answer is longer, in bytes.
const LONGEST_LINE: usize = 1024;
/// No list of an answer has more entries.
const LONGEST_LIST: usize = 4096;
/// How long after the first look a server that throws keys away is looked at again.
const AGAIN: Duration = Duration::from_millis(300);

/// Asks one server with one login, once; in TLS where clients are told to use it.
pub(crate) fn ask(
    address: SocketAddr,
    login: Option<&Login>,
    is_tls: bool,
    bounds: Bounds,
) -> (Outcome, RedisAnswer) {
    as_far_as_it_goes(|answer| {
        let mut wire = Wire::open(address, bounds)?;
        if is_tls {
            wire = wire.secure("server")?.0;
        }
        attempt(wire, login, answer)
    })
}

fn attempt(
    mut wire: Wire,
    login: Option<&Login>,
    answer: &mut RedisAnswer,
) -> Result<Outcome, Silence> {
    let password = login.and_then(|login| login.password.as_ref());
    let outcome = match password {
        Some(password) => {
            let user = login.map_or("", |login| login.user.as_str());
            let mut words = vec!["AUTH"];
            words.extend(Some(user).filter(|user| !user.is_empty()));
            words.push(password.reveal());
            judged(reply(&mut wire, &words)?, true)
        }
        None => judged(reply(&mut wire, &["PING"])?, false),
    };
    let may_look = match &outcome {
        Outcome::LetIn { .. } => true,
        Outcome::Refused { code } => code == NOT_WANTED,
        _ => false,
    };
    if may_look {
        // What is not read any more is not known; what came of the login stands.
        let _ = look_around(&mut wire, answer);
    }
    Ok(outcome)
}

/// Stands for a password that was brought to a server which has none.
pub(crate) const NOT_WANTED: &str = "NOT_WANTED";

/// What came of a login, or of a first word without one.
fn judged(reply: Reply, by_password: bool) -> Outcome {
    let error = match reply {
        Reply::Text(_) => return Outcome::LetIn { by_password },
        Reply::Error(error) => error,
        Reply::Number(_) | Reply::List(_) => return Outcome::Strange,
    };
    let code = match error.split(' ').next().unwrap_or_default() {
        "NOAUTH" => return Outcome::PasswordWanted,
        // Before version 6 there are no accounts, and no code for a wrong password.
        "ERR" if error.contains("invalid password") => "WRONGPASS",
        "ERR" if error.contains("without any password") || error.contains("no password is set") => {
            NOT_WANTED
        }
        code => code,
    };
    let is_code = code.len() <= 20 && code.bytes().all(|it| it.is_ascii_uppercase() || it == b'_');
    Outcome::Refused {
        code: if is_code {
            code.to_owned()
        } else {
            String::new()
        },
    }
}

fn look_around(wire: &mut Wire, answer: &mut RedisAnswer) -> Result<(), Silence> {
    let Reply::Text(info) = reply(wire, &["INFO"])? else {
        return Ok(());
    };
    *answer = read_info(&info);
    let evicts = answer.evicted.is_some_and(|count| count > 0);
    if evicts && answer.limit_bytes.is_some_and(|limit| limit > 0) {
        // sleeps because: only a number that rises says that it goes on, and the server keeps no time of the last one.
        std::thread::sleep(AGAIN);
        if let Reply::Text(later) = reply(wire, &["INFO", "stats"])? {
            let later = read_info(&later);
            let both = later.evicted.zip(answer.evicted);
            answer.evicted_meanwhile = both.map(|(later, before)| later.saturating_sub(before));
            let both = later.lookups.zip(answer.lookups);
            answer.lookups_meanwhile = both.map(|(later, before)| {
                (
                    later.0.saturating_sub(before.0),
                    later.1.saturating_sub(before.1),
                )
            });
        }
    }
    answer.traffic = traffic::look(wire, &info)?;
    Ok(())
}

fn read_info(info: &str) -> RedisAnswer {
    let lines = info.lines().filter_map(|line| line.split_once(':'));
    let values: BTreeMap<&str, &str> = lines.map(|(key, value)| (key, value.trim())).collect();
    let number = |key: &str| values.get(key)?.parse().ok();
    let word = |key: &str| {
        let value = values.get(key)?;
        let is_word = |it: char| it.is_ascii_alphanumeric() || ".-_".contains(it);
        (value.len() <= 32 && value.chars().all(is_word)).then(|| (*value).to_owned())
    };
    let is_good = |key: &str| values.get(key).map(|value| *value == "ok");
    RedisAnswer {
        version: word("valkey_version").or_else(|| word("redis_version")),
        role: word("role"),
        is_loading: values.get("loading").map(|value| *value != "0"),
        used_bytes: number("used_memory"),
        limit_bytes: number("maxmemory"),
        policy: word("maxmemory_policy"),
        evicted: number("evicted_keys"),
        evicted_meanwhile: None,
        lookups: number("keyspace_hits").zip(number("keyspace_misses")),
        lookups_meanwhile: None,
        clients: number("connected_clients"),
        clients_limit: number("maxclients"),
        saves: is_good("rdb_last_bgsave_status"),
        appends: is_good("aof_last_write_status"),
        traffic: None,
    }
}

/// One answer.
enum Reply {
    Text(String),
    /// An error with its first word.
    Error(String),
    Number(u64),
    List(Vec<String>),
}

fn reply(wire: &mut Wire, words: &[&str]) -> Result<Reply, Silence> {
    ask_for(wire, words)?;
    answer(wire)
}

fn ask_for(wire: &mut Wire, words: &[&str]) -> Result<(), Silence> {
    let mut question = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        question.extend(format!("${}\r\n", word.len()).into_bytes());
        question.extend_from_slice(word.as_bytes());
        question.extend_from_slice(b"\r\n");
    }
    wire.send(&question)
}

fn answer(wire: &mut Wire) -> Result<Reply, Silence> {
    let (kind, rest) = head(wire)?;
    match kind {
        b'+' | b'$' => text(wire, kind, rest).map(Reply::Text),
        b'-' => Ok(Reply::Error(rest)),
        b':' => Ok(Reply::Number(count(&rest)?)),
        b'*' => list(wire, &rest).map(Reply::List),
        _ => Err(Silence::Strange),
    }
}

/// The first line of an answer: its kind, and what stands behind that.
fn head(wire: &mut Wire) -> Result<(u8, String), Silence> {
    let line = wire.line(LONGEST_LINE)?;
    let (kind, rest) = line.split_first().ok_or(Silence::Strange)?;
    let rest = std::str::from_utf8(rest).map_err(|_| Silence::Strange)?;
    Ok((*kind, rest.to_owned()))
}

fn count(digits: &str) -> Result<u64, Silence> {
    digits.parse().map_err(|_| Silence::Strange)
}

/// A text whose first line was read.
fn text(wire: &mut Wire, kind: u8, rest: String) -> Result<String, Silence> {
    match kind {
        b'+' => Ok(rest),
        b'$' => {
            let length: usize = rest.parse().map_err(|_| Silence::Strange)?;
            let text = wire.take(length)?;
            wire.take(2)?;
            Ok(String::from_utf8_lossy(&text).into_owned())
        }
        _ => Err(Silence::Strange),
    }
}

/// A list of texts whose first line was read; never one of lists, so that nobody is led ever deeper.
fn list(wire: &mut Wire, rest: &str) -> Result<Vec<String>, Silence> {
    let count: usize = rest.parse().map_err(|_| Silence::Strange)?;
    if count > LONGEST_LIST {
        return Err(Silence::Strange);
    }
    let texts = (0..count).map(|_| {
        let (kind, rest) = head(wire)?;
        text(wire, kind, rest)
    });
    texts.collect()
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use bowline_model::Secret;

    use super::super::script::{read, server, until_gone, write};
    use super::*;
    use crate::facts::{GroupFact, QueueFact, TalkerFact, TrafficFact};

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(500);
    const AUTH: &[u8] = b"*2\r\n$4\r\nAUTH\r\n$10\r\nopensesame\r\n";
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const INFO: &[u8] = b"*1\r\n$4\r\nINFO\r\n";
    const CHANNELS: &[u8] = b"*2\r\n$6\r\nPUBSUB\r\n$8\r\nCHANNELS\r\n";

    /// A server that shows nothing of what goes through it.
    fn hidden() -> (&'static [u8], Vec<u8>) {
        (
            CHANNELS,
            b"-NOPERM this user has no permissions\r\n".to_vec(),
        )
    }

    fn login() -> Login {
        Login {
            user: String::new(),
            password: Some(Secret::new("opensesame")),
        }
    }

    /// What comes of a server that reads each of these and then says what stands beside it.
    fn asked(
        login: Option<&Login>,
        within: Duration,
        turns: Vec<(&'static [u8], Vec<u8>)>,
    ) -> (Outcome, RedisAnswer) {
        let (address, served) = server([move |mut stream: TcpStream| {
            for (expected, said) in turns {
                assert_eq!(read(&mut stream, expected.len()), expected);
                write(&mut stream, &said);
            }
            until_gone(&stream);
        }]);
        let found = ask(address, login, false, Bounds::within(within));
        served.join().unwrap();
        found
    }

    fn text(text: &str) -> Vec<u8> {
        format!("${}\r\n{text}\r\n", text.len()).into_bytes()
    }

    #[test]
    fn one_that_throws_keys_away_is_looked_at_twice() {
        let first = "# Server\r\nredis_version:7.0.15\r\nused_memory:1000\r\nmaxmemory:1024\r\n\
             maxmemory_policy:allkeys-lru\r\nevicted_keys:7\r\n\
             keyspace_hits:40\r\nkeyspace_misses:60\r\nrdb_last_bgsave_status:err\r\nrole:master\r\n";
        let (outcome, answer) = asked(
            Some(&login()),
            LONG,
            vec![
                (AUTH, b"+OK\r\n".to_vec()),
                (INFO, text(first)),
                (
                    b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n",
                    text("keyspace_hits:41\r\nkeyspace_misses:65\r\nevicted_keys:9\r\n"),
                ),
                hidden(),
            ],
        );
        assert_eq!(outcome, Outcome::LetIn { by_password: true });
        assert_eq!(
            (answer.used_bytes, answer.limit_bytes),
            (Some(1000), Some(1024))
        );
        assert_eq!(
            (answer.evicted, answer.evicted_meanwhile),
            (Some(7), Some(2))
        );
        assert_eq!(
            (answer.lookups, answer.lookups_meanwhile),
            (Some((40, 60)), Some((1, 5)))
        );
        assert_eq!(
            (answer.saves, answer.role.as_deref()),
            (Some(false), Some("master"))
        );
        assert_eq!(answer.traffic, None);
    }

    #[test]
    fn what_goes_through_is_told_by_names_and_numbers() {
        let clients = "id=7 addr=10.0.0.3:51234 laddr=10.0.0.2:6379 fd=8 name= age=9 idle=0 flags=b db=1 sub=0 psub=0 \
             ssub=0 multi=-1 cmd=brpop user=default\n\
             id=8 addr=10.0.0.3:51235 name= age=9 idle=0 flags=b db=1 sub=0 psub=0 cmd=brpop\n\
             id=9 addr=10.0.0.4:40000 name= age=9 idle=3 flags=P db=0 sub=1 psub=0 cmd=subscribe\n\
             id=10 addr=127.0.0.1:40001 name= age=0 idle=0 flags=N db=0 sub=0 psub=0 cmd=client|list\n";
        let turns: Vec<(&'static [u8], Vec<u8>)> = vec![
            (PING, b"+PONG\r\n".to_vec()),
            (INFO, text("maxmemory:0\r\n# Keyspace\r\ndb1:keys=3,expires=0,avg_ttl=0\r\n")),
            (CHANNELS, b"*2\r\n$9\r\nhall.bids\r\n$5\r\na\x1b[2J\r\n".to_vec()),
            (b"*2\r\n$6\r\nPUBSUB\r\n$6\r\nNUMPAT\r\n", b":0\r\n".to_vec()),
            (b"*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n", b"+OK\r\n".to_vec()),
            (
                b"*6\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n$4\r\nTYPE\r\n$4\r\nlist\r\n",
                b"*2\r\n$1\r\n0\r\n*1\r\n$12\r\nqueue:orders\r\n".to_vec(),
            ),
            (b"*2\r\n$4\r\nLLEN\r\n$12\r\nqueue:orders\r\n", b":14\r\n".to_vec()),
            (
                b"*6\r\n$4\r\nSCAN\r\n$1\r\n0\r\n$5\r\nCOUNT\r\n$4\r\n1000\r\n$4\r\nTYPE\r\n$6\r\nstream\r\n",
                b"*2\r\n$1\r\n0\r\n*1\r\n$4\r\njobs\r\n".to_vec(),
            ),
            (
                b"*3\r\n$5\r\nXINFO\r\n$6\r\nGROUPS\r\n$4\r\njobs\r\n",
                b"*2\r\n*6\r\n$4\r\nname\r\n$4\r\ncrew\r\n$9\r\nconsumers\r\n:2\r\n$3\r\nlag\r\n:5\r\n\
                  *4\r\n$4\r\nname\r\n$5\r\nnight\r\n$3\r\nlag\r\n$-1\r\n".to_vec(),
            ),
            (b"*2\r\n$6\r\nCLIENT\r\n$4\r\nLIST\r\n", text(clients)),
        ];
        let (_, answer) = asked(None, LONG, turns);
        let talker = |remote: &str, last: &str, listens, count| TalkerFact {
            remote: remote.parse().unwrap(),
            last: last.to_owned(),
            listens,
            count,
        };
        let group = |name: &str, waiting| GroupFact {
            database: 1,
            stream: "jobs".to_owned(),
            name: name.to_owned(),
            waiting,
        };
        let traffic = TrafficFact {
            queues: vec![QueueFact {
                database: 1,
                name: "queue:orders".to_owned(),
                length: 14,
            }],
            groups: vec![group("crew", Some(5)), group("night", None)],
            channels: ["hall.bids".to_owned()].into(),
            patterns: 0,
            clients: vec![
                talker("10.0.0.3", "brpop", false, 2),
                talker("10.0.0.4", "subscribe", true, 1),
            ],
        };
        assert_eq!(answer.traffic, Some(traffic));
    }

    #[test]
    fn lists_in_lists_lead_nobody_ever_deeper() {
        for said in [
            b"*1\r\n*1\r\n*1\r\n".as_slice(),
            b"*99999999\r\n",
            b"*1\r\n:3\r\n",
        ] {
            let turns = vec![
                (PING, b"+PONG\r\n".to_vec()),
                (INFO, text("maxmemory:0\r\n")),
                (CHANNELS, said.to_vec()),
            ];
            let (outcome, answer) = asked(None, LONG, turns);
            assert_eq!(outcome, Outcome::LetIn { by_password: false });
            assert_eq!((answer.limit_bytes, answer.traffic), (Some(0), None));
        }
    }

    #[test]
    fn each_refusal_is_told_by_its_word() {
        let refused = |code: &str| Outcome::Refused {
            code: code.to_owned(),
        };
        for (said, outcome) in [
            (
                "-WRONGPASS invalid username-password pair or user is disabled.",
                refused("WRONGPASS"),
            ),
            ("-ERR invalid password", refused("WRONGPASS")),
            (
                "-LOADING Redis is loading the dataset in memory",
                refused("LOADING"),
            ),
            ("-NOAUTH Authentication required.", Outcome::PasswordWanted),
            ("-opensesame\x1b[2J", refused("")),
        ] {
            let turn = (AUTH, format!("{said}\r\n").into_bytes());
            assert_eq!(asked(Some(&login()), LONG, vec![turn]).0, outcome, "{said}");
        }
        let nobody = vec![(PING, b"-NOAUTH Authentication required.\r\n".to_vec())];
        assert_eq!(asked(None, LONG, nobody).0, Outcome::PasswordWanted);
    }

    #[test]
    fn a_password_that_nobody_asked_for_still_shows_how_it_is() {
        let said =
            "-ERR AUTH <password> called without any password configured for the default user.\r\n";
        let turns = vec![
            (AUTH, said.into()),
            (INFO, text("maxmemory:0\r\n")),
            hidden(),
        ];
        let (outcome, answer) = asked(Some(&login()), LONG, turns);
        assert_eq!(
            outcome,
            Outcome::Refused {
                code: NOT_WANTED.to_owned()
            }
        );
        assert_eq!(answer.limit_bytes, Some(0));
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_is_given_up_at_once() {
        for said in [
            b"HTTP/1.1 400 Bad Request\r\n".to_vec(),
            b"$99999999999999999999\r\n".to_vec(),
            b"$-1\r\n".to_vec(),
            b"$70000\r\n".to_vec(),
            b"\r\n".to_vec(),
            b"+\xff\xfe\r\n".to_vec(),
            vec![b'x'; LONGEST_LINE + 1],
        ] {
            assert_eq!(asked(None, LONG, vec![(PING, said)]).0, Outcome::Strange);
        }
    }

    #[test]
    fn silence_and_half_an_answer_end_with_the_time() {
        for said in [&b""[..], b"+PON", b"$9\r\nhalf"] {
            assert_eq!(
                asked(None, SHORT, vec![(PING, said.to_vec())]).0,
                Outcome::Silent
            );
        }
    }
}
