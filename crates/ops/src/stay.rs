//! `up` that stays with the logs: what containers write is shown from before the first of them starts, until
//! nothing runs any more, the user has seen enough, or one ends that is to end everything.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_engine::Engine;
use bowline_model::{Condition, ContainerStatus, ContainerSummary, Goal, Wanted, nearest};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{oneshot, watch};
use tokio::time::timeout;

use crate::containers::{self, is_one_off};
use crate::logs::{self, LogSource, Logs};
use crate::operate::{Done, UpRequest, reach, selection, up_goal};
use crate::progress::Progress;
use crate::session::{self, Session};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, ExitCode, Failure, Halt, why};

/// How long nothing may run before there is nothing to stay for: a recreation takes less.
const QUIET: Duration = Duration::from_secs(5);

/// What an `up` that stays is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StayRequest {
    /// What to bring up.
    pub up: UpRequest,
    /// Services whose output is shown; none: all that do not say `attach: false`.
    pub attach: Vec<String>,
    /// Which end of a container stops everything; none: no end does.
    pub abort_on: Option<AbortOn>,
    /// The service whose exit code becomes that of the verb; any end stops everything then.
    pub exit_code_from: Option<String>,
}

/// Which end of a container stops everything. A job that others wait for and that is done stops nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AbortOn {
    /// Any.
    Exit,
    /// One with another exit code than 0.
    Failure,
}

/// An `up` that stays and has not begun.
pub struct Staying {
    session: Session,
    stack: StackOptions,
    goal: Goal,
    parallel: Option<usize>,
    watched: Watched,
    logs_end: oneshot::Sender<()>,
    since: Timestamp,
}

/// What became of it.
#[derive(Debug)]
pub struct Stayed {
    /// Why it did not stay longer.
    pub end: StayEnd,
    /// The operation that stopped everything, where that was to be.
    pub stopped: Option<Done>,
    /// Exit code of the container that counts, where one does.
    pub code: Option<i64>,
}

/// Why nobody stays any longer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StayEnd {
    /// The stack did not come up, which has this exit code.
    NotUp(ExitCode),
    /// Nothing runs any more.
    NothingRuns,
    /// The user has seen enough.
    Interrupted,
    /// A container has ended that was to end everything.
    Ended(Ended),
}

/// A container that has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its name.
    pub container: String,
    /// Its service.
    pub service: String,
    /// Its exit code.
    pub code: i64,
    /// It is a job that others wait for, and done.
    pub is_done_job: bool,
}

impl Stayed {
    /// The exit code of the verb.
    ///
    /// That of the service that was named, else of the container whose end ended everything; as a process can
    /// only say 0 to 255, the lowest byte of it.
    pub fn exit_code(&self) -> u8 {
        if let Some(stopped) = &self.stopped
            && stopped.exit_code() != ExitCode::Done
        {
            return stopped.exit_code() as u8;
        }
        match (&self.end, self.code) {
            (StayEnd::NotUp(code), _) => *code as u8,
            (StayEnd::Interrupted, _) => ExitCode::Interrupted as u8,
            (_, Some(code)) => code.to_le_bytes()[0],
            (_, None) => ExitCode::Done as u8,
        }
    }
}

/// Prepares an `up` that stays: gives what its containers will write, to be read meanwhile.
///
/// # Errors
///
/// Those of `up` before anything is begun; [`Failure::Usage`] for a service that is not among those brought up.
pub async fn stay(
    surroundings: &Surroundings,
    request: &StayRequest,
) -> Result<Answer<(Logs, Staying)>, Failure> {
    let up = &request.up;
    let loaded = session::with_project(surroundings, &up.stack, selection(up)).await?;
    let wanted = &loaded.wanted;
    for name in request.attach.iter().chain(&request.exit_code_from) {
        check(name, wanted)?;
    }
    let shown = if request.attach.is_empty() {
        let is_loud = |name: &&String| {
            let service = loaded.project.services.get(*name);
            service.is_none_or(|service| service.attach != Some(false))
        };
        wanted.services.keys().filter(is_loud).cloned().collect()
    } else {
        request.attach.clone()
    };
    let watched = Watched::new(request, wanted);
    let expected = expected(&shown, wanted);
    let mut goal = up_goal(up, loaded.wanted);
    if let Goal::Up { wait, .. } = &mut goal
        && watched.abort_on.is_some()
    {
        // An end is what is waited for, and one that comes early is no failure.
        *wait = false;
    }
    let engine = loaded.session.stack.engine.clone();
    let since = engine.now().await?;
    let project = &loaded.session.stack.project;
    let (mut logs, logs_end) = logs::from_now_on(engine, project, shown).await?;
    logs.sources = expected;
    let staying = Staying {
        session: loaded.session,
        stack: up.stack.clone(),
        goal,
        parallel: up.parallel,
        watched,
        logs_end,
        since,
    };
    Ok(Answer {
        value: (logs, staying),
        warnings: loaded.warnings,
    })
}

