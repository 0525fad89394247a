//! Networks, and who is on them.

use std::collections::BTreeSet;

use bowline_engine::{Engine, EngineError, Selector};
use bowline_model::{ContainerId, ObservedContainer, ObservedNetwork, label};
use futures_util::future::join_all;

use crate::facts::{MissingNetwork, NetworkFact, RouteFact, Stranger, TakenSubnet};

/// Strangers that are told of, over all networks.
const MOST_STRANGERS: usize = 32;
/// Subnets that are told of.
const MOST_SUBNETS: usize = 256;

/// The networks of an engine, and closer those that containers of the stack are on.
#[derive(Default)]
pub(super) struct Networks {
    /// All of them.
    pub(super) all: Vec<ObservedNetwork>,
    /// Those of the stack.
    pub(super) own: Vec<NetworkFact>,
}

/// Looks at all networks, and at who is on those of the containers.
pub(super) async fn look(
    engine: &dyn Engine,
    containers: &[ObservedContainer],
) -> Result<Networks, EngineError> {
    let on: BTreeSet<&String> = containers
        .iter()
        .flat_map(|container| container.endpoints.keys())
        .collect();
    let all = engine.networks(&Selector::all()).await?;
    let own: Vec<&ObservedNetwork> = all
        .iter()
        .filter(|network| on.contains(&network.spec.name))
        .collect();
    // Only an inspect tells who is on it. Networks that everybody is on have no names to collide.
    let closer = own.iter().map(|network| async move {
        match engine.inspect_network(&network.id).await {
            Ok(network) => network.attached.into_keys().collect(),
            Err(_) => Vec::new(),
        }
    });
    let attached = join_all(closer).await;
    let ours: BTreeSet<&ContainerId> = containers.iter().map(|container| &container.id).collect();
    let mut ids: Vec<ContainerId> = attached
        .into_iter()
        .flatten()
        .filter(|id: &ContainerId| !ours.contains(id))
        .collect();
    ids.sort();
    ids.dedup();
    ids.truncate(MOST_STRANGERS);
    let strangers = engine.inspect_containers(&ids).await?;
    let own = own.into_iter().map(|network| fact(network, &strangers));
    Ok(Networks {
        own: own.collect(),
        all,
    })
}

fn fact(network: &ObservedNetwork, strangers: &[ObservedContainer]) -> NetworkFact {
    let strangers = strangers.iter().filter_map(|container| {
        let endpoint = container.endpoints.get(&network.spec.name)?;
        let aliases = endpoint.aliases.iter();
        // An alias that is the beginning of the id is the engine's own.
        let aliases = aliases.filter(|alias| !container.id.0.starts_with(alias.as_str()));
        Some(Stranger {
            name: container.name.clone(),
            project: container.labels().get(label::PROJECT).cloned(),
            aliases: aliases.cloned().collect(),
            ipv4: endpoint.ipv4.clone(),
        })
    });
    let mut strangers: Vec<Stranger> = strangers.collect();
    strangers.sort();
    NetworkFact {
        name: network.spec.name.clone(),
        id: network.id.0.clone(),
        driver: network.spec.driver.clone(),
        internal: network.spec.internal,
        subnets: subnets(network).collect(),
        strangers,
    }
}

fn subnets(network: &ObservedNetwork) -> impl Iterator<Item = String> {
    let pools = network.spec.ipam.iter().flat_map(|ipam| &ipam.pools);
    pools.filter_map(|pool| pool.subnet.clone())
}

/// The subnets that are taken, where a network is missing that may want one of them.
pub(super) fn taken(networks: &[ObservedNetwork], missing: &[MissingNetwork]) -> Vec<TakenSubnet> {
    if missing.is_empty() {
        return Vec::new();
    }
    let taken = networks.iter().flat_map(|network| {
        subnets(network).map(|subnet| TakenSubnet {
            network: network.spec.name.clone(),
            subnet,
        })
    });
    let mut taken: Vec<TakenSubnet> = taken.take(MOST_SUBNETS).collect();
    taken.sort();
    taken
}

/// The routes of this host; none where it is not the host of these networks: an engine may be elsewhere.
pub(super) fn routes(networks: &[NetworkFact], all: Vec<(String, String)>) -> Vec<RouteFact> {
    let is_here = networks.iter().any(|network| {
        let device = bridge(network);
        all.iter().any(|(_, found)| *found == device)
    });
    let mut routes: Vec<RouteFact> = all
        .into_iter()
        .filter(|_| is_here)
        .map(|(subnet, device)| RouteFact { subnet, device })
        .collect();
    routes.sort();
    routes.dedup();
    routes
}

/// The device of a bridge network, as Docker names it.
pub(crate) fn bridge(network: &NetworkFact) -> String {
    if network.name == "bridge" {
        return "docker0".to_owned();
    }
    format!("br-{}", network.id.get(..12).unwrap_or(&network.id))
}
