//! Files that are missing, are folders, or may not be read or written.

use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::edit::{Change, Edit, Piece, Spot};
use crate::facts::{ContainerFact, FileFact, FileSort, Mount};
use crate::finding::{Code, Confidence, Culprit, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::is_below;
use crate::world::{Said, World, culprit, filed, made, shown, spoken, stood, whole, written};

use super::jobs::fills_what_it_lacks;
use super::modules::is_hidden;
use super::sockets;

pub(crate) const MISSING: Rule = Rule {
    code: Code("D033"),
    title: "a file that it needs is not in the container",
    layer: Layer::Config,
    decisive: &["the complaint", "that it is not there", "that it fails"],
    look_alikes: &[Code("D034"), Code("D112")],
    yields: false,
    endangers_data: false,
    find: missing,
};

pub(crate) const FOLDER_INSTEAD: Rule = Rule {
    code: Code("D034"),
    title: "what is mounted does not exist on the host, so the engine made an empty folder",
    layer: Layer::Storage,
    decisive: &["the mount", "the folder", "the complaint"],
    look_alikes: &[Code("D033"), Code("D112")],
    yields: false,
    endangers_data: false,
    find: folder_instead,
};

pub(crate) const READ_ONLY: Rule = Rule {
    code: Code("D117"),
    title: "it writes to a place that was made read-only",
    layer: Layer::Storage,
    decisive: &["the complaint", "the setting"],
    look_alikes: &[Code("D025"), Code("D112")],
    yields: false,
    endangers_data: false,
    find: read_only,
};

/// How far the engine's making of a folder may be from the container's.
const TOGETHER: SignedDuration = SignedDuration::from_secs(10);

/// Complaints of one that runs from which on it means them.
pub(super) const AGAIN: usize = 3;

/// A path of a container as a person finds it: on the host, where it is mounted from there.
pub(super) fn on_host(world: &World<'_>, container: &ContainerFact, path: &str) -> String {
    let file = world.file_of(container, path);
    match file.inside {
        Some(_) => format!("`{}` on the host", file.name),
        None => format!("`{path}`"),
    }
}

/// An absolute path for what a program in a container calls so.
pub(crate) fn absolute(container: &ContainerFact, path: &str) -> String {
    if path.starts_with('/') {
        return path.to_owned();
    }
    let folder = container.working_dir.as_deref().unwrap_or("/");
    let path = path.strip_prefix("./").unwrap_or(path);
    format!("{}/{path}", folder.trim_end_matches('/'))
}

/// What stands behind the last dot of a name.
pub(super) fn ending(name: &str) -> Option<&str> {
    name.rsplit_once('.').map(|(_, ending)| ending)
}

/// Whether a path is that of a socket: it is missing while its server is.
fn is_socket(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ending(name) == Some("sock") || name.starts_with(".s.")
}

/// A mount from the host, where what is there is an empty folder that the engine made together with the container;
/// with that folder.
pub(super) fn made_by_engine<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Option<(&'f Mount, &'f FileFact)> {
    let mount = world.mount_of(container, path)?;
    let file = world.file(container, &mount.target)?;
    let there = file.there.as_ref()?;
    let is_folder = there.sort == FileSort::Folder && there.is_empty != Some(false);
    let is_roots = there.owner.is_none_or(|(user, _)| user == 0);
    if mount.kind != "bind" || !is_folder || !is_roots {
        return None;
    }
    let near = |one: Option<jiff::Timestamp>| {
        let (one, modified) = (one?, there.modified?);
        Some(one.duration_since(modified).abs() < TOGETHER)
    };
    let is_new = near(container.created) == Some(true);
    (is_new || path == mount.target).then_some((mount, file))
}

fn missing(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        named_and_missing(world, container, cases);
        for said in world.complaints(container, &[Says::FileMissing]) {
            let Some(path) = said.capture("path").map(|path| absolute(container, path)) else {
                continue;
            };
            let file = world.file(container, &path);
            let is_there = file.is_some_and(|file| file.there.is_some());
            // One that goes on may do without it, unless it asks again and again.
            let does_without = world.ailment(container).is_none() && said.count < AGAIN;
            if is_socket(&path) {
                cases.extend(sockets::not_shared(world, container, said, &path));
                continue;
            }
            if is_there
                || does_without
                || path.contains('#')
                || made_by_engine(world, container, &path).is_some()
                || is_hidden(world, container, &path)
                || fills_what_it_lacks(world, container, &path)
                || is_of_its_work(world, container, &path)
            {
                continue;
            }
            cases.push(missing_file(world, container, said, &path, file));
        }
    }
}

