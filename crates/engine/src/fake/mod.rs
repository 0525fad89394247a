//! A scripted engine in memory, for tests. The product never makes one.
//!
//! It keeps the rules of real engines (names, repeats, what blocks a removal, what a failed start leaves,
//! which events come) and passes the same contract suite. Ids and the clock are deterministic: the clock is
//! the runtime's, so a test that pauses tokio's time decides how fast everything goes, and no test sleeps.
//!
//! What containers do is said with [`Run`]; calls are recorded, and made to fail, by a [`Tap`](crate::Tap)
//! around it.

mod builds;
mod create;
mod ending;
mod execs;
mod health;
mod late;
mod lifecycle;
mod objects;
mod output;
mod script;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bowline_model::{
    ApiVersion, ContainerId, ContainerSpec, ContainerStatus, ContainerSummary, EndpointSpec,
    EngineEvent, EventAction, ImageConfig, ImageId, NetworkId, NetworkSpec, ObjectKind,
    ObservedContainer, ObservedEndpoint, ObservedImage, ObservedNetwork, ObservedVolume,
    PathChange, Protocol, VolumeSpec,
};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

pub use script::Run;
use world::{Shared, World, not_found};

use crate::{
    About, Attached, BuildContext, BuildProgress, BuildSpec, CreatedContainer, CreatedVolume,
    Endpoint, Engine, EngineError, EngineKind, EventFilter, ExecId, ExecSession, ExecSpec,
    ExecState, ImportSpec, LogEntry, LogOptions, OutputSource, PathStat, ProcessTable, PullFailure,
    PullProgress, RegistryLogin, RemoveContainer, Removed, Selector, Started, Stopped, Stream,
    TarStream, WaitFor,
};

type Result<T> = std::result::Result<T, EngineError>;

/// A scripted engine in memory.
#[derive(Debug)]
pub struct FakeEngine {
    shared: Arc<Shared>,
    about: About,
}

impl Default for FakeEngine {
    fn default() -> Self {
        Self::new()
    }
}

impl FakeEngine {
    /// An engine with the networks that every engine has, and nothing else. Speaks API 1.41.
    pub fn new() -> Self {
        Self::with_api(ApiVersion::v1(41))
    }

    /// The same, with another version of the API.
    pub fn with_api(api: ApiVersion) -> Self {
        let base = Timestamp::from_second(1_800_000_000).unwrap_or(Timestamp::UNIX_EPOCH);
        let shared = Shared::new(base);
        for (name, driver) in [("bridge", "bridge"), ("host", "host"), ("none", "null")] {
            let spec = NetworkSpec {
                name: name.into(),
                driver: Some(driver.into()),
                ..NetworkSpec::default()
            };
            shared.lock().add_network(&spec);
        }
        let about = About {
            id: "FAKE:ENGI:NE00".into(),
            kind: EngineKind::Fake,
            version: "0".into(),
            api,
            newest_api: api,
            endpoint: Endpoint::at("/fake.sock"),
            host_name: "fake".into(),
            os: "linux".into(),
            arch: "amd64".into(),
            cpus: 2,
            memory_bytes: 4 << 30,
            root_dir: "/var/lib/fake".into(),
            storage_driver: "overlay2".into(),
            cgroup_version: "2".into(),
            security_options: Vec::new(),
        };
        Self { shared, about }
    }

    // ---- what a test says about the world

    /// Puts an image into the store.
    pub fn add_image(&self, reference: &str, config: ImageConfig) -> ImageId {
        self.shared.change(|world| {
            let image = world.new_image(config);
            world.store_image(image, reference)
        })
    }

    /// Says that an image has this file, empty.
    pub fn add_file(&self, image: &str, path: &str) {
        let mut world = self.shared.lock();
        let files = world.files_of_images.entry(image.to_owned()).or_default();
        files.insert(path.to_owned());
    }

    /// Puts an image into the registry, from where it can be pulled.
    pub fn add_to_registry(&self, reference: &str, config: ImageConfig) -> ImageId {
        let mut world = self.shared.lock();
        let image = world.new_image(config);
        let id = image.id.clone();
        world
            .registry
            .insert(world::full_reference(reference), Ok(image));
        id
    }

    /// Lets every pull of a reference fail.
    pub fn fail_pull(&self, reference: &str, failure: PullFailure) {
        self.shared
            .lock()
            .registry
            .insert(world::full_reference(reference), Err(failure));
    }

