//! Clauses about logs, execs, files and events.

use std::time::Duration;

use bowline_engine::{
    EngineError, EventFilter, ExecEnd, ExecLimits, ExecSpec, FileToPut, LogEntry, LogOptions,
    OutputSource, RemoveContainer, WaitFor,
};
use bowline_model::{ContainerId, ContainerSpec, EventAction, ObjectKind};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncWriteExt;

use super::stage::{Role, Stage, soon, until};

const LIMITS: ExecLimits = ExecLimits {
    timeout: Duration::from_secs(30),
    output_bytes: 4096,
};
const GRACE: Duration = Duration::from_secs(10);

fn shell(line: &str) -> ExecSpec {
    ExecSpec::new(["/bin/sh", "-c", line])
}

fn file(path: &str, contents: &str) -> FileToPut {
    FileToPut {
        path: path.into(),
        contents: contents.into(),
        mode: 0o440,
        uid: 12,
        gid: 34,
        modified_secs: 1_000_000_000,
    }
}

/// The three entries of a container that speaks, read while it runs.
async fn spoken(stage: &Stage, id: &ContainerId) -> Vec<LogEntry> {
    let options = LogOptions {
        follow: true,
        ..LogOptions::default()
    };
    let entries = stage
        .engine
        .logs(id, &options)
        .await
        .unwrap()
        .take(3)
        .try_collect();
    soon("three entries", entries).await.unwrap()
}

async fn read(stage: &Stage, id: &ContainerId, options: LogOptions) -> Vec<String> {
    let entries: Vec<LogEntry> = soon(
        "the log",
        stage.engine.logs(id, &options).await.unwrap().try_collect(),
    )
    .await
    .unwrap();
    entries
        .iter()
        .map(|entry| entry.text().into_owned())
        .collect()
}

pub(crate) async fn logs_keep_stdout_and_stderr_apart_and_in_order(stage: &Stage) {
    let id = stage.run("a", Role::Speaks).await;
    let entries = spoken(stage, &id).await;
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (entry.source, entry.text().into_owned(), entry.continues))
        .collect();
    let expected = [
        (OutputSource::Stdout, "out 1".to_owned(), false),
        (OutputSource::Stderr, "err 1".to_owned(), false),
        (OutputSource::Stdout, "out 2".to_owned(), false),
    ];
    assert_eq!(seen, expected);
    assert!(entries.is_sorted_by(|a, b| a.at < b.at), "{entries:?}");
}

pub(crate) async fn logs_since_an_entry_begin_with_that_entry(stage: &Stage) {
    let id = stage.run("a", Role::Speaks).await;
    let entries = spoken(stage, &id).await;
    let since = LogOptions {
        since: Some(entries[1].at),
        ..LogOptions::default()
    };
    assert_eq!(read(stage, &id, since).await, ["err 1", "out 2"]);
    let until = LogOptions {
        until: Some(entries[1].at),
        ..LogOptions::default()
    };
    assert_eq!(
        read(stage, &id, until).await.first().map(String::as_str),
        Some("out 1")
    );
}

pub(crate) async fn logs_can_be_cut_to_the_last_entries_and_to_one_source(stage: &Stage) {
    let id = stage.run("a", Role::Speaks).await;
    spoken(stage, &id).await;
    assert_eq!(
        read(
            stage,
            &id,
            LogOptions {
                tail: Some(2),
                ..LogOptions::default()
            }
        )
        .await,
        ["err 1", "out 2"]
    );
    assert_eq!(
        read(
            stage,
            &id,
            LogOptions {
                tail: Some(0),
                ..LogOptions::default()
            }
        )
        .await,
        [""; 0]
    );
    assert_eq!(
        read(
            stage,
            &id,
            LogOptions {
                stdout: false,
                ..LogOptions::default()
            }
        )
        .await,
        ["err 1"]
    );
}

