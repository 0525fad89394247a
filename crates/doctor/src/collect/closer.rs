//! One container, closely: its log, its inside, the small files that are mounted into it.

use std::collections::{BTreeMap, BTreeSet};

use bowline_engine::{Engine, EngineError, LogOptions, OutputSource, Unseen as Unreadable};
use bowline_model::{ContainerStatus, HealthStatus, ObservedContainer, RestartSpec, label};
use futures_util::StreamExt as _;
use futures_util::future::{join_all, join3};
use jiff::Timestamp;

use super::files::{self, is_settings};
use super::{Bounds, FILES_OF_ONE, Looking, declared, insides, on_host, text, within};
use crate::facts::{InsideFact, Look, Unseen, WhyUnseen};
use crate::within::{Missed, Reply, Request, Target, is_out_of_reach};

/// No more of a file that is mounted into a container is read, in bytes.
const MOST_OF_FILE: usize = 32 * 1024;

/// What is seen of one container when it is looked at closely.
#[derive(Default)]
pub(super) struct Closer {
    pub(super) log: Option<RawLog>,
    pub(super) inside: Option<InsideFact>,
    /// The small files that are mounted into it, with their texts.
    pub(super) files: Vec<(String, String)>,
}

/// A log as it was read.
pub(super) struct RawLog {
    pub(super) lines: Vec<(Timestamp, Vec<u8>)>,
    pub(super) is_cut: bool,
    pub(super) bytes: Option<u64>,
}

