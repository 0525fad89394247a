//! Builds of the fake: instructions are read line by line, and what they do is a script.
//!
//! Every instruction stands on one line. `FROM` and `ENV` are acted on; any other is a step that succeeds and
//! writes nothing, unless [`FakeEngine::script_step`](super::FakeEngine::script_step) says otherwise. What the
//! image is depends on everything that the build is given, so the same build gives the same image.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bowline_model::{ImageConfig, ImageId, Secret};
use sha2::{Digest, Sha256};

use super::world::World;
use crate::build::BuildOutput;
use crate::{BuildProgress, BuildSpec, EngineError, FileToPut};

/// What a step writes, and how it ends.
#[derive(Clone, Debug, Default)]
pub(super) struct ScriptedStep {
    pub(super) lines: Vec<String>,
    pub(super) exit_code: i64,
}

/// A stage of a Dockerfile, up to the next `FROM`.
struct Stage {
    base: String,
    name: Option<String>,
    instructions: Vec<String>,
}

type Item = Result<BuildProgress, EngineError>;

impl World {
    /// Builds an image, and gives what the builder says of it.
    pub(super) fn build(&mut self, spec: &BuildSpec, files: &[FileToPut]) -> Vec<Item> {
        let mut output = BuildOutput::default();
        let mut said = Vec::new();
        let built = self.run_steps(spec, files, &mut output, &mut said);
        said.push(match built {
            Ok(config) => Ok(BuildProgress::Built(self.keep(spec, files, config))),
            Err((text, exit_code)) => {
                let failure = output.failure(text, exit_code);
                Err(EngineError::Build(Box::new(failure)))
            }
        });
        said
    }

    fn run_steps(
        &self,
        spec: &BuildSpec,
        files: &[FileToPut],
        output: &mut BuildOutput,
        said: &mut Vec<Item>,
    ) -> Result<ImageConfig, (String, Option<i64>)> {
        let plain = |text: String| (text, None);
        let stages = stages(spec, files).map_err(plain)?;
        let labels = spec
            .labels
            .iter()
            .map(|(key, value)| format!("LABEL {key}={value}"));
        let labels: Vec<String> = labels.collect();
        let steps = stages.iter().map(|stage| stage.instructions.len());
        let count = steps.sum::<usize>() + labels.len();
        let mut number = 0;
        let mut tell = |text: &str| said.extend(output.take(text).into_iter().map(Ok));
        let mut configs: BTreeMap<&str, ImageConfig> = BTreeMap::new();
        let mut config = ImageConfig::default();
        for stage in &stages {
            for instruction in &stage.instructions {
                number += 1;
                tell(&format!("Step {number}/{count} : {instruction}\n"));
                if instruction.starts_with("FROM ") {
                    config = match configs.get(stage.base.as_str()) {
                        Some(config) => config.clone(),
                        None => self.base(&stage.base).map_err(plain)?,
                    };
                }
                if let Some((key, value)) = assignment(instruction) {
                    config.env.set(key, Some(value.to_owned()));
                }
                if let Some(step) = self.build_steps.get(instruction) {
                    step.lines
                        .iter()
                        .for_each(|line| tell(&format!("{line}\n")));
                    if step.exit_code != 0 {
                        let text = format!(
                            "The command '{instruction}' returned a non-zero code: {}",
                            step.exit_code
                        );
                        return Err((text, Some(step.exit_code)));
                    }
                }
            }
            if let Some(name) = &stage.name {
                configs.insert(name, config.clone());
            }
        }
        for label in &labels {
            number += 1;
            tell(&format!("Step {number}/{count} : {label}\n"));
        }
        for (key, value) in &spec.labels {
            config.labels.insert(key.clone(), value.clone());
        }
        Ok(config)
    }

    fn base(&self, reference: &str) -> Result<ImageConfig, String> {
        match self.image(reference) {
            Some(image) => Ok(image.config.clone()),
            None if reference == "scratch" => Ok(ImageConfig::default()),
            None => Err(format!(
                "pull access denied for {reference}, repository does not exist or may require 'docker login'"
            )),
        }
    }

    /// Puts the image into the store under all its references.
    fn keep(&mut self, spec: &BuildSpec, files: &[FileToPut], config: ImageConfig) -> ImageId {
        let mut image = self.new_image(config);
        if !spec.no_cache {
            image.id = ImageId(format!("sha256:{}", digest(spec, files)));
        }
        let id = self.store_image(image, spec.tags.first().map_or("", String::as_str));
        for tag in spec.tags.iter().skip(1) {
            // The image was stored just now.
            let _ = self.tag_image(&id, tag);
        }
        id
    }
}

/// The stages that lead to the target.
fn stages(spec: &BuildSpec, files: &[FileToPut]) -> Result<Vec<Stage>, String> {
    let name = spec.dockerfile.as_deref().unwrap_or("Dockerfile");
    let path = format!("/{name}");
    let file = files.iter().find(|file| file.path == path);
    let file = file.ok_or_else(|| format!("Cannot locate specified Dockerfile: {name}"))?;
    let text = String::from_utf8_lossy(&file.contents);
    let mut stages: Vec<Stage> = Vec::new();
    let lines = text.lines().map(str::trim);
    for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
        if let Some(rest) = line.strip_prefix("FROM ") {
            let (base, name) = match rest.split_once(" AS ") {
                Some((base, name)) => (base, Some(name.to_owned())),
                None => (rest, None),
            };
            stages.push(Stage {
                base: base.to_owned(),
                name,
                instructions: vec![line.to_owned()],
            });
        } else if let Some(stage) = stages.last_mut() {
            stage.instructions.push(line.to_owned());
        }
    }
    if let Some(target) = &spec.target {
        let is_target = |stage: &Stage| stage.name.as_ref() == Some(target);
        let last = stages.iter().position(is_target);
        let last =
            last.ok_or_else(|| format!("failed to reach build target {target} in Dockerfile"))?;
        stages.truncate(last + 1);
    }
    if stages.is_empty() {
        return Err(format!("the Dockerfile ({name}) cannot be empty"));
    }
    Ok(stages)
}

fn assignment(instruction: &str) -> Option<(&str, &str)> {
    instruction.strip_prefix("ENV ")?.split_once('=')
}

fn digest(spec: &BuildSpec, files: &[FileToPut]) -> String {
    let args: Vec<_> = spec
        .args
        .iter()
        .map(|(name, value)| (name, value.map(Secret::reveal)))
        .collect();
    let mut hash = Sha256::new();
    hash.update(format!("{args:?} {:?} {:?}", spec.labels, spec.target));
    for file in files {
        hash.update(format!("{} {:o} ", file.path, file.mode));
        hash.update(&file.contents);
    }
    let mut text = String::new();
    for byte in hash.finalize() {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
    }
    text
}
