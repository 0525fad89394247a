//! Scores answers against the truth. Pure.
//!
//! - **top-1**: the first cause named has the code and the culprit of one that is there.
//! - **set**: a missed cause makes 0; else the share of what was named that is true.
//! - **chain**: the share of the expected links that were named.
//! - **pairs**: look-alikes count together: all members top-1, or nothing.
//! - **silent**: a control for which no cause was named. No answer is not silence.
//! - **verify commands**: right when they saw the fault while it was there, and that it was gone afterwards.
//! - **remedies**: of right causes, those that were carried out and after which the stack was well.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::afterwards::Mended;
use super::answer::{Answer, Fix, Named};
use super::baselines::{Baseline, Guess};
use super::case::{Cause, Expectation};

/// A case with what was said about it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) id: String,
    pub(crate) project: String,
    /// What was done, for people.
    pub(crate) about: String,
    pub(crate) expectation: Expectation,
    pub(crate) answer: Answer,
    /// In the order of [`Baseline::ALL`]; none where there was no engine to guess from.
    pub(crate) guesses: Vec<Option<Guess>>,
    /// Of each right cause that was named.
    pub(crate) verified: Vec<Verified>,
    /// Whether the remedies of the right causes made it well; nothing where none was carried out.
    pub(crate) mended: Option<Mended>,
}

/// Whether the printed verify command told the truth; one that was not printed told none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Verified {
    /// That the cause is there, while it was.
    pub(crate) broken: Truth,
    /// That it is gone, after the case was healed; nothing where it was not.
    pub(crate) healed: Option<Truth>,
}

/// When a verify command told the truth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Truth {
    /// The first time that it was asked.
    AtOnce,
    /// When it was asked again, in the time that the symptom itself has to come.
    Later,
    Never,
}

impl Verified {
    pub(crate) fn is_right(self) -> bool {
        self.broken != Truth::Never && self.healed != Some(Truth::Never)
    }

    fn is_right_at_once(self) -> bool {
        self.broken == Truth::AtOnce && self.healed.is_none_or(|told| told == Truth::AtOnce)
    }
}

/// What an answer amounts to, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Verdict {
    /// Every cause was named, and the first one that was named is one of them.
    #[serde(rename = "hit")]
    Hit,
    /// Causes were named that are not there, or some of those that are were left out.
    #[serde(rename = "wrong")]
    Wrong,
    /// The doctor said that it does not know.
    #[serde(rename = "undetermined")]
    Undetermined,
    /// Nothing was named, or there was no answer.
    #[serde(rename = "miss")]
    Miss,
    /// Nothing was said of a control.
    #[serde(rename = "silent")]
    Silent,
    /// Something was said of a control.
    #[serde(rename = "false alarm")]
    FalseAlarm,
}

impl Verdict {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Wrong => "wrong",
            Self::Undetermined => "undetermined",
            Self::Miss => "miss",
            Self::Silent => "silent",
            Self::FalseAlarm => "false alarm",
        }
    }
}

/// What one answer to one faulty case is worth.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Worth {
    pub(crate) top_1: bool,
    pub(crate) set: f64,
    /// Nothing where no link is expected: what cannot be missed is no merit.
    pub(crate) chain: Option<f64>,
    /// How well the affected services were found: the harmonic mean of both shares. Nothing where none is
    /// expected and none named.
    pub(crate) affects: Option<f64>,
}

/// A mean of what there is.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, share: Option<f64>) {
        self.sum += share.unwrap_or_default();
        self.count += usize::from(share.is_some());
    }

    /// Returns nothing where there was nothing to take the mean of.
    pub(crate) fn share(self) -> Option<f64> {
        (self.count > 0).then(|| self.sum * share(1, self.count))
    }
}

/// A count out of how many.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Of {
    pub(crate) count: usize,
    pub(crate) all: usize,
}

impl Of {
    fn add(&mut self, counts: bool) {
        self.all += 1;
        self.count += usize::from(counts);
    }
}

