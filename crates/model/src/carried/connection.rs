//! What was found: connections, their parts with their places, and what is wrong with them.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Serialize, Serializer};

use crate::{MASK, Secret, is_secret_key, mask_passwords};

/// What brought a value into a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// The environment variable of this name.
    Variable(String),
    /// The word of the command with this index, from 0.
    Argument(usize),
    /// A file, by its path inside the container.
    File {
        /// The path as it was given.
        path: String,
        /// The line, from 1.
        line: u32,
    },
    /// Nothing that the service is given: its program has it by itself, as clients have an address that they take where
    /// they are told none.
    Program,
}

/// A piece of a connection, with where it stands.
///
/// `Debug` and `Serialize` show the carrier and the value, and leave the span out: the spans around a password
/// would tell how long it is.
#[derive(Clone, PartialEq, Eq, Serialize)]
pub struct Part<T> {
    /// The piece, decoded.
    pub value: T,
    /// What carries it.
    pub carrier: Carrier,
    /// Its bytes in the value of a variable, the word of a command or the text of a file, as written.
    #[serde(skip)]
    pub span: Range<usize>,
}

impl<T: fmt::Debug> fmt::Debug for Part<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} of {:?}", self.value, self.carrier)
    }
}

/// The form in which a connection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// `scheme://user:password@host:port/path?name=value`.
    Url,
    /// A URL behind `jdbc:`, whose login stands in its parameters.
    Jdbc,
    /// `host=db user=app …` as libpq reads it, or `Host=db;Username=app;…` as ADO.NET does.
    Keywords,
    /// `user:password@tcp(host:port)/path` of Go's MySQL driver, where nothing is encoded.
    GoMysql,
    /// `host:port`, or several with commas between them.
    HostPorts,
    /// Several keys with one beginning: `DB_HOST`, `DB_USER`, `DB_PASSWORD`.
    Split,
}

/// Something that names a server, a login, or both.
///
/// `Debug` and `Serialize` mask secrets. It cannot be read back from what `Serialize` wrote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Connection {
    /// How it is written.
    pub form: Form,
    /// The scheme in lower case (`postgresql+asyncpg`). Without a written one, what a word of the key says
    /// (`redis` for `REDIS_HOST`).
    pub scheme: Option<String>,
    /// The user, decoded.
    ///
    /// What stands alone before the `@` of a web, Redis or NATS address is a token and counts as the password.
    pub user: Option<Part<String>>,
    /// The password, decoded as a client decodes it; as written where it cannot be decoded.
    ///
    /// Where a password is not encoded, this is what its writer meant: all up to the last fitting `@`.
    pub password: Option<Part<Secret>>,
    /// The servers. Empty for a login of which it is not said where.
    pub hosts: Vec<Host>,
    /// The path without its first slash: for a database its name, for a broker its virtual host.
    ///
    /// Always absent for a web address under a secret key, where the path is the secret (`SLACK_WEBHOOK_URL`).
    pub path: Option<Part<String>>,
    /// What stands behind the `?`, or other keywords. Absent where `path` is for the same reason.
    pub parameters: Vec<Parameter>,
    /// What keys say is in files that were not given.
    pub unread: Vec<Unread>,
    /// What is wrong with it, in the order of [`Problem`].
    pub problems: Vec<Problem>,
    /// What the service does with the hosts, by the key.
    pub usage: Usage,
}

impl Connection {
    /// Returns the hosts as addresses, for those whose text can be a host.
    ///
    /// Of a value with `${…}` left in it, or `*` for every host, there is none.
    pub fn addresses(&self) -> impl Iterator<Item = Address> {
        let fits = |host: &&Host| super::host::is_host(&host.name.value);
        self.hosts.iter().filter(fits).map(|host| Address {
            host: host.name.value.clone(),
            port: host.port(),
            scheme: self.scheme.clone(),
            carrier: host.name.carrier.clone(),
            usage: if super::host::is_every_host(&host.name.value) {
                Usage::Listens
            } else {
                self.usage
            },
        })
    }
}

/// A server of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Host {
    /// The name or address, without the brackets around an IPv6 address.
    pub name: Part<String>,
    /// The port that is written.
    pub written_port: Option<Part<u16>>,
    /// The port of the scheme, for where none is written. A port that is no number hides it: a client refuses that.
    pub default_port: Option<u16>,
}

impl Host {
    /// Returns the port that a client takes, and how it comes to it.
    pub fn port(&self) -> Port {
        match (&self.written_port, self.default_port) {
            (Some(port), _) => Port::Written(port.value),
            (None, Some(port)) => Port::Default(port),
            (None, None) => Port::Unknown,
        }
    }
}

/// A port, and how it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Port {
    /// It is written.
    Written(u16),
    /// None is written, and clients of the scheme take this one.
    Default(u16),
    /// It is not written, or is no number, and nothing says what clients take.
    Unknown,
}

/// A parameter of a connection. `Debug` and `Serialize` mask the value if the name is that of a secret, or an `@` is in it.
#[derive(Clone, PartialEq, Eq)]
pub struct Parameter {
    /// The name, decoded.
    pub name: String,
    /// The value, decoded.
    pub value: Part<Secret>,
}

