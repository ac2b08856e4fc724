//! Views: files as the holder of a grant sees them.

use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use bytes::Bytes;
use futures::FutureExt as _;
use futures::future::BoxFuture;

use crate::change::{Change, ChangeOptions, Changed, Precondition};
use crate::entry::{Directory, Entry, EntryKind, File, Summary};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::{Grant, Scope};
use crate::id::TreeId;
use crate::import::{EntrySource, ImportOptions, Imported, SourceEntry, SourceKind};
use crate::path::{Name, TreePath};
use crate::store::ByteStream;
use crate::tree::{Walker, list, resolve};
use crate::workspace::tx::Tx;
use crate::workspace::{At, Pin, Workspace};

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
    pub(crate) fn new(workspace: Workspace, at: At, grant: Grant) -> Self {
        Self {
            workspace,
            at,
            grant,
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
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside the grant.
    pub fn list(
        &self,
        path: &TreePath,
        after: Option<&Name>,
        limit: usize,
    ) -> Result<Vec<(Name, Entry)>> {
        self.within("list", |tx| {
            let tree = self.directory(tx, "list", path)?;
            let mut found = Vec::new();
            let mut after = after.cloned();
            while found.len() < limit {
                let page = list(tx, &tree, after.as_ref(), limit - found.len())?;
                let Some((last, _)) = page.last() else { break };
                after = Some(last.clone());
                for (name, entry) in page {
                    if let Some(entry) = self.seen(&path.join(&name)?, entry) {
                        found.push((name, entry));
                    }
                }
            }
            Ok(found)
        })
    }

    /// Walks everything below the directory `path`: a directory before its
    /// entries, names in byte order. The walk stays with the state it began with.
    ///
    /// # Errors
    /// `NotFound`; `NotADirectory`; `Denied` outside the grant.
    pub fn walk(&self, path: &TreePath) -> Result<Walk> {
        self.within("walk", |tx| {
            let tree = self.directory(tx, "walk", path)?;
            Ok(Walk {
                walker: Walker::new(tx, path.clone(), &tree)?,
                _pin: self.workspace.pin(tree),
                view: self.clone(),
                last: None,
                ahead: VecDeque::new(),
                ended: false,
            })
        })
    }

    /// Reads a whole file into memory, and checks it.
    ///
    /// # Errors
    /// `NotFound`; `IsADirectory`; `Invalid` for a symlink; `Denied` outside the
    /// grant; `Corrupt` where its content is missing or altered.
    pub async fn read(&self, path: &TreePath) -> Result<Bytes> {
        let file = self.file(path)?;
        self.workspace.read_entry(&file).await
    }

    /// Opens a file, or a range of it (in bytes, clamped to the file).
    ///
    /// # Errors
    /// As for [`read`](Self::read); `Invalid` for a range that ends before it starts.
    pub async fn open(&self, path: &TreePath, range: Option<Range<u64>>) -> Result<Opened> {
        let file = self.file(path)?;
        let range = range.unwrap_or(0..file.size);
        if range.start > range.end {
            return Err(Error::new(ErrorKind::Invalid, "open")
                .at(path)
                .because(format!("the range ends at {} before it starts", range.end)));
        }
        let range = range.start.min(file.size)..range.end.min(file.size);
        let body = self.workspace.open_entry(&file, range.clone()).await?;
        Ok(Opened { file, range, body })
    }

    /// Makes a batch of changes: all or nothing, as one operation. Objects are
    /// stored first, then everything is committed in one transaction. An empty
    /// batch, or one that leaves everything as it is, moves nothing.
    ///
    /// # Errors
    /// That of the first change that cannot be made, and then none is;
    /// `ReadOnly` for a revision or a bare tree; `Stale`, where the generation is
    /// not the expected one; `Denied` outside the grant.
    pub async fn change(&self, changes: Vec<Change>, options: ChangeOptions) -> Result<Changed> {
        let changes = changes
            .into_iter()
            .map(|change| self.allow(change))
            .collect::<Result<Vec<_>>>()?;
        self.workspace
            .change(self.at, changes, options)
            .await
            .map_err(|error| self.shown(error))
    }

    /// Begins an export of everything below the directory `path`, which becomes
    /// `/` in it.
    ///
    /// # Errors
    /// As for [`walk`](Self::walk).
    pub fn export(&self, path: &TreePath) -> Result<Export> {
        Ok(Export {
            walk: self.walk(path)?,
            root: path.clone(),
        })
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
        let mut source = Allowed {
            source,
            grant,
            into,
        };
        let imported = self
            .workspace
            .import_as(self.at, &mut source, options, grant.replaces());
        imported.await.map_err(|error| self.shown(error))
    }

    fn within<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        self.workspace
            .read(operation, body)
            .map_err(|error| self.shown(error))
    }

    fn denied(&self, operation: &'static str, path: &TreePath) -> Error {
        Error::new(ErrorKind::Denied, operation).at(path)
    }

    /// Names paths as the holder sees them, never the copy, and says no more about
    /// it than that it is closed.
    fn shown(&self, error: Error) -> Error {
        let narrow = !self.grant.scopes().is_empty();
        if error.kind() == ErrorKind::Closed && narrow {
            return Error::new(ErrorKind::Closed, error.operation().to_string());
        }
        let at = self.at.to_string();
        error.map_subject(|subject| match TreePath::new(subject) {
            Ok(path) => Some(match self.grant.locate(&path) {
                Some(path) => path.to_string(),
                None => "/".into(),
            }),
            // `copy` and its id, or the id alone.
            Err(_) => (!narrow || !at.ends_with(subject)).then(|| subject.into()),
        })
    }

    /// Returns what a listing shows of an entry, if anything.
    fn seen(&self, path: &TreePath, entry: Entry) -> Option<Entry> {
        if self.grant.reads(path) {
            Some(entry)
        } else if entry.kind() == EntryKind::Directory && self.grant.passes(path) {
            Some(passage())
        } else {
            None
        }
    }

    /// Returns the tree of a directory that may be read or passed through.
    fn directory(&self, tx: &Tx<'_>, operation: &'static str, path: &TreePath) -> Result<TreeId> {
        let readable = self.grant.reads(path);
        if !readable && !self.grant.passes(path) {
            return Err(self.denied(operation, path));
        }
        let absolute = self.grant.resolve(path)?;
        match resolve(tx, &tx.resolve(self.at)?, &absolute)? {
            Some(Entry::Directory(directory)) => Ok(directory.tree),
            _ if !readable => Err(self.denied(operation, path)),
            Some(entry) => Err(Error::new(ErrorKind::NotADirectory, operation)
                .at(&absolute)
                .because(format!("it is a {}", entry.kind()))),
            None => Err(Error::new(ErrorKind::NotFound, operation).at(&absolute)),
        }
    }

    fn file(&self, path: &TreePath) -> Result<File> {
        if !self.grant.reads(path) {
            return Err(self.denied("read", path));
        }
        match self.stat(path)? {
            Some(Entry::File(file)) => Ok(file),
            Some(Entry::Directory(_)) => Err(Error::new(ErrorKind::IsADirectory, "read").at(path)),
            Some(Entry::Symlink(symlink)) => Err(Error::new(ErrorKind::Invalid, "read")
                .at(path)
                .because(format!(
                    "it is a symlink to {}, which is not followed",
                    symlink.target
                ))),
            None => Err(Error::new(ErrorKind::NotFound, "read").at(path)),
        }
    }

    /// Checks a change against the grant and moves it to where it is in the
    /// whole tree.
    fn allow(&self, mut change: Change) -> Result<Change> {
        let grant = &self.grant;
        let (operation, allowed) = match &change {
            // A condition asks what is there.
            Change::Write { path, options, .. } => (
                "write",
                grant.writes(path)
                    && (options.precondition == Precondition::None || grant.reads(path)),
            ),
            Change::Mkdir { path, .. } => ("mkdir", grant.writes(path)),
            Change::Symlink { path, .. } => ("symlink", grant.writes(path)),
            Change::Remove { path, .. } => ("remove", grant.deletes(path)),
            Change::SetExecutable { path, .. } => ("set executable", grant.writes(path)),
            Change::Rename { from, to, replace } => (
                "rename",
                grant.deletes(from)
                    && grant.reads(from)
                    && if *replace {
                        grant.deletes(to)
                    } else {
                        grant.writes(to)
                    },
            ),
            Change::Copy { from, to, replace } => (
                "copy",
                grant.reads(from)
                    && if *replace {
                        grant.deletes(to)
                    } else {
                        grant.writes(to)
                    },
            ),
        };
        let paths = match &mut change {
            Change::Write { path, .. }
            | Change::Mkdir { path, .. }
            | Change::Symlink { path, .. }
            | Change::Remove { path, .. }
            | Change::SetExecutable { path, .. } => vec![path],
            Change::Rename { from, to, .. } | Change::Copy { from, to, .. } => vec![from, to],
        };
        for path in paths {
            if !allowed {
                return Err(self.denied(operation, path));
            }
            *path = self.grant.resolve(path)?;
        }
        Ok(change)
    }
}

