//! Refused logins: whose copy of a password is the odd one, which account or database is not there, and what only
//! looks like it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, CulpritKind, Facts, Finding, diagnose};
use bowline_model::ContainerStatus;
use recording::{Recording, certain, only, silent};
use serde_json::{Value, json};

/// The first container of a service, on the network that all of them share.
fn container(service: &str, changes: &Value) -> Value {
    let mut container = recording::container(service, changes);
    container["endpoints"] = json!({"shop_default": {
        "aliases": [service], "ipv4": null, "ipv6": null, "wanted_ipv4": null,
    }});
    container
}

/// What a service is told in one connection; `changes` are laid over it.
fn told(form: &str, carrier: &Value, user: &str, password: &str, changes: &Value) -> Value {
    let mut told = json!({
        "form": form, "scheme": "postgresql", "user": {"text": user, "carrier": carrier},
        "password": {"text": password, "carrier": carrier}, "hosts": [],
        "database": {"text": "books", "carrier": carrier}, "usage": "dials",
    });
    for (key, value) in changes.as_object().unwrap() {
        told[key] = value.clone();
    }
    told
}

/// The address that `api` is told: a URL in a variable.
fn address(user: &str, password: &str, changes: &Value) -> Value {
    let carrier = json!({"variable": "DATABASE_URL"});
    let mut told = told("url", &carrier, user, password, changes);
    told["hosts"] = json!([{
        "name": "db", "port": {"written": 5432}, "carrier": carrier, "port_carrier": carrier,
    }]);
    told
}

/// What `db` is told of its account.
fn own(user: &str, password: &str) -> Value {
    let variable = |name: &str| json!({"variable": name});
    json!({
        "form": "split", "scheme": "postgresql", "hosts": [], "usage": "dials",
        "user": {"text": user, "carrier": variable("POSTGRES_USER")},
        "password": {"text": password, "carrier": variable("POSTGRES_PASSWORD")},
        "database": {"text": "books", "carrier": variable("POSTGRES_DB")},
    })
}

/// A Postgres that runs well.
fn db(changes: &Value) -> Value {
    let mut db = container(
        "db",
        &json!({
            "image": "postgres:15", "command": ["docker-entrypoint.sh", "postgres"], "exposed": ["5432/tcp"],
            "environment": {"POSTGRES_USER": "keeper", "POSTGRES_PASSWORD": "#1", "POSTGRES_DB": "books"},
            "mounts": [{"target": "/var/lib/postgresql/data", "kind": "volume", "source": "shop_data", "writable": true}],
        }),
    );
    for (key, value) in changes.as_object().unwrap() {
        db[key] = value.clone();
    }
    db
}

/// A client that ends again and again.
fn failing(service: &str) -> Value {
    container(
        service,
        &json!({
            "status": "restarting", "exit_code": 1, "restarts": 5, "restart_policy": "always",
            "started": "2026-11-21T10:04:58Z", "finished": "2026-11-21T10:04:59Z",
        }),
    )
}

/// A version file of the data, written then.
fn version_file(modified: &str) -> Value {
    json!({"container": "shop-db-1", "path": "/var/lib/postgresql/data/PG_VERSION", "there": {
        "sort": "file", "mode": 384, "owner": [999, 999], "size_bytes": 3, "modified": modified,
        "head": {"version": "15"},
    }})
}

const WRONG: &str = r#"FATAL:  password authentication failed for user "keeper""#;
const MATCHED: &str =
    r#"DETAIL:  Connection matched pg_hba.conf line 128: "host all all all scram-sha-256""#;
const OLD: &str = "2026-10-02T08:00:00Z";
const NEW: &str = "2026-11-21T10:00:02Z";

/// What `db` answered to a login.
fn answered(user: &Value, password: &Value) -> Value {
    json!({
        "from": "shop-db-1", "server": "shop-db-1", "address": "172.18.0.3", "port": 5432, "at": "2026-11-21T10:04:59Z",
        "login": {"user": user, "password": password}, "outcome": {"refused": {"code": "28P01"}},
        "answer": {"postgres": {}},
    })
}

