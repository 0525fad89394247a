//! Connections: a server that has no more of them, a pool that is too small, and transactions that nobody ends.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::TcpState;
use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::facts::{ContainerFact, SessionFact, Told};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::Trouble;
use crate::world::{Said, Target, World, culprit, made, shown, spoken};

pub(crate) const TOO_MANY_CLIENTS: Rule = Rule {
    code: Code("D022"),
    title: "a service holds so many connections that the server takes no more",
    layer: Layer::DataService,
    decisive: &["the refusal", "who holds the connections"],
    look_alikes: &[Code("D023"), Code("D024")],
    yields: false,
    endangers_data: false,
    find: too_many_clients,
};

pub(crate) const POOL_TOO_SMALL: Rule = Rule {
    code: Code("D023"),
    title: "a service waits for connections of its own pool",
    layer: Layer::Resource,
    decisive: &["the complaint", "its connections"],
    look_alikes: &[Code("D022")],
    yields: false,
    endangers_data: false,
    find: pool_too_small,
};

pub(crate) const IDLE_IN_TRANSACTION: Rule = Rule {
    code: Code("D024"),
    title: "a service begins transactions and does not end them",
    layer: Layer::DataService,
    decisive: &["the complaint", "its sessions"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: idle_in_transaction,
};

/// How long ago a server's complaint may be that no client repeats.
const LATELY: SignedDuration = SignedDuration::from_secs(20);

/// A server whose clients come from the stack.
pub(super) struct Busy<'f> {
    pub(super) service: &'f str,
    pub(super) server: &'f ContainerFact,
    /// Connections by the service that holds them.
    pub(super) held: BTreeMap<&'f str, usize>,
}

/// The servers that clients of the stack dial, with who holds connections to them.
pub(super) fn busy<'f>(world: &World<'f>) -> Vec<Busy<'f>> {
    let mut servers: BTreeMap<&str, (&'f str, &'f ContainerFact)> = BTreeMap::new();
    for edge in world.edges() {
        if let Target::Service {
            name, containers, ..
        } = &edge.target
            && let Some(server) = containers
                .iter()
                .find(|it| takes_logins(world, it, edge.told))
        {
            servers.insert(&server.name, (name, server));
        }
    }
    let servers = servers.into_values();
    servers
        .map(|(service, server)| Busy {
            service,
            server,
            held: held(world, server),
        })
        .collect()
}

/// Whether a server keeps connections with logins: one that a recipe knows, or that is told about like a database, as a
/// pooler before one is.
fn takes_logins(world: &World<'_>, server: &ContainerFact, told: &Told) -> bool {
    world.recipe(server).is_some() || told.user.is_some() && told.database.is_some()
}

/// Established connections to a server, by the service that dialled. They are counted where they begin: at the server's
/// end the host's packet filter may have put the gateway's address in the place of the client's.
fn held<'f>(world: &World<'f>, server: &'f ContainerFact) -> BTreeMap<&'f str, usize> {
    let addresses: Vec<IpAddr> = world
        .networks(server)
        .into_iter()
        .flat_map(BTreeMap::values)
        .flat_map(|endpoint| [&endpoint.ipv4, &endpoint.ipv6])
        .filter_map(|address| address.as_deref()?.parse().ok())
        .collect();
    let mut held = BTreeMap::new();
    for client in world
        .containers()
        .filter(|client| client.name != server.name)
    {
        let (Some(inside), Some(service)) = (world.inside(client), client.service.as_deref())
        else {
            continue;
        };
        let peers = inside.peers.iter().filter(|peer| {
            peer.remote_port.is_some()
                && peer.state == TcpState::Established
                && addresses.contains(&peer.remote)
        });
        let count: usize = peers.map(|peer| peer.count).sum();
        if count > 0 {
            *held.entry(service).or_default() += count;
        }
    }
    held
}

/// The services that dial a server.
pub(super) fn diallers<'f>(world: &World<'f>, busy: &Busy<'f>) -> BTreeSet<&'f str> {
    let edges = world.edges().iter();
    let to_it = edges.filter(
        |edge| matches!(&edge.target, Target::Service { name, .. } if *name == busy.service),
    );
    to_it
        .filter_map(|edge| edge.client.service.as_deref())
        .collect()
}

