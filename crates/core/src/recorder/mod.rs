//! Writes down what the engine says about a stack during an operation, since the engine forgets it.
//!
//! It listens from a time before the first step, over restarts of the engine, until it is told that the
//! operation has ended. What is recorded twice is kept once, so it may ask for more than it needs. It holds at
//! most one handful of events in memory: it asks for more when those are on the disk. It decides nothing, and a
//! failure of it fails no operation.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bowline_engine::{Engine, EngineError, EventFilter, LIFE_ACTIONS, Stream};
use bowline_model::{ContainerId, EngineEvent, EventAction, ObjectKind, OperationId, label};
use futures_util::StreamExt as _;
use jiff::Timestamp;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::{Gap, Journal, JournalError};

/// How many events are written at once.
const HANDFUL: usize = 64;

/// How long is waited before the engine is asked again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// How long the end of an operation waits for the last events.
const LAST_CALL: Duration = Duration::from_secs(5);

/// Containers whose network events are wanted; beyond that the oldest are forgotten.
const CONTAINERS: usize = 4096;

/// Which events belong to a stack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope {
    /// The project: containers are known by its label.
    pub project: String,
    /// Names of its networks and volumes, whose events carry no labels.
    pub names: BTreeSet<String>,
}

/// What was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recorded {
    /// Events that were written, those written twice counted twice.
    pub events: u64,
    /// How often the connection was lost. The journal has the times.
    pub gaps: u32,
    /// Whether the engine was asked, at the end, for everything that it knows.
    pub complete: bool,
    /// The first error of the journal; events were lost.
    pub error: Option<JournalError>,
}

/// A recorder at work. Dropping it ends it at once; [`Recorder::finish`] waits for the last events.
#[derive(Debug)]
pub struct Recorder {
    stop: Option<oneshot::Sender<()>>,
    work: JoinHandle<Recorded>,
    stopped: Stopped,
}

/// Containers that were told to stop and have ended since, by the engine's events.
///
/// An engine says that a process has ended as soon as it has, and answers the request to stop it only when it has
/// put away everything else.
#[derive(Clone, Debug)]
pub struct Stopped(watch::Receiver<BTreeSet<String>>);

impl Stopped {
    /// Knows of no container, and never will.
    pub fn none() -> Self {
        Self(watch::channel(BTreeSet::new()).1)
    }