/// A stack of which `api` is refused, also when the server is asked in its place.
fn refused(brought: &Value, held: &Value, server: &[&str], data: &str) -> Recording {
    let lines: Vec<(&str, &str)> = server.iter().map(|line| ("10:04:58", *line)).collect();
    let client = server.first().map(|line| ("10:04:58", *line));
    let stack = Recording::new()
        .with(failing("api"))
        .with(db(&json!({})))
        .set("told", "shop-api-1", json!([brought]))
        .set("told", "shop-db-1", json!([held]))
        .said("shop-api-1", &client.into_iter().collect::<Vec<_>>())
        .said("shop-db-1", &lines)
        .add("files", version_file(data));
    if server.is_empty() {
        return stack;
    }
    stack.add(
        "asked",
        answered(&brought["user"]["text"], &brought["password"]["text"]),
    )
}

fn code_and_culprit(finding: &Finding) -> (&str, &str, Option<&str>) {
    let culprit = &finding.culprit;
    (finding.code.0, &culprit.name, culprit.field.as_deref())
}

fn volume_keeps_another() -> Facts {
    refused(
        &address("keeper", "#1", &json!({})),
        &own("keeper", "#1"),
        &[WRONG, MATCHED],
        OLD,
    )
    .facts()
}

fn copies_differ() -> Facts {
    refused(
        &address("keeper", "#2", &json!({})),
        &own("keeper", "#1"),
        &[WRONG, MATCHED],
        NEW,
    )
    .facts()
}

fn no_such_role() -> Facts {
    let wrong = r#"FATAL:  password authentication failed for user "owner""#;
    let missing = r#"DETAIL:  Role "owner" does not exist."#;
    refused(
        &address("owner", "#1", &json!({})),
        &own("keeper", "#1"),
        &[wrong, missing],
        NEW,
    )
    .facts()
}

#[test]
fn three_causes_of_one_refusal_are_told_apart_by_the_copies_and_by_the_servers_detail() {
    for (facts, expected) in [
        (volume_keeps_another(), ("D001", "shop_data", None)),
        (
            copies_differ(),
            ("D002", "api", Some("environment.DATABASE_URL")),
        ),
        (
            no_such_role(),
            ("D003", "api", Some("environment.DATABASE_URL")),
        ),
    ] {
        let finding = certain(&facts);
        assert_eq!(code_and_culprit(&finding), expected);
        assert!(
            finding.chain.contains(&("db".to_owned(), "api".to_owned())),
            "{finding:#?}"
        );
        assert_eq!(diagnose(&facts).unexplained, Vec::<String>::new());
        certain(&facts);
    }
    let finding = certain(&volume_keeps_another());
    assert_eq!(finding.culprit.kind, CulpritKind::Volume);
    assert_eq!(finding.services, ["db"]);
    let role = certain(&no_such_role());
    assert!(
        role.claim
            .contains("`owner`, whom `db` does not know; it was told of `keeper`"),
        "{}",
        role.claim
    );
}

#[test]
fn what_only_a_log_says_of_a_server_that_could_have_been_asked_is_no_certainty() {
    for mut facts in [volume_keeps_another(), copies_differ(), no_such_role()] {
        facts.asked.clear();
        assert_eq!(only(&facts).confidence, Confidence::Likely);
        // One that does not run any more could not.
        let mut containers = facts.containers.iter_mut();
        let server = containers.find(|it| it.name == "shop-db-1").unwrap();
        server.status = ContainerStatus::Exited;
        server.exit_code = 0;
        let found = diagnose(&facts).causes;
        assert!(
            found.iter().all(|it| it.confidence == Confidence::Certain),
            "{found:#?}"
        );
    }
}

