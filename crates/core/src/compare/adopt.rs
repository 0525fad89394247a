//! Containers that another tool made: is what they are what is wanted?
//!
//! Wanted is put over the image's defaults as an engine does it, and compared with what an inspect shows. The
//! table here says which values an engine fills in where nothing is said. A field that is not said and whose
//! default depends on how an engine is configured is not compared.

use std::collections::BTreeSet;

use bowline_model::{
    Change, ContainerSpec, EndpointSpec, HealthcheckSpec, ImageConfig, MountSource,
    ObservedContainer,
};

use super::facets::{Facets, clean};

/// What an engine shows where nothing was said: field and value.
const DEFAULTS: &[(&str, &str)] = &[
    ("network.ipc", "private"),
    ("network.ipc", "shareable"),
    ("network.cgroupns", "host"),
    ("network.cgroupns", "private"),
    ("resources.shm_size_bytes", "67108864"),
    ("runtime", "runc"),
    ("restart", "no"),
    ("network.mode", "default"),
    ("network.mode", "bridge"),
];

/// Fields whose default depends on how the engine is configured, or that it makes up.
const OF_THE_ENGINE: &[&str] = &[
    "logging.",
    "ulimits.",
    "hostname",
    "network.mac_address",
    "runtime",
    "network.cgroupns",
    "network.ipc",
    "init",
    "security.options",
];

/// Compares, and names what could not be compared.
pub(super) fn differences(
    wanted: &ContainerSpec,
    container: &ObservedContainer,
    image: Option<&ImageConfig>,
) -> (Vec<Change>, Vec<String>) {
    let mut unknown = Vec::new();
    if image.is_none() {
        unknown.push("what comes from its image, which is gone".to_owned());
    }
    let expected = over_image(wanted, image.unwrap_or(&ImageConfig::default()));
    let mut is = Facets::observed(container);
    let mut should = Facets::of(&expected);
    should.retain(|field, _| !field.starts_with("mounts."));
    add_mounts(&mut should, &expected, image);
    leave_taken_over(&mut should, wanted, &mut is, container);
    attach_all(&mut should, wanted, &mut is, container);
    leave_weights(&mut should, &is, &mut unknown);
    let said = Facets::of(wanted);
    let not_said = |field: &str| said.get(field).is_none();
    let memory = container.spec.resources.memory_bytes;
    let twice_the_memory = memory.map(|memory| memory.saturating_mul(2).to_string());
    let fields: Vec<String> = is.iter().map(|(field, _)| field.to_owned()).collect();
    for field in fields {
        let value = is.get(&field).unwrap_or_default().to_owned();
        let is_default = DEFAULTS.contains(&(field.as_str(), value.as_str()))
            || OF_THE_ENGINE.iter().any(|prefix| field.starts_with(prefix));
        // An engine makes it twice the memory, of which a difference is told by itself.
        let is_twice_the_memory =
            field == "resources.memory_swap_bytes" && Some(&value) == twice_the_memory.as_ref();
        let is_from_gone_image = image.is_none()
            && (field.starts_with("environment.")
                || field.starts_with("labels.")
                || field.starts_with("healthcheck")
                || matches!(
                    field.as_str(),
                    "entrypoint" | "command" | "user" | "working_dir" | "stop_signal" | "exposed"
                ));
        if should.get(&field).is_none()
            && not_said(&field)
            && (is_default || is_twice_the_memory || is_from_gone_image)
        {
            is.retain(|name, _| name != field);
        }
    }
    (is.differences(&should), unknown)
}

