//! The tour itself: a list of steps, each a command or requests, printed with their true outcome.
//!
//! A step says beforehand how it has to end; when it ends otherwise the tour stops and says which command
//! it was. Nothing is simulated.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use super::{PROJECT, STACK};
use crate::engine::http::Endpoint;
use crate::program::program;
use crate::request::{get, post, send};

/// What breaks the api: it ends as soon as it starts.
const BREAK: (&str, &str) = ("API_MISBEHAVE", "crash-at-start,exit-code:42");

/// Exit codes that the steps expect.
const DONE: i32 = 0;
const NOT_HEALTHY: i32 = 5;

/// How many requests have to succeed right after `up`.
const REQUESTS: usize = 100;

/// How long an order may take to be shipped.
const SHIPPING: Duration = Duration::from_secs(20);

/// Everything that the steps need.
pub(crate) struct Tour<'a> {
    pub(crate) root: &'a Path,
    /// As it is typed in the workspace.
    pub(crate) bowline: PathBuf,
    /// The demo's env file, likewise.
    pub(crate) settings: PathBuf,
    /// What the stack's files set, and the caller's own environment therefore must not.
    pub(crate) variables: Vec<&'a str>,
    pub(crate) engine: &'a Endpoint,
    pub(crate) port: u16,
}

impl Tour<'_> {
    pub(crate) fn run(&self) -> Result<()> {
        self.bring_up()?;
        self.show()?;
        self.order()?;
        self.break_it()?;
        self.repair()?;
        self.tell_how_to_go_on();
        Ok(())
    }

    fn bring_up(&self) -> Result<()> {
        title("Bring the stack up: it returns when everything is ready");
        let begun = Instant::now();
        self.bowline(&["up"], None, DONE)?;
        println!("({:.1} s)", begun.elapsed().as_secs_f64());
        Ok(())
    }

    fn show(&self) -> Result<()> {
        title("What is there");
        self.bowline(&["ps"], None, DONE)
    }

    fn order(&self) -> Result<()> {
        title("Send real requests through nginx");
        let order = r#"{"customer":"Ada","item":"rope, 20 m","quantity":3}"#;
        println!(
            "$ curl --data '{order}' http://localhost:{}/orders",
            self.port
        );
        let placed = post(self.port, "/orders", order)?;
        println!("{}", placed.body);
        let path = format!("/orders/{}", id(&placed.body)?);
        println!("$ curl http://localhost:{}{path}", self.port);
        println!("{}", self.wait_until_shipped(&path)?);
        let replicas = self.hundred_requests()?;
        println!("{REQUESTS} requests succeeded, answered by {replicas} replicas");
        Ok(())
    }

    fn wait_until_shipped(&self, path: &str) -> Result<String> {
        let begun = Instant::now();
        loop {
            let answer = get(self.port, path)?.body;
            if answer.contains(r#""state":"shipped""#) {
                return Ok(answer);
            }
            if begun.elapsed() > SHIPPING {
                bail!(
                    "no worker shipped the order within {} s: {answer}",
                    SHIPPING.as_secs()
                );
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn hundred_requests(&self) -> Result<usize> {
        let mut replicas = BTreeSet::new();
        for _ in 0..REQUESTS {
            replicas.insert(get(self.port, "/orders?limit=5")?.instance);
        }
        Ok(replicas.len())
    }

    fn break_it(&self) -> Result<()> {
        title("Break one service: the api now ends as soon as it starts");
        self.bowline(&["up"], Some(BREAK), NOT_HEALTHY)?;
        let path = "/orders";
        println!("\n$ curl http://localhost:{}{path}", self.port);
        match send(self.port, path, None) {
            Ok(answer) => println!("status {}", answer.status),
            Err(error) => println!("{error:#}"),
        }
        Ok(())
    }

    fn repair(&self) -> Result<()> {
        title("Repair it: the same command, without the fault");
        self.bowline(&["up"], None, DONE)?;
        let replicas = self.hundred_requests()?;
        println!("{REQUESTS} requests succeeded, answered by {replicas} replicas");
        Ok(())
    }

    fn tell_how_to_go_on(&self) {
        title("The stack is left running. To go on:");
        let bowline = self.bowline.display();
        let host = self.host_if_needed();
        if !host.is_empty() {
            println!("export {host}");
        }
        println!("curl http://localhost:{}/orders", self.port);
        println!("{bowline} -p {PROJECT} ps");
        println!("{} logs --follow api worker", self.typed());
        println!("{} plan", self.typed());
        println!("{bowline} -p {PROJECT} history");
        println!("{bowline} -p {PROJECT} down       # keeps the data");
        println!("more ways to break it: stacks/orders/README.md");
    }

    /// Runs bowline on the stack with `words`, prints it as typed, and holds it to its exit code.
    fn bowline(&self, words: &[&str], fault: Option<(&str, &str)>, wanted: i32) -> Result<()> {
        let prefix = fault.map_or_else(String::new, |(name, value)| format!("{name}={value} "));
        let typed = format!("{} {}", self.typed(), words.join(" "));
        println!("$ {prefix}{typed}");
        let mut command = program(self.root.join(&self.bowline))
            .args(self.files())
            .args(words)
            .folder(self.root)
            .env("DOCKER_HOST", self.engine.as_host())
            .into_command();
        let others = ["DOCKER_CONTEXT", "COMPOSE_FILE", "COMPOSE_PROFILES"];
        for name in self.variables.iter().chain(&others) {
            command.env_remove(name);
        }
        if let Some((name, value)) = fault {
            command.env(name, value);
        }
        let status = command
            .status()
            .with_context(|| format!("cannot start `{typed}`"))?;
        if status.code() != Some(wanted) {
            bail!("`{typed}` ended with {status}; {wanted} was expected, and the demo stops here");
        }
        Ok(())
    }

    fn files(&self) -> [String; 4] {
        [
            "-f".to_owned(),
            STACK.to_owned(),
            "--env-file".to_owned(),
            self.settings.display().to_string(),
        ]
    }

    fn typed(&self) -> String {
        format!("{} {}", self.bowline.display(), self.files().join(" "))
    }

    /// What has to be set first where the engine is not where everybody looks.
    fn host_if_needed(&self) -> String {
        let usual = ["/var/run/docker.sock", "/run/docker.sock"];
        if usual
            .iter()
            .any(|usual| self.engine.socket == Path::new(usual))
        {
            String::new()
        } else {
            format!("DOCKER_HOST={}", self.engine.as_host())
        }
    }
}

fn title(text: &str) {
    println!("\n== {text}");
}

fn id(order: &str) -> Result<u64> {
    let order: Value = serde_json::from_str(order).context("the answer is no JSON")?;
    order["id"].as_u64().context("the order has no id")
}
