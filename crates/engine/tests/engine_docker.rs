//! The contract on a real engine: the one at `BOWLINE_TEST_DOCKER_HOST`, or nothing runs.
//!
//! What the clauses make is labelled, named by this process, and removed again. The image `bowline-test/busy:1`
//! has to be there (`cargo xtask images`).
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it finds something else than it expects"
)]

mod contract;

use bowline_engine::{DockerConfig, Endpoint, EndpointHints};
use contract::stage::Stage;

/// The variable that says which engine is tested.
const VARIABLE: &str = "BOWLINE_TEST_DOCKER_HOST";

#[expect(
    clippy::disallowed_methods,
    reason = "a test is told by the environment which engine it may use"
)]
async fn stage() -> Stage {
    let Ok(host) = std::env::var(VARIABLE) else {
        panic!("set {VARIABLE} to the engine under test, for example unix:///var/run/docker.sock");
    };
    let hints = EndpointHints {
        docker_host: Some(host),
        ..EndpointHints::default()
    };
    let endpoint = Endpoint::choose(&hints, &DockerConfig::default()).unwrap();
    Stage::real(bowline_engine::connect(endpoint).await.unwrap())
}

contract!(
    #[tokio::test]
    crate::stage
);
