//! Services that were started before what they need was there.

use bowline_model::ContainerStatus;
use bowline_recipes::Says;
use jiff::{SignedDuration, Timestamp};

use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Edge, World, culprit, reported, shown, spoken};

pub(crate) const NO_ORDER: Rule = Rule {
    code: Code("D095"),
    title: "was started before what it needs was ready, and the files do not ask for that order",
    layer: Layer::Config,
    decisive: &[
        "the failure",
        "when the other was ready",
        "that no order is asked for",
    ],
    look_alikes: &[Code("D054"), Code("D098")],
    yields: false,
    endangers_data: false,
    find: no_order,
};

pub(crate) const NO_HEALTHCHECK: Rule = Rule {
    code: Code("D097"),
    title: "others wait until it is healthy, and it has no healthcheck",
    layer: Layer::Config,
    decisive: &["the condition", "that there is no healthcheck"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: no_healthcheck,
};

pub(crate) const TEMPORARY_SERVER: Rule = Rule {
    code: Code("D098"),
    title: "its healthcheck was answered by the temporary server of its first start",
    layer: Layer::Startup,
    decisive: &[
        "healthy too early",
        "the end of the temporary server",
        "the failure",
    ],
    look_alikes: &[Code("D095")],
    yields: false,
    endangers_data: false,
    find: temporary_server,
};

/// What somebody says who came too early.
const TOO_EARLY: &[Says] = &[
    Says::ConnectionRefused,
    Says::ConnectionFailed,
    Says::ConnectionReset,
    Says::ConnectionClosed,
    Says::NameUnknown,
    Says::NameUnanswered,
    Says::StartingUp,
    Says::ShuttingDown,
    Says::NoRoute,
    Says::UpstreamFailed,
    Says::UpstreamNameUnknown,
];

/// Where clocks of engine and log may differ.
const NEAR: SignedDuration = SignedDuration::from_secs(1);

/// Whether a container ended with an error and stays so.
fn gave_up(world: &World<'_>, container: &ContainerFact) -> Option<Timestamp> {
    let state = world.state(container)?;
    let ended = state.status == ContainerStatus::Exited && state.exit_code != 0;
    (ended && !world.was_stopped(container)).then_some(state.finished)?
}

/// When a server was ready in the run that goes on: by the engine's verdict, by its own words, or by its start.
fn ready_at(world: &World<'_>, server: &ContainerFact) -> Option<(Timestamp, Evidence)> {
    let verdicts = world.verdicts(server);
    if let Some((event, _)) = verdicts.iter().find(|(_, word)| *word == "healthy") {
        return Some((event.at, reported(event, "it was ready from here on")));
    }
    let started = world.state(server)?.started?;
    let said = world
        .said(server)
        .iter()
        .find(|said| said.says == Says::Ready && said.last >= started);
    if let Some(said) = said {
        let mut evidence = spoken(server, said, "it was ready from here on");
        evidence.at = Some(said.last);
        return Some((said.last, evidence));
    }
    let text = format!(
        "{}: running since {}",
        server.name,
        started.strftime("%H:%M:%S")
    );
    Some((
        started,
        shown(
            FactRef::State(server.name.clone()),
            text,
            "it was not there before",
        ),
    ))
}

/// Programs that gave up on a proxy whose own servers were not ready yet: the proxy takes calls, and has nobody to pass them
/// on to.
fn behind_a_proxy(world: &World<'_>, cases: &mut Vec<Case>) {
    for edge in world.edges() {
        let Some((proxy, containers)) = edge.service() else {
            continue;
        };
        let said = too_early(world, edge);
        let ended = gave_up(world, edge.client);
        let front = containers.iter().find(|one| world.seems_ready(one));
        let declared = world.declared(proxy);
        let (Some(said), Some(ended), Some(front), Some(declared)) = (said, ended, front, declared)
        else {
            continue;
        };
        let started = declared
            .depends_on
            .iter()
            .filter(|(_, condition)| *condition == "service_started");
        for (needed, _) in started {
            let servers = world.of_service(needed);
            let mut ready = servers.iter().filter(|one| world.seems_ready(one));
            let ready = ready.find_map(|one| {
                let verdicts = world.verdicts(one).into_iter();
                let mut healthy = verdicts.filter(|(_, word)| *word == "healthy");
                let (event, _) = healthy.next()?;
                (event.at > ended).then(|| reported(event, "it was ready from here on"))
            });
            if let Some(ready) = ready {
                let failure = spoken(
                    edge.client,
                    said,
                    "it came too early, and did not try again",
                );
                let case = no_wait_case(edge, (proxy, front), needed, failure);
                cases.push(case.decides("when the other was ready", Some(ready)));
            }
        }
    }
}

fn no_wait_case(
    edge: &Edge<'_>,
    (proxy, front): (&str, &ContainerFact),
    needed: &str,
    failure: Evidence,
) -> Case {
    let client = edge.client.service.as_deref().unwrap_or(&edge.client.name);
    let claim = format!(
        "`{client}` came while `{needed}`, to which `{proxy}` passes calls on, was not ready, and gave up; it is ready by now, and `{proxy}` does not wait for it"
    );
    let order = format!("{proxy}: waits only until `{needed}` is started");
    let fact = FactRef::Declared(proxy.to_owned());
    let order = shown(fact, order, "nothing keeps it from being called first");
    Case::new(culprit(front, Some("depends_on")), claim)
        .at_most(Confidence::Likely)
        .between(Some(needed), Some(proxy))
        .between(Some(proxy), edge.client.service.as_deref())
        .mended_by(
            format!("start it again now that `{needed}` is ready: `bowline up`; to keep it from happening again, write `{needed}: {{condition: service_healthy}}` under `depends_on` of `{proxy}`"),
            Safety::Safe,
        )
        .by_command(["bowline", "up"])
        .decides("the failure", Some(failure))
        .decides("that no order is asked for", Some(order))
}

fn no_order(world: &World<'_>, cases: &mut Vec<Case>) {
    behind_a_proxy(world, cases);
    for edge in world.edges() {
        let Some((name, containers)) = edge.service() else {
            continue;
        };
        let (Some(ended), Some(server)) = (
            gave_up(world, edge.client),
            containers.iter().find(|one| world.seems_ready(one)),
        ) else {
            continue;
        };
        let Some((ready, when)) = ready_at(world, server) else {
            continue;
        };
        let Some(said) = too_early(world, edge) else {
            continue;
        };
        let service = edge.client.service.as_deref().unwrap_or_default();
        let declared = world.declared(service);
        let condition = declared.and_then(|declared| declared.depends_on.get(name));
        let waits = condition.is_some_and(|condition| condition != "service_started");
        if ended > ready + NEAR || waits || world.trouble(edge).is_some() {
            continue;
        }
        let claim = format!(
            "it was started before `{name}` was ready and gave up; `{name}` is well by now, and the files do not let it wait"
        );
        let text = match condition {
            Some(_) => format!("{service}: waits only until `{name}` is started"),
            None => format!("{service}: no `{name}` under `depends_on`"),
        };
        let order = declared.map(|_| {
            shown(
                FactRef::Declared(service.to_owned()),
                text,
                "nothing keeps it from being started first",
            )
        });
        let failure = spoken(
            edge.client,
            said,
            "it came too early, and did not try again",
        );
        cases.push(
            Case::new(culprit(edge.client, Some("depends_on")), claim)
                .between(Some(name), Some(service))
                .mended_by(
                    format!("start it again now that `{name}` is ready: `bowline up`; to keep it from happening again, write `{name}: {{condition: service_healthy}}` under `depends_on` of `{service}` and give `{name}` a healthcheck"),
                    Safety::Safe,
                )
                .by_command(["bowline", "up"])
                .decides("the failure", Some(failure))
                .decides("when the other was ready", Some(when.clone()))
                .decides("that no order is asked for", order.clone())
                .rules_out(Code("D054"), Some(when))
                .rules_out(Code("D098"), order),
        );
    }
}

fn too_early<'w>(world: &'w World<'_>, edge: &Edge<'_>) -> Option<&'w crate::world::Said<'w>> {
    let fits =
        |host: Option<&str>| host.is_none_or(|host| host.eq_ignore_ascii_case(&edge.host.name));
    let mut said = world.said(edge.client).iter();
    said.find(|said| said.is_fresh && TOO_EARLY.contains(&said.says) && fits(said.capture("host")))
}

