//! Problems and warnings as people read them: what, where, the user's own line, and what to do next.

use std::fmt::{self, Display};

use bowline_model::{MASK, Place, is_secret_key, is_steering, mask_line};

use crate::context::Context;
use crate::problem::{Caution, Mistake, Remark};
use crate::source::{Excerpt, Sources, Span};

/// Remarks together with the texts that they speak about.
#[derive(Debug)]
pub struct Report<T> {
    remarks: Vec<Remark<T>>,
    sources: Sources,
}

/// Why a project could not be loaded.
#[derive(Debug)]
pub struct LoadError {
    problems: Report<Mistake>,
    warnings: Vec<Remark<Caution>>,
}

impl LoadError {
    pub(crate) fn new(ctx: Context) -> Self {
        Self {
            problems: Report::new(ctx.problems, ctx.sources),
            warnings: ctx.warnings,
        }
    }

    /// The mistakes, in the order in which they were found.
    pub fn problems(&self) -> &Report<Mistake> {
        &self.problems
    }

    /// The warnings, in the order in which they were found.
    pub fn warnings(&self) -> std::slice::Iter<'_, Remark<Caution>> {
        self.warnings.iter()
    }

    /// Renders the mistakes with the user's lines, and warnings that may explain them.
    pub fn render(&self, color: bool) -> String {
        render_grouped(&self.warnings, &self.problems.sources, color) + &self.problems.render(color)
    }
}

impl Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for remark in &self.problems {
            if !std::mem::take(&mut first) {
                f.write_str("; ")?;
            }
            write!(f, "{}", headline(remark))?;
        }
        Ok(())
    }
}

impl std::error::Error for LoadError {}

impl<T> Report<T> {
    pub(crate) fn new(remarks: Vec<Remark<T>>, sources: Sources) -> Self {
        Self { remarks, sources }
    }

    /// Iterates over the remarks.
    pub fn iter(&self) -> std::slice::Iter<'_, Remark<T>> {
        self.remarks.iter()
    }

    /// Tells whether there is nothing to remark.
    pub fn is_empty(&self) -> bool {
        self.remarks.is_empty()
    }

    /// Returns where in the user's files a remark points to, if it does.
    pub fn place(&self, remark: &Remark<T>) -> Option<Place> {
        self.sources.place(remark.span)
    }
}

impl<'a, T> IntoIterator for &'a Report<T> {
    type Item = &'a Remark<T>;
    type IntoIter = std::slice::Iter<'a, Remark<T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Report<Mistake> {
    /// Renders the mistakes with the user's lines.
    pub fn render(&self, color: bool) -> String {
        render(&self.remarks, &self.sources, "error", color)
    }
}

impl Report<Caution> {
    /// Renders the warnings with the user's lines.
    pub fn render(&self, color: bool) -> String {
        render_grouped(&self.remarks, &self.sources, color)
    }
}

fn render<T: Display + PartialEq>(
    remarks: &[Remark<T>],
    sources: &Sources,
    word: &'static str,
    color: bool,
) -> String {
    let mut page = Page {
        out: String::new(),
        sources,
        word,
        color,
    };
    let mut remarks = remarks.iter().peekable();
    while let Some(remark) = remarks.next() {
        page.remark(remark);
        // The same advice for one mistake after the other is given once, behind the last.
        if remarks.peek().is_none_or(|next| next.hints != remark.hints) {
            page.hints(&remark.hints);
        }
    }
    page.out
}

/// Warnings of the same kind are one, with all their places: a variable that is not set is used often.
fn render_grouped(remarks: &[Remark<Caution>], sources: &Sources, color: bool) -> String {
    let mut page = Page {
        out: String::new(),
        sources,
        word: "warning",
        color,
    };
    for (index, remark) in remarks.iter().enumerate() {
        if remarks[..index]
            .iter()
            .any(|other| other.what == remark.what)
        {
            continue;
        }
        let others = remarks[index + 1..].iter();
        let others = others.filter(|other| other.what == remark.what);
        let others: Vec<Place> = others
            .filter_map(|other| sources.place(other.span))
            .collect();
        page.remark(remark);
        page.also(&others);
        page.hints(&remark.hints);
    }
    page.out
}

fn headline<T: Display>(remark: &Remark<T>) -> String {
    if remark.path.is_empty() {
        remark.what.to_string()
    } else {
        format!("{}: {}", remark.path, remark.what)
    }
}

/// Remarks as they are written down.
struct Page<'a> {
    out: String,
    sources: &'a Sources,
    word: &'static str,
    color: bool,
}

