//! Networks: addresses, names and ways, and what stands in them.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, CulpritKind, Finding, diagnose};
use recording::{Recording, certain, container, event_of, only, silent};
use serde_json::{Value, json};

fn on(networks: &[(&str, &str)]) -> Value {
    let endpoints = networks.iter().map(|(name, address)| {
        let endpoint = json!({"aliases": [], "ipv4": address, "ipv6": null, "wanted_ipv4": null});
        ((*name).to_owned(), endpoint)
    });
    endpoints.collect()
}

fn network(name: &str, subnet: &str, changes: &Value) -> Value {
    let mut network = json!({
        "name": name, "id": format!("{name}0000000000000000"), "driver": "bridge", "internal": false,
        "subnets": [subnet],
    });
    for (key, value) in changes.as_object().unwrap() {
        network[key] = value.clone();
    }
    network
}

fn dials(host: &str, port: u16) -> Value {
    json!([{
        "form": "url", "scheme": "http", "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{
            "name": host, "port": {"written": port}, "carrier": {"variable": "API_URL"}, "port_carrier": null,
        }],
    }])
}

fn listens(port: u16) -> Value {
    json!({"listeners": [{"address": "0.0.0.0", "port": port, "protocol": "tcp"}]})
}

/// What came of a name from within a container; the addresses with what each of them does at port 8080.
fn tried(from: &str, host: &str, name: &Value, answers: &[(&str, &str)]) -> Value {
    let dialled = answers
        .iter()
        .map(|(address, answer)| json!({"address": address, "port": 8080, "answer": answer}));
    json!({"from": from, "host": host, "name": name, "dialled": dialled.collect::<Vec<_>>()})
}

/// `client` and `api` on one network; `client` dials `api` at 8080, where it listens.
fn pair() -> Recording {
    Recording::new()
        .with(container(
            "api",
            &json!({"endpoints": on(&[("net", "172.18.0.3")])}),
        ))
        .with(container(
            "client",
            &json!({"endpoints": on(&[("net", "172.18.0.2")])}),
        ))
        .declared("api", &json!({"networks": ["net"]}))
        .declared("client", &json!({"networks": ["net"]}))
        .add("networks", network("net", "172.18.0.0/16", &json!({})))
        .set("told", "shop-client-1", dials("api", 8080))
        .set("insides", "shop-api-1", listens(8080))
}

fn is(finding: &Finding, code: &str, kind: CulpritKind, name: &str) {
    assert_eq!(finding.code.0, code, "{finding:#?}");
    assert_eq!((finding.culprit.kind, &*finding.culprit.name), (kind, name));
}

#[test]
fn an_address_that_is_taken_is_told_from_a_port() {
    let mut endpoints = on(&[("net", "")]);
    endpoints["net"]["ipv4"] = json!(null);
    endpoints["net"]["wanted_ipv4"] = json!("172.18.0.3");
    let web = json!({
        "status": "created", "exit_code": 128, "started": null, "endpoints": endpoints,
        "error": "Address already in use",
    });
    let alone = Recording::new().with(container("web", &web));
    let facts = alone
        .clone()
        .with(container(
            "api",
            &json!({"endpoints": on(&[("net", "172.18.0.3")])}),
        ))
        .facts();
    let finding = certain(&facts);
    is(&finding, "D120", CulpritKind::Service, "web");
    assert_eq!(finding.culprit.field.as_deref(), Some("networks"));
    assert!(
        finding.claim.contains("which `shop-api-1` has"),
        "{}",
        finding.claim
    );
    certain(&facts);

    let stranger = json!({"strangers": [
        {"name": "blog-db-1", "project": "blog", "aliases": [], "ipv4": "172.18.0.3"},
    ]});
    let facts = alone
        .clone()
        .add("networks", network("net", "172.18.0.0/16", &stranger))
        .facts();
    assert!(certain(&facts).claim.contains("which `blog-db-1` has"));
    assert_eq!(only(&alone.facts()).confidence, Confidence::Likely);
}

