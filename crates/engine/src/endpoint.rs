//! Where an engine is: `DOCKER_HOST`, a context, `CONTAINER_HOST`, or the default socket.
//!
//! Exactly one place is chosen, and no other one is tried when nobody answers there: a stack that was
//! brought up on the wrong engine is worse than an error.

use std::fmt;
use std::path::{Path, PathBuf};

use bowline_model::mask_passwords;

use crate::{DockerConfig, DockerConfigError};

/// Where Docker listens when nobody says anything else.
pub const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How an engine is reached, and who said so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Path of its socket.
    pub socket: PathBuf,
    /// Who said so.
    pub origin: EndpointOrigin,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "unix://{}", self.socket.display())
    }
}

/// Who said where the engine is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndpointOrigin {
    /// The variable `DOCKER_HOST`.
    DockerHost,
    /// A context, by `DOCKER_CONTEXT` or the one in use.
    Context(String),
    /// The variable `CONTAINER_HOST` (Podman).
    ContainerHost,
    /// Nobody.
    Default,
}

impl fmt::Display for EndpointOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHost => f.write_str("DOCKER_HOST"),
            Self::Context(name) => write!(f, "Docker context `{name}`"),
            Self::ContainerHost => f.write_str("CONTAINER_HOST"),
            Self::Default => f.write_str("the default"),
        }
    }
}

/// What the environment says about the engine's place; empty values count as unset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointHints {
    /// `DOCKER_HOST`.
    pub docker_host: Option<String>,
    /// `DOCKER_CONTEXT`.
    pub docker_context: Option<String>,
    /// `CONTAINER_HOST`, Podman's. Only this makes Podman's socket a candidate.
    pub container_host: Option<String>,
}

/// Why no place was chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// A kind of endpoint that is not supported yet.
    #[error("{origin} is `{url}`: engines over {scheme} are not supported yet, only unix sockets")]
    Scheme {
        /// Before the `://`.
        scheme: String,
        /// The whole, passwords masked.
        url: String,
        /// Who said so.
        origin: EndpointOrigin,
    },
    /// Not an endpoint at all.
    #[error("{origin} is `{url}`, which names no socket (`unix:///path` is expected)")]
    NoSocketNamed {
        /// What was said, passwords masked.
        url: String,
        /// Who said so.
        origin: EndpointOrigin,
    },
    /// Docker's config cannot be used.
    #[error(transparent)]
    Config(#[from] DockerConfigError),
}

impl EndpointError {
    /// What the user can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::Scheme { origin, .. } => vec![
                format!("run this on the engine's own host, or unset {origin} to use `{DEFAULT_SOCKET}`"),
                "an SSH tunnel of the engine's socket works: `ssh -L /tmp/engine.sock:/var/run/docker.sock HOST`".into(),
            ],
            Self::NoSocketNamed { .. } => Vec::new(),
            Self::Config(error) => error.hints(),
        }
    }
}

impl Endpoint {
    /// The engine behind this socket.
    pub fn at(socket: impl Into<PathBuf>) -> Self {
        Self {
            socket: socket.into(),
            origin: EndpointOrigin::Default,
        }
    }

    /// Chooses the one place to look: `DOCKER_HOST`, else `DOCKER_CONTEXT`, else `CONTAINER_HOST`, else the
    /// context in use, else the default socket. Nothing is opened.
    pub fn choose(hints: &EndpointHints, config: &DockerConfig) -> Result<Self, EndpointError> {
        let said = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
        if let Some(url) = said(&hints.docker_host) {
            return Self::parse(&url, EndpointOrigin::DockerHost);
        }
        let asked = said(&hints.docker_context);
        if asked.is_none()
            && let Some(url) = said(&hints.container_host)
        {
            return Self::parse(&url, EndpointOrigin::ContainerHost);
        }
        match asked.as_deref().or(config.current_context()) {
            None | Some("default") => Ok(Self::at(DEFAULT_SOCKET)),
            Some(name) => Self::parse(
                &config.context_host(name)?,
                EndpointOrigin::Context(name.to_owned()),
            ),
        }
    }

