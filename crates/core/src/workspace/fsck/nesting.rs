//! Copies of copies: that each is where it says, and may be.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::store::{CopyRecord, CopyState, MetaTx as _};
use crate::workspace::fsck::readable;
use crate::workspace::nesting::{MAX_DEPTH, MAX_NESTED};
use crate::workspace::tx::Tx;

/// Says what is wrong with where an open copy is.
pub(super) fn misplaced(
    tx: &Tx<'_>,
    copy: &CopyRecord,
    parent: Option<&CopyRecord>,
) -> Result<Vec<String>> {
    let Some(id) = copy.parent else {
        let stray = copy
            .top
            .map(|stray| format!("its parent is head, but it is below copy {stray}"));
        let below = tx.rows.count_nested(&copy.id)?;
        let many = (below > MAX_NESTED as u64).then(|| {
            format!("{below} open copies are below it, and {MAX_NESTED} are the most there may be")
        });
        return Ok(stray.into_iter().chain(many).collect());
    };
    let parent = match parent {
        Some(parent) if parent.state == CopyState::Open => parent,
        Some(_) => return Ok(vec![format!("its parent, copy {id}, is closed")]),
        None => {
            return Ok(vec![format!(
                "its parent, copy {id}, is missing or cannot be read"
            )]);
        }
    };
    let mut wrong = Vec::new();
    let top = parent.top.unwrap_or(id);
    if copy.top != Some(top) {
        wrong.push(format!("it is not below copy {top}, as its parent is"));
    }
    let outlives = |until| copy.expires.is_none_or(|expires| expires > until);
    if parent.expires.is_some_and(outlives) {
        wrong.push(format!("it expires later than its parent, copy {id}"));
    }
    wrong.extend(too_deep(tx, copy)?);
    Ok(wrong)
}

/// Goes from parent to parent, up to one more than there may be.
fn too_deep(tx: &Tx<'_>, copy: &CopyRecord) -> Result<Option<String>> {
    let mut line = BTreeSet::from([copy.id]);
    let mut above = copy.parent;
    while let Some(id) = above {
        if id == copy.id {
            return Ok(Some("it is below itself".into()));
        }
        // Those above that are below themselves say so.
        if !line.insert(id) {
            return Ok(None);
        }
        if line.len() > MAX_DEPTH {
            return Ok(Some(format!(
                "more than {MAX_DEPTH} copies are one below the other, down to it"
            )));
        }
        above = readable(tx.rows.copy(&id))?.and_then(|copy| copy.parent);
    }
    Ok(None)
}
