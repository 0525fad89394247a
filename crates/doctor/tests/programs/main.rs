//! Programs, files, storage and limits: each fault, what only looks like it, and what is fine.

#![expect(
    clippy::unwrap_used,
    reason = "a test ends where its own recording cannot be read"
)]

mod limits;
#[path = "../recording/mod.rs"]
mod recording;
mod rights;

use bowline_doctor::{Confidence, CulpritKind, Facts, diagnose};
use recording::{Recording, certain, container, event_of, only, silent};
use serde_json::{Value, json};

const API: &str = "shop-api-1";

/// A container of `api` that ended with a code; `changes` are laid over it.
fn ended(code: i64, changes: &Value) -> Value {
    let mut ended = json!({
        "status": "exited", "exit_code": code, "finished": "2026-11-21T10:00:03Z", "working_dir": "/srv",
    });
    for (key, value) in changes.as_object().unwrap() {
        ended[key] = value.clone();
    }
    container("api", &ended)
}

/// One that could not be started, with the engine's words.
fn refused(error: &str, changes: &Value) -> Value {
    let mut refused = json!({
        "status": "created", "exit_code": 127, "error": error, "started": null,
    });
    for (key, value) in changes.as_object().unwrap() {
        refused[key] = value.clone();
    }
    container("api", &refused)
}

/// What is at a path of `api`: `null` is nothing.
fn at(path: &str, there: &Value) -> Value {
    json!({"container": API, "path": path, "there": there})
}

fn nothing(path: &str) -> Value {
    at(path, &Value::Null)
}

fn file(mode: u32, owner: u32, head: &Value) -> Value {
    json!({
        "sort": "file", "mode": mode, "owner": [owner, owner], "size_bytes": 40,
        "modified": "2026-11-20T10:00:00Z", "head": head,
    })
}

fn folder(mode: u32, owner: u32, is_empty: bool, modified: &str) -> Value {
    json!({
        "sort": "folder", "mode": mode, "owner": [owner, owner], "size_bytes": 4096, "modified": modified,
        "is_empty": is_empty,
    })
}

fn script(interpreter: &str, has_carriage_return: bool) -> Value {
    json!({"script": {"interpreter": interpreter, "has_carriage_return": has_carriage_return}})
}

fn mount(kind: &str, source: &str, target: &str, writable: bool) -> Value {
    json!({"kind": kind, "source": source, "target": target, "writable": writable})
}

fn files(recording: Recording, files: &[Value]) -> Recording {
    let add = |recording: Recording, file: &Value| recording.add("files", file.clone());
    files.iter().fold(recording, add)
}

/// On an engine with these security options.
fn on_engine(recording: Recording, security: &[&str]) -> Recording {
    recording
        .set("host", "processor", json!("amd64"))
        .set("host", "folder", json!("/var/lib/docker"))
        .set("host", "security", json!(security))
}

/// `api`, which ended with 1 after it said something, and files that were looked at.
fn said(text: &str, changes: &Value, looked: &[Value]) -> Facts {
    let recording = Recording::new().with(ended(1, changes));
    let recording = recording.said(API, &[("10:00:02", text)]);
    files(recording, looked).facts()
}

/// What is found, with its culprit, and that it rests on what it names.
fn finds(facts: &Facts, code: &str, kind: CulpritKind, name: &str, field: Option<&str>) {
    let finding = certain(facts);
    assert_eq!(finding.code.0, code, "{finding:#?}");
    assert_eq!(
        (finding.culprit.kind, finding.culprit.name.as_str()),
        (kind, name)
    );
    assert_eq!(finding.culprit.field.as_deref(), field, "{finding:#?}");
    assert_eq!(finding.services, ["api"]);
    assert!(finding.fix.is_some(), "{finding:#?}");
    certain(facts);
}

/// Found, and no more than likely.
fn likely(facts: &Facts, code: &str, field: Option<&str>) {
    let finding = only(facts);
    assert_eq!(
        (finding.code.0, finding.confidence),
        (code, Confidence::Likely),
        "{finding:#?}"
    );
    assert_eq!(finding.culprit.field.as_deref(), field);
}

