//! Clauses about networks, volumes and images.

use std::time::Duration;

use bowline_engine::{
    EngineError, ImportSpec, PullFailure, RemoveContainer, Removed, Selector, tar_of,
};
use bowline_model::{
    ContainerId, ContainerSpec, ContainerStatus, EndpointSpec, IpamPool, IpamSpec, MountSource,
    MountSpec, NetworkId, ObjectKind, VolumeMountSpec,
};
use futures_util::TryStreamExt;

use super::stage::{IMAGE, Role, STAGE_LABEL, Stage, soon};

fn on(stage: &Stage, part: &str, network: &str) -> ContainerSpec {
    let mut spec = stage.spec(part, Role::Idles);
    spec.network.mode = Some(stage.name(network));
    let aliases = vec![format!("{part}-alias")];
    spec.network.endpoints = vec![EndpointSpec {
        network: stage.name(network),
        aliases,
        ..EndpointSpec::default()
    }];
    spec
}

pub(crate) async fn a_network_keeps_its_labels_and_options(stage: &Stage) {
    let mut spec = stage.network("n");
    spec.labels.insert("tier".into(), "back".into());
    spec.internal = true;
    spec.options
        .insert("com.docker.network.driver.mtu".into(), "1400".into());
    // Documentation addresses: nobody else's network has them.
    let pool = IpamPool {
        subnet: Some("198.51.100.0/28".into()),
        gateway: Some("198.51.100.1".into()),
        ..IpamPool::default()
    };
    spec.ipam = Some(IpamSpec {
        pools: vec![pool.clone()],
        ..IpamSpec::default()
    });
    let id = stage.engine.create_network(&spec).await.unwrap();
    let seen = stage.engine.inspect_network(&id).await.unwrap();
    assert_eq!(seen.spec.name, spec.name);
    assert!(
        seen.spec.labels.contains_all(&spec.labels)
            && seen.spec.options.contains_all(&spec.options)
    );
    assert!(seen.spec.internal);
    assert_eq!(seen.spec.ipam.unwrap().pools, [pool]);
    assert_eq!(seen.spec.driver.as_deref(), Some("bridge"));
    let listed = stage
        .engine
        .networks(&stage.mine().and_label("tier", "back"))
        .await
        .unwrap();
    assert_eq!(
        listed.iter().map(|network| &network.id).collect::<Vec<_>>(),
        [&id]
    );
    assert_eq!(
        stage
            .engine
            .networks(&Selector::name(stage.name("n")))
            .await
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        stage
            .engine
            .networks(&Selector::name("n"))
            .await
            .unwrap()
            .len(),
        0
    );
}

pub(crate) async fn a_taken_network_name_is_a_conflict(stage: &Stage) {
    stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap();
    let error = stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap_err();
    assert!(matches!(error, EngineError::Conflict { .. }), "{error:?}");
}

pub(crate) async fn a_network_is_not_removed_while_a_running_container_is_on_it(stage: &Stage) {
    let network = stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap();
    let id = stage.create_of("a", &on(stage, "a", "n")).await;
    stage.engine.start_container(&id).await.unwrap();
    let seen = stage.engine.inspect_network(&network).await.unwrap();
    assert_eq!(seen.attached.keys().collect::<Vec<_>>(), [&id]);
    let error = stage.engine.remove_network(&network).await.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::InUse {
                kind: ObjectKind::Network,
                ..
            }
        ),
        "{error:?}"
    );
    stage
        .engine
        .stop_container(&id, Duration::from_secs(10))
        .await
        .unwrap();
    assert_eq!(
        stage.engine.remove_network(&network).await.unwrap(),
        Removed::Now
    );
    assert_eq!(
        stage.engine.remove_network(&network).await.unwrap(),
        Removed::Already
    );
    let error = stage.engine.inspect_network(&network).await.unwrap_err();
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Network,
            name: network.0
        }
    );
}

