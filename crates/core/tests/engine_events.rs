//! After an operation on a real engine the journal holds every start, end and kill for want of memory that the engine
//! itself tells of. The engine is the one at `BOWLINE_TEST_DOCKER_HOST`.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use async_trait::async_trait;
use bowline_core::{
    ExecuteError, How, Outside, Sealer, Stack, StateHome, StepError, SystemClock, Watch,
};
use bowline_engine::{DockerConfig, Endpoint, EndpointHints, Engine, EventFilter};
use bowline_model::{
    Actor, Build, Condition, ContainerSpec, EngineEvent, EventAction, Goal, ImageId, ObjectKind,
    Place, RestartSpec, Step, StepOutcome, Wanted, WantedDependency, WantedImage, WantedService,
    label,
};
use bowline_testkit::{engine_host, image};
use futures_util::TryStreamExt as _;

struct Nothing;

#[async_trait]
impl Outside for Nothing {
    async fn pull(&self, _: &dyn Engine, _: &str, _: Option<&str>) -> Result<(), ExecuteError> {
        unreachable!("the images are there")
    }

    async fn build(
        &self,
        _: &dyn Engine,
        _: &str,
        _: &Build,
        _: Option<&Place>,
    ) -> Result<ImageId, ExecuteError> {
        unreachable!("nothing is built")
    }
}

impl Watch for Nothing {
    fn began(&self, _: &Step) {}
    fn ended(&self, _: &Step, _: Result<&StepOutcome, &StepError>) {}
}

fn service(project: &str, name: &str, command: &[&str]) -> WantedService {
    let labels = [
        (label::PROJECT, project),
        (label::SERVICE, name),
        (label::ONE_OFF, "False"),
        (label::CONFIG_HASH, "0"),
    ];
    let reference = image("busy");
    WantedService {
        replicas: 1,
        name_prefix: format!("{project}-{name}-"),
        stop_grace_secs: Some(0),
        image: WantedImage {
            reference: reference.clone(),
            ..WantedImage::default()
        },
        spec: ContainerSpec {
            image: reference,
            labels: labels.into_iter().collect(),
            command: Some(command.iter().map(|&word| word.to_owned()).collect()),
            stop_timeout_secs: Some(0),
            ..ContainerSpec::default()
        },
        ..WantedService::default()
    }
}

/// Ends with an error twice, and then well.
const ENDS_THRICE: &str = "sleep 1; echo >> /runs; [ $(wc -l < /runs) -ge 3 ] || exit 3";
/// Uses up its memory once, and then ends well.
const USES_ALL_MEMORY: &str = "[ -e /runs ] && exit; echo > /runs; sleep 1; tail /dev/zero";

/// Twenty services: most run on, five end with an error and are started again, one uses up its memory. The last one
/// waits until all of these have ended well, so that nothing happens after the operation.
fn twenty(project: &str) -> Wanted {
    let mut wanted = Wanted {
        project: project.to_owned(),
        ..Wanted::default()
    };
    let mut last = service(project, "last", &["sleep", "infinity"]);
    for number in 1..=19 {
        let name = format!("s{number}");
        let mut service = match number {
            1 => service(project, &name, &["sh", "-c", USES_ALL_MEMORY]),
            2..=6 => service(project, &name, &["sh", "-c", ENDS_THRICE]),
            _ => service(project, &name, &["sleep", "infinity"]),
        };
        if number == 1 {
            service.spec.resources.memory_bytes = Some(16 << 20);
        }
        if (1..=6).contains(&number) {
            service.spec.restart = RestartSpec::OnFailure {
                max_retries: Some(2),
            };
            let completed = WantedDependency {
                condition: Condition::Completed,
                restart: false,
                required: true,
            };
            last.depends_on.insert(name.clone(), completed);
        }
        wanted.services.insert(name, service);
    }
    wanted.services.insert("last".to_owned(), last);
    wanted
}

async fn stack(folder: &tempfile::TempDir, project: &str) -> Stack {
    let hints = EndpointHints {
        docker_host: Some(engine_host()),
        ..EndpointHints::default()
    };
    let endpoint = Endpoint::choose(&hints, &DockerConfig::default()).unwrap();
    #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
    let user = folder.path().metadata().unwrap().uid();
    Stack {
        engine: bowline_engine::connect(endpoint).await.unwrap(),
        project: project.to_owned(),
        home: StateHome::at(
            folder.path().join("state"),
            folder.path().join("config"),
            user,
        ),
        sealer: Some(Sealer::of_key(&[7; 32])),
        clock: Arc::new(SystemClock),
    }
}

/// How often each happened to each container.
fn counts(events: Vec<EngineEvent>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for event in events {
        let counted = match event.action {
            EventAction::Start | EventAction::Die | EventAction::Oom => event.action,
            _ => continue,
        };
        if event.kind == ObjectKind::Container {
            let name = &event.attributes["name"];
            *counts.entry(format!("{counted:?} {name}")).or_default() += 1;
        }
    }
    counts
}

#[tokio::test(flavor = "multi_thread")]
async fn after_an_up_of_twenty_services_the_journal_holds_every_start_die_and_oom() {
    let folder = tempfile::tempdir().unwrap();
    let project = format!("bowline-test-events-{}", std::process::id());
    let stack = stack(&folder, &project).await;
    let actor = Actor {
        user: "ada".to_owned(),
        host: "here".to_owned(),
        pid: 1,
    };
    let how = How {
        actor: &actor,
        outside: &Nothing,
        watch: &Nothing,
        parallel: None,
        probes: 2,
        inside: &|_, _| None,
        halt: tokio::sync::watch::channel(None).1,
    };
    let since = stack.engine.now().await.unwrap();
    let up = Goal::Up {
        wanted: Box::new(twenty(&project)),
        recreate: Vec::new(),
        remove_orphans: false,
        wait: true,
    };
    let reached = stack.reach(&up, &how).await.unwrap();
    let operation = reached.operation.unwrap();
    let journal = stack.look().await.unwrap().unwrap();
    let recorded = counts(journal.events(&operation).await.unwrap());

    let filter = EventFilter {
        since: Some(since),
        until: Some(stack.engine.now().await.unwrap()),
        labels: vec![(label::PROJECT.to_owned(), Some(project.clone()))],
        kinds: vec![ObjectKind::Container],
        actions: vec![EventAction::Start, EventAction::Die, EventAction::Oom],
    };
    let told = stack.engine.events(&filter).await.unwrap();
    let told = counts(told.try_collect().await.unwrap());
    let down = Goal::Down {
        volumes: Vec::new(),
        remove_orphans: true,
        grace_secs: Some(0),
    };
    stack.reach(&down, &how).await.unwrap();

    let of = |word: &str| -> usize {
        let of_it = told.iter().filter(|(key, _)| key.starts_with(word));
        of_it.map(|(_, count)| count).sum()
    };
    assert!(of("Start ") >= 20 + 5 * 2, "{told:#?}");
    assert!(of("Die ") > 5 * 3, "{told:#?}");
    assert!(of("Oom ") >= 1, "{told:#?}");
    assert_eq!(recorded, told);
}
