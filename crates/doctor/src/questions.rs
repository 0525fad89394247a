//! What is worth a further look, because of what was seen.

mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use bowline_engine::TcpState;
use bowline_model::carried::Carrier;
use bowline_recipes::Says;

use crate::collect::asks::Ask;
use crate::collect::tries::Try;
use crate::facts::{ContainerFact, Facts, FileHead};
use crate::rules::backups;
use crate::rules::drift::is_secret;
use crate::rules::files::{absolute, refused_program};
use crate::rules::health::address::failed;
use crate::rules::hostports::own_ports;
use crate::rules::kernel::MOST_MEMORY_AREAS;
use crate::rules::modules::{module_of, module_paths};
use crate::rules::names::is_slip;
use crate::rules::pools::is_shared;
use crate::rules::programs::interpreter_paths;
use crate::rules::search;
use crate::world::edges::Trouble;
use crate::world::logins::Account;
use crate::world::{Edge, Said, Target, World};

/// A further look. In the order in which they are taken where there are too many.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Question {
    /// Who has a name that a service wants for its container?
    Name(String),
    /// Who holds a port of the host (`8080/tcp`)?
    Port(String),
    /// In what does a container differ from its image?
    Changes(String),
    /// What is at a path of a container?
    File {
        /// The container.
        container: String,
        /// The path.
        path: String,
    },
    /// What answers there from within a container?
    Try(Try),
    /// What does a server say of itself?
    Ask(Ask),
}

/// Everything that is in question, what decides most first.
pub(crate) fn of(facts: &Facts) -> Vec<Question> {
    let world = World::new(facts, BTreeSet::new());
    let mut questions: BTreeSet<Question> = BTreeSet::new();
    for container in world.containers() {
        ports(&world, container, &mut questions);
        files(&world, container, &mut questions);
        if world.fails(container) {
            questions.insert(Question::Changes(container.name.clone()));
        }
    }
    logins(&world, &mut questions);
    kernel(&world, &mut questions);
    full_disks(&world, &mut questions);
    of_backups(&world, &mut questions);
    names(&world, &mut questions);
    let mut questions: Vec<Question> = questions.into_iter().collect();
    questions.extend(servers::asks(&world).into_iter().map(Question::Ask));
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

/// The names that services without a container want for it.
fn names(world: &World<'_>, questions: &mut BTreeSet<Question>) {
    for (service, declared) in world.declared_services() {
        let is_absent = declared.is_enabled && world.of_service(service).is_empty();
        let wanted = declared.container_name.iter().filter(|_| is_absent);
        questions.extend(wanted.cloned().map(Question::Name));
    }
}

/// The paths that a container's end or its log speak of.
fn files<'f>(world: &World<'f>, container: &'f ContainerFact, questions: &mut BTreeSet<Question>) {
    let mut asked = Paths {
        container,
        questions,
    };
    for said in world.said(container).iter().filter(|said| said.is_fresh) {
        spoken_of(world, said, &mut asked);
    }
    if world.fails(container) {
        for path in named_paths(world, container) {
            asked.ask(&path);
        }
        // What should have come from the host may be an empty folder, or hide what the image has.
        let mounts = world.mounts(container).unwrap_or_default().iter();
        for mount in mounts.filter(|mount| mount.kind == "bind").take(8) {
            asked.ask(&mount.target);
        }
    }
    // A secret that is younger than the process may not be the one that it uses.
    for mount in world.mounts(container).unwrap_or_default() {
        if is_secret(&mount.target) && world.runs(container) && !world.seems_well(container) {
            asked.ask(&mount.target);
        }
    }
    let cannot_save = world
        .redis(container)
        .is_some_and(|(_, it)| it.saves == Some(false));
    for folder in data_folders(world, container)
        .into_iter()
        .filter(|_| cannot_save)
    {
        asked.ask(&folder);
    }
    let has_ended = world.ailment(container).is_some() && !world.runs(container);
    if has_ended {
        for word in container.command.iter().take(4) {
            asked.ask(word);
        }
        for folder in data_folders(world, container) {
            asked.ask(&folder);
        }
        let error = world.state(container).and_then(|it| it.error.as_deref());
        if let Some(program) = error.and_then(refused_program) {
            asked.ask(&absolute(container, program));
        }
    }
    // What runs a script may be missing itself.
    for file in world.files(container) {
        let head = file.there.as_ref().and_then(|there| there.head.as_ref());
        if let Some(FileHead::Script { interpreter, .. }) = head {
            for path in interpreter_paths(container, interpreter) {
                asked.ask(&path);
            }
        }
    }
}

