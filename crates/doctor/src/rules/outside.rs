//! Engines, brokers and hosts that are not where they are looked for.

use std::net::IpAddr;

use bowline_recipes::Says;

use crate::facts::{ContainerFact, GroupFact, NameAnswer, WhyNoEngine};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Edge, Said, Target, World, culprit, listening, shown, spoken, whole};

use super::names::{address, complaint, fits, sure_of, teller, tried};
use super::networks::outside_complaint;

pub(crate) const NO_ENGINE: Rule = Rule {
    code: Code("D144"),
    title: "the engine cannot be reached",
    layer: Layer::Platform,
    decisive: &["the attempt"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: no_engine,
};

pub(crate) const WRONG_ENGINE: Rule = Rule {
    code: Code("D145"),
    title: "the stack runs on another engine than the one that was asked",
    layer: Layer::Platform,
    decisive: &["where it is"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: wrong_engine,
};

pub(crate) const BEHIND_PROFILE: Rule = Rule {
    code: Code("D146"),
    title: "needs a service that is behind a profile which is not asked for",
    layer: Layer::Config,
    decisive: &["the profile", "the address", "the attempt"],
    look_alikes: &[Code("D053")],
    yields: false,
    endangers_data: false,
    find: behind_profile,
};

pub(crate) const OUTSIDE_FAILS: Rule = Rule {
    code: Code("D147"),
    title: "a host outside of the stack does not do its part",
    layer: Layer::Dependency,
    decisive: &["the attempt", "that its name is known"],
    look_alikes: &[Code("D090"), Code("D091")],
    yields: false,
    endangers_data: false,
    find: outside_fails,
};

pub(crate) const NOT_CONNECTED: Rule = Rule {
    code: Code("D062"),
    title: "a worker runs without a connection to the broker that it works for",
    layer: Layer::Dependency,
    decisive: &[
        "the address",
        "that it has no connection",
        "that it gave up",
        "that the broker takes calls",
    ],
    look_alikes: &[Code("D052"), Code("D054")],
    yields: false,
    endangers_data: false,
    find: not_connected,
};

pub(crate) const BROKER_DOWN: Rule = Rule {
    code: Code("D026"),
    title: "a broker is down, and who needs it goes on without it",
    layer: Layer::Dependency,
    decisive: &["that it does not run", "who needs it", "what they said"],
    look_alikes: &[Code("D062")],
    yields: true,
    endangers_data: false,
    find: broker_down,
};

/// Kinds of servers to which workers keep a connection.
const BROKERS: &[&str] = &[
    "redis",
    "rabbitmq",
    "kafka",
    "nats",
    "mosquitto",
    "activemq",
    "temporal",
    "pulsar",
    "beanstalkd",
];

fn no_engine(world: &World<'_>, cases: &mut Vec<Case>) {
    let Some(engine) = world.no_engine() else {
        return;
    };
    let (why, fix) = match engine.why {
        WhyNoEngine::NoSocket => (
            "there is no such socket: it does not run, or runs elsewhere",
            "start it: `sudo systemctl start docker`; or say with `DOCKER_HOST` where it is",
        ),
        WhyNoEngine::PermissionDenied => (
            "this user may not open its socket",
            "join the group that owns the socket, and log in again",
        ),
        WhyNoEngine::Refused => (
            "nobody listens behind its socket: it was ended and left it behind",
            "start it: `sudo systemctl start docker`",
        ),
        WhyNoEngine::Other => (
            "it does not answer as an engine does",
            "see that it runs, and that the address is right",
        ),
    };
    let fix = if engine.hints.is_empty() {
        fix.to_owned()
    } else {
        engine.hints.join("; ")
    };
    let socket = engine
        .endpoint
        .strip_prefix("unix://")
        .unwrap_or(&engine.endpoint);
    let culprit = match &engine.variable {
        Some(variable) => whole(CulpritKind::Variable, variable),
        None => whole(CulpritKind::File, socket),
    };
    let attempt = shown(
        FactRef::Engine,
        engine.text.clone(),
        "nothing can be looked at without it",
    );
    cases.push(
        Case::new(
            culprit,
            format!(
                "the engine at `{}` cannot be reached: {why}",
                engine.endpoint
            ),
        )
        .mended_by(fix, Safety::NeedsYou)
        .decides("the attempt", Some(attempt)),
    );
}

fn wrong_engine(world: &World<'_>, cases: &mut Vec<Case>) {
    let Some(elsewhere) = world
        .elsewhere()
        .filter(|_| world.containers().next().is_none())
    else {
        return;
    };
    let claim = format!(
        "`{}` was asked and has no container of `{}`; `{}` has {}",
        elsewhere.asked,
        world.project(),
        elsewhere.endpoint,
        elsewhere.containers
    );
    let variable = elsewhere.variable.as_deref().unwrap_or("DOCKER_HOST");
    let there = shown(
        FactRef::Engine,
        format!(
            "{}: {} containers of the project `{}`",
            elsewhere.endpoint,
            elsewhere.containers,
            world.project()
        ),
        "the stack is there",
    );
    cases.push(
        Case::new(whole(CulpritKind::Variable, variable), claim)
            .mended_by(
                format!(
                    "ask that one: `DOCKER_HOST={} bowline ps`, or select its context",
                    elsewhere.endpoint
                ),
                Safety::NeedsYou,
            )
            .decides("where it is", Some(there)),
    );
}

/// What is said of a name that nobody has, or of a server that is not there.
const NOT_THERE: &[Says] = &[
    Says::NameUnknown,
    Says::NameUnanswered,
    Says::UpstreamNameUnknown,
    Says::ConnectionFailed,
];

fn behind_profile(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Target::Absent {
            name,
            is_disabled: true,
        } = &edge.target
        else {
            continue;
        };
        let attempt = complaint(world, edge, NOT_THERE).or_else(|| {
            tried(world, edge, "nobody has that name").filter(|_| is_unknown(world, edge))
        });
        let (Some(declared), Some(attempt), false) =
            (world.declared(name), attempt, world.seems_well(edge.client))
        else {
            continue;
        };
        let profiles = declared.profiles.join(", ");
        let claim = format!(
            "`{name}` is needed and not started: it is behind the profile `{profiles}`, which is not asked for"
        );
        let profile = shown(
            FactRef::Declared((*name).to_owned()),
            format!("{name}: profiles: [{profiles}]"),
            "it is not started unless somebody asks",
        );
        let first = declared.profiles.first().map_or("", String::as_str);
        let mut culprit = whole(CulpritKind::Service, name);
        culprit.field = Some("profiles".to_owned());
        cases.push(
            Case::new(culprit, claim)
                // Nobody may ask for what is behind a profile: that the name is unknown proves nothing.
                .at_most(sure_of(world, edge, NOT_THERE))
                .seen_in(edge.client.service.as_deref())
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(
                    format!("ask for it by its name: `bowline up {name}`; or for all of them: `bowline --profile {first} up`"),
                    Safety::Safe,
                )
                .by_command(["bowline", "up", name])
                .decides("the profile", Some(profile.clone()))
                .decides("the address", Some(address(edge, "it is told to go there")))
                .decides("the attempt", Some(attempt))
                .rules_out(Code("D053"), Some(profile)),
        );
    }
}

fn is_unknown(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let tried = world.tried(edge.client, &edge.host.name);
    tried.is_some_and(|tried| tried.name == NameAnswer::NoSuchName)
}

/// What is said of a host outside that was reached, or nearly so, and did not answer as wanted.
const NOT_HELPED: &[Says] = &[
    Says::RateLimited,
    Says::ServerError,
    Says::ConnectionTimeout,
    Says::AnswerTimeout,
    Says::ConnectionRefused,
    Says::ConnectionReset,
    Says::UpstreamNotAnswering,
    Says::UpstreamFailed,
];

fn outside_fails(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((attempt, said)) = outside_complaint(world, edge, NOT_HELPED) else {
            continue;
        };
        let what = match said.says {
            Says::RateLimited => "asks for fewer requests",
            Says::ServerError => "answers that it cannot",
            Says::ConnectionTimeout | Says::AnswerTimeout | Says::UpstreamNotAnswering => {
                "does not answer"
            }
            Says::ConnectionReset => "breaks connections off",
            _ => "refuses connections",
        };
        let known = world
            .tried(edge.client, &edge.host.name)
            .filter(|tried| matches!(tried.name, NameAnswer::Addresses(_)));
        let known = known.and_then(|_| {
            tried(
                world,
                edge,
                "its name is known, so the way to ask for it is open",
            )
        });
        let out = world.networks(edge.client).into_iter().flatten();
        let out = out
            .filter_map(|(name, _)| world.network(name))
            .find(|network| !network.internal);
        let out = out.map(|network| {
            let text = format!("network `{}`: not internal", network.name);
            shown(
                FactRef::Network(network.name.clone()),
                text,
                "there is a way out",
            )
        });
        let claim = format!(
            "`{}`, which is outside of the stack, {what}",
            edge.host.name
        );
        cases.push(
            Case::new(teller(world, edge.client, &edge.host.carrier), claim)
                .seen_in(edge.client.service.as_deref())
                .mended_by(
                    "wait and try again, with longer pauses where it asks for fewer requests; ask who runs it whether it is well",
                    Safety::NeedsYou,
                )
                .at_most(Confidence::Likely)
                .decides("the attempt", Some(attempt))
                .decides("that its name is known", known.clone())
                .rules_out(Code("D090"), known)
                .rules_out(Code("D091"), out),
        );
    }
}

