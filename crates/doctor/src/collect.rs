//! Looking at a stack once, side by side and within bounds.

mod text;
mod translate;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use bowline_engine::{Engine, EngineError, EventFilter, LIFE_ACTIONS, LogOptions, Selector};
use bowline_model::{
    ContainerStatus, EngineEvent, EventAction, HealthStatus, ObjectKind, ObservedContainer,
    ObservedNetwork, ObservedVolume, RestartSpec, Secret, label,
};
use futures_util::future::{join, join_all};
use futures_util::{StreamExt as _, TryStreamExt as _};
use jiff::Timestamp;
use tokio::time::timeout;

use crate::facts::{Event, Facts, LogFact, LogLine, Look, Unseen, WhyUnseen};
use crate::tokens::{Mask, Tokens};
use translate::{container_fact, network_fact, secrets, volume_fact};

/// What is looked at, and what is known of it beforehand.
#[derive(Clone, Debug, Default)]
pub struct Subject {
    /// The project's name.
    pub project: String,
    /// Names of the project (services, databases, users, images …): they stay readable even where a password
    /// is one of them.
    pub names: BTreeSet<String>,
    /// Secret values that are known from files, whether or not a container has them.
    pub secrets: Vec<Secret>,
    /// Which services a service needs: their logs are read as well when it is in doubt.
    pub needs: BTreeMap<String, BTreeSet<String>>,
    /// Events that were recorded while they happened. The engine's own are added to them.
    pub recorded: Vec<EngineEvent>,
}

/// How far looking may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// How long one look may take.
    pub look: Duration,
    /// How many lines of a log are read, from its end; 0 reads none.
    pub log_lines: u64,
    /// How many bytes of a line are kept.
    pub line_bytes: usize,
}

impl Default for Bounds {
    /// 2 s for a look; 200 lines of 2 KiB from each log.
    fn default() -> Self {
        Self {
            look: Duration::from_secs(2),
            log_lines: 200,
            line_bytes: 2048,
        }
    }
}

/// Looks at a stack. Reads only; what cannot be read in time is noted and the rest goes on.
///
/// # Errors
///
/// The engine did not say what time it is: nobody is there to look at.
pub async fn collect(
    engine: &dyn Engine,
    subject: &Subject,
    bounds: Bounds,
) -> Result<Facts, EngineError> {
    let at = engine.now().await?;
    let mut looking = Looking {
        engine,
        subject,
        bounds,
        at,
        unseen: Vec::new(),
    };
    let (containers, events) = join(
        within(bounds, containers(engine, subject)),
        within(bounds, events(engine, at)),
    )
    .await;
    let mut containers = looking.seen(Look::Containers, containers);
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    let events = looking.seen(Look::Events { before: at }, events);
    let (networks, volumes) = join(
        within(bounds, networks(engine, &containers)),
        within(bounds, volumes(engine, &containers)),
    )
    .await;
    let networks = looking.seen(Look::Networks, networks);
    let volumes = looking.seen(Look::Volumes, volumes);
    let logs = looking.logs(&containers).await;
    Ok(looking.facts(&containers, events, &networks, &volumes, logs))
}

struct Looking<'a> {
    engine: &'a dyn Engine,
    subject: &'a Subject,
    bounds: Bounds,
    at: Timestamp,
    unseen: Vec<Unseen>,
}

type RawLog = (Vec<(Timestamp, Vec<u8>)>, bool);

