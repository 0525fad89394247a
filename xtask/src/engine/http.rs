//! Just enough HTTP to talk to a container engine over its Unix socket.
//!
//! One connection per request, whole replies in memory: for preparing tests, not for the product, which
//! has its own door to engines.

use std::io::{BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Where an engine listens.
#[derive(Debug, Clone)]
pub(crate) struct Endpoint {
    pub(crate) socket: PathBuf,
}

/// What an engine answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

/// Something to send, of known length.
pub(crate) struct Body<'a> {
    pub(crate) content: &'a mut dyn Read,
    pub(crate) length: u64,
    pub(crate) kind: &'a str,
}

/// A question about the engine itself is answered at once, or not at all.
const SOON: Duration = Duration::from_secs(5);

impl Endpoint {
    pub(crate) fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
        }
    }

    /// Reads the form that `DOCKER_HOST` has.
    pub(crate) fn parse(host: &str) -> Result<Self> {
        match host.strip_prefix("unix://") {
            Some(path) if Path::new(path).is_absolute() => Ok(Self::at(path)),
            _ => bail!("`{host}` is not a Unix socket; tests need an engine at `unix:///…`"),
        }
    }

    /// Returns the form that `DOCKER_HOST` has.
    pub(crate) fn as_host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// Says whether an engine answers here.
    pub(crate) fn answers(&self) -> bool {
        self.send("GET", "/_ping", None, SOON)
            .is_ok_and(|reply| reply.status == 200)
    }

    /// Asks for a JSON value; anything but success is an error.
    pub(crate) fn get(&self, path: &str) -> Result<serde_json::Value> {
        let reply = self.send("GET", path, None, Duration::from_mins(1))?;
        if reply.status != 200 {
            bail!(
                "the engine at `{}` answered {path} with {}: {}",
                self.socket.display(),
                reply.status,
                reply.text()
            );
        }
        serde_json::from_slice(&reply.body)
            .with_context(|| format!("the engine's answer to {path} is no JSON"))
    }

    /// Sends one request and waits up to `patience` for each part of the reply.
    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<Body<'_>>,
        patience: Duration,
    ) -> Result<Reply> {
        let place = || format!("no answer from the engine at `{}`", self.socket.display());
        let mut stream = UnixStream::connect(&self.socket).with_context(place)?;
        stream
            .set_read_timeout(Some(patience))
            .and_then(|()| stream.set_write_timeout(Some(patience)))
            .with_context(place)?;
        let (length, kind) = body
            .as_ref()
            .map_or((0, "application/json"), |body| (body.length, body.kind));
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: engine\r\nConnection: close\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n"
        )
        .with_context(place)?;
        if let Some(body) = body {
            match std::io::copy(body.content, &mut stream) {
                // The engine refused before it had read everything: its reply says why.
                Err(error) if error.kind() == ErrorKind::BrokenPipe => {}
                sent => drop(sent.with_context(place)?),
            }
        }
        let mut reply = Vec::new();
        // An engine that refuses early closes with our words unread, which cuts the connection after its reply.
        let read = BufReader::new(stream).read_to_end(&mut reply);
        if reply.is_empty() {
            read.with_context(place)?;
        }
        Reply::parse(&reply).with_context(|| format!("the engine's answer to {path} is no HTTP"))
    }
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_owned()
    }

    fn parse(reply: &[u8]) -> Option<Self> {
        let end = reply.windows(4).position(|window| window == b"\r\n\r\n")?;
        let head = std::str::from_utf8(&reply[..end]).ok()?;
        let status = head.split_whitespace().nth(1)?.parse().ok()?;
        let rest = &reply[end + 4..];
        let chunked = head
            .lines()
            .any(|line| line.eq_ignore_ascii_case("transfer-encoding: chunked"));
        Some(Self {
            status,
            body: if chunked {
                unchunk(rest)?
            } else {
                rest.to_vec()
            },
        })
    }
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let length = usize::from_str_radix(
            std::str::from_utf8(&rest[..end])
                .ok()?
                .split(';')
                .next()?
                .trim(),
            16,
        )
        .ok()?;
        if length == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(end + 2..end + 2 + length)?);
        rest = rest.get(end + 2 + length + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_reply_is_put_together() {
        let reply = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n2\r\nef\r\n0\r\n\r\n";
        let reply = Reply::parse(reply).unwrap();
        assert_eq!((reply.status, reply.text().as_str()), (200, "abcdef"));
    }

    #[test]
    fn a_reply_that_breaks_off_is_no_reply() {
        assert!(
            Reply::parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabcd")
                .is_none()
        );
        assert!(Reply::parse(b"HTTP/1.1 200 OK\r\n").is_none());
    }

    #[test]
    fn only_unix_sockets_are_engines_for_tests() {
        assert_eq!(
            Endpoint::parse("unix:///run/x.sock").unwrap().as_host(),
            "unix:///run/x.sock"
        );
        assert!(Endpoint::parse("tcp://10.0.0.1:2375").is_err());
        assert!(Endpoint::parse("unix://relative").is_err());
    }
}
