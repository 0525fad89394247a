//! `ls`: the stacks on an engine, by the labels of their containers.

use std::collections::{BTreeMap, BTreeSet};

use bowline_engine::{Engine, Selector};
use bowline_model::{ContainerSummary, label};
use serde::{Deserialize, Serialize};

use crate::Failure;
use crate::connect::connect;
use crate::containers::is_one_off;
use crate::stack::Surroundings;

/// What `ls` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LsRequest {
    /// Also stacks of which nothing runs.
    pub all: bool,
    /// Only stacks whose name has this in it; `^` and `$` mean its beginning and its end.
    pub name: Option<String>,
}

/// A stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackLine {
    /// Its name.
    pub name: String,
    /// How many containers are in which state: `exited(1), running(2)`.
    pub status: String,
    /// Its files, as whoever brought it up named them, with commas; `N/A` where no container says.
    pub config_files: String,
}

/// Lists the stacks on the engine, by name: Compose's as well as bowline's.
///
/// As in Compose a stack is listed where something of it runs, and its status counts only what runs, unless all
/// are asked for. One listing call.
///
/// # Errors
///
/// The engine's failures.
pub async fn ls(
    surroundings: &Surroundings,
    request: &LsRequest,
) -> Result<Vec<StackLine>, Failure> {
    let engine = connect(surroundings).await?;
    list(&*engine, request).await
}

async fn list(engine: &dyn Engine, request: &LsRequest) -> Result<Vec<StackLine>, Failure> {
    let which = Selector::all()
        .and_has_label(label::PROJECT)
        .and_has_label(label::CONFIG_HASH);
    let mut stacks: BTreeMap<String, Vec<ContainerSummary>> = BTreeMap::new();
    for container in engine.containers(&which).await? {
        let name = container.labels.get(label::PROJECT).cloned();
        let counts = request.all || container.status.is_up();
        if let Some(name) = name.filter(|name| counts && request.is_meant(name))
            && !is_one_off(&container)
        {
            stacks.entry(name).or_default().push(container);
        }
    }
    Ok(stacks.into_iter().map(line).collect())
}

impl LsRequest {
    fn is_meant(&self, name: &str) -> bool {
        let Some(pattern) = &self.name else {
            return true;
        };
        match (pattern.strip_prefix('^'), pattern.strip_suffix('$')) {
            (Some(_), Some(_)) => pattern[1..].strip_suffix('$') == Some(name),
            (Some(begin), None) => name.starts_with(begin),
            (None, Some(end)) => name.ends_with(end),
            (None, None) => name.contains(pattern.as_str()),
        }
    }
}

fn line((name, containers): (String, Vec<ContainerSummary>)) -> StackLine {
    let mut states: BTreeMap<String, usize> = BTreeMap::new();
    let mut files = BTreeSet::new();
    for container in &containers {
        *states.entry(container.status.to_string()).or_default() += 1;
        let said = container.labels.get(label::CONFIG_FILES);
        files.extend(said.filter(|files| !files.is_empty()).cloned());
    }
    let states: Vec<String> = states
        .iter()
        .map(|(state, count)| format!("{state}({count})"))
        .collect();
    let files: Vec<String> = files.into_iter().collect();
    StackLine {
        name,
        status: states.join(", "),
        config_files: if files.is_empty() {
            "N/A".to_owned()
        } else {
            files.join(",")
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bowline_engine::fake::Run;

    use crate::stage::{self, spec, started, started_with};

    async fn listed(request: LsRequest) -> Vec<String> {
        let engine = stage::engine();
        for number in 1..=2 {
            started(&engine, "web", number, Run::new()).await;
        }
        let job = started(&engine, "job", 1, Run::new()).await;
        engine.end_container(&job, 1);
        let mut other = spec("db", 1);
        other.labels.insert(label::PROJECT.into(), "blog".into());
        let files = "/srv/blog/compose.yaml,/srv/blog/more.yaml";
        other
            .labels
            .insert(label::CONFIG_FILES.into(), files.into());
        let db = started_with(&engine, other, Run::new()).await;
        engine.end_container(&db, 0);
        let mut foreign = spec("x", 1);
        foreign.labels.remove(label::PROJECT);
        started_with(&engine, foreign, Run::new()).await;
        let stacks = list(&*engine, &request).await.unwrap();
        let line = |one: StackLine| format!("{} {} {}", one.name, one.status, one.config_files);
        stacks.into_iter().map(line).collect()
    }

    #[tokio::test]
    async fn stacks_of_which_something_runs_are_listed_and_all_where_that_is_asked_for() {
        assert_eq!(listed(LsRequest::default()).await, ["shop running(2) N/A"]);
        let all = LsRequest {
            all: true,
            name: None,
        };
        assert_eq!(
            listed(all).await,
            [
                "blog exited(1) /srv/blog/compose.yaml,/srv/blog/more.yaml",
                "shop exited(1), running(2) N/A"
            ]
        );
    }

    #[tokio::test]
    async fn names_are_chosen_by_what_is_in_them() {
        for (name, found) in [
            ("ho", 1),
            ("^sh", 1),
            ("^ho", 0),
            ("og$", 1),
            ("^blog$", 1),
            ("^blo$", 0),
        ] {
            let request = LsRequest {
                all: true,
                name: Some(name.to_owned()),
            };
            assert_eq!(listed(request).await.len(), found, "{name}");
        }
    }
}
