//! Healthchecks: those that are wrong themselves, and what is told from them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, diagnose};
use recording::{Recording, certain, container, event_of, only, silent};
use serde_json::{Value, json};

/// A healthcheck of `api` with its last probes, two seconds apart.
fn health(verdict: &str, test: &[&str], probes: &[(i64, &str)]) -> Value {
    let made = probes.iter().zip(0..).map(|((code, output), index)| {
        json!({"at": format!("2026-11-21T10:00:{:02}Z", 3 + 2 * index), "exit_code": code, "output": output})
    });
    let failures = probes.iter().rev().take_while(|(code, _)| *code != 0);
    json!({
        "verdict": verdict, "failing_streak": failures.count(), "test": test, "interval_secs": 2.0,
        "timeout_secs": 1.0, "start_period_secs": 1.0, "retries": 3, "probes": made.collect::<Vec<_>>(),
    })
}

fn listens(places: &[(&str, u16)]) -> Value {
    let listeners = places
        .iter()
        .map(|(address, port)| json!({"address": address, "port": port, "protocol": "tcp"}));
    json!({"listeners": listeners.collect::<Vec<_>>()})
}

/// `api` with a healthcheck, and `web` that waits for it and was not started.
fn api(health: &Value, listeners: &[(&str, u16)]) -> Recording {
    Recording::new()
        .with(container("api", &json!({"health": health})))
        .with(container(
            "web",
            &json!({"status": "created", "started": null}),
        ))
        .declared("api", &json!({"has_healthcheck": true}))
        .declared("web", &json!({"depends_on": {"api": "service_healthy"}}))
        .set("insides", "shop-api-1", listens(listeners))
}

fn verdict(word: &str, second: u32) -> Value {
    event_of("shop-api-1", &json!({"health": word}), second, &json!({}))
}

const REFUSED: (i64, &str) = (1, "connect: connection refused");
const CURL: &[&str] = &["CMD", "curl", "-fsS", "http://localhost:8080/"];

/// Everything refused until the healthcheck gave up, and fine since.
fn slow() -> Recording {
    let probes = [REFUSED, REFUSED, REFUSED, REFUSED, (0, "ok")];
    api(&health("healthy", CURL, &probes), &[("0.0.0.0", 8080)])
        .heard([verdict("unhealthy", 8), verdict("healthy", 11)])
}

fn code(facts: &Facts, code: &str) -> bowline_doctor::Finding {
    let finding = certain(facts);
    assert_eq!(finding.code.0, code);
    assert_eq!(finding.culprit.name, "api");
    assert_eq!(finding.culprit.field.as_deref(), Some("healthcheck"));
    finding
}

#[test]
fn one_that_became_healthy_after_it_was_given_up_needs_more_time() {
    let facts = slow().facts();
    let finding = code(&facts, "D010");
    assert!(finding.claim.contains("gives it 7 s"), "{}", finding.claim);
    assert_eq!(finding.affects, ["web"]);
    assert_eq!(finding.chain, [("api".to_owned(), "web".to_owned())]);
    certain(&facts);
}

#[test]
fn what_the_last_operation_noted_of_its_wait_stands_for_a_verdict_that_the_engine_forgot() {
    let probes = [REFUSED, (0, "ok"), (0, "ok")];
    let noted = json!({
        "at": "2026-11-21T10:00:08Z", "service": "api", "step": "wait for shop-api-1 to be healthy",
        "is_wait": true, "error": "unhealthy: 3 failures in a row",
    });
    let facts = api(&health("healthy", CURL, &probes), &[("0.0.0.0", 8080)])
        .add("not_done", noted)
        .facts();
    code(&facts, "D010");
    certain(&facts);
}

#[test]
fn one_that_says_itself_that_it_is_still_starting_was_given_up_too_soon() {
    let test = ["CMD", "pg_isready", "-h", "127.0.0.1"];
    let probes = [(1, "127.0.0.1:5432 - rejecting connections"); 3];
    let facts = api(&health("unhealthy", &test, &probes), &[])
        .said(
            "shop-api-1",
            &[("10:04:55", "FATAL:  the database system is starting up")],
        )
        .facts();
    let finding = only(&facts);
    assert_eq!(finding.code.0, "D010");
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_healthcheck_that_asks_at_a_former_port_is_told_from_a_service_that_is_slow() {
    let dials = |port: u16| {
        json!([{
            "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{
                "name": "api", "port": {"written": port}, "carrier": {"variable": "API_URL"}, "port_carrier": null,
            }],
        }])
    };
    let facts = |port| {
        api(
            &health("unhealthy", CURL, &[REFUSED; 3]),
            &[("0.0.0.0", 9090)],
        )
        .with(container("front", &json!({})))
        .set("told", "shop-front-1", dials(port))
        .facts()
    };
    let finding = code(&facts(9090), "D011");
    assert_eq!(finding.culprit.field.as_deref(), Some("healthcheck"));
    certain(&facts(9090));
    // Everybody asks at that port: it is the service that listens at a wrong one.
    let causes = diagnose(&facts(8080)).causes;
    assert!(
        causes.iter().all(|cause| cause.code.0 != "D011"),
        "{causes:#?}"
    );
}