fn is_broker(world: &World<'_>, container: &ContainerFact) -> bool {
    let recipe = world.recipe(container);
    recipe.is_some_and(|recipe| BROKERS.contains(&recipe.name.as_str()))
}

/// What a client said of a server some time in this run.
fn said_of<'w>(world: &'w World<'_>, edge: &Edge<'_>) -> Option<&'w Said<'w>> {
    const WORDS: &[Says] = &[
        Says::ConnectionRefused,
        Says::ConnectionFailed,
        Says::ConnectionTimeout,
        Says::AnswerTimeout,
        Says::ConnectionReset,
        Says::ConnectionClosed,
        Says::NameUnknown,
        Says::NameUnanswered,
        Says::NoRoute,
        Says::StartingUp,
    ];
    let started = edge.client.started;
    let mut said = world.said(edge.client).iter();
    said.find(|said| {
        let is_of_this_run = started.is_none_or(|started| said.last >= started);
        WORDS.contains(&said.says) && fits(edge, said) && is_of_this_run
    })
}

/// The last that a client said of a server. Words that name nobody may be about anybody whom it dials.
fn last_word(world: &World<'_>, edge: &Edge<'_>, said: &Said<'_>) -> (Evidence, Confidence) {
    let shows = spoken(edge.client, said, "this was its last word about it");
    let sure = if said.capture("host").is_some() || dials_nobody_else(world, edge) {
        Confidence::Certain
    } else {
        Confidence::Likely
    };
    (shows, sure)
}

