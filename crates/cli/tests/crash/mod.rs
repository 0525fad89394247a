//! A stack of four services, and what there is of it on the engine, ids and times aside.

#![allow(dead_code, reason = "each test uses its part")]
#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test of the binary ends where that fails"
)]

pub(crate) mod own;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::process::Child;
use std::time::{Duration, Instant};

use bowline_testkit::{Api, image};
use serde_json::Value;

use crate::program::{Program, stack_name};

/// A server with a volume and a healthcheck, a job behind it, a server on two networks behind that, and one with
/// a file in it.
const SHOP: &str = "
  db:
    image: IMAGE
    command: [sh, -c, '[ -s /data/mark ] || cat /proc/sys/kernel/random/uuid > /data/mark; exec sleep infinity']
    stop_grace_period: 0s
    healthcheck: {test: [CMD, test, -s, /data/mark], interval: 30s}
    networks: [back]
    volumes: ['data:/data']
  migrate:
    image: IMAGE
    command: ['true']
    networks: [back]
    depends_on: {db: {condition: service_healthy}}
  api:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    environment: {TAG: one}
    networks: [back, front]
    depends_on: {migrate: {condition: service_completed_successfully}}
  web:
    image: IMAGE
    command: [sleep, infinity]
    stop_grace_period: 0s
    networks: [front]
    configs: [{source: page, target: /page}]
    depends_on: [api]
configs: {page: {content: welcome}}
networks: {back: {}, front: {}}
volumes: {data: {}}
";

/// What is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct There {
    /// A line each, sorted.
    pub(crate) lines: BTreeSet<String>,
    /// What the volume holds.
    pub(crate) mark: Option<String>,
}

impl There {
    /// Without what an undo does not bring back: that a job has ended, and a volume that was not there.
    pub(crate) fn without_what_stays(mut self) -> Self {
        let lines = std::mem::take(&mut self.lines).into_iter();
        self.lines = lines
            .filter(|line| !line.starts_with("volume "))
            .map(|line| line.replace(" exited ", " created "))
            .collect();
        self.mark = None;
        self
    }
}

/// An operation that is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Case {
    /// From nothing.
    Up,
    /// Two services are to be made again.
    ChangedUp,
    /// Everything goes but the volume.
    Down,
    /// Everything that runs is frozen.
    Pause,
    /// Everything that is frozen goes on.
    Unpause,
}

pub(crate) const CASES: [Case; 5] = [
    Case::Up,
    Case::ChangedUp,
    Case::Down,
    Case::Pause,
    Case::Unpause,
];

impl Case {
    /// Brings the stack to where the operation begins.
    pub(crate) fn prepare(self, shop: &Shop) {
        shop.first();
        let verbs: &[&str] = match self {
            Self::Up => &["down"],
            Self::ChangedUp | Self::Down | Self::Pause => &["unpause", "up"],
            Self::Unpause => &["unpause", "up", "pause"],
        };
        for verb in verbs {
            shop.ends(0, &[verb], "before");
        }
        if self == Self::ChangedUp {
            shop.changed();
        }
    }

    pub(crate) fn verb(self) -> &'static str {
        match self {
            Self::Up | Self::ChangedUp => "up",
            Self::Down => "down",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
        }
    }
}

/// What is there where nothing is killed.
pub(crate) struct Expected {
    pub(crate) before: There,
    pub(crate) after: There,
    took: Duration,
}

impl Expected {
    pub(crate) fn of(shop: &Shop, case: Case) -> Self {
        case.prepare(shop);
        let before = shop.there();
        let begun = Instant::now();
        shop.ends(0, &[case.verb()], "straight");
        let took = begun.elapsed();
        let after = shop.there();
        Self {
            before,
            after,
            took,
        }
    }

    /// How many milliseconds the operation takes; more than one.
    pub(crate) fn millis(&self) -> u64 {
        u64::try_from(self.took.as_millis()).unwrap().max(2)
    }
}

/// The stack.
pub(crate) struct Shop {
    pub(crate) bowline: Program,
    pub(crate) api: Api,
    host: String,
    name: String,
}

impl Shop {
    /// With a name of its own on the engine at this host.
    pub(crate) fn new(host: &str, name: &str) -> Self {
        let shop = Self {
            bowline: Program::on(host),
            api: Api::at(host),
            host: host.to_owned(),
            name: stack_name(name),
        };
        shop.first();
        shop
    }

    fn write(&self, services: &str) {
        let services = services.replace("IMAGE", &image("busy"));
        let text = format!("name: {}\nservices:{services}", self.name);
        self.bowline.write("compose.yaml", &text);
    }

    /// Lets the files say what they say at first.
    pub(crate) fn first(&self) {
        self.write(SHOP);
    }