/// What a server or its clients say, of now.
fn complaint<'w, 'f>(
    world: &'w World<'f>,
    busy: &Busy<'f>,
    what: Says,
) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
    let kind = world.recipe(busy.server).map(|recipe| recipe.name.as_str());
    let clients = world.edges().iter().filter(
        |edge| matches!(&edge.target, Target::Service { name, .. } if *name == busy.service),
    );
    let speakers = std::iter::once(busy.server).chain(clients.map(|edge| edge.client));
    speakers.into_iter().find_map(|speaker| {
        let mut said = world.said(speaker).iter();
        let said = said.find(|said| {
            let is_now =
                speaker.name != busy.server.name || world.now().duration_since(said.last) <= LATELY;
            let of_it = Some(said.recipe) == kind || said.recipe == "any";
            said.is_fresh && is_now && said.says == what && of_it
        })?;
        Some((speaker, said))
    })
}

/// That a server has no connection to give.
struct NoMore<'f> {
    speaker: &'f ContainerFact,
    evidence: Evidence,
}

/// That a server has no connection to give, as it answered when it was asked, else as it or its clients say.
fn no_more<'f>(world: &World<'f>, busy: &Busy<'f>, proves: &str) -> Option<NoMore<'f>> {
    let mut asked = world.asked(busy.server);
    if let Some(asked) = asked.find(|asked| asked.is_crowded()) {
        let mut clients = world.logins().into_iter();
        let client = clients.find(|login| {
            login.server.name == busy.server.name
                && world
                    .asked_as(login)
                    .is_some_and(|other| std::ptr::eq(other, asked))
        });
        return Some(NoMore {
            speaker: client.map_or(busy.server, |login| login.client()),
            evidence: asked.evidence("refused, it has too many clients", proves),
        });
    }
    let (speaker, said) = complaint(world, busy, Says::TooManyClients)?;
    Some(NoMore {
        speaker,
        evidence: spoken(speaker, said, proves),
    })
}

/// How many connections a service holds, as evidence from its own side.
fn holding(world: &World<'_>, busy: &Busy<'_>, service: &str, proves: &str) -> Option<Evidence> {
    let count = busy.held.get(service)?;
    let container = world.of_service(service).into_iter().next()?;
    let text = format!(
        "{}: {count} connections to {}",
        container.name, busy.service
    );
    Some(shown(FactRef::Inside(container.name.clone()), text, proves))
}

/// The service that holds most; and whether that is more than half.
fn holder<'f>(busy: &Busy<'f>) -> Option<(&'f str, usize, bool)> {
    let (service, count) = busy.held.iter().max_by_key(|(_, count)| **count)?;
    let all: usize = busy.held.values().sum();
    Some((service, *count, count * 2 > all))
}

/// That sessions are not left in transactions, where the server shows its sessions.
fn at_work(world: &World<'_>, busy: &Busy<'_>) -> Option<Evidence> {
    let sessions = &world.inside(busy.server)?.sessions;
    let count: usize = sessions.iter().map(|session| session.count).sum();
    let name = &busy.server.name;
    let text = format!("{name}: {count} sessions, most of them in no idle transaction");
    let proves = "they are used, or free to be used";
    (count > 0).then(|| shown(FactRef::Inside(name.clone()), text, proves))
}

/// Whether every client that runs was looked into, and what they hold is most of what there is.
fn sees_most(world: &World<'_>, busy: &Busy<'_>) -> bool {
    let services = diallers(world, busy).into_iter();
    let mut clients = services.flat_map(|service| world.of_service(service));
    let all_seen = clients.all(|client| !world.runs(client) || world.inside(client).is_some());
    let all: usize = busy.held.values().sum();
    let limit = limit(world, busy.server).and_then(|limit| usize::try_from(limit).ok());
    all_seen && limit.is_none_or(|limit| all * 2 > limit)
}

/// How many connections a server takes, where it or its command says so.
fn limit(world: &World<'_>, server: &ContainerFact) -> Option<u32> {
    let said = world.database(server).find_map(|(_, answer)| answer.limit);
    said.or_else(|| number_in_command(server, OF_ALL))
}

/// Options by which servers are told how many connections they take.
const OF_ALL: &[&str] = &["max_connections=", "max-connections=", "maxclients "];
/// Options by which they are told how many each account may have.
const OF_ACCOUNT: &[&str] = &["max_user_connections=", "max-user-connections="];

fn number_in_command(server: &ContainerFact, names: &[&str]) -> Option<u32> {
    let words = server.command.join(" ");
    names.iter().find_map(|name| {
        let (_, rest) = words.split_once(name)?;
        let digits = rest.split(|it: char| !it.is_ascii_digit()).next()?;
        digits.parse().ok()
    })
}

