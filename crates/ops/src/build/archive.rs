//! The files of a folder as an archive, read while it is sent.
//!
//! Names come in the order of their bytes, everything belongs to root, modes and times are kept, so the same files
//! always give the same archive. Symbolic links stay links. Sockets, pipes and devices are left out. What is in
//! memory is a few pieces, however big a file is.

use std::fs::Metadata;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use bowline_engine::TarStream;
use futures_util::{Stream, StreamExt as _, stream};
use tar::{EntryType, Header};
use tokio::sync::mpsc;

use super::files::{self, FileError};
use super::ignore::Verdict;
use super::source::Folder;

/// Bytes of a piece.
const PIECE: usize = 64 * 1024;

/// How many pieces wait for the engine.
const PIECES: usize = 4;

/// Something that is sent.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its path within the folder.
    path: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Folder(Metadata),
    File,
    Link(Metadata, PathBuf),
}

/// Lists what is sent of a folder, each folder before what is in it.
pub(super) fn list(folder: &Folder) -> Result<Vec<Entry>, FileError> {
    let mut found = Vec::new();
    walk(folder, Path::new(""), &Verdict::default(), &mut found)?;
    Ok(found)
}

fn walk(
    folder: &Folder,
    below: &Path,
    of_it: &Verdict,
    found: &mut Vec<Entry>,
) -> Result<(), FileError> {
    for (name, metadata) in files::list(&folder.root.join(below))? {
        let path = below.join(name);
        let shown = path.to_string_lossy();
        let is_replaced = folder.instead.iter().any(|(name, _)| *name == shown);
        let verdict = folder.rules.judge(&shown, of_it);
        let is_out = verdict.is_out && !folder.needs(&shown);
        let kind = metadata.file_type();
        if kind.is_dir() {
            let may_be_in = folder.rules.may_take_in_below(&shown) || folder.needs_below(&shown);
            if is_out && !may_be_in {
                continue;
            }
            let before = found.len();
            found.push(Entry {
                path: path.clone(),
                kind: Kind::Folder(metadata),
            });
            walk(folder, &path, &verdict, found)?;
            if is_out && found.len() == before + 1 {
                found.pop();
            }
        } else if kind.is_symlink() && !is_out && !is_replaced {
            let target = files::link(&folder.root.join(&path))?;
            let kind = Kind::Link(metadata, target);
            found.push(Entry { path, kind });
        } else if kind.is_file() && !is_out && !is_replaced {
            let kind = Kind::File;
            found.push(Entry { path, kind });
        }
    }
    Ok(())
}

/// Sends a folder, which is read from the moment on at which the first piece is asked for. An error ends the stream;
/// dropping it ends the reading.
pub(super) fn send(folder: Folder, entries: Vec<Entry>) -> TarStream {
    stream::once(async move { read(folder, entries) })
        .flatten()
        .boxed()
}

fn read(folder: Folder, entries: Vec<Entry>) -> impl Stream<Item = io::Result<Vec<u8>>> {
    let (sender, receiver) = mpsc::channel(PIECES);
    tokio::task::spawn_blocking(move || {
        let pipe = Pipe {
            sender: sender.clone(),
            piece: Vec::with_capacity(PIECE),
        };
        if let Err(error) = write(&folder, &entries, pipe) {
            // Nobody listens any more where the build was given up.
            let _ = sender.blocking_send(Err(error));
        }
    });
    stream::unfold(receiver, |mut receiver| async {
        let piece = receiver.recv().await?;
        Some((piece, receiver))
    })
}

fn write(folder: &Folder, entries: &[Entry], into: impl Write) -> io::Result<()> {
    let mut archive = tar::Builder::new(into);
    for (name, contents) in &folder.instead {
        let mut header = header(EntryType::Regular, 0o600, 0);
        header.set_size(contents.len() as u64);
        archive.append_data(&mut header, name, contents.as_slice())?;
    }
    for entry in entries {
        let of = |kind, metadata: &Metadata| header(kind, metadata.mode(), metadata.mtime());
        match &entry.kind {
            Kind::Folder(metadata) => {
                let mut header = of(EntryType::Directory, metadata);
                archive.append_data(&mut header, entry.path.join(""), io::empty())?;
            }
            Kind::Link(metadata, target) => {
                let mut header = of(EntryType::Symlink, metadata);
                archive.append_link(&mut header, &entry.path, target)?;
            }
            Kind::File => {
                let path = folder.root.join(&entry.path);
                append_file(&mut archive, &entry.path, &path)?;
            }
        }
    }
    archive.into_inner()?.flush()
}

fn append_file(archive: &mut tar::Builder<impl Write>, name: &Path, path: &Path) -> io::Result<()> {
    let file = files::open(path).map_err(io::Error::other)?;
    let before = file.metadata()?;
    let mut header = header(EntryType::Regular, before.mode(), before.mtime());
    header.set_size(before.len());
    archive.append_data(&mut header, name, whole(&file, before.len(), path))?;
    let after = file.metadata()?;
    let look = |metadata: &Metadata| (metadata.len(), metadata.mtime(), metadata.mtime_nsec());
    if look(&before) == look(&after) {
        Ok(())
    } else {
        Err(io::Error::other(FileError::Changed(path.to_owned())))
    }
}

fn header(kind: EntryType, mode: u32, modified: i64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode & 0o7777);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(u64::try_from(modified).unwrap_or_default());
    header
}

/// A file that has to be as long as its header says. What comes behind that is not read.
pub(super) fn whole<R: Read>(file: R, left: u64, path: &Path) -> impl Read {
    Whole { file, left, path }
}

struct Whole<'a, R> {
    file: R,
    left: u64,
    path: &'a Path,
}

impl<R: Read> Read for Whole<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        if most == 0 {
            return Ok(0);
        }
        let read = self.file.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::other(FileError::Changed(self.path.to_owned())));
        }
        self.left -= read as u64;
        Ok(read)
    }
}

/// Hands on what is written, in pieces.
struct Pipe {
    sender: mpsc::Sender<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        let sent = self.sender.blocking_send(Ok(piece));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
