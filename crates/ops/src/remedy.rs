//! `doctor --fix`: what mends a cause is planned, shown, done as any other operation, and then looked at again.
//!
//! Only six verbs are ever done, and none of them destroys data. Where a wrong word stands in the user's own files and
//! facts show the right one, that is changed first, in the open: the plan shows it line by line. What a person has to
//! decide, and what nothing here mends, is said and not done.

mod verb;
mod view;

use bowline_core::Halt;
use bowline_doctor::{Confidence, Diagnosis, Finding, Look};
use bowline_engine::Selector;
use bowline_model::{Goal, Plan, label};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use view::FixView;

use crate::doctor::{self, DoctorRequest};
use crate::edit::{Prepared, prepare};
use crate::operate::{Done, reach};
use crate::progress::Progress;
use crate::session::{self, Session};
use crate::stack::{StackOptions, Surroundings};
use crate::{Answer, ExitCode, Failure};
use verb::{How, Verb, verb};

/// What `doctor --fix` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct FixRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// The code of the cause.
    pub code: String,
    /// Only where this is to blame, by its name or by its name and field; none: wherever the cause is.
    pub culprit: Option<String>,
    /// Do not read what containers wrote.
    pub no_logs: bool,
    /// Try nothing from within containers.
    pub no_exec: bool,
    /// How many steps may be under way at once.
    pub parallel: Option<usize>,
}

/// What was found, and what mends it.
pub struct Remedies {
    request: FixRequest,
    /// One for each culprit; none where the cause is not there.
    pub remedies: Vec<Remedy>,
    /// Everything that was found.
    pub before: Diagnosis,
}

/// What mends one cause.
pub struct Remedy {
    /// The cause.
    pub finding: Finding,
    way: Result<Planned, String>,
}

/// An operation that mends something.
struct Planned {
    session: Session,
    goal: Goal,
    plan: Plan,
}

/// What became of it.
pub struct Mended {
    /// What was done, a place for each remedy; `None` where nothing was.
    pub operations: Vec<Option<Done>>,
    /// What there is to find now; `None` where an operation was cut short and nobody looked.
    pub after: Option<Diagnosis>,
    /// The causes that are still there.
    pub left: Vec<Finding>,
}

/// Looks for a cause and plans what mends it. Changes nothing.
///
/// # Errors
///
/// [`Failure::Usage`] where there is no such code, or it is there and not at the culprit that was named; those of
/// [`doctor`](crate::doctor::doctor), and of the verbs before they begin.
pub async fn remedies(
    surroundings: &Surroundings,
    request: &FixRequest,
) -> Result<Answer<Remedies>, Failure> {
    doctor::is_known(&request.code)?;
    let bounds = doctor::bounds(surroundings);
    let wanted = Some(request.wanted());
    let looked = doctor::looked_for(surroundings, &request.look(), wanted, bounds).await?;
    let Answer {
        mut value,
        warnings,
    } = looked;
    let mut ways = Vec::new();
    for finding in request.of(&value.diagnosis) {
        ways.push(planned(surroundings, request, finding).await?);
    }
    doctor::name_stack(&mut value.diagnosis, &request.stack);
    let found = request.of(&value.diagnosis).cloned();
    let remedies = found
        .zip(ways)
        .map(|(finding, way)| Remedy { finding, way });
    let remedies: Vec<Remedy> = remedies.collect();
    if remedies.is_empty() {
        request.is_nowhere(&value.diagnosis)?;
    }
    let value = Remedies {
        request: request.clone(),
        remedies,
        before: value.diagnosis,
    };
    Ok(Answer { value, warnings })
}

impl FixRequest {
    fn look(&self) -> DoctorRequest {
        DoctorRequest {
            stack: self.stack.clone(),
            no_logs: self.no_logs,
            no_exec: self.no_exec,
            ..DoctorRequest::default()
        }
    }

    /// The causes that are meant.
    fn of<'d>(&'d self, diagnosis: &'d Diagnosis) -> impl Iterator<Item = &'d Finding> {
        let causes = diagnosis.causes.iter();
        let (code, culprit) = self.wanted();
        causes.filter(move |cause| cause.is_asked_for(code, culprit))
    }

    /// The code, and who is to blame where that was said.
    fn wanted(&self) -> (&str, Option<&str>) {
        (&self.code, self.culprit.as_deref())
    }

