//! What logs say, in the words of the recipes.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::ContainerStatus;
use bowline_recipes::Says;
use jiff::{SignedDuration, Timestamp};

use crate::facts::{ContainerFact, LogLine};
use crate::finding::FactRef;

use super::World;
use super::wellness::LAST_WORDS;

/// How old what a running container wrote may be to speak of now.
const NOW: SignedDuration = SignedDuration::from_secs(60);

/// Something that a log says, as often as it does.
#[derive(Clone, Debug)]
pub(crate) struct Said<'f> {
    /// What.
    pub(crate) says: Says,
    /// The recipe that knows the line: the kind of server that it speaks of, or `any`.
    pub(crate) recipe: &'f str,
    /// What it says it of.
    pub(crate) captures: BTreeMap<&'static str, String>,
    /// Whether a real program was seen to write such lines, of those that speak of the same time as the last.
    pub(crate) is_proven: bool,
    /// When first, of what was read.
    pub(crate) first: Timestamp,
    /// When last.
    pub(crate) last: Timestamp,
    /// How often, of what was read.
    pub(crate) count: usize,
    /// The last such line.
    pub(crate) text: &'f str,
    /// Whether the last one speaks of now.
    pub(crate) is_fresh: bool,
}

impl Said<'_> {
    /// What it says of a host, a path, a user …
    pub(crate) fn capture(&self, name: &str) -> Option<&str> {
        self.captures.get(name).map(String::as_str)
    }
}

/// What was read in a log.
#[derive(Default)]
pub(super) struct Heard<'f> {
    /// What it says, in the words of the recipes, the newest first.
    pub(super) said: Vec<Said<'f>>,
    /// Lines of now that call something an error in words that no recipe knows, the newest first.
    pub(super) grumblings: Vec<&'f LogLine>,
}

/// Reads every log that was collected, line by line.
pub(super) fn all<'f>(world: &World<'f>) -> BTreeMap<&'f str, Heard<'f>> {
    let mut all = BTreeMap::new();
    for container in world.containers() {
        let is_known = world.is_known(&FactRef::Log(container.name.clone()));
        let Some(log) = world.facts.logs.get(&container.name).filter(|_| is_known) else {
            continue;
        };
        let reading = world.reading(container);
        let since = fresh_since(world, container);
        let well = answered_well(&log.lines);
        let is_bad = |(before, number): (&str, &str)| {
            well.contains(before) && FAILED_ANSWERS.contains(&number)
        };
        let mut said: Vec<Said<'f>> = Vec::new();
        let mut grumblings = Vec::new();
        for line in &log.lines {
            let Some(found) = reading.line(&line.text) else {
                let is_trouble = grumbles(&line.text) || answers(&line.text).any(is_bad);
                if line.at >= since && is_trouble {
                    grumblings.push(line);
                }
                continue;
            };
            let is_same = |one: &&mut Said<'_>| {
                one.says == found.says
                    && one.captures == found.captures
                    && one.recipe == found.recipe
            };
            let is_fresh = line.at >= since;
            match said.iter_mut().find(is_same) {
                Some(one) => {
                    one.count += 1;
                    one.last = line.at;
                    one.text = &line.text;
                    one.is_proven = found.is_proven || one.is_proven && one.is_fresh == is_fresh;
                    one.is_fresh = is_fresh;
                }
                None => said.push(Said {
                    says: found.says,
                    recipe: found.recipe,
                    is_proven: found.is_proven,
                    captures: found.captures,
                    first: line.at,
                    last: line.at,
                    count: 1,
                    text: &line.text,
                    is_fresh,
                }),
            }
        }
        // The newest first: it is what a person would look at.
        said.sort_by_key(|one| std::cmp::Reverse(one.last));
        grumblings.reverse();
        all.insert(container.name.as_str(), Heard { said, grumblings });
    }
    all
}

/// Words by which programs call something an error, whatever it is.
const GRUMBLES: &[&str] = &[
    "error",
    "fatal",
    "panic",
    "critical",
    "exception",
    "traceback",
    "fail",
    "failed",
    "failure",
    "cannot",
    "couldn",
    "unable",
    "refused",
    "rejected",
    "denied",
    "unreachable",
    "unavailable",
    "unexpected",
    "unknown",
    "invalid",
    "timeout",
    "timed",
    "retry",
    "retrying",
    "aborted",
    "lost",
    "down",
    "fehler",
    "fehlgeschlagen",
    "abgelehnt",
    "verweigert",
    "fallo",
    "rechazado",
    "rechazada",
    "erreur",
];
/// Words that take them back where they stand before one: `no error`, `0 failed`.
const NONE_OF_IT: &[&str] = &["0", "no", "not", "without", "zero", "last"];

