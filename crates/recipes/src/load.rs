//! From the text of a recipe to a [`Recipe`], with errors that show the place.

use std::collections::BTreeMap;
use std::fmt;

use bowline_model::nearest;
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde::de::{Deserializer, SeqAccess, Visitor};
use toml::Spanned;

use crate::recipe::{
    By, DataFolder, Line, Login, Matching, Pattern, Proof, Protocol, Recipe, ServerPort,
};
use crate::says::Says;

/// The most patterns that a user's own recipe may have: each may have to be tried on every line.
const MOST_PATTERNS: usize = 256;
/// The most memory that a pattern may take, in bytes. What repeats repetitions grows beyond any measure, and so does the
/// time that it takes to try it.
const LARGEST_PATTERN: usize = 128 * 1024;

/// The text of a recipe, with what it is called and where it is.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The recipe's name.
    pub name: &'a str,
    /// Path of its file, for messages.
    pub file: &'a str,
    /// What is in the file.
    pub text: &'a str,
}

impl Source<'_> {
    /// The most bytes that whoever reads a user's own recipe from a file takes; what is longer is [`Problem::TooLarge`].
    pub const LARGEST: usize = 64 * 1024;
    /// The most recipes that a user may add.
    pub const MOST: usize = 32;
}

/// Why a recipe cannot be used, and where to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct RecipeError {
    /// Path of the recipe's file.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1; it is 1 where only the line is known.
    pub column: usize,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong in a recipe.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// It is no TOML, or lacks a field, or has one too many.
    #[error("{0}")]
    Form(String),
    /// A line says something that is no word of the vocabulary.
    #[error("`{word}` is no word of the vocabulary; {}", meant(*.nearest))]
    UnknownWord {
        /// What it says.
        word: String,
        /// The word that was probably meant.
        nearest: Option<&'static str>,
    },
    /// A pattern is no regular expression.
    #[error("the pattern is no regular expression: {0}")]
    Pattern(String),
    /// A pattern takes too much memory.
    #[error("the pattern repeats too much; write fewer or smaller repetitions")]
    PatternTooLarge,
    /// A pattern finds the empty text, and so every line of every log.
    #[error("the pattern finds every line; write out a part of the text that you look for")]
    FindsEverything,
    /// A word has no such capture.
    #[error("lines that say `{says}` have no capture `{capture}`; {}", allowed(*.says))]
    UnknownCapture {
        /// The word.
        says: Says,
        /// The capture.
        capture: String,
    },
    /// A capture that every line of a word has is not there.
    #[error(
        "lines that say `{says}` need the capture `{capture}`; write `(?<{capture}>…)` around it, or set it under `captures`"
    )]
    CaptureMissing {
        /// The word.
        says: Says,
        /// The capture.
        capture: &'static str,
    },
    /// It is longer than anybody writes one.
    #[error(
        "a recipe may have {} bytes, and this one has more; split it, a folder for each",
        Source::LARGEST
    )]
    TooLarge,
    /// It has more patterns than may be tried on every line.
    #[error(
        "a recipe may have {MOST_PATTERNS} patterns, and this one has {found}; split it, a folder for each"
    )]
    TooManyPatterns {
        /// How many it has.
        found: usize,
    },
    /// There are more recipes than may be tried on every line.
    #[error(
        "there may be {} recipes of one's own, and this is one more; put some of them together",
        Source::MOST
    )]
    TooMany,
    /// There is a recipe of this name already, which cannot be replaced.
    #[error("the name `{0}` is taken; give the recipe another one")]
    NameTaken(String),
}

fn meant(nearest: Option<&str>) -> String {
    match nearest {
        Some(word) => format!("did you mean `{word}`?"),
        None => "docs/guide/recipes.md lists them".to_owned(),
    }
}

fn allowed(says: Says) -> String {
    let all: Vec<String> = [says.needs(), says.may_have()]
        .concat()
        .iter()
        .map(|capture| format!("`{capture}`"))
        .collect();
    if all.is_empty() {
        "they have none".to_owned()
    } else {
        format!("they have {}", all.join(", "))
    }
}

/// A recipe's file. The fields are those of [`Recipe`].
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    about: String,
    speaks: Option<Protocol>,
    #[serde(default, rename = "match")]
    matching: Matching,
    #[serde(default)]
    login: Vec<Login>,
    #[serde(default)]
    data: Vec<DataFolder>,
    #[serde(default)]
    port: Vec<ServerPort>,
    #[serde(default)]
    line: Vec<FileLine>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FileLine {
    says: Spanned<String>,
    by: By,
    #[serde(rename = "match")]
    patterns: Spanned<Patterns>,
    #[serde(default)]
    captures: BTreeMap<String, String>,
    #[serde(default)]
    proof: Proof,
    source: Option<String>,
}

/// One pattern, or several in a list, each with where it begins if that is known.
struct Patterns(Vec<(Option<usize>, String)>);

