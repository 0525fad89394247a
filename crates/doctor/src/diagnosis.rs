//! The answer: what is not well, and what explains it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::facts::{Facts, Unseen};
use crate::finding::{Confidence, CulpritKind, Evidence, FactRef, Finding};
use crate::next::{self, FILES_NOT_COMPARED};
use crate::rule;
use crate::rules::drift::{DRIFTED, NOT_THERE_YET, ONLY_RESTARTED, is_mended_in_files};
use crate::undetermined::Undetermined;
use crate::world::{Target, World};

/// What is not well in a stack, and why.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diagnosis {
    /// The project.
    pub project: String,
    /// How many containers were looked at.
    pub containers: usize,
    /// How many services they are of; one that belongs to none counts as one.
    pub services: usize,
    /// What is wrong: what explains most comes first.
    pub causes: Vec<Finding>,
    /// Services that are not well, by their names.
    pub failing: Vec<Failing>,
    /// Those among them that no cause explains.
    pub unexplained: Vec<String>,
    /// The same, with what is known of them all the same and what to do next.
    pub undetermined: Vec<Undetermined>,
    /// What services that run complain of lately, where no cause is about them: nobody here knows what it means, or whether
    /// it matters. Of servers there is none: they write down whomever they refuse.
    pub complaints: Vec<Evidence>,
    /// What could not be looked at.
    pub unseen: Vec<Unseen>,
    /// How much was looked at.
    pub effort: Effort,
}

/// How much was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Effort {
    /// Logs that were read.
    pub logs: usize,
    /// Paths in containers.
    pub files: usize,
    /// Names and addresses that were tried from within containers.
    pub tries: usize,
    /// Questions to servers in their own protocol, each with one login or none.
    pub asks: usize,
    /// Containers that were made to look from beside others, and are gone.
    pub instruments: usize,
    /// Rules that were applied.
    pub rules: usize,
    /// How long looking took, in milliseconds.
    pub millis: u64,
}

/// A service that is not well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failing {
    /// The service; a container's name where it belongs to none.
    pub service: String,
    /// What can be seen of it, in words.
    pub state: String,
}

impl Diagnosis {
    pub(crate) fn of(facts: &Facts, hidden: BTreeSet<FactRef>) -> Self {
        let world = World::new(facts, hidden);
        let mut causes = without_mended(&world, rule::findings(&world));
        let mut failing = failing(&world);
        let graph = Graph::of(&world, &causes);
        wait(&world, &graph, &mut failing);
        for cause in &mut causes {
            graph.spread(&world, cause, &failing);
        }
        let mut causes = roots(causes);
        causes.sort_by_key(|cause| std::cmp::Reverse(weight(cause, &failing)));
        let is_explained = |name: &&String| {
            let mut causes = causes.iter();
            causes.any(|cause| stands_for(cause, name) || cause.affects.contains(name))
        };
        let unexplained = failing.keys().filter(|name| !is_explained(name));
        let unexplained: Vec<String> = unexplained.cloned().collect();
        // Without files there are none to change.
        name_commands(&mut causes, !facts.services.is_empty());
        for cause in &mut causes {
            cause.decide = next::deciding(&world, cause);
        }
        let mut diagnosis = Self {
            project: facts.project.clone(),
            complaints: complaints(&world, &causes, &failing),
            containers: world.containers().count(),
            services: services(&world),
            undetermined: undetermined(&world, &graph, &unexplained, &failing),
            unexplained,
            failing: failing
                .into_iter()
                .map(|(service, state)| Failing { service, state })
                .collect(),
            causes,
            unseen: facts.unseen.clone(),
            effort: Effort::of(facts),
        };
        diagnosis.place(facts);
        diagnosis
    }

    /// Says where what is to blame is written, as far as the facts say it.
    pub fn place(&mut self, facts: &Facts) {
        for cause in &mut self.causes {
            let path = cause.culprit.path();
            let place = path.and_then(|path| facts.places.get(&path));
            cause.culprit.place = place.cloned();
        }
    }
}

