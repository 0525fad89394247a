//! Search servers: data that has no place, and disks that are too full to be written to.

use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::facts::{ContainerFact, FileFact, Room};
use crate::finding::{Code, Confidence, Evidence, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, spoken, stood};

use super::storage::filled;

pub(crate) const RED: Rule = Rule {
    code: Code("D029"),
    title: "an index of a search server lacks a part of its data",
    layer: Layer::DataService,
    decisive: &[
        "what is said of the cluster",
        "who is hurt",
        "why that part has no place",
    ],
    look_alikes: &[Code("D030")],
    yields: true,
    endangers_data: false,
    find: red,
};

pub(crate) const FLOOD_STAGE: Rule = Rule {
    code: Code("D030"),
    title: "a search server takes no writes, since its disk is nearly full",
    layer: Layer::DataService,
    decisive: &["the complaint", "how full it is"],
    look_alikes: &[Code("D025"), Code("D110")],
    yields: false,
    endangers_data: false,
    find: flood_stage,
};

/// What a search cluster says of its health whenever that changes.
const HEALTH: &[Says] = &[Says::ClusterGreen, Says::ClusterYellow, Says::ClusterRed];
/// For how long a cluster may be red before it is more than a start, in which each part is found again.
const SETTLED: SignedDuration = SignedDuration::from_secs(30);
/// Bytes that are room enough to write something, however full a disk is.
const SOME_ROOM: u64 = 64 * 1024 * 1024;

/// The containers of a service's kind of server: what one of them says of the cluster holds for all.
fn nodes<'f>(world: &World<'f>, server: &ContainerFact) -> Vec<&'f ContainerFact> {
    let kind = world.recipe(server).map(|recipe| recipe.name.as_str());
    let is_one = |one: &&ContainerFact| {
        kind.is_some() && world.recipe(one).map(|it| it.name.as_str()) == kind
    };
    world.containers().filter(is_one).collect()
}

/// The last word of a cluster on its own health, and who said it. Whoever leads writes it down, so all of them are read.
fn last_word<'w, 'f>(
    world: &'w World<'f>,
    nodes: &[&'f ContainerFact],
) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
    let words = nodes.iter().flat_map(|node| {
        let kind = world.recipe(node).map(|recipe| recipe.name.as_str());
        let said = world.said(node).iter();
        let own = said.filter(move |said| {
            let is_of_this_run = node.run_began().is_none_or(|began| said.last >= began);
            HEALTH.contains(&said.says) && Some(said.recipe) == kind && is_of_this_run
        });
        own.map(move |said| (*node, said))
    });
    words.max_by_key(|(_, said)| said.last)
}

