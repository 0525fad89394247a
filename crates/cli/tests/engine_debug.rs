//! `debug` on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary sends signals with the system's own program, and ends where that fails"
)]

mod program;

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bowline_testkit::{Api, engine_host, image};
use program::{Program, stack_name};
use serde_json::Value as Json;

/// One that ends at once again and again, one that runs, and one without a shell that is never started.
const SERVICES: &str = "
  crash:
    image: IMAGE
    command: [sh, -c, 'echo cannot >&2; exit 3']
    restart: always
    user: '65534'
    working_dir: /tmp
    hostname: crash
    environment: {WHO: crash, API_TOKEN: hunter2hunter2}
    labels: {traefik.enable: 'true'}
    ports: ['127.0.0.1::80']
    extra_hosts: ['far:192.0.2.7']
    mem_limit: 64m
    networks: {default: {aliases: [everybody]}}
    volumes: ['data:/data', '/scratch', './here:/here']
    healthcheck: {test: [CMD, 'false'], interval: 1s}
  runs:
    image: IMAGE
    init: true
    command: [nc, -lk, -p, '7000']
    stop_grace_period: 0s
  bare:
    image: NAME-bare
    build: bare
    profiles: [bare]
    entrypoint: [/busybox, cat]
    command: [/etc/hostname]
volumes:
  data:
";

const BARE: &str = "FROM IMAGE AS from
FROM scratch
COPY --from=from /bin/busybox /busybox
";

/// A stack that is taken down when the test is over.
struct Stack {
    bowline: Program,
    name: String,
}

impl Stack {
    /// Writes a stack, and starts nothing.
    fn new(name: &str) -> Self {
        let name = stack_name(name);
        let bowline = Program::on(&engine_host());
        let services = SERVICES
            .replace("IMAGE", &image("busy"))
            .replace("NAME", &name);
        bowline.write(
            "compose.yaml",
            &format!("name: {name}\nservices:{services}"),
        );
        std::fs::create_dir(bowline.folder().join("here")).unwrap();
        std::fs::create_dir(bowline.folder().join("bare")).unwrap();
        bowline.write("bare/Dockerfile", &BARE.replace("IMAGE", &image("busy")));
        Self { bowline, name }
    }

    /// Brings these services up, whether or not they stay up.
    fn up(name: &str) -> Self {
        let stack = Self::new(name);
        stack.bowline.output(&["up", "--no-wait"]);
        stack
    }

    /// Runs a verb, and gives everything as text, what differs from run to run replaced.
    fn run(&self, arguments: &[&str]) -> String {
        self.bowline.run(arguments).replace(&self.name, "$STACK")
    }

    /// The containers of `debug` that are there.
    fn left(&self) -> Vec<Json> {
        let label = format!("com.docker.compose.project={}", self.name);
        let all = Api::at(&engine_host()).labelled("containers", &label);
        let is_debug = |one: &Json| one["Labels"].get("dev.bowline.debug").is_some();
        all.into_iter().filter(is_debug).collect()
    }

