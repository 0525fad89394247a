//! `doctor --fix` for programs.

use bowline_doctor::{Diagnosis, Finding};
use bowline_model::OperationId;
use serde::Serialize;

use super::{Mended, Remedies, Remedy};
use crate::plan_view::PlanView;

/// The answer of `doctor --fix` for programs.
#[derive(Debug, Serialize)]
pub struct FixView<'a> {
    /// The code that was to be mended.
    code: &'a str,
    /// What mends it, one for each culprit.
    remedies: Vec<RemedyView<'a>>,
    /// Why not all of it was begun, or nobody could look afterwards.
    failure: Option<String>,
    /// Whether the cause is gone; `null` where nothing was done or nobody could look.
    mended: Option<bool>,
    /// The diagnosis after what was done; `null` where nothing was, or nobody looked.
    after: Option<&'a Diagnosis>,
}

/// What mends one cause.
#[derive(Debug, Serialize)]
struct RemedyView<'a> {
    /// The cause.
    finding: &'a Finding,
    /// What was done or would be.
    plan: Option<PlanView<'a>>,
    /// Why nothing is done.
    refused: Option<&'a str>,
    /// The operation that did it; `bowline undo` takes it back.
    operation: Option<&'a OperationId>,
    /// What did not work.
    problems: Vec<String>,
}

impl<'a> FixView<'a> {
    /// What was planned, and what became of it where it was done.
    pub fn of(remedies: &'a Remedies, mended: Option<&'a Mended>) -> Self {
        let done = |index: usize| mended?.operations.get(index)?.as_ref();
        let view = |(index, remedy): (usize, &'a Remedy)| {
            let done = done(index);
            let plan = done.map(|done| &done.plan).or_else(|| remedy.plan());
            let problems = done.iter().flat_map(|done| &done.problems);
            let words =
                problems.map(|problem| format!("{}: {}", problem.subject(), problem.reason));
            RemedyView {
                finding: &remedy.finding,
                plan: plan.map(PlanView::of),
                refused: remedy.refusal(),
                operation: done.and_then(|done| done.operation.as_ref()),
                problems: words.collect(),
            }
        };
        Self {
            code: &remedies.request.code,
            remedies: remedies.remedies.iter().enumerate().map(view).collect(),
            failure: mended
                .and_then(|mended| mended.failure.as_ref())
                .map(ToString::to_string),
            mended: mended.and_then(Mended::is_gone),
            after: mended.and_then(|mended| mended.after.as_ref()),
        }
    }
}
