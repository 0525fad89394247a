//! Stacks that Docker Compose brought up are taken over as they are: the recordings in `adopted/`.

#![expect(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    reason = "the recordings are files of this test's own, and what is missing there is its own fault"
)]

#[path = "adopted/files.rs"]
mod files;
mod program;
#[path = "adopted/replay.rs"]
mod replay;

use program::Program;
use replay::Replay;

/// A recorded stack in a folder of its own, and the engine it runs on.
struct Stack {
    bowline: Program,
    engine: Replay,
}

impl Stack {
    fn recorded(name: &str) -> Self {
        let bowline = Program::without_engine();
        files::copy(name, bowline.folder());
        let recorded = std::fs::read_to_string(files::folder().join(name).join("engine.json"));
        let folder = bowline.folder().to_str().unwrap();
        let recorded = recorded.unwrap().replace("$FOLDER", folder);
        let engine = Replay::of(serde_json::from_str(&recorded).unwrap());
        let bowline = bowline.moved_to(&engine.host());
        Self { bowline, engine }
    }

    /// Changes a file of the stack.
    fn change(&self, file: &str, from: &str, to: &str) {
        let text = std::fs::read_to_string(self.bowline.folder().join(file)).unwrap();
        assert_eq!(text.matches(from).count(), 1, "`{from}` in {file}");
        self.bowline.write(file, &text.replace(from, to));
    }

    /// Runs a verb that has to end with `code` and to change nothing, and gives what it said.
    fn says(&self, code: i32, arguments: &[&str]) -> String {
        let said = self.bowline.run(arguments);
        assert!(said.starts_with(&format!("[exit {code}]\n")), "{said}");
        assert_eq!(self.engine.refused(), [""; 0], "{arguments:?}\n{said}");
        said
    }
}

/// How many stacks there are; one that is not read would go unseen.
const STACKS: usize = 10;

#[test]
fn a_stack_of_compose_gives_an_empty_plan_and_an_up_leaves_it_alone() {
    let names = files::names();
    assert_eq!(names.len(), STACKS, "{names:?}");
    for name in names {
        let stack = Stack::recorded(&name);
        let plan = stack.says(0, &["plan", "--detailed-exitcode"]);
        assert_eq!(steps(&plan), [""; 0], "{name}\n{plan}");
        let up = stack.says(0, &["up"]);
        assert!(up.contains("up: nothing to do\n"), "{name}\n{up}");
    }
}

/// A change of a file, and what is made again because of it: the stack, the file, from, to, containers and causes.
type Change<'a> = (&'a str, &'a str, &'a str, &'a str, &'a [&'a str]);

const CHANGES: &[Change<'_>] = &[
    (
        "everyday",
        "compose.yaml",
        "LOG: info",
        "LOG: debug",
        &[
            "api-1 (changed: environment.LOG: info → debug)",
            "api-2 (changed: environment.LOG: info → debug)",
        ],
    ),
    (
        "files",
        "base.env",
        "FROM_FILE=f",
        "FROM_FILE=other",
        &["web-1 (changed: environment.FROM_FILE: f → other)"],
    ),
    (
        "files",
        "more.labels",
        "com.example.from=file",
        "com.example.from=other",
        &["web-1 (changed: labels.com.example.from: file → other)"],
    ),
    (
        "limits",
        "compose.yaml",
        "limits: {cpus: \"0.7\", memory: 96m",
        "limits: {cpus: \"0.7\", memory: 128m",
        &["deployed-1 (changed: resources.memory_bytes: 100663296 → 134217728)"],
    ),
    (
        "names",
        "compose.yaml",
        "dns: [10.0.0.1, 10.0.0.2]",
        "dns: [10.0.0.1]",
        &[
            "web-1 (changed: network.dns: [\"10.0.0.1\",\"10.0.0.2\"] → [\"10.0.0.1\"])",
            "web-2 (changed: network.dns: [\"10.0.0.1\",\"10.0.0.2\"] → [\"10.0.0.1\"])",
        ],
    ),
    (
        "namespaces",
        "compose.yaml",
        "ipc: shareable",
        "ipc: shareable\n    environment: {MODE: new}",
        &[
            "main-1 (changed: environment.MODE becomes new)",
            "side-1 (main is recreated)",
        ],
    ),
    (
        "networks",
        "compose.yaml",
        "aliases: [www, shop]",
        "aliases: [www, store]",
        &["web-1 (changed: networks.adopted_front.aliases.store becomes there)"],
    ),
    (
        "operation",
        "compose.yaml",
        "retries: 5",
        "retries: 6",
        &[
            "deployed-1 (changed: healthcheck.retries: 5 → 6)",
            "deployed-2 (changed: healthcheck.retries: 5 → 6)",
        ],
    ),
    (
        "operation",
        "compose.yaml",
        "restart: \"on-failure:3\"",
        "restart: \"on-failure:4\"",
        &["failing-1 (changed: restart.on_failure.max_retries: 3 → 4)"],
    ),
    (
        "ports",
        "compose.yaml",
        "18443:443",
        "18444:443",
        &["api-1 (changed: ports.443/tcp: *:18443 → *:18444)"],
    ),
    (
        "process",
        "compose.yaml",
        "cap_drop: [ALL]",
        "cap_drop: []",
        &["strict-1 (changed: security.cap_drop was [\"ALL\"] and goes)"],
    ),
    (
        "volumes",
        "compose.yaml",
        "data:/data-ro:ro",
        "data:/data-ro",
        &[
            "short-1 (changed: mounts./data-ro.read_only was true and goes)",
            "follower-1 (short is recreated)",
        ],
    ),
];

#[test]
fn a_change_makes_again_what_it_is_about_and_says_why() {
    for (name, file, from, to, made) in CHANGES {
        let stack = Stack::recorded(name);
        stack.change(file, from, to);
        let plan = stack.says(2, &["plan", "--detailed-exitcode"]);
        let found: Vec<&str> = steps(&plan)
            .into_iter()
            .filter_map(|step| step.strip_prefix("create container "))
            .filter_map(|made| Some(made.split_once("_adopted-")?.1))
            // Up to the end of its cause; behind it stand the steps that it waits for.
            .filter_map(|made| made.get(..=made.rfind(')')?))
            .collect();
        assert_eq!(found, *made, "{name}\n{plan}");
        let creations = plan.matches(". create ").count();
        assert_eq!(creations, made.len(), "nothing else is made\n{plan}");
    }
}

/// The steps of a plan, without their numbers.
fn steps(plan: &str) -> Vec<&str> {
    let is_number = |text: &str| text.trim_start().parse::<u32>().is_ok();
    plan.lines()
        .filter_map(|line| line.split_once(". "))
        .filter(|(number, _)| is_number(number))
        .map(|(_, step)| step)
        .collect()
}
