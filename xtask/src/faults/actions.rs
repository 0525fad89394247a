//! Puts a fault into a healthy stack.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::{Child, ChildStdin, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::case::{Action, Symptom};
use super::look::{Look, PROJECT, SERVICE};
use super::symptom;
use crate::engine::http::Endpoint;
use crate::program::program;

/// A container that is needed beside the stack.
const BUSY: &str = "busy";

/// How long a condition in the midst of an injection may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// bowline, and the folder of a case in which it works.
pub(crate) struct Stack<'a> {
    pub(crate) bowline: &'a Path,
    pub(crate) engine: &'a Endpoint,
    /// The rendered files.
    pub(crate) folder: &'a Path,
    /// Where bowline keeps what it knows.
    pub(crate) state: &'a Path,
}

/// What an injection made beside the stack, and what bowline said last.
#[derive(Default)]
pub(crate) struct Aftermath {
    holders: Vec<(Child, ChildStdin)>,
    foreign: Vec<String>,
    pub(crate) said: String,
}

impl Stack<'_> {
    /// Runs bowline on the stack, as a user in its folder does.
    pub(crate) fn bowline(&self, words: &[String]) -> Result<Output> {
        let mut command = program(self.bowline)
            .args(words)
            .folder(self.folder)
            .into_command();
        command.env_clear();
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("DOCKER_HOST", self.engine.as_host())
            .env("BOWLINE_STATE_HOME", self.state.join("state"))
            .env("BOWLINE_CONFIG_HOME", self.state.join("config"))
            .output()
            .context("cannot start bowline")
    }

    /// Finds a file of the stack, and none outside of it.
    fn file(&self, name: &str) -> Result<PathBuf> {
        let inside = Path::new(name)
            .components()
            .all(|part| matches!(part, Component::Normal(_)));
        if !inside {
            bail!("`{name}` is not inside of the stack's folder");
        }
        Ok(self.folder.join(name))
    }
}

/// Carries out one action.
pub(crate) fn perform(
    action: &Action,
    stack: &Stack<'_>,
    look: &Look<'_>,
    aftermath: &mut Aftermath,
) -> Result<()> {
    match action {
        Action::Replace { file, find, with } => replace(&stack.file(file)?, find, with),
        Action::Write {
            file,
            text,
            executable,
        } => write(&stack.file(file)?, text, *executable),
        Action::Delete { file } => std::fs::remove_file(stack.file(file)?)
            .with_context(|| format!("cannot delete `{file}`")),
        Action::Bowline { words, may_fail } => bowline(stack, words, *may_fail, aftermath),
        Action::Stop { service } => each(look, service, "stop"),
        Action::Kill { service } => each(look, service, "kill"),
        Action::Pause { service } => each(look, service, "pause"),
        Action::Start { service, may_fail } => attempt(look, service, "start", *may_fail),
        Action::Restart { service, may_fail } => attempt(look, service, "restart", *may_fail),
        Action::Disconnect { service, network } => disconnect(look, service, network),
        Action::Exec {
            service,
            command,
            user,
        } => {
            for id in look.ids(service)? {
                look.exec(&id, command, user)?;
            }
            Ok(())
        }
        Action::OnVolume { volume, command } => on_volume(look, volume, command),
        Action::HoldPort { port } => hold_port(*port, aftermath),
        Action::Foreign { name, port } => foreign(look, name, *port, aftermath),
        Action::Await { symptom } => wait_for(look, symptom, &aftermath.said),
    }
}

fn wait_for(look: &Look<'_>, symptom: &Symptom, said: &str) -> Result<()> {
    match symptom::wait(look, std::slice::from_ref(symptom), said, PATIENCE)? {
        Ok(()) => Ok(()),
        Err(missing) => bail!("waited for {missing}"),
    }
}

fn replace(file: &Path, find: &str, with: &str) -> Result<()> {
    let context = || format!("cannot change `{}`", file.display());
    let text = std::fs::read_to_string(file).with_context(context)?;
    let changed = replaced(&text, find, with).with_context(context)?;
    std::fs::write(file, changed).with_context(context)
}

fn replaced(text: &str, find: &str, with: &str) -> Result<String> {
    match text.matches(find).count() {
        1 => Ok(text.replace(find, with)),
        count => bail!("`{find}` is in it {count} times, and has to be once"),
    }
}

/// Writes a file that is not there before, or another text into one.
pub(crate) fn write(file: &Path, text: &str, executable: bool) -> Result<()> {
    let context = || format!("cannot write `{}`", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    // In place: a container has the file itself mounted, not its name.
    let mut open = std::fs::File::options()
        .create(true)
        .write(true)
        .truncate(true)
        .open(file)
        .with_context(context)?;
    open.write_all(text.as_bytes()).with_context(context)?;
    let mode = if executable { 0o755 } else { 0o644 };
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(mode)).with_context(context)
}

