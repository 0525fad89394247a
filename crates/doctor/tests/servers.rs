//! Servers and what is in them: what is missing, who holds connections, whose data it is, and what only looks like it.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, CulpritKind, Facts, diagnose};
use recording::{Recording, address, at, certain, ending, named, only, says, silent};
use serde_json::{Value, json};

fn postgres() -> Value {
    json!({
        "image": "postgres:15", "command": ["docker-entrypoint.sh", "postgres", "-c", "max_connections=12"],
        "exposed": ["5432/tcp"], "environment": {"POSTGRES_USER": "keeper", "POSTGRES_DB": "books"},
        "mounts": [{"target": "/var/lib/postgresql/data", "kind": "volume", "source": "shop_data", "writable": true}],
    })
}

fn redis(command: &[&str]) -> Value {
    json!({
        "image": "redis:7", "command": command, "exposed": ["6379/tcp"],
        "mounts": [{"target": "/data", "kind": "volume", "source": "shop_cache", "writable": true}],
    })
}

fn db_address(database: &str) -> Value {
    address("DATABASE_URL", "postgresql", "db", 5432, Some(database))
}

/// What `db` is told of its account.
fn own() -> Value {
    let text = |text: &str, name: &str| json!({"text": text, "carrier": {"variable": name}});
    json!({
        "form": "split", "scheme": "postgresql", "hosts": [], "usage": "dials",
        "user": text("keeper", "POSTGRES_USER"), "password": text("#1", "POSTGRES_PASSWORD"),
        "database": text("books", "POSTGRES_DB"),
    })
}

/// A Postgres and a client that ends with this line.
fn with_db(database: &str, line: &str) -> Recording {
    Recording::new()
        .with(at(2, "db", &postgres()))
        .with(at(3, "api", &ending(&json!({}))))
        .set("told", "shop-db-1", json!([own()]))
        .set("told", "shop-api-1", json!([db_address(database)]))
        .said("shop-api-1", &[("10:04:58", line)])
}

/// A Redis and a client that runs and complains of it.
fn with_cache(command: &[&str], line: &str) -> Recording {
    Recording::new()
        .with(at(4, "cache", &redis(command)))
        .with(at(3, "api", &json!({})))
        .set(
            "told",
            "shop-api-1",
            json!([address("REDIS_URL", "redis", "cache", 6379, None)]),
        )
        .said("shop-api-1", &[("10:04:58", line)])
}

/// What the kernel shows of a client with so many connections to `db`.
fn connected(count: usize) -> Value {
    json!({"peers": [{
        "remote": "172.20.0.2", "remote_port": 5432, "local_port": null, "state": "established", "count": count,
    }]})
}

