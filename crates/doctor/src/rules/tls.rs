//! TLS that one side speaks and the other does not, certificates; messages that are too large.

use bowline_model::carried::Form;
use bowline_recipes::Says;
use jiff::Timestamp;

use crate::edit::{Edit, Piece, Spot};
use crate::facts::{AskedFact, CertificateFact, ContainerFact, TlsAnswer, Told};
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
    decisive: &["the complaint"],
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
    /// What of a certificate shows it, by the certificate, the name that is dialled and the time.
    wrong: fn(&CertificateFact, &str, Timestamp) -> Option<String>,
}

const DATE: Words = Words {
    claim: "its certificate has expired",
    proves: "the client looked at the date of the certificate",
    fix: "issue a new certificate, put it in its place, then restart the service",
    is_the_clients: false,
    wrong: has_expired,
};
const NAME: Words = Words {
    claim: "its certificate is not for the name that clients dial",
    proves: "the client compared the names in the certificate with the one that it dialled",
    fix: "issue a certificate with that name in it, or dial a name that is in it",
    is_the_clients: false,
    wrong: is_of_another,
};
const SIGNER: Words = Words {
    claim: "it trusts nobody who signed the certificate that it was shown",
    proves: "the client looked for the one who signed it, and does not know it",
    fix: "give it the certificate of that authority, then `bowline up`",
    is_the_clients: true,
    wrong: signer,
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
pub(crate) fn wants_tls(told: &Told) -> Option<(bool, String)> {
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

/// What clients say of TLS when it does not come about.
const OF_TLS: &[Says] = &[
    Says::TlsMismatch,
    Says::ProtocolMismatch,
    Says::TlsExpired,
    Says::TlsNotYetValid,
    Says::TlsNameMismatch,
    Says::TlsUnknownCa,
];

/// Whether a client is told to use TLS at an address, or complains of the TLS there.
pub(crate) fn is_about_tls<'f>(world: &World<'f>, edge: &Edge<'f>) -> bool {
    let client = edge.client;
    if wants_tls(edge.told).is_some_and(|(is_wanted, _)| is_wanted) {
        return true;
    }
    let complaint = OF_TLS.iter().find_map(|word| world.says(client, *word));
    complaint.is_some_and(|said| {
        suspect(world, client, said)
            .is_some_and(|suspect| suspect.host.name == edge.host.name && suspect.port == edge.port)
    })
}

/// What the server of an edge showed of its TLS, where it was asked for it; without an answer where it speaks none.
pub(super) fn shown_by<'f>(
    world: &World<'f>,
    edge: &Edge<'f>,
) -> Option<(&'f AskedFact, Option<&'f TlsAnswer>)> {
    let (_, containers) = edge.service()?;
    let port = edge.port?;
    containers.iter().find_map(|server| world.tls(server, port))
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
pub(super) fn suspect<'w, 'f>(
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

/// An address at which one side speaks TLS and the other does not.
struct Mismatch<'w, 'f> {
    edge: &'w Edge<'f>,
    evidence: Evidence,
}

/// An address of a client at which it and the server do not agree, as the server showed when it was asked, else as the
/// client says.
fn mismatch<'w, 'f>(world: &'w World<'f>, client: &'f ContainerFact) -> Option<Mismatch<'w, 'f>> {
    let own = world.edges().iter();
    let mut own = own.filter(|edge| edge.client.name == client.name);
    let seen = own.find_map(|edge| Some((edge, disagreement(world, edge)?)));
    if let Some((edge, evidence)) = seen {
        return Some(Mismatch { edge, evidence });
    }
    let said = world.says(client, Says::TlsMismatch)?;
    let edge = suspect(world, client, said)?;
    // Both want TLS and speak it: something else of it is wrong.
    let is_wanted = wants_tls(edge.told).is_some_and(|(is_wanted, _)| is_wanted);
    let speaks = shown_by(world, edge).is_some_and(|(_, answer)| answer.is_some());
    (!(is_wanted && speaks)).then(|| Mismatch {
        edge,
        evidence: spoken(client, said, "what came back was of the other sort"),
    })
}

/// That a server speaks otherwise than a client is told to, as it showed when it was asked.
fn disagreement(world: &World<'_>, edge: &Edge<'_>) -> Option<Evidence> {
    let (is_wanted, _) = wants_tls(edge.told)?;
    let Some((asked, answer)) = shown_by(world, edge) else {
        let (_, containers) = edge.service()?;
        let mut answers = containers.iter().flat_map(|server| world.database(server));
        let (asked, _) =
            answers.find(|(_, answer)| is_wanted && answer.speaks_tls == Some(false))?;
        return Some(asked.evidence("no TLS there", "it answers, and not in TLS"));
    };
    match (is_wanted, answer) {
        (true, None) => Some(asked.evidence("no TLS there", "it answers, and not in TLS")),
        (false, Some(_)) => {
            let (_, containers) = edge.service()?;
            let port = edge.port?;
            let mut plain = containers.iter();
            plain.find_map(|server| world.not_understood(server, port))?;
            Some(asked.evidence(
                "TLS there, and nothing else",
                "it does not understand what comes in the clear",
            ))
        }
        _ => None,
    }
}

/// That an address asks for TLS, which its server wants. The other way round somebody has to decide whether it may be
/// spoken in the clear.
fn speaks_tls(edge: &Edge<'_>) -> Option<Edit> {
    let (is_wanted, _) = wants_tls(edge.told)?;
    let spot = Spot::carried(edge.client, &edge.host.carrier).filter(|_| !is_wanted)?;
    if let Some(mode) = edge.told.options.get("sslmode") {
        let (from, to) = (format!("sslmode={mode}"), "sslmode=require");
        return Some(spot.replace(Piece::Word, from, to));
    }
    let scheme = edge.told.scheme.as_deref()?;
    let secure = match scheme {
        "http" => "https",
        "redis" => "rediss",
        "amqp" => "amqps",
        "mqtt" => "mqtts",
        _ => return None,
    };
    Some(spot.replace(Piece::Word, format!("{scheme}://"), format!("{secure}://")))
}

fn one_side_speaks_tls(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(mismatch) = mismatch(world, client) else {
            continue;
        };
        let edge = mismatch.edge;
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
        cases.push(
            Case::new(blamed, claim)
                .seen_in(client.service.as_deref())
                .between(Some(name), client.service.as_deref())
                .mended_by("let both sides say the same: switch TLS on in the server, or off in that address; then `bowline up`", Safety::NeedsYou)
                .by_edits(speaks_tls(edge))
                .decides("the complaint", Some(mismatch.evidence))
                .decides("what the client is told of TLS", told)
                .decides("that the server runs", runs),
        );
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
    let variable = world.made(client).and_then(tls_variable);
    // Beside an address the variable is what says it.
    let is_beside = variable.is_some() && edge.told.form != Form::Url;
    if address.is_some() && !is_beside {
        return (teller(world, client, &edge.host.carrier), address);
    }
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

/// What clients say of a certificate, and what it says itself where it was looked at. It takes both to be certain.
fn certificate(world: &World<'_>, cases: &mut Vec<Case>, said_of_it: &[Says], words: &Words) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let said = said_of_it.iter().find_map(|word| world.says(client, *word));
        let edge = match said {
            Some(said) => suspect(world, client, said),
            // Only of the certificate itself, not of whom a client trusts, can be told without its word.
            None if !words.is_the_clients && world.fails_quietly(client) => {
                told_edge(world, client, words)
            }
            None => None,
        };
        let seen = edge.and_then(|edge| defect(world, edge, words));
        if said.is_none() && seen.is_none() || is_refuted(world, edge, words) {
            continue;
        }
        let server = edge.and_then(Edge::service).map(|(name, _)| name);
        let blamed = match server.filter(|_| !words.is_the_clients) {
            Some(server) => whole(CulpritKind::Service, server),
            None => culprit(client, None),
        };
        // Some clients look at neither date nor name; where none complains of it, something else may be wrong.
        let complaint = said.map(|said| spoken(client, said, words.proves));
        let case = Case::new(blamed, words.claim.to_owned())
            .seen_in(client.service.as_deref())
            .between(server, client.service.as_deref())
            .mended_by(words.fix, Safety::NeedsYou)
            .decides("the complaint", complaint)
            .decides("the certificate", seen);
        cases.push(case);
    }
}

/// An address of a client at which the certificate is wrong in this way, where the client does not say so.
fn told_edge<'w, 'f>(
    world: &'w World<'f>,
    client: &ContainerFact,
    words: &Words,
) -> Option<&'w Edge<'f>> {
    let edges = world.edges().iter();
    let mut verified = edges.filter(|edge| edge.client.name == client.name && verifies(edge.told));
    verified.find(|edge| defect(world, edge, words).is_some())
}

/// Whether a client looks at the certificate at all: clients of databases do so only when they are told to.
fn verifies(told: &Told) -> bool {
    let mode = told
        .options
        .get("sslmode")
        .or_else(|| told.options.get("ssl-mode"));
    mode.is_none_or(|mode| mode.to_ascii_lowercase().starts_with("verify"))
}

/// What is wrong with the certificate of an edge's server, as it says itself.
fn defect(world: &World<'_>, edge: &Edge<'_>, words: &Words) -> Option<Evidence> {
    let (asked, answer) = shown_by(world, edge)?;
    let own = answer?.certificates.first()?;
    let what = (words.wrong)(own, &edge.host.name, world.now())?;
    Some(asked.evidence(&what, "the certificate says so itself"))
}

/// Whether the certificate was looked at, and nothing is wrong with it in this way.
fn is_refuted(world: &World<'_>, edge: Option<&Edge<'_>>, words: &Words) -> bool {
    let own = edge.and_then(|edge| Some((edge, shown_by(world, edge)?.1?.certificates.first()?)));
    own.is_some_and(|(edge, own)| {
        !words.is_the_clients && (words.wrong)(own, &edge.host.name, world.now()).is_none()
    })
}

fn has_expired(own: &CertificateFact, _: &str, now: Timestamp) -> Option<String> {
    (own.not_after < now).then(|| format!("its certificate was good until {}", own.not_after))
}

fn is_of_another(own: &CertificateFact, dialled: &str, _: Timestamp) -> Option<String> {
    let names = match own.names.as_slice() {
        [] => format!("`{}`", own.subject),
        names => names
            .iter()
            .map(|name| format!("`{name}`"))
            .collect::<Vec<_>>()
            .join(", "),
    };
    (!own.is_for(dialled))
        .then(|| format!("its certificate is for {names} and not for `{dialled}`"))
}

fn signer(own: &CertificateFact, _: &str, _: Timestamp) -> Option<String> {
    let by = (!own.issuer.is_empty()).then_some(&own.issuer)?;
    Some(if own.issuer == own.subject {
        format!("its certificate is signed by itself, `{by}`")
    } else {
        format!("its certificate is signed by `{by}`")
    })
}

fn too_large(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        let Some(said) = world.says(client, Says::MessageTooLarge) else {
            continue;
        };
        // Where the receiver says it too, it is the receiver's to say.
        let mut edges = world.edges().iter();
        let is_repeated = edges.any(|edge| {
            let servers = edge.service().map(|(_, servers)| servers);
            let mut servers = servers.into_iter().flatten();
            edge.client.name == client.name
                && servers.any(|server| {
                    server.name != client.name
                        && world.says(server, Says::MessageTooLarge).is_some()
                })
        });
        if is_repeated {
            continue;
        }
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
