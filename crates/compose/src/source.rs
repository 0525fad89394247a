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
    text: String,
    /// Offsets at which lines begin.
    lines: Vec<usize>,
}

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
    /// Takes a text in and returns the number by which spans refer to it.
    pub(crate) fn add(&mut self, name: &str, text: String) -> u32 {
        let lines = std::iter::once(0)
            .chain(text.match_indices('\n').map(|(at, _)| at + 1))
            .collect();
        let below = name
            .strip_prefix(self.current_dir.as_str())
            .and_then(|rest| rest.strip_prefix('/'));
        let name = below
            .filter(|_| !self.current_dir.is_empty())
            .unwrap_or(name);
        self.sources.push(Source {
            name: name.into(),
            text,
            lines,
        });
        u32::try_from(self.sources.len() - 1).unwrap_or(u32::MAX)
    }

    /// Returns a loaded text.
    pub(crate) fn text(&self, file: u32) -> &str {
        self.sources
            .get(file as usize)
            .map_or("", |source| source.text.as_str())
    }

    /// Returns where a span begins.
    pub(crate) fn place(&self, span: Span) -> Option<Place> {
        let source = self.sources.get(span.file as usize)?;
        let start = floor_boundary(&source.text, span.start as usize);
        let line = source
            .lines
            .partition_point(|begin| *begin <= start)
            .saturating_sub(1);
        let column = source.text[source.lines[line]..start].chars().count();
        Some(Place {
            file: source.name.clone(),
            line: u32::try_from(line + 1).ok()?,
            column: u32::try_from(column + 1).ok()?,
        })
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
