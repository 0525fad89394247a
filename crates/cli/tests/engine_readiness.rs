//! Readiness is never wrong: first starts of real databases, and a healthcheck that hangs.

#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    clippy::disallowed_methods,
    reason = "a test of the binary ends where that fails, and says its figures"
)]

mod program;

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use bowline_testkit::{Api, engine_host, image, is_full_run};
use program::{Program, stack_name};
use serde_json::Value;

/// A stack with a name of its own, which goes with its volumes when the test is over.
struct Stack {
    bowline: Program,
    api: Api,
    name: String,
}

impl Stack {
    fn new(name: &str, rest: &str) -> Self {
        let stack = Self {
            bowline: Program::on(&engine_host()),
            api: Api::at(&engine_host()),
            name: stack_name(name),
        };
        let text = format!("name: {}\n{rest}", stack.name);
        stack.bowline.write("compose.yaml", &text);
        stack
    }

    fn ends(&self, code: i32, arguments: &[&str]) -> String {
        self.bowline.ends(code, arguments)
    }

    fn label(&self) -> String {
        format!("com.docker.compose.project={}", self.name)
    }

    /// Takes it down with its volumes.
    fn clear(&self) {
        self.bowline.output(&["down", "-t", "0"]);
        let volume = format!("{}_data", self.name);
        self.bowline.output(&["down", "--destroy-volumes", &volume]);
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        self.clear();
    }
}

/// A database whose first start takes ten seconds, behind a healthcheck that also its temporary server answers, and a
/// program that connects to it once.
struct Database {
    image: &'static str,
    folder: &'static str,
    environment: &'static str,
    test: &'static str,
    connect: &'static str,
}

const POSTGRES: Database = Database {
    image: "postgres",
    folder: "/var/lib/postgresql/data",
    environment: "POSTGRES_PASSWORD: secret",
    test: "pg_isready -U postgres",
    connect: "PGPASSWORD=secret psql -h db -U postgres -tAc 'select count(*) from done'",
};

const MARIADB: Database = Database {
    image: "mariadb",
    folder: "/var/lib/mysql",
    environment: "{MARIADB_ROOT_PASSWORD: secret, MARIADB_DATABASE: shop}",
    test: "mariadb-admin ping -uroot -psecret",
    connect: "mariadb -h db -uroot -psecret -N -e 'select count(*) from done' shop",
};

impl Database {
    fn stack(&self, interval: &str) -> Stack {
        let environment = if self.environment.starts_with('{') {
            self.environment.to_owned()
        } else {
            format!("{{{}}}", self.environment)
        };
        let text = format!(
            "services:
  db:
    image: {image}
    environment: {environment}
    stop_grace_period: 5s
    healthcheck: {{test: [CMD-SHELL, '{test}'], interval: {interval}, retries: 30}}
    volumes: ['data:{folder}', './first:/docker-entrypoint-initdb.d:ro']
  app:
    image: {image}
    entrypoint: [sh, -c]
    command: [\"{connect} && echo it connects || echo it does not connect; exec sleep infinity\"]
    stop_grace_period: 0s
    depends_on: {{db: {{condition: service_healthy}}}}
volumes: {{data: {{}}}}
",
            image = image(self.image),
            test = self.test,
            folder = self.folder,
            connect = self.connect,
        );
        let stack = Stack::new(self.image, &text);
        let first = stack.bowline.folder().join("first");
        std::fs::create_dir(&first).unwrap();
        std::fs::write(first.join("10-slow.sh"), "sleep 10\n").unwrap();
        let table = "create table done (at int); insert into done values (1);\n";
        std::fs::write(first.join("20-table.sql"), table).unwrap();
        for path in [
            first.clone(),
            first.join("10-slow.sh"),
            first.join("20-table.sql"),
        ] {
            let mode = if path == first { 0o755 } else { 0o644 };
            std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
        }
        // The containers' users have to get there.
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(stack.bowline.folder(), open).unwrap();
        stack
    }

    /// Starts it with an empty volume as often as wanted; the connection succeeds the first time, every time.
    fn cold_starts(&self) {
        let intervals: &[&str] = if is_full_run() {
            &["30s", "1s", "3s", "10s"]
        } else {
            &["3s"]
        };
        let starts = if is_full_run() { 20 } else { 1 };
        for start in 0..starts {
            let interval = intervals[start % intervals.len()];
            let stack = self.stack(interval);
            let begun = Instant::now();
            stack.ends(0, &["up"]);
            let took = begun.elapsed();
            let said = stack.ends(0, &["logs", "app"]);
            let point = format!("{}, start {start}, probed every {interval}", self.image);
            assert!(said.contains("it connects"), "{point}, {took:?}:\n{said}");
            assert!(took > Duration::from_secs(10), "{point}, {took:?}");
            eprintln!("{point}: {:.1} s", took.as_secs_f64());
        }
    }
}

#[test]
fn nothing_that_needs_a_postgres_starts_before_its_final_server() {
    POSTGRES.cold_starts();
}

#[test]
fn nothing_that_needs_a_mariadb_starts_before_its_final_server() {
    MARIADB.cold_starts();
}

#[test]
fn a_healthcheck_that_hangs_gets_one_process_of_ours() {
    let image = image("busy");
    let text = format!(
        "services:
  stuck:
    image: {image}
    command: [sleep, infinity]
    stop_grace_period: 0s
    healthcheck: {{test: [CMD, sleep, '30'], interval: 1h, timeout: 1s}}
"
    );
    let stack = Stack::new("hanging", &text);
    // The engine itself asks after an hour for the first time, so every process beside the container's is ours.
    let mut child = stack.bowline.start(&["up", "--wait-timeout", "12"]);
    let mut most = 0;
    while child.try_wait().unwrap().is_none() {
        for container in stack.api.labelled("containers", &stack.label()) {
            let id = container["Id"].as_str().unwrap();
            let (status, body) = stack.api.send("GET", &format!("/containers/{id}/json"));
            if status != 200 {
                continue;
            }
            let found: Value = serde_json::from_slice(&body).unwrap();
            let ours = found["ExecIDs"].as_array().map_or(0, Vec::len);
            most = most.max(ours);
        }
        // sleeps because: nothing tells when another process is started
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(child.wait().unwrap().code(), Some(5), "it is never ready");
    assert_eq!(most, 1, "processes of ours at once");
}
