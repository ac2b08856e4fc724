//! Budgets: what the holders of grants may add.

use crate::entry::{Summary, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GrantId, TreeId};
use crate::reason::Reason;
use crate::store::{Budget, GrantRecord, MetaTx as _, Used};
use crate::tree::{Editor, directory_of};
use crate::workspace::Workspace;
use crate::workspace::grants::{is_to_files, line};
use crate::workspace::tx::Tx;

/// The most bytes or entries that a budget can be of: what all stores hold exactly.
const MAX_BUDGET: u64 = (1 << 53) - 1;

impl Budget {
    /// Returns the narrower of both.
    pub(super) fn within(self, other: Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            // What bounds the other bounds this one all the same.
            (one, _) => one,
        };
        Self {
            max_bytes: least(self.max_bytes, other.max_bytes),
            max_entries: least(self.max_entries, other.max_entries),
        }
    }

    pub(super) fn check(self, operation: &'static str) -> Result<()> {
        for (limit, what) in [
            (self.max_bytes, "max_bytes"),
            (self.max_entries, "max_entries"),
        ] {
            if limit.is_some_and(|limit| limit > MAX_BUDGET) {
                return Err(Error::invalid(Reason::OutOfRange, operation)
                    .at(what)
                    .because(format!("more than {MAX_BUDGET}")));
            }
        }
        Ok(())
    }
}

impl Workspace {
    /// Returns what the holder of a grant may still add: what is left of its budget
    /// and of those of all that it was attenuated from.
    pub fn left(&self, grant: &GrantRecord) -> Result<Budget> {
        let now = self.now();
        self.read("read grant", |tx| {
            let line = line(tx, grant.clone(), now)?.unwrap_or_default();
            Ok(line.iter().map(left_of).fold(Budget::default(), least))
        })
    }

    /// Returns what a holder may still add.
    ///
    /// # Errors
    /// `Denied` where the grant is dead.
    pub(super) fn left_of(
        &self,
        operation: &'static str,
        holder: Option<&GrantId>,
    ) -> Result<Budget> {
        if holder.is_none() {
            return Ok(Budget::default());
        }
        let now = self.now();
        self.read(operation, |tx| {
            let line = budgeted_line(tx, operation, holder, now)?;
            Ok(line.iter().map(left_of).fold(Budget::default(), least))
        })
    }

    /// Refuses what adds more entries than the holder's budget has left, as
    /// [`admit`] would, and charges nothing.
    pub(super) fn check_room(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        holder: Option<&GrantId>,
        before: &TreeId,
        editor: &Editor<'_>,
    ) -> Result<()> {
        let line = budgeted_line(tx, operation, holder, self.now())?;
        let Some((had, has)) = growth(tx, &line, before, editor)? else {
            return Ok(());
        };
        for grant in line {
            spend(operation, &grant, 0, had, has)?;
        }
        Ok(())
    }
}

fn left_of(grant: &GrantRecord) -> Budget {
    let left = |max: Option<u64>, used: u64| max.map(|max| max.saturating_sub(used));
    Budget {
        max_bytes: left(grant.budget.max_bytes, grant.used.bytes),
        max_entries: left(grant.budget.max_entries, grant.used.entries),
    }
}

fn least(one: Budget, other: Budget) -> Budget {
    let least = |one: Option<u64>, other: Option<u64>| one.into_iter().chain(other).min();
    Budget {
        max_bytes: least(one.max_bytes, other.max_bytes),
        max_entries: least(one.max_entries, other.max_entries),
    }
}

