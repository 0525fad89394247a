//! What the kernel counts for a container: memory, processor, processes, and what its network sends again.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::group::{Folder, Version};
use super::{Look, Unseen, bounded, kernel};

/// What the kernel counts for one run of a container, each part with its own reason where it is missing.
///
/// A limit is the container's own; a group above it may have a lower one. `None` is a limit that is not set, or a
/// count that this kernel does not keep; each field says which.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Its memory.
    pub memory: Result<MemoryCounters, Unseen>,
    /// Its time on the processors.
    pub cpu: Result<CpuCounters, Unseen>,
    /// Its processes.
    pub processes: Result<ProcessCounters, Unseen>,
    /// TCP of its network namespace, which it may share.
    pub tcp: Result<TcpCounters, Unseen>,
}

/// Memory of a control group, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryCounters {
    /// In use, what only caches files included.
    pub current_bytes: u64,
    /// Most it may use; `None` is no limit.
    pub limit_bytes: Option<u64>,
    /// Most it has used; `None` is a kernel that does not keep it (version 2 before Linux 5.19).
    pub peak_bytes: Option<u64>,
    /// Processes that were killed because there was no memory; `None` is a kernel that does not count them.
    pub oom_kills: Option<u64>,
}

/// Time on the processors that a control group may have. A new run counts from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CpuCounters {
    /// Microseconds of processor time that it may use in each period; `None` is no limit.
    pub quota_micros: Option<u64>,
    /// Length of a period in microseconds.
    pub period_micros: u64,
    /// Periods with a limit that it wanted to run in; `None` is a kernel that does not count them.
    pub periods: Option<u64>,
    /// Those in which it had to wait for the next one.
    pub throttled_periods: Option<u64>,
}

/// Processes and threads of a control group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessCounters {
    /// How many there are, those that have ended and were not reaped included.
    pub current: u64,
    /// How many there may be; `None` is no limit.
    pub limit: Option<u64>,
    /// How often one could not be made because of a limit, this one or one above it as the kernel counts it; `None`
    /// is a kernel that does not count it.
    pub limit_hits: Option<u64>,
}

/// TCP of a network namespace since that was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TcpCounters {
    /// Segments sent, those sent again not included.
    pub sent_segments: u64,
    /// Segments sent again.
    pub resent_segments: u64,
    /// Attempts to connect that came to nothing: refused, mostly.
    pub failed_attempts: u64,
}

impl Look {
    /// Reads its counters. They are read one after the other, so they may be some milliseconds apart.
    pub fn counters(&self) -> Counters {
        Counters {
            memory: self.counted("memory", memory),
            cpu: self.counted("cpu", cpu),
            processes: self.counted("pids", processes),
            tcp: self.tcp(),
        }
    }

    fn tcp(&self) -> Result<TcpCounters, Unseen> {
        let main = self.main.clone();
        let read = bounded("the TCP counters", move || main.read("net/snmp"));
        self.unless_gone(read.and_then(|text| tcp(&text)))
    }

    fn counted<T: Send + 'static>(
        &self,
        controller: &'static str,
        parse: fn(Version, Files<'_>) -> Result<T, Unseen>,
    ) -> Result<T, Unseen> {
        let look = self.clone();
        let found = bounded(controller, move || {
            let folder = look.folder(controller)?;
            parse(folder.version, &|file| {
                kernel::read(&folder.path.join(file))
            })
        });
        self.unless_gone(found)
    }

    /// The folder of one controller of its control group.
    ///
    /// The group at the very root has everything on this host in it, so it is nobody's.
    pub(super) fn folder(&self, controller: &str) -> Result<Folder, Unseen> {
        let mounts = kernel::read(Path::new("/proc/self/mountinfo"))?;
        let folder = self.group.folder(&mounts, controller)?;
        let has = |file: &str| kernel::exists(&folder.path.join(file));
        let is_everything = || match folder.version {
            Version::One => has("release_agent"),
            Version::Two => !has("cgroup.type"),
        };
        if !has("cgroup.procs") || is_everything() {
            return Err(Unseen::Unsupported {
                what: format!("the control group `{controller}`"),
            });
        }
        Ok(folder)
    }
}

/// Gives the text of a file of a control group.
type Files<'a> = &'a dyn Fn(&str) -> Result<String, Unseen>;

fn memory(version: Version, files: Files<'_>) -> Result<MemoryCounters, Unseen> {
    let optional = |file: &str| files(file).ok().and_then(|text| number(&text));
    Ok(match version {
        Version::One => {
            let limit = required(files, "memory.limit_in_bytes", number)?;
            MemoryCounters {
                current_bytes: required(files, "memory.usage_in_bytes", number)?,
                // "None" is the largest number of whole pages.
                limit_bytes: (limit < NO_LIMIT).then_some(limit),
                peak_bytes: optional("memory.max_usage_in_bytes"),
                oom_kills: counted(files, "memory.oom_control", "oom_kill"),
            }
        }
        Version::Two => MemoryCounters {
            current_bytes: required(files, "memory.current", number)?,
            limit_bytes: required(files, "memory.max", limit)?,
            peak_bytes: optional("memory.peak"),
            oom_kills: counted(files, "memory.events", "oom_kill"),
        },
    })
}

