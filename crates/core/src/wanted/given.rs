//! What the turning of a project into a wanted state needs besides the project.
//!
//! Everything that would have to be read or computed elsewhere is a value here, so that
//! [`wanted`](super::wanted) is pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bowline_model::{ApiVersion, FileObject, HashText, Project, TextMap};

use super::security;

/// What ops hands in beside the project.
pub struct Given<'a> {
    /// The version of the API that is spoken with the engine.
    pub api: ApiVersion,
    /// Digests a content with the host's key; the same content always gives the same text.
    pub digest: &'a dyn Fn(&[u8]) -> String,
    /// Compose's hashes of what the project declares.
    pub hashes: ConfigHashes,
    /// The files of [`files_to_read`], by the paths given there.
    pub files: BTreeMap<String, FileContent>,
    /// Stands between the parts of a container's name: `-`, or `_` in compatibility mode.
    pub separator: char,
    /// The files given with `--env-file` or `COMPOSE_ENV_FILES`, absolute.
    pub env_files: Vec<String>,
    /// `--scale`, by service.
    pub scale: BTreeMap<String, u32>,
    /// `DOCKER_DEFAULT_PLATFORM`.
    pub default_platform: Option<String>,
    /// Variables for the proxies in Docker's own config, which every container gets unless it sets them itself.
    pub proxies: TextMap,
}

impl<'a> Given<'a> {
    /// Nothing but what cannot be left out: hyphens in names, no files, no overrides.
    pub fn new(api: ApiVersion, digest: &'a dyn Fn(&[u8]) -> String) -> Self {
        Self {
            api,
            digest,
            hashes: ConfigHashes::default(),
            files: BTreeMap::new(),
            separator: '-',
            env_files: Vec::new(),
            scale: BTreeMap::new(),
            default_platform: None,
            proxies: TextMap::default(),
        }
    }
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Given")
            .field("api", &self.api)
            .field("hashes", &self.hashes)
            .field("files", &self.files)
            .field("separator", &self.separator)
            .field("env_files", &self.env_files)
            .field("scale", &self.scale)
            .field("default_platform", &self.default_platform)
            .field("proxies", &self.proxies)
            .finish_non_exhaustive()
    }
}

/// Compose's own hashes, by key in the project; they become labels and decide nothing.
///
/// A network or volume that has none goes without the label; a container always carries it, empty where
/// there is no hash, because Compose lists no container without.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigHashes {
    /// Of services.
    pub services: BTreeMap<String, String>,
    /// What is hashed for services that take something from containers of others, once those have ids.
    pub of_ids: BTreeMap<String, HashText>,
    /// Of networks.
    pub networks: BTreeMap<String, String>,
    /// Of volumes.
    pub volumes: BTreeMap<String, String>,
}

/// What became of the reading of a file.
#[derive(Clone, PartialEq, Eq)]
pub enum FileContent {
    /// It was read.
    Bytes(Vec<u8>),
    /// There is none.
    Absent,
    /// It is a folder; what is in it is not compared.
    Folder,
    /// It is there, and this user may not read it, or it is no plain file (a pipe), or larger than what is read of one; what is
    /// in it is not compared.
    Unreadable,
}

/// Says how much there is, never what.
impl fmt::Debug for FileContent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Absent => f.write_str("Absent"),
            Self::Folder => f.write_str("Folder"),
            Self::Unreadable => f.write_str("Unreadable"),
        }
    }
}

/// The files whose contents count: behind `file:` secrets and configs that a service uses, and seccomp profiles.
pub fn files_to_read(project: &Project) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    for service in project.services.values() {
        let secrets = service
            .secrets
            .iter()
            .filter_map(|used| project.secrets.get(&used.source));
        let configs = service
            .configs
            .iter()
            .filter_map(|used| project.configs.get(&used.source));
        paths.extend(
            secrets
                .chain(configs)
                .filter(|object| is_file(object))
                .map(|object| object.file.clone()),
        );
        paths.extend(
            service
                .security_opt
                .iter()
                .filter_map(|option| security::seccomp_profile(project, option)),
        );
    }
    paths
}

/// Whether a secret or config is mounted from the host rather than copied into the container.
pub(super) fn is_file(object: &FileObject) -> bool {
    !object.external && object.environment.is_empty() && object.content.is_empty()
}
