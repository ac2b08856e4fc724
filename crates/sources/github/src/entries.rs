//! The entries of a commit, each compared with the id that the commit has for it.
//!
//! The bytes come from the archive, in which GitHub alters and leaves out what attributes say,
//! or from git's protocol, by ids. An entry of the archive is handed on where its path, its
//! kind and its mode are those of the commit; whether its bytes are, shows at its end. If
//! they are not, or it is not there, it comes again, or at last, by its id: a later entry for
//! a path wins. What is not in the commit is passed over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use workspace_core::{EntrySource, FileId, SourceEntry, SourceKind, Text, Timestamp, TreePath};

use crate::blobs::{Blob, Blobs, LargeBlob};
use crate::error::{Error, Kind, Result};
use crate::git::{ObjectHasher, ObjectId, ObjectKind, object_id};
use crate::lfs::{self, LfsFiles, Pointer};
use crate::remote::Remote;
use crate::report::Shared;
use crate::session::Attempts;
use crate::tarball::{TarKind, Tarball};
use crate::trees::{ItemKind, Listing, Unheld, Why, held_path};

/// Up to so many files are asked for by their ids rather than out of an archive.
const FEW: usize = 256;
/// Where an archive cannot be read, up to so many files are asked for by their ids.
const MAX_BY_ID: usize = 100_000;

/// Where the bytes of files come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Transfer {
    /// Few by their ids; many out of the archive, and by their ids what is not right there.
    #[default]
    Fitting,
    /// Out of the archive, and by their ids what is not right there.
    Archive,
    /// By their ids alone.
    Ids,
}

/// What entries are read of.
pub(crate) struct Wanted {
    pub(crate) remote: Remote,
    pub(crate) commit: ObjectId,
    /// The directory of the commit that is meant, without a slash before it.
    pub(crate) below: Vec<u8>,
    pub(crate) listing: Listing,
    pub(crate) time: Option<Timestamp>,
    pub(crate) removed: Vec<TreePath>,
    pub(crate) lazy: bool,
    pub(crate) lfs: bool,
    pub(crate) transfer: Transfer,
    pub(crate) shared: Arc<Shared>,
}

/// Entries of a commit, pulled by one caller.
pub(crate) struct Entries {
    wanted: Wanted,
    /// Which entries were handed on as the commit has them.
    done: Vec<bool>,
    /// Where the list is gone through.
    at: usize,
    phase: Phase,
    current: Current,
    pointers: Vec<(usize, Pointer)>,
    /// How often another archive is asked for, and a large file that broke off.
    archives: Attempts,
    large: Attempts,
}

enum Phase {
    Removed,
    /// What needs no bytes.
    Listed,
    Archive(Option<Box<Tarball>>, u32),
    Blobs(Box<ById>),
    Lfs(Box<LfsFiles>),
    End,
}

/// Files that are asked for by their ids, and where each belongs.
struct ById {
    blobs: Blobs,
    places: HashMap<ObjectId, VecDeque<usize>>,
    /// A file that is at several places, and those that are left.
    again: Option<(ObjectId, Bytes)>,
}

enum Current {
    Nothing,
    Whole(Option<Bytes>),
    Member { at: usize, hasher: ObjectHasher },
    Large { at: usize, blob: Box<LargeBlob> },
    Lfs,
}

impl Entries {
    pub(crate) fn new(wanted: Wanted) -> Self {
        Self {
            done: vec![false; wanted.listing.len()],
            at: 0,
            phase: Phase::Removed,
            current: Current::Nothing,
            pointers: Vec::new(),
            archives: wanted.remote.session.attempts(),
            large: wanted.remote.session.attempts(),
            wanted,
        }
    }

    async fn forward(&mut self) -> Result<Option<SourceEntry>> {
        // All of a member is compared, whoever wants its bytes.
        while !matches!(self.current, Current::Nothing) {
            if self.piece().await?.is_none() {
                self.current = Current::Nothing;
            }
        }
        loop {
            let found = match &mut self.phase {
                Phase::Removed => {
                    if let Some(path) = self.wanted.removed.pop() {
                        let kind = SourceKind::Removed;
                        return Ok(Some(SourceEntry { path, kind }));
                    }
                    self.phase = Phase::Listed;
                    None
                }
                Phase::Listed => self.listed()?,
                Phase::Archive(..) => self.member().await?,
                Phase::Blobs(_) => self.blob().await?,
                Phase::Lfs(_) => self.large_file().await?,
                Phase::End => return Ok(None),
            };
            if found.is_some() {
                return Ok(found);
            }
        }
    }

