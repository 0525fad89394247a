//! The engine's clock, read once and moved on with this host's.
//!
//! To ask for the time costs an engine as much as all else that it says of itself (`/info` starts programs to
//! find out about them), so it is asked once. The clocks of host and engine are one where the engine runs here,
//! and in step where it runs in a machine of its own here.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module of this crate that reads this host's clock"
)]

use jiff::Timestamp;

/// Where the two clocks were at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct EngineClock {
    engine: Timestamp,
    host: Timestamp,
}

impl EngineClock {
    /// This host's time: to be taken before the engine is asked for its own.
    pub(super) fn host() -> Timestamp {
        Timestamp::now()
    }

    /// The engine said its time when asked at this time of the host.
    ///
    /// It read its clock somewhat later than it was asked, so what this clock says is never behind the engine's,
    /// and ahead by at most the time that the answer took.
    pub(super) fn said(engine: Timestamp, host: Timestamp) -> Self {
        Self { engine, host }
    }

    /// The engine's time.
    pub(super) fn now(self) -> Timestamp {
        self.at(Self::host())
    }

    fn at(self, host: Timestamp) -> Timestamp {
        let passed = host.duration_since(self.host);
        self.engine.saturating_add(passed).unwrap_or(self.engine)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_with_the_hosts_clock_from_what_the_engine_said() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let clock = EngineClock::said(second(5_000), second(100));
        assert_eq!(clock.at(second(100)), second(5_000));
        assert_eq!(clock.at(second(160)), second(5_060));
        // A clock that is set back takes the other along, as on one machine.
        assert_eq!(clock.at(second(40)), second(4_940));
    }
}
