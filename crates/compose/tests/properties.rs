//! What holds for every project, shown with projects that nobody thought of.

use std::time::{Duration, Instant};

use bowline_compose::{Files, LoadError, Request, load};
use bowline_model::{Origins, Project};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use serde_json::{Map, Value as Json, json};

#[path = "../../../fuzz/src/lib.rs"]
#[allow(
    dead_code,
    unreachable_pub,
    reason = "the fuzzer needs more of it than these tests do"
)]
mod invariants;

/// Text as people and machines write it; a dollar sign is doubled, so that it means itself.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9][a-z0-9 ./:=,_-]{0,12}",
        "[\\x20-\\x7e]{0,12}",
        any::<String>().prop_map(|text| text.chars().take(12).collect()),
        select(vec![
            "yes",
            "on",
            "~",
            "null",
            "0x1f",
            "010",
            "1_000",
            "1e3",
            ".5",
            "22:22",
            "- a",
            "a: b",
            " #x",
            "#",
            "|",
            ">-",
            "'",
            "\"",
            "\\",
            "\t",
            "a\nb",
            "a\n",
            "\n\n",
            " a",
            "a ",
            "*a",
            "&a",
            "!t",
            "%d",
            "@x",
            "`x`",
            "{",
            "[",
            "<<",
            "---",
            "...",
            "2001-12-31",
            "\u{feff}",
            "\u{85}",
        ])
        .prop_map(str::to_owned),
    ]
    .prop_map(|text| text.replace('\0', "").replace('$', "$$"))
}

fn key() -> impl Strategy<Value = String> {
    "[A-Za-z_][A-Za-z0-9_.-]{0,10}"
}

fn pairs() -> impl Strategy<Value = Json> {
    let map = btree_map(key(), text(), 0..4);
    (map, any::<bool>()).prop_map(|(map, as_list)| {
        if as_list {
            let items = map.iter().map(|(key, value)| format!("{key}={value}"));
            items.collect()
        } else {
            json!(map)
        }
    })
}

fn path() -> impl Strategy<Value = String> {
    "/[a-z]{2,5}(/[a-z]{1,5}){0,2}"
}

fn port() -> impl Strategy<Value = Json> {
    let number = 1..=65535_u32;
    let protocol = select(vec!["", "/tcp", "/udp"]);
    (number.clone(), number, protocol, 0..5).prop_map(|(host, inside, protocol, form)| match form {
        0 => json!(inside),
        1 => json!(format!("{inside}{protocol}")),
        2 => json!(format!("{host}:{inside}{protocol}")),
        3 => json!(format!("127.0.0.1:{host}:{inside}{protocol}")),
        _ => json!({"target": inside, "published": host.to_string(), "x-note": "long"}),
    })
}

fn mount() -> impl Strategy<Value = Json> {
    (path(), path(), 0..6).prop_map(|(from, to, form)| match form {
        0 => json!(to),
        1 => json!(format!("data:{to}")),
        2 => json!(format!("./here{from}:{to}:ro")),
        3 => json!(format!("{from}:{to}:z,rw")),
        4 => json!({"type": "tmpfs", "target": to, "tmpfs": {"size": "64m"}}),
        _ => json!({"type": "volume", "source": "data", "target": to, "volume": {"nocopy": true}}),
    })
}

fn command() -> impl Strategy<Value = Json> {
    prop_oneof![
        "[a-z]{1,6}( [a-z0-9=-]{1,6}){0,3}".prop_map(Json::from),
        vec(text(), 0..3).prop_map(|words| json!(words)),
        Just(Json::Null),
    ]
}

/// Fields of a service that stand alone.
fn field() -> impl Strategy<Value = (&'static str, Json)> {
    let duration = select(vec!["1s", "1m30s", "250ms", "2h"]);
    prop_oneof![
        command().prop_map(|command| ("command", command)),
        command().prop_map(|command| ("entrypoint", command)),
        pairs().prop_map(|pairs| ("environment", pairs)),
        pairs().prop_map(|pairs| ("labels", pairs)),
        text().prop_map(|text| ("hostname", json!(text))),
        text().prop_map(|text| ("x-note", json!({"deep": [text]}))),
        vec(port(), 0..4).prop_map(|ports| ("ports", json!(ports))),
        vec(mount(), 0..4).prop_map(|mounts| ("volumes", json!(mounts))),
        vec(command(), 1..2).prop_map(|mut test| ("healthcheck", health(&test.remove(0)))),
        duration.prop_map(|time| ("stop_grace_period", json!(time))),
        select(vec!["64m", "1gb", "1024", "1.5k"]).prop_map(|size| ("mem_limit", json!(size))),
        (0.0..8.0_f64).prop_map(|cpus| ("cpus", json!(cpus))),
        (0..3_i64).prop_map(|replicas| ("deploy", json!({"replicas": replicas}))),
        btree_set("[A-Z_]{2,6}", 0..3).prop_map(|caps| ("cap_add", json!(caps))),
        Just(("secrets", json!(["token"]))),
        Just((
            "configs",
            json!([{"source": "rules", "target": "/etc/rules", "mode": "0440"}])
        )),
        Just(("networks", json!(["front", "back"]))),
        Just((
            "networks",
            json!({"front": {"aliases": ["a", "b"]}, "back": null})
        )),
        Just(("init", json!("true"))),
        Just(("build", json!("."))),
        Just(("build", json!({"context": "./app", "args": {"A": "1"}}))),
    ]
}

