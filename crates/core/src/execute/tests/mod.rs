//! Plans carried out on the scripted engine, one step after the other, as text before and empty afterwards.

mod crash;

pub(crate) use crash::{changed, down};

use std::collections::BTreeMap;
use std::time::Duration;

use bowline_engine::fake::{FakeEngine, Run};
use bowline_engine::{Call, CallEffect, ImportSpec, Tap, tar_of};
use bowline_model::{
    Action, Build, Condition, ContainerSpec, EndpointSpec, Goal, HashPart, HashText, HealthTest,
    HealthcheckSpec, ImageConfig, ImageId, MountSource, MountSpec, NetworkSpec, Observed,
    OperationId, Plan, RestartSpec, Share, Shared, VolumeMountSpec, VolumeSpec, Wanted,
    WantedDependency, WantedImage, WantedNetwork, WantedService, WantedVolume, label,
};

use super::act::Actor;
use super::*;
use crate::journal::StepToken;
use crate::recorder::Stopped;
use crate::{Baseline, Images, Memory, Names, PlanError, observe, plan};

pub(crate) struct Nothing;

#[async_trait]
impl Outside for Nothing {
    async fn pull(
        &self,
        engine: &dyn Engine,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<(), ExecuteError> {
        use futures_util::TryStreamExt as _;
        let stream = engine.pull_image(reference, platform, None).await?;
        stream.try_for_each(|_| async { Ok(()) }).await?;
        Ok(())
    }

    /// Makes an image of the context's name, so that the same context is the same image.
    async fn build(
        &self,
        engine: &dyn Engine,
        reference: &str,
        build: &Build,
        _: Option<&Place>,
    ) -> Result<ImageId, ExecuteError> {
        let kept = format!("kept/{}:1", build.context);
        let id = if let Ok(image) = engine.inspect_image(&kept).await {
            image.id
        } else {
            let spec = ImportSpec {
                reference: kept,
                ..ImportSpec::default()
            };
            engine.import_image(&spec, tar_of(Vec::new())).await?
        };
        for reference in [reference]
            .into_iter()
            .chain(build.tags.iter().map(String::as_str))
        {
            engine.tag_image(&id, reference).await?;
        }
        Ok(id)
    }
}

/// A stack on the scripted engine, with what the journal would remember.
pub(crate) struct Stage {
    pub(crate) engine: FakeEngine,
    memory: Memory,
    operations: u32,
}

impl Stage {
    pub(crate) fn new() -> Self {
        let engine = FakeEngine::new();
        for image in ["db:1", "web:1", "web:2", "job:1"] {
            engine.add_image(image, ImageConfig::default());
        }
        engine.script_image("job:1", [Run::new().ends_after(Duration::from_secs(1), 0)]);
        Self {
            engine,
            memory: Memory::default(),
            operations: 0,
        }
    }

    async fn observed(&self, wanted: &Wanted) -> Observed {
        observe(&self.engine, &wanted.project, &Names::of(wanted))
            .await
            .expect("the fake answers")
    }

    async fn plan(&self, wanted: &Wanted) -> Result<Plan, Vec<PlanError>> {
        plan(
            &wanted.project,
            &up(wanted),
            &self.observed(wanted).await,
            &self.memory,
            Images::Bring,
        )
    }

    /// Plans and carries the plan out, a step after the other; waits by letting time pass.
    async fn up(&mut self, wanted: &Wanted) -> String {
        let plan = self.plan(wanted).await.expect("there is a plan");
        self.carry_out(&plan).await;
        plan.to_string()
    }

