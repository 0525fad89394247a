//! The order of doing: every step as soon as all that it comes after is done, starts before everything else.
//!
//! A step that fails holds up only what comes after it; everything else goes on, and what is fine stays. After
//! an interrupt, or when the lock is lost, nothing new begins and what runs is let end.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;

use bowline_engine::{Engine, EngineError, Inside, Sent};
use bowline_model::{
    Action, Condition, ContainerId, ObservedContainer, OperationId, Outcome, Plan, Readiness, Step,
    StepId, StepOutcome, Undo,
};
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{Semaphore, watch};

use super::act::Actor;
use super::undo::undo_of;
use super::{ExecuteError, Outside};
use crate::compare::Baseline;
use crate::journal::{Journal, JournalError, StepToken};
use crate::lock::{LockGuard, LockLost};
use crate::ready::{self, Failed, Ready, Waiting};
use crate::recorder::Stopped;

/// Where steps are written down before they are done, and their outcomes behind them.
///
/// In the product this is an operation's part of the journal.
#[async_trait::async_trait]
pub trait Ledger: Send + Sync {
    /// Writes down that a step is about to be done, and how it is taken back. The token is the right to do it.
    async fn intend(&self, step: &Step, undo: &Undo) -> Result<StepToken, JournalError>;
    /// Writes down how a step ended.
    async fn conclude(&self, token: StepToken, outcome: &StepOutcome) -> Result<(), JournalError>;
    /// Remembers a container that was made.
    async fn remember(&self, baseline: &Baseline) -> Result<(), JournalError>;
    /// What is remembered of a container.
    async fn remembered(&self, container: &ContainerId) -> Result<Option<Baseline>, JournalError>;
    /// Remembers that a container was ready in a run.
    async fn remember_ready(&self, ready: &Ready) -> Result<(), JournalError>;
}

/// An operation's part of the journal, written under the stack's lock.
#[derive(Debug)]
pub struct Chapter {
    /// The journal.
    pub journal: Journal,
    /// The operation, which has begun.
    pub operation: OperationId,
    /// The lock; without it steps that change something are not written down, so they are not done.
    pub lock: Option<LockGuard>,
}

#[async_trait::async_trait]
impl Ledger for Chapter {
    async fn intend(&self, step: &Step, undo: &Undo) -> Result<StepToken, JournalError> {
        match &self.lock {
            Some(lock) => {
                self.journal
                    .intend_under(lock, &self.operation, step, undo)
                    .await
            }
            None => Err(LockLost::Gone.into()),
        }
    }

    async fn conclude(&self, token: StepToken, outcome: &StepOutcome) -> Result<(), JournalError> {
        self.journal.conclude(token, outcome.clone()).await
    }

    async fn remember(&self, baseline: &Baseline) -> Result<(), JournalError> {
        self.journal.set_baseline(&self.operation, baseline).await
    }

    async fn remembered(&self, container: &ContainerId) -> Result<Option<Baseline>, JournalError> {
        self.journal.baseline(container).await
    }

    async fn remember_ready(&self, ready: &Ready) -> Result<(), JournalError> {
        match ready.run {
            Some(run) => self.journal.set_ready(&ready.id, run).await,
            None => Ok(()),
        }
    }
}

/// What the caller is told while a plan is carried out.
pub trait Watch: Send + Sync {
    /// A step begins.
    fn began(&self, step: &Step);
    /// A step ended.
    fn ended(&self, step: &Step, result: Result<&StepOutcome, &StepError>);
}

/// Why nothing new begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Halt {
    /// The user wants it.
    Interrupted,
    /// The time that the user gave is over.
    OutOfTime,
    /// Another operation holds the stack's lock.
    LockLost,
}

/// Everything that carrying out a plan needs.
pub struct Execution<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The operation whose label goes on everything that is made.
    pub operation: &'a OperationId,
    /// Where everything is written down.
    pub ledger: &'a dyn Ledger,
    /// Files, logins and progress of pulls.
    pub outside: &'a dyn Outside,
    /// Who is told.
    pub watch: &'a dyn Watch,
    /// How many steps may be under way at once, waits aside; `None` is no limit.
    pub parallel: Option<usize>,
    /// How many probes may run at once.
    pub probes: usize,
    /// How readiness is found out, by service; own probing where nothing is said.
    pub readiness: BTreeMap<String, Readiness>,
    /// How a container is looked into.
    pub inside: &'a (dyn Fn(&ContainerId, u32) -> Option<Inside> + Send + Sync),
    /// Who has ended since it was told to, by the engine's events.
    pub stopped: Stopped,
    /// Becomes `Some` when nothing new may begin.
    pub halt: watch::Receiver<Option<Halt>>,
}