impl Looking<'_> {
    /// Looks closely at all containers where there are few, else at those that somebody asks about, those in doubt, and
    /// those that they need.
    pub(super) async fn closer(
        &mut self,
        containers: &[ObservedContainer],
    ) -> BTreeMap<String, Closer> {
        self.hurry();
        let suspects = self.suspects(containers);
        let is_suspect = |container: &ObservedContainer| {
            let mut suspects = suspects.iter();
            suspects.any(|suspect| suspect.id == container.id)
        };
        let wanted = if containers.len() <= self.bounds.everybody {
            containers.iter().collect()
        } else {
            suspects.clone()
        };
        let looks = wanted.iter().map(|container| async {
            join3(
                self.log(container),
                self.inside(container, is_suspect(container)),
                self.mounted(container),
            )
            .await
        });
        let looks = join_all(looks).await;
        self.leave(containers, &wanted);
        let mut closer = BTreeMap::new();
        for (container, (log, inside, files)) in wanted.iter().zip(looks) {
            let name = &container.name;
            let log = log.map(Some);
            let inside = inside.map(Some);
            let seen = Closer {
                log: self.seen(Look::Log(name.clone()), log),
                inside: self.seen(Look::Inside(name.clone()), inside).flatten(),
                files,
            };
            closer.insert(name.clone(), seen);
        }
        closer
    }

    /// Notes which containers are not looked at: those in doubt by name, of the others only how many.
    fn leave(&mut self, containers: &[ObservedContainer], wanted: &[&ObservedContainer]) {
        let is_left = |container: &&ObservedContainer| {
            let mut wanted = wanted.iter();
            !wanted.any(|one| one.id == container.id)
        };
        let left = containers.iter().filter(is_left);
        let (in_doubt, others): (Vec<_>, Vec<_>) = left.partition(|it| is_in_doubt(it));
        let mut looks = Vec::new();
        for container in in_doubt {
            looks.push(Look::Log(container.name.clone()));
            if target(container).is_some() {
                looks.push(Look::Inside(container.name.clone()));
            }
        }
        if !others.is_empty() {
            looks.push(Look::Closely(others.len()));
        }
        let unseen = looks.into_iter().map(|look| Unseen {
            look,
            cause: WhyUnseen::TooMany,
        });
        self.unseen.extend(unseen);
    }

    async fn log(&self, container: &ObservedContainer) -> Result<RawLog, WhyUnseen> {
        if self.bounds.log_lines == 0 {
            return Err(WhyUnseen::NotWanted);
        }
        within(self.bounds, read_log(self.engine, container, self.bounds)).await
    }

    /// What is seen from within; nothing of a container that does not run. An instrument is made for suspects only.
    async fn inside(
        &self,
        container: &ObservedContainer,
        is_suspect: bool,
    ) -> Result<Option<InsideFact>, WhyUnseen> {
        let Some(target) = target(container) else {
            return Ok(None);
        };
        let from_host = match self.within.by_kernel(target, Request::Inside).await {
            Ok(Reply::Inside(fact)) => Ok(*fact),
            Ok(_) => Err(Missed::unfit()),
            Err(missed) => Err(missed),
        };
        let lacking = match &from_host {
            // Who may not see the namespace sees nothing else of it that needs rights.
            Ok(fact) if fact.namespace.is_none() => Unreadable::Denied {
                what: "the inside".to_owned(),
            },
            Err(Missed::Kernel(unseen)) if is_out_of_reach(unseen) => unseen.clone(),
            _ => return Ok(Some(from_host?)),
        };
        if !is_suspect {
            return Ok(Some(from_host?));
        }
        let beside = self.within.ask_beside(target, &Request::Inside, lacking);
        match (beside.await, from_host) {
            (Ok(Reply::Inside(fact)), Ok(from_host)) => {
                Ok(Some(insides::joined(*fact, &from_host)))
            }
            (Ok(Reply::Inside(fact)), Err(_)) => Ok(Some(*fact)),
            (_, Ok(from_host)) => Ok(Some(from_host)),
            (Err(missed), Err(_)) | (Ok(_), Err(missed)) => Err(missed.into()),
        }
    }

    /// Puts a question to a container, from wherever it can be answered.
    pub(super) async fn put(
        &self,
        container: &ObservedContainer,
        request: Request,
    ) -> Result<Reply, WhyUnseen> {
        let Some(target) = target(container) else {
            return Err(WhyUnseen::Kernel("it does not run".to_owned()));
        };
        Ok(self.within.ask(target, request).await?)
    }

    /// The small text files that are mounted into a container one by one: settings and secrets. What cannot be read is
    /// left out, since nobody knows yet whether anybody needs it.
    async fn mounted(&self, container: &ObservedContainer) -> Vec<(String, String)> {
        let mounts = container.mounts.iter();
        let single = mounts.filter(|mount| mount.volume.is_none() && is_settings(&mount.target));
        let single = single.map(|mount| mount.target.clone());
        let paths = single
            .take(FILES_OF_ONE)
            .chain(on_host::below_folders(container));
        let reads = paths.map(|path| async move {
            let _turn = self.reads.acquire().await;
            let text = within(self.bounds, self.text(container, &path))
                .await
                .ok()?;
            Some((path, text?))
        });
        join_all(reads).await.into_iter().flatten().collect()
    }

    /// The text of a small file in a container; `None` for what is no text or too long.
    async fn text(
        &self,
        container: &ObservedContainer,
        path: &str,
    ) -> Result<Option<String>, EngineError> {
        let limit = MOST_OF_FILE + 1;
        // To an engine each file is an archive of its own, made with the container's root mounted anew and the container
        // locked meanwhile.
        let bytes = match files::read_by_kernel(container, path, limit).await {
            Some(Some(bytes)) => bytes,
            Some(None) => return Ok(None),
            None => self.engine.get_file(&container.id, path, limit).await?,
        };
        let fits = bytes.len() <= MOST_OF_FILE;
        Ok(String::from_utf8(bytes).ok().filter(|_| fits))
    }

    /// The containers that somebody asks about, those in doubt and those that they need, as many as are looked into at most.
    fn suspects<'c>(&self, containers: &'c [ObservedContainer]) -> Vec<&'c ObservedContainer> {
        let needs = declared::needs(self.subject.project.as_ref(), containers);
        let service =
            |container: &ObservedContainer| container.labels().get(label::SERVICE).cloned();
        let mut services: BTreeSet<String> = containers
            .iter()
            .filter(|container| self.is_asked(container) || is_in_doubt(container))
            .filter_map(service)
            .collect();
        let needed = services
            .iter()
            .filter_map(|name| needs.get(name))
            .flatten()
            .cloned()
            .collect::<Vec<_>>();
        services.extend(needed);
        let is_worth = |container: &&ObservedContainer| {
            is_in_doubt(container)
                || service(container).is_some_and(|name| services.contains(&name))
        };
        let (asked, others): (Vec<_>, Vec<_>) = containers.iter().partition(|it| self.is_asked(it));
        let worth = asked.into_iter().chain(others.into_iter().filter(is_worth));
        worth.take(self.bounds.everybody).collect()
    }

    /// Whether somebody asks about a container, by its name, by its service, or by a field of that.
    fn is_asked(&self, container: &ObservedContainer) -> bool {
        let service = container.labels().get(label::SERVICE);
        let is_of_service = |words: &str| {
            let rest = service.and_then(|name| words.strip_prefix(name.as_str()));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let mut asked = self.subject.asked.iter();
        asked.any(|words| *words == container.name || is_of_service(words))
    }
}

/// A container that can be looked into: one that runs.
fn target(container: &ObservedContainer) -> Option<Target<'_>> {
    let pid = container
        .state
        .pid
        .filter(|_| container.state.is_running())?;
    Some(Target {
        id: &container.id,
        pid,
    })
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
    let mut lines: Vec<(Timestamp, Vec<u8>)> = Vec::new();
    // Lines too long for the engine's own pieces, which go on in the next entry of their source.
    let mut unfinished: BTreeMap<OutputSource, usize> = BTreeMap::new();
    while let Some(entry) = entries.next().await {
        let mut entry = entry?;
        let index = unfinished.remove(&entry.source).unwrap_or(lines.len());
        if index == lines.len() {
            lines.push((entry.at, Vec::new()));
        }
        let line = &mut lines[index].1;
        line.append(&mut entry.bytes);
        text::keep_ends(line, bounds.line_bytes);
        if entry.continues {
            unfinished.insert(entry.source, index);
        }
    }
    lines.sort_by_key(|(at, _)| *at);
    let kept = usize::try_from(bounds.log_lines).unwrap_or(usize::MAX);
    let is_cut = lines.len() > kept;
    if is_cut {
        lines.drain(..lines.len() - kept);
    }
    Ok(RawLog {
        lines,
        is_cut,
        bytes: on_host::log_bytes(engine, container),
    })
}
