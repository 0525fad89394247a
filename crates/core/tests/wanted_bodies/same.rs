//! Bringing what Compose sends and what is sent here into one form, and telling the difference.
//!
//! What may differ, each with the reason why it changes nothing for an engine. This list is what "the same"
//! means; nothing else is smoothed over:
//!
//! 1. Order. Compose writes `Env`, `Ulimits`, `ExtraHosts`, mounts and the dependencies in their label in a random
//!    order. In `VolumesFrom` services stand behind other containers here.
//! 2. Fields that say nothing (null, `""`, 0, false, `{}`, `[]`) are not sent here. `Cmd: []` and
//!    `Entrypoint: []` do say something and are compared.
//! 3. No restart policy is the name `no` here and an empty one there.
//! 4. `IPAddress` and `IPv6Gateway` of an endpoint: Compose repeats the wanted addresses there. They are what
//!    engines report, not what they read.
//! 5. `Binds`, `Mounts` and `Volumes` are three doors to one thing. Compared is what is mounted where, and how;
//!    which door makes a missing folder of the host is a property of the mount, not of the door.
//! 6. `HostPort` `0` and an empty one both mean any port.
//! 7. The hash of a service that names another one's container: Compose hashes the id of that container.
//!    The id is only known when the container is made; a hash decides nothing.
//! 8. The path of a copied file: Compose writes one that is not absolute into an archive for `/`.
//! 9. What the engine does not know yet and drops (`Annotations`, `EnableIPv4`) is left out here, and named.
//! 10. `CheckDuplicate`, which newer engines do not read any more and Compose sends to older ones only.

use std::collections::BTreeMap;

use bowline_model::{ApiVersion, Capability};
use serde_json::{Map, Value as Json, json};

/// Objects by kind and name.
pub(crate) type Objects = BTreeMap<String, Json>;

/// Every object of a body, in the common form.
pub(crate) fn objects(api: ApiVersion, body: &Json) -> Objects {
    let mut objects = Objects::new();
    for kind in ["containers", "networks", "volumes"] {
        for (name, object) in body[kind].as_object().into_iter().flatten() {
            let mut object = match kind {
                "containers" => container(object),
                _ => object.clone(),
            };
            if !api.has(Capability::Annotations) {
                object["body"]["HostConfig"]["Annotations"] = Json::Null;
            }
            if !api.has(Capability::WithoutIpv4) {
                object["EnableIPv4"] = Json::Null;
            }
            object["CheckDuplicate"] = Json::Null;
            objects.insert(format!("{kind} {name}"), said(object));
        }
    }
    for connection in body["connect"].as_array().into_iter().flatten() {
        let name = format!(
            "connect {} {}",
            connection["container"], connection["network"]
        );
        let mut endpoint = connection["endpoint"].clone();
        smooth_endpoint(&mut endpoint);
        objects.insert(name, said(endpoint));
    }
    for file in body["files"].as_array().into_iter().flatten() {
        let mut file = file.clone();
        let path = file["path"].as_str().unwrap_or_default();
        let path = format!("/{}", path.trim_start_matches('/'));
        file["path"] = path.clone().into();
        if let Some(file) = file.as_object_mut() {
            file.remove("query");
        }
        objects.insert(format!("file {} {path}", file["container"]), said(file));
    }
    objects
}

fn container(recorded: &Json) -> Json {
    let mut body = recorded["body"].clone();
    let mounts = mounts(&mut body);
    let host = &mut body["HostConfig"];
    if host["RestartPolicy"]["Name"] == "no" {
        host["RestartPolicy"] = Json::Null;
    }
    for bindings in host["PortBindings"].as_object_mut().into_iter().flatten() {
        for binding in bindings.1.as_array_mut().into_iter().flatten() {
            if binding["HostPort"] == "0" {
                binding["HostPort"] = "".into();
            }
        }
    }
    sort(&mut host["ExtraHosts"]);
    sort(&mut host["VolumesFrom"]);
    if let Some(limits) = host["Ulimits"].as_array_mut() {
        limits.sort_by_key(|limit| limit["Name"].to_string());
    }
    sort(&mut body["Env"]);
    let endpoints = &mut body["NetworkingConfig"]["EndpointsConfig"];
    for (_, endpoint) in endpoints.as_object_mut().into_iter().flatten() {
        smooth_endpoint(endpoint);
    }
    let depends_on = &mut body["Labels"]["com.docker.compose.depends_on"];
    let mut words: Vec<&str> = depends_on.as_str().unwrap_or_default().split(',').collect();
    words.sort_unstable();
    *depends_on = words.join(",").into();
    if names_a_container(&body) {
        body["Labels"]["com.docker.compose.config-hash"] = Json::Null;
    }
    // As text, because here an empty list is not the same as none.
    let [command, entrypoint] =
        [body["Cmd"].take(), body["Entrypoint"].take()].map(|words| words.to_string());
    json!({
        "body": body, "mounts": mounts, "cmd": command, "entrypoint": entrypoint,
        "query": recorded["query"],
    })
}

