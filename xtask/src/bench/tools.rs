//! Starts the two tools, and notes how long a command took and how much memory it held.
//!
//! Both get the same words, the same files and the same environment. GNU time stands between: it starts the
//! program, waits for it with `wait4`, and tells the largest resident set of it and of the children that it
//! waited for. It needs under a millisecond for that, which both tools are charged.

use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::figures::Tool;
use super::stacks::Stack;
use crate::engine::http::Endpoint;
use crate::program::{last_lines, program};

/// A command of a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Up,
    Ps,
    Config,
    Down,
}

impl Verb {
    /// The words for both tools. bowline waits without being told; Compose has to be told.
    fn words(self) -> &'static [&'static str] {
        match self {
            Self::Up => &["up", "--detach", "--wait"],
            Self::Ps => &["ps"],
            Self::Config => &["config"],
            Self::Down => &["down"],
        }
    }
}

/// Where the tools are, and what they work with.
pub(crate) struct Tools<'a> {
    pub(crate) bowline: &'a Path,
    pub(crate) compose: &'a [String],
    pub(crate) engine: &'a Endpoint,
    /// Where state, logs and GNU time's answers go.
    pub(crate) folder: &'a Path,
}

/// A command that was started.
pub(crate) struct Running {
    child: Child,
    begun: Instant,
    /// As it would be typed.
    shown: String,
    log: PathBuf,
    peak: PathBuf,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) took: Duration,
    pub(crate) peak_mib: f64,
    /// What went wrong, with the end of what it printed.
    pub(crate) failure: Option<String>,
}

impl Tools<'_> {
    /// Runs a command to its end, which has to be a good one.
    pub(crate) fn run(
        &self,
        tool: Tool,
        stack: &Stack,
        project: &str,
        verb: Verb,
    ) -> Result<Ended> {
        let ended = self.start(tool, stack, project, verb)?.wait()?;
        match ended.failure {
            Some(failure) => bail!(failure),
            None => Ok(ended),
        }
    }

    pub(crate) fn start(
        &self,
        tool: Tool,
        stack: &Stack,
        project: &str,
        verb: Verb,
    ) -> Result<Running> {
        let mut words = match tool {
            Tool::Bowline => vec![self.bowline.display().to_string()],
            Tool::Compose => self.compose.to_vec(),
        };
        words.extend(["-p", project, "-f"].map(str::to_owned));
        words.push(stack.file.display().to_string());
        words.extend(verb.words().iter().map(|&word| word.to_owned()));
        let log = self.folder.join(format!("{}.log", tool.word()));
        let peak = self.folder.join(format!("{}.peak", tool.word()));
        let output = std::fs::File::create(&log)
            .with_context(|| format!("cannot write the log `{}`", log.display()))?;
        let copy = output.try_clone().context("cannot share the log")?;
        let mut command = program("time")
            .args(["--format", "%M", "--output"])
            .arg(&peak)
            .args(&words)
            .into_command();
        command.env_clear().stdout(output).stderr(copy);
        for name in ["PATH", "HOME"] {
            command.envs(std::env::var_os(name).map(|value| (name, value)));
        }
        command
            .env("DOCKER_HOST", self.engine.as_host())
            // On the disk as anybody's: a journal in memory would not have to wait for it.
            .env("BOWLINE_STATE_HOME", self.folder.join("state"))
            .env("BOWLINE_CONFIG_HOME", self.folder.join("config"))
            .envs(stack.variables.iter().map(|(name, value)| (name, value)));
        let begun = Instant::now();
        let shown = words.join(" ");
        let child = command
            .spawn()
            .with_context(|| format!("cannot start GNU time with `{shown}`"))?;
        Ok(Running {
            child,
            begun,
            shown,
            log,
            peak,
        })
    }
}

impl Running {
    pub(crate) fn begun(&self) -> Instant {
        self.begun
    }

    pub(crate) fn wait(mut self) -> Result<Ended> {
        let status = self
            .child
            .wait()
            .with_context(|| format!("cannot wait for `{}`", self.shown))?;
        let took = self.begun.elapsed();
        let text = std::fs::read_to_string(&self.peak)
            .with_context(|| format!("cannot read `{}`", self.peak.display()))?;
        let peak_mib = parse_peak(&text)
            .with_context(|| format!("GNU time said nothing of memory but `{}`", text.trim()))?;
        let failure = (!status.success()).then(|| {
            format!(
                "`{}` ended with {status}; the last it printed:\n{}",
                self.shown,
                last_lines(&self.log, 25)
            )
        });
        Ok(Ended {
            took,
            peak_mib,
            failure,
        })
    }
}

/// Reads GNU time's answer, KiB in the last line; one about a bad end may stand before it.
fn parse_peak(text: &str) -> Option<f64> {
    let kib: u32 = text.lines().next_back()?.trim().parse().ok()?;
    Some(f64::from(kib) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_the_last_line_in_mib() {
        assert_eq!(parse_peak("2048\n"), Some(2.0));
        assert_eq!(
            parse_peak("Command exited with non-zero status 1\n1536\n"),
            Some(1.5)
        );
        assert_eq!(parse_peak(""), None);
        assert_eq!(parse_peak("Command terminated by signal 9\n"), None);
    }
}