    async fn carry_out(&mut self, plan: &Plan) {
        self.operations += 1;
        let operation = OperationId(format!("op-{}", self.operations));
        let actor = Actor {
            engine: &self.engine,
            operation: &operation,
            outside: &Nothing,
            stopped: &Stopped::none(),
        };
        for step in &plan.steps {
            let token = StepToken::of_nobody(&operation, step);
            let found = actor.look(&step.action).await.expect("the fake answers");
            let acted = actor
                .act(&token, found.as_ref())
                .await
                .unwrap_or_else(|error| panic!("step {}: {error}", step.id));
            if let Action::CreateContainer {
                name,
                spec,
                shares,
                files,
                contents,
                ..
            } = &step.action
            {
                let observed = self
                    .engine
                    .find_container(name)
                    .await
                    .expect("the fake answers")
                    .expect("it was made");
                assert_eq!(acted.made.as_deref(), Some(observed.id.0.as_str()));
                let baseline = Baseline {
                    wanted: (**spec).clone(),
                    contents: contents.clone(),
                    shares: shares.clone(),
                    files: files.clone(),
                    observed,
                };
                self.memory
                    .baselines
                    .insert(baseline.observed.id.clone(), baseline);
            }
            if let Action::Await { .. } = step.action {
                tokio::time::advance(Duration::from_secs(5)).await;
            }
        }
        tokio::time::advance(Duration::from_secs(5)).await;
    }
}

pub(crate) fn up(wanted: &Wanted) -> Goal {
    Goal::Up {
        wanted: Box::new(wanted.clone()),
        recreate: Vec::new(),
        remove_orphans: false,
        wait: true,
    }
}

fn service(name: &str, image: &str) -> WantedService {
    let labels = [
        (label::PROJECT, "shop"),
        (label::SERVICE, name),
        (label::ONE_OFF, "False"),
        (label::CONFIG_HASH, "0"),
    ];
    let spec = ContainerSpec {
        image: image.to_owned(),
        labels: labels.into_iter().collect(),
        network: bowline_model::NetworkingSpec {
            mode: Some("shop_default".to_owned()),
            endpoints: vec![EndpointSpec {
                network: "shop_default".to_owned(),
                aliases: vec![name.to_owned()],
                ..EndpointSpec::default()
            }],
            ..Default::default()
        },
        restart: RestartSpec::Always,
        ..ContainerSpec::default()
    };
    WantedService {
        replicas: 1,
        spec,
        name_prefix: format!("shop-{name}-"),
        image: WantedImage {
            reference: image.to_owned(),
            ..WantedImage::default()
        },
        ..WantedService::default()
    }
}

#[expect(clippy::too_many_lines, reason = "one value, written out")]
pub(crate) fn shop() -> Wanted {
    let labels = |key: &str| {
        [
            (label::PROJECT, "shop"),
            (
                key,
                if key == label::NETWORK {
                    "default"
                } else {
                    "data"
                },
            ),
        ]
        .into_iter()
        .collect()
    };
    let mut db = service("db", "db:1");
    db.spec.healthcheck = Some(HealthcheckSpec {
        test: Some(HealthTest::Exec(["true"].into())),
        interval: Some(Duration::from_secs(1)),
        ..HealthcheckSpec::default()
    });
    db.spec.mounts.push(MountSpec {
        target: "/data".to_owned(),
        read_only: false,
        source: MountSource::Volume(VolumeMountSpec {
            name: Some("shop_data".to_owned()),
            ..VolumeMountSpec::default()
        }),
        consistency: None,
    });
    let mut migrate = service("migrate", "job:1");
    migrate.spec.restart = RestartSpec::No;
    migrate
        .depends_on
        .insert("db".to_owned(), needs(Condition::Healthy, false));
    let mut web = service("web", "web:1");
    web.replicas = 2;
    web.depends_on
        .insert("migrate".to_owned(), needs(Condition::Completed, false));
    web.depends_on
        .insert("db".to_owned(), needs(Condition::Healthy, true));
    Wanted {
        project: "shop".to_owned(),
        networks: BTreeMap::from([(
            "default".to_owned(),
            WantedNetwork {
                spec: NetworkSpec {
                    name: "shop_default".to_owned(),
                    labels: labels(label::NETWORK),
                    ..NetworkSpec::default()
                },
                external: false,
            },
        )]),
        volumes: BTreeMap::from([(
            "data".to_owned(),
            WantedVolume {
                spec: VolumeSpec {
                    name: "shop_data".to_owned(),
                    labels: labels(label::VOLUME),
                    ..VolumeSpec::default()
                },
                external: false,
            },
        )]),
        services: BTreeMap::from([
            ("db".to_owned(), db),
            ("migrate".to_owned(), migrate),
            ("web".to_owned(), web),
        ]),
        ..Wanted::default()
    }
}

fn needs(condition: Condition, restart: bool) -> WantedDependency {
    WantedDependency {
        condition,
        restart,
        required: true,
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_engine_gets_everything_in_the_order_of_its_dependencies() {
    let mut stage = Stage::new();
    insta::assert_snapshot!(stage.up(&shop()).await);
}

#[tokio::test(start_paused = true)]
async fn a_stack_that_is_as_wanted_gets_an_empty_plan_and_its_jobs_do_not_run_again() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    insta::assert_snapshot!(stage.plan(&shop()).await.expect("there is a plan").to_string(), @"");
}

#[tokio::test(start_paused = true)]
async fn plans_do_not_depend_on_labels_of_our_own_nor_on_what_the_journal_remembers() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    stage.engine.strip_labels(|key| key.starts_with(label::OWN));
    stage.memory = Memory::default();
    let plan = stage.plan(&shop()).await.expect("there is a plan");
    assert!(plan.is_empty(), "{plan}");
}

#[tokio::test(start_paused = true)]
async fn looking_and_planning_only_reads() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let Stage { engine, memory, .. } = stage;
    let tap = Tap::new(std::sync::Arc::new(engine));
    let observed = observe(&tap, "shop", &Names::of(&shop()))
        .await
        .expect("the fake answers");
    plan("shop", &up(&shop()), &observed, &memory, Images::Bring).expect("there is a plan");
    let writes: Vec<Call> = tap
        .calls()
        .into_iter()
        .filter(|call| call.effect == CallEffect::Write)
        .collect();
    assert!(writes.is_empty(), "{writes:?}");
}

