//! Projects as text: what `docker compose config` prints, and the hashes that Compose writes into labels.

mod yaml;

use std::fmt::Write as _;

use bowline_model::{HashPart, HashText, Network, Project, Service, Volume};
use serde::Serialize;
use serde_json::{Map as Object, Value as Json};
use sha2::{Digest, Sha256};

use crate::project::Model;

/// The key under which a record keeps its extensions.
const EXTENSIONS: &str = "#extensions";

/// Stands around the name of a service whose container's id is not known yet.
const EDGE: char = '\u{ffff}';

/// Where a rendering is read, which decides about a few fields.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Yaml,
}

/// Renders a project as the JSON that `docker compose config --format json` prints.
///
/// Extensions are printed at the top level only and models not at all, as Compose 2.40 has it. A literal `$`
/// is doubled, so that the text can be loaded again.
pub fn render_json(project: &Project) -> String {
    let mut json = project_value(project);
    if let Some(object) = json.as_object_mut() {
        object.shift_remove("models");
    }
    arrange(&mut json, Form::Json, true);
    pretty(&json).replace('$', "$$")
}

/// Renders a project as the YAML that `docker compose config` prints, extensions included.
pub fn render_yaml(project: &Project) -> String {
    let mut json = project_value(project);
    arrange(&mut json, Form::Yaml, true);
    yaml::render(&json).replace('$', "$$")
}

/// Renders a merged tree as JSON, its variables left in place.
pub fn render_model_json(model: &Model) -> String {
    pretty(&sorted(model.to_json()))
}

/// Renders a merged tree as YAML, its variables left in place.
pub fn render_model_yaml(model: &Model) -> String {
    yaml::render(&sorted(model.to_json()))
}

/// The hash of a service that Compose 2.40 prints with `config --hash`.
///
/// Containers carry another one: see [`container_hash`].
pub fn service_hash(project: &Project, service: &Service) -> String {
    let mut service = on_its_platform(project, service);
    service.label_file.clear();
    digest(&hash_text(service))
}

/// The hash that Compose 2.40 labels a service's containers with, and by which its `up` recognises that the service
/// has changed.
///
/// Other than in [`service_hash`] the paths of label files count, and containers outside the project whose volumes
/// are taken over count by their name alone. Where [`container_hash_text`] gives a text, this hash is not the one
/// that Compose writes. Seen with 2.40.3; no document says so.
pub fn container_hash(project: &Project, service: &Service) -> String {
    let service = on_its_platform(project, service);
    digest(&hash_text(with_ids(service, &|name| name.to_owned())))
}

/// What is hashed for the containers of a service that takes something from containers of others: Compose hashes
/// the ids of those. `None` for a service that takes nothing.
pub fn container_hash_text(project: &Project, service: &Service) -> Option<HashText> {
    let service = on_its_platform(project, service);
    // What no document of YAML can hold stands around each name until the text is cut there.
    let text = hash_text(with_ids(service, &|name| format!("{EDGE}{name}{EDGE}")));
    let mut parts = Vec::new();
    for (index, part) in text.split(EDGE).enumerate() {
        parts.push(if index % 2 == 0 {
            HashPart::Text(part.to_owned())
        } else {
            HashPart::IdOf(part.to_owned())
        });
    }
    (parts.len() > 1).then_some(HashText(parts))
}

/// The service with the platform of `DOCKER_DEFAULT_PLATFORM`, which Compose gives to those that are built and name none.
fn on_its_platform(project: &Project, service: &Service) -> Service {
    let mut service = service.clone();
    if service.build.is_some()
        && service.platform.is_empty()
        && let Some(platform) = project.default_platform()
    {
        platform.clone_into(&mut service.platform);
    }
    service
}

/// Puts the ids of the containers of other services in place of those services' names, as Compose does before it
/// hashes. It drops how volumes that are taken over may be used.
fn with_ids(mut service: Service, id_of: &dyn Fn(&str) -> String) -> Service {
    for mode in [
        &mut service.network_mode,
        &mut service.ipc,
        &mut service.pid,
    ] {
        if let Some(other) = mode.strip_prefix("service:") {
            *mode = format!("container:{}", id_of(other));
        }
    }
    for from in &mut service.volumes_from {
        let mut words = from.split(':');
        *from = match (words.next(), words.next()) {
            (Some("container"), Some(outside)) => outside.to_owned(),
            (Some(other), _) => id_of(other),
            (None, _) => String::new(),
        };
    }
    service
}

