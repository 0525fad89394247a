//! Small languages inside values: command lines and sizes.

/// A command line split into words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Split {
    pub(crate) words: Vec<String>,
    /// The sign of a shell at which the rest of the line was dropped.
    pub(crate) cut_at: Option<char>,
}

/// Splits a command line as Compose does.
///
/// Quotes and backslashes work as in a shell. Nothing else does: from the first unquoted `;`, `&`, `|`, `<`
/// or `>` on, the line is dropped.
pub(crate) fn split(line: &str) -> Result<Split, &'static str> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut in_word = false;
    let mut state = Quoting::default();
    let mut cut_at = None;
    for c in line.chars() {
        if state.escaped {
            word.push(match c {
                't' => '\t',
                'n' => '\n',
                other => other,
            });
            state.escaped = false;
            in_word = true;
            continue;
        }
        match c {
            '\\' if !state.single => {
                state.escaped = true;
                continue;
            }
            ' ' | '\t' | '\r' | '\n' if !state.is_quoted() => {
                if std::mem::take(&mut in_word) {
                    words.push(std::mem::take(&mut word));
                }
                continue;
            }
            '`' if !state.single && !state.double && !state.dollar => state.back = !state.back,
            ')' if !state.single && !state.double && !state.back => state.dollar = !state.dollar,
            '(' if !state.single && !state.double && !state.back => {
                if state.dollar || !word.ends_with('$') {
                    return Err("a bracket that belongs to a shell");
                }
                state.dollar = true;
            }
            '"' if !state.single && !state.dollar => {
                in_word |= state.double;
                state.double = !state.double;
                continue;
            }
            '\'' if !state.double && !state.dollar => {
                in_word |= state.single;
                state.single = !state.single;
                continue;
            }
            ';' | '&' | '|' | '<' | '>' if !state.is_quoted() => {
                if c == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    in_word = false;
                }
                cut_at = Some(c);
                break;
            }
            _ => {}
        }
        in_word = true;
        word.push(c);
    }
    if in_word {
        words.push(word);
    }
    if state.escaped || state.is_quoted() {
        return Err("a quote or bracket is not closed");
    }
    Ok(Split { words, cut_at })
}

/// What the next character stands inside of.
#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "the states are independent of one another"
)]
struct Quoting {
    escaped: bool,
    single: bool,
    double: bool,
    back: bool,
    dollar: bool,
}

impl Quoting {
    fn is_quoted(&self) -> bool {
        self.single || self.double || self.back || self.dollar
    }
}

/// Reads a size: a number, possibly with a fraction, and one of `b k m g t p`, alone or as `kb`, `kib`.
///
/// Multiples are of 1024. Nothing for anything else, negative sizes included.
pub(crate) fn parse_size(text: &str) -> Option<i64> {
    let last = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ')?;
    let (number, suffix) = if text[last..].starts_with(' ') {
        (&text[..last], &text[last + 1..])
    } else {
        text.split_at(last + 1)
    };
    let number: f64 = number.parse().ok().filter(|number: &f64| *number >= 0.0)?;
    let suffix = suffix.to_ascii_lowercase();
    let scale: u64 = match suffix.as_str() {
        "" | "b" => 1,
        _ => {
            let (unit, rest) = suffix.split_at_checked(1)?;
            if !matches!(rest, "" | "b" | "ib") {
                return None;
            }
            1 << (10 * (1 + "kmgtp".find(unit)?))
        }
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "sizes are counted in doubles by Compose, too"
    )]
    Some((number * scale as f64) as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn command_lines_are_split_as_compose_splits_them() {
        for (line, words, cut) in [
            ("echo a  b", &["echo", "a", "b"][..], None),
            (r#"sh -c "echo 'x y'""#, &["sh", "-c", "echo 'x y'"], None),
            (r"a\ b '' c", &["a b", "", "c"], None),
            ("echo a && echo b", &["echo", "a"], Some('&')),
            ("echo $(date now)", &["echo", "$(date now)"], None),
            ("run 2>log", &["run"], Some('>')),
            ("", &[], None),
        ] {
            assert_eq!(
                split(line),
                Ok(Split {
                    words: words.iter().map(|word| (*word).to_owned()).collect(),
                    cut_at: cut
                }),
                "{line}"
            );
        }
        assert!(split("echo 'a").is_err());
        assert!(split("echo (a)").is_err());
    }

    #[test]
    fn sizes_are_multiples_of_1024() {
        for (text, bytes) in [
            ("512m", 536_870_912),
            ("1.5k", 1536),
            ("10", 10),
            ("1GiB", 1 << 30),
            ("2 kb", 2048),
            ("64B", 64),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "-1", "1x", "1kbb", "5bb", "1 000 "] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