/// A path that a variable names, of one that fails and speaks of it in words of its own; nothing is there.
fn named_and_missing<'f>(world: &World<'f>, container: &'f ContainerFact, cases: &mut Vec<Case>) {
    if world.ailment(container).is_none()
        || !world.complaints(container, &[Says::FileMissing]).is_empty()
    {
        return;
    }
    let lines = world.grumblings(container);
    for (key, value) in &container.environment {
        let Some(path) = value.as_deref().filter(|path| path.starts_with('/')) else {
            continue;
        };
        let file = world
            .file(container, path)
            .filter(|file| file.there.is_none());
        let line = lines.iter().find(|line| line.text.contains(path));
        let (Some(file), Some(line)) = (file, line) else {
            continue;
        };
        let claim = format!(
            "`{key}` names `{path}`, and nothing is there: `{}` needs it",
            service(container)
        );
        let complaint = written(container, line, "it speaks of that path as of an error");
        let gone = filed(file, "nothing is at that path");
        cases.push(
            Case::new(culprit(container, Some(&format!("environment.{key}"))), claim)
                .mended_by(
                    format!("mount it there (`secrets`, `configs` or `volumes`), or let `{key}` name the path that it has; then `bowline up`"),
                    Safety::NeedsYou,
                )
                .by_edits(names_what_is_there(world, container, path))
                .decides("the complaint", Some(complaint.clone()))
                .decides("that it is not there", Some(gone.clone()))
                .decides("that it fails", stood(world, container, "it cannot do without"))
                .rules_out(Code("D034"), Some(gone.clone()))
                .rules_out(Code("D112"), Some(gone)),
        );
    }
}

/// That the only variable that names a missing path names the file that is mounted elsewhere by the same name.
fn names_what_is_there<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Option<Edit> {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let mut mounts = world.mounts(container)?.iter();
    let mut alike = mounts
        .by_ref()
        .filter(|mount| name(&mount.target) == name(path));
    let (Some(mount), None) = (alike.next(), alike.next()) else {
        return None;
    };
    let mut told = container.environment.iter();
    let mut told = told
        .by_ref()
        .filter(|(_, value)| value.as_deref() == Some(path));
    let (Some((key, _)), None) = (told.next(), told.next()) else {
        return None;
    };
    let spot = Spot::field(container, &format!("environment.{key}"))?;
    Some(spot.replace(Piece::Word, path, mount.target.as_str()))
}

/// Whether a job that others wait for misses a file in a volume that it has: nobody forgot to mount that, so the job asks
/// for the wrong one, or came for nothing.
fn is_of_its_work<'f>(world: &World<'f>, container: &'f ContainerFact, path: &str) -> bool {
    is_in_its_volume(world, container, path) && world.is_waited_for(container)
}

/// The same of one that ends like a job, where nobody is seen to wait for it.
fn is_perhaps_of_its_work<'f>(world: &World<'f>, container: &'f ContainerFact, path: &str) -> bool {
    let state = world.state(container);
    let is_over = state.is_none_or(|state| {
        matches!(state.restart_policy.as_str(), "" | "no") && !state.status.is_up()
    });
    is_over && is_in_its_volume(world, container, path)
}

