//! Databases in which one waits for another: who holds what others want, and statements that run for long.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;

use bowline_recipes::Says;

use crate::facts::{
    AskedFact, ContainerFact, DatabaseAnswer, HolderFact, ServerAnswer, SessionFact, SessionsFact,
    StatementFact,
};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::{holds, in_source};
use crate::world::{World, culprit, shown, spoken};

use super::crowds::{Busy, against, busy, diallers};

pub(crate) const BLOCKS_OTHERS: Rule = Rule {
    code: Code("D057"),
    title: "a transaction of one service holds what others wait for",
    layer: Layer::DataService,
    decisive: &["who waits", "who holds a transaction", "who is hurt"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: blocks_others,
};

pub(crate) const SLOW_STATEMENT: Rule = Rule {
    code: Code("D058"),
    title: "a statement of a service runs for long, and nothing holds it up",
    layer: Layer::DataService,
    decisive: &["the statement", "who gave up on it"],
    look_alikes: &[Code("D057"), Code("D116")],
    yields: false,
    endangers_data: false,
    find: slow_statement,
};

/// For how long somebody waits for a lock before that is more than everyday traffic, in seconds.
const LONG_WAIT: i64 = 2;
/// For how long a statement runs before somebody else may have given up on it, in seconds.
const LONG_RUN: i64 = 5;
/// What is said by those who waited for an answer in vain.
const GAVE_UP: &[Says] = &[
    Says::StatementTimeout,
    Says::LockWait,
    Says::PoolExhausted,
    Says::ConnectionTimeout,
    Says::AnswerTimeout,
    Says::UpstreamNotAnswering,
    Says::ServerError,
];

/// What a server said to a login that may see what all sessions do.
fn seeing<'f>(
    world: &World<'f>,
    server: &ContainerFact,
) -> Option<(&'f AskedFact, &'f DatabaseAnswer)> {
    let mut answers = world.database(server);
    answers.find(|(_, answer)| {
        let mut sessions = answer.sessions.iter().flatten();
        answer.sessions.is_some()
            && answer.waits.is_some()
            && !sessions.any(|it| it.state == "hidden")
    })
}

/// The service whose session it is: by its address; by its account, where the packet filter hides addresses and only one
/// service is told that account; the server's own where it comes from within.
fn whose<'f>(
    world: &World<'f>,
    busy: &Busy<'f>,
    remote: Option<IpAddr>,
    user: &str,
) -> Option<&'f str> {
    let Some(remote) = remote.filter(|remote| !remote.is_loopback()) else {
        return Some(busy.service);
    };
    if let Some(container) = world.at_address(remote) {
        return container.service.as_deref();
    }
    let logins = world.logins().into_iter();
    let its = logins.filter(|login| {
        login.server.name == busy.server.name && login.user.is_some_and(|it| it.text == user)
    });
    let services: BTreeSet<&str> = its
        .filter_map(|login| login.client().service.as_deref())
        .collect();
    let mut services = services.into_iter();
    services.next().filter(|_| services.next().is_none())
}

/// That somebody of a service, or who dials it, gave up waiting.
fn gave_up(world: &World<'_>, service: &str) -> Option<Evidence> {
    let own = world.of_service(service).into_iter();
    let callers = world
        .edges()
        .iter()
        .filter(|edge| edge.service().is_some_and(|(name, _)| name == service));
    let mut speakers = own.chain(callers.map(|edge| edge.client));
    speakers.find_map(|speaker| {
        let said = GAVE_UP.iter().find_map(|word| world.says(speaker, *word))?;
        Some(spoken(speaker, said, "it waited, and gave up"))
    })
}

/// What shows that a service is hurt: somebody gave up waiting, else that it is not well.
fn hurt(world: &World<'_>, service: &str) -> Option<Evidence> {
    gave_up(world, service).or_else(|| {
        let own = world.of_service(service).into_iter();
        let ill = own.into_iter().find(|container| world.fails(container))?;
        let text = world.ailment(ill).unwrap_or_else(|| "complains".to_owned());
        let fact = FactRef::State(ill.name.clone());
        let text = format!("{}: {text}", ill.name);
        Some(shown(fact, text, "waiting hurts it"))
    })
}

