//! The labels by which objects are recognised. Names are an interface: they never change.
//!
//! Those of Compose decide what belongs to which stack; bowline's own only tell which operation made
//! something, so that a crash between asking and noting can be sorted out.

/// Project: on everything.
pub const PROJECT: &str = "com.docker.compose.project";
/// Service of a container.
pub const SERVICE: &str = "com.docker.compose.service";
/// `True` for a container made by `run`, else `False`.
pub const ONE_OFF: &str = "com.docker.compose.oneoff";
/// Compose's hash of what an object was made from.
pub const CONFIG_HASH: &str = "com.docker.compose.config-hash";
/// Number of a container within its service, from 1.
pub const NUMBER: &str = "com.docker.compose.container-number";
/// What a container's service depends on: `service:condition:restart`, joined by commas.
pub const DEPENDS_ON: &str = "com.docker.compose.depends_on";
/// Id of the image a container was made of.
pub const IMAGE: &str = "com.docker.compose.image";
/// Version of Compose whose conventions an object follows.
pub const VERSION: &str = "com.docker.compose.version";
/// Folder of the project.
pub const WORKING_DIR: &str = "com.docker.compose.project.working_dir";
/// Compose files, joined by commas.
pub const CONFIG_FILES: &str = "com.docker.compose.project.config_files";
/// Files given with `--env-file`, joined by commas.
pub const ENVIRONMENT_FILE: &str = "com.docker.compose.project.environment_file";
/// Name of the container that another one took over from.
pub const REPLACE: &str = "com.docker.compose.replace";
/// Key of a network in its project.
pub const NETWORK: &str = "com.docker.compose.network";
/// Key of a volume in its project.
pub const VOLUME: &str = "com.docker.compose.volume";
/// Which builder made an image: `classic` or `buildkit`.
pub const IMAGE_BUILDER: &str = "com.docker.compose.image.builder";
/// Digests of the images that a container mounts.
pub const IMAGE_VOLUME_DIGEST: &str = "com.docker.compose.image-volume-digest";

/// The beginning of every label of bowline's own.
pub const OWN: &str = "dev.bowline.";
/// The operation that made an object.
pub const OPERATION: &str = "dev.bowline.operation";
/// Marks the container of a `debug`: who runs it, as `user@host`.
pub const DEBUG: &str = "dev.bowline.debug";
/// Marks instruments: probes and their images, swept at the next start.
pub const INSTRUMENT: &str = "dev.bowline.instrument";

/// Labels that say who made an object and from where, not what it is: a difference in them changes nothing.
pub const PROVENANCE: &[&str] = &[
    CONFIG_HASH,
    VERSION,
    WORKING_DIR,
    CONFIG_FILES,
    ENVIRONMENT_FILE,
    REPLACE,
    IMAGE,
    DEPENDS_ON,
    IMAGE_VOLUME_DIGEST,
];

/// Tells whether a label says what an object is, rather than who made it and from where.
pub fn describes(key: &str) -> bool {
    !key.starts_with(OWN) && !PROVENANCE.contains(&key)
}
