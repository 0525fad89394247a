//! What servers say of themselves: causes that no log speaks of, what only looks like them, and what is over.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, Finding, diagnose};
use recording::{Recording, at, certain, named, only, says, silent};
use serde_json::{Value, json};

/// What makes a container one that runs and is unhealthy, and whose log says nothing.
fn unhealthy() -> Value {
    json!({"health": {
        "verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "test", "-e", "/tmp/ok"], "interval_secs": 1.0,
        "timeout_secs": 2.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }})
}

fn postgres() -> Value {
    json!({
        "image": "postgres:15", "command": ["docker-entrypoint.sh", "postgres"], "exposed": ["5432/tcp"],
        "environment": {"POSTGRES_USER": "keeper", "POSTGRES_PASSWORD": "#1", "POSTGRES_DB": "books"},
        "mounts": [{"target": "/var/lib/postgresql/data", "kind": "volume", "source": "shop_data", "writable": true}],
    })
}

/// What a service is told in its variable.
fn address(
    scheme: &str,
    user: &str,
    password: &str,
    host: &str,
    port: u16,
    database: Option<&str>,
) -> Value {
    let carrier = json!({"variable": "SERVER_URL"});
    let text = |text: &str| json!({"text": text, "carrier": carrier});
    json!({
        "form": "url", "scheme": scheme, "user": text(user), "password": text(password),
        "hosts": [{"name": host, "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
        "database": database.map(text), "usage": "dials",
    })
}

fn to_db(user: &str, password: &str, database: &str) -> Value {
    address("postgresql", user, password, "db", 5432, Some(database))
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

/// What `db` said to a login; `said` is laid over it.
fn asked(user: &str, password: &str, outcome: &Value, said: &Value) -> Value {
    json!({
        "from": "shop-api-1", "server": "shop-db-1", "address": "172.20.0.2", "port": 5432, "at": "2026-11-21T10:05:00Z",
        "login": {"user": user, "password": password, "database": "books"}, "outcome": outcome,
        "answer": {"postgres": said},
    })
}

fn let_in() -> Value {
    json!({"let_in": {"by_password": true}})
}

fn refused(code: &str) -> Value {
    json!({"refused": {"code": code}})
}

/// A Postgres, and a client that is not well and says nothing.
fn quiet(told: &Value) -> Recording {
    Recording::new()
        .with(at(2, "db", &postgres()))
        .with(at(3, "api", &unhealthy()))
        .set("told", "shop-db-1", json!([own()]))
        .set("told", "shop-api-1", json!([told]))
}

/// A version file of the data, written then.
fn version_file(modified: &str) -> Value {
    json!({"container": "shop-db-1", "path": "/var/lib/postgresql/data/PG_VERSION", "there": {
        "sort": "file", "mode": 384, "owner": [999, 999], "size_bytes": 3, "modified": modified,
        "head": {"version": "15"},
    }})
}

const OLD: &str = "2026-10-02T08:00:00Z";

fn has_none_of(facts: &Facts, codes: &[&str]) {
    let causes = diagnose(facts).causes;
    let found: Vec<_> = causes
        .iter()
        .filter(|it| codes.contains(&it.code.0))
        .collect();
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn a_server_that_refuses_what_it_is_told_itself_keeps_another_password() {
    let facts = quiet(&to_db("keeper", "#1", "books"))
        .add(
            "asked",
            asked("keeper", "#1", &refused("28P01"), &json!({})),
        )
        .add("files", version_file(OLD))
        .facts();
    says(
        &facts,
        ("D001", "shop_data", None),
        "made with another password",
    );
}

#[test]
fn a_server_that_takes_its_own_copy_and_not_the_clients_tells_which_is_the_odd_one() {
    let facts = quiet(&to_db("keeper", "#2", "books"))
        .add(
            "asked",
            asked("keeper", "#2", &refused("28P01"), &json!({})),
        )
        .add(
            "asked",
            asked(
                "keeper",
                "#1",
                &let_in(),
                &json!({"roles": {"keeper": true}}),
            ),
        )
        // Its data is older than its container, and was made with the same password.
        .add("files", version_file(OLD))
        .facts();
    says(
        &facts,
        ("D002", "api", Some("environment.SERVER_URL")),
        "different copies",
    );
    let facts = quiet(&to_db("keeper", "#2", "books"))
        .add(
            "asked",
            asked("keeper", "#2", &refused("28P01"), &json!({})),
        )
        .add(
            "asked",
            asked("keeper", "#1", &refused("28P01"), &json!({})),
        )
        .facts();
    let finding = only(&facts);
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D002", Confidence::Likely)
    );
}

#[test]
fn an_account_that_the_server_does_not_have_is_told_from_a_wrong_password() {
    let facts = quiet(&to_db("clerk", "#2", "books"))
        .add("asked", asked("clerk", "#2", &refused("28P01"), &json!({})))
        .add(
            "asked",
            asked(
                "keeper",
                "#1",
                &let_in(),
                &json!({"roles": {"keeper": true, "clerk": false}}),
            ),
        )
        .facts();
    says(
        &facts,
        ("D003", "api", Some("environment.SERVER_URL")),
        "`clerk`, whom `db` does not know",
    );
}

#[test]
fn a_database_that_is_not_there_is_known_without_a_word_of_the_client() {
    let facts = quiet(&to_db("keeper", "#1", "accounts"))
        .add("asked", {
            let mut asked = asked(
                "keeper",
                "#1",
                &refused("3D000"),
                &json!({"databases": {"accounts": false, "books": true}}),
            );
            asked["login"]["database"] = json!("accounts");
            asked
        })
        .facts();
    says(
        &facts,
        ("D019", "api", Some("environment.SERVER_URL")),
        "`accounts`, which is not there; it was told to make `books`",
    );
}

#[test]
fn a_database_that_no_setting_names_may_stand_in_the_code_of_the_program() {
    let told = address("postgresql", "keeper", "#1", "db", 5432, None);
    let said = json!({"databases": {"keeper": false, "books": true}});
    let without = quiet(&told).add("asked", asked("keeper", "#1", &let_in(), &said));
    has_none_of(&without.facts(), &["D019"]);
    let line = r#"FATAL:  database "keeper" does not exist"#;
    let facts = without.said("shop-api-1", &[("10:04:58", line)]).facts();
    let causes = diagnose(&facts).causes;
    assert!(causes.iter().any(|it| it.code.0 == "D019"), "{causes:#?}");
}

#[test]
fn a_password_that_the_server_takes_as_it_is_meant_is_read_wrongly_on_the_way() {
    let mut told = to_db("keeper", "#1", "books");
    told["unencoded"] = json!(["/"]);
    let facts = |outcome: &Value| {
        quiet(&told)
            .add("asked", asked("keeper", "#1", outcome, &json!({})))
            .facts()
    };
    let finding = only(&facts(&let_in()));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D004", Confidence::Likely)
    );
    has_none_of(&facts(&refused("28P01")), &["D004"]);
}

#[test]
fn what_a_log_says_and_the_server_contradicts_is_over() {
    let line = |text: &str| vec![("10:04:58".to_owned(), text.to_owned())];
    for (line, said) in [
        (
            line(r#"FATAL:  password authentication failed for user "keeper""#),
            json!({}),
        ),
        (
            line(r#"FATAL:  database "books" does not exist"#),
            json!({"databases": {"books": true}}),
        ),
        (
            line(r#"ERROR:  relation "orders" does not exist at character 15"#),
            json!({"relations": {"orders": true}}),
        ),
    ] {
        let lines: Vec<(&str, &str)> = line
            .iter()
            .map(|(at, text)| (at.as_str(), text.as_str()))
            .collect();
        let without = quiet(&to_db("keeper", "#1", "books"))
            .add("files", version_file(OLD))
            .said("shop-api-1", &lines);
        let codes = ["D001", "D002", "D003", "D019", "D142"];
        let found = diagnose(&without.facts()).causes;
        assert!(
            found.iter().any(|it| codes.contains(&it.code.0)),
            "{found:#?}"
        );
        let facts = without
            .add("asked", asked("keeper", "#1", &let_in(), &said))
            .facts();
        has_none_of(&facts, &codes);
    }
}

/// A wait for a lock, and who holds it.
fn wait(since: i64, waiting: &str, holder: &str) -> Value {
    json!({"user": "keeper", "waiting": waiting, "since_secs": since, "holder": {
        "user": "keeper", "remote": holder, "state": "idle in transaction", "since_secs": 42, "statement": "LOCK", "process": 77,
    }})
}

/// `api` and `worker` at one `db`, which says this.
fn busy(said: &Value) -> Recording {
    quiet(&to_db("keeper", "#1", "books"))
        .with(at(4, "worker", &json!({})))
        .set(
            "told",
            "shop-worker-1",
            json!([to_db("keeper", "#1", "books")]),
        )
        .set("insides", "shop-db-1", json!({"processes": 9}))
        .add("asked", asked("keeper", "#1", &let_in(), said))
}

fn sessions(state: &str) -> Value {
    json!([{"user": "keeper", "database": "books", "remote": "172.20.0.3", "state": state, "count": 2, "oldest_secs": 31}])
}

#[test]
fn who_is_in_the_way_of_whom_is_what_the_server_says() {
    let said = |waits: Value| json!({"limit": 100, "sessions": sessions("active"), "waits": waits});
    let blocked = said(json!([
        wait(31, "172.20.0.3", "172.20.0.4"),
        wait(12, "172.20.0.3", "172.20.0.4")
    ]));
    let facts = busy(&blocked).facts();
    says(
        &facts,
        ("D057", "worker", None),
        "holds for 42 s what others of `db` wait for (idle in transaction; it last ran `LOCK`)",
    );
    assert!(certain(&facts).affects.contains(&"api".to_owned()));
    // A session that was opened in the server's own container is nobody's of the stack.
    let mut by_hand = wait(31, "172.20.0.3", "172.20.0.4");
    by_hand["holder"]["remote"] = json!(null);
    says(
        &busy(&said(json!([by_hand]))).facts(),
        ("D057", "db", None),
        "opened in its own container",
    );
    // Where the packet filter hides who it is, the account tells where it is one's alone.
    let hidden = json!([wait(31, "172.20.0.1", "172.20.0.1")]);
    has_none_of(&busy(&said(hidden)).facts(), &["D057"]);
    // Everyday traffic.
    has_none_of(
        &busy(&said(json!([wait(1, "172.20.0.3", "172.20.0.4")]))).facts(),
        &["D057"],
    );
}

#[test]
fn titles_of_processes_are_not_believed_where_the_server_says_that_nobody_waits() {
    let titles = json!({"sessions": [
        {"user": "keeper", "database": "books", "remote": "172.20.0.3", "doing": "UPDATE waiting", "count": 1},
        {"user": "keeper", "database": "books", "remote": "172.20.0.4", "doing": "idle in transaction", "count": 1},
    ]});
    let said = |waits: Value| json!({"limit": 100, "sessions": sessions("active"), "waits": waits});
    let seen = |waits: Value| {
        busy(&said(waits))
            .set("insides", "shop-db-1", titles.clone())
            .facts()
    };
    assert_eq!(only(&seen(json!(null))).code.0, "D057");
    has_none_of(&seen(json!([])), &["D057"]);
}

#[test]
fn a_statement_that_runs_for_long_is_named_with_whoever_gave_up_on_it() {
    let said = |secs: i64, waits: Value| {
        json!({
            "limit": 100, "sessions": sessions("active"), "waits": waits,
            "longest": {"user": "keeper", "remote": "172.20.0.3", "since_secs": secs, "statement": "SELECT"},
        })
    };
    let gave_up = &[(
        "10:04:58",
        "ERROR:  canceling statement due to statement timeout",
    )];
    let facts = busy(&said(42, json!([])))
        .said("shop-api-1", gave_up)
        .facts();
    says(
        &facts,
        ("D058", "api", None),
        "`db` (`SELECT`) has been running for 42 s",
    );
    let finding = only(&busy(&said(42, json!([]))).facts());
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D058", Confidence::Likely)
    );
    has_none_of(&busy(&said(4, json!([]))).facts(), &["D058"]);
    has_none_of(
        &busy(&said(42, json!([wait(9, "172.20.0.3", "172.20.0.4")]))).facts(),
        &["D058"],
    );
}

#[test]
fn a_server_that_has_no_connection_left_says_so_where_its_clients_do_not() {
    let held = json!({"peers": [{
        "remote": "172.20.0.2", "remote_port": 5432, "local_port": null, "state": "established", "count": 9,
    }]});
    let full = |outcome: &Value| {
        quiet(&to_db("clerk", "#2", "books"))
            .with(at(4, "worker", &json!({})))
            .set("told", "shop-worker-1", json!([to_db("keeper", "#1", "books")]))
            .set("insides", "shop-worker-1", held.clone())
            .set("insides", "shop-api-1", json!({"processes": 1}))
            .add("asked", asked("clerk", "#2", outcome, &json!({})))
            .add("asked", asked("keeper", "#1", &let_in(), &json!({"limit": 12, "sessions": sessions("active")})))
            .set("insides", "shop-db-1", json!({"sessions": [
                {"user": "keeper", "database": "books", "remote": "172.20.0.4", "doing": "idle", "count": 9},
            ]}))
            .facts()
    };
    says(
        &full(&refused("53300")),
        ("D022", "worker", None),
        "it holds 9 of the 12 connections of `db`",
    );
    has_none_of(&full(&let_in()), &["D022"]);
}

/// A Redis, and a client of it that is not well and says this.
fn cached(login: &Value, outcome: &Value, said: &Value, line: Option<&str>) -> Recording {
    let cache = json!({
        "image": "redis:7", "command": ["redis-server", "/etc/redis.conf"], "exposed": ["6379/tcp"],
        "mounts": [{"target": "/data", "kind": "volume", "source": "shop_cache", "writable": true}],
    });
    let lines: Vec<(&str, &str)> = line.into_iter().map(|line| ("10:04:58", line)).collect();
    let mut told = address("redis", "", "#2", "cache", 6379, None);
    told["user"] = json!(null);
    Recording::new()
        .with(at(5, "cache", &cache))
        .with(at(3, "api", &unhealthy()))
        .set("told", "shop-api-1", json!([told]))
        .said("shop-api-1", &lines)
        .add("asked", json!({
            "from": "shop-api-1", "server": "shop-cache-1", "address": "172.20.0.5", "port": 6379,
            "at": "2026-11-21T10:05:00Z", "login": login, "outcome": outcome, "answer": {"redis": said},
        }))
}

const FULL: &str = "OOM command not allowed when used memory > 'maxmemory'.";

#[test]
fn a_cache_is_as_full_as_it_says_itself() {
    let login = json!({"user": "", "password": "#2"});
    let of = |used: u64, limit: u64, policy: &str| json!({"used_bytes": used, "limit_bytes": limit, "policy": policy, "evicted_meanwhile": if policy == "noeviction" { 0 } else { 9 }});
    let full = |said: &Value, line: Option<&str>| cached(&login, &let_in(), said, line).facts();
    says(
        &full(&of(1030, 1024, "noeviction"), Some(FULL)),
        ("D118", "cache", None),
        "at its own limit of memory of 1024 bytes",
    );
    let silently = only(&full(&of(1030, 1024, "noeviction"), None));
    assert_eq!(
        (silently.code.0, silently.confidence),
        ("D118", Confidence::Likely)
    );
    let evicting = only(&full(&of(1020, 1024, "allkeys-lru"), None));
    assert_eq!(
        (evicting.code.0, evicting.confidence),
        ("D047", Confidence::Likely)
    );
    // It was full when the client said so, and has no limit or room by now.
    for said in [of(10, 0, "noeviction"), of(10, 1024, "noeviction")] {
        has_none_of(&full(&said, Some(FULL)), &["D118", "D047"]);
    }
}

#[test]
fn a_cache_that_could_not_save_is_believed_more_than_an_old_line() {
    let login = json!({"user": "", "password": "#2"});
    let line = "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to disk.";
    let folder = json!({"container": "shop-cache-1", "path": "/data", "there": {
        "sort": "folder", "mode": 493, "owner": [0, 0], "size_bytes": 0, "modified": OLD,
    }, "room": {"total_bytes": 9, "available_bytes": 0, "total_inodes": 9, "free_inodes": 9, "is_read_only": false}});
    let facts = |saves: bool, line: Option<&str>| {
        let said = json!({"used_bytes": 1, "limit_bytes": 0, "saves": saves});
        cached(&login, &let_in(), &said, line)
            .add("files", folder.clone())
            .facts()
    };
    let finding = certain(&facts(false, Some(line)));
    assert_eq!(named(&finding), ("D119", "shop_cache", None));
    assert_eq!(only(&facts(false, None)).confidence, Confidence::Likely);
    has_none_of(&facts(true, Some(line)), &["D119"]);
}

/// A service of this health that said so much when its health page was asked for, and a client that says this.
fn web(verdict: &str, status: u16, body: &str, line: Option<&str>) -> Facts {
    let test = [
        "CMD",
        "wget",
        "-q",
        "--spider",
        "http://127.0.0.1:8080/ready",
    ];
    let lines: Vec<(&str, &str)> = line.into_iter().map(|line| ("10:04:58", line)).collect();
    let exit_code = i32::from(verdict != "healthy");
    let web = json!({"exposed": ["8080/tcp"], "health": {
        "verdict": verdict, "failing_streak": 0, "test": test, "interval_secs": 1.0, "timeout_secs": 2.0,
        "start_period_secs": 0.0, "retries": 3, "probes": [{"at": null, "exit_code": exit_code, "output": ""}],
    }});
    Recording::new()
        .with(at(6, "web", &web))
        .with(at(3, "client", &json!({})))
        .declared("web", &json!({}))
        .declared("mail", &json!({}))
        .declared("client", &json!({"depends_on": {"web": "service_healthy"}}))
        .set("insides", "shop-web-1", json!({"listeners": [{"port": 8080, "address": "0.0.0.0", "protocol": "tcp"}]}))
        .set("told", "shop-client-1", json!([address("http", "", "", "web", 8080, None)]))
        .said("shop-client-1", &lines)
        .add("asked", json!({
            "from": "shop-web-1", "server": "shop-web-1", "address": "127.0.0.1", "port": 8080, "at": "2026-11-21T10:05:00Z",
            "outcome": "answered", "answer": {"http": {"url": "http://127.0.0.1:8080/ready", "status": status, "body": body}},
        }))
        .facts()
}

#[test]
fn a_health_answer_is_read_where_the_healthcheck_does_not() {
    let refused = "dial tcp: connect to web port 8080: Connection refused";
    let finding = only(&web(
        "healthy",
        200,
        "not ready: waiting for the store",
        Some(refused),
    ));
    assert_eq!(named(&finding), ("D099", "web", Some("healthcheck")));
    has_none_of(&web("healthy", 200, "ready", Some(refused)), &["D099"]);
    silent(&web("healthy", 200, "not ready", None));
}

#[test]
fn a_health_page_names_the_part_that_it_could_do_without() {
    let partly = r#"{"status":"fail","store":"ok","mail":"down"}"#;
    let found = diagnose(&web("unhealthy", 503, partly, None)).causes;
    let finding = found.iter().find(|it| it.code.0 == "D088");
    let finding = finding.unwrap_or_else(|| panic!("{found:#?}"));
    assert_eq!(
        (finding.culprit.name.as_str(), finding.confidence),
        ("web", Confidence::Certain)
    );
}

/// A server that shows this certificate, and a client that is told to verify it and says this.
fn secured(outcome: &str, certificates: &Value, line: Option<&str>) -> Recording {
    let lines: Vec<(&str, &str)> = line.into_iter().map(|line| ("10:04:58", line)).collect();
    Recording::new()
        .with(at(6, "web", &json!({"exposed": ["8443/tcp"]})))
        .with(at(3, "api", &unhealthy()))
        .set("insides", "shop-web-1", json!({"listeners": [{"port": 8443, "address": "0.0.0.0", "protocol": "tcp"}]}))
        .set("told", "shop-api-1", json!([address("https", "", "", "web", 8443, None)]))
        .said("shop-api-1", &lines)
        .add("asked", json!({
            "from": "shop-api-1", "server": "shop-web-1", "address": "172.20.0.6", "port": 8443,
            "at": "2026-11-21T10:05:00Z", "outcome": outcome, "answer": {"tls": {"name": "web", "certificates": certificates}},
        }))
}

#[test]
fn a_certificate_speaks_for_itself() {
    let certificate = |name: &str, until: &str| {
        json!([{"subject": format!("CN={name}"), "issuer": "CN=shop", "names": [name],
            "not_before": OLD, "not_after": until}])
    };
    let good = certificate("web", "2027-11-21T10:05:00Z");
    let expired = certificate("web", "2026-11-20T10:05:00Z");
    let other = certificate("shop.example", "2027-11-21T10:05:00Z");
    let lines = [
        ("SSL certificate problem: certificate has expired", "D130"),
        ("x509: certificate is valid for other, not web", "D131"),
    ];
    for ((line, code), bad) in lines.into_iter().zip([&expired, &other]) {
        let facts = secured("answered", bad, Some(line)).facts();
        says(&facts, (code, "web", None), "its certificate");
        let silently = only(&secured("answered", bad, None).facts());
        assert_eq!(
            (silently.code.0, silently.confidence),
            (code, Confidence::Likely)
        );
        has_none_of(&secured("answered", &good, Some(line)).facts(), &[code]);
    }
    has_none_of(
        &secured("answered", &good, None).facts(),
        &["D105", "D130", "D131"],
    );
}

#[test]
fn a_certificate_of_the_future_is_the_clocks_mistake_where_they_differ_by_as_much() {
    let certificate = json!([{"subject": "CN=web", "issuer": "CN=shop", "names": ["web"],
        "not_before": "2026-11-21T10:06:00Z", "not_after": "2027-11-21T10:05:00Z"}]);
    let line = "x509: certificate is not yet valid";
    let by = |ahead: i64| {
        secured("answered", &certificate, Some(line))
            .set("host", "processor", json!("amd64"))
            .set("host", "folder", json!("/var/lib/docker"))
            .set("host", "security", json!([]))
            .set("host", "ahead_millis", json!(ahead))
            .facts()
    };
    says(&by(-95_000), ("D129", "api", None), "disagree");
    for ahead in [-30_000, 95_000] {
        let finding = only(&by(ahead));
        assert_eq!(
            (finding.code.0, finding.confidence),
            ("D129", Confidence::Likely)
        );
    }
}

#[test]
fn a_certificate_of_the_future_is_its_makers_mistake_where_the_clients_have_one_clock() {
    let certificate = json!([{"subject": "CN=web", "issuer": "CN=shop", "names": ["web"],
        "not_before": "2026-11-22T10:04:00Z", "not_after": "2027-11-21T10:05:00Z"}]);
    let line = "certificate verify failed: certificate is not yet valid";
    let with = |command: &[&str], volume: &str| {
        let mount = |source: &str, writable: bool| json!([{"target": "/certs", "kind": "volume", "source": source, "writable": writable}]);
        let maker = json!({
            "command": command, "mounts": mount(volume, true), "status": "exited", "restart_policy": "no",
        });
        let mut recording =
            secured("answered", &certificate, Some(line)).with(at(7, "maker", &maker));
        let web = at(
            6,
            "web",
            &json!({"exposed": ["8443/tcp"], "mounts": mount("shop_certs", false)}),
        );
        recording = recording.replaced("shop-web-1", web);
        only(&recording.facts())
    };
    let blamed = |finding: &Finding| {
        assert_eq!(finding.code.0, "D129");
        assert_eq!(finding.confidence, Confidence::Likely);
        let culprit = &finding.culprit;
        (culprit.name.clone(), culprit.field.clone())
    };
    let ahead = ["faketime", "-f", "+1d", "sh", "/make.sh"];
    let found = with(&ahead, "shop_certs");
    let maker = ("maker".to_owned(), Some("command".to_owned()));
    assert_eq!(blamed(&found), maker);
    assert!(found.claim.contains("24h ahead"), "{}", found.claim);
    // It makes something else; it is behind; it has the clock of all others.
    let web = ("web".to_owned(), None);
    assert_eq!(blamed(&with(&ahead, "shop_other")), web);
    let behind = ["faketime", "-f", "-1d", "sh", "/make.sh"];
    assert_eq!(blamed(&with(&behind, "shop_certs")), web);
    assert_eq!(blamed(&with(&["sh", "/make.sh"], "shop_certs")), web);
}

#[test]
fn a_token_of_the_future_is_by_the_one_whose_lines_are_of_another_time_than_the_engines() {
    let token = "The token is not yet valid (iat)";
    let with = |issuer: &[(&str, &str)], api: &[(&str, &str)]| {
        Recording::new()
            .with(at(2, "issuer", &json!({})))
            .with(at(3, "api", &unhealthy()))
            .said("shop-issuer-1", issuer)
            .said("shop-api-1", api)
            .facts()
    };
    let by = |facts: &Facts| {
        let finding = only(facts);
        assert_eq!(
            (finding.code.0, finding.confidence),
            ("D129", Confidence::Likely)
        );
        finding.culprit.name
    };
    let complains = [("10:04:58", token)];
    let ahead = [
        ("10:04:40", "2026-11-21T10:14:40Z info listening"),
        ("10:04:50", "2026-11-21T10:14:50Z info token for api"),
    ];
    assert_eq!(by(&with(&ahead, &complains)), "issuer");
    // The clock of the one who complains is behind.
    let behind = [
        ("10:04:40", "2026-11-21T09:54:40Z info listening"),
        (
            "10:04:58",
            "2026-11-21T09:54:58Z warn The token is not yet valid (iat)",
        ),
    ];
    assert_eq!(by(&with(&[], &behind)), "api");
    for issuer in [
        // Another zone, late by more and by less, written at once, behind, and as good as the same.
        [
            ("10:04:40", "2026-11-21T11:04:40Z a"),
            ("10:04:50", "2026-11-21T11:04:50Z b"),
        ],
        [
            ("10:04:40", "2026-11-21T10:00:40Z a"),
            ("10:04:50", "2026-11-21T10:04:10Z b"),
        ],
        [
            ("10:04:50", "2026-11-21T10:14:40Z a"),
            ("10:04:50", "2026-11-21T10:14:41Z b"),
        ],
        [
            ("10:04:40", "2026-11-21T09:54:40Z a"),
            ("10:04:50", "2026-11-21T09:54:50Z b"),
        ],
        [
            ("10:04:40", "2026-11-21T10:04:44Z a"),
            ("10:04:50", "2026-11-21T10:04:54Z b"),
        ],
    ] {
        assert_eq!(by(&with(&issuer, &complains)), "api", "{issuer:?}");
    }
    // Nobody complains: what it writes is its own affair.
    has_none_of(&with(&ahead, &[]), &["D129"]);
}

#[test]
fn a_server_that_speaks_tls_only_is_known_by_what_it_does_not_understand() {
    let said = |plain: &str| {
        cached(&json!(null), &json!(plain), &json!({}), None)
            .set("insides", "shop-cache-1", json!({"listeners": [{"port": 6379, "address": "0.0.0.0", "protocol": "tcp"}]}))
            .add("asked", json!({
                "from": "shop-api-1", "server": "shop-cache-1", "address": "172.20.0.5", "port": 6379,
                "at": "2026-11-21T10:05:00Z", "outcome": "answered", "answer": {"tls": {"name": "cache", "certificates": []}},
            }))
            .facts()
    };
    says(
        &said("hung_up"),
        ("D105", "api", Some("environment.SERVER_URL")),
        "does not use TLS with `cache`, which speaks nothing else there",
    );
    has_none_of(&said("silent"), &["D105"]);
}

#[test]
fn a_server_that_speaks_no_tls_where_it_is_wanted_is_known_without_a_word() {
    let facts = secured("strange", &json!([]), None).facts();
    says(
        &facts,
        ("D105", "api", Some("environment.SERVER_URL")),
        "wants TLS of `web`, which does not speak it there",
    );
    let line = "curl: (35) OpenSSL/3.0: error:0A00010B:SSL routines::wrong version number";
    let seen = secured("answered", &json!([]), Some(line)).facts();
    has_none_of(&seen, &["D105"]);
}