/// Sessions that wait, all for one who is in their way.
struct Jam<'f> {
    holder: &'f HolderFact,
    count: usize,
    longest_secs: i64,
    /// The service of one who waits and is hurt by it.
    waiting: &'f str,
    hurt: Evidence,
}

/// The first jam in which somebody has waited for long and is hurt by it.
fn jam<'f>(world: &World<'f>, busy: &Busy<'f>, answer: &'f DatabaseAnswer) -> Option<Jam<'f>> {
    let waits = || {
        let all = answer.waits.iter().flatten();
        all.filter(|wait| wait.since_secs >= LONG_WAIT)
    };
    waits().find_map(|wait| {
        let waiting = whose(world, busy, wait.waiting, &wait.user)?;
        let alike = || waits().filter(|other| other.holder.process == wait.holder.process);
        Some(Jam {
            holder: &wait.holder,
            count: alike().count(),
            longest_secs: alike().map(|it| it.since_secs).max().unwrap_or_default(),
            waiting,
            hurt: hurt(world, waiting)?,
        })
    })
}

/// The case against whoever holds what others wait for, as the server says it.
fn held_up(
    world: &World<'_>,
    busy: &Busy<'_>,
    asked: &AskedFact,
    answer: &DatabaseAnswer,
) -> Option<Case> {
    let jam = jam(world, busy, answer)?;
    let holder = jam.holder;
    let service = whose(world, busy, holder.remote, &holder.user)?;
    let how = match holder.state.as_str() {
        "active" => "it runs",
        _ => "it last ran",
    };
    let named = holder.statement.as_ref();
    let named = named.map_or(String::new(), |word| format!("; {how} `{word}`"));
    let who = if service == busy.service {
        "a session that was opened in its own container"
    } else {
        "a transaction of it"
    };
    let claim = format!(
        "{who} holds for {} s what others of `{}` wait for ({}{named})",
        holder.since_secs, busy.service, holder.state
    );
    let waiting = format!(
        "{} of its sessions wait for a lock, the longest for {} s",
        jam.count, jam.longest_secs
    );
    let holding = format!(
        "session {} of `{}` holds it, waits for nobody, and is {}",
        holder.process, holder.user, holder.state
    );
    let proves = "the server names it as the one that is in the way";
    let case = against(world, busy, service, claim)?;
    // A server goes on with a statement that it works on, though its client is gone.
    let ends_with_its_client = service != busy.service && holder.state != "active";
    let restart = ends_with_its_client.then_some(["bowline", "restart", service]);
    let (fix, safety) = if ends_with_its_client {
        let fix = format!(
            "end that transaction: `bowline restart {service}`; and let the program end it also when something fails"
        );
        (fix, Safety::Restart)
    } else {
        let fix = format!(
            "end that session where it is: `bowline exec {} psql -U {} -d postgres -c 'SELECT pg_terminate_backend({})'`; and let whoever opened it end it also when something fails",
            busy.service, holder.user, holder.process
        );
        (fix, Safety::NeedsYou)
    };
    Some(
        case.between(Some(busy.service), Some(jam.waiting))
            .mended_by(fix, safety)
            .by_command(restart.into_iter().flatten())
            .decides(
                "who waits",
                Some(asked.evidence(&waiting, "somebody holds it")),
            )
            .decides(
                "who holds a transaction",
                Some(asked.evidence(&holding, proves)),
            )
            .decides("who is hurt", Some(jam.hurt)),
    )
}

