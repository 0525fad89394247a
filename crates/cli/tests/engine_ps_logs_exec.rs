//! `ps`, `logs` and `exec` on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary sends signals with the system's own program, and ends where that fails"
)]

mod program;

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};
use serde_json::Value as Json;

/// A stack that is taken down when the test is over.
struct Stack {
    bowline: Program,
    name: String,
}

impl Stack {
    /// Brings a stack up; `services` is the body of `services:`.
    fn up(name: &str, services: &str) -> Self {
        let name = stack_name(name);
        let bowline = Program::on(&engine_host());
        let services = services.replace("IMAGE", &image("busy"));
        bowline.write(
            "compose.yaml",
            &format!("name: {name}\nservices:\n{services}"),
        );
        let stack = Self { bowline, name };
        stack.done(&["up", "-d"]);
        stack
    }

    /// Runs a verb that has to succeed, and gives what it printed.
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.bowline.output(arguments);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{arguments:?}: {:?}\n{said}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a verb, and gives everything as text, the stack's own name replaced.
    fn run(&self, arguments: &[&str]) -> String {
        self.bowline.run(arguments).replace(&self.name, "$STACK")
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.bowline.output(&["down", "-t", "0"]);
    }
}

/// Waits for the end of a child that has to come soon.
fn end_of(child: &mut Child) -> Option<i32> {
    let patience = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(Instant::now() < patience, "it does not end");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

fn interrupt(child: &Child) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args(["-INT", &pid]).status().unwrap();
    assert!(sent.success());
}

const SHOP: &str = r#"
  web:
    image: IMAGE
    init: true
    scale: 2
    command: [sh, -c, "echo hello; exec sleep 1000"]
    healthcheck: {test: [CMD, "true"], interval: 1s}
    ports: ["127.0.0.1::80"]
    depends_on: {migrate: {condition: service_completed_successfully}}
  migrate:
    image: IMAGE
    command: [sh, -c, "echo migrated"]
"#;

