//! Clauses about how containers start, run and end.

use std::time::Duration;

use bowline_engine::{EngineError, EventFilter, Started, Stopped, WaitFor};
use bowline_model::{
    ContainerEnd, ContainerStatus, EndpointSpec, EventAction, HealthStatus, HostPort, PortKey,
    PortSpec, Protocol, RestartSpec,
};

use super::stage::{Role, Stage, soon, until};

const GRACE: Duration = Duration::from_secs(10);

fn publish(container: u16, host: HostPort) -> PortSpec {
    PortSpec {
        container: PortKey::new(container, Protocol::Tcp),
        host_ip: Some("127.0.0.1".into()),
        host,
    }
}

pub(crate) async fn starting_a_running_container_is_success(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    assert_eq!(
        stage.engine.start_container(&id).await.unwrap(),
        Started::Now
    );
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(outcome.is_running() && outcome.pid.is_some() && outcome.started.is_some());
    assert_eq!(
        stage.engine.start_container(&id).await.unwrap(),
        Started::Already
    );
    assert_eq!(
        stage
            .engine
            .inspect_container(&id)
            .await
            .unwrap()
            .state
            .started,
        outcome.started
    );
}

pub(crate) async fn stopping_a_stopped_container_is_success(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    assert_eq!(
        stage.engine.stop_container(&id, GRACE).await.unwrap(),
        Stopped::Now
    );
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(outcome.end(), Some(ContainerEnd::Exited { code: 0 }));
    assert!(outcome.finished > outcome.started && outcome.pid.is_none());
    assert_eq!(
        stage.engine.stop_container(&id, GRACE).await.unwrap(),
        Stopped::Already
    );
    let never = stage.create("b", Role::Idles).await;
    assert_eq!(
        stage.engine.stop_container(&never, GRACE).await.unwrap(),
        Stopped::Already
    );
}

pub(crate) async fn a_container_that_ignores_its_stop_signal_is_killed_after_the_grace(
    stage: &Stage,
) {
    let id = stage.run("a", Role::Deaf).await;
    let began = stage.engine.now().await.unwrap();
    // Less than a second is rounded up, never down.
    stage
        .engine
        .stop_container(&id, Duration::from_millis(100))
        .await
        .unwrap();
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(outcome.end(), Some(ContainerEnd::Signalled { signal: 9 }));
    let took = stage.engine.now().await.unwrap().duration_since(began);
    assert!(took.as_secs_f64() < 20.0, "{took:?}");
}

pub(crate) async fn a_stopped_container_is_not_restarted_by_its_policy(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Idles);
    spec.restart = RestartSpec::Always;
    let id = stage.create_of("a", &spec).await;
    stage.engine.start_container(&id).await.unwrap();
    stage.engine.stop_container(&id, GRACE).await.unwrap();
    assert_eq!(
        stage
            .engine
            .inspect_container(&id)
            .await
            .unwrap()
            .state
            .status,
        ContainerStatus::Exited
    );
}

pub(crate) async fn a_container_that_fails_is_restarted_as_often_as_its_policy_says(stage: &Stage) {
    let since = Some(stage.engine.now().await.unwrap());
    let filter = EventFilter {
        since,
        ..stage.events_of(&[EventAction::Die])
    };
    let mut events = stage.engine.events(&filter).await.unwrap();
    let mut spec = stage.spec("a", Role::Ends(3));
    spec.restart = RestartSpec::OnFailure {
        max_retries: Some(2),
    };
    let id = stage.create_of("a", &spec).await;
    stage.engine.start_container(&id).await.unwrap();
    for _ in 0..3 {
        let died = until(&mut events, EventAction::Die).await;
        assert_eq!(died[0].exit_code(), Some(3));
    }
    soon(
        "the last end",
        stage.engine.wait_container(&id, WaitFor::NotRunning),
    )
    .await
    .unwrap();
    let seen = stage.engine.inspect_container(&id).await.unwrap();
    assert_eq!(seen.restart_count, 2);
    assert_eq!(seen.state.end(), Some(ContainerEnd::Exited { code: 3 }));
}