/// Lets a holder's batch be committed, in its transaction: the grant must be alive, and
/// it and all that it was attenuated from have room for `bytes`, and for the entries
/// that the tree has with its edits and had not `before`. Costs a row for each of those
/// grants, and writes those that have a budget; where one of them limits entries, what
/// the edits take the place of is looked up.
///
/// # Errors
/// `Denied` where the grant is dead; `LimitExceeded` where there is no room.
pub(super) fn admit(
    tx: &Tx<'_>,
    operation: &'static str,
    holder: Option<&GrantId>,
    bytes: u64,
    before: &TreeId,
    editor: &Editor<'_>,
    now: Timestamp,
) -> Result<()> {
    let line = budgeted_line(tx, operation, holder, now)?;
    let (had, has) = growth(tx, &line, before, editor)?.unwrap_or_default();
    for grant in line {
        let used = spend(operation, &grant, bytes, had, has)?;
        if used != grant.used {
            tx.rows.set_used(&grant.id, used)?;
        }
    }
    Ok(())
}

/// Lets a holder make a tree of these totals of one of those, as [`admit`] does: what it has
/// more of, in bytes and in entries, is charged.
///
/// # Errors
/// As for [`admit`].
pub(super) fn admit_tree(
    tx: &Tx<'_>,
    operation: &'static str,
    holder: Option<&GrantId>,
    (had, has): (&Summary, &Summary),
    now: Timestamp,
) -> Result<()> {
    let bytes = has.bytes.saturating_sub(had.bytes);
    for grant in budgeted_line(tx, operation, holder, now)? {
        let used = spend(operation, &grant, bytes, had.entries(), has.entries())?;
        if used != grant.used {
            tx.rows.set_used(&grant.id, used)?;
        }
    }
    Ok(())
}

/// Refuses a holder whose grant is dead.
///
/// # Errors
/// `Denied`.
pub(super) fn check_alive(
    tx: &Tx<'_>,
    operation: &'static str,
    holder: Option<&GrantId>,
    now: Timestamp,
) -> Result<()> {
    budgeted_line(tx, operation, holder, now).map(drop)
}

/// Returns those of a holder's grant and of all that it was attenuated from that have a
/// budget; none without a holder.
///
/// # Errors
/// `Denied` where the grant is dead.
fn budgeted_line(
    tx: &Tx<'_>,
    operation: &'static str,
    holder: Option<&GrantId>,
    now: Timestamp,
) -> Result<Vec<GrantRecord>> {
    let Some(holder) = holder else {
        return Ok(Vec::new());
    };
    let found = tx.rows.grant(holder)?.filter(is_to_files);
    let line = match found {
        Some(grant) => line(tx, grant, now)?,
        None => None,
    };
    let Some(line) = line else {
        return Err(Error::new(ErrorKind::Denied, operation).because("the grant is over"));
    };
    let budgeted = |grant: &GrantRecord| grant.budget != Budget::default();
    Ok(line.into_iter().filter(budgeted).collect())
}

/// Returns how many entries the tree had and has; `None` where no grant limits that.
fn growth(
    tx: &Tx<'_>,
    line: &[GrantRecord],
    before: &TreeId,
    editor: &Editor<'_>,
) -> Result<Option<(u64, u64)>> {
    match line.iter().any(|grant| grant.budget.max_entries.is_some()) {
        false => Ok(None),
        true => {
            let had = directory_of(tx, before)?.summary.entries();
            Ok(Some((had, editor.entries()?)))
        }
    }
}

/// Returns what is used of a grant's budget afterwards.
fn spend(
    operation: &'static str,
    grant: &GrantRecord,
    bytes: u64,
    had: u64,
    has: u64,
) -> Result<Used> {
    let full = |what: &str| {
        Error::new(ErrorKind::LimitExceeded, operation)
            .because(format!("more {what} than the grant's budget has left"))
    };
    let Budget {
        max_bytes,
        max_entries,
    } = grant.budget;
    let mut used = grant.used;
    if let Some(max) = max_bytes {
        used.bytes = used.bytes.saturating_add(bytes);
        if used.bytes > max && bytes > 0 {
            return Err(full("bytes"));
        }
    }
    if let Some(max) = max_entries {
        used.entries = (used.entries.saturating_add(has)).saturating_sub(had);
        if used.entries > max && has > had {
            return Err(full("entries"));
        }
    }
    Ok(used)
}
