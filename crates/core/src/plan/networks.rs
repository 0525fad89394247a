//! Networks and volumes: what is missing, and what is not as it is wanted.

use std::collections::BTreeMap;

use bowline_model::{
    Action, Cause, Change, ContainerRef, EndpointSpec, IpamSpec, NetworkSpec, Observed,
    ObservedNetwork, StepId, VolumeSpec, Wanted, WantedService, label,
};

use super::PlanError;
use super::draft::{Draft, reference};

/// The steps after which networks are there, by name.
#[derive(Debug, Default)]
pub(super) struct Prepared(BTreeMap<String, StepId>);

impl Prepared {
    /// The steps that a container of a service has to come after: its networks and volumes are there.
    pub(super) fn needed_by(&self, service: &WantedService, draft: &Draft<'_>) -> Vec<StepId> {
        let networks = service
            .spec
            .network
            .endpoints
            .iter()
            .filter_map(|endpoint| self.0.get(&endpoint.network));
        networks
            .copied()
            .chain(draft.volume_steps(service))
            .chain(draft.image_steps(service))
            .collect()
    }
}

/// Plans the networks.
pub(super) fn prepare(draft: &mut Draft<'_>, wanted: &Wanted) -> Prepared {
    let mut prepared = Prepared::default();
    for (key, network) in &wanted.networks {
        let name = &network.spec.name;
        let observed = draft.observed;
        let there = best(observed, name, key, &wanted.project);
        if let Some(there) = there.filter(|_| !network.external) {
            let gone = remove_doubles(draft, there, &wanted.project);
            prepared.0.extend(gone.map(|step| (name.clone(), step)));
        }
        match there {
            None if network.external => {
                draft.fail(PlanError::NoExternalNetwork { name: name.clone() });
            }
            None => {
                let step = draft.step(
                    Action::CreateNetwork {
                        spec: network.spec.clone(),
                    },
                    Cause::Missing,
                    None,
                    &[],
                );
                prepared.0.insert(name.clone(), step);
            }
            Some(_) if network.external => {}
            Some(there) if there.spec.labels.get(label::NETWORK).is_none() => {
                draft.note(
                    format!("network {name}"),
                    "was not made for this project and is used as it is",
                );
            }
            Some(there) => {
                let changes = changes(&there.spec, &network.spec);
                if !changes.is_empty() {
                    let step = remake(draft, there, &network.spec, &changes);
                    prepared.0.insert(name.clone(), step);
                }
            }
        }
    }
    prepared
}

/// Of several networks of one name the one that was made for this project, and of those the one in use, else the
/// oldest.
fn best<'a>(
    observed: &'a Observed,
    name: &str,
    key: &str,
    project: &str,
) -> Option<&'a ObservedNetwork> {
    let ours = |network: &ObservedNetwork| {
        network.spec.labels.get(label::PROJECT).map(String::as_str) == Some(project)
            && network.spec.labels.get(label::NETWORK).map(String::as_str) == Some(key)
    };
    observed
        .networks
        .iter()
        .filter(|network| network.spec.name == name)
        .min_by_key(|network| (!ours(network), !is_used(observed, network), network.created))
}

fn is_used(observed: &Observed, network: &ObservedNetwork) -> bool {
    let mut endpoints = observed
        .containers
        .iter()
        .flat_map(|container| container.endpoints.values());
    endpoints.any(|endpoint| endpoint.network.as_ref() == Some(&network.id))
}

/// Removes the doubles of a network that bowline made and nothing uses. An engine lets two networks have one name
/// where both are asked for at once, as by an operation that died and the next one, and a name that two have
/// cannot be used.
fn remove_doubles(draft: &mut Draft<'_>, there: &ObservedNetwork, project: &str) -> Option<StepId> {
    let observed = draft.observed;
    let is_double = |network: &&ObservedNetwork| {
        let labels = &network.spec.labels;
        network.spec.name == there.spec.name
            && network.id != there.id
            && labels.get(label::PROJECT).map(String::as_str) == Some(project)
            && labels.get(label::OPERATION).is_some()
            && !is_used(observed, network)
    };
    let mut last = None;
    for double in observed.networks.iter().filter(is_double) {
        let remove = Action::RemoveNetwork {
            id: Some(double.id.clone()),
            name: double.spec.name.clone(),
            made_by: None,
        };
        let after: Vec<StepId> = last.into_iter().collect();
        last = Some(draft.step(remove, Cause::Doubled, None, &after));
    }
    last
}

