//! One action on the engine, done so that doing it again after a crash is harmless.
//!
//! What an action makes carries the operation in a label, so that what was asked for and never noted can be
//! found again by its name and recognised by that label.

use bowline_engine::{
    CreatedContainer, Engine, EngineError, FileToPut, RemoveContainer, Removed, Started,
    Stopped as Answered,
};
use bowline_model::{
    Action, Capability, ContainerId, ContainerRef, ContainerSpec, ContainerStatus, EndpointSpec,
    FileChange, FileToCopy, HashText, Labels, NetworkSpec, ObjectKind, ObservedContainer,
    OperationId, Share, VolumeSpec, label,
};
use std::collections::BTreeMap;
use std::time::Duration;

use super::{ExecuteError, Outside};
use crate::journal::StepToken;
use crate::recorder::Stopped;
use crate::shares;

/// Seconds that a container has to stop where nothing is said.
pub(crate) const GRACE_SECS: u64 = 10;

/// How often a container is looked for whose name is taken and that cannot be inspected yet, and how long.
const MAKING_POLL: Duration = Duration::from_millis(50);
const MAKING_LIMIT: Duration = Duration::from_mins(1);

/// What an action did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Acted {
    /// Id or name of what it made.
    pub(super) made: Option<String>,
    /// It was done already.
    pub(super) already: bool,
}

impl Acted {
    fn made(id: impl Into<String>) -> Self {
        Self {
            made: Some(id.into()),
            already: false,
        }
    }

    fn now_or(already: bool) -> Self {
        Self {
            made: None,
            already,
        }
    }
}

/// Acts for one operation.
pub(super) struct Actor<'a> {
    pub(super) engine: &'a dyn Engine,
    pub(super) operation: &'a OperationId,
    pub(super) outside: &'a dyn Outside,
    /// Who has ended since it was told to.
    pub(super) stopped: &'a Stopped,
}

