//! What is gathered while a project is loaded: texts, problems, warnings, and which variables went where.

use std::collections::HashMap;

use crate::problem::{Caution, Mistake, Problem, Remark, Warning};
use crate::source::{Sources, Span};
use crate::tree::At;

/// A variable that took part in a value and had nothing to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct EmptyVariable {
    pub(crate) name: String,
    /// Whether it was set, to nothing, rather than not set at all.
    pub(crate) is_set: bool,
}

/// The desk on which a project is put together.
#[derive(Debug, Default)]
pub(crate) struct Context {
    pub(crate) sources: Sources,
    pub(crate) problems: Vec<Problem>,
    pub(crate) warnings: Vec<Warning>,
    /// Empty variables by the scalar in which they were used.
    pub(crate) empty_variables: HashMap<Span, Vec<EmptyVariable>>,
}

impl Context {
    /// An empty desk for a user who stands in this folder.
    pub(crate) fn in_folder(current_dir: &str) -> Self {
        Self {
            sources: Sources {
                current_dir: current_dir.to_owned(),
                ..Sources::default()
            },
            ..Self::default()
        }
    }

    /// Reports a mistake at a path of the tree.
    pub(crate) fn fail(&mut self, span: Span, at: &At<'_>, mistake: Mistake) {
        self.fail_with(span, at.to_string(), mistake, Vec::new());
    }

    /// Reports a mistake at a path that is already text.
    pub(crate) fn fail_at(&mut self, span: Span, path: String, mistake: Mistake) {
        self.fail_with(span, path, mistake, Vec::new());
    }

    /// Reports a mistake with hints of its own; what empty variables did to the value is added to them.
    pub(crate) fn fail_with(
        &mut self,
        span: Span,
        path: String,
        mistake: Mistake,
        mut hints: Vec<String>,
    ) {
        for variable in self.empty_variables.get(&span).into_iter().flatten() {
            let state = if variable.is_set {
                "is set to nothing"
            } else {
                "is not set"
            };
            hints.push(format!(
                "the variable `{}` {state}; set it, or give it a default: `${{{}:-…}}`",
                variable.name, variable.name
            ));
        }
        hints.extend(mistake.hints());
        let problem = Problem {
            what: mistake,
            path,
            hints,
            span,
        };
        if !self.problems.contains(&problem) {
            self.problems.push(problem);
        }
    }

    /// Notes something that Compose does silently and nobody would expect.
    pub(crate) fn warn(&mut self, span: Span, at: &At<'_>, caution: Caution) {
        self.warn_at(span, at.to_string(), caution);
    }

    /// Notes a warning at a path that is already text; the same warning at the same place is kept once.
    pub(crate) fn warn_at(&mut self, span: Span, path: String, caution: Caution) {
        let warning = Remark {
            hints: caution.hints(),
            what: caution,
            path,
            span,
        };
        if !self.warnings.contains(&warning) {
            self.warnings.push(warning);
        }
    }

    pub(crate) fn has_failed(&self) -> bool {
        !self.problems.is_empty()
    }
}
