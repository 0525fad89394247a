//! Nothing that the engine says is lost while it can be had, and nothing is written that is not the stack's.

use std::os::unix::fs::MetadataExt as _;
use std::sync::{Mutex, PoisonError};

use bowline_engine::fake::FakeEngine;
use bowline_engine::{Sent, Tap, Unreachable};
use bowline_model::{Actor, ContainerSpec, Goal, ImageConfig, Labels, NetworkSpec, Outcome, Plan};
use futures_util::{FutureExt as _, stream};

use super::*;
use crate::{NewOperation, StateHome, SystemClock};

const OPERATION: &str = "op-a";

async fn journal() -> (tempfile::TempDir, Journal) {
    let folder = tempfile::tempdir().unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
    let euid = folder.path().metadata().unwrap().uid();
    let home = StateHome::at(
        folder.path().join("state"),
        folder.path().join("config"),
        euid,
    );
    let journal = Journal::open(&home, "E", "shop", None, Arc::new(SystemClock))
        .await
        .unwrap();
    let begun = NewOperation {
        id: OperationId(OPERATION.into()),
        goal: Goal::Start {
            services: Vec::new(),
        },
        plan: Plan::default(),
        actor: Actor {
            user: "ann".into(),
            host: "west".into(),
            pid: 1,
        },
        undoes: None,
        supersedes: Vec::new(),
    };
    journal.begin(begun).await.unwrap();
    (folder, journal)
}

fn scope() -> Scope {
    Scope {
        project: "shop".into(),
        names: ["shop_default".to_owned()].into(),
    }
}

fn spec(project: &str) -> ContainerSpec {
    ContainerSpec {
        image: "web:1".into(),
        labels: Labels::from([(label::PROJECT, project)]),
        ..ContainerSpec::default()
    }
}

async fn words(journal: &Journal) -> Vec<String> {
    let events = journal
        .events(&OperationId(OPERATION.into()))
        .await
        .unwrap();
    let name = |event: &EngineEvent| event.attributes.get("name").cloned().unwrap_or_default();
    events
        .iter()
        .map(|event| format!("{} {}", event.action.word(), name(event)))
        .collect()
}

fn start(source: impl Source + 'static, journal: &Journal, since: Timestamp) -> Recorder {
    Recorder::listen(
        Box::new(source),
        journal.clone(),
        OperationId(OPERATION.into()),
        scope(),
        since,
    )
}

