//! Builds: the request, and the answer as it comes.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};

use bowline_model::{ImageId, Secret, UlimitSpec};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::Docker;
use super::http::{Call, Failure};
use super::objects::{auth, encoded, failure_of, pull_progress};
use super::wire::{Auth, Progress};
use super::wire_container::Ulimit;
use crate::build::BuildOutput;
use crate::{
    BuildContext, BuildFailure, BuildProgress, BuildSpec, EngineError, RegistryLogin, Stream,
    TarStream,
};

/// The classic builder. `2` is `BuildKit`, which wants a session beside the request.
const CLASSIC_BUILDER: &str = "1";

impl Docker {
    pub(super) async fn build(
        &self,
        spec: &BuildSpec,
        logins: &[RegistryLogin],
        context: BuildContext,
    ) -> Result<Stream<BuildProgress>, EngineError> {
        let mut call = call(spec)?.limit(None);
        let auths: BTreeMap<&str, Auth> = logins
            .iter()
            .map(|login| (login.registry.as_str(), auth(login)))
            .collect();
        if !auths.is_empty() {
            call = call.header("x-registry-config", encoded(&auths)?);
        }
        let broken = Broken::default();
        let call = match context {
            BuildContext::Archive(archive) => call.tar(broken.watch(archive)),
            BuildContext::Remote(url) => call.query("remote", url),
        };
        let answer = match self.http.send(call).await {
            Ok(answer) => answer,
            Err(Failure::Refused(refusal)) => {
                let refused = || {
                    failed(BuildFailure {
                        text: refusal.text,
                        ..BuildFailure::default()
                    })
                };
                return Err(broken.error().unwrap_or_else(refused));
            }
            Err(Failure::Other(error)) => return Err(broken.error().unwrap_or(error)),
        };
        let items = progress(answer.values());
        Ok(items
            .map(move |item| item.map_err(|error| broken.error().unwrap_or(error)))
            .boxed())
    }
}

/// What was wrong with an archive that was being sent: the connection's own error does not say.
#[derive(Clone, Default)]
struct Broken(Arc<OnceLock<String>>);

impl Broken {
    fn watch(&self, archive: TarStream) -> TarStream {
        let broken = self.clone();
        archive
            .inspect_err(move |error| {
                let _ = broken.0.set(error.to_string());
            })
            .boxed()
    }

    fn error(&self) -> Option<EngineError> {
        let text = self.0.get()?;
        Some(crate::archive::unreadable(text))
    }
}

fn call(spec: &BuildSpec) -> Result<Call, EngineError> {
    let args: BTreeMap<&str, Option<&str>> = spec
        .args
        .iter()
        .map(|(name, value)| (name, value.map(Secret::reveal)))
        .collect();
    let ulimit = |limit: &UlimitSpec| Ulimit {
        name: limit.name.clone(),
        soft: limit.soft,
        hard: limit.hard,
    };
    let ulimits: Vec<Ulimit> = spec.ulimits.iter().map(ulimit).collect();
    let number = |number: Option<i64>| number.map(|number| number.to_string());
    let mut call = Call::post("/build")
        .query("version", CLASSIC_BUILDER)
        .query(
            "dockerfile",
            spec.dockerfile.as_deref().unwrap_or("Dockerfile"),
        )
        .query("rm", "true")
        .query("forcerm", "true")
        .query("nocache", spec.no_cache.to_string())
        .query_opt("pull", spec.pull.then_some("true"))
        .query_opt("target", spec.target.as_deref())
        .query_opt("networkmode", spec.network.as_deref())
        .query_opt("platform", spec.platform.as_deref())
        .query_opt("isolation", spec.isolation.as_deref())
        .query_opt("shmsize", number(spec.shm_size_bytes))
        .query_opt("memory", number(spec.memory_bytes))
        .query_json("buildargs", &args)?
        .query_json("labels", &spec.labels)?
        .query_json("cachefrom", &spec.cache_from)?
        .query_json("ulimits", &ulimits)?;
    for tag in &spec.tags {
        call = call.query("t", tag);
    }
    for line in &spec.extra_hosts {
        call = call.query("extrahosts", line);
    }
    Ok(call)
}

/// An answer in the middle.
struct Reading {
    messages: Stream<Progress>,
    output: BuildOutput,
    ready: VecDeque<Result<BuildProgress, EngineError>>,
    built: Option<ImageId>,
    ended: bool,
}

/// Turns the builder's messages into what the contract says. The image is told at the end, for the builder goes on
/// to speak of it.
fn progress(messages: Stream<Progress>) -> Stream<BuildProgress> {
    let reading = Reading {
        messages,
        output: BuildOutput::default(),
        ready: VecDeque::new(),
        built: None,
        ended: false,
    };
    stream::unfold(reading, |mut reading| async move {
        while reading.ready.is_empty() && !reading.ended {
            let message = reading.messages.next().await;
            reading.take(message);
        }
        let item = reading.ready.pop_front()?;
        Some((item, reading))
    })
    .boxed()
}

