//! The page `docs/faults.md`, and what each case came to when it was first run.
//!
//! A check may be made better until it fits a case; what it made of a case that it had never met cannot. So the
//! first result of a case is written down once, and never again.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};

use super::report;
use super::score::{Outcome, Scores, Verdict};

/// The result of each case when it was first run, by its id.
pub(crate) type First = BTreeMap<String, Verdict>;

/// How the run was made, for the page.
pub(crate) struct Run {
    pub(crate) seed: u64,
    pub(crate) jobs: usize,
    pub(crate) invalid: usize,
}

const HEAD: &str = "\
# What `cargo xtask faults --note-first` saw when a case was first run. Written once for each case, and never again.
";

/// Reads the first results, none where there is no file yet.
pub(crate) fn first(file: &Path) -> Result<First> {
    match std::fs::read_to_string(file) {
        Ok(text) => {
            toml::from_str(&text).with_context(|| format!("cannot read `{}`", file.display()))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(First::new()),
        Err(error) => Err(error).with_context(|| format!("cannot read `{}`", file.display())),
    }
}

/// Adds the results of cases that have none, and leaves the others as they are.
pub(crate) fn note(first: &mut First, outcomes: &[Outcome]) {
    for outcome in outcomes {
        first
            .entry(outcome.id.clone())
            .or_insert_with(|| outcome.verdict());
    }
}

pub(crate) fn write_first(file: &Path, first: &First) -> Result<()> {
    let lines = first
        .iter()
        .map(|(id, verdict)| format!("{id} = \"{}\"\n", verdict.word()));
    let text = lines.fold(HEAD.to_owned(), |text, line| text + &line);
    std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))
}

/// Writes the page.
pub(crate) fn text(outcomes: &[Outcome], scores: &Scores, first: &First, run: &Run) -> String {
    let mut lines = vec![
        "# What the diagnosis is worth".to_owned(),
        String::new(),
        "Written by `cargo xtask faults --record-page`; not to be edited. What a case is, how it is scored and how one is"
            .to_owned(),
        "added stands in [faults/README.md](../faults/README.md).".to_owned(),
        String::new(),
        format!(
            "{} cases, {} of them controls; {} could not be injected. Seed {}, {} at a time.",
            outcomes.len() + run.invalid,
            scores.silent.all,
            run.invalid,
            run.seed,
            run.jobs
        ),
        String::new(),
        "*First run* is what came of a case when the diagnosis met it for the first time, before anybody could fit a"
            .to_owned(),
        "check to it. *Now* is the run of this page; the time is that of `bowline doctor` alone.".to_owned(),
        String::new(),
        "| case | code | what is done | first run | now | time |".to_owned(),
        "| --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    lines.extend(outcomes.iter().map(|outcome| row(outcome, first)));
    lines.extend([String::new(), "## In sum".to_owned(), String::new()]);
    lines.push(format!("First run: {}.", counts(first.values().copied())));
    lines.push(format!(
        "Now: {}.",
        counts(outcomes.iter().map(Outcome::verdict))
    ));
    lines.push(String::new());
    lines.extend(report::doctor(scores));
    lines.extend([
        String::new(),
        "What a first glance at the engine's own data reaches, which names services and no culprits:".to_owned(),
        String::new(),
    ]);
    lines.extend(report::baselines(scores));
    lines.join("\n") + "\n"
}

fn row(outcome: &Outcome, first: &First) -> String {
    let codes: Vec<&str> = outcome
        .expectation
        .cause
        .iter()
        .map(|cause| cause.code.as_str())
        .collect();
    let codes = if codes.is_empty() {
        "none".to_owned()
    } else {
        codes.join(", ")
    };
    let at_first = first.get(&outcome.id).map_or("-", |verdict| verdict.word());
    format!(
        "| {} | {codes} | {} | {at_first} | {} | {} |",
        outcome.id,
        outcome.about,
        outcome.verdict().word(),
        report::seconds(outcome.answer.took)
    )
}

fn counts(verdicts: impl Iterator<Item = Verdict>) -> String {
    let mut counted: BTreeMap<&str, usize> = BTreeMap::new();
    for verdict in verdicts {
        *counted.entry(verdict.word()).or_default() += 1;
    }
    let counted: Vec<String> = counted
        .iter()
        .map(|(word, count)| format!("{count} {word}"))
        .collect();
    counted.join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::faults::answer::{Answer, Diagnosis};
    use crate::faults::score;

    fn silent_control(id: &str) -> Outcome {
        Outcome {
            id: id.to_owned(),
            project: "p".to_owned(),
            about: "all is well".to_owned(),
            expectation: toml::from_str("control = true").unwrap(),
            answer: Answer {
                diagnosis: Ok(Diagnosis {
                    causes: Vec::new(),
                    undetermined: false,
                }),
                took: Duration::from_millis(1_240),
            },
            guesses: vec![None, None, None],
            verified: Vec::new(),
            mended: None,
        }
    }

    #[test]
    fn a_first_result_is_never_written_over() {
        let mut first: First = toml::from_str("C01 = 'false alarm'").unwrap();
        note(&mut first, &[silent_control("C01"), silent_control("C02")]);
        let words: Vec<&str> = first.values().map(|verdict| verdict.word()).collect();
        assert_eq!(words, ["false alarm", "silent"]);
    }

    #[test]
    fn a_case_has_its_line_with_both_results() {
        let outcomes = [silent_control("C01")];
        let first = toml::from_str("C01 = 'false alarm'").unwrap();
        let run = Run {
            seed: 7,
            jobs: 2,
            invalid: 0,
        };
        let text = text(&outcomes, &score::sum(&outcomes), &first, &run);
        assert!(text.contains("| C01 | none | all is well | false alarm | silent | 1.24 s |"));
        assert!(text.contains(
            "1 cases, 1 of them controls; 0 could not be injected. Seed 7, 2 at a time."
        ));
    }
}
