//! Facts as text, to be diagnosed again elsewhere.

use serde::{Deserialize, Serialize};

use crate::Facts;

/// The form of recordings that this build writes. One that adds to it stays readable; any other change counts it up.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Recording<F> {
    /// So that a file tells what it is.
    bowline_facts: u32,
    facts: F,
}

/// Why a recording could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It is no recording.
    #[error("this is no recording of facts: {0}")]
    NotOne(serde_json::Error),
    /// A newer bowline wrote it.
    #[error("it was recorded in form {found}, and this bowline reads {FORMAT}: use a newer one")]
    TooNew {
        /// Its form.
        found: u32,
    },
}

/// Writes facts down, the same bytes for the same facts.
#[expect(
    clippy::missing_panics_doc,
    reason = "facts are plain data with text for keys, which JSON can hold"
)]
pub fn record(facts: &Facts) -> String {
    let recording = Recording {
        bowline_facts: FORMAT,
        facts,
    };
    let mut text = serde_json::to_string_pretty(&recording).expect("JSON can hold it");
    text.push('\n');
    text
}

/// Reads facts that were written down by [`record`].
///
/// # Errors
///
/// [`ReplayError`]: it is something else, or a newer bowline wrote it.
pub fn replay(text: &str) -> Result<Facts, ReplayError> {
    let form: Recording<serde_json::Value> =
        serde_json::from_str(text).map_err(ReplayError::NotOne)?;
    if form.bowline_facts > FORMAT {
        return Err(ReplayError::TooNew {
            found: form.bowline_facts,
        });
    }
    serde_json::from_value(form.facts).map_err(ReplayError::NotOne)
}
