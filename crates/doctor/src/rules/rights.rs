//! What a process may not do: by owner and mode, by labels, and on low ports.

use bowline_recipes::Says;

use crate::edit::{Change, Edit, Spot};
use crate::facts::{ContainerFact, FileFact, FileSort, FileThere, HostFact};
use crate::finding::{Code, Confidence, Evidence, FactRef, Safety};
use crate::rule::{Case, Layer, Rule};
use crate::world::{Said, World, culprit, filed, made, shown, spoken, stood};

use super::files::{absolute, on_host, owner_of_path, refused_program, service};
use super::sockets;

pub(crate) const DENIED: Rule = Rule {
    code: Code("D112"),
    title: "owner and mode of a file or folder keep its user out",
    layer: Layer::Storage,
    decisive: &["the complaint", "who it runs as", "whose it is"],
    look_alikes: &[Code("D117"), Code("D128")],
    yields: false,
    endangers_data: false,
    find: denied,
};

pub(crate) const LABELS: Rule = Rule {
    code: Code("D128"),
    title: "the engine's labels or user namespace keep it out, although owner and mode would not",
    layer: Layer::Platform,
    decisive: &[
        "the complaint",
        "that owner and mode allow it",
        "what else forbids it",
    ],
    look_alikes: &[Code("D112"), Code("D117")],
    yields: false,
    endangers_data: false,
    find: labels,
};

pub(crate) const LOW_PORT: Rule = Rule {
    code: Code("D143"),
    title: "its user may not listen on a port that low",
    layer: Layer::Network,
    decisive: &["the complaint", "who it runs as", "what forbids it"],
    look_alikes: &[Code("D049"), Code("D050")],
    yields: false,
    endangers_data: false,
    find: low_port,
};

/// Ports below this are for root unless the kernel is told otherwise.
const FIRST_FREE_PORT: u16 = 1024;
const START: &str = "net.ipv4.ip_unprivileged_port_start";

/// Who the main process of a container is.
struct Who {
    user: u32,
    group: Option<u32>,
    /// Whether it lacks the right by which root is not asked for owner and mode.
    is_bound: bool,
    evidence: Evidence,
}

/// Who the main process is: as the kernel says, else as it was asked for by number.
fn who<'f>(world: &World<'f>, container: &'f ContainerFact) -> Option<Who> {
    let asked = container.user.as_deref().filter(|user| !user.is_empty());
    let mut parts = asked.unwrap_or("0:0").split(':').map(str::parse);
    let user = parts.next().and_then(Result::ok);
    let group = parts.next().and_then(Result::ok);
    let lacks = |right: &str| {
        let mut dropped = container.cap_drop.iter();
        dropped.any(|it| it.trim_start_matches("CAP_") == right || it == "ALL")
    };
    let inside = world.inside(container);
    let main = inside.and_then(|inside| inside.main_uid);
    // A master of root's lets workers of another user do the work: those are who is refused.
    let workers = inside.and_then(|inside| {
        let mut others = inside.uids.iter().filter(|uid| **uid != 0);
        others.next().copied().filter(|_| others.next().is_none())
    });
    let uid = main.map(|main| workers.filter(|_| main == 0).unwrap_or(main));
    if let Some(uid) = uid {
        let what = if main == Some(uid) {
            "its main process runs"
        } else {
            "its workers run"
        };
        let text = format!("{}: {what} as user {uid}", container.name);
        let fact = FactRef::Inside(container.name.clone());
        return Some(Who {
            user: uid,
            group: group.filter(|_| user == Some(uid)),
            is_bound: uid != 0 || lacks("DAC_OVERRIDE"),
            evidence: shown(fact, text, "these are its rights"),
        });
    }
    let user = user?;
    let text = format!("runs as user {}", asked.unwrap_or("0"));
    Some(Who {
        user,
        group,
        is_bound: user != 0 || lacks("DAC_OVERRIDE"),
        evidence: made(world, container, &text, "these are its rights")?,
    })
}

/// What of a file or folder somebody may do: 4 read, 2 write, 1 enter or run.
fn rights(who: &Who, there: &FileThere) -> Option<u32> {
    let (owner, group) = there.owner?;
    if !who.is_bound {
        return Some(7);
    }
    // Nobody knows the groups of a user that no group was named for; root's and its own are usual.
    let is_member = match who.group {
        Some(own) => group == own,
        None => group == 0 || group == who.user,
    };
    Some(if owner == who.user {
        there.mode >> 6 & 7
    } else if is_member {
        there.mode >> 3 & 7
    } else {
        there.mode & 7
    })
}

