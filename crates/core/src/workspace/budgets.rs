//! Budgets: what the holders of grants may add.

use crate::entry::{Directory, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::id::{GrantId, TreeId};
use crate::reason::Reason;
use crate::store::{Budget, GrantRecord, MetaTx as _, Used};
use crate::tree::directory_of;
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
/// that the tree has more than `before`. Costs a row for each of those grants, and
/// writes those that have a budget.
///
/// # Errors
/// `Denied` where the grant is dead; `LimitExceeded` where there is no room.
pub(super) fn admit(
    tx: &Tx<'_>,
    operation: &'static str,
    holder: Option<&GrantId>,
    bytes: u64,
    before: &TreeId,
    after: &Directory,
    now: Timestamp,
) -> Result<()> {
    let Some(holder) = holder else { return Ok(()) };
    let found = tx.rows.grant(holder)?.filter(is_to_files);
    let line = match found {
        Some(grant) => line(tx, grant, now)?,
        None => None,
    };
    let Some(line) = line else {
        return Err(Error::new(ErrorKind::Denied, operation).because("the grant is over"));
    };
    let budgeted = |grant: &GrantRecord| grant.budget != Budget::default();
    let line: Vec<_> = line.into_iter().filter(budgeted).collect();
    if line.is_empty() {
        return Ok(());
    }
    let had = directory_of(tx, before)?.summary.entries();
    let has = after.summary.entries();
    for grant in line {
        let used = spend(operation, &grant, bytes, had, has)?;
        if used != grant.used {
            tx.rows.set_used(&grant.id, used)?;
        }
    }
    Ok(())
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
