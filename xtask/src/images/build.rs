//! Builds the file system of an image as an archive in the cache.
//!
//! A fresh Debian comes from debootstrap, everything else from a copy of the archive below it, with
//! packages installed inside; a program of this workspace may stand alone. What Debian does not have comes
//! through this machine's own clients of other registries. No container and no network in one are needed,
//! so it works the same with every engine. Needs root, as packages do.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use super::recipe::{From, Loaded};
use crate::cache;
use crate::distribution::{Debian, fetch_settings};
use crate::program::{as_root, cargo, program, target};

/// The script that installs packages and files; part of every recipe's digest.
pub(crate) const POPULATE: &str = include_str!("populate.sh");

/// Where packages come from when the recipe stands on no fresh Debian of its own.
pub(crate) const SUITE: &str = "bookworm";

/// The label that carries a recipe's digest.
pub(crate) const LABEL: &str = "dev.bowline.test-image";

/// The script of a recipe that gets what Debian does not have.
const FETCH: &str = "fetch.sh";

/// The layer's name inside an archive.
const LAYER: &str = "layer.tar.gz";

/// Returns where the archive of `image` is, or will be.
pub(crate) fn archive(image: &Loaded) -> Result<PathBuf> {
    Ok(cache::folder(&["images"])?.join(format!("{}-{}.tar", image.name, image.digest)))
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
    let rootfs = work.join("rootfs");
    if image.recipe.from == From::Nothing {
        as_root("mkdir").arg(&rootfs).run()?;
    } else {
        populate_with_packages(image, below, work, &rootfs, log)?;
    }
    let (Some(name), binary) = (&image.recipe.program, &image.binary) else {
        return Ok(());
    };
    let binary = binary
        .as_ref()
        .with_context(|| format!("the program `{name}` is not built"))?;
    as_root("install")
        .args(["-D", "--mode=755", "--owner=root", "--group=root"])
        .arg(binary)
        .arg(rootfs.join("usr/local/bin").join(name))
        .run()
}

fn populate_with_packages(
    image: &Loaded,
    below: Option<&Path>,
    work: &Path,
    rootfs: &Path,
    log: &Path,
) -> Result<()> {
    let debian = Debian::find(log)?;
    match (&image.recipe.from, below) {
        (From::Nothing, _) => anyhow::bail!("packages need a system to be installed in"),
        (From::Debian(suite), _) => {
            as_root("debootstrap")
                .args([
                    "--variant=minbase",
                    "--merged-usr",
                    "--include=ca-certificates",
                ])
                .arg(format!("--keyring={}", debian.keyring.display()))
                .arg(suite)
                .arg(rootfs)
                .arg(&debian.mirror)
                .run_into(log)?;
        }
        (From::Image(_), Some(below)) => {
            program("tar")
                .arg("--extract")
                .arg("--file")
                .arg(below)
                .arg("--directory")
                .arg(work)
                .arg(LAYER)
                .run()?;
            as_root("mkdir").arg(rootfs).run()?;
            as_root("tar")
                .args(["--extract", "--numeric-owner", "--gzip", "--file"])
                .arg(work.join(LAYER))
                .arg("--directory")
                .arg(rootfs)
                .run_into(log)?;
            drop(std::fs::remove_file(work.join(LAYER)));
        }
        (From::Image(below), None) => anyhow::bail!("the archive of `{below}` is missing"),
    }
    fetch(image, work, rootfs, log)?;
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
        .arg(rootfs)
        .arg(&image.folder)
        .arg(&sources)
        .arg(&settings)
        .args(&image.recipe.packages)
        .run_into(log)
}

/// Puts in what the recipe's `fetch.sh` gets, if it has one: programs of registries that Debian knows nothing of.
fn fetch(image: &Loaded, work: &Path, rootfs: &Path, log: &Path) -> Result<()> {
    let script = image.folder.join(FETCH);
    if !script.is_file() {
        return Ok(());
    }
    let fetched = work.join("fetched");
    run_fetch(&script, &fetched, log)?;
    // By root, so that it belongs to root.
    as_root("cp")
        .arg("--recursive")
        .arg(fetched.join("."))
        .arg(rootfs)
        .run_into(log)
}