fn is_in_its_volume<'f>(world: &World<'f>, container: &'f ContainerFact, path: &str) -> bool {
    let mount = world.mount_of(container, path);
    mount.is_some_and(|mount| mount.kind == "volume")
}

fn missing_file<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    path: &str,
    file: Option<&FileFact>,
) -> Case {
    let teller = container
        .environment
        .iter()
        .find(|(_, value)| value.as_deref() == Some(path))
        .map(|(key, _)| format!("; `{key}` names it"))
        .unwrap_or_default();
    let claim = format!(
        "`{}` needs `{path}`, which is not there{teller}",
        service(container)
    );
    let gone = file.map(|file| filed(file, "nothing is at that path"));
    let place = on_host(world, container, path);
    let fix = if world.mount_of(container, path).is_some() {
        format!(
            "put the file at {place}, then `bowline restart {}`",
            service(container)
        )
    } else {
        format!(
            "mount it under `volumes`, or build it into `{}`; then `bowline up --build`",
            container.image
        )
    };
    let case = Case::new(world.file_of(container, path), claim);
    let case = if is_perhaps_of_its_work(world, container, path) {
        case.at_most(Confidence::Likely)
    } else {
        case
    };
    case.seen_in(container.service.as_deref())
        .mended_by(fix, Safety::NeedsYou)
        .by_edits(names_what_is_there(world, container, path))
        .decides(
            "the complaint",
            Some(spoken(
                container,
                said,
                "it looked for it and did not find it",
            )),
        )
        .decides("that it is not there", gone.clone())
        .decides(
            "that it fails",
            stood(world, container, "it cannot go on without it"),
        )
        .rules_out(Code("D034"), not_made_by_engine(world, container, path))
        .rules_out(Code("D112"), gone)
}

/// That a path lies in no folder that the engine made of something that was not there.
fn not_made_by_engine<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Option<Evidence> {
    let over = world.mount_of(container, path);
    match over.filter(|mount| mount.kind == "bind") {
        Some(mount) => {
            let file = world.file(container, &mount.target)?;
            Some(filed(file, "somebody put it there before"))
        }
        None => mounted(world, container, "nothing of the host lies over it"),
    }
}

/// Where something is mounted into a container, as evidence.
pub(super) fn mounted<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    proves: &str,
) -> Option<Evidence> {
    let mounts = world.mounts(container)?;
    let targets: Vec<&str> = mounts.iter().map(|mount| mount.target.as_str()).collect();
    let text = match &*targets {
        [] => format!("{}: nothing is mounted", container.name),
        _ => format!("{}: mounted are {}", container.name, targets.join(", ")),
    };
    Some(shown(FactRef::Mounts(container.name.clone()), text, proves))
}

pub(super) fn service(container: &ContainerFact) -> &str {
    container.service.as_deref().unwrap_or(&container.name)
}

fn folder_instead(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        refused_mount(world, container, cases);
        cases.extend(folder_for_a_program(world, container));
        let words = [Says::IsDirectory, Says::FileMissing, Says::ModuleMissing];
        for said in world.complaints(container, &words) {
            let path = said.capture("path").map(|path| absolute(container, path));
            let Some(mounts) = world.mounts(container) else {
                continue;
            };
            for mount in mounts.iter().filter(|mount| mount.kind == "bind") {
                let fits = match (&path, said.says) {
                    (Some(path), Says::IsDirectory) => *path == mount.target,
                    (None, Says::IsDirectory) => looks_like_a_file(&mount.target),
                    (Some(path), _) => *path != mount.target && is_below(path, &mount.target),
                    (None, _) => container
                        .working_dir
                        .as_ref()
                        .is_some_and(|folder| is_below(folder, &mount.target)),
                };
                let about = path.clone().filter(|_| said.says != Says::IsDirectory);
                let about = match said.says {
                    Says::ModuleMissing => format!("{}/?", mount.target),
                    _ => about.unwrap_or_else(|| mount.target.clone()),
                };
                let Some((_, folder)) = made_by_engine(world, container, &about).filter(|_| fits)
                else {
                    continue;
                };
                let complaint = spoken(container, said, "it expects something else there");
                cases.push(folder_case(
                    world,
                    container,
                    mount,
                    Some(folder),
                    complaint,
                ));
            }
        }
    }
}

