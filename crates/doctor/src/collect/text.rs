//! What programs wrote, made harmless.

/// Text without what steers a terminal, and not longer than `limit` bytes; what was cut off shows as `…`.
pub(super) fn plain(bytes: &[u8], limit: usize) -> String {
    let cut = bytes.len() > limit;
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(limit)]);
    let mut plain = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\u{1b}' => skip_sequence(&mut characters),
            '\t' => plain.push(' '),
            character if character.is_control() => {}
            character => plain.push(character),
        }
    }
    plain.truncate(plain.trim_end().len());
    if cut {
        plain.push('…');
    }
    plain
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
    fn what_steers_a_terminal_is_left_out() {
        for (bytes, shown) in [
            (&b"\x1b[1;31mFATAL\x1b[0m: no\r\n"[..], "FATAL: no"),
            (b"\x1b]0;title\x07ready", "ready"),
            (b"\x1b]8;;http://x\x1b\\link", "link"),
            (b"a\tb\x00c\x08", "a bc"),
            (b"\xff\xfe", "\u{fffd}\u{fffd}"),
            (b"0123456789012345678901234", "012345678901234567890123…"),
            (b"\x1b[", ""),
        ] {
            assert_eq!(plain(bytes, 24), shown);
        }
    }
}
