//! Queues and channels that two services call otherwise: found by what their server shows, while nobody complains; and
//! topics that are missed, and begin otherwise elsewhere; and who is no job that should have made what is missed.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, Fix, diagnose};
use recording::{Recording, address, at, certain, ending, only, silent};
use serde_json::{Value, json};

const BOARD: &str = "172.20.0.3";
const BIDS: &str = "172.20.0.4";
const MAIL: &str = "172.20.0.5";
const STRANGER: &str = "172.20.0.9";

/// A Redis, and three services that dial it, each with what it is told: its service, the key, the value.
fn stack(settings: &[(&str, &str, &str)], traffic: &Value) -> Facts {
    let carrier = json!({"variable": "BUS"});
    let dials = json!([{
        "form": "host_ports", "scheme": null, "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": "bus", "port": {"written": 6379}, "carrier": carrier, "port_carrier": null}],
    }]);
    let mut recording = Recording::new()
        .with(at(2, "bus", &json!({"image": "redis:7"})))
        .add(
            "asked",
            json!({
                "from": "shop-bus-1", "server": "shop-bus-1", "address": "172.20.0.2", "port": 6379,
                "at": "2026-11-21T10:05:00Z", "outcome": {"let_in": {"by_password": false}},
                "answer": {"redis": {"limit_bytes": 0, "traffic": traffic}},
            }),
        );
    for (host, service) in [(3, "board"), (4, "bids"), (5, "mail")] {
        let of_it = settings.iter().filter(|(of, ..)| *of == service);
        let told: Value = of_it
            .map(|(_, key, value)| {
                let carrier = json!({"variable": key.to_uppercase()});
                json!({"key": key, "value": {"text": value, "carrier": carrier}})
            })
            .collect();
        let name = format!("shop-{service}-1");
        recording = recording
            .with(at(host, service, &json!({})))
            .set("told", &name, dials.clone())
            .set("settings", &name, told);
    }
    recording.facts()
}

fn talker(remote: &str, last: &str) -> Value {
    json!({"remote": remote, "last": last, "listens": last == "subscribe", "count": 1})
}

/// What `D036` says of it: whose setting it is, or nothing.
fn blamed(settings: &[(&str, &str, &str)], traffic: &Value) -> Option<String> {
    let facts = stack(settings, traffic);
    if diagnose(&facts).causes.is_empty() {
        silent(&facts);
        return None;
    }
    let finding = only(&facts);
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D036", Confidence::Likely)
    );
    let culprit = finding.culprit;
    Some(format!("{} {}", culprit.name, culprit.field.unwrap()))
}

const IT: Option<&str> = Some("board environment.CHANNEL");

#[test]
fn who_listens_where_nobody_speaks_is_found_by_what_the_server_shows() {
    let differ = [
        ("board", "channel", "hall.b"),
        ("bids", "channel", "hall.a"),
    ];
    let traffic = |clients: Vec<Value>, patterns: u64, channels: &[&str]| json!({"channels": channels, "patterns": patterns, "clients": clients});
    let board = || talker(BOARD, "subscribe");
    let others_too = [differ[0], differ[1], ("mail", "channel", "hall.b")];
    let other_key = [differ[0], ("bids", "level", "debug")];
    for (settings, traffic, expected) in [
        (&differ[..], traffic(vec![board()], 0, &["hall.b"]), IT),
        // A pattern takes in whatever comes, and a stranger may listen to anything.
        (&differ, traffic(vec![board()], 1, &["hall.b"]), None),
        (
            &differ,
            traffic(vec![board(), talker(STRANGER, "subscribe")], 0, &["hall.b"]),
            None,
        ),
        (
            &differ,
            traffic(
                vec![board(), talker(MAIL, "subscribe")],
                0,
                &["hall.a", "hall.b"],
            ),
            None,
        ),
        (&differ, traffic(vec![], 0, &["hall.b"]), None),
        (&others_too, traffic(vec![board()], 0, &["hall.b"]), None),
        (&other_key, traffic(vec![board()], 0, &["hall.b"]), None),
    ] {
        let found = blamed(settings, &traffic);
        assert_eq!(found.as_deref(), expected, "{settings:?} {traffic}");
    }
}

