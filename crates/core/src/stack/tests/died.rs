//! The process dies within an operation, and the next one finds out what became of it.
//!
//! Points: before each request that changes something, and after it was carried out and before its answer. That
//! an answer came and its outcome was not written is, for whoever comes next, the same as the latter.

use std::time::Duration;

use bowline_engine::fake::Run;
use bowline_engine::{Call, Engine as _, Fault, Selector};
use bowline_model::{FileToCopy, ImageConfig, NetworkSpec, ObservedContainer, Operation, Secret};

use super::frozen::{pause, unpause};
use super::*;

/// How long the engine takes for what it does late: longer than the next operation takes to look.
const LATE: Duration = Duration::from_millis(500);

/// A service alone, whose container needs a file and takes its time to stop.
fn slow() -> Wanted {
    let mut wanted = shop();
    wanted.services.retain(|name, _| name == "db");
    let db = wanted.services.get_mut("db").expect("there is a db");
    db.stop_grace_secs = Some(1);
    db.spec.stop_timeout_secs = Some(1);
    db.spec.image = "slow:1".to_owned();
    db.image.reference = "slow:1".to_owned();
    db.files.push(FileToCopy {
        path: "/run/secrets/key".to_owned(),
        content: Secret::new("open sesame"),
        uid: 0,
        gid: 0,
        mode: 0o400,
    });
    wanted
}

impl Scene {
    fn with_slow() -> Self {
        let scene = Self::new();
        scene.engine.add_image("slow:1", ImageConfig::default());
        scene
            .engine
            .script_image("slow:1", [Run::new().ignores_stop()]);
        scene
    }

    /// Begins an operation whose process dies at a write; `false` says that it has fewer writes and was done.
    async fn dies_at(&self, goal: &Goal, write: usize, fault: Fault) -> bool {
        self.tap.reset();
        self.tap.fail_write(write, fault);
        let died = self
            .with(async |stack, how| {
                tokio::select! {
                    _ = stack.reach(goal, how) => false,
                    () = self.tap.died() => true,
                }
            })
            .await;
        self.tap.reset();
        // A dropped guard lets the lock go in a task of its own, which a process that died has not.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        died
    }

    /// The same, at the first write of a method on a target; `before` leads to where it begins.
    async fn dies_on(&self, before: &[Goal], goal: &Goal, write: (&str, &str), fault: Fault) {
        let straight = Self::with_slow();
        for earlier in before {
            straight.reach(earlier).await;
            self.reach(earlier).await;
        }
        straight.tap.reset();
        straight.reach(goal).await;
        let is_it = |call: &Call| (call.method, call.target.as_str()) == write;
        let number = straight.tap.writes().iter().position(is_it);
        let number = number.expect("it is written");
        assert!(self.dies_at(goal, number, fault).await);
    }

    /// Lets everything come to its end that the engine does late.
    async fn later(&self) {
        // sleeps because: the runtime's clock is paused, this is how it goes on
        tokio::time::sleep(Duration::from_mins(1)).await;
    }

    async fn networks(&self) -> Vec<String> {
        let which = Selector::label(label::PROJECT, "shop");
        let found = self.engine.networks(&which).await;
        let found = found.expect("the fake answers").into_iter();
        found.map(|network| network.spec.name).collect()
    }

    async fn plan(&self, goal: &Goal) -> String {
        let plan = self.stack.plan(goal).await.expect("there is a plan");
        plan.to_string()
    }

    async fn db(&self) -> ObservedContainer {
        let found = self.engine.find_container("shop-db-1").await;
        found.expect("the fake answers").expect("it is there")
    }
}

#[tokio::test(start_paused = true)]
async fn a_network_that_the_engine_makes_late_is_not_made_twice() {
    let scene = Scene::with_slow();
    scene.engine.creates_late("shop_default", LATE);
    let write = ("create_network", "shop_default");
    scene
        .dies_on(&[], &up(&slow()), write, Fault::DiesAfter)
        .await;
    assert!(scene.networks().await.is_empty(), "it is not there yet");
    scene.reach(&up(&slow())).await;
    scene.later().await;
    assert_eq!(scene.networks().await, ["shop_default"]);
    assert_eq!(scene.plan(&up(&slow())).await, "");
}

#[tokio::test(start_paused = true)]
async fn a_container_that_the_engine_makes_late_goes_with_a_down() {
    let scene = Scene::with_slow();
    scene.engine.creates_late("shop-db-1", LATE);
    let write = ("create_container", "shop-db-1");
    scene
        .dies_on(&[], &up(&slow()), write, Fault::DiesAfter)
        .await;
    scene.reach(&down()).await;
    scene.later().await;
    assert_eq!(
        scene.engine.snapshot(),
        "network bridge\nnetwork host\nnetwork none\nvolume shop_data"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_the_engine_is_stopping_is_not_taken_for_running() {
    let scene = Scene::with_slow();
    let id = {
        let straight = Scene::with_slow();
        straight.reach(&up(&slow())).await;
        straight.db().await.id
    };
    let write = ("stop_container", id.0.as_str());
    scene
        .dies_on(&[up(&slow())], &down(), write, Fault::DiesAfter)
        .await;
    let db = scene.db().await;
    assert!(db.state.is_running(), "it has a second to stop");
    scene.reach(&up(&slow())).await;
    scene.later().await;
    let again = scene.db().await;
    assert!(again.state.is_running());
    assert_ne!(
        again.state.started, db.state.started,
        "it has ended and was started"
    );
}

#[tokio::test(start_paused = true)]
async fn a_container_that_lacks_its_files_is_made_again() {
    let goal = up(&slow());
    let scene = Scene::with_slow();
    let write = ("create_container", "shop-db-1");
    scene.dies_on(&[], &goal, write, Fault::DiesAfter).await;
    let plan = scene.plan(&goal).await;
    let remove = "remove container shop-db-1 (left half made by an operation that died)";
    assert!(plan.contains(remove), "{plan}");
    scene.reach(&goal).await;
    let db = scene.db().await;
    let file = scene.engine.get_file(&db.id, "/run/secrets/key", 100);
    assert_eq!(file.await.expect("it is there"), b"open sesame");
}

#[tokio::test(start_paused = true)]
async fn of_two_networks_of_one_name_the_one_that_is_not_used_is_removed() {
    let scene = Scene::new();
    scene.reach(&up(&shop())).await;
    let mut spec: NetworkSpec = shop().networks["default"].spec.clone();
    spec.labels.insert(label::OPERATION.into(), "op-x".into());
    scene.engine.add_network(&spec);
    insta::assert_snapshot!(
        scene.plan(&up(&shop())).await,
        @"1. remove network shop_default (another network has its name)"
    );
    let before = scene.engine.snapshot();
    scene.reach(&up(&shop())).await;
    assert_eq!(scene.networks().await, ["shop_default"]);
    let after = scene.engine.snapshot();
    assert_eq!(before.lines().count(), after.lines().count() + 1);
    // Nobody wants the double back.
    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), after);
}

