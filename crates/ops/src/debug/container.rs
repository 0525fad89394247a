//! The container of a `debug`: made, entered, removed.

use std::sync::Arc;
use std::time::Duration;

use bowline_core::OneOff;
use bowline_engine::{Attached, Engine, EngineError, ExecSpec};
use bowline_model::{Argv, ContainerId, ContainerSpec, EnvSpec};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::left::WHOLE;
use super::{DebugRequest, line};
use crate::Failure;
use crate::exec::{ExecControl, ExecRun, output_of};

/// Where shells are, the most comfortable first.
const SHELLS: [&str; 4] = ["/bin/bash", "/bin/sh", "/bin/ash", "/busybox/sh"];

/// How long the container may take to go. It also goes by itself.
const REMOVAL: Duration = Duration::from_secs(10);

/// A container for looking around, before, while and after it is there.
#[derive(Debug)]
pub struct Debug {
    engine: Arc<dyn Engine>,
    request: DebugRequest,
    made: OneOff,
    /// What the service runs.
    command: Vec<String>,
    notes: String,
    held: Option<Attached>,
}

impl Debug {
    pub(super) fn new(
        engine: Arc<dyn Engine>,
        request: DebugRequest,
        made: OneOff,
        command: Vec<String>,
        notes: String,
    ) -> Self {
        Self {
            engine,
            request,
            made,
            command,
            notes,
            held: None,
        }
    }

    /// What the service would run, and in what the container is not as the service's own, a line each.
    pub fn notes(&self) -> &str {
        &self.notes
    }

    /// Makes the container and runs the shell or the command in it. Whatever comes of it, [`Debug::close`] it.
    ///
    /// # Errors
    ///
    /// [`Failure::State`] where the image has no shell and there is no command, or the container cannot be started;
    /// the engine's failures.
    pub async fn open(&mut self) -> Result<ExecRun, Failure> {
        let first = SHELLS[1];
        let id = self.create(shell(first), true).await?;
        let shells = self.shells(&id).await?;
        if shells.contains(&first) {
            return self.hold(&id, &shells).await;
        }
        self.engine.remove_container(&id, WHOLE).await?;
        if let Some(other) = shells.first() {
            let id = self.create(shell(other), true).await?;
            return self.hold(&id, &shells).await;
        }
        if self.request.command.is_empty() {
            return Err(self.no_shell());
        }
        self.alone().await
    }

    /// Removes the container with everything that is only its own. Repeating it is fine.
    ///
    /// Gives what to say where that did not work.
    pub async fn close(&mut self) -> Option<String> {
        self.held = None;
        let name = &self.made.name;
        let removal = async {
            match self.engine.find_container(name).await? {
                Some(found) => self
                    .engine
                    .remove_container(&found.id, WHOLE)
                    .await
                    .map(drop),
                None => Ok(()),
            }
        };
        let failed = match timeout(REMOVAL, removal).await {
            Ok(Ok(())) => return None,
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {REMOVAL:?}"),
        };
        Some(format!(
            "warning: container `{name}` may still be there: {failed}\nhint: the engine removes it when it ends, and `bowline down` does\n"
        ))
    }

    async fn create(&self, command: (Argv, Argv), holds: bool) -> Result<ContainerId, Failure> {
        let (entrypoint, command) = command;
        let spec = ContainerSpec {
            entrypoint: Some(entrypoint),
            command: Some(command),
            tty: false,
            stdin_open: true,
            stdin_once: true,
            // The code of a main process is asked for behind its end.
            auto_remove: holds,
            ..self.made.spec.clone()
        };
        let name = &self.made.name;
        let created = self.engine.create_container(name, &spec).await;
        Ok(created.map_err(|error| self.not_made(error))?.id)
    }

