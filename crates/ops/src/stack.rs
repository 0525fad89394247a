//! Which stack a request speaks about.

use std::collections::BTreeMap;

use bowline_compose::Request;
use bowline_model::Secret;
use serde::{Deserialize, Serialize};

/// What surrounds a request: what a process knows and a library must not ask for itself.
#[derive(Clone, Debug, Default)]
pub struct Surroundings {
    /// The current folder, absolute.
    pub current_dir: String,
    /// The variables of the process.
    pub environment: BTreeMap<String, Secret>,
    /// Standard input, where a file is `-`.
    pub stdin: Vec<u8>,
    /// Whether rendered text may carry colours.
    pub color: bool,
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

impl StackOptions {
    /// The request by which the loader finds this stack's project.
    pub(crate) fn load_request(&self, surroundings: &Surroundings, services: &[String]) -> Request {
        Request {
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
