//! Mounts: volumes in every form, memory file systems, and what is taken over from other containers.

use bowline_model::{
    BindRecursive, BindSpec, Capability, ContainerSpec, ImageMountSpec, Mount, MountSource,
    MountSpec, SelinuxLabel, TmpfsSpec, VolumeMountSpec, WantedService,
};

use super::report::{Report, Subject, said};
use super::{Unfit, labels};

/// Everything of a service that is about mounts, secrets and configs aside.
pub(super) fn fill(service: &mut WantedService, subject: &Subject<'_>, report: &mut Report<'_>) {
    for (index, mount) in subject.service.volumes.iter().enumerate() {
        let at = format!("volumes[{index}]");
        let Some(mount) = mount_spec(mount, &at, subject, report) else {
            continue;
        };
        if let MountSource::Bind(bind) = &mount.source
            && bind.create_host_path
            && !service.host_paths.contains(&bind.path)
        {
            service.host_paths.push(bind.path.clone());
        }
        add(&mut service.spec, mount);
    }
    for line in &subject.service.tmpfs {
        let (path, options) = line.split_once(':').unwrap_or((line, ""));
        let tmpfs = &mut service.spec.tmpfs;
        tmpfs.insert(path.to_owned(), options.to_owned());
    }
    take_over(&mut service.spec, subject, report);
}

/// Adds a mount; of two on one target the later one counts.
pub(super) fn add(spec: &mut ContainerSpec, mount: MountSpec) {
    match spec
        .mounts
        .iter_mut()
        .find(|known| known.target == mount.target)
    {
        Some(known) => *known = mount,
        None => spec.mounts.push(mount),
    }
}

/// `volumes_from` of containers outside the project. Those of services are shares.
fn take_over(spec: &mut ContainerSpec, subject: &Subject<'_>, report: &mut Report<'_>) {
    for (index, from) in subject.service.volumes_from.iter().enumerate() {
        let at = format!("volumes_from[{index}]");
        let rest = from.strip_prefix("container:").unwrap_or(from);
        if rest.ends_with(":ro") {
            report.ignore(
                subject.path(&at),
                "Compose drops the `ro`, and so it is here: what is taken over can be written",
            );
        }
        if from.starts_with("container:") {
            let container = rest.split_once(':').map_or(rest, |(name, _)| name);
            spec.volumes_from.push(container.to_owned());
        }
    }
}