#[test]
fn a_network_without_a_subnet_names_who_has_it() {
    let missing = json!({"name": "shop_net", "subnets": ["10.9.1.0/24"], "is_external": false});
    let refused = json!({
        "at": "2026-11-21T10:00:02Z", "service": null, "step": "create network shop_net", "is_wait": false,
        "error": "Pool overlaps with other one on this address space",
    });
    let stack = Recording::new()
        .declared("web", &json!({"networks": ["shop_net"]}))
        .add("missing_networks", missing)
        .add("not_done", refused);
    let facts = stack
        .clone()
        .add(
            "taken_subnets",
            json!({"network": "vpn", "subnet": "10.9.0.0/16"}),
        )
        .facts();
    let finding = certain(&facts);
    is(&finding, "D121", CulpritKind::Network, "shop_net");
    assert!(
        finding
            .claim
            .contains("overlaps 10.9.0.0/16 of network `vpn`"),
        "{}",
        finding.claim
    );
    certain(&facts);
    assert_eq!(only(&stack.facts()).confidence, Confidence::Likely);
}

#[test]
fn a_network_that_was_removed_under_a_container_is_told() {
    let web = json!({
        "status": "exited", "exit_code": 0, "endpoints": on(&[("net", "")]),
        "error": "network 4f2a00000000 not found",
    });
    let facts = Recording::new().with(container("web", &web)).facts();
    let finding = certain(&facts);
    is(&finding, "D122", CulpritKind::Network, "net");
    assert_eq!(finding.services, ["web"]);
    certain(&facts);
}

#[test]
fn a_route_that_captures_a_subnet_is_seen_only_where_its_bridge_is() {
    let stack = pair().add(
        "routes",
        json!({"subnet": "172.18.0.0/17", "device": "tun0"}),
    );
    assert_eq!(diagnose(&stack.facts()).causes, []);
    let own = json!({"subnet": "172.18.0.0/16", "device": "br-net000000000"});
    let finding = only(&stack.add("routes", own.clone()).facts());
    is(&finding, "D045", CulpritKind::Network, "net");
    assert_eq!(finding.confidence, Confidence::Likely);
    silent(&pair().add("routes", own).facts());
}

/// `client` wants to go to `api.example.com`, and does not get there.
fn outwards(internal: bool, dns: &[&str]) -> Recording {
    let client = json!({"endpoints": on(&[("net", "172.18.0.2")]), "dns": dns});
    Recording::new()
        .with(container("client", &client))
        .declared("client", &json!({"networks": ["net"]}))
        .add(
            "networks",
            network("net", "172.18.0.0/16", &json!({"internal": internal})),
        )
        .set("told", "shop-client-1", dials("api.example.com", 443))
        .said(
            "shop-client-1",
            &[("10:04:55", "Temporary failure in name resolution")],
        )
}

#[test]
fn a_resolver_without_servers_is_told_from_a_network_without_a_way_out() {
    for (dns, field) in [(&["192.0.2.53"][..], Some("dns")), (&[], None)] {
        let known = tried(
            "shop-client-1",
            "client",
            &json!({"addresses": ["172.18.0.2"]}),
            &[],
        );
        let facts = outwards(false, dns)
            .add(
                "tried",
                tried("shop-client-1", "api.example.com", &json!("no_answer"), &[]),
            )
            .add("tried", known)
            .facts();
        let finding = certain(&facts);
        is(&finding, "D090", CulpritKind::Service, "client");
        assert_eq!(finding.culprit.field.as_deref(), field);
        certain(&facts);
    }
    let facts = outwards(true, &[]).facts();
    let finding = certain(&facts);
    is(&finding, "D091", CulpritKind::Network, "net");
    assert_eq!(finding.services, ["client"]);
    certain(&facts);
}

