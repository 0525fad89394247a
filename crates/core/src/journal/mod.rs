//! The journal of a stack: what was to be done, is done and was done, on disk before it happens.
//!
//! The formats and their reasons are in `docs/decisions/journal-records-and-undo.md`; what is sealed, in
//! `docs/decisions/secrets-at-rest.md`. No other module opens the file.
//!
//! An append returns when it is on the disk, or an error when nothing of it is: then do not act. Whoever acts
//! on an engine needs a [`StepToken`], and only [`Journal::intend`] makes one. Start with [`Journal::open`] to
//! change a stack and [`Journal::look`] to show its past.

mod error;
mod memory;
mod operations;
mod rows;
mod schema;
mod steps;
mod writer;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bowline_model::{
    Action, Actor, ContainerId, Effect, EngineEvent, Goal, ObjectKind, Operation, OperationId,
    Outcome, Plan, Step, StepId, StepOutcome, Undo,
};
use jiff::Timestamp;

pub use error::{JournalError, StorageProblem};

use crate::seal::random;
use crate::{Baseline, Clock, LockGuard, Memory, SealError, Sealer, StateHome, files};
use schema::Owner;
use writer::Writer;

type Result<T> = std::result::Result<T, JournalError>;

/// A stack's journal. Clones are the same journal; the last one closes the file.
#[derive(Clone, Debug)]
pub struct Journal {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    writer: Writer,
    sealer: Option<Sealer>,
    clock: Arc<dyn Clock>,
    path: PathBuf,
}

/// An operation that is to begin.
#[derive(Clone, Debug, PartialEq)]
pub struct NewOperation {
    /// Its id, from [`new_operation_id`].
    pub id: OperationId,
    /// What it is to reach.
    pub goal: Goal,
    /// What it is to do.
    pub plan: Plan,
    /// Who asked for it.
    pub actor: Actor,
    /// The operation that it takes back. Where that one is open, its process died, and it is interrupted now.
    pub undoes: Option<OperationId>,
    /// Open, interrupted, failed or stuck operations whose remains it takes over.
    pub supersedes: Vec<OperationId>,
}

/// The right to act: says that a step and its undo are on the disk.
///
/// Only [`Journal::intend`] makes one, and [`Journal::conclude`] uses it up. Who acts on an engine takes one
/// by reference, and does the action in it and nothing else.
///
/// ```compile_fail
/// use bowline_core::StepToken;
/// use bowline_model::{Action, OperationId, StepId};
///
/// fn made(operation: OperationId, step: StepId, action: Action) -> StepToken {
///     StepToken { operation, step, action }
/// }
/// ```
///
/// ```compile_fail
/// fn twice(token: bowline_core::StepToken) -> (bowline_core::StepToken, bowline_core::StepToken) {
///     (token.clone(), token)
/// }
/// ```
#[derive(Debug)]
#[must_use = "an action that is written down is done, or concluded as failed"]
pub struct StepToken {
    operation: OperationId,
    step: StepId,
    action: Action,
}

impl StepToken {
    /// A token that no journal gave out, for tests of what needs one.
    #[cfg(test)]
    pub(crate) fn of_nobody(operation: &OperationId, step: &Step) -> Self {
        Self {
            operation: operation.clone(),
            step: step.id,
            action: step.action.clone(),
        }
    }

    /// The operation.
    pub fn operation(&self) -> &OperationId {
        &self.operation
    }

    /// The step's number.
    pub fn step(&self) -> StepId {
        self.step
    }

    /// What may be done, as it was written down.
    pub fn action(&self) -> &Action {
        &self.action
    }
}

/// An operation with everything that is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct OperationRecord {
    /// Who, when, and how it ended.
    pub operation: Operation,
    /// Its plan as it was printed.
    pub plan: String,
    /// The steps that began, in the order in which they did.
    pub steps: Vec<StepRecord>,
}

