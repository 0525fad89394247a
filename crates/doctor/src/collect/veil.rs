//! What containers wrote, for people.

use bowline_model::{ObservedContainer, Project, Secret};

use crate::tokens::{Mask, Tokens};

use super::declared;
use super::text::plain;
use super::told::Reader;

/// Hides the secrets of a stack in what its containers wrote: those that its files and its containers hold, in every
/// spelling that a recording is free of, and what looks like one.
pub struct Veil(Mask);

impl Veil {
    /// Knows what the files of a project hold, what was read from elsewhere, and what containers are given.
    pub fn new(
        project: Option<&Project>,
        secrets: &[Secret],
        containers: &[ObservedContainer],
    ) -> Self {
        let mut tokens = Tokens::new(declared::names(project));
        for secret in secrets {
            tokens.token(secret);
        }
        for container in containers {
            Reader::new(container, &[]).remember(&mut tokens);
        }
        declared::remember(project, &mut tokens);
        Self(tokens.mask().without_numbers())
    }

    /// One line as it may be shown: without secrets, and without what steers a terminal.
    pub fn line(&self, line: &str) -> String {
        self.0.apply(&plain(line.as_bytes(), line.len()))
    }
}
