//! Who writes, and how far each was read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bowline_engine::{Engine, EngineError, LogEntry, LogOptions, Stream};
use bowline_model::{ContainerId, ContainerSummary, label};
use futures_util::StreamExt;
use jiff::Timestamp;

use super::{LogSource, LogsRequest};
use crate::stack::Named;

/// Which containers are meant.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    stack: String,
    /// `None`: all.
    services: Option<Vec<String>>,
    index: Option<u32>,
}

impl Selection {
    pub(super) fn new(named: &Named, request: &LogsRequest) -> Self {
        let services = match &named.project {
            _ if !request.services.is_empty() => Some(request.services.clone()),
            Some(project) => {
                let loud = project.services.iter();
                let loud = loud.filter(|(_, service)| service.attach != Some(false));
                Some(loud.map(|(name, _)| name.clone()).collect())
            }
            None => None,
        };
        Self {
            stack: named.name.clone(),
            services,
            index: request.index,
        }
    }

    /// The containers of these services.
    pub(super) fn of_services(stack: &str, services: Vec<String>) -> Self {
        Self {
            stack: stack.to_owned(),
            services: Some(services),
            index: None,
        }
    }

    /// The containers of a listing that are meant.
    pub(super) fn sources(&self, found: &[ContainerSummary]) -> Vec<Source> {
        let chosen = found.iter().filter(|one| self.has(&one.labels));
        chosen
            .map(|one| Source::new(&one.id, &one.name, &one.labels))
            .collect()
    }

    /// The stack.
    pub(super) fn stack(&self) -> &str {
        &self.stack
    }

    /// Whether a container with these labels is meant; those that `run` made never are.
    pub(super) fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        let said = |key| labels.get(key).map_or("", String::as_str);
        let (service, one_off) = (said(label::SERVICE), said(label::ONE_OFF));
        let number = labels.get(label::NUMBER).and_then(|text| text.parse().ok());
        !one_off.eq_ignore_ascii_case("true")
            && labels.get(label::CONFIG_HASH).is_some()
            && self.index.is_none_or(|index| number == Some(index))
            && self
                .services
                .as_ref()
                .is_none_or(|services| services.iter().any(|name| name == service))
    }
}

/// A container whose log is read.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) id: ContainerId,
    pub(super) shown: Arc<LogSource>,
    position: Arc<Mutex<Position>>,
}

/// How far a log was read: up to this time, of which so many entries were seen.
#[derive(Clone, Copy, Debug, Default)]
struct Position {
    last: Option<Timestamp>,
    entries: usize,
}

impl Source {
    pub(super) fn new(id: &ContainerId, name: &str, labels: &BTreeMap<String, String>) -> Self {
        let said = |key| labels.get(key).map_or("", String::as_str);
        let (project, service) = (said(label::PROJECT), said(label::SERVICE));
        let number = said(label::NUMBER);
        let made_up = ["-", "_"]
            .iter()
            .any(|separator| name == [project, service, number].join(separator));
        let short = if made_up {
            &name[project.len() + 1..]
        } else {
            name
        };
        Self {
            id: id.clone(),
            shown: Arc::new(LogSource {
                name: short.to_owned(),
                service: service.to_owned(),
            }),
            position: Arc::default(),
        }
    }

    fn position(&self) -> MutexGuard<'_, Position> {
        self.position.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the log from where it was last read to, and notes how far it comes.
    ///
    /// Where nothing was read yet, it reads what the options say.
    pub(super) async fn read(
        &self,
        engine: &dyn Engine,
        options: &LogOptions,
    ) -> Result<Stream<LogEntry>, EngineError> {
        let Position { last, entries } = *self.position();
        let options = LogOptions {
            since: last.or(options.since),
            ..options.clone()
        };
        let read = engine.logs(&self.id, &options).await?;
        let source = self.clone();
        let mut to_skip = entries;
        let fresh = read.filter_map(move |entry| {
            let fresh = match &entry {
                // Entries of the last time seen come again.
                Ok(entry) if last.is_some_and(|last| entry.at < last) => false,
                Ok(entry) if Some(entry.at) == last && to_skip > 0 => {
                    to_skip -= 1;
                    false
                }
                Ok(entry) => {
                    source.position().note(entry.at);
                    true
                }
                Err(_) => true,
            };
            let entry = fresh.then_some(entry);
            async move { entry }
        });
        Ok(fresh.boxed())
    }
}

impl Position {
    fn note(&mut self, at: Timestamp) {
        if self.last == Some(at) {
            self.entries += 1;
        } else {
            *self = Self {
                last: Some(at),
                entries: 1,
            };
        }
    }
}
