//! Following the logs of a stack over restarts and recreations, without gaps or repeats.
//!
//! Each container has a reader. The engine ends a followed log with the container's run; the reader then waits
//! for the next start and reads on from the last entry it saw, skipping what it has. Containers that did not
//! exist before get a reader when they start. Lines wait a moment before they are handed on, so that those of
//! different containers come in the order of time.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use bowline_engine::{Engine, EngineError, LogOptions, Sent, Stream, Unreachable};
use bowline_model::{ContainerId, ContainerStatus, ContainerSummary, EngineEvent, EventAction};
use futures_util::StreamExt;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio::try_join;

use super::lines::lines;
use super::merge::why;
use super::source::{Selection, Source};
use super::{LogEvent, LogLine};
use crate::Failure;
use crate::containers;

/// How long a line waits for earlier ones of other containers.
const REORDER: Duration = Duration::from_millis(100);

/// How long nothing may run before following ends: a recreation takes less.
const QUIET: Duration = Duration::from_secs(5);

/// How long a container that was created may take until it is started.
const NEW: SignedDuration = SignedDuration::from_mins(2);

/// How soon a log that ended although its container runs is opened again.
const REOPEN: Duration = Duration::from_millis(200);

/// How many lines may wait between readers and the order of time.
const READ_AHEAD: usize = 256;

type Event = Result<LogEvent, Failure>;

/// Follows a stack.
pub(super) struct Follower {
    engine: Arc<dyn Engine>,
    selection: Selection,
    options: LogOptions,
    now: Option<Timestamp>,
    to: mpsc::Sender<Event>,
    /// Counts the starts of each container that has a reader.
    starts: BTreeMap<ContainerId, watch::Sender<u64>>,
    readers: JoinSet<()>,
    waiting: Waiting,
    quiet_at: Option<Instant>,
    /// Says when to end; `None`: when nothing runs any more.
    told: Option<oneshot::Receiver<()>>,
}

/// Whether there is anything to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alive {
    /// A container runs, or will run again by itself.
    Runs,
    /// A container was created a short time ago and did not run yet.
    MayStart,
    /// Neither.
    Nothing,
}

impl Alive {
    /// Looks through a listing.
    pub(super) fn of(found: &[ContainerSummary], selection: &Selection, now: Timestamp) -> Self {
        let own = || found.iter().filter(|one| selection.has(&one.labels));
        let is_new = |one: &ContainerSummary| {
            let age = one.created.map(|created| now.duration_since(created));
            one.status == ContainerStatus::Created && age.is_some_and(|age| age < NEW)
        };
        if own().any(|one| one.status.is_up()) {
            Self::Runs
        } else if own().any(is_new) {
            Self::MayStart
        } else {
            Self::Nothing
        }
    }
}

/// What wakes the follower.
enum Wake {
    Engine(Option<Result<EngineEvent, EngineError>>),
    Read(Event),
    /// The oldest line has waited long enough.
    Ripe,
    /// Nothing may have been running for a while.
    Quiet,
    /// Whoever asked says that no container will start any more.
    Told,
    /// The time until which was asked for, or nobody reads or asks any more.
    Over,
}

