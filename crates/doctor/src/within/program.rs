//! This program as an image of its own.

#![expect(
    clippy::disallowed_methods,
    reason = "this is the module that reads the running program, to bring it where a container is"
)]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;

use bowline_engine::{About, FileToPut};
use bowline_model::Argv;

/// The file of this program, whatever became of its path since it was started.
const OWN: &str = "/proc/self/exe";
/// Where it is in the image.
const PROGRAM: &str = "/bowline";
/// Where the libraries are in the image that it was linked with.
const LIBRARIES: &str = "/lib";

/// This program, and what it needs to run anywhere.
#[derive(Debug)]
pub(super) struct Program {
    /// Tells this build of it from others.
    pub(super) version: String,
    /// Shared libraries by file name, the loader aside; none where it is linked statically.
    libraries: BTreeMap<String, PathBuf>,
    loader: Option<(String, PathBuf)>,
}

impl Program {
    /// The one that runs now.
    ///
    /// # Errors
    ///
    /// There is no `/proc`, or it may not be read.
    pub(super) fn own() -> io::Result<Self> {
        let about = fs::metadata(OWN)?;
        let (loader, libraries) = mapped(&fs::read_to_string("/proc/self/maps")?);
        Ok(Self {
            version: format!(
                "{}-{:x}-{:x}{:08x}",
                env!("CARGO_PKG_VERSION"),
                about.size(),
                about.mtime(),
                about.mtime_nsec()
            ),
            libraries,
            loader,
        })
    }

    /// Its files, as they stand in the image.
    ///
    /// # Errors
    ///
    /// One of them cannot be read.
    pub(super) fn files(&self) -> io::Result<Vec<FileToPut>> {
        let mut files = vec![file(PROGRAM.to_owned(), fs::read(OWN)?)];
        for (name, path) in self
            .loader
            .iter()
            .map(|(name, path)| (name, path))
            .chain(&self.libraries)
        {
            files.push(file(format!("{LIBRARIES}/{name}"), fs::read(path)?));
        }
        Ok(files)
    }

    /// What is run in the image, before any argument.
    pub(super) fn entrypoint(&self) -> Argv {
        match &self.loader {
            None => [PROGRAM].into(),
            Some((loader, _)) => {
                let loader = format!("{LIBRARIES}/{loader}");
                [loader.as_str(), "--library-path", LIBRARIES, PROGRAM].into()
            }
        }
    }
}

/// Whether a program runs on the machine of an engine, by the head of its file (ELF, fields `e_ident` and `e_machine`).
pub(super) fn fits(program: &[u8], about: &About) -> bool {
    let machine = match program.get(18..20) {
        Some(&[low, high]) if program.starts_with(b"\x7fELF") => u16::from_le_bytes([low, high]),
        _ => return false,
    };
    match machine {
        62 => about.arch == "amd64",
        183 => about.arch == "arm64",
        _ => false,
    }
}

type Libraries = BTreeMap<String, PathBuf>;

/// The loader and the shared libraries of a process, by its `/proc/PID/maps`.
fn mapped(maps: &str) -> (Option<(String, PathBuf)>, Libraries) {
    let mut loader = None;
    let mut libraries = Libraries::new();
    for line in maps.lines() {
        let Some(start) = line.find('/') else {
            continue;
        };
        let path = PathBuf::from(&line[start..]);
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        if name.starts_with("ld-") || name.starts_with("ld.") {
            loader = Some((name.to_owned(), path.clone()));
        } else if format!("{name}.").contains(".so.") {
            libraries.insert(name.to_owned(), path.clone());
        }
    }
    (loader, libraries)
}

fn file(path: String, contents: Vec<u8>) -> FileToPut {
    FileToPut {
        path,
        contents,
        mode: 0o755,
        uid: 0,
        gid: 0,
        modified_secs: 0,
    }
}

#[cfg(test)]
mod tests {
    use bowline_engine::Engine as _;
    use bowline_engine::fake::FakeEngine;

    use super::*;

    const MAPS: &str = "\
55d0c0000000-55d0c0100000 r--p 00000000 fe:00 1 /usr/local/bin/bowline
7f0000000000-7f0000026000 r--p 00000000 fe:00 2 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000026000-7f0000030000 r-xp 00026000 fe:00 2 /usr/lib/x86_64-linux-gnu/libc.so.6
7f0000100000-7f0000126000 r--p 00000000 fe:00 3 /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2
7ffd00000000-7ffd00021000 rw-p 00000000 00:00 0 [stack]
7f0000200000-7f0000226000 r--p 00000000 fe:00 4 /var/lib/some file
";

    #[test]
    fn what_a_program_was_linked_with_goes_along() {
        let (loader, libraries) = mapped(MAPS);
        let (name, path) = loader.expect("a loader");
        assert_eq!(name, "ld-linux-x86-64.so.2");
        assert!(path.ends_with("x86_64-linux-gnu/ld-linux-x86-64.so.2"));
        assert_eq!(libraries.keys().collect::<Vec<_>>(), ["libc.so.6"]);
        assert_eq!(mapped("55d0-55d1 r-xp 0 fe:00 1 /bowline\n").0, None);
    }

    #[test]
    fn a_program_for_another_machine_is_known_by_its_head() {
        let engine = |arch: &str| About {
            arch: arch.to_owned(),
            ..FakeEngine::new().about().clone()
        };
        let mut head = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0\x3e\0".to_vec();
        assert!(fits(&head, &engine("amd64")));
        assert!(!fits(&head, &engine("arm64")));
        head[18] = 183;
        assert!(fits(&head, &engine("arm64")));
        assert!(!fits(b"\xcf\xfa\xed\xfe", &engine("arm64")), "of a Mac");
    }
}