/// What an engine makes of a spec and an image's defaults.
fn over_image(wanted: &ContainerSpec, image: &ImageConfig) -> ContainerSpec {
    let mut spec = wanted.clone();
    match &wanted.entrypoint {
        // `[""]` clears the image's entrypoint, and its command with it.
        Some(words) if words.len() == 1 && words[0].is_empty() => spec.entrypoint = None,
        Some(words) if words.is_empty() => {
            spec.command = wanted
                .command
                .clone()
                .filter(|command| !command.is_empty())
                .or_else(|| image.command.clone());
        }
        Some(_) => {}
        None => {
            spec.entrypoint.clone_from(&image.entrypoint);
            let own = wanted.command.clone().filter(|command| !command.is_empty());
            spec.command = own.or_else(|| image.command.clone());
        }
    }
    let mut env = image.env.clone();
    for (name, value) in wanted.env.iter() {
        env.set(name, value.map(|value| value.reveal().to_owned()));
    }
    spec.env = env;
    for (key, value) in &image.labels {
        spec.labels
            .entry(key.clone())
            .or_insert_with(|| value.clone());
    }
    spec.exposed.extend(image.exposed.iter().cloned());
    spec.user = wanted.user.clone().or_else(|| image.user.clone());
    spec.working_dir = wanted
        .working_dir
        .clone()
        .or_else(|| image.working_dir.clone());
    spec.stop_signal = wanted
        .stop_signal
        .clone()
        .or_else(|| image.stop_signal.clone());
    spec.healthcheck = healthcheck(wanted.healthcheck.as_ref(), image.healthcheck.as_ref());
    spec
}

/// A healthcheck field by field; a disabled one is disabled, whatever the rest says.
fn healthcheck(
    wanted: Option<&HealthcheckSpec>,
    image: Option<&HealthcheckSpec>,
) -> Option<HealthcheckSpec> {
    let (wanted, image) = match (wanted, image) {
        (None, image) => return image.cloned(),
        (Some(wanted), None) => return Some(wanted.clone()),
        (Some(wanted), Some(image)) => (wanted, image),
    };
    Some(HealthcheckSpec {
        test: wanted.test.clone().or_else(|| image.test.clone()),
        interval: wanted.interval.or(image.interval),
        timeout: wanted.timeout.or(image.timeout),
        start_period: wanted.start_period.or(image.start_period),
        start_interval: wanted.start_interval.or(image.start_interval),
        retries: wanted.retries.or(image.retries),
    })
}

/// Mounts as they are in effect: those that are wanted, and the volumes that the image declares.
fn add_mounts(facets: &mut Facets, spec: &ContainerSpec, image: Option<&ImageConfig>) {
    for mount in &spec.mounts {
        let source = match &mount.source {
            MountSource::Bind(bind) => format!("bind {}", clean(&bind.path)),
            MountSource::Volume(volume) => {
                format!("volume {}", volume.name.as_deref().unwrap_or_default())
            }
            MountSource::Tmpfs(_) => "tmpfs ".to_owned(),
            MountSource::Image(image) => format!("image {}", image.image),
            MountSource::NamedPipe { path } => format!("npipe {path}"),
        };
        facets.mount(&mount.target, &source, mount.read_only);
    }
    for target in image.into_iter().flat_map(|image| &image.volumes) {
        facets.mount_if_free(target, "volume ");
    }
}

/// Leaves out the mounts that came from another container: they are as that one's are, and the list of those
/// containers is compared by itself.
///
/// An engine gives a volume that nobody named up for one that is taken over, and shows neither of the two as asked
/// for by this container.
fn leave_taken_over(
    should: &mut Facets,
    wanted: &ContainerSpec,
    is: &mut Facets,
    container: &ObservedContainer,
) {
    if container.spec.volumes_from.is_empty() {
        return;
    }
    let named = wanted.mounts.iter().filter(
        |mount| !matches!(&mount.source, MountSource::Volume(volume) if volume.name.is_none()),
    );
    let own: BTreeSet<String> = container
        .spec
        .mounts
        .iter()
        .chain(named)
        .map(|mount| clean(&mount.target))
        .collect();
    let mounts = container.mounts.iter().map(|mount| clean(&mount.target));
    for target in mounts.filter(|target| !own.contains(target)) {
        let at = format!("mounts.{target}");
        let read_only = format!("{at}.read_only");
        for facets in [&mut *should, &mut *is] {
            facets.retain(|field, _| field != at && field != read_only);
        }
    }
}

