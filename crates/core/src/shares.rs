//! What a container takes from others: namespaces and mounts, once it is known from which container.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bowline_model::{ContainerId, ContainerSpec, HashPart, HashText, MountSpec, Share, Shared};
use sha2::{Digest as _, Sha256};

/// Puts a share into a spec. Without an id, as long as the other container is not there, the service's name
/// stands for it, so that two specs can be compared.
pub(crate) fn apply(spec: &mut ContainerSpec, share: &Share, container: Option<&ContainerId>) {
    let whose = container.map_or_else(
        || format!("service:{}", share.service),
        |id| format!("container:{id}"),
    );
    match share.what {
        Shared::Network => spec.network.mode = Some(whose),
        Shared::Ipc => spec.network.ipc = Some(whose),
        Shared::Pid => spec.network.pid = Some(whose),
        Shared::Volumes { read_only } => {
            let id = container.map_or_else(|| share.service.clone(), ToString::to_string);
            spec.volumes_from
                .push(if read_only { format!("{id}:ro") } else { id });
        }
    }
}

/// Compose's hash of a service that takes something from other containers, by the ids of those.
pub(crate) fn config_hash(text: &HashText, ids: &BTreeMap<&str, ContainerId>) -> String {
    let mut hasher = Sha256::new();
    for part in &text.0 {
        hasher.update(match part {
            HashPart::Text(text) => text.as_str(),
            HashPart::IdOf(service) => ids.get(service.as_str()).map_or(service, |id| &id.0),
        });
    }
    let hash = hasher.finalize();
    hash.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Puts volumes that a container takes over into its spec, in the place of those that it would get.
pub(crate) fn keep(spec: &mut ContainerSpec, volumes: &[MountSpec]) {
    for kept in volumes {
        match spec
            .mounts
            .iter_mut()
            .find(|mount| mount.target == kept.target)
        {
            Some(mount) => mount.clone_from(kept),
            None => spec.mounts.push(kept.clone()),
        }
    }
}
