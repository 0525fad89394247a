//! The stage on which a clause plays: an engine, an image, names of its own, and actors with a role.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Engine, EventFilter, OutputSource, RemoveContainer, Selector, Stream};
use bowline_model::{
    ApiVersion, ContainerId, ContainerSpec, EngineEvent, EventAction, HealthTest, HealthcheckSpec,
    ImageConfig, Labels, NetworkSpec, ObjectKind, VolumeSpec,
};
use futures_util::{FutureExt, StreamExt};

/// Image of every actor: Debian with a shell.
pub(crate) const IMAGE: &str = "bowline-test/busy:1";

/// The label that everything on a stage carries; its value is the stage.
pub(crate) const STAGE_LABEL: &str = "dev.bowline.instrument";

/// No clause waits longer for anything. Real engines under load take seconds, not minutes.
const PATIENCE: Duration = Duration::from_mins(1);

static STAGES: AtomicUsize = AtomicUsize::new(0);

/// What a container of the stage does when it runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Role {
    /// Runs until it is asked to stop, then ends with 0.
    Idles,
    /// Ignores its stop signal.
    Deaf,
    /// Ends at once with this code.
    Ends(i64),
    /// Writes `out 1`, `err 1` and `out 2` to its streams, and runs on.
    Speaks,
    /// Has a command that does not exist.
    Broken,
    /// Runs, and its healthcheck succeeds at once.
    Healthy,
    /// Runs, and its healthcheck fails for ever.
    Sick,
}

/// One stage.
pub(crate) struct Stage {
    pub(crate) engine: Arc<dyn Engine>,
    fake: Option<Arc<FakeEngine>>,
    name: String,
}

impl Stage {
    /// A stage on a real engine.
    #[allow(dead_code, reason = "used by the tests on real engines only")]
    pub(crate) fn real(engine: Arc<dyn Engine>) -> Self {
        Self::new(engine, None)
    }

    /// A stage on the scripted engine.
    #[allow(dead_code, reason = "used by the tests on the scripted engine only")]
    pub(crate) fn fake(api: ApiVersion) -> Self {
        let fake = Arc::new(FakeEngine::with_api(api));
        let config = ImageConfig {
            command: Some(["/bin/sh"].into()),
            ..ImageConfig::default()
        };
        fake.add_image(IMAGE, config);
        Self::new(fake.clone(), Some(fake))
    }

    fn new(engine: Arc<dyn Engine>, fake: Option<Arc<FakeEngine>>) -> Self {
        let number = STAGES.fetch_add(1, Ordering::Relaxed);
        Self {
            engine,
            fake,
            name: format!("bowline-contract-{}-{number}", std::process::id()),
        }
    }

    /// Plays a clause, and clears the stage whatever came of it.
    pub(crate) async fn play(self, clause: impl AsyncFnOnce(&Self)) {
        let outcome = std::panic::AssertUnwindSafe(clause(&self))
            .catch_unwind()
            .await;
        self.clear().await;
        if let Err(panic) = outcome {
            std::panic::resume_unwind(panic);
        }
    }

    async fn clear(&self) {
        let engine = &self.engine;
        let mine = Selector::label(STAGE_LABEL, &self.name);
        let how = RemoveContainer {
            force: true,
            anonymous_volumes: true,
        };
        for container in engine.containers(&mine).await.unwrap() {
            engine.remove_container(&container.id, how).await.unwrap();
        }
        for network in engine.networks(&mine).await.unwrap() {
            engine.remove_network(&network.id).await.unwrap();
        }
        for volume in engine.volumes(&mine).await.unwrap() {
            engine.remove_volume(&volume.spec.name).await.unwrap();
        }
        for (id, tags) in engine.images(&mine).await.unwrap() {
            for reference in tags.iter().chain([&id.0]) {
                engine.remove_image(reference).await.unwrap();
            }
        }
    }

    /// What a step of a Dockerfile writes and ends with; a real engine does it by itself.
    pub(crate) fn script_step(&self, instruction: &str, lines: &[&str], exit_code: i64) {
        if let Some(fake) = &self.fake {
            fake.script_step(instruction, lines, exit_code);
        }
    }

    /// A name of this stage.
    pub(crate) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    /// The label of this stage.
    pub(crate) fn labels(&self) -> Labels {
        [(STAGE_LABEL, self.name.as_str())].into()
    }

    /// Everything on this stage.
    pub(crate) fn mine(&self) -> Selector {
        Selector::label(STAGE_LABEL, &self.name)
    }

    /// Everything about this stage's containers that is not an exec.
    pub(crate) fn events_of(&self, actions: &[EventAction]) -> EventFilter {
        EventFilter {
            labels: vec![(STAGE_LABEL.into(), Some(self.name.clone()))],
            kinds: vec![ObjectKind::Container],
            actions: actions.to_vec(),
            ..EventFilter::default()
        }
    }

