//! No room, and limits that are reached.

use bowline_doctor::{Confidence, CulpritKind, Facts, Finding, diagnose};
use serde_json::{Value, json};

use super::recording::{Recording, certain, container, event_of, only, silent};
use super::{API, at, ended, files, finds, folder, likely, mount, said};

fn room(path: &str, bytes: [u64; 2], inodes: [u64; 2]) -> Value {
    let mut file = at(path, &folder(0o755, 0, false, "2026-10-01T10:00:00Z"));
    file["room"] = json!({
        "total_bytes": bytes[1], "available_bytes": bytes[0], "total_inodes": inodes[1],
        "free_inodes": inodes[0], "is_read_only": false,
    });
    file
}

/// `api` runs and finds no room.
fn crowded(looked: &[Value]) -> Facts {
    let changes = json!({"mounts": [mount("volume", "shop_data", "/data", true)]});
    let says = "dd: error writing '/data/x': No space left on device";
    let recording = Recording::new()
        .with(container("api", &changes))
        .said(API, &[("10:04:55", says)])
        .add(
            "volumes",
            json!({"name": "shop_data", "driver": "local", "created": null}),
        );
    files(recording, looked).facts()
}

#[test]
fn no_room_is_a_full_volume_a_full_disk_or_too_many_files() {
    let disk = room("/", [50_000_000_000, 100_000_000_000], [900, 1000]);
    let full_disk = room("/", [0, 100_000_000_000], [900, 1000]);
    let volume = room("/data", [0, 8_000_000], [900, 1000]);
    let on_disk = room("/data", [0, 100_000_000_000], [900, 1000]);
    let inodes = room("/data", [7_900_000, 8_000_000], [0, 40]);
    let facts = crowded(&[disk.clone(), volume]);
    finds(&facts, "D025", CulpritKind::Volume, "shop_data", None);
    finds(
        &crowded(&[full_disk, on_disk]),
        "D110",
        CulpritKind::File,
        "/",
        None,
    );
    finds(
        &crowded(&[disk.clone(), inodes]),
        "D111",
        CulpritKind::Volume,
        "shop_data",
        None,
    );
    // There is room again.
    let roomy = room("/data", [7_000_000_000, 8_000_000_000], [900, 1000]);
    assert_eq!(diagnose(&crowded(&[disk, roomy])).causes, []);
}

/// `api` runs, says something now, and the kernel shows more.
fn running(says: &str, changes: &Value, inside: &Value) -> Facts {
    let mut shown = json!({"processes": 3});
    for (key, value) in inside.as_object().unwrap() {
        shown[key] = value.clone();
    }
    let recording = Recording::new().with(container("api", changes));
    let recording = recording.set("insides", API, shown);
    let lines: &[(&str, &str)] = if says.is_empty() {
        &[]
    } else {
        &[("10:04:55", says)]
    };
    recording.said(API, lines).facts()
}

#[test]
fn limits_that_are_reached_are_named_with_their_field() {
    let says = "accept4: too many open files";
    let facts = running(says, &json!({}), &json!({"open_files": [64, 64]}));
    finds(&facts, "D132", CulpritKind::Service, "api", Some("ulimits"));
    let says = "sh: 1: Cannot fork";
    let limits = json!({"limits": {"memory_bytes": null, "nano_cpus": null, "pids": 12}});
    let facts = running(
        says,
        &limits,
        &json!({"pids": [12, 12, 5], "processes": 12}),
    );
    finds(
        &facts,
        "D133",
        CulpritKind::Service,
        "api",
        Some("pids_limit"),
    );
    let facts = running("", &json!({}), &json!({"zombies": 29, "processes": 32}));
    finds(&facts, "D134", CulpritKind::Service, "api", Some("init"));
    for (changes, inside) in [
        (json!({}), json!({"open_files": [64, 64]})),
        (limits, json!({"pids": [11, 12, 5]})),
        (json!({"has_init": true}), json!({"zombies": 9})),
        (json!({}), json!({"zombies": 9})),
    ] {
        silent(&running("", &changes, &inside));
    }
}

#[test]
fn a_limit_of_files_that_nobody_saw_reached_is_no_certainty() {
    let limits = json!({
        "limits": {"memory_bytes": null, "nano_cpus": null, "pids": null, "open_files": 65_536},
    });
    let few = json!({"open_files": [20, 65_536]});
    // The kernel says the same of limits that are none of the process.
    for says in [
        "Error: EMFILE: too many open files, watch '/app'",
        "accept4: too many open files in system",
    ] {
        likely(&running(says, &limits, &few), "D132", None);
    }
    let says = "accept4: too many open files";
    likely(&running(says, &limits, &json!({})), "D132", Some("ulimits"));
    let far = only(&running(says, &limits, &few));
    assert_eq!(
        (far.code.0, far.confidence),
        ("D132", Confidence::Possible),
        "{far:#?}"
    );
}

