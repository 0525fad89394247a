//! The journal's tables, and how a file becomes one. See `docs/decisions/journal-records-and-undo.md`.
//!
//! A migration is never changed once it was released; the next one is added behind it. Nothing is written
//! into a file before it is known to be a journal of this stack in a schema that is understood.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, TransactionBehavior};

use super::error::{JournalError, StorageProblem};

/// `bowl`: says whose file this is, in the file's own header.
const APPLICATION: i32 = 0x626f_776c;

/// How long another process's write is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Each brings the schema from its index to the next number.
const MIGRATIONS: &[&str] = &[include_str!("schema_1.sql")];

/// The newest schema that is known.
pub(super) const NEWEST: i32 = 1;

/// Which stack a journal is of.
#[derive(Clone, Debug)]
pub(super) struct Owner {
    pub(super) engine: String,
    pub(super) project: String,
}

/// Opens a journal's file, which has to be there, for writing; brings it to the newest schema.
pub(super) fn open(path: &Path, owner: &Owner, now: &str) -> Result<Connection, JournalError> {
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    // One snapshot: another process may be making the journal at this moment.
    if understood(&*connection.unchecked_transaction()?)? > 0 {
        belongs(&connection, owner)?;
    }
    // WAL and FULL: a commit that returned survives the power cord.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        let problem = StorageProblem::Other(format!(
            "its file system allows no write-ahead log ({mode})"
        ));
        return Err(problem.into());
    }
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;")?;
    migrate(&mut connection, owner, now)?;
    belongs(&connection, owner)?;
    Ok(connection)
}

/// Opens a journal's file for reading only; `None` where nothing was ever written into it, or where it has to be
/// migrated first.
pub(super) fn look(path: &Path, owner: &Owner) -> Result<Option<Connection>, JournalError> {
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    if understood(&*connection.unchecked_transaction()?)? < NEWEST {
        return Ok(None);
    }
    belongs(&connection, owner)?;
    Ok(Some(connection))
}

fn connect(path: &Path, how: OpenFlags) -> Result<Connection, JournalError> {
    let connection = Connection::open_with_flags(path, how | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

/// The schema of a file that is a journal or empty.
fn understood(connection: &Connection) -> Result<i32, JournalError> {
    let pragma = |name: &str| {
        connection.query_row(&format!("PRAGMA {name}"), [], |row| row.get::<_, i32>(0))
    };
    let (application, version) = (pragma("application_id")?, pragma("user_version")?);
    let tables: i64 =
        connection.query_row("SELECT count(*) FROM sqlite_master", [], |row| row.get(0))?;
    if application != APPLICATION && (application != 0 || version != 0 || tables != 0) {
        return Err(StorageProblem::NotAJournal.into());
    }
    if version > NEWEST {
        let problem = StorageProblem::NewerSchema {
            found: version,
            known: NEWEST,
        };
        return Err(problem.into());
    }
    Ok(version)
}

/// Refuses the journal of another stack.
fn belongs(connection: &Connection, owner: &Owner) -> Result<(), JournalError> {
    let about = |key: &str| {
        let query = "SELECT value FROM about WHERE key = ?1";
        connection
            .query_row(query, [key], |row| row.get::<_, String>(0))
            .optional()
    };
    let engine = about("engine")?.unwrap_or_default();
    let project = about("project")?.unwrap_or_default();
    if engine == owner.engine && project == owner.project {
        return Ok(());
    }
    Err(StorageProblem::OtherStack { engine, project }.into())
}

fn migrate(connection: &mut Connection, owner: &Owner, now: &str) -> Result<(), JournalError> {
    // Two processes may come here at once; the second finds it done.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let from = understood(&transaction)?;
    for (index, migration) in MIGRATIONS
        .iter()
        .enumerate()
        .skip(usize::try_from(from).unwrap_or(0))
    {
        transaction.execute_batch(migration)?;
        if index == 0 {
            let insert = "INSERT INTO about (key, value) VALUES ('engine', ?1), ('project', ?2), ('begun', ?3)";
            transaction.execute(insert, [&owner.engine, &owner.project, now])?;
        }
    }
    if from < NEWEST {
        transaction.execute_batch(&format!(
            "PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {NEWEST};"
        ))?;
    }
    transaction.commit()?;
    Ok(())
}