#[test]
fn a_port_that_the_image_names_may_be_that_of_a_program_which_ended() {
    let sure = |exposed: &[&str], command: &str| {
        let check = ["CMD-SHELL", "cgi-fcgi -bind -connect localhost:9000"];
        let open =
            json!({"container": "80/tcp", "host_ip": "", "host_port": "80", "is_open": true});
        let changes = json!({
            "health": health("unhealthy", &check, &[REFUSED; 3]), "published": [open],
            "exposed": exposed, "command": [command],
        });
        let facts = Recording::new()
            .with(container("api", &changes))
            .declared("api", &json!({"has_healthcheck": true}))
            .set("insides", "shop-api-1", listens(&[("0.0.0.0", 80)]))
            .facts();
        let mut causes = diagnose(&facts).causes.into_iter();
        let found = causes.find(|cause| cause.code.0 == "D011");
        found.unwrap().confidence
    };
    assert_eq!(sure(&["80/tcp"], "serve"), Confidence::Certain);
    for (exposed, command) in [
        (&["80/tcp", "9000/tcp"][..], "serve"),
        (&["80/tcp"], "/srv/start --worker=127.0.0.1:9000"),
        (&["80/tcp"], "/usr/bin/supervisord"),
    ] {
        let confidence = sure(exposed, command);
        assert_eq!(confidence, Confidence::Likely, "{exposed:?}, {command}");
    }
}

#[test]
fn an_empty_test_and_the_first_of_all_moments_are_read_like_others() {
    let mut patient = health("starting", &[], &[REFUSED; 5]);
    patient["start_period_secs"] = json!(600.0);
    let waiting = api(&patient, &[]).said("shop-api-1", &[("10:00:02", "begun")]);
    let mut facts = waiting.facts();
    code(&facts, "D077");
    facts.at = jiff::Timestamp::MIN;
    assert_eq!(diagnose(&facts).containers, 2);
    facts.containers[0].started = Some(jiff::Timestamp::MIN);
    facts.containers[0].status = facts.containers[1].status.clone();
    assert_eq!(diagnose(&facts).containers, 2);
}

#[test]
fn a_loopback_that_nobody_listens_on_is_told_from_one_that_is_taken_for_ipv6() {
    let loopback = api(
        &health("unhealthy", CURL, &[REFUSED; 3]),
        &[("172.18.0.3", 8080)],
    )
    .facts();
    let finding = code(&loopback, "D011");
    assert!(
        finding.claim.contains("172.18.0.3:8080"),
        "{}",
        finding.claim
    );
    assert_eq!(finding.affects, ["web"]);
    certain(&loopback);

    let wget = ["CMD-SHELL", "wget -q --spider http://localhost:8080/"];
    let to_v6 =
        "Connecting to localhost:8080 ([::1]:8080)\nwget: can't connect: Connection refused";
    let v6 = api(
        &health("unhealthy", &wget, &[(1, to_v6); 3]),
        &[("0.0.0.0", 8080)],
    )
    .facts();
    code(&v6, "D089");
    certain(&v6);

    // A probe that says nothing but that it was refused: then it matters what `localhost` is there.
    let refused = api(
        &health("unhealthy", &wget, &[REFUSED; 3]),
        &[("0.0.0.0", 8080)],
    );
    let localhost = |answer: &str| {
        json!({
            "from": "shop-api-1", "host": "localhost", "name": {"addresses": ["127.0.0.1", "::1"]}, "dialled": [
                {"address": "127.0.0.1", "port": 8080, "answer": "connected"},
                {"address": "::1", "port": 8080, "answer": answer},
            ],
        })
    };
    let facts = refused.clone().add("tried", localhost("refused")).facts();
    code(&facts, "D089");
    certain(&facts);
    let facts = refused.add("tried", localhost("connected")).facts();
    assert_eq!(diagnose(&facts).causes, []);
}

