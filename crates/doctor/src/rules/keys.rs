//! Keys and tokens that are refused since what they are told by is another.

use std::collections::BTreeSet;

use bowline_recipes::Says;
use jiff::Timestamp;

use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, filed, made, reported, shown, spoken};

pub(crate) const ALL_REFUSED: Rule = Rule {
    code: Code("D086"),
    title: "every key or token is refused since what it is told by is another",
    layer: Layer::Security,
    decisive: &[
        "that it is another",
        "what it tells keys by",
        "who is refused since then",
        "who is refused as well",
    ],
    look_alikes: &[Code("D002")],
    yields: false,
    endangers_data: false,
    find: |world, cases| {
        all_refused(world, cases);
        signed_otherwise(world, cases);
    },
};

/// Words in the names of variables by which a service tells good keys from others: with another value none is good any more.
const TELLS_KEYS: &[&str] = &["SALT", "PEPPER", "HMAC", "SIGNING", "JWT"];

/// Words in the names of variables that hold what tokens, cookies and sessions are signed with, beside one of `OF_TOKENS`.
const SECRETS: &[&str] = &["SECRET", "KEY"];
/// Words that say of such a variable what it is for; frameworks take those of an app for all that they sign.
const OF_TOKENS: &[&str] = &[
    "SECRET", "APP", "AUTH", "COOKIE", "NEXTAUTH", "SESSION", "TOKEN",
];
/// How often a server has to refuse, where no client in the stack says that it was refused: now and then somebody brings
/// what was never good.
const OFTEN: usize = 3;

/// The words of a variable's name.
fn words(key: &str) -> Vec<String> {
    key.split('_').map(str::to_ascii_uppercase).collect()
}

fn has_one_of(words: &[String], of: &[&str]) -> bool {
    words.iter().any(|word| of.contains(&word.as_str()))
}

/// The variable by which a service tells keys; one that holds a secret before others.
fn tells_keys(server: &ContainerFact) -> Option<&str> {
    let tells = |key: &&String| has_one_of(&words(key), TELLS_KEYS);
    let keys = server.environment.keys().filter(tells);
    let first = keys.min_by_key(|key| !has_one_of(&words(key), SECRETS))?;
    Some(first)
}

/// The variable that holds what a service signs tokens with, or names the file with it, and what it says.
fn signs_with(server: &ContainerFact) -> Option<(&str, &str)> {
    let is_it = |key: &str| {
        let words = words(key);
        let plain = words.iter();
        let secrets = plain
            .filter(|word| SECRETS.contains(&word.as_str()))
            .count();
        // `SECRET_KEY` is for tokens; a `SECRET` alone may be anything.
        secrets > 1
            || secrets == 1
                && (has_one_of(&words, TELLS_KEYS)
                    || OF_TOKENS[1..]
                        .iter()
                        .any(|of| words.iter().any(|it| it == of)))
    };
    let mut variables = server.environment.iter();
    variables.find_map(|(key, value)| {
        let value = value.as_deref().filter(|value| !value.is_empty())?;
        is_it(key).then_some((key.as_str(), value))
    })
}

/// What a client says of a key that was good before a service was made again; `None` where it was refused before, or where
/// nobody knows.
fn refused_since<'f>(
    world: &World<'f>,
    client: &'f ContainerFact,
    server: &ContainerFact,
) -> Option<Evidence> {
    let said = world.says(client, Says::Unauthorized)?;
    let created = server.created?;
    let began = world.log(client)?.lines.first()?.at;
    let is_new = began < created && said.first >= created;
    let proves = "its key was good before, and is not any more";
    (is_new && !world.seems_well(client)).then(|| spoken(client, said, proves))
}

/// Tokens that somebody refuses for their signature, and why that is another than it was, or than the issuer's.
fn signed_otherwise(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers().filter(|it| world.runs(it)) {
        let Some((key, value)) = signs_with(server) else {
            continue;
        };
        let refused = refused_by(world, server);
        let own = world.says(server, Says::SignatureRefused);
        let is_often = own.is_some_and(|own| own.count >= OFTEN);
        if refused.is_empty() && !is_often {
            continue;
        }
        let another = told_otherwise(world, server, key, value)
            .or_else(|| written_anew(world, server, key, value, own, &refused))
            .or_else(|| made_anew(world, server, value, own, &refused));
        if let Some(another) = another {
            cases.push(of_tokens(world, server, key, another, own, &refused));
        }
    }
}