    /// Lets the files say something else of two services.
    pub(crate) fn changed(&self) {
        let text = SHOP.replace("TAG: one", "TAG: two");
        self.write(&text.replace("content: welcome", "content: farewell"));
    }

    /// The engine, as `DOCKER_HOST` is written.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Starts a verb, with an engine behind a gate.
    pub(crate) fn start_through(&self, host: &str, arguments: &[&str]) -> Child {
        let mut command = self.bowline.command(arguments);
        // Nobody reads what it says, and it must not wait for that.
        command.stdout(std::process::Stdio::null());
        command.stderr(std::process::Stdio::null());
        command.env("DOCKER_HOST", host).spawn().unwrap()
    }

    /// Runs a verb that has to end with `code`, and gives what it said.
    pub(crate) fn ends(&self, code: i32, arguments: &[&str], where_: &str) -> String {
        let (is, said) = self.bowline.said(arguments);
        assert_eq!(
            is,
            Some(code),
            "{where_}: {arguments:?}\n{said}\n{:#?}",
            self.there()
        );
        said
    }

    /// Whether the last operation began and did not come to its end.
    pub(crate) fn is_open(&self) -> bool {
        let said = self.ends(0, &["history", "--format", "json"], "history");
        let operations: Value = serde_json::from_str(&said).unwrap();
        operations[0]["outcome"].to_string().contains("open")
    }

    /// Everything of the stack on the engine, its lock included.
    pub(crate) fn there(&self) -> There {
        let label = format!("com.docker.compose.project={}", self.name);
        let mut lines = BTreeSet::new();
        let mut add = |line: String| {
            let line = line.replace(&self.name, "shop");
            // A set must not hide that there are two of something.
            assert!(lines.insert(line.clone()), "there are two: {line}");
        };
        let mut mark = None;
        for container in self.api.labelled("containers", &label) {
            let id = container["Id"].as_str().unwrap();
            let (status, body) = self.api.send("GET", &format!("/containers/{id}/json"));
            if status == 404 {
                continue;
            }
            let found: Value = serde_json::from_slice(&body).unwrap();
            add(self.container(&found));
            if found["Config"]["Labels"]["com.docker.compose.service"] == "db" {
                mark = self.api.file(id, "/data/mark");
            }
        }
        for network in self.api.labelled("networks", &label) {
            add(format!(
                "network {} {}",
                network["Name"],
                labels(&network["Labels"])
            ));
        }
        for volume in self.api.labelled("volumes", &label) {
            add(format!(
                "volume {} {}",
                volume["Name"],
                labels(&volume["Labels"])
            ));
        }
        let lock = format!("bowline.lock.project={}", self.name);
        for lock in self.api.labelled("containers", &format!("dev.{lock}")) {
            add(format!("lock {}", lock["Names"]));
        }
        There { lines, mark }
    }

    fn container(&self, found: &Value) -> String {
        let config = &found["Config"];
        let short = &found["Id"].as_str().unwrap()[..12];
        let mut text = format!(
            "container {} {} image={} command={}",
            found["Name"],
            found["State"]["Status"].as_str().unwrap(),
            config["Image"],
            config["Cmd"]
        );
        let mut env: Vec<&str> = config["Env"]
            .as_array()
            .map(|env| env.iter().filter_map(Value::as_str).collect())
            .unwrap_or_default();
        env.sort_unstable();
        let _ = write!(text, " env={env:?} labels={}", labels(&config["Labels"]));
        for mount in found["Mounts"].as_array().into_iter().flatten() {
            let _ = write!(text, " mount={}:{}", mount["Name"], mount["Destination"]);
        }
        let mut networks: Vec<String> = Vec::new();
        for (name, endpoint) in found["NetworkSettings"]["Networks"]
            .as_object()
            .into_iter()
            .flatten()
        {
            let aliases = endpoint["Aliases"].as_array().into_iter().flatten();
            let aliases: BTreeSet<&str> = aliases
                .filter_map(Value::as_str)
                .filter(|alias| *alias != short)
                .collect();
            networks.push(format!("{name}{aliases:?}"));
        }
        networks.sort();
        let page = self.api.file(short, "/page");
        let _ = write!(text, " networks={networks:?} page={page:?}");
        text
    }
}

/// Labels, without those that say which operation and which predecessor there was.
fn labels(labels: &Value) -> String {
    let mut kept: Vec<String> = labels
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| *key != "dev.bowline.operation" && *key != "com.docker.compose.replace")
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    kept.sort();
    format!("{kept:?}")
}

impl Drop for Shop {
    fn drop(&mut self) {
        self.first();
        self.bowline.output(&["down", "-t", "0"]);
        let volume = format!("{}_data", self.name);
        self.bowline.output(&["down", "--destroy-volumes", &volume]);
    }
}
