//! Where data is, and whether there is room for it.

use bowline_recipes::Says;
use jiff::SignedDuration;

use crate::facts::{ContainerFact, FileFact, Mount, Room, VolumeFact};
use crate::finding::{Code, Confidence, CulpritKind, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::is_below;
use crate::world::{Said, World, culprit, made, shown, spoken, whole};

use super::files::{absolute, service};

pub(crate) const VOLUME_FULL: Rule = Rule {
    code: Code("D025"),
    title: "a volume with a size of its own is full",
    layer: Layer::Storage,
    decisive: &[
        "the complaint",
        "how full it is",
        "that it has a size of its own",
    ],
    look_alikes: &[Code("D110"), Code("D111")],
    yields: false,
    endangers_data: false,
    find: volume_full,
};

pub(crate) const DISK_FULL: Rule = Rule {
    code: Code("D110"),
    title: "the disk on which the engine keeps everything is full",
    layer: Layer::Storage,
    decisive: &[
        "the complaint",
        "how full it is",
        "that it is the engine's own disk",
    ],
    look_alikes: &[Code("D025"), Code("D111")],
    yields: false,
    endangers_data: false,
    find: disk_full,
};

pub(crate) const NO_INODES: Rule = Rule {
    code: Code("D111"),
    title: "a file system can have no more files, although there is room",
    layer: Layer::Storage,
    decisive: &["the complaint", "how full it is"],
    look_alikes: &[Code("D025"), Code("D110")],
    yields: false,
    endangers_data: false,
    find: no_inodes,
};

pub(crate) const LOG_GROWS: Rule = Rule {
    code: Code("D137"),
    title: "its log grows fast, and nothing ever turns it over",
    layer: Layer::Storage,
    decisive: &["how large it is", "that nothing turns it over"],
    look_alikes: &[Code("D110")],
    yields: true,
    endangers_data: false,
    find: log_grows,
};

/// Bytes from which on a log is worth a word.
const LARGE_LOG: u64 = 50_000_000;
/// Bytes a day from which on a log fills disks.
const FAST_LOG: u64 = 1_000_000_000;

pub(crate) const ANONYMOUS: Rule = Rule {
    code: Code("D138"),
    title: "data is in a volume without a name, which a new container does not get",
    layer: Layer::Storage,
    decisive: &[
        "the mount",
        "the volume",
        "that there was another before",
        "what is missing",
    ],
    look_alikes: &[Code("D139")],
    yields: false,
    endangers_data: false,
    find: anonymous,
};

pub(crate) const OTHER_PROJECT: Rule = Rule {
    code: Code("D139"),
    title: "the project has another name than before, so it has other volumes",
    layer: Layer::Storage,
    decisive: &["the volume", "the older one", "that it began anew"],
    look_alikes: &[Code("D138")],
    yields: false,
    endangers_data: false,
    find: other_project,
};

/// What a failed write may have left free of a small file system, in bytes: it is taken back when it fails.
const CRUMBS: u64 = 16 * 1024 * 1024;
/// How long after its volume a container that filled it first may have been made.
const TOGETHER: SignedDuration = SignedDuration::from_mins(2);

/// A file system that somebody found full.
struct Full<'f> {
    container: &'f ContainerFact,
    complaint: Evidence,
    /// The path that tells how full it is, and what it tells; nothing where nobody could look.
    file: Option<(&'f FileFact, Room)>,
    mount: Option<&'f Mount>,
    /// That of the engine's own disk.
    disk: Option<(&'f FileFact, Room)>,
}

fn room(file: Option<&FileFact>) -> Option<(&FileFact, Room)> {
    let file = file?;
    Some((file, file.room?))
}

/// How full what is mounted is, seen from any container that has it.
fn room_of<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    mount: &Mount,
) -> Option<(&'f FileFact, Room)> {
    let own = room(world.file(container, &mount.target));
    own.or_else(|| {
        world.containers().find_map(|other| {
            let mut mounts = world.mounts(other)?.iter();
            let shared = mounts.find(|one| one.source == mount.source)?;
            room(world.file(other, &shared.target))
        })
    })
}

fn is_full(room: &Room) -> bool {
    let left = room.available_bytes;
    left <= (room.total_bytes / 20).max(CRUMBS.min(room.total_bytes / 2))
}

fn has_no_inodes(room: &Room) -> bool {
    room.total_inodes > 0 && room.free_inodes <= room.total_inodes / 1000
}

/// Whether two looks were at one file system.
fn is_same(one: &Room, other: &Room) -> bool {
    (one.total_bytes, one.total_inodes) == (other.total_bytes, other.total_inodes)
}

fn full<'f>(world: &World<'f>) -> Vec<Full<'f>> {
    let disk = world
        .containers()
        .find_map(|container| room(world.file(container, "/")));
    let mut all = Vec::new();
    for container in world.containers() {
        let words = [Says::NoSpace, Says::PersistenceFailed];
        let complaints = world.complaints(container, &words);
        let Some(said) = complaints.iter().find(|said| said.says == Says::NoSpace) else {
            continue;
        };
        let complaint = spoken(container, said, "the kernel had no room for it");
        let mounts = suspects(world, container, said);
        let is_worst = |mount: &&&Mount| {
            let room = room_of(world, container, mount);
            room.is_some_and(|(_, room)| is_full(&room) || has_no_inodes(&room))
        };
        let mount = mounts.iter().find(is_worst).or(mounts.first()).copied();
        let file = match mount {
            Some(mount) => room_of(world, container, mount),
            None => disk,
        };
        all.push(Full {
            container,
            complaint,
            file,
            mount,
            disk,
        });
    }
    all
}