    fn parse(url: &str, origin: EndpointOrigin) -> Result<Self, EndpointError> {
        let shown = || mask_passwords(url);
        match url.split_once("://") {
            Some(("unix", path)) if Path::new(path).is_absolute() => Ok(Self {
                socket: PathBuf::from(path),
                origin,
            }),
            Some((scheme, _)) if scheme != "unix" => Err(EndpointError::Scheme {
                scheme: scheme.to_owned(),
                url: shown(),
                origin,
            }),
            _ => Err(EndpointError::NoSocketNamed {
                url: shown(),
                origin,
            }),
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "makes config folders")]
mod tests {
    use super::*;

    fn hints(docker_host: &str, docker_context: &str, container_host: &str) -> EndpointHints {
        let said = |text: &str| Some(text.to_owned());
        EndpointHints {
            docker_host: said(docker_host),
            docker_context: said(docker_context),
            container_host: said(container_host),
        }
    }

    /// A config folder with one context `remote` and the given one in use.
    fn config(host: &str, current: &str) -> (tempfile::TempDir, DockerConfig) {
        let folder = tempfile::tempdir().unwrap();
        let meta = folder
            .path()
            .join("contexts/meta")
            .join(crate::docker_config::context_folder("remote"));
        std::fs::create_dir_all(&meta).unwrap();
        let json = format!(
            r#"{{"Name":"remote","Metadata":{{}},"Endpoints":{{"docker":{{"Host":"{host}"}}}}}}"#
        );
        std::fs::write(meta.join("meta.json"), json).unwrap();
        std::fs::write(
            folder.path().join("config.json"),
            format!(r#"{{"currentContext":"{current}"}}"#),
        )
        .unwrap();
        let config = DockerConfig::load(folder.path()).unwrap();
        (folder, config)
    }

    #[test]
    fn the_environment_comes_before_the_context_in_use_and_that_before_the_default() {
        let (_folder, config) = config("unix:///run/ctx.sock", "remote");
        let socket = |hints: &EndpointHints| {
            Endpoint::choose(hints, &config).map(|endpoint| endpoint.socket.display().to_string())
        };
        assert_eq!(
            socket(&hints("unix:///run/a.sock", "remote", "unix:///run/p.sock")).as_deref(),
            Ok("/run/a.sock")
        );
        assert_eq!(
            socket(&hints("", "remote", "unix:///run/p.sock")).as_deref(),
            Ok("/run/ctx.sock")
        );
        assert_eq!(
            socket(&hints("", "", "unix:///run/p.sock")).as_deref(),
            Ok("/run/p.sock")
        );
        assert_eq!(socket(&hints("", "", "")).as_deref(), Ok("/run/ctx.sock"));
        assert_eq!(
            socket(&hints("", "default", "")).as_deref(),
            Ok(DEFAULT_SOCKET)
        );
    }

    #[test]
    fn tcp_and_ssh_are_refused_by_name_and_never_fall_back() {
        for (url, scheme) in [
            ("tcp://10.0.0.1:2375", "tcp"),
            ("ssh://me:hunter2@host", "ssh"),
            ("npipe:////./pipe/x", "npipe"),
        ] {
            let error =
                Endpoint::choose(&hints(url, "", ""), &DockerConfig::default()).unwrap_err();
            assert!(
                matches!(&error, EndpointError::Scheme { scheme: found, .. } if found == scheme),
                "{error:?}"
            );
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
        }
        let (_folder, config) = config("ssh://me@host", "remote");
        let error = Endpoint::choose(&EndpointHints::default(), &config).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("Docker context `remote` is `ssh://me@host`"),
            "{error}"
        );
    }

    #[test]
    fn a_context_that_is_not_there_is_an_error_that_names_it() {
        let (_folder, config) = config("unix:///run/ctx.sock", "remote");
        let error = Endpoint::choose(&hints("", "gone", ""), &config).unwrap_err();
        assert!(
            error.to_string().contains("no Docker context `gone`"),
            "{error}"
        );
        assert!(matches!(
            Endpoint::choose(&hints("docker.sock", "", ""), &config),
            Err(EndpointError::NoSocketNamed { .. })
        ));
    }
}
