//! The rules, by what they are about. Each says in its entry of the table what decides it.

pub(crate) mod absent;
pub(crate) mod brokers;
pub(crate) mod caches;
pub(crate) mod crowds;
pub(crate) mod data;
pub(crate) mod drift;
pub(crate) mod early;
pub(crate) mod ends;
pub(crate) mod filters;
pub(crate) mod health;
pub(crate) mod hostports;
pub(crate) mod image;
pub(crate) mod kernel;
pub(crate) mod logins;
pub(crate) mod memory;
pub(crate) mod names;
pub(crate) mod networks;
pub(crate) mod outside;
pub(crate) mod pools;
pub(crate) mod reach;
pub(crate) mod stray;
pub(crate) mod tls;
