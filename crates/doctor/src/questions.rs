//! What is worth a further look, because of what was seen.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::TcpState;
use bowline_model::carried::Carrier;
use bowline_recipes::Says;

use crate::collect::tries::Try;
use crate::facts::{ContainerFact, Facts, FileHead};
use crate::rules::drift::is_secret;
use crate::rules::hostports::own_ports;
use crate::rules::kernel::MOST_MEMORY_AREAS;
use crate::rules::pools::is_shared;
use crate::world::edges::Trouble;
use crate::world::{Target, World};

/// A further look.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// What is at a path of a container?
    File {
        /// The container.
        container: String,
        /// The path.
        path: String,
    },
    /// What answers there from within a container?
    Try(Try),
    /// Who holds a port of the host (`8080/tcp`)?
    Port(String),
}

/// Everything that is in question, what decides most first.
pub(crate) fn of(facts: &Facts) -> Vec<Question> {
    let world = World::new(facts, BTreeSet::new());
    let mut questions: BTreeSet<Question> = BTreeSet::new();
    for container in world.containers() {
        ports(&world, container, &mut questions);
        files(&world, container, &mut questions);
    }
    logins(&world, &mut questions);
    kernel(&world, &mut questions);
    let mut questions: Vec<Question> = questions.into_iter().collect();
    questions.extend(tries(&world).into_iter().map(Question::Try));
    questions
}

/// The ports that a container wanted and does not have.
fn ports(world: &World<'_>, container: &ContainerFact, questions: &mut BTreeSet<Question>) {
    let is_up = world
        .state(container)
        .is_some_and(|state| state.status.is_up());
    if is_up && container.network_mode.as_deref() != Some("host") {
        return;
    }
    for port in container.published.iter().filter(|port| !port.is_open) {
        let protocol = port.container.rsplit('/').next().unwrap_or("tcp");
        if port.host_port.parse::<u16>().is_ok() {
            questions.insert(Question::Port(format!("{}/{protocol}", port.host_port)));
        }
    }
    // In the host's network a server takes its ports without asking for them.
    let said = world.said(container).iter();
    for said in said.filter(|said| said.is_fresh && said.says == Says::AddressInUse) {
        match said.capture("port") {
            Some(port) => {
                questions.insert(Question::Port(format!("{port}/tcp")));
            }
            None => questions.extend(own_ports(world, container).into_iter().map(Question::Port)),
        }
    }
}

/// The paths that a container's end or its log speak of.
fn files(world: &World<'_>, container: &ContainerFact, questions: &mut BTreeSet<Question>) {
    let mut ask = |path: &str| {
        let path = path.trim_end_matches('/');
        // A path that is relative, or one of the kernel's, says nothing from here.
        let is_plain = path.starts_with('/') && !path.starts_with("/proc/") && path.len() < 512;
        if is_plain && !path.contains('#') {
            questions.insert(Question::File {
                container: container.name.clone(),
                path: path.to_owned(),
            });
        }
    };
    for said in world.said(container).iter().filter(|said| said.is_fresh) {
        let speaks_of_a_file = matches!(
            said.says,
            Says::ExecMissing
                | Says::ExecFormat
                | Says::FileMissing
                | Says::IsDirectory
                | Says::PermissionDenied
                | Says::ReadOnly
                | Says::NoSpace
                | Says::DataModeWrong
                | Says::DataOwnerWrong
                | Says::DataNotAccessible
                | Says::DataIncompatible
                | Says::DataLocked
                | Says::PersistenceFailed
        );
        if !speaks_of_a_file {
            continue;
        }
        if let Some(path) = said.capture("path") {
            ask(path);
            if let Some((folder, _)) = path.trim_end_matches('/').rsplit_once('/') {
                ask(folder);
            }
        }
        for folder in data_folders(world, container) {
            ask(&folder);
        }
        // How full and how writable what is mounted is.
        for mount in world.mounts(container).unwrap_or_default() {
            if matches!(
                said.says,
                Says::NoSpace | Says::ReadOnly | Says::PermissionDenied
            ) {
                ask(&mount.target);
            }
        }
    }
    // A secret that is younger than the process may not be the one that it uses.
    for mount in world.mounts(container).unwrap_or_default() {
        if is_secret(&mount.target) && world.runs(container) && !world.seems_well(container) {
            ask(&mount.target);
        }
    }
    let has_ended = world.ailment(container).is_some() && !world.runs(container);
    if has_ended {
        for word in container.command.iter().take(4) {
            ask(word);
        }
        for folder in data_folders(world, container) {
            ask(&folder);
        }
    }
    // What runs a script may be missing itself.
    for word in container.command.iter().take(4) {
        let head = world
            .file(container, word)
            .and_then(|file| file.there.as_ref());
        if let Some(FileHead::Script { interpreter, .. }) =
            head.and_then(|there| there.head.as_ref())
            && let Some(program) = interpreter.split_whitespace().next()
        {
            ask(program);
        }
    }
}

