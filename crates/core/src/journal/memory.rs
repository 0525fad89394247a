//! What the journal remembers of containers, events and pass-through.

use std::collections::BTreeMap;

use bowline_model::{Actor, ContainerId, EngineEvent, EventAction, OperationId, label};
use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::error::JournalError;
use super::{Gap, Passed, rows};
use crate::{Baseline, Sealer, Spot};

type Result<T> = std::result::Result<T, JournalError>;

/// Attributes of events that are kept. Others may hold anything, secrets too: a container's event carries all
/// its labels.
const ATTRIBUTES: &[&str] = &[
    "name",
    "image",
    "exitCode",
    "signal",
    "container",
    "oldName",
    label::PROJECT,
    label::SERVICE,
    label::NUMBER,
    label::ONE_OFF,
    label::OPERATION,
];

fn spot(container: &ContainerId) -> Spot<'_> {
    Spot {
        table: "baseline",
        row: &container.0,
        column: "baseline",
    }
}

/// Keeps or replaces a container's baseline.
pub(super) fn set_baseline(
    connection: &Connection,
    sealer: Option<&Sealer>,
    now: Timestamp,
    made_by: &OperationId,
    baseline: &Baseline,
) -> Result<()> {
    let observed = &baseline.observed;
    let operation = rows::number_of(connection, made_by)?;
    let value = rows::seal(sealer, spot(&observed.id), "the baseline", baseline)?;
    let value = value.ok_or(JournalError::NeedsKey { verb: "up" })?;
    connection
        .prepare_cached(
            "INSERT INTO baseline (container, name, operation, at, image, baseline_sealed) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
             ON CONFLICT (container) DO UPDATE SET name = excluded.name, operation = excluded.operation,
             at = excluded.at, image = excluded.image, baseline_sealed = excluded.baseline_sealed",
        )?
        .execute(params![
            observed.id.0,
            observed.name,
            operation,
            rows::time(now),
            observed.image_id.0,
            value
        ])?;
    Ok(())
}

pub(super) fn baseline(
    connection: &Connection,
    sealer: Option<&Sealer>,
    container: &ContainerId,
) -> Result<Option<Baseline>> {
    let mut query =
        connection.prepare_cached("SELECT baseline_sealed FROM baseline WHERE container = ?1")?;
    let value: Option<Vec<u8>> = query
        .query_row([&container.0], |row| row.get(0))
        .optional()?;
    let Some(value) = value else {
        return Ok(None);
    };
    rows::open(sealer, spot(container), "the baseline", Some(&value)).map(Some)
}

pub(super) fn forget(connection: &Connection, container: &ContainerId) -> Result<()> {
    connection.execute("DELETE FROM baseline WHERE container = ?1", [&container.0])?;
    connection.execute("DELETE FROM ready WHERE container = ?1", [&container.0])?;
    Ok(())
}

pub(super) fn set_ready(
    connection: &Connection,
    container: &ContainerId,
    started: Timestamp,
    now: Timestamp,
) -> Result<()> {
    connection
        .prepare_cached("INSERT OR IGNORE INTO ready (container, started, at) VALUES (?1, ?2, ?3)")?
        .execute(params![container.0, rows::time(started), rows::time(now)])?;
    Ok(())
}

/// The starts after which a container was ready.
pub(super) fn ready_starts(
    connection: &Connection,
    container: &ContainerId,
) -> Result<Vec<Timestamp>> {
    let mut query = connection
        .prepare_cached("SELECT started FROM ready WHERE container = ?1 ORDER BY started")?;
    let found = query.query_map([&container.0], |row| row.get::<_, String>(0))?;
    found.map(|text| rows::parse_time(&text?)).collect()
}

fn word_of(action: &EventAction) -> String {
    match action {
        EventAction::Health(word) => format!("health_status: {word}"),
        other => other.word().to_owned(),
    }
}

