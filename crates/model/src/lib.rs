//! The words that every bowline crate uses, as data with their invariants.
//!
//! Nothing here reads a file, an environment variable, a clock or a socket. A type belongs here when at
//! least two crates speak about it; what only one of them needs stays in its room.
//!
//! Where to read next: [`Project`] is what Compose files mean.

mod place;
mod project;
mod secret;

pub use place::{Origins, Place};
pub use project::*;
pub use secret::{MASK, Secret, is_secret_key, mask_line, mask_passwords};
