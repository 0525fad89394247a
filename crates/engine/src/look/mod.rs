//! A deeper look into a running container from the host, for saying why it is broken.
//!
//! [`Look`] reads what the kernel shows of a container's processes, control groups, files and network, and can ask
//! and dial from inside its network. It works for images without a shell and changes nothing in the container. It
//! needs an engine on this very host and rights on `/proc`; where either is missing, [`Unseen`] says so, and nothing
//! is ever guessed. `inside` is the cheap look for readiness.

mod ask;
mod counters;
mod dns;
mod files;
mod group;
#[cfg(target_os = "linux")]
mod kernel;
#[cfg(not(target_os = "linux"))]
#[path = "no_kernel.rs"]
mod kernel;
mod kills;
mod layers;
mod locks;
mod network;
mod processes;
mod resolve;
mod resolver_files;

use std::sync::Arc;
use std::time::Duration;

use bowline_model::ContainerId;
use serde::{Deserialize, Serialize};

pub use counters::{Counters, CpuCounters, MemoryCounters, ProcessCounters, TcpCounters};
pub use files::{FileKind, FileStart, FileStat, FileSystem};
pub(crate) use group::Group;
pub use kills::{MemoryKill, memory_kills};
pub use locks::{FileLock, locked_files};
pub use network::{Dialled, Greeting, hang_up};
pub use processes::ContainerProcess;
pub use resolve::{Answer, Asked, Outcome, RecordKind, Resolution};

use kernel::ProcessFolder;

/// How long the kernel may take for one look.
const PATIENCE: Duration = Duration::from_secs(2);

/// Nothing that is asked of others is waited for longer, whatever the caller says.
const LONGEST: Duration = Duration::from_mins(1);

/// Why something about a container cannot be seen from here.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unseen {
    /// A process of this host has the number, and it is none of the container's: the engine runs on another host, or
    /// the process has ended and its number was given away.
    #[error(
        "process {pid} of this host is not container `{}`: its engine runs on another host, or it has ended",
        container.short()
    )]
    NotThisHost {
        /// The container that was to be looked into.
        container: ContainerId,
        /// The number of its main process, as the engine says it.
        pid: u32,
    },
    /// There is no such process, or not any more.
    #[error("the process is gone: the container has ended or was started anew; look at it again")]
    Gone,
    /// The kernel does not allow it.
    #[error(
        "no permission to see {what} of the container; run as root, or as the user of a rootless engine"
    )]
    Denied {
        /// What was to be read or done.
        what: String,
    },
    /// This kernel does not have it, or not for this process.
    #[error("this system does not show {what} of the container")]
    Unsupported {
        /// What was to be read or done.
        what: String,
    },
    /// The kernel did not answer in time; a file system that hangs is the usual reason.
    #[error("no answer from the kernel about {what} of the container within {within:?}")]
    NoAnswer {
        /// What was to be read.
        what: String,
        /// How long it had.
        within: Duration,
    },
    /// The kernel answered with another error, or with something that nobody understands.
    #[error("{what} of the container cannot be read: {reason}")]
    Failed {
        /// What was to be read or done.
        what: String,
        /// What the kernel said.
        reason: String,
    },
}

/// A list with an end: what there is, or as much of it as the limit lets through.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing<T> {
    /// What was found.
    pub items: Vec<T>,
    /// There is no more than that.
    pub is_complete: bool,
}

impl<T> Listing<T> {
    /// The first `most` of what was found.
    fn first(mut items: Vec<T>, most: usize) -> Self {
        let is_complete = items.len() <= most;
        items.truncate(most);
        Self { items, is_complete }
    }
}

/// One run of a container, opened for looking.
///
/// Holds on to the run's main process: when that ends, every look says [`Unseen::Gone`], even when its number has
/// gone to another process. Looking again is always fine and shows what is there by then.
///
/// Everything here blocks. What reads the kernel's tables or the container's files answers within 2 s, else
/// [`Unseen::NoAnswer`]; then a thread stays behind until the kernel lets go of it.
#[derive(Clone, Debug)]
pub struct Look {
    main: Arc<ProcessFolder>,
    pid: u32,
    group: Group,
}