fn dials_nobody_else(world: &World<'_>, edge: &Edge<'_>) -> bool {
    let mut others = world.edges().iter().filter(|other| {
        let is_another = other.host.name != edge.host.name;
        is_another && other.client.name == edge.client.name && other.service().is_some()
    });
    others.next().is_none()
}

/// Whether a container has a connection to one of these, at that port, or asks for one.
fn is_connected(
    world: &World<'_>,
    client: &ContainerFact,
    servers: &[&ContainerFact],
    port: u16,
) -> Option<bool> {
    let inside = world.inside(client)?;
    let mut addresses: Vec<IpAddr> = Vec::new();
    for server in servers {
        let endpoints = world.networks(server)?.values();
        addresses.extend(endpoints.filter_map(|one| one.ipv4.as_deref()?.parse::<IpAddr>().ok()));
    }
    let has = inside
        .peers
        .iter()
        .any(|peer| addresses.contains(&peer.remote) && peer.remote_port == Some(port));
    (!addresses.is_empty()).then_some(has)
}

fn not_connected(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let (Some(port), Some(server)) = (edge.port, containers.first()) else {
            continue;
        };
        let lives = world.runs(edge.client) && containers.iter().all(|one| world.seems_ready(one));
        if !lives
            || !is_broker(world, server)
            || is_connected(world, edge.client, containers, port) != Some(false)
        {
            continue;
        }
        let said = said_of(world, edge);
        if still_tries(world, edge, server) || world.trouble(edge).is_some() {
            continue;
        }
        let last_word = said.map(|said| last_word(world, edge, said));
        let Some((gave_up, sure)) = last_word
            .or_else(|| came_first(world, edge.client, server))
            .or_else(|| leaves_waiting(world, edge.client, server))
        else {
            continue;
        };
        let listens = listening(server, world, "it takes calls");
        let text = format!(
            "{}: no connection to `{name}` at port {port}",
            edge.client.name
        );
        let none = shown(
            FactRef::Inside(edge.client.name.clone()),
            text,
            "nothing that is queued there reaches it",
        );
        let service = edge.client.service.as_deref().unwrap_or(&edge.client.name);
        let claim = format!(
            "it runs and has no connection to `{name}`: it has not tried for a while, so it gets no work"
        );
        cases.push(
            Case::new(culprit(edge.client, None), claim)
                .at_most(sure)
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(
                    format!("start it again: `bowline restart {service}`; so that it does not happen again, let it wait for `{name}` (`depends_on`, `service_healthy`) and try again by itself"),
                    Safety::Restart,
                )
                .by_command(["bowline", "restart", service])
                .decides("the address", Some(address(edge, "it is told to work for it")))
                .decides("that it has no connection", Some(none))
                .decides("that it gave up", Some(gave_up))
                .decides("that the broker takes calls", listens.clone())
                .rules_out(Code("D052"), listens.clone())
                .rules_out(Code("D054"), listens),
        );
    }
}

