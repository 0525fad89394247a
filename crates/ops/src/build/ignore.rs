//! The rules of `.dockerignore`: which files of a folder a build does not get.
//!
//! As Docker documents and applies them: a line is a pattern, cleaned like a path; `#` begins a comment at the very
//! start of a line only; `*` and `?` stay within one name, `**` goes through any number of folders; a pattern that
//! matches a folder matches everything below it; `!` makes an exception, and of all lines that match, the last counts.
//! Source: <https://docs.docker.com/build/concepts/context/#dockerignore-files>, and for the corners what
//! `github.com/moby/patternmatcher` answers.

use std::fmt::Write as _;

use bowline_compose::clean_path;
use regex::Regex;

/// The rules of one file, in its order.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Vec<Rule>);

/// A line that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{pattern}` is not a pattern: {why}")]
pub(super) struct BadPattern {
    /// Number of the line, from 1.
    pub(super) line: usize,
    pattern: String,
    why: &'static str,
}

/// What the rules say of a path.
#[derive(Clone, Debug, Default)]
pub(super) struct Verdict {
    /// It is left out.
    pub(super) is_out: bool,
    /// Which rules matched it, or a folder that it lies in: those hold for everything in it.
    matched: Vec<bool>,
}

#[derive(Clone, Debug)]
struct Rule {
    is_exception: bool,
    matcher: Matcher,
    /// The folders that its matches certainly lie in or are.
    certain: Vec<String>,
}

/// How a pattern matches. Some patterns mean something else to Docker than the expression they look like.
#[derive(Clone, Debug)]
enum Matcher {
    Exact(String),
    /// `folder/**`: everything below.
    Below(String),
    /// `**/name`, and `**name`, which is any path that ends so.
    Ends(String),
    Expression(Regex),
}

impl Rules {
    /// Reads the lines of a file. What is not UTF-8 matches nothing.
    pub(super) fn parse(text: &[u8]) -> Result<Self, BadPattern> {
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        let mut rules = Vec::new();
        for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
            let line = String::from_utf8_lossy(line);
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            let rule = Rule::parse(line.trim()).map_err(|why| BadPattern {
                line: index + 1,
                pattern: line.trim().to_owned(),
                why,
            })?;
            rules.push(rule);
        }
        Ok(Self(rules))
    }

    /// Judges what is in a folder that was judged itself; the folder that the rules are of has the default verdict.
    /// The path is relative, with slashes.
    pub(super) fn judge(&self, path: &str, folder: &Verdict) -> Verdict {
        let mut verdict = Verdict::default();
        for (index, rule) in self.0.iter().enumerate() {
            let is_held = folder.matched.get(index).copied().unwrap_or_default();
            // Only a rule that would change something is asked.
            let is_asked = rule.is_exception == verdict.is_out;
            let is_matched = is_held || (is_asked && rule.matcher.is_match(path));
            if is_matched {
                verdict.is_out = !rule.is_exception;
            }
            verdict.matched.push(is_matched);
        }
        verdict
    }

    /// Tells whether a path is left out, folder by folder.
    pub(super) fn exclude(&self, path: &str) -> bool {
        let folders = path.match_indices('/').map(|(end, _)| &path[..end]);
        let judged = folders.chain([path]);
        let verdict = judged.fold(Verdict::default(), |folder, path| self.judge(path, &folder));
        verdict.is_out
    }

    /// Tells whether an exception may take in something below a folder that is left out.
    pub(super) fn may_take_in_below(&self, folder: &str) -> bool {
        let parts: Vec<&str> = folder.split('/').collect();
        let exceptions = self.0.iter().filter(|rule| rule.is_exception);
        let mut reaches = exceptions.map(|rule| rule.certain.iter().zip(&parts));
        reaches.any(|mut common| common.all(|(certain, part)| certain == part))
    }
}

impl Rule {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let (is_exception, pattern) = match line.strip_prefix('!') {
            Some(rest) => (true, rest.trim()),
            None => (false, line),
        };
        if pattern.is_empty() {
            return Err("nothing stands behind the `!`");
        }
        let cleaned = clean_path(pattern);
        let cleaned = match cleaned.strip_prefix('/') {
            Some(rest) if !rest.is_empty() => rest,
            _ => &cleaned,
        };
        let certain = cleaned
            .split('/')
            .take_while(|part| !part.contains(['*', '?', '[', '\\']));
        Ok(Self {
            is_exception,
            certain: certain.map(str::to_owned).collect(),
            matcher: Matcher::of(cleaned)?,
        })
    }
}

