//! How the steps went of an operation whose process died: found out on the engine before anything is planned.
//!
//! An engine finishes what it was asked for although nobody waits for the answer any more, so a look right after
//! a crash may come too early: what is planned from it is overtaken by what then happens. Therefore a step that
//! shows no effect is looked for until [`LATE`] after it was written down, and a stop that the engine is carrying
//! out until its grace is over. Nothing is changed here; what is left behind is a matter of the next plan.

use std::time::Duration;

use bowline_engine::{Engine, EngineError, EventFilter, Selector};
use bowline_model::{
    Action, ContainerId, ContainerRef, ContainerStatus, EventAction, Labels, ObjectKind,
    ObservedContainer, OperationId, StepId, StepOutcome, label,
};
use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::Clock;
use crate::execute::{GRACE_SECS, Outside, find};
use crate::journal::{Journal, JournalError, StepRecord};

/// How long after it was written down a step may still take effect: a request is sent at once after that, and an
/// engine that is busy needs a moment. A bound that was chosen, not measured.
const LATE: Duration = Duration::from_secs(5);

/// The pause between looks.
const POLL: Duration = Duration::from_millis(100);

/// Events are asked for from a little before the step, since they carry the engine's clock and steps the host's.
const CLOCKS_DIFFER: SignedDuration = SignedDuration::from_secs(1);

const NOT_DONE: &str = "its process died, and the engine has not done it";
const NOT_SHOWN: &str = "its process died, and no engine shows whether it was done";

/// Why it could not be found out.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub(crate) enum SettleError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// Gives every open or unknown step of an operation its outcome, as far as the engine shows it, or the file. No step is open
/// afterwards. To be called with the stack's lock in hand. Settling again changes nothing.
pub(crate) async fn settle(
    engine: &dyn Engine,
    outside: &dyn Outside,
    journal: &Journal,
    clock: &dyn Clock,
    operation: &OperationId,
) -> Result<(), SettleError> {
    let Some(record) = journal.operation(operation).await? else {
        return Ok(());
    };
    let is_unsettled = |step: &StepRecord| {
        matches!(
            step.outcome,
            StepOutcome::Open | StepOutcome::Unknown { .. }
        )
    };
    let unsettled: Vec<StepRecord> = record.steps.into_iter().filter(is_unsettled).collect();
    if unsettled.is_empty() {
        return Ok(());
    }
    let (now, engine_now) = (clock.now(), engine.now().await?);
    let mut steps = Vec::new();
    for step in unsettled {
        // A clock that was set back makes no step young again for long.
        let age = now.duration_since(step.began).max(SignedDuration::ZERO);
        let left = LATE.saturating_sub(age.unsigned_abs());
        steps.push(Unsettled {
            id: step.id,
            was_open: step.outcome == StepOutcome::Open,
            action: step.intended.ok().map(|intended| intended.step.action),
            since: engine_now - age - CLOCKS_DIFFER,
            until: Instant::now() + left,
        });
    }
    let settling = Settling {
        engine,
        outside,
        journal,
        operation,
    };
    settling.all(steps).await
}

/// A step without an outcome.
struct Unsettled {
    id: StepId,
    was_open: bool,
    /// `None` where the host key does not open it.
    action: Option<Action>,
    /// When it was written down, by the engine's clock.
    since: Timestamp,
    /// How long it may still take effect.
    until: Instant,
}

/// What a look shows of a step.
enum Found {
    /// It was done, and this is what it made.
    Done(Option<String>),
    /// Nothing of it is to be seen.
    Nothing,
    /// The engine is at it, for at most so long.
    UnderWay(Duration),
    /// It leaves nothing that could be seen.
    Invisible,
}

fn done_if(is_done: bool) -> Found {
    if is_done {
        Found::Done(None)
    } else {
        Found::Nothing
    }
}

struct Settling<'a> {
    engine: &'a dyn Engine,
    outside: &'a dyn Outside,
    journal: &'a Journal,
    operation: &'a OperationId,
}

