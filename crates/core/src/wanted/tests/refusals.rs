//! What cannot be carried out is refused, all of it at once.

use serde_json::json;

use super::{FileContent, NEW, OLD, given, project, refusals, refused, web};

#[test]
fn all_mistakes_are_said_at_once_and_in_the_words_of_the_file() {
    let found = refusals(
        json!({
            "restart": "sometimes",
            "pull_policy": "every_blue_moon",
            "expose": ["http"],
            "ports": [{"target": 80, "protocol": "carrier-pigeon"}, {"target": 70000}, {"target": 1, "published": "9-2"}],
            "uts": "service:db",
            "security_opt": ["nonsense"],
            "scale": -1,
        }),
        NEW,
    );
    assert_eq!(
        found,
        [
            "`services.web.scale`: `-1` is not a number of containers",
            "`services.web.pull_policy`: `every_blue_moon` is not one of `always`, `never`, `missing`, `build`, `refresh`, `daily`, `weekly` and `every_12h`",
            "`services.web.restart`: `sometimes` is not one of `no`, `always`, `unless-stopped`, `on-failure` and `on-failure:NUMBER`",
            "`services.web.uts`: `service:db` is not something that an engine can do: other containers' namespaces of this kind cannot be joined",
            "`services.web.expose[0]`: `http` is not a port, `8080`, `8080/udp` or `8000-8010`",
            "`services.web.ports[0].protocol`: `carrier-pigeon` is not one of `tcp`, `udp` and `sctp`",
            "`services.web.ports[1].target`: `70000` is not a port",
            "`services.web.ports[2].published`: `9-2` is not a port or a range of ports",
            "`services.web.security_opt[0]`: `nonsense` is not a security option, `no-new-privileges` or `KEY=VALUE`",
        ]
    );
}

#[test]
fn what_an_older_engine_cannot_do_is_refused_with_the_version_it_needs() {
    let mounts = json!({"volumes": [
        {"type": "image", "source": "i", "target": "/i"},
        {"type": "volume", "source": "data", "target": "/v", "volume": {"subpath": "x"}},
    ]});
    assert_eq!(
        refusals(mounts.clone(), OLD),
        [
            "`services.web.volumes[0]`: volumes of type image needs API 1.48, and the engine speaks 1.41",
            "`services.web.volumes[1].volume.subpath`: volume.subpath needs API 1.45, and the engine speaks 1.41",
        ]
    );
    assert_eq!(refusals(mounts, NEW), [""; 0]);
    let named = json!({"networks": {"default": {"interface_name": "eth7"}}});
    assert_eq!(
        refusals(named, OLD),
        [
            "`services.web.networks.default.interface_name`: interface_name needs API 1.49, and the engine speaks 1.41"
        ]
    );
}

#[test]
fn mounts_of_windows_and_swarm_are_refused_by_name() {
    let found = refusals(
        json!({"volumes": [
            {"type": "npipe", "source": "p", "target": "/p"},
            {"type": "cluster", "source": "c", "target": "/c"},
        ]}),
        NEW,
    );
    assert_eq!(
        found,
        [
            "`services.web.volumes[0]`: mounting a named pipe of Windows is not supported",
            "`services.web.volumes[1]`: mounting a cluster volume of Swarm is not supported",
        ]
    );
}

#[test]
fn one_name_is_not_enough_for_several_containers() {
    let named = web(json!({"container_name": "the-one"}));
    let mut given = given(NEW);
    assert_eq!(refused(&named, &given), [""; 0]);
    given.scale.insert("web".into(), 2);
    given.scale.insert("nobody".into(), 1);
    assert_eq!(
        refused(&named, &given),
        [
            "`--scale`: there is no service `nobody`",
            "`services.web.container_name`: `the-one` can be the name of one container only, and there are 2 replicas",
        ]
    );
}

#[test]
fn addresses_that_contradict_each_other_are_refused() {
    let fields = json!({
        "mac_address": "02:42:0a:00:00:01",
        "networks": {"default": {"mac_address": "02:42:0a:00:00:02"}},
    });
    assert_eq!(
        refusals(fields, NEW),
        [
            "`services.web.mac_address`: the network `default` asks for another address, `02:42:0a:00:00:02`"
        ]
    );
    let several = json!({"networks": {
        "default": {"mac_address": "02:42:0a:00:00:01"},
        "back": {"mac_address": "02:42:0a:00:00:02"},
    }});
    assert_eq!(refusals(several.clone(), NEW), [""; 0]);
    assert_eq!(
        refusals(several, OLD),
        [
            "`services.web.networks.default.mac_address`: mac_address of more than one network needs API 1.44, and the engine speaks 1.41"
        ]
    );
}

#[test]
fn a_seccomp_profile_has_to_be_there_and_json() {
    let with = web(json!({"security_opt": ["seccomp:./profile.json"]}));
    let mut given = given(NEW);
    let path = "/srv/shop/profile.json";
    for (content, why) in [
        (Some(FileContent::Absent), "does not exist"),
        (Some(FileContent::Unreadable), "cannot be read"),
        (None, "cannot be read"),
        (Some(FileContent::Bytes(b"{".to_vec())), "is not JSON"),
    ] {
        given.files.remove(path);
        if let Some(content) = content {
            given.files.insert(path.into(), content);
        }
        let expected = format!("`services.web.security_opt[0]`: the file `{path}` {why}");
        assert_eq!(refused(&with, &given), [expected]);
    }
}

#[test]
fn references_to_services_that_are_not_there_are_refused() {
    let fields = json!({
        "network_mode": "service:gone",
        "ipc": "service:gone",
        "volumes_from": ["gone:ro"],
        "links": ["gone:alias"],
        "depends_on": {"gone": {"condition": "service_started", "required": true}},
    });
    let paths: Vec<String> = refusals(fields, NEW)
        .into_iter()
        .map(|text| text.replace(": there is no service `gone`", ""))
        .collect();
    assert_eq!(
        paths,
        [
            "`services.web.links[0]`",
            "`services.web.depends_on.gone`",
            "`services.web.network_mode`",
            "`services.web.ipc`",
            "`services.web.volumes_from[0]`",
        ]
    );
}

#[test]
fn unknown_keys_of_our_own_are_refused_with_the_nearest_one() {
    let strange = project(json!({
        "extensions": {"x-bowline": {"dta": "disposable", "colour": 1}, "x-other": {"anything": 1}},
        "services": {"web": {"image": "x", "#extensions": {"x-bowline": {
            "ready": "never", "on_content_chang": "ignore", "data": "disposable"
        }}}},
    }));
    assert_eq!(
        refused(&strange, &given(NEW)),
        [
            "`x-bowline.dta`: unknown key `dta`; did you mean `data`?",
            "`x-bowline.colour`: unknown key `colour`",
            "`services.web.x-bowline.ready`: `never` is not `engine`",
            "`services.web.x-bowline.on_content_chang`: unknown key `on_content_chang`; did you mean `on_content_change`?",
            "`services.web.x-bowline.data`: unknown key `data`",
        ]
    );
}