    /// Says how the runs of containers of this image go, one after another; the last one repeats.
    pub fn script_image(&self, reference: &str, runs: impl IntoIterator<Item = Run>) {
        self.shared
            .lock()
            .runs_of_images
            .insert(reference.to_owned(), runs.into_iter().collect());
    }

    /// Says what this instruction of a Dockerfile writes, and with which code its program ends.
    pub fn script_step(&self, instruction: &str, lines: &[&str], exit_code: i64) {
        let step = builds::ScriptedStep {
            lines: lines.iter().map(|line| (*line).to_owned()).collect(),
            exit_code,
        };
        let mut world = self.shared.lock();
        world.build_steps.insert(instruction.to_owned(), step);
    }

    /// Says how the runs of the container of this name go, one after another; the last one repeats.
    pub fn script_container(&self, name: &str, runs: impl IntoIterator<Item = Run>) {
        self.shared
            .lock()
            .runs_of_containers
            .insert(name.to_owned(), runs.into_iter().collect());
    }

    /// Lets a process outside of every container hold a host port.
    pub fn take_port(&self, port: u16, protocol: Protocol) {
        self.shared.lock().ports_outside.insert((port, protocol));
    }

    /// Says how much is in a volume.
    pub fn fill_volume(&self, name: &str, bytes: u64) {
        self.shared
            .lock()
            .volume_sizes
            .insert(name.to_owned(), bytes);
    }

    /// Makes a network although the name may be taken, as parallel creates do.
    pub fn add_network(&self, spec: &NetworkSpec) -> NetworkId {
        self.shared.change(|world| world.add_network(spec))
    }

    /// Ends a running container with this exit code.
    pub fn end_container(&self, id: &ContainerId, code: i64) {
        self.shared.change(|world| world.end(id, code, false));
    }

    /// Lets a container write a line.
    pub fn write_log(&self, id: &ContainerId, source: OutputSource, line: &str) {
        self.shared
            .change(|world| world.write(id, source, line, false));
    }

    /// Lets a container write a part of a line, which goes on in what it next writes to that source: engines cut long lines.
    pub fn write_log_part(&self, id: &ContainerId, source: OutputSource, part: &str) {
        self.shared
            .change(|world| world.write(id, source, part, true));
    }

    /// Takes labels off every container, network and volume, as another tool would have made them.
    pub fn strip_labels(&self, goes: impl Fn(&str) -> bool) {
        self.shared.change(|world| {
            let containers = world
                .containers
                .iter_mut()
                .map(|container| &mut container.spec.labels);
            let networks = world
                .networks
                .iter_mut()
                .map(|network| &mut network.spec.labels);
            let volumes = world
                .volumes
                .values_mut()
                .map(|volume| &mut volume.spec.labels);
            for labels in containers.chain(networks).chain(volumes) {
                labels.retain(|key, _| !goes(key));
            }
        });
    }

    /// Describes everything there is, one object a line, without ids, addresses and times: equal texts are equal
    /// worlds to a user.
    pub fn snapshot(&self) -> String {
        let world = self.shared.lock();
        let mut lines: Vec<String> = Vec::new();
        for container in &world.containers {
            let networks: Vec<&String> = container.endpoints.keys().collect();
            let mounts = container.mounts.iter().map(|mount| {
                let volume = mount
                    .volume
                    .as_deref()
                    .filter(|_| !mount.is_anonymous_volume())
                    .unwrap_or("-");
                format!("{}={volume}", mount.target)
            });
            let mounts: Vec<String> = mounts.collect();
            lines.push(format!(
                "container {} {} image={} networks={networks:?} mounts={mounts:?}",
                container.name, container.state.status, container.spec.image
            ));
        }
        lines.extend(
            world
                .networks
                .iter()
                .map(|network| format!("network {}", network.spec.name)),
        );
        let anonymous = |name: &&String| name.len() == 64;
        lines.extend(
            world
                .volumes
                .keys()
                .filter(|name| !anonymous(name))
                .map(|name| format!("volume {name}")),
        );
        lines.sort();
        lines.join("\n")
    }

    fn refuse_unsupported(&self, needs: Vec<bowline_model::Capability>) -> Result<()> {
        match needs
            .into_iter()
            .find(|capability| !self.about.api.has(*capability))
        {
            Some(capability) => Err(EngineError::Unsupported {
                capability,
                api: self.about.api,
            }),
            None => Ok(()),
        }
    }

