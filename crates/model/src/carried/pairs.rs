//! Cuts an environment, a command or a file into keys with values, and what is loose beside them.
//!
//! Files are read line by line in whatever form they have: `key: value` with the keys that stand further out before it,
//! `key = value` with its `[section]`, lines of JSON, `.env`. That is no parser of any of them, and needs none to be
//! right: a key that is misread merely says less.

use super::connection::{Carrier, Field};
use super::{key, oddity, shell};

/// A key and its value.
#[derive(Clone)]
pub(super) struct Pair<'a> {
    pub(super) carrier: Carrier,
    /// With the keys or the section around it, joined by dots.
    pub(super) key: String,
    pub(super) value: &'a str,
    /// Where the value begins in what the carrier carries.
    pub(super) offset: usize,
}

/// Text that belongs to no key.
#[derive(Clone)]
pub(super) struct Piece<'a> {
    pub(super) carrier: Carrier,
    pub(super) text: &'a str,
    /// Where it begins in what the carrier carries.
    pub(super) offset: usize,
}

/// What one environment, command or file holds.
pub(super) struct Source<'a> {
    pub(super) pairs: Vec<Pair<'a>>,
    pub(super) loose: Vec<Piece<'a>>,
}

/// Endings of files that are programs.
const CODE: &[&str] = &[
    "cjs", "cs", "go", "java", "js", "jsx", "kt", "lua", "mjs", "php", "pl", "pm", "py", "rb",
    "rs", "sql", "ts", "tsx",
];

/// Whether a file is a program, by its name: what it names it may have made up, or never use.
pub fn is_program(path: &str) -> bool {
    let ending = path.rsplit('.').next().unwrap_or_default();
    CODE.contains(&ending)
}

impl<'a> Source<'a> {
    pub(super) fn of_environment(variables: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        let pair = |(name, value): (&str, &'a str)| Pair {
            carrier: Carrier::Variable(name.to_owned()),
            key: name.to_owned(),
            value,
            offset: 0,
        };
        Self {
            pairs: variables.into_iter().map(pair).collect(),
            loose: Vec::new(),
        }
    }

    /// Reads `--key value`, `--key=value` and `KEY=value`; a script behind `-c`, or a command that is one string, is cut
    /// into its words first.
    pub(super) fn of_command(command: impl IntoIterator<Item = &'a str>) -> Self {
        let mut source = Self {
            pairs: Vec::new(),
            loose: Vec::new(),
        };
        let mut waiting: Option<String> = None;
        for word in words(&command.into_iter().collect::<Vec<_>>()) {
            let awaited = waiting.take().filter(|_| !word.text.starts_with('-'));
            let is_option = word.text.starts_with('-');
            let name = word.text.trim_start_matches('-');
            if let Some(key) = awaited {
                source.pairs.push(word.under(key));
            } else if let Some((name, value)) =
                name.split_once('=').filter(|(name, _)| is_key(name))
            {
                let start = word.text.len() - value.len();
                source.pairs.push(word.from(start).under(name.to_owned()));
            } else if is_option && is_key(name) {
                waiting = Some(name.to_owned());
            } else {
                source.loose.push(word);
            }
        }
        source
    }

    pub(super) fn of_file(path: &str, text: &'a str) -> Self {
        let mut source = Self {
            pairs: Vec::new(),
            loose: Vec::new(),
        };
        // What stands behind a `=` of a program is an expression, not a value.
        let is_code = is_program(path);
        let mut nesting = Nesting::default();
        let mut offset = 0;
        for (line, raw) in (1..).zip(text.split_inclusive('\n')) {
            let carrier = Carrier::File {
                path: path.to_owned(),
                line,
            };
            let piece = Piece {
                carrier,
                text: raw,
                offset,
            };
            offset += raw.len();
            if is_code {
                source.loose.push(piece.trimmed());
            } else {
                nesting.read_line(&piece.trimmed(), &mut source);
            }
        }
        source
    }
}

impl<'a> Piece<'a> {
    /// Returns the piece from this byte of its text on.
    pub(super) fn from(&self, start: usize) -> Self {
        Self {
            carrier: self.carrier.clone(),
            text: &self.text[start..],
            offset: self.offset + start,
        }
    }