pub(crate) async fn a_restart_begins_a_new_run_of_the_same_container(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let before = stage
        .engine
        .inspect_container(&id)
        .await
        .unwrap()
        .state
        .started;
    stage.engine.restart_container(&id, GRACE).await.unwrap();
    let after = stage.engine.inspect_container(&id).await.unwrap();
    assert!(after.state.is_running() && after.state.started > before);
    let stopped = stage.create("b", Role::Idles).await;
    stage
        .engine
        .restart_container(&stopped, GRACE)
        .await
        .unwrap();
    assert!(
        stage
            .engine
            .inspect_container(&stopped)
            .await
            .unwrap()
            .state
            .is_running()
    );
}

pub(crate) async fn killing_a_stopped_container_is_typed_not_running(stage: &Stage) {
    let id = stage.run("a", Role::Deaf).await;
    stage.engine.kill_container(&id, "KILL").await.unwrap();
    assert_eq!(
        soon(
            "its end",
            stage.engine.wait_container(&id, WaitFor::NotRunning)
        )
        .await
        .unwrap(),
        137
    );
    let error = stage
        .engine
        .kill_container(&id, "SIGTERM")
        .await
        .unwrap_err();
    assert!(
        matches!(&error, EngineError::NotRunning { container, .. } if *container == id.0),
        "{error:?}"
    );
}

pub(crate) async fn a_paused_container_is_frozen_until_it_goes_on(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let error = stage
        .engine
        .inspect_container(&id)
        .await
        .unwrap()
        .state
        .status;
    assert_eq!(error, ContainerStatus::Running);
    stage.engine.unpause_container(&id).await.unwrap();
    stage.engine.pause_container(&id).await.unwrap();
    stage.engine.pause_container(&id).await.unwrap();
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(outcome.status == ContainerStatus::Paused && outcome.is_running());
    stage.engine.unpause_container(&id).await.unwrap();
    assert_eq!(
        stage
            .engine
            .inspect_container(&id)
            .await
            .unwrap()
            .state
            .status,
        ContainerStatus::Running
    );
    let stopped = stage.create("b", Role::Idles).await;
    let error = stage.engine.pause_container(&stopped).await.unwrap_err();
    assert!(matches!(error, EngineError::NotRunning { .. }), "{error:?}");
}

