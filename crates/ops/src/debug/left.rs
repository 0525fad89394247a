//! Containers of `debug` that nobody is in any more.

use bowline_engine::{Engine, RemoveContainer, Selector};
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

/// Removes containers of `debug`, and says of each that it did, a line each.
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
            engine.remove_container(&one.id, WHOLE).await?;
            let whose = one.labels.get(label::DEBUG).map_or("", String::as_str);
            said.push(format!(
                "note: removed container `{}` of a `bowline debug {}` by {whose}\n",
                one.name,
                containers::service(one)
            ));
        }
    }
    Ok(said)
}

fn is_left(container: &ContainerSummary, now: Timestamp) -> bool {
    let is_old = |created: Timestamp| now.duration_since(created) > IN_THE_MAKING;
    !container.status.is_up() && container.created.is_none_or(is_old)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowline_engine::fake::Run;

    use super::*;
    use crate::stage;

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
}
