//! Where things are kept that outlive a clone: base systems, images, engines.
//!
//! Everything here can be deleted at any time (with the engine down); it only costs minutes again.

use std::path::PathBuf;

use anyhow::{Context, Result};

/// Returns the folder `parts` under the user's cache, and makes sure that it is there.
pub(crate) fn folder(parts: &[&str]) -> Result<PathBuf> {
    let mut folder = root()?;
    folder.extend(parts);
    std::fs::create_dir_all(&folder)
        .with_context(|| format!("cannot create `{}`", folder.display()))?;
    Ok(folder)
}

fn root() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME").filter(|home| !home.is_empty()) {
        Some(home) => PathBuf::from(home),
        None => PathBuf::from(
            std::env::var_os("HOME").context("neither XDG_CACHE_HOME nor HOME is set")?,
        )
        .join(".cache"),
    };
    Ok(base.join("bowline"))
}