    /// Whether the cause is not there at all, rather than somewhere else than the user said.
    fn is_nowhere(&self, diagnosis: &Diagnosis) -> Result<(), Failure> {
        let elsewhere = diagnosis.causes.iter();
        let elsewhere: Vec<String> = elsewhere
            .filter(|cause| cause.is_asked_for(&self.code, None))
            .map(|cause| format!("`--fix {}={}`", self.code, cause.culprit.name))
            .collect();
        match &self.culprit {
            Some(culprit) if !elsewhere.is_empty() => Err(Failure::Usage {
                message: format!("{} is there, and `{culprit}` is not to blame", self.code),
                hint: Some(format!("there is {}", elsewhere.join(", "))),
            }),
            _ => Ok(()),
        }
    }
}

/// The operation that mends a cause, planned; or why there is none.
async fn planned(
    surroundings: &Surroundings,
    request: &FixRequest,
    finding: &Finding,
) -> Result<Result<Planned, String>, Failure> {
    let way = match way(surroundings, &request.stack, finding) {
        Ok(way) => way,
        Err(why_not) => return Ok(Err(why_not)),
    };
    let (changes, session, by) = match way {
        Way::Verb(verb) => {
            let (session, goal) = verb.aim(surroundings, &request.stack).await?;
            (Vec::new(), session, goal)
        }
        Way::Edits(prepared) => {
            let mut services = prepared.services;
            services.extend(not_running(surroundings, &request.stack, prepared.waiting).await?);
            let verb = Verb::Up(services, How::default());
            let aimed = verb.aim(&prepared.surroundings, &request.stack).await?;
            let (session, mut goal) = aimed;
            if let Goal::Up { recreate, .. } = &mut goal {
                *recreate = prepared.remade;
            }
            (prepared.changes, session, goal)
        }
    };
    let goal = Goal::Remedy {
        code: request.code.clone(),
        changes,
        by: Box::new(by),
    };
    let plan = session.stack.plan(&goal).await?;
    Ok(Ok(Planned {
        session,
        goal,
        plan,
    }))
}

/// Those of some services that have no container that runs: whoever runs goes on by itself, and is not waited for.
async fn not_running(
    surroundings: &Surroundings,
    stack: &StackOptions,
    services: Vec<String>,
) -> Result<Vec<String>, Failure> {
    if services.is_empty() {
        return Ok(services);
    }
    let stack = session::by_name(surroundings, stack).await?.stack;
    let which = Selector::label(label::PROJECT, &stack.project);
    let containers = stack.engine.containers(&which).await?;
    let runs = |service: &String| {
        let mut own = containers
            .iter()
            .filter(|it| it.labels.get(label::SERVICE) == Some(service));
        own.any(|container| container.status.is_up())
    };
    Ok(services.into_iter().filter(|it| !runs(it)).collect())
}

/// What mends a cause.
enum Way {
    Verb(Verb),
    /// Changes of files, and `up` behind them.
    Edits(Box<Prepared>),
}

/// What mends a cause, or why nothing does. A change of files comes first: a verb alone would bring the same cause
/// again.
fn way(
    surroundings: &Surroundings,
    stack: &StackOptions,
    finding: &Finding,
) -> Result<Way, String> {
    let fix = finding.fix.as_ref();
    let Some(fix) = fix.filter(|fix| !fix.edits.is_empty()) else {
        return verb(finding).map(Way::Verb);
    };
    if finding.confidence == Confidence::Possible {
        return verb(finding).map(Way::Verb);
    }
    match prepare(surroundings, stack, &fix.edits) {
        Ok(prepared) => Ok(Way::Edits(Box::new(prepared))),
        Err(why) if fix.command.is_empty() => Err(format!(
            "it cannot be changed in the files from here ({why}): {}",
            fix.text
        )),
        Err(_) => verb(finding).map(Way::Verb),
    }
}

impl Remedy {
    /// What would be done; `None` where nothing is.
    pub fn plan(&self) -> Option<&Plan> {
        self.way.as_ref().ok().map(|planned| &planned.plan)
    }

    /// Why nothing is done; `None` where something is.
    pub fn refusal(&self) -> Option<&str> {
        self.way.as_ref().err().map(String::as_str)
    }
}

impl Remedies {
    /// Whether anything can be done about any of it.
    pub fn can_mend(&self) -> bool {
        self.remedies.iter().any(|remedy| remedy.way.is_ok())
    }

    /// The exit code where nothing is done: nothing to mend or only shown is fine, and a cause that nothing here mends
    /// is still there.
    pub fn exit_code(&self) -> ExitCode {
        if could_not_look(&self.before) {
            ExitCode::CouldNotLook
        } else if self.remedies.iter().all(|remedy| remedy.way.is_ok()) {
            ExitCode::Done
        } else {
            ExitCode::CausesFound
        }
    }

