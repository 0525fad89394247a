//! Caches: full, throwing away, unable to save, and clients that are too slow for them.

use std::collections::BTreeSet;

use bowline_recipes::Says;

use crate::facts::{AskedFact, ContainerFact, FileFact, RedisAnswer};
use crate::finding::{Code, Confidence, Culprit, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, Target, World, culprit, shown, spoken, written};

pub(crate) const TOO_SLOW_FOR_IT: Rule = Rule {
    code: Code("D027"),
    title: "a client reads slower than it is sent to, and is cut off",
    layer: Layer::DataService,
    decisive: &["what the server says", "who that is"],
    look_alikes: &[],
    yields: false,
    endangers_data: false,
    find: too_slow_for_it,
};

pub(crate) const EVICTS: Rule = Rule {
    code: Code("D047"),
    title: "a cache throws away what is still needed",
    layer: Layer::DataService,
    decisive: &["the complaint", "its limit"],
    look_alikes: &[Code("D118")],
    yields: false,
    endangers_data: false,
    find: |world, cases| at_its_limit(world, cases, Says::Evicting),
};

pub(crate) const FULL: Rule = Rule {
    code: Code("D118"),
    title: "a cache is at its own limit of memory and refuses writes",
    layer: Layer::DataService,
    decisive: &["the complaint", "its limit"],
    look_alikes: &[Code("D032"), Code("D047")],
    yields: false,
    endangers_data: false,
    find: |world, cases| at_its_limit(world, cases, Says::CacheFull),
};

pub(crate) const CANNOT_SAVE: Rule = Rule {
    code: Code("D119"),
    title: "a cache cannot write its data, and refuses writes because of it",
    layer: Layer::DataService,
    decisive: &[
        "that it cannot save",
        "the complaint",
        "why it cannot write",
    ],
    look_alikes: &[Code("D118")],
    yields: false,
    endangers_data: false,
    find: cannot_save,
};

pub(crate) const TOO_SMALL: Rule = Rule {
    code: Code("D087"),
    title: "a cache is too small: most of what it is asked for it has thrown away",
    layer: Layer::Resource,
    decisive: &[
        "how often it has nothing",
        "that it is at its limit",
        "who waits for what it should have had",
    ],
    look_alikes: &[Code("D047"), Code("D058"), Code("D116")],
    yields: true,
    endangers_data: false,
    find: too_small,
};

/// How often a cache has to be asked while it is looked at, for its answers to say anything.
const LOOKUPS: u64 = 20;
/// How many keys a cache has to have thrown away since its start for that to say anything.
const EVICTED: u64 = 50;
/// How often a cache has to have thrown away all that it holds to be past its beginning.
const TURNS: u64 = 2;
/// What is said by those who wait for too long.
const SLOW: &[Says] = &[
    Says::AnswerTimeout,
    Says::StatementTimeout,
    Says::UpstreamNotAnswering,
    Says::PoolExhausted,
    Says::WorkersBusy,
];

/// Servers of which somebody says a word now: they themselves, or clients that dial them and are not well.
fn complained_of<'w, 'f>(
    world: &'w World<'f>,
    what: Says,
) -> Vec<(&'f ContainerFact, &'f ContainerFact, &'w Said<'f>)> {
    let mut found: Vec<(&'f ContainerFact, &'f ContainerFact, &'w Said<'f>)> = Vec::new();
    for speaker in world.containers().filter(|it| !world.seems_well(it)) {
        let Some(said) = world.says(speaker, what) else {
            continue;
        };
        let is_it = |container: &ContainerFact| {
            world
                .recipe(container)
                .is_some_and(|recipe| recipe.name == said.recipe)
        };
        let dialled = world.edges().iter().find_map(|edge| match &edge.target {
            Target::Service { containers, .. } if edge.client.name == speaker.name => {
                containers.iter().copied().find(|server| is_it(server))
            }
            _ => None,
        });
        let server = dialled.or(Some(speaker).filter(|speaker| is_it(speaker)));
        // What was said of a former run of the server is over.
        let in_its_run =
            |server: &&ContainerFact| server.started.is_none_or(|started| said.last >= started);
        found.extend(
            server
                .filter(in_its_run)
                .map(|server| (server, speaker, said)),
        );
    }
    found
}

