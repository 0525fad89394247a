//! From what surrounds a request to a connected engine.
//!
//! Exactly one place is tried. Every failure names it, and says what to do about it.
#![expect(
    clippy::disallowed_methods,
    reason = "the module that looks who may open the engine's socket"
)]

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bowline_engine::{
    ConnectError, DockerConfig, Endpoint, EndpointError, EndpointHints, EndpointOrigin, Engine,
    EngineError, Sent, Unreachable,
};
use tokio::time::timeout;

use crate::{Failure, Surroundings};

/// Where the system keeps the names of groups.
const GROUPS: &str = "/etc/group";

/// Connects to the engine that the environment names: `DOCKER_HOST`, else `DOCKER_CONTEXT` or the context in
/// use, else the default socket.
///
/// # Errors
///
/// [`Failure::EngineEndpoint`] where no place can be chosen, [`Failure::EngineConnect`] where nobody answers.
pub(crate) async fn connect(surroundings: &Surroundings) -> Result<Arc<dyn Engine>, Failure> {
    let endpoint = endpoint(surroundings)?;
    match bowline_engine::connect(endpoint.clone()).await {
        Ok(engine) => Ok(engine),
        Err(error) => Err(Failure::EngineConnect {
            hints: hints(&endpoint, &error),
            error,
        }),
    }
}

/// The same, and no longer than that: one that takes a connection and says nothing is as good as none.
///
/// # Errors
///
/// Those of [`connect`]; [`Unreachable::TimedOut`] where the time is over.
pub(crate) async fn connect_within(
    surroundings: &Surroundings,
    time: Duration,
) -> Result<Arc<dyn Engine>, Failure> {
    if let Ok(connected) = timeout(time, connect(surroundings)).await {
        return connected;
    }
    let endpoint = endpoint(surroundings)?;
    let error = ConnectError::Engine(EngineError::Unreachable {
        endpoint: endpoint.to_string(),
        request: "who it is".to_owned(),
        reason: Unreachable::TimedOut(time),
        sent: Sent::Maybe,
    });
    Err(Failure::EngineConnect {
        hints: hints(&endpoint, &error),
        error,
    })
}

/// The engine that the environment names.
pub(crate) fn endpoint(surroundings: &Surroundings) -> Result<Endpoint, EndpointError> {
    let config = match (
        surroundings.variable("DOCKER_CONFIG"),
        surroundings.variable("HOME"),
    ) {
        (Some(folder), _) => DockerConfig::load(Path::new(folder))?,
        (None, Some(home)) => DockerConfig::load(&Path::new(home).join(".docker"))?,
        (None, None) => DockerConfig::default(),
    };
    let said = |name| surroundings.variable(name).map(str::to_owned);
    let hints = EndpointHints {
        docker_host: said("DOCKER_HOST"),
        docker_context: said("DOCKER_CONTEXT"),
        container_host: said("CONTAINER_HOST"),
    };
    Endpoint::choose(&hints, &config)
}

fn hints(endpoint: &Endpoint, error: &ConnectError) -> Vec<String> {
    let ConnectError::Engine(EngineError::Unreachable { reason, .. }) = error else {
        return error.hints();
    };
    match reason {
        Unreachable::NoSocket | Unreachable::Refused => vec![
            "start the engine: `sudo systemctl start docker`, or `sudo service docker start` where there is no systemd".to_owned(),
            elsewhere(&endpoint.origin),
        ],
        Unreachable::PermissionDenied => {
            let group = group_of(&endpoint.socket).unwrap_or_else(|| "docker".to_owned());
            vec![
                format!("the socket belongs to the group `{group}`: join it with `sudo usermod -aG {group} \"$USER\"` and log in again"),
                "or run this as a user who may open it".to_owned(),
            ]
        }
        _ => error.hints(),
    }
}

fn elsewhere(origin: &EndpointOrigin) -> String {
    match origin {
        EndpointOrigin::Default => {
            "if it listens elsewhere, say where with `DOCKER_HOST` or a context".to_owned()
        }
        EndpointOrigin::Context(name) => {
            format!(
                "the place is that of the Docker context `{name}`; `docker context ls` lists the others"
            )
        }
        said => format!("the place is what `{said}` says; unset it to use the default"),
    }
}

/// The name of the group that owns a socket, unless that is root's: nobody should join it.
fn group_of(socket: &Path) -> Option<String> {
    let group = std::fs::metadata(socket).ok()?.gid();
    if group == 0 {
        return None;
    }
    let groups = std::fs::read_to_string(GROUPS).ok()?;
    groups.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(group)).then(|| name.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ExitCode;
    use bowline_model::Secret;

    fn with(variables: &[(&str, &str)]) -> Surroundings {
        let environment = variables
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Secret::new((*value).to_owned())));
        Surroundings {
            environment: environment.collect(),
            ..Surroundings::default()
        }
    }

    async fn failure(variables: &[(&str, &str)]) -> (String, Vec<String>) {
        let failure = connect(&with(variables)).await.unwrap_err();
        assert_eq!(failure.exit_code(), ExitCode::EngineUnreachable);
        (failure.to_string(), failure.hints())
    }

    #[tokio::test]
    async fn an_engine_that_is_not_there_is_named_with_the_way_to_start_it() {
        let (message, hints) = failure(&[("DOCKER_HOST", "unix:///nowhere/engine.sock")]).await;
        insta::assert_snapshot!(message, @"no answer from the engine at `unix:///nowhere/engine.sock` to GET /version: there is no such socket");
        insta::assert_snapshot!(hints.join("\n"), @"
        start the engine: `sudo systemctl start docker`, or `sudo service docker start` where there is no systemd
        the place is what `DOCKER_HOST` says; unset it to use the default
        ");
    }

    #[tokio::test]
    async fn other_kinds_of_endpoint_are_refused_by_name_and_nothing_else_is_tried() {
        let (message, hints) = failure(&[("DOCKER_HOST", "tcp://10.0.0.1:2375")]).await;
        insta::assert_snapshot!(message, @"DOCKER_HOST is `tcp://10.0.0.1:2375`: engines over tcp are not supported yet, only unix sockets");
        assert_eq!(hints.len(), 2);
        let (message, _) = failure(&[("DOCKER_HOST", "ssh://me:hunter2@far")]).await;
        assert!(!message.contains("hunter2"), "{message}");
    }

    #[tokio::test]
    async fn a_context_is_looked_up_in_the_config_folder() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path().display().to_string();
        let (message, hints) = failure(&[("HOME", &home), ("DOCKER_CONTEXT", "far")]).await;
        assert!(
            message.contains("there is no Docker context `far`"),
            "{message}"
        );
        assert!(message.contains(&home), "{message}");
        assert_eq!(hints, ["`docker context ls` lists those there are"]);
    }
}
