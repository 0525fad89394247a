//! Secrets at rest: the host's key, and what is made with it. See `docs/decisions/secrets-at-rest.md`.
//!
//! A [`Sealer`] turns text into a value that only this host opens, only in the place it was sealed for, and
//! makes digests that tell nothing to who lacks the key. Nothing here has a `Debug` that shows a byte of a key
//! or of what is sealed.

use std::fmt::{self, Write as _};

use chacha20poly1305::aead::{Aead, Payload};
use chacha20poly1305::{KeyInit as _, XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;

use crate::StateHome;
use crate::files::{self, FileError};

/// How the file of the key begins.
const KEY_WORD: &str = "bowline-host-key-1";
/// The format of sealed values.
const FORMAT: u8 = 1;
/// Format, id of the key, nonce.
const HEAD: usize = 1 + 4 + 24;

/// Why there is no key to use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Its file or folder cannot be used.
    #[error("the host key {0}")]
    File(#[from] FileError),
    /// The file is there and holds something else.
    #[error("the host key `{path}` cannot be understood: {because}")]
    Unreadable {
        /// Its path.
        path: String,
        /// What is wrong with it; never its contents.
        because: &'static str,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(String),
}

impl KeyError {
    /// What the user can do about it.
    pub fn hints(&self) -> Vec<String> {
        match self {
            Self::File(error) => error.hints(),
            Self::Unreadable { path, .. } => vec![
                format!("put the right key back at `{path}`"),
                "or move the file away: a new key is made, and undoing what was done before is then not possible".into(),
            ],
            Self::NoRandomness(_) => Vec::new(),
        }
    }
}

/// Why a sealed value does not open.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// It was sealed with another key.
    #[error("it was sealed with host key `{found}`, this host has `{have}`")]
    OtherKey {
        /// Id of the key it was sealed with.
        found: String,
        /// Id of the key that is here.
        have: String,
    },
    /// This host has no key that can be used.
    #[error("there is no host key to open it with")]
    NoKey,
    /// It was written without a key to seal it with.
    #[error("it was written while there was no host key")]
    NeverSealed,
    /// It was changed, cut, or moved here from another place.
    #[error("it was changed, or belongs to another place")]
    Tampered,
    /// It was sealed by a newer bowline.
    #[error("its format is {found}, this bowline knows {FORMAT}")]
    Newer {
        /// The format found.
        found: u8,
    },
    /// The system gave no random bytes.
    #[error("the system gives no random bytes: {0}")]
    NoRandomness(String),
}

/// The place of a sealed value. It opens only there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spot<'a> {
    /// Table.
    pub table: &'a str,
    /// Key of the row, as text.
    pub row: &'a str,
    /// Column.
    pub column: &'a str,
}

impl Spot<'_> {
    fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for part in [self.table, self.row, self.column] {
            bytes.extend_from_slice(part.as_bytes());
            bytes.push(0);
        }
        bytes
    }
}

/// Seals, opens and digests with the host's key.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    digest: [u8; 32],
    id: [u8; 4],
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sealer({})", self.key_id())
    }
}

impl Sealer {
    /// Reads the host's key, and makes one where there is none.
    ///
    /// Of several processes that make it at once one wins, and all use that one.
    ///
    /// # Errors
    ///
    /// A key that others may read, that belongs to somebody else or that cannot be understood is never replaced.
    pub fn of_host(home: &StateHome) -> Result<Self, KeyError> {
        if let Some(sealer) = Self::of_existing(home)? {
            return Ok(sealer);
        }
        files::make_folder(home.config(), home.euid())?;
        let key: [u8; 32] = random().map_err(KeyError::NoRandomness)?;
        let part: [u8; 8] = random().map_err(KeyError::NoRandomness)?;
        let line = format!("{KEY_WORD} {}\n", hex(&key));
        files::write_once(&home.host_key(), &hex(&part), line.as_bytes())?;
        // Perhaps another process was faster.
        Self::of_existing(home)?.ok_or_else(|| KeyError::Unreadable {
            path: home.host_key().display().to_string(),
            because: "it was there a moment ago and is gone",
        })
    }