/// The mounts in which there may be no room: the one that the complaint names, else all that can be written to.
fn suspects<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
) -> Vec<&'f Mount> {
    if let Some(path) = said.capture("path") {
        let path = absolute(container, path);
        return world.mount_of(container, &path).into_iter().collect();
    }
    let mounts = world.mounts(container).unwrap_or_default().iter();
    mounts
        .filter(|mount| mount.writable && mount.kind != "tmpfs")
        .collect()
}

/// How full a file system is, as evidence.
pub(super) fn filled(file: &FileFact, room: &Room, proves: &str) -> Evidence {
    let text = format!(
        "{}: `{}`: {} of {} bytes free, {} of {} inodes free",
        file.container,
        file.path,
        room.available_bytes,
        room.total_bytes,
        room.free_inodes,
        room.total_inodes
    );
    let fact = FactRef::File {
        container: file.container.clone(),
        path: file.path.clone(),
    };
    shown(fact, text, proves)
}

impl Full<'_> {
    /// Whether it is on the engine's own disk; `None` where nobody knows.
    fn is_on_disk(&self) -> Option<bool> {
        if self.mount.is_none() {
            return Some(true);
        }
        let ((_, room), (_, disk)) = (self.file.as_ref()?, self.disk.as_ref()?);
        Some(is_same(room, disk))
    }

    fn is_out_of_inodes(&self) -> bool {
        self.file
            .is_some_and(|(_, room)| has_no_inodes(&room) && !is_full(&room))
    }
}

/// A folder in memory that a complaint may be of and that is as wanted, with what tells so.
fn in_memory<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    is_wanted: fn(&Room) -> bool,
) -> Option<(&'f String, &'f FileFact, Room)> {
    let named = said.capture("path").map(|path| absolute(container, path));
    let mut folders = container.tmpfs.iter().filter(|folder| {
        let is_named = |path: &String| is_below(path, folder);
        named.as_ref().is_none_or(is_named)
    });
    folders.find_map(|folder| {
        let mut files = world.files(container);
        let (file, room) = files.find_map(|file| {
            let is_there = file.path == *folder || is_below(&file.path, folder);
            let room = file.room.filter(|room| is_there && is_wanted(room))?;
            Some((file, room))
        })?;
        Some((folder, file, room))
    })
}