fn no_healthcheck(world: &World<'_>, cases: &mut Vec<Case>) {
    for (name, declared) in world
        .declared_services()
        .filter(|(_, declared)| declared.is_enabled)
    {
        let healthy = declared
            .depends_on
            .iter()
            .filter(|(_, condition)| *condition == "service_healthy");
        for (needed, _) in healthy {
            let containers = world.of_service(needed);
            let by_files = world
                .declared(needed)
                .is_some_and(|declared| declared.has_healthcheck);
            let none = containers
                .iter()
                .find_map(|one| world.has_no_healthcheck(one));
            let mut steps = world.not_done();
            let noted = steps.find(|step| {
                step.is_wait
                    && step.error.contains("no healthcheck")
                    && step.service.as_ref() == Some(needed)
            });
            let none = none.or_else(|| {
                noted.map(|step| crate::world::noted(step, "there is nothing to wait for"))
            });
            // Only where somebody was kept from starting by it: others may have been started by hand.
            let (Some(none), false, true) = (none, by_files, world.is_not_started(name)) else {
                continue;
            };
            let claim = format!(
                "`{name}` waits until `{needed}` is healthy, and `{needed}` has no healthcheck, so that never comes"
            );
            let text = format!("{name}: waits until `{needed}` is healthy");
            let condition = shown(
                FactRef::Declared(name.to_owned()),
                text,
                "a healthcheck is needed for that",
            );
            cases.push(
                Case::new(
                    crate::finding::Culprit {
                        field: Some("healthcheck".to_owned()),
                        ..crate::world::whole(crate::finding::CulpritKind::Service, needed)
                    },
                    claim,
                )
                .between(Some(needed), Some(name))
                .mended_by(
                    format!("give `{needed}` a `healthcheck`, or let `{name}` wait for `service_started` only; then `bowline up`"),
                    Safety::NeedsYou,
                )
                .decides("the condition", Some(condition))
                .decides("that there is no healthcheck", Some(none)),
            );
        }
    }
}

