//! Connecting, and what crosses the socket, with a server of the test's own behind it.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it finds something else than it expects"
)]

use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bowline_engine::{
    ConnectError, Endpoint, Engine, EngineError, EventFilter, OLDEST_API, Selector, Sent,
    Unreachable, WaitFor, connect,
};
use bowline_model::{ApiVersion, ContainerId, ContainerStatus};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixListener;
use tokio::sync::mpsc;

const INFO: &str = r#"{"ID":"AAAA","NCPU":2,"MemTotal":1,"SystemTime":"2026-11-21T05:14:06.5Z","SecurityOptions":null}"#;

/// A server that answers requests by their path and remembers what was asked.
struct Server {
    asked: Arc<Mutex<Vec<String>>>,
    closed: mpsc::UnboundedReceiver<String>,
    socket: PathBuf,
    _folder: tempfile::TempDir,
}

/// What is sent for a request line, and whether the connection then stays open. Nothing at all closes it.
type Answers = fn(&str) -> Option<(String, bool)>;

fn ok(json: &str) -> String {
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    )
}

fn version(newest: &str, oldest: &str) -> String {
    ok(&format!(
        r#"{{"Version":"1","ApiVersion":"{newest}","MinAPIVersion":"{oldest}","Os":"linux","Arch":"amd64"}}"#
    ))
}

