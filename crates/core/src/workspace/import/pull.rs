//! Taking entries from a source, and committing them in batches.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::change::{Change, WriteOptions};
use crate::entry::{Entry, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::{CopyId, OperationId, TreeId};
use crate::import::{EntrySource, ImportOptions, Imported, SourceEntry, SourceKind};
use crate::path::{MAX_PATH, TreePath};
use crate::store::{Budget, CopyRecord};
use crate::tree::{Editor, MAX_OPENED, resolve};
use crate::workspace::Workspace;
use crate::workspace::batch::{By, check_media_type};
use crate::workspace::budgets::admit;
use crate::workspace::contents::Stored;
use crate::workspace::edit::{Edited, OtherKind, Prepared, What, edit};
use crate::workspace::import::Within;
use crate::workspace::import::body::{Body, Start};
use crate::workspace::import::log::extend;
use crate::workspace::import::missing::{Fresh, Seen, remove_in_the_way, remove_missing};
use crate::workspace::import::staging::renew;
use crate::workspace::tx::Tx;
use crate::workspace::uploads::{LONGEST, Uploads};

/// The most bytes that the paths of a batch have, but for the last.
const MAX_PATHS: usize = 1_044_480;

/// What a file is refused for that no budget has room for.
const NO_ROOM: &str = "more bytes than the grant's budget has left";

/// An import into a copy that is under way.
pub(super) struct Pull<'a, 'o> {
    workspace: &'a Workspace,
    copy: CopyId,
    /// Whether the copy is the import's own, to be kept until its end.
    staged: bool,
    /// The copy's files when the import began.
    began: TreeId,
    options: ImportOptions<'o>,
    grant: &'a Grant,
    /// The directory that it goes into, as the holder of the grant names it.
    within: &'a TreePath,
    by: By<'a>,
    /// What the holder could still add when the last batch was committed.
    left: Budget,
    imported: Imported,
    /// How many directories on the way to what may be written were passed over, and entries
    /// were to be removed.
    passed: u64,
    seen: Option<Seen>,
    batch: Batch,
    uploads: Uploads<'a>,
}

/// The entries that are not committed yet, without those that are being stored.
#[derive(Default)]
struct Batch {
    changes: BTreeMap<usize, Prepared>,
    /// How many entries it has, with those that are being stored.
    entries: usize,
    /// Bytes of the contents that go into rows.
    bytes: usize,
    /// Bytes of all contents, also of those that are there already.
    contents: u64,
    /// How many entries are new, where the holder can add so many only.
    added: u64,
    /// Bytes of all paths.
    paths: usize,
    /// How many directories its paths go through, at most.
    directories: usize,
    /// The last path.
    last: Option<TreePath>,
    /// What is named for the first time, where the source is all that there is to be.
    fresh: Vec<Fresh>,
}

/// A content that was read.
enum Read {
    Stored(Stored),
    /// Whole, and too long for a row.
    ForObject(Bytes),
}

impl Batch {
    /// Counts an entry. Directories that its path shares with the one before were counted
    /// then.
    fn count(&mut self, path: &TreePath) {
        self.entries += 1;
        self.paths += path.as_str().len();
        let names = path.segments();
        let shared = self.last.as_ref().map_or(0, |last| {
            let both = last.segments().zip(names.clone());
            both.take_while(|(one, other)| one == other).count()
        });
        // The same once more may be a directory in place of a file.
        self.directories += (names.count() - shared).max(1);
        self.last = Some(path.clone());
    }
}

impl<'a, 'o> Pull<'a, 'o> {
    pub(super) fn new(
        workspace: &'a Workspace,
        began: &CopyRecord,
        options: ImportOptions<'o>,
        (grant, within): Within<'a>,
        by: By<'a>,
        staged: bool,
    ) -> Result<Self> {
        Ok(Self {
            workspace,
            copy: began.id,
            staged,
            began: began.tree,
            grant,
            within,
            left: workspace.left_of("import", by.holder)?,
            by,
            imported: Imported::default(),
            passed: 0,
            seen: (options.delete_missing).then(|| Seen::new(&options.limits)),
            batch: Batch::default(),
            uploads: Uploads::new(workspace),
            options,
        })
    }

    pub(super) async fn run(mut self, source: &mut dyn EntrySource) -> Result<Imported> {
        let pulled = self.pull(source).await;
        if pulled.is_err() {
            self.uploads.end().await;
            self.batch = Batch::default();
            self.workspace.let_go().await;
        }
        pulled.map(|()| self.imported)
    }

    async fn pull(&mut self, source: &mut dyn EntrySource) -> Result<()> {
        while let Some(entry) = self.next(source).await? {
            self.take(entry, source).await?;
            if self.is_full() {
                self.commit().await?;
            }
            if let Some(progress) = self.options.progress.as_mut() {
                progress(&self.imported);
            }
        }
        self.commit().await?;
        self.remove_missing()
    }

    /// Moves to the source's next entry. What is wrong with one is told by the path that
    /// the source has for it, wherever that goes.
    async fn next(&mut self, source: &mut dyn EntrySource) -> Result<Option<SourceEntry>> {
        let next = async { source.next().await.map_err(Error::in_own_words) };
        self.uploads.beside(next).await
    }

    /// Tells whether the batch is to be committed: it is as large as it may be, or more
    /// than the holder can add. At `MAX_OPENED` an editor refuses to open more directories:
    /// those of a further path must fit below it.
    fn is_full(&self) -> bool {
        let (batch, size) = (&self.batch, &self.options.batch);
        batch.entries >= size.entries
            || batch.bytes >= size.bytes
            || batch.paths >= size.paths.min(MAX_PATHS)
            || batch.directories >= MAX_OPENED - MAX_PATH / 2
            || self
                .left
                .max_bytes
                .is_some_and(|left| batch.contents > left)
    }

    /// Makes an entry part of the batch, and counts it, unless it is passed over.
    async fn take(&mut self, entry: SourceEntry, source: &mut dyn EntrySource) -> Result<()> {
        // By the path that the holder knows: how long it is in the whole tree must not show.
        let named = entry.path.below(self.within).map_err(Error::in_own_words)?;
        let entries = self.options.limits.entries;
        let denied = || {
            let error = Error::new(ErrorKind::Denied, "import").at(&named);
            Err(error.in_own_words())
        };
        let Some(standing) = self.grant.look(&named) else {
            return denied();
        };
        let path = standing.path;
        if !standing.writes {
            if entry.kind != SourceKind::Directory || !standing.leads_to_writes {
                return denied();
            }
            return self.pass(&path, entries);
        }
        let rests_on = standing.rests_on;
        if self.imported.entries() >= entries {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(&path)
                .because(format!("more than {entries} entries")));
        }
        // What the holder can add is asked for before more is stored than that.
        if let (SourceKind::File { size, .. }, Some(left)) = (&entry.kind, self.left.max_bytes)
            && self.batch.contents.saturating_add(size.unwrap_or(0)) > left
        {
            self.commit().await?;
        }
        if (self.left.max_entries).is_some_and(|left| self.batch.added >= left)
            && self.entry_at(&path)?.is_none()
        {
            self.commit().await?;
        }
        if self.left.max_entries.is_some() && self.entry_at(&path)?.is_none() {
            // By itself it adds one at least.
            if self.left.max_entries == Some(0) {
                return Err(Error::new(ErrorKind::LimitExceeded, "import")
                    .at(&path)
                    .because("more entries than the grant's budget has left"));
            }
            self.batch.added += 1;
        }
        if let Some(seen) = &mut self.seen
            && let Some(known) = seen.insert(&path)?
        {
            // Above where it goes nothing is the source's.
            let above = self.options.into.segments().count();
            self.batch.fresh.push(Fresh {
                known: known.max(above),
                directory: entry.kind == SourceKind::Directory,
                path: path.clone(),
            });
        }
        let position = self.batch.entries;
        // As the holder names it: where a batch ends shows in the copy's generation.
        self.batch.count(&named);
        let what = match entry.kind {
            SourceKind::Directory => {
                self.imported.directories += 1;
                let parents = true;
                What::Other(Change::Mkdir { path, parents })
            }
            SourceKind::Symlink { target, modified } => {
                self.imported.symlinks += 1;
                What::Other(Change::Symlink {
                    path,
                    target,
                    create_parents: true,
                    modified,
                })
            }
            SourceKind::Removed if !self.grant.replaces() => return denied(),
            SourceKind::Removed => {
                self.pass(&path, entries)?;
                What::Gone(path)
            }
            SourceKind::External { .. } => {
                return Err(Error::new(ErrorKind::Unsupported, "import")
                    .at(path)
                    .because("its bytes are not in the source's stream"));
            }
            SourceKind::File {
                size,
                executable,
                modified,
                media_type,
                provenance,
            } => {
                check_media_type("import", &path, media_type.as_ref())?;
                let options = WriteOptions::default()
                    .create_parents(true)
                    .executable(executable)
                    .modified(modified)
                    .media_type(media_type)
                    .provenance(provenance);
                let content = self.content(&path, size, source).await?;
                let write = move |content| What::Write {
                    path,
                    content,
                    options,
                };
                match content {
                    Read::Stored(stored) => write(stored),
                    Read::ForObject(bytes) => {
                        let prepare = move |stored| Prepared {
                            what: write(stored),
                            rests_on,
                            longest: MAX_PATH,
                        };
                        return self.uploads.begin(position, bytes, prepare).await;
                    }
                }
            }
        };
        let prepared = Prepared {
            what,
            rests_on,
            longest: MAX_PATH,
        };
        self.batch.changes.insert(position, prepared);
        Ok(())
    }

    /// Counts what is not imported, and yet was read.
    fn pass(&mut self, path: &TreePath, entries: u64) -> Result<()> {
        if self.passed >= entries {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(path)
                .because(
                    "more directories on the way, and removals, than entries may be imported",
                ));
        }
        self.passed += 1;
        Ok(())
    }

    /// Reads the content of a file, and stores it unless it can be stored beside.
    async fn content(
        &mut self,
        path: &TreePath,
        size: Option<u64>,
        source: &mut dyn EntrySource,
    ) -> Result<Read> {
        let limits = &self.options.limits;
        let left = limits.bytes.saturating_sub(self.imported.bytes);
        let limit = limits.file_bytes.min(left);
        let room = self.room_for(path, size)?;
        let body = match room < limit {
            true => Body::new(source, path.clone(), room, NO_ROOM),
            false => Body::new(
                source,
                path.clone(),
                limit,
                "more bytes than the import may bring",
            ),
        };
        self.imported.files += 1;
        let read = match self.uploads.beside(body.start(LONGEST)).await? {
            Start::Whole(bytes) => {
                self.imported.bytes += bytes.len() as u64;
                self.batch.contents += bytes.len() as u64;
                match self.workspace.store_inline(bytes) {
                    Ok(stored) => {
                        self.batch.bytes += stored.size() as usize;
                        Read::Stored(stored)
                    }
                    Err(bytes) => Read::ForObject(bytes),
                }
            }
            Start::More(body) => {
                let stored = self.uploads.beside(self.workspace.store(body)).await?;
                self.imported.bytes += stored.size();
                self.batch.contents += stored.size();
                Read::Stored(stored)
            }
        };
        Ok(read)
    }

    /// Returns how many bytes a file may have to be written by the holder: what is there
    /// already may come again.
    fn room_for(&self, path: &TreePath, size: Option<u64>) -> Result<u64> {
        let Some(left) = self.left.max_bytes else {
            return Ok(u64::MAX);
        };
        if size.is_some_and(|size| size <= left) {
            return Ok(left);
        }
        let there = self
            .entry_at(path)?
            .and_then(|entry| Some(entry.as_file()?.size));
        Ok(left.max(there.unwrap_or(0)))
    }

    /// Returns what is at a path of the copy now.
    fn entry_at(&self, path: &TreePath) -> Result<Option<Entry>> {
        self.workspace.read("import", |tx| {
            let copy = tx.open_copy("import", self.copy, self.workspace.now())?;
            resolve(tx, &copy.tree, path)
        })
    }

    /// Commits the batch once all its contents are stored.
    async fn commit(&mut self) -> Result<()> {
        let mut batch = std::mem::take(&mut self.batch);
        batch.changes.extend(self.uploads.finish().await?);
        if batch.changes.is_empty() {
            return Ok(());
        }
        let other_kind = match self.grant.replaces() {
            true => OtherKind::GivesWay,
            false => OtherKind::Stays,
        };
        let changes: Vec<Prepared> = batch.changes.into_values().collect();
        let (unneeded, removed, operation) = self.workspace.write("import", |tx| {
            let now = self.workspace.now();
            let mut copy = tx.open_copy("import", self.copy, now)?;
            if self.staged {
                renew(tx, &mut copy, now)?;
            }
            let mut editor = Editor::new(tx, &copy.tree)?.below(&self.by.root);
            let removed = remove_in_the_way(tx, &mut editor, &batch.fresh, &self.began)?;
            let edited = edit(tx, &mut editor, &changes, other_kind, now)?;
            let Edited {
                unneeded,
                bytes,
                gone,
            } = edited;
            let removed = removed + gone;
            // Before nodes are made of it: what is refused costs no more than to be read.
            self.admit(tx, bytes, &copy.tree, &editor, now)?;
            let written = editor.finish()?;
            self.workspace
                .check_entries(tx, "import", &copy.tree, &written)?;
            let (author, ours) = (&self.options.author, &self.imported.operations);
            let operation = extend(tx, copy, written.tree, author, ours, now)?;
            Ok((unneeded, removed, operation))
        })?;
        self.imported.removed += removed;
        self.workspace
            .committed(&changes, &unneeded, operation.is_some());
        self.left = self.workspace.left_of("import", self.by.holder)?;
        self.note(operation);
        self.workspace.drop_objects(unneeded).await;
        Ok(())
    }

    fn remove_missing(&mut self) -> Result<()> {
        let Some(seen) = &self.seen else {
            return Ok(());
        };
        let (removed, operation) = self.workspace.write("import", |tx| {
            let now = self.workspace.now();
            let copy = tx.open_copy("import", self.copy, now)?;
            let into = &self.options.into;
            let (removed, editor) = remove_missing(tx, &copy, into, seen, &self.began)?;
            self.admit(tx, 0, &copy.tree, &editor, now)?;
            let tree = editor.finish()?.tree;
            let ours = &self.imported.operations;
            let operation = extend(tx, copy, tree, &self.options.author, ours, now)?;
            Ok((removed, operation))
        })?;
        self.imported.removed += removed;
        self.note(operation);
        Ok(())
    }

    /// Lets a batch be committed.
    fn admit(
        &self,
        tx: &Tx<'_>,
        bytes: u64,
        before: &TreeId,
        editor: &Editor<'_>,
        now: Timestamp,
    ) -> Result<()> {
        admit(tx, "import", self.by.holder, bytes, before, editor, now)
    }

    /// Takes down the operation that a batch became, or became a part of.
    fn note(&mut self, operation: Option<OperationId>) {
        let operations = &mut self.imported.operations;
        if operation.is_some() && operations.last().copied() != operation {
            operations.extend(operation);
        }
    }
}
