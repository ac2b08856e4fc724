//! Views: files as the holder of a grant sees them.

mod allow;
mod call;
mod export;
mod short;
mod sight;
mod told;
mod walk;

use std::ops::Range;

use bytes::Bytes;
use futures::TryStreamExt as _;

use crate::change::{AllowedChange, Change, ChangeOptions, Changed, Content, WriteOptions};
use crate::entry::{Entry, File};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Grant, Scope};
use crate::id::{GrantId, TreeId};
use crate::import::{EntrySource, ImportOptions, Imported};
use crate::memo::{Once, Repeat};
use crate::path::{Name, TreePath};
use crate::reason::{Reason, Sought};
use crate::store::ByteStream;
use crate::tree::{list, resolve};
use crate::workspace::batch::{By, Condition};
use crate::workspace::tx::Tx;
use crate::workspace::{At, Workspace};

use sight::{Sight, passage};

pub use export::{Export, Exported};
pub use walk::Walk;

/// How many entries a listing reads at once, at least, where not all of them show.
const PAGE: usize = 256;

/// The files of head, a copy or a revision, as the holder of a grant sees them.
///
/// The only way to files, for product code (with [`Grant::all`]) and for
/// delegated holders alike. Paths are as seen from the grant's root. What is
/// outside the grant is `Denied`, whether it exists or not. A directory that is
/// only on the way to what may be read shows as an empty one in [`stat`](Self::stat).
///
/// A view follows its target: reading from a copy's view sees the copy's latest
/// state, while a walk or an export stays with the state that it began with.
#[derive(Clone, Debug)]
pub struct View {
    workspace: Workspace,
    at: At,
    grant: Grant,
    /// The grant that was handed out, and that each commit looks at again.
    holder: Option<GrantId>,
}

