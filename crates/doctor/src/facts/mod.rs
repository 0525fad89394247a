//! Everything that was observed of a stack at one moment. Plain data: a diagnosis sees nothing else.
//!
//! A secret value that was known is nowhere in it, but for those that are too short or are names of the project
//! ([`Weakness`]): they stand in running text. Where one stood there is `#1`, `#2` …: the same number is the same value, so
//! two places can be compared by it and by nothing else.

mod asked;
mod host;
mod inside;
mod networks;
mod operation;
mod platform;
mod recipes;
mod service;
mod told;
mod traffic;

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::{ContainerStatus, EventAction, HealthStatus, Place};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

pub use asked::{
    AskedFact, AskedLogin, CertificateFact, DatabaseAnswer, HolderFact, HttpAnswer, Outcome,
    RedisAnswer, ServerAnswer, SessionsFact, StatementFact, TlsAnswer, WaitFact,
};
pub use host::{FileFact, FileHead, FileSort, FileThere, HostFact, NameFact, PortFact, Room};
pub use inside::{
    DialAnswer, Dialled, InsideFact, ListenerFact, NameAnswer, PeerFact, SessionFact, TriedFact,
};
pub use networks::{MissingNetwork, NetworkFact, RouteFact, Stranger, TakenSubnet};
pub use operation::{Changed, Circle, Elsewhere, NoEngine, NotDone, Overriding, WhyNoEngine};
pub use platform::{AppFact, NodeFact, PlatformFact, RoleFact, VaultSecretFact};
pub use recipes::OwnRecipes;
pub use service::{EmptyVariable, ServiceFact, Unlimited, Weakness};
pub use told::{Told, ToldHost, ToldText};
pub(crate) use traffic::names_part;
pub use traffic::{GroupFact, QueueFact, SettingFact, TalkerFact, TrafficFact};

