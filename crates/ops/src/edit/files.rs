//! The user's files that are changed: read, and written whole or not at all.

#![expect(
    clippy::disallowed_methods,
    reason = "the module that reads and writes the files that a remedy changes"
)]

use std::fs::{File, OpenOptions, Permissions};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use bowline_model::{FileChange, FileState, Secret};

/// Larger files are not written by people.
const SIZE_LIMIT: u64 = 4 << 20;

/// Permission bits, without the kind of file.
const MODE: u32 = 0o7777;

/// A file with what it holds. Symbolic links are followed; of a folder there is only the mode.
///
/// # Errors
///
/// In words that follow the name of the file.
pub(super) fn read(path: &str) -> Result<(String, FileState), String> {
    let real = std::fs::canonicalize(path).map_err(|error| error.to_string())?;
    let found = std::fs::metadata(&real).map_err(|error| error.to_string())?;
    let text = if found.is_dir() {
        String::new()
    } else if !found.is_file() {
        return Err("is no file".to_owned());
    } else if found.len() > SIZE_LIMIT {
        return Err(format!("is larger than {} MiB", SIZE_LIMIT >> 20));
    } else if found.nlink() > 1 {
        // A rename would take this name from the others.
        return Err("has more than one name (hard links)".to_owned());
    } else {
        std::fs::read_to_string(&real).map_err(|error| error.to_string())?
    };
    let path = real
        .into_os_string()
        .into_string()
        .map_err(|_| "has a name that is no text".to_owned())?;
    let state = FileState {
        text: Secret::new(text),
        mode: found.mode() & MODE,
    };
    Ok((path, state))
}

/// Gives a file the text and the mode that it is to have.
///
/// A new text goes into a file beside it that takes its place at once, so that whoever reads it reads the old text or
/// the new one; what a process left there that died is removed first. The owner stays. When this returns, the change
/// survives a power cut, as far as the file system can promise that.
///
/// # Errors
///
/// In words that follow the name of the file, which is as it was then.
pub(super) fn write(change: &FileChange) -> Result<(), String> {
    let path = Path::new(&change.path);
    if change.before.text == change.after.text {
        let mode = Permissions::from_mode(change.after.mode);
        return std::fs::set_permissions(path, mode).map_err(|error| error.to_string());
    }
    let (folder, beside) = beside(path).ok_or_else(|| "is no file".to_owned())?;
    let written = put(path, &beside, change).and_then(|()| std::fs::rename(&beside, path));
    if let Err(error) = written {
        // It is of no use, and the next attempt removes it too.
        let _ = std::fs::remove_file(&beside);
        return Err(error.to_string());
    }
    // Some file systems refuse to sync a folder, and some folders can be written and not read. The file is changed by
    // now, and its new name is as durable as it gets.
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}

/// The folder of a file, and where its next text is written.
fn beside(path: &Path) -> Option<(&Path, PathBuf)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    Some((folder, folder.join(format!(".{name}.bowline-new"))))
}

/// Writes the next text with the mode and the owner of the file.
fn put(path: &Path, beside: &Path, change: &FileChange) -> std::io::Result<()> {
    let former = std::fs::metadata(path)?;
    match std::fs::remove_file(beside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(beside)?;
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != (former.uid(), former.gid()) {
        fchown(&file, Some(former.uid()), Some(former.gid()))?;
    }
    file.write_all(change.after.text.reveal().as_bytes())?;
    file.set_permissions(Permissions::from_mode(change.after.mode))?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(path: &Path, before: (&str, u32), after: (&str, u32)) -> FileChange {
        let state = |(text, mode): (&str, u32)| FileState {
            text: Secret::new(text),
            mode,
        };
        FileChange {
            path: path.display().to_string(),
            name: "compose.yaml".to_owned(),
            lines: Vec::new(),
            before: state(before),
            after: state(after),
        }
    }

    #[test]
    fn a_file_is_replaced_through_its_link_and_keeps_its_mode_and_nothing_stays_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("real.yaml");
        let link = folder.path().join("compose.yaml");
        std::fs::write(&target, "a: 1\r\n# ä\n").unwrap();
        std::fs::set_permissions(&target, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        let (real, before) = read(link.to_str().unwrap()).unwrap();
        assert_eq!(Path::new(&real), target.canonicalize().unwrap());
        assert_eq!(before.text.reveal(), "a: 1\r\n# ä\n");
        assert_eq!(before.mode, 0o640);
        // What a process left there that died.
        std::fs::write(folder.path().join(".real.yaml.bowline-new"), "a:").unwrap();

        write(&change(Path::new(&real), ("a: 1", 0o640), ("a: 2", 0o640))).unwrap();
        assert_eq!(std::fs::read_to_string(&link).unwrap(), "a: 2");
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::metadata(&target).unwrap().mode() & MODE, 0o640);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_file_in_a_folder_that_cannot_be_synced_is_changed_all_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("compose.yaml");
        std::fs::write(&path, "a: 1").unwrap();
        // Whoever is not root cannot open it to sync it.
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o300)).unwrap();
        let written = write(&change(&path, ("a: 1", 0o600), ("a: 2", 0o600)));
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
        assert_eq!(written, Ok(()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a: 2");
    }

    #[test]
    fn a_mode_is_changed_in_place_also_of_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("data");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o700)).unwrap();
        write(&change(&path, ("", 0o700), ("", 0o755))).unwrap();
        let (_, state) = read(path.to_str().unwrap()).unwrap();
        assert_eq!((state.text.reveal(), state.mode), ("", 0o755));
    }

    #[test]
    fn what_cannot_be_put_back_as_it_was_is_not_read_for_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        std::fs::write(&path, "x").unwrap();
        std::fs::hard_link(&path, folder.path().join("b")).unwrap();
        let refused = read(path.to_str().unwrap()).unwrap_err();
        assert_eq!(refused, "has more than one name (hard links)");
        let bytes = folder.path().join("c");
        std::fs::write(&bytes, [0xff, 0xfe]).unwrap();
        assert!(read(bytes.to_str().unwrap()).is_err());
        assert!(read(folder.path().join("none").to_str().unwrap()).is_err());
    }
}
