//! A tap laid around any engine: it records every call with its effect, and lets chosen ones fail.
//!
//! Tests use it to say "the second `up` sends nothing but reads", and to break the connection at every
//! single write, before the request or after it was carried out. It works around the fake and around a real
//! engine alike. The product does not use it.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bowline_model::{
    ContainerId, ContainerSpec, ContainerSummary, EndpointSpec, EngineEvent, ImageId, NetworkId,
    NetworkSpec, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, PathChange,
    VolumeSpec,
};
use jiff::Timestamp;
use tokio::sync::Notify;

use crate::{
    About, Attached, BuildContext, BuildProgress, BuildSpec, CreatedContainer, CreatedVolume,
    Engine, EngineError, EventFilter, ExecId, ExecSession, ExecSpec, ExecState, ImportSpec,
    LogEntry, LogOptions, PathStat, ProcessTable, PullProgress, RegistryLogin, RemoveContainer,
    Removed, Selector, Sent, Started, Stopped, Stream, TarStream, Unreachable, WaitFor,
};

type Result<T> = std::result::Result<T, EngineError>;

/// Whether a call changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEffect {
    /// It only looks.
    Read,
    /// It changes something. Execs count as writes: what they do is not known.
    Write,
}

/// One call as it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Name of the method.
    pub method: &'static str,
    /// Whether it changes anything.
    pub effect: CallEffect,
    /// What it is about: an id, a name, a reference; empty for listings.
    pub target: String,
}

/// How a call is made to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The connection breaks before the request is sent: nothing is done.
    BeforeRequest,
    /// The request is carried out, the answer never comes.
    ReplyLost,
    /// The caller stands still for good before the request is sent. To be dropped then, as if its process had died.
    DiesBefore,
    /// The caller stands still for good when the request was sent. The engine carries it out, now or later.
    DiesAfter,
}

/// An engine that records its calls and lets chosen ones fail.
#[derive(Debug)]
pub struct Tap {
    inner: Arc<dyn Engine>,
    state: Mutex<State>,
    died: Notify,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    writes: usize,
    faults: BTreeMap<usize, Fault>,
    gone_from: Option<usize>,
}

impl Tap {
    /// Lays a tap around an engine.
    pub fn new(inner: Arc<dyn Engine>) -> Self {
        Self {
            inner,
            state: Mutex::default(),
            died: Notify::new(),
        }
    }

    /// The calls so far, in the order they were made.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.clone()
    }

    /// The calls so far that change something.
    pub fn writes(&self) -> Vec<Call> {
        self.calls()
            .into_iter()
            .filter(|call| call.effect == CallEffect::Write)
            .collect()
    }

    /// Forgets the calls so far and takes every fault away; counting begins anew.
    pub fn reset(&self) {
        *self.lock() = State::default();
    }

    /// Lets the write of this number fail, counted from 0 over all writes since the last reset.
    pub fn fail_write(&self, number: usize, fault: Fault) {
        self.lock().faults.insert(number, fault);
    }

    /// Lets every call from this number on find no engine, counted from 0 over all calls since the last reset.
    pub fn gone_from(&self, number: usize) {
        self.lock().gone_from = Some(number);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lost(&self, method: &str, sent: Sent) -> EngineError {
        EngineError::Unreachable {
            endpoint: self.inner.about().endpoint.to_string(),
            request: method.to_owned(),
            reason: match sent {
                Sent::No => Unreachable::Refused,
                Sent::Maybe => Unreachable::Closed("unexpected end of file".into()),
            },
            sent,
        }
    }

    /// Returns when a caller has come to where it dies.
    pub async fn died(&self) {
        self.died.notified().await;
    }

    async fn die<T>(&self) -> T {
        self.died.notify_one();
        std::future::pending().await
    }

    async fn read<T>(
        &self,
        method: &'static str,
        target: impl ToString,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.pass(
            Call {
                method,
                effect: CallEffect::Read,
                target: target.to_string(),
            },
            call,
        )
        .await
    }

    async fn write<T>(
        &self,
        method: &'static str,
        target: impl ToString,
        call: impl Future<Output = Result<T>> + Send,
    ) -> Result<T> {
        self.pass(
            Call {
                method,
                effect: CallEffect::Write,
                target: target.to_string(),
            },
            call,
        )
        .await
    }

    async fn pass<T>(&self, made: Call, call: impl Future<Output = Result<T>> + Send) -> Result<T> {
        let method = made.method;
        let (gone, fault) = {
            let mut state = self.lock();
            let number = state.calls.len();
            let gone = state.gone_from.is_some_and(|first| number >= first);
            let fault = if made.effect == CallEffect::Write {
                state.writes += 1;
                let write = state.writes - 1;
                state.faults.get(&write).copied()
            } else {
                None
            };
            state.calls.push(made);
            (gone, fault)
        };
        match (gone, fault) {
            (true, _) | (_, Some(Fault::BeforeRequest)) => Err(self.lost(method, Sent::No)),
            (false, Some(Fault::ReplyLost)) => {
                // Whatever the answer is, nobody hears it.
                let _ = call.await;
                Err(self.lost(method, Sent::Maybe))
            }
            (false, Some(Fault::DiesBefore)) => self.die().await,
            (false, Some(Fault::DiesAfter)) => {
                let mut call = std::pin::pin!(call);
                std::future::poll_fn(|context| {
                    let _ = call.as_mut().poll(context);
                    Poll::Ready(())
                })
                .await;
                self.die().await
            }
            (false, None) => call.await,
        }
    }
}