#[test]
fn a_script_that_is_there_and_is_not_found_lacks_its_interpreter_or_has_wrong_line_ends() {
    let says = "exec /srv/run.sh: no such file or directory";
    let run = json!({"command": ["/srv/run.sh"]});
    let head = |interpreter, has_return| {
        at(
            "/srv/run.sh",
            &file(0o755, 0, &script(interpreter, has_return)),
        )
    };
    let shell = at("/bin/sh", &file(0o755, 0, &json!({"program": "x86_64"})));
    let path = "/srv/run.sh";
    let missing = said(
        says,
        &run,
        &[head("/bin/ksh -e", false), nothing("/bin/ksh")],
    );
    finds(&missing, "D070", CulpritKind::File, path, None);
    let from_windows = said(says, &run, &[head("/bin/sh", true), shell.clone()]);
    finds(&from_windows, "D071", CulpritKind::File, path, None);
    // Its own path is wrong.
    let absent = said(says, &run, &[nothing("/srv/run.sh")]);
    finds(
        &absent,
        "D072",
        CulpritKind::Service,
        "api",
        Some("command"),
    );
    // Nobody looked whether the interpreter is there.
    likely(&said(says, &run, &[head("/bin/ksh", false)]), "D070", None);
}

#[test]
fn env_is_taken_for_what_it_looks_for() {
    let run = json!({
        "command": ["/srv/run.sh"], "environment": {"PATH": "/usr/bin:/bin"},
    });
    let head = |has_return| {
        at(
            "/srv/run.sh",
            &file(0o755, 0, &script("/usr/bin/env -S bash -e", has_return)),
        )
    };
    let bash = at("/bin/bash", &file(0o755, 0, &json!({"program": "x86_64"})));
    let gone = [head(false), nothing("/usr/bin/bash"), nothing("/bin/bash")];
    let says = "/usr/bin/env: 'bash': No such file or directory";
    let path = "/srv/run.sh";
    finds(
        &said(says, &run, &gone),
        "D070",
        CulpritKind::File,
        path,
        None,
    );
    let looked = [head(true), nothing("/usr/bin/bash"), bash];
    let says = "/usr/bin/env: 'bash\\r': No such file or directory";
    finds(
        &said(says, &run, &looked),
        "D071",
        CulpritKind::File,
        path,
        None,
    );
}

#[test]
fn a_format_that_the_kernel_does_not_know_is_another_processor_or_no_first_line() {
    let says = "exec /srv/run: exec format error";
    let run = json!({"command": ["/srv/run"]});
    let with_host = |head: Value| {
        let recording = Recording::new()
            .with(ended(1, &run))
            .said(API, &[("10:00:02", says)]);
        let looked = [at("/srv/run", &file(0o755, 0, &head))];
        files(on_engine(recording, &[]), &looked).facts()
    };
    let other = with_host(json!({"program": "aarch64"}));
    finds(&other, "D073", CulpritKind::Service, "api", Some("image"));
    for head in [json!("text"), json!("empty")] {
        finds(
            &with_host(head),
            "D073",
            CulpritKind::File,
            "/srv/run",
            None,
        );
    }
    // The processor is right: it is something else.
    assert_eq!(
        diagnose(&with_host(json!({"program": "x86_64"}))).causes,
        []
    );
}

#[test]
fn a_program_that_a_shell_does_not_find_is_not_in_the_image() {
    for says in [
        "sh: 1: exec: /srv/bin/api: not found",
        "sh: 1: /srv/bin/api: not found",
    ] {
        let facts = said(says, &json!({}), &[nothing("/srv/bin/api")]);
        finds(&facts, "D072", CulpritKind::Service, "api", Some("command"));
    }
}

/// `api` is told of a variable that nobody set.
fn unset(says: &str, title: &str, others: &[Value]) -> Facts {
    let changes = json!({"environment": {"TITLE": title}});
    let recording = Recording::new()
        .with(ended(2, &changes))
        .declared("api", &json!({}))
        .said(API, &[("10:00:02", says)])
        .add(
            "empty_variables",
            json!({"name": "SITE_TITLE", "fields": ["services.api.environment.TITLE"]}),
        );
    others
        .iter()
        .cloned()
        .fold(recording, Recording::with)
        .facts()
}

#[test]
fn a_variable_that_nobody_set_is_blamed_where_its_service_speaks_of_it() {
    let facts = unset("sh: 1: TITLE: parameter not set or null", "", &[]);
    finds(&facts, "D016", CulpritKind::Variable, "SITE_TITLE", None);
    for says in ["refusing to start with an empty TITLE", "no idea"] {
        let finding = only(&unset(says, "", &[]));
        assert_eq!(finding.code.0, "D016");
        assert_ne!(finding.confidence, Confidence::Certain);
    }
    // Something else is what it died of.
    let facts = unset("cat: /etc/site.conf: No such file or directory", "", &[]);
    assert_eq!(only(&facts).code.0, "D033");
}