    /// The spec of a container with a role; `part` is the part of its name.
    pub(crate) fn spec(&self, part: &str, role: Role) -> ContainerSpec {
        let check = |test: &str| HealthcheckSpec {
            test: Some(HealthTest::Shell([test].into())),
            interval: Some(Duration::from_secs(1)),
            retries: Some(2),
            ..HealthcheckSpec::default()
        };
        let idle = "trap 'exit 0' TERM; sleep 100000 & wait";
        let script = match role {
            Role::Idles | Role::Healthy | Role::Sick => idle.to_owned(),
            Role::Deaf => "trap '' TERM; while :; do sleep 100000; done".to_owned(),
            Role::Ends(code) => format!("exit {code}"),
            Role::Speaks => {
                format!("echo out 1; sleep 0.1; echo err 1 >&2; sleep 0.1; echo out 2; {idle}")
            }
            Role::Broken => String::new(),
        };
        if let Some(fake) = &self.fake {
            fake.script_container(&self.name(part), [fake_run(role)]);
        }
        let command = match role {
            Role::Broken => ["/no/such/program"].into(),
            _ => ["/bin/sh", "-c", script.as_str()].into(),
        };
        ContainerSpec {
            image: IMAGE.into(),
            command: Some(command),
            labels: self.labels(),
            stop_timeout_secs: Some(1),
            healthcheck: match role {
                Role::Healthy => Some(check("exit 0")),
                Role::Sick => Some(check("echo ill; exit 1")),
                _ => None,
            },
            ..ContainerSpec::default()
        }
    }

    /// Creates a container with a role.
    pub(crate) async fn create(&self, part: &str, role: Role) -> ContainerId {
        self.create_of(part, &self.spec(part, role)).await
    }

    /// Creates a container of a spec.
    pub(crate) async fn create_of(&self, part: &str, spec: &ContainerSpec) -> ContainerId {
        self.engine
            .create_container(&self.name(part), spec)
            .await
            .unwrap()
            .id
    }

    /// Creates and starts a container with a role.
    pub(crate) async fn run(&self, part: &str, role: Role) -> ContainerId {
        let id = self.create(part, role).await;
        self.engine.start_container(&id).await.unwrap();
        id
    }

    /// The spec of a network.
    pub(crate) fn network(&self, part: &str) -> NetworkSpec {
        NetworkSpec {
            name: self.name(part),
            labels: self.labels(),
            ..NetworkSpec::default()
        }
    }

    /// The spec of a volume.
    pub(crate) fn volume(&self, part: &str) -> VolumeSpec {
        VolumeSpec {
            name: self.name(part),
            labels: self.labels(),
            ..VolumeSpec::default()
        }
    }
}

/// The same role on the scripted engine.
fn fake_run(role: Role) -> Run {
    let run = Run::new()
        .exec_answers(
            ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"],
            7,
            "out\n",
        )
        .exec_writes(
            ["/bin/sh", "-c", "echo out; echo err >&2; exit 7"],
            OutputSource::Stderr,
            "err\n",
        )
        .exec_answers(["/no/such/program"], 127, "no such program")
        .exec_hangs(["/bin/sh", "-c", "sleep 100000"])
        .exec_echoes(["cat"]);
    match role {
        Role::Idles | Role::Healthy => run,
        Role::Sick => run.never_ready(),
        Role::Deaf => run.ignores_stop(),
        Role::Ends(code) => run.ends_after(Duration::from_millis(1), code),
        Role::Speaks => run
            .writes(OutputSource::Stdout, "out 1")
            .writes(OutputSource::Stderr, "err 1")
            .writes(OutputSource::Stdout, "out 2"),
        Role::Broken => {
            run.fails_to_start(127, "exec: \"/no/such/program\": no such file or directory")
        }
    }
}

/// Waits, but not for ever.
pub(crate) async fn soon<T>(what: &str, waited: impl Future<Output = T>) -> T {
    let Ok(result) = tokio::time::timeout(PATIENCE, waited).await else {
        panic!("{what}: not within {PATIENCE:?}")
    };
    result
}

/// Reads events up to the first of this action.
pub(crate) async fn until(
    events: &mut Stream<EngineEvent>,
    action: EventAction,
) -> Vec<EngineEvent> {
    let mut seen = Vec::new();
    soon(&format!("the event {action:?}"), async {
        while let Some(event) = events.next().await {
            seen.push(event.unwrap());
            if seen.last().is_some_and(|event| event.action == action) {
                return;
            }
        }
        panic!("the events ended before {action:?}: {seen:?}");
    })
    .await;
    seen
}