fn names_a_container(body: &Json) -> bool {
    let host = &body["HostConfig"];
    let modes = [&host["NetworkMode"], &host["IpcMode"], &host["PidMode"]];
    let by_id = |text: &Json| {
        text.as_str()
            .is_some_and(|text| text.trim_start_matches("container:").starts_with("id-of-"))
    };
    modes.into_iter().any(by_id)
        || host["VolumesFrom"]
            .as_array()
            .is_some_and(|from| from.iter().any(by_id))
}

fn smooth_endpoint(endpoint: &mut Json) {
    if let Some(endpoint) = endpoint.as_object_mut() {
        endpoint.remove("IPAddress");
        endpoint.remove("IPv6Gateway");
    }
}

/// Takes the mounts out of all three places, by target.
fn mounts(body: &mut Json) -> Json {
    let mut mounts = Map::new();
    for (target, _) in body["Volumes"].take().as_object().into_iter().flatten() {
        mounts.insert(target.clone(), json!({"Type": "volume"}));
    }
    for bind in body["HostConfig"]["Binds"]
        .take()
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut parts = bind.as_str().unwrap_or_default().splitn(3, ':');
        let mut next = || parts.next().unwrap_or_default();
        let (source, target, options) = (next(), next(), next());
        let mut mount = json!({"Source": source, "Makes": source.starts_with('/')});
        mount["Type"] = if source.starts_with('/') {
            "bind"
        } else {
            "volume"
        }
        .into();
        for option in options.split(',') {
            match option {
                "rw" => {}
                "ro" => mount["ReadOnly"] = true.into(),
                "z" | "Z" => mount["Selinux"] = option.into(),
                "nocopy" => mount["VolumeOptions"]["NoCopy"] = true.into(),
                word => mount["BindOptions"]["Propagation"] = word.into(),
            }
        }
        mounts.insert(target.to_owned(), said(mount));
    }
    for mount in body["HostConfig"]["Mounts"]
        .take()
        .as_array()
        .into_iter()
        .flatten()
    {
        let mut mount = mount.clone();
        let target = mount["Target"].take();
        mount["Makes"] = mount["BindOptions"]["CreateMountpoint"].take();
        mounts.insert(target.as_str().unwrap_or_default().to_owned(), said(mount));
    }
    mounts.into()
}

fn sort(list: &mut Json) {
    if let Some(items) = list.as_array_mut() {
        items.sort_by_key(Json::to_string);
    }
}

/// A value without the fields that say nothing.
fn said(value: Json) -> Json {
    match value {
        Json::Object(fields) => fields
            .into_iter()
            .map(|(key, value)| (key, said(value)))
            .filter(|(key, value)| !says_nothing(key, value))
            .collect::<Map<_, _>>()
            .into(),
        Json::Array(items) => items.into_iter().map(said).collect(),
        other => other,
    }
}

/// Fields in which `0` and `false` are not the same as nothing.
const MEANT: &[&str] = &[
    "StopTimeout",
    "PidsLimit",
    "MemorySwappiness",
    "Init",
    "OomKillDisable",
    "EnableIPv4",
    "EnableIPv6",
];

fn says_nothing(key: &str, value: &Json) -> bool {
    match value {
        Json::Null => true,
        Json::Bool(false) => !MEANT.contains(&key),
        Json::String(text) => text.is_empty(),
        Json::Number(number) => number.as_i64() == Some(0) && !MEANT.contains(&key),
        Json::Array(items) => items.is_empty(),
        Json::Object(fields) => fields.is_empty(),
        Json::Bool(true) => false,
    }
}

/// Writes down every field that differs.
pub(crate) fn compare(case: &str, theirs: &Objects, ours: &Objects, problems: &mut Vec<String>) {
    for name in theirs.keys().chain(ours.keys()) {
        let nothing = Json::Null;
        let (one, other) = (
            theirs.get(name).unwrap_or(&nothing),
            ours.get(name).unwrap_or(&nothing),
        );
        let first = theirs.contains_key(name);
        if one != other && (first || !theirs.contains_key(name)) {
            differ(&format!("{case}: {name}"), one, other, problems);
        }
    }
    problems.dedup();
}

fn differ(at: &str, theirs: &Json, ours: &Json, problems: &mut Vec<String>) {
    if let (Json::Object(one), Json::Object(other)) = (theirs, ours) {
        let keys: std::collections::BTreeSet<&String> = one.keys().chain(other.keys()).collect();
        for key in keys {
            let nothing = Json::Null;
            let one = one.get(key).unwrap_or(&nothing);
            let other = other.get(key).unwrap_or(&nothing);
            if one != other {
                differ(&format!("{at}.{key}"), one, other, problems);
            }
        }
    } else {
        problems.push(format!("{at}: Compose sends {theirs}, bowline {ours}"));
    }
}
