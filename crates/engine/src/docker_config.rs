//! Docker's own config folder: contexts and logins. Read, never written; the folder is an argument.
#![expect(
    clippy::disallowed_methods,
    reason = "the one module of this crate that reads files"
)]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::RegistryLogin;

/// Why Docker's config, or what it says, cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DockerConfigError {
    /// A file is there and cannot be read or understood.
    #[error("`{}` cannot be used: {text}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        text: String,
    },
    /// No context of this name.
    #[error("there is no Docker context `{name}` in `{}`", folder.display())]
    NoSuchContext {
        /// The name.
        name: String,
        /// The config folder.
        folder: PathBuf,
    },
    /// The login is kept by a credential helper, which is not asked yet.
    #[error(
        "the login for `{registry}` is kept by the credential helper `{helper}`, which is not supported yet"
    )]
    CredentialHelper {
        /// The registry.
        registry: String,
        /// Name of the helper, without `docker-credential-`.
        helper: String,
    },
}

impl DockerConfigError {
    /// What the user can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Unreadable { .. } => Vec::new(),
            Self::NoSuchContext { .. } => vec!["`docker context ls` lists those there are".into()],
            Self::CredentialHelper { registry, .. } => vec![format!(
                "pull the image with `docker pull` first, or log in to `{registry}` without a helper"
            )],
        }
    }
}

/// What Docker's config folder says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DockerConfig {
    folder: PathBuf,
    current_context: Option<String>,
    logins: BTreeMap<String, RegistryLogin>,
    helper_for_all: Option<String>,
    helpers: BTreeMap<String, String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct ConfigFile {
    auths: BTreeMap<String, AuthEntry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
    current_context: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct AuthEntry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

#[derive(Deserialize)]
struct ContextFile {
    #[serde(rename = "Endpoints", default)]
    endpoints: BTreeMap<String, ContextEndpoint>,
}

#[derive(Deserialize)]
struct ContextEndpoint {
    #[serde(rename = "Host", default)]
    host: String,
}

impl DockerConfig {
    /// Reads `config.json` of a config folder (`DOCKER_CONFIG`, as a rule `~/.docker`). A folder or file that is
    /// not there is an empty config.
    pub fn load(folder: &Path) -> Result<Self, DockerConfigError> {
        let path = folder.join("config.json");
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => String::from("{}"),
            Err(error) => {
                return Err(DockerConfigError::Unreadable {
                    path,
                    text: error.to_string(),
                });
            }
        };
        let unreadable = |text| DockerConfigError::Unreadable {
            path: path.clone(),
            text,
        };
        let file: ConfigFile =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let mut logins = BTreeMap::new();
        for (registry, entry) in file.auths {
            let login = entry.login(&registry).ok_or_else(|| {
                unreadable(format!(
                    "the login for `{registry}` is not base64 of `user:password`"
                ))
            })?;
            logins.insert(registry, login);
        }
        Ok(Self {
            folder: folder.to_owned(),
            current_context: file.current_context.filter(|name| !name.is_empty()),
            logins,
            helper_for_all: file.creds_store.filter(|name| !name.is_empty()),
            helpers: file.cred_helpers,
        })
    }

    /// The context that `docker context use` has set.
    pub fn current_context(&self) -> Option<&str> {
        self.current_context.as_deref()
    }

    /// Reads where a context's engine is, as a URL.
    pub fn context_host(&self, name: &str) -> Result<String, DockerConfigError> {
        let path = self
            .folder
            .join("contexts/meta")
            .join(context_folder(name))
            .join("meta.json");
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => DockerConfigError::NoSuchContext {
                name: name.to_owned(),
                folder: self.folder.clone(),
            },
            _ => DockerConfigError::Unreadable {
                path: path.clone(),
                text: error.to_string(),
            },
        })?;
        let unreadable = |text: String| DockerConfigError::Unreadable {
            path: path.clone(),
            text,
        };
        let mut file: ContextFile =
            serde_json::from_str(&text).map_err(|error| unreadable(error.to_string()))?;
        let endpoint = file
            .endpoints
            .remove("docker")
            .ok_or_else(|| unreadable("it has no endpoint `docker`".into()))?;
        Ok(endpoint.host)
    }

    /// Finds the login for the registry of an image reference; `None` is anonymous.
    ///
    /// A helper for all registries holds a login only for those that have an (empty) entry, so other registries
    /// stay anonymous.
    ///
    /// # Errors
    ///
    /// [`DockerConfigError::CredentialHelper`]: there may be one, where nobody can look.
    pub fn login_for(&self, reference: &str) -> Result<Option<&RegistryLogin>, DockerConfigError> {
        let registry = registry_of(reference);
        if let Some(helper) = self.helpers.get(registry) {
            return Err(DockerConfigError::CredentialHelper {
                registry: registry.to_owned(),
                helper: helper.clone(),
            });
        }
        let Some(login) = self
            .logins
            .values()
            .find(|login| host_of(&login.registry) == host_of(registry))
        else {
            return Ok(None);
        };
        match (&self.helper_for_all, login.is_empty()) {
            (Some(helper), true) => Err(DockerConfigError::CredentialHelper {
                registry: registry.to_owned(),
                helper: helper.clone(),
            }),
            (None, true) => Ok(None),
            (_, false) => Ok(Some(login)),
        }
    }

    /// Every login that is written down, for builds (which pull from any registry).
    pub fn logins(&self) -> impl Iterator<Item = &RegistryLogin> {
        self.logins.values().filter(|login| !login.is_empty())
    }
}

