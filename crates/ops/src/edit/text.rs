//! Changes of a text: where one could be made, and how it is shown. Pure.

use std::ops::Range;

use bowline_model::{LineChange, MASK, Place, Secret, mask_line};

/// How far behind the place of a setting its words are looked for, in bytes.
const REACH: usize = 16 << 10;

/// As many places are tried.
const MOST: usize = 40;

/// The offset of a place.
pub(super) fn offset(text: &str, place: &Place) -> Option<usize> {
    let before: usize = text
        .split_inclusive('\n')
        .take(place.line as usize - 1)
        .map(str::len)
        .sum();
    let line = text.get(before..)?;
    let column = line.char_indices().nth(place.column as usize - 1);
    Some(before + column.map_or(line.len(), |(at, _)| at))
}

/// A text with one piece of it changed.
pub(super) fn with(text: &str, span: Range<usize>, new: &str) -> String {
    let mut edited = text.to_owned();
    edited.replace_range(span, new);
    edited
}

/// Where a piece stands in a text, from a place on.
pub(super) fn places(text: &str, from: usize, old: &str) -> Vec<Range<usize>> {
    if old.is_empty() {
        return Vec::new();
    }
    let mut end = text.len().min(from + REACH);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let behind = text.get(from..end).unwrap_or_default();
    let found = behind.match_indices(old).take(MOST);
    found
        .map(|(at, _)| from + at..from + at + old.len())
        .collect()
}

/// Where a word stands in a text by itself, not as a part of a longer one.
pub(super) fn words(text: &str, word: &str) -> Vec<Range<usize>> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let stands_alone = |span: &Range<usize>| {
        let before = text[..span.start].chars().next_back();
        let behind = text[span.end..].chars().next();
        let begins = word.starts_with(is_part);
        let ends = word.ends_with(is_part);
        !(begins && before.is_some_and(is_part) || ends && behind.is_some_and(is_part))
    };
    let mut found = places(text, 0, word);
    found.retain(stands_alone);
    found
}

/// The texts in which a mapping or list that begins at `at` has one more entry. Which of them means that, whoever reads
/// them again finds out.
pub(super) fn with_entry(text: &str, at: usize, key: &str, value: Option<&str>) -> Vec<String> {
    let line = text[..at].rfind('\n').map_or(0, |end| end + 1);
    let end = if text[at..].contains("\r\n") {
        "\r\n"
    } else {
        "\n"
    };
    let indent = " ".repeat(text[line..at].chars().count());
    let pair = match value {
        Some(value) => format!("{key}: {value}"),
        None => format!("{key}: {{}}"),
    };
    let dash = text[..at].ends_with("- ");
    let mut texts = Vec::new();
    match (text[at..].chars().next(), value) {
        (Some('{'), _) => texts.push(with(text, at + 1..at + 1, &format!("{pair}, "))),
        (Some('['), None) => texts.push(with(text, at + 1..at + 1, &format!("{key}, "))),
        (Some('-'), None) => texts.push(with(text, at..at, &format!("- {key}{end}{indent}"))),
        (_, None) if dash => {
            let dashes = &indent[..indent.len().saturating_sub(2)];
            texts.push(with(text, at..at, &format!("{key}{end}{dashes}- ")));
        }
        _ => texts.push(with(text, at..at, &format!("{pair}{end}{indent}"))),
    }
    texts
}

/// The lines that differ, with secrets masked.
pub(super) fn diff(
    before: &str,
    after: &str,
    secrets: &[Secret],
    is_secret: bool,
) -> Vec<LineChange> {
    let (old, new) = (lines(before), lines(after));
    let same = |(one, other): &(&&str, &&str)| one == other;
    let first = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - first;
    let last = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count()
        .min(rest);
    let (old, new) = (&old[first..old.len() - last], &new[first..new.len() - last]);
    let show = |line: Option<&&str>| {
        let line = line?;
        Some(if is_secret {
            MASK.to_owned()
        } else {
            masked(line, secrets)
        })
    };
    let changed = (0..old.len().max(new.len())).filter(|at| old.get(*at) != new.get(*at));
    changed
        .map(|at| LineChange {
            line: u32::try_from(first + at + 1).unwrap_or(u32::MAX),
            before: show(old.get(at)),
            after: show(new.get(at)),
        })
        .collect()
}

