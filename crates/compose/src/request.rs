//! What to load: the choices of a command line and its environment, and how they lead to files and a name.

use std::collections::BTreeMap;
use std::fmt;

use bowline_model::Secret;

use crate::context::Context;
use crate::env_files;
use crate::files::Files;
use crate::finish::Environment;
use crate::paths;
use crate::problem::{Caution, Mistake};
use crate::source::Span;

/// Everything that decides which project is loaded. Nothing is read from the process itself.
#[derive(Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is an independent option of the command line"
)]
pub struct Request {
    /// Where files are read from.
    pub read_from: Files,
    /// The current folder, absolute.
    pub current_dir: String,
    /// The variables of the process.
    pub environment: BTreeMap<String, Secret>,
    /// Files named with `-f`, in order; `-` is [`stdin`](Self::stdin). None: look for them.
    pub files: Vec<String>,
    /// What standard input holds, where a file is `-`.
    pub stdin: Vec<u8>,
    /// `--project-directory`.
    pub project_directory: Option<String>,
    /// `--project-name`.
    pub project_name: Option<String>,
    /// `--profile`; none: `COMPOSE_PROFILES`.
    pub profiles: Vec<String>,
    /// `--env-file`; none: `COMPOSE_ENV_FILES`, else `.env`.
    pub env_files: Vec<String>,
    /// Services to keep, with what they depend on; none: all.
    pub services: Vec<String>,
    /// Keep networks, volumes, secrets and configs that no service uses.
    pub all_resources: bool,
    /// Leave `${…}` as it stands.
    pub no_interpolate: bool,
    /// Leave relative paths as they stand.
    pub no_path_resolution: bool,
    /// Leave out what Compose adds by itself.
    pub no_normalize: bool,
    /// Do not check whether the project fits together.
    pub no_consistency: bool,
    /// Do not read `env_file`s into the environment of services.
    pub no_env_resolution: bool,
}

impl fmt::Debug for Request {
    /// Shows where the project is looked for; not standard input, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("current_dir", &self.current_dir)
            .field("files", &self.files)
            .field("project_directory", &self.project_directory)
            .field("project_name", &self.project_name)
            .field("profiles", &self.profiles)
            .field("env_files", &self.env_files)
            .field("services", &self.services)
            .finish_non_exhaustive()
    }
}

/// Names that a Compose file may have, the preferred first.
const FILE_NAMES: &[&str] = &[
    "compose.yaml",
    "compose.yml",
    "docker-compose.yml",
    "docker-compose.yaml",
];

/// Names of the file that is put onto the Compose file by itself.
const OVERRIDE_NAMES: &[&str] = &[
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
];

/// Where a project is, before any of its files are read.
#[derive(Debug)]
pub(crate) struct Located {
    /// Absolute paths, or `-`.
    pub(crate) files: Vec<String>,
    pub(crate) folder: String,
    pub(crate) environment: Environment,
    pub(crate) profiles: Vec<String>,
    pub(crate) home: Option<String>,
}

/// Finds the files, the project folder and the variables.
pub(crate) fn locate(ctx: &mut Context, request: &Request) -> Option<Located> {
    let absolute = |path: &str| {
        if path == "-" {
            path.to_owned()
        } else {
            paths::join(&request.current_dir, path)
        }
    };
    let mut environment: Environment = request
        .environment
        .iter()
        .map(|(key, value)| (key.clone(), value.reveal().to_owned()))
        .collect();
    environment
        .entry("PWD".to_owned())
        .or_insert_with(|| request.current_dir.clone());
    let home = environment
        .get("HOME")
        .filter(|home| !home.is_empty())
        .cloned();
    let mut files: Vec<String> = request.files.iter().map(|file| absolute(file)).collect();
    for file in &request.files {
        if is_remote(file) {
            ctx.refuse(Mistake::RemoteFile {
                reference: file.clone(),
            });
            return None;
        }
    }
    let mut env_files = EnvFiles::new(ctx, request, &environment, &absolute)?;
    env_files.read(ctx, &project_folder(request, &files), &mut environment)?;
    if files.is_empty()
        && let Some(list) = environment.get("COMPOSE_FILE").cloned()
    {
        let separator = environment
            .get("COMPOSE_PATH_SEPARATOR")
            .filter(|separator| !separator.is_empty())
            .map_or(":", String::as_str);
        files = list.split(separator).map(&absolute).collect();
    }
    if files.is_empty() {
        files = discover(ctx, &project_folder(request, &files))?;
    }
    let folder = project_folder(request, &files);
    env_files.read(ctx, &folder, &mut environment)?;
    let listed = environment.get("COMPOSE_PROFILES");
    let listed = listed.map_or("", String::as_str).split(',');
    let profiles = match request.profiles.as_slice() {
        [] => listed.map(|profile| profile.trim().to_owned()).collect(),
        named => named.to_vec(),
    };
    Some(Located {
        files,
        folder,
        environment,
        profiles,
        home,
    })
}

/// Tells whether a file is to be fetched from somewhere else.
pub(crate) fn is_remote(file: &str) -> bool {
    [
        "https://",
        "http://",
        "git://",
        "ssh://",
        "git@",
        "github.com/",
        "oci://",
        "oci:",
    ]
    .iter()
    .any(|prefix| file.starts_with(prefix))
}

