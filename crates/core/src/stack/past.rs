//! What was done with a stack: looked at, gone on with, and taken back.

use bowline_model::{
    Action, Cause, Goal, Operation, OperationId, Outcome, Plan, StepOutcome, Undo,
};

use super::{How, Reached, Stack, StackError, Work, release};
use crate::journal::{Intended, OperationRecord, Passed, StepRecord};

impl Stack {
    /// Writes down that something is passed through to a container, in one line of the journal.
    pub async fn pass(&self, passed: Passed) -> Result<(), StackError> {
        Ok(self.open().await?.pass(passed).await?)
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
        // Files first: a container that is made again reads them.
        let mut steps: Vec<_> = record.steps.into_iter().rev().collect();
        steps.sort_by_key(|step| !is_change_of_file(step));
        for step in steps {
            let Intended { step: meant, undo } = step.intended?;
            // What failed changed nothing, apart from what failed half way.
            let may_be_half_made = matches!(
                meant.action,
                Action::CreateContainer { .. } | Action::CreateNetwork { .. }
            );
            if matches!(step.outcome, StepOutcome::Failed { .. }) && !may_be_half_made {
                continue;
            }
            match undo {
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
        let first = self.plan_undo(&id).await?;
        let looked = how.outside.look(&first).await;
        looked.map_err(StackError::Outside)?;
        let chapter = self.hold(how, Some(&id)).await?;
        // What was planned without the lock may be over.
        let plan = match self.plan_undo(&id).await {
            Ok(plan) => plan,
            Err(error) => {
                release(chapter).await;
                return Err(error);
            }
        };
        let goal = Goal::Undo {
            operation: id.clone(),
        };
        let work = Work {
            goal: &goal,
            plan,
            seen: None,
            undoes: Some(id),
        };
        self.operate(chapter, work, how).await
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

fn is_change_of_file(step: &StepRecord) -> bool {
    let intended = step.intended.as_ref();
    intended.is_ok_and(|intended| matches!(intended.step.action, Action::ChangeFile { .. }))
}
