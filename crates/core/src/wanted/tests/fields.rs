//! Every field of a service is acted on, named or refused: nothing is dropped silently.

use std::collections::BTreeMap;

use bowline_model::{Deploy, Service};
use serde_json::{Value as Json, json};

use super::{NEW, made, refusals, want, web};

/// What becomes of a field.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fate {
    /// It changes what is wanted.
    Acted,
    /// It is named in `Wanted::ignored`.
    Named,
    /// It is an error.
    Refused,
    /// The loader has acted on it, and its traces are in other fields.
    Loaded,
}
use Fate::{Acted, Loaded, Named, Refused};

/// Every field, a value for it, and its fate.
#[rustfmt::skip]
#[expect(clippy::too_many_lines, reason = "one line for each field")]
fn table() -> Vec<(&'static str, Json, Fate)> {
    let hook = json!([{"command": ["x"]}]);
    vec![
        ("profiles", json!(["x"]), Loaded),
        ("annotations", json!({"a": "b"}), Acted),
        ("attach", json!(false), Named),
        ("build", json!({"context": "/srv/shop"}), Acted),
        ("develop", json!({"watch": []}), Named),
        ("blkio_config", json!({"weight": 300}), Acted),
        ("cap_add", json!(["NET_ADMIN"]), Acted),
        ("cap_drop", json!(["ALL"]), Acted),
        ("cgroup_parent", json!("x"), Acted),
        ("cgroup", json!("host"), Acted),
        ("cpu_count", json!(1), Acted),
        ("cpu_percent", json!(50), Acted),
        ("cpu_period", json!(1), Acted),
        ("cpu_quota", json!(1), Acted),
        ("cpu_rt_period", json!(1), Acted),
        ("cpu_rt_runtime", json!(1), Acted),
        ("cpus", json!(0.5), Acted),
        ("cpuset", json!("0"), Acted),
        ("cpu_shares", json!(1), Acted),
        ("command", json!(["x"]), Acted),
        ("configs", json!([{"source": "conf"}]), Acted),
        ("container_name", json!("x"), Acted),
        ("credential_spec", json!({"file": "x"}), Refused),
        ("depends_on", json!({"db": {"condition": "service_started"}}), Acted),
        ("deploy", json!({"replicas": 2}), Acted),
        ("device_cgroup_rules", json!(["c 1:1 r"]), Acted),
        ("devices", json!([{"source": "/dev/a", "target": "/dev/a"}]), Acted),
        ("dns", json!(["10.0.0.1"]), Acted),
        ("dns_opt", json!(["x"]), Acted),
        ("dns_search", json!(["x"]), Acted),
        ("domainname", json!("x"), Acted),
        ("entrypoint", json!(["x"]), Acted),
        ("provider", json!({"type": "x"}), Refused),
        ("environment", json!({"A": "b"}), Acted),
        ("env_file", json!(["/srv/shop/x.env"]), Loaded),
        ("expose", json!(["80"]), Acted),
        ("external_links", json!(["x"]), Acted),
        ("extra_hosts", json!(["x=10.0.0.1"]), Acted),
        ("group_add", json!(["x"]), Acted),
        ("gpus", json!([{"count": -1}]), Acted),
        ("hostname", json!("x"), Acted),
        ("healthcheck", json!({"retries": 3}), Acted),
        ("image", json!("x"), Acted),
        ("init", json!(false), Acted),
        ("ipc", json!("host"), Acted),
        ("isolation", json!("x"), Acted),
        ("labels", json!({"a": "b"}), Acted),
        ("label_file", json!(["/srv/shop/x.labels"]), Loaded),
        ("links", json!(["db"]), Acted),
        ("logging", json!({"driver": "none"}), Acted),
        ("mem_limit", json!("6000000"), Acted),
        ("mem_reservation", json!("6000000"), Acted),
        ("memswap_limit", json!("6000000"), Acted),
        ("mem_swappiness", json!("10"), Acted),
        ("mac_address", json!("02:42:0a:00:00:01"), Acted),
        ("models", json!({"m": null}), Refused),
        ("network_mode", json!("host"), Acted),
        ("networks", json!({"back": null}), Acted),
        ("oom_kill_disable", json!(true), Acted),
        ("oom_score_adj", json!(1), Acted),
        ("pid", json!("host"), Acted),
        ("pids_limit", json!(1), Acted),
        ("platform", json!("linux/arm64"), Acted),
        ("ports", json!([{"target": 80, "protocol": "tcp"}]), Acted),
        ("privileged", json!(true), Acted),
        ("pull_policy", json!("always"), Acted),
        ("pull_refresh_after", json!("1h"), Named),
        ("read_only", json!(true), Acted),
        ("restart", json!("always"), Acted),
        ("runtime", json!("x"), Acted),
        ("scale", json!(2), Acted),
        ("secrets", json!([{"source": "token"}]), Acted),
        ("security_opt", json!(["no-new-privileges"]), Acted),
        ("shm_size", json!("1"), Acted),
        ("stdin_open", json!(true), Acted),
        ("stop_grace_period", json!("0s"), Acted),
        ("stop_signal", json!("INT"), Acted),
        ("storage_opt", json!({"size": "1G"}), Acted),
        ("sysctls", json!({"a": "1"}), Acted),
        ("tmpfs", json!(["/x"]), Acted),
        ("tty", json!(true), Acted),
        ("ulimits", json!({"core": 0}), Acted),
        ("use_api_socket", json!(true), Refused),
        ("user", json!("x"), Acted),
        ("userns_mode", json!("host"), Acted),
        ("uts", json!("host"), Acted),
        ("volumes", json!([{"type": "volume", "source": "data", "target": "/x"}]), Acted),
        ("volumes_from", json!(["db"]), Acted),
        ("working_dir", json!("/x"), Acted),
        ("pre_start", hook.clone(), Refused),
        ("post_start", hook.clone(), Refused),
        ("pre_stop", hook, Refused),
        ("#extensions", json!({"x-bowline": {"ready": "engine"}}), Acted),
    ]
}

