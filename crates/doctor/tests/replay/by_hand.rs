//! Recordings of what no case of `faults/` shows: written by hand, after the lines that servers are known to write.

use bowline_doctor::{Confidence, Facts};
use serde_json::{Value, json};

use crate::recording::{Recording, container};

/// The first container of a service, on the network that all of them share.
fn at(service: &str, changes: &Value) -> Value {
    let mut container = container(service, changes);
    container["endpoints"] = json!({"shop_default": {
        "aliases": [service], "ipv4": null, "ipv6": null, "wanted_ipv4": null,
    }});
    container
}

/// What makes a container one that ends again and again; `more` is laid over it.
fn ending(more: &Value) -> Value {
    let mut changes = json!({
        "status": "restarting", "exit_code": 1, "restarts": 5, "restart_policy": "always",
        "started": "2026-11-21T10:04:58Z", "finished": "2026-11-21T10:04:59Z",
    });
    for (key, value) in more.as_object().unwrap() {
        changes[key] = value.clone();
    }
    changes
}

/// What a service is told of a server: an address in a variable.
fn address(scheme: &str, host: &str, port: u16) -> Value {
    let carrier = json!({"variable": "ADDRESS"});
    json!({
        "form": "url", "scheme": scheme, "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": host, "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
    })
}

/// A client that ends with a line, the server that it dials, and a job that should have made what is missing.
fn not_made(server: &Value, scheme: &str, port: u16, line: &str) -> Facts {
    Recording::new()
        .with(at("store", server))
        .with(at("api", &ending(&json!({}))))
        .with(at(
            "setup",
            &json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:09Z"}),
        ))
        .set(
            "told",
            "shop-api-1",
            json!([address(scheme, "store", port)]),
        )
        .set(
            "told",
            "shop-setup-1",
            json!([address(scheme, "store", port)]),
        )
        .said("shop-api-1", &[("10:04:58", line)])
        .facts()
}

fn namespace() -> Facts {
    let line = r#"time=2026-11-21T10:04:58.563 level=ERROR msg="failed starting workflow: Namespace nosuch is not found.""#;
    not_made(
        &json!({"image": "temporalio/auto-setup:1.25"}),
        "tcp",
        7233,
        line,
    )
}

fn search_attribute() -> Facts {
    let line = r#"time=2026-11-21T10:04:58.023 level=ERROR msg="failed starting workflow: Namespace default has no mapping defined for search attribute CustomerId""#;
    not_made(
        &json!({"image": "temporalio/auto-setup:1.25"}),
        "tcp",
        7233,
        line,
    )
}

fn bucket() -> Facts {
    let line = "minio.error.S3Error: S3 operation failed; code: NoSuchBucket, message: The specified bucket does not exist, resource: /nosuch, request_id: 18EA, host_id: dd90, bucket_name: nosuch";
    not_made(&json!({"image": "minio/minio:1"}), "http", 9000, line)
}

/// A client that holds two connections of a Postgres, and waits for one of its own.
fn pool() -> Facts {
    let server = json!({"image": "postgres:15", "exposed": ["5432/tcp"]});
    let mut db = at("db", &server);
    db["endpoints"]["shop_default"]["ipv4"] = json!("172.20.0.2");
    let peers = json!([{
        "remote": "172.20.0.2", "remote_port": 5432, "local_port": null, "state": "established", "count": 2,
    }]);
    let line = "sqlalchemy.exc.TimeoutError: QueuePool limit of size 2 overflow 0 reached, connection timed out, timeout 30.00";
    Recording::new()
        .with(db)
        .with(at("api", &ending(&json!({}))))
        .set(
            "told",
            "shop-api-1",
            json!([address("postgresql", "db", 5432)]),
        )
        .said("shop-api-1", &[("10:04:58", line)])
        .said("shop-db-1", &[])
        .set("insides", "shop-api-1", json!({"peers": peers}))
        .facts()
}

fn memory_areas() -> Facts {
    Recording::new()
        .with(at("search", &ending(&json!({"image": "opensearchproject/opensearch:2"}))))
        .said(
            "shop-search-1",
            &[("10:04:58", "max virtual memory areas vm.max_map_count [65530] is too low, increase to at least [262144]")],
        )
        .add("files", json!({"container": "shop-search-1", "path": "/proc/sys/vm/max_map_count", "there": {
            "sort": "file", "mode": 420, "owner": [0, 0], "size_bytes": 0, "modified": "2026-11-21T10:00:00Z",
            "head": {"version": "65530"},
        }}))
        .facts()
}