/// The services that are refused or hurt besides the one that holds.
fn victims<'f>(world: &World<'f>, busy: &Busy<'f>, holder: &str) -> Vec<&'f str> {
    let mut victims: Vec<&str> = world
        .edges()
        .iter()
        .filter(
            |edge| matches!(&edge.target, Target::Service { name, .. } if *name == busy.service),
        )
        .filter(|edge| !world.seems_well(edge.client))
        .filter_map(|edge| edge.client.service.as_deref())
        .filter(|name| *name != holder)
        .collect();
    victims.sort_unstable();
    victims.dedup();
    victims
}

/// A case against a service that holds what others want of a server.
pub(super) fn against(
    world: &World<'_>,
    busy: &Busy<'_>,
    service: &str,
    claim: String,
) -> Option<Case> {
    let container = world.of_service(service).into_iter().next()?;
    let mut case = Case::new(culprit(container, None), claim)
        .seen_in(Some(busy.service))
        .between(Some(service), Some(busy.service));
    for victim in victims(world, busy, service) {
        case = case.between(Some(busy.service), Some(victim));
    }
    Some(case)
}

fn too_many_clients(world: &World<'_>, cases: &mut Vec<Case>) {
    for busy in busy(world) {
        if let Some(case) = too_many_of_one(world, &busy) {
            cases.push(case);
            continue;
        }
        let Some(refused) = no_more(world, &busy, "the server itself has no more") else {
            continue;
        };
        let speaker = refused.speaker;
        // A client that is refused and holds nothing when looked at had all of them, where nobody else has any.
        let is_only = diallers(world, &busy).len() == 1 && speaker.name != busy.server.name;
        let alone = speaker.service.as_deref().filter(|_| is_only);
        let Some((service, count, is_most)) = holder(&busy).or(alone.map(|name| (name, 0, false)))
        else {
            cases.extend(left_behind(world, &busy, refused));
            continue;
        };
        if !ends_transactions(world, &busy, service) {
            continue;
        }
        let of =
            limit(world, busy.server).map_or(String::new(), |limit| format!(" of the {limit}"));
        let claim = if count == 0 {
            format!("it asks for more connections than `{}` takes", busy.service)
        } else {
            format!(
                "it holds {count}{of} connections of `{}`, so others get none",
                busy.service
            )
        };
        let Some(case) = against(world, &busy, service, claim) else {
            continue;
        };
        let refusal = refused.evidence;
        let holds = holding(world, &busy, service, "most of what there is goes to one");
        let case = case
            .mended_by(
                format!("let it keep fewer (a smaller pool, fewer replicas), or let `{}` take more, then `bowline up`", busy.service),
                Safety::NeedsYou,
            )
            .decides("the refusal", Some(refusal.clone()))
            .decides("who holds the connections", holds)
            .rules_out(Code("D023"), Some(refusal))
            .rules_out(Code("D024"), at_work(world, &busy));
        let is_sure = is_most && sees_most(world, &busy);
        cases.push(if is_sure {
            case
        } else {
            case.at_most(Confidence::Likely)
        });
    }
}

/// An account that has as many connections as the server gives to each: by a setting that its command tells, or while nobody
/// is seen to hold any.
fn too_many_of_one(world: &World<'_>, busy: &Busy<'_>) -> Option<Case> {
    let (speaker, said) = complaint(world, busy, Says::TooManyClients)?;
    let account = said.capture("user")?;
    let limit = number_in_command(busy.server, OF_ACCOUNT);
    if limit.is_none() && holder(busy).is_some() {
        return None;
    }
    let many = limit.map_or("no more connections".to_owned(), |limit| {
        format!("{limit} connections")
    });
    let claim = format!("it gives each account {many}, and `{account}` wants more at a time");
    let told = limit.and_then(|limit| {
        let server = world.containers().find(|it| it.name == busy.server.name)?;
        let text = format!("its command gives each account {limit} connections");
        made(
            world,
            server,
            &text,
            "whatever the server itself could take",
        )
    });
    let refusal = spoken(speaker, said, "this account has all that it may have");
    let mut case = Case::new(culprit(busy.server, limit.map(|_| "command")), claim)
        .at_most(Confidence::Likely)
        .mended_by(
            format!("let `{}` give an account more, or give services accounts of their own, then `bowline up`", busy.service),
            Safety::NeedsYou,
        )
        .decides("the refusal", Some(refusal.clone()))
        .decides("who holds the connections", told)
        .rules_out(Code("D023"), Some(refusal));
    for victim in victims(world, busy, busy.service) {
        case = case.between(Some(busy.service), Some(victim));
    }
    Some(case)
}

