//! What is read of a process, always through its own folder under `/proc`.
//!
//! The folder is opened once. When the process ends it answers nothing any more, even after its number has gone to
//! another process, so nothing is ever told of a wrong one.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the kernel's view of processes and control groups"
)]

use std::fs::File;
use std::io::Read as _;
use std::net::TcpStream;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bowline_model::{PathChange, PathChangeKind};
use jiff::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, StatVfsMountFlags};
use rustix::io::Errno;

use crate::network_namespace::in_namespace;

use super::layers::Layers;
use super::{FileKind, FileStat, FileSystem, Unseen};

/// No file of the kernel is read further, in bytes.
const MOST_BYTES: u64 = 1024 * 1024;
/// No more entries of a folder are counted.
const MOST_ENTRIES: usize = 100_000;
/// How often a path is walked again when something was renamed meanwhile.
const WALKS: usize = 8;

/// No record of the kernel's log is longer, in bytes.
const MOST_OF_RECORD: usize = 8 * 1024;
/// No more records of it are read.
const MOST_RECORDS: usize = 100_000;

/// Lets the end of a connection be a reset: no row of it stays.
pub(super) fn reset_at_close(stream: &TcpStream) {
    // It fails for one that is over already.
    let _ = rustix::net::sockopt::set_socket_linger(stream, Some(Duration::ZERO));
}

/// The records of the kernel's log, the oldest first.
pub(super) fn log() -> Result<Vec<String>, Unseen> {
    let what = "the kernel's log";
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let log = rustix::fs::open("/dev/kmsg", flags, Mode::empty())
        .map_err(|error| refused(what, error))?;
    let mut records = Vec::new();
    let mut record = vec![0; MOST_OF_RECORD];
    while records.len() < MOST_RECORDS {
        match rustix::io::read(&log, &mut record) {
            Ok(length) => records.push(String::from_utf8_lossy(&record[..length]).into_owned()),
            Err(Errno::AGAIN) => break,
            // Old records went while they were read, or a signal came in between.
            Err(Errno::PIPE | Errno::INTR) => {}
            Err(error) => return Err(refused(what, error)),
        }
    }
    Ok(records)
}

/// The folder of a process under `/proc`.
#[derive(Debug)]
pub(super) struct ProcessFolder {
    folder: OwnedFd,
    pid: u32,
}