/// A file that is being read.
pub struct Opened {
    /// The file.
    pub file: File,
    /// The bytes that are coming, clamped to the file.
    pub range: Range<u64>,
    /// The bytes. Where they are the whole file, the stream ends with a
    /// `Corrupt` error if they are not those that were stored.
    pub body: ByteStream<'static>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Opened")
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl View {
    pub(crate) fn new(workspace: Workspace, at: At, grant: Grant, holder: Option<GrantId>) -> Self {
        Self {
            workspace,
            at,
            grant,
            holder,
        }
    }

    /// Returns what it is a view of.
    pub fn at(&self) -> At {
        self.at
    }

    /// Returns the grant.
    pub fn grant(&self) -> &Grant {
        &self.grant
    }

    /// Returns a view that allows no more than this one and no more than `scope`.
    #[must_use]
    pub fn attenuate(&self, scope: Scope) -> Self {
        Self {
            grant: self.grant.attenuate(scope),
            ..self.clone()
        }
    }

    /// Returns the entry at `path`, or `None` where there is none.
    ///
    /// # Errors
    /// `Denied` outside the grant.
    pub fn stat(&self, path: &TreePath) -> Result<Option<Entry>> {
        let readable = self.grant.reads(path);
        if !readable && !self.grant.passes(path) {
            return Err(self.denied("stat", path));
        }
        let absolute = self.grant.resolve(path)?;
        let found = self.within("stat", |tx| resolve(tx, &tx.resolve(self.at)?, &absolute))?;
        match found {
            found if readable => Ok(found),
            Some(Entry::Directory(_)) => Ok(Some(passage())),
            _ => Err(self.denied("stat", path)),
        }
    }

    /// Returns up to `limit` entries of the directory `path` after `after`, in
    /// byte order of their names.
    ///
    /// What the grant leaves out is read over, so that a page costs in proportion to
    /// the entries that it goes past, at one step of each glob an entry, however
    /// deep the directory is.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside the grant.
    pub fn list(
        &self,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Entry)>> {
        self.within("list", |tx| {
            let (tree, mut sight) = self.directory(tx, "list", path)?;
            let mut found = Vec::new();
            let mut after = after.cloned();
            while found.len() < limit {
                let missing = limit - found.len();
                let size = if sight.is_whole() {
                    missing
                } else {
                    missing.max(PAGE)
                };
                let page = list(tx, &tree, after.as_ref(), size)?;
                let ended = page.len() < size;
                after = page.last().map(|(last, _)| last.clone());
                for (name, entry) in page {
                    if let Some(entry) = sight.of(&self.grant, &name, entry) {
                        found.push((name, entry));
                    }
                }
                if ended {
                    break;
                }
            }
            found.truncate(limit);
            Ok(found)
        })
    }

    /// Walks everything below the directory `path`: a directory before its
    /// entries, names in byte order. The walk stays with the state it began with.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside the grant.
    pub fn walk(&self, path: &TreePath) -> Result<Walk> {
        Walk::new(self, path)
    }

    /// Reads a whole file into memory, and checks it.
    ///
    /// # Errors
    /// `NotFound`; `IsADirectory`; `Invalid` for a symlink; `Denied` outside the
    /// grant; `Corrupt` where its content is missing or altered.
    pub async fn read(&self, path: &TreePath) -> Result<Bytes> {
        let file = self.file(path)?;
        let bytes = self.workspace.read_kept(&file).await;
        bytes.map_err(|error| self.told(error))
    }

    /// Opens a file, or a range of it (in bytes, clamped to the file).
    ///
    /// # Errors
    /// As for [`read`](Self::read); `Invalid` for a range that ends before it starts.
    pub async fn open(&self, path: &TreePath, range: Option<Range<u64>>) -> Result<Opened> {
        let file = self.file(path)?;
        let range = range.unwrap_or(0..file.size);
        if range.start > range.end {
            return Err(Error::invalid(Reason::MalformedRange, "open")
                .at(path)
                .because(format!("the range ends at {} before it starts", range.end)));
        }
        let range = range.start.min(file.size)..range.end.min(file.size);
        self.opened(file, range).await
    }

    /// Opens a range of a file; its errors, also those on the way, are told as the
    /// holder may know them.
    async fn opened(&self, file: File, range: Range<u64>) -> Result<Opened> {
        let body = self.workspace.open_kept(&file, range.clone()).await;
        let body = body.map_err(|error| self.told(error))?;
        let (at, grant) = (self.at, self.grant.clone());
        let body = body.map_err(move |error| told::told(error, at, &grant));
        Ok(Opened {
            file,
            range,
            body: Box::pin(body),
        })
    }

    /// Makes a batch of changes: all or nothing, as one operation. Objects are
    /// stored first, then everything is committed in one transaction. An empty
    /// batch, or one that leaves everything as it is, moves nothing.
    ///
    /// # Errors
    /// That of the first change that cannot be made, and then none is;
    /// `ReadOnly` for a revision or a bare tree; `Stale`, where the generation is
    /// not the expected one; `Denied` outside the grant; `LimitExceeded` where the
    /// number of the grant's globs times the bytes of all paths, and 128 for each scope
    /// but the first, is more than 268,435,456.
    pub async fn change(&self, changes: Vec<Change>, options: ChangeOptions) -> Result<Changed> {
        made(self.make(Ok(None), changes, options, None).await?)
    }

    /// Makes a batch of changes as [`change`](Self::change) does, once for its key. The keys
    /// of the holder of a grant are its own.
    ///
    /// # Errors
    /// As for [`change`](Self::change); `Invalid` where the key was used for another call;
    /// `LimitExceeded` where more of them are kept than may be.
    pub async fn change_once(
        &self,
        changes: Vec<Change>,
        options: ChangeOptions,
        once: &Once<'_, Changed>,
    ) -> Result<Repeat<Changed>> {
        self.make(Ok(None), changes, options, Some(once)).await
    }

    /// Makes a batch of changes, as [`change`](Self::change) does, if `holds` lets it. It
    /// is called with what is at `path` once all objects are stored, in the transaction
    /// that commits: what it has seen is what gives way, whoever writes meanwhile. Where
    /// it fails nothing changes, and its error is returned, at `path`.
    ///
    /// # Errors
    /// As for [`change`](Self::change); those of `holds`; `Denied` where the grant does
    /// not let `path` be read.
    pub async fn change_if(
        &self,
        path: &TreePath,
        holds: impl FnOnce(Option<&Entry>) -> Result<()>,
        changes: Vec<Change>,
        options: ChangeOptions,
    ) -> Result<Changed> {
        let condition = match self.grant.reads(path) {
            true => self.grant.resolve(path).map(|path| {
                let holds = Box::new(holds);
                Some(Condition { path, holds })
            }),
            false => Err(self.denied("change", path)),
        };
        made(self.make(condition, changes, options, None).await?)
    }

    async fn make(
        &self,
        condition: Result<Option<Condition<'_>>>,
        changes: Vec<Change>,
        options: ChangeOptions,
        once: Option<&Once<'_, Changed>>,
    ) -> Result<Repeat<Changed>> {
        let allowed =
            condition.and_then(|condition| Ok((condition, allow::allowed(&self.grant, changes)?)));
        let changed = match allowed {
            Ok((condition, changes)) => {
                let workspace = &self.workspace;
                let changed =
                    workspace.change(self.at, self.by(), condition, changes, options, once);
                changed.await.map_err(|error| self.told(error))
            }
            Err(error) => Err(error),
        };
        if !matches!(changed, Ok(Repeat::First(_))) {
            self.workspace.let_go().await;
        }
        changed
    }

    /// Fails as writing a file at `path` would now, whatever its content: for who has to
    /// say so before the content is there. Changes nothing.
    ///
    /// # Errors
    /// As for [`change`](Self::change).
    pub fn check_write(
        &self,
        path: &TreePath,
        how: WriteOptions,
        options: &ChangeOptions,
    ) -> Result<()> {
        let write = Change::Write {
            path: path.clone(),
            content: Content::from(Bytes::new()),
            options: how,
        };
        for AllowedChange {
            change, rests_on, ..
        } in allow::allowed(&self.grant, vec![write])?
        {
            if let Change::Write {
                path, options: how, ..
            } = &change
            {
                let rests_on = rests_on.as_ref();
                self.workspace
                    .check_write(self.at, self.by(), path, rests_on, how, options)
                    .map_err(|error| self.told(error))?;
            }
        }
        Ok(())
    }

    /// Begins an export of everything below the directory `path`, which becomes
    /// `/` in it.
    ///
    /// # Errors
    /// As for [`walk`](Self::walk).
    pub fn export(&self, path: &TreePath) -> Result<Export> {
        Export::new(self, path)
    }

    /// Imports a source over the files that are there, as
    /// [`Workspace::import`] does. Within a grant that does not allow removal, no
    /// entry gives way to one of another kind; a directory that the source names
    /// on the way to what may be written is passed over.
    ///
    /// # Errors
    /// As for [`Workspace::import`]; `Denied` outside the grant, and for
    /// `delete_missing` unless everything there may be removed.
    pub async fn import(
        &self,
        source: &mut dyn EntrySource,
        mut options: ImportOptions<'_>,
    ) -> Result<Imported> {
        let into = options.into.clone();
        let grant = &self.grant;
        if options.delete_missing && !(grant.deletes(&into) && grant.reads(&into)) {
            return Err(self.denied("import", &into));
        }
        options.into = grant.resolve(&into)?;
        let workspace = &self.workspace;
        let imported = workspace.import_as(self.at, source, options, (grant, &into), self.by());
        imported.await.map_err(|error| self.told(error))
    }

    /// Returns on whose behalf it changes files.
    fn by(&self) -> By<'_> {
        By {
            holder: self.holder.as_ref(),
            // One whose root is too long allows nothing.
            root: (self.grant.resolve(&TreePath::root())).unwrap_or_else(|_| TreePath::root()),
        }
    }

