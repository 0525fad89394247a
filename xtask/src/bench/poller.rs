//! Looks at a stack from outside, and says when it is there.
//!
//! A stack is there when every service answers over the network, or the engine calls its container healthy, and
//! every job has ended with 0. Neither tool is believed: containers are listed through the engine's API, and
//! asked at their own addresses. Once a container has answered it is not asked again, so that the asking costs
//! the measured next to nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::stacks::{Answer, Service};
use crate::engine::http::Endpoint;
use crate::request;

/// Between two looks. A clock stops late by half of it on average, whichever tool is measured.
const SHORTEST_PAUSE: Duration = Duration::from_millis(25);

/// A busy engine needs longer for a look and is left alone for longer, yet not so long that the clock says little.
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

/// How many times longer than a look.
const REST: u32 = 9;

/// A listener that is there answers within this.
const SOON: Duration = Duration::from_millis(500);

/// What is asked of a container, and where.
#[derive(Debug, PartialEq, Eq)]
enum Question {
    Page(SocketAddr, &'static str),
    Connection(SocketAddr),
}

/// How far a container is.
#[derive(Debug, PartialEq, Eq)]
enum State {
    There,
    NotYet,
    Ask(Question),
}

/// Waits until everything in `services` is there, and returns how long that was after `begun`.
///
/// Fails after `patience`, with the services that were not there.
pub(crate) fn wait(
    engine: &Endpoint,
    project: &str,
    services: &[Service],
    published: Option<u16>,
    begun: Instant,
    patience: Duration,
) -> Result<Duration> {
    let mut answered = BTreeSet::new();
    loop {
        let look = Instant::now();
        let listing = containers(engine, project)?;
        let missing: Vec<&str> = services
            .iter()
            .filter(|service| !is_there(service, &listing, published, &mut answered))
            .map(|service| service.name.as_str())
            .collect();
        let elapsed = begun.elapsed();
        if missing.is_empty() {
            return Ok(elapsed);
        }
        if elapsed > patience {
            bail!(
                "after {} s these services of `{project}` did not answer: {}",
                patience.as_secs(),
                missing.join(", ")
            );
        }
        let pause = (look.elapsed() * REST).clamp(SHORTEST_PAUSE, LONGEST_PAUSE);
        std::thread::sleep(pause);
    }
}

/// Lists a stack's containers, whatever state they are in.
pub(crate) fn containers(engine: &Endpoint, project: &str) -> Result<Value> {
    engine.get(&format!(
        "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22com.docker.compose.project%3D{project}%22%5D%7D"
    ))
}

fn is_there(
    service: &Service,
    listing: &Value,
    published: Option<u16>,
    answered: &mut BTreeSet<String>,
) -> bool {
    let states = states(service, listing, published);
    let mut there = 0;
    for (id, state) in states {
        let is_there = answered.contains(&id)
            || match &state {
                State::There => true,
                State::NotYet => false,
                State::Ask(question) => ask(question),
            };
        if is_there {
            there += 1;
            answered.insert(id);
        }
    }
    there >= service.replicas
}

/// The service's containers, each by its id with how far it is.
fn states(service: &Service, listing: &Value, published: Option<u16>) -> Vec<(String, State)> {
    let containers = listing.as_array().into_iter().flatten();
    containers
        .filter(|container| {
            container["Labels"]["com.docker.compose.service"] == service.name.as_str()
        })
        .map(|container| {
            let id = container["Id"].as_str().unwrap_or_default().to_owned();
            (id, state(container, &service.answer, published))
        })
        .collect()
}

fn state(container: &Value, answer: &Answer, published: Option<u16>) -> State {
    let status = container["Status"].as_str().unwrap_or_default();
    if *answer == Answer::End {
        return if container["State"] == "exited" && status.starts_with("Exited (0)") {
            State::There
        } else {
            State::NotYet
        };
    }
    if container["State"] != "running" {
        return State::NotYet;
    }
    if status.contains("(healthy)") {
        return State::There;
    }
    let own = |port| Some(SocketAddr::new(address(container)?, port));
    let question = match *answer {
        Answer::Page { port, path } => own(port).map(|at| Question::Page(at, path)),
        Answer::Port(port) => own(port).map(Question::Connection),
        Answer::Published { path } => {
            published.map(|port| Question::Page((Ipv4Addr::LOCALHOST, port).into(), path))
        }
        Answer::End => None,
    };
    question.map_or(State::NotYet, State::Ask)
}

/// Any of the container's addresses; each can be reached from where the engine runs.
fn address(container: &Value) -> Option<IpAddr> {
    let networks = container["NetworkSettings"]["Networks"].as_object()?;
    networks
        .values()
        .find_map(|network| network["IPAddress"].as_str()?.parse().ok())
}

fn ask(question: &Question) -> bool {
    match question {
        Question::Page(at, path) => {
            request::send_to(*at, path, None, SOON).is_ok_and(|answer| answer.status == 200)
        }
        Question::Connection(at) => TcpStream::connect_timeout(at, SOON).is_ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::io::{Read, Write};
    use std::net::TcpListener;

    fn service(name: &str, replicas: usize, answer: Answer) -> Service {
        Service {
            name: name.to_owned(),
            replicas,
            answer,
        }
    }

    fn container(service: &str, state: &str, status: &str) -> Value {
        json!({
            "Id": format!("{service}-id"),
            "Labels": { "com.docker.compose.service": service },
            "State": state,
            "Status": status,
            "NetworkSettings": { "Networks": { "back": { "IPAddress": "127.0.0.1" } } },
        })
    }

    fn look(service: &Service, listing: &Value) -> bool {
        is_there(service, listing, None, &mut BTreeSet::new())
    }

    #[test]
    fn a_job_is_there_when_it_has_ended_with_0() {
        let job = service("migrate", 1, Answer::End);
        assert!(!look(&job, &json!([])));
        assert!(!look(
            &job,
            &json!([container("migrate", "running", "Up 1 second")])
        ));
        assert!(!look(
            &job,
            &json!([container("migrate", "exited", "Exited (1) 1 second ago")])
        ));
        assert!(look(
            &job,
            &json!([container("migrate", "exited", "Exited (0) 1 second ago")])
        ));
    }

    #[test]
    fn a_service_is_there_when_the_engine_calls_every_replica_healthy() {
        let healthy = container("api", "running", "Up 2 seconds (healthy)");
        let mut other = healthy.clone();
        other["Id"] = json!("other");
        let api = service("api", 2, Answer::Port(1));
        assert!(!look(&api, &json!([healthy])));
        assert!(look(&api, &json!([healthy, other])));
    }

    #[test]
    fn a_container_that_starts_again_is_not_there() {
        let restarting = container("api", "restarting", "Restarting (1) 1 second ago");
        assert!(!look(
            &service("api", 1, Answer::Port(1)),
            &json!([restarting])
        ));
    }

    #[test]
    fn a_service_that_is_not_healthy_yet_is_asked_at_its_own_address() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let listing = json!([container("db", "running", "Up 1 second (health: starting)")]);
        let db = service("db", 1, Answer::Port(port));
        assert!(look(&db, &listing));
        drop(listener);
        assert!(!look(&db, &listing));
    }

    #[test]
    fn a_page_that_is_an_error_is_no_answer() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = std::thread::spawn(move || {
            for status in ["502 Bad Gateway", "200 OK"] {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = [0; 256];
                let _ = stream.read(&mut request).unwrap();
                write!(stream, "HTTP/1.0 {status}\r\n\r\n").unwrap();
            }
        });
        let listing = json!([container("nginx", "running", "Up 1 second")]);
        let nginx = service("nginx", 1, Answer::Published { path: "/" });
        let mut answered = BTreeSet::new();
        let mut look = || is_there(&nginx, &listing, Some(port), &mut answered);
        assert!(!look());
        assert!(look());
        // It has answered, and is not asked again.
        assert!(look());
        served.join().unwrap();
    }
}
