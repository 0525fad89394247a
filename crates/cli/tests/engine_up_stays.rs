//! `up` that stays with the logs, on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary sends signals with the system's own program, and ends where that fails"
)]

mod program;

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Command;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};

/// A server, a job before the test, and a test that fails; each says a line first.
const CHECKED: &str = "
  db:
    image: IMAGE
    init: true
    command: [sh, -c, 'echo serving; exec sleep 1000']
    healthcheck: {test: [CMD, 'true'], interval: 1s}
  migrate:
    image: IMAGE
    command: [echo, migrated]
    depends_on: {db: {condition: service_healthy}}
  test:
    image: IMAGE
    command: [sh, -c, 'echo testing; exit 3']
    depends_on: {migrate: {condition: service_completed_successfully}}
";

/// A stack that is taken down when the test is over.
struct Stack(Program);

impl Stack {
    fn new(name: &str) -> Self {
        let bowline = Program::on(&engine_host());
        let services = CHECKED.replace("IMAGE", &image("busy"));
        let name = stack_name(name);
        bowline.write(
            "compose.yaml",
            &format!("name: {name}\nservices:{services}"),
        );
        Self(bowline)
    }

    /// Runs a verb, and gives its exit code and both of its streams.
    fn run(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let output = self.0.output(arguments);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (
            output.status.code(),
            text(output.stdout),
            text(output.stderr),
        )
    }

    /// What runs, by service.
    fn running(&self) -> String {
        self.run(&["ps", "--services"]).1
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.0.output(&["down", "-t", "0"]);
    }
}

#[test]
fn the_end_of_a_test_stops_everything_and_its_code_is_that_of_the_verb() {
    let stack = Stack::new("stays");
    let (code, lines, said) = stack.run(&["up", "--exit-code-from", "test"]);
    assert_eq!(code, Some(3), "{said}");
    for line in [
        "db-1       | serving\n",
        "migrate-1  | migrated\n",
        "test-1     | testing\n",
    ] {
        assert!(lines.contains(line), "`{line}` is missing:\n{lines}");
    }
    assert!(
        said.contains("-test-1 has ended with exit code 3: everything was stopped\n"),
        "{said}"
    );
    assert_eq!(stack.running(), "");

    let only = ["up", "--abort-on-container-exit", "--attach", "migrate"];
    let (code, lines, said) = stack.run(&only);
    assert_eq!(code, Some(3), "{said}");
    assert!(!lines.contains("serving"), "{lines}");
}

#[test]
fn who_only_reads_leaves_everything_running() {
    let stack = Stack::new("reads");
    let mut child = stack.0.start(&["up", "--follow", "db"]);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "db-1  | serving");
    let mut said = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("up: done") {
        line.clear();
        assert_ne!(said.read_line(&mut line).unwrap(), 0);
    }
    let pid = child.id().to_string();
    Command::new("kill").args(["-INT", &pid]).status().unwrap();
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(rest.contains("left the logs: the stack goes on"), "{rest}");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(stack.running(), "db\n");
}
