//! Data that belongs to another cluster or node than the server that has it: it refuses it, or does not see it.

use bowline_recipes::Says;

use crate::edit::{Edit, Piece, Spot};
use crate::facts::ContainerFact;
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::edges::answers_to;
use crate::world::{Edge, Said, World, culprit, shown, spoken};

use super::data::{Stopped, stopped};
use super::names::address;

pub(crate) const OF_ANOTHER_CLUSTER: Rule = Rule {
    code: Code("D141"),
    title: "the data belongs to another cluster or node than the settings name",
    layer: Layer::DataService,
    decisive: &["what the server says", "its settings"],
    look_alikes: &[Code("D123")],
    yields: false,
    endangers_data: false,
    find: of_another_cluster,
};

fn of_another_cluster(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in stopped(world, &[Says::DataOfAnother]) {
        let copied = primary(world, it.server).map(|edge| of_a_former_primary(world, &it, edge));
        cases.push(copied.unwrap_or_else(|| of_another_id(world, &it)));
    }
    unseen(world, cases);
}

/// That a server is told to be what its data says it is, where one variable tells it to be something else; also where
/// it is counted among others by its number and name, as `2@kafka:9093`.
fn former_id(server: &ContainerFact, [told, own]: [Option<&str>; 2]) -> Vec<Edit> {
    let (Some(told), Some(own)) = (told, own) else {
        return Vec::new();
    };
    let values = server.environment.iter();
    let values: Vec<(&str, &str)> = values
        .filter_map(|(key, value)| Some((key.as_str(), value.as_deref()?)))
        .collect();
    let is_itself = |entry: &&str| {
        let address = entry.strip_prefix(told).and_then(|it| it.strip_prefix('@'));
        let host = address.and_then(|address| address.split(':').next());
        host.is_some_and(|host| answers_to(server, host))
    };
    let mut ids = values.iter().filter(|(_, value)| *value == told);
    let (Some((key, _)), None) = (ids.next(), ids.next()) else {
        return Vec::new();
    };
    let counted = values.iter().flat_map(|(key, value)| {
        let entries = value.split(',').map(str::trim);
        entries.filter(is_itself).map(|entry| (*key, entry))
    });
    std::iter::once((*key, told))
        .chain(counted)
        .filter_map(|(key, from)| {
            let to = format!("{own}{}", &from[told.len()..]);
            Some(Spot::field(server, &format!("environment.{key}"))?.replace(Piece::Word, from, to))
        })
        .collect()
}

/// The case against data that has another id than its server is told.
fn of_another_id(world: &World<'_>, it: &Stopped<'_, '_>) -> Case {
    let ids = [it.said.capture("to"), it.said.capture("from")];
    let told = ids.into_iter().flatten().find_map(|id| {
        let mut values = world.made(it.server)?.environment.iter();
        let (key, _) = values.find(|(_, value)| value.as_deref() == Some(id))?;
        let text = format!("{}: variable `{key}` is `{id}`", it.server.name);
        Some(shown(
            FactRef::Made(it.server.name.clone()),
            text,
            "that is what it is told to be",
        ))
    });
    let claim = match ids {
        [Some(wanted), Some(own)] => format!(
            "its data belongs to `{own}`, and `{}` is told to be `{wanted}`",
            it.service()
        ),
        _ => format!(
            "its data belongs to another cluster or node than `{}` is told to be",
            it.service()
        ),
    };
    let refusal = it.word("it reads the data's own id and refuses it");
    it.case(claim)
        .mended_by(
            "give the server its former id back, or a volume of its own; the data itself is well",
            Safety::NeedsYou,
        )
        .by_edits(former_id(it.server, ids))
        .decides("what the server says", Some(refusal.clone()))
        .decides("its settings", told)
        .rules_out(Code("D123"), Some(refusal))
}

/// Where a server is told to find another one of its own kind.
fn primary<'w, 'f>(world: &'w World<'f>, standby: &ContainerFact) -> Option<&'w Edge<'f>> {
    let kind = world.recipe(standby)?.name.as_str();
    let is_alike = |other: &&'f ContainerFact| {
        let recipe = world.recipe(other);
        other.name != standby.name && recipe.is_some_and(|recipe| recipe.name == kind)
    };
    let mut edges = world.edges().iter();
    edges.find(|edge| {
        let targets = edge.service().map(|(_, targets)| targets);
        edge.client.name == standby.name
            && targets.is_some_and(|targets| targets.iter().any(is_alike))
    })
}