/// The paths that one that fails is told of by a variable for a file, or names where it calls something an error.
fn named_paths(world: &World<'_>, container: &ContainerFact) -> BTreeSet<String> {
    let told = container.environment.iter().filter_map(|(key, value)| {
        let names_a_file = FILE_KEYS
            .iter()
            .any(|end| key.to_ascii_uppercase().ends_with(end));
        value.clone().filter(|_| names_a_file)
    });
    let lines = world.grumblings(container).iter().take(8);
    let spoken = lines.flat_map(|line| paths_in(&line.text));
    told.chain(spoken)
        .filter(|path| path.starts_with('/') && !path.contains(':'))
        .take(16)
        .collect()
}

/// How the names of variables end that hold the path of a file that has to be there.
const FILE_KEYS: &[&str] = &[
    "_FILE",
    "_CONFIG",
    "_CONF",
    "_CONFIG_PATH",
    "_CERT",
    "_CERT_PATH",
    "_KEY_PATH",
];

/// The absolute paths in a line.
fn paths_in(line: &str) -> Vec<String> {
    let is_end = |it: char| it.is_whitespace() || "\"'`()[]{},;<>|=".contains(it);
    let words = line
        .split(is_end)
        .map(|word| word.trim_end_matches([':', '.']));
    let is_path = |word: &&str| {
        let mut parts = word.split('/').skip(1);
        word.starts_with('/')
            && word.len() > 2
            && parts.clone().count() > 1
            && parts.all(|part| !part.is_empty())
    };
    words.filter(is_path).map(str::to_owned).collect()
}

/// The paths of one container that are in question.
struct Paths<'a> {
    container: &'a ContainerFact,
    questions: &'a mut BTreeSet<Question>,
}

impl Paths<'_> {
    fn ask(&mut self, path: &str) {
        let path = path.trim_end_matches('/');
        // A path that is relative, or one of the kernel's, says nothing from here.
        let is_plain = path.starts_with('/') && !path.starts_with("/proc/") && path.len() < 512;
        if is_plain && !path.contains('#') {
            self.questions.insert(Question::File {
                container: self.container.name.clone(),
                path: path.to_owned(),
            });
        }
    }
}

/// The paths that something in a log is about.
fn spoken_of<'f>(world: &World<'f>, said: &Said<'f>, asked: &mut Paths<'_>) {
    let container = asked.container;
    let module = module_of(said).filter(|_| said.says == Says::ModuleMissing);
    for path in module
        .into_iter()
        .flat_map(|it| module_paths(container, &it))
    {
        asked.ask(&path);
    }
    if let Some(name) = said.capture("name")
        && said.says == Says::CommandMissing
    {
        asked.ask(name);
    }
    let speaks_of_a_file = matches!(
        said.says,
        Says::ExecMissing
            | Says::ExecFormat
            | Says::FileMissing
            | Says::IsDirectory
            | Says::PermissionDenied
            | Says::ReadOnly
            | Says::NotWritable
            | Says::NoSpace
            | Says::DataModeWrong
            | Says::DataOwnerWrong
            | Says::DataNotAccessible
            | Says::DataIncompatible
            | Says::DataLocked
            | Says::PersistenceFailed
    );
    if !speaks_of_a_file {
        return;
    }
    if let Some(path) = said.capture("path") {
        let path = absolute(container, path);
        asked.ask(&path);
        if let Some((folder, _)) = path.trim_end_matches('/').rsplit_once('/') {
            asked.ask(folder);
        }
    }
    for folder in data_folders(world, container) {
        asked.ask(&folder);
    }
    let is_about_mounts = matches!(
        said.says,
        Says::NoSpace | Says::ReadOnly | Says::NotWritable | Says::PermissionDenied
    );
    let mounts = container.mounts.iter().filter(|_| is_about_mounts);
    // How full and how writable what is mounted is.
    let targets = mounts.clone().map(|mount| &mount.target);
    let folders = container.tmpfs.iter().filter(|_| is_about_mounts);
    targets.chain(folders).for_each(|path| asked.ask(path));
    if said.says == Says::NoSpace {
        asked.questions.insert(Question::File {
            container: container.name.clone(),
            path: "/".to_owned(),
        });
        let volumes: BTreeSet<&str> = mounts.map(|mount| mount.source.as_str()).collect();
        room_elsewhere(world, container, &volumes, asked.questions);
    }
}

