//! What this host has of containers: the folders that are mounted into them, and how large their logs are.
#![expect(
    clippy::disallowed_methods,
    reason = "an engine on this host keeps these where nobody else is to be asked for them; what is not there is none"
)]

use std::fs;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use bowline_engine::{Engine, Look};
use bowline_model::{ContainerId, ObservedContainer, PathChange, PathChangeKind};
use jiff::Timestamp;

use super::FILES_OF_ONE;
use super::files::is_settings;

/// Entries of a mounted folder that are looked at for files of settings.
const ENTRIES_OF_FOLDER: usize = 64;

/// The files of settings in the folders that are mounted into a container, by their paths inside, as far as its command or
/// a variable names them or their folder: one folder often serves many services. None where the host's folder is not to
/// be seen from here.
pub(super) fn below_folders(container: &ObservedContainer) -> impl Iterator<Item = String> {
    let folders = container.mounts.iter().filter(|mount| mount.kind == "bind");
    let found = folders.flat_map(|mount| {
        let mut names: Vec<String> = fs::read_dir(&mount.source)
            .into_iter()
            .flatten()
            .take(ENTRIES_OF_FOLDER)
            .flatten()
            .filter(|entry| entry.file_type().is_ok_and(|it| it.is_file()))
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| is_settings(name))
            .collect();
        names.sort_unstable();
        let folder = mount.target.trim_end_matches('/').to_owned();
        let paths = names
            .into_iter()
            .map(move |name| format!("{folder}/{name}"));
        paths.filter(|path| is_named(container, path))
    });
    found.take(FILES_OF_ONE)
}

/// Folders of settings that programs read as a whole without being told.
const READ_WHOLE: &[&str] = &["conf.d", "sites-enabled", "templates"];

fn is_named(container: &ObservedContainer, path: &str) -> bool {
    let spec = &container.spec;
    let (folder, name) = path.rsplit_once('/').unwrap_or_default();
    if READ_WHOLE.iter().any(|end| folder.ends_with(end)) {
        return true;
    }
    let names_it =
        |text: &str| text.contains(name) || text.split_whitespace().any(|it| it == folder);
    let argv = spec.entrypoint.iter().chain(&spec.command);
    let mut words = argv.flat_map(|words| words.iter());
    let mut values = spec.env.iter().filter_map(|(_, value)| value);
    words.any(|word| names_it(word)) || values.any(|value| names_it(value.reveal()))
}

/// When a file was last changed; `None` for a folder, and for what is not here.
pub(super) fn changed(file: &Path) -> Option<Timestamp> {
    let metadata = fs::metadata(file).ok().filter(fs::Metadata::is_file)?;
    Timestamp::try_from(metadata.modified().ok()?).ok()
}

/// The size of the file that Docker keeps a log in, where that is on this host: no other file is called so.
pub(super) fn log_bytes(engine: &dyn Engine, container: &ObservedContainer) -> Option<u64> {
    let id = &container.id.0;
    let folder = Path::new(&engine.about().root_dir).join("containers");
    let file = folder.join(id).join(format!("{id}-json.log"));
    Some(fs::metadata(file).ok()?.len())
}

/// Entries of a container's own layer that are looked at; one that keeps its data there has more.
const ENTRIES_OF_LAYER: usize = 5000;

/// The layers of which an overlay is made.
struct Layers {
    upper: PathBuf,
    /// The nearest first.
    lower: Vec<PathBuf>,
}

/// In what a container that runs differs from its image, by the layer in which the kernel keeps that; `None` where its root
/// is no overlay, or that layer is not to be seen from here, or is large. Engines compare whole file systems for this, and
/// lock the container meanwhile.
pub(super) fn changes(id: &ContainerId, pid: u32) -> Option<Vec<PathChange>> {
    let mounts = fs::read_to_string(format!("/proc/{pid}/mountinfo")).ok()?;
    // Numbers of processes are given again: by now it is that container's, so it was when this was read.
    Look::at(id, pid).ok()?;
    let layers = layers(&mounts)?;
    let mut changes = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(layers.upper.join(&folder)).ok()? {
            let entry = entry.ok()?;
            let metadata = entry.metadata().ok()?;
            let path = folder.join(entry.file_name());
            let kind = if is_whiteout(&metadata) {
                PathChangeKind::Deleted
            } else if layers.has_below(&path) {
                PathChangeKind::Modified
            } else {
                PathChangeKind::Added
            };
            changes.push(PathChange {
                path: format!("/{}", path.to_str()?),
                kind,
            });
            if changes.len() > ENTRIES_OF_LAYER {
                return None;
            }
            if metadata.is_dir() {
                folders.push(path);
            }
        }
    }
    Some(changes)
}

/// What the kernel puts in place of what was deleted.
fn is_whiteout(metadata: &fs::Metadata) -> bool {
    metadata.file_type().is_char_device() && metadata.rdev() == 0
}

impl Layers {
    fn has_below(&self, path: &Path) -> bool {
        let mut found = self.lower.iter();
        let found = found.find_map(|layer| fs::symlink_metadata(layer.join(path)).ok());
        found.is_some_and(|metadata| !is_whiteout(&metadata))
    }
}

/// The layers of the root, out of a list of mounts as `/proc/PID/mountinfo` has it.
fn layers(mounts: &str) -> Option<Layers> {
    let root = mounts
        .lines()
        .find(|line| line.split(' ').nth(4) == Some("/"))?;
    let (_, file_system) = root.split_once(" - overlay ")?;
    let options = file_system.split(' ').nth(1)?;
    let option = |name: &str| {
        options
            .split(',')
            .find_map(|option| option.strip_prefix(name))
    };
    let lower: Vec<PathBuf> = option("lowerdir=")?.split(':').map(PathBuf::from).collect();
    let upper = PathBuf::from(option("upperdir=")?);
    // With many layers engines name them from a folder of theirs on.
    let is_whole = upper.is_absolute() && lower.iter().all(|layer| layer.is_absolute());
    is_whole.then_some(Layers { upper, lower })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTS: &str = "731 602 0:49 / / rw,relatime - overlay overlay rw,lowerdir=LOW,upperdir=UP/diff,workdir=UP/work\n\
                          732 731 0:52 / /proc rw - proc proc rw\n";

    #[test]
    fn the_layers_are_those_of_the_root() {
        let mounts = MOUNTS.replace("LOW", "/l/A:/l/B").replace("UP", "/o/1");
        let found = layers(&mounts).unwrap();
        assert_eq!(found.upper, Path::new("/o/1/diff"));
        assert_eq!(found.lower, [Path::new("/l/A"), Path::new("/l/B")]);
        assert!(layers(&MOUNTS.replace("LOW", "l/A").replace("UP", "/o/1")).is_none());
        assert!(layers("1 0 8:1 / / rw - ext4 /dev/sda rw\n").is_none());
    }

    #[test]
    fn what_the_image_has_is_changed_and_not_added() {
        let folder = tempfile::tempdir().unwrap();
        let layers = Layers {
            upper: folder.path().join("upper"),
            lower: vec![folder.path().join("lower")],
        };
        fs::create_dir_all(layers.lower[0].join("etc")).unwrap();
        assert!(layers.has_below(Path::new("etc")));
        assert!(!layers.has_below(Path::new("etc/new")));
    }
}
