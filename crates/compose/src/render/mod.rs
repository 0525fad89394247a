//! Projects as text: what `docker compose config` prints, and the hashes that Compose writes into labels.

mod yaml;

use std::fmt::Write as _;

use bowline_model::{Network, Project, Service, Volume};
use serde::Serialize;
use serde_json::{Map as Object, Value as Json};
use sha2::{Digest, Sha256};

use crate::project::Model;

/// The key under which a record keeps its extensions.
const EXTENSIONS: &str = "#extensions";

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
    let mut json = value_of(project);
    if let Some(object) = json.as_object_mut() {
        object.shift_remove("models");
    }
    arrange(&mut json, Form::Json, true);
    pretty(&json).replace('$', "$$")
}

/// Renders a project as the YAML that `docker compose config` prints, extensions included.
pub fn render_yaml(project: &Project) -> String {
    let mut json = value_of(project);
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

/// The hash by which Compose 2.40 recognises that a service has changed.
pub fn service_hash(service: &Service) -> String {
    let mut service = service.clone();
    service.build = None;
    service.pull_policy = String::new();
    service.scale = None;
    if let Some(deploy) = &mut service.deploy {
        deploy.replicas = None;
    }
    service.depends_on.clear();
    service.profiles.clear();
    hash(&service)
}

/// The hash by which Compose 2.40 recognises that a network has changed.
pub fn network_hash(network: &Network) -> String {
    hash(network)
}

/// The hash by which Compose 2.40 recognises that a volume has changed.
pub fn volume_hash(volume: &Volume) -> String {
    let mut volume = volume.clone();
    if volume.driver.is_empty() {
        "local".clone_into(&mut volume.driver);
    }
    hash(&volume)
}

/// SHA-256 over the JSON as Go writes it.
fn hash(value: &impl Serialize) -> String {
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
    let mut hash = String::with_capacity(64);
    for byte in Sha256::digest(text.as_bytes()) {
        let _ = write!(hash, "{byte:02x}");
    }
    hash
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
