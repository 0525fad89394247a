//! Whole operations on the scripted engine, with a real journal: forth and back again.

mod died;
mod frozen;
mod mended;

use std::sync::Mutex;

use bowline_engine::Tap;
use bowline_engine::fake::FakeEngine;
use bowline_model::{Step, StepOutcome, Wanted};

use super::*;
use crate::SystemClock;
use crate::execute::StepError;
use crate::execute::tests::{Nothing, Stage, changed, down, shop, up};

mod builds;

/// Notes what it is told.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn began(&self, step: &Step) {
        self.0
            .lock()
            .expect("nobody panics")
            .push(step.action.to_string());
    }
    fn ended(&self, _: &Step, _: Result<&StepOutcome, &StepError>) {}
}

struct Scene {
    engine: Arc<FakeEngine>,
    /// Between the stack and the engine.
    tap: Arc<Tap>,
    stack: Stack,
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("there is room");
        let engine = Arc::new(Stage::new().engine);
        let home = StateHome::at(
            folder.path().join("state"),
            folder.path().join("config"),
            owner_of(&folder),
        );
        let tap = Arc::new(Tap::new(engine.clone()));
        let stack = Stack {
            engine: tap.clone(),
            project: "shop".to_owned(),
            sealer: Some(Sealer::of_key(&[7; 32])),
            home,
            clock: Arc::new(SystemClock),
        };
        Self {
            engine,
            tap,
            stack,
            folder,
        }
    }

    async fn with<T>(&self, act: impl AsyncFnOnce(&Stack, &How<'_>) -> T) -> T {
        self.with_outside(&Nothing, act).await
    }

    async fn with_outside<T>(
        &self,
        outside: &dyn Outside,
        act: impl AsyncFnOnce(&Stack, &How<'_>) -> T,
    ) -> T {
        let actor = Actor {
            user: "ada".to_owned(),
            host: "here".to_owned(),
            pid: 1,
        };
        let (_keep, halt) = watch::channel(None);
        let notes = Notes::default();
        let how = How {
            actor: &actor,
            outside,
            watch: &notes,
            parallel: Some(4),
            probes: 2,
            inside: &|_, _| None,
            halt,
        };
        act(&self.stack, &how).await
    }

    async fn reach(&self, goal: &Goal) -> Reached {
        let reached = self
            .with(async |stack, how| stack.reach(goal, how).await)
            .await
            .expect("it is carried out");
        assert_eq!(
            reached.report.outcome(),
            Outcome::Done,
            "{:?}",
            reached.report
        );
        reached
    }

    async fn undo(&self, id: Option<OperationId>) -> Reached {
        let reached = self
            .with(async |stack, how| stack.undo(id, how).await)
            .await
            .expect("it is taken back");
        assert_eq!(
            reached.report.outcome(),
            Outcome::Done,
            "{:?}",
            reached.report
        );
        reached
    }
}

/// The user of this process, to whom a test's folder belongs.
#[expect(
    clippy::disallowed_methods,
    reason = "a test asks whose its own folder is"
)]
fn owner_of(folder: &tempfile::TempDir) -> u32 {
    use std::os::unix::fs::MetadataExt as _;
    folder.path().metadata().expect("the folder is there").uid()
}

#[tokio::test(start_paused = true)]
async fn an_operation_that_is_undone_leaves_what_was_there_before() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let before = scene.engine.snapshot();

    scene.reach(&up(&changed())).await;
    let after = scene.engine.snapshot();
    assert_ne!(before, after);

    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_undo_is_itself_undone() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    scene.reach(&up(&changed())).await;
    let after = scene.engine.snapshot();
    let undo = scene.undo(None).await;
    scene.undo(undo.operation).await;
    assert_eq!(scene.engine.snapshot(), after);
}

#[tokio::test(start_paused = true)]
async fn a_down_that_is_undone_brings_the_stack_back_with_its_data() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let before = scene.engine.snapshot();
    scene.reach(&down()).await;
    scene.undo(None).await;
    // A job that was done is there again, and has not run again.
    let before = before.replace("shop-migrate-1 exited", "shop-migrate-1 created");
    assert_eq!(scene.engine.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn what_a_later_operation_changed_is_not_undone() {
    let scene = Scene::new();
    let first = scene.reach(&up(&shop())).await;
    scene.reach(&up(&changed())).await;
    let id = first.operation.expect("it did something");
    let refused = scene
        .stack
        .plan_undo(&id)
        .await
        .expect_err("a later operation changed it");
    assert!(
        refused.to_string().contains("cannot be undone: operation"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_second_up_begins_no_operation() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let second = scene.reach(&up(&shop())).await;
    assert_eq!(second.operation, None);
    assert_eq!(
        scene
            .stack
            .history(10)
            .await
            .expect("the journal opens")
            .len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_somebody_else_holds_is_left_alone_and_the_holder_is_named() {
    let scene = Scene::new();
    let folder = tempfile::tempdir().expect("there is room");
    let other_home = StateHome::at(
        folder.path().join("state"),
        folder.path().join("config"),
        owner_of(&folder),
    );
    let bob = Actor {
        user: "bob".to_owned(),
        host: "there".to_owned(),
        pid: 2,
    };
    let sealer = Sealer::of_key(&[8; 32]);
    let owner = Owner::new(
        bob,
        OperationId("op-bob".to_owned()),
        &other_home,
        Some(&sealer),
    );
    let held = Lock::acquire(
        scene.engine.clone(),
        &other_home.stack(&scene.engine.about().id, "shop"),
        "shop",
        &owner,
        Arc::new(SystemClock),
    )
    .await
    .expect("nobody has it");

    let before = scene.engine.snapshot();
    let refused = scene
        .with(async |stack, how| stack.reach(&up(&shop()), how).await)
        .await
        .expect_err("bob has it");
    assert!(
        refused
            .to_string()
            .starts_with("project `shop` is held by bob@there (process 2), operation `op-bob`"),
        "{refused}"
    );
    assert_eq!(scene.engine.snapshot(), before);

    held.release().await.expect("it is let go");
    scene.reach(&up(&shop())).await;
    assert_eq!(
        Lock::holder(scene.engine.clone(), "shop").await,
        Ok(None),
        "an operation that has ended holds nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn every_start_of_an_operation_is_in_the_journal() {
    let scene = Scene::new();
    let reached = scene.reach(&up(&shop())).await;
    let journal = scene
        .stack
        .look()
        .await
        .expect("it opens")
        .expect("it is there");
    let events = journal
        .events(&reached.operation.expect("it did something"))
        .await
        .expect("they are read");
    let starts = events
        .iter()
        .filter(|event| event.action == bowline_model::EventAction::Start)
        .count();
    let planned = reached
        .plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::StartContainer { .. }))
        .count();
    assert_eq!(starts, planned);
}

#[tokio::test(start_paused = true)]
async fn what_was_stopped_starts_again_and_a_job_that_is_done_does_not() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let stop = Goal::Stop {
        services: Vec::new(),
        grace_secs: None,
    };
    let wanted = shop();
    let mut servers: BTreeSet<&str> = wanted.services.keys().map(String::as_str).collect();
    servers.remove("migrate");
    scene.reach(&stop).await;
    let plan = scene
        .stack
        .plan(&up(&shop()))
        .await
        .expect("there is a plan");
    let started: BTreeSet<&str> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::StartContainer { .. }))
        .filter_map(|step| step.service.as_deref())
        .collect();
    assert_eq!(started, servers);
}
