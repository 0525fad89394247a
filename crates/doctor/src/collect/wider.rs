//! Around the stack: the host, other projects, and what was done to containers by hand.

use std::collections::BTreeSet;
use std::time::Duration;

use bowline_engine::{Engine, EngineError, Look, Selector};
use bowline_model::{ObservedContainer, ObservedVolume, PathChange, label};
use jiff::Timestamp;

use crate::facts::{HostFact, NameFact};

use super::Subject;

/// Changed paths of one container that are kept.
const CHANGES: usize = 200;
/// Paths in a container's own layer that are looked at; one that keeps its data there has more.
const MOST_CHANGES: usize = 5000;
/// Volumes of other projects that are kept.
const NAMESAKES: usize = 32;

/// By how much two clocks may differ and still be set by one time.
const SAME_TIME: Duration = Duration::from_secs(2);

/// By how many milliseconds at least an engine's clock is ahead of this host's: it said `at` within so long after this host's
/// clock said `begins`. Nothing where the two agree.
pub(super) fn ahead(at: Timestamp, begins: Timestamp, within: Duration) -> Option<i64> {
    let within = i64::try_from(within.as_millis()).ok()?;
    let between = at.as_millisecond() - begins.as_millisecond();
    let ahead = if between > 0 {
        (between - within).max(0)
    } else {
        between
    };
    (u128::from(ahead.unsigned_abs()) > SAME_TIME.as_millis()).then_some(ahead)
}

/// What the engine says of itself and its host.
pub(super) fn host(engine: &dyn Engine, ahead_millis: Option<i64>) -> HostFact {
    let about = engine.about();
    HostFact {
        processor: about.arch.clone(),
        folder: about.root_dir.clone(),
        security: about.security_options.clone(),
        ahead_millis,
    }
}

/// The volumes that containers mount; and those of other projects that are called in their files as one of these is.
pub(super) async fn volumes(
    engine: &dyn Engine,
    subject: &Subject,
    containers: &[ObservedContainer],
) -> Result<(Vec<ObservedVolume>, Vec<ObservedVolume>), EngineError> {
    let mounted: BTreeSet<&String> = containers
        .iter()
        .flat_map(|container| &container.mounts)
        .filter_map(|mount| mount.volume.as_ref())
        .collect();
    let all = engine.volumes(&Selector::all()).await?;
    let (own, others): (Vec<_>, Vec<_>) = all
        .into_iter()
        .partition(|volume| mounted.contains(&volume.spec.name));
    let keys: BTreeSet<String> = own
        .iter()
        .filter_map(|volume| volume.spec.labels.get(label::VOLUME).cloned())
        .collect();
    let is_namesake = |volume: &ObservedVolume| {
        let labels = &volume.spec.labels;
        let project = labels.get(label::PROJECT);
        project.is_some_and(|project| *project != subject.name)
            && labels
                .get(label::VOLUME)
                .is_some_and(|key| keys.contains(key))
    };
    let namesakes = others.into_iter().filter(is_namesake);
    Ok((own, namesakes.take(NAMESAKES).collect()))
}

/// Who has the names that services want for their containers.
pub(super) async fn names(
    engine: &dyn Engine,
    names: &BTreeSet<String>,
) -> Result<Vec<NameFact>, EngineError> {
    let mut facts = Vec::new();
    for name in names {
        let holder = engine.find_container(name).await?;
        let label = |key| {
            let holder = holder.as_ref()?;
            holder.labels().get(key).cloned()
        };
        facts.push(NameFact {
            name: name.clone(),
            is_taken: holder.is_some(),
            project: label(label::PROJECT),
            service: label(label::SERVICE),
        });
    }
    Ok(facts)
}

/// The paths in which a container differs from its image; folders that only hold such a path are among them.
pub(super) async fn changes(
    engine: &dyn Engine,
    container: &ObservedContainer,
) -> Result<Vec<PathChange>, EngineError> {
    let pid = container.state.pid.filter(|_| container.state.is_running());
    let by_kernel = match pid {
        Some(pid) => {
            let id = container.id.clone();
            let look = move || Look::at(&id, pid)?.changes(MOST_CHANGES);
            tokio::task::spawn_blocking(look).await
        }
        None => Ok(Ok(None)),
    };
    let mut changes = match by_kernel {
        Ok(Ok(Some(changes))) => changes,
        _ => engine.container_changes(&container.id).await?,
    };
    changes.sort();
    changes.truncate(CHANGES);
    Ok(changes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_differ_only_by_what_the_way_to_the_engine_cannot_explain() {
        let at = |millis: i64| Timestamp::from_millisecond(millis).unwrap();
        let ahead = |engine: i64, within: u64| {
            ahead(at(engine), at(100_000), Duration::from_millis(within))
        };
        assert_eq!(ahead(100_040, 50), None);
        assert_eq!(ahead(101_900, 0), None);
        assert_eq!(ahead(103_000, 1500), None);
        assert_eq!(ahead(105_000, 1500), Some(3_500));
        assert_eq!(ahead(95_000, 1500), Some(-5_000));
    }
}