impl Server {
    fn start(answers: Answers) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&socket).unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let (sender, closed) = mpsc::unbounded_channel();
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (seen, sender) = (seen.clone(), sender.clone());
                tokio::spawn(async move {
                    let mut request = Vec::new();
                    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                        let mut buffer = [0; 4096];
                        match stream.read(&mut buffer).await {
                            Ok(length) if length > 0 => {
                                request.extend_from_slice(&buffer[..length]);
                            }
                            _ => return,
                        }
                    }
                    let text = String::from_utf8_lossy(&request).into_owned();
                    let line = text
                        .lines()
                        .next()
                        .unwrap_or_default()
                        .trim_end_matches(" HTTP/1.1")
                        .to_owned();
                    seen.lock().unwrap().push(line.clone());
                    let Some((answer, stays)) = answers(&line) else {
                        return;
                    };
                    stream.write_all(answer.as_bytes()).await.unwrap();
                    let mut rest = Vec::new();
                    if stays && stream.read_to_end(&mut rest).await.is_ok() {
                        // Nobody waits for it when the test is over.
                        let _ = sender.send(line);
                    }
                });
            }
        });
        Self {
            asked,
            closed,
            socket,
            _folder: folder,
        }
    }

    async fn connect(&self) -> Result<Arc<dyn Engine>, ConnectError> {
        connect(Endpoint::at(&self.socket)).await
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[tokio::test]
async fn every_request_behind_the_first_two_carries_the_version_that_was_agreed_on() {
    let server = Server::start(|line| {
        Some(match line {
            "GET /version" => (version("1.47", "1.24"), false),
            "GET /info" => (ok(INFO), false),
            line if line.starts_with("GET /v1.47/containers/json?") => (ok("[]"), false),
            line if line.starts_with("POST /v1.47/containers/a/wait") => {
                (ok(r#"{"StatusCode":3}"#), false)
            }
            _ => return None,
        })
    });
    let engine = server.connect().await.unwrap();
    assert_eq!(engine.about().api, ApiVersion::v1(47));
    assert_eq!(
        engine
            .containers(&Selector::label("a", "b c"))
            .await
            .unwrap(),
        []
    );
    assert_eq!(
        engine
            .wait_container(&ContainerId("a".into()), WaitFor::NextExit)
            .await
            .unwrap(),
        3
    );
    // It said its time a moment ago.
    engine.now().await.unwrap();
    let expected = [
        "GET /version",
        "GET /info",
        "GET /v1.47/containers/json?all=true&filters=%7B%22label%22%3A%5B%22a%3Db%20c%22%5D%7D",
        "POST /v1.47/containers/a/wait?condition=next-exit",
    ];
    assert_eq!(server.asked(), expected);
}

#[tokio::test]
async fn a_newer_engine_is_spoken_to_in_the_newest_version_known() {
    let server = Server::start(|line| {
        Some(if line == "GET /version" {
            (version("1.99", "1.44"), false)
        } else {
            (ok(INFO), false)
        })
    });
    let engine = server.connect().await.unwrap();
    assert_eq!(
        (engine.about().api, engine.about().newest_api),
        (bowline_engine::NEWEST_API, ApiVersion::v1(99))
    );
    let _ = engine.containers(&Selector::all()).await;
    let asked = server.asked().pop().unwrap();
    let prefix = format!("GET /v{}/containers/json", bowline_engine::NEWEST_API);
    assert!(asked.starts_with(&prefix), "{asked}");
}

#[tokio::test]
async fn an_engine_that_is_too_old_or_too_new_is_refused_with_both_versions() {
    let old = Server::start(|_| Some((version("1.40", "1.12"), false)));
    let error = old.connect().await.unwrap_err();
    assert!(
        matches!(error, ConnectError::TooOld { newest, .. } if newest < OLDEST_API),
        "{error}"
    );
    assert!(
        error.to_string().contains("1.40") && error.to_string().contains("1.41"),
        "{error}"
    );
    let new = Server::start(|_| Some((version("1.99", "1.90"), false)));
    assert!(matches!(
        new.connect().await.unwrap_err(),
        ConnectError::TooNew { .. }
    ));
}

fn unreachable(error: &ConnectError) -> (Unreachable, Sent) {
    match error {
        ConnectError::Engine(EngineError::Unreachable { reason, sent, .. }) => {
            (reason.clone(), *sent)
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
#[expect(
    clippy::disallowed_methods,
    reason = "makes a file where a socket is expected"
)]
async fn why_nobody_answers_is_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let missing = connect(Endpoint::at(folder.path().join("none.sock")))
        .await
        .unwrap_err();
    assert_eq!(unreachable(&missing), (Unreachable::NoSocket, Sent::No));
    assert!(
        missing.hints()[0].contains("DOCKER_HOST"),
        "{:?}",
        missing.hints()
    );

    let abandoned = folder.path().join("abandoned.sock");
    drop(UnixListener::bind(&abandoned).unwrap());
    let refused = connect(Endpoint::at(&abandoned)).await.unwrap_err();
    assert_eq!(unreachable(&refused), (Unreachable::Refused, Sent::No));

    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(
        unreachable(&connect(Endpoint::at(&file)).await.unwrap_err()).1,
        Sent::No
    );

    // Cut off after the request was read: it may have been carried out.
    let mute = Server::start(|_| None);
    assert!(matches!(
        unreachable(&mute.connect().await.unwrap_err()),
        (Unreachable::Closed(_), Sent::Maybe)
    ));

    let other = Server::start(|_| Some((ok("<html>"), false)));
    let error = other.connect().await.unwrap_err();
    assert!(
        matches!(error, ConnectError::Engine(EngineError::Unreadable { .. })),
        "{error}"
    );
}

/// With paused time a wait for the socket passes at once, so limits that would take minutes are seen.
#[tokio::test]
async fn a_hung_engine_is_given_up_on_and_a_long_wait_is_not() {
    let server = Server::start(|line| match line {
        "GET /version" => Some((version("1.41", "1.12"), false)),
        "GET /info" => Some((ok(INFO), false)),
        // Nothing is answered, and the connection stays.
        _ => Some((String::new(), true)),
    });
    let engine = server.connect().await.unwrap();
    let id = ContainerId("a".into());
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    let error = engine.inspect_container(&id).await.unwrap_err();
    assert!(
        matches!(
            error,
            EngineError::Unreachable {
                reason: Unreachable::TimedOut(_),
                sent: Sent::Maybe,
                ..
            }
        ),
        "{error}"
    );
    assert!(began.elapsed() < Duration::from_mins(2));
    // A stop may take its grace, however long that is.
    let began = tokio::time::Instant::now();
    let grace = Duration::from_hours(1);
    let error = engine.stop_container(&id, grace).await.unwrap_err();
    assert!(
        error.is_unreachable() && began.elapsed() >= grace,
        "{:?}",
        began.elapsed()
    );
    // A wait has no limit of its own.
    let waiting = engine.wait_container(&id, WaitFor::NotRunning);
    assert!(
        tokio::time::timeout(Duration::from_secs(1_000_000), waiting)
            .await
            .is_err()
    );
}

#[tokio::test]
async fn dropping_a_stream_closes_its_connection() {
    let mut server = Server::start(|line| match line {
        "GET /version" => Some((version("1.41", "1.12"), false)),
        "GET /info" => Some((ok(INFO), false)),
        _ => {
            let event = r#"{"Type":"container","Action":"start","Actor":{"ID":"a","Attributes":null},"timeNano":1}"#;
            let chunk = format!("{:x}\r\n{event}\n\r\n", event.len() + 1);
            Some((
                format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}"),
                true,
            ))
        }
    });
    let engine = server.connect().await.unwrap();
    let mut events = engine.events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.next().await.unwrap().unwrap().id, "a");
    drop(events);
    let closed = tokio::time::timeout(Duration::from_secs(30), server.closed.recv())
        .await
        .unwrap()
        .unwrap();
    // Without a `since` it is the engine's own time, so that nothing is missed in between.
    assert!(
        closed.starts_with("GET /v1.41/events?since=1795238046.5"),
        "{closed}"
    );
}

#[tokio::test]
async fn words_that_are_not_known_and_nulls_break_no_listing() {
    let server = Server::start(|line| match line {
        "GET /version" => Some((version("1.41", ""), false)),
        "GET /info" => Some((ok(INFO), false)),
        _ => Some((
            ok(
                r#"[{"Id":"a","Names":["/b/link","/web"],"Labels":null,"State":"hibernating","Ports":null,"New":{}}]"#,
            ),
            false,
        )),
    });
    let listed = server
        .connect()
        .await
        .unwrap()
        .containers(&Selector::all())
        .await
        .unwrap();
    assert_eq!(listed[0].name, "web");
    assert_eq!(
        listed[0].status,
        ContainerStatus::Other("hibernating".into())
    );
}
