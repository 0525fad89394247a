//! The stacks that are measured: written here, except `stacks/orders`, which is the example.
//!
//! They are files as people write them, of services that need a moment: a server starts listening 0.3 s after
//! its container, and answers to SIGTERM. Both tools are given the same files.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::figures::Part;
use crate::images;

/// How the outside poller asks a service whether it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A page at a port of each container's own address.
    Page { port: u16, path: &'static str },
    /// A page at the port that the stack publishes.
    Published { path: &'static str },
    /// A connection to a port of each container's own address.
    Port(u16),
    /// It ends with 0.
    End,
}

/// A service of a stack, as the outside poller knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Service {
    pub(crate) name: String,
    pub(crate) replicas: usize,
    pub(crate) answer: Answer,
}

/// A stack, ready to be brought up.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) part: Part,
    pub(crate) file: PathBuf,
    /// What the file has to be told.
    pub(crate) variables: Vec<(&'static str, String)>,
    pub(crate) services: Vec<Service>,
    /// The port through which customers come, where it has one.
    pub(crate) port: Option<u16>,
}

/// What the images of the stacks are called in `images/`.
pub(crate) const IMAGES: &[&str] = &["busy", "postgres", "redis", "nginx", "orders"];

/// The page that is asked for a hundred times: from nginx through the api to Postgres.
pub(crate) const ORDERS_PAGE: &str = "/orders?limit=5";

const LEVELS: usize = 5;
const WIDTH: usize = 4;
const FLAT: usize = 60;
const LONG: usize = 29;

/// Starts listening after 0.3 s and ends when it is told to: as the first process of a container, a program
/// that does not ask for SIGTERM would not get it.
const SERVER: &str = "trap 'exit 0' TERM; sleep 0.3; echo ready >/tmp/index.html; busybox httpd -f -p 8080 -h /tmp & wait";

const PAGE: Answer = Answer::Page {
    port: 8080,
    path: "/index.html",
};

/// Writes the files of `parts` into `folder` and says what is in them. `port` is free to be published.
pub(crate) fn prepare(root: &Path, folder: &Path, parts: &[Part], port: u16) -> Result<Vec<Stack>> {
    let mut stacks = Vec::new();
    for &part in parts {
        let (text, services) = match part {
            Part::Graph => graph(),
            Part::Flat => flat(),
            Part::Config => (long(), Vec::new()),
            Part::Orders => {
                stacks.push(orders(root, port));
                continue;
            }
        };
        let file = folder.join(part.word()).join("compose.yaml");
        write(&file, &text)?;
        stacks.push(Stack {
            part,
            file,
            variables: Vec::new(),
            services,
            port: None,
        });
    }
    Ok(stacks)
}

fn write(file: &Path, text: &str) -> Result<()> {
    let context = || format!("cannot write `{}`", file.display());
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).with_context(context)?;
    }
    std::fs::write(file, text).with_context(context)
}

/// The example, with the test images and a port of its own.
fn orders(root: &Path, port: u16) -> Stack {
    let service = |name: &str, replicas, answer| Service {
        name: name.to_owned(),
        replicas,
        answer,
    };
    let healthz = Answer::Page {
        port: 8080,
        path: "/healthz",
    };
    Stack {
        part: Part::Orders,
        file: root.join("stacks/orders/compose.yaml"),
        variables: vec![
            ("POSTGRES_IMAGE", images::tag("postgres")),
            ("REDIS_IMAGE", images::tag("redis")),
            ("NGINX_IMAGE", images::tag("nginx")),
            ("ORDERS_IMAGE", images::tag("orders")),
            ("ORDERS_PORT", port.to_string()),
        ],
        services: vec![
            service("nginx", 1, Answer::Published { path: ORDERS_PAGE }),
            service("api", 2, healthz.clone()),
            service("worker", 2, healthz),
            service("migrate", 1, Answer::End),
            service("seed", 1, Answer::End),
            // That they know their data too is what the api's and the workers' answers say.
            service("postgres", 1, Answer::Port(5432)),
            service("redis", 1, Answer::Port(6379)),
        ],
        port: Some(port),
    }
}

