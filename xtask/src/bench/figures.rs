//! What is measured, what it may be at most, and what came out.
//!
//! Values only: nothing here starts a program or looks at a clock.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The two that are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Tool {
    Bowline,
    Compose,
}

impl Tool {
    /// In the order of each round.
    pub(crate) const BOTH: [Self; 2] = [Self::Bowline, Self::Compose];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Bowline => "bowline",
            Self::Compose => "compose",
        }
    }
}

/// A stack, or the file that is only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Part {
    Graph,
    Orders,
    Flat,
    Config,
}

impl Part {
    pub(crate) const ALL: [Self; 4] = [Self::Graph, Self::Orders, Self::Flat, Self::Config];

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Graph => "graph",
            Self::Orders => "orders",
            Self::Flat => "flat",
            Self::Config => "config",
        }
    }

    pub(crate) fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.word() == word)
    }
}

/// What of it is measured. Times are seconds, memory is MiB.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Measure {
    /// From the command to the moment at which the outside poller saw everything answer; no volume is there.
    ColdUp,
    /// The same, with the volumes of an earlier life.
    ColdUpExisting,
    /// From the command of a cold `up` to its own end.
    Return,
    RepeatedUp,
    Ps,
    Config,
    Down,
    /// The largest resident set of any of the commands of a round.
    Memory,
}

impl Measure {
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::ColdUp => "cold `up`",
            Self::ColdUpExisting => "cold `up`, volumes exist",
            Self::Return => "cold `up`, until it returns",
            Self::RepeatedUp => "repeated `up`",
            Self::Ps => "`ps`",
            Self::Config => "`config`",
            Self::Down => "`down`",
            Self::Memory => "peak memory",
        }
    }
}

/// What bowline may need of what Compose needs, or nothing where the figure is only told.
pub(crate) fn limit(part: Part, measure: Measure) -> Option<f64> {
    match (measure, part) {
        (Measure::ColdUp, Part::Graph) => Some(0.55),
        (Measure::ColdUp, Part::Flat) => Some(0.7),
        (Measure::ColdUp | Measure::ColdUpExisting, _) => Some(0.3),
        (Measure::RepeatedUp, _) => Some(0.15),
        (Measure::Config, _) => Some(0.35),
        (Measure::Ps, _) => Some(0.6),
        (Measure::Down, _) => Some(0.9),
        (Measure::Memory, _) => Some(0.5),
        (Measure::Return, _) => None,
    }
}

/// Everything that one tool needed for one thing, a value for each time.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples(Vec<f64>);

impl Samples {
    pub(crate) fn add(&mut self, value: f64) {
        let place = self.0.partition_point(|other| *other < value);
        self.0.insert(place, value);
    }

    /// The middle one, or the mean of the middle two; nothing of nothing.
    pub(crate) fn median(&self) -> Option<f64> {
        let above = self.0.get(self.0.len() / 2)?;
        let below = self.0.get((self.0.len() - 1) / 2)?;
        Some(f64::midpoint(*below, *above))
    }

    /// The smallest and the largest.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        Some((*self.0.first()?, *self.0.last()?))
    }

    #[cfg(test)]
    pub(crate) fn of(values: &[f64]) -> Self {
        let mut samples = Self::default();
        for value in values {
            samples.add(*value);
        }
        samples
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

/// Both tools' values for one thing.
#[derive(Debug, Default)]
pub(crate) struct Pair {
    pub(crate) bowline: Samples,
    pub(crate) compose: Samples,
}

impl Pair {
    /// Median by median.
    pub(crate) fn ratio(&self) -> Option<f64> {
        let compose = self.compose.median().filter(|median| *median > 0.0)?;
        Some(self.bowline.median()? / compose)
    }
}

/// Requests that were sent to a stack right after its cold `up`, and those that succeeded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Requests {
    pub(crate) sent: usize,
    pub(crate) succeeded: usize,
}

/// Everything that came out of a run.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) pairs: BTreeMap<(Part, Measure), Pair>,
    pub(crate) requests: BTreeMap<Tool, Requests>,
}

