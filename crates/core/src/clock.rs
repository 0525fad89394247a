//! The host's clock: the only place in core that reads it.
//!
//! The journal's times are this clock's. What is compared with times of an engine asks that engine.
#![expect(
    clippy::disallowed_methods,
    reason = "this is core's one module that reads the clock"
)]

use std::fmt::Debug;

use jiff::Timestamp;

/// A clock that can be replaced in tests.
pub trait Clock: Debug + Send + Sync {
    /// The time. It may jump in either direction when somebody sets the clock.
    fn now(&self) -> Timestamp;
}

/// The host's own clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}
