//! Containers as an engine shows them.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{ContainerId, ContainerSpec, EffectiveMount, ImageId, Labels, NetworkId, PortKey};

/// A line of a listing: cheap, one call for all of them, without health, exit code or times of the state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerSummary {
    /// Id.
    pub id: ContainerId,
    /// Name, without the engine's leading slash.
    pub name: String,
    /// Reference it was created with, or the id where the reference has moved on.
    pub image: String,
    /// The image it was made of.
    pub image_id: ImageId,
    /// Labels.
    pub labels: Labels,
    /// What it does.
    pub status: ContainerStatus,
    /// When it was created, whole seconds.
    pub created: Option<Timestamp>,
}

/// A container as an inspect shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ObservedContainer {
    /// Id.
    pub id: ContainerId,
    /// Name, without the engine's leading slash.
    pub name: String,
    /// When it was created.
    pub created: Option<Timestamp>,
    /// The image it was made of; `spec.image` is the reference that was asked for.
    pub image_id: ImageId,
    /// What it was created with, image defaults merged in and rewritten as engines do.
    pub spec: ContainerSpec,
    /// What it does.
    pub state: ContainerState,
    /// How often the engine has started it again by itself since the last start by anybody else.
    pub restart_count: u64,
    /// What is mounted where, in effect.
    pub mounts: Vec<EffectiveMount>,
    /// Its endpoints, by the network's name.
    pub endpoints: BTreeMap<String, ObservedEndpoint>,
    /// Ports really published now; empty while it does not run.
    pub ports: Vec<BoundPort>,
    /// Processes of execs that run in it now, by the engine's exec ids.
    pub execs: Vec<String>,
}

impl ObservedContainer {
    /// Its labels.
    pub fn labels(&self) -> &Labels {
        &self.spec.labels
    }
}

/// An attachment of a container to a network, in effect.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObservedEndpoint {
    /// The network; empty until the container was first started or connected.
    pub network: Option<NetworkId>,
    /// Names it is found under: those asked for, and the short id once there is one.
    pub aliases: Vec<String>,
    /// IPv4 address, while it runs.
    pub ipv4: Option<String>,
    /// IPv6 address, while it runs.
    pub ipv6: Option<String>,
    /// Hardware address, while it runs.
    pub mac_address: Option<String>,
}

/// A port really published on the host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BoundPort {
    /// The port inside.
    pub container: PortKey,
    /// The host's address.
    pub host_ip: String,
    /// The host's port.
    pub host_port: u16,
}

/// What a container does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerStatus {
    /// Never started, or its start failed.
    Created,
    /// Runs.
    Running,
    /// Runs, frozen.
    Paused,
    /// Has ended and waits for the engine to start it again.
    Restarting,
    /// Being removed.
    Removing,
    /// Has ended.
    Exited,
    /// Could not be removed; only a removal helps.
    Dead,
    /// A word this build does not know.
    Other(String),
}

impl ContainerStatus {
    /// Whether it has a main process, or will have one again by itself.
    pub fn is_up(&self) -> bool {
        matches!(self, Self::Running | Self::Paused | Self::Restarting)
    }

    /// Reads the engine's word.
    pub fn from_word(word: &str) -> Self {
        match word {
            "created" | "configured" | "initialized" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" | "stopping" => Self::Removing,
            "exited" | "stopped" => Self::Exited,
            "dead" => Self::Dead,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl std::fmt::Display for ContainerStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Created => "created",
            Self::Running => "running",
            Self::Paused => "paused",
            Self::Restarting => "restarting",
            Self::Removing => "removing",
            Self::Exited => "exited",
            Self::Dead => "dead",
            Self::Other(word) => word,
        })
    }
}

/// What a container does, how it got there, and how it feels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContainerState {
    /// What it does.
    pub status: ContainerStatus,
    /// Exit code of the last run; 0 for one that never ran.
    pub exit_code: i64,
    /// The kernel killed it, or a process in it, for want of memory.
    pub oom_killed: bool,
    /// Why it did not start, in the engine's words.
    pub error: Option<String>,
    /// Main process, in the host's numbering; `None` while it does not run.
    pub pid: Option<u32>,
    /// When this run, or the last, began.
    pub started: Option<Timestamp>,
    /// When the last run ended.
    pub finished: Option<Timestamp>,
    /// The engine's verdict on its healthcheck; `None` where it has none.
    pub health: Option<Health>,
}

impl ContainerState {
    /// Tells whether its main process is there, frozen or not.
    pub fn is_running(&self) -> bool {
        matches!(
            self.status,
            ContainerStatus::Running | ContainerStatus::Paused
        )
    }

    /// Tells whether the engine cannot start it any more: it was killed while it started this container, and what
    /// runs containers for it has kept the process. Docker 20.10 never gets out of that; 23 and newer do.
    pub fn is_lost(&self) -> bool {
        let says =
            |error: &String| error.starts_with("task ") && error.ends_with(": already exists");
        !self.is_running() && self.error.as_ref().is_some_and(says)
    }

