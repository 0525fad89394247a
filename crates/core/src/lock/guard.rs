//! Holding a lock: the heartbeat, and finding out that it is lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bowline_engine::EngineError;
use bowline_model::ContainerId;
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::object::{Beat, Object};
use super::{HEARTBEAT, LockError};
use crate::Clock;
use crate::files::HeldFile;

/// For so long after a good heartbeat the lock counts as held without asking: half of what makes it stale.
const GOOD_FOR: Duration = Duration::from_secs(15);

/// How soon a heartbeat is tried again that the engine did not answer.
const AGAIN: Duration = Duration::from_secs(2);

/// Why a lock is not held any more.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LockLost {
    /// It is not there: somebody removed it (`docker system prune` does), or took it over.
    #[error("the lock of the stack is gone")]
    Gone,
    /// Somebody takes it over, having seen no sign of life for too long.
    #[error("the lock of the stack was taken over by {by}")]
    Claimed {
        /// Who, in its own words.
        by: String,
    },
    /// The engine does not say whether it is held.
    #[error("the lock of the stack cannot be confirmed: {0}")]
    Unconfirmed(EngineError),
}

/// A moment by both clocks: one stops while the host sleeps, the other one can be set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    running: Instant,
    wall: Timestamp,
}

impl Moment {
    pub(super) fn now(clock: &dyn Clock) -> Self {
        Self {
            running: Instant::now(),
            wall: clock.now(),
        }
    }

    /// How long ago it was, by the clock that says more.
    fn age(&self, clock: &dyn Clock) -> Duration {
        let wall = clock.now().duration_since(self.wall).unsigned_abs();
        self.running.elapsed().max(wall)
    }
}

/// A held lock. It is kept alive by a task of its own, and let go by [`LockGuard::release`].
///
/// Dropping it lets it go, too, as far as the runtime still runs; what stays is taken over at once by the next
/// operation from this state home.
#[derive(Debug)]
pub struct LockGuard {
    held: Arc<Held>,
    heart: JoinHandle<()>,
    file: Option<HeldFile>,
}

#[derive(Debug)]
struct Held {
    object: Object,
    id: ContainerId,
    clock: Arc<dyn Clock>,
    good: Mutex<Moment>,
    lost: watch::Sender<Option<LockLost>>,
}

impl LockGuard {
    pub(super) fn new(
        object: Object,
        id: ContainerId,
        made: Moment,
        clock: Arc<dyn Clock>,
        file: HeldFile,
    ) -> Self {
        let held = Arc::new(Held {
            object,
            id,
            clock,
            good: Mutex::new(made),
            lost: watch::channel(None).0,
        });
        let heart = tokio::spawn(beat_on(Arc::clone(&held)));
        Self {
            held,
            heart,
            file: Some(file),
        }
    }

    /// The container that is the lock.
    pub fn id(&self) -> &ContainerId {
        &self.held.id
    }

    /// Becomes `Some` when the lock is lost, and stays so.
    pub fn lost(&self) -> watch::Receiver<Option<LockLost>> {
        self.held.lost.subscribe()
    }

    /// Says what is known of the lock, without asking the engine.
    pub fn check(&self) -> Result<(), LockLost> {
        self.held.known()
    }

    /// Makes sure that the lock is held; to be asked before every step.
    ///
    /// A look at memory while the last good heartbeat is younger than 15 s, else a heartbeat: three short requests.
    ///
    /// # Errors
    ///
    /// Nothing more may be done under this lock, now and later.
    pub async fn confirm(&self) -> Result<(), LockLost> {
        self.held.known()?;
        if self.held.good().age(self.held.clock.as_ref()) < GOOD_FOR {
            return Ok(());
        }
        if let Err(error) = self.held.beat().await {
            self.held.lose(LockLost::Unconfirmed(error));
        }
        self.held.known()
    }

    /// Lets the lock go. It is gone when this returns without an error.
    pub async fn release(mut self) -> Result<(), LockError> {
        self.heart.abort();
        let removed = self.held.object.remove(&self.held.id).await;
        // Only now may another process of ours try.
        if let Some(file) = self.file.take()
            && removed.is_ok()
        {
            file.done();
        }
        removed.map(drop)
    }

    /// Ends as a crash would: nothing is cleaned up.
    #[cfg(test)]
    pub(super) fn die(mut self) {
        self.heart.abort();
        self.file = None;
    }

    /// Does a heartbeat out of turn.
    #[cfg(test)]
    pub(super) async fn beat_now(&self) {
        self.held.beat().await.unwrap();
    }

    /// Sleeps as a stopped process would: no more heartbeats, the file lock held.
    #[cfg(test)]
    pub(super) fn stall(&self) {
        self.heart.abort();
    }
}

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.heart.abort();
        let Some(file) = self.file.take() else {
            return;
        };
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let held = Arc::clone(&self.held);
            runtime.spawn(async move {
                match held.object.remove(&held.id).await {
                    Ok(_) => file.done(),
                    Err(error) => tracing::warn!(%error, "the lock of the stack stays behind"),
                }
            });
        }
    }
}

impl Held {
    fn good(&self) -> MutexGuard<'_, Moment> {
        self.good.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Result<(), LockLost> {
        match &*self.lost.borrow() {
            None => Ok(()),
            Some(lost) => Err(lost.clone()),
        }
    }

    /// The first reason stays.
    fn lose(&self, why: LockLost) {
        self.lost.send_if_modified(|lost| {
            let first = lost.is_none();
            lost.get_or_insert(why);
            first
        });
    }

    async fn beat(&self) -> Result<(), EngineError> {
        // What is known is as old as the question, not as the answer.
        let asked = Moment::now(self.clock.as_ref());
        match self.object.beat(&self.id).await? {
            Beat::Held => *self.good() = asked,
            Beat::Gone => self.lose(LockLost::Gone),
            Beat::Claimed(by) => self.lose(LockLost::Claimed {
                by: by.trim().to_owned(),
            }),
        }
        Ok(())
    }
}

async fn beat_on(held: Arc<Held>) {
    let mut pause = HEARTBEAT;
    while held.known().is_ok() {
        // sleeps because: a heartbeat is a matter of time
        tokio::time::sleep(pause).await;
        pause = match held.beat().await {
            Ok(()) => HEARTBEAT,
            Err(error) => {
                tracing::warn!(%error, project = held.object.project, "no heartbeat for the lock of the stack");
                AGAIN
            }
        };
    }
}
