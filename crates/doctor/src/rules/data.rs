//! Folders of data: of another version, not to be read, or written by two.

use bowline_recipes::Says;

use crate::facts::{ContainerFact, FileHead, FileThere, Mount};
use crate::finding::{Code, Culprit, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::stores::{Store, holds, in_source};
use crate::world::{Said, World, culprit, shown, spoken};

pub(crate) const LOCKED_BY_ANOTHER: Rule = Rule {
    code: Code("D080"),
    title: "another container holds the data that a server wants for itself",
    layer: Layer::Storage,
    decisive: &[
        "the refusal",
        "its mount",
        "the other's mount",
        "that the other runs",
    ],
    look_alikes: &[Code("D081")],
    yields: false,
    endangers_data: false,
    find: locked_by_another,
};

pub(crate) const TWO_WRITE: Rule = Rule {
    code: Code("D081"),
    title: "two servers write one folder of data",
    layer: Layer::Storage,
    decisive: &["its mount", "the other's mount", "that both wrote"],
    look_alikes: &[Code("D080")],
    yields: false,
    endangers_data: true,
    find: two_write,
};

pub(crate) const OTHER_VERSION: Rule = Rule {
    code: Code("D123"),
    title: "the data is of another version than the server",
    layer: Layer::DataService,
    decisive: &["what the server says", "the version of the data"],
    look_alikes: &[Code("D124")],
    yields: false,
    endangers_data: false,
    find: other_version,
};

pub(crate) const NOT_ITS_OWN: Rule = Rule {
    code: Code("D124"),
    title: "mode or owner of the data folder keep the server from its data",
    layer: Layer::Storage,
    decisive: &["what the server says", "mode and owner"],
    look_alikes: &[Code("D123")],
    yields: false,
    endangers_data: false,
    find: not_its_own,
};

pub(crate) const MOVED_MOUNT: Rule = Rule {
    code: Code("D125"),
    title: "the server keeps its data elsewhere since this version",
    layer: Layer::Storage,
    decisive: &["what the server says", "the mount"],
    look_alikes: &[Code("D123")],
    yields: false,
    endangers_data: false,
    find: moved_mount,
};

/// A server that does not run for a reason that its log names, with its first folder of data.
pub(super) struct Stopped<'w, 'f> {
    pub(super) server: &'f ContainerFact,
    store: Option<Store<'f>>,
    pub(super) said: &'w Said<'f>,
    keeper: Culprit,
}

/// Servers that are not well and say one of these words.
pub(super) fn stopped<'w, 'f>(world: &'w World<'f>, words: &[Says]) -> Vec<Stopped<'w, 'f>> {
    let servers = world
        .containers()
        .filter(|server| !world.seems_well(server));
    servers
        .filter_map(|server| {
            world.recipe(server)?;
            let mut said = world.said(server).iter();
            let said = said.find(|said| said.is_fresh && words.contains(&said.says))?;
            let store = world.stores(server).into_iter().next();
            let keeper = match &store {
                Some(store) => world.keeper(server, &store.folder),
                None => culprit(server, Some("volumes")),
            };
            Some(Stopped {
                server,
                store,
                said,
                keeper,
            })
        })
        .collect()
}

impl Stopped<'_, '_> {
    pub(super) fn service(&self) -> &str {
        self.server.service.as_deref().unwrap_or(&self.server.name)
    }

    pub(super) fn word(&self, proves: &str) -> Evidence {
        spoken(self.server, self.said, proves)
    }

    /// A case against what holds the data.
    pub(super) fn case(&self, claim: String) -> Case {
        Case::new(self.keeper.clone(), claim).seen_in(self.server.service.as_deref())
    }
}

/// A path of a container as a fact.
fn file_of(container: &ContainerFact, path: &str) -> FactRef {
    FactRef::File {
        container: container.name.clone(),
        path: path.to_owned(),
    }
}

fn other_version(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in stopped(world, &[Says::DataIncompatible]) {
        let path = it.store.as_ref().and_then(Store::version_file);
        let file = path.as_ref().and_then(|path| world.file(it.server, path));
        let there = file.and_then(|file| file.there.as_ref());
        let of_data = match there.and_then(|there| there.head.as_ref()) {
            Some(FileHead::Version(version)) => Some(version.as_str()),
            _ => None,
        };
        let runs = it.said.capture("to").map(str::to_owned);
        let runs = runs.or_else(|| major(world, it.server));
        // A file that names the server's own version speaks against it.
        let is_other = |version: &&str| {
            !runs
                .as_ref()
                .is_some_and(|runs| is_same_major(runs, version))
        };
        let of_data = of_data.filter(is_other);
        let from = of_data.or_else(|| it.said.capture("from"));
        let claim = match (from, &runs) {
            (Some(from), Some(to)) => format!(
                "its data is of version {from}, and `{}` runs {to}",
                it.service()
            ),
            (Some(from), None) => format!(
                "its data is of version {from}, which `{}` does not read",
                it.service()
            ),
            _ => format!(
                "its data is of another version than `{}` reads",
                it.service()
            ),
        };
        let version = of_data.zip(path.as_ref()).map(|(version, path)| {
            let text = format!("{}: `{path}` says {version}", it.server.name);
            shown(
                file_of(it.server, path),
                text,
                "the data was made by another version",
            )
        });
        let refusal = it.word("it refuses data of another version");
        cases.push(
            it.case(claim)
                .mended_by(
                    format!(
                        "put the former image of `{}` back ({}); then move the data over with a dump, or with the server's own upgrade. The data itself is well",
                        it.service(),
                        from.map_or("the one that made the data".to_owned(), |from| format!("version {from}"))
                    ),
                    Safety::NeedsYou,
                )
                .decides("what the server says", Some(refusal.clone()))
                .decides("the version of the data", version)
                .rules_out(Code("D124"), Some(refusal)),
        );
    }
}

/// The major version of a server, by its image's variable or tag.
fn major(world: &World<'_>, server: &ContainerFact) -> Option<String> {
    world.recipe(server)?;
    let told = server.environment.get("PG_MAJOR").cloned().flatten();
    let tag = || {
        let (_, tag) = server.image.rsplit_once(':')?;
        let digits: String = tag.chars().take_while(char::is_ascii_digit).collect();
        Some(digits).filter(|digits| !digits.is_empty())
    };
    told.or_else(tag)
}

fn is_same_major(one: &str, other: &str) -> bool {
    let first = |version: &str| version.split('.').next().map(str::to_owned);
    first(one) == first(other)
}

fn not_its_own(world: &World<'_>, cases: &mut Vec<Case>) {
    let words = [
        Says::DataModeWrong,
        Says::DataOwnerWrong,
        Says::DataNotAccessible,
    ];
    for it in stopped(world, &words) {
        let folder = it.store.as_ref().map(|store| store.folder.as_str());
        let named = it.said.capture("path");
        let seen = [named, folder].into_iter().flatten().find_map(|path| {
            let there = world.file(it.server, path)?.there.as_ref()?;
            Some((path, there))
        });
        let about_mode = it.said.says == Says::DataModeWrong;
        let mode_and_owner = seen
            .filter(|(_, there)| speaks_against(there, about_mode, it.server))
            .map(|(path, there)| {
                let owner = there
                    .owner
                    .map_or(String::new(), |(uid, gid)| format!(", owner {uid}:{gid}"));
                let text = format!(
                    "{}: `{path}` has mode {:04o}{owner}",
                    it.server.name, there.mode
                );
                let proves = if about_mode {
                    "others may read or write it"
                } else {
                    "it is not the server's own"
                };
                shown(file_of(it.server, path), text, proves)
            });
        let claim = if about_mode {
            "its data can be read or written by others, which the server refuses".to_owned()
        } else {
            format!(
                "its data belongs to another user than the one that `{}` runs as",
                it.service()
            )
        };
        let fix = if about_mode {
            "give the folder mode 0700 again (`chmod 700`), then `bowline up`"
        } else {
            "give the folder back to the server's user (`chown`), or let it run as the folder's owner (`user`), then `bowline up`"
        };
        let refusal = it.word("it reached the folder and refuses it");
        cases.push(
            it.case(claim)
                .mended_by(fix, Safety::NeedsYou)
                .decides("what the server says", Some(refusal.clone()))
                .decides("mode and owner", mode_and_owner)
                .rules_out(Code("D123"), Some(refusal)),
        );
    }
}

/// Whether mode and owner of a folder can be what a server complains of.
fn speaks_against(there: &FileThere, about_mode: bool, server: &ContainerFact) -> bool {
    // Owner: all; group: read at most; others: nothing. So does Postgres (its documentation, section 19.2).
    const TOO_OPEN: u32 = 0o027;
    if about_mode {
        return there.mode & TOO_OPEN != 0;
    }
    let user = server
        .user
        .as_deref()
        .and_then(|user| user.split(':').next());
    let user: Option<u32> = user.and_then(|user| user.parse().ok());
    let owner = there.owner.map(|(uid, _)| uid);
    user.is_none() || owner.is_none() || owner != user
}

fn moved_mount(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in stopped(world, &[Says::DataMoved]) {
        let store = it.store.as_ref();
        let moved = store.and_then(|store| store.known.moved.as_ref());
        let mounts = world.mounts(it.server).unwrap_or_default();
        let old = store.and_then(|store| {
            mounts
                .iter()
                .find(|mount| mount.target == store.known.folder)
        });
        let to = moved.map_or("the folder above", |moved| moved.to.as_str());
        let claim = format!(
            "since this version `{}` keeps its data below `{to}`, and the volume is mounted at the old place",
            it.service()
        );
        let mount = old.map(|mount| {
            let text = format!("{}: {} at `{}`", it.server.name, mount.source, mount.target);
            shown(
                FactRef::Mounts(it.server.name.clone()),
                text,
                "that is where former versions kept it",
            )
        });
        let refusal = it.word("it found a mount where it keeps nothing any more");
        cases.push(
            Case::new(culprit(it.server, Some("volumes")), claim)
                .mended_by(
                    format!("mount the volume at `{to}`, or put the former image back until the data is moved over; the data itself is well"),
                    Safety::NeedsYou,
                )
                .decides("what the server says", Some(refusal.clone()))
                .decides("the mount", mount)
                .rules_out(Code("D123"), Some(refusal)),
        );
    }
}

/// A container with a folder of data.
#[derive(Clone, Copy)]
struct Holder<'f> {
    container: &'f ContainerFact,
    mount: &'f Mount,
}

