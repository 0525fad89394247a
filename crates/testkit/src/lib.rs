//! What tests share: where the engine for tests is, and what its images are called.
//!
//! A dev-dependency of any crate, never shipped. It prepares nothing: `cargo xtask test` does, and hands
//! over what it prepared through the environment.

#![allow(
    clippy::disallowed_methods,
    clippy::missing_panics_doc,
    clippy::unwrap_used,
    reason = "tests only: reads what the test run hands over, and a panic is how a test fails"
)]

mod api;
mod chance;
mod gate;

pub use api::Api;
pub use chance::Chance;
pub use gate::{Gate, Moment};

/// Where the engine for tests listens, in the form of `DOCKER_HOST`.
///
/// Panics where there is none: a test that needs an engine must not pass without one.
pub fn engine_host() -> String {
    std::env::var("BOWLINE_TEST_DOCKER_HOST").unwrap_or_else(|_| {
        panic!("BOWLINE_TEST_DOCKER_HOST is not set; run `cargo xtask test`, or `cargo xtask engine up` and set it")
    })
}

/// The name of a test image; `name` is a folder under `images/`.
pub fn image(name: &str) -> String {
    format!("bowline-test/{name}:1")
}

/// Whether all figures are wanted (`cargo xtask test --full`) instead of a sample.
pub fn is_full_run() -> bool {
    std::env::var_os("BOWLINE_TEST_FULL").is_some()
}

/// What chance is drawn from: `BOWLINE_TEST_SEED`, so that a run can be repeated, else the time.
pub fn seed() -> u64 {
    match std::env::var("BOWLINE_TEST_SEED") {
        Ok(seed) => seed
            .parse()
            .unwrap_or_else(|_| panic!("BOWLINE_TEST_SEED is no number: `{seed}`")),
        Err(_) => std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs(),
    }
}

/// The program that starts, kills and stops engines: `engine up|kill|down --name NAME`.
///
/// For tests of what happens when the engine itself dies. They use a name of their own, so that the
/// engine that other tests run on at the same time is left alone.
pub fn engine_program() -> String {
    std::env::var("BOWLINE_TEST_XTASK")
        .unwrap_or_else(|_| panic!("BOWLINE_TEST_XTASK is not set; run `cargo xtask test`"))
}

/// The program `docker-compose`, version 2.40, for tests of what the two do with each other's stacks.
///
/// Panics where there is none, for the same reason as [`engine_host`].
pub fn compose_program() -> String {
    std::env::var("BOWLINE_TEST_COMPOSE").unwrap_or_else(|_| {
        panic!("BOWLINE_TEST_COMPOSE is not set; run `cargo xtask test --full`, or set it to the program docker-compose")
    })
}

/// The folder of Compose files with the answers that conformance is measured by.
///
/// Panics where there is none, for the same reason as [`engine_host`].
pub fn corpus() -> std::path::PathBuf {
    let folder = std::env::var_os("BOWLINE_CORPUS");
    folder
        .unwrap_or_else(|| panic!("BOWLINE_CORPUS is not set; run `cargo xtask test --corpus DIR`"))
        .into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn images_are_named_after_their_recipes() {
        assert_eq!(super::image("busy"), "bowline-test/busy:1");
    }
}
