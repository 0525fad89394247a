//! Running a process in a container to its end, on top of [`Engine::exec_open`].

use bowline_model::ContainerId;
use futures_util::StreamExt;
use tokio::time::{Instant, timeout_at};

use crate::{
    Engine, EngineError, ExecEnd, ExecLimits, ExecOutput, ExecSession, ExecSpec, OutputSource,
};

/// See [`Engine::exec`].
pub(crate) async fn run<E: Engine + ?Sized>(
    engine: &E,
    id: &ContainerId,
    spec: &ExecSpec,
    limits: ExecLimits,
) -> Result<ExecOutput, EngineError> {
    let deadline = Instant::now() + limits.timeout;
    let ExecSession {
        id: exec,
        input,
        mut output,
    } = engine.exec_open(id, spec).await?;
    // Nothing will be written: for a process that reads, this is the end of its input.
    drop(input);
    let mut result = ExecOutput {
        id: exec,
        end: ExecEnd::StillRunning,
        stdout: Vec::new(),
        stderr: Vec::new(),
        truncated: false,
    };
    loop {
        match timeout_at(deadline, output.next()).await {
            Ok(Some(chunk)) => {
                let chunk = chunk?;
                let kept = match chunk.source {
                    OutputSource::Stderr => &mut result.stderr,
                    OutputSource::Stdout | OutputSource::Terminal => &mut result.stdout,
                };
                let room = limits
                    .output_bytes
                    .saturating_sub(kept.len())
                    .min(chunk.bytes.len());
                kept.extend_from_slice(&chunk.bytes[..room]);
                result.truncated |= room < chunk.bytes.len();
            }
            Ok(None) => break,
            Err(_) => return Ok(result),
        }
    }
    // The exit code is there when the stream has ended, except where the process closed its output and runs on.
    let state = engine.exec_state(&result.id).await?;
    if let (false, Some(code)) = (state.running, state.exit_code) {
        result.end = ExecEnd::Exited { code };
    }
    Ok(result)
}
