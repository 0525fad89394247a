//! Shows the code of a Rust source without its comments and literals.
//!
//! The source rules look for words such as `println!`; a comment or a message that mentions one is no
//! offence. Lines and columns stay where they were: what is hidden becomes spaces. It never fails: on
//! text that is no Rust it hides too much or too little, and the compiler says the rest.

/// Returns `source` with comments and the contents of string and character literals blanked out.
pub(crate) fn code_only(source: &str) -> String {
    let mut rest = source;
    let mut shown = String::with_capacity(source.len());
    let mut previous = ' ';
    while let Some(next) = rest.chars().next() {
        let hidden = if is_word(previous) {
            hidden_after_word(rest)
        } else {
            hidden_length(rest)
        };
        let (part, after) = rest.split_at(hidden.unwrap_or(next.len_utf8()));
        if hidden.is_some() {
            shown.extend(part.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        } else {
            shown.push(next);
        }
        previous = part.chars().next_back().unwrap_or(' ');
        rest = after;
    }
    shown
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Inside a word, `r"` and the like begin nothing, but a comment or a plain quote does.
fn hidden_after_word(rest: &str) -> Option<usize> {
    if rest.starts_with(is_word) {
        None
    } else {
        hidden_length(rest)
    }
}

/// Returns the length of the comment or literal that `rest` begins with.
fn hidden_length(rest: &str) -> Option<usize> {
    if rest.starts_with("//") {
        return Some(rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return Some(block_comment(rest));
    }
    if rest.starts_with('\'') {
        return character(rest);
    }
    let prefix = rest.find(|c| !matches!(c, 'b' | 'c' | 'r'))?;
    if prefix > 2 {
        return None;
    }
    let hashes = rest[prefix..].len() - rest[prefix..].trim_start_matches('#').len();
    let raw = rest[..prefix].contains('r');
    let opening = prefix + hashes;
    if !rest[opening..].starts_with('"') || (hashes > 0 && !raw) {
        return None;
    }
    if raw {
        let closing = format!("\"{}", "#".repeat(hashes));
        let end = rest[opening + 1..]
            .find(&closing)
            .map(|at| opening + 1 + at + closing.len());
        return Some(end.unwrap_or(rest.len()));
    }
    Some(opening + quoted(&rest[opening..], '"'))
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_u32, 0);
    while let Some(found) = rest[at..].find(['/', '*']) {
        at += found;
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth = depth.saturating_sub(1);
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Tells `'x'` and `'\n'` from a lifetime.
fn character(rest: &str) -> Option<usize> {
    let mut chars = rest.chars().skip(1);
    let first = chars.next()?;
    if first == '\\' {
        return Some(quoted(rest, '\''));
    }
    (chars.next() == Some('\'')).then(|| 2 + first.len_utf8())
}

fn quoted(rest: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_vanish_and_the_rest_stays_in_place() {
        let cases = [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y") + g"#, "f(      ) + g"),
            (
                "r#\"in \"quotes\"\"# + b\"x\" + c",
                "                 +      + c",
            ),
            ("for<'a> 'x' '\\'' 'b", "for<'a>          'b"),
            ("number_r\"x\"", "number_r   "),
        ];
        for (source, expected) in cases {
            assert_eq!(code_only(source), expected, "{source}");
        }
    }
}
