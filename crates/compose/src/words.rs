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
    let mut splitter = Splitter::default();
    let mut cut_at = None;
    for c in line.chars() {
        if splitter.cuts_at(c) {
            cut_at = Some(c);
            break;
        }
        splitter.take(c)?;
    }
    splitter.end_word();
    if splitter.state.escaped || splitter.state.is_quoted() {
        return Err("a quote or bracket is not closed");
    }
    Ok(Split {
        words: splitter.words,
        cut_at,
    })
}

#[derive(Default)]
struct Splitter {
    words: Vec<String>,
    /// The word begun, if one is; it may be empty: `''` is a word.
    word: Option<String>,
    state: Quoting,
}

impl Splitter {
    /// Tells whether a sign of the shell ends the line here.
    fn cuts_at(&mut self, c: char) -> bool {
        let cuts = matches!(c, ';' | '&' | '|' | '<' | '>')
            && !self.state.escaped
            && !self.state.is_quoted();
        // The `2` of `2>log` belongs to the sign.
        if cuts && c == '>' {
            self.word
                .take_if(|word| word.starts_with(|first: char| first.is_ascii_digit()));
        }
        cuts
    }

    fn take(&mut self, c: char) -> Result<(), &'static str> {
        let state = &mut self.state;
        if std::mem::take(&mut state.escaped) {
            self.push(match c {
                't' => '\t',
                'n' => '\n',
                other => other,
            });
            return Ok(());
        }
        match c {
            '\\' if !state.single => {
                state.escaped = true;
                return Ok(());
            }
            ' ' | '\t' | '\r' | '\n' if !state.is_quoted() => {
                self.end_word();
                return Ok(());
            }
            '"' if !state.single && !state.dollar => {
                state.double = !state.double;
                self.begin_word_unless(self.state.double);
                return Ok(());
            }
            '\'' if !state.double && !state.dollar => {
                state.single = !state.single;
                self.begin_word_unless(self.state.single);
                return Ok(());
            }
            '`' if !state.single && !state.double && !state.dollar => state.back = !state.back,
            ')' if !state.single && !state.double && !state.back => state.dollar = !state.dollar,
            '(' if !state.single && !state.double && !state.back => {
                let is_call = self.word.as_deref().is_some_and(|word| word.ends_with('$'));
                if state.dollar || !is_call {
                    return Err("a bracket that belongs to a shell");
                }
                state.dollar = true;
            }
            _ => {}
        }
        self.push(c);
        Ok(())
    }

    fn push(&mut self, c: char) {
        self.word.get_or_insert_default().push(c);
    }

    /// Closing a quote makes a word, even of nothing.
    fn begin_word_unless(&mut self, is_open: bool) {
        if !is_open {
            self.word.get_or_insert_default();
        }
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }
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
/// Multiples are of 1024. Nothing for anything else, negative sizes included; but `-1`, which is how "without
/// limit" is printed.
pub(crate) fn parse_size(text: &str) -> Option<i64> {
    if text == "-1" {
        return Some(-1);
    }
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
            ("-1", -1),
        ] {
            assert_eq!(parse_size(text), Some(bytes), "{text}");
        }
        for text in ["", "m", "-2", "1x", "1kbb", "5bb", "1 000 "] {
            assert_eq!(parse_size(text), None, "{text}");
        }
    }
}