#[test]
fn an_address_on_a_network_that_it_is_not_on_has_no_way() {
    let facts = Recording::new()
        .with(container(
            "client",
            &json!({"endpoints": on(&[("net", "172.18.0.2")])}),
        ))
        .with(container(
            "db",
            &json!({"endpoints": on(&[("inner", "172.19.0.5")])}),
        ))
        .add("networks", network("net", "172.18.0.0/16", &json!({})))
        .add("networks", network("inner", "172.19.0.0/16", &json!({})))
        .set("told", "shop-client-1", dials("172.19.0.5", 5432))
        .said(
            "shop-client-1",
            &[("10:04:55", "connect: no route to host")],
        )
        .facts();
    let finding = certain(&facts);
    is(&finding, "D103", CulpritKind::Service, "client");
    assert_eq!(finding.culprit.field.as_deref(), Some("networks"));
    assert!(
        finding.claim.contains("`inner` (`db`)"),
        "{}",
        finding.claim
    );
    certain(&facts);
}

/// `client` dials `api`, which is on its network, and has these routes.
fn with_routes(routes: &Value) -> Recording {
    pair()
        .set("insides", "shop-client-1", json!({"routes": routes}))
        .said(
            "shop-client-1",
            &[("10:04:55", "connect: Network is unreachable")],
        )
}

#[test]
fn a_table_of_routes_that_leads_to_no_neighbour_is_told() {
    let facts = with_routes(&json!([])).facts();
    let finding = certain(&facts);
    is(&finding, "D103", CulpritKind::Service, "client");
    certain(&facts);
    for routes in [json!(["172.18.0.0/16"]), json!(["0.0.0.0/0"]), json!(null)] {
        let found = diagnose(&with_routes(&routes).facts()).causes;
        assert!(found.iter().all(|it| it.code.0 != "D103"), "{found:#?}");
    }
}

/// `desk` lives in the network of `tunnel`, or in another one.
fn guest(namespace: u64) -> Recording {
    let mode = json!({"network_mode": "container:tunnel1", "endpoints": {}});
    Recording::new()
        .with(container(
            "tunnel",
            &json!({"endpoints": on(&[("net", "172.18.0.3")])}),
        ))
        .with(container("desk", &mode))
        .set("insides", "shop-tunnel-1", json!({"namespace": 7}))
        .set(
            "insides",
            "shop-desk-1",
            json!({"namespace": namespace, "routes": []}),
        )
}

#[test]
fn a_service_that_is_left_in_the_network_of_before_is_told() {
    let facts = guest(6).facts();
    let finding = certain(&facts);
    is(&finding, "D103", CulpritKind::Service, "desk");
    assert_eq!(finding.culprit.field.as_deref(), Some("network_mode"));
    let fix = finding.fix.as_ref().unwrap();
    assert_eq!(fix.command, ["bowline", "restart", "desk"]);
    certain(&facts);
    silent(&guest(7).facts());
}

#[test]
fn what_is_sent_in_vain_on_an_open_connection_is_too_large_for_the_way() {
    let stack = |resent: u8, answer: &str, resent_in_all: u64| {
        let peer = json!({
            "remote": "172.18.0.2", "remote_port": null, "local_port": 8080, "state": "established",
            "resent": resent, "count": 1,
        });
        let mut inside = listens(8080);
        inside["peers"] = json!([peer]);
        inside["segments"] = json!([3000, resent_in_all]);
        let leads = json!({"addresses": ["172.18.0.3"]});
        let answer = tried("shop-client-1", "api", &leads, &[("172.18.0.3", answer)]);
        let said = "curl: (28) Operation timed out after 4001 milliseconds with 0 bytes received";
        pair()
            .set("insides", "shop-api-1", inside)
            .said("shop-client-1", &[("10:04:55", said)])
            .add("tried", answer)
            .facts()
    };
    let facts = stack(4, "connected", 8);
    let finding = only(&facts);
    is(&finding, "D107", CulpritKind::Service, "api");
    assert_eq!(finding.confidence, Confidence::Likely);
    // Of many that are lost on the way some are so several times.
    let by_chance = stack(4, "connected", 500);
    for facts in [
        stack(1, "connected", 8),
        stack(4, "timed_out", 8),
        by_chance,
    ] {
        let found = diagnose(&facts).causes;
        assert!(found.iter().all(|it| it.code.0 != "D107"), "{found:#?}");
    }
}

