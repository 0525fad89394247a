//! The verbs that change a stack: each fills a goal and lets the stack reach it.

use std::collections::BTreeMap;

use bowline_core::{Halt, How, LockError, Reached, StackError};
use bowline_engine::{Selector, inside};
use bowline_model::{BuildChoice, Goal, Operation, OperationId, Plan, PullPolicy, Wanted, label};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::build;
use crate::debug::{Which, sweep};
use crate::outside::Workshop;
use crate::problem::{Problem, problems};
use crate::progress::Progress;
use crate::session::{self, Selection, Session};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, ExitCode, Failure, why};

/// What `up` and `plan` are asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an option of its own in Compose"
)]
pub struct UpRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Services, with what they depend on; none: all.
    pub services: Vec<String>,
    /// Without what they depend on.
    pub no_deps: bool,
    /// Number of containers by service.
    pub scale: BTreeMap<String, u32>,
    /// Make containers again although nothing changed.
    pub force_recreate: bool,
    /// Remove containers of services that are no longer declared.
    pub remove_orphans: bool,
    /// When images are pulled, whatever the files say.
    pub pull: Option<PullRule>,
    /// Whether images that have a build section are built, whatever the files say.
    pub build: BuildChoice,
    /// Return when everything is started.
    pub no_wait: bool,
    /// Seconds until a container that has to stop is killed, whatever the files say.
    pub grace_secs: Option<i64>,
    /// How many steps may be under way at once.
    pub parallel: Option<usize>,
}

/// When images are pulled, whatever the files say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullRule {
    /// Every time.
    Always,
    /// Where they are not there.
    Missing,
    /// Never.
    Never,
}

/// What `down` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct DownRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Volumes to remove with everything in them, by name.
    pub destroy_volumes: Vec<String>,
    /// Seconds until a container is killed.
    pub grace_secs: Option<i64>,
    /// How many steps may be under way at once.
    pub parallel: Option<usize>,
}

/// What `start`, `stop`, `restart`, `pause` and `unpause` are asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ServicesRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Services; none: all.
    pub services: Vec<String>,
    /// Seconds until a container is killed, where one is stopped.
    pub grace_secs: Option<i64>,
}

/// Which of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Start what is stopped.
    Start,
    /// Stop what runs.
    Stop,
    /// Stop and start.
    Restart,
    /// Freeze what runs.
    Pause,
    /// Let go on what is frozen.
    Unpause,
}

/// What became of an operation.
#[derive(Debug)]
pub struct Done {
    /// The operation; `None` where there was nothing to do.
    pub operation: Option<OperationId>,
    /// What was done, or would be.
    pub plan: Plan,
    /// What did not work, each with everything that is known about it.
    pub problems: Vec<Problem>,
    /// Whether it was cut short.
    pub halted: Option<Halt>,
}

impl Done {
    /// Whether it was interrupted, or lost its lock or its engine: nothing more can or may be done then.
    pub(crate) fn is_cut_short(&self) -> bool {
        let is_halted = matches!(self.halted, Some(Halt::Interrupted | Halt::LockLost));
        is_halted || self.is_engine_gone()
    }

    fn is_engine_gone(&self) -> bool {
        self.problems.iter().any(|problem| problem.is_engine_gone)
    }

    /// The exit code that says how it went.
    pub fn exit_code(&self) -> ExitCode {
        // Without its engine a lock cannot be held either.
        if self.is_engine_gone() {
            return ExitCode::EngineUnreachable;
        }
        match &self.halted {
            Some(Halt::Interrupted) => return ExitCode::Interrupted,
            Some(Halt::LockLost) => return ExitCode::Locked,
            Some(Halt::OutOfTime) | None => {}
        }
        if self.problems.iter().any(|problem| problem.is_gate) {
            ExitCode::HealthGate
        } else if !self.problems.is_empty() || self.halted.is_some() {
            ExitCode::Failed
        } else {
            ExitCode::Done
        }
    }
}

/// What a stack would lose with its volumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AtStake {
    /// Name of the project.
    pub project: String,
    /// Its volumes.
    pub volumes: Vec<VolumeAtStake>,
    /// The files say that nothing in them is worth a question.
    pub disposable: bool,
}

/// A volume and how much is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeAtStake {
    /// Its name.
    pub name: String,
    /// Bytes, where the engine can say.
    pub bytes: Option<u64>,
}