impl Page<'_> {
    fn paint(&self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }

    fn line(&mut self, text: &str) {
        self.out.push_str(text.trim_end());
        self.out.push('\n');
    }

    fn remark<T: Display>(&mut self, remark: &Remark<T>) {
        let hue = if self.word == "error" { "1;31" } else { "1;33" };
        let word = self.paint(hue, self.word);
        let headline = self.paint("1", &printable(&headline(remark)));
        self.line(&format!("{word}: {headline}"));
        let sources = self.sources;
        let Some(excerpt) = sources.excerpt(remark.span) else {
            return;
        };
        let number = excerpt.place.line.to_string();
        let (margin, bar) = (" ".repeat(number.len()), self.paint("1;34", "|"));
        let arrow = self.paint("1;34", "-->");
        let place = printable(&excerpt.place.to_string());
        self.line(&format!("{margin}{arrow} {place}"));
        if excerpt.line.len() > LONGEST_LINE {
            return;
        }
        let shown = printable(&shown_line(remark, &excerpt, sources));
        let window = Window::around(&shown, excerpt.place.column as usize - 1, excerpt.width);
        let number = self.paint("1;34", &number);
        self.line(&format!("{margin} {bar}"));
        self.line(&format!("{number} {bar} {}", window.text));
        if window.width > 0 {
            let marks = self.paint(hue, &"^".repeat(window.width));
            let lead = " ".repeat(window.column);
            self.line(&format!("{margin} {bar} {lead}{marks}"));
        }
    }

    fn also(&mut self, places: &[Place]) {
        if places.is_empty() {
            return;
        }
        let mut shown: Vec<String> = places.iter().take(PLACES).map(Place::to_string).collect();
        if places.len() > PLACES {
            shown.push(format!("and {} more", places.len() - PLACES));
        }
        let text = printable(&shown.join(", "));
        self.line(&format!("also at {text}"));
    }

    fn hints(&mut self, hints: &[String]) {
        let word = self.paint("1;36", "hint");
        for hint in hints {
            self.line(&format!("{word}: {}", printable(hint)));
        }
    }
}

/// The most places that are listed for one warning.
const PLACES: usize = 5;

/// The longest line, in bytes, of which a part is shown. Of a longer one the place says enough.
const LONGEST_LINE: usize = 4000;

/// The part of a line that is shown.
struct Window {
    text: String,
    /// Where the meant part begins in it, in characters.
    column: usize,
    /// How many characters are meant; none where the line as shown ends before them.
    width: usize,
}

/// The most characters of a line that are shown, and how many of them stand before what is meant.
const WINDOW: usize = 120;
const LEAD: usize = 40;

impl Window {
    fn around(line: &str, column: usize, width: usize) -> Self {
        let count = line.chars().count();
        let skipped = if count > WINDOW {
            column.saturating_sub(LEAD).min(count - WINDOW)
        } else {
            0
        };
        let mut text: String = line.chars().skip(skipped).take(WINDOW).collect();
        let end = text.chars().count();
        if skipped + end < count {
            text.push('…');
        }
        let mut column = column - skipped;
        let width = width.min(end.saturating_sub(column));
        if skipped > 0 {
            text.insert(0, '…');
            column += 1;
        }
        Self {
            text,
            column,
            width,
        }
    }
}

/// The user's line, without secrets.
fn shown_line<T>(remark: &Remark<T>, excerpt: &Excerpt<'_>, sources: &Sources) -> String {
    let key = remark.path.rsplit('.').next().unwrap_or_default();
    let line = excerpt.line;
    // The content of a config is a file of its own: whatever it is, it is not for showing.
    if key == "content" {
        return line.find("content:").map_or_else(
            || MASK.to_owned(),
            |at| format!("{}: {MASK}", &line[..at + "content".len()]),
        );
    }
    if is_secret_key(key) && !line.contains(key) || continues_secret(line, remark.span, sources) {
        return MASK.to_owned();
    }
    mask_line(line).trim_end().to_owned()
}

/// Tells whether a line may be part of a secret that began above it, a private key for example.
fn continues_secret(line: &str, span: Span, sources: &Sources) -> bool {
    let is_secret = |key: &str| is_secret_key(key) && key != "secrets";
    let indent = |line: &str| line.len() - line.trim_start().len();
    let has_key = key_of(line).is_some();
    let mut inner = indent(line);
    let mut keys_above = 0;
    for above in sources
        .lines_before(span)
        .filter(|line| !line.trim().is_empty())
    {
        if let Some((key, value)) = key_of(above) {
            keys_above += 1;
            let is_text = value.starts_with(['|', '>']);
            if is_secret(key) && indent(above) < inner && (is_text || !has_key)
                || is_secret(key) && keys_above == 1 && !has_key
            {
                return true;
            }
        }
        inner = inner.min(indent(above));
        if inner == 0 && (keys_above > 0 || has_key) {
            break;
        }
    }
    false
}

/// The key that a line begins with, and what stands behind it.
fn key_of(line: &str) -> Option<(&str, &str)> {
    let entry = line.trim().trim_start_matches("- ").trim_start();
    let entry = entry.strip_prefix("export ").unwrap_or(entry);
    let (key, value) = entry.split_at(entry.find([':', '='])?);
    let is_word = |c: char| c.is_alphanumeric() || "_-./ \"'".contains(c);
    // `QQ==` is the end of something in Base64.
    let is_value =
        value.starts_with(": ") || value == ":" || !value[1..].starts_with('=') && value.len() > 1;
    (!key.is_empty() && key.chars().all(is_word) && is_value)
        .then(|| (key.trim_matches(['"', '\'', ' ']), value[1..].trim()))
}

/// Text from a file on one line, without what could steer a terminal or turn the direction of writing.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => '→',
            c if is_steering(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}
