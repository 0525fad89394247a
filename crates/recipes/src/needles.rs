//! The texts that a pattern cannot do without.
//!
//! A log has thousands of lines, the recipes have hundreds of patterns, and nearly no line has any of them. One automaton
//! looks for a fixed text of every pattern at once, in any case of letters; only where it finds one is the pattern itself
//! tried. So a line costs what its length costs, however many recipes there are.

use regex_syntax::ParserBuilder;
use regex_syntax::hir::{Class, Hir, HirKind};

/// Texts shorter than this are in too many lines.
const SHORTEST: usize = 3;

/// Texts of which one is in whatever the pattern finds, in small letters; `None` where there is no such text.
pub(crate) fn of_pattern(pattern: &str) -> Option<Vec<Vec<u8>>> {
    let mut parser = ParserBuilder::new().unicode(false).utf8(false).build();
    let hir = parser.parse(pattern).ok()?;
    best(of(&hir))
}

/// Texts of which one is in whatever `hir` finds. An empty list says that nothing is known.
fn of(hir: &Hir) -> Vec<Vec<u8>> {
    match hir.kind() {
        HirKind::Literal(literal) => vec![literal.0.to_ascii_lowercase()],
        HirKind::Capture(capture) => of(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => of(&repetition.sub),
        HirKind::Concat(parts) => of_concat(parts),
        HirKind::Alternation(branches) => {
            let branches: Vec<_> = branches.iter().map(of).collect();
            if branches.iter().any(Vec::is_empty) {
                return Vec::new();
            }
            branches.concat()
        }
        _ => Vec::new(),
    }
}

/// The best of what the parts one after the other have; letters whose case does not matter are put together again.
fn of_concat(parts: &[Hir]) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut run = Vec::new();
    for part in parts {
        match (part.kind(), letter(part)) {
            (HirKind::Literal(literal), _) => run.extend(literal.0.to_ascii_lowercase()),
            (_, Some(letter)) => run.push(letter),
            _ => {
                found.push(vec![std::mem::take(&mut run)]);
                found.push(of(part));
            }
        }
    }
    found.push(vec![run]);
    found
        .into_iter()
        .max_by_key(|it| worth(it))
        .unwrap_or_default()
}

/// The small letter that a class of a letter in both cases stands for.
fn letter(hir: &Hir) -> Option<u8> {
    let HirKind::Class(Class::Bytes(class)) = hir.kind() else {
        return None;
    };
    let mut bytes = class.iter().flat_map(|range| range.start()..=range.end());
    let (one, other, more) = (bytes.next()?, bytes.next()?, bytes.next());
    (more.is_none() && one.eq_ignore_ascii_case(&other)).then(|| one.to_ascii_lowercase())
}

/// How much a list helps: as much as its shortest text.
fn worth(texts: &[Vec<u8>]) -> usize {
    texts.iter().map(Vec::len).min().unwrap_or(0)
}

fn best(texts: Vec<Vec<u8>>) -> Option<Vec<Vec<u8>>> {
    (worth(&texts) >= SHORTEST).then_some(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pattern: &str) -> Option<Vec<String>> {
        let texts = of_pattern(pattern)?;
        Some(
            texts
                .into_iter()
                .map(|it| String::from_utf8(it).unwrap())
                .collect(),
        )
    }

    /// What `of_pattern` should answer; an empty list is none.
    fn texts(list: &[&str]) -> Option<Vec<String>> {
        (!list.is_empty()).then(|| list.iter().map(|it| (*it).to_owned()).collect())
    }

    #[test]
    fn the_longest_text_that_must_be_there_is_found_whatever_stands_around_it() {
        for (pattern, wanted) in [
            ("plain text", texts(&["plain text"])),
            (
                r#"role "(?<user>[^"]+)" does not exist"#,
                texts(&["\" does not exist"]),
            ),
            ("(?i)Too Many Open Files", texts(&["too many open files"])),
            ("(?:refused|timed out)", texts(&["refused", "timed out"])),
            ("a?b*(?:cdef)+x", texts(&["cdef"])),
            (
                r"^\d+ (?<x>ready|(?:not )started) \d+$",
                texts(&["ready", "not started"]),
            ),
            // Either branch, or nothing, can be there.
            ("(?:refused|\\d+)", texts(&[])),
            ("(?:optional)?", texts(&[])),
            ("ab", texts(&[])),
            (r"\w+ \S+", texts(&[])),
        ] {
            assert_eq!(shown(pattern), wanted, "{pattern}");
        }
    }
}
