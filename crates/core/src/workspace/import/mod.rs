//! Tree import: a stream of entries into head or a copy.
//!
//! [`staging`] is the copy that an import into head works in, [`pull`] takes the
//! entries from the source and commits them in batches, [`Uploads`](super::uploads::Uploads) stores
//! contents meanwhile, [`log`] says which operation a batch belongs to, and
//! [`missing`] removes what the source does not have.

mod body;
mod log;
mod missing;
mod pull;
mod staging;

use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::CopyId;
use crate::import::{EntrySource, ImportOptions, Imported};
use crate::path::TreePath;
use crate::workspace::apply::{Applied, ApplyOptions, RevisionMessage};
use crate::workspace::batch::{By, check_text};
use crate::workspace::{At, Workspace};

use pull::Pull;
use staging::Staging;

/// The grant that an import keeps to, and the directory that it goes into as the holder
/// of that names it.
type Within<'a> = (&'a Grant, &'a TreePath);

impl Workspace {
    /// Imports a source over the files that are there.
    ///
    /// A later entry for a path wins; an entry that leaves a path as it is
    /// changes nothing. A directory takes the place of a file, a file that of an
    /// empty directory only. What the source does not name stays. With
    /// [`delete_missing`](ImportOptions::delete_missing) it goes, and a file takes the place
    /// of any directory that nobody changed since the import began.
    ///
    /// Into a copy: in batches, each all or nothing, together one operation; a
    /// further one begins where somebody else changed the copy between two
    /// batches. A source that fails leaves the batches before, as operations to
    /// undo. Into head: in a copy of its own, which is applied at the end, as one
    /// revision; a source that fails, or a future that is dropped, leaves head
    /// untouched and the copy discarded.
    ///
    /// Stores up to 16 contents of up to 1 MiB at once, 4 MiB in all, while the
    /// source is read on; a larger one is stored as it is read.
    ///
    /// # Errors
    /// Those of the source; `LimitExceeded`, also for more than
    /// [`MAX_OPERATIONS`](Imported::MAX_OPERATIONS); `NotADirectory` and
    /// `IsADirectory` where the source or the tree have a file where a directory
    /// must be, or the other way round; `Conflict` where head moved meanwhile;
    /// `ReadOnly` for a revision or a bare tree; `NotFound`, `Closed`.
    pub async fn import(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
    ) -> Result<Imported> {
        let by = By {
            holder: None,
            root: TreePath::root(),
        };
        let into = options.into.clone();
        self.import_as(at, source, options, (&Grant::all(), &into), by)
            .await
    }

    /// Imports what `grant` lets be written, `into` as its holder names it: directories on the way to that are passed
    /// over, as many as entries may be imported; anything else is `Denied`. Where it
    /// does not allow removal, no entry gives way to one of another kind. Compares
    /// each path once with each glob. Each batch is admitted by the grant of whom it is
    /// imported for, and is no longer, nor has more entries, than that has left.
    pub(crate) async fn import_as(
        &self,
        at: At,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        within: Within<'_>,
        by: By<'_>,
    ) -> Result<Imported> {
        check_text("import", &options.author.actor, &options.author.note)?;
        match at {
            At::Copy(copy) => {
                let staged = false;
                self.import_into(copy, staged, source, options, within, by)
                    .await
            }
            At::Head => {
                let staging = Staging::fork(self)?;
                self.import_staged(staging, source, options, within, by)
                    .await
            }
            At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, "import").at(at)),
        }
    }

    /// Imports into the copy `staging`, and applies it.
    async fn import_staged(
        &self,
        staging: Staging<'_>,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        within: Within<'_>,
        by: By<'_>,
    ) -> Result<Imported> {
        let message = RevisionMessage::default()
            .actor(options.author.actor.clone())
            .message(options.author.note.clone());
        let imported = self
            .import_into(staging.copy(), true, source, options, within, by)
            .await?;
        let options = ApplyOptions::default().message(message);
        let revision = match staging.apply(options)? {
            Applied::Published { revision, .. } => Some(revision),
            Applied::ToParent { .. } | Applied::Unchanged { .. } => None,
        };
        Ok(Imported {
            operations: Vec::new(),
            revision,
            ..imported
        })
    }

    async fn import_into(
        &self,
        copy: CopyId,
        staged: bool,
        source: &mut dyn EntrySource,
        options: ImportOptions<'_>,
        within: Within<'_>,
        by: By<'_>,
    ) -> Result<Imported> {
        let began = self.read("import", |tx| tx.open_copy("import", copy, self.now()))?;
        // What is there now is compared with at the end.
        let _pin = options.delete_missing.then(|| self.pin(began.tree));
        let pull = Pull::new(self, &began, options, within, by, staged)?;
        pull.run(source).await
    }
}
