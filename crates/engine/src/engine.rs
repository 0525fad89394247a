//! The trait behind which containers run, with its contract.
//!
//! Every clause that can be tested is a check of the contract suite (`tests/contract`), which the scripted
//! fake and real engines pass alike. What holds for all methods:
//!
//! - **Ids.** A method that takes an id never falls back to names or to prefixes of ids.
//! - **Missing objects** are [`EngineError::NotFound`] with the kind and the name asked for; only removals
//!   count them as success, since that is what a replayed step finds.
//! - **Repeats.** Starting what runs, stopping what does not, removing what is gone are success and say so.
//!   Creating is not repeatable by itself: a container's name decides (see [`Engine::create_container`]).
//! - **Time.** A request that the engine answers at once has 60 s; one that takes as long as something takes
//!   (stop, wait, pull, build, streams) has no limit of its own beyond what its method says. Whoever drops the
//!   future or the stream closes the connection, and the engine finishes what it has read.
//! - **No answer** is [`EngineError::Unreachable`], which says whether the request may have been read.
//! - **Labels** that a spec carries are on the object made, all of them. Labels cannot be changed later.
//! - **Nothing is dropped silently.** What this version of the API cannot hold is
//!   [`EngineError::Unsupported`], before anything is sent.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use async_trait::async_trait;
use bowline_model::{
    ContainerId, ContainerSpec, ContainerSummary, EndpointSpec, EngineEvent, ImageId, NetworkId,
    NetworkSpec, ObservedContainer, ObservedImage, ObservedNetwork, ObservedVolume, PathChange,
    VolumeSpec,
};
use futures_util::{StreamExt, TryStreamExt};
use jiff::Timestamp;

use crate::{
    About, Attached, BuildContext, BuildProgress, BuildSpec, CreatedContainer, CreatedVolume,
    EngineError, EventFilter, ExecId, ExecLimits, ExecOutput, ExecSession, ExecSpec, ExecState,
    FileToPut, ImportSpec, LogEntry, LogOptions, PathHead, PathStat, ProcessTable, PullProgress,
    RegistryLogin, RemoveContainer, Removed, Selector, Started, Stopped, Stream, TarStream,
    WaitFor,
};

/// How many inspects are asked at once by [`Engine::inspect_containers`].
pub const PARALLEL_INSPECTS: usize = 16;

type Result<T> = std::result::Result<T, EngineError>;

/// What runs containers. See the module for what holds for all methods.
#[async_trait]
pub trait Engine: Debug + Send + Sync {
    /// Says who this engine is, as read when it was connected to. Asks nothing.
    fn about(&self) -> &About;

    /// Says the engine's time. An adapter may read it every half a minute and move it on with this host's clock in
    /// between; then it is never ahead of the engine's own, and behind by no more than the reading took.
    async fn now(&self) -> Result<Timestamp>;

    // ---- containers, reading

    /// Lists containers in every state, with one call.
    ///
    /// A container may be listed as created some seconds before anything else finds it: while the engine
    /// copies the image's files into new volumes.
    async fn containers(&self, which: &Selector) -> Result<Vec<ContainerSummary>>;

    /// Reads everything about one container.
    async fn inspect_container(&self, id: &ContainerId) -> Result<ObservedContainer>;

