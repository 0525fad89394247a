//! `exec`: a process in a container that runs.
//!
//! The command is an argument vector and never passes through a shell. An exec cannot be ended from outside:
//! whoever drops its streams leaves the process running.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bowline_core::Passed;
use bowline_engine::{
    Engine, EngineError, ExecId, ExecSpec, OutputChunk, OutputSource, Stream, WaitFor,
};
use bowline_model::{
    Argv, ContainerId, ContainerStatus, ContainerSummary, EnvSpec, ObservedContainer, label,
    mask_command,
};
use futures_util::StreamExt as _;
use futures_util::stream::BoxStream;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWrite;
use tokio::time::{Instant, sleep};
use tokio::try_join;

use crate::connect::connect;
use crate::containers::{self, check_services, is_one_off};
use crate::ps::status;
use crate::session;
use crate::stack::{Named, StackOptions, Surroundings};
use crate::{Answer, Failure};

/// How often a process that has closed its output is looked at until it ends: first and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// After this a process counts as started although the engine does not say its number.
const NO_PID: Duration = Duration::from_secs(2);

/// What `exec` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExecRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// The service.
    pub service: String,
    /// Number of the container; `None`: the first that runs.
    pub index: Option<u32>,
    /// Program and arguments.
    pub command: Vec<String>,
    /// Variables, `NAME=value`; a bare `NAME` takes the value that it has around the project.
    pub env: Vec<String>,
    /// User, where not the container's.
    pub user: Option<String>,
    /// Folder, where not the container's.
    pub working_dir: Option<String>,
    /// All rights.
    pub privileged: bool,
    /// With a terminal of this size: rows, columns.
    pub tty: Option<(u16, u16)>,
    /// Whether something will be written to its standard input.
    pub stdin: bool,
}

/// A process that was started.
pub struct ExecRun {
    /// Its standard input, where that was asked for. Shutting it down is the end of the input.
    pub input: Option<Box<dyn AsyncWrite + Send + Unpin>>,
    /// What it writes. The end is the end of the process, or of the last one that holds its output.
    pub output: BoxStream<'static, Result<ExecOutput, Failure>>,
    /// Whether it has a terminal.
    pub tty: bool,
    /// What else can be done with it.
    pub control: ExecControl,
}

/// A piece of output, cut anywhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecOutput {
    /// Whether it was written to standard error; never with a terminal.
    pub stderr: bool,
    /// What was written.
    pub bytes: Vec<u8>,
}

/// A process in a container, apart from its streams.
#[derive(Clone)]
pub struct ExecControl {
    engine: Arc<dyn Engine>,
    /// `None`: the main process of the container.
    exec: Option<ExecId>,
    container: ContainerId,
}

impl fmt::Debug for ExecControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExecControl({:?} in {})", self.exec, self.container)
    }
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecExit {
    /// Its exit code, or the engine's 126 or 127 where it could not be run.
    pub code: i64,
    /// What the code does not say: that the container itself has ended meanwhile.
    pub note: Option<String>,
}

/// Starts a process in a container of a service.
///
/// # Errors
///
/// [`Failure::Usage`] for a service or a number that nobody knows; [`Failure::State`] where no container of it
/// runs; [`Failure::Load`] where the files are needed and cannot be loaded; the engine's failures.
pub async fn exec(
    surroundings: &Surroundings,
    request: &ExecRequest,
) -> Result<Answer<ExecRun>, Failure> {
    if request.command.is_empty() {
        return Err(Failure::Usage {
            message: "there is no command to run".to_owned(),
            hint: None,
        });
    }
    let named = request.stack.named(surroundings)?;
    let engine = connect(surroundings).await?;
    let value = open(surroundings, engine.clone(), &named, request).await?;
    let mut warnings = named.warnings;
    if let Err(failure) = note(surroundings, engine, &named.name, request).await {
        // Who looks into a container on a bad day has to get in, whether that can be written down or not.
        let warning = format!("warning: this is not in the journal: {failure}\n");
        warnings.push_str(&warning);
    }
    Ok(Answer { value, warnings })
}

