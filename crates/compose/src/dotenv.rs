//! Environment files: `KEY=value` lines as Compose reads them.

use std::collections::BTreeMap;

use crate::context::UsedVariable;
use crate::interpolate::{Lookup, TemplateError, substitute};

/// What is wrong with an environment file.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EnvError {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) reason: String,
    /// What to do about it.
    pub(crate) hint: Option<&'static str>,
}

/// What a line without a name most often comes from.
const QUOTE: &str = "a value of several lines stands in quotes, with `NAME=` before it";

/// A name that holds white space is not repeated: it may be a line of a private key.
const SPACE_IN_NAME: &str = "the name of a variable contains a space";

/// Bytes that variables may add to the values of one file.
const TEXT_LIMIT: usize = 16 << 20;

/// A variable that a file refers to, where it has no value or is secret.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// From 1.
    pub(crate) line: usize,
    pub(crate) variable: UsedVariable,
}

/// Reads an environment file into `out`, over what is there.
///
/// Variables in values are looked up with `lookup` first, then among the keys read so far. A key without a
/// value is taken from `lookup`, or left out.
pub(crate) fn parse(
    text: &str,
    out: &mut BTreeMap<String, String>,
    lookup: Lookup<'_>,
) -> Result<Vec<Reference>, EnvError> {
    let mut reader = Reader {
        rest: text.strip_prefix('\u{feff}').unwrap_or(text),
        line: 1,
        grown: 0,
        references: Vec::new(),
    };
    while reader.skip_to_statement() {
        let (key, inherited) = reader.key()?;
        if key.contains(' ') {
            return reader.fail(SPACE_IN_NAME, Some(QUOTE));
        }
        if inherited {
            if let Some(value) = lookup(&key) {
                out.insert(key, value.to_owned());
            }
            continue;
        }
        let value = reader.value(out, lookup)?;
        out.insert(key, value);
    }
    Ok(reader.references)
}

/// Reads an environment file in the `raw` format: values are taken as they stand, without quotes, variables
/// or comments behind them.
pub(crate) fn parse_raw(
    text: &str,
    out: &mut BTreeMap<String, String>,
    lookup: Lookup<'_>,
) -> Result<Vec<Reference>, EnvError> {
    for (index, line) in text
        .strip_prefix('\u{feff}')
        .unwrap_or(text)
        .lines()
        .enumerate()
    {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line
            .split_once('=')
            .map_or((line, None), |(key, value)| (key, Some(value)));
        if key.is_empty() || key.contains(char::is_whitespace) {
            return Err(EnvError {
                line: index + 1,
                reason: "the name of a variable is missing or contains a space".to_owned(),
                hint: None,
            });
        }
        if let Some(value) = value
            .map(str::to_owned)
            .or_else(|| lookup(key).map(str::to_owned))
        {
            out.insert(key.to_owned(), value);
        }
    }
    Ok(Vec::new())
}

struct Reader<'a> {
    rest: &'a str,
    line: usize,
    /// Bytes that came out of variables so far.
    grown: usize,
    references: Vec<Reference>,
}

/// White space that does not end a line.
fn is_blank(c: char) -> bool {
    matches!(
        c,
        '\t' | '\u{b}' | '\u{c}' | '\r' | ' ' | '\u{85}' | '\u{a0}'
    )
}

