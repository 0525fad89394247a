//! Where bowline keeps what it has to remember. See `docs/decisions/stack-identity-lock-and-state-home.md`.
//!
//! The paths follow from the user's number and the environment, both given by the caller. Nothing is made
//! before [`StackHome::create`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::FileError;
use crate::files;
use crate::seal::hex;

/// What the folders follow from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HomeHints {
    /// Effective user, by number; 0 is root.
    pub euid: u32,
    /// The environment; `BOWLINE_STATE_HOME`, `BOWLINE_CONFIG_HOME`, `XDG_STATE_HOME`, `XDG_CONFIG_HOME` and
    /// `HOME` are looked at.
    pub env: BTreeMap<String, String>,
}

/// Why there is no place for bowline's state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateHomeError {
    /// A variable of bowline's own is not the absolute path of a folder.
    #[error("`{variable}` has to be an absolute path, it is `{value}`")]
    NotAbsolute {
        /// Its name.
        variable: &'static str,
        /// Its value.
        value: String,
    },
    /// The user has no home folder.
    #[error("there is no home folder to keep state in: `HOME` is not set to an absolute path")]
    NoHome,
    /// A folder cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

impl StateHomeError {
    /// What the user can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::NotAbsolute { variable, .. } => {
                vec![format!(
                    "set `{variable}` to a path that begins with `/`, or unset it"
                )]
            }
            Self::NoHome => vec![
                "set `HOME`, or name folders with `BOWLINE_STATE_HOME` and `BOWLINE_CONFIG_HOME`"
                    .into(),
            ],
            Self::File(error) => error.hints(),
        }
    }
}

/// The folders of one user on one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StateHome {
    state: PathBuf,
    config: PathBuf,
    euid: u32,
}

impl StateHome {
    /// Chooses the folders. Makes nothing.
    pub fn choose(hints: &HomeHints) -> Result<Self, StateHomeError> {
        let folder = |own, root: &str, xdg, below: &str| -> Result<PathBuf, StateHomeError> {
            if let Some(path) = hints.own(own)? {
                return Ok(path);
            }
            if hints.euid == 0 {
                return Ok(PathBuf::from(root));
            }
            if let Some(path) = hints.absolute(xdg) {
                return Ok(path.join("bowline"));
            }
            let home = hints.absolute("HOME").ok_or(StateHomeError::NoHome)?;
            Ok(home.join(below).join("bowline"))
        };
        Ok(Self {
            state: folder(
                "BOWLINE_STATE_HOME",
                "/var/lib/bowline",
                "XDG_STATE_HOME",
                ".local/state",
            )?,
            config: folder(
                "BOWLINE_CONFIG_HOME",
                "/etc/bowline",
                "XDG_CONFIG_HOME",
                ".config",
            )?,
            euid: hints.euid,
        })
    }

    /// Uses these two folders, of the user of this number.
    pub fn at(state: impl Into<PathBuf>, config: impl Into<PathBuf>, euid: u32) -> Self {
        Self {
            state: state.into(),
            config: config.into(),
            euid,
        }
    }

    /// The folder of the state: everything in it may be lost without losing a secret.
    pub fn state(&self) -> &Path {
        &self.state
    }

    /// The folder of what must not lie beside the state.
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// The file of the host's key.
    pub fn host_key(&self) -> PathBuf {
        self.config.join("host.key")
    }

    /// The user whose folders these are, by number.
    pub fn euid(&self) -> u32 {
        self.euid
    }

    /// The folder of one stack. Makes nothing.
    pub fn stack(&self, engine_id: &str, project: &str) -> StackHome {
        let stacks = self.state.join("stacks");
        StackHome {
            root: self.state.clone(),
            folder: stacks.join(name_of(engine_id)).join(name_of(project)),
            euid: self.euid,
        }
    }
}

/// The folder of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackHome {
    root: PathBuf,
    folder: PathBuf,
    euid: u32,
}

impl StackHome {
    /// The folder itself.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The journal's file.
    pub fn journal(&self) -> PathBuf {
        self.folder.join("journal.sqlite")
    }

    /// The file whose lock is held while an operation runs.
    pub fn lock(&self) -> PathBuf {
        self.folder.join("lock")
    }

    /// Makes the folder, and those above it, 0700. Repeating it is success.
    ///
    /// # Errors
    ///
    /// [`FileError`] names the path: something else has its name, it belongs to another user, the file system
    /// is read-only or full.
    pub fn create(&self) -> Result<(), FileError> {
        files::make_folder(&self.root, self.euid)?;
        files::make_folder(&self.folder, self.euid)
    }

    /// Makes the journal's file, empty and 0600, where it is missing.
    pub(crate) fn create_journal(&self) -> Result<(), FileError> {
        self.create()?;
        files::make_file(&self.journal(), self.euid)
    }
}

impl HomeHints {
    /// A variable of bowline's own: wrong is an error.
    fn own(&self, variable: &'static str) -> Result<Option<PathBuf>, StateHomeError> {
        match self.env.get(variable).filter(|value| !value.is_empty()) {
            None => Ok(None),
            Some(value) if value.starts_with('/') => Ok(Some(PathBuf::from(value))),
            Some(value) => Err(StateHomeError::NotAbsolute {
                variable,
                value: value.clone(),
            }),
        }
    }

    /// A variable of the system: one that is not absolute counts as not set, as its specification says.
    fn absolute(&self, variable: &str) -> Option<PathBuf> {
        let value = self.env.get(variable)?;
        value.starts_with('/').then(|| PathBuf::from(value))
    }
}

/// Turns an id into the name of one folder: `:` becomes `-`; where more had to change, part of its digest
/// keeps different ids apart.
fn name_of(id: &str) -> String {
    /// Folders may have names of 255 bytes; this leaves room for the digest.
    const LONGEST: usize = 128;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':');
    let ends_well = !id.is_empty() && !id.starts_with('.');
    let name: String = id
        .chars()
        .take(LONGEST)
        .map(|c| if c != ':' && plain(c) { c } else { '-' })
        .collect();
    if ends_well && id.len() <= LONGEST && id.chars().all(plain) {
        return name;
    }
    let digest = Sha256::digest(id.as_bytes());
    let digits = hex(&digest[..8]);
    format!("{}-{digits}", name.trim_start_matches('.'))
}

#[cfg(test)]
mod tests;