fn hash_text(mut service: Service) -> String {
    service.build = None;
    service.pull_policy = String::new();
    service.scale = None;
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
    }
    service.depends_on.clear();
    service.profiles.clear();
    go_json(&service)
}

/// The hash by which Compose 2.40 recognises that a network has changed.
pub fn network_hash(network: &Network) -> String {
    digest(&go_json(network))
}

/// The hash by which Compose 2.40 recognises that a volume has changed.
pub fn volume_hash(volume: &Volume) -> String {
    let mut volume = volume.clone();
    if volume.driver.is_empty() {
        "local".clone_into(&mut volume.driver);
    }
    digest(&go_json(&volume))
}

/// The JSON as Go writes it.
fn go_json(value: &impl Serialize) -> String {
    let mut json = value_of(value);
    arrange(&mut json, Form::Json, false);
    let mut text = json.to_string();
    for (sign, escape) in [
        ('<', "\\u003c"),
        ('>', "\\u003e"),
        ('&', "\\u0026"),
        ('\u{2028}', "\\u2028"),
        ('\u{2029}', "\\u2029"),
    ] {
        text = text.replace(sign, escape);
    }
    text
}

fn digest(text: &str) -> String {
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash
}

/// A project as it is printed: without the label files, whose labels stand with the others.
fn project_value(project: &Project) -> Json {
    let mut json = value_of(project);
    let services = json.get_mut("services").and_then(Json::as_object_mut);
    for service in services.into_iter().flat_map(Object::values_mut) {
        if let Some(service) = service.as_object_mut() {
            service.shift_remove("label_file");
        }
    }
    json
}

fn value_of(value: &impl Serialize) -> Json {
    serde_json::to_value(value).unwrap_or_default()
}

