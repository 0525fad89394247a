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
use bowline_model::{FileChange, Goal, Plan, label};
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

pub use view::FixView;

use crate::doctor::{self, DoctorRequest};
use crate::edit::{Prepared, prepare};
use crate::operate::{Done, reach};
use crate::problem::Problem;
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
    /// The cause, with commands that do not name the stack.
    finding: Finding,
    session: Session,
    goal: Goal,
    plan: Plan,
}

/// What became of it.
pub struct Mended {
    /// What was done, a place for each remedy that was come to; `None` where nothing was.
    pub operations: Vec<Option<Done>>,
    /// Why it went no further behind those, or nobody could look afterwards.
    pub failure: Option<Failure>,
    /// What there is to find now; `None` where it was cut short and nobody looked.
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
    let unread = (!value.has_files).then(|| value.diagnosis.project.clone());
    let mut ways = Vec::new();
    for finding in request.of(&value.diagnosis) {
        ways.push(planned(surroundings, request, finding, unread.as_deref()).await?);
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
            culprit: self.culprit.clone(),
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

/// The operation that mends a cause, planned; or why there is none. `unread` is the name of a stack whose files were
/// not read.
async fn planned(
    surroundings: &Surroundings,
    request: &FixRequest,
    finding: &Finding,
    unread: Option<&str>,
) -> Result<Result<Planned, String>, Failure> {
    let way = match way(surroundings, &request.stack, finding, unread) {
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
        finding: finding.clone(),
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
/// again. Of a stack whose files were not read nothing is done by files: those of the current folder may be another's.
fn way(
    surroundings: &Surroundings,
    stack: &StackOptions,
    finding: &Finding,
    unread: Option<&str>,
) -> Result<Way, String> {
    let not_read = |name: &str| format!("the files of `{name}` were not read: name them with `-f`");
    let by_verb = || -> Result<Way, String> {
        let verb = verb(finding)?;
        match unread {
            Some(name) if verb.needs_files() => Err(not_read(name)),
            _ => Ok(Way::Verb(verb)),
        }
    };
    let fix = finding.fix.as_ref();
    let Some(fix) = fix.filter(|fix| !fix.edits.is_empty()) else {
        return by_verb();
    };
    if finding.confidence == Confidence::Possible {
        return by_verb();
    }
    if let Some(name) = unread {
        return Err(not_read(name));
    }
    match prepare(surroundings, stack, &fix.edits) {
        Ok(prepared) => Ok(Way::Edits(Box::new(prepared))),
        Err(why) if fix.command.is_empty() => Err(format!(
            "it cannot be changed in the files from here ({why}): {}",
            doctor::named_in(&fix.text, stack)
        )),
        Err(_) => by_verb(),
    }
}

impl Planned {
    /// The same, planned from the files as they are now; or why it is not the same any more.
    async fn again(
        &self,
        surroundings: &Surroundings,
        request: &FixRequest,
    ) -> Result<Result<Self, String>, Failure> {
        let again = planned(surroundings, request, &self.finding, None).await?;
        Ok(again.and_then(|again| {
            if words(again.goal.changes()) == words(self.goal.changes()) {
                Ok(again)
            } else {
                let why =
                    "after what was changed before, it would change other words than it showed";
                Err(why.to_owned())
            }
        }))
    }

    /// What became of it where it is not done after all.
    fn left_alone(&self, why: String) -> Done {
        let Finding { code, culprit, .. } = &self.finding;
        let hint = "what was done before stays: the same command once more shows the plan of what is left, and asks";
        let problem = Problem {
            wanted: format!("mend {code} of `{}`", culprit.name),
            reason: why,
            hints: vec![hint.to_owned()],
            ..Problem::default()
        };
        Done {
            operation: None,
            plan: self.plan.clone(),
            problems: vec![problem],
            halted: None,
        }
    }
}

/// What changes of files change, without what stands around it and where: an earlier change may have moved that.
fn words(changes: &[FileChange]) -> Vec<String> {
    let mut words = Vec::new();
    for change in changes {
        let bits = change.after.mode & !change.before.mode;
        words.push(format!("{} {bits:o}", change.path));
        for line in &change.lines {
            let old = line.before.as_deref().unwrap_or_default();
            let new = line.after.as_deref().unwrap_or_default();
            let (old, new) = differing(old, new);
            words.push(format!("{old} > {new}"));
        }
    }
    words
}

/// What differs in two lines, without what they begin and end with alike.
fn differing<'l>(old: &'l str, new: &'l str) -> (&'l str, &'l str) {
    let head = alike(old.chars().zip(new.chars()));
    let (old, new) = (&old[head..], &new[head..]);
    let tail = alike(old.chars().rev().zip(new.chars().rev()));
    (&old[..old.len() - tail], &new[..new.len() - tail])
}

/// The bytes of the characters that are the same, up to the first that is not.
fn alike(pairs: impl Iterator<Item = (char, char)>) -> usize {
    let same = pairs.take_while(|(one, other)| one == other);
    same.map(|(one, _)| one.len_utf8()).sum()
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
        if could_not_look(&self.before, &self.remedies) {
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
    /// none. Where one is not begun, the ones before it stay done and none behind it is begun. After an interrupt, or
    /// when the engine is lost, nothing more is begun and nobody looks.
    ///
    /// # Errors
    ///
    /// Where nothing was done.
    pub async fn run(
        &self,
        surroundings: &Surroundings,
        progress: &dyn Progress,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<Mended, Failure> {
        let mut mended = Mended {
            operations: Vec::new(),
            failure: None,
            after: None,
            left: Vec::new(),
        };
        for index in 0..self.remedies.len() {
            // On the heap: what an operation needs is large.
            match Box::pin(self.mend(index, surroundings, progress, halt.clone())).await {
                Ok(done) => {
                    let is_over = done.as_ref().is_some_and(Done::is_cut_short);
                    mended.operations.push(done);
                    if is_over {
                        return Ok(mended);
                    }
                }
                Err(failure) if mended.operations.iter().all(Option::is_none) => {
                    return Err(failure);
                }
                Err(failure) => {
                    let is_over = failure.exit_code() == ExitCode::EngineUnreachable;
                    mended.failure = Some(failure);
                    if is_over {
                        return Ok(mended);
                    }
                    break;
                }
            }
        }
        self.look_again(surroundings, &mut mended).await;
        Ok(mended)
    }

    /// Does what mends one cause; `None` where nothing does, or an earlier remedy makes the same change.
    ///
    /// What comes from files that an earlier one changed is planned again, and done only where it changes the words
    /// that were shown.
    async fn mend(
        &self,
        index: usize,
        surroundings: &Surroundings,
        progress: &dyn Progress,
        halt: watch::Receiver<Option<Halt>>,
    ) -> Result<Option<Done>, Failure> {
        let Ok(shown) = &self.remedies[index].way else {
            return Ok(None);
        };
        let earlier = self.remedies[..index].iter();
        let earlier = earlier.filter_map(|remedy| remedy.way.as_ref().ok());
        let earlier: Vec<&FileChange> = earlier.flat_map(|it| it.goal.changes()).collect();
        let changes = shown.goal.changes();
        if !changes.is_empty() && changes.iter().all(|change| earlier.contains(&change)) {
            return Ok(None);
        }
        let again = if earlier.is_empty() || shown.goal.wanted().is_none() {
            None
        } else {
            match shown.again(surroundings, &self.request).await? {
                Ok(again) => Some(again),
                Err(why) => return Ok(Some(shown.left_alone(why))),
            }
        };
        let Planned { session, goal, .. } = again.as_ref().unwrap_or(shown);
        let parallel = self.request.parallel;
        let done = reach(surroundings, session, goal, parallel, progress, halt).await?;
        Ok(Some(done))
    }

    /// Looks what there is to find now.
    async fn look_again(&self, surroundings: &Surroundings, mended: &mut Mended) {
        let findings = self.remedies.iter().map(|remedy| &remedy.finding);
        let about = findings.flat_map(|it| it.services.iter().chain([&it.culprit.name]));
        // Who is well again is looked into as before.
        let look = DoctorRequest {
            about: about.cloned().collect(),
            ..self.request.look()
        };
        let bounds = doctor::bounds(surroundings);
        let wanted = Some(self.request.wanted());
        match doctor::looked_for(surroundings, &look, wanted, bounds).await {
            Ok(mut looked) => {
                doctor::name_stack(&mut looked.value.diagnosis, &self.request.stack);
                let after = mended.after.insert(looked.value.diagnosis);
                mended.left = self.request.of(after).cloned().collect();
            }
            // An earlier failure is what kept something from being done.
            Err(failure) => mended.failure = mended.failure.take().or(Some(failure)),
        }
    }
}

impl Mended {
    /// The exit code: that of what was not begun, or of an operation that was cut short, else whether the cause is
    /// still there, else how the operations went.
    pub fn exit_code(&self) -> ExitCode {
        if let Some(failure) = &self.failure {
            return failure.exit_code();
        }
        let codes = self.operations.iter().flatten().map(Done::exit_code);
        let failed = codes.into_iter().find(|code| *code != ExitCode::Done);
        match &self.after {
            Some(after) if could_not_look(after, &self.left) => ExitCode::CouldNotLook,
            Some(_) if !self.left.is_empty() => ExitCode::CausesFound,
            _ => failed.unwrap_or(ExitCode::Done),
        }
    }

    /// Whether the cause is gone; `None` where nobody could look.
    pub fn is_gone(&self) -> Option<bool> {
        let after = self.after.as_ref()?;
        (!could_not_look(after, &self.left)).then_some(self.left.is_empty())
    }
}

/// Whether nobody can say if a cause is there: there was nothing to look at, or none was found and a look took too long.
fn could_not_look<F>(diagnosis: &Diagnosis, found: &[F]) -> bool {
    let mut unseen = diagnosis.unseen.iter();
    unseen.any(|unseen| unseen.look == Look::Containers)
        || found.is_empty() && doctor::is_too_slow(diagnosis)
}

#[cfg(test)]
mod tests {
    use bowline_core::{Clock as _, SystemClock};
    use bowline_doctor::{
        Change, Edit, Facts, Fix, Piece, Safety, Setting, Spot, Unseen, WhyUnseen, diagnose,
    };

    use super::*;
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
                failure: None,
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
        // Whatever was seen afterwards: not all of it was done.
        let not_begun = Mended {
            operations: vec![Some(ended(None, None))],
            failure: Some(Failure::Locked {
                message: String::new(),
                hints: Vec::new(),
            }),
            after: looked(),
            left: left.to_vec(),
        };
        assert_eq!(not_begun.exit_code(), ExitCode::Locked);
    }

    #[test]
    fn what_nobody_got_round_to_see_is_not_gone() {
        let mut after = diagnose(&Facts::none("shop", SystemClock.now()));
        after.unseen.push(Unseen {
            look: Look::Images,
            cause: WhyUnseen::TooSlow,
        });
        let mut mended = Mended {
            operations: Vec::new(),
            failure: None,
            after: Some(after),
            left: Vec::new(),
        };
        assert_eq!(mended.is_gone(), None);
        assert_eq!(mended.exit_code(), ExitCode::CouldNotLook);
        mended.left.push(stage::finding("web"));
        assert_eq!(mended.is_gone(), Some(false));
        assert_eq!(mended.exit_code(), ExitCode::CausesFound);
    }

    /// A folder with two services that name a third one wrongly.
    fn staging() -> (tempfile::TempDir, Surroundings) {
        let folder = tempfile::tempdir().unwrap();
        write(&folder, STAGING);
        let surroundings = Surroundings {
            current_dir: folder.path().display().to_string(),
            ..Surroundings::default()
        };
        (folder, surroundings)
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a test writes the files of a stack"
    )]
    fn write(folder: &tempfile::TempDir, text: &str) {
        std::fs::write(folder.path().join("compose.yaml"), text).unwrap();
    }

    /// The right name in a variable.
    fn edit(service: &str, key: &str) -> Edit {
        let (from, to) = ("cahe".to_owned(), "cache".to_owned());
        Edit {
            spot: Spot {
                service: service.to_owned(),
                setting: Setting::Field(format!("environment.{key}")),
            },
            change: Change::Replace {
                piece: Piece::Host,
                from,
                to,
            },
        }
    }

    fn mended_by(command: &str, edits: Vec<Edit>) -> Finding {
        Finding {
            fix: Some(Fix {
                text: "write `cache` there".to_owned(),
                command: command.split_whitespace().map(str::to_owned).collect(),
                edits,
                safety: Safety::Restart,
            }),
            ..stage::finding("api")
        }
    }

    const STAGING: &str = "services:
  api: {image: x, environment: {URL: 'http://cahe:80', OTHER: 'http://cahe:81'}}
  worker: {image: x, environment: {URL: 'http://cahe:80'}}
  cache: {image: y}
";

    #[test]
    fn the_files_of_the_folder_are_not_taken_for_those_of_a_stack_that_was_only_named() {
        let (_folder, around) = staging();
        let stack = StackOptions {
            project_name: Some("prod".to_owned()),
            ..StackOptions::default()
        };
        let refused = "the files of `prod` were not read: name them with `-f`";
        let edits = mended_by("", vec![edit("api", "URL")]);
        let both = mended_by("bowline restart api", vec![edit("api", "URL")]);
        let up = mended_by("bowline up api", Vec::new());
        let rerun = mended_by("bowline rerun api", Vec::new());
        for finding in [&edits, &both, &up, &rerun] {
            let unread = way(&around, &stack, finding, Some("prod"));
            assert_eq!(unread.err().as_deref(), Some(refused));
            assert!(way(&around, &stack, finding, None).is_ok());
        }
        for verb in ["start", "stop", "restart", "unpause"] {
            let finding = mended_by(&format!("bowline {verb} api"), Vec::new());
            assert!(way(&around, &stack, &finding, Some("prod")).is_ok());
        }
        let mut decided = up;
        decided.fix.as_mut().unwrap().safety = Safety::NeedsYou;
        let unread = way(&around, &stack, &decided, Some("prod"));
        assert!(unread.is_err_and(|why| why.starts_with("somebody has to decide here")));
    }

    #[test]
    fn behind_an_earlier_change_of_the_file_the_same_words_are_changed_or_none() {
        let stack = StackOptions::default();
        // In another line, and in the same one.
        for later in [edit("worker", "URL"), edit("api", "OTHER")] {
            let (folder, around) = staging();
            let prepared = |edit: &Edit| {
                let edits = std::slice::from_ref(edit);
                prepare(&around, &stack, edits).unwrap().changes
            };
            let (first, shown) = (prepared(&edit("api", "URL")), prepared(&later));
            write(&folder, first[0].after.text.reveal());
            let again = prepared(&later);
            assert_ne!(again, shown);
            assert_eq!(words(&again), words(&shown));
            let right = STAGING.replacen("cahe", "cache", 1);
            assert_eq!(again[0].before.text.reveal(), right);
        }
        let (_folder, around) = staging();
        let edits = [edit("api", "URL"), edit("worker", "URL")];
        let both = prepare(&around, &stack, &edits).unwrap().changes;
        let one = prepare(&around, &stack, &edits[..1]).unwrap().changes;
        assert_ne!(words(&both), words(&one));
    }

    #[test]
    fn what_differs_in_two_lines_is_cut_between_characters() {
        assert_eq!(differing("A: cahe #", "A: cache #"), ("", "c"));
        assert_eq!(differing("äö", "äü"), ("ö", "ü"));
        assert_eq!(differing("aa", "a"), ("a", ""));
        assert_eq!(differing("", "- new"), ("", "- new"));
    }
}
