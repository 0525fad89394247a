//! The engine's clock, read now and then and moved on with this host's in between.
//!
//! To ask for the time costs an engine as much as all else that it says of itself (`/info` starts programs to
//! find out about them). The two clocks are one where the engine runs here, and in step where it runs in a machine
//! of its own here; elsewhere one of them may be set meanwhile, so a reading does not hold for long.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module of this crate that reads this host's clock"
)]

use jiff::{SignedDuration, Timestamp};

/// How long a reading holds.
const HOLDS: SignedDuration = SignedDuration::from_secs(30);

/// Where the two clocks were at one moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct EngineClock {
    engine: Timestamp,
    /// When its answer was here.
    answered: Timestamp,
    took: SignedDuration,
}

impl EngineClock {
    /// This host's time.
    pub(super) fn host() -> Timestamp {
        Timestamp::now()
    }

    /// The engine said its time when asked at this time of the host; the answer is here now.
    pub(super) fn said(engine: Timestamp, asked: Timestamp, answered: Timestamp) -> Self {
        Self {
            engine,
            answered,
            took: answered.duration_since(asked),
        }
    }

    /// The engine's time at this time of the host; `None` where it has to be read again.
    ///
    /// It read its clock at some time before its answer was here, so this is never ahead of the engine's own clock,
    /// and behind by at most what the answer took.
    pub(super) fn at(self, host: Timestamp) -> Option<Timestamp> {
        let passed = host.duration_since(self.answered);
        if passed.is_negative() || passed > HOLDS {
            return None;
        }
        self.engine.checked_add(passed).ok()
    }

    /// How far the engine's own clock may be ahead.
    pub(super) fn doubt(self) -> SignedDuration {
        self.took
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reading_goes_on_with_the_hosts_clock_for_a_while() {
        let second = |second| Timestamp::from_second(second).unwrap();
        let clock = EngineClock::said(second(5_000), second(98), second(100));
        assert_eq!(clock.at(second(100)), Some(second(5_000)));
        assert_eq!(clock.at(second(130)), Some(second(5_030)));
        assert_eq!(clock.at(second(131)), None);
        assert_eq!(clock.at(second(99)), None, "somebody has set the clock");
        assert_eq!(clock.doubt(), SignedDuration::from_secs(2));
    }
}
