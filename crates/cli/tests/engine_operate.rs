//! `up`, `plan`, `down`, `undo` on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::unwrap_used,
    reason = "a test of the binary ends where that fails"
)]

mod program;

use std::io::{BufRead as _, BufReader};

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};

/// A server that answers its healthcheck, and a job before it.
const SHOP: &str = "
  db:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, 'true'], interval: 30s}
    volumes: ['data:/data']
  migrate:
    image: IMAGE
    command: ['true']
    depends_on: {db: {condition: service_healthy}}
  web:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    environment: {TAG: one}
    depends_on: {migrate: {condition: service_completed_successfully}}
volumes: {data: {}}
";

/// A stack that is taken down with its volume when the test is over.
struct Stack {
    bowline: Program,
    name: String,
}

impl Stack {
    fn new(name: &str) -> Self {
        let name = stack_name(name);
        let stack = Self {
            bowline: Program::on(&engine_host()),
            name,
        };
        stack.write(&stack.bowline, SHOP);
        stack
    }

    fn write(&self, bowline: &Program, services: &str) {
        let services = services.replace("IMAGE", &image("busy"));
        let text = format!("name: {}\nservices:{services}", self.name);
        bowline.write("compose.yaml", &text);
    }

    /// Runs a verb that has to end with `code`, and gives what it said on both streams.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        self.bowline.ends(code, arguments)
    }

    /// The ids of all containers, by name.
    fn containers(&self) -> Vec<(String, String)> {
        let listed = self.ends(0, &["ps", "-a", "--format", "json", "--no-trunc"]);
        let mut found: Vec<(String, String)> = listed
            .lines()
            .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                (text("Name"), text("ID"))
            })
            .collect();
        found.sort();
        found
    }

    fn names(&self) -> Vec<String> {
        let short = |(name, _): (String, String)| name.replace(&self.name, "shop");
        self.containers().into_iter().map(short).collect()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.bowline.output(&["down", "-t", "0"]);
        let volume = format!("{}_data", self.name);
        self.bowline.output(&["down", "--destroy-volumes", &volume]);
    }
}

const ALL: [&str; 3] = ["shop-db-1", "shop-migrate-1", "shop-web-1"];

#[test]
fn a_stack_comes_up_and_a_second_up_leaves_everything_alone() {
    let stack = Stack::new("again");
    stack.ends(0, &["up"]);
    let first = stack.containers();
    assert_eq!(stack.names(), ALL);

    assert_eq!(
        stack.ends(0, &["plan", "--detailed-exitcode"]),
        "nothing to do\n"
    );
    assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");
    assert_eq!(stack.containers(), first);
}

#[test]
fn what_changed_is_made_again_and_an_undo_brings_back_what_was() {
    let stack = Stack::new("undo");
    stack.ends(0, &["up"]);
    let first = stack.containers();

    stack.write(&stack.bowline, &SHOP.replace("TAG: one", "TAG: two"));
    let why = stack.ends(2, &["plan", "--why", "web", "--detailed-exitcode"]);
    assert!(
        why.contains("(changed: environment.TAG: one → two)"),
        "{why}"
    );
    stack.ends(0, &["up"]);
    let second = stack.containers();
    assert_eq!(first[..2], second[..2], "the others are left alone");
    assert_ne!(first[2], second[2]);

    stack.ends(0, &["undo"]);
    stack.ends(2, &["plan", "--detailed-exitcode"]);
    stack.write(&stack.bowline, SHOP);
    stack.ends(0, &["plan", "--detailed-exitcode"]);
    assert_eq!(stack.names(), ALL);
}

#[test]
fn an_up_that_is_killed_anywhere_is_completed_by_the_next() {
    let stack = Stack::new("kill");
    for lines in 1..=9 {
        let mut child = stack.bowline.start(&["up"]);
        let said = BufReader::new(child.stderr.take().unwrap());
        assert_eq!(said.lines().take(lines).count(), lines);
        child.kill().unwrap();
        child.wait().unwrap();

        stack.ends(0, &["up"]);
        assert_eq!(stack.names(), ALL, "killed after {lines} lines");
        assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");
        stack.ends(0, &["down"]);
    }
}

