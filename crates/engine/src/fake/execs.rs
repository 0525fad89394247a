//! Processes started in the fake's containers.

use bowline_model::{ContainerId, ContainerStatus, EventAction, HealthTest};
use futures_util::{StreamExt, stream};
use tokio::io::{AsyncReadExt, AsyncWrite, DuplexStream};

use super::health::Probe;
use super::script::ScriptedExec;
use super::world::{FakeExec, World};
use crate::{EngineError, ExecId, ExecSession, ExecSpec, OutputChunk, OutputSource, Stream};

/// How much an echoing process holds back while nobody reads.
const PIPE: usize = 64 * 1024;

impl World {
    pub(super) fn exec_open(
        &mut self,
        id: &ContainerId,
        spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError> {
        let container = self.container(id)?;
        if container.state.status != ContainerStatus::Running {
            return Err(container.not_running());
        }
        let answer = self.answer(id, spec);
        let exec = self.record_exec(id, spec, answer.code);
        let source_of = |source| match spec.tty {
            Some(_) => OutputSource::Terminal,
            None => source,
        };
        let written: Vec<_> = answer
            .output
            .into_iter()
            .map(|(source, text)| OutputChunk {
                source: source_of(source),
                bytes: text.into_bytes(),
            })
            .map(Ok)
            .collect();
        let written = stream::iter(written);
        let (input, output): (
            Option<Box<dyn AsyncWrite + Send + Unpin>>,
            Stream<OutputChunk>,
        ) = if answer.echoes && spec.stdin {
            let (near, far) = tokio::io::duplex(PIPE);
            let echo = echo(far, source_of(OutputSource::Stdout));
            (Some(Box::new(near)), written.chain(echo).boxed())
        } else {
            let input: Option<Box<dyn AsyncWrite + Send + Unpin>> = if spec.stdin {
                Some(Box::new(tokio::io::sink()))
            } else {
                None
            };
            let output = match answer.code {
                Some(_) => written.boxed(),
                None => written.chain(self.until_killed(exec.clone())).boxed(),
            };
            (input, output)
        };
        Ok(ExecSession {
            id: exec,
            input,
            output,
        })
    }

    /// What the process does: as scripted, else as the healthcheck it is, else nothing with success.
    fn answer(&mut self, id: &ContainerId, spec: &ExecSpec) -> ScriptedExec {
        let mut answer = ScriptedExec {
            command: spec.command.clone(),
            code: Some(0),
            echoes: false,
            output: Vec::new(),
        };
        let Ok(container) = self.container(id) else {
            return answer;
        };
        let execs = &container.behaviour.execs;
        if let Some(scripted) = execs.iter().find(|exec| exec.command == spec.command) {
            return scripted.clone();
        }
        let check = container.spec.healthcheck.as_ref();
        let is_test = match check.and_then(|check| check.test.as_ref()) {
            Some(HealthTest::Exec(argv)) => *argv == spec.command,
            Some(HealthTest::Shell(line)) => spec.command.len() > 1 && spec.command.ends_with(line),
            Some(HealthTest::Disabled) | None => false,
        };
        if is_test {
            let (code, output) = match self.probe(id) {
                Probe::Succeeds => (Some(0), Some((OutputSource::Stdout, "ok"))),
                Probe::Fails => (Some(1), Some((OutputSource::Stderr, "not yet"))),
                Probe::Hangs => (None, None),
            };
            answer.code = code;
            answer.output = output
                .into_iter()
                .map(|(source, text)| (source, text.to_owned()))
                .collect();
        }
        answer
    }

    /// Notes the exec and tells of it as an engine does.
    fn record_exec(&mut self, id: &ContainerId, spec: &ExecSpec, code: Option<i64>) -> ExecId {
        let exec = ExecId(self.next_id());
        let noted = FakeExec {
            container: id.clone(),
            running: code.is_none(),
            code,
        };
        self.execs.insert(exec.clone(), noted);
        let line = spec.command.join(" ");
        for word in ["exec_create", "exec_start"] {
            let action = EventAction::Other(format!("{word}: {line}"));
            self.emit_of(id, action, &[("execID", exec.0.clone())]);
        }
        if let Some(code) = code {
            let extra = [("execID", exec.0.clone()), ("exitCode", code.to_string())];
            self.emit_of(id, EventAction::Other("exec_die".into()), &extra);
        }
        exec
    }

    /// Says nothing, and ends when the exec's container has ended.
    fn until_killed(&self, exec: ExecId) -> Stream<OutputChunk> {
        let this = self.this.clone();
        let end = async move {
            if let Some(shared) = this.upgrade() {
                let ended = |exec: Option<&FakeExec>| exec.is_none_or(|exec| !exec.running);
                shared
                    .until(|world| ended(world.execs.get(&exec)).then_some(()))
                    .await;
            }
        };
        stream::once(end).filter_map(|()| async { None }).boxed()
    }
}

/// Gives back what is written to the other end, until that is shut down.
fn echo(far: DuplexStream, source: OutputSource) -> Stream<OutputChunk> {
    stream::unfold(far, move |mut far| async move {
        let mut bytes = vec![0; 1024];
        let length = far.read(&mut bytes).await.unwrap_or_default();
        bytes.truncate(length);
        (length > 0).then_some((Ok(OutputChunk { source, bytes }), far))
    })
    .boxed()
}