#[test]
fn a_variable_that_nobody_set_and_nobody_misses_is_fine() {
    let recording = Recording::new()
        .with(container("api", &json!({"environment": {"TITLE": ""}})))
        .declared("api", &json!({}))
        .add(
            "empty_variables",
            json!({"name": "SITE_TITLE", "fields": ["services.api.environment.TITLE"]}),
        );
    silent(&recording.facts());
}

#[test]
fn a_file_that_is_missing_is_told_from_a_folder_that_the_engine_made() {
    let says = "cat: /etc/site/site.conf: No such file or directory";
    let facts = said(says, &json!({}), &[nothing("/etc/site/site.conf")]);
    finds(
        &facts,
        "D033",
        CulpritKind::File,
        "/etc/site/site.conf",
        None,
    );
    // Its name is relative to where it was started.
    let says = "FileNotFoundError: [Errno 2] No such file or directory: 'site.conf'";
    let facts = said(says, &json!({}), &[nothing("/srv/site.conf")]);
    finds(&facts, "D033", CulpritKind::File, "/srv/site.conf", None);

    let new = "2026-11-21T10:00:00Z";
    let bind = json!({"mounts": [mount("bind", "/home/me/site.conf", "/etc/site.conf", false)]});
    let looked = [at("/etc/site.conf", &folder(0o755, 0, true, new))];
    let facts = said("cat: /etc/site.conf: Is a directory", &bind, &looked);
    finds(&facts, "D034", CulpritKind::Service, "api", Some("volumes"));
    // The folder of the file is what was not there.
    let bind = json!({"mounts": [mount("bind", "/home/me/site", "/etc/site", false)]});
    let says = "cat: /etc/site/site.conf: No such file or directory";
    let gone = nothing("/etc/site/site.conf");
    let looked = [at("/etc/site", &folder(0o755, 0, true, new)), gone.clone()];
    finds(
        &said(says, &bind, &looked),
        "D034",
        CulpritKind::Service,
        "api",
        Some("volumes"),
    );
    // It was there long before, and only lacks that file.
    let looked = [
        at(
            "/etc/site",
            &folder(0o755, 0, false, "2026-10-01T10:00:00Z"),
        ),
        gone,
    ];
    let facts = said(says, &bind, &looked);
    finds(
        &facts,
        "D033",
        CulpritKind::File,
        "/home/me/site/site.conf",
        None,
    );
}

#[test]
fn a_folder_that_cannot_be_mounted_onto_a_file_is_named_by_the_engine() {
    let error = "OCI runtime create failed: error mounting \"/home/me/x\" to rootfs at \"/etc/site.conf\": mount /home/me/x:/etc/site.conf: not a directory: unknown: Are you trying to mount a directory onto a file (or vice-versa)?";
    let bind = json!({"mounts": [mount("bind", "/home/me/x", "/etc/site.conf", true)]});
    let facts = Recording::new().with(refused(error, &bind)).facts();
    finds(&facts, "D034", CulpritKind::Service, "api", Some("volumes"));
}

#[test]
fn a_program_that_is_a_folder_which_the_engine_made_is_no_question_of_rights() {
    let error = "runc create failed: unable to start container process: exec: \"/srv/serve.sh\": permission denied: unknown";
    let bind = json!({"mounts": [mount("bind", "/home/me/serve.sh", "/srv/serve.sh", false)]});
    let made = folder(0o755, 0, true, "2026-11-21T10:00:00Z");
    let facts = Recording::new()
        .with(refused(error, &bind))
        .add("files", at("/srv/serve.sh", &made))
        .facts();
    finds(&facts, "D034", CulpritKind::Service, "api", Some("volumes"));
}

