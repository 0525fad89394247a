//! What a container takes from others: namespaces and mounts, once it is known from which container.

use bowline_model::{ContainerId, ContainerSpec, MountSpec, Share, Shared};

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