    fn of_container<T>(&self, act: impl FnOnce(&mut World) -> Result<T>) -> Result<T> {
        self.shared.change(act)
    }
}

#[async_trait]
impl Engine for FakeEngine {
    fn about(&self) -> &About {
        &self.about
    }

    async fn now(&self) -> Result<Timestamp> {
        Ok(self.shared.lock().now())
    }

    async fn containers(&self, which: &Selector) -> Result<Vec<ContainerSummary>> {
        let world = self.shared.lock();
        let chosen = world
            .containers
            .iter()
            .filter(|container| which.matches(&container.name, &container.spec.labels));
        let summary = |container: &world::FakeContainer| ContainerSummary {
            id: container.id.clone(),
            name: container.name.clone(),
            image: container.spec.image.clone(),
            image_id: container.image_id.clone(),
            labels: container.spec.labels.clone(),
            status: container.state.status.clone(),
            created: Some(container.created),
        };
        Ok(chosen.map(summary).collect())
    }

    async fn inspect_container(&self, id: &ContainerId) -> Result<ObservedContainer> {
        self.shared.lock().observe(id)
    }

    async fn find_container(&self, name: &str) -> Result<Option<ObservedContainer>> {
        let mut world = self.shared.lock();
        let id = world
            .containers
            .iter()
            .find(|container| container.name == name)
            .map(|container| container.id.clone());
        id.map(|id| world.observe(&id)).transpose()
    }

    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>> {
        let mut world = self.shared.lock();
        let files = world.container(id)?.files.keys().cloned();
        Ok(files
            .map(|path| PathChange {
                path,
                kind: bowline_model::PathChangeKind::Added,
            })
            .collect())
    }

    async fn container_processes(&self, id: &ContainerId, _ps_args: &str) -> Result<ProcessTable> {
        let mut world = self.shared.lock();
        let container = world.container(id)?;
        let pid = container.state.pid.ok_or_else(|| container.not_running())?;
        let command = container
            .spec
            .entrypoint
            .iter()
            .chain(&container.spec.command);
        let command: Vec<String> = command.flat_map(|argv| argv.iter().cloned()).collect();
        let row = vec![pid.to_string(), command.join(" ")];
        Ok(ProcessTable {
            titles: vec!["PID".into(), "COMMAND".into()],
            rows: vec![row],
        })
    }

    async fn create_container(&self, name: &str, spec: &ContainerSpec) -> Result<CreatedContainer> {
        self.refuse_unsupported(spec.needs())?;
        let (made, spec) = (name.to_owned(), spec.clone());
        self.create(name, move |world| world.create(&made, &spec))
            .await
    }

    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()> {
        self.of_container(|world| world.rename(id, name))
    }

    async fn start_container(&self, id: &ContainerId) -> Result<Started> {
        let takes = {
            let mut world = self.shared.lock();
            world.container(id)?;
            world.next_run(id).takes
        };
        if !takes.is_zero() {
            // sleeps because: the script says how long a start takes
            tokio::time::sleep(takes).await;
        }
        self.of_container(|world| world.start(id))
    }

    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Stopped> {
        let status = self.shared.lock().container(id)?.state.status.clone();
        if !matches!(
            status,
            ContainerStatus::Running | ContainerStatus::Paused | ContainerStatus::Restarting
        ) {
            return Ok(Stopped::Already);
        }
        let ended = self.of_container(|world| world.ask_to_stop(id))?;
        self.wait_for_stop(id, grace, ended).await
    }

    async fn restart_container(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        self.stop_container(id, grace).await?;
        self.start_container(id).await?;
        self.shared
            .change(|world| world.emit_of(id, EventAction::Restart, &[]));
        Ok(())
    }

    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()> {
        self.of_container(|world| world.kill(id, signal))
    }

    async fn pause_container(&self, id: &ContainerId) -> Result<()> {
        self.of_container(|world| {
            let container = world.container(id)?;
            match container.state.status {
                ContainerStatus::Paused => return Ok(()),
                ContainerStatus::Running => container.freeze(),
                _ => return Err(container.not_running()),
            }
            world.emit_of(id, EventAction::Pause, &[]);
            Ok(())
        })
    }

    async fn unpause_container(&self, id: &ContainerId) -> Result<()> {
        self.of_container(|world| {
            let container = world.container(id)?;
            match container.state.status {
                ContainerStatus::Running => return Ok(()),
                ContainerStatus::Paused => container.state.status = ContainerStatus::Running,
                _ => return Err(container.not_running()),
            }
            world.emit_of(id, EventAction::Unpause, &[]);
            Ok(())
        })
    }