/// A server whose connections nobody holds any more: clients that have ended left statements behind which go on. Whose an
/// address was cannot be told when it is gone, so the server is named.
fn left_behind(world: &World<'_>, busy: &Busy<'_>, refused: NoMore<'_>) -> Option<Case> {
    let peers = world.inside(busy.server)?.peers.iter();
    let left = peers.filter(|peer| peer.local_port.is_some() && peer.state == TcpState::CloseWait);
    let most = left.max_by_key(|peer| peer.count)?;
    let is_most = limit(world, busy.server)
        .and_then(|limit| usize::try_from(limit).ok())
        .is_none_or(|limit| most.count * 2 > limit);
    if !is_most {
        return None;
    }
    let name = &busy.server.name;
    let text = format!(
        "{name}: {} connections whose other end, {}, has closed them",
        most.count, most.remote
    );
    let proves = "most of what there is goes to somebody who is gone";
    let holds = shown(FactRef::Inside(name.clone()), text, proves);
    let claim = format!(
        "{} of its connections are of {}, which has closed them: what was asked there goes on, and others get none",
        most.count, most.remote
    );
    let mut case = Case::new(culprit(busy.server, None), claim);
    for victim in victims(world, busy, busy.service) {
        case = case.between(Some(busy.service), Some(victim));
    }
    let fix = format!(
        "end what goes on there, or restart it: `bowline restart {}`; then find out who of its clients asks for so much and ends",
        busy.service
    );
    let refusal = refused.evidence;
    let case = case
        .mended_by(fix, Safety::Restart)
        .decides("the refusal", Some(refusal.clone()))
        .decides("who holds the connections", Some(holds))
        .rules_out(Code("D023"), Some(refusal))
        .at_most(Confidence::Likely);
    Some(case)
}

/// Whether a client's calls to a server that listens are not answered, or refused on the way: then no connection comes back
/// to its pool, however large that is.
fn is_cut_off(world: &World<'_>, client: &ContainerFact, server: &ContainerFact) -> bool {
    world.edges().iter().any(|edge| {
        let is_it = edge.client.name == client.name && edge.leads_to(server);
        let trouble = world.trouble(edge).filter(|_| is_it);
        matches!(trouble, Some(Trouble::Unanswered | Trouble::Rejected))
    })
}

fn pool_too_small(world: &World<'_>, cases: &mut Vec<Case>) {
    workers_too_few(world, cases);
    for busy in busy(world) {
        let Some((client, said)) = complaint(world, &busy, Says::PoolExhausted) else {
            continue;
        };
        let Some(service) = client.service.as_deref() else {
            continue;
        };
        let server_is_full = no_more(world, &busy, "").is_some();
        if world.seems_well(client)
            || server_is_full
            || is_cut_off(world, client, busy.server)
            || !ends_transactions(world, &busy, service)
        {
            continue;
        }
        let own = busy.held.get(service).copied().unwrap_or_default();
        let claim = format!(
            "its pool is used up with {own} connections, while `{}` would take more",
            busy.service
        );
        let refuses_none = world.log(busy.server).map(|_| {
            let text = format!(
                "{} log: refuses nobody for want of connections",
                busy.server.name
            );
            shown(
                FactRef::Log(busy.server.name.clone()),
                text,
                "the server has more to give",
            )
        });
        cases.push(
            Case::new(culprit(client, None), claim)
                .between(Some(busy.service), Some(service))
                .mended_by(
                    "make its pool larger, or let it keep connections for a shorter time, then `bowline up`",
                    Safety::NeedsYou,
                )
                .decides("the complaint", Some(spoken(client, said, "it waits for a connection of its own")))
                .decides("its connections", holding(world, &busy, service, "it has some, and they are taken"))
                .rules_out(Code("D022"), refuses_none),
        );
    }
}

/// What those say who wait for a program that has no worker left.
const WAITED: &[Says] = &[
    Says::AnswerTimeout,
    Says::UpstreamClosed,
    Says::UpstreamFailed,
    Says::UpstreamNotAnswering,
];