/// How many files a folder in memory may hold that was given so few that they are soon used up.
const FEW_INODES: u64 = 1000;

/// Folders in memory that may hold few files. They are empty again after each start, so a look may come before they are full.
fn few_inodes_in_memory(world: &World<'_>, cases: &mut Vec<Case>) {
    let has_few = |room: &Room| {
        let has_few = (1..=FEW_INODES).contains(&room.total_inodes);
        has_no_inodes(room) || has_few && !is_full(room)
    };
    for container in world.containers() {
        let complaints = world.complaints(container, &[Says::NoSpace]);
        let found = complaints.first().and_then(|said| {
            let found = in_memory(world, container, said, has_few)?;
            Some((said, found))
        });
        let Some((said, (folder, file, room))) = found else {
            continue;
        };
        let claim = format!(
            "its folder `{folder}` in memory has {} bytes free, and can have no more than {} files",
            room.available_bytes, room.total_inodes
        );
        let level = filled(file, &room, "inodes are what is missing, not bytes");
        let at_most = if has_no_inodes(&room) {
            Confidence::Certain
        } else {
            Confidence::Likely
        };
        cases.push(
            Case::new(culprit(container, Some("tmpfs")), claim)
                .at_most(at_most)
                .mended_by(
                    format!("let `{folder}` have more files (`nr_inodes` under `tmpfs`), or remove those that nobody needs; then `bowline up`"),
                    Safety::Restart,
                )
                .decides("the complaint", Some(spoken(container, said, "the kernel had no room for it")))
                .decides("how full it is", Some(level.clone()))
                .rules_out(Code("D025"), Some(level.clone()))
                .rules_out(Code("D110"), Some(level)),
        );
    }
}

/// Folders of a service in memory (`tmpfs`) in which there is no room.
fn memory_full(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let complaints = world.complaints(container, &[Says::NoSpace]);
        let Some(said) = complaints.first() else {
            continue;
        };
        let Some((folder, file, room)) = in_memory(world, container, said, is_full) else {
            continue;
        };
        let claim = format!(
            "its folder `{folder}` in memory is full: {} of {} bytes are free",
            room.available_bytes, room.total_bytes
        );
        let complaint = spoken(container, said, "the kernel had no room for it");
        let level = filled(file, &room, "no more than a failed write gives back");
        let text = format!("`{folder}` is a `tmpfs`");
        let own = made(world, container, &text, "it has a size of its own");
        cases.push(
            Case::new(culprit(container, Some("tmpfs")), claim)
                .mended_by(
                    format!("give `{folder}` a larger `size` under `tmpfs`, or a volume where it is to hold much, then `bowline up`"),
                    Safety::Restart,
                )
                .decides("the complaint", Some(complaint))
                .decides("how full it is", Some(level.clone()))
                .decides("that it has a size of its own", own)
                .rules_out(Code("D110"), Some(level)),
        );
    }
}

