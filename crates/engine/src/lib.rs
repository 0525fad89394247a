//! Where containers run: the only door to a container engine.
//!
//! [`Engine`] is the trait, with its contract in its module. [`Endpoint`] says where a real one is,
//! Docker or Podman.
//! leaves this crate.

mod about;
mod archive;
mod docker_config;
mod endpoint;
mod engine;
mod error;
mod exec;
mod reply;
mod request;

pub use about::{About, EngineKind};
pub use docker_config::{DockerConfig, DockerConfigError};
pub use endpoint::{DEFAULT_SOCKET, Endpoint, EndpointError, EndpointHints, EndpointOrigin};
pub use engine::{Engine, PARALLEL_INSPECTS};
pub use error::{EngineError, PullFailure, Retry, Sent, Unreachable};
pub use reply::{
    BuildProgress, CreatedContainer, CreatedVolume, ExecEnd, ExecId, ExecOutput, ExecSession,
    ExecState, LogEntry, OutputChunk, OutputSource, PathStat, ProcessTable, PullProgress, Removed,
    Started, Stopped, Stream,
};
pub use request::{
    BuildSpec, EventFilter, ExecLimits, ExecSpec, FileToPut, ImportSpec, LogOptions, RegistryLogin,
    RemoveContainer, Selector, TarStream, WaitFor, tar_of,
};
