//! Runs one case: a healthy stack, the fault, its symptom, the doctor, nothing left.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::actions::{self, Rendered, Stack};
use super::afterwards::{Afterwards, Mended, command};
use super::answer::{self, Answer, CAUSES, Named, WELL};
use super::baselines::{Baseline, Guess, Seen};
use super::beside::Aftermath;
use super::case::{Action, Case, Expectation, Injection};
use super::kept::{Kept, StandIn};
use super::look::Look;
use super::render::Names;
use super::report::Invalid;
use super::score::{Outcome, Verified};
use super::symptom;
use crate::cache;
use crate::engine::http::Endpoint;
use crate::keeper;

/// What every case of a run has in common.
pub(crate) struct Runner<'a> {
    pub(crate) bowline: &'a Path,
    pub(crate) engine: &'a Endpoint,
    /// The folder `faults` of the workspace.
    pub(crate) faults: &'a Path,
    pub(crate) folder: &'a Path,
    pub(crate) prefix: &'a str,
    pub(crate) seed: u64,
    /// Heals every case that says how, not only those whose answer is to be verified.
    pub(crate) heal: bool,
    /// Keeps what the doctor saw.
    pub(crate) keep: bool,
}

/// What came of a case.
struct Examined {
    answer: Answer,
    guesses: Vec<Option<Guess>>,
    verified: Vec<Verified>,
    mended: Option<Mended>,
    /// What the doctor wrote down of what it saw.
    recording: String,
}

/// What the doctor is asked with. It gets the engine and the Compose files, and nothing else.
pub(crate) const DOCTOR: [&str; 3] = ["doctor", "--format", "json"];

impl Runner<'_> {
    /// Runs a case. Whatever keeps its symptom from coming makes it invalid; an error is one of the run itself.
    pub(crate) fn run(&self, case: &Case) -> Result<Result<Outcome, Invalid>> {
        let mut names = case.names(self.seed, self.prefix);
        let expectation = case.expectation(&mut names)?;
        let injection = case.injection(&mut names)?;
        let folder = self.folder.join(names.project());
        let files = rendered(
            &self.faults.join("stacks").join(&injection.stack),
            &mut names,
        )?;
        let stack = Stack {
            bowline: self.bowline,
            engine: self.engine,
            folder: &folder,
            state: self.folder,
            files: &files,
        };
        stack.restore()?;
        let look = Look::new(self.engine, names.project())?;
        let mut aftermath = Aftermath::default();
        let examined = self.examine(&injection, &expectation, &stack, &look, &mut aftermath);
        let tidied = aftermath.tidy(&look);
        self.leave_nothing(&look)?;
        tidied?;
        let examined = examined.and_then(|examined| {
            // One that could not look has nothing to be diagnosed again.
            if self.keep && examined.answer.diagnosis.is_ok() {
                let kept = Kept::new(case, &names, &examined.recording, &self.stand_ins()?)?;
                kept.write(self.faults, case)?;
            }
            Ok(examined)
        });
        Ok(match examined {
            Ok(examined) => Ok(Outcome {
                id: case.id.clone(),
                project: names.project().to_owned(),
                about: injection.about,
                expectation,
                answer: examined.answer,
                guesses: examined.guesses,
                verified: examined.verified,
                mended: examined.mended,
            }),
            Err(error) => Err(Invalid {
                id: case.id.clone(),
                why: format!("{error:#}"),
            }),
        })
    }

    /// The folders of this machine that a doctor sees.
    fn stand_ins(&self) -> Result<[StandIn; 2]> {
        Ok([
            StandIn {
                folder: self.folder.to_owned(),
                word: "/srv/stacks",
            },
            StandIn {
                folder: cache::folder(&[])?,
                word: "/var/cache/bowline",
            },
        ])
    }

    fn examine(
        &self,
        injection: &Injection,
        expectation: &Expectation,
        stack: &Stack<'_>,
        look: &Look<'_>,
        aftermath: &mut Aftermath,
    ) -> Result<Examined> {
        break_it(injection, stack, look, aftermath)?;
        let mut examined = diagnose(stack, look)?;
        let project = look.project();
        let right: Vec<Named> = right(&examined.answer, expectation, project)
            .cloned()
            .collect();
        let after = Afterwards {
            injection,
            stack,
            look,
            faults: expectation.cause.len(),
        };
        for named in &right {
            let symptoms = &injection.symptom;
            examined.verified.push(Verified {
                broken: after.ask(named, CAUSES, symptoms, &aftermath.said)?,
                healed: None,
            });
        }
        examined.mended = after.mend(&right, &aftermath.said)?;
        let mended = examined.mended.as_ref();
        let mut is_well =
            mended.is_some_and(|mended| mended.why_not.is_none()) && after.can_mend_all(&right);
        let can_be_asked = right.iter().any(|named| command(named).is_some());
        if !is_well && !injection.heal.is_empty() && (self.heal || can_be_asked) {
            heal(injection, stack, look, aftermath).context("it was not well again")?;
            is_well = true;
        }
        for (named, verified) in right.iter().zip(&mut examined.verified) {
            if is_well {
                let symptoms = &injection.healed;
                let healed = after.ask(named, WELL, symptoms, &aftermath.said)?;
                verified.healed = Some(healed);
            }
        }
        Ok(examined)
    }

    /// Removes the stack, and looks whether something of it is still there.
    fn leave_nothing(&self, look: &Look<'_>) -> Result<()> {
        let project = look.project();
        keeper::sweep(self.engine, project)?;
        look.remove_images()?;
        if keeper::sweep(self.engine, project)? {
            bail!("something of `{project}` was still there after it was removed");
        }
        Ok(())
    }
}

