//! Says in words what is wrong with a text that is not YAML, where that began, and what to do.
//!
//! The parser stops where nothing can follow any more; the slip is often lines above. So each kind of error is
//! looked at again here, as a person would: which line is indented like none above, which quote or bracket
//! was not closed, which key has no colon. Values are never repeated: they may be secret.

use granit_parser::{ErrorKind, ScanError};

use crate::problem::Mistake;
use crate::source::Span;

/// What there is to say about a syntax error.
#[derive(Debug)]
pub(crate) struct Explained {
    pub(crate) mistake: Mistake,
    pub(crate) hints: Vec<String>,
    pub(crate) span: Span,
}

/// Explains an error of the parser; `opened` are the collections around it, the innermost first.
pub(crate) fn explain(text: &str, error: &ScanError, opened: &[Span]) -> Explained {
    let at = error.marker();
    let at = at.byte_offset().unwrap_or_else(|| at.index());
    let page = Page::new(text, at);
    page.conflict()
        .or_else(|| page.by_kind(error.kind(), opened))
        .unwrap_or_else(|| page.say(page.at, 1, error.info().clone(), None))
}

/// A text that could not be parsed, and where the parser stopped.
struct Page<'a> {
    text: &'a str,
    at: usize,
    lines: Vec<Line<'a>>,
    /// The line on which the parser stopped, counted from 0.
    here: usize,
}

#[derive(Clone, Copy)]
struct Line<'a> {
    start: usize,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn trimmed(self) -> &'a str {
        self.text.trim()
    }

    fn indent(self) -> usize {
        self.text.len() - self.text.trim_start().len()
    }

    fn is_blank(self) -> bool {
        self.trimmed().is_empty() || self.trimmed().starts_with('#')
    }

    /// What stands behind the dashes of list entries.
    fn entry(self) -> &'a str {
        self.trimmed().trim_start_matches("- ").trim_start()
    }

    /// The key at the beginning of the line and what stands behind its colon.
    fn key(self) -> Option<(&'a str, &'a str)> {
        let entry = self.entry();
        let colon = entry
            .match_indices(':')
            .map(|(at, _)| at)
            .find(|at| entry[at + 1..].is_empty() || entry[at + 1..].starts_with([' ', '\t']))?;
        let is_key = !entry.starts_with(['"', '\'', '[', '{', '#', '&', '*', '|', '>']);
        is_key.then(|| (&entry[..colon], entry[colon + 1..].trim()))
    }
}

impl<'a> Page<'a> {
    fn new(text: &'a str, at: usize) -> Self {
        let mut at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let mut start = 0;
        let mut lines: Vec<Line<'a>> = Vec::new();
        for line in text.split('\n') {
            let whole = line.len() + 1;
            let text = line.strip_suffix('\r').unwrap_or(line);
            lines.push(Line { start, text });
            start += whole;
        }
        let here = lines.partition_point(|line| line.start <= at) - 1;
        Self {
            text,
            at,
            lines,
            here,
        }
    }

    fn say(
        &self,
        start: usize,
        width: usize,
        reason: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) -> Explained {
        let offset = |at: usize| u32::try_from(at.min(self.text.len())).unwrap_or(u32::MAX);
        Explained {
            mistake: Mistake::Syntax {
                reason: reason.into(),
            },
            hints: hint.into().into_iter().collect(),
            span: Span {
                file: 0,
                start: offset(start),
                end: offset(start + width),
            },
        }
    }

    /// Speaks about a line, from its first character to its last.
    fn say_line(
        &self,
        index: usize,
        reason: impl Into<String>,
        hint: impl Into<Option<String>>,
    ) -> Explained {
        let line = self.lines[index];
        let start = line.start + line.indent();
        self.say(start, line.trimmed().len(), reason, hint)
    }

    /// Marks of a merge that nobody finished.
    fn conflict(&self) -> Option<Explained> {
        let marks = ["<<<<<<< ", ">>>>>>> "];
        let index = self
            .lines
            .iter()
            .position(|line| marks.iter().any(|mark| line.text.starts_with(mark)))?;
        let hint = "keep one side of it, and remove the lines with the marks".to_owned();
        Some(self.say_line(index, "a merge conflict was left in the file", hint))
    }

