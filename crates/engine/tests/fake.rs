//! The contract on the scripted engine, in the oldest and in the newest version of the API. Time is paused:
//! it passes as fast as nobody waits for it.
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
async fn oldest() -> Stage {
    Stage::fake(bowline_engine::OLDEST_API)
}

#[expect(
    clippy::unused_async,
    reason = "stages of real engines are connected to"
)]
async fn newest() -> Stage {
    Stage::fake(bowline_engine::NEWEST_API)
}

mod in_the_oldest_api {
    crate::contract!(
        #[tokio::test(start_paused = true)]
        crate::oldest
    );
}

mod in_the_newest_api {
    crate::contract!(
        #[tokio::test(start_paused = true)]
        crate::newest
    );
}
