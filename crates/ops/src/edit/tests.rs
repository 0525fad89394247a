//! Edits in files of every form: what changes, what stays, and what is left alone.

#![expect(
    clippy::disallowed_methods,
    reason = "a test writes the files of a stack"
)]

use std::path::Path;

use bowline_doctor::Piece;

use super::*;

/// A stack in a folder.
struct Stack(tempfile::TempDir);

impl Stack {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        Self(folder)
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn surroundings(&self) -> Surroundings {
        Surroundings {
            current_dir: self.folder().canonicalize().unwrap().display().to_string(),
            ..Surroundings::default()
        }
    }

    fn prepare(&self, edits: &[Edit]) -> Result<Prepared, String> {
        prepare(&self.surroundings(), &StackOptions::default(), edits)
    }

    /// The changes as people see them: the action, and its lines.
    fn shown(&self, edit: Edit) -> String {
        match self.prepare(&[edit]) {
            Ok(prepared) => {
                let changes = prepared.changes.iter();
                let lines = changes.flat_map(|change| {
                    let first = std::iter::once(change.to_string());
                    first.chain(change.diff()).collect::<Vec<_>>()
                });
                lines.collect::<Vec<_>>().join("\n")
            }
            Err(why) => format!("not: {why}"),
        }
    }

    /// The only file that changes, as it will be.
    fn after(&self, edit: Edit) -> String {
        let prepared = self.prepare(&[edit]).unwrap();
        let [change] = prepared.changes.as_slice() else {
            panic!("{:?}", prepared.changes);
        };
        change.after.text.reveal().to_owned()
    }
}

fn field(service: &str, field: &str) -> Spot {
    Spot {
        service: service.to_owned(),
        setting: Setting::Field(field.to_owned()),
    }
}

fn file(service: &str, path: &str, line: Option<u32>) -> Spot {
    Spot {
        service: service.to_owned(),
        setting: Setting::File {
            path: path.to_owned(),
            line,
        },
    }
}

fn edit(spot: Spot, change: Change) -> Edit {
    Edit { spot, change }
}

fn replace(spot: Spot, piece: Piece, from: &str, to: &str) -> Edit {
    let (from, to) = (from.to_owned(), to.to_owned());
    edit(spot, Change::Replace { piece, from, to })
}

fn host(key: &str) -> Edit {
    let spot = field("api", &format!("environment.{key}"));
    replace(spot, Piece::Host, "cahe", "cache")
}

#[test]
fn a_word_is_changed_in_every_form_of_scalar_and_everything_else_stays_to_the_byte() {
    for (written, expected) in [
        ("URL: http://cahe:80 # cahe", "URL: http://cache:80 # cahe"),
        ("URL: \"http://cahe:80\"", "URL: \"http://cache:80\""),
        ("URL: 'http://cahe:80'\r", "URL: 'http://cache:80'\r"),
        ("URL: &u http://cahe:80", "URL: &u http://cache:80"),
        (
            "URL: >-\n        http://cahe:80",
            "URL: >-\n        http://cache:80",
        ),
        ("- URL=http://cahe:80", "- URL=http://cache:80"),
        ("- \"URL=http://cahe:80\"", "- \"URL=http://cache:80\""),
        (
            "{A: cahe, URL: 'http://cahe:80'}",
            "{A: cahe, URL: 'http://cache:80'}",
        ),
    ] {
        let around = |written: &str| {
            format!(
                "# mine\nservices:\n  api:\n    image: x\n    environment:\n      {written}\n  cache: {{image: y}}\n"
            )
        };
        let stack = Stack::of(&[("compose.yaml", &around(written))]);
        assert_eq!(stack.after(host("URL")), around(expected), "{written}");
    }
}

