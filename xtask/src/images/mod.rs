//! `cargo xtask images`: the images that tests use, built from Debian's packages and programs of ours, and a few from
//! what other registries have.
//!
//! Recipes are in `images/<name>/`. An image is called `bowline-test/<name>:1`. Nothing is pulled from
//! a registry of images. What is built already, for the same recipe, is not built again; what the
//! engine has already is not loaded again.

mod build;
mod recipe;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::engine::http::{Body, Endpoint};
pub(crate) use recipe::tag;
use recipe::{From, Loaded};

/// Makes sure that the engine has the images `names`, or all that tests need if none is named.
pub(crate) fn prepare(root: &Path, engine: &Endpoint, names: &[String]) -> Result<()> {
    let mut recipes = load_all(&root.join("images"))?;
    if let Some(unknown) = names.iter().find(|name| !recipes.contains_key(*name)) {
        let known: Vec<&str> = recipes.keys().map(String::as_str).collect();
        bail!(
            "there is no image `{unknown}`; there are {}",
            known.join(", ")
        );
    }
    let wanted = |image: &Loaded| {
        names.contains(&image.name) || names.is_empty() && !image.recipe.only_named
    };
    for image in recipes.values_mut().filter(|image| wanted(image)) {
        if let Some(program) = image.recipe.program.clone() {
            image.add_program(build::build_program(root, &program)?)?;
        }
    }
    for image in recipes.values() {
        if wanted(image) {
            load_into(engine, image, &recipes)?;
        }
    }
    Ok(())
}

/// Prints the images with what they are.
pub(crate) fn list(root: &Path) -> Result<()> {
    for image in load_all(&root.join("images"))?.values() {
        println!("{}\t{}", image.tag(), image.recipe.about);
    }
    Ok(())
}

fn load_all(images: &Path) -> Result<BTreeMap<String, Loaded>> {
    let mut names = Vec::new();
    for entry in
        std::fs::read_dir(images).with_context(|| format!("cannot list `{}`", images.display()))?
    {
        let entry = entry.with_context(|| format!("cannot list `{}`", images.display()))?;
        if entry.path().join("recipe.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names
        .into_iter()
        .map(|name| Ok((name.clone(), load(images, &name, 0)?)))
        .collect()
}

fn load(images: &Path, name: &str, depth: u8) -> Result<Loaded> {
    if depth > 8 {
        bail!(
            "the recipes under `{}` stand on each other in a circle, `{name}` among them",
            images.display()
        );
    }
    recipe::load(images, name, build::POPULATE, |below| {
        Ok(load(images, below, depth + 1)?.digest)
    })
}

/// Builds what is missing below and at `image`, from the ground up.
fn ensure_built(image: &Loaded, recipes: &BTreeMap<String, Loaded>) -> Result<()> {
    if build::archive(image)?.is_file() {
        return Ok(());
    }
    let below = match &image.recipe.from {
        From::Debian(_) | From::Nothing => None,
        From::Image(below) => {
            let below = recipes.get(below).with_context(|| {
                format!("`{}` stands on `{below}`, which is no recipe", image.name)
            })?;
            ensure_built(below, recipes)?;
            Some(build::archive(below)?)
        }
    };
    println!("building {}: {}", image.name, image.recipe.about);
    build::build(image, below.as_deref())
}

fn load_into(engine: &Endpoint, image: &Loaded, recipes: &BTreeMap<String, Loaded>) -> Result<()> {
    let tag = image.tag();
    let old = engine.get(&format!("/images/{tag}/json")).ok();
    let old_digest = old
        .as_ref()
        .and_then(|old| old["Config"]["Labels"][build::LABEL].as_str());
    if old_digest == Some(image.digest.as_str()) {
        return Ok(());
    }
    ensure_built(image, recipes)?;
    let archive = build::archive(image)?;
    let mut content =
        File::open(&archive).with_context(|| format!("cannot open `{}`", archive.display()))?;
    let length = content
        .metadata()
        .with_context(|| format!("cannot look at `{}`", archive.display()))?
        .len();
    let body = Body {
        content: &mut content,
        length,
        kind: "application/x-tar",
    };
    let reply = engine.send(
        "POST",
        "/images/load?quiet=1",
        Some(body),
        Duration::from_mins(10),
    )?;
    if reply.status != 200 || reply.text().contains("\"error\"") {
        bail!(
            "the engine refused the image `{tag}` with {}: {}",
            reply.status,
            reply.text()
        );
    }
    println!("loaded {tag}");
    if let Some(id) = old.as_ref().and_then(|old| old["Id"].as_str()) {
        // Only if nothing uses it: the engine refuses otherwise, which is what is wanted.
        drop(engine.send(
            "DELETE",
            &format!("/images/{id}"),
            None,
            Duration::from_mins(1),
        ));
    }
    Ok(())
}
