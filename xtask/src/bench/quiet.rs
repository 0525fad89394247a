//! How busy the machine is with something else.
//!
//! The average load does not tell: the benchmark itself, and the build before it, are in it. So the processors are
//! looked at for a second each time when nothing of ours runs.

use std::time::Duration;

use anyhow::{Context, Result};

/// How long a look takes.
const LOOK: Duration = Duration::from_secs(1);

/// Above this share, medians are no longer worth much.
pub(crate) const QUIET: f64 = 0.1;

/// Waits a second and returns which share of all processors was busy in it, from 0 to 1.
pub(crate) fn busy_share() -> Result<f64> {
    let read = || {
        let text = std::fs::read_to_string("/proc/stat").context("cannot read `/proc/stat`")?;
        parse(&text).context("`/proc/stat` does not begin with the processors' times")
    };
    let before = read()?;
    std::thread::sleep(LOOK);
    Ok(share(before, read()?))
}

/// Time that the processors had nothing to do, and all time, in ticks since the machine began.
fn parse(stat: &str) -> Option<(u64, u64)> {
    let times = stat.lines().next()?.strip_prefix("cpu ")?;
    let times: Vec<u64> = times
        .split_whitespace()
        .map_while(|word| word.parse().ok())
        .collect();
    // user nice system idle iowait irq softirq steal; what guests took is in user already.
    let [_, _, _, idle, iowait, ..] = *times.get(..8)? else {
        return None;
    };
    Some((idle + iowait, times[..8].iter().sum()))
}

fn share(before: (u64, u64), after: (u64, u64)) -> f64 {
    // The kernel may count a little back what waited for a disk.
    let ticks = |before: u64, after: u64| {
        f64::from(u32::try_from(after.saturating_sub(before)).unwrap_or(u32::MAX))
    };
    let (idle, all) = (ticks(before.0, after.0), ticks(before.1, after.1));
    if all > 0.0 { 1.0 - idle / all } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_neither_idle_nor_waiting_for_a_disk_is_busy() {
        let before = parse("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n").unwrap();
        let after = parse("cpu  130 0 60 950 60 0 0 0 7 0\ncpu0 1 2 3\n").unwrap();
        assert_eq!((before, after), ((850, 1000), (1010, 1200)));
        assert!((share(before, after) - 0.2).abs() < 1e-9);
        assert!(share(before, before).abs() < 1e-9);
    }

    #[test]
    fn something_else_is_no_answer() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("cpu  1 2 3\n"), None);
        assert_eq!(parse("intr 1 2 3 4 5 6 7 8\n"), None);
    }
}
