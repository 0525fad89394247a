//! From entries, which the engine cuts at 16 KiB, to lines.

use std::collections::VecDeque;
use std::sync::Arc;

use bowline_engine::{EngineError, LogEntry, OutputSource, Stream};
use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use super::{LogLine, LogSource};

/// A line longer than this is given in pieces.
const LONGEST: usize = 1 << 20;

/// Joins entries to lines. A line has the time of its beginning.
pub(super) fn lines(entries: Stream<LogEntry>, source: Arc<LogSource>) -> Stream<LogLine> {
    let joiner = Joiner {
        source,
        begun: Vec::new(),
    };
    let state = (entries, joiner, VecDeque::new(), false);
    stream::unfold(
        state,
        |(mut entries, mut joiner, mut ready, mut over)| async move {
            loop {
                if let Some(line) = ready.pop_front() {
                    return Some((line, (entries, joiner, ready, over)));
                }
                if over {
                    return None;
                }
                match entries.next().await {
                    Some(Ok(entry)) => ready.extend(joiner.take(entry).map(Ok)),
                    Some(Err(error)) => {
                        ready.extend(joiner.rest().map(Ok));
                        ready.push_back(Err::<LogLine, EngineError>(error));
                        over = true;
                    }
                    None => {
                        ready.extend(joiner.rest().map(Ok));
                        over = true;
                    }
                }
            }
        },
    )
    .boxed()
}

/// Lines that were begun, at most one for each stream of a container.
struct Joiner {
    source: Arc<LogSource>,
    begun: Vec<(OutputSource, Timestamp, Vec<u8>)>,
}

impl Joiner {
    fn take(&mut self, entry: LogEntry) -> Option<LogLine> {
        let LogEntry {
            at,
            source,
            bytes,
            continues,
        } = entry;
        let begun = self.begun.iter().position(|(stream, ..)| *stream == source);
        let (at, bytes) = match begun {
            None => (at, bytes),
            Some(index) => {
                let (_, at, mut line) = self.begun.swap_remove(index);
                line.extend_from_slice(&bytes);
                (at, line)
            }
        };
        if continues && bytes.len() < LONGEST {
            self.begun.push((source, at, bytes));
            return None;
        }
        Some(self.line(at, bytes, !continues))
    }

    /// What was begun and never ended: its container was gone.
    fn rest(&mut self) -> impl Iterator<Item = LogLine> + use<> {
        let begun = std::mem::take(&mut self.begun);
        let lines: Vec<LogLine> = begun
            .into_iter()
            .map(|(_, at, bytes)| self.line(at, bytes, true))
            .collect();
        lines.into_iter()
    }

    fn line(&self, at: Timestamp, bytes: Vec<u8>, ends: bool) -> LogLine {
        LogLine {
            source: self.source.clone(),
            at,
            bytes,
            ends,
        }
    }
}
