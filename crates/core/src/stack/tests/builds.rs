//! Operations that build images.

use bowline_model::{
    Build, BuildChoice, Condition, Ignored, ImageConfig, ImageId, Place, PullPolicy,
    WantedDependency, WantedImage, label,
};

use super::*;
use crate::ExecuteError;

/// A stack of these services, each built of a context.
pub(super) fn built(services: &[(&str, &str)]) -> Wanted {
    let mut wanted = shop();
    let mut plain = wanted.services["db"].clone();
    plain.depends_on.clear();
    wanted.services.clear();
    for (name, context) in services {
        let mut service = plain.clone();
        service.name_prefix = format!("shop-{name}-");
        let labels = &mut service.spec.labels;
        labels.insert(label::SERVICE.into(), (*name).to_owned());
        service.image = WantedImage {
            reference: format!("shop-{name}"),
            build: Some(Box::new(Build {
                context: (*context).to_owned(),
                ..Build::default()
            })),
            unnamed: true,
            ..WantedImage::default()
        };
        service.spec.image.clone_from(&service.image.reference);
        wanted.services.insert((*name).to_owned(), service);
    }
    wanted
}

fn choosing(mut wanted: Wanted, choice: BuildChoice) -> Wanted {
    for service in wanted.services.values_mut() {
        service.image.build_choice = choice;
    }
    wanted
}

/// The lines of a plan that are about images and creations.
fn of_images(plan: &Plan) -> Vec<String> {
    let text = plan.to_string();
    let lines = text.lines().filter(|line| line.contains("image"));
    lines.map(|line| line.trim().to_owned()).collect()
}

async fn plan_of(scene: &Scene, wanted: &Wanted) -> Result<Plan, StackError> {
    scene.stack.plan(&up(wanted)).await
}

