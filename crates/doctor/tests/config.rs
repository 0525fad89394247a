//! What the files say and what runs, the order of starts, and engines, brokers and hosts that are elsewhere.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, CulpritKind, Finding, Safety, diagnose};
use recording::{Recording, certain, container, ending, event_of, only, silent};
use serde_json::{Value, json};

fn is(finding: &Finding, code: &str, name: &str, field: Option<&str>) {
    assert_eq!(finding.code.0, code, "{finding:#?}");
    assert_eq!(finding.culprit.name, name);
    assert_eq!(finding.culprit.field.as_deref(), field);
}

/// `api` with `MODE=old`, while its files say `MODE=new`.
fn changed(started: &str) -> Recording {
    let api = json!({"environment": {"MODE": "old", "PATH": "/bin"}, "started": started});
    Recording::new()
        .with(container("api", &api))
        .declared("api", &json!({"environment": {"MODE": "new"}}))
        .add("unseen", json!({"look": "drift", "cause": "too_slow"}))
}

#[test]
fn settings_that_were_changed_and_only_restarted_are_told_from_files_that_nobody_applied() {
    let restarted = changed("2026-11-21T10:03:00Z").facts();
    let finding = certain(&restarted);
    is(&finding, "D006", "api", Some("environment.MODE"));
    let fix = finding.fix.clone().unwrap();
    assert_eq!(fix.command, ["bowline", "up", "api"]);
    assert_eq!(fix.safety, Safety::Restart);

    let not_applied = changed("2026-11-21T10:00:01Z");
    is(
        &certain(&not_applied.facts()),
        "D126",
        "api",
        Some("environment.MODE"),
    );

    // A plan knows better than the environment alone.
    let mut planned = changed("2026-11-21T10:03:00Z").facts();
    planned.unseen.clear();
    silent(&planned);

    // The engine's word for it is as good as the times.
    let event = event_of("shop-api-1", &json!("restart"), 9, &json!({}));
    let facts = not_applied.heard([event]).facts();
    is(&certain(&facts), "D006", "api", Some("environment.MODE"));
}

#[test]
fn a_file_that_was_corrected_and_not_read_again_is_told_by_what_its_reader_complains_of() {
    let carrier = json!({"file": {"path": "/etc/front.conf", "line": 4}});
    let told = |port: u16| {
        json!([{
            "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{"name": "office", "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
        }])
    };
    let stack = |port: u16, changed: &str| {
        let mount = json!({
            "target": "/etc/front.conf", "kind": "bind", "source": "/srv/front.conf", "writable": false,
            "changed_on_host": changed,
        });
        let said = "connect to office port 8000 failed: Connection refused";
        Recording::new()
            .with(container(
                "front",
                &json!({"mounts": [mount], "endpoints": on_net("172.18.0.2")}),
            ))
            .with(container(
                "office",
                &json!({"endpoints": on_net("172.18.0.3")}),
            ))
            .set("insides", "shop-office-1", listens(5000))
            .set("told", "shop-front-1", told(port))
            .said("shop-front-1", &[("10:04:55", said)])
            .facts()
    };
    let facts = stack(5000, "2026-11-21T10:03:00Z");
    let finding = certain(&facts);
    is(&finding, "D006", "front", None);
    let fix = finding.fix.clone().unwrap();
    assert_eq!(fix.command, ["bowline", "restart", "front"]);
    certain(&facts);
    for facts in [
        stack(8000, "2026-11-21T10:03:00Z"),
        stack(5000, "2026-11-21T09:00:00Z"),
    ] {
        let found = diagnose(&facts).causes;
        assert!(found.iter().all(|it| it.code.0 != "D006"), "{found:#?}");
    }
}

