//! The files that core keeps: its folders, the host key, the local half of the lock. The only place that
//! touches them, the journal's file aside, which SQLite opens once it was made here.
//!
//! Everything made here is its owner's alone: folders 0700, files 0600. What belongs to somebody else is
//! refused, not used. Errors name the path and say what to do.
#![expect(
    clippy::disallowed_methods,
    reason = "this is core's one module for files; its errors name the path"
)]

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Why a file or folder of bowline's own cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {problem}", path.display())]
pub struct FileError {
    /// Which.
    pub path: PathBuf,
    /// What is wrong with it.
    pub problem: FileProblem,
}

/// What is wrong with a file or folder.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FileProblem {
    /// Something else has the name.
    #[error("is not a folder")]
    NotAFolder,
    /// Something else has the name.
    #[error("is not a plain file")]
    NotAFile,
    /// The user has no right to it.
    #[error("may not be opened by this user")]
    Denied,
    /// Its file system cannot be written.
    #[error("is on a file system that is read-only")]
    ReadOnly,
    /// Its disk, or the user's share of it, is full.
    #[error("is on a disk that is full")]
    Full,
    /// It belongs to another user.
    #[error("belongs to user {owner}, not to user {user}")]
    WrongOwner {
        /// Its owner, by number.
        owner: u32,
        /// Who wants to use it, by number.
        user: u32,
    },
    /// Others than its owner may read or change it.
    #[error("may be read by others (mode {mode:04o})")]
    TooOpen {
        /// Its permission bits.
        mode: u32,
    },
    /// Anything else, in the system's words.
    #[error("cannot be used: {0}")]
    Other(String),
}

impl FileError {
    pub(crate) fn new(path: &Path, problem: FileProblem) -> Self {
        Self {
            path: path.to_owned(),
            problem,
        }
    }

    fn io(path: &Path, error: &std::io::Error) -> Self {
        let problem = match error.kind() {
            ErrorKind::PermissionDenied => FileProblem::Denied,
            ErrorKind::ReadOnlyFilesystem => FileProblem::ReadOnly,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => FileProblem::Full,
            ErrorKind::NotADirectory => FileProblem::NotAFolder,
            ErrorKind::IsADirectory => FileProblem::NotAFile,
            _ => FileProblem::Other(error.to_string()),
        };
        Self::new(path, problem)
    }

    /// What the user can do about it, most likely first.
    pub fn hints(&self) -> Vec<String> {
        let path = self.path.display();
        match &self.problem {
            FileProblem::NotAFolder | FileProblem::NotAFile => {
                vec![format!("move `{path}` away; bowline needs this name")]
            }
            FileProblem::Denied => vec![
                format!("look at the permissions of `{path}` and of the folders above it"),
                "or name other folders with `BOWLINE_STATE_HOME` and `BOWLINE_CONFIG_HOME`".into(),
            ],
            FileProblem::ReadOnly => vec![
                "name folders that can be written with `BOWLINE_STATE_HOME` and `BOWLINE_CONFIG_HOME`".into(),
            ],
            FileProblem::Full => vec![format!("free space on the disk of `{path}`")],
            FileProblem::WrongOwner { owner, .. } => vec![
                format!("run bowline as user {owner}, or give `{path}` to the user who runs it (`chown -R`)"),
            ],
            FileProblem::TooOpen { .. } => vec![
                format!("`chmod 600 {path}`, and change the secrets if somebody could have copied it"),
            ],
            FileProblem::Other(_) => Vec::new(),
        }
    }
}

type Result<T> = std::result::Result<T, FileError>;

/// Makes sure that there is a folder of this user's, making it and those above it where they are missing.
/// Repeating it is success.
pub(crate) fn make_folder(path: &Path, user: u32) -> Result<()> {
    if let Ok(found) = path.symlink_metadata()
        && !found.is_dir()
        && !found.is_symlink()
    {
        return Err(FileError::new(path, FileProblem::NotAFolder));
    }
    let missing = !path.is_dir();
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|error| match error.kind() {
        // A file, or a link to nowhere.
        ErrorKind::AlreadyExists => FileError::new(path, FileProblem::NotAFolder),
        _ => FileError::io(path, &error),
    })?;
    owned_by(path, user)?;
    if missing && let Some(parent) = path.parent() {
        sync_folder(parent);
    }
    Ok(())
}

