//! Risks: each is named where a stack has it, and its look-alike stays silent.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its recording is wrong"
)]

mod recording;

use bowline_doctor::{Risk, lint};
use serde_json::{Value, json};

use recording::{Recording, container};

/// A service in whose declaration nothing is a risk; `changes` are laid over it.
fn sound(changes: &Value) -> Value {
    let mut service = json!({
        "is_enabled": true, "replicas": 1, "image": "shop/api:1", "memory_bytes": 64 << 20, "has_log_settings": true,
    });
    for (key, value) in changes.as_object().unwrap() {
        service[key] = value.clone();
    }
    service
}

/// The risks of a stack with one service.
fn of_one(changes: &Value) -> Vec<Risk> {
    lint(&Recording::new().declared("db", &sound(changes)).facts())
}

/// The code, the field and the services of each risk.
fn told(risks: &[Risk]) -> Vec<(&str, &str, Vec<&str>)> {
    let told = risks.iter().map(|risk| {
        let services = risk.services.iter().map(String::as_str).collect();
        (risk.code.0, risk.field.as_str(), services)
    });
    told.collect()
}

/// Asserts that a service has one risk, by its code and field.
fn has(changes: &Value, code: &str, field: &str) -> Risk {
    let risks = of_one(changes);
    assert_eq!(
        told(&risks),
        [(code, &*format!("services.db.{field}"), vec!["db"])],
        "{risks:#?}"
    );
    risks.into_iter().next().unwrap()
}

/// Asserts that a service has no risk at all.
fn is_silent(changes: &Value) {
    let risks = of_one(changes);
    assert!(risks.is_empty(), "{risks:#?}");
}

#[test]
fn a_stack_that_keeps_to_everything_has_no_risk() {
    is_silent(&json!({}));
    let disabled = json!({"is_enabled": false, "is_privileged": true, "image": "x"});
    is_silent(&disabled);
}

#[test]
fn a_password_that_everybody_knows_is_named_once_and_by_its_variable() {
    let place = json!({"file": "compose.yaml", "line": 7, "column": 11});
    let known = json!({
        "odd": {"POSTGRES_PASSWORD": ["well_known"]}, "in_clear": {"POSTGRES_PASSWORD": place},
        "weak": {"POSTGRES_PASSWORD": "short"},
    });
    let risk = has(&known, "D082", "environment.POSTGRES_PASSWORD");
    assert!(
        risk.claim.contains("`POSTGRES_PASSWORD` of `db`"),
        "{risk:?}"
    );
    is_silent(&json!({"odd": {"POSTGRES_PASSWORD": ["trailing_space"]}}));
}

#[test]
fn a_secret_in_a_log_is_named_by_its_number() {
    let log = |secrets: Value| json!({"lines": [], "is_cut": false, "secrets": secrets});
    let stack = |secrets: Value| {
        let stack = Recording::new().declared("db", &sound(&json!({})));
        let db = container("db", &json!({"log_driver": "local"}));
        stack
            .with(db)
            .set("logs", "shop-db-1", log(secrets))
            .facts()
    };
    let risks = lint(&stack(json!(["#1", "#4"])));
    assert_eq!(told(&risks), [("D084", "services.db", vec!["db"])]);
    assert!(risks[0].claim.contains("(#1, #4)"), "{risks:?}");
    assert_eq!(lint(&stack(json!([]))), []);
}

/// An image by its reference, with what is put into it.
fn image(command: &Value, exposed: &Value, secrets: &Value) -> Value {
    json!({
        "id": "sha256:1", "platform": "linux/amd64", "command": command, "exposed": exposed, "volumes": [],
        "secrets": secrets,
    })
}

#[test]
fn a_secret_in_an_image_is_named_also_where_the_files_give_the_image_no_name() {
    let stack = |secrets: Value| {
        let built = sound(&json!({"image": "", "is_built": true}));
        let api = container("api", &json!({"image": "shop-api", "log_driver": "local"}));
        Recording::new()
            .declared("api", &built)
            .with(api)
            .set(
                "images",
                "shop-api",
                image(&json!([]), &json!([]), &secrets),
            )
            .facts()
    };
    let risks = lint(&stack(json!(["API_TOKEN"])));
    assert_eq!(told(&risks), [("D085", "services.api.image", vec!["api"])]);
    assert!(risks[0].claim.contains("`API_TOKEN`"), "{risks:?}");
    assert_eq!(lint(&stack(json!([]))), []);
}

#[test]
fn a_container_that_rules_over_its_host_or_engine_is_named() {
    has(&json!({"is_privileged": true}), "D140", "privileged");
    let mount = |source: &str| json!([{"target": "/x", "kind": "bind", "source": source, "writable": false}]);
    let socket = json!({"mounts": mount("/var/run/docker.sock")});
    has(&socket, "D140", "volumes");
    is_silent(&json!({"mounts": mount("/srv/docker.sock.d/app.conf")}));
}

