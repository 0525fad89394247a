//! The one door to the disk: reading files with errors that name them.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module through which everything else reads files"
)]

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read as _};
use std::sync::Arc;

use crate::problem::Mistake;

/// The largest file that is read. Compose files are text written by people.
const SIZE_LIMIT: usize = 16 << 20;

/// Where files are read from: the disk, unless they were given in memory.
#[derive(Clone, Default)]
pub struct Files {
    given: Option<Arc<BTreeMap<String, Vec<u8>>>>,
    /// Files of the disk that are read as if they held this.
    edited: Arc<BTreeMap<String, Vec<u8>>>,
}

impl Files {
    /// Files by absolute path that stand in memory, such as unsaved ones. The disk is not looked at then.
    pub fn in_memory(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            given: Some(Arc::new(files.into_iter().collect())),
            edited: Arc::default(),
        }
    }

    /// The disk, on which these files, by absolute path, hold something else than they do: as they will be after a
    /// change that is not made yet.
    pub fn edited(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self {
            given: None,
            edited: Arc::new(files.into_iter().collect()),
        }
    }

    /// Reads a text file; `kind` says in errors what it was wanted for.
    pub(crate) fn read(&self, path: &str, kind: &'static str) -> Result<String, Mistake> {
        let bytes = match &self.given {
            None => match self.edited.get(path) {
                Some(bytes) => bytes.clone(),
                None => read_from_disk(path).map_err(|error| failure(path, kind, &error))?,
            },
            Some(given) => match given.get(path) {
                Some(bytes) => bytes.clone(),
                None if self.exists(path) => {
                    let path = path.to_owned();
                    return Err(Mistake::FileIsFolder { kind, path });
                }
                None => {
                    let path = path.to_owned();
                    return Err(Mistake::FileMissing { kind, path });
                }
            },
        };
        decode(path, kind, bytes)
    }

    /// Tells whether there is something at a path.
    pub(crate) fn exists(&self, path: &str) -> bool {
        match &self.given {
            None => std::fs::metadata(path).is_ok(),
            Some(given) => {
                let below = format!("{}/", path.trim_end_matches('/'));
                given.contains_key(path) || given.keys().any(|known| known.starts_with(&below))
            }
        }
    }

    /// Tells whether a path leads to a file rather than a folder or nothing.
    pub(crate) fn is_file(&self, path: &str) -> bool {
        match &self.given {
            None => std::fs::metadata(path).is_ok_and(|found| !found.is_dir()),
            Some(given) => given.contains_key(path),
        }
    }

    /// Where a folder really is, symbolic links followed.
    pub(crate) fn real_path(&self, path: &str) -> Option<String> {
        if self.given.is_some() {
            return Some(path.to_owned());
        }
        let path = std::fs::canonicalize(path).ok()?;
        path.into_os_string().into_string().ok()
    }
}

impl fmt::Debug for Files {
    /// Names the files without showing them: they may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.given {
            None => f.write_str("Disk"),
            Some(given) => f.debug_set().entries(given.keys()).finish(),
        }
    }
}

/// Takes bytes for text, wherever they came from.
pub(crate) fn decode(path: &str, kind: &'static str, bytes: Vec<u8>) -> Result<String, Mistake> {
    if bytes.len() > SIZE_LIMIT {
        return Err(Mistake::FileTooLarge {
            kind,
            path: path.to_owned(),
            limit: SIZE_LIMIT,
        });
    }
    String::from_utf8(bytes).map_err(|error| Mistake::NotText {
        kind,
        path: path.to_owned(),
        offset: error.utf8_error().valid_up_to(),
    })
}

/// Reads no more than shows that there is too much, since a path may lead to a device that never ends.
fn read_from_disk(path: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path)?;
    file.take(SIZE_LIMIT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn failure(path: &str, kind: &'static str, error: &std::io::Error) -> Mistake {
    let path = path.to_owned();
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Mistake::FileMissing { kind, path },
        ErrorKind::IsADirectory => Mistake::FileIsFolder { kind, path },
        ErrorKind::PermissionDenied => Mistake::FileUnreadable {
            kind,
            path,
            reason: "permission denied".to_owned(),
        },
        _ => Mistake::FileUnreadable {
            kind,
            path,
            reason: error.to_string(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_end_is_refused_instead_of_read() {
        assert!(matches!(
            Files::default().read("/dev/zero", "environment file"),
            Err(Mistake::FileTooLarge { .. })
        ));
    }

    #[test]
    fn a_file_that_is_to_be_changed_is_read_as_it_will_be_and_the_others_as_they_are() {
        let own = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let files = Files::edited([("/p/compose.yaml".to_owned(), b"x: 1".to_vec())]);

        assert_eq!(files.read("/p/compose.yaml", "file").as_deref(), Ok("x: 1"));
        assert!(files.read(own, "file").is_ok());
        assert!(files.read("/p/other.yaml", "file").is_err());
    }

    #[test]
    fn files_in_memory_have_folders() {
        let files = Files::in_memory([("/p/a/compose.yaml".to_owned(), b"x: 1".to_vec())]);

        assert_eq!(
            files.read("/p/a/compose.yaml", "file").as_deref(),
            Ok("x: 1")
        );
        assert!(files.exists("/p/a") && !files.is_file("/p/a"));
        assert!(matches!(
            files.read("/p/a", "file"),
            Err(Mistake::FileIsFolder { .. })
        ));
        assert!(!files.exists("/p/b"));
    }
}