#[tokio::test]
async fn everything_of_the_stack_is_recorded_and_nothing_else() {
    let engine = FakeEngine::new();
    engine.add_image("web:1", ImageConfig::default());
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let (_folder, journal) = journal().await;
    let since = engine.now().await.unwrap();
    // Before the recorder listens, and still from the first on.
    let network = NetworkSpec {
        name: "shop_default".into(),
        ..NetworkSpec::default()
    };
    engine.create_network(&network).await.unwrap();
    let web = engine
        .create_container("shop-web-1", &spec("shop"))
        .await
        .unwrap()
        .id;
    let recorder = start(Arc::clone(&engine), &journal, since);
    engine.start_container(&web).await.unwrap();
    let other = engine
        .create_container("other-web-1", &spec("other"))
        .await
        .unwrap()
        .id;
    engine.start_container(&other).await.unwrap();
    engine.stop_container(&web, Duration::ZERO).await.unwrap();
    let result = recorder.finish().await;
    assert!(
        result.complete && result.gaps == 0 && result.error.is_none(),
        "{result:?}"
    );
    let words = words(&journal).await;
    for expected in [
        "create shop_default",
        "create shop-web-1",
        "start shop-web-1",
        "die shop-web-1",
        "stop shop-web-1",
    ] {
        assert_eq!(
            words.iter().filter(|word| *word == expected).count(),
            1,
            "{expected}: {words:?}"
        );
    }
    assert!(
        !words.iter().any(|word| word.contains("other")),
        "{words:?}"
    );
    // Nothing runs on behind it.
    engine.start_container(&web).await.unwrap();
    assert_eq!(
        journal
            .events(&OperationId(OPERATION.into()))
            .await
            .unwrap()
            .len(),
        words.len()
    );
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_is_away_at_first_is_asked_again() {
    let fake = FakeEngine::new();
    fake.add_image("web:1", ImageConfig::default());
    let inner: Arc<dyn Engine> = Arc::new(fake);
    let (_folder, journal) = journal().await;
    let since = inner.now().await.unwrap();
    let tap = Arc::new(Tap::new(Arc::clone(&inner)));
    tap.gone_from(0);
    let engine: Arc<dyn Engine> = tap.clone();
    let recorder = start(engine, &journal, since);
    // sleeps because: the runtime's clock is paused, this is how it goes on
    tokio::time::sleep(Duration::from_secs(20)).await;
    assert!(
        tap.calls().len() < 20,
        "asked too often: {}",
        tap.calls().len()
    );
    inner
        .create_container("shop-web-1", &spec("shop"))
        .await
        .unwrap();
    tap.reset();
    while words(&journal).await.is_empty() {
        // sleeps because: the runtime's clock is paused, this is how it goes on
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(recorder.finish().await.gaps, 1);
    assert_eq!(words(&journal).await, ["create shop-web-1"]);
}

/// An engine that says what is in its script: each connection gives some events and breaks.
#[derive(Default)]
struct Scripted {
    connections: Mutex<VecDeque<Vec<EngineEvent>>>,
    asked: Arc<Mutex<Vec<EventFilter>>>,
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn event(second: i64, action: EventAction) -> EngineEvent {
    let attributes = [(label::PROJECT, "shop"), ("name", "shop-web-1")];
    EngineEvent {
        at: at(second),
        kind: ObjectKind::Container,
        action,
        id: "c1".into(),
        attributes: attributes
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

#[async_trait]
impl Source for Scripted {
    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>, EngineError> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(filter.clone());
        let next = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front();
        let broken = EngineError::Unreachable {
            endpoint: "/fake.sock".into(),
            request: "GET /events".into(),
            reason: Unreachable::Closed("end of file".into()),
            sent: Sent::Maybe,
        };
        match (next, filter.until) {
            (Some(events), _) => Ok(stream::iter(events.into_iter().map(Ok))
                .chain(stream::iter([Err(broken)]))
                .boxed()),
            (None, Some(_)) => Ok(stream::empty().boxed()),
            (None, None) => Ok(stream::pending().boxed()),
        }
    }

    async fn now(&self) -> Result<Timestamp, EngineError> {
        Ok(at(1000))
    }
}

#[tokio::test]
async fn a_broken_connection_goes_on_from_the_last_event_and_is_noted() {
    let (_folder, journal) = journal().await;
    let source = Scripted::default();
    *source.connections.lock().unwrap() = VecDeque::from([
        vec![event(1, EventAction::Create), event(2, EventAction::Start)],
        // The engine gives the last one again.
        vec![
            event(2, EventAction::Start),
            event(5, EventAction::Oom),
            event(5, EventAction::Die),
        ],
    ]);
    let asked = Arc::clone(&source.asked);
    let recorder = start(source, &journal, at(0));
    while asked.lock().unwrap().len() < 3 {
        tokio::task::yield_now().await;
    }
    let result = recorder.finish().await;
    assert_eq!((result.events, result.gaps, result.complete), (5, 2, true));
    let told = words(&journal).await;
    assert_eq!(
        told,
        [
            "create shop-web-1",
            "start shop-web-1",
            "oom shop-web-1",
            "die shop-web-1"
        ]
    );
    let gaps = journal.gaps(&OperationId(OPERATION.into())).await.unwrap();
    assert_eq!(
        gaps,
        [
            Gap {
                since: at(2),
                until: at(1000)
            },
            Gap {
                since: at(5),
                until: at(1000)
            }
        ]
    );
    let since: Vec<_> = asked
        .lock()
        .unwrap()
        .iter()
        .map(|filter| filter.since.unwrap())
        .collect();
    assert_eq!(since, [at(0), at(2), at(5), at(5)]);
}

#[tokio::test]
async fn ten_thousand_events_are_written_by_the_handful() {
    let (_folder, journal) = journal().await;
    let source = Scripted::default();
    let asked = Arc::clone(&source.asked);
    let crash_loop = (0..10_000)
        .map(|second| event(second, EventAction::Die))
        .collect();
    *source.connections.lock().unwrap() = VecDeque::from([crash_loop]);
    let recorder = start(source, &journal, at(0));
    // It asks again when all of it is written.
    while asked.lock().unwrap().len() < 2 {
        tokio::task::yield_now().await;
    }
    let result = recorder.finish().await;
    assert_eq!(result.events, 10_000);
    let kept = journal
        .events(&OperationId(OPERATION.into()))
        .await
        .unwrap();
    assert_eq!(kept.len(), 10_000);
}

#[tokio::test]
async fn a_journal_that_takes_nothing_is_told_at_the_end() {
    let (_folder, journal) = journal().await;
    let operation = OperationId("op-unknown".into());
    let source = Scripted::default();
    *source.connections.lock().unwrap() = VecDeque::from([vec![event(1, EventAction::Start)]]);
    let recorder = Recorder::listen(
        Box::new(source),
        journal.clone(),
        operation.clone(),
        scope(),
        at(0),
    );
    let result = recorder.finish().await;
    assert_eq!(
        result.error,
        Some(JournalError::UnknownOperation(operation))
    );
    journal
        .close(&OperationId(OPERATION.into()), Outcome::Done)
        .await
        .unwrap();
}

#[test]
fn what_would_drown_the_engines_memory_is_not_asked_for() {
    let words: Vec<&str> = LIFE_ACTIONS.iter().map(EventAction::word).collect();
    assert!(
        !words
            .iter()
            .any(|word| word.starts_with("exec") || word.starts_with("health") || word.is_empty()),
        "{words:?}"
    );
    for needed in ["start", "die", "oom"] {
        assert!(words.contains(&needed), "{needed}");
    }
}

fn said(action: EventAction, id: &str) -> EngineEvent {
    EngineEvent {
        at: Timestamp::UNIX_EPOCH,
        kind: ObjectKind::Container,
        action,
        id: id.into(),
        attributes: std::collections::BTreeMap::new(),
    }
}

#[tokio::test]
async fn only_one_that_was_told_to_stop_counts_as_stopped_when_it_ends() {
    let (ended, listening) = watch::channel(BTreeSet::new());
    let mut stops = Stops {
        told: BTreeSet::new(),
        ended,
    };
    let stopped = Stopped(listening);
    let id = ContainerId("a".into());
    let has_ended = || stopped.wait(&id).now_or_never().is_some();
    // It crashed, and the engine may start it again.
    stops.note(&said(EventAction::Die, "a"));
    assert!(!has_ended());
    stops.note(&said(EventAction::Start, "a"));
    stops.note(&said(EventAction::Kill, "a"));
    assert!(!has_ended());
    stops.note(&said(EventAction::Die, "b"));
    assert!(!has_ended());
    stops.note(&said(EventAction::Die, "a"));
    assert!(has_ended());
    stops.note(&said(EventAction::Start, "a"));
    assert!(!has_ended());
}

#[tokio::test]
async fn a_stop_shows_before_the_engine_answers_it() {
    let engine = FakeEngine::new();
    engine.add_image("web:1", ImageConfig::default());
    let engine: Arc<dyn Engine> = Arc::new(engine);
    let (_folder, journal) = journal().await;
    let since = engine.now().await.unwrap();
    let web = engine.create_container("shop-web-1", &spec("shop")).await;
    let web = web.unwrap().id;
    engine.start_container(&web).await.unwrap();
    let recorder = start(Arc::clone(&engine), &journal, since);
    let stopped = recorder.stopped();
    engine.stop_container(&web, Duration::ZERO).await.unwrap();
    stopped.wait(&web).await;
    recorder.finish().await;
}
