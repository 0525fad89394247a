//! Clients that say that a call failed, and not whose.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, diagnose};
use recording::{Recording, address, at, ending};
use serde_json::{Value, json};

/// `api` ends again and again with such a line. It was told to dial `cache`, whose name has a slip, a `web` on its own
/// loopback, a `trace` behind a profile that nobody asked for, and `db`, which runs or does not.
fn failing(line: &str, is_db_there: bool) -> Recording {
    let db = if is_db_there { "running" } else { "exited" };
    let told = json!([
        address("CACHE_URL", "redis", "cahce", 6379, None),
        address("FRONTEND_URL", "http", "localhost", 3000, None),
        address("TRACE_URL", "http", "trace", 4318, None),
        address("DATABASE_URL", "postgres", "db", 5432, None),
    ]);
    Recording::new()
        .with(at(2, "api", &ending(&json!({}))))
        .with(at(3, "cache", &json!({})))
        .with(at(4, "web", &json!({})))
        .with(at(5, "db", &json!({"status": db, "exit_code": 1})))
        .declared(
            "trace",
            &json!({"is_enabled": false, "profiles": ["trace"]}),
        )
        .set("told", "shop-api-1", told)
        .set("insides", "shop-web-1", listening(3000))
        .set("insides", "shop-db-1", listening(5432))
        .add("tried", unknown("cahce"))
        .said("shop-api-1", &[("10:04:59", line)])
}

fn listening(port: u16) -> Value {
    json!({"listeners": [{"port": port, "address": "0.0.0.0", "protocol": "tcp"}]})
}

fn unknown(name: &str) -> Value {
    json!({"from": "shop-api-1", "host": name, "name": "no_such_name", "dialled": []})
}

/// The codes that are certain, and those that are not.
fn found(recording: &Recording) -> (Vec<&'static str>, Vec<&'static str>) {
    let causes = diagnose(&recording.facts()).causes;
    let (sure, other): (Vec<_>, Vec<_>) = causes
        .into_iter()
        .partition(|it| it.confidence == Confidence::Certain);
    let codes = |causes: Vec<bowline_doctor::Finding>| causes.iter().map(|it| it.code.0).collect();
    (codes(sure), codes(other))
}

#[test]
fn words_that_name_nobody_are_no_proof_against_one_of_several_who_are_in_trouble() {
    let (sure, _) = found(&failing("Name or service not known", false));
    for code in ["D053", "D146", "D092"] {
        assert!(!sure.contains(&code), "{sure:?}");
    }
    let (sure, _) = found(&failing("Connection refused", false));
    for code in ["D053", "D146", "D092"] {
        assert!(!sure.contains(&code), "{sure:?}");
    }
}

#[test]
fn words_that_name_somebody_are_a_proof() {
    let line = r#"could not translate host name "cahce" to address: Name or service not known"#;
    let (sure, _) = found(&failing(line, true));
    assert_eq!(sure, ["D053"]);
    let line = "connect ECONNREFUSED 127.0.0.1:3000";
    let (sure, _) = found(&failing(line, true));
    assert_eq!(sure, ["D092"]);
}

/// Many are told where a browser finds somebody.
#[test]
fn an_own_loopback_that_nobody_speaks_of_is_no_cause_while_something_else_fails() {
    let line = r#"connection to server at "db" (172.20.0.5), port 5432 failed: Connection refused"#;
    let (sure, other) = found(&failing(line, false));
    assert!(
        !sure.contains(&"D092") && !other.contains(&"D092"),
        "{sure:?} {other:?}"
    );
}

/// The kernel counts the calls of people and of earlier looks as well.
#[test]
fn a_few_attempts_in_some_minutes_are_not_those_of_who_needs_an_answer() {
    let quiet = |attempts: u32| {
        Recording::new()
            .with(at(2, "api", &json!({})))
            .with(at(3, "stats", &json!({})))
            .set(
                "told",
                "shop-api-1",
                json!([address("STATS_URL", "http", "stats", 8125, None)]),
            )
            .set("insides", "shop-stats-1", listening(8126))
            .set(
                "insides",
                "shop-api-1",
                json!({"listeners": [], "failed_attempts": attempts}),
            )
    };
    assert_eq!(found(&quiet(3)), (vec![], vec![]));
    assert_eq!(found(&quiet(60)), (vec![], vec!["D054"]));
}