/// Who will write, so that there is room for all names from the first line on.
fn expected(services: &[String], wanted: &Wanted) -> Vec<LogSource> {
    let of_service = |name: &String| {
        let service = wanted.services.get(name)?;
        let source = |shown: String| LogSource {
            name: shown,
            service: name.clone(),
        };
        let numbers = 1..=service.replicas;
        Some(match &service.container_name {
            Some(own) => vec![source(own.clone())],
            None => numbers.map(|n| source(format!("{name}-{n}"))).collect(),
        })
    };
    services.iter().filter_map(of_service).flatten().collect()
}

fn check(name: &str, wanted: &Wanted) -> Result<(), Failure> {
    if wanted.services.contains_key(name) {
        return Ok(());
    }
    let known = wanted.services.keys().map(String::as_str);
    Err(Failure::Usage {
        message: format!("no such service is brought up: `{name}`"),
        hint: nearest(name, known).map(|meant| format!("did you mean `{meant}`?")),
    })
}

impl Staying {
    /// Brings the stack up.
    ///
    /// # Errors
    ///
    /// Where nothing was begun. What fails on the way is in the answer.
    pub async fn up(
        &self,
        surroundings: &Surroundings,
        progress: &dyn Progress,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<Done, Failure> {
        let (session, parallel) = (&self.session, self.parallel);
        let halted = halt.clone();
        let mut done = reach(surroundings, session, &self.goal, parallel, progress, halt).await?;
        why::explain(surroundings, &self.stack, &mut done, halted).await;
        Ok(done)
    }

    /// Stays with what was brought up. Where that is to be, everything is stopped in the end.
    ///
    /// An interrupt leaves everything running, unless an end of a container would have stopped it: then so does
    /// the interrupt.
    ///
    /// # Errors
    ///
    /// The engine has gone, or the stop could not begin.
    pub async fn stay(
        self,
        up: &Done,
        surroundings: &Surroundings,
        progress: &dyn Progress,
        mut halt: watch::Receiver<Option<Halt>>,
    ) -> Result<Stayed, Failure> {
        let engine = &*self.session.stack.engine;
        let end = match (&up.halted, up.exit_code()) {
            (Some(Halt::Interrupted), _) => StayEnd::Interrupted,
            (_, ExitCode::Done) => {
                let interrupted = halt.wait_for(|halt| *halt == Some(Halt::Interrupted));
                tokio::select! {
                    end = self.watched.over(engine, self.since) => end?,
                    Ok(_) = interrupted => StayEnd::Interrupted,
                }
            }
            // What did not become ready may have ended.
            (_, code) => {
                let seen = self.watched.look(engine, self.since).await?;
                let ended = seen.aborts(self.watched.abort_on);
                ended.map_or(StayEnd::NotUp(code), |ended| StayEnd::Ended(ended.clone()))
            }
        };
        let aborts = self.watched.abort_on.is_some() && !matches!(end, StayEnd::NotUp(_));
        let stopped = if aborts {
            Some(self.stop(surroundings, progress).await?)
        } else {
            None
        };
        let code = self.watched.code(engine, self.since, &end).await?;
        if aborts || end == StayEnd::NothingRuns {
            // Nobody may read any more.
            let _ = self.logs_end.send(());
        }
        Ok(Stayed { end, stopped, code })
    }

    async fn stop(
        &self,
        surroundings: &Surroundings,
        progress: &dyn Progress,
    ) -> Result<Done, Failure> {
        let goal = Goal::Stop {
            services: self.watched.services.iter().cloned().collect(),
            grace_secs: self.watched.grace_secs,
        };
        // The interrupt that may have led here is not to interrupt this.
        let (_nobody, halt) = watch::channel(None);
        let session = &self.session;
        reach(surroundings, session, &goal, self.parallel, progress, halt).await
    }
}

/// Whose ends count, and how.
struct Watched {
    project: String,
    services: BTreeSet<String>,
    /// Those that something waits for.
    jobs: BTreeSet<String>,
    abort_on: Option<AbortOn>,
    code_from: Option<String>,
    grace_secs: Option<i64>,
}

impl Watched {
    fn new(request: &StayRequest, wanted: &Wanted) -> Self {
        let dependencies = wanted.services.values();
        let dependencies = dependencies.flat_map(|service| &service.depends_on);
        let named = request.exit_code_from.as_ref();
        let jobs = dependencies
            .filter(|(name, on)| on.condition == Condition::Completed && Some(*name) != named);
        Self {
            project: wanted.project.clone(),
            services: wanted.services.keys().cloned().collect(),
            jobs: jobs.map(|(name, _)| name.clone()).collect(),
            abort_on: request.abort_on.or(named.map(|_| AbortOn::Exit)),
            code_from: request.exit_code_from.clone(),
            grace_secs: request.up.grace_secs,
        }
    }

