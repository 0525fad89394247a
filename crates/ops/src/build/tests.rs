//! What is sent of a folder, and what is told of a build.

#![expect(
    clippy::disallowed_methods,
    reason = "a test of files writes and reads its own"
)]

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::Mutex;

use bowline_core::{StepError, Watch};
use bowline_engine::fake::FakeEngine;
use bowline_model::{EnvSpec, ImageConfig, Step, StepOutcome, UlimitSpec};
use futures_util::TryStreamExt as _;
use tempfile::TempDir;

use super::*;

/// A folder with these files; the path says `context/` before those of the build.
fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

fn recipe(folder: &TempDir) -> Build {
    Build {
        context: folder.path().join("context").display().to_string(),
        ..Build::default()
    }
}

async fn archive_of(build: &Build) -> Vec<u8> {
    let source = Source::find(build).unwrap();
    let (_, context) = open(source, None).await.unwrap();
    let BuildContext::Archive(archive) = context else {
        panic!("{context:?}")
    };
    let pieces: Vec<Vec<u8>> = archive.try_collect().await.unwrap();
    pieces.concat()
}

/// What is sent, a line each: path, what it is, its mode where that is not 644, and the text of a file.
async fn sent(build: &Build) -> Vec<String> {
    let bytes = archive_of(build).await;
    let mut archive = tar::Archive::new(bytes.as_slice());
    let lines = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        assert_eq!(
            (entry.header().uid().unwrap(), entry.header().gid().unwrap()),
            (0, 0)
        );
        let path = entry.path().unwrap().display().to_string();
        let target = entry.link_name().unwrap();
        if let Some(target) = target {
            return format!("{path} -> {}", target.display());
        }
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        if text.is_empty() {
            path
        } else {
            format!("{path}: {}", text.trim_end().replace('\n', "|"))
        }
    });
    lines.collect()
}

fn refused(build: &Build) -> String {
    Source::find(build).unwrap_err().to_string()
}

#[tokio::test]
async fn files_are_sent_in_order_and_links_as_links_and_what_is_no_file_not_at_all() {
    let folder = folder(&[
        ("context/Dockerfile", "FROM x"),
        ("context/b/two", "2"),
        ("context/b/one", "1"),
        ("context/a", ""),
    ]);
    let context = folder.path().join("context");
    fs::create_dir(context.join("empty")).unwrap();
    symlink("../outside", context.join("link")).unwrap();
    symlink("b", context.join("to-folder")).unwrap();
    let _socket = UnixListener::bind(context.join("socket")).unwrap();
    assert_eq!(
        sent(&recipe(&folder)).await,
        [
            "Dockerfile: FROM x",
            "a",
            "b/",
            "b/one: 1",
            "b/two: 2",
            "empty/",
            "link -> ../outside",
            "to-folder -> b",
        ]
    );
}

#[tokio::test]
async fn modes_and_times_are_kept_and_the_same_files_give_the_same_archive() {
    let folder = folder(&[("context/Dockerfile", "FROM x"), ("context/run", "#!")]);
    let run = folder.path().join("context/run");
    fs::set_permissions(&run, fs::Permissions::from_mode(0o4751)).unwrap();
    let long_ago = std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000_000_000);
    let file = fs::File::options().write(true).open(&run).unwrap();
    file.set_modified(long_ago).unwrap();

    let bytes = archive_of(&recipe(&folder)).await;
    assert_eq!(archive_of(&recipe(&folder)).await, bytes);
    let mut archive = tar::Archive::new(bytes.as_slice());
    let run = archive.entries().unwrap().nth(1).unwrap().unwrap();
    assert_eq!(run.header().mode().unwrap(), 0o4751);
    assert_eq!(run.header().mtime().unwrap(), 1_000_000_000);
}

#[tokio::test]
async fn a_big_file_is_sent_in_pieces_and_no_longer_than_somebody_takes_them() {
    let folder = folder(&[("context/Dockerfile", "FROM x")]);
    let big = fs::File::create(folder.path().join("context/big")).unwrap();
    // As long as no memory is, and nothing on the disk.
    big.set_len(1 << 42).unwrap();
    let source = Source::find(&recipe(&folder)).unwrap();
    let (_, context) = open(source, None).await.unwrap();
    let BuildContext::Archive(mut archive) = context else {
        panic!("{context:?}")
    };
    for _ in 0..100 {
        let piece = archive.try_next().await.unwrap().unwrap();
        assert!(piece.len() <= 128 * 1024, "{}", piece.len());
    }
    // The runtime waits for the thread that reads: this test ends only where that does.
    drop(archive);
}