/// Two containers that have one folder of data, the younger run first.
struct Shared<'f> {
    one: Holder<'f>,
    other: Holder<'f>,
    keeper: Culprit,
}

/// Every two containers that share a folder which only one server may have.
fn shared<'f>(world: &World<'f>) -> Vec<Shared<'f>> {
    let mut holders: Vec<(Holder<'f>, Culprit, (&'f str, String))> = Vec::new();
    for container in world.containers() {
        let stores = world.stores(container).into_iter();
        for store in stores.filter(|store| store.known.exclusive) {
            let mount = world.mount_of(container, &store.folder);
            // The same source, and the same folder below it, are the same data.
            if let Some(mount) = mount.filter(|mount| mount.writable)
                && let Some(path) = in_source(&store.folder, mount)
            {
                let place = (mount.source.as_str(), path);
                let keeper = world.keeper(container, &store.folder);
                holders.push((Holder { container, mount }, keeper, place));
            }
        }
    }
    let mut shared = Vec::new();
    for (index, (one, keeper, place)) in holders.iter().enumerate() {
        for (other, _, other_place) in &holders[index + 1..] {
            if place != other_place {
                continue;
            }
            let is_younger = one.container.started > other.container.started;
            let (one, other) = if is_younger {
                (*one, *other)
            } else {
                (*other, *one)
            };
            shared.push(Shared {
                one,
                other,
                keeper: keeper.clone(),
            });
        }
    }
    shared.extend(refused(world));
    shared
}

