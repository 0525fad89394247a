//! What is gathered while a project is loaded: texts, problems, warnings, and which variables went where.

use std::collections::{BTreeSet, HashMap};

use bowline_model::{MASK, is_secret_key};

use crate::files::Files;
use crate::problem::{Caution, Mistake, Problem, Remark, Warning, shown};
use crate::source::{Sources, Span};
use crate::tree::{At, Node, Size};

/// A variable that took part in a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct UsedVariable {
    pub(crate) name: String,
    pub(crate) state: State,
}

/// What a variable had to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Unset,
    Empty,
    Filled,
}

/// Mistakes that are kept; nobody reads more.
const PROBLEM_LIMIT: usize = 100;

/// Warnings that are kept.
const WARNING_LIMIT: usize = 1000;

/// Values that a project may have in all, everything counted that is copied while it is put together. One
/// document may have fewer.
const NODE_LIMIT: usize = 1_000_000;

/// Bytes of text that may be copied while a project is put together.
const TEXT_LIMIT: usize = 16 << 20;

/// Files that may take part, repetitions counted.
const FILE_LIMIT: usize = 1000;

/// The shortest secret that is looked for in messages; a shorter one is in many words by chance.
const SECRET_LENGTH: usize = 4;

/// The desk on which a project is put together.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) files: Files,
    pub(crate) sources: Sources,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    /// Variables by the scalar in which they were used, where they matter for what is said about it: those
    /// that were empty, and those that are secret.
    pub(crate) variables: HashMap<Span, Vec<UsedVariable>>,
    /// The values of secret variables that took part in anything.
    secrets: BTreeSet<String>,
    spent: Size,
    files_read: usize,
    is_exhausted: bool,
    /// How many mistakes were known when the current stage of loading began.
    settled: usize,
}

impl Context {
    /// An empty desk for a user who stands in this folder.
    pub(crate) fn new(files: &Files, current_dir: &str) -> Self {
        Self {
            files: files.clone(),
            sources: Sources {
                current_dir: current_dir.to_owned(),
                ..Sources::default()
            },
            ..Self::default()
        }
    }

    /// Reads a text file, unless too many were read already.
    pub(crate) fn read(&mut self, path: &str, kind: &'static str) -> Result<String, Mistake> {
        self.files_read += 1;
        if self.files_read > FILE_LIMIT {
            return Err(Mistake::TooManyFiles { limit: FILE_LIMIT });
        }
        self.files.read(path, kind)
    }

    /// Counts what is about to be copied; says whether that is still within bounds, and reports it if not.
    pub(crate) fn spend(&mut self, size: Size, span: Span) -> bool {
        self.spent.nodes = self.spent.nodes.saturating_add(size.nodes);
        self.spent.bytes = self.spent.bytes.saturating_add(size.bytes);
        let mistake = if self.spent.nodes > NODE_LIMIT {
            Mistake::TooManyNodes { limit: NODE_LIMIT }
        } else if self.spent.bytes > TEXT_LIMIT {
            Mistake::TooMuchText { limit: TEXT_LIMIT }
        } else {
            return true;
        };
        self.is_exhausted = true;
        if !self.problems.iter().any(|problem| problem.what == mistake) {
            self.fail_at(span, String::new(), mistake);
        }
        false
    }

    /// Reports a mistake at a path of the tree.
    pub(crate) fn fail(&mut self, span: Span, at: &At<'_>, mistake: Mistake) {
        self.fail_with(span, at.to_string(), mistake, Vec::new());
    }

    /// Reports a mistake at a path that is already text.
    pub(crate) fn fail_at(&mut self, span: Span, path: String, mistake: Mistake) {
        self.fail_with(span, path, mistake, Vec::new());
    }

    /// Reports a mistake that is not in a place of any file.
    pub(crate) fn refuse(&mut self, mistake: Mistake) {
        self.fail_at(Span::NOWHERE, String::new(), mistake);
    }

    /// Reports a mistake with hints of its own; what empty variables did to the value is added to them.
    pub(crate) fn fail_with(
        &mut self,
        span: Span,
        path: String,
        mistake: Mistake,
        mut hints: Vec<String>,
    ) {
        if self.is_full() || self.is_settled(span, &path) {
            return;
        }
        let empty = self.variables.get(&span).into_iter().flatten();
        for variable in empty.filter(|variable| variable.state != State::Filled) {
            let name = &variable.name;
            let state = match variable.state {
                State::Unset => "is not set",
                State::Empty | State::Filled => "is set to nothing",
            };
            let hint = format!(
                "the variable `{name}` {state}; set it, or give it a default: `${{{name}:-…}}`"
            );
            if !hints.contains(&hint) {
                hints.push(hint);
            }
        }
        hints.extend(mistake.hints());
        let mistake = match self.masked(&mistake.to_string()) {
            Some(text) => Mistake::Masked { text },
            None => mistake,
        };
        let path = self.masked(&path).unwrap_or(path);
        for hint in &mut hints {
            if let Some(masked) = self.masked(hint) {
                *hint = masked;
            }
        }
        let problem = Problem {
            what: mistake,
            path,
            hints,
            span,
        };
        if self.problems.contains(&problem) {
            return;
        }
        self.problems.push(problem);
        if self.is_full() {
            self.problems.push(Problem {
                what: Mistake::TooManyMistakes {
                    limit: PROBLEM_LIMIT,
                },
                path: String::new(),
                hints: Vec::new(),
                span: Span::NOWHERE,
            });
        }
    }