/// Detaches everything from a network, makes it again, and attaches everything as it was.
fn remake(
    draft: &mut Draft<'_>,
    there: &ObservedNetwork,
    wanted: &NetworkSpec,
    changes: &[Change],
) -> StepId {
    let cause = Cause::Changed(changes.to_vec());
    let observed = draft.observed;
    let mut detached = Vec::new();
    let mut attached: Vec<(ContainerRef, EndpointSpec, bool)> = Vec::new();
    for container in &observed.containers {
        let mut endpoints = container.spec.network.endpoints.iter();
        let Some(endpoint) = endpoints.find(|endpoint| endpoint.network == wanted.name) else {
            continue;
        };
        let mut after = Vec::new();
        let runs = container.state.is_running();
        if runs {
            let stop = Action::StopContainer {
                container: reference(container),
                grace_secs: None,
            };
            after.push(draft.step(stop, cause.clone(), container.service(), &[]));
        }
        let disconnect = Action::DisconnectNetwork {
            container: reference(container),
            network: wanted.name.clone(),
        };
        detached.push(draft.step(disconnect, cause.clone(), container.service(), &after));
        attached.push((reference(container), endpoint.clone(), runs));
    }
    let remove = Action::RemoveNetwork {
        id: Some(there.id.clone()),
        name: wanted.name.clone(),
        made_by: None,
    };
    let removed = draft.step(remove, cause.clone(), None, &detached);
    let created = draft.step(
        Action::CreateNetwork {
            spec: wanted.clone(),
        },
        cause.clone(),
        None,
        &[removed],
    );
    let mut last = created;
    for (container, endpoint, runs) in attached {
        let connect = Action::ConnectNetwork {
            container: container.clone(),
            endpoint,
        };
        last = draft.step(connect, cause.clone(), None, &[created]);
        if runs {
            last = draft.step(
                Action::StartContainer { container },
                cause.clone(),
                None,
                &[last],
            );
        }
    }
    last
}

/// What a network is otherwise than wanted. What is not wanted in particular is left to the engine.
fn changes(is: &NetworkSpec, wanted: &NetworkSpec) -> Vec<Change> {
    let mut changes = Vec::new();
    let driver = |spec: &NetworkSpec| spec.driver.clone().unwrap_or_else(|| "bridge".to_owned());
    push(&mut changes, "driver", &driver(is), &driver(wanted));
    push(
        &mut changes,
        "internal",
        &is.internal.to_string(),
        &wanted.internal.to_string(),
    );
    push(
        &mut changes,
        "attachable",
        &is.attachable.to_string(),
        &wanted.attachable.to_string(),
    );
    push(
        &mut changes,
        "enable_ipv6",
        &is.ipv6.unwrap_or(false).to_string(),
        &wanted.ipv6.unwrap_or(false).to_string(),
    );
    for (key, value) in &wanted.options {
        push(
            &mut changes,
            &format!("driver_opts.{key}"),
            is.options.get(key).map_or("", String::as_str),
            value,
        );
    }
    for (key, value) in wanted
        .labels
        .iter()
        .filter(|(key, _)| label::describes(key))
    {
        push(
            &mut changes,
            &format!("labels.{key}"),
            is.labels.get(key).map_or("", String::as_str),
            value,
        );
    }
    if let Some(pools) = wanted.ipam.as_ref().filter(|ipam| !ipam.pools.is_empty()) {
        let text = |ipam: &IpamSpec| {
            ipam.pools
                .iter()
                .map(|pool| pool.subnet.clone().unwrap_or_default())
                .collect::<Vec<_>>()
                .join(", ")
        };
        let is = is.ipam.as_ref().map(text).unwrap_or_default();
        push(&mut changes, "ipam.subnets", &is, &text(pools));
    }
    changes
}

/// What a volume is otherwise than wanted: driver and options. Labels of a volume cannot be changed.
pub(super) fn volume_changes(is: &VolumeSpec, wanted: &VolumeSpec) -> Vec<Change> {
    let mut changes = Vec::new();
    let driver = |spec: &VolumeSpec| spec.driver.clone().unwrap_or_else(|| "local".to_owned());
    push(&mut changes, "driver", &driver(is), &driver(wanted));
    for key in is.options.keys().chain(wanted.options.keys()) {
        let value = |spec: &VolumeSpec| spec.options.get(key).cloned().unwrap_or_default();
        push(
            &mut changes,
            &format!("driver_opts.{key}"),
            &value(is),
            &value(wanted),
        );
    }
    changes.dedup();
    changes
}

fn push(changes: &mut Vec<Change>, field: &str, is: &str, wanted: &str) {
    if is != wanted {
        let text = |value: &str| (!value.is_empty()).then(|| bowline_model::mask_line(value));
        changes.push(Change {
            field: field.to_owned(),
            from: text(is),
            to: text(wanted),
        });
    }
}