impl Looking<'_> {
    /// What was seen, or a note that it was not.
    fn seen<T: Default>(&mut self, look: Look, seen: Result<T, WhyUnseen>) -> T {
        seen.unwrap_or_else(|cause| {
            self.unseen.push(Unseen { look, cause });
            T::default()
        })
    }

    /// The ends of the logs of those in doubt and of those that they need.
    async fn logs(&mut self, containers: &[ObservedContainer]) -> BTreeMap<String, RawLog> {
        let wanted = self.worth_reading(containers);
        if self.bounds.log_lines == 0 {
            let unread = wanted.iter().map(|container| Unseen {
                look: Look::Log(container.name.clone()),
                cause: WhyUnseen::NotWanted,
            });
            self.unseen.extend(unread);
            return BTreeMap::new();
        }
        let (engine, bounds) = (self.engine, self.bounds);
        let reads = wanted
            .iter()
            .map(|container| within(bounds, read_log(engine, container, bounds)));
        let mut logs = BTreeMap::new();
        for (container, read) in wanted.iter().zip(join_all(reads).await) {
            match read {
                Ok(log) => {
                    logs.insert(container.name.clone(), log);
                }
                Err(cause) => self.unseen.push(Unseen {
                    look: Look::Log(container.name.clone()),
                    cause,
                }),
            }
        }
        logs
    }

    fn worth_reading<'c>(&self, containers: &'c [ObservedContainer]) -> Vec<&'c ObservedContainer> {
        let service =
            |container: &ObservedContainer| container.labels().get(label::SERVICE).cloned();
        let mut services: BTreeSet<String> = containers
            .iter()
            .filter(|container| is_in_doubt(container))
            .filter_map(service)
            .collect();
        let needed = services
            .iter()
            .filter_map(|name| self.subject.needs.get(name))
            .flatten()
            .cloned()
            .collect::<Vec<_>>();
        services.extend(needed);
        let is_worth = |container: &&ObservedContainer| {
            is_in_doubt(container)
                || service(container).is_some_and(|name| services.contains(&name))
        };
        containers.iter().filter(is_worth).collect()
    }

    fn facts(
        mut self,
        containers: &[ObservedContainer],
        events: Vec<EngineEvent>,
        networks: &[ObservedNetwork],
        volumes: &[ObservedVolume],
        logs: BTreeMap<String, RawLog>,
    ) -> Facts {
        let mut tokens = Tokens::new(self.subject.names.clone());
        for secret in &self.subject.secrets {
            tokens.token(secret);
        }
        for container in containers {
            secrets(container, &mut tokens);
        }
        let mask = tokens.mask();
        let events = self.events(containers, events);
        let mut facts = Facts {
            at: self.at,
            project: self.subject.project.clone(),
            needs: self.subject.needs.clone(),
            containers: containers
                .iter()
                .map(|container| container_fact(container, &mut tokens, &mask))
                .collect(),
            networks: networks.iter().map(network_fact).collect(),
            volumes: volumes.iter().map(volume_fact).collect(),
            events,
            logs: logs
                .into_iter()
                .map(|(name, log)| (name, self.log_fact(log, &mask)))
                .collect(),
            unseen: self.unseen,
        };
        facts
            .networks
            .sort_by(|one, other| one.name.cmp(&other.name).then(one.id.cmp(&other.id)));
        facts
            .volumes
            .sort_by(|one, other| one.name.cmp(&other.name));
        facts.unseen.sort();
        facts
    }

    fn log_fact(&self, (lines, is_cut): RawLog, mask: &Mask) -> LogFact {
        let lines = lines.into_iter().map(|(at, bytes)| LogLine {
            at,
            text: mask.apply(&text::plain(&bytes, self.bounds.line_bytes)),
        });
        LogFact {
            lines: lines.collect(),
            is_cut,
        }
    }

    /// What was recorded and what the engine still remembers, each once; and from when on that is everything.
    fn events(&mut self, containers: &[ObservedContainer], own: Vec<EngineEvent>) -> Vec<Event> {
        let is_ours = |event: &EngineEvent| {
            event.kind == ObjectKind::Container
                && event.attributes.get(label::PROJECT) == Some(&self.subject.project)
        };
        let own: Vec<EngineEvent> = own.into_iter().filter(is_ours).collect();
        let recorded = self.subject.recorded.iter().filter(|event| is_ours(event));
        let mut all: Vec<EngineEvent> = recorded.cloned().collect();
        let begin = own.first().map_or(self.at, |event| event.at);
        let has_gap = all.last().is_some_and(|last| last.at < begin);
        all.extend(own);
        all.sort_by(|one, other| {
            (one.at, &one.id, &one.action).cmp(&(other.at, &other.id, &other.action))
        });
        all.dedup();
        let is_made = |container: &ObservedContainer| {
            let mut events = all.iter();
            events.any(|event| event.action == EventAction::Create && event.id == container.id.0)
        };
        let before = if has_gap {
            Some(begin)
        } else if containers.iter().all(is_made) {
            None
        } else {
            Some(all.first().map_or(self.at, |event| event.at))
        };
        if let Some(before) = before {
            self.unseen.push(Unseen {
                look: Look::Events { before },
                cause: WhyUnseen::Forgotten,
            });
        }
        all.into_iter()
            .map(|event| Event {
                at: event.at,
                container: event.attributes.get("name").cloned().unwrap_or_default(),
                exit_code: event.exit_code(),
                signal: event.attributes.get("signal").cloned(),
                action: event.action,
            })
            .collect()
    }
}

