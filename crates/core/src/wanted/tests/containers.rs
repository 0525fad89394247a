//! One container of a service, and what is decided without a recorded body.

use bowline_model::{HealthTest, HostPort, ImageId, Share, Shared, label};
use serde_json::json;

use super::super::{container_name, instance};
use super::{NEW, OLD, given, made, project, wanted, web};

fn nobody(_: &str) -> Vec<String> {
    Vec::new()
}

#[test]
fn each_container_has_its_number_its_image_and_its_own_name_first_on_every_network() {
    let fields = json!({"networks": {"default": null, "back": {"priority": 5, "aliases": ["b"]}}});
    let (web, _) = made(fields, OLD);
    let image = ImageId("sha256:1".into());
    let second = instance(&web, 2, Some(&image), NEW, &nobody);
    assert_eq!(second.name, "shop-web-2");
    assert_eq!(second.spec.labels[label::NUMBER], "2");
    assert_eq!(second.spec.labels[label::IMAGE], "sha256:1");
    assert!(!web.spec.labels.contains_key(label::NUMBER));
    let endpoints = &second.spec.network.endpoints;
    assert_eq!(endpoints[0].network, "shop_back");
    assert_eq!(endpoints[0].aliases, ["shop-web-2", "web", "b"]);
    assert_eq!(endpoints[1].aliases, ["shop-web-2", "web"]);
    assert_eq!(second.connect, []);
    let old = instance(&web, 2, None, OLD, &nobody);
    assert_eq!(old.spec.network.endpoints.len(), 1);
    assert_eq!(old.connect, endpoints[1..]);
    assert_eq!(old.spec.network.mode.as_deref(), Some("shop_back"));
}

#[test]
fn links_name_the_linked_containers_in_three_ways() {
    let (mut web, _) = made(
        json!({"links": ["db:base"], "external_links": ["far"]}),
        NEW,
    );
    let names = |service: &str| vec![format!("shop-{service}-7")];
    let one = instance(&web, 1, None, NEW, &names);
    let links = [
        "shop-db-7:base",
        "shop-db-7:db-1",
        "shop-db-7:shop-db-1",
        "far:far",
    ];
    assert_eq!(one.spec.network.links, links);
    assert_eq!(one.spec.network.endpoints[0].links, links);
    web.name_prefix = "shop_web_".into();
    let one = instance(&web, 1, None, NEW, &names);
    assert_eq!(one.spec.network.links[2], "shop-db-7:shop_db_1");
}

#[test]
fn names_follow_the_separator_and_a_container_name_counts_alone() {
    let mut given = given(NEW);
    given.separator = '_';
    let mut project = web(json!({"container_name": "mine"}));
    project.services.get_mut("db").unwrap().image.clear();
    let wanted = wanted(&project, &given).unwrap();
    assert_eq!(container_name(&wanted.services["web"], 1), "mine");
    assert_eq!(container_name(&wanted.services["db"], 3), "shop_db_3");
    assert_eq!(wanted.services["db"].image.reference, "shop_db");
    assert_eq!(wanted.services["db"].spec.image, "shop_db");
}

#[test]
fn what_is_taken_from_other_services_is_a_share_and_not_in_the_spec() {
    let (web, _) = made(
        json!({"network_mode": "service:db", "ipc": "service:db", "pid": "service:db", "volumes_from": ["db"]}),
        NEW,
    );
    let share = |what| Share {
        what,
        service: "db".into(),
    };
    assert_eq!(
        web.shares,
        [
            share(Shared::Network),
            share(Shared::Ipc),
            share(Shared::Pid),
            share(Shared::Volumes { read_only: false }),
        ]
    );
    let network = &web.spec.network;
    assert_eq!(
        (&network.mode, &network.ipc, &network.pid),
        (&None, &None, &None)
    );
    assert!(network.endpoints.is_empty() && web.spec.volumes_from.is_empty());
}

#[test]
fn a_service_without_any_network_in_the_project_has_none() {
    let alone = project(json!({"services": {"web": {"image": "x"}}}));
    let wanted = wanted(&alone, &given(NEW)).unwrap();
    let network = &wanted.services["web"].spec.network;
    assert_eq!(network.mode.as_deref(), Some("none"));
    assert!(network.endpoints.is_empty());
}

#[test]
fn labels_of_compose_stand_before_those_of_the_user_and_a_hash_is_always_there() {
    let (web, _) = made(json!({"labels": {label::SERVICE: "mine", "a": null}}), NEW);
    assert_eq!(web.spec.labels[label::SERVICE], "web");
    assert_eq!(web.spec.labels["a"], "");
    assert_eq!(web.spec.labels[label::CONFIG_HASH], "");
    let wanted = wanted(&super::web(json!({})), &given(NEW)).unwrap();
    let volume = &wanted.volumes["data"].spec;
    assert!(!volume.labels.contains_key(label::CONFIG_HASH));
    assert_eq!(volume.labels[label::VOLUME], "data");
}

#[test]
fn zero_means_any_port_and_no_time_of_its_own() {
    let (web, _) = made(
        json!({
            "ports": [{"target": 80, "published": "0", "protocol": "tcp"}],
            "healthcheck": {"test": ["NONE"], "interval": "0s", "retries": 0},
        }),
        NEW,
    );
    assert_eq!(web.spec.published[0].host, HostPort::Any);
    let check = web.spec.healthcheck.unwrap();
    assert_eq!(check.test, Some(HealthTest::Disabled));
    assert_eq!((check.interval, check.retries), (None, None));
}

#[test]
fn a_profile_keeps_the_spelling_of_its_words_and_loses_the_space_between_them() {
    let project = web(json!({"security_opt": ["seccomp=profile.json"]}));
    let mut given = given(NEW);
    let text = "{\n \"a b\" : [1.0, \"x \\\" y\"] }\n";
    let content = super::FileContent::Bytes(text.into());
    given.files.insert("/srv/shop/profile.json".into(), content);
    let wanted = wanted(&project, &given).unwrap();
    let options = &wanted.services["web"].spec.security.options;
    assert_eq!(options, &[r#"seccomp={"a b":[1.0,"x \" y"]}"#]);
}
