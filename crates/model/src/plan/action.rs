//! What a step does, how strong it is, and how it is taken back.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::FileChange;
use crate::{
    Build, Condition, ContainerId, ContainerSpec, EndpointSpec, FileToCopy, HashText, ImageId,
    MountSpec, NetworkId, NetworkSpec, OperationId, Place, Share, VolumeSpec,
};

/// How strong an action is. The order counts: destructive is the strongest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// Looks or waits.
    Read,
    /// Can be taken back.
    Reversible,
    /// Loses data that nothing brings back.
    Destructive,
}

/// A container as a plan speaks of it.
///
/// One that is there already is meant by its id; one that an earlier step makes, by its name, whose id the
/// executor learns when that step is done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ContainerRef {
    /// The name it has, or will have, when this step is done.
    pub name: String,
    /// The id, where it is known.
    pub id: Option<ContainerId>,
}

impl fmt::Display for ContainerRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What a step does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "do")]
pub enum Action {
    /// Pulls an image.
    PullImage {
        /// The reference.
        reference: String,
        /// `os/arch[/variant]`.
        platform: Option<String>,
    },
    /// Builds an image and gives it its references.
    BuildImage {
        /// The first of its references; the others are the build's `tags`.
        reference: String,
        /// How.
        build: Box<Build>,
        /// Where that is written, for messages.
        #[serde(default)]
        place: Option<Place>,
    },
    /// Creates a network.
    CreateNetwork {
        /// What to create, labels complete but for the operation.
        spec: NetworkSpec,
    },
    /// Lets a reference point to an image.
    TagImage {
        /// The image.
        image: ImageId,
        /// The reference.
        reference: String,
    },
    /// Removes a network.
    RemoveNetwork {
        /// Which, where that is known; else the one of this name that `made_by` made.
        id: Option<NetworkId>,
        /// Its name.
        name: String,
        /// Only where this operation made it.
        made_by: Option<OperationId>,
    },
    /// Creates a volume.
    CreateVolume {
        /// What to create, labels complete but for the operation.
        spec: VolumeSpec,
    },
    /// Removes a volume and everything in it.
    RemoveVolume {
        /// Its name.
        name: String,
    },
    /// Creates a container and puts its files in.
    CreateContainer {
        /// Its name.
        name: String,
        /// What to create, labels complete but for the operation.
        spec: Box<ContainerSpec>,
        /// What it takes from other containers, by the name of each container's service and first container.
        shares: Vec<(Share, ContainerRef)>,
        /// What its config hash is made of, where ids of those containers belong to it; `None` leaves the label as it is.
        #[serde(default)]
        hash_text: Option<HashText>,
        /// Volumes that nobody named and that it takes over from the container in whose place it comes.
        #[serde(default)]
        keeps: Vec<MountSpec>,
        /// Contents copied into it.
        files: Vec<FileToCopy>,
        /// Digests of contents that no engine shows, by name, to be remembered with it.
        contents: BTreeMap<String, String>,
    },
    /// Gives a container another name.
    RenameContainer {
        /// Which; its name here is the new one.
        container: ContainerRef,
        /// The name it had.
        from: String,
    },
    /// Starts a container.
    StartContainer {
        /// Which.
        container: ContainerRef,
    },
    /// Stops a container.
    StopContainer {
        /// Which.
        container: ContainerRef,
        /// Seconds until it is killed; `None` is what the container itself says, else ten.
        grace_secs: Option<i64>,
    },
    /// Freezes a container that runs: its processes stand still, and what they hold stays.
    PauseContainer {
        /// Which.
        container: ContainerRef,
    },
    /// Lets a frozen container go on.
    UnpauseContainer {
        /// Which.
        container: ContainerRef,
    },
    /// Sends a signal to a container's main process.
    SignalContainer {
        /// Which.
        container: ContainerRef,
        /// The signal.
        signal: String,
    },
    /// Removes a container that does not run.
    RemoveContainer {
        /// Which.
        container: ContainerRef,
        /// Remove its anonymous volumes, too.
        anonymous_volumes: bool,
        /// Only where this operation made it.
        made_by: Option<OperationId>,
    },
    /// Attaches a container to a network.
    ConnectNetwork {
        /// Which.
        container: ContainerRef,
        /// How; names the network.
        endpoint: EndpointSpec,
    },
    /// Detaches a container from a network.
    DisconnectNetwork {
        /// Which.
        container: ContainerRef,
        /// The network.
        network: String,
    },
    /// Changes a file of the user's, where it still is what was read.
    ChangeFile {
        /// What stands there, and what is to stand there.
        change: Box<FileChange>,
    },
    /// Waits until a container may be depended on.
    Await {
        /// Which.
        container: ContainerRef,
        /// Until when.
        condition: Condition,
    },
}

