//! The files of a build, read from this host's disk.

#![expect(
    clippy::disallowed_methods,
    reason = "the one module that reads the files of builds"
)]

use std::ffi::OsString;
use std::fs::{File, Metadata};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Why a file is of no use.
#[derive(Debug, thiserror::Error)]
pub(super) enum FileError {
    /// There is none.
    #[error("`{}` does not exist", .0.display())]
    Missing(PathBuf),
    /// A folder is wanted, and it is none.
    #[error("`{}` is not a folder", .0.display())]
    NotFolder(PathBuf),
    /// A file is wanted, and it is a folder or something else.
    #[error("`{}` is not a file", .0.display())]
    NotFile(PathBuf),
    /// It is there and cannot be read.
    #[error("`{}` cannot be read: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's words.
        error: io::Error,
    },
    /// It did not stay as it was.
    #[error("`{}` changed while it was read", .0.display())]
    Changed(PathBuf),
}

impl FileError {
    pub(super) fn of(path: &Path, error: io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            ErrorKind::NotFound => Self::Missing(path),
            ErrorKind::NotADirectory => Self::NotFolder(path),
            _ => Self::Unreadable { path, error },
        }
    }
}

/// A folder, its links followed.
pub(super) fn folder(path: &Path) -> Result<PathBuf, FileError> {
    let real = std::fs::canonicalize(path).map_err(|error| FileError::of(path, error))?;
    if real.is_dir() {
        Ok(real)
    } else {
        Err(FileError::NotFolder(path.to_owned()))
    }
}

/// A file, its links followed.
pub(super) fn file(path: &Path) -> Result<PathBuf, FileError> {
    let real = std::fs::canonicalize(path).map_err(|error| match error.kind() {
        // A part of the path that is no folder: then there is no such file.
        ErrorKind::NotADirectory => FileError::Missing(path.to_owned()),
        _ => FileError::of(path, error),
    })?;
    if real.is_file() {
        Ok(real)
    } else {
        Err(FileError::NotFile(path.to_owned()))
    }
}

/// What is in a file.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    std::fs::read(path).map_err(|error| FileError::of(path, error))
}

/// What is in a file; `None` where there is none.
pub(super) fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(FileError::Missing(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// What is in a folder, by name in the order of their bytes. Links are not followed.
pub(super) fn list(path: &Path) -> Result<Vec<(OsString, Metadata)>, FileError> {
    let unreadable = |error| FileError::of(path, error);
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        match entry.metadata() {
            Ok(metadata) => found.push((entry.file_name(), metadata)),
            // Gone since it was listed: then it is not there.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(FileError::of(&entry.path(), error)),
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

/// Where a symbolic link points.
pub(super) fn link(path: &Path) -> Result<PathBuf, FileError> {
    std::fs::read_link(path).map_err(|error| FileError::of(path, error))
}

/// Opens a file for reading.
pub(super) fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|error| FileError::of(path, error))
}