/// What a cache said of its memory, where it was asked and has a limit of its own: in use, limit, policy.
fn memory<'f>(
    world: &World<'f>,
    server: &ContainerFact,
) -> Option<(&'f AskedFact, &'f RedisAnswer, u64)> {
    let (asked, answer) = world.redis(server)?;
    let limit = answer.limit_bytes.filter(|limit| *limit > 0)?;
    Some((asked, answer, limit))
}

/// Links from a server to the clients that are not well because of it.
fn to_clients(world: &World<'_>, mut case: Case, server: &ContainerFact) -> Case {
    for edge in world.edges() {
        let is_it = matches!(&edge.target, Target::Service { containers, .. } if containers.iter().any(|it| it.name == server.name));
        if is_it && !world.seems_well(edge.client) {
            case = case.between(server.service.as_deref(), edge.client.service.as_deref());
        }
    }
    case
}

/// The limit of memory that a cache has: by its command, and as it says itself when it is asked.
struct Limit {
    value: String,
    evidence: Evidence,
    is_in_command: bool,
}

fn limit<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<Limit> {
    let proves = "the limit is its own, and not the container's";
    let written = limit_in_command(world, server);
    if let Some((asked, answer, limit)) = memory(world, server) {
        let used = answer.used_bytes.unwrap_or_default();
        let what = format!("{used} bytes in use of {limit}, {}", policy(answer));
        return Some(Limit {
            is_in_command: written.is_some(),
            value: written.unwrap_or_else(|| format!("{limit} bytes")),
            evidence: asked.evidence(&what, proves),
        });
    }
    let value = written?;
    let text = format!("{}: its command sets maxmemory {value}", server.name);
    Some(Limit {
        evidence: shown(FactRef::Made(server.name.clone()), text, proves),
        value,
        is_in_command: true,
    })
}

/// The limit in the words of a cache's command; `None` also where it is none.
fn limit_in_command<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<String> {
    let words: Vec<&str> = world
        .made(server)?
        .command
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    let at = words
        .iter()
        .position(|word| *word == "--maxmemory" || *word == "maxmemory")?;
    let value = words.get(at + 1)?.trim_matches(['"', '\'']);
    (value != "0").then(|| value.to_owned())
}

/// A cache of which something is said now, by others, by itself, or by both.
struct Complaint<'f> {
    server: &'f ContainerFact,
    /// What is said of it; `None` where nobody says a word.
    said: Option<Evidence>,
    /// What it says of itself.
    answer: Option<Evidence>,
}

/// Caches of which their clients say a word that they do not contradict themselves, and those that say it themselves
/// while a client of theirs is not well.
fn at_limit<'f>(world: &World<'f>, what: Says) -> Vec<Complaint<'f>> {
    let mut found: Vec<Complaint<'f>> = Vec::new();
    for (server, speaker, said) in complained_of(world, what) {
        let is_denied = world.redis(server).is_some_and(|(_, it)| !may_be(it));
        if !is_denied {
            found.push(Complaint {
                server,
                said: Some(spoken(speaker, said, "the server says so itself")),
                answer: None,
            });
        }
    }
    for server in world.containers() {
        let Some((asked, answer, limit)) = memory(world, server) else {
            continue;
        };
        // What is made anew whenever it is not there nobody misses; who is not well may be so for something else.
        let is_made_anew = what == Says::Evicting
            && was_too_small(answer, limit).is_some()
            && !who_waits(world, server, true).is_empty();
        let is_known = found.iter().any(|it| it.server.name == server.name)
            || !hurts(world, server)
            || is_made_anew;
        if let Some(what) = confirmed(answer, limit, what).filter(|_| !is_known) {
            found.push(Complaint {
                server,
                said: None,
                answer: Some(asked.evidence(&what, "that is what it does now")),
            });
        }
    }
    found
}

