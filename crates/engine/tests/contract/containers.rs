//! Clauses about containers.

use std::time::Duration;

use bowline_engine::{EngineError, RemoveContainer, Removed, Selector, WaitFor};
use bowline_model::{
    Capability, ContainerId, ContainerSpec, ContainerStatus, EndpointSpec, HostPort,
    ImageMountSpec, MountSource, MountSpec, ObjectKind, PortKey, PortSpec, Protocol, RestartSpec,
    TmpfsSpec, UlimitSpec, VolumeMountSpec,
};
use futures_util::future::join_all;

use super::stage::{Role, Stage};

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

#[expect(clippy::too_many_lines, reason = "one spec with everything in it")]
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

/// A field and how it is asked for.
type Newer = (Capability, fn(&mut ContainerSpec));

const NEWER: &[Newer] = &[
    (Capability::Annotations, |spec| {
        spec.annotations.insert("org.example.a".into(), "b".into());
    }),
    (Capability::StartInterval, |spec| {
        let check = spec.healthcheck.get_or_insert_default();
        check.start_period = Some(Duration::from_secs(9));
        check.start_interval = Some(Duration::from_secs(2));
    }),
    (Capability::VolumeSubpath, |spec| {
        if let MountSource::Volume(volume) = &mut spec.mounts[0].source {
            volume.subpath = Some("below".into());
        }
    }),
    (Capability::ImageMount, |spec| {
        let image = super::stage::IMAGE.to_owned();
        let subpath = Some("etc".to_owned());
        let mut image = mount(
            "/image",
            MountSource::Image(ImageMountSpec { image, subpath }),
        );
        image.read_only = true;
        spec.mounts.push(image);
    }),
    (Capability::GatewayPriority, |spec| {
        spec.network.endpoints[0].gateway_priority = Some(7);
    }),
];

pub(crate) async fn newer_fields_are_given_back_where_the_api_has_them_and_refused_elsewhere(
    stage: &Stage,
) {
    let api = stage.engine.about().api;
    stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap();
    stage
        .engine
        .create_volume(&stage.volume("v"))
        .await
        .unwrap();
    for (capability, ask) in NEWER {
        let part = format!("{capability:?}");
        let mut spec = stage.spec(&part, Role::Healthy);
        let name = Some(stage.name("v"));
        let volume = VolumeMountSpec {
            name,
            ..VolumeMountSpec::default()
        };
        spec.mounts = vec![mount("/data", MountSource::Volume(volume))];
        let network = stage.name("n");
        spec.network.mode = Some(network.clone());
        spec.network.endpoints = vec![EndpointSpec {
            network,
            ..EndpointSpec::default()
        }];
        ask(&mut spec);
        let result = stage
            .engine
            .create_container(&stage.name(&part), &spec)
            .await;
        if !api.has(*capability) {
            let capability = *capability;
            assert_eq!(
                result.unwrap_err(),
                EngineError::Unsupported { capability, api }
            );
            continue;
        }
        let seen = stage
            .engine
            .inspect_container(&result.unwrap().id)
            .await
            .unwrap()
            .spec;
        assert!(seen.annotations.contains_all(&spec.annotations));
        assert_eq!(seen.healthcheck, spec.healthcheck);
        let priority = |spec: &ContainerSpec| spec.network.endpoints[0].gateway_priority;
        assert_eq!(priority(&seen), priority(&spec));
        for wanted in &spec.mounts {
            assert!(
                seen.mounts.contains(wanted),
                "{wanted:?} in {:?}",
                seen.mounts
            );
        }
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