/// How full volumes are, seen from running containers that have them too.
fn room_elsewhere(
    world: &World<'_>,
    container: &ContainerFact,
    volumes: &BTreeSet<&str>,
    questions: &mut BTreeSet<Question>,
) {
    let others = world.containers().filter(|other| world.runs(other));
    for other in others.filter(|other| other.name != container.name) {
        let mounts = world.mounts(other).unwrap_or_default().iter();
        let shared = mounts.filter(|mount| volumes.contains(mount.source.as_str()));
        let targets: Vec<&String> = shared.map(|mount| &mount.target).collect();
        let root = "/".to_owned();
        for path in targets.iter().copied().chain([&root]) {
            if !targets.is_empty() {
                questions.insert(Question::File {
                    container: other.name.clone(),
                    path: path.clone(),
                });
            }
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
    if let Some(running) = running.filter(|_| world.containers().any(complains)) {
        questions.insert(Question::File {
            container: running.name.clone(),
            path: MOST_MEMORY_AREAS.to_owned(),
        });
    }
}

/// How old the newest of the backups is that a service makes at intervals.
fn of_backups(world: &World<'_>, questions: &mut BTreeSet<Question>) {
    for container in world.containers().filter(|it| world.runs(it)) {
        let mut asked = Paths {
            container,
            questions,
        };
        for path in backups::paths(world, container) {
            asked.ask(path);
        }
    }
}

/// How full the disks of search servers are that speak of it, or have lost a part of their data.
fn full_disks(world: &World<'_>, questions: &mut BTreeSet<Question>) {
    for container in search::in_question(world) {
        let mut asked = Paths {
            container,
            questions,
        };
        let said = world.said(container).iter();
        let named = said.filter(|said| said.says == Says::FloodStage);
        for path in named.filter_map(|said| said.capture("path")) {
            asked.ask(path);
        }
        for folder in data_folders(world, container) {
            asked.ask(&folder);
        }
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
        let held = accounts.iter().filter_map(Account::password);
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
        dialled(world, edge, &mut ports);
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
    // What a healthcheck takes `localhost` for.
    for failed in failed(world)
        .iter()
        .filter(|failed| failed.asked.may_be_v6())
    {
        ports
            .entry((&failed.container.name, "localhost"))
            .or_default()
            .extend(failed.asked.port);
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

/// What is tried because of an address that a container was told to dial.
fn dialled<'w>(
    world: &'w World<'_>,
    edge: &'w Edge<'_>,
    ports: &mut BTreeMap<(&'w str, &'w str), BTreeSet<u16>>,
) {
    let is_worth = world.runs(edge.client)
        && (!world.seems_well(edge.client)
            || is_slip(world, edge)
            || world.is_doubted(edge.client)
            || is_calling(world, edge.client)
            || is_shared(world, edge)
            || !target_seems_well(world, &edge.target));
    if !is_worth {
        return;
    }
    if !matches!(edge.target, Target::Itself) && !edge.host.name.starts_with('#') {
        ports
            .entry((&edge.client.name, &edge.host.name))
            .or_default()
            .extend(edge.port);
    }
    // A name of the stack shows whether the resolver answers at all.
    if let (Target::Elsewhere, Some(service)) = (&edge.target, &edge.client.service) {
        ports.entry((&edge.client.name, service)).or_default();
    }
    // One that takes calls from itself is not too busy to take those of others.
    let trouble = world.trouble(edge);
    let is_cut_off = matches!(trouble, Some(Trouble::Unanswered | Trouble::Rejected));
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