fn mount_spec(
    mount: &Mount,
    at: &str,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> Option<MountSpec> {
    name_misplaced_options(mount, at, subject, report);
    let source = match mount.kind.as_str() {
        "bind" => MountSource::Bind(bind(mount, at, subject, report)),
        "volume" => MountSource::Volume(volume(mount, at, subject, report)?),
        "tmpfs" => MountSource::Tmpfs(tmpfs(mount, at, subject, report)),
        "image" => {
            let subpath = mount.image.as_ref().and_then(|image| said(&image.subpath));
            refuse_on_old(Capability::ImageMount, at, subject, report)?;
            MountSource::Image(ImageMountSpec {
                image: mount.source.clone(),
                subpath,
            })
        }
        kind => {
            let what = match kind {
                "npipe" => "mounting a named pipe of Windows",
                "cluster" => "mounting a cluster volume of Swarm",
                _ => "a mount of this type",
            };
            report.refuse(subject.path(at), Unfit::Unsupported { what });
            return None;
        }
    };
    // Compose has no room for it where it uses the engine's short form, and engines on Linux none at all.
    let short = match &source {
        MountSource::Bind(bind) => {
            bind.create_host_path
                && bind.propagation.is_none()
                && bind.recursive == BindRecursive::Enabled
        }
        MountSource::Volume(volume) => volume.name.is_some() && !volume.no_copy,
        _ => false,
    };
    Some(MountSpec {
        target: mount.target.clone(),
        read_only: mount.read_only,
        source,
        consistency: said(&mount.consistency).filter(|_| !short),
    })
}

/// Options of one type on a mount of another are left out, as Compose does.
fn name_misplaced_options(mount: &Mount, at: &str, subject: &Subject<'_>, report: &mut Report<'_>) {
    for (kind, there) in [
        ("bind", mount.bind.is_some()),
        ("volume", mount.volume.is_some()),
        ("tmpfs", mount.tmpfs.is_some()),
        ("image", mount.image.is_some()),
    ] {
        if there && mount.kind != kind {
            report.ignore(
                subject.path(&format!("{at}.{kind}")),
                format!("it means nothing to a mount of type `{}`", mount.kind),
            );
        }
    }
}

fn refuse_on_old(
    capability: Capability,
    at: &str,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> Option<()> {
    let api = subject.given.api;
    if api.has(capability) {
        return Some(());
    }
    report.refuse(subject.path(at), Unfit::TooOld { capability, api });
    None
}

fn bind(mount: &Mount, at: &str, subject: &Subject<'_>, report: &mut Report<'_>) -> BindSpec {
    let mut spec = BindSpec {
        path: mount.source.clone(),
        create_host_path: true,
        ..BindSpec::default()
    };
    let Some(options) = &mount.bind else {
        return spec;
    };
    spec.create_host_path = options.create_host_path;
    spec.propagation = said(&options.propagation);
    let recursive = format!("{at}.bind.recursive");
    spec.recursive = match options.recursive.as_str() {
        "" | "enabled" => BindRecursive::Enabled,
        "disabled" => BindRecursive::Disabled,
        word @ ("writable" | "readonly") => {
            if !report.can(subject, &recursive, Capability::RecursiveReadOnly) {
                BindRecursive::Enabled
            } else if word == "writable" {
                BindRecursive::Writable
            } else {
                BindRecursive::ReadOnly
            }
        }
        word => {
            report.invalid(
                subject.path(&recursive),
                word,
                "one of `enabled`, `disabled`, `writable` and `readonly`",
            );
            BindRecursive::Enabled
        }
    };
    if options.selinux.is_empty() {
        return spec;
    }
    let selinux = subject.path(&format!("{at}.bind.selinux"));
    if !spec.create_host_path || spec.propagation.is_some() || !options.recursive.is_empty() {
        report.ignore(
            selinux,
            "engines cannot relabel together with `create_host_path: false`, `propagation` or `recursive`",
        );
        return spec;
    }
    match options.selinux.as_str() {
        "z" => spec.selinux = Some(SelinuxLabel::Shared),
        "Z" => spec.selinux = Some(SelinuxLabel::Private),
        word => report.invalid(selinux, word, "`z` or `Z`"),
    }
    spec
}

fn volume(
    mount: &Mount,
    at: &str,
    subject: &Subject<'_>,
    report: &mut Report<'_>,
) -> Option<VolumeMountSpec> {
    let name = said(&mount.source).map(|key| {
        let declared = subject.project.volumes.get(&key);
        declared.map_or(key, |volume| volume.name.clone())
    });
    let mut spec = VolumeMountSpec {
        name,
        ..VolumeMountSpec::default()
    };
    if let Some(options) = &mount.volume {
        spec.no_copy = options.nocopy;
        spec.labels = labels::values(&options.labels);
        spec.subpath = said(&options.subpath);
        if spec.subpath.is_some() {
            let at = format!("{at}.volume.subpath");
            refuse_on_old(Capability::VolumeSubpath, &at, subject, report)?;
        }
    }
    Some(spec)
}

fn tmpfs(mount: &Mount, at: &str, subject: &Subject<'_>, report: &mut Report<'_>) -> TmpfsSpec {
    let Some(options) = &mount.tmpfs else {
        return TmpfsSpec::default();
    };
    let mode = u32::try_from(options.mode);
    if mode.is_err() {
        report.invalid(
            subject.path(&format!("{at}.tmpfs.mode")),
            options.mode.to_string(),
            "a mode",
        );
    }
    TmpfsSpec {
        size_bytes: Some(options.size.0).filter(|size| *size != 0),
        mode: mode.ok().filter(|mode| *mode != 0),
    }
}