#[tokio::test(start_paused = true)]
async fn what_was_done_and_what_was_not_is_in_the_journal_before_the_next_takes_over() {
    let goal = up(&slow());
    for (fault, word) in [(Fault::DiesBefore, "failed"), (Fault::DiesAfter, "done")] {
        let scene = Scene::with_slow();
        let write = ("create_network", "shop_default");
        scene.dies_on(&[], &goal, write, fault).await;
        scene.reach(&goal).await;
        let history = scene.stack.history(2).await.expect("it opens");
        let died = scene.stack.operation(&history[1].id).await;
        let died = died.expect("it is there");
        assert!(matches!(died.operation.outcome, Outcome::Superseded { .. }));
        let mut steps = died.steps.iter();
        let step = steps.find(|step| step.action == "create network shop_default");
        let is_as_it_was = match step.map(|step| &step.outcome) {
            Some(StepOutcome::Done { .. }) => word == "done",
            Some(StepOutcome::Failed { .. }) => word == "failed",
            _ => false,
        };
        assert!(is_as_it_was, "{step:?}");
    }
}

/// Lets an operation die at every point; takes it back every other time, and compares with what was before it; then
/// goes on to where it led.
async fn dies_everywhere(before: &[Goal], goal: &Goal) {
    let mut deaths = 0;
    let expected = after(before, goal).await;
    for fault in [Fault::DiesBefore, Fault::DiesAfter] {
        for write in 0.. {
            let scene = Scene::new();
            for earlier in before {
                scene.reach(earlier).await;
            }
            let was = scene.engine.snapshot();
            if !scene.dies_at(goal, write, fault).await {
                break;
            }
            let point = format!("{fault:?} at write {write}");
            let history = scene.stack.history(1).await.expect("it opens");
            let has_begun = |last: &Operation| last.outcome == Outcome::Open;
            if (deaths + write) % 2 == 0 && history.first().is_some_and(has_begun) {
                scene.undo(None).await;
                let is = scene.engine.snapshot();
                assert_eq!(without_what_stays(&is), without_what_stays(&was), "{point}");
            }
            deaths += 1;
            scene.reach(goal).await;
            assert_eq!(scene.engine.snapshot(), expected, "{point}");
            assert_eq!(scene.plan(goal).await, "", "{point}");
        }
    }
    assert!(deaths >= 10, "{deaths} deaths");
}

/// A volume that may hold data is not removed by an undo, and what has ended is not run again by it.
fn without_what_stays(snapshot: &str) -> String {
    snapshot
        .replace("\nvolume shop_data", "")
        .replace("shop-migrate-1 exited", "shop-migrate-1 created")
}

async fn after(before: &[Goal], goal: &Goal) -> String {
    let scene = Scene::new();
    for goal in before.iter().chain([goal]) {
        scene.reach(goal).await;
    }
    scene.engine.snapshot()
}

#[tokio::test(start_paused = true)]
async fn a_first_up_that_died_anywhere_is_taken_back_or_completed() {
    dies_everywhere(&[], &up(&shop())).await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_up_that_died_anywhere_is_taken_back_or_completed() {
    dies_everywhere(&[up(&shop())], &up(&changed())).await;
}

#[tokio::test(start_paused = true)]
async fn a_down_that_died_anywhere_is_taken_back_or_completed() {
    dies_everywhere(&[up(&shop())], &down()).await;
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_died_anywhere_is_taken_back_or_completed() {
    dies_everywhere(&[up(&shop())], &pause(&[])).await;
}

#[tokio::test(start_paused = true)]
async fn an_unpause_that_died_anywhere_is_taken_back_or_completed() {
    dies_everywhere(&[up(&shop()), pause(&[])], &unpause(&[])).await;
}

#[tokio::test(start_paused = true)]
async fn a_container_that_a_killed_engine_cannot_start_any_more_is_made_again() {
    let scene = Scene::with_slow();
    let lost = Run::new().fails_to_start(0, "task 95f4: already exists");
    scene.engine.script_container("shop-db-1", [lost]);
    let goal = up(&slow());
    let failed = scene
        .with(async |stack, how| stack.reach(&goal, how).await)
        .await;
    assert!(!failed.expect("it is carried out").report.failed.is_empty());
    let plan = scene.plan(&goal).await;
    let create = "(the engine lost track of it when it was killed)";
    assert!(plan.contains(create), "{plan}");
    scene.engine.script_container("shop-db-1", [Run::new()]);
    scene.reach(&goal).await;
    assert!(scene.db().await.state.is_running());
}