    /// Does what can be done, one culprit after the other, waits as the verbs do, and looks again.
    ///
    /// Each is an operation of its own, planned anew under the stack's lock; one for which nothing is left to do is
    /// none. After an interrupt, or when the engine is lost, nothing more is begun and nobody looks.
    ///
    /// # Errors
    ///
    /// Where an operation was not begun; the ones before it stay done. The second look could not be taken.
    pub async fn run(
        &self,
        surroundings: &Surroundings,
        progress: &dyn Progress,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<Mended, Failure> {
        let mut mended = Mended {
            operations: Vec::new(),
            after: None,
            left: Vec::new(),
        };
        let parallel = self.request.parallel;
        for remedy in &self.remedies {
            let done = match &remedy.way {
                Ok(Planned { session, goal, .. }) => {
                    let halt = halt.clone();
                    Some(reach(surroundings, session, goal, parallel, progress, halt).await?)
                }
                Err(_) => None,
            };
            let is_over = done.as_ref().is_some_and(Done::is_cut_short);
            mended.operations.push(done);
            if is_over {
                return Ok(mended);
            }
        }
        let look = self.request.look();
        let bounds = doctor::bounds(surroundings);
        let wanted = Some(self.request.wanted());
        let mut looked = doctor::looked_for(surroundings, &look, wanted, bounds).await?;
        doctor::name_stack(&mut looked.value.diagnosis, &self.request.stack);
        let after = mended.after.insert(looked.value.diagnosis);
        mended.left = self.request.of(after).cloned().collect();
        Ok(mended)
    }
}

impl Mended {
    /// The exit code: that of an operation that was cut short, else whether the cause is still there, else how the
    /// operations went.
    pub fn exit_code(&self) -> ExitCode {
        let codes = self.operations.iter().flatten().map(Done::exit_code);
        let failed = codes.into_iter().find(|code| *code != ExitCode::Done);
        match &self.after {
            Some(after) if could_not_look(after) => ExitCode::CouldNotLook,
            Some(_) if !self.left.is_empty() => ExitCode::CausesFound,
            _ => failed.unwrap_or(ExitCode::Done),
        }
    }

    /// Whether the cause is gone; `None` where nobody could look.
    pub fn is_gone(&self) -> Option<bool> {
        let after = self.after.as_ref()?;
        (!could_not_look(after)).then_some(self.left.is_empty())
    }
}

fn could_not_look(diagnosis: &Diagnosis) -> bool {
    let mut unseen = diagnosis.unseen.iter();
    unseen.any(|unseen| unseen.look == Look::Containers)
}

#[cfg(test)]
mod tests {
    use bowline_core::{Clock as _, SystemClock};
    use bowline_doctor::{Facts, Unseen, WhyUnseen, diagnose};

    use super::*;
    use crate::problem::Problem;
    use crate::stage;

    fn ended(problem: Option<Problem>, halted: Option<Halt>) -> Done {
        Done {
            operation: None,
            plan: Plan::default(),
            problems: problem.into_iter().collect(),
            halted,
        }
    }

    #[test]
    fn the_exit_code_says_whether_the_cause_is_gone_before_how_the_verb_went() {
        let gate = || Problem {
            is_gate: true,
            ..Problem::default()
        };
        let looked = || Some(diagnose(&Facts::none("shop", SystemClock.now())));
        let code = |operation, after, left: &[Finding]| {
            let mended = Mended {
                operations: vec![None, Some(operation)],
                after,
                left: left.to_vec(),
            };
            mended.exit_code()
        };
        let left = [stage::finding("web")];
        assert_eq!(code(ended(None, None), looked(), &[]), ExitCode::Done);
        assert_eq!(
            code(ended(None, None), looked(), &left),
            ExitCode::CausesFound
        );
        let failed = || ended(Some(gate()), None);
        assert_eq!(code(failed(), looked(), &left), ExitCode::CausesFound);
        assert_eq!(code(failed(), looked(), &[]), ExitCode::HealthGate);
        let interrupted = ended(None, Some(Halt::Interrupted));
        assert_eq!(code(interrupted, None, &[]), ExitCode::Interrupted);
        let blind = looked().map(|mut after| {
            after.unseen.push(Unseen {
                look: Look::Containers,
                cause: WhyUnseen::TooSlow,
            });
            after
        });
        assert_eq!(code(ended(None, None), blind, &[]), ExitCode::CouldNotLook);
    }
}