#[test]
fn a_probe_that_fails_although_it_reaches_its_service_is_none_of_these() {
    for (places, output) in [
        (&[("0.0.0.0", 8080)][..], "HTTP 500"),
        (&[("::", 8080)], "connecting to [::1]:8080: HTTP 500"),
        (&[("127.0.0.1", 8080)], "HTTP 500"),
    ] {
        let facts = api(&health("unhealthy", CURL, &[(22, output); 3]), places).facts();
        assert_eq!(diagnose(&facts).causes, [], "{places:?}");
    }
}

#[test]
fn a_healthcheck_that_is_never_run_is_told_from_one_that_fails_without_end() {
    let never = api(&health("starting", CURL, &[]), &[("0.0.0.0", 8080)]).facts();
    code(&never, "D083");
    certain(&never);

    let mut patient = health("starting", CURL, &[REFUSED; 5]);
    patient["start_period_secs"] = json!(600.0);
    let endless = api(&patient, &[]).facts();
    let finding = code(&endless, "D077");
    assert!(
        finding.claim.contains("`start_period` of 600 s"),
        "{}",
        finding.claim
    );
    certain(&endless);
}

#[test]
fn probes_that_hang_in_front_of_one_that_listens_are_told_before_long() {
    const HUNG: (i64, &str) = (-1, "Health check exceeded timeout (1s)");
    let young = |probes: &[(i64, &str)], period: f64, listeners: &[(&str, u16)]| {
        let mut patient = health("starting", CURL, probes);
        patient["start_period_secs"] = json!(period);
        let changes = json!({"health": patient, "started": "2026-11-21T10:04:40Z"});
        Recording::new()
            .with(container("api", &changes))
            .with(container(
                "web",
                &json!({"status": "created", "started": null}),
            ))
            .declared("api", &json!({"has_healthcheck": true}))
            .declared("web", &json!({"depends_on": {"api": "service_healthy"}}))
            .set("insides", "shop-api-1", listens(listeners))
            .facts()
    };
    let open: &[(&str, u16)] = &[("0.0.0.0", 8080)];
    let finding = only(&young(&[HUNG, HUNG], 600.0, open));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D077", Confidence::Likely)
    );
    for facts in [
        young(&[HUNG], 600.0, open),
        young(&[HUNG, HUNG], 600.0, &[]),
        young(&[REFUSED, HUNG], 600.0, open),
        // The engine says so itself soon enough.
        young(&[HUNG, HUNG], 40.0, open),
    ] {
        assert_eq!(diagnose(&facts).causes, []);
    }
}

#[test]
fn a_first_probe_that_is_not_due_yet_is_no_cause() {
    let mut slow = health("starting", CURL, &[]);
    slow["interval_secs"] = json!(300.0);
    let facts = Recording::new()
        .with(container("api", &json!({"health": slow})))
        .facts();
    silent(&facts);
}

/// `api` is healthy by a test, and listens nowhere although `client` dials it.
fn hollow(test: &[&str], output: &str, listeners: &[(&str, u16)]) -> Recording {
    let healthy = health("healthy", test, &[(0, output)]);
    let address = json!({
        "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{
            "name": "api", "port": {"written": 8080}, "carrier": {"variable": "API_URL"}, "port_carrier": null,
        }],
    });
    let on_net = json!({"net": {"aliases": ["api"], "ipv4": "172.18.0.3", "ipv6": null, "wanted_ipv4": null}});
    Recording::new()
        .with(container(
            "api",
            &json!({"health": healthy, "endpoints": on_net}),
        ))
        .with(container(
            "client",
            &json!({"endpoints": {"net": {
                "aliases": [], "ipv4": "172.18.0.2", "ipv6": null, "wanted_ipv4": null,
            }}}),
        ))
        .declared("api", &json!({}))
        .declared("client", &json!({}))
        .set("told", "shop-client-1", json!([address]))
        .set("insides", "shop-api-1", listens(listeners))
}

const CLIENT_REFUSED: &[(&str, &str)] = &[(
    "10:04:55",
    "connect to api port 8080 failed: Connection refused",
)];