/// Whether somebody who dials a cache is not well, and says nothing of what.
fn hurts(world: &World<'_>, server: &ContainerFact) -> bool {
    let mut edges = world.edges().iter();
    edges.any(|edge| {
        let (_, containers) = edge.service().unwrap_or_default();
        let is_it = containers.iter().any(|one| one.name == server.name);
        is_it && world.fails_quietly(edge.client)
    })
}

/// Whether a cache has a limit of its own, and is near it.
fn may_be(answer: &RedisAnswer) -> bool {
    let limit = answer.limit_bytes.filter(|limit| *limit > 0);
    let both = limit.zip(answer.used_bytes);
    both.is_some_and(|(limit, used)| used >= limit / 2)
}

/// What shows in a cache's own numbers that it refuses writes, or throws away what it holds.
fn confirmed(answer: &RedisAnswer, limit: u64, what: Says) -> Option<String> {
    let keeps_all = answer.policy.as_deref() == Some("noeviction");
    let used = answer.used_bytes?;
    if what == Says::CacheFull {
        return (keeps_all && used >= limit)
            .then(|| format!("{used} bytes in use of {limit}, {}", policy(answer)));
    }
    let meanwhile = answer
        .evicted_meanwhile
        .filter(|count| *count > 0 && !keeps_all)?;
    Some(format!(
        "it threw away {meanwhile} keys within 300 ms, {}",
        policy(answer)
    ))
}

fn policy(answer: &RedisAnswer) -> &str {
    answer.policy.as_deref().unwrap_or("an unknown policy")
}

fn at_its_limit(world: &World<'_>, cases: &mut Vec<Case>, what: Says) {
    for complaint in at_limit(world, what) {
        let server = complaint.server;
        let service = server.service.as_deref().unwrap_or(&server.name);
        let limit = limit(world, server);
        let of = limit
            .as_ref()
            .map_or(String::new(), |limit| format!(" of {}", limit.value));
        let (claim, fix) = if what == Says::CacheFull {
            (
                format!("`{service}` is at its own limit of memory{of} and takes no writes"),
                "let it have more (`maxmemory`), let keys expire, or choose a policy that evicts what is not needed; then `bowline up`",
            )
        } else {
            (
                format!(
                    "`{service}` is at its own limit of memory{of} and throws away what is still needed"
                ),
                "let it have more (`maxmemory`), or choose `noeviction` and let keys expire; then `bowline up`",
            )
        };
        let is_in_command = limit.as_ref().is_some_and(|limit| limit.is_in_command);
        let seen = complaint.said.clone().or_else(|| complaint.answer.clone());
        let limit = limit.map(|limit| limit.evidence);
        let case = Case::new(culprit(server, is_in_command.then_some("command")), claim)
            .mended_by(fix, Safety::NeedsYou)
            .decides("the complaint", complaint.said)
            .decides("its limit", complaint.answer.or(limit))
            .rules_out(Code("D032"), goes_on(world, server))
            .rules_out(Code("D047"), seen.clone())
            .rules_out(Code("D118"), seen);
        cases.push(to_clients(world, case, server));
    }
}

/// What shows that a cache is too small for what it is asked for now: it throws away, it stands at its limit, and of those who
/// ask most get nothing. Each of these alone is everyday.
fn is_too_small(answer: &RedisAnswer, limit: u64) -> Option<(String, String)> {
    let evicted = answer.evicted_meanwhile.filter(|count| *count > 0)?;
    let used = answer.used_bytes.filter(|used| *used >= limit / 10 * 9)?;
    let (had, lacked) = answer.lookups_meanwhile?;
    let is_asked = had.saturating_add(lacked) >= LOOKUPS;
    let keeps_all = answer.policy.as_deref() == Some("noeviction");
    (is_asked && lacked > had && !keeps_all).then(|| {
        let asked = had.saturating_add(lacked);
        (
            format!("asked {asked} times within 300 ms, it had nothing {lacked} times"),
            format!(
                "{used} bytes in use of {limit}, {evicted} keys thrown away within 300 ms, {}",
                policy(answer)
            ),
        )
    })
}