/// The sums over a run.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    pub(crate) top_1: Of,
    pub(crate) set: Mean,
    pub(crate) chain: Mean,
    pub(crate) affects: Mean,
    pub(crate) pairs: Of,
    pub(crate) silent: Of,
    pub(crate) answered: Of,
    /// Wrong causes that were called certain.
    pub(crate) wrong_and_certain: usize,
    /// Codes that the case forbids.
    pub(crate) forbidden: usize,
    /// Fixes offered as safe where none is.
    pub(crate) unsafe_fixes: usize,
    /// Causes that were called certain, and are there.
    pub(crate) certain: Of,
    /// Cases with several causes, all of which were named.
    pub(crate) several: Of,
    /// Right causes whose verify command says so: there while it is, gone when it is healed.
    pub(crate) verified: Of,
    /// Those that said so when they were asked for the first time.
    pub(crate) verified_at_once: Of,
    /// Cases that were well after their remedies, of those with any.
    pub(crate) mended: Of,
    /// The same of those whose remedies were all offered as safe.
    pub(crate) mended_safely: Of,
    pub(crate) median: Duration,
    pub(crate) worst: Duration,
    /// In the order of [`Baseline::ALL`]; none where nobody guessed.
    pub(crate) baselines: Vec<BaselineScores>,
}

/// What a baseline reaches, which names no culprits but services.
#[derive(Debug, Default)]
pub(crate) struct BaselineScores {
    /// The service that a person has to look at.
    pub(crate) located: Of,
    /// That, and the code.
    pub(crate) top_1: Of,
    pub(crate) silent: Of,
}

impl Outcome {
    fn named(&self) -> &[Named] {
        match &self.answer.diagnosis {
            Ok(diagnosis) => &diagnosis.causes,
            Err(_) => &[],
        }
    }

    fn expected(&self, named: &Named) -> Option<&Cause> {
        let mut causes = self.expectation.cause.iter();
        causes.find(|cause| named.is(cause, &self.project))
    }

    /// What the answer amounts to.
    pub(crate) fn verdict(&self) -> Verdict {
        let control = self.expectation.control;
        let is_false = |named: &Named| self.expected(named).is_none();
        match &self.answer.diagnosis {
            Err(_) => Verdict::Miss,
            Ok(diagnosis) if control && diagnosis.causes.is_empty() => Verdict::Silent,
            Ok(_) if control => Verdict::FalseAlarm,
            Ok(_) if self.worth().top_1 && self.has_all() => Verdict::Hit,
            Ok(diagnosis) if diagnosis.causes.iter().any(is_false) => Verdict::Wrong,
            Ok(diagnosis) if diagnosis.undetermined => Verdict::Undetermined,
            Ok(diagnosis) if diagnosis.causes.is_empty() => Verdict::Miss,
            Ok(_) => Verdict::Wrong,
        }
    }

    /// Whether all of the answer is right: every cause at first, or silence where there is none.
    pub(crate) fn is_all_right(&self) -> bool {
        matches!(self.verdict(), Verdict::Hit | Verdict::Silent)
    }

    /// Whether it calls something certain that is not there, beside what is.
    pub(crate) fn is_wrongly_sure(&self) -> bool {
        let mut sure = self
            .named()
            .iter()
            .filter(|named| named.confidence == "certain");
        sure.any(|named| self.expected(named).is_none())
    }

    /// Whether the case counts in a pair: a control that is silent, or the right cause at first.
    pub(crate) fn is_right(&self) -> bool {
        if self.expectation.control {
            self.verdict() == Verdict::Silent
        } else {
            self.worth().top_1
        }
    }

    fn has_all(&self) -> bool {
        let mut causes = self.expectation.cause.iter();
        causes.all(|cause| {
            self.named()
                .iter()
                .any(|named| named.is(cause, &self.project))
        })
    }

    /// What the answer is worth for a case with causes.
    pub(crate) fn worth(&self) -> Worth {
        let named = self.named();
        let causes = &self.expectation.cause;
        let links: Vec<(&str, &str)> = named.iter().flat_map(links).collect();
        let expected_links = causes.iter().flat_map(|cause| &cause.chain);
        let found_links = expected_links
            .clone()
            .filter(|(a, b)| links.contains(&(a.as_str(), b.as_str())));
        Worth {
            top_1: named
                .first()
                .is_some_and(|first| self.expected(first).is_some()),
            set: if self.has_all() {
                share(causes.len(), named.len())
            } else {
                0.0
            },
            chain: some_share(found_links.count(), expected_links.count()),
            affects: self.affects(),
        }
    }

    fn affects(&self) -> Option<f64> {
        let expected = self
            .expectation
            .cause
            .iter()
            .flat_map(|cause| &cause.affects);
        let named = self.named().iter().flat_map(|named| &named.affects);
        let right = expected
            .clone()
            .filter(|service| named.clone().any(|name| name == *service))
            .count();
        some_share(2 * right, expected.count() + named.count())
    }
}

