//! `ps`: the containers of a stack, as the engine sees them.
//!
//! One listing and inspects side by side. What a field is called and how it is printed is a front end's
//! business; the words of the engine (`Up 3 minutes (healthy)`) are made here, since every front end says them.

use std::sync::Arc;

use bowline_core::StackError;
use bowline_engine::Engine;
use bowline_model::{
    ContainerId, ContainerStatus, ContainerSummary, HealthStatus, Labels, ObservedContainer,
    PortKey, label, mask_command,
};
use futures_util::TryFutureExt as _;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::try_join;

use crate::ago::{ago, span};
use crate::connect::connect;
use crate::containers::{self, check_services, is_one_off};
use crate::session;
use crate::stack::{Named, StackOptions, Surroundings};
use crate::{Answer, Failure};

/// What `ps` is asked for.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PsRequest {
    /// Which stack.
    pub stack: StackOptions,
    /// Services whose containers are wanted; none: all.
    pub services: Vec<String>,
    /// Which of their containers.
    pub scope: PsScope,
    /// Only containers in one of these states, whatever the scope is. None: any state.
    pub states: Vec<ContainerStatus>,
    /// Leave out containers of services that the files do not know.
    pub without_orphans: bool,
}

/// Which containers are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PsScope {
    /// Those that are up: running, paused or restarting. What Compose lists by default.
    #[default]
    Up,
    /// These, and jobs that are done.
    UpAndDone,
    /// All of them, those that `run` made included.
    All,
}

/// What `ps` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PsAnswer {
    /// The stack.
    pub project: String,
    /// Its containers, by name.
    pub containers: Vec<PsContainer>,
    /// Containers that ended without being done, or never ran, and that the scope leaves out.
    pub left_out: Vec<PsContainer>,
}

/// One container.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PsContainer {
    /// What it is told apart by, for ever; opaque.
    pub instance: String,
    /// Its name.
    pub name: String,
    /// The stack, by its label.
    pub project: String,
    /// The service, by its label.
    pub service: String,
    /// Image, as asked for; an id where the reference has moved on.
    pub image: String,
    /// Entrypoint and command in one line, without what looks like a secret.
    pub command: String,
    /// When it was created, whole seconds.
    pub created: Option<Timestamp>,
    /// How long ago that is, in words.
    pub running_for: String,
    /// What it does.
    pub state: ContainerStatus,
    /// The engine's sentence about it.
    pub status: String,
    /// The engine's verdict, while it runs.
    pub health: Option<HealthStatus>,
    /// When its run began, or the last one.
    pub started: Option<Timestamp>,
    /// The engine's verdict is still to come, and bowline's own says that this run may be depended on.
    pub ready: bool,
    /// Where it is a job that is done: since when.
    pub done: Option<Done>,
    /// Exit code; 0 unless it has ended.
    pub exit_code: i64,
    /// Ports that are open inside, and where they are published.
    pub publishers: Vec<Publisher>,
    /// Labels.
    pub labels: Labels,
    /// What is mounted: names of volumes, paths of the host.
    pub mounts: Vec<String>,
    /// How many of these are volumes of the `local` driver.
    pub local_volumes: usize,
    /// Networks it is attached to.
    pub networks: Vec<String>,
}

/// A job that is done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Done {
    /// When it ended.
    pub at: Option<Timestamp>,
    /// In words: `Done 5 seconds ago`.
    pub words: String,
}

/// A port of a container.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Publisher {
    /// Port inside.
    pub target_port: u16,
    /// Address on the host; empty where it is not published.
    pub url: String,
    /// Port on the host; 0 where it is not published.
    pub published_port: u16,
    /// Transport.
    pub protocol: String,
}

/// Lists the containers of a stack.
///
/// # Errors
///
/// [`Failure::Load`] where its files are needed and cannot be loaded; [`Failure::Usage`] for a service that
/// nobody knows; the engine's failures.
pub async fn ps(
    surroundings: &Surroundings,
    request: &PsRequest,
) -> Result<Answer<PsAnswer>, Failure> {
    let named = request.stack.named(surroundings)?;
    let engine = connect(surroundings).await?;
    let mut value = list(engine.as_ref(), &named, request).await?;
    if let Err(failure) = mark_ready(surroundings, engine, &mut value).await {
        // What the engine says is worth showing alone.
        tracing::debug!(%failure, "nobody remembers what is ready");
    }
    Ok(Answer {
        value,
        warnings: named.warnings,
    })
}