/// What was observed of a stack. Lists are sorted by name or time, so equal observations are equal facts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// When looking began, by the engine's clock.
    pub at: Timestamp,
    /// How long looking took, in milliseconds.
    #[serde(default)]
    pub took_millis: u64,
    /// How many instruments were made for it: containers beside those that could not be looked into from outside.
    #[serde(default, skip_serializing_if = "is_none")]
    pub instruments: usize,
    /// The project's name.
    pub project: String,
    /// Which services a service needs, by its files; by its containers' labels where there are none.
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// Its containers, those that were started by hand for one command included.
    pub containers: Vec<ContainerFact>,
    /// Networks of the project, and those that its containers are on.
    pub networks: Vec<NetworkFact>,
    /// Networks that the files want and the engine does not have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_networks: Vec<MissingNetwork>,
    /// The subnets of all networks of the engine, where one that is wanted is missing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken_subnets: Vec<TakenSubnet>,
    /// Routes of this host that may lead to containers, where it has the devices of the stack's networks.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<RouteFact>,
    /// Volumes of the project, and those that its containers mount.
    pub volumes: Vec<VolumeFact>,
    /// What the engine reported of the project's containers, the oldest first.
    pub events: Vec<Event>,
    /// What containers wrote last, by the container's name; of those that are in doubt and of those that they need.
    pub logs: BTreeMap<String, LogFact>,
    /// What the files say of the services, by their names; none where there are no files.
    #[serde(default)]
    pub services: BTreeMap<String, ServiceFact>,
    /// Variables that the files use and nobody set: they became empty.
    #[serde(default)]
    pub empty_variables: Vec<EmptyVariable>,
    /// What containers are told about servers and logins, by the container's name.
    #[serde(default)]
    pub told: BTreeMap<String, Vec<Told>>,
    /// Settings that name queues and channels, by the container's name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, Vec<SettingFact>>,
    /// Memory of the engine's host in bytes; 0 where it is not known.
    #[serde(default)]
    pub host_memory_bytes: u64,
    /// Images by the references that containers and files name.
    #[serde(default)]
    pub images: BTreeMap<String, ImageFact>,
    /// What the kernel shows of running containers, by the container's name.
    #[serde(default)]
    pub insides: BTreeMap<String, InsideFact>,
    /// Names and addresses that were tried from within containers.
    #[serde(default)]
    pub tried: Vec<TriedFact>,
    /// Servers that were asked in their own protocol.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub asked: Vec<AskedFact>,
    /// Files in containers that somebody needs.
    #[serde(default)]
    pub files: Vec<FileFact>,
    /// Who holds the ports of the host that containers did not get.
    #[serde(default)]
    pub ports: Vec<PortFact>,
    /// What the last operation could not do.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_done: Vec<NotDone>,
    /// Fields in which running containers are not as the files want them, by the service.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changed: BTreeMap<String, Vec<Changed>>,
    /// Variables of this shell that stand before what a file of variables says.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overriding: Vec<Overriding>,
    /// Dependencies that go in a circle, for which the files cannot be loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub circles: Vec<Circle>,
    /// The engine, where it could not be reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_engine: Option<NoEngine>,
    /// Another engine that has the project, where the one that was asked has nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub elsewhere: Option<Elsewhere>,
    /// Who has the names that services want for their containers and did not get.
    #[serde(default)]
    pub names: Vec<NameFact>,
    /// Paths in which containers that are not well differ from their images, by the container's name.
    #[serde(default)]
    pub changes: BTreeMap<String, Vec<String>>,
    /// Those of them that their images do not have, by the container's name: also what was put there before the first start,
    /// as configs that have no file are.
    #[serde(default)]
    pub added: BTreeMap<String, BTreeSet<String>>,
    /// Volumes of other projects that are called in their files as one of this project is in its.
    #[serde(default)]
    pub namesakes: Vec<VolumeFact>,
    /// What the engine says of itself and its host.
    #[serde(default)]
    pub host: Option<HostFact>,
    /// What a platform that is no engine said. Nothing here asks one: only a recording can hold it.
    #[serde(default, skip_serializing_if = "PlatformFact::is_empty")]
    pub platform: PlatformFact,
    /// Where the fields are written that causes and risks name, by the field: `services.api.environment.TAG`; of volumes and
    /// networks by the names that the engine has for them.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub places: BTreeMap<String, Place>,
    /// The user's own recipes, by which all of it is understood.
    #[serde(default, skip_serializing_if = "OwnRecipes::is_empty")]
    pub recipes: OwnRecipes,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

impl Facts {
    /// The facts of a project of which nothing could be looked at.
    pub fn none(project: &str, at: Timestamp) -> Self {
        Self {
            at,
            took_millis: 0,
            instruments: 0,
            host_memory_bytes: 0,
            project: project.to_owned(),
            needs: BTreeMap::new(),
            containers: Vec::new(),
            networks: Vec::new(),
            missing_networks: Vec::new(),
            taken_subnets: Vec::new(),
            routes: Vec::new(),
            volumes: Vec::new(),
            events: Vec::new(),
            logs: BTreeMap::new(),
            services: BTreeMap::new(),
            empty_variables: Vec::new(),
            told: BTreeMap::new(),
            settings: BTreeMap::new(),
            images: BTreeMap::new(),
            insides: BTreeMap::new(),
            tried: Vec::new(),
            asked: Vec::new(),
            files: Vec::new(),
            ports: Vec::new(),
            names: Vec::new(),
            changes: BTreeMap::new(),
            added: BTreeMap::new(),
            namesakes: Vec::new(),
            host: None,
            not_done: Vec::new(),
            changed: BTreeMap::new(),
            overriding: Vec::new(),
            circles: Vec::new(),
            no_engine: None,
            elsewhere: None,
            platform: PlatformFact::default(),
            places: BTreeMap::new(),
            recipes: OwnRecipes::default(),
            unseen: Vec::new(),
        }
    }
}

