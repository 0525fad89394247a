//! Files whose contents count for a stack: behind secrets, configs and seccomp profiles.

#![expect(
    clippy::disallowed_methods,
    reason = "the module that reads the user's files which are no part of a build"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;

use bowline_core::FileContent;

/// Reads files; those that are to be changed as they will be. What cannot be read is told apart, not refused: it depends on the use whether that matters.
pub(crate) fn read(
    paths: BTreeSet<String>,
    edited: &BTreeMap<String, Vec<u8>>,
) -> BTreeMap<String, FileContent> {
    let found = |path: &str| match edited.get(path) {
        Some(bytes) => Ok(bytes.clone()),
        None => std::fs::read(path),
    };
    let content = |path: &str| match found(path) {
        Ok(bytes) => FileContent::Bytes(bytes),
        Err(error) => match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => FileContent::Absent,
            ErrorKind::IsADirectory => FileContent::Folder,
            _ => FileContent::Unreadable,
        },
    };
    paths
        .into_iter()
        .map(|path| {
            let content = content(&path);
            (path, content)
        })
        .collect()
}