pub(crate) async fn connecting_twice_and_disconnecting_twice_are_success(stage: &Stage) {
    stage
        .engine
        .create_network(&stage.network("first"))
        .await
        .unwrap();
    let second = stage
        .engine
        .create_network(&stage.network("second"))
        .await
        .unwrap();
    let id = stage.create_of("a", &on(stage, "a", "first")).await;
    let endpoint = EndpointSpec {
        aliases: vec!["other".into()],
        ..EndpointSpec::default()
    };
    for running in [false, true] {
        if running {
            stage.engine.start_container(&id).await.unwrap();
        }
        stage.engine.connect(&second, &id, &endpoint).await.unwrap();
        stage.engine.connect(&second, &id, &endpoint).await.unwrap();
        let seen = stage.engine.inspect_container(&id).await.unwrap();
        let aliases = &seen.endpoints[&stage.name("second")].aliases;
        assert!(aliases.contains(&"other".to_owned()), "{aliases:?}");
        assert!(
            seen.endpoints[&stage.name("first")]
                .aliases
                .contains(&"a-alias".to_owned())
        );
        stage.engine.disconnect(&second, &id).await.unwrap();
        stage.engine.disconnect(&second, &id).await.unwrap();
        let seen = stage.engine.inspect_container(&id).await.unwrap();
        assert!(!seen.endpoints.contains_key(&stage.name("second")));
    }
}

pub(crate) async fn a_connection_to_a_missing_network_or_container_names_which(stage: &Stage) {
    let network = stage
        .engine
        .create_network(&stage.network("n"))
        .await
        .unwrap();
    let id = stage.create("a", Role::Idles).await;
    let gone = "0".repeat(64);
    let missing = |kind| EngineError::NotFound {
        kind,
        name: gone.clone(),
    };
    let endpoint = EndpointSpec::default();
    let error = stage
        .engine
        .connect(&NetworkId(gone.clone()), &id, &endpoint)
        .await
        .unwrap_err();
    assert_eq!(error, missing(ObjectKind::Network));
    let error = stage
        .engine
        .connect(&network, &ContainerId(gone.clone()), &endpoint)
        .await
        .unwrap_err();
    assert_eq!(error, missing(ObjectKind::Container));
}

pub(crate) async fn a_second_volume_create_returns_the_first_object_unchanged(stage: &Stage) {
    let mut first = stage.volume("v");
    first
        .labels
        .insert("dev.bowline.operation".into(), "op-1".into());
    let made = stage.engine.create_volume(&first).await.unwrap();
    assert!(made.ours);
    assert!(
        stage.engine.create_volume(&first).await.unwrap().ours,
        "the same operation again"
    );
    let mut second = first.clone();
    second
        .labels
        .insert("dev.bowline.operation".into(), "op-2".into());
    let found = stage.engine.create_volume(&second).await.unwrap();
    assert!(!found.ours);
    assert_eq!(found.volume, made.volume);
    assert_eq!(
        found
            .volume
            .spec
            .labels
            .get("dev.bowline.operation")
            .map(String::as_str),
        Some("op-1")
    );
    let listed = stage.engine.volumes(&stage.mine()).await.unwrap();
    assert_eq!(listed, [made.volume]);
}

pub(crate) async fn a_volume_that_a_container_has_is_not_removed_and_names_it(stage: &Stage) {
    stage
        .engine
        .create_volume(&stage.volume("v"))
        .await
        .unwrap();
    let mut spec = stage.spec("a", Role::Idles);
    spec.mounts = vec![MountSpec {
        target: "/data".into(),
        read_only: false,
        source: MountSource::Volume(VolumeMountSpec {
            name: Some(stage.name("v")),
            ..VolumeMountSpec::default()
        }),
        consistency: None,
    }];
    let id = stage.create_of("a", &spec).await;
    let error = stage
        .engine
        .remove_volume(&stage.name("v"))
        .await
        .unwrap_err();
    let EngineError::InUse {
        kind: ObjectKind::Volume,
        by,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    assert_eq!(by.as_slice(), std::slice::from_ref(&id));
    stage
        .engine
        .remove_container(
            &id,
            RemoveContainer {
                anonymous_volumes: true,
                force: false,
            },
        )
        .await
        .unwrap();
    assert_eq!(
        stage.engine.remove_volume(&stage.name("v")).await.unwrap(),
        Removed::Now
    );
}

pub(crate) async fn a_gone_volume_is_a_typed_not_found_and_its_removal_success(stage: &Stage) {
    let name = stage.name("v");
    let error = stage.engine.inspect_volume(&name).await.unwrap_err();
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Volume,
            name: name.clone()
        }
    );
    assert_eq!(
        stage.engine.remove_volume(&name).await.unwrap(),
        Removed::Already
    );
}

pub(crate) async fn volumes_are_measured(stage: &Stage) {
    stage
        .engine
        .create_volume(&stage.volume("v"))
        .await
        .unwrap();
    let sizes = stage.engine.volume_sizes().await.unwrap();
    assert_eq!(sizes.get(&stage.name("v")), Some(&0), "{sizes:?}");
}