#[test]
fn packets_that_are_dropped_are_told_from_packets_that_are_refused() {
    for (answer, code) in [("timed_out", "D106"), ("refused", "D109")] {
        let leads = json!({"addresses": ["172.18.0.3"]});
        let stack = pair().add(
            "tried",
            tried("shop-client-1", "api", &leads, &[("172.18.0.3", answer)]),
        );
        assert_eq!(only(&stack.clone().facts()).confidence, Confidence::Likely);
        let itself = tried(
            "shop-api-1",
            "shop-api-1",
            &leads,
            &[("172.18.0.3", "connected")],
        );
        let facts = stack.add("tried", itself).facts();
        let finding = certain(&facts);
        is(&finding, code, CulpritKind::Service, "api");
        assert_eq!(finding.affects, ["client"]);
        certain(&facts);
    }
}

#[test]
fn a_name_that_two_services_have_is_told() {
    let mut twice = on(&[("net", "172.18.0.4")]);
    twice["net"]["aliases"] = json!(["api"]);
    let leads = json!({"addresses": ["172.18.0.3", "172.18.0.4"]});
    let mixed = [("172.18.0.3", "connected"), ("172.18.0.4", "refused")];
    let facts = pair()
        .with(container("stub", &json!({"endpoints": twice})))
        .declared("stub", &json!({"networks": ["net"]}))
        .set("insides", "shop-stub-1", listens(9090))
        .add("tried", tried("shop-client-1", "api", &leads, &mixed))
        .facts();
    let finding = certain(&facts);
    is(&finding, "D102", CulpritKind::Service, "stub");
    assert_eq!(finding.culprit.field.as_deref(), Some("networks"));
    certain(&facts);
}

#[test]
fn a_name_that_somebody_elses_container_has_too_is_told() {
    let stranger = json!({"strangers": [
        {"name": "blog-api-1", "project": "blog", "aliases": ["api"], "ipv4": "172.18.0.9"},
    ]});
    let refused = &[(
        "10:04:55",
        "connect to api port 8080 failed: Connection refused",
    )];
    let facts = Recording::new()
        .with(container(
            "api",
            &json!({"endpoints": on(&[("net", "172.18.0.3")])}),
        ))
        .with(container(
            "client",
            &json!({"endpoints": on(&[("net", "172.18.0.2")])}),
        ))
        .add("networks", network("net", "172.18.0.0/16", &stranger))
        .set("told", "shop-client-1", dials("api", 8080))
        .set("insides", "shop-api-1", listens(8080))
        .said("shop-client-1", refused)
        .facts();
    let finding = certain(&facts);
    is(&finding, "D102", CulpritKind::Network, "net");
    assert!(
        finding.claim.contains("`blog-api-1` of the project `blog`"),
        "{}",
        finding.claim
    );
}

/// A gateway before two containers of `api`; it says that it did not get to an address.
fn gateway(second: &Value, address: &str) -> Recording {
    let mut replica = container("api", second);
    replica["name"] = json!("shop-api-2");
    let says = format!("dial tcp {address}:8080: connect: connection refused");
    Recording::new()
        .with(container(
            "api",
            &json!({"endpoints": on(&[("net", "172.18.0.3")])}),
        ))
        .with(replica)
        .with(container(
            "gate",
            &json!({"endpoints": on(&[("net", "172.18.0.2")])}),
        ))
        .add("networks", network("net", "172.18.0.0/16", &json!({})))
        .set("told", "shop-gate-1", dials("api", 8080))
        .set("insides", "shop-api-1", listens(8080))
        .set("insides", "shop-api-2", listens(8080))
        .said("shop-gate-1", &[("10:04:55", &says)])
}

