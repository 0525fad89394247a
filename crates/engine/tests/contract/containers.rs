//! Clauses about containers.

use std::time::Duration;

use bowline_engine::{
    EngineError, EventFilter, RemoveContainer, Removed, Selector, Started, Stopped, WaitFor,
};
use bowline_model::{
    Capability, ContainerEnd, ContainerId, ContainerSpec, ContainerStatus, EndpointSpec,
    EventAction, HealthStatus, HostPort, MountSource, MountSpec, ObjectKind, PortKey, PortSpec,
    Protocol, RestartSpec, TmpfsSpec, UlimitSpec, VolumeMountSpec,
};
use futures_util::future::join_all;

use super::stage::{Role, Stage, soon, until};

const GRACE: Duration = Duration::from_secs(10);

fn publish(container: u16, host: HostPort) -> PortSpec {
    PortSpec {
        container: PortKey::new(container, Protocol::Tcp),
        host_ip: Some("127.0.0.1".into()),
        host,
    }
}

fn mount(target: &str, source: MountSource) -> MountSpec {
    MountSpec {
        target: target.into(),
        read_only: false,
        source,
        consistency: None,
    }
}

fn is_missing(error: &EngineError, wanted: ObjectKind) -> bool {
    matches!(error, EngineError::NotFound { kind, .. } if *kind == wanted)
}

pub(crate) async fn an_engine_says_who_it_is_and_what_time_it_is(stage: &Stage) {
    let about = stage.engine.about();
    assert!(!about.id.is_empty());
    assert!(about.api >= bowline_engine::OLDEST_API && about.api <= bowline_engine::NEWEST_API);
    assert!(about.cpus > 0 && about.memory_bytes > 0);
    let first = stage.engine.now().await.unwrap();
    assert!(stage.engine.now().await.unwrap() > first);
}

pub(crate) async fn a_created_container_is_listed_by_its_labels_and_found_by_its_name(
    stage: &Stage,
) {
    let id = stage.create("a", Role::Idles).await;
    let listed = stage.engine.containers(&stage.mine()).await.unwrap();
    let [only] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!(
        (&only.id, &only.name, &only.status),
        (&id, &stage.name("a"), &ContainerStatus::Created)
    );
    assert_eq!(only.image, super::stage::IMAGE);

    let found = stage
        .engine
        .find_container(&stage.name("a"))
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.id, id);
    assert_eq!(found.state.end(), None);
    assert_eq!(found.image_id, only.image_id);
    assert_eq!(
        stage.engine.find_container(&stage.name("b")).await.unwrap(),
        None
    );
    let named = stage
        .engine
        .containers(&Selector::name(stage.name("a")))
        .await
        .unwrap();
    assert_eq!(named.len(), 1);
}

pub(crate) async fn a_listing_shows_only_what_matches_every_label(stage: &Stage) {
    for (part, tier) in [("a", "web"), ("b", "db")] {
        let mut spec = stage.spec(part, Role::Idles);
        spec.labels.insert("tier".into(), tier.into());
        stage.create_of(part, &spec).await;
    }
    let names = async |which: Selector| {
        let listed = stage.engine.containers(&which).await.unwrap();
        listed
            .into_iter()
            .map(|container| container.name)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(stage.mine().and_label("tier", "web")).await,
        [stage.name("a")]
    );
    assert_eq!(names(stage.mine().and_has_label("tier")).await.len(), 2);
    assert_eq!(names(stage.mine().and_label("tier", "we")).await.len(), 0);
    assert_eq!(names(Selector::name("a")).await.len(), 0);
}

pub(crate) async fn inspect_of_a_gone_container_is_a_typed_not_found(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    stage
        .engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap();
    let error = stage.engine.inspect_container(&id).await.unwrap_err();
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Container,
            name: id.0.clone()
        }
    );
    for error in [
        stage.engine.start_container(&id).await.unwrap_err(),
        stage.engine.stop_container(&id, GRACE).await.unwrap_err(),
        stage.engine.kill_container(&id, "TERM").await.unwrap_err(),
        stage
            .engine
            .rename_container(&id, &stage.name("b"))
            .await
            .unwrap_err(),
        stage
            .engine
            .wait_container(&id, WaitFor::NotRunning)
            .await
            .unwrap_err(),
    ] {
        assert_eq!(
            error,
            EngineError::NotFound {
                kind: ObjectKind::Container,
                name: id.0.clone()
            }
        );
    }
}

