//! Working copies: fork, find, rename, discard, expire.

use derive_setters::Setters;

use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::id::{CopyId, TreeId};
use crate::memo::{Once, Repeat};
use crate::reason::{Reason, Sought};
use crate::store::{CopyRecord, CopyState, HeadRecord, MetaTx as _};
use crate::workspace::nesting::{Parent, Start, close};
use crate::workspace::tx::Tx;
use crate::workspace::{At, Workspace};

/// The longest name of a copy, in bytes.
const MAX_COPY_NAME: usize = 100;
/// How many copies a scan looks at in one transaction.
const PAGE: usize = 100;

/// How to fork a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default, Setters)]
#[non_exhaustive]
pub struct ForkOptions {
    /// Its name: unique among open copies, 1 to 100 bytes, no control characters,
    /// and not 32 hex digits, which are an id.
    #[setters(into)]
    pub name: Option<String>,
    /// When it expires; `None` for never. One of a copy that expires does so no later.
    #[setters(into)]
    pub expires: Option<Timestamp>,
    /// What it is a copy of: head, a revision, or an open copy, which is its parent
    /// then. Of a revision, its parent is head.
    pub of: At,
}

impl ForkOptions {
    /// Names the copy.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }

    /// Forks a copy, which is the parent of the new one.
    pub fn of_copy(parent: CopyId) -> Self {
        Self::default().of(At::Copy(parent))
    }
}

/// How an open copy stands to its parent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyStatus {
    /// The copy.
    pub copy: CopyRecord,
    /// The version of head, or the generation of the copy that is its parent.
    pub parent_version: u64,
    /// The files of its parent.
    pub parent_tree: TreeId,
    /// Whether those are no longer what the copy is based on, so that an apply of a change
    /// would be refused. A time alone is no move.
    pub parent_moved: bool,
    /// The present head.
    pub head: HeadRecord,
}

