//! What is left out, or is otherwise than it reads, is said.

use bowline_model::{BindRecursive, MountSource, PullPolicy, RestartSpec};
use serde_json::json;

use super::{NEW, OLD, ignored, made, project, want, web};

#[test]
fn what_an_older_engine_would_drop_without_a_word_is_left_out_with_one() {
    let fields = json!({
        "annotations": {"a": "b"},
        "healthcheck": {"test": ["CMD", "x"], "start_period": "5s", "start_interval": "1s"},
        "networks": {"default": {"gw_priority": 3}},
        "volumes": [{"type": "bind", "source": "/x", "target": "/x", "bind": {"recursive": "readonly"}}],
    });
    let (old, said) = made(fields.clone(), OLD);
    assert_eq!(
        said,
        [
            "services.web.healthcheck.start_interval: the engine speaks API 1.41 and this needs 1.44",
            "services.web.annotations: the engine speaks API 1.41 and this needs 1.43",
            "services.web.networks.default.gw_priority: the engine speaks API 1.41 and this needs 1.48",
            "services.web.volumes[0].bind.recursive: the engine speaks API 1.41 and this needs 1.44",
        ]
    );
    assert_eq!(old.spec.needs(), []);
    let (new, said) = made(fields, NEW);
    assert_eq!(said, [""; 0]);
    assert_eq!(new.spec.needs().len(), 4);
    let MountSource::Bind(bind) = &new.spec.mounts[0].source else {
        panic!("no bind")
    };
    assert_eq!(bind.recursive, BindRecursive::ReadOnly);
}

#[test]
fn a_start_interval_without_a_start_period_does_nothing_and_is_said_to() {
    let (web, said) = made(json!({"healthcheck": {"start_interval": "1s"}}), NEW);
    assert_eq!(web.spec.healthcheck.unwrap().start_interval, None);
    assert_eq!(
        said,
        ["services.web.healthcheck.start_interval: it has no effect without `start_period`"]
    );
}

#[test]
fn where_compose_does_something_else_than_the_file_says_so_does_bowline_and_says_it() {
    let (web, said) = made(
        json!({
            "volumes_from": ["db:ro", "container:outside:ro"],
            "deploy": {"restart_policy": {"delay": "5s"}},
            "restart": "always",
            "network_mode": "bridge",
            "mac_address": "02:42:0a:00:00:01",
        }),
        NEW,
    );
    assert_eq!(web.spec.restart, RestartSpec::No);
    assert_eq!(web.spec.volumes_from, ["outside"]);
    assert_eq!(web.spec.network.mac_address, None);
    assert_eq!(
        said,
        [
            "services.web.restart: `deploy.restart_policy` counts instead",
            "services.web.deploy.restart_policy.delay: the engine restarts by a rhythm of its own",
            "services.web.deploy.restart_policy: without a `condition` Compose never restarts, and so it is here",
            "services.web.mac_address: with `network_mode` Compose does not hand it to an engine of this version",
            "services.web.volumes_from[0]: Compose drops the `ro`, and so it is here: what is taken over can be written",
            "services.web.volumes_from[1]: Compose drops the `ro`, and so it is here: what is taken over can be written",
        ]
    );
}

#[test]
fn what_only_a_newer_builder_can_do_keeps_the_image_from_being_built() {
    let (web, _) = made(
        json!({"build": {
            "context": "/x", "ssh": ["default"], "secrets": [{"source": "token"}], "cache_to": ["type=inline"],
            "cache_from": ["web:1", "type=local,src=/c"], "entitlements": ["network.host"], "privileged": true,
            "no_cache_filter": ["a"], "additional_contexts": {"a": "/a"}, "provenance": "mode=max", "sbom": "true",
        }}),
        NEW,
    );
    let asked = &web.image.not_buildable;
    let paths: Vec<&str> = asked.iter().map(|asked| asked.path.as_str()).collect();
    let fields = [
        "additional_contexts",
        "cache_from",
        "cache_to",
        "entitlements",
        "no_cache_filter",
        "privileged",
        "provenance",
        "sbom",
        "secrets",
        "ssh",
    ];
    assert_eq!(
        paths,
        fields.map(|field| format!("services.web.build.{field}"))
    );

    let harmless =
        json!({"context": "/x", "cache_from": ["web:1"], "provenance": "false", "sbom": "false"});
    let (web, said) = made(json!({ "build": harmless }), NEW);
    assert_eq!((web.image.not_buildable, said.len()), (Vec::new(), 0));
}

