//! What did not work, with everything that is known about it: for one screen that says why.

use std::collections::BTreeSet;

use bowline_core::{
    ExecuteError, Halt, JournalError, LockLost, NotReady, Probe, Reached, StepError,
};
use bowline_doctor::{Finding, Veil};
use bowline_engine::{Engine, EngineError, LogOptions, PortHolder, Selector, port_holder};
use bowline_model::{
    Action, Condition, ContainerEnd, ContainerRef, ObservedContainer, Protocol, Step, StepId,
    is_steering,
};
use futures_util::TryStreamExt as _;

/// How many of a container's last lines are kept.
const LAST_LINES: u64 = 10;
/// No more of a line is shown, in characters.
const LONGEST_LINE: usize = 400;

/// One thing that did not work.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Problem {
    /// The service, if it is one's.
    pub service: Option<String>,
    /// The containers that it is about: of replicas that fail alike, the first is shown.
    pub containers: Vec<String>,
    /// What was to be done or waited for.
    pub wanted: String,
    /// Why it did not come.
    pub reason: String,
    /// The last probe of its healthcheck.
    pub probe: Option<Probe>,
    /// What the container does now.
    pub state: Option<String>,
    /// The last lines of its output.
    pub last_lines: Vec<String>,
    /// Services that were not started because of it.
    pub blocks: Vec<String>,
    /// What to do next, a sentence each.
    pub hints: Vec<String>,
    /// The Dockerfile, where an image could not be built, and where it is written that it is.
    pub dockerfile: Option<String>,
    /// The step of the Dockerfile that failed, and the exit code of its program.
    pub build_step: Option<(String, Option<i64>)>,
    /// Why it is so, where the doctor knew it at once.
    pub why: Option<Box<Finding>>,
    /// Whether it is about a container that did not start, or did not become what it was waited for.
    pub(crate) is_about_a_run: bool,
    /// Whether it is a service that did not become ready, rather than a step that was not done.
    pub is_gate: bool,
    /// Whether the engine was lost.
    pub is_engine_gone: bool,
}

/// Gathers everything about the steps that failed, as containers and the engine say it: [`Problem::hide`] makes it fit to be
/// shown. What cannot be read is left out.
pub(crate) async fn problems(engine: &dyn Engine, reached: &Reached) -> Vec<Problem> {
    let mut found: Vec<Problem> = Vec::new();
    for (id, error) in &reached.report.failed {
        let Some(step) = reached.plan.steps.iter().find(|step| step.id == *id) else {
            continue;
        };
        let out_of_time = reached.report.halted == Some(Halt::OutOfTime);
        if *error == StepError::Halted && !out_of_time {
            continue;
        }
        let new = problem(engine, reached, step, error).await;
        // Replicas fail alike; one paragraph speaks for all of them.
        match found.iter_mut().find(|other| other.is_like(&new)) {
            Some(other) => other.containers.extend(new.containers),
            None => found.push(new),
        }
    }
    found
}

async fn problem(
    engine: &dyn Engine,
    reached: &Reached,
    step: &Step,
    error: &StepError,
) -> Problem {
    let container = match step.action.container() {
        Some(container) => look(engine, container).await,
        None => None,
    };
    let last_lines = match &container {
        Some(container) => last_lines(engine, container).await,
        None => Vec::new(),
    };
    let mut problem = Problem {
        service: step.service.clone(),
        containers: step
            .action
            .container()
            .iter()
            .map(ToString::to_string)
            .collect(),
        wanted: wanted(&step.action),
        reason: error.to_string(),
        probe: None,
        state: container.as_ref().map(state),
        last_lines,
        blocks: blocked(reached, step),
        hints: Vec::new(),
        dockerfile: None,
        build_step: None,
        why: None,
        is_about_a_run: matches!(
            step.action,
            Action::StartContainer { .. } | Action::Await { .. }
        ),
        is_gate: false,
        is_engine_gone: false,
    };
    explain(&mut problem, engine, step, error).await;
    if container.is_some_and(|container| container.state.is_lost()) {
        problem.hints = vec![
            "the engine lost track of it when it was killed; `bowline up` once more makes it again"
                .to_owned(),
        ];
    }
    problem
}

