//! Files that somebody may not have: by owner and mode, or by something else.

use bowline_doctor::{Confidence, Facts, diagnose};
use serde_json::{Value, json};

use super::recording::{Recording, certain, only};
use super::{API, at, ended, file, files, likely, mount, on_engine};

const PYTHON: &str = "PermissionError: [Errno 13] Permission denied: '/etc/app.yml'";
const PLAIN: &[&str] = &["name=seccomp,profile=default"];
const SELINUX: &[&str] = &["name=seccomp,profile=default", "name=selinux"];

/// A file of the host, of root and of a group, is mounted into `api`, which runs as user 1000 and does not get it.
fn refused(says: &str, writable: bool, (mode, group): (u32, u32), security: &[&str]) -> Facts {
    let changes = json!({
        "user": "1000:1000",
        "mounts": [mount("bind", "/home/me/app.yml", "/etc/app.yml", writable)],
    });
    let mut there = file(mode, 0, &Value::Null);
    there["owner"] = json!([0, group]);
    let recording = Recording::new().with(ended(1, &changes));
    let recording = recording.said(API, &[("10:00:02", says)]);
    let looked = [at("/etc/app.yml", &there)];
    files(on_engine(recording, security), &looked).facts()
}

#[test]
fn a_file_that_may_be_read_is_kept_by_something_else_than_its_mode() {
    for (says, writable) in [
        (PYTHON, false),
        ("cat: /etc/app.yml: Permission denied", true),
    ] {
        let facts = refused(says, writable, (0o644, 0), SELINUX);
        likely(&facts, "D128", Some("volumes"));
        // Nothing that is known here forbids it.
        let facts = refused(says, writable, (0o644, 0), PLAIN);
        assert_eq!(diagnose(&facts).causes, [], "{says}");
    }
}

#[test]
fn a_mode_that_keeps_out_is_certain_where_nothing_else_could() {
    let edits = |facts: &Facts| only(facts).fix.map_or(0, |fix| fix.edits.len());
    let closed = refused(PYTHON, false, (0o600, 0), PLAIN);
    assert_eq!(certain(&closed).code.0, "D112");
    assert_eq!(edits(&closed), 1);
    // A label may forbid it as well; and nobody knows whether its user is in that group too.
    for facts in [
        refused(PYTHON, false, (0o600, 0), SELINUX),
        refused(PYTHON, false, (0o640, 4711), PLAIN),
    ] {
        let finding = only(&facts);
        assert_eq!(
            (finding.code.0, finding.confidence),
            ("D112", Confidence::Likely),
            "{finding:#?}"
        );
        assert_eq!(edits(&facts), 0);
    }
    // Nobody may run it: a shell says that as if it could not be read.
    let says = "sh: 1: /etc/app.yml: Permission denied";
    let facts = refused(says, false, (0o644, 0), PLAIN);
    assert_eq!(certain(&facts).code.0, "D112");
}