pub(crate) async fn an_id_is_never_taken_for_a_name_or_a_part_of_an_id(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    for wrong in [stage.name("a"), id.short().to_owned()] {
        let error = stage
            .engine
            .inspect_container(&ContainerId(wrong))
            .await
            .unwrap_err();
        assert!(is_missing(&error, ObjectKind::Container), "{error:?}");
    }
    assert_eq!(stage.engine.find_container(&id.0).await.unwrap(), None);
}

pub(crate) async fn parallel_inspects_keep_the_order_and_leave_out_what_is_gone(stage: &Stage) {
    let mut ids = Vec::new();
    for part in ["a", "b", "c", "d"] {
        ids.push(stage.create(part, Role::Idles).await);
    }
    ids.reverse();
    stage
        .engine
        .remove_container(&ids[1], RemoveContainer::default())
        .await
        .unwrap();
    let found = stage.engine.inspect_containers(&ids).await.unwrap();
    let found: Vec<_> = found.into_iter().map(|container| container.id).collect();
    assert_eq!(found, [ids[0].clone(), ids[2].clone(), ids[3].clone()]);
}

pub(crate) async fn a_create_whose_name_is_taken_names_the_holder(stage: &Stage) {
    let holder = stage.create("a", Role::Idles).await;
    let error = stage
        .engine
        .create_container(&stage.name("a"), &stage.spec("a", Role::Idles))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::NameTaken {
            name: stage.name("a"),
            holder: Some(holder)
        }
    );
}

pub(crate) async fn of_many_creates_of_one_name_exactly_one_wins(stage: &Stage) {
    let (name, spec) = (stage.name("a"), stage.spec("a", Role::Idles));
    let results = join_all((0..8).map(|_| stage.engine.create_container(&name, &spec))).await;
    let winners: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().ok())
        .collect();
    assert_eq!(winners.len(), 1, "{results:?}");
    let refused = results
        .iter()
        .filter(|result| matches!(result, Err(EngineError::NameTaken { .. })))
        .count();
    assert_eq!(refused, 7, "{results:?}");
    assert_eq!(
        stage.engine.containers(&stage.mine()).await.unwrap().len(),
        1
    );
}

pub(crate) async fn a_create_of_a_missing_image_names_the_image(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Idles);
    spec.image = "bowline-test/no-such-image:1".into();
    let error = stage
        .engine
        .create_container(&stage.name("a"), &spec)
        .await
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Image,
            name: spec.image
        }
    );
}

pub(crate) async fn an_inspect_gives_back_what_was_asked_for(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Healthy);
    spec.entrypoint = Some(["/bin/sh", "-c"].into());
    spec.command = Some(["exit 0"].into());
    spec.env.set("B", Some("2=3".into()));
    spec.env.set("A", Some(String::new()));
    spec.user = Some("65534:65534".into());
    spec.working_dir = Some("/tmp".into());
    spec.hostname = Some("host-a".into());
    spec.stop_signal = Some("SIGQUIT".into());
    spec.stop_timeout_secs = Some(0);
    spec.exposed.insert(PortKey::new(9, Protocol::Udp));
    spec.published = vec![
        publish(80, HostPort::Any),
        publish(81, HostPort::Range(40100, 40110)),
    ];
    spec.restart = RestartSpec::OnFailure {
        max_retries: Some(3),
    };
    spec.init = Some(true);
    spec.mounts = vec![
        mount(
            "/data",
            MountSource::Volume(VolumeMountSpec {
                name: Some(stage.name("data")),
                ..VolumeMountSpec::default()
            }),
        ),
        mount(
            "/scratch",
            MountSource::Tmpfs(TmpfsSpec {
                size_bytes: Some(1 << 20),
                mode: Some(0o700),
            }),
        ),
    ];
    spec.security.cap_drop = vec!["ALL".into()];
    spec.security.read_only = true;
    spec.security.groups = vec!["1000".into()];
    spec.network.extra_hosts = vec!["peer:10.0.0.1".into()];
    spec.resources.memory_bytes = Some(64 << 20);
    spec.resources.pids_limit = Some(100);
    spec.resources.ulimits = vec![UlimitSpec {
        name: "nofile".into(),
        soft: 100,
        hard: 200,
    }];
    stage
        .engine
        .create_volume(&stage.volume("data"))
        .await
        .unwrap();
    let id = stage.create_of("a", &spec).await;

    let seen = stage.engine.inspect_container(&id).await.unwrap();
    assert_eq!(seen.name, stage.name("a"));
    assert_eq!(
        seen.spec
            .env
            .get("B")
            .flatten()
            .map(bowline_model::Secret::reveal),
        Some("2=3")
    );
    assert_eq!(
        seen.spec
            .env
            .get("A")
            .flatten()
            .map(bowline_model::Secret::reveal),
        Some("")
    );
    assert!(seen.spec.labels.contains_all(&spec.labels));
    assert!(seen.spec.exposed.contains(&PortKey::new(80, Protocol::Tcp)));
    assert_eq!(
        seen.spec.resources.memory_swap_bytes,
        Some(128 << 20),
        "twice the memory"
    );
    let targets = |spec: &ContainerSpec| {
        spec.mounts
            .iter()
            .map(|mount| mount.target.clone())
            .collect::<std::collections::BTreeSet<_>>()
    };
    assert_eq!(targets(&seen.spec), targets(&spec));
    let data = seen
        .mounts
        .iter()
        .find(|mount| mount.target == "/data")
        .unwrap();
    assert_eq!(
        (data.volume.as_ref(), data.writable),
        (Some(&stage.name("data")), true)
    );
    // What is left has to be the same field by field.
    let same = |spec: &ContainerSpec| {
        (
            (
                spec.entrypoint.clone(),
                spec.command.clone(),
                spec.user.clone(),
                spec.working_dir.clone(),
            ),
            (
                spec.hostname.clone(),
                spec.stop_signal.clone(),
                spec.stop_timeout_secs,
                spec.healthcheck.clone(),
            ),
            (
                spec.published.clone(),
                spec.restart,
                spec.init,
                spec.security.clone(),
            ),
            (
                spec.network.extra_hosts.clone(),
                spec.resources.memory_bytes,
                spec.resources.pids_limit,
            ),
            spec.resources.ulimits.clone(),
        )
    };
    assert_eq!(same(&seen.spec), same(&spec));
}

