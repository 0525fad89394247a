//! What follows from facts: each rule, its look-alikes, and what is left of a claim when a fact is taken away.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, Look, Unseen, WhyUnseen, diagnose, replay};
use recording::{Recording, certain, container, event_of};
use serde_json::{Value, json};

/// The facts of one container, `shop-api-1`, that nothing is wrong with; `changes` are laid over it.
fn facts(changes: &Value, events: &[Value]) -> Facts {
    let begin = [
        event("create", 0, &json!({})),
        event("start", 1, &json!({})),
    ];
    Recording::new()
        .with(container("api", changes))
        .heard(begin)
        .heard(events.to_vec())
        .facts()
}

/// Something that the engine reported of it `second`s after ten o'clock.
fn event(action: &str, second: u32, more: &Value) -> Value {
    event_of("shop-api-1", &json!(action), second, more)
}

fn kill(signal: &str, second: u32) -> Value {
    event("kill", second, &json!({"signal": signal}))
}

fn die(code: i64, second: u32) -> Value {
    event("die", second, &json!({"code": code}))
}

fn oom(second: u32) -> Value {
    event("oom", second, &json!({}))
}

fn exited(code: i64) -> Value {
    json!({"status": "exited", "exit_code": code, "finished": "2026-11-21T10:00:20Z"})
}

fn with_limit(mut changes: Value) -> Value {
    changes["limits"] = json!({"memory_bytes": 67_108_864, "nano_cpus": null, "pids": null});
    changes
}

/// Killed for want of memory.
fn limit_reached() -> Facts {
    let mut changes = with_limit(exited(137));
    changes["oom_killed"] = json!(true);
    facts(&changes, &[oom(19), die(137, 20)])
}

/// A child was; the main process goes on.
fn child_killed() -> Facts {
    facts(&with_limit(json!({})), &[oom(19)])
}

/// Told to stop, and killed 10 s later.
fn ignored_stop() -> Facts {
    facts(&exited(137), &[kill("15", 9), kill("9", 19), die(137, 20)])
}

/// Killed by somebody.
fn killed() -> Facts {
    facts(&exited(137), &[kill("9", 19), die(137, 20)])
}

#[test]
fn the_four_causes_of_137_are_told_apart_by_what_happened_before() {
    for (facts, code, field, part) in [
        (limit_reached(), "D032", Some("mem_limit"), "64 MiB"),
        (child_killed(), "D113", Some("mem_limit"), "64 MiB"),
        (ignored_stop(), "D114", Some("stop_signal"), "within 10 s"),
        (killed(), "D115", None, "through the engine"),
    ] {
        let finding = certain(&facts);
        assert_eq!(finding.code.0, code);
        assert_eq!(finding.culprit.name, "api");
        assert_eq!(finding.culprit.field.as_deref(), field);
        assert!(finding.claim.contains(part), "{}", finding.claim);
        certain(&facts);
    }
}

#[test]
fn a_signal_that_is_a_message_tells_nobody_to_stop() {
    // It read its files again, and failed later for another reason.
    let failed = diagnose(&facts(&exited(1), &[kill("1", 9), die(1, 20)])).failing;
    let failed: Vec<&str> = failed.iter().map(|it| it.service.as_str()).collect();
    assert_eq!(failed, ["api"]);
    let events = [kill("1", 9), kill("9", 19), die(137, 20)];
    assert_eq!(certain(&facts(&exited(137), &events)).code.0, "D115");
    // Its own stop signal is no mere message, however it is written.
    for (own, sent) in [("SIGHUP", "1"), ("SIGRTMIN+3", "37"), ("12", "SIGUSR2")] {
        let mut changes = exited(137);
        changes["stop_signal"] = json!(own);
        let events = [kill(sent, 9), kill("9", 19), die(137, 20)];
        assert_eq!(certain(&facts(&changes, &events)).code.0, "D114", "{own}");
    }
}

