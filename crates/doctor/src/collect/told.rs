//! What containers are told about servers and logins, secrets taken out.

use std::collections::{BTreeMap, BTreeSet};

use bowline_model::carried::{
    self, Carrier, Connection, Host, Oddity, Part, Port, Problem, oddities,
};
use bowline_model::{ObservedContainer, Secret, is_secret_key};

use crate::facts::{Told, ToldHost, ToldText};
use crate::tokens::Tokens;

use super::upstreams::{Pool, filled_in, pools, resolved};

/// Where engines and people put files that are secret as a whole.
const SECRET_FOLDER: &str = "/run/secrets/";
/// Parameters of connection strings that are kept: how to log in, and whether to use TLS.
const OPTIONS: &[&str] = &[
    "authmechanism",
    "authsource",
    "directconnection",
    "ssl",
    "ssl-mode",
    "sslmode",
    "tls",
];

/// A container with the texts of the small files that are mounted into it, by their paths inside.
pub(super) struct Reader<'c> {
    pub(super) container: &'c ObservedContainer,
    pub(super) connections: Vec<Connection>,
    secret_files: Vec<Secret>,
    pools: Vec<Pool>,
    /// The connections whose password stands in quotes that not every reader of such a file takes away.
    in_quotes: BTreeSet<usize>,
}

/// Endings of files in which some programs take quotes for a part of a value, and others do not.
const KEEP_QUOTES: &[&str] = &[".cfg", ".ini", ".properties"];

impl<'c> Reader<'c> {
    pub(super) fn new(container: &'c ObservedContainer, files: &[(String, String)]) -> Self {
        let spec = &container.spec;
        let mut pairs: Vec<(&str, &str)> = spec
            .env
            .iter()
            .filter_map(|(key, value)| Some((key, value?.reveal())))
            .collect();
        pairs.sort_unstable();
        let words = spec.entrypoint.iter().chain(&spec.command);
        let words = words.flat_map(|words| words.iter().map(String::as_str));
        let files: Vec<(String, String)> = files
            .iter()
            .map(|(path, text)| (path.clone(), filled_in(text).into_owned()))
            .collect();
        let texts = files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()));
        let secret_files = files
            .iter()
            .filter(|(path, _)| path.starts_with(SECRET_FOLDER))
            .map(|(_, text)| Secret::new(text.trim_end_matches(['\n', '\r'])))
            .collect();
        let connections = carried::find(pairs, words, texts);
        let in_quotes = connections.iter().enumerate();
        let in_quotes = in_quotes.filter(|(_, connection)| is_in_quotes(connection, &files));
        Self {
            container,
            in_quotes: in_quotes.map(|(at, _)| at).collect(),
            connections,
            secret_files,
            pools: pools(&files),
        }
    }

    /// Remembers every secret value that the container is given.
    pub(super) fn remember(&self, tokens: &mut Tokens) {
        let mut pairs: Vec<(&str, &Secret)> = self
            .container
            .spec
            .env
            .iter()
            .filter_map(|(key, value)| Some((key, value?)))
            .collect();
        pairs.sort_unstable_by_key(|(key, _)| *key);
        for (_, value) in pairs.iter().filter(|(key, _)| is_secret_key(key)) {
            tokens.token(value);
        }
        for secret in &self.secret_files {
            tokens.token(secret);
            // A file of variables holds several.
            let pairs = secret
                .reveal()
                .lines()
                .filter_map(|line| line.split_once('='));
            for (_, value) in pairs.filter(|(key, _)| is_secret_key(key.trim())) {
                tokens.token(&Secret::new(value.trim().trim_matches(['"', '\''])));
            }
        }
        let logging = self.container.spec.logging.iter();
        for (key, value) in logging.flat_map(|logging| logging.options.iter()) {
            if is_secret_key(key) {
                tokens.token(&Secret::new(value));
            }
        }
        for connection in &self.connections {
            for part in secret_parts(connection) {
                tokens.token(&part.value);
            }
            if let Some(plain) = without_strays(connection) {
                tokens.token(&plain);
            }
            for piece in pieces(connection) {
                tokens.piece(&piece);
            }
        }
    }

    pub(super) fn told(&self, tokens: &mut Tokens) -> Vec<Told> {
        let connections = self.connections.iter().enumerate();
        let told = connections.map(|(at, connection)| {
            let mut told = told(connection, tokens);
            if self.in_quotes.contains(&at) {
                told.odd.insert(Oddity::Quoted);
            }
            told
        });
        resolved(told.collect(), &self.pools)
    }
}

/// Whether the password of a connection stands in quotes, in a file whose readers do not agree on what they mean.
fn is_in_quotes(connection: &Connection, files: &[(String, String)]) -> bool {
    let Some(password) = &connection.password else {
        return false;
    };
    let Carrier::File { path, .. } = &password.carrier else {
        return false;
    };
    let text = files.iter().find(|(known, _)| known == path);
    let text = text.filter(|_| KEEP_QUOTES.iter().any(|ending| path.ends_with(ending)));
    text.is_some_and(|(_, text)| {
        let at = |at: usize| text.as_bytes().get(at);
        let before = password.span.start.checked_sub(1).and_then(at);
        before.is_some_and(|quote| matches!(quote, b'"' | b'\'')) && before == at(password.span.end)
    })
}

