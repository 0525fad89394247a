//! Redis and Valkey: whether they let a login in, and then how full they are and whether they can save.
//!
//! A question is a list of texts, an answer a line or a text behind its length (RESP2, "Redis serialization protocol
//! specification").

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use super::{Bounds, Login, Silence, Wire, as_far_as_it_goes};
use crate::facts::{Outcome, RedisAnswer};

/// No line of an answer is longer, in bytes.
const LONGEST_LINE: usize = 1024;
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
            let later = read_info(&later).evicted;
            let both = later.zip(answer.evicted);
            answer.evicted_meanwhile = both.map(|(later, before)| later.saturating_sub(before));
        }
    }
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
        clients: number("connected_clients"),
        clients_limit: number("maxclients"),
        saves: is_good("rdb_last_bgsave_status"),
        appends: is_good("aof_last_write_status"),
    }
}

/// One answer: a text, or an error with its first word.
enum Reply {
    Text(String),
    Error(String),
}

fn reply(wire: &mut Wire, words: &[&str]) -> Result<Reply, Silence> {
    let mut question = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        question.extend(format!("${}\r\n", word.len()).into_bytes());
        question.extend_from_slice(word.as_bytes());
        question.extend_from_slice(b"\r\n");
    }
    wire.send(&question)?;
    let line = wire.line(LONGEST_LINE)?;
    let (kind, rest) = line.split_first().ok_or(Silence::Strange)?;
    let rest = std::str::from_utf8(rest).map_err(|_| Silence::Strange)?;
    match kind {
        b'+' => Ok(Reply::Text(rest.to_owned())),
        b'-' => Ok(Reply::Error(rest.to_owned())),
        b'$' => {
            let length: usize = rest.parse().map_err(|_| Silence::Strange)?;
            let text = wire.take(length)?;
            wire.take(2)?;
            Ok(Reply::Text(String::from_utf8_lossy(&text).into_owned()))
        }
        _ => Err(Silence::Strange),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;

    use bowline_model::Secret;

    use super::super::script::{read, server, until_gone, write};
    use super::*;

    const LONG: Duration = Duration::from_secs(10);
    const SHORT: Duration = Duration::from_millis(50);
    const AUTH: &[u8] = b"*2\r\n$4\r\nAUTH\r\n$10\r\nopensesame\r\n";
    const PING: &[u8] = b"*1\r\n$4\r\nPING\r\n";
    const INFO: &[u8] = b"*1\r\n$4\r\nINFO\r\n";

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
             maxmemory_policy:allkeys-lru\r\nevicted_keys:7\r\nrdb_last_bgsave_status:err\r\nrole:master\r\n";
        let (outcome, answer) = asked(
            Some(&login()),
            LONG,
            vec![
                (AUTH, b"+OK\r\n".to_vec()),
                (INFO, text(first)),
                (
                    b"*2\r\n$4\r\nINFO\r\n$5\r\nstats\r\n",
                    text("evicted_keys:9\r\n"),
                ),
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
            (answer.saves, answer.role.as_deref()),
            (Some(false), Some("master"))
        );
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
        let turns = vec![(AUTH, said.into()), (INFO, text("maxmemory:0\r\n"))];
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