fn health(test: &Json) -> Json {
    match test {
        Json::String(_) => json!({"test": test, "interval": "5s", "retries": 3}),
        _ => json!({"test": ["CMD", "true"], "start_period": "1m"}),
    }
}

/// A Compose file that has to load.
fn project() -> impl Strategy<Value = Json> {
    let service = (vec(field(), 0..8), vec(any::<Index>(), 0..3));
    (vec(service, 1..5), text()).prop_map(|(services, note)| {
        let names = ["a", "b-1", "c.d", "e_f"];
        let mut map = Map::new();
        for (number, (fields, depends_on)) in services.into_iter().enumerate() {
            let mut service = Map::new();
            service.insert("image".to_owned(), json!("example:1"));
            service.extend(
                fields
                    .into_iter()
                    .map(|(key, value)| (key.to_owned(), value)),
            );
            let mut targets: Vec<&str> = depends_on
                .iter()
                .filter(|_| number > 0)
                .map(|index| names[index.index(number)])
                .collect();
            targets.sort_unstable();
            targets.dedup();
            service.insert("depends_on".to_owned(), json!(targets));
            map.insert(names[number].to_owned(), Json::Object(service));
        }
        json!({
            "services": map,
            "networks": {"front": null, "back": {"driver": "bridge", "labels": ["a=b"]}},
            "volumes": {"data": {"driver_opts": {"size": 5}}},
            "secrets": {"token": {"file": "./token"}},
            "configs": {"rules": {"content": format!("c{note}")}},
            "x-note": note,
        })
    })
}

fn request(files: &[(&str, &[u8])]) -> Request {
    let named = files.iter().map(|(name, _)| (*name).to_owned());
    let given = files.iter();
    Request {
        files: named.collect(),
        read_from: Files::in_memory(
            given.map(|(name, text)| (format!("/p/{name}"), text.to_vec())),
        ),
        current_dir: "/p".to_owned(),
        ..Request::default()
    }
}

fn loaded(files: &[(&str, &[u8])]) -> Result<Project, TestCaseError> {
    let mut project = load(&request(files)).map_err(refused)?.project;
    project.origins = Origins::default();
    project.compose_files.clear();
    Ok(project)
}

#[expect(clippy::needless_pass_by_value, reason = "it maps an error")]
fn refused(error: LoadError) -> TestCaseError {
    TestCaseError::fail(error.render(false))
}

/// The same value with the keys of its mappings in another order.
fn shuffled(value: &Json, seed: u64) -> Json {
    match value {
        Json::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            let rank = |key: &str| {
                let bytes = key.bytes().map(u64::from);
                bytes.fold(seed, |rank, byte| {
                    rank.wrapping_mul(31).wrapping_add(byte) ^ (rank >> 7)
                })
            };
            entries.sort_by_key(|(key, _)| rank(key));
            let entries = entries.into_iter();
            entries
                .map(|(key, value)| (key.clone(), shuffled(value, seed)))
                .collect()
        }
        Json::Array(items) => items.iter().map(|item| shuffled(item, seed)).collect(),
        other => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_printed_loads_as_the_same_project(project in project()) {
        let text = project.to_string();
        loaded(&[("compose.yaml", text.as_bytes())])?;
        invariants::load(text.as_bytes());
    }

    #[test]
    fn a_file_that_says_nothing_changes_nothing(project in project()) {
        let text = project.to_string();
        let alone = loaded(&[("compose.yaml", text.as_bytes())])?;
        let followed = loaded(&[("compose.yaml", text.as_bytes()), ("empty.yaml", b"services: {}")])?;
        let preceded = loaded(&[("empty.yaml", b"services: {}"), ("compose.yaml", text.as_bytes())])?;
        prop_assert_eq!(&followed, &alone);
        prop_assert_eq!(&preceded, &alone);
    }

    #[test]
    fn a_file_put_onto_itself_changes_no_mapping(project in project()) {
        let mut over = json!({"services": {}});
        for (name, service) in project["services"].as_object().into_iter().flatten() {
            let fields = ["environment", "labels"].into_iter();
            over["services"][name] = fields
                .filter_map(|field| Some((field.to_owned(), service.get(field)?.clone())))
                .collect();
        }
        let (text, over) = (project.to_string(), over.to_string());
        let alone = loaded(&[("compose.yaml", text.as_bytes())])?;
        let doubled = loaded(&[("compose.yaml", text.as_bytes()), ("same.yaml", over.as_bytes())])?;
        prop_assert_eq!(doubled, alone);
    }

    #[test]
    fn the_order_of_keys_means_nothing(project in project(), seed: u64) {
        let (one, other) = (project.to_string(), shuffled(&project, seed).to_string());
        prop_assert_eq!(
            loaded(&[("compose.yaml", one.as_bytes())])?,
            loaded(&[("compose.yaml", other.as_bytes())])?
        );
    }

    #[test]
    fn no_bytes_make_the_loader_panic_or_ponder(bytes in vec(any::<u8>(), 0..2000), at: Index, project in project()) {
        let mut damaged = project.to_string().into_bytes();
        let at = at.index(damaged.len());
        damaged.splice(at..at, bytes.iter().copied().take(8));
        for text in [bytes.as_slice(), damaged.as_slice()] {
            let began = Instant::now();
            let _ = load(&request(&[("compose.yaml", text)])).map_err(|error| error.render(true));
            prop_assert!(began.elapsed() < Duration::from_secs(5));
        }
    }
}
