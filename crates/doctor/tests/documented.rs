//! Causes that no server here was seen to have: known from documentation, so likely at most, each with what looks like it
//! and is well.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod recording;

use bowline_doctor::{Confidence, Facts, Finding, diagnose};
use recording::{Recording, container, only, silent};
use serde_json::{Value, json};

/// The first container of a service, on the network that all of them share, at the address `.host`.
fn at(host: u8, service: &str, changes: &Value) -> Value {
    let mut container = container(service, changes);
    container["endpoints"] = json!({"shop_default": {
        "aliases": [service], "ipv4": format!("172.20.0.{host}"), "ipv6": null, "wanted_ipv4": null,
    }});
    container
}

fn unhealthy() -> Value {
    json!({"health": {
        "verdict": "unhealthy", "failing_streak": 5, "test": ["CMD", "check"], "interval_secs": 5.0,
        "timeout_secs": 3.0, "start_period_secs": 0.0, "retries": 3, "probes": [],
    }})
}

/// What a service is told: a URL in a variable.
fn address(scheme: &str, host: &str, port: u16) -> Value {
    let carrier = json!({"variable": "SERVER_URL"});
    json!([{
        "form": "url", "scheme": scheme, "user": null, "password": null, "database": null, "usage": "dials",
        "hosts": [{"name": host, "port": {"written": port}, "carrier": carrier, "port_carrier": carrier}],
    }])
}

/// How full the file system is on which a folder of a container is, in a hundredth of it that is free.
fn room(container: &str, path: &str, free: u64) -> Value {
    json!({"container": container, "path": path, "there": {
        "sort": "folder", "mode": 0o755, "owner": [1000, 1000], "size_bytes": 4096, "modified": null,
    }, "room": {
        "total_bytes": 100_000_000_000_u64, "available_bytes": free * 1_000_000_000, "total_inodes": 1_000_000,
        "free_inodes": 900_000, "is_read_only": false,
    }})
}

/// The one finding: likely, of this code, and to blame on this.
fn likely(facts: &Facts, code: &str, name: &str, field: Option<&str>) -> Finding {
    let finding = only(facts);
    let culprit = &finding.culprit;
    assert_eq!(
        (finding.code.0, &*culprit.name, culprit.field.as_deref()),
        (code, name, field),
        "{finding:#?}"
    );
    assert_eq!(finding.confidence, Confidence::Likely, "{finding:#?}");
    finding
}

fn has_none_of(facts: &Facts, codes: &[&str]) {
    let found = diagnose(facts).causes;
    let mut said = found.iter().map(|it| it.code.0);
    assert!(!said.any(|code| codes.contains(&code)), "{found:#?}");
}

/// A search server, and a client of it.
fn search(client: &Value, server: &[(&str, &str)], client_says: &[(&str, &str)]) -> Recording {
    let image = json!({"image": "opensearchproject/opensearch:2", "exposed": ["9200/tcp"]});
    Recording::new()
        .with(at(2, "search", &image))
        .with(at(3, "api", client))
        .set("told", "shop-api-1", address("http", "search", 9200))
        .said("shop-search-1", server)
        .said("shop-api-1", client_says)
}

const DATA: &str = "/usr/share/opensearch/data";

fn changed_to(state: &str) -> String {
    format!(
        "[2026-11-21T10:03:00,172][INFO ][o.o.c.r.a.AllocationService] [node-1] Cluster health status changed from [YELLOW] to [{state}] (reason: [shards failed [[orders][0]]])."
    )
}

const LACKS: &str = "UnavailableShardsException: [orders][0] primary shard is not active Timeout: [1m], request: [BulkShardRequest]";
const BLOCKED: &str = "TransportError(429, 'cluster_block_exception', 'index [orders] blocked by: [TOO_MANY_REQUESTS/12/disk usage exceeded flood-stage watermark, index has read-only-allow-delete block];')";
const FLOODED: &str = "[2026-11-21T10:04:50,167][WARN ][o.o.c.r.a.DiskThresholdMonitor] [node-1] flood stage disk watermark [95%] exceeded on [Lq-N3tZ8QY6B648xAA8H0g][node-1][/usr/share/opensearch/data/nodes/0] free: 3.9gb[3.9%], all indices on this node will be marked read-only";

#[test]
fn a_red_search_server_is_named_where_somebody_is_hurt_and_a_yellow_one_never() {
    let red = changed_to("RED");
    let words = [("10:03:00", red.as_str())];
    let hurt = search(&unhealthy(), &words, &[]);
    let finding = likely(&hurt.facts(), "D029", "search", None);
    assert!(finding.affects.contains(&"api".to_owned()), "{finding:#?}");
    // The same by the word of a client alone.
    let said = search(&unhealthy(), &[], &[("10:04:58", LACKS)]);
    likely(&said.facts(), "D029", "search", None);

    let (yellow, green) = (changed_to("YELLOW"), changed_to("GREEN"));
    for well in [&yellow, &green] {
        let alone = [("10:04:55", well.as_str())];
        silent(&search(&json!({}), &alone, &[]).facts());
        // It was red, and came to itself.
        let again = [("10:03:00", red.as_str()), ("10:03:20", well.as_str())];
        has_none_of(&search(&unhealthy(), &again, &[]).facts(), &["D029"]);
    }
    // Each part is found again at a start; and where nobody is hurt it is only a word.
    let starts = [("10:04:50", red.as_str())];
    has_none_of(&search(&unhealthy(), &starts, &[]).facts(), &["D029"]);
    silent(&search(&json!({}), &words, &[]).facts());
}

#[test]
fn a_part_of_an_index_that_has_no_place_is_looked_for_at_a_node_that_is_gone() {
    let red = changed_to("RED");
    let ended = json!({
        "image": "opensearchproject/opensearch:2", "status": "exited", "exit_code": 0,
        "finished": "2026-11-21T10:02:50Z",
    });
    let facts = search(&unhealthy(), &[("10:03:00", red.as_str())], &[])
        .with(at(4, "second", &ended))
        .facts();
    let found = diagnose(&facts).causes;
    let finding = found.iter().find(|it| it.code.0 == "D029").unwrap();
    assert!(
        finding.claim.contains("`shop-second-1` does not run"),
        "{}",
        finding.claim
    );
    assert_eq!(finding.confidence, Confidence::Likely);
}

#[test]
fn a_search_server_that_takes_no_writes_is_told_from_a_disk_on_which_nobody_can_write() {
    let full = |free: u64, server: &[(&str, &str)], client: &[(&str, &str)]| {
        search(&json!({}), server, client).add("files", room("shop-search-1", DATA, free))
    };
    let own = [("10:04:50", FLOODED)];
    let refused = [("10:04:58", BLOCKED)];
    let finding = likely(&full(4, &own, &refused).facts(), "D030", "search", None);
    assert!(finding.not_ruled_out.is_empty(), "{finding:#?}");
    likely(&full(4, &[], &refused).facts(), "D030", "search", None);
    likely(&full(4, &own, &[]).facts(), "D030", "search", None);
    // There is room again, and the mark is still there; or it is all over.
    let left = likely(&full(60, &[], &refused).facts(), "D030", "search", None);
    assert!(left.claim.contains("there is room again"), "{}", left.claim);
    silent(&full(60, &[("10:01:00", FLOODED)], &[]).facts());
    let full_disk = "java.io.IOException: No space left on device";
    let both = full(
        0,
        &[("10:04:50", FLOODED), ("10:04:51", full_disk)],
        &refused,
    );
    has_none_of(&both.facts(), &["D030"]);
}
