//! A socket that says yes to everything and writes down what it was asked.

use std::sync::{Arc, Mutex};

use bowline_engine::{Endpoint, Engine};
use bowline_model::ApiVersion;
use serde_json::{Map, Value as Json, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};

/// An engine that is none.
pub(crate) struct Recorder {
    folder: tempfile::TempDir,
    seen: Arc<Mutex<Vec<(String, Json)>>>,
}

impl Recorder {
    pub(crate) fn start(api: ApiVersion) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&seen);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, api, Arc::clone(&notes)));
            }
        });
        Self { folder, seen }
    }

    pub(crate) async fn engine(&self) -> Arc<dyn Engine> {
        let endpoint = Endpoint::at(self.folder.path().join("s"));
        bowline_engine::connect(endpoint).await.unwrap()
    }

    /// The body that came last.
    pub(crate) fn last(&self) -> Json {
        let seen = self.seen.lock().unwrap();
        seen.last()
            .map(|(_, body)| body.clone())
            .unwrap_or_default()
    }

    /// Everything that was made, in the form of a recorded body.
    pub(crate) fn taken(&self) -> Map<String, Json> {
        let (mut containers, mut networks, mut volumes) = (Map::new(), Map::new(), Map::new());
        for (target, body) in self.seen.lock().unwrap().iter() {
            let (path, query) = target.split_once('?').unwrap_or((target, ""));
            let named = body["Name"].as_str().unwrap_or_default().to_owned();
            if path.ends_with("/containers/create") {
                let mut words = Map::new();
                for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
                    words.insert(key.into(), value.replace("%2F", "/").into());
                }
                let name = words["name"].as_str().unwrap().to_owned();
                containers.insert(name, json!({"query": words, "body": body}));
            } else if path.ends_with("/networks/create") {
                networks.insert(named, body.clone());
            } else if path.ends_with("/volumes/create") {
                volumes.insert(named, body.clone());
            }
        }
        Map::from_iter([
            ("containers".to_owned(), containers.into()),
            ("networks".to_owned(), networks.into()),
            ("volumes".to_owned(), volumes.into()),
        ])
    }
}

async fn serve(mut stream: UnixStream, api: ApiVersion, seen: Arc<Mutex<Vec<(String, Json)>>>) {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        while let Some((target, body, used)) = request(&bytes) {
            bytes.drain(..used);
            let reply = reply(&target, &body, api);
            if !body.is_null() {
                seen.lock().unwrap().push((target, body));
            }
            if stream.write_all(reply.as_bytes()).await.is_err() {
                return;
            }
        }
        match stream.read(&mut buffer).await {
            Ok(read) if read > 0 => bytes.extend_from_slice(&buffer[..read]),
            _ => return,
        }
    }
}

/// The first whole request: its target, its body, and how long it is.
fn request(bytes: &[u8]) -> Option<(String, Json, usize)> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let length = head
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map_or(0, |(_, value)| value.trim().parse().unwrap());
    let body = bytes.get(end..end + length)?;
    let target = head
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let body = serde_json::from_slice(body).unwrap_or_default();
    Some((target, body, end + length))
}

fn reply(target: &str, body: &Json, api: ApiVersion) -> String {
    let path = target.split('?').next().unwrap_or_default();
    let (status, body) = match path.rsplit('/').next() {
        Some("version") => (
            "200 OK",
            json!({"Version": "0", "ApiVersion": api.to_string(), "MinAPIVersion": "1.24"}),
        ),
        Some("info") => ("200 OK", json!({"ID": "nobody"})),
        Some("create") => (
            "201 Created",
            json!({"Id": "0", "Warnings": [], "Name": body["Name"], "Driver": "local", "Mountpoint": "/", "Labels": body["Labels"]}),
        ),
        Some("connect") => ("200 OK", json!({})),
        name => ("200 OK", json!({"Id": name, "Name": name})),
    };
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
}
