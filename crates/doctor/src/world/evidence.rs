//! Facts as evidence, and whom they speak of.

use bowline_model::{EventAction, Protocol};

use crate::facts::{ContainerFact, Event, FileFact, FileSort, ListenerFact, LogLine, NotDone};
use crate::finding::{Culprit, CulpritKind, Evidence, FactRef};

use super::{Said, World, event_ref};

/// Who is to blame where a container is: its service, and the field of it that says so.
pub(crate) fn culprit(container: &ContainerFact, field: Option<&str>) -> Culprit {
    match &container.service {
        Some(service) => Culprit {
            kind: CulpritKind::Service,
            name: service.clone(),
            field: field.map(str::to_owned),
            inside: None,
            place: None,
        },
        None => Culprit {
            kind: CulpritKind::Container,
            name: container.name.clone(),
            field: None,
            inside: None,
            place: None,
        },
    }
}

/// Something else than a service that is to blame.
pub(crate) fn whole(kind: CulpritKind, name: &str) -> Culprit {
    Culprit {
        kind,
        name: name.to_owned(),
        field: None,
        inside: None,
        place: None,
    }
}

/// An event as evidence.
pub(crate) fn reported(event: &Event, proves: &str) -> Evidence {
    let source = if event.by_kernel { "kernel log, " } else { "" };
    let mut text = format!("{source}{}: {}", event.container, event.action.word());
    if let EventAction::Health(verdict) = &event.action {
        text = format!("{text} {verdict}");
    }
    if let Some(signal) = &event.signal {
        text = format!("{text}, signal {signal}");
    }
    if let Some(code) = event.exit_code {
        text = format!("{text}, exit code {code}");
    }
    let mut evidence = Evidence::new(event_ref(event), Some(event.at), text, proves);
    if event.by_kernel {
        evidence.source = "kernel log";
    }
    evidence
}

/// Something that an inspect shows as evidence.
pub(crate) fn shown(fact: FactRef, text: String, proves: &str) -> Evidence {
    Evidence::new(fact, None, text, proves)
}

/// A line of a log as evidence.
pub(crate) fn spoken(container: &ContainerFact, said: &Said<'_>, proves: &str) -> Evidence {
    let fact = FactRef::Log(container.name.clone());
    let text = format!("{} log: {}", container.name, said.text);
    Evidence {
        count: said.count,
        first: (said.count > 1).then_some(said.first),
        is_proven: said.is_proven,
        ..Evidence::new(fact, Some(said.last), text, proves)
    }
}

/// A line of a log that says nothing that a recipe knows, as evidence.
pub(crate) fn written(container: &ContainerFact, line: &LogLine, proves: &str) -> Evidence {
    let fact = FactRef::Log(container.name.clone());
    let text = format!("{} log: {}", container.name, line.text.trim());
    Evidence::new(fact, Some(line.at), text, proves)
}

/// What the last operation could not do as evidence.
pub(crate) fn noted(step: &NotDone, proves: &str) -> Evidence {
    let fact = FactRef::NotDone(step.step.clone());
    let text = format!("the last operation: {}: {}", step.step, step.error);
    Evidence::new(fact, step.at, text, proves)
}

/// What a container listens on, as evidence.
pub(crate) fn listening(
    container: &ContainerFact,
    world: &World<'_>,
    proves: &str,
) -> Option<Evidence> {
    let inside = world.inside(container)?;
    let socket = |listener: &ListenerFact| {
        let socket = std::net::SocketAddr::new(listener.address, listener.port);
        match listener.protocol {
            Protocol::Tcp => socket.to_string(),
            Protocol::Udp => format!("{socket}/udp"),
            Protocol::Sctp => format!("{socket}/sctp"),
        }
    };
    let sockets: Vec<String> = inside.listeners.iter().map(socket).collect();
    let text = if sockets.is_empty() {
        format!("{}: listens nowhere", container.name)
    } else {
        format!("{}: listens on {}", container.name, sockets.join(", "))
    };
    Some(shown(FactRef::Inside(container.name.clone()), text, proves))
}

/// What a container does, or how it ended, as evidence.
pub(crate) fn stood<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    proves: &str,
) -> Option<Evidence> {
    let state = world.state(container)?;
    let how = world.ailment(container);
    let how = how.unwrap_or_else(|| format!("{:?}", state.status).to_lowercase());
    let text = match &state.error {
        Some(error) => format!("{}: {how}: {error}", container.name),
        None => format!("{}: {how}", container.name),
    };
    Some(shown(FactRef::State(container.name.clone()), text, proves))
}

/// Something of what a container was made of, as evidence.
pub(crate) fn made<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    what: &str,
    proves: &str,
) -> Option<Evidence> {
    world.made(container)?;
    let text = format!("{}: {what}", container.name);
    Some(shown(FactRef::Made(container.name.clone()), text, proves))
}

/// What is at a path, as evidence.
pub(crate) fn filed(file: &FileFact, proves: &str) -> Evidence {
    let what = match &file.there {
        None => "not there".to_owned(),
        Some(there) => {
            let sort = match there.sort {
                FileSort::File => "a file",
                FileSort::Folder if there.is_empty == Some(true) => "an empty folder",
                FileSort::Folder => "a folder",
                FileSort::Link => "a link that leads nowhere",
                FileSort::Other => "no plain file",
            };
            let owner = there
                .owner
                .map(|(user, group)| format!(", of {user}:{group}"));
            format!(
                "{sort}, mode {:03o}{}",
                there.mode,
                owner.unwrap_or_default()
            )
        }
    };
    let fact = FactRef::File {
        container: file.container.clone(),
        path: file.path.clone(),
    };
    let text = format!("{}: `{}` is {what}", file.container, file.path);
    shown(fact, text, proves)
}
