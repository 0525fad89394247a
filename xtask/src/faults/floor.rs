//! What must not become worse: the cases whose answer was right, in `faults/floor.toml`.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::score::Outcome;

/// The cases that have to be right, in a replay and on an engine.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Floor {
    right: BTreeSet<String>,
}

const HEAD: &str = "\
# Cases that were right: every cause named and the first one of them first, or silence where nothing is wrong.
# `cargo xtask faults` fails by name where one of them no longer is. `--replay --note-floor` adds to them; nothing
# takes one away but a person who says in the commit why.
";

impl Floor {
    /// Reads it; where there is no file, nothing has to be right.
    pub(crate) fn read(file: &Path) -> Result<Self> {
        let context = || format!("cannot read `{}`", file.display());
        match std::fs::read_to_string(file) {
            Ok(text) => toml::from_str(&text).with_context(context),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(context),
        }
    }

    /// Writes it, a line for each case.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let lines = self.right.iter().map(|id| format!("    \"{id}\",\n"));
        let text = format!("{HEAD}right = [\n{}]\n", lines.collect::<String>());
        std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
    }

    /// The cases that are wrong and have to be right.
    pub(crate) fn fallen<'o>(&self, outcomes: &'o [Outcome]) -> Vec<&'o Outcome> {
        let wrong = outcomes.iter().filter(|outcome| !outcome.is_all_right());
        wrong
            .filter(|outcome| self.right.contains(&outcome.id))
            .collect()
    }

    /// Adds the cases that are right, and says which were not among them before.
    pub(crate) fn raise(&mut self, outcomes: &[Outcome]) -> Vec<String> {
        let right = outcomes.iter().filter(|outcome| outcome.is_all_right());
        let ids = right.map(|outcome| outcome.id.clone());
        ids.filter(|id| self.right.insert(id.clone())).collect()
    }

    /// The ids in it.
    #[cfg(test)]
    pub(crate) fn ids(&self) -> impl Iterator<Item = &String> {
        self.right.iter()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;

    use super::*;
    use crate::faults::answer::{Answer, Diagnosis};
    use crate::faults::case::Case;
    use crate::faults::kept::Kept;

    /// A control of which something was said, or nothing.
    fn control(id: &str, is_silent: bool) -> Outcome {
        let named = json!({ "code": "D001", "confidence": "likely", "culprit": { "kind": "service", "name": "db" } });
        let causes = if is_silent { json!([]) } else { json!([named]) };
        let diagnosis: Diagnosis = serde_json::from_value(json!({ "causes": causes })).unwrap();
        Outcome {
            id: id.to_owned(),
            project: "p".to_owned(),
            about: "all is well".to_owned(),
            expectation: toml::from_str("control = true").unwrap(),
            answer: Answer {
                diagnosis: Ok(diagnosis),
                took: Duration::ZERO,
            },
            guesses: Vec::new(),
            verified: Vec::new(),
            mended: None,
        }
    }

    #[test]
    fn a_case_that_was_right_and_is_wrong_falls_below_and_one_that_never_was_does_not() {
        let floor: Floor = toml::from_str("right = ['C01', 'C02']").unwrap();
        let outcomes = [
            control("C01", false),
            control("C02", true),
            control("C03", false),
        ];
        let fallen: Vec<&str> = floor
            .fallen(&outcomes)
            .iter()
            .map(|it| it.id.as_str())
            .collect();
        assert_eq!(fallen, ["C01"]);
    }

    #[test]
    fn a_floor_is_raised_and_never_lowered() {
        let mut floor: Floor = toml::from_str("right = ['C01']").unwrap();
        let raised = floor.raise(&[control("C01", false), control("C02", true)]);
        assert_eq!(raised, ["C02"]);
        let file = std::env::temp_dir().join(format!("floor-{}.toml", std::process::id()));
        floor.write(&file).unwrap();
        let read = Floor::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read.right, floor.right);
        assert_eq!(read.right.len(), 2);
    }

    #[test]
    fn every_case_that_has_to_be_right_is_there_with_its_recording() {
        let faults = crate::root().join("faults");
        let floor = Floor::read(&faults.join("floor.toml")).unwrap();
        let cases = Case::find(&faults, &[]).unwrap();
        for id in floor.ids() {
            assert!(cases.iter().any(|case| case.id == *id), "{id}");
            assert!(Kept::file(&faults, id).is_file(), "{id}");
        }
    }
}
