//! What is written is read back, in order and with its relations; what is not legal is not written.

use bowline_model::EventAction;

use super::super::*;
use super::stage::*;

#[tokio::test]
async fn an_operation_is_read_back_with_its_steps_after_a_reopen() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let (create, undo) = (
        step(2, create("shop-web-1")),
        Undo::Impossible {
            because: "it is a test".into(),
        },
    );
    let token = journal.intend(&op("a"), &create, &undo).await.unwrap();
    assert_eq!(
        (token.operation(), token.step(), token.action()),
        (&op("a"), StepId(2), &create.action)
    );
    let made = StepOutcome::Done {
        made: Some("c1".into()),
        already: false,
    };
    journal.conclude(token, made.clone()).await.unwrap();
    let open = journal
        .intend(&op("a"), &step(3, start("shop-web-1")), &Undo::Nothing)
        .await
        .unwrap();
    drop(open);
    drop(journal);

    let journal = stage.open().await;
    let record = journal.operation(&op("a")).await.unwrap().unwrap();
    assert_eq!(record.operation.verb, "up");
    assert_eq!(record.operation.actor, actor());
    assert_eq!(record.operation.outcome, Outcome::Open);
    assert_eq!(record.plan, plan().to_string());
    let [first, second] = record.steps.as_slice() else {
        panic!("{record:?}")
    };
    assert_eq!(first.intended, Ok(Intended { step: create, undo }));
    assert_eq!(
        (&first.action, &first.undo),
        (
            &"create container shop-web-1".to_owned(),
            &"impossible: it is a test".to_owned()
        )
    );
    assert_eq!(first.outcome, made);
    assert!(first.ended > Some(first.began));
    assert_eq!(
        (second.id, &second.outcome, second.ended),
        (StepId(3), &StepOutcome::Open, None)
    );
    assert_eq!(journal.goal(&op("a")).await.unwrap(), up());
    assert_eq!(journal.plan(&op("a")).await.unwrap(), plan());
    assert_eq!(journal.open_operations().await.unwrap(), [op("a")]);
    assert_eq!(journal.operation(&op("b")).await.unwrap(), None);
}

#[tokio::test]
async fn a_step_acts_once() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let step = step(1, start("shop-web-1"));
    let token = journal
        .intend(&op("a"), &step, &Undo::Nothing)
        .await
        .unwrap();
    let again = journal
        .intend(&op("a"), &step, &Undo::Nothing)
        .await
        .unwrap_err();
    assert_eq!(
        again,
        JournalError::IntendedAlready {
            operation: op("a"),
            step: StepId(1)
        }
    );
    journal.conclude(token, done()).await.unwrap();
    let error = journal
        .settle(&op("a"), StepId(1), done())
        .await
        .unwrap_err();
    let expected = JournalError::IllegalStep {
        operation: op("a"),
        step: StepId(1),
        from: "done",
        to: "done",
    };
    assert_eq!(error, expected);
    assert!(matches!(
        journal.settle(&op("a"), StepId(9), done()).await,
        Err(JournalError::UnknownStep { .. })
    ));
}

#[tokio::test]
async fn an_operation_does_not_end_before_its_steps() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let token = journal
        .intend(&op("a"), &step(1, start("shop-web-1")), &Undo::Nothing)
        .await
        .unwrap();
    let error = journal.close(&op("a"), Outcome::Done).await.unwrap_err();
    assert_eq!(
        error,
        JournalError::OpenSteps {
            operation: op("a"),
            steps: vec![StepId(1)]
        }
    );
    journal
        .conclude(
            token,
            StepOutcome::Unknown {
                because: "the engine is gone".into(),
            },
        )
        .await
        .unwrap();
    journal.settle(&op("a"), StepId(1), done()).await.unwrap();
    journal.close(&op("a"), Outcome::Done).await.unwrap();
    let late = journal
        .intend(&op("a"), &step(2, start("shop-web-1")), &Undo::Nothing)
        .await
        .unwrap_err();
    assert!(
        matches!(
            late,
            JournalError::IllegalStep {
                from: "done",
                to: "begun",
                ..
            }
        ),
        "{late:?}"
    );
}

