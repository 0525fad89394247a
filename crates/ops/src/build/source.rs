//! What a build is made of: a folder with its Dockerfile and its rules, or something that the engine fetches itself.
//!
//! The builder reads the Dockerfile and `.dockerignore` out of the archive that it gets, and then takes away those of
//! the two that the `.dockerignore` in the archive excludes. So both are always sent. Where the rules come from
//! another file, or the Dockerfile is not one of the folder, a `.dockerignore` is sent that makes the builder take
//! away exactly what the folder's rules leave out.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bowline_model::{Build, mask_passwords};
use sha2::{Digest, Sha256};

use super::files::{self, FileError};
use super::ignore::{BadPattern, Rules};

/// The name of the file with the rules.
pub(super) const IGNORE_FILE: &str = ".dockerignore";

/// Where a build's files come from.
#[derive(Debug)]
pub(super) enum Source {
    /// The engine fetches them: a git repository or an archive.
    Remote {
        /// Where.
        url: String,
        /// The Dockerfile within.
        dockerfile: String,
    },
    /// A folder of this host.
    Folder(Folder),
}

/// A folder of this host, and what is sent of it.
#[derive(Debug)]
pub(super) struct Folder {
    /// The folder, its links followed.
    pub(super) root: PathBuf,
    /// Name of the Dockerfile within the archive.
    pub(super) dockerfile: String,
    /// Where people find it.
    shown: String,
    /// Which files are left out.
    pub(super) rules: Rules,
    /// Files that are sent beside or instead of those of the folder, by name.
    pub(super) instead: Vec<(String, Vec<u8>)>,
}

/// Why a build has no files to be made of.
#[derive(Debug, thiserror::Error)]
pub(super) enum SourceError {
    #[error("the build context {0}")]
    Context(FileError),
    #[error("the Dockerfile {0}")]
    Dockerfile(FileError),
    #[error("the ignore file {0}")]
    Ignore(FileError),
    #[error("{}:{}: {error}", .path.display(), .error.line)]
    Pattern { path: PathBuf, error: BadPattern },
    #[error(
        "a Dockerfile that is written in the file, or lies outside, cannot go with the remote context `{}`",
        mask_passwords(url)
    )]
    RemoteWithOwnDockerfile { url: String },
}

impl SourceError {
    /// What to do about it.
    pub(super) fn hints(&self) -> Vec<String> {
        let hint = match self {
            Self::Context(FileError::Missing(_) | FileError::NotFolder(_)) => {
                "`build.context` is counted from the folder of the Compose file"
            }
            Self::Dockerfile(FileError::Missing(_) | FileError::NotFile(_)) => {
                "`build.dockerfile` is counted from the build context"
            }
            Self::RemoteWithOwnDockerfile { .. } => {
                "name a Dockerfile of the remote context, or use a folder"
            }
            _ => return Vec::new(),
        };
        vec![hint.to_owned()]
    }
}

impl Source {
    /// Finds what a build is made of, and reads what is small.
    pub(super) fn find(build: &Build) -> Result<Self, SourceError> {
        // The loader makes the paths of folders absolute, and leaves everything else as it is.
        if !Path::new(&build.context).is_absolute() {
            return Self::remote(build);
        }
        let context = Path::new(&build.context);
        let root = files::folder(context).map_err(SourceError::Context)?;
        if !build.dockerfile_inline.is_empty() {
            let text = build.dockerfile_inline.as_bytes().to_vec();
            let rules = RulesFile::of_folder(&root)?;
            let shown = "dockerfile_inline".to_owned();
            return Ok(Self::Folder(Folder::with_own(root, shown, text, rules)));
        }
        let written = match build.dockerfile.as_str() {
            "" => context.join("Dockerfile"),
            path => context.join(path),
        };
        let file = files::file(&written).map_err(SourceError::Dockerfile)?;
        let rules = match RulesFile::beside(&written)? {
            Some(rules) => rules,
            None => RulesFile::of_folder(&root)?,
        };
        let shown = written.display().to_string();
        let folder = if let Ok(inside) = file.strip_prefix(&root) {
            let name = inside.to_string_lossy().into_owned();
            Folder::with_inner(root, shown, name, rules)
        } else {
            let text = files::read(&file).map_err(SourceError::Dockerfile)?;
            Folder::with_own(root, shown, text, rules)
        };
        Ok(Self::Folder(folder))
    }