#[test]
fn what_a_plan_would_change_is_drift_and_what_an_operation_did_not_get_to_is_not() {
    let field = |field: &str, by_files: bool| json!([{"field": field, "by_files": by_files}]);
    let plain = Recording::new()
        .with(container("api", &json!({})))
        .declared("api", &json!({}));
    for (changes, part) in [
        (field("image", true), "the files were changed (image)"),
        (
            field("networks.net", false),
            "somebody changed the container",
        ),
    ] {
        let facts = plain.clone().set("changed", "api", changes).facts();
        let finding = certain(&facts);
        assert_eq!(finding.code.0, "D126");
        assert!(finding.claim.contains(part), "{}", finding.claim);
        certain(&facts);
    }
    let refused = json!({
        "at": null, "service": "db", "step": "start shop-db-1", "is_wait": false, "error": "no",
    });
    let unfinished = plain
        .clone()
        .set("changed", "api", field("image", true))
        .add("not_done", refused);
    silent(&unfinished.facts());
    silent(&plain.facts());
}

#[test]
fn a_secret_that_is_younger_than_a_process_in_trouble_may_not_be_the_one_that_it_uses() {
    let mount = json!([{"target": "/run/secrets/key", "kind": "bind", "source": "/srv/key", "writable": false}]);
    let file = |modified: &str| {
        json!({"container": "shop-api-1", "path": "/run/secrets/key", "there": {
            "sort": "file", "mode": 384, "owner": [0, 0], "size_bytes": 20, "modified": modified,
        }})
    };
    let facts = |modified: &str, says: &str| {
        Recording::new()
            .with(container("api", &json!({"mounts": mount})))
            .add("files", file(modified))
            .said("shop-api-1", &[("10:04:55", says)])
            .facts()
    };
    let younger = "2026-11-21T10:02:00Z";
    let finding = only(&facts(younger, "connect: connection refused"));
    is(&finding, "D006", "api", Some("secrets"));
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(
        diagnose(&facts(
            "2026-11-21T09:00:00Z",
            "connect: connection refused"
        ))
        .causes,
        []
    );
    assert_eq!(diagnose(&facts(younger, "all is well")).causes, []);
}

/// A service whose secret was changed on the host while it ran, with what it has in its own file.
fn later_secret(size: u64, head: &str, modified: &str) -> Recording {
    let mount = json!([{
        "target": "/run/secrets/key", "kind": "bind", "source": "/srv/key", "writable": false,
        "changed_on_host": "2026-11-21T10:03:00Z",
    }]);
    Recording::new()
        .with(container("api", &json!({"mounts": mount})))
        .declared("api", &json!({}))
        .set("changed", "api", json!([{"field": "content of secret key", "by_files": true}]))
        .add("files", json!({"container": "shop-api-1", "path": "/run/secrets/key", "there": {
            "sort": "file", "mode": 384, "owner": [0, 0], "size_bytes": size, "modified": modified, "head": head,
        }}))
}

#[test]
fn a_secret_that_came_too_late_is_told_from_one_that_was_changed() {
    let (before, meanwhile) = ("2026-11-21T09:59:00Z", "2026-11-21T10:03:00Z");
    let empty = later_secret(0, "empty", before).facts();
    let finding = certain(&empty);
    is(&finding, "D009", "api", Some("secrets"));
    let fix = finding.fix.clone().unwrap();
    assert_eq!(fix.command, ["bowline", "up", "api"]);
    certain(&empty);

    let former = later_secret(20, "text", before).facts();
    is(&certain(&former), "D006", "api", Some("secrets"));
    certain(&former);

    // One that was written over may have been empty before; whoever brings none says so.
    let written_over = later_secret(20, "text", meanwhile);
    let finding = only(&written_over.facts());
    is(&finding, "D006", "api", Some("secrets"));
    assert_eq!(finding.confidence, Confidence::Likely);
    let password =
        json!({"text": "#1", "carrier": {"file": {"path": "/run/secrets/key", "line": 1}}});
    let told = json!([{
        "form": "split", "scheme": null, "user": null, "password": password, "hosts": [], "database": null, "usage": "dials",
    }]);
    let line = "Access denied for user 'clerk'@'172.18.0.3' (using password: NO)";
    let brings_none = written_over
        .set("told", "shop-api-1", told)
        .said("shop-api-1", &[("10:04:55", line)])
        .facts();
    is(&certain(&brings_none), "D009", "api", Some("secrets"));
    certain(&brings_none);
}