fn topic() -> Facts {
    let named = |service: &str, topic: &str, more: &Value| {
        let mut changes = json!({"environment": {"TOPIC": topic}});
        for (key, value) in more.as_object().unwrap() {
            changes[key] = value.clone();
        }
        at(service, &changes)
    };
    Recording::new()
        .with(at("bus", &json!({"image": "apache/kafka:3.9.1"})))
        .with(named("reader", "dev_orders", &ending(&json!({}))))
        .with(named("writer", "prod_orders", &json!({})))
        .set("told", "shop-reader-1", json!([address("kafka", "bus", 9092)]))
        .said(
            "shop-reader-1",
            &[("10:04:58", "[2026-11-21 10:04:58,982] WARN [Consumer clientId=one, groupId=two] The metadata response from the cluster reported a recoverable issue with correlation id 2 : {dev_orders=UNKNOWN_TOPIC_OR_PARTITION} (org.apache.kafka.clients.NetworkClient)")],
        )
        .facts()
}

/// A client that asked before the broker was ready, and gave up.
fn too_early() -> Facts {
    let line = "[2026-11-21 10:00:02,982] WARN [Consumer clientId=one, groupId=two] The metadata response from the cluster reported a recoverable issue with correlation id 2 : {orders=UNKNOWN_TOPIC_OR_PARTITION} (org.apache.kafka.clients.NetworkClient)";
    let ready = "[2026-11-21 10:00:09,101] INFO [KafkaRaftServer nodeId=1] Kafka Server started (kafka.server.KafkaRaftServer)";
    let ended = json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:03Z"});
    Recording::new()
        .with(at("bus", &json!({"image": "apache/kafka:3.9.1"})))
        .with(at("reader", &ended))
        .declared("bus", &json!({}))
        .declared("reader", &json!({"depends_on": {"bus": "service_started"}}))
        .set(
            "told",
            "shop-reader-1",
            json!([address("kafka", "bus", 9092)]),
        )
        .said("shop-bus-1", &[("10:00:09", ready)])
        .said("shop-reader-1", &[("10:00:02", line)])
        .facts()
}

/// A server that runs and listens nowhere, and a client that is refused there.
fn listens_nowhere() -> Facts {
    Recording::new()
        .with(at("web", &json!({})))
        .with(at("api", &ending(&json!({}))))
        .set("told", "shop-api-1", json!([address("http", "web", 8080)]))
        .set(
            "insides",
            "shop-web-1",
            json!({"main": ["serve"], "listeners": []}),
        )
        .said(
            "shop-api-1",
            &[(
                "10:04:58",
                "curl: (7) Failed to connect to web port 8080: Connection refused",
            )],
        )
        .facts()
}

/// A server that has ended, and a client that cannot do without it.
fn needed_and_down() -> Facts {
    let ended = json!({
        "image": "redis:7", "status": "exited", "exit_code": 1, "finished": "2026-11-21T10:03:00Z",
    });
    Recording::new()
        .with(at("cache", &ended))
        .with(at("api", &ending(&json!({}))))
        .set(
            "told",
            "shop-api-1",
            json!([address("redis", "cache", 6379)]),
        )
        .said(
            "shop-api-1",
            &[(
                "10:04:58",
                "Could not connect to Redis at cache:6379: Connection refused",
            )],
        )
        .facts()
}

/// A client that `MongoDB` refuses: it brings this password for this database, and the server is told `#1`.
fn mongo(password: &str, database: &str, server_says: &str) -> Facts {
    let text = |text: &str, name: &str| json!({"text": text, "carrier": {"variable": name}});
    let mut brought = address("mongodb", "docs", 27017);
    brought["user"] = text("root", "ADDRESS");
    brought["password"] = text(password, "ADDRESS");
    brought["database"] = text(database, "ADDRESS");
    let own = json!({
        "form": "split", "scheme": "mongodb", "hosts": [], "usage": "dials", "database": null,
        "user": text("root", "MONGO_INITDB_ROOT_USERNAME"), "password": text("#1", "MONGO_INITDB_ROOT_PASSWORD"),
    });
    Recording::new()
        .with(at("api", &ending(&json!({}))))
        .with(at("docs", &json!({
            "image": "mongo:7", "command": ["docker-entrypoint.sh", "mongod"], "exposed": ["27017/tcp"],
            "environment": {"MONGO_INITDB_ROOT_USERNAME": "root", "MONGO_INITDB_ROOT_PASSWORD": "#1"},
            "mounts": [{"target": "/data/db", "kind": "volume", "source": "shop_docs", "writable": true}],
        })))
        .set("told", "shop-api-1", json!([brought]))
        .set("told", "shop-docs-1", json!([own]))
        .said("shop-api-1", &[("10:04:58", "MongoServerError: Authentication failed.")])
        .said("shop-docs-1", &[("10:04:58", server_says)])
        .add("files", json!({"container": "shop-docs-1", "path": "/data/db/WiredTiger", "there": {
            "sort": "file", "mode": 384, "owner": [999, 999], "size_bytes": 50, "modified": "2026-10-02T08:00:00Z",
            "head": null,
        }}))
        .facts()
}