/// 20 services on five levels; each one waits until two of the level before are healthy.
fn graph() -> (String, Vec<Service>) {
    let mut text = format!(
        "\
x-server: &server
  image: {image}
  command: [sh, -c, \"{SERVER}\"]
  expose: [\"8080\"]
  restart: unless-stopped
  healthcheck:
    test: [CMD, busybox, wget, -q, -O, /dev/null, http://127.0.0.1:8080/index.html]
    interval: 1s
    timeout: 3s
    retries: 30

services:
",
        image = images::tag("busy")
    );
    let mut services = Vec::new();
    for level in 1..=LEVELS {
        for number in 1..=WIDTH {
            let name = format!("level{level}-{number}");
            line(&mut text, &format!("  {name}:\n    <<: *server"));
            if level > 1 {
                line(&mut text, "    depends_on:");
                for dependency in [number, number % WIDTH + 1] {
                    let above = level - 1;
                    line(
                        &mut text,
                        &format!(
                            "      level{above}-{dependency}:\n        condition: service_healthy"
                        ),
                    );
                }
            }
            services.push(server(name));
        }
    }
    (text, services)
}

/// 60 services that know nothing of each other, and have no healthcheck: nothing but starting counts.
fn flat() -> (String, Vec<Service>) {
    let mut text = format!(
        "\
x-server: &server
  image: {image}
  command: [sh, -c, \"{SERVER}\"]
  expose: [\"8080\"]
  restart: unless-stopped

services:
",
        image = images::tag("busy")
    );
    let mut services = Vec::new();
    for number in 1..=FLAT {
        let name = format!("server{number:02}");
        line(&mut text, &format!("  {name}:\n    <<: *server"));
        services.push(server(name));
    }
    (text, services)
}

fn server(name: String) -> Service {
    Service {
        name,
        replicas: 1,
        answer: PAGE,
    }
}

fn line(text: &mut String, line: &str) {
    writeln!(text, "{line}").expect("writing into a string does not fail");
}

/// 29 services with what long files have: anchors, variables with defaults, healthchecks, volumes, networks.
fn long() -> String {
    let mut text = LONG_BEGIN.to_owned();
    for number in 3..=LONG {
        text.push_str(&LONG_SERVICE.replace("@@", &format!("{number:02}")));
    }
    text.push_str("networks:\n  back:\nvolumes:\n  database:\n  cache:\n");
    for number in 3..=LONG {
        line(&mut text, &format!("  service{number:02}:"));
    }
    text
}

const LONG_BEGIN: &str = "\
x-service: &service
  image: ${REGISTRY:-registry.example}/shop/server:${TAG:-1.4.2}
  restart: unless-stopped
  logging: &logging
    driver: json-file
    options: { max-size: 10m, max-file: \"3\" }
  networks: [back]

x-environment: &environment
  LOG_LEVEL: ${LOG_LEVEL:-info}
  DATABASE_URL: postgres://shop:${DATABASE_PASSWORD:-example}@database:5432/shop
  CACHE_URL: redis://cache:6379/0

services:
  database:
    image: postgres:15
    environment:
      POSTGRES_USER: shop
      POSTGRES_PASSWORD: ${DATABASE_PASSWORD:-example}
    volumes: [\"database:/var/lib/postgresql/data\"]
    networks: [back]
    logging: *logging
    healthcheck:
      test: [CMD-SHELL, \"pg_isready -q -U $${POSTGRES_USER}\"]
      interval: 10s
      timeout: 5s
      retries: 5
  cache:
    image: redis:7
    command: [redis-server, --appendonly, \"yes\"]
    volumes: [\"cache:/data\"]
    networks: [back]
    healthcheck: { test: [CMD, redis-cli, ping], interval: 10s }
";

/// One of the others; its number stands for `@@`.
const LONG_SERVICE: &str = "  service@@:
    <<: *service
    command: [serve, --part, \"@@\"]
    environment:
      <<: *environment
      PART: \"@@\"
      WORKERS: ${WORKERS:-4}
    ports: [\"127.0.0.1:90@@:8080\"]
    volumes:
      - ./settings:/etc/shop:ro
      - service@@:/var/lib/shop
    depends_on:
      database: { condition: service_healthy }
      cache: { condition: service_started }
    healthcheck:
      test: [CMD, curl, -fsS, http://127.0.0.1:8080/healthz]
      interval: 10s
      timeout: 3s
      start_period: 20s
    deploy:
      resources:
        limits: { cpus: \"0.50\", memory: 256M }
    labels:
      example.shop.part: \"@@\"
      example.shop.tag: ${TAG:-1.4.2}
";

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the services, as indentation shows them.
    fn declared(text: &str) -> Vec<&str> {
        let (_, rest) = text.split_once("\nservices:\n").unwrap();
        let body = rest.split("\nnetworks:").next().unwrap();
        let names = body.lines().filter_map(|line| {
            let name = line.strip_prefix("  ")?.strip_suffix(':')?;
            (!name.starts_with(' ')).then_some(name)
        });
        names.collect()
    }

    fn named(services: &[Service]) -> Vec<&str> {
        services
            .iter()
            .map(|service| service.name.as_str())
            .collect()
    }

    #[test]
    fn the_graph_has_twenty_services_and_the_poller_waits_for_each() {
        let (text, services) = graph();
        assert_eq!(services.len(), 20);
        assert_eq!(declared(&text), named(&services));
    }

    #[test]
    fn every_service_below_the_first_level_waits_for_two_of_the_level_before() {
        let (text, _) = graph();
        let body = text.split("\nservices:\n").nth(1).unwrap();
        let mut level = 0;
        for line in body.lines() {
            if let Some(name) = line.strip_prefix("  level") {
                level = name[..1].parse().unwrap();
            } else if let Some(dependency) = line.strip_prefix("      level") {
                assert_eq!(
                    dependency[..1].parse::<usize>().unwrap(),
                    level - 1,
                    "{line}"
                );
            }
        }
        assert_eq!(level, LEVELS);
        assert_eq!(body.matches("condition: service_healthy").count(), 2 * 16);
    }

    #[test]
    fn the_flat_stack_has_sixty_services_that_wait_for_nothing() {
        let (text, services) = flat();
        assert_eq!(services.len(), 60);
        assert_eq!(declared(&text), named(&services));
        assert!(!text.contains("depends_on"));
    }

    #[test]
    fn the_long_file_has_twenty_nine_services() {
        let names = long();
        let names = declared(&names);
        assert_eq!(names.len(), 29);
        assert_eq!((names[0], names[28]), ("database", "service29"));
    }

    #[test]
    fn the_poller_knows_every_service_that_orders_brings_up() {
        let root = crate::root();
        let stack = orders(&root, 8080);
        let text = std::fs::read_to_string(&stack.file).unwrap();
        let mut declared = declared(&text);
        // On demand only.
        declared.retain(|name| *name != "load");
        declared.sort_unstable();
        let mut named = named(&stack.services);
        named.sort_unstable();
        assert_eq!(named, declared);
    }
}
