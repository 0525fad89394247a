//! Causes that no server here was seen to have: known from documentation, so likely at most, each with what looks like it
//! and is well.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, Finding, diagnose};
use recording::{Recording, at, container, event_of, only, silent};
use serde_json::{Value, json};

fn unhealthy() -> Value {
    json!({"health": {
        "verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "check"], "interval_secs": 5.0,
        "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }})
}

/// What a service is told: a URL in a variable.
fn address(scheme: &str, host: &str, port: u16) -> Value {
    let carrier = json!({"variable": "SERVER_URL"});
    json!([{
        "form": "url", "scheme": scheme, "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": host, "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
    }])
}

/// How full the file system is on which a folder of a container is, in a hundredth of it that is free.
fn room(container: &str, path: &str, free: u64) -> Value {
    json!({"container": container, "path": path, "there": {
        "sort": "folder", "mode": 0o755, "owner": [1000, 1000], "size_bytes": 4096, "modified": null,
    }, "room": {
        "total_bytes": 100_000_000_000_u64, "available_bytes": free * 1_000_000_000, "total_inodes": 1_000_000,
        "free_inodes": 900_000, "is_read_only": false,
    }})
}

/// The one finding: likely, of this code, and to blame on this.
fn likely(facts: &Facts, code: &str, name: &str, field: Option<&str>) -> Finding {
    let finding = only(facts);
    let culprit = &finding.culprit;
    assert_eq!(
        (finding.code.0, &*culprit.name, culprit.field.as_deref()),
        (code, name, field),
        "{finding:#?}"
    );
    assert_eq!(finding.confidence, Confidence::Likely, "{finding:#?}");
    finding
}

fn has_none_of(facts: &Facts, codes: &[&str]) {
    let found = diagnose(facts).causes;
    let mut said = found.iter().map(|it| it.code.0);
    assert!(!said.any(|code| codes.contains(&code)), "{found:#?}");
}

/// A search server, and a client of it.
fn search(client: &Value, server: &[(&str, &str)], client_says: &[(&str, &str)]) -> Recording {
    let image = json!({"image": "opensearchproject/opensearch:2", "exposed": ["9200/tcp"]});
    Recording::new()
        .with(at(2, "search", &image))
        .with(at(3, "api", client))
        .set("told", "shop-api-1", address("http", "search", 9200))
        .said("shop-search-1", server)
        .said("shop-api-1", client_says)
}

const DATA: &str = "/usr/share/opensearch/data";

fn changed_to(state: &str) -> String {
    format!(
        "[2026-11-21T10:03:00,172][INFO ][o.o.c.r.a.AllocationService] [node-1] Cluster health status changed from [YELLOW] to [{state}] (reason: [shards failed [[orders][0]]])."
    )
}

const LACKS: &str = "UnavailableShardsException: [orders][0] primary shard is not active Timeout: [1m], request: [BulkShardRequest]";
const BLOCKED: &str = "TransportError(429, 'cluster_block_exception', 'index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];')";
const FLOODED: &str = "[2026-11-21T10:04:50,167][WARN ][o.o.c.r.a.DiskThresholdMonitor] [node-1] flood stage disk watermark [95%] exceeded on [Lq-N3tZ8QY6B648xAA8H0g][node-1][/usr/share/opensearch/data/nodes/0] free: 3.9gb[3.9%], all indices on this node will be marked read-only";

#[test]
fn a_red_search_server_is_named_where_somebody_is_hurt_and_a_yellow_one_never() {
    let red = changed_to("RED");
    let words = [("10:03:00", red.as_str())];
    let hurt = search(&unhealthy(), &words, &[]);
    let finding = likely(&hurt.facts(), "D029", "search", None);
    assert!(finding.affects.contains(&"api".to_owned()), "{finding:#?}");
    // The same by the word of a client alone.
    let said = search(&unhealthy(), &[], &[("10:04:58", LACKS)]);
    likely(&said.facts(), "D029", "search", None);

    let (yellow, green) = (changed_to("YELLOW"), changed_to("GREEN"));
    for well in [&yellow, &green] {
        let alone = [("10:04:55", well.as_str())];
        silent(&search(&json!({}), &alone, &[]).facts());
        // It was red, and came to itself.
        let again = [("10:03:00", red.as_str()), ("10:03:20", well.as_str())];
        has_none_of(&search(&unhealthy(), &again, &[]).facts(), &["D029"]);
    }
    // Each part is found again at a start; and where nobody is hurt it is only a word.
    let starts = [("10:04:50", red.as_str())];
    has_none_of(&search(&unhealthy(), &starts, &[]).facts(), &["D029"]);
    silent(&search(&json!({}), &words, &[]).facts());
}

#[test]
fn a_part_of_an_index_that_has_no_place_is_looked_for_at_a_node_that_is_gone() {
    let red = changed_to("RED");
    let ended = json!({
        "image": "opensearchproject/opensearch:2", "status": "exited", "exit_code": 0,
        "finished": "2026-11-21T10:02:50Z",
    });
    let facts = search(&unhealthy(), &[("10:03:00", red.as_str())], &[])
        .with(at(4, "second", &ended))
        .facts();
    let found = diagnose(&facts).causes;
    let finding = found.iter().find(|it| it.code.0 == "D029").unwrap();
    assert!(
        finding.claim.contains("`shop-second-1` does not run"),
        "{}",
        finding.claim
    );
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_search_server_that_takes_no_writes_is_told_from_a_disk_on_which_nobody_can_write() {
    let full = |free: u64, server: &[(&str, &str)], client: &[(&str, &str)]| {
        search(&json!({}), server, client).add("files", room("shop-search-1", DATA, free))
    };
    let own = [("10:04:50", FLOODED)];
    let refused = [("10:04:58", BLOCKED)];
    let finding = likely(&full(4, &own, &refused).facts(), "D030", "search", None);
    assert!(finding.not_ruled_out.is_empty(), "{finding:#?}");
    likely(&full(4, &[], &refused).facts(), "D030", "search", None);
    likely(&full(4, &own, &[]).facts(), "D030", "search", None);
    // There is room again, and the mark is still there; or it is all over.
    let left = likely(&full(60, &[], &refused).facts(), "D030", "search", None);
    assert!(left.claim.contains("there is room again"), "{}", left.claim);
    silent(&full(60, &[("10:01:00", FLOODED)], &[]).facts());
    let full_disk = "java.io.IOException: No space left on device";
    let both = full(
        0,
        &[("10:04:50", FLOODED), ("10:04:51", full_disk)],
        &refused,
    );
    has_none_of(&both.facts(), &["D030"]);
}

/// A client that is told to dial a gateway at a port of its own, with what the gateway listens on and showed there.
fn ingress(scheme: &str, ports: &[u16], shows: Option<u16>) -> Facts {
    let listeners = ports
        .iter()
        .map(|port| json!({"port": port, "address": "0.0.0.0", "protocol": "tcp"}));
    let listeners: Vec<Value> = listeners.collect();
    let line = "connect to entrance port 7233 failed: Connection refused";
    let mut recording = Recording::new()
        .with(at(2, "entrance", &json!({})))
        .with(at(3, "worker", &unhealthy()))
        .set("told", "shop-worker-1", address(scheme, "entrance", 7233))
        .set(
            "insides",
            "shop-entrance-1",
            json!({"main": ["serve"], "listeners": listeners}),
        )
        .said("shop-worker-1", &[("10:04:58", line)]);
    if let Some(port) = shows {
        recording = recording.add(
            "asked",
            json!({
                "from": "shop-worker-1", "server": "shop-entrance-1", "address": "172.20.0.2", "port": port,
                "at": "2026-11-21T10:05:00Z", "outcome": "answered", "answer": {"tls": {"name": "entrance", "certificates": []}},
            }),
        );
    }
    recording.facts()
}

#[test]
fn an_entrance_that_takes_tls_elsewhere_is_told_from_a_port_that_is_merely_wrong() {
    let field = Some("environment.SERVER_URL");
    let finding = likely(&ingress("http", &[443], Some(443)), "D021", "worker", field);
    assert!(
        finding.claim.contains("in TLS at port 443"),
        "{}",
        finding.claim
    );
    likely(
        &ingress("grpc", &[80, 443], Some(443)),
        "D021",
        "worker",
        field,
    );
    // In the clear elsewhere, TLS that the client speaks anyway, or another port that takes it as it is.
    for facts in [
        ingress("http", &[443], None),
        ingress("https", &[443], Some(443)),
        ingress("http", &[443, 7234], Some(443)),
    ] {
        assert_eq!(only(&facts).code.0, "D054");
    }
}

/// A Redis with a limit of its own, a client that says this, and what the Redis said when it was asked.
fn cache(client_says: &[(&str, &str)], said: &Value) -> Facts {
    cached(&json!({}), client_says, said)
}

/// The same with a client that is like this.
fn cached(client: &Value, client_says: &[(&str, &str)], said: &Value) -> Facts {
    let server = json!({
        "image": "redis:7", "command": ["redis-server", "--maxmemory", "64mb"], "exposed": ["6379/tcp"],
    });
    let mut answer = json!({
        "used_bytes": 66_000_000, "limit_bytes": 67_108_864, "policy": "allkeys-lru", "evicted": 9000,
        "evicted_meanwhile": 40, "lookups": [1000, 9000], "lookups_meanwhile": [10, 90],
    });
    for (key, value) in said.as_object().unwrap() {
        answer[key] = value.clone();
    }
    Recording::new()
        .with(at(2, "cache", &server))
        .with(at(3, "api", client))
        .set("told", "shop-api-1", address("redis", "cache", 6379))
        .said("shop-api-1", client_says)
        .add(
            "asked",
            json!({
                "from": "shop-api-1", "server": "shop-cache-1", "address": "172.20.0.2", "port": 6379,
                "at": "2026-11-21T10:05:00Z", "outcome": {"let_in": {"by_password": false}}, "answer": {"redis": answer},
            }),
        )
        .facts()
}

#[test]
fn a_cache_is_too_small_only_where_it_has_nothing_for_most_and_somebody_waits() {
    let slow = [("10:04:58", "net/http: timeout awaiting response headers")];
    let finding = likely(&cache(&slow, &json!({})), "D087", "cache", Some("command"));
    assert!(finding.affects.contains(&"api".to_owned()), "{finding:#?}");
    for said in [
        json!({"lookups_meanwhile": [90, 10]}),
        json!({"lookups_meanwhile": [1, 3]}),
        json!({"evicted_meanwhile": 0}),
        json!({"used_bytes": 20_000_000}),
        json!({"policy": "noeviction"}),
    ] {
        has_none_of(&cache(&slow, &said), &["D087"]);
    }
    // Nobody waits: a cache that throws away does what it is for.
    silent(&cache(&[("10:04:58", "all is well")], &json!({})));
}

#[test]
fn a_cache_that_was_too_small_all_the_time_is_known_by_what_it_counted_and_what_others_measured() {
    let measured = [
        ("10:04:40", "60 books in 7.6 s"),
        ("10:04:50", "60 books in 8.1 s"),
    ];
    let counted = json!({
        "evicted": 9000, "lookups": [3000, 9900], "lookups_meanwhile": [1, 2], "evicted_meanwhile": 0,
    });
    let finding = likely(
        &cache(&measured, &counted),
        "D087",
        "cache",
        Some("command"),
    );
    assert_eq!(finding.affects, ["api"], "{finding:#?}");
    // Who is not well for something else misses nothing of what is made anew.
    let mut evicting = counted.clone();
    evicting["evicted_meanwhile"] = json!(3);
    let facts = cached(&unhealthy(), &measured, &evicting);
    likely(&facts, "D087", "cache", Some("command"));
    let with = |key: &str, value: Value| {
        let mut said = counted.clone();
        said[key] = value;
        cache(&measured, &said)
    };
    for facts in [
        // It finds most, is at its beginning, is asked for nothing, or throws away what was put there for nobody.
        with("lookups", json!([12_000, 9900])),
        with("lookups", json!([3000, 29_000])),
        with("lookups_meanwhile", json!([0, 0])),
        with("lookups", json!([1000, 400])),
        // What is always the same is set, and not measured; and what is over in no time is not waited for.
        cache(
            &[("10:04:40", "next in 7.5 s"), ("10:04:50", "next in 7.5 s")],
            &counted,
        ),
        cache(
            &[
                ("10:04:40", "60 books in 0.6 s"),
                ("10:04:50", "60 books in 0.7 s"),
            ],
            &counted,
        ),
    ] {
        silent(&facts);
    }
}

/// A gate that tells keys by a salt, and clients that are refused from a time on, of which there may have been another gate.
fn gate(refused: &[(&str, &str)], events: &[Value]) -> Facts {
    let gate = json!({
        "environment": {"API_KEY_SALT": "#1"}, "created": "2026-11-21T10:04:00Z", "started": "2026-11-21T10:04:01Z",
    });
    let mut recording = Recording::new()
        .with(at(2, "gate", &gate))
        .heard(events.to_vec());
    for ((host, client), at_first) in (3..).zip(["one", "two"]).zip(refused) {
        let name = format!("shop-{client}-1");
        recording = recording
            .with(at(host, client, &json!({})))
            .set("told", &name, address("http", "gate", 8000))
            .said(
                &name,
                &[
                    ("10:01:00", "fetched 20 orders"),
                    (at_first.0, at_first.1),
                    ("10:04:58", at_first.1),
                ],
            );
    }
    recording.facts()
}

#[test]
fn keys_that_are_refused_all_at_once_are_told_from_one_that_is_wrong() {
    let line = "HTTP/1.1 401 Unauthorized";
    let before = [event_of("shop-gate-1", &json!("start"), 1, &json!({}))];
    let since = ("10:04:10", line);
    let facts = gate(&[since, since], &before);
    likely(&facts, "D086", "gate", Some("environment.API_KEY_SALT"));
    for facts in [
        // One of them gets in, one was refused before, or there was no other gate before this one.
        gate(&[since, ("10:04:10", "fetched 20 orders")], &before),
        gate(&[since, ("10:02:00", line)], &before),
        gate(&[since, since], &[]),
    ] {
        has_none_of(&facts, &["D086"]);
    }
}

/// An issuer of tokens and a gate that refuses one, each with what it is told of the secret, and a client of the gate.
fn signed(gate: &Value, issuer: &Value, said_by_gate: &[(&str, &str)]) -> Recording {
    let refused = "401: Signature verification failed";
    let started = json!({"created": "2026-11-21T10:00:00Z", "started": "2026-11-21T10:00:05Z"});
    Recording::new()
        .with(at(2, "gate", gate))
        .with(at(3, "issuer", issuer))
        .with(at(4, "client", &started))
        .set("told", "shop-client-1", address("http", "gate", 8000))
        .said("shop-gate-1", said_by_gate)
        .said(
            "shop-client-1",
            &[("10:01:00", "fetched 20 orders"), ("10:04:58", refused)],
        )
}

#[test]
fn tokens_that_are_signed_with_another_secret_are_told_by_what_became_another() {
    let said = [("10:04:58", "token of client: Signature verification failed")];
    let with = |secret: &str, created: &str| {
        json!({
            "environment": {"JWT_LEEWAY": "10", "JWT_SECRET": secret}, "created": created,
            "started": "2026-11-21T10:04:01Z",
        })
    };
    let (before, again) = ("2026-11-21T09:59:00Z", "2026-11-21T10:04:00Z");
    let field = Some("environment.JWT_SECRET");
    let finding = |gate: &Value, issuer: &Value| {
        likely(&signed(gate, issuer, &said).facts(), "D086", "gate", field)
    };
    // The two are told different ones; or the gate was made again since the token was good.
    let differ = finding(&with("#1", before), &with("#2", before));
    assert!(differ.claim.contains("`issuer` has another `JWT_SECRET`"));
    let anew = finding(&with("#1", again), &with("#1", again));
    assert!(anew.claim.contains("made again"), "{}", anew.claim);
    assert_eq!(anew.affects, ["client"]);
    // It was there before, and both are told the same: nobody knows why.
    let same = with("#1", before);
    has_none_of(&signed(&same, &same, &said).facts(), &["D086"]);
}

#[test]
fn a_secret_in_a_file_that_was_written_again_makes_all_tokens_bad() {
    let said = [("10:04:58", "JsonWebTokenError: invalid signature")];
    let gate = json!({
        "environment": {"TOKEN_SECRET_FILE": "/keys/jwt"}, "created": "2026-11-21T10:00:00Z",
        "started": "2026-11-21T10:04:01Z",
    });
    let written = |modified: &str| {
        let file = json!({"container": "shop-gate-1", "path": "/keys/jwt", "there": {
            "sort": "file", "mode": 0o644, "owner": [0, 0], "size_bytes": 49, "modified": modified,
        }});
        signed(&gate, &json!({}), &said).add("files", file).facts()
    };
    let field = Some("environment.TOKEN_SECRET_FILE");
    let finding = likely(&written("2026-11-21T10:04:00Z"), "D086", "gate", field);
    assert!(finding.claim.contains("`/keys/jwt` was written again"));
    has_none_of(&written("2026-11-21T09:00:00Z"), &["D086"]);
}

/// A job that is to make backups, its folder, and since when it runs.
fn backups(interval: &str, there: &Value, started: &str) -> Facts {
    let job = json!({
        "command": ["/bin/sh", "/scripts/backup.sh"], "environment": {"BACKUP_INTERVAL": interval},
        "mounts": [{"target": "/backups", "kind": "volume", "source": "shop_backups", "writable": true}],
        "created": started, "started": started,
    });
    let mut folder = json!({
        "sort": "folder", "mode": 0o755, "owner": [0, 0], "size_bytes": 4096, "modified": null, "is_empty": false,
    });
    for (key, value) in there.as_object().unwrap() {
        folder[key] = value.clone();
    }
    Recording::new()
        .with(container("keeper", &job))
        .add(
            "files",
            json!({"container": "shop-keeper-1", "path": "/backups", "there": folder}),
        )
        .facts()
}

#[test]
fn backups_that_are_several_intervals_late_are_not_being_made() {
    let (long_ago, lately) = ("2026-11-18T10:00:00Z", "2026-11-21T09:30:00Z");
    let old = json!({"newest": "2026-11-18T12:00:00Z"});
    likely(&backups("6h", &old, long_ago), "D063", "keeper", None);
    let none = json!({"is_empty": true});
    likely(&backups("6h", &none, long_ago), "D063", "keeper", None);
    // In time, soon enough, or not there for long enough; and where nobody knows when one is due.
    silent(&backups(
        "6h",
        &json!({"newest": "2026-11-21T06:00:00Z"}),
        long_ago,
    ));
    silent(&backups("@weekly", &old, long_ago));
    silent(&backups("6h", &old, lately));
    silent(&backups("nightly", &old, long_ago));
    silent(&backups("6h", &json!({}), long_ago));
}

#[test]
fn backups_are_not_made_where_the_own_check_of_their_folder_says_so() {
    let keeper = |test: &str, code: i64, newest: &str| {
        let probe = |at: &str| json!({"at": at, "exit_code": code, "output": ""});
        let job = json!({
            "command": ["/bin/sh", "/scripts/backup.sh"], "environment": {"BACKUP_DIR": "/backups"},
            "mounts": [{"target": "/backups", "kind": "volume", "source": "shop_backups", "writable": true}],
            "health": {
                "verdict": "unhealthy", "failing_streak": 2, "test": ["CMD-SHELL", test], "interval_secs": 5.0,
                "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 2,
                "probes": [probe("2026-11-21T10:04:50Z"), probe("2026-11-21T10:04:55Z")],
            },
        });
        let folder = json!({
            "sort": "folder", "mode": 0o755, "owner": [0, 0], "size_bytes": 4096, "modified": null,
            "is_empty": false, "newest": newest,
        });
        Recording::new()
            .with(container("keeper", &job))
            .add(
                "files",
                json!({"container": "shop-keeper-1", "path": "/backups", "there": folder}),
            )
            .facts()
    };
    let old = "2026-11-21T10:02:00Z";
    for test in [
        "find /backups -mmin -1 | grep -q .",
        "find ${BACKUP_DIR} -newermt yesterday | grep -q .",
    ] {
        likely(&keeper(test, 1, old), "D063", "keeper", None);
    }
    // Another check, one that did not run, and one that fails although something came.
    has_none_of(&keeper("pg_isready", 1, old), &["D063"]);
    has_none_of(&keeper("find /backups -mmin -1", 127, old), &["D063"]);
    let lately = "2026-11-21T10:04:52Z";
    has_none_of(&keeper("find /backups -mmin -1", 1, lately), &["D063"]);
}

#[test]
fn copies_of_what_changes_are_missed_once_several_are_late() {
    let copier = |newest: &str, changed: &str, target: &str| {
        let job = json!({
            "command": ["python3", "/srv/keep.py"],
            "environment": {"SOURCE": "/from/days.db", "DESTINATION": target, "EVERY_SECONDS": "3"},
            "mounts": [
                {"target": "/from", "kind": "volume", "source": "shop_days", "writable": true},
                {"target": "/to", "kind": "volume", "source": "shop_copies", "writable": true},
            ],
            "created": "2026-11-21T09:00:00Z", "started": "2026-11-21T09:00:00Z",
        });
        let folder = |path: &str, newest: &str| {
            json!({"container": "shop-keeper-1", "path": path, "there": {
                "sort": "folder", "mode": 0o755, "owner": [0, 0], "size_bytes": 4096, "modified": null,
                "is_empty": false, "newest": newest,
            }})
        };
        Recording::new()
            .with(container("keeper", &job))
            .add("files", folder("/to", newest))
            .add("files", folder("/from", changed))
            .facts()
    };
    let (old, lately) = ("2026-11-21T10:03:00Z", "2026-11-21T10:04:59Z");
    let finding = likely(&copier(old, lately, "/to"), "D063", "keeper", None);
    assert!(finding.claim.contains("copy `/from/days.db`"));
    // In time; nothing to copy; and within one and the same volume.
    silent(&copier(lately, lately, "/to"));
    silent(&copier(old, old, "/to"));
    silent(&copier(old, lately, "/from/copies"));
}

/// A recording that holds nothing but what a platform said.
fn platform(said: &Value) -> Facts {
    let mut recording = Recording::new();
    for (key, value) in said.as_object().unwrap() {
        recording = recording.set("platform", key, value.clone());
    }
    recording.facts()
}

const IDENTITY: &str = "/subscriptions/1/resourceGroups/shop/providers/Microsoft.ManagedIdentity/userAssignedIdentities/zep";

/// An app, as `az containerapp show` tells of it, with a secret in the vault `shop-kv`.
fn app(health: &str, identities: &Value, roles: &Value) -> Facts {
    platform(&json!({
        "apps": [{
            "name": "zep", "health": health, "identities": identities,
            "secrets": [{"name": "zep-postgres-dsn", "vault": "shop-kv", "identity": IDENTITY}],
        }],
        "roles": roles,
    }))
}

#[test]
fn an_app_without_an_identity_is_told_from_one_whose_identity_may_not_read_the_vault() {
    let vault = |name: &str| {
        format!("/subscriptions/1/resourceGroups/shop/providers/Microsoft.KeyVault/vaults/{name}")
    };
    let role = |role: &str, scope: &str| json!([{"principal": "p1", "role": role, "scope": scope}]);
    let reader = "Key Vault Secrets User";
    let has_it = json!({IDENTITY: "p1"});
    let none = app("Unhealthy", &json!({}), &json!(null));
    likely(&none, "D007", "zep", Some("identity"));
    let other = app("Unhealthy", &json!({"system": "p2"}), &json!(null));
    likely(&other, "D007", "zep", Some("identity"));
    for roles in [
        json!([]),
        role(reader, &vault("other-kv")),
        role("Key Vault Reader", &vault("shop-kv")),
    ] {
        let facts = app("Unhealthy", &has_it, &roles);
        likely(&facts, "D008", "zep", Some("identity"));
    }
    for scope in [vault("shop-kv"), "/subscriptions/1".to_owned()] {
        silent(&app("Unhealthy", &has_it, &role(reader, &scope)));
    }
    // Nobody asked for roles, or all is well.
    silent(&app("Unhealthy", &has_it, &json!(null)));
    silent(&app("Healthy", &json!({}), &json!([])));
}

#[test]
fn a_node_whose_host_has_another_address_is_told_from_one_that_kept_it() {
    let node = |kept: &str, restarts: u64| {
        platform(&json!({"nodes": [{
            "name": "k3s", "kept": kept, "certificate_names": ["10.43.0.1", "127.0.0.1", kept, "kubernetes"],
            "addresses": ["192.168.1.40", "10.42.0.1"], "restarts": restarts,
        }]}))
    };
    let finding = likely(&node("192.168.1.10", 14), "D044", "k3s", Some("node-ip"));
    assert!(finding.unchecked.is_empty(), "{finding:#?}");
    silent(&node("192.168.1.40", 0));
}
