//! The fake's networks, volumes and images.

use std::collections::BTreeMap;
use std::path::PathBuf;

use bowline_model::{
    ContainerId, EventAction, ImageConfig, ImageId, IpamPool, IpamSpec, NetworkId, NetworkSpec,
    ObjectKind, ObservedEndpoint, ObservedImage, ObservedNetwork, ObservedVolume, VolumeSpec,
};

use super::world::{World, full_reference, not_found};
use crate::{EngineError, Removed};

impl World {
    // ---- networks

    pub(super) fn add_network(&mut self, spec: &NetworkSpec) -> NetworkId {
        let id = NetworkId(self.next_id());
        let mut spec = spec.clone();
        spec.driver.get_or_insert_with(|| "bridge".into());
        spec.ipam = spec.ipam.filter(|ipam| !ipam.pools.is_empty()).or_else(|| {
            let number = 17 + self.networks.len();
            let pool = IpamPool {
                subnet: Some(format!("172.{number}.0.0/16")),
                gateway: Some(format!("172.{number}.0.1")),
                ..IpamPool::default()
            };
            Some(IpamSpec {
                driver: Some("default".into()),
                pools: vec![pool],
                ..IpamSpec::default()
            })
        });
        let attributes = network_attributes(&spec);
        let network = ObservedNetwork {
            id: id.clone(),
            created: Some(self.now()),
            scope: "local".into(),
            spec,
            attached: BTreeMap::new(),
        };
        self.networks.push(network);
        self.emit(ObjectKind::Network, EventAction::Create, &id.0, attributes);
        id
    }

    pub(super) fn refuse_taken_network(&self, spec: &NetworkSpec) -> Result<(), EngineError> {
        if self
            .networks
            .iter()
            .any(|network| network.spec.name == spec.name)
        {
            return Err(EngineError::Conflict {
                text: format!("network with name {} already exists", spec.name),
            });
        }
        Ok(())
    }

    /// The network that a name or id means to an endpoint.
    pub(super) fn network_named(&self, name: &str) -> Option<&ObservedNetwork> {
        self.networks
            .iter()
            .find(|network| network.id.0 == name || network.spec.name == name)
    }

    pub(super) fn network(&self, id: &NetworkId) -> Result<ObservedNetwork, EngineError> {
        let network = self.networks.iter().find(|network| network.id == *id);
        let mut network = network
            .cloned()
            .ok_or_else(|| not_found(ObjectKind::Network, &id.0))?;
        network.attached = self.attached(id);
        Ok(network)
    }

    fn attached(&self, id: &NetworkId) -> BTreeMap<ContainerId, String> {
        let on_it = |endpoint: &ObservedEndpoint| endpoint.network.as_ref() == Some(id);
        self.containers
            .iter()
            .filter(|container| container.is_running() && container.endpoints.values().any(on_it))
            .map(|container| (container.id.clone(), container.name.clone()))
            .collect()
    }

    pub(super) fn remove_network(&mut self, id: &NetworkId) -> Result<Removed, EngineError> {
        let Ok(network) = self.network(id) else {
            return Ok(Removed::Already);
        };
        if !network.attached.is_empty() {
            return Err(EngineError::InUse {
                kind: ObjectKind::Network,
                name: id.0.clone(),
                by: network.attached.into_keys().collect(),
                text: format!(
                    "error while removing network: network {} has active endpoints",
                    network.spec.name
                ),
            });
        }
        self.networks.retain(|network| network.id != *id);
        self.emit(
            ObjectKind::Network,
            EventAction::Destroy,
            &id.0,
            network_attributes(&network.spec),
        );
        Ok(Removed::Now)
    }

    /// Tells that a container joined or left a network.
    pub(super) fn emit_endpoint(
        &mut self,
        network: &NetworkId,
        container: &ContainerId,
        action: EventAction,
    ) {
        let Some(found) = self.networks.iter().find(|found| found.id == *network) else {
            return;
        };
        let mut attributes = network_attributes(&found.spec);
        attributes.insert("container".into(), container.0.clone());
        self.emit(ObjectKind::Network, action, &network.0, attributes);
    }

    // ---- volumes

    /// The volume of this name, made now if there is none.
    pub(super) fn ensure_volume(&mut self, spec: &VolumeSpec) -> ObservedVolume {
        let name = if spec.name.is_empty() {
            self.next_id()
        } else {
            spec.name.clone()
        };
        if let Some(volume) = self.volumes.get(&name) {
            return volume.clone();
        }
        let driver = spec.driver.clone().unwrap_or_else(|| "local".into());
        let now = self.now();
        let volume = ObservedVolume {
            spec: VolumeSpec {
                name: name.clone(),
                driver: Some(driver.clone()),
                ..spec.clone()
            },
            created: Some(now),
            mountpoint: PathBuf::from(format!("/var/lib/fake/volumes/{name}/_data")),
        };
        self.volumes.insert(name.clone(), volume.clone());
        self.emit(
            ObjectKind::Volume,
            EventAction::Create,
            &name,
            [("driver".to_owned(), driver)].into(),
        );
        volume
    }

