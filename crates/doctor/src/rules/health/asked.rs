//! Where a healthcheck looks for its service.

use crate::speak::http::Url;
use crate::world::edges::is_loopback;

/// Programs that look on the loopback where nobody tells them otherwise, with their ports.
const ON_LOOPBACK: &[(&str, u16)] = &[
    ("etcdctl", 2379),
    ("mongo", 27017),
    ("mongosh", 27017),
    ("redis-cli", 6379),
    ("valkey-cli", 6379),
];

/// An address of the container itself that a healthcheck dials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// As it is written: `localhost`, `127.0.0.1`, `::1`.
    pub(crate) host: String,
    /// Its port, where that can be read.
    pub(crate) port: Option<u16>,
}

impl Asked {
    /// Whether it may lead to an IPv6 address.
    pub(crate) fn may_be_v6(&self) -> bool {
        self.host == "localhost" || self.host == "::1"
    }
}

/// The first address on the loopback that a test dials; `test` begins with `CMD` or `CMD-SHELL`.
pub(crate) fn asked(test: &[String]) -> Option<Asked> {
    let line = test.get(1..)?.join(" ");
    let is_break =
        |character: char| character.is_whitespace() || "'\"`;|&()<>,=".contains(character);
    let words: Vec<&str> = line
        .split(is_break)
        .filter(|word| !word.is_empty())
        .collect();
    let spoken = words.iter().enumerate().find_map(|(index, word)| {
        let (host, port) = address(word)?;
        Some(Asked {
            port: port.or_else(|| port_in(&words, index)),
            host,
        })
    });
    let names_a_host = words.iter().any(|word| *word == "-h" || *word == "--host");
    spoken.or_else(|| {
        let default = words.iter().find_map(|word| {
            let name = word.rsplit('/').next()?;
            ON_LOOPBACK.iter().find(|(known, _)| *known == name)
        })?;
        (!names_a_host).then(|| Asked {
            host: "127.0.0.1".to_owned(),
            port: port_in(&words, 0).or(Some(default.1)),
        })
    })
}

/// The URL on the loopback that a test asks for by HTTP, and its port. None of one that sends something, that has a login
/// or a secret in it, or whose path only a shell knows.
pub(crate) fn asked_url(test: &[String]) -> Option<(Url, u16)> {
    let line = test.get(1..)?.join(" ");
    let is_break = |it: char| it.is_whitespace() || "'\"`;|()<>,".contains(it);
    let words: Vec<&str> = line
        .split(is_break)
        .filter(|word| !word.is_empty())
        .collect();
    let sends = |word: &&str| SENDING.iter().any(|option| word.starts_with(option));
    if words.iter().any(sends) {
        return None;
    }
    let by_program = words
        .iter()
        .any(|word| matches!(word.rsplit('/').next(), Some("curl" | "wget")));
    words.iter().find_map(|word| {
        let (is_tls, rest) = match word.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) => return None,
            None => (false, *word),
        };
        let is_written = rest.len() < word.len();
        let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("/{path}")
        };
        let is_plain = rest
            .bytes()
            .all(|it| it.is_ascii_graphic() && !b"#$@{}\\".contains(&it));
        let (_, port) = address(word).filter(|_| is_plain && (is_written || by_program))?;
        let url = Url {
            is_tls,
            authority: authority.to_owned(),
            path,
        };
        Some((url, port.unwrap_or(80)))
    })
}

/// Options of programs that fetch pages, with which they send something or ask otherwise than by `GET`.
const SENDING: &[&str] = &[
    "-X",
    "-d",
    "-F",
    "-T",
    "--data",
    "--form",
    "--json",
    "--method",
    "--post",
    "--request",
    "--upload",
    "-H",
    "--header",
    "-u",
    "--user",
];

