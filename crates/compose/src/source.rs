//! The texts that were loaded, and places in them.

use std::fmt;
use std::sync::Arc;

use bowline_model::Place;

/// A range of bytes in one of the loaded [`Sources`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Span {
    pub(crate) file: u32,
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    /// The place of what no file holds: values that the loader made itself.
    pub(crate) const NOWHERE: Span = Span {
        file: u32::MAX,
        start: 0,
        end: 0,
    };

    /// Tells whether this is a place in a file.
    pub(crate) fn is_somewhere(self) -> bool {
        self.file != u32::MAX
    }
}

/// One loaded text.
pub(crate) struct Source {
    name: Arc<str>,
    text: Arc<str>,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
    /// How many characters stand before every [`STRIDE`]th byte.
    characters: Vec<usize>,
}

/// How far apart the counts of characters are, so that the column of a value in a long line is found at once.
const STRIDE: usize = 256;

impl fmt::Debug for Source {
    /// Names the text without showing it: it may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.text.len())
    }
}

/// All texts that took part in loading a project, kept so that errors can show the user's own lines.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    pub(crate) sources: Vec<Source>,
    /// The folder in which the user stands; files below it are named from there.
    pub(crate) current_dir: String,
}

/// A line of the user's text with the part of it that is meant.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excerpt<'a> {
    pub(crate) place: Place,
    pub(crate) line: &'a str,
    /// How many characters are meant, from the place's column on; at least 1.
    pub(crate) width: usize,
}

impl Sources {
    /// Takes a text in and returns the number by which spans refer to it. A file that takes part twice is one
    /// text, so that what is said about it is said once.
    pub(crate) fn add(&mut self, name: &str, text: String) -> u32 {
        let known =
            |source: &Source| *source.name == *self.shown_name(name) && *source.text == *text;
        if let Some(number) = self.sources.iter().position(known) {
            return u32::try_from(number).unwrap_or(u32::MAX);
        }
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let chunks = text.as_bytes().chunks(STRIDE).chain([&[][..]]);
        let characters = chunks.scan(0, |count, chunk| {
            Some(std::mem::replace(count, *count + characters(chunk)))
        });
        self.sources.push(Source {
            name: self.shown_name(name).into(),
            characters: characters.collect(),
            lines,
            text: text.into(),
        });
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    /// The span of a line, the space before and behind it left out.
    pub(crate) fn line(&self, file: u32, line: usize) -> Span {
        let source = &self.sources[file as usize];
        let start = source.lines.get(line.saturating_sub(1)).copied();
        let start = start.unwrap_or(source.text.len());
        let line = source.text[start..].lines().next().unwrap_or("");
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Span {
            file,
            start: offset(start + line.len() - line.trim_start().len()),
            end: offset(start + line.len()),
        }
    }

    /// The name of a file as the user would write it: files below the current folder are named from there.
    pub(crate) fn shown_name<'a>(&self, path: &'a str) -> &'a str {
        let below = path
            .strip_prefix(self.current_dir.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        below
            .filter(|_| !self.current_dir.is_empty())
            .unwrap_or(path)
    }

    /// Returns a loaded text.
    pub(crate) fn text(&self, file: u32) -> Arc<str> {
        let source = self.sources.get(file as usize);
        source.map_or_else(|| "".into(), |source| Arc::clone(&source.text))
    }

    /// Returns where a span begins.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let source = self.sources.get(span.file as usize)?;
        let start = floor_boundary(&source.text, span.start as usize);
        let line = source
            .lines
            .partition_point(|begin| *begin <= start)
            .saturating_sub(1);
        let column = source.characters_before(start) - source.characters_before(source.lines[line]);
        Some(Place {
            file: source.name.clone(),
            line: u32::try_from(line + 1).ok()?,
            column: u32::try_from(column + 1).ok()?,
        })
    }

    /// Returns the lines before the one on which a span begins, the closest first.
    pub(crate) fn lines_before(&self, span: Span) -> impl Iterator<Item = &str> {
        let source = self.sources.get(span.file as usize);
        let above = source.map_or("", |source| {
            let start = floor_boundary(&source.text, span.start as usize);
            let begin = source.text[..start].rfind('\n').unwrap_or(0);
            &source.text[..begin]
        });
        above.rsplit('\n')
    }

    /// Returns the line on which a span begins, with the width of what it covers there.
    pub(crate) fn excerpt(&self, span: Span) -> Option<Excerpt<'_>> {
        let place = self.place(span)?;
        let source = &self.sources[span.file as usize];
        let begin = source.lines[place.line as usize - 1];
        let line = source.text[begin..]
            .split(['\n', '\r'])
            .next()
            .unwrap_or("");
        let start = floor_boundary(&source.text, span.start as usize);
        let end =
            floor_boundary(&source.text, (span.end as usize).min(begin + line.len())).max(start);
        let width = source.text[start..end].trim_end().chars().count().max(1);
        Some(Excerpt { place, line, width })
    }
}

impl Source {
    fn characters_before(&self, at: usize) -> usize {
        let chunk = at / STRIDE;
        let before = self.characters.get(chunk).copied().unwrap_or(0);
        before + characters(&self.text.as_bytes()[chunk * STRIDE..at])
    }
}

/// Counts the characters that begin in these bytes of UTF-8.
fn characters(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte & 0xc0 != 0x80).count()
}

fn floor_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_count_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("compose.yaml", "a: 1\nbäh: två\n".to_owned());
        let span = Span {
            file,
            start: 11,
            end: 15,
        };

        let excerpt = sources.excerpt(span).expect("the span is in the file");

        assert_eq!(excerpt.place.to_string(), "compose.yaml:2:6");
        assert_eq!((excerpt.line, excerpt.width), ("bäh: två", 3));
    }
}
