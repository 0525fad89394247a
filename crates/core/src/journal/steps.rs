//! Steps in the journal: intents before the action, outcomes after it.

use bowline_model::{Action, ObjectKind, OperationId, Outcome, Step, StepId, StepOutcome, Undo};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::JournalError;
use super::rows::{self, StepEndRow};
use super::{Intended, StepRecord, Touched, operations};
use crate::{Sealer, Spot};

type Result<T> = std::result::Result<T, JournalError>;

/// How an outcome is known.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Knowing {
    /// From who did it.
    AtFirstHand,
    /// By looking, after a crash.
    FoundOut,
}

fn spot<'a>(row: &'a str, column: &'a str) -> Spot<'a> {
    Spot {
        table: "step",
        row,
        column,
    }
}

fn row_of(operation: &OperationId, step: StepId) -> String {
    format!("{operation}/{step}")
}

/// Writes an intent with its undo.
pub(super) fn intend(
    connection: &Connection,
    sealer: Option<&Sealer>,
    now: Timestamp,
    operation: &OperationId,
    step: &Step,
    undo: &Undo,
) -> Result<()> {
    let number = rows::number_of(connection, operation)?;
    let state = operations::outcome(connection, number)?;
    if state != Outcome::Open {
        return Err(JournalError::IllegalStep {
            operation: operation.clone(),
            step: step.id,
            from: rows::outcome_word(&state),
            to: "begun",
        });
    }
    if find(connection, number, step.id)?.is_some() {
        return Err(JournalError::IntendedAlready {
            operation: operation.clone(),
            step: step.id,
        });
    }
    let row = row_of(operation, step.id);
    let sealed_step = rows::seal(sealer, spot(&row, "step"), "the step", step)?;
    let sealed_undo = rows::seal(sealer, spot(&row, "undo"), "the undo", undo)?;
    connection
        .prepare_cached(
            "INSERT INTO step (operation, step, at, action, cause, effect, service, undo, step_sealed, undo_sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            number,
            step.id.0,
            rows::time(now),
            step.action.to_string(),
            step.cause.to_string(),
            rows::effect_word(step.action.effect()),
            step.service,
            undo_words(undo),
            sealed_step,
            sealed_undo
        ])?;
    let rowid = connection.last_insert_rowid();
    for (kind, name) in objects_of(&step.action) {
        connection
            .prepare_cached("INSERT OR IGNORE INTO touch (step, kind, name) VALUES (?1, ?2, ?3)")?
            .execute(params![rowid, kind.to_string(), name])?;
    }
    Ok(())
}

fn undo_words(undo: &Undo) -> String {
    match undo {
        Undo::Nothing => "nothing".to_owned(),
        Undo::Run(actions) => {
            let actions: Vec<String> = actions.iter().map(Action::to_string).collect();
            actions.join("; ")
        }
        Undo::Impossible { because } => format!("impossible: {because}"),
    }
}

/// The objects that an action changes, by name: what two operations can be in each other's way about.
///
/// No wildcard arm: a new action has to say what it touches.
fn objects_of(action: &Action) -> Vec<(ObjectKind, &str)> {
    use ObjectKind::{Container, File, Image, Network, Volume};
    match action {
        Action::PullImage { .. } | Action::BuildImage { .. } | Action::TagImage { .. } => {
            let references = action.references().into_iter();
            references.map(|reference| (Image, reference)).collect()
        }
        Action::CreateNetwork { spec } => vec![(Network, &spec.name)],
        Action::RemoveNetwork { name, .. } => vec![(Network, name)],
        Action::CreateVolume { spec } => vec![(Volume, &spec.name)],
        Action::RemoveVolume { name } => vec![(Volume, name)],
        Action::CreateContainer { name, .. } => vec![(Container, name)],
        Action::RenameContainer { container, from } => {
            vec![(Container, &container.name), (Container, from)]
        }
        Action::StartContainer { container }
        | Action::StopContainer { container, .. }
        | Action::PauseContainer { container }
        | Action::UnpauseContainer { container }
        | Action::SignalContainer { container, .. }
        | Action::RemoveContainer { container, .. }
        | Action::ConnectNetwork { container, .. }
        | Action::DisconnectNetwork { container, .. } => vec![(Container, &container.name)],
        Action::ChangeFile { change } => vec![(File, &change.path)],
        Action::Await { .. } => Vec::new(),
    }
}

