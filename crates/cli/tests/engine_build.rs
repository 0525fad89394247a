//! Builds on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "a test of the binary writes its files, and ends where that fails"
)]

mod program;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Command;

use bowline_testkit::{Api, engine_host, image};
use program::{Program, stack_name};

/// Two services of which one is built, from a folder with an argument and a target.
const STACK: &str = "
  web:
    build:
      context: web
      target: run
      args: {GREETING: hello, API_TOKEN: hunter2hunter2}
    command: [sleep, infinity]
    stop_grace_period: 0s
  plain:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
";

/// The label keeps the builder from taking the layers of another test, which may be newer.
const DOCKERFILE: &str = "FROM IMAGE AS run
LABEL stack=STACK
ARG GREETING
ARG API_TOKEN
RUN echo $GREETING $API_TOKEN
COPY . /app
RUN find /app -type f | sort
FROM run
RUN exit 9
";

/// A stack that is taken down with its images when the test is over.
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
        let services = STACK.replace("IMAGE", &image("busy"));
        let text = format!("name: {}\nservices:{services}", stack.name);
        stack.bowline.write("compose.yaml", &text);
        fs::create_dir(stack.bowline.folder().join("web")).unwrap();
        stack.dockerfile(DOCKERFILE);
        stack.bowline.write("web/file", "one");
        stack.bowline.write("web/secret.log", "");
        stack
            .bowline
            .write("web/.dockerignore", "*.log\nDockerfile\n");
        stack
    }

    fn dockerfile(&self, text: &str) {
        let text = text.replace("IMAGE", &image("busy"));
        let text = text.replace("STACK", &self.name);
        self.bowline.write("web/Dockerfile", &text);
    }

    /// Runs a verb that has to end with `code`, and gives what it said on both streams.
    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.bowline.ends(code, arguments);
        assert!(!said.contains("hunter2"), "a secret is shown:\n{said}");
        said
    }

    /// What is in a file of the service's container.
    fn file(&self, path: &str) -> String {
        self.ends(0, &["exec", "-T", "web", "cat", path])
    }

    /// The id of the service's container.
    fn container(&self, service: &str) -> String {
        self.ends(0, &["ps", "--quiet", "--no-trunc", service])
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.bowline.output(&["down", "-t", "0"]);
        let engine = Api::at(&engine_host());
        let label = format!("com.docker.compose.project={}", self.name);
        for image in engine.labelled("images/json", &label) {
            let id = image["Id"].as_str().unwrap_or_default();
            engine.send("DELETE", &format!("/images/{id}?force=1"));
        }
    }
}

#[test]
fn an_image_is_built_with_its_arguments_target_and_ignore_file_and_a_second_up_does_nothing() {
    let stack = Stack::new("build");
    let plan = stack.ends(0, &["plan"]);
    let line = format!("1. build image {}-web (missing)\n", stack.name);
    assert!(plan.contains(&line), "{plan}");

    let said = stack.ends(0, &["up"]);
    for part in [": hello ••••\n", ": /app/.dockerignore\n", ": /app/file\n"] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    for part in ["/app/secret.log", "/app/Dockerfile", "exit 9"] {
        assert!(!said.contains(part), "`{part}` is there:\n{said}");
    }
    assert_eq!(stack.file("/app/file"), "one");
    assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");
}

#[test]
fn what_changed_is_built_and_made_again_on_request_and_an_undo_brings_back_what_was() {
    let stack = Stack::new("rebuild");
    stack.ends(0, &["up"]);
    let (web, plain) = (stack.container("web"), stack.container("plain"));
    stack.ends(0, &["up", "--build"]);
    assert_eq!(
        stack.container("web"),
        web,
        "the same image changes nothing"
    );

    stack.bowline.write("web/file", "two");
    assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");
    stack.ends(0, &["up", "--build"]);
    assert_eq!(stack.file("/app/file"), "two");
    assert_eq!(stack.container("plain"), plain, "the other is left alone");
    assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");

    stack.ends(0, &["undo"]);
    assert_eq!(stack.file("/app/file"), "one");
    let left = stack.ends(0, &["plan", "--detailed-exitcode"]);
    assert!(!left.contains("image"), "{left}");
}

#[test]
fn a_build_that_fails_shows_everything_on_one_screen_and_leaves_the_stack_as_it_is() {
    let stack = Stack::new("build-fails");
    stack.ends(0, &["up"]);
    let web = stack.container("web");
    let broken = DOCKERFILE.replace("RUN find", "RUN echo half of it; exit 7; find");
    stack.dockerfile(&broken);
    let said = stack.ends(1, &["up", "--build"]);
    let file = stack.bowline.folder().join("web/Dockerfile");
    for part in [
        &format!("error: service `web`: build image {}-web\n", stack.name),
        &format!("  Dockerfile   {} (compose.yaml:5:7)\n", file.display()),
        "  step         7/11: RUN echo half of it",
        "  exit code    7\n",
        "| half of it\n",
    ] {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    assert_eq!(stack.container("web"), web);
    assert_eq!(stack.ends(0, &["up"]), "up: nothing to do\n");
}

#[test]
fn what_is_missing_or_not_done_here_is_said_before_anything_begins() {
    let stack = Stack::new("build-refused");
    let said = stack.ends(1, &["up", "--no-build"]);
    let refused = format!(
        "the image `{}-web` of service `web` is not there, and `--no-build` keeps it from being built",
        stack.name
    );
    assert!(said.contains(&refused), "{said}");

    fs::remove_file(stack.bowline.folder().join("web/Dockerfile")).unwrap();
    for verb in ["plan", "up"] {
        let said = stack.ends(3, &[verb]);
        assert!(said.starts_with("error: compose.yaml:5:7: "), "{said}");
        assert!(said.contains("web/Dockerfile` does not exist"), "{said}");
    }
    stack.dockerfile(DOCKERFILE);
    let text = fs::read_to_string(stack.bowline.folder().join("compose.yaml")).unwrap();
    let with_ssh = text.replace("target: run", "target: run\n      ssh: [default]");
    stack.bowline.write("compose.yaml", &with_ssh);
    let said = stack.ends(1, &["up"]);
    assert!(
        said.contains("`services.web.build.ssh`: only BuildKit does that"),
        "{said}"
    );
    assert_eq!(
        stack.ends(0, &["history"]).lines().count(),
        1,
        "no operation began"
    );
}

#[test]
fn ctrl_c_gives_a_build_up() {
    let stack = Stack::new("build-halts");
    stack.dockerfile(&DOCKERFILE.replace("RUN find", "RUN sleep 600; find"));
    let mut child = stack.bowline.start(&["up"]);
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(said.any(|line| line.unwrap().contains("RUN sleep 600")));
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    said.for_each(|line| drop(line.unwrap()));
    assert_eq!(child.wait().unwrap().code(), Some(130));

    stack.dockerfile(DOCKERFILE);
    stack.ends(0, &["up"]);
    assert_eq!(stack.file("/app/file"), "one");
}
