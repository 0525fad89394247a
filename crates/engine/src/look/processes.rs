//! The processes of a container, the ones that have ended and were not reaped included.

use std::path::Path;

use bowline_model::mask_command;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::kernel::{self, ProcessFolder};
use super::{Group, Listing, Look, Unseen, bounded};

/// No more processes of one container are told.
const MOST_PROCESSES: usize = 4096;
/// No more of a command line is told, in bytes.
const MOST_OF_COMMAND: usize = 4096;

/// A process of a container.
///
/// User and process numbers are those of this host where nothing else is said; with user namespaces the container
/// sees others. What the kernel does not let this process read is `None`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerProcess {
    /// Its number on this host.
    pub pid: u32,
    /// Its number in the namespace of the container's main process; that one's is 1, as a rule.
    pub pid_inside: Option<u32>,
    /// The number of its parent on this host, which may be outside of the container.
    pub parent: u32,
    /// Its name: 15 bytes of its program's file name, or what it calls itself.
    pub name: String,
    /// Its state, as `ps` shows it: `R` running, `S` sleeping, `D` waiting for a disk, `T` stopped, `Z` ended and
    /// not reaped by its parent.
    pub state: char,
    /// The user whose rights it has.
    pub uid: u32,
    /// Its command line without secrets, word by word; empty for one that has ended. After 4096 bytes the rest is
    /// left out, with the word that they end in.
    pub command: Vec<String>,
    /// When it was started. The kernel keeps the time of its own start in whole seconds, so this may be off by one.
    pub started: Timestamp,
    /// How many files it has open; counted up to 100 000.
    pub open_files: Option<u64>,
    /// How many it may have open.
    pub open_files_limit: Option<u64>,
    /// The function of the kernel that it waits in.
    pub waits_in: Option<String>,
}

impl ContainerProcess {
    /// Whether it has ended and its parent has not asked how.
    pub fn is_zombie(&self) -> bool {
        self.state == 'Z'
    }
}

impl Look {
    /// The processes in its control groups and those below, by number on this host; at most 4096.
    ///
    /// Asks every process of the host for its group, because the lists of the groups leave out what has ended. One
    /// that ends meanwhile may be missing, one that is started meanwhile as well.
    ///
    /// # Errors
    ///
    /// [`Unseen::Unsupported`] where the container's processes cannot be told from others: it has no control group.
    pub fn processes(&self) -> Result<Listing<ContainerProcess>, Unseen> {
        let look = self.clone();
        let found = bounded("the processes", move || {
            if look.group.is_root() {
                look.folder("pids")?;
            }
            let scan = Scan {
                group: &look.group,
                clock: Clock::read()?,
                depth: Status::parse(&look.main.read("status")?).numbers.len(),
            };
            scan.run()
        });
        let found = self.unless_gone(found)?;
        Ok(Listing::first(found, MOST_PROCESSES))
    }
}

/// One walk over all processes of this host.
struct Scan<'a> {
    group: &'a Group,
    clock: Clock,
    /// How deep the main process is in namespaces of process numbers.
    depth: usize,
}

impl Scan<'_> {
    /// Those of the container by their numbers, one too many where there are too many.
    fn run(&self) -> Result<Vec<ContainerProcess>, Unseen> {
        let mut found = Vec::new();
        let mut strays = Vec::new();
        for pid in kernel::pids()? {
            let Ok(folder) = ProcessFolder::open(pid) else {
                continue;
            };
            // One that ends meanwhile is left out.
            let Ok(groups) = folder.read("cgroup") else {
                continue;
            };
            if self.group.has(&groups) {
                found.extend(self.process(pid, &folder));
            } else if Group::is_none(&groups) && has_ended(&folder) {
                strays.extend(self.process(pid, &folder));
            }
            if found.len() > MOST_PROCESSES {
                break;
            }
        }
        let adopted = children_among(strays, &found);
        found.extend(adopted);
        found.sort_unstable_by_key(|process| process.pid);
        Ok(found)
    }

    fn process(&self, pid: u32, folder: &ProcessFolder) -> Option<ContainerProcess> {
        let stat = Stat::parse(&folder.read("stat").ok()?)?;
        let status = Status::parse(&folder.read("status").ok()?);
        let has_ended = matches!(stat.state, 'Z' | 'X');
        let limits = folder.read("limits").ok();
        Some(ContainerProcess {
            pid,
            pid_inside: self
                .depth
                .checked_sub(1)
                .and_then(|last| status.numbers.get(last).copied()),
            parent: stat.parent,
            name: stat.name,
            state: stat.state,
            uid: status.uid?,
            command: words(&folder.read("cmdline").unwrap_or_default()),
            started: self.clock.at(stat.started_ticks)?,
            open_files: (!has_ended).then(|| folder.count("fd").ok()).flatten(),
            open_files_limit: limits.as_deref().and_then(open_files_limit),
            waits_in: folder.read("wchan").ok().and_then(waits_in),
        })
    }
}