fn volume_full(world: &World<'_>, cases: &mut Vec<Case>) {
    memory_full(world, cases);
    for it in full(world) {
        let Some(mount) = it.mount.filter(|_| it.is_on_disk() != Some(true)) else {
            continue;
        };
        if it.is_out_of_inodes() || it.file.is_some_and(|(_, room)| !is_full(&room)) {
            continue;
        }
        let name = &mount.source;
        let file_system = world
            .volume(name)
            .and_then(|volume| volume.file_system.as_deref());
        // Where nobody could look, only a volume that was given a size can be told from the disk.
        if it.file.is_none() && file_system.is_none() {
            continue;
        }
        let to_blame = world.keeper(it.container, &mount.target);
        let claim = match it.file {
            Some((_, room)) => format!(
                "`{name}` is full: {} of {} bytes are free",
                room.available_bytes, room.total_bytes
            ),
            None => format!("`{name}` is full"),
        };
        let level = it
            .file
            .map(|(file, room)| filled(file, &room, "no more than a failed write gives back"));
        let own = it.file.zip(it.disk).map(|((file, room), _)| {
            filled(
                file,
                &room,
                "it is not as large as the engine's disk: it has a size of its own",
            )
        });
        let disk = it.disk.filter(|(_, room)| !is_full(room));
        let disk =
            disk.map(|(file, room)| filled(file, &room, "on the engine's own disk there is room"));
        let inodes = it.file.filter(|(_, room)| !has_no_inodes(room));
        let inodes = inodes.map(|(file, room)| filled(file, &room, "more files could be made"));
        cases.push(
            Case::new(to_blame, claim)
                .seen_in(it.container.service.as_deref())
                .mended_by(
                    format!(
                        "make room in it (`bowline exec {} du -x -d 2 {}` shows what takes it), or give it a larger size and move the data there",
                        service(it.container),
                        mount.target
                    ),
                    Safety::NeedsYou,
                )
                .decides("the complaint", Some(it.complaint))
                .decides("how full it is", level)
                .decides("that it has a size of its own", own)
                .rules_out(Code("D110"), disk)
                .rules_out(Code("D111"), inodes),
        );
    }
}

fn disk_full(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in full(world) {
        let Some((file, room)) = it.file.filter(|_| it.is_on_disk() == Some(true)) else {
            continue;
        };
        if !is_full(&room) {
            continue;
        }
        let folder = world.host().map_or("/", |host| host.folder.as_str());
        let claim = format!(
            "the engine's disk is full: {} of {} bytes are free, for whatever runs here",
            room.available_bytes, room.total_bytes
        );
        let level = filled(file, &room, "there is no room left");
        let own = it
            .disk
            .map(|(file, room)| filled(file, &room, "the image's own files are on it as well"));
        let inodes = Some(level.clone()).filter(|_| !has_no_inodes(&room));
        cases.push(
            Case::new(whole(CulpritKind::File, folder), claim)
                .seen_in(it.container.service.as_deref())
                .mended_by(
                    "see what takes it (`docker system df -v`, and `du` on the host), and remove what nobody needs, old images and build caches before anything that holds data",
                    Safety::NeedsYou,
                )
                .decides("the complaint", Some(it.complaint))
                .decides("how full it is", Some(level.clone()))
                .decides("that it is the engine's own disk", own.clone())
                .rules_out(Code("D025"), own)
                .rules_out(Code("D111"), inodes),
        );
    }
}

fn no_inodes(world: &World<'_>, cases: &mut Vec<Case>) {
    few_inodes_in_memory(world, cases);
    for it in full(world) {
        let Some((file, room)) = it.file.filter(|_| it.is_out_of_inodes()) else {
            continue;
        };
        let to_blame = match it.mount {
            Some(mount) => world.keeper(it.container, &mount.target),
            None => whole(CulpritKind::File, "/"),
        };
        let claim = format!(
            "`{}` has {} bytes free, and can have no more files: all {} inodes are taken",
            to_blame.name, room.available_bytes, room.total_inodes
        );
        let level = filled(file, &room, "inodes are what is missing, not bytes");
        cases.push(
            Case::new(to_blame, claim)
                .seen_in(it.container.service.as_deref())
                .mended_by(
                    format!(
                        "find the folder with the many small files (`bowline exec {} find {} -xdev -type d -size +1M`), and remove those that nobody needs",
                        service(it.container),
                        file.path
                    ),
                    Safety::NeedsYou,
                )
                .decides("the complaint", Some(it.complaint))
                .decides("how full it is", Some(level.clone()))
                .rules_out(Code("D025"), Some(level.clone()))
                .rules_out(Code("D110"), Some(level)),
        );
    }
}

