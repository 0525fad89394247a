//! `cargo xtask audit`: what cargo-deny knows beyond `cargo xtask check`: advisories, yanked versions,
//! licence texts.
//!
//! Needs cargo-deny and its advisory database, so it is a command of its own: the tests do not depend on
//! what the network says today.

use std::path::Path;

use anyhow::{Result, bail};

use crate::program::program;

/// Runs every check of cargo-deny, and fails when one of them failed or could not run.
pub(crate) fn run(root: &Path) -> Result<()> {
    if program("cargo")
        .args(["deny", "--version"])
        .output()
        .is_err()
    {
        bail!(
            "cargo-deny is not installed; `cargo install --locked cargo-deny` installs it (it builds for minutes)\n\
             licences, bans and directions are checked without it by `cargo xtask check`"
        );
    }
    let mut failed = Vec::new();
    for part in ["licenses", "bans", "sources", "advisories"] {
        println!("== {part}");
        if let Err(error) = program("cargo")
            .folder(root)
            .args(["deny", "--workspace", "check", part])
            .run()
        {
            println!("{error:#}");
            failed.push(part);
        }
    }
    if failed.is_empty() {
        return Ok(());
    }
    bail!(
        "failed, or could not run: {}; advisories need the advisory database from the network",
        failed.join(", ")
    )
}
