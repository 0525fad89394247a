//! What a stack's containers look like to its engine: for symptoms, injections and baselines.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use crate::engine::http::{Body, Endpoint, Reply};

pub(crate) const PROJECT: &str = "com.docker.compose.project";
pub(crate) const SERVICE: &str = "com.docker.compose.service";

const NUMBER: &str = "com.docker.compose.container-number";

/// How long one answer may take; a stop of a container that ignores its signal takes the longest.
const PATIENCE: Duration = Duration::from_mins(1);

/// How much of a log is read.
const LINES: u32 = 400;

/// A stack on an engine.
pub(crate) struct Look<'a> {
    pub(crate) engine: &'a Endpoint,
    project: String,
    /// Unix time in seconds: when the case began.
    since: u64,
    /// What was seen to happen, by service and action: the engine remembers 256 events, of all its containers.
    happened: RefCell<BTreeSet<(String, String)>>,
}

/// How a command in a container ended.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) exit_code: Option<i64>,
    pub(crate) output: String,
}

impl<'a> Look<'a> {
    pub(crate) fn new(engine: &'a Endpoint, project: &str) -> Result<Self> {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .context("the clock stands before 1970")?;
        Ok(Self {
            engine,
            project: project.to_owned(),
            since: now.as_secs(),
            happened: RefCell::default(),
        })
    }

    pub(crate) fn project(&self) -> &str {
        &self.project
    }

    /// Inspects every container of the stack that belongs to a service, those that others replaced left out.
    pub(crate) fn containers(&self) -> Result<Vec<Value>> {
        let listed = self.engine.get("/containers/json?all=1")?;
        let ours = listed.as_array().into_iter().flatten().filter(|container| {
            container["Labels"][PROJECT] == self.project.as_str()
                && container["Labels"][SERVICE].is_string()
        });
        let mut inspected = Vec::new();
        for container in ours {
            let id = container["Id"].as_str().unwrap_or_default();
            let path = format!("/containers/{id}/json");
            let reply = self.engine.send("GET", &path, None, PATIENCE)?;
            // It may go between the two questions.
            if reply.status == 200 {
                inspected.push(parse(&reply)?);
            }
        }
        Ok(newest_of_each(inspected))
    }

    /// Inspects the containers of one service.
    pub(crate) fn of_service(&self, service: &str) -> Result<Vec<Value>> {
        let mut containers = self.containers()?;
        containers.retain(|container| service_of(container) == service);
        Ok(containers)
    }

    /// Returns the ids of a service's containers, of which there has to be one.
    pub(crate) fn ids(&self, service: &str) -> Result<Vec<String>> {
        let containers = self.of_service(service)?;
        if containers.is_empty() {
            bail!("`{service}` has no container");
        }
        let id = |container: &Value| container["Id"].as_str().unwrap_or_default().to_owned();
        Ok(containers.iter().map(id).collect())
    }

    /// Returns the last lines that a container printed, each with its time.
    pub(crate) fn log(&self, id: &str) -> Result<String> {
        let path = format!("/containers/{id}/logs?stdout=1&stderr=1&timestamps=1&tail={LINES}");
        let reply = self.engine.send("GET", &path, None, PATIENCE)?;
        Ok(unframed(&reply.body))
    }

    /// Says whether the engine told of `action` on a container of `service` since the case began, now or when it was asked
    /// before.
    pub(crate) fn happened(&self, service: &str, action: &str) -> Result<bool> {
        let what = (service.to_owned(), action.to_owned());
        if self.happened.borrow().contains(&what) {
            return Ok(true);
        }
        let now = Self::new(self.engine, &self.project)?.since + 1;
        let filters = encoded(&json!({ "event": [action] }).to_string());
        let path = format!("/events?since={}&until={now}&filters={filters}", self.since);
        let reply = self.engine.send("GET", &path, None, PATIENCE)?;
        let has_happened = reply.text().lines().any(|line| {
            let event: Value = serde_json::from_str(line).unwrap_or_default();
            let attributes = &event["Actor"]["Attributes"];
            attributes[PROJECT] == self.project.as_str() && attributes[SERVICE] == service
        });
        if has_happened {
            self.happened.borrow_mut().insert(what);
        }
        Ok(has_happened)
    }

    /// Asks for a change; an answer that is no success is an error.
    pub(crate) fn change(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value> {
        let reply = self.ask(method, path, body)?;
        match reply.status {
            200 | 201 | 204 | 304 => Ok(parse(&reply).unwrap_or_default()),
            status => bail!("the engine answered {path} with {status}: {}", reply.text()),
        }
    }

    pub(crate) fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Reply> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let length = text.len() as u64;
        let mut content = Cursor::new(text.into_bytes());
        let body = Body {
            content: &mut content,
            length,
            kind: "application/json",
        };
        self.engine.send(method, path, Some(body), PATIENCE)
    }