impl<'de> Deserialize<'de> for Patterns {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrMany;
        impl<'de> Visitor<'de> for OneOrMany {
            type Value = Patterns;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a pattern or a list of patterns")
            }

            fn visit_str<E>(self, text: &str) -> Result<Patterns, E> {
                Ok(Patterns(vec![(None, text.to_owned())]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Patterns, A::Error> {
                let mut patterns = Vec::new();
                while let Some(pattern) = list.next_element::<Spanned<String>>()? {
                    patterns.push((Some(pattern.span().start), pattern.into_inner()));
                }
                Ok(Patterns(patterns))
            }
        }
        deserializer.deserialize_any(OneOrMany)
    }
}

/// Reads a recipe without trying its patterns; [`check`] does that.
pub(crate) fn parse(source: Source<'_>) -> Result<Recipe, RecipeError> {
    let file: File = toml::from_str(source.text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        // The second line of a message says what was expected; on one line it is still a sentence.
        let message = error.message().trim().replace('\n', ", ");
        error_at(source, at, Problem::Form(message))
    })?;
    let lines = file.line.into_iter().map(|line| read_line(source, line));
    Ok(Recipe {
        name: source.name.to_owned(),
        about: file.about,
        matching: file.matching,
        logins: file.login,
        data: file.data,
        ports: file.port,
        speaks: file.speaks,
        lines: lines.collect::<Result<_, _>>()?,
    })
}

fn read_line(source: Source<'_>, line: FileLine) -> Result<Line, RecipeError> {
    let at = line.says.span().start;
    let word = line.says.into_inner();
    let says = Says::of(&word).ok_or_else(|| {
        let nearest = nearest(&word, Says::ALL.iter().map(|says| says.word()));
        error_at(source, at, Problem::UnknownWord { word, nearest })
    })?;
    let mut captures = Vec::new();
    for (capture, value) in line.captures {
        let name = says
            .capture(&capture)
            .ok_or_else(|| error_at(source, at, Problem::UnknownCapture { says, capture }))?;
        captures.push((name, value));
    }
    let whole = line.patterns.span().start;
    let patterns = line.patterns.into_inner().0.into_iter();
    let patterns = patterns
        .map(|(at, text)| Pattern {
            text,
            line: position(source.text, at.unwrap_or(whole)).0,
        })
        .collect();
    Ok(Line {
        says,
        by: line.by,
        patterns,
        captures,
        proof: line.proof,
        source: line.source,
    })
}

/// Reads a recipe of a user's own, which has no more patterns than somebody writes, and tries them.
pub(crate) fn parse_own(source: Source<'_>) -> Result<Recipe, RecipeError> {
    let recipe = parse(source)?;
    let found = recipe.lines.iter().map(|line| line.patterns.len()).sum();
    if found > MOST_PATTERNS {
        return Err(error_at(source, 0, Problem::TooManyPatterns { found }));
    }
    check(source, &recipe)?;
    Ok(recipe)
}

/// Tries every pattern of a recipe.
pub(crate) fn check(source: Source<'_>, recipe: &Recipe) -> Result<(), RecipeError> {
    for line in &recipe.lines {
        for pattern in &line.patterns {
            check_pattern(line, pattern).map_err(|problem| RecipeError {
                file: source.file.to_owned(),
                line: pattern.line,
                column: 1,
                problem,
            })?;
        }
    }
    Ok(())
}

fn check_pattern(line: &Line, pattern: &Pattern) -> Result<(), Problem> {
    let says = line.says;
    let regex = compile(&pattern.text).map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => Problem::PatternTooLarge,
        error => Problem::Pattern(reason(&error)),
    })?;
    if regex.is_match(b"") {
        return Err(Problem::FindsEverything);
    }
    let named = || regex.capture_names().flatten();
    if let Some(capture) = named().find(|name| says.capture(name).is_none()) {
        let capture = capture.to_owned();
        return Err(Problem::UnknownCapture { says, capture });
    }
    let is_there = |needed: &&'static str| {
        named().any(|name| name == *needed) || line.captures.iter().any(|(name, _)| name == needed)
    };
    match says.needs().iter().find(|needed| !is_there(needed)) {
        Some(capture) => Err(Problem::CaptureMissing { says, capture }),
        None => Ok(()),
    }
}

/// Compiles a pattern. Bytes and ASCII keep the automata small; a log is not always UTF-8 either.
pub(crate) fn compile(pattern: &str) -> Result<Regex, regex::Error> {
    RegexBuilder::new(pattern)
        .unicode(false)
        .size_limit(LARGEST_PATTERN)
        .build()
}

/// What the library says is wrong, without its drawing of the place.
fn reason(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

pub(crate) fn error_at(source: Source<'_>, offset: usize, problem: Problem) -> RecipeError {
    let (line, column) = position(source.text, offset);
    RecipeError {
        file: source.file.to_owned(),
        line,
        column,
        problem,
    }
}

/// Line and column of an offset in bytes, both from 1.
fn position(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.matches('\n').count() + 1;
    (line, before[line_start..].chars().count() + 1)
}