/// A job that ended with a code, and who waits for it.
fn job(code: i64, api: &str) -> Recording {
    let mut job = container(
        "job",
        &json!({"status": "exited", "exit_code": code, "finished": "2026-11-21T10:00:03Z"}),
    );
    job["mounts"] = json!([mount("volume", "shop_pages", "/data", true)]);
    let api = json!({
        "status": api, "started": null, "exit_code": i64::from(api == "exited"),
        "mounts": [mount("volume", "shop_pages", "/data", false)],
    });
    Recording::new()
        .with(container("api", &api))
        .with(job)
        .said("shop-job-1", &[("10:00:02", "step 1 failed")])
        .declared(
            "api",
            &json!({"depends_on": {"job": "service_completed_successfully"}}),
        )
        .declared("job", &json!({}))
}

#[test]
fn a_job_that_failed_is_the_cause_of_what_waits_for_it() {
    let facts = job(1, "created").facts();
    let finding = certain(&facts);
    assert_eq!(
        (finding.code.0, finding.culprit.name.as_str()),
        ("D046", "job")
    );
    assert_eq!(finding.affects, ["api"]);
    certain(&facts);
    // What it would have written is missing because of it.
    let recording = job(1, "exited").said(
        API,
        &[("10:00:02", "cat: /data/pages: No such file or directory")],
    );
    let facts = files(recording, &[nothing("/data/pages")]).facts();
    assert_eq!(only(&facts).code.0, "D046");
    // What is known of its own failure stands for both.
    let says = "sh: 1: cannot create /data/pages: Permission denied";
    let mut facts = job(1, "created")
        .said("shop-job-1", &[("10:00:02", says)])
        .facts();
    facts.containers[1].user = Some("1000:1000".to_owned());
    let file: Value = at("/data", &folder(0o755, 0, true, "2026-10-01T10:00:00Z"));
    let mut file: bowline_doctor::FileFact = serde_json::from_value(file).unwrap();
    "shop-job-1".clone_into(&mut file.container);
    facts.files.push(file);
    assert_eq!(only(&facts).code.0, "D112");
    silent(&job(0, "running").facts());
}

#[test]
fn a_module_that_is_missing_is_asked_for_or_its_own_or_somebody_elses() {
    let python = |module: &str| format!("ModuleNotFoundError: No module named '{module}'");
    let run = json!({"command": ["python", "-m", "backend.main"], "image": "shop/api"});
    let gone = |names: &[&str]| -> Vec<Value> {
        names
            .iter()
            .map(|name| nothing(&format!("/srv/{name}")))
            .collect()
    };
    let looked = gone(&["backend", "backend.py", "node_modules/backend"]);
    let facts = said(&python("backend"), &run, &looked);
    finds(&facts, "D013", CulpritKind::Service, "api", Some("command"));

    let mut looked = gone(&[
        "backend/mail",
        "backend/mail.py",
        "node_modules/backend.mail",
    ]);
    looked.push(at(
        "/srv/backend",
        &folder(0o755, 0, false, "2026-10-01T10:00:00Z"),
    ));
    let facts = said(&python("backend.mail"), &run, &looked);
    finds(&facts, "D078", CulpritKind::Service, "api", Some("build"));

    let looked = gone(&["psycopg", "psycopg.py", "node_modules/psycopg"]);
    likely(
        &said(&python("psycopg"), &run, &looked),
        "D075",
        Some("image"),
    );
}

#[test]
fn what_a_mount_hides_is_not_missing_from_the_image() {
    let says = "Error: Cannot find module 'express'";
    let mut run = json!({
        "command": ["node", "server.js"], "image": "shop/api",
        "mounts": [mount("bind", "/home/me/shop", "/srv", true)],
    });
    let old = at("/srv", &folder(0o755, 1000, false, "2026-10-01T10:00:00Z"));
    let looked = [
        old,
        nothing("/srv/express"),
        nothing("/srv/node_modules/express"),
    ];
    likely(&said(says, &run, &looked), "D060", Some("volumes"));
    run["mounts"] = json!([]);
    likely(&said(says, &run, &looked), "D075", Some("image"));
}

