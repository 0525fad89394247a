//! The closing table of a test run: what ran, how long, how many tests; and what could not run.
//!
//! Nothing that did not run is ever counted as passed. Its reason is named, and the run fails.

use std::fmt::Write as _;
use std::time::Duration;

use super::libtest::Count;

/// One part of the run.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) took: Duration,
    pub(crate) count: Count,
    pub(crate) end: End,
}

/// How a part ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Done,
    Failed(String),
    NotRun(String),
}

/// Everything that was to run, in order.
#[derive(Debug, Default)]
pub(crate) struct Report {
    pub(crate) parts: Vec<Part>,
}

impl Report {
    /// Returns the name of the first part that failed.
    pub(crate) fn broken(&self) -> Option<&str> {
        self.parts
            .iter()
            .find(|part| matches!(part.end, End::Failed(_)))
            .map(|part| part.name.as_str())
    }

    pub(crate) fn is_good(&self) -> bool {
        self.parts.iter().all(|part| part.end == End::Done)
    }

    /// Returns the table, the reasons, and the closing line.
    pub(crate) fn text(&self, scope: &str) -> String {
        let mut text = String::new();
        let (mut passed, mut failed, mut took) = (0, 0, Duration::ZERO);
        line(&mut text, "part", "minutes", "passed", "failed");
        for part in &self.parts {
            let broken = part.failed();
            let counts = part.count.passed + broken > 0;
            let shown = |number: u64| {
                if counts {
                    number.to_string()
                } else {
                    String::new()
                }
            };
            let minutes = if matches!(part.end, End::NotRun(_)) {
                "not run".to_owned()
            } else {
                minutes(part.took)
            };
            line(
                &mut text,
                &part.name,
                &minutes,
                &shown(part.count.passed),
                &shown(broken),
            );
            passed += part.count.passed;
            failed += broken;
            took += part.took;
        }
        line(
            &mut text,
            "all",
            &minutes(took),
            &passed.to_string(),
            &failed.to_string(),
        );
        text.push('\n');
        for part in &self.parts {
            for failure in &part.count.failures {
                let _ = writeln!(text, "failed in {}: {failure}", part.name);
            }
            match &part.end {
                End::Done => {}
                End::Failed(why) => drop(writeln!(text, "failed: {}: {why}", part.name)),
                End::NotRun(why) => drop(writeln!(text, "not run: {}: {why}", part.name)),
            }
        }
        let _ = writeln!(text, "{scope}\n{passed} passed, {failed} failed");
        text
    }
}

impl Part {
    /// A part that failed without a failed test, or did not run, is one failure.
    fn failed(&self) -> u64 {
        if self.end == End::Done {
            self.count.failed
        } else {
            self.count.failed.max(1)
        }
    }
}

fn minutes(took: Duration) -> String {
    format!("{:.1}", took.as_secs_f64() / 60.0)
}

fn line(text: &mut String, name: &str, minutes: &str, passed: &str, failed: &str) {
    let line = format!("{name:<34}{minutes:>8}{passed:>8}{failed:>8}");
    text.push_str(line.trim_end());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(name: &str, passed: u64, end: End) -> Part {
        let count = Count {
            passed,
            ..Count::default()
        };
        Part {
            name: name.to_owned(),
            took: Duration::from_secs(90),
            count,
            end,
        }
    }

    #[test]
    fn the_last_line_counts_what_ran() {
        let report = Report {
            parts: vec![part("lints", 0, End::Done), part("tests", 12, End::Done)],
        };
        assert!(report.is_good());
        assert!(
            report
                .text("sample")
                .ends_with("\nsample\n12 passed, 0 failed\n")
        );
    }

    #[test]
    fn what_did_not_run_fails_the_run_and_is_named() {
        let report = Report {
            parts: vec![
                part("tests", 12, End::Done),
                part("engine tests", 0, End::NotRun("no engine".to_owned())),
                part("documentation", 0, End::Failed("a broken link".to_owned())),
            ],
        };
        let text = report.text("sample");
        assert!(!report.is_good());
        assert!(
            text.contains("not run: engine tests: no engine\n"),
            "{text}"
        );
        assert!(
            text.contains("failed: documentation: a broken link\n"),
            "{text}"
        );
        assert!(text.ends_with("\n12 passed, 2 failed\n"), "{text}");
    }
}