#[test]
fn a_container_of_a_service_that_is_no_more_is_named_where_it_does_harm() {
    let worker = json!({"environment": {"QUEUE": "jobs"}});
    let stack = |command: &Value| {
        let mut old = worker.clone();
        old["command"] = command.clone();
        Recording::new()
            .with(container("jobs", &old))
            .with(container("worker", &worker))
            .declared("worker", &json!({"environment": {"QUEUE": "jobs"}}))
    };
    let facts = stack(&json!(["serve"])).facts();
    let finding = certain(&facts);
    is(&finding, "D127", "jobs", None);
    assert_eq!(finding.services, ["worker"]);
    certain(&facts);
    silent(&stack(&json!(["something", "else"])).facts());
}

fn dials(host: &str, port: u16) -> Value {
    json!([{
        "form": "url", "scheme": "redis", "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{
            "name": host, "port": {"written": port}, "carrier": {"variable": "DB_URL"}, "port_carrier": null,
        }],
    }])
}

fn on_net(address: &str) -> Value {
    json!({"net": {"aliases": [], "ipv4": address, "ipv6": null, "wanted_ipv4": null}})
}

fn listens(port: u16) -> Value {
    json!({"listeners": [{"address": "0.0.0.0", "port": port, "protocol": "tcp"}]})
}

fn ended(at: &str) -> Value {
    json!({"status": "exited", "exit_code": 1, "finished": format!("2026-11-21T{at}Z"), "endpoints": on_net("")})
}

/// `client` ended while `db` was not ready, and `db` is well since ten seconds past ten.
fn too_early(at: &str, depends_on: &Value) -> Recording {
    let health = json!({
        "verdict": "healthy", "failing_streak": 0, "test": ["CMD", "check"], "interval_secs": 1.0,
        "timeout_secs": 1.0, "start_period_secs": 30.0, "retries": 3, "probes": [],
    });
    let said = [(at, "connect to db port 5432 failed: Connection refused")];
    Recording::new()
        .with(container(
            "db",
            &json!({"health": health, "endpoints": on_net("172.18.0.3")}),
        ))
        .with(container("client", &ended(at)))
        .declared("db", &json!({"has_healthcheck": true}))
        .declared("client", &json!({"depends_on": depends_on}))
        .set("told", "shop-client-1", dials("db", 5432))
        .set("insides", "shop-db-1", listens(5432))
        .said("shop-client-1", &said)
        .heard([
            event_of("shop-db-1", &json!({"health": "healthy"}), 10, &json!({})),
            event_of("shop-client-1", &json!("die"), 3, &json!({"code": 1})),
        ])
}

#[test]
fn who_was_started_before_what_it_needs_was_ready_should_wait_for_it() {
    for needs in [json!({}), json!({"db": "service_started"})] {
        let facts = too_early("10:00:03", &needs).facts();
        let finding = certain(&facts);
        is(&finding, "D095", "client", Some("depends_on"));
        assert_eq!(finding.chain, [("db".to_owned(), "client".to_owned())]);
        certain(&facts);
    }
    let later = too_early("10:02:00", &json!({})).facts();
    assert_eq!(diagnose(&later).causes, []);
    let waits = too_early("10:00:03", &json!({"db": "service_healthy"})).facts();
    assert_eq!(diagnose(&waits).causes, []);
}

#[test]
fn a_temporary_server_that_answered_the_healthcheck_is_told_from_an_order_that_nobody_asked_for() {
    let server = &[
        ("10:00:04", "database system is ready to accept connections"),
        ("10:00:06", "received fast shutdown request"),
        (
            "10:00:07",
            "PostgreSQL init process complete; ready for start up.",
        ),
        ("10:00:09", "database system is ready to accept connections"),
    ];
    let stack = |healthy_at: u32| {
        let db = json!({"image": "postgres:15", "command": ["postgres"], "endpoints": on_net("172.18.0.3")});
        Recording::new()
            .with(container("db", &db))
            .with(container("client", &ended("10:00:07")))
            .declared("db", &json!({"has_healthcheck": true}))
            .declared("client", &json!({"depends_on": {"db": "service_healthy"}}))
            .set("told", "shop-client-1", dials("db", 5432))
            .set("insides", "shop-db-1", listens(5432))
            .said("shop-db-1", server)
            .said(
                "shop-client-1",
                &[(
                    "10:00:07",
                    "connect to db port 5432 failed: Connection refused",
                )],
            )
            .heard([
                event_of(
                    "shop-db-1",
                    &json!({"health": "healthy"}),
                    healthy_at,
                    &json!({}),
                ),
                event_of("shop-client-1", &json!("die"), 7, &json!({"code": 1})),
            ])
    };
    let facts = stack(5).facts();
    let finding = certain(&facts);
    is(&finding, "D098", "db", Some("healthcheck"));
    assert_eq!(finding.affects, ["client"]);
    certain(&facts);
    assert_eq!(only(&stack(10).facts()).confidence, Confidence::Likely);
}