impl Look {
    /// Opens a container by its main process, whose number the engine says.
    ///
    /// # Errors
    ///
    /// [`Unseen::Gone`] where no such process is, [`Unseen::NotThisHost`] where it is somebody else's; an engine on
    /// another host can give either.
    pub fn at(container: &ContainerId, pid: u32) -> Result<Self, Unseen> {
        let (asked, container) = (container.clone(), container);
        let opened = bounded("the process", move || {
            let main = ProcessFolder::open(pid)?;
            let groups = main.read("cgroup")?;
            let group = Group::of(&groups, &asked, || main.read("mountinfo").ok());
            Ok(group.map(|group| (main, group)))
        })?;
        let (main, group) = opened.ok_or_else(|| Unseen::NotThisHost {
            container: container.clone(),
            pid,
        })?;
        Ok(Self {
            main: Arc::new(main),
            pid,
            group,
        })
    }

    /// Opens a container from a process that shares its namespace of process numbers, where the number that the engine
    /// says means nothing. Of the processes in its control groups the one with the lowest number is its main process.
    ///
    /// # Errors
    ///
    /// [`Unseen::Gone`] where none of the processes that can be seen from here is its.
    pub fn beside(container: &ContainerId) -> Result<Self, Unseen> {
        let mut pids = kernel::pids()?;
        pids.sort_unstable();
        for pid in pids {
            match Self::at(container, pid) {
                Err(Unseen::Gone | Unseen::NotThisHost { .. }) => {}
                opened => return opened,
            }
        }
        Err(Unseen::Gone)
    }

    /// The number of its main process, as it is seen from here.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// What was found, unless the container has ended meanwhile: then it may be another one's, or half of it.
    fn unless_gone<T>(&self, found: Result<T, Unseen>) -> Result<T, Unseen> {
        match self.main.read("stat") {
            Err(Unseen::Gone) => Err(Unseen::Gone),
            _ => found,
        }
    }
}

/// Runs something that the kernel may take long for, and waits [`PATIENCE`] for it.
fn bounded<T: Send + 'static>(
    what: &str,
    work: impl FnOnce() -> Result<T, Unseen> + Send + 'static,
) -> Result<T, Unseen> {
    bounded_by(PATIENCE, what, work)
}

/// Runs something on a thread of its own, and waits so long for it.
fn bounded_by<T: Send + 'static>(
    within: Duration,
    what: &str,
    work: impl FnOnce() -> Result<T, Unseen> + Send + 'static,
) -> Result<T, Unseen> {
    let (done, waiting) = std::sync::mpsc::sync_channel(1);
    let work = move || {
        // Nobody is there any more to take what comes too late.
        let _ = done.send(work());
    };
    let spawned = std::thread::Builder::new().name("look".into()).spawn(work);
    spawned.map_err(|error| Unseen::Failed {
        what: what.to_owned(),
        reason: error.to_string(),
    })?;
    let too_late = || Unseen::NoAnswer {
        what: what.to_owned(),
        within,
    };
    waiting.recv_timeout(within).map_err(|_| too_late())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_somebody_else_is_not_looked_into() {
        let container = ContainerId("f".repeat(64));
        let pid = std::process::id();
        assert_eq!(
            Look::at(&container, pid).unwrap_err(),
            Unseen::NotThisHost {
                container: container.clone(),
                pid
            }
        );
        assert_eq!(Look::at(&container, u32::MAX).unwrap_err(), Unseen::Gone);
        assert_eq!(
            Look::at(&ContainerId(String::new()), pid).unwrap_err(),
            Unseen::NotThisHost {
                container: ContainerId(String::new()),
                pid
            }
        );
    }

    #[test]
    fn what_hangs_is_given_up() {
        let (end, held) = std::sync::mpsc::channel::<()>();
        let hung = bounded_by(Duration::from_millis(10), "a file", move || {
            held.recv().ok();
            Ok(())
        });
        drop(end);
        assert!(matches!(hung, Err(Unseen::NoAnswer { .. })));
    }

    #[test]
    fn a_list_says_when_it_is_cut() {
        assert!(Listing::first(vec![1, 2], 2).is_complete);
        let cut = Listing::first(vec![1, 2, 3], 2);
        assert_eq!(
            (cut.items.as_slice(), cut.is_complete),
            (&[1, 2][..], false)
        );
    }

    #[test]
    fn a_reason_is_kept_as_it_is() {
        let denied = Unseen::Denied {
            what: "its files".into(),
        };
        let text = serde_json::to_string(&denied).unwrap();
        assert_eq!(text, r#"{"denied":{"what":"its files"}}"#);
        assert_eq!(serde_json::from_str::<Unseen>(&text).unwrap(), denied);
    }
}