#[test]
fn rights_are_told_from_read_only_and_from_labels() {
    let says = "sh: 1: cannot create /data/x: Permission denied";
    let changes = json!({
        "user": "1000:1000", "mounts": [mount("volume", "shop_data", "/data", true)],
    });
    let old = "2026-10-01T10:00:00Z";
    let closed = [
        at("/data", &folder(0o755, 0, true, old)),
        nothing("/data/x"),
    ];
    let on = |security: &[&str], changes: &Value, looked: &[Value]| {
        let recording = Recording::new().with(ended(1, changes));
        let recording = recording.said(API, &[("10:00:02", says)]);
        files(on_engine(recording, security), looked).facts()
    };
    let facts = on(&[], &changes, &closed);
    finds(&facts, "D112", CulpritKind::Volume, "shop_data", None);
    // Owner and mode let it in, so it is not that.
    let open = [
        at("/data", &folder(0o755, 1000, true, old)),
        nothing("/data/x"),
    ];
    assert_eq!(diagnose(&said(says, &changes, &open)).causes, []);
    let bind = json!({
        "user": "1000:1000", "mounts": [mount("bind", "/home/me/data", "/data", true)],
    });
    let facts = on(&["name=selinux"], &bind, &open);
    likely(&facts, "D128", Some("volumes"));

    let says = "sh: 1: cannot create /data/x: Read-only file system";
    let mut changes = json!({"mounts": [mount("volume", "shop_data", "/data", false)]});
    let facts = said(says, &changes, &[]);
    finds(&facts, "D117", CulpritKind::Service, "api", Some("volumes"));
    changes = json!({"is_read_only": true});
    let facts = said(says, &changes, &[]);
    finds(
        &facts,
        "D117",
        CulpritKind::Service,
        "api",
        Some("read_only"),
    );
    // Neither was asked for: the file system itself went read-only, and nobody here knows why.
    assert_eq!(diagnose(&said(says, &json!({}), &[])).causes, []);
}

#[test]
fn a_script_that_nobody_may_run_is_named() {
    let error = r#"OCI runtime create failed: unable to start container process: exec: "/srv/run.sh": permission denied: unknown"#;
    let recording = |mode| {
        let recording = Recording::new().with(refused(error, &json!({"exit_code": 126})));
        files(
            recording,
            &[at("/srv/run.sh", &file(mode, 0, &json!("text")))],
        )
        .facts()
    };
    finds(
        &recording(0o644),
        "D112",
        CulpritKind::File,
        "/srv/run.sh",
        None,
    );
    assert_eq!(diagnose(&recording(0o755)).causes, []);
}

#[test]
fn a_crash_is_told_from_a_signal_that_somebody_sent() {
    let life = |signal: Option<&str>| {
        let events = [
            event_of(API, &json!("create"), 0, &json!({})),
            event_of(API, &json!("start"), 1, &json!({})),
        ];
        let kill = signal.map(|it| event_of(API, &json!("kill"), 3, &json!({"signal": it})));
        let die = event_of(API, &json!("die"), 3, &json!({"code": 139}));
        let recording = Recording::new().with(ended(139, &json!({})));
        recording
            .heard(events)
            .heard(kill)
            .heard([die])
            .said(API, &[])
            .facts()
    };
    finds(&life(None), "D136", CulpritKind::Service, "api", None);
    assert_eq!(diagnose(&life(Some("11"))).causes, []);
}

#[test]
fn one_that_runs_again_after_a_crash_has_crashed() {
    let again =
        json!({"restarts": 3, "started": "2026-11-21T10:04:58Z", "restart_policy": "always"});
    let began = |second| event_of(API, &json!("start"), second, &json!({}));
    let ended = |code| event_of(API, &json!("die"), 297, &json!({"code": code}));
    let facts = |code| {
        let recording = Recording::new().with(container("api", &again));
        let life = [began(290), ended(code), began(298)];
        recording.heard(life).said(API, &[]).facts()
    };
    finds(&facts(139), "D136", CulpritKind::Service, "api", None);
    let causes = diagnose(&facts(1)).causes;
    assert!(
        causes.iter().all(|cause| cause.code.0 != "D136"),
        "{causes:#?}"
    );
}

#[test]
fn where_there_is_nothing_to_read_it_says_why() {
    let facts = Recording::new()
        .with(ended(3, &json!({"log_driver": "none"})))
        .facts();
    finds(&facts, "D066", CulpritKind::Service, "api", Some("logging"));
    let facts = Recording::new()
        .with(ended(3, &json!({})))
        .said(API, &[])
        .facts();
    finds(&facts, "D066", CulpritKind::Service, "api", None);
    // A log that nobody read is not an empty one.
    assert_eq!(
        diagnose(&Recording::new().with(ended(3, &json!({}))).facts()).causes,
        []
    );
    silent(
        &Recording::new()
            .with(container("api", &json!({"log_driver": "none"})))
            .facts(),
    );
}

