//! Requests that take their time. As on a real engine they are carried out to their end although whoever asked for
//! them may be gone by then.

use std::sync::Arc;
use std::time::Duration;

use bowline_model::{ContainerId, EventAction};

use super::FakeEngine;
use super::world::{Shared, World};
use crate::{EngineError, Stopped};

impl FakeEngine {
    /// Lets the next creation of a network or container of this name take this long. It is carried out then although
    /// nobody waits for it any more; whether a network's name is free is looked at when the request comes and not
    /// again, so two networks may get one name, as on a real engine.
    pub fn creates_late(&self, name: &str, time: Duration) {
        self.shared.lock().late.insert(name.to_owned(), time);
    }

    /// Creates what has this name, at once or later.
    pub(super) async fn create<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&mut World) -> Result<T, EngineError> + Send + 'static,
    ) -> Result<T, EngineError> {
        let Some(time) = self.shared.lock().late.remove(name) else {
            return self.shared.change(work);
        };
        let shared = Arc::clone(&self.shared);
        goes_on(async move {
            // sleeps because: the script says how long the request takes
            tokio::time::sleep(time).await;
            shared.change(work)
        })
        .await
    }

    /// Stops a container that was asked to stop: it may end by itself meanwhile, else it is killed.
    pub(super) async fn wait_for_stop(
        &self,
        id: &ContainerId,
        grace: Duration,
        has_ended: bool,
    ) -> Result<Stopped, EngineError> {
        let (shared, id) = (Arc::clone(&self.shared), id.clone());
        goes_on(async move {
            if !has_ended && !ends_within(&shared, &id, grace).await {
                shared.change(|world| world.kill(&id, "9"))?;
            }
            shared.change(|world| world.emit_of(&id, EventAction::Stop, &[]));
            Ok(Stopped::Now)
        })
        .await
    }
}

async fn ends_within(shared: &Shared, id: &ContainerId, grace: Duration) -> bool {
    let ended = |world: &mut World| {
        let runs = world.container(id).is_ok_and(|found| found.is_running());
        (!runs).then_some(())
    };
    tokio::time::timeout(grace, shared.until(ended))
        .await
        .is_ok()
}

/// Does something to its end, whoever still waits for it.
async fn goes_on<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> T {
    match tokio::spawn(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
