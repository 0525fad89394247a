//! Sorts the workspace's tests by what they need.
//!
//! A test that needs an engine or the corpus says so twice: by its name (`engine_…`, `corpus_…`) and by a
//! feature without which it is not built. So a plain `cargo test` runs everywhere, and leaves out nothing
//! that it claims to have run.

use std::path::Path;

use anyhow::{Context, Result};
use cargo_metadata::{MetadataCommand, TargetKind};

/// What a test needs: beginning of its name, and the feature that builds it.
pub(crate) const GATES: &[(&str, &str)] =
    &[("engine_", "engine-tests"), ("corpus_", "corpus-tests")];

/// The one among those for an engine that also needs Docker Compose. Only a full run has it.
const WITH_COMPOSE: &str = "engine_compose";

/// The integration tests of the workspace.
#[derive(Debug, Default)]
pub(crate) struct Targets {
    /// Those that need nothing.
    pub(crate) plain: Vec<String>,
    pub(crate) engine: Vec<String>,
    /// Those that need an engine and Docker Compose.
    pub(crate) with_compose: Vec<String>,
    pub(crate) corpus: Vec<String>,
    /// `crate/feature` of every gate, so that all parts build the same crates in the same way.
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
            for (_, feature) in GATES {
                if package.features.contains_key(*feature) {
                    targets.features.push(format!("{}/{feature}", package.name));
                }
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
        let list = if name == WITH_COMPOSE {
            &mut self.with_compose
        } else if name.starts_with(GATES[0].0) {
            &mut self.engine
        } else if name.starts_with(GATES[1].0) {
            &mut self.corpus
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
            "engine_compose",
            "corpus_config",
            "loader",
            "loader",
            "engine_docker",
        ] {
            targets.sort_in(name);
        }
        assert_eq!(targets.engine, ["engine_docker"]);
        assert_eq!(targets.with_compose, ["engine_compose"]);
        assert_eq!(targets.corpus, ["corpus_config"]);
        assert_eq!(targets.plain, ["loader"]);
    }
}
