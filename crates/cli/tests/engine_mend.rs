//! `doctor --fix` changes a wrong word in the user's own files, and `undo` puts it back, on a real engine: the one at
//! `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary reads its files, and ends where that fails"
)]

mod program;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};
use serde_json::Value;

/// A server, and one that asks it at an address that stands in `.env`. The password is nobody's business.
const CALLS: &str = "# mine
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
      CACHE_URL: \"WHERE\"   # where it asks
      DB_PASSWORD: opensesame-17
    depends_on: [cache]
    healthcheck:
      test: [CMD-SHELL, 'curl -sf -m 1 -o /dev/null \"$$CACHE_URL/hostname\"']
      interval: 1s
      retries: 2
";

/// A stack that is taken down when the test is over.
struct Stack(Program);

impl Stack {
    fn new(name: &str, text: &str, others: &[(&str, &str)]) -> Self {
        let bowline = Program::on(&engine_host());
        let text = text.replace("IMAGE", &image("busy"));
        bowline.write(
            "compose.yaml",
            &format!("name: {}\n{text}", stack_name(name)),
        );
        for (name, text) in others {
            bowline.write(name, text);
        }
        Self(bowline)
    }

    fn calling(name: &str, address: &str, others: &[(&str, &str)]) -> Self {
        Self::new(name, &CALLS.replace("WHERE", address), others)
    }

    fn file(&self, name: &str) -> String {
        std::fs::read_to_string(self.0.folder().join(name)).unwrap()
    }

    /// Brings it up, which fails, and looks until a cause is there.
    fn fails_with(&self, code: &str) {
        let (end, said) = self.0.said(&["up"]);
        assert_ne!(end, Some(0), "{said}");
        self.0.until_found(code);
    }

    /// The container of a service, by its id.
    fn id(&self, service: &str) -> String {
        let listed = self
            .0
            .ends(0, &["ps", "-a", "--format", "json", "--no-trunc", service]);
        let container: Value = serde_json::from_str(listed.trim()).unwrap();
        container["ID"].as_str().unwrap().to_owned()
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.0.output(&["down", "-t", "0"]));
    }
}

#[test]
fn a_misspelt_host_is_mended_where_it_is_written_and_an_undo_puts_the_file_back() {
    let variables = "# cahe\r\nexport WHERE='cahe'\r\nOTHER=cahe\r\n";
    let files = [(".env", variables)];
    let stack = Stack::calling("mend", "http://${WHERE}:8080", &files);
    let compose = stack.file("compose.yaml");
    stack.fails_with("D053");

    let shown = stack.0.ends(0, &["doctor", "--fix", "D053", "--dry-run"]);
    let lines = "1. edit .env:2 (mends D053)\n";
    assert!(shown.contains(lines), "{shown}");
    assert!(shown.contains("- export WHERE='cahe'␍\n"), "{shown}");
    assert!(shown.contains("+ export WHERE='cache'␍\n"), "{shown}");
    assert!(shown.contains("-api-1"), "{shown}");
    assert!(shown.ends_with("nothing was changed\n"), "{shown}");
    assert_eq!(stack.file(".env"), variables);

    let said = stack.0.ends(0, &["doctor", "--fix", "D053", "--yes"]);
    assert!(said.contains("mended: D053 of `api` is gone\n"), "{said}");
    assert!(!said.contains("opensesame-17"), "{said}");
    assert_eq!(
        stack.file(".env"),
        variables.replacen("'cahe'", "'cache'", 1)
    );
    assert_eq!(stack.file("compose.yaml"), compose);
    let plan = stack.0.ends(0, &["plan"]);
    assert!(!plan.contains("api"), "{plan}");

    let history: Value =
        serde_json::from_str(&stack.0.ends(0, &["history", "--format", "json"])).unwrap();
    assert_eq!(history[0]["verb"], "up for D053");
    stack.0.ends(0, &["undo"]);
    assert_eq!(stack.file(".env"), variables);
    stack.fails_with("D053");
}

#[test]
fn two_culprits_in_one_file_are_mended_one_after_the_other() {
    let (others, api) = CALLS.split_once("  api:\n").unwrap();
    let text = format!("{others}  api:\n{api}  worker:\n{api}");
    let text = text.replace("WHERE", "http://cahe:8080");
    let stack = Stack::new("mend-two", &text, &[]);
    let before = stack.file("compose.yaml");
    stack.fails_with("D053=api");
    stack.0.until_found("D053=worker");
    let said = stack.0.ends(0, &["doctor", "--fix", "D053", "--yes"]);
    assert!(said.contains("`, then `bowline undo "), "{said}");
    let after = before.replace("cahe", "cache");
    assert_eq!(stack.file("compose.yaml"), after);
}

#[test]
fn a_wrong_port_is_mended_and_what_somebody_wrote_since_is_not_taken_back() {
    let stack = Stack::calling("mend-port", "http://cache:8081", &[]);
    let before = stack.file("compose.yaml");
    stack.fails_with("D054");
    let output = stack
        .0
        .output(&["doctor", "--fix", "D054", "--format", "json"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let remedy = &answer["remedies"][0];
    let edit = &remedy["finding"]["fix"]["edits"][0];
    assert_eq!(edit["setting"]["field"], "environment.CACHE_URL");
    assert_eq!(edit["change"]["replace"]["to"], "8080");
    let line = &remedy["plan"]["steps"][0]["lines"][0];
    assert_eq!(line["line"], 13);
    assert_eq!(
        line["after"],
        "      CACHE_URL: \"http://cache:8080\"   # where it asks"
    );
    assert_eq!(answer["mended"], true);
    assert_eq!(
        stack.file("compose.yaml"),
        before.replacen("cache:8081", "cache:8080", 1)
    );

    let mended = stack.id("api");
    let own = stack.file("compose.yaml") + "# a word of mine\n";
    stack.0.write("compose.yaml", &own);
    let (code, said) = stack.0.said(&["undo"]);
    assert_ne!(code, Some(0));
    assert!(
        said.contains("`compose.yaml` was changed by somebody since it was read"),
        "{said}"
    );
    assert_eq!(stack.file("compose.yaml"), own);
    assert_eq!(stack.id("api"), mended);
}

#[test]
fn a_file_that_is_mounted_alone_reaches_the_container() {
    let text = "
services:
  job:
    image: IMAGE
    command: [/run.sh]
    stop_grace_period: 0s
    volumes: ['./run.sh:/run.sh:ro']
";
    let script = "#!/bin/sh\r\nexec sleep infinity\r\n";
    let stack = Stack::new("mend-mount", text, &[("run.sh", script)]);
    let path = stack.0.folder().join("run.sh");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, executable).unwrap();
    stack.fails_with("D071");
    stack.0.ends(0, &["doctor", "--fix", "D071", "--yes"]);
    assert_eq!(stack.file("run.sh"), script.replace("\r\n", "\n"));
    let seen = stack.0.ends(0, &["exec", "-T", "job", "cat", "/run.sh"]);
    assert_eq!(seen, script.replace("\r\n", "\n"));
    stack.0.ends(0, &["undo"]);
    assert_eq!(stack.file("run.sh"), script);
}
