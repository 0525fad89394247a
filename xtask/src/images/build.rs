//! Builds the file system of an image as an archive in the cache.
//!
//! A fresh Debian comes from debootstrap, everything else from a copy of the archive below it, with
//! packages installed inside. No container and no network in one are needed, so it works the same with
//! every engine. Needs root, as packages do.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::recipe::{From, Loaded};
use crate::cache;
use crate::distribution::{Debian, fetch_settings};
use crate::program::{as_root, program};

/// The script that installs packages and files; part of every recipe's digest.
pub(crate) const POPULATE: &str = include_str!("populate.sh");

/// Where packages come from when the recipe stands on no fresh Debian of its own.
pub(crate) const SUITE: &str = "bookworm";

/// Returns where the archive of `image` is, or will be.
pub(crate) fn archive(image: &Loaded) -> Result<PathBuf> {
    Ok(cache::folder(&["images"])?.join(format!("{}-{}.tar.gz", image.name, image.digest)))
}

/// Builds the archive of `image` on top of `below`.
pub(crate) fn build(image: &Loaded, below: Option<&Path>) -> Result<()> {
    let work = cache::folder(&[
        "images",
        &format!("work-{}-{}", image.name, std::process::id()),
    ])?;
    let log = cache::folder(&["logs"])?.join(format!("image-{}.log", image.name));
    drop(std::fs::remove_file(&log));
    let built = populate(image, below, &work, &log).and_then(|()| pack(image, &work));
    // Owned by root, and worthless whatever happened.
    let removed = as_root("rm")
        .args(["-rf", "--one-file-system"])
        .arg(&work)
        .run();
    built.with_context(|| {
        format!(
            "cannot build the image `{}`; its log is {}",
            image.name,
            log.display()
        )
    })?;
    removed
}

fn populate(image: &Loaded, below: Option<&Path>, work: &Path, log: &Path) -> Result<()> {
    let debian = Debian::find(log)?;
    let rootfs = work.join("rootfs");
    match (&image.recipe.from, below) {
        (From::Debian(suite), _) => {
            as_root("debootstrap")
                .args([
                    "--variant=minbase",
                    "--merged-usr",
                    "--include=ca-certificates",
                ])
                .arg(format!("--keyring={}", debian.keyring.display()))
                .arg(suite)
                .arg(&rootfs)
                .arg(&debian.mirror)
                .run_into(log)?;
        }
        (From::Image(_), Some(below)) => {
            as_root("mkdir").arg(&rootfs).run()?;
            as_root("tar")
                .args(["--extract", "--numeric-owner", "--gzip", "--file"])
                .arg(below)
                .arg("--directory")
                .arg(&rootfs)
                .run_into(log)?;
        }
        (From::Image(below), None) => anyhow::bail!("the archive of `{below}` is missing"),
    }
    let (sources, settings, script) = (
        work.join("sources.list"),
        work.join("apt.conf"),
        work.join("populate.sh"),
    );
    for (file, text) in [
        (&sources, debian.sources(SUITE)),
        (&settings, fetch_settings()?),
        (&script, POPULATE.to_owned()),
    ] {
        std::fs::write(file, text).with_context(|| format!("cannot write `{}`", file.display()))?;
    }
    as_root("unshare")
        .args(["--mount", "--propagation", "private", "sh"])
        .arg(&script)
        .arg(&rootfs)
        .arg(&image.folder)
        .arg(&sources)
        .arg(&settings)
        .args(&image.recipe.packages)
        .run_into(log)
}

fn pack(image: &Loaded, work: &Path) -> Result<()> {
    let archive = archive(image)?;
    let part = work.join("rootfs.tar.gz");
    as_root("tar")
        .args([
            "--create",
            "--numeric-owner",
            "--sort=name",
            "--use-compress-program=gzip -1",
            "--file",
        ])
        .arg(&part)
        .args([
            "--exclude=./proc/*",
            "--exclude=./sys/*",
            "--exclude=./dev/*",
            "--exclude=./run/*/*.pid",
        ])
        .arg("--directory")
        .arg(work.join("rootfs"))
        .arg(".")
        .run()?;
    if !crate::program::is_root() {
        as_root("chmod").arg("a+r").arg(&part).run()?;
    }
    // Under its final name only when it is whole. `mv`, because root wrote it.
    as_root("mv").arg(&part).arg(&archive).run()?;
    let size = program("du")
        .args(["--human-readable", "--summarize"])
        .arg(&archive)
        .output()?;
    println!(
        "built {} ({})",
        image.name,
        size.split_whitespace().next().unwrap_or("?")
    );
    Ok(())
}