/// The same by what it counted since its start: more was thrown away than was found, and all that it holds several times;
/// and that goes on. Where what it throws away was only put there once, for nobody, it is hardly asked for what it lacks.
fn was_too_small(answer: &RedisAnswer, limit: u64) -> Option<(String, String)> {
    let used = answer.used_bytes.filter(|used| *used >= limit / 10 * 9)?;
    let evicted = answer.evicted.filter(|count| *count >= EVICTED)?;
    let (had, lacked) = answer.lookups?;
    let (has, lacks) = answer.lookups_meanwhile?;
    let keeps_all = answer.policy.as_deref() == Some("noeviction");
    // What is not found is made and put there: what of that was not thrown away is what it holds.
    let holds = lacked.checked_sub(evicted).filter(|holds| *holds > 0)?;
    let goes_on = lacks > 0 && lacks >= has;
    let is_turned_over = evicted >= holds.saturating_mul(TURNS) && evicted > had;
    (goes_on && is_turned_over && !keeps_all).then(|| {
        let asked = had.saturating_add(lacked);
        (
            format!("asked {asked} times since its start, it had nothing {lacked} times"),
            format!(
                "{used} bytes in use of {limit}, {evicted} keys thrown away since its start, {}",
                policy(answer)
            ),
        )
    })
}

/// What shows that somebody who asks a cache, near or far, waits: it says so, or writes again and again how long
/// something took.
fn who_waits<'f>(
    world: &World<'f>,
    server: &ContainerFact,
    is_steady: bool,
) -> Vec<(&'f ContainerFact, Evidence)> {
    let reaches = |client: &ContainerFact| {
        let mut reached = BTreeSet::new();
        world.reach(client, &mut reached);
        client.name != server.name && reached.contains(server.name.as_str())
    };
    let dials = |client: &ContainerFact| {
        let mut edges = world.edges().iter();
        edges.any(|edge| edge.client.name == client.name && edge.leads_to(server))
    };
    let proves = "it takes longer than it may";
    let waits = |client: &'f ContainerFact| {
        let complaints = world.complaints(client, SLOW);
        let slow = complaints.first().filter(|_| dials(client));
        if let Some(slow) = slow {
            return Some((client, spoken(client, slow, proves)));
        }
        let line = world.took_long(client).filter(|_| is_steady)?;
        Some((client, written(client, line, "it measured that itself")))
    };
    let clients = world.containers().filter(|it| reaches(it));
    clients.filter_map(waits).collect()
}

fn too_small(world: &World<'_>, cases: &mut Vec<Case>) {
    let evicting = at_limit(world, Says::Evicting);
    for server in world.containers() {
        let Some((asked, answer, limit)) = memory(world, server) else {
            continue;
        };
        let steady = was_too_small(answer, limit);
        let is_steady = steady.is_some();
        let Some((misses, level)) = is_too_small(answer, limit).or(steady) else {
            continue;
        };
        // Where somebody misses what was thrown away, that is another cause.
        if evicting.iter().any(|it| it.server.name == server.name) {
            continue;
        }
        let service = server.service.as_deref().unwrap_or(&server.name);
        for (client, slow) in who_waits(world, server, is_steady) {
            let case = Case::new(
                blamed(world, server),
                format!(
                    "`{service}` is too small: it throws away what it is soon asked for again, so most of that has to be made anew"
                ),
            );
            // Who only measures how long something takes says of nothing that it failed.
            let shown_in = client
                .service
                .as_deref()
                .filter(|_| world.complains(client));
            let shown_in = shown_in.or(server.service.as_deref());
            let lacks = asked.evidence(&misses, "most of those who ask have to do without");
            let full = asked.evidence(&level, "it has no room to keep more");
            let case = case
                .at_most(Confidence::Likely)
                .seen_in(shown_in)
                .between(Some(service), client.service.as_deref())
                .mended_by(
                    "let it have more (`maxmemory`, and the container's limit above it), then `bowline up`",
                    Safety::NeedsYou,
                )
                .decides("how often it has nothing", Some(lacks))
                .decides("that it is at its limit", Some(full))
                .decides("who waits for what it should have had", Some(slow.clone()))
                .rules_out(Code("D047"), Some(slow));
            cases.push(through(world, case, server, client));
        }
    }
}

