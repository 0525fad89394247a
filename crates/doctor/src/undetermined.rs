//! Services that are not well and that no cause explains: what it is not, what could not be seen, and what to do next.

use std::collections::BTreeSet;

use bowline_model::HealthStatus;
use serde::Serialize;

use crate::facts::{ContainerFact, DialAnswer, Unseen};
use crate::next::{self, Next};
use crate::world::World;

/// A service that is not well, and nobody here knows why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Undetermined {
    /// The service; a container's name where it belongs to none.
    pub service: String,
    /// What can be seen of it, in words.
    pub state: String,
    /// What was looked at and is not the cause, a sentence each.
    pub excluded: Vec<String>,
    /// What could not be looked at and may hold the cause.
    pub unseen: Vec<Unseen>,
    /// Those that need it, and those that it needs, by their names.
    pub related: Vec<String>,
    /// What to do next.
    pub next: Next,
    /// The command that says whether it is well by now.
    pub verify: Vec<String>,
}

impl Undetermined {
    pub(crate) fn of(
        world: &World<'_>,
        service: &str,
        state: &str,
        related: BTreeSet<String>,
    ) -> Self {
        let containers = world.containers();
        let own = containers.filter(|it| it.service.as_deref().unwrap_or(&it.name) == service);
        let mut excluded: Vec<String> = Vec::new();
        for sentence in own.flat_map(|container| excluded_of(world, container)) {
            if !excluded.contains(&sentence) {
                excluded.push(sentence);
            }
        }
        let unseen = next::missed(world, &BTreeSet::from([service]), true);
        Self {
            service: service.to_owned(),
            state: state.to_owned(),
            excluded,
            unseen: unseen.into_iter().cloned().collect(),
            related: related.into_iter().collect(),
            next: next::about(world, service),
            verify: ["bowline", "doctor"].map(str::to_owned).to_vec(),
        }
    }
}

/// What is known not to be the cause of what a container has.
fn excluded_of<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<String> {
    let mut excluded = Vec::new();
    excluded.extend(not_its_end(world, container));
    let verdict = world.health(container).and_then(|health| health.verdict);
    if verdict == Some(HealthStatus::Healthy) {
        excluded.push("its healthcheck succeeds".to_owned());
    }
    let log = world.log(container);
    let log = log.filter(|_| world.said(container).is_empty());
    excluded.extend(log.map(|log| match log.lines.len() {
        0 => "its log is empty".to_owned(),
        1 => "the one line of its log says nothing that is known here".to_owned(),
        lines => format!("the last {lines} lines of its log say nothing that is known here"),
    }));
    let reached = reached(world, container).into_iter();
    excluded.extend(reached.map(|address| format!("it reaches `{address}`")));
    for server in world.containers() {
        let mut asked = world.asked(server);
        if asked.any(|asked| asked.from == container.name && asked.let_in()) {
            let name = server.service.as_deref().unwrap_or(&server.name);
            excluded.push(format!("`{name}` lets it in"));
        }
    }
    let service = container.service.as_deref();
    let is_as_wanted = service.is_some_and(|service| {
        let is_declared = world.declared(service).is_some();
        is_declared && world.knows_changes(service) && world.changed(service).is_empty()
    });
    if is_as_wanted {
        excluded.push("it is as the files want it".to_owned());
    }
    excluded
}

/// What did not end it, where all is known that was reported of its last run.
fn not_its_end<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<String> {
    let life = world.last_life(container);
    let has_ended = world.ailment(container).is_some() && !world.runs(container);
    let mut excluded = Vec::new();
    if !has_ended || !life.is_complete {
        return excluded;
    }
    if life.out_of_memory.is_none() && world.out_of_memory(container) == Some(false) {
        excluded.push("it was not killed for want of memory".to_owned());
    }
    if life.signals.is_empty() {
        excluded.push("nobody told it to end".to_owned());
    }
    excluded
}

/// The addresses that it was told to dial and that took a call from within it.
fn reached<'f>(world: &World<'f>, container: &'f ContainerFact) -> BTreeSet<String> {
    let edges = world.edges().iter();
    let own = edges.filter(|edge| edge.client.name == container.name);
    let reached = own.filter_map(|edge| {
        let port = edge.port?;
        let tried = world.tried(container, &edge.host.name)?;
        let mut dialled = tried.dialled.iter().filter(|it| it.port == port);
        let is_reached = dialled.any(|it| it.answer == DialAnswer::Connected);
        is_reached.then(|| format!("{}:{port}", edge.host.name))
    });
    reached.collect()
}
