//! Which operation a batch of an import belongs to.

use crate::change::Author;
use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{OperationId, TreeId};
use crate::import::Imported;
use crate::store::{CopyRecord, MetaTx as _, OperationCause, OperationRecord};
use crate::workspace::tx::{Tx, next_operation};

/// Moves the copy to `tree`: as part of the newest of `ours`, the operations that
/// the import made so far, if that is still the copy's newest, and as a further
/// one if somebody else made one since. Returns the operation, if it moved.
pub(super) fn extend(
    tx: &Tx<'_>,
    mut copy: CopyRecord,
    tree: TreeId,
    author: &Author,
    ours: &[OperationId],
    now: Timestamp,
) -> Result<Option<OperationId>> {
    if tree == copy.tree {
        return Ok(None);
    }
    let going_on = match copy.operation.filter(|newest| ours.last() == Some(newest)) {
        Some(id) => tx.rows.operation(&copy.id, id)?,
        None => None,
    };
    let operation = match going_on {
        Some(operation) => OperationRecord {
            after: tree,
            ..operation
        },
        None if ours.len() >= Imported::MAX_OPERATIONS => {
            return Err(Error::new(ErrorKind::LimitExceeded, "import")
                .at(copy.id)
                .because(format!(
                    "others changed the copy between {} of its batches",
                    ours.len()
                )));
        }
        None => next_operation(&copy, OperationCause::Import, author, now, tree),
    };
    tx.move_copy(&mut copy, &operation, now)?;
    Ok(Some(operation.id))
}