#[test]
fn a_volume_that_nobody_can_date_is_no_certainty() {
    let mut facts = volume_keeps_another();
    facts.files.clear();
    let finding = only(&facts);
    assert_eq!(finding.code.0, "D001");
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_volume_of_other_accounts_is_not_the_clients_mistake() {
    let missing = r#"DETAIL:  Role "keeper" does not exist."#;
    let facts = refused(
        &address("keeper", "#1", &json!({})),
        &own("keeper", "#1"),
        &[WRONG, missing],
        OLD,
    )
    .facts();
    assert_eq!(
        code_and_culprit(&certain(&facts)),
        ("D001", "shop_data", None)
    );
}

#[test]
fn where_the_data_is_older_than_the_server_a_differing_copy_may_not_be_the_only_mistake() {
    let facts = refused(
        &address("keeper", "#2", &json!({})),
        &own("keeper", "#1"),
        &[WRONG, MATCHED],
        OLD,
    )
    .facts();
    let finding = only(&facts);
    assert_eq!(finding.code.0, "D002");
    assert_eq!(finding.confidence, Confidence::Likely);
    let open: Vec<_> = finding.not_ruled_out.iter().map(|code| code.0).collect();
    assert_eq!(open, ["D001"]);
}

#[test]
fn the_server_is_the_odd_one_where_its_clients_agree_with_each_other() {
    let facts = refused(
        &address("keeper", "#2", &json!({})),
        &own("keeper", "#1"),
        &[WRONG, MATCHED],
        NEW,
    )
    .with(failing("worker"))
    .set(
        "told",
        "shop-worker-1",
        json!([address("keeper", "#2", &json!({}))]),
    )
    .said("shop-worker-1", &[("10:04:58", WRONG)])
    .facts();
    let finding = certain(&facts);
    assert_eq!(
        code_and_culprit(&finding),
        ("D002", "db", Some("environment.POSTGRES_PASSWORD"))
    );
}

#[test]
fn a_copy_is_compared_with_that_of_a_client_that_gets_in_where_the_server_is_told_none() {
    let wrong = r#"FATAL:  password authentication failed for user "clerk""#;
    let stack = refused(
        &address("clerk", "#2", &json!({})),
        &own("keeper", "#1"),
        &[wrong, MATCHED],
        NEW,
    )
    .with(recording::at(4, "worker", &json!({})))
    .set(
        "told",
        "shop-worker-1",
        json!([address("clerk", "#3", &json!({}))]),
    );
    let with_session_of = |remote: &str| {
        let mut asked = answered(&json!("keeper"), &json!("#1"));
        asked["outcome"] = json!({"let_in": {"by_password": true}});
        asked["answer"]["postgres"]["sessions"] = json!([{
            "user": "clerk", "database": "books", "remote": remote, "state": "idle", "count": 1, "oldest_secs": 5,
        }]);
        stack.clone().add("asked", asked).facts()
    };
    let finding = certain(&with_session_of("172.20.0.4"));
    let expected = ("D002", "api", Some("environment.DATABASE_URL"));
    assert_eq!(code_and_culprit(&finding), expected);
    assert!(
        finding.claim.contains("`worker`, which gets in"),
        "{}",
        finding.claim
    );
    assert_ne!(finding.fix.unwrap().edits, []);
    // That it is well does not show that it ever dialled the server.
    for facts in [stack.clone().facts(), with_session_of("172.20.0.9")] {
        let finding = only(&facts);
        assert_eq!(
            (code_and_culprit(&finding), finding.confidence),
            (expected, Confidence::Likely)
        );
        assert!(!finding.claim.contains("gets in"), "{}", finding.claim);
        assert_eq!(finding.fix.unwrap().edits, []);
    }
    // The server refuses that one too.
    let both = stack.add("asked", answered(&json!("clerk"), &json!("#3")));
    let finding = only(&both.facts());
    assert_eq!(
        (code_and_culprit(&finding), finding.confidence),
        (expected, Confidence::Likely)
    );
    assert!(!finding.claim.contains("worker"), "{}", finding.claim);
}

#[test]
fn a_database_that_another_account_does_not_see_may_be_there() {
    let carrier = json!({"variable": "LEDGER_URL"});
    let mut brought = told("url", &carrier, "clerk", "#2", &json!({"scheme": "mysql"}));
    brought["hosts"] = json!([{
        "name": "db", "port": {"written": 3306}, "carrier": carrier, "port_carrier": carrier,
    }]);
    brought["database"]["text"] = json!("accounts");
    let text = |text: &str, name: &str| json!({"text": text, "carrier": {"variable": name}});
    let held = json!({
        "form": "split", "scheme": "mysql", "hosts": [], "usage": "dials",
        "user": text("keeper", "MARIADB_USER"), "password": text("#1", "MARIADB_PASSWORD"),
        "database": text("books", "MARIADB_DATABASE"),
    });
    let unwell = json!({"health": {
        "verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "test", "-e", "/tmp/ok"], "interval_secs": 1.0,
        "timeout_secs": 2.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }});
    let server = json!({
        "image": "mariadb:10", "command": ["mariadbd"], "exposed": ["3306/tcp"],
        "environment": {"MARIADB_USER": "keeper", "MARIADB_DATABASE": "books"},
    });
    let shown_to = |user: &str, password: &str, roles: &Value| {
        Recording::new()
            .with(container("web", &unwell))
            .with(container("db", &server))
            .set("told", "shop-web-1", json!([brought]))
            .set("told", "shop-db-1", json!([held]))
            .add("asked", json!({
                "from": "shop-db-1", "server": "shop-db-1", "address": "172.18.0.3", "port": 3306,
                "at": "2026-11-21T10:04:59Z", "login": {"user": user, "password": password, "database": "books"},
                "outcome": {"let_in": {"by_password": true}},
                "answer": {"mysql": {"databases": {"books": true, "accounts": false}, "roles": roles}},
            }))
            .facts()
    };
    let expected = ("D019", "web", Some("environment.LEDGER_URL"));
    // Who may read the accounts of a MariaDB sees all that it has.
    let finding = certain(&shown_to(
        "root",
        "#3",
        &json!({"root": true, "clerk": true}),
    ));
    assert_eq!(code_and_culprit(&finding), expected);
    let finding = only(&shown_to("clerk", "#2", &json!({})));
    assert_eq!(
        (code_and_culprit(&finding), finding.confidence),
        (expected, Confidence::Likely)
    );
    let causes = diagnose(&shown_to("keeper", "#1", &json!({}))).causes;
    assert!(causes.iter().all(|it| it.code.0 != "D019"), "{causes:#?}");
}

#[test]
fn a_file_that_was_made_of_the_former_password_is_stale() {
    let file = |path: &str| json!({"file": {"path": path, "line": 1}});
    let mut brought = told("url", &file("/run/secrets/dsn"), "keeper", "#2", &json!({}));
    brought["hosts"] = json!([{
        "name": "db", "port": {"written": 5432}, "carrier": file("/run/secrets/dsn"), "port_carrier": null,
    }]);
    let mut held = own("keeper", "#1");
    held["password"]["carrier"] = file("/run/secrets/password");
    let written = |container: &str, path: &str, modified: &str| {
        json!({"container": container, "path": path, "there": {
            "sort": "file", "mode": 420, "owner": null, "size_bytes": 20, "modified": modified,
        }})
    };
    let recording = |dsn: &str, password: &str| {
        let mut recording = refused(&brought, &held, &[WRONG, MATCHED], NEW)
            .add("files", written("shop-api-1", "/run/secrets/dsn", dsn))
            .add(
                "files",
                written("shop-db-1", "/run/secrets/password", password),
            );
        recording = recording.with(container("other", &json!({})));
        let mut facts = recording.facts();
        let db = facts
            .containers
            .iter_mut()
            .find(|it| it.name == "shop-db-1")
            .unwrap();
        db.environment = [
            ("POSTGRES_USER".to_owned(), Some("keeper".to_owned())),
            (
                "POSTGRES_PASSWORD_FILE".to_owned(),
                Some("/run/secrets/password".to_owned()),
            ),
        ]
        .into();
        facts
    };
    let facts = recording(OLD, "2026-11-21T09:00:00Z");
    let finding = certain(&facts);
    assert_eq!(
        code_and_culprit(&finding),
        ("D005", "/run/secrets/dsn", None)
    );
    certain(&facts);
    let finding = only(&recording("2026-11-21T09:00:00Z", OLD));
    assert_eq!(finding.code.0, "D002");
}

#[test]
fn who_gets_in_and_who_got_over_it_is_left_alone() {
    let well = |brought: Value, held: Value| {
        Recording::new()
            .with(container("api", &json!({})))
            .with(db(&json!({})))
            .set("told", "shop-api-1", json!([brought]))
            .set("told", "shop-db-1", json!([held]))
            .add("files", version_file(OLD))
    };
    // The volume keeps what the client brings, whatever the server is told by now.
    silent(&well(address("keeper", "#2", &json!({})), own("keeper", "#1")).facts());
    // Refused at first, and well for minutes.
    silent(
        &well(address("keeper", "#1", &json!({})), own("keeper", "#1"))
            .said("shop-api-1", &[("10:00:05", WRONG)])
            .said("shop-db-1", &[("10:00:05", WRONG), ("10:00:05", MATCHED)])
            .facts(),
    );
}

#[test]
fn what_the_server_said_of_a_former_mistake_is_not_taken_for_this_one() {
    let asked = json!({"database": {"text": "accounts", "carrier": {"variable": "DATABASE_URL"}}});
    let brought = address("keeper", "#1", &asked);
    let line = r#"FATAL:  database "accounts" does not exist"#;
    let facts = refused(&brought, &own("keeper", "#1"), &[], OLD)
        .said("shop-db-1", &[("10:04:20", WRONG), ("10:04:20", MATCHED)])
        .said("shop-api-1", &[("10:04:58", line)])
        .facts();
    assert_eq!(only(&facts).code.0, "D019");
}

#[test]
fn a_cache_that_reads_its_password_at_each_start_has_no_former_one() {
    let wrong = "WRONGPASS invalid username-password pair or user is disabled.";
    let argument = json!({"argument": 2});
    let held = json!({
        "form": "split", "scheme": "redis", "user": null, "password": {"text": "#1", "carrier": argument},
        "hosts": [], "database": null, "usage": "dials",
    });
    let carrier = json!({"variable": "REDIS_URL"});
    let brought = |password: &Value| {
        json!({
            "form": "url", "scheme": "redis", "user": null, "password": password,
            "hosts": [{"name": "cache", "port": {"default": 6379}, "carrier": carrier, "port_carrier": null}],
            "database": null, "usage": "dials",
        })
    };
    let recording = |password: &Value, line: &str| {
        Recording::new()
            .with(failing("api"))
            .with(container("cache", &json!({
                "image": "redis:7", "command": ["redis-server", "--requirepass", "••••"], "exposed": ["6379/tcp"],
            })))
            .set("told", "shop-api-1", json!([brought(password)]))
            .set("told", "shop-cache-1", json!([held]))
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    let other = json!({"text": "#2", "carrier": carrier});
    let facts = recording(&other, wrong);
    let finding = only(&facts);
    assert_eq!(
        code_and_culprit(&finding),
        ("D002", "api", Some("environment.REDIS_URL"))
    );
    let none = only(&recording(&Value::Null, "NOAUTH Authentication required."));
    assert_eq!(
        code_and_culprit(&none),
        ("D002", "api", Some("environment.REDIS_URL"))
    );
    assert!(none.claim.contains("brings no password"), "{}", none.claim);
}