/// The case against a copy of a database that the one which it follows has nothing in common with.
fn of_a_former_primary(world: &World<'_>, it: &Stopped<'_, '_>, edge: &Edge<'_>) -> Case {
    let (primary, servers) = edge.service().unwrap_or_default();
    // A copy is younger than what it was made of.
    let anew = servers.iter().find_map(|server| {
        let said = began(world, server)?;
        let is_younger = it.server.started.is_some_and(|at| said.last > at);
        is_younger.then(|| {
            spoken(
                server,
                said,
                "its data was made when the copy was there already",
            )
        })
    });
    let claim = match &anew {
        Some(_) => format!(
            "its data is a copy of a former `{primary}`: the data of `{primary}` was made anew, and `{}` cannot follow that",
            it.service()
        ),
        None => format!(
            "its data is a copy of another database than that of `{primary}`, which `{}` is told to follow",
            it.service()
        ),
    };
    let sure = match &anew {
        Some(_) => Confidence::Certain,
        // The address may lead to another one than is meant.
        None => Confidence::Likely,
    };
    let refusal = it.word("both have an id from their first start, and these differ");
    it.case(claim)
        .at_most(sure)
        .mended_by(
            format!(
                "see first that the data of `{primary}` is what is wanted: the copy may be all that is left of the former; then empty the volume of `{}` and let it copy anew",
                it.service()
            ),
            Safety::NeedsYou,
        )
        .decides("what the server says", Some(refusal.clone()))
        .decides("what the server says", anew)
        .decides("its settings", Some(address(edge, "that is whom it is told to follow")))
        .rules_out(Code("D123"), Some(refusal))
}

/// What a server says of having begun with no data, in the container that it has now.
fn began<'w, 'f>(world: &'w World<'f>, server: &ContainerFact) -> Option<&'w Said<'f>> {
    let mut said = world.said(server).iter();
    said.find(|said| {
        let is_its = server.created.is_none_or(|created| said.last >= created);
        said.says == Says::Initialised && is_its
    })
}

/// In how many seconds a volume and the first container that has it are made.
const AT_ONCE: i64 = 3;

/// A server that began with no data beside older data of its own.
pub(super) struct BeganAnew {
    began: Evidence,
    older: Evidence,
    was_there: Evidence,
}

/// Whether a server keeps its data under the name of its host and began anew in a volume that was in use before: what lies
/// there under the former name it does not see. That there was another one before it, those show who were started then.
pub(super) fn began_anew<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<BeganAnew> {
    let mut stores = world.stores(server).into_iter();
    let store = stores.find(|store| store.known.by_host_name)?;
    let created = world.made(server)?.created?;
    let proves = "it was in use before, and nothing in the folder itself was changed since";
    let older = world.volume_is_older(server, &store, created, AT_ONCE, proves)?;
    let began = spoken(server, began(world, server)?, "it found no data of its own");
    let mut edges = world.edges().iter();
    let before = edges.find(|edge| {
        let started = edge.client.started;
        edge.leads_to(server)
            && edge.client.name != server.name
            && started.is_some_and(|started| started < created)
    })?;
    let client = world.state(before.client)?;
    let text = format!(
        "{}: started at {}, the container of {} was made at {}",
        client.name,
        client.started?.strftime("%H:%M:%S"),
        server.name,
        created.strftime("%H:%M:%S")
    );
    let fact = FactRef::State(client.name.clone());
    let proves = "it worked with the server that was there before";
    Some(BeganAnew {
        began,
        older,
        was_there: shown(fact, text, proves),
    })
}

/// What clients say of something that a server had and does not have any more.
const GONE: &[Says] = &[
    Says::QueueMissing,
    Says::DatabaseMissing,
    Says::PasswordRefused,
    Says::RoleMissing,
];

/// Servers whose data lies under the former name of their host.
fn unseen(world: &World<'_>, cases: &mut Vec<Case>) {
    for server in world.containers().filter(|it| world.runs(it)) {
        let (Some(anew), Some(service)) = (began_anew(world, server), server.service.as_deref())
        else {
            continue;
        };
        let clients = || world.edges().iter().filter(|edge| edge.leads_to(server));
        let kind = world.recipe(server).map(|recipe| recipe.name.as_str());
        let Some(missing) = clients().find_map(|edge| {
            let mut said = world.said(edge.client).iter();
            let said = said.find(|said| {
                said.is_fresh && GONE.contains(&said.says) && Some(said.recipe) == kind
            })?;
            Some(spoken(edge.client, said, "it had that before"))
        }) else {
            continue;
        };
        let claim = format!(
            "`{service}` keeps its data under the name of its host, which is another one now: it began anew beside what it had"
        );
        let mut case = Case::new(culprit(server, Some("hostname")), claim)
            // What else may have emptied the data nobody can see.
            .at_most(Confidence::Likely)
            .mended_by(
                format!("write the `hostname` that it had (a folder in its volume is called by it) under `{service}`, then `bowline up`; the data itself is well. What was written since lies under the name of now"),
                Safety::NeedsYou,
            )
            .decides("what the server says", Some(anew.began.clone()))
            .decides("what the server says", Some(anew.older))
            .decides("what the server says", Some(anew.was_there))
            .decides("what the server says", Some(missing))
            .decides("its settings", called_by_its_id(world, server))
            .rules_out(Code("D123"), Some(anew.began));
        for edge in clients().filter(|edge| world.fails(edge.client)) {
            case = case.between(Some(service), edge.client.service.as_deref());
        }
        cases.push(case);
    }
}

/// That nobody gave a container's host a name: then each new container has another one.
fn called_by_its_id<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<Evidence> {
    let name = world.made(server)?.hostname.as_deref()?;
    let is_its_id = !name.is_empty() && server.id.starts_with(name);
    let text = format!(
        "{}: its host is called `{name}`, as its id begins",
        server.name
    );
    let fact = FactRef::Made(server.name.clone());
    is_its_id.then(|| shown(fact, text, "each new container has another one"))
}