/// The folder of the project as far as it is known: as named, else that of the first file, else the current one.
fn project_folder(request: &Request, files: &[String]) -> String {
    match &request.project_directory {
        Some(folder) if !folder.is_empty() => paths::join(&request.current_dir, folder),
        _ => files
            .iter()
            .find(|file| *file != "-")
            .map_or_else(|| request.current_dir.clone(), |file| paths::parent(file)),
    }
}

/// The files of variables: those named, or `.env` wherever the project turns out to be.
struct EnvFiles {
    named: Vec<String>,
    look_for_default: bool,
    found: Option<String>,
}

impl EnvFiles {
    fn new(
        ctx: &mut Context,
        request: &Request,
        environment: &Environment,
        absolute: &dyn Fn(&str) -> String,
    ) -> Option<Self> {
        let listed = environment
            .get("COMPOSE_ENV_FILES")
            .map_or("", String::as_str);
        let names: Vec<&str> = if request.env_files.is_empty() {
            listed.split(',').filter(|name| !name.is_empty()).collect()
        } else {
            request.env_files.iter().map(String::as_str).collect()
        };
        let disabled = match environment
            .get("COMPOSE_DISABLE_ENV_FILE")
            .map(String::as_str)
        {
            None => false,
            Some(text) => match text {
                "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
                "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
                _ => {
                    ctx.refuse(Mistake::BadSwitch {
                        name: "COMPOSE_DISABLE_ENV_FILE",
                        value: text.to_owned(),
                    });
                    return None;
                }
            },
        };
        Some(Self {
            named: names.into_iter().map(absolute).collect(),
            look_for_default: !disabled,
            found: None,
        })
    }

    /// Reads the variables; what is known already stays.
    fn read(
        &mut self,
        ctx: &mut Context,
        folder: &str,
        environment: &mut Environment,
    ) -> Option<()> {
        let default = paths::join(folder, ".env");
        if self.named.is_empty() && self.look_for_default && ctx.files.is_file(&default) {
            self.found = Some(default);
        }
        let mut read = Environment::new();
        for file in self.named.iter().chain(&self.found) {
            env_files::read_for_interpolation(ctx, file, &mut read, environment)?;
        }
        for (key, value) in read {
            environment.entry(key).or_insert(value);
        }
        Some(())
    }
}

/// Looks for a Compose file in a folder and those above it, and for what is put onto it.
fn discover(ctx: &mut Context, folder: &str) -> Option<Vec<String>> {
    let mut current = folder.to_owned();
    loop {
        let candidates = present(ctx, &current, FILE_NAMES);
        if let Some(chosen) = candidates.first() {
            warn_of_several(ctx, &candidates);
            let overrides = present(ctx, &current, OVERRIDE_NAMES);
            warn_of_several(ctx, &overrides);
            return Some(
                [chosen]
                    .into_iter()
                    .chain(overrides.first())
                    .cloned()
                    .collect(),
            );
        }
        let above = paths::parent(&current);
        if above == current {
            ctx.refuse(Mistake::NoComposeFile {
                folder: folder.to_owned(),
            });
            return None;
        }
        current = above;
    }
}

fn present(ctx: &Context, folder: &str, names: &[&str]) -> Vec<String> {
    names
        .iter()
        .map(|name| paths::join(folder, name))
        .filter(|path| ctx.files.exists(path))
        .collect()
}

fn warn_of_several(ctx: &mut Context, candidates: &[String]) {
    if let [chosen, _, ..] = candidates {
        let names = candidates
            .iter()
            .map(|path| paths::base_name(path).to_owned())
            .collect();
        ctx.warn_at(
            Span::NOWHERE,
            String::new(),
            Caution::SeveralFiles {
                names,
                chosen: paths::base_name(chosen).to_owned(),
            },
        );
    }
}

/// The part of a text that can be a project name.
pub(crate) fn normal_name(text: &str) -> String {
    let kept: String = text
        .to_lowercase()
        .chars()
        .filter(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-'))
        .collect();
    kept.trim_start_matches(['_', '-']).to_owned()
}

/// The name that was given explicitly, if one was.
pub(crate) fn explicit_name(
    ctx: &mut Context,
    request: &Request,
    environment: &Environment,
) -> Result<Option<String>, ()> {
    let given = request
        .project_name
        .as_deref()
        .filter(|name| !name.is_empty());
    let given = given.or_else(|| {
        environment
            .get("COMPOSE_PROJECT_NAME")
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    });
    match given {
        Some(name) if normal_name(name) != name => {
            ctx.refuse(Mistake::BadProjectName {
                name: name.to_owned(),
            });
            Err(())
        }
        given => Ok(given.map(str::to_owned)),
    }
}

/// The name that a project gets from its folder.
pub(crate) fn name_of_folder(ctx: &mut Context, folder: &str) -> String {
    let name = normal_name(paths::base_name(folder));
    if ctx
        .files
        .real_path(folder)
        .is_some_and(|real| paths::base_name(&real) != paths::base_name(folder))
    {
        ctx.warn_at(
            Span::NOWHERE,
            String::new(),
            Caution::NamedAfterLink { name: name.clone() },
        );
    }
    name
}
