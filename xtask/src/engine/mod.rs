//! Where tests and images find a container engine.

pub(crate) mod http;

use anyhow::{Result, bail};

use http::Endpoint;

/// Finds the engine that the user's own commands would use.
pub(crate) fn find() -> Result<Endpoint> {
    let endpoint = match std::env::var("DOCKER_HOST") {
        Ok(host) if !host.is_empty() => Endpoint::parse(&host)?,
        _ => Endpoint::at("/var/run/docker.sock"),
    };
    if !endpoint.answers() {
        bail!("no engine answers at `{}`", endpoint.as_host());
    }
    Ok(endpoint)
}