impl Effort {
    fn of(facts: &Facts) -> Self {
        Self {
            logs: facts.logs.len(),
            files: facts.files.len(),
            tries: facts.tried.len(),
            asks: facts.asked.len(),
            rules: rule::RULES.len(),
            instruments: facts.instruments,
            millis: facts.took_millis,
        }
    }
}

/// What is known all the same of services that no cause explains.
fn undetermined(
    world: &World<'_>,
    graph: &Graph,
    services: &[String],
    failing: &BTreeMap<String, String>,
) -> Vec<Undetermined> {
    let services = services.iter().map(|service| {
        let state = failing.get(service).map_or("", String::as_str);
        Undetermined::of(world, service, state, graph.around(service))
    });
    services.collect()
}

/// How many services have containers.
fn services(world: &World<'_>) -> usize {
    let containers = world.containers();
    let names = containers.map(|it| it.service.as_ref().unwrap_or(&it.name));
    names.collect::<BTreeSet<_>>().len()
}

/// The words by which the doctor is asked for one of several causes, and for no other as far as words can say that.
fn asked_for(causes: &[Finding], index: usize) -> String {
    let Finding { code, culprit, .. } = &causes[index];
    let others = causes.iter().enumerate();
    let others = others.filter(|(other, it)| *other != index && it.code.answers(code.0));
    let others: Vec<&str> = others.map(|(_, it)| it.culprit.name.as_str()).collect();
    let name = culprit.name.as_str();
    match &culprit.field {
        _ if others.is_empty() => code.to_string(),
        Some(field) if others.contains(&name) => format!("{code}={name}.{field}"),
        _ => format!("{code}={name}"),
    }
}

/// Says by which command each cause is looked for again, and by which it is mended where one does that. Where several are
/// asked for by one code it is by its name as well, and by its field where the name is the same.
fn name_commands(causes: &mut [Finding], has_files: bool) {
    let words: Vec<String> = (0..causes.len())
        .map(|index| asked_for(causes, index))
        .collect();
    for (cause, asked) in causes.iter_mut().zip(words) {
        let command = |option: &str| ["bowline", "doctor", option, &asked].map(str::to_owned);
        cause.verify = command("--only").to_vec();
        // What changes files, or brings up what they say, needs them.
        let without_files = cause.fix.as_ref().is_some_and(|fix| {
            let verb = fix.command.get(1).map(String::as_str);
            fix.edits.is_empty() && !matches!(verb, None | Some("up" | "rerun"))
        });
        if cause.has_remedy() && (has_files || without_files) {
            cause.mend = command("--fix").to_vec();
        }
    }
}

/// Whether a cause is about this very service.
fn stands_for(cause: &Finding, service: &str) -> bool {
    cause.services.iter().any(|name| name == service)
        || cause.culprit.kind == CulpritKind::Service && cause.culprit.name == service
        || cause.culprit.kind == CulpritKind::Container && cause.culprit.name == service
}

/// How many complaints are told.
const MOST_COMPLAINTS: usize = 8;

/// The last complaint of each service that runs and that nothing else is said of.
fn complaints(
    world: &World<'_>,
    causes: &[Finding],
    failing: &BTreeMap<String, String>,
) -> Vec<Evidence> {
    let is_told = |service: &String| {
        let mut causes = causes.iter();
        failing.contains_key(service)
            || causes.any(|cause| stands_for(cause, service) || cause.affects.contains(service))
    };
    let mut services = BTreeSet::new();
    let complaining = world.containers().filter(|container| {
        let service = container.service.as_ref().unwrap_or(&container.name);
        world.runs(container)
            && world.recipe(container).is_none()
            && world.grumbles(container)
            && !is_told(service)
            && services.insert(service)
    });
    let proves = "nothing that is known here explains it";
    let complaints = complaining.filter_map(|container| world.complaint_by(container, proves));
    complaints.take(MOST_COMPLAINTS).collect()
}

/// What makes a cause come first: that data is in danger, then how much of what fails it explains, then how sure it is.
fn weight(cause: &Finding, failing: &BTreeMap<String, String>) -> (bool, usize, Confidence) {
    let own = failing
        .keys()
        .filter(|name| stands_for(cause, name) && !cause.affects.contains(name))
        .count();
    let endangers_data = rule::of(cause.code).is_some_and(|rule| rule.endangers_data);
    (endangers_data, own + cause.affects.len(), cause.confidence)
}

