//! Looking at an engine once, before a plan is made.
//!
//! One listing of each kind, and inspects side by side: never one call after another.

use std::collections::{BTreeMap, BTreeSet};

use bowline_engine::{Engine, EngineError, Selector};
use bowline_model::{
    ContainerId, NetworkingSpec, Observed, ObservedContainer, ObservedImage, ObservedNetwork,
    ObservedVolume, Wanted, label,
};
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
    /// Containers by name, or by id, whose namespaces a service joins; by service.
    pub joined: BTreeMap<String, BTreeSet<String>>,
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
            joined: wanted
                .services
                .iter()
                .map(|(name, service)| (name.clone(), joined(&service.spec.network)))
                .filter(|(_, joined)| !joined.is_empty())
                .collect(),
        }
    }
}

/// Reads the actual state of a project, and of what else is named.
///
/// What disappears while it is read is left out. Where a container joins another's namespaces and its service names
/// that one, the other is given by this name: engines keep only the id, and without a second look nobody could
/// tell whether it is the one that is meant.
pub async fn observe(
    engine: &dyn Engine,
    project: &str,
    names: &Names,
) -> Result<Observed, EngineError> {
    let (now, mut containers, networks, volumes, images) = try_join!(
        engine.now(),
        containers(engine, project),
        networks(engine, project, names),
        volumes(engine, project, names),
        images(engine, &names.images),
    )?;
    name_joined(engine, names, &mut containers).await?;
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
) -> Result<Vec<ObservedContainer>, EngineError> {
    let listed = engine
        .containers(&Selector::label(label::PROJECT, project))
        .await?;
    let ids: Vec<_> = listed.into_iter().map(|container| container.id).collect();
    engine.inspect_containers(&ids).await
}

/// The containers that a spec names to join their namespaces.
fn joined(network: &NetworkingSpec) -> BTreeSet<String> {
    [&network.mode, &network.ipc, &network.pid]
        .into_iter()
        .filter_map(|mode| mode.as_deref()?.strip_prefix("container:"))
        .map(str::to_owned)
        .collect()
}

/// Puts the name that a service gives for the id that an engine keeps.
async fn name_joined(
    engine: &dyn Engine,
    names: &Names,
    containers: &mut [ObservedContainer],
) -> Result<(), EngineError> {
    let wanted: BTreeSet<&String> = names.joined.values().flatten().collect();
    let found = try_join_all(wanted.iter().map(|name| engine.find_container(name))).await?;
    let ids: BTreeMap<&String, ContainerId> = wanted
        .into_iter()
        .zip(found)
        .filter_map(|(name, found)| Some((name, found?.id)))
        .collect();
    for container in containers {
        let service = container.service().and_then(|name| names.joined.get(name));
        let shown_as: BTreeMap<String, String> = service
            .into_iter()
            .flatten()
            .filter_map(|name| {
                let id = ids.get(name)?;
                Some((format!("container:{id}"), format!("container:{name}")))
            })
            .collect();
        let network = &mut container.spec.network;
        for mode in [&mut network.mode, &mut network.ipc, &mut network.pid] {
            if let Some(name) = mode.as_ref().and_then(|mode| shown_as.get(mode)) {
                *mode = Some(name.clone());
            }
        }
    }
    Ok(())
}

async fn networks(
    engine: &dyn Engine,
    project: &str,
    names: &Names,
) -> Result<Vec<ObservedNetwork>, EngineError> {
    let by_name = Selector {
        names: names.networks.iter().cloned().collect(),
        ..Selector::all()
    };
    let by_label = Selector::label(label::PROJECT, project);
    let (mut found, others) = if names.networks.is_empty() {
        (engine.networks(&by_label).await?, Vec::new())
    } else {
        try_join!(engine.networks(&by_label), engine.networks(&by_name))?
    };
    for network in others {
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
    let by_name = Selector {
        names: names.volumes.iter().cloned().collect(),
        ..Selector::all()
    };
    let by_label = Selector::label(label::PROJECT, project);
    let (mut found, others) = if names.volumes.is_empty() {
        (engine.volumes(&by_label).await?, Vec::new())
    } else {
        try_join!(engine.volumes(&by_label), engine.volumes(&by_name))?
    };
    for volume in others {
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

#[cfg(test)]
mod tests {
    use bowline_engine::fake::FakeEngine;
    use bowline_model::{ContainerSpec, ImageConfig, WantedService};

    use super::*;

    #[tokio::test]
    async fn a_container_that_is_joined_is_given_by_the_name_that_its_service_says() {
        let engine = FakeEngine::new();
        engine.add_image("app:1", ImageConfig::default());
        let plain = ContainerSpec {
            image: "app:1".to_owned(),
            ..ContainerSpec::default()
        };
        let mut ids = Vec::new();
        for name in ["far", "other"] {
            let made = engine.create_container(name, &plain).await;
            ids.push(made.expect("it is created").id);
        }
        let mut spec = plain.clone();
        spec.labels.insert(label::PROJECT.into(), "shop".into());
        spec.labels.insert(label::SERVICE.into(), "web".into());
        spec.network.mode = Some(format!("container:{}", ids[0]));
        spec.network.ipc = Some(format!("container:{}", ids[0]));
        spec.network.pid = Some(format!("container:{}", ids[1]));
        let made = engine.create_container("shop-web-1", &spec).await;
        made.expect("it is created");

        let mut service = WantedService::default();
        service.spec.network.mode = Some("container:far".into());
        service.spec.network.ipc = Some("container:gone".into());
        let mut wanted = Wanted::default();
        wanted.services.insert("web".into(), service);
        let observed = observe(&engine, "shop", &Names::of(&wanted)).await;
        let observed = observed.expect("the fake answers");
        let network = &observed.containers[0].spec.network;
        assert_eq!(network.mode.as_deref(), Some("container:far"));
        assert_eq!(network.ipc.as_deref(), Some("container:far"));
        // Nobody asks for this one by name.
        assert_eq!(network.pid, spec.network.pid);
    }
}
