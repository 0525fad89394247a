//! Sorts the workspace's tests by what they need.
//!
//! A test that needs an engine says so twice: by its name (`engine_…`) and by a feature without which it is
//! not built. So a plain `cargo test` runs everywhere, and leaves out nothing that it claims to have run.
//! `conformance` runs on the project's own cases, and on a corpus beside them where one is given.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, TargetKind};

/// How the name of a test that needs an engine begins.
pub(crate) const ENGINE_NAME: &str = "engine_";

/// The feature that builds tests that need an engine.
pub(crate) const ENGINE_FEATURE: &str = "engine-tests";

/// The test that a corpus is given to.
const CONFORMANCE: &str = "conformance";

/// The integration tests of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// Those that need nothing.
    pub(crate) plain: Vec<String>,
    pub(crate) engine: Vec<String>,
    pub(crate) conformance: Vec<String>,
    /// `crate/feature` of every crate that has engine tests, so that all parts build the same crates in the same way.
    pub(crate) features: Vec<String>,
}

impl Targets {
    pub(crate) fn read(root: &Path) -> Result<Self> {
        let metadata = MetadataCommand::new()
            .manifest_path(root.join("Cargo.toml"))
            .no_deps()
            .exec()
            .context("cargo metadata failed")?;
        let mut targets = Self::default();
        for package in metadata.workspace_packages() {
            if package.features.contains_key(ENGINE_FEATURE) {
                targets
                    .features
                    .push(format!("{}/{ENGINE_FEATURE}", package.name));
            }
            for target in package
                .targets
                .iter()
                .filter(|target| target.kind.contains(&TargetKind::Test))
            {
                targets.sort_in(&target.name);
            }
        }
        Ok(targets)
    }

    fn sort_in(&mut self, name: &str) {
        let list = if name.starts_with(ENGINE_NAME) {
            &mut self.engine
        } else if name == CONFORMANCE {
            &mut self.conformance
        } else {
            &mut self.plain
        };
        if !list.iter().any(|known| known == name) {
            list.push(name.to_owned());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_sorted_by_name_and_named_once() {
        let mut targets = Targets::default();
        for name in [
            "engine_docker",
            "corpus_config",
            "loader",
            "loader",
            "engine_docker",
        ] {
            targets.sort_in(name);
        }
        assert_eq!(targets.engine, ["engine_docker"]);
        assert_eq!(targets.conformance, ["conformance"]);
        assert_eq!(targets.plain, ["loader"]);
    }
}
