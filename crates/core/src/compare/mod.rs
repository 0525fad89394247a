//! Has a container to be made again? Three ways to find out, and the words to say why.
//!
//! For a container that bowline made, its [`Baseline`] remembers what was wanted then and how it looked right
//! afterwards: what is wanted now is compared with the first (the files changed), and how it looks now with the
//! second (somebody changed it). For one that another tool made there is neither; there its image's defaults
//! and what is wanted are put together and held against how it looks, over a written table of what an engine
//! fills in by itself. What cannot be read back is *unknown*: it is said, and never a reason to make a
//! container again.

mod adopt;
mod facets;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use bowline_model::{
    Change, ContainerRef, ContainerSpec, FileToCopy, ImageConfig, ObservedContainer, Share, Shared,
};
use serde::{Deserialize, Serialize};

use facets::Facets;

/// What is remembered of a container that bowline made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What was wanted, labels of bowline's own aside.
    pub wanted: ContainerSpec,
    /// Digests of contents that no engine shows, by name.
    pub contents: BTreeMap<String, String>,
    /// What it takes from other containers.
    #[serde(default)]
    pub shares: Vec<(Share, ContainerRef)>,
    /// What was copied into it.
    #[serde(default)]
    pub files: Vec<FileToCopy>,
    /// How it looked right after it was made.
    pub observed: ObservedContainer,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// What is wanted otherwise than it is.
    pub changed: Vec<Change>,
    /// What is not as it was made.
    pub drifted: Vec<Change>,
    /// Contents that changed.
    pub contents: Vec<Change>,
    /// What could not be compared.
    pub unknown: Vec<String>,
}

impl Comparison {
    /// Tells whether nothing speaks for making the container again.
    pub fn is_same(&self) -> bool {
        self.changed.is_empty() && self.drifted.is_empty() && self.contents.is_empty()
    }
}

/// Compares a container with what is wanted of it.
///
/// `wanted` is complete for this container, its number and image labels aside; `image` is the config of the
/// image it was really made of, where that still exists.
pub fn compare(
    wanted: &ContainerSpec,
    contents: &BTreeMap<String, String>,
    container: &ObservedContainer,
    baseline: Option<&Baseline>,
    image: Option<&ImageConfig>,
) -> Comparison {
    if let Some(baseline) = baseline {
        return Comparison {
            changed: Facets::of(&as_asked_for(baseline)).differences(&Facets::of(wanted)),
            drifted: drift(&baseline.observed, container),
            contents: content_changes(&baseline.contents, contents),
            unknown: Vec::new(),
        };
    }
    let (changed, mut unknown) = adopt::differences(wanted, container, image);
    unknown.extend(contents.keys().map(|name| format!("the content of {name}")));
    Comparison {
        changed,
        unknown,
        ..Comparison::default()
    }
}

/// What a container was asked for with, the ids of the containers in it from which it takes something. They were not
/// known before it was made, and are read from how it looked then.
fn as_asked_for(baseline: &Baseline) -> ContainerSpec {
    let mut spec = baseline.wanted.clone();
    let made = &baseline.observed.spec;
    for (share, _) in &baseline.shares {
        match share.what {
            Shared::Network => spec.network.mode.clone_from(&made.network.mode),
            Shared::Ipc => spec.network.ipc.clone_from(&made.network.ipc),
            Shared::Pid => spec.network.pid.clone_from(&made.network.pid),
            Shared::Volumes { .. } => spec.volumes_from.clone_from(&made.volumes_from),
        }
    }
    spec
}

/// What is not as it was right after the container was made.
fn drift(then: &ObservedContainer, now: &ObservedContainer) -> Vec<Change> {
    let stable = |container: &ObservedContainer| {
        let mut facets = Facets::observed(container);
        // What an engine fills in once a container runs, and takes away when it ends.
        let mode = container.spec.network.mode.as_deref().unwrap_or_default();
        // With a network that is not its own a container gets the name of whose it is, when it starts.
        let is_named_by_start = mode == "host" || mode.starts_with("container:");
        facets.retain(|field, value| {
            let is_name = matches!(field, "hostname" | "domainname");
            !(is_of_a_run(field) || is_reference(field, value) || is_name && is_named_by_start)
        });
        for network in container.endpoints.keys() {
            facets.attach(network);
        }
        facets
    };
    stable(then).differences(&stable(now))
}

/// Fields that come and go with each run.
fn is_of_a_run(field: &str) -> bool {
    field.starts_with("networks.") || field == "network.mac_address"
}

/// Another container's namespace, which nobody can give a container that is there. It is shown by id right after
/// the container was made, and later by the name that is wanted.
fn is_reference(field: &str, value: &str) -> bool {
    matches!(field, "network.mode" | "network.ipc" | "network.pid")
        && value.starts_with("container:")
}

fn content_changes(then: &BTreeMap<String, String>, now: &BTreeMap<String, String>) -> Vec<Change> {
    let names = then
        .keys()
        .chain(now.keys().filter(|name| !then.contains_key(*name)));
    names
        .filter(|name| then.get(*name) != now.get(*name))
        .map(|name| Change {
            field: format!("content of {name}"),
            from: None,
            to: None,
        })
        .collect()
}