/// Words of lines about something that was only to be read.
const READING: &[&str] = &[
    "can't read",
    "cannot read",
    "could not read",
    "couldn't read",
    "error reading",
    "failed to read",
    "for reading",
    "unable to read",
];

/// Whether a line is about something that a shell or a program could not run; shells say the same of what they were to read.
fn is_about_running(line: &str, path: &str) -> bool {
    let end = format!("{}: permission denied", path.to_lowercase());
    let is_shells = line.contains("sh: ") && !line.contains("cannot ");
    line.contains("exec ") || is_shells && line.ends_with(&end)
}

/// What who complains needs of a path: to read and write a file, to enter and change a folder. Where its mount lets nobody
/// write, or the line says that it was to be read, that is to read (or run) the one and to enter the other. A socket is
/// called by writing, however it is mounted.
fn needed<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    file: &FileFact,
) -> u32 {
    let mount = world.mount_of(container, &file.path);
    // Where nobody knows what is mounted, it may be something that is only to be read.
    let is_writable = world.mounts(container).is_some() && mount.is_none_or(|mount| mount.writable);
    let line = said.text.to_lowercase();
    let is_to_read = !is_writable
        || line.starts_with("cat: ")
        || READING.iter().any(|words| line.contains(words));
    let only_reads = is_to_read && said.says != Says::NotWritable;
    match file.there.as_ref().map(|there| there.sort) {
        Some(FileSort::Folder) if only_reads => 0o1,
        Some(FileSort::Folder) => 0o3,
        Some(FileSort::File) if only_reads && is_about_running(&line, &file.path) => 0o5,
        Some(FileSort::File) if only_reads => 0o4,
        _ => 0o6,
    }
}

/// Whether somebody is kept out of something of which this is needed.
fn keeps_out(who: &Who, file: &FileFact, needed: u32) -> Option<bool> {
    let rights = rights(who, file.there.as_ref()?)?;
    Some(rights & needed != needed)
}

/// Whether somebody who is kept out would be let in by being in a group that nobody knows of: those that a container is
/// given besides its own are not to be seen.
fn may_be_let_in(who: &Who, file: &FileFact, needed: u32) -> bool {
    let there = file.there.as_ref();
    there.is_some_and(|there| {
        let is_known = |(owner, group): (u32, u32)| owner == who.user || who.group == Some(group);
        let by_group = there.mode >> 3 & 7;
        !there.owner.is_some_and(is_known) && by_group & needed == needed
    })
}

/// What of an engine may forbid what owner and mode allow, and has numbers of its own for users.
const FORBIDDING: &[&str] = &["selinux", "userns", "rootless"];

/// What else than owner and mode may forbid something, by the engine's security options.
fn what_else_forbids(host: &HostFact) -> Option<&'static str> {
    let mut known = FORBIDDING.iter().copied();
    known.find(|word| host.security.iter().any(|it| it.contains(word)))
}

/// The security options of an engine as evidence.
fn options(host: &HostFact, proves: &str) -> Evidence {
    let words = if host.security.is_empty() {
        "none".to_owned()
    } else {
        host.security.join(", ")
    };
    let text = format!("security options of the engine: {words}");
    shown(FactRef::Host, text, proves)
}

/// The nearest of a path and the folders above it that is there and was looked at.
fn nearest<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    path: &str,
) -> Option<&'f FileFact> {
    let mut path = path.trim_end_matches('/');
    while !path.is_empty() {
        let file = world.file(container, path);
        if let Some(file) = file.filter(|file| file.there.is_some()) {
            return Some(file);
        }
        path = path.rsplit_once('/')?.0;
    }
    None
}

/// What somebody may have been kept out of: the path that it names, or its writable mounts.
fn suspects<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
) -> Vec<&'f FileFact> {
    if let Some(path) = said.capture("path") {
        return nearest(world, container, &absolute(container, path))
            .into_iter()
            .collect();
    }
    let mounts = world.mounts(container).unwrap_or_default().iter();
    mounts
        .filter(|mount| mount.writable)
        .filter_map(|mount| world.file(container, &mount.target))
        .collect()
}