#[tokio::test]
async fn at_most_one_operation_is_open_and_the_next_takes_it_over() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    drop(
        journal
            .intend(&op("a"), &step(1, start("shop-web-1")), &Undo::Nothing)
            .await
            .unwrap(),
    );
    let error = journal.begin(new("b")).await.unwrap_err();
    assert_eq!(
        error,
        JournalError::StillOpen {
            operations: vec![op("a")]
        }
    );
    assert_eq!(journal.operation(&op("b")).await.unwrap(), None);

    journal
        .begin(NewOperation {
            supersedes: vec![op("a")],
            ..new("b")
        })
        .await
        .unwrap();
    let a = journal.operation(&op("a")).await.unwrap().unwrap();
    assert_eq!(a.operation.outcome, Outcome::Superseded { by: op("b") });
    assert!(matches!(a.steps[0].outcome, StepOutcome::Unknown { .. }));
    assert_eq!(journal.open_operations().await.unwrap(), [op("b")]);
    // What was taken over is not taken over again.
    journal.close(&op("b"), Outcome::Interrupted).await.unwrap();
    let error = journal
        .begin(NewOperation {
            supersedes: vec![op("a")],
            ..new("c")
        })
        .await
        .unwrap_err();
    assert_eq!(
        error,
        JournalError::Illegal {
            operation: op("a"),
            from: "superseded",
            to: "superseded"
        }
    );
}

fn undo(name: &str, of: &str) -> NewOperation {
    let goal = Goal::Undo { operation: op(of) };
    NewOperation {
        goal,
        undoes: Some(op(of)),
        ..new(name)
    }
}

#[tokio::test]
async fn an_operation_is_undone_when_its_undo_is_done_and_not_before() {
    let stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    journal.begin(undo("b", "a")).await.unwrap();
    let outcome = async |id: &str| {
        journal
            .operation(&op(id))
            .await
            .unwrap()
            .unwrap()
            .operation
            .outcome
    };
    assert_eq!(outcome("a").await, Outcome::Done);
    journal
        .close(
            &op("b"),
            Outcome::Stuck {
                state: "web is stopped".into(),
            },
        )
        .await
        .unwrap();
    assert_eq!(outcome("a").await, Outcome::Done);
    journal
        .begin(NewOperation {
            supersedes: vec![op("b")],
            ..undo("c", "a")
        })
        .await
        .unwrap();
    journal.close(&op("c"), Outcome::Done).await.unwrap();
    assert_eq!(outcome("a").await, Outcome::Undone { by: op("c") });
    assert_eq!(outcome("b").await, Outcome::Superseded { by: op("c") });
    let again = journal.begin(undo("d", "a")).await.unwrap_err();
    assert_eq!(
        again,
        JournalError::Illegal {
            operation: op("a"),
            from: "undone",
            to: "undone"
        }
    );
    // An undo is undone like any other.
    carried_out(&journal, undo("e", "c"), "shop-web-1").await;
    assert_eq!(outcome("c").await, Outcome::Undone { by: op("e") });
}

#[tokio::test]
async fn undoing_an_operation_whose_process_died_interrupts_it_first() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    journal.begin(undo("b", "a")).await.unwrap();
    assert_eq!(journal.open_operations().await.unwrap(), [op("b")]);
    journal.close(&op("b"), Outcome::Done).await.unwrap();
    let history = journal.history(9).await.unwrap();
    let ended: Vec<_> = history
        .iter()
        .map(|operation| (operation.id.0.as_str(), &operation.outcome))
        .collect();
    assert_eq!(
        ended,
        [
            ("op-b", &Outcome::Done),
            ("op-a", &Outcome::Undone { by: op("b") })
        ]
    );
    assert_eq!(history[0].undoes, Some(op("a")));
}

#[tokio::test]
async fn later_changes_of_the_same_objects_are_named_and_what_was_taken_back_is_not() {
    let stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    carried_out(&journal, new("b"), "shop-db-1").await;
    assert_eq!(journal.touched_later(&op("a")).await.unwrap(), []);
    carried_out(&journal, new("c"), "shop-web-1").await;
    let touched = Touched {
        operation: op("c"),
        kind: ObjectKind::Container,
        name: "shop-web-1".into(),
    };
    assert_eq!(journal.touched_later(&op("a")).await.unwrap(), [touched]);
    carried_out(&journal, undo("d", "c"), "shop-web-1").await;
    assert_eq!(journal.touched_later(&op("a")).await.unwrap(), []);
    assert_eq!(journal.touched_later(&op("b")).await.unwrap(), []);
}

