//! The words that every bowline crate uses, as data with their invariants.
//!
//! Nothing here reads a file, an environment variable, a clock or a socket. A type belongs here when at
//! least two crates speak about it; what only one of them needs stays in its room.
//!
//! Where to read next: [`Project`] is what Compose files mean; [`ContainerSpec`] and its neighbours are
//! what an engine is asked for, [`ObservedContainer`] what it answers. [`carried`] reads from a service's environment,
//! command and files whom it connects to.

mod capability;
pub mod carried;
mod container;
mod event;
mod file_copy;
mod image;
pub mod label;
mod mount;
mod nearest;
mod network;
mod observed;
mod place;
mod plan;
mod project;
mod secret;
mod signal;
mod snapshot;
mod steering;
mod text;
mod typed;
mod volume;
mod wanted;
mod written;

pub use capability::{ApiVersion, Capability};
pub use container::{
    BlockIoSpec, ContainerId, ContainerSpec, DeviceRequestSpec, DeviceSpec, EndpointSpec,
    HealthTest, HealthcheckSpec, HostPort, LogSpec, NetworkingSpec, PortKey, PortSpec, Protocol,
    ResourcesSpec, RestartSpec, SecuritySpec, ThrottleDevice, UlimitSpec, WeightDevice,
};
pub use event::{EngineEvent, EventAction, ObjectKind};
pub use file_copy::FileToCopy;
pub use image::{ImageConfig, ImageId, ObservedImage};
pub use mount::{
    BindRecursive, BindSpec, EffectiveMount, ImageMountSpec, MountSource, MountSpec, SelinuxLabel,
    TmpfsSpec, VolumeMountSpec,
};
pub use nearest::nearest;
pub use network::{IpamPool, IpamSpec, NetworkId, NetworkSpec, ObservedNetwork};
pub use observed::{
    BoundPort, ContainerEnd, ContainerState, ContainerStatus, ContainerSummary, Health,
    HealthProbe, HealthStatus, ObservedContainer, ObservedEndpoint, PathChange, PathChangeKind,
};
pub use place::{Origins, Place};
pub use plan::{
    Action, Actor, Cause, Change, ContainerRef, Effect, FileChange, FileState, Goal, LineChange,
    Note, Operation, OperationId, Outcome, Plan, Step, StepId, StepOutcome, Undo,
};
pub use project::*;
pub use secret::{
    MASK, PASSWORD_WORDS, Secret, is_opening_key, is_secret_key, mask_command, mask_line,
    mask_passwords,
};
pub use signal::{signal_name, signal_number};
pub use snapshot::Observed;
pub use steering::is_steering;
pub use text::{Argv, EnvSpec, Labels, TextMap};
pub use typed::typed;
pub use volume::{ObservedVolume, VolumeSpec};
pub use wanted::{
    BuildChoice, Condition, HashPart, HashText, Ignored, OnContentChange, PullPolicy, Readiness,
    Share, Shared, Wanted, WantedDependency, WantedImage, WantedLink, WantedNetwork, WantedService,
    WantedVolume,
};
pub use written::mask_written;