/// Leaves out what blames a setting that the files have changed by now, where something says that the container is older
/// than the files.
fn without_mended(world: &World<'_>, causes: Vec<Finding>) -> Vec<Finding> {
    let is_drift = |cause: &Finding| {
        [NOT_THERE_YET.code, ONLY_RESTARTED.code, DRIFTED.code].contains(&cause.code)
    };
    let drifted: BTreeSet<String> = causes
        .iter()
        .filter(|cause| is_drift(cause))
        .map(|cause| cause.culprit.name.clone())
        .collect();
    let is_left = |cause: &Finding| {
        is_drift(cause)
            || !drifted.contains(&cause.culprit.name)
            || !is_mended_in_files(world, &cause.culprit)
    };
    causes
        .into_iter()
        .filter(is_left)
        .map(|cause| {
            if is_drift(&cause) {
                cause
            } else {
                no_surer_than_files(world, cause)
            }
        })
        .collect()
}

/// A setting is not surely to blame where the files have changed it by now, or nobody could see whether they have.
fn no_surer_than_files(world: &World<'_>, mut cause: Finding) -> Finding {
    let is_setting = cause.culprit.kind == CulpritKind::Service && cause.culprit.field.is_some();
    let is_mended = is_mended_in_files(world, &cause.culprit);
    let is_unknown = !world.knows_changes(&cause.culprit.name);
    if is_setting && (is_unknown || is_mended) {
        cause.confidence = cause.confidence.min(Confidence::Likely);
        cause.doubts.push(if is_mended {
            "the files have changed it by now"
        } else {
            FILES_NOT_COMPARED
        });
    }
    cause
}

/// Leaves out what only says that something is down, where something else says why.
fn roots(causes: Vec<Finding>) -> Vec<Finding> {
    let yields = |cause: &Finding| rule::of(cause.code).is_some_and(|rule| rule.yields);
    let is_root = |index: usize, cause: &Finding| {
        let Some(service) = cause.services.first().filter(|_| yields(cause)) else {
            return true;
        };
        let mut others = causes.iter().enumerate();
        !others.any(|(other_index, other)| {
            if other_index == index {
                return false;
            }
            if !yields(other) && stands_for(other, service) {
                return true;
            }
            // Of two that explain each other the first stays.
            let explains = other.affects.contains(service);
            let mut shown_in = other.services.iter();
            let is_explained = shown_in.any(|name| cause.affects.contains(name));
            explains && (!is_explained || other_index < index)
        })
    };
    let kept: Vec<bool> = causes
        .iter()
        .enumerate()
        .map(|(index, cause)| is_root(index, cause))
        .collect();
    let mut kept = kept.into_iter();
    causes
        .into_iter()
        .filter(|_| kept.next().unwrap_or(true))
        .collect()
}

/// The services that are not well, with what can be seen of the first container that shows it.
fn failing(world: &World<'_>) -> BTreeMap<String, String> {
    let mut failing = BTreeMap::new();
    for container in world.containers() {
        if let Some(state) = world.ailment(container) {
            let name = container.service.as_ref().unwrap_or(&container.name);
            failing.entry(name.clone()).or_insert(state);
        }
    }
    failing
}

/// Adds the services that were not started because of others that fail.
fn wait(world: &World<'_>, graph: &Graph, failing: &mut BTreeMap<String, String>) {
    loop {
        let waiting = graph.services.iter().find(|service| {
            !failing.contains_key(*service)
                && world.is_not_started(service)
                && world
                    .needs(service)
                    .any(|needed| failing.contains_key(needed) || graph.broken.contains(needed))
        });
        let Some(waiting) = waiting else {
            return;
        };
        failing.insert(waiting.clone(), "was not started".to_owned());
    }
}

/// Who depends on whom: what the files say, whom services were told to dial, and to whom they were seen connected.
struct Graph {
    services: BTreeSet<String>,
    /// Those that depend on a service directly, by its name; and whether they dial it.
    dependents: BTreeMap<String, BTreeMap<String, bool>>,
    /// Services that causes are about.
    broken: BTreeSet<String>,
}

