//! Files that processes of a container hold locked.

use std::collections::BTreeSet;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::kernel::{self, ProcessFolder};
use super::{ContainerProcess, Listing, Unseen, bounded};

/// No more locked files of one container are told.
const MOST_LOCKS: usize = 64;

/// A file that a process holds locked against everybody else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FileLock {
    /// The file, by its path inside.
    pub path: String,
    /// The process, by its number on this host.
    pub pid: u32,
}

/// The files that some processes hold locked for writing, sorted; at most 64. Locks of a part of a file count (`fcntl`, as
/// `SQLite` takes them), those that belong to an open file and not to a process (`F_OFD_SETLK`) are not told.
///
/// # Errors
///
/// The kernel's table of locks cannot be read. A process that ends meanwhile is left out.
pub fn locked_files(processes: &[ContainerProcess]) -> Result<Listing<FileLock>, Unseen> {
    let pids: BTreeSet<u32> = processes.iter().map(|process| process.pid).collect();
    let found = bounded("the locked files", move || {
        let table = kernel::read(Path::new("/proc/locks"))?;
        let held: BTreeSet<(u32, u64)> = table
            .lines()
            .filter_map(held)
            .filter(|(pid, _)| pids.contains(pid))
            .collect();
        let named = held.into_iter().take(MOST_LOCKS + 1);
        let named = named.filter_map(|(pid, inode)| {
            let path = ProcessFolder::open(pid).ok()?.open_path(inode).ok()??;
            Some(FileLock { path, pid })
        });
        Ok(named.collect::<BTreeSet<FileLock>>())
    })?;
    Ok(Listing::first(found.into_iter().collect(), MOST_LOCKS))
}

/// Who holds a file locked for writing, by a row of `/proc/locks`: its number, the kind of lock, how strict it is, `WRITE` or
/// `READ`, the process, the file as `device:device:inode`, and the range. A row with `->` waits.
fn held(row: &str) -> Option<(u32, u64)> {
    let fields: Vec<&str> = row.split_whitespace().collect();
    let [_, _, _, "WRITE", pid, file, ..] = fields[..] else {
        return None;
    };
    let inode = file.rsplit(':').next()?;
    Some((pid.parse().ok()?, inode.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_who_holds_a_file_for_writing() {
        let rows = "1: POSIX  ADVISORY  WRITE 4711 fe:00:131 1073741824 1073742335\n\
            1: -> POSIX  ADVISORY  WRITE 4712 fe:00:131 1073741824 1073742335\n\
            2: POSIX  ADVISORY  READ 4713 fe:00:132 0 EOF\n\
            3: FLOCK  ADVISORY  WRITE 4714 fe:00:133 0 EOF\n\
            4: OFDLCK ADVISORY  WRITE -1 fe:00:134 0 EOF\n\
            5: LEASE";
        let found: Vec<_> = rows.lines().filter_map(held).collect();
        assert_eq!(found, [(4711, 131), (4714, 133)]);
    }
}
