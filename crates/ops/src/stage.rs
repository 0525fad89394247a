//! For tests: a scripted engine with the containers of a stack, as Compose labels them.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use bowline_doctor::{Code, Confidence, Culprit, CulpritKind, Finding};
use bowline_engine::Engine as _;
use bowline_engine::fake::{FakeEngine, Run};
use bowline_model::{ContainerId, ContainerSpec, ImageConfig, Secret, label};

use crate::stack::{Named, Surroundings, Who};

/// The stack.
pub(crate) const STACK: &str = "shop";

/// The image of every container.
pub(crate) const IMAGE: &str = "busy:1";

/// A scripted engine.
pub(crate) fn engine() -> Arc<FakeEngine> {
    let engine = Arc::new(FakeEngine::new());
    let config = ImageConfig {
        command: Some(["idle"].into()),
        ..ImageConfig::default()
    };
    engine.add_image(IMAGE, config);
    engine
}

/// Somebody whose state is kept in a folder of the test's.
pub(crate) fn surroundings(folder: &Path) -> Surroundings {
    let variable = |name: &str| {
        let path = folder.join(name).display().to_string();
        (format!("BOWLINE_{name}_HOME"), Secret::new(path))
    };
    #[expect(clippy::disallowed_methods, reason = "a test asks who it is")]
    let own = folder.metadata().unwrap();
    Surroundings {
        environment: ["STATE", "CONFIG"].map(variable).into(),
        who: Who {
            user: "ann".to_owned(),
            euid: own.uid(),
            ..Who::default()
        },
        ..Surroundings::default()
    }
}

/// The stack, known by its name alone.
pub(crate) fn by_name() -> Named {
    Named {
        name: STACK.to_owned(),
        project: None,
        warnings: String::new(),
        empty_variables: std::collections::BTreeMap::new(),
    }
}

/// A certain cause that blames a service.
pub(crate) fn finding(service: &str) -> Finding {
    Finding {
        code: Code("D101"),
        confidence: Confidence::Certain,
        culprit: Culprit {
            kind: CulpritKind::Service,
            name: service.to_owned(),
            field: None,
            inside: None,
            place: None,
        },
        services: vec![service.to_owned()],
        claim: "it is paused".to_owned(),
        evidence: Vec::new(),
        ruled_out: Vec::new(),
        not_ruled_out: Vec::new(),
        unchecked: Vec::new(),
        doubts: Vec::new(),
        decide: None,
        fix: None,
        chain: Vec::new(),
        affects: Vec::new(),
        mend: Vec::new(),
        verify: Vec::new(),
    }
}

/// What a container of a service is created with.
pub(crate) fn spec(service: &str, number: u32) -> ContainerSpec {
    let number = number.to_string();
    ContainerSpec {
        image: IMAGE.to_owned(),
        labels: [
            (label::PROJECT, STACK),
            (label::SERVICE, service),
            (label::NUMBER, number.as_str()),
            (label::ONE_OFF, "False"),
            (label::CONFIG_HASH, "0"),
        ]
        .into(),
        ..ContainerSpec::default()
    }
}

/// Creates and starts a container of a service.
pub(crate) async fn started(
    engine: &FakeEngine,
    service: &str,
    number: u32,
    run: Run,
) -> ContainerId {
    started_with(engine, spec(service, number), run).await
}

/// Creates and starts a container with this spec, under the name that its labels say.
pub(crate) async fn started_with(
    engine: &FakeEngine,
    spec: ContainerSpec,
    run: Run,
) -> ContainerId {
    let name = format!(
        "{STACK}-{}-{}",
        spec.labels[label::SERVICE],
        spec.labels[label::NUMBER]
    );
    engine.script_container(&name, [run]);
    let created = engine.create_container(&name, &spec).await.unwrap();
    // Some are meant to fail.
    let _ = engine.start_container(&created.id).await;
    created.id
}
