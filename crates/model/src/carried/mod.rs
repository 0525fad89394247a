//! How credentials and addresses are carried to a service: in its environment, its command and its files.
//!
//! [`find`] reads all three and answers with [`Connection`]s: whatever names a server, a login, or both.
//! Connection strings and groups of keys come out in the same form, so that two services can be compared
//! whatever each was told in. Reading is lenient: a broken connection string is what a reader looks for, so it
//! becomes a connection with [`Problem`]s, not an error. It knows no service by its name: the endings of keys
//! (`_HOST`, `_PASSWORD_FILE`) and the forms of values decide, in `key` and `value`.
//!
//! Passwords stay in [`Secret`](crate::Secret)s, as does every piece that may be a part of one.
//!
//! Where to read next: `url` decides where a password ends that is not encoded; `split` puts groups together.

mod accounts;
mod connection;
mod driver;
mod host;
mod key;
mod keywords;
mod oddity;
mod pairs;
mod percent;
mod scheme;
mod shell;
mod split;
mod url;
mod value;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use connection::{
    Address, Carrier, Connection, Field, Form, Host, Parameter, Part, Port, Problem, Unread, Usage,
};
pub use oddity::{Oddity, oddities};

pub use pairs::is_program;
pub use scheme::store_at;
pub(crate) use url::password_spans;

use pairs::{Pair, Source};

/// Tells whether a setting may be meant to lead to a port: its key names a host or a URL, and no kind of server that is known
/// by another port.
///
/// `SMTP_HOST` may lead to 1025, by which nobody is known, and not to 6379.
pub fn may_lead_to(key: &str, port: u16) -> bool {
    let place = key::read(key).filter(|key| matches!(key.field, Field::Host | Field::Url));
    place.is_some_and(|key| {
        let usual = key::scheme_of(&key.prefix).and_then(scheme::default_port);
        usual.is_none_or(|usual| usual == port || !scheme::is_known_port(port))
    })
}

/// Finds what a service is told about servers and logins.
///
/// `environment` is what the container sees, by key; `command` the words of its entrypoint and command;
/// `files` the texts of its small configuration and secret files by their paths inside the container. A key
/// such as `DB_PASSWORD_FILE` takes its value from the file of that path where it is among `files`, without
/// the newlines at its end, as start scripts do; else [`Connection::unread`] names it. So does an option of a shell
/// script that is `$(cat /run/secrets/password)`, and one that is `$PASSWORD` takes it from the environment.
///
/// The answer is in the order environment, command, files, and the same for the same input. Nothing makes this
/// fail. It takes time in proportion to the text.
pub fn find<'a>(
    environment: impl IntoIterator<Item = (&'a str, &'a str)>,
    command: impl IntoIterator<Item = &'a str>,
    files: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Vec<Connection> {
    let files: Vec<(&str, &str)> = files.into_iter().collect();
    let environment = Source::of_environment(environment);
    let mut command = Source::of_command(command);
    shell::fill_in(&mut command, &environment, &files);
    let mut sources = vec![environment, command];
    sources.extend(files.iter().map(|(path, text)| Source::of_file(path, text)));

    let mut found = Vec::new();
    for (path, text) in &files {
        let names_it = environment_names(&sources[0], path);
        found.extend(accounts::read(path, text, names_it));
    }
    for source in &sources {
        let alone = source.pairs.iter().map(value::connections).collect();
        let mut of_source = split::fold(source, alone, &files);
        for piece in &source.loose {
            of_source.extend(value::scan(piece));
        }
        split::give_tls_mode(source, &mut of_source);
        found.extend(of_source);
    }
    found
}

/// The keys of an environment that name a path.
fn environment_names<'s>(
    environment: &'s Source<'_>,
    path: &'s str,
) -> impl Iterator<Item = &'s str> {
    let pairs = environment.pairs.iter();
    let naming = pairs.filter(move |pair| pair.value == path);
    naming.map(|pair| pair.key.as_str())
}

/// Reads one value as a connection string: a URL, a JDBC URL, libpq keywords, the form of Go's MySQL driver, or a list of
/// `host:port`.
///
/// `None` is a value that is none of these as a whole, such as a list of several URLs, which [`find`] finds. Blanks and one
/// pair of quotes around the value are passed over; [`oddities`] says that they are there.
pub fn parse(carrier: Carrier, value: &str) -> Option<Connection> {
    let pair = Pair {
        carrier,
        key: String::new(),
        value,
        offset: 0,
    };
    value::whole(&pair).into_iter().next()
}