pub(crate) async fn a_bad_command_fails_the_start_and_leaves_its_reason(stage: &Stage) {
    let id = stage.create("a", Role::Broken).await;
    let error = stage.engine.start_container(&id).await.unwrap_err();
    let EngineError::FailedToStart { text, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(text.contains("/no/such/program"), "{text}");
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(outcome.status, ContainerStatus::Created);
    assert!(
        matches!(
            outcome.end(),
            Some(ContainerEnd::FailedToStart { code: 127, .. })
        ),
        "{outcome:?}"
    );
}

pub(crate) async fn a_missing_network_fails_the_start_and_leaves_its_reason(stage: &Stage) {
    let network = stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap();
    let mut spec = stage.spec("a", Role::Idles);
    spec.network.mode = Some(stage.name("n"));
    spec.network.endpoints = vec![EndpointSpec {
        network: stage.name("n"),
        ..EndpointSpec::default()
    }];
    let id = stage.create_of("a", &spec).await;
    stage.engine.remove_network(&network).await.unwrap();
    let error = stage.engine.start_container(&id).await.unwrap_err();
    assert!(
        matches!(error, EngineError::FailedToStart { .. }),
        "{error:?}"
    );
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(
        matches!(
            outcome.end(),
            Some(ContainerEnd::FailedToStart { code: 128, .. })
        ),
        "{outcome:?}"
    );
}

pub(crate) async fn a_taken_port_is_typed_with_the_port(stage: &Stage) {
    let mut first = stage.spec("a", Role::Idles);
    first.published = vec![publish(80, HostPort::Any)];
    let first = stage.create_of("a", &first).await;
    stage.engine.start_container(&first).await.unwrap();
    let taken = stage.engine.inspect_container(&first).await.unwrap().ports[0].host_port;

    let mut spec = stage.spec("b", Role::Idles);
    spec.published = vec![publish(80, HostPort::Fixed(taken))];
    let id = stage.create_of("b", &spec).await;
    let error = stage.engine.start_container(&id).await.unwrap_err();
    let EngineError::PortTaken { port, protocol, .. } = error else {
        panic!("{error:?}")
    };
    assert_eq!((port, protocol), (taken, Protocol::Tcp));
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(outcome.status, ContainerStatus::Created);
    assert!(
        matches!(
            outcome.end(),
            Some(ContainerEnd::FailedToStart { code: 128, .. })
        ),
        "{outcome:?}"
    );

    // Once the port is free the same container starts.
    stage.engine.stop_container(&first, GRACE).await.unwrap();
    assert_eq!(
        stage.engine.start_container(&id).await.unwrap(),
        Started::Now
    );
    let seen = stage.engine.inspect_container(&id).await.unwrap();
    assert_eq!((seen.state.error, seen.ports[0].host_port), (None, taken));
}

pub(crate) async fn a_port_without_a_number_gets_a_free_one(stage: &Stage) {
    let mut ports = Vec::new();
    for part in ["a", "b"] {
        let mut spec = stage.spec(part, Role::Idles);
        spec.published = vec![publish(80, HostPort::Any)];
        let id = stage.create_of(part, &spec).await;
        assert_eq!(stage.engine.inspect_container(&id).await.unwrap().ports, []);
        stage.engine.start_container(&id).await.unwrap();
        let seen = stage.engine.inspect_container(&id).await.unwrap();
        assert_eq!(seen.ports[0].container, PortKey::new(80, Protocol::Tcp));
        assert_eq!(seen.ports[0].host_ip, "127.0.0.1");
        ports.push(seen.ports[0].host_port);
    }
    assert!(
        ports[0] != ports[1] && ports.iter().all(|port| *port > 0),
        "{ports:?}"
    );
}

pub(crate) async fn waiting_gives_the_exit_code_whether_it_ended_before_or_after(stage: &Stage) {
    let id = stage.create("a", Role::Ends(5)).await;
    let waiting = stage.engine.wait_container(&id, WaitFor::NextExit);
    let starting = stage.engine.start_container(&id);
    let (code, started) = soon("its end", async {
        futures_util::future::join(waiting, starting).await
    })
    .await;
    started.unwrap();
    assert_eq!(code.unwrap(), 5);
    let again = soon(
        "its end",
        stage.engine.wait_container(&id, WaitFor::NotRunning),
    )
    .await;
    assert_eq!(again.unwrap(), 5);
}

pub(crate) async fn a_healthcheck_turns_healthy_and_says_so(stage: &Stage) {
    let filter = stage.events_of(&[EventAction::Health(String::new())]);
    let mut events = stage.engine.events(&filter).await.unwrap();
    let id = stage.run("a", Role::Healthy).await;
    let health = stage
        .engine
        .inspect_container(&id)
        .await
        .unwrap()
        .state
        .health
        .unwrap();
    assert_eq!(
        (health.status, health.probes.len()),
        (HealthStatus::Starting, 0)
    );
    until(&mut events, EventAction::Health("healthy".into())).await;
    let outcome = stage.engine.inspect_container(&id).await.unwrap().state;
    let health = outcome.health.unwrap();
    assert_eq!(
        (health.status, health.failing_streak),
        (HealthStatus::Healthy, 0)
    );
    assert!(health.probes_since(outcome.started.unwrap()).count() >= 1);
}

pub(crate) async fn a_failing_healthcheck_turns_unhealthy_after_its_retries(stage: &Stage) {
    let filter = stage.events_of(&[EventAction::Health(String::new())]);
    let mut events = stage.engine.events(&filter).await.unwrap();
    let id = stage.run("a", Role::Sick).await;
    until(&mut events, EventAction::Health("unhealthy".into())).await;
    let health = stage
        .engine
        .inspect_container(&id)
        .await
        .unwrap()
        .state
        .health
        .unwrap();
    assert_eq!(health.status, HealthStatus::Unhealthy);
    assert!(
        health.failing_streak >= 2 && health.probes[0].exit_code == 1,
        "{health:?}"
    );
    assert!(
        stage
            .engine
            .inspect_container(&id)
            .await
            .unwrap()
            .state
            .is_running()
    );
}