/// Whether a container does anything but what everybody expects of it.
fn is_in_doubt(container: &ObservedContainer) -> bool {
    let state = &container.state;
    match state.status {
        ContainerStatus::Running => {
            let health = state.health.as_ref().map(|health| health.status);
            container.restart_count > 0 || !matches!(health, None | Some(HealthStatus::Healthy))
        }
        ContainerStatus::Exited => {
            state.exit_code != 0 || container.spec.restart != RestartSpec::No
        }
        _ => true,
    }
}

/// Takes a look that may take its time and no more.
async fn within<T>(
    bounds: Bounds,
    look: impl Future<Output = Result<T, EngineError>>,
) -> Result<T, WhyUnseen> {
    match timeout(bounds.look, look).await {
        Ok(Ok(seen)) => Ok(seen),
        Ok(Err(error)) => Err(WhyUnseen::Engine(error.to_string())),
        Err(_) => Err(WhyUnseen::TooSlow),
    }
}

async fn containers(
    engine: &dyn Engine,
    subject: &Subject,
) -> Result<Vec<ObservedContainer>, EngineError> {
    let which = Selector::label(label::PROJECT, &subject.project);
    let listed = engine.containers(&which).await?;
    let ids: Vec<_> = listed.into_iter().map(|container| container.id).collect();
    engine.inspect_containers(&ids).await
}

/// The networks that containers are on.
async fn networks(
    engine: &dyn Engine,
    containers: &[ObservedContainer],
) -> Result<Vec<ObservedNetwork>, EngineError> {
    let on: BTreeSet<&String> = containers
        .iter()
        .flat_map(|container| container.endpoints.keys())
        .collect();
    let mut networks = engine.networks(&Selector::all()).await?;
    networks.retain(|network| on.contains(&network.spec.name));
    Ok(networks)
}

/// The volumes that containers mount.
async fn volumes(
    engine: &dyn Engine,
    containers: &[ObservedContainer],
) -> Result<Vec<ObservedVolume>, EngineError> {
    let mounted: BTreeSet<&String> = containers
        .iter()
        .flat_map(|container| &container.mounts)
        .filter_map(|mount| mount.volume.as_ref())
        .collect();
    let mut volumes = engine.volumes(&Selector::all()).await?;
    volumes.retain(|volume| mounted.contains(&volume.spec.name));
    Ok(volumes)
}

/// What the engine still remembers of containers.
async fn events(engine: &dyn Engine, until: Timestamp) -> Result<Vec<EngineEvent>, EngineError> {
    let filter = EventFilter {
        since: Some(Timestamp::UNIX_EPOCH),
        until: Some(until),
        labels: Vec::new(),
        kinds: vec![ObjectKind::Container],
        actions: LIFE_ACTIONS.to_vec(),
    };
    engine.events(&filter).await?.try_collect().await
}

/// The end of a log, and whether there was more before it.
async fn read_log(
    engine: &dyn Engine,
    container: &ObservedContainer,
    bounds: Bounds,
) -> Result<RawLog, EngineError> {
    let options = LogOptions {
        // One more than is kept says whether there was more.
        tail: Some(bounds.log_lines + 1),
        ..LogOptions::default()
    };
    let mut entries = engine.logs(&container.id, &options).await?;
    let mut lines = Vec::new();
    let mut continues = false;
    while let Some(entry) = entries.next().await {
        let mut entry = entry?;
        // The rest of a line that was too long for the engine's own pieces.
        let is_rest = std::mem::replace(&mut continues, entry.continues);
        if !is_rest {
            entry.bytes.truncate(bounds.line_bytes + 1);
            lines.push((entry.at, entry.bytes));
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let kept = usize::try_from(bounds.log_lines).unwrap_or(usize::MAX);
    let is_cut = lines.len() > kept;
    if is_cut {
        lines.drain(..lines.len() - kept);
    }
    Ok((lines, is_cut))
}