fn links(named: &Named) -> impl Iterator<Item = (&str, &str)> {
    let pairs = named.chain.iter();
    pairs.filter_map(|link| match link.as_slice() {
        [cause, affected] => Some((cause.as_str(), affected.as_str())),
        _ => None,
    })
}

/// A part of a whole, where there is one.
fn some_share(part: usize, whole: usize) -> Option<f64> {
    (whole > 0).then(|| share(part, whole))
}

#[expect(clippy::cast_precision_loss, reason = "counts of a few dozen")]
fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

/// Adds up a run.
pub(crate) fn sum(outcomes: &[Outcome]) -> Scores {
    let mut scores = Scores::default();
    for outcome in outcomes {
        scores.answered.add(outcome.answer.diagnosis.is_ok());
        mistakes(outcome, &mut scores);
        if outcome.expectation.control {
            scores.silent.add(outcome.verdict() == Verdict::Silent);
        } else {
            let worth = outcome.worth();
            scores.top_1.add(worth.top_1);
            scores.set.add(Some(worth.set));
            scores.chain.add(worth.chain);
            scores.affects.add(worth.affects);
            if outcome.expectation.cause.len() > 1 {
                scores.several.add(outcome.has_all());
            }
            for verified in &outcome.verified {
                scores.verified.add(verified.is_right());
                scores.verified_at_once.add(verified.is_right_at_once());
            }
            if let Some(mended) = &outcome.mended {
                let is_well = mended.why_not.is_none();
                scores.mended.add(is_well);
                if mended.is_safe {
                    scores.mended_safely.add(is_well);
                }
            }
        }
    }
    scores.pairs = pairs(outcomes);
    (scores.median, scores.worst) = times(outcomes);
    if outcomes.iter().all(|it| !it.guesses.is_empty()) {
        scores.baselines = (0..Baseline::ALL.len())
            .map(|index| baseline(outcomes, index))
            .collect();
    }
    scores
}

fn mistakes(outcome: &Outcome, scores: &mut Scores) {
    for named in outcome.named() {
        let cause = outcome.expected(named);
        if named.confidence == "certain" {
            scores.certain.add(cause.is_some());
            scores.wrong_and_certain += usize::from(cause.is_none());
        }
        if outcome.expectation.forbid.contains(&named.code) {
            scores.forbidden += 1;
        }
        let offered = named.fix.as_ref().is_some_and(Fix::is_safe);
        if offered && !cause.is_some_and(|cause| cause.fix_is_safe) {
            scores.unsafe_fixes += 1;
        }
    }
}

/// A pair counts when all its members are in the run: with one alone there is nothing to confuse.
fn pairs(outcomes: &[Outcome]) -> Of {
    let mut members: BTreeMap<&str, Vec<bool>> = BTreeMap::new();
    for outcome in outcomes {
        for pair in &outcome.expectation.pairs {
            members.entry(pair).or_default().push(outcome.is_right());
        }
    }
    let mut pairs = Of::default();
    for right in members.values().filter(|right| right.len() > 1) {
        pairs.add(right.iter().all(|right| *right));
    }
    pairs
}

fn times(outcomes: &[Outcome]) -> (Duration, Duration) {
    let answered = outcomes
        .iter()
        .filter(|outcome| outcome.answer.diagnosis.is_ok());
    let mut times: Vec<Duration> = answered.map(|outcome| outcome.answer.took).collect();
    times.sort_unstable();
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    (median, times.last().copied().unwrap_or_default())
}

fn baseline(outcomes: &[Outcome], index: usize) -> BaselineScores {
    let mut scores = BaselineScores::default();
    for outcome in outcomes {
        let guess = outcome.guesses[index].as_ref();
        if outcome.expectation.control {
            scores.silent.add(guess.is_none());
            continue;
        }
        let mut causes = outcome.expectation.cause.iter();
        let located = causes.find(|cause| guess.is_some_and(|guess| guess.service == cause.at));
        scores.located.add(located.is_some());
        let code = guess.and_then(|guess| guess.code.as_deref());
        scores
            .top_1
            .add(located.is_some_and(|cause| code == Some(cause.code.as_str())));
    }
    scores
}

#[cfg(test)]
mod tests;