    fn by_kind(&self, kind: &ErrorKind, opened: &[Span]) -> Option<Explained> {
        match kind {
            ErrorKind::UnknownAnchor => Some(self.anchor()),
            ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabAtBlockScalarStart
            | ErrorKind::TabNotAllowed => self.tab(),
            ErrorKind::UnclosedQuotedScalar
            | ErrorKind::InvalidQuotedScalarIndent
            | ErrorKind::DocumentIndicatorInQuotedScalar => Some(self.quote()),
            ErrorKind::InvalidTrailingSingleQuotedScalar
            | ErrorKind::InvalidTrailingDoubleQuotedScalar => Some(self.behind_quote(opened)),
            ErrorKind::UnknownQuotedScalarEscape
            | ErrorKind::InvalidQuotedScalarHexEscape
            | ErrorKind::InvalidUnicodeEscape => Some(self.escape()),
            ErrorKind::UnexpectedCharacter { character } => Some(self.character(*character)),
            ErrorKind::MisplacedFlowCollectionEnd => Some(self.say(
                self.at,
                1,
                "this bracket closes nothing",
                "remove it, or add the bracket that it closes".to_owned(),
            )),
            ErrorKind::MismatchedFlowCollectionEnd { open, close } => Some(self.say(
                self.at,
                1,
                format!("`{open}` cannot be closed by `{close}`"),
                None,
            )),
            ErrorKind::UnclosedFlowCollection { open } => {
                Some(self.say(self.at, 1, not_closed(*open), Some(close(*open))))
            }
            ErrorKind::RecursionLimitExceeded => Some(Explained {
                mistake: Mistake::NestedTooDeep {
                    limit: crate::yaml::DEPTH_LIMIT,
                },
                ..self.say(self.at, 1, "", None)
            }),
            ErrorKind::BlockSequenceEntryNotAllowed => Some(self.say(
                self.at,
                1,
                "a list cannot begin on the line of its key",
                "begin it on the next line, or write it as `[one, two]`".to_owned(),
            )),
            ErrorKind::ExpectedBlockMappingKey
            | ErrorKind::ExpectedBlockSequenceEntry
            | ErrorKind::ExpectedDocumentStart
            | ErrorKind::ExpectedFlowMappingSeparator
            | ErrorKind::ExpectedFlowSequenceSeparator
            | ErrorKind::InvalidBlockScalarIndent
            | ErrorKind::InvalidColonPlacement
            | ErrorKind::InvalidFlowScalarIndent
            | ErrorKind::InvalidIndentation
            | ErrorKind::InvalidSimpleKey
            | ErrorKind::MappingKeyNotAllowed
            | ErrorKind::MappingValueNotAllowed
            | ErrorKind::SimpleKeyExpected => self.structure(opened),
            _ => None,
        }
    }

    /// Something that does not fit into what is around it: a bracket, a text of several lines, a colon, or the
    /// indentation.
    fn structure(&self, opened: &[Span]) -> Option<Explained> {
        self.bracket(opened)
            .or_else(|| self.block_text())
            .or_else(|| self.second_colon())
            .or_else(|| self.missing_colon())
            .or_else(|| self.other_kind_of_entry())
            .or_else(|| self.indentation())
    }

    fn anchor(&self) -> Explained {
        let name = self.text[self.at..].strip_prefix('*').unwrap_or_default();
        let end = name.find(|c: char| c.is_whitespace() || ",]}".contains(c));
        let name = &name[..end.unwrap_or(name.len())];
        Explained {
            mistake: Mistake::UnknownAnchor {
                name: name.to_owned(),
            },
            ..self.say(self.at, 1 + name.len(), "", None)
        }
    }

    fn character(&self, found: char) -> Explained {
        let (reason, hint) = if found.is_control() {
            let reason = format!("the control character U+{:04X}", u32::from(found));
            (
                reason,
                "remove it; in double quotes it can be written as an escape such as `\\x7F`",
            )
        } else if found == '`' {
            let reason = "a value cannot begin with a backtick".to_owned();
            (reason, "put the value in quotes")
        } else {
            let reason = format!("a value cannot begin with `{found}`");
            (reason, "put the value in quotes")
        };
        self.say(self.at, 1, reason, hint.to_owned())
    }

