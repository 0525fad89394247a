//! What comes out of the fake's containers: logs and files.

use bowline_model::{ContainerId, ObjectKind};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::world::{World, not_found};
use crate::{
    Attached, EngineError, FileToPut, LogEntry, LogOptions, OutputChunk, OutputSource, PathStat,
    Stream,
};

/// How much of its input a main process holds back while nobody reads.
const PIPE: usize = 64 * 1024;

/// Turns a receiver into a stream.
pub(super) fn stream_of<T: Send + 'static>(receiver: mpsc::UnboundedReceiver<T>) -> Stream<T> {
    Box::pin(stream::unfold(receiver, |mut receiver| async move {
        receiver.recv().await.map(|item| (Ok(item), receiver))
    }))
}

impl World {
    pub(super) fn logs(
        &mut self,
        id: &ContainerId,
        options: &LogOptions,
    ) -> Result<Stream<LogEntry>, EngineError> {
        let container = self.container(id)?;
        let wanted = {
            let options = options.clone();
            move |entry: &LogEntry| {
                let source = match entry.source {
                    OutputSource::Stdout | OutputSource::Terminal => options.stdout,
                    OutputSource::Stderr => options.stderr,
                };
                source
                    && options.since.is_none_or(|since| entry.at >= since)
                    && options.until.is_none_or(|until| entry.at < until)
            }
        };
        let mut past: Vec<LogEntry> = container
            .log
            .iter()
            .filter(|entry| wanted(entry))
            .cloned()
            .collect();
        if let Some(tail) = options.tail {
            let skip = past
                .len()
                .saturating_sub(usize::try_from(tail).unwrap_or(usize::MAX));
            past.drain(..skip);
        }
        let past = stream::iter(past.into_iter().map(Ok));
        if !options.follow || !container.is_running() {
            return Ok(past.boxed());
        }
        let (sender, receiver) = mpsc::unbounded_channel();
        container.log_readers.push(sender);
        let future = stream_of(receiver).filter(move |entry| {
            let keep = entry.as_ref().is_ok_and(&wanted);
            async move { keep }
        });
        Ok(past.chain(future).boxed())
    }

    pub(super) fn put(
        &mut self,
        id: &ContainerId,
        folder: &str,
        files: Vec<FileToPut>,
    ) -> Result<(), EngineError> {
        let container = self.container(id)?;
        if container.spec.security.read_only {
            return Err(EngineError::ReadOnly {
                container: id.0.clone(),
            });
        }
        let below = folder.trim_end_matches('/');
        if !below.is_empty()
            && !container
                .files
                .keys()
                .any(|path| path.starts_with(&format!("{below}/")))
        {
            return Err(not_found(
                ObjectKind::Container,
                &format!("{}:{folder}", id.0),
            ));
        }
        for file in files {
            let path = format!("{below}{}", file.path);
            container
                .files
                .insert(path.clone(), FileToPut { path, ..file });
        }
        Ok(())
    }

    fn file_of_image(&self, image: &str, path: &str) -> Option<FileToPut> {
        let path = self.files_of_images.get(image)?.get(path)?;
        Some(FileToPut {
            path: path.clone(),
            contents: Vec::new(),
            mode: 0o755,
            uid: 0,
            gid: 0,
            modified_secs: 0,
        })
    }

    /// The streams of a main process. It reads its input to the end, and then ends with 0.
    pub(super) fn attach(&mut self, id: &ContainerId) -> Result<Attached, EngineError> {
        let container = self.container(id)?;
        let (sender, receiver) = mpsc::unbounded_channel();
        container.log_readers.push(sender);
        let (near, mut far) = tokio::io::duplex(PIPE);
        let ends = container.spec.stdin_open && container.spec.stdin_once;
        let (this, id) = (self.this.clone(), id.clone());
        tokio::spawn(async move {
            // However the other end goes, that is the end of the input.
            let _ = tokio::io::copy(&mut far, &mut tokio::io::sink()).await;
            if let Some(shared) = this.upgrade().filter(|_| ends) {
                shared.change(|world| {
                    if world.container(&id).is_ok_and(|one| one.is_running()) {
                        world.end(&id, 0, false);
                    }
                });
            }
        });
        let output = stream_of(receiver).map(|entry: Result<LogEntry, _>| {
            entry.map(|mut entry| {
                entry.bytes.push(b'\n');
                OutputChunk {
                    source: entry.source,
                    bytes: entry.bytes,
                }
            })
        });
        Ok(Attached {
            input: Box::new(near),
            output: output.boxed(),
        })
    }

    pub(super) fn get(
        &mut self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>), EngineError> {
        let container = self.container(id)?;
        let own = container.files.get(path).cloned();
        let image = container.spec.image.clone();
        let file = own.or_else(|| self.file_of_image(&image, path));
        let file =
            file.ok_or_else(|| not_found(ObjectKind::Container, &format!("{}:{path}", id.0)))?;
        let name = path.rsplit('/').next().unwrap_or(path).to_owned();
        let stat = PathStat {
            name: name.clone(),
            size_bytes: file.contents.len() as u64,
            is_folder: false,
            mode: file.mode,
            link_target: None,
        };
        let packed = crate::archive::pack(&[FileToPut {
            path: format!("/{name}"),
            ..file
        }])?;
        Ok((stat, stream::once(async move { Ok(packed) }).boxed()))
    }
}
