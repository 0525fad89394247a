//! What Debian packages newest, unpacked beside the machine's own: an engine, and Docker Compose.
//!
//! Nothing is installed: packages of the sid suite are unpacked into the cache and run from there, the engine
//! with the machine's own runc. The machine's package lists and settings are not touched.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache;
use crate::distribution::{Debian, PATIENCE};
use crate::program::program;

/// Packages that are unpacked together.
pub(crate) struct Bundle {
    /// Its folder in the cache.
    folder: &'static str,
    /// What people call it.
    name: &'static str,
    packages: &'static [&'static str],
    /// A file that is there once it is unpacked.
    proof: &'static str,
}

/// Engine, command line and the containerd that they were built for.
pub(crate) const ENGINE: Bundle = Bundle {
    folder: "newest",
    name: "the newest engine",
    packages: &["docker.io", "docker-cli", "containerd"],
    proof: "usr/sbin/dockerd",
};

/// Docker Compose, which is one program.
pub(crate) const COMPOSE: Bundle = Bundle {
    folder: "newest-compose",
    name: "the newest Docker Compose",
    packages: &["docker-compose"],
    proof: "usr/libexec/docker/cli-plugins/docker-compose",
};

impl Bundle {
    /// Returns the folder with the unpacked packages, unpacking them first where they are missing.
    pub(crate) fn unpacked(&self, log: &Path) -> Result<PathBuf> {
        let folder = cache::folder(&[self.folder])?;
        let root = folder.join("root");
        if root.join(self.proof).is_file() {
            return Ok(root);
        }
        println!("fetching {} that Debian packages", self.name);
        let fresh = cache::folder(&[self.folder, &format!("unpacking-{}", std::process::id())])?;
        let got = self.fetch(&folder, &fresh, log);
        if got.is_ok() {
            std::fs::rename(&fresh, &root)
                .with_context(|| format!("cannot write `{}`", root.display()))?;
        } else {
            drop(std::fs::remove_dir_all(&fresh));
        }
        got.with_context(|| format!("cannot unpack {}; the log is {}", self.name, log.display()))?;
        Ok(root)
    }

    /// Returns the program that it is unpacked for.
    pub(crate) fn program(&self, log: &Path) -> Result<PathBuf> {
        Ok(self.unpacked(log)?.join(self.proof))
    }

    fn fetch(&self, folder: &Path, into: &Path, log: &Path) -> Result<()> {
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
        apt("download").args(self.packages).run_into(log)?;
        unpack(&debs, into, log)?;
        // Megabytes of package lists that nothing needs any more.
        for part in [lists, archives] {
            drop(std::fs::remove_dir_all(part));
        }
        Ok(())
    }
}

fn unpack(debs: &Path, into: &Path, log: &Path) -> Result<()> {
    let context = || format!("cannot list `{}`", debs.display());
    for entry in std::fs::read_dir(debs).with_context(context)? {
        let deb = entry.with_context(context)?.path();
        program("dpkg-deb")
            .arg("--extract")
            .arg(&deb)
            .arg(into)
            .run_into(log)?;
        drop(std::fs::remove_file(deb));
    }
    Ok(())
}
