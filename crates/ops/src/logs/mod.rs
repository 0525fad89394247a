//! `logs`: what the containers of a stack wrote, in the order of time.
//!
//! First comes the past of all containers, merged by time ([`merge`]). Following then goes on where each of
//! them ended, over restarts and recreations ([`follow`]). What was written passes through unchanged.

mod follow;
mod lines;
mod merge;
mod moment;
mod source;

use std::sync::Arc;

use bowline_engine::{Engine, EngineError, EventFilter, LogOptions, Stream};
use bowline_model::{EngineEvent, EventAction, ObjectKind, label};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

pub use moment::Moment;

pub(crate) use self::follow::gone;
use self::follow::{Alive, Follower};
use self::source::Selection;
use crate::connect::connect;
use crate::containers::{self, check_services};
use crate::stack::{Named, StackOptions, Surroundings};
use crate::{Answer, Failure};

/// How many lines may wait for whoever reads them.
const WAITING_LINES: usize = 512;

/// What `logs` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogsRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Services to read; none: all that the files know and that do not say `attach: false`.
    pub services: Vec<String>,
    /// Only the container of this number, of the one service that is named.
    pub index: Option<u32>,
    /// Stay, and give what is written from now on, until nothing runs any more.
    pub follow: bool,
    /// Only what was written from then on.
    pub since: Option<Moment>,
    /// Only what was written before then.
    pub until: Option<Moment>,
    /// Only so many of the last lines of each container.
    pub tail: Option<u64>,
}

/// What `logs` answers: it begins to read when it is asked for the first event, and ends when it is dropped.
pub struct Logs {
    /// The containers that are there at the beginning.
    pub sources: Vec<LogSource>,
    /// What was written. A failure is the last event. It may be asked again after its end.
    pub events: BoxStream<'static, Result<LogEvent, Failure>>,
}

/// Who writes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct LogSource {
    /// Name to show: that of the container, without the project's where Compose made it up.
    pub name: String,
    /// Its service.
    pub service: String,
}

/// Something to show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LogEvent {
    /// A line.
    Line(LogLine),
    /// The log of a container cannot be read, as with some log drivers.
    Unreadable {
        /// Whose.
        source: Arc<LogSource>,
        /// Why, in the engine's words.
        why: String,
    },
}

/// A line of output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Who wrote it.
    pub source: Arc<LogSource>,
    /// When the engine read its beginning.
    pub at: Timestamp,
    /// What was written, without the line's end. Not necessarily UTF-8.
    pub bytes: Vec<u8>,
    /// Whether the line ends here; a very long one goes on in a later event of this source.
    pub ends: bool,
}

/// Reads what the containers of a stack wrote.
///
/// # Errors
///
/// [`Failure::Load`] where its files are needed and cannot be loaded; [`Failure::Usage`] for a service or a
/// number that nobody knows; the engine's failures.
pub async fn logs(
    surroundings: &Surroundings,
    request: &LogsRequest,
) -> Result<Answer<Logs>, Failure> {
    if request.index.is_some() && request.services.len() != 1 {
        return Err(Failure::Usage {
            message: "`--index` needs exactly one service".to_owned(),
            hint: None,
        });
    }
    let named = request.stack.named(surroundings)?;
    let engine = connect(surroundings).await?;
    let value = open(engine, &named, request).await?;
    Ok(Answer {
        value,
        warnings: named.warnings,
    })
}

/// Ends a task with whoever holds this.
struct Held(JoinHandle<()>);

