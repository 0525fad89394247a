//! Services that stand still: frozen, let go on, taken back, and what other goals make of them.

use std::time::Duration;

use bowline_engine::Engine as _;

use super::*;

pub(super) fn pause(services: &[&str]) -> Goal {
    Goal::Pause {
        services: services.iter().map(ToString::to_string).collect(),
    }
}

pub(super) fn unpause(services: &[&str]) -> Goal {
    Goal::Unpause {
        services: services.iter().map(ToString::to_string).collect(),
    }
}

/// The shop, whose containers say what they depend on as they do in the product: this is what these goals go by.
fn labelled() -> Wanted {
    let mut wanted = shop();
    let web = wanted.services.get_mut("web").expect("there is a web");
    let needs = "db:service_healthy:true".to_owned();
    web.spec.labels.insert(label::DEPENDS_ON.to_owned(), needs);
    wanted
}

impl Scene {
    async fn up_and_settled() -> Self {
        let scene = Self::new();
        scene.reach(&up(&labelled())).await;
        scene
    }

    async fn plan_of(&self, goal: &Goal) -> String {
        let plan = self.stack.plan(goal).await.expect("there is a plan");
        plan.to_string()
    }

    /// What each container does, by name.
    fn states(&self) -> String {
        let snapshot = self.engine.snapshot();
        let containers = snapshot
            .lines()
            .filter_map(|line| line.strip_prefix("container "));
        let words = containers.map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "));
        words.collect::<Vec<_>>().join(", ")
    }

    /// Reaches for a goal that is not reached, and says why, a line each.
    async fn fails(&self, goal: &Goal) -> String {
        let reached = self
            .with(async |stack, how| stack.reach(goal, how).await)
            .await
            .expect("it is carried out");
        let failed = reached.report.failed.iter();
        let lines = failed.map(|(step, error)| format!("{step}: {error}"));
        lines.collect::<Vec<_>>().join("\n")
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_freezes_what_runs_behind_what_calls_it_and_a_repeat_is_nothing() {
    let scene = Scene::up_and_settled().await;
    insta::assert_snapshot!(scene.plan_of(&pause(&[])).await, @r"
    1. pause container shop-web-1 (requested)
    2. pause container shop-web-2 (requested)
    3. pause container shop-db-1 (requested) after 1, 2
    ");
    scene.reach(&pause(&[])).await;
    insta::assert_snapshot!(scene.states(), @"shop-db-1 paused, shop-migrate-1 exited, shop-web-1 paused, shop-web-2 paused");
    assert_eq!(scene.plan_of(&pause(&[])).await, "");
    assert_eq!(scene.reach(&pause(&[])).await.operation, None);
}

#[tokio::test(start_paused = true)]
async fn an_unpause_lets_go_on_what_is_needed_first_and_waits_for_it() {
    let scene = Scene::up_and_settled().await;
    scene.reach(&pause(&["web"])).await;
    scene.reach(&pause(&["db"])).await;
    insta::assert_snapshot!(scene.plan_of(&unpause(&[])).await, @r"
    1. unpause container shop-db-1 (requested)
    2. unpause container shop-web-1 (requested) after 1
    3. unpause container shop-web-2 (requested) after 1
    4. wait until container shop-db-1 is ready (requested) after 1
    5. wait until container shop-web-1 is ready (requested) after 2
    6. wait until container shop-web-2 is ready (requested) after 3
    ");
    let before = scene.states().replace("paused", "running");
    scene.reach(&unpause(&[])).await;
    assert_eq!(scene.states(), before);
    assert_eq!(scene.plan_of(&unpause(&[])).await, "");
}

#[tokio::test(start_paused = true)]
async fn either_is_taken_back_by_the_other() {
    let scene = Scene::up_and_settled().await;
    let running = scene.engine.snapshot();
    scene.reach(&pause(&["web"])).await;
    let frozen = scene.engine.snapshot();
    assert_ne!(running, frozen);
    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), running);
    scene.reach(&pause(&["web"])).await;
    scene.reach(&unpause(&["web"])).await;
    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), frozen);
}

#[tokio::test(start_paused = true)]
async fn a_stop_of_what_was_frozen_is_taken_back_to_what_was_frozen() {
    let scene = Scene::up_and_settled().await;
    scene.reach(&pause(&["web"])).await;
    let frozen = scene.engine.snapshot();
    let stop = Goal::Stop {
        services: Vec::new(),
        grace_secs: None,
    };
    scene.reach(&stop).await;
    assert!(!scene.states().contains("paused"));
    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), frozen);
}

