//! Directories and archives as sources that resolve to a snapshot.

use std::fmt;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::channel::oneshot;
use futures::future::{BoxFuture, ready};
use sha2::{Digest as _, Sha256};
use workspace_core::{
    EntriesOptions, EntrySource, Error, ErrorKind, Failure, FileBodies, FileId, MAX_VERSION,
    Reason, Result, Selected, Snapshot, SnapshotId, Source, Text,
};

use super::{DirectorySource, SourceOptions, list, open_archive, open_file, source_error};

/// A directory or an archive on this machine.
///
/// The version of an archive is the SHA-256 of its bytes; that of a directory one of the
/// names, kinds, sizes, times and executable bits of what is in it. A directory is not held still: of what
/// changes afterwards its snapshot reads what is there then, and no file that changes while
/// it is read.
#[derive(Debug, Clone)]
pub struct PathSource {
    path: PathBuf,
    options: SourceOptions,
}

impl PathSource {
    /// Takes the directory or the archive at `path`. Reads nothing yet.
    pub fn new(path: impl Into<PathBuf>, options: SourceOptions) -> Self {
        Self {
            path: path.into(),
            options,
        }
    }
}

impl Source for PathSource {
    fn resolve<'a>(
        &'a self,
        reference: Option<&'a str>,
    ) -> BoxFuture<'a, Result<Arc<dyn Snapshot>>> {
        if let Some(reference) = reference {
            return ready(Err(no_reference(reference))).boxed();
        }
        let Self { path, options } = self.clone();
        let resolve = move || -> Result<Arc<dyn Snapshot>> {
            let shown = path.display().to_string();
            let whole = fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
            let identity = whole.display().to_string();
            if path.is_dir() {
                let version = hex(&directory_version(&path, &options)?);
                let id =
                    SnapshotId::new("directory", &identity.escape_debug().to_string(), &version)?;
                let place = Place::Directory(path);
                return Ok(Arc::new(LocalSnapshot { id, place, options }));
            }
            let mut file = open_file(&path)?;
            let failed = |cause| source_error(&shown, cause);
            let before = file.metadata().map_err(failed)?;
            if !before.is_file() {
                return Err(Error::new(ErrorKind::Unsupported, "resolve source")
                    .at(&shown)
                    .because("what can be read once has no version"));
            }
            let version = hex(&version_of(&mut file).map_err(failed)?);
            let id = SnapshotId::new("archive", &identity.escape_debug().to_string(), &version)?;
            let place = Place::Archive(path, stamp(&before));
            Ok(Arc::new(LocalSnapshot { id, place, options }))
        };
        beside(resolve)
    }
}

/// What is read of a directory, an archive, or a download of one.
pub(super) enum Place {
    Directory(PathBuf),
    /// With what it was when its version was made.
    Archive(PathBuf, Stamp),
    /// A file of our own, and how it was called where it came from.
    Download(tempfile::NamedTempFile, PathBuf),
}

/// Size and time of a file.
type Stamp = (u64, Option<std::time::SystemTime>);

fn stamp(metadata: &Metadata) -> Stamp {
    (metadata.len(), metadata.modified().ok())
}

/// A snapshot whose entries are read from this machine.
pub(super) struct LocalSnapshot {
    pub(super) id: SnapshotId,
    pub(super) place: Place,
    pub(super) options: SourceOptions,
}

impl fmt::Debug for LocalSnapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalSnapshot")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl LocalSnapshot {
    fn open(&self) -> Result<Box<dyn EntrySource>> {
        match &self.place {
            Place::Directory(path) => Ok(Box::new(DirectorySource::open(path, &self.options)?)),
            Place::Archive(path, before) => {
                let shown = path.display().to_string();
                let file = open_file(path)?;
                let now = file
                    .metadata()
                    .map_err(|cause| source_error(&shown, cause))?;
                if stamp(&now) != *before {
                    return Err(Error::source_failed(Failure::Altered, "read source")
                        .at(shown)
                        .because("it changed after its version was made"));
                }
                Ok(open_archive(file, shown, path, &self.options)?.0)
            }
            Place::Download(file, named) => {
                let shown = self.id.identity.to_string();
                let file = file.reopen().map_err(|cause| source_error(&shown, cause))?;
                Ok(open_archive(file, shown, named, &self.options)?.0)
            }
        }
    }
}

impl Snapshot for LocalSnapshot {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn entries<'a>(
        &'a self,
        options: EntriesOptions,
    ) -> BoxFuture<'a, Result<Box<dyn EntrySource>>> {
        let opened = self.open();
        let opened = opened.map(|source| Box::new(Selected::new(source, options)) as _);
        ready(opened).boxed()
    }

    fn changes<'a>(
        &'a self,
        _since: &'a Text<MAX_VERSION>,
        _options: EntriesOptions,
    ) -> BoxFuture<'a, Result<Option<Box<dyn EntrySource>>>> {
        ready(Ok(None)).boxed()
    }

    fn read<'a>(&'a self, _files: &'a [FileId]) -> BoxFuture<'a, Result<Box<dyn FileBodies>>> {
        ready(Err(Error::new(ErrorKind::Unsupported, "read source")
            .at(&self.id)
            .because("its files have no ids")))
        .boxed()
    }

    fn unheld<'a>(&'a self, _options: EntriesOptions) -> BoxFuture<'a, Result<Option<Bytes>>> {
        ready(Ok(None)).boxed()
    }
}

/// Runs `work`, which waits for the disk, on a thread of its own.
fn beside<T: Send + 'static>(
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> BoxFuture<'static, Result<T>> {
    let (done, ended) = oneshot::channel();
    let run = move || drop(done.send(work()));
    let started = thread::Builder::new()
        .name("workspace-source".into())
        .spawn(run);
    async move {
        started.map_err(|cause| source_error("reading thread", cause))?;
        ended.await.unwrap_or_else(|_| {
            Err(Error::new(ErrorKind::Source, "read source")
                .because("the reading thread has ended"))
        })
    }
    .boxed()
}

/// A path and a URL mean themselves.
pub(super) fn no_reference(reference: &str) -> Error {
    Error::invalid(Reason::MalformedArgument, "resolve source")
        .at(reference.escape_debug())
        .because("this source has no references")
}

fn directory_version(path: &Path, options: &SourceOptions) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    // What is left out is counted when it is read.
    let options = options.clone().left_out(Arc::default());
    for (entry, kind) in list(path, &options)? {
        let on_disk = path.join(entry.as_str().trim_start_matches('/'));
        let found = fs::symlink_metadata(&on_disk)
            .map_err(|cause| source_error(on_disk.display(), cause))?;
        hash.update(entry.as_str());
        hash.update([0]);
        hash.update(kind.to_string());
        let (size, modified) = match kind {
            workspace_core::EntryKind::Directory => (0, None),
            _ => stamp(&found),
        };
        hash.update(size.to_le_bytes());
        let since = modified.and_then(|at| at.duration_since(std::time::UNIX_EPOCH).ok());
        hash.update(since.unwrap_or_default().as_nanos().to_le_bytes());
        hash.update([
            u8::from(found.permissions().readonly()),
            u8::from(
                kind == workspace_core::EntryKind::File && super::directory::executable(&found),
            ),
        ]);
    }
    Ok(hash.finalize().into())
}

fn version_of(reader: &mut impl Read) -> io::Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(hash.finalize().into()),
            Ok(read) => hash.update(&buffer[..read]),
            Err(cause) if cause.kind() == io::ErrorKind::Interrupted => {}
            Err(cause) => return Err(cause),
        }
    }
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
