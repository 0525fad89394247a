//! What a recipe says, as its file says it.

use serde::Deserialize;

use crate::says::Says;

/// What is known of one kind of server.
///
/// All but `name` is written in its `recipe.toml`; `docs/guide/recipes.md` shows how.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Recipe {
    /// The folder's name: `postgres`.
    pub name: String,
    /// The server's name for people: `PostgreSQL`.
    pub about: String,
    /// How to recognise a container that runs it.
    pub matching: Matching,
    /// Where it is told its first accounts, in the order in which it makes them.
    pub logins: Vec<Login>,
    /// Folders that hold what must not be lost.
    pub data: Vec<DataFolder>,
    /// Ports that it listens on by default.
    pub ports: Vec<ServerPort>,
    /// The protocol in which it can be asked on the ports that clients dial; `None` where nobody here speaks it.
    pub speaks: Option<Protocol>,
    /// What its lines mean, the more specific first.
    pub lines: Vec<Line>,
}

/// How to recognise a container; see [`Recipes::of`](crate::Recipes::of) for how the signs are weighed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Matching {
    /// Repositories without registry and tag: `postgres`, `bitnami/postgresql`.
    pub images: Vec<String>,
    /// File names of the server's program, or of a script that starts nothing but the server.
    pub programs: Vec<String>,
    /// Programs of the same image that are not the server: `psql`.
    pub clients: Vec<String>,
    /// Variables that only this server reads. What applications have too (`POSTGRES_PASSWORD`) is no sign.
    pub environment: Vec<String>,
}

/// A protocol in which servers can be asked how they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// That of `PostgreSQL`.
    Postgres,
    /// That of MySQL and MariaDB.
    Mysql,
    /// That of Redis and Valkey.
    Redis,
}

/// An account that the server has from its first start.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Whether it is read only when the data folder is empty: a later change has no effect.
    pub only_first: bool,
    /// The account's name; `None` for servers that know passwords only.
    pub user: Option<Told>,
    /// Its password.
    pub password: Told,
    /// The database that is made for it.
    pub database: Option<Told>,
}

/// Where a server is told something. Variables stand before options, and both before the default.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Told {
    /// Variables that hold it, the stronger first.
    pub keys: Vec<String>,
    /// Variables that hold the path of a file with it.
    pub file_keys: Vec<String>,
    /// Options of the command, with their dashes: `--requirepass`.
    pub options: Vec<String>,
    /// What it is where nothing says it.
    pub default: Option<String>,
    /// Which other piece of the same login it is where nothing says it.
    pub same_as: Option<Piece>,
}

/// A piece of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Piece {
    /// The account's name.
    User,
    /// The password.
    Password,
    /// The database.
    Database,
}

/// A folder that holds what must not be lost.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataFolder {
    /// Its path in the container by default.
    pub folder: String,
    /// The variable that says another path.
    pub variable: Option<String>,
    /// Whether two running servers must never have it at the same time.
    #[serde(default)]
    pub exclusive: bool,
    /// The file in it that holds the version of the data.
    pub version_file: Option<String>,
    /// Where newer versions keep it.
    pub moved: Option<Moved>,
    /// Whether the data lies there under the name of the container's host: under another one the server begins anew beside it.
    #[serde(default)]
    pub by_host_name: bool,
}

/// That a folder's place changed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Moved {
    /// The first major version that keeps its data there.
    pub since: u32,
    /// What to mount from that version on.
    pub to: String,
}

/// A port that the server listens on by default.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerPort {
    /// Its number.
    pub number: u16,
    /// Schemes of connection strings that lead to it, as in [`bowline_model::carried`].
    #[serde(default)]
    pub schemes: Vec<String>,
    /// What it is for, where it is not what clients dial.
    pub purpose: Option<String>,
}

/// What certain lines of a log mean.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// The meaning.
    pub says: Says,
    /// Who writes it.
    pub by: By,
    /// Regular expressions that find it; one is enough.
    pub patterns: Vec<Pattern>,
    /// Captures that are the same for every such line: its word and its value.
    pub captures: Vec<(&'static str, String)>,
    /// How the texts are known.
    pub proof: Proof,
    /// Where they are from, where no server was seen to write them.
    pub source: Option<String>,
}

/// A regular expression with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pattern {
    /// In the syntax of the crate `regex`; letters and digits are ASCII's, and a dot is a byte.
    pub text: String,
    /// Its line in the recipe's file, from 1.
    pub line: usize,
}

/// Who writes a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The server, in its own log: only containers that run it are read for it.
    Server,
    /// Whoever dials it: every container is read for it.
    Client,
    /// Both, in the same words: every container is read for it.
    Either,
}

/// How the text of a line is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// A real server or client was seen to write it.
    Live,
    /// Documentation, an issue or the source shows it.
    Documentation,
    /// Nothing is said about it.
    #[default]
    None,
}