/// Whether a server's own rules for its data folder say more.
fn has_own_words(world: &World<'_>, container: &ContainerFact) -> bool {
    [
        Says::DataOwnerWrong,
        Says::DataModeWrong,
        Says::DataNotAccessible,
    ]
    .iter()
    .any(|says| world.says(container, *says).is_some())
}

/// What those say who may not do what they want to with a file.
const REFUSALS: &[Says] = &[Says::PermissionDenied, Says::NotWritable];

fn denied(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        not_executable(world, container, cases);
        if has_own_words(world, container) {
            continue;
        }
        let who = who(world, container);
        for said in world.complaints(container, REFUSALS) {
            cases.extend(kept_out(world, container, said, who.as_ref()));
        }
    }
}

/// What keeps somebody out who complains, as a case.
fn kept_out<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    who: Option<&Who>,
) -> Option<Case> {
    let needed = |file: &FileFact| needed(world, container, said, file);
    let closed =
        |file: &&FileFact| who.is_none_or(|who| keeps_out(who, file, needed(file)) == Some(true));
    let named = suspects(world, container, said).into_iter().find(closed)?;
    let file = outermost(world, container, said, named, who);
    let is_member = who.is_some_and(|who| {
        let mut files = [named, file].into_iter();
        files.any(|file| may_be_let_in(who, file, needed(file)))
    });
    // With labels, or with other numbers for users, a mode that looks closed proves nothing.
    let plain = world.host();
    let plain = plain.filter(|host| what_else_forbids(host).is_none());
    let edit = readable(world, container, file).filter(|_| plain.is_some() && !is_member);
    let mut case = denied_case(world, container, said, file, who).by_edits(edit);
    // Where nobody knows who it is, labels may be the reason as well.
    if let Some(plain) = plain.filter(|_| who.is_some()) {
        let proves = "nothing else forbids anything here";
        let by_mode = filed(file, "owner and mode alone keep it out");
        case = case
            .rules_out(Code("D128"), Some(by_mode))
            .rules_out(Code("D128"), Some(options(plain, proves)));
    }
    if is_member {
        case = case.at_most(Confidence::Likely);
    }
    Some(case)
}

/// The outermost folder around something, within its mount, that keeps out as well and is the same owner's: whoever may not
/// have this file may not have the next one there either.
fn outermost<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    file: &'f FileFact,
    who: Option<&Who>,
) -> &'f FileFact {
    let owner = |file: &FileFact| file.there.as_ref()?.owner;
    // Of what is only to be read, a folder that cannot be written keeps nobody out.
    let mount = world
        .mount_of(container, &file.path)
        .filter(|mount| mount.writable);
    let (Some(who), Some(mount)) = (who, mount) else {
        return file;
    };
    let target = mount.target.trim_end_matches('/');
    let mut outermost = file;
    let mut path = file.path.as_str();
    while let Some((folder, _)) = path.rsplit_once('/').filter(|_| path != target) {
        let around = world.file(container, folder);
        let is_closed = |it: &&FileFact| {
            let needed = needed(world, container, said, it);
            owner(it) == owner(file) && keeps_out(who, it, needed) == Some(true)
        };
        let Some(around) = around.filter(is_closed) else {
            break;
        };
        outermost = around;
        path = folder;
    }
    outermost
}

fn denied_case<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    file: &FileFact,
    who: Option<&Who>,
) -> Case {
    let path = &file.path;
    let owner = file.there.as_ref().and_then(|there| there.owner);
    let owner = owner.map_or_else(
        || "somebody else".to_owned(),
        |(user, _)| format!("user {user}"),
    );
    let name = who.map_or_else(
        || format!("`{}`", container.user.as_deref().unwrap_or_default()),
        |who| format!("user {}", who.user),
    );
    let claim = format!(
        "`{}` runs as {name}, and `{path}` belongs to {owner}, with rights that keep it out",
        service(container)
    );
    let complaint = spoken(container, said, "it was refused for want of rights");
    let whose = filed(file, "owner and mode give it less than it needs");
    let number = who.map_or_else(String::new, |who| who.user.to_string());
    let maker = sockets::maker(world, container, file);
    let fix = match &maker {
        Some(maker) => format!(
            "let `{0}` make that socket for all who share its folder (php-fpm: `listen.mode` and `listen.group`; gunicorn: `--umask`), then `bowline restart {0}`",
            maker.name
        ),
        None => format!(
            "give {} to the user it runs as (`bowline exec --user 0 {} chown -R {number} {path}`), or let it run as the owner (`user`); then `bowline restart {}`",
            on_host(world, container, path),
            service(container),
            service(container)
        ),
    };
    let culprit = maker.unwrap_or_else(|| owner_of_path(world, container, path));
    Case::new(culprit, claim)
        .seen_in(container.service.as_deref())
        .mended_by(fix, Safety::NeedsYou)
        .decides("the complaint", Some(complaint.clone()))
        .decides("who it runs as", who.map(|who| who.evidence.clone()))
        .decides("whose it is", Some(whose))
        .rules_out(Code("D117"), Some(complaint))
}

