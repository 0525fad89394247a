//! Values as they stand in the journal's columns, and back.

use bowline_model::{Effect, ObjectKind, OperationId, Outcome, StepId, StepOutcome};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::JournalError;
use crate::{SealError, Sealer, Spot};

type Result<T> = std::result::Result<T, JournalError>;

/// Text that sorts as the times do.
pub(super) fn time(at: Timestamp) -> String {
    format!("{at:.9}")
}

pub(super) fn parse_time(text: &str) -> Result<Timestamp> {
    text.parse()
        .map_err(|error: jiff::Error| JournalError::Encoding {
            what: "a time",
            text: error.to_string(),
        })
}

pub(super) fn json<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|error| encoding(what, &error))
}

pub(super) fn parse_json<T: DeserializeOwned>(what: &'static str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes).map_err(|error| encoding(what, &error))
}

/// What serde says may quote a value, so only where it happened is kept.
fn encoding(what: &'static str, error: &serde_json::Error) -> JournalError {
    JournalError::Encoding {
        what,
        text: format!("line {} column {}", error.line(), error.column()),
    }
}

/// Seals a value; nothing where there is no key.
pub(super) fn seal<T: Serialize>(
    sealer: Option<&Sealer>,
    spot: Spot<'_>,
    what: &'static str,
    value: &T,
) -> Result<Option<Vec<u8>>> {
    let Some(sealer) = sealer else {
        return Ok(None);
    };
    let plain = json(what, value)?;
    let value = sealer.seal(spot, &plain);
    value.map(Some).map_err(|reason| JournalError::Sealed {
        what: what.to_owned(),
        reason,
    })
}

/// Opens a sealed value.
pub(super) fn open<T: DeserializeOwned>(
    sealer: Option<&Sealer>,
    spot: Spot<'_>,
    what: &'static str,
    value: Option<&[u8]>,
) -> Result<T> {
    let plain = match (sealer, value) {
        (_, None) => Err(SealError::NeverSealed),
        (None, _) => Err(SealError::NoKey),
        (Some(sealer), Some(value)) => sealer.open(spot, value),
    };
    let plain = plain.map_err(|reason| JournalError::Sealed {
        what: format!("{what} of {}", spot.row),
        reason,
    })?;
    parse_json(what, &plain)
}

/// An operation's row.
pub(super) fn number_of(connection: &Connection, id: &OperationId) -> Result<i64> {
    find(connection, id)?.ok_or_else(|| JournalError::UnknownOperation(id.clone()))
}

pub(super) fn find(connection: &Connection, id: &OperationId) -> Result<Option<i64>> {
    let mut query = connection.prepare_cached("SELECT number FROM operation WHERE id = ?1")?;
    Ok(query.query_row([&id.0], |row| row.get(0)).optional()?)
}

pub(super) fn step_id(number: i64) -> StepId {
    StepId(u32::try_from(number).unwrap_or(u32::MAX))
}

pub(super) fn effect_word(effect: Effect) -> &'static str {
    match effect {
        Effect::Read => "read",
        Effect::Reversible => "reversible",
        Effect::Destructive => "destructive",
    }
}

pub(super) fn parse_effect(word: &str) -> Result<Effect> {
    match word {
        "read" => Ok(Effect::Read),
        "reversible" => Ok(Effect::Reversible),
        "destructive" => Ok(Effect::Destructive),
        other => Err(unknown_word("an effect", other)),
    }
}

pub(super) fn parse_kind(word: &str) -> Result<ObjectKind> {
    let all = [
        ObjectKind::Container,
        ObjectKind::Network,
        ObjectKind::Volume,
        ObjectKind::Image,
        ObjectKind::Exec,
        ObjectKind::File,
    ];
    let found = all.into_iter().find(|kind| kind.to_string() == word);
    found.ok_or_else(|| unknown_word("a kind of object", word))
}

fn unknown_word(what: &'static str, word: &str) -> JournalError {
    JournalError::Encoding {
        what,
        text: format!("`{word}` is not known"),
    }
}

pub(super) fn outcome_word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Open => "open",
        Outcome::Done => "done",
        Outcome::Failed { .. } => "failed",
        Outcome::Interrupted => "interrupted",
        Outcome::Superseded { .. } => "superseded",
        Outcome::Undone { .. } => "undone",
        Outcome::Stuck { .. } => "stuck",
    }
}

pub(super) fn step_word(outcome: &StepOutcome) -> &'static str {
    match outcome {
        StepOutcome::Open => "open",
        StepOutcome::Done { .. } => "done",
        StepOutcome::Failed { .. } => "failed",
        StepOutcome::Unknown { .. } => "unknown",
    }
}

/// The columns of an end.
pub(super) struct EndRow {
    pub(super) outcome: String,
    pub(super) step: Option<i64>,
    pub(super) words: Option<String>,
    pub(super) by: Option<String>,
}

impl EndRow {
    pub(super) fn outcome(self) -> Result<Outcome> {
        let words = self.words.unwrap_or_default();
        let by = OperationId(self.by.unwrap_or_default());
        Ok(match self.outcome.as_str() {
            "open" => Outcome::Open,
            "done" => Outcome::Done,
            "failed" => Outcome::Failed {
                step: step_id(self.step.unwrap_or_default()),
                error: words,
            },
            "interrupted" => Outcome::Interrupted,
            "superseded" => Outcome::Superseded { by },
            "undone" => Outcome::Undone { by },
            "stuck" => Outcome::Stuck { state: words },
            other => return Err(unknown_word("an outcome", other)),
        })
    }
}

/// The columns of a step's end.
pub(super) struct StepEndRow {
    pub(super) outcome: Option<String>,
    pub(super) made: Option<String>,
    pub(super) already: bool,
    pub(super) words: Option<String>,
}

impl StepEndRow {
    pub(super) fn outcome(self) -> Result<StepOutcome> {
        let words = self.words.unwrap_or_default();
        Ok(match self.outcome.as_deref() {
            None => StepOutcome::Open,
            Some("done") => StepOutcome::Done {
                made: self.made,
                already: self.already,
            },
            Some("failed") => StepOutcome::Failed { error: words },
            Some("unknown") => StepOutcome::Unknown { because: words },
            Some(other) => return Err(unknown_word("an outcome", other)),
        })
    }
}
