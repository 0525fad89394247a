//! A stack on an engine: goals in, operations out.
//!
//! This is the road in one place. A plan is made first without the lock, and an empty one takes none;
//! otherwise the lock is taken, the world is looked at and planned again, the operation begins in the journal,
//! events are recorded, and the plan is carried out. Images come first, in a plan of their own: only when they
//! are there is it known which containers have to be made again.

use std::collections::BTreeMap;
use std::sync::Arc;

use bowline_engine::{Engine, EngineError, Listener};
use bowline_model::{
    Action, Actor, Cause, ContainerId, Goal, Observed, Operation, OperationId, Outcome, Plan,
    Readiness, StepOutcome, Undo, Wanted,
};
use tokio::sync::watch;

use crate::Clock;
use crate::execute::{Chapter, Execution, Halt, Outside, Report, Watch, execute};
use crate::journal::{Journal, JournalError, NewOperation, OperationRecord, new_operation_id};
use crate::observe::{Names, observe};
use crate::plan::{Images, Memory, PlanError, plan, plan_images};
use crate::seal::{SealError, Sealer};
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
    /// How the listeners of a container are looked at.
    pub listeners: &'a (dyn Fn(&ContainerId, u32) -> Option<Vec<Listener>> + Send + Sync),
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

fn join(errors: &[PlanError]) -> String {
    errors
        .iter()
        .map(PlanError::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

impl Stack {
    /// Looks at the stack and plans towards a goal. Changes nothing, and needs no lock.
    pub async fn plan(&self, goal: &Goal) -> Result<Plan, StackError> {
        let journal = self.look().await?;
        let (observed, memory) = self.observe(goal, journal.as_ref()).await?;
        plan(&self.project, goal, &observed, &memory, Images::Bring).map_err(StackError::Plan)
    }

    /// Looks at the stack as a planner sees it.
    pub async fn observe(
        &self,
        goal: &Goal,
        journal: Option<&Journal>,
    ) -> Result<(Observed, Memory), StackError> {
        let names = wanted_of(goal).map(Names::of).unwrap_or_default();
        let observed = observe(&*self.engine, &self.project, &names).await?;
        let ids = observed
            .containers
            .iter()
            .map(|container| container.id.clone())
            .collect();
        let memory = match journal {
            Some(journal) => journal.remembered(ids).await?.memory,
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
        if first.steps.is_empty() {
            return Ok(Reached {
                operation: None,
                plan: first,
                report: Report::default(),
            });
        }
        let journal = self.open().await?;
        let operation = new_operation_id()?;
        if first.is_empty() {
            let chapter = Chapter {
                journal,
                operation: operation.clone(),
            };
            let report = execute(&first, &execution(self, goal, how, &chapter)).await;
            return Ok(Reached {
                operation: None,
                plan: first,
                report,
            });
        }
        self.begin(&journal, &operation, goal, &first, how, None)
            .await?;
        let chapter = Chapter {
            journal,
            operation: operation.clone(),
        };
        let done = self.carry_out(goal, &chapter, how).await;
        self.close(&chapter, done).await
    }

    async fn begin(
        &self,
        journal: &Journal,
        operation: &OperationId,
        goal: &Goal,
        plan: &Plan,
        how: &How<'_>,
        undoes: Option<OperationId>,
    ) -> Result<(), StackError> {
        let open = journal.open_operations().await?;
        let supersedes = open
            .into_iter()
            .filter(|open| undoes.as_ref() != Some(open))
            .collect();
        let new = NewOperation {
            id: operation.clone(),
            goal: goal.clone(),
            plan: plan.clone(),
            actor: how.actor.clone(),
            undoes,
            supersedes,
        };
        Ok(journal.begin(new).await?)
    }

    /// Brings the images, then looks and plans again and does the rest.
    async fn carry_out(
        &self,
        goal: &Goal,
        chapter: &Chapter,
        how: &How<'_>,
    ) -> Result<(Plan, Report), StackError> {
        let execution = execution(self, goal, how, chapter);
        let (observed, memory) = self.observe(goal, Some(&chapter.journal)).await?;
        let images = plan_images(&self.project, goal, &observed).map_err(StackError::Plan)?;
        let (observed, memory) = if images.steps.is_empty() {
            (observed, memory)
        } else {
            let report = execute(&images, &execution).await;
            if report.outcome() != Outcome::Done {
                return Ok((images, report));
            }
            self.observe(goal, Some(&chapter.journal)).await?
        };
        let last = u32::try_from(images.steps.len()).unwrap_or(u32::MAX);
        let rest = plan(&self.project, goal, &observed, &memory, Images::Brought)
            .map_err(StackError::Plan)?
            .following(last);
        let report = execute(&rest, &execution).await;
        let mut plan = images;
        plan.steps.extend(rest.steps);
        plan.notes.extend(rest.notes);
        Ok((plan, report))
    }

    /// Ends an operation in the journal, whatever became of it.
    async fn close(
        &self,
        chapter: &Chapter,
        done: Result<(Plan, Report), StackError>,
    ) -> Result<Reached, StackError> {
        let outcome = match &done {
            Ok((_, report)) => report.outcome(),
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
        let removed = plan
            .steps
            .iter()
            .filter(|step| report.done.contains(&step.id));
        for step in removed {
            if let Action::RemoveContainer { container, .. } = &step.action
                && let Some(id) = &container.id
            {
                chapter.journal.forget_baseline(id).await?;
            }
        }
        Ok(())
    }

    /// The operations of this stack, newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<Operation>, StackError> {
        match self.look().await? {
            Some(journal) => Ok(journal.history(limit).await?),
            None => Ok(Vec::new()),
        }
    }

    /// Everything about one operation.
    pub async fn operation(&self, id: &OperationId) -> Result<OperationRecord, StackError> {
        let found = match self.look().await? {
            Some(journal) => journal.operation(id).await?,
            None => None,
        };
        found.ok_or_else(|| StackError::NoOperation(id.clone()))
    }

    /// Plans how an operation is taken back: the undos of its steps, the last first.
    pub async fn plan_undo(&self, id: &OperationId) -> Result<Plan, StackError> {
        let Some(journal) = self.look().await? else {
            return Err(StackError::NoOperation(id.clone()));
        };
        let record = journal
            .operation(id)
            .await?
            .ok_or_else(|| StackError::NoOperation(id.clone()))?;
        let not = |because: String| StackError::NotUndoable {
            operation: id.clone(),
            because,
        };
        match &record.operation.outcome {
            Outcome::Undone { by } => return Err(not(format!("`{by}` has taken it back already"))),
            Outcome::Superseded { by } => {
                return Err(not(format!("`{by}` has taken over from it")));
            }
            _ => {}
        }
        if let Some(touched) = journal.touched_later(id).await?.first() {
            return Err(not(format!(
                "operation `{}` changed {} `{}` since",
                touched.operation, touched.kind, touched.name
            )));
        }
        self.undo_steps(record)
    }

    fn undo_steps(&self, record: OperationRecord) -> Result<Plan, StackError> {
        let operation = record.operation.id;
        let mut plan = Plan {
            project: self.project.clone(),
            ..Plan::default()
        };
        let mut last = None;
        for step in record.steps.into_iter().rev() {
            if matches!(step.outcome, StepOutcome::Failed { .. }) {
                continue;
            }
            match step.intended?.undo {
                Undo::Nothing => {}
                Undo::Impossible { because } => {
                    return Err(StackError::NotUndoable { operation, because });
                }
                Undo::Run(actions) => {
                    for action in actions {
                        let after: Vec<_> = last.into_iter().collect();
                        last = Some(plan.push(
                            action,
                            Cause::Undoes(step.action.clone()),
                            step.service.as_deref(),
                            &after,
                        ));
                    }
                }
            }
        }
        Ok(plan)
    }

    /// Takes an operation back; the last one that changed anything where none is named.
    pub async fn undo(
        &self,
        id: Option<OperationId>,
        how: &How<'_>,
    ) -> Result<Reached, StackError> {
        let id = match id {
            Some(id) => id,
            None => self.last_undoable().await?,
        };
        let plan = self.plan_undo(&id).await?;
        let journal = self.open().await?;
        let operation = new_operation_id()?;
        let goal = Goal::Undo {
            operation: id.clone(),
        };
        self.begin(&journal, &operation, &goal, &plan, how, Some(id))
            .await?;
        let chapter = Chapter { journal, operation };
        let report = execute(&plan, &execution(self, &goal, how, &chapter)).await;
        let outcome = match report.failed.first() {
            Some((step, error)) => Outcome::Stuck {
                state: format!("step {step} could not be taken back: {error}"),
            },
            None => report.outcome(),
        };
        chapter.journal.close(&chapter.operation, outcome).await?;
        Ok(Reached {
            operation: Some(chapter.operation),
            plan,
            report,
        })
    }

    async fn last_undoable(&self) -> Result<OperationId, StackError> {
        let history = self.history(50).await?;
        let undoable = |operation: &&Operation| {
            !matches!(
                operation.outcome,
                Outcome::Undone { .. } | Outcome::Superseded { .. }
            )
        };
        history
            .iter()
            .find(undoable)
            .map(|operation| operation.id.clone())
            .ok_or(StackError::Nothing("undo"))
    }

    /// The goal of the last operation, where that one did not get there.
    pub async fn unfinished(&self) -> Result<(OperationId, Goal), StackError> {
        let Some(journal) = self.look().await? else {
            return Err(StackError::Nothing("resume"));
        };
        let last = journal.history(1).await?.into_iter().next();
        match last {
            Some(operation)
                if !matches!(
                    operation.outcome,
                    Outcome::Done | Outcome::Undone { .. } | Outcome::Superseded { .. }
                ) =>
            {
                let goal = journal.goal(&operation.id).await?;
                Ok((operation.id, goal))
            }
            _ => Err(StackError::Nothing("resume")),
        }
    }
}

fn wanted_of(goal: &Goal) -> Option<&Wanted> {
    match goal {
        Goal::Up { wanted, .. } | Goal::Rerun { wanted, .. } => Some(wanted),
        _ => None,
    }
}

fn execution<'a>(
    stack: &'a Stack,
    goal: &Goal,
    how: &'a How<'_>,
    chapter: &'a Chapter,
) -> Execution<'a> {
    let readiness: BTreeMap<String, Readiness> = wanted_of(goal)
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
        listeners: how.listeners,
        halt: how.halt.clone(),
    }
}

#[cfg(test)]
mod tests;
