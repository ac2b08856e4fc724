//! Working copies: fork, find, rename, discard, expire.

use derive_setters::Setters;

use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::{Event, EventKind};
use crate::id::CopyId;
use crate::reason::{Reason, Sought};
use crate::store::{CopyRecord, CopyState, MetaTx as _};
use crate::workspace::Workspace;
use crate::workspace::tx::Tx;

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
    /// When it expires; `None` for never.
    #[setters(into)]
    pub expires: Option<Timestamp>,
}

impl ForkOptions {
    /// Names the copy.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..Self::default()
        }
    }
}

impl Workspace {
    /// Forks head into a working copy. Two rows, whatever the tree's size.
    ///
    /// # Errors
    /// `AlreadyExists` where an open copy has the name; `Invalid` for a name or
    /// an expiry that cannot be.
    pub fn fork(&self, options: ForkOptions) -> Result<CopyRecord> {
        if let Some(name) = &options.name {
            check_name("fork", name)?;
        }
        let now = self.now();
        if options.expires.is_some_and(|expires| expires <= now) {
            return Err(Error::invalid(Reason::InThePast, "fork")
                .at("expires")
                .because("in the past"));
        }
        let id = CopyId::from_bytes(self.inner.context.ids.next());
        self.write("fork", |tx| {
            let head = tx.head()?;
            if let Some(name) = &options.name {
                free_name(tx, "fork", name, now)?;
            }
            let copy = CopyRecord {
                id,
                name: options.name,
                state: CopyState::Open,
                base_version: head.version,
                base: head.tree,
                tree: head.tree,
                generation: 0,
                operation: None,
                created: now,
                modified: now,
                expires: options.expires,
            };
            tx.put_copy(&copy)?;
            tx.tell(&Event::forked(&copy))?;
            Ok(copy)
        })
    }

    /// Returns a copy, open or closed.
    ///
    /// # Errors
    /// `NotFound`; also for a closed copy that is no longer remembered.
    pub fn copy(&self, id: CopyId) -> Result<CopyRecord> {
        self.read("read copy", |tx| tx.any_copy("read copy", id))
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

    /// Throws a copy away. Repeating it is fine. Two rows; collection reclaims
    /// what only the copy held.
    ///
    /// # Errors
    /// `NotFound`; `Closed` where it was applied.
    pub fn discard(&self, id: CopyId) -> Result<CopyRecord> {
        let now = self.now();
        self.write("discard", |tx| {
            let copy = tx.any_copy("discard", id)?;
            match copy.state {
                CopyState::Discarded => Ok(copy),
                CopyState::Open => close(tx, copy, EventKind::Discarded, now),
                CopyState::Applied(_) => tx.open_copy("discard", id, now),
            }
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

/// Discards up to `limit` open copies whose time is up; returns how many.
pub(crate) fn expire(tx: &Tx<'_>, limit: usize, now: Timestamp) -> Result<u64> {
    let expired = tx.rows.expiring_copies(now, limit)?;
    let count = expired.len() as u64;
    for copy in expired {
        close(tx, copy, EventKind::Expired, now)?;
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

/// Closes a copy, which was `kind`: discarded or expired.
fn close(tx: &Tx<'_>, mut copy: CopyRecord, kind: EventKind, now: Timestamp) -> Result<CopyRecord> {
    copy.state = CopyState::Discarded;
    copy.modified = now;
    tx.put_copy(&copy)?;
    tx.tell(&Event::of_copy(kind, copy.id, now))?;
    Ok(copy)
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