/// A container.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a plain fact of its own, and recordings have them by name"
)]
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ContainerFact {
    /// Name.
    pub name: String,
    /// Id.
    pub id: String,
    /// The service that it belongs to; `None` where no label says so.
    pub service: Option<String>,
    /// Whether it was made for a single command (`run`).
    pub is_one_off: bool,
    /// Reference of the image that was asked for.
    pub image: String,
    /// Id of the image that it is made of.
    pub image_id: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// What it does.
    pub status: ContainerStatus,
    /// Exit code of the last run; 0 for one that never ran.
    pub exit_code: i64,
    /// The kernel killed it for want of memory.
    pub oom_killed: bool,
    /// Why it was not started, in the engine's words.
    pub error: Option<String>,
    /// When this run, or the last, began.
    pub started: Option<Timestamp>,
    /// When the last run ended.
    pub finished: Option<Timestamp>,
    /// How often the engine started it again by itself.
    pub restarts: u64,
    /// Its restart policy, as Compose writes it.
    pub restart_policy: String,
    /// Its healthcheck; `None` where it has none.
    pub health: Option<HealthFact>,
    /// What is run: the entrypoint and its arguments.
    pub command: Vec<String>,
    /// User, where one was asked for.
    pub user: Option<String>,
    /// Its environment. `None` is a name without a value.
    pub environment: BTreeMap<String, Option<String>>,
    /// Its networks, by name.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// The network's mode where it is not on networks of its own: `host`, `none`, `container:ID`.
    pub network_mode: Option<String>,
    /// Ports that are published, or were to be.
    pub published: Vec<Published>,
    /// What is mounted.
    pub mounts: Vec<Mount>,
    /// What it may use.
    pub limits: Limits,
    /// Driver of its log.
    pub log_driver: Option<String>,
    /// Seconds between the signal to stop and the kill; `None` is the engine's 10.
    pub stop_timeout_secs: Option<i64>,
    /// The signal that stops it; `None` is the image's, or SIGTERM.
    pub stop_signal: Option<String>,
    /// Names that its own table of hosts knows: `name:address`.
    #[serde(default)]
    pub extra_hosts: Vec<String>,
    /// Ports that it says it opens: `5432/tcp`.
    #[serde(default)]
    pub exposed: Vec<String>,
    /// Whether nothing of its image can be written to.
    #[serde(default)]
    pub is_read_only: bool,
    /// Paths that are kept in memory.
    #[serde(default)]
    pub tmpfs: Vec<String>,
    /// Whether a small init process reaps what its main process leaves.
    #[serde(default)]
    pub has_init: bool,
    /// Name servers that it was given.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns: Vec<String>,
    /// Options of its log's driver.
    #[serde(default)]
    pub log_options: BTreeMap<String, String>,
    /// The folder that its main process is started in; `None` is `/`.
    #[serde(default)]
    pub working_dir: Option<String>,
    /// Rights of root that it does not have, as the files name them: `NET_BIND_SERVICE`, `ALL`.
    #[serde(default)]
    pub cap_drop: Vec<String>,
    /// Settings of the kernel that were made for it.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// The name of its host: the beginning of its id where nobody gave it one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
}

impl ContainerFact {
    /// When what it writes begins to be about its last run: engines note the start a moment after the first lines.
    pub(crate) fn run_began(&self) -> Option<Timestamp> {
        let started = self.started?;
        started.checked_sub(SignedDuration::from_secs(1)).ok()
    }
}

/// A healthcheck, and what the engine says about it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HealthFact {
    /// The engine's verdict; `None` while it does not run.
    pub verdict: Option<HealthStatus>,
    /// Failures in a row.
    pub failing_streak: u32,
    /// What is run; a shell's line behind `CMD-SHELL`.
    pub test: Vec<String>,
    /// Seconds between two probes.
    pub interval_secs: f64,
    /// Seconds that one may take.
    pub timeout_secs: f64,
    /// Seconds in which failures do not count.
    pub start_period_secs: f64,
    /// Failures in a row that make it unhealthy.
    pub retries: u32,
    /// The last probes of this run, oldest first.
    pub probes: Vec<Probe>,
}