#[test]
fn of_two_users_at_once_the_second_is_told_who_the_first_is() {
    let stack = Stack::new("two");
    stack.write(&stack.bowline, &SHOP.replace("['true']", "[sleep, '5']"));
    let other = Program::on(&engine_host());
    stack.write(&other, SHOP);

    let mut first = stack.bowline.start(&["up"]);
    let mut said = BufReader::new(first.stderr.take().unwrap()).lines();
    said.next().unwrap().unwrap();
    let refused = other.ends(7, &["up"]);
    assert!(
        refused.contains(&format!("project `{}` is held by ", stack.name)),
        "{refused}"
    );
    let pid = format!("(process {})", first.id());
    assert!(refused.contains(&pid), "{refused}");

    said.for_each(|line| drop(line.unwrap()));
    assert!(first.wait().unwrap().success());
}

#[test]
fn one_that_is_not_ready_says_why_and_holds_up_only_what_needs_it() {
    let stack = Stack::new("gate");
    let broken = SHOP.replace(
        "[CMD, 'true'], interval: 30s",
        "[CMD-SHELL, 'echo no data; exit 3'], interval: 1s, retries: 2",
    );
    stack.write(&stack.bowline, &broken);
    let said = stack.ends(5, &["up"]);
    for part in [
        "error: service `db` did not become ready\n",
        "last probe   exit code 3\n",
        "| no data\n",
        "blocks       migrate, web\n",
        "hint: read what it says: `bowline logs db`\n",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    stack.write(&stack.bowline, SHOP);
    stack.ends(0, &["up"]);
    assert_eq!(stack.names(), ALL);
}

#[test]
fn what_is_paused_stands_still_until_it_is_let_go_on() {
    let stack = Stack::new("pause");
    stack.ends(0, &["up"]);
    let states = || {
        let listed = stack.ends(0, &["ps", "-a", "--format", "json"]);
        let lines = listed.lines();
        let found = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let mut words: Vec<String> = found
            .map(|one| {
                let text = |key: &str| one[key].as_str().unwrap().to_owned();
                format!("{} {}", text("Service"), text("State"))
            })
            .collect();
        words.sort();
        words.join(", ")
    };
    let running = states();

    stack.ends(0, &["pause"]);
    assert_eq!(states(), "db paused, migrate exited, web paused");
    assert_eq!(stack.ends(0, &["pause"]), "pause: nothing to do\n");
    let said = stack.ends(5, &["up"]);
    for part in [
        "is paused and stays so: `bowline unpause db` lets it go on\n",
        "reason       paused\n",
        "hint: let it go on: `bowline unpause db`\n",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    stack.ends(5, &["start", "web"]);

    stack.ends(0, &["unpause"]);
    assert_eq!(states(), running);
    assert_eq!(stack.ends(0, &["unpause"]), "unpause: nothing to do\n");
    stack.ends(0, &["undo"]);
    assert_eq!(states(), "db paused, migrate exited, web paused");
    stack.ends(0, &["restart", "-t", "0", "db"]);
    assert_eq!(states(), "db running, migrate exited, web paused");
    stack.ends(0, &["down", "-t", "0"]);
    assert!(stack.names().is_empty());
}

#[test]
fn volumes_stay_unless_they_are_named() {
    let stack = Stack::new("data");
    stack.ends(0, &["up"]);
    stack.ends(8, &["down", "--volumes"]);
    assert_eq!(stack.names(), ALL, "a refusal changes nothing");
    stack.ends(1, &["down", "--destroy-volumes", "somebody_elses"]);
    assert_eq!(stack.names(), ALL, "a refusal changes nothing");
    stack.ends(0, &["down"]);
    assert!(stack.names().is_empty());
    let volume = format!("{}_data", stack.name);
    let said = stack.ends(0, &["down", "--destroy-volumes", &volume]);
    assert!(
        said.contains(&format!("remove volume {volume} and its data")),
        "{said}"
    );
}
