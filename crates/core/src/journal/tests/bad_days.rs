//! Crashes, full disks, foreign files, lost keys.
#![expect(
    clippy::disallowed_methods,
    reason = "tests of files copy, cut and break them"
)]

use std::path::Path;

use bowline_model::EventAction;
use futures_util::future::join_all;

use super::super::*;
use super::stage::*;

/// Everything that a journal says to any sqlite3.
fn told(file: &Path) -> String {
    let sqlite = rusqlite::Connection::open(file).unwrap();
    let mut lines = Vec::new();
    for (view, columns) in [
        (
            "history",
            "id, verb, who, outcome, words, by_operation, undoes",
        ),
        (
            "steps",
            "operation, step, action, undo, outcome, made, words",
        ),
        ("events", "at, action, name"),
    ] {
        let columns: Vec<String> = columns
            .split(", ")
            .map(|column| format!("coalesce({column}, '-')"))
            .collect();
        let query = format!("SELECT {} FROM {view}", columns.join(" || ' | ' || "));
        let mut query = sqlite.prepare(&query).unwrap();
        let rows = query.query_map([], |row| row.get::<_, String>(0)).unwrap();
        lines.extend(rows.map(|row| format!("{view}: {}", row.unwrap())));
    }
    lines.join("\n")
}

/// Copies what a crash would leave at this moment into another stage.
fn crash(from: &Stage) -> Stage {
    let to = Stage::new();
    to.home.stack(ENGINE, PROJECT).create().unwrap();
    let wal = |stage: &Stage| stage.file().with_extension("sqlite-wal");
    std::fs::copy(from.file(), to.file()).unwrap();
    std::fs::copy(wal(from), wal(&to)).unwrap();
    to
}

/// Writes one record of each kind, one by one, and calls `after` behind each.
async fn write_everything(journal: &Journal, mut after: impl AsyncFnMut()) {
    let (a, error) = (op("a"), "port 80 is taken".to_owned());
    let (create, start) = (step(1, create("shop-web-1")), step(2, start("shop-web-1")));
    let stop = Undo::Run(vec![stop("shop-web-1")]);
    let made = StepOutcome::Done {
        made: Some("c1".into()),
        already: false,
    };
    let failed = Outcome::Failed {
        step: start.id,
        error: error.clone(),
    };
    let next = NewOperation {
        supersedes: vec![op("a")],
        ..new("b")
    };

    journal.begin(new("a")).await.unwrap();
    after().await;
    let first = journal.intend(&a, &create, &Undo::Nothing).await.unwrap();
    after().await;
    let second = journal.intend(&a, &start, &stop).await.unwrap();
    after().await;
    journal.conclude(first, made).await.unwrap();
    after().await;
    let events = vec![event(1, EventAction::Start)];
    journal.record_events(&a, events).await.unwrap();
    after().await;
    journal.set_baseline(&a, &baseline("c1")).await.unwrap();
    after().await;
    journal
        .conclude(second, StepOutcome::Failed { error })
        .await
        .unwrap();
    after().await;
    journal.close(&a, failed).await.unwrap();
    after().await;
    journal.begin(next).await.unwrap();
    after().await;
}

#[tokio::test]
async fn a_crash_behind_any_record_loses_nothing_that_was_answered() {
    let stage = Stage::new();
    let journal = stage.open().await;
    let mut crashes = Vec::new();
    write_everything(&journal, async || {
        crashes.push((crash(&stage), told(&stage.file())));
    })
    .await;
    assert_eq!(crashes.len(), 9);
    for (left, expected) in crashes {
        let journal = left.open().await;
        assert_eq!(told(&left.file()), expected);
        // What is left can be taken over.
        let open = journal.open_operations().await.unwrap();
        journal
            .begin(NewOperation {
                supersedes: open,
                ..new("next")
            })
            .await
            .unwrap();
        journal.close(&op("next"), Outcome::Done).await.unwrap();
    }
}