/// The case against the only service that may hold what others wait for, where the server shows who waits, and not for
/// whom: its session does nothing, and has done nothing since before they began to wait.
fn by_elimination(world: &World<'_>, busy: &Busy<'_>) -> Option<Case> {
    let mut answers = world.database(busy.server);
    let (asked, sessions) =
        answers.find_map(|(asked, answer)| Some((asked, answer.sessions.as_ref()?)))?;
    let waiter = waiter(world, busy, asked, sessions)?;
    let idle = sessions
        .iter()
        .filter(|it| it.state == "idle" && it.oldest_secs >= waiter.for_secs);
    let mut holders: Vec<(&str, &SessionsFact)> = idle
        .filter_map(|it| Some((whose(world, busy, it.remote, &it.user)?, it)))
        .collect();
    holders.dedup_by_key(|(service, _)| *service);
    let [(service, holder)] = holders[..] else {
        return None;
    };
    let claim = format!(
        "a session of it holds what others of `{}` wait for, and has done nothing for {} s",
        busy.service, holder.oldest_secs
    );
    let idle = format!("a session of {service} does nothing, and has since before");
    let fix = format!(
        "end that session: `bowline restart {service}`; and let the program end it also when something fails"
    );
    let case = against(world, busy, service, claim)?;
    // Which lock it is the server does not say.
    Some(
        case.at_most(Confidence::Likely)
            .between(Some(busy.service), Some(waiter.service))
            .mended_by(fix, Safety::Restart)
            .decides("who waits", Some(waiter.waits))
            .decides(
                "who holds a transaction",
                Some(asked.evidence(&idle, "nobody else is there who could hold it")),
            )
            .decides("who is hurt", Some(waiter.hurt)),
    )
}

/// Somebody who waits for a lock, or gave up a moment ago, where the server does not say for whose.
struct Waiter<'f> {
    service: &'f str,
    /// For how long somebody must have held it at least.
    for_secs: i64,
    waits: Evidence,
    hurt: Evidence,
}

fn waiter<'f>(
    world: &World<'f>,
    busy: &Busy<'f>,
    asked: &AskedFact,
    sessions: &'f [SessionsFact],
) -> Option<Waiter<'f>> {
    let is_long = |it: &&SessionsFact| it.state == "waiting" && it.oldest_secs >= LONG_WAIT;
    if let Some(waiting) = sessions.iter().find(is_long) {
        let service = whose(world, busy, waiting.remote, &waiting.user)?;
        let text = format!(
            "{} of its sessions wait for a lock, the longest for {} s",
            waiting.count, waiting.oldest_secs
        );
        return Some(Waiter {
            service,
            for_secs: waiting.oldest_secs,
            waits: asked.evidence(&text, "somebody holds it"),
            hurt: hurt(world, service)?,
        });
    }
    diallers(world, busy).into_iter().find_map(|service| {
        let mut own = world.of_service(service).into_iter();
        let (client, said) =
            own.find_map(|client| Some((client, world.says(client, Says::LockWait)?)))?;
        let ago = world.now().duration_since(said.last).as_secs();
        Some(Waiter {
            service,
            for_secs: ago + LONG_WAIT,
            waits: spoken(client, said, "somebody holds it, and for long"),
            hurt: hurt(world, service)?,
        })
    })
}

fn is_mysql(asked: &AskedFact) -> bool {
    matches!(asked.answer, ServerAnswer::Mysql(_))
}

/// The statement that runs for longest: as the server says it, else as its list of sessions does, in which `MySQL` counts
/// the time of statements alone.
fn longest(asked: &AskedFact, answer: &DatabaseAnswer) -> Option<StatementFact> {
    let running = || {
        let sessions = answer.sessions.iter().flatten();
        let active = sessions.filter(|it| is_mysql(asked) && it.state == "active");
        let oldest = active.max_by_key(|it| it.oldest_secs)?;
        Some(StatementFact {
            user: oldest.user.clone(),
            remote: oldest.remote,
            since_secs: oldest.oldest_secs,
            statement: None,
        })
    };
    answer.longest.clone().or_else(running)
}