fn told(connection: &Connection, tokens: &mut Tokens) -> Told {
    let text = |part: &Part<String>| ToldText {
        text: part.value.clone(),
        carrier: part.carrier.clone(),
    };
    // `http://$TARGET/` of a script is no name: whatever the shell puts there is in a variable.
    let is_filled_in = |host: &&Host| host.name.value.contains(['$', '{']);
    let hosts = connection.hosts.iter().filter(|host| !is_filled_in(host));
    let hosts = hosts.map(|host| ToldHost {
        name: host.name.value.clone(),
        port: host.port(),
        carrier: host.name.carrier.clone(),
        port_carrier: host.written_port.as_ref().map(|port| port.carrier.clone()),
    });
    let unencoded = connection
        .problems
        .iter()
        .find_map(|problem| match problem {
            Problem::Unencoded {
                characters,
                hosts_as_read,
            } => Some((characters.clone(), hosts_as_read)),
            _ => None,
        });
    let (unencoded, read_as_host) = unencoded.map_or_else(Default::default, |(found, hosts)| {
        let hosts = hosts.iter().map(|host| tokens.piece(host)).collect();
        (found, hosts)
    });
    let has = |is: fn(&Problem) -> bool| connection.problems.iter().any(is);
    Told {
        form: connection.form,
        scheme: connection.scheme.clone(),
        user: connection.user.as_ref().map(text),
        password: connection.password.as_ref().map(|part| ToldText {
            text: tokens.token(&part.value),
            carrier: part.carrier.clone(),
        }),
        odd: connection
            .password
            .as_ref()
            .map(|part| oddities(part.value.reveal()))
            .unwrap_or_default(),
        without_strays: without_strays(connection).map(|plain| tokens.token(&plain)),
        hosts: hosts.collect(),
        database: connection.path.as_ref().map(text),
        usage: connection.usage,
        options: options(connection),
        unencoded,
        read_as_host,
        has_bad_percent: has(|problem| matches!(problem, Problem::BadPercent(_))),
        has_bad_port: has(|problem| matches!(problem, Problem::BadPort(_))),
    }
}

/// The password of a connection, and what stands in its parameters under a secret's name.
pub(super) fn secret_parts(connection: &Connection) -> impl Iterator<Item = &Part<Secret>> {
    let parameters = connection.parameters.iter();
    let parameters = parameters.filter(|parameter| is_secret_key(&parameter.name));
    connection
        .password
        .iter()
        .chain(parameters.map(|parameter| &parameter.value))
}

/// The password without what stands around it by mistake; `None` where nothing does.
fn without_strays(connection: &Connection) -> Option<Secret> {
    let written = connection.password.as_ref()?.value.reveal();
    let text = written.trim_matches(['\r', '\n', ' ', '\t']);
    let without = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    let plain = without('"').or_else(|| without('\'')).unwrap_or(text);
    (plain != written && !plain.is_empty()).then(|| Secret::new(plain))
}

/// What a connection string says beside the login. Behind a password that is not encoded nothing is sure to be a parameter.
fn options(connection: &Connection) -> BTreeMap<String, String> {
    if !connection.problems.is_empty() {
        return BTreeMap::new();
    }
    let parameters = connection.parameters.iter().map(|parameter| {
        let value = parameter.value.value.reveal();
        (parameter.name.to_ascii_lowercase(), value.to_owned())
    });
    let is_plain = |value: &str| {
        value.len() <= 32
            && value
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    parameters
        .filter(|(name, value)| OPTIONS.contains(&name.as_str()) && is_plain(value))
        .collect()
}

/// The pieces of a password that clients may take for something else, and then say aloud.
fn pieces(connection: &Connection) -> BTreeSet<Secret> {
    let mut pieces = BTreeSet::new();
    for problem in &connection.problems {
        let Problem::Unencoded {
            characters,
            hosts_as_read,
        } = problem
        else {
            continue;
        };
        pieces.extend(hosts_as_read.iter().cloned());
        let Some(password) = &connection.password else {
            continue;
        };
        let password = password.value.reveal();
        for (at, character) in password.char_indices() {
            if characters.contains(&character) {
                pieces.insert(Secret::new(&password[at + character.len_utf8()..]));
                pieces.insert(Secret::new(&password[..at]));
            }
        }
        let segments = password.split(|character| characters.contains(&character));
        pieces.extend(segments.map(Secret::new));
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

/// The port that clients take, where that is known.
pub(crate) fn number(port: Port) -> Option<u16> {
    match port {
        Port::Written(port) | Port::Default(port) => Some(port),
        Port::Unknown => None,
    }
}