impl Matcher {
    fn of(pattern: &str) -> Result<Self, &'static str> {
        let expression = expression(pattern)?;
        let is_plain = |text: &str| !text.contains(['*', '?', '[', ']', '\\']);
        if is_plain(pattern) {
            return Ok(Self::Exact(pattern.to_owned()));
        }
        if let Some(end) = pattern.strip_prefix("**").filter(|end| is_plain(end)) {
            return Ok(Self::Ends(end.to_owned()));
        }
        if let Some(folder) = pattern.strip_suffix("**").filter(|start| is_plain(start)) {
            return Ok(Self::Below(folder.to_owned()));
        }
        let expression = Regex::new(&expression).map_err(|_| "it is too long")?;
        Ok(Self::Expression(expression))
    }

    fn is_match(&self, path: &str) -> bool {
        match self {
            Self::Exact(exact) => path == exact,
            Self::Below(folder) => path.starts_with(folder),
            Self::Ends(end) => path.ends_with(end) || end.strip_prefix('/') == Some(path),
            Self::Expression(expression) => expression.is_match(path),
        }
    }
}

/// A pattern as a regular expression.
fn expression(pattern: &str) -> Result<String, &'static str> {
    let mut text = String::from(r"\A");
    let mut rest = pattern.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' if rest.next_if_eq(&'*').is_some() => {
                rest.next_if_eq(&'/');
                text.push_str(if rest.peek().is_none() {
                    "(?s:.*)"
                } else {
                    "(?s:.*/)?"
                });
            }
            '*' => text.push_str("[^/]*"),
            '?' => text.push_str("[^/]"),
            '[' => text.push_str(&class(&mut rest)?),
            '\\' => match rest.next() {
                Some(escaped) => text.push_str(&regex::escape(escaped.encode_utf8(&mut [0; 4]))),
                None => return Err("nothing stands behind the `\\`"),
            },
            plain => text.push_str(&regex::escape(plain.encode_utf8(&mut [0; 4]))),
        }
    }
    text.push_str(r"\z");
    Ok(text)
}

