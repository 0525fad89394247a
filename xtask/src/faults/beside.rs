//! What an injection makes beside a stack: containers of others, images, servers and listeners of the host.
//!
//! All of it goes at the end of the case, whatever happened.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, ChildStdin, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};

use super::case::Foreign;
use super::look::{Look, PROJECT, SERVICE, encoded};
use crate::engine::http::Body;
use crate::program::program;

/// A container that is needed beside the stack.
const BUSY: &str = "busy";

/// An image of a few small files is built in a second.
const BUILD: Duration = Duration::from_mins(1);

/// What was made beside the stack, and what bowline said last.
#[derive(Default)]
pub(crate) struct Aftermath {
    holders: Vec<(Child, ChildStdin)>,
    foreign: Vec<String>,
    pub(crate) said: String,
}

impl Aftermath {
    /// Starts a container of another stack.
    pub(crate) fn foreign(&mut self, look: &Look<'_>, wanted: &Foreign) -> Result<()> {
        let path = format!("/containers/create?name={}", wanted.name);
        let made = look.change("POST", &path, Some(&described(look.project(), wanted)))?;
        let id = made["Id"].as_str().unwrap_or_default();
        self.foreign.push(id.to_owned());
        look.change("POST", &format!("/containers/{id}/start"), None)?;
        Ok(())
    }

    /// Has a process of the host listen on the port.
    pub(crate) fn hold_port(&mut self, port: u16) -> Result<()> {
        self.listen(port, &[])
    }

    /// Has a process of the host answer every request on the port with this status.
    pub(crate) fn answer_outside(&mut self, port: u16, status: u16) -> Result<()> {
        self.listen(port, &[status.to_string()])
    }

    fn listen(&mut self, port: u16, words: &[String]) -> Result<()> {
        // Not by its path: a build in the midst of a run puts another program there.
        let mut child = program("/proc/self/exe")
            .args(["faults", "hold", &port.to_string()])
            .args(words)
            .into_command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a process that listens")?;
        let alive = child.stdin.take().context("a process without an input")?;
        let mut said = child.stdout.take().context("a process without an output")?;
        self.holders.push((child, alive));
        // It says so when it listens, and ends without a word when it cannot.
        let mut word = [0; 1];
        said.read_exact(&mut word)
            .with_context(|| format!("the port {port} could not be taken"))
    }

    /// Takes away what was made beside the stack.
    pub(crate) fn tidy(&mut self, look: &Look<'_>) -> Result<()> {
        for (mut child, alive) in self.holders.drain(..) {
            drop(alive);
            child
                .wait()
                .context("cannot wait for a process that held a port")?;
        }
        for id in self.foreign.drain(..) {
            look.change("DELETE", &format!("/containers/{id}?force=1&v=1"), None)?;
        }
        Ok(())
    }
}

fn described(project: &str, wanted: &Foreign) -> Value {
    let image = wanted.image.clone();
    let server = ["busybox", "httpd", "-f", "-p", "8080"].map(str::to_owned);
    let command = if wanted.command.is_empty() {
        &server[..]
    } else {
        &wanted.command[..]
    };
    let ports = wanted.port.map_or_else(
        || json!({}),
        |port| json!({ "8080/tcp": [{ "HostPort": port.to_string() }] }),
    );
    let mut container = json!({
        "Image": image.unwrap_or_else(|| crate::images::tag(BUSY)),
        "Cmd": command,
        "ExposedPorts": { "8080/tcp": {} },
        // Of another stack, whose name begins as ours does, so that the sweep at the end finds it.
        "Labels": { (PROJECT): format!("{project}-{}", wanted.name), (SERVICE): wanted.name },
        "HostConfig": { "PortBindings": ports },
    });
    if let Some(network) = &wanted.network {
        container["HostConfig"]["NetworkMode"] = json!(network);
        let mut joined = json!({ "Aliases": wanted.aliases });
        if let Some(address) = &wanted.address {
            joined["IPAMConfig"] = json!({ "IPv4Address": address });
        }
        container["NetworkingConfig"] =
            json!({ "EndpointsConfig": { (network.as_str()): joined } });
    }
    container
}

