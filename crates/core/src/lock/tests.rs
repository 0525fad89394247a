//! One holder at a time, whatever contenders, crashes and clocks do. Time is the runtime's, paused.

use std::os::unix::fs::MetadataExt as _;

use bowline_engine::fake::FakeEngine;
use bowline_engine::{Fault, FileToPut, RemoveContainer, Selector, Tap};
use bowline_model::{ContainerSpec, ContainerStatus};
use futures_util::future::join_all;

use super::*;
use crate::SystemClock;

/// Surely stale.
const STALE: Duration = Duration::from_secs(31);

/// A user with a home of its own.
struct User {
    _folder: tempfile::TempDir,
    home: StateHome,
    name: String,
}

impl User {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
        let euid = folder.path().metadata().unwrap().uid();
        let home = StateHome::at(
            folder.path().join("state"),
            folder.path().join("config"),
            euid,
        );
        Self {
            _folder: folder,
            home,
            name: name.to_owned(),
        }
    }

    fn owner(&self, operation: &str) -> Owner {
        let actor = Actor {
            user: self.name.clone(),
            host: "west".into(),
            pid: 4711,
        };
        let sealer = Sealer::of_key(&[7; 32]);
        Owner::new(
            actor,
            OperationId(format!("op-{operation}")),
            &self.home,
            Some(&sealer),
        )
    }

    async fn acquire(
        &self,
        engine: &Arc<dyn Engine>,
        operation: &str,
    ) -> Result<LockGuard, LockError> {
        self.acquire_by(engine, operation, Arc::new(SystemClock))
            .await
    }

    async fn acquire_by(
        &self,
        engine: &Arc<dyn Engine>,
        operation: &str,
        clock: Arc<dyn Clock>,
    ) -> Result<LockGuard, LockError> {
        let stack = self.home.stack(&engine.about().id, "shop");
        Lock::acquire(
            Arc::clone(engine),
            &stack,
            "shop",
            &self.owner(operation),
            clock,
        )
        .await
    }
}

fn fake() -> Arc<dyn Engine> {
    Arc::new(FakeEngine::new())
}

fn held_by(result: Result<LockGuard, LockError>) -> Holder {
    match result {
        Err(LockError::Held { holder, .. }) => *holder,
        other => panic!("{other:?}"),
    }
}

/// Lets time pass, with every timer in it.
async fn pass(time: Duration) {
    // sleeps because: the runtime's clock is paused, this is how it goes on
    tokio::time::sleep(time).await;
}

async fn locks(engine: &Arc<dyn Engine>) -> usize {
    engine
        .containers(&Selector::name(lock_name("shop")))
        .await
        .unwrap()
        .len()
}

#[tokio::test(start_paused = true)]
async fn the_second_user_is_told_who_holds_the_stack() {
    let engine = fake();
    let (ann, ben) = (User::new("ann"), User::new("ben"));
    let guard = ann.acquire(&engine, "a").await.unwrap();
    let error = ben.acquire(&engine, "b").await.unwrap_err();
    let holder = Lock::holder(Arc::clone(&engine), "shop")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(holder.owner, ann.owner("a"));
    assert!(
        error.to_string().starts_with(
            "project `shop` is held by ann@west (process 4711), operation `op-a` since "
        ),
        "{error}"
    );
    assert_eq!(error.hints().len(), 3);
    guard.release().await.unwrap();
    assert_eq!(
        Lock::holder(Arc::clone(&engine), "shop").await.unwrap(),
        None
    );
    ben.acquire(&engine, "b")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    assert_eq!(locks(&engine).await, 0);
}