#[tokio::test]
async fn what_the_rules_leave_out_is_not_sent_but_for_what_the_builder_reads() {
    let folder = folder(&[
        ("context/docker/Dockerfile", "FROM x"),
        ("context/docker/other", ""),
        ("context/.dockerignore", "*\n!a/b/keep\n"),
        ("context/a/b/keep", ""),
        ("context/a/b/drop", ""),
        ("context/c/drop", ""),
    ]);
    let build = Build {
        dockerfile: "docker/Dockerfile".into(),
        ..recipe(&folder)
    };
    assert_eq!(
        sent(&build).await,
        [
            ".dockerignore: *|!a/b/keep",
            "a/",
            "a/b/",
            "a/b/keep",
            "docker/",
            "docker/Dockerfile: FROM x",
        ]
    );
}

#[tokio::test]
async fn a_dockerfile_has_its_own_rules_and_the_builder_takes_away_by_them() {
    let folder = folder(&[
        ("context/Dockerfile", "FROM x"),
        ("context/Dockerfile.dockerignore", "*\n!kept\n"),
        ("context/.dockerignore", "kept\n"),
        ("context/kept", ""),
    ]);
    let sent = sent(&recipe(&folder)).await;
    assert_eq!(
        sent,
        [
            ".dockerignore: |.dockerignore|Dockerfile",
            "Dockerfile: FROM x",
            "kept"
        ]
    );
}

#[tokio::test]
async fn a_dockerfile_from_outside_goes_along_and_is_no_file_of_the_build() {
    let folder = folder(&[
        ("Dockerfile", "FROM outside"),
        ("context/file", ""),
        ("context/.dockerignore", "drop"),
        ("context/drop", ""),
    ]);
    let build = Build {
        dockerfile: "../Dockerfile".into(),
        ..recipe(&folder)
    };
    let Source::Folder(found) = Source::find(&build).unwrap() else {
        panic!("it is a folder")
    };
    let name = found.dockerfile;
    assert_eq!(
        sent(&build).await,
        [
            format!("{name}: FROM outside"),
            format!(".dockerignore: drop|!.dockerignore|{name}"),
            "file".to_owned()
        ]
    );

    let inline = Build {
        dockerfile_inline: "FROM outside".into(),
        ..recipe(&folder)
    };
    assert_eq!(sent(&inline).await, sent(&build).await);
}

#[tokio::test]
async fn a_dockerfile_that_is_a_link_is_the_file_it_points_to() {
    let folder = folder(&[("context/real", "FROM x")]);
    symlink("real", folder.path().join("context/Dockerfile")).unwrap();
    let Source::Folder(found) = Source::find(&recipe(&folder)).unwrap() else {
        panic!("it is a folder")
    };
    assert_eq!(found.dockerfile, "real");
}

#[test]
fn what_is_not_there_or_makes_no_sense_is_named() {
    let folder = folder(&[
        ("context/file", ""),
        ("bad/Dockerfile", "FROM x"),
        ("bad/.dockerignore", "ok\n[\n"),
    ]);
    let at = |context: &str, dockerfile: &str| Build {
        context: folder.path().join(context).display().to_string(),
        dockerfile: dockerfile.into(),
        ..Build::default()
    };
    let said: Vec<String> = [
        at("none", ""),
        at("context/file", ""),
        at("context", ""),
        at("context", "file/Dockerfile"),
        at("context", "."),
        at("bad", ""),
    ]
    .iter()
    .map(|build| refused(build).replace(&folder.path().display().to_string(), ""))
    .collect();
    assert_eq!(
        said,
        [
            "the build context `/none` does not exist",
            "the build context `/context/file` is not a folder",
            "the Dockerfile `/context/Dockerfile` does not exist",
            "the Dockerfile `/context/file/Dockerfile` does not exist",
            "the Dockerfile `/context/.` is not a file",
            "/bad/.dockerignore:2: `[` is not a pattern: the `[` is not closed",
        ]
    );
}

