//! Ports of the host: who holds them, and which are not open.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, CulpritKind, Finding, diagnose};
use recording::{Recording, certain, container, event_of, only, silent};
use serde_json::{Value, json};

const BY_CONTAINER: &str = "driver failed programming external connectivity on endpoint shop-web-1 (0a1b): Bind for 0.0.0.0:8080 failed: port is already allocated";
const BY_PROCESS: &str = "driver failed programming external connectivity on endpoint shop-web-1 (0a1b): Error starting userland proxy: listen tcp4 0.0.0.0:8080: bind: address already in use";
const BY_EITHER: &str = "failed to set up container networking: driver failed programming external connectivity on endpoint x (0123): failed to bind host port for 0.0.0.0:8080:172.17.0.2:80/tcp: address already in use";

/// `web`, which wants port 8080 of the host and was not started.
fn refused(error: &str) -> Recording {
    let port =
        json!([{"container": "80/tcp", "host_ip": "", "host_port": "8080", "is_open": false}]);
    let web = json!({"status": "created", "exit_code": 128, "error": error, "started": null, "published": port});
    Recording::new()
        .with(container("web", &web))
        .declared("web", &json!({}))
}

fn held(recording: Recording, changes: &Value) -> Recording {
    let mut port = json!({"port": "8080/tcp", "container": null, "project": null, "process": null});
    for (key, value) in changes.as_object().unwrap() {
        port[key] = value.clone();
    }
    recording.add("ports", port)
}

fn is_port(finding: &Finding, code: &str) {
    assert_eq!(finding.code.0, code, "{finding:#?}");
    assert_eq!(finding.culprit.kind, CulpritKind::Port);
    assert_eq!(finding.culprit.name, "8080");
    assert_eq!(finding.services, ["web"]);
}

#[test]
fn who_holds_a_port_is_told_apart_and_named() {
    for error in [BY_CONTAINER, BY_EITHER] {
        let other = json!({"container": "blog-front-1", "project": "blog"});
        let facts = held(refused(error), &other).facts();
        let finding = certain(&facts);
        is_port(&finding, "D048");
        assert!(
            finding
                .claim
                .contains("container `blog-front-1` of the project `blog`"),
            "{}",
            finding.claim
        );
        certain(&facts);
    }
    for error in [BY_PROCESS, BY_EITHER] {
        let facts = held(refused(error), &json!({"process": ["python3", 4711]})).facts();
        let finding = certain(&facts);
        is_port(&finding, "D049");
        assert!(
            finding.claim.contains("process 4711 (`python3`)"),
            "{}",
            finding.claim
        );
        certain(&facts);
    }
}

#[test]
fn a_holder_that_was_not_seen_is_no_certainty() {
    for (error, code) in [(BY_CONTAINER, "D048"), (BY_PROCESS, "D049")] {
        let finding = only(&refused(error).facts());
        is_port(&finding, code);
        assert_eq!(finding.confidence, Confidence::Likely);
    }
}

#[test]
fn another_port_in_the_text_is_not_taken_for_it() {
    let error = BY_CONTAINER.replace(":8080", ":18080");
    assert_eq!(diagnose(&refused(&error).facts()).causes, []);
    let error = BY_CONTAINER.replace(":8080", ":80801");
    assert_eq!(diagnose(&refused(&error).facts()).causes, []);
}

#[test]
fn a_container_that_no_service_wants_any_more_is_to_go_rather_than_the_port() {
    let facts = held(
        refused(BY_CONTAINER),
        &json!({"container": "shop-site-1", "project": "shop"}),
    )
    .with(container("site", &json!({})))
    .facts();
    let finding = certain(&facts);
    assert_eq!(finding.code.0, "D127");
    assert_eq!(finding.culprit.name, "site");
    assert_eq!(finding.services, ["web"]);
    assert_eq!(finding.chain, [("site".to_owned(), "web".to_owned())]);
    certain(&facts);
}