impl Drop for Held {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn open(
    engine: Arc<dyn Engine>,
    named: &Named,
    request: &LogsRequest,
) -> Result<Logs, Failure> {
    let now = if request.needs_clock() {
        Some(engine.now().await?)
    } else {
        None
    };
    let at = |moment: &Option<Moment>| moment.as_ref().map(|moment| moment.at(now));
    let options = LogOptions {
        since: at(&request.since),
        until: at(&request.until),
        tail: request.tail,
        ..LogOptions::default()
    };
    let selection = Selection::new(named, request);
    let is_to_come = now.is_none_or(|now| options.until.is_none_or(|until| until > now));
    // Before the listing: a container that starts in between is in one of the two.
    let events = if request.follow && is_to_come {
        Some(starts_and_ends(engine.as_ref(), &named.name, now).await?)
    } else {
        None
    };
    let found = containers::of_stack(engine.as_ref(), &named.name).await?;
    check_services(named, &found, &request.services)?;
    let sources = selection.sources(&found);
    if let (Some(index), [service], []) = (request.index, &request.services[..], &sources[..]) {
        return Err(containers::no_such_number(service, index, &found));
    }
    let shown = sources.iter().map(|source| LogSource::clone(&source.shown));
    let shown = shown.collect();
    let alive = now.map(|now| Alive::of(&found, &selection, now));
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    let reading = async move {
        let past = merge::past(engine.as_ref(), &sources, &options).await;
        if !merge::forward(past, &sender).await {
            return;
        }
        if let (Some(events), Some(alive)) = (events, alive) {
            let follower = Follower::new(engine, selection, &options, now, sender);
            follower.run(sources, events, alive).await;
        }
    };
    Ok(Logs {
        sources: shown,
        events: when_asked(reading, receiver),
    })
}

/// Reads what the containers of some services write from now on, whether any of them is there yet or not.
///
/// It goes on until the second value says that no more will start, reads the present runs to their ends then, and
/// ends at once where that is dropped.
pub(crate) async fn from_now_on(
    engine: Arc<dyn Engine>,
    stack: &str,
    services: Vec<String>,
) -> Result<(Logs, oneshot::Sender<()>), Failure> {
    let now = Some(engine.now().await?);
    let selection = Selection::of_services(stack, services);
    let events = starts_and_ends(engine.as_ref(), stack, now).await?;
    let found = containers::of_stack(engine.as_ref(), stack).await?;
    let sources = selection.sources(&found);
    let shown = sources.iter().map(|source| LogSource::clone(&source.shown));
    let shown = shown.collect();
    let (sender, receiver) = mpsc::channel(WAITING_LINES);
    let (tell, told) = oneshot::channel();
    let reading = async move {
        let options = LogOptions {
            since: now,
            ..LogOptions::default()
        };
        let follower = Follower::new(engine, selection, &options, now, sender).until(told);
        follower.run(sources, events, Alive::MayStart).await;
    };
    let logs = Logs {
        sources: shown,
        events: when_asked(reading, receiver),
    };
    Ok((logs, tell))
}

/// The engine's word on containers of a stack that start and end, from this time on.
pub(crate) async fn starts_and_ends(
    engine: &dyn Engine,
    stack: &str,
    since: Option<Timestamp>,
) -> Result<Stream<EngineEvent>, EngineError> {
    let filter = EventFilter {
        since,
        labels: vec![(label::PROJECT.to_owned(), Some(stack.to_owned()))],
        kinds: vec![ObjectKind::Container],
        actions: vec![EventAction::Start, EventAction::Die, EventAction::Destroy],
        ..EventFilter::default()
    };
    engine.events(&filter).await
}

impl LogsRequest {
    fn needs_clock(&self) -> bool {
        let is_span = |moment: &Option<Moment>| matches!(moment, Some(Moment::Ago(_)));
        self.follow || is_span(&self.since) || is_span(&self.until)
    }
}

/// Starts the reading when the first event is asked for.
fn when_asked(
    reading: impl Future<Output = ()> + Send + 'static,
    receiver: mpsc::Receiver<Result<LogEvent, Failure>>,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let state = (Some(reading), None, receiver);
    stream::unfold(state, |(mut reading, mut held, mut receiver)| async move {
        if let Some(reading) = reading.take() {
            held = Some(Held(tokio::spawn(reading)));
        }
        let event = receiver.recv().await?;
        Some((event, (reading, held, receiver)))
    })
    .fuse()
    .boxed()
}

#[cfg(test)]
mod tests;
