//! Reading a log with the words of the recipes.
//!
//! `needles` says in one pass over a line which patterns can be in it; those are then tried in the order in which they
//! count. It takes time in proportion to the text, whatever the text is: the crate `regex` never goes back.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;
use regex::bytes::Regex;

use crate::recipe::{By, Line, Pattern, Proof, Recipe};
use crate::says::Says;
use crate::{load, needles};

/// Bytes of a line that are read; what is behind them says nothing.
const LONGEST_LINE: usize = 8 * 1024;

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Said<'a> {
    /// Its meaning.
    pub says: Says,
    /// The recipe that knows it.
    pub recipe: &'a str,
    /// Who writes such lines.
    pub by: By,
    /// Whether such a line is known to mean this: a real program was seen to write it, as bowline's own recipe says. What
    /// documentation shows may have changed, and nobody but the user has tried a user's own.
    pub is_proven: bool,
    /// The pattern that found it, with its line in the recipe's file.
    pub pattern: &'a Pattern,
    /// What the word wants to know, as the line says it. The text is the log's: a host's name can be the end of
    /// a password that was not encoded, so mask it like the line itself.
    pub captures: BTreeMap<&'static str, String>,
}

/// Reads the log of one container. A copy costs nothing.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'a> {
    pub(crate) texts: &'a Texts,
    pub(crate) recipes: &'a [Recipe],
    /// How many of them, from the first on, are a user's own.
    pub(crate) own: usize,
    /// Number of the recipe of the server that runs in the container.
    pub(crate) server: Option<usize>,
}

/// All patterns of all recipes, ready to be used.
#[derive(Debug)]
pub(crate) struct Texts {
    /// Finds the texts without which a pattern is not there.
    needles: AhoCorasick,
    /// The number of the pattern that each of these texts is of.
    patterns: Vec<usize>,
    /// Numbers of patterns without such a text: they are tried on every line.
    always: Vec<usize>,
    /// Every pattern, the stronger recipe first.
    entries: Vec<Entry>,
}

/// A pattern, by the numbers of its recipe, its line and itself.
#[derive(Debug)]
struct Entry {
    recipe: usize,
    line: usize,
    pattern: usize,
    /// Most patterns are never found, so they are compiled when they are tried.
    regex: OnceLock<Option<Regex>>,
}

impl Texts {
    /// Makes the patterns of recipes ready.
    ///
    /// # Errors
    ///
    /// There are more texts than an automaton can have states, which takes gigabytes of recipes.
    pub(crate) fn of(recipes: &[Recipe]) -> Result<Self, aho_corasick::BuildError> {
        let mut entries = Vec::new();
        let (mut texts, mut patterns, mut always) = (Vec::new(), Vec::new(), Vec::new());
        for (recipe, it) in recipes.iter().enumerate() {
            for (line, it) in it.lines.iter().enumerate() {
                for (pattern, it) in it.patterns.iter().enumerate() {
                    match needles::of_pattern(&it.text) {
                        Some(found) => {
                            patterns.resize(patterns.len() + found.len(), entries.len());
                            texts.extend(found);
                        }
                        None => always.push(entries.len()),
                    }
                    let regex = OnceLock::new();
                    entries.push(Entry {
                        recipe,
                        line,
                        pattern,
                        regex,
                    });
                }
            }
        }
        let mut builder = AhoCorasick::builder();
        Ok(Self {
            needles: builder.ascii_case_insensitive(true).build(texts)?,
            patterns,
            always,
            entries,
        })
    }

    /// Patterns that can be in a text, in the order in which they count.
    fn candidates(&self, text: &[u8]) -> Vec<&Entry> {
        let found = self.needles.find_overlapping_iter(text);
        let numbers = found.map(|it| self.patterns[it.pattern().as_usize()]);
        let mut numbers: Vec<usize> = numbers.chain(self.always.iter().copied()).collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
            .into_iter()
            .map(|number| &self.entries[number])
            .collect()
    }
}

impl<'a> Reading<'a> {
    /// What a line says, or `None` where no recipe knows it.
    ///
    /// Where several lines of recipes fit, those of the container's own server stand before those of other recipes,
    /// and those of `any` come last; within a recipe the first counts. The same line always gives the same answer.
    /// Only the first 8 KiB are read. What a program wrote as a string of JSON or logfmt is read as it was before.
    pub fn line(&self, text: &str) -> Option<Said<'a>> {
        let text = &text.as_bytes()[..text.len().min(LONGEST_LINE)];
        let plain = unescaped(text);
        let plain = plain.as_deref().and_then(|plain| self.text(plain));
        plain.or_else(|| self.text(text))
    }

    fn text(&self, text: &[u8]) -> Option<Said<'a>> {
        let candidates = self.texts.candidates(text);
        let is_own = |entry: &&&Entry| Some(entry.recipe) == self.server;
        let own = candidates.iter().filter(is_own);
        let other = candidates.iter().filter(|entry| !is_own(entry));
        own.chain(other).find_map(|entry| self.said(entry, text))
    }

    fn said(&self, entry: &Entry, text: &[u8]) -> Option<Said<'a>> {
        let recipe = &self.recipes[entry.recipe];
        let line = &recipe.lines[entry.line];
        if line.by == By::Server && self.server != Some(entry.recipe) {
            return None;
        }
        let pattern = &line.patterns[entry.pattern];
        let regex = entry
            .regex
            .get_or_init(|| load::compile(&pattern.text).ok());
        Some(Said {
            says: line.says,
            recipe: &recipe.name,
            by: line.by,
            is_proven: line.proof == Proof::Live && entry.recipe >= self.own,
            pattern,
            captures: captures(line, regex.as_ref()?, text)?,
        })
    }
}

/// A text without the backslashes that a string of JSON needs before quotes, slashes and line ends (RFC 8259, section 7);
/// `None` where it has none of them.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let escaped = |at: usize| match (text.get(at)?, text.get(at + 1)?) {
        (b'\\', it @ (b'"' | b'/' | b'\'')) => Some(*it),
        (b'\\', b'n' | b'r' | b't') => Some(b' '),
        _ => None,
    };
    let mut plain = Vec::new();
    let mut at = 0;
    while at < text.len() {
        let byte = escaped(at);
        plain.push(byte.unwrap_or(text[at]));
        at += if byte.is_some() { 2 } else { 1 };
    }
    (plain.len() < text.len()).then_some(plain)
}

/// A word without the quote at its end that closes a string around it, and was opened before it.
fn without_end(word: &str) -> &str {
    let plain = word.trim_end_matches('\\');
    let closed = ['"', '\'', '`'].into_iter().find_map(|quote| {
        let rest = plain.strip_suffix(quote)?;
        (!rest.contains(quote)).then_some(rest)
    });
    closed.unwrap_or(plain).trim_end_matches('\\')
}

/// The captures of a line, or `None` where one that its word needs is not there.
fn captures(line: &Line, regex: &Regex, text: &[u8]) -> Option<BTreeMap<&'static str, String>> {
    let mut captures: BTreeMap<_, _> = line.captures.iter().cloned().collect();
    let found = regex.captures(text)?;
    for name in regex.capture_names().flatten() {
        if let (Some(value), Some(name)) = (found.name(name), line.says.capture(name)) {
            let value = String::from_utf8_lossy(value.as_bytes());
            captures.insert(name, without_end(&value).to_owned());
        }
    }
    let has_all = line.says.needs().iter().all(|it| captures.contains_key(it));
    has_all.then_some(captures)
}