    /// Hands on what needs no bytes: directories, and files whose bytes stay where they are.
    fn listed(&mut self) -> Result<Option<SourceEntry>> {
        while self.at < self.done.len() {
            let at = self.at;
            self.at += 1;
            let listed = self.wanted.listing.get(at);
            let kind = match listed.kind {
                ItemKind::Directory => SourceKind::Directory,
                ItemKind::File { executable } if self.wanted.lazy => SourceKind::External {
                    id: file_id(&listed.id)?,
                    size: None,
                    executable,
                    modified: self.wanted.time,
                    media_type: None,
                },
                _ => continue,
            };
            let path = path_of(listed.path)?;
            self.done[at] = true;
            return Ok(Some(SourceEntry { path, kind }));
        }
        let left = self.left();
        let total = self.done.len();
        let by_id = match self.wanted.transfer {
            Transfer::Archive => false,
            Transfer::Ids => true,
            // A small part of a large commit is less by itself.
            Transfer::Fitting => left <= FEW || left <= total / 16,
        };
        self.phase = match by_id || left == 0 {
            true => self.by_id(),
            false => Phase::Archive(None, 0),
        };
        Ok(None)
    }

    fn left(&self) -> usize {
        self.done.iter().filter(|done| !**done).count()
    }

    /// Asks by their ids for what was not handed on.
    fn by_id(&self) -> Phase {
        let mut places: HashMap<_, VecDeque<usize>> = HashMap::new();
        let mut ids = Vec::new();
        for (at, _) in self.done.iter().enumerate().filter(|(_, done)| !**done) {
            let id = self.wanted.listing.get(at).id;
            let of_id = places.entry(id).or_default();
            if of_id.is_empty() {
                ids.push(id);
            }
            of_id.push_back(at);
        }
        Phase::Blobs(Box::new(ById {
            blobs: Blobs::new(&self.wanted.remote, ids),
            places,
            again: None,
        }))
    }

    /// Moves on in the archive; opens it again, or goes on without it, where it fails.
    async fn member(&mut self) -> Result<Option<SourceEntry>> {
        let Phase::Archive(tarball, _) = &mut self.phase else {
            return Ok(None);
        };
        let next = async {
            if tarball.is_none() {
                let opened = Tarball::open(&self.wanted.remote, &self.wanted.commit).await?;
                *tarball = Some(Box::new(opened));
            }
            match tarball {
                Some(tarball) => tarball.next().await,
                None => Ok(None),
            }
        };
        match next.await {
            Ok(Some(member)) => self.compare(&member.path, member.kind).await,
            Ok(None) => {
                self.wanted.shared.repaired(self.left());
                self.phase = self.by_id();
                Ok(None)
            }
            Err(error) => {
                self.archive_failed(error).await?;
                Ok(None)
            }
        }
    }

    /// Goes on after an archive has failed: with another, which is worth as many files as are
    /// still to come; or by ids.
    async fn archive_failed(&mut self, error: Error) -> Result<()> {
        let Phase::Archive(_, failures) = self.phase else {
            return Err(error);
        };
        let session = &self.wanted.remote.session;
        let retries = session.retries.attempts;
        let left = self.left();
        let few = left <= FEW && error.kind() != Kind::RateLimited;
        if !few && failures + 1 < retries {
            match self.archives.after(error).await {
                Ok(()) => self.phase = Phase::Archive(None, failures + 1),
                Err(error) if left > MAX_BY_ID => return Err(error),
                Err(error) if matches!(error.kind(), Kind::RateLimited | Kind::Denied) => {
                    return Err(error);
                }
                Err(_) => self.phase = self.by_id(),
            }
            return Ok(());
        }
        match left <= MAX_BY_ID && error.kind() != Kind::RateLimited {
            true => self.phase = self.by_id(),
            false => return Err(error),
        }
        Ok(())
    }

