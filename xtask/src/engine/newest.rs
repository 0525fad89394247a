//! The newest engine that Debian packages, unpacked beside the machine's own.
//!
//! Nothing is installed: the packages of the sid suite are unpacked into the cache and run with the
//! machine's own runc. The machine's package lists and settings are not touched.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache;
use crate::distribution::{Debian, PATIENCE};
use crate::program::program;

/// Engine, command line and the containerd that they were built for.
const PACKAGES: &[&str] = &["docker.io", "docker-cli", "containerd"];

/// Returns the folder with the unpacked engine, unpacking it first where it is missing.
pub(crate) fn unpacked(log: &Path) -> Result<PathBuf> {
    let folder = cache::folder(&["newest"])?;
    let root = folder.join("root");
    if root.join("usr/sbin/dockerd").is_file() {
        return Ok(root);
    }
    println!("fetching the newest engine that Debian packages");
    let fresh = cache::folder(&["newest", &format!("unpacking-{}", std::process::id())])?;
    let got = fetch(&folder, &fresh, log);
    if got.is_ok() {
        std::fs::rename(&fresh, &root)
            .with_context(|| format!("cannot write `{}`", root.display()))?;
    } else {
        drop(std::fs::remove_dir_all(&fresh));
    }
    got.with_context(|| {
        format!(
            "cannot unpack the newest engine; the log is {}",
            log.display()
        )
    })?;
    Ok(root)
}

fn fetch(folder: &Path, into: &Path, log: &Path) -> Result<()> {
    let debian = Debian::find(log)?;
    let (lists, archives, debs) = (
        folder.join("lists"),
        folder.join("archives"),
        folder.join("debs"),
    );
    for part in [
        lists.join("partial"),
        archives.join("partial"),
        debs.clone(),
    ] {
        std::fs::create_dir_all(&part)
            .with_context(|| format!("cannot create `{}`", part.display()))?;
    }
    let sources = folder.join("sources.list");
    std::fs::write(&sources, debian.sources("sid"))
        .with_context(|| format!("cannot write `{}`", sources.display()))?;
    let apt = |action: &str| {
        program("apt-get")
            .args(PATIENCE)
            .arg(format!("-oDir::Etc::SourceList={}", sources.display()))
            .args([
                "-oDir::Etc::SourceParts=/nonexistent",
                "-oAPT::Sandbox::User=",
                "-oAcquire::Languages=none",
            ])
            .arg(format!("-oDir::State::Lists={}", lists.display()))
            .arg(format!("-oDir::Cache={}", archives.display()))
            .arg(format!("-oDir::Cache::Archives={}", archives.display()))
            .folder(&debs)
            .arg(action)
    };
    apt("update").run_into(log)?;
    apt("download").args(PACKAGES).run_into(log)?;
    for entry in
        std::fs::read_dir(&debs).with_context(|| format!("cannot list `{}`", debs.display()))?
    {
        let deb = entry
            .with_context(|| format!("cannot list `{}`", debs.display()))?
            .path();
        program("dpkg-deb")
            .arg("--extract")
            .arg(&deb)
            .arg(into)
            .run_into(log)?;
        drop(std::fs::remove_file(deb));
    }
    // Megabytes of package lists that nothing needs any more.
    for part in [lists, archives] {
        drop(std::fs::remove_dir_all(part));
    }
    Ok(())
}