/// That a file of the host may be read by others, where it is mounted to be read, and is no secret.
fn readable<'f>(world: &World<'f>, container: &'f ContainerFact, file: &FileFact) -> Option<Edit> {
    const READ: u32 = 0o004;
    const ENTER: u32 = 0o005;
    let there = file.there.as_ref()?;
    let bits = match there.sort {
        FileSort::Folder => ENTER,
        _ => READ,
    };
    let mount = world.mount_of(container, &file.path)?;
    let is_secret = file.path.starts_with("/run/secrets/");
    let is_closed = there.mode & bits != bits && !mount.writable && !is_secret;
    let spot = Spot::file(world, container, &file.path).filter(|_| is_closed)?;
    Some(spot.change(Change::Permit { bits }))
}

/// A program that is there and that nobody may run.
fn not_executable<'f>(world: &World<'f>, container: &'f ContainerFact, cases: &mut Vec<Case>) {
    let state = world.state(container);
    let Some(error) = state.and_then(|state| state.error.as_deref()) else {
        return;
    };
    let Some(program) = refused_program(error).filter(|_| error.contains("permission denied"))
    else {
        return;
    };
    let path = absolute(container, program);
    let file = world.file(container, &path);
    let mode = file.and_then(|file| Some(file.there.as_ref()?.mode));
    if mode.is_some_and(|mode| mode & 0o111 != 0) {
        return;
    }
    let claim = format!("`{path}` is there, and its mode lets nobody run it");
    let Some(refusal) = stood(world, container, "it was found, and may not be run") else {
        return;
    };
    let closed = file.map(|file| filed(file, "no x in it: not even root may run it"));
    let host = on_host(world, container, &path);
    cases.push(
        Case::new(world.file_of(container, &path), claim)
            .seen_in(container.service.as_deref())
            .mended_by(
                format!("make {host} executable (`chmod +x`), then `bowline up --build`"),
                Safety::Restart,
            )
            .by_edits(
                Spot::file(world, container, &path)
                    .map(|spot| spot.change(Change::Permit { bits: 0o111 })),
            )
            .decides("the complaint", Some(refusal.clone()))
            .decides("who it runs as", closed.clone())
            .decides("whose it is", closed.clone())
            .rules_out(Code("D117"), Some(refusal))
            .rules_out(Code("D128"), closed),
    );
}

fn labels(world: &World<'_>, cases: &mut Vec<Case>) {
    let host = world.host();
    let Some((host, option)) = host.and_then(|host| Some((host, what_else_forbids(host)?))) else {
        return;
    };
    for container in world.containers() {
        for said in world.complaints(container, &[Says::PermissionDenied]) {
            let Some(who) = who(world, container) else {
                continue;
            };
            let suspects = suspects(world, container, said);
            let open = suspects.into_iter().find(|file| {
                let mount = world.mount_of(container, &file.path);
                let needed = needed(world, container, said, file);
                keeps_out(&who, file, needed) == Some(false)
                    && mount.is_some_and(|mount| mount.kind == "bind")
            });
            let Some(file) = open else {
                continue;
            };
            let claim = format!(
                "`{}` would let it in, and the engine works with {option}, which does not",
                file.path
            );
            let complaint = spoken(container, said, "it was refused all the same");
            let allows = filed(file, "owner and mode let it in");
            let option = options(host, "there is something else that forbids");
            cases.push(
                Case::new(culprit(container, Some("volumes")), claim)
                    .at_most(Confidence::Likely)
                    .mended_by(
                        "with SELinux mount it with `:z` (shared) or `:Z` (its own); without root let it run as the user that owns the files on the host (`userns_mode: keep-id` on Podman)",
                        Safety::NeedsYou,
                    )
                    .decides("the complaint", Some(complaint.clone()))
                    .decides("that owner and mode allow it", Some(allows.clone()))
                    .decides("what else forbids it", Some(option))
                    .rules_out(Code("D112"), Some(allows))
                    .rules_out(Code("D117"), Some(complaint)),
            );
        }
    }
}