/// The life of a temporary server.
struct Temporary<'w> {
    ready: Timestamp,
    ends: &'w crate::world::Said<'w>,
    /// When the real one was ready.
    really_ready: Timestamp,
}

/// That a server was ready, was told to end, and was ready again, in one run of its container. The two may say so in
/// different words: the temporary one of MariaDB has no port.
fn temporary<'w>(world: &'w World<'_>, server: &ContainerFact) -> Option<Temporary<'w>> {
    let of = |says: Says| {
        let said = world.said(server).iter();
        said.filter(move |said| said.says == says)
    };
    let ready = of(Says::Ready).map(|said| said.first).min()?;
    let really_ready = of(Says::Ready).map(|said| said.last).max()?;
    let ends = of(Says::ShuttingDown).min_by_key(|said| said.first)?;
    let initialised = of(Says::Initialised).next().is_some();
    let in_order = ready < ends.first && ends.first < really_ready;
    let is_of_this_run = server.started.is_none_or(|started| ready >= started);
    (initialised && in_order && is_of_this_run).then_some(Temporary {
        ready,
        ends,
        really_ready,
    })
}

/// Whether a container wrote anything in its last run.
fn has_spoken(world: &World<'_>, container: &ContainerFact) -> bool {
    let (log, began) = (world.log(container), container.run_began());
    log.zip(began).is_some_and(|(log, began)| {
        let mut lines = log.lines.iter();
        lines.any(|line| line.at >= began)
    })
}

