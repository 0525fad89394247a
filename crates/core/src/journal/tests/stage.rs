//! A state home in a folder that goes away, a clock that ticks, and things to write down.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use bowline_model::{
    Cause, ContainerRef, ContainerSpec, EventAction, FileToCopy, Secret, VolumeSpec, Wanted,
    WantedService,
};

use super::super::*;

pub(super) const ENGINE: &str = "ABCD:EFGH";
pub(super) const PROJECT: &str = "shop";
/// A secret that must be nowhere in the files.
pub(super) const SECRET: &str = "hunter2-in-the-clear";

/// A second later each time it is asked.
#[derive(Debug, Default)]
pub(super) struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        let second = self.0.fetch_add(1, Ordering::Relaxed);
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }
}

pub(super) struct Stage {
    _folder: tempfile::TempDir,
    pub(super) home: StateHome,
    pub(super) clock: Arc<Ticking>,
    pub(super) sealer: Option<Sealer>,
}

impl Stage {
    pub(super) fn new() -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let folder = tempfile::tempdir().unwrap();
        #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
        let user = folder.path().metadata().unwrap().uid();
        let home = StateHome::at(
            folder.path().join("state"),
            folder.path().join("config"),
            user,
        );
        Self {
            _folder: folder,
            home,
            clock: Arc::default(),
            sealer: Some(Sealer::of_key(&[7; 32])),
        }
    }

    pub(super) async fn open(&self) -> Journal {
        self.try_open().await.unwrap()
    }

    pub(super) async fn try_open(&self) -> Result<Journal> {
        Journal::open(
            &self.home,
            ENGINE,
            PROJECT,
            self.sealer.clone(),
            self.clock.clone(),
        )
        .await
    }

    pub(super) async fn look(&self) -> Result<Option<Journal>> {
        Journal::look(
            &self.home,
            ENGINE,
            PROJECT,
            self.sealer.clone(),
            self.clock.clone(),
        )
        .await
    }

    pub(super) fn file(&self) -> PathBuf {
        self.home.stack(ENGINE, PROJECT).journal()
    }

    /// Opens the file behind the journal's back.
    pub(super) fn sqlite(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.file()).unwrap()
    }
}

pub(super) fn op(name: &str) -> OperationId {
    OperationId(format!("op-{name}"))
}

pub(super) fn actor() -> Actor {
    Actor {
        user: "ann".into(),
        host: "west".into(),
        pid: 4711,
    }
}

pub(super) fn step(number: u32, action: Action) -> Step {
    Step {
        id: StepId(number),
        action,
        cause: Cause::Missing,
        after: Vec::new(),
        service: Some("web".into()),
    }
}

pub(super) fn start(name: &str) -> Action {
    Action::StartContainer {
        container: ContainerRef {
            name: name.into(),
            id: None,
        },
    }
}

pub(super) fn stop(name: &str) -> Action {
    Action::StopContainer {
        container: ContainerRef {
            name: name.into(),
            id: None,
        },
        grace_secs: None,
    }
}

/// The spec of a container with a secret in every place that can have one.
pub(super) fn spec() -> ContainerSpec {
    let mut spec = ContainerSpec {
        image: "web:1".into(),
        ..ContainerSpec::default()
    };
    spec.env.set("DB_PASSWORD", Some(SECRET.to_owned()));
    spec.labels.insert("token".into(), SECRET.into());
    spec
}

pub(super) fn create(name: &str) -> Action {
    let file = FileToCopy {
        path: "/run/secrets/db".into(),
        content: Secret::new(SECRET),
        uid: 0,
        gid: 0,
        mode: 0o440,
    };
    Action::CreateContainer {
        name: name.into(),
        spec: Box::new(spec()),
        shares: Vec::new(),
        hash_text: None,
        keeps: Vec::new(),
        files: vec![file],
        contents: BTreeMap::default(),
    }
}

pub(super) fn up() -> Goal {
    let service = WantedService {
        spec: spec(),
        replicas: 1,
        ..WantedService::default()
    };
    let wanted = Wanted {
        project: PROJECT.into(),
        services: [("web".to_owned(), service)].into(),
        ..Wanted::default()
    };
    Goal::Up {
        wanted: Box::new(wanted),
        recreate: Vec::new(),
        remove_orphans: false,
        wait: true,
    }
}

pub(super) fn down() -> Goal {
    Goal::Down {
        volumes: Vec::new(),
        remove_orphans: false,
        grace_secs: None,
    }
}

pub(super) fn plan() -> Plan {
    let mut plan = Plan {
        project: PROJECT.into(),
        ..Plan::default()
    };
    let spec = VolumeSpec {
        name: "shop_data".into(),
        ..VolumeSpec::default()
    };
    let volume = plan.push(Action::CreateVolume { spec }, Cause::Missing, None, &[]);
    plan.push(create("shop-web-1"), Cause::Missing, Some("web"), &[volume]);
    plan
}

pub(super) fn new(name: &str) -> NewOperation {
    let (undoes, supersedes) = (None, Vec::new());
    NewOperation {
        id: op(name),
        goal: up(),
        plan: plan(),
        actor: actor(),
        undoes,
        supersedes,
    }
}

pub(super) fn done() -> StepOutcome {
    StepOutcome::Done {
        made: None,
        already: false,
    }
}

pub(super) fn event(second: i64, action: EventAction) -> EngineEvent {
    let attributes = [
        ("name", "shop-web-1"),
        ("image", "web:1"),
        ("exitCode", "137"),
        ("com.example.token", SECRET),
    ];
    EngineEvent {
        at: Timestamp::from_second(1_800_000_000 + second).unwrap(),
        kind: ObjectKind::Container,
        action,
        id: "c1".into(),
        attributes: attributes
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
    }
}

/// A baseline, by way of the JSON that an inspect comes down to.
pub(super) fn baseline(container: &str) -> Baseline {
    use bowline_engine::Engine as _;
    let engine = bowline_engine::fake::FakeEngine::new();
    engine.add_image("web:1", bowline_model::ImageConfig::default());
    let wanted = spec();
    let observed = futures_util::FutureExt::now_or_never(async {
        let made = engine
            .create_container("shop-web-1", &wanted)
            .await
            .unwrap();
        engine.inspect_container(&made.id).await.unwrap()
    });
    let mut observed = observed.unwrap();
    observed.id = ContainerId(container.to_owned());
    Baseline {
        wanted,
        contents: BTreeMap::from([("secret db".to_owned(), "d1".to_owned())]),
        shares: Vec::new(),
        files: Vec::new(),
        observed,
    }
}

/// Begins an operation of one done step about `container` and ends it as done.
pub(super) async fn carried_out(journal: &Journal, new: NewOperation, container: &str) {
    let id = new.id.clone();
    journal.begin(new).await.unwrap();
    let token = journal
        .intend(
            &id,
            &step(1, start(container)),
            &Undo::Run(vec![stop(container)]),
        )
        .await
        .unwrap();
    journal.conclude(token, done()).await.unwrap();
    journal.close(&id, Outcome::Done).await.unwrap();
}
