//! Paths in containers, running or not.

use bowline_engine::{Engine, EngineError, FileKind, Look, PathHead, Unseen};
use bowline_model::ObservedContainer;
use serde::{Deserialize, Serialize};

use crate::facts::{FileFact, FileHead, FileSort, FileThere, Room, WhyUnseen};
use crate::tokens::Mask;

/// How much of a file is read to tell what runs it.
const HEAD: usize = 512;
/// Symbolic links that are followed from one to the next.
const LINKS: usize = 5;

/// Whether a path in a container is that of a file with settings or a secret, by its name.
pub(crate) fn is_settings(path: &str) -> bool {
    const ENDINGS: &[&str] = &[
        "cfg",
        "cnf",
        "conf",
        "env",
        "ini",
        "js",
        "json",
        "py",
        "rb",
        "sh",
        "sql",
        "toml",
        "ts",
        "txt",
        "xml",
        "yaml",
        "yml",
        "properties",
        "config",
        "template",
        "hcl",
    ];
    let name = path.rsplit('/').next().unwrap_or_default();
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    path.starts_with("/run/")
        && name
            .rsplit_once('.')
            .is_none_or(|(_, ending)| ending != "sock")
        || ending.is_some_and(|ending| ENDINGS.contains(&ending))
        || name.starts_with('.')
}

/// What was seen from within, as a fact.
pub(super) fn fact(container: &str, path: &str, seen: Seen, mask: &Mask) -> FileFact {
    let there = seen.there.map(|there| FileThere {
        head: seen.head.map(|bytes| told(&bytes, mask)),
        ..there
    });
    FileFact {
        container: container.to_owned(),
        path: path.to_owned(),
        there,
        room: seen.room,
    }
}

/// Says what is at a path of a container, running or not, as the engine sees it.
pub(super) async fn by_engine(
    engine: &dyn Engine,
    container: &ObservedContainer,
    path: &str,
    mask: &Mask,
) -> Result<FileFact, WhyUnseen> {
    let there = walked(engine, container, path, mask).await;
    Ok(FileFact {
        container: container.name.clone(),
        path: path.to_owned(),
        there: there.map_err(|error| WhyUnseen::Engine(error.to_string()))?,
        room: None,
    })
}

/// The first bytes of a file in a container that runs, as its own processes see them: `None` where it does not run or the
/// kernel cannot be asked, `Some(None)` where no regular file is there.
pub(super) async fn read_by_kernel(
    container: &ObservedContainer,
    path: &str,
    limit: usize,
) -> Option<Option<Vec<u8>>> {
    let pid = container
        .state
        .pid
        .filter(|_| container.state.is_running())?;
    let (id, path) = (container.id.clone(), path.to_owned());
    let read = tokio::task::spawn_blocking(move || {
        let look = Look::at(&id, pid).ok()?;
        let found = look.stat(&path).ok()?;
        if found.is_none_or(|found| found.kind != FileKind::File) {
            return Some(None);
        }
        let start = look.read(&path, limit).ok()?;
        Some(start.map(|start| start.bytes))
    });
    read.await.ok().flatten()
}

/// What is at a path, as the container's own processes see it.
#[derive(Default, Serialize, Deserialize)]
pub(crate) struct Seen {
    /// `None` where nothing is.
    there: Option<FileThere>,
    /// The first bytes of a regular file.
    head: Option<Vec<u8>>,
    /// How full its file system is.
    room: Option<Room>,
}

/// Says what is at a path of a container that runs.
pub(crate) fn by_kernel(look: &Look, path: &str) -> Result<Seen, Unseen> {
    let Some(stat) = look.stat(path)? else {
        return Ok(Seen::default());
    };
    let is_file = stat.kind == FileKind::File;
    let head = if is_file {
        look.read(path, HEAD)?.map(|start| start.bytes)
    } else {
        None
    };
    let room = look.file_system(path)?.map(|room| Room {
        total_bytes: room.total_bytes,
        available_bytes: room.available_bytes,
        total_inodes: room.total_inodes,
        free_inodes: room.free_inodes,
        is_read_only: room.is_read_only,
    });
    let is_empty = match stat.kind {
        FileKind::Folder => look.is_empty_folder(path)?,
        _ => None,
    };
    let newest = match stat.kind {
        FileKind::Folder => look.newest_in_folder(path).ok().flatten(),
        _ => None,
    };
    let there = FileThere {
        is_empty,
        newest,
        sort: match stat.kind {
            FileKind::File => FileSort::File,
            FileKind::Folder => FileSort::Folder,
            _ => FileSort::Other,
        },
        mode: stat.mode,
        owner: Some((stat.uid, stat.gid)),
        size_bytes: stat.size_bytes,
        modified: stat.modified,
        head: None,
    };
    Ok(Seen {
        there: Some(there),
        head,
        room,
    })
}