/// Version 1 writes a limit that is not set as a number: `i64::MAX`, rounded down to a page of at most 64 KiB.
const NO_LIMIT: u64 = (1 << 63) - 64 * 1024;

fn cpu(version: Version, files: Files<'_>) -> Result<CpuCounters, Unseen> {
    let (quota_micros, period_micros) = match version {
        // A quota of -1 is none.
        Version::One => (
            required(files, "cpu.cfs_quota_us", |text| {
                Some(u64::try_from(text.trim().parse::<i64>().ok()?).ok())
            })?,
            required(files, "cpu.cfs_period_us", number)?,
        ),
        Version::Two => required(files, "cpu.max", |text| {
            let (quota, period) = text.trim().split_once(' ')?;
            Some((limit(quota)?, number(period)?))
        })?,
    };
    Ok(CpuCounters {
        quota_micros,
        period_micros,
        periods: counted(files, "cpu.stat", "nr_periods"),
        throttled_periods: counted(files, "cpu.stat", "nr_throttled"),
    })
}

/// Both versions have the same files here.
fn processes(_: Version, files: Files<'_>) -> Result<ProcessCounters, Unseen> {
    Ok(ProcessCounters {
        current: required(files, "pids.current", number)?,
        limit: required(files, "pids.max", limit)?,
        limit_hits: counted(files, "pids.events", "max"),
    })
}

/// Reads `/proc/PID/net/snmp`: for every protocol a line of names and one of numbers.
fn tcp(text: &str) -> Result<TcpCounters, Unseen> {
    let mut lines = text.lines().filter_map(|line| line.strip_prefix("Tcp:"));
    let (names, numbers) = (lines.next(), lines.next());
    let value = |wanted: &str| {
        let at = names?.split_whitespace().position(|name| name == wanted)?;
        numbers?.split_whitespace().nth(at)?.parse().ok()
    };
    let counters = || {
        Some(TcpCounters {
            sent_segments: value("OutSegs")?,
            resent_segments: value("RetransSegs")?,
            failed_attempts: value("AttemptFails")?,
        })
    };
    counters().ok_or_else(|| strange("the TCP counters", text))
}

fn required<T>(
    files: Files<'_>,
    file: &str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, Unseen> {
    let text = files(file)?;
    parse(&text).ok_or_else(|| strange(file, &text))
}

/// One count of a file that has a name and a number on each line.
fn counted(files: Files<'_>, file: &str, name: &str) -> Option<u64> {
    let text = files(file).ok()?;
    text.lines()
        .filter_map(|line| line.split_once(' '))
        .find(|(key, _)| *key == name)
        .and_then(|(_, value)| number(value))
}

fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// A number, or the word for none.
#[expect(
    clippy::option_option,
    reason = "unreadable, unlimited and limited are three things"
)]
fn limit(text: &str) -> Option<Option<u64>> {
    match text.trim() {
        "max" => Some(None),
        text => number(text).map(Some),
    }
}

