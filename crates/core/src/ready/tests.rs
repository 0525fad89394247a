//! Waits on the scripted engine, with time that passes as fast as the test likes.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Mutex;

use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Engine as _, Tap};
use bowline_model::{ContainerSpec, ImageConfig, PortKey, Protocol};

use super::*;

/// A container that was just started, and what its listeners are, second by second.
struct Stage {
    tap: Tap,
    container: ContainerRef,
    began: Instant,
    listening: Mutex<BTreeMap<u64, Vec<Listener>>>,
    /// Until this second the main process is a shell.
    script_until: u64,
}

impl Stage {
    async fn new(run: Run, spec: ContainerSpec) -> Self {
        let engine = FakeEngine::new();
        engine.add_image("app:1", ImageConfig::default());
        engine.script_image(
            "app:1",
            [
                run.clone(),
                run.clone(),
                run.clone(),
                run.clone(),
                run.clone(),
                run.clone(),
                run,
            ],
        );
        let spec = ContainerSpec {
            image: "app:1".to_owned(),
            ..spec
        };
        let made = engine
            .create_container("app", &spec)
            .await
            .expect("it is created");
        let _ = engine.start_container(&made.id).await;
        Self {
            tap: Tap::new(std::sync::Arc::new(engine)),
            container: ContainerRef {
                name: "app".to_owned(),
                id: Some(made.id),
            },
            began: Instant::now(),
            listening: Mutex::new(BTreeMap::new()),
            script_until: 0,
        }
    }

    /// Its start script is at work until this second.
    fn set_up_until(self, script_until: u64) -> Self {
        Self {
            script_until,
            ..self
        }
    }

    /// From this second on these addresses listen on port 80.
    fn listens(self, from_secs: u64, addresses: &[Ipv4Addr]) -> Self {
        let listeners = addresses.iter().map(|address| Listener {
            address: IpAddr::V4(*address),
            port: 80,
            protocol: Protocol::Tcp,
        });
        self.listening
            .lock()
            .expect("nobody panics")
            .insert(from_secs, listeners.collect());
        self
    }

    async fn wait(&self, condition: Condition) -> (Result<Ready, Failed>, f64) {
        self.wait_with(condition, Readiness::Own).await
    }

    async fn wait_with(
        &self,
        condition: Condition,
        readiness: Readiness,
    ) -> (Result<Ready, Failed>, f64) {
        let probes = Semaphore::new(2);
        let look = |_: &ContainerId, _: u32| {
            let second = self.began.elapsed().as_secs();
            let listening = self.listening.lock().expect("nobody panics");
            let (_, listeners) = listening.range(..=second).next_back()?;
            Some(Inside {
                listeners: listeners.clone(),
                is_script: second < self.script_until,
            })
        };
        let waiting = Waiting {
            engine: &self.tap,
            probes: &probes,
            inside: &look,
            readiness,
        };
        let result = wait(&waiting, &self.container, condition).await;
        (result, self.began.elapsed().as_secs_f64())
    }
}

fn checked() -> ContainerSpec {
    ContainerSpec {
        healthcheck: Some(HealthcheckSpec {
            test: Some(HealthTest::Exec(["check"].into())),
            interval: Some(Duration::from_secs(30)),
            timeout: Some(Duration::from_secs(5)),
            retries: Some(3),
            ..HealthcheckSpec::default()
        }),
        ..ContainerSpec::default()
    }
}

fn exposed() -> ContainerSpec {
    ContainerSpec {
        exposed: [PortKey::new(80, Protocol::Tcp)].into(),
        ..checked()
    }
}

