//! Clauses about builds.

use bowline_engine::{BuildContext, BuildFailure, BuildProgress, BuildSpec, EngineError, tar_of};
use bowline_model::ImageId;
use futures_util::{StreamExt, TryStreamExt};

use super::stage::{IMAGE, STAGE_LABEL, Stage, soon};

/// A step whose program writes two lines and ends with 3.
const FAILS: &str = "RUN echo one; echo two; exit 3";

/// An archive of files.
fn archive(files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, contents) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(contents.len() as u64);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, path, contents.as_bytes())
            .unwrap();
    }
    archive.into_inner().unwrap()
}

fn dockerfile(instructions: &str) -> String {
    format!("FROM {IMAGE}\n{instructions}\n")
}

fn spec(stage: &Stage, part: &str) -> BuildSpec {
    BuildSpec {
        tags: vec![format!("{}:1", stage.name(part))],
        labels: stage.labels(),
        ..BuildSpec::default()
    }
}

async fn build(
    stage: &Stage,
    spec: &BuildSpec,
    files: &[(&str, &str)],
) -> Result<Vec<BuildProgress>, EngineError> {
    let context = BuildContext::Archive(tar_of(archive(files)));
    soon("the build", async {
        let items = stage.engine.build_image(spec, &[], context).await?;
        items.try_collect().await
    })
    .await
}

async fn built(stage: &Stage, spec: &BuildSpec, files: &[(&str, &str)]) -> ImageId {
    let items = build(stage, spec, files).await.unwrap();
    let Some(BuildProgress::Built(id)) = items.last() else {
        panic!("{items:?}")
    };
    id.clone()
}

