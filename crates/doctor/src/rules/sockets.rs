//! Sockets in folders that containers share: one makes them, and another one looks for them.

use crate::facts::{ContainerFact, FileFact, FileSort};
use crate::finding::{Code, Culprit, Safety};
use crate::rule::Case;
use crate::world::stores::{holds, in_source};
use crate::world::{Said, World, culprit, filed, spoken, stood};

use super::files::{mounted, service};

/// A socket that nobody finds where it is looked for, since the folder in which another service makes it is not mounted
/// there. Where both have the folder, whoever makes the socket is not there.
pub(super) fn not_shared<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    said: &Said<'_>,
    path: &str,
) -> Option<Case> {
    if world.mount_of(container, path).is_some() {
        return None;
    }
    let others = world.containers().filter(|other| world.runs(other));
    let mut makers = others.filter_map(|other| {
        let mount = world.mount_of(other, path).filter(|mount| mount.writable)?;
        Some((other, mount))
    });
    let (maker, mount) = makers.next()?;
    let (own, other) = (service(container), service(maker));
    let claim = format!(
        "it looks for the socket `{path}`, and the folder in which `{other}` makes it is not mounted here"
    );
    let gone = world.file(container, path);
    let gone = gone.map(|file| filed(file, "nothing is at that path"));
    Some(
        Case::new(culprit(container, Some("volumes")), claim)
            .mended_by(
                format!(
                    "mount `{}` at `{}` in `{own}` as well, then `bowline up`",
                    mount.source, mount.target
                ),
                Safety::NeedsYou,
            )
            .decides(
                "the complaint",
                Some(spoken(
                    container,
                    said,
                    "it looked for it and did not find it",
                )),
            )
            .decides("that it is not there", gone)
            .decides(
                "that it fails",
                stood(world, container, "it cannot go on without it"),
            )
            .rules_out(
                Code("D034"),
                mounted(world, container, "that folder is not among them"),
            ),
    )
}

/// Whose socket a file is, where it is one in a folder that is shared: who runs and may write there. Owner and mode are what
/// that one gives it each time that it starts.
pub(super) fn maker<'f>(
    world: &World<'f>,
    container: &'f ContainerFact,
    file: &FileFact,
) -> Option<Culprit> {
    let there = file.there.as_ref()?;
    let mount = world.mount_of(container, &file.path)?;
    let place = in_source(&file.path, mount)?;
    if there.sort != FileSort::Other {
        return None;
    }
    let maker = world.containers().find(|other| {
        let mut mounts = world.mounts(other).into_iter().flatten();
        let shares = mounts.any(|one| one.writable && holds(one, &mount.source, &place));
        other.name != container.name && world.runs(other) && shares
    })?;
    Some(culprit(maker, None))
}
