//! The trait on top of the requests.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use bowline_model::{
    ContainerId, ContainerSpec, ContainerSummary, EndpointSpec, EngineEvent, EventAction, ImageId,
    NetworkId, NetworkSpec, ObjectKind, ObservedContainer, ObservedImage, ObservedNetwork,
    ObservedVolume, PathChange, VolumeSpec,
};
use futures_util::StreamExt;
use jiff::Timestamp;

use super::http::Call;
use super::refusal::About as Subject;
use super::wire::Event;
use super::{Docker, filters, observe};
use crate::{
    About, Attached, BuildContext, BuildProgress, BuildSpec, CreatedContainer, CreatedVolume,
    Engine, EngineError, EventFilter, ExecId, ExecSession, ExecSpec, ExecState, ImportSpec,
    LogEntry, LogOptions, PathStat, ProcessTable, PullProgress, RegistryLogin, RemoveContainer,
    Removed, Selector, Started, Stopped, Stream, TarStream, WaitFor,
};

type Result<T> = std::result::Result<T, EngineError>;

#[async_trait]
impl Engine for Docker {
    fn about(&self) -> &About {
        &self.about
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.time().await?.0)
    }

    async fn containers(&self, which: &Selector) -> Result<Vec<ContainerSummary>> {
        self.list_containers(which).await
    }

    async fn inspect_container(&self, id: &ContainerId) -> Result<ObservedContainer> {
        self.inspect(id).await
    }

    async fn find_container(&self, name: &str) -> Result<Option<ObservedContainer>> {
        self.inspect_named(name).await
    }

    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>> {
        self.changes(id).await
    }

    async fn container_processes(&self, id: &ContainerId, ps_args: &str) -> Result<ProcessTable> {
        self.processes(id, ps_args).await
    }

    async fn create_container(&self, name: &str, spec: &ContainerSpec) -> Result<CreatedContainer> {
        self.create(name, spec).await
    }

    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        self.rename(id, name).await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Started> {
        self.start(id).await
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Stopped> {
        self.stop(id, grace).await
    }

    async fn restart_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        self.restart(id, grace).await
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()> {
        self.kill(id, signal).await
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<()> {
        self.freeze(id, true).await
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<()> {
        self.freeze(id, false).await
    }

    async fn remove_container(&self, id: &ContainerId, how: RemoveContainer) -> Result<Removed> {
        self.remove(id, how).await
    }

    async fn wait_container(&self, id: &ContainerId, until: WaitFor) -> Result<i64> {
        self.wait(id, until).await
    }

    async fn put_archive(&self, id: &ContainerId, folder: &str, archive: TarStream) -> Result<()> {
        self.put(id, folder, archive).await
    }

    async fn get_archive(
        &self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>)> {
        self.get(id, path).await
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<Stream<LogEntry>> {
        self.read_logs(id, options).await
    }

    async fn attach_container(&self, id: &ContainerId) -> Result<Attached> {
        self.attach(id).await
    }

    async fn exec_open(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession> {
        self.open_exec(id, spec).await
    }

    async fn exec_state(&self, id: &ExecId) -> Result<ExecState> {
        self.state_of_exec(id).await
    }

    async fn exec_resize(&self, id: &ExecId, rows: u16, columns: u16) -> Result<()> {
        self.resize_exec(id, rows, columns).await
    }

    async fn networks(&self, which: &Selector) -> Result<Vec<ObservedNetwork>> {
        self.list_networks(which).await
    }

    async fn inspect_network(&self, id: &NetworkId) -> Result<ObservedNetwork> {
        self.network(id).await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<NetworkId> {
        self.make_network(spec).await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<Removed> {
        self.drop_network(id).await
    }

    async fn connect(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        endpoint: &EndpointSpec,
    ) -> Result<()> {
        self.join(id, container, endpoint).await
    }

    async fn disconnect(&self, id: &NetworkId, container: &ContainerId) -> Result<()> {
        self.leave(id, container).await
    }

    async fn volumes(&self, which: &Selector) -> Result<Vec<ObservedVolume>> {
        self.list_volumes(which).await
    }

    async fn inspect_volume(&self, name: &str) -> Result<ObservedVolume> {
        self.volume(name).await
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<CreatedVolume> {
        self.make_volume(spec).await
    }

    async fn remove_volume(&self, name: &str) -> Result<Removed> {
        self.drop_volume(name).await
    }

    async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.measure_volumes().await
    }

    async fn images(&self, which: &Selector) -> Result<Vec<(ImageId, Vec<String>)>> {
        self.list_images(which).await
    }

    async fn inspect_image(&self, reference: &str) -> Result<ObservedImage> {
        self.image(reference).await
    }

    async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Result<Stream<PullProgress>> {
        self.pull(reference, platform, login).await
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        logins: &[RegistryLogin],
        context: BuildContext,
    ) -> Result<Stream<BuildProgress>> {
        self.build(spec, logins, context).await
    }

    async fn import_image(&self, spec: &ImportSpec, archive: TarStream) -> Result<ImageId> {
        self.import(spec, archive).await
    }

    async fn tag_image(&self, id: &ImageId, reference: &str) -> Result<()> {
        self.tag(id, reference).await
    }

    async fn remove_image(&self, reference: &str) -> Result<Removed> {
        self.drop_image(reference).await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>> {
        // The engine answers before it begins to listen, so what happens in between would be missed: the
        // present always begins as a past that the engine remembers.
        let since = match filter.since {
            Some(since) => since,
            None => self.now().await?,
        };
        // What has happened by a time that this engine said has happened by its own clock somewhat later.
        let until = match filter.until {
            Some(until) => Some(until.saturating_add(self.time().await?.1).unwrap_or(until)),
            None => None,
        };
        let nanos =
            |time: Timestamp| format!("{}.{:09}", time.as_second(), time.subsec_nanosecond());
        let mut filters = filters::labels(&filter.labels);
        filters.extend(filters::of(
            "type",
            filter.kinds.iter().map(ObjectKind::to_string),
        ));
        filters.extend(filters::of(
            "event",
            filter
                .actions
                .iter()
                .map(|action: &EventAction| action.word().to_owned()),
        ));
        let call = Call::get("/events")
            .query("since", nanos(since))
            .query_opt("until", until.map(nanos))
            .query_json("filters", &filters)?;
        let subject = Subject::new(ObjectKind::Container, "");
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| subject.error(failure))?;
        let events = answer
            .values::<Event>()
            .filter_map(|event| async { event.map(observe::event).transpose() });
        Ok(events.boxed())
    }
}