/// Adds what is known of a problem by its kind.
async fn explain(problem: &mut Problem, engine: &dyn Engine, step: &Step, error: &StepError) {
    match error {
        StepError::NotReady(failed) if let NotReady::Engine(error) = &failed.reason => {
            problem.is_engine_gone = error.is_unreachable();
            problem.hints = error.hints();
        }
        StepError::NotReady(failed) => {
            problem.is_gate = true;
            problem.probe.clone_from(&failed.probe);
            problem.hints = gate_hints(step, &failed.reason);
        }
        StepError::Execute(ExecuteError::Engine(error)) => {
            problem.is_engine_gone = error.is_unreachable();
            problem.hints = error.hints();
            if let (Action::RemoveNetwork { name, .. }, EngineError::InUse { .. }) =
                (&step.action, error)
            {
                (problem.reason, problem.hints) = network_in_use(engine, name).await;
            }
            if let EngineError::PortTaken { port, protocol, .. } = error {
                match holder(engine, *port, *protocol).await {
                    Some(holder) => problem.reason = format!("{} by {holder}", problem.reason),
                    None => problem.hints.push(format!(
                        "no container holds port {port}, so a process of the engine's host does: `ss -lnp 'sport = :{port}'` names it there"
                    )),
                }
            }
        }
        StepError::Execute(ExecuteError::Build {
            dockerfile,
            place,
            failure,
        }) => {
            problem.dockerfile = Some(match place {
                Some(place) => format!("{dockerfile} ({place})"),
                None => dockerfile.clone(),
            });
            problem.reason.clone_from(&failure.text);
            problem.last_lines.clone_from(&failure.last_lines);
            let code = failure.exit_code;
            let failed = failure.step.as_ref();
            problem.build_step = failed.map(|failed| (failed.to_string(), code));
            problem.hints = build_hints(step, &failure.text);
        }
        StepError::Execute(ExecuteError::Context { hints, .. }) => {
            problem.hints.clone_from(hints);
        }
        StepError::Journal(JournalError::LockLost(LockLost::Unconfirmed(error))) => {
            problem.is_engine_gone = error.is_unreachable();
            problem.hints = error.hints();
        }
        StepError::Journal(error) => problem.hints = error.hints(),
        StepError::Halted => {
            problem.is_gate = true;
            "it was not there when the time given was over".clone_into(&mut problem.reason);
        }
        StepError::Execute(error) => problem.hints = error.file_hints(),
    }
}

impl Problem {
    /// The containers and what was waited for, as one phrase.
    pub fn subject(&self) -> String {
        match &*self.containers {
            [] => self.wanted.clone(),
            [one] => format!("container {one} {}", self.wanted),
            [all @ .., last] => format!("containers {} and {last} {}", all.join(", "), self.wanted),
        }
    }

    /// Takes out of all that containers and the engine wrote the secrets of the stack, and what steers a terminal.
    pub(crate) fn hide(&mut self, veil: &Veil) {
        let probe = self.probe.iter_mut().map(|probe| &mut probe.output);
        let texts = self.state.iter_mut().chain([&mut self.reason]).chain(probe);
        for text in texts {
            let lines: Vec<String> = text.lines().map(|line| veil.line(line)).collect();
            *text = lines.join("\n");
        }
        for line in &mut self.last_lines {
            // Half a secret would not be known any more.
            *line = veil.line(line).chars().take(LONGEST_LINE).collect();
        }
    }

    fn is_like(&self, other: &Self) -> bool {
        self.is_gate
            && other.is_gate
            && self.service == other.service
            && self.reason == other.reason
            && self.probe == other.probe
    }
}

fn wanted(action: &Action) -> String {
    match action {
        Action::Await {
            condition: Condition::Healthy,
            ..
        } => "to become ready".to_owned(),
        Action::Await {
            condition: Condition::Completed,
            ..
        } => "to end with 0".to_owned(),
        Action::Await {
            condition: Condition::Started,
            ..
        } => "to be started".to_owned(),
        other => other.to_string(),
    }
}

async fn look(engine: &dyn Engine, container: &ContainerRef) -> Option<ObservedContainer> {
    match &container.id {
        Some(id) => engine.inspect_container(id).await.ok(),
        None => engine.find_container(&container.name).await.ok().flatten(),
    }
}

async fn last_lines(engine: &dyn Engine, container: &ObservedContainer) -> Vec<String> {
    let options = LogOptions {
        tail: Some(LAST_LINES),
        ..LogOptions::default()
    };
    let Ok(stream) = engine.logs(&container.id, &options).await else {
        return Vec::new();
    };
    let entries: Vec<_> = stream.try_collect().await.unwrap_or_default();
    entries
        .iter()
        .map(|entry: &bowline_engine::LogEntry| entry.text().into_owned())
        .collect()
}

/// Text of a build, without what could steer a terminal, and not longer than a line.
pub(crate) fn printable(text: &str) -> String {
    text.chars()
        .map(|c| {
            if is_steering(c) && c != '\t' {
                '\u{fffd}'
            } else {
                c
            }
        })
        .take(LONGEST_LINE)
        .collect()
}