#[test]
fn a_replica_that_is_down_is_told_from_an_address_that_nobody_has_any_more() {
    let gone = json!({
        "status": "exited", "exit_code": 1, "finished": "2026-11-21T10:04:00Z", "endpoints": on(&[("net", "")]),
    });
    let one_down = gateway(&gone, "172.18.0.4").facts();
    let finding = certain(&one_down);
    is(&finding, "D059", CulpritKind::Service, "api");
    assert_eq!(finding.affects, ["gate"]);
    certain(&one_down);

    let moved = json!({
        "endpoints": on(&[("net", "172.18.0.5")]), "started": "2026-11-21T10:03:00Z",
    });
    let stale = gateway(&moved, "172.18.0.4").facts();
    let finding = certain(&stale);
    is(&finding, "D064", CulpritKind::Service, "gate");
    assert!(
        finding.claim.contains("nobody on `net` has that address"),
        "{}",
        finding.claim
    );
    certain(&stale);

    // It was down until after the last complaint, and may have been looked up anew since.
    let back = json!({
        "endpoints": on(&[("net", "172.18.0.5")]), "started": "2026-11-21T10:04:56Z",
    });
    let codes = diagnose(&gateway(&back, "172.18.0.4").facts()).causes;
    assert!(codes.iter().all(|it| it.code.0 != "D064"), "{codes:#?}");
}

#[test]
fn a_replica_that_crashed_is_down_because_of_that() {
    let crashed = json!({
        "status": "exited", "exit_code": 139, "finished": "2026-11-21T10:04:00Z", "endpoints": on(&[("net", "")]),
    });
    let second = "shop-api-2";
    let facts = gateway(&crashed, "172.18.0.4")
        .heard([
            event_of(second, &json!("start"), 1, &json!({})),
            event_of(second, &json!("die"), 240, &json!({"code": 139})),
        ])
        .facts();
    let finding = certain(&facts);
    is(&finding, "D136", CulpritKind::Service, "api");
    assert_eq!(finding.affects, ["gate"]);
}

#[test]
fn one_of_two_services_that_do_the_same_is_not_simply_down() {
    let lane = |address: &str| json!({"endpoints": on(&[("net", address)])});
    let mut stopped = lane("");
    stopped["status"] = json!("exited");
    stopped["exit_code"] = json!(143);
    stopped["finished"] = json!("2026-11-21T10:04:00Z");
    let mut both = [
        dials("left", 8080)[0].clone(),
        dials("right", 8080)[0].clone(),
    ];
    for one in &mut both {
        one["form"] = json!("host_ports");
    }
    let facts = Recording::new()
        .with(container("left", &stopped))
        .with(container("right", &lane("172.18.0.4")))
        .with(container("gate", &lane("172.18.0.2")))
        .add("networks", network("net", "172.18.0.0/16", &json!({})))
        .set("told", "shop-gate-1", json!(both))
        .set("insides", "shop-right-1", listens(8080))
        .said(
            "shop-gate-1",
            &[(
                "10:04:55",
                "dial tcp 172.18.0.3:8080: connect: connection refused",
            )],
        )
        .facts();
    let finding = certain(&facts);
    is(&finding, "D059", CulpritKind::Service, "left");
    assert_eq!(finding.affects, ["gate"]);
}

#[test]
fn a_call_that_failed_at_an_address_that_its_service_has_is_no_stale_address() {
    let well = json!({"endpoints": on(&[("net", "172.18.0.4")])});
    let facts = gateway(&well, "172.18.0.4").facts();
    let codes: Vec<_> = diagnose(&facts)
        .causes
        .iter()
        .map(|cause| cause.code.0)
        .collect();
    assert!(!codes.contains(&"D064"), "{codes:?}");
    silent(&pair().facts());
}