impl Action {
    /// How strong the action is.
    ///
    /// No wildcard arm: a new action has to say what it is.
    pub fn effect(&self) -> Effect {
        match self {
            Self::Await { .. } => Effect::Read,
            Self::RemoveVolume { .. } => Effect::Destructive,
            Self::RemoveContainer {
                anonymous_volumes, ..
            } => {
                if *anonymous_volumes {
                    Effect::Destructive
                } else {
                    Effect::Reversible
                }
            }
            Self::PullImage { .. }
            | Self::BuildImage { .. }
            | Self::TagImage { .. }
            | Self::CreateNetwork { .. }
            | Self::RemoveNetwork { .. }
            | Self::CreateVolume { .. }
            | Self::CreateContainer { .. }
            | Self::RenameContainer { .. }
            | Self::StartContainer { .. }
            | Self::StopContainer { .. }
            | Self::PauseContainer { .. }
            | Self::UnpauseContainer { .. }
            | Self::SignalContainer { .. }
            | Self::ConnectNetwork { .. }
            | Self::DisconnectNetwork { .. }
            | Self::ChangeFile { .. } => Effect::Reversible,
        }
    }

    /// The references that this lets point to an image, each once.
    pub fn references(&self) -> Vec<&str> {
        let (first, others) = match self {
            Self::PullImage { reference, .. } | Self::TagImage { reference, .. } => {
                (reference, [].as_slice())
            }
            Self::BuildImage {
                reference, build, ..
            } => (reference, build.tags.as_slice()),
            _ => return Vec::new(),
        };
        let mut references = vec![first.as_str()];
        for other in others {
            if !references.contains(&other.as_str()) {
                references.push(other);
            }
        }
        references
    }

    /// The container that is acted on, if it is one.
    pub fn container(&self) -> Option<&ContainerRef> {
        match self {
            Self::RenameContainer { container, .. }
            | Self::StartContainer { container }
            | Self::StopContainer { container, .. }
            | Self::PauseContainer { container }
            | Self::UnpauseContainer { container }
            | Self::SignalContainer { container, .. }
            | Self::RemoveContainer { container, .. }
            | Self::ConnectNetwork { container, .. }
            | Self::DisconnectNetwork { container, .. }
            | Self::Await { container, .. } => Some(container),
            Self::PullImage { .. }
            | Self::BuildImage { .. }
            | Self::TagImage { .. }
            | Self::CreateNetwork { .. }
            | Self::RemoveNetwork { .. }
            | Self::CreateVolume { .. }
            | Self::RemoveVolume { .. }
            | Self::CreateContainer { .. }
            | Self::ChangeFile { .. } => None,
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PullImage { reference, .. } => write!(f, "pull image {reference}"),
            Self::BuildImage { .. } => write!(f, "build image {}", self.references().join(", ")),
            Self::TagImage { image, reference } => {
                write!(f, "tag image {} as {reference}", image.short())
            }
            Self::CreateNetwork { spec } => write!(f, "create network {}", spec.name),
            Self::RemoveNetwork { name, .. } => write!(f, "remove network {name}"),
            Self::CreateVolume { spec } => write!(f, "create volume {}", spec.name),
            Self::RemoveVolume { name } => write!(f, "remove volume {name} and its data"),
            Self::CreateContainer { name, .. } => write!(f, "create container {name}"),
            Self::RenameContainer { container, from } => {
                write!(f, "rename container {from} to {container}")
            }
            Self::StartContainer { container } => write!(f, "start container {container}"),
            Self::StopContainer { container, .. } => write!(f, "stop container {container}"),
            Self::PauseContainer { container } => write!(f, "pause container {container}"),
            Self::UnpauseContainer { container } => write!(f, "unpause container {container}"),
            Self::SignalContainer { container, signal } => {
                write!(f, "send {signal} to container {container}")
            }
            Self::RemoveContainer {
                container,
                anonymous_volumes: false,
                ..
            } => write!(f, "remove container {container}"),
            Self::RemoveContainer { container, .. } => {
                write!(f, "remove container {container} and its anonymous volumes")
            }
            Self::ConnectNetwork {
                container,
                endpoint,
            } => write!(
                f,
                "connect container {container} to network {}",
                endpoint.network
            ),
            Self::DisconnectNetwork { container, network } => {
                write!(f, "disconnect container {container} from network {network}")
            }
            Self::ChangeFile { change } => change.fmt(f),
            Self::Await {
                container,
                condition,
            } => write!(f, "wait until container {container} {condition}"),
        }
    }
}

/// How a step is taken back, worked out from what was there immediately before it and written down before it
/// starts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Nothing changes that would have to be taken back.
    Nothing,
    /// By these actions, in this order. Each is a step of its own when it is done, with an undo of its own.
    Run(Vec<Action>),
    /// Not at all.
    Impossible {
        /// Why, in words that end the sentence "cannot be undone: …".
        because: String,
    },
}
