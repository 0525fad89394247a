//! Files whose contents count for a stack: behind secrets, configs and seccomp profiles, and the user's own recipes.

#![expect(
    clippy::disallowed_methods,
    reason = "the module that reads the user's files which are no part of a build"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read as _, Result};
use std::path::{Path, PathBuf};

use bowline_core::FileContent;

/// A file that is larger is not read: nobody writes a secret or a configuration of that size.
const LARGEST: usize = 8 << 20;

/// Reads files; those that are to be changed as they will be. What cannot be read is told apart, not refused: it depends
/// on the use whether that matters.
pub(crate) fn read(
    paths: BTreeSet<String>,
    edited: &BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, FileContent> {
    paths
        .into_iter()
        .map(|path| {
            let content = match edited.get(&path) {
                Some(bytes) => FileContent::Bytes(bytes.clone()),
                None => content(Path::new(&path)),
            };
            (path, content)
        })
        .collect()
}

fn content(path: &Path) -> FileContent {
    if path.is_dir() {
        return FileContent::Folder;
    }
    match read_file(path, LARGEST as u64 + 1) {
        Ok(Some(bytes)) if bytes.len() <= LARGEST => FileContent::Bytes(bytes),
        Ok(None) => FileContent::Absent,
        Ok(Some(_)) | Err(_) => FileContent::Unreadable,
    }
}

/// Files by the names of their folders, each with its path and what came of reading it.
pub(crate) type InFolders = BTreeMap<String, (PathBuf, Result<Vec<u8>>)>;

/// A folder with more in it is somebody else's.
const MOST_ENTRIES: usize = 1000;

/// The files of this name in the folders of a folder, by those folders' names; no more of each than `limit` bytes. Nothing
/// where the folder is not there, or holds more than anybody keeps in one of bowline's.
///
/// # Errors
///
/// The folder cannot be read.
pub(crate) fn in_folders(folder: &Path, name: &str, limit: u64) -> Result<InFolders> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if is_absent(&error) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let entries: Vec<_> = entries.take(MOST_ENTRIES + 1).collect::<Result<_>>()?;
    if entries.len() > MOST_ENTRIES {
        return Ok(BTreeMap::new());
    }
    let files = entries.into_iter().filter_map(|entry| {
        let path = entry.path().join(name);
        let bytes = read_file(&path, limit).transpose()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        Some((name, (path, bytes)))
    });
    Ok(files.collect())
}

fn is_absent(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory)
}

/// The beginning of a plain file; `None` where there is nothing. Whoever opens a pipe may wait for ever.
fn read_file(path: &Path, limit: u64) -> Result<Option<Vec<u8>>> {
    let found = match std::fs::metadata(path) {
        Ok(found) => found,
        Err(error) if is_absent(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    if !found.is_file() {
        return Err(std::io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_file_of_sensible_size_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        std::fs::write(path("token"), "opensesame").unwrap();
        let large = File::create(path("image.iso")).unwrap();
        large.set_len(LARGEST as u64 + 1).unwrap();
        let changed = BTreeMap::from([(path("changed"), b"new".to_vec())]);
        for (name, expected) in [
            (path("token"), FileContent::Bytes(b"opensesame".to_vec())),
            (path("changed"), FileContent::Bytes(b"new".to_vec())),
            (path("token/below"), FileContent::Absent),
            (path("nothing"), FileContent::Absent),
            (path(""), FileContent::Folder),
            (path("image.iso"), FileContent::Unreadable),
            // It has no end, as a pipe may have none.
            ("/dev/zero".to_owned(), FileContent::Unreadable),
        ] {
            let read = read([name.clone()].into(), &changed);
            assert_eq!(read[&name], expected, "{name}");
        }
    }
}