impl Workspace {
    /// Forks head, a revision or a copy into a working copy. Two rows, whatever the
    /// tree's size; one is read for each copy above it, and one, to count them, for each
    /// open one below the topmost of these.
    ///
    /// # Errors
    /// `AlreadyExists` where an open copy has the name; `Invalid` for a name or
    /// an expiry that cannot be, and for a bare tree; `LimitExceeded` for more than 8
    /// copies one below the other, or 1,000 open ones below one whose parent is head;
    /// `NotFound` and `Closed` of what it is a copy of.
    pub fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        let now = self.now();
        let id = self.forkable(&options, now)?;
        self.write("fork", |tx| fork_in(tx, id, options, now))
    }

    /// Forks as [`fork`](Self::fork) does, once for its key, in two rows more.
    ///
    /// # Errors
    /// As for [`fork`](Self::fork); `Invalid` where the key was used for another call;
    /// `LimitExceeded` where more of them are kept than may be.
    pub fn fork_once(
        &self,
        options: ForkOptions,
        once: &Once<'_, CopyRecord>,
    ) -> Result<Repeat<CopyRecord>> {
        let now = self.now();
        self.write("fork", |tx| {
            self.once_in(tx, "fork", None, once, now, || {
                let id = self.forkable(&options, now)?;
                fork_in(tx, id, options, now)
            })
        })
    }

    /// Refuses options that cannot be; returns the id of a new copy.
    fn forkable(&self, options: &ForkOptions, now: Timestamp) -> Result<CopyId> {
        if let Some(name) = &options.name {
            check_name("fork", name)?;
        }
        if options.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::invalid(Reason::InThePast, "fork")
                .at("expires")
                .because("in the past"));
        }
        Ok(CopyId::from_bytes(self.inner.context.ids.next()))
    }

    /// Returns a copy, open or closed.
    ///
    /// # Errors
    /// `NotFound`; also for a closed copy that is no longer remembered.
    pub fn copy(&self, id: CopyId) -> Result<CopyRecord> {
        self.read("read copy", |tx| tx.any_copy("read copy", id))
    }

    /// Returns how a copy stands to its parent, in one consistent state.
    ///
    /// # Errors
    /// `NotFound`, `Closed`.
    pub fn status(&self, id: CopyId) -> Result<CopyStatus> {
        let now = self.now();
        self.read("read status", |tx| {
            let copy = tx.open_copy("read status", id, now)?;
            let parent = Parent::of(tx, "read status", &copy)?;
            Ok(CopyStatus {
                parent_version: parent.version(),
                parent_tree: parent.tree(),
                parent_moved: parent.moved(tx, &copy)?,
                head: tx.head()?,
                copy,
            })
        })
    }

    /// Returns the copy with that id, or the open copy of that name. Reads at most two
    /// rows, however many copies there are.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn find_copy(&self, name_or_id: &str) -> Result<CopyRecord> {
        self.read("find copy", |tx| {
            if let Ok(id) = name_or_id.parse()
                && let Some(copy) = tx.rows.copy(&id)?
            {
                return Ok(copy);
            }
            let named = tx.rows.open_copy_named(name_or_id)?;
            named.ok_or_else(|| {
                Error::not_found(Sought::Copy, "find copy")
                    .at(name_or_id.escape_debug())
                    .because("no open copy has that name or id")
            })
        })
    }

    /// Returns up to `limit` copies after `after`, in the order of their ids,
    /// which is that of forking.
    pub fn copies(
        &self,
        open_only: bool,
        after: Option<&CopyId>,
        limit: usize,
    ) -> Result<Vec<CopyRecord>> {
        self.read("list copies", |tx| tx.rows.copies(open_only, after, limit))
    }

    /// Renames an open copy.
    ///
    /// # Errors
    /// `AlreadyExists` where another open copy has the name; `Invalid` for what
    /// is no name; `NotFound` and `Closed`.
    pub fn rename_copy(&self, id: CopyId, name: Option<String>) -> Result<CopyRecord> {
        if let Some(name) = &name {
            check_name("rename copy", name)?;
        }
        let now = self.now();
        self.write("rename copy", |tx| {
            let mut copy = tx.open_copy("rename copy", id, now)?;
            if copy.name == name {
                return Ok(copy);
            }
            if let Some(name) = &name {
                free_name(tx, "rename copy", name, now)?;
            }
            copy.name = name;
            tx.put_copy(&copy)?;
            tx.tell(&Event::of_copy(EventKind::Renamed, id, now))?;
            Ok(copy)
        })
    }

    /// Throws a copy away, and those below it. Repeating it is fine. Two rows for each;
    /// collection reclaims what only they held.
    ///
    /// # Errors
    /// `NotFound`; `Closed` where it was applied.
    pub fn discard(&self, id: CopyId) -> Result<CopyRecord> {
        let now = self.now();
        self.write("discard", |tx| discard_in(tx, id, now))
    }

    /// Throws a copy away as [`discard`](Self::discard) does, once for its key.
    ///
    /// # Errors
    /// As for [`discard`](Self::discard); `Invalid` where the key was used for another call;
    /// `LimitExceeded` where more of them are kept than may be.
    pub fn discard_once(
        &self,
        id: CopyId,
        once: &Once<'_, CopyRecord>,
    ) -> Result<Repeat<CopyRecord>> {
        let now = self.now();
        self.write("discard", |tx| {
            let discard = || discard_in(tx, id, now);
            self.once_in(tx, "discard", None, once, now, discard)
        })
    }

    /// Discards the open copies whose time is up; returns how many. They are
    /// refused from that time on whether this ran or not. Commits in steps.
    pub fn expire_copies(&self) -> Result<u64> {
        let now = self.now();
        let mut expired = 0;
        loop {
            let step = self.write("expire copies", |tx| expire(tx, PAGE, now))?;
            expired += step;
            if step < PAGE as u64 {
                return Ok(expired);
            }
        }
    }

    /// Returns since when a copy must have been closed to be forgotten.
    pub(crate) fn forget_until(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.inner.options.keep_closed_copies.saturating_neg())
    }
}