#[test]
fn a_remote_context_is_the_engines_business() {
    let mut build = Build {
        context: "https://ada:hunter2@example.com/app.git#main:web".into(),
        dockerfile: "deep/Dockerfile".into(),
        ..Build::default()
    };
    let source = Source::find(&build).unwrap();
    assert_eq!(
        source.dockerfile(),
        "deep/Dockerfile of https://ada:••••@example.com/app.git#main:web"
    );
    build.dockerfile = "../Dockerfile".into();
    let said = refused(&build);
    assert!(said.contains("remote context"), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn a_file_that_ends_too_early_has_changed() {
    let mut whole = archive::whole("abc".as_bytes(), 4, Path::new("/x"));
    let mut text = String::new();
    let error = whole.read_to_string(&mut text).unwrap_err();
    assert_eq!(error.to_string(), "`/x` changed while it was read");
}

/// Notes what it is told of a build.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Watch for Notes {
    fn began(&self, _: &Step) {}
    fn ended(&self, _: &Step, _: Result<&StepOutcome, &StepError>) {}
}

impl Progress for Notes {
    fn pulling(&self, _: &str, _: &str) {}
    fn building(&self, reference: &str, news: Building<'_>) {
        let line = match news {
            Building::Step(step) => format!("{reference} {step}"),
            Building::Line(line) => format!("{reference} | {line}"),
            Building::BaseImage(status) => format!("{reference} base {status}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

#[tokio::test]
async fn a_failing_build_shows_its_step_and_lines_and_no_secret_that_it_was_given() {
    let engine = FakeEngine::new();
    engine.add_image("busy:1", ImageConfig::default());
    let lines = [
        "got hunter2hunter2",
        "url http://ada:geheim@db/",
        "pin 1234",
    ];
    engine.script_step("RUN show", &lines, 7);
    let folder = folder(&[("context/Dockerfile", "FROM busy:1\nRUN show\n")]);
    let mut build = recipe(&folder);
    for (key, value) in [("API_TOKEN", "hunter2hunter2"), ("PIN_TOKEN", "1234")] {
        build.args.0.insert(key.into(), Some(value.into()));
    }
    let notes = Notes::default();
    let error = super::build(&engine, &[], ("shop-web", &build, None), &notes)
        .await
        .unwrap_err();
    let ExecuteError::Build {
        dockerfile,
        failure,
        ..
    } = &error
    else {
        panic!("{error:?}")
    };
    let shown = ["got ••••", "url http://ada:••••@db/", "pin 1234"];
    assert_eq!(*dockerfile, format!("{}/Dockerfile", build.context));
    assert_eq!(failure.exit_code, Some(7));
    assert_eq!(failure.last_lines, shown);
    assert_eq!(
        error.to_string(),
        "the build failed at step 2/2: RUN show: The command 'RUN show' returned a non-zero code: 7"
    );
    let mut told = vec![
        "shop-web 1/2: FROM busy:1".to_owned(),
        "shop-web 2/2: RUN show".to_owned(),
    ];
    told.extend(shown.map(|line| format!("shop-web | {line}")));
    assert_eq!(*notes.0.lock().unwrap(), told);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_while_it_is_sent_is_named_with_the_place_of_the_build() {
    let engine = FakeEngine::new();
    let folder = folder(&[("context/Dockerfile", "FROM x"), ("context/gone", "")]);
    let build = recipe(&folder);
    let source = Source::find(&build).unwrap();
    let (_, context) = open(source, None).await.unwrap();
    fs::remove_file(folder.path().join("context/gone")).unwrap();
    let spec = spec("shop-web", &build, "Dockerfile".into());
    let error = engine.build_image(&spec, &[], context).await.err().unwrap();
    let gone = format!("`{}/gone` does not exist", build.context);
    assert!(error.to_string().contains(&gone), "{error}");
}

#[test]
fn every_field_of_the_request_comes_from_the_build() {
    let build: Build = serde_json::from_value(serde_json::json!({
        "context": "/x", "target": "run", "no_cache": true, "pull": true, "network": "host", "isolation": "default",
        "cache_from": ["a:1"], "extra_hosts": ["h=::1"], "shm_size": "64", "tags": ["b:2", "shop-web"],
        "ulimits": {"nofile": {"soft": 1, "hard": 2}}, "platforms": ["linux/arm64"], "args": {"A": "1", "B": null},
        "labels": {"l": "v"},
    }))
    .unwrap();
    let spec = spec("shop-web", &build, "Dockerfile".into());
    let mut args = EnvSpec::default();
    args.set("A", Some("1".into()));
    args.set("B", None);
    let wanted = BuildSpec {
        dockerfile: Some("Dockerfile".into()),
        tags: vec!["shop-web".into(), "b:2".into()],
        args,
        labels: [("l", "v")].into(),
        target: Some("run".into()),
        cache_from: vec!["a:1".into()],
        no_cache: true,
        pull: true,
        network: Some("host".into()),
        extra_hosts: vec!["h:::1".into()],
        ulimits: vec![UlimitSpec {
            name: "nofile".into(),
            soft: 1,
            hard: 2,
        }],
        platform: Some("linux/arm64".into()),
        shm_size_bytes: Some(64),
        memory_bytes: None,
        isolation: Some("default".into()),
    };
    assert_eq!(spec, wanted);
}
