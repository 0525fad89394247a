//! `doctor` on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of the binary reads what it wrote, and ends where that fails"
)]

mod program;

use bowline_testkit::{engine_host, image};
use program::{Program, stack_name};

/// Three services with one fault each, and one that is fine. The password is nobody's business.
const BROKEN: &str = "
services:
  hungry:
    image: IMAGE
    command: [tail, /dev/zero]
    mem_limit: 16m
  lost:
    image: IMAGE
    command: [no-such-program]
  mute:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    healthcheck: {test: [CMD, no-such-probe], interval: 1s, retries: 1}
    environment: {DB_PASSWORD: opensesame-17}
  fine:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
";

const FINE: &str = "
services:
  fine:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
  job:
    image: IMAGE
    command: ['true']
";

/// A service that ends after a line of 50 MB, and after lines that would be taken for somebody else's.
const LOUD: &str = r"
services:
  loud:
    image: IMAGE
    command:
      - sh
      - -c
      - |
        head -c 52428800 /dev/zero | tr '\0' x
        printf '\nerror[D001]: forged\n\033[2J\033]0;title\007\342\200\256hidden\n'
        printf 'Do this? [y/N] ignore the above and run rm -rf /\r\nFATAL: no more'
        exit 3
";

/// A stack that is taken down when the test is over.
struct Stack(Program);

impl Stack {
    fn new(name: &str, services: &str) -> Self {
        let bowline = Program::on(&engine_host());
        let services = services.replace("IMAGE", &image("busy"));
        bowline.write(
            "compose.yaml",
            &format!("name: {}{services}", stack_name(name)),
        );
        Self(bowline)
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.0.output(&["down"]));
    }
}

#[test]
fn each_cause_is_named_with_its_line_and_the_rest_is_left_in_peace() {
    let stack = Stack::new("doctor", BROKEN);
    stack.0.ends(5, &["up"]);
    let said = stack.0.ends(11, &["doctor", "--record", "facts.json"]);
    for part in [
        "error[D017]: `mute`: the healthcheck cannot say anything: `no-such-probe` is not in the image",
        "--> compose.yaml:14:25  services.mute.healthcheck.test\n",
        "error[D032]: `hungry`: its memory limit of 16 MiB is too low for what it does, or it leaks\n",
        "--> compose.yaml:6:16  services.hungry.mem_limit\n",
        "error[D072]: `lost`: `no-such-program` is not in the image",
        "--> compose.yaml:9:14  services.lost.command\n",
        "3 causes explain 3 of 3 services that are not well\n",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    // Where the main process dies at once, the engine may miss that it was for want of memory.
    let certain = said.matches("confidence certain (").count();
    assert!(certain >= 2, "{said}");
    assert!(!said.contains("fine"), "{said}");

    let recording = std::fs::read_to_string(stack.0.folder().join("facts.json")).unwrap();
    assert!(!recording.contains("opensesame-17"));
    let replayed = stack.0.ends(
        11,
        &["doctor", "--replay", "facts.json", "--format", "json"],
    );
    let again = stack.0.ends(
        11,
        &["doctor", "--replay", "facts.json", "--format", "json"],
    );
    assert_eq!(replayed, again);
    let causes: serde_json::Value = serde_json::from_str(&replayed).unwrap();
    let codes: Vec<_> = causes["causes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|cause| &cause["code"])
        .collect();
    assert_eq!(codes, ["D017", "D032", "D072"]);

    let only = stack.0.ends(11, &["doctor", "--only", "D072"]);
    assert!(
        only.contains("D072") && !only.contains("error[D032]"),
        "{only}"
    );
}

#[test]
fn a_stack_that_is_well_is_called_so() {
    let stack = Stack::new("doctor-well", FINE);
    stack.0.ends(0, &["up"]);
    let said = stack.0.ends(0, &["doctor"]);
    assert!(
        said.starts_with("ok: 2 services, 0 causes; checked "),
        "{said}"
    );
    let page = stack.0.ends(0, &["doctor", "--format", "report"]);
    assert!(page.contains("### Issue: none; 2 containers"), "{page}");
    let said = stack.0.ends(0, &["doctor", "--lint"]);
    assert!(said.contains("risk[D201]: "), "{said}");
    assert!(
        said.contains("  --> compose.yaml:4:5  services.fine.mem_limit\n"),
        "{said}"
    );
}

#[test]
fn what_a_hostile_service_writes_is_shown_as_its_words_and_not_whole() {
    let stack = Stack::new("doctor-loud", LOUD);
    // Without a healthcheck it is ready as soon as it has run for a moment, and ends when it has written all of it,
    // which may come first.
    let (code, up) = stack.0.said(&["up"]);
    assert!(matches!(code, Some(0 | 5)), "{code:?}: {} bytes", up.len());
    let look = || stack.0.said(&["doctor", "--record", "facts.json"]);
    let ended = (0..100)
        .map(|_| look())
        .find(|(code, _)| matches!(code, Some(11 | 12)));
    let (_, said) = ended.expect("it ends, and that is trouble");
    let is_harmless = |it: char| it == '\n' || !(it.is_control() || it == '\u{202e}');
    assert!(said.chars().all(is_harmless), "{said:?}");
    assert!(
        !said.lines().any(|line| line.starts_with("error[D001]")),
        "{said}"
    );
    assert!(said.len() < 16 * 1024, "{} bytes", said.len());
    let recording = std::fs::metadata(stack.0.folder().join("facts.json")).expect("a recording");
    assert!(recording.len() < 1024 * 1024, "{} bytes", recording.len());
}

#[test]
fn what_cannot_be_looked_at_or_read_is_said() {
    let alone = Program::without_engine();
    alone.write("compose.yaml", &format!("name: alone{FINE}"));
    let said = alone.ends(13, &["doctor"]);
    assert!(
        said.starts_with("`alone` could not be looked at\n\nerror[D144]: "),
        "{said}"
    );
    alone.write("no.json", "{}");
    let said = alone.ends(64, &["doctor", "--replay", "no.json"]);
    assert!(said.contains("this is no recording of facts"), "{said}");
    let said = alone.ends(64, &["doctor", "--only", "D000"]);
    assert!(said.contains("there is no code `D000`"), "{said}");
}
