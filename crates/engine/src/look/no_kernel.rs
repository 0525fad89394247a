//! Stands for [`kernel`](super) where there is no Linux: nothing can be opened, so nothing else is ever called.

use std::convert::Infallible;
use std::net::TcpStream;
use std::path::Path;

use bowline_model::PathChange;
use jiff::Timestamp;

use super::layers::Layers;
use super::{FileStat, FileSystem, Unseen};

fn unsupported<T>() -> Result<T, Unseen> {
    Err(Unseen::Unsupported {
        what: "the inside".into(),
    })
}

#[derive(Debug)]
pub(super) struct ProcessFolder(Infallible);

impl ProcessFolder {
    pub(super) fn open(_: u32) -> Result<Self, Unseen> {
        unsupported()
    }

    pub(super) fn read(&self, _: &str) -> Result<String, Unseen> {
        match self.0 {}
    }

    pub(super) fn count(&self, _: &str) -> Result<u64, Unseen> {
        match self.0 {}
    }

    pub(super) fn open_path(&self, _: u64) -> Result<Option<String>, Unseen> {
        match self.0 {}
    }

    pub(super) fn network_namespace(&self) -> Result<u64, Unseen> {
        match self.0 {}
    }

    pub(super) fn in_network<T: Send>(&self, _: impl FnOnce() -> T + Send) -> Result<T, Unseen> {
        match self.0 {}
    }

    pub(super) fn root(&self) -> Result<Root, Unseen> {
        match self.0 {}
    }
}

pub(super) fn reset_at_close(_: &TcpStream) {}

pub(super) fn log() -> Result<Vec<String>, Unseen> {
    unsupported()
}

pub(super) fn pids() -> Result<Vec<u32>, Unseen> {
    unsupported()
}

pub(super) fn read(_: &Path) -> Result<String, Unseen> {
    unsupported()
}

pub(super) fn changed_paths(_: &Layers, _: usize) -> Result<Option<Vec<PathChange>>, Unseen> {
    unsupported()
}

pub(super) fn exists(_: &Path) -> bool {
    false
}

pub(super) fn ticks_per_second() -> u64 {
    1
}

#[derive(Debug)]
pub(super) struct Root(Infallible);

impl Root {
    pub(super) fn find(&self, _: &str) -> Result<Option<Found>, Unseen> {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(super) struct Found(Infallible);

impl Found {
    pub(super) fn stat(&self) -> Result<FileStat, Unseen> {
        match self.0 {}
    }

    pub(super) fn file_system(&self) -> Result<FileSystem, Unseen> {
        match self.0 {}
    }

    pub(super) fn newest(&self, _: usize) -> Result<Option<Timestamp>, Unseen> {
        match self.0 {}
    }

    pub(super) fn is_empty_folder(&self) -> Result<bool, Unseen> {
        match self.0 {}
    }

    pub(super) fn read(&self, _: u64) -> Result<Vec<u8>, Unseen> {
        match self.0 {}
    }
}
