//! What a folder under `images/` says: `recipe.toml`, scripts and files.
//!
//! A recipe is data. What it leads to has one name, its digest, over everything that goes in: its own
//! files, the recipe it stands on and the way of building. The digest names the cached archive and is a
//! label on the image, so an image is built again exactly when something about it changed.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// The contents of `recipe.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Recipe {
    /// One sentence for people who list the images.
    pub(crate) about: String,
    pub(crate) from: From,
    #[serde(default)]
    pub(crate) packages: Vec<String>,
    #[serde(default)]
    pub(crate) config: Config,
}

/// What the recipe's system grows out of.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum From {
    /// A fresh Debian of this suite.
    Debian(String),
    /// The system of another recipe.
    Image(String),
}

/// The image's configuration, in the words of a Dockerfile.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    env: BTreeMap<String, String>,
    expose: Vec<u16>,
    volumes: Vec<String>,
    user: Option<String>,
    workdir: Option<String>,
    stop_signal: Option<String>,
    entrypoint: Vec<String>,
    cmd: Vec<String>,
}

/// A recipe with where it is and what it amounts to.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) folder: PathBuf,
    pub(crate) recipe: Recipe,
    pub(crate) digest: String,
}

/// Reads the recipe `name` under `images`; `parent` gives the digest of the recipe it stands on.
pub(crate) fn load(
    images: &Path,
    name: &str,
    builder: &str,
    parent: impl Fn(&str) -> Result<String>,
) -> Result<Loaded> {
    let folder = images.join(name);
    let file = folder.join("recipe.toml");
    let text = std::fs::read_to_string(&file)
        .with_context(|| format!("cannot read `{}`", file.display()))?;
    let recipe: Recipe =
        toml::from_str(&text).with_context(|| format!("cannot parse `{}`", file.display()))?;
    let mut hash = Sha256::new();
    hash.update(builder);
    if let From::Image(below) = &recipe.from {
        if below == name {
            bail!("`{}` stands on itself", file.display());
        }
        hash.update(parent(below)?);
    }
    add_folder(&folder, &folder, &mut hash)?;
    let digest = hash
        .finalize()
        .iter()
        .take(10)
        .fold(String::new(), |digest, byte| format!("{digest}{byte:02x}"));
    Ok(Loaded {
        name: name.to_owned(),
        folder,
        recipe,
        digest,
    })
}

fn add_folder(root: &Path, folder: &Path, hash: &mut Sha256) -> Result<()> {
    let context = || format!("cannot read `{}`", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        paths.push(entry.with_context(context)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            add_folder(root, &path, hash)?;
            continue;
        }
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read `{}`", path.display()))?;
        let mode =
            std::fs::metadata(&path).map_or(0, |metadata| metadata.permissions().mode() & 0o111);
        hash.update(
            path.strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .as_bytes(),
        );
        hash.update(mode.to_be_bytes());
        hash.update(bytes.len().to_be_bytes());
        hash.update(bytes);
    }
    Ok(())
}

impl Config {
    /// Returns the instructions that an import is told to apply.
    pub(crate) fn instructions(&self) -> Vec<String> {
        let list = |items: &[String]| serde_json::Value::from(items).to_string();
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let mut lines: Vec<String> = self
            .env
            .iter()
            .map(|(name, value)| format!("ENV {name}={}", quoted(value)))
            .collect();
        lines.extend(self.expose.iter().map(|port| format!("EXPOSE {port}")));
        lines.extend(
            self.volumes
                .iter()
                .map(|volume| format!("VOLUME {}", list(std::slice::from_ref(volume)))),
        );
        lines.extend(self.user.iter().map(|user| format!("USER {user}")));
        lines.extend(
            self.workdir
                .iter()
                .map(|folder| format!("WORKDIR {folder}")),
        );
        lines.extend(
            self.stop_signal
                .iter()
                .map(|signal| format!("STOPSIGNAL {signal}")),
        );
        if !self.entrypoint.is_empty() {
            lines.push(format!("ENTRYPOINT {}", list(&self.entrypoint)));
        }
        if !self.cmd.is_empty() {
            lines.push(format!("CMD {}", list(&self.cmd)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_becomes_instructions() {
        let recipe: Recipe = toml::from_str(
            "about = \"x\"\nfrom = { image = \"base\" }\n[config]\nenv = { A = \"b c\" }\nexpose = [80]\n\
             volumes = [\"/data\"]\nstop_signal = \"SIGINT\"\ncmd = [\"run\", \"it\"]\n",
        )
        .unwrap();
        assert_eq!(
            recipe.config.instructions(),
            [
                "ENV A=\"b c\"",
                "EXPOSE 80",
                "VOLUME [\"/data\"]",
                "STOPSIGNAL SIGINT",
                "CMD [\"run\",\"it\"]"
            ]
        );
    }

    #[test]
    fn a_misspelt_key_is_refused() {
        assert!(
            toml::from_str::<Recipe>("about = \"x\"\nfrom = { image = \"base\" }\npackage = []\n")
                .is_err()
        );
        assert!(
            toml::from_str::<Recipe>(
                "about = \"x\"\nfrom = { image = \"base\" }\n[config]\nport = 1\n"
            )
            .is_err()
        );
    }
}
