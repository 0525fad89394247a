//! Where containers run: the only door to a container engine.
//!
//! [`Engine`] is the trait, with its contract in its module. [`connect`] opens the engine at an [`Endpoint`],
//! Docker or Podman; [`fake::FakeEngine`] is one in memory, for tests; [`Tap`] is laid around either to record
//! calls and to let them fail. [`inside`] and [`Look`] see what the kernel of this very host shows of a running
//! container, without the engine and without changing anything: the one is cheap and for readiness, the other deep and
//! for saying why something is broken. Nothing here knows stacks, services or plans, and no type of the HTTP library
//! leaves this crate.

mod about;
mod archive;
mod build;
mod docker;
mod docker_config;
mod endpoint;
mod engine;
mod error;
mod exec;
pub mod fake;
mod inside;
mod look;
#[cfg(target_os = "linux")]
mod network_namespace;
mod port_holder;
mod reply;
mod request;
mod routes;
mod sockets;
mod tap;

pub use about::{About, EngineKind};
pub use archive::archive_of;
pub use docker::{ConnectError, NEWEST_API, OLDEST_API};
pub use docker_config::{DockerConfig, DockerConfigError};
pub use endpoint::{DEFAULT_SOCKET, Endpoint, EndpointError, EndpointHints, EndpointOrigin};
pub use engine::{Engine, PARALLEL_INSPECTS};
pub use error::{BuildFailure, EngineError, PullFailure, Retry, Sent, Unreachable};
pub use inside::{Inside, inside};
pub use look::{
    Answer, Asked, ContainerProcess, Counters, CpuCounters, Dialled, FileKind, FileLock, FileStart,
    FileStat, FileSystem, Greeting, Listing, Look, MemoryCounters, MemoryKill, Outcome,
    ProcessCounters, RecordKind, Resolution, TcpCounters, Unseen, hang_up, locked_files,
    memory_kills,
};
pub use port_holder::{PortHolder, port_holder};
pub use reply::{
    Attached, BuildProgress, BuildStep, CreatedContainer, CreatedVolume, ExecEnd, ExecId,
    ExecOutput, ExecSession, ExecState, LogEntry, OutputChunk, OutputSource, PathHead, PathStat,
    ProcessTable, PullProgress, Removed, Started, Stopped, Stream,
};
pub use request::{
    BuildContext, BuildSpec, EventFilter, ExecLimits, ExecSpec, FileToPut, ImportSpec,
    LIFE_ACTIONS, LogOptions, RegistryLogin, RemoveContainer, Selector, TarStream, WaitFor, tar_of,
};
pub use routes::host_routes;
pub use sockets::{Connection, Listener, TcpState};
pub use tap::{Call, CallEffect, Fault, Tap};

/// Connects to the engine at an endpoint: asks who it is and agrees on a version of the API.
///
/// Only this place is tried. The endpoint is not kept open; every later call connects anew, so an engine that
/// was restarted meanwhile answers again.
///
/// # Errors
///
/// [`ConnectError::Engine`] with [`EngineError::Unreachable`] says why nobody answered.
pub async fn connect(endpoint: Endpoint) -> Result<std::sync::Arc<dyn Engine>, ConnectError> {
    Ok(std::sync::Arc::new(
        docker::Docker::connect(endpoint).await?,
    ))
}