#[test]
fn one_in_the_hosts_network_names_the_port_itself() {
    let says = &[(
        "10:00:02",
        "listen tcp 0.0.0.0:8080: bind: address already in use",
    )];
    let web = |mode: &str| {
        let changes = json!({
            "network_mode": mode, "status": "exited", "exit_code": 1, "finished": "2026-11-21T10:00:02Z",
        });
        Recording::new()
            .with(container("web", &changes))
            .heard([event_of(
                "shop-web-1",
                &json!("die"),
                2,
                &json!({"code": 1}),
            )])
            .said("shop-web-1", says)
    };
    let facts = held(web("host"), &json!({"process": ["nginx", 99]})).facts();
    let finding = certain(&facts);
    is_port(&finding, "D050");
    certain(&facts);
    assert_eq!(only(&web("host").facts()).confidence, Confidence::Likely);
    // Words without the port leave what it was told to listen on.
    let bare = web("host").said(
        "shop-web-1",
        &[("10:00:02", "bind: Address already in use")],
    );
    let mut facts = held(bare, &json!({"process": ["nginx", 99]})).facts();
    facts.containers[0]
        .environment
        .insert("LISTEN".to_owned(), Some("127.0.0.1:8080".to_owned()));
    is_port(&certain(&facts), "D050");
    // In a network of its own it is its own port that is taken twice.
    assert_eq!(diagnose(&web("net").facts()).causes, []);
}

/// `probe` in the host's network dials port 5432 there; `db` listens on it in its container.
fn unpublished(expose: &[&str], published: &Value) -> Recording {
    let address = json!({
        "form": "url", "scheme": "postgres", "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{
            "name": "localhost", "port": {"written": 5432}, "carrier": {"variable": "DB_URL"}, "port_carrier": null,
        }],
    });
    let listener = json!({"address": "0.0.0.0", "port": 5432, "protocol": "tcp"});
    Recording::new()
        .with(container("db", &json!({"published": published})))
        .with(container("probe", &json!({"network_mode": "host"})))
        .declared("db", &json!({"expose": expose}))
        .declared("probe", &json!({"network_mode": "host"}))
        .set("told", "shop-probe-1", json!([address]))
        .set("insides", "shop-db-1", json!({"listeners": [listener]}))
        .said(
            "shop-probe-1",
            &[(
                "10:04:55",
                "connect to localhost port 5432 failed: Connection refused",
            )],
        )
}

#[test]
fn a_port_that_is_only_exposed_is_told_from_one_that_is_not_named_at_all() {
    for (expose, code) in [(&[][..], "D069"), (&["5432/tcp"], "D104")] {
        let facts = unpublished(expose, &json!([])).facts();
        let finding = certain(&facts);
        assert_eq!(finding.code.0, code);
        assert_eq!(finding.culprit.name, "db");
        assert_eq!(finding.culprit.field.as_deref(), Some("ports"));
        certain(&facts);
    }
    let open =
        json!([{"container": "5432/tcp", "host_ip": "", "host_port": "5432", "is_open": true}]);
    assert_eq!(diagnose(&unpublished(&[], &open).facts()).causes, []);
}

#[test]
fn a_port_of_the_host_that_a_needed_service_once_had_is_no_certainty() {
    let mut facts = unpublished(&[], &json!([])).facts();
    facts.told.get_mut("shop-probe-1").unwrap()[0].hosts[0].port =
        serde_json::from_value(json!({"written": 25432})).unwrap();
    facts.logs.get_mut("shop-probe-1").unwrap().lines[0].text =
        "connect to localhost port 25432 failed: Connection refused".to_owned();
    assert_eq!(diagnose(&facts).causes, []);
    facts
        .needs
        .insert("probe".to_owned(), ["db".to_owned()].into());
    let finding = only(&facts);
    assert_eq!(finding.code.0, "D069");
    assert_eq!(finding.culprit.name, "db");
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_stack_with_its_ports_is_silent() {
    let open =
        json!([{"container": "80/tcp", "host_ip": "", "host_port": "8080", "is_open": true}]);
    let recording = Recording::new().with(container("web", &json!({"published": open})));
    silent(
        &held(
            recording,
            &json!({"container": "shop-web-1", "project": "shop"}),
        )
        .facts(),
    );
}
