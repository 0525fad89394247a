//! TLS that one side speaks and the other does not, certificates, clocks; messages that are too large.

use bowline_recipes::Says;

use crate::facts::{ContainerFact, Told};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, Said, Target, World, culprit, shown, spoken, whole};

use super::names::{carrier, teller};

pub(crate) const ONE_SIDE_SPEAKS_TLS: Rule = Rule {
    code: Code("D105"),
    title: "one side speaks TLS, the other does not",
    layer: Layer::Network,
    decisive: &[
        "the complaint",
        "what the client is told of TLS",
        "that the server runs",
    ],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: one_side_speaks_tls,
};

pub(crate) const CLOCKS_DIFFER: Rule = Rule {
    code: Code("D129"),
    title: "two clocks disagree",
    layer: Layer::Platform,
    decisive: &["the complaint", "the other clock"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        certificate(
            world,
            cases,
            &[Says::ClockSkew, Says::TlsNotYetValid],
            &CLOCK,
        );
    },
};

pub(crate) const EXPIRED: Rule = Rule {
    code: Code("D130"),
    title: "a certificate has expired",
    layer: Layer::Security,
    decisive: &["the complaint", "the certificate"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| certificate(world, cases, &[Says::TlsExpired], &DATE),
};

pub(crate) const NOT_TRUSTED: Rule = Rule {
    code: Code("D131"),
    title: "a certificate is for another name, or signed by nobody who is trusted",
    layer: Layer::Security,
    decisive: &["the complaint", "the certificate"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        certificate(world, cases, &[Says::TlsNameMismatch], &NAME);
        certificate(world, cases, &[Says::TlsUnknownCa], &SIGNER);
    },
};

pub(crate) const TOO_LARGE: Rule = Rule {
    code: Code("D061"),
    title: "messages are larger than the receiver takes",
    layer: Layer::Network,
    decisive: &["the complaint", "the limit"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: too_large,
};

/// What is said of a certificate, and what mends it.
struct Words {
    claim: &'static str,
    proves: &'static str,
    fix: &'static str,
    /// Whether the one who complains is to be mended, rather than the server.
    is_the_clients: bool,
}

const CLOCK: Words = Words {
    claim: "its clock and that of the one who signed what it got disagree",
    proves: "by its own clock that is of the future",
    fix: "set the clocks of both hosts by a time server",
    is_the_clients: true,
};
const DATE: Words = Words {
    claim: "its certificate has expired",
    proves: "the client looked at the date of the certificate",
    fix: "issue a new certificate, put it in its place, then restart the service",
    is_the_clients: false,
};
const NAME: Words = Words {
    claim: "its certificate is not for the name that clients dial",
    proves: "the client compared the names in the certificate with the one that it dialled",
    fix: "issue a certificate with that name in it, or dial a name that is in it",
    is_the_clients: false,
};
const SIGNER: Words = Words {
    claim: "it trusts nobody who signed the certificate that it was shown",
    proves: "the client looked for the one who signed it, and does not know it",
    fix: "give it the certificate of that authority, then `bowline up`",
    is_the_clients: true,
};

/// Schemes that mean TLS from the first byte.
const TLS_SCHEMES: &[&str] = &[
    "https",
    "wss",
    "rediss",
    "valkeys",
    "amqps",
    "kafka+ssl",
    "ldaps",
    "smtps",
    "nats+tls",
];

/// Whether a client is told to use TLS there; `None` where nothing says so or not.
fn wants_tls(told: &Told) -> Option<(bool, String)> {
    let scheme = told.scheme.as_deref().unwrap_or_default();
    if TLS_SCHEMES.contains(&scheme) {
        return Some((true, format!("scheme `{scheme}`")));
    }
    for (name, value) in &told.options {
        let value = value.to_ascii_lowercase();
        let on = match name.as_str() {
            "sslmode" | "ssl-mode" => !matches!(
                value.as_str(),
                "disable" | "disabled" | "allow" | "prefer" | "preferred"
            ),
            "ssl" | "tls" => matches!(
                value.as_str(),
                "true" | "1" | "yes" | "require" | "required"
            ),
            _ => continue,
        };
        return Some((on, format!("`{name}={value}`")));
    }
    matches!(scheme, "http" | "ws" | "redis" | "amqp")
        .then(|| (false, format!("scheme `{scheme}`")))
}

/// A variable that switches TLS on by itself: `PGSSLMODE=require`.
fn tls_variable(client: &ContainerFact) -> Option<(&str, &str)> {
    let mut variables = client.environment.iter();
    variables.find_map(|(key, value)| {
        let value = value.as_deref()?;
        let is_mode = key
            .to_ascii_lowercase()
            .replace('_', "")
            .ends_with("sslmode");
        (is_mode && !matches!(value, "" | "disable" | "allow" | "prefer"))
            .then_some((key.as_str(), value))
    })
}

/// The address of a client that a complaint of TLS is about: one that says TLS, else the only one.
fn suspect<'w, 'f>(
    world: &'w World<'f>,
    client: &ContainerFact,
    said: &Said<'_>,
) -> Option<&'w Edge<'f>> {
    let edges: Vec<&Edge<'f>> = world
        .edges()
        .iter()
        .filter(|edge| {
            edge.client.name == client.name && matches!(edge.target, Target::Service { .. })
        })
        .filter(|edge| {
            said.capture("host")
                .is_none_or(|host| host == edge.host.name)
        })
        .collect();
    let of_kind = |edge: &&&Edge<'_>| match &edge.target {
        Target::Service { containers, .. } => {
            let mut recipes = containers.iter().filter_map(|it| world.recipe(it));
            recipes.any(|recipe| recipe.name == said.recipe)
        }
        _ => false,
    };
    let speaks = |edge: &&&Edge<'_>| wants_tls(edge.told).is_some_and(|(on, _)| on);
    let first = edges
        .iter()
        .find(of_kind)
        .or_else(|| edges.iter().find(speaks))
        .copied();
    first.or_else(|| edges.first().filter(|_| edges.len() == 1).copied())
}

fn one_side_speaks_tls(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(said) = world.says(client, Says::TlsMismatch) else {
            continue;
        };
        let Some(edge) = suspect(world, client, said) else {
            continue;
        };
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let (blamed, told) = told_of_tls(world, edge);
        let runs = containers
            .iter()
            .find(|server| world.runs(server))
            .map(|server| {
                let text = format!("{}: running", server.name);
                shown(
                    FactRef::State(server.name.clone()),
                    text,
                    "it took the call, and spoke otherwise",
                )
            });
        let claim = match wants_tls(edge.told)
            .map(|(on, _)| on)
            .or(tls_variable(client).map(|_| true))
        {
            Some(true) => format!("it wants TLS of `{name}`, which does not speak it there"),
            Some(false) => {
                format!("it does not use TLS with `{name}`, which speaks nothing else there")
            }
            None => format!("it and `{name}` do not agree on whether to use TLS"),
        };
        let case = Case::new(blamed, claim)
            .seen_in(client.service.as_deref())
            .between(Some(name), client.service.as_deref())
            .mended_by("let both sides say the same: switch TLS on in the server, or off in that address; then `bowline up`", Safety::NeedsYou)
            .decides("the complaint", Some(spoken(client, said, "what came back was of the other sort")))
            .decides("what the client is told of TLS", told)
            .decides("that the server runs", runs);
        cases.push(if said.is_proven {
            case
        } else {
            case.at_most(Confidence::Likely)
        });
    }
}

