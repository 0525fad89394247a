//! Where output goes and how it looks.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};

use bowline_ops::{ExitCode, Failure};

use crate::global::{Ansi, GlobalArgs};
use crate::surroundings::variable;

/// The two streams of the process, and whether they may carry colours.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    color: bool,
    data_color: bool,
}

impl Terminal {
    /// Decides about colours by the command line, then the environment, then whether a stream is a terminal.
    pub(crate) fn new(global: &GlobalArgs) -> Result<Self, Failure> {
        let ansi = match global.ansi {
            Some(ansi) => ansi,
            None => match variable("COMPOSE_ANSI").as_deref() {
                None | Some("auto") => Ansi::Auto,
                Some("never") => Ansi::Never,
                Some("always") => Ansi::Always,
                Some(other) => {
                    return Err(Failure::Usage {
                        message: format!("`COMPOSE_ANSI` is `{other}`"),
                        hint: Some("it can be `never`, `always` or `auto`".to_owned()),
                    });
                }
            },
        };
        let wanted = |is_terminal: bool| match ansi {
            Ansi::Never => false,
            Ansi::Always => true,
            Ansi::Auto => variable("NO_COLOR").is_none() && is_terminal,
        };
        Ok(Self {
            color: wanted(std::io::stderr().is_terminal()),
            data_color: wanted(std::io::stdout().is_terminal()),
        })
    }

    /// One without colours.
    pub(crate) fn plain() -> Self {
        Self {
            color: false,
            data_color: false,
        }
    }

    /// Whether rendered text may carry colours.
    pub(crate) fn color(&self) -> bool {
        self.color
    }

    /// Whether data may carry colours.
    pub(crate) fn data_color(&self) -> bool {
        self.data_color
    }

    /// Writes data to standard output. A reader that has gone away is not a failure of ours.
    #[expect(clippy::unused_self, reason = "who writes has a terminal")]
    pub(crate) fn data(&self, text: &str) {
        let _ = std::io::stdout().lock().write_all(text.as_bytes());
    }

    /// Writes text about what happens to standard error.
    #[expect(clippy::unused_self, reason = "who writes has a terminal")]
    pub(crate) fn note(&self, text: &str) {
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }

    /// Shows a failure and returns its exit code.
    pub(crate) fn failure(&self, failure: &Failure) -> ExitCode {
        let text = match failure {
            Failure::Load(error) => error.render(self.color),
            other => {
                let mut text = format!("{}: {other}\n", self.paint("1;31", "error"));
                for hint in other.hints() {
                    let _ = writeln!(text, "{}: {hint}", self.paint("1;36", "hint"));
                }
                text
            }
        };
        self.note(&text);
        failure.exit_code()
    }

    /// Text in a colour, where colours may be.
    pub(crate) fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}
