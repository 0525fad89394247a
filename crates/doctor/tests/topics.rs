//! Queues and channels that two services call otherwise: found by what their server shows, while nobody complains.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts};
use recording::{Recording, container, only, silent};
use serde_json::{Value, json};

const BOARD: &str = "172.20.0.3";
const BIDS: &str = "172.20.0.4";
const MAIL: &str = "172.20.0.5";
const STRANGER: &str = "172.20.0.9";

fn at(host: u8, service: &str, changes: &Value) -> Value {
    let mut container = container(service, changes);
    container["endpoints"] = json!({"shop_default": {
        "aliases": [service], "ipv4": format!("172.20.0.{host}"), "ipv6": null, "wanted_ipv4": null,
    }});
    container
}

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
    if bowline_doctor::diagnose(&facts).causes.is_empty() {
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