pub(crate) async fn following_a_log_ends_with_the_container(stage: &Stage) {
    let id = stage.run("a", Role::Speaks).await;
    spoken(stage, &id).await;
    let options = LogOptions {
        follow: true,
        tail: Some(1),
        ..LogOptions::default()
    };
    let following = stage
        .engine
        .logs(&id, &options)
        .await
        .unwrap()
        .try_collect::<Vec<_>>();
    let stopping = stage.engine.stop_container(&id, GRACE);
    let (entries, stopped) = soon("the end of the log", async {
        futures_util::future::join(following, stopping).await
    })
    .await;
    stopped.unwrap();
    assert_eq!(
        entries
            .unwrap()
            .last()
            .map(|entry| entry.text().into_owned())
            .as_deref(),
        Some("out 2")
    );
    let mut all = stage
        .engine
        .logs(
            &id,
            &LogOptions {
                follow: true,
                ..LogOptions::default()
            },
        )
        .await
        .unwrap();
    let count = soon("the log of what has ended", async {
        let mut count = 0;
        while all.next().await.is_some() {
            count += 1;
        }
        count
    });
    assert_eq!(count.await, 3);
}

pub(crate) async fn a_terminal_has_one_log(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Speaks);
    spec.tty = true;
    let id = stage.create_of("a", &spec).await;
    stage.engine.start_container(&id).await.unwrap();
    let entries = spoken(stage, &id).await;
    let texts: Vec<_> = entries
        .iter()
        .map(|entry| entry.text().into_owned())
        .collect();
    assert_eq!(texts, ["out 1", "err 1", "out 2"]);
    assert!(
        entries
            .iter()
            .all(|entry| entry.source == OutputSource::Terminal),
        "{entries:?}"
    );
}

pub(crate) async fn a_main_process_is_heard_from_its_start_and_its_input_ends_with_the_session(
    stage: &Stage,
) {
    let script = "echo out 1; cat > /dev/null";
    let spec = ContainerSpec {
        command: Some(["/bin/sh", "-c", script].into()),
        stdin_open: true,
        stdin_once: true,
        auto_remove: true,
        ..stage.spec("a", Role::Speaks)
    };
    let id = stage.create_of("a", &spec).await;
    let mut session = stage.engine.attach_container(&id).await.unwrap();
    stage.engine.start_container(&id).await.unwrap();
    let heard = soon("what it writes first", session.output.next()).await;
    let heard = heard.unwrap().unwrap();
    assert_eq!(
        (heard.source, heard.bytes.as_slice()),
        (OutputSource::Stdout, &b"out 1\n"[..])
    );
    let gone = stage.engine.wait_container(&id, WaitFor::Removed);
    drop(session);
    // It was created to go with its end.
    let _ = soon("the end of its input to end and remove it", gone).await;
    let found = stage.engine.inspect_container(&id).await;
    assert!(found.unwrap_err().is_not_found());
}

pub(crate) async fn an_exec_keeps_its_output_apart_and_gives_its_code(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let output = stage
        .engine
        .exec(&id, &shell("echo out; echo err >&2; exit 7"), LIMITS)
        .await
        .unwrap();
    assert_eq!(output.end, ExecEnd::Exited { code: 7 });
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (b"out\n".as_slice(), b"err\n".as_slice())
    );
    assert!(!output.truncated);
    let outcome = stage.engine.exec_state(&output.id).await.unwrap();
    assert_eq!((outcome.running, outcome.exit_code), (false, Some(7)));
}

pub(crate) async fn an_exec_keeps_no_more_output_than_asked_for(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let limits = ExecLimits {
        output_bytes: 2,
        ..LIMITS
    };
    let output = stage
        .engine
        .exec(&id, &shell("echo out; echo err >&2; exit 7"), limits)
        .await
        .unwrap();
    assert_eq!(output.end, ExecEnd::Exited { code: 7 });
    assert_eq!(
        (output.stdout.as_slice(), output.stderr.as_slice()),
        (b"ou".as_slice(), b"er".as_slice())
    );
    assert!(output.truncated);
}

pub(crate) async fn an_exec_in_a_container_that_does_not_run_is_typed_not_running(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    let refused = |error: EngineError| {
        assert!(
            matches!(&error, EngineError::NotRunning { container, .. } if *container == id.0),
            "{error:?}"
        );
    };
    refused(
        stage
            .engine
            .exec(&id, &shell("exit 0"), LIMITS)
            .await
            .unwrap_err(),
    );
    stage.engine.start_container(&id).await.unwrap();
    stage.engine.pause_container(&id).await.unwrap();
    refused(
        stage
            .engine
            .exec(&id, &shell("exit 0"), LIMITS)
            .await
            .unwrap_err(),
    );
    stage.engine.unpause_container(&id).await.unwrap();
    stage.engine.stop_container(&id, GRACE).await.unwrap();
    refused(
        stage
            .engine
            .exec(&id, &shell("exit 0"), LIMITS)
            .await
            .unwrap_err(),
    );
    stage
        .engine
        .remove_container(&id, RemoveContainer::default())
        .await
        .unwrap();
    let error = stage
        .engine
        .exec(&id, &shell("exit 0"), LIMITS)
        .await
        .unwrap_err();
    assert!(error.is_not_found(), "{error:?}");
}