pub(crate) async fn an_image_has_an_id_and_a_config(stage: &Stage) {
    let image = stage.engine.inspect_image(IMAGE).await.unwrap();
    assert!(image.id.0.starts_with("sha256:") && image.id.short().len() == 12);
    assert!(image.tags.contains(&IMAGE.to_owned()), "{:?}", image.tags);
    assert_eq!(
        stage.engine.inspect_image(&image.id.0).await.unwrap().id,
        image.id
    );
    let listed = stage.engine.images(&Selector::name(IMAGE)).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].0, image.id);
}

pub(crate) async fn a_missing_image_is_a_typed_not_found(stage: &Stage) {
    let reference = "bowline-test/no-such-image:1";
    let error = stage.engine.inspect_image(reference).await.unwrap_err();
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Image,
            name: reference.into()
        }
    );
    assert_eq!(
        stage.engine.remove_image(reference).await.unwrap(),
        Removed::Already
    );
    assert_eq!(
        stage
            .engine
            .images(&Selector::name(reference))
            .await
            .unwrap(),
        []
    );
}

pub(crate) async fn a_tag_is_one_more_name_and_taking_it_away_leaves_the_image(stage: &Stage) {
    let image = stage.engine.inspect_image(IMAGE).await.unwrap();
    let tag = format!("{}:kept", stage.name("tag"));
    stage.engine.tag_image(&image.id, &tag).await.unwrap();
    stage.engine.tag_image(&image.id, &tag).await.unwrap();
    assert_eq!(stage.engine.inspect_image(&tag).await.unwrap().id, image.id);
    assert_eq!(stage.engine.remove_image(&tag).await.unwrap(), Removed::Now);
    assert_eq!(
        stage.engine.remove_image(&tag).await.unwrap(),
        Removed::Already
    );
    assert_eq!(
        stage.engine.inspect_image(IMAGE).await.unwrap().id,
        image.id
    );
}

/// An image with nothing in it.
async fn import(stage: &Stage) -> String {
    let reference = format!("{}:1", stage.name("empty"));
    let changes = vec![format!(
        "LABEL {STAGE_LABEL}={}",
        stage.labels()[STAGE_LABEL]
    )];
    let spec = ImportSpec {
        reference: reference.clone(),
        changes,
        platform: None,
    };
    let nothing = tar::Builder::new(Vec::new()).into_inner().unwrap();
    let id = stage
        .engine
        .import_image(&spec, tar_of(nothing))
        .await
        .unwrap();
    assert_eq!(stage.engine.inspect_image(&reference).await.unwrap().id, id);
    reference
}

pub(crate) async fn an_image_that_a_container_has_is_not_removed(stage: &Stage) {
    let reference = import(stage).await;
    let spec = ContainerSpec {
        image: reference.clone(),
        command: Some(["x"].into()),
        labels: stage.labels(),
        ..ContainerSpec::default()
    };
    let id = stage.create_of("a", &spec).await;
    let error = stage.engine.remove_image(&reference).await.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::InUse {
                kind: ObjectKind::Image,
                ..
            }
        ),
        "{error:?}"
    );
    stage
        .engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap();
    assert_eq!(
        stage.engine.remove_image(&reference).await.unwrap(),
        Removed::Now
    );
}

pub(crate) async fn an_imported_image_is_enough_for_a_container_that_never_runs(stage: &Stage) {
    let reference = import(stage).await;
    let spec = ContainerSpec {
        image: reference.clone(),
        command: Some(["x"].into()),
        labels: stage.labels(),
        ..ContainerSpec::default()
    };
    let id = stage.create_of("lock", &spec).await;
    let seen = stage.engine.inspect_container(&id).await.unwrap();
    assert_eq!(seen.state.status, ContainerStatus::Created);
    stage
        .engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap();
}

pub(crate) async fn a_pull_of_what_is_not_there_says_why(stage: &Stage) {
    // Nothing listens at port 1 of the engine's host, so the registry is not reached on a real engine.
    let result = match stage
        .engine
        .pull_image("127.0.0.1:1/bowline/none:1", None, None)
        .await
    {
        Ok(steps) => soon("the pull", steps.try_collect::<Vec<_>>())
            .await
            .map(drop),
        Err(error) => Err(error),
    };
    let error = result.unwrap_err();
    let EngineError::Pull { reference, reason } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(reference, "127.0.0.1:1/bowline/none:1");
    assert!(
        matches!(
            reason,
            PullFailure::Network { .. } | PullFailure::NoSuchNameOrLogin { .. }
        ),
        "{error:?}"
    );
}