fn slow_statement(world: &World<'_>, cases: &mut Vec<Case>) {
    for busy in busy(world) {
        let mut answers = world.database(busy.server);
        let own = answers.find(|(asked, answer)| is_mysql(asked) && answer.sessions.is_some());
        let Some((asked, answer)) = seeing(world, busy.server).or(own) else {
            continue;
        };
        let longest = longest(asked, answer).filter(|it| it.since_secs >= LONG_RUN);
        let is_waiting = |it: &SessionsFact| it.state == "waiting";
        let nobody_waits = answer.waits.as_ref().is_none_or(Vec::is_empty)
            && !answer.sessions.iter().flatten().any(is_waiting);
        let Some(statement) = longest.filter(|_| nobody_waits) else {
            continue;
        };
        let Some(service) = whose(world, &busy, statement.remote, &statement.user) else {
            continue;
        };
        let gave_up = gave_up(world, service);
        // One that complains of something else is hurt by that.
        let mut own = world.of_service(service).into_iter();
        if gave_up.is_none() && !own.any(|container| world.fails_quietly(container)) {
            continue;
        }
        let named = statement.statement.as_ref();
        let named = named.map_or(String::new(), |word| format!(" (`{word}`)"));
        let claim = format!(
            "a statement of it at `{}`{named} has been running for {} s, and no lock holds it up",
            busy.service, statement.since_secs
        );
        let Some(case) = against(world, &busy, service, claim) else {
            continue;
        };
        let text = format!("a statement{named} runs for {} s", statement.since_secs);
        let case = case
            .mended_by(
                "look at the statement (`EXPLAIN`): an index, a limit, or less at once; and let `statement_timeout` end what nobody waits for any more",
                Safety::NeedsYou,
            )
            .decides("the statement", Some(asked.evidence(&text, "the server works on it all the time")))
            .decides("who gave up on it", gave_up)
            .rules_out(Code("D057"), Some(asked.evidence("nobody waits for a lock", "nothing is in its way")))
            .rules_out(Code("D116"), has_processor(world, busy.server));
        cases.push(case);
    }
}

/// That a server is not kept waiting for a processor.
fn has_processor(world: &World<'_>, server: &ContainerFact) -> Option<Evidence> {
    let inside = world.inside(server)?;
    let is_kept = inside
        .throttled
        .is_some_and(|(periods, waited)| waited * 2 >= periods && periods > 0);
    let text = format!(
        "{}: is not kept from running by a limit of processors",
        server.name
    );
    let fact = FactRef::Inside(server.name.clone());
    (!is_kept).then(|| shown(fact, text, "it may use what it needs"))
}

/// Who waits for a lock and is hurt by it, and the one service that leaves a transaction open.
fn blocked<'f>(world: &World<'f>, busy: &Busy<'f>) -> Option<(&'f ContainerFact, &'f str)> {
    let inside = world.inside(busy.server)?;
    let services = |is: fn(&SessionFact) -> bool| -> BTreeSet<&'f str> {
        let some = inside.sessions.iter().filter(|session| is(session));
        let clients = some.filter_map(|session| world.at_address(session.remote?));
        clients
            .filter_map(|client| client.service.as_deref())
            .collect()
    };
    let any = |is: fn(&SessionFact) -> bool| inside.sessions.iter().any(is);
    if !any(SessionFact::is_waiting) || !any(SessionFact::is_idle_in_transaction) {
        return None;
    }
    let waiting = services(SessionFact::is_waiting);
    let victim = diallers(world, busy).into_iter().find_map(|service| {
        let may_wait = waiting.is_empty() || waiting.contains(service);
        let mut containers = world.of_service(service).into_iter();
        containers.find(|it| may_wait && !world.seems_well(it))
    })?;
    // Where the packet filter hides who is who, it is one that is connected and does not wait.
    let mut holders = services(SessionFact::is_idle_in_transaction);
    if holders.is_empty() {
        holders = busy.held.keys().copied().collect();
        holders.retain(|service| victim.service.as_deref() != Some(*service));
    }
    let mut holders = holders.into_iter();
    let first = holders.next()?;
    holders.next().is_none().then_some((victim, first))
}