pub(crate) async fn an_exec_of_a_missing_program_ends_with_126_or_127(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let output = stage
        .engine
        .exec(&id, &ExecSpec::new(["/no/such/program"]), LIMITS)
        .await
        .unwrap();
    assert!(
        matches!(output.end, ExecEnd::Exited { code: 126 | 127 }),
        "{output:?}"
    );
    assert!(
        stage
            .engine
            .inspect_container(&id)
            .await
            .unwrap()
            .state
            .is_running()
    );
}

pub(crate) async fn an_exec_that_takes_too_long_is_left_running(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let limits = ExecLimits {
        timeout: Duration::from_secs(1),
        ..LIMITS
    };
    let output = stage
        .engine
        .exec(&id, &shell("sleep 100000"), limits)
        .await
        .unwrap();
    assert_eq!(output.end, ExecEnd::StillRunning);
    let outcome = stage.engine.exec_state(&output.id).await.unwrap();
    assert_eq!((outcome.running, outcome.exit_code), (true, None));
    assert_eq!(
        stage.engine.inspect_container(&id).await.unwrap().execs,
        [output.id.0]
    );
}

pub(crate) async fn an_exec_ends_when_its_container_dies(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let session = stage
        .engine
        .exec_open(&id, &shell("sleep 100000"))
        .await
        .unwrap();
    stage.engine.kill_container(&id, "KILL").await.unwrap();
    let output = session.output.collect::<Vec<_>>();
    soon("the end of the exec's output", output).await;
    soon(
        "the end of the container",
        stage.engine.wait_container(&id, WaitFor::NotRunning),
    )
    .await
    .unwrap();
    match stage.engine.exec_state(&session.id).await {
        Ok(outcome) => assert_ne!(outcome.exit_code, Some(0), "{outcome:?}"),
        Err(error) => assert!(error.is_not_found(), "{error:?}"),
    }
}

pub(crate) async fn what_is_written_to_an_exec_reaches_it_and_its_end_too(stage: &Stage) {
    let id = stage.run("a", Role::Idles).await;
    let spec = ExecSpec {
        stdin: true,
        ..ExecSpec::new(["cat"])
    };
    let mut session = stage.engine.exec_open(&id, &spec).await.unwrap();
    let mut input = session.input.take().unwrap();
    input.write_all(b"hello").await.unwrap();
    input.shutdown().await.unwrap();
    let chunks: Vec<_> = soon("the end of its output", session.output.try_collect())
        .await
        .unwrap();
    let text: Vec<u8> = chunks.into_iter().flat_map(|chunk| chunk.bytes).collect();
    assert_eq!(text, b"hello");
    assert_eq!(
        stage
            .engine
            .exec_state(&session.id)
            .await
            .unwrap()
            .exit_code,
        Some(0)
    );
}

pub(crate) async fn files_put_into_a_container_that_never_ran_are_read_back(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    let files = [
        file("/run/secrets/one", "hunter2"),
        file("/etc/app/two.conf", ""),
    ];
    stage.engine.put_files(&id, &files).await.unwrap();
    assert_eq!(
        stage
            .engine
            .get_file(&id, "/run/secrets/one", 4096)
            .await
            .unwrap(),
        b"hunter2"
    );
    assert_eq!(
        stage
            .engine
            .get_file(&id, "/run/secrets/one", 4)
            .await
            .unwrap(),
        b"hunt"
    );
    assert_eq!(
        stage
            .engine
            .get_file(&id, "/etc/app/two.conf", 4096)
            .await
            .unwrap(),
        b""
    );
    let (stat, _) = stage
        .engine
        .get_archive(&id, "/run/secrets/one")
        .await
        .unwrap();
    assert_eq!(
        (stat.size_bytes, stat.mode, stat.is_folder),
        (7, 0o440, false)
    );
    stage
        .engine
        .put_files(&id, &[file("/run/secrets/one", "x")])
        .await
        .unwrap();
    assert_eq!(
        stage
            .engine
            .get_file(&id, "/run/secrets/one", 4096)
            .await
            .unwrap(),
        b"x"
    );
}

