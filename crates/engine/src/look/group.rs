//! The control groups of a container: which processes are in them, and where their counters are.
//!
//! `/proc/PID/cgroup` has a line for every hierarchy, `number:controllers:path`: several of version 1, and one of
//! version 2 without controllers. A container may have groups below its own, so its own is the one that is named by
//! its id, and whatever is below belongs to it.

use std::path::PathBuf;

use bowline_model::ContainerId;

use super::Unseen;

/// The control groups of one container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Group {
    hierarchies: Vec<Hierarchy>,
    /// The paths are those in a namespace of groups whose root is the container's own group.
    is_root: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    controllers: String,
    path: String,
}

/// Where the counters of one controller are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folder {
    pub(super) path: PathBuf,
    pub(super) version: Version,
}

/// The two ways in which Linux arranges control groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Version {
    One,
    Two,
}

impl Group {
    /// Those of a container, by `/proc/PID/cgroup` of its main process; `None` where that process is not the
    /// container's.
    ///
    /// Where control groups have namespaces the path may not name the container; the process' mounts then do.
    pub(crate) fn of(
        groups: &str,
        container: &ContainerId,
        mounts: impl FnOnce() -> Option<String>,
    ) -> Option<Self> {
        if container.0.is_empty() {
            return None;
        }
        let named: Vec<Hierarchy> = hierarchies(groups)
            .filter_map(|(controllers, path)| {
                Some(Hierarchy {
                    controllers: controllers.to_owned(),
                    path: up_to(path, &container.0)?.to_owned(),
                })
            })
            .collect();
        if !named.is_empty() {
            return Some(Self {
                hierarchies: named,
                is_root: false,
            });
        }
        let is_root = Self::is_none(groups);
        (is_root && mounts()?.contains(&container.0)).then(|| Self {
            hierarchies: hierarchies(groups)
                .map(|(controllers, path)| Hierarchy {
                    controllers: controllers.to_owned(),
                    path: path.to_owned(),
                })
                .collect(),
            is_root,
        })
    }

    /// Whether a process is in it, by its `/proc/PID/cgroup`. One that has ended and waits for its parent is in its
    /// group of version 2 only, if there is any.
    pub(super) fn has(&self, groups: &str) -> bool {
        hierarchies(groups).any(|(controllers, path)| {
            self.hierarchies
                .iter()
                .any(|mine| mine.controllers == controllers && mine.has(path))
        })
    }

    /// Whether a process is in no group but the very first, by its `/proc/PID/cgroup`.
    pub(super) fn is_none(groups: &str) -> bool {
        hierarchies(groups).all(|(_, path)| path == "/")
    }

    /// Whether the paths tell it from everything else only if this process is itself in a namespace of groups.
    pub(super) fn is_root(&self) -> bool {
        self.is_root
    }

    /// The folder of a controller, by the mounts of this process.
    pub(super) fn folder(&self, mounts: &str, controller: &str) -> Result<Folder, Unseen> {
        let unsupported = || Unseen::Unsupported {
            what: format!("the control group `{controller}` of the container"),
        };
        let one = self
            .hierarchies
            .iter()
            .find(|mine| mine.controllers.split(',').any(|name| name == controller));
        let version = match one {
            Some(_) => Version::One,
            None => Version::Two,
        };
        let two = || {
            self.hierarchies
                .iter()
                .find(|mine| mine.controllers.is_empty())
        };
        let mine = one.or_else(two).ok_or_else(unsupported)?;
        let path = mounts
            .lines()
            .filter_map(Mount::parse)
            .filter(|mount| mount.holds(version, controller))
            .find_map(|mount| mount.place(&mine.path))
            .ok_or_else(unsupported)?;
        Ok(Folder { path, version })
    }
}

impl Hierarchy {
    fn has(&self, path: &str) -> bool {
        if self.path == "/" {
            return !path.starts_with("/..");
        }
        path.strip_prefix(&self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || rest.starts_with(' '))
    }
}

/// Controllers and path of every line.
fn hierarchies(groups: &str) -> impl Iterator<Item = (&str, &str)> {
    groups
        .lines()
        .filter_map(|line| line.split_once(':')?.1.split_once(':'))
}

/// A path up to the first part that names the container.
fn up_to<'a>(path: &'a str, container: &str) -> Option<&'a str> {
    let named = path.find(container)? + container.len();
    let rest = &path[named..];
    Some(&path[..named + rest.find('/').unwrap_or(rest.len())])
}

/// A mount of control groups.
struct Mount {
    root: String,
    place: String,
    kind: String,
    options: String,
}

impl Mount {
    fn parse(line: &str) -> Option<Self> {
        let (mount, device) = line.split_once(" - ")?;
        let mut mount = mount.split(' ');
        let mut device = device.split(' ');
        Some(Self {
            root: unescape(mount.nth(3)?),
            place: unescape(mount.next()?),
            kind: device.next()?.to_owned(),
            options: device.nth(1)?.to_owned(),
        })
    }

    fn holds(&self, version: Version, controller: &str) -> bool {
        match version {
            Version::One => {
                self.kind == "cgroup" && self.options.split(',').any(|name| name == controller)
            }
            Version::Two => self.kind == "cgroup2",
        }
    }