impl ProcessFolder {
    pub(super) fn open(pid: u32) -> Result<Self, Unseen> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        match rustix::fs::open(format!("/proc/{pid}"), flags, Mode::empty()) {
            Ok(folder) => Ok(Self { folder, pid }),
            Err(Errno::NOENT | Errno::SRCH) => Err(Unseen::Gone),
            Err(error) => Err(refused("the process", error)),
        }
    }

    /// Reads a file whose text the kernel writes, such as `status`; at most 1 MiB of it.
    pub(super) fn read(&self, file: &str) -> Result<String, Unseen> {
        let opened = self.open_in(file, OFlags::RDONLY)?;
        let mut bytes = Vec::new();
        match File::from(opened).take(MOST_BYTES).read_to_end(&mut bytes) {
            Ok(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
            Err(error) => Err(self.failed(file, errno(&error))),
        }
    }

    /// Counts the entries of a folder of it, up to [`MOST_ENTRIES`].
    pub(super) fn count(&self, folder: &str) -> Result<u64, Unseen> {
        let opened = self.open_in(folder, OFlags::RDONLY | OFlags::DIRECTORY)?;
        let entries = Dir::new(opened).map_err(|error| self.failed(folder, error))?;
        let is_real = |name: &[u8]| name != b"." && name != b"..";
        let count = entries
            .flatten()
            .filter(|entry| is_real(entry.file_name().to_bytes()))
            .take(MOST_ENTRIES)
            .count();
        Ok(count as u64)
    }

    /// The path, as it sees it, under which it has a file open, by the file's number; `None` where it has none open, or
    /// the file is deleted.
    pub(super) fn open_path(&self, inode: u64) -> Result<Option<String>, Unseen> {
        let folder = self.open_in("fd", OFlags::RDONLY | OFlags::DIRECTORY)?;
        let entries = Dir::read_from(&folder).map_err(|error| self.failed("fd", error))?;
        for entry in entries.flatten().take(MOST_ENTRIES) {
            let is_it = rustix::fs::statat(&folder, entry.file_name(), AtFlags::empty())
                .is_ok_and(|stat| stat.st_ino == inode);
            if !is_it {
                continue;
            }
            let path = rustix::fs::readlinkat(&folder, entry.file_name(), Vec::new());
            let path = path.ok().and_then(|path| path.into_string().ok());
            return Ok(path.filter(|path| path.starts_with('/') && !path.ends_with(" (deleted)")));
        }
        Ok(None)
    }

    /// The number of its network namespace, which those who share it have in common.
    pub(super) fn network_namespace(&self) -> Result<u64, Unseen> {
        let found = rustix::fs::statat(&self.folder, "ns/net", AtFlags::empty());
        Ok(found.map_err(|error| self.failed("ns/net", error))?.st_ino)
    }

    /// Runs `work` on a thread of its own that has entered its network namespace. Where this process is in it already
    /// nothing has to be entered, and no right is needed for it.
    pub(super) fn in_network<T: Send>(&self, work: impl FnOnce() -> T + Send) -> Result<T, Unseen> {
        let own = rustix::fs::stat("/proc/thread-self/ns/net");
        if own.is_ok_and(|own| self.network_namespace() == Ok(own.st_ino)) {
            return Ok(work());
        }
        let namespace = File::from(self.open_in("ns/net", OFlags::RDONLY)?);
        in_namespace(&namespace, work).map_err(|error| refused("the network", error))
    }

    /// The root folder that it sees.
    pub(super) fn root(&self) -> Result<Root, Unseen> {
        Ok(Root {
            folder: self.open_in("root", OFlags::PATH | OFlags::DIRECTORY)?,
        })
    }

    fn open_in(&self, name: &str, flags: OFlags) -> Result<OwnedFd, Unseen> {
        rustix::fs::openat(&self.folder, name, flags | OFlags::CLOEXEC, Mode::empty())
            .map_err(|error| self.failed(name, error))
    }

    /// A file that is missing means that the process has ended, or that the kernel does not have it.
    fn failed(&self, name: &str, error: Errno) -> Unseen {
        let what = format!("`/proc/{}/{name}`", self.pid);
        let missing = matches!(error, Errno::NOENT | Errno::SRCH);
        let stat = OFlags::RDONLY | OFlags::CLOEXEC;
        let is_there = || rustix::fs::openat(&self.folder, "stat", stat, Mode::empty()).is_ok();
        match missing {
            true if !is_there() => Unseen::Gone,
            true => Unseen::Unsupported { what },
            false => refused(&what, error),
        }
    }
}

/// The numbers of all processes that this one can see.
pub(super) fn pids() -> Result<Vec<u32>, Unseen> {
    let entries = std::fs::read_dir("/proc").map_err(|error| refused("/proc", errno(&error)))?;
    let number = |entry: std::fs::DirEntry| entry.file_name().to_str()?.parse().ok();
    Ok(entries.flatten().filter_map(number).collect())
}

