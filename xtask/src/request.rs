//! Requests as a customer's program would send them.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// A customer has gone elsewhere by then.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// Which replica answered.
    pub(crate) instance: String,
    pub(crate) body: String,
}

/// Asks a published port for `path`, or posts `body` to it.
pub(crate) fn send(port: u16, path: &str, body: Option<&str>) -> Result<Answer> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    send_to(address, path, body, PATIENCE)
}

/// Asks `address` for `path`, or posts `body` to it, and waits up to `patience` for each part of the answer.
pub(crate) fn send_to(
    address: SocketAddr,
    path: &str,
    body: Option<&str>,
    patience: Duration,
) -> Result<Answer> {
    let place = || format!("no answer from http://{address}{path}");
    let mut stream = TcpStream::connect_timeout(&address, patience).with_context(place)?;
    stream
        .set_read_timeout(Some(patience))
        .with_context(place)?;
    let method = if body.is_some() { "POST" } else { "GET" };
    let body = body.unwrap_or_default();
    // 1.0, so that the answer's body is simply what comes until the end.
    let request = format!(
        "{method} {path} HTTP/1.0\r\nHost: {address}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).with_context(place)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).with_context(place)?;
    Answer::parse(&text).with_context(|| format!("http://{address}{path} answered no HTTP"))
}

/// Asks for `path` and takes nothing but success.
pub(crate) fn get(port: u16, path: &str) -> Result<Answer> {
    expect(200, path, send(port, path, None)?)
}

/// Posts `body` to `path` and takes nothing but "created".
pub(crate) fn post(port: u16, path: &str, body: &str) -> Result<Answer> {
    expect(201, path, send(port, path, Some(body))?)
}

fn expect(status: u16, path: &str, answer: Answer) -> Result<Answer> {
    if answer.status != status {
        bail!("{path} answered {}: {}", answer.status, answer.body);
    }
    Ok(answer)
}

impl Answer {
    fn parse(text: &str) -> Option<Self> {
        let (head, body) = text.split_once("\r\n\r\n")?;
        let mut lines = head.lines();
        let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
        let instance = lines.find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("x-instance")
                .then(|| value.trim().to_owned())
        });
        Some(Self {
            status,
            instance: instance.unwrap_or_default(),
            body: body.trim().to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_who_gave_it() {
        let answer =
            Answer::parse("HTTP/1.1 200 OK\r\nX-Instance: a1\r\n\r\n{\"id\":1}\n").unwrap();
        assert_eq!((answer.status, answer.instance.as_str()), (200, "a1"));
        assert_eq!(answer.body, "{\"id\":1}");
    }

    #[test]
    fn what_breaks_off_is_no_answer() {
        assert_eq!(Answer::parse("HTTP/1.1 200 OK\r\nX-Inst"), None);
        assert_eq!(Answer::parse(""), None);
    }
}
