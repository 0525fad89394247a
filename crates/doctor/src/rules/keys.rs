//! Keys that are refused all at once, since what they are told by is another.

use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, Evidence, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{World, culprit, made, reported, spoken};

pub(crate) const ALL_REFUSED: Rule = Rule {
    code: Code("D086"),
    title: "every key is refused since a service was made again",
    layer: Layer::Security,
    decisive: &[
        "that it was made again",
        "what it tells keys by",
        "who is refused since then",
        "who is refused as well",
    ],
    look_alikes: &[Code("D002")],
    yields: false,
    endangers_data: false,
    find: all_refused,
};

/// Words in the names of variables by which a service tells good keys from others: with another value none is good any more.
const TELLS_KEYS: &[&str] = &["SALT", "PEPPER", "HMAC", "SIGNING", "JWT"];

/// The variable by which a service tells keys.
fn tells_keys(server: &ContainerFact) -> Option<&str> {
    let mut keys = server.environment.keys();
    let key = keys.find(|key| {
        let key = key.to_ascii_uppercase();
        let mut words = key.split('_');
        words.any(|word| TELLS_KEYS.contains(&word))
    });
    key.map(String::as_str)
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
                "that it was made again",
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