/// A step's row and what it is now.
fn find(
    connection: &Connection,
    operation: i64,
    step: StepId,
) -> Result<Option<(i64, StepOutcome)>> {
    let mut query =
        connection.prepare_cached("SELECT number FROM step WHERE operation = ?1 AND step = ?2")?;
    let number: Option<i64> = query
        .query_row(params![operation, step.0], |row| row.get(0))
        .optional()?;
    number
        .map(|number| Ok((number, outcome(connection, number)?)))
        .transpose()
}

fn outcome(connection: &Connection, step: i64) -> Result<StepOutcome> {
    let mut query = connection.prepare_cached(
        "SELECT outcome, made, already, words FROM step_end WHERE step = ?1 ORDER BY number DESC LIMIT 1",
    )?;
    let last = query.query_row([step], |row| {
        Ok(StepEndRow {
            outcome: row.get(0)?,
            made: row.get(1)?,
            already: row.get(2)?,
            words: row.get(3)?,
        })
    });
    last.optional()?
        .map_or(Ok(StepOutcome::Open), StepEndRow::outcome)
}

fn may_become(from: &StepOutcome, to: &StepOutcome, knowing: Knowing) -> bool {
    use StepOutcome::{Done, Failed, Open, Unknown};
    match (from, to) {
        (_, Open) | (Done { .. } | Failed { .. }, _) | (Unknown { .. }, Unknown { .. }) => false,
        (Open, Done { .. } | Failed { .. } | Unknown { .. }) => true,
        (Unknown { .. }, Done { .. } | Failed { .. }) => knowing == Knowing::FoundOut,
    }
}

/// Appends a step's outcome, where that is legal.
pub(super) fn conclude(
    connection: &Connection,
    now: Timestamp,
    operation: &OperationId,
    step: StepId,
    how: &StepOutcome,
    knowing: Knowing,
) -> Result<()> {
    let number = rows::number_of(connection, operation)?;
    let Some((row, from)) = find(connection, number, step)? else {
        return Err(JournalError::UnknownStep {
            operation: operation.clone(),
            step,
        });
    };
    if !may_become(&from, how, knowing) {
        return Err(JournalError::IllegalStep {
            operation: operation.clone(),
            step,
            from: rows::step_word(&from),
            to: rows::step_word(how),
        });
    }
    append(connection, now, row, how)
}

