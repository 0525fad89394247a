//! Reading a log with the words of the recipes.
//!
//! One automaton over all patterns says in one pass which of them a line has; only those are then asked for their
//! captures. It takes time in proportion to the text, whatever the text is: the crate `regex` never goes back.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::OnceLock;

use regex::bytes::{Regex, RegexSet, RegexSetBuilder};

use crate::load;
use crate::recipe::{By, Line, Pattern, Proof, Recipe};
use crate::says::Says;

/// Bytes of a line that are read; what is behind them says nothing.
const LONGEST_LINE: usize = 8 * 1024;
/// Bytes that the automaton of all patterns may take, compiled and while it runs.
const AUTOMATON_BYTES: usize = 64 * 1024 * 1024;

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
    /// How its text is known.
    pub proof: Proof,
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
    /// Number of the recipe of the server that runs in the container.
    pub(crate) server: Option<usize>,
}

/// All patterns of all recipes, ready to be used.
#[derive(Debug)]
pub(crate) struct Texts {
    all: RegexSet,
    /// In the order of `all`.
    entries: Vec<Entry>,
}

/// A pattern, by the numbers of its recipe, its line and itself.
#[derive(Debug)]
struct Entry {
    recipe: usize,
    line: usize,
    pattern: usize,
    /// Most patterns are never found, so they are compiled when they are.
    regex: OnceLock<Option<Regex>>,
}

impl Texts {
    /// Compiles the patterns of recipes, the stronger recipe first.
    pub(crate) fn of(recipes: &[Recipe]) -> Result<Self, regex::Error> {
        let mut entries = Vec::new();
        let mut patterns = Vec::new();
        for (recipe, it) in recipes.iter().enumerate() {
            for (line, it) in it.lines.iter().enumerate() {
                for (pattern, it) in it.patterns.iter().enumerate() {
                    patterns.push(it.text.as_str());
                    entries.push(Entry {
                        recipe,
                        line,
                        pattern,
                        regex: OnceLock::new(),
                    });
                }
            }
        }
        let all = RegexSetBuilder::new(patterns)
            .unicode(false)
            .size_limit(AUTOMATON_BYTES)
            .dfa_size_limit(AUTOMATON_BYTES)
            .build()?;
        Ok(Self { all, entries })
    }
}

impl<'a> Reading<'a> {
    /// What a line says, or `None` where no recipe knows it.
    ///
    /// Where several lines of recipes fit, those of the container's own server stand before those of other recipes,
    /// and those of `any` come last; within a recipe the first counts. The same line always gives the same answer.
    /// Only the first 8 KiB are read.
    pub fn line(&self, text: &str) -> Option<Said<'a>> {
        let text = &text.as_bytes()[..text.len().min(LONGEST_LINE)];
        let found = self.texts.all.matches(text);
        if !found.matched_any() {
            return None;
        }
        let is_own = |entry: &&Entry| Some(entry.recipe) == self.server;
        let entries = || found.iter().map(|number| &self.texts.entries[number]);
        let own = entries().filter(is_own);
        let other = entries().filter(|entry| !is_own(entry));
        own.chain(other).find_map(|entry| self.said(entry, text))
    }

    fn said(&self, entry: &'a Entry, text: &[u8]) -> Option<Said<'a>> {
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
            proof: line.proof,
            pattern,
            captures: captures(line, regex.as_ref()?, text)?,
        })
    }
}

/// The captures of a line, or `None` where one that its word needs is not there.
fn captures(line: &Line, regex: &Regex, text: &[u8]) -> Option<BTreeMap<&'static str, String>> {
    let mut captures: BTreeMap<_, _> = line.captures.iter().cloned().collect();
    let found = regex.captures(text)?;
    for name in regex.capture_names().flatten() {
        if let (Some(value), Some(name)) = (found.name(name), line.says.capture(name)) {
            let value = String::from_utf8_lossy(value.as_bytes());
            captures.insert(name, Cow::into_owned(value));
        }
    }
    let has_all = line.says.needs().iter().all(|it| captures.contains_key(it));
    has_all.then_some(captures)
}