    /// Waits until no container of `debug` is there any more.
    fn until_none_is_left(&self) {
        let patience = Instant::now() + Duration::from_secs(30);
        while !self.left().is_empty() {
            assert!(Instant::now() < patience, "{:#?}", self.left());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    /// Starts a shell that says `in` and stays; its reader is held so that nobody takes it for gone.
    fn enter(&self, service: &str) -> (Child, BufReader<std::process::ChildStdout>) {
        let script = "echo in; exec sleep 1000";
        let mut command = self
            .bowline
            .command(&["debug", service, "--", "sh", "-c", script]);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, "in\n");
        (child, output)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.bowline.output(&["down", "-t", "0"]);
        let api = Api::at(&engine_host());
        // Not every test has them.
        api.send("DELETE", &format!("/volumes/{}_data", self.name));
        api.send("DELETE", &format!("/images/{}-bare", self.name));
    }
}

fn signal(child: &Child, name: &str) {
    let pid = child.id().to_string();
    let sent = Command::new("kill").args([name, &pid]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn a_service_that_crashes_is_entered_with_everything_that_it_has() {
    let stack = Stack::up("debug-crash");
    let script = "echo $WHO; id -u; pwd; grep far /etc/hosts; cat /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null; touch /data/x /here/x; touch /scratch/x 2>/dev/null; hostname; exit 7";
    let said = stack.run(&["debug", "crash", "--", "sh", "-c", script]);
    assert!(said.starts_with("[exit 7]"), "{said}");
    assert!(
        said.contains("crash\n65534\n/tmp\n192.0.2.7\tfar\n67108864\n"),
        "{said}"
    );
    assert!(said.contains("'/data/x': Read-only file system"), "{said}");
    assert!(said.contains("'/here/x': Read-only file system"), "{said}");
    assert!(
        !said.contains("\ncrash\n--- stderr"),
        "its host name is found by others: {said}"
    );
    assert!(
        said.contains("service `crash` runs: sh -c 'echo cannot >&2; exit 3'"),
        "{said}"
    );
    assert!(!said.contains("hunter2"), "{said}");
    assert!(stack.left().is_empty());
    stack.run(&[
        "debug", "crash", "--user", "0", "--write", "--", "touch", "/here/y", "/data/y",
    ]);
    assert!(stack.bowline.folder().join("here/y").exists());
    // Where nothing can be kept, one gets in all the same.
    let mut command = stack
        .bowline
        .command(&["debug", "crash", "--", "echo", "in"]);
    let output = command.env("BOWLINE_CONFIG_HOME", "nowhere").output();
    let output = output.unwrap();
    let noted = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.stdout, b"in\n", "{noted}");
    let why = "warning: this is not in the journal: `BOWLINE_CONFIG_HOME` has to be";
    assert!(noted.contains(why), "{noted}");
}

#[test]
fn nobody_takes_it_for_the_service() {
    let stack = Stack::up("debug-hidden");
    let (mut child, _output) = stack.enter("crash");
    let left = stack.left();
    assert_eq!(left.len(), 1);
    let labels = &left[0]["Labels"];
    assert_eq!(labels["com.docker.compose.oneoff"], "True");
    assert!(labels.get("traefik.enable").is_none());
    assert_eq!(left[0]["Ports"].as_array().unwrap().len(), 0);
    let id = left[0]["Id"].as_str().unwrap();
    let inspected = Api::at(&engine_host()).get(&format!("/containers/{id}/json"));
    let network = format!("{}_default", stack.name);
    let aliases = inspected["NetworkSettings"]["Networks"][&network]["Aliases"].to_string();
    assert!(
        !aliases.contains("crash") && !aliases.contains("everybody"),
        "{aliases}"
    );
    assert_eq!(inspected["HostConfig"]["RestartPolicy"]["Name"], "no");
    let mounts = inspected["Mounts"].as_array().unwrap();
    let scratch = mounts.iter().find(|one| one["Destination"] == "/scratch");
    let scratch = format!("/volumes/{}", scratch.unwrap()["Name"].as_str().unwrap());
    let ps = stack.run(&["ps", "--format", "json"]);
    assert!(!ps.contains("-debug-"), "{ps}");
    let ps = stack.run(&["ps", "-a"]);
    assert!(ps.contains("$STACK-crash-debug-"), "{ps}");
    // A plan leaves it alone.
    let plan = stack.run(&["plan"]);
    assert!(!plan.contains("-debug-"), "{plan}");
    signal(&child, "-TERM");
    assert_eq!(child.wait().unwrap().code(), Some(143));
    assert!(stack.left().is_empty());
    assert_eq!(Api::at(&engine_host()).send("GET", &scratch).0, 404);
}

#[test]
fn it_goes_with_ctrl_c_with_kill_and_with_its_stack() {
    let stack = Stack::up("debug-ends");
    let (mut interrupted, _one) = stack.enter("runs");
    signal(&interrupted, "-INT");
    assert_eq!(interrupted.wait().unwrap().code(), Some(130));
    assert!(stack.left().is_empty());
    let (mut hung_up, _two) = stack.enter("runs");
    signal(&hung_up, "-HUP");
    assert_eq!(hung_up.wait().unwrap().code(), Some(129));
    assert!(stack.left().is_empty());
    let (mut killed, _three) = stack.enter("runs");
    signal(&killed, "-KILL");
    killed.wait().unwrap();
    stack.until_none_is_left();
    let (mut first, _four) = stack.enter("runs");
    let (mut second, _five) = stack.enter("crash");
    assert_eq!(stack.left().len(), 2);
    let down = stack.run(&["down", "-t", "0"]);
    assert!(down.starts_with("[exit 0]"), "{down}");
    assert!(down.contains("of a `bowline debug runs` by "), "{down}");
    assert!(down.contains("of a `bowline debug crash` by "), "{down}");
    for child in [&mut first, &mut second] {
        assert_eq!(child.wait().unwrap().code(), Some(137));
    }
    let history = stack.run(&["history"]);
    assert!(!history.contains("debug"), "it is no operation: {history}");
}

#[test]
fn what_is_typed_reaches_the_shell_and_the_end_of_the_input_ends_it() {
    let stack = Stack::up("debug-typed");
    let mut command = stack.bowline.command(&["debug", "runs"]);
    let mut shell = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = shell.stdin.take().unwrap();
    input
        .write_all(b"nc -z runs 7000 && echo reached\nexit 5\n")
        .unwrap();
    drop(input);
    let output = shell.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(5));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "reached\n");
    assert!(stack.left().is_empty());
}