#[test]
fn who_takes_from_an_empty_queue_is_found_while_another_one_fills() {
    let differ = [
        ("board", "channel", "deliveries"),
        ("bids", "channel", "orders"),
    ];
    let left = |clients: Vec<Value>, queues: &[&str]| {
        let queues = queues.iter();
        let queues = queues.map(|name| json!({"database": 1, "name": name, "length": 14}));
        json!({"queues": queues.collect::<Vec<_>>(), "clients": clients})
    };
    let board = || talker(BOARD, "brpop");
    for (traffic, expected) in [
        (left(vec![board()], &["queue:orders"]), IT),
        (
            left(vec![board(), talker(BIDS, "lpush")], &["bull:orders:wait"]),
            IT,
        ),
        // Nobody takes at all, another one may take from there, or there is work in both.
        (left(vec![talker(BOARD, "get")], &["queue:orders"]), None),
        (
            left(vec![board(), talker(MAIL, "brpop")], &["queue:orders"]),
            None,
        ),
        (
            left(vec![board()], &["queue:deliveries", "queue:orders"]),
            None,
        ),
        (left(vec![board()], &[]), None),
    ] {
        let found = blamed(&differ, &traffic);
        assert_eq!(found.as_deref(), expected, "{traffic}");
    }
}

/// What dials a Kafka.
fn to_kafka() -> Value {
    let carrier = json!({"variable": "ADDRESS"});
    json!([{
        "form": "host_ports", "scheme": "kafka", "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": "bus", "port": {"written": 9092}, "carrier": carrier, "port_carrier": null}],
    }])
}

/// A Kafka, a reader that misses a topic, and a writer, both with their variables.
fn missing(topic: &str, reads: &Value, writes: &Value) -> Recording {
    let line = format!(
        "[2026-11-21 10:04:58,982] WARN [Consumer clientId=one, groupId=two] The metadata response from the cluster reported a recoverable issue with correlation id 2 : {{{topic}=UNKNOWN_TOPIC_OR_PARTITION}} (org.apache.kafka.clients.NetworkClient)"
    );
    Recording::new()
        .with(at(2, "bus", &json!({"image": "apache/kafka:3.9.1"})))
        .with(at(3, "reader", &ending(&json!({"environment": reads}))))
        .with(at(4, "writer", &json!({"environment": writes})))
        .set("told", "shop-reader-1", to_kafka())
        .said("shop-reader-1", &[("10:04:58", line.as_str())])
}

#[test]
fn names_that_begin_otherwise_may_be_of_two_topics() {
    let pipeline = json!({"INPUT_TOPIC": "raw.orders", "OUTPUT_TOPIC": "clean.orders"});
    for (topic, reads, writes) in [
        (
            "orders.created",
            json!({"SERVICE_NAME": "orders"}),
            json!({"SERVICE_NAME": "billing"}),
        ),
        (
            "raw.orders",
            json!({"INPUT_TOPIC": "raw.orders"}),
            json!({"OUTPUT_TOPIC": "clean.orders"}),
        ),
        (
            "raw.orders",
            pipeline,
            json!({"INPUT_TOPIC": "clean.orders"}),
        ),
        // The prefix ends within a word.
        (
            "developments",
            json!({"TOPIC_PREFIX": "dev"}),
            json!({"TOPIC_PREFIX": "prod"}),
        ),
    ] {
        let finding = only(&missing(topic, &reads, &writes).facts());
        assert_eq!(
            (finding.code.0, finding.confidence),
            ("D036", Confidence::Likely),
            "{reads}"
        );
        assert_eq!(finding.fix.unwrap().edits, [], "{reads}");
    }
    for (topic, own, theirs) in [
        ("dev_orders", "dev_", "prod_"),
        ("dev.orders", "dev", "prod"),
    ] {
        let reads = json!({"TOPIC_PREFIX": own});
        let facts = missing(topic, &reads, &json!({"TOPIC_PREFIX": theirs})).facts();
        let finding = certain(&facts);
        assert_eq!(finding.code.0, "D036");
        assert_ne!(finding.fix.unwrap().edits, [], "{own}");
    }
}