/// Whether a client has spoken of trouble lately, in words that are known or not: somebody who gave up says nothing any
/// more. One that tries again from time to time has no connection in between, and what it says at each time may be all that
/// shows it, as where the broker lets it in and does not have what it asks for.
fn still_tries(world: &World<'_>, edge: &Edge<'_>, server: &ContainerFact) -> bool {
    let kind = world.recipe(server).map(|recipe| recipe.name.as_str());
    let mut said = world.said(edge.client).iter();
    let is_of_it = |recipe: &str| recipe == "any" || Some(recipe) == kind;
    let mut grumblings = world.grumblings(edge.client).iter();
    said_of(world, edge).is_some_and(|said| said.is_fresh)
        || said.any(|said| said.is_fresh && !said.says.is_benign() && is_of_it(said.recipe))
        || grumblings.any(|line| server.started.is_some_and(|started| line.at > started))
}

/// That a worker, which serves nobody itself, was there before the broker was: it may have tried once, in vain.
fn came_first(
    world: &World<'_>,
    client: &ContainerFact,
    server: &ContainerFact,
) -> Option<(Evidence, Confidence)> {
    let (mine, theirs) = (world.state(client)?.started?, world.state(server)?.started?);
    let is_worker = world.open_ports(client)?.is_empty();
    let is_settled = world.now().duration_since(theirs).as_secs() > 5;
    (mine < theirs && is_worker && is_settled).then(|| {
        let text = format!(
            "{}: running since {}, {} since {}",
            client.name,
            mine.strftime("%H:%M:%S"),
            server.name,
            theirs.strftime("%H:%M:%S")
        );
        let fact = FactRef::State(client.name.clone());
        let proves = "when it looked for the broker, that was not there, or was another one";
        // Who only comes by from time to time was there before as well.
        (shown(fact, text, proves), Confidence::Likely)
    })
}

/// That entries of a stream wait for a group while a worker, which serves nobody itself, has been there for a while.
fn leaves_waiting(
    world: &World<'_>,
    client: &ContainerFact,
    server: &ContainerFact,
) -> Option<(Evidence, Confidence)> {
    let started = world.state(client)?.started?;
    let is_worker = world.open_ports(client)?.is_empty();
    if !is_worker || world.now().duration_since(started).as_secs() < 5 {
        return None;
    }
    let (asked, traffic) = world.traffic(server)?;
    let waits = |group: &&GroupFact| group.waiting.is_some_and(|count| count > 0);
    let group = traffic.groups.iter().find(waits)?;
    let said = format!(
        "{} entries of the stream `{}` wait for the group `{}`",
        group.waiting.unwrap_or_default(),
        group.stream,
        group.name
    );
    let waits = asked.evidence(&said, "there is work, and it does not ask for it");
    // Who only comes by from time to time leaves work waiting as well.
    Some((waits, Confidence::Likely))
}

fn broker_down(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let Some(server) = containers.first().filter(|server| is_broker(world, server)) else {
            continue;
        };
        // Where somebody complains of it now, it is plainly down.
        let dials_it = |other: &&Edge<'_>| matches!(&other.target, Target::Service { name: one, .. } if *one == name);
        let mut others = world.edges().iter().filter(dials_it);
        let all_go_on =
            others.all(|other| !world.runs(other.client) || world.seems_well(other.client));
        if world.trouble(edge) != Some(Trouble::Down) || !world.runs(edge.client) || !all_go_on {
            continue;
        }
        let ended = world.state(server).and_then(|state| state.finished);
        let said =
            said_of(world, edge).filter(|said| ended.is_some_and(|ended| said.last >= ended));
        let text = format!("{}: does not run", server.name);
        let down: Option<Evidence> = world.state(server).map(|_| {
            shown(
                FactRef::State(server.name.clone()),
                text,
                "nobody carries messages",
            )
        });
        let claim = format!(
            "`{name}` does not run; `{}` goes on without it, and nothing is delivered",
            edge.client.name
        );
        cases.push(
            Case::new(whole(CulpritKind::Service, name), claim)
                .between(Some(name), edge.client.service.as_deref())
                .mended_by(format!("start it: `bowline start {name}`"), Safety::Safe)
                .by_command(["bowline", "start", name])
                .decides("that it does not run", down.clone())
                .decides(
                    "who needs it",
                    Some(address(edge, "it is told to go there")),
                )
                .decides(
                    "what they said",
                    said.map(|said| spoken(edge.client, said, "it noticed, and went on")),
                )
                .rules_out(Code("D062"), down),
        );
    }
}