/// The entries of a source that a grant lets in.
struct Allowed<'a> {
    source: &'a mut dyn EntrySource,
    grant: &'a Grant,
    into: TreePath,
}

impl Allowed<'_> {
    async fn allowed(&mut self) -> Result<Option<SourceEntry>> {
        let grant = self.grant;
        while let Some(entry) = self.source.next().await? {
            let path = entry.path.below(&self.into)?;
            if grant.writes(&path) {
                return Ok(Some(entry));
            }
            if entry.kind != SourceKind::Directory || !grant.leads_to_writes(&path) {
                // Named as in the whole tree, as errors of the import are.
                let path = grant.resolve(&path)?;
                return Err(Error::new(ErrorKind::Denied, "import").at(path));
            }
        }
        Ok(None)
    }
}

impl EntrySource for Allowed<'_> {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        self.allowed().boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.source.chunk()
    }
}

/// What shows of a directory that is only on the way.
fn passage() -> Entry {
    Entry::Directory(Directory {
        tree: TreeId::empty(),
        summary: Summary::default(),
    })
}

/// How many entries a walk reads at once.
const AHEAD: usize = 256;

/// A walk through a view. See [`View::walk`].
pub struct Walk {
    walker: Walker,
    view: View,
    last: Option<TreePath>,
    ahead: VecDeque<(TreePath, Entry)>,
    ended: bool,
    _pin: Rc<Pin>,
}

