//! `net check` on a real engine on this host: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(clippy::unwrap_used, reason = "a test ends where that fails")]

mod program;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};
use serde_json::Value as Json;

const SERVICES: &str = "
  web:
    image: IMAGE
    init: true
    command: [nc, -lk, -p, '8000']
    environment: {DB_URL: 'postgres://app@db:5432/app', API_URL: 'http://api:9000'}
    networks: [front]
  api:
    image: IMAGE
    init: true
    command: [nc, -lk, -s, '127.0.0.1', -p, '9000']
    networks: [front, back]
  db:
    image: IMAGE
    init: true
    command: [nc, -lk, -p, '5432']
    networks: [back]
  down:
    image: IMAGE
    command: ['true']
    expose: ['1234']
    networks: [front]
networks:
  front:
  back:
";

/// A stack that is taken down when the test is over.
struct Stack {
    bowline: Program,
    name: String,
}

impl Stack {
    fn up(name: &str) -> Self {
        let name = stack_name(name);
        let bowline = Program::on(&engine_host());
        let services = SERVICES.replace("IMAGE", &image("busy"));
        let services = services.replace("networks: [", "stop_grace_period: 0s\n    networks: [");
        bowline.write(
            "compose.yaml",
            &format!("name: {name}\nservices:{services}"),
        );
        bowline.ends(0, &["up"]);
        Self { bowline, name }
    }

    /// Runs a verb, and gives everything as text, what differs from run to run replaced.
    fn run(&self, arguments: &[&str]) -> String {
        let text = self.bowline.run(arguments).replace(&self.name, "$STACK");
        text.lines().map(steady).collect::<Vec<_>>().join("\n")
    }

    /// The verdict of a check.
    fn verdict(&self, from: &str, to: &str) -> (Option<i32>, String) {
        let output = self
            .bowline
            .output(&["net", "check", from, to, "--format", "json"]);
        let json: Json = serde_json::from_slice(&output.stdout).unwrap();
        let verdict = json["verdict"].as_str().unwrap().to_owned();
        (output.status.code(), verdict)
    }
}

/// A line without the addresses and times of this run.
fn steady(line: &str) -> String {
    let mut words: Vec<String> = Vec::new();
    for word in line.split(' ') {
        let (host, rest) = word.split_at(word.find(':').unwrap_or(word.len()));
        if let (Some(end), Some(last)) = (word.strip_prefix("ms"), words.last_mut())
            && last.trim_start_matches('(').parse::<f64>().is_ok()
        {
            let begin = if last.starts_with('(') { "(" } else { "" };
            *last = format!("{begin}$TIME{end}");
        } else if host
            .parse::<std::net::Ipv4Addr>()
            .is_ok_and(|it| it.is_private())
        {
            words.push(format!("$ADDRESS{rest}"));
        } else {
            words.push(word.to_owned());
        }
    }
    words.join(" ")
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.bowline.output(&["down", "-t", "0"]);
    }
}

#[test]
fn one_pair_is_told_by_the_step_that_fails() {
    let stack = Stack::up("net-pair");
    insta::assert_snapshot!(stack.run(&["net", "check", "api", "db:5432"]), @"
    [exit 0]
    --- stdout
    api -> db:5432: reached: connected in $TIME
      ok  from     `api`: container `$STACK-api-1` runs
      ok  name     `db` is $ADDRESS to its resolver ($TIME)
      ok  networks `api` is on $STACK_back, $STACK_front; `db` is on $STACK_back
      ok  target   container `$STACK-db-1` runs and listens on 5432
      ok  dial     $ADDRESS:5432 connected in $TIME
    ");
    insta::assert_snapshot!(stack.run(&["net", "check", "web", "db:5432"]), @"
    [exit 11]
    --- stdout
    web -> db:5432: not reached: `web` and `db` share no network
      ok  from     `web`: container `$STACK-web-1` runs
      no  name     its resolver knows no such name
      no  networks `web` is on $STACK_front; `db` is on $STACK_back
      ok  target   container `$STACK-db-1` runs and listens on 5432
    --- stderr
    hint: `web` (compose.yaml:9:15): add `back` to its `networks`, then `bowline up web`
    ");
    insta::assert_snapshot!(stack.run(&["net", "check", "web", "api:9000"]), @"
    [exit 11]
    --- stdout
    web -> api:9000: not reached: `api` listens on 127.0.0.1 only, where nobody else reaches it
      ok  from     `web`: container `$STACK-web-1` runs
      ok  name     `api` is $ADDRESS to its resolver ($TIME)
      ok  networks `web` is on $STACK_front; `api` is on $STACK_back, $STACK_front
      no  target   container `$STACK-api-1` runs and listens on no port; on 9000 at 127.0.0.1 only
      no  dial     $ADDRESS:9000 refused after $TIME
    --- stderr
    hint: let `api` listen on all addresses (`0.0.0.0`): within its own container 127.0.0.1 is nobody else's
    ");
}

#[test]
fn every_other_way_not_to_get_there_has_its_own_word() {
    let stack = Stack::up("net-words");
    for (from, to, code, verdict) in [
        ("api", "db:5433", 11, "other_port"),
        ("api", "bd:5432", 11, "unknown"),
        ("web", "down:1234", 11, "target_down"),
        ("down", "web:8000", 11, "client_down"),
        ("api", "localhost:9000", 0, "reached"),
        ("web", "localhost:9000", 11, "refused"),
        ("web", "web:8000", 0, "reached"),
    ] {
        let expected = (Some(code), verdict.to_owned());
        assert_eq!(stack.verdict(from, to), expected, "{from} {to}");
    }
    let said = stack.run(&["net", "check", "api", "bd:5432"]);
    assert!(said.contains("hint: did you mean `db`?"), "{said}");
    insta::assert_snapshot!(stack.run(&["net", "check", "wbe", "db:5432"]), @"
    [exit 64]
    --- stderr
    error: no such service: `wbe`
    hint: did you mean `web`?
    ");
    stack.bowline.ends(0, &["pause", "db"]);
    assert_eq!(
        stack.verdict("api", "db:5432").1,
        "reached",
        "the kernel takes calls for it"
    );
}

#[test]
fn the_matrix_says_who_reaches_whom_and_who_was_told_and_does_not() {
    let stack = Stack::up("net-matrix");
    insta::assert_snapshot!(stack.run(&["net", "check"]), @"
    [exit 11]
    --- stdout
    FROM  api:9000  db:5432     down:1234    web:8000
    api   -         ok          not running  ok
    db    refused   -           not running  no network
    web   refused   no network  not running  -
    `web` was told to dial `api:9000` and does not reach it (refused): bowline net check web api:9000
    `web` was told to dial `db:5432` and does not reach it (no network): bowline net check web db:5432
    dialled 4 pairs
    ");
    let output = stack.bowline.output(&["net", "check", "--format", "json"]);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["rows"][0]["cells"][1], "ok");
    assert_eq!(json["left_out"], 0);
}
