//! Data that belongs to another server than the one that has it, and topics that a job did not make.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, diagnose};
use recording::{Recording, at, certain, only};
use serde_json::{Value, json};

/// That a service is told to dial another one.
fn dials(server: &str, port: u16) -> Value {
    let carrier = json!({"variable": "SERVER"});
    json!([{
        "form": "host_ports", "scheme": null, "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": server, "port": {"written": port}, "carrier": carrier, "port_carrier": null}],
    }])
}

fn on_volume(name: &str, target: &str) -> Value {
    json!([{"target": target, "kind": "volume", "source": name, "writable": true}])
}

/// A standby that refuses what its primary has, which began anew at some time.
fn standby(anew: &str) -> Facts {
    let refusal = "2026-11-21 10:04:58.334 UTC [95] FATAL:  database system identifier differs between the primary and standby";
    let data = "/var/lib/postgresql/data";
    Recording::new()
        .with(at(
            2,
            "db",
            &json!({"image": "postgres:15", "mounts": on_volume("shop_db", data)}),
        ))
        .with(at(
            3,
            "copy",
            &json!({"image": "postgres:15", "mounts": on_volume("shop_copy", data)}),
        ))
        .set("told", "shop-copy-1", dials("db", 5432))
        .said("shop-copy-1", &[("10:04:58", refusal)])
        .said(
            "shop-db-1",
            &[(
                anew,
                "PostgreSQL init process complete; ready for start up.",
            )],
        )
        .facts()
}

#[test]
fn a_standby_of_a_former_primary_is_certain_where_the_primary_began_anew_since() {
    let facts = standby("10:03:00");
    let finding = certain(&facts);
    assert_eq!(
        (finding.code.0, finding.culprit.name.as_str()),
        ("D141", "shop_copy")
    );
    // Otherwise it may be the address that is wrong.
    let finding = only(&standby("10:00:00"));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D141", Confidence::Likely)
    );
}

/// A RabbitMQ whose container was made at this time, in a volume of 9:00, and a client that misses a queue.
fn broker(created: &str, volume: &str, begins: &str) -> Facts {
    let broker = json!({
        "image": "rabbitmq:3", "id": "c24ecdac8e80aa", "hostname": "c24ecdac8e80",
        "created": format!("2026-11-21T{created}Z"), "started": format!("2026-11-21T{created}Z"),
        "mounts": on_volume("shop_mq", "/var/lib/rabbitmq"),
    });
    let missing = "NOT_FOUND - no queue 'parcels' in vhost '/'";
    Recording::new()
        .with(at(2, "mq", &broker))
        .with(at(3, "rider", &json!({})))
        .with(at(4, "declare", &json!({"status": "exited", "finished": "2026-11-21T10:00:02Z"})))
        .declared("declare", &json!({}))
        .declared("rider", &json!({"depends_on": {"declare": "service_completed_successfully"}}))
        .add("volumes", json!({"name": "shop_mq", "driver": "local", "created": format!("2026-11-21T{volume}Z")}))
        .set("told", "shop-rider-1", dials("mq", 5672))
        .set("told", "shop-declare-1", dials("mq", 5672))
        .said("shop-mq-1", &[("10:04:30", begins)])
        .said("shop-declare-1", &[("10:00:02", "declared")])
        .said("shop-rider-1", &[("10:04:58", missing)])
        .facts()
}

#[test]
fn a_broker_under_another_host_name_is_told_from_a_job_that_did_nothing() {
    const ANEW: &str =
        "[info] <0.223.0> Initialising internal cluster ID to 'rabbitmq-cluster-id-M'";
    let finding = only(&broker("10:04:00", "09:00:00", ANEW));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D141", Confidence::Likely)
    );
    assert_eq!(finding.culprit.name, "mq");
    assert_eq!(finding.culprit.field.as_deref(), Some("hostname"));
    assert_eq!(finding.unchecked, <[&str; 0]>::default());
    for facts in [
        // There was none before it, its volume is as young, or it found its data.
        broker("10:00:00", "09:00:00", ANEW),
        broker("10:04:00", "10:04:10", ANEW),
        broker(
            "10:04:00",
            "09:00:00",
            "[info] <0.223.0> Server startup complete; 0 plugins started.",
        ),
    ] {
        assert_eq!(only(&facts).code.0, "D055");
    }
}

/// A Kafka, a job with what it said, and a reader that misses a topic.
fn topics(job: &str, reads: &str, makes: &str) -> Facts {
    let missing = format!(
        "2026-11-21 10:04:58,149 ERROR kafka.cluster: Topic {reads} not found in cluster metadata"
    );
    let named = |topic: &str| json!({"environment": {"ORDERS_TOPIC": topic}});
    let mut done = named(makes);
    done["status"] = json!("exited");
    done["finished"] = json!("2026-11-21T10:00:05Z");
    Recording::new()
        .with(at(2, "bus", &json!({"image": "apache/kafka:3.9.1"})))
        .with(at(3, "reader", &named(reads)))
        .with(at(4, "topics", &done))
        .declared("topics", &json!({}))
        .declared(
            "reader",
            &json!({"depends_on": {"topics": "service_completed_successfully"}}),
        )
        .set("told", "shop-reader-1", dials("bus", 9092))
        .set("told", "shop-topics-1", dials("bus", 9092))
        .said("shop-topics-1", &[("10:00:04", job)])
        .said("shop-reader-1", &[("10:04:58", &missing)])
        .facts()
}

#[test]
fn a_topic_that_a_job_could_not_make_is_told_from_one_that_is_called_otherwise() {
    const REFUSED: &str = "Error while executing topic command : The target replication factor of 3 cannot be reached";
    let likely = |facts: &Facts| {
        let finding = only(facts);
        assert_eq!(finding.confidence, Confidence::Likely);
        format!("{} {}", finding.code.0, finding.culprit.name)
    };
    assert_eq!(likely(&topics(REFUSED, "orders", "orders")), "D055 topics");
    for job in [REFUSED, "Created topic orders."] {
        assert_eq!(
            likely(&topics(job, "trial-orders", "orders")),
            "D036 reader"
        );
    }
    for facts in [
        topics("Created topic orders.", "orders", "orders"),
        topics("Created topic orders.", "mails", "orders"),
    ] {
        assert_eq!(diagnose(&facts).causes, []);
    }
}