/// The volumes that a stack made, with their sizes. Reads only.
pub async fn at_stake(
    surroundings: &Surroundings,
    stack: &StackOptions,
) -> Result<AtStake, Failure> {
    let scale = BTreeMap::new();
    let selection = Selection {
        services: &[],
        no_deps: false,
        scale: &scale,
    };
    let (session, disposable) = if stack.named(surroundings)?.project.is_none() {
        (session::by_name(surroundings, stack).await?, false)
    } else {
        let loaded = session::with_project(surroundings, stack, selection).await?;
        (loaded.session, loaded.wanted.disposable_data)
    };
    let engine = &session.stack.engine;
    let which = Selector::label(label::PROJECT, &session.stack.project);
    let volumes = engine.volumes(&which).await?;
    let sizes = engine.volume_sizes().await.unwrap_or_default();
    let mut volumes: Vec<VolumeAtStake> = volumes
        .into_iter()
        .map(|volume| VolumeAtStake {
            bytes: sizes.get(&volume.spec.name).copied(),
            name: volume.spec.name,
        })
        .collect();
    volumes.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(AtStake {
        project: session.stack.project,
        volumes,
        disposable,
    })
}

/// Brings a stack up.
///
/// # Errors
///
/// Where nothing was begun. What fails on the way is in the answer.
pub async fn up(
    surroundings: &Surroundings,
    request: &UpRequest,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let loaded = session::with_project(surroundings, &request.stack, selection(request)).await?;
    let goal = up_goal(request, loaded.wanted.clone());
    let mut done = reach(
        surroundings,
        &loaded.session,
        &goal,
        request.parallel,
        progress,
        halt.clone(),
    )
    .await?;
    why::explain(surroundings, &request.stack, &mut done, halt).await;
    Ok(Answer {
        value: done,
        warnings: loaded.warnings,
    })
}

/// Shows what `up` would do, and changes nothing.
pub async fn plan(
    surroundings: &Surroundings,
    request: &UpRequest,
) -> Result<Answer<Plan>, Failure> {
    let (stack, selection) = (&request.stack, selection(request));
    let loaded = session::with_project_to_read(surroundings, stack, selection).await?;
    let goal = up_goal(request, loaded.wanted);
    let plan = loaded.session.stack.plan(&goal).await?;
    let looked = build::look(&plan).await;
    looked.map_err(StackError::Outside)?;
    Ok(Answer {
        value: plan,
        warnings: loaded.warnings,
    })
}

pub(crate) fn selection(request: &UpRequest) -> Selection<'_> {
    Selection {
        services: &request.services,
        no_deps: request.no_deps,
        scale: &request.scale,
    }
}

/// The goal of an `up`.
pub(crate) fn up_goal(request: &UpRequest, mut wanted: Wanted) -> Goal {
    let policy = request.pull.map(|rule| match rule {
        PullRule::Always => PullPolicy::Always,
        PullRule::Missing => PullPolicy::Missing,
        PullRule::Never => PullPolicy::Never,
    });
    if let Some(policy) = policy {
        for service in wanted.services.values_mut() {
            service.image.pull = policy;
        }
    }
    for service in wanted.services.values_mut() {
        service.image.build_choice = request.build;
    }
    if request.grace_secs.is_some() {
        for service in wanted.services.values_mut() {
            service.stop_grace_secs = request.grace_secs;
        }
    }
    let recreate = if !request.force_recreate {
        Vec::new()
    } else if request.services.is_empty() {
        wanted.services.keys().cloned().collect()
    } else {
        request.services.clone()
    };
    Goal::Up {
        wanted: Box::new(wanted),
        recreate,
        remove_orphans: request.remove_orphans,
        wait: !request.no_wait,
    }
}

/// Takes a stack down. Volumes stay unless they are named.
pub async fn down(
    surroundings: &Surroundings,
    request: &DownRequest,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let session = session::by_name(surroundings, &request.stack).await?;
    // Who looks around in a stack that goes would hold its networks; no undo is to bring that back.
    let stack = &session.stack;
    let ended = sweep(&*stack.engine, &stack.project, Which::All).await?;
    let goal = Goal::Down {
        volumes: request.destroy_volumes.clone(),
        remove_orphans: true,
        grace_secs: request.grace_secs,
    };
    let done = reach(
        surroundings,
        &session,
        &goal,
        request.parallel,
        progress,
        halt,
    )
    .await?;
    Ok(Answer {
        value: done,
        warnings: ended.concat(),
    })
}

/// Starts, stops, restarts, freezes or lets go on services as they are.
pub async fn turn(
    surroundings: &Surroundings,
    request: &ServicesRequest,
    turn: Turn,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let session = session::by_name(surroundings, &request.stack).await?;
    let goal = turn_goal(request, turn);
    let mut done = reach(surroundings, &session, &goal, None, progress, halt.clone()).await?;
    why::explain(surroundings, &request.stack, &mut done, halt).await;
    Ok(Answer {
        value: done,
        warnings: String::new(),
    })
}

