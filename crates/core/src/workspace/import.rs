//! Tree import: a stream of entries into head or a copy.

use std::collections::HashSet;

use bytes::Bytes;
use futures::stream;

use crate::change::{Author, WriteOptions};
use crate::entry::{Entry, EntryKind, MAX_TARGET, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::{BlobKey, ContentId, CopyId, OperationId, TreeId};
use crate::import::{EntrySource, ImportLimits, ImportOptions, Imported, SourceEntry, SourceKind};
use crate::path::{MAX_PATH, TreePath};
use crate::store::{CopyRecord, MetaTx as _, OperationCause, OperationRecord};
use crate::tree::{Editor, MAX_PATHS, Walker, resolve};
use crate::workspace::apply::{Applied, ApplyOptions, RevisionMessage};
use crate::workspace::batch::{check_text, mkdir, refuse_full, rest, symlink, write};
use crate::workspace::contents::Stored;
use crate::workspace::copies::ForkOptions;
use crate::workspace::tx::{Tx, next_operation, wrong_kind};
use crate::workspace::{At, Workspace};

/// How long the copy that an import into head works in outlives a crash.
const STAGING_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// An entry whose content is stored.
struct Ready {
    path: TreePath,
    what: What,
    /// Whether an entry of another kind gives way to it.
    replace: bool,
    /// The directory that must be there; where it is not, the entry is denied.
    rests_on: Option<TreePath>,
}

enum What {
    File(Stored, WriteOptions),
    Directory,
    Symlink(Text<MAX_TARGET>, Timestamp),
}

impl Workspace {
    /// Imports a source over the files that are there.
    ///
    /// A later entry for a path wins; an entry that leaves a path as it is
    /// changes nothing. A directory takes the place of a file, a file that of an
    /// empty directory only. What the source does not name stays, unless
    /// [`delete_missing`](ImportOptions::delete_missing) says otherwise.
    ///
    /// Into a copy: in batches, each all or nothing, together one operation; a
    /// further one begins where somebody else changed the copy between two
    /// batches. A source that fails leaves the batches before: undo the
    /// operations, of which `progress` tells, to be rid of them. Into head: in a
    /// copy of its own, which is applied at the end, as one revision; a source
    /// that fails, or a future that is dropped, leaves head untouched and the copy
    /// discarded.
    ///
    /// # Errors
    /// Those of the source; `LimitExceeded`, also for more than
    /// [`MAX_OPERATIONS`](Imported::MAX_OPERATIONS); `NotADirectory` and `IsADirectory`
    /// where the source or the tree have a file where a directory must be, or
    /// the other way round; `Conflict` where head moved meanwhile; `ReadOnly`
    /// for a revision or a bare tree; `NotFound`, `Closed`.
    pub async fn import(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
    ) -> Result<Imported> {
        self.import_as(at, source, options, &Grant::all()).await
    }

    /// Imports within `grant`, whose holder may write what the source has: where it
    /// does not allow removal, no entry gives way to one of another kind.
    pub(crate) async fn import_as(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        grant: &Grant,
    ) -> Result<Imported> {
        check_text("import", &options.author.actor, &options.author.note)?;
        match at {
            At::Copy(copy) => self.import_into_copy(copy, source, options, grant).await,
            At::Head => {
                let expires = Some(self.now().plus_millis(STAGING_MILLIS));
                let staging = self
                    .fork(ForkOptions {
                        name: None,
                        expires,
                    })?
                    .id;
                let staging = Staging {
                    workspace: self,
                    copy: staging,
                    applied: false,
                };
                self.import_staged(staging, source, options, grant).await
            }
            At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, "import").at(at)),
        }
    }

    /// Imports into the copy `staging`, and applies it.
    async fn import_staged(
        &self,
        mut staging: Staging<'_>,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        grant: &Grant,
    ) -> Result<Imported> {
        let message = RevisionMessage {
            actor: options.author.actor.clone(),
            message: options.author.note.clone(),
            ..RevisionMessage::default()
        };
        let imported = self
            .import_into_copy(staging.copy, source, options, grant)
            .await?;
        let options = ApplyOptions {
            message,
            expect_tree: None,
        };
        let revision = match self.apply(staging.copy, options)? {
            Applied::Published { revision, .. } => {
                staging.applied = true;
                Some(revision)
            }
            Applied::Unchanged => None,
        };
        Ok(Imported {
            operations: Vec::new(),
            revision,
            ..imported
        })
    }

    async fn import_into_copy(
        &self,
        copy: CopyId,
        source: &mut dyn EntrySource,
        mut options: ImportOptions<'_>,
        grant: &Grant,
    ) -> Result<Imported> {
        let began = self.read("import", |tx| tx.open_copy("import", copy, self.now()))?;
        // What is there now is compared with at the end.
        let _pin = options.delete_missing.then(|| self.pin(began.tree));
        let mut imported = Imported::default();
        let mut batch: Vec<Ready> = Vec::new();
        let mut batch_bytes = 0;
        let mut batch_paths = 0;
        let mut seen = options.delete_missing.then(Seen::default);
        while let Some(entry) = source.next().await? {
            let path = entry.path.below(&options.into)?;
            if imported.entries() >= options.limits.entries {
                return Err(Error::new(ErrorKind::LimitExceeded, "import")
                    .at(&path)
                    .because(format!("more than {} entries", options.limits.entries)));
            }
            let what = self
                .ready(&entry, &path, source, &options.limits, &mut imported)
                .await?;
            if let Some(seen) = &mut seen {
                seen.insert(&path);
            }
            if let What::File(stored, _) = &what {
                batch_bytes += (stored.size() as usize).min(self.inner.options.inline_limit);
            }
            let rests_on = match grant.locate(&path) {
                Some(path) => grant.rests_on(&path)?,
                None => None,
            };
            batch_paths += path.as_str().len();
            batch.push(Ready {
                path,
                what,
                replace: grant.replaces(),
                rests_on,
            });
            if batch.len() >= options.batch.entries
                || batch_bytes >= options.batch.bytes
                || batch_paths > MAX_PATHS - MAX_PATH
            {
                self.commit_batch(copy, &batch, &options.author, &mut imported)
                    .await?;
                batch.clear();
                batch_bytes = 0;
                batch_paths = 0;
            }
            if let Some(progress) = options.progress.as_mut() {
                progress(&imported);
            }
        }
        self.commit_batch(copy, &batch, &options.author, &mut imported)
            .await?;
        if let Some(seen) = seen {
            let (removed, operation) = self.write("import", |tx| {
                self.delete_missing(tx, copy, &began.tree, &options, &seen, &imported)
            })?;
            imported.removed = removed;
            imported.note(operation);
        }
        Ok(imported)
    }

    /// Stores what an entry holds, and counts it.
    async fn ready(
        &self,
        entry: &SourceEntry,
        path: &TreePath,
        source: &mut dyn EntrySource,
        limits: &ImportLimits,
        imported: &mut Imported,
    ) -> Result<What> {
        match &entry.kind {
            SourceKind::Directory => {
                imported.directories += 1;
                Ok(What::Directory)
            }
            SourceKind::Symlink { target, modified } => {
                imported.symlinks += 1;
                Ok(What::Symlink(
                    target.clone(),
                    modified.unwrap_or_else(|| self.now()),
                ))
            }
            SourceKind::File {
                size: _,
                executable,
                modified,
                media_type,
                provenance,
            } => {
                let bounded = Bounded {
                    source,
                    path,
                    left: limits
                        .file_bytes
                        .min(limits.bytes.saturating_sub(imported.bytes)),
                };
                let body = Box::pin(stream::try_unfold(bounded, Bounded::next));
                let stored = self.store(body).await?;
                imported.files += 1;
                imported.bytes += stored.size();
                let options = WriteOptions {
                    create_parents: true,
                    executable: Some(*executable),
                    modified: *modified,
                    media_type: media_type.clone(),
                    provenance: provenance.clone(),
                    ..WriteOptions::default()
                };
                Ok(What::File(stored, options))
            }
        }
    }

    async fn commit_batch(
        &self,
        copy: CopyId,
        batch: &[Ready],
        author: &Author,
        imported: &mut Imported,
    ) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (unneeded, operation) = self.write("import", |tx| {
            let mut unneeded = Vec::new();
            let operation =
                self.commit_batch_in(tx, copy, batch, author, imported, &mut unneeded)?;
            Ok((unneeded, operation))
        })?;
        imported.note(operation);
        self.drop_objects(unneeded).await;
        Ok(())
    }

    fn commit_batch_in(
        &self,
        tx: &Tx<'_>,
        copy: CopyId,
        batch: &[Ready],
        author: &Author,
        imported: &Imported,
        unneeded: &mut Vec<BlobKey>,
    ) -> Result<Option<OperationId>> {
        let now = self.now();
        let copy = tx.open_copy("import", copy, now)?;
        let mut editor = Editor::new(tx, &copy.tree)?;
        for ready in batch {
            unneeded.extend(put(tx, &mut editor, ready, now)?);
        }
        let written = editor.finish()?;
        self.check_entries(tx, "import", &copy.tree, &written)?;
        extend(tx, copy, written.tree, author, &imported.operations, now)
    }

    /// Removes what is below `into`, was not seen, and still is as it was in the
    /// tree `began`, topmost first; returns how many entries, and the operation.
    ///
    /// What differs from `began` and was not seen was changed by somebody else
    /// while the import was under way. It stays, with the directories above it.
    fn delete_missing(
        &self,
        tx: &Tx<'_>,
        copy: CopyId,
        began: &TreeId,
        options: &ImportOptions<'_>,
        seen: &Seen,
        imported: &Imported,
    ) -> Result<(u64, Option<OperationId>)> {
        let now = self.now();
        let copy = tx.open_copy("import", copy, now)?;
        let mut editor = Editor::new(tx, &copy.tree)?;
        let mut removed = 0;
        if let Some(Entry::Directory(into)) = resolve(tx, &copy.tree, &options.into)? {
            let mut walker = Walker::new(tx, options.into.clone(), &into.tree)?;
            while let Some((path, entry)) = walker.next(tx)? {
                let named = seen.contains(&path);
                let was = match named {
                    true => None,
                    false => resolve(tx, began, &path)?,
                };
                match entry {
                    _ if was.as_ref() == Some(&entry) => {
                        editor.remove(&path)?;
                        editor.settle()?;
                        removed += 1;
                    }
                    // In a directory that is new since then, all is.
                    Entry::Directory(directory)
                        if named || matches!(was, Some(Entry::Directory(_))) =>
                    {
                        walker.enter(tx, path, &directory.tree)?;
                    }
                    _ => {}
                }
            }
        }
        let tree = editor.finish()?.tree;
        let ours = &imported.operations;
        let operation = extend(tx, copy, tree, &options.author, ours, now)?;
        Ok((removed, operation))
    }
}

