//! Starts the programs that the development commands need: apt, debootstrap, tar, ip, cargo, dockerd.
//!
//! A failure always names the program with its arguments. Programs that need root are started through
//! `sudo` for everybody else. No shell string is assembled here: arguments stay a vector.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use anyhow::{Context, Result, bail};

/// A program about to be started.
pub(crate) struct Program {
    command: Command,
}

/// Prepares `name` with the rights of whoever called.
pub(crate) fn program(name: impl AsRef<OsStr>) -> Program {
    let mut command = Command::new(name);
    command.stdin(Stdio::null());
    Program { command }
}

/// Prepares `name` with root's rights.
pub(crate) fn as_root(name: impl AsRef<OsStr>) -> Program {
    if is_root() {
        program(name)
    } else {
        program("sudo").arg("--").arg(name)
    }
}

/// The cargo that runs us.
pub(crate) fn cargo_program() -> String {
    std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned())
}

/// Prepares cargo in the workspace.
pub(crate) fn cargo(root: &Path) -> Program {
    program(cargo_program()).folder(root)
}

/// Where cargo puts what it builds.
pub(crate) fn target(root: &Path) -> PathBuf {
    // Joining an absolute path gives that path.
    root.join(std::env::var_os("CARGO_TARGET_DIR").unwrap_or_else(|| "target".into()))
}

/// Builds bowline as it is shipped, and returns the program.
pub(crate) fn build_bowline(root: &Path) -> Result<PathBuf> {
    println!("\nbuilding bowline, release");
    cargo(root)
        .args([
            "build",
            "--release",
            "--package",
            "bowline",
            "--bin",
            "bowline",
        ])
        .run()?;
    Ok(target(root).join("release").join("bowline"))
}

/// Says whether whoever called is root.
pub(crate) fn is_root() -> bool {
    static ROOT: OnceLock<bool> = OnceLock::new();
    *ROOT.get_or_init(|| {
        program("id")
            .arg("-u")
            .output()
            .is_ok_and(|id| id.trim() == "0")
    })
}

/// Says whether `name` can be found in PATH or where administrators' programs are.
pub(crate) fn exists(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    folders
        .map(|folder| folder.join(name))
        .any(|file| file.is_file())
}

impl Program {
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    pub(crate) fn folder(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// Gives up the wrapping, for callers that need the streams or the process.
    pub(crate) fn into_command(self) -> Command {
        self.command
    }

    /// Runs to the end, with output to where ours goes.
    pub(crate) fn run(mut self) -> Result<()> {
        let shown = self.shown();
        let status = self
            .command
            .status()
            .with_context(|| cannot_start(&shown))?;
        if !status.success() {
            bail!("`{shown}` failed with {status}");
        }
        Ok(())
    }

    /// Runs to the end, with output into `log`, whose end is shown when it fails.
    pub(crate) fn run_into(mut self, log: &Path) -> Result<()> {
        let shown = self.shown();
        let file = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot write the log `{}`", log.display()))?;
        let copy = file.try_clone().context("cannot share the log")?;
        let status = self
            .command
            .stdout(file)
            .stderr(copy)
            .status()
            .with_context(|| cannot_start(&shown))?;
        if !status.success() {
            bail!(
                "`{shown}` failed with {status}; the end of {}:\n{}",
                log.display(),
                last_lines(log, 25)
            );
        }
        Ok(())
    }

    /// Runs to the end, with its standard output as the new file `file`.
    pub(crate) fn run_to(mut self, file: &Path) -> Result<()> {
        let output =
            File::create(file).with_context(|| format!("cannot create `{}`", file.display()))?;
        self.command.stdout(output);
        self.run()
    }

    /// Runs to the end and returns what it printed.
    pub(crate) fn output(mut self) -> Result<String> {
        let shown = self.shown();
        let output = self
            .command
            .output()
            .with_context(|| cannot_start(&shown))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("`{shown}` failed with {}: {}", output.status, said.trim());
        }
        String::from_utf8(output.stdout)
            .with_context(|| format!("`{shown}` printed something that is no text"))
    }

    fn shown(&self) -> String {
        let mut shown = self.command.get_program().to_string_lossy().into_owned();
        for arg in self.command.get_args() {
            shown.push(' ');
            shown.push_str(&arg.to_string_lossy());
        }
        shown
    }
}

fn cannot_start(shown: &str) -> String {
    format!("cannot start `{shown}`")
}

/// Returns the last lines of a log, or why it cannot be read.
pub(crate) fn last_lines(log: &Path, count: usize) -> String {
    match std::fs::read_to_string(log) {
        Ok(text) => {
            let lines: Vec<&str> = text.lines().collect();
            lines[lines.len().saturating_sub(count)..].join("\n")
        }
        Err(error) => format!("(cannot read `{}`: {error})", log.display()),
    }
}