#[tokio::test]
async fn baselines_and_readiness_go_with_their_container() {
    let stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    let (kept, container) = (baseline("c1"), ContainerId("c1".into()));
    let started = Timestamp::from_nanosecond(1_800_000_000_123_456_789).unwrap();
    journal.set_baseline(&op("a"), &kept).await.unwrap();
    journal.set_baseline(&op("a"), &kept).await.unwrap();
    journal.set_ready(&container, started).await.unwrap();
    journal.set_ready(&container, started).await.unwrap();
    drop(journal);
    let journal = stage.open().await;
    assert_eq!(
        journal.baseline(&container).await.unwrap(),
        Some(kept.clone())
    );
    assert!(journal.is_ready(&container, started).await.unwrap());
    assert!(
        !journal
            .is_ready(&container, Timestamp::UNIX_EPOCH)
            .await
            .unwrap()
    );
    let other = ContainerId("c2".into());
    let remembered = journal
        .remembered(vec![container.clone(), other])
        .await
        .unwrap();
    assert_eq!(
        remembered.memory.baselines,
        [(container.clone(), kept)].into()
    );
    assert_eq!(
        remembered.memory.ready,
        [(container.clone(), started)].into()
    );
    journal.forget(vec![container.clone()]).await.unwrap();
    journal.forget(vec![container.clone()]).await.unwrap();
    assert_eq!(journal.baseline(&container).await.unwrap(), None);
    assert!(!journal.is_ready(&container, started).await.unwrap());
}

#[tokio::test]
async fn events_are_kept_once_and_without_foreign_labels() {
    let stage = Stage::new();
    let journal = stage.open().await;
    journal.begin(new("a")).await.unwrap();
    let told = vec![
        event(2, EventAction::Die),
        event(1, EventAction::Start),
        event(3, EventAction::Oom),
    ];
    journal.record_events(&op("a"), told.clone()).await.unwrap();
    journal.record_events(&op("a"), told).await.unwrap();
    let kept = journal.events(&op("a")).await.unwrap();
    let actions: Vec<_> = kept.iter().map(|event| event.action.clone()).collect();
    assert_eq!(
        actions,
        [EventAction::Start, EventAction::Die, EventAction::Oom]
    );
    assert_eq!(kept[1].exit_code(), Some(137));
    assert_eq!(kept[0].attributes.get("com.example.token"), None);
    let gap = Gap {
        since: kept[0].at,
        until: kept[2].at,
    };
    journal.record_gap(&op("a"), gap).await.unwrap();
    assert_eq!(journal.gaps(&op("a")).await.unwrap(), [gap]);
}

#[tokio::test]
async fn what_is_passed_through_is_one_line() {
    let stage = Stage::new();
    let journal = stage.open().await;
    let passed = Passed {
        at: None,
        actor: actor(),
        verb: "exec".into(),
        subject: "web".into(),
        words: "sh".into(),
    };
    journal.pass(passed.clone()).await.unwrap();
    let kept = journal.passes(9).await.unwrap();
    assert!(kept[0].at.is_some());
    assert_eq!(
        kept,
        [Passed {
            at: kept[0].at,
            ..passed
        }]
    );
}

#[tokio::test]
async fn operations_of_another_state_home_are_told_apart() {
    let stage = Stage::new();
    let journal = stage.open().await;
    carried_out(&journal, new("a"), "shop-web-1").await;
    assert_eq!(
        journal
            .unknown_operations(vec![op("a"), op("x")])
            .await
            .unwrap(),
        [op("x")]
    );
}

#[test]
fn ids_are_what_they_promise() {
    let ids: std::collections::BTreeSet<String> =
        (0..1000).map(|_| new_operation_id().unwrap().0).collect();
    assert_eq!(ids.len(), 1000);
    for id in ids {
        let letters = id.strip_prefix("op-").unwrap();
        assert!(
            letters.len() == 12
                && letters
                    .bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{id}"
        );
    }
}