#[tokio::test]
async fn a_log_cut_anywhere_is_a_prefix_of_the_truth() {
    let stage = Stage::new();
    let journal = stage.open().await;
    let mut states = vec![told(&stage.file())];
    write_everything(&journal, async || states.push(told(&stage.file()))).await;
    let wal = stage.file().with_extension("sqlite-wal");
    let whole = std::fs::read(&wal).unwrap();
    let (mut last, mut seen) = (0, 0);
    for length in (0..whole.len()).step_by(3067) {
        let left = crash(&stage);
        std::fs::write(left.file().with_extension("sqlite-wal"), &whole[..length]).unwrap();
        // Cut before the schema was complete, it is an empty journal.
        drop(left.open().await);
        let told = told(&left.file());
        let at = states
            .iter()
            .position(|state| *state == told)
            .unwrap_or_else(|| panic!("cut at {length}: {told}"));
        assert!(at >= last, "cut at {length}");
        seen += usize::from(at > last);
        last = at;
    }
    assert!(seen >= 7, "only {seen} states were seen");
}

#[tokio::test]
async fn a_full_disk_is_an_error_before_anything_is_done_and_keeps_what_was_there() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let limit = async |pages: u32| {
        let work = move |connection: &rusqlite::Connection| {
            Ok(
                connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| {
                    row.get::<_, i64>(0)
                })?,
            )
        };
        journal.inner.writer.read(work).await.unwrap()
    };
    limit(1).await;
    let mut done = 0;
    let error = loop {
        match journal
            .intend(
                &op("a"),
                &step(done + 1, create("shop-web-1")),
                &Undo::Nothing,
            )
            .await
        {
            Ok(token) => journal
                .conclude(token, StepOutcome::Failed { error: "x".into() })
                .await
                .unwrap_or_default(),
            Err(error) => break error,
        }
        done += 1;
        assert!(done < 1000);
    };
    assert!(error.is_full(), "{error:?}");
    assert!(
        error.to_string().ends_with("cannot grow: the disk is full"),
        "{error}"
    );
    // Many at once: each is told, none is half written.
    let id = op("a");
    let steps: Vec<Step> = (0..100)
        .map(|number| step(2000 + number, create("shop-web-1")))
        .collect();
    let results = join_all(
        steps
            .iter()
            .map(|step| journal.intend(&id, step, &Undo::Nothing)),
    )
    .await;
    let fine = results.iter().filter(|result| result.is_ok()).count();
    assert!(fine < 100);
    let record = journal.operation(&op("a")).await.unwrap().unwrap();
    let late = record.steps.iter().filter(|step| step.id.0 >= 2000).count();
    assert_eq!(late, fine);
    limit(1_000_000).await;
    drop(
        journal
            .intend(&op("a"), &step(5000, start("shop-web-1")), &Undo::Nothing)
            .await
            .unwrap(),
    );
}

#[tokio::test]
async fn a_newer_schema_is_refused_and_not_touched() {
    let stage = Stage::new();
    drop(stage.open().await);
    stage
        .sqlite()
        .execute_batch("PRAGMA user_version = 7")
        .unwrap();
    let before = std::fs::read(stage.file()).unwrap();
    for error in [
        stage.try_open().await.unwrap_err(),
        stage.look().await.unwrap_err(),
    ] {
        let JournalError::Storage { path, problem } = &error else {
            panic!("{error:?}")
        };
        assert_eq!(*path, stage.file());
        assert_eq!(*problem, StorageProblem::NewerSchema { found: 7, known: 1 });
        assert_eq!(error.hints(), ["update bowline"]);
    }
    assert_eq!(std::fs::read(stage.file()).unwrap(), before);
}