async fn walked(
    engine: &dyn Engine,
    container: &ObservedContainer,
    path: &str,
    mask: &Mask,
) -> Result<Option<FileThere>, EngineError> {
    let mut path = path.to_owned();
    for _ in 0..LINKS {
        let found = match engine.path_head(&container.id, &path, HEAD).await {
            Ok(found) => found,
            Err(EngineError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        match &found.stat.link_target {
            // The engine says it as seen from the container's root.
            Some(target) if target.starts_with('/') => path.clone_from(target),
            Some(target) => {
                let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
                path = format!("{folder}/{target}");
            }
            None => return Ok(Some(there(&found, mask))),
        }
    }
    Ok(Some(FileThere {
        sort: FileSort::Link,
        mode: 0,
        owner: None,
        size_bytes: 0,
        modified: None,
        is_empty: None,
        newest: None,
        head: None,
    }))
}

fn there(found: &PathHead, mask: &Mask) -> FileThere {
    FileThere {
        is_empty: found.stat.is_folder.then_some(found.is_empty_folder),
        newest: None,
        sort: if found.stat.is_folder {
            FileSort::Folder
        } else if found.bytes.is_some() {
            FileSort::File
        } else {
            FileSort::Other
        },
        mode: found.stat.mode & 0o7777,
        owner: Some((found.uid, found.gid)),
        size_bytes: found.stat.size_bytes,
        modified: jiff::Timestamp::from_second(found.modified_secs).ok(),
        head: found.bytes.as_deref().map(|bytes| told(bytes, mask)),
    }
}

/// What the first bytes tell of what runs a file.
fn told(bytes: &[u8], mask: &Mask) -> FileHead {
    if bytes.is_empty() {
        return FileHead::Empty;
    }
    if let Some(rest) = bytes.strip_prefix(b"\x7fELF") {
        return FileHead::Program(processor(rest));
    }
    let Ok(text) = std::str::from_utf8(bytes).or_else(|error| {
        // A letter that is cut in two at the end is no reason to doubt the rest.
        std::str::from_utf8(&bytes[..error.valid_up_to().max(1)])
    }) else {
        return FileHead::Other;
    };
    let is_odd = |character: char| character.is_control() && !character.is_whitespace();
    if text.contains(is_odd) {
        return FileHead::Other;
    }
    if let Some(line) = text.strip_prefix("#!") {
        let line = line.split('\n').next().unwrap_or_default();
        return FileHead::Script {
            interpreter: mask.apply(line.trim()),
            has_carriage_return: line.ends_with('\r'),
        };
    }
    let short = text.trim();
    let is_version = short.len() <= 12
        && short
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if is_version && !short.is_empty() {
        return FileHead::Version(short.to_owned());
    }
    FileHead::Text
}

/// The processor of a program, from its ELF header behind the first four bytes.
fn processor(rest: &[u8]) -> String {
    let machine = rest.get(14..16).map(|bytes| match rest.get(1) {
        // The second byte says in which order the others are.
        Some(2) => u16::from_be_bytes([bytes[0], bytes[1]]),
        _ => u16::from_le_bytes([bytes[0], bytes[1]]),
    });
    match machine {
        Some(3) => "i386".to_owned(),
        Some(40) => "arm".to_owned(),
        Some(62) => "x86_64".to_owned(),
        Some(183) => "aarch64".to_owned(),
        Some(243) => "riscv64".to_owned(),
        Some(21) => "ppc64le".to_owned(),
        Some(22) => "s390x".to_owned(),
        Some(other) => other.to_string(),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::tokens::Tokens;

    #[test]
    fn the_first_bytes_tell_what_runs_a_file() {
        let mask = Tokens::new(BTreeSet::new()).mask();
        let script = |interpreter: &str, has_carriage_return| FileHead::Script {
            interpreter: interpreter.to_owned(),
            has_carriage_return,
        };
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(18, 0);
        elf.extend([183, 0]);
        for (bytes, head) in [
            (&b""[..], FileHead::Empty),
            (b"#!/bin/bash\nexec x\n", script("/bin/bash", false)),
            (b"#!/bin/bash\r\nexec x\r\n", script("/bin/bash", true)),
            (b"#! /usr/bin/env node", script("/usr/bin/env node", false)),
            (b"exec x\n", FileHead::Text),
            (b"15\n", FileHead::Version("15".to_owned())),
            (b"\x00\x01\x02", FileHead::Other),
            (&elf[..2], FileHead::Other),
        ] {
            assert_eq!(told(bytes, &mask), head, "{bytes:?}");
        }
        let mut elf = b"\x7fELF\x02\x01\x01".to_vec();
        elf.resize(18, 0);
        elf.extend([183, 0]);
        assert_eq!(told(&elf, &mask), FileHead::Program("aarch64".to_owned()));
    }
}