#[test]
fn a_wait_for_a_healthcheck_that_does_not_exist_never_ends() {
    let stack = |status: &str| {
        Recording::new()
            .with(container("db", &json!({})))
            .with(container("client", &json!({"status": status})))
            .declared("db", &json!({}))
            .declared("client", &json!({"depends_on": {"db": "service_healthy"}}))
            .facts()
    };
    let finding = certain(&stack("created"));
    is(&finding, "D097", "db", Some("healthcheck"));
    assert_eq!(finding.affects, ["client"]);
    certain(&stack("created"));
    silent(&stack("running"));
}

#[test]
fn a_circle_is_shown_as_a_chain() {
    let facts = Recording::new()
        .add("circles", json!({"services": ["a", "b", "a"]}))
        .facts();
    let finding = certain(&facts);
    is(&finding, "D096", "a", Some("depends_on"));
    assert!(finding.claim.ends_with("a → b → a"), "{}", finding.claim);
}

#[test]
fn an_engine_that_is_not_there_is_told_from_one_that_has_nothing_of_the_stack() {
    let engine = |why: &str, variable: &Value| {
        json!({
            "endpoint": "unix:///run/other.sock", "variable": variable, "why": why, "text": "no answer", "hints": [],
        })
    };
    for (why, part) in [
        ("no_socket", "there is no such socket"),
        ("permission_denied", "may not open"),
        ("refused", "nobody listens"),
    ] {
        let mut facts = Recording::new().facts();
        facts.no_engine = serde_json::from_value(engine(why, &json!("DOCKER_HOST"))).unwrap();
        let finding = certain(&facts);
        is(&finding, "D144", "DOCKER_HOST", None);
        assert_eq!(finding.culprit.kind, CulpritKind::Variable);
        assert!(finding.claim.contains(part), "{}", finding.claim);
        facts.no_engine = serde_json::from_value(engine(why, &Value::Null)).unwrap();
        is(&certain(&facts), "D144", "/run/other.sock", None);
    }
    let elsewhere = json!({
        "asked": "unix:///run/docker.sock", "variable": null, "endpoint": "unix:///run/podman/podman.sock",
        "containers": 3,
    });
    let mut facts = Recording::new().facts();
    facts.elsewhere = serde_json::from_value(elsewhere).unwrap();
    is(&certain(&facts), "D145", "DOCKER_HOST", None);
    facts.elsewhere = None;
    silent(&facts);
}

/// `client` dials `extra`, which is behind a profile.
fn profile(says: &str) -> Recording {
    let client = json!({"endpoints": on_net("172.18.0.2")});
    Recording::new()
        .with(container("client", &client))
        .declared("client", &json!({}))
        .declared(
            "extra",
            &json!({"is_enabled": false, "profiles": ["debug"]}),
        )
        .set("told", "shop-client-1", dials("extra", 8080))
        .said("shop-client-1", &[("10:04:55", says)])
}

