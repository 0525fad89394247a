//! In what a running container differs from its image, by the layers of which the kernel makes its root.

use std::path::PathBuf;

use bowline_model::PathChange;

use super::{Look, Unseen, bounded, kernel};

/// The layers of an overlay, by their folders on the host.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Layers {
    /// What the container wrote.
    pub(super) upper: PathBuf,
    /// The image's, the nearest first.
    pub(super) lower: Vec<PathBuf>,
}

impl Look {
    /// Lists the paths in which the container differs from its image; folders that only hold such a path are among them.
    ///
    /// `None` where its root is no overlay, or more than `most` paths differ. An engine compares whole file systems for
    /// this, and locks the container meanwhile.
    ///
    /// # Errors
    ///
    /// [`Unseen::Denied`] without the rights to read what the engine keeps.
    pub fn changes(&self, most: usize) -> Result<Option<Vec<PathChange>>, Unseen> {
        let main = self.main.clone();
        let found = bounded("what was changed", move || {
            let Some(layers) = layers(&main.read("mountinfo")?) else {
                return Ok(None);
            };
            kernel::changed_paths(&layers, most)
        });
        self.unless_gone(found)
    }
}

/// The layers of the root, out of a list of mounts as `/proc/PID/mountinfo` has it.
fn layers(mounts: &str) -> Option<Layers> {
    let mut roots = mounts
        .lines()
        .filter(|line| line.split(' ').nth(4) == Some("/"));
    let (_, file_system) = roots.next()?.split_once(" - overlay ")?;
    let options = file_system.split(' ').nth(1)?;
    let option = |name: &str| options.split(',').find_map(|it| it.strip_prefix(name));
    let lower: Vec<PathBuf> = option("lowerdir=")?.split(':').map(PathBuf::from).collect();
    let upper = PathBuf::from(option("upperdir=")?);
    // With many layers engines name them from a folder of theirs on.
    let is_whole = upper.is_absolute() && lower.iter().all(|layer| layer.is_absolute());
    is_whole.then_some(Layers { upper, lower })
}

#[cfg(test)]
#[expect(
    clippy::disallowed_methods,
    reason = "these tests make the layers that are read"
)]
mod tests {
    use std::path::Path;

    use super::*;

    const MOUNTS: &str = "731 602 0:49 / / rw,relatime - overlay overlay rw,lowerdir=LOW,upperdir=UP/diff,workdir=UP/work\n\
                          732 731 0:52 / /proc rw - proc proc rw\n";

    #[test]
    fn the_layers_are_those_of_the_root() {
        let found = layers(&MOUNTS.replace("LOW", "/l/A:/l/B").replace("UP", "/o/1")).unwrap();
        assert_eq!(found.upper, Path::new("/o/1/diff"));
        assert_eq!(found.lower, [Path::new("/l/A"), Path::new("/l/B")]);
        assert_eq!(
            layers(&MOUNTS.replace("LOW", "l/A").replace("UP", "/o/1")),
            None
        );
        assert_eq!(layers("1 0 8:1 / / rw - ext4 /dev/sda rw\n"), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_the_image_has_is_changed_and_links_are_not_followed() {
        use bowline_model::PathChangeKind::{Added, Modified};

        let folder = tempfile::tempdir().unwrap();
        let layers = Layers {
            upper: folder.path().join("upper"),
            lower: vec![folder.path().join("one"), folder.path().join("two")],
        };
        let make = |path: &str| std::fs::create_dir_all(folder.path().join(path)).unwrap();
        make("one");
        make("two/etc");
        make("upper/etc/new");
        make("upper/srv");
        make("secret/inner");
        let link = |to: &str, at: &str| {
            let to = folder.path().join(to);
            std::os::unix::fs::symlink(to, folder.path().join(at)).unwrap();
        };
        link("secret", "upper/link");
        // Below a link of an image there is nothing of that image.
        link("secret", "one/srv");
        make("upper/srv/inner");
        let mut found = kernel::changed_paths(&layers, 100).unwrap().unwrap();
        found.sort();
        let found: Vec<_> = found
            .iter()
            .map(|one| (one.path.as_str(), one.kind))
            .collect();
        let wanted = [
            ("/etc", Modified),
            ("/etc/new", Added),
            ("/link", Added),
            ("/srv", Modified),
            ("/srv/inner", Added),
        ];
        assert_eq!(found, wanted);
        assert_eq!(kernel::changed_paths(&layers, 4).unwrap(), None);
    }
}