fn break_it(
    injection: &Injection,
    stack: &Stack<'_>,
    look: &Look<'_>,
    aftermath: &mut Aftermath,
) -> Result<()> {
    perform_all(&injection.before, stack, look, aftermath)?;
    if !injection.never_well {
        let mut words = vec!["up".to_owned()];
        words.extend(injection.up.iter().cloned());
        let output = stack.bowline(&words)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            bail!(
                "the healthy stack did not come up, {}: {}",
                output.status,
                said.trim()
            );
        }
    }
    perform_all(&injection.inject, stack, look, aftermath)?;
    let patience = Duration::from_secs(injection.within_secs);
    match symptom::wait(look, &injection.symptom, &aftermath.said, patience)? {
        Ok(()) => Ok(()),
        Err(missing) => bail!("no symptom within {} s: {missing}", patience.as_secs()),
    }
}

fn perform_all(
    wanted: &[Action],
    stack: &Stack<'_>,
    look: &Look<'_>,
    aftermath: &mut Aftermath,
) -> Result<()> {
    for action in wanted {
        actions::perform(action, stack, look, aftermath).with_context(|| format!("{action:?}"))?;
    }
    Ok(())
}

fn heal(
    injection: &Injection,
    stack: &Stack<'_>,
    look: &Look<'_>,
    aftermath: &mut Aftermath,
) -> Result<()> {
    perform_all(&injection.heal, stack, look, aftermath)?;
    let patience = Duration::from_secs(injection.within_secs);
    match symptom::wait(look, &injection.healed, &aftermath.said, patience)? {
        Ok(()) => Ok(()),
        Err(missing) => bail!("{missing}"),
    }
}

/// The causes that are right.
fn right<'a>(
    answer: &'a Answer,
    expectation: &'a Expectation,
    project: &'a str,
) -> impl Iterator<Item = &'a Named> {
    let causes = answer.diagnosis.iter().flat_map(|it| &it.causes);
    causes.filter(move |named| {
        let mut expected = expectation.cause.iter();
        expected.any(|cause| named.is(cause, project))
    })
}

fn diagnose(stack: &Stack<'_>, look: &Look<'_>) -> Result<Examined> {
    // First, because what the doctor asks of services may show in their logs.
    let seen = seen(look)?;
    let guesses = Baseline::ALL
        .iter()
        .map(|baseline| baseline.guess(&seen))
        .collect();
    // Beside the stack's folder: what lies in it belongs to the stack.
    let recording = stack.state.join(format!("{}.json", look.project()));
    let mut words = DOCTOR.map(str::to_owned).to_vec();
    words.extend(["--record".to_owned(), recording.display().to_string()]);
    let begun = Instant::now();
    let output = stack.bowline(&words)?;
    let answer = Answer {
        took: begun.elapsed(),
        diagnosis: answer::read(&output),
    };
    Ok(Examined {
        answer,
        guesses,
        verified: Vec::new(),
        mended: None,
        // One that could not look writes none, and gives no answer.
        recording: std::fs::read_to_string(&recording).unwrap_or_default(),
    })
}

fn seen(look: &Look<'_>) -> Result<Vec<Seen>> {
    let containers = look.containers()?.into_iter();
    containers
        .map(|inspected| {
            let id = inspected["Id"].as_str().unwrap_or_default();
            Ok(Seen {
                log: look.log(id)?,
                inspected,
            })
        })
        .collect()
}

/// Reads the files of a stack with the names of this run. Its shell scripts can be executed.
fn rendered(stack: &Path, names: &mut Names) -> Result<Vec<Rendered>> {
    let render = |file: PathBuf| {
        let context = || format!("cannot render `{}`", file.display());
        let text = std::fs::read_to_string(&file).with_context(context)?;
        let text = names.fill(&text).with_context(context)?;
        let path = file.strip_prefix(stack).unwrap_or(&file).to_owned();
        let executable = path.extension().is_some_and(|extension| extension == "sh");
        Ok(Rendered {
            path,
            text,
            executable,
        })
    };
    files(stack)?.into_iter().map(render).collect()
}

pub(crate) fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("cannot list `{}`", folder.display());
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_file_of_a_stack_says_what_its_services_are_called() {
        let stacks = crate::root().join("faults/stacks");
        for file in files(&stacks).unwrap() {
            if file.file_name().is_none_or(|name| name != "compose.yaml") {
                continue;
            }
            let text = std::fs::read_to_string(&file).unwrap();
            let (_, services) = text.split_once("\nservices:\n").unwrap();
            for line in services
                .lines()
                .take_while(|line| line.is_empty() || line.starts_with(' '))
            {
                let Some(name) = line.strip_prefix("  ").filter(|line| line.ends_with(':')) else {
                    continue;
                };
                let drawn = name.starts_with("{{service.") || name.starts_with([' ', '#']);
                assert!(drawn, "{}: {line}", file.display());
            }
        }
    }

    #[test]
    fn every_stack_can_be_rendered() {
        for stack in std::fs::read_dir(crate::root().join("faults/stacks")).unwrap() {
            let mut names = Names::new(1, "F001", "t-");
            for file in files(&stack.unwrap().path()).unwrap() {
                let text = std::fs::read_to_string(&file).unwrap();
                let filled = names.fill(&text).unwrap();
                assert!(!filled.contains("{{"), "{}", file.display());
            }
        }
    }
}
