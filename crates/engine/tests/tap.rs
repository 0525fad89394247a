//! What the tap records and how it lets calls fail, on the scripted engine.

use std::sync::Arc;
use std::time::Duration;

use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{
    Engine, EngineError, EventFilter, Fault, RemoveContainer, Retry, Selector, Tap, WaitFor,
};
use bowline_model::{
    ContainerSpec, EventAction, HealthStatus, HealthTest, HealthcheckSpec, ImageConfig,
};
use futures_util::StreamExt;

fn engine() -> (Arc<FakeEngine>, Tap, ContainerSpec) {
    let fake = Arc::new(FakeEngine::new());
    fake.add_image("app:1", ImageConfig::default());
    let tap = Tap::new(fake.clone());
    let spec = ContainerSpec {
        image: "app:1".into(),
        ..ContainerSpec::default()
    };
    (fake, tap, spec)
}

#[tokio::test(start_paused = true)]
async fn calls_are_recorded_with_their_effect_and_target() {
    let (_fake, tap, spec) = engine();
    let id = tap.create_container("a", &spec).await.unwrap().id;
    tap.inspect_container(&id).await.unwrap();
    tap.start_container(&id).await.unwrap();
    let writes: Vec<_> = tap
        .writes()
        .into_iter()
        .map(|call| (call.method, call.target))
        .collect();
    assert_eq!(
        writes,
        [
            ("create_container", "a".to_owned()),
            ("start_container", id.0.clone())
        ]
    );
    assert_eq!(tap.calls().len(), 3);
    tap.reset();
    tap.containers(&Selector::all()).await.unwrap();
    assert_eq!(tap.writes(), []);
}

#[tokio::test(start_paused = true)]
async fn before_the_request_nothing_is_done_and_a_retry_is_safe() {
    let (fake, tap, spec) = engine();
    tap.fail_write(0, Fault::BeforeRequest);
    let error = tap.create_container("a", &spec).await.unwrap_err();
    assert_eq!(error.retry(), Retry::Safe);
    assert_eq!(fake.find_container("a").await.unwrap(), None);
    tap.create_container("a", &spec).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn after_a_lost_reply_it_is_done_and_asking_again_names_the_holder() {
    let (fake, tap, spec) = engine();
    tap.fail_write(0, Fault::ReplyLost);
    let error = tap.create_container("a", &spec).await.unwrap_err();
    assert_eq!(error.retry(), Retry::AfterObserve);
    let made = fake.find_container("a").await.unwrap().unwrap().id;
    let again = tap.create_container("a", &spec).await.unwrap_err();
    assert_eq!(
        again,
        EngineError::NameTaken {
            name: "a".into(),
            holder: Some(made)
        }
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_gone_answers_nothing_until_it_is_back() {
    let (_fake, tap, spec) = engine();
    tap.gone_from(1);
    tap.create_container("a", &spec).await.unwrap();
    assert!(
        tap.containers(&Selector::all())
            .await
            .unwrap_err()
            .is_unreachable()
    );
    assert!(
        tap.create_container("b", &spec)
            .await
            .unwrap_err()
            .is_unreachable()
    );
    tap.reset();
    assert_eq!(tap.containers(&Selector::all()).await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_scripted_container_is_healthy_after_so_many_probes_whoever_asks() {
    let (fake, tap, mut spec) = engine();
    spec.healthcheck = Some(HealthcheckSpec {
        test: Some(HealthTest::Exec(["ready"].into())),
        interval: Some(Duration::from_secs(5)),
        ..HealthcheckSpec::default()
    });
    fake.script_container("a", [Run::new().ready_after_probes(2)]);
    let id = tap.create_container("a", &spec).await.unwrap().id;
    let actions = vec![EventAction::Health(String::new())];
    let filter = EventFilter {
        actions,
        ..EventFilter::default()
    };
    let mut events = tap.events(&filter).await.unwrap();
    tap.start_container(&id).await.unwrap();
    let limits = bowline_engine::ExecLimits {
        timeout: Duration::from_secs(1),
        output_bytes: 100,
    };
    let probe = bowline_engine::ExecSpec::new(["ready"]);
    let mut codes = Vec::new();
    for _ in 0..3 {
        codes.push(tap.exec(&id, &probe, limits).await.unwrap().end);
    }
    let exited = |code| bowline_engine::ExecEnd::Exited { code };
    assert_eq!(codes, [exited(1), exited(1), exited(0)]);
    // The engine itself has not looked yet.
    let status = async || {
        tap.inspect_container(&id)
            .await
            .unwrap()
            .state
            .health
            .unwrap()
            .status
    };
    assert_eq!(status().await, HealthStatus::Starting);
    events.next().await.unwrap().unwrap();
    assert_eq!(status().await, HealthStatus::Healthy);
}

#[tokio::test(start_paused = true)]
async fn runs_of_a_container_follow_their_script_and_the_last_one_repeats() {
    let (fake, tap, spec) = engine();
    let fails = Run::new().ends_after(Duration::from_secs(1), 1);
    fake.script_image(
        "app:1",
        [Run::new().fails_to_start(128, "no"), fails, Run::new()],
    );
    let id = tap.create_container("a", &spec).await.unwrap().id;
    assert!(matches!(
        tap.start_container(&id).await,
        Err(EngineError::FailedToStart { .. })
    ));
    tap.start_container(&id).await.unwrap();
    assert_eq!(
        tap.wait_container(&id, WaitFor::NotRunning).await.unwrap(),
        1
    );
    tap.start_container(&id).await.unwrap();
    tap.stop_container(&id, Duration::ZERO).await.unwrap();
    tap.start_container(&id).await.unwrap();
    assert_eq!(
        fake.snapshot().lines().next(),
        Some("container a running image=app:1 networks=[\"bridge\"] mounts=[]")
    );
    tap.remove_container(
        &id,
        RemoveContainer {
            force: true,
            ..RemoveContainer::default()
        },
    )
    .await
    .unwrap();
}