/// What tells a client whether to use TLS: the address, or a variable of its own.
fn told_of_tls(world: &World<'_>, edge: &Edge<'_>) -> (Culprit, Option<Evidence>) {
    let client = edge.client;
    let address = wants_tls(edge.told).map(|(_, how)| {
        let text = format!(
            "{}: {} has {how}",
            client.name,
            carrier(&edge.host.carrier).trim_end_matches(',')
        );
        shown(
            FactRef::Told(client.name.clone()),
            text,
            "that is how it is told to speak",
        )
    });
    if address.is_some() {
        return (teller(world, client, &edge.host.carrier), address);
    }
    let variable = world.made(client).and_then(tls_variable);
    let evidence = variable.map(|(key, value)| {
        let text = format!("{}: variable `{key}` is `{value}`", client.name);
        shown(
            FactRef::Made(client.name.clone()),
            text,
            "that is how it is told to speak",
        )
    });
    match variable {
        Some((key, _)) => (
            culprit(client, Some(&format!("environment.{key}"))),
            evidence,
        ),
        None => (teller(world, client, &edge.host.carrier), None),
    }
}

/// What clients say of a certificate. Nobody has looked at the certificate itself, so it is likely at most.
fn certificate(world: &World<'_>, cases: &mut Vec<Case>, said_of_it: &[Says], words: &Words) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(said) = said_of_it.iter().find_map(|word| world.says(client, *word)) else {
            continue;
        };
        let server = suspect(world, client, said).and_then(|edge| match &edge.target {
            Target::Service { name, .. } => Some(*name),
            _ => None,
        });
        let blamed = match server.filter(|_| !words.is_the_clients) {
            Some(server) => whole(CulpritKind::Service, server),
            None => culprit(client, None),
        };
        cases.push(
            Case::new(blamed, words.claim.to_owned())
                .seen_in(client.service.as_deref())
                .between(server, client.service.as_deref())
                .at_most(Confidence::Likely)
                .mended_by(words.fix, Safety::NeedsYou)
                .decides("the complaint", Some(spoken(client, said, words.proves))),
        );
    }
}

fn too_large(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(said) = world.says(client, Says::MessageTooLarge) else {
            continue;
        };
        let sizes = match (said.capture("size"), said.capture("limit")) {
            (Some(size), Some(limit)) => format!(" ({size} of {limit} bytes)"),
            (None, Some(limit)) => format!(" (more than {limit} bytes)"),
            _ => String::new(),
        };
        cases.push(
            Case::new(
                culprit(client, None),
                format!("a message is larger than the receiver takes{sizes}"),
            )
            .at_most(Confidence::Likely)
            .mended_by(
                "raise the receiver's limit, or send less at once and keep large things elsewhere",
                Safety::NeedsYou,
            )
            .decides(
                "the complaint",
                Some(spoken(
                    client,
                    said,
                    "small messages go through, this one does not",
                )),
            ),
        );
    }
}