fn log_grows(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers().filter(|one| world.runs(one)) {
        let is_file = matches!(container.log_driver.as_deref(), Some("json-file") | None);
        let is_turned = container.log_options.contains_key("max-size");
        let bytes = world.log(container).and_then(|log| log.bytes);
        let (Some(bytes), true, false, Some(created)) =
            (bytes, is_file, is_turned, container.created)
        else {
            continue;
        };
        let age = world
            .now()
            .duration_since(created)
            .as_secs()
            .max(1)
            .unsigned_abs();
        let a_day = bytes.saturating_mul(24 * 60 * 60) / age;
        if bytes < LARGE_LOG || a_day < FAST_LOG {
            continue;
        }
        let megabytes = bytes / 1_000_000;
        let claim = format!(
            "its log has {megabytes} MB after {age} s, and is never turned over: at that pace it takes {} GB a day of the engine's disk",
            a_day / 1_000_000_000
        );
        let text = format!("{}: its log has {bytes} bytes", container.name);
        let fact = FactRef::Log(container.name.clone());
        let size = shown(fact, text, "it wrote that since it was made");
        let text = "log driver `json-file` without `max-size`";
        let settings = made(
            world,
            container,
            text,
            "the engine keeps all of it for ever",
        );
        cases.push(
            Case::new(culprit(container, Some("logging")), claim)
                .mended_by(
                    "set `logging: {driver: json-file, options: {max-size: 10m, max-file: \"3\"}}` and see why it writes so much, then `bowline up`",
                    Safety::Restart,
                )
                .decides("how large it is", Some(size.clone()))
                .decides("that nothing turns it over", settings)
                .rules_out(Code("D110"), Some(size)),
        );
    }
}

/// What clients say where data is not what it was.
const GONE: &[Says] = &[
    Says::RelationMissing,
    Says::DatabaseMissing,
    Says::RoleMissing,
    Says::BucketMissing,
    Says::IndexMissing,
    Says::TopicMissing,
    Says::QueueMissing,
    Says::NamespaceMissing,
];

/// What a server, or somebody who needs it, misses of its data.
fn what_is_gone<'f>(world: &World<'f>, server: &'f ContainerFact) -> Option<Evidence> {
    let name = server.service.as_deref()?;
    let mut all = world.containers().filter(|one| {
        let needs = one.service.as_deref();
        one.name == server.name || needs.is_some_and(|one| world.needs(one).any(|it| it == name))
    });
    all.find_map(|container| {
        let mut said = world.said(container).iter();
        let said = said.find(|said| said.is_fresh && GONE.contains(&said.says))?;
        Some(spoken(container, said, "something that was there is not"))
    })
}

/// Whether a name is one that the engine made up.
fn is_anonymous(volume: &str) -> bool {
    volume.len() == 64 && volume.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The mounts of a container that hold what must not be lost.
fn data_mounts<'f>(world: &World<'f>, container: &'f ContainerFact) -> Vec<&'f Mount> {
    let image = world.image(&container.image);
    let folders: Vec<&str> = image
        .iter()
        .flat_map(|image| image.volumes.iter().map(String::as_str))
        .chain(
            world
                .recipe(container)
                .iter()
                .flat_map(|it| it.data.iter().map(|data| data.folder.as_str())),
        )
        .collect();
    let mounts = world.mounts(container).unwrap_or_default().iter();
    mounts
        .filter(|mount| mount.kind == "volume" && folders.contains(&mount.target.as_str()))
        .collect()
}

fn anonymous(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for mount in data_mounts(world, container) {
            let (Some(volume), true) = (world.volume(&mount.source), is_anonymous(&mount.source))
            else {
                continue;
            };
            let (Some(gone), Some(before), true) = (
                what_is_gone(world, container),
                world.removed_before(container),
                is_made_with(volume, container),
            ) else {
                continue;
            };
            let target = &mount.target;
            let claim = format!(
                "its data at `{target}` is in a volume without a name: the container before it had another one, and this one began empty"
            );
            let text = format!(
                "{}: volume `{}` at `{target}`",
                container.name,
                short(&mount.source)
            );
            let fact = FactRef::Mounts(container.name.clone());
            let mounted = shown(
                fact,
                text,
                "nobody named it, so no other container finds it again",
            );
            let young = made_when(volume, "it was made with this container");
            cases.push(
                Case::new(culprit(container, Some("volumes")), claim)
                    .at_most(Confidence::Likely)
                    .mended_by(
                        format!(
                            "give it a name under `volumes` (`data:{target}`); the old one is still there unless it was pruned: `docker volume ls -f dangling=true`, look into each before anything else"
                        ),
                        Safety::NeedsYou,
                    )
                    .decides("the mount", Some(mounted.clone()))
                    .decides("the volume", Some(young))
                    .decides("that there was another before", Some(before))
                    .decides("what is missing", Some(gone))
                    .rules_out(Code("D139"), Some(mounted)),
            );
        }
    }
}