/// Runs a `fetch.sh` in the new folder `into`, where it lays what it gets as it is to lie in the image. It is told its own
/// folder. Clients of registries are this machine's, as are their settings, proxies and caches; so it runs outside.
fn run_fetch(script: &Path, into: &Path, log: &Path) -> Result<()> {
    std::fs::create_dir(into).with_context(|| format!("cannot create `{}`", into.display()))?;
    program("sh")
        .arg("-eu")
        .arg(script)
        .args(script.parent())
        .folder(into)
        .run_into(log)
}

/// Builds the crate `name` so that its binary runs on any system, and returns where it is.
///
/// Static, because the machine's own C library may be newer than an image's. Without optimisation, because
/// what it stands on is then shared with the tests' builds.
pub(crate) fn build_program(root: &Path, name: &str) -> Result<PathBuf> {
    println!("building the program {name}");
    cargo(root)
        .args(["rustc", "--quiet", "--package", name, "--bin", name])
        .args(["--", "-Ctarget-feature=+crt-static", "-Cstrip=symbols"])
        .run()?;
    Ok(target(root).join("debug").join(name))
}

/// Writes the archive that engines load: one layer, its configuration, and the name.
fn pack(image: &Loaded, work: &Path) -> Result<()> {
    let layer = work.join("layer.tar");
    as_root("tar")
        .args(["--create", "--numeric-owner", "--sort=name"])
        .args([
            "--exclude=./proc/*",
            "--exclude=./sys/*",
            "--exclude=./dev/*",
            "--exclude=./run/*/*.pid",
        ])
        .arg("--directory")
        .arg(work.join("rootfs"))
        .arg(".")
        .run_to(&layer)?;
    // Of the unpacked layer, as engines want it; by coreutils, because an unoptimised build is slow at it.
    let sum = program("sha256sum").arg(&layer).output()?;
    let sum = sum
        .split_whitespace()
        .next()
        .context("sha256sum printed nothing")?;
    program("gzip").arg("-1").arg(&layer).run()?;
    write_json(&work.join("config.json"), &description(image, sum)?)?;
    write_json(
        &work.join("manifest.json"),
        &serde_json::json!([
            { "Config": "config.json", "RepoTags": [image.tag()], "Layers": [LAYER] }
        ]),
    )?;
    let whole = work.join("image.tar");
    program("tar")
        .arg("--create")
        .arg("--directory")
        .arg(work)
        .args(["manifest.json", "config.json", LAYER])
        .run_to(&whole)?;
    let archive = archive(image)?;
    forget_older(image, &archive)?;
    // Under its final name only when it is whole.
    std::fs::rename(&whole, &archive)
        .with_context(|| format!("cannot write `{}`", archive.display()))?;
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

/// Archives of the same image for recipes that were changed since only cost room.
fn forget_older(image: &Loaded, archive: &Path) -> Result<()> {
    let Some(folder) = archive.parent() else {
        return Ok(());
    };
    let begins = format!("{}-", image.name);
    for entry in std::fs::read_dir(folder)
        .with_context(|| format!("cannot list `{}`", folder.display()))?
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(&begins) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
    Ok(())
}

fn description(image: &Loaded, layer: &str) -> Result<serde_json::Value> {
    Ok(serde_json::json!({
        "architecture": program("dpkg").arg("--print-architecture").output()?.trim(),
        "os": "linux",
        "created": program("date").args(["--utc", "+%FT%TZ"]).output()?.trim(),
        "config": image.recipe.config.as_engines_have_it(&[(LABEL, &image.digest)]),
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{layer}")] },
        "history": [{ "comment": image.recipe.about }],
    }))
}

fn write_json(file: &Path, value: &serde_json::Value) -> Result<()> {
    std::fs::write(file, value.to_string())
        .with_context(|| format!("cannot write `{}`", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_fetched_lies_where_the_script_put_it_and_a_failure_is_shown() {
        let folder = std::env::temp_dir().join(format!("fetch-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (script, log) = (folder.join(FETCH), folder.join("log"));
        std::fs::write(&script, "mkdir opt\ncp \"$1/fetch.sh\" opt/copy\n").unwrap();
        run_fetch(&script, &folder.join("one"), &log).unwrap();
        let copied = folder.join("one/opt/copy").is_file();
        std::fs::write(&script, "echo no such version\nfalse\n").unwrap();
        let failed = run_fetch(&script, &folder.join("two"), &log);
        std::fs::remove_dir_all(&folder).unwrap();
        assert!(copied);
        let error = failed.unwrap_err().to_string();
        assert!(error.contains("no such version"), "{error}");
    }
}