/// Writes down who runs what, without its secrets.
async fn note(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    stack: &str,
    request: &ExecRequest,
) -> Result<(), Failure> {
    let session = session::open(surroundings, engine, stack.to_owned())?;
    let words = mask_command(request.command.iter().map(String::as_str));
    let passed = Passed {
        at: None,
        actor: session.actor,
        verb: "exec".to_owned(),
        subject: request.service.clone(),
        words: words.join(" "),
    };
    Ok(session.stack.pass(passed).await?)
}

async fn open(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    named: &Named,
    request: &ExecRequest,
) -> Result<ExecRun, Failure> {
    let found = containers::of_stack(engine.as_ref(), &named.name).await?;
    check_services(named, &found, std::slice::from_ref(&request.service))?;
    let container = choose(&found, request)?;
    if container.status != ContainerStatus::Running {
        return Err(not_running(engine.as_ref(), container, request).await);
    }
    let spec = spec(surroundings, named, request);
    let session = match engine.exec_open(&container.id, &spec).await {
        Ok(session) => session,
        Err(EngineError::NotRunning { .. } | EngineError::NotFound { .. }) => {
            return Err(not_running(engine.as_ref(), container, request).await);
        }
        Err(error) => return Err(error.into()),
    };
    Ok(ExecRun {
        input: session.input,
        output: output_of(session.output),
        tty: spec.tty.is_some(),
        control: ExecControl::new(engine, Some(session.id), container.id.clone()),
    })
}

/// What a process writes, in the words of this verb.
pub(crate) fn output_of(
    chunks: Stream<OutputChunk>,
) -> BoxStream<'static, Result<ExecOutput, Failure>> {
    let output = chunks.map(|chunk| {
        let chunk = chunk?;
        Ok(ExecOutput {
            stderr: chunk.source == OutputSource::Stderr,
            bytes: chunk.bytes,
        })
    });
    output.fuse().boxed()
}

/// The container that is meant: of those that run the first, those that `run` made last.
fn choose<'a>(
    found: &'a [ContainerSummary],
    request: &ExecRequest,
) -> Result<&'a ContainerSummary, Failure> {
    let service = &request.service;
    let own = found.iter().filter(|one| {
        containers::service(one) == service
            && !one.labels.contains_key(label::DEBUG)
            && request
                .index
                .is_none_or(|index| containers::number(one) == index)
    });
    let chosen = own.min_by_key(|one| {
        let runs = one.status == ContainerStatus::Running;
        (!runs, is_one_off(one), containers::number(one))
    });
    chosen.ok_or_else(|| match request.index {
        Some(index) => containers::no_such_number(service, index, found),
        None => Failure::State {
            message: format!("service `{service}` has no container"),
            hints: vec![format!("bring it up with `bowline up {service}`")],
        },
    })
}

fn spec(surroundings: &Surroundings, named: &Named, request: &ExecRequest) -> ExecSpec {
    let around = match &named.project {
        Some(project) => &project.environment,
        None => &surroundings.environment,
    };
    let mut env = EnvSpec::from_entries(request.env.iter().map(String::as_str));
    let bare = request.env.iter().filter(|entry| !entry.contains('='));
    for name in bare {
        if let Some(value) = around.get(name) {
            env.set(name, Some(value.reveal().to_owned()));
        }
    }
    ExecSpec {
        command: Argv(request.command.clone()),
        env,
        user: request.user.clone(),
        working_dir: request.working_dir.clone(),
        privileged: request.privileged,
        tty: request.tty,
        stdin: request.stdin,
    }
}

/// Says which state a container is in, and what to do about it.
async fn not_running(
    engine: &dyn Engine,
    container: &ContainerSummary,
    request: &ExecRequest,
) -> Failure {
    let (name, service) = (&container.name, &request.service);
    let observed = try_join!(engine.now(), engine.inspect_container(&container.id));
    let (now, observed) = match observed {
        Ok(observed) => observed,
        Err(error) if error.is_not_found() => {
            return Failure::State {
                message: format!("container `{name}` is gone"),
                hints: vec![format!("bring it up with `bowline up {service}`")],
            };
        }
        Err(error) => return error.into(),
    };
    let words = status(now, &observed);
    let because = observed.state.error.as_deref();
    let because = because
        .map(|error| format!(": {error}"))
        .unwrap_or_default();
    Failure::State {
        message: format!("container `{name}` does not run: {words}{because}"),
        hints: next(&observed, service),
    }
}

