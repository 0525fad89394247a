//! Brokers that give their clients addresses which these cannot reach.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, diagnose};
use recording::{Recording, address, at, ending, only, says};
use serde_json::json;

#[test]
fn a_broker_that_announces_an_address_of_its_own_sends_its_clients_there() {
    let line = "Error: connect ECONNREFUSED localhost:9092";
    let announced = json!({"variable": "KAFKA_ADVERTISED_LISTENERS"});
    let recording = |announces: &str| {
        Recording::new()
            .with(at(2, "broker", &json!({})))
            .with(at(3, "api", &ending(&json!({}))))
            .set("told", "shop-api-1", json!([address("BOOTSTRAP_URL", "kafka", "broker", 9092, None)]))
            .set("told", "shop-broker-1", json!([{
                "form": "url", "scheme": "plaintext", "user": null, "password": null, "database": null,
                "usage": "announces",
                "hosts": [{"name": announces, "port": {"written": 9092}, "carrier": announced, "port_carrier": announced}],
            }]))
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    let expected = (
        "D037",
        "broker",
        Some("environment.KAFKA_ADVERTISED_LISTENERS"),
    );
    says(
        &recording("localhost"),
        expected,
        "sends its clients to `localhost`",
    );
    let causes = diagnose(&recording("broker")).causes;
    assert!(
        causes.iter().all(|cause| cause.code.0 != "D037"),
        "{causes:#?}"
    );
}

#[test]
fn who_asks_the_listener_for_those_outside_is_to_blame_where_there_is_one_for_the_stack() {
    let listener = |usage: &str, of: &str, host: &str, port: u16| {
        let variable = match usage {
            "listens" => json!({"variable": "KAFKA_LISTENERS"}),
            _ => json!({"variable": "KAFKA_ADVERTISED_LISTENERS"}),
        };
        json!({
            "form": "url", "scheme": of, "user": null, "password": null, "database": null,
            "usage": usage,
            "hosts": [{"name": host, "port": {"written": port}, "carrier": variable, "port_carrier": variable}],
        })
    };
    let recording = |inner: &str, line: &str| {
        Recording::new()
            .with(at(2, "broker", &json!({})))
            .with(at(3, "api", &ending(&json!({}))))
            .set(
                "told",
                "shop-api-1",
                json!([address("BOOTSTRAP_URL", "kafka", "broker", 29092, None)]),
            )
            .set(
                "told",
                "shop-broker-1",
                json!([
                    listener("announces", "inner", inner, 9092),
                    listener("announces", "outer", "localhost", 24181),
                    listener("listens", "inner", "", 9092),
                    listener("listens", "outer", "", 29092),
                ]),
            )
            .said("shop-api-1", &[("10:04:58", line)])
            .facts()
    };
    let refused = "Error: connect ECONNREFUSED localhost:24181";
    let finding = only(&recording("broker", refused));
    assert_eq!(
        (finding.code.0, &*finding.culprit.name),
        ("D037", "api"),
        "{finding:#?}"
    );
    assert_eq!(finding.confidence, Confidence::Certain);
    assert!(finding.claim.contains("`broker:9092`"), "{}", finding.claim);
    // Where no listener is there for the stack, it is the broker's mistake.
    let finding = only(&recording("localhost", refused));
    assert_eq!(&*finding.culprit.name, "broker");
    // Whatever words its program has for it: the listener that it asks leads it to itself.
    let finding = only(&recording("broker", "no luck with the queue today"));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D037", Confidence::Likely)
    );
}