pub(crate) async fn a_file_put_into_a_container_is_a_change_to_its_image(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    assert_eq!(stage.engine.container_changes(&id).await.unwrap(), []);
    stage
        .engine
        .put_files(&id, &[file("/etc/app/two.conf", "")])
        .await
        .unwrap();
    let changes = stage.engine.container_changes(&id).await.unwrap();
    assert!(
        changes
            .iter()
            .any(|change| change.path == "/etc/app/two.conf"),
        "{changes:?}"
    );
}

pub(crate) async fn putting_files_into_a_read_only_container_is_typed(stage: &Stage) {
    let mut spec = stage.spec("a", Role::Idles);
    spec.security.read_only = true;
    let id = stage.create_of("a", &spec).await;
    let error = stage
        .engine
        .put_files(&id, &[file("/etc/x", "")])
        .await
        .unwrap_err();
    assert_eq!(
        error,
        EngineError::ReadOnly {
            container: id.0.clone()
        }
    );
}

pub(crate) async fn a_file_that_is_not_there_is_a_typed_not_found(stage: &Stage) {
    let id = stage.create("a", Role::Idles).await;
    let error = stage
        .engine
        .get_file(&id, "/no/such/file", 10)
        .await
        .unwrap_err();
    let name = format!("{id}:/no/such/file");
    assert_eq!(
        error,
        EngineError::NotFound {
            kind: ObjectKind::Container,
            name
        }
    );
}

pub(crate) async fn events_since_a_time_include_that_time(stage: &Stage) {
    let before = stage.engine.now().await.unwrap();
    let id = stage.run("a", Role::Idles).await;
    let filter = EventFilter {
        since: Some(before),
        ..stage.events_of(&[])
    };
    let mut events = stage.engine.events(&filter).await.unwrap();
    let first = until(&mut events, EventAction::Start).await;
    assert_eq!(first[0].action, EventAction::Create);

    // From the time of an event on, that event is given again.
    let from_start = EventFilter {
        since: Some(first[first.len() - 1].at),
        ..filter.clone()
    };
    let mut again = stage.engine.events(&from_start).await.unwrap();
    assert_eq!(until(&mut again, EventAction::Start).await.len(), 1);

    // Past and present are one stream.
    stage.engine.stop_container(&id, GRACE).await.unwrap();
    until(&mut events, EventAction::Die).await;

    // With an end in the past it ends by itself.
    let until = Some(stage.engine.now().await.unwrap());
    let closed = stage
        .engine
        .events(&EventFilter { until, ..filter })
        .await
        .unwrap();
    let closed: Vec<_> = soon("the end of the events", closed.try_collect())
        .await
        .unwrap();
    assert!(
        closed
            .iter()
            .any(|event| event.action == EventAction::Start),
        "{closed:?}"
    );
}

pub(crate) async fn events_come_in_order_and_only_those_asked_for(stage: &Stage) {
    let wanted = [
        EventAction::Create,
        EventAction::Start,
        EventAction::Die,
        EventAction::Destroy,
    ];
    let mut events = stage
        .engine
        .events(&stage.events_of(&wanted))
        .await
        .unwrap();
    let id = stage.run("a", Role::Idles).await;
    stage
        .engine
        .exec(&id, &shell("exit 0"), LIMITS)
        .await
        .unwrap();
    stage
        .engine
        .remove_container(
            &id,
            RemoveContainer {
                force: true,
                ..RemoveContainer::default()
            },
        )
        .await
        .unwrap();
    let seen = until(&mut events, EventAction::Destroy).await;
    let actions: Vec<_> = seen.iter().map(|event| event.action.clone()).collect();
    assert_eq!(actions, wanted);
    assert!(
        seen.iter()
            .all(|event| event.id == id.0 && event.kind == ObjectKind::Container),
        "{seen:?}"
    );
    assert_eq!(seen[0].attributes.get("name"), Some(&stage.name("a")));
}

pub(crate) async fn an_event_of_an_end_has_the_exit_code(stage: &Stage) {
    let mut events = stage.engine.events(&stage.events_of(&[])).await.unwrap();
    stage.run("a", Role::Ends(9)).await;
    let seen = until(&mut events, EventAction::Die).await;
    assert_eq!(
        seen.last().and_then(bowline_model::EngineEvent::exit_code),
        Some(9)
    );
}
