//! Files that are copied into a container before it starts.

use serde::{Deserialize, Serialize};

use crate::Secret;

/// A file to put into a created container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileToCopy {
    /// Absolute path inside.
    pub path: String,
    /// What it holds. Serialising writes it in full; whoever stores the result encrypts it.
    #[serde(with = "in_full")]
    pub content: Secret,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Permission bits.
    pub mode: u32,
}

/// Writes a secret out: only for what is encrypted before it is stored.
pub(crate) mod in_full {
    use serde::{Deserialize as _, Deserializer, Serializer};

    use crate::Secret;

    pub(crate) fn serialize<S: Serializer>(secret: &Secret, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(secret.reveal())
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Secret, D::Error> {
        String::deserialize(from).map(Secret::new)
    }
}