fn has_ended(folder: &ProcessFolder) -> bool {
    let stat = folder.read("stat").ok();
    stat.and_then(|text| Stat::parse(&text))
        .is_some_and(|stat| stat.state == 'Z')
}

/// Those that are children of others. With control groups of version 1 alone a process that has ended is in none,
/// and only its parent tells whose it was.
fn children_among(
    strays: Vec<ContainerProcess>,
    parents: &[ContainerProcess],
) -> Vec<ContainerProcess> {
    let is_child = |stray: &ContainerProcess| parents.iter().any(|one| one.pid == stray.parent);
    strays.into_iter().filter(is_child).collect()
}

/// What is needed of `/proc/PID/stat`.
#[derive(Debug, PartialEq)]
struct Stat {
    name: String,
    state: char,
    parent: u32,
    started_ticks: u64,
}

impl Stat {
    fn parse(text: &str) -> Option<Self> {
        // A name may hold spaces and brackets; nothing behind it does.
        let (head, tail) = text.rsplit_once(')')?;
        let (_, name) = head.split_once('(')?;
        let mut fields = tail.split_whitespace();
        Some(Self {
            name: name.to_owned(),
            state: fields.next()?.chars().next()?,
            parent: fields.next()?.parse().ok()?,
            // Field 22 of the file.
            started_ticks: fields.nth(17)?.parse().ok()?,
        })
    }
}

/// What is needed of `/proc/PID/status`.
#[derive(Debug, Default, PartialEq)]
struct Status {
    uid: Option<u32>,
    /// Its numbers, from this namespace inwards.
    numbers: Vec<u32>,
}

impl Status {
    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            text.lines()
                .filter_map(|line| line.split_once(':'))
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.split_whitespace())
        };
        let number = |word: &str| word.parse().ok();
        Self {
            // Real, effective, saved, and that for files.
            uid: field("Uid").and_then(|mut uids| uids.nth(1).and_then(number)),
            numbers: field("NSpid")
                .map_or_else(Vec::new, |words| words.filter_map(number).collect()),
        }
    }
}

/// The words of a command line, without secrets.
fn words(command: &str) -> Vec<String> {
    let mut end = command.len().min(MOST_OF_COMMAND);
    if end < command.len() {
        // Half a word may be a secret that nothing marks as one any more.
        while !command.is_char_boundary(end) {
            end -= 1;
        }
        end = command[..end].rfind('\0').unwrap_or(0);
    }
    // A process that writes over its command line leaves zeros behind.
    let words = command[..end].trim_end_matches('\0');
    if words.is_empty() {
        return Vec::new();
    }
    mask_command(words.split('\0'))
}

/// The soft limit in `/proc/PID/limits`.
fn open_files_limit(text: &str) -> Option<u64> {
    let limits = text
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    limits.split_whitespace().next()?.parse().ok()
}

/// What `/proc/PID/wchan` says; `0` is a process that does not wait, or one of which nothing is told.
fn waits_in(text: String) -> Option<String> {
    (!matches!(text.trim(), "" | "0")).then_some(text)
}

/// The kernel's time.
#[derive(Debug)]
pub(super) struct Clock {
    started: Timestamp,
    ticks_per_second: u64,
}

impl Clock {
    pub(super) fn read() -> Result<Self, Unseen> {
        let stat = kernel::read(Path::new("/proc/stat"))?;
        let started = boot_time(&stat).ok_or_else(|| Unseen::Unsupported {
            what: "the start times of processes".into(),
        })?;
        Ok(Self {
            started,
            ticks_per_second: kernel::ticks_per_second().max(1),
        })
    }

    /// The time so many microseconds after the kernel's start.
    pub(super) fn after_micros(&self, micros: u64) -> Option<Timestamp> {
        let since = SignedDuration::from_micros(i64::try_from(micros).ok()?);
        self.started.checked_add(since).ok()
    }

    #[cfg(test)]
    pub(super) fn starting_at(started: Timestamp) -> Self {
        Self {
            started,
            ticks_per_second: 100,
        }
    }

