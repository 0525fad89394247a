//! The lock as an object on the engine: making it, reading who has it, taking it over.

use std::sync::Arc;
use std::time::Duration;

use bowline_engine::{Engine, EngineError, FileToPut, ImportSpec, RemoveContainer, Sent, tar_of};
use bowline_model::{
    Actor, ContainerId, ContainerSpec, ImageId, Labels, NetworkingSpec, ObservedContainer,
    OperationId,
};
use jiff::Timestamp;

use super::{Holder, LOCK_IMAGE, LockError, Owner, PAUSE, STALE_AFTER, lock_name};

const LABEL_PROJECT: &str = "dev.bowline.lock.project";
const LABEL_USER: &str = "dev.bowline.lock.user";
const LABEL_HOST: &str = "dev.bowline.lock.host";
const LABEL_PID: &str = "dev.bowline.lock.pid";
const LABEL_OPERATION: &str = "dev.bowline.lock.operation";
const LABEL_HOME: &str = "dev.bowline.lock.home";

/// Where the holder writes the engine's time.
const HEARTBEAT_FILE: &str = "/bowline-heartbeat";
/// Where a contender says that it takes over.
const CLAIM_FILE: &str = "/bowline-claim";
/// No file of ours is longer.
const FILE_LIMIT: usize = 1024;
/// How often a create is asked again whose answer was lost.
const LOST_ANSWERS: u32 = 3;

/// A project's lock, as its would-be owner sees it.
#[derive(Debug)]
pub(super) struct Object {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) project: String,
    owner: Owner,
}

/// What came of making the lock.
#[derive(Debug)]
pub(super) enum Made {
    /// It is ours.
    Ours(ContainerId),
    /// It is somebody else's.
    Theirs(Holder),
    /// It is there but cannot be looked at yet, or went between two looks.
    InTheMaking,
}

/// What a heartbeat found.
#[derive(Debug)]
pub(super) enum Beat {
    /// The lock is held.
    Held,
    /// The lock is not there any more.
    Gone,
    /// A contender is taking it over.
    Claimed(String),
}

impl Object {
    pub(super) fn new(engine: Arc<dyn Engine>, project: &str, owner: Owner) -> Self {
        Self {
            engine,
            project: project.to_owned(),
            owner,
        }
    }