/// The copy that an import into head works in. Discards it on drop unless it was
/// applied, so that neither an error nor a future that is dropped leaves it open.
struct Staging<'a> {
    workspace: &'a Workspace,
    copy: CopyId,
    applied: bool,
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // While a panic unwinds, the store may be in use further down the stack.
        if !self.applied && !std::thread::panicking() {
            // Where this fails, the copy expires after `STAGING_MILLIS`.
            let _expires = self.workspace.discard(self.copy);
        }
    }
}

/// Moves the copy to `tree`: as part of the newest of `ours`, the operations that
/// the import made so far, if that is still the copy's newest, and as a further
/// one if somebody else made one since. Returns the operation, if it moved.
fn extend(
    tx: &Tx<'_>,
    mut copy: CopyRecord,
    tree: TreeId,
    author: &Author,
    ours: &[OperationId],
    now: Timestamp,
) -> Result<Option<OperationId>> {
    if tree == copy.tree {
        return Ok(None);
    }
    let going_on = match copy.operation.filter(|newest| ours.last() == Some(newest)) {
        Some(id) => tx.rows.operation(&copy.id, id)?,
        None => None,
    };
    let operation = match going_on {
        Some(operation) => OperationRecord {
            after: tree,
            ..operation
        },
        None if ours.len() >= Imported::MAX_OPERATIONS => {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(copy.id)
                .because(format!(
                    "others changed the copy between {} of its batches",
                    ours.len()
                )));
        }
        None => next_operation(&copy, OperationCause::Import, author, now, tree),
    };
    tx.move_copy(&mut copy, &operation, now)?;
    Ok(Some(operation.id))
}

