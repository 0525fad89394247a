//! A socket that answers as an engine did when Docker Compose had brought a stack up there.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// A recorded engine. It knows only how to look: whatever would change something is refused, and noted.
pub(crate) struct Replay {
    folder: TempDir,
    refused: Arc<Mutex<Vec<String>>>,
}

impl Replay {
    /// Answers from what was recorded until the test ends.
    pub(crate) fn of(recorded: Json) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let refused = Arc::new(Mutex::new(Vec::new()));
        let (recorded, notes) = (Arc::new(recorded), Arc::clone(&refused));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (recorded, notes) = (Arc::clone(&recorded), Arc::clone(&notes));
                thread::spawn(move || serve(&stream.unwrap(), &recorded, &notes));
            }
        });
        Self { folder, refused }
    }

    /// Where it listens, in the form of `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", path(&self.folder.path().join("s")))
    }

    /// What it was asked for and cannot do.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.refused.lock().unwrap().clone()
    }
}

fn path(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// Answers one request; the connection ends with it.
fn serve(mut stream: &UnixStream, recorded: &Json, refused: &Mutex<Vec<String>>) {
    let head: Vec<String> = BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let Some(request) = head.first().and_then(|line| line.rsplit_once(' ')) else {
        return;
    };
    let found = match request.0.split_once(' ') {
        Some(("GET", target)) => answer(target, recorded),
        _ => None,
    };
    let status = if found.is_some() {
        "200 OK"
    } else {
        "404 Not Found"
    };
    let found = found.unwrap_or_else(|| {
        refused.lock().unwrap().push(request.0.to_owned());
        json!({"message": "not recorded"})
    });
    let body = found.to_string();
    // Whoever asked may be gone: then nobody misses the answer.
    drop(write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    ));
}

/// The recorded answer. Listings give everything: what is sought in them is found by whoever asked.
fn answer(target: &str, recorded: &Json) -> Option<Json> {
    let target = target.split('?').next()?;
    let words: Vec<&str> = target.split('/').filter(|word| !word.is_empty()).collect();
    let words = match words.as_slice() {
        [first, rest @ ..] if first.starts_with("v1.") => rest,
        all => all,
    };
    match words {
        ["version"] => Some(recorded["version"].clone()),
        ["info"] => Some(json!({"ID": "recorded", "SystemTime": "2026-12-01T00:00:00Z"})),
        ["containers", "json"] => Some(list(&recorded["containers"]).map(line).collect()),
        ["containers", whose, "json"] => list(&recorded["containers"])
            .find(|one| one["Id"] == *whose || one["Name"] == format!("/{whose}"))
            .cloned(),
        ["networks"] => Some(recorded["networks"].clone()),
        ["volumes"] => Some(json!({"Volumes": recorded["volumes"]})),
        ["images", name @ .., "json"] => recorded["images"]
            .get(name.join("/").replace("%2F", "/").replace("%3A", ":"))
            .or_else(|| {
                let mut images = recorded["images"].as_object()?.values();
                images.find(|image| image["Id"] == name.join("/").replace("%3A", ":"))
            })
            .cloned(),
        _ => None,
    }
}

fn list(all: &Json) -> impl Iterator<Item = &Json> {
    all.as_array().into_iter().flatten()
}

/// A container as listings show it.
fn line(container: &Json) -> Json {
    json!({
        "Id": container["Id"],
        "Names": [container["Name"]],
        "Image": container["Config"]["Image"],
        "ImageID": container["Image"],
        "Labels": container["Config"]["Labels"],
        "State": container["State"]["Status"],
        "Status": "Up",
        "Created": 0,
    })
}
