//! What servers said when they were asked in their own protocol.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::TrafficFact;
use crate::speak::Silence;

/// A server that was asked in its own protocol, once, from within a container.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedFact {
    /// The container from whose network it was asked.
    pub from: String,
    /// The container that was asked.
    pub server: String,
    /// The address that was dialled.
    pub address: IpAddr,
    /// The port.
    pub port: u16,
    /// As whom; `None` where nobody logs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<AskedLogin>,
    /// When the answer was there.
    pub at: Timestamp,
    /// What came of it.
    pub outcome: Outcome,
    /// What it said.
    pub answer: ServerAnswer,
}

/// A login that a server was asked with.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AskedLogin {
    /// The account; empty for servers that know passwords only.
    pub user: String,
    /// The password, by its number; `None` where none was brought.
    pub password: Option<String>,
    /// The database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
}

/// What came of asking a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It let the login in.
    LetIn {
        /// Whether it wanted the password; some servers let everybody in.
        by_password: bool,
    },
    /// It answered, and nobody had to log in.
    Answered,
    /// It refused, with a code of its protocol: `28P01`, `WRONGPASS`.
    Refused {
        /// The code.
        code: String,
    },
    /// It wants a password, and there was none to bring.
    PasswordWanted,
    /// It took the call and did not answer in time.
    Silent,
    /// It took the call and hung up.
    HungUp,
    /// It answered in another protocol.
    Strange,
    /// It did not take the call.
    Unreached,
}

impl Outcome {
    /// What a question that was not answered to the end comes to.
    pub(crate) fn of(silence: &Silence) -> Self {
        match silence {
            Silence::Unreached(_) => Self::Unreached,
            Silence::TooSlow => Self::Silent,
            Silence::Closed => Self::HungUp,
            Silence::Strange | Silence::Alert => Self::Strange,
        }
    }
}

/// What a server says, by its protocol.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ServerAnswer {
    /// `PostgreSQL`.
    Postgres(DatabaseAnswer),
    /// `MySQL` and `MariaDB`; who waits for whom is not asked of them.
    Mysql(DatabaseAnswer),
    /// Redis and Valkey.
    Redis(RedisAnswer),
    /// HTTP.
    Http(HttpAnswer),
    /// A handshake of TLS.
    Tls(TlsAnswer),
}

/// What came back for a `GET`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HttpAnswer {
    /// What was asked for: `http://localhost:8080/health`.
    pub url: String,
    /// The status; `None` where none came.
    pub status: Option<u16>,
    /// The first 200 bytes of the body, without what steers a terminal and without secrets.
    pub body: String,
}

/// What a server shows of itself in a handshake of TLS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsAnswer {
    /// The name that it was asked for.
    pub name: String,
    /// Its own certificate, and then each that signed the one before; none where it refuses clients without one.
    pub certificates: Vec<CertificateFact>,
}

/// A certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CertificateFact {
    /// Whose it is: `CN=db`.
    pub subject: String,
    /// Who signed it.
    pub issuer: String,
    /// The names and addresses that it is for.
    pub names: Vec<String>,
    /// From when on it is good.
    pub not_before: Timestamp,
    /// Until when.
    pub not_after: Timestamp,
}

impl CertificateFact {
    /// Whether it is for a name: one that it says, or one of the many that a `*.` stands for.
    pub(crate) fn is_for(&self, name: &str) -> bool {
        let own = self
            .subject
            .split(',')
            .find_map(|part| part.trim().strip_prefix("CN="));
        // Where there are names, nobody looks at whose it is (RFC 6125, section 6.4.4).
        let own = own.filter(|_| self.names.is_empty());
        let names = self.names.iter().map(String::as_str);
        names
            .chain(own)
            .any(|known| match known.strip_prefix("*.") {
                Some(parent) => name
                    .split_once('.')
                    .is_some_and(|(_, rest)| rest.eq_ignore_ascii_case(parent)),
                None => known.eq_ignore_ascii_case(name),
            })
    }
}

/// What a Redis or Valkey server says, where it let the login in or wants none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RedisAnswer {
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// `master` or `slave`, in its words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Whether it still reads its data and takes no work.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub is_loading: Option<bool>,
    /// Memory in use, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub used_bytes: Option<u64>,
    /// Memory that it may use by its own setting, in bytes; 0 is no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit_bytes: Option<u64>,
    /// What it does at that limit: `noeviction`, `allkeys-lru` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Keys that it has thrown away for want of memory since its start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evicted: Option<u64>,
    /// Those of them that it threw away while it was looked at, in 300 ms; `None` where it was looked at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evicted_meanwhile: Option<u64>,
    /// How often it was asked for a key since its start: those that it had, and those that it did not have.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookups: Option<(u64, u64)>,
    /// Those of them while it was looked at, in 300 ms; `None` where it was looked at once.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lookups_meanwhile: Option<(u64, u64)>,
    /// Clients that are connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<u64>,
    /// Clients that it takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients_limit: Option<u64>,
    /// Whether it could save its data the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves: Option<bool>,
    /// Whether it could write to its log of changes the last time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub appends: Option<bool>,
    /// What goes through its queues and channels; `None` where it was not looked at, or the login may not look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub traffic: Option<TrafficFact>,
}

/// What a database says.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DatabaseAnswer {
    /// Whether it speaks TLS; `None` where it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speaks_tls: Option<bool>,
    /// Its version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many connections it takes (`max_connections`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Its sessions, those alike counted together and those of this very look left out; `None` where it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sessions: Option<Vec<SessionsFact>>,
    /// Who waits for a lock, each with who holds it and waits for nobody; `None` where it did not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waits: Option<Vec<WaitFact>>,
    /// The statement that runs for longest and waits for no lock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub longest: Option<StatementFact>,
    /// Whether it has these accounts.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub roles: BTreeMap<String, bool>,
    /// Whether it has these databases.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub databases: BTreeMap<String, bool>,
    /// Whether the login's database has these tables, views and sequences.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<String, bool>,
}

/// Sessions that are alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionsFact {
    /// The account.
    pub user: String,
    /// The database.
    pub database: String,
    /// Where the client is; `None` in the server's own container.
    pub remote: Option<IpAddr>,
    /// What they do, in the server's words: `idle in transaction`; `hidden` where the login may not see it.
    pub state: String,
    /// How many.
    pub count: usize,
    /// For how long the longest of them does, in seconds: its transaction, its statement, or doing nothing.
    pub oldest_secs: i64,
}

/// A session that waits for a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitFact {
    /// Whose session it is.
    pub user: String,
    /// Where its client is; `None` in the server's own container.
    pub waiting: Option<IpAddr>,
    /// For how long its statement runs, in seconds.
    pub since_secs: i64,
    /// Who holds the lock.
    pub holder: HolderFact,
}

/// A session that holds a lock for which others wait, and that waits for nobody.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderFact {
    /// Whose session it is.
    pub user: String,
    /// Where its client is; `None` in the server's own container.
    pub remote: Option<IpAddr>,
    /// What it does, in the server's words.
    pub state: String,
    /// How old its transaction is, in seconds.
    pub since_secs: i64,
    /// The first word of its statement, where that is a word of the language.
    pub statement: Option<String>,
    /// The number of its process in the server.
    pub process: i32,
}

/// A statement that runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatementFact {
    /// Whose session it is.
    pub user: String,
    /// Where its client is; `None` in the server's own container.
    pub remote: Option<IpAddr>,
    /// For how long, in seconds.
    pub since_secs: i64,
    /// Its first word, where that is a word of the language.
    pub statement: Option<String>,
}