/// Links from a server to those who dial it, where they stand between it and a client.
fn through(
    world: &World<'_>,
    mut case: Case,
    server: &ContainerFact,
    client: &ContainerFact,
) -> Case {
    let mut reached = BTreeSet::new();
    world.reach(client, &mut reached);
    let edges = world.edges().iter();
    for edge in edges.filter(|edge| edge.leads_to(server)) {
        if edge.client.name != client.name && reached.contains(edge.client.name.as_str()) {
            case = case.between(server.service.as_deref(), edge.client.service.as_deref());
        }
    }
    case
}

/// A cache, with its command where that sets its limit.
fn blamed<'f>(world: &World<'f>, server: &'f ContainerFact) -> Culprit {
    let written = limit_in_command(world, server);
    culprit(server, written.map(|_| "command"))
}

/// That the kernel did not kill a cache for want of memory.
fn goes_on<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<Evidence> {
    world
        .state(server)
        .filter(|_| world.runs(server) && world.out_of_memory(server) == Some(false))?;
    let text = format!(
        "{}: running, and not killed for want of memory",
        server.name
    );
    Some(shown(
        FactRef::OutOfMemory(server.name.clone()),
        text,
        "it is not the kernel that has no memory",
    ))
}

/// Why nothing can be written in a folder, as far as it shows.
fn obstacle(world: &World<'_>, server: &ContainerFact, file: &FileFact) -> Option<(String, bool)> {
    let is_read_only = file.room.is_some_and(|room| room.is_read_only);
    if is_read_only {
        return Some((format!("`{}` is mounted read-only", file.path), true));
    }
    if file.room.is_some_and(|room| room.available_bytes == 0) {
        return Some((format!("the file system of `{}` is full", file.path), false));
    }
    if file
        .room
        .is_some_and(|room| room.total_inodes > 0 && room.free_inodes == 0)
    {
        return Some((
            format!(
                "the file system of `{}` has no room for another file",
                file.path
            ),
            false,
        ));
    }
    let Some(there) = &file.there else {
        return Some((format!("`{}` is not there", file.path), false));
    };
    let uid = world.inside(server)?.main_uid?;
    let (owner, group) = there.owner?;
    // Of the group nobody knows whether the server is in it, so only a mode that shuts out all others counts.
    let may_write = uid == 0 || owner == uid && there.mode & 0o200 != 0 || there.mode & 0o022 != 0;
    (!may_write).then(|| {
        (
            format!(
                "`{}` belongs to {owner}:{group} with mode {:04o}, and the server is user {uid}",
                file.path, there.mode
            ),
            false,
        )
    })
}

/// The folders that a cache saves its data in.
fn saves_in(world: &World<'_>, server: &ContainerFact) -> Vec<String> {
    let stores = world.stores(server).into_iter();
    let mut folders: Vec<String> = stores.map(|store| store.folder).collect();
    let said = world.says(server, Says::PersistenceFailed);
    let named = said.and_then(|said| said.capture("path"));
    folders.extend(
        named
            .filter(|path| path.starts_with('/'))
            .map(str::to_owned),
    );
    folders
}

/// Caches that could not save, as they say themselves when they are asked, else as is said of them.
fn cannot<'f>(world: &World<'f>) -> Vec<Complaint<'f>> {
    let proves = "it takes no writes, since it could not save the last ones";
    let mut found: Vec<Complaint<'f>> = Vec::new();
    for (server, speaker, said) in complained_of(world, Says::PersistenceFailed) {
        // What it says of itself stands before what was said of it a while ago.
        let saves = world.redis(server).and_then(|(_, answer)| answer.saves);
        if saves != Some(true) {
            found.push(Complaint {
                server,
                said: Some(spoken(speaker, said, proves)),
                answer: None,
            });
        }
    }
    for server in world.containers() {
        let answer = world
            .redis(server)
            .filter(|(_, it)| it.saves == Some(false) || it.appends == Some(false));
        let Some((asked, _)) = answer else {
            continue;
        };
        let evidence = asked.evidence(
            "it could not save the last time",
            "what it holds is nowhere else",
        );
        match found.iter_mut().find(|it| it.server.name == server.name) {
            Some(complaint) => complaint.answer = Some(evidence),
            None if hurts(world, server) => found.push(Complaint {
                server,
                said: None,
                answer: Some(evidence),
            }),
            None => {}
        }
    }
    found
}

