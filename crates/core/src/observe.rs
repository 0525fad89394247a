//! Looking at an engine once, before a plan is made.
//!
//! One listing of each kind, and inspects side by side: never one call after another.

use std::collections::{BTreeMap, BTreeSet};

use bowline_engine::{Engine, EngineError, Selector};
use bowline_model::{Observed, ObservedImage, ObservedNetwork, ObservedVolume, Wanted, label};
use futures_util::future::try_join_all;
use tokio::try_join;

/// What is looked at beside everything that carries the project's label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Networks by name.
    pub networks: BTreeSet<String>,
    /// Volumes by name.
    pub volumes: BTreeSet<String>,
    /// Images by reference.
    pub images: BTreeSet<String>,
}

impl Names {
    /// The names that a wanted state speaks of.
    pub fn of(wanted: &Wanted) -> Self {
        Self {
            networks: wanted
                .networks
                .values()
                .map(|network| network.spec.name.clone())
                .collect(),
            volumes: wanted
                .volumes
                .values()
                .map(|volume| volume.spec.name.clone())
                .collect(),
            images: wanted
                .services
                .values()
                .map(|service| service.image.reference.clone())
                .collect(),
        }
    }
}

/// Reads the actual state of a project, and of what else is named.
///
/// What disappears while it is read is left out.
pub async fn observe(
    engine: &dyn Engine,
    project: &str,
    names: &Names,
) -> Result<Observed, EngineError> {
    let (now, containers, networks, volumes, images) = try_join!(
        engine.now(),
        containers(engine, project),
        networks(engine, project, names),
        volumes(engine, project, names),
        images(engine, &names.images),
    )?;
    let mut image_of = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    for container in &containers {
        let id = &container.image_id;
        match images.values().find(|image| image.id == *id) {
            Some(image) => {
                image_of.insert(id.0.clone(), image.clone());
            }
            None => {
                unknown.insert(id.0.clone());
            }
        }
    }
    image_of.extend(self::images(engine, &unknown).await?);
    Ok(Observed {
        now,
        api: engine.about().api,
        containers,
        networks,
        volumes,
        images,
        image_of,
        file_changes: BTreeMap::new(),
    })
}

async fn containers(
    engine: &dyn Engine,
    project: &str,
) -> Result<Vec<bowline_model::ObservedContainer>, EngineError> {
    let listed = engine
        .containers(&Selector::label(label::PROJECT, project))
        .await?;
    let ids: Vec<_> = listed.into_iter().map(|container| container.id).collect();
    engine.inspect_containers(&ids).await
}

async fn networks(
    engine: &dyn Engine,
    project: &str,
    names: &Names,
) -> Result<Vec<ObservedNetwork>, EngineError> {
    let named = Selector {
        names: names.networks.iter().cloned().collect(),
        ..Selector::all()
    };
    let by_label = Selector::label(label::PROJECT, project);
    let (mut found, named) = if names.networks.is_empty() {
        (engine.networks(&by_label).await?, Vec::new())
    } else {
        try_join!(engine.networks(&by_label), engine.networks(&named))?
    };
    for network in named {
        if !found.iter().any(|known| known.id == network.id) {
            found.push(network);
        }
    }
    Ok(found)
}

async fn volumes(
    engine: &dyn Engine,
    project: &str,
    names: &Names,
) -> Result<Vec<ObservedVolume>, EngineError> {
    let named = Selector {
        names: names.volumes.iter().cloned().collect(),
        ..Selector::all()
    };
    let by_label = Selector::label(label::PROJECT, project);
    let (mut found, named) = if names.volumes.is_empty() {
        (engine.volumes(&by_label).await?, Vec::new())
    } else {
        try_join!(engine.volumes(&by_label), engine.volumes(&named))?
    };
    for volume in named {
        if !found
            .iter()
            .any(|known| known.spec.name == volume.spec.name)
        {
            found.push(volume);
        }
    }
    Ok(found)
}

async fn images(
    engine: &dyn Engine,
    references: &BTreeSet<String>,
) -> Result<BTreeMap<String, ObservedImage>, EngineError> {
    let found = try_join_all(references.iter().map(|reference| image(engine, reference))).await?;
    Ok(found.into_iter().flatten().collect())
}

/// An image with its reference; nothing where there is none.
async fn image(
    engine: &dyn Engine,
    reference: &str,
) -> Result<Option<(String, ObservedImage)>, EngineError> {
    match engine.inspect_image(reference).await {
        Ok(image) => Ok(Some((reference.to_owned(), image))),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
