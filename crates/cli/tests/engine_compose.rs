//! Stacks that go from Docker Compose 2.40 to bowline and back: on the engine at `BOWLINE_TEST_DOCKER_HOST`, with the
//! program at `BOWLINE_TEST_COMPOSE`.
//!
//! The stacks are those of `adopted/`. They have fixed names and ports, so that only one test runs at a time, and
//! never two of these on one engine.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "starts another program beside the binary, and ends where that fails"
)]

#[path = "adopted/files.rs"]
mod files;
mod program;

use std::collections::BTreeMap;
use std::process::{Command, Output};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bowline_testkit::{Api, compose_program, engine_host, image};
use program::Program;
use serde_json::Value as Json;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

const PROJECT: &str = "com.docker.compose.project=adopted";

/// A stack of `adopted/` in a folder of its own, with both programs. It goes when the test ends.
struct Stack {
    bowline: Program,
    api: Api,
    name: String,
    _alone: MutexGuard<'static, ()>,
}

impl Stack {
    fn new(name: &str) -> Self {
        let alone = ONE_AT_A_TIME.lock();
        let stack = Self {
            bowline: Program::on(&engine_host()),
            api: Api::at(&engine_host()),
            name: name.to_owned(),
            _alone: alone.unwrap_or_else(PoisonError::into_inner),
        };
        files::copy(name, stack.bowline.folder());
        let (status, _) = stack.api.send(
            "POST",
            &format!("/images/{}/tag?repo=adopted-image&tag=1", image("busy")),
        );
        assert_eq!(status, 201);
        stack.compose(&["-f", &outside(), "up", "-d"]);
        stack
    }

    /// Docker Compose with these arguments, not started yet.
    fn composing(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(compose_program());
        command
            .args(arguments)
            .current_dir(self.bowline.folder())
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.bowline.folder())
            .env("DOCKER_HOST", engine_host());
        command
    }

    fn compose(&self, arguments: &[&str]) -> String {
        succeeds(
            &self.name,
            arguments,
            &self.composing(arguments).output().unwrap(),
        )
    }

    fn bowline(&self, arguments: &[&str]) -> String {
        succeeds(&self.name, arguments, &self.bowline.output(arguments))
    }

    /// The ids of all containers, by name.
    fn ids(&self) -> BTreeMap<String, String> {
        let text = |value: &Json| value.as_str().unwrap().to_owned();
        let containers = self.api.labelled("containers", PROJECT);
        containers
            .iter()
            .map(|one| (text(&one["Names"][0]), text(&one["Id"])))
            .collect()
    }

    /// How many containers, networks and volumes there are.
    fn count(&self) -> [usize; 3] {
        ["containers", "networks", "volumes"].map(|list| self.api.labelled(list, PROJECT).len())
    }
}

/// The file with what the stacks expect to be there.
fn outside() -> String {
    let path = files::folder().join("outside.yaml");
    path.to_str().unwrap().to_owned()
}

impl Drop for Stack {
    fn drop(&mut self) {
        for arguments in [
            ["down", "--volumes", "-t", "0"].as_slice(),
            &["-f", &outside(), "down", "--volumes"],
        ] {
            drop(self.composing(arguments).output());
        }
        self.api.send("DELETE", "/images/adopted-image:1");
    }
}

fn succeeds(name: &str, arguments: &[&str], output: &Output) -> String {
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {arguments:?}\n{said}");
    said
}

#[test]
fn what_compose_brought_up_is_left_as_it_is_and_taken_down() {
    for name in files::names() {
        let stack = Stack::new(&name);
        stack.compose(&["up", "-d"]);
        let made = stack.ids();
        assert!(!made.is_empty());

        // Those that are not ready yet are waited for, which is a step.
        stack.bowline(&["up"]);
        stack.bowline(&["plan", "--detailed-exitcode"]);
        assert_eq!(stack.ids(), made, "{name}");

        let [_, _, volumes] = stack.count();
        stack.bowline(&["down", "-t", "0"]);
        assert_eq!(stack.count(), [0, 0, volumes], "{name}");
    }
}

#[test]
fn what_bowline_brought_up_is_left_as_it_is_by_compose_and_taken_down() {
    for name in files::names() {
        let stack = Stack::new(&name);
        stack.bowline(&["up"]);
        let made = stack.ids();
        let listed = stack.compose(&["ps", "--all", "--format", "{{.Name}}"]);
        let listed = listed.lines().map(|line| format!("/{line}"));
        let mut listed: Vec<String> = listed.collect();
        listed.sort();
        assert_eq!(listed, made.keys().cloned().collect::<Vec<_>>(), "{name}");

        let said = stack.compose(&["up", "-d"]);
        assert_eq!(stack.ids(), made, "{name}\n{said}");
        stack.compose(&["logs"]);
        stack.compose(&["stop", "-t", "0"]);
        stack.compose(&["start"]);
        stack.bowline(&["up"]);
        assert_eq!(stack.ids(), made, "{name}");

        let [_, _, volumes] = stack.count();
        stack.compose(&["down", "-t", "0"]);
        assert_eq!(stack.count(), [0, 0, volumes], "{name}");
        stack.bowline(&["up"]);
        assert_eq!(stack.ids().len(), made.len(), "{name}");
    }
}

#[test]
fn containers_that_compose_adds_are_counted_and_the_others_stay() {
    let stack = Stack::new("everyday");
    stack.bowline(&["up"]);
    let made = stack.ids();
    stack.compose(&["up", "-d", "--scale", "api=3"]);
    let more = stack.ids();
    assert_eq!(more.len(), made.len() + 1);
    assert!(made.iter().all(|(name, id)| more.get(name) == Some(id)));

    let listed = stack.bowline(&["ps", "--format", "json"]);
    assert!(listed.contains("adopted-api-3"), "{listed}");
    stack.bowline(&["up", "--scale", "api=3"]);
    assert_eq!(stack.ids(), more);
    stack.bowline(&["up"]);
    assert_eq!(stack.ids(), made);
}
