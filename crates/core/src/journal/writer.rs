//! The one thread of this process that has the journal's file open.
//!
//! What waits together is committed together: one fsync for all of it. Each piece of work has a savepoint, so
//! one that fails takes nothing of the others with it. An answer is given only after the commit.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::error::{JournalError, StorageProblem};

/// How many pieces of work share a commit.
const BATCH: usize = 64;

type Committed = Result<(), JournalError>;
type Work = Box<dyn FnOnce(Result<&Connection, JournalError>) -> Worked + Send>;

/// A piece of work on the journal.
struct Job {
    writes: bool,
    work: Work,
}

/// Work that was done and not committed yet.
struct Worked {
    failed: bool,
    answer: Box<dyn FnOnce(Committed) + Send>,
}

/// The way to the thread. Dropping it lets the thread finish what waits, and waits for that.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    path: PathBuf,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(connection: Connection, path: PathBuf) -> Result<Self, JournalError> {
        let (jobs, waiting) = channel();
        let spawned = std::thread::Builder::new()
            .name("journal".into())
            .spawn(move || serve(&connection, &waiting));
        let thread = spawned.map_err(|error| StorageProblem::Other(error.to_string()))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            path,
        })
    }

    /// Reads.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.run(false, work).await
    }

    /// Writes; when this returns it is on the disk, or an error and nothing of it is.
    ///
    /// Dropping the future does not stop the work.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        self.run(true, work).await
    }

    async fn run<T: Send + 'static>(
        &self,
        writes: bool,
        work: impl FnOnce(&Connection) -> Result<T, JournalError> + Send + 'static,
    ) -> Result<T, JournalError> {
        let (answer, answered) = oneshot::channel();
        let work =
            move |connection: Result<&Connection, JournalError>| match connection.and_then(work) {
                Ok(value) => Worked {
                    failed: false,
                    // Nobody may wait any more.
                    answer: Box::new(move |committed: Committed| {
                        drop(answer.send(committed.map(|()| value)));
                    }),
                },
                Err(error) => Worked {
                    failed: true,
                    answer: Box::new(move |_| drop(answer.send(Err(error)))),
                },
            };
        let jobs = self.jobs.as_ref().ok_or(JournalError::Closed)?;
        let job = Job {
            writes,
            work: Box::new(work),
        };
        #[cfg(test)]
        let _time_stands = time_stands();
        jobs.send(job).map_err(|_| JournalError::Closed)?;
        let answer = answered.await.map_err(|_| JournalError::Closed)?;
        answer.map_err(|error| error.at(&self.path))
    }
}

/// Keeps a paused clock from going on as if nothing were done while the writer's thread works. Dropping ends it.
#[cfg(test)]
fn time_stands() -> std::sync::mpsc::Sender<()> {
    let (sender, dropped) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || dropped.recv().is_ok());
    sender
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // It ends with the queue; a panic in it was told on stderr already.
            let _ = thread.join();
        }
    }
}

fn serve(connection: &Connection, waiting: &Receiver<Job>) {
    while let Ok(first) = waiting.recv() {
        let mut batch = vec![first];
        batch.extend(waiting.try_iter().take(BATCH - 1));
        let mut rest = batch.into_iter().peekable();
        // More than once only where the disk runs full in the middle.
        while rest.peek().is_some() {
            commit(connection, &mut rest);
        }
    }
}

/// Does jobs in one transaction. Stops behind one that broke the transaction.
fn commit(connection: &Connection, jobs: &mut std::iter::Peekable<std::vec::IntoIter<Job>>) {
    let writes = jobs.peek().is_some_and(|job| job.writes);
    let begun = connection.execute_batch(if writes { "BEGIN IMMEDIATE" } else { "BEGIN" });
    let mut done = Vec::new();
    let mut outcome = begun.map_err(JournalError::from);
    // A reader's transaction cannot become a writer's without risk, so a batch is of one sort.
    while let Some(job) = jobs.next_if(|job| job.writes == writes) {
        let worked = match &outcome {
            Ok(()) => in_savepoint(connection, job.work),
            Err(error) => Ok((job.work)(Err(error.clone()))),
        };
        match worked {
            Ok(worked) => done.push(worked),
            Err((worked, error)) => {
                done.push(worked);
                outcome = Err(error);
                break;
            }
        }
    }
    if outcome.is_ok() {
        outcome = connection
            .execute_batch("COMMIT")
            .map_err(JournalError::from);
    }
    if outcome.is_err() && !connection.is_autocommit() {
        // Where even this fails, the file is reopened by the next process as it was before.
        let _ = connection.execute_batch("ROLLBACK");
    }
    for worked in done {
        (worked.answer)(outcome.clone());
    }
}

/// Does one job; the error says that the transaction is gone, and with it everything before.
fn in_savepoint(connection: &Connection, work: Work) -> Result<Worked, (Worked, JournalError)> {
    if let Err(error) = connection.execute_batch("SAVEPOINT job") {
        let error = JournalError::from(error);
        return Err((work(Err(error.clone())), error));
    }
    let worked = work(Ok(connection));
    if connection.is_autocommit() {
        // SQLite takes a whole transaction back where it finds no space.
        return Err((worked, StorageProblem::Full.into()));
    }
    let ended = if worked.failed {
        connection.execute_batch("ROLLBACK TO job; RELEASE job")
    } else {
        connection.execute_batch("RELEASE job")
    };
    match ended {
        Ok(()) => Ok(worked),
        Err(error) => Err((worked, error.into())),
    }
}