/// Whether a path is called as files are: with an ending.
fn looks_like_a_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ending(name.trim_start_matches('.')).is_some_and(|ending| ending != "d")
}

/// A container that could not be started because a folder was to be mounted onto a file of the image.
fn refused_mount<'f>(world: &World<'f>, container: &'f ContainerFact, cases: &mut Vec<Case>) {
    let state = world.state(container);
    let Some(error) = state.and_then(|state| state.error.as_deref()) else {
        return;
    };
    if !(error.contains("not a directory") && error.contains("mount")) {
        return;
    }
    let mounts = world.mounts(container).unwrap_or_default().iter();
    let mount = mounts
        .filter(|mount| mount.kind == "bind" && error.contains(mount.target.as_str()))
        .max_by_key(|mount| mount.target.len());
    let refusal = stood(
        world,
        container,
        "one of the two is a folder and the other a file: the engine makes folders of what it does not find",
    );
    if let (Some(mount), Some(refusal)) = (mount, refusal) {
        cases.push(folder_case(world, container, mount, None, refusal));
    }
}

/// A container that could not be started because what it is to run is a folder that the engine made.
fn folder_for_a_program<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Case> {
    let error = world.state(container)?.error.as_deref()?;
    let program = refused_program(error).filter(|_| error.contains("permission denied"))?;
    let path = absolute(container, program);
    let (mount, folder) = made_by_engine(world, container, &path)?;
    let refusal = stood(world, container, "a folder cannot be run")?;
    let folder = Some(folder);
    Some(folder_case(world, container, mount, folder, refusal))
}

fn folder_case<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    mount: &Mount,
    folder: Option<&FileFact>,
    complaint: Evidence,
) -> Case {
    let (source, target) = (&mount.source, &mount.target);
    let claim = format!(
        "`{source}` was not there, so the engine made an empty folder of it and mounted that at `{target}`"
    );
    let text = format!("{}: `{source}` is mounted at `{target}`", container.name);
    let mounted = world.mounts(container).map(|_| {
        let fact = FactRef::Mounts(container.name.clone());
        shown(fact, text, "what is there comes from the host")
    });
    let folder = match folder {
        Some(file) => filed(
            file,
            "an empty folder is there, and nobody put anything into it",
        ),
        None => complaint.clone(),
    };
    let fix = format!(
        "put the right file or folder at `{source}` on the host (remove the empty folder first: `rmdir {source}`), or correct the path; then `bowline up`"
    );
    Case::new(culprit(container, Some("volumes")), claim)
        .mended_by(fix, Safety::NeedsYou)
        .decides("the mount", mounted)
        .decides("the folder", Some(folder.clone()))
        .decides("the complaint", Some(complaint))
        .rules_out(Code("D033"), Some(folder.clone()))
        .rules_out(Code("D112"), Some(folder))
}

