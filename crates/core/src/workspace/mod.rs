//! The facade: one workspace with its copies and revisions.

mod apply;
pub(crate) mod batch;
mod budgets;
mod collect;
mod contents;
mod copies;
mod diff;
mod edit;
mod events;
mod fsck;
pub(crate) mod grants;
mod import;
mod in_flight;
mod memos;
mod nesting;
mod operations;
mod options;
mod partial;
mod pins;
mod previews;
mod resolve;
mod revisions;
mod target;
mod together;
pub(crate) mod tx;
mod upkeep;
mod uploads;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

pub use apply::{Applied, ApplyOptions, Rebased, RevisionMessage};
pub use collect::{CollectBudget, Collected};
pub use contents::{Reserved, Stored};
pub use copies::{CopyStatus, ForkOptions};
pub use diff::{DiffOptions, Difference};
pub use fsck::{FsckOptions, FsckReport, Garbage, Problem};
pub use grants::{GrantOptions, Issued};
pub use in_flight::HeldObject;
pub use operations::Undone;
pub use options::Options;
pub use resolve::{Conflicting, Conflicts, RebaseOptions, Resolution, Take};
pub use revisions::{KeepRevisions, Recorded};
pub use together::{Overlap, Together};
pub use upkeep::{NextStep, Upkeep, UpkeepStep};

use crate::context::Context;
use crate::entry::Directory;
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::{CopyId, GrantId, RevisionId, TreeId};
use crate::meter::{Meter, Receipt};
use crate::store::{
    BlobStore, GrantRecord, HeadRecord, MetaStore, MetaTx, Purpose, StoreUsage, WhichGrants,
};
use crate::tree::directory_of;
use crate::view::View;
use events::Readers;
use in_flight::InFlight;
pub(crate) use pins::Pin;
use pins::Pins;
use tx::{NodeCache, Tx};

/// One named durable file tree with its working copies and revisions.
///
/// A cheap handle: clones share the workspace. It belongs to the thread that
/// made it and is the only writer of its stores; calls that only touch
/// metadata are synchronous, and those that may touch the blob store are async
/// and can be interleaved on that thread. Every mutation is one transaction:
/// it happened, durably, or it did not.
///
/// Each handle adds up what its calls cost; see [`metered`](Self::metered).
#[derive(Clone)]
pub struct Workspace {
    pub(crate) inner: Rc<Inner>,
    pub(crate) meter: Rc<Meter>,
    /// Whether a crash may lose what this handle commits.
    unsynced: bool,
}

pub(crate) struct Inner {
    meta: Box<dyn MetaStore>,
    blobs: Arc<dyn BlobStore>,
    context: Context,
    options: Options,
    cache: RefCell<NodeCache>,
    /// Head as the last transaction left it: nobody else writes.
    head: RefCell<Option<HeadRecord>>,
    /// Whether writers must mark what they put for a collection under way.
    collecting: Cell<bool>,
    pins: RefCell<Pins>,
    in_flight: InFlight,
    /// Whether a collection has deleted contents through this handle or a clone.
    swept: Cell<bool>,
    readers: Readers,
    /// Whether there are events that a crash may take back.
    unflushed: Cell<bool>,
    /// Where the last searches for dead grants came to.
    grant_searches: RefCell<BTreeMap<WhichGrants, GrantId>>,
}

/// Which tree is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum At {
    /// The current files. Can be written.
    #[default]
    Head,
    /// The files of an open copy. Can be written.
    Copy(CopyId),
    /// The files of a revision.
    Revision(RevisionId),
    /// A tree by its id, as long as something still holds it.
    Tree(TreeId),
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Head => f.write_str("head"),
            Self::Copy(id) => write!(f, "copy {id}"),
            Self::Revision(id) => write!(f, "revision {id}"),
            Self::Tree(id) => write!(f, "tree {id}"),
        }
    }
}

