//! How a step is taken back, worked out from what is there immediately before it.
//!
//! ```text
//!   step                      undo, in the order in which it is run
//!   create network, container remove it again, where this operation made it
//!   create volume             nothing: a volume that may hold data is never removed by an undo
//!   remove container          create it again as it was, on the image that it had; nothing where it was half made
//!   remove network            create it again as it was; nothing where another one has its name
//!   remove volume             impossible
//!   start / stop              stop / start, where that changes something; one that was frozen is frozen again
//!   pause / unpause           unpause / pause, where that changes something
//!   pull, build, tag          let the references point to the images that they pointed to
//!   rename, connect           the other way round
//!   change a file             the former text and mode, where nobody changed it since
//! ```

use std::collections::BTreeMap;

use bowline_engine::{Engine, Selector};
use bowline_model::{
    Action, ContainerRef, ContainerSpec, ContainerStatus, EffectiveMount, ImageId, MountSource,
    MountSpec, ObservedContainer, Undo, VolumeMountSpec, label,
};

use super::act::Actor;
use super::{ExecuteError, Ledger, StepError};

/// Works out how an action is taken back, `found` being what [`Actor::look`] found. Reads the engine, changes nothing.
///
/// No wildcard arm: a new action does not compile before it has an undo.
#[expect(clippy::too_many_lines, reason = "one short arm for each action")]
pub(super) async fn undo_of(
    actor: &Actor<'_>,
    ledger: &dyn Ledger,
    action: &Action,
    found: Option<&ObservedContainer>,
) -> Result<Undo, StepError> {
    Ok(match action {
        Action::Await { .. } | Action::SignalContainer { .. } | Action::CreateVolume { .. } => {
            Undo::Nothing
        }
        Action::PullImage { .. } | Action::BuildImage { .. } | Action::TagImage { .. } => {
            retag(actor.engine, action).await?
        }
        Action::CreateNetwork { spec } => Undo::Run(vec![Action::RemoveNetwork {
            id: None,
            name: spec.name.clone(),
            made_by: Some(actor.operation.clone()),
        }]),
        Action::RemoveNetwork {
            id: Some(id), name, ..
        } => {
            let named = actor
                .engine
                .networks(&Selector::name(name.as_str()))
                .await?;
            let is_double = named.iter().any(|network| network.id != *id);
            match named.into_iter().find(|network| network.id == *id) {
                // Nobody wants two networks of one name back.
                Some(network) if !is_double => {
                    Undo::Run(vec![Action::CreateNetwork { spec: network.spec }])
                }
                _ => Undo::Nothing,
            }
        }
        Action::RemoveNetwork { id: None, .. } => Undo::Nothing,
        Action::RemoveVolume { name } => Undo::Impossible {
            because: format!("volume `{name}` was removed with its data"),
        },
        Action::CreateContainer { name, .. } => Undo::Run(vec![Action::RemoveContainer {
            container: ContainerRef {
                name: name.clone(),
                id: None,
            },
            anonymous_volumes: false,
            made_by: Some(actor.operation.clone()),
        }]),
        Action::RenameContainer { container, from } => Undo::Run(vec![Action::RenameContainer {
            container: ContainerRef {
                name: from.clone(),
                id: container.id.clone(),
            },
            from: container.name.clone(),
        }]),
        Action::StartContainer { container } => match found {
            Some(found) if found.state.is_running() => Undo::Nothing,
            _ => Undo::Run(vec![Action::StopContainer {
                container: container.clone(),
                grace_secs: None,
            }]),
        },
        Action::StopContainer { container, .. } => match found {
            Some(found) if found.state.is_running() => {
                let container = container.clone();
                let start = Action::StartContainer {
                    container: container.clone(),
                };
                let freeze = is_paused(found).then_some(Action::PauseContainer { container });
                Undo::Run([start].into_iter().chain(freeze).collect())
            }
            _ => Undo::Nothing,
        },
        Action::PauseContainer { container } => match found {
            Some(found) if is_paused(found) => Undo::Nothing,
            _ => Undo::Run(vec![Action::UnpauseContainer {
                container: container.clone(),
            }]),
        },
        Action::UnpauseContainer { container } => match found {
            Some(found) if is_paused(found) => Undo::Run(vec![Action::PauseContainer {
                container: container.clone(),
            }]),
            _ => Undo::Nothing,
        },
        Action::RemoveContainer {
            container,
            anonymous_volumes,
            ..
        } => match found {
            None => Undo::Nothing,
            Some(found) if is_half_made(ledger, found).await? => Undo::Nothing,
            Some(found)
                if *anonymous_volumes
                    && found.mounts.iter().any(EffectiveMount::is_anonymous_volume) =>
            {
                Undo::Impossible {
                    because: format!(
                        "the anonymous volumes of container `{container}` were removed with their data"
                    ),
                }
            }
            Some(found) => Undo::Run(vec![recreation(actor.engine, ledger, found).await?]),
        },
        // Also where it is changed already: that was done on the way to the same goal, before a crash.
        Action::ChangeFile { change } => Undo::Run(vec![Action::ChangeFile {
            change: Box::new(change.reversed()),
        }]),
        Action::ConnectNetwork {
            container,
            endpoint,
        } => Undo::Run(vec![Action::DisconnectNetwork {
            container: container.clone(),
            network: endpoint.network.clone(),
        }]),
        Action::DisconnectNetwork { container, network } => match found {
            Some(found) => match found
                .spec
                .network
                .endpoints
                .iter()
                .find(|endpoint| endpoint.network == *network)
            {
                Some(endpoint) => Undo::Run(vec![Action::ConnectNetwork {
                    container: container.clone(),
                    endpoint: endpoint.clone(),
                }]),
                None => Undo::Nothing,
            },
            None => Undo::Nothing,
        },
    })
}