/// The folders in which a server keeps its data, with the files that tell its version.
fn data_folders(world: &World<'_>, container: &ContainerFact) -> Vec<String> {
    let stores = world.stores(container).into_iter();
    stores
        .flat_map(|store| store.version_file().into_iter().chain([store.folder]))
        .collect()
}

/// The kernel's setting that a server complains of, as any running container of the host shows it.
fn kernel(world: &World<'_>, questions: &mut BTreeSet<Question>) {
    let complains = |container: &ContainerFact| {
        let mut said = world.said(container).iter();
        said.any(|said| said.is_fresh && said.says == Says::VirtualMemoryAreasLow)
    };
    let running = world.containers().find(|container| world.runs(container));
    if let Some(running) = running.filter(|_| world.containers().any(|it| complains(it))) {
        questions.insert(Question::File {
            container: running.name.clone(),
            path: MOST_MEMORY_AREAS.to_owned(),
        });
    }
}

/// What tells how old a server's data is, and the copies of its password, where somebody is refused.
fn logins(world: &World<'_>, questions: &mut BTreeSet<Question>) {
    let mut ask = |container: &ContainerFact, path: String| {
        questions.insert(Question::File {
            container: container.name.clone(),
            path,
        });
    };
    for login in world.logins() {
        if world.seems_well(login.client()) || world.refusal(&login).is_none() {
            continue;
        }
        for path in data_folders(world, login.server) {
            ask(login.server, path);
        }
        let accounts = world.accounts(login.server);
        let held = accounts.iter().filter_map(|account| account.password());
        let held = held.map(|password| (login.server, password));
        let brought = login.password().map(|password| (login.client(), password));
        for (container, password) in held.chain(brought) {
            if let Carrier::File { path, .. } = &password.carrier {
                ask(container, path.clone());
            }
        }
    }
}

/// The addresses that are tried: those of running containers that are not well, or whose targets are not.
fn tries(world: &World<'_>) -> Vec<Try> {
    let known: BTreeSet<IpAddr> = world
        .containers()
        .flat_map(|container| container.endpoints.values())
        .flat_map(|endpoint| [&endpoint.ipv4, &endpoint.ipv6])
        .filter_map(|address| address.as_deref()?.parse().ok())
        .collect();
    let mut ports: BTreeMap<(&str, &str), BTreeSet<u16>> = BTreeMap::new();
    for edge in world.edges() {
        let is_worth = world.runs(edge.client)
            && (!world.seems_well(edge.client)
                || is_calling(world, edge.client)
                || is_shared(world, edge)
                || !target_seems_well(world, &edge.target));
        let is_dialled = !matches!(edge.target, Target::Itself);
        if is_worth && is_dialled && !edge.host.name.starts_with('#') {
            ports
                .entry((&edge.client.name, &edge.host.name))
                .or_default()
                .extend(edge.port);
        }
        if !is_worth {
            continue;
        }
        // A name of the stack shows whether the resolver answers at all.
        if let (Target::Elsewhere, Some(service)) = (&edge.target, &edge.client.service) {
            ports.entry((&edge.client.name, service)).or_default();
        }
        // One that takes calls from itself is not too busy to take those of others.
        let is_cut_off = matches!(
            world.trouble(edge),
            Some(Trouble::Unanswered | Trouble::Rejected)
        );
        if let Target::Service { containers, .. } = &edge.target
            && is_cut_off
        {
            for target in containers.iter().filter(|target| world.runs(target)) {
                ports
                    .entry((&target.name, &target.name))
                    .or_default()
                    .extend(edge.port);
            }
        }
    }
    for client in world.containers().filter(|client| world.runs(client)) {
        let said = world.said(client).iter();
        let unknown = said.filter(|said| said.is_fresh && said.says == Says::NameUnknown);
        for host in unknown.filter_map(|said| said.capture("host")) {
            if !host.starts_with('#') {
                ports.entry((&client.name, host)).or_default();
            }
        }
    }
    let tries = ports.into_iter();
    tries
        .map(|((from, host), ports)| Try {
            from: from.to_owned(),
            host: host.to_owned(),
            ports,
            known: known.clone(),
        })
        .collect()
}

/// Whether it calls somebody who has not answered yet.
fn is_calling(world: &World<'_>, client: &ContainerFact) -> bool {
    let inside = world.inside(client);
    let mut peers = inside.iter().flat_map(|inside| &inside.peers);
    peers.any(|peer| peer.state == TcpState::SynSent)
}

fn target_seems_well(world: &World<'_>, target: &Target<'_>) -> bool {
    match target {
        Target::Service { containers, .. } => containers
            .iter()
            .all(|container| world.seems_well(container)),
        Target::Absent { .. } | Target::Itself | Target::Unknown { .. } | Target::Elsewhere => true,
    }
}
