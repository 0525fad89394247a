//! The rules, by what they are about. Each says in its entry of the table what decides it.

pub(crate) mod absent;
pub(crate) mod caps;
pub(crate) mod crashes;
pub(crate) mod crowds;
pub(crate) mod ends;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod image;
pub(crate) mod jobs;
pub(crate) mod limits;
pub(crate) mod logins;
pub(crate) mod made;
pub(crate) mod memory;
pub(crate) mod modules;
pub(crate) mod names;
pub(crate) mod programs;
pub(crate) mod reach;
pub(crate) mod rights;
pub(crate) mod storage;
pub(crate) mod stray;
pub(crate) mod variables;
