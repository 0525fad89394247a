//! Plans: what will be done, in which order, and why.
//!
//! A [`Plan`] is made by core's pure planner and carried out step by step by its executor, which decides
//! nothing. Every [`Step`] says its cause in words; a plan prints one line per step, and that text is what
//! people read and tests compare.

mod action;
mod cause;
mod file_change;
mod operation;

pub use action::{Action, ContainerRef, Effect, Undo};
pub use cause::{Cause, Change};
pub use file_change::{FileChange, FileState, LineChange};
pub use operation::{Actor, Goal, Operation, OperationId, Outcome, StepOutcome};

use std::fmt;

use serde::{Deserialize, Serialize};

/// Number of a step within its plan, from 1, in an order in which the steps could be done one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StepId(pub u32);

impl fmt::Display for StepId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// One thing to do, with its reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Its number.
    pub id: StepId,
    /// What to do.
    pub action: Action,
    /// Why.
    pub cause: Cause,
    /// Steps that have to be done before it.
    pub after: Vec<StepId>,
    /// The service it is done for, if it is one's.
    pub service: Option<String>,
}

/// What will be done to reach a goal.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Name of the project.
    pub project: String,
    /// The steps, each behind all that it comes after.
    pub steps: Vec<Step>,
    /// What was looked at and is left alone although it is not as wanted, with the reason; and what could not
    /// be looked at.
    pub notes: Vec<Note>,
}

/// Something a plan says without doing anything about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// What it is about: `volume data`, `service web`.
    pub subject: String,
    /// What there is to say.
    pub text: String,
}

impl Plan {
    /// Tells whether there is nothing to do. Waiting counts as nothing.
    pub fn is_empty(&self) -> bool {
        self.steps
            .iter()
            .all(|step| step.action.effect() == Effect::Read)
    }

    /// The strongest effect of any step.
    pub fn effect(&self) -> Effect {
        self.steps
            .iter()
            .map(|step| step.action.effect())
            .max()
            .unwrap_or(Effect::Read)
    }

    /// The same plan with numbers that begin behind `last`, so that it can follow another one.
    #[must_use]
    pub fn following(mut self, last: u32) -> Self {
        let shift = |id: StepId| StepId(id.0 + last);
        for step in &mut self.steps {
            step.id = shift(step.id);
            step.after
                .iter_mut()
                .for_each(|before| *before = shift(*before));
        }
        self
    }

    /// Adds a step behind those it comes after and returns its number.
    ///
    /// Steps are added in an order in which they can be done; one that comes after a later one would never be
    /// reached.
    pub fn push(
        &mut self,
        action: Action,
        cause: Cause,
        service: Option<&str>,
        after: &[StepId],
    ) -> StepId {
        let id = StepId(u32::try_from(self.steps.len() + 1).unwrap_or(u32::MAX));
        let mut after: Vec<StepId> = after.iter().copied().filter(|step| *step < id).collect();
        after.sort_unstable();
        after.dedup();
        let service = service.map(str::to_owned);
        self.steps.push(Step {
            id,
            action,
            cause,
            after,
            service,
        });
        id
    }
}

impl fmt::Display for Plan {
    /// One line per step: number, action, cause, and the numbers of the steps it waits for. Under a step that changes
    /// a file of the user's, the lines that change.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.steps.len().to_string().len();
        for step in &self.steps {
            write!(f, "{:>width$}. {} ({})", step.id.0, step.action, step.cause)?;
            if !step.after.is_empty() {
                let after: Vec<String> = step.after.iter().map(StepId::to_string).collect();
                write!(f, " after {}", after.join(", "))?;
            }
            writeln!(f)?;
            if let Action::ChangeFile { change } = &step.action {
                for line in change.diff() {
                    writeln!(f, "{:width$}    {line}", "")?;
                }
            }
        }
        for note in &self.notes {
            writeln!(f, "note: {}: {}", note.subject, note.text)?;
        }
        Ok(())
    }
}