impl std::fmt::Debug for Walk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Walk")
            .field("view", &self.view)
            .finish_non_exhaustive()
    }
}

impl Walk {
    /// Leaves out what is below the directory that was returned last.
    pub fn skip_directory(&mut self) {
        if let Some(directory) = self.last.take() {
            self.ahead.retain(|(path, _)| !path.starts_with(&directory));
            self.walker.leave(&directory);
        }
    }

    /// Reads some entries ahead, in one state of the store.
    fn fill(&mut self) -> Result<()> {
        let (view, walker, ahead) = (&self.view, &mut self.walker, &mut self.ahead);
        self.ended = view.within("walk", |tx| {
            while ahead.len() < AHEAD {
                let Some((path, entry)) = walker.next(tx)? else {
                    return Ok(true);
                };
                let tree = entry.as_directory().map(|directory| directory.tree);
                if let Some(entry) = view.seen(&path, entry) {
                    if let Some(tree) = tree {
                        walker.enter(tx, path.clone(), &tree)?;
                    }
                    ahead.push_back((path, entry));
                }
            }
            Ok(false)
        })?;
        Ok(())
    }
}

impl Iterator for Walk {
    type Item = Result<(TreePath, Entry)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ahead.is_empty()
            && !self.ended
            && let Err(error) = self.fill()
        {
            self.ended = true;
            self.ahead.clear();
            return Some(Err(error));
        }
        let found = self.ahead.pop_front()?;
        self.last = Some(found.0.clone());
        Some(Ok(found))
    }
}

/// An export under way. See [`View::export`].
#[derive(Debug)]
pub struct Export {
    walk: Walk,
    root: TreePath,
}

/// An entry of an export.
#[derive(Debug)]
pub struct Exported {
    /// Where it is, below the directory that is exported.
    pub path: TreePath,
    /// What it is.
    pub entry: Entry,
    /// The bytes of a file.
    pub body: Option<Opened>,
}

impl Export {
    /// Returns the next entry, a directory before what is in it; `None` at the
    /// end.
    ///
    /// # Errors
    /// `Corrupt` where a content is missing; each body checks itself.
    pub async fn next(&mut self) -> Result<Option<Exported>> {
        let Some((path, entry)) = self.walk.next().transpose()? else {
            return Ok(None);
        };
        let body = match &entry {
            Entry::File(file) => {
                let range = 0..file.size;
                let body = self
                    .walk
                    .view
                    .workspace
                    .open_entry(file, range.clone())
                    .await?;
                Some(Opened {
                    file: file.clone(),
                    range,
                    body,
                })
            }
            _ => None,
        };
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        Ok(Some(Exported { path, entry, body }))
    }
}
