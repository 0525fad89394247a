//! Contents that no engine shows: secrets, configs, profiles.

use bowline_model::{FileMode, OnContentChange, Readiness};
use serde_json::json;

use super::super::files_to_read;
use super::{FileContent, NEW, given, ignored, made, project, refused, secret, want, wanted, web};

#[test]
fn the_files_to_read_are_those_that_services_use() {
    let some = project(json!({
        "services": {"web": {
            "image": "x",
            "secrets": [{"source": "a"}, {"source": "env"}],
            "configs": [{"source": "b"}, {"source": "inline"}],
            "security_opt": ["seccomp:../profile.json", "seccomp=unconfined", "label=disable", "seccomp=/abs.json"],
        }},
        "secrets": {"a": {"file": "/s/a"}, "env": {"environment": "E"}, "unused": {"file": "/s/u"}},
        "configs": {"b": {"file": "/c/b"}, "inline": {"content": "x"}},
    }));
    let paths: Vec<String> = files_to_read(&some).into_iter().collect();
    assert_eq!(paths, ["/abs.json", "/c/b", "/s/a", "/srv/profile.json"]);
}

#[test]
fn a_changed_file_behind_a_secret_changes_the_contents_and_nothing_an_engine_sees() {
    let with = web(json!({"secrets": [{"source": "token"}]}));
    let one = want(&with, NEW).unwrap();
    let mut given = given(NEW);
    let changed = FileContent::Bytes(b"other".to_vec());
    given.files.insert("/srv/shop/token".into(), changed);
    let other = wanted(&with, &given).unwrap();
    let (one, other) = (&one.services["web"], &other.services["web"]);
    assert_eq!(one.spec, other.spec);
    assert_eq!(one.contents["secret token"], "<{ \"a\": 1 }>");
    assert_eq!(other.contents["secret token"], "<other>");
}

#[test]
fn a_missing_file_is_refused_and_one_that_may_not_be_read_is_named() {
    let with = web(json!({"secrets": [{"source": "token"}]}));
    let mut given = given(NEW);
    given
        .files
        .insert("/srv/shop/token".into(), FileContent::Absent);
    assert_eq!(
        refused(&with, &given),
        ["`secrets.token.file`: the file `/srv/shop/token` does not exist"]
    );
    given
        .files
        .insert("/srv/shop/token".into(), FileContent::Unreadable);
    let wanted = wanted(&with, &given).unwrap();
    assert_eq!(
        ignored(&wanted),
        ["secrets.token.file: its content could not be read: a change of it will not be seen"]
    );
    assert!(wanted.services["web"].contents.is_empty());
    assert_eq!(wanted.services["web"].spec.mounts.len(), 1);
}

#[test]
fn copied_contents_carry_owner_and_mode_and_count_with_them() {
    let mut with = web(json!({"secrets": [
        {"source": "token"},
        {"source": "token", "target": "again", "uid": "7", "gid": "8", "mode": "0400"},
    ]}));
    let token = with.secrets.get_mut("token").unwrap();
    token.file.clear();
    token.environment = "TOKEN".into();
    token.value = Some(secret("hush"));
    let wanted = want(&with, NEW).unwrap();
    let web = &wanted.services["web"];
    let [one, two] = &web.files[..] else {
        panic!("{} files", web.files.len())
    };
    assert_eq!((one.path.as_str(), one.mode), ("/run/secrets/token", 0o444));
    assert_eq!(
        (two.path.as_str(), two.uid, two.gid),
        ("/run/secrets/again", 7, 8)
    );
    let names: Vec<&String> = web.contents.keys().collect();
    assert_eq!(
        names,
        ["secret token", "secret token at /run/secrets/again"]
    );
    with.services.get_mut("web").unwrap().secrets[0].mode = Some(FileMode(0o440));
    let changed = want(&with, NEW).unwrap();
    assert_ne!(
        changed.services["web"].contents["secret token"],
        web.contents["secret token"]
    );
    assert!(!format!("{web:?}").contains("hush\""), "{web:?}");
}

#[test]
fn what_cannot_be_copied_or_is_not_there_is_refused_as_compose_refuses_it() {
    let mut with = web(json!({
        "read_only": true,
        "configs": [{"source": "conf"}, {"source": "absent"}, {"source": "swarm"}, {"source": "driven"}],
    }));
    let more = project(json!({"configs": {
        "absent": {"environment": "NOT_SET"},
        "swarm": {"name": "outside", "external": true},
        "driven": {"file": "/f", "template_driver": "golang"},
    }}));
    with.configs.extend(more.configs);
    assert_eq!(
        refused(&with, &given(NEW)),
        [
            "`services.web.configs[0]`: `conf` is copied into the container, and the service is read-only; only `file` can be used there",
            "`configs.absent.environment`: the variable `NOT_SET` is not set",
            "`configs.swarm`: `outside` is external, and only Swarm keeps external secrets and configs",
            "`configs.driven.template_driver`: a template driver for secrets and configs (Swarm) is not supported",
        ]
    );
}

#[test]
fn owners_that_are_no_numbers_are_refused_where_they_would_count_and_named_where_not() {
    let odd = json!([{"source": "conf", "uid": "alice"}]);
    assert_eq!(
        refused(&web(json!({"configs": odd})), &given(NEW)),
        ["`services.web.configs[0].uid`: `alice` is not a number, as a copied file needs it"]
    );
    let (_, said) = made(
        json!({"secrets": [{"source": "token", "uid": "alice"}]}),
        NEW,
    );
    assert_eq!(
        said,
        [
            "services.web.secrets[0]: `uid`, `gid` and `mode` have no effect on a file that is mounted from the host"
        ]
    );
}

#[test]
fn what_to_do_about_a_change_is_said_for_all_or_for_one() {
    let some = project(json!({
        "extensions": {"x-bowline": {"on_content_change": "ignore", "ready": "engine", "data": "disposable"}},
        "services": {
            "one": {"image": "x", "#extensions": {"x-bowline": {"on_content_change": "signal:HUP"}}},
            "two": {"image": "x"},
            "three": {"image": "x", "#extensions": {"x-bowline": {"on_content_change": "recreate"}}},
        },
    }));
    let wanted = want(&some, NEW).unwrap();
    assert!(wanted.disposable_data);
    let of = |name: &str| wanted.services[name].on_content_change.clone();
    assert_eq!(of("one"), OnContentChange::Signal("HUP".into()));
    assert_eq!(of("two"), OnContentChange::Ignore);
    assert_eq!(of("three"), OnContentChange::Recreate);
    assert_eq!(wanted.services["two"].readiness, Readiness::Engine);
}

#[test]
fn what_only_swarm_reads_of_a_secret_is_named_once() {
    let mut with =
        web(json!({"secrets": [{"source": "token"}, {"source": "token", "target": "b"}]}));
    let token = with.secrets.get_mut("token").unwrap();
    token.driver_opts.insert("a".into(), "b".into());
    let wanted = want(&with, NEW).unwrap();
    assert_eq!(
        ignored(&wanted),
        ["secrets.token.driver_opts: it is for Swarm, and means nothing to an engine by itself"]
    );
}