#[test]
fn a_complaint_that_no_cause_is_about_is_told_and_claims_nothing() {
    let line = "invoice 7 failed for good";
    let complains = |changes: &Value, second: &str| {
        let facts = Recording::new()
            .with(container("api", changes))
            .said("shop-api-1", &[(second, line)])
            .facts();
        let diagnosis = diagnose(&facts);
        assert_eq!(diagnosis.causes, []);
        let complaints = diagnosis.complaints.into_iter();
        complaints.map(|it| it.text).collect::<Vec<_>>()
    };
    let told = [format!("shop-api-1 log: {line}")];
    assert_eq!(complains(&json!({}), "10:04:58"), told);
    // Long ago; by a server, of whomever it refused; and by one whose end is told already.
    assert_eq!(complains(&json!({}), "10:02:00"), <[String; 0]>::default());
    let server = json!({"image": "redis:7"});
    assert_eq!(complains(&server, "10:04:58"), <[String; 0]>::default());
}

#[test]
fn where_the_engine_has_forgotten_nothing_about_a_kill_is_certain() {
    for mut facts in [ignored_stop(), killed(), limit_reached()] {
        facts.events.clear();
        let text = bowline_doctor::record(&facts).replacen(
            "\"unseen\": []",
            r#""unseen": [{"look": {"events": {"before": "2026-11-21T10:04:00Z"}}, "cause": "forgotten"}]"#,
            1,
        );
        for finding in diagnose(&replay(&text).unwrap()).causes {
            assert_ne!(finding.confidence, Confidence::Certain, "{finding:#?}");
        }
    }
}

#[test]
fn a_kill_that_the_engine_knows_nothing_of_is_no_certainty() {
    let found = diagnose(&facts(&exited(137), &[die(137, 20)])).causes;
    let [finding] = &*found else {
        panic!("{found:#?}");
    };
    assert_eq!(finding.code.0, "D115");
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(
        finding.claim.contains("outside of the engine"),
        "{}",
        finding.claim
    );
    assert_eq!(finding.not_ruled_out.len(), 1, "{finding:#?}");
}

#[test]
fn a_likely_cause_names_the_command_that_would_decide_it_and_a_certain_one_none() {
    let next = |mut facts: Facts, unseen: Option<(Look, WhyUnseen)>| {
        let unseen = unseen.map(|(look, cause)| Unseen { look, cause });
        facts.unseen.extend(unseen);
        let decide = diagnose(&facts).causes.remove(0).decide;
        decide.map(|next| next.command.join(" "))
    };
    let likely = || facts(&exited(137), &[die(137, 20)]);
    assert_eq!(next(likely(), None), None);
    let denied = || WhyUnseen::Denied("no permission to see the log of the kernel".to_owned());
    assert_eq!(
        next(likely(), Some((Look::KernelLog, denied()))).as_deref(),
        Some("sudo bowline doctor --only D115")
    );
    let log = |container: &str| Some((Look::Log(container.to_owned()), WhyUnseen::NotWanted));
    assert_eq!(
        next(likely(), log("shop-api-1")).as_deref(),
        Some("bowline doctor --only D115")
    );
    // What is missing of others decides nothing here.
    assert_eq!(next(likely(), log("shop-web-1")), None);
    assert_eq!(next(killed(), log("shop-api-1")), None);
}

#[test]
fn a_kill_that_nobody_sent_points_at_the_limit_where_there_is_one() {
    let found = diagnose(&facts(&with_limit(exited(137)), &[die(137, 20)])).causes;
    let [finding] = &*found else {
        panic!("{found:#?}");
    };
    assert_eq!(finding.code.0, "D032");
    assert_eq!(finding.confidence, Confidence::Likely);
    let open: Vec<_> = finding.not_ruled_out.iter().map(|code| code.0).collect();
    assert_eq!(open, ["D115"]);
}

#[test]
fn an_end_with_success_that_is_repeated_is_a_wrong_policy() {
    let changes = json!({
        "status": "restarting", "restarts": 7, "restart_policy": "always", "finished": "2026-11-21T10:00:02Z",
    });
    let facts = Recording::new()
        .with(container("api", &changes))
        .heard([event("start", 1, &json!({})), die(0, 2)])
        .said("shop-api-1", &[])
        .facts();
    let finding = certain(&facts);
    assert_eq!(finding.code.0, "D135");
    assert_eq!(finding.culprit.field.as_deref(), Some("restart"));
    certain(&facts);
}