impl Settling<'_> {
    async fn all(&self, mut steps: Vec<Unsettled>) -> Result<(), SettleError> {
        loop {
            let mut left = Vec::new();
            for mut step in steps {
                let is_last = Instant::now() >= step.until;
                let found = match &step.action {
                    Some(action) => self.look(action, step.since).await?,
                    None => Found::Nothing,
                };
                match found {
                    Found::UnderWay(time) => {
                        step.until = Instant::now() + time;
                        left.push(step);
                    }
                    Found::Nothing if !is_last => left.push(step),
                    found => self.note(&step, found).await?,
                }
            }
            if left.is_empty() {
                return Ok(());
            }
            steps = left;
            // sleeps because: nothing tells when an engine has finished what nobody waits for
            tokio::time::sleep(POLL).await;
        }
    }

    async fn note(&self, step: &Unsettled, found: Found) -> Result<(), JournalError> {
        let outcome = match found {
            Found::Done(made) => StepOutcome::Done {
                made,
                already: false,
            },
            Found::Nothing if step.action.is_some() => StepOutcome::Failed {
                error: NOT_DONE.to_owned(),
            },
            _ if !step.was_open => return Ok(()),
            _ => StepOutcome::Unknown {
                because: NOT_SHOWN.to_owned(),
            },
        };
        self.journal.settle(self.operation, step.id, outcome).await
    }

    /// Looks once. No wildcard arm: a new action has to say how its outcome is found again.
    async fn look(&self, action: &Action, since: Timestamp) -> Result<Found, EngineError> {
        Ok(match action {
            Action::Await { .. } => Found::Done(None),
            // Engines stop bringing an image when nobody waits for it, and how far they got only the next look at
            // the image says. Signals leave nothing.
            Action::PullImage { .. }
            | Action::BuildImage { .. }
            | Action::SignalContainer { .. } => Found::Invisible,
            Action::ChangeFile { change } => match self.outside.file(change).await {
                Ok(found) if found == change.after => Found::Done(None),
                Ok(found) if found == change.before => Found::Nothing,
                // Whether somebody changed what this had written, nobody can see.
                _ => Found::Invisible,
            },
            Action::TagImage { image, reference } => {
                let found = there(self.engine.inspect_image(reference).await)?;
                done_if(found.is_some_and(|found| found.id == *image))
            }
            Action::CreateNetwork { spec } => {
                let named = self
                    .engine
                    .networks(&Selector::name(spec.name.as_str()))
                    .await?;
                let made = named
                    .into_iter()
                    .find(|network| self.made(&network.spec.labels));
                made.map_or(Found::Nothing, |network| Found::Done(Some(network.id.0)))
            }
            Action::RemoveNetwork { id, name, made_by } => {
                let named = self.engine.networks(&Selector::name(name.as_str())).await?;
                let is_meant = |labels: &Labels| {
                    let made = labels.get(label::OPERATION);
                    made_by.as_ref().is_none_or(|by| made == Some(&by.0))
                };
                done_if(!named.iter().any(|network| match id {
                    Some(id) => network.id == *id,
                    None => is_meant(&network.spec.labels),
                }))
            }
            Action::CreateVolume { spec } => {
                let found = there(self.engine.inspect_volume(&spec.name).await)?;
                found.map_or(Found::Nothing, |found| Found::Done(Some(found.spec.name)))
            }
            Action::RemoveVolume { name } => {
                done_if(there(self.engine.inspect_volume(name).await)?.is_none())
            }
            Action::CreateContainer { .. }
            | Action::RenameContainer { .. }
            | Action::StartContainer { .. }
            | Action::StopContainer { .. }
            | Action::PauseContainer { .. }
            | Action::UnpauseContainer { .. }
            | Action::RemoveContainer { .. }
            | Action::ConnectNetwork { .. }
            | Action::DisconnectNetwork { .. } => self.look_at_container(action, since).await?,
        })
    }

    async fn look_at_container(
        &self,
        action: &Action,
        since: Timestamp,
    ) -> Result<Found, EngineError> {
        Ok(match action {
            Action::CreateContainer { name, .. } => {
                let found = self.engine.find_container(name).await?;
                let made = found.filter(|found| self.made(found.labels()));
                made.map_or(Found::Nothing, |found| Found::Done(Some(found.id.0)))
            }
            Action::RenameContainer { container, .. } => {
                let found = find(self.engine, container).await?;
                let is_it =
                    |found: &ObservedContainer| container.id.is_some() || self.made(found.labels());
                done_if(found.is_some_and(|found| found.name == container.name && is_it(&found)))
            }
            Action::StartContainer { container } => {
                let found = find(self.engine, container).await?;
                done_if(found.is_some_and(|found| {
                    let state = &found.state;
                    state.is_running() || state.started.is_some_and(|started| started >= since)
                }))
            }
            Action::StopContainer {
                container,
                grace_secs,
            } => self.look_at_stop(container, *grace_secs, since).await?,
            Action::PauseContainer { container } => {
                let found = find(self.engine, container).await?;
                done_if(found.is_some_and(|found| found.state.status == ContainerStatus::Paused))
            }
            Action::UnpauseContainer { container } => {
                let found = find(self.engine, container).await?;
                done_if(found.is_some_and(|found| found.state.status == ContainerStatus::Running))
            }
            Action::RemoveContainer { container, .. } => {
                done_if(find(self.engine, container).await?.is_none())
            }
            Action::ConnectNetwork {
                container,
                endpoint,
            } => {
                let found = find(self.engine, container).await?;
                done_if(found.is_some_and(|found| found.endpoints.contains_key(&endpoint.network)))
            }
            Action::DisconnectNetwork { container, network } => {
                let found = find(self.engine, container).await?;
                done_if(found.is_none_or(|found| !found.endpoints.contains_key(network)))
            }
            _ => Found::Invisible,
        })
    }

    async fn look_at_stop(
        &self,
        container: &ContainerRef,
        grace_secs: Option<i64>,
        since: Timestamp,
    ) -> Result<Found, EngineError> {
        let Some(found) = find(self.engine, container).await? else {
            return Ok(Found::Done(None));
        };
        if !found.state.status.is_up() {
            return Ok(Found::Done(None));
        }
        let Some(asked) = self.told_to_end(&found.id, since).await? else {
            return Ok(Found::Nothing);
        };
        let secs = grace_secs.or(found.spec.stop_timeout_secs);
        let secs = secs.and_then(|secs| u64::try_from(secs).ok());
        let limit = Duration::from_secs(secs.unwrap_or(GRACE_SECS)) + LATE;
        let gone = self
            .engine
            .now()
            .await?
            .duration_since(asked)
            .unsigned_abs();
        Ok(match limit.saturating_sub(gone) {
            Duration::ZERO => Found::Nothing,
            left => Found::UnderWay(left),
        })
    }

    /// When the engine last signalled a container since a time.
    async fn told_to_end(
        &self,
        container: &ContainerId,
        since: Timestamp,
    ) -> Result<Option<Timestamp>, EngineError> {
        use futures_util::TryStreamExt as _;
        let filter = EventFilter {
            since: Some(since),
            until: Some(self.engine.now().await?),
            labels: Vec::new(),
            kinds: vec![ObjectKind::Container],
            actions: vec![EventAction::Kill],
        };
        let events: Vec<_> = self.engine.events(&filter).await?.try_collect().await?;
        let of_it = events.iter().filter(|event| event.id == container.0);
        Ok(of_it.map(|event| event.at).max())
    }

    fn made(&self, labels: &Labels) -> bool {
        labels.get(label::OPERATION) == Some(&self.operation.0)
    }
}

/// What was asked about, where it is there.
fn there<T>(answer: Result<T, EngineError>) -> Result<Option<T>, EngineError> {
    match answer {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