impl Reading {
    fn take(&mut self, message: Option<Result<Progress, EngineError>>) {
        let message = match message {
            Some(Ok(message)) => message,
            Some(Err(error)) => return self.end(Err(error)),
            None => {
                let end = match self.built.take() {
                    Some(id) => Ok(BuildProgress::Built(id)),
                    None => Err(self.failure("the engine ended it without an image".into(), None)),
                };
                return self.end(end);
            }
        };
        if let Some(text) = failure_of(&message) {
            let error = self.failure(text, message.error_detail.code);
            self.end(Err(error));
        } else if !message.aux.id.is_empty() {
            self.built = Some(ImageId(message.aux.id));
        } else if message.stream.is_empty() {
            let step = BuildProgress::Pull(pull_progress(message));
            self.ready.push_back(Ok(step));
        } else {
            let found = self.output.take(&message.stream);
            self.ready.extend(found.into_iter().map(Ok));
        }
    }

    fn end(&mut self, item: Result<BuildProgress, EngineError>) {
        self.ready.push_back(item);
        self.ended = true;
    }

    fn failure(&mut self, text: String, exit_code: Option<i64>) -> EngineError {
        failed(
            self.output
                .failure(text, exit_code.filter(|code| *code > 0)),
        )
    }
}

fn failed(failure: BuildFailure) -> EngineError {
    if failure.text.contains("no space left on device") {
        EngineError::NoSpace { text: failure.text }
    } else {
        EngineError::Build(Box::new(failure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read(messages: &[&str]) -> Vec<Result<BuildProgress, EngineError>> {
        let messages: Vec<_> = messages
            .iter()
            .map(|text| Ok(serde_json::from_str(text).unwrap()))
            .collect();
        progress(stream::iter(messages).boxed()).collect().await
    }

    #[test]
    fn the_request_says_everything_in_the_engines_words() {
        let mut spec = BuildSpec {
            dockerfile: Some("deep/Dockerfile".into()),
            tags: vec!["a:1".into(), "b:2".into()],
            labels: [("l", "v")].into(),
            cache_from: vec!["c:1".into()],
            extra_hosts: vec!["h:10.0.0.1".into(), "i:::1".into()],
            ulimits: vec![UlimitSpec {
                name: "nofile".into(),
                soft: 1,
                hard: 2,
            }],
            pull: true,
            shm_size_bytes: Some(64),
            ..BuildSpec::default()
        };
        spec.args.set("A", Some("1".into()));
        spec.args.set("B", None);
        let call = call(&spec).unwrap();
        let (path, query) = call.path().split_once('?').unwrap();
        assert_eq!(path, "/build");
        let parameters: Vec<&str> = query.split('&').collect();
        assert_eq!(
            parameters,
            [
                "version=1",
                "dockerfile=deep%2FDockerfile",
                "rm=true",
                "forcerm=true",
                "nocache=false",
                "pull=true",
                "shmsize=64",
                "buildargs=%7B%22A%22%3A%221%22%2C%22B%22%3Anull%7D",
                "labels=%7B%22l%22%3A%22v%22%7D",
                "cachefrom=%5B%22c%3A1%22%5D",
                "ulimits=%5B%7B%22Name%22%3A%22nofile%22%2C%22Soft%22%3A1%2C%22Hard%22%3A2%7D%5D",
                "t=a%3A1",
                "t=b%3A2",
                "extrahosts=h%3A10.0.0.1",
                "extrahosts=i%3A%3A%3A1",
            ]
        );
    }

    #[tokio::test]
    async fn the_image_is_told_last_whatever_the_builder_says_after_it() {
        let found = read(&[
            r#"{"stream":"Step 1/1 : FROM busy:1"}"#,
            r#"{"stream":"\n"}"#,
            r#"{"status":"Pulling from library/busy","id":"1"}"#,
            r#"{"aux":{"ID":"sha256:ab"}}"#,
            r#"{"stream":"Successfully built ab\n"}"#,
            r#"{"stream":"[Warning] one more word\n"}"#,
        ])
        .await;
        assert_eq!(found.len(), 4);
        assert_eq!(
            found[3],
            Ok(BuildProgress::Built(ImageId("sha256:ab".into())))
        );
    }

    #[tokio::test]
    async fn an_error_in_the_stream_ends_it_with_step_code_and_lines() {
        let found = read(&[
            r#"{"stream":"Step 1/2 : RUN false"}"#,
            r#"{"stream":"\nout\n"}"#,
            r#"{"errorDetail":{"code":3,"message":"returned a non-zero code: 3"},"error":"returned …"}"#,
            r#"{"stream":"never read"}"#,
        ])
        .await;
        assert_eq!(found.len(), 3);
        let error = found[2].clone().unwrap_err();
        assert_eq!(
            error.to_string(),
            "the build failed at step 1/2: RUN false: returned a non-zero code: 3"
        );
        let EngineError::Build(failure) = error else {
            panic!("{error:?}")
        };
        assert_eq!(failure.exit_code, Some(3));
        assert_eq!(failure.last_lines, ["out"]);
    }

    #[tokio::test]
    async fn an_end_without_image_is_an_error() {
        let found = read(&[r#"{"stream":"Step 1/1 : FROM busy:1"}"#]).await;
        assert!(
            matches!(&found[..], [Err(EngineError::Build(_))]),
            "{found:?}"
        );
    }
}