/// An address on the loopback, and its port where it is written there or its scheme says it.
fn address(word: &str) -> Option<(String, Option<u16>)> {
    if let Some(rest) = word.strip_prefix("/dev/tcp/") {
        let (host, port) = rest.split_once('/')?;
        return is_loopback(host).then(|| (host.to_owned(), port.parse().ok()));
    }
    let (scheme, rest) = match word.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, word),
    };
    let authority = rest.split(['/', '?']).next()?;
    let authority = authority.rsplit('@').next()?;
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, rest) = rest.split_once(']')?;
            (host, rest.strip_prefix(':'))
        }
        None => match authority.rsplit_once(':') {
            Some((host, port)) if !host.contains(':') => (host, Some(port)),
            _ => (authority, None),
        },
    };
    let default = match scheme {
        Some("http" | "ws") => Some(80),
        Some("https" | "wss") => Some(443),
        _ => None,
    };
    // Behind a colon that ends a string a program writes a port that only it knows.
    let port = match port {
        Some(port) => port.parse().ok(),
        None => default,
    };
    is_loopback(host).then(|| (host.to_owned(), port))
}

/// A port that is a word of its own: behind an option for it, or right behind the host as for `nc`.
fn port_in(words: &[&str], host: usize) -> Option<u16> {
    let behind_option = words.windows(2).find_map(|pair| {
        matches!(pair[0], "-p" | "-P" | "--port").then(|| pair[1].parse().ok())?
    });
    behind_option.or_else(|| words.get(host + 1)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_found_however_a_test_writes_it() {
        for (test, host, port) in [
            ("curl -fsS http://localhost/health", "localhost", Some(80)),
            (
                "wget -q --spider https://127.0.0.1:8443/",
                "127.0.0.1",
                Some(8443),
            ),
            ("curl -f localhost:3000/ || exit 1", "localhost", Some(3000)),
            ("nc -z localhost 5432", "localhost", Some(5432)),
            (
                "pg_isready -h localhost -p 5433 -U app",
                "localhost",
                Some(5433),
            ),
            ("pg_isready --host=127.0.0.1", "127.0.0.1", None),
            (
                "bash -c '</dev/tcp/127.0.0.1/9000'",
                "127.0.0.1",
                Some(9000),
            ),
            ("curl http://[::1]:8080/", "::1", Some(8080)),
            ("curl http://user:#1@localhost:81/", "localhost", Some(81)),
            ("redis-cli ping", "127.0.0.1", Some(6379)),
            ("redis-cli -p 6380 ping", "127.0.0.1", Some(6380)),
        ] {
            let found = asked(&["CMD-SHELL".to_owned(), test.to_owned()]);
            let wanted = Asked {
                host: host.to_owned(),
                port,
            };
            assert_eq!(found, Some(wanted), "{test}");
        }
        for test in [
            "pg_isready -U app",
            "curl http://api:8080/",
            "redis-cli -h cache ping",
            "test -e /tmp/ready",
        ] {
            let found = asked(&["CMD-SHELL".to_owned(), test.to_owned()]);
            assert_eq!(found, None, "{test}");
        }
    }

    #[test]
    fn a_page_is_asked_for_as_the_test_does_and_only_where_that_sends_nothing() {
        for (test, url, port) in [
            (
                "curl -fsS http://localhost:8080/health?full=1",
                "http://localhost:8080/health?full=1",
                8080,
            ),
            (
                "wget -q --spider https://127.0.0.1:8443",
                "https://127.0.0.1:8443/",
                8443,
            ),
            (
                "curl -f localhost:3000/ || exit 1",
                "http://localhost:3000/",
                3000,
            ),
            (
                "python -c 'import urllib.request as r; r.urlopen(\"http://localhost/up\")'",
                "http://localhost/up",
                80,
            ),
        ] {
            let found = asked_url(&["CMD-SHELL".to_owned(), test.to_owned()]);
            let found = found.map(|(url, port)| (url.to_string(), port));
            assert_eq!(found, Some((url.to_owned(), port)), "{test}");
        }
        for test in [
            "curl -X POST http://localhost/reset",
            "curl -d x http://localhost/",
            "curl -H 'Authorization: #1' http://localhost/",
            "curl http://user:#1@localhost:81/",
            "curl http://localhost:${PORT}/",
            "curl http://localhost/$$NAME",
            "curl http://api:8080/",
            "nc -z localhost 8080",
            "pg_isready -h localhost",
        ] {
            let found = asked_url(&["CMD-SHELL".to_owned(), test.to_owned()]);
            assert_eq!(found, None, "{test}");
        }
    }
}