/// Reads a file of the kernel that belongs to no process; at most 1 MiB of it.
pub(super) fn read(path: &Path) -> Result<String, Unseen> {
    let what = || path.display().to_string();
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|error| refused(&what(), errno(&error)))?;
    file.take(MOST_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| refused(&what(), errno(&error)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Whether there is something at a path.
pub(super) fn exists(path: &Path) -> bool {
    path.exists()
}

/// Lists what is in the upper layer of an overlay, and whether the lower ones have it too; `None` for more than `most`. Every
/// folder is opened below the one before, and no link is followed: the container may change them meanwhile.
pub(super) fn changed_paths(
    layers: &Layers,
    most: usize,
) -> Result<Option<Vec<PathChange>>, Unseen> {
    let open = |path: &Path| {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(path, flags, Mode::empty());
        opened.map_err(|error| refused("a layer of its root", error))
    };
    let lower: Vec<OwnedFd> = layers
        .lower
        .iter()
        .map(|layer| open(layer))
        .collect::<Result<_, _>>()?;
    let mut changes = Vec::new();
    let mut folders = vec![(open(&layers.upper)?, PathBuf::new())];
    while let Some((folder, path)) = folders.pop() {
        let entries =
            Dir::read_from(&folder).map_err(|error| refused("a layer of its root", error))?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let is_itself = [&b"."[..], b".."].contains(&name.to_bytes());
            // One that is gone again is no change.
            let found = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
            let (Ok(found), Ok(text), false) = (found, name.to_str(), is_itself) else {
                continue;
            };
            let path = path.join(text);
            let kind = if is_whiteout(&found) {
                PathChangeKind::Deleted
            } else if is_below(&lower, &path) {
                PathChangeKind::Modified
            } else {
                PathChangeKind::Added
            };
            changes.push(PathChange {
                path: format!("/{}", path.display()),
                kind,
            });
            if changes.len() > most {
                return Ok(None);
            }
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            if FileType::from_raw_mode(found.st_mode) == FileType::Directory
                && let Ok(inner) = rustix::fs::openat(&folder, name, flags, Mode::empty())
            {
                folders.push((inner, path));
            }
        }
    }
    Ok(Some(changes))
}

/// What an overlay has in the place of what was deleted.
fn is_whiteout(found: &rustix::fs::Stat) -> bool {
    FileType::from_raw_mode(found.st_mode) == FileType::CharacterDevice && found.st_rdev == 0
}

/// Whether a path is in the first of these layers that says anything of it.
fn is_below(layers: &[OwnedFd], path: &Path) -> bool {
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    let name = path.file_name().unwrap_or_default();
    let mut found = layers.iter().filter_map(|layer| {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = folder.unwrap_or(Path::new("."));
        let folder = rustix::fs::openat2(layer, folder, flags, Mode::empty(), within).ok()?;
        rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW).ok()
    });
    found.next().is_some_and(|found| !is_whiteout(&found))
}

/// How many parts of a second the kernel counts the start of processes in.
pub(super) fn ticks_per_second() -> u64 {
    rustix::param::clock_ticks_per_second()
}

/// Why something that is not missing could not be had.
fn refused(what: &str, error: Errno) -> Unseen {
    let what = what.to_owned();
    match error {
        Errno::ACCESS | Errno::PERM => Unseen::Denied { what },
        Errno::NOENT | Errno::NOSYS | Errno::OPNOTSUPP => Unseen::Unsupported { what },
        error => Unseen::Failed {
            what,
            reason: error.to_string(),
        },
    }
}

/// When the content of something was changed.
fn modified(found: &rustix::fs::Stat) -> Option<Timestamp> {
    let nanos = i32::try_from(found.st_mtime_nsec).ok()?;
    Timestamp::new(found.st_mtime, nanos).ok()
}

/// The kernel's number of an error.
fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// A root folder that nothing leads out of.
#[derive(Debug)]
pub(super) struct Root {
    folder: OwnedFd,
}

impl Root {
    /// Finds what is at a path, following symbolic links as a process with this root would; `None` where nothing is.
    ///
    /// The kernel itself keeps the walk inside. Where it cannot, nothing is looked at.
    pub(super) fn find(&self, path: &str) -> Result<Option<Found>, Unseen> {
        let flags = OFlags::PATH | OFlags::CLOEXEC;
        let inside = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let walk = || rustix::fs::openat2(&self.folder, path, flags, Mode::empty(), inside);
        let mut found = walk();
        for _ in 1..WALKS {
            if found.as_ref().err() != Some(&Errno::AGAIN) {
                break;
            }
            found = walk();
        }
        match found {
            Ok(node) => Ok(Some(Found {
                node,
                path: path.to_owned(),
            })),
            Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
            Err(Errno::NOSYS) => Err(Unseen::Unsupported {
                what: "opening a file without leaving a folder (openat2)".into(),
            }),
            Err(error) => Err(refused(&format!("`{path}`"), error)),
        }
    }
}