#[test]
fn a_database_that_nobody_made_is_the_clients_mistake_or_that_of_older_data() {
    let line = r#"FATAL:  database "accounts" does not exist"#;
    let facts = with_db("accounts", line).facts();
    says(
        &facts,
        ("D019", "api", Some("environment.DATABASE_URL")),
        "it was told to make `books`",
    );
    let facts = with_db("books", r#"FATAL:  database "books" does not exist"#).facts();
    let finding = says(&facts, ("D019", "shop_data", None), "was never made in it");
    assert_eq!(finding.culprit.kind, CulpritKind::Volume);
    // The database is there, and another one was asked for by somebody else.
    assert!(
        diagnose(&with_db("books", line).facts())
            .causes
            .iter()
            .all(|it| it.code.0 != "D019")
    );
}

#[test]
fn a_database_that_an_account_may_not_see_is_likely_not_there() {
    let line = "ERROR 1044 (42000): Access denied for user 'clerk'@'%' to database 'accounts'";
    let server = json!({
        "image": "mariadb:10", "command": ["mariadbd"], "exposed": ["3306/tcp"],
        "environment": {"MARIADB_USER": "clerk", "MARIADB_DATABASE": "books"},
    });
    let text = |text: &str, name: &str| json!({"text": text, "carrier": {"variable": name}});
    let asking = |database: &str| {
        let mut told = address("LEDGER_URL", "mysql", "db", 3306, Some(database));
        told["user"]["text"] = json!("clerk");
        Recording::new()
            .with(at(2, "db", &server))
            .with(at(3, "api", &ending(&json!({}))))
            .set("told", "shop-api-1", json!([told]))
            .set("told", "shop-db-1", json!([{
                "form": "split", "scheme": "mysql", "hosts": [], "usage": "dials",
                "user": text("clerk", "MARIADB_USER"), "password": text("#1", "MARIADB_PASSWORD"),
                "database": text("books", "MARIADB_DATABASE"),
            }]))
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    let finding = only(&asking("accounts"));
    let expected = ("D019", "api", Some("environment.LEDGER_URL"));
    assert_eq!(
        (named(&finding), finding.confidence),
        (expected, Confidence::Likely)
    );
    assert!(
        diagnose(&asking("books"))
            .causes
            .iter()
            .all(|it| it.code.0 != "D019")
    );
}

#[test]
fn migrations_that_are_pending_lead_to_the_job_that_should_have_run_them() {
    let line =
        "ActiveRecord::PendingMigrationError: Migrations are pending. To resolve this issue, run:";
    let failed = json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:09Z"});
    let told = json!([db_address("books")]);
    let facts = with_db("books", line)
        .with(at(5, "migrate", &failed))
        .set("told", "shop-migrate-1", told)
        .facts();
    let finding = only(&facts);
    assert_eq!(
        (named(&finding), finding.confidence),
        (("D142", "migrate", None), Confidence::Likely)
    );
    let claim = &finding.claim;
    assert!(claim.contains("the newest schema is not there"), "{claim}");
}

#[test]
fn a_table_that_is_missing_leads_to_the_job_that_should_have_made_it() {
    let line = r#"ERROR:  relation "orders" does not exist at character 15"#;
    let job = |changes: &Value| {
        with_db("books", line).with(at(5, "migrate", changes)).set(
            "told",
            "shop-migrate-1",
            json!([db_address("books")]),
        )
    };
    let failed = json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:09Z"});
    let finding = says(
        &job(&failed).facts(),
        ("D142", "migrate", None),
        "`migrate`, which should make it, failed",
    );
    assert!(
        finding
            .chain
            .contains(&("migrate".to_owned(), "api".to_owned()))
    );
    let never = json!({"status": "created", "started": null});
    says(
        &job(&never).facts(),
        ("D142", "migrate", None),
        "was never started",
    );
    let absent = with_db("books", line)
        .declared("db", &json!({}))
        .declared("api", &json!({}))
        .declared("migrate", &json!({"is_enabled": false, "profiles": ["setup"], "depends_on": {"db": "service_healthy"}}));
    // What somebody has to ask for may be there for something else.
    let finding = only(&absent.facts());
    assert_eq!(
        (named(&finding), finding.confidence),
        (("D142", "migrate", None), Confidence::Likely)
    );
    assert!(
        finding.claim.contains("behind a profile"),
        "{}",
        finding.claim
    );
    let alone = only(&with_db("books", line).facts());
    assert_eq!(
        (named(&alone), alone.confidence),
        (("D142", "api", None), Confidence::Likely)
    );
}

#[test]
fn who_holds_most_connections_of_a_server_that_has_no_more_is_to_blame() {
    let refused = "FATAL:  sorry, too many clients already";
    let session = |doing: &str, count: usize| json!({"user": "keeper", "database": "books", "remote": "172.20.0.5", "doing": doing, "count": count});
    let crowd = |report: usize, api: usize| {
        with_db("books", refused)
            .with(at(5, "report", &json!({})))
            .set("told", "shop-report-1", json!([db_address("books")]))
            .set("insides", "shop-report-1", connected(report))
            .set("insides", "shop-api-1", connected(api))
            .set(
                "insides",
                "shop-db-1",
                json!({"sessions": [session("idle", report + api)]}),
            )
    };
    let facts = crowd(9, 1).facts();
    let finding = says(
        &facts,
        ("D022", "report", None),
        "it holds 9 of the 12 connections of `db`",
    );
    assert!(
        finding.chain.contains(&("db".to_owned(), "api".to_owned())),
        "{finding:#?}"
    );
    assert!(finding.affects.contains(&"api".to_owned()), "{finding:#?}");
    // Nobody has more than half of them: it is somebody's, and nobody is sure whose.
    let even = only(&crowd(5, 5).facts());
    assert_eq!((even.code.0, even.confidence), ("D022", Confidence::Likely));
    // Most of them are left in transactions: that is why there are so many.
    let left = crowd(9, 0).set(
        "insides",
        "shop-db-1",
        json!({"sessions": [session("idle", 1), session("idle in transaction", 8)]}),
    );
    says(
        &left.facts(),
        ("D024", "report", None),
        "8 of its 9 connections",
    );
    // The same where the packet filter puts the gateway's address in the place of the client's.
    let hidden = json!({
        "user": "keeper", "database": "books", "remote": "172.20.0.1", "doing": "idle in transaction", "count": 8,
    });
    let hidden = crowd(9, 0).set("insides", "shop-db-1", json!({"sessions": [hidden]}));
    assert_eq!(only(&hidden.facts()).code.0, "D024");
}

#[test]
fn a_transaction_that_blocks_others_is_found_by_what_sessions_wait_for() {
    let session = |host: u8, doing: &str| json!({"user": "keeper", "database": "books", "remote": format!("172.20.0.{host}"), "doing": doing, "count": 1});
    let unhealthy = json!({"health": {
        "verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "check"], "interval_secs": 5.0,
        "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }});
    let blocked = |client: &Value, holder: &str| {
        Recording::new()
            .with(at(2, "db", &postgres()))
            .with(at(3, "api", client))
            .with(at(5, "report", &json!({})))
            .set("told", "shop-api-1", json!([db_address("books")]))
            .set("told", "shop-report-1", json!([db_address("books")]))
            .set(
                "insides",
                "shop-db-1",
                json!({
                    "listeners": [{"port": 5432, "address": "0.0.0.0", "protocol": "tcp"}],
                    "sessions": [session(3, "UPDATE waiting"), session(5, holder)],
                }),
            )
            .facts()
    };
    let finding = only(&blocked(&unhealthy, "idle in transaction"));
    assert_eq!(
        (named(&finding), finding.confidence),
        (("D057", "report", None), Confidence::Likely)
    );
    // Waiting a moment hurts nobody.
    silent(&blocked(&json!({}), "idle in transaction"));
}

/// Where the data of `db` is, with its mode and owner.
fn data(mode: u32, owner: u32) -> Value {
    json!({"container": "shop-db-1", "path": "/var/lib/postgresql/data", "there": {
        "sort": "folder", "mode": mode, "owner": [owner, owner], "size_bytes": 4096, "modified": null,
    }})
}

fn version(number: &str) -> Value {
    json!({"container": "shop-db-1", "path": "/var/lib/postgresql/data/PG_VERSION", "there": {
        "sort": "file", "mode": 384, "owner": [999, 999], "size_bytes": 3, "modified": null, "head": {"version": number},
    }})
}

/// A Postgres that ends with this line.
fn ended_db(line: &str) -> Recording {
    Recording::new()
        .with(at(2, "db", &ending(&postgres())))
        .said("shop-db-1", &[("10:04:58", line)])
}

const INCOMPATIBLE: &str = "DETAIL:  The data directory was initialized by PostgreSQL version 14, which is not compatible with this version 15.18 (Debian 15.18-0).";
const TOO_OPEN: &str =
    r#"FATAL:  data directory "/var/lib/postgresql/data" has invalid permissions"#;

#[test]
fn data_of_another_version_and_data_that_others_can_read_are_told_apart() {
    let older = ended_db(INCOMPATIBLE).add("files", version("14")).facts();
    let finding = says(
        &older,
        ("D123", "shop_data", None),
        "is of version 14, and `db` runs 15.18",
    );
    assert_eq!(finding.services, ["db"]);
    let open = ended_db(TOO_OPEN).add("files", data(0o777, 999)).facts();
    says(&open, ("D124", "shop_data", None), "by others");
    // The file speaks against it: then the line alone is no certainty.
    let same = only(&ended_db(INCOMPATIBLE).add("files", version("15")).facts());
    assert_eq!((same.code.0, same.confidence), ("D123", Confidence::Likely));
    let closed = only(&ended_db(TOO_OPEN).add("files", data(0o700, 999)).facts());
    assert_eq!(
        (closed.code.0, closed.confidence),
        ("D124", Confidence::Likely)
    );
    let foreign =
        r#"FATAL:  could not open file "/var/lib/postgresql/data/PG_VERSION": Permission denied"#;
    let foreign = ended_db(foreign).add("files", data(0o700, 4711)).facts();
    says(
        &foreign,
        ("D124", "shop_data", None),
        "belongs to another user",
    );
}

#[test]
fn two_servers_on_one_volume_put_the_data_in_danger() {
    let inside = json!({"main": ["postgres"], "listeners": [{"port": 5432, "address": "0.0.0.0", "protocol": "tcp"}]});
    let mut younger = postgres();
    younger["started"] = json!("2026-11-21T10:04:00Z");
    let two = |other: &Value| {
        Recording::new()
            .with(at(2, "db", &postgres()))
            .with(at(3, "copy", other))
            .set("insides", "shop-db-1", inside.clone())
            .set("insides", "shop-copy-1", inside.clone())
            .said("shop-db-1", &[])
            .said("shop-copy-1", &[])
    };
    let finding = says(
        &two(&younger).facts(),
        ("D081", "shop_data", None),
        "`copy` and `db` write the same data",
    );
    assert_eq!(finding.services, ["copy"]);
    // Another folder of the volume, read only, another volume, or a client of the same image: nobody is in danger.
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut other = younger.clone();
        change(&mut other);
        two(&other)
    };
    silent(
        &changed(&|it| it["environment"]["PGDATA"] = json!("/var/lib/postgresql/data/other"))
            .facts(),
    );
    silent(&changed(&|it| it["mounts"][0]["writable"] = json!(false)).facts());
    silent(&changed(&|it| it["mounts"][0]["source"] = json!("shop_other")).facts());
    silent(&changed(&|it| it["mounts"][0]["subpath"] = json!("copy")).facts());
    silent(
        &two(&younger)
            .set("insides", "shop-copy-1", json!({"main": ["psql"]}))
            .facts(),
    );
}

#[test]
fn a_lock_that_holds_keeps_the_second_server_from_the_data() {
    let locked = r#"FATAL:  lock file "postmaster.pid" already exists"#;
    let facts = ended_db(locked).with(at(3, "copy", &postgres())).facts();
    says(
        &facts,
        ("D080", "shop_data", None),
        "`db` cannot have the data, because `copy` holds it",
    );
    let lost = "LOG:  performing immediate shutdown because data directory lock file is invalid";
    let facts = ended_db(lost).with(at(3, "copy", &postgres())).facts();
    says(&facts, ("D081", "shop_data", None), "write the same data");
}

const FULL: &str = "OOM command not allowed when used memory > 'maxmemory'.";
const MISCONF: &str = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.";

#[test]
fn a_cache_at_its_own_limit_is_not_one_that_cannot_save() {
    let facts = with_cache(&["redis-server", "--maxmemory", "2mb"], FULL).facts();
    let finding = says(
        &facts,
        ("D118", "cache", Some("command")),
        "its own limit of memory of 2mb",
    );
    assert!(
        finding
            .chain
            .contains(&("cache".to_owned(), "api".to_owned()))
    );
    let unknown = only(&with_cache(&["redis-server", "/etc/redis.conf"], FULL).facts());
    assert_eq!(
        (named(&unknown), unknown.confidence),
        (("D118", "cache", None), Confidence::Likely)
    );

    let folder = |mode: u32, room: &Value| {
        json!({"container": "shop-cache-1", "path": "/data", "room": room, "there": {
            "sort": "folder", "mode": mode, "owner": [0, 0], "size_bytes": 4096, "modified": null,
        }})
    };
    let room = |available: u64| {
        json!({
            "total_bytes": 1000, "available_bytes": available, "total_inodes": 10, "free_inodes": 5, "is_read_only": false,
        })
    };
    let unable = |folder: Value| {
        with_cache(&["redis-server"], MISCONF)
            .set("insides", "shop-cache-1", json!({"main_uid": 999}))
            .add("files", folder)
            .facts()
    };
    // Nobody listens in this recording, and that is another matter.
    let found = |facts: &Facts| {
        diagnose(facts)
            .causes
            .into_iter()
            .find(|it| it.code.0 == "D119")
            .unwrap()
    };
    let denied = found(&unable(folder(0o755, &room(500))));
    assert_eq!(
        (named(&denied), denied.confidence),
        (("D119", "shop_cache", None), Confidence::Certain)
    );
    assert!(
        denied
            .claim
            .contains("belongs to 0:0 with mode 0755, and the server is user 999"),
        "{}",
        denied.claim
    );
    let full = found(&unable(folder(0o777, &room(0))));
    assert!(full.claim.contains("is full"), "{}", full.claim);
    let unseen = found(&unable(folder(0o777, &room(500))));
    assert_eq!(unseen.confidence, Confidence::Likely);
}

#[test]
fn a_client_that_is_cut_off_is_found_by_its_address() {
    let line = "Client id=7 addr=172.20.0.3:40000 laddr=172.20.0.4:6379 fd=9 name= age=3 scheduled to be closed ASAP for overcoming of output buffer limits.";
    let facts = Recording::new()
        .with(at(4, "cache", &redis(&["redis-server"])))
        .with(at(3, "feed", &json!({})))
        .said("shop-cache-1", &[("10:04:58", line)])
        .facts();
    says(
        &facts,
        ("D027", "feed", None),
        "reads slower than `cache` sends",
    );
}

/// A variable whose value has quotes that belong to it, and what comes of it.
#[test]
fn stray_characters_are_named_and_not_taken_for_another_mistake() {
    let line = r#"FATAL:  database ""books"" does not exist"#;
    let client = |value: &str, line: &str| {
        Recording::new()
            .with(at(2, "db", &postgres()))
            .with(at(3, "api", &ending(&json!({"environment": {"DB_NAME": value}}))))
            .set("told", "shop-db-1", json!([own()]))
            .set("told", "shop-api-1", json!([{
                "form": "split", "scheme": null, "user": null, "password": null, "usage": "dials",
                "hosts": [{"name": "db", "port": {"written": 5432}, "carrier": {"variable": "DB_HOST"}, "port_carrier": null}],
                "database": {"text": "books", "carrier": {"variable": "DB_NAME"}},
            }]))
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    says(
        &client("\"books\"", line),
        ("D094", "api", Some("environment.DB_NAME")),
        "quotes around it",
    );
    let carriage = client("books\r", r#"FATAL:  database "books" does not exist"#);
    says(
        &carriage,
        ("D094", "api", Some("environment.DB_NAME")),
        "a carriage return at its end",
    );

    let wrong = r#"FATAL:  password authentication failed for user "keeper""#;
    let mut stray = db_address("books");
    stray["password"]["text"] = json!("#2");
    stray["odd"] = json!(["trailing_space"]);
    stray["without_strays"] = json!("#1");
    let facts = with_db("books", wrong)
        .set("told", "shop-api-1", json!([stray]))
        .facts();
    let finding = certain(&facts);
    assert_eq!(
        named(&finding),
        ("D094", "api", Some("environment.DATABASE_URL"))
    );
    certain(&facts);
}

#[test]
fn a_healthcheck_that_logs_in_with_what_the_host_filled_in_is_wrong_itself() {
    let health = |test: &str| {
        let mut db = json!({
            "image": "mariadb:10", "command": ["mariadbd"], "exposed": ["3306/tcp"],
            "environment": {"MARIADB_ROOT_PASSWORD": "#1"},
        });
        db["health"] = json!({
            "verdict": "unhealthy", "failing_streak": 9, "test": ["CMD-SHELL", test], "interval_secs": 2.0,
            "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3, "probes": [{
                "at": "2026-11-21T10:04:58Z", "exit_code": 1,
                "output": "ERROR 1045 (28000): Access denied for user 'root'@'localhost' (using password: NO)",
            }],
        });
        Recording::new().with(at(2, "db", &db)).set("told", "shop-db-1", json!([{
            "form": "split", "scheme": "mysql", "user": null, "hosts": [], "database": null, "usage": "dials",
            "password": {"text": "#1", "carrier": {"variable": "MARIADB_ROOT_PASSWORD"}},
        }]))
    };
    let finding = only(&health("mariadb -uroot -p -e 'SELECT 1'").facts());
    let expected = ("D041", "db", Some("healthcheck"));
    assert_eq!(
        (named(&finding), finding.confidence),
        (expected, Confidence::Likely)
    );
    let empty = json!({"name": "ROOT_PASSWORD", "fields": ["services.db.healthcheck.test.1"]});
    let facts = health("mariadb -uroot -p -e 'SELECT 1'")
        .add("empty_variables", empty)
        .facts();
    says(
        &facts,
        ("D041", "db", Some("healthcheck")),
        "the variable `ROOT_PASSWORD` of the host",
    );
    // What the container fills in itself is refused for another reason.
    let own = diagnose(&health("mariadb -uroot -p$MARIADB_ROOT_PASSWORD -e 'SELECT 1'").facts());
    assert_eq!(own.causes, []);
}

#[test]
fn a_name_that_no_setting_has_stands_in_a_program() {
    let line = r#"FATAL:  role "auditor" does not exist"#;
    let facts = Recording::new()
        .with(at(2, "db", &postgres()))
        .with(at(3, "api", &ending(&json!({}))))
        .set("told", "shop-db-1", json!([own()]))
        .set("told", "shop-api-1", json!([{
            "form": "host_ports", "scheme": null, "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{"name": "db", "port": {"written": 5432}, "carrier": {"variable": "DB"}, "port_carrier": null}],
        }]))
        .said("shop-api-1", &[("10:04:58", line)])
        .facts();
    let finding = only(&facts);
    assert_eq!(
        (named(&finding), finding.confidence),
        (("D068", "api", Some("command")), Confidence::Likely)
    );
}

#[test]
fn a_client_that_wants_tls_of_a_server_without_it_is_told_so() {
    let line = "psql: error: connection to server at \"db\" (172.20.0.2), port 5432 failed: server does not support SSL, but SSL was required";
    let mut told = db_address("books");
    told["options"] = json!({"sslmode": "require"});
    let facts = with_db("books", line)
        .set("told", "shop-api-1", json!([told]))
        .facts();
    says(
        &facts,
        ("D105", "api", Some("environment.DATABASE_URL")),
        "it wants TLS of `db`",
    );
    let by_variable = Recording::new()
        .with(at(2, "db", &postgres()))
        .with(at(
            3,
            "api",
            &ending(&json!({"environment": {"PGSSLMODE": "require"}})),
        ))
        .set("told", "shop-api-1", json!([db_address("books")]))
        .said("shop-api-1", &[("10:04:58", line)])
        .facts();
    says(
        &by_variable,
        ("D105", "api", Some("environment.PGSSLMODE")),
        "it wants TLS of `db`",
    );
}

#[test]
fn what_only_a_client_says_of_a_certificate_is_likely_at_most() {
    for (line, code, culprit) in [
        (
            "SSL certificate problem: certificate has expired",
            "D130",
            "web",
        ),
        (
            "x509: certificate is valid for other, not web",
            "D131",
            "web",
        ),
        (
            "x509: certificate signed by unknown authority",
            "D131",
            "api",
        ),
        ("x509: certificate is not yet valid", "D129", "api"),
    ] {
        let facts = Recording::new()
            .with(at(2, "web", &json!({})))
            .with(at(3, "api", &ending(&json!({}))))
            .set(
                "told",
                "shop-api-1",
                json!([address("WEB_URL", "https", "web", 443, None)]),
            )
            .said("shop-api-1", &[("10:04:58", line)])
            .facts();
        let finding = only(&facts);
        assert_eq!(
            (finding.code.0, &*finding.culprit.name),
            (code, culprit),
            "{line}"
        );
        assert_eq!(finding.confidence, Confidence::Likely, "{line}");
    }
}

#[test]
fn who_ends_well_after_a_complaint_is_not_blamed_for_its_restart_policy() {
    let changes = ending(&json!({"exit_code": 0}));
    let ended = |line: &str| {
        Recording::new()
            .with(at(3, "api", &changes))
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    assert_eq!(only(&ended("did my work")).code.0, "D135");
    let complained = diagnose(&ended(r#"FATAL:  database "books" does not exist"#));
    assert_eq!(complained.causes, []);
}

#[test]
fn what_is_well_by_now_is_left_alone() {
    for (service, changes, line) in [
        (
            "db",
            postgres(),
            r#"FATAL:  database "accounts" does not exist"#,
        ),
        (
            "db",
            postgres(),
            r#"ERROR:  relation "orders" does not exist at character 15"#,
        ),
        ("db", postgres(), "FATAL:  sorry, too many clients already"),
        ("db", postgres(), r#"FATAL:  role "root" does not exist"#),
        (
            "cache",
            redis(&["redis-server", "--maxmemory", "2mb"]),
            FULL,
        ),
        ("cache", redis(&["redis-server"]), "Background saving error"),
    ] {
        let container = format!("shop-{service}-1");
        let facts = Recording::new()
            .with(at(2, service, &changes))
            .with(at(3, "api", &json!({})))
            .set("told", "shop-api-1", json!([db_address("books")]))
            .said(&container, &[("10:01:00", line)])
            .said("shop-api-1", &[("10:01:00", line)])
            .facts();
        silent(&facts);
    }
    // A check that names no account fills the log of a healthy server with this.
    let noise: Vec<(&str, &str)> = ["10:04:50", "10:04:52", "10:04:54", "10:04:56"]
        .iter()
        .map(|at| (*at, r#"FATAL:  role "root" does not exist"#))
        .collect();
    silent(
        &Recording::new()
            .with(at(2, "db", &postgres()))
            .said("shop-db-1", &noise)
            .facts(),
    );
}

/// The codes that are found of a client that fails, and was told to dial a server at 8125 where it listens on these.
fn dialling(scheme: &Value, listeners: &[(u16, &str)]) -> Vec<&'static str> {
    let mut told = address("STATSD_ADDR", "", "statsd", 8125, None);
    told["scheme"] = scheme.clone();
    let listeners = listeners
        .iter()
        .map(|(port, protocol)| json!({"port": port, "address": "0.0.0.0", "protocol": protocol}));
    let facts = Recording::new()
        .with(at(4, "statsd", &json!({})))
        .with(at(3, "api", &ending(&json!({}))))
        .set("told", "shop-api-1", json!([told]))
        .set(
            "insides",
            "shop-statsd-1",
            json!({"listeners": listeners.collect::<Vec<_>>()}),
        )
        .add(
            "tried",
            json!({
                "from": "shop-api-1", "host": "statsd", "name": {"addresses": ["172.20.0.4"]},
                "dialled": [{"address": "172.20.0.4", "port": 8125, "answer": "refused"}],
            }),
        )
        .facts();
    let causes = diagnose(&facts).causes;
    causes.iter().map(|it| it.code.0).collect()
}

#[test]
fn who_takes_packets_listens() {
    let (unknown, udp) = (json!(null), json!("udp"));
    assert!(dialling(&unknown, &[(8126, "tcp")]).contains(&"D054"));
    assert!(dialling(&unknown, &[]).contains(&"D067"));
    for found in [
        dialling(&unknown, &[(8126, "tcp"), (8125, "udp")]),
        dialling(&unknown, &[(5140, "udp")]),
        dialling(&udp, &[(8126, "tcp")]),
    ] {
        let is_about_ports = |code: &&str| ["D054", "D067"].contains(code);
        assert!(!found.iter().any(is_about_ports), "{found:?}");
    }
}

#[test]
fn a_replica_that_refuses_says_nothing_of_the_way_to_another_one_that_listens() {
    let tried = |from: &str, host: &str, answers: &[(&str, &str)]| {
        let dialled = answers
            .iter()
            .map(|(address, answer)| json!({"address": address, "port": 8080, "answer": answer}));
        let addresses = answers.iter().map(|(address, _)| *address);
        json!({
            "from": from, "host": host, "name": {"addresses": addresses.collect::<Vec<_>>()},
            "dialled": dialled.collect::<Vec<_>>(),
        })
    };
    let is_filtered = |first: &str| {
        let listens =
            json!({"listeners": [{"port": 8080, "address": "0.0.0.0", "protocol": "tcp"}]});
        let told = address("API_URL", "http", "api", 8080, None);
        let answers = [("172.20.0.3", "refused"), ("172.20.0.4", first)];
        let own = [("172.20.0.4", "connected")];
        let second = json!({"name": "shop-api-2", "id": "api2"});
        let facts = Recording::new()
            .with(at(4, "api", &json!({})))
            .with(at(3, "api", &second))
            .with(at(2, "web", &json!({})))
            .set("told", "shop-web-1", json!([told]))
            .set("insides", "shop-api-1", listens)
            .set("insides", "shop-api-2", json!({"listeners": []}))
            .add("tried", tried("shop-web-1", "api", &answers))
            .add("tried", tried("shop-api-1", "shop-api-1", &own))
            .facts();
        let mut causes = diagnose(&facts).causes.into_iter();
        causes.any(|it| it.code.0 == "D109")
    };
    assert!(is_filtered("refused"));
    assert!(!is_filtered("connected"));
}
