//! The past of several containers as one log, in the order of time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bowline_engine::{Engine, EngineError, LogOptions, Stream};
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, future, stream};
use jiff::Timestamp;
use tokio::sync::mpsc;

use super::lines::lines;
use super::source::Source;
use super::{LogEvent, LogLine, LogSource};
use crate::Failure;

/// Reads what the sources wrote so far. Of each of them one line is held at a time.
pub(super) async fn past(
    engine: &dyn Engine,
    sources: &[Source],
    options: &LogOptions,
) -> BoxStream<'static, Result<LogEvent, Failure>> {
    let opened = sources
        .iter()
        .map(|source| async move { (source.shown.clone(), source.read(engine, options).await) });
    let mut unreadable = Vec::new();
    let mut streams = Vec::new();
    for (source, entries) in future::join_all(opened).await {
        match entries {
            Ok(entries) => streams.push(lines(entries, source)),
            Err(error) => unreadable.extend(why(error, source)),
        }
    }
    let merged = by_time(streams).map(|line| match line {
        Ok(line) => Ok(LogEvent::Line(line)),
        Err(error) => Err(error.into()),
    });
    stream::iter(unreadable).chain(merged).boxed()
}

/// What there is to say about a log that cannot be opened. One that is gone is nothing to talk about.
pub(super) fn why(error: EngineError, source: Arc<LogSource>) -> Option<Result<LogEvent, Failure>> {
    match error {
        error if error.is_not_found() => None,
        EngineError::Failed { text, .. } => Some(Ok(LogEvent::Unreadable { source, why: text })),
        error => Some(Err(error.into())),
    }
}

/// Merges streams that are each in the order of time.
pub(super) fn by_time(streams: Vec<Stream<LogLine>>) -> Stream<LogLine> {
    /// The next line of each stream, and whose turn it is.
    struct State {
        streams: Vec<Stream<LogLine>>,
        heads: Vec<Option<LogLine>>,
        turns: BinaryHeap<Reverse<(Timestamp, usize)>>,
        begun: bool,
        failed: bool,
    }
    impl State {
        fn put(&mut self, index: usize, line: LogLine) {
            self.turns.push(Reverse((line.at, index)));
            self.heads[index] = Some(line);
        }

        async fn next(&mut self) -> Option<Result<LogLine, EngineError>> {
            if self.failed {
                return None;
            }
            if !self.begun {
                self.begun = true;
                let first = future::join_all(self.streams.iter_mut().map(StreamExt::next)).await;
                for (index, line) in first.into_iter().enumerate() {
                    match line {
                        Some(Ok(line)) => self.put(index, line),
                        Some(Err(error)) => return Some(self.fail(error)),
                        None => {}
                    }
                }
            }
            let Reverse((_, index)) = self.turns.pop()?;
            let line = self.heads[index].take()?;
            match self.streams[index].next().await {
                Some(Ok(next)) => self.put(index, next),
                Some(Err(error)) => return Some(self.fail(error)),
                None => {}
            }
            Some(Ok(line))
        }

        fn fail(&mut self, error: EngineError) -> Result<LogLine, EngineError> {
            self.failed = true;
            Err(error)
        }
    }
    let heads = streams.iter().map(|_| None).collect();
    let state = State {
        streams,
        heads,
        turns: BinaryHeap::new(),
        begun: false,
        failed: false,
    };
    stream::unfold(state, |mut state| async move {
        let line = state.next().await?;
        Some((line, state))
    })
    .boxed()
}

/// Hands events on, and tells whether there may be more: nobody has gone, and nothing failed.
pub(super) async fn forward(
    mut events: BoxStream<'static, Result<LogEvent, Failure>>,
    to: &mpsc::Sender<Result<LogEvent, Failure>>,
) -> bool {
    while let Some(event) = events.next().await {
        let failed = event.is_err();
        if to.send(event).await.is_err() || failed {
            return false;
        }
    }
    true
}