/// A step that began.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// Its number in the plan.
    pub id: StepId,
    /// The action, in words.
    pub action: String,
    /// Why, in words.
    pub cause: String,
    /// How strong it was.
    pub effect: Effect,
    /// The service it was done for.
    pub service: Option<String>,
    /// How it is taken back, in words.
    pub undo: String,
    /// When it was written down.
    pub began: Timestamp,
    /// When its outcome was.
    pub ended: Option<Timestamp>,
    /// How it went.
    pub outcome: StepOutcome,
    /// The step and its undo in full, where the host key opens them.
    pub intended: Result<Intended>,
}

/// A step and how it is taken back.
#[derive(Clone, Debug, PartialEq)]
pub struct Intended {
    /// The step.
    pub step: Step,
    /// How it is taken back.
    pub undo: Undo,
}

/// An object that a later operation changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The later operation.
    pub operation: OperationId,
    /// What the object is.
    pub kind: ObjectKind,
    /// Its name.
    pub name: String,
}

/// A time in which nobody listened to the engine. Both ends are times of the engine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The last event before it.
    pub since: Timestamp,
    /// When listening began again.
    pub until: Timestamp,
}

/// Something that was passed through to a container: `exec`, `cp`, `kill`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    /// When; set by the journal.
    pub at: Option<Timestamp>,
    /// Who.
    pub actor: Actor,
    /// The verb.
    pub verb: String,
    /// The service or container.
    pub subject: String,
    /// What, without secrets.
    pub words: String,
}

/// What the journal remembers of some containers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remembered {
    /// For the planner.
    pub memory: Memory,
    /// Containers whose baseline does not open, with the reason: they are compared as if another tool had made
    /// them, and their contents are unknown.
    pub unreadable: BTreeMap<ContainerId, JournalError>,
}

/// Makes a new id for an operation.
///
/// # Errors
///
/// [`SealError::NoRandomness`]: the system gave no random bytes.
pub fn new_operation_id() -> std::result::Result<OperationId, SealError> {
    const LETTERS: &[u8; 36] = b"0123456789abcdefghijklmnopqrstuvwxyz";
    let bytes: [u8; 12] = random().map_err(SealError::NoRandomness)?;
    // The first four of 36 letters are a little more likely; 61 bits of 62 remain.
    let letters = bytes
        .iter()
        .map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()]));
    Ok(OperationId(format!("op-{}", letters.collect::<String>())))
}

impl Journal {
    /// Opens a stack's journal for writing, and makes it where it is missing.
    ///
    /// Without a sealer, operations whose goal holds secrets are refused ([`JournalError::NeedsKey`]), others are
    /// written without their sealed parts and cannot be undone later.
    ///
    /// # Errors
    ///
    /// [`JournalError::File`] and [`JournalError::Storage`]: a newer schema, another file, another stack's journal,
    /// a full disk, missing rights. Nothing was changed then.
    pub async fn open(
        home: &StateHome,
        engine_id: &str,
        project: &str,
        sealer: Option<Sealer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let stack = home.stack(engine_id, project);
        let owner = owner(engine_id, project);
        let path = stack.journal();
        let now = rows::time(clock.now());
        let opened = blocking(move || {
            stack.create_journal()?;
            let path = stack.journal();
            schema::open(&path, &owner, &now).map_err(|error| error.at(&path))
        });
        Self::on(opened.await?, path, sealer, clock)
    }