#[tokio::test(start_paused = true)]
async fn an_own_success_counts_after_a_second_one_and_long_before_the_engines_interval() {
    let stage = Stage::new(Run::new(), checked()).await;
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(
        result.is_ok() && (0.25..1.0).contains(&secs),
        "{result:?} after {secs}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_own_probing_the_engines_verdict_is_waited_for() {
    let stage = Stage::new(Run::new(), checked()).await;
    let (result, secs) = stage.wait_with(Condition::Healthy, Readiness::Engine).await;
    assert!(
        result.is_ok() && (30.0..32.0).contains(&secs),
        "{result:?} after {secs}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_success_while_nothing_outside_could_reach_it_does_not_count() {
    let stage = Stage::new(Run::new(), exposed())
        .await
        .listens(0, &[Ipv4Addr::LOCALHOST])
        .listens(10, &[Ipv4Addr::UNSPECIFIED]);
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(
        result.is_ok() && (10.0..11.5).contains(&secs),
        "{result:?} after {secs}"
    );
}

#[tokio::test(start_paused = true)]
async fn where_exposed_ports_cannot_be_looked_at_the_engine_decides() {
    let stage = Stage::new(Run::new(), exposed()).await;
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(result.is_ok() && secs >= 30.0, "{result:?} after {secs}");
}

#[tokio::test(start_paused = true)]
async fn own_failures_never_fail_a_wait() {
    let stage = Stage::new(Run::new().ready_after(Duration::from_secs(20)), checked()).await;
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(
        result.is_ok() && (20.0..32.0).contains(&secs),
        "{result:?} after {secs}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_engines_unhealthy_fails_a_wait_and_shows_the_probe() {
    let stage = Stage::new(Run::new().never_ready(), checked()).await;
    let (result, secs) = stage.wait(Condition::Healthy).await;
    let failed = result.expect_err("it never gets ready");
    assert!(
        matches!(failed.reason, NotReady::Unhealthy { failures: 3 }),
        "{failed:?}"
    );
    assert!(failed.probe.is_some_and(|probe| probe.exit_code != Some(0)));
    assert!((90.0..95.0).contains(&secs), "{secs}");
}

#[tokio::test(start_paused = true)]
async fn unhealthy_after_a_pause_is_no_verdict_and_is_probed() {
    let stage = Stage::new(Run::new(), checked()).await;
    stage.wait(Condition::Healthy).await.0.expect("it is ready");
    let id = stage.container.id.as_ref().expect("it has an id");
    stage.tap.pause_container(id).await.expect("it runs");
    stage.tap.unpause_container(id).await.expect("it is paused");
    let health = stage.tap.inspect_container(id).await;
    let health = health.expect("it is there").state.health;
    let says = health.map(|health| (health.status, health.failing_streak));
    assert_eq!(says, Some((HealthStatus::Unhealthy, 0)));
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(result.is_ok() && secs < 5.0, "{result:?} after {secs}");
}

#[tokio::test(start_paused = true)]
async fn while_a_probe_hangs_no_second_one_is_started() {
    let stage = Stage::new(Run::new().probes_hang(), checked()).await;
    let (result, _) = stage.wait(Condition::Healthy).await;
    assert!(result.is_err());
    let opened = stage
        .tap
        .calls()
        .into_iter()
        .filter(|call| call.method == "exec_open")
        .count();
    assert_eq!(opened, 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_healthcheck_it_has_to_run_still_on_a_second_look() {
    let stage = Stage::new(Run::new(), ContainerSpec::default()).await;
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(
        result.is_ok() && (0.5..0.7).contains(&secs),
        "{result:?} after {secs}"
    );

    let stage = Stage::new(
        Run::new().ends_after(Duration::from_millis(100), 3),
        ContainerSpec::default(),
    )
    .await;
    let (result, _) = stage.wait(Condition::Healthy).await;
    assert_eq!(
        result.expect_err("it ended").reason,
        NotReady::Ended {
            end: ContainerEnd::Exited { code: 3 }
        }
    );
}

#[tokio::test(start_paused = true)]
async fn a_job_that_ends_with_0_is_done_and_with_anything_else_has_failed() {
    let stage = Stage::new(
        Run::new().ends_after(Duration::from_secs(90), 0),
        ContainerSpec::default(),
    )
    .await;
    let (result, secs) = stage.wait(Condition::Completed).await;
    assert!(
        result.is_ok() && (90.0..91.0).contains(&secs),
        "{result:?} after {secs}"
    );

    let stage = Stage::new(
        Run::new().ends_after(Duration::from_secs(1), 4),
        ContainerSpec::default(),
    )
    .await;
    let (result, _) = stage.wait(Condition::Completed).await;
    assert_eq!(
        result.expect_err("it failed").reason,
        NotReady::Ended {
            end: ContainerEnd::Exited { code: 4 }
        }
    );
}

#[tokio::test(start_paused = true)]
async fn what_ends_again_and_again_is_told_from_what_is_slow() {
    let spec = ContainerSpec {
        restart: RestartSpec::Always,
        ..checked()
    };
    let stage = Stage::new(
        Run::new()
            .never_ready()
            .ends_after(Duration::from_millis(200), 1),
        spec,
    )
    .await;
    let (result, _) = stage.wait(Condition::Healthy).await;
    assert!(
        matches!(
            result,
            Err(Failed {
                reason: NotReady::KeepsEnding { .. },
                ..
            })
        ),
        "{result:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_failed_says_why() {
    let stage = Stage::new(Run::new().fails_to_start(127, "no such program"), checked()).await;
    let (result, _) = stage.wait(Condition::Healthy).await;
    let failed = result.expect_err("it did not start");
    assert_eq!(
        failed.reason.to_string(),
        "could not be started: no such program"
    );
}

/// Probed by the engine every second, and answering from the beginning.
fn often_probed() -> ContainerSpec {
    let mut spec = exposed();
    if let Some(check) = &mut spec.healthcheck {
        check.interval = Some(Duration::from_secs(1));
        check.retries = Some(30);
    }
    spec
}

#[tokio::test(start_paused = true)]
async fn a_database_that_sets_itself_up_is_not_ready_although_the_engine_calls_it_healthy() {
    let stage = Stage::new(Run::new(), often_probed()).await;
    let stage = stage
        .listens(0, &[])
        .listens(12, &[Ipv4Addr::UNSPECIFIED])
        .set_up_until(12);
    let (result, secs) = stage.wait(Condition::Healthy).await;
    assert!(
        result.is_ok() && (12.0..13.0).contains(&secs),
        "{result:?} after {secs}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_image_exposes_a_port_is_ready_when_the_engine_calls_it_healthy() {
    let stage = Stage::new(Run::new(), often_probed()).await;
    let (result, secs) = stage.listens(0, &[]).wait(Condition::Healthy).await;
    assert!(result.is_ok() && secs < 3.0, "{result:?} after {secs}");
}

#[tokio::test(start_paused = true)]
async fn a_script_that_never_makes_way_is_believed_when_the_time_of_its_healthcheck_is_over() {
    let stage = Stage::new(Run::new(), often_probed()).await;
    let stage = stage.listens(0, &[]).set_up_until(u64::MAX);
    let (result, secs) = stage.wait(Condition::Healthy).await;
    // 31 times the interval and the timeout of five seconds.
    assert!(
        result.is_ok() && (186.0..187.0).contains(&secs),
        "{result:?} after {secs}"
    );
}
