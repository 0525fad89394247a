//! Whether whoever began a run is still there, for the process that goes on inside of the engine's network.
//!
//! Where only the first of the two is killed, the keeper takes the engine away from the second. What a doctor says
//! then looks like an answer, and is none.

use std::fs::{File, TryLockError};
use std::path::Path;

use anyhow::{Context, Result};

const FILE: &str = "held";

/// Holds a run by its folder, for as long as the file is open. A lock ends with its process, however that ends.
pub(crate) fn hold(folder: &Path) -> Result<File> {
    let path = folder.join(FILE);
    let file =
        File::create(&path).with_context(|| format!("cannot create `{}`", path.display()))?;
    file.lock()
        .with_context(|| format!("cannot lock `{}`", path.display()))?;
    Ok(file)
}

/// Whether somebody holds it.
pub(crate) fn is_held(folder: &Path) -> bool {
    // Shared: of two that ask at one time neither may take the other for the holder.
    let asked = File::open(folder.join(FILE)).map(|file| file.try_lock_shared());
    matches!(asked, Ok(Err(TryLockError::WouldBlock)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_until_its_file_is_closed() {
        let folder = std::env::temp_dir().join(format!("held-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        assert!(!is_held(&folder));
        let held = hold(&folder).unwrap();
        assert!(is_held(&folder) && is_held(&folder));
        drop(held);
        assert!(!is_held(&folder));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