    /// Makes the lock, where nobody has it.
    pub(super) async fn make(&self) -> Result<Made, LockError> {
        let name = lock_name(&self.project);
        let mut lost = 0;
        loop {
            match self.engine.create_container(&name, &self.spec()).await {
                Ok(made) => return Ok(Made::Ours(made.id)),
                Err(EngineError::NameTaken { .. }) => break,
                Err(error) if error.is_not_found() => import(self.engine.as_ref()).await?,
                // Asked again, the name tells whether the first one came through.
                Err(EngineError::Unreachable {
                    sent: Sent::Maybe, ..
                }) if lost < LOST_ANSWERS => {
                    lost += 1;
                    // sleeps because: the engine has just been away
                    tokio::time::sleep(PAUSE).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let Some(holder) = self.holder().await? else {
            return Ok(Made::InTheMaking);
        };
        if holder.owner.operation == self.owner.operation {
            return Ok(Made::Ours(holder.lock));
        }
        Ok(Made::Theirs(holder))
    }

    /// Says who has it.
    pub(super) async fn holder(&self) -> Result<Option<Holder>, LockError> {
        holder(self.engine.as_ref(), &self.project).await
    }

    fn spec(&self) -> ContainerSpec {
        let Owner {
            actor,
            operation,
            home,
        } = &self.owner;
        let labels = [
            (LABEL_PROJECT, self.project.as_str()),
            (LABEL_USER, &actor.user),
            (LABEL_HOST, &actor.host),
            (LABEL_PID, &actor.pid.to_string()),
            (LABEL_OPERATION, &operation.0),
            (LABEL_HOME, home),
        ];
        ContainerSpec {
            image: LOCK_IMAGE.into(),
            // It is never started, but an engine wants to know what it would run.
            command: Some(["bowline-lock"].into()),
            labels: Labels::from(labels),
            network: NetworkingSpec {
                mode: Some("none".into()),
                ..NetworkingSpec::default()
            },
            ..ContainerSpec::default()
        }
    }

    /// Removes a stale lock; `false` says that its holder lives after all.
    ///
    /// The claim is written before the heartbeat is read, and the holder looks for a claim after it wrote its
    /// heartbeat. So either this sees the heartbeat or the holder sees the claim.
    pub(super) async fn take_over(&self, holder: &Holder) -> Result<bool, LockError> {
        if holder.quiet < STALE_AFTER {
            return Ok(false);
        }
        let claim = file(CLAIM_FILE, &self.owner.to_string());
        match self.engine.put_files(&holder.lock, &[claim]).await {
            Ok(()) => {}
            // Somebody else was faster with removing it.
            Err(error) if error.is_not_found() => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let (_, quiet) = sign_of_life(self.engine.as_ref(), &holder.lock, holder.since).await?;
        if quiet < STALE_AFTER {
            return Ok(false);
        }
        self.remove(&holder.lock).await
    }

    /// Removes the lock of this id, and no other. Always true: it is gone.
    pub(super) async fn remove(&self, id: &ContainerId) -> Result<bool, LockError> {
        let removed = self
            .engine
            .remove_container(id, RemoveContainer::default())
            .await;
        removed.map(|_| true).map_err(LockError::from)
    }

    /// Shows that the holder lives, and finds out whether it still holds.
    pub(super) async fn beat(&self, id: &ContainerId) -> Result<Beat, EngineError> {
        let engine = self.engine.as_ref();
        let now = engine.now().await?;
        match engine
            .put_files(id, &[file(HEARTBEAT_FILE, &now.to_string())])
            .await
        {
            Ok(()) => {}
            Err(error) if error.is_not_found() => return Ok(Beat::Gone),
            Err(error) => return Err(error),
        }
        match engine.get_file(id, CLAIM_FILE, FILE_LIMIT).await {
            Ok(claim) => Ok(Beat::Claimed(String::from_utf8_lossy(&claim).into_owned())),
            Err(error) if error.is_not_found() => match engine.inspect_container(id).await {
                Ok(_) => Ok(Beat::Held),
                // It was the container that was not found.
                Err(error) if error.is_not_found() => Ok(Beat::Gone),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        }
    }
}

fn file(path: &str, text: &str) -> FileToPut {
    FileToPut {
        path: path.to_owned(),
        contents: format!("{text}\n").into_bytes(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        modified_secs: 0,
    }
}

/// Makes the image of locks. Of several at once each makes one, and the last one has the reference.
async fn import(engine: &dyn Engine) -> Result<(), LockError> {
    /// The end of a tar archive, and of this one all of it.
    const NOTHING: usize = 1024;
    let spec = ImportSpec {
        reference: LOCK_IMAGE.to_owned(),
        ..ImportSpec::default()
    };
    let id: ImageId = engine.import_image(&spec, tar_of(vec![0; NOTHING])).await?;
    if let Ok(found) = engine.inspect_image(LOCK_IMAGE).await
        && found.id != id
    {
        // Nothing needs it. Where it stays, it is an empty image without a name.
        let _ = engine.remove_image(&id.0).await;
    }
    Ok(())
}

/// Says who has the lock of a project.
pub(super) async fn holder(
    engine: &dyn Engine,
    project: &str,
) -> Result<Option<Holder>, LockError> {
    let name = lock_name(project);
    let Some(found) = engine.find_container(&name).await? else {
        return Ok(None);
    };
    let owner = owner_of(&found, project).ok_or(LockError::NotALock { name })?;
    let since = match found.created {
        Some(created) => created,
        // Then only its heartbeat can tell that it is stale.
        None => engine.now().await?,
    };
    let (seen, quiet) = sign_of_life(engine, &found.id, since).await?;
    Ok(Some(Holder {
        owner,
        lock: found.id,
        since,
        seen,
        quiet,
    }))
}

fn owner_of(container: &ObservedContainer, project: &str) -> Option<Owner> {
    let label = |key: &str| container.spec.labels.get(key).cloned();
    if label(LABEL_PROJECT)? != project {
        return None;
    }
    let actor = Actor {
        user: label(LABEL_USER)?,
        host: label(LABEL_HOST)?,
        pid: label(LABEL_PID)?.parse().ok()?,
    };
    Some(Owner {
        actor,
        operation: OperationId(label(LABEL_OPERATION)?),
        home: label(LABEL_HOME).unwrap_or_default(),
    })
}

/// The last sign of life, and how far it is from now, in whichever direction: a clock may have been set.
async fn sign_of_life(
    engine: &dyn Engine,
    id: &ContainerId,
    since: Timestamp,
) -> Result<(Timestamp, Duration), LockError> {
    let seen = match engine.get_file(id, HEARTBEAT_FILE, FILE_LIMIT).await {
        Ok(text) => String::from_utf8_lossy(&text)
            .trim()
            .parse()
            .unwrap_or(since),
        // No heartbeat yet. (Or no container any more, which whoever acts on this finds out.)
        Err(error) if error.is_not_found() => since,
        Err(error) => return Err(error.into()),
    };
    let now = engine.now().await?;
    Ok((seen, now.duration_since(seen).unsigned_abs()))
}
