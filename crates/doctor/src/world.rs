//! Facts as rules see them: what could not be looked at is unknown, and never "no".

use std::collections::BTreeSet;

use bowline_model::EventAction;
use jiff::Timestamp;

use crate::facts::{ContainerFact, Event, Facts, HealthFact, Limits, Look};
use crate::finding::{Culprit, CulpritKind, Evidence, FactRef};

/// Facts, some of them hidden. Rules have no other way to facts, so hiding one is as if nobody had looked there.
pub(crate) struct World<'f> {
    facts: &'f Facts,
    hidden: BTreeSet<FactRef>,
}

/// One life of a container: from its start to its end.
pub(crate) struct Life<'f> {
    /// Its end; `None` while it lives.
    pub(crate) end: Option<&'f Event>,
    /// Signals that were sent to it, in their order.
    pub(crate) signals: Vec<&'f Event>,
    /// Processes of it were killed for want of memory.
    pub(crate) out_of_memory: Option<&'f Event>,
    /// Whether everything that the engine reported of it is known.
    pub(crate) is_complete: bool,
}

impl<'f> World<'f> {
    pub(crate) fn new(facts: &'f Facts, hidden: BTreeSet<FactRef>) -> Self {
        Self { facts, hidden }
    }

    /// The containers of services, those of single commands left out.
    pub(crate) fn containers(&self) -> impl Iterator<Item = &'f ContainerFact> {
        self.facts
            .containers
            .iter()
            .filter(|container| !container.is_one_off)
    }

    fn is_known(&self, fact: &FactRef) -> bool {
        !self.hidden.contains(fact)
    }

    /// What a container does and how it ended: the container itself, to read just that of it.
    pub(crate) fn state(&self, container: &'f ContainerFact) -> Option<&'f ContainerFact> {
        self.is_known(&FactRef::State(container.name.clone()))
            .then_some(container)
    }

    /// Whether the engine says that it was killed for want of memory.
    pub(crate) fn out_of_memory(&self, container: &ContainerFact) -> Option<bool> {
        self.is_known(&FactRef::OutOfMemory(container.name.clone()))
            .then_some(container.oom_killed)
    }

    /// How often it was started again, and its policy.
    pub(crate) fn restarts(&self, container: &'f ContainerFact) -> Option<(u64, &'f str)> {
        self.is_known(&FactRef::Restarts(container.name.clone()))
            .then_some((container.restarts, container.restart_policy.as_str()))
    }

    /// What it may use.
    pub(crate) fn limits(&self, container: &'f ContainerFact) -> Option<&'f Limits> {
        self.is_known(&FactRef::Limits(container.name.clone()))
            .then_some(&container.limits)
    }

    /// Its healthcheck; `None` also where it has none.
    pub(crate) fn health(&self, container: &'f ContainerFact) -> Option<&'f HealthFact> {
        let health = container.health.as_ref()?;
        self.is_known(&FactRef::Health(container.name.clone()))
            .then_some(health)
    }

    /// The last life of a container, or the one that it lives.
    pub(crate) fn last_life(&self, container: &ContainerFact) -> Life<'f> {
        let of_it: Vec<&Event> = self
            .facts
            .events
            .iter()
            .filter(|event| event.container == container.name)
            .collect();
        let begin = container.started.and_then(|started| {
            let near =
                |event: &&Event| event.action == EventAction::Start && is_near(event.at, started);
            of_it.iter().rposition(near)
        });
        let life = &of_it[begin.unwrap_or_default()..];
        let known = |event: &&&Event| self.is_known(&event_ref(event));
        let of = |action: EventAction| {
            life.iter()
                .filter(known)
                .filter(move |event| event.action == action)
                .copied()
        };
        let all_known = life.iter().all(|event| known(&event));
        Life {
            end: of(EventAction::Die).next(),
            signals: of(EventAction::Kill).collect(),
            out_of_memory: of(EventAction::Oom).next(),
            is_complete: begin.is_some() && all_known && self.hears_all_since(container.started),
        }
    }

    /// Whether nothing that was reported from a moment on is missing.
    fn hears_all_since(&self, moment: Option<Timestamp>) -> bool {
        let mut unseen = self.facts.unseen.iter();
        !unseen.any(|unseen| match &unseen.look {
            Look::Events { before } => moment.is_none_or(|moment| moment < *before),
            _ => false,
        })
    }
}

/// Engines note the start in a container a moment before they report it.
fn is_near(one: Timestamp, other: Timestamp) -> bool {
    one.duration_since(other).abs().as_secs() < 5
}

fn event_ref(event: &Event) -> FactRef {
    FactRef::Event {
        container: event.container.clone(),
        at: event.at,
        action: event.action.clone(),
    }
}

/// Who is to blame where a container is: its service, and the field of it that says so.
pub(crate) fn culprit(container: &ContainerFact, field: Option<&str>) -> Culprit {
    match &container.service {
        Some(service) => Culprit {
            kind: CulpritKind::Service,
            name: service.clone(),
            field: field.map(|field| format!("services.{service}.{field}")),
            place: None,
        },
        None => Culprit {
            kind: CulpritKind::Container,
            name: container.name.clone(),
            field: None,
            place: None,
        },
    }
}

/// An event as evidence.
pub(crate) fn reported(event: &Event, proves: &str) -> Evidence {
    let mut text = format!("{}: {}", event.container, event.action.word());
    if let Some(signal) = &event.signal {
        text = format!("{text}, signal {signal}");
    }
    if let Some(code) = event.exit_code {
        text = format!("{text}, exit code {code}");
    }
    Evidence {
        fact: event_ref(event),
        at: Some(event.at),
        text,
        proves: proves.to_owned(),
    }
}

/// Something that an inspect shows as evidence.
pub(crate) fn shown(fact: FactRef, text: String, proves: &str) -> Evidence {
    Evidence {
        fact,
        at: None,
        text,
        proves: proves.to_owned(),
    }
}