    async fn remove_container(&self, id: &ContainerId, how: RemoveContainer) -> Result<Removed> {
        self.of_container(|world| world.remove(id, how))
    }

    async fn wait_container(&self, id: &ContainerId, until: WaitFor) -> Result<i64> {
        let run = self.shared.lock().container(id)?.run;
        let mut last = 0;
        self.shared
            .until(|world| {
                let Ok(container) = world.container(id) else {
                    return Some(if until == WaitFor::Removed {
                        Ok(last)
                    } else {
                        Err(not_found(ObjectKind::Container, &id.0))
                    });
                };
                last = container.state.exit_code;
                let ended = !container.is_running();
                let done = match until {
                    WaitFor::NotRunning => ended,
                    WaitFor::NextExit => {
                        ended
                            && container.run > 0
                            && (container.run > run || container.state.finished.is_some())
                    }
                    WaitFor::Removed => false,
                };
                done.then_some(Ok(last))
            })
            .await
    }

    async fn put_archive(&self, id: &ContainerId, folder: &str, archive: TarStream) -> Result<()> {
        let files = crate::archive::unpack(archive).await?;
        self.of_container(|world| world.put(id, folder, files))
    }

    async fn get_archive(
        &self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>)> {
        self.shared.lock().get(id, path)
    }

    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<Stream<LogEntry>> {
        self.shared.lock().logs(id, options)
    }

    async fn attach_container(&self, id: &ContainerId) -> Result<Attached> {
        self.shared.lock().attach(id)
    }

