//! What steps need from outside of the engine: logins for pulls, files for builds.

use std::path::Path;

use async_trait::async_trait;
use bowline_core::{ExecuteError, Outside};
use bowline_engine::{DockerConfig, Engine, RegistryLogin};
use bowline_model::{Build, FileChange, FileState, ImageId, Place, Plan};
use futures_util::TryStreamExt as _;

use crate::Failure;
use crate::build;
use crate::edit::Files;
use crate::progress::Progress;
use crate::stack::Surroundings;

/// Docker's own configuration, and somebody to tell.
pub(crate) struct Workshop<'a> {
    config: DockerConfig,
    progress: &'a dyn Progress,
}

impl<'a> Workshop<'a> {
    pub(crate) fn new(
        surroundings: &Surroundings,
        progress: &'a dyn Progress,
    ) -> Result<Self, Failure> {
        let folder = match (
            surroundings.variable("DOCKER_CONFIG"),
            surroundings.variable("HOME"),
        ) {
            (Some(folder), _) => Some(Path::new(folder).to_owned()),
            (None, Some(home)) => Some(Path::new(home).join(".docker")),
            (None, None) => None,
        };
        let config = match folder {
            Some(folder) => DockerConfig::load(&folder)
                .map_err(|error| Failure::state(&error, error.hints()))?,
            None => DockerConfig::default(),
        };
        Ok(Self { config, progress })
    }
}

#[async_trait]
impl Outside for Workshop<'_> {
    async fn pull(
        &self,
        engine: &dyn Engine,
        reference: &str,
        platform: Option<&str>,
    ) -> Result<(), ExecuteError> {
        let login = self
            .config
            .login_for(reference)
            .map_err(|error| ExecuteError::Outside {
                text: error.to_string(),
            })?;
        let stream = engine.pull_image(reference, platform, login).await?;
        stream
            .try_for_each(|step| {
                self.progress.pulling(reference, &step.status);
                std::future::ready(Ok(()))
            })
            .await?;
        Ok(())
    }

    async fn look(&self, plan: &Plan) -> Result<(), Vec<ExecuteError>> {
        let (files, builds) = (Files::look(plan).await, build::look(plan).await);
        match (files, builds) {
            (Ok(()), builds) => builds,
            (files, Ok(())) => files,
            (Err(mut errors), Err(more)) => {
                errors.extend(more);
                Err(errors)
            }
        }
    }

    async fn file(&self, change: &FileChange) -> Result<FileState, ExecuteError> {
        Files::state(change).await
    }

    async fn change_file(&self, change: &FileChange) -> Result<(), ExecuteError> {
        Files::make(change).await
    }

    async fn build(
        &self,
        engine: &dyn Engine,
        reference: &str,
        build: &Build,
        place: Option<&Place>,
    ) -> Result<ImageId, ExecuteError> {
        let logins: Vec<RegistryLogin> = self.config.logins().cloned().collect();
        let wanted = (reference, build, place);
        build::build(engine, &logins, wanted, self.progress).await
    }
}