impl<'f> World<'f> {
    /// What a container wrote at its last end: the line that calls something an error, else the last one.
    pub(crate) fn last_words(&self, container: &'f ContainerFact) -> Option<&'f str> {
        let lines = &self.log(container)?.lines;
        // One that was started again has written of its new life by now.
        let end = container.started.filter(|_| self.runs(container));
        let before = |at: Timestamp| end.is_none_or(|end| at <= end);
        let mut last = lines.iter().rev().filter(|line| before(line.at));
        let newest = last.clone().next()?;
        let is_near = |at: Timestamp| newest.at.duration_since(at) < LAST_WORDS;
        let worst = last.find(|line| is_near(line.at) && grumbles(&line.text));
        Some(worst.unwrap_or(newest).text.trim())
    }

    /// The lines of now in which a container calls something an error in words that no recipe knows, the newest first.
    pub(crate) fn grumblings(&self, container: &ContainerFact) -> &[&'f LogLine] {
        let heard = self.heard.get(container.name.as_str());
        heard.map_or(&[], |heard| heard.grumblings.as_slice())
    }

    /// The last line in which a container that ended calls something an error, in whatever words.
    pub(crate) fn last_error(&self, container: &'f ContainerFact) -> Option<&'f LogLine> {
        let began = container.started?;
        let mut lines = self.log(container)?.lines.iter().rev();
        lines.find(|line| line.at >= began && grumbles(&line.text))
    }
}

/// From how many seconds on something takes long.
const LONG: f64 = 1.0;
/// What is taken for the time of day, or of another sort, rather than for what something took.
const LONGEST: f64 = 600.0;

/// What a line says that something took, in seconds: `in 7.6 s`, `took 7600ms`; and the line without its numbers. Whole
/// seconds are told as often as measured: `retry in 5s`.
fn took(line: &str) -> Option<(f64, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let secs = words.iter().enumerate().find_map(|(at, word)| {
        let word = word.trim_matches(|it: char| it.is_ascii_punctuation());
        let word = word.rsplit('=').next().unwrap_or(word);
        let digits = word.trim_end_matches(|it: char| it.is_ascii_alphabetic());
        let unit = match &word[digits.len()..] {
            "" => words.get(at + 1).map_or("", |next| {
                next.trim_matches(|it: char| it.is_ascii_punctuation())
            }),
            unit => unit,
        };
        let number: f64 = digits.parse().ok()?;
        let secs = match unit {
            "s" | "sec" | "secs" | "seconds" if digits.contains('.') => number,
            "ms" => number / 1000.0,
            _ => return None,
        };
        (0.0..LONGEST).contains(&secs).then_some(secs)
    })?;
    let rest = line.chars().filter(|it| !it.is_ascii_digit());
    Some((secs, rest.collect()))
}

impl<'f> World<'f> {
    /// The last line of now in which a container that is no server writes that something took long, where it measures the
    /// same thing again and again, and it mostly does. What is always the same is set, and not measured.
    pub(crate) fn took_long(&self, container: &ContainerFact) -> Option<&'f LogLine> {
        if self.recipe(container).is_some() {
            return None;
        }
        let since = fresh_since(self, container);
        let lines = self.log(container)?.lines.iter();
        let fresh = lines.filter(|line| line.at >= since);
        let timed = fresh.filter_map(|line| Some((took(&line.text)?, line)));
        let timed: Vec<_> = timed.collect();
        let is_long = |((secs, _), _): &&((f64, String), &LogLine)| *secs >= LONG;
        let ((longest, what), last) = timed.iter().rfind(is_long)?;
        let same = timed.iter().filter(|((_, other), _)| other == what);
        let all = same.clone().count();
        let long: Vec<f64> = same.filter(is_long).map(|((secs, _), _)| *secs).collect();
        let is_measured = long.iter().any(|secs| (secs - longest).abs() > 0.001);
        (is_measured && long.len() * 2 >= all).then_some(*last)
    }
}

/// Words by which a line says that it is of everyday.
const EVERYDAY: &[&str] = &["trace", "debug", "info", "notice"];
/// Keys under which a line says how much it matters: `"level":"info"`, `severity=INFO`.
const LEVELS: &[&str] = &[
    "level",
    "levelname",
    "loglevel",
    "lvl",
    "severity",
    "nivel",
    "stufe",
];

/// Whether a line says of itself that it is of everyday.
pub(crate) fn is_everyday(line: &str) -> bool {
    let mut words = line
        .split(|it: char| !it.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase);
    let level = words.find(|word| LEVELS.contains(&word.as_str()));
    let level = level.and_then(|_| words.next());
    level.is_some_and(|level| EVERYDAY.contains(&level.as_str()))
}

/// The answers of a server over HTTP by which it says that it, or one behind it, failed.
const FAILED_ANSWERS: &[&str] = &["500", "502", "503", "504"];

/// The numbers of a line that may be answers of servers, each with the word before it: `desk 503,` or `curl: 200`. Not
/// those of logs of servers themselves: what a proxy passes on is of somebody else.
fn answers(line: &str) -> impl Iterator<Item = (&str, &str)> {
    let words = line.split_whitespace();
    let pairs = words.clone().zip(words.skip(1));
    pairs.filter_map(|(before, word)| {
        // One that is followed by what it counts is none.
        let number = word.trim_end_matches([',', ';', '.', ')']);
        let is_end = number.len() < word.len() || line.ends_with(word);
        let is_number = number.len() == 3 && number.bytes().all(|it| it.is_ascii_digit());
        let is_word = before.contains(|it: char| it.is_ascii_alphabetic());
        let is_of_a_server = before.starts_with("HTTP/");
        (is_number && is_end && is_word && !is_of_a_server).then_some((before, number))
    })
}

/// What a log has answers of that were good: where a good one stands, another may be a bad one.
fn answered_well(lines: &[LogLine]) -> BTreeSet<&str> {
    let all = lines.iter().flat_map(|line| answers(&line.text));
    all.filter(|(_, number)| number.starts_with('2'))
        .map(|(before, _)| before)
        .collect()
}

/// Whether a line calls something an error.
pub(crate) fn grumbles(line: &str) -> bool {
    if is_everyday(line) {
        return false;
    }
    let mut before = String::new();
    for word in line.split(|it: char| !it.is_ascii_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let word = word.to_ascii_lowercase();
        let is_taken_back = NONE_OF_IT.contains(&before.as_str());
        // `ConnectionError`, `java.net.ConnectException`.
        let is_type = word.ends_with("error") || word.ends_with("exception");
        if !is_taken_back && (is_type || GRUMBLES.contains(&word.as_str())) {
            return true;
        }
        before = word;
    }
    false
}

/// From when on what a container wrote speaks of now.
fn fresh_since(world: &World<'_>, container: &ContainerFact) -> Timestamp {
    // A recording may hold the first of all moments.
    let before = |moment: Timestamp, by: SignedDuration| {
        let earlier = moment.checked_sub(by);
        earlier.unwrap_or(Timestamp::MIN)
    };
    let recent = before(world.now(), NOW);
    let Some(started) = container.started else {
        return recent;
    };
    match container.status {
        // One that was started again and again tells in each run what the next one dies of.
        ContainerStatus::Running | ContainerStatus::Paused if container.restarts > 0 => recent,
        ContainerStatus::Running | ContainerStatus::Paused => recent.max(started),
        // What ended tells in its last run what of.
        _ => before(started, SignedDuration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_something_took_is_told_from_what_is_set() {
        for (line, secs) in [
            ("slow: 60 books in 7.6 s", 7.6),
            ("GET /books took 2500ms", 2.5),
            ("done duration=1.25s", 1.25),
            ("(3.5 seconds)", 3.5),
            ("took 20ms", 0.02),
        ] {
            assert_eq!(took(line).map(|(secs, _)| secs), Some(secs), "{line}");
        }
        for line in ["retry in 5s", "at 10.5", "1.5 GB free", "in 700.5 s", ""] {
            assert_eq!(took(line), None, "{line}");
        }
        let rest = |line| took(line).map(|(_, rest)| rest);
        assert_eq!(rest("60 books in 7.6 s"), rest("60 books in 11.2 s"));
        assert_ne!(rest("60 books in 7.6 s"), rest("60 songs in 7.6 s"));
    }
}