#[test]
fn a_build_gets_the_labels_of_compose_and_the_platform_that_runs_here() {
    let (web, said) = made(
        json!({
            "platform": "linux/arm64",
            "build": {"context": "/x", "labels": {"a": "b"}, "platforms": ["linux/amd64", "linux/arm64"]},
        }),
        NEW,
    );
    let build = web.image.build.unwrap();
    let labels: Vec<_> = build.labels.iter().collect();
    assert_eq!(
        labels,
        [
            ("a", "b"),
            ("com.docker.compose.image.builder", "classic"),
            ("com.docker.compose.project", "shop"),
            ("com.docker.compose.service", "web"),
            ("com.docker.compose.version", "2.40.3"),
        ]
    );
    assert_eq!(build.platforms, ["linux/arm64"]);
    assert_eq!(said, [""; 0]);
}

#[test]
fn what_only_swarm_can_do_is_said() {
    let (_, said) = made(
        json!({
            "build": {"context": "/x", "platforms": ["a", "b"]},
            "deploy": {"resources": {
                "limits": {"cpus": 0.5, "generic_resources": [{}]},
                "reservations": {"cpus": 0.25, "memory": "1000"},
            }},
        }),
        NEW,
    );
    let paths: Vec<&str> = said
        .iter()
        .filter_map(|text| text.split(": ").next())
        .collect();
    assert_eq!(
        paths,
        [
            "services.web.build.platforms",
            "services.web.deploy.resources.limits.generic_resources",
            "services.web.deploy.resources.reservations.cpus",
        ]
    );
}

#[test]
fn options_on_a_mount_of_another_type_and_labels_that_cannot_be_given_are_said() {
    let (web, said) = made(
        json!({"volumes": [
            {"type": "tmpfs", "target": "/t", "bind": {"propagation": "shared"}},
            {"type": "bind", "source": "/x", "target": "/x", "bind": {"selinux": "z"}},
        ]}),
        NEW,
    );
    assert_eq!(
        said,
        [
            "services.web.volumes[0].bind: it means nothing to a mount of type `tmpfs`",
            "services.web.volumes[1].bind.selinux: engines cannot relabel together with `create_host_path: false`, `propagation` or `recursive`",
        ]
    );
    assert_eq!(web.host_paths, [""; 0]);
}

#[test]
fn networks_are_left_without_what_compose_or_the_engine_does_not_know() {
    let odd = project(json!({"networks": {"n": {
        "name": "shop_n", "enable_ipv4": false, "ipam": {"options": {"a": "b"}}
    }}}));
    let wanted = want(&odd, OLD).unwrap();
    assert_eq!(
        ignored(&wanted),
        [
            "networks.n.ipam.options: Compose 2.40 does not hand it to the engine",
            "networks.n.enable_ipv4: the engine speaks API 1.41 and this needs 1.48",
        ]
    );
    assert_eq!(wanted.networks["n"].spec.ipam, None);
    assert_eq!(wanted.networks["n"].spec.needs(), []);
    let wanted = want(&odd, NEW).unwrap();
    assert_eq!(wanted.networks["n"].spec.ipv4, Some(false));
}

#[test]
fn pull_policies_are_read_in_every_spelling() {
    for (fields, policy) in [
        (json!({}), PullPolicy::Missing),
        (
            json!({"pull_policy": "if_not_present"}),
            PullPolicy::Missing,
        ),
        (json!({"pull_policy": "never"}), PullPolicy::Never),
        (json!({"pull_policy": "build"}), PullPolicy::Build),
        (json!({"pull_policy": "daily"}), PullPolicy::Older(86_400)),
        (json!({"pull_policy": "weekly"}), PullPolicy::Older(604_800)),
        (
            json!({"pull_policy": "every_1w2d3h"}),
            PullPolicy::Older(788_400),
        ),
        (
            json!({"pull_policy": "refresh", "pull_refresh_after": "90m"}),
            PullPolicy::Older(5_400),
        ),
    ] {
        let (web, said) = made(fields.clone(), NEW);
        assert_eq!(web.image.pull, policy, "{fields}");
        assert_eq!(said, [""; 0], "{fields}");
    }
    let (web, said) = made(json!({"pull_policy": "refresh"}), NEW);
    assert_eq!((web.image.pull, said.len()), (PullPolicy::Missing, 1));
}

#[test]
fn services_that_are_left_out_are_listed_and_not_waited_for() {
    let mut some =
        web(json!({"depends_on": {"extra": {"condition": "service_healthy", "required": true}}}));
    some.disabled_services
        .insert("extra".into(), bowline_model::Service::default());
    let wanted = want(&some, NEW).unwrap();
    assert_eq!(wanted.left_out, ["extra"]);
    assert!(wanted.services["web"].depends_on.is_empty());
}
