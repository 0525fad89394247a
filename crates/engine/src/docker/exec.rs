//! Execs, and the streams of main processes: the requests.

use bowline_model::{ContainerId, ObjectKind};
use futures_util::{StreamExt, stream};
use serde::Serialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};

use super::http::{Call, escape};
use super::refusal::About;
use super::wire::{Exec, Made};
use super::{Docker, output};
use crate::{
    Attached, EngineError, ExecId, ExecSession, ExecSpec, ExecState, Sent, Stream, Unreachable,
};

type Result<T> = std::result::Result<T, EngineError>;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "the engine's own")]
struct Create<'a> {
    attach_stdin: bool,
    attach_stdout: bool,
    attach_stderr: bool,
    tty: bool,
    cmd: &'a [String],
    #[serde(skip_serializing_if = "Vec::is_empty")]
    env: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    working_dir: Option<&'a str>,
    privileged: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Start {
    detach: bool,
    tty: bool,
}

fn path(id: &ExecId, rest: &str) -> String {
    format!("/exec/{}{rest}", escape(&id.0))
}

impl Docker {
    pub(super) async fn attach(&self, id: &ContainerId) -> Result<Attached> {
        let path = format!("/containers/{}/attach", escape(&id.0));
        let request = format!("POST {path}");
        let mut call = Call::post(path);
        for wanted in ["stream", "stdin", "stdout", "stderr"] {
            call = call.query(wanted, "1");
        }
        let about = About::container(id);
        let connection = self
            .http
            .hijack(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let (read, write) = tokio::io::split(connection);
        let pieces = pieces(read, request, self.about.endpoint.to_string());
        Ok(Attached {
            input: Box::new(write),
            output: output::chunks(pieces, false).boxed(),
        })
    }

    pub(super) async fn open_exec(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession> {
        let tty = spec.tty.is_some();
        let create = Create {
            attach_stdin: spec.stdin,
            attach_stdout: true,
            attach_stderr: true,
            tty,
            cmd: &spec.command,
            env: spec.env.to_entries(),
            user: spec.user.as_deref(),
            working_dir: spec.working_dir.as_deref(),
            privileged: spec.privileged,
        };
        let call = Call::post(format!("/containers/{}/exec", escape(&id.0))).json(&create)?;
        let about = About::container(id);
        let made: Made = self
            .http
            .json(call)
            .await
            .map_err(|failure| about.error(failure))?;
        let exec = ExecId(made.id);
        let call = Call::post(path(&exec, "/start")).json(&Start { detach: false, tty })?;
        let connection = self
            .http
            .hijack(call)
            .await
            .map_err(|failure| about.error(failure))?;
        if let Some((rows, columns)) = spec.tty {
            // Before the start there is no terminal. A process that is over already has none any more.
            let _ = self.resize_exec(&exec, rows, columns).await;
        }
        let (read, write) = tokio::io::split(connection);
        let pieces = pieces(
            read,
            format!("POST {}", path(&exec, "/start")),
            self.about.endpoint.to_string(),
        );
        let (write, held): (Option<Box<dyn AsyncWrite + Send + Unpin>>, _) = if spec.stdin {
            (Some(Box::new(write)), None)
        } else {
            (None, Some(write))
        };
        // The half that nobody writes to lives as long as the other one.
        let output = output::chunks(pieces, tty).map(move |chunk| {
            let _ = &held;
            chunk
        });
        Ok(ExecSession {
            id: exec,
            input: write,
            output: output.boxed(),
        })
    }

    pub(super) async fn state_of_exec(&self, id: &ExecId) -> Result<ExecState> {
        let about = About::new(ObjectKind::Exec, &id.0);
        let exec: Exec = self
            .http
            .json(Call::get(path(id, "/json")))
            .await
            .map_err(|failure| about.error(failure))?;
        Ok(ExecState {
            running: exec.running,
            exit_code: exec.exit_code.filter(|_| !exec.running),
            pid: u32::try_from(exec.pid).ok().filter(|pid| *pid != 0),
        })
    }

    pub(super) async fn resize_exec(&self, id: &ExecId, rows: u16, columns: u16) -> Result<()> {
        let call = Call::post(path(id, "/resize"))
            .query("h", rows.to_string())
            .query("w", columns.to_string());
        let about = About::new(ObjectKind::Exec, &id.0);
        self.http
            .send(call)
            .await
            .map(drop)
            .map_err(|failure| about.error(failure))
    }
}

/// Reads a connection until its end.
fn pieces(
    read: impl AsyncRead + Send + Unpin + 'static,
    request: String,
    endpoint: String,
) -> Stream<Vec<u8>> {
    let state = Some((read, vec![0; 32 * 1024]));
    stream::unfold(state, move |state| {
        let (request, endpoint) = (request.clone(), endpoint.clone());
        async move {
            let (mut read, mut buffer) = state?;
            match read.read(&mut buffer).await {
                Ok(0) => None,
                Ok(length) => Some((Ok(buffer[..length].to_vec()), Some((read, buffer)))),
                Err(error) => {
                    let reason = Unreachable::Closed(error.to_string());
                    Some((
                        Err(EngineError::Unreachable {
                            endpoint,
                            request,
                            reason,
                            sent: Sent::Maybe,
                        }),
                        None,
                    ))
                }
            }
        }
    })
    .boxed()
}
