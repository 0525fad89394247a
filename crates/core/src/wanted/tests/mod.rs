//! Tests of what Compose's recorded bodies cannot show: refusals, notes, and what is decided here.

#![expect(
    clippy::needless_pass_by_value,
    reason = "`json!` written at the place of use reads best without a reference"
)]

mod containers;
mod contents;
mod fields;
mod notes;
mod refusals;

use bowline_model::{ApiVersion, Project, Secret, Wanted, WantedService};
use serde_json::{Value as Json, json};

use super::{FileContent, Given, WantedError, wanted};

/// Docker 20.10 and Docker 28.
const OLD: ApiVersion = ApiVersion::v1(41);
const NEW: ApiVersion = ApiVersion::v1(51);

/// A project from what a loader would make of it.
fn project(parts: Json) -> Project {
    fn part<T: serde::de::DeserializeOwned + Default>(parts: &Json, field: &str) -> T {
        let part = parts.get(field).cloned();
        part.map_or_else(T::default, |part| serde_json::from_value(part).unwrap())
    }
    Project {
        name: "shop".into(),
        working_dir: "/srv/shop".into(),
        compose_files: vec!["/srv/shop/compose.yaml".into()],
        services: part(&parts, "services"),
        disabled_services: part(&parts, "disabled"),
        networks: part(&parts, "networks"),
        volumes: part(&parts, "volumes"),
        secrets: part(&parts, "secrets"),
        configs: part(&parts, "configs"),
        extensions: part(&parts, "extensions"),
        ..Project::default()
    }
}

/// A project with one service, `web`, of these fields.
fn web(fields: Json) -> Project {
    let mut service = json!({"image": "web", "networks": {"default": null}});
    if fields.get("network_mode").is_some() {
        service["networks"] = json!({});
    }
    for (field, value) in fields.as_object().unwrap() {
        service[field] = value.clone();
    }
    project(json!({
        "services": {"web": service, "db": {"image": "db", "networks": {"default": null}}},
        "networks": {"default": {"name": "shop_default"}, "back": {"name": "shop_back"}},
        "volumes": {"data": {"name": "shop_data"}},
        "secrets": {"token": {"name": "shop_token", "file": "/srv/shop/token"}},
        "configs": {"conf": {"name": "shop_conf", "content": "c"}},
    }))
}

fn digest(bytes: &[u8]) -> String {
    format!("<{}>", String::from_utf8_lossy(bytes))
}

/// Everything is given, and every file is there.
fn given(api: ApiVersion) -> Given<'static> {
    let mut given = Given::new(api, &digest);
    for path in ["/srv/shop/token", "/srv/shop/profile.json"] {
        let content = FileContent::Bytes(b"{ \"a\": 1 }".to_vec());
        given.files.insert(path.into(), content);
    }
    given
}

fn want(project: &Project, api: ApiVersion) -> Result<Wanted, Vec<WantedError>> {
    wanted(project, &given(api))
}

/// The service `web`, and what was said about it.
fn made(fields: Json, api: ApiVersion) -> (WantedService, Vec<String>) {
    let mut made = want(&web(fields), api).unwrap();
    let said = ignored(&made);
    (made.services.remove("web").unwrap(), said)
}

fn ignored(wanted: &Wanted) -> Vec<String> {
    wanted
        .ignored
        .iter()
        .map(|ignored| format!("{}: {}", ignored.path, ignored.why))
        .collect()
}

/// Why a project with this `web` is refused.
fn refusals(fields: Json, api: ApiVersion) -> Vec<String> {
    refused(&web(fields), &given(api))
}

fn refused(project: &Project, given: &Given<'_>) -> Vec<String> {
    let errors = wanted(project, given).err().unwrap_or_default();
    errors.iter().map(ToString::to_string).collect()
}

/// Gives a secret or config from a variable its value.
fn secret(value: &str) -> Secret {
    Secret::new(value)
}
