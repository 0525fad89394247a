//! The binary, started with nothing around it but what a test says.

#![allow(dead_code, reason = "each test uses its part")]
#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary starts it, writes its files, and ends where that fails"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use tempfile::TempDir;

/// The name of a stack that no other test has.
pub(crate) fn stack_name(name: &str) -> String {
    format!("bowline-test-{name}-{}", std::process::id())
}

/// A folder to run in, with an environment of its own.
pub(crate) struct Program {
    folder: TempDir,
    host: String,
}

impl Program {
    /// With no engine where it looks for one.
    pub(crate) fn without_engine() -> Self {
        Self::on("unix:///nowhere/engine.sock")
    }

    /// With the engine at this host, written as `DOCKER_HOST` is.
    pub(crate) fn on(host: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            host: host.to_owned(),
        }
    }

    /// The same folder, with the engine at this host.
    pub(crate) fn moved_to(self, host: &str) -> Self {
        Self {
            host: host.to_owned(),
            ..self
        }
    }

    /// The folder in which it runs.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into its folder.
    pub(crate) fn write(&self, name: &str, text: &str) {
        fs::write(self.folder.path().join(name), text).unwrap();
    }

    /// The binary with these arguments, not started yet; its input is empty.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bowline"));
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.folder.path())
            .env("TZ", "UTC")
            .env("DOCKER_HOST", &self.host)
            .env("BOWLINE_STATE_HOME", self.folder.path().join("state"))
            .env("BOWLINE_CONFIG_HOME", self.folder.path().join("config"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to its end.
    pub(crate) fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Runs it to its end as somebody who may open the engine's socket and nothing else: without any of root's rights.
    pub(crate) fn powerless(&self, arguments: &[&str]) -> Output {
        let plain = self.command(arguments);
        let mut command = Command::new("setpriv");
        command
            .arg("--bounding-set=-all")
            .arg(plain.get_program())
            .args(plain.get_args())
            .env_clear()
            .envs(
                plain
                    .get_envs()
                    .filter_map(|(key, value)| Some((key, value?))),
            )
            .current_dir(self.folder.path())
            .stdin(Stdio::null());
        command.output().unwrap()
    }

    /// Runs it, and gives its exit code and what it said, standard output first.
    pub(crate) fn said(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let Output {
            status,
            stdout,
            stderr,
        } = self.output(arguments);
        let said = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
        (status.code(), said)
    }

    /// Runs it to an end that has to be with `code`, and gives what it said.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let (is, said) = self.said(arguments);
        assert_eq!(is, Some(code), "{arguments:?}\n{said}");
        said
    }

    /// Looks with `doctor` until a cause is there: an engine takes its time to call a service unhealthy.
    pub(crate) fn until_found(&self, code: &str) {
        let found = (0..60).any(|_| self.said(&["doctor", "--only", code]).0 == Some(11));
        assert!(found, "{}", self.said(&["doctor"]).1);
    }

    /// Starts it.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).spawn().unwrap()
    }

    /// Runs it, and gives all that came of it as text, its own folder replaced.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = self.output(arguments);
        let mut text = match status.code() {
            Some(code) => format!("[exit {code}]\n"),
            None => "[killed]\n".to_owned(),
        };
        for (name, bytes) in [("stdout", stdout), ("stderr", stderr)] {
            if !bytes.is_empty() {
                text += "--- ";
                text += name;
                text += "\n";
                text += &String::from_utf8_lossy(&bytes);
            }
        }
        text.replace(&self.folder.path().display().to_string(), "$FOLDER")
    }
}
