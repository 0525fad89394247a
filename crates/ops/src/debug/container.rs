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
                // What would be a folder above it is a file.
                Err(EngineError::Failed { text, .. }) if text.contains("not a directory") => {}
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
        let (EngineError::FailedToStart { text, .. } | EngineError::Invalid { text }) = &error
        else {
            return error.into();
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

#[cfg(test)]
mod tests {
    use bowline_core::{Around, one_off};
    use bowline_engine::fake::{FakeEngine, Run};
    use bowline_engine::{OutputSource, Selector, Tap, WaitFor};
    use bowline_model::{ApiVersion, WantedService, label};
    use futures_util::StreamExt as _;

    use super::*;
    use crate::stage;

    const NAME: &str = "shop-web-debug-1";

    fn debug(engine: &Arc<FakeEngine>, command: &[&str]) -> Debug {
        debug_on(engine.clone(), command)
    }

    fn debug_on(engine: Arc<dyn Engine>, command: &[&str]) -> Debug {
        let service = WantedService {
            name_prefix: "shop-web-".to_owned(),
            spec: stage::spec("web", 1),
            ..WantedService::default()
        };
        let around = Around::default();
        let made = one_off(&service, "debug-1", false, &around, ApiVersion::v1(41));
        let request = DebugRequest {
            service: "web".to_owned(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            stdin: true,
            ..DebugRequest::default()
        };
        let runs = vec!["serve".to_owned(), "--all".to_owned()];
        Debug::new(engine, request, made, runs, String::new())
    }

    async fn text(run: &mut ExecRun) -> String {
        let mut text = String::new();
        while let Some(piece) = run.output.next().await {
            text += &String::from_utf8_lossy(&piece.unwrap().bytes);
        }
        text
    }

    async fn is_gone(engine: &FakeEngine) -> bool {
        let found = engine.containers(&Selector::all()).await.unwrap();
        found.is_empty()
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_gives_its_output_and_its_code_and_leaves_nothing() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        let script = Run::new().exec_answers(["make", "it"], 42, "made");
        engine.script_container(NAME, [script]);
        let mut debug = debug(&engine, &["make", "it"]);
        let mut run = debug.open().await.unwrap();
        assert_eq!(text(&mut run).await, "made");
        assert_eq!(run.control.end().await.unwrap().code, 42);
        assert_eq!(debug.close().await, None);
        assert!(is_gone(&engine).await);
        assert_eq!(debug.close().await, None, "a repeat is fine");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_command_it_is_the_most_comfortable_shell() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        engine.add_file(stage::IMAGE, "/bin/bash");
        engine.script_container(NAME, [Run::new().exec_answers(["/bin/bash"], 7, "")]);
        let mut debug = debug(&engine, &[]);
        let run = debug.open().await.unwrap();
        assert_eq!(run.control.end().await.unwrap().code, 7);
        debug.close().await;
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_with_another_shell_is_held_by_that_one() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/busybox/sh");
        let mut debug = debug(&engine, &["true"]);
        let run = debug.open().await.unwrap();
        let held = engine.find_container(NAME).await.unwrap().unwrap();
        assert_eq!(held.spec.entrypoint, Some(["/busybox/sh"].into()));
        assert!(held.spec.auto_remove && !held.spec.tty);
        assert_eq!(run.control.end().await.unwrap().code, 0);
        debug.close().await;
        assert!(is_gone(&engine).await);
    }

    #[tokio::test(start_paused = true)]
    async fn when_this_process_is_killed_the_engine_removes_it() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        engine.script_container(NAME, [Run::new().exec_hangs(["sleep"])]);
        let mut debug = debug(&engine, &["sleep"]);
        let run = debug.open().await.unwrap();
        let id = engine.find_container(NAME).await.unwrap().unwrap().id;
        // The end of a process closes what it held, and runs nothing else.
        drop((run, debug));
        engine.wait_container(&id, WaitFor::Removed).await.unwrap();
        assert!(is_gone(&engine).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_image_without_a_shell_says_what_can_be_run_instead() {
        let engine = stage::engine();
        let mut debug = debug(&engine, &[]);
        let failure = debug.open().await.err().unwrap();
        insta::assert_snapshot!(failure, @"image `busy:1` of service `web` has no shell: nothing is at `/bin/bash`, `/bin/sh`, `/bin/ash`, `/busybox/sh`");
        insta::assert_snapshot!(failure.hints().join("\n"), @"
        it has the program that the service runs: `bowline debug web -- serve --all`
        `bowline debug web --with IMAGE` takes the shell of another image, with this service's network, mounts and variables
        ");
        assert!(is_gone(&engine).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_command_in_an_image_without_a_shell_is_the_main_process() {
        let engine = stage::engine();
        let script = Run::new()
            .writes(OutputSource::Stdout, "checked")
            .ends_after(Duration::from_secs(1), 3);
        engine.script_container(NAME, [script]);
        let mut debug = debug(&engine, &["serve", "--check"]);
        let mut run = debug.open().await.unwrap();
        assert_eq!(text(&mut run).await, "checked\n");
        assert_eq!(run.control.end().await.unwrap().code, 3);
        debug.close().await;
        assert!(is_gone(&engine).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_container_that_cannot_be_started_says_why_and_goes() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        let text = "mkdir /data/inner: read-only file system";
        engine.script_container(NAME, [Run::new().fails_to_start(127, text)]);
        let mut debug = debug(&engine, &["true"]);
        let failure = debug.open().await.err().unwrap();
        assert!(failure.to_string().contains(text), "{failure}");
        assert!(failure.hints()[0].contains("--write"), "{failure:?}");
        debug.close().await;
        assert!(is_gone(&engine).await);
    }

    #[tokio::test(start_paused = true)]
    async fn an_engine_that_is_lost_leaves_a_word_about_what_may_be_there() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        let tap = Arc::new(Tap::new(engine));
        let mut debug = debug_on(tap.clone(), &["true"]);
        debug.open().await.unwrap();
        tap.reset();
        tap.gone_from(0);
        let said = debug.close().await.unwrap();
        assert!(said.contains(NAME), "{said}");
        assert!(said.contains("`bowline down` does"), "{said}");
    }

    #[tokio::test(start_paused = true)]
    async fn two_at_once_do_not_meet() {
        let engine = stage::engine();
        engine.add_file(stage::IMAGE, "/bin/sh");
        let mut first = debug(&engine, &["true"]);
        let mut second = debug(&engine, &["true"]);
        "shop-web-debug-2".clone_into(&mut second.made.name);
        first.open().await.unwrap();
        second.open().await.unwrap();
        first.close().await;
        let left = engine.containers(&Selector::all()).await.unwrap();
        assert_eq!(left.len(), 1);
        assert_eq!(left[0].name, "shop-web-debug-2");
        assert_eq!(left[0].labels[label::ONE_OFF], "True");
        second.close().await;
        assert!(is_gone(&engine).await);
    }
}