    /// Returns when a container has ended that was told to; never, where nobody listens any more.
    pub async fn wait(&self, container: &ContainerId) {
        let mut stopped = self.0.clone();
        if stopped
            .wait_for(|stopped| stopped.contains(&container.0))
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

/// What is known of the containers that were told to stop.
#[derive(Debug)]
struct Stops {
    /// Told, and not ended yet.
    told: BTreeSet<String>,
    ended: watch::Sender<BTreeSet<String>>,
}

impl Stops {
    /// Takes in an event of a container. One that ends without having been told to may be started again.
    fn note(&mut self, event: &EngineEvent) {
        let id = &event.id;
        match event.action {
            EventAction::Kill => {
                self.told.insert(id.clone());
            }
            EventAction::Die if self.told.remove(id) => {
                self.ended.send_modify(|ended| {
                    ended.insert(id.clone());
                });
            }
            EventAction::Start => {
                self.told.remove(id);
                self.ended.send_if_modified(|ended| ended.remove(id));
            }
            _ => {}
        }
    }
}

/// The two things that a recorder asks of an engine.
#[async_trait]
trait Source: Send + Sync {
    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>, EngineError>;
    async fn now(&self) -> Result<Timestamp, EngineError>;
}

#[async_trait]
impl Source for Arc<dyn Engine> {
    async fn events(&self, filter: &EventFilter) -> Result<Stream<EngineEvent>, EngineError> {
        self.as_ref().events(filter).await
    }

    async fn now(&self) -> Result<Timestamp, EngineError> {
        self.as_ref().now().await
    }
}

impl Recorder {
    /// Begins to record for an operation that has begun in the journal.
    ///
    /// `since` is a time of the engine's before the first step, such as when the stack was observed: as far as the
    /// engine remembers (256 events), nothing between that and now is missed, so this waits for nothing.
    pub fn start(
        engine: Arc<dyn Engine>,
        journal: Journal,
        operation: OperationId,
        scope: Scope,
        since: Timestamp,
    ) -> Self {
        Self::listen(Box::new(engine), journal, operation, scope, since)
    }

    fn listen(
        source: Box<dyn Source>,
        journal: Journal,
        operation: OperationId,
        scope: Scope,
        since: Timestamp,
    ) -> Self {
        let (stop, stopped) = oneshot::channel();
        let (ended, listening) = watch::channel(BTreeSet::new());
        let stops = Stops {
            told: BTreeSet::new(),
            ended,
        };
        let work = Work {
            source,
            journal,
            operation,
            scope,
            last: since,
            containers: VecDeque::new(),
            stops,
            recorded: Recorded::default(),
        };
        Self {
            stop: Some(stop),
            work: tokio::spawn(work.run(stopped)),
            stopped: Stopped(listening),
        }
    }

    /// The containers that were told to stop and have ended.
    pub fn stopped(&self) -> Stopped {
        self.stopped.clone()
    }

    /// Records what the engine has said up to now, and ends. Takes at most some seconds.
    pub async fn finish(mut self) -> Recorded {
        // Without the sender it ends as well.
        drop(self.stop.take());
        let ended = (&mut self.work).await;
        ended.unwrap_or_default()
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        if self.stop.is_some() {
            self.work.abort();
        }
    }
}

struct Work {
    source: Box<dyn Source>,
    journal: Journal,
    operation: OperationId,
    scope: Scope,
    /// Time of the last event that was seen.
    last: Timestamp,
    containers: VecDeque<String>,
    stops: Stops,
    recorded: Recorded,
}

impl Work {
    async fn run(mut self, mut stopped: oneshot::Receiver<()>) -> Recorded {
        let mut pause = FIRST_PAUSE;
        let mut lost = false;
        loop {
            // A source that answers always must not keep a stop from being seen.
            let more = tokio::select! {
                biased;
                _ = &mut stopped => break,
                more = self.connect(&mut lost) => more,
            };
            if let Some(mut events) = more {
                loop {
                    let handful = tokio::select! {
                        biased;
                        _ = &mut stopped => return self.end().await,
                        handful = events.next() => handful,
                    };
                    let Some(handful) = handful else { break };
                    pause = FIRST_PAUSE;
                    if !self.write(handful).await {
                        break;
                    }
                }
                lost = true;
            }
            tokio::select! {
                biased;
                _ = &mut stopped => break,
                // sleeps because: the engine is away, and asking at once again helps nobody
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST_PAUSE),
            }
        }
        self.end().await
    }

    fn filter(&self, until: Option<Timestamp>) -> EventFilter {
        EventFilter {
            since: Some(self.last),
            until,
            labels: Vec::new(),
            kinds: vec![
                ObjectKind::Container,
                ObjectKind::Network,
                ObjectKind::Volume,
            ],
            actions: LIFE_ACTIONS.to_vec(),
        }
    }

    /// Listens from the last event on. What the engine still remembers comes first.
    async fn connect(&mut self, lost: &mut bool) -> Option<Handfuls> {
        match self.source.events(&self.filter(None)).await {
            Ok(events) => {
                if std::mem::take(lost) {
                    self.note_gap().await;
                }
                Some(events.ready_chunks(HANDFUL))
            }
            Err(error) => {
                tracing::debug!(%error, "no events from the engine");
                *lost = true;
                None
            }
        }
    }

    /// Says that events since the last one may be missing: an engine that restarted has forgotten them.
    async fn note_gap(&mut self) {
        let until = self.source.now().await.unwrap_or(self.last);
        let gap = Gap {
            since: self.last,
            until,
        };
        self.recorded.gaps += 1;
        let written = self.journal.record_gap(&self.operation, gap).await;
        self.keep(written);
    }

    /// Writes a handful; `false` says that the stream has ended with an error.
    async fn write(&mut self, handful: Vec<Result<EngineEvent, EngineError>>) -> bool {
        let mut events = Vec::new();
        let mut goes_on = true;
        for event in handful {
            match event {
                Ok(event) => {
                    self.last = self.last.max(event.at);
                    if self.belongs(&event) {
                        self.stops.note(&event);
                        events.push(event);
                    }
                }
                Err(error) => {
                    tracing::debug!(%error, "the engine's events end");
                    goes_on = false;
                }
            }
        }
        if !events.is_empty() {
            self.recorded.events += events.len() as u64;
            let written = self.journal.record_events(&self.operation, events).await;
            self.keep(written);
        }
        goes_on
    }

    fn keep(&mut self, written: Result<(), JournalError>) {
        if let Err(error) = written {
            tracing::warn!(%error, "events of the engine are lost");
            self.recorded.error.get_or_insert(error);
        }
    }

    fn belongs(&mut self, event: &EngineEvent) -> bool {
        let attribute = |key: &str| event.attributes.get(key);
        match event.kind {
            ObjectKind::Container => {
                let ours = attribute(label::PROJECT) == Some(&self.scope.project);
                if ours && !self.containers.contains(&event.id) {
                    self.containers.truncate(CONTAINERS - 1);
                    self.containers.push_front(event.id.clone());
                }
                ours
            }
            ObjectKind::Network => {
                attribute("name").is_some_and(|name| self.scope.names.contains(name))
                    || attribute("container").is_some_and(|id| self.containers.contains(id))
            }
            ObjectKind::Volume => self.scope.names.contains(&event.id),
            ObjectKind::Image | ObjectKind::Exec | ObjectKind::File => false,
        }
    }

    /// Asks once more, for everything up to now.
    async fn end(mut self) -> Recorded {
        let asked = tokio::time::timeout(LAST_CALL, self.last_call()).await;
        self.recorded.complete = matches!(asked, Ok(Ok(())));
        self.recorded
    }

    async fn last_call(&mut self) -> Result<(), EngineError> {
        let until = self.source.now().await?;
        let events = self.source.events(&self.filter(Some(until))).await?;
        let mut handfuls = events.ready_chunks(HANDFUL);
        while let Some(handful) = handfuls.next().await {
            let failure = handful
                .iter()
                .find_map(|event| event.as_ref().err().cloned());
            self.write(handful).await;
            if let Some(error) = failure {
                return Err(error);
            }
        }
        Ok(())
    }
}

type Handfuls = futures_util::stream::ReadyChunks<Stream<EngineEvent>>;

#[cfg(test)]
mod tests;