    /// Notes something that Compose does silently and nobody would expect.
    pub(crate) fn warn(&mut self, span: Span, at: &At<'_>, caution: Caution) {
        self.warn_at(span, at.to_string(), caution);
    }

    /// Notes a warning at a path that is already text; the same warning at the same place is kept once.
    pub(crate) fn warn_at(&mut self, span: Span, path: String, caution: Caution) {
        if self.masked(&caution.to_string()).is_some() || self.masked(&path).is_some() {
            return;
        }
        let warning = Remark {
            hints: caution.hints(),
            what: caution,
            path,
            span,
        };
        if self.warnings.len() < WARNING_LIMIT && !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    /// Begins another stage of loading: what is wrong about values that were found wrong before is not reported
    /// any more, since it most likely follows from that.
    pub(crate) fn next_stage(&mut self) {
        self.settled = self.problems.len();
    }

    /// Tells whether an earlier stage found something wrong with this value, around it or inside it.
    pub(crate) fn is_settled(&self, span: Span, path: &str) -> bool {
        let is_part = |part: &str, whole: &str| {
            let rest = part.strip_prefix(whole);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        self.problems[..self.settled].iter().any(|problem| {
            span.is_somewhere() && problem.span == span
                || is_part(path, &problem.path)
                || is_part(&problem.path, path)
        })
    }

    /// Tells whether something is wrong with a value or with an entry of it, if it is a list.
    pub(crate) fn is_wrong(&self, at: &At<'_>) -> bool {
        if self.problems.is_empty() {
            return false;
        }
        let path = at.to_string();
        self.problems.iter().any(|problem| {
            let rest = problem.path.strip_prefix(&path);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
        })
    }

    /// Tells whether everything that is wrong so far stands inside of services, so that what refers to anything
    /// else can be judged.
    pub(crate) fn is_sound_around_services(&self) -> bool {
        self.problems.iter().all(|problem| {
            let inside = problem.path.strip_prefix("services.");
            inside.is_some_and(|inside| inside.contains('.'))
        })
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.problems.is_empty()
    }

    /// Answers nothing where going on makes no sense: a bound was reached, or enough mistakes are known.
    pub(crate) fn go_on(&self) -> Option<()> {
        (!self.is_exhausted && !self.is_full()).then_some(())
    }

    /// Tells whether further mistakes will not be kept, so that nothing has to be worked out about them.
    pub(crate) fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEM_LIMIT
    }

    /// Remembers the value of a secret variable, so that nothing said later repeats it.
    pub(crate) fn keep_secret(&mut self, value: &str) {
        if value.len() >= SECRET_LENGTH {
            self.secrets.insert(value.to_owned());
        }
    }

    /// The text with masks where it repeats a secret, if it does.
    fn masked(&self, text: &str) -> Option<String> {
        let repeats = |text: &str| self.secrets.iter().find(|secret| text.contains(*secret));
        let mut masked = text.replace(repeats(text)?, MASK);
        while let Some(secret) = repeats(&masked) {
            masked = masked.replace(secret, MASK);
        }
        Some(masked)
    }

    /// Tells whether a variable with a secret name took part in a scalar.
    pub(crate) fn is_secret(&self, span: Span) -> bool {
        let variables = self.variables.get(&span).into_iter().flatten();
        variables
            .filter(|variable| variable.state == State::Filled)
            .any(|variable| is_secret_key(&variable.name))
    }

    /// The text of a value for a message, see [`shown`]; masked too where it came out of a secret variable.
    pub(crate) fn shown(&self, span: Span, at: &At<'_>, text: &str) -> String {
        if self.is_secret(span) {
            MASK.to_owned()
        } else {
            shown(at, text)
        }
    }

    /// Like [`shown`](Self::shown), for a value that may not be a scalar.
    pub(crate) fn shown_node(&self, node: &Node, at: &At<'_>) -> String {
        node.value.scalar_text().map_or_else(
            || node.value.kind().to_owned(),
            |text| self.shown(node.span, at, &text),
        )
    }
}