/// The same of programs that no recipe knows: one says that its data is locked, and another one that runs has that volume.
fn refused<'f>(world: &World<'f>) -> Vec<Shared<'f>> {
    let mut shared = Vec::new();
    for container in world.containers() {
        let said = world.says(container, Says::DataLocked);
        let Some(path) = said.and_then(|said| said.capture("path")) else {
            continue;
        };
        let mount = world.mount_of(container, path).filter(|it| it.writable);
        let Some(mount) = mount.filter(|_| world.stores(container).is_empty()) else {
            continue;
        };
        let Some(locked) = in_source(path, mount) else {
            continue;
        };
        let has_it = |one: &&Mount| one.writable && holds(one, &mount.source, &locked);
        let others = world.containers().filter(|other| {
            other.name != container.name && world.runs(other) && world.stores(other).is_empty()
        });
        for other in others {
            let mut mounts = world.mounts(other).into_iter().flatten();
            if let Some(theirs) = mounts.find(has_it) {
                shared.push(Shared {
                    one: Holder { container, mount },
                    other: Holder {
                        container: other,
                        mount: theirs,
                    },
                    keeper: world.keeper(container, path),
                });
            }
        }
    }
    shared
}

/// Whether a container really is a server now, rather than a client of the same image: it runs its program.
fn serves(world: &World<'_>, container: &ContainerFact) -> bool {
    let (Some(inside), Some(recipe)) = (world.inside(container), world.recipe(container)) else {
        return false;
    };
    let program = inside
        .main
        .first()
        .map(|word| word.rsplit('/').next().unwrap_or(word));
    let program = program.and_then(|it| it.split([' ', ':']).next());
    let is_known = |name: &str| recipe.matching.programs.iter().any(|known| known == name);
    let mut ports = recipe.ports.iter().map(|port| port.number);
    program.is_some_and(is_known)
        || ports.any(|port| {
            inside
                .listeners
                .iter()
                .any(|listener| listener.port == port)
        })
}

