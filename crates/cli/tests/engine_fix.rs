//! `doctor --fix`, and the cause on the screen of an `up` that fails, on a real engine: the one at
//! `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::unwrap_used,
    reason = "a test of the binary ends where that fails"
)]

mod program;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};
use serde_json::Value;

/// A server, and one that asks it. The password is nobody's business.
const CALLS: &str = "
services:
  cache:
    image: IMAGE
    command: [busybox, httpd, -f, -p, '8080', -h, /etc]
    stop_grace_period: 0s
  api:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    environment:
      CACHE_URL: http://HOST:8080
      DB_PASSWORD: opensesame-17
    depends_on: [cache]
    healthcheck:
      test: [CMD, curl, -sf, -m, '1', -o, /dev/null, 'http://HOST:8080/hostname']
      interval: 1s
      retries: 2
";

/// A stack that is taken down when the test is over.
struct Stack(Program);

impl Stack {
    fn new(name: &str, text: &str) -> Self {
        let bowline = Program::on(&engine_host());
        let text = text.replace("IMAGE", &image("busy"));
        bowline.write("compose.yaml", &format!("name: {}{text}", stack_name(name)));
        Self(bowline)
    }

    fn calling(name: &str, host: &str) -> Self {
        Self::new(name, &CALLS.replace("HOST", host))
    }

    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        self.0.ends(code, arguments)
    }

    fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let output = self.0.output(&[arguments, &["--format", "json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{said}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    fn state(&self, service: &str) -> String {
        let listed = self.ends(0, &["ps", "-a", "--format", "json", service]);
        let container: Value = serde_json::from_str(listed.trim()).unwrap();
        container["State"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.0.output(&["down", "-t", "0"]));
    }
}

#[test]
fn a_paused_service_goes_on_and_the_cause_is_gone() {
    let stack = Stack::calling("fix", "cache");
    stack.ends(0, &["up"]);
    let said = stack.ends(0, &["doctor", "--fix", "D101"]);
    assert_eq!(said, "D101 is not there: nothing to mend\n");

    stack.ends(0, &["pause", "cache"]);
    stack.0.until_found("D101");
    let shown = stack.ends(0, &["doctor", "--fix", "D101", "--dry-run"]);
    assert!(shown.contains("-cache-1 (mends D101)\n"), "{shown}");
    assert!(shown.ends_with("nothing was changed\n"), "{shown}");
    let elsewhere = stack.ends(64, &["doctor", "--fix", "D101=api"]);
    assert!(elsewhere.contains("`--fix D101=cache`"), "{elsewhere}");
    assert_eq!(stack.state("cache"), "paused");

    let answer = stack.json(0, &["doctor", "--fix", "d101=cache"]);
    assert_eq!(stack.state("cache"), "running");
    assert_eq!(answer["mended"], true);
    assert_eq!(
        answer["remedies"][0]["plan"]["steps"][0]["because"],
        "mends D101"
    );
    assert!(answer["after"]["causes"].is_array(), "{answer}");
    let operation = answer["remedies"][0]["operation"].as_str().unwrap();
    let history = stack.json(0, &["history"]);
    assert_eq!(history[0]["id"], operation);
    assert_eq!(history[0]["verb"], "unpause for D101");

    stack.ends(0, &["undo", operation]);
    assert_eq!(stack.state("cache"), "paused");
}

#[test]
fn a_service_that_ends_again_is_still_down() {
    let ends = CALLS
        .replace("HOST", "cache")
        .replace("[busybox, httpd, -f, -p, '8080', -h, /etc]", "['false']");
    let stack = Stack::new("fix-not", &ends);
    let (code, said) = stack.0.said(&["up"]);
    assert_ne!(code, Some(0), "{said}");
    stack.0.until_found("D012");
    let said = stack.ends(11, &["doctor", "--fix", "D012", "--yes"]);
    assert!(
        said.contains("still there:\n\nerror[D012]: `cache`: "),
        "{said}"
    );
    assert!(said.contains("  because    1 "), "{said}");
    let answer = stack.json(11, &["doctor", "--fix", "D012"]);
    assert_eq!(answer["mended"], false);
}

#[test]
fn an_up_that_fails_says_why_and_what_somebody_has_to_decide_is_not_done() {
    let stack = Stack::calling("why", "warehouse");
    let said = stack.ends(5, &["up"]);
    let why = "why: error[D053]: `api`: it dials `warehouse`, which nobody is called (compose.yaml:12:18)\n\
               hint: what shows it, and what mends it: `bowline doctor`\n\
               hint: read what it says: `bowline logs api`\n";
    assert!(said.contains(why), "{said}");
    assert!(!said.contains("opensesame-17"), "{said}");

    let before = stack.ends(0, &["ps", "-a", "--format", "json", "--no-trunc"]);
    let said = stack.ends(11, &["doctor", "--fix", "D053", "--yes"]);
    assert!(
        said.contains("none: somebody has to decide here: write the name of a service there"),
        "{said}"
    );
    assert!(said.ends_with("nothing was changed\n"), "{said}");
    let ids = |listed: &str| -> Vec<Value> {
        let lines = listed
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines.map(|line| line["ID"].clone()).collect()
    };
    let after = stack.ends(0, &["ps", "-a", "--format", "json", "--no-trunc"]);
    assert_eq!(ids(&before), ids(&after));
}

#[test]
fn a_failure_that_nothing_known_explains_is_shown_without_a_guess() {
    let text = "
services:
  mute:
    image: IMAGE
    command: [sh, -c, 'echo here I am; exec sleep infinity']
    stop_grace_period: 0s
    healthcheck: {test: [CMD, 'false'], interval: 1s, retries: 2}
";
    let stack = Stack::new("why-not", text);
    let said = stack.ends(5, &["up"]);
    assert!(
        said.contains("error: service `mute` did not become ready\n"),
        "{said}"
    );
    assert!(!said.contains("why: "), "{said}");
    let said = stack.ends(64, &["doctor", "--fix", "D1O1"]);
    let hint = "error: there is no code `D1O1`\nhint: did you mean `D101`? ";
    assert!(said.contains(hint), "{said}");
}