    async fn exec_open(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession> {
        self.of_container(|world| world.exec_open(id, spec))
    }

    async fn exec_state(&self, id: &ExecId) -> Result<ExecState> {
        let world = self.shared.lock();
        let exec = world
            .execs
            .get(id)
            .ok_or_else(|| not_found(ObjectKind::Exec, &id.0))?;
        Ok(ExecState {
            running: exec.running,
            exit_code: exec.code,
            pid: None,
        })
    }

    async fn exec_resize(&self, id: &ExecId, _rows: u16, _columns: u16) -> Result<()> {
        self.exec_state(id).await.map(drop)
    }

    async fn networks(&self, which: &Selector) -> Result<Vec<ObservedNetwork>> {
        let world = self.shared.lock();
        Ok(world
            .networks
            .iter()
            .filter(|network| which.matches(&network.spec.name, &network.spec.labels))
            .cloned()
            .collect())
    }

    async fn inspect_network(&self, id: &NetworkId) -> Result<ObservedNetwork> {
        self.shared.lock().network(id)
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<NetworkId> {
        self.refuse_unsupported(spec.needs())?;
        self.shared.lock().refuse_taken_network(spec)?;
        let made = spec.clone();
        self.create(&spec.name, move |world| Ok(world.add_network(&made)))
            .await
    }

    async fn remove_network(&self, id: &NetworkId) -> Result<Removed> {
        self.shared.change(|world| world.remove_network(id))
    }

    async fn connect(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        endpoint: &EndpointSpec,
    ) -> Result<()> {
        self.shared.change(|world| {
            let name = world.network(id)?.spec.name;
            let found = world.container(container)?;
            if found.endpoints.contains_key(&name) {
                return Ok(());
            }
            let running = found.is_running();
            let mut aliases = endpoint.aliases.clone();
            aliases.push(container.short().to_owned());
            let joined = ObservedEndpoint {
                network: Some(id.clone()),
                aliases,
                ..ObservedEndpoint::default()
            };
            found.endpoints.insert(name, joined);
            if running {
                world.emit_endpoint(id, container, EventAction::Connect);
            }
            Ok(())
        })
    }

    async fn disconnect(&self, id: &NetworkId, container: &ContainerId) -> Result<()> {
        self.shared.change(|world| {
            let name = world.network(id)?.spec.name;
            let found = world.container(container)?;
            let running = found.is_running();
            if found.endpoints.remove(&name).is_some() && running {
                world.emit_endpoint(id, container, EventAction::Disconnect);
            }
            Ok(())
        })
    }

    async fn volumes(&self, which: &Selector) -> Result<Vec<ObservedVolume>> {
        let world = self.shared.lock();
        Ok(world
            .volumes
            .values()
            .filter(|volume| which.matches(&volume.spec.name, &volume.spec.labels))
            .cloned()
            .collect())
    }

    async fn inspect_volume(&self, name: &str) -> Result<ObservedVolume> {
        let world = self.shared.lock();
        world
            .volumes
            .get(name)
            .cloned()
            .ok_or_else(|| not_found(ObjectKind::Volume, name))
    }

    async fn create_volume(&self, spec: &VolumeSpec) -> Result<CreatedVolume> {
        let volume = self.shared.change(|world| world.ensure_volume(spec));
        let ours = volume.spec.labels.contains_all(&spec.labels);
        Ok(CreatedVolume { volume, ours })
    }

    async fn remove_volume(&self, name: &str) -> Result<Removed> {
        self.shared.change(|world| world.remove_volume(name))
    }

    async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>> {
        let world = self.shared.lock();
        let size = |name: &String| {
            (
                name.clone(),
                world.volume_sizes.get(name).copied().unwrap_or_default(),
            )
        };
        Ok(world.volumes.keys().map(size).collect())
    }

    async fn images(&self, which: &Selector) -> Result<Vec<(ImageId, Vec<String>)>> {
        let world = self.shared.lock();
        let labels = Selector {
            names: Vec::new(),
            ..which.clone()
        };
        let named = |image: &&ObservedImage| {
            let full: Vec<String> = which
                .names
                .iter()
                .map(|name| world::full_reference(name))
                .collect();
            full.is_empty() || image.tags.iter().any(|tag| full.contains(tag))
        };
        let chosen = world
            .images
            .iter()
            .filter(|image| labels.matches("", &image.config.labels))
            .filter(named);
        Ok(chosen
            .map(|image| (image.id.clone(), image.tags.clone()))
            .collect())
    }

    async fn inspect_image(&self, reference: &str) -> Result<ObservedImage> {
        self.shared
            .lock()
            .image(reference)
            .cloned()
            .ok_or_else(|| not_found(ObjectKind::Image, reference))
    }

    async fn pull_image(
        &self,
        reference: &str,
        _platform: Option<&str>,
        _login: Option<&RegistryLogin>,
    ) -> Result<Stream<PullProgress>> {
        let failed = |reason| EngineError::Pull {
            reference: reference.to_owned(),
            reason,
        };
        let found = self
            .shared
            .lock()
            .registry
            .get(&world::full_reference(reference))
            .cloned();
        let missing = PullFailure::NoSuchNameOrLogin {
            text: "pull access denied, repository does not exist".into(),
        };
        let image = found.unwrap_or(Err(missing)).map_err(failed)?;
        self.shared.change(|world| {
            let id = world.store_image(image, reference);
            let attributes = [("name".to_owned(), reference.to_owned())].into();
            world.emit(ObjectKind::Image, EventAction::Pull, &id.0, attributes);
        });
        let step = PullProgress {
            status: "Pull complete".into(),
            ..PullProgress::default()
        };
        Ok(stream::iter([Ok(step)]).boxed())
    }

    async fn build_image(
        &self,
        spec: &BuildSpec,
        _logins: &[RegistryLogin],
        context: BuildContext,
    ) -> Result<Stream<BuildProgress>> {
        let archive = match context {
            BuildContext::Archive(archive) => archive,
            BuildContext::Remote(url) => {
                return Err(EngineError::BadRequest {
                    text: format!("nothing is fetched here, and so not `{url}`"),
                });
            }
        };
        let files = crate::archive::unpack(archive).await?;
        let said = self.shared.change(|world| world.build(spec, &files));
        Ok(stream::iter(said).boxed())
    }

    async fn import_image(&self, spec: &ImportSpec, archive: TarStream) -> Result<ImageId> {
        crate::archive::unpack(archive).await?;
        Ok(self.add_image(&spec.reference, ImageConfig::default()))
    }

    async fn tag_image(&self, id: &ImageId, reference: &str) -> Result<()> {
        self.shared.change(|world| world.tag_image(id, reference))
    }

    async fn remove_image(&self, reference: &str) -> Result<Removed> {
        self.shared.change(|world| world.remove_image(reference))
    }

    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>> {
        let (past, receiver) = self.shared.lock().watch(filter);
        let past = stream::iter(past.into_iter().map(Ok));
        match filter.until {
            None => Ok(past.chain(output::stream_of(receiver)).boxed()),
            Some(_) => Ok(past.boxed()),
        }
    }
}