#[test]
fn ps_lists_what_runs_and_what_is_done() {
    let stack = Stack::up("ps", SHOP);
    let lines = |arguments: &[&str]| -> Vec<String> {
        stack.done(arguments).lines().map(str::to_owned).collect()
    };
    let table = lines(&["ps"]);
    assert_eq!(table.len(), 4, "{table:?}");
    assert!(
        table[1].contains("Done ") && table[1].contains("-migrate-1"),
        "{table:?}"
    );
    assert!(
        table[2].contains("Up ") && table[2].contains("->80/tcp"),
        "{table:?}"
    );
    assert_eq!(lines(&["ps", "--services"]), ["web"]);
    assert_eq!(lines(&["ps", "-a", "--services"]), ["migrate", "web"]);
    assert_eq!(lines(&["ps", "-q", "web"]).len(), 2);
    assert_eq!(lines(&["ps", "-q", "--status", "exited"]).len(), 1);
    let json = lines(&["ps", "--format", "json", "web"]);
    let web: Json = serde_json::from_str(&json[0]).unwrap();
    assert_eq!(web["State"], "running");
    assert_eq!(web["Publishers"][0]["TargetPort"], 80);
    assert_eq!(web["Name"], format!("{}-web-1", stack.name));
    // By its name alone, from anywhere.
    let elsewhere = Program::on(&engine_host());
    let same = elsewhere.output(&["-p", &stack.name, "ps", "-q"]);
    assert_eq!(
        String::from_utf8(same.stdout).unwrap(),
        stack.done(&["ps", "-q"])
    );
    insta::assert_snapshot!(stack.run(&["ps", "wbe"]), @"
    [exit 64]
    --- stderr
    error: no such service: `wbe`
    hint: did you mean `web`?
    ");
}

#[test]
fn exec_hands_streams_and_exit_code_through() {
    let stack = Stack::up("exec", SHOP);
    insta::assert_snapshot!(
        stack.run(&["exec", "-e", "A=a b", "web", "sh", "-c", "echo \"$A\"; echo no >&2; exit 7", "-T"]),
        @"
    [exit 7]
    --- stdout
    a b
    --- stderr
    no
    ");
    // Every byte, and the end of the input.
    let bytes: Vec<u8> = (0..1_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    let mut command = stack
        .bowline
        .command(&["exec", "-T", "--index", "2", "web", "cat"]);
    let mut cat = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (cat.stdin.take().unwrap(), cat.stdout.take().unwrap());
    let sent = bytes.clone();
    let feeding = std::thread::spawn(move || input.write_all(&sent).unwrap());
    let mut back = Vec::new();
    output.read_to_end(&mut back).unwrap();
    feeding.join().unwrap();
    assert!(
        back == bytes,
        "{} of {} bytes came back",
        back.len(),
        bytes.len()
    );
    assert_eq!(end_of(&mut cat), Some(0));
    let said = stack.run(&["exec", "web", "no-such-program"]);
    assert!(
        said.starts_with("[exit 126]") || said.starts_with("[exit 127]"),
        "{said}"
    );
    assert!(said.contains("no-such-program"), "{said}");
}

#[test]
fn exec_says_why_it_cannot_run_anything() {
    let stack = Stack::up("not-running", SHOP);
    let said = stack.run(&["exec", "migrate", "true"]);
    assert!(said.starts_with("[exit 1]"), "{said}");
    assert!(
        said.contains("container `$STACK-migrate-1` does not run: Exited (0)"),
        "{said}"
    );
    assert!(
        said.contains("hint: start it with `bowline start migrate`"),
        "{said}"
    );
}

#[test]
fn exec_in_the_background_goes_on_without_us_and_a_bad_command_is_told() {
    let stack = Stack::up("detach", SHOP);
    // More than any pipe holds, and nobody reads it.
    let script = "head -c 1000000 /dev/zero; echo finished > /tmp/result";
    stack.done(&["exec", "-d", "web", "sh", "-c", script]);
    let wait = "until [ -s /tmp/result ]; do sleep 0.05; done; cat /tmp/result";
    assert_eq!(stack.done(&["exec", "web", "sh", "-c", wait]), "finished\n");
    let said = stack.run(&["exec", "-d", "web", "no-such-program"]);
    assert!(
        said.starts_with("[exit 12") && said.contains("no-such-program"),
        "{said}"
    );
}

#[test]
fn interrupting_exec_and_logs_gives_130() {
    let stack = Stack::up("interrupt", SHOP);
    for arguments in [
        &["exec", "web", "sh", "-c", "echo begun; sleep 1000"][..],
        &["logs", "-f"],
    ] {
        let mut child = stack.bowline.start(arguments);
        // Held until the end: a reader that goes is another way to end.
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        interrupt(&child);
        assert_eq!(
            end_of(&mut child),
            Some(130),
            "{arguments:?} after {line:?}"
        );
    }
}

#[test]
fn logs_are_in_the_order_of_time_whether_past_or_followed() {
    let writer = |name: &str| {
        let script = "for i in 1 2 3 4 5 6 7 8; do echo $$i; sleep 0.1; done; exec sleep 1000";
        format!(
            "  {name}:\n    image: IMAGE\n    init: true\n    command: [sh, -c, \"{script}\"]\n"
        )
    };
    let stack = Stack::up("order", &["one", "two", "three"].map(writer).concat());
    let mut follow = stack
        .bowline
        .start(&["logs", "-f", "-t", "--no-log-prefix"]);
    let mut lines = BufReader::new(follow.stdout.take().unwrap()).lines();
    let followed: Vec<String> = lines.by_ref().take(24).map(Result::unwrap).collect();
    assert!(followed.is_sorted(), "{followed:#?}");
    let past = stack.done(&["logs", "-t", "--no-log-prefix"]);
    assert_eq!(past.lines().collect::<Vec<_>>(), followed);
    let tail = stack.done(&["logs", "-n", "1", "two"]);
    assert_eq!(tail, "two-1  | 8\n");
    interrupt(&follow);
    assert_eq!(end_of(&mut follow), Some(130));
}

#[test]
fn a_reader_of_logs_that_goes_is_a_quiet_end() {
    let stack = Stack::up("pipe", &counting());
    let mut follow = stack.bowline.start(&["logs", "-f"]);
    let mut output = BufReader::new(follow.stdout.take().unwrap());
    output.read_line(&mut String::new()).unwrap();
    drop(output);
    assert_eq!(end_of(&mut follow), Some(0));
    let mut said = String::new();
    follow
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert_eq!(said, "");
}

/// Two services that count from 1 in every run, with the run's own name before each number.
fn counting() -> String {
    let service = |name: &str| {
        let script = "r=$$(date +%s%N); i=0; trap 'exit 0' TERM; while :; do i=$$((i+1)); echo $$r $$i; sleep 0.02; done";
        format!(
            "  {name}:\n    image: IMAGE\n    command: [sh, -c, \"{script}\"]\n    stop_grace_period: 5s\n"
        )
    };
    ["one", "two"].map(service).concat()
}

#[test]
fn following_has_neither_gaps_nor_repeats_over_restarts_and_recreation() {
    let stack = Stack::up("follow", &counting());
    let mut follow = stack.bowline.start(&["logs", "-f"]);
    let output = follow.stdout.take().unwrap();
    let reading = std::thread::spawn(move || {
        let lines = BufReader::new(output).lines();
        lines.map(Result::unwrap).collect::<Vec<String>>()
    });
    stack.done(&["restart", "one"]);
    let before = stack.done(&["logs"]);
    stack.done(&["restart"]);
    stack.done(&["up", "--force-recreate"]);
    stack.done(&["restart", "two"]);
    stack.done(&["down"]);
    let followed = reading.join().unwrap();
    assert_eq!(end_of(&mut follow), Some(0), "nothing runs any more");
    let mut runs: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    for line in &followed {
        let (name, text) = line.split_once(" | ").unwrap();
        let (run, number) = text.split_once(' ').unwrap();
        let run = format!("{} {run}", name.trim());
        runs.entry(run).or_default().push(number.parse().unwrap());
    }
    for (run, numbers) in &runs {
        let expected: Vec<u64> = (1..=numbers.len() as u64).collect();
        assert_eq!(numbers, &expected, "run {run}");
    }
    // One: up, restart, restart, recreation. Two: up, restart, recreation, restart.
    assert_eq!(runs.len(), 8, "{:?}", runs.keys());
    for line in before.lines() {
        assert!(followed.iter().any(|seen| seen == line), "lost: {line}");
    }
}