#[test]
fn a_port_of_data_that_others_reach_is_named() {
    let on =
        |address: &str| json!({"image": "postgres:17", "published": [[address, "5432", 5432]]});
    for address in ["", "0.0.0.0", "::", "192.0.2.7"] {
        has(&on(address), "D140", "ports");
    }
    for address in ["127.0.0.1", "127.0.0.2", "::1", "[::1]", "localhost"] {
        is_silent(&on(address));
    }
    is_silent(&json!({"image": "postgres:17", "published": [["", "8080", 8080]]}));
    is_silent(&json!({"image": "nginx:1.27", "published": [["", "80", 80], ["", "443", 443]]}));
}

#[test]
fn a_server_of_data_that_is_built_here_is_known_by_what_it_runs() {
    let built = json!({"image": "", "is_built": true, "published": [["", "15432", 5432]]});
    let stack = |command: Value| {
        let changes = json!({"image": "shop-db", "command": command, "log_driver": "local"});
        Recording::new()
            .declared("db", &sound(&built))
            .with(container("db", &changes))
            .facts()
    };
    let risks = lint(&stack(json!(["docker-entrypoint.sh", "postgres"])));
    assert_eq!(told(&risks), [("D140", "services.db.ports", vec!["db"])]);
    assert!(risks[0].claim.contains("the data of `db`"), "{risks:?}");
    let gateway = stack(json!(["nginx", "-g", "daemon off;"]));
    assert_eq!(lint(&gateway), [], "it hands on what it is asked for");
}

#[test]
fn a_server_of_data_that_never_ran_is_known_by_its_image_or_by_a_port_that_speaks_for_itself() {
    let changes = json!({"image": "shop/store:1", "published": [["", "16379", 7000]]});
    let stack = |command: Value| {
        let image = image(&command, &json!(["6379/tcp"]), &json!([]));
        Recording::new()
            .declared("db", &sound(&changes))
            .set("images", "shop/store:1", image)
            .facts()
    };
    assert_eq!(
        lint(&stack(json!(["redis-server"]))),
        [],
        "7000 is not its port"
    );

    let unknown =
        |inside: u16| json!({"image": "shop/store:1", "published": [["", "7000", inside]]});
    let risk = has(&unknown(6379), "D140", "ports");
    assert!(risk.claim.contains("port of a redis server"), "{risk:?}");
    has(&unknown(5432), "D140", "ports");
    // Anybody may have this one.
    is_silent(&unknown(9000));
}

#[test]
fn a_server_of_data_in_the_network_of_the_host_is_named_by_where_it_listens() {
    let stack = |address: &str, port: u16| {
        let changes = json!({"image": "postgres:17", "log_driver": "local", "command": ["postgres"], "network_mode": "host"});
        let listener = json!({"port": port, "address": address, "protocol": "tcp"});
        Recording::new()
            .declared(
                "db",
                &sound(&json!({"image": "postgres:17", "network_mode": "host"})),
            )
            .with(container("db", &changes))
            .set("insides", "shop-db-1", json!({"listeners": [listener]}))
            .facts()
    };
    let risks = lint(&stack("0.0.0.0", 5432));
    assert_eq!(
        told(&risks),
        [("D140", "services.db.network_mode", vec!["db"])]
    );
    assert_eq!(lint(&stack("127.0.0.1", 5432)), []);
    assert_eq!(lint(&stack("0.0.0.0", 22)), [], "it is somebody else's");
}

#[test]
fn an_image_that_may_be_another_one_tomorrow_is_named() {
    for name in ["redis", "redis:latest", "registry.example:5000/redis"] {
        has(&json!({"image": name}), "D200", "image");
    }
    for name in [
        "redis:7",
        "redis:latest@sha256:00",
        "registry.example:5000/redis:7",
    ] {
        is_silent(&json!({"image": name}));
    }
    is_silent(&json!({"image": "shop-api", "is_built": true}));
}

#[test]
fn what_is_only_missing_is_one_risk_for_all_services() {
    let bare = json!({"is_enabled": true, "replicas": 1, "image": "shop/api:1", "unlimited": ["processors", "processes"]});
    let stack = Recording::new()
        .declared("web", &bare)
        .declared("api", &bare)
        .declared("job", &bare)
        .declared("db", &sound(&json!({})));
    let risks = lint(&stack.facts());
    let all = || vec!["api", "job", "web"];
    assert_eq!(
        told(&risks),
        [
            ("D137", "services.api.logging", all()),
            ("D201", "services.api.mem_limit", all()),
            ("D205", "services.api.pids_limit", all()),
        ]
    );
    assert!(
        risks[1].claim.contains("`api`, `job` and `web`"),
        "{risks:?}"
    );
}