    /// Says how the last run ended, or that there was none because the start failed. `None` while it runs and
    /// for one that nobody started.
    pub fn end(&self) -> Option<ContainerEnd> {
        match self.status {
            ContainerStatus::Running | ContainerStatus::Paused => None,
            ContainerStatus::Created if self.error.is_none() && self.exit_code == 0 => None,
            ContainerStatus::Created => Some(ContainerEnd::FailedToStart {
                code: self.exit_code,
                error: self.error.clone().unwrap_or_default(),
            }),
            _ => Some(ContainerEnd::of(
                self.exit_code,
                self.oom_killed,
                self.error.as_deref(),
            )),
        }
    }
}

/// How a run of a container ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContainerEnd {
    /// With this exit code.
    Exited {
        /// Exit code; 0 is success.
        code: i64,
    },
    /// By a signal (codes 129 to 192).
    Signalled {
        /// Number of the signal.
        signal: i64,
    },
    /// Killed for want of memory.
    OutOfMemory {
        /// Exit code, 137 as a rule.
        code: i64,
    },
    /// It never ran: 126 and 127 are a bad command, 128 is the engine (a taken port, a missing mount).
    FailedToStart {
        /// Code the engine noted.
        code: i64,
        /// The engine's words.
        error: String,
    },
}

impl ContainerEnd {
    fn of(code: i64, oom_killed: bool, error: Option<&str>) -> Self {
        match (code, error) {
            (code, _) if oom_killed && code != 0 => Self::OutOfMemory { code },
            (126..=128, Some(error)) if !error.is_empty() => Self::FailedToStart {
                code,
                error: error.to_owned(),
            },
            (129..=192, _) => Self::Signalled { signal: code - 128 },
            (code, _) => Self::Exited { code },
        }
    }

    /// The exit code behind it.
    pub fn code(&self) -> i64 {
        match self {
            Self::Exited { code }
            | Self::OutOfMemory { code }
            | Self::FailedToStart { code, .. } => *code,
            Self::Signalled { signal } => signal + 128,
        }
    }
}

/// The engine's verdict on a healthcheck.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub status: HealthStatus,
    /// Failures in a row.
    pub failing_streak: u32,
    /// The last probes, oldest first. Those of an earlier run stay in it, see [`Health::probes_since`].
    pub probes: Vec<HealthProbe>,
}

impl Health {
    /// The probes of the run that began at `started`.
    pub fn probes_since(&self, started: Timestamp) -> impl Iterator<Item = &HealthProbe> {
        self.probes
            .iter()
            .filter(move |probe| probe.started.is_some_and(|at| at >= started))
    }
}

/// The engine's word on health.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HealthStatus {
    /// No verdict yet.
    Starting,
    /// The last probe succeeded.
    Healthy,
    /// Failed as often in a row as `retries` allows.
    Unhealthy,
}

/// One probe by the engine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthProbe {
    /// When it began.
    pub started: Option<Timestamp>,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// 0 is success, -1 a timeout.
    pub exit_code: i64,
    /// Its output, cut at 4096 bytes by the engine.
    pub output: String,
}

/// One path that differs between a container and its image.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PathChange {
    /// Absolute path in the container.
    pub path: String,
    /// How it differs.
    pub kind: PathChangeKind,
}

/// How a path differs from the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathChangeKind {
    /// Contents or attributes, or something below a folder.
    Modified,
    /// Not in the image.
    Added,
    /// No longer there.
    Deleted,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(
        status: ContainerStatus,
        exit_code: i64,
        oom_killed: bool,
        error: Option<&str>,
    ) -> ContainerState {
        ContainerState {
            status,
            exit_code,
            oom_killed,
            error: error.map(str::to_owned),
            pid: None,
            started: None,
            finished: None,
            health: None,
        }
    }

    #[test]
    fn the_end_of_a_run_is_told_from_code_oom_flag_and_error() {
        use ContainerStatus::{Created, Exited, Running};
        assert_eq!(state(Running, 0, false, None).end(), None);
        assert_eq!(state(Created, 0, false, None).end(), None);
        assert_eq!(
            state(Exited, 0, false, None).end(),
            Some(ContainerEnd::Exited { code: 0 })
        );
        assert_eq!(
            state(Exited, 143, false, None).end(),
            Some(ContainerEnd::Signalled { signal: 15 })
        );
        assert_eq!(
            state(Exited, 137, true, None).end(),
            Some(ContainerEnd::OutOfMemory { code: 137 })
        );
        let taken = Some("driver failed: port is already allocated");
        assert!(matches!(
            state(Created, 128, false, taken).end(),
            Some(ContainerEnd::FailedToStart { code: 128, .. })
        ));
        // A process of the container was killed, the container itself ended well.
        assert_eq!(
            state(Exited, 0, true, None).end(),
            Some(ContainerEnd::Exited { code: 0 })
        );
    }
}