    fn up_to(mut self, end: usize) -> Self {
        self.text = &self.text[..end];
        self
    }

    /// Returns the piece without the blanks at its end; those at its start say how far in it stands.
    fn trimmed(self) -> Self {
        let end = self.text.trim_end().len();
        self.up_to(end)
    }

    /// Cuts off one pair of quotes.
    fn unquoted(self) -> Self {
        let inner = oddity::unquoted(self.text).len();
        if inner == self.text.len() {
            return self;
        }
        self.from(1).up_to(inner)
    }

    fn under(self, key: String) -> Pair<'a> {
        Pair {
            carrier: self.carrier,
            key,
            value: self.text,
            offset: self.offset,
        }
    }
}

fn is_key(text: &str) -> bool {
    text.starts_with(|it: char| it.is_ascii_alphabetic() || it == '_')
        && text
            .bytes()
            .all(|it| it.is_ascii_alphanumeric() || b"_.-".contains(&it))
}

fn words<'a>(command: &[&'a str]) -> Vec<Piece<'a>> {
    let mut found = Vec::new();
    let mut is_script = command.len() == 1;
    for (index, word) in command.iter().enumerate() {
        let carrier = Carrier::Argument(index);
        let piece = Piece {
            carrier,
            text: word,
            offset: 0,
        };
        if is_script {
            found.extend(script_words(&piece));
        } else {
            found.push(piece);
        }
        // `-c`, `-ec`, `-lc` of a shell.
        is_script = word.len() < 5
            && word.starts_with('-')
            && word.ends_with('c')
            && !word.starts_with("--");
    }
    found
}

/// Cuts a script at its blanks, but not within `$(…)`, and takes quotes around words away.
fn script_words<'a>(script: &Piece<'a>) -> Vec<Piece<'a>> {
    let text = script.text;
    let mut found = Vec::new();
    let mut start = 0;
    while start < text.len() {
        let rest = &text[start..];
        let blanks = rest.len() - rest.trim_start().len();
        start += blanks;
        let word = &text[start..start + shell::word_end(&text[start..])];
        if !word.is_empty() {
            let end = word.trim_end_matches(';').len();
            found.push(script.from(start).up_to(end).unquoted());
        }
        start += word.len();
    }
    found
}

/// The keys around the line that is read.
#[derive(Default)]
struct Nesting {
    section: Option<String>,
    /// How far in a key stands, and the key. Entries of lists are called `#n`.
    keys: Vec<(usize, String)>,
    entries: usize,
}

impl Nesting {
    fn read_line<'a>(&mut self, line: &Piece<'a>, source: &mut Source<'a>) {
        let mut indent = line.text.len() - line.text.trim_start().len();
        let mut content = line.from(indent);
        if content.text.is_empty()
            || content.text.starts_with(['#', ';'])
            || content.text.starts_with("//")
        {
            return;
        }
        if let Some(section) = section(content.text) {
            self.entries += 1;
            let number = if content.text.starts_with("[[") {
                format!(".#{}", self.entries)
            } else {
                String::new()
            };
            self.section = Some(format!("{section}{number}"));
            self.keys.clear();
            return;
        }
        self.keys.retain(|(outer, key)| {
            *outer < indent
                || *outer == indent && content.text.starts_with("- ") && !key.starts_with('#')
        });
        let is_entry = content.text.starts_with("- ");
        while let Some(rest) = content.text.strip_prefix("- ") {
            let skipped = content.text.len() - rest.trim_start().len();
            self.entries += 1;
            self.keys.push((indent, format!("#{}", self.entries)));
            content = content.from(skipped);
            indent += skipped;
        }
        let table = content.text.trim_end_matches([',', ' ']);
        if table.starts_with('{') && table.ends_with('}') {
            self.entries += 1;
            let entry = format!("#{}", self.entries);
            self.push(source, &entry, content.up_to(table.len()));
            return;
        }
        match pair(&content) {
            Some((key, value))
                if matches!(value.text, "" | "{" | "[" | "|" | ">" | "|-" | ">-") =>
            {
                self.keys.push((indent, key));
            }
            Some((key, value)) => self.push(source, &key, value),
            None if is_entry => {
                let value = bare(content);
                source.pairs.push(value.under(self.path(None)));
            }
            None if content.text.contains([' ', '\t']) || content.text.contains("://") => {
                source.loose.push(content);
            }
            None => {}
        }
    }

    /// Adds a value under its key, or what an inline table such as `{ name = "app", port = 1 }` has under the keys in it.
    fn push<'a>(&self, source: &mut Source<'a>, key: &str, value: Piece<'a>) {
        let inner = value
            .text
            .strip_prefix('{')
            .and_then(|it| it.strip_suffix('}'));
        let Some(inner) = inner else {
            source.pairs.push(value.under(self.path(Some(key))));
            return;
        };
        let mut start = 1;
        for part in inner.split(',') {
            let piece = value.from(start).up_to(part.len());
            start += part.len() + 1;
            let blanks = part.len() - part.trim_start().len();
            if let Some((name, value)) = pair(&piece.from(blanks).trimmed()) {
                let key = self.path(Some(&format!("{key}.{name}")));
                source.pairs.push(value.under(key));
            }
        }
    }

    /// Joins the keys around a value; the value of a list stands under the key of the list.
    fn path(&self, key: Option<&str>) -> String {
        let outer = self.keys.iter().map(|(_, key)| key.as_str());
        let outer: Vec<&str> = match key {
            Some(key) => outer.chain([key]).collect(),
            None => outer.filter(|key| !key.starts_with('#')).collect(),
        };
        let section = self.section.as_deref().into_iter();
        section.chain(outer).collect::<Vec<_>>().join(".")
    }
}