fn cannot_save(world: &World<'_>, cases: &mut Vec<Case>) {
    for complaint in cannot(world) {
        let server = complaint.server;
        let service = server.service.as_deref().unwrap_or(&server.name);
        let folders = saves_in(world, server);
        let found = folders.iter().find_map(|folder| {
            let file = world.file(server, folder)?;
            Some((file, obstacle(world, server, file)?))
        });
        let why = found
            .as_ref()
            .map_or("it could not write its data".to_owned(), |(_, (why, _))| {
                why.clone()
            });
        let blamed: Culprit = match &found {
            Some((_, (_, true))) => culprit(server, Some("volumes")),
            Some((file, _)) => world.keeper(server, &file.path),
            None => folders.first().map_or_else(
                || culprit(server, None),
                |folder| world.keeper(server, folder),
            ),
        };
        let evidence = found.map(|(file, (why, _))| {
            let fact = FactRef::File {
                container: file.container.clone(),
                path: file.path.clone(),
            };
            shown(
                fact,
                format!("{}: {why}", file.container),
                "so nothing can be saved there",
            )
        });
        let seen = complaint.said.clone().or_else(|| complaint.answer.clone());
        let case = Case::new(blamed, format!("`{service}` cannot save what it holds: {why}"))
            .seen_in(server.service.as_deref())
            .mended_by("mend that, and it goes on by itself; to switch the check off would only hide that nothing is saved", Safety::NeedsYou)
            .decides("that it cannot save", complaint.said.clone().or(complaint.answer))
            .decides("the complaint", complaint.said)
            .decides("why it cannot write", evidence)
            .rules_out(Code("D118"), seen);
        cases.push(to_clients(world, case, server));
    }
}

/// The only client that a server has, for where the packet filter hides who is who.
fn only_client<'f>(world: &World<'f>, server: &ContainerFact) -> Option<&'f ContainerFact> {
    let to_it = world.edges().iter().filter(|edge| {
        matches!(&edge.target, Target::Service { containers, .. } if containers.iter().any(|it| it.name == server.name))
    });
    let mut clients = to_it.map(|edge| edge.client);
    let first = clients.next()?;
    clients
        .all(|other| other.service == first.service)
        .then_some(first)
}

fn too_slow_for_it(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers() {
        let Some(said) = world.says(server, Says::OutOfBufferLimits) else {
            continue;
        };
        let address = said.capture("host").and_then(|host| host.parse().ok());
        let named = address.and_then(|address| world.at_address(address));
        let client = named.or_else(|| only_client(world, server));
        let service = server.service.as_deref().unwrap_or(&server.name);
        let who = named.zip(address).map(|(client, address)| {
            let text = format!("{}: its address is {address}", client.name);
            shown(
                FactRef::Networks(client.name.clone()),
                text,
                "it is the one that was cut off",
            )
        });
        let claim = match client {
            Some(_) => {
                format!("it reads slower than `{service}` sends to it, so `{service}` cuts it off")
            }
            None => "it cuts off a client that reads slower than it is sent to".to_owned(),
        };
        let blamed = client.unwrap_or(server);
        cases.push(
            Case::new(culprit(blamed, None), claim)
                .between(blamed.service.as_deref(), server.service.as_deref())
                .seen_in(server.service.as_deref())
                .mended_by(
                    format!("let it read faster, or let `{service}` wait longer (`client-output-buffer-limit`); then `bowline up`"),
                    Safety::NeedsYou,
                )
                .decides("what the server says", Some(spoken(server, said, "it broke the connection off itself")))
                .decides("who that is", who),
        );
    }
}
