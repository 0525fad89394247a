//! What services are told about servers and logins.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::carried::{Carrier, Form, Oddity, Port, Usage};
use serde::{Deserialize, Serialize};

/// A server, a login, or both, as a container is told of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// How it is written.
    pub form: Form,
    /// The scheme, where one is known.
    pub scheme: Option<String>,
    /// The user.
    pub user: Option<ToldText>,
    /// The password, by its number.
    pub password: Option<ToldText>,
    /// What is odd about the password, as it is written.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub odd: BTreeSet<Oddity>,
    /// The password without stray quotes, blanks and line ends around it, by its number, where it has any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub without_strays: Option<String>,
    /// The servers.
    pub hosts: Vec<ToldHost>,
    /// The database, or what else the path names.
    pub database: Option<ToldText>,
    /// What the service does with the hosts.
    pub usage: Usage,
    /// What it says about how to log in and whether to use TLS, by lower-case names: `sslmode`, `authsource`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub options: BTreeMap<String, String>,
    /// Characters in the password that a URL would have encoded.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub unencoded: BTreeSet<char>,
    /// What clients take for the host because of that, by its number: it is a piece of the password.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub read_as_host: BTreeSet<String>,
    /// A `%` in it means nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_bad_percent: bool,
    /// What stands for a port is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub has_bad_port: bool,
}

impl Told {
    /// An address that is dialled, and nothing else.
    pub(crate) fn dials(name: &str, port: Port, carrier: Carrier) -> Self {
        Self {
            form: Form::HostPorts,
            scheme: None,
            user: None,
            password: None,
            odd: BTreeSet::new(),
            without_strays: None,
            hosts: vec![ToldHost {
                name: name.to_owned(),
                port,
                carrier,
                port_carrier: None,
            }],
            database: None,
            usage: Usage::Dials,
            options: BTreeMap::new(),
            unencoded: BTreeSet::new(),
            read_as_host: BTreeSet::new(),
            has_bad_percent: false,
            has_bad_port: false,
        }
    }
}

/// A text, with what carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldText {
    /// The text; of a secret its number.
    pub text: String,
    /// What carries it.
    pub carrier: Carrier,
}

/// A server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToldHost {
    /// Its name or address.
    pub name: String,
    /// Its port.
    pub port: Port,
    /// What carries the name.
    pub carrier: Carrier,
    /// What carries the port, where it is written.
    pub port_carrier: Option<Carrier>,
}