/// Records events; those that are there already are left as they are.
pub(super) fn record_events(
    connection: &Connection,
    operation: &OperationId,
    events: &[EngineEvent],
) -> Result<()> {
    let number = rows::number_of(connection, operation)?;
    let mut insert = connection.prepare_cached(
        "INSERT OR IGNORE INTO event (operation, at, kind, action, object, attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for event in events {
        let kept: BTreeMap<&String, &String> = event
            .attributes
            .iter()
            .filter(|(key, _)| ATTRIBUTES.contains(&key.as_str()))
            .collect();
        let kept = String::from_utf8(rows::json("an event", &kept)?).unwrap_or_default();
        insert.execute(params![
            number,
            rows::time(event.at),
            event.kind.to_string(),
            word_of(&event.action),
            event.id,
            kept
        ])?;
    }
    Ok(())
}

pub(super) fn events(connection: &Connection, operation: &OperationId) -> Result<Vec<EngineEvent>> {
    let number = rows::number_of(connection, operation)?;
    let mut query = connection.prepare_cached(
        "SELECT at, kind, action, object, attributes FROM event WHERE operation = ?1 ORDER BY at, number",
    )?;
    let mut found = query.query([number])?;
    let mut events = Vec::new();
    while let Some(row) = found.next()? {
        let attributes: String = row.get(4)?;
        events.push(EngineEvent {
            at: rows::parse_time(&row.get::<_, String>(0)?)?,
            kind: rows::parse_kind(&row.get::<_, String>(1)?)?,
            action: EventAction::from_word(&row.get::<_, String>(2)?),
            id: row.get(3)?,
            attributes: rows::parse_json("an event", attributes.as_bytes())?,
        });
    }
    Ok(events)
}

pub(super) fn record_gap(connection: &Connection, operation: &OperationId, gap: Gap) -> Result<()> {
    let number = rows::number_of(connection, operation)?;
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO event_gap (operation, since, until) VALUES (?1, ?2, ?3)",
        )?
        .execute(params![
            number,
            rows::time(gap.since),
            rows::time(gap.until)
        ])?;
    Ok(())
}

pub(super) fn gaps(connection: &Connection, operation: &OperationId) -> Result<Vec<Gap>> {
    let number = rows::number_of(connection, operation)?;
    let mut query = connection.prepare_cached(
        "SELECT since, until FROM event_gap WHERE operation = ?1 ORDER BY since, until",
    )?;
    let mut found = query.query([number])?;
    let mut gaps = Vec::new();
    while let Some(row) = found.next()? {
        gaps.push(Gap {
            since: rows::parse_time(&row.get::<_, String>(0)?)?,
            until: rows::parse_time(&row.get::<_, String>(1)?)?,
        });
    }
    Ok(gaps)
}

pub(super) fn pass(connection: &Connection, now: Timestamp, passed: &Passed) -> Result<()> {
    let Passed {
        actor,
        verb,
        subject,
        words,
        ..
    } = passed;
    connection
        .prepare_cached("INSERT INTO passed (at, user, host, pid, verb, subject, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)")?
        .execute(params![rows::time(now), actor.user, actor.host, actor.pid, verb, subject, words])?;
    Ok(())
}

pub(super) fn passes(connection: &Connection, limit: u32) -> Result<Vec<Passed>> {
    let mut query = connection.prepare_cached(
        "SELECT at, user, host, pid, verb, subject, words FROM passed ORDER BY number DESC LIMIT ?1",
    )?;
    let mut found = query.query([limit])?;
    let mut passes = Vec::new();
    while let Some(row) = found.next()? {
        passes.push(Passed {
            at: Some(rows::parse_time(&row.get::<_, String>(0)?)?),
            actor: Actor {
                user: row.get(1)?,
                host: row.get(2)?,
                pid: row.get(3)?,
            },
            verb: row.get(4)?,
            subject: row.get(5)?,
            words: row.get(6)?,
        });
    }
    Ok(passes)
}
