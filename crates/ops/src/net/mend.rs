//! What to do where somebody does not reach somebody.

use bowline_doctor::{ContainerFact, Whose};
use bowline_model::{ContainerStatus, Project, Service};

use super::check::{NetVerdict, Pair, service_of};

/// What to do next, a sentence each.
pub(super) fn hints(
    pair: &Pair<'_>,
    client: &ContainerFact,
    whose: &Whose,
    verdict: NetVerdict,
) -> Vec<String> {
    let target = service_of(whose).unwrap_or(pair.host);
    match verdict {
        NetVerdict::Reached | NetVerdict::ClientDown => Vec::new(),
        NetVerdict::Unknown | NetVerdict::NameFails => unknown(pair, whose),
        NetVerdict::NoCommonNetwork => vec![network(pair, client, target)],
        NetVerdict::TargetDown => {
            let container = pair
                .reach
                .containers()
                .find(|one| one.service.as_deref() == Some(target));
            let mut hints = start(target, container);
            if let Whose::Absent {
                is_disabled: true, ..
            } = whose
            {
                hints.insert(
                    0,
                    format!("`{target}` is behind a profile: switch that on with `--profile`"),
                );
            }
            hints
        }
        NetVerdict::TargetPaused => vec![format!("let it go on with `bowline unpause {target}`")],
        NetVerdict::OtherPort => vec![format!(
            "dial a port on which it listens, or let `{target}` listen on {}",
            pair.port
        )],
        NetVerdict::LoopbackOnly => vec![format!(
            "let `{target}` listen on all addresses (`0.0.0.0`): within its own container 127.0.0.1 is nobody else's"
        )],
        NetVerdict::NotListening => vec![format!(
            "it may still be starting: `bowline logs {target}` shows what it says, `bowline doctor` why it is not well"
        )],
        NetVerdict::ReachedInPart
        | NetVerdict::Refused
        | NetVerdict::TimedOut
        | NetVerdict::NoRoute => {
            vec!["`bowline doctor` looks further: packet filters, routes, other services of the same name".to_owned()]
        }
        NetVerdict::NotTried => vec![
            "run it as root on the engine's own host: it has to enter the container's network"
                .to_owned(),
        ],
    }
}

/// How something comes to run that does not.
pub(super) fn start(service: &str, container: Option<&ContainerFact>) -> Vec<String> {
    let why =
        format!("`bowline logs {service}` shows what it wrote, `bowline doctor` why it ended");
    match container.map(|one| &one.status) {
        None => vec![format!("bring it up with `bowline up {service}`")],
        Some(ContainerStatus::Paused) => {
            vec![format!("let it go on with `bowline unpause {service}`")]
        }
        // It ends again and again.
        Some(ContainerStatus::Running | ContainerStatus::Restarting) => vec![
            why,
            format!("`bowline debug {service}` opens a shell in its image"),
        ],
        Some(_) => vec![why, format!("start it with `bowline start {service}`")],
    }
}

fn unknown(pair: &Pair<'_>, whose: &Whose) -> Vec<String> {
    match whose {
        Whose::Unknown {
            nearest: Some(nearest),
        } => vec![format!("did you mean `{nearest}`?")],
        Whose::Unknown { nearest: None } => {
            vec!["`bowline ps --services` lists the services of the stack".to_owned()]
        }
        Whose::Service { name, .. } => vec![format!(
            "`bowline up {name}` joins it to its networks again, where the files say so"
        )],
        _ => vec![format!(
            "look at the name servers of `{}`: `bowline exec {} cat /etc/resolv.conf`",
            pair.from, pair.from
        )],
    }
}

/// Which network to add, and where.
fn network(pair: &Pair<'_>, client: &ContainerFact, target: &str) -> String {
    let from = pair.from;
    let project = pair.seen.named.project.as_ref();
    let declared = project.and_then(|project| {
        Some((
            project,
            project.services.get(from)?,
            project.services.get(target)?,
        ))
    });
    let Some((project, own, others)) = declared else {
        return format!(
            "put `{from}` on a network of `{target}` in the files, then `bowline up {from}`"
        );
    };
    if client
        .network_mode
        .as_deref()
        .is_some_and(|mode| mode.starts_with("container:"))
        || !own.network_mode.is_empty()
    {
        let place = place(project, &format!("services.{from}.network_mode"));
        return format!(
            "`{from}` has a `network_mode`{place} and is on no network of its own: take that out, or dial a published port of the host"
        );
    }
    let (mine, theirs) = (keys(own), keys(others));
    if let Some(common) = theirs.iter().find(|key| mine.contains(key)) {
        return format!(
            "the files put both on `{common}`, and the containers are not: `bowline up {from} {target}`"
        );
    }
    let Some(add) = theirs.first() else {
        let place = place(project, &format!("services.{target}"));
        return format!(
            "`{target}`{place} is on no network: give it one that `{from}` is on, then `bowline up {target}`"
        );
    };
    let place = place(project, &format!("services.{from}.networks"));
    let written = if own.networks.is_empty() {
        format!("write `networks: [default, {add}]`")
    } else {
        format!("add `{add}` to its `networks`")
    };
    format!("`{from}`{place}: {written}, then `bowline up {from}`")
}

/// The networks of a service as its file calls them.
fn keys(service: &Service) -> Vec<&str> {
    if service.networks.is_empty() && service.network_mode.is_empty() {
        return vec!["default"];
    }
    service.networks.keys().map(String::as_str).collect()
}

fn place(project: &Project, field: &str) -> String {
    let place = project.origins.nearest(field);
    place.map_or_else(String::new, |place| format!(" ({place})"))
}