/// The same for `deploy`.
#[rustfmt::skip]
fn table_of_deploy() -> Vec<(&'static str, Json, Fate)> {
    vec![
        ("mode", json!("global"), Named),
        ("replicas", json!(2), Acted),
        ("labels", json!({"a": "b"}), Named),
        ("update_config", json!({"parallelism": 1}), Named),
        ("rollback_config", json!({"parallelism": 1}), Named),
        ("resources", json!({"limits": {"cpus": 0.5}}), Acted),
        ("restart_policy", json!({"condition": "any"}), Acted),
        ("placement", json!({"constraints": ["x"]}), Named),
        ("endpoint_mode", json!("vip"), Named),
        // Extensions other than bowline's own mean something to other programs only.
        ("#extensions", json!({"x-other": 1}), Loaded),
    ]
}

/// The fields that a record has, as its own error tells them.
fn fields_of<T: serde::de::DeserializeOwned>() -> Vec<String> {
    let error = serde_json::from_value::<T>(json!({"?": 0})).err().unwrap();
    let text = error.to_string();
    let (_, names) = text.split_once("expected one of ").unwrap();
    let names = names
        .split(", ")
        .map(|name| name.trim_matches('`').to_owned());
    names.collect()
}

#[test]
fn the_table_has_every_field_of_a_service() {
    for (fields, table) in [
        (fields_of::<Service>(), table()),
        (fields_of::<Deploy>(), table_of_deploy()),
    ] {
        let known: Vec<&str> = table.iter().map(|(field, ..)| *field).collect();
        assert_eq!(fields, known);
    }
}

#[test]
fn every_field_is_acted_on_named_or_refused() {
    let mut rows = BTreeMap::new();
    for (field, value, fate) in table() {
        rows.insert(field.to_owned(), (json!({field: value}), fate));
    }
    for (field, value, fate) in table_of_deploy() {
        let value = json!({"deploy": {field: value}});
        rows.insert(format!("deploy.{field}"), (value, fate));
    }
    let (plain, _) = made(json!({}), NEW);
    for (field, (value, fate)) in rows {
        let path = format!("services.web.{field}");
        let about = |texts: &[String]| texts.iter().any(|text| text.contains(&path));
        if fate == Refused {
            assert!(about(&refusals(value, NEW)), "{field}");
            continue;
        }
        let (with, said) = made(value, NEW);
        assert_eq!(with != plain, fate == Acted, "{field}");
        assert_eq!(about(&said), fate == Named, "{field}: {said:?}");
    }
}

#[test]
fn what_is_said_of_a_service_is_said_with_its_place() {
    let mut project = web(json!({"develop": {"watch": []}}));
    let place = bowline_model::Place {
        file: "compose.yaml".into(),
        line: 7,
        column: 5,
    };
    project
        .origins
        .insert("services.web.develop".into(), place.clone());
    let wanted = want(&project, NEW).unwrap();
    assert_eq!(wanted.ignored[0].place, Some(place));
}