impl Parameter {
    fn shown(&self) -> String {
        // Behind a password that holds a `?`, what looks like a parameter with an `@` may be the rest of it.
        if is_secret_key(&self.name) || self.value.value.reveal().contains('@') {
            MASK.to_owned()
        } else {
            mask_passwords(self.value.value.reveal())
        }
    }
}

impl fmt::Debug for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.shown())
    }
}

impl Serialize for Parameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (&self.name, self.shown()).serialize(serializer)
    }
}

/// A piece of a login whose value is in a file that was not given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Which piece it is.
    pub field: Field,
    /// The path inside the container.
    pub path: Part<String>,
}

/// What a key says about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// A host, or several.
    Host,
    /// A port.
    Port,
    /// A user.
    User,
    /// A password.
    Password,
    /// The name of a database, or a virtual host.
    Database,
    /// A whole connection string.
    Url,
    /// The kind of server: `postgres`, `mysql`.
    Kind,
}

/// What is wrong with a connection.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// Characters stand in the password of a URL that must be percent-encoded there (RFC 3986, section 3.2.1).
    Unencoded {
        /// The characters, each once.
        characters: BTreeSet<char>,
        /// What clients take for the host instead of the one that was meant: libpq and `SQLAlchemy` end a
        /// password at the first `@`, others the address at the first `/`, `?` or `#`. Empty where they still agree with
        /// the writer. It may be a piece of the password.
        hosts_as_read: BTreeSet<Secret>,
    },
    /// A `%` without two hexadecimal digits, or bytes that are no UTF-8, in this piece.
    BadPercent(Field),
    /// What stands for the port of the host with this index, from 0, is no number from 1 to 65535.
    ///
    /// The text is kept back: often it is a password that ended up there.
    BadPort(usize),
    /// There is no host where one belongs.
    EmptyHost,
    /// A password is given and is empty.
    EmptyPassword,
    /// The password is given twice, with different values that are not empty. [`Connection::password`] is the first.
    TwoPasswords,
}

/// What a service does with an address, as far as its key says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Usage {
    /// It connects to it. This is what holds where nothing says otherwise.
    Dials,
    /// It accepts connections there.
    Listens,
    /// It tells others to come there, or who may: advertised listeners, public URLs, allowed origins.
    Announces,
}

/// An address that a service was told, free of secrets.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Address {
    /// The name or IP address, without brackets.
    pub host: String,
    /// The port.
    pub port: Port,
    /// The scheme, where it is known; see [`Connection::scheme`].
    pub scheme: Option<String>,
    /// What carries the host.
    pub carrier: Carrier,
    /// What it is for.
    pub usage: Usage,
}

impl Connection {
    pub(super) fn empty(form: Form) -> Self {
        Self {
            form,
            scheme: None,
            user: None,
            password: None,
            hosts: Vec::new(),
            path: None,
            parameters: Vec::new(),
            unread: Vec::new(),
            problems: Vec::new(),
            usage: Usage::Dials,
        }
    }

    /// Remembers a problem, in order and once.
    pub(super) fn note(&mut self, problem: Problem) {
        if let Err(place) = self.problems.binary_search(&problem) {
            self.problems.insert(place, problem);
        }
    }

    /// Takes a password: the first one given that is not empty stays, another one with a different value is a problem.
    pub(super) fn give_password(&mut self, password: &Part<Secret>) {
        match &self.password {
            Some(first) if first.value == password.value || password.value.is_empty() => {}
            Some(first) if !first.value.is_empty() => self.note(Problem::TwoPasswords),
            _ => self.password = Some(password.clone()),
        }
    }

    /// Fills what is still open from parameters that name a part of the connection, as drivers of databases do.
    pub(super) fn take_parameters(&mut self, default_port: Option<u16>) {
        let parameters = std::mem::take(&mut self.parameters);
        for parameter in &parameters {
            let Part {
                value,
                carrier,
                span,
            } = &parameter.value;
            let part = || Part {
                value: value.reveal().to_owned(),
                carrier: carrier.clone(),
                span: span.clone(),
            };
            match parameter.name.to_ascii_lowercase().as_str() {
                "user" | "username" => self.user = self.user.take().or_else(|| Some(part())),
                "password" | "pwd" => self.give_password(&parameter.value),
                "dbname" | "database" | "databasename" => {
                    self.path = self.path.take().or_else(|| Some(part()));
                }
                "host" if self.hosts.is_empty() => self.hosts.push(Host {
                    name: part(),
                    written_port: None,
                    default_port,
                }),
                _ => {}
            }
        }
        self.parameters = parameters;
    }

    /// Notes a missing host and an empty password.
    pub(super) fn note_empty(&mut self) {
        if self.hosts.is_empty() && self.form != Form::Split {
            self.note(Problem::EmptyHost);
        }
        if self.password.as_ref().is_some_and(|it| it.value.is_empty()) {
            self.note(Problem::EmptyPassword);
        }
    }
}
