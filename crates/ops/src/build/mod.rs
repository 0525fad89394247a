//! Images of the user's own files: what is read here, sent to the engine's builder, and told of its work.
//!
//! What is decided about builds, and why: docs/decisions/builds.md.

mod archive;
mod files;
mod ignore;
mod source;

use bowline_core::ExecuteError;
use bowline_engine::{
    BuildContext, BuildFailure, BuildProgress, BuildSpec, BuildStep, Engine, EngineError,
    RegistryLogin,
};
use bowline_model::{
    Action, Build, ImageId, MASK, Pairs, Place, Plan, is_secret_key, mask_passwords,
};
use futures_util::TryStreamExt as _;

use crate::problem::printable;
use crate::progress::{Building, Progress};
use source::{Source, SourceError};

/// Secrets shorter than this are everywhere by accident.
const SHORTEST_MASKED: usize = 6;

/// Looks whether the files of every build in a plan are there.
pub(crate) async fn look(plan: &Plan) -> Result<(), Vec<ExecuteError>> {
    let mut missing = Vec::new();
    for step in &plan.steps {
        if let Action::BuildImage { build, place, .. } = &step.action
            && let Err(error) = find(build, place.as_ref()).await
        {
            missing.push(error);
        }
    }
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing)
    }
}

/// Builds an image and gives it its references.
pub(crate) async fn build(
    engine: &dyn Engine,
    logins: &[RegistryLogin],
    wanted: (&str, &Build, Option<&Place>),
    progress: &dyn Progress,
) -> Result<ImageId, ExecuteError> {
    let (reference, build, place) = wanted;
    let mask = Mask::of(&build.args);
    let source = find(build, place).await?;
    let shown = source.dockerfile();
    let (dockerfile, context) = open(source, place).await?;
    let spec = spec(reference, build, dockerfile);
    let failed = |error| match error {
        EngineError::Build(failure) => ExecuteError::Build {
            dockerfile: shown.clone(),
            place: place.cloned(),
            failure: Box::new(mask.failure(*failure)),
        },
        // The archive is the only thing that is sent and can be wrong.
        EngineError::BadRequest { text } => ExecuteError::Context {
            place: place.cloned(),
            text: format!("the files of the build: {text}"),
            hints: vec![
                "let nothing write there during the build, or leave the file out by `.dockerignore`"
                    .to_owned(),
            ],
        },
        other => ExecuteError::Engine(other),
    };
    let items = engine.build_image(&spec, logins, context).await;
    let mut items = items.map_err(&failed)?;
    while let Some(item) = items.try_next().await.map_err(&failed)? {
        match item {
            BuildProgress::Step(step) => {
                progress.building(reference, Building::Step(&mask.step(&step)));
            }
            BuildProgress::Line(line) => {
                progress.building(reference, Building::Line(&mask.line(&line)));
            }
            BuildProgress::Pull(pull) => {
                progress.building(reference, Building::BaseImage(&pull.status));
            }
            BuildProgress::Built(id) => return Ok(id),
        }
    }
    Err(failed(EngineError::Build(Box::default())))
}

/// Finds what a build is made of, off the threads that everything else runs on.
async fn find(build: &Build, place: Option<&Place>) -> Result<Source, ExecuteError> {
    let build = build.clone();
    let found = off_thread(move || Source::find(&build)).await?;
    found.map_err(|error: SourceError| ExecuteError::Context {
        place: place.cloned(),
        hints: error.hints(),
        text: error.to_string(),
    })
}

/// Lists what is sent, and begins to read it when it is asked for.
async fn open(
    source: Source,
    place: Option<&Place>,
) -> Result<(String, BuildContext), ExecuteError> {
    let folder = match source {
        Source::Remote { url, dockerfile } => return Ok((dockerfile, BuildContext::Remote(url))),
        Source::Folder(folder) => folder,
    };
    let dockerfile = folder.dockerfile.clone();
    let listed = off_thread(move || archive::list(&folder).map(|entries| (folder, entries)));
    let (folder, entries) = listed.await?.map_err(|error| ExecuteError::Context {
        place: place.cloned(),
        text: format!("the build context: {error}"),
        hints: vec!["leave out by `.dockerignore` what the build does not need".to_owned()],
    })?;
    let archive = archive::send(folder, entries);
    Ok((dockerfile, BuildContext::Archive(archive)))
}

async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ExecuteError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| ExecuteError::Outside {
        text: error.to_string(),
    })
}

fn spec(reference: &str, build: &Build, dockerfile: String) -> BuildSpec {
    let said = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    let mut spec = BuildSpec {
        dockerfile: Some(dockerfile),
        tags: vec![reference.to_owned()],
        target: said(&build.target),
        cache_from: build.cache_from.clone(),
        no_cache: build.no_cache,
        pull: build.pull,
        network: said(&build.network),
        extra_hosts: build.extra_hosts.iter().map(|line| host(line)).collect(),
        ulimits: build
            .ulimits
            .iter()
            .map(|(name, limit)| limit.spec(name))
            .collect(),
        platform: build.platforms.first().cloned(),
        shm_size_bytes: Some(build.shm_size.0).filter(|bytes| *bytes != 0),
        isolation: said(&build.isolation),
        ..BuildSpec::default()
    };
    for tag in &build.tags {
        if !spec.tags.contains(tag) {
            spec.tags.push(tag.clone());
        }
    }
    for (name, value) in &build.args.0 {
        spec.args.set(name.clone(), value.clone());
    }
    for (key, value) in &build.labels.0 {
        let value = value.clone().unwrap_or_default();
        spec.labels.insert(key.clone(), value);
    }
    spec
}

/// The loader writes `name=address`, the engine reads `name:address`.
fn host(line: &str) -> String {
    line.replacen('=', ":", 1)
}

/// Keeps out of every text what a build was given in secret.
struct Mask(Vec<String>);

impl Mask {
    fn of(args: &Pairs) -> Self {
        let secret = args.iter().filter(|(key, _)| is_secret_key(key));
        // Programs write a long value line by line.
        let lines = secret.flat_map(|(_, value)| [value].into_iter().chain(value.lines()));
        let mut values: Vec<String> = lines
            .map(str::trim)
            .filter(|value| value.chars().count() >= SHORTEST_MASKED)
            .map(str::to_owned)
            .collect();
        // One may be a part of another.
        values.sort_by_key(|value| std::cmp::Reverse(value.len()));
        values.dedup();
        Self(values)
    }

    fn text(&self, text: &str) -> String {
        let masked = self.0.iter().fold(text.to_owned(), |text, value| {
            text.replace(value.as_str(), MASK)
        });
        mask_passwords(&masked)
    }

    /// A line as a terminal may show it.
    fn line(&self, line: &str) -> String {
        printable(&self.text(line))
    }

    fn step(&self, step: &BuildStep) -> BuildStep {
        BuildStep {
            instruction: self.line(&step.instruction),
            ..*step
        }
    }

    fn failure(&self, failure: BuildFailure) -> BuildFailure {
        BuildFailure {
            step: failure.step.map(|step| self.step(&step)),
            text: self.line(&failure.text),
            exit_code: failure.exit_code,
            last_lines: failure
                .last_lines
                .iter()
                .map(|line| self.line(line))
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests;