fn next(container: &ObservedContainer, service: &str) -> Vec<String> {
    let logs = format!("`bowline logs {service}` shows what it wrote");
    match container.state.status {
        ContainerStatus::Paused => vec![format!("let it go on with `bowline unpause {service}`")],
        ContainerStatus::Restarting => vec![
            logs,
            "it ends again and again; between two starts nothing can be run in it".to_owned(),
        ],
        ContainerStatus::Exited => vec![logs, format!("start it with `bowline start {service}`")],
        ContainerStatus::Running => vec!["it runs by now; try again".to_owned()],
        _ => vec![format!("bring it up with `bowline up {service}`")],
    }
}

impl ExecControl {
    /// A process that was started; without an exec, the main process of the container.
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        exec: Option<ExecId>,
        container: ContainerId,
    ) -> Self {
        Self {
            engine,
            exec,
            container,
        }
    }

    /// Changes the size of its terminal. A process that is over has none any more, which is no failure.
    pub async fn resize(&self, rows: u16, columns: u16) {
        let Some(exec) = &self.exec else {
            return;
        };
        let resized = self.engine.exec_resize(exec, rows, columns).await;
        if let Err(error) = resized {
            tracing::debug!(%error, "the terminal's size was not changed");
        }
    }

    /// Waits until the process runs; where it has ended by then, says how.
    pub async fn started(&self) -> Result<Option<ExecExit>, Failure> {
        let Some(exec) = &self.exec else {
            // A start is answered when the main process runs.
            return Ok(None);
        };
        let (mut wait, _) = LOOK;
        let patience = Instant::now() + NO_PID;
        loop {
            let state = self.engine.exec_state(exec).await?;
            // Engines call it running while they still try to start it; only then it has a number.
            if state.running && (state.pid.is_some() || Instant::now() > patience) {
                return Ok(None);
            }
            if let Some(code) = state.exit_code {
                return Ok(Some(self.exit(code).await));
            }
            // sleeps because: the engine tells of an exec only when it is asked
            sleep(wait).await;
            wait = (wait * 2).min(LOOK.1);
        }
    }

    /// Waits for the end of the process, which may come after that of its output.
    pub async fn end(&self) -> Result<ExecExit, Failure> {
        let Some(exec) = &self.exec else {
            let ended = self
                .engine
                .wait_container(&self.container, WaitFor::NotRunning);
            return match ended.await {
                Ok(code) => Ok(ExecExit { code, note: None }),
                Err(error) if error.is_not_found() => Ok(self.exit(137).await),
                Err(error) => Err(error.into()),
            };
        };
        let (mut wait, _) = LOOK;
        loop {
            let state = self.engine.exec_state(exec).await;
            match state {
                Ok(state) if !state.running => {
                    return Ok(self.exit(state.exit_code.unwrap_or_default()).await);
                }
                Ok(_) => {}
                // The engine forgets execs with their container.
                Err(error) if error.is_not_found() => return Ok(self.exit(137).await),
                Err(error) => return Err(error.into()),
            }
            // sleeps because: the engine tells of an exec only when it is asked
            sleep(wait).await;
            wait = (wait * 2).min(LOOK.1);
        }
    }

    async fn exit(&self, code: i64) -> ExecExit {
        // Engines give these when the container ends while the process runs.
        let suspicious = matches!(code, 126 | 137);
        let note = if suspicious {
            self.ended_meanwhile().await
        } else {
            None
        };
        ExecExit { code, note }
    }

    async fn ended_meanwhile(&self) -> Option<String> {
        let engine = self.engine.as_ref();
        let observed = try_join!(engine.now(), engine.inspect_container(&self.container));
        match observed {
            Ok((_, observed)) if observed.state.is_running() => None,
            Ok((now, observed)) => Some(format!(
                "container `{}` has ended meanwhile: {}",
                observed.name,
                status(now, &observed)
            )),
            Err(error) if error.is_not_found() => {
                Some("the container was removed meanwhile".to_owned())
            }
            Err(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowline_engine::RemoveContainer;
    use bowline_engine::fake::Run;
    use bowline_model::Secret;
    use tokio::io::AsyncWriteExt as _;

    use super::*;
    use crate::ExitCode;
    use crate::stage::{self, by_name, started};

    fn request(service: &str, command: &[&str]) -> ExecRequest {
        ExecRequest {
            service: service.to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            ..ExecRequest::default()
        }
    }

    async fn run(engine: Arc<dyn Engine>, request: &ExecRequest) -> Result<ExecRun, Failure> {
        open(&Surroundings::default(), engine, &by_name(), request).await
    }

    async fn output(run: &mut ExecRun) -> String {
        let mut text = String::new();
        while let Some(chunk) = run.output.next().await {
            let chunk = chunk.unwrap();
            text += if chunk.stderr { "err:" } else { "out:" };
            text += &String::from_utf8_lossy(&chunk.bytes);
        }
        text
    }

    async fn refusal(engine: Arc<dyn Engine>, request: &ExecRequest) -> (String, Vec<String>) {
        let failure = run(engine, request).await.err().unwrap();
        (failure.to_string(), failure.hints())
    }

    #[tokio::test]
    async fn who_runs_what_is_written_down_without_its_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let around = stage::surroundings(folder.path());
        let engine: Arc<dyn Engine> = stage::engine();
        let request = request("db", &["psql", "--password", "hunter2", "-c", "SELECT 1"]);
        note(&around, engine.clone(), "shop", &request)
            .await
            .unwrap();
        let session = session::open(&around, engine, "shop".to_owned()).unwrap();
        let journal = session.stack.look().await.unwrap().unwrap();
        let passed = journal.passes(1).await.unwrap().remove(0);
        assert_eq!(
            (passed.verb.as_str(), passed.subject.as_str()),
            ("exec", "db")
        );
        assert_eq!(passed.actor.user, "ann");
        assert_eq!(passed.words, "psql --password •••• -c SELECT 1");
    }

    #[tokio::test(start_paused = true)]
    async fn output_and_exit_code_are_the_programs_own() {
        let engine = stage::engine();
        let script = Run::new()
            .exec_answers(["make", "it"], 42, "made")
            .exec_writes(["make", "it"], OutputSource::Stderr, "nearly");
        started(&engine, "web", 1, script).await;
        let mut run = run(engine, &request("web", &["make", "it"])).await.unwrap();
        assert_eq!(output(&mut run).await, "out:madeerr:nearly");
        let exit = run.control.end().await.unwrap();
        assert_eq!((exit.code, exit.note), (42, None));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_written_arrives_and_the_end_of_the_input_is_told() {
        let engine = stage::engine();
        started(&engine, "web", 1, Run::new().exec_echoes(["cat"])).await;
        let mut request = request("web", &["cat"]);
        request.stdin = true;
        let mut run = run(engine, &request).await.unwrap();
        let mut input = run.input.take().unwrap();
        input.write_all(b"\x00\xffhello").await.unwrap();
        input.shutdown().await.unwrap();
        let first = run.output.next().await.unwrap().unwrap();
        assert_eq!(first.bytes, b"\x00\xffhello");
        assert!(run.output.next().await.is_none());
        assert_eq!(run.control.end().await.unwrap().code, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_container_that_runs_is_taken_or_the_one_of_a_number() {
        let engine = stage::engine();
        let ended = Run::new().ends_after(Duration::ZERO, 1);
        started(&engine, "web", 1, ended).await;
        for number in 2..=3 {
            let answer = Run::new().exec_answers(["who"], 0, &number.to_string());
            started(&engine, "web", number, answer).await;
        }
        // sleeps because: the clock is paused, and this moves it
        tokio::time::sleep(Duration::from_secs(1)).await;
        let mut who = request("web", &["who"]);
        let mut first = run(engine.clone(), &who).await.unwrap();
        assert_eq!(output(&mut first).await, "out:2");
        who.index = Some(3);
        let mut third = run(engine.clone(), &who).await.unwrap();
        assert_eq!(output(&mut third).await, "out:3");
        who.index = Some(7);
        let (message, hints) = refusal(engine, &who).await;
        assert_eq!(message, "service `web` has no container 7");
        assert_eq!(hints, ["it has 1, 2, 3"]);
    }

    #[tokio::test(start_paused = true)]
    async fn the_container_of_a_debug_is_entered_by_nobody_else() {
        let engine = stage::engine();
        let mut spec = stage::spec("web", 1);
        spec.labels.insert(label::DEBUG.into(), "ann@host".into());
        stage::started_with(&engine, spec, Run::new()).await;
        let (message, _) = refusal(engine, &request("web", &["true"])).await;
        assert_eq!(message, "service `web` has no container");
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_does_not_run_says_in_which_state_it_is_and_what_to_do() {
        let engine = stage::engine();
        let api = started(&engine, "api", 1, Run::new().ends_after(Duration::ZERO, 3)).await;
        let web = started(&engine, "web", 1, Run::new()).await;
        engine.pause_container(&web).await.unwrap();
        let broken = Run::new().fails_to_start(127, "no such file");
        started(&engine, "broken", 1, broken).await;
        // sleeps because: the clock is paused, and this moves it
        tokio::time::sleep(Duration::from_millis(5500)).await;
        let (message, hints) = refusal(engine.clone(), &request("api", &["true"])).await;
        insta::assert_snapshot!(message, @"container `shop-api-1` does not run: Exited (3) 5 seconds ago");
        insta::assert_snapshot!(hints.join("\n"), @r"
        `bowline logs api` shows what it wrote
        start it with `bowline start api`
        ");
        let (message, hints) = refusal(engine.clone(), &request("web", &["true"])).await;
        insta::assert_snapshot!(message, @"container `shop-web-1` does not run: Up 5 seconds (Paused)");
        insta::assert_snapshot!(hints.join("\n"), @"let it go on with `bowline unpause web`");
        let (message, _) = refusal(engine.clone(), &request("broken", &["true"])).await;
        insta::assert_snapshot!(message, @"container `shop-broken-1` does not run: Created: no such file");
        let how = RemoveContainer::default();
        engine.remove_container(&api, how).await.unwrap();
        let failure = run(engine, &request("api", &["true"])).await.err().unwrap();
        assert_eq!(failure.exit_code(), ExitCode::Usage);
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_ends_meanwhile_is_named() {
        let engine = stage::engine();
        let web = started(&engine, "web", 1, Run::new().exec_hangs(["sleep"])).await;
        let mut run = run(engine.clone(), &request("web", &["sleep"]))
            .await
            .unwrap();
        engine.end_container(&web, 1);
        assert_eq!(output(&mut run).await, "");
        let exit = run.control.end().await.unwrap();
        assert_eq!(exit.code, 137);
        insta::assert_snapshot!(exit.note.unwrap(), @"container `shop-web-1` has ended meanwhile: Exited (1) Less than a second ago");
    }

    #[tokio::test(start_paused = true)]
    async fn a_process_counts_as_started_when_it_runs_and_one_that_ended_says_how() {
        let engine = stage::engine();
        let script = Run::new()
            .exec_hangs(["sleep"])
            .exec_answers(["nosuch"], 126, "not found");
        started(&engine, "web", 1, script).await;
        let sleep = run(engine.clone(), &request("web", &["sleep"]))
            .await
            .unwrap();
        assert_eq!(sleep.control.started().await.unwrap(), None);
        let wrong = run(engine, &request("web", &["nosuch"])).await.unwrap();
        assert_eq!(wrong.control.started().await.unwrap().unwrap().code, 126);
    }

    #[test]
    fn words_reach_the_engine_as_they_are_and_bare_variables_get_their_value() {
        let mut words = request("web", &["echo", "$HOME; rm -rf", "'a b'"]);
        words.env = vec!["TOKEN".into(), "GONE".into(), "A=1=2".into()];
        let surroundings = Surroundings {
            environment: [("TOKEN".to_owned(), Secret::new("s3cret".to_owned()))].into(),
            ..Surroundings::default()
        };
        let spec = spec(&surroundings, &by_name(), &words);
        assert_eq!(spec.command, ["echo", "$HOME; rm -rf", "'a b'"].into());
        assert_eq!(spec.env.to_entries(), ["TOKEN=s3cret", "GONE", "A=1=2"]);
    }
}
