//! The engine for the demo: the user's own, or Docker from the distribution, after asking.
//!
//! An engine that runs is used as it is. One that refuses the user is never worked around. Nothing is
//! installed where somebody at a terminal said no.

use std::fs::File;
use std::io::{ErrorKind, IsTerminal, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cache;
use crate::distribution::require;
use crate::engine::http::Endpoint;
use crate::engine::named;
use crate::program::{as_root, exists, last_lines, program};

/// What the engine consists of, and the packages that have it.
const PROGRAMS: &[&str] = &["dockerd", "containerd", "runc", "iptables"];
const PACKAGES: &[&str] = &["docker.io", "iptables"];

const ELSEWHERE: &str = "\
no container engine answers, and only Debian's and Ubuntu's packages are known here; install Docker with
your system's own means and start it, for example
    Fedora         sudo dnf install moby-engine && sudo systemctl start docker
    Arch Linux     sudo pacman -S docker && sudo systemctl start docker
    Alpine Linux   sudo apk add docker && sudo rc-service docker start
then run this again; or set DOCKER_HOST to the socket of an engine that you have";

/// How long an engine takes to start on a slow machine.
const PATIENCE: Duration = Duration::from_secs(90);

#[derive(Debug, PartialEq, Eq)]
enum State {
    Answers,
    /// It is there, and not for this user.
    Refuses,
    Silent,
}

/// Finds the engine that the user's own commands use; else installs and starts one, if that is wanted.
pub(crate) fn find_or_install(without_asking: bool) -> Result<Endpoint> {
    let (endpoint, chosen) = named()?;
    let host = endpoint.as_host();
    match look(&endpoint) {
        State::Answers => {}
        State::Refuses => bail!(
            "the engine at `{host}` refuses you; run `sudo usermod --append --groups docker $USER` and log in \
             again, or run the demo as root"
        ),
        State::Silent if chosen => bail!(
            "no engine answers at `{host}`, which DOCKER_HOST names; start it, or unset DOCKER_HOST"
        ),
        State::Silent => {
            install_and_start(&endpoint, without_asking)?;
        }
    }
    let version = endpoint.get("/version")?;
    println!(
        "engine: Docker {} at {host}",
        version["Version"].as_str().unwrap_or("?")
    );
    Ok(endpoint)
}

fn look(endpoint: &Endpoint) -> State {
    match UnixStream::connect(&endpoint.socket) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => State::Refuses,
        Ok(_) if endpoint.answers() => State::Answers,
        _ => State::Silent,
    }
}

fn install_and_start(endpoint: &Endpoint, without_asking: bool) -> Result<()> {
    let installed = exists("dockerd");
    if !installed && !exists("apt-get") {
        bail!(ELSEWHERE);
    }
    let what = if installed {
        "start the Docker that is installed here"
    } else {
        "install Docker from the distribution's packages (docker.io) and start it"
    };
    if !may(what, without_asking)? {
        bail!("without an engine there is nothing to show; start one and run this again");
    }
    let logs = cache::folder(&["logs"])?;
    require(PROGRAMS, PACKAGES, &logs.join("engine-install.log"))?;
    // A package may have started its service.
    if look(endpoint) == State::Silent {
        start(&logs.join("dockerd.log"))?;
    }
    wait(endpoint, &logs.join("dockerd.log"))?;
    if look(endpoint) == State::Refuses {
        // Nobody else can be using it yet.
        let group = program("id").arg("-gn").output()?;
        println!("letting you use the engine until it is started again");
        as_root("chgrp")
            .arg(group.trim())
            .arg(&endpoint.socket)
            .run()?;
    }
    Ok(())
}

/// Asks at a terminal; without one it is taken as a yes, and said.
fn may(what: &str, without_asking: bool) -> Result<bool> {
    println!("no container engine answers here");
    if without_asking || !std::io::stdin().is_terminal() {
        let why = if without_asking {
            "--install-engine"
        } else {
            "no terminal to ask at"
        };
        println!("going on to {what} ({why})");
        return Ok(true);
    }
    print!("May this {what}? [Y/n] ");
    std::io::stdout().flush().context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("cannot read the answer")?;
    Ok(is_yes(&answer))
}

/// An empty line is a yes; the end of input, which has not even a line end, is none.
fn is_yes(answer: &str) -> bool {
    let word = answer.trim().to_lowercase();
    answer.ends_with('\n') && matches!(word.as_str(), "" | "y" | "yes")
}

/// Starts the engine as the system starts its services, or by hand where it has no such thing.
fn start(log: &Path) -> Result<()> {
    if Path::new("/run/systemd/system").is_dir() {
        return as_root("systemctl").args(["start", "docker"]).run();
    }
    if let Some(pid) = engine_beside() {
        bail!(
            "dockerd runs here already (process {pid}) but not at the usual socket, and a second one in the same \
             network would tear down its packet filter; set DOCKER_HOST to the socket that it has"
        );
    }
    println!("starting dockerd; its log is {}", log.display());
    let group = program("id").arg("-gn").output()?;
    let output =
        File::create(log).with_context(|| format!("cannot write the log `{}`", log.display()))?;
    let copy = output.try_clone().context("cannot share the log")?;
    let mut command = as_root("setsid")
        .args(["dockerd", "--group", group.trim()])
        .into_command();
    command
        .stdout(output)
        .stderr(copy)
        .spawn()
        .context("cannot start dockerd")?;
    Ok(())
}

/// Finds an engine in this network namespace, wherever it listens.
fn engine_beside() -> Option<u32> {
    let network = |process: &str| {
        as_root("readlink")
            .arg(format!("/proc/{process}/ns/net"))
            .output()
            .ok()
    };
    let own = network("self")?;
    let processes = std::fs::read_dir("/proc").ok()?.flatten();
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .filter(|pid| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| name.trim() == "dockerd")
        })
        .find(|pid| network(&pid.to_string()).as_ref() == Some(&own))
}

fn wait(endpoint: &Endpoint, log: &Path) -> Result<()> {
    let begun = Instant::now();
    while look(endpoint) == State::Silent {
        if begun.elapsed() > PATIENCE {
            bail!(
                "the engine does not answer at `{}` after {} s; the end of its log:\n{}",
                endpoint.as_host(),
                PATIENCE.as_secs(),
                last_lines(log, 25)
            );
        }
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_or_an_empty_line_is_a_yes() {
        for yes in ["\n", "y\n", "Yes\n"] {
            assert!(is_yes(yes), "{yes:?}");
        }
        for no in ["", "n\n", "no\n", "what?\n", "y"] {
            assert!(!is_yes(no), "{no:?}");
        }
    }

    #[test]
    fn where_nothing_listens_there_is_silence() {
        assert_eq!(
            look(&Endpoint::at("/nonexistent/docker.sock")),
            State::Silent
        );
    }
}
