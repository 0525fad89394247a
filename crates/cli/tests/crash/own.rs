//! An engine that a test starts, kills, fills and stops.

use std::process::{Command, Output};

use bowline_testkit::engine_program;

/// The engine. It goes with everything in it when the test is over.
pub(crate) struct OwnEngine {
    name: &'static str,
    host: String,
}

impl OwnEngine {
    /// Starts it, with these options and the image of the stack.
    pub(crate) fn up(name: &'static str, options: &[&str]) -> Self {
        let mut engine = Self {
            name,
            host: String::new(),
        };
        // What an earlier run left that was killed.
        engine.call("down", &[]);
        engine.start(options);
        engine
    }

    /// Starts it, or starts it again.
    pub(crate) fn start(&mut self, options: &[&str]) {
        let said = self.call("up", &[options, &["busy"]].concat());
        let host = said.trim().rsplit("DOCKER_HOST=").next();
        host.unwrap().clone_into(&mut self.host);
    }

    /// Where it listens, as `DOCKER_HOST` is written.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// Has something done to it; the answer is what was said.
    pub(crate) fn call(&self, what: &str, options: &[&str]) -> String {
        let Output {
            status,
            stdout,
            stderr,
        } = Command::new(engine_program())
            .args(["engine", what, "--name", self.name])
            .args(options)
            .output()
            .unwrap();
        let stderr = String::from_utf8_lossy(&stderr);
        assert!(status.success(), "engine {what}: {stderr}");
        String::from_utf8(stdout).unwrap()
    }
}

impl Drop for OwnEngine {
    fn drop(&mut self) {
        self.call("down", &[]);
    }
}