impl Workspace {
    /// Creates the workspace in empty stores, with an empty head.
    ///
    /// # Errors
    /// `AlreadyExists` where the store holds a workspace; `Invalid` for options
    /// out of range.
    pub fn create(
        meta: Box<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        context: Context,
        options: Options,
    ) -> Result<Self> {
        let workspace = Self::over(meta, blobs, context, options)?;
        let modified = workspace.inner.context.clock.now();
        workspace.write("create", |tx| {
            if tx.rows.head()?.is_some() {
                return Err(Error::new(ErrorKind::AlreadyExists, "create").at("workspace"));
            }
            tx.set_head(&HeadRecord {
                version: 0,
                tree: TreeId::empty(),
                revision: None,
                recorded: None,
                modified,
            })
        })?;
        Ok(workspace)
    }

    /// Opens the workspace that the stores hold.
    ///
    /// # Errors
    /// `NotFound` where they hold none; `Invalid` for options out of range.
    pub fn open(
        meta: Box<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        context: Context,
        options: Options,
    ) -> Result<Self> {
        let workspace = Self::over(meta, blobs, context, options)?;
        let collection = workspace.read("open", |tx| {
            tx.head()?;
            tx.rows.collection()
        })?;
        workspace
            .inner
            .collecting
            .set(collection.is_some_and(|found| found.phase.marks()));
        Ok(workspace)
    }

    fn over(
        meta: Box<dyn MetaStore>,
        blobs: Arc<dyn BlobStore>,
        context: Context,
        options: Options,
    ) -> Result<Self> {
        options.check()?;
        let inner = Inner {
            meta,
            blobs,
            context,
            options,
            cache: RefCell::new(NodeCache::new(options.node_cache)),
            head: RefCell::default(),
            collecting: Cell::new(false),
            pins: RefCell::default(),
            in_flight: InFlight::default(),
            swept: Cell::new(false),
            readers: Readers::default(),
            unflushed: Cell::new(false),
            grant_searches: RefCell::default(),
        };
        Ok(Self {
            inner: Rc::new(inner),
            meter: Rc::default(),
            unsynced: false,
        })
    }

    /// Returns a handle on the same workspace with a receipt of its own, from
    /// zero: call on it what is to be measured, then ask for
    /// [`receipt`](Self::receipt).
    #[must_use]
    pub fn metered(&self) -> Self {
        Self {
            inner: Rc::clone(&self.inner),
            meter: Rc::default(),
            unsynced: self.unsynced,
        }
    }

    /// Returns a handle on the same workspace whose commits a crash may lose, until one
    /// through another handle has returned: what they did is lost from the last one
    /// backwards, and never in part. For what is thrown away in a crash in any case, such as
    /// a copy that only one call works in; it costs no flush of the disk.
    #[must_use]
    pub fn unsynced(&self) -> Self {
        Self {
            unsynced: true,
            ..self.clone()
        }
    }

    /// Returns what it was opened with.
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    /// Returns what the calls on this handle, its clones and its views have
    /// cost so far.
    pub fn receipt(&self) -> Receipt {
        self.meter.receipt()
    }

    /// Returns the head.
    pub fn head(&self) -> Result<HeadRecord> {
        self.read("read head", |tx| tx.head())
    }

    /// Returns the id of a tree.
    ///
    /// # Errors
    /// `NotFound` for an unknown copy, revision or tree; `Closed` for a closed copy.
    pub fn tree(&self, at: At) -> Result<TreeId> {
        self.read("resolve", |tx| tx.resolve(at))
    }

    /// Returns the files of `at` with full authority.
    pub fn files(&self, at: At) -> View {
        self.view(at, Grant::all())
    }

    /// Returns the files of `at` as the holder of `grant` sees them.
    pub fn view(&self, at: At, grant: Grant) -> View {
        View::new(self.clone(), at, grant, None)
    }