/// A probe by the engine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// When it began.
    pub at: Option<Timestamp>,
    /// 0 is success, -1 that it could not be run or took too long.
    pub exit_code: i64,
    /// What it printed, at most 4096 bytes.
    pub output: String,
}

/// A place on a network.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Endpoint {
    /// Names under which it is found there.
    pub aliases: Vec<String>,
    /// Address, while it runs.
    pub ipv4: Option<String>,
    /// Address, while it runs.
    pub ipv6: Option<String>,
    /// The address that was asked for.
    pub wanted_ipv4: Option<String>,
}

/// A port on the host.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The port inside, with its protocol: `5432/tcp`.
    pub container: String,
    /// The host's address; empty is all.
    pub host_ip: String,
    /// The host's port, or what was asked for (a range, or empty for any).
    pub host_port: String,
    /// Whether it is open now, rather than asked for.
    pub is_open: bool,
}

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Mount {
    /// Where in the container.
    pub target: String,
    /// `bind`, `volume`, `tmpfs`, or another word of the engine's.
    pub kind: String,
    /// The volume's name, or the path on the host.
    pub source: String,
    /// Writable.
    pub writable: bool,
    /// The folder of the volume that is mounted; `None` is all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subpath: Option<String>,
    /// The path of a file or folder of the project, from the project's folder on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub in_project: Option<String>,
    /// When a mounted file was last changed on the host. One that was replaced there is still the former one inside, until
    /// the container is started again. `None` for folders, and where the host's file is not to be seen from here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed_on_host: Option<Timestamp>,
}

/// What a container may use; `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Limits {
    /// Memory in bytes.
    pub memory_bytes: Option<i64>,
    /// Processors, in billionths of one.
    pub nano_cpus: Option<i64>,
    /// Processes and threads.
    pub pids: Option<i64>,
    /// Files that a process may have open.
    #[serde(default)]
    pub open_files: Option<i64>,
}

/// An image, by the reference under which somebody wants it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageFact {
    /// The id that the reference leads to now; `None` where the engine has no such image.
    pub id: Option<String>,
    /// `os/arch[/variant]`.
    pub platform: String,
    /// What is run where nobody says otherwise: entrypoint and command.
    pub command: Vec<String>,
    /// Ports that it says it opens: `5432/tcp`.
    pub exposed: Vec<String>,
    /// Paths that become volumes of their own where nothing is mounted.
    pub volumes: Vec<String>,
    /// Variables with a secret's name that it holds a value for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
}

/// A volume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VolumeFact {
    /// Name.
    pub name: String,
    /// Driver.
    pub driver: Option<String>,
    /// When it was created, whole seconds; some drivers do not say.
    pub created: Option<Timestamp>,
    /// The file system that is made for it, where the driver is told one: `tmpfs`, `nfs`.
    #[serde(default)]
    pub file_system: Option<String>,
    /// Its name in the files, by its label.
    #[serde(default)]
    pub key: Option<String>,
    /// Its project, by its label.
    #[serde(default)]
    pub project: Option<String>,
}

/// Something that the engine reported.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// The container's name.
    pub container: String,
    /// What happened.
    pub action: EventAction,
    /// Exit code of one that ended.
    pub exit_code: Option<i64>,
    /// Number or name of a signal that was sent.
    pub signal: Option<String>,
    /// Whether the kernel's log says it and the engine did not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_kernel: bool,
}

impl Event {
    /// Whether it is a signal that nobody can catch.
    pub(crate) fn is_sigkill(&self) -> bool {
        matches!(self.signal.as_deref(), Some("9" | "SIGKILL" | "KILL"))
    }
}

/// The end of a container's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogFact {
    /// Lines, the oldest first.
    pub lines: Vec<LogLine>,
    /// Whether there was more before them.
    pub is_cut: bool,
    /// Bytes in the file that the engine keeps it in; `None` where that is not on this host, or may not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The numbers of secret values that stand in it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub secrets: BTreeSet<String>,
}