#[test]
fn a_service_that_was_never_started_makes_nothing_that_stays() {
    let stack = Stack::new("debug-never");
    let said = stack.run(&[
        "debug",
        "crash",
        "--",
        "sh",
        "-c",
        "ls /data; ip addr | grep -c eth",
    ]);
    assert!(said.starts_with("[exit 1]\n--- stdout\n0\n"), "{said}");
    assert!(
        said.contains("network `$STACK_default` is not there yet"),
        "{said}"
    );
    assert!(
        said.contains("volume `$STACK_data` is not there yet"),
        "{said}"
    );
    let api = Api::at(&engine_host());
    let label = format!("com.docker.compose.project={}", stack.name);
    for list in ["containers", "networks", "volumes"] {
        assert!(api.labelled(list, &label).is_empty(), "{list}");
    }
    let volume = format!("/volumes/{}_data", stack.name);
    assert_eq!(api.send("GET", &volume).0, 404);
}

#[test]
fn an_image_without_a_shell_says_what_to_do_and_runs_what_it_has() {
    let stack = Stack::new("debug-bare");
    let said = stack.run(&["debug", "bare"]);
    insta::assert_snapshot!(said, @"
    [exit 1]
    --- stderr
    error: compose.yaml:24:12: image `$STACK-bare` of service `bare` is not on the engine
    hint: build it and bring the service up: `bowline up --build bare`
    ");
    stack
        .bowline
        .output(&["up", "--no-wait", "--build", "bare"]);
    insta::assert_snapshot!(stack.run(&["debug", "bare"]), @"
    [exit 1]
    --- stderr
    service `bare` runs: /busybox cat /etc/hostname
    error: image `$STACK-bare` of service `bare` has no shell: nothing is at `/bin/bash`, `/bin/sh`, `/bin/ash`, `/busybox/sh`
    hint: it has the program that the service runs: `bowline debug bare -- /busybox cat /etc/hostname`
    hint: `bowline debug bare --with IMAGE` takes the shell of another image, with this service's network, mounts and variables
    ");
    let said = stack.run(&[
        "debug",
        "bare",
        "--",
        "/busybox",
        "sh",
        "-c",
        "/busybox echo here; exit 9",
    ]);
    assert!(said.starts_with("[exit 9]\n--- stdout\nhere\n"), "{said}");
    assert!(stack.left().is_empty());
    let none = stack.run(&["debug", "bare", "--with", "no-such-image"]);
    assert!(
        none.contains("image `no-such-image` of `--with` is not on the engine"),
        "{none}"
    );
    let busy = image("busy");
    let said = stack.run(&[
        "debug",
        "bare",
        "--with",
        &busy,
        "--",
        "sh",
        "-c",
        "echo $PATH | grep -c bin",
    ]);
    assert!(said.starts_with("[exit 0]\n--- stdout\n1\n"), "{said}");
    assert!(
        said.contains("no container of `bare` runs that could be joined"),
        "{said}"
    );
}

#[test]
fn another_image_is_joined_to_the_network_and_the_processes_of_one_that_runs() {
    let stack = Stack::up("debug-with");
    let busy = image("busy");
    let script = "nc -z 127.0.0.1 7000 && echo reached; ls /proc/1/root/etc/hostname; ps ax | grep -c '[n]c -lk'";
    let said = stack.run(&["debug", "runs", "--with", &busy, "--", "sh", "-c", script]);
    assert!(
        said.starts_with("[exit 0]\n--- stdout\nreached\n/proc/1/root/etc/hostname\n"),
        "{said}"
    );
    assert!(stack.left().is_empty());
}

#[test]
fn what_cannot_be_entered_is_said_with_its_place() {
    let stack = Stack::new("debug-wrong");
    insta::assert_snapshot!(stack.run(&["debug", "crahs"]), @"
    [exit 64]
    --- stderr
    error: no such service: `crahs`
    hint: did you mean `crash`?
    ");
    stack
        .bowline
        .write("compose.yaml", "services:\n  web:\n    image: [1]\n");
    let said = stack.run(&["debug", "web"]);
    assert!(said.starts_with("[exit 3]"), "{said}");
    assert!(said.contains("compose.yaml:3:"), "{said}");
}
