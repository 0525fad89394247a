//! Small tar archives: files into a container, one file out of it.

use std::io::Read;

use futures_util::StreamExt;

use crate::{EngineError, FileToPut, PathHead, PathStat, Stream, TarStream, tar_of};

/// An archive of files, to be unpacked at `/`.
///
/// # Errors
///
/// [`EngineError::BadRequest`] where a path is not the absolute path of a file.
pub fn archive_of(files: &[FileToPut]) -> Result<TarStream, EngineError> {
    pack(files).map(tar_of)
}

/// Packs files into an archive to be unpacked at `/`.
pub(crate) fn pack(files: &[FileToPut]) -> Result<Vec<u8>, EngineError> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let Some(path) = file
            .path
            .strip_prefix('/')
            .filter(|path| !path.is_empty() && !path.ends_with('/'))
        else {
            return Err(EngineError::BadRequest {
                text: format!("`{}` is not the absolute path of a file", file.path),
            });
        };
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(file.contents.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(u64::from(file.uid));
        header.set_gid(u64::from(file.gid));
        header.set_mtime(file.modified_secs);
        archive
            .append_data(&mut header, path, file.contents.as_slice())
            .map_err(|error| EngineError::BadRequest {
                text: format!("`{}` cannot be packed: {error}", file.path),
            })?;
    }
    archive
        .into_inner()
        .map_err(|error| EngineError::BadRequest {
            text: error.to_string(),
        })
}

/// Reads the first entry of an archive, which has to be a plain file; at most `limit` bytes of it.
pub(crate) async fn first_file(
    archive: Stream<Vec<u8>>,
    path: &str,
    limit: usize,
) -> Result<Vec<u8>, EngineError> {
    let first = first_entry(archive, path, limit).await?;
    first.bytes.ok_or_else(|| EngineError::BadRequest {
        text: format!("`{path}` is not a plain file"),
    })
}

/// Reads what the first entry of an archive is, and the first `limit` bytes of it where that is a plain file.
pub(crate) async fn head(
    stat: PathStat,
    archive: Stream<Vec<u8>>,
    path: &str,
    limit: usize,
) -> Result<PathHead, EngineError> {
    let First {
        header,
        bytes,
        is_alone,
    } = first_entry(archive, path, limit).await?;
    let number = |value: std::io::Result<u64>| {
        let value = value.ok().and_then(|value| u32::try_from(value).ok());
        value.unwrap_or_default()
    };
    Ok(PathHead {
        uid: number(header.uid()),
        gid: number(header.gid()),
        modified_secs: header
            .mtime()
            .ok()
            .and_then(|secs| i64::try_from(secs).ok())
            .unwrap_or_default(),
        is_empty_folder: stat.is_folder && is_alone,
        bytes,
        stat,
    })
}

/// The first entry of an archive.
struct First {
    header: tar::Header,
    /// Its first bytes, where it is a plain file.
    bytes: Option<Vec<u8>>,
    /// Whether no other entry follows.
    is_alone: bool,
}

/// The first entry of an archive; its first `limit` bytes where it is a plain file. No more is taken from the stream
/// than that needs.
async fn first_entry(
    mut archive: Stream<Vec<u8>>,
    path: &str,
    limit: usize,
) -> Result<First, EngineError> {
    // Headers of an archive with one file are at most a few blocks, long names included.
    const HEADERS: usize = 16 * 1024;
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        bytes.extend_from_slice(&piece?);
        if bytes.len() >= limit.saturating_add(HEADERS) {
            break;
        }
    }
    let unreadable = |error: std::io::Error| EngineError::Unreadable {
        request: format!("the archive of `{path}`"),
        text: error.to_string(),
    };
    let mut archive = tar::Archive::new(bytes.as_slice());
    let mut entries = archive.entries().map_err(unreadable)?;
    let Some(entry) = entries.next() else {
        return Err(unreadable(std::io::Error::other("it is empty")));
    };
    let entry = entry.map_err(unreadable)?;
    let header = entry.header().clone();
    if !header.entry_type().is_file() {
        return Ok(First {
            header,
            bytes: None,
            is_alone: entries.next().is_none(),
        });
    }
    let mut contents = Vec::new();
    entry
        .take(limit as u64)
        .read_to_end(&mut contents)
        .map_err(unreadable)?;
    Ok(First {
        header,
        bytes: Some(contents),
        is_alone: true,
    })
}

/// The caller's archive cannot be read to its end.
pub(crate) fn unreadable(why: &str) -> EngineError {
    EngineError::BadRequest {
        text: format!("the archive cannot be read: {why}"),
    }
}

/// Unpacks the plain files of an archive; their paths begin with a slash.
pub(crate) async fn unpack(mut archive: TarStream) -> Result<Vec<FileToPut>, EngineError> {
    let broken = |error: std::io::Error| unreadable(&error.to_string());
    let mut bytes = Vec::new();
    while let Some(piece) = archive.next().await {
        bytes.extend(piece.map_err(broken)?);
    }
    let mut files = Vec::new();
    for entry in tar::Archive::new(bytes.as_slice())
        .entries()
        .map_err(broken)?
    {
        let mut entry = entry.map_err(broken)?;
        if !entry.header().entry_type().is_file() {
            continue;
        }
        let path = format!("/{}", entry.path().map_err(broken)?.display());
        let header = entry.header();
        let number =
            |value: std::io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
        let mut file = FileToPut {
            path,
            contents: Vec::new(),
            mode: header.mode().map_err(broken)?,
            uid: number(header.uid()).unwrap_or_default(),
            gid: number(header.gid()).unwrap_or_default(),
            modified_secs: header.mtime().map_err(broken)?,
        };
        entry.read_to_end(&mut file.contents).map_err(broken)?;
        files.push(file);
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, contents: &[u8]) -> FileToPut {
        FileToPut {
            path: path.into(),
            contents: contents.into(),
            mode: 0o440,
            uid: 999,
            gid: 998,
            modified_secs: 0,
        }
    }

    #[tokio::test]
    async fn what_is_packed_is_read_back_up_to_the_limit() {
        let long = format!("/{}/x", "folder/".repeat(30));
        let packed = pack(&[file(&long, b"hunter2")]).unwrap();
        let stream = || -> Stream<Vec<u8>> {
            let pieces: Vec<_> = packed.chunks(100).map(|piece| Ok(piece.to_vec())).collect();
            Box::pin(futures_util::stream::iter(pieces))
        };
        assert_eq!(first_file(stream(), &long, 100).await.unwrap(), b"hunter2");
        assert_eq!(first_file(stream(), &long, 3).await.unwrap(), b"hun");
    }

    #[test]
    fn a_relative_path_is_refused_and_contents_stay_out_of_debug() {
        assert!(matches!(
            pack(&[file("run/x", b"")]),
            Err(EngineError::BadRequest { .. })
        ));
        assert!(!format!("{:?}", file("/x", b"hunter2")).contains("hunter2"));
    }
}
