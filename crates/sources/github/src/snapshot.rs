//! A commit of a repository, as a snapshot of a source.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use futures::lock::Mutex;
use workspace_core::{
    EntriesOptions, EntrySource, FileBodies, FileId, MAX_READ, MAX_UNHELD, MAX_VERSION, Snapshot,
    SnapshotId, Text, TreePath,
};

use crate::bodies::Bodies;
use crate::entries::{Entries, Transfer, Wanted};
use crate::error::{Error, Kind, Result};
use crate::git::ObjectId;
use crate::remote::Remote;
use crate::report::Shared;
use crate::trees::{ItemKind, Listing, Trees, Unheld, held_path, unheld_lines};

/// A commit, or a directory of it. Its directories are fetched when they are first needed,
/// and kept.
pub struct GitHubSnapshot {
    id: SnapshotId,
    remote: Remote,
    commit: ObjectId,
    /// Whether GitHub has said that the commit is there.
    known: bool,
    lfs: bool,
    transfer: Transfer,
    trees: Mutex<Option<Arc<Trees>>>,
    shared: Arc<Shared>,
}

impl std::fmt::Debug for GitHubSnapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "GitHubSnapshot({})", self.id)
    }
}

impl GitHubSnapshot {
    pub(crate) fn new(
        id: SnapshotId,
        remote: Remote,
        commit: ObjectId,
        known: bool,
        (lfs, transfer): (bool, Transfer),
    ) -> Self {
        Self {
            id,
            remote,
            commit,
            known,
            lfs,
            transfer,
            trees: Mutex::new(None),
            shared: Arc::default(),
        }
    }

    /// Returns the commit.
    pub fn commit(&self) -> ObjectId {
        self.commit
    }

    /// Returns the id of the tree of the commit, or of the directory of it that is meant.
    ///
    /// # Errors
    /// `NotFound` where there is no such commit or directory; those of the network.
    pub async fn tree(&self) -> Result<ObjectId> {
        let trees = self.trees().await?;
        trees.at(&trees.commit(&self.commit)?.tree, &self.id.path)
    }

    /// Returns what is not, or not exactly, in a tree of ours, for what was asked for, by
    /// path; after the entries were read to their end also what showed only then.
    ///
    /// # Errors
    /// As for [`tree`](Self::tree).
    pub async fn inexact(&self, options: &EntriesOptions) -> Result<Vec<Unheld>> {
        let (mut all, _) = self.shared.found();
        all.extend(self.listing(options).await?.unheld);
        all.sort_by(|one, other| (&one.path, one.why).cmp(&(&other.path, other.why)));
        Ok(all)
    }

    /// Returns how many files the archive did not have as the commit has them, the last time
    /// that it was read.
    pub fn repaired(&self) -> usize {
        self.shared.found().1
    }

    pub(crate) async fn trees(&self) -> Result<Arc<Trees>> {
        let mut kept = self.trees.lock().await;
        if let Some(trees) = &*kept {
            return Ok(Arc::clone(trees));
        }
        let fetched = Trees::fetch(&self.remote, &[self.commit], self.known).await?;
        let trees = Arc::new(fetched);
        *kept = Some(Arc::clone(&trees));
        Ok(trees)
    }

    async fn listing(&self, options: &EntriesOptions) -> Result<Listing> {
        let trees = self.trees().await?;
        let root = trees.at(&trees.commit(&self.commit)?.tree, &self.id.path)?;
        trees.list(&root, options, &self.remote.limits)
    }

    fn wanted(&self, listing: Listing, trees: &Trees, options: &EntriesOptions) -> Wanted {
        Wanted {
            remote: self.remote.clone(),
            commit: self.commit,
            below: self.id.path.as_str().as_bytes()[1..].to_vec(),
            listing,
            time: trees.time(&self.commit),
            removed: Vec::new(),
            lazy: options.lazy,
            lfs: self.lfs,
            transfer: self.transfer,
            shared: Arc::clone(&self.shared),
        }
    }

    async fn read_entries(&self, options: EntriesOptions) -> Result<Box<dyn EntrySource>> {
        let listing = self.listing(&options).await?;
        let trees = self.trees().await?;
        Ok(Box::new(Entries::new(
            self.wanted(listing, &trees, &options),
        )))
    }