/// Why a step was not done.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StepError {
    /// The engine or something outside did not do it.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// What was waited for did not come.
    #[error("{}", .0.reason)]
    NotReady(Box<Failed>),
    /// It could not be written down, so it was not begun, or nobody knows how it ended.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The wait was given up.
    #[error("given up")]
    Halted,
}

impl StepError {
    /// Tells whether the engine may have done what was asked for although it did not say so.
    fn leaves_open(&self) -> bool {
        matches!(
            self,
            Self::Halted
                | Self::Execute(ExecuteError::Engine(EngineError::Unreachable {
                    sent: Sent::Maybe,
                    ..
                }))
        )
    }
}

impl From<EngineError> for StepError {
    fn from(error: EngineError) -> Self {
        Self::Execute(error.into())
    }
}

/// How carrying out a plan ended.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// Steps that were done.
    pub done: BTreeSet<StepId>,
    /// Steps that failed, in the order in which they did.
    pub failed: Vec<(StepId, StepError)>,
    /// Steps that were not begun because of those.
    pub blocked: BTreeSet<StepId>,
    /// Why it was cut short, if it was.
    pub halted: Option<Halt>,
}

impl Report {
    /// The outcome to close the operation with.
    pub fn outcome(&self) -> Outcome {
        match (
            self.failed
                .iter()
                .find(|(_, error)| *error != StepError::Halted),
            &self.halted,
        ) {
            (Some((step, error)), _) => Outcome::Failed {
                step: *step,
                error: error.to_string(),
            },
            (None, Some(_)) => Outcome::Interrupted,
            (None, None) => Outcome::Done,
        }
    }
}

/// Carries out a plan.
pub async fn execute(plan: &Plan, execution: &Execution<'_>) -> Report {
    let probes = Semaphore::new(execution.probes.max(1));
    let mut halt = execution.halt.clone();
    let mut run = Run {
        plan,
        execution,
        probes: &probes,
        report: Report::default(),
        begun: BTreeSet::new(),
    };
    let mut under_way = FuturesUnordered::new();
    let mut listening = true;
    loop {
        run.report.halted.clone_from(&*halt.borrow());
        if run.report.halted.is_none() {
            for step in run.next(under_way.len()) {
                under_way.push(run.step(step));
            }
        }
        if under_way.is_empty() {
            break;
        }
        tokio::select! {
            ended = under_way.next() => {
                if let Some((step, result)) = ended {
                    run.end(step, result);
                }
            }
            // Once whoever could say so is gone, nobody will.
            changed = halt.changed(), if listening => listening = changed.is_ok(),
        }
    }
    run.block();
    run.report
}

type Ended<'a> = (&'a Step, Result<StepOutcome, StepError>);

struct Run<'a> {
    plan: &'a Plan,
    execution: &'a Execution<'a>,
    probes: &'a Semaphore,
    report: Report,
    begun: BTreeSet<StepId>,
}

impl<'a> Run<'a> {
    /// The steps that can begin now: starts first, waits whenever they can.
    fn next(&mut self, under_way: usize) -> Vec<&'a Step> {
        let can_begin = |step: &&Step| {
            !self.begun.contains(&step.id)
                && step
                    .after
                    .iter()
                    .all(|before| self.report.done.contains(before))
        };
        let mut ready: Vec<&'a Step> = self.plan.steps.iter().filter(can_begin).collect();
        ready.sort_by_key(|step| (priority(&step.action), step.id));
        let waits = self.begun.len() - self.report.done.len() - self.report.failed.len();
        let acting = under_way.min(waits);
        let mut room = self
            .execution
            .parallel
            .map_or(usize::MAX, |limit| limit.saturating_sub(acting));
        ready.retain(|step| {
            let is_wait = matches!(step.action, Action::Await { .. });
            let begins = is_wait || room > 0;
            if begins && !is_wait {
                room -= 1;
            }
            begins
        });
        self.begun.extend(ready.iter().map(|step| step.id));
        ready
    }

    fn step(&self, step: &'a Step) -> Pin<Box<dyn Future<Output = Ended<'a>> + Send + 'a>> {
        let (execution, probes) = (self.execution, self.probes);
        Box::pin(async move { (step, one(step, execution, probes).await) })
    }

    fn end(&mut self, step: &Step, result: Result<StepOutcome, StepError>) {
        self.execution.watch.ended(step, result.as_ref());
        match result {
            Ok(_) => {
                self.report.done.insert(step.id);
            }
            Err(error) => self.report.failed.push((step.id, error)),
        }
    }

    /// Notes what was not begun.
    fn block(&mut self) {
        let blocked = self
            .plan
            .steps
            .iter()
            .filter(|step| !self.begun.contains(&step.id));
        self.report.blocked = blocked.map(|step| step.id).collect();
    }
}

