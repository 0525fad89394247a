//! Containers of other tools, as engines show them, compared with what they were made of.

use std::path::PathBuf;

use bowline_model::{
    BindSpec, BlockIoSpec, ContainerId, ContainerRef, ContainerState, ContainerStatus,
    EffectiveMount, EndpointSpec, ImageId, MountSource, MountSpec, ObservedEndpoint, Share, Shared,
    VolumeMountSpec, WeightDevice,
};

use super::*;

/// A container that shows what was asked for, with the endpoints that an engine makes of it.
fn shows(spec: &ContainerSpec) -> ObservedContainer {
    let endpoint = |endpoint: &EndpointSpec| {
        let observed = ObservedEndpoint {
            aliases: endpoint.aliases.clone(),
            ..ObservedEndpoint::default()
        };
        (endpoint.network.clone(), observed)
    };
    let mut endpoints: BTreeMap<_, _> = spec.network.endpoints.iter().map(endpoint).collect();
    let lone = match spec.network.mode.as_deref() {
        None | Some("default") => "bridge",
        Some(mode) => mode,
    };
    if endpoints.is_empty() && !lone.starts_with("container:") {
        endpoints.insert(lone.to_owned(), ObservedEndpoint::default());
    }
    ObservedContainer {
        id: ContainerId("c".repeat(64)),
        name: "shop-web-1".into(),
        created: None,
        image_id: ImageId("sha256:1".into()),
        spec: spec.clone(),
        state: ContainerState {
            status: ContainerStatus::Running,
            exit_code: 0,
            oom_killed: false,
            error: None,
            pid: None,
            started: None,
            finished: None,
            health: None,
        },
        restart_count: 0,
        mounts: Vec::new(),
        endpoints,
        ports: Vec::new(),
        execs: Vec::new(),
    }
}

fn adopted(wanted: &ContainerSpec, container: &ObservedContainer) -> Comparison {
    let image = ImageConfig {
        volumes: ["/cache".to_owned()].into(),
        ..ImageConfig::default()
    };
    compare(wanted, &BTreeMap::new(), container, None, Some(&image))
}

/// The fields in which a container is not what is wanted.
fn changed(wanted: &ContainerSpec, container: &ObservedContainer) -> Vec<String> {
    let changes = adopted(wanted, container).changed;
    changes.into_iter().map(|change| change.field).collect()
}

const NOTHING: [&str; 0] = [];