async fn failed(stage: &Stage, spec: &BuildSpec, files: &[(&str, &str)]) -> BuildFailure {
    match build(stage, spec, files).await.unwrap_err() {
        EngineError::Build(failure) => *failure,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_build_tells_its_steps_and_last_the_image_with_its_labels(stage: &Stage) {
    let spec = spec(stage, "built");
    let text = dockerfile("ENV WORD=said");
    let items = build(stage, &spec, &[("Dockerfile", &text)]).await.unwrap();
    let steps: Vec<String> = items
        .iter()
        .filter_map(|item| match item {
            BuildProgress::Step(step) => Some(step.to_string()),
            _ => None,
        })
        .collect();
    let label = format!("3/3: LABEL {STAGE_LABEL}={}", stage.labels()[STAGE_LABEL]);
    assert_eq!(
        steps,
        [&format!("1/3: FROM {IMAGE}"), "2/3: ENV WORD=said", &label]
    );
    let Some(BuildProgress::Built(id)) = items.last() else {
        panic!("{items:?}")
    };
    let image = stage.engine.inspect_image(&spec.tags[0]).await.unwrap();
    assert_eq!(image.id, *id);
    assert!(image.config.labels.contains_all(&stage.labels()));
}

pub(crate) async fn a_build_that_fails_names_the_step_its_code_and_what_it_wrote_and_moves_no_reference(
    stage: &Stage,
) {
    stage.script_step(FAILS, &["one", "two"], 3);
    let spec = spec(stage, "built");
    let before = built(stage, &spec, &[("Dockerfile", &dockerfile("ENV A=b"))]).await;
    let failure = failed(stage, &spec, &[("Dockerfile", &dockerfile(FAILS))]).await;
    assert_eq!(failure.step.unwrap().instruction, FAILS);
    assert_eq!(failure.exit_code, Some(3));
    assert_eq!(failure.last_lines, ["one", "two"]);
    assert!(
        failure.text.contains("non-zero code: 3"),
        "{}",
        failure.text
    );
    let image = stage.engine.inspect_image(&spec.tags[0]).await.unwrap();
    assert_eq!(image.id, before);
}

pub(crate) async fn the_same_build_gives_the_same_image_and_another_argument_or_file_another_one(
    stage: &Stage,
) {
    let mut spec = spec(stage, "built");
    spec.args.set("WORD", Some("one".to_owned()));
    let text = dockerfile("ARG WORD\nENV WORD=$WORD\nCOPY file /file");
    let files = [("Dockerfile", text.as_str()), ("file", "1")];
    let first = built(stage, &spec, &files).await;
    assert_eq!(built(stage, &spec, &files).await, first);
    let other_file = [("Dockerfile", text.as_str()), ("file", "2")];
    assert_ne!(built(stage, &spec, &other_file).await, first);
    spec.args.set("WORD", Some("two".to_owned()));
    assert_ne!(built(stage, &spec, &files).await, first);
}

pub(crate) async fn a_build_moves_its_references_and_leaves_the_image_that_had_them(stage: &Stage) {
    let mut spec = spec(stage, "built");
    spec.tags.push(format!("{}:2", stage.name("other")));
    let first = built(stage, &spec, &[("Dockerfile", &dockerfile("ENV A=1"))]).await;
    let second = built(stage, &spec, &[("Dockerfile", &dockerfile("ENV A=2"))]).await;
    for tag in &spec.tags {
        assert_eq!(stage.engine.inspect_image(tag).await.unwrap().id, second);
    }
    let nameless = stage.engine.inspect_image(&first.0).await.unwrap();
    assert_eq!(nameless.tags, [""; 0]);
}

pub(crate) async fn a_build_ends_at_its_target_and_a_target_that_is_not_there_is_an_error(
    stage: &Stage,
) {
    let text = format!("FROM {IMAGE} AS first\nENV A=1\nFROM first AS second\nENV A=2\n");
    let mut spec = spec(stage, "built");
    spec.target = Some("first".to_owned());
    let id = built(stage, &spec, &[("Dockerfile", &text)]).await;
    let image = stage.engine.inspect_image(&id.0).await.unwrap();
    let value = image.config.env.get("A").flatten();
    assert_eq!(value.map(bowline_model::Secret::reveal), Some("1"));

    spec.target = Some("third".to_owned());
    let failure = failed(stage, &spec, &[("Dockerfile", &text)]).await;
    assert!(failure.text.contains("third"), "{}", failure.text);
}

pub(crate) async fn a_dockerfile_that_is_not_in_the_context_is_an_error(stage: &Stage) {
    let mut spec = spec(stage, "built");
    spec.dockerfile = Some("deep/Other".to_owned());
    let failure = failed(stage, &spec, &[("Dockerfile", &dockerfile("ENV A=1"))]).await;
    assert!(failure.text.contains("deep/Other"), "{}", failure.text);
    assert_eq!(failure.step, None);
}

pub(crate) async fn a_base_image_that_cannot_be_had_is_an_error(stage: &Stage) {
    // Nothing listens at port 1 of the engine's host, so the registry is not reached on a real engine.
    let text = "FROM 127.0.0.1:1/bowline/none:1\n";
    let failure = failed(stage, &spec(stage, "built"), &[("Dockerfile", text)]).await;
    let step = failure.step.unwrap();
    assert_eq!(step.instruction, "FROM 127.0.0.1:1/bowline/none:1");
    assert_eq!(failure.exit_code, None);
}

pub(crate) async fn an_archive_that_breaks_off_gives_up_the_build_with_its_own_error(
    stage: &Stage,
) {
    let mut half = archive(&[
        ("Dockerfile", "FROM scratch"),
        ("big", &"x".repeat(1 << 20)),
    ]);
    half.truncate(half.len() / 2);
    let broken =
        futures_util::stream::iter([Ok(half), Err(std::io::Error::other("the file `x` is gone"))]);
    let context = BuildContext::Archive(broken.boxed());
    let spec = spec(stage, "built");
    let result = soon("the build", async {
        let items = stage.engine.build_image(&spec, &[], context).await?;
        items.try_collect::<Vec<_>>().await
    });
    let error = result.await.unwrap_err();
    let EngineError::BadRequest { text } = &error else {
        panic!("{error:?}")
    };
    assert!(text.contains("the file `x` is gone"), "{text}");
}
