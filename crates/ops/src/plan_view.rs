//! What front ends show of a plan.

use bowline_model::{Action, Cause, Effect, LineChange, Note, Plan, StepId};
use serde::Serialize;

/// A plan for scripts: what a person reads, in parts. What is created in full stays out, for it holds secrets.
#[derive(Debug, Serialize)]
pub struct PlanView<'a> {
    /// The project.
    pub project: &'a str,
    /// Whether anything would be changed.
    pub changes: bool,
    /// What would be done, in order.
    pub steps: Vec<StepView<'a>>,
    /// What there is to say besides.
    pub notes: &'a [Note],
}

/// One step.
#[derive(Debug, Serialize)]
pub struct StepView<'a> {
    /// Its number.
    pub id: u32,
    /// What is done, in words.
    pub text: String,
    /// What it does to the world.
    pub effect: Effect,
    /// The lines of a file of the user's that change, secrets masked.
    #[serde(skip_serializing_if = "<[LineChange]>::is_empty")]
    pub lines: &'a [LineChange],
    /// The service that it is about, where it is about one.
    pub service: Option<&'a str>,
    /// Why, in words.
    pub because: String,
    /// Why.
    pub cause: &'a Cause,
    /// The steps that have to be done before.
    pub after: &'a [StepId],
}

impl<'a> PlanView<'a> {
    /// What of a plan is shown.
    pub fn of(plan: &'a Plan) -> Self {
        let steps = plan.steps.iter().map(|step| StepView {
            id: step.id.0,
            text: step.action.to_string(),
            effect: step.action.effect(),
            lines: match &step.action {
                Action::ChangeFile { change } => &change.lines,
                _ => &[],
            },
            service: step.service.as_deref(),
            because: step.cause.to_string(),
            cause: &step.cause,
            after: &step.after,
        });
        Self {
            project: &plan.project,
            changes: !plan.is_empty(),
            steps: steps.collect(),
            notes: &plan.notes,
        }
    }
}