/// Marks what the journal remembers as ready, of that which the engine has not judged yet.
async fn mark_ready(
    surroundings: &Surroundings,
    engine: Arc<dyn Engine>,
    answer: &mut PsAnswer,
) -> Result<(), Failure> {
    let is_open = |one: &&mut PsContainer| one.health == Some(HealthStatus::Starting);
    let mut open = answer.containers.iter_mut().filter(is_open).peekable();
    if open.peek().is_none() {
        return Ok(());
    }
    let session = session::open(surroundings, engine, answer.project.clone())?;
    let Some(journal) = session.stack.look().await? else {
        return Ok(());
    };
    for container in open {
        if let Some(started) = container.started {
            let id = ContainerId(container.instance.clone());
            let remembered = journal.is_ready(&id, started).await;
            container.ready = remembered.map_err(StackError::from)?;
        }
    }
    Ok(())
}

async fn list(
    engine: &dyn Engine,
    named: &Named,
    request: &PsRequest,
) -> Result<PsAnswer, Failure> {
    let reading = async {
        let found = containers::of_stack(engine, &named.name).await?;
        check_services(named, &found, &request.services)?;
        let waited_for = waited_for(&found);
        let meant = found.into_iter();
        let wanted: Vec<_> = meant.filter(|one| is_meant(one, named, request)).collect();
        let ids: Vec<_> = wanted.iter().map(|one| one.id.clone()).collect();
        let inspected = engine.inspect_containers(&ids).await?;
        Ok::<_, Failure>((wanted, inspected, waited_for))
    };
    // The clock is asked beside the rest: that takes an engine as long as some inspects.
    let (now, (wanted, inspected, waited_for)) =
        try_join!(engine.now().map_err(Failure::from), reading)?;
    let mut answer = PsAnswer {
        project: named.name.clone(),
        containers: Vec::new(),
        left_out: Vec::new(),
    };
    for observed in inspected {
        let Some(summary) = wanted.iter().find(|summary| summary.id == observed.id) else {
            continue;
        };
        let container = describe(now, summary, &observed, &waited_for);
        let shown = request.scope != PsScope::UpAndDone
            || !request.states.is_empty()
            || container.state.is_up()
            || container.done.is_some();
        if shown {
            answer.containers.push(container);
        } else {
            answer.left_out.push(container);
        }
    }
    Ok(answer)
}

/// Whether the request speaks of this container, as far as a listing can tell.
fn is_meant(container: &ContainerSummary, named: &Named, request: &PsRequest) -> bool {
    let service = containers::service(container);
    let asked = request.services.is_empty() || request.services.iter().any(|name| name == service);
    let declared = match &named.project {
        Some(project) if request.without_orphans && request.services.is_empty() => {
            project.services.contains_key(service)
        }
        _ => true,
    };
    let in_scope = if request.states.is_empty() {
        match request.scope {
            PsScope::All => true,
            PsScope::Up => container.status.is_up() && !is_one_off(container),
            // Which of those that ended are done, only an inspect tells.
            PsScope::UpAndDone => !is_one_off(container),
        }
    } else {
        request.states.contains(&container.status)
    };
    asked && declared && in_scope
}

/// The services whose success something waits for, by the labels of what depends on them.
fn waited_for(found: &[ContainerSummary]) -> Vec<String> {
    let labels = found
        .iter()
        .filter_map(|container| container.labels.get(label::DEPENDS_ON));
    let entries = labels.flat_map(|text| text.split(','));
    entries
        .filter_map(|entry| {
            let mut parts = entry.split(':');
            let (service, condition) = (parts.next()?, parts.next()?);
            (condition == "service_completed_successfully").then(|| service.to_owned())
        })
        .collect()
}