impl Follower {
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        selection: Selection,
        options: &LogOptions,
        now: Option<Timestamp>,
        to: mpsc::Sender<Event>,
    ) -> Self {
        Self {
            engine,
            selection,
            options: LogOptions {
                follow: true,
                tail: None,
                ..options.clone()
            },
            now,
            to,
            starts: BTreeMap::new(),
            readers: JoinSet::new(),
            waiting: Waiting::default(),
            quiet_at: None,
            told: None,
        }
    }

    /// Follows also while nothing runs, until it is told to read what is left and to end.
    pub(super) fn until(mut self, told: oneshot::Receiver<()>) -> Self {
        self.told = Some(told);
        self
    }

    /// Follows until nothing runs any more, the time is over, nobody reads, or the engine has gone.
    pub(super) async fn run(
        mut self,
        sources: Vec<Source>,
        mut events: Stream<EngineEvent>,
        alive: Alive,
    ) {
        if alive == Alive::Nothing && self.told.is_none() {
            return;
        }
        self.look_again_where(alive == Alive::MayStart);
        let (sender, mut read) = mpsc::channel(READ_AHEAD);
        let from_now = LogOptions {
            since: self.options.since.max(self.now),
            ..self.options.clone()
        };
        for source in sources {
            self.attach(source, from_now.clone(), &sender);
        }
        let end = self.end();
        let to = self.to.clone();
        loop {
            let wake = tokio::select! {
                event = events.next() => Wake::Engine(event),
                Some(event) = read.recv() => Wake::Read(event),
                () = until(self.waiting.ripe_at()) => Wake::Ripe,
                () = until(self.quiet_at) => Wake::Quiet,
                said = told(&mut self.told) => if said { Wake::Told } else { Wake::Over },
                () = until(end) => Wake::Over,
                () = to.closed() => Wake::Over,
            };
            if matches!(wake, Wake::Told) {
                self.read_to_the_end(sender, read).await;
                break;
            }
            if !self.go_on(wake, &sender).await {
                break;
            }
        }
        let rest = self.waiting.rest();
        self.hand_on(rest).await;
    }

    /// Does what is to be done, and tells whether there is more to come.
    async fn go_on(&mut self, wake: Wake, sender: &mpsc::Sender<Event>) -> bool {
        match wake {
            Wake::Engine(Some(Ok(event))) => {
                if matches!(event.action, EventAction::Die | EventAction::Destroy) {
                    self.look_again_where(true);
                }
                self.notice(&event, sender);
                true
            }
            Wake::Engine(ended) => {
                let error = ended.and_then(Result::err);
                let rest = self.waiting.rest();
                self.hand_on(rest).await;
                let error = error.unwrap_or_else(|| gone(self.engine.as_ref()));
                self.fail(error).await;
                false
            }
            Wake::Read(Ok(LogEvent::Line(line))) => {
                self.waiting.push(line);
                true
            }
            Wake::Read(other) => {
                let failed = other.is_err();
                self.to.send(other).await.is_ok() && !failed
            }
            Wake::Ripe => {
                let ripe = self.waiting.ripe();
                self.hand_on(ripe).await
            }
            Wake::Quiet => match self.look().await {
                Ok(alive) => {
                    self.look_again_where(alive == Alive::MayStart);
                    alive != Alive::Nothing
                }
                Err(error) => {
                    self.fail(error).await;
                    false
                }
            },
            Wake::Told | Wake::Over => false,
        }
    }

    /// Takes in what the containers still have to say in their present runs.
    async fn read_to_the_end(
        &mut self,
        sender: mpsc::Sender<Event>,
        mut read: mpsc::Receiver<Event>,
    ) {
        // One that started a moment ago may be listed before its event comes.
        let found = containers::of_stack(self.engine.as_ref(), self.selection.stack()).await;
        for one in found.unwrap_or_default() {
            if self.selection.has(&one.labels) && !self.starts.contains_key(&one.id) {
                let source = Source::new(&one.id, &one.name, &one.labels);
                self.attach(source, self.options.clone(), &sender);
            }
        }
        // A reader ends with the run of its container where nobody can tell it of another.
        self.starts.clear();
        drop(sender);
        while let Some(event) = read.recv().await {
            match event {
                Ok(LogEvent::Line(line)) => self.waiting.push(line),
                other => {
                    if self.to.send(other).await.is_err() {
                        return;
                    }
                }
            }
        }
    }

    /// Looks after a while whether anything runs, or does not look by itself.
    fn look_again_where(&mut self, needed: bool) {
        let by_itself = self.told.is_none();
        self.quiet_at = (needed && by_itself).then(|| Instant::now() + QUIET);
    }

    /// When following ends by itself.
    fn end(&self) -> Option<Instant> {
        let span = self.options.until?.duration_since(self.now?);
        let span = Duration::try_from(span).unwrap_or_default();
        Instant::now().checked_add(span)
    }

    /// Takes an event of the engine in: a container that starts is read on, or for the first time.
    fn notice(&mut self, event: &EngineEvent, sender: &mpsc::Sender<Event>) {
        if event.action != EventAction::Start {
            return;
        }
        let id = ContainerId(event.id.clone());
        if let Some(starts) = self.starts.get(&id) {
            starts.send_modify(|count| *count += 1);
            return;
        }
        if self.selection.has(&event.attributes) {
            let name = event.attributes.get("name").map_or("", String::as_str);
            let source = Source::new(&id, name, &event.attributes);
            self.attach(source, self.options.clone(), sender);
        }
    }

    fn attach(&mut self, source: Source, options: LogOptions, sender: &mpsc::Sender<Event>) {
        let (starts, started) = watch::channel(0);
        self.starts.insert(source.id.clone(), starts);
        let engine = self.engine.clone();
        let sender = sender.clone();
        self.readers.spawn(async move {
            let reader = Reader {
                engine: engine.as_ref(),
                source: &source,
                options,
                to: &sender,
            };
            reader.run(started).await;
        });
    }

    /// Looks whether there is anything to follow.
    async fn look(&self) -> Result<Alive, EngineError> {
        let engine = self.engine.as_ref();
        let (now, found) = try_join!(
            engine.now(),
            containers::of_stack(engine, self.selection.stack())
        )?;
        Ok(Alive::of(&found, &self.selection, now))
    }

    async fn hand_on(&self, lines: Vec<LogLine>) -> bool {
        for line in lines {
            if self.to.send(Ok(LogEvent::Line(line))).await.is_err() {
                return false;
            }
        }
        true
    }

    async fn fail(&self, error: EngineError) {
        // Where nobody listens any more, nobody is to be told.
        let _ = self.to.send(Err(error.into())).await;
    }
}

