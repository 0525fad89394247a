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
use serde_json::{Map, Value, json};
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
    /// A crate of this workspace whose binary of the same name is put into `/usr/local/bin`.
    pub(crate) program: Option<String>,
    /// Whether it is only made when somebody names it: heavy, and no test needs it.
    #[serde(default)]
    pub(crate) only_named: bool,
    #[serde(default)]
    pub(crate) config: Config,
}

/// What the recipe's system grows out of.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum From {
    /// A fresh Debian of this suite.
    Debian(String),
    /// The system of another recipe.
    Image(String),
    /// Nothing at all: for a program that needs nothing but a kernel.
    Nothing,
}

/// The image's configuration.
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
    /// The file of the recipe's program, once it is built.
    pub(crate) binary: Option<PathBuf>,
}

impl Loaded {
    /// Returns the image's name as users of it write it.
    pub(crate) fn tag(&self) -> String {
        tag(&self.name)
    }

    /// Takes the built program in: from now on the digest tells its versions apart.
    pub(crate) fn add_program(&mut self, binary: PathBuf) -> Result<()> {
        let bytes = std::fs::read(&binary)
            .with_context(|| format!("cannot read `{}`", binary.display()))?;
        let mut hash = Sha256::new();
        hash.update(&self.digest);
        hash.update(bytes);
        self.digest = shown(hash);
        self.binary = Some(binary);
        Ok(())
    }
}

/// Returns the name of the image that the recipe `name` leads to.
pub(crate) fn tag(name: &str) -> String {
    format!("bowline-test/{name}:1")
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
    Ok(Loaded {
        name: name.to_owned(),
        folder,
        recipe,
        digest: shown(hash),
        binary: None,
    })
}

fn shown(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .take(10)
        .fold(String::new(), |digest, byte| format!("{digest}{byte:02x}"))
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
    /// Returns the configuration as engines keep it.
    pub(crate) fn as_engines_have_it(&self, labels: &[(&str, &str)]) -> Value {
        let empty_objects = |keys: Vec<String>| {
            keys.into_iter()
                .map(|key| (key, json!({})))
                .collect::<Map<_, _>>()
        };
        let list = |items: &[String]| {
            if items.is_empty() {
                Value::Null
            } else {
                json!(items)
            }
        };
        json!({
            "Env": self.env.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            "ExposedPorts": empty_objects(self.expose.iter().map(|port| format!("{port}/tcp")).collect()),
            "Volumes": empty_objects(self.volumes.clone()),
            "User": self.user.as_deref().unwrap_or_default(),
            "WorkingDir": self.workdir.as_deref().unwrap_or_default(),
            "StopSignal": self.stop_signal,
            "Entrypoint": list(&self.entrypoint),
            "Cmd": list(&self.cmd),
            "Labels": labels.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<Map<_, _>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_becomes_what_engines_keep() {
        let recipe: Recipe = toml::from_str(
            "about = \"x\"\nfrom = { image = \"base\" }\n[config]\nenv = { A = \"b c\" }\nexpose = [80]\n\
             volumes = [\"/data\"]\nstop_signal = \"SIGINT\"\ncmd = [\"run\", \"it\"]\n",
        )
        .unwrap();
        let config = recipe.config.as_engines_have_it(&[("made-by", "test")]);
        assert_eq!(config["Env"], json!(["A=b c"]));
        assert_eq!(config["ExposedPorts"], json!({"80/tcp": {}}));
        assert_eq!(config["Volumes"], json!({"/data": {}}));
        assert_eq!(config["StopSignal"], json!("SIGINT"));
        assert_eq!(
            (&config["Entrypoint"], &config["Cmd"]),
            (&Value::Null, &json!(["run", "it"]))
        );
        assert_eq!(config["Labels"], json!({"made-by": "test"}));
    }

    #[test]
    fn an_image_is_another_one_when_its_program_is() {
        let loaded = || {
            let text = "about = \"x\"\nfrom = \"nothing\"\nprogram = \"x\"\n";
            Loaded {
                name: "x".to_owned(),
                folder: PathBuf::new(),
                recipe: toml::from_str(text).unwrap(),
                digest: "0".to_owned(),
                binary: None,
            }
        };
        let own_program = std::env::current_exe().unwrap();
        let (mut one, mut same, mut other) = (loaded(), loaded(), loaded());
        one.add_program(own_program.clone()).unwrap();
        same.add_program(own_program).unwrap();
        other
            .add_program(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml").into())
            .unwrap();
        assert_eq!(one.digest, same.digest);
        assert_ne!(one.digest, other.digest);
        assert_ne!(one.digest, "0");
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