/// The clients that are told to dial one of these and are not well.
fn failing_clients<'f>(world: &World<'f>, nodes: &[&'f ContainerFact]) -> Vec<&'f ContainerFact> {
    let mut clients: Vec<&ContainerFact> = Vec::new();
    for edge in world.edges() {
        let is_to_one = nodes.iter().any(|node| edge.leads_to(node));
        let is_one = nodes.iter().any(|node| node.name == edge.client.name);
        let is_known = clients.iter().any(|one| one.name == edge.client.name);
        if is_to_one && !is_one && !is_known && world.fails(edge.client) {
            clients.push(edge.client);
        }
    }
    clients
}

/// What a client that fails says of a server of this kind.
fn said_by<'w, 'f>(
    world: &'w World<'f>,
    clients: &[&'f ContainerFact],
    server: &ContainerFact,
    what: Says,
) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
    let kind = world.recipe(server)?.name.as_str();
    clients.iter().find_map(|client| {
        let said = world.says(client, what)?;
        (said.recipe == kind).then_some((*client, said))
    })
}

/// A cluster that is red: the node to speak of, and what is said of it.
fn reddened<'w, 'f>(
    world: &'w World<'f>,
    server: &'f ContainerFact,
    nodes: &[&'f ContainerFact],
    clients: &[&'f ContainerFact],
) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
    let last = last_word(world, nodes);
    if let Some((node, said)) = last.filter(|(_, said)| said.says == Says::ClusterRed) {
        let has_settled = world.now().duration_since(said.last) >= SETTLED;
        return (has_settled && node.name == server.name).then_some((node, said));
    }
    let (client, said) = said_by(world, clients, server, Says::ClusterRed)?;
    let is_over = last.is_some_and(|(_, word)| word.last >= said.last);
    let is_first = nodes.first().is_some_and(|node| node.name == server.name);
    (is_first && !is_over).then_some((client, said))
}

/// Why a part of the data has no place: a node that does not run, or data that is not what was written.
fn reason<'f>(world: &World<'f>, nodes: &[&'f ContainerFact]) -> Option<(String, Evidence)> {
    let gone = nodes.iter().find(|node| {
        let state = world.state(node);
        state.is_some_and(|state| !state.status.is_up())
    });
    if let Some(gone) = gone {
        let evidence = stood(world, gone, "what it holds is not there with it")?;
        return Some((format!("its node `{}` does not run", gone.name), evidence));
    }
    nodes.iter().find_map(|node| {
        let mut said = world.said(node).iter();
        let said = said.find(|said| said.says == Says::DataCorrupt)?;
        let evidence = spoken(node, said, "it does not use what it cannot trust");
        let why = format!("`{}` read other data than it had written", node.name);
        Some((why, evidence))
    })
}

/// Who does not work because of it: a client, else the server itself.
fn who_is_hurt<'f>(
    world: &World<'f>,
    nodes: &[&'f ContainerFact],
    clients: &[&'f ContainerFact],
) -> Option<Evidence> {
    let proves = "it cannot do its work without that data";
    let mut hurt = clients.iter().filter_map(|client| {
        let complaint = world.complaint_by(client, proves);
        complaint.or_else(|| stood(world, client, proves))
    });
    hurt.next().or_else(|| {
        let mut ill = nodes.iter().filter(|node| world.ailment(node).is_some());
        stood(world, ill.next()?, "it does not work as it should")
    })
}

fn red(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers() {
        let nodes = nodes(world, server);
        let clients = failing_clients(world, &nodes);
        let Some((speaker, said)) = reddened(world, server, &nodes, &clients) else {
            continue;
        };
        let hurt = who_is_hurt(world, &nodes, &clients);
        // Red is a word; where everybody does their work it says nothing yet.
        let Some(hurt) = hurt else {
            continue;
        };
        let why = reason(world, &nodes);
        let service = server.service.as_deref().unwrap_or(&server.name);
        let claim = match &why {
            Some((why, _)) => {
                format!("`{service}` is red: an index of it lacks a part of its data, since {why}")
            }
            None => format!("`{service}` is red: an index of it lacks a part of its data"),
        };
        let room = room(world, server).filter(|(_, room)| !is_nearly_full(room));
        let room = room.map(|(file, room)| filled(file, &room, "its disk is not what stops it"));
        let case = Case::new(culprit(server, None), claim)
            .at_most(Confidence::Likely)
            .mended_by(
                "ask it why (`GET _cluster/allocation/explain`), then bring back the node or the disk that has that part, or restore it from a snapshot; an index is deleted last of all",
                Safety::NeedsYou,
            )
            .decides(
                "what is said of the cluster",
                Some(spoken(speaker, said, "it knows of a part that is nowhere")),
            )
            .decides("who is hurt", Some(hurt))
            .decides("why that part has no place", why.map(|(_, evidence)| evidence))
            .rules_out(Code("D030"), room);
        cases.push(to_clients(case, server, &clients));
    }
}

/// Links from a server to those that are not well because of it.
fn to_clients(mut case: Case, server: &ContainerFact, clients: &[&ContainerFact]) -> Case {
    for client in clients {
        case = case.between(server.service.as_deref(), client.service.as_deref());
    }
    case
}

/// How full the file system is on which a search server keeps its data.
fn room<'f>(world: &World<'f>, server: &ContainerFact) -> Option<(&'f FileFact, Room)> {
    let stores = world.stores(server).into_iter();
    let named = world.said(server).iter().filter_map(|said| {
        let path = said.capture("path")?;
        (said.says == Says::FloodStage).then(|| path.to_owned())
    });
    let mut paths = named.chain(stores.map(|store| store.folder));
    paths.find_map(|path| {
        let file = world.file(server, &path)?;
        Some((file, file.room?))
    })
}

/// Whether less than a tenth is free: below that such a server brings nothing more there unless it is told otherwise.
fn is_nearly_full(room: &Room) -> bool {
    room.available_bytes < room.total_bytes / 10
}

/// The search servers of whose disk or data somebody speaks now, so that it is worth a look how full that is.
pub(crate) fn in_question<'f>(world: &World<'f>) -> Vec<&'f ContainerFact> {
    let is_spoken_of = |server: &&ContainerFact| {
        let nodes = nodes(world, server);
        if nodes.is_empty() {
            return false;
        }
        let clients = failing_clients(world, &nodes);
        let mut words = [Says::FloodStage, Says::ClusterRed].into_iter();
        let is_red = last_word(world, &nodes).is_some_and(|(_, it)| it.says == Says::ClusterRed);
        is_red
            || world.says(server, Says::FloodStage).is_some()
            || words.any(|word| said_by(world, &clients, server, word).is_some())
    };
    world.containers().filter(is_spoken_of).collect()
}