/// A class of characters, behind its `[`.
fn class(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Result<String, &'static str> {
    const OPEN: &str = "the `[` is not closed";
    let one = |rest: &mut std::iter::Peekable<std::str::Chars<'_>>| match rest.next() {
        Some('\\') => rest.next().ok_or(OPEN),
        Some('-' | ']') => Err("`-` and `]` in `[…]` are written with a `\\` before them"),
        Some(c) => Ok(c),
        None => Err(OPEN),
    };
    let mut ranges = String::new();
    let is_negated = rest.next_if_eq(&'^').is_some();
    loop {
        if !ranges.is_empty() && rest.next_if_eq(&']').is_some() {
            break;
        }
        let low = one(rest)?;
        let high = match rest.next_if_eq(&'-') {
            Some(_) => one(rest)?,
            None => low,
        };
        if low > high {
            return Err("a range in `[…]` goes backwards");
        }
        let escaped = |c: char| format!("\\x{{{:x}}}", u32::from(c));
        // Writing to a String cannot fail.
        let _ = write!(ranges, "{}-{}", escaped(low), escaped(high));
    }
    Ok(format!("[{}{ranges}]", if is_negated { "^" } else { "" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rules, a path, and whether the path is left out.
    const TABLE: &[(&str, &str, bool)] = &[
        // Docker's own examples.
        ("*/temp*", "somedir/temporary.txt", true),
        ("*/temp*", "somedir/temp", true),
        ("*/temp*", "temp", false),
        ("*/*/temp*", "somedir/subdir/temporary.txt", true),
        ("*/*/temp*", "somedir/temporary.txt", false),
        ("temp?", "tempa", true),
        ("temp?", "temp", false),
        ("temp?", "a/tempa", false),
        ("**/*.go", "main.go", true),
        ("**/*.go", "a/b/main.go", true),
        ("**/*.go", "main.goo", false),
        ("*.md\n!README.md", "README.md", false),
        ("*.md\n!README.md", "CHANGES.md", true),
        (
            "*.md\n!README*.md\nREADME-secret.md",
            "README-secret.md",
            true,
        ),
        ("*.md\n!README*.md\nREADME-secret.md", "README-a.md", false),
        (
            "*.md\nREADME-secret.md\n!README*.md",
            "README-secret.md",
            false,
        ),
        // What stands before and behind a pattern means nothing; `#` counts at the start only.
        ("# a", "# a", false),
        (" # a", "# a", true),
        ("  a  \r", "a", true),
        ("\n\na", "a", true),
        ("\u{feff}a", "a", true),
        ("a\u{feff}", "a", false),
        // Patterns are cleaned like paths, and begin at the folder.
        ("/a", "a", true),
        ("/a/b", "a/b", true),
        ("./a/../b/", "b", true),
        ("a/", "a", true),
        ("a", "b/a", false),
        (".", "a", false),
        ("/", "a", false),
        ("../a", "a", false),
        ("!  /a", "a", false),
        ("a\n! /a", "a", false),
        // A folder stands for everything below it, an exception too.
        ("a", "a/b/c", true),
        ("a/*", "a/b/c", true),
        ("a\n!a/b", "a/b/c", false),
        ("a\n!a/b", "a/c", true),
        // An exception that changed nothing for the folder is asked again below it, for the path alone.
        ("a/b\n!a", "a/b", true),
        ("**/keep\n!a", "a/keep", true),
        ("*\n!a/b.txt", "a/b.txt", false),
        ("*\n!a/b.txt", "a/c.txt", true),
        ("*\n!a", "a/b", false),
        // `*` stays within one name, `**` does not.
        ("*", "a", true),
        ("a*", "a/b", true),
        ("a*c", "a/c", false),
        ("**", "a/b", true),
        ("a/**", "a/b/c", true),
        ("a/**", "a", false),
        ("**/a", "a", true),
        ("**/a", "b/a", true),
        ("**/a", "ba", false),
        ("**a", "b/ca", true),
        ("a/**/b", "a/b", true),
        ("a/**/b", "a/c/d/b", true),
        ("a/**/b", "a/cb", false),
        ("a**b", "a/x/b", true),
        ("**/a/**", "x/a/y", true),
        ("**/node_modules", "x/node_modules/y/z", true),
        ("**\n!**/keep", "x/y/keep", false),
        ("**/*.txt/**", "a/b.txt/c", true),
        // Characters and classes.
        ("[a-c]x", "bx", true),
        ("[a-c]x", "dx", false),
        ("[^a-c]x", "dx", true),
        ("[^a-c]x", "bx", false),
        ("[!a]", "!", true),
        (r"[\]]", "]", true),
        ("[[&&]", "&", true),
        ("a.b", "axb", false),
        ("a+(b)|{c}$", "a+(b)|{c}$", true),
        (r"\*", "*", true),
        (r"\*", "a", false),
        (r"\!a", "!a", true),
        ("ä?", "äö", true),
    ];

    #[test]
    fn the_last_line_that_matches_counts() {
        for (rules, path, excluded) in TABLE {
            let parsed = Rules::parse(rules.as_bytes()).unwrap();
            assert_eq!(parsed.exclude(path), *excluded, "{rules:?} {path}");
        }
    }

    #[test]
    fn lines_that_are_no_patterns_are_refused_with_their_number() {
        for (rules, line) in [
            ("!", 1),
            ("a\n\n[", 3),
            ("[]", 1),
            ("[a", 1),
            ("[a-", 1),
            ("[-a]", 1),
            ("[b-a]", 1),
            ("a\\", 1),
        ] {
            let error = Rules::parse(rules.as_bytes()).unwrap_err();
            assert_eq!(error.line, line, "{rules:?}: {error}");
        }
    }

    #[test]
    fn a_folder_that_is_left_out_is_looked_into_only_where_an_exception_may_lie_in_it() {
        let reaches = |rules: &str, folder: &str| {
            Rules::parse(rules.as_bytes())
                .unwrap()
                .may_take_in_below(folder)
        };
        assert!(!reaches("*", "a"));
        assert!(!reaches("*\n!b/c", "a"));
        assert!(!reaches("*\n!b/c", "b/d"));
        assert!(reaches("*\n!b/c", "b"));
        assert!(reaches("*\n!**/keep", "a/b"));
        assert!(reaches("*\n!b/*/c", "b/x"));
    }
}