fn state(container: &ObservedContainer) -> String {
    let state = &container.state;
    let end = match state.end() {
        Some(ContainerEnd::Exited { code }) => format!(" with code {code}"),
        Some(ContainerEnd::Signalled { signal }) => format!(" by signal {signal}"),
        Some(ContainerEnd::OutOfMemory { .. }) => {
            ", killed because its memory was used up".to_owned()
        }
        Some(ContainerEnd::FailedToStart { error, .. }) => {
            format!(", could not be started: {error}")
        }
        None => String::new(),
    };
    let restarts = match container.restart_count {
        0 => String::new(),
        1 => ", restarted once".to_owned(),
        count => format!(", restarted {count} times"),
    };
    format!("{}{end}{restarts}", state.status)
}

/// The services of which nothing was started because of this step.
fn blocked(reached: &Reached, step: &Step) -> Vec<String> {
    let mut behind: BTreeSet<StepId> = BTreeSet::from([step.id]);
    for other in &reached.plan.steps {
        if other.after.iter().any(|before| behind.contains(before)) {
            behind.insert(other.id);
        }
    }
    let starts = reached.plan.steps.iter().filter(|other| {
        behind.contains(&other.id) && matches!(other.action, Action::StartContainer { .. })
    });
    let services: BTreeSet<&String> = starts
        .filter_map(|other| other.service.as_ref())
        .filter(|service| step.service.as_ref() != Some(service))
        .collect();
    services.into_iter().cloned().collect()
}

fn gate_hints(step: &Step, reason: &NotReady) -> Vec<String> {
    let service = step.service.as_deref().unwrap_or_default();
    let mut hints = Vec::new();
    match reason {
        NotReady::Unhealthy { .. } | NotReady::TimedOut { .. } => {
            hints.push(format!("read what it says: `bowline logs {service}`"));
        }
        NotReady::Ended {
            end: ContainerEnd::OutOfMemory { .. },
        } => hints.push(
            "give it more memory: `mem_limit`, or `deploy.resources.limits.memory`".to_owned(),
        ),
        NotReady::Paused => hints.push(format!("let it go on: `bowline unpause {service}`")),
        _ => hints.push(format!("read all of its output: `bowline logs {service}`")),
    }
    hints.push(
        "everything that is fine stays as it is; mend this and run `bowline up` again".to_owned(),
    );
    hints
}

fn build_hints(step: &Step, text: &str) -> Vec<String> {
    let service = step.service.as_deref().unwrap_or_default();
    let text = text.to_lowercase();
    let is_for_buildkit = ["buildkit", "unknown flag", "unknown instruction"];
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&is_for_buildkit) {
        return vec![format!(
            "if it is written for BuildKit: images are built with the engine's own builder here, so build it with `docker compose build {service}`; where the image is there, `up` takes it as it is"
        )];
    }
    if has(&["pull access denied", "docker login", "no basic auth"]) {
        return vec![
            "check the spelling of the base image; if it is private, log in with `docker login`"
                .to_owned(),
        ];
    }
    vec!["no image was replaced; mend the build and run `bowline up` again".to_owned()]
}

/// Who is on a network that the engine does not remove, and what to do about it.
async fn network_in_use(engine: &dyn Engine, name: &str) -> (String, Vec<String>) {
    let users = network_users(engine, name).await.unwrap_or_default();
    if let [first, ..] = &*users {
        let containers: Vec<String> = users.iter().map(|user| format!("`{user}`")).collect();
        return (
            format!("still used by container {}", containers.join(", ")),
            vec![format!(
                "take it off with `docker network disconnect {name} {first}`, or stop it, and run `bowline down` again"
            )],
        );
    }
    (
        "the engine counts somebody on it, although no container is".to_owned(),
        vec![
            "an engine can lose count when much starts and stops at once; after its next restart `bowline down` removes the network".to_owned(),
            "until then it does no harm, and `bowline up` goes on with it".to_owned(),
        ],
    )
}

/// The names of the containers on a network.
async fn network_users(engine: &dyn Engine, name: &str) -> Option<Vec<String>> {
    let networks = engine.networks(&Selector::name(name)).await.ok()?;
    let mut users = Vec::new();
    for network in networks {
        let network = engine.inspect_network(&network.id).await.ok()?;
        users.extend(network.attached.into_values());
    }
    Some(users)
}

