//! The one door to the disk: reading files with errors that name them.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module through which everything else reads files"
)]

use std::io::ErrorKind;

use crate::problem::Mistake;

/// The largest file that is read. Compose files are text written by people.
const SIZE_LIMIT: usize = 16 << 20;

/// Reads a text file; `kind` says in errors what it was wanted for.
pub(crate) fn read(path: &str, kind: &'static str) -> Result<String, Mistake> {
    let bytes = std::fs::read(path).map_err(|error| failure(path, kind, &error))?;
    decode(path, kind, bytes)
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

/// Tells whether there is something at a path.
pub(crate) fn exists(path: &str) -> bool {
    std::fs::metadata(path).is_ok()
}

/// Tells whether a path leads to a file rather than a folder or nothing.
pub(crate) fn is_file(path: &str) -> bool {
    std::fs::metadata(path).is_ok_and(|found| !found.is_dir())
}

/// Where a folder really is, symbolic links followed.
pub(crate) fn real_path(path: &str) -> Option<String> {
    std::fs::canonicalize(path)
        .ok()?
        .into_os_string()
        .into_string()
        .ok()
}
