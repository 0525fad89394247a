//! `cargo xtask demo`: shows bowline at work on a real stack, on a machine that may have nothing but Rust.
//!
//! Preparation first: an engine (`engine`), images (`pictures`), the release build, a free port. Then the
//! tour (`tour`), in which every command is printed as a reader would type it, with its true output. It
//! stops at the first thing that does not go as said, and never removes anything: the stack is left running.

mod engine;
mod pictures;
mod tour;

use std::fs::Permissions;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::engine::http::Endpoint;
use crate::program::{build_bowline, target};
use pictures::Picture;
use tour::Tour;

pub(crate) const USAGE: &str = "\
usage: cargo xtask demo [--install-engine] [--no-pull]

  --install-engine  install and start Docker without asking where there is none
  --no-pull         use images built from Debian's packages, do not try the official ones
";

/// Where the stack is, seen from the workspace.
const STACK: &str = "stacks/orders/compose.yaml";

/// What the stack is called, so that it meets no stack of the user's.
const PROJECT: &str = "orders-demo";

/// The port that people expect; where it is taken, the system chooses another one.
const USUAL_PORT: u16 = 8080;

#[derive(Debug, Default, PartialEq, Eq)]
struct Options {
    install_engine: bool,
    no_pull: bool,
}

impl Options {
    fn parse(arguments: &[String]) -> Result<Self> {
        let mut options = Self::default();
        for word in arguments {
            match word.as_str() {
                "--install-engine" => options.install_engine = true,
                "--no-pull" => options.no_pull = true,
                other => bail!("`{other}` is not understood\n\n{USAGE}"),
            }
        }
        Ok(options)
    }
}

/// Carries out `cargo xtask demo …`.
pub(crate) fn run(root: &Path, arguments: &[String]) -> Result<()> {
    let options = Options::parse(arguments)?;
    let engine = engine::find_or_install(options.install_engine)?;
    let pictures = pictures::prepare(root, &engine, !options.no_pull)?;
    let bowline = build_bowline(root)?;
    let port = port(&engine)?;
    let defaults = root.join("stacks/orders/.env");
    let defaults = std::fs::read_to_string(&defaults)
        .with_context(|| format!("cannot read `{}`", defaults.display()))?;
    let settings = target(root).join("demo").join("orders.env");
    write(&settings, &settings_text(&pictures, port))?;
    let_containers_read(&root.join("stacks/orders/secrets/database_password.txt"))?;
    Tour {
        root,
        bowline: relative(root, &bowline),
        settings: relative(root, &settings),
        variables: names(&defaults),
        engine: &engine,
        port,
    }
    .run()
}

/// Returns the variables that an env file sets.
fn names(text: &str) -> Vec<&str> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect()
}

/// Returns the port that the stack has already, the usual one, or a free one.
fn port(engine: &Endpoint) -> Result<u16> {
    if let Some(port) = published(&engine.get("/containers/json")?) {
        return Ok(port);
    }
    let free = |port| TcpListener::bind((Ipv4Addr::UNSPECIFIED, port));
    let listener = free(USUAL_PORT)
        .or_else(|_| free(0))
        .context("no port is free")?;
    Ok(listener
        .local_addr()
        .context("a port without a number")?
        .port())
}

/// Finds where a demo that is still running is published.
fn published(containers: &Value) -> Option<u16> {
    let own = containers.as_array()?.iter().find(|container| {
        let labels = &container["Labels"];
        labels["com.docker.compose.project"] == PROJECT
            && labels["com.docker.compose.service"] == "nginx"
    })?;
    let ports = own["Ports"].as_array()?.iter();
    ports
        .filter_map(|port| port["PublicPort"].as_u64())
        .find_map(|port| u16::try_from(port).ok())
}

/// What the stack has to be told, as an env file in place of its own `.env`.
fn settings_text(pictures: &[Picture], port: u16) -> String {
    let mut lines = vec![
        "# Written by `cargo xtask demo`.".to_owned(),
        format!("COMPOSE_PROJECT_NAME={PROJECT}"),
        format!("ORDERS_PORT={port}"),
    ];
    let images = pictures.iter();
    lines.extend(images.map(|picture| format!("{}={}", picture.variable, picture.image)));
    lines.join("\n") + "\n"
}

/// A secret from a file is mounted as it is; a clone made with a strict umask would lock its readers out.
pub(crate) fn let_containers_read(secret: &Path) -> Result<()> {
    let context = || format!("cannot look at `{}`", secret.display());
    let mode = std::fs::metadata(secret)
        .with_context(context)?
        .permissions()
        .mode();
    if mode & 0o004 == 0 {
        println!("letting services read {}", secret.display());
        std::fs::set_permissions(secret, Permissions::from_mode(mode | 0o044))
            .with_context(context)?;
    }
    Ok(())
}

fn write(file: &Path, text: &str) -> Result<()> {
    let context = || format!("cannot write `{}`", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    std::fs::write(file, text).with_context(context)
}

fn relative(root: &Path, path: &Path) -> PathBuf {
    path.strip_prefix(root).unwrap_or(path).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn options_are_read_and_unknown_ones_refused() {
        let parse = |words: &[&str]| {
            let words: Vec<String> = words.iter().map(|&word| word.to_owned()).collect();
            Options::parse(&words)
        };
        assert_eq!(parse(&[]).unwrap(), Options::default());
        assert!(parse(&["--install-engine"]).unwrap().install_engine);
        assert!(parse(&["--no-pull"]).unwrap().no_pull);
        assert!(parse(&["--install"]).is_err());
    }

    #[test]
    fn the_names_of_an_env_file_are_found() {
        assert_eq!(names("# A=1\nB=2\n\nC=\n"), ["B", "C"]);
    }

    #[test]
    fn a_running_demo_keeps_its_port() {
        let containers = |project: &str| {
            json!([
                { "Labels": { "com.docker.compose.project": "other", "com.docker.compose.service": "nginx" },
                  "Ports": [{ "PrivatePort": 80, "PublicPort": 80 }] },
                { "Labels": { "com.docker.compose.project": project, "com.docker.compose.service": "nginx" },
                  "Ports": [{ "PrivatePort": 443 }, { "PrivatePort": 80, "PublicPort": 8099 }] },
            ])
        };
        assert_eq!(published(&containers(PROJECT)), Some(8099));
        assert_eq!(published(&containers("orders")), None);
    }

    #[test]
    fn the_settings_name_project_port_and_images() {
        let pictures = [Picture {
            variable: "REDIS_IMAGE",
            image: "redis:7".to_owned(),
        }];
        let text = settings_text(&pictures, 8081);
        assert!(text.ends_with(
            "COMPOSE_PROJECT_NAME=orders-demo\nORDERS_PORT=8081\nREDIS_IMAGE=redis:7\n"
        ));
    }
}