fn describe(
    now: Timestamp,
    summary: &ContainerSummary,
    observed: &ObservedContainer,
    waited_for: &[String],
) -> PsContainer {
    let state = &observed.state;
    let label = |key: &str| observed.labels().get(key).cloned().unwrap_or_default();
    let service = label(label::SERVICE);
    let is_done = observed.has_done_its_job(waited_for.contains(&service));
    let done = is_done.then(|| {
        let words = state.finished.map(|finished| ago(now, finished));
        Done {
            at: state.finished,
            words: words.map_or_else(|| "Done".to_owned(), |words| format!("Done {words}")),
        }
    });
    let ended = matches!(
        state.status,
        ContainerStatus::Exited | ContainerStatus::Dead
    );
    let health = state.health.as_ref().map(|health| health.status);
    PsContainer {
        instance: observed.id.0.clone(),
        name: observed.name.clone(),
        project: label(label::PROJECT),
        service,
        image: summary.image.clone(),
        command: command(observed),
        created: summary.created,
        running_for: summary.created.map(|at| ago(now, at)).unwrap_or_default(),
        state: state.status.clone(),
        status: status(now, observed),
        health: health.filter(|_| state.status == ContainerStatus::Running),
        started: state.started,
        ready: false,
        done,
        exit_code: if ended { state.exit_code } else { 0 },
        publishers: publishers(observed),
        labels: observed.labels().clone(),
        mounts: observed
            .mounts
            .iter()
            .map(|mount| match &mount.volume {
                Some(volume) => volume.clone(),
                None => mount.source.display().to_string(),
            })
            .collect(),
        local_volumes: observed
            .mounts
            .iter()
            .filter(|mount| mount.driver.as_deref() == Some("local"))
            .count(),
        networks: observed.endpoints.keys().cloned().collect(),
    }
}

/// The program with its arguments, as engines list it, without what looks like a secret.
fn command(container: &ObservedContainer) -> String {
    let parts = [&container.spec.entrypoint, &container.spec.command];
    let words = parts.into_iter().flatten().flat_map(|argv| argv.iter());
    let mut words = mask_command(words.map(String::as_str)).into_iter();
    let mut line = words.next().unwrap_or_default();
    for word in words {
        let quote = if word.contains(' ') { "'" } else { "" };
        for part in [" ", quote, &word, quote] {
            line.push_str(part);
        }
    }
    line
}

/// The engine's sentence about a container.
pub(crate) fn status(now: Timestamp, container: &ObservedContainer) -> String {
    let state = &container.state;
    let since_start = || state.started.map(|at| span(now, at)).unwrap_or_default();
    let since_end = || state.finished.map(|at| ago(now, at)).unwrap_or_default();
    match &state.status {
        ContainerStatus::Running => match state.health.as_ref().map(|health| health.status) {
            None => format!("Up {}", since_start()),
            Some(HealthStatus::Starting) => format!("Up {} (health: starting)", since_start()),
            Some(HealthStatus::Healthy) => format!("Up {} (healthy)", since_start()),
            Some(HealthStatus::Unhealthy) => format!("Up {} (unhealthy)", since_start()),
        },
        ContainerStatus::Paused => format!("Up {} (Paused)", since_start()),
        ContainerStatus::Restarting => format!("Restarting ({}) {}", state.exit_code, since_end()),
        ContainerStatus::Removing => "Removal In Progress".to_owned(),
        ContainerStatus::Dead => "Dead".to_owned(),
        ContainerStatus::Created => "Created".to_owned(),
        ContainerStatus::Exited => format!("Exited ({}) {}", state.exit_code, since_end()),
        ContainerStatus::Other(word) => word.clone(),
    }
}

/// Ports that are published now, and those that are only open inside.
fn publishers(container: &ObservedContainer) -> Vec<Publisher> {
    let bound = container.ports.iter().map(|port| Publisher {
        target_port: port.container.port,
        url: port.host_ip.clone(),
        published_port: port.host_port,
        protocol: port.container.protocol.to_string(),
    });
    let mut publishers: Vec<Publisher> = bound.collect();
    if container.state.status.is_up() && has_own_bridge(container) {
        let is_bound = |key: &PortKey| container.ports.iter().any(|port| port.container == *key);
        let open = container.spec.exposed.iter().filter(|key| !is_bound(key));
        publishers.extend(open.flat_map(|key| {
            (key.port..=key.last).map(|port| Publisher {
                target_port: port,
                url: String::new(),
                published_port: 0,
                protocol: key.protocol.to_string(),
            })
        }));
    }
    publishers.sort();
    publishers
}