impl Reader<'_> {
    fn fail<T>(
        &self,
        reason: impl Into<String>,
        hint: Option<&'static str>,
    ) -> Result<T, EnvError> {
        Err(EnvError {
            line: self.line,
            reason: reason.into(),
            hint,
        })
    }

    /// Goes to where the next statement begins; says whether there is one.
    fn skip_to_statement(&mut self) -> bool {
        loop {
            let begin = self
                .rest
                .find(|c: char| !c.is_whitespace())
                .unwrap_or(self.rest.len());
            self.line += self.rest[..begin].matches('\n').count();
            self.rest = &self.rest[begin..];
            if !self.rest.starts_with('#') {
                return !self.rest.is_empty();
            }
            self.rest = &self.rest[self.rest.find('\n').unwrap_or(self.rest.len())..];
        }
    }

    /// Reads the name of a variable and says whether it stands alone, without a value.
    fn key(&mut self) -> Result<(String, bool), EnvError> {
        if let Some(rest) = self
            .rest
            .strip_prefix("export")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        {
            self.rest = rest.trim_start_matches(is_blank);
        }
        let source = self.rest;
        for (at, c) in source.char_indices() {
            match c {
                '=' | ':' | '\n' => {
                    let key = source[..at].trim_end();
                    self.rest = source[at + 1..].trim_start_matches(is_blank);
                    if c == '\n' {
                        if key.contains(' ') {
                            return self.fail(SPACE_IN_NAME, Some(QUOTE));
                        }
                        self.line += 1;
                    }
                    return Ok((key.to_owned(), c == '\n'));
                }
                '_' | '.' | '-' | '[' | ']' => {}
                c if is_blank(c) || c.is_alphanumeric() => {}
                c => {
                    let reason = format!("unexpected character `{c}` in the name of a variable");
                    return self.fail(reason, Some(QUOTE));
                }
            }
        }
        self.rest = "";
        Ok((source.trim_end().to_owned(), true))
    }

    fn value(
        &mut self,
        known: &BTreeMap<String, String>,
        lookup: Lookup<'_>,
    ) -> Result<String, EnvError> {
        if let Some(quote @ ('"' | '\'')) = self.rest.chars().next() {
            return self.quoted(quote, known, lookup);
        }
        let line = self.rest.split('\n').next().unwrap_or("");
        let value = line.split(" #").next().unwrap_or("").trim_end();
        let value = self.expand(value, known, lookup);
        self.rest = self.rest.get(line.len() + 1..).unwrap_or("");
        self.line += 1;
        value
    }

    fn quoted(
        &mut self,
        quote: char,
        known: &BTreeMap<String, String>,
        lookup: Lookup<'_>,
    ) -> Result<String, EnvError> {
        let begin = self.line;
        let mut value = String::new();
        let mut escaped = false;
        for (at, c) in self.rest.char_indices().skip(1) {
            if c == '\n' {
                self.line += 1;
            }
            if c != quote {
                if !escaped && c == '\\' {
                    escaped = true;
                    continue;
                }
                if std::mem::take(&mut escaped) {
                    value.push('\\');
                }
                value.push(c);
                continue;
            }
            if std::mem::take(&mut escaped) {
                value.push(c);
                continue;
            }
            self.rest = &self.rest[at + c.len_utf8()..];
            return if quote == '"' {
                self.expand(&unescape(&value), known, lookup)
            } else {
                Ok(value)
            };
        }
        self.line = begin;
        self.fail(
            "a quote is not closed",
            Some("add the same quote where the value ends"),
        )
    }

    fn expand(
        &mut self,
        value: &str,
        known: &BTreeMap<String, String>,
        lookup: Lookup<'_>,
    ) -> Result<String, EnvError> {
        let both = |name: &str| lookup(name).or_else(|| known.get(name).map(String::as_str));
        let substituted = match substitute(value, &both) {
            Ok(substituted) => substituted,
            Err(TemplateError::Invalid) => {
                let hint =
                    "write `$$` for a literal dollar sign, or put the value in single quotes";
                return self.fail("the value has an invalid `${…}`", Some(hint));
            }
            Err(TemplateError::Required { name, message, .. }) => {
                let reason = format!("the required variable `{name}` is missing: {message}");
                return self.fail(reason, None);
            }
            Err(TemplateError::TooLong) => return self.fail(TOO_LONG, None),
        };
        let line = self.line;
        let used = substituted.used.into_iter();
        self.references
            .extend(used.map(|variable| Reference { line, variable }));
        self.grown += substituted.grown;
        if self.grown > TEXT_LIMIT {
            return self.fail(TOO_LONG, None);
        }
        Ok(substituted.text)
    }
}

