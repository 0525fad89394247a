//! Puts a fault into a healthy stack.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::json;

use super::beside::{self, Aftermath};
use super::case::{Action, Symptom};
use super::look::Look;
use super::symptom;
use crate::engine::http::Endpoint;
use crate::program::{as_root, program};

/// bowline, and the folder of a case in which it works.
pub(crate) struct Stack<'a> {
    pub(crate) bowline: &'a Path,
    pub(crate) engine: &'a Endpoint,
    /// The rendered files.
    pub(crate) folder: &'a Path,
    /// Where bowline keeps what it knows.
    pub(crate) state: &'a Path,
    /// The files as they were at first.
    pub(crate) files: &'a [Rendered],
}

/// A file of a stack with the names of this run.
pub(crate) struct Rendered {
    /// Below the stack's folder.
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    pub(crate) executable: bool,
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

    /// Writes the stack's files as they were at first.
    pub(crate) fn restore(&self) -> Result<()> {
        for file in self.files {
            write(&self.folder.join(&file.path), &file.text, file.executable)?;
        }
        Ok(())
    }

    /// Finds a file of the stack, and none outside of it.
    pub(crate) fn file(&self, name: &str) -> Result<PathBuf> {
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
        Action::Replace { .. }
        | Action::Write { .. }
        | Action::Delete { .. }
        | Action::Restore {} => in_files(action, stack),
        Action::Bowline { words, may_fail } => bowline(stack, words, *may_fail, aftermath),
        Action::Stop { service } => each(look, service, "stop"),
        Action::Kill { service } => each(look, service, "kill"),
        Action::Pause { service } => each(look, service, "pause"),
        Action::Unpause { service } => each(look, service, "unpause"),
        Action::Start { service, may_fail } => attempt(look, service, "start", *may_fail),
        Action::Restart { service, may_fail } => attempt(look, service, "restart", *may_fail),
        Action::Remove { service } => remove(look, service),
        Action::Disconnect { service, network } => disconnect(look, service, network),
        Action::RemoveNetwork { network } => look
            .change("DELETE", &format!("/networks/{network}"), None)
            .map(drop),
        Action::Exec {
            service,
            command,
            user,
            detach,
        } => exec(look, service, command, user, *detach),
        Action::InNetwork { service, command } => in_network(look, service, command),
        Action::OnVolume { volume, command } => beside::on_volume(look, volume, command),
        Action::HoldPort { port } => aftermath.hold_port(*port),
        Action::Outside { port, status } => aftermath.answer_outside(*port, *status),
        Action::Release {} => aftermath.tidy(look),
        Action::Foreign(wanted) => aftermath.foreign(look, wanted),
        Action::Image { tag, folder } => {
            beside::image(look, &stack.file(folder)?, stack.folder, tag)
        }
        Action::Await {
            symptom,
            within_secs,
        } => wait_for(look, symptom, &aftermath.said, *within_secs),
    }
}

fn in_files(action: &Action, stack: &Stack<'_>) -> Result<()> {
    match action {
        Action::Replace { file, find, with } => replace(&stack.file(file)?, find, with),
        Action::Write {
            file,
            text,
            executable,
        } => write(&stack.file(file)?, text, *executable),
        Action::Delete { file } => std::fs::remove_file(stack.file(file)?)
            .with_context(|| format!("cannot delete `{file}`")),
        _ => stack.restore(),
    }
}

fn wait_for(look: &Look<'_>, symptom: &Symptom, said: &str, within_secs: u64) -> Result<()> {
    let patience = Duration::from_secs(within_secs);
    match symptom::wait(look, std::slice::from_ref(symptom), said, patience)? {
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

fn remove(look: &Look<'_>, service: &str) -> Result<()> {
    for id in look.ids(service)? {
        look.change("DELETE", &format!("/containers/{id}?force=1"), None)?;
    }
    Ok(())
}

fn exec(
    look: &Look<'_>,
    service: &str,
    command: &[String],
    user: &str,
    detach: bool,
) -> Result<()> {
    for id in look.ids(service)? {
        if detach {
            look.exec_and_leave(&id, command, user)?;
        } else {
            look.exec(&id, command, user)?;
        }
    }
    Ok(())
}

/// Enters the network of containers, and nothing else of theirs: the programs are the host's.
fn in_network(look: &Look<'_>, service: &str, command: &[String]) -> Result<()> {
    for container in look.of_service(service)? {
        let pid = &container["State"]["Pid"];
        as_root("nsenter")
            .arg(format!("--net=/proc/{pid}/ns/net"))
            .arg("--")
            .args(command)
            .output()?;
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
            files: &[],
        };
        assert!(stack.file("html/index.html").is_ok());
        for outside in ["../compose.yaml", "/etc/passwd", "a/../../b"] {
            assert!(stack.file(outside).is_err(), "{outside}");
        }
    }
}