    /// Reads the host's key; `None` where there is none.
    pub fn of_existing(home: &StateHome) -> Result<Option<Self>, KeyError> {
        /// Longer than any key, so that one with something behind it is seen.
        const LIMIT: u64 = 1024;
        let path = home.host_key();
        let Some(contents) = files::read_private(&path, home.euid(), LIMIT)? else {
            return Ok(None);
        };
        let key = parse_key(&contents).map_err(|because| KeyError::Unreadable {
            path: path.display().to_string(),
            because,
        })?;
        Ok(Some(Self::of_key(&key)))
    }

    /// Uses these 32 bytes as the host's key.
    pub fn of_key(key: &[u8; 32]) -> Self {
        let seal = mac(key, &[b"bowline 1 seal"]);
        let id = mac(key, &[b"bowline 1 id"]);
        Self {
            cipher: XChaCha20Poly1305::new(&seal.into()),
            digest: mac(key, &[b"bowline 1 digest"]),
            id: [id[0], id[1], id[2], id[3]],
        }
    }

    /// Id of the key: eight hexadecimal digits that may be shown.
    pub fn key_id(&self) -> String {
        hex(&self.id)
    }

    /// Seals a value for a place. Sealing the same twice gives two different values.
    pub fn seal(&self, spot: Spot<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let nonce: [u8; 24] = random().map_err(SealError::NoRandomness)?;
        let aad = spot.bytes();
        let payload = Payload {
            msg: plain,
            aad: &aad,
        };
        let sealed = self.cipher.encrypt(&XNonce::from(nonce), payload);
        // Fails only for values of more than 256 GiB.
        let sealed = sealed.map_err(|_| SealError::Tampered)?;
        let mut value = Vec::with_capacity(HEAD + sealed.len());
        value.push(FORMAT);
        value.extend_from_slice(&self.id);
        value.extend_from_slice(&nonce);
        value.extend_from_slice(&sealed);
        Ok(value)
    }

    /// Opens a value that was sealed for this place with this key.
    pub fn open(&self, spot: Spot<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        match sealed.first() {
            Some(&FORMAT) if sealed.len() >= HEAD => {}
            Some(&found) if found > FORMAT => return Err(SealError::Newer { found }),
            _ => return Err(SealError::Tampered),
        }
        let (id, rest) = sealed[1..].split_at(4);
        if id != self.id {
            return Err(SealError::OtherKey {
                found: hex(id),
                have: self.key_id(),
            });
        }
        let (nonce, rest) = rest.split_at(24);
        let nonce = XNonce::try_from(nonce).map_err(|_| SealError::Tampered)?;
        let aad = spot.bytes();
        let payload = Payload {
            msg: rest,
            aad: &aad,
        };
        self.cipher
            .decrypt(&nonce, payload)
            .map_err(|_| SealError::Tampered)
    }

    /// Id of the key that a value was sealed with; `None` where it is no sealed value of a format that is known.
    pub fn key_of(sealed: &[u8]) -> Option<String> {
        let known = sealed.first() == Some(&FORMAT) && sealed.len() >= HEAD;
        known.then(|| hex(&sealed[1..5]))
    }

    /// Digests a content: 64 hexadecimal digits that are equal for equal `name` and `content` on this host, and
    /// tell nothing to who lacks the key.
    pub fn digest(&self, name: &str, content: &[u8]) -> String {
        hex(&mac(&self.digest, &[name.as_bytes(), &[0], content]))
    }
}

fn mac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    // A key shorter than a block is filled up with zeros by definition.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Random bytes from the system, or its words for why not.
pub(crate) fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|error| error.to_string())?;
    Ok(bytes)
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn parse_key(contents: &[u8]) -> Result<[u8; 32], &'static str> {
    let text = std::str::from_utf8(contents).map_err(|_| "it is not text")?;
    let Some((word, digits)) = text.trim_end().split_once(' ') else {
        return Err("it is cut");
    };
    if word != KEY_WORD {
        return Err("it is no host key of a kind that this bowline knows");
    }
    if digits.len() != 64 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err("it does not have 64 hexadecimal digits");
    }
    let mut key = [0; 32];
    for (index, byte) in key.iter_mut().enumerate() {
        let pair = digits.get(2 * index..2 * index + 2).unwrap_or_default();
        *byte =
            u8::from_str_radix(pair, 16).map_err(|_| "it does not have 64 hexadecimal digits")?;
    }
    Ok(key)
}

#[cfg(test)]
mod tests;
