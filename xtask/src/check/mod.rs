//! `cargo xtask check`: is the house in order?
//!
//! Reads the workspace (cargo's own metadata, and the sources) and holds it against the rules:
//! directions and libraries (`directions`, table in `house`), licences (`licences`), text (`sources`).
//! It changes nothing, needs no network and no engine, and takes seconds.

mod directions;
mod house;
mod licences;
mod machine;
mod rust_text;
mod sources;
mod tree;

use std::fmt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, TargetKind};

use directions::{Member, TestTarget, Use};
use licences::Licensed;

/// A broken rule: where, what, and what to do next.
#[derive(Debug)]
pub(crate) struct Complaint {
    place: String,
    what: String,
    next: String,
}

impl Complaint {
    fn new(place: impl Into<String>, what: String, next: String) -> Self {
        Self {
            place: place.into(),
            what,
            next,
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    {}", self.place, self.what, self.next)
    }
}

/// Prints every broken rule and fails if there is one.
pub(crate) fn run(root: &Path) -> Result<()> {
    let metadata = MetadataCommand::new()
        .manifest_path(root.join("Cargo.toml"))
        .other_options(["--locked".to_owned()])
        .exec()
        .context("cargo metadata failed; if Cargo.lock is out of date, `cargo metadata` without `--locked` renews it")?;
    let files = tree::read(root)?;

    let mut found = directions::complaints(&members(root, &metadata));
    found.extend(without_lints(root, &metadata)?);
    found.extend(directions::banned(
        metadata
            .packages
            .iter()
            .map(|package| (package.name.as_str(), package.version.to_string())),
    ));
    found.extend(licences::complaints(metadata.packages.iter().map(
        |package| Licensed {
            name: package.name.as_str(),
            version: package.version.to_string(),
            licence: package.license.as_deref(),
        },
    )));
    found.extend(sources::complaints(&files, &machine::foreign_words(root)));

    for complaint in &found {
        println!("{complaint}");
    }
    if !found.is_empty() {
        bail!("{} rules of the house are broken", found.len());
    }
    println!(
        "house in order: {} crates, {} packages, {} files",
        metadata.workspace_members.len(),
        metadata.packages.len(),
        files.len()
    );
    Ok(())
}

fn members(root: &Path, metadata: &Metadata) -> Vec<Member> {
    let names: Vec<&str> = metadata
        .workspace_packages()
        .iter()
        .map(|package| package.name.as_str())
        .collect();
    metadata
        .workspace_packages()
        .iter()
        .map(|package| member(root, package, &names))
        .collect()
}

fn member(root: &Path, package: &Package, workspace: &[&str]) -> Member {
    let uses = package.dependencies.iter().map(|dependency| Use {
        name: dependency.name.clone(),
        in_workspace: workspace.contains(&dependency.name.as_str()),
        only_tests: dependency.kind == DependencyKind::Development,
    });
    let tests = package
        .targets
        .iter()
        .filter(|target| target.kind.contains(&TargetKind::Test))
        .map(|target| TestTarget {
            name: target.name.clone(),
            required_features: target.required_features.clone(),
        });
    Member {
        name: package.name.to_string(),
        manifest: relative(root, package.manifest_path.as_std_path()),
        uses: uses.collect(),
        tests: tests.collect(),
    }
}

/// The lint table is the workspace's; a crate that does not take it over escapes it silently.
fn without_lints(root: &Path, metadata: &Metadata) -> Result<Vec<Complaint>> {
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let manifest = package.manifest_path.as_std_path();
        let table: toml::Table = std::fs::read_to_string(manifest)
            .with_context(|| format!("cannot read `{}`", manifest.display()))?
            .parse()
            .with_context(|| format!("cannot parse `{}`", manifest.display()))?;
        let taken = table
            .get("lints")
            .and_then(|lints| lints.get("workspace"))
            .and_then(toml::Value::as_bool);
        if taken != Some(true) {
            found.push(Complaint::new(
                relative(root, manifest),
                format!(
                    "`{}` does not take over the workspace's lints",
                    package.name
                ),
                "add `[lints]` with `workspace = true`".to_owned(),
            ));
        }
    }
    Ok(found)
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root)
        .unwrap_or(path)
        .display()
        .to_string()
}