/// Starts hold up most; then what starts wait for; waits cost nothing.
fn priority(action: &Action) -> u8 {
    match action {
        Action::Await { .. } => 0,
        Action::StartContainer { .. } => 1,
        Action::StopContainer { .. } | Action::RenameContainer { .. } => 2,
        Action::RemoveContainer { .. }
        | Action::RemoveNetwork { .. }
        | Action::RemoveVolume { .. } => 4,
        _ => 3,
    }
}

/// One step: its undo and itself are written down, it is done, and its outcome is written down.
async fn one(
    step: &Step,
    execution: &Execution<'_>,
    probes: &Semaphore,
) -> Result<StepOutcome, StepError> {
    if let Action::Await { .. } = step.action {
        // Waiting changes nothing, so there is nothing to write down before it.
        execution.watch.began(step);
        return wait(step, execution, probes).await;
    }
    let actor = Actor {
        engine: execution.engine,
        operation: execution.operation,
        outside: execution.outside,
        stopped: &execution.stopped,
    };
    let found = actor.look(&step.action).await?;
    let undo = undo_of(&actor, execution.ledger, &step.action, found.as_ref()).await?;
    let token = execution.ledger.intend(step, &undo).await?;
    execution.watch.began(step);
    let result = act_unless_halted(&actor, &token, found.as_ref(), execution).await;
    let outcome = match &result {
        Ok(outcome) => outcome.clone(),
        // The engine may have done it, or may do it yet: whoever goes on finds out.
        Err(error) if error.leaves_open() => StepOutcome::Unknown {
            because: error.to_string(),
        },
        Err(error) => StepOutcome::Failed {
            error: error.to_string(),
        },
    };
    execution.ledger.conclude(token, &outcome).await?;
    result
}

/// Acts. A build is given up where nothing new may begin: it may take for ever, and nothing counts on what half of
/// it has done.
async fn act_unless_halted(
    actor: &Actor<'_>,
    token: &StepToken,
    found: Option<&ObservedContainer>,
    execution: &Execution<'_>,
) -> Result<StepOutcome, StepError> {
    let acting = act(actor, token, found, execution);
    if !matches!(token.action(), Action::BuildImage { .. }) {
        return acting.await;
    }
    let mut halt = execution.halt.clone();
    tokio::select! {
        result = acting => result,
        () = halted(&mut halt) => Err(StepError::Halted),
    }
}

async fn act(
    actor: &Actor<'_>,
    token: &StepToken,
    found: Option<&ObservedContainer>,
    execution: &Execution<'_>,
) -> Result<StepOutcome, StepError> {
    let acted = actor.act(token, found).await?;
    if let (
        Action::CreateContainer {
            spec,
            shares,
            files,
            contents,
            ..
        },
        Some(id),
    ) = (token.action(), &acted.made)
    {
        let observed = execution
            .engine
            .inspect_container(&ContainerId(id.clone()))
            .await?;
        let baseline = Baseline {
            wanted: (**spec).clone(),
            contents: contents.clone(),
            shares: shares.clone(),
            files: files.clone(),
            observed,
        };
        execution.ledger.remember(&baseline).await?;
    }
    Ok(StepOutcome::Done {
        made: acted.made,
        already: acted.already,
    })
}

async fn wait(
    step: &Step,
    execution: &Execution<'_>,
    probes: &Semaphore,
) -> Result<StepOutcome, StepError> {
    let Action::Await {
        container,
        condition,
    } = &step.action
    else {
        return Ok(StepOutcome::Done {
            made: None,
            already: true,
        });
    };
    let readiness = step
        .service
        .as_ref()
        .and_then(|name| execution.readiness.get(name))
        .copied()
        .unwrap_or_default();
    let waiting = Waiting {
        engine: execution.engine,
        probes,
        inside: execution.inside,
        readiness,
    };
    let mut halt = execution.halt.clone();
    tokio::select! {
        ready = ready::wait(&waiting, container, *condition) => match ready {
            Ok(ready) => {
                if *condition == Condition::Healthy {
                    execution.ledger.remember_ready(&ready).await?;
                }
                Ok(StepOutcome::Done { made: None, already: false })
            }
            Err(failed) => Err(StepError::NotReady(Box::new(failed))),
        },
        () = halted(&mut halt) => Err(StepError::Halted),
    }
}

/// Returns when nothing new may begin; never, where nobody is left who could say so.
async fn halted(halt: &mut watch::Receiver<Option<Halt>>) {
    if halt.wait_for(Option::is_some).await.is_err() {
        std::future::pending::<()>().await;
    }
}
