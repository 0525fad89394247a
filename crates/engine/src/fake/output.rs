//! What comes out of the fake's containers: logs and files.

use bowline_model::{ContainerId, ObjectKind};
use futures_util::{StreamExt, stream};
use tokio::sync::mpsc;

use super::world::{World, not_found};
use crate::{EngineError, FileToPut, LogEntry, LogOptions, OutputSource, PathStat, Stream};

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

    pub(super) fn get(
        &mut self,
        id: &ContainerId,
        path: &str,
    ) -> Result<(PathStat, Stream<Vec<u8>>), EngineError> {
        let container = self.container(id)?;
        let file = container.files.get(path).cloned();
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