fn is_paused(container: &ObservedContainer) -> bool {
    container.state.status == ContainerStatus::Paused
}

/// Lets the references of an action point again to what they point to now; nothing for those that point nowhere:
/// the image that they get is not removed, for it does no harm, and others may use it by then.
async fn retag(engine: &dyn Engine, action: &Action) -> Result<Undo, ExecuteError> {
    let mut back = Vec::new();
    for reference in action.references() {
        match engine.inspect_image(reference).await {
            Ok(image) => back.push(Action::TagImage {
                image: image.id,
                reference: reference.to_owned(),
            }),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(if back.is_empty() {
        Undo::Nothing
    } else {
        Undo::Run(back)
    })
}

/// Whether a container was created by an operation that did not get to remember it, and never ran: what belongs
/// into it may be missing, and nobody wants it back.
async fn is_half_made(
    ledger: &dyn Ledger,
    container: &ObservedContainer,
) -> Result<bool, StepError> {
    Ok(container.labels().get(label::OPERATION).is_some()
        && container.state.started.is_none()
        && ledger.remembered(&container.id).await?.is_none())
}

/// Makes a container again as it is: by what it was made of where that is remembered, else by what the engine
/// shows of it; on the same image, with the volumes that it has.
async fn recreation(
    engine: &dyn Engine,
    ledger: &dyn Ledger,
    container: &ObservedContainer,
) -> Result<Action, StepError> {
    let remembered = ledger.remembered(&container.id).await?;
    let (mut spec, shares, files, contents) = match remembered {
        Some(made) => (made.wanted, made.shares, made.files, made.contents),
        None => (as_shown(container), Vec::new(), Vec::new(), BTreeMap::new()),
    };
    // The reference may have moved on to another image since.
    let still_means_it = match engine.inspect_image(&spec.image).await {
        Ok(image) => image.id == container.image_id,
        Err(error) if error.is_not_found() => false,
        Err(error) => return Err(error.into()),
    };
    if !still_means_it {
        let ImageId(image) = &container.image_id;
        spec.image.clone_from(image);
    }
    let kept = |mount: &EffectiveMount| MountSpec {
        target: mount.target.clone(),
        read_only: !mount.writable,
        source: MountSource::Volume(VolumeMountSpec {
            name: mount.volume.clone(),
            ..VolumeMountSpec::default()
        }),
        consistency: None,
    };
    let anonymous = container
        .mounts
        .iter()
        .filter(|mount| mount.is_anonymous_volume());
    Ok(Action::CreateContainer {
        name: container.name.clone(),
        spec: Box::new(spec),
        shares,
        hash_text: None,
        keeps: anonymous.map(kept).collect(),
        files,
        contents,
    })
}

/// The spec of a container that somebody else made, without what the engine filled in by the container's id.
fn as_shown(container: &ObservedContainer) -> ContainerSpec {
    let mut spec = container.spec.clone();
    let id = container.id.short();
    if spec.hostname.as_deref() == Some(id) {
        spec.hostname = None;
    }
    for endpoint in &mut spec.network.endpoints {
        endpoint.aliases.retain(|alias| alias != id);
    }
    spec
}
