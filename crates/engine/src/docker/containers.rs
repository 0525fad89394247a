//! Containers: the requests.

use std::time::Duration;

use bowline_model::{
    Capability, ContainerId, ContainerSpec, ContainerSummary, ObjectKind, ObservedContainer,
    PathChange, PathChangeKind,
};
use futures_util::StreamExt;
use hyper::StatusCode;

use super::http::{Call, Failure, QUICK, SLOW, escape};
use super::refusal::{self, About};
use super::wire::{Change, Made, Stat, Top, Waited, said};
use super::wire_container::{Inspect, Summary};
use super::{Docker, create_body, filters, observe, output};
use crate::{
    CreatedContainer, EngineError, LogEntry, LogOptions, PathStat, ProcessTable, RemoveContainer,
    Removed, Selector, Started, Stopped, Stream, TarStream, WaitFor,
};

type Result<T> = std::result::Result<T, EngineError>;

/// How long a removal that somebody else began is waited for.
const REMOVAL_LIMIT: Duration = Duration::from_mins(1);

fn path(id: &ContainerId, rest: &str) -> String {
    format!("/containers/{}{rest}", escape(&id.0))
}

impl Docker {
    pub(super) async fn list_containers(&self, which: &Selector) -> Result<Vec<ContainerSummary>> {
        let mut filters = filters::labels(&which.labels);
        // The engine takes names as patterns.
        filters.extend(filters::of(
            "name",
            which
                .names
                .iter()
                .map(|name| format!("^/?{}$", filters::literally(name))),
        ));
        let call = Call::get("/containers/json")
            .query("all", "true")
            .query_json("filters", &filters)?;
        let lines: Vec<Summary> = self
            .http
            .json(call)
            .await
            .map_err(|failure| About::new(ObjectKind::Container, "").error(failure))?;
        let containers = lines.into_iter().map(observe::summary);
        Ok(containers
            .filter(|container| which.matches(&container.name, &container.labels))
            .collect())
    }

    pub(super) async fn inspect(&self, id: &ContainerId) -> Result<ObservedContainer> {
        let about = About::container(id);
        let inspect: Inspect = self
            .http
            .json(Call::get(path(id, "/json")))
            .await
            .map_err(|failure| about.error(failure))?;
        // The engine would also take a name, or the beginning of an id.
        if inspect.id == id.0 {
            Ok(observe::container(inspect))
        } else {
            Err(EngineError::NotFound {
                kind: ObjectKind::Container,
                name: id.0.clone(),
            })
        }
    }

    pub(super) async fn inspect_named(&self, name: &str) -> Result<Option<ObservedContainer>> {
        let call = Call::get(format!("/containers/{}/json", escape(name)));
        match self.http.json::<Inspect>(call).await {
            Ok(inspect) => {
                Ok(Some(observe::container(inspect)).filter(|container| container.name == name))
            }
            Err(Failure::Refused(refusal)) if refusal.status == 404 => Ok(None),
            Err(failure) => Err(About::new(ObjectKind::Container, name).error(failure)),
        }
    }

    pub(super) async fn changes(&self, id: &ContainerId) -> Result<Vec<PathChange>> {
        let call = Call::get(path(id, "/changes")).limit(Some(SLOW));
        let changes: Option<Vec<Change>> = self
            .http
            .json(call)
            .await
            .map_err(|failure| About::container(id).error(failure))?;
        let change = |change: Change| {
            let kind = match change.kind {
                1 => PathChangeKind::Added,
                2 => PathChangeKind::Deleted,
                _ => PathChangeKind::Modified,
            };
            PathChange {
                path: change.path,
                kind,
            }
        };
        Ok(changes
            .unwrap_or_default()
            .into_iter()
            .map(change)
            .collect())
    }

    pub(super) async fn processes(&self, id: &ContainerId, ps_args: &str) -> Result<ProcessTable> {
        let call = Call::get(path(id, "/top")).query("ps_args", ps_args);
        let top: Top = self
            .http
            .json(call)
            .await
            .map_err(|failure| match failure {
                // Docker says 500 for a container that does not run.
                Failure::Refused(refusal) if refusal.text.contains("is not running") => {
                    EngineError::NotRunning {
                        container: id.0.clone(),
                        text: refusal.text,
                    }
                }
                other => About::container(id).error(other),
            })?;
        Ok(ProcessTable {
            titles: top.titles,
            rows: top.processes,
        })
    }

