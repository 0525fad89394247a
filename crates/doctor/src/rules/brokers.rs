//! Brokers: addresses that they give to their clients, and clients that came too early.

use bowline_model::carried::Usage;
use bowline_recipes::Says;

use crate::collect::number;
use crate::edit::{Piece, Spot};
use crate::facts::{ContainerFact, ToldHost};
use crate::finding::{Code, Confidence, Culprit, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, Target, World, culprit, shown, spoken};

use super::names::{carrier, teller};

pub(crate) const ASKED_TOO_EARLY: Rule = Rule {
    code: Code("D035"),
    title: "a client gave up before its broker was ready",
    layer: Layer::Dependency,
    decisive: &[
        "the complaint",
        "when the broker was ready",
        "that nobody waits",
    ],
    look_alikes: &[Code("D036")],
    yields: false,
    endangers_data: false,
    find: asked_too_early,
};

pub(crate) const ADVERTISES_WRONG: Rule = Rule {
    code: Code("D037"),
    title: "a broker gives its clients an address that they cannot reach",
    layer: Layer::Network,
    decisive: &[
        "the complaint",
        "what the broker announces",
        "where the client was sent first",
    ],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: advertises_wrong,
};

/// Servers of the stack that a client dials, with the name that it goes by.
fn dialled<'f>(
    world: &World<'f>,
    client: &ContainerFact,
) -> Vec<(&'f str, &'f ContainerFact, &'f ToldHost)> {
    let edges = world
        .edges()
        .iter()
        .filter(|edge| edge.client.name == client.name);
    edges
        .filter_map(|edge| match &edge.target {
            Target::Service {
                name, containers, ..
            } => Some((*name, *containers.first()?, edge.host)),
            _ => None,
        })
        .collect()
}

/// An address that a client speaks of without having been told it.
fn unheard_of<'s>(
    world: &World<'_>,
    client: &ContainerFact,
    said: &'s Said<'_>,
) -> Option<(&'s str, Option<u16>)> {
    let words = [
        Says::AdvertisedAddress,
        Says::ConnectionRefused,
        Says::NameUnknown,
        Says::ConnectionTimeout,
        Says::ConnectionFailed,
    ];
    let host = said
        .capture("host")
        .filter(|_| said.is_fresh && words.contains(&said.says))?;
    let hosts = world.told(client).iter().flat_map(|told| &told.hosts);
    let is_told = hosts.into_iter().any(|known| known.name == host);
    let port = said.capture("port").and_then(|port| port.parse().ok());
    (!is_told).then_some((host, port))
}

fn advertises_wrong(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client))
    {
        for said in world.said(client) {
            let Some((host, port)) = unheard_of(world, client, said) else {
                continue;
            };
            for (service, server, first) in dialled(world, client) {
                let mut told = world
                    .told(server)
                    .iter()
                    .filter(|told| told.usage == Usage::Announces);
                let announced = told.find_map(|told| {
                    told.hosts.iter().find(|known| {
                        known.name == host
                            && number(known.port)
                                .zip(port)
                                .is_none_or(|(one, other)| one == other)
                    })
                });
                if let Some(announced) = announced {
                    let to_blame = teller(world, server, &announced.carrier);
                    cases.push(announced_case(
                        to_blame,
                        client,
                        said,
                        (service, server),
                        first,
                        announced,
                    ));
                }
            }
        }
    }
}

fn announced_case(
    to_blame: Culprit,
    client: &ContainerFact,
    said: &Said<'_>,
    (service, server): (&str, &ContainerFact),
    first: &ToldHost,
    announced: &ToldHost,
) -> Case {
    let claim = format!(
        "it sends its clients to `{}`, where they do not find it; within the stack it is `{service}`",
        announced.name
    );
    let text = format!(
        "{}: {} announces `{}`",
        server.name,
        carrier(&announced.carrier).trim_end_matches(','),
        announced.name
    );
    let given = shown(
        FactRef::Told(server.name.clone()),
        text,
        "the broker gives that address to whoever asks",
    );
    let text = format!(
        "{}: {} names `{}`",
        client.name,
        carrier(&first.carrier).trim_end_matches(','),
        first.name
    );
    let sent = shown(
        FactRef::Told(client.name.clone()),
        text,
        "nobody told the client the address that it then dials",
    );
    Case::new(to_blame, claim)
        .seen_in(server.service.as_deref())
        .between(Some(service), client.service.as_deref())
        .mended_by(
            format!("announce `{service}` to the stack, and another listener to those outside, then `bowline up`"),
            Safety::NeedsYou,
        )
        // Somebody outside may count on what a published port announces.
        .by_edits(
            Spot::carried(server, &announced.carrier)
                .filter(|_| server.published.is_empty())
                .map(|spot| spot.replace(Piece::Host, announced.name.as_str(), service)),
        )
        .decides("the complaint", Some(spoken(client, said, "it dials what the broker gave it")))
        .decides("what the broker announces", Some(given))
        .decides("where the client was sent first", Some(sent))
}

fn asked_too_early(world: &World<'_>, cases: &mut Vec<Case>) {
    for client in world
        .containers()
        .filter(|client| !world.seems_well(client) && !world.runs(client))
    {
        let Some(said) = world.says(client, Says::TopicMissing) else {
            continue;
        };
        for (service, server, _) in dialled(world, client) {
            let mut said_by_server = world.said(server).iter();
            let Some(ready) =
                said_by_server.find(|ready| ready.says == Says::Ready && ready.first > said.last)
            else {
                continue;
            };
            let waits = client
                .service
                .as_deref()
                .and_then(|name| world.declared(name));
            let waits_for =
                waits.map(|declared| declared.depends_on.get(service).map(String::as_str));
            if waits_for == Some(Some("service_healthy")) {
                continue;
            }
            let ready_later = spoken(
                server,
                ready,
                "it was ready only after the client had asked",
            );
            let name = client.service.as_deref().unwrap_or(&client.name);
            let nobody = waits_for.map(|_| {
                let text = format!("{name}: does not wait until `{service}` is healthy");
                shown(
                    FactRef::Declared(name.to_owned()),
                    text,
                    "it is started whether the broker is ready or not",
                )
            });
            cases.push(
                Case::new(culprit(client, Some("depends_on")), format!("it asked `{service}` before that was ready, and gave up"))
                    .at_most(Confidence::Likely)
                    .between(Some(service), client.service.as_deref())
                    .mended_by(
                        format!("start it again now that `{service}` is ready: `bowline up`; to keep it from happening again, give `{service}` a healthcheck and wait for `service_healthy`"),
                        Safety::Safe,
                    )
                    .by_command(["bowline", "up"])
                    .decides("the complaint", Some(spoken(client, said, "it was too early")))
                    .decides("when the broker was ready", Some(ready_later.clone()))
                    .decides("that nobody waits", nobody)
                    .rules_out(Code("D036"), Some(ready_later)),
            );
        }
    }
}
