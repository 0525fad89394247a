//! Starts programs that outlive this one, and stops exactly those again.
//!
//! A process is known by its pidfile *and* by a word on its command line, so that a pid which was given
//! to somebody else in the meantime is never signalled.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::program::{as_root, last_lines};

/// A background program of an engine.
pub(crate) struct Daemon {
    /// What people call it.
    pub(crate) name: &'static str,
    pub(crate) pidfile: PathBuf,
    pub(crate) log: PathBuf,
    /// A word that is on its command line and on no other's.
    pub(crate) mark: String,
}

/// Notes its own pid and becomes the program: the pid stays right through `sudo` and `nsenter`.
const NOTE_PID: &str = r#"echo "$$" >"$0"; exec "$@""#;

const KILL: &str = r#"kill "$1" "$2""#;

impl Daemon {
    /// Starts `command` in a session of its own and inside the network namespace `namespace`.
    pub(crate) fn start(&self, namespace: &Path, path: &str, command: &[String]) -> Result<()> {
        let log = File::create(&self.log)
            .with_context(|| format!("cannot write the log `{}`", self.log.display()))?;
        let copy = log.try_clone().context("cannot share the log")?;
        let mut started = as_root("setsid")
            .arg("nsenter")
            .arg(format!("--net={}", namespace.display()))
            .args(["env", &format!("PATH={path}"), "sh", "-c", NOTE_PID])
            .arg(&self.pidfile)
            .args(command)
            .into_command();
        started.stdout(log).stderr(copy);
        started
            .spawn()
            .with_context(|| format!("cannot start {}", self.name))?;
        Ok(())
    }

    /// Waits until `ready` says so; shows the log's end when the program dies or takes too long.
    pub(crate) fn wait_until(&self, patience: Duration, ready: impl Fn() -> bool) -> Result<()> {
        let begun = Instant::now();
        while !ready() {
            let elapsed = begun.elapsed();
            // It needs a moment to note its pid; after that, not running means dead.
            if elapsed > patience || (elapsed > Duration::from_secs(2) && self.pid().is_none()) {
                bail!(
                    "{} did not come up within {} s; the end of {}:\n{}",
                    self.name,
                    elapsed.as_secs(),
                    self.log.display(),
                    last_lines(&self.log, 25)
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Returns its pid while it runs.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = std::fs::read_to_string(&self.pidfile)
            .ok()?
            .trim()
            .parse()
            .ok()?;
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
        String::from_utf8_lossy(&command)
            .contains(&self.mark)
            .then_some(pid)
    }

    /// Asks it to end and makes it after `patience`.
    pub(crate) fn stop(&self, patience: Duration) -> Result<()> {
        self.signal("-TERM")?;
        let begun = Instant::now();
        while self.pid().is_some() {
            if begun.elapsed() > patience {
                self.signal("-KILL")?;
                std::thread::sleep(Duration::from_millis(300));
                break;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    /// Sends a signal if it runs.
    pub(crate) fn signal(&self, signal: &str) -> Result<()> {
        match self.pid() {
            // The shell's own `kill`: a small system has no program of that name.
            Some(pid) => as_root("sh")
                .args(["-c", KILL, "kill", signal, &pid.to_string()])
                .run(),
            None => Ok(()),
        }
    }
}