    pub(super) async fn create(
        &self,
        name: &str,
        spec: &ContainerSpec,
    ) -> Result<CreatedContainer> {
        self.refuse_unsupported(spec.needs())?;
        let body = create_body::container(spec, self.about.api.has(Capability::EndpointMacAddress));
        let call = Call::post("/containers/create")
            .query("name", name)
            .query_opt("platform", spec.platform.as_deref())
            .json(&body)?
            .limit(Some(SLOW));
        let about = About::new(ObjectKind::Container, name);
        let made: Made = self.http.json(call).await.map_err(|failure| {
            match refusal::naming(name, about, failure) {
                // The engine names the image as it understood it.
                EngineError::NotFound {
                    kind: ObjectKind::Image,
                    ..
                } => EngineError::NotFound {
                    kind: ObjectKind::Image,
                    name: spec.image.clone(),
                },
                other => other,
            }
        })?;
        Ok(CreatedContainer {
            id: ContainerId(made.id),
            warnings: made.warnings,
        })
    }

    pub(super) async fn rename(&self, id: &ContainerId, name: &str) -> Result<()> {
        let call = Call::post(path(id, "/rename")).query("name", name);
        match self.http.send(call).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal))
                if refusal.text.contains("same name as its current name") =>
            {
                Ok(())
            }
            Err(failure) => Err(refusal::naming(name, About::container(id), failure)),
        }
    }

    pub(super) async fn start(&self, id: &ContainerId) -> Result<Started> {
        let call = Call::post(path(id, "/start")).limit(Some(SLOW));
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| refusal::starting(id, failure))?;
        Ok(if answer.status() == StatusCode::NOT_MODIFIED {
            Started::Already
        } else {
            Started::Now
        })
    }

    pub(super) async fn stop(&self, id: &ContainerId, grace: Duration) -> Result<Stopped> {
        let secs = whole_secs(grace);
        let call = Call::post(path(id, "/stop"))
            .query("t", secs.to_string())
            .limit(Some(Duration::from_secs(secs).saturating_add(QUICK)));
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| About::container(id).error(failure))?;
        Ok(if answer.status() == StatusCode::NOT_MODIFIED {
            Stopped::Already
        } else {
            Stopped::Now
        })
    }

    pub(super) async fn restart(&self, id: &ContainerId, grace: Duration) -> Result<()> {
        let secs = whole_secs(grace);
        let call = Call::post(path(id, "/restart"))
            .query("t", secs.to_string())
            .limit(Some(Duration::from_secs(secs).saturating_add(SLOW)));
        self.http
            .send(call)
            .await
            .map(drop)
            .map_err(|failure| refusal::starting(id, failure))
    }

    pub(super) async fn kill(&self, id: &ContainerId, signal: &str) -> Result<()> {
        let call = Call::post(path(id, "/kill")).query("signal", signal);
        self.http
            .send(call)
            .await
            .map(drop)
            .map_err(|failure| About::container(id).error(failure))
    }

    /// Freezes a container, or lets it go on.
    pub(super) async fn freeze(&self, id: &ContainerId, frozen: bool) -> Result<()> {
        let call = Call::post(path(id, if frozen { "/pause" } else { "/unpause" }));
        let already = if frozen {
            "already paused"
        } else {
            "is not paused"
        };
        match self.http.send(call).await {
            Ok(_) => Ok(()),
            Err(Failure::Refused(refusal)) if refusal.text.contains(already) => {
                // Docker also says so of one that does not run at all.
                if self.inspect(id).await?.state.is_running() {
                    Ok(())
                } else {
                    Err(EngineError::NotRunning {
                        container: id.0.clone(),
                        text: refusal.text,
                    })
                }
            }
            Err(failure) => Err(About::container(id).error(failure)),
        }
    }

    pub(super) async fn remove(&self, id: &ContainerId, how: RemoveContainer) -> Result<Removed> {
        let call = Call::delete(path(id, ""))
            .query("force", how.force.to_string())
            .query("v", how.anonymous_volumes.to_string())
            .limit(Some(SLOW));
        match self.http.send(call).await {
            Ok(_) => Ok(Removed::Now),
            Err(Failure::Refused(refusal)) if refusal.text.contains("is already in progress") => {
                let gone = self.wait(id, WaitFor::Removed);
                match tokio::time::timeout(REMOVAL_LIMIT, gone).await {
                    Ok(_) => Ok(Removed::Already),
                    Err(_) => Err(EngineError::Conflict { text: refusal.text }),
                }
            }
            Err(failure) => {
                refusal::removing(About::container(id), failure).map_or(Ok(Removed::Already), Err)
            }
        }
    }

    pub(super) async fn wait(&self, id: &ContainerId, until: WaitFor) -> Result<i64> {
        let condition = match until {
            WaitFor::NotRunning => "not-running",
            WaitFor::NextExit => "next-exit",
            WaitFor::Removed => "removed",
        };
        let call = Call::post(path(id, "/wait"))
            .query("condition", condition)
            .limit(None);
        let waited: Waited = self
            .http
            .json(call)
            .await
            .map_err(|failure| About::container(id).error(failure))?;
        match waited.error.and_then(|error| said(error.message)) {
            Some(text) => Err(EngineError::Failed { status: 0, text }),
            None => Ok(waited.code),
        }
    }

    // ---- files

    pub(super) async fn put(
        &self,
        id: &ContainerId,
        folder: &str,
        archive: TarStream,
    ) -> Result<()> {
        let call = Call::put(path(id, "/archive"))
            .query("path", folder)
            .query("noOverwriteDirNonDir", "true")
            .tar(archive)
            .limit(Some(SLOW));
        self.http
            .send(call)
            .await
            .map(drop)
            .map_err(|failure| match failure {
                Failure::Refused(refusal) if refusal.text.contains("is marked read-only") => {
                    EngineError::ReadOnly {
                        container: id.0.clone(),
                    }
                }
                failure => path_error(id, folder, failure),
            })
    }

    pub(super) async fn get(
        &self,
        id: &ContainerId,
        inside: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>)> {
        let call = Call::get(path(id, "/archive"))
            .query("path", inside)
            .limit(Some(SLOW));
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| path_error(id, inside, failure))?;
        let stat = answer
            .header("x-docker-container-path-stat")
            .and_then(read_stat);
        let stat = stat.ok_or_else(|| EngineError::Unreadable {
            request: format!("GET {}", path(id, "/archive")),
            text: "it does not say what is at the path".into(),
        })?;
        Ok((
            stat,
            answer
                .pieces()
                .map(|piece| piece.map(|piece| piece.to_vec()))
                .boxed(),
        ))
    }

    // ---- output

    pub(super) async fn read_logs(
        &self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<Stream<LogEntry>> {
        let terminal = self.inspect(id).await?.spec.tty;
        let time = |time: &jiff::Timestamp| {
            format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
        };
        let call = Call::get(path(id, "/logs"))
            .query("follow", options.follow.to_string())
            .query("stdout", options.stdout.to_string())
            .query("stderr", options.stderr.to_string())
            .query("timestamps", "true")
            .query_opt("since", options.since.as_ref().map(time))
            .query_opt("until", options.until.as_ref().map(time))
            .query_opt("tail", options.tail.map(|tail| tail.to_string()));
        let answer = self
            .http
            .send(call)
            .await
            .map_err(|failure| About::container(id).error(failure))?;
        Ok(output::entries(answer.pieces(), terminal))
    }
}

/// The engine counts whole seconds; less than asked for would be a lie.
fn whole_secs(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn path_error(id: &ContainerId, inside: &str, failure: Failure) -> EngineError {
    match About::container(id).error(failure) {
        EngineError::NotFound {
            kind: ObjectKind::Container,
            ..
        } => EngineError::NotFound {
            kind: ObjectKind::Container,
            name: format!("{}:{inside}", id.0),
        },
        other => other,
    }
}

fn read_stat(header: &str) -> Option<PathStat> {
    use base64::Engine as _;
    /// Go's bit for folders.
    const FOLDER: u32 = 1 << 31;
    let json = base64::prelude::BASE64_STANDARD.decode(header).ok()?;
    let stat: Stat = serde_json::from_slice(&json).ok()?;
    Some(PathStat {
        name: stat.name,
        size_bytes: stat.size,
        is_folder: stat.mode & FOLDER != 0,
        mode: stat.mode & 0o777,
        link_target: said(stat.link_target),
    })
}