    /// Opens a stack's journal for reading only; `None` where there is none. Every append is an error.
    pub async fn look(
        home: &StateHome,
        engine_id: &str,
        project: &str,
        sealer: Option<Sealer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Option<Self>> {
        let path = home.stack(engine_id, project).journal();
        let owner = owner(engine_id, project);
        let file = path.clone();
        let opened = blocking(move || {
            if !files::is_there(&file)? {
                return Ok(None);
            }
            schema::look(&file, &owner).map_err(|error| error.at(&file))
        });
        match opened.await? {
            None => Ok(None),
            Some(connection) => Self::on(connection, path, sealer, clock).map(Some),
        }
    }

    fn on(
        connection: rusqlite::Connection,
        path: PathBuf,
        sealer: Option<Sealer>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self> {
        let writer = Writer::start(connection, path.clone())?;
        let inner = Inner {
            writer,
            sealer,
            clock,
            path,
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.inner.path
    }

    /// The key that sealed parts are sealed with, where there is one.
    pub fn sealer(&self) -> Option<&Sealer> {
        self.inner.sealer.as_ref()
    }

    /// Id of the key that the last operation was sealed with, where it is not the one that is here: the host key was
    /// lost or changed. To be said once; what was done until then cannot be undone or resumed without it.
    pub async fn other_key(&self) -> Result<Option<String>> {
        let sealer = self.inner.sealer.clone();
        let work = move |connection: &_| operations::other_key(connection, sealer.as_ref());
        self.inner.writer.read(work).await
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    // ---- operations

    /// Begins an operation, and takes over those it supersedes, in one commit.
    ///
    /// # Errors
    ///
    /// - [`JournalError::StillOpen`]: an operation is open that it neither supersedes nor undoes.
    /// - [`JournalError::Illegal`]: what it names may not be superseded or undone any more.
    /// - [`JournalError::BegunAlready`], [`JournalError::UnknownOperation`], [`JournalError::NeedsKey`].
    pub async fn begin(&self, new: NewOperation) -> Result<()> {
        let (sealer, now) = (self.inner.sealer.clone(), self.now());
        let work = move |connection: &_| operations::begin(connection, sealer.as_ref(), now, &new);
        self.inner.writer.write(work).await
    }

    /// Writes down a step and how it is taken back, before anything is done.
    ///
    /// # Errors
    ///
    /// [`JournalError::IllegalStep`]: the operation has ended. [`JournalError::IntendedAlready`].
    pub async fn intend(
        &self,
        operation: &OperationId,
        step: &Step,
        undo: &Undo,
    ) -> Result<StepToken> {
        let (sealer, now) = (self.inner.sealer.clone(), self.now());
        let token = StepToken {
            operation: operation.clone(),
            step: step.id,
            action: step.action.clone(),
        };
        let (operation, step, undo) = (operation.clone(), step.clone(), undo.clone());
        let work = move |connection: &_| {
            steps::intend(connection, sealer.as_ref(), now, &operation, &step, &undo)
        };
        self.inner.writer.write(work).await?;
        Ok(token)
    }

    /// Writes down a step as [`Journal::intend`] does, once it is sure that the stack's lock is held.
    ///
    /// # Errors
    ///
    /// [`JournalError::LockLost`]: nothing was written, and nothing more may be begun.
    pub async fn intend_under(
        &self,
        lock: &LockGuard,
        operation: &OperationId,
        step: &Step,
        undo: &Undo,
    ) -> Result<StepToken> {
        lock.confirm().await?;
        self.intend(operation, step, undo).await
    }

    /// Writes down how a step went.
    ///
    /// After an error the step stays open; it is found out and settled by whoever continues.
    pub async fn conclude(&self, token: StepToken, outcome: StepOutcome) -> Result<()> {
        let now = self.now();
        let work = move |connection: &_| {
            let StepToken {
                operation, step, ..
            } = &token;
            steps::conclude(
                connection,
                now,
                operation,
                *step,
                &outcome,
                steps::Knowing::AtFirstHand,
            )
        };
        self.inner.writer.write(work).await
    }

    /// Gives a step of an operation whose process died the outcome that was found out on the engine. Also turns
    /// unknown into done or failed.
    pub async fn settle(
        &self,
        operation: &OperationId,
        step: StepId,
        outcome: StepOutcome,
    ) -> Result<()> {
        let (operation, now) = (operation.clone(), self.now());
        let work =
            move |connection: &_| operations::settle(connection, now, &operation, step, &outcome);
        self.inner.writer.write(work).await
    }

    /// Ends an operation as done, failed, interrupted or stuck. Where it is an undo and done, the operation that
    /// it takes back is undone, in the same commit.
    ///
    /// # Errors
    ///
    /// [`JournalError::OpenSteps`]: conclude them first. [`JournalError::Illegal`].
    pub async fn close(&self, operation: &OperationId, outcome: Outcome) -> Result<()> {
        let (operation, now) = (operation.clone(), self.now());
        let work = move |connection: &_| operations::close(connection, now, &operation, &outcome);
        self.inner.writer.write(work).await
    }

    /// Operations that nobody ended: with the stack's lock in hand, those whose process died. At most one.
    pub async fn open_operations(&self) -> Result<Vec<OperationId>> {
        self.inner.writer.read(operations::open).await
    }

    /// Everything about one operation; `None` where it is not known.
    pub async fn operation(&self, id: &OperationId) -> Result<Option<OperationRecord>> {
        let (id, sealer) = (id.clone(), self.inner.sealer.clone());
        let work = move |connection: &_| {
            let Some((operation, plan)) = operations::get(connection, &id)? else {
                return Ok(None);
            };
            let steps = steps::of_operation(connection, sealer.as_ref(), &id)?;
            Ok(Some(OperationRecord {
                operation,
                plan,
                steps,
            }))
        };
        self.inner.writer.read(work).await
    }

    /// The last operations, newest first.
    pub async fn history(&self, limit: u32) -> Result<Vec<Operation>> {
        self.inner
            .writer
            .read(move |connection| operations::history(connection, limit))
            .await
    }

    /// What an operation was to reach.
    ///
    /// # Errors
    ///
    /// [`JournalError::Sealed`]: with another host key, or without one.
    pub async fn goal(&self, id: &OperationId) -> Result<Goal> {
        let (id, sealer) = (id.clone(), self.inner.sealer.clone());
        self.inner
            .writer
            .read(move |connection| operations::goal(connection, sealer.as_ref(), &id))
            .await
    }

    /// What an operation was to do. Errors as [`Journal::goal`].
    pub async fn plan(&self, id: &OperationId) -> Result<Plan> {
        let (id, sealer) = (id.clone(), self.inner.sealer.clone());
        self.inner
            .writer
            .read(move |connection| operations::plan(connection, sealer.as_ref(), &id))
            .await
    }

    /// What later operations did to the objects of this one, those aside that were taken back again. Where there
    /// is anything, this operation cannot be undone.
    pub async fn touched_later(&self, id: &OperationId) -> Result<Vec<Touched>> {
        let id = id.clone();
        self.inner
            .writer
            .read(move |connection| steps::touched_later(connection, &id))
            .await
    }

    /// Those of these operations, read from labels, that this journal does not know: another state home works on
    /// the stack, or one was lost.
    pub async fn unknown_operations(&self, ids: Vec<OperationId>) -> Result<Vec<OperationId>> {
        self.inner
            .writer
            .read(move |connection| operations::unknown(connection, ids))
            .await
    }

    // ---- containers

    /// Remembers how a container was wanted and how it looked, `baseline.observed` saying which. Repeating
    /// replaces it.
    pub async fn set_baseline(&self, made_by: &OperationId, baseline: &Baseline) -> Result<()> {
        let (sealer, now) = (self.inner.sealer.clone(), self.now());
        let (made_by, baseline) = (made_by.clone(), baseline.clone());
        let work = move |connection: &_| {
            memory::set_baseline(connection, sealer.as_ref(), now, &made_by, &baseline)
        };
        self.inner.writer.write(work).await
    }

    /// What is remembered of a container. Errors as [`Journal::goal`].
    pub async fn baseline(&self, container: &ContainerId) -> Result<Option<Baseline>> {
        let (container, sealer) = (container.clone(), self.inner.sealer.clone());
        self.inner
            .writer
            .read(move |connection| memory::baseline(connection, sealer.as_ref(), &container))
            .await
    }

    /// Forgets containers that are gone: their baselines, and when they were ready. Repeating it is success.
    pub async fn forget(&self, containers: Vec<ContainerId>) -> Result<()> {
        let forget = move |connection: &_| {
            containers
                .iter()
                .try_for_each(|container| memory::forget(connection, container))
        };
        self.inner.writer.write(forget).await
    }

    /// Remembers that a container was ready in the run that began at `started` (the engine's `StartedAt`).
    pub async fn set_ready(&self, container: &ContainerId, started: Timestamp) -> Result<()> {
        let (container, now) = (container.clone(), self.now());
        self.inner
            .writer
            .write(move |connection| memory::set_ready(connection, &container, started, now))
            .await
    }

    /// Tells whether a container was ready in the run that began at `started`.
    pub async fn is_ready(&self, container: &ContainerId, started: Timestamp) -> Result<bool> {
        let container = container.clone();
        let starts = self
            .inner
            .writer
            .read(move |connection| memory::ready_starts(connection, &container));
        Ok(starts.await?.contains(&started))
    }

    /// Everything that is remembered of these containers. Baselines that do not open are no error.
    pub async fn remembered(&self, containers: Vec<ContainerId>) -> Result<Remembered> {
        let sealer = self.inner.sealer.clone();
        let work = move |connection: &_| {
            let mut found = Remembered::default();
            for container in containers {
                match memory::baseline(connection, sealer.as_ref(), &container) {
                    Ok(Some(baseline)) => {
                        found.memory.baselines.insert(container.clone(), baseline);
                    }
                    Ok(None) => {}
                    Err(error @ (JournalError::Sealed { .. } | JournalError::Encoding { .. })) => {
                        found.unreadable.insert(container.clone(), error);
                    }
                    Err(error) => return Err(error),
                }
                let starts = memory::ready_starts(connection, &container)?;
                found
                    .memory
                    .ready
                    .extend(starts.into_iter().map(|start| (container.clone(), start)));
            }
            Ok(found)
        };
        self.inner.writer.read(work).await
    }

    // ---- what happened

    /// Records what the engine said during an operation, one or many at once. Those that are recorded already
    /// are left as they are.
    pub async fn record_events(
        &self,
        operation: &OperationId,
        events: Vec<EngineEvent>,
    ) -> Result<()> {
        let operation = operation.clone();
        self.inner
            .writer
            .write(move |connection| memory::record_events(connection, &operation, &events))
            .await
    }

    /// What the engine said during an operation, in its order.
    pub async fn events(&self, operation: &OperationId) -> Result<Vec<EngineEvent>> {
        let operation = operation.clone();
        self.inner
            .writer
            .read(move |connection| memory::events(connection, &operation))
            .await
    }

    /// Records that nobody listened for a while.
    pub async fn record_gap(&self, operation: &OperationId, gap: Gap) -> Result<()> {
        let operation = operation.clone();
        self.inner
            .writer
            .write(move |connection| memory::record_gap(connection, &operation, gap))
            .await
    }

    /// When nobody listened during an operation.
    pub async fn gaps(&self, operation: &OperationId) -> Result<Vec<Gap>> {
        let operation = operation.clone();
        self.inner
            .writer
            .read(move |connection| memory::gaps(connection, &operation))
            .await
    }

    /// Writes the one line of something that is passed through.
    pub async fn pass(&self, passed: Passed) -> Result<()> {
        let now = self.now();
        self.inner
            .writer
            .write(move |connection| memory::pass(connection, now, &passed))
            .await
    }

    /// What was passed through last, newest first.
    pub async fn passes(&self, limit: u32) -> Result<Vec<Passed>> {
        self.inner
            .writer
            .read(move |connection| memory::passes(connection, limit))
            .await
    }
}

fn owner(engine_id: &str, project: &str) -> Owner {
    Owner {
        engine: engine_id.to_owned(),
        project: project.to_owned(),
    }
}

/// Opens files on a thread that may wait for a disk.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or(Err(JournalError::Closed))
}

#[cfg(test)]
mod tests;
