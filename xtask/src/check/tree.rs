//! Reads the project's own text files, as the source rules want them.
//!
//! Skips what git would not keep (`target` folders, hidden folders except the two that are the
//! project's) and what is not text.

use std::path::Path;

use anyhow::{Context, Result};

use super::sources::Source;

/// Larger files are data, not text that somebody reads.
const LARGEST: u64 = 2 * 1024 * 1024;

/// Returns every text file under `root`, in order of path.
pub(crate) fn read(root: &Path) -> Result<Vec<Source>> {
    let mut files = Vec::new();
    collect(root, root, &mut files)?;
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<Source>) -> Result<()> {
    let entries =
        std::fs::read_dir(folder).with_context(|| format!("cannot list `{}`", folder.display()))?;
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot list `{}`", folder.display()))?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry
            .file_type()
            .with_context(|| format!("cannot look at `{}`", path.display()))?;
        if kind.is_dir() {
            let hidden = name.starts_with('.') && name != ".ci" && name != ".cargo";
            if !hidden && name != "target" {
                collect(root, &path, files)?;
            }
        } else if kind.is_file()
            && entry
                .metadata()
                .is_ok_and(|metadata| metadata.len() <= LARGEST)
        {
            // Another person's editor may take a file away between listing and reading: no offence.
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            if let Ok(text) = String::from_utf8(bytes) {
                let relative = path.strip_prefix(root).unwrap_or(&path);
                files.push(Source {
                    path: relative.to_string_lossy().into_owned(),
                    text,
                });
            }
        }
    }
    Ok(())
}
