//! Operations in the journal: how they begin and end, and which transitions are legal.

use bowline_model::{Actor, Goal, Operation, OperationId, Outcome, Plan, StepId, StepOutcome};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::error::JournalError;
use super::rows::{self, EndRow};
use super::{NewOperation, steps};
use crate::{Sealer, Spot};

type Result<T> = std::result::Result<T, JournalError>;

const ENDED_WITHOUT_WORD: &str = "its process ended before it noted how it went";

fn spot<'a>(id: &'a OperationId, column: &'a str) -> Spot<'a> {
    Spot {
        table: "operation",
        row: &id.0,
        column,
    }
}

/// Tells whether an operation that is `from` may become `to`.
fn may_become(from: &Outcome, to: &Outcome) -> bool {
    use Outcome::{Done, Failed, Interrupted, Open, Stuck, Superseded, Undone};
    match (from, to) {
        (Open, Done | Failed { .. } | Interrupted | Stuck { .. } | Superseded { .. })
        | (Failed { .. } | Interrupted | Stuck { .. }, Superseded { .. } | Undone { .. })
        | (Done, Undone { .. }) => true,
        (
            Open
            | Failed { .. }
            | Interrupted
            | Stuck { .. }
            | Done
            | Superseded { .. }
            | Undone { .. },
            _,
        ) => false,
    }
}

/// Goals that carry no secret, so that they can be reached without a key.
fn needs_key(goal: &Goal) -> bool {
    match goal {
        Goal::Down { .. }
        | Goal::Start { .. }
        | Goal::Stop { .. }
        | Goal::Restart { .. }
        | Goal::Pause { .. }
        | Goal::Unpause { .. } => false,
        Goal::Remedy { changes, by, .. } => !changes.is_empty() || needs_key(by),
        Goal::Up { .. } | Goal::Rerun { .. } | Goal::Undo { .. } => true,
    }
}

