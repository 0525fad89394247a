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

mod audit;
mod bench;
mod cache;
mod check;
mod demo;
mod distribution;
mod engine;
mod faults;
mod images;
mod keeper;
mod newest;
mod program;
mod request;
mod test;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};

const USAGE: &str = "\
usage: cargo xtask COMMAND

  test    everything that has to hold, in one command; `test --help` for its options
  check   is the house in order: directions, libraries, licences, text
  audit   advisories and licences by cargo-deny
  images  build the test images and load them into an engine; `images --list` for what there is
  engine  an engine for tests: up, down, status, run
  demo    see bowline at work on an example stack; `demo --help` for its options
  bench   measure bowline side by side with docker compose; `bench --help` for its options
  faults  break stacks in known ways and score the diagnosis; `faults --help` for its options
";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        // It has said itself what is wrong.
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Carries out a command and says whether all is well.
fn run(arguments: &[String]) -> Result<bool> {
    let root = root();
    let [command, rest @ ..] = arguments else {
        print!("{USAGE}");
        return Ok(true);
    };
    let asks_for_help = rest
        .first()
        .is_some_and(|word| word == "--help" || word == "-h");
    match command.as_str() {
        "test" if asks_for_help => print!("{}", test::USAGE),
        "demo" if asks_for_help => print!("{}", demo::USAGE),
        "engine" if asks_for_help => print!("{}", engine::USAGE),
        "bench" if asks_for_help => print!("{}", bench::USAGE),
        "faults" if asks_for_help => print!("{}", faults::USAGE),
        "faults" => return faults::run(&root, rest),
        // Not for people: a run that makes things on an engine starts it.
        "keeper" => keeper::serve(rest)?,
        "bench" => return bench::run(&root, rest),
        "test" => return test::run(&root, rest),
        "check" => check::run(&root)?,
        "audit" => audit::run(&root)?,
        "images" if rest == ["--list"] => images::list(&root)?,
        "images" => images::prepare(&root, &engine::find()?, rest)?,
        "engine" => engine::run(&root, rest)?,
        "demo" => demo::run(&root, rest)?,
        "help" | "--help" | "-h" => print!("{USAGE}"),
        other => bail!("there is no command `{other}`\n\n{USAGE}"),
    }
    Ok(true)
}

/// The workspace: the folder above this crate's own.
fn root() -> PathBuf {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own).to_owned()
}
