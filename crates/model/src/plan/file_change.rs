//! Changes of the user's own files: what stands there, what is to stand there, and how that is shown.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Secret;
use crate::file_copy::in_full;

/// A change of a file of the user's: of words in it, of its mode, or both.
///
/// It holds the whole text before and after, so that it can be done, found again after a crash, and taken back to
/// the byte; whoever stores it encrypts it. Neither its `Debug` nor its `Display` shows them, but only
/// [`lines`](Self::lines), in which secrets are masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChange {
    /// The file itself, by its absolute path; never a symbolic link.
    pub path: String,
    /// How messages call it: from the current folder where it lies below that.
    pub name: String,
    /// The lines that change, for people.
    pub lines: Vec<LineChange>,
    /// What has to be there.
    pub before: FileState,
    /// What is there afterwards.
    pub after: FileState,
}

/// What a file is, as far as it can be changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// Its text. Serialising writes it in full; whoever stores the result encrypts it.
    #[serde(with = "in_full")]
    pub text: Secret,
    /// Its permission bits.
    pub mode: u32,
}

/// A line that changes, without its end and with secrets masked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineChange {
    /// Its number, from 1; of a new line, the number that it gets.
    pub line: u32,
    /// What stands there; `None` for a new line.
    pub before: Option<String>,
    /// What is to stand there; `None` for a line that goes.
    pub after: Option<String>,
}

impl FileChange {
    /// The change that takes this one back.
    #[must_use]
    pub fn reversed(&self) -> Self {
        let lines = self.lines.iter().map(|line| LineChange {
            line: line.line,
            before: line.after.clone(),
            after: line.before.clone(),
        });
        Self {
            path: self.path.clone(),
            name: self.name.clone(),
            lines: lines.collect(),
            before: self.after.clone(),
            after: self.before.clone(),
        }
    }

    /// The lines as people read changes: what goes behind `-`, what comes behind `+`.
    pub fn diff(&self) -> Vec<String> {
        let mark = |mark: char, line: &Option<String>| {
            line.as_ref().map(|line| format!("{mark} {}", line.trim()))
        };
        let lines = self.lines.iter();
        lines
            .flat_map(|line| [mark('-', &line.before), mark('+', &line.after)])
            .flatten()
            .collect()
    }
}

impl fmt::Display for FileChange {
    /// Names the file and what is done to it: `edit compose.yaml:12`, `set the mode of run.sh to 755`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = (&self.before, &self.after);
        if before.text != after.text {
            write!(f, "edit {}", self.name)?;
            match self.lines.first() {
                Some(first) => write!(f, ":{}", first.line)?,
                None => write!(f, " (line ends only)")?,
            }
        }
        if before.mode != after.mode {
            if before.text != after.text {
                f.write_str(" and ")?;
            }
            write!(f, "set the mode of {} to {:o}", self.name, after.mode)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(text: &str, mode: u32) -> FileState {
        FileState {
            text: Secret::new(text),
            mode,
        }
    }

    fn change() -> FileChange {
        FileChange {
            path: "/srv/shop/compose.yaml".to_owned(),
            name: "compose.yaml".to_owned(),
            lines: vec![LineChange {
                line: 12,
                before: Some("      URL: http://cahe".to_owned()),
                after: Some("      URL: http://cache".to_owned()),
            }],
            before: state("… cahe hunter2", 0o644),
            after: state("… cache hunter2", 0o644),
        }
    }

    #[test]
    fn a_change_is_shown_by_its_lines_and_never_by_the_whole_text() {
        let change = change();
        assert_eq!(change.to_string(), "edit compose.yaml:12");
        assert_eq!(change.diff(), ["- URL: http://cahe", "+ URL: http://cache"]);
        assert!(!format!("{change:?}").contains("hunter2"));
        let mode = FileChange {
            lines: Vec::new(),
            before: state("x", 0o644),
            after: state("x", 0o755),
            ..change
        };
        assert_eq!(mode.to_string(), "set the mode of compose.yaml to 755");
    }

    #[test]
    fn what_takes_a_change_back_has_before_and_after_the_other_way_round() {
        let change = change();
        let back = change.reversed();
        assert_eq!(back.diff(), ["- URL: http://cache", "+ URL: http://cahe"]);
        assert_eq!(back.after, change.before);
        assert_eq!(back.reversed(), change);
    }

    #[test]
    fn a_change_outlasts_the_process_with_its_texts_in_full() {
        let text = serde_json::to_string(&change()).unwrap();
        assert_eq!(serde_json::from_str::<FileChange>(&text).unwrap(), change());
    }
}