/// Programs that have as many workers as they may have, while somebody who stands before them gets no answer: by an
/// address, or by a socket in a folder that both have.
fn workers_too_few(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let Some(busy) = world.says(container, Says::WorkersBusy) else {
            continue;
        };
        let volumes = |of: &'_ ContainerFact| -> BTreeSet<String> {
            let volumes = of.mounts.iter().filter(|mount| mount.kind == "volume");
            volumes.map(|mount| mount.source.clone()).collect()
        };
        let own = volumes(container);
        let stands_before = |front: &&ContainerFact| {
            let mut edges = world.edges().iter();
            front.name != container.name
                && (!own.is_disjoint(&volumes(front))
                    || edges.any(|edge| edge.client.name == front.name && edge.leads_to(container)))
        };
        let mut fronts = world.containers().filter(stands_before);
        let waited = fronts.find_map(|front| {
            let mut said = world.said(front).iter();
            let said = said.find(|said| said.is_fresh && WAITED.contains(&said.says))?;
            Some((front, said))
        });
        let Some((front, said)) = waited else {
            continue;
        };
        let limit = busy.capture("limit").map(|limit| format!(" ({limit})"));
        let claim = format!(
            "it has as many workers as it may have{}, and requests wait for one",
            limit.unwrap_or_default()
        );
        let service = container.service.as_deref();
        cases.push(
            Case::new(culprit(container, None), claim)
                .at_most(Confidence::Likely)
                .between(service, front.service.as_deref())
                .mended_by(
                    "let it have more workers (php-fpm: `pm.max_children`; Apache: `MaxRequestWorkers`) where there is memory for them, or find what keeps them busy; then restart it",
                    Safety::NeedsYou,
                )
                .decides("the complaint", Some(spoken(container, busy, "it would need more")))
                .decides("its connections", Some(spoken(front, said, "it waited in vain"))),
        );
    }
}

/// Sessions of a service at a server: those that come from its address, or where addresses tell nothing, all of them
/// for the one that holds most connections.
fn sessions<'f>(world: &World<'f>, busy: &Busy<'f>, service: &str) -> Vec<&'f SessionFact> {
    let inside = world.inside(busy.server);
    let all: Vec<&SessionFact> = inside
        .into_iter()
        .flat_map(|inside| &inside.sessions)
        .filter(|session| session.remote.is_some())
        .collect();
    let client = |session: &SessionFact| session.remote.and_then(|remote| world.at_address(remote));
    if all.iter().all(|session| client(session).is_none()) {
        let is_most = holder(busy).is_some_and(|(name, _, is_most)| name == service && is_most);
        return if is_most { all } else { Vec::new() };
    }
    let is_its = |session: &&SessionFact| {
        client(session).and_then(|client| client.service.as_deref()) == Some(service)
    };
    all.into_iter().filter(is_its).collect()
}

/// Sessions that are in a transaction and do nothing, and all.
fn idle(sessions: &[&SessionFact]) -> (usize, usize) {
    let count = |is: fn(&SessionFact) -> bool| {
        let some = sessions.iter().filter(|session| is(session));
        some.map(|session| session.count).sum()
    };
    (count(SessionFact::is_idle_in_transaction), count(|_| true))
}

/// Whether the sessions of a service are not mostly left in a transaction; also where nobody can tell.
fn ends_transactions(world: &World<'_>, busy: &Busy<'_>, service: &str) -> bool {
    let (idle, all) = idle(&sessions(world, busy, service));
    idle < 2 || idle * 2 < all
}

fn idle_in_transaction(world: &World<'_>, cases: &mut Vec<Case>) {
    for busy in busy(world) {
        let words = [Says::TooManyClients, Says::PoolExhausted];
        let Some((speaker, said)) = words.iter().find_map(|word| complaint(world, &busy, *word))
        else {
            continue;
        };
        for service in busy.held.keys() {
            if ends_transactions(world, &busy, service) {
                continue;
            }
            let (idle, all) = idle(&sessions(world, &busy, service));
            let claim = format!(
                "{idle} of its {all} connections to `{}` are in transactions that it does not end",
                busy.service
            );
            let text = format!(
                "{}: {idle} of {all} sessions of {service} are idle in transaction",
                busy.server.name
            );
            let proves = "they hold connections and do nothing with them";
            let left = shown(FactRef::Inside(busy.server.name.clone()), text, proves);
            let Some(case) = against(world, &busy, service, claim) else {
                continue;
            };
            cases.push(
                case
                    .mended_by(
                        "end each transaction also when something fails, and set `idle_in_transaction_session_timeout` in the server as a guard",
                        Safety::NeedsYou,
                    )
                    .decides("the complaint", Some(spoken(speaker, said, "connections are missing")))
                    .decides("its sessions", Some(left)),
            );
        }
    }
}
