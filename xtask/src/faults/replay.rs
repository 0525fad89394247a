//! `cargo xtask faults --replay`: asks the doctor again about what it saw before. No engine, and seconds.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result};

use super::actions::Stack;
use super::answer::{self, Answer};
use super::case::Case;
use super::kept::Kept;
use super::render::Names;
use super::runner::DOCTOR;
use super::score::Outcome;
use crate::engine::http::Endpoint;

/// What every case of a replay has in common.
pub(crate) struct Replay<'a> {
    pub(crate) bowline: &'a Path,
    /// The folder `faults` of the workspace.
    pub(crate) faults: &'a Path,
    /// Where the recordings are unpacked.
    pub(crate) folder: &'a Path,
}

impl Replay<'_> {
    /// Has the recording of a case diagnosed.
    pub(crate) fn run(&self, case: &Case) -> Result<Outcome> {
        let kept = Kept::read(self.faults, case)?.with_context(|| {
            format!(
                "no recording is kept: `cargo xtask faults --keep-recordings --only {}` makes one",
                case.id
            )
        })?;
        let renewed = || {
            format!(
                "`cargo xtask faults --keep-recordings --only {}` renews the recording",
                case.id
            )
        };
        let mut names = Names::of(kept.names);
        let expectation = case.expectation(&mut names).with_context(renewed)?;
        let injection = case.injection(&mut names).with_context(renewed)?;
        let recording = self.folder.join(format!("{}.json", case.id));
        std::fs::write(&recording, kept.recording.to_string())
            .with_context(|| format!("cannot write `{}`", recording.display()))?;
        let nowhere = Endpoint::at(self.folder.join("no.sock"));
        let stack = Stack {
            bowline: self.bowline,
            engine: &nowhere,
            folder: self.folder,
            state: self.folder,
            files: &[],
        };
        let mut words = DOCTOR.map(str::to_owned).to_vec();
        words.extend(["--replay".to_owned(), recording.display().to_string()]);
        let begun = Instant::now();
        let output = stack.bowline(&words)?;
        Ok(Outcome {
            id: case.id.clone(),
            project: names.project().to_owned(),
            about: injection.about,
            expectation,
            answer: Answer {
                took: begun.elapsed(),
                diagnosis: answer::read(&output),
            },
            guesses: Vec::new(),
            verified: Vec::new(),
            mended: None,
        })
    }

    /// Sorts cases into those of which a recording is kept, and the ids of the others.
    pub(crate) fn with_recording(faults: &Path, cases: Vec<Case>) -> (Vec<Case>, Vec<String>) {
        let (kept, others): (Vec<Case>, Vec<Case>) = cases
            .into_iter()
            .partition(|case| Kept::file(faults, &case.id).is_file());
        (kept, others.into_iter().map(|case| case.id).collect())
    }

    /// The ids of cases that were changed since they were recorded.
    pub(crate) fn outdated(&self, cases: &[Case]) -> Result<Vec<String>> {
        let mut outdated = Vec::new();
        for case in cases {
            let kept = Kept::read(self.faults, case)?;
            if kept.is_some_and(|kept| case.digest().is_ok_and(|digest| digest != kept.made_of)) {
                outdated.push(case.id.clone());
            }
        }
        Ok(outdated)
    }
}
