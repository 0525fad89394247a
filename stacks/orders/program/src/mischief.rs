//! The deeds that belong to the words of `misbehave`, as far as they stand by themselves.
//!
//! Those that change how something is done (bind address, health, connections, signals) are in the
//! modules that do it.

use std::time::Duration;

use anyhow::{Error, anyhow};
use tokio::time::{interval, sleep};

use crate::misbehave::Misbehaviour;
use crate::say;

/// Lines per tick of [`TICK`] while flooding the log.
const FLOOD: u32 = 1000;
/// MB per tick of [`TICK`] while eating memory.
const BITE_MB: usize = 8;
const TICK: Duration = Duration::from_millis(100);

/// What is done on the side.
pub(crate) struct Mischief {
    wanted: Misbehaviour,
}

impl Mischief {
    pub(crate) fn new(wanted: &Misbehaviour) -> Self {
        Self {
            wanted: wanted.clone(),
        }
    }

    /// Starts what goes on beside the work.
    pub(crate) fn start_in_background(&self) {
        if let Some(size_mb) = self.wanted.eat_memory_mb {
            tokio::spawn(eat_memory(size_mb));
        }
        if self.wanted.log_flood {
            tokio::spawn(flood_log());
        }
    }

    /// Returns when the work may start.
    pub(crate) async fn slow_start(&self) {
        if let Some(delay) = self.wanted.slow_start {
            say::info(format_args!("warming up for {} s", delay.as_secs_f64()));
            sleep(delay).await;
        }
    }

    /// Returns when it is time to crash, with what to die of; never where no crash is wanted.
    pub(crate) async fn crash(&self) -> Error {
        match self.wanted.crash_after {
            Some(Duration::ZERO) => anyhow!("cannot read the price list: it is empty"),
            Some(delay) => {
                sleep(delay).await;
                anyhow!("an order's total does not fit its lines")
            }
            None => std::future::pending().await,
        }
    }
}

async fn eat_memory(size_mb: usize) {
    let mut eaten: Vec<Vec<u8>> = Vec::new();
    let mut ticks = interval(TICK);
    while eaten.len() * BITE_MB < size_mb {
        ticks.tick().await;
        // Ones, not zeros: pages that nobody wrote to are not taken from anybody.
        eaten.push(vec![1; BITE_MB << 20]);
    }
    say::info(format_args!("the cache holds {size_mb} MB"));
    std::future::pending::<()>().await;
    drop(eaten);
}

async fn flood_log() {
    let mut ticks = interval(TICK);
    for round in 0_u64.. {
        ticks.tick().await;
        for line in 0..FLOOD {
            say::info(format_args!(
                "cache lookup {round}/{line}: miss, going on without; nothing to worry about, said very often"
            ));
        }
    }
}