    /// Waits until nothing runs any more or a container has ended that ends everything.
    async fn over(&self, engine: &dyn Engine, since: Timestamp) -> Result<StayEnd, Failure> {
        let mut events = logs::starts_and_ends(engine, &self.project, None).await?;
        let mut is_quiet = false;
        loop {
            let seen = self.look(engine, since).await?;
            if let Some(ended) = seen.aborts(self.abort_on) {
                return Ok(StayEnd::Ended(ended.clone()));
            }
            if !seen.runs && (is_quiet || self.abort_on.is_some()) {
                return Ok(StayEnd::NothingRuns);
            }
            let limit = if seen.runs { Duration::MAX } else { QUIET };
            is_quiet = match timeout(limit, events.next()).await {
                Ok(Some(event)) => event.map(|_| false)?,
                Ok(None) => return Err(logs::gone(engine).into()),
                Err(_) => true,
            };
        }
    }

    /// The exit code that counts.
    async fn code(
        &self,
        engine: &dyn Engine,
        since: Timestamp,
        end: &StayEnd,
    ) -> Result<Option<i64>, Failure> {
        match (&self.code_from, end) {
            (_, StayEnd::NotUp(_) | StayEnd::Interrupted) | (None, StayEnd::NothingRuns) => {
                Ok(None)
            }
            (Some(service), _) => {
                let seen = self.look(engine, since).await?;
                let its = seen.ended.iter().find(|one| one.service == *service);
                Ok(its.map(|one| one.code))
            }
            (None, StayEnd::Ended(ended)) => Ok(Some(ended.code)),
        }
    }

    /// What is there of the services, and what has ended since then.
    ///
    /// A listing may lag behind the engine's events; an inspect does not.
    async fn look(&self, engine: &dyn Engine, since: Timestamp) -> Result<Seen, Failure> {
        let found = containers::of_stack(engine, &self.project).await?;
        let is_own = |one: &ContainerSummary| {
            !is_one_off(one) && self.services.contains(containers::service(one))
        };
        let own = found.into_iter().filter(is_own);
        let ids: Vec<_> = own.map(|one| one.id).collect();
        let mut inspected = engine.inspect_containers(&ids).await?;
        let runs = inspected.iter().any(|one| one.state.status.is_up());
        inspected.retain(|one| {
            let finished = one.state.finished.is_some_and(|at| at >= since);
            finished && one.state.status == ContainerStatus::Exited
        });
        inspected.sort_by_key(|one| one.state.finished);
        let ended = inspected.into_iter().map(|one| {
            let service = one.service().unwrap_or_default().to_owned();
            Ended {
                is_done_job: self.jobs.contains(&service) && one.state.exit_code == 0,
                container: one.name,
                service,
                code: one.state.exit_code,
            }
        });
        Ok(Seen {
            runs,
            ended: ended.collect(),
        })
    }
}

/// What a look at the engine showed.
struct Seen {
    /// Whether anything runs.
    runs: bool,
    /// What has ended, the first first.
    ended: Vec<Ended>,
}

impl Seen {
    /// The container whose end ends everything.
    fn aborts(&self, on: Option<AbortOn>) -> Option<&Ended> {
        let on = on?;
        self.ended
            .iter()
            .find(|one| !one.is_done_job && (on == AbortOn::Exit || one.code != 0))
    }
}

#[cfg(test)]
mod tests;