fn fork_in(tx: &Tx<'_>, id: CopyId, options: ForkOptions, now: Timestamp) -> Result<CopyRecord> {
    if let Some(name) = &options.name {
        free_name(tx, "fork", name, now)?;
    }
    let start = Start::of(tx, options.of, now)?;
    let copy = CopyRecord {
        id,
        name: options.name,
        state: CopyState::Open,
        parent: start.parent,
        top: start.top,
        base_version: start.version,
        base: start.tree,
        tree: start.tree,
        generation: 0,
        operation: None,
        created: now,
        modified: now,
        expires: options.expires.into_iter().chain(start.expires).min(),
    };
    tx.put_copy(&copy)?;
    tx.tell(&Event::forked(&copy))?;
    Ok(copy)
}

fn discard_in(tx: &Tx<'_>, id: CopyId, now: Timestamp) -> Result<CopyRecord> {
    let copy = tx.any_copy("discard", id)?;
    match copy.state {
        CopyState::Discarded => Ok(copy),
        CopyState::Open => Ok(close(tx, copy, EventKind::Discarded, now)?.0),
        CopyState::Applied(_) => tx.open_copy("discard", id, now),
    }
}

/// Discards about `limit` open copies whose time is up; returns how many: fewer only
/// where no others are left. Those below one go with it, and are up to
/// [`MAX_NESTED`](super::nesting::MAX_NESTED) more.
pub(crate) fn expire(tx: &Tx<'_>, limit: usize, now: Timestamp) -> Result<u64> {
    let mut count = 0;
    for copy in tx.rows.expiring_copies(now, limit)? {
        if count >= limit as u64 {
            break;
        }
        // It may have gone with one above it by now.
        let copy = tx.any_copy("expire copies", copy.id)?;
        if copy.state == CopyState::Open {
            count += close(tx, copy, EventKind::Expired, now)?.1;
        }
    }
    Ok(count)
}

/// Forgets copies that were closed by `until`, operations first; returns how
/// many. Takes the rows that it deletes from `left`.
pub(crate) fn forget(tx: &Tx<'_>, left: &mut usize, until: Timestamp) -> Result<u64> {
    let mut forgotten = 0;
    for copy in tx.rows.closed_copies(until, *left)? {
        *left -= tx.rows.delete_operations(&copy.id, *left)?.min(*left);
        if *left == 0 {
            break;
        }
        tx.rows.delete_copy(&copy.id)?;
        *left -= 1;
        forgotten += 1;
    }
    Ok(forgotten)
}

fn check_name(operation: &'static str, name: &str) -> Result<()> {
    let why = if name.is_empty() {
        "the name is empty"
    } else if name.len() > MAX_COPY_NAME {
        "the name is longer than 100 bytes"
    } else if name.chars().any(char::is_control) {
        "the name has a control character"
    } else if name.parse::<CopyId>().is_ok() {
        "the name would be an id"
    } else {
        return Ok(());
    };
    let start: String = name.chars().take(MAX_COPY_NAME).collect();
    Err(Error::invalid(Reason::MalformedName, operation)
        .at(start.escape_debug())
        .because(why))
}

/// Makes sure that no open copy has the name; one that has expired gives way.
fn free_name(tx: &Tx<'_>, operation: &'static str, name: &str, now: Timestamp) -> Result<()> {
    match tx.rows.open_copy_named(name)? {
        None => Ok(()),
        Some(copy) if copy.expires.is_some_and(|expires| expires <= now) => {
            close(tx, copy, EventKind::Expired, now).map(|_| ())
        }
        Some(copy) => Err(Error::new(ErrorKind::AlreadyExists, operation)
            .at(name)
            .because(format!("open copy {} has that name", copy.id))),
    }
}