/// What is wrong where an engine ends the stream of its events.
pub(crate) fn gone(engine: &dyn Engine) -> EngineError {
    EngineError::Unreachable {
        endpoint: engine.about().endpoint.to_string(),
        request: "GET /events".to_owned(),
        reason: Unreachable::Closed("the engine has ended it".to_owned()),
        sent: Sent::Maybe,
    }
}

/// Whether to read what is left; never, where nobody says anything.
async fn told(by: &mut Option<oneshot::Receiver<()>>) -> bool {
    match by {
        Some(by) => by.await.is_ok(),
        None => std::future::pending().await,
    }
}

async fn until(at: Option<Instant>) {
    match at {
        // sleeps because: a line waits that long for earlier ones of other containers
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Reads one container, run after run.
struct Reader<'a> {
    engine: &'a dyn Engine,
    source: &'a Source,
    options: LogOptions,
    to: &'a mpsc::Sender<Event>,
}

impl Reader<'_> {
    async fn run(self, mut started: watch::Receiver<u64>) {
        loop {
            started.mark_unchanged();
            if !self.one_run().await {
                return;
            }
            // A log can end although its container runs; then no start will come.
            let state = self.engine.inspect_container(&self.source.id).await;
            match state {
                // sleeps because: nothing tells when a log that ended goes on
                Ok(container) if container.state.is_running() => sleep(REOPEN).await,
                Ok(_) => {
                    if started.changed().await.is_err() {
                        return;
                    }
                }
                Err(_) => return,
            }
        }
    }

    /// Reads to the end of a run, and tells whether there may be another.
    async fn one_run(&self) -> bool {
        let entries = match self.source.read(self.engine, &self.options).await {
            Ok(entries) => entries,
            Err(error) => {
                if let Some(event) = why(error, self.source.shown.clone()) {
                    let _ = self.to.send(event).await;
                }
                return false;
            }
        };
        let mut lines = lines(entries, self.source.shown.clone());
        while let Some(line) = lines.next().await {
            let event = match line {
                Ok(line) => Ok(LogEvent::Line(line)),
                // The engine's own end shows in its events; this connection may be opened again.
                Err(_) => return true,
            };
            if self.to.send(event).await.is_err() {
                return false;
            }
        }
        true
    }
}

/// Lines that wait for earlier ones.
#[derive(Default)]
struct Waiting {
    lines: BinaryHeap<Reverse<ByTime>>,
    arrivals: VecDeque<(Instant, Timestamp)>,
    count: u64,
}

struct ByTime {
    order: (Timestamp, u64),
    line: LogLine,
}

impl PartialEq for ByTime {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
    }
}

impl Eq for ByTime {}

impl PartialOrd for ByTime {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for ByTime {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.order.cmp(&other.order)
    }
}

impl Waiting {
    fn push(&mut self, line: LogLine) {
        self.count += 1;
        self.arrivals.push_back((Instant::now(), line.at));
        self.lines.push(Reverse(ByTime {
            order: (line.at, self.count),
            line,
        }));
    }

    /// When the line that waits longest has waited long enough.
    fn ripe_at(&self) -> Option<Instant> {
        self.arrivals.front().map(|(at, _)| *at + REORDER)
    }

    /// Takes out the lines that have waited long enough, with all that were written before them.
    fn ripe(&mut self) -> Vec<LogLine> {
        let now = Instant::now();
        let mut up_to = None;
        while let Some((_, at)) = self
            .arrivals
            .pop_front_if(|(arrived, _)| *arrived + REORDER <= now)
        {
            up_to = up_to.max(Some(at));
        }
        let mut ripe = Vec::new();
        while let Some(Reverse(next)) = self.lines.peek()
            && Some(next.order.0) <= up_to
        {
            ripe.extend(self.lines.pop().map(|Reverse(next)| next.line));
        }
        ripe
    }

    fn rest(&mut self) -> Vec<LogLine> {
        self.arrivals.clear();
        let mut rest = Vec::new();
        while let Some(Reverse(next)) = self.lines.pop() {
            rest.push(next.line);
        }
        rest
    }
}