fn low_port(world: &World<'_>, cases: &mut Vec<Case>) {
    for container in world.containers() {
        let words = [Says::PortNotPermitted, Says::PermissionDenied];
        for said in world.complaints(container, &words) {
            let is_other = said.says == Says::PermissionDenied;
            if is_other
                && (said.capture("path").is_some() || !was_listening(world, container, said))
            {
                continue;
            }
            let port = said
                .capture("port")
                .and_then(|port| port.parse::<u16>().ok());
            let shown_port =
                port.map_or_else(|| "that port".to_owned(), |port| format!("port {port}"));
            if port.is_some_and(|port| port >= FIRST_FREE_PORT) {
                continue;
            }
            let who = who(world, container);
            if is_other && who.as_ref().is_none_or(|who| who.user == 0) {
                continue;
            }
            let at_most = if is_other {
                Confidence::Likely
            } else {
                Confidence::Certain
            };
            let (field, rule) = what_forbids(container, port);
            let claim = match &who {
                Some(who) => format!(
                    "it may not listen on {shown_port} as user {}: {rule}",
                    who.user
                ),
                None => format!("it may not listen on {shown_port}: {rule}"),
            };
            let complaint = spoken(
                container,
                said,
                "it is a matter of rights: the port is not taken",
            );
            let forbids = made(world, container, &rule, "root alone may listen there");
            cases.push(
                Case::new(culprit(container, Some(&field)), claim)
                    .at_most(at_most)
                    .mended_by(
                        "let it listen on a port from 1024 on (and publish that), or set `cap_add: [NET_BIND_SERVICE]`; then `bowline up`",
                        Safety::Restart,
                    )
                    .decides("the complaint", Some(complaint.clone()))
                    .decides("who it runs as", who.map(|who| who.evidence))
                    .decides("what forbids it", forbids)
                    .rules_out(Code("D049"), Some(complaint.clone()))
                    .rules_out(Code("D050"), Some(complaint)),
            );
        }
    }
}

/// Whether the lines right before a complaint say that its program was about to listen, as tracebacks do.
fn was_listening<'f>(world: &World<'f>, container: &'f ContainerFact, said: &Said<'_>) -> bool {
    const BEFORE: usize = 2;
    let lines = world.log(container).map(|log| log.lines.as_slice());
    let lines = lines.unwrap_or_default();
    let Some(index) = lines.iter().rposition(|line| line.text == said.text) else {
        return false;
    };
    let mut before = lines[index.saturating_sub(BEFORE)..index].iter();
    // A socket of files has no port.
    let is_of_files = |text: &str| {
        text.contains("AF_UNIX")
            || text.contains(".sock\"")
            || text.contains(".sock'")
            || text.contains("(\"/")
    };
    before.any(|line| {
        let text = line.text.as_str();
        (text.contains(".bind(") || text.contains(".listen(")) && !is_of_files(text)
    })
}

/// The field that makes a port forbidden, and what it says.
fn what_forbids(container: &ContainerFact, port: Option<u16>) -> (String, String) {
    if let Some(start) = container.sysctls.get(START) {
        return ("sysctls".to_owned(), format!("`{START}` is {start}"));
    }
    let mut dropped = container.cap_drop.iter();
    if let Some(right) = dropped.find(|it| it.ends_with("NET_BIND_SERVICE") || *it == "ALL") {
        return (
            "cap_drop".to_owned(),
            format!("`cap_drop` takes `{right}` away"),
        );
    }
    let value = port.map(|port| port.to_string());
    let mut told = container.environment.iter();
    let told = told.find(|(_, told)| value.is_some() && **told == value);
    let user = container.user.as_deref().unwrap_or("0");
    match told {
        Some((key, _)) => (
            format!("environment.{key}"),
            format!("`{key}` asks for it, and its user is {user}"),
        ),
        None => ("user".to_owned(), format!("its user is {user}")),
    }
}