pub(crate) async fn image_defaults_are_merged_into_what_was_asked_for(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Idles);
    spec.command = None;
    let id = stage.create_of("a", &spec).await;
    let seen = stage.engine.inspect_container(&id).await.unwrap();
    let image = stage.engine.inspect_image(&spec.image).await.unwrap();
    assert_eq!(seen.spec.command, image.config.command);
    assert_eq!(seen.image_id, image.id);
    assert_eq!(seen.spec.hostname.as_deref(), Some(id.short()));
    for (name, value) in image.config.env.iter() {
        assert_eq!(seen.spec.env.get(name), Some(value));
    }
}

pub(crate) async fn what_the_api_does_not_have_is_refused_before_anything_is_made(stage: &Stage) {
    let api = stage.engine.about().api;
    let mut spec = stage.spec("a", Role::Idles);
    let mut network = stage.network("second");
    network.labels = stage.labels();
    let second = stage.engine.create_network(&network).await.unwrap();
    let first = stage
        .engine
        .create_network(&stage.network("first"))
        .await
        .unwrap();
    let endpoint = |part: &str| EndpointSpec {
        network: stage.name(part),
        ..EndpointSpec::default()
    };
    spec.network.mode = Some(stage.name("first"));
    spec.network.endpoints = vec![endpoint("first"), endpoint("second")];
    let result = stage.engine.create_container(&stage.name("a"), &spec).await;
    if api.has(Capability::MultipleEndpoints) {
        let id = result.unwrap().id;
        stage.engine.start_container(&id).await.unwrap();
        let seen = stage.engine.inspect_container(&id).await.unwrap();
        let networks: Vec<_> = seen
            .endpoints
            .values()
            .filter_map(|endpoint| endpoint.network.clone())
            .collect();
        assert!(
            networks.contains(&first) && networks.contains(&second),
            "{networks:?}"
        );
    } else {
        assert_eq!(
            result.unwrap_err(),
            EngineError::Unsupported {
                capability: Capability::MultipleEndpoints,
                api
            }
        );
        assert_eq!(stage.engine.containers(&stage.mine()).await.unwrap(), []);
    }
}

pub(crate) async fn a_renamed_container_is_found_by_its_new_name_only(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    stage
        .engine
        .rename_container(&id, &stage.name("b"))
        .await
        .unwrap();
    stage
        .engine
        .rename_container(&id, &stage.name("b"))
        .await
        .unwrap();
    assert_eq!(
        stage.engine.inspect_container(&id).await.unwrap().name,
        stage.name("b")
    );
    assert_eq!(
        stage.engine.find_container(&stage.name("a")).await.unwrap(),
        None
    );
    stage.create("a", Role::Idles).await;
}