fn lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<&str> = text.split('\n').collect();
    if lines.last() == Some(&"") {
        lines.pop();
    }
    lines
}

/// A line for showing: without secrets, and with what nobody sees made visible.
fn masked(line: &str, secrets: &[Secret]) -> String {
    let mut shown = mask_line(line);
    for secret in secrets {
        let secret = secret.reveal();
        if shown.contains(secret) {
            // A short one may be anywhere by chance, and what is left of the line would tell.
            if secret.chars().count() < 4 {
                return MASK.to_owned();
            }
            shown = shown.replace(secret, MASK);
        }
    }
    let visible = shown.trim_end_matches([' ', '\t', '\r']);
    let tail = &shown[visible.len()..];
    let tail: String = tail
        .chars()
        .map(|character| match character {
            '\r' => '␍',
            '\t' => '⇥',
            _ => '·',
        })
        .collect();
    format!("{visible}{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(line: u32, column: u32) -> Place {
        Place {
            file: "compose.yaml".into(),
            line,
            column,
        }
    }

    #[test]
    fn places_are_counted_in_characters_and_with_any_line_end() {
        let text = "a: 1\r\nbä: zwei\n";
        assert_eq!(&text[offset(text, &place(2, 5)).unwrap()..], "zwei\n");
        assert_eq!(offset(text, &place(1, 1)), Some(0));
    }

    #[test]
    fn a_word_is_no_part_of_another() {
        let text = "cahe cahes http://cahe:80 my_cahe x-cahe";
        let found: Vec<usize> = words(text, "cahe").iter().map(|it| it.start).collect();
        assert_eq!(found, [0, 18, 36]);
        assert_eq!(words("--bind=:80", ":80").len(), 1);
    }

    #[test]
    fn an_entry_goes_where_the_others_stand_in_their_form() {
        let block = "web:\n  image: x\n";
        let at = block.find("image").unwrap();
        assert_eq!(
            with_entry(block, at, "init", Some("true")),
            ["web:\n  init: true\n  image: x\n"]
        );
        let windows = "web:\r\n  image: x\r\n";
        let at = windows.find("image").unwrap();
        assert_eq!(
            with_entry(windows, at, "init", Some("true")),
            ["web:\r\n  init: true\r\n  image: x\r\n"]
        );
        assert_eq!(
            with_entry("web: {image: x}", 5, "init", Some("true")),
            ["web: {init: true, image: x}"]
        );
        assert_eq!(
            with_entry("networks: [a]", 10, "b", None),
            ["networks: [b, a]"]
        );
        let list = "networks:\n  - a\n";
        let at = list.find("- a").unwrap();
        let longer = ["networks:\n  - b\n  - a\n"];
        assert_eq!(with_entry(list, at, "b", None), longer);
        assert_eq!(with_entry(list, at + 2, "b", None), longer);
    }

    #[test]
    fn only_what_differs_is_shown_and_without_secrets() {
        let secrets = [Secret::new("hunter2"), Secret::new("xy")];
        let shown = |before: &str, after: &str| {
            let lines = diff(before, after, &secrets, false);
            lines
                .into_iter()
                .map(|it| (it.line, it.before, it.after))
                .collect::<Vec<_>>()
        };
        let text = |text: &str| Some(text.to_owned());
        assert_eq!(
            shown(
                "a\nhost: cahe # hunter2\nz\n",
                "a\nhost: cache # hunter2\nz\n"
            ),
            [(2, text("host: cahe # ••••"), text("host: cache # ••••"))]
        );
        assert_eq!(
            shown("a\nz\n", "a\ninit: true\nz\n"),
            [(2, None, text("init: true"))]
        );
        assert_eq!(
            shown("PASSWORD=hunter2 \r\n", "PASSWORD=hunter2\n"),
            [(1, text("PASSWORD=••••"), text("PASSWORD=••••"))]
        );
        assert_eq!(shown("a \r\n", "a\n"), [(1, text("a·␍"), text("a"))]);
        assert_eq!(shown("k: xy", "k: z"), [(1, text("••••"), text("k: z"))]);
        let file = diff("hunter2\r\n", "hunter2\n", &[], true);
        assert_eq!(file[0].before, text("••••"));
    }
}
