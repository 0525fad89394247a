//! Problems and warnings as people read them: what, where, the user's own line, and what to do next.

use std::fmt::{self, Display, Write as _};

use bowline_model::{MASK, Place, is_secret_key, mask_line};

use crate::context::Context;
use crate::problem::{Caution, Mistake, Remark};
use crate::source::Sources;

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

/// How a report is set.
#[derive(Clone, Copy, Debug, Default)]
struct Style {
    color: bool,
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
        render(&self.warnings, &self.problems.sources, "warning", color)
            + &self.problems.render(color)
    }
}

impl Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut first = true;
        for remark in self.problems.iter() {
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

impl Report<Mistake> {
    /// Renders the mistakes with the user's lines.
    pub fn render(&self, color: bool) -> String {
        render(&self.remarks, &self.sources, "error", color)
    }
}

impl Report<Caution> {
    /// Renders the warnings with the user's lines.
    pub fn render(&self, color: bool) -> String {
        render(&self.remarks, &self.sources, "warning", color)
    }
}

fn render<T: Display>(remarks: &[Remark<T>], sources: &Sources, word: &str, color: bool) -> String {
    let mut out = String::new();
    for (index, remark) in remarks.iter().enumerate() {
        write_remark(&mut out, Style { color }, word, remark, sources);
        // The same advice for one mistake after the other is given once, behind the last.
        if remarks
            .get(index + 1)
            .is_none_or(|next| next.hints != remark.hints)
        {
            write_hints(&mut out, Style { color }, &remark.hints);
        }
    }
    out
}

fn write_hints(out: &mut String, style: Style, hints: &[String]) {
    for hint in hints {
        let _ = writeln!(out, "{}: {}", style.paint("1;36", "hint"), printable(hint));
    }
}

fn headline<T: Display>(remark: &Remark<T>) -> String {
    if remark.path.is_empty() {
        remark.what.to_string()
    } else {
        format!("{}: {}", remark.path, remark.what)
    }
}

impl Style {
    fn paint(self, code: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{code}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

fn write_remark<T: Display>(
    out: &mut String,
    style: Style,
    word: &str,
    remark: &Remark<T>,
    sources: &Sources,
) {
    let hue = if word == "error" { "1;31" } else { "1;33" };
    let _ = writeln!(
        out,
        "{}: {}",
        style.paint(hue, word),
        style.paint("1", &printable(&headline(remark)))
    );
    if let Some(excerpt) = sources.excerpt(remark.span) {
        let number = excerpt.place.line.to_string();
        let bar = style.paint("1;34", "|");
        let margin = " ".repeat(number.len());
        let _ = writeln!(
            out,
            "{margin}{} {}",
            style.paint("1;34", "-->"),
            excerpt.place
        );
        let line = printable(&shown_line(remark, excerpt.line));
        // A line that is too long to look at is left out; its place says enough.
        if line.chars().count() <= 200 {
            let column = excerpt.place.column as usize - 1;
            let width = excerpt
                .width
                .min(line.chars().count().saturating_sub(column))
                .max(1);
            let _ = writeln!(
                out,
                "{margin} {bar}\n{} {bar} {line}",
                style.paint("1;34", &number)
            );
            if column < line.chars().count() {
                let lead: String = line
                    .chars()
                    .take(column)
                    .map(|c| if c == '\t' { '\t' } else { ' ' })
                    .collect();
                let _ = writeln!(
                    out,
                    "{margin} {bar} {lead}{}",
                    style.paint(hue, &"^".repeat(width))
                );
            }
        }
    }
}

/// The user's line, without secrets. A line of a secret value that does not begin with its key is not shown.
fn shown_line<T>(remark: &Remark<T>, line: &str) -> String {
    let key = remark.path.rsplit('.').next().unwrap_or_default();
    if is_secret_key(key) && !line.contains(key) {
        return MASK.to_owned();
    }
    mask_line(line).trim_end().to_owned()
}

/// Text from a file, without what could steer a terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if c.is_control() && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .collect()
}
