//! What an engine says itself, past everything that is under test.

use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde_json::Value;

/// An engine's own interface. A request that cannot be sent fails the test.
#[derive(Clone, Debug)]
pub struct Api {
    socket: PathBuf,
}

impl Api {
    /// The engine at this host, written as `DOCKER_HOST` is; a Unix socket.
    pub fn at(host: &str) -> Self {
        let path = host.strip_prefix("unix://");
        Self {
            socket: path
                .expect("engines for tests listen on Unix sockets")
                .into(),
        }
    }

    /// Sends a request without a body; status and answer.
    pub fn send(&self, method: &str, path: &str) -> (u16, Vec<u8>) {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        // In the old protocol an answer comes in one piece and the connection ends with it.
        write!(
            stream,
            "{method} {path} HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
        let body = answer.split_off(end.expect("an answer has a head") + 4);
        let head = String::from_utf8(answer).unwrap();
        let status = head.split(' ').nth(1).and_then(|word| word.parse().ok());
        (status.expect("an answer has a status"), body)
    }

    /// Reads something that has to be there.
    pub fn get(&self, path: &str) -> Value {
        let (status, body) = self.send("GET", path);
        let text = String::from_utf8_lossy(&body);
        assert_eq!(status, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }

    /// The objects of a list (`containers`, `networks`, `volumes`) that carry a label.
    pub fn labelled(&self, list: &str, label: &str) -> Vec<Value> {
        let filter = format!(
            "%7B%22label%22%3A%5B%22{}%22%5D%7D",
            label.replace('=', "%3D")
        );
        let path = match list {
            "containers" => format!("/containers/json?all=1&filters={filter}"),
            other => format!("/{other}?filters={filter}"),
        };
        let found = self.get(&path);
        let found = if list == "volumes" {
            &found["Volumes"]
        } else {
            &found
        };
        found.as_array().cloned().unwrap_or_default()
    }

    /// What a file in a container holds; `None` where there is no such file. At most one block of an archive.
    pub fn file(&self, container: &str, path: &str) -> Option<String> {
        let (status, archive) = self.send(
            "GET",
            &format!("/containers/{container}/archive?path={path}"),
        );
        if status != 200 {
            return None;
        }
        let (head, rest) = archive.split_at_checked(512)?;
        let size = std::str::from_utf8(&head[124..135]).ok()?;
        let size = usize::from_str_radix(size.trim_matches(['\0', ' ']), 8).ok()?;
        String::from_utf8(rest.get(..size)?.to_vec()).ok()
    }
}
