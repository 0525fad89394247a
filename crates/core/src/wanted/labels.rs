//! Labels, as Compose writes them.

use std::collections::BTreeMap;

use bowline_model::{Labels, Pairs, Project, TextMap, label};

use super::report::Subject;

/// The version of Compose whose conventions are followed.
const COMPOSE_VERSION: &str = "2.40.3";

/// Labels of a service's containers; the number, the image's id and the operation come with each container.
///
/// What the user says stands behind what Compose says.
pub(super) fn of_service(subject: &Subject<'_>) -> Labels {
    let Subject {
        project,
        given,
        name,
        service,
    } = *subject;
    let hash = given.hashes.services.get(name);
    // Compose writes these in a random order, and without the services that are left out.
    let depends_on: Vec<String> = service
        .depends_on
        .iter()
        .filter(|(other, _)| project.services.contains_key(*other))
        .map(|(other, on)| format!("{other}:{}:{}", on.condition, on.restart))
        .collect();
    let mut labels = values(&service.labels);
    let mut set = |key: &str, value: String| labels.insert(key.to_owned(), value);
    set(label::PROJECT, project.name.clone());
    set(label::SERVICE, name.to_owned());
    set(label::VERSION, COMPOSE_VERSION.to_owned());
    set(label::WORKING_DIR, project.working_dir.clone());
    set(label::CONFIG_FILES, project.compose_files.join(","));
    set(label::ONE_OFF, "False".to_owned());
    if !given.env_files.is_empty() {
        set(label::ENVIRONMENT_FILE, given.env_files.join(","));
    }
    set(label::CONFIG_HASH, hash.cloned().unwrap_or_default());
    set(label::DEPENDS_ON, depends_on.join(","));
    labels
}

/// Labels that an image which is built for a service gets over those of its build section.
pub(super) fn of_image(subject: &Subject<'_>) -> [(String, String); 4] {
    [
        (label::PROJECT, subject.project.name.as_str()),
        (label::SERVICE, subject.name),
        (label::VERSION, COMPOSE_VERSION),
        (label::IMAGE_BUILDER, "classic"),
    ]
    .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

/// Labels of a network or volume; `kind` is the label for its key.
pub(super) fn of_object(
    project: &Project,
    declared: &Pairs,
    kind: &str,
    key: &str,
    hashes: &BTreeMap<String, String>,
) -> Labels {
    let mut labels = values(declared);
    labels.insert(kind.to_owned(), key.to_owned());
    labels.insert(label::PROJECT.to_owned(), project.name.clone());
    labels.insert(label::VERSION.to_owned(), COMPOSE_VERSION.to_owned());
    if let Some(hash) = hashes.get(key) {
        labels.insert(label::CONFIG_HASH.to_owned(), hash.clone());
    }
    labels
}

/// Pairs as text; a key without a value has an empty one.
pub(super) fn values(pairs: &Pairs) -> TextMap {
    pairs
        .0
        .iter()
        .map(|(key, value)| (key.clone(), value.clone().unwrap_or_default()))
        .collect()
}