    fn tab(&self) -> Option<Explained> {
        let (index, line) = (self.here..self.lines.len())
            .map(|index| (index, self.lines[index]))
            .find(|(_, line)| line.text[..line.indent()].contains('\t'))?;
        let at = line.text.find('\t')?;
        let tabs = line.text[at..].len() - line.text[at..].trim_start_matches('\t').len();
        let mut said = self.say_line(
            index,
            "a tab cannot indent YAML",
            Some("replace it with spaces".to_owned()),
        );
        said.span = self.say(line.start + at, tabs, "", None).span;
        Some(said)
    }

    /// The quote that was never closed: on the closest line that holds an odd number of its kind.
    fn quote(&self) -> Explained {
        let began = (0..=self.here).rev().find_map(|index| {
            let line = self.lines[index];
            let odd = |quote: &char| line.text.matches(*quote).count() % 2 == 1;
            let quote = ['"', '\''].into_iter().find(odd)?;
            Some(line.start + line.text.rfind(quote)?)
        });
        let hint = "add the same quote where the value ends".to_owned();
        self.say(
            began.unwrap_or(self.at),
            1,
            "this quote is not closed",
            hint,
        )
    }

    fn behind_quote(&self, opened: &[Span]) -> Explained {
        let is_inside = opened
            .first()
            .is_some_and(|span| self.text[span.start as usize..].starts_with(['[', '{']));
        let hint = if is_inside {
            "separate the entries with commas"
        } else {
            "put the whole value in quotes; inside `'…'` a quote is written `''`, inside `\"…\"` it is `\\\"`"
        };
        let reason = "nothing can follow behind the closing quote of a value";
        self.say(self.at, 1, reason, hint.to_owned())
    }

    fn escape(&self) -> Explained {
        let mut at = self.at;
        let mut rest = self.text[self.at..].char_indices();
        while let Some((offset, c)) = rest.next() {
            if c == '\\'
                && rest
                    .next()
                    .is_none_or(|(_, c)| !"0abtnvfre \"/\\N_LP\t\r\n".contains(c))
            {
                at += offset;
                break;
            }
        }
        let hint = "write `\\\\` for a backslash, or put the value in single quotes".to_owned();
        self.say(
            at,
            2,
            "this is no escape that YAML knows in double quotes",
            hint,
        )
    }

    /// A bracket that was opened on a line before, or a comma that is missing on this one.
    fn bracket(&self, opened: &[Span]) -> Option<Explained> {
        let began = opened.first()?.start as usize;
        let open = self.text[began..].chars().next()?;
        if !matches!(open, '[' | '{') || began > self.at {
            return None;
        }
        if began < self.lines[self.here].start {
            return Some(self.say(began, 1, not_closed(open), Some(close(open))));
        }
        let hint = format!("separate the entries with commas, or {}", close(open));
        Some(self.say(self.at, 1, "this does not fit between the brackets", hint))
    }

    /// A line of a text begun with `|` or `>` that is indented less than the text.
    fn block_text(&self) -> Option<Explained> {
        let line = self.lines[self.here];
        let header = (0..self.here).rev().find(|index| {
            !self.lines[*index].is_blank() && self.lines[*index].indent() < line.indent()
        })?;
        let (_, value) = self.lines[header].key()?;
        let signs = value.strip_prefix(['|', '>'])?;
        if !signs.chars().all(|c| "+-0123456789".contains(c)) {
            return None;
        }
        let first = self.lines[header + 1..]
            .iter()
            .find(|line| !line.trimmed().is_empty())?;
        let hint = format!(
            "indent every line of it by at least {}, like its first line",
            spaces(first.indent())
        );
        let reason = format!(
            "wrong indentation: this line does not reach the text that begins below line {}",
            header + 1
        );
        Some(self.say_line(self.here, reason, hint))
    }