/// The case against a service whose process holds a file locked that another one wants to write, as with `SQLite`: the
/// kernel says who it is.
fn holds_a_file<'f>(world: &World<'f>, waiting: &'f ContainerFact) -> Option<Case> {
    let said = world.says(waiting, Says::LockWait)?;
    let volumes = world.mounts(waiting)?;
    let is_shared = |holder: &'f ContainerFact, path: &str| {
        let on = world.mounts(holder).into_iter().flatten();
        let on = on.filter(|mount| Path::new(path).starts_with(&mount.target));
        let on = on.max_by_key(|mount| mount.target.len());
        on.is_some_and(|on| {
            let place = in_source(path, on);
            let has_it = |place: String| volumes.iter().any(|it| holds(it, &on.source, &place));
            place.is_some_and(has_it)
        })
    };
    let mut held = world.containers().flat_map(|holder| {
        let locked = world.inside(holder).into_iter();
        locked.flat_map(move |inside| inside.locked.iter().map(move |file| (holder, file)))
    });
    let (holder, (path, command)) = held.find(|(holder, (path, _))| is_shared(holder, path))?;
    let service = holder.service.as_deref()?;
    let claim = format!("a process of it holds `{path}` locked, and others wait to write it");
    let text = format!("{}: `{command}` holds `{path}` locked", holder.name);
    let inside = FactRef::Inside(holder.name.clone());
    let proves = "the kernel has it in its table of locks";
    let who_waits = waiting.service.as_deref()?;
    Some(
        Case::new(culprit(holder, None), claim)
            .between(Some(service), Some(who_waits))
            .mended_by(
                format!("let that process end, or end it: `bowline restart {service}`; and keep what it does with that file short"),
                Safety::NeedsYou,
            )
            .decides("who waits", Some(spoken(waiting, said, "it wants to write the file, and may not")))
            .decides("who holds a transaction", Some(shown(inside, text, proves)))
            .decides("who is hurt", hurt(world, who_waits)),
    )
}

fn blocks_others(world: &World<'_>, cases: &mut Vec<Case>) {
    for waiting in world.containers() {
        cases.extend(holds_a_file(world, waiting));
    }
    for busy in busy(world) {
        if let Some((asked, answer)) = seeing(world, busy.server) {
            cases.extend(held_up(world, &busy, asked, answer));
            continue;
        }
        cases.extend(by_elimination(world, &busy));
        let Some((victim, holder)) = blocked(world, &busy) else {
            continue;
        };
        let claim = format!(
            "a transaction that it does not end holds what others of `{}` wait for",
            busy.service
        );
        let fact = FactRef::Inside(busy.server.name.clone());
        let seen = |what: &str, proves: &str| {
            shown(
                fact.clone(),
                format!("{}: {what}", busy.server.name),
                proves,
            )
        };
        let text = format!(
            "{}: {}",
            victim.name,
            world
                .ailment(victim)
                .unwrap_or_else(|| "complains".to_owned())
        );
        let state = shown(
            FactRef::State(victim.name.clone()),
            text,
            "waiting hurts it",
        );
        let Some(case) = against(world, &busy, holder, claim) else {
            continue;
        };
        // Which lock it is nobody can see without logging in.
        cases.push(
            case.at_most(Confidence::Likely)
                .mended_by(
                    format!("end that transaction: `bowline restart {holder}`; and let the program end it also when something fails"),
                    Safety::Restart,
                )
                .by_command(["bowline", "restart", holder])
                .decides("who waits", Some(seen("sessions wait for a lock", "somebody holds it")))
                .decides("who holds a transaction", Some(seen("one service is idle in transaction", "nobody else has one open and does nothing")))
                .decides("who is hurt", Some(state)),
        );
    }
}