#[tokio::test]
async fn a_file_that_is_no_journal_is_refused_and_not_touched() {
    let foreign = |stage: &Stage| {
        stage
            .sqlite()
            .execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)")
            .unwrap();
    };
    let text = |stage: &Stage| std::fs::write(stage.file(), "dear diary\n".repeat(100)).unwrap();
    let ways: [&dyn Fn(&Stage); 2] = [&foreign, &text];
    for make in ways {
        let stage = Stage::new();
        stage.home.stack(ENGINE, PROJECT).create().unwrap();
        make(&stage);
        let before = std::fs::read(stage.file()).unwrap();
        let error = stage.try_open().await.unwrap_err();
        let expected = StorageProblem::NotAJournal;
        assert!(
            matches!(&error, JournalError::Storage { problem, .. } if *problem == expected),
            "{error:?}"
        );
        assert_eq!(std::fs::read(stage.file()).unwrap(), before);
    }
}

#[tokio::test]
async fn a_journal_of_another_stack_is_refused() {
    let stage = Stage::new();
    drop(stage.open().await);
    let other = stage.home.stack(ENGINE, "other");
    other.create().unwrap();
    std::fs::copy(stage.file(), other.journal()).unwrap();
    let error = Journal::open(&stage.home, ENGINE, "other", None, stage.clock.clone())
        .await
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("belongs to project `shop` on engine `ABCD:EFGH`"),
        "{error}"
    );
}

#[tokio::test]
async fn a_file_that_cannot_be_opened_is_named() {
    let stage = Stage::new();
    std::fs::create_dir_all(stage.file()).unwrap();
    let error = stage.try_open().await.unwrap_err();
    assert!(
        matches!(&error, JournalError::File(error) if error.path == stage.file()),
        "{error:?}"
    );
}

#[tokio::test]
async fn looking_makes_nothing_and_writes_nothing() {
    let stage = Stage::new();
    assert!(stage.look().await.unwrap().is_none());
    assert!(!stage.home.state().exists());
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    let look = stage.look().await.unwrap().unwrap();
    assert_eq!(
        look.history(9).await.unwrap(),
        journal.history(9).await.unwrap()
    );
    let error = look.begin(new("b")).await.unwrap_err();
    let expected = StorageProblem::ReadOnly;
    assert!(
        matches!(&error, JournalError::Storage { problem, .. } if *problem == expected),
        "{error:?}"
    );
}

#[tokio::test]
async fn no_secret_is_in_any_file_of_the_stack() {
    let stage = Stage::new();
    let journal = stage.open().await;
    let contains = |place: &str| {
        for file in std::fs::read_dir(stage.home.stack(ENGINE, PROJECT).folder()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(SECRET.len())
                .any(|window| window == SECRET.as_bytes());
            assert!(!found, "{place}: {}", path.display());
        }
    };
    write_everything(&journal, async || contains("in the log")).await;
    assert_eq!(journal.goal(&op("a")).await.unwrap(), up());
    drop(journal);
    contains("closed");
}

#[tokio::test]
async fn with_another_key_the_past_is_told_and_new_things_are_done() {
    let mut stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    journal
        .set_baseline(&op("a"), &baseline("c1"))
        .await
        .unwrap();
    drop(journal);
    let old = stage
        .sealer
        .replace(Sealer::of_key(&[8; 32]))
        .unwrap()
        .key_id();
    let journal = stage.open().await;
    assert_eq!(journal.other_key().await.unwrap(), Some(old));
    assert_eq!(journal.history(9).await.unwrap()[0].outcome, Outcome::Done);
    let record = journal.operation(&op("a")).await.unwrap().unwrap();
    assert_eq!(record.steps[0].action, "start container shop-web-1");
    assert!(record.steps[0].intended.is_err());
    let error = journal.goal(&op("a")).await.unwrap_err();
    assert!(
        matches!(
            &error,
            JournalError::Sealed {
                reason: SealError::OtherKey { .. },
                ..
            }
        ),
        "{error:?}"
    );
    insta::assert_snapshot!(error, @"the goal of op-a cannot be read: it was sealed with host key `5eb3ac49`, this host has `a6c645f6`");
    let container = ContainerId("c1".into());
    let remembered = journal.remembered(vec![container.clone()]).await.unwrap();
    assert!(
        remembered.memory.baselines.is_empty() && remembered.unreadable.contains_key(&container)
    );
    carried_out(&journal, new("b"), "shop-web-1").await;
    assert_eq!(journal.goal(&op("b")).await.unwrap(), up());
    assert_eq!(journal.other_key().await.unwrap(), None);
}