fn effective(target: &str, volume: Option<&str>, source: &str) -> EffectiveMount {
    EffectiveMount {
        target: target.into(),
        kind: if volume.is_some() { "volume" } else { "bind" }.into(),
        volume: volume.map(str::to_owned),
        source: PathBuf::from(source),
        driver: None,
        writable: true,
        propagation: String::new(),
        mode: String::new(),
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

/// The volume that the image declares, as an engine makes it.
fn cache() -> EffectiveMount {
    effective("/cache", Some(&"a".repeat(64)), "/var/a")
}

fn plain(spec: &ContainerSpec) -> ObservedContainer {
    let mut container = shows(spec);
    container.mounts.push(cache());
    container
}

fn linked(network: &str, links: &[&str]) -> ContainerSpec {
    let links: Vec<String> = links.iter().map(|&link| link.to_owned()).collect();
    let mut spec = ContainerSpec::default();
    spec.network.mode = Some(network.to_owned());
    spec.network.links.clone_from(&links);
    if network != "bridge" {
        spec.network.endpoints.push(EndpointSpec {
            network: network.to_owned(),
            links,
            ..EndpointSpec::default()
        });
    }
    spec
}

#[test]
fn links_on_a_network_of_users_are_compared_by_endpoint() {
    let wanted = linked("shop_default", &["shop-db-1:db", "far:far"]);
    let mut made = linked("shop_default", &["far:far", "shop-db-1:db"]);
    made.network.links.clear();
    assert_eq!(changed(&wanted, &plain(&made)), NOTHING);
    made.network.endpoints[0].links.pop();
    let field = ["networks.shop_default.links"];
    assert_eq!(changed(&wanted, &plain(&made)), field);
    assert_eq!(changed(&linked("shop_default", &[]), &plain(&made)), field);

    // A network that is named as a mode has no endpoint of the container's own, and its links get lost.
    let mut by_mode = linked("shop_back", &["shop-db-1:db"]);
    by_mode.network.endpoints.clear();
    let made = plain(&linked("shop_back", &[]));
    assert_eq!(changed(&by_mode, &made), NOTHING);
}

#[test]
fn links_on_the_bridge_are_compared_in_the_form_that_was_asked_for() {
    let wanted = linked("bridge", &["far:f", "db:db"]);
    let made = linked("bridge", &["/db:/shop-web-1/db", "/far:/shop-web-1/f"]);
    let container = plain(&made);
    assert_eq!(changed(&wanted, &container), NOTHING);
    assert_eq!(
        changed(&linked("bridge", &["db:db"]), &container),
        ["network.links"]
    );
}

#[test]
fn the_network_of_another_container_is_a_mode_and_no_network() {
    let mode = |mode: &str| {
        let mut spec = ContainerSpec::default();
        spec.network.mode = Some(mode.to_owned());
        spec
    };
    let wanted = mode("container:far");
    assert_eq!(changed(&wanted, &plain(&wanted)), NOTHING);
    let mut started = wanted.clone();
    started.hostname = Some("far".into());
    started.domainname = Some("example.com".into());
    assert_eq!(changed(&wanted, &plain(&started)), NOTHING);
    assert_eq!(
        changed(&mode("container:other"), &plain(&wanted)),
        ["network.mode"]
    );
    assert_eq!(
        changed(&mode("host"), &plain(&wanted)),
        ["network.mode", "networks.host"]
    );
    let on_bridge = plain(&mode("default"));
    assert_eq!(changed(&mode("default"), &on_bridge), NOTHING);
    assert_eq!(
        changed(&wanted, &on_bridge),
        ["network.mode", "networks.bridge"]
    );
}

#[test]
fn another_container_by_id_or_by_name_has_not_drifted_and_gives_its_own_name() {
    let spec = |whose: &str| {
        let mut spec = ContainerSpec::default();
        for mode in [
            &mut spec.network.mode,
            &mut spec.network.ipc,
            &mut spec.network.pid,
        ] {
            *mode = Some(whose.to_owned());
        }
        spec
    };
    let wanted = spec("container:far");
    let baseline = Baseline {
        wanted: wanted.clone(),
        contents: BTreeMap::new(),
        shares: Vec::new(),
        files: Vec::new(),
        observed: shows(&spec("container:0123")),
    };
    let drifted = |now: &ContainerSpec| {
        let now = compare(
            &wanted,
            &BTreeMap::new(),
            &shows(now),
            Some(&baseline),
            None,
        );
        let fields = now.drifted.into_iter().map(|change| change.field);
        fields.collect::<Vec<_>>()
    };
    assert_eq!(drifted(&wanted), NOTHING);
    let mut started = wanted.clone();
    started.hostname = Some("far".into());
    assert_eq!(drifted(&started), NOTHING);
    assert_eq!(
        drifted(&spec("host")),
        [
            "network.ipc",
            "network.mode",
            "network.pid",
            "networks.host"
        ]
    );
}

#[test]
fn mounts_that_are_taken_over_are_no_difference_and_their_order_means_nothing() {
    let mut wanted = ContainerSpec::default();
    let data = MountSource::Volume(VolumeMountSpec {
        name: Some("shop_own".into()),
        ..VolumeMountSpec::default()
    });
    wanted.mounts.push(mount("/own", data));
    wanted.volumes_from = vec!["db".into(), "api".into()];
    let mut made = wanted.clone();
    made.volumes_from = vec!["api:rw".into(), "db".into()];
    let mut container = shows(&made);
    container.mounts = vec![
        effective("/own", Some("shop_own"), "/var/own"),
        effective("/data", Some("shop_data"), "/var/data"),
        // In the place of the volume that the image declares.
        effective("/cache", None, "/srv/cache"),
    ];
    container.mounts[1].writable = false;
    assert_eq!(changed(&wanted, &container), NOTHING);

    let mut other = wanted.clone();
    other.volumes_from.pop();
    assert_eq!(changed(&other, &container), ["volumes_from"]);
    other.volumes_from.clear();
    other.mounts.clear();
    assert_eq!(changed(&other, &container), ["mounts./own", "volumes_from"]);
    let bind = MountSource::Bind(BindSpec {
        path: "/srv/new".into(),
        ..BindSpec::default()
    });
    wanted.mounts.push(mount("/data", bind));
    assert_eq!(
        changed(&wanted, &container),
        ["mounts./data", "mounts./data.read_only"]
    );
}

#[test]
fn the_order_of_those_whose_mounts_are_taken_over_means_nothing_for_containers_of_ours_either() {
    let spec = |from: &[&str]| ContainerSpec {
        volumes_from: from.iter().map(|&from| from.to_owned()).collect(),
        ..ContainerSpec::default()
    };
    let one = Facets::of(&spec(&["db", "api:ro"]));
    assert_eq!(one, Facets::of(&spec(&["api:ro", "db:rw"])));
    assert_ne!(one, Facets::of(&spec(&["api", "db"])));
}

#[test]
fn the_root_of_the_host_is_a_path() {
    let mut wanted = ContainerSpec::default();
    let bind = |path: &str| {
        MountSource::Bind(BindSpec {
            path: path.into(),
            ..BindSpec::default()
        })
    };
    wanted.mounts = vec![mount("/host", bind("/")), mount("/srv", bind("/srv/"))];
    let mut container = plain(&wanted);
    container.mounts.push(effective("/host", None, "/"));
    container.mounts.push(effective("/srv", None, "/srv"));
    assert_eq!(changed(&wanted, &container), NOTHING);
}

#[test]
fn weights_that_the_kernel_does_not_know_are_unknown_and_others_are_compared() {
    let weights = |weight: u16| {
        let mut spec = ContainerSpec::default();
        spec.resources.block_io = BlockIoSpec {
            weight: Some(weight),
            weight_devices: vec![WeightDevice {
                path: "/dev/sda".into(),
                weight,
            }],
            ..BlockIoSpec::default()
        };
        spec
    };
    let dropped = adopted(&weights(300), &plain(&ContainerSpec::default()));
    assert!(dropped.is_same(), "{dropped:?}");
    assert_eq!(
        dropped.unknown,
        [
            "its weight for block devices, which the engine does not show",
            "its weights by block device, which the engine does not show",
        ]
    );
    let fields = [
        "resources.block_io.weight",
        "resources.block_io.weight_devices",
    ];
    assert_eq!(changed(&weights(300), &plain(&weights(200))), fields);
    let nothing = ContainerSpec::default();
    assert_eq!(changed(&nothing, &plain(&weights(200))), fields);
}

#[test]
fn the_default_isolation_is_none() {
    let isolated = |how: &str| ContainerSpec {
        isolation: Some(how.to_owned()),
        ..ContainerSpec::default()
    };
    let made = plain(&ContainerSpec::default());
    assert_eq!(changed(&isolated("default"), &made), NOTHING);
    assert_eq!(changed(&isolated("hyperv"), &made), ["isolation"]);
}

#[test]
fn what_is_taken_from_another_service_is_compared_by_the_container_it_was_taken_from() {
    let taken_from = |id: &str| {
        let mut spec = ContainerSpec::default();
        let all = [
            Shared::Network,
            Shared::Ipc,
            Shared::Pid,
            Shared::Volumes { read_only: false },
        ];
        for share in all.map(of_main) {
            crate::shares::apply(&mut spec, &share.0, Some(&ContainerId(id.to_owned())));
        }
        (spec, all.map(of_main).to_vec())
    };
    let (made, shares) = taken_from("0123");
    let baseline = Baseline {
        wanted: ContainerSpec::default(),
        contents: BTreeMap::new(),
        shares,
        files: Vec::new(),
        observed: shows(&made),
    };
    let changes = |wanted: &ContainerSpec| {
        let now = compare(
            wanted,
            &BTreeMap::new(),
            &shows(&made),
            Some(&baseline),
            None,
        );
        let fields = now.changed.into_iter().map(|change| change.field);
        fields.collect::<Vec<_>>()
    };
    assert_eq!(changes(&made), NOTHING);
    let all = ["network.ipc", "network.mode", "network.pid", "volumes_from"];
    assert_eq!(changes(&taken_from("4567").0), all, "another container");
    assert_eq!(changes(&ContainerSpec::default()), all, "nothing any more");
}

fn of_main(what: Shared) -> (Share, ContainerRef) {
    let service = "main".to_owned();
    let container = ContainerRef {
        name: "shop-main-1".into(),
        id: None,
    };
    (Share { what, service }, container)
}
