//! Holds `wanted` against what Docker Compose 2.40.3 really sends: see `create_bodies/README.md`.
//!
//! Every container, network, volume and connection of every case goes through the engine crate to a socket
//! that only writes down what arrives. What may differ is listed in the module `same`, and nothing else.

#![expect(
    clippy::unwrap_used,
    reason = "a test: what is missing here is a fault of its own data"
)]

#[path = "wanted_bodies/case.rs"]
mod case;
#[path = "wanted_bodies/same.rs"]
mod same;
#[path = "wanted_bodies/socket.rs"]
mod socket;

use bowline_core::{Instance, instance};
use bowline_model::{ApiVersion, ImageId, Share, Shared, Wanted, WantedService};
use serde_json::{Map, Value as Json, json};

use socket::Recorder;

/// Every image's id in the recorded bodies.
const IMAGE_ID: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// How many cases there are; a folder that is not read would go unseen.
const CASES: usize = 46;

#[tokio::test]
async fn everything_that_is_asked_of_an_engine_is_what_compose_asks() {
    let mut problems = Vec::new();
    let mut compared = 0;
    let cases = case::all();
    assert_eq!(cases.len(), CASES);
    for case in cases {
        let wanted = match case.wanted() {
            Ok(wanted) => wanted,
            Err(errors) => {
                problems.push(format!("{}: refused: {errors:?}", case.name));
                continue;
            }
        };
        let ours = bodies(&wanted, case.api()).await;
        let theirs = same::objects(case.api(), &case.body);
        compared += theirs.len();
        let ours = same::objects(case.api(), &ours);
        same::compare(&case.name, &theirs, &ours, &mut problems);
    }
    assert!(compared >= 217, "only {compared} objects");
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn the_comparison_sees_what_an_engine_would_see() {
    let body = |config: Json| {
        let body = json!({"containers": {"a": {"query": {"name": "a"}, "body": config}}});
        same::objects(ApiVersion::v1(41), &body)
    };
    for (one, other) in [
        (json!({"Image": "x"}), json!({"Image": "y"})),
        (json!({"Cmd": []}), json!({})),
        (json!({"StopTimeout": 0}), json!({})),
        (json!({"HostConfig": {"Init": false}}), json!({})),
        (
            json!({"HostConfig": {"Binds": ["a:/a:ro"]}}),
            json!({"HostConfig": {"Binds": ["a:/a:rw"]}}),
        ),
        (
            json!({"HostConfig": {"Dns": ["1", "2"]}}),
            json!({"HostConfig": {"Dns": ["2", "1"]}}),
        ),
    ] {
        let mut problems = Vec::new();
        same::compare("", &body(one.clone()), &body(other), &mut problems);
        assert_eq!(problems.len(), 1, "{one}");
    }
}

/// Everything that a wanted state comes down to on the wire, in the form of a recorded body.
async fn bodies(wanted: &Wanted, api: ApiVersion) -> Json {
    let recorder = Recorder::start(api);
    let engine = recorder.engine().await;
    let mut connect = Vec::new();
    let mut files = Vec::new();
    for service in wanted.services.values() {
        for number in 1..=service.replicas {
            let Instance {
                name,
                mut spec,
                connect: later,
            } = instance(
                service,
                number,
                Some(&ImageId(IMAGE_ID.into())),
                api,
                &|other| names(&wanted.services[other]),
            );
            for share in &service.shares {
                apply(share, wanted, &mut spec);
            }
            engine.create_container(&name, &spec).await.unwrap();
            for endpoint in later {
                let network = bowline_model::NetworkId(endpoint.network.clone());
                let container = bowline_model::ContainerId(name.clone());
                engine
                    .connect(&network, &container, &endpoint)
                    .await
                    .unwrap();
                connect.push(json!({
                    "network": endpoint.network,
                    "container": name,
                    "endpoint": recorder.last()["EndpointConfig"],
                }));
            }
            files.extend(service.files.iter().map(|file| {
                json!({
                    "container": name, "path": file.path, "content": file.content.reveal(),
                    "uid": file.uid, "gid": file.gid, "mode": file.mode,
                })
            }));
        }
    }
    for network in wanted.networks.values().filter(|network| !network.external) {
        engine.create_network(&network.spec).await.unwrap();
    }
    for volume in wanted.volumes.values().filter(|volume| !volume.external) {
        engine.create_volume(&volume.spec).await.unwrap();
    }
    let mut all: Map<String, Json> = recorder.taken();
    all.insert("connect".into(), connect.into());
    all.insert("files".into(), files.into());
    all.into()
}

fn names(service: &WantedService) -> Vec<String> {
    (1..=service.replicas)
        .map(|number| bowline_core::container_name(service, number))
        .collect()
}

/// Puts a share into a spec as the planner does, the recorded id standing for the other container.
fn apply(share: &Share, wanted: &Wanted, spec: &mut bowline_model::ContainerSpec) {
    let first = names(&wanted.services[&share.service]).swap_remove(0);
    let id = format!("id-of-{first}");
    let whose = format!("container:{id}");
    match share.what {
        Shared::Network => spec.network.mode = Some(whose),
        Shared::Ipc => spec.network.ipc = Some(whose),
        Shared::Pid => spec.network.pid = Some(whose),
        Shared::Volumes { read_only } => {
            assert!(!read_only);
            spec.volumes_from.push(id);
        }
    }
}