fn strange(what: &str, text: &str) -> Unseen {
    let beginning: String = text.chars().take(64).collect();
    Unseen::Failed {
        what: what.to_owned(),
        reason: format!("its text is not understood: `{}`", beginning.trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Files of a control group, as they were read from one.
    fn recorded<'a>(
        files: &'a [(&'a str, &'a str)],
    ) -> impl Fn(&str) -> Result<String, Unseen> + 'a {
        |wanted| {
            files
                .iter()
                .find(|(name, _)| *name == wanted)
                .map(|(_, text)| (*text).to_owned())
                .ok_or_else(|| Unseen::Unsupported {
                    what: wanted.into(),
                })
        }
    }

    /// Linux 6.18, version 1, a container with `--memory 64m --cpus 0.5 --pids-limit 12`.
    const VERSION_1: &[(&str, &str)] = &[
        ("memory.limit_in_bytes", "67108864\n"),
        ("memory.usage_in_bytes", "536576\n"),
        ("memory.max_usage_in_bytes", "67108864\n"),
        (
            "memory.oom_control",
            "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n",
        ),
        ("cpu.cfs_quota_us", "50000\n"),
        ("cpu.cfs_period_us", "100000\n"),
        (
            "cpu.stat",
            "nr_periods 25\nnr_throttled 22\nthrottled_time 1980000000\nnr_bursts 0\nburst_time 0\n",
        ),
        ("pids.current", "12\n"),
        ("pids.max", "12\n"),
        ("pids.events", "max 3\n"),
    ];

    /// The same on version 2.
    const VERSION_2: &[(&str, &str)] = &[
        ("memory.max", "67108864\n"),
        ("memory.current", "536576\n"),
        ("memory.peak", "67108864\n"),
        (
            "memory.events",
            "low 0\nhigh 0\nmax 31\noom 2\noom_kill 2\noom_group_kill 0\n",
        ),
        ("cpu.max", "50000 100000\n"),
        (
            "cpu.stat",
            "usage_usec 1500000\nuser_usec 1400000\nsystem_usec 100000\ncore_sched.force_idle_usec 0\n\
             nr_periods 25\nnr_throttled 22\nthrottled_usec 1980000\nnr_bursts 0\nburst_usec 0\n",
        ),
        ("pids.current", "12\n"),
        ("pids.max", "12\n"),
        ("pids.events", "max 3\n"),
    ];

    #[test]
    fn both_versions_tell_the_same() {
        for (version, files) in [(Version::One, VERSION_1), (Version::Two, VERSION_2)] {
            let files = recorded(files);
            assert_eq!(
                memory(version, &files),
                Ok(MemoryCounters {
                    current_bytes: 536_576,
                    limit_bytes: Some(64 * 1024 * 1024),
                    peak_bytes: Some(64 * 1024 * 1024),
                    oom_kills: Some(2),
                })
            );
            assert_eq!(
                cpu(version, &files),
                Ok(CpuCounters {
                    quota_micros: Some(50_000),
                    period_micros: 100_000,
                    periods: Some(25),
                    throttled_periods: Some(22),
                })
            );
            assert_eq!(
                processes(version, &files),
                Ok(ProcessCounters {
                    current: 12,
                    limit: Some(12),
                    limit_hits: Some(3),
                })
            );
        }
    }

    #[test]
    fn no_limit_is_none_and_not_a_number() {
        let one = recorded(&[
            ("memory.limit_in_bytes", "9223372036854771712\n"),
            ("memory.usage_in_bytes", "536576\n"),
            ("cpu.cfs_quota_us", "-1\n"),
            ("cpu.cfs_period_us", "100000\n"),
        ]);
        let two = recorded(&[
            ("memory.max", "max\n"),
            ("memory.current", "536576\n"),
            ("cpu.max", "max 100000\n"),
            ("pids.current", "1\n"),
            ("pids.max", "max\n"),
        ]);
        let cases: [(Version, Files<'_>); 2] = [(Version::One, &one), (Version::Two, &two)];
        for (version, files) in cases {
            let memory = memory(version, files).unwrap();
            assert_eq!(memory.limit_bytes, None);
            // What an older kernel does not keep is not 0.
            assert_eq!((memory.peak_bytes, memory.oom_kills), (None, None));
            let cpu = cpu(version, files).unwrap();
            assert_eq!((cpu.quota_micros, cpu.period_micros), (None, 100_000));
            assert_eq!((cpu.periods, cpu.throttled_periods), (None, None));
        }
        assert_eq!(processes(Version::Two, &two).unwrap().limit, None);
    }

    #[test]
    fn what_is_missing_or_strange_is_said_and_not_guessed() {
        let none = recorded(&[]);
        assert!(matches!(
            memory(Version::One, &none),
            Err(Unseen::Unsupported { .. })
        ));
        let strange = recorded(&[("pids.current", "many\n"), ("pids.max", "max\n")]);
        assert_eq!(
            processes(Version::One, &strange).unwrap_err().to_string(),
            "pids.current of the container cannot be read: its text is not understood: `many`"
        );
    }

    #[test]
    fn segments_are_found_by_their_names() {
        let text = "Ip: Forwarding DefaultTTL\nIp: 1 64\n\
                    Tcp: RtoAlgorithm RtoMin AttemptFails OutSegs RetransSegs InErrs\nTcp: 1 200 7 900 31 0\n\
                    Udp: InDatagrams\nUdp: 7\n";
        assert_eq!(
            tcp(text),
            Ok(TcpCounters {
                sent_segments: 900,
                resent_segments: 31,
                failed_attempts: 7,
            })
        );
        assert!(tcp("Tcp: OutSegs RetransSegs AttemptFails\nTcp: 1 2\n").is_err());
        assert!(tcp("").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*", lines in "([a-z_:-]|[0-9]| |Tcp:|é|\n)*") {
            for text in [text, lines] {
                let files = |_: &str| Ok(text.clone());
                for version in [Version::One, Version::Two] {
                    let _ = memory(version, &files);
                    let _ = cpu(version, &files);
                    let _ = processes(version, &files);
                }
                let _ = tcp(&text);
            }
        }
    }
}