    /// A value that holds a colon with a space behind it.
    fn second_colon(&self) -> Option<Explained> {
        let line = self.lines[self.here];
        let (key, value) = line.key()?;
        let behind = line.start + line.text.find(key)? + key.len();
        if self.at <= behind || value.starts_with(['"', '\'']) {
            return None;
        }
        let reason = "a value cannot contain a colon and a space, unless it is in quotes";
        Some(self.say(
            self.at,
            1,
            reason,
            "put the whole value in quotes".to_owned(),
        ))
    }

    /// A line above that should be a key and has no colon, or no space behind it.
    fn missing_colon(&self) -> Option<Explained> {
        let here = self.lines[self.here];
        let index = (0..self.here)
            .rev()
            .find(|index| !self.lines[*index].is_blank())?;
        let line = self.lines[index];
        if line.key().is_some() || line.trimmed().starts_with("- ") || line.indent() > here.indent()
        {
            return None;
        }
        let word = line.trimmed();
        let is_word = |text: &str| {
            !text.is_empty()
                && text
                    .chars()
                    .all(|c| c.is_alphanumeric() || "_-.".contains(c))
        };
        let (key, reason) = match word.split_once([':', ' ']) {
            Some((key, _)) if word[key.len()..].starts_with(':') => {
                (key, "the space behind the colon is missing")
            }
            Some((key, _)) => (key, "the colon behind the key is missing"),
            None => (word, "the colon behind the key is missing"),
        };
        if !is_word(key) {
            return None;
        }
        Some(self.say_line(index, reason, format!("write `{key}: …`")))
    }

    /// A list entry among keys, or a key among list entries.
    fn other_kind_of_entry(&self) -> Option<Explained> {
        let line = self.lines[self.here];
        let above = (0..self.here)
            .rev()
            .map(|index| (index, self.lines[index]))
            .find(|(_, above)| !above.is_blank() && above.indent() <= line.indent())?;
        if above.1.indent() != line.indent() {
            return None;
        }
        let is_entry = |line: Line<'_>| line.trimmed() == "-" || line.trimmed().starts_with("- ");
        let number = above.0 + 1;
        let (reason, hint) = match (is_entry(above.1), is_entry(line)) {
            (true, false) => (
                format!("this is no list entry, as line {number} is"),
                "begin it with `- `, or indent it to belong to the entry above",
            ),
            (false, true) => (
                format!("this is a list entry, and line {number} is none"),
                "write all of them as `key: value`, or all as `- key=value`",
            ),
            _ => return None,
        };
        Some(self.say_line(self.here, reason, hint.to_owned()))
    }

    /// A line that is indented like none above that it could belong to.
    fn indentation(&self) -> Option<Explained> {
        let line = self.lines[self.here];
        let mut around: Vec<(usize, usize)> = Vec::new();
        for index in (0..self.here)
            .rev()
            .filter(|index| !self.lines[*index].is_blank())
        {
            let indent = self.lines[index].indent();
            if around.last().is_none_or(|(_, inner)| indent < *inner) {
                around.push((index, indent));
            }
        }
        let (above, inner) = *around.first()?;
        let deeper = line.indent() > inner
            && self.lines[above]
                .key()
                .is_some_and(|(_, value)| !value.is_empty());
        if !deeper && around.iter().any(|(_, indent)| *indent == line.indent()) {
            return None;
        }
        let reason = format!(
            "wrong indentation: this line is indented by {}",
            spaces(line.indent())
        );
        let fits: Vec<String> = around
            .iter()
            .take(if deeper { 1 } else { 3 })
            .map(|(index, indent)| format!("line {} ({})", index + 1, spaces(*indent)))
            .collect();
        let hint = format!("indent it like {}", fits.join(" or "));
        Some(self.say_line(self.here, reason, hint))
    }
}

fn spaces(count: usize) -> String {
    match count {
        1 => "1 space".to_owned(),
        count => format!("{count} spaces"),
    }
}

fn not_closed(open: char) -> String {
    format!("`{open}` is not closed")
}

fn close(open: char) -> String {
    format!("close it with `{}`", if open == '[' { ']' } else { '}' })
}