/// Begins an operation, and takes over what it supersedes or undoes.
pub(super) fn begin(
    connection: &Connection,
    sealer: Option<&Sealer>,
    now: Timestamp,
    new: &NewOperation,
) -> Result<()> {
    if sealer.is_none() && needs_key(&new.goal) {
        let verb = new.goal.verb();
        return Err(JournalError::NeedsKey { verb });
    }
    if rows::find(connection, &new.id)?.is_some() {
        return Err(JournalError::BegunAlready(new.id.clone()));
    }
    take_over(connection, now, new)?;
    let undoes = new
        .undoes
        .as_ref()
        .map(|id| rows::number_of(connection, id))
        .transpose()?;
    let goal = rows::seal(sealer, spot(&new.id, "goal"), "the goal", &new.goal)?;
    let plan = rows::seal(sealer, spot(&new.id, "plan"), "the plan", &new.plan)?;
    let Actor { user, host, pid } = &new.actor;
    connection
        .prepare_cached(
            "INSERT INTO operation (id, verb, user, host, pid, began, undoes, plan, goal_sealed, plan_sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        )?
        .execute(params![
            new.id.0,
            new.goal.to_string(),
            user,
            host,
            pid,
            rows::time(now),
            undoes,
            new.plan.to_string(),
            goal,
            plan
        ])?;
    for id in &new.supersedes {
        let by = new.id.clone();
        end(connection, now, id, &Outcome::Superseded { by })?;
    }
    Ok(())
}

/// Sees to it that nothing is open but what the new operation supersedes, and that it may take over what it names.
fn take_over(connection: &Connection, now: Timestamp, new: &NewOperation) -> Result<()> {
    let operations: Vec<OperationId> = open(connection)?
        .into_iter()
        .filter(|id| !new.supersedes.contains(id) && new.undoes.as_ref() != Some(id))
        .collect();
    if !operations.is_empty() {
        return Err(JournalError::StillOpen { operations });
    }
    for id in new.supersedes.iter().chain(&new.undoes) {
        let number = rows::number_of(connection, id)?;
        steps::give_up(connection, now, number, ENDED_WITHOUT_WORD)?;
    }
    let Some(id) = &new.undoes else {
        return Ok(());
    };
    if new.supersedes.contains(id) {
        return Err(JournalError::Illegal {
            operation: id.clone(),
            from: "superseded",
            to: "undone",
        });
    }
    let number = rows::number_of(connection, id)?;
    let mut from = outcome(connection, number)?;
    if from == Outcome::Open {
        // Nobody carries it out any more.
        end(connection, now, id, &Outcome::Interrupted)?;
        from = Outcome::Interrupted;
    }
    legal(id, &from, &Outcome::Undone { by: new.id.clone() })
}

fn legal(id: &OperationId, from: &Outcome, to: &Outcome) -> Result<()> {
    if may_become(from, to) {
        return Ok(());
    }
    Err(JournalError::Illegal {
        operation: id.clone(),
        from: rows::outcome_word(from),
        to: rows::outcome_word(to),
    })
}

/// Ends an operation that was carried out here.
pub(super) fn close(
    connection: &Connection,
    now: Timestamp,
    id: &OperationId,
    how: &Outcome,
) -> Result<()> {
    let number = rows::number_of(connection, id)?;
    let by_itself = matches!(
        how,
        Outcome::Done | Outcome::Failed { .. } | Outcome::Interrupted | Outcome::Stuck { .. }
    );
    if !by_itself {
        return Err(JournalError::Illegal {
            operation: id.clone(),
            from: rows::outcome_word(&outcome(connection, number)?),
            to: rows::outcome_word(how),
        });
    }
    end(connection, now, id, how)?;
    let query =
        "SELECT u.id FROM operation o JOIN operation u ON u.number = o.undoes WHERE o.number = ?1";
    let undoes: Option<String> = connection
        .query_row(query, [number], |row| row.get(0))
        .optional()?;
    if let (Some(undone), Outcome::Done) = (undoes, how) {
        let by = id.clone();
        end(
            connection,
            now,
            &OperationId(undone),
            &Outcome::Undone { by },
        )?;
    }
    Ok(())
}

/// Appends an end, where that is legal.
fn end(connection: &Connection, now: Timestamp, id: &OperationId, how: &Outcome) -> Result<()> {
    let number = rows::number_of(connection, id)?;
    legal(id, &outcome(connection, number)?, how)?;
    let open = steps::open(connection, number)?;
    if !open.is_empty() {
        return Err(JournalError::OpenSteps {
            operation: id.clone(),
            steps: open,
        });
    }
    let (step, words, by) = match how {
        Outcome::Failed { step, error } => (Some(step.0), Some(error), None),
        Outcome::Stuck { state } => (None, Some(state), None),
        Outcome::Superseded { by } | Outcome::Undone { by } => {
            (None, None, Some(rows::number_of(connection, by)?))
        }
        Outcome::Open | Outcome::Done | Outcome::Interrupted => (None, None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO operation_end (operation, at, outcome, step, words, by_operation) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![number, rows::time(now), rows::outcome_word(how), step, words, by])?;
    Ok(())
}

/// What an operation is now.
pub(super) fn outcome(connection: &Connection, number: i64) -> Result<Outcome> {
    let mut query = connection.prepare_cached(
        "SELECT e.outcome, e.step, e.words, (SELECT id FROM operation b WHERE b.number = e.by_operation)
         FROM operation_end e WHERE e.operation = ?1 ORDER BY e.number DESC LIMIT 1",
    )?;
    let last = query.query_row([number], |row| {
        Ok(EndRow {
            outcome: row.get(0)?,
            step: row.get(1)?,
            words: row.get(2)?,
            by: row.get(3)?,
        })
    });
    last.optional()?.map_or(Ok(Outcome::Open), EndRow::outcome)
}

/// Operations that nobody ended.
pub(super) fn open(connection: &Connection) -> Result<Vec<OperationId>> {
    let mut query = connection.prepare_cached(
        "SELECT id FROM operation o WHERE NOT EXISTS (SELECT 1 FROM operation_end e WHERE e.operation = o.number)
         ORDER BY o.number",
    )?;
    let ids = query.query_map([], |row| row.get(0).map(OperationId))?;
    Ok(ids.collect::<rusqlite::Result<_>>()?)
}

struct Plain {
    operation: Operation,
    ended: Option<String>,
    began: String,
    last: EndRow,
}

impl Plain {
    fn of(row: &Row<'_>) -> rusqlite::Result<Self> {
        let operation = Operation {
            id: OperationId(row.get("id")?),
            verb: row.get("verb")?,
            actor: Actor {
                user: row.get("user")?,
                host: row.get("host")?,
                pid: row.get("pid")?,
            },
            began: Timestamp::UNIX_EPOCH,
            ended: None,
            outcome: Outcome::Open,
            undoes: row.get::<_, Option<String>>("undoes")?.map(OperationId),
        };
        Ok(Self {
            operation,
            ended: row.get("ended")?,
            began: row.get("began")?,
            last: EndRow {
                outcome: row.get("outcome")?,
                step: row.get("failed_step")?,
                words: row.get("words")?,
                by: row.get("by_operation")?,
            },
        })
    }

    fn operation(self) -> Result<Operation> {
        Ok(Operation {
            began: rows::parse_time(&self.began)?,
            ended: self.ended.as_deref().map(rows::parse_time).transpose()?,
            outcome: self.last.outcome()?,
            ..self.operation
        })
    }
}

/// The last operations, newest first.
pub(super) fn history(connection: &Connection, limit: u32) -> Result<Vec<Operation>> {
    let mut query = connection.prepare_cached(
        "SELECT h.*, o.user, o.host, o.pid FROM history h JOIN operation o USING (number)
         ORDER BY h.number DESC LIMIT ?1",
    )?;
    let found = query.query_map([limit], Plain::of)?;
    found.map(|plain| plain?.operation()).collect()
}

/// One operation, and its plan as it was printed.
pub(super) fn get(
    connection: &Connection,
    id: &OperationId,
) -> Result<Option<(Operation, String)>> {
    let mut query = connection.prepare_cached(
        "SELECT h.*, o.user, o.host, o.pid, o.plan FROM history h JOIN operation o USING (number) WHERE h.id = ?1",
    )?;
    let found = query.query_row([&id.0], |row| Ok((Plain::of(row)?, row.get("plan")?)));
    match found.optional()? {
        None => Ok(None),
        Some((plain, text)) => Ok(Some((plain.operation()?, text))),
    }
}

fn sealed(connection: &Connection, id: &OperationId, column: &str) -> Result<Option<Vec<u8>>> {
    let query = format!("SELECT {column}_sealed FROM operation WHERE id = ?1");
    let found = connection
        .prepare_cached(&query)?
        .query_row([&id.0], |row| row.get(0))
        .optional()?;
    found.ok_or_else(|| JournalError::UnknownOperation(id.clone()))
}

/// What an operation was to reach.
pub(super) fn goal(
    connection: &Connection,
    sealer: Option<&Sealer>,
    id: &OperationId,
) -> Result<Goal> {
    let value = sealed(connection, id, "goal")?;
    rows::open(sealer, spot(id, "goal"), "the goal", value.as_deref())
}

/// What an operation was to do.
pub(super) fn plan(
    connection: &Connection,
    sealer: Option<&Sealer>,
    id: &OperationId,
) -> Result<Plan> {
    let value = sealed(connection, id, "plan")?;
    rows::open(sealer, spot(id, "plan"), "the plan", value.as_deref())
}

/// What the newest operation with a sealed goal was sealed with, where that is another key.
pub(super) fn other_key(
    connection: &Connection,
    sealer: Option<&Sealer>,
) -> Result<Option<String>> {
    let query = "SELECT goal_sealed FROM operation WHERE goal_sealed IS NOT NULL ORDER BY number DESC LIMIT 1";
    let value: Option<Vec<u8>> = connection
        .query_row(query, [], |row| row.get(0))
        .optional()?;
    let found = value.as_deref().and_then(Sealer::key_of);
    Ok(found.filter(|found| sealer.is_none_or(|sealer| sealer.key_id() != *found)))
}

/// Those of these that did not begin here.
pub(super) fn unknown(connection: &Connection, ids: Vec<OperationId>) -> Result<Vec<OperationId>> {
    let mut unknown = Vec::new();
    for id in ids {
        if rows::find(connection, &id)?.is_none() {
            unknown.push(id);
        }
    }
    Ok(unknown)
}

/// Gives an open step of an operation whose process ended its outcome, once that was found out.
pub(super) fn settle(
    connection: &Connection,
    now: Timestamp,
    id: &OperationId,
    step: StepId,
    outcome: &StepOutcome,
) -> Result<()> {
    steps::conclude(connection, now, id, step, outcome, steps::Knowing::FoundOut)
}