#[test]
fn a_crash_loop_of_which_nothing_more_is_known_is_called_one() {
    let again = json!({"status": "restarting", "restarts": 9, "restart_policy": "always"});
    let facts = Recording::new()
        .with(ended(7, &again))
        .said(API, &[("10:00:02", "hm")])
        .facts();
    let finding = only(&facts);
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D148", Confidence::Possible)
    );
    let once = json!({"restarts": 1, "restart_policy": "always"});
    silent(&Recording::new().with(container("api", &once)).facts());
}

#[test]
fn an_image_that_is_not_there_and_a_name_that_is_taken_leave_no_container() {
    let image = |id: Value| json!({"id": id, "platform": "linux/amd64", "command": [], "exposed": [], "volumes": []});
    let declared = json!({"image": "shop/api", "container_name": "shop-api"});
    let absent = |id: Value, is_taken: bool| {
        Recording::new()
            .declared("api", &declared)
            .set("images", "shop/api", image(id))
            .add("names", json!({"name": "shop-api", "is_taken": is_taken, "project": "old", "service": null}))
            .facts()
    };
    finds(
        &absent(Value::Null, false),
        "D018",
        CulpritKind::Service,
        "api",
        Some("image"),
    );
    // The former container runs on, and the last operation could not get the image of the next one.
    let former =
        |step: &str| {
            Recording::new()
            .with(container("api", &json!({})))
            .declared("api", &json!({"image": "shop/api"}))
            .set("images", "shop/api", image(Value::Null))
            .add("not_done", json!({
                "at": "2026-11-21T10:04:00Z", "service": "api", "step": step, "is_wait": false,
                "error": "image `shop/api` cannot be pulled: manifest unknown",
            }))
            .facts()
        };
    let facts = former("pull image shop/api");
    finds(&facts, "D018", CulpritKind::Service, "api", Some("image"));
    silent(&former("pull image shop/web"));
    let taken = absent(json!("sha256:1"), true);
    finds(
        &taken,
        "D079",
        CulpritKind::Service,
        "api",
        Some("container_name"),
    );
    assert_eq!(diagnose(&absent(json!("sha256:1"), false)).causes, []);
}

#[test]
fn an_older_image_matters_where_it_is_built_here_or_something_fails() {
    let newer = json!({
        "id": "sha256:2", "platform": "linux/amd64", "command": [], "exposed": [], "volumes": [],
    });
    let facts = |container: Value, is_built: bool| {
        Recording::new()
            .with(container)
            .declared("api", &json!({"image": "busy:1", "is_built": is_built}))
            .set("images", "busy:1", newer.clone())
            .said(API, &[("10:00:02", "hm")])
            .facts()
    };
    let runs = container("api", &json!({}));
    finds(
        &facts(runs.clone(), true),
        "D015",
        CulpritKind::Service,
        "api",
        Some("image"),
    );
    finds(
        &facts(ended(1, &json!({})), false),
        "D015",
        CulpritKind::Service,
        "api",
        Some("image"),
    );
    // A tag that a pull moved for everybody on the host.
    silent(&facts(runs, false));
}

#[test]
fn a_file_that_was_changed_by_hand_is_blamed_where_it_is_run() {
    let image = json!({
        "id": "sha256:1", "platform": "linux/amd64", "command": [], "exposed": [], "volumes": [],
    });
    let patched = |changed: &[&str], mounts: Value| {
        let changes = json!({"command": ["python", "/srv/api.py"], "mounts": mounts});
        Recording::new()
            .with(ended(1, &changes))
            .said(API, &[("10:00:02", "SyntaxError: invalid syntax")])
            .set("images", "busy:1", image.clone())
            .set("changes", API, json!(changed))
            .facts()
    };
    let facts = patched(&["/srv", "/srv/api.py", "/tmp"], json!([]));
    finds(&facts, "D065", CulpritKind::Service, "api", Some("image"));
    // The engine makes the places at which something is mounted; and what it does not run hurts nobody.
    let bind = json!([mount("bind", "/home/me/api.py", "/srv/api.py", true)]);
    assert_eq!(
        diagnose(&patched(&["/srv", "/srv/api.py"], bind)).causes,
        []
    );
    assert_eq!(
        diagnose(&patched(&["/srv", "/srv/notes.txt"], json!([]))).causes,
        []
    );
}