const MISMATCH: &str = r#"{"t":{"$date":"2026-11-21T10:04:58.228+00:00"},"s":"I",  "c":"ACCESS",   "id":20249,   "ctx":"conn3","msg":"Authentication failed","attr":{"principalName":"root","authenticationDatabase":"admin","error":"AuthenticationFailed: SCRAM authentication failed, storedKey mismatch"}}"#;

const UNKNOWN: &str = r#"{"t":{"$date":"2026-11-21T10:04:58.227+00:00"},"s":"I",  "c":"ACCESS",   "id":20249,   "ctx":"conn3","msg":"Authentication failed","attr":{"mechanism":"SCRAM-SHA-256","principalName":"root","authenticationDatabase":"shop","error":"UserNotFound: Could not find user \"root\" for db \"shop\""}}"#;

fn too_large() -> Facts {
    let line = "rpc error: code = ResourceExhausted desc = grpc: received message larger than max (5242880 vs. 4194304)";
    Recording::new()
        .with(at("api", &ending(&json!({}))))
        .said("shop-api-1", &[("10:04:58", line)])
        .facts()
}

fn evicting() -> Facts {
    Recording::new()
        .with(at("cache", &json!({
            "image": "redis:7", "command": ["redis-server", "--maxmemory", "64mb"], "exposed": ["6379/tcp"],
            "health": {"verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "true"], "interval_secs": 5.0,
                "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3, "probes": []},
        })))
        .said(
            "shop-cache-1",
            &[("10:04:58", "1:M 21 Nov 2026 10:04:58.092 # WARNING: the new maxmemory value set via CONFIG SET (67108864) is smaller than the current memory usage (99614720). This will result in key eviction and/or the inability to accept new write commands depending on the maxmemory-policy.")],
        )
        .facts()
}

fn moved() -> Facts {
    Recording::new()
        .with(at("db", &ending(&json!({
            "image": "postgres:18", "command": ["docker-entrypoint.sh", "postgres"], "exposed": ["5432/tcp"],
            "mounts": [{"target": "/var/lib/postgresql/data", "kind": "volume", "source": "shop_data", "writable": true}],
        }))))
        .said(
            "shop-db-1",
            &[("10:04:58", "       Counter to that, there appears to be PostgreSQL data in:")],
        )
        .facts()
}

fn of_another() -> Facts {
    Recording::new()
        .with(at("bus", &ending(&json!({
            "image": "apache/kafka:3.9.1", "environment": {"CLUSTER_ID": "wanted-one"},
            "mounts": [{"target": "/var/lib/kafka/data", "kind": "volume", "source": "shop_bus", "writable": true}],
        }))))
        .said(
            "shop-bus-1",
            &[("10:04:58", "java.lang.RuntimeException: Invalid cluster.id in: /var/lib/kafka/data/meta.properties. Expected wanted-one, but read former-one")],
        )
        .facts()
}

/// Every one of them: the code that has to be found in it, and how sure that may be: certain only where the line on which
/// it rests was seen on a real server.
pub(crate) fn all() -> Vec<(&'static str, Confidence, Facts)> {
    use Confidence::{Certain, Likely};
    vec![
        ("D012", Certain, needed_and_down()),
        ("D020", Certain, namespace()),
        ("D023", Likely, pool()),
        ("D031", Likely, memory_areas()),
        ("D035", Likely, too_early()),
        ("D036", Certain, topic()),
        ("D038", Likely, mongo("#2", "admin", MISMATCH)),
        ("D039", Likely, mongo("#1", "admin", MISMATCH)),
        ("D040", Likely, mongo("#1", "shop", UNKNOWN)),
        ("D047", Certain, evicting()),
        ("D055", Certain, bucket()),
        ("D056", Certain, search_attribute()),
        ("D061", Likely, too_large()),
        ("D067", Certain, listens_nowhere()),
        ("D125", Likely, moved()),
        ("D141", Certain, of_another()),
    ]
}
