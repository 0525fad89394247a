//! Containers of `debug` that nobody is in any more.

use bowline_engine::{Engine, EngineError, RemoveContainer, Removed, Selector};
use bowline_model::{ContainerSummary, label};
use jiff::{SignedDuration, Timestamp};

use crate::{Failure, containers};

/// One that is younger may still be in the making.
const IN_THE_MAKING: SignedDuration = SignedDuration::from_mins(1);

/// Which of them go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those that do not run: who made them was killed before they were started, or their engine was.
    Left,
    /// All of them, because the stack goes.
    All,
}

/// How a container of a `debug` is removed: with everything that is only its own.
pub(super) const WHOLE: RemoveContainer = RemoveContainer {
    force: true,
    anonymous_volumes: true,
};

/// Removes containers of `debug`, and says of each whether it did.
pub(crate) async fn sweep(
    engine: &dyn Engine,
    stack: &str,
    which: Which,
) -> Result<Vec<String>, Failure> {
    let selector = Selector::label(label::PROJECT, stack).and_has_label(label::DEBUG);
    let found = engine.containers(&selector).await?;
    if found.is_empty() {
        return Ok(Vec::new());
    }
    let now = engine.now().await?;
    let mut said = Vec::new();
    for one in &found {
        if which == Which::All || is_left(one, now) {
            let removal = engine.remove_container(&one.id, WHOLE).await;
            said.push(told(one, removal)?);
        }
    }
    Ok(said)
}

/// What to say of a removal. One that the engine refuses holds up nobody: what is left over is in nobody's way.
fn told(
    container: &ContainerSummary,
    removal: Result<Removed, EngineError>,
) -> Result<String, EngineError> {
    let (name, labels) = (&container.name, &container.labels);
    match removal {
        Ok(_) => {
            let whose = labels.get(label::DEBUG).map_or("", String::as_str);
            let service = containers::service(container);
            Ok(format!(
                "note: removed container `{name}` of a `bowline debug {service}` by {whose}\n"
            ))
        }
        Err(error) if error.is_unreachable() => Err(error),
        Err(error) => Ok(format!(
            "warning: container `{name}` could not be removed: {error}\nhint: the next `bowline debug` or `bowline down` tries it again\n"
        )),
    }
}

fn is_left(container: &ContainerSummary, now: Timestamp) -> bool {
    let is_old = |created: Timestamp| now.duration_since(created) > IN_THE_MAKING;
    !container.status.is_up() && container.created.is_none_or(is_old)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowline_engine::fake::Run;
    use bowline_engine::{Fault, Tap};
    use bowline_model::ObjectKind;

    use super::*;
    use crate::{ExitCode, stage};

    #[tokio::test(start_paused = true)]
    async fn what_never_ran_goes_when_it_is_old_and_what_runs_only_with_its_stack() {
        let engine = stage::engine();
        let mut runs = stage::spec("web", 1);
        runs.labels.insert(label::DEBUG.into(), "ann@host".into());
        stage::started_with(&engine, runs.clone(), Run::new()).await;
        let never = engine.create_container("shop-web-debug-2", &runs).await;
        never.unwrap();
        stage::started(&engine, "db", 1, Run::new()).await;
        let swept = sweep(&*engine, stage::STACK, Which::Left).await.unwrap();
        assert_eq!(swept, [""; 0], "it may still be in the making");
        tokio::time::advance(Duration::from_secs(61)).await;
        let swept = sweep(&*engine, stage::STACK, Which::Left).await.unwrap();
        assert_eq!(
            swept,
            ["note: removed container `shop-web-debug-2` of a `bowline debug web` by ann@host\n"]
        );
        let swept = sweep(&*engine, stage::STACK, Which::All).await.unwrap();
        assert_eq!(swept.len(), 1);
        let left = engine.containers(&Selector::all()).await.unwrap();
        assert_eq!(left.len(), 1, "a service's own is left alone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_removal_that_is_refused_is_a_warning_and_only_a_lost_engine_is_the_end() {
        let engine = stage::engine();
        let mut spec = stage::spec("web", 1);
        spec.labels.insert(label::DEBUG.into(), "ann@host".into());
        stage::started_with(&engine, spec, Run::new()).await;
        let found = engine.containers(&Selector::all()).await.unwrap();
        let refused = EngineError::InUse {
            kind: ObjectKind::Container,
            name: "abc".to_owned(),
            by: Vec::new(),
            text: "device or resource busy".to_owned(),
        };
        let said = told(&found[0], Err(refused)).unwrap();
        let warning = "warning: container `shop-web-1` could not be removed: ";
        assert!(said.starts_with(warning), "{said}");
        assert!(said.contains("device or resource busy"), "{said}");
        let tap = Tap::new(engine);
        tap.fail_write(0, Fault::BeforeRequest);
        let lost = sweep(&tap, stage::STACK, Which::All).await.unwrap_err();
        assert_eq!(lost.exit_code(), ExitCode::EngineUnreachable);
    }
}