#[tokio::test(start_paused = true)]
async fn a_changed_service_is_replaced_behind_its_dependencies_and_says_why() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let mut wanted = shop();
    let web = wanted.services.get_mut("web").expect("there is a web");
    web.replicas = 1;
    web.spec.env.set("TAG", Some("2".to_owned()));
    web.spec.env.set("DB_PASSWORD", Some("hunter2".to_owned()));
    insta::assert_snapshot!(stage.up(&wanted).await);
    let plan = stage.plan(&wanted).await.expect("there is a plan");
    assert!(plan.is_empty(), "{plan}");
}

#[tokio::test(start_paused = true)]
async fn a_recreated_dependency_restarts_those_that_ask_for_it() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let mut wanted = shop();
    wanted
        .services
        .get_mut("db")
        .expect("there is a db")
        .spec
        .user = Some("999".to_owned());
    insta::assert_snapshot!(stage.up(&wanted).await);
    assert!(
        stage
            .plan(&wanted)
            .await
            .expect("there is a plan")
            .is_empty()
    );
}

#[tokio::test(start_paused = true)]
async fn what_takes_a_namespace_is_made_when_the_other_runs_and_then_left_alone() {
    let mut wanted = shop();
    let mut side = service("aside", "db:1");
    let what = Shared::Network;
    side.shares = vec![Share {
        what,
        service: "db".to_owned(),
    }];
    side.spec.network.endpoints.clear();
    let parts = [
        HashPart::Text("a".into()),
        HashPart::IdOf("db".into()),
        HashPart::Text("b".into()),
    ];
    side.hash_text = Some(HashText(parts.into()));
    wanted.services.insert("aside".into(), side);
    let mut stage = Stage::new();

    let text = stage.up(&wanted).await;
    let line = |step: &str| text.lines().find(|line| line.contains(step)).expect(step);
    let started = line(". start container shop-db-1 ");
    let number = started.trim_start().split('.').next().expect("a number");
    let created = line(". create container shop-aside-1 ");
    assert!(created.ends_with(&format!(" after {number}")), "{text}");

    let named = |name: &'static str| stage.engine.find_container(name);
    let found = [named("shop-db-1").await, named("shop-aside-1").await];
    let [db, aside] = found.map(|found| found.expect("the fake answers").expect("it is there"));
    let text = HashText(vec![HashPart::Text(format!("a{}b", db.id))]);
    let hash = crate::shares::config_hash(&text, &BTreeMap::new());
    assert_eq!(aside.spec.labels.get(label::CONFIG_HASH), Some(&hash));
    let again = stage.plan(&wanted).await.expect("there is a plan");
    assert!(again.is_empty(), "{again}");
}