#[test]
fn a_file_that_a_start_may_have_written_is_not_surely_changed_by_hand() {
    let path = "/app/rates.py";
    let image = json!({
        "id": "sha256:1", "platform": "linux/amd64", "command": [], "exposed": [], "volumes": [],
    });
    let wrote = |line: &str, command: &[&str], added: &[&str]| {
        Recording::new()
            .with(ended(1, &json!({"command": command})))
            .said(API, &[("10:00:02", line), ("10:00:02", "bye")])
            .set("images", "busy:1", image.clone())
            .set("changes", API, json!(["/app", path]))
            .set("added", API, json!(added))
            .facts()
    };
    let traced = r#"  File "/app/rates.py", line 3"#;
    let facts = wrote(traced, &["api"], &[]);
    finds(&facts, "D065", CulpritKind::Service, "api", Some("image"));
    likely(&wrote(traced, &["api"], &[path]), "D065", Some("image"));
    let started = ["docker-entrypoint.sh", "api"];
    likely(&wrote(traced, &started, &[]), "D065", Some("image"));
    // It names what it read, and fails for something else.
    let read = "loaded rates from /app/rates.py";
    assert_eq!(diagnose(&wrote(read, &["api"], &[path])).causes, []);
}

/// Two services of one image with one command, both of which listen; only `api` is published.
fn twins(worker: &Value, settings: &Value) -> Facts {
    let published =
        json!([{"container": "80/tcp", "host_ip": "", "host_port": "80", "is_open": true}]);
    let api = container(
        "api",
        &json!({"published": published, "command": ["orders", "api"]}),
    );
    let mut worker = worker.clone();
    worker["environment"] = settings.clone();
    let listens = json!({"listeners": [{"port": 80, "address": "0.0.0.0", "protocol": "tcp"}]});
    Recording::new()
        .with(api)
        .with(container("worker", &worker))
        .set("insides", API, listens.clone())
        .set("insides", "shop-worker-1", listens)
        .facts()
}

#[test]
fn a_service_that_runs_the_program_of_another_and_that_nobody_calls_is_likely_mistaken() {
    let same = json!({"command": ["orders", "api"]});
    let finding = only(&twins(&same, &json!({"ROLE": "worker"})));
    assert_eq!(
        (finding.code.0, finding.confidence),
        ("D014", Confidence::Likely)
    );
    assert_eq!(finding.culprit.name, "worker");
    silent(&twins(
        &json!({"command": ["orders", "worker"]}),
        &json!({"ROLE": "worker"}),
    ));
    silent(&twins(&same, &json!({})));
}

/// A database with its data in a volume; its client misses a table.
fn empty_again(volume: &str, namesake: Option<Value>) -> Recording {
    let db = json!({
        "image": "postgres:15", "mounts": [mount("volume", volume, "/var/lib/postgresql/data", true)],
    });
    let recording = Recording::new()
        .with(container("api", &json!({})))
        .with(container("db", &db))
        .declared("api", &json!({"depends_on": {"db": "service_started"}}))
        .declared("db", &json!({}))
        .said(API, &[("10:04:55", r#"ERROR:  relation "orders" does not exist"#)])
        .add("volumes", json!({
            "name": volume, "driver": "local", "created": "2026-11-21T09:59:59Z", "key": "data", "project": "shop",
        }));
    namesake
        .into_iter()
        .fold(recording, |it, other| it.add("namesakes", other))
}

#[test]
fn data_that_is_gone_is_looked_for_in_other_volumes() {
    let anonymous = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    let destroyed = json!({
        "at": "2026-11-21T09:59:50Z", "container": "shop-db-1", "action": "destroy", "exit_code": null,
        "signal": null,
    });
    let codes = |facts: &Facts| -> Vec<&str> {
        let found = diagnose(facts).causes;
        found.iter().map(|it| it.code.0).collect()
    };
    let facts = empty_again(anonymous, None).heard([destroyed]).facts();
    assert!(codes(&facts).contains(&"D138"), "{:?}", codes(&facts));
    let older = json!({
        "name": "old_data", "driver": "local", "created": "2026-10-01T10:00:00Z", "key": "data", "project": "old",
    });
    let facts = empty_again("shop_data", Some(older)).facts();
    assert!(codes(&facts).contains(&"D139"), "{:?}", codes(&facts));
    let facts = empty_again("shop_data", None).facts();
    assert!(!codes(&facts).contains(&"D138") && !codes(&facts).contains(&"D139"));
}