/// Whether its ports are its own: engines list none for those that share a network, or have none.
fn has_own_bridge(container: &ObservedContainer) -> bool {
    let mode = container.spec.network.mode.as_deref().unwrap_or_default();
    !(mode == "host" || mode == "none" || mode.starts_with("container:"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bowline_core::Journal;
    use bowline_engine::fake::{FakeEngine, Run};
    use bowline_engine::{CallEffect, Tap};
    use bowline_model::{HealthTest, HealthcheckSpec, HostPort, PortSpec, Protocol, RestartSpec};

    use super::*;
    use crate::stage::{self, by_name, started, started_with};

    fn request(scope: PsScope) -> PsRequest {
        PsRequest {
            scope,
            ..PsRequest::default()
        }
    }

    async fn lines(engine: &FakeEngine, request: &PsRequest) -> Vec<String> {
        let answer = list(engine, &by_name(), request).await.unwrap();
        let line = |container: &PsContainer| {
            let done = container.done.as_ref().map(|done| done.words.as_str());
            format!("{}: {}", container.name, done.unwrap_or(&container.status))
        };
        let left_out = answer.left_out.iter();
        let shown = answer.containers.iter().map(line);
        shown
            .chain(left_out.map(|container| format!("left out {}", line(container))))
            .collect()
    }

    /// A web server, a job that is done, a crash, one that `run` made, and one that never ran.
    async fn shop() -> std::sync::Arc<FakeEngine> {
        let engine = stage::engine();
        let at_once = Duration::from_millis(1);
        started(&engine, "web", 1, Run::new()).await;
        started(&engine, "migrate", 1, Run::new().ends_after(at_once, 0)).await;
        started(&engine, "api", 1, Run::new().ends_after(at_once, 3)).await;
        let mut one_off = stage::spec("tool", 7);
        one_off.labels.insert(label::ONE_OFF.into(), "True".into());
        started_with(&engine, one_off, Run::new()).await;
        let broken = Run::new().fails_to_start(127, "no such file");
        started(&engine, "broken", 1, broken).await;
        // sleeps because: the clock is paused, and this moves it
        tokio::time::sleep(Duration::from_secs(330)).await;
        engine
    }

    #[tokio::test]
    async fn what_the_journal_calls_ready_is_so_before_the_engine_says_it() {
        let engine = stage::engine();
        let mut checked = stage::spec("db", 1);
        checked.healthcheck = Some(HealthcheckSpec {
            test: Some(HealthTest::Exec(["true"].into())),
            ..HealthcheckSpec::default()
        });
        let db = started_with(&engine, checked, Run::new().never_ready()).await;
        let folder = tempfile::tempdir().unwrap();
        let around = stage::surroundings(folder.path());
        let ready = async || {
            let mut answer = list(&*engine, &by_name(), &PsRequest::default())
                .await
                .unwrap();
            mark_ready(&around, engine.clone(), &mut answer)
                .await
                .unwrap();
            answer.containers[0].ready
        };
        assert!(!ready().await, "nobody remembers anything");

        let session = session::open(&around, engine.clone(), by_name().name).unwrap();
        let stack = &session.stack;
        let sealer = stack.sealer.clone();
        let (id, clock) = (&engine.about().id, stack.clock.clone());
        let journal = Journal::open(&stack.home, id, &stack.project, sealer, clock)
            .await
            .unwrap();
        let run = engine
            .inspect_container(&db)
            .await
            .unwrap()
            .state
            .started
            .unwrap();
        journal
            .set_ready(&db, run - Duration::from_secs(1))
            .await
            .unwrap();
        assert!(!ready().await, "that was another run");
        journal.set_ready(&db, run).await.unwrap();
        assert!(ready().await);
    }

    #[tokio::test(start_paused = true)]
    async fn jobs_that_are_done_are_shown_and_what_ended_otherwise_is_named() {
        let engine = shop().await;
        assert_eq!(
            lines(&engine, &request(PsScope::UpAndDone)).await,
            [
                "shop-migrate-1: Done 5 minutes ago",
                "shop-web-1: Up 5 minutes",
                "left out shop-api-1: Exited (3) 5 minutes ago",
                "left out shop-broken-1: Created",
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_scope_and_state_shows_what_compose_shows() {
        let engine = shop().await;
        let names = async |request: &PsRequest| -> Vec<String> {
            let answer = list(engine.as_ref(), &by_name(), request).await.unwrap();
            answer
                .containers
                .into_iter()
                .map(|one| one.service)
                .collect()
        };
        assert_eq!(names(&request(PsScope::Up)).await, ["web"]);
        assert_eq!(
            names(&request(PsScope::All)).await,
            ["api", "broken", "migrate", "tool", "web"]
        );
        let exited = PsRequest {
            states: vec![ContainerStatus::Exited, ContainerStatus::Created],
            ..PsRequest::default()
        };
        assert_eq!(names(&exited).await, ["api", "broken", "migrate"]);
        let of_two = PsRequest {
            services: vec!["api".into(), "web".into()],
            ..PsRequest::default()
        };
        assert_eq!(names(&of_two).await, ["web"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_job_with_a_restart_policy_is_one_when_something_waits_for_it() {
        let engine = stage::engine();
        let mut job = stage::spec("migrate", 1);
        job.restart = RestartSpec::OnFailure { max_retries: None };
        started_with(&engine, job, Run::new().ends_after(Duration::ZERO, 0)).await;
        // sleeps because: the clock is paused, and this moves it
        tokio::time::sleep(Duration::from_millis(7500)).await;
        let all = request(PsScope::All);
        assert_eq!(
            lines(&engine, &all).await,
            ["shop-migrate-1: Exited (0) 7 seconds ago"]
        );
        let mut api = stage::spec("api", 1);
        let waits = "db:service_healthy:false,migrate:service_completed_successfully:false";
        api.labels.insert(label::DEPENDS_ON.into(), waits.into());
        started_with(&engine, api, Run::new()).await;
        assert_eq!(
            lines(&engine, &all).await[1],
            "shop-migrate-1: Done 7 seconds ago"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_is_told_without_what_looks_like_a_secret() {
        let engine = stage::engine();
        let mut cache = stage::spec("cache", 1);
        cache.command = Some(["redis-server", "--requirepass", "hunter2", "--save", ""].into());
        started_with(&engine, cache, Run::new()).await;
        let answer = list(engine.as_ref(), &by_name(), &PsRequest::default()).await;
        let command = answer.unwrap().containers.remove(0).command;
        assert_eq!(command, "redis-server --requirepass •••• --save ");
    }

    #[tokio::test(start_paused = true)]
    async fn health_ports_and_command_are_told_as_the_engine_tells_them() {
        let engine = stage::engine();
        let mut web = stage::spec("web", 1);
        web.entrypoint = Some(["/entry.sh"].into());
        web.command = Some(["nginx", "-g", "daemon off;"].into());
        web.exposed = [80, 443]
            .map(|port| PortKey::new(port, Protocol::Tcp))
            .into();
        web.published = vec![PortSpec {
            container: PortKey::new(80, Protocol::Tcp),
            host_ip: Some("127.0.0.1".into()),
            host: HostPort::Fixed(8080),
        }];
        web.healthcheck = Some(HealthcheckSpec {
            test: Some(HealthTest::Exec(["true"].into())),
            interval: Some(Duration::from_secs(1)),
            ..HealthcheckSpec::default()
        });
        started_with(&engine, web, Run::new()).await;
        let answer = async || {
            let mut answer = list(engine.as_ref(), &by_name(), &PsRequest::default())
                .await
                .unwrap();
            answer.containers.remove(0)
        };
        assert_eq!(
            answer().await.status,
            "Up Less than a second (health: starting)"
        );
        // sleeps because: the clock is paused, and this moves it
        tokio::time::sleep(Duration::from_millis(2500)).await;
        let web = answer().await;
        assert_eq!(web.status, "Up 2 seconds (healthy)");
        assert_eq!(web.command, "/entry.sh nginx -g 'daemon off;'");
        let ports: Vec<(u16, &str, u16)> = web
            .publishers
            .iter()
            .map(|port| (port.target_port, port.url.as_str(), port.published_port))
            .collect();
        assert_eq!(ports, [(80, "127.0.0.1", 8080), (443, "", 0)]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_unknown_service_is_refused_with_the_nearest_name() {
        let engine = shop().await;
        let wrong = PsRequest {
            services: vec!["migrte".into()],
            ..PsRequest::default()
        };
        let failure = list(engine.as_ref(), &by_name(), &wrong).await.unwrap_err();
        assert_eq!(failure.to_string(), "no such service: `migrte`");
        assert_eq!(failure.hints(), ["did you mean `migrate`?"]);
    }

    #[tokio::test(start_paused = true)]
    async fn it_lists_once_inspects_what_it_shows_and_writes_nothing() {
        let tap = Tap::new(shop().await);
        list(&tap, &by_name(), &request(PsScope::Up)).await.unwrap();
        let calls = tap.calls();
        let count = |method| calls.iter().filter(|call| call.method == method).count();
        assert_eq!((count("containers"), count("inspect_container")), (1, 1));
        assert!(
            calls.iter().all(|call| call.effect == CallEffect::Read),
            "{calls:?}"
        );
    }
}