const TOO_LONG: &str = "the variables in these values hold too much text";

/// Replaces the escapes of a double-quoted value. `\$` becomes `$$`, so that it stays a dollar sign.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (replacement, length) = escape(rest);
        match replacement {
            Some(replacement) => out.push_str(&replacement),
            None => out.push_str(&rest[..length]),
        }
        rest = &rest[length..];
    }
    out + rest
}

/// Reads the escape at the start of `text`; without a replacement it stays as it is.
fn escape(text: &str) -> (Option<String>, usize) {
    let simple = |c: char| (Some(c.to_string()), 2);
    match text[1..].chars().next() {
        Some('a') => simple('\u{7}'),
        Some('b') => simple('\u{8}'),
        Some('f') => simple('\u{c}'),
        Some('n') => simple('\n'),
        Some('r') => simple('\r'),
        Some('t') => simple('\t'),
        Some('v') => simple('\u{b}'),
        Some('"') => simple('"'),
        Some('\\') => simple('\\'),
        Some('$') => (Some("$$".to_owned()), 2),
        Some('c') => (None, 2),
        Some('0') => {
            let digits = text[2..]
                .bytes()
                .take(3)
                .take_while(u8::is_ascii_digit)
                .count();
            let octal = &text[2..2 + digits];
            let value = if digits == 3 {
                u32::from_str_radix(octal, 8)
                    .ok()
                    .filter(|value| *value < 256)
                    .and_then(char::from_u32)
            } else {
                None
            };
            (value.map(String::from), 2 + digits)
        }
        _ => (None, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(String, String)>, EnvError> {
        let mut out = BTreeMap::new();
        parse(text, &mut out, &|name| (name == "OUTER").then_some("outer"))?;
        Ok(out.into_iter().collect())
    }

    #[test]
    fn every_form_of_a_line_is_read() {
        for (text, value) in [
            ("K=v", "v"),
            ("export K=v", "v"),
            ("K: v", "v"),
            ("\u{feff}K=v", "v"),
            ("K=v # comment", "v"),
            ("K=v#kept", "v#kept"),
            ("K='$OUTER \\n'", "$OUTER \\n"),
            ("K=\"$OUTER\\n\"", "outer\n"),
            ("K=\"a\nb\"", "a\nb"),
            ("K=\"\\$OUTER\"", "$OUTER"),
            ("K=${NONE:-x}", "x"),
            ("K=v\r\n", "v"),
            ("K=", ""),
            ("# c\n\nK=v", "v"),
            ("K=\"\\0101\"", "A"),
        ] {
            assert_eq!(
                read(text),
                Ok(vec![("K".to_owned(), value.to_owned())]),
                "{text:?}"
            );
        }
    }

    #[test]
    fn earlier_keys_are_visible_and_bare_keys_inherit() {
        assert_eq!(
            read("A=1\nB=${A}2\nOUTER\nNONE\n"),
            Ok(vec![
                ("A".into(), "1".into()),
                ("B".into(), "12".into()),
                ("OUTER".into(), "outer".into())
            ])
        );
    }

    #[test]
    fn broken_lines_are_named_by_their_number() {
        assert_eq!(read("A=1\n\nB C=2").map_err(|error| error.line), Err(3));
        assert_eq!(read("A=1\nB='x").map_err(|error| error.line), Err(2));
        assert_eq!(
            read("A!=1").map_err(|error| error.reason),
            Err("unexpected character `!` in the name of a variable".into())
        );
    }

    #[test]
    fn raw_files_keep_values_as_they_stand() {
        let mut out = BTreeMap::new();
        parse_raw("A=\"$x\" # y\n#c\nB\n", &mut out, &|_| None).expect("the file is well formed");
        assert_eq!(
            out,
            BTreeMap::from([("A".to_owned(), "\"$x\" # y".to_owned())])
        );
    }
}
