//! How the fake's containers behave, and what its registry holds.

use std::time::Duration;

use bowline_model::Argv;

use crate::OutputSource;

/// How one run of a container goes. The default starts, answers its healthcheck at once, runs until it is
/// told to stop, and then ends with 0.
#[derive(Clone, Debug, PartialEq)]
pub struct Run {
    pub(super) start: StartOutcome,
    pub(super) takes: Duration,
    pub(super) ends: Option<(Duration, i64)>,
    pub(super) out_of_memory: bool,
    pub(super) ready: Ready,
    pub(super) on_stop: OnStop,
    pub(super) output: Vec<(OutputSource, String)>,
    pub(super) execs: Vec<ScriptedExec>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum StartOutcome {
    Runs,
    Fails { code: i64, text: String },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ready {
    AtOnce,
    After(Duration),
    AfterProbes(u32),
    Never,
    ProbesHang,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum OnStop {
    Ends(i64),
    Ignores,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct ScriptedExec {
    pub(super) command: Argv,
    pub(super) code: Option<i64>,
    pub(super) echoes: bool,
    pub(super) output: Vec<(OutputSource, String)>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            start: StartOutcome::Runs,
            takes: Duration::ZERO,
            ends: None,
            out_of_memory: false,
            ready: Ready::AtOnce,
            on_stop: OnStop::Ends(0),
            output: Vec::new(),
            execs: Vec::new(),
        }
    }
}

impl Run {
    /// A run that goes well.
    pub fn new() -> Self {
        Self::default()
    }

    /// The start fails with this exit code and these words of the engine.
    #[must_use]
    pub fn fails_to_start(mut self, code: i64, text: &str) -> Self {
        self.start = StartOutcome::Fails {
            code,
            text: text.to_owned(),
        };
        self
    }

    /// The start takes this long before it is answered.
    #[must_use]
    pub fn start_takes(mut self, time: Duration) -> Self {
        self.takes = time;
        self
    }

    /// It ends by itself with this code, so long after its start.
    #[must_use]
    pub fn ends_after(mut self, time: Duration, code: i64) -> Self {
        self.ends = Some((time, code));
        self
    }

    /// It is killed for want of memory, so long after its start.
    #[must_use]
    pub fn runs_out_of_memory_after(mut self, time: Duration) -> Self {
        self.ends = Some((time, 137));
        self.out_of_memory = true;
        self
    }

    /// Its healthcheck fails until so long after its start.
    #[must_use]
    pub fn ready_after(mut self, time: Duration) -> Self {
        self.ready = Ready::After(time);
        self
    }

    /// Its healthcheck fails so many times, whoever asks, and succeeds from then on.
    #[must_use]
    pub fn ready_after_probes(mut self, failures: u32) -> Self {
        self.ready = Ready::AfterProbes(failures);
        self
    }

    /// Its healthcheck always fails.
    #[must_use]
    pub fn never_ready(mut self) -> Self {
        self.ready = Ready::Never;
        self
    }

    /// Its healthcheck never answers.
    #[must_use]
    pub fn probes_hang(mut self) -> Self {
        self.ready = Ready::ProbesHang;
        self
    }

    /// It ignores its stop signal and has to be killed.
    #[must_use]
    pub fn ignores_stop(mut self) -> Self {
        self.on_stop = OnStop::Ignores;
        self
    }

    /// It ends with this code when it is told to stop.
    #[must_use]
    pub fn ends_on_stop_with(mut self, code: i64) -> Self {
        self.on_stop = OnStop::Ends(code);
        self
    }

    /// It writes this line when it starts.
    #[must_use]
    pub fn writes(mut self, source: OutputSource, line: &str) -> Self {
        self.output.push((source, line.to_owned()));
        self
    }

    /// A process with exactly this command ends with this code and writes this to its stdout.
    #[must_use]
    pub fn exec_answers(mut self, command: impl Into<Argv>, code: i64, stdout: &str) -> Self {
        let output = vec![(OutputSource::Stdout, stdout.to_owned())];
        self.execs.push(ScriptedExec {
            command: command.into(),
            code: Some(code),
            echoes: false,
            output,
        });
        self
    }

    /// A process with exactly this command, which has an answer already, writes this as well.
    #[must_use]
    pub fn exec_writes(
        mut self,
        command: impl Into<Argv>,
        source: OutputSource,
        text: &str,
    ) -> Self {
        let command = command.into();
        for exec in self.execs.iter_mut().filter(|exec| exec.command == command) {
            exec.output.push((source, text.to_owned()));
        }
        self
    }

    /// A process with exactly this command never ends.
    #[must_use]
    pub fn exec_hangs(mut self, command: impl Into<Argv>) -> Self {
        self.execs.push(ScriptedExec {
            command: command.into(),
            code: None,
            echoes: false,
            output: Vec::new(),
        });
        self
    }

    /// A process with exactly this command writes what it reads, and ends with 0 at the end of its input.
    #[must_use]
    pub fn exec_echoes(mut self, command: impl Into<Argv>) -> Self {
        self.execs.push(ScriptedExec {
            command: command.into(),
            code: Some(0),
            echoes: true,
            output: Vec::new(),
        });
        self
    }
}
