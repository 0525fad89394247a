//! What comes out of the fake's containers: logs, execs, files.

use bowline_model::{ContainerId, EventAction, HealthTest, ObjectKind};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::lifecycle::Probe;
use super::world::{FakeExec, World, not_found};
use crate::{
    EngineError, ExecId, ExecSession, ExecSpec, FileToPut, LogEntry, LogOptions, OutputChunk,
    OutputSource, PathStat, Stream,
};

/// Turns a receiver into a stream.
pub(super) fn stream_of<T: Send + 'static>(receiver: mpsc::UnboundedReceiver<T>) -> Stream<T> {
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (Ok(item), receiver))
    }))
}

impl World {
    pub(super) fn logs(
        &mut self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<Stream<LogEntry>, EngineError> {
        let container = self.container(id)?;
        let wanted = {
            let options = options.clone();
            move |entry: &LogEntry| {
                let source = match entry.source {
                    OutputSource::Stdout | OutputSource::Terminal => options.stdout,
                    OutputSource::Stderr => options.stderr,
                };
                source
                    && options.since.is_none_or(|since| entry.at >= since)
                    && options.until.is_none_or(|until| entry.at < until)
            }
        };
        let mut past: Vec<LogEntry> = container
            .log
            .iter()
            .filter(|entry| wanted(entry))
            .cloned()
            .collect();
        if let Some(tail) = options.tail {
            let skip = past
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
            past.drain(..skip);
        }
        let past = stream::iter(past.into_iter().map(Ok));
        if !options.follow || !container.is_running() {
            return Ok(past.boxed());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        container.log_readers.push(sender);
        let future = stream_of(receiver).filter(move |entry| {
            let keep = entry.as_ref().is_ok_and(&wanted);
            async move { keep }
        });
        Ok(past.chain(future).boxed())
    }

    pub(super) fn exec_open(
        &mut self,
        id: &ContainerId,
        spec: &ExecSpec,
    ) -> Result<ExecSession, EngineError> {
        let container = self.container(id)?;
        if container.state.status != bowline_model::ContainerStatus::Running {
            return Err(container.not_running());
        }
        let line = spec.command.join(" ");
        let test = container
            .spec
            .healthcheck
            .as_ref()
            .and_then(|check| check.test.clone());
        let is_test = match test {
            Some(HealthTest::Exec(argv)) => argv == spec.command,
            Some(HealthTest::Shell(shell)) => {
                spec.command.ends_with(&shell) && spec.command.len() > 1
            }
            Some(HealthTest::Disabled) | None => false,
        };
        let scripted = container
            .behaviour
            .execs
            .iter()
            .find(|exec| exec.command == spec.command)
            .cloned();
        let (code, output) = match (scripted, is_test) {
            (Some(exec), _) => (exec.code, exec.output),
            (None, true) => match self.probe(id) {
                Probe::Succeeds => (Some(0), vec![(OutputSource::Stdout, "ok".to_owned())]),
                Probe::Fails => (Some(1), vec![(OutputSource::Stderr, "not yet".to_owned())]),
                Probe::Hangs => (None, Vec::new()),
            },
            (None, false) => (Some(0), Vec::new()),
        };
        let exec = ExecId(self.next_id());
        let entry = FakeExec {
            container: id.clone(),
            command: line.clone(),
            running: code.is_none(),
            code,
        };
        self.execs.insert(exec.clone(), entry);
        let say = |what: &str| EventAction::Other(format!("{what}: {line}"));
        self.emit_of(id, say("exec_create"), &[("execID", exec.0.clone())]);
        self.emit_of(id, say("exec_start"), &[("execID", exec.0.clone())]);
        if let Some(code) = code {
            let extra = [("execID", exec.0.clone()), ("exitCode", code.to_string())];
            self.emit_of(id, EventAction::Other("exec_die".into()), &extra);
        }
        let chunks = output.into_iter().map(|(source, text)| {
            let source = if spec.tty.is_some() {
                OutputSource::Terminal
            } else {
                source
            };
            Ok(OutputChunk {
                source,
                bytes: text.into_bytes(),
            })
        });
        let chunks = stream::iter(chunks.collect::<Vec<_>>());
        let output: Stream<OutputChunk> = match (code, self.this.upgrade()) {
            (None, Some(shared)) => {
                // It hangs until its container ends.
                let waited = exec.clone();
                let end = stream::once(async move {
                    shared
                        .until(|world| {
                            world
                                .execs
                                .get(&waited)
                                .is_none_or(|exec| !exec.running)
                                .then_some(())
                        })
                        .await;
                });
                chunks.chain(end.filter_map(|()| async { None })).boxed()
            }
            _ => chunks.boxed(),
        };
        let input: Option<Box<dyn tokio::io::AsyncWrite + Send + Unpin>> = if spec.stdin {
            Some(Box::new(tokio::io::sink()))
        } else {
            None
        };
        Ok(ExecSession {
            id: exec,
            input,
            output,
        })
    }

    pub(super) fn put(
        &mut self,
        id: &ContainerId,
        folder: &str,
        files: Vec<FileToPut>,
    ) -> Result<(), EngineError> {
        let container = self.container(id)?;
        if container.spec.security.read_only {
            return Err(EngineError::ReadOnly {
                container: id.0.clone(),
            });
        }
        let below = folder.trim_end_matches('/');
        if !below.is_empty()
            && !container
                .files
                .keys()
                .any(|path| path.starts_with(&format!("{below}/")))
        {
            return Err(not_found(
                ObjectKind::Container,
                &format!("{}:{folder}", id.0),
            ));
        }
        for file in files {
            let path = format!("{below}{}", file.path);
            container
                .files
                .insert(path.clone(), FileToPut { path, ..file });
        }
        Ok(())
    }

    pub(super) fn get(
        &mut self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>), EngineError> {
        let container = self.container(id)?;
        let file = container.files.get(path).cloned();
        let file =
            file.ok_or_else(|| not_found(ObjectKind::Container, &format!("{}:{path}", id.0)))?;
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let stat = PathStat {
            name: name.clone(),
            size_bytes: file.contents.len() as u64,
            is_folder: false,
            mode: file.mode,
            link_target: None,
        };
        let packed = crate::archive::pack(&[FileToPut {
            path: format!("/{name}"),
            ..file
        }])?;
        Ok((stat, stream::once(async move { Ok(packed) }).boxed()))
    }
}