    /// Returns the files of a grant that was handed out, as its holder sees them. Each
    /// commit looks at the grant again: where it is dead, or has no budget left for
    /// what is added, nothing is committed.
    ///
    /// # Errors
    /// `Denied` for a preview, which has no holder.
    pub fn view_of(&self, grant: &GrantRecord) -> Result<View> {
        match &grant.purpose {
            Purpose::Files(files) => {
                let holder = Some(grant.id);
                Ok(View::new(self.clone(), grant.at, files.clone(), holder))
            }
            Purpose::Site(_) => Err(Error::new(ErrorKind::Denied, "view")),
        }
    }

    /// Counts what the stores hold. Reads every row.
    pub fn usage(&self) -> Result<StoreUsage> {
        self.read("measure", |tx| tx.rows.usage())
    }

    /// Refuses a tree of more entries than there may be, unless it has fewer than
    /// `before`.
    pub(crate) fn check_entries(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        before: &TreeId,
        after: &Directory,
    ) -> Result<()> {
        let (entries, limit) = (after.summary.entries(), self.inner.options.max_entries);
        if entries <= limit || entries <= directory_of(tx, before)?.summary.entries() {
            return Ok(());
        }
        Err(Error::new(ErrorKind::LimitExceeded, operation)
            .because(format!("the tree would have more than {limit} entries")))
    }

    /// Returns the time by the workspace's clock.
    pub fn now(&self) -> crate::Timestamp {
        self.inner.context.clock.now()
    }

    /// Runs `body` over one consistent state.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut body = Some(body);
        let mut out = None;
        self.inner.meta.read(&mut |rows| {
            let body = body.take().ok_or_else(|| ran_twice(operation))?;
            let tx = Tx::new(self, rows);
            out = Some(body(&tx)?);
            self.inner.head.replace(tx.into_head());
            Ok(())
        })?;
        out.ok_or_else(|| ran_twice(operation))
    }

    /// Runs `body` as one transaction.
    pub(crate) fn write<T>(
        &self,
        operation: &'static str,
        body: impl FnOnce(&Tx<'_>) -> Result<T>,
    ) -> Result<T> {
        let mut body = Some(body);
        let mut out = None;
        let mut told = false;
        // It is not known again before the commit is.
        let mut head = None;
        let before = self.meter.receipt();
        let mut once = |rows: &dyn MetaTx| {
            let body = body.take().ok_or_else(|| ran_twice(operation))?;
            let tx = Tx::new(self, rows);
            out = Some(body(&tx)?);
            told = tx.told();
            head = tx.into_head();
            Ok(())
        };
        let committed = match self.unsynced {
            true => self.inner.meta.write_unsynced(&mut once),
            false => self.inner.meta.write(&mut once),
        };
        self.inner.head.replace(head.filter(|_| committed.is_ok()));
        match self.unsynced {
            true if told => self.inner.unflushed.set(true),
            false if committed.is_ok() && wrote(self.meter.receipt() - before) => {
                self.inner.unflushed.set(false);
            }
            _ => {}
        }
        // Also where the commit failed: its events may be there all the same.
        if told {
            self.inner.readers.wake();
        }
        committed?;
        let after = self.meter.receipt() - before;
        if wrote(after) {
            self.meter.count(|receipt| receipt.commits += 1);
        }
        out.ok_or_else(|| ran_twice(operation))
    }
}

/// Tells whether a transaction has written, and so flushed, anything.
fn wrote(receipt: Receipt) -> bool {
    receipt.rows_written + receipt.nodes_written > 0
}

/// A store that does not run a body exactly once breaks its contract.
fn ran_twice(operation: &'static str) -> Error {
    Error::new(ErrorKind::Unavailable, operation)
        .because("the store did not run the transaction once")
}

impl fmt::Debug for Workspace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Workspace")
            .field("options", &self.inner.options)
            .finish_non_exhaustive()
    }
}