    /// Reads everything about several containers, at most [`PARALLEL_INSPECTS`] at once, in the order of `ids`.
    /// Those that are gone meanwhile are left out.
    async fn inspect_containers(&self, ids: &[ContainerId]) -> Result<Vec<ObservedContainer>> {
        let found: Vec<Option<ObservedContainer>> = futures_util::stream::iter(ids.to_vec())
            .map(|id| async move {
                match self.inspect_container(&id).await {
                    Ok(container) => Ok(Some(container)),
                    Err(error) if error.is_not_found() => Ok(None),
                    Err(error) => Err(error),
                }
            })
            .buffered(PARALLEL_INSPECTS)
            .try_collect()
            .await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Reads everything about the container of exactly this name; `None` where there is none.
    async fn find_container(&self, name: &str) -> Result<Option<ObservedContainer>>;

    /// Lists the paths in which a container differs from its image, volumes and mounts aside.
    async fn container_changes(&self, id: &ContainerId) -> Result<Vec<PathChange>>;

    /// Lists the processes of a running container, as `ps` does with these arguments (`-o pid,args`).
    async fn container_processes(&self, id: &ContainerId, ps_args: &str) -> Result<ProcessTable>;

    // ---- containers, writing

    /// Creates a container under a name, without starting it.
    ///
    /// The name makes it *once*: of any number of creates of one name exactly one wins. After a create whose
    /// answer was lost, ask again with the same name: success means the first one never happened,
    /// [`EngineError::NameTaken`] names the holder, whose labels say whose it is. The holder may not be found
    /// by an inspect yet; poll until it is.
    ///
    /// Volumes that its mounts name and that do not exist are made by the engine, without labels.
    ///
    /// # Errors
    ///
    /// - [`EngineError::NotFound`]: the image, with the reference asked for. (A network that is missing shows
    ///   only at the start.)
    /// - [`EngineError::NameTaken`], [`EngineError::Unsupported`], [`EngineError::Invalid`].
    async fn create_container(&self, name: &str, spec: &ContainerSpec) -> Result<CreatedContainer>;

    /// Gives a container another name. Repeating it is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::NameTaken`]: by another container.
    async fn rename_container(&self, id: &ContainerId, name: &str) -> Result<()>;

    /// Starts a container and returns once its main process was started.
    ///
    /// A start that fails leaves the container as `created` (or `exited`, where it ran before) with exit code
    /// 126, 127 or 128 and the engine's words in its state.
    ///
    /// # Errors
    ///
    /// - [`EngineError::PortTaken`]: with the port.
    /// - [`EngineError::FailedToStart`]: anything else about this container.
    async fn start_container(&self, id: &ContainerId) -> Result<Started>;

    /// Stops a container and returns once the engine no longer counts it as running.
    ///
    /// It gets its stop signal, and is killed after `grace`: kept by the engine, rounded up to whole seconds.
    /// Zero kills at once. Having been stopped, it is not restarted by its restart policy.
    ///
    /// # Errors
    ///
    /// [`EngineError::Unreachable`]: also where there is no answer within `grace` + 60 s.
    async fn stop_container(&self, id: &ContainerId, grace: Duration) -> Result<Stopped>;

    /// Stops a container as [`Engine::stop_container`] does, where it runs, and starts it.
    async fn restart_container(&self, id: &ContainerId, grace: Duration) -> Result<()>;

    /// Sends a signal, by name or number, to the main process.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotRunning`].
    async fn kill_container(&self, id: &ContainerId, signal: &str) -> Result<()>;

    /// Freezes a running container. Freezing a frozen one is success.
    async fn pause_container(&self, id: &ContainerId) -> Result<()>;

    /// Lets a frozen container go on. One that runs is success.
    async fn unpause_container(&self, id: &ContainerId) -> Result<()>;

    /// Removes a container, and returns when its name is free. One that is gone is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::InUse`]: it runs, and `how` does not say to kill it.
    async fn remove_container(&self, id: &ContainerId, how: RemoveContainer) -> Result<Removed>;

    /// Waits, as long as it takes, and gives the exit code.
    async fn wait_container(&self, id: &ContainerId, until: WaitFor) -> Result<i64>;

    // ---- files of containers

    /// Unpacks an archive into a folder of a container, running or not. Owners and modes are the archive's.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`]: the container or the folder. [`EngineError::ReadOnly`].
    async fn put_archive(&self, id: &ContainerId, folder: &str, archive: TarStream) -> Result<()>;

    /// Puts files into a container, running or not. Existing ones are replaced.
    async fn put_files(&self, id: &ContainerId, files: &[FileToPut]) -> Result<()> {
        self.put_archive(id, "/", crate::tar_of(crate::archive::pack(files)?))
            .await
    }

    /// Reads a file or folder of a container, running or not, as an archive whose entries begin with the
    /// path's last part.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`]: the container or the path.
    async fn get_archive(
        &self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>)>;

    /// Reads one file of a container, at most `limit` bytes of it. Symbolic links are not followed.
    ///
    /// # Errors
    ///
    /// [`EngineError::BadRequest`]: the path is not a plain file.
    async fn get_file(&self, id: &ContainerId, path: &str, limit: usize) -> Result<Vec<u8>> {
        let (_, archive) = self.get_archive(id, path).await?;
        crate::archive::first_file(archive, path, limit).await
    }

    /// Says what is at a path of a container, running or not, and reads the first `limit` bytes of a plain file.
    /// Symbolic links are not followed, and of a folder only the folder itself is read.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotFound`]: the container or the path.
    async fn path_head(&self, id: &ContainerId, path: &str, limit: usize) -> Result<PathHead> {
        let (stat, archive) = self.get_archive(id, path).await?;
        crate::archive::head(stat, archive, path, limit).await
    }

    // ---- output and processes of containers

    /// Reads a container's log. Stdout and stderr are kept apart, except with a terminal.
    ///
    /// Following ends with the container's run. Entries that came after `since` are given again by a later
    /// call with the same `since`, so a reader that comes back asks from its last entry's time on, and skips
    /// what it has.
    ///
    /// # Errors
    ///
    /// [`EngineError::Failed`]: its log driver cannot be read.
    async fn logs(&self, id: &ContainerId, options: &LogOptions) -> Result<Stream<LogEntry>>;

    /// Connects to the streams of a container's main process. The container has no terminal, and keeps its standard input
    /// open (`stdin_open`).
    ///
    /// Of one that was not started yet the output begins with its start; of one that runs, now. It ends with the run.
    /// Where the container was created with `stdin_once`, the end of this session, in whatever way it comes (its input is
    /// shut down, it is dropped, this process is killed), is the end of the input of the main process.
    async fn attach_container(&self, id: &ContainerId) -> Result<Attached>;

    /// Starts a process in a running container and gives its streams.
    ///
    /// # Errors
    ///
    /// [`EngineError::NotRunning`]: also while it is paused or restarting. A command that cannot be run is no
    /// error: the exec ends with 126 or 127 and says why in its output.
    async fn exec_open(&self, id: &ContainerId, spec: &ExecSpec) -> Result<ExecSession>;

    /// Says whether an exec runs, or how it ended.
    async fn exec_state(&self, id: &ExecId) -> Result<ExecState>;

    /// Changes the size of an exec's terminal.
    async fn exec_resize(&self, id: &ExecId, rows: u16, columns: u16) -> Result<()>;

    /// Runs a process in a running container, keeps its output, and gives up waiting after a time.
    ///
    /// Giving up does not end the process: nothing can. [`Engine::exec_state`] says later what became of it.
    async fn exec(
        &self,
        id: &ContainerId,
        spec: &ExecSpec,
        limits: ExecLimits,
    ) -> Result<ExecOutput> {
        crate::exec::run(self, id, spec, limits).await
    }

    // ---- networks

    /// Lists networks, without who is attached.
    async fn networks(&self, which: &Selector) -> Result<Vec<ObservedNetwork>>;

    /// Reads everything about one network.
    async fn inspect_network(&self, id: &NetworkId) -> Result<ObservedNetwork>;

    /// Creates a network.
    ///
    /// Names of networks are not unique: the engine refuses a taken name as long as nobody else creates it at
    /// the same time. Hold the stack's lock; after a create whose answer was lost wait a second, list by
    /// label, and remove the newer empty double.
    ///
    /// # Errors
    ///
    /// [`EngineError::Conflict`]: the name is taken. [`EngineError::NoAddresses`].
    async fn create_network(&self, spec: &NetworkSpec) -> Result<NetworkId>;

    /// Removes a network. One that is gone is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::InUse`]: running containers are attached.
    async fn remove_network(&self, id: &NetworkId) -> Result<Removed>;

    /// Attaches a container, running or not, to the network `id`; the endpoint's own `network` is not looked at.
    /// One that is attached already is left as it is, and success.
    async fn connect(
        &self,
        id: &NetworkId,
        container: &ContainerId,
        endpoint: &EndpointSpec,
    ) -> Result<()>;

    /// Detaches a container from a network, running or not. One that is not attached is success.
    async fn disconnect(&self, id: &NetworkId, container: &ContainerId) -> Result<()>;

    // ---- volumes

    /// Lists volumes.
    async fn volumes(&self, which: &Selector) -> Result<Vec<ObservedVolume>>;

    /// Reads everything about one volume.
    async fn inspect_volume(&self, name: &str) -> Result<ObservedVolume>;

    /// Makes sure that there is a volume of this name.
    ///
    /// A second create returns the first object unchanged, with its old labels and options. So look at
    /// [`CreatedVolume::ours`] before an undo removes anything.
    async fn create_volume(&self, spec: &VolumeSpec) -> Result<CreatedVolume>;

    /// Removes a volume with everything in it. One that is gone is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::InUse`]: containers use it, running or not; they are named where the engine does.
    async fn remove_volume(&self, name: &str) -> Result<Removed>;

    /// Measures volumes: bytes by name. Takes seconds where there is much data. What cannot be measured is
    /// left out.
    async fn volume_sizes(&self) -> Result<BTreeMap<String, u64>>;

    // ---- images

    /// Lists images by label, or by reference in `names`; without what their config says.
    async fn images(&self, which: &Selector) -> Result<Vec<(ImageId, Vec<String>)>>;

    /// Reads everything about the image of a reference or id.
    async fn inspect_image(&self, reference: &str) -> Result<ObservedImage>;

    /// Pulls an image; the stream's end is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::Pull`], here or as the stream's last item.
    async fn pull_image(
        &self,
        reference: &str,
        platform: Option<&str>,
        login: Option<&RegistryLogin>,
    ) -> Result<Stream<PullProgress>>;

    /// Builds an image with the engine's classic builder. The stream's last item is the image; its end without
    /// one is an error.
    ///
    /// The same build with the same files gives the same image again, out of the builder's cache, as long as that
    /// holds the layers, no other build has made newer ones by the same instructions meanwhile, and nobody asks for
    /// [`BuildSpec::no_cache`]. The references move to the new image when it
    /// is complete; the image that had them stays, without a name. A build that fails or is dropped moves none,
    /// and leaves no container behind. Dropping the future or the stream stops the build; when exactly is the
    /// engine's business, so afterwards look where the references point.
    ///
    /// `logins` are those for all registries that base images may come from. Takes as long as it takes.
    ///
    /// # Errors
    ///
    /// [`EngineError::Build`], here or as the stream's last item: the Dockerfile or the target is not there, a
    /// base image cannot be had, a step failed, or this engine has no such builder. [`EngineError::NoSpace`].
    /// [`EngineError::BadRequest`] with the archive's own error, where that ends with one.
    async fn build_image(
        &self,
        spec: &BuildSpec,
        logins: &[RegistryLogin],
        context: BuildContext,
    ) -> Result<Stream<BuildProgress>>;

    /// Makes an image of a root file system.
    async fn import_image(&self, spec: &ImportSpec, archive: TarStream) -> Result<ImageId>;

    /// Lets a reference (`name:tag`) point to an image; it may have pointed to another one. Repeatable.
    async fn tag_image(&self, id: &ImageId, reference: &str) -> Result<()>;

    /// Takes a reference away, or an image with its last one. What is gone is success.
    ///
    /// # Errors
    ///
    /// [`EngineError::InUse`]: it is the last reference, and containers use the image.
    async fn remove_image(&self, reference: &str) -> Result<Removed>;

    // ---- what happens

    /// Reports what happens. With a `since` the past comes first, from that time on, itself included, as far
    /// as the engine remembers; there is no gap between past and present.
    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>>;
}