    fn remote(build: &Build) -> Result<Self, SourceError> {
        let url = build.context.clone();
        let is_outside = build.dockerfile.starts_with('/')
            || build.dockerfile.split('/').any(|part| part == "..");
        if is_outside || !build.dockerfile_inline.is_empty() {
            return Err(SourceError::RemoteWithOwnDockerfile { url });
        }
        let dockerfile = match build.dockerfile.as_str() {
            "" => "Dockerfile".to_owned(),
            path => path.to_owned(),
        };
        Ok(Self::Remote { url, dockerfile })
    }

    /// The Dockerfile, as people find it.
    pub(super) fn dockerfile(&self) -> String {
        match self {
            Self::Remote { url, dockerfile } => format!("{dockerfile} of {}", mask_passwords(url)),
            Self::Folder(folder) => folder.shown.clone(),
        }
    }
}

/// The rules that count, and the file from which they are.
struct RulesFile {
    rules: Rules,
    /// They are those of the folder's own ignore file.
    is_of_folder: bool,
}

impl RulesFile {
    /// `.dockerignore` of the folder.
    fn of_folder(root: &Path) -> Result<Self, SourceError> {
        let rules = Self::read(root.join(IGNORE_FILE))?;
        Ok(Self {
            rules: rules.unwrap_or_default(),
            is_of_folder: true,
        })
    }

    /// `Dockerfile.dockerignore` beside the Dockerfile, which counts instead where it is there.
    fn beside(dockerfile: &Path) -> Result<Option<Self>, SourceError> {
        let mut path = dockerfile.as_os_str().to_owned();
        path.push(IGNORE_FILE);
        let rules = Self::read(path.into())?;
        Ok(rules.map(|rules| Self {
            rules,
            is_of_folder: false,
        }))
    }

    fn read(path: PathBuf) -> Result<Option<Rules>, SourceError> {
        let Some(text) = files::read_if_there(&path).map_err(SourceError::Ignore)? else {
            return Ok(None);
        };
        let rules = Rules::parse(&text);
        let rules = rules.map_err(|error| SourceError::Pattern { path, error })?;
        Ok(Some(rules))
    }
}

impl Folder {
    /// With a Dockerfile of its own.
    fn with_inner(root: PathBuf, shown: String, dockerfile: String, rules: RulesFile) -> Self {
        let mut folder = Self {
            root,
            dockerfile,
            shown,
            rules: rules.rules,
            instead: Vec::new(),
        };
        if !rules.is_of_folder {
            let goes = folder.rules.exclude(&folder.dockerfile);
            folder.direct_the_builder(goes);
        }
        folder
    }

    /// With a Dockerfile that is not one of its files.
    fn with_own(root: PathBuf, shown: String, text: Vec<u8>, rules: RulesFile) -> Self {
        let digest = Sha256::digest(&text);
        let mut name = ".dockerfile.".to_owned();
        for byte in &digest[..8] {
            // Writing to a String cannot fail.
            let _ = write!(name, "{byte:02x}");
        }
        let mut folder = Self {
            root,
            dockerfile: name.clone(),
            shown,
            rules: rules.rules,
            instead: vec![(name, text)],
        };
        folder.direct_the_builder(true);
        folder
    }

    /// Sends an ignore file that makes the builder take away what is sent for itself only.
    fn direct_the_builder(&mut self, dockerfile_goes: bool) {
        let own = files::read_if_there(&self.root.join(IGNORE_FILE));
        let own = own
            .ok()
            .flatten()
            .filter(|_| !self.rules.exclude(IGNORE_FILE));
        let keep = |keep: bool| if keep { "!" } else { "" };
        let lines = format!(
            "\n{}{IGNORE_FILE}\n{}{}\n",
            keep(own.is_some()),
            keep(!dockerfile_goes),
            literal(&self.dockerfile)
        );
        let mut text = own.unwrap_or_default();
        text.extend_from_slice(lines.as_bytes());
        self.instead.push((IGNORE_FILE.to_owned(), text));
    }

    /// Tells whether a file is sent whatever the rules say.
    pub(super) fn needs(&self, path: &str) -> bool {
        path == self.dockerfile || path == IGNORE_FILE
    }

    /// Tells whether a file that is sent whatever the rules say lies below a folder.
    pub(super) fn needs_below(&self, folder: &str) -> bool {
        let below = self.dockerfile.strip_prefix(folder);
        below.is_some_and(|rest| rest.starts_with('/'))
    }
}

/// A pattern that matches this path and no other.
fn literal(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '\\' | '!' | '#' | ' ') {
            pattern.push('\\');
        }
        pattern.push(c);
    }
    pattern
}