impl RegistryLogin {
    fn is_empty(&self) -> bool {
        self.username.is_empty() && self.password.is_empty() && self.identity_token.is_empty()
    }
}

impl AuthEntry {
    fn login(self, registry: &str) -> Option<RegistryLogin> {
        let (mut username, mut password) = (self.username, self.password);
        if !self.auth.is_empty() {
            let decoded = BASE64_STANDARD.decode(self.auth.trim()).ok()?;
            let decoded = String::from_utf8(decoded).ok()?;
            let (user, pass) = decoded.split_once(':')?;
            user.clone_into(&mut username);
            pass.trim_end_matches('\0').clone_into(&mut password);
        }
        Some(RegistryLogin {
            registry: registry.to_owned(),
            username,
            password,
            identity_token: self.identitytoken,
        })
    }
}

/// The name of the folder that holds a context: the SHA-256 of its name.
pub(crate) fn context_folder(name: &str) -> String {
    Sha256::digest(name.as_bytes())
        .iter()
        .fold(String::new(), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The key under which Docker Hub's login is kept.
const HUB: &str = "https://index.docker.io/v1/";

/// The registry that an image reference names: what stands before the first slash, where it looks like a host.
pub(crate) fn registry_of(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((host, _)) if host.contains(['.', ':']) || host == "localhost" => host,
        _ => HUB,
    }
}

/// A registry without scheme and path, with one name for Docker Hub.
fn host_of(registry: &str) -> &str {
    let bare = registry
        .strip_prefix("https://")
        .or_else(|| registry.strip_prefix("http://"))
        .unwrap_or(registry);
    match bare.split('/').next().unwrap_or(bare) {
        "docker.io" | "registry-1.docker.io" | "registry.hub.docker.com" => "index.docker.io",
        host => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(json: &str) -> (tempfile::TempDir, Result<DockerConfig, DockerConfigError>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), json).unwrap();
        let config = DockerConfig::load(folder.path());
        (folder, config)
    }

    #[test]
    fn a_folder_without_a_config_is_an_empty_config() {
        let folder = tempfile::tempdir().unwrap();
        let config = DockerConfig::load(folder.path()).unwrap();
        assert_eq!(config.current_context(), None);
        assert_eq!(config.login_for("nginx"), Ok(None));
    }

    #[test]
    fn logins_are_found_by_the_registry_of_the_reference_and_never_shown() {
        // "app:hunter2"
        let (_folder, config) = config(
            r#"{"auths":{"https://index.docker.io/v1/":{"auth":"YXBwOmh1bnRlcjI="},"reg.example:5000":{"identitytoken":"hunter2"}}}"#,
        );
        let config = config.unwrap();
        let user = |reference: &str| {
            config
                .login_for(reference)
                .unwrap()
                .map(|login| (login.username.clone(), login.password.clone()))
        };
        assert_eq!(user("nginx:1.27"), Some(("app".into(), "hunter2".into())));
        assert_eq!(
            user("docker.io/library/nginx"),
            Some(("app".into(), "hunter2".into()))
        );
        assert_eq!(
            user("reg.example:5000/team/app"),
            Some((String::new(), String::new()))
        );
        assert_eq!(user("other.example/app"), None);
        assert!(!format!("{config:?}").contains("hunter2"));
    }

    #[test]
    fn a_credential_helper_is_refused_by_name_only_where_it_may_hold_a_login() {
        let (_folder, config) = config(
            r#"{"auths":{"https://index.docker.io/v1/":{}},"credsStore":"desktop","credHelpers":{"ecr.example":"ecr-login"}}"#,
        );
        let config = config.unwrap();
        let helper = |reference: &str| match config.login_for(reference) {
            Err(DockerConfigError::CredentialHelper { helper, .. }) => Some(helper),
            _ => None,
        };
        assert_eq!(helper("nginx").as_deref(), Some("desktop"));
        assert_eq!(helper("ecr.example/app").as_deref(), Some("ecr-login"));
        assert_eq!(config.login_for("ghcr.io/owner/app"), Ok(None));
    }

    #[test]
    fn a_broken_config_names_its_file() {
        let (folder, config) = config("{");
        let error = config.unwrap_err().to_string();
        assert!(
            error.contains(&folder.path().join("config.json").display().to_string()),
            "{error}"
        );
    }
}