#[tokio::test(start_paused = true)]
async fn what_is_stopped_starts_and_what_somebody_changed_is_made_again() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let web = stage
        .engine
        .find_container("shop-web-1")
        .await
        .expect("the fake answers")
        .expect("it is there");
    stage
        .engine
        .stop_container(&web.id, Duration::ZERO)
        .await
        .expect("it stops");
    insta::assert_snapshot!(
        stage
            .plan(&shop())
            .await
            .expect("there is a plan")
            .to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn a_volume_that_was_made_differently_is_refused_and_named() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let mut wanted = shop();
    let volume = wanted.volumes.get_mut("data").expect("there is a volume");
    volume
        .spec
        .options
        .insert("type".to_owned(), "nfs".to_owned());
    let errors = stage
        .plan(&wanted)
        .await
        .expect_err("a volume is not changed");
    assert!(errors[0].protects_data());
    insta::assert_snapshot!(errors[0].to_string(), @"volume `shop_data` was made differently than the project says now (driver_opts.type becomes nfs)");
}

#[tokio::test(start_paused = true)]
async fn containers_that_are_too_many_or_of_no_service_go_only_when_that_is_wanted() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let mut wanted = shop();
    wanted.services.remove("web");
    wanted
        .services
        .get_mut("db")
        .expect("there is a db")
        .replicas = 0;
    insta::assert_snapshot!(
        stage
            .plan(&wanted)
            .await
            .expect("there is a plan")
            .to_string()
    );
}

#[tokio::test(start_paused = true)]
async fn down_stops_dependents_first_and_leaves_volumes() {
    let mut stage = Stage::new();
    stage.up(&shop()).await;
    let goal = Goal::Down {
        volumes: Vec::new(),
        remove_orphans: false,
        grace_secs: None,
    };
    let observed = stage.observed(&shop()).await;
    let plan =
        plan("shop", &goal, &observed, &stage.memory, Images::Bring).expect("there is a plan");
    insta::assert_snapshot!(plan.to_string());
    stage.carry_out(&plan).await;
    let left = stage.observed(&shop()).await;
    assert!(left.containers.is_empty() && left.networks.is_empty());
    assert_eq!(left.volumes.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_orphan_that_holds_a_port_goes_before_the_one_that_wants_it_starts() {
    let port = bowline_model::PortSpec {
        container: bowline_model::PortKey {
            port: 80,
            last: 80,
            protocol: bowline_model::Protocol::Tcp,
        },
        host_ip: None,
        host: bowline_model::HostPort::Fixed(8080),
    };
    let mut former = shop();
    let mut old = former.services["web"].clone();
    old.spec.published = vec![port.clone()];
    old.depends_on.clear();
    old.replicas = 1;
    old.name_prefix = "shop-old-".to_owned();
    let service = label::SERVICE.to_owned();
    old.spec.labels.insert(service, "old".to_owned());
    former.services.insert("old".to_owned(), old);
    let mut stage = Stage::new();
    stage.up(&former).await;
    let mut wanted = shop();
    let web = wanted.services.get_mut("web").expect("there is a web");
    web.spec.published = vec![port];
    web.replicas = 1;
    let goal = Goal::Up {
        wanted: Box::new(wanted.clone()),
        recreate: Vec::new(),
        remove_orphans: true,
        wait: true,
    };
    let observed = stage.observed(&wanted).await;
    let plan = plan("shop", &goal, &observed, &stage.memory, Images::Bring).expect("it plans");
    let position = |words: &str| {
        let mut steps = plan.steps.iter();
        let found = steps.find(|step| step.action.to_string().starts_with(words));
        found.unwrap_or_else(|| panic!("no {words}: {plan}"))
    };
    let removed = position("remove container shop-old-1").id;
    let started = position("start container shop-web-1");
    assert!(started.after.contains(&removed), "{plan}");
}