    pub(super) fn remove_volume(&mut self, name: &str) -> Result<Removed, EngineError> {
        if !self.volumes.contains_key(name) {
            return Ok(Removed::Already);
        }
        let uses = |container: &&super::world::FakeContainer| {
            container
                .mounts
                .iter()
                .any(|mount| mount.volume.as_deref() == Some(name))
        };
        let by: Vec<ContainerId> = self
            .containers
            .iter()
            .filter(uses)
            .map(|container| container.id.clone())
            .collect();
        if !by.is_empty() {
            let text = format!("remove {name}: volume is in use - {by:?}");
            return Err(EngineError::InUse {
                kind: ObjectKind::Volume,
                name: name.to_owned(),
                by,
                text,
            });
        }
        self.volumes.remove(name);
        self.volume_sizes.remove(name);
        self.emit(
            ObjectKind::Volume,
            EventAction::Destroy,
            name,
            [("driver".to_owned(), "local".to_owned())].into(),
        );
        Ok(Removed::Now)
    }

    // ---- images

    /// Makes an image that nothing points to yet.
    pub(super) fn new_image(&mut self, config: ImageConfig) -> ObservedImage {
        ObservedImage {
            id: ImageId(format!("sha256:{}", self.next_id())),
            tags: Vec::new(),
            digests: Vec::new(),
            created: Some(self.now()),
            platform: "linux/amd64".into(),
            size_bytes: 1 << 20,
            config,
        }
    }

    /// Puts an image into the store and lets a reference point to it, and to no other.
    pub(super) fn store_image(&mut self, image: ObservedImage, reference: &str) -> ImageId {
        let id = image.id.clone();
        if !self.images.iter().any(|stored| stored.id == id) {
            self.images.push(image);
        }
        self.point(&id, reference);
        id
    }

    fn point(&mut self, id: &ImageId, reference: &str) {
        let full = full_reference(reference);
        for image in &mut self.images {
            image.tags.retain(|tag| *tag != full);
            if image.id == *id && !reference.is_empty() {
                image.tags.push(full.clone());
            }
        }
    }

    pub(super) fn tag_image(&mut self, id: &ImageId, reference: &str) -> Result<(), EngineError> {
        if !self.images.iter().any(|image| image.id == *id) {
            return Err(not_found(ObjectKind::Image, &id.0));
        }
        self.point(id, reference);
        let attributes = [("name".to_owned(), full_reference(reference))].into();
        self.emit(ObjectKind::Image, EventAction::Tag, &id.0, attributes);
        Ok(())
    }

    pub(super) fn remove_image(&mut self, reference: &str) -> Result<Removed, EngineError> {
        let Some(image) = self.image(reference).cloned() else {
            return Ok(Removed::Already);
        };
        let by_id = image.id.0 == reference;
        if by_id || image.tags.len() < 2 {
            let uses = self
                .containers
                .iter()
                .filter(|container| container.image_id == image.id);
            let by: Vec<ContainerId> = uses.map(|container| container.id.clone()).collect();
            if !by.is_empty() {
                let text = format!(
                    "conflict: unable to remove repository reference \"{reference}\" (must force)"
                );
                return Err(EngineError::InUse {
                    kind: ObjectKind::Image,
                    name: reference.to_owned(),
                    by,
                    text,
                });
            }
            self.images.retain(|stored| stored.id != image.id);
            self.emit(
                ObjectKind::Image,
                EventAction::Delete,
                &image.id.0,
                BTreeMap::new(),
            );
        } else {
            let full = full_reference(reference);
            for stored in self
                .images
                .iter_mut()
                .filter(|stored| stored.id == image.id)
            {
                stored.tags.retain(|tag| *tag != full);
            }
            self.emit(
                ObjectKind::Image,
                EventAction::Untag,
                &image.id.0,
                BTreeMap::new(),
            );
        }
        Ok(Removed::Now)
    }
}

fn network_attributes(spec: &NetworkSpec) -> BTreeMap<String, String> {
    [
        ("name".to_owned(), spec.name.clone()),
        ("type".to_owned(), spec.driver.clone().unwrap_or_default()),
    ]
    .into()
}
