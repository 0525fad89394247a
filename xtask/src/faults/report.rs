//! The table at the end of a run.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::baselines::Baseline;
use super::score::{Of, Outcome, Scores};

/// A case that proves nothing: its fault did not come.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Invalid {
    pub(crate) id: String,
    pub(crate) why: String,
}

/// Writes what a run found; `how` is how its names were come by.
pub(crate) fn text<'o>(
    shown: impl IntoIterator<Item = &'o Outcome>,
    (valid, scores): (usize, &Scores),
    invalid: &[Invalid],
    how: &str,
) -> String {
    let mut lines: Vec<String> = shown.into_iter().map(line).collect();
    let failed = invalid.iter();
    lines.extend(failed.map(|invalid| format!("{:<8} invalid       {}", invalid.id, invalid.why)));
    let failed = invalid.len();
    lines.push(format!("\n{valid} cases valid, {failed} invalid; {how}\n"));
    lines.extend(doctor(scores));
    if !scores.baselines.is_empty() {
        lines.push(String::new());
        lines.extend(baselines(scores));
    }
    lines.join("\n") + "\n"
}

/// What was said of a case, and what should have been, in a line.
pub(crate) fn line(outcome: &Outcome) -> String {
    let verdict = outcome.verdict();
    let said = match &outcome.answer.diagnosis {
        Err(why) => format!("no answer: {why}"),
        Ok(diagnosis) if diagnosis.causes.is_empty() => "silent".to_owned(),
        Ok(diagnosis) => {
            let causes = diagnosis.causes.iter();
            let shown = causes.map(|cause| {
                format!(
                    "{} {} `{}`",
                    cause.code, cause.culprit.kind, cause.culprit.name
                )
            });
            shown.collect::<Vec<_>>().join(", ")
        }
    };
    let wanted = outcome.expectation.cause.iter().map(|cause| {
        format!(
            "{} {} `{}`",
            cause.code,
            cause.culprit.kind.word(),
            cause.culprit.name
        )
    });
    let wanted: Vec<String> = wanted.collect();
    let wanted = if wanted.is_empty() {
        "silence".to_owned()
    } else {
        wanted.join(", ")
    };
    let untrue = outcome.verified.iter().filter(|it| !it.is_right()).count();
    let untrue = if untrue > 0 {
        format!("; {untrue} of its verify commands did not see that")
    } else {
        String::new()
    };
    let why_not = outcome.mended.as_ref();
    let why_not = why_not.and_then(|mended| mended.why_not.as_ref());
    let unmended = why_not.map_or(String::new(), |why| {
        format!("; its remedy did not make it well: {why}")
    });
    let word = verdict.word();
    let begins = format!("{:<8} {word:<12}  {said}{untrue}{unmended}", outcome.id);
    if outcome.is_all_right() {
        begins
    } else {
        format!("{begins}; expected {wanted}")
    }
}

pub(crate) fn doctor(scores: &Scores) -> Vec<String> {
    let rows = [
        ("bowline doctor", String::new()),
        ("---", "---".to_owned()),
        ("answered", of(scores.answered)),
        ("top-1: code and culprit", of(scores.top_1)),
        (
            "set: a missed cause is 0, else precision",
            percent(scores.set.share()),
        ),
        ("pairs: look-alikes all right", of(scores.pairs)),
        ("controls silent", of(scores.silent)),
        ("several causes, all found", of(scores.several)),
        ("causes called certain that are there", of(scores.certain)),
        ("verify commands that are right", of(scores.verified)),
        ("… at the first asking", of(scores.verified_at_once)),
        ("remedies that mend their case", of(scores.mended)),
        ("… of those offered as safe", of(scores.mended_safely)),
        ("chain: links found", percent(scores.chain.share())),
        ("affected services (F1)", percent(scores.affects.share())),
        (
            "wrong causes called certain",
            scores.wrong_and_certain.to_string(),
        ),
        ("forbidden codes named", scores.forbidden.to_string()),
        (
            "fixes wrongly offered as safe",
            scores.unsafe_fixes.to_string(),
        ),
        ("median time", seconds(scores.median)),
        ("worst time", seconds(scores.worst)),
    ];
    rows.map(|(name, value)| format!("| {name:<43} | {value:<8} |"))
        .to_vec()
}

pub(crate) fn baselines(scores: &Scores) -> Vec<String> {
    let row = |name: &str, [located, top_1, silent]: [String; 3]| {
        format!("| {name:<43} | {located:<13} | {top_1:<6} | {silent:<15} |")
    };
    let heads = ["right service", "top-1", "controls silent"].map(str::to_owned);
    let mut rows = vec![
        row("baseline", heads),
        row("---", ["---", "---", "---"].map(str::to_owned)),
    ];
    let reached = Baseline::ALL.iter().zip(&scores.baselines);
    rows.extend(reached.map(|(baseline, reached)| {
        row(
            baseline.words(),
            [of(reached.located), of(reached.top_1), of(reached.silent)],
        )
    }));
    rows
}

pub(crate) fn seconds(time: Duration) -> String {
    format!("{:.2} s", time.as_secs_f64())
}

fn of(count: Of) -> String {
    format!("{}/{}", count.count, count.all)
}

fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.0} %", share * 100.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::score;

    #[test]
    fn an_invalid_case_is_named_with_what_was_missing() {
        let invalid = Invalid {
            id: "F001".to_owned(),
            why: "no symptom".to_owned(),
        };
        let text = text(&[], (0, &score::sum(&[])), &[invalid], "seed 7");
        assert!(text.starts_with("F001     invalid       no symptom\n"));
        assert!(text.contains("0 cases valid, 1 invalid; seed 7"));
    }

    #[test]
    fn every_baseline_has_its_line() {
        let text = baselines(&score::sum(&[])).join("\n");
        for baseline in Baseline::ALL {
            assert!(text.contains(baseline.words()));
        }
    }
}
