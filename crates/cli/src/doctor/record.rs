//! The file of `--record`: written whole or not at all, so that a disk that is full costs no earlier recording.
#![expect(
    clippy::disallowed_methods,
    reason = "`--record` names a file, and this is where the binary writes it"
)]

use std::fs::{File, Metadata, OpenOptions};
use std::io::{ErrorKind, Result, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::Path;

use bowline_ops::Failure;

/// Writes a recording. Where that cannot be done, what was there before stays.
pub(super) fn write(path: &str, text: &str) -> std::result::Result<(), Failure> {
    put(Path::new(path), text.as_bytes()).map_err(|error| Failure::Usage {
        message: format!("cannot write `{path}`: {error}"),
        hint: None,
    })
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    let before = std::fs::metadata(path).ok();
    let is_plain = before.as_ref().is_none_or(Metadata::is_file);
    if !is_plain || path.starts_with("/dev") || path.starts_with("/proc") {
        // A pipe or a terminal; behind `/dev/stdout` may be a file in which the diagnosis stands already.
        let mut stream = OpenOptions::new().append(true).open(path)?;
        return stream.write_all(bytes);
    }
    // A link stays one.
    let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if before.is_some() {
        // Who may not write it may not put another in its place either.
        OpenOptions::new().write(true).open(&path)?;
    }
    match replace(&path, bytes, before.as_ref()) {
        // A folder that allows no new file, or a file that is mounted by itself.
        Err(error) if needs_its_place(error.kind()) => std::fs::write(&path, bytes),
        replaced => replaced,
    }
}

/// Writes a new file beside the one of this path, and puts it in its place.
fn replace(path: &Path, bytes: &[u8], before: Option<&Metadata>) -> Result<()> {
    let new = path.with_file_name(format!(".bowline-record-{}", std::process::id()));
    let file = OpenOptions::new().write(true).create_new(true).open(&new)?;
    let filled = fill(file, bytes, before);
    let replaced = filled.and_then(|()| std::fs::rename(&new, path));
    if replaced.is_err() {
        // The reason why it is of no use is what counts.
        let _ = std::fs::remove_file(&new);
    }
    replaced
}

fn fill(mut file: File, bytes: &[u8], before: Option<&Metadata>) -> Result<()> {
    file.write_all(bytes)?;
    if let Some(before) = before {
        // Only root can give it to somebody else.
        let _ = fchown(&file, Some(before.uid()), Some(before.gid()));
        file.set_permissions(before.permissions())?;
    }
    file.sync_all()
}

/// Whether it failed because only the very file that is there can be written.
fn needs_its_place(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::ResourceBusy
    )
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_recording_takes_the_place_of_an_earlier_one_and_keeps_its_link_and_its_mode() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("facts.json"), folder.path().join("last"));
        symlink("facts.json", &link).unwrap();
        put(&file, b"first, and longer").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        put(&link, b"second").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"second");
        assert!(link.is_symlink());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn what_cannot_be_written_leaves_what_was_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("facts.json");
        put(&file, b"first").unwrap();
        let beside = format!(".bowline-record-{}", std::process::id());
        fs::create_dir(folder.path().join(beside)).unwrap();
        put(&file, b"second").unwrap_err();
        assert_eq!(fs::read(&file).unwrap(), b"first");
        let failure = write("/nowhere/facts.json", "").unwrap_err();
        assert_eq!(
            failure.to_string(),
            "cannot write `/nowhere/facts.json`: No such file or directory (os error 2)"
        );
    }

    #[test]
    fn what_is_no_plain_file_takes_it_too() {
        put(Path::new("/dev/null"), b"all").unwrap();
        put(Path::new("/tmp"), b"all").unwrap_err();
    }
}
