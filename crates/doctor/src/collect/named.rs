//! Addresses that a program complains of, or at which it is refused, and that it is told under a key that says nothing,
//! or in a format that nobody knows.
//!
//! `BUS_SERVIDOR`, a properties file, a flag of its own: whatever carries the very address that a program says it cannot
//! reach is what told it to go there. Where nothing does, it has the address by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_model::carried::{Carrier, Port};
use bowline_model::{ObservedContainer, is_secret_key};
use bowline_recipes::Says;

use crate::facts::{Facts, Told};
use crate::world::edges::is_loopback;
use crate::world::{Said, World};

/// What is said of an address by somebody who dials it.
const DIALLED: &[Says] = &[
    Says::ConnectionFailed,
    Says::ConnectionRefused,
    Says::ConnectionTimeout,
    Says::NameUnanswered,
    Says::NameUnknown,
    Says::NoRoute,
    Says::UpstreamClosed,
    Says::UpstreamFailed,
    Says::UpstreamNameUnknown,
    Says::UpstreamNotAnswering,
];

/// An address, as a log has it.
type Address = (String, Option<u16>);

/// Adds the addresses that containers complain of to what they are told, where a variable, a word of the command or a
/// mounted file carries them and was not read as an address. `files` are the texts of those, by container.
pub(super) fn add(
    facts: &mut Facts,
    containers: &[ObservedContainer],
    files: &BTreeMap<String, Vec<(String, String)>>,
) {
    let mut found: Vec<(String, Told)> = Vec::new();
    let world = World::new(facts, BTreeSet::new());
    for fact in world.containers() {
        let seen = containers.iter().find(|seen| seen.name == fact.name);
        let Some(seen) = seen else { continue };
        let files = files.get(&fact.name).map_or(&[][..], Vec::as_slice);
        let known: BTreeSet<&str> = world
            .told(fact)
            .iter()
            .flat_map(|told| &told.hosts)
            .map(|host| host.name.as_str())
            .collect();
        let said = world.said(fact).iter();
        let said = said.filter(|said| DIALLED.contains(&said.says));
        let mut addresses: BTreeSet<Address> = said
            .filter_map(|said| {
                let port = said.capture("port").and_then(|port| port.parse().ok());
                Some(named(&world, (said.capture("host")?.to_owned(), port)))
            })
            .collect();
        addresses.extend(refusing(&world, &fact.name));
        addresses.retain(|(host, _)| !host.is_empty() && !known.contains(host.as_str()));
        for address in addresses {
            let carrier = carrier(seen, files, &address);
            let carrier = carrier.or_else(|| is_default(&address.0).then_some(Carrier::Program));
            let (host, port) = &address;
            let port = port.map_or(Port::Unknown, Port::Written);
            let told = carrier.map(|carrier| Told::dials(host, port, carrier));
            found.extend(told.map(|told| (fact.name.clone(), told)));
        }
    }
    for (container, told) in found {
        facts.told.entry(container).or_default().push(told);
    }
}

/// The servers whose logs say that they refused a login from a container: whatever that is told, it dials them.
fn refusing(world: &World<'_>, client: &str) -> Vec<Address> {
    let is_of_it = |said: &Said<'_>| {
        let from = said.capture("host").and_then(|host| host.parse().ok());
        let from = from.and_then(|address| world.at_address(address));
        said.says == Says::PasswordRefused && from.is_some_and(|from| from.name == client)
    };
    let servers = world.containers().filter(|server| server.name != client);
    let servers = servers.filter(|server| world.said(server).iter().any(is_of_it));
    servers
        .filter_map(|server| {
            let port = world.recipe(server)?.ports.first()?.number;
            Some((server.service.clone()?, Some(port)))
        })
        .collect()
}

/// An address by the name of the service that has it: who is told a name says the number to which that led.
fn named(world: &World<'_>, (host, port): Address) -> Address {
    let target = host.parse().ok().and_then(|ip| world.at_address(ip));
    let service = target.and_then(|target| target.service.clone());
    (service.unwrap_or(host), port)
}

/// Whether a program may have an address by itself: a loopback, or a plain name. A number is what a name has led to.
fn is_default(host: &str) -> bool {
    match host.parse::<IpAddr>() {
        Ok(address) => address.is_loopback(),
        Err(_) => !host.contains(['.', ':', '/']),
    }
}

/// What carries an address: first what is set for this container alone.
fn carrier(
    container: &ObservedContainer,
    files: &[(String, String)],
    address: &Address,
) -> Option<Carrier> {
    let spec = &container.spec;
    let mut variables: Vec<(&str, &str)> = spec
        .env
        .iter()
        .filter_map(|(key, value)| Some((key, value?.reveal())))
        .filter(|(key, _)| !is_secret_key(key))
        .collect();
    variables.sort_unstable();
    let variable = variables
        .into_iter()
        .find(|(_, value)| carries(value, address));
    if let Some((key, _)) = variable {
        return Some(Carrier::Variable(key.to_owned()));
    }
    let words = spec.entrypoint.iter().chain(&spec.command);
    let mut words = words.flat_map(|words| words.iter()).enumerate();
    if let Some((index, _)) = words.find(|(_, word)| carries(word, address)) {
        return Some(Carrier::Argument(index));
    }
    files.iter().find_map(|(path, text)| {
        let mut lines = (1..).zip(text.lines());
        let (line, _) = lines.find(|(_, line)| carries(line, address))?;
        Some(Carrier::File {
            path: path.clone(),
            line,
        })
    })
}

/// Whether a text has an address in it, as a whole word: with its port, or with none. A loopback without its port is on
/// every second line.
fn carries(text: &str, (host, port): &Address) -> bool {
    let is_part = |it: char| it.is_ascii_alphanumeric() || matches!(it, '-' | '_' | '.');
    let is_loopback = is_loopback(host);
    text.match_indices(host.as_str()).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let rest = &text[at + host.len()..];
        let digits = |rest: &str| -> String {
            let digits = rest.chars().take_while(char::is_ascii_digit);
            digits.collect()
        };
        let written = rest.strip_prefix(':').map(digits);
        let written = written.filter(|digits| !digits.is_empty());
        let same = match (&written, port) {
            (Some(written), Some(port)) => *written == port.to_string(),
            (Some(_), None) => true,
            (None, _) => !is_loopback,
        };
        let is_whole = !before.is_some_and(is_part) && !rest.chars().next().is_some_and(is_part);
        same && is_whole
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_found_as_a_whole_word_with_its_port_or_none() {
        let address = ("bus".to_owned(), Some(6379));
        for (text, is_there) in [
            ("bus", true),
            ("bus:6379", true),
            ("servidor = \"bus\"", true),
            ("amqp://guest@bus:6379/x", true),
            ("bus:6380", false),
            ("omnibus", false),
            ("bus-two", false),
            ("bus.example.com", false),
            ("", false),
        ] {
            assert_eq!(carries(text, &address), is_there, "{text}");
        }
        let loopback = ("127.0.0.1".to_owned(), Some(80));
        assert!(carries("listen on 127.0.0.1:80", &loopback));
        assert!(!carries("127.0.0.1", &loopback));
    }
}
