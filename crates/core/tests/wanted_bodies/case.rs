//! Reading the recorded cases.

#![expect(
    clippy::disallowed_methods,
    reason = "the cases are files of this test's own"
)]

use std::collections::BTreeMap;
use std::path::Path;

use bowline_core::{ConfigHashes, FileContent, Given, WantedError, wanted};
use bowline_model::{ApiVersion, FileObject, Project, Secret, Service, Wanted};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value as Json;

/// One recorded case.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) body: Json,
    input: Input,
}

#[derive(Deserialize)]
struct Input {
    project: Json,
    working_dir: String,
    compose_files: Vec<String>,
    disabled: Vec<String>,
    values: Values,
    given: InputGiven,
    hashes: Hashes,
}

#[derive(Deserialize)]
struct Values {
    secrets: BTreeMap<String, String>,
    configs: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct InputGiven {
    api: String,
    separator: char,
    env_files: Vec<String>,
    scale: BTreeMap<String, u32>,
    default_platform: Option<String>,
    proxies: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
}

#[derive(Clone, Deserialize)]
struct Hashes {
    services: BTreeMap<String, String>,
    networks: BTreeMap<String, String>,
    volumes: BTreeMap<String, String>,
}

/// All cases, by name.
pub(crate) fn all() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/create_bodies");
    let mut names: Vec<String> = std::fs::read_dir(&root)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.file_type().unwrap().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    let read = |path: &Path| -> Vec<u8> {
        std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    names
        .into_iter()
        .map(|name| Case {
            body: serde_json::from_slice(&read(&root.join(&name).join("body.json"))).unwrap(),
            input: serde_json::from_slice(&read(&root.join(&name).join("project.json"))).unwrap(),
            name,
        })
        .collect()
}

impl Case {
    pub(crate) fn api(&self) -> ApiVersion {
        ApiVersion::parse(&self.input.given.api).unwrap()
    }

    pub(crate) fn wanted(&self) -> Result<Wanted, Vec<WantedError>> {
        let digest = |bytes: &[u8]| format!("{} bytes", bytes.len());
        let mut given = Given::new(self.api(), &digest);
        let input = &self.input.given;
        given.separator = input.separator;
        given.env_files.clone_from(&input.env_files);
        given.scale.clone_from(&input.scale);
        given.default_platform.clone_from(&input.default_platform);
        given.proxies = input.proxies.clone().into();
        given.files = input
            .files
            .iter()
            .map(|(path, text)| (path.clone(), FileContent::Bytes(text.clone().into_bytes())))
            .collect();
        let hashes = self.input.hashes.clone();
        given.hashes = ConfigHashes {
            services: hashes.services,
            networks: hashes.networks,
            volumes: hashes.volumes,
            of_ids: BTreeMap::new(),
        };
        wanted(&self.project(), &given)
    }

    fn project(&self) -> Project {
        let Input {
            project,
            working_dir,
            compose_files,
            disabled,
            values,
            ..
        } = &self.input;
        let with_values = |field: &str, values: &BTreeMap<String, String>| {
            let mut objects: BTreeMap<String, FileObject> = part(project, field);
            for (key, value) in values {
                objects.get_mut(key).unwrap().value = Some(Secret::new(value.clone()));
            }
            objects
        };
        Project {
            name: part(project, "name"),
            working_dir: working_dir.clone(),
            compose_files: compose_files.clone(),
            services: part(project, "services"),
            disabled_services: disabled
                .iter()
                .map(|name| (name.clone(), Service::default()))
                .collect(),
            networks: part(project, "networks"),
            volumes: part(project, "volumes"),
            secrets: with_values("secrets", &values.secrets),
            configs: with_values("configs", &values.configs),
            ..Project::default()
        }
    }
}

fn part<T: DeserializeOwned + Default>(project: &Json, field: &str) -> T {
    match project.get(field) {
        Some(value) => {
            serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{field}: {error}"))
        }
        None => T::default(),
    }
}