/// The goal of a `start`, `stop`, `restart`, `pause` or `unpause`.
pub(crate) fn turn_goal(request: &ServicesRequest, turn: Turn) -> Goal {
    let (services, grace_secs) = (request.services.clone(), request.grace_secs);
    match turn {
        Turn::Start => Goal::Start { services },
        Turn::Stop => Goal::Stop {
            services,
            grace_secs,
        },
        Turn::Restart => Goal::Restart {
            services,
            grace_secs,
        },
        Turn::Pause => Goal::Pause { services },
        Turn::Unpause => Goal::Unpause { services },
    }
}

/// Runs done jobs once more.
pub async fn rerun(
    surroundings: &Surroundings,
    stack: &StackOptions,
    jobs: &[String],
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let scale = BTreeMap::new();
    let selection = Selection {
        services: jobs,
        no_deps: false,
        scale: &scale,
    };
    let loaded = session::with_project(surroundings, stack, selection).await?;
    let goal = Goal::Rerun {
        wanted: Box::new(loaded.wanted),
        jobs: jobs.to_vec(),
    };
    let session = &loaded.session;
    let mut done = reach(surroundings, session, &goal, None, progress, halt.clone()).await?;
    why::explain(surroundings, stack, &mut done, halt).await;
    Ok(Answer {
        value: done,
        warnings: loaded.warnings,
    })
}

/// Takes an operation back; the last one where none is named.
pub async fn undo(
    surroundings: &Surroundings,
    stack: &StackOptions,
    operation: Option<OperationId>,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let session = session::by_name(surroundings, stack).await?;
    let workshop = Workshop::new(surroundings, progress)?;
    let how = how(&session, &workshop, None, progress, halt);
    let reached = session.stack.undo(operation, &how).await?;
    Ok(Answer {
        value: finish(&session, reached).await,
        warnings: String::new(),
    })
}

/// Goes on towards the goal of the last operation, where that one did not get there.
pub async fn resume(
    surroundings: &Surroundings,
    stack: &StackOptions,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Answer<Done>, Failure> {
    let session = session::by_name(surroundings, stack).await?;
    let (_, goal) = session.stack.unfinished().await?;
    let done = match goal {
        Goal::Undo { operation } => {
            let workshop = Workshop::new(surroundings, progress)?;
            let how = how(&session, &workshop, None, progress, halt);
            finish(&session, session.stack.undo(Some(operation), &how).await?).await
        }
        goal => reach(surroundings, &session, &goal, None, progress, halt).await?,
    };
    Ok(Answer {
        value: done,
        warnings: String::new(),
    })
}

/// The operations of a stack, newest first.
pub async fn history(
    surroundings: &Surroundings,
    stack: &StackOptions,
    limit: u32,
) -> Result<Vec<Operation>, Failure> {
    let session = session::by_name(surroundings, stack).await?;
    Ok(session.stack.history(limit).await?)
}

/// Reaches a goal and finds out about everything that did not work.
pub(crate) async fn reach(
    surroundings: &Surroundings,
    session: &Session,
    goal: &Goal,
    parallel: Option<usize>,
    progress: &dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> Result<Done, Failure> {
    let workshop = Workshop::new(surroundings, progress)?;
    let how = how(session, &workshop, parallel, progress, halt);
    let reached = session.stack.reach(goal, &how).await?;
    Ok(finish(session, reached).await)
}

fn how<'a>(
    session: &'a Session,
    workshop: &'a Workshop<'a>,
    parallel: Option<usize>,
    progress: &'a dyn Progress,
    halt: watch::Receiver<Option<Halt>>,
) -> How<'a> {
    How {
        actor: &session.actor,
        outside: workshop,
        watch: progress,
        parallel,
        probes: std::thread::available_parallelism().map_or(2, usize::from),
        inside: &|container, pid| inside(container, pid),
        halt,
    }
}

async fn finish(session: &Session, reached: Reached) -> Done {
    let mut problems = problems(&*session.stack.engine, &reached).await;
    if !problems.is_empty() {
        let veil = session.veil().await;
        for problem in &mut problems {
            problem.hide(&veil);
        }
    }
    let Reached {
        operation,
        plan,
        report,
    } = reached;
    Done {
        operation,
        plan,
        problems,
        halted: report.halted,
    }
}

impl From<StackError> for Failure {
    fn from(error: StackError) -> Self {
        match error {
            StackError::Engine(error) => Self::Engine(error),
            StackError::Plan(errors) => Self::NoPlan(errors),
            StackError::Outside(errors) => Self::unfit_outside(&errors),
            StackError::Journal(error) => Self::state(&error, error.hints()),
            StackError::Lock(
                error @ (LockError::Held { .. }
                | LockError::HeldHere { .. }
                | LockError::Crowded { .. }),
            ) => Self::Locked {
                message: error.to_string(),
                hints: error.hints(),
            },
            StackError::Lock(LockError::Engine(error)) if error.is_unreachable() => {
                Self::Engine(error)
            }
            StackError::Lock(error) => Self::state(&error, error.hints()),
            other => Self::state(&other, Vec::new()),
        }
    }
}