    /// Compares with another commit, whose directories are fetched with those of this one.
    async fn read_changes(
        &self,
        since: &Text<MAX_VERSION>,
        options: EntriesOptions,
    ) -> Result<Option<Box<dyn EntrySource>>> {
        let Some(since) = ObjectId::parse(since.as_str()) else {
            return Ok(None);
        };
        let trees = Trees::fetch(&self.remote, &[self.commit, since], false).await;
        let trees = match trees {
            Ok(trees) => Arc::new(trees),
            // It was rewritten, and is gone: all is read.
            Err(error) if error.kind() == Kind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        *self.trees.lock().await = Some(Arc::clone(&trees));
        let root = trees.at(&trees.commit(&self.commit)?.tree, &self.id.path)?;
        let limits = &self.remote.limits;
        let mut listing = trees.list(&root, &options, limits)?;
        let old = match trees.at(&trees.commit(&since)?.tree, &self.id.path) {
            Ok(old) => trees.list(&old, &options, limits)?,
            // The directory was not there.
            Err(_) => return Ok(None),
        };
        let removed = gone(&listing, &old);
        listing.retain(|listed| {
            let before = old.find(listed.path).map(|at| old.get(at));
            before.is_none_or(|before| (before.kind, before.id) != (listed.kind, listed.id))
        });
        let mut wanted = self.wanted(listing, &trees, &options);
        wanted.removed = removed;
        Ok(Some(Box::new(Entries::new(wanted))))
    }
}

/// Returns the paths that are there no more: of a directory that is gone, that alone. Where a
/// directory has become a file, or the other way around, what was there gives way to what is.
fn gone(now: &Listing, before: &Listing) -> Vec<TreePath> {
    let mut directories: HashSet<&[u8]> = HashSet::new();
    for listed in now.iter() {
        let mut path = listed.path;
        if listed.kind == ItemKind::Directory {
            directories.insert(path);
        }
        while let Some(slash) = path.iter().rposition(|byte| *byte == b'/') {
            path = &path[..slash];
            if !directories.insert(path) {
                break;
            }
        }
    }
    let mut removed = Vec::new();
    let mut last: Option<Vec<u8>> = None;
    for listed in before.iter() {
        if now.find(listed.path).is_some() {
            continue;
        }
        // The highest directory that is there no more, or the entry itself.
        let slashes = listed
            .path
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/');
        let above = slashes.map(|(at, _)| &listed.path[..at]);
        let mut top = listed.path;
        for directory in above {
            if !directories.contains(directory) {
                top = directory;
                break;
            }
        }
        // A file in its place takes it by itself.
        if now.find(top).is_some() || last.as_deref() == Some(top) || directories.contains(top) {
            continue;
        }
        last = Some(top.to_vec());
        removed.extend(held_path(top));
    }
    removed
}

impl Snapshot for GitHubSnapshot {
    fn id(&self) -> &SnapshotId {
        &self.id
    }

    fn entries<'a>(
        &'a self,
        options: EntriesOptions,
    ) -> BoxFuture<'a, workspace_core::Result<Box<dyn EntrySource>>> {
        async { Ok(self.read_entries(options).await?) }.boxed()
    }

    fn changes<'a>(
        &'a self,
        since: &'a Text<MAX_VERSION>,
        options: EntriesOptions,
    ) -> BoxFuture<'a, workspace_core::Result<Option<Box<dyn EntrySource>>>> {
        async { Ok(self.read_changes(since, options).await?) }.boxed()
    }

    fn read<'a>(
        &'a self,
        files: &'a [FileId],
    ) -> BoxFuture<'a, workspace_core::Result<Box<dyn FileBodies>>> {
        async { Ok(bodies(&self.remote, files)?) }.boxed()
    }

    fn unheld<'a>(
        &'a self,
        options: EntriesOptions,
    ) -> BoxFuture<'a, workspace_core::Result<Option<Bytes>>> {
        async move {
            let list = self.inexact(&options).await?;
            let lines = unheld_lines(&list, MAX_UNHELD)?;
            Ok((!lines.is_empty()).then(|| lines.into()))
        }
        .boxed()
    }
}

/// Begins to read files by their ids.
pub(crate) fn bodies(remote: &Remote, files: &[FileId]) -> Result<Box<dyn FileBodies>> {
    if files.len() > MAX_READ {
        let why = format!("more than {MAX_READ} files at once");
        return Err(Error::limit("read files", why));
    }
    let ids = files.iter().map(|file| {
        let id = file.as_bytes().try_into().map(ObjectId::from_bytes);
        id.map_err(|_| Error::invalid("read files", "no id of git's").at(file))
    });
    let ids: Vec<ObjectId> = ids.collect::<Result<_>>()?;
    Ok(Box::new(Bodies::new(remote, &ids)))
}