impl Figures {
    pub(crate) fn add(&mut self, part: Part, measure: Measure, tool: Tool, value: f64) {
        let pair = self.pairs.entry((part, measure)).or_default();
        match tool {
            Tool::Bowline => pair.bowline.add(value),
            Tool::Compose => pair.compose.add(value),
        }
    }

    pub(crate) fn add_requests(&mut self, tool: Tool, requests: Requests) {
        let all = self.requests.entry(tool).or_default();
        all.sent += requests.sent;
        all.succeeded += requests.succeeded;
    }

    /// Whether this line is above its limit; a line without a ratio is, since it proves nothing.
    pub(crate) fn misses(&self, part: Part, measure: Measure) -> bool {
        let ratio = self.pairs.get(&(part, measure)).and_then(Pair::ratio);
        limit(part, measure).is_some_and(|limit| ratio.is_none_or(|ratio| ratio > limit))
    }

    /// Whether every line keeps its limit and every request to a stack that bowline brought up succeeded.
    pub(crate) fn is_good(&self) -> bool {
        let requests = self
            .requests
            .get(&Tool::Bowline)
            .copied()
            .unwrap_or_default();
        let missed = self
            .pairs
            .keys()
            .any(|&(part, measure)| self.misses(part, measure));
        !missed && requests.succeeded == requests.sent
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(bowline: &[f64], compose: &[f64]) -> Figures {
        let mut figures = Figures::default();
        for value in bowline {
            figures.add(Part::Orders, Measure::Down, Tool::Bowline, *value);
        }
        for value in compose {
            figures.add(Part::Orders, Measure::Down, Tool::Compose, *value);
        }
        figures
    }

    #[test]
    fn the_median_does_not_mind_the_order_nor_an_outlier() {
        assert_eq!(Samples::of(&[3.0, 90.0, 1.0]).median(), Some(3.0));
        assert_eq!(Samples::of(&[4.0, 1.0, 2.0, 90.0]).median(), Some(3.0));
        assert_eq!(Samples::of(&[5.0]).median(), Some(5.0));
        assert_eq!(Samples::of(&[]).median(), None);
    }

    #[test]
    fn the_range_is_the_smallest_and_the_largest() {
        assert_eq!(Samples::of(&[3.0, 90.0, 1.0]).range(), Some((1.0, 90.0)));
        assert_eq!(Samples::of(&[]).range(), None);
    }

    #[test]
    fn a_line_misses_when_the_ratio_of_the_medians_is_above_its_limit() {
        let at_the_limit = figures(&[9.0], &[10.0]);
        assert!(!at_the_limit.misses(Part::Orders, Measure::Down));
        assert!(at_the_limit.is_good());
        let above = figures(&[9.1, 1.0, 9.2], &[10.0]);
        assert!(above.misses(Part::Orders, Measure::Down));
        assert!(!above.is_good());
    }

    #[test]
    fn a_line_that_only_one_tool_has_proves_nothing() {
        assert!(figures(&[1.0], &[]).misses(Part::Orders, Measure::Down));
        assert!(figures(&[1.0], &[0.0]).misses(Part::Orders, Measure::Down));
    }

    #[test]
    fn one_request_that_fails_after_bowlines_up_spoils_the_run_and_after_composes_it_is_told_only()
    {
        let requests = |succeeded| Requests {
            sent: 100,
            succeeded,
        };
        let mut good = figures(&[1.0], &[10.0]);
        good.add_requests(Tool::Compose, requests(99));
        good.add_requests(Tool::Bowline, requests(100));
        assert!(good.is_good());
        good.add_requests(Tool::Bowline, requests(99));
        assert!(!good.is_good());
    }

    #[test]
    fn the_return_of_a_command_is_told_without_a_limit() {
        let mut figures = Figures::default();
        figures.add(Part::Graph, Measure::Return, Tool::Bowline, 9.0);
        figures.add(Part::Graph, Measure::Return, Tool::Compose, 1.0);
        assert!(figures.is_good());
    }
}