    /// Where a group is under it; `None` where the mount does not reach it.
    fn place(&self, group: &str) -> Option<PathBuf> {
        let root = self.root.trim_end_matches('/');
        let below = group.strip_prefix(root)?;
        let is_below = below.is_empty() || below.starts_with('/');
        let leads_out = below.split('/').any(|part| part == "..");
        (is_below && !leads_out).then(|| {
            PathBuf::from(format!(
                "{}/{}",
                self.place.trim_end_matches('/'),
                below.trim_start_matches('/')
            ))
        })
    }
}

/// Reads the kernel's way to write a space in a path: a backslash and three octal digits.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let octal = match tail {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] if *first == b'\\' => {
                Some((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'))
            }
            _ => None,
        };
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &tail[3..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id() -> ContainerId {
        ContainerId("1b4a7c69501312b31411b8e1d556b286d6c4e9f80e78a3d86adc8b5cd7a7173c".into())
    }

    fn of(groups: &str) -> Option<Group> {
        Group::of(groups, &id(), || None)
    }

    /// Docker with its own driver, version 1 beside a version 2 without controllers.
    fn hybrid() -> String {
        format!(
            "8:pids:/docker/{0}\n4:cpu,cpuacct:/docker/{0}\n0::/docker/{0}\n",
            id()
        )
    }

    const HYBRID_MOUNTS: &str = "\
        30 23 0:26 / /sys/fs/cgroup/pids rw,relatime shared:9 - cgroup cgroup rw,pids\n\
        31 23 0:27 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        32 23 0:28 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    #[test]
    fn a_group_is_found_under_the_mount_of_its_controller() {
        let group = of(&hybrid()).unwrap();
        let place = |controller| group.folder(HYBRID_MOUNTS, controller);
        let folder = place("cpu").unwrap();
        assert_eq!(folder.version, Version::One);
        assert_eq!(
            folder.path,
            PathBuf::from(format!("/sys/fs/cgroup/cpu,cpuacct/docker/{}", id()))
        );
        // Without a hierarchy of its own a controller can only be in the one of version 2.
        let folder = place("memory").unwrap();
        assert_eq!(folder.version, Version::Two);
        assert!(folder.path.starts_with("/sys/fs/cgroup/unified/docker"));
    }

    #[test]
    fn a_group_of_systemd_is_known_by_its_scope_and_has_what_is_below() {
        let id = id();
        let scope = format!("/system.slice/docker-{id}.scope");
        let group = of(&format!("0::{scope}/init.scope\n")).unwrap();
        assert!(group.has(&format!("0::{scope}\n")));
        assert!(group.has(&format!("0::{scope}/system.slice/x.service\n")));
        assert!(group.has(&format!("0::{scope} (deleted)\n")));
        assert!(!group.has(&format!("0::{scope}x\n")));
        assert!(!group.has("0::/system.slice\n"));
        assert!(!group.has("0::/\n"));
        let mounts = "29 23 0:26 / /sys/fs/cgroup rw shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
        assert_eq!(
            group.folder(mounts, "memory").unwrap().path,
            PathBuf::from(format!("/sys/fs/cgroup{scope}"))
        );
    }

    #[test]
    fn one_that_has_ended_is_known_by_its_group_of_version_2() {
        let group = of(&hybrid()).unwrap();
        let id = id();
        assert!(group.has(&format!("8:pids:/\n4:cpu,cpuacct:/\n0::/docker/{id}\n")));
        let without_version_2 = "8:pids:/\n4:cpu,cpuacct:/\n";
        assert!(!group.has(without_version_2) && Group::is_none(without_version_2));
        assert!(!Group::is_none(&hybrid()));
    }

    #[test]
    fn a_namespace_of_groups_hides_the_name_and_mounts_tell_it() {
        let group = |mounts: String| Group::of("0::/\n", &id(), move || Some(mounts));
        assert_eq!(group("no container".into()), None);
        let mine = group(format!("/containers/{}/hosts /etc/hosts", id())).unwrap();
        assert!(mine.is_root());
        assert!(mine.has("0::/below\n"));
        assert!(!mine.has("0::/../another\n"));
    }

    #[test]
    fn what_a_mount_does_not_reach_is_not_guessed() {
        let outside = format!("0::/../{}\n", id());
        let mounts = "29 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let group = of(&outside).unwrap();
        assert!(matches!(
            group.folder(mounts, "memory"),
            Err(Unseen::Unsupported { .. })
        ));
        assert!(group.folder("", "memory").is_err());
        assert_eq!(of("0::/user.slice\n"), None);
    }

    #[test]
    fn a_mount_of_a_part_is_taken_off_the_path() {
        let group = of(&format!("4:memory:/outer/docker/{}\n", id())).unwrap();
        let mounts = "29 23 0:26 /outer /run/my\\040groups rw - cgroup cgroup rw,memory\n";
        assert_eq!(
            group.folder(mounts, "memory").unwrap().path,
            PathBuf::from(format!("/run/my groups/docker/{}", id()))
        );
        let other = "29 23 0:26 /out /run/groups rw - cgroup cgroup rw,memory\n";
        assert!(group.folder(other, "memory").is_err());
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(groups in "\\PC*", lines in "([0-9a-z:/. \\\\-]|é|\n)*") {
            for text in [&groups, &lines] {
                let container = ContainerId(text.chars().take(3).collect());
                if let Some(group) = Group::of(text, &container, || Some(text.clone())) {
                    group.has(&lines);
                    let _ = group.folder(&lines, "memory");
                }
                unescape(text);
            }
        }
    }
}
