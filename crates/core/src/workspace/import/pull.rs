//! Taking entries from a source, and committing them in batches.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::change::{Change, WriteOptions};
use crate::entry::{Directory, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::{CopyId, GrantId, OperationId, TreeId};
use crate::import::{EntrySource, ImportOptions, Imported, SourceEntry, SourceKind};
use crate::path::{MAX_PATH, TreePath};
use crate::store::CopyRecord;
use crate::tree::{Editor, MAX_PATHS, directory_of};
use crate::workspace::Workspace;
use crate::workspace::batch::check_media_type;
use crate::workspace::budgets::admit;
use crate::workspace::contents::Stored;
use crate::workspace::edit::{Edited, OtherKind, Prepared, What, edit};
use crate::workspace::import::body::{Body, Start};
use crate::workspace::import::log::extend;
use crate::workspace::import::missing::{Fresh, Seen, remove_in_the_way, remove_missing};
use crate::workspace::import::staging::renew;
use crate::workspace::tx::Tx;
use crate::workspace::uploads::{LONGEST, Uploads};

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
    holder: Option<&'a GrantId>,
    imported: Imported,
    /// How many directories on the way to what may be written were passed over.
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
    /// Bytes of all paths.
    paths: usize,
    /// What is named for the first time, where the source is all that there is to be.
    fresh: Vec<Fresh>,
}

/// A content that was read.
enum Read {
    Stored(Stored),
    /// Whole, and too long for a row.
    ForObject(Bytes),
}

impl<'a, 'o> Pull<'a, 'o> {
    pub(super) fn new(
        workspace: &'a Workspace,
        began: &CopyRecord,
        options: ImportOptions<'o>,
        grant: &'a Grant,
        holder: Option<&'a GrantId>,
        staged: bool,
    ) -> Self {
        let entries = options.limits.entries;
        Self {
            workspace,
            copy: began.id,
            staged,
            began: began.tree,
            grant,
            holder,
            imported: Imported::default(),
            passed: 0,
            seen: options.delete_missing.then(|| Seen::new(entries)),
            batch: Batch::default(),
            uploads: Uploads::new(workspace),
            options,
        }
    }

    pub(super) async fn run(mut self, source: &mut dyn EntrySource) -> Result<Imported> {
        while let Some(entry) = self.uploads.beside(source.next()).await? {
            self.take(entry, source).await?;
            if self.is_full() {
                self.commit().await?;
            }
            if let Some(progress) = self.options.progress.as_mut() {
                progress(&self.imported);
            }
        }
        self.commit().await?;
        self.remove_missing()?;
        Ok(self.imported)
    }

    /// Tells whether the batch is to be committed. At `MAX_PATHS` an editor refuses
    /// to open more directories: a further path must fit below it.
    fn is_full(&self) -> bool {
        let (batch, size) = (&self.batch, &self.options.batch);
        batch.entries >= size.entries
            || batch.bytes >= size.bytes
            || batch.paths >= size.paths.min(MAX_PATHS - MAX_PATH)
    }

    /// Makes an entry part of the batch, and counts it, unless it is passed over.
    async fn take(&mut self, entry: SourceEntry, source: &mut dyn EntrySource) -> Result<()> {
        let path = entry.path.below(&self.options.into)?;
        let entries = self.options.limits.entries;
        let within = self.grant.locate(&path);
        let Some(standing) = within.and_then(|path| self.grant.look(&path)) else {
            return Err(Error::new(ErrorKind::Denied, "import").at(path));
        };
        if !standing.writes {
            if entry.kind != SourceKind::Directory || !standing.leads_to_writes {
                return Err(Error::new(ErrorKind::Denied, "import").at(path));
            }
            if self.passed >= entries {
                return Err(Error::new(ErrorKind::LimitExceeded, "import")
                    .at(path)
                    .because("more directories on the way than entries may be imported"));
            }
            self.passed += 1;
            return Ok(());
        }
        let rests_on = standing.rests_on;
        if self.imported.entries() >= entries {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(&path)
                .because(format!("more than {entries} entries")));
        }
        if let Some(seen) = &mut self.seen {
            let named = entry.kind == SourceKind::Directory;
            let fresh = seen.insert(&path)?.into_iter().map(|fresh| Fresh {
                directory: named || fresh != path,
                path: fresh,
            });
            // Above it nothing is the source's.
            let into = &self.options.into;
            let below = fresh.filter(|fresh| fresh.path != *into && fresh.path.starts_with(into));
            self.batch.fresh.extend(below);
        }
        let position = self.batch.entries;
        self.batch.entries += 1;
        self.batch.paths += path.as_str().len();
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
            SourceKind::File {
                size: _,
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
                let content = self.content(&path, source).await?;
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

    /// Reads the content of a file, and stores it unless it can be stored beside.
    async fn content(&mut self, path: &TreePath, source: &mut dyn EntrySource) -> Result<Read> {
        let limits = &self.options.limits;
        let left = limits.bytes.saturating_sub(self.imported.bytes);
        let body = Body::new(source, path.clone(), limits.file_bytes.min(left));
        self.imported.files += 1;
        let read = match self.uploads.beside(body.start(LONGEST)).await? {
            Start::Whole(bytes) => {
                self.imported.bytes += bytes.len() as u64;
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
                Read::Stored(stored)
            }
        };
        Ok(read)
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
            let mut editor = Editor::new(tx, &copy.tree)?;
            let removed = remove_in_the_way(tx, &mut editor, &batch.fresh, &self.began)?;
            let Edited { unneeded, bytes } = edit(tx, &mut editor, &changes, other_kind, now)?;
            let written = editor.finish()?;
            self.workspace
                .check_entries(tx, "import", &copy.tree, &written)?;
            self.admit(tx, bytes, &copy.tree, &written, now)?;
            let (author, ours) = (&self.options.author, &self.imported.operations);
            let operation = extend(tx, copy, written.tree, author, ours, now)?;
            Ok((unneeded, removed, operation))
        })?;
        self.imported.removed += removed;
        if operation.is_none() {
            self.workspace.left_over(&changes, &unneeded);
        }
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
            let (removed, tree) = remove_missing(tx, &copy, into, seen, &self.began)?;
            self.admit(tx, 0, &copy.tree, &directory_of(tx, &tree)?, now)?;
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
        after: &Directory,
        now: Timestamp,
    ) -> Result<()> {
        admit(tx, "import", self.holder, bytes, before, after, now)
    }

    /// Takes down the operation that a batch became, or became a part of.
    fn note(&mut self, operation: Option<OperationId>) {
        let operations = &mut self.imported.operations;
        if operation.is_some() && operations.last().copied() != operation {
            operations.extend(operation);
        }
    }
}