pub(crate) async fn renaming_to_a_taken_name_names_the_holder(stage: &Stage) {
    let holder = stage.create("a", Role::Idles).await;
    let id = stage.create("b", Role::Idles).await;
    let error = stage
        .engine
        .rename_container(&id, &stage.name("a"))
        .await
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::NameTaken {
            name: stage.name("a"),
            holder: Some(holder)
        }
    );
}

pub(crate) async fn starting_a_running_container_is_success(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    assert_eq!(
        stage.engine.start_container(&id).await.unwrap(),
        Started::Now
    );
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(state.is_running() && state.pid.is_some() && state.started.is_some());
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
        state.started
    );
}

pub(crate) async fn stopping_a_stopped_container_is_success(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    assert_eq!(
        stage.engine.stop_container(&id, GRACE).await.unwrap(),
        Stopped::Now
    );
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(state.end(), Some(ContainerEnd::Exited { code: 0 }));
    assert!(state.finished > state.started && state.pid.is_none());
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(state.end(), Some(ContainerEnd::Signalled { signal: 9 }));
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(state.status == ContainerStatus::Paused && state.is_running());
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(state.status, ContainerStatus::Created);
    assert!(
        matches!(
            state.end(),
            Some(ContainerEnd::FailedToStart { code: 127, .. })
        ),
        "{state:?}"
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert!(
        matches!(
            state.end(),
            Some(ContainerEnd::FailedToStart { code: 128, .. })
        ),
        "{state:?}"
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    assert_eq!(state.status, ContainerStatus::Created);
    assert!(
        matches!(
            state.end(),
            Some(ContainerEnd::FailedToStart { code: 128, .. })
        ),
        "{state:?}"
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

pub(crate) async fn a_running_container_is_removed_only_by_force(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let error = stage
        .engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::InUse {
                kind: ObjectKind::Container,
                ..
            }
        ),
        "{error:?}"
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
    let how = RemoveContainer {
        force: true,
        ..RemoveContainer::default()
    };
    assert_eq!(
        stage.engine.remove_container(&id, how).await.unwrap(),
        Removed::Now
    );
}

pub(crate) async fn a_removed_container_frees_its_name_and_a_second_removal_is_success(
    stage: &Stage,
) {
    let id = stage.create("a", Role::Idles).await;
    assert_eq!(
        stage
            .engine
            .remove_container(&id, RemoveContainer::default())
            .await
            .unwrap(),
        Removed::Now
    );
    assert_eq!(
        stage
            .engine
            .remove_container(&id, RemoveContainer::default())
            .await
            .unwrap(),
        Removed::Already
    );
    let second = stage.create("a", Role::Idles).await;
    assert_ne!(id, second);
}

pub(crate) async fn a_removal_takes_anonymous_volumes_when_asked_and_never_named_ones(
    stage: &Stage,
) {
    let named = stage.name("data");
    stage
        .engine
        .create_volume(&stage.volume("data"))
        .await
        .unwrap();
    for (part, take) in [("a", false), ("b", true)] {
        let mut spec = stage.spec(part, Role::Idles);
        spec.mounts = vec![
            mount(
                "/named",
                MountSource::Volume(VolumeMountSpec {
                    name: Some(named.clone()),
                    ..VolumeMountSpec::default()
                }),
            ),
            mount(
                "/anonymous",
                MountSource::Volume(VolumeMountSpec::default()),
            ),
        ];
        let id = stage.create_of(part, &spec).await;
        let mounts = stage.engine.inspect_container(&id).await.unwrap().mounts;
        let anonymous = mounts
            .iter()
            .find(|mount| mount.is_anonymous_volume())
            .unwrap()
            .volume
            .clone()
            .unwrap();
        stage
            .engine
            .remove_container(
                &id,
                RemoveContainer {
                    anonymous_volumes: take,
                    force: false,
                },
            )
            .await
            .unwrap();
        let left = stage.engine.inspect_volume(&anonymous).await;
        assert_eq!(left.is_ok(), !take, "{left:?}");
        stage.engine.remove_volume(&anonymous).await.unwrap();
        stage.engine.inspect_volume(&named).await.unwrap();
    }
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
    let state = stage.engine.inspect_container(&id).await.unwrap().state;
    let health = state.health.unwrap();
    assert_eq!(
        (health.status, health.failing_streak),
        (HealthStatus::Healthy, 0)
    );
    assert!(health.probes_since(state.started.unwrap()).count() >= 1);
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