#[tokio::test(start_paused = true)]
async fn the_lock_never_runs_and_belongs_to_no_compose_project() {
    let engine = fake();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    let seen = engine.inspect_container(guard.id()).await.unwrap();
    assert_eq!(
        (seen.name.as_str(), seen.state.status),
        ("bowline-lock-shop", ContainerStatus::Created)
    );
    let foreign: Vec<_> = seen
        .spec
        .labels
        .keys()
        .filter(|key| !key.starts_with("dev.bowline.lock."))
        .collect();
    assert!(foreign.is_empty(), "{foreign:?}");
    guard.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn two_operations_of_one_user_exclude_each_other() {
    let engine = fake();
    let ann = User::new("ann");
    let guard = ann.acquire(&engine, "a").await.unwrap();
    assert_eq!(
        held_by(ann.acquire(&engine, "b").await).owner.operation.0,
        "op-a"
    );
    // Without the object, only the file lock is left to say it.
    engine
        .remove_container(guard.id(), RemoveContainer::default())
        .await
        .unwrap();
    let error = ann.acquire(&engine, "b").await.unwrap_err();
    assert!(
        matches!(&error, LockError::HeldHere { owner, .. } if owner.contains("op-a")),
        "{error:?}"
    );
    guard.die();
    ann.acquire(&engine, "b").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lock_stays_held_for_hours_by_its_heartbeat() {
    let engine = fake();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    let ben = User::new("ben");
    for _ in 0..20 {
        pass(Duration::from_mins(10)).await;
        let holder = held_by(ben.acquire(&engine, "b").await);
        assert!(
            holder.quiet <= HEARTBEAT + Duration::from_secs(1),
            "{:?}",
            holder.quiet
        );
        guard.confirm().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn a_dead_owner_of_another_home_is_taken_over_after_thirty_seconds_and_not_before() {
    let engine = fake();
    User::new("ann").acquire(&engine, "a").await.unwrap().die();
    let ben = User::new("ben");
    pass(Duration::from_secs(28)).await;
    held_by(ben.acquire(&engine, "b").await);
    pass(Duration::from_secs(3)).await;
    let guard = ben.acquire(&engine, "b").await.unwrap();
    assert_eq!(
        Lock::holder(engine.clone(), "shop")
            .await
            .unwrap()
            .unwrap()
            .lock,
        *guard.id()
    );
}

#[tokio::test(start_paused = true)]
async fn a_dead_owner_of_the_same_home_is_taken_over_at_once() {
    let engine = fake();
    let ann = User::new("ann");
    let home = ann.home.stack(&engine.about().id, "shop");
    assert_eq!(Lock::is_left_behind(&home), Ok(false));
    ann.acquire(&engine, "a").await.unwrap().die();
    assert_eq!(Lock::is_left_behind(&home), Ok(true));
    let guard = ann.acquire(&engine, "b").await.unwrap();
    assert_eq!(locks(&engine).await, 1);
    guard.release().await.unwrap();
    assert_eq!(Lock::is_left_behind(&home), Ok(false));
}

#[tokio::test(start_paused = true)]
async fn of_twenty_contenders_for_a_free_lock_one_wins() {
    let engine = fake();
    let users: Vec<User> = (0..20)
        .map(|number| User::new(&format!("user{number}")))
        .collect();
    let results = join_all(users.iter().map(|user| user.acquire(&engine, &user.name))).await;
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
    assert_eq!(locks(&engine).await, 1);
}

#[tokio::test(start_paused = true)]
async fn of_twenty_contenders_for_a_stale_lock_one_wins() {
    let engine = fake();
    User::new("ann").acquire(&engine, "a").await.unwrap().die();
    pass(STALE).await;
    let users: Vec<User> = (0..20)
        .map(|number| User::new(&format!("user{number}")))
        .collect();
    let contenders = users.into_iter().map(|user| {
        let engine = Arc::clone(&engine);
        tokio::spawn(async move { (user.acquire(&engine, &user.name).await, user) })
    });
    let results = join_all(contenders).await;
    let guards: Vec<_> = results
        .into_iter()
        .filter_map(|result| result.unwrap().0.ok())
        .collect();
    assert_eq!(guards.len(), 1);
    assert_eq!(locks(&engine).await, 1);
    guards[0].confirm().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_slept_through_a_takeover_stops_before_its_next_step() {
    let engine = fake();
    let sleeper = User::new("ann").acquire(&engine, "a").await.unwrap();
    sleeper.stall();
    pass(STALE).await;
    let other = User::new("ben").acquire(&engine, "b").await.unwrap();
    assert_eq!(sleeper.check(), Ok(()), "it cannot know yet");
    assert_eq!(sleeper.confirm().await, Err(LockLost::Gone));
    assert_eq!(sleeper.check(), Err(LockLost::Gone));
    other.confirm().await.unwrap();
    // Letting go of what it lost does not take the other one's.
    sleeper.release().await.unwrap();
    other.confirm().await.unwrap();
    assert_eq!(locks(&engine).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_wakes_during_a_takeover_sees_the_claim() {
    let engine = fake();
    let sleeper = User::new("ann").acquire(&engine, "a").await.unwrap();
    sleeper.stall();
    pass(STALE).await;
    let claim = FileToPut {
        path: "/bowline-claim".into(),
        contents: b"ben@east\n".to_vec(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        modified_secs: 0,
    };
    engine.put_files(sleeper.id(), &[claim]).await.unwrap();
    assert_eq!(
        sleeper.confirm().await,
        Err(LockLost::Claimed {
            by: "ben@east".into()
        })
    );
}

#[tokio::test(start_paused = true)]
async fn a_contender_that_sees_the_holder_wake_leaves_its_lock() {
    let engine = fake();
    let sleeper = User::new("ann").acquire(&engine, "a").await.unwrap();
    sleeper.stall();
    pass(STALE).await;
    let seen_stale = Lock::holder(Arc::clone(&engine), "shop")
        .await
        .unwrap()
        .unwrap();
    assert!(seen_stale.quiet >= STALE_AFTER);
    sleeper.confirm().await.unwrap();
    let contender = Object::new(Arc::clone(&engine), "shop", User::new("ben").owner("b"));
    assert!(!contender.take_over(&seen_stale).await.unwrap());
    assert_eq!(locks(&engine).await, 1);
}

#[tokio::test(start_paused = true)]
async fn the_heartbeat_finds_out_by_itself_that_the_lock_is_gone() {
    let engine = fake();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    let mut lost = guard.lost();
    engine
        .remove_container(guard.id(), RemoveContainer::default())
        .await
        .unwrap();
    lost.changed().await.unwrap();
    assert_eq!(*lost.borrow(), Some(LockLost::Gone));
}

#[tokio::test(start_paused = true)]
async fn a_lost_answer_to_the_create_is_found_out() {
    let inner = fake();
    // The image is there, so that the first write is the create.
    User::new("zoe")
        .acquire(&inner, "z")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    for fault in [Fault::ReplyLost, Fault::BeforeRequest] {
        let tap = Arc::new(Tap::new(Arc::clone(&inner)));
        tap.fail_write(0, fault);
        let engine: Arc<dyn Engine> = tap;
        let ann = User::new("ann");
        match (fault, ann.acquire(&engine, "a").await) {
            (Fault::ReplyLost, Ok(guard)) => guard.release().await.unwrap(),
            (Fault::BeforeRequest, Err(LockError::Engine(error))) => {
                assert!(error.is_unreachable());
            }
            (_, other) => panic!("{fault:?}: {other:?}"),
        }
        assert_eq!(locks(&inner).await, 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_cannot_be_confirmed_counts_as_lost() {
    let inner = fake();
    let tap = Arc::new(Tap::new(Arc::clone(&inner)));
    let engine: Arc<dyn Engine> = tap.clone();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    tap.gone_from(tap.calls().len());
    // Young enough to count as held.
    pass(Duration::from_secs(12)).await;
    guard.confirm().await.unwrap();
    pass(Duration::from_secs(4)).await;
    assert!(matches!(
        guard.confirm().await,
        Err(LockLost::Unconfirmed(_))
    ));
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_comes_back_in_time_finds_the_lock_held() {
    let inner = fake();
    let tap = Arc::new(Tap::new(Arc::clone(&inner)));
    let engine: Arc<dyn Engine> = tap.clone();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    tap.gone_from(tap.calls().len());
    pass(Duration::from_secs(14)).await;
    tap.reset();
    pass(Duration::from_mins(1)).await;
    guard.confirm().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_clock_of_the_engine_that_was_set_back_does_not_keep_a_dead_owner_alive() {
    let engine = fake();
    let guard = User::new("ann").acquire(&engine, "a").await.unwrap();
    let ahead = engine.now().await.unwrap() + Duration::from_hours(1);
    let beat = FileToPut {
        path: "/bowline-heartbeat".into(),
        contents: ahead.to_string().into_bytes(),
        mode: 0o644,
        uid: 0,
        gid: 0,
        modified_secs: 0,
    };
    engine.put_files(guard.id(), &[beat]).await.unwrap();
    guard.die();
    User::new("ben").acquire(&engine, "b").await.unwrap();
}

/// A clock that a test sets.
#[derive(Debug, Default)]
struct Set(std::sync::atomic::AtomicI64);

impl Clock for Set {
    fn now(&self) -> Timestamp {
        Timestamp::from_second(self.0.load(std::sync::atomic::Ordering::Relaxed)).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn a_host_that_slept_asks_before_it_goes_on() {
    let engine = fake();
    let clock = Arc::new(Set::default());
    let guard = User::new("ann")
        .acquire_by(&engine, "a", clock.clone())
        .await
        .unwrap();
    engine
        .remove_container(guard.id(), RemoveContainer::default())
        .await
        .unwrap();
    guard.confirm().await.unwrap();
    // The running clock stood still meanwhile.
    clock.0.store(3600, std::sync::atomic::Ordering::Relaxed);
    assert_eq!(guard.confirm().await, Err(LockLost::Gone));
}

#[tokio::test(start_paused = true)]
async fn something_else_with_the_locks_name_is_left_alone() {
    let engine = fake();
    User::new("zoe")
        .acquire(&engine, "z")
        .await
        .unwrap()
        .release()
        .await
        .unwrap();
    let spec = ContainerSpec {
        image: LOCK_IMAGE.into(),
        ..ContainerSpec::default()
    };
    engine
        .create_container("bowline-lock-shop", &spec)
        .await
        .unwrap();
    let error = User::new("ann").acquire(&engine, "a").await.unwrap_err();
    assert_eq!(
        error,
        LockError::NotALock {
            name: "bowline-lock-shop".into()
        }
    );
    assert_eq!(locks(&engine).await, 1);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_guard_lets_go() {
    let engine = fake();
    let ann = User::new("ann");
    drop(ann.acquire(&engine, "a").await.unwrap());
    pass(Duration::from_secs(1)).await;
    assert_eq!(locks(&engine).await, 0);
    ann.acquire(&engine, "b").await.unwrap();
}

#[tokio::test]
async fn a_step_is_not_written_down_under_a_lost_lock() {
    use bowline_model::{Action, Cause, ContainerRef, Goal, Plan, Step, StepId, Undo};
    let engine = fake();
    let ann = User::new("ann");
    let guard = ann.acquire(&engine, "a").await.unwrap();
    let (operation, actor) = (OperationId("op-a".into()), ann.owner("a").actor);
    let clock = Arc::new(SystemClock);
    let journal = crate::Journal::open(&ann.home, "E", "shop", None, clock)
        .await
        .unwrap();
    let goal = Goal::Start {
        services: Vec::new(),
    };
    let (plan, id) = (Plan::default(), operation.clone());
    let new = crate::NewOperation {
        id,
        goal,
        plan,
        actor,
        undoes: None,
        supersedes: Vec::new(),
    };
    journal.begin(new).await.unwrap();
    let container = ContainerRef {
        name: "shop-web-1".into(),
        id: None,
    };
    let action = Action::StartContainer { container };
    let mut step = Step {
        id: StepId(1),
        action,
        cause: Cause::Missing,
        after: Vec::new(),
        service: None,
    };
    let token = journal
        .intend_under(&guard, &operation, &step, &Undo::Nothing)
        .await
        .unwrap();
    drop(token);
    engine
        .remove_container(guard.id(), RemoveContainer::default())
        .await
        .unwrap();
    guard.beat_now().await;
    step.id = StepId(2);
    let lost = journal
        .intend_under(&guard, &operation, &step, &Undo::Nothing)
        .await
        .unwrap_err();
    assert_eq!(lost, crate::JournalError::LockLost(LockLost::Gone));
    assert_eq!(
        journal
            .operation(&operation)
            .await
            .unwrap()
            .unwrap()
            .steps
            .len(),
        1
    );
}
