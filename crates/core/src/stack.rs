//! A stack on an engine: goals in, operations out.
//!
//! This is the road in one place. A plan is made first without the lock, and an empty one takes none;
//! otherwise the lock is taken, the world is looked at and planned again, the operation begins in the journal,
//! events are recorded, and the plan is carried out. Images come first, in a plan of their own: only when they
//! are there is it known which containers have to be made again.

mod past;

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use bowline_engine::{Engine, EngineError, Inside};
use bowline_model::{
    Action, Actor, ContainerId, Goal, Observed, OperationId, Outcome, Plan, Readiness, Step, label,
};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::Clock;
use crate::execute::{Chapter, ExecuteError, Execution, Halt, Outside, Report, Watch, execute};
use crate::journal::{Journal, JournalError, NewOperation, Remembered, new_operation_id};
use crate::lock::{Lock, LockError, LockGuard, Owner};
use crate::observe::{Names, observe};
use crate::plan::{Images, Memory, PlanError, plan, plan_images};
use crate::recorder::{Recorder, Scope, Stopped};
use crate::seal::{SealError, Sealer};
use crate::settle::{SettleError, settle};
use crate::state_home::StateHome;

/// A stack: its engine, its name, and where its state is.
#[derive(Clone, Debug)]
pub struct Stack {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// Name of the project.
    pub project: String,
    /// Where the journal is.
    pub home: StateHome,
    /// What the journal's secret parts are sealed with.
    pub sealer: Option<Sealer>,
    /// The clock of this host.
    pub clock: Arc<dyn Clock>,
}

/// How a goal is to be reached.
pub struct How<'a> {
    /// Who asks for it.
    pub actor: &'a Actor,
    /// Files, logins and progress of pulls.
    pub outside: &'a dyn Outside,
    /// Who is told.
    pub watch: &'a dyn Watch,
    /// How many steps may be under way at once, waits aside.
    pub parallel: Option<usize>,
    /// How many probes may run at once.
    pub probes: usize,
    /// How a container is looked into.
    pub inside: &'a (dyn Fn(&ContainerId, u32) -> Option<Inside> + Send + Sync),
    /// Becomes `Some` when nothing new may begin.
    pub halt: watch::Receiver<Option<Halt>>,
}

/// How far a goal was reached.
#[derive(Clone, Debug, PartialEq)]
pub struct Reached {
    /// The operation; `None` where there was nothing to do.
    pub operation: Option<OperationId>,
    /// What was planned, images first.
    pub plan: Plan,
    /// How it went.
    pub report: Report,
}

/// Why nothing was begun, or an operation could not be ended properly.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum StackError {
    /// The engine did not answer.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// There is no plan that leads there.
    #[error("{}", join(.0))]
    Plan(Vec<PlanError>),
    /// The journal did not take or give something.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// Another operation holds the stack, or the lock cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// What the plan needs from outside is not there.
    #[error("{}", join(.0))]
    Outside(Vec<ExecuteError>),
    /// The host's key cannot be used.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// There is no such operation.
    #[error("there is no operation `{0}` of this stack")]
    NoOperation(OperationId),
    /// There is nothing to undo or resume.
    #[error("there is nothing to {0}")]
    Nothing(&'static str),
    /// A step of the operation cannot be taken back.
    #[error("operation `{operation}` cannot be undone: {because}")]
    NotUndoable {
        /// The operation.
        operation: OperationId,
        /// Why not.
        because: String,
    },
}

impl From<SettleError> for StackError {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Engine(error) => Self::Engine(error),
            SettleError::Journal(error) => Self::Journal(error),
        }
    }
}

/// What an operation is to do.
struct Work<'a> {
    goal: &'a Goal,
    plan: Plan,
    /// What the plan was made from, under the lock; an undo's is made from the journal.
    seen: Option<Observed>,
    /// The operation that it takes back.
    undoes: Option<OperationId>,
}

/// A plan, and what it was made from.
struct Planned {
    plan: Plan,
    observed: Observed,
}