    /// Starts a command in a container and does not wait for its end.
    pub(crate) fn exec_and_leave(&self, id: &str, command: &[String], user: &str) -> Result<()> {
        let wanted = json!({ "Cmd": command, "User": user });
        let made = self.change("POST", &format!("/containers/{id}/exec"), Some(&wanted))?;
        let exec = made["Id"].as_str().unwrap_or_default();
        let begin = json!({ "Detach": true });
        self.change("POST", &format!("/exec/{exec}/start"), Some(&begin))?;
        Ok(())
    }

    /// Removes the images whose names begin with the project's: those that were built for it.
    pub(crate) fn remove_images(&self) -> Result<()> {
        let listed = self.engine.get("/images/json")?;
        for image in listed.as_array().into_iter().flatten() {
            let tags = image["RepoTags"].as_array().into_iter().flatten();
            for tag in tags.filter_map(Value::as_str) {
                if tag.starts_with(&self.project) {
                    self.ask("DELETE", &format!("/images/{tag}?force=1"), None)?;
                }
            }
        }
        Ok(())
    }

    /// Runs a command in a container, as `user` or as the container's own.
    pub(crate) fn exec(&self, id: &str, command: &[String], user: &str) -> Result<Executed> {
        let wanted =
            json!({ "Cmd": command, "User": user, "AttachStdout": true, "AttachStderr": true });
        let made = self.change("POST", &format!("/containers/{id}/exec"), Some(&wanted))?;
        let exec = made["Id"].as_str().unwrap_or_default();
        let begin = json!({ "Detach": false });
        let reply = self.ask("POST", &format!("/exec/{exec}/start"), Some(&begin))?;
        let ended = self.engine.get(&format!("/exec/{exec}/json"))?;
        Ok(Executed {
            exit_code: ended["ExitCode"].as_i64(),
            output: unframed(&reply.body),
        })
    }
}

/// Leaves the newest of those that are the same replica: an old one is kept until its successor is ready, which
/// that of a broken service never is.
fn newest_of_each(mut containers: Vec<Value>) -> Vec<Value> {
    let text =
        |container: &Value, key: &str| container[key].as_str().unwrap_or_default().to_owned();
    containers.sort_by_key(|container| text(container, "Created"));
    let mut newest: BTreeMap<(String, String), Value> = BTreeMap::new();
    for container in containers {
        let number = text(&container["Config"]["Labels"], NUMBER);
        newest.insert((service_of(&container).to_owned(), number), container);
    }
    newest.into_values().collect()
}

/// The service that a container is of.
pub(crate) fn service_of(container: &Value) -> &str {
    let labels = &container["Config"]["Labels"];
    labels[SERVICE].as_str().unwrap_or_default()
}

fn parse(reply: &Reply) -> Result<Value> {
    serde_json::from_slice(&reply.body).context("the engine's answer is no JSON")
}

/// Takes the frames away in which an engine sends what goes to two streams: eight bytes, the last four the length.
fn unframed(mut bytes: &[u8]) -> String {
    let mut text = Vec::new();
    while let [0..=2, 0, 0, 0, a, b, c, d, rest @ ..] = bytes {
        let length = u32::from_be_bytes([*a, *b, *c, *d]) as usize;
        let (frame, after) = rest.split_at(length.min(rest.len()));
        text.extend_from_slice(frame);
        bytes = after;
    }
    text.extend_from_slice(bytes);
    String::from_utf8_lossy(&text).into_owned()
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Encodes a value for the query of an address.
pub(crate) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte);
    let mut encoded = String::new();
    for byte in text.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push('%');
            encoded.extend([byte >> 4, byte & 15].map(|half| char::from(HEX[usize::from(half)])));
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_taken_away_and_text_without_frames_is_left() {
        assert_eq!(
            unframed(b"\x01\0\0\0\0\0\0\x03ab\n\x02\0\0\0\0\0\0\x02c\n"),
            "ab\nc\n"
        );
        assert_eq!(unframed(b"plain\n"), "plain\n");
        assert_eq!(unframed(b"\x01\0\0\0\0\0\0\x09cut"), "cut");
    }

    #[test]
    fn a_container_that_was_replaced_is_no_longer_one_of_its_service() {
        let container = |number: &str, created: &str| json!({ "Created": created, "Config": { "Labels": { (SERVICE): "api", (NUMBER): number } } });
        let old = container("1", "2026-11-21T13:00:00Z");
        let (new, other) = (
            container("1", "2026-11-21T13:01:00Z"),
            container("2", "2026-11-21T13:00:00Z"),
        );
        let newest = newest_of_each(vec![new.clone(), old, other.clone()]);
        assert_eq!(newest, [new, other]);
    }

    #[test]
    fn a_filter_is_encoded() {
        assert_eq!(encoded(r#"{"a":1}"#), "%7B%22a%22%3A1%7D");
    }
}
