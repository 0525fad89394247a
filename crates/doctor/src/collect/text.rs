//! What programs wrote, made harmless.

use bowline_model::is_steering;

/// Text without what steers a terminal or turns the direction of writing, and not longer than `limit` bytes; what was cut off shows as `…`.
pub(crate) fn plain(bytes: &[u8], limit: usize) -> String {
    let cut = bytes.len() > limit;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            '\t' => plain.push(' '),
            character if is_steering(character) => {}
            character => plain.push(character),
        }
    }
    plain.truncate(plain.trim_end().len());
    if cut {
        plain.push('…');
    }
    plain
}

/// Longer words are cut in two, in bytes.
const LONGEST_WORD: usize = 256;

/// Cuts what is between the two ends of a line that is longer than `limit`, and leaves a mark there. Words at the cut go as a
/// whole, so that no half of a secret stays which nobody would know again; one that is longer than 256 bytes is cut.
pub(super) fn keep_ends(line: &mut Vec<u8>, limit: usize) {
    if line.len() <= limit {
        return;
    }
    let ends_word = |byte: &u8| byte.is_ascii_whitespace() || b"\"',;".contains(byte);
    let is_inside = |at: usize| line[at] & 0b1100_0000 == 0b1000_0000;
    let mut head = limit - limit / 2;
    let before = &line[head.saturating_sub(LONGEST_WORD)..head];
    let is_cut = |at: usize| at > 0 && !ends_word(&line[at - 1]) && !ends_word(&line[at]);
    if let Some(back) = before.iter().rev().position(ends_word)
        && is_cut(head)
    {
        head -= back;
    }
    while head > 0 && is_inside(head) {
        head -= 1;
    }
    let mut tail = line.len() - limit / 2;
    let behind = &line[tail..line.len().min(tail + LONGEST_WORD)];
    if let Some(on) = behind.iter().position(ends_word)
        && is_cut(tail)
    {
        tail += on;
    }
    while tail < line.len() && is_inside(tail) {
        tail += 1;
    }
    line.splice(head..tail, "…".bytes());
}

/// Skips what follows an escape character: `[…` up to its letter, `]…` up to its end, or one character.
fn skip_sequence(characters: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match characters.next() {
        Some('[') => {
            let _ = characters.find(|character| ('\u{40}'..='\u{7e}').contains(character));
        }
        Some(']') => {
            while let Some(character) = characters.next() {
                let ends = character == '\u{7}'
                    || (character == '\u{1b}' && characters.next_if_eq(&'\\').is_some());
                if ends {
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_keeps_its_ends_and_no_half_of_a_word_between_them() {
        let cut = |text: &str| {
            let mut line = text.as_bytes().to_vec();
            keep_ends(&mut line, 20);
            String::from_utf8_lossy(&line).into_owned()
        };
        assert_eq!(cut("twenty letters, here"), "twenty letters, here");
        assert_eq!(
            cut("failed: opensesame-17 and so on: no such table"),
            "failed: …such table"
        );
        assert_eq!(
            cut("{\"pw\":\"opensesame-seventeen\",\"a\":1}"),
            "{\"pw\":\"…\",\"a\":1}"
        );
        assert_eq!(cut("ééééééééééééééééééééé"), "ééééé…ééééé");
        assert_eq!(cut(&"x".repeat(600)), format!("{0}…{0}", "x".repeat(10)));
    }

    #[test]
    fn what_steers_a_terminal_is_left_out() {
        for (bytes, shown) in [
            (&b"\x1b[1;31mFATAL\x1b[0m: no\r\n"[..], "FATAL: no"),
            (b"\x1b]0;title\x07ready", "ready"),
            (b"\x1b]8;;http://x\x1b\\link", "link"),
            (b"a\tb\x00c\x08", "a bc"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"0123456789012345678901234", "012345678901234567890123…"),
            (b"\x1b[", ""),
            ("ok\u{202e}ko\u{2069}\u{feff}".as_bytes(), "okko"),
        ] {
            assert_eq!(plain(bytes, 24), shown);
        }
    }
}