fn bowline(
    stack: &Stack<'_>,
    words: &[String],
    may_fail: bool,
    aftermath: &mut Aftermath,
) -> Result<()> {
    let output = stack.bowline(words)?;
    aftermath.said = String::from_utf8_lossy(&output.stderr).into_owned();
    if !may_fail && !output.status.success() {
        let shown = words.join(" ");
        bail!(
            "`bowline {shown}` ended with {}: {}",
            output.status,
            aftermath.said.trim()
        );
    }
    Ok(())
}

fn attempt(look: &Look<'_>, service: &str, what: &str, may_fail: bool) -> Result<()> {
    let done = each(look, service, what);
    if may_fail { Ok(()) } else { done }
}

fn each(look: &Look<'_>, service: &str, what: &str) -> Result<()> {
    for id in look.ids(service)? {
        look.change("POST", &format!("/containers/{id}/{what}"), None)?;
    }
    Ok(())
}

fn disconnect(look: &Look<'_>, service: &str, network: &str) -> Result<()> {
    for id in look.ids(service)? {
        let wanted = json!({ "Container": id, "Force": true });
        look.change(
            "POST",
            &format!("/networks/{network}/disconnect"),
            Some(&wanted),
        )?;
    }
    Ok(())
}

fn on_volume(look: &Look<'_>, volume: &str, command: &[String]) -> Result<()> {
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

fn foreign(look: &Look<'_>, name: &str, port: u16, aftermath: &mut Aftermath) -> Result<()> {
    let wanted = json!({
        "Image": crate::images::tag(BUSY),
        "Cmd": ["busybox", "httpd", "-f", "-p", "8080"],
        "ExposedPorts": { "8080/tcp": {} },
        // Of another stack, whose name begins as ours does, so that the sweep at the end finds it.
        "Labels": { (PROJECT): format!("{}-{name}", look.project()), (SERVICE): name },
        "HostConfig": { "PortBindings": { "8080/tcp": [{ "HostPort": port.to_string() }] } },
    });
    let path = format!("/containers/create?name={name}");
    let made = look.change("POST", &path, Some(&wanted))?;
    let id = made["Id"].as_str().unwrap_or_default();
    aftermath.foreign.push(id.to_owned());
    look.change("POST", &format!("/containers/{id}/start"), None)?;
    Ok(())
}

fn hold_port(port: u16, aftermath: &mut Aftermath) -> Result<()> {
    let this = std::env::current_exe().context("cannot find this program's own file")?;
    let mut child = program(this)
        .args(["faults", "hold", &port.to_string()])
        .into_command()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start a process that holds a port")?;
    let alive = child.stdin.take().context("a process without an input")?;
    let mut said = child.stdout.take().context("a process without an output")?;
    aftermath.holders.push((child, alive));
    // It says so when it listens, and ends without a word when it cannot.
    let mut word = [0; 1];
    std::io::Read::read_exact(&mut said, &mut word)
        .with_context(|| format!("the port {port} could not be taken"))
}

/// What such a process does: listens until its input ends.
pub(crate) fn hold(port: &str) -> Result<()> {
    let port: u16 = port.parse().context("no port")?;
    let _listener = std::net::TcpListener::bind((std::net::Ipv4Addr::UNSPECIFIED, port))
        .with_context(|| format!("cannot listen on {port}"))?;
    println!("listening");
    std::io::copy(&mut std::io::stdin(), &mut std::io::sink())
        .context("cannot wait for the end of the case")?;
    Ok(())
}

impl Aftermath {
    /// Takes away what was made beside the stack.
    pub(crate) fn tidy(&mut self, look: &Look<'_>) -> Result<()> {
        for (mut child, alive) in self.holders.drain(..) {
            drop(alive);
            child
                .wait()
                .context("cannot wait for a process that held a port")?;
        }
        for id in self.foreign.drain(..) {
            look.change("DELETE", &format!("/containers/{id}?force=1"), None)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_has_to_be_there_once() {
        assert_eq!(replaced("a: 1\nb: 2\n", "1", "3").unwrap(), "a: 3\nb: 2\n");
        assert!(replaced("a: 1\nb: 1\n", "1", "3").is_err());
        let none = replaced("a", "b", "c").unwrap_err().to_string();
        assert_eq!(none, "`b` is in it 0 times, and has to be once");
    }

    #[test]
    fn a_case_changes_no_file_outside_of_its_folder() {
        let engine = Endpoint::at("/nowhere");
        let folder = Path::new("stack");
        let stack = Stack {
            bowline: folder,
            engine: &engine,
            folder,
            state: folder,
        };
        assert!(stack.file("html/index.html").is_ok());
        for outside in ["../compose.yaml", "/etc/passwd", "a/../../b"] {
            assert!(stack.file(outside).is_err(), "{outside}");
        }
    }
}
