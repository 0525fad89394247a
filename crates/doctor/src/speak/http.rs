//! HTTP/1.1: one `GET`, its status, and the beginning of what comes back.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{Bounds, NAME, Silence, Wire};
use crate::facts::Outcome;

/// No header is longer, in bytes.
const LONGEST_LINE: usize = 8 * 1024;
/// Headers that are read.
const HEADERS: usize = 100;
/// So much of the body is read, in bytes: more than is kept, so that secrets are masked before anything is cut off.
pub(crate) const BODY: usize = 1000;
/// So much of it is kept, in characters.
pub(crate) const KEPT: usize = 200;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Url {
    /// Whether it is asked in TLS.
    pub(crate) is_tls: bool,
    /// Host and port as they are written.
    pub(crate) authority: String,
    /// Path and query, from the first slash on.
    pub(crate) path: String,
}

impl std::fmt::Display for Url {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// A status and the beginning of the body.
pub(crate) type Page = (u16, Vec<u8>);

/// Asks once.
pub(crate) fn ask(address: SocketAddr, url: &Url, bounds: Bounds) -> (Outcome, Option<Page>) {
    match attempt(address, url, bounds) {
        Ok(page) => (Outcome::Answered, Some(page)),
        Err(silence) => (Outcome::of(&silence), None),
    }
}

fn attempt(address: SocketAddr, url: &Url, bounds: Bounds) -> Result<Page, Silence> {
    let mut wire = Wire::open(address, bounds)?;
    if url.is_tls {
        let port = url.authority.rsplit_once(':');
        let host = port.map_or(&*url.authority, |(host, _)| host);
        wire = wire.secure(host)?.0;
    }
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {NAME}\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path, url.authority
    );
    wire.send(request.as_bytes())?;
    let status = status(&wire.line(LONGEST_LINE)?)?;
    let mut length = None;
    let mut is_chunked = false;
    for _ in 0..HEADERS {
        let line = wire.line(LONGEST_LINE)?;
        if line.is_empty() {
            let body = body(&mut wire, length, is_chunked);
            // A status alone says enough.
            return Ok((status, body.unwrap_or_default()));
        }
        let line = String::from_utf8_lossy(&line).to_ascii_lowercase();
        let (name, value) = line.split_once(':').ok_or(Silence::Strange)?;
        match (name.trim(), value.trim()) {
            ("content-length", value) => length = value.parse().ok(),
            ("transfer-encoding", value) => is_chunked = value.ends_with("chunked"),
            _ => {}
        }
    }
    Err(Silence::Strange)
}

/// The number of a status line: `HTTP/1.1 200 OK`.
fn status(line: &[u8]) -> Result<u16, Silence> {
    let line = std::str::from_utf8(line).map_err(|_| Silence::Strange)?;
    let mut words = line.split(' ');
    let speaks = words.next().is_some_and(|word| word.starts_with("HTTP/1."));
    let status = words.next().and_then(|word| word.parse().ok());
    status
        .filter(|status| speaks && (100..600).contains(status))
        .ok_or(Silence::Strange)
}

fn body(wire: &mut Wire, length: Option<usize>, is_chunked: bool) -> Result<Vec<u8>, Silence> {
    if !is_chunked {
        return wire.rest(length.unwrap_or(BODY).min(BODY));
    }
    let mut body = Vec::new();
    while body.len() < BODY {
        let line = String::from_utf8_lossy(&wire.line(LONGEST_LINE)?).into_owned();
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = usize::from_str_radix(size, 16).map_err(|_| Silence::Strange)?;
        let wanted = size.min(BODY - body.len());
        body.extend(wire.rest(wanted)?);
        if size == 0 || size > wanted {
            break;
        }
        wire.line(LONGEST_LINE)?;
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use std::net::TcpStream;
    use std::time::Duration;

    use super::super::script::{read, server, until_gone, write};
    use super::*;

    const LONG: Duration = Duration::from_secs(10);

    /// What comes of a server that takes a request and says this; and goes away then, or stays.
    fn asked(said: Vec<u8>, stays: bool, within: Duration) -> (Outcome, Option<Page>) {
        let request = format!(
            "GET /health?full=1 HTTP/1.1\r\nHost: localhost:81\r\nUser-Agent: {NAME}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        );
        let (address, served) = server([move |mut stream: TcpStream| {
            let got = read(&mut stream, request.len());
            assert_eq!(String::from_utf8(got).unwrap(), request);
            write(&mut stream, &said);
            if stays {
                until_gone(&stream);
            }
        }]);
        let url = Url {
            is_tls: false,
            authority: "localhost:81".to_owned(),
            path: "/health?full=1".to_owned(),
        };
        let found = ask(address, &url, Bounds::within(within));
        served.join().unwrap();
        found
    }

    #[test]
    fn status_and_the_beginning_of_the_body_are_told_however_it_comes() {
        let long = "x".repeat(BODY + 100);
        for (said, stays, status, body) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnot ready".to_owned(), true, 200, "not ready"),
            ("HTTP/1.0 503 Nope\n\nhalf".to_owned(), false, 503, "half"),
            ("HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n".to_owned(), true, 204, ""),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nnot\r\n6;a=b\r\n ready\r\n0\r\n\r\n".to_owned(),
                true,
                200,
                "not ready",
            ),
            (format!("HTTP/1.1 200 OK\r\n\r\n{long}"), true, 200, &long[..BODY]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n".to_owned(), true, 200, ""),
        ] {
            let found = asked(said.clone().into_bytes(), stays, LONG);
            let page = (status, body.as_bytes().to_vec());
            assert_eq!(found, (Outcome::Answered, Some(page)), "{said:?}");
        }
    }

    #[test]
    fn what_is_no_answer_of_the_protocol_is_given_up_at_once() {
        for said in [
            b"-ERR unknown command\r\n".to_vec(),
            b"HTTP/1.1 abc\r\n".to_vec(),
            b"HTTP/1.1 70000 OK\r\n".to_vec(),
            b"HTTP/1.1 200 OK\r\nno header\r\n".to_vec(),
            b"\x15\x03\x01\0\x02\x02\n".to_vec(),
            [b"HTTP/1.1 200 OK\r\n".to_vec(), b"a: b\r\n".repeat(HEADERS)].concat(),
            [b"HTTP/1.1 200 OK\r\na: ".to_vec(), vec![b'x'; LONGEST_LINE]].concat(),
        ] {
            assert_eq!(asked(said, true, LONG), (Outcome::Strange, None));
        }
    }

    #[test]
    fn silence_and_half_an_answer_end_with_the_time() {
        let short = Duration::from_millis(50);
        for said in [&b""[..], b"HTTP/1.1 200 OK\r\nConte"] {
            assert_eq!(asked(said.to_vec(), true, short), (Outcome::Silent, None));
        }
        assert_eq!(asked(Vec::new(), false, LONG), (Outcome::HungUp, None));
    }
}
