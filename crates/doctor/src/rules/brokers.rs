//! Brokers: addresses that they give to their clients, and clients that came too early.

use bowline_model::carried::Usage;
use bowline_recipes::Says;

use crate::collect::number;
use crate::edit::{Piece, Spot};
use crate::facts::{ContainerFact, ToldHost};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::{answers_to, target};
use crate::world::{Said, Target, World, culprit, shown, spoken, stood};

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
        for (service, server, first) in dialled(world, client) {
            let answer = Answer {
                service,
                server,
                client,
                first,
            };
            if let Some((announced, complaint)) = answer.is_complained_of(world) {
                let said = spoken(client, complaint, "it dials what the broker gave it");
                cases.push(answer.case(world, announced, Some(said)));
            } else if let Some(announced) = answer.is_the_client_itself(world) {
                let ails = stood(world, client, "the broker sends it to itself");
                let case = answer.case(world, announced, ails);
                cases.push(case.at_most(Confidence::Likely));
            }
        }
    }
}

/// The addresses that a server gives to its clients, each with the name of the listener that it stands for.
fn announced<'f>(
    world: &World<'f>,
    server: &'f ContainerFact,
) -> impl Iterator<Item = (Option<&'f str>, &'f ToldHost)> {
    of_listeners(world, server, Usage::Announces)
}

/// The addresses that a server uses in some way, each with the name of its listener.
fn of_listeners<'f>(
    world: &World<'f>,
    server: &'f ContainerFact,
    usage: Usage,
) -> impl Iterator<Item = (Option<&'f str>, &'f ToldHost)> {
    let told = world.told(server).iter();
    told.filter(move |told| told.usage == usage)
        .flat_map(|told| {
            let listener = told.scheme.as_deref();
            told.hosts.iter().map(move |host| (listener, host))
        })
}

/// Whether somebody is found at a port, where both are known.
fn is_port(known: &ToldHost, port: Option<u16>) -> bool {
    let both = number(known.port).zip(port);
    both.is_none_or(|(one, other)| one == other)
}

/// The address that a server gives to those who dial one of its ports: the announced one of the listener there.
fn given_to<'f>(
    world: &World<'f>,
    server: &'f ContainerFact,
    dialled: &ToldHost,
) -> Option<&'f ToldHost> {
    let port = number(dialled.port)?;
    let mut listeners = of_listeners(world, server, Usage::Listens);
    let (listener, _) = listeners.find(|(_, own)| number(own.port) == Some(port))?;
    let mut announced = announced(world, server);
    announced
        .find(|(of, _)| of.is_some() && *of == listener)
        .map(|(_, known)| known)
}

/// What a client is given by a server that it dials.
struct Answer<'f> {
    service: &'f str,
    server: &'f ContainerFact,
    client: &'f ContainerFact,
    /// Where the client was told to ask first.
    first: &'f ToldHost,
}

impl<'f> Answer<'f> {
    /// The announced address that the client complains of, though nobody but the server told it, and the complaint.
    fn is_complained_of(&self, world: &'f World<'f>) -> Option<(&'f ToldHost, &'f Said<'f>)> {
        // Of a server that is away, clients complain by any of its names.
        if !world.runs(self.server) {
            return None;
        }
        world.said(self.client).iter().find_map(|said| {
            let (host, port) = unheard_of(world, self.client, said)?;
            let announced = announced(world, self.server)
                .map(|(_, known)| known)
                .find(|known| known.name == host && is_port(known, port))?;
            Some((announced, said))
        })
    }

    /// The announced address that stands for the listener that the client asks, where it leads everybody to themselves
    /// and the client is ill, whatever it says of that.
    fn is_the_client_itself(&self, world: &'f World<'f>) -> Option<&'f ToldHost> {
        world.ailment(self.client)?;
        let known = given_to(world, self.server, self.first)?;
        matches!(target(world, self.client, &known.name), Target::Itself).then_some(known)
    }
}

impl Answer<'_> {
    fn case(&self, world: &World<'_>, announced: &ToldHost, complaint: Option<Evidence>) -> Case {
        let text = format!(
            "{}: {} announces `{}`",
            self.server.name,
            carrier(&announced.carrier).trim_end_matches(','),
            announced.name
        );
        let given = shown(
            FactRef::Told(self.server.name.clone()),
            text,
            "the broker gives that address to whoever asks",
        );
        let text = format!(
            "{}: {} names `{}`",
            self.client.name,
            carrier(&self.first.carrier).trim_end_matches(','),
            self.first.name
        );
        let sent = shown(
            FactRef::Told(self.client.name.clone()),
            text,
            "nobody told the client the address that it then dials",
        );
        self.blamed(world, announced)
            .between(Some(self.service), self.client.service.as_deref())
            .decides("the complaint", complaint)
            .decides("what the broker announces", Some(given))
            .decides("where the client was sent first", Some(sent))
    }

    /// Whose mistake it is: the client's where another listener of the same server is there for the stack, else the
    /// server's.
    fn blamed(&self, world: &World<'_>, wrong: &ToldHost) -> Case {
        let service = self.service;
        let inner = self::announced(world, self.server)
            .map(|(_, known)| known)
            .filter(|known| answers_to(self.server, &known.name) || known.name == self.first.name)
            .find_map(|known| number(known.port))
            .filter(|port| number(self.first.port) != Some(*port));
        if let Some(port) = inner {
            let claim = format!(
                "it asks `{service}` at the listener for those outside, which sends it to `{}`; the one for the stack is `{service}:{port}`",
                wrong.name
            );
            let carrier = self
                .first
                .port_carrier
                .as_ref()
                .unwrap_or(&self.first.carrier);
            let from = number(self.first.port).map(|from| from.to_string());
            return Case::new(teller(world, self.client, carrier), claim)
                .mended_by(
                    format!("let it ask `{service}:{port}`, then `bowline up`"),
                    Safety::NeedsYou,
                )
                .by_edits(
                    Spot::carried(self.client, carrier)
                        .zip(from)
                        .map(|(spot, from)| spot.replace(Piece::Port, from, port.to_string())),
                );
        }
        let claim = format!(
            "it sends its clients to `{}`, where they do not find it; within the stack it is `{service}`",
            wrong.name
        );
        Case::new(teller(world, self.server, &wrong.carrier), claim)
            .seen_in(self.server.service.as_deref())
            .mended_by(
                format!("announce `{service}` to the stack, and another listener to those outside, then `bowline up`"),
                Safety::NeedsYou,
            )
            // Somebody outside may count on what a published port announces.
            .by_edits(
                Spot::carried(self.server, &wrong.carrier)
                    .filter(|_| self.server.published.is_empty())
                    .map(|spot| spot.replace(Piece::Host, wrong.name.as_str(), service)),
            )
    }
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