#[test]
fn each_limit_of_processors_and_processes_that_is_missing_is_named() {
    has(&json!({"unlimited": ["processes"]}), "D205", "pids_limit");
    has(&json!({"unlimited": ["processors"]}), "D205", "cpus");
    let risk = has(
        &json!({"unlimited": ["processors", "processes"]}),
        "D205",
        "pids_limit",
    );
    assert!(
        risk.claim.contains("all processors and all processes"),
        "{risk:?}"
    );
    is_silent(&json!({"unlimited": [], "replicas": 0}));
    is_silent(&json!({"unlimited": ["processes"], "replicas": 0}));
}

#[test]
fn a_log_counts_as_endless_by_what_the_engine_made_of_it() {
    let stack = |settings: bool, log: &Value| {
        Recording::new()
            .declared("db", &sound(&json!({"has_log_settings": settings})))
            .with(container("db", log))
            .facts()
    };
    let plain = json!({"log_driver": "json-file", "log_options": {"labels": "x"}});
    let risks = lint(&stack(true, &plain));
    assert_eq!(told(&risks), [("D137", "services.db.logging", vec!["db"])]);
    // The engine has a limit for all of its containers.
    for bounded in [
        json!({"log_driver": "json-file", "log_options": {"max-size": "10m"}}),
        json!({"log_driver": "local"}),
    ] {
        assert_eq!(lint(&stack(false, &bounded)), []);
    }
}

const MIB: u64 = 1 << 20;

/// The risks of a host with 8 GiB and services with limits in MiB, and of one service without any where it is wanted.
fn budget(limits: &[u64], is_one_without: bool) -> Vec<Risk> {
    let mut stack = Recording::new();
    for (index, limit) in limits.iter().enumerate() {
        let service = sound(&json!({"memory_bytes": limit * MIB, "replicas": 2}));
        stack = stack.declared(&format!("s{index}"), &service);
    }
    if is_one_without {
        stack = stack.declared("free", &sound(&json!({"memory_bytes": null})));
    }
    let mut facts = stack.facts();
    facts.host_memory_bytes = 8192 * MIB;
    lint(&facts)
}

#[test]
fn limits_fit_into_the_host_only_with_the_system_beside_them() {
    assert_eq!(budget(&[2048, 1024], false), []);
    let risks = budget(&[2048, 1025], false);
    assert_eq!(told(&risks), [("D202", "services", vec!["s0", "s1"])]);
    let claim = &risks[0].claim;
    for words in ["6146 MiB", "8192 MiB", "about 2048 MiB"] {
        assert!(claim.contains(words), "{claim}");
    }
}

#[test]
fn a_service_without_a_limit_is_named_beside_the_sum_of_the_others() {
    let risks = budget(&[2048], true);
    assert_eq!(
        told(&risks),
        [("D201", "services.free.mem_limit", vec!["free"])]
    );
    assert!(risks[0].claim.contains("leave 4096 MiB"), "{risks:?}");
    let risks = budget(&[4096], true);
    let codes: Vec<&str> = risks.iter().map(|risk| risk.code.0).collect();
    assert_eq!(codes, ["D201", "D202"]);
    assert!(
        risks[1].claim.contains("`free` without a limit"),
        "{risks:?}"
    );
}

#[test]
fn a_secret_in_clear_is_one_risk_for_each_place_where_it_stands() {
    let place = |line: u32| json!({"file": "compose.yaml", "line": line, "column": 7});
    let shared = sound(&json!({"in_clear": {"DB_PASSWORD": place(3)}}));
    let own = sound(&json!({"in_clear": {"DB_PASSWORD": place(3), "API_KEY": place(9)}}));
    let stack = Recording::new()
        .declared("api", &own)
        .declared("worker", &shared)
        .declared("db", &sound(&json!({})));
    let risks = lint(&stack.facts());
    assert_eq!(
        told(&risks),
        [
            ("D203", "services.api.environment.API_KEY", vec!["api"]),
            (
                "D203",
                "services.api.environment.DB_PASSWORD",
                vec!["api", "worker"]
            ),
        ]
    );
    let places: Vec<String> = risks
        .iter()
        .map(|risk| risk.place.as_ref().unwrap().to_string())
        .collect();
    assert_eq!(places, ["compose.yaml:9:7", "compose.yaml:3:7"]);
}

#[test]
fn a_secret_that_cannot_be_hidden_is_named_with_why() {
    let risk = has(
        &json!({"weak": {"JWT_SECRET": "short"}}),
        "D204",
        "environment.JWT_SECRET",
    );
    assert!(risk.claim.contains("fewer than 6 characters"), "{risk:?}");
    let risk = has(
        &json!({"weak": {"JWT_SECRET": "name"}}),
        "D204",
        "environment.JWT_SECRET",
    );
    assert!(risk.claim.contains("a name of the project"), "{risk:?}");
}
