//! What a user's own recipes change in a diagnosis, and what they never make certain.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, lint, replay};
use recording::{Recording, container, only, silent};
use serde_json::{Value, json};

const TILL: &str = r#"
about = "the shop's till"
[match]
images = ["acme/till"]
[[data]]
folder = "/var/lib/till"
[[port]]
number = 7070
[[line]]
says = "password_refused"
by = "server"
match = 'the cashier is sent away'
proof = "live"
"#;

/// A recording that was made where a recipe for tills is.
fn with_till(recording: Recording) -> Recording {
    recording.add("recipes", json!({"name": "till", "text": TILL}))
}

/// A till whose healthcheck logs in with a variable of the host that nobody set.
fn checked(output: &str) -> Recording {
    let health = json!({
        "verdict": "unhealthy", "failing_streak": 9, "test": ["CMD-SHELL", "tillctl --password= ask"],
        "interval_secs": 2.0, "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3,
        "probes": [{"at": "2026-11-21T10:04:58Z", "exit_code": 1, "output": output}],
    });
    let till = json!({"image": "acme/till:3", "health": health});
    let empty = json!({"name": "CASHIER", "fields": ["services.till.healthcheck.test.1"]});
    Recording::new()
        .with(container("till", &till))
        .add("empty_variables", empty)
}

#[test]
fn a_check_that_is_refused_in_the_words_of_ones_own_recipe_is_likely_wrong_itself() {
    let sure = |facts: &Facts| {
        let finding = only(facts);
        (finding.code.0, finding.confidence)
    };
    let own = with_till(checked("the cashier is sent away")).facts();
    assert_eq!(sure(&own), ("D041", Confidence::Likely));
    // In words that bowline knows from a real program it is certain, with the recipe or without.
    let known = "psql: error: FATAL:  password authentication failed for user \"till\"";
    for recording in [checked(known), with_till(checked(known))] {
        assert_eq!(sure(&recording.facts()), ("D041", Confidence::Certain));
    }
}

#[test]
fn a_port_of_ones_own_server_of_data_is_open_to_everybody() {
    let published = json!({"image": "acme/till:3", "published": [["", "7070", 7070]]});
    let recording = || {
        Recording::new()
            .with(container("till", &json!({"image": "acme/till:3"})))
            .declared("till", &published)
    };
    let is_told = |facts: &Facts| {
        let risks = lint(facts);
        silent(facts);
        risks.iter().any(|risk| risk.field == "services.till.ports")
    };
    assert!(!is_told(&recording().facts()));
    assert!(is_told(&with_till(recording()).facts()));
}

#[test]
fn a_recording_without_recipes_is_read_and_one_with_a_broken_one_is_none() {
    let facts = |recipes: Value| {
        let mut recording = json!({"bowline_facts": 1, "facts": {
            "at": "2026-11-21T10:05:00Z", "project": "shop", "needs": {}, "containers": [], "networks": [],
            "volumes": [], "events": [], "logs": {}, "unseen": [],
        }});
        if !recipes.is_null() {
            recording["facts"]["recipes"] = recipes;
        }
        replay(&recording.to_string())
    };
    assert!(facts(Value::Null).unwrap().recipes.is_empty());
    let error = facts(json!([{"name": "till", "text": "about = 'a till'\nport = 1\n"}]));
    assert_eq!(
        error.unwrap_err().to_string(),
        "this is no recording of facts: recipes/till/recipe.toml:2:8: invalid type: integer `1`, expected a sequence"
    );
}