async fn image(scene: &Scene, reference: &str) -> ImageId {
    let image = scene.engine.inspect_image(reference).await;
    image.expect("it is there").id
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_is_built_and_a_second_up_does_nothing() {
    let scene = Scene::new();
    let wanted = built(&[("web", "a")]);
    let reached = scene.reach(&up(&wanted)).await;
    assert_eq!(
        of_images(&reached.plan),
        ["1. build image shop-web (missing)"]
    );
    assert_eq!(scene.reach(&up(&wanted)).await.operation, None);
}

#[tokio::test(start_paused = true)]
async fn a_build_that_gives_the_same_image_leaves_the_containers_alone() {
    let scene = Scene::new();
    scene.reach(&up(&built(&[("web", "a")]))).await;
    let before = scene.engine.snapshot();
    let again = choosing(built(&[("web", "a")]), BuildChoice::Always);
    let plan = plan_of(&scene, &again).await.expect("there is a plan");
    assert_eq!(
        plan.to_string(),
        "1. build image shop-web (requested)\n\
         note: service web: is made again where shop-web becomes another image\n"
    );
    let reached = scene.reach(&up(&again)).await;
    assert_eq!(reached.plan.steps.len(), 1);
    assert_eq!(scene.engine.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn another_image_makes_the_containers_again_and_an_undo_puts_the_tag_back() {
    let scene = Scene::new();
    scene.reach(&up(&built(&[("web", "a")]))).await;
    let first = image(&scene, "shop-web").await;

    let changed = choosing(built(&[("web", "b")]), BuildChoice::Always);
    let reached = scene.reach(&up(&changed)).await;
    let text = reached.plan.to_string();
    assert!(text.contains("its image has changed"), "{text}");
    assert_ne!(image(&scene, "shop-web").await, first);

    scene.undo(None).await;
    assert_eq!(image(&scene, "shop-web").await, first);
    let container = scene.engine.find_container("shop-web-1").await;
    let container = container.expect("it answers").expect("it is there");
    assert_eq!(container.image_id, first);
    let as_before = plan_of(&scene, &built(&[("web", "a")])).await;
    assert!(as_before.expect("there is a plan").is_empty());
}

#[tokio::test(start_paused = true)]
async fn services_with_the_same_build_share_one_and_dependencies_are_built_first() {
    let scene = Scene::new();
    let mut wanted = built(&[("api", "a"), ("base", "b"), ("worker", "a")]);
    let needs = WantedDependency {
        condition: Condition::Started,
        restart: false,
        required: true,
    };
    let api = wanted.services.get_mut("api").expect("it is there");
    api.depends_on.insert("base".into(), needs);
    let plan = plan_of(&scene, &wanted).await.expect("there is a plan");
    assert_eq!(
        of_images(&plan),
        [
            "1. build image shop-base (missing)",
            "2. build image shop-api, shop-worker (missing) after 1",
        ]
    );
    scene.reach(&up(&wanted)).await;
    let (api, worker) = (
        image(&scene, "shop-api").await,
        image(&scene, "shop-worker").await,
    );
    assert_eq!(api, worker);
    assert_eq!(scene.reach(&up(&wanted)).await.operation, None);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_one_service_builds_is_not_pulled_for_another() {
    let scene = Scene::new();
    let mut wanted = built(&[("builds", "a"), ("uses", "b")]);
    let uses = wanted.services.get_mut("uses").expect("it is there");
    uses.image.reference = "shop-builds".into();
    uses.image.build = None;
    uses.image.pull = bowline_model::PullPolicy::Always;
    let plan = plan_of(&scene, &wanted).await.expect("there is a plan");
    assert_eq!(of_images(&plan), ["1. build image shop-builds (missing)"]);
}

#[tokio::test(start_paused = true)]
async fn a_policy_that_builds_does_so_every_time_and_one_that_pulls_pulls_only_what_has_a_name() {
    let scene = Scene::new();
    let mut wanted = built(&[("web", "a")]);
    scene.reach(&up(&wanted)).await;
    for (policy, unnamed, expected) in [
        (
            PullPolicy::Build,
            true,
            "1. build image shop-web (pull policy)",
        ),
        (
            PullPolicy::Always,
            false,
            "1. pull image shop-web (pull policy)",
        ),
        (PullPolicy::Always, true, ""),
        (PullPolicy::Never, true, ""),
    ] {
        let web = wanted.services.get_mut("web").expect("it is there");
        (web.image.pull, web.image.unnamed) = (policy, unnamed);
        let plan = plan_of(&scene, &wanted).await.expect("there is a plan");
        let text = plan.to_string();
        let first = text.lines().next().unwrap_or_default();
        assert_eq!(first, expected, "{policy:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_nothing_may_be_built_the_missing_image_and_its_service_are_named() {
    let scene = Scene::new();
    let never = choosing(built(&[("web", "a")]), BuildChoice::Never);
    let refused = plan_of(&scene, &never).await.expect_err("it is missing");
    assert_eq!(
        refused.to_string(),
        "the image `shop-web` of service `web` is not there, and `--no-build` keeps it from being built"
    );
    scene.reach(&up(&built(&[("web", "a")]))).await;
    assert_eq!(scene.reach(&up(&never)).await.operation, None);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_built_is_refused_only_where_it_has_to_be_built() {
    let scene = Scene::new();
    let mut wanted = built(&[("web", "a")]);
    let web = wanted.services.get_mut("web").expect("it is there");
    web.image.not_buildable = vec![Ignored {
        path: "services.web.build.ssh".into(),
        why: "it is not done".into(),
        place: Some(Place {
            file: "compose.yaml".into(),
            line: 4,
            column: 7,
        }),
    }];
    let refused = plan_of(&scene, &wanted).await.expect_err("it is missing");
    assert_eq!(
        refused.to_string(),
        "compose.yaml:4:7: `services.web.build.ssh`: it is not done"
    );
    scene.engine.add_image("shop-web", ImageConfig::default());
    scene.reach(&up(&wanted)).await;
}

/// Builds for ever, and says when it begins.
struct Endless(tokio::sync::Notify);

#[async_trait::async_trait]
impl Outside for Endless {
    async fn pull(&self, _: &dyn Engine, _: &str, _: Option<&str>) -> Result<(), ExecuteError> {
        Ok(())
    }

    async fn build(
        &self,
        _: &dyn Engine,
        _: &str,
        _: &Build,
        _: Option<&Place>,
    ) -> Result<ImageId, ExecuteError> {
        self.0.notify_one();
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_gives_a_build_up() {
    let scene = Scene::new();
    let (sender, halt) = watch::channel(None);
    let goal = up(&built(&[("web", "a")]));
    let endless = Endless(tokio::sync::Notify::new());
    let reached = scene
        .with(async |stack, how| {
            let how = How {
                outside: &endless,
                halt,
                actor: how.actor,
                watch: how.watch,
                parallel: None,
                probes: 1,
                inside: how.inside,
            };
            let interrupt = async {
                endless.0.notified().await;
                sender.send_replace(Some(Halt::Interrupted));
            };
            tokio::join!(stack.reach(&goal, &how), interrupt).0
        })
        .await
        .expect("it is ended properly");
    assert_eq!(reached.report.outcome(), Outcome::Interrupted);
    let operation = reached.operation.expect("it began");
    let record = scene.stack.operation(&operation).await.expect("it is kept");
    assert!(
        matches!(record.steps[0].outcome, StepOutcome::Unknown { .. }),
        "{:?}",
        record.steps[0].outcome
    );
}
