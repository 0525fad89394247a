//! `cargo xtask`: everything that is done with the sources of bowline, as one program.
//!
//! Contributors, CI and the README run the same commands. Nothing here is shipped, and nothing of the
//! product uses it. Where to read next: `check/house.rs` for what is allowed, `test/mod.rs` for what a
//! complete test run is, `engine/mod.rs` for where tests find containers.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a development program: it prints, reads files and starts programs all over; nothing of it is shipped"
)]

mod cache;
mod check;
mod distribution;
mod engine;
mod images;
mod program;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  check     is the house in order: directions, libraries, licences, text
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<()> {
    let root = root();
    match arguments.first().map(String::as_str) {
        Some("check") => check::run(&root),
        Some("images") => images::prepare(&root, &engine::find()?, &arguments[1..]),
        Some("engine") => engine::run(&root, &arguments[1..]),
        Some("help" | "--help" | "-h") | None => {
            print!("{USAGE}");
            Ok(())
        }
        Some(other) => bail!("no such command: `{other}`\n\n{USAGE}"),
    }
}

/// The workspace: the folder above this crate's own.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