#[test]
fn a_profile_that_nobody_asked_for_matters_only_to_who_needs_it() {
    let facts =
        profile(r#"could not translate host name "extra" to address: Name or service not known"#)
            .facts();
    let finding = certain(&facts);
    is(&finding, "D146", "extra", Some("profiles"));
    assert_eq!(finding.services, ["client"]);
    certain(&facts);
    silent(&profile("all is well").facts());
}

#[test]
fn a_host_outside_that_does_not_do_its_part_is_no_certainty() {
    let client = json!({"endpoints": on_net("172.18.0.2")});
    let net = json!({
        "name": "net", "id": "1", "driver": "bridge", "internal": false, "subnets": ["172.18.0.0/16"],
    });
    let stack = |says: &str| {
        Recording::new()
            .with(container("client", &client))
            .add("networks", net.clone())
            .set("told", "shop-client-1", dials("api.example.com", 443))
            .add("tried", json!({
                "from": "shop-client-1", "host": "api.example.com", "name": {"addresses": ["203.0.113.7"]},
                "dialled": [],
            }))
            .said("shop-client-1", &[("10:04:55", says)])
            .facts()
    };
    let finding = only(&stack(
        "connect to api.example.com port 443 failed: Connection refused",
    ));
    is(&finding, "D147", "client", Some("environment.DB_URL"));
    assert_eq!(finding.confidence, Confidence::Likely);
    // Words without a host are about the only one that it dials, and words about another host are not.
    is(
        &only(&stack("connect: connection refused")),
        "D147",
        "client",
        Some("environment.DB_URL"),
    );
    let other = "connect to api.example.org port 443 failed: Connection refused";
    assert_eq!(diagnose(&stack(other)).causes, []);
}

/// `worker` was told of a queue; `peers` are its connections, `says` is what it said a minute and more ago.
fn worker(peers: &Value, says: &str, queue: &Value) -> Recording {
    let mut queue = queue.clone();
    queue["image"] = json!("redis:7");
    queue["command"] = json!(["redis-server"]);
    Recording::new()
        .with(container("queue", &queue))
        .with(container(
            "worker",
            &json!({"endpoints": on_net("172.18.0.2")}),
        ))
        .declared("queue", &json!({}))
        .declared("worker", &json!({}))
        .set("told", "shop-worker-1", dials("queue", 6379))
        .set("insides", "shop-queue-1", listens(6379))
        .set("insides", "shop-worker-1", json!({"peers": peers}))
        .said("shop-worker-1", &[("10:00:02", says)])
}

const NOT_THERE: &str = "connect to queue port 6379 failed: Connection refused";

#[test]
fn a_worker_that_gave_up_its_broker_is_told_from_one_that_is_connected() {
    let runs = json!({"endpoints": on_net("172.18.0.3")});
    let facts = worker(&json!([]), NOT_THERE, &runs).facts();
    let finding = certain(&facts);
    is(&finding, "D062", "worker", None);
    certain(&facts);
    let connected = json!([{
        "remote": "172.18.0.3", "remote_port": 6379, "local_port": null, "state": "established", "count": 1,
    }]);
    silent(&worker(&connected, NOT_THERE, &runs).facts());
    silent(&worker(&json!([]), "ready for work", &runs).facts());
    // One that was there before its broker, and has said nothing of it.
    let later = json!({"endpoints": on_net("172.18.0.3"), "started": "2026-11-21T10:02:00Z"});
    let finding = only(&worker(&json!([]), "ready for work", &later).facts());
    is(&finding, "D062", "worker", None);
    assert_eq!(
        finding.confidence,
        Confidence::Likely,
        "it may come by from time to time"
    );
    silent(&worker(&connected, "ready for work", &later).facts());
    // One that speaks of trouble still tries, whatever it says.
    let tries = worker(&json!([]), "ready for work", &later)
        .said("shop-worker-1", &[("10:04:55", "no luck: QueueError")]);
    assert_eq!(diagnose(&tries.facts()).causes, []);
}

#[test]
fn a_worker_without_a_word_is_known_by_the_work_that_waits() {
    let runs = json!({"endpoints": on_net("172.18.0.3")});
    let asked = |waiting: u64| {
        json!({
            "from": "shop-queue-1", "server": "shop-queue-1", "address": "172.18.0.3", "port": 6379,
            "at": "2026-11-21T10:05:00Z", "login": null, "outcome": {"let_in": {"by_password": false}},
            "answer": {"redis": {"traffic": {"groups": [
                {"database": 0, "stream": "jobs", "name": "crew", "waiting": waiting},
            ]}}},
        })
    };
    let quiet = || worker(&json!([]), "ready for work", &runs);
    let facts = quiet().add("asked", asked(5)).facts();
    let finding = only(&facts);
    is(&finding, "D062", "worker", None);
    assert_eq!(
        finding.confidence,
        Confidence::Likely,
        "it may come by later"
    );
    silent(&quiet().add("asked", asked(0)).facts());
}

#[test]
fn a_broker_that_is_down_is_named_though_those_who_need_it_went_on() {
    let stopped = json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:01Z", "endpoints": on_net("")});
    let facts = worker(&json!([]), NOT_THERE, &stopped)
        .heard([event_of(
            "shop-queue-1",
            &json!("die"),
            1,
            &json!({"code": 1}),
        )])
        .facts();
    let finding = only(&facts);
    is(&finding, "D026", "queue", None);
    assert_eq!(finding.fix.unwrap().safety, Safety::Safe);
    let facts = worker(&json!([]), "ready for work", &stopped)
        .heard([event_of(
            "shop-queue-1",
            &json!("die"),
            1,
            &json!({"code": 1}),
        )])
        .facts();
    let finding = only(&facts);
    is(&finding, "D026", "queue", None);
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_variable_of_the_shell_matters_only_where_its_service_is_in_trouble() {
    let stack = |says: &str| {
        Recording::new()
            .with(container("api", &json!({})))
            .declared("api", &json!({}))
            .add(
                "overriding",
                json!({"variable": "MODE", "fields": ["services.api.environment.MODE"]}),
            )
            .said("shop-api-1", &[("10:04:55", says)])
            .facts()
    };
    let finding = only(&stack("connect: connection refused"));
    is(&finding, "D093", "MODE", None);
    assert_eq!(finding.culprit.kind, CulpritKind::Variable);
    assert_eq!(finding.confidence, Confidence::Likely);
    silent(&stack("all is well"));
}

/// `api` that ends after this line.
fn gives_up(changes: &Value, line: &str) -> Recording {
    Recording::new()
        .with(container("api", &ending(changes)))
        .declared("api", &json!({"environment": {"MODE": "new"}}))
        .said("shop-api-1", &[("10:04:58", line)])
}

#[test]
fn a_setting_that_a_program_refuses_is_found_where_it_stands() {
    let unknown = "serve: error: unrecognized arguments: --prt 8000";
    let refusing = |changes: &Value, line: &str| gives_up(changes, line).facts();
    let direct = json!({"command": ["serve", "--prt", "8000"]});
    let finding = certain(&refusing(&direct, unknown));
    is(&finding, "D206", "api", Some("command"));
    // Also within a script, where the words are not words of the command.
    let script = json!({"command": ["sh", "-c", "exec serve --prt 8000"]});
    is(
        &certain(&refusing(&script, unknown)),
        "D206",
        "api",
        Some("command"),
    );
    // Where it stands nowhere that was looked at, it is not certain.
    let finding = only(&refusing(&json!({"command": ["serve.sh"]}), unknown));
    is(&finding, "D206", "api", None);
    assert_eq!(finding.confidence, Confidence::Likely);
    // One that goes on may do well without it.
    let runs = json!({"status": "running", "exit_code": 0, "restarts": 0, "command": ["serve"]});
    silent(&refusing(&runs, unknown));
}

#[test]
fn a_variable_that_nothing_gives_is_told_with_the_one_that_is_spelt_like_it() {
    let line = "KeyError: 'DATABASE_URL'";
    let with = |environment: &Value| {
        let changes = json!({"environment": environment});
        gives_up(&changes, line).facts()
    };
    let finding = only(&with(&json!({"PATH": "/bin"})));
    is(&finding, "D016", "api", Some("environment.DATABASE_URL"));
    assert_eq!(finding.confidence, Confidence::Likely);
    let finding = only(&with(&json!({"DATABSE_URL": "#1"})));
    is(&finding, "D016", "api", Some("environment.DATABSE_URL"));
    // What it has it does not miss.
    let causes = diagnose(&with(&json!({"DATABASE_URL": "#1"}))).causes;
    assert!(causes.iter().all(|it| it.code.0 != "D016"), "{causes:#?}");
}
