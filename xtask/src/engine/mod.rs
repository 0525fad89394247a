//! `cargo xtask engine`: where tests find containers.
//!
//! Tests run on an engine of our own (`own`), never on the user's, unless the user names one with
//! `BOWLINE_TEST_DOCKER_HOST`. By hand: `up`, `down`, `status`, `run`; `kill` is for tests of crashes.

pub(crate) mod http;
mod nameserver;
pub(crate) mod own;
mod process;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::images;
use http::Endpoint;
use own::{Kind, Own};

pub(crate) const USAGE: &str = "\
usage: cargo xtask engine up|down|kill|fill|free|clear|status|run
         [--kind distribution|newest] [--name NAME] [--disk MEBIBYTES] [IMAGE…|-- PROGRAM…]

  up [IMAGE…]     start it and give it these images (all: `all`); with `--disk` on a disk of its own, in memory
  down            stop it with everything in it; images are kept, but for those on a disk of its own
  kill            kill it and its containerd with signal 9
  fill, free      take all the room on its own disk, but for `--leave` KIBIBYTES, and give it back
  clear           remove every container, network and volume in it
  run -- PROGRAM  run a program where its published ports are, with DOCKER_HOST and BOWLINE_TEST_DOCKER_HOST set
";

/// Carries out `cargo xtask engine …`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let mut kind = match std::env::var("BOWLINE_TEST_ENGINE_KIND") {
        Ok(word) => Kind::parse(&word)?,
        Err(_) => Kind::Distribution,
    };
    let (mut name, mut disk, mut leave, mut rest) = ("test", None, 0, Vec::new());
    let mut words = arguments.iter().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().map(String::as_str).unwrap_or_default();
        match word.as_str() {
            "--kind" => kind = Kind::parse(value())?,
            "--name" => name = value(),
            "--disk" => disk = Some(value().parse().context("`--disk` needs a number of MiB")?),
            "--leave" => leave = value().parse().context("`--leave` needs a number of KiB")?,
            "--" => rest.extend(words.by_ref().cloned()),
            _ => rest.push(word.clone()),
        }
    }
    let engine = Own::new(kind, name)?;
    match arguments.first().map(String::as_str) {
        Some("up") => {
            if let Some(mebibytes) = disk {
                engine.limit_disk(mebibytes)?;
            }
            engine.up(true)?;
            if !rest.is_empty() {
                let names = if rest == ["all"] { Vec::new() } else { rest };
                images::prepare(root, &engine.endpoint(), &names)?;
            }
        }
        Some("down") => engine.down()?,
        Some("kill") => return engine.kill(),
        Some("fill") => return engine.fill_disk(leave),
        Some("free") => return engine.free_disk(),
        Some("clear") => engine.clear()?,
        Some("status") => {}
        Some("run") => {
            let host = engine.endpoint().as_host();
            let [program, arguments @ ..] = rest.as_slice() else {
                bail!("{USAGE}")
            };
            return engine
                .inside(program)?
                .args(arguments)
                .env("DOCKER_HOST", &host)
                .env("BOWLINE_TEST_DOCKER_HOST", &host)
                .run();
        }
        // Not for people: the engine starts it.
        Some("nameserver") => return nameserver::serve(),
        _ => bail!("{USAGE}"),
    }
    println!("{}", engine.status());
    Ok(())
}

/// Returns where the user's own commands look for an engine, and whether `DOCKER_HOST` says so.
pub(crate) fn named() -> Result<(Endpoint, bool)> {
    Ok(match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => (Endpoint::parse(&host)?, true),
        _ => (Endpoint::at("/var/run/docker.sock"), false),
    })
}

/// Returns the engine at `host`, which has to be up.
pub(crate) fn running(host: &str) -> Result<Endpoint> {
    let endpoint = Endpoint::parse(host)?;
    if !endpoint.answers() {
        bail!("no engine answers at `{host}`; without `--host` one is started for this");
    }
    Ok(endpoint)
}

/// Finds the engine that the user's own commands would use.
pub(crate) fn find() -> Result<Endpoint> {
    let (endpoint, _) = named()?;
    if !endpoint.answers() {
        bail!(
            "no engine answers at `{}`; `cargo xtask engine up` starts one for tests",
            endpoint.as_host()
        );
    }
    Ok(endpoint)
}