fn append(connection: &Connection, now: Timestamp, step: i64, how: &StepOutcome) -> Result<()> {
    let (made, already, words) = match how {
        StepOutcome::Done { made, already } => (made.as_ref(), *already, None),
        StepOutcome::Failed { error: words } | StepOutcome::Unknown { because: words } => {
            (None, false, Some(words))
        }
        StepOutcome::Open => return Ok(()),
    };
    connection
        .prepare_cached(
            "INSERT INTO step_end (step, at, outcome, made, already, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![step, rows::time(now), rows::step_word(how), made, already, words])?;
    Ok(())
}

fn open_rows(connection: &Connection, operation: i64) -> Result<Vec<(i64, i64)>> {
    let mut query = connection.prepare_cached(
        "SELECT s.number, s.step FROM step s
         WHERE s.operation = ?1 AND NOT EXISTS (SELECT 1 FROM step_end e WHERE e.step = s.number) ORDER BY s.number",
    )?;
    let found = query.query_map([operation], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Steps of an operation without an outcome.
pub(super) fn open(connection: &Connection, operation: i64) -> Result<Vec<StepId>> {
    let found = open_rows(connection, operation)?;
    Ok(found
        .into_iter()
        .map(|(_, step)| rows::step_id(step))
        .collect())
}

/// Says of every step without an outcome that it has none.
pub(super) fn give_up(
    connection: &Connection,
    now: Timestamp,
    operation: i64,
    because: &str,
) -> Result<()> {
    let because = because.to_owned();
    let how = StepOutcome::Unknown { because };
    for (row, _) in open_rows(connection, operation)? {
        append(connection, now, row, &how)?;
    }
    Ok(())
}

/// Every step of an operation, in the order in which they began.
pub(super) fn of_operation(
    connection: &Connection,
    sealer: Option<&Sealer>,
    operation: &OperationId,
) -> Result<Vec<StepRecord>> {
    let mut query = connection.prepare_cached(
        "SELECT v.*, s.step_sealed, s.undo_sealed FROM steps v
         JOIN operation o ON o.id = v.operation JOIN step s ON s.operation = o.number AND s.step = v.step
         WHERE v.operation = ?1 ORDER BY s.number",
    )?;
    let mut found = query.query([&operation.0])?;
    let mut records = Vec::new();
    while let Some(row) = found.next()? {
        let id = rows::step_id(row.get("step")?);
        let key = row_of(operation, id);
        let (step, undo): (Option<Vec<u8>>, Option<Vec<u8>>) =
            (row.get("step_sealed")?, row.get("undo_sealed")?);
        let intended = rows::open(sealer, spot(&key, "step"), "the step", step.as_deref())
            .and_then(|step| {
                let undo = rows::open(sealer, spot(&key, "undo"), "the undo", undo.as_deref())?;
                Ok(Intended { step, undo })
            });
        let last = StepEndRow {
            outcome: row
                .get::<_, Option<String>>("outcome")?
                .filter(|word| word != "open"),
            made: row.get("made")?,
            already: row.get::<_, Option<bool>>("already")?.unwrap_or_default(),
            words: row.get("words")?,
        };
        let ended: Option<String> = row.get("ended")?;
        records.push(StepRecord {
            id,
            action: row.get("action")?,
            cause: row.get("cause")?,
            effect: rows::parse_effect(&row.get::<_, String>("effect")?)?,
            service: row.get("service")?,
            undo: row.get("undo")?,
            began: rows::parse_time(&row.get::<_, String>("began")?)?,
            ended: ended.as_deref().map(rows::parse_time).transpose()?,
            outcome: last.outcome()?,
            intended,
        });
    }
    Ok(records)
}

/// What later operations did to the objects of this one, apart from what they took back among themselves.
pub(super) fn touched_later(
    connection: &Connection,
    operation: &OperationId,
) -> Result<Vec<Touched>> {
    rows::number_of(connection, operation)?;
    let mut query = connection.prepare_cached(
        "WITH mine AS (SELECT o.number FROM operation o WHERE o.id = ?1),
              last AS (SELECT e.operation, e.outcome, e.by_operation FROM operation_end e
                       WHERE e.number = (SELECT max(number) FROM operation_end x WHERE x.operation = e.operation)),
              gone AS (SELECT operation AS number FROM last, mine WHERE outcome = 'undone' AND operation > mine.number
                       UNION
                       SELECT by_operation FROM last, mine WHERE outcome = 'undone' AND operation > mine.number)
         SELECT DISTINCT o.id, later.kind, later.name
         FROM mine
         JOIN step a ON a.operation = mine.number
         JOIN touch t ON t.step = a.number
         JOIN touch later ON later.kind = t.kind AND later.name = t.name
         JOIN step b ON b.number = later.step
         JOIN operation o ON o.number = b.operation
         WHERE o.number > mine.number AND o.number NOT IN (SELECT number FROM gone)
         ORDER BY o.number, later.kind, later.name",
    )?;
    let mut found = query.query([&operation.0])?;
    let mut touched = Vec::new();
    while let Some(row) = found.next()? {
        touched.push(Touched {
            operation: OperationId(row.get(0)?),
            kind: rows::parse_kind(&row.get::<_, String>(1)?)?,
            name: row.get(2)?,
        });
    }
    Ok(touched)
}
