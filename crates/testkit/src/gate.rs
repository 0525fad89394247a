//! A socket between a program and an engine, at which the program is killed within a chosen request.

use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::Child;
use std::sync::{Arc, Mutex};
use std::thread;

use tempfile::TempDir;

/// When within a request the program is killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Moment {
    /// Before the engine gets the request.
    BeforeRequest,
    /// When the engine has the request, and has not answered.
    BeforeAnswer,
    /// When the engine has answered, before the program gets the answer.
    AfterAnswer,
    /// When the program gets the answer, before it has written down what it says.
    BeforeOutcome,
}

impl Moment {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::BeforeRequest,
        Self::BeforeAnswer,
        Self::AfterAnswer,
        Self::BeforeOutcome,
    ];
}

/// The socket. It counts the requests that change something; probes of healthchecks change nothing.
pub struct Gate {
    folder: TempDir,
    state: Arc<State>,
}

struct State {
    engine: PathBuf,
    kills_at: (usize, Moment),
    seen: Mutex<Vec<String>>,
    program: Mutex<Option<Child>>,
}

impl Gate {
    /// Opens a gate to an engine at which the changing request of this number, counted from 0, is the program's last.
    pub fn open(host: &str, number: usize, moment: Moment) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("s")).unwrap();
        let state = Arc::new(State {
            engine: host.strip_prefix("unix://").unwrap().into(),
            kills_at: (number, moment),
            seen: Mutex::default(),
            program: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let state = Arc::clone(&shared);
                thread::spawn(move || state.pass(client));
            }
        });
        Self { folder, state }
    }

    /// Where it listens, as `DOCKER_HOST` is written.
    pub fn host(&self) -> String {
        format!("unix://{}", self.folder.path().join("s").display())
    }

    /// Lets a program through, which `start` starts, and waits for its end. `Some` is the request that was its last,
    /// `None` says that it came to its own end before.
    pub fn let_through(&self, start: impl FnOnce() -> Child) -> Option<String> {
        // Held until the program is in it, so that no request is looked at before.
        let mut program = self.state.program.lock().unwrap();
        *program = Some(start());
        drop(program);
        loop {
            let mut program = self.state.program.lock().unwrap();
            let child = program.as_mut().unwrap();
            if child.try_wait().unwrap().is_some() {
                break;
            }
            drop(program);
            // sleeps because: a wait would hold what the gate needs to kill
            thread::sleep(std::time::Duration::from_millis(10));
        }
        let seen = self.state.seen.lock().unwrap();
        seen.get(self.state.kills_at.0).cloned()
    }
}

impl State {
    fn kill(&self) {
        if let Some(child) = self.program.lock().unwrap().as_mut() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Counts a request; whether it is the last one.
    fn is_last(&self, request: &Request) -> bool {
        drop(self.program.lock().unwrap());
        if !request.changes_something() {
            return false;
        }
        let mut seen = self.seen.lock().unwrap();
        seen.push(request.line());
        seen.len() == self.kills_at.0 + 1
    }

    fn pass(&self, mut client: UnixStream) {
        let Ok(request) = Request::read(&mut client) else {
            return;
        };
        let moment = self.is_last(&request).then_some(self.kills_at.1);
        if moment == Some(Moment::BeforeRequest) {
            return self.kill();
        }
        let Ok(mut engine) = UnixStream::connect(&self.engine) else {
            return;
        };
        if engine.write_all(&request.bytes).is_err() {
            return;
        }
        match moment {
            Some(Moment::BeforeAnswer) => self.kill(),
            Some(Moment::AfterAnswer) => {
                let _ = engine.read(&mut [0; 4096]);
                self.kill();
            }
            Some(_) => {
                let mut answer = [0; 4096];
                let length = engine.read(&mut answer).unwrap_or_default();
                let _ = client.write_all(&answer[..length]);
                self.kill();
            }
            None => both_ways(&client, &engine),
        }
    }
}

/// A request as it came; what follows it, on a connection that is taken over, is none of it.
struct Request {
    bytes: Vec<u8>,
    head: usize,
}

impl Request {
    fn read(client: &mut UnixStream) -> io::Result<Self> {
        let mut request = Self {
            bytes: Vec::new(),
            head: 0,
        };
        let mut buffer = [0; 8192];
        while !request.is_complete() {
            let length = client.read(&mut buffer)?;
            if length == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            request.bytes.extend_from_slice(&buffer[..length]);
            let mut parts = request.bytes.windows(4);
            request.head = parts
                .position(|part| part == b"\r\n\r\n")
                .map_or(0, |at| at + 4);
        }
        Ok(request)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes[..self.head]).to_lowercase()
    }

    fn is_complete(&self) -> bool {
        if self.head == 0 {
            return false;
        }
        let (head, body) = (self.text(), &self.bytes[self.head..]);
        if head.contains("transfer-encoding: chunked") {
            return body.ends_with(b"0\r\n\r\n");
        }
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        body.len() >= length.and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    /// Method and path.
    fn line(&self) -> String {
        let head = String::from_utf8_lossy(&self.bytes[..self.head]);
        let line = head.lines().next().unwrap_or_default();
        line.trim_end_matches(" HTTP/1.1").to_owned()
    }

    fn changes_something(&self) -> bool {
        let line = self.line();
        !line.starts_with("GET ")
            && !line.starts_with("HEAD ")
            && !line.contains("/exec")
            && !line.contains("/wait")
    }
}

/// Passes on what comes from either side until both have ended.
fn both_ways(client: &UnixStream, engine: &UnixStream) {
    thread::scope(|scope| {
        let passes = |mut from: &UnixStream, mut to: &UnixStream| {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        };
        scope.spawn(move || passes(client, engine));
        passes(engine, client);
        // The engine has said all; a client that still writes writes to nobody.
        let _ = client.shutdown(Shutdown::Both);
    });
}