#[test]
fn a_healthcheck_that_cannot_fail_is_named_where_the_service_does_not_work() {
    for test in [
        &["CMD", "true"][..],
        &["CMD-SHELL", "exit 0"],
        &["CMD-SHELL", "curl -f http://localhost:8080/ || true"],
    ] {
        let facts = hollow(test, "", &[])
            .said("shop-client-1", CLIENT_REFUSED)
            .facts();
        let finding = code(&facts, "D074");
        assert_eq!(finding.affects, ["client"]);
        certain(&facts);
        silent(&hollow(test, "", &[("0.0.0.0", 8080)]).facts());
    }
    // These fail before they come to their last word.
    for line in [
        "curl -f http://localhost:8080/ || exit 1; echo ok",
        "set -e; curl -f http://localhost:8080/; echo ok",
    ] {
        let recording = hollow(&["CMD-SHELL", line], "ok", &[]);
        let facts = recording.said("shop-client-1", CLIENT_REFUSED).facts();
        let causes = diagnose(&facts).causes;
        let mut codes = causes.iter().map(|cause| cause.code.0);
        assert!(codes.all(|code| code != "D074"), "{line}: {causes:#?}");
    }
}

#[test]
fn an_answer_that_says_not_ready_is_no_health() {
    let answer = "Ingester not ready: waiting for 15s after being ready";
    let said: &[(&str, &str)] = &[(
        "10:04:55",
        "upstream sent too many requests: connection refused",
    )];
    let facts = hollow(CURL, answer, &[("0.0.0.0", 8080)])
        .said("shop-client-1", said)
        .facts();
    let finding = only(&facts);
    assert_eq!(finding.code.0, "D099");
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(finding.culprit.field.as_deref(), Some("healthcheck"));
    silent(&hollow(CURL, answer, &[("0.0.0.0", 8080)]).facts());
    silent(&hollow(CURL, "ready", &[("0.0.0.0", 8080)]).facts());
}

#[test]
fn a_part_that_nobody_depends_on_makes_a_service_unhealthy() {
    let answer = r#"{"status": "error", "checks": {"db": "ok", "cache": {"status": "down"}}}"#;
    let unhealthy = |needs: &Value| {
        api(
            &health("unhealthy", CURL, &[(22, answer); 3]),
            &[("0.0.0.0", 8080)],
        )
        .declared("cache", &json!({}))
        .declared("api", &json!({"depends_on": needs}))
        .facts()
    };
    let finding = only(&unhealthy(&json!({})));
    assert_eq!(finding.code.0, "D088");
    assert_eq!(finding.confidence, Confidence::Likely);
    assert!(
        finding
            .chain
            .contains(&("cache".to_owned(), "api".to_owned()))
    );
    let needed = unhealthy(&json!({"cache": "service_started"}));
    assert_eq!(diagnose(&needed).causes, []);
}

#[test]
fn a_part_without_a_service_makes_one_unhealthy_that_serves_its_clients() {
    let answer = r#"503 {"status": "down", "checks": {"db": "ok", "cache": "ok", "mail": "not configured"}}"#;
    let unhealthy = |answer: &str, client_says: &str| {
        let carrier = json!({"variable": "API_URL"});
        let told = json!([{
            "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
            "hosts": [{"name": "api", "port": {"written": 8080}, "carrier": carrier, "port_carrier": carrier}],
        }]);
        let test = ["CMD", "python3", "/srv/health.py"];
        let near = |service: &str| json!({"shop_default": {"aliases": [service], "ipv4": null, "ipv6": null, "wanted_ipv4": null}});
        Recording::new()
            .with(container(
                "api",
                &json!({
                    "health": health("unhealthy", &test, &[(1, answer); 3]), "endpoints": near("api"),
                }),
            ))
            .with(container("client", &json!({"endpoints": near("client")})))
            .set("told", "shop-client-1", told)
            .said("shop-client-1", &[("10:04:50", client_says)])
            .declared("api", &json!({}))
            .facts()
    };
    let finding = only(&unhealthy(answer, "fetched 20 orders"));
    assert_eq!(finding.code.0, "D088");
    assert_eq!(finding.confidence, Confidence::Likely);
    assert_eq!(finding.culprit.field.as_deref(), Some("healthcheck"));
    assert!(finding.claim.contains("`mail`"), "{}", finding.claim);
    // Who asks it does not get what it wants; all is bad; or nothing is.
    let none = r#"{"status": "down", "checks": {"db": "refused", "cache": "refused"}}"#;
    let all = r#"{"status": "down", "checks": {"db": "ok", "cache": "ok"}}"#;
    for facts in [
        unhealthy(answer, "error: 503 from http://api:8080"),
        unhealthy(none, "fetched 20 orders"),
        unhealthy(all, "fetched 20 orders"),
    ] {
        assert_eq!(diagnose(&facts).causes, []);
    }
}