#[test]
fn a_value_behind_a_variable_or_an_anchor_is_changed_where_it_is_written() {
    let files = [
        (
            "compose.yaml",
            "services:\n  api:\n    image: x\n    environment: {URL: 'http://${WHERE}:80'}\n",
        ),
        (".env", "# cahe\nexport WHERE='cahe'\nOTHER=cahe\n"),
    ];
    insta::assert_snapshot!(Stack::of(&files).shown(host("URL")), @"
    edit .env:2
    - export WHERE='cahe'
    + export WHERE='cache'
    ");
    let files = [
        (
            "compose.yaml",
            "services:\n  api: {image: x, env_file: [api.env]}\n  cache: {image: y}\n",
        ),
        ("api.env", "A=cahe\nURL=\"http://cahe:80\"\n"),
    ];
    insta::assert_snapshot!(Stack::of(&files).shown(host("URL")), @r#"
    edit api.env:2
    - URL="http://cahe:80"
    + URL="http://cache:80"
    "#);
    let text = "x-env: &env\n  URL: http://cahe:80\nservices:\n  api: {image: x, environment: *env}\n  job: {image: x, environment: *env}\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let prepared = stack.prepare(&[host("URL")]).unwrap();
    assert_eq!(prepared.changes[0].to_string(), "edit compose.yaml:2");
    assert_eq!(prepared.services, ["api", "job"]);
    assert!(prepared.remade.is_empty() && prepared.waiting.is_empty());
}

#[test]
fn what_comes_from_elsewhere_is_left_alone_and_said_so() {
    let text = "services:\n  api: {image: x, environment: {URL: 'http://${WHERE}:80'}}\n";
    let stack = Stack::of(&[("compose.yaml", text), (".env", "WHERE=cahe\n")]);
    let mut surroundings = stack.surroundings();
    let shell = ("WHERE".to_owned(), Secret::new("cahe"));
    surroundings.environment = [shell].into();
    let refused = prepare(&surroundings, &StackOptions::default(), &[host("URL")]);
    insta::assert_snapshot!(
        refused.unwrap_err(),
        @"`environment.URL` of `api` gets that from somewhere else than a file of the project"
    );
    insta::assert_snapshot!(
        stack.shown(host("NONE")),
        @"not: `environment.NONE` of `api` is not in the files"
    );
    let inside = file("api", "/app/start.sh", None);
    insta::assert_snapshot!(
        stack.shown(edit(inside, Change::UnixLines)),
        @"not: `/app/start.sh` of `api` is in its image, and not a file of the project"
    );
}

#[test]
fn what_may_be_right_for_others_is_not_changed_for_them() {
    let text = "services:\n  db: {image: p, environment: {POSTGRES_PASSWORD: '${PASSWORD}'}}\n  api: {image: x, environment: {URL: 'postgres://app:${PASSWORD}@db/app', TO: 'http://web:${PORT}'}}\n  web: {image: y, command: 'serve --port ${PORT}'}\n";
    let stack = Stack::of(&[
        ("compose.yaml", text),
        (".env", "PASSWORD=p@ss/w\nPORT=81\n"),
    ]);
    let encode = edit(field("api", "environment.URL"), Change::EncodePassword);
    insta::assert_snapshot!(
        stack.shown(encode),
        @"not: what stands there is also a part of `db.environment.POSTGRES_PASSWORD`, for which it may be right"
    );
    let port = replace(field("api", "environment.TO"), Piece::Port, "81", "80");
    insta::assert_snapshot!(
        stack.shown(port),
        @"not: what stands there is also a part of `web.command`, for which it may be right"
    );
}

#[test]
fn ports_and_words_of_commands_and_healthchecks_are_changed() {
    let text = "services:\n  api:\n    image: x\n    command: serve --bind 127.0.0.1:80 --to http://web:81\n    healthcheck:\n      test: [CMD, curl, 'http://localhost:81/81']\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let command = replace(field("api", "command"), Piece::Word, "127.0.0.1", "0.0.0.0");
    insta::assert_snapshot!(stack.shown(command), @"
    edit compose.yaml:4
    - command: serve --bind 127.0.0.1:80 --to http://web:81
    + command: serve --bind 0.0.0.0:80 --to http://web:81
    ");
    let port = replace(field("api", "healthcheck.test"), Piece::Port, "81", "80");
    insta::assert_snapshot!(stack.shown(port), @"
    edit compose.yaml:6
    - test: [CMD, curl, 'http://localhost:81/81']
    + test: [CMD, curl, 'http://localhost:80/81']
    ");
}

#[test]
fn a_password_is_copied_by_where_it_stands_and_shown_nowhere() {
    let text = "services:\n  db:\n    image: p\n    environment: {POSTGRES_PASSWORD: 'r@ight$$one'}\n  api:\n    image: x\n    environment:\n      URL: postgres://app:wrong1@db/app\n      DB_PASSWORD: wrong1\n      # wrong1\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let copy = |key: &str| {
        let of = field("db", "environment.POSTGRES_PASSWORD");
        let spot = field("api", &format!("environment.{key}"));
        edit(spot, Change::CopyPassword { of })
    };
    insta::assert_snapshot!(stack.shown(copy("URL")), @"
    edit compose.yaml:8
    - URL: postgres://app:••••@db/app
    + URL: postgres://app:••••@db/app
    ");
    let after = stack.after(copy("URL"));
    assert!(
        after.contains("postgres://app:r%40ight%24one@db/app"),
        "{after}"
    );
    assert!(after.contains("# wrong1"), "{after}");
    let after = stack.after(copy("DB_PASSWORD"));
    assert!(after.contains("DB_PASSWORD: r@ight$$one\n"), "{after}");
    let prepared = stack.prepare(&[copy("DB_PASSWORD")]).unwrap();
    let told = format!("{:?}", prepared.changes);
    assert!(!told.contains("wrong1") && !told.contains("ight"), "{told}");
}

#[test]
fn a_file_that_is_mounted_is_changed_on_the_host_and_its_services_are_made_again() {
    let text = "services:\n  api:\n    image: x\n    volumes: ['./etc:/etc/app:ro', './run.sh:/run.sh']\n    secrets: [db]\n  job: {image: x, volumes: ['./run.sh:/r']}\nsecrets: {db: {file: ./db.txt}}\n";
    let stack = Stack::of(&[
        ("compose.yaml", text),
        ("etc/app.ini", "; cahe\n[cache]\nhost = cahe\nport=1\n"),
        (
            "etc/app.json",
            "{\"cache\": {\"url\": \"http://cahe:80\"}}\n",
        ),
        ("run.sh", "#!/bin/sh\r\necho\r\n"),
        ("db.txt", "hunter2 \r\n"),
    ]);
    let ini = replace(
        file("api", "/etc/app/app.ini", Some(3)),
        Piece::Host,
        "cahe",
        "cache",
    );
    insta::assert_snapshot!(stack.shown(ini), @"
    edit etc/app.ini:3
    - host = cahe
    + host = cache
    ");
    let json = replace(
        file("api", "/etc/app/app.json", None),
        Piece::Host,
        "cahe",
        "cache",
    );
    insta::assert_snapshot!(stack.shown(json), @r#"
    edit etc/app.json:1
    - {"cache": {"url": "http://cahe:80"}}
    + {"cache": {"url": "http://cache:80"}}
    "#);
    let script = edit(file("api", "/run.sh", None), Change::UnixLines);
    assert_eq!(stack.after(script.clone()), "#!/bin/sh\necho\n");
    let prepared = stack.prepare(&[script]).unwrap();
    assert_eq!(prepared.services, ["api", "job"]);
    assert_eq!(prepared.remade, ["api", "job"]);
    let secret = edit(file("api", "/run/secrets/db", None), Change::Strip);
    assert_eq!(stack.after(secret.clone()), "hunter2");
    insta::assert_snapshot!(stack.shown(secret), @"
    edit db.txt:1
    - ••••
    + ••••
    ");
    let text = "services:\n  api:\n    image: x\n    volumes: ['./db.txt:/run/secrets/db:ro', './pw.txt:/etc/pw']\n    environment: {DB_PASSWORD_FILE: /etc/pw}\n";
    let bound = Stack::of(&[
        ("compose.yaml", text),
        ("db.txt", "hunter2\r\n"),
        ("pw.txt", "hunter3\r\n"),
    ]);
    for path in ["/run/secrets/db", "/etc/pw"] {
        let shown = bound.shown(edit(file("api", path, None), Change::Strip));
        assert!(shown.ends_with("- ••••\n+ ••••"), "{shown}");
    }
    let bits = edit(file("api", "/run.sh", None), Change::Permit { bits: 0o111 });
    insta::assert_snapshot!(stack.shown(bits), @"set the mode of run.sh to 755");
}

#[test]
fn an_entry_is_added_in_the_form_of_the_others_and_nothing_else_changes() {
    let set = |value: &str| {
        let value = value.to_owned();
        edit(field("api", "init"), Change::Set { value })
    };
    let text = "services:\n  api:\n    # mine\n    image: x\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    insta::assert_snapshot!(stack.shown(set("true")), @"
    edit compose.yaml:4
    + init: true
    ");
    let stack = Stack::of(&[("compose.yaml", "services: {api: {image: x}}\n")]);
    assert_eq!(
        stack.after(set("true")),
        "services: {api: {init: true, image: x}}\n"
    );
    let stack = Stack::of(&[("compose.yaml", "services: {api: {image: x, init: false}}\n")]);
    insta::assert_snapshot!(stack.shown(set("true")), @"not: `init` of `api` has a value already");

    let add = || {
        let entry = "back".to_owned();
        edit(field("api", "networks"), Change::Add { entry })
    };
    for (written, expected) in [
        ("\n", "    networks: [default, back]\n    image: x\n"),
        (
            "    networks: [front]\n",
            "    image: x\n    networks: [back, front]\n",
        ),
        (
            "    networks:\n      - front\n",
            "    image: x\n    networks:\n      - back\n      - front\n",
        ),
        (
            "    networks:\n      front: {aliases: [a]}\n",
            "    image: x\n    networks:\n      back: {}\n      front: {aliases: [a]}\n",
        ),
    ] {
        let text =
            |service: &str| format!("services:\n  api:\n{service}networks: {{front: , back: }}\n");
        let own = text(&format!(
            "    image: x\n{}",
            written.trim_start_matches('\n')
        ));
        let stack = Stack::of(&[("compose.yaml", &own)]);
        assert_eq!(stack.after(add()), text(expected), "{written}");
    }
}

#[test]
fn what_was_to_be_filled_in_by_the_container_is_left_to_it() {
    let text = "services:\n  db:\n    image: x\n    environment: {USER: me}\n    healthcheck:\n      test: [CMD-SHELL, 'ready $WHO ${WHO}']\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let name = "WHO".to_owned();
    let leave = edit(
        field("db", "healthcheck.test"),
        Change::LeaveVariable { name },
    );
    insta::assert_snapshot!(stack.shown(leave), @"
    edit compose.yaml:6
    - test: [CMD-SHELL, 'ready $WHO ${WHO}']
    + test: [CMD-SHELL, 'ready $$WHO $${WHO}']
    ");
}

#[test]
fn a_mount_is_made_writable_and_the_others_stay() {
    let text = "services:\n  db:\n    image: x\n    volumes:\n      - aa:/a:ro\n      - bb:/b:ro\n      - {type: volume, source: c, target: /c, read_only: true}\nvolumes: {aa: , bb: , c: }\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let open = |target: &str| {
        let target = target.to_owned();
        edit(field("db", "volumes"), Change::Writable { target })
    };
    insta::assert_snapshot!(stack.shown(open("/b")), @"
    edit compose.yaml:6
    - - bb:/b:ro
    + - bb:/b
    ");
    insta::assert_snapshot!(stack.shown(open("/c")), @"
    edit compose.yaml:7
    - - {type: volume, source: c, target: /c, read_only: true}
    + - {type: volume, source: c, target: /c, read_only: false}
    ");
}

#[test]
fn an_address_gets_one_more_parameter() {
    let text =
        |value: &str| format!("services:\n  api: {{image: x, environment: {{URL: '{value}'}}}}\n");
    let name = "authSource".to_owned();
    let value = "admin".to_owned();
    let add = edit(
        field("api", "environment.URL"),
        Change::AddParameter { name, value },
    );
    for (written, expected) in [
        (
            "mongodb://a:b1c2@m/shop",
            "mongodb://a:b1c2@m/shop?authSource=admin",
        ),
        (
            "mongodb://a:b1c2@m/shop?w=1",
            "mongodb://a:b1c2@m/shop?authSource=admin&w=1",
        ),
    ] {
        let stack = Stack::of(&[("compose.yaml", &text(written))]);
        assert_eq!(stack.after(add.clone()), text(expected));
    }
}

#[test]
fn who_waits_for_a_service_that_changes_is_named_and_several_edits_of_one_file_are_one_change() {
    let text = "services:\n  api: {image: x, environment: {A: 'http://cahe:1', URL: 'http://cahe:2'}}\n  web: {image: y, depends_on: [api]}\n  top: {image: z, depends_on: [web]}\n  other: {image: z}\n";
    let stack = Stack::of(&[("compose.yaml", text)]);
    let prepared = stack.prepare(&[host("A"), host("URL")]).unwrap();
    assert_eq!(prepared.services, ["api"]);
    assert_eq!(prepared.waiting, ["top", "web"]);
    let [change] = prepared.changes.as_slice() else {
        panic!("{:?}", prepared.changes);
    };
    assert_eq!(change.after.text.reveal(), text.replace("cahe", "cache"));
}