/// Who says that its token was refused for its signature, and is a client of a server, near or far: of none but this one,
/// where the server says nothing of it.
fn refused_by<'w, 'f>(
    world: &'w World<'f>,
    server: &ContainerFact,
) -> Vec<(&'f ContainerFact, &'w Said<'f>)> {
    let own = world.says(server, Says::SignatureRefused);
    let others = world.containers().filter(|it| it.name != server.name);
    let refused = others.filter_map(|client| {
        let said = world.says(client, Says::SignatureRefused)?;
        let mut reached = BTreeSet::new();
        world.reach(client, &mut reached);
        let signs = |it: &&ContainerFact| {
            it.name != client.name && reached.contains(it.name.as_str()) && signs_with(it).is_some()
        };
        let is_alone = || world.containers().filter(signs).count() == 1;
        let is_its = reached.contains(server.name.as_str()) && (own.is_some() || is_alone());
        (is_its && !world.seems_well(client)).then_some((client, said))
    });
    refused.collect()
}

/// Whether nobody was refused before a moment, and somebody who was there before it is refused since.
fn is_since(
    world: &World<'_>,
    moment: Timestamp,
    own: Option<&Said<'_>>,
    refused: &[(&ContainerFact, &Said<'_>)],
) -> bool {
    let was_there = |client: &ContainerFact| {
        let log = world.log(client);
        let is_read = log.is_some_and(|log| {
            !log.is_cut || log.lines.first().is_some_and(|line| line.at < moment)
        });
        is_read && client.started.is_some_and(|started| started < moment)
    };
    let mut all = refused.iter().map(|(_, said)| *said).chain(own);
    all.all(|said| said.first >= moment)
        && (refused.is_empty() || refused.iter().any(|(client, _)| was_there(client)))
}

/// That another service is told another secret by the same variable: it may be the one that issues the tokens. What a
/// framework signs for itself each service has of its own.
fn told_otherwise<'f>(
    world: &World<'f>,
    server: &'f ContainerFact,
    key: &str,
    value: &str,
) -> Option<(String, Evidence)> {
    if !has_one_of(&words(key), TELLS_KEYS) || !value.starts_with('#') {
        return None;
    }
    world.made(server)?;
    let mut others = world
        .containers()
        .filter(|it| it.service != server.service && (world.runs(it) || world.is_done(it)));
    others.find_map(|other| {
        let told = world.made(other)?.environment.get(key)?.as_deref()?;
        let service = other.service.as_deref()?;
        let is_another = told.starts_with('#') && told != value;
        let what = format!("its `{key}` is another one than that of {}", server.name);
        let evidence = made(world, other, &what, "what one signs the other refuses")?;
        is_another.then(|| (format!("`{service}` has another `{key}` than it"), evidence))
    })
}

/// That the file with the secret was written again while the service was there, and tokens are refused since.
fn written_anew(
    world: &World<'_>,
    server: &ContainerFact,
    key: &str,
    path: &str,
    own: Option<&Said<'_>>,
    refused: &[(&ContainerFact, &Said<'_>)],
) -> Option<(String, Evidence)> {
    let file = world.file(server, path).filter(|_| path.starts_with('/'))?;
    let modified = file.there.as_ref()?.modified?;
    let was_there = server.created.is_some_and(|created| created < modified);
    let is_new = was_there && is_since(world, modified, own, refused);
    let at = modified.strftime("%Y-%m-%d %H:%M:%S");
    is_new.then(|| {
        let proves = format!("it was written again at {at}, after `{key}` had been read from it");
        (
            format!("`{path}` was written again at {at}"),
            filed(file, &proves),
        )
    })
}

/// That the service was made again, and tokens are refused since.
fn made_anew<'f>(
    world: &World<'f>,
    server: &'f ContainerFact,
    value: &str,
    own: Option<&Said<'_>>,
    refused: &[(&ContainerFact, &Said<'_>)],
) -> Option<(String, Evidence)> {
    let created = world.made(server)?.created?;
    // What is in a file is not made anew with the service; and a first one was not made again.
    let is_again = world.another_before(server);
    let is_new = !refused.is_empty() && is_since(world, created, own, refused);
    if value.starts_with('/') || !is_new {
        return None;
    }
    let text = format!(
        "{}: created at {}",
        server.name,
        created.strftime("%Y-%m-%d %H:%M:%S")
    );
    let fact = FactRef::Made(server.name.clone());
    let proves = "who is refused was there before it";
    let evidence = is_again.map_or_else(
        || shown(fact, text, proves),
        |event| reported(event, "another container was there before this one"),
    );
    Some(("it was made again".to_owned(), evidence))
}

/// The case of tokens that are refused for their signature.
fn of_tokens(
    world: &World<'_>,
    server: &ContainerFact,
    key: &str,
    (what, evidence): (String, Evidence),
    own: Option<&Said<'_>>,
    refused: &[(&ContainerFact, &Said<'_>)],
) -> Case {
    let claim = format!(
        "it refuses tokens for their signature: {what}, and they were signed with another value than its `{key}` has"
    );
    let field = format!("environment.{key}");
    let proves = "its token was signed with another one";
    let mut said = refused
        .iter()
        .map(|(client, said)| spoken(client, said, proves));
    let own = own.map(|own| spoken(server, own, "it looked at the signature"));
    let first = own.or_else(|| said.next());
    let known = world.containers().find(|it| it.name == server.name);
    let tells = known.and_then(|it| {
        made(
            world,
            it,
            &format!("has a variable `{key}`"),
            "tokens are told by it",
        )
    });
    let mut case = Case::new(culprit(server, Some(&field)), claim)
        .at_most(Confidence::Likely)
        .mended_by(
            format!(
                "give whoever signs and whoever looks at the signature the same `{key}`, and `bowline up`; where it is to be another from now on, issue new tokens to everybody"
            ),
            Safety::NeedsYou,
        )
        .decides("that it is another", Some(evidence))
        .decides("what it tells keys by", tells)
        .decides("who is refused since then", first)
        .decides("who is refused as well", said.next());
    for (client, _) in refused {
        case = case.between(server.service.as_deref(), client.service.as_deref());
    }
    case
}

fn all_refused(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers() {
        let (Some(key), Some(service)) = (tells_keys(server), server.service.as_deref()) else {
            continue;
        };
        let Some(before) = world.another_before(server) else {
            continue;
        };
        let edges = world.edges().iter();
        let to_it = edges.filter(|edge| edge.leads_to(server) && edge.client.name != server.name);
        let mut known = BTreeSet::new();
        let clients: Vec<&ContainerFact> = to_it
            .map(|edge| edge.client)
            .filter(|client| known.insert(&client.name))
            .collect();
        let refused: Option<Vec<(&ContainerFact, Evidence)>> = clients
            .iter()
            .map(|client| Some((*client, refused_since(world, client, server)?)))
            .collect();
        // A single key may be a wrong one, and one that is still good says that the others are.
        let Some([(_, first), (_, second), ..]) = refused.as_deref() else {
            continue;
        };
        let claim = format!(
            "since `{service}` was made again, every key is refused: it tells keys by `{key}`, and with another value of that none is good any more"
        );
        let field = format!("environment.{key}");
        let mut case = Case::new(culprit(server, Some(&field)), claim)
            .at_most(Confidence::Likely)
            .mended_by(
                format!(
                    "write the former value of `{key}` there and `bowline up`; where it is to be another, issue new keys to everybody"
                ),
                Safety::NeedsYou,
            )
            .decides(
                "that it is another",
                Some(reported(before, "another container was there before this one")),
            )
            .decides(
                "what it tells keys by",
                made(world, server, &format!("has a variable `{key}`"), "keys depend on it"),
            )
            .decides("who is refused since then", Some(first.clone()))
            .decides("who is refused as well", Some(second.clone()));
        for client in clients {
            case = case.between(Some(service), client.service.as_deref());
        }
        cases.push(case);
    }
}