fn read_only(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for said in world.complaints(container, &[Says::ReadOnly, Says::NotWritable]) {
            let path = said.capture("path").map(|path| absolute(container, path));
            // A line that does not say why is about data: a mount of settings is read-only on purpose.
            let found = if said.says == Says::NotWritable && path.is_none() {
                closed_data(world, container)
            } else {
                what_is_read_only(world, container, path.as_deref())
            };
            let Some((field, setting, place)) = found else {
                continue;
            };
            let what = path.as_deref().unwrap_or("…");
            let claim = match &path {
                Some(path) => format!("it writes to `{path}`, and {setting}"),
                None => format!("it writes where it may not: {setting}"),
            };
            let fact = if field == "volumes" {
                FactRef::Mounts(container.name.clone())
            } else {
                FactRef::Made(container.name.clone())
            };
            let text = format!("{}: {setting}", container.name);
            let complaint = spoken(
                container,
                said,
                "the kernel refuses because of the mount, not for want of rights or room",
            );
            let fix = if field == "volumes" {
                format!(
                    "take `:ro` (or `read_only`) off the mount at `{place}`, or let it write elsewhere; then `bowline up`"
                )
            } else {
                format!(
                    "mount a volume or a `tmpfs` where it writes (`{what}`), or take off `read_only`; then `bowline up`"
                )
            };
            let setting = shown(fact, text, "it was asked for so");
            cases.push(
                Case::new(culprit(container, Some(field)), claim)
                    .mended_by(fix, Safety::Restart)
                    .by_edits(opened(world, container, field, &place))
                    .decides("the complaint", Some(complaint.clone()))
                    .decides("the setting", Some(setting))
                    .rules_out(Code("D025"), Some(complaint.clone()))
                    .rules_out(Code("D112"), Some(complaint)),
            );
        }
    }
}

/// That a volume may be written to, or that what belongs to one run is kept in memory. A file or folder of the host is
/// mounted read-only on purpose.
fn opened<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    field: &str,
    place: &str,
) -> Option<Edit> {
    let mount = world.mount_of(container, place)?;
    let is_volume = field == "volumes" && mount.kind == "volume" && mount.target == place;
    let target = place.to_owned();
    let spot = Spot::field(container, "volumes").filter(|_| is_volume)?;
    Some(spot.change(Change::Writable { target }))
}

/// What a read-only mount says.
fn of_mount(mount: &Mount) -> (&'static str, String, String) {
    let setting = format!("`{}` is mounted there read-only", mount.source);
    ("volumes", setting, mount.target.clone())
}

/// The only volume of a container that is mounted read-only.
fn closed_data<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
) -> Option<(&'static str, String, String)> {
    let mounts = world.mounts(container)?.iter();
    let mut closed = mounts.filter(|mount| !mount.writable && mount.kind == "volume");
    let first = closed.next().filter(|_| closed.next().is_none());
    first.map(of_mount)
}

/// The field that makes a path read-only, what it says, and the place that it says it of.
fn what_is_read_only<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: Option<&str>,
) -> Option<(&'static str, String, String)> {
    let mounts = world.mounts(container)?;
    let is_whole = world.made(container).is_some() && container.is_read_only;
    let whole_container = || {
        let setting = "nothing of its image can be written to (`read_only: true`)".to_owned();
        ("read_only", setting, "/".to_owned())
    };
    let Some(path) = path else {
        let mut closed = mounts.iter().filter(|mount| !mount.writable);
        let first = closed.next().filter(|_| closed.next().is_none());
        return if is_whole {
            Some(whole_container())
        } else {
            first.map(of_mount)
        };
    };
    if let Some(mount) = world.mount_of(container, path) {
        return (!mount.writable).then(|| of_mount(mount));
    }
    let is_in_memory = container.tmpfs.iter().any(|folder| is_below(path, folder));
    (is_whole && !is_in_memory).then(whole_container)
}

/// Who is to blame for what lies at a path: the volume, a file of the host, or the service itself.
pub(super) fn owner_of_path<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Culprit {
    match world.mount_of(container, path) {
        Some(mount) if mount.kind == "volume" => whole(CulpritKind::Volume, &mount.source),
        Some(mount) if mount.kind == "bind" => world.file_of(container, path),
        _ => culprit(container, Some("user")),
    }
}

/// The program that could not be started, as the engine's words quote it: `exec: "PROGRAM": …`.
pub(crate) fn refused_program(error: &str) -> Option<&str> {
    let (_, rest) = error.split_once("exec: \"")?;
    rest.split_once('"').map(|(program, _)| program)
}

pub(super) fn asked<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    proves: &str,
) -> Option<Evidence> {
    let command = container.command.join(" ");
    made(world, container, &format!("runs `{command}`"), proves)
}
