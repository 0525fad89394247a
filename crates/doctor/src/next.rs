//! What to do next where nothing is sure: one command, chosen by what could not be looked at and by what a service does.
//! It is a suggestion for people; nothing here carries it out.

use std::collections::BTreeSet;

use bowline_model::ContainerStatus;
use jiff::SignedDuration;
use serde::Serialize;

use crate::facts::{ContainerFact, Look, Unseen, WhyUnseen};
use crate::finding::{Confidence, CulpritKind, Finding};
use crate::world::World;

/// How soon after its start one ends that ends at once.
const AT_ONCE: SignedDuration = SignedDuration::from_secs(30);

/// Causes that the kernel's log can tell apart: who was killed, and what for.
const ABOUT_KILLS: &[&str] = &["D032", "D113", "D114", "D115", "D136"];

/// That nobody could see whether the files have changed a setting.
pub(crate) const FILES_NOT_COMPARED: &str =
    "nobody could see whether the files have changed it by now";

/// A command, and what it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// Its words.
    pub command: Vec<String>,
    /// What it is for.
    pub why: String,
}

impl Next {
    fn new<'w>(words: impl IntoIterator<Item = &'w str>, why: String) -> Self {
        Self {
            command: words.into_iter().map(str::to_owned).collect(),
            why,
        }
    }
}

/// What would make a cause surer, where one command would: nothing where all was seen that its rule asks for.
pub(crate) fn deciding(world: &World<'_>, cause: &Finding) -> Option<Next> {
    let is_open = !cause.unchecked.is_empty() || !cause.not_ruled_out.is_empty();
    if cause.confidence == Confidence::Certain {
        return None;
    }
    if is_open {
        let links = cause.chain.iter().flat_map(|(from, to)| [from, to]);
        let services = cause.services.iter().chain(links);
        let mut about: BTreeSet<&str> = services.map(String::as_str).collect();
        if matches!(
            cause.culprit.kind,
            CulpritKind::Service | CulpritKind::Container
        ) {
            about.insert(&cause.culprit.name);
        }
        let mut codes = cause.not_ruled_out.iter().chain([&cause.code]);
        let about_kills = codes.any(|it| ABOUT_KILLS.contains(&it.0));
        let missed = missed(world, &about, about_kills);
        let again: Vec<&str> = cause.verify.iter().map(String::as_str).collect();
        if let Some(next) = seen_again(&missed, &again) {
            return Some(next);
        }
        if let Some(look) = first(&missed, |why| *why == WhyUnseen::TooSlow) {
            let why = format!("looks again at {look}, which took too long");
            return Some(Next::new(again, why));
        }
    }
    let may_have_changed = cause.doubts.contains(&FILES_NOT_COMPARED);
    may_have_changed.then(|| Next::new(["bowline", "plan"], "shows what the files change".into()))
}

/// What to do about a service that nothing explains.
pub(crate) fn about(world: &World<'_>, service: &str) -> Next {
    let containers = of(world, service);
    if world.is_not_started(service) {
        let why = "it was never started, and this says what keeps it".to_owned();
        return Next::new(["bowline", "up", service], why);
    }
    let missed = missed(world, &BTreeSet::from([service]), false);
    if let Some(next) = seen_again(&missed, &["bowline", "doctor"]) {
        return next;
    }
    let is_of_service = containers.iter().any(|it| it.service.is_some());
    if is_of_service && containers.iter().any(|it| ends_at_once(world, it)) {
        let why = "it ends soon after its start: this is a shell in its place".to_owned();
        return Next::new(["bowline", "debug", service], why);
    }
    let why = "what it wrote last, to be read by a person".to_owned();
    if is_of_service {
        Next::new(["bowline", "logs", service], why)
    } else {
        Next::new(["docker", "logs", service], why)
    }
}

/// What could not be looked at of services, and of what all of them share.
pub(crate) fn missed<'f>(
    world: &World<'f>,
    services: &BTreeSet<&str>,
    about_kills: bool,
) -> Vec<&'f Unseen> {
    let is_theirs = |name: &str| {
        let mut all = services.iter().flat_map(|service| of(world, service));
        all.any(|container| container.name == name)
    };
    let is_meant = |unseen: &&Unseen| match &unseen.look {
        Look::Log(name) | Look::Inside(name) | Look::Changes(name) => is_theirs(name),
        Look::File { container, .. } => is_theirs(container),
        Look::KernelLog | Look::Events { .. } => about_kills,
        Look::Closely(_) => false,
        Look::Containers
        | Look::Networks
        | Look::Volumes
        | Look::Images
        | Look::Tries
        | Look::Asks
        | Look::Drift => true,
    };
    world.unseen().iter().filter(is_meant).collect()
}

/// The containers of a service; the one of this name, where it belongs to none.
fn of<'f>(world: &World<'f>, service: &str) -> Vec<&'f ContainerFact> {
    let is_it = |it: &&ContainerFact| it.service.as_deref().unwrap_or(&it.name) == service;
    world.containers().filter(is_it).collect()
}

/// The doctor once more, where it may see more then: as root, or without what it was told to leave out.
fn seen_again(missed: &[&Unseen], again: &[&str]) -> Option<Next> {
    if let Some(look) = first(missed, WhyUnseen::is_denied) {
        let words = ["sudo"].into_iter().chain(again.iter().copied());
        return Some(Next::new(words, format!("as root it sees {look}")));
    }
    let look = first(missed, |why| *why == WhyUnseen::NotWanted)?;
    let why = format!("looks also at {look}, which was not wanted");
    Some(Next::new(again.iter().copied(), why))
}

/// The first thing that was not looked at for such a reason, in words.
fn first(missed: &[&Unseen], is_it: impl Fn(&WhyUnseen) -> bool) -> Option<String> {
    let unseen = missed.iter().find(|unseen| is_it(&unseen.cause))?;
    Some(unseen.look.words())
}

/// Whether it ended soon after its last start, or does so again and again.
fn ends_at_once<'f>(world: &World<'f>, container: &'f ContainerFact) -> bool {
    let Some(state) = world.state(container) else {
        return false;
    };
    let lived = state.started.zip(state.finished);
    let was_short = lived.is_some_and(|(from, to)| to.duration_since(from) < AT_ONCE);
    match state.status {
        ContainerStatus::Restarting => true,
        ContainerStatus::Exited => was_short,
        ContainerStatus::Running => world.was_started_again(container),
        _ => false,
    }
}