/// A line that a container wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LogLine {
    /// When.
    pub at: Timestamp,
    /// Its text, without what steers a terminal; cut where it is longer than the bound.
    pub text: String,
}

/// Something that could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unseen {
    /// What.
    pub look: Look,
    /// Why not.
    pub cause: WhyUnseen,
}

/// A look that was to be taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Look {
    /// The project's containers.
    Containers,
    /// Networks.
    Networks,
    /// Volumes.
    Volumes,
    /// What the engine reported before this moment; it remembers little, and nothing across a restart.
    Events {
        /// Nothing older than this is known.
        before: Timestamp,
    },
    /// The log of a container.
    Log(String),
    /// The kernel's view of a container: its processes, sockets and counters.
    Inside(String),
    /// A file of a container.
    File {
        /// The container.
        container: String,
        /// The path.
        path: String,
    },
    /// The images of containers and files.
    Images,
    /// In what a container differs from its image.
    Changes(String),
    /// Names and addresses, from within containers.
    Tries,
    /// Servers, in their own protocol.
    Asks,
    /// What the kernel's log says of processes that it killed.
    KernelLog,
    /// What an `up` would change.
    Drift,
    /// So many containers that nothing put in doubt, more closely than the engine tells of each.
    Closely(usize),
}

impl Look {
    /// What was to be looked at, for people.
    pub fn words(&self) -> String {
        match self {
            Self::Containers => "containers".to_owned(),
            Self::Networks => "networks".to_owned(),
            Self::Volumes => "volumes".to_owned(),
            Self::Images => "images".to_owned(),
            Self::Changes(container) => format!("what was changed in {container}"),
            Self::Events { before } => {
                let before = before.strftime("%Y-%m-%d %H:%M:%S UTC");
                format!("what happened before {before}")
            }
            Self::Log(container) => format!("the log of {container}"),
            Self::Inside(container) => format!("processes and sockets of {container}"),
            Self::File { container, path } => format!("`{path}` in {container}"),
            Self::KernelLog => "the kernel's log".to_owned(),
            Self::Tries => "names and addresses from within containers".to_owned(),
            Self::Asks => "servers, in their own protocol".to_owned(),
            Self::Drift => "what `bowline up` would change".to_owned(),
            Self::Closely(1) => "1 container that nothing put in doubt, more closely".to_owned(),
            Self::Closely(count) => {
                format!("{count} containers that nothing put in doubt, more closely")
            }
        }
    }
}

/// Why something could not be looked at.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WhyUnseen {
    /// It took longer than it may.
    TooSlow,
    /// The engine refused or was lost, in its words.
    Engine(String),
    /// The kernel of this host does not show it, in its words.
    Kernel(String),
    /// The kernel of this host does not show it to this user, in its words.
    Denied(String),
    /// There was more than is looked at in one go.
    TooMany,
    /// The engine does not remember.
    Forgotten,
    /// Whoever asked did not want it to be looked at.
    NotWanted,
}

impl WhyUnseen {
    /// Whether this user may not look, and root may.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Denied(_))
    }

    /// What is said of it in words that are not the doctor's.
    pub(crate) fn others_words(&mut self) -> Option<&mut String> {
        match self {
            Self::Engine(words) | Self::Kernel(words) | Self::Denied(words) => Some(words),
            Self::TooSlow | Self::TooMany | Self::Forgotten | Self::NotWanted => None,
        }
    }

    /// Why, for people.
    pub fn words(&self) -> &str {
        match self {
            Self::TooSlow => "it took too long",
            Self::Engine(words) | Self::Kernel(words) | Self::Denied(words) => words,
            Self::TooMany => "there was too much of it for one look",
            Self::Forgotten => "the engine has forgotten it",
            Self::NotWanted => "not wanted",
        }
    }
}