/// Refuses what belongs to another user.
fn owned_by(path: &Path, user: u32) -> Result<()> {
    let found = path
        .metadata()
        .map_err(|error| FileError::io(path, &error))?;
    let owner = found.uid();
    if owner == user {
        Ok(())
    } else {
        Err(FileError::new(
            path,
            FileProblem::WrongOwner { owner, user },
        ))
    }
}

/// Puts a folder's new names on the disk, as far as its file system can.
fn sync_folder(path: &Path) {
    // Some file systems refuse to sync a folder; the names are then as durable as they get.
    let _ = File::open(path).and_then(|folder| folder.sync_all());
}

/// Tells whether there is something at a path.
pub(crate) fn is_there(path: &Path) -> Result<bool> {
    path.try_exists()
        .map_err(|error| FileError::io(path, &error))
}

/// Makes an empty file, 0600, where there is none. Repeating it is success and changes nothing.
pub(crate) fn make_file(path: &Path, user: u32) -> Result<()> {
    let file = open_or_make(path)?;
    owned_by(path, user)?;
    drop(file);
    if let Some(parent) = path.parent() {
        sync_folder(parent);
    }
    Ok(())
}

fn open_or_make(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
        .map_err(|error| FileError::io(path, &error))
}

/// Reads a file that only its owner may read; `None` where there is none. At most `limit` bytes.
pub(crate) fn read_private(path: &Path, user: u32, limit: u64) -> Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(FileError::io(path, &error)),
    };
    let broken = |error: std::io::Error| FileError::io(path, &error);
    let found = file.metadata().map_err(broken)?;
    if !found.is_file() {
        return Err(FileError::new(path, FileProblem::NotAFile));
    }
    if found.uid() != user {
        let owner = found.uid();
        return Err(FileError::new(
            path,
            FileProblem::WrongOwner { owner, user },
        ));
    }
    let mode = found.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(FileError::new(path, FileProblem::TooOpen { mode }));
    }
    let mut contents = Vec::new();
    file.take(limit)
        .read_to_end(&mut contents)
        .map_err(broken)?;
    Ok(Some(contents))
}

/// Writes a file that was not there, 0600, complete or not at all.
///
/// Of several at once exactly one writes; `false` says that it was another one, or that the file was there.
pub(crate) fn write_once(path: &Path, part: &str, contents: &[u8]) -> Result<bool> {
    let unfinished = path.with_extension(format!("new-{part}"));
    let broken = |error: std::io::Error| FileError::io(path, &error);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&unfinished)
        .and_then(|mut file| {
            file.write_all(contents)?;
            file.sync_all()
        });
    let linked = written.and_then(|()| std::fs::hard_link(&unfinished, path));
    // It has its other name, or is of no use.
    let _ = std::fs::remove_file(&unfinished);
    match linked {
        Ok(()) => {
            if let Some(parent) = path.parent() {
                sync_folder(parent);
            }
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists && path.is_file() => Ok(false),
        Err(error) => Err(broken(error)),
    }
}

/// A file lock, let go by the kernel when this is dropped or the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct HeldFile {
    file: File,
}

impl HeldFile {
    /// Lets the lock go and takes back whose it was: what it stood for has been brought to its end.
    pub(crate) fn done(self) {
        // A line that stays says only that somebody has to look.
        let _ = self.file.set_len(0);
    }
}

/// Tells whether a file says whose lock it is: somebody holds it, or died holding it.
pub(crate) fn is_signed(path: &Path) -> Result<bool> {
    match std::fs::metadata(path) {
        Ok(found) => Ok(found.len() > 0),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::io(path, &error)),
    }
}

/// Takes the lock of a file, making the file where there is none, and writes a line into it that says whose it
/// is; `Err` in the outer result is a problem, in the inner one the line of whoever holds it.
pub(crate) fn hold_file(path: &Path, line: &str) -> Result<std::result::Result<HeldFile, String>> {
    /// Longer than any line written here.
    const LINE: u64 = 4096;
    let mut file = open_or_make(path)?;
    match file.try_lock() {
        Ok(()) => {
            // Only for the eyes of others; the lock itself is what counts.
            let _ = file
                .set_len(0)
                .and_then(|()| file.write_all(line.as_bytes()));
            Ok(Ok(HeldFile { file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            // It may be in the middle of being written.
            let _ = file.take(LINE).read_to_string(&mut holder);
            Ok(Err(holder))
        }
        Err(TryLockError::Error(error)) => Err(FileError::io(path, &error)),
    }
}