#[test]
fn a_share_of_processors_that_is_too_small_shows_in_late_probes() {
    let health = |verdict: &str| {
        json!({
            "health": {
                "verdict": verdict, "failing_streak": 3, "test": ["CMD", "check"], "interval_secs": 1.0,
                "timeout_secs": 1.0, "start_period_secs": 0.0, "retries": 3, "probes": [{
                    "at": "2026-11-21T10:04:50Z", "exit_code": -1,
                    "output": "Health check exceeded timeout (1s)",
                }],
            },
            "limits": {"memory_bytes": null, "nano_cpus": 50_000_000, "pids": null},
        })
    };
    let waits = json!({"throttled": [100, 90], "segments": [1000, 1]});
    let facts = running("", &health("unhealthy"), &waits);
    finds(&facts, "D116", CulpritKind::Service, "api", Some("cpus"));
    let lost = json!({"throttled": [100, 1], "segments": [1000, 300]});
    likely(
        &running("", &health("unhealthy"), &lost),
        "D108",
        Some("networks"),
    );
    let mut well = health("healthy");
    well["health"]["failing_streak"] = json!(0);
    silent(&running("", &well, &waits));
}

#[test]
fn a_cap_above_the_limit_stands_before_the_limit() {
    let events = || {
        [
            event_of(API, &json!("create"), 0, &json!({})),
            event_of(API, &json!("start"), 1, &json!({})),
            event_of(API, &json!("oom"), 2, &json!({})),
            event_of(API, &json!("die"), 3, &json!({"code": 137})),
        ]
    };
    let killed = |options: &str| {
        let changes = json!({
            "oom_killed": true, "environment": {"JAVA_OPTS": options},
            "limits": {"memory_bytes": 67_108_864, "nano_cpus": null, "pids": null},
        });
        Recording::new()
            .with(ended(137, &changes))
            .heard(events())
            .facts()
    };
    let facts = killed("-server -Xmx512m");
    finds(
        &facts,
        "D043",
        CulpritKind::Service,
        "api",
        Some("environment.JAVA_OPTS"),
    );
    let facts = killed("-server -Xmx48m");
    finds(
        &facts,
        "D032",
        CulpritKind::Service,
        "api",
        Some("mem_limit"),
    );
}

#[test]
fn a_kill_that_nobody_reported_leaves_a_cap_above_the_limit_likely_and_as_it_is() {
    let killed = |oom: Option<Value>| {
        let changes = json!({
            "environment": {"JAVA_OPTS": "-server -Xmx512m"},
            "limits": {"memory_bytes": 67_108_864, "nano_cpus": null, "pids": null},
        });
        let begin = [
            event_of(API, &json!("create"), 0, &json!({})),
            event_of(API, &json!("start"), 1, &json!({})),
        ];
        let end = event_of(API, &json!("die"), 3, &json!({"code": 137}));
        Recording::new()
            .with(ended(137, &changes))
            .heard(begin.into_iter().chain(oom).chain([end]))
            .facts()
    };
    let edits = |finding: &Finding| finding.fix.as_ref().map_or(0, |fix| fix.edits.len());
    let unsent = only(&killed(None));
    assert_eq!(
        (unsent.code.0, unsent.confidence, edits(&unsent)),
        ("D043", Confidence::Likely, 0),
        "{unsent:#?}"
    );
    let oom = event_of(API, &json!("oom"), 2, &json!({}));
    let reported = certain(&killed(Some(oom)));
    assert_eq!((reported.code.0, edits(&reported)), ("D043", 1));
}

#[test]
fn a_low_port_is_a_matter_of_rights() {
    let says = "nginx: [emerg] bind() to 0.0.0.0:80 failed (13: Permission denied)";
    let changes = json!({
        "user": "1000", "sysctls": {"net.ipv4.ip_unprivileged_port_start": "1024"},
    });
    let facts = said(says, &changes, &[]);
    finds(&facts, "D143", CulpritKind::Service, "api", Some("sysctls"));
    let told = json!({"user": "1000", "environment": {"PORT": "80"}});
    let facts = said(says, &told, &[]);
    finds(
        &facts,
        "D143",
        CulpritKind::Service,
        "api",
        Some("environment.PORT"),
    );
}