fn join<E: std::fmt::Display>(errors: &[E]) -> String {
    errors
        .iter()
        .map(E::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Stack {
    /// Looks at the stack and plans towards a goal. Changes nothing, and needs no lock.
    pub async fn plan(&self, goal: &Goal) -> Result<Plan, StackError> {
        let journal = self.look().await?;
        Ok(self.plan_now(goal, journal.as_ref()).await?.plan)
    }

    async fn plan_now(
        &self,
        goal: &Goal,
        journal: Option<&Journal>,
    ) -> Result<Planned, StackError> {
        let (observed, memory) = self.observe(goal, journal).await?;
        let plan = plan(&self.project, goal, &observed, &memory, Images::Bring)
            .map_err(StackError::Plan)?;
        Ok(Planned { plan, observed })
    }

    /// Looks at the stack as a planner sees it.
    pub async fn observe(
        &self,
        goal: &Goal,
        journal: Option<&Journal>,
    ) -> Result<(Observed, Memory), StackError> {
        let names = goal.wanted().map(Names::of).unwrap_or_default();
        let observed = observe(&*self.engine, &self.project, &names).await?;
        let ids = observed
            .containers
            .iter()
            .map(|container| container.id.clone())
            .collect();
        let memory = match journal {
            Some(journal) => {
                let remembered = journal.remembered(ids).await?;
                let half_made = half_made(journal, &observed, &remembered).await?;
                Memory {
                    half_made,
                    ..remembered.memory
                }
            }
            None => Memory::default(),
        };
        Ok((observed, memory))
    }

    /// Opens the journal for reading; `None` where there is none yet.
    pub async fn look(&self) -> Result<Option<Journal>, StackError> {
        let engine = &self.engine.about().id;
        Ok(Journal::look(
            &self.home,
            engine,
            &self.project,
            self.sealer.clone(),
            self.clock.clone(),
        )
        .await?)
    }

    async fn open(&self) -> Result<Journal, StackError> {
        let engine = &self.engine.about().id;
        Ok(Journal::open(
            &self.home,
            engine,
            &self.project,
            self.sealer.clone(),
            self.clock.clone(),
        )
        .await?)
    }

    /// Reaches a goal, or as much of it as can be reached: what fails holds up only what needs it.
    ///
    /// Where nothing has to be changed nothing is written, not even to the journal; what only has to be waited
    /// for is waited for.
    pub async fn reach(&self, goal: &Goal, how: &How<'_>) -> Result<Reached, StackError> {
        let first = self.plan(goal).await?;
        // What an operation left that died may change yet, however it looks now.
        if first.is_empty() && !self.is_left_behind().await? {
            return self.only_wait(goal, first, how).await;
        }
        let looked = how.outside.look(&first).await;
        looked.map_err(StackError::Outside)?;
        let chapter = self.hold(how, None).await?;
        // What was seen without the lock may be over.
        let planned = self.plan_now(goal, Some(&chapter.journal)).await;
        match planned {
            Ok(planned) if !planned.plan.is_empty() => {
                let work = Work {
                    goal,
                    plan: planned.plan,
                    seen: Some(planned.observed),
                    undoes: None,
                };
                self.operate(chapter, work, how).await
            }
            Ok(planned) => {
                let closed = close_left(&chapter.journal).await;
                release(chapter).await;
                closed?;
                self.only_wait(goal, planned.plan, how).await
            }
            Err(error) => {
                release(chapter).await;
                Err(error)
            }
        }
    }

    /// Whether a process died here with an operation under way, or runs one.
    async fn is_left_behind(&self) -> Result<bool, StackError> {
        let folder = self.home.stack(&self.engine.about().id, &self.project);
        if Lock::is_left_behind(&folder)? {
            return Ok(true);
        }
        Ok(match self.look().await? {
            Some(journal) => !journal.open_operations().await?.is_empty(),
            None => false,
        })
    }

    /// Waits for what only has to be waited for, if anything has: nothing is changed, so nothing is held or written
    /// down.
    async fn only_wait(
        &self,
        goal: &Goal,
        plan: Plan,
        how: &How<'_>,
    ) -> Result<Reached, StackError> {
        if plan.steps.is_empty() {
            return Ok(Reached {
                operation: None,
                plan,
                report: Report::default(),
            });
        }
        let chapter = Chapter {
            journal: self.open().await?,
            operation: new_operation_id()?,
            lock: None,
        };
        let execution = execution(self, goal, how, &chapter, Stopped::none(), how.halt.clone());
        let report = execute(&plan, &execution).await;
        Ok(Reached {
            operation: None,
            plan,
            report,
        })
    }

    /// Takes the lock for an operation, opens the journal, and finds out how the steps went of operations that died
    /// and of the one that is to be taken back.
    async fn hold(
        &self,
        how: &How<'_>,
        undoes: Option<&OperationId>,
    ) -> Result<Chapter, StackError> {
        let operation = new_operation_id()?;
        let owner = Owner::new(
            how.actor.clone(),
            operation.clone(),
            &self.home,
            self.sealer.as_ref(),
        );
        let folder = self.home.stack(&self.engine.about().id, &self.project);
        let lock = Lock::acquire(
            self.engine.clone(),
            &folder,
            &self.project,
            &owner,
            self.clock.clone(),
        )
        .await?;
        let chapter = Chapter {
            journal: self.open().await?,
            operation,
            lock: Some(lock),
        };
        match self.settle(how.outside, &chapter.journal, undoes).await {
            Ok(()) => Ok(chapter),
            Err(error) => {
                release(chapter).await;
                Err(error)
            }
        }
    }

    async fn settle(
        &self,
        outside: &dyn Outside,
        journal: &Journal,
        undoes: Option<&OperationId>,
    ) -> Result<(), StackError> {
        let mut operations = journal.open_operations().await?;
        operations.extend(undoes.cloned());
        for operation in operations {
            settle(&*self.engine, outside, journal, &*self.clock, &operation).await?;
        }
        Ok(())
    }

    /// Begins an operation, carries it out while events are recorded, ends it, and lets the lock go.
    async fn operate(
        &self,
        chapter: Chapter,
        mut work: Work<'_>,
        how: &How<'_>,
    ) -> Result<Reached, StackError> {
        let since = match self.begin(&chapter, &work, how).await {
            Ok(since) => since,
            Err(error) => {
                release(chapter).await;
                return Err(error);
            }
        };
        let recorder = Recorder::start(
            self.engine.clone(),
            chapter.journal.clone(),
            chapter.operation.clone(),
            scope(&self.project, &work),
            since,
        );
        let seen = work.seen.take();
        let (sender, halt) = watch::channel(how.halt.borrow().clone());
        let stopped = recorder.stopped();
        let execution = execution(self, work.goal, how, &chapter, stopped, halt);
        let done = tokio::select! {
            done = self.carry_out(&work, seen, &chapter.journal, &execution) => done,
            never = forward(how.halt.clone(), chapter.lock.as_ref(), sender) => match never {},
        };
        recorder.finish().await;
        let reached = self.close(&chapter, &work, done).await;
        release(chapter).await;
        reached
    }

    /// Begins an operation in the journal, and says the engine's time before it.
    async fn begin(
        &self,
        chapter: &Chapter,
        work: &Work<'_>,
        how: &How<'_>,
    ) -> Result<Timestamp, StackError> {
        let since = match &work.seen {
            Some(seen) => seen.now,
            None => self.engine.now().await?,
        };
        let open = chapter.journal.open_operations().await?;
        let supersedes = open
            .into_iter()
            .filter(|open| work.undoes.as_ref() != Some(open))
            .collect();
        let new = NewOperation {
            id: chapter.operation.clone(),
            goal: work.goal.clone(),
            plan: work.plan.clone(),
            actor: how.actor.clone(),
            undoes: work.undoes.clone(),
            supersedes,
        };
        chapter.journal.begin(new).await?;
        Ok(since)
    }

    /// Does an undo as it was planned; for any other goal brings the images, and does the rest as it is planned when
    /// they are there.
    async fn carry_out(
        &self,
        work: &Work<'_>,
        seen: Option<Observed>,
        journal: &Journal,
        execution: &Execution<'_>,
    ) -> Result<(Plan, Report), StackError> {
        let goal = work.goal;
        let images = match &seen {
            Some(seen) => plan_images(&self.project, goal, seen),
            None => Ok(Plan::default()),
        };
        let mut plan = images.map_err(StackError::Plan)?;
        if plan.steps.is_empty() {
            let report = execute(&work.plan, execution).await;
            return Ok((work.plan.clone(), report));
        }
        let brought = execute(&plan, execution).await;
        if brought.outcome() != Outcome::Done {
            return Ok((plan, brought));
        }
        let (observed, memory) = self.observe(goal, Some(journal)).await?;
        let last = u32::try_from(plan.steps.len()).unwrap_or(u32::MAX);
        let rest = crate::plan::plan(&self.project, goal, &observed, &memory, Images::Brought)
            .map_err(StackError::Plan)?
            .following(last);
        let report = execute(&rest, execution).await;
        plan.steps.extend(rest.steps);
        plan.notes.extend(rest.notes);
        Ok((plan, report))
    }

    /// Ends an operation in the journal, whatever became of it.
    async fn close(
        &self,
        chapter: &Chapter,
        work: &Work<'_>,
        done: Result<(Plan, Report), StackError>,
    ) -> Result<Reached, StackError> {
        let outcome = match &done {
            Ok((_, report)) => match report.failed.first() {
                Some((step, error)) if work.undoes.is_some() => Outcome::Stuck {
                    state: format!("step {step} could not be taken back: {error}"),
                },
                _ => report.outcome(),
            },
            Err(error) => Outcome::Failed {
                step: bowline_model::StepId(0),
                error: error.to_string(),
            },
        };
        let closed = chapter.journal.close(&chapter.operation, outcome).await;
        let (plan, report) = done?;
        closed?;
        self.forget_gone(chapter, &plan, &report).await?;
        Ok(Reached {
            operation: Some(chapter.operation.clone()),
            plan,
            report,
        })
    }

    /// Forgets what was remembered of containers that are gone.
    async fn forget_gone(
        &self,
        chapter: &Chapter,
        plan: &Plan,
        report: &Report,
    ) -> Result<(), StackError> {
        let removed = |step: &Step| match &step.action {
            Action::RemoveContainer { container, .. } if report.done.contains(&step.id) => {
                container.id.clone()
            }
            _ => None,
        };
        let gone: Vec<ContainerId> = plan.steps.iter().filter_map(removed).collect();
        if !gone.is_empty() {
            chapter.journal.forget(gone).await?;
        }
        Ok(())
    }
}

/// The containers that an operation of this journal created and did not get to remember.
async fn half_made(
    journal: &Journal,
    observed: &Observed,
    remembered: &Remembered,
) -> Result<BTreeSet<ContainerId>, JournalError> {
    let mut made: BTreeMap<&ContainerId, OperationId> = BTreeMap::new();
    for container in &observed.containers {
        let is_remembered = remembered.memory.baselines.contains_key(&container.id)
            || remembered.unreadable.contains_key(&container.id);
        if let Some(by) = container.labels().get(label::OPERATION)
            && !is_remembered
            && container.state.started.is_none()
        {
            made.insert(&container.id, OperationId(by.clone()));
        }
    }
    // Those of other state homes are remembered there.
    let others = journal
        .unknown_operations(made.values().cloned().collect())
        .await?;
    made.retain(|_, by| !others.contains(by));
    Ok(made.into_keys().cloned().collect())
}

/// Ends what died and left nothing to do. Its steps are settled.
async fn close_left(journal: &Journal) -> Result<(), JournalError> {
    for operation in journal.open_operations().await? {
        journal.close(&operation, Outcome::Interrupted).await?;
    }
    Ok(())
}

/// Lets the lock go. One that cannot be let go is taken over by the next operation from here, so that is no
/// failure of what was done.
async fn release(chapter: Chapter) {
    if let Some(lock) = chapter.lock
        && let Err(error) = lock.release().await
    {
        tracing::warn!(%error, "the lock of the stack stays behind");
    }
}

/// Passes on that nothing new may begin, because the user wants it or because the lock is lost.
async fn forward(
    mut asked: watch::Receiver<Option<Halt>>,
    lock: Option<&LockGuard>,
    to: watch::Sender<Option<Halt>>,
) -> Infallible {
    let lost = async {
        if let Some(lock) = lock {
            let mut lost = lock.lost();
            if lost.wait_for(Option::is_some).await.is_ok() {
                return;
            }
        }
        std::future::pending::<()>().await;
    };
    let user = async {
        loop {
            let halt = asked.borrow_and_update().clone();
            if halt.is_some() {
                to.send_replace(halt);
            }
            if asked.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        () = lost => {}
        () = user => {}
    }
    to.send_replace(Some(Halt::LockLost));
    std::future::pending().await
}

/// The objects whose events belong to an operation.
fn scope(project: &str, work: &Work<'_>) -> Scope {
    let mut names = BTreeSet::new();
    if let Some(wanted) = work.goal.wanted() {
        let wanted = Names::of(wanted);
        names.extend(wanted.networks);
        names.extend(wanted.volumes);
    }
    for step in &work.plan.steps {
        match &step.action {
            Action::CreateNetwork { spec } => {
                names.insert(spec.name.clone());
            }
            Action::CreateVolume { spec } => {
                names.insert(spec.name.clone());
            }
            Action::RemoveNetwork { name, .. } | Action::RemoveVolume { name } => {
                names.insert(name.clone());
            }
            _ => {}
        }
    }
    Scope {
        project: project.to_owned(),
        names,
    }
}

fn execution<'a>(
    stack: &'a Stack,
    goal: &Goal,
    how: &'a How<'_>,
    chapter: &'a Chapter,
    stopped: Stopped,
    halt: watch::Receiver<Option<Halt>>,
) -> Execution<'a> {
    let readiness: BTreeMap<String, Readiness> = goal
        .wanted()
        .into_iter()
        .flat_map(|wanted| &wanted.services)
        .map(|(name, service)| (name.clone(), service.readiness))
        .collect();
    Execution {
        engine: &*stack.engine,
        operation: &chapter.operation,
        ledger: chapter,
        outside: how.outside,
        watch: how.watch,
        parallel: how.parallel,
        probes: how.probes,
        readiness,
        inside: how.inside,
        stopped,
        halt,
    }
}

#[cfg(test)]
mod tests;