/// Who holds a port of the host: a container of the engine, or a process of this host.
async fn holder(engine: &dyn Engine, port: u16, protocol: Protocol) -> Option<String> {
    let listed = engine.containers(&Selector::all()).await.ok()?;
    let ids: Vec<_> = listed
        .iter()
        .map(|container| container.id.clone())
        .collect();
    let containers = engine.inspect_containers(&ids).await.ok()?;
    let holds = |container: &&ObservedContainer| {
        let mut ports = container.ports.iter();
        ports.any(|bound| bound.host_port == port && bound.container.protocol == protocol)
    };
    if let Some(holder) = containers.iter().find(holds) {
        return Some(format!("container `{}`", holder.name));
    }
    let PortHolder { pid, name } = port_holder(port, protocol)?;
    Some(format!("process {pid} (`{name}`)"))
}

#[cfg(test)]
mod tests {
    use bowline_core::Watch;
    use bowline_engine::OutputSource;
    use bowline_engine::fake::Run;
    use bowline_model::{ContainerSpec, EndpointSpec, EnvSpec, Goal, NetworkSpec, StepOutcome};
    use tokio::sync::watch;

    use super::*;
    use crate::progress::{Building, Progress};
    use crate::{operate, session, stage};

    /// Shows nothing.
    struct Quiet;

    impl Watch for Quiet {
        fn began(&self, _: &Step) {}
        fn ended(&self, _: &Step, _: Result<&StepOutcome, &StepError>) {}
    }

    impl Progress for Quiet {
        fn pulling(&self, _: &str, _: &str) {}
        fn building(&self, _: &str, _: Building<'_>) {}
    }

    fn with_password() -> ContainerSpec {
        ContainerSpec {
            env: EnvSpec::from_entries(["DB_PASSWORD=opensesame"]),
            ..stage::spec("db", 1)
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_container_wrote_is_shown_plainly_and_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let around = stage::surroundings(folder.path());
        let engine = stage::engine();
        let says = "\u{1b}[31mopensesame\u{1b}[0m is\u{202e} wrong, --requirepass hunter2";
        let run = Run::new().writes(OutputSource::Stderr, says);
        stage::started_with(&engine, with_password(), run).await;
        let found = engine.find_container("shop-db-1").await.unwrap();
        let probe = Probe {
            exit_code: Some(1),
            output: "\u{1b}[2Jcannot log in\npassword=hunter2\n".to_owned(),
        };
        let mut problem = Problem {
            probe: Some(probe),
            last_lines: last_lines(&*engine, &found.unwrap()).await,
            ..Problem::default()
        };
        let session = session::open(&around, engine, stage::STACK.to_owned()).unwrap();
        problem.hide(&session.veil().await);
        let shown = "•••• is wrong, --requirepass ••••";
        assert_eq!(problem.last_lines, [shown]);
        let probe = problem.probe.unwrap();
        assert_eq!(probe.output, "cannot log in\npassword=••••");
    }

    #[tokio::test(start_paused = true)]
    async fn an_operation_that_fails_says_why_without_secrets() {
        let folder = tempfile::tempdir().unwrap();
        let around = stage::surroundings(folder.path());
        let engine = stage::engine();
        let run = Run::new().fails_to_start(127, "exec: `app opensesame` is not there");
        stage::started_with(&engine, with_password(), run).await;
        let session = session::open(&around, engine, stage::STACK.to_owned()).unwrap();
        let goal = Goal::Start {
            services: vec!["db".to_owned()],
        };
        let (_interrupt, halt) = watch::channel(None);
        let done = operate::reach(&around, &session, &goal, None, &Quiet, halt).await;
        let problem = done.unwrap().problems.remove(0);
        for text in [problem.reason, problem.state.unwrap()] {
            assert!(text.contains("exec: `app ••••` is not there"), "{text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_keeps_a_network_is_named_and_nobody_is_made_up() {
        let engine = stage::engine();
        let spec = NetworkSpec {
            name: "shop_default".to_owned(),
            ..NetworkSpec::default()
        };
        let network = engine.create_network(&spec).await.unwrap();
        let (reason, hints) = network_in_use(&*engine, &spec.name).await;
        assert!(reason.ends_with("although no container is"), "{reason}");
        assert!(hints[0].contains("next restart"), "{hints:?}");

        let other = stage::started(&engine, "other", 1, Run::new()).await;
        let endpoint = EndpointSpec {
            network: spec.name.clone(),
            ..EndpointSpec::default()
        };
        engine.connect(&network, &other, &endpoint).await.unwrap();
        let (reason, hints) = network_in_use(&*engine, &spec.name).await;
        assert_eq!(reason, "still used by container `shop-other-1`");
        assert!(
            hints[0].contains("docker network disconnect shop_default shop-other-1"),
            "{hints:?}"
        );
    }
}
