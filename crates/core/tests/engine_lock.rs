//! The lock on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`, or nothing runs.
//!
//! Each test has a project of its own, named by this process, so that nothing else on the engine is in its way.
//! It leaves nothing behind but the image of locks, which is empty.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;
use std::time::Duration;

use bowline_core::{
    HEARTBEAT, Lock, LockError, LockGuard, LockLost, Owner, STALE_AFTER, Sealer, StateHome,
    SystemClock, lock_name,
};
use bowline_engine::{DockerConfig, Endpoint, EndpointHints, Engine, RemoveContainer, Selector};
use bowline_model::{Actor, ContainerStatus, OperationId};
use futures_util::future::join_all;

/// The variable that says which engine is tested.
const VARIABLE: &str = "BOWLINE_TEST_DOCKER_HOST";

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment which engine it may use"
)]
async fn engine() -> Arc<dyn Engine> {
    let Ok(host) = std::env::var(VARIABLE) else {
        panic!("set {VARIABLE} to the engine under test, for example unix:///var/run/docker.sock");
    };
    let hints = EndpointHints {
        docker_host: Some(host),
        ..EndpointHints::default()
    };
    let endpoint = Endpoint::choose(&hints, &DockerConfig::default()).unwrap();
    bowline_engine::connect(endpoint).await.unwrap()
}

/// A user with a state home of its own, who works on a project of this test.
struct User {
    _folder: tempfile::TempDir,
    home: StateHome,
    owner: Owner,
    project: String,
}

impl User {
    fn new(name: &str, test: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
        let euid = folder.path().metadata().unwrap().uid();
        let home = StateHome::at(
            folder.path().join("state"),
            folder.path().join("config"),
            euid,
        );
        let actor = Actor {
            user: name.into(),
            host: "here".into(),
            pid: std::process::id(),
        };
        let operation = OperationId(format!("op-{name}-{test}-{}", std::process::id()));
        let owner = Owner::new(actor, operation, &home, Some(&Sealer::of_key(&[7; 32])));
        let project = format!("bowline-lock-test-{test}-{}", std::process::id());
        Self {
            _folder: folder,
            home,
            owner,
            project,
        }
    }

    async fn acquire(&self, engine: &Arc<dyn Engine>) -> Result<LockGuard, LockError> {
        let stack = self.home.stack(&engine.about().id, &self.project);
        Lock::acquire(
            Arc::clone(engine),
            &stack,
            &self.project,
            &self.owner,
            Arc::new(SystemClock),
        )
        .await
    }
}

#[tokio::test]
async fn a_lock_is_a_container_that_never_runs_and_goes_without_a_trace() {
    let engine = engine().await;
    let (ann, ben) = (User::new("ann", "plain"), User::new("ben", "plain"));
    let guard = ann.acquire(&engine).await.unwrap();
    let seen = engine.inspect_container(guard.id()).await.unwrap();
    assert_eq!(seen.state.status, ContainerStatus::Created);
    assert!(
        seen.spec
            .labels
            .keys()
            .all(|key| key.starts_with("dev.bowline.lock.")),
        "{:?}",
        seen.spec.labels
    );
    let Err(LockError::Held { holder, .. }) = ben.acquire(&engine).await else {
        panic!("two holders")
    };
    assert_eq!(holder.owner, ann.owner);
    assert!(holder.quiet < HEARTBEAT, "{:?}", holder.quiet);
    guard.confirm().await.unwrap();
    guard.release().await.unwrap();
    assert_eq!(
        Lock::holder(Arc::clone(&engine), &ann.project)
            .await
            .unwrap(),
        None
    );
    ben.acquire(&engine).await.unwrap().release().await.unwrap();
    let left = engine
        .containers(&Selector::name(lock_name(&ann.project)))
        .await
        .unwrap();
    assert!(left.is_empty());
}

#[tokio::test]
async fn of_twenty_contenders_one_wins() {
    let engine = engine().await;
    let users: Vec<User> = (0..20)
        .map(|number| User::new(&format!("user{number}"), "race"))
        .collect();
    let results = join_all(users.iter().map(|user| user.acquire(&engine))).await;
    let mut guards = Vec::new();
    for result in results {
        match result {
            Ok(guard) => guards.push(guard),
            Err(LockError::Held { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(guards.len(), 1);
    guards.remove(0).release().await.unwrap();
}

#[tokio::test]
async fn a_heartbeat_is_read_back_by_others_and_a_lost_lock_is_noticed() {
    let engine = engine().await;
    let ann = User::new("ann", "heart");
    let guard = ann.acquire(&engine).await.unwrap();
    let holder = async || {
        Lock::holder(Arc::clone(&engine), &ann.project)
            .await
            .unwrap()
            .unwrap()
    };
    let first = holder().await;
    assert_eq!(first.seen, first.since);
    // sleeps because: the engine's clock cannot be paused, and a heartbeat is what is waited for
    tokio::time::sleep(HEARTBEAT + Duration::from_secs(3)).await;
    let later = holder().await;
    assert!(
        later.seen > first.seen && later.quiet < STALE_AFTER,
        "{later:?}"
    );
    let mut lost = guard.lost();
    engine
        .remove_container(guard.id(), RemoveContainer::default())
        .await
        .unwrap();
    tokio::time::timeout(HEARTBEAT * 2, lost.changed())
        .await
        .unwrap()
        .unwrap();
    assert_eq!(guard.confirm().await, Err(LockLost::Gone));
    guard.release().await.unwrap();
}

#[tokio::test]
async fn a_dead_owner_is_taken_over_when_it_was_quiet_for_long_enough() {
    let engine = engine().await;
    let (ann, ben) = (User::new("ann", "stale"), User::new("ben", "stale"));
    // A crash: the whole runtime of the holder goes, and nothing is cleaned up.
    let guard = std::thread::scope(|scope| {
        let holder = scope.spawn(|| {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            let guard = runtime.block_on(ann.acquire(&engine)).unwrap();
            runtime.shutdown_background();
            guard
        });
        holder.join().unwrap()
    });
    assert!(matches!(
        ben.acquire(&engine).await,
        Err(LockError::Held { .. })
    ));
    // sleeps because: the engine's clock cannot be paused
    tokio::time::sleep(STALE_AFTER).await;
    let next = ben.acquire(&engine).await.unwrap();
    assert!(guard.confirm().await.is_err());
    next.confirm().await.unwrap();
    next.release().await.unwrap();
}