fn short(volume: &str) -> &str {
    volume.get(..12).unwrap_or(volume)
}

/// Whether a volume was made together with a container.
fn is_made_with(volume: &VolumeFact, container: &ContainerFact) -> bool {
    let together =
        |one: jiff::Timestamp, other: jiff::Timestamp| one.duration_since(other).abs() < TOGETHER;
    volume
        .created
        .zip(container.created)
        .is_some_and(|(one, other)| together(one, other))
}

fn made_when(volume: &VolumeFact, proves: &str) -> Evidence {
    let when = volume
        .created
        .map_or_else(|| "at some time".to_owned(), |when| when.to_string());
    let project = volume.project.as_deref().unwrap_or("no project");
    let text = format!(
        "volume `{}` of {project}, made {when}",
        short_or_whole(&volume.name)
    );
    shown(FactRef::Volume(volume.name.clone()), text, proves)
}

fn short_or_whole(volume: &str) -> &str {
    if is_anonymous(volume) {
        short(volume)
    } else {
        volume
    }
}

fn other_project(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        for mount in data_mounts(world, container) {
            let Some(volume) = world.volume(&mount.source) else {
                continue;
            };
            let older = older_namesake(world, volume);
            let (Some(older), true) = (older, is_made_with(volume, container)) else {
                continue;
            };
            let anew = world
                .said(container)
                .iter()
                .find(|said| said.says == Says::Initialised);
            let gone = what_is_gone(world, container);
            if gone.is_none() {
                continue;
            }
            let project = older.project.as_deref().unwrap_or_default();
            let claim = format!(
                "`{}` began empty with the project `{}`; an older one of the same key is `{}`, of the project `{project}`",
                volume.name,
                world.project(),
                older.name
            );
            let anew = anew.map(|said| spoken(container, said, "there was nothing in it"));
            cases.push(
                Case::new(whole(CulpritKind::Volume, &volume.name), claim)
                    .seen_in(container.service.as_deref())
                    .at_most(Confidence::Likely)
                    .mended_by(
                        format!(
                            "bring it up under its old name (`bowline -p {project} up`, or `name: {project}` in the file), or name the volume there (`name: {}`, `external: true`)",
                            older.name
                        ),
                        Safety::NeedsYou,
                    )
                    .decides("the volume", Some(made_when(volume, "it is as young as the project's name")))
                    .decides("the older one", Some(made_when(older, "it has the same key, and was there before")))
                    .decides("that it began anew", anew.or(gone))
                    .rules_out(Code("D138"), Some(made_when(volume, "it has a name"))),
            );
        }
    }
}

/// The newest volume of another project with the same key that is older.
fn older_namesake<'f>(world: &World<'f>, volume: &VolumeFact) -> Option<&'f VolumeFact> {
    let is_older = |other: &&VolumeFact| {
        other.key.is_some()
            && other.key == volume.key
            && other
                .created
                .zip(volume.created)
                .is_some_and(|(one, own)| one < own)
    };
    world
        .namesakes()
        .filter(is_older)
        .max_by_key(|one| one.created)
}