/// Something under a root folder.
#[derive(Debug)]
pub(super) struct Found {
    node: OwnedFd,
    path: String,
}

impl Found {
    pub(super) fn stat(&self) -> Result<FileStat, Unseen> {
        let stat = rustix::fs::fstat(&self.node).map_err(|error| self.failed(error))?;
        Ok(FileStat {
            kind: match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => FileKind::File,
                FileType::Directory => FileKind::Folder,
                FileType::CharacterDevice => FileKind::CharacterDevice,
                FileType::BlockDevice => FileKind::BlockDevice,
                FileType::Fifo => FileKind::Pipe,
                FileType::Socket => FileKind::Socket,
                _ => FileKind::Other,
            },
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size_bytes: u64::try_from(stat.st_size).unwrap_or(0),
            modified: modified(&stat),
        })
    }

    /// The file system that it is on.
    pub(super) fn file_system(&self) -> Result<FileSystem, Unseen> {
        let stat = rustix::fs::fstatvfs(&self.node).map_err(|error| self.failed(error))?;
        let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
        Ok(FileSystem {
            total_bytes: bytes(stat.f_blocks),
            free_bytes: bytes(stat.f_bfree),
            available_bytes: bytes(stat.f_bavail),
            total_inodes: stat.f_files,
            free_inodes: stat.f_ffree,
            is_read_only: stat.f_flag.contains(StatVfsMountFlags::RDONLY),
        })
    }

    /// It as a folder whose entries can be read.
    fn folder(&self) -> Result<OwnedFd, Unseen> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let again = format!("/proc/self/fd/{}", self.node.as_raw_fd());
        let folder = rustix::fs::open(&again, flags, Mode::empty());
        folder.map_err(|error| self.failed(error))
    }

    /// When the newest entry of a folder was changed, of the first `most` of them; `None` where there is none.
    pub(super) fn newest(&self, most: usize) -> Result<Option<Timestamp>, Unseen> {
        let folder = self.folder()?;
        let entries = Dir::read_from(&folder).map_err(|error| self.failed(error))?;
        let mut newest = None;
        for entry in entries.take(most) {
            let entry = entry.map_err(|error| self.failed(error))?;
            let name = entry.file_name();
            // One that is gone again is none of them.
            let found = rustix::fs::statat(&folder, name, AtFlags::SYMLINK_NOFOLLOW);
            let (Ok(found), false) = (found, matches!(name.to_bytes(), b"." | b"..")) else {
                continue;
            };
            newest = newest.max(modified(&found));
        }
        Ok(newest)
    }

    /// Whether a folder has nothing in it.
    pub(super) fn is_empty_folder(&self) -> Result<bool, Unseen> {
        let folder = self.folder()?;
        let entries = Dir::read_from(&folder).map_err(|error| self.failed(error))?;
        for entry in entries {
            let entry = entry.map_err(|error| self.failed(error))?;
            if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the first bytes of it. Only for a regular file: opening a device or a pipe does something.
    pub(super) fn read(&self, most: u64) -> Result<Vec<u8>, Unseen> {
        let again = format!("/proc/self/fd/{}", self.node.as_raw_fd());
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let open = |flags| rustix::fs::open(&again, flags, Mode::empty());
        let opened = match open(flags | OFlags::NOATIME) {
            // Only the owner may leave the time of the last reading alone.
            Err(Errno::PERM) => open(flags),
            other => other,
        };
        let file = File::from(opened.map_err(|error| self.failed(error))?);
        let mut bytes = Vec::new();
        match file.take(most).read_to_end(&mut bytes) {
            Ok(_) => Ok(bytes),
            Err(error) => Err(self.failed(errno(&error))),
        }
    }

    fn failed(&self, error: Errno) -> Unseen {
        refused(&format!("`{}`", self.path), error)
    }
}