#[test]
fn a_program_that_is_not_in_the_image_is_named() {
    for error in [
        r#"failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: exec: "serve": executable file not found in $PATH: unknown"#,
        r#"OCI runtime create failed: container_linux.go:380: starting container process caused: exec: "serve": stat serve: no such file or directory: unknown"#,
    ] {
        let changes =
            json!({"status": "created", "exit_code": 127, "error": error, "started": null});
        let facts = facts(&changes, &[]);
        let finding = certain(&facts);
        assert_eq!(finding.code.0, "D072");
        assert!(
            finding
                .claim
                .starts_with("`serve` is not in the image `busy:1`"),
            "{}",
            finding.claim
        );
        certain(&facts);
    }
    let mount = r#"error mounting "/srv/x" to rootfs at "/etc/x": mount: not a directory: exec: "x": no such file or directory: unknown"#;
    let changes = json!({"status": "created", "exit_code": 127, "error": mount, "started": null});
    assert_eq!(diagnose(&facts(&changes, &[])).causes, []);
}

#[test]
fn a_healthcheck_whose_program_is_missing_says_nothing_about_its_service() {
    let health = |code: i64, output: &str, test: &[&str]| {
        json!({"health": {
            "verdict": "unhealthy", "failing_streak": 3, "test": test, "interval_secs": 5.0, "timeout_secs": 3.0,
            "start_period_secs": 0.0, "retries": 3,
            "probes": [{"at": "2026-11-21T10:00:06Z", "exit_code": code, "output": output}],
        }})
    };
    for (code, output, test) in [
        (
            127,
            "/bin/sh: 1: curl: not found",
            ["CMD-SHELL", "curl -f http://localhost/"],
        ),
        (
            -1,
            r#"OCI runtime exec failed: exec: "curl": executable file not found in $PATH: unknown"#,
            ["CMD", "curl"],
        ),
    ] {
        let facts = facts(&health(code, output, &test), &[]);
        let finding = certain(&facts);
        assert_eq!(finding.code.0, "D017");
        assert!(
            finding.claim.contains("`curl` is not in the image"),
            "{}",
            finding.claim
        );
        certain(&facts);
    }
    // The name is the one that the probe gives, and not the first of the line.
    let piped = "wget -qO- http://localhost/ | jq -e .ok";
    for (output, named, confidence) in [
        ("sh: jq: not found", "`jq` is not", Confidence::Certain),
        (
            "bash: line 1: jq: command not found",
            "`jq` is not",
            Confidence::Certain,
        ),
        (
            "what it wants was not found there",
            "`wget` is not",
            Confidence::Likely,
        ),
    ] {
        let found = diagnose(&facts(&health(127, output, &["CMD-SHELL", piped]), &[])).causes;
        let [finding] = &*found else {
            panic!("{found:#?}");
        };
        let (code, sure) = (finding.code.0, finding.confidence);
        assert_eq!((code, sure), ("D017", confidence), "{output}");
        assert!(finding.claim.contains(named), "{}", finding.claim);
    }
    let refused = health(
        7,
        "curl: (7) Failed to connect: not found",
        &["CMD", "curl"],
    );
    assert_eq!(diagnose(&facts(&refused, &[])).causes, []);
}

#[test]
fn what_is_fine_or_only_odd_gives_no_finding() {
    for (changes, events) in [
        (json!({}), vec![]),
        (
            json!({"status": "exited", "finished": "2026-11-21T10:00:02Z"}),
            vec![die(0, 2)],
        ),
        (with_limit(json!({})), vec![]),
        (json!({"restarts": 1, "restart_policy": "always"}), vec![]),
        (
            json!({"status": "paused"}),
            vec![event("pause", 9, &json!({}))],
        ),
        (exited(0), vec![kill("15", 9), die(0, 10)]),
        (exited(143), vec![kill("15", 9), die(143, 10)]),
        (
            json!({"is_one_off": true, "status": "exited", "exit_code": 137}),
            vec![kill("9", 9), die(137, 10)],
        ),
    ] {
        let diagnosis = diagnose(&facts(&changes, &events));
        assert_eq!(diagnosis.causes, [], "{changes}");
        assert_eq!(diagnosis.failing, [], "{changes}");
    }
}