#[async_trait]
impl Engine for Tap {
    fn about(&self) -> &About {
        self.inner.about()
    }

    async fn now(&self) -> Result<Timestamp> {
        self.read("now", "", self.inner.now()).await
    }

    async fn containers(&self, which: &Selector) -> Result<Vec<ContainerSummary>> {
        self.read("containers", "", self.inner.containers(which))
            .await
    }

    async fn inspect_container(&self, id: &ContainerId) -> Result<ObservedContainer> {
        self.read("inspect_container", id, self.inner.inspect_container(id))
            .await
    }

    async fn find_container(&self, name: &str) -> Result<Option<ObservedContainer>> {
        self.read("find_container", name, self.inner.find_container(name))
            .await
    }

    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>> {
        self.read("container_changes", id, self.inner.container_changes(id))
            .await
    }

    async fn container_processes(&self, id: &ContainerId, ps_args: &str) -> Result<ProcessTable> {
        self.read(
            "container_processes",
            id,
            self.inner.container_processes(id, ps_args),
        )
        .await
    }

    async fn create_container(&self, name: &str, spec: &ContainerSpec) -> Result<CreatedContainer> {
        self.write(
            "create_container",
            name,
            self.inner.create_container(name, spec),
        )
        .await
    }

    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        self.write(
            "rename_container",
            id,
            self.inner.rename_container(id, name),
        )
        .await
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Started> {
        self.write("start_container", id, self.inner.start_container(id))
            .await
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Stopped> {
        self.write("stop_container", id, self.inner.stop_container(id, grace))
            .await
    }

    async fn restart_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        self.write(
            "restart_container",
            id,
            self.inner.restart_container(id, grace),
        )
        .await
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()> {
        self.write("kill_container", id, self.inner.kill_container(id, signal))
            .await
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<()> {
        self.write("pause_container", id, self.inner.pause_container(id))
            .await
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<()> {
        self.write("unpause_container", id, self.inner.unpause_container(id))
            .await
    }

    async fn remove_container(&self, id: &ContainerId, how: RemoveContainer) -> Result<Removed> {
        self.write("remove_container", id, self.inner.remove_container(id, how))
            .await
    }

    async fn wait_container(&self, id: &ContainerId, until: WaitFor) -> Result<i64> {
        self.read("wait_container", id, self.inner.wait_container(id, until))
            .await
    }

    async fn put_archive(&self, id: &ContainerId, folder: &str, archive: TarStream) -> Result<()> {
        self.write(
            "put_archive",
            id,
            self.inner.put_archive(id, folder, archive),
        )
        .await
    }

    async fn get_archive(
        &self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>)> {
        self.read("get_archive", id, self.inner.get_archive(id, path))
            .await
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<Stream<LogEntry>> {
        self.read("logs", id, self.inner.logs(id, options)).await
    }

    async fn attach_container(&self, id: &ContainerId) -> Result<Attached> {
        self.read("attach_container", id, self.inner.attach_container(id))
            .await
    }

    async fn exec_open(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession> {
        self.write("exec_open", id, self.inner.exec_open(id, spec))
            .await
    }

    async fn exec_state(&self, id: &ExecId) -> Result<ExecState> {
        self.read("exec_state", &id.0, self.inner.exec_state(id))
            .await
    }

    async fn exec_resize(&self, id: &ExecId, rows: u16, columns: u16) -> Result<()> {
        self.write(
            "exec_resize",
            &id.0,
            self.inner.exec_resize(id, rows, columns),
        )
        .await
    }

    async fn networks(&self, which: &Selector) -> Result<Vec<ObservedNetwork>> {
        self.read("networks", "", self.inner.networks(which)).await
    }

    async fn inspect_network(&self, id: &NetworkId) -> Result<ObservedNetwork> {
        self.read("inspect_network", id, self.inner.inspect_network(id))
            .await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<NetworkId> {
        self.write(
            "create_network",
            &spec.name,
            self.inner.create_network(spec),
        )
        .await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<Removed> {
        self.write("remove_network", id, self.inner.remove_network(id))
            .await
    }

    async fn connect(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        endpoint: &EndpointSpec,
    ) -> Result<()> {
        self.write(
            "connect",
            container,
            self.inner.connect(id, container, endpoint),
        )
        .await
    }

    async fn disconnect(&self, id: &NetworkId, container: &ContainerId) -> Result<()> {
        self.write(
            "disconnect",
            container,
            self.inner.disconnect(id, container),
        )
        .await
    }

    async fn volumes(&self, which: &Selector) -> Result<Vec<ObservedVolume>> {
        self.read("volumes", "", self.inner.volumes(which)).await
    }

    async fn inspect_volume(&self, name: &str) -> Result<ObservedVolume> {
        self.read("inspect_volume", name, self.inner.inspect_volume(name))
            .await
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<CreatedVolume> {
        self.write("create_volume", &spec.name, self.inner.create_volume(spec))
            .await
    }

    async fn remove_volume(&self, name: &str) -> Result<Removed> {
        self.write("remove_volume", name, self.inner.remove_volume(name))
            .await
    }

    async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>> {
        self.read("volume_sizes", "", self.inner.volume_sizes())
            .await
    }

    async fn images(&self, which: &Selector) -> Result<Vec<(ImageId, Vec<String>)>> {
        self.read("images", "", self.inner.images(which)).await
    }

    async fn inspect_image(&self, reference: &str) -> Result<ObservedImage> {
        self.read(
            "inspect_image",
            reference,
            self.inner.inspect_image(reference),
        )
        .await
    }

    async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Result<Stream<PullProgress>> {
        self.write(
            "pull_image",
            reference,
            self.inner.pull_image(reference, platform, login),
        )
        .await
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        logins: &[RegistryLogin],
        context: BuildContext,
    ) -> Result<Stream<BuildProgress>> {
        let target = spec.tags.join(" ");
        self.write(
            "build_image",
            target,
            self.inner.build_image(spec, logins, context),
        )
        .await
    }

    async fn import_image(&self, spec: &ImportSpec, archive: TarStream) -> Result<ImageId> {
        self.write(
            "import_image",
            &spec.reference,
            self.inner.import_image(spec, archive),
        )
        .await
    }

    async fn tag_image(&self, id: &ImageId, reference: &str) -> Result<()> {
        self.write("tag_image", reference, self.inner.tag_image(id, reference))
            .await
    }

    async fn remove_image(&self, reference: &str) -> Result<Removed> {
        self.write(
            "remove_image",
            reference,
            self.inner.remove_image(reference),
        )
        .await
    }

    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>> {
        self.read("events", "", self.inner.events(filter)).await
    }
}
