//! Caches: full, throwing away, unable to save, and clients that are too slow for them.

use bowline_recipes::Says;

use crate::facts::{ContainerFact, FileFact};
use crate::finding::{Code, Confidence, Culprit, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, Target, World, culprit, shown, spoken};

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
    decisive: &["the complaint", "why it cannot write"],
    look_alikes: &[Code("D118")],
    yields: false,
    endangers_data: false,
    find: cannot_save,
};

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

/// The limit of memory that a cache was started with, in the words of its command.
fn limit(world: &World<'_>, server: &ContainerFact) -> Option<(String, Evidence)> {
    let server = world.containers().find(|it| it.name == server.name)?;
    let words: Vec<&str> = world
        .made(server)?
        .command
        .iter()
        .flat_map(|word| word.split_whitespace())
        .collect();
    let at = words
        .iter()
        .position(|word| *word == "--maxmemory" || *word == "maxmemory")?;
    let value = (*words.get(at + 1)?).trim_matches(['"', '\'']).to_owned();
    let text = format!("{}: its command sets maxmemory {value}", server.name);
    let proves = "the limit is its own, and not the container's";
    let evidence = shown(FactRef::Made(server.name.clone()), text, proves);
    (value != "0").then_some((value, evidence))
}

fn at_its_limit(world: &World<'_>, cases: &mut Vec<Case>, what: Says) {
    for (server, speaker, said) in complained_of(world, what) {
        let service = server.service.as_deref().unwrap_or(&server.name);
        let limit = limit(world, server);
        let of = limit
            .as_ref()
            .map_or(String::new(), |(value, _)| format!(" of {value}"));
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
        let complaint = spoken(speaker, said, "the server says so itself");
        let goes_on = world
            .state(server)
            .filter(|_| world.runs(server) && world.out_of_memory(server) == Some(false));
        let goes_on = goes_on.map(|_| {
            let text = format!(
                "{}: running, and not killed for want of memory",
                server.name
            );
            shown(
                FactRef::OutOfMemory(server.name.clone()),
                text,
                "it is not the kernel that has no memory",
            )
        });
        let field = limit.is_some().then_some("command");
        let case = Case::new(culprit(server, field), claim)
            .mended_by(fix, Safety::NeedsYou)
            .decides("the complaint", Some(complaint.clone()))
            .decides("its limit", limit.map(|(_, evidence)| evidence))
            .rules_out(Code("D032"), goes_on)
            .rules_out(Code("D047"), Some(complaint.clone()))
            .rules_out(Code("D118"), Some(complaint));
        let case = to_clients(world, case, server);
        cases.push(if said.is_proven {
            case
        } else {
            case.at_most(Confidence::Likely)
        });
    }
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

fn cannot_save(world: &World<'_>, cases: &mut Vec<Case>) {
    for (server, speaker, said) in complained_of(world, Says::PersistenceFailed) {
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
        let complaint = spoken(
            speaker,
            said,
            "it takes no writes, since it could not save the last ones",
        );
        let case = Case::new(blamed, format!("`{service}` cannot save what it holds: {why}"))
            .seen_in(server.service.as_deref())
            .mended_by("mend that, and it goes on by itself; to switch the check off would only hide that nothing is saved", Safety::NeedsYou)
            .decides("the complaint", Some(complaint.clone()))
            .decides("why it cannot write", evidence)
            .rules_out(Code("D118"), Some(complaint));
        let case = to_clients(world, case, server);
        cases.push(if said.is_proven {
            case
        } else {
            case.at_most(Confidence::Likely)
        });
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
        let case = Case::new(culprit(blamed, None), claim)
            .between(blamed.service.as_deref(), server.service.as_deref())
            .seen_in(server.service.as_deref())
            .mended_by(
                format!("let it read faster, or let `{service}` wait longer (`client-output-buffer-limit`); then `bowline up`"),
                Safety::NeedsYou,
            )
            .decides("what the server says", Some(spoken(server, said, "it broke the connection off itself")))
            .decides("who that is", who);
        cases.push(if said.is_proven {
            case
        } else {
            case.at_most(Confidence::Likely)
        });
    }
}