/// A search server that takes no writes.
struct Flooded<'w, 'f> {
    speaker: &'f ContainerFact,
    said: &'w Said<'f>,
    clients: Vec<&'f ContainerFact>,
    room: Option<(&'f FileFact, Room)>,
    /// Whether there is room again.
    is_left_over: bool,
}

fn flooded<'w, 'f>(world: &'w World<'f>, server: &'f ContainerFact) -> Option<Flooded<'w, 'f>> {
    let kind = world.recipe(server)?.name.as_str();
    let clients = failing_clients(world, &[server]);
    let own = world.says(server, Says::FloodStage);
    let own = own.filter(|said| said.recipe == kind);
    let refused = said_by(world, &clients, server, Says::FloodStage);
    let (speaker, said) = own.map(|said| (server, said)).or(refused)?;
    let room = room(world, server);
    let is_left_over = room.is_some_and(|(_, room)| !is_nearly_full(&room));
    // Where nothing at all can be written any more, that is what is to be mended.
    let is_full = world.says(server, Says::NoSpace).is_some();
    let is_over = is_left_over && refused.is_none();
    (!is_full && !is_over).then_some(Flooded {
        speaker,
        said,
        clients,
        room,
        is_left_over,
    })
}

fn flood_stage(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers() {
        let Some(it) = flooded(world, server) else {
            continue;
        };
        let service = server.service.as_deref().unwrap_or(&server.name);
        let (claim, fix, level) = if it.is_left_over {
            (
                format!(
                    "`{service}` still has indices read-only, which it made so when its disk was nearly full; there is room again"
                ),
                "take the mark away (`PUT _all/_settings {\"index.blocks.read_only_allow_delete\": null}`)",
                "what made it do so is over",
            )
        } else {
            (
                format!(
                    "`{service}` made its indices read-only, since its disk is nearly full; reading goes on"
                ),
                "make room on that disk, or give it more. Newer servers then take the mark away by themselves; in older ones do (`PUT _all/_settings {\"index.blocks.read_only_allow_delete\": null}`)",
                "that is above the mark at which it takes no more",
            )
        };
        let writable = it.room.filter(|(_, room)| room.available_bytes > SOME_ROOM);
        let proves = "others could still write: the mark is its own";
        let writable = writable.map(|(file, room)| filled(file, &room, proves));
        let proves = "it is the server that refuses, not the kernel";
        let case = Case::new(culprit(server, None), claim)
            .at_most(Confidence::Likely)
            .mended_by(fix, Safety::NeedsYou)
            .decides("the complaint", Some(spoken(it.speaker, it.said, proves)))
            .decides(
                "how full it is",
                it.room.map(|(file, room)| filled(file, &room, level)),
            )
            .rules_out(Code("D025"), writable.clone())
            .rules_out(Code("D110"), writable);
        cases.push(to_clients(case, server, &it.clients));
    }
}