#[tokio::test]
async fn without_a_key_a_stack_is_taken_down_but_not_brought_up() {
    let mut stage = Stage::new();
    stage.sealer = None;
    let journal = stage.open().await;
    assert_eq!(
        journal.begin(new("a")).await,
        Err(JournalError::NeedsKey { verb: "up" })
    );
    carried_out(
        &journal,
        NewOperation {
            goal: down(),
            ..new("b")
        },
        "shop-web-1",
    )
    .await;
    let record = journal.operation(&op("b")).await.unwrap().unwrap();
    let reason = SealError::NeverSealed;
    assert!(
        matches!(&record.steps[0].intended, Err(JournalError::Sealed { reason: found, .. }) if *found == reason)
    );
    assert_eq!(record.steps[0].undo, "stop container shop-web-1");
}

#[tokio::test]
async fn records_are_never_changed_nor_deleted() {
    let stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    let sqlite = stage.sqlite();
    for table in ["operation", "operation_end", "step", "step_end"] {
        let error = sqlite
            .execute(&format!("DELETE FROM {table}"), [])
            .unwrap_err();
        assert!(
            error.to_string().contains("never deleted"),
            "{table}: {error}"
        );
        let error = sqlite
            .execute(&format!("UPDATE {table} SET number = 99"), [])
            .unwrap_err();
        assert!(
            error.to_string().contains("never changed"),
            "{table}: {error}"
        );
    }
}

#[tokio::test]
async fn any_sqlite_can_read_what_happened() {
    let stage = Stage::new();
    let journal = stage.open().await;
    write_everything(&journal, async || {}).await;
    insta::assert_snapshot!(told(&stage.file()), @r"
    history: op-a | up | ann@west | superseded | - | op-b | -
    history: op-b | up | ann@west | open | - | - | -
    steps: op-a | 1 | create container shop-web-1 | nothing | done | c1 | -
    steps: op-a | 2 | start container shop-web-1 | stop container shop-web-1 | failed | - | port 80 is taken
    events: 2027-01-15T08:00:01.000000000Z | start | shop-web-1
    ");
}

#[tokio::test]
async fn two_processes_that_begin_at_once_do_not_both() {
    let stage = Stage::new();
    let (one, two) = (stage.open().await, stage.open().await);
    let (one, two) = tokio::join!(one.begin(new("a")), two.begin(new("b")));
    let refused = [one, two]
        .into_iter()
        .filter_map(std::result::Result::err)
        .collect::<Vec<_>>();
    assert!(
        matches!(refused.as_slice(), [JournalError::StillOpen { .. }]),
        "{refused:?}"
    );
}

#[tokio::test]
async fn what_waits_together_is_written_together_and_completely() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let id = op("a");
    let steps: Vec<Step> = (1..=500)
        .map(|number| step(number, start("shop-web-1")))
        .collect();
    let tokens = join_all(
        steps
            .iter()
            .map(|step| journal.intend(&id, step, &Undo::Nothing)),
    )
    .await;
    join_all(
        tokens
            .into_iter()
            .map(|token| journal.conclude(token.unwrap(), done())),
    )
    .await;
    let record = journal.operation(&op("a")).await.unwrap().unwrap();
    assert_eq!(record.steps.len(), 500);
    assert!(record.steps.iter().all(|step| step.outcome == done()));
    journal.close(&op("a"), Outcome::Done).await.unwrap();
}

#[tokio::test]
async fn many_that_open_a_new_journal_at_once_all_do() {
    let stage = Stage::new();
    let opened = join_all((0..20).map(|_| stage.try_open())).await;
    let journals: Vec<Journal> = opened.into_iter().collect::<Result<_>>().unwrap();
    journals[0].begin(new("a")).await.unwrap();
    for journal in &journals {
        assert_eq!(journal.open_operations().await.unwrap(), [op("a")]);
    }
}