#[tokio::test(start_paused = true)]
async fn a_pause_of_what_has_ended_since_is_not_taken_back_and_says_so() {
    let scene = Scene::up_and_settled().await;
    scene.reach(&pause(&["db"])).await;
    let db = scene.engine.find_container("shop-db-1").await;
    let db = db.expect("the fake answers").expect("it is there");
    let stopped = scene.engine.stop_container(&db.id, Duration::ZERO).await;
    stopped.expect("the fake stops it");
    let undone = scene
        .with(async |stack, how| stack.undo(None, how).await)
        .await;
    assert!(!undone.expect("it is carried out").report.failed.is_empty());
    let last = &scene.stack.history(1).await.expect("it opens")[0];
    let Outcome::Stuck { state } = &last.outcome else {
        panic!("{:?}", last.outcome);
    };
    assert!(state.contains("could not be taken back"), "{state}");
    assert!(state.contains("is not running"), "{state}");
}

#[tokio::test(start_paused = true)]
async fn what_is_frozen_stays_so_by_up_and_start_which_fail_and_say_what_lets_it_go_on() {
    let scene = Scene::up_and_settled().await;
    scene.reach(&pause(&["db"])).await;
    let frozen = scene.engine.snapshot();
    let start = Goal::Start {
        services: vec!["db".to_owned()],
    };
    let note =
        "note: container shop-db-1: is paused and stays so: `bowline unpause db` lets it go on";
    for goal in [up(&labelled()), start] {
        let plan = scene.plan_of(&goal).await;
        assert!(plan.contains(note), "{plan}");
        assert_eq!(scene.fails(&goal).await, "1: paused");
        assert_eq!(scene.engine.snapshot(), frozen);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_frozen_runs_after_a_restart_and_is_gone_after_a_down() {
    let scene = Scene::up_and_settled().await;
    let running = scene.states();
    scene.reach(&pause(&["web"])).await;
    let restart = Goal::Restart {
        services: vec!["web".to_owned()],
        grace_secs: None,
    };
    scene.reach(&restart).await;
    assert_eq!(scene.states(), running);
    scene.reach(&pause(&["web"])).await;
    scene.reach(&down()).await;
    assert_eq!(scene.states(), "");
}

#[tokio::test(start_paused = true)]
async fn what_starts_again_and_again_is_left_alone_and_named() {
    let scene = Scene::up_and_settled().await;
    let ends = bowline_engine::fake::Run::new().ends_after(Duration::from_millis(10), 1);
    scene.engine.script_container("shop-web-1", [ends]);
    let web = scene.engine.find_container("shop-web-1").await;
    let web = web.expect("the fake answers").expect("it is there");
    let restarted = scene.engine.restart_container(&web.id, Duration::ZERO);
    restarted.await.expect("the fake starts it");
    // sleeps because: the runtime's clock is paused, and this lets it end
    tokio::time::sleep(Duration::from_secs(1)).await;
    insta::assert_snapshot!(scene.plan_of(&pause(&["web"])).await, @r"
    1. pause container shop-web-2 (requested)
    note: container shop-web-1: is between two starts, and only what runs can be paused
    ");
}

#[tokio::test(start_paused = true)]
async fn a_remedy_is_its_goal_with_the_finding_as_its_reason() {
    let scene = Scene::up_and_settled().await;
    let running = scene.engine.snapshot();
    scene.reach(&pause(&["web"])).await;
    let frozen = scene.engine.snapshot();
    let remedy = Goal::Remedy {
        code: "D101".to_owned(),
        changes: Vec::new(),
        by: Box::new(unpause(&["web"])),
    };
    insta::assert_snapshot!(scene.plan_of(&remedy).await, @r"
    1. unpause container shop-web-1 (mends D101)
    2. unpause container shop-web-2 (mends D101)
    3. wait until container shop-web-1 is ready (mends D101) after 1
    4. wait until container shop-web-2 is ready (mends D101) after 2
    ");
    scene.reach(&remedy).await;
    assert_eq!(scene.engine.snapshot(), running);
    let last = &scene.stack.history(1).await.expect("it opens")[0];
    assert_eq!(last.verb, "unpause for D101");
    scene.undo(None).await;
    assert_eq!(scene.engine.snapshot(), frozen);
}

#[tokio::test(start_paused = true)]
async fn a_remedy_that_brings_the_stack_up_brings_its_images_too() {
    let remedy = Goal::Remedy {
        code: "D052".to_owned(),
        changes: Vec::new(),
        by: Box::new(up(&labelled())),
    };
    let scene = Scene::up_and_settled().await;
    scene.reach(&down()).await;
    let plain = scene.plan_of(&up(&labelled())).await;
    assert_eq!(scene.plan_of(&remedy).await, plain);
    scene.reach(&remedy).await;
    assert_eq!(scene.plan_of(&remedy).await, "");
    let last = &scene.stack.history(1).await.expect("it opens")[0];
    assert_eq!(last.verb, "up for D052");
}
