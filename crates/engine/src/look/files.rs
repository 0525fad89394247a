//! Files as a container sees them, without ever leaving its root folder.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::kernel::Found;
use super::{Look, Unseen, bounded};

/// No more of a file is read, in bytes.
const MOST_OF_FILE: usize = 64 * 1024;

/// Entries of a folder that are looked at for the newest.
const MOST_ENTRIES: usize = 4096;

/// What is at a path. User and group are this host's numbers; with user namespaces the container sees others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileStat {
    /// What it is.
    pub kind: FileKind,
    /// Its rights, with setuid, setgid and sticky: `0o7777` at most.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its size; for a folder what its file system makes of that.
    pub size_bytes: u64,
    /// When its content was changed.
    pub modified: Option<Timestamp>,
}

/// Kinds of files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A device that gives bytes.
    CharacterDevice,
    /// A device that gives blocks.
    BlockDevice,
    /// A named pipe.
    Pipe,
    /// A socket.
    Socket,
    /// Something else.
    Other,
}

/// The first bytes of a file. They may hold secrets, so they are neither shown nor stored by themselves.
#[derive(Clone, PartialEq, Eq)]
pub struct FileStart {
    /// What was read.
    pub bytes: Vec<u8>,
    /// The file ends here.
    pub is_whole: bool,
}

impl std::fmt::Debug for FileStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileStart")
            .field("length", &self.bytes.len())
            .field("is_whole", &self.is_whole)
            .finish()
    }
}

/// The file system that a path is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSystem {
    /// Its size.
    pub total_bytes: u64,
    /// What is free for root.
    pub free_bytes: u64,
    /// What is free for everybody else.
    pub available_bytes: u64,
    /// How many files it can have; 0 where that has no limit.
    pub total_inodes: u64,
    /// How many more.
    pub free_inodes: u64,
    /// Nothing can be written there: the file system, or the mount through which the container sees it.
    pub is_read_only: bool,
}

impl Look {
    /// Says what is at an absolute path of the container, symbolic links followed; `None` where nothing is, or where
    /// a part of the path is not a folder.
    ///
    /// # Errors
    ///
    /// [`Unseen::Unsupported`] on a kernel that cannot walk a path without leaving a folder (Linux before 5.6).
    pub fn stat(&self, path: &str) -> Result<Option<FileStat>, Unseen> {
        self.at_path(path, Found::stat)
    }

    /// Reads the first `most` bytes of a regular file, 64 KiB at most; `None` where nothing is at the path.
    ///
    /// Its time of last reading is left alone where the kernel allows it.
    ///
    /// # Errors
    ///
    /// [`Unseen::Failed`] for what is not a regular file: to open a pipe or a device would be to do something.
    pub fn read(&self, path: &str, most: usize) -> Result<Option<FileStart>, Unseen> {
        let most = most.min(MOST_OF_FILE);
        let described = format!("`{path}`");
        self.at_path(path, move |found| {
            if found.stat()?.kind != FileKind::File {
                return Err(Unseen::Failed {
                    what: described,
                    reason: "it is not a regular file".into(),
                });
            }
            // One byte more than wanted tells whether it ends there.
            let mut bytes = found.read(most as u64 + 1)?;
            let is_whole = bytes.len() <= most;
            bytes.truncate(most);
            Ok(FileStart { bytes, is_whole })
        })
    }

    /// Says whether a folder has nothing in it; `None` where nothing is at the path.
    ///
    /// # Errors
    ///
    /// [`Unseen::Failed`] for what is no folder.
    pub fn is_empty_folder(&self, path: &str) -> Result<Option<bool>, Unseen> {
        self.at_path(path, Found::is_empty_folder)
    }

    /// Says when the newest entry of a folder was changed, links not followed; `None` where nothing is at the path, or nothing in
    /// the folder. Of a large folder only the first 4096 entries are looked at, in no order.
    ///
    /// # Errors
    ///
    /// [`Unseen::Failed`] for what is no folder.
    pub fn newest_in_folder(&self, path: &str) -> Result<Option<Timestamp>, Unseen> {
        let newest = self.at_path(path, |found| found.newest(MOST_ENTRIES))?;
        Ok(newest.flatten())
    }

    /// Says how full the file system is that a path of the container is on; `None` where nothing is at the path.
    pub fn file_system(&self, path: &str) -> Result<Option<FileSystem>, Unseen> {
        self.at_path(path, Found::file_system)
    }

    fn at_path<T: Send + 'static>(
        &self,
        path: &str,
        work: impl FnOnce(&Found) -> Result<T, Unseen> + Send + 'static,
    ) -> Result<Option<T>, Unseen> {
        let main = self.main.clone();
        let walked = path.to_owned();
        let found = bounded(&format!("`{path}`"), move || {
            let found = main.root()?.find(&walked)?;
            found.as_ref().map(work).transpose()
        });
        self.unless_gone(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bytes_of_a_file_are_not_shown() {
        let start = FileStart {
            bytes: b"hunter2".to_vec(),
            is_whole: true,
        };
        assert_eq!(
            format!("{start:?}"),
            "FileStart { length: 7, is_whole: true }"
        );
    }
}