fn temporary_server(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers().filter(|one| world.seems_ready(one)) {
        let (Some(temporary), Some(service)) =
            (temporary(world, server), server.service.as_deref())
        else {
            continue;
        };
        let ends = temporary.ends;
        let verdicts = world.verdicts(server);
        let early = verdicts
            .iter()
            .find(|(event, word)| *word == "healthy" && event.at < ends.first);
        for client in world.containers() {
            let Some(ended) = gave_up(world, client) else {
                continue;
            };
            let name = client.service.as_deref().unwrap_or_default();
            let declared = world.declared(name);
            let condition = declared.and_then(|declared| declared.depends_on.get(service));
            let waits = condition.is_some_and(|condition| condition == "service_healthy");
            if !waits || ended + NEAR < temporary.ready || ended > temporary.really_ready + NEAR {
                continue;
            }
            let mut all = world.said(client).iter();
            let said = all.find(|said| said.is_fresh && TOO_EARLY.contains(&said.says));
            // One that says something else at its end got through, and failed of that.
            if said.is_none() && has_spoken(world, client) {
                continue;
            }
            let claim = format!(
                "the healthcheck of `{service}` succeeded while its first start was under way: a temporary server answered it, and ended again while `{name}` came"
            );
            let text = format!("{name}: waits until `{service}` is healthy");
            let order = shown(
                FactRef::Declared(name.to_owned()),
                text,
                "the order is asked for",
            );
            let mut end = spoken(
                server,
                ends,
                "the temporary server ended here, and the real one came after it",
            );
            end.at = Some(ends.first);
            cases.push(
                Case::new(culprit(server, Some("healthcheck")), claim)
                    .between(Some(service), Some(name))
                    .mended_by(
                        format!("start `{name}` again, and what waits for it: `bowline up`; to keep it from happening again, let the healthcheck ask where only the real server listens (PostgreSQL: `pg_isready -h 127.0.0.1`; MariaDB: `healthcheck.sh --connect`)"),
                        Safety::Safe,
                    )
                    .by_command(["bowline", "up"])
                    .decides("healthy too early", early.map(|(event, _)| reported(event, "nobody but the temporary server was there yet")))
                    .decides("the end of the temporary server", Some(end))
                    .decides("the failure", said.map(|said| spoken(client, said, "it came in between")))
                    .rules_out(Code("D095"), Some(order)),
            );
        }
    }
}

pub(crate) const CIRCLE: Rule = Rule {
    code: Code("D096"),
    title: "services depend on each other in a circle",
    layer: Layer::Config,
    decisive: &["the circle"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: circle,
};

fn circle(world: &World<'_>, cases: &mut Vec<Case>) {
    for circle in world.circles() {
        let Some(first) = circle.services.first() else {
            continue;
        };
        let chain = circle.services.join(" → ");
        let evidence: Evidence = shown(
            FactRef::Circle(first.clone()),
            format!("depends_on: {chain}"),
            "none of them can be started first",
        );
        let mut case = Case::new(
            crate::finding::Culprit {
                field: Some("depends_on".to_owned()),
                ..crate::world::whole(crate::finding::CulpritKind::Service, first)
            },
            format!("`depends_on` goes in a circle: {chain}"),
        )
        .mended_by(
            "take one step out of the circle, then `bowline up`",
            Safety::NeedsYou,
        )
        .decides("the circle", Some(evidence));
        for pair in circle.services.windows(2) {
            case = case.between(Some(&pair[1]), Some(&pair[0]));
        }
        cases.push(case);
    }
}
