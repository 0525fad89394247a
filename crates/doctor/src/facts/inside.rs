//! What the kernel shows of a running container, and what answers from within it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::TcpState;
use bowline_model::Protocol;
use serde::{Deserialize, Serialize};

/// A running container from the kernel's side.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct InsideFact {
    /// What waits for traffic in its network namespace, sorted.
    pub listeners: Vec<ListenerFact>,
    /// Its TCP connections, those alike counted together, sorted.
    pub peers: Vec<PeerFact>,
    /// The number of its network namespace, which it may share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<u64>,
    /// The IPv4 networks that its routing table leads to, as `172.18.0.0/16`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub routes: Option<BTreeSet<String>>,
    /// The main process, word by word, without secrets.
    pub main: Vec<String>,
    /// The user whose rights the main process has, by number on the host.
    pub main_uid: Option<u32>,
    /// The users of all its processes, by number on the host.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub uids: BTreeSet<u32>,
    /// The kernel's function in which the main process waits.
    pub main_waits_in: Option<String>,
    /// Files that its processes hold locked for writing, by their paths inside, each with the command that does.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub locked: BTreeMap<String, String>,
    /// How many processes it has.
    pub processes: usize,
    /// How many of them have ended and were not reaped.
    pub zombies: usize,
    /// Files that the process with the most of them has open, and how many it may have.
    pub open_files: Option<(u64, Option<u64>)>,
    /// Memory in use and the limit, in bytes.
    pub memory: Option<(u64, Option<u64>)>,
    /// Kills for want of memory in this run.
    pub oom_kills: Option<u64>,
    /// Periods of the processor quota, and those in which it had to wait.
    pub throttled: Option<(u64, u64)>,
    /// Processes and threads, the limit, and how often it was hit.
    pub pids: Option<(u64, Option<u64>, Option<u64>)>,
    /// TCP segments sent, and sent again.
    pub segments: Option<(u64, u64)>,
    /// Attempts to connect that came to nothing since its network was made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed_attempts: Option<u64>,
    /// Sessions of a database that says of each of its processes whom it serves and what it does, those alike counted
    /// together, sorted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sessions: Vec<SessionFact>,
}

/// Sessions of a database that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SessionFact {
    /// The user.
    pub user: String,
    /// The database.
    pub database: String,
    /// Where the client is; `None` in the container itself.
    pub remote: Option<IpAddr>,
    /// What it does, in the server's words: `idle`, `idle in transaction`, `SELECT waiting`.
    pub doing: String,
    /// How many.
    pub count: usize,
}

impl SessionFact {
    /// Whether it began a transaction and does nothing.
    pub(crate) fn is_idle_in_transaction(&self) -> bool {
        self.doing.starts_with("idle in transaction")
    }

    /// Whether it waits for a lock.
    pub(crate) fn is_waiting(&self) -> bool {
        self.doing.ends_with(" waiting")
    }
}

/// A socket that waits for traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ListenerFact {
    /// The port.
    pub port: u16,
    /// The address it is bound to.
    pub address: IpAddr,
    /// TCP or UDP.
    pub protocol: Protocol,
}

/// Connections that are alike.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PeerFact {
    /// The address at the other end.
    pub remote: IpAddr,
    /// The port at the other end; `None` where this end was called, since that port means nothing.
    pub remote_port: Option<u16>,
    /// The port at this end, where it was called there.
    pub local_port: Option<u16>,
    /// How far they are.
    pub state: TcpState,
    /// How often in a row the oldest of what this end has sent was sent again.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub resent: u8,
    /// How many.
    pub count: usize,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde hands over references"
)]
fn is_zero(number: &u8) -> bool {
    *number == 0
}

/// A name, and what it leads to, as tried from within a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TriedFact {
    /// The container.
    pub from: String,
    /// The name, or an address.
    pub host: String,
    /// What the name leads to.
    pub name: NameAnswer,
    /// What came of dialling its addresses.
    pub dialled: Vec<Dialled>,
}

/// What a name leads to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NameAnswer {
    /// These addresses, sorted.
    Addresses(Vec<IpAddr>),
    /// There is such a name, and it has no address.
    NoAddresses,
    /// No server knows it.
    NoSuchName,
    /// The servers could not find out.
    ServerFailed,
    /// No server answered.
    NoAnswer,
    /// It cannot be a name.
    NotAName,
}

/// An address that was dialled by TCP.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Dialled {
    /// The address.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// What came of it.
    pub answer: DialAnswer,
}

/// What came of dialling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DialAnswer {
    /// Somebody took the call.
    Connected,
    /// The host is there, and nothing listens, or a packet filter says so.
    Refused,
    /// There is no way there.
    NoRoute,
    /// There is a way, and nobody at its end.
    HostUnreachable,
    /// Nobody answered in time.
    TimedOut,
    /// The kernel said something else.
    Failed(String),
}
