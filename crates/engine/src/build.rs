//! What a builder says, taken apart: steps, lines, and what a failure has to show.

use std::collections::VecDeque;

use crate::{BuildFailure, BuildProgress, BuildStep};

/// The longest line that is waited for; a longer one is cut.
const LONGEST_LINE: usize = 16 * 1024;

/// What the builder says about its own containers and layers.
const BOOKKEEPING: &[&str] = &[
    " ---> ",
    "Removing intermediate container ",
    "Successfully built ",
    "Successfully tagged ",
];

/// Takes what a classic builder writes piece by piece, and remembers what the step under way has written last.
#[derive(Debug, Default)]
pub(crate) struct BuildOutput {
    step: Option<BuildStep>,
    unfinished: String,
    last_lines: VecDeque<String>,
}

impl BuildOutput {
    /// Takes a piece of output, and gives what has become complete with it.
    pub(crate) fn take(&mut self, piece: &str) -> Vec<BuildProgress> {
        let mut found = Vec::new();
        for part in piece.split_inclusive('\n') {
            self.unfinished.push_str(part);
            if part.ends_with('\n') || self.unfinished.len() >= LONGEST_LINE {
                let line = std::mem::take(&mut self.unfinished);
                found.extend(self.line(&line));
            }
        }
        found
    }

    /// What failed, with all that is known of it.
    pub(crate) fn failure(&mut self, text: String, exit_code: Option<i64>) -> BuildFailure {
        let rest = std::mem::take(&mut self.unfinished);
        self.line(&rest);
        BuildFailure {
            step: self.step.take(),
            text,
            exit_code,
            last_lines: std::mem::take(&mut self.last_lines).into(),
        }
    }

    fn line(&mut self, text: &str) -> Option<BuildProgress> {
        let line = readable(text);
        if line.is_empty() || BOOKKEEPING.iter().any(|start| line.starts_with(start)) {
            return None;
        }
        if let Some(step) = self.next_step(&line) {
            self.last_lines.clear();
            self.step = Some(step.clone());
            return Some(BuildProgress::Step(step));
        }
        if self.last_lines.len() == BuildFailure::LAST_LINES {
            self.last_lines.pop_front();
        }
        self.last_lines.push_back(line.clone());
        Some(BuildProgress::Line(line))
    }

    /// Reads `Step 2/3 : RUN make`. The number has to be the next one, for programs can write such lines, too.
    fn next_step(&self, line: &str) -> Option<BuildStep> {
        let (numbers, instruction) = line.strip_prefix("Step ")?.split_once(" : ")?;
        let (number, count) = numbers.split_once('/')?;
        let (number, count) = (number.parse().ok()?, count.parse().ok()?);
        let last = self.step.as_ref().map_or(0, |step| step.number);
        (number == last + 1).then(|| BuildStep {
            number,
            count,
            instruction: instruction.to_owned(),
        })
    }
}

/// A line as it can be read: without its end, without colours, and of what was written over itself the last.
fn readable(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, escape)) = rest.split_once("\u{1b}[") {
        plain.push_str(before);
        let is_parameter = |c: char| c.is_ascii_digit() || c == ';' || c == '?';
        let end = escape.trim_start_matches(is_parameter);
        let mut letters = end.chars();
        letters.next();
        rest = letters.as_str();
    }
    plain.push_str(rest);
    let line = plain.trim_end_matches(['\n', '\r']);
    let last = line.rsplit('\r').next().unwrap_or_default();
    last.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn step(number: u32, instruction: &str) -> BuildProgress {
        BuildProgress::Step(BuildStep {
            number,
            count: 3,
            instruction: instruction.into(),
        })
    }

    fn line(text: &str) -> BuildProgress {
        BuildProgress::Line(text.into())
    }

    /// What Docker 20.10 really sends, message by message.
    const SENT: &[&str] = &[
        "Step 1/3 : FROM busy:1",
        "\n",
        " ---> 6a434d50bf95\n",
        "Step 2/3 : RUN make",
        "\n",
        " ---> Running in 2e88ddf8e328\n",
        "\u{1b}[91mwarn\n\u{1b}[0m",
        "10%\r50%\r100%\r\nsplit ",
        "line\n",
        "Step 1/3 : not one\n",
        "Removing intermediate container 2e88ddf8e328\n",
        " ---> 546438c69d1d\n",
        "Step 3/3 : RUN false",
        "\n",
    ];

    #[test]
    fn pieces_become_steps_and_lines_without_colours_and_bookkeeping() {
        let mut output = BuildOutput::default();
        let found: Vec<_> = SENT.iter().flat_map(|piece| output.take(piece)).collect();
        assert_eq!(
            found,
            [
                step(1, "FROM busy:1"),
                step(2, "RUN make"),
                line("warn"),
                line("100%"),
                line("split line"),
                line("Step 1/3 : not one"),
                step(3, "RUN false"),
            ]
        );
    }

    #[test]
    fn a_failure_has_the_last_lines_of_its_own_step() {
        let mut output = BuildOutput::default();
        for piece in SENT {
            output.take(piece);
        }
        for number in 1..=25 {
            output.take(&format!("line {number}\n"));
        }
        output.take("and no end");
        let failure = output.failure("it failed".into(), Some(3));
        assert_eq!(failure.step.unwrap().to_string(), "3/3: RUN false");
        assert_eq!(failure.exit_code, Some(3));
        assert_eq!(failure.last_lines.len(), BuildFailure::LAST_LINES);
        assert_eq!(failure.last_lines[0], "line 7");
        assert_eq!(failure.last_lines.last().unwrap(), "and no end");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut output = BuildOutput::default();
        let found = output.take(&"x".repeat(LONGEST_LINE));
        assert_eq!(found, [line(&"x".repeat(LONGEST_LINE))]);
    }
}