    fn at(&self, ticks: u64) -> Option<Timestamp> {
        let seconds = i64::try_from(ticks / self.ticks_per_second).ok()?;
        let rest = ticks % self.ticks_per_second * 1000 / self.ticks_per_second;
        let since = SignedDuration::from_secs(seconds)
            .checked_add(SignedDuration::from_millis(i64::try_from(rest).ok()?))?;
        self.started.checked_add(since).ok()
    }
}

fn boot_time(stat: &str) -> Option<Timestamp> {
    let seconds = stat.lines().find_map(|line| line.strip_prefix("btime "))?;
    Timestamp::from_second(seconds.trim().parse().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_name_may_hold_anything() {
        let stat =
            "4711 (a) S 2 (b)) Z 4700 4711 4711 0 -1 4227084 0 0 0 0 1 2 3 4 20 0 1 0 98765 0 0\n";
        assert_eq!(
            Stat::parse(stat),
            Some(Stat {
                name: "a) S 2 (b)".into(),
                state: 'Z',
                parent: 4700,
                started_ticks: 98765,
            })
        );
        assert_eq!(Stat::parse("4711 (a) S 1\n"), None);
    }

    #[test]
    fn rights_and_numbers_inside_are_read() {
        let text = "Name:\tsh\nUid:\t1000\t999\t1000\t1000\nNSpid:\t4711\t12\t1\n";
        let read = Status::parse(text);
        assert_eq!(read.uid, Some(999));
        assert_eq!(read.numbers, [4711, 12, 1]);
        assert_eq!(Status::parse("Name:\tsh\n"), Status::default());
    }

    #[test]
    fn a_command_line_is_told_without_secrets_and_not_for_ever() {
        assert_eq!(
            words("redis-server\0--requirepass\0hunter2\0"),
            ["redis-server", "--requirepass", "••••"]
        );
        assert_eq!(
            words("nginx: worker process\0\0\0\0"),
            ["nginx: worker process"]
        );
        assert!(words("").is_empty());
        // The second word is longer than all that is told.
        let long = format!(
            "app\0postgres://app:{}@db/app\0",
            "x".repeat(MOST_OF_COMMAND)
        );
        assert_eq!(words(&long), ["app"]);
        assert_eq!(words(&"é".repeat(MOST_OF_COMMAND)), Vec::<String>::new());
    }

    #[test]
    fn the_soft_limit_of_open_files_is_read() {
        let text = "Limit                     Soft Limit           Hard Limit           Units     \n\
                    Max processes             15000                15000                processes \n\
                    Max open files            64                   524288               files     \n";
        assert_eq!(open_files_limit(text), Some(64));
        assert_eq!(
            open_files_limit("Max open files            unlimited\n"),
            None
        );
    }

    #[test]
    fn a_start_is_counted_from_the_start_of_the_kernel() {
        let clock = Clock {
            started: boot_time("cpu 1 2\nbtime 1763700000\n").unwrap(),
            ticks_per_second: 100,
        };
        assert_eq!(clock.at(250).unwrap().as_millisecond(), 1_763_700_002_500);
        assert_eq!(clock.at(u64::MAX), None);
        assert_eq!(boot_time("cpu 1 2\n"), None);
    }

    #[test]
    fn one_that_is_in_no_group_any_more_is_known_by_its_parent() {
        let process = |pid, parent| ContainerProcess {
            pid,
            pid_inside: None,
            parent,
            name: "sh".into(),
            state: 'Z',
            uid: 0,
            command: Vec::new(),
            started: Timestamp::UNIX_EPOCH,
            open_files: None,
            open_files_limit: None,
            waits_in: None,
        };
        let strays = vec![process(20, 10), process(21, 11)];
        assert_eq!(children_among(strays, &[process(10, 1)]), [process(20, 10)]);
    }

    #[test]
    fn waiting_for_nothing_is_not_told() {
        assert_eq!(waits_in("0".into()), None);
        assert_eq!(
            waits_in("do_sys_poll".into()).as_deref(),
            Some("do_sys_poll")
        );
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in "\\PC*", lines in "([0-9a-zA-Z():\\t /-]|é|\n|\0)*") {
            for text in [&text, &lines] {
                let _ = Stat::parse(text);
                Status::parse(text);
                words(text);
                open_files_limit(text);
                boot_time(&format!("btime {text}"));
            }
        }

        #[test]
        fn no_time_is_too_far(ticks: u64, per_second in 1_u64..=1_000_000) {
            let clock = Clock { started: Timestamp::UNIX_EPOCH, ticks_per_second: per_second };
            let _ = clock.at(ticks);
        }
    }
}
