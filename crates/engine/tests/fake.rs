//! The contract on the scripted engine. Time is paused: it passes as fast as nobody waits for it.
#![expect(
    clippy::unwrap_used,
    reason = "a test ends where it finds something else than it expects"
)]

mod contract;

use contract::stage::Stage;

#[expect(
    clippy::unused_async,
    reason = "stages of real engines are connected to"
)]
async fn stage() -> Stage {
    Stage::fake()
}

contract!(
    #[tokio::test(start_paused = true)]
    crate::stage
);