impl<'f> Holder<'f> {
    fn name(&self) -> &'f str {
        let service = self.container.service.as_deref();
        service.unwrap_or(&self.container.name)
    }

    fn mounted(&self) -> Evidence {
        let name = &self.container.name;
        let (source, target) = (&self.mount.source, &self.mount.target);
        let folder = self.mount.subpath.as_ref();
        let folder = folder.map_or_else(String::new, |folder| format!("/{folder}"));
        let text = format!("{name}: {source}{folder} at `{target}`, writable");
        shown(FactRef::Mounts(name.clone()), text, "it has that data")
    }
}

impl<'f> Shared<'f> {
    fn both(&self) -> [&'f ContainerFact; 2] {
        [self.one.container, self.other.container]
    }

    /// Whether one of the two says this now, and which.
    fn says<'w>(
        &self,
        world: &'w World<'f>,
        what: Says,
    ) -> Option<(&'f ContainerFact, &'w Said<'f>)> {
        let mut both = self.both().into_iter();
        both.find_map(|container| Some((container, world.says(container, what)?)))
    }

    /// That neither says that the other one's lock keeps it out; nothing where a log could not be read.
    fn refuses_neither(&self, world: &World<'f>) -> Vec<Evidence> {
        let evidence = |container: &'f ContainerFact| {
            world.log(container)?;
            let text = format!("{} log: says nothing of a lock", container.name);
            let fact = FactRef::Log(container.name.clone());
            Some(shown(fact, text, "no lock keeps it from writing"))
        };
        let both: Option<Vec<Evidence>> = self.both().into_iter().map(evidence).collect();
        both.unwrap_or_default()
    }

    fn case(&self, claim: String) -> Case {
        Case::new(self.keeper.clone(), claim)
            .seen_in(self.one.container.service.as_deref())
            .decides("its mount", Some(self.one.mounted()))
            .decides("the other's mount", Some(self.other.mounted()))
    }
}

const APART: &str = "then give each a volume of its own under `volumes`, and check the data before anything is written to it again";

fn two_write(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in shared(world) {
        let mut both = it.both().into_iter();
        let both_run = both.all(|container| world.runs(container) && serves(world, container));
        // The one that lost its lock file saw the other take the folder.
        let lost = it.says(world, Says::PidfileLost).map(|(container, said)| {
            let proves = "another server took the folder while this one had it";
            spoken(container, said, proves)
        });
        let is_locked = it.says(world, Says::DataLocked).is_some();
        let running = (both_run && !is_locked).then(|| {
            let name = &it.one.container.name;
            let text = format!(
                "{name}: its server runs, as does that of {}",
                it.other.container.name
            );
            let proves = "both write as if they were alone";
            shown(FactRef::Inside(name.clone()), text, proves)
        });
        let unlocked = it.refuses_neither(world);
        let unlocked = lost.clone().map_or(unlocked, |lost| vec![lost]);
        let Some(wrote) = lost.or(running) else {
            continue;
        };
        let (one, other) = (it.one.name(), it.other.name());
        let claim = format!(
            "`{one}` and `{other}` write the same data, which destroys it: no lock reaches from one container to the other"
        );
        let case = it
            .case(claim)
            .between(Some(one), Some(other))
            .mended_by(
                format!("stop one now: `bowline stop {one}`; {APART}"),
                Safety::NeedsYou,
            )
            .by_command(["bowline", "stop", one])
            .decides("that both wrote", Some(wrote));
        let rule_out = |case: Case, by| case.rules_out(Code("D080"), Some(by));
        cases.push(unlocked.into_iter().fold(case, rule_out));
    }
}

fn locked_by_another(world: &World<'_>, cases: &mut Vec<Case>) {
    for it in shared(world) {
        let Some((refused, said)) = it.says(world, Says::DataLocked) else {
            continue;
        };
        let is_first = it.one.container.name == refused.name;
        let (one, other) = if is_first {
            (it.one, it.other)
        } else {
            (it.other, it.one)
        };
        let was_lost = it.says(world, Says::PidfileLost).is_some();
        if was_lost || !world.runs(other.container) {
            continue;
        }
        let refusal = spoken(
            refused,
            said,
            "a lock kept it from writing beside the other",
        );
        let text = format!("{}: running", other.container.name);
        let fact = FactRef::State(other.container.name.clone());
        let (one, other) = (one.name(), other.name());
        let claim = format!("`{one}` cannot have the data, because `{other}` holds it");
        cases.push(
            it
                .case(claim)
                .seen_in(Some(one))
                .between(Some(other), Some(one))
                .mended_by(
                    format!("stop one of them: `bowline stop {one}`; then give each a volume of its own under `volumes`"),
                    Safety::NeedsYou,
                )
                .decides("the refusal", Some(refusal.clone()))
                .decides("that the other runs", Some(shown(fact, text, "it holds the data")))
                .rules_out(Code("D081"), Some(refusal)),
        );
    }
}
