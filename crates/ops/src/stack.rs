//! Which stack a request speaks about.

use std::collections::BTreeMap;

use bowline_compose::{Caution, Files, LoadError, Mistake, Report, Request, load};
use bowline_model::{Project, Secret};
use serde::{Deserialize, Serialize};

use crate::Failure;

/// What surrounds a request: what a process knows and a library must not ask for itself.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The current folder, absolute.
    pub current_dir: String,
    /// The variables of the process.
    pub environment: BTreeMap<String, Secret>,
    /// Standard input, where a file is `-`.
    pub stdin: Vec<u8>,
    /// Files, by absolute path, that are read as if they held this: as they will be when a plan is carried out that
    /// changes them.
    pub edited: BTreeMap<String, Vec<u8>>,
    /// Whether this program answers to [`bowline_doctor::WITHIN`], so that it may be run in containers beside those that
    /// cannot be looked into from here.
    pub answers_within: bool,
    /// Whether rendered text may carry colours.
    pub color: bool,
    /// Who asks.
    pub who: Who,
}

/// Who asks, and from where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Who {
    /// Name of the user.
    pub user: String,
    /// Effective user by number; 0 is root.
    pub euid: u32,
    /// Name of the machine.
    pub host: String,
    /// Number of the process.
    pub pid: u32,
}

/// The options by which every verb finds its stack, named as Compose names them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StackOptions {
    /// `-f`, in order.
    pub files: Vec<String>,
    /// `-p`.
    pub project_name: Option<String>,
    /// `--project-directory`.
    pub project_directory: Option<String>,
    /// `--profile`.
    pub profiles: Vec<String>,
    /// `--env-file`.
    pub env_files: Vec<String>,
    /// `--all-resources`.
    pub all_resources: bool,
    /// `--compatibility`: names with `_`, and projects as they are written.
    pub compatibility: bool,
}

impl Surroundings {
    /// A variable that is set and not empty.
    pub(crate) fn variable(&self, name: &str) -> Option<&str> {
        let value = self.environment.get(name)?.reveal();
        (!value.is_empty()).then_some(value)
    }
}

/// A stack as far as a request names it.
#[derive(Debug)]
pub(crate) struct Named {
    /// Its name.
    pub(crate) name: String,
    /// What its files say; `None` where only its name was given.
    pub(crate) project: Option<Project>,
    /// Warnings of the loader, rendered.
    pub(crate) warnings: String,
    /// Variables that nobody set, with the fields in which they became empty.
    pub(crate) empty_variables: BTreeMap<String, Vec<String>>,
}

impl StackOptions {
    /// Finds out which stack is meant, for verbs that can do without its files: `-p` alone names it, and so does
    /// `COMPOSE_PROJECT_NAME` where there are no files.
    pub(crate) fn named(&self, surroundings: &Surroundings) -> Result<Named, Failure> {
        let only = |name: &str| Named {
            name: name.to_lowercase(),
            project: None,
            warnings: String::new(),
            empty_variables: BTreeMap::new(),
        };
        let given = self.project_name.as_deref().filter(|name| !name.is_empty());
        if let (Some(name), []) = (given, self.files.as_slice()) {
            return Ok(only(name));
        }
        let request = Request {
            no_env_resolution: true,
            ..self.load_request(surroundings, &[])
        };
        let loaded = match load(&request) {
            Ok(loaded) => loaded,
            Err(error) => {
                return match surroundings.variable("COMPOSE_PROJECT_NAME") {
                    Some(name) if finds_no_file(&error) => Ok(only(name)),
                    _ => Err(error.into()),
                };
            }
        };
        Ok(Named {
            name: loaded.project.name.clone(),
            warnings: loaded.warnings.render(surroundings.color),
            empty_variables: empty_variables(&loaded.warnings),
            project: Some(loaded.project),
        })
    }

    /// The same options as words of a command line.
    pub(crate) fn words(&self) -> Vec<String> {
        let each = |option: &'static str, values: &[String]| -> Vec<String> {
            let values = values.iter();
            values
                .flat_map(|value| [option.to_owned(), value.clone()])
                .collect()
        };
        let mut words = each("-f", &self.files);
        words.extend(each("-p", self.project_name.as_slice()));
        words.extend(each(
            "--project-directory",
            self.project_directory.as_slice(),
        ));
        words.extend(each("--profile", &self.profiles));
        words.extend(each("--env-file", &self.env_files));
        for (is_given, option) in [
            (self.all_resources, "--all-resources"),
            (self.compatibility, "--compatibility"),
        ] {
            words.extend(is_given.then(|| option.to_owned()));
        }
        words
    }

    /// The request by which the loader finds this stack's project.
    pub(crate) fn load_request(&self, surroundings: &Surroundings, services: &[String]) -> Request {
        Request {
            read_from: Files::edited(surroundings.edited.clone()),
            current_dir: surroundings.current_dir.clone(),
            environment: surroundings.environment.clone(),
            stdin: surroundings.stdin.clone(),
            files: self.files.clone(),
            project_directory: self.project_directory.clone(),
            project_name: self.project_name.clone(),
            profiles: self.profiles.clone(),
            env_files: self.env_files.clone(),
            all_resources: self.all_resources,
            services: services.to_vec(),
            ..Request::default()
        }
    }
}

fn empty_variables(warnings: &Report<Caution>) -> BTreeMap<String, Vec<String>> {
    let mut empty: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for warning in warnings {
        if let Caution::UnsetVariable { name } = &warning.what {
            empty
                .entry(name.clone())
                .or_default()
                .push(warning.path.clone());
        }
    }
    empty
}

fn finds_no_file(error: &LoadError) -> bool {
    let mut problems = error.problems().iter();
    problems.all(|problem| matches!(problem.what, Mistake::NoComposeFile { .. }))
}
