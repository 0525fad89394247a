//! What was looked at and recorded is diagnosed again to the same bytes.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the recordings are files of these tests, and what is missing there is their own fault"
)]

#[allow(dead_code, reason = "another test uses the rest")]
#[path = "adopted/files.rs"]
mod files;
mod program;
#[allow(dead_code, reason = "another test uses the rest")]
#[path = "adopted/replay.rs"]
mod replay;

use program::Program;
use replay::Replay;
use serde_json::{Value, json};

/// The stack `everyday`, in which the kernel has ended a container of `api` for want of memory.
fn killed() -> (Program, Replay) {
    let bowline = Program::without_engine();
    files::copy("everyday", bowline.folder());
    let recorded = std::fs::read_to_string(files::folder().join("everyday/engine.json")).unwrap();
    let recorded = recorded.replace("$FOLDER", bowline.folder().to_str().unwrap());
    let mut recorded: Value = serde_json::from_str(&recorded).unwrap();
    for container in recorded["containers"].as_array_mut().unwrap() {
        if container["Name"] == "/adopted-api-1" {
            container["State"] = json!({
                "Status": "exited", "ExitCode": 137, "OOMKilled": true, "Running": false, "Pid": 0,
                "StartedAt": "2026-11-21T10:12:19.232790997Z", "FinishedAt": "2026-11-21T10:12:29.232790997Z",
            });
        }
    }
    let engine = Replay::of(recorded);
    let bowline = bowline.moved_to(&engine.host());
    (bowline, engine)
}

#[test]
fn a_recording_gives_the_answer_that_the_look_itself_gave_places_and_all() {
    let (bowline, _engine) = killed();
    for form in ["text", "json", "report"] {
        let looked = [
            "doctor",
            "--lint",
            "--format",
            form,
            "--record",
            "facts.json",
        ];
        let seen = bowline.output(&looked);
        let again = [
            "doctor",
            "--lint",
            "--format",
            form,
            "--replay",
            "facts.json",
        ];
        let replayed = bowline.output(&again);
        assert_eq!(seen.status.code(), replayed.status.code(), "{form}");
        let seen = String::from_utf8(seen.stdout).unwrap();
        assert_eq!(seen, String::from_utf8(replayed.stdout).unwrap(), "{form}");
        assert!(seen.contains("D032"), "{seen}");
        if form != "json" {
            assert!(seen.contains("compose.yaml:11:"), "{seen}");
        }
    }
}

#[test]
fn a_recording_that_cannot_be_written_costs_nothing_but_itself() {
    let (bowline, _engine) = killed();
    let looked = ["doctor", "--only", "D032", "--record", "nowhere/facts.json"];
    let said = bowline.ends(64, &looked);
    assert!(said.contains("error[D032]"), "{said}");
    let why = "error: cannot write `nowhere/facts.json`: No such file or directory";
    assert!(said.contains(why), "{said}");
}

#[test]
fn it_looks_where_bowline_can_keep_nothing_and_leaves_nothing() {
    let (bowline, _engine) = killed();
    bowline.ends(11, &["doctor", "--only", "D032"]);
    let left = ["config", "state"].map(|name| bowline.folder().join(name).exists());
    assert_eq!(left, [false, false]);
    let mut command = bowline.command(&["doctor", "--only", "D032"]);
    let output = command.env("BOWLINE_CONFIG_HOME", "nowhere").output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(11), "{said}");
    assert!(said.contains("error[D032]"), "{said}");
    let why = "not looked at: what `bowline up` would change (`BOWLINE_CONFIG_HOME` has to be";
    assert!(said.contains(why), "{said}");
}

#[test]
fn a_command_that_is_printed_names_the_stack_as_the_call_did() {
    let (bowline, _engine) = killed();
    let said = bowline.ends(11, &["-f", "compose.yaml", "--profile", "all", "doctor"]);
    let verify = said
        .lines()
        .find_map(|line| line.trim().strip_prefix("verify "));
    let verify = verify.unwrap().trim();
    assert!(
        verify.starts_with("bowline -f compose.yaml --profile all doctor --only D032"),
        "{said}"
    );
    let words: Vec<&str> = verify.split(' ').skip(1).collect();
    bowline.ends(11, &words);
}