impl Actor<'_> {
    /// The container that an action starts, stops, freezes, lets go on, removes or takes off a network, as it is now;
    /// `None` where it is gone, and for every other action.
    pub(super) async fn look(
        &self,
        action: &Action,
    ) -> Result<Option<ObservedContainer>, EngineError> {
        match action {
            Action::StartContainer { container }
            | Action::StopContainer { container, .. }
            | Action::PauseContainer { container }
            | Action::UnpauseContainer { container }
            | Action::RemoveContainer { container, .. }
            | Action::DisconnectNetwork { container, .. } => self.find(container).await,
            _ => Ok(None),
        }
    }

    /// Does what was written down, and nothing else, to the container that [`Actor::look`] found immediately before.
    /// Waiting is not done here.
    #[expect(clippy::too_many_lines, reason = "one short arm for each action")]
    pub(super) async fn act(
        &self,
        token: &StepToken,
        found: Option<&ObservedContainer>,
    ) -> Result<Acted, ExecuteError> {
        match token.action() {
            Action::PullImage {
                reference,
                platform,
            } => self.pull(reference, platform.as_deref()).await,
            Action::BuildImage {
                reference,
                build,
                place,
            } => self
                .outside
                .build(self.engine, reference, build, place.as_ref())
                .await
                .map(|id| Acted::made(id.0)),
            Action::TagImage { image, reference } => {
                self.engine.tag_image(image, reference).await?;
                Ok(Acted::default())
            }
            Action::CreateNetwork { spec } => self.create_network(spec).await,
            Action::CreateVolume { spec } => self.create_volume(spec).await,
            Action::CreateContainer {
                name,
                spec,
                shares,
                hash_text,
                keeps,
                files,
                ..
            } => {
                let mut spec = (**spec).clone();
                shares::keep(&mut spec, keeps);
                self.apply(&mut spec, shares, hash_text.as_ref()).await?;
                self.create_container(name, spec, files).await
            }
            Action::RemoveNetwork { id, name, made_by } => {
                self.remove_network(id.as_ref(), name, made_by.as_ref())
                    .await
            }
            Action::RemoveVolume { name } => {
                let removed = self.engine.remove_volume(name).await?;
                Ok(Acted::now_or(removed == Removed::Already))
            }
            Action::RenameContainer { container, from } => self.rename(container, from).await,
            Action::RemoveContainer {
                anonymous_volumes,
                made_by,
                ..
            } => {
                self.remove_container(found, *anonymous_volumes, made_by.as_ref())
                    .await
            }
            Action::StartContainer { container } => {
                let found = found.ok_or_else(|| missing(container))?;
                let started = self.engine.start_container(&found.id).await?;
                Ok(Acted::now_or(started == Started::Already))
            }
            Action::StopContainer { grace_secs, .. } => self.stop(found, *grace_secs).await,
            Action::PauseContainer { container } => {
                let found = found.ok_or_else(|| missing(container))?;
                let already = found.state.status == ContainerStatus::Paused;
                self.engine.pause_container(&found.id).await?;
                Ok(Acted::now_or(already))
            }
            Action::UnpauseContainer { container } => {
                let found = found.ok_or_else(|| missing(container))?;
                let already = found.state.status == ContainerStatus::Running;
                self.engine.unpause_container(&found.id).await?;
                Ok(Acted::now_or(already))
            }
            Action::SignalContainer { container, signal } => {
                let id = self.id(container).await?;
                self.engine.kill_container(&id, signal).await?;
                Ok(Acted::default())
            }
            Action::ConnectNetwork {
                container,
                endpoint,
            } => self.connect(container, endpoint).await,
            Action::DisconnectNetwork { network, .. } => self.disconnect(found, network).await,
            Action::ChangeFile { change } => self.change_file(change).await,
            Action::Await { .. } => Ok(Acted::default()),
        }
    }

    /// Changes a file that is as it was read. One that is as it is to be was changed before a crash.
    async fn change_file(&self, change: &FileChange) -> Result<Acted, ExecuteError> {
        let found = self.outside.file(change).await?;
        if found == change.after {
            return Ok(Acted::now_or(true));
        }
        if found != change.before {
            return Err(ExecuteError::FileChanged {
                name: change.name.clone(),
            });
        }
        self.outside.change_file(change).await?;
        Ok(Acted::default())
    }

    async fn pull(&self, reference: &str, platform: Option<&str>) -> Result<Acted, ExecuteError> {
        self.outside.pull(self.engine, reference, platform).await?;
        let image = self.engine.inspect_image(reference).await?;
        Ok(Acted::made(image.id.0))
    }

    fn labelled(&self, labels: &mut Labels) {
        labels.insert(label::OPERATION.to_owned(), self.operation.0.clone());
    }

    fn is_ours(&self, labels: &Labels) -> bool {
        labels.get(label::OPERATION) == Some(&self.operation.0)
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<Acted, ExecuteError> {
        let mut spec = spec.clone();
        self.labelled(&mut spec.labels);
        match self.engine.create_network(&spec).await {
            Ok(id) => Ok(Acted::made(id.0)),
            Err(error @ EngineError::Conflict { .. }) => {
                let named = self
                    .engine
                    .networks(&bowline_engine::Selector::name(spec.name.as_str()))
                    .await?;
                match named
                    .into_iter()
                    .find(|network| self.is_ours(&network.spec.labels))
                {
                    Some(network) => Ok(Acted {
                        made: Some(network.id.0),
                        already: true,
                    }),
                    None => Err(error.into()),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<Acted, ExecuteError> {
        let mut spec = spec.clone();
        self.labelled(&mut spec.labels);
        let created = self.engine.create_volume(&spec).await?;
        Ok(Acted {
            made: Some(spec.name),
            already: !created.ours,
        })
    }

    /// Puts into a spec what it takes from other containers, now that they have ids.
    async fn apply(
        &self,
        spec: &mut ContainerSpec,
        shares: &[(Share, ContainerRef)],
        hash_text: Option<&HashText>,
    ) -> Result<(), ExecuteError> {
        let mut ids = BTreeMap::new();
        for (share, container) in shares {
            let id = self.id(container).await?;
            shares::apply(spec, share, Some(&id));
            ids.insert(share.service.as_str(), id);
        }
        if let Some(text) = hash_text {
            let hash = shares::config_hash(text, &ids);
            spec.labels.insert(label::CONFIG_HASH.to_owned(), hash);
        }
        Ok(())
    }

    async fn create_container(
        &self,
        name: &str,
        mut spec: ContainerSpec,
        files: &[FileToCopy],
    ) -> Result<Acted, ExecuteError> {
        self.labelled(&mut spec.labels);
        let later = self.endpoints_for_later(&mut spec);
        let (id, already) = match self.engine.create_container(name, &spec).await {
            Ok(CreatedContainer { id, .. }) => (id, false),
            Err(EngineError::NameTaken { holder, .. }) => (self.holder(name, holder).await?, true),
            Err(error) => return Err(error.into()),
        };
        for endpoint in later {
            let network = self.network(&endpoint.network).await?;
            self.engine.connect(&network, &id, &endpoint).await?;
        }
        if !files.is_empty() {
            let files: Vec<FileToPut> = files.iter().map(to_put).collect();
            self.engine.put_files(&id, &files).await?;
        }
        Ok(Acted {
            made: Some(id.0),
            already,
        })
    }

    /// Takes out of a spec the endpoints that this engine cannot make together with the container.
    fn endpoints_for_later(&self, spec: &mut ContainerSpec) -> Vec<EndpointSpec> {
        if self.engine.about().api.has(Capability::MultipleEndpoints)
            || spec.network.endpoints.len() < 2
        {
            return Vec::new();
        }
        spec.network.endpoints.split_off(1)
    }

    /// The container that has a name already: one of this operation, made before a crash, or somebody else's.
    async fn holder(
        &self,
        name: &str,
        holder: Option<ContainerId>,
    ) -> Result<ContainerId, ExecuteError> {
        let deadline = tokio::time::Instant::now() + MAKING_LIMIT;
        loop {
            if let Some(found) = self.engine.find_container(name).await? {
                return if self.is_ours(found.labels()) {
                    Ok(found.id)
                } else {
                    Err(ExecuteError::NotOurs {
                        kind: ObjectKind::Container,
                        name: name.to_owned(),
                        holder: Some(found.id.short().to_owned()),
                    })
                };
            }
            if tokio::time::Instant::now() >= deadline {
                return Err(ExecuteError::NotOurs {
                    kind: ObjectKind::Container,
                    name: name.to_owned(),
                    holder: holder.map(|id| id.short().to_owned()),
                });
            }
            // sleeps because: nothing tells when a container in the making is made
            tokio::time::sleep(MAKING_POLL).await;
        }
    }

    async fn remove_network(
        &self,
        id: Option<&bowline_model::NetworkId>,
        name: &str,
        made_by: Option<&OperationId>,
    ) -> Result<Acted, ExecuteError> {
        let id = match (id, made_by) {
            (Some(id), _) => id.clone(),
            (None, made_by) => {
                let named = self
                    .engine
                    .networks(&bowline_engine::Selector::name(name))
                    .await?;
                let wanted = |labels: &Labels| {
                    made_by
                        .is_none_or(|operation| labels.get(label::OPERATION) == Some(&operation.0))
                };
                match named
                    .into_iter()
                    .find(|network| wanted(&network.spec.labels))
                {
                    Some(network) => network.id,
                    None => return Ok(Acted::now_or(true)),
                }
            }
        };
        let removed = self.engine.remove_network(&id).await?;
        Ok(Acted::now_or(removed == Removed::Already))
    }

    async fn rename(&self, container: &ContainerRef, from: &str) -> Result<Acted, ExecuteError> {
        let under_its_old_name = ContainerRef {
            name: from.to_owned(),
            id: container.id.clone(),
        };
        let id = match self.find(&under_its_old_name).await? {
            Some(found) => found.id,
            // Under its new name: done before a crash.
            None => self.id(container).await?,
        };
        self.engine.rename_container(&id, &container.name).await?;
        Ok(Acted::default())
    }

    async fn remove_container(
        &self,
        found: Option<&ObservedContainer>,
        anonymous_volumes: bool,
        made_by: Option<&OperationId>,
    ) -> Result<Acted, ExecuteError> {
        let Some(found) = found else {
            return Ok(Acted::now_or(true));
        };
        let is_anothers =
            |operation: &OperationId| found.labels().get(label::OPERATION) != Some(&operation.0);
        if made_by.is_some_and(is_anothers) {
            return Ok(Acted::now_or(true));
        }
        let how = RemoveContainer {
            force: false,
            anonymous_volumes,
        };
        let removed = self.engine.remove_container(&found.id, how).await?;
        Ok(Acted::now_or(removed == Removed::Already))
    }

    async fn stop(
        &self,
        found: Option<&ObservedContainer>,
        grace_secs: Option<i64>,
    ) -> Result<Acted, ExecuteError> {
        let Some(found) = found else {
            return Ok(Acted::now_or(true));
        };
        let secs = grace_secs
            .or(found.spec.stop_timeout_secs)
            .and_then(|secs| u64::try_from(secs).ok());
        let grace = Duration::from_secs(secs.unwrap_or(GRACE_SECS));
        tokio::select! {
            answer = self.engine.stop_container(&found.id, grace) => {
                Ok(Acted::now_or(answer? == Answered::Already))
            }
            // What depends on it may go on: the engine puts the rest away by itself, and whatever is asked of
            // this container meanwhile waits for that.
            () = self.stopped.wait(&found.id) => Ok(Acted::default()),
        }
    }

    async fn connect(
        &self,
        container: &ContainerRef,
        endpoint: &EndpointSpec,
    ) -> Result<Acted, ExecuteError> {
        let id = self.id(container).await?;
        let network = self.network(&endpoint.network).await?;
        self.engine.connect(&network, &id, endpoint).await?;
        Ok(Acted::default())
    }

    async fn disconnect(
        &self,
        found: Option<&ObservedContainer>,
        network: &str,
    ) -> Result<Acted, ExecuteError> {
        let Some(found) = found else {
            return Ok(Acted::now_or(true));
        };
        let network = self.network(network).await?;
        self.engine.disconnect(&network, &found.id).await?;
        Ok(Acted::default())
    }

    /// The network of a name.
    async fn network(&self, name: &str) -> Result<bowline_model::NetworkId, ExecuteError> {
        let named = self
            .engine
            .networks(&bowline_engine::Selector::name(name))
            .await?;
        let found = named.into_iter().next().map(|network| network.id);
        found.ok_or_else(|| {
            EngineError::NotFound {
                kind: ObjectKind::Network,
                name: name.to_owned(),
            }
            .into()
        })
    }

    pub(super) async fn find(
        &self,
        container: &ContainerRef,
    ) -> Result<Option<ObservedContainer>, EngineError> {
        find(self.engine, container).await
    }

    /// The id of the container that a plan means.
    pub(super) async fn id(&self, container: &ContainerRef) -> Result<ContainerId, EngineError> {
        match self.find(container).await? {
            Some(found) => Ok(found.id),
            None => Err(missing(container)),
        }
    }
}

fn missing(container: &ContainerRef) -> EngineError {
    EngineError::NotFound {
        kind: ObjectKind::Container,
        name: container.name.clone(),
    }
}

/// The container that a plan means: that of the id where it is still there, else that of the name.
pub(crate) async fn find(
    engine: &dyn Engine,
    container: &ContainerRef,
) -> Result<Option<ObservedContainer>, EngineError> {
    if let Some(id) = &container.id {
        match engine.inspect_container(id).await {
            Ok(found) => return Ok(Some(found)),
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
    }
    engine.find_container(&container.name).await
}

/// A file as an engine is given it.
pub(crate) fn to_put(file: &FileToCopy) -> FileToPut {
    FileToPut {
        path: file.path.clone(),
        contents: file.content.reveal().as_bytes().to_vec(),
        mode: file.mode,
        uid: file.uid,
        gid: file.gid,
        modified_secs: 0,
    }
}