impl Graph {
    fn of(world: &World<'_>, causes: &[Finding]) -> Self {
        let mut graph = Self {
            services: BTreeSet::new(),
            dependents: BTreeMap::new(),
            broken: causes
                .iter()
                .flat_map(|cause| cause.services.clone())
                .collect(),
        };
        let with_containers = world
            .containers()
            .filter_map(|container| container.service.clone());
        graph.services.extend(with_containers);
        let declared = world.declared_services();
        graph
            .services
            .extend(declared.map(|(name, _)| name.to_owned()));
        for service in graph.services.clone() {
            for needed in world.needs(&service) {
                graph.add(needed, &service, false);
            }
        }
        for edge in world.edges() {
            let target = match &edge.target {
                Target::Service { name, .. } | Target::Absent { name, .. } => *name,
                Target::Itself | Target::Unknown { .. } | Target::Elsewhere => continue,
            };
            if let Some(client) = &edge.client.service {
                graph.add(target, client, true);
            }
        }
        for (client, server) in world.connected() {
            if let (Some(client), Some(server)) = (&client.service, &server.service) {
                graph.add(server, client, true);
            }
        }
        for (cause, affected) in causes.iter().flat_map(|cause| &cause.chain) {
            graph.add(cause, affected, true);
        }
        graph
    }

    /// Those that depend on a service, and those on which it depends.
    fn around(&self, service: &str) -> BTreeSet<String> {
        let needed = self.dependents.iter();
        let needed = needed.filter(|(_, dependents)| dependents.contains_key(service));
        let needed = needed.map(|(name, _)| name);
        let dependents = self.dependents.get(service).into_iter().flatten();
        let all = needed.chain(dependents.map(|(name, _)| name));
        all.cloned().collect()
    }

    fn add(&mut self, needed: &str, dependent: &str, dials: bool) {
        if needed != dependent {
            let dependents = self.dependents.entry(needed.to_owned()).or_default();
            *dependents.entry(dependent.to_owned()).or_default() |= dials;
        }
    }

    /// Follows a cause to everything that it breaks.
    fn spread(&self, world: &World<'_>, cause: &mut Finding, failing: &BTreeMap<String, String>) {
        let mut chain = std::mem::take(&mut cause.chain);
        let mut reached: Vec<String> = Vec::new();
        reached.extend(cause.services.clone());
        for (_, affected) in &chain {
            if !reached.contains(affected) {
                reached.push(affected.clone());
            }
        }
        let mut next = 0;
        while let Some(service) = reached.get(next).cloned() {
            next += 1;
            for (dependent, dials) in self.dependents.get(&service).into_iter().flatten() {
                let breaks = failing.contains_key(dependent)
                    || *dials && (has_nothing_to_say(world, dependent) || fails(world, dependent));
                if !breaks {
                    continue;
                }
                let link = (service.clone(), dependent.clone());
                if !chain.contains(&link) {
                    chain.push(link);
                }
                if !reached.contains(dependent) {
                    reached.push(dependent.clone());
                }
            }
        }
        let is_culprit = |name: &String| {
            cause.culprit.kind == CulpritKind::Service && cause.culprit.name == *name
        };
        let own = &cause.services;
        let mut affects: Vec<String> = reached
            .into_iter()
            .filter(|name| !is_culprit(name))
            .filter(|name| !own.contains(name) || failing.contains_key(name) || fails(world, name))
            .collect();
        affects.sort();
        cause.affects = affects;
        cause.chain = chain;
    }
}

/// Whether a container of a service fails, or says of itself that something does.
fn fails(world: &World<'_>, service: &str) -> bool {
    let mut containers = world.of_service(service).into_iter();
    containers.any(|container| world.fails(container))
}

/// Whether a service runs and nobody checks whether it works.
fn has_nothing_to_say(world: &World<'_>, service: &str) -> bool {
    let containers = world.of_service(service);
    !containers.is_empty()
        && containers
            .iter()
            .all(|container| world.runs(container) && container.health.is_none())
}