/// JSON that is YAML as well: what YAML does not let stand in a text is escaped.
fn pretty(json: &Json) -> String {
    let text = format!("{json:#}\n");
    if !text.contains(is_barred) {
        return text;
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_barred(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

fn is_barred(c: char) -> bool {
    matches!(
        c,
        '\u{7f}'..='\u{9f}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}'
    )
}

/// Puts extensions where the form wants them, and leaves out of YAML what stands in JSON for the sake of
/// readers that expect it.
fn arrange(json: &mut Json, form: Form, is_root: bool) {
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| arrange(item, form, false)),
        Json::Object(object) => {
            let extensions = object.shift_remove(EXTENSIONS);
            if form == Form::Yaml {
                tidy_for_yaml(object);
            }
            object
                .values_mut()
                .for_each(|value| arrange(value, form, false));
            if let Some(Json::Object(extensions)) = extensions
                && (form == Form::Yaml || is_root)
            {
                object.extend(
                    extensions
                        .into_iter()
                        .map(|(key, value)| (key, sorted(value))),
                );
            }
        }
        _ => {}
    }
}

fn tidy_for_yaml(object: &mut Object<String, Json>) {
    for key in ["command", "entrypoint"] {
        if object.get(key).is_some_and(Json::is_null) {
            object.shift_remove(key);
        }
    }
    for key in ["ipam", "resources", "placement", "exec"] {
        if object
            .get(key)
            .is_some_and(|value| value.as_object().is_some_and(Object::is_empty))
        {
            object.shift_remove(key);
        }
    }
    if let Some(Json::Object(limits)) = object.get_mut("ulimits") {
        for limit in limits.values_mut().filter_map(Json::as_object_mut) {
            let mut both = |key: &str| (key.to_owned(), limit.remove(key).unwrap_or(Json::from(0)));
            *limit = [both("soft"), both("hard")].into_iter().collect();
        }
    }
    for key in ["Path", "Weight", "Rate"] {
        if let Some(value) = object.shift_remove(key) {
            object.insert(key.to_lowercase(), value);
        }
    }
}

fn sorted(json: Json) -> Json {
    match json {
        Json::Object(object) => {
            let mut entries: Vec<_> = object.into_iter().collect();
            entries.sort_by(|one, other| one.0.cmp(&other.0));
            entries
                .into_iter()
                .map(|(key, value)| (key, sorted(value)))
                .collect()
        }
        Json::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use bowline_model::Secret;

    use super::*;

    fn service(json: Json) -> Service {
        serde_json::from_value(json).expect("it is a service")
    }

    #[test]
    fn containers_get_the_hashes_that_compose_labels_them_with() {
        let mut project = Project::default();
        let zero = service(serde_json::json!({
            "image": "bowline-test/busy:1", "networks": {"default": null}, "ulimits": {"core": 0},
        }));
        let hash = "fe547515134791b3709ec23c979a9dca59d0095bb98015fd3cb8c94e97d6c2a5";
        assert_eq!(container_hash(&project, &zero), hash);
        assert_eq!(service_hash(&project, &zero), hash);

        let labelled = service(serde_json::json!({
            "image": "bowline-test/busy:1", "networks": {"default": null}, "annotations": {"note": "x"},
            "labels": {"a.b": "1", "c": "", "com.docker.compose.service": "mine", "from.file": "yes"},
            "label_file": ["/srv/bodies/more.labels"],
        }));
        assert_eq!(
            container_hash(&project, &labelled),
            "265bda84b2a5724c2f366b4741ff135a5c73ef4156e4176b450e1c792332d6d6"
        );
        assert_ne!(
            service_hash(&project, &labelled),
            container_hash(&project, &labelled)
        );

        let with_file = service(serde_json::json!({
            "command": null, "entrypoint": null, "image": "x", "networks": {"default": null},
            "env_file": [{"path": "/srv/shop/e.env", "required": true}],
        }));
        assert_eq!(
            service_hash(&project, &with_file),
            "7dc0a942c2af6adb946a3af49800fd14995b3224175a3d23f6eee5221c9b8fda"
        );

        let built = service(serde_json::json!({
            "image": "x", "networks": {"default": null}, "build": {"context": "/srv/shop"},
        }));
        let anywhere = service_hash(&project, &built);
        project.environment.insert(
            "DOCKER_DEFAULT_PLATFORM".to_owned(),
            Secret::new("linux/arm64".to_owned()),
        );
        assert_eq!(
            anywhere,
            "d5457d0b2799957b606d2ac4ed52d85a1e75799490e56229948300b9a59e8953"
        );
        assert_eq!(
            service_hash(&project, &built),
            "b8209fed222c930421b64352c46fda422daf4a8efcaac973a1063cee2a7751df"
        );
        assert_eq!(
            container_hash(&project, &built),
            service_hash(&project, &built)
        );
        assert_eq!(service_hash(&project, &zero), hash, "only what is built");
    }

    #[test]
    fn a_text_leaves_room_for_the_ids_of_other_containers() {
        let plain = service(serde_json::json!({"image": "x", "ipc": "host"}));
        assert_eq!(container_hash_text(&Project::default(), &plain), None);
        let side = service(serde_json::json!({
            "image": "x", "network_mode": "service:db", "volumes_from": ["api:ro", "container:far:ro"],
        }));
        let HashText(parts) =
            container_hash_text(&Project::default(), &side).expect("it takes from others");
        let shown: Vec<&str> = parts
            .iter()
            .map(|part| match part {
                HashPart::Text(text) => text.as_str(),
                HashPart::IdOf(service) => service.as_str(),
            })
            .collect();
        let start = r#"{"command":null,"entrypoint":null,"image":"x","network_mode":"container:"#;
        let rest = [start, "db", r#"","volumes_from":[""#, "api", r#"","far"]}"#];
        assert_eq!(shown, rest);
    }

    #[test]
    fn a_limit_of_zero_is_printed_as_compose_prints_it() {
        let mut project = Project::default();
        let web = service(serde_json::json!({"ulimits": {"core": 0, "nofile": {"hard": 3}}}));
        project.services.insert("web".into(), web);
        let json = render_json(&project);
        assert!(json.contains(r#""core": {}"#), "{json}");
        let yaml = render_yaml(&project);
        let limits = "core:\n        soft: 0\n        hard: 0\n      nofile:\n        soft: 0\n        hard: 3\n";
        assert!(yaml.contains(limits), "{yaml}");
    }
}
