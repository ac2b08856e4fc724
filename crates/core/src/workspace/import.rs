//! Tree import: a stream of entries into head or a copy.

use std::collections::HashSet;

use bytes::Bytes;
use futures::stream;

use crate::change::{Author, WriteOptions};
use crate::entry::{Entry, EntryKind, MAX_TARGET, Text, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, ContentId, CopyId, OperationId, TreeId};
use crate::import::{EntrySource, ImportLimits, ImportOptions, Imported, SourceEntry, SourceKind};
use crate::path::TreePath;
use crate::store::{CopyRecord, MetaTx as _, OperationCause, OperationRecord};
use crate::tree::{Editor, Walker, resolve};
use crate::workspace::apply::{Applied, ApplyOptions, RevisionMessage};
use crate::workspace::batch::{check_text, mkdir, refuse_full, symlink, write};
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
}

enum What {
    File(Stored, WriteOptions),
    Directory,
    Symlink(Text<MAX_TARGET>, Timestamp),
}

/// The operation that the batches so far made up.
#[derive(Default)]
struct Log {
    operation: Option<OperationId>,
    generation: u64,
}

impl Workspace {
    /// Imports a source over the files that are there.
    ///
    /// A later entry for a path wins; an entry that leaves a path as it is
    /// changes nothing. A directory takes the place of a file, a file that of an
    /// empty directory only. What the source does not name stays, unless
    /// [`delete_missing`](ImportOptions::delete_missing) says otherwise.
    ///
    /// Into a copy: in batches, each all or nothing, together one operation. A
    /// source that fails leaves the batches before; undo the operation to be rid
    /// of them. Into head: in a copy of its own, which is applied at the end, as
    /// one revision; a source that fails leaves head untouched.
    ///
    /// # Errors
    /// Those of the source; `LimitExceeded`; `NotADirectory` and `IsADirectory`
    /// where the source or the tree have a file where a directory must be, or
    /// the other way round; `Conflict` where head moved meanwhile; `ReadOnly`
    /// for a revision or a bare tree; `NotFound`, `Closed`.
    pub async fn import(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
    ) -> Result<Imported> {
        self.import_as(at, source, options, true).await
    }