    /// Hands on a member of the archive, where the commit has one like it.
    async fn compare(&mut self, path: &[u8], kind: TarKind) -> Result<Option<SourceEntry>> {
        let below = &self.wanted.below;
        let Some(path) = path.strip_prefix(below.as_slice()) else {
            return Ok(None);
        };
        let path = match below.is_empty() {
            true => path,
            false => path.strip_prefix(b"/").unwrap_or_default(),
        };
        let Some(at) = self.wanted.listing.find(path).filter(|at| !self.done[*at]) else {
            return Ok(None);
        };
        let listed = self.wanted.listing.get(at);
        match (listed.kind, kind) {
            (ItemKind::Symlink, TarKind::Symlink(target)) => {
                match object_id(ObjectKind::Blob, &target)? == listed.id {
                    true => self.symlink(at, &target),
                    false => Ok(None),
                }
            }
            (ItemKind::File { executable: right }, TarKind::File { executable, size })
                if right == executable =>
            {
                if self.wanted.lfs && size <= lfs::MAX_POINTER {
                    return self.perhaps_pointer(at, size).await;
                }
                self.current = Current::Member {
                    at,
                    hasher: ObjectHasher::new(ObjectKind::Blob, size),
                };
                self.file(at, Some(size)).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// Looks into a small file before it is handed on: it may stand for another.
    async fn perhaps_pointer(&mut self, at: usize, size: u64) -> Result<Option<SourceEntry>> {
        let hasher = ObjectHasher::new(ObjectKind::Blob, size);
        self.current = Current::Member { at, hasher };
        let mut whole = Vec::new();
        while let Some(bytes) = self.piece().await? {
            whole.extend_from_slice(&bytes);
        }
        if !self.done[at] {
            return Ok(None);
        }
        if let Some(pointer) = Pointer::read(&whole) {
            self.pointers.push((at, pointer));
            return Ok(None);
        }
        self.current = Current::Whole(Some(whole.into()));
        self.file(at, Some(size)).map(Some)
    }

    fn file(&self, at: usize, size: Option<u64>) -> Result<SourceEntry> {
        let listed = self.wanted.listing.get(at);
        Ok(SourceEntry {
            path: path_of(listed.path)?,
            kind: SourceKind::File {
                size,
                executable: listed.kind == ItemKind::File { executable: true },
                modified: self.wanted.time,
                media_type: None,
                provenance: None,
            },
        })
    }

    /// Hands on a symlink, unless a tree of ours cannot hold where it points.
    fn symlink(&mut self, at: usize, target: &[u8]) -> Result<Option<SourceEntry>> {
        let listed = self.wanted.listing.get(at);
        self.done[at] = true;
        let target = str::from_utf8(target)
            .ok()
            .and_then(|text| Text::new(text).ok());
        let Some(target) = target else {
            self.wanted.shared.unheld(Unheld {
                path: listed.path.to_vec(),
                mode: listed.mode,
                id: listed.id,
                why: Why::Target,
            });
            return Ok(None);
        };
        let modified = self.wanted.time;
        Ok(Some(SourceEntry {
            path: path_of(listed.path)?,
            kind: SourceKind::Symlink { target, modified },
        }))
    }

    /// Hands on the next file that was asked for by its id.
    async fn blob(&mut self) -> Result<Option<SourceEntry>> {
        let Phase::Blobs(by_id) = &mut self.phase else {
            return Ok(None);
        };
        let (id, blob) = match by_id.again.take() {
            Some((id, bytes)) => (id, Blob::Whole(bytes)),
            None => match by_id.blobs.next().await? {
                Some(next) => next,
                None => {
                    self.phase = match self.pointers.is_empty() {
                        true => Phase::End,
                        false => {
                            let pointers = std::mem::take(&mut self.pointers);
                            Phase::Lfs(Box::new(LfsFiles::new(&self.wanted.remote, pointers)))
                        }
                    };
                    return Ok(None);
                }
            },
        };
        let places = by_id.places.get_mut(&id);
        let Some((at, more)) = places.and_then(|places| {
            let at = places.pop_front()?;
            Some((at, !places.is_empty()))
        }) else {
            return Ok(None);
        };
        let bytes = match blob {
            Blob::Whole(bytes) => {
                if more {
                    by_id.again = Some((id, bytes.clone()));
                }
                bytes
            }
            Blob::Large(blob) => {
                if more {
                    by_id.blobs.again(id);
                }
                if self.wanted.listing.get(at).kind == ItemKind::Symlink {
                    return self.symlink(at, &[]);
                }
                let size = blob.size;
                self.current = Current::Large { at, blob };
                return self.file(at, Some(size)).map(Some);
            }
        };
        if self.wanted.listing.get(at).kind == ItemKind::Symlink {
            return self.symlink(at, &bytes);
        }
        self.done[at] = true;
        if self.wanted.lfs
            && let Some(pointer) = Pointer::read(&bytes)
        {
            self.pointers.push((at, pointer));
            return Ok(None);
        }
        let size = bytes.len() as u64;
        self.current = Current::Whole(Some(bytes));
        self.file(at, Some(size)).map(Some)
    }

    /// Hands on the next file that a pointer stood for.
    async fn large_file(&mut self) -> Result<Option<SourceEntry>> {
        let Phase::Lfs(files) = &mut self.phase else {
            return Ok(None);
        };
        let Some((at, size)) = files.next().await? else {
            self.phase = Phase::End;
            return Ok(None);
        };
        let listed = self.wanted.listing.get(at);
        self.wanted.shared.unheld(Unheld {
            path: listed.path.to_vec(),
            mode: listed.mode,
            id: listed.id,
            why: Why::Lfs,
        });
        self.current = Current::Lfs;
        self.file(at, Some(size)).map(Some)
    }

    /// Returns the next bytes of the current file.
    async fn piece(&mut self) -> Result<Option<Bytes>> {
        match (&mut self.current, &mut self.phase) {
            (Current::Nothing, _) => Ok(None),
            (Current::Whole(bytes), _) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                if bytes.is_none() {
                    self.current = Current::Nothing;
                }
                Ok(bytes)
            }
            (Current::Large { at, blob }, phase) => {
                let at = *at;
                match blob.chunk().await {
                    Ok(Some(bytes)) => return Ok(Some(bytes)),
                    Ok(None) => self.done[at] = true,
                    // What was handed on of it is not the file, which comes again.
                    Err(error) => {
                        let id = self.wanted.listing.get(at).id;
                        self.large.after(error).await?;
                        if let Phase::Blobs(by_id) = phase {
                            by_id.places.entry(id).or_default().push_back(at);
                            by_id.blobs.again(id);
                        }
                    }
                }
                self.current = Current::Nothing;
                Ok(None)
            }
            (Current::Lfs, Phase::Lfs(files)) => {
                let chunk = files.chunk().await?;
                if chunk.is_none() {
                    self.current = Current::Nothing;
                }
                Ok(chunk)
            }
            (Current::Member { hasher, .. }, Phase::Archive(Some(tarball), _)) => {
                match tarball.chunk().await {
                    Ok(Some(bytes)) => {
                        hasher.update(&bytes);
                        Ok(Some(bytes))
                    }
                    Ok(None) => {
                        self.end_of_member()?;
                        Ok(None)
                    }
                    // What was handed on of it is not the file, which comes again.
                    Err(error) => {
                        self.current = Current::Nothing;
                        self.archive_failed(error).await?;
                        Ok(None)
                    }
                }
            }
            (Current::Member { .. } | Current::Lfs, _) => {
                self.current = Current::Nothing;
                Ok(None)
            }
        }
    }

    fn end_of_member(&mut self) -> Result<()> {
        let Current::Member { at, hasher } = std::mem::replace(&mut self.current, Current::Nothing)
        else {
            return Ok(());
        };
        self.done[at] = hasher.finish()? == Some(self.wanted.listing.get(at).id);
        Ok(())
    }
}

impl EntrySource for Entries {
    fn next(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<SourceEntry>>> {
        async {
            let next = self.forward().await;
            Ok(next.map_err(|error| self.wanted.remote.session.dated(error))?)
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, workspace_core::Result<Option<Bytes>>> {
        async {
            let piece = self.piece().await;
            Ok(piece.map_err(|error| self.wanted.remote.session.dated(error))?)
        }
        .boxed()
    }
}

/// Returns a path that was listed since it is one of ours.
fn path_of(path: &[u8]) -> Result<TreePath> {
    held_path(path).ok_or_else(|| Error::malformed("list entries", "a path that is none"))
}

/// Returns the id by which a file can be read later.
pub(crate) fn file_id(id: &ObjectId) -> Result<FileId> {
    FileId::new(Bytes::copy_from_slice(id.as_bytes()))
        .map_err(|error| Error::invalid("name file", error.to_string()))
}