    fn within<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.workspace
            .read(operation, body)
            .map_err(|error| self.told(error))
    }

    fn denied(&self, operation: &'static str, path: &TreePath) -> Error {
        denied(operation, path)
    }

    /// Says no more of an error than the holder may know.
    fn told(&self, error: Error) -> Error {
        told::told(error, self.at, &self.grant)
    }

    /// Returns the tree of a directory that may be read or passed through, and
    /// what shows of its entries.
    fn directory(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        path: &TreePath,
    ) -> Result<(TreeId, Sight)> {
        let sight = Sight::new(&self.grant, path).ok_or_else(|| self.denied(operation, path))?;
        let absolute = self.grant.resolve(path)?;
        match resolve(tx, &tx.resolve(self.at)?, &absolute)? {
            Some(Entry::Directory(directory)) => Ok((directory.tree, sight)),
            _ if !sight.is_whole() => Err(self.denied(operation, path)),
            Some(entry) => Err(Error::new(ErrorKind::NotADirectory, operation)
                .at(&absolute)
                .because(format!("it is a {}", entry.kind()))),
            None => Err(Error::not_found(Sought::Path, operation).at(&absolute)),
        }
    }

    fn file(&self, path: &TreePath) -> Result<File> {
        if !self.grant.reads(path) {
            return Err(self.denied("read", path));
        }
        match self.stat(path)? {
            Some(Entry::File(file)) => Ok(file),
            Some(Entry::Directory(_)) => Err(Error::new(ErrorKind::IsADirectory, "read").at(path)),
            Some(Entry::Symlink(symlink)) => Err(Error::invalid(Reason::NotAFile, "read")
                .at(path)
                .because(format!(
                    "it is a symlink to {}, which is not followed",
                    symlink.target
                ))),
            None => Err(Error::not_found(Sought::Path, "read").at(path)),
        }
    }
}

/// Returns what a call without a key led to.
fn made(changed: Repeat<Changed>) -> Result<Changed> {
    match changed {
        Repeat::First(changed) => Ok(changed),
        Repeat::Again(_) => Err(Error::new(ErrorKind::Unavailable, "change")
            .because("a call without a key was taken for another one")),
    }
}

fn denied(operation: &'static str, path: &TreePath) -> Error {
    Error::new(ErrorKind::Denied, operation).at(path)
}
