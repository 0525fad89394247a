//! Where output goes and how it looks.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bowline_ops::{ExitCode, Failure};

use crate::global::{Ansi, GlobalArgs};
use crate::surroundings::variable;

/// The two streams of the process, and whether they may carry colours.
#[derive(Clone, Debug)]
pub(crate) struct Terminal {
    color: bool,
    data_color: bool,
    /// Not all data could be written.
    is_cut: Arc<AtomicBool>,
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
            is_cut: Arc::default(),
        })
    }

    /// One without colours.
    pub(crate) fn plain() -> Self {
        Self {
            color: false,
            data_color: false,
            is_cut: Arc::default(),
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

    /// Writes data to standard output. A reader that has gone away is not a failure of ours; anything else is one, said
    /// once.
    pub(crate) fn data(&self, text: &str) {
        let mut out = std::io::stdout().lock();
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        let Err(error) = written else { return };
        let is_gone = error.kind() == ErrorKind::BrokenPipe;
        if !is_gone && !self.is_cut.swap(true, Ordering::Relaxed) {
            let error_word = self.paint("1;31", "error");
            self.note(&format!(
                "{error_word}: standard output cannot be written: {error}\n"
            ));
        }
    }

    /// The exit code of the process after a verb that ends with this one: who reads half of its data must not take it for
    /// all.
    pub(crate) fn exit_code(&self, of_verb: u8) -> u8 {
        if self.is_cut.load(Ordering::Relaxed) {
            ExitCode::Failed as u8
        } else {
            of_verb
        }
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