/// The paths that a source has named, with all above them, as the first half of
/// their SHA-256.
#[derive(Default)]
struct Seen(HashSet<[u8; 16]>);

impl Seen {
    fn insert(&mut self, path: &TreePath) {
        let mut path = Some(path.clone());
        while let Some(at) = path.filter(|at| self.0.insert(Self::key(at))) {
            path = at.parent();
        }
    }

    fn contains(&self, path: &TreePath) -> bool {
        self.0.contains(&Self::key(path))
    }

    fn key(path: &TreePath) -> [u8; 16] {
        let hash = ContentId::of(path.as_str().as_bytes());
        std::array::from_fn(|at| hash.as_bytes()[at])
    }
}

/// Puts one entry of an import. Returns an object that was not needed.
fn put(
    tx: &Tx<'_>,
    editor: &mut Editor<'_>,
    ready: &Ready,
    now: Timestamp,
) -> Result<Option<BlobKey>> {
    let Ready {
        path,
        what,
        replace,
        rests_on,
    } = ready;
    rest(editor, "import", rests_on.as_ref())?;
    let found = editor.find(path)?.map(|found| found.kind());
    match what {
        What::Directory => {
            if let Some(found) = found.filter(|found| *found != EntryKind::Directory) {
                if !replace {
                    return Err(wrong_kind("import", path, found));
                }
                editor.remove(path)?;
            }
            mkdir(editor, path, true)?;
            return Ok(None);
        }
        _ if found == Some(EntryKind::Directory) && !replace => {
            return Err(wrong_kind("import", path, EntryKind::Directory));
        }
        _ if found == Some(EntryKind::Directory) && !path.is_root() => {
            refuse_full(editor, "import", path).map_err(|error| {
                Error::new(ErrorKind::IsADirectory, "import")
                    .at(path)
                    .because("a directory with entries is there, and a file would take its place")
                    .with_source(error)
            })?;
            editor.remove(path)?;
        }
        _ => {}
    }
    match what {
        What::File(stored, options) => write(tx, editor, path, stored, options, now),
        What::Symlink(target, modified) => {
            symlink(editor, path, target, true, *modified).map(|()| None)
        }
        What::Directory => Ok(None),
    }
}

/// The bytes of a source's current file, up to a limit.
struct Bounded<'a> {
    source: &'a mut dyn EntrySource,
    path: &'a TreePath,
    left: u64,
}

impl Bounded<'_> {
    async fn next(mut self) -> Result<Option<(Bytes, Self)>> {
        let Some(chunk) = self.source.chunk().await? else {
            return Ok(None);
        };
        match self.left.checked_sub(chunk.len() as u64) {
            Some(left) => {
                self.left = left;
                Ok(Some((chunk, self)))
            }
            None => Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(self.path)
                .because("more bytes than the import may bring")),
        }
    }
}