/// Leaves out the weights of block devices that an engine does not show: it drops them, with a warning to whoever
/// created the container, where the kernel knows none. Making the container again would not bring them back.
fn leave_weights(should: &mut Facets, is: &Facets, unknown: &mut Vec<String>) {
    for (field, what) in [
        ("resources.block_io.weight", "its weight for block devices"),
        (
            "resources.block_io.weight_devices",
            "its weights by block device",
        ),
    ] {
        if should.get(field).is_some() && is.get(field).is_none() {
            should.retain(|name, _| name != field);
            unknown.push(format!("{what}, which the engine does not show"));
        }
    }
}

/// Networks by name alone where nothing more is asked for: addresses and generated names come from the engine.
fn attach_all(
    should: &mut Facets,
    wanted: &ContainerSpec,
    is: &mut Facets,
    container: &ObservedContainer,
) {
    // The namespace of another container is no network, and there is no endpoint that would show it.
    let by_endpoint = |field: &str, value: &str| {
        field.starts_with("networks.") || (field == "network.mode" && !is_of_container(value))
    };
    is.retain(|field, value| !by_endpoint(field, value));
    should.retain(|field, value| !by_endpoint(field, value));
    for network in container.endpoints.keys() {
        is.attach(network);
    }
    for endpoint in &wanted.network.endpoints {
        should.attach(&endpoint.network);
    }
    if wanted.network.endpoints.is_empty() {
        match wanted.network.mode.as_deref() {
            // Its start gives it the names of the other one, and an engine refuses names of its own.
            Some(mode) if is_of_container(mode) => is.retain(|field, _| field != "domainname"),
            mode if is_bridge(mode) => should.attach("bridge"),
            mode => should.attach(mode.unwrap_or_default()),
        }
    }
    link_all(should, wanted, is, container);
    // The engine adds the id and the host name to the names that were asked for.
    for endpoint in &wanted.network.endpoints {
        let Some(observed) = container.endpoints.get(&endpoint.network) else {
            continue;
        };
        for alias in &endpoint.aliases {
            let field = format!("networks.{}.aliases.{alias}", endpoint.network);
            should.note(&field);
            if observed.aliases.contains(alias) {
                is.note(&field);
            }
        }
    }
}

/// Legacy links by endpoint on networks of users: there engines keep none for the container as a whole. Those of a
/// container that names its network as a mode get lost, and making it again would not bring them back.
fn link_all(
    should: &mut Facets,
    wanted: &ContainerSpec,
    is: &mut Facets,
    container: &ObservedContainer,
) {
    let network = &wanted.network;
    let first = network.endpoints.first();
    let first = first.map(|endpoint| endpoint.network.as_str());
    if is_bridge(first.or(network.mode.as_deref())) {
        return;
    }
    for facets in [&mut *should, &mut *is] {
        facets.retain(|field, _| field != "network.links");
    }
    let observed = &container.spec.network.endpoints;
    for endpoint in &network.endpoints {
        let same = |other: &&EndpointSpec| other.network == endpoint.network;
        if let Some(observed) = observed.iter().find(same) {
            should.link(&endpoint.network, &endpoint.links);
            is.link(&endpoint.network, &observed.links);
        }
    }
}

/// Whether a mode is the engine's own bridge, by its name or as what engines take where nothing is said.
fn is_bridge(mode: Option<&str>) -> bool {
    matches!(mode, None | Some("" | "default" | "bridge"))
}

/// Whether a mode of a namespace is that of another container, or of a service whose container is not there.
fn is_of_container(mode: &str) -> bool {
    mode.starts_with("container:") || mode.starts_with("service:")
}