/// Runs a command in a container of its own with the volume at `/volume`, as root.
pub(crate) fn on_volume(look: &Look<'_>, volume: &str, command: &[String]) -> Result<()> {
    let wanted = json!({
        "Image": crate::images::tag(BUSY),
        "User": "0:0",
        "Entrypoint": [],
        "Cmd": command,
        "HostConfig": { "Binds": [format!("{volume}:/volume")], "NetworkMode": "none" },
    });
    let made = look.change("POST", "/containers/create", Some(&wanted))?;
    let id = made["Id"].as_str().unwrap_or_default();
    let run = || {
        look.change("POST", &format!("/containers/{id}/start"), None)?;
        look.change("POST", &format!("/containers/{id}/wait"), None)
    };
    let ended = run();
    look.change("DELETE", &format!("/containers/{id}?force=1"), None)?;
    match ended?["StatusCode"].as_i64() {
        Some(0) => Ok(()),
        code => bail!("{command:?} on `{volume}` ended with {code:?}"),
    }
}

/// Builds an image from what is in `folder`, with the engine's own builder.
pub(crate) fn image(look: &Look<'_>, folder: &Path, work: &Path, tag: &str) -> Result<()> {
    let archive = work.join(".context.tar");
    program("tar")
        .args(["--create", "--directory"])
        .args([folder, Path::new(".")])
        .run_to(&archive)?;
    let unread = || format!("cannot read `{}`", archive.display());
    let mut content = File::open(&archive).with_context(unread)?;
    let length = content.metadata().with_context(unread)?.len();
    let body = Body {
        content: &mut content,
        length,
        kind: "application/x-tar",
    };
    let path = format!("/build?t={}&q=1&forcerm=1", encoded(tag));
    let reply = look.engine.send("POST", &path, Some(body), BUILD)?;
    std::fs::remove_file(&archive).with_context(unread)?;
    if reply.status != 200 || reply.text().contains("\"error\"") {
        bail!("`{tag}` could not be built: {}", reply.text());
    }
    Ok(())
}

/// What a process that listens does until its input ends: with a status it answers, without one it only listens.
pub(crate) fn hold(port: &str, status: Option<&str>) -> Result<()> {
    let port: u16 = port.parse().context("no port")?;
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, port))
        .with_context(|| format!("cannot listen on {port}"))?;
    println!("listening");
    if let Some(status) = status.map(str::to_owned) {
        std::thread::spawn(move || answer_all(&listener, &status));
    }
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        .context("cannot wait for the end of the case")?;
    Ok(())
}

fn answer_all(listener: &TcpListener, status: &str) {
    for stream in listener.incoming().flatten() {
        let mut stream = stream;
        let mut question = [0; 2048];
        // Whoever asks may go away at any time.
        drop(stream.read(&mut question));
        let answer = format!(
            "HTTP/1.1 {status} From outside\r\nConnection: close\r\nContent-Length: 8\r\n\r\noutside\n"
        );
        drop(stream.write_all(answer.as_bytes()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn foreign(text: &str) -> Value {
        described("p", &toml::from_str(text).unwrap())
    }

    #[test]
    fn a_foreign_container_is_of_another_stack_whose_name_begins_the_same() {
        let made = foreign("name = 'x'\nport = 81");
        assert_eq!(made["Labels"][PROJECT], "p-x");
        let bound = &made["HostConfig"]["PortBindings"]["8080/tcp"][0]["HostPort"];
        assert_eq!(bound, "81");
    }

    #[test]
    fn it_joins_a_network_under_other_names_and_with_an_address() {
        let made = foreign(
            "name = 'x'\nnetwork = 'n'\naliases = ['a']\naddress = '10.0.0.9'\ncommand = ['c']",
        );
        let joined = &made["NetworkingConfig"]["EndpointsConfig"]["n"];
        assert_eq!(joined["Aliases"], json!(["a"]));
        assert_eq!(joined["IPAMConfig"]["IPv4Address"], "10.0.0.9");
        assert_eq!(made["Cmd"], json!(["c"]));
    }
}