/// Reads `[section]` and `[[section]]`.
fn section(text: &str) -> Option<&str> {
    let inner = text.strip_prefix('[')?.strip_suffix(']')?;
    let inner = inner
        .strip_prefix('[')
        .and_then(|it| it.strip_suffix(']'))
        .unwrap_or(inner);
    let is_name = |it: u8| it.is_ascii_alphanumeric() || b"_.- ".contains(&it);
    (!inner.is_empty() && inner.bytes().all(is_name)).then_some(inner)
}

/// Reads `key: value`, `key = value`, `"key": value`, and `word value` where the word ends like the key of a password or a
/// host.
fn pair<'a>(content: &Piece<'a>) -> Option<(String, Piece<'a>)> {
    let start = content
        .text
        .strip_prefix("export ")
        .map_or(0, |_| "export ".len());
    let content = content.from(start);
    let separator = content.text.find(['=', ':', ' ', '\t'])?;
    let behind = content.text[separator..].trim_start_matches([' ', '\t']);
    let written = &content.text[..separator];
    let name = oddity::unquoted(written);
    if !is_key(name) {
        return None;
    }
    let value = if let Some(value) = behind.strip_prefix('=') {
        value
    } else if let Some(value) = behind.strip_prefix(':') {
        let is_yaml = value.is_empty() || value.starts_with([' ', '\t']) || name != written;
        is_yaml.then_some(value)?
    } else {
        // `proxy_pass http://api;` of nginx gives no password.
        if name.ends_with("_pass") {
            let start = content.text.len() - behind.len();
            return Some(("upstream".to_owned(), bare(content.from(start))));
        }
        // So does `ProxyPass "/office" "http://office:5000/"` of Apache: there is an address somewhere behind it.
        if behind.contains("://") || name.eq_ignore_ascii_case("proxypass") {
            return None;
        }
        let field = key::read(name)?.field;
        matches!(field, Field::Password | Field::Host).then_some(behind)?
    };
    let value = value.trim_start();
    let start = content.text.len() - value.len();
    Some((name.to_owned(), bare(content.from(start))))
}

/// Takes away what belongs to the form of a file and not to the value: a comment, a comma or semicolon, quotes.
fn bare(value: Piece<'_>) -> Piece<'_> {
    let is_quoted = value.text.starts_with(['"', '\'']);
    let mut end = value.text.len();
    if !is_quoted && let Some(comment) = value.text.find(" #") {
        end = comment;
    }
    let end = value.text[..end].trim_end().trim_end_matches(',').len();
    let value = value.up_to(end);
    // One semicolon at the end belongs to nginx and its like; several belong to `Host=db;Port=1;`.
    let end = match value.text.strip_suffix(';') {
        Some(rest) if !rest.contains(';') => rest.len(),
        _ => value.text.len(),
    };
    value.up_to(end).unquoted()
}