#[test]
fn a_topic_that_a_job_could_not_make_is_not_hidden_by_another_name_that_may_be_meant() {
    const REFUSED: &str = "Error while executing topic command : The target replication factor of 3 cannot be reached";
    let done = json!({"status": "exited", "finished": "2026-11-21T10:00:05Z"});
    let facts = missing(
        "orders.created",
        &json!({"SERVICE_NAME": "orders"}),
        &json!({"SERVICE_NAME": "billing"}),
    )
    .with(at(5, "topics", &done))
    .declared("topics", &json!({}))
    .declared(
        "reader",
        &json!({"depends_on": {"topics": "service_completed_successfully"}}),
    )
    .set("told", "shop-topics-1", to_kafka())
    .said("shop-topics-1", &[("10:00:04", REFUSED)])
    .facts();
    let causes = diagnose(&facts).causes;
    let culprit = |code: &str| {
        let cause = causes.iter().find(|it| it.code.0 == code);
        cause.map(|it| (it.culprit.name.as_str(), it.confidence))
    };
    assert_eq!(culprit("D055"), Some(("topics", Confidence::Likely)));
    assert_eq!(culprit("D036"), Some(("reader", Confidence::Likely)));
}

/// What `D142` says of `api`, which ended because a table is not there, and `worker`, which ended with this line: who is
/// to blame, and whether a command mends it.
fn without_tables(worker: &str, more: &Value) -> Vec<(String, Confidence, bool)> {
    let ended = json!({"status": "exited", "exit_code": 1, "finished": "2026-11-21T10:04:59Z"});
    let told = json!([address(
        "DATABASE_URL",
        "postgresql",
        "db",
        5432,
        Some("books")
    )]);
    let line = r#"ERROR:  relation "users" does not exist at character 15"#;
    let facts = Recording::new()
        .with(at(2, "db", &json!({"image": "postgres:15"})))
        .with(at(3, "api", &ended))
        .with(at(4, "worker", &ended))
        .with(at(5, "report", &json!({})))
        .declared("worker", &json!({}))
        .declared("report", more)
        .set("told", "shop-api-1", told.clone())
        .set("told", "shop-worker-1", told)
        .said("shop-api-1", &[("10:04:58", line)])
        .said("shop-worker-1", &[("10:04:58", worker)])
        .facts();
    let causes = diagnose(&facts).causes.into_iter();
    let causes = causes.filter(|it| it.code.0 == "D142");
    let has_command = |fix: Fix| !fix.command.is_empty();
    let mut blamed: Vec<_> = causes
        .map(|it| {
            (
                it.culprit.name,
                it.confidence,
                it.fix.is_some_and(has_command),
            )
        })
        .collect();
    blamed.sort();
    blamed
}

#[test]
fn who_misses_a_table_itself_is_not_the_job_that_makes_it() {
    let likely = |name: &str| (name.to_owned(), Confidence::Likely, false);
    for table in ["users", "orders"] {
        let line = format!(r#"ERROR:  relation "{table}" does not exist at character 15"#);
        let found = without_tables(&line, &json!({}));
        assert_eq!(found, [likely("api"), likely("worker")], "{table}");
    }
    // Any program may end that nobody starts again. It is a job where somebody waits for its end.
    let other = "KeyError: 'GREETING'";
    let found = without_tables(other, &json!({}));
    assert_eq!(found, [likely("worker")]);
    let waits = json!({"depends_on": {"worker": "service_completed_successfully"}});
    let found = without_tables(other, &waits);
    assert_eq!(found, [("worker".to_owned(), Confidence::Certain, true)]);
}
