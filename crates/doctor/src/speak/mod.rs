//! Servers asked in their own protocol: small clients that log in, read a little, and change nothing.
//!
//! Each speaks over a [`Wire`], which ends by itself: after a time, and after so many bytes. So a server that floods,
//! stalls or speaks something else costs no more than that. What a server says is kept as numbers and as names that
//! were asked for; never the text of a statement, which may hold anything. Who is asked, and why, stands in `questions`.

pub(crate) mod http;
pub(crate) mod mysql;
pub(crate) mod postgres;
pub(crate) mod redis;
#[cfg(test)]
mod script;
pub(crate) mod tls;
mod wire;

pub(crate) use wire::{Bounds, Silence, Wire};

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_model::is_steering;
use serde::{Deserialize, Serialize};

use crate::facts::{AskedLogin, Outcome};

/// How long a connection may take.
pub(crate) const CONNECT: Duration = Duration::from_secs(1);
/// How long everything that is asked of one server with one login may take, connecting included.
pub(crate) const WHOLE: Duration = Duration::from_millis(1500);
/// No more is read of one server with one login, in bytes.
pub(crate) const MOST_BYTES: usize = 64 * 1024;
/// By this name administrators see who asks.
pub(crate) const NAME: &str = "bowline doctor";

/// A login, with its password in the clear. It lives as long as a question, and has no Debug that shows it.
#[derive(Default)]
pub(crate) struct Login {
    /// The account; empty for servers that know passwords only.
    pub(crate) user: String,
    /// The password; `None` where none is brought.
    pub(crate) password: Option<bowline_model::Secret>,
}

/// What a database is asked.
pub(crate) struct Wanted<'a> {
    /// Who asks.
    pub(crate) login: &'a Login,
    /// The database that the login is for; `None` where none is told.
    pub(crate) database: Option<&'a str>,
    /// Names that may be there or not.
    pub(crate) names: &'a Names,
}

impl<'a> Wanted<'a> {
    /// The names, asked for by somebody who is told the database with the login.
    pub(crate) fn new(login: &'a Login, known: &'a AskedLogin, names: &'a Names) -> Self {
        Self {
            login,
            database: known.database.as_deref(),
            names,
        }
    }
}

/// Names that somebody says, and that a database may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Names {
    /// Accounts.
    pub(crate) roles: BTreeSet<String>,
    /// Databases.
    pub(crate) databases: BTreeSet<String>,
    /// Tables, views and sequences, in the database of the login.
    pub(crate) relations: BTreeSet<String>,
}

/// What came of a question, with what was answered until it ended, however it did.
fn as_far_as_it_goes<A: Default>(
    attempt: impl FnOnce(&mut A) -> Result<Outcome, Silence>,
) -> (Outcome, A) {
    let mut answer = A::default();
    let outcome = attempt(&mut answer);
    let outcome = outcome.unwrap_or_else(|silence| Outcome::of(&silence));
    (outcome, answer)
}

/// Whether a name can stand between quotes without ending them, whatever the server's settings are.
fn is_plain(name: &str) -> bool {
    let is_harmless = |it: char| it.is_ascii_alphanumeric() || "_-.$".contains(it);
    !name.is_empty() && name.len() < 64 && name.chars().all(is_harmless)
}

/// A name as it is kept: 64 characters of what can be printed.
fn short(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let printed = text.chars().filter(|it| !is_steering(*it));
    printed.take(64).collect()
}