    /// The shells that are in the image.
    async fn shells(&self, id: &ContainerId) -> Result<Vec<&'static str>, Failure> {
        let looks = SHELLS.map(|path| self.engine.path_head(id, path, 1));
        let mut found = Vec::new();
        for (path, look) in SHELLS.into_iter().zip(join_all(looks).await) {
            match look {
                Ok(_) => found.push(path),
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(found)
    }

    /// Starts a container whose shell waits for the end of this process, and the command in it.
    async fn hold(&mut self, id: &ContainerId, shells: &[&str]) -> Result<ExecRun, Failure> {
        self.held = Some(self.start(id).await?);
        let command = if self.request.command.is_empty() {
            shells
                .first()
                .map(|first| (*first).to_owned())
                .into_iter()
                .collect()
        } else {
            Argv(self.request.command.clone())
        };
        let spec = ExecSpec {
            command,
            env: EnvSpec::default(),
            user: self.request.user.clone(),
            tty: self.request.tty,
            stdin: self.request.stdin,
            ..ExecSpec::default()
        };
        let session = self.engine.exec_open(id, &spec).await?;
        Ok(ExecRun {
            input: session.input,
            output: output_of(session.output),
            tty: spec.tty.is_some(),
            control: ExecControl::new(self.engine.clone(), Some(session.id), id.clone()),
        })
    }

    /// Starts a container whose main process is the command.
    async fn alone(&self) -> Result<ExecRun, Failure> {
        let mut words = self.request.command.iter().cloned();
        let program: Argv = words.next().into_iter().collect();
        let id = self.create((program, words.collect()), false).await?;
        let attached = self.start(&id).await?;
        Ok(ExecRun {
            input: Some(attached.input),
            output: output_of(attached.output),
            tty: false,
            control: ExecControl::new(self.engine.clone(), None, id),
        })
    }

    /// Puts everything into a container that it needs before its start, and starts it, attached.
    async fn start(&self, id: &ContainerId) -> Result<Attached, Failure> {
        for endpoint in &self.made.connect {
            let which = bowline_engine::Selector::name(endpoint.network.as_str());
            let networks = self.engine.networks(&which).await?;
            if let Some(network) = networks.first() {
                self.engine.connect(&network.id, id, endpoint).await?;
            }
        }
        if !self.made.files.is_empty() {
            self.engine.put_files(id, &self.made.files).await?;
        }
        let attached = self.engine.attach_container(id).await?;
        let started = self.engine.start_container(id).await;
        started.map_err(|error| self.not_made(error))?;
        Ok(attached)
    }

    fn no_shell(&self) -> Failure {
        let service = &self.request.service;
        let image = &self.made.spec.image;
        let whose = match self.request.with {
            Some(_) => "of `--with`".to_owned(),
            None => format!("of service `{service}`"),
        };
        let mut hints = Vec::new();
        if self.request.with.is_none() {
            if !self.command.is_empty() {
                hints.push(format!(
                    "it has the program that the service runs: `bowline debug {service} -- {}`",
                    line(&self.command)
                ));
            }
            hints.push(format!(
                "`bowline debug {service} --with IMAGE` takes the shell of another image, with this service's network, mounts and variables"
            ));
        } else {
            hints.push("name an image that has one".to_owned());
        }
        Failure::State {
            message: format!(
                "image `{image}` {whose} has no shell: nothing is at {}",
                SHELLS.map(|path| format!("`{path}`")).join(", ")
            ),
            hints,
        }
    }

    /// What to say where the engine does not make the container, or does not start it.
    fn not_made(&self, error: EngineError) -> Failure {
        let text = match &error {
            EngineError::FailedToStart { text, .. } | EngineError::Invalid { text } => text,
            _ => return error.into(),
        };
        let mut hints = Vec::new();
        if text.contains("bind source path does not exist") {
            hints.push(
                "make that path, or take the mount out of the files; `debug` makes nothing on the host".to_owned(),
            );
        } else if text.contains("read-only file system") {
            hints.push("a mount point is missing below a mount that can only be read here; `--write` lets the engine make it".to_owned());
        }
        hints.push(
            "`bowline doctor` says more about why the service itself does not start".to_owned(),
        );
        Failure::State {
            message: format!(
                "no container can be made beside service `{}`: {text}",
                self.request.service
            ),
            hints,
        }
    }
}

/// A shell that reads what it is to do.
fn shell(path: &str) -> (Argv, Argv) {
    ([path].into(), Argv::default())
}