    /// Imports; where not `replace`, no entry gives way to one of another kind.
    pub(crate) async fn import_as(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        replace: bool,
    ) -> Result<Imported> {
        check_text("import", &options.author.actor, &options.author.note)?;
        match at {
            At::Copy(copy) => self.import_into_copy(copy, source, options, replace).await,
            At::Head => {
                let expires = Some(self.now().plus_millis(STAGING_MILLIS));
                let staging = self
                    .fork(ForkOptions {
                        name: None,
                        expires,
                    })?
                    .id;
                let message = RevisionMessage {
                    actor: options.author.actor.clone(),
                    message: options.author.note.clone(),
                    ..RevisionMessage::default()
                };
                let imported = self
                    .import_into_copy(staging, source, options, replace)
                    .await;
                let applied = imported.and_then(|imported| {
                    let options = ApplyOptions {
                        message,
                        expect_tree: None,
                    };
                    Ok((imported, self.apply(staging, options)?))
                });
                if !matches!(applied, Ok((_, Applied::Published { .. }))) {
                    // What cannot be discarded now expires.
                    let _expires = self.discard(staging);
                }
                let (imported, applied) = applied?;
                let revision = match applied {
                    Applied::Published { revision, .. } => Some(revision),
                    Applied::Unchanged => None,
                };
                Ok(Imported {
                    operation: None,
                    revision,
                    ..imported
                })
            }
            At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, "import").at(at)),
        }
    }

    async fn import_into_copy(
        &self,
        copy: CopyId,
        source: &mut dyn EntrySource,
        mut options: ImportOptions<'_>,
        replace: bool,
    ) -> Result<Imported> {
        self.read("import", |tx| tx.open_copy("import", copy, self.now()))?;
        let mut imported = Imported::default();
        let mut log = Log::default();
        let mut batch: Vec<Ready> = Vec::new();
        let mut batch_bytes = 0;
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
            batch.push(Ready {
                path,
                what,
                replace,
            });
            if batch.len() >= options.batch.entries || batch_bytes >= options.batch.bytes {
                self.commit_batch(copy, &batch, &options.author, &mut log)
                    .await?;
                batch.clear();
                batch_bytes = 0;
            }
            if let Some(progress) = options.progress.as_mut() {
                progress(&imported);
            }
        }
        self.commit_batch(copy, &batch, &options.author, &mut log)
            .await?;
        if let Some(seen) = seen {
            (imported.removed, log) = self.write("import", |tx| {
                self.delete_missing(tx, copy, &options, &seen, &log)
            })?;
        }
        imported.operation = log.operation;
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
        log: &mut Log,
    ) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        let (unneeded, committed) = self.write("import", |tx| {
            let mut unneeded = Vec::new();
            let committed = self.commit_batch_in(tx, copy, batch, author, log, &mut unneeded)?;
            Ok((unneeded, committed))
        })?;
        *log = committed;
        self.drop_objects(unneeded).await;
        Ok(())
    }

    fn commit_batch_in(
        &self,
        tx: &Tx<'_>,
        copy: CopyId,
        batch: &[Ready],
        author: &Author,
        log: &Log,
        unneeded: &mut Vec<BlobKey>,
    ) -> Result<Log> {
        let now = self.now();
        let copy = tx.open_copy("import", copy, now)?;
        let mut editor = Editor::new(tx, &copy.tree)?;
        for ready in batch {
            unneeded.extend(put(tx, &mut editor, ready, now)?);
        }
        let tree = editor.finish()?.tree;
        extend(tx, copy, tree, author, log, now)
    }

    /// Removes what is below `into` and was not seen, topmost first.
    fn delete_missing(
        &self,
        tx: &Tx<'_>,
        copy: CopyId,
        options: &ImportOptions<'_>,
        seen: &Seen,
        log: &Log,
    ) -> Result<(u64, Log)> {
        let now = self.now();
        let copy = tx.open_copy("import", copy, now)?;
        let mut editor = Editor::new(tx, &copy.tree)?;
        let mut removed = 0;
        if let Some(Entry::Directory(into)) = resolve(tx, &copy.tree, &options.into)? {
            let mut walker = Walker::new(tx, options.into.clone(), &into.tree)?;
            while let Some((path, entry)) = walker.next(tx)? {
                match entry {
                    _ if !seen.contains(&path) => {
                        editor.remove(&path)?;
                        removed += 1;
                    }
                    Entry::Directory(directory) => walker.enter(tx, path, &directory.tree)?,
                    _ => {}
                }
            }
        }
        let tree = editor.finish()?.tree;
        Ok((removed, extend(tx, copy, tree, &options.author, log, now)?))
    }
}

/// Moves the copy to `tree`, as part of the import's operation if that is still
/// the copy's newest, as a further one otherwise.
fn extend(
    tx: &Tx<'_>,
    mut copy: CopyRecord,
    tree: TreeId,
    author: &Author,
    log: &Log,
    now: Timestamp,
) -> Result<Log> {
    if tree == copy.tree {
        return Ok(Log {
            operation: log.operation,
            generation: copy.generation,
        });
    }
    let ours = match log.operation.filter(|_| log.generation == copy.generation) {
        Some(id) => tx.rows.operation(&copy.id, id)?,
        None => None,
    };
    let operation = match ours {
        Some(operation) => OperationRecord {
            after: tree,
            ..operation
        },
        None => next_operation(&copy, OperationCause::Import, author, now, tree),
    };
    tx.move_copy(&mut copy, &operation, now)?;
    Ok(Log {
        operation: Some(operation.id),
        generation: copy.generation,
    })
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
    } = ready;
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
