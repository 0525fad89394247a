//! What the fake makes of a create spec: the image's config merged in and the engine's defaults filled in, as
//! an inspect of a real engine shows them.

use std::path::PathBuf;

use bowline_model::{
    ContainerSpec, EffectiveMount, HealthTest, HealthcheckSpec, ImageConfig, Labels, LogSpec,
    MountSource, TextMap, VolumeSpec,
};

use super::world::World;

/// Merges what the image says into what was asked for.
pub(super) fn merge(mut spec: ContainerSpec, image: &ImageConfig, id: &str) -> ContainerSpec {
    for (name, value) in image.env.iter() {
        if spec.env.get(name).is_none() {
            spec.env
                .set(name, value.map(|value| value.reveal().to_owned()));
        }
    }
    for (key, value) in &image.labels {
        spec.labels
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    let asked: Vec<_> = spec
        .published
        .iter()
        .map(|port| port.container.clone())
        .collect();
    spec.exposed
        .extend(image.exposed.iter().cloned().chain(asked));
    let cleared = spec
        .entrypoint
        .as_ref()
        .is_some_and(|entrypoint| entrypoint.iter().eq([""].iter()));
    if cleared {
        spec.entrypoint = None;
    } else if spec.entrypoint.is_none() {
        spec.entrypoint.clone_from(&image.entrypoint);
        if spec
            .command
            .as_ref()
            .is_none_or(|command| command.is_empty())
        {
            spec.command.clone_from(&image.command);
        }
    }
    spec.user = spec.user.or_else(|| image.user.clone());
    spec.working_dir = spec.working_dir.or_else(|| image.working_dir.clone());
    spec.stop_signal = spec.stop_signal.or_else(|| image.stop_signal.clone());
    spec.healthcheck = merge_healthcheck(spec.healthcheck, image.healthcheck.as_ref());
    fill_in(&mut spec, id);
    spec
}

fn merge_healthcheck(
    own: Option<HealthcheckSpec>,
    image: Option<&HealthcheckSpec>,
) -> Option<HealthcheckSpec> {
    let (Some(own), Some(image)) = (own.clone(), image) else {
        return own.or_else(|| image.cloned());
    };
    Some(HealthcheckSpec {
        test: own.test.or_else(|| image.test.clone()),
        interval: own.interval.or(image.interval),
        timeout: own.timeout.or(image.timeout),
        start_period: own.start_period.or(image.start_period),
        start_interval: own.start_interval.or(image.start_interval),
        retries: own.retries.or(image.retries),
    })
}

/// Fills in what an engine answers for what nobody said.
fn fill_in(spec: &mut ContainerSpec, id: &str) {
    let said = |text: &str| Some(text.to_owned());
    let short = id.get(..12).unwrap_or(id);
    if spec.network.mode.as_deref() != Some("host") {
        spec.hostname.get_or_insert_with(|| short.to_owned());
    }
    spec.network.mode = spec.network.mode.take().or_else(|| said("default"));
    spec.network.ipc = spec.network.ipc.take().or_else(|| said("private"));
    spec.network.cgroupns = spec.network.cgroupns.take().or_else(|| said("private"));
    spec.runtime = spec.runtime.take().or_else(|| said("runc"));
    spec.resources.shm_size_bytes.get_or_insert(64 << 20);
    if let (Some(memory), None) = (
        spec.resources.memory_bytes,
        spec.resources.memory_swap_bytes,
    ) {
        spec.resources.memory_swap_bytes = Some(memory * 2);
    }
    spec.logging.get_or_insert_with(|| LogSpec {
        driver: "json-file".into(),
        options: TextMap::default(),
    });
}

/// Tells whether the engine would run a healthcheck.
pub(super) fn has_healthcheck(spec: &ContainerSpec) -> bool {
    spec.healthcheck
        .as_ref()
        .and_then(|check| check.test.as_ref())
        .is_some_and(|test| *test != HealthTest::Disabled)
}

/// Works out the mounts of a new container, making the volumes that are missing.
pub(super) fn mounts(
    world: &mut World,
    spec: &ContainerSpec,
    image: &ImageConfig,
) -> Vec<EffectiveMount> {
    let mut mounts: Vec<EffectiveMount> = Vec::new();
    for mount in &spec.mounts {
        let mut effective = mount_at(&mount.target, !mount.read_only);
        match &mount.source {
            MountSource::Bind(bind) => {
                "bind".clone_into(&mut effective.kind);
                effective.source = PathBuf::from(&bind.path);
                let propagation = bind.propagation.as_deref().unwrap_or("rprivate");
                propagation.clone_into(&mut effective.propagation);
            }
            MountSource::Volume(volume) => {
                mount_volume(world, &mut effective, volume.name.clone(), &volume.labels);
            }
            MountSource::Tmpfs(_) => "tmpfs".clone_into(&mut effective.kind),
            MountSource::Image(_) => "image".clone_into(&mut effective.kind),
            MountSource::NamedPipe { path } => {
                "npipe".clone_into(&mut effective.kind);
                effective.source = PathBuf::from(path);
            }
        }
        mounts.push(effective);
    }
    for target in &image.volumes {
        let asked = mounts.iter().any(|mount| mount.target == *target);
        if !asked && !spec.tmpfs.contains_key(target) {
            let mut effective = mount_at(target, true);
            mount_volume(world, &mut effective, None, &Labels::default());
            mounts.push(effective);
        }
    }
    mounts
}

fn mount_at(target: &str, writable: bool) -> EffectiveMount {
    EffectiveMount {
        target: target.to_owned(),
        kind: String::new(),
        volume: None,
        source: PathBuf::new(),
        driver: None,
        writable,
        propagation: String::new(),
        mode: String::new(),
    }
}

fn mount_volume(
    world: &mut World,
    mount: &mut EffectiveMount,
    name: Option<String>,
    labels: &Labels,
) {
    let name = name.unwrap_or_else(|| world.next_id());
    let volume = world.ensure_volume(&VolumeSpec {
        name,
        labels: labels.clone(),
        ..VolumeSpec::default()
    });
    "volume".clone_into(&mut mount.kind);
    mount.volume = Some(volume.spec.name);
    mount.driver = volume.spec.driver;
    mount.source = volume.mountpoint;
}
