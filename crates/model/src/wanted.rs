//! The desired state in an engine's words: what a project comes down to on one engine.
//!
//! Made from a [`Project`](crate::Project) by core, without looking at the engine: names, labels and specs
//! are decided here, what has to be done about them is not.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ContainerSpec, FileToCopy, NetworkSpec, Place, VolumeSpec};

/// Everything that is wanted of a stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Wanted {
    /// Name of the project.
    pub project: String,
    /// Networks, by key in the project.
    pub networks: BTreeMap<String, WantedNetwork>,
    /// Named volumes, by key in the project.
    pub volumes: BTreeMap<String, WantedVolume>,
    /// Services that are switched on, by name.
    pub services: BTreeMap<String, WantedService>,
    /// Services that profiles or the request leave out; their containers are no orphans.
    pub left_out: Vec<String>,
    /// `x-bowline: {data: disposable}`: nothing in the stack's volumes is worth a question.
    pub disposable_data: bool,
    /// What the project says and nothing here acts on.
    #[serde(default)]
    pub ignored: Vec<Ignored>,
}

/// Something that a project says and that is not acted on, or otherwise than it reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ignored {
    /// The field: `services.web.develop`.
    pub path: String,
    /// What becomes of it, in words that complete "`path`: …".
    pub why: String,
    /// Where it is written.
    pub place: Option<Place>,
}

/// A network of the stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedNetwork {
    /// What to create. Of an external one only the name counts.
    pub spec: NetworkSpec,
    /// It has to be there and is never changed.
    pub external: bool,
}

/// A named volume of the stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedVolume {
    /// What to create. Of an external one only the name counts.
    pub spec: VolumeSpec,
    /// It has to be there and is never changed.
    pub external: bool,
}

/// A service of the stack.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedService {
    /// How many containers.
    pub replicas: u32,
    /// What each of them is created with. The labels lack the number, the image's id and the operation; the
    /// rest is complete.
    pub spec: ContainerSpec,
    /// `container_name`, where there is one: then there is at most one replica.
    pub container_name: Option<String>,
    /// Names of its containers without the number: `shop-web-`.
    pub name_prefix: String,
    /// Legacy links to containers of other services, which get their names when a container is made.
    #[serde(default)]
    pub links: Vec<WantedLink>,
    /// The image by the name under which it is pulled or built.
    pub image: WantedImage,
    /// What it waits for before it starts.
    pub depends_on: BTreeMap<String, WantedDependency>,
    /// Namespaces and mounts that it takes from containers of other services.
    pub shares: Vec<Share>,
    /// Where it shares: what its containers' config hash is made of, once the others have ids.
    #[serde(default)]
    pub hash_text: Option<HashText>,
    /// Contents copied into the container before it starts.
    pub files: Vec<FileToCopy>,
    /// Digests (keyed) of contents that count although no engine shows them: files behind `file:` secrets and
    /// configs, copied contents. By a name that people recognise (`secret db-password`).
    pub contents: BTreeMap<String, String>,
    /// What to do when one of `contents` changes.
    pub on_content_change: OnContentChange,
    /// How it is found out whether it may be depended on.
    pub readiness: Readiness,
    /// How long a stop may take before it is killed, in seconds; `None` is the engine's or image's default.
    pub stop_grace_secs: Option<i64>,
    /// Where the service is written, for messages.
    pub place: Option<Place>,
    /// The project's host paths that Compose creates where they are missing (`create_host_path`).
    pub host_paths: Vec<String>,
}

/// A legacy link to the containers of another service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedLink {
    /// The other service.
    pub service: String,
    /// The name under which its containers are found.
    pub alias: String,
}

/// The image of a service.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct WantedImage {
    /// The reference.
    pub reference: String,
    /// When it is pulled.
    pub pull: PullPolicy,
    /// How it is built, where it is: labels, arguments and platform complete.
    pub build: Option<Box<crate::Build>>,
    /// Where the build is written, for messages.
    #[serde(default)]
    pub build_place: Option<Place>,
    /// What the build asks for and no engine's own builder does: with anything in here it is refused.
    #[serde(default)]
    pub not_buildable: Vec<Ignored>,
    /// Whether a request builds it, whatever the files say.
    #[serde(default)]
    pub build_choice: BuildChoice,
    /// The files give it no name: it is called after its service, and never pulled.
    #[serde(default)]
    pub unnamed: bool,
    /// `os/arch[/variant]`, where one is asked for.
    pub platform: Option<String>,
}

/// Whether a request builds an image that has a build section, whatever the files say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BuildChoice {
    /// Where it is not there, or its pull policy says so.
    #[default]
    AsTheFilesSay,
    /// Although it is there.
    Always,
    /// Never: it has to be there.
    Never,
}

/// When an image is pulled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PullPolicy {
    /// Where it is not there.
    #[default]
    Missing,
    /// Every time.
    Always,
    /// Never: it has to be there.
    Never,
    /// Never: it is built, every time.
    Build,
    /// Where it is not there, or was pulled longer ago than this many seconds.
    Older(u64),
}

/// What a service waits for in another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WantedDependency {
    /// Until when.
    pub condition: Condition,
    /// Whether it is restarted when the other one is recreated.
    pub restart: bool,
    /// Whether it can start without the other one.
    pub required: bool,
}

/// When a dependency is satisfied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Condition {
    /// It was started.
    Started,
    /// It is ready.
    Healthy,
    /// It has ended with 0.
    Completed,
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Started => "is started",
            Self::Healthy => "is ready",
            Self::Completed => "has completed",
        })
    }
}

/// Something a container takes from a container of another service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Share {
    /// What.
    pub what: Shared,
    /// The other service.
    pub service: String,
}

/// What Compose hashes for its label on the containers of a service, where ids of other containers belong to it.
///
/// It says all that the service says, its secrets too: `Debug` shows nothing of it, and it is written down only where
/// environments are.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HashText(pub Vec<HashPart>);

impl fmt::Debug for HashText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HashText").finish_non_exhaustive()
    }
}

/// A part of such a text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashPart {
    /// As it stands.
    Text(String),
    /// The id of the container that is taken from, by its service.
    IdOf(String),
}

/// What can be taken from another container.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shared {
    /// Its network namespace.
    Network,
    /// Its IPC namespace.
    Ipc,
    /// Its PID namespace.
    Pid,
    /// Its mounts; whether they can be written.
    Volumes {
        /// Without the right to write.
        read_only: bool,
    },
}

/// What to do when a content changes that a container was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnContentChange {
    /// Make the container again.
    #[default]
    Recreate,
    /// Send its main process this signal.
    Signal(String),
    /// Nothing.
    Ignore,
}

/// How it is found out whether a service is ready.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Readiness {
    /// By running its own healthcheck ahead of the engine.
    #[default]
    Own,
    /// By the engine's verdict alone (`x-bowline: {ready: engine}`).
    Engine,
}
