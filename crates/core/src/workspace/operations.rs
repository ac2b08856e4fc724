//! The log of a copy, and undoing one entry of it.

use crate::change::Author;
use crate::error::{Error, Result};
use crate::id::{CopyId, OperationId};
use crate::path::TreePath;
use crate::reason::{Reason, Sought};
use crate::store::{MetaTx as _, OperationCause, OperationRecord};
use crate::tree::{Merged, merge};
use crate::workspace::Workspace;
use crate::workspace::batch::check_text;
use crate::workspace::tx::next_operation;

/// What undoing led to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Undone {
    /// The copy's generation after it.
    pub generation: u64,
    /// The operation that undid it; `None` where nothing of it was left.
    pub operation: Option<OperationId>,
}

impl Workspace {
    /// Returns up to `limit` operations of a copy after `after`, oldest first.
    /// Those of a closed copy too, as long as it is remembered.
    ///
    /// # Errors
    /// `NotFound` for an unknown copy.
    pub fn operations(
        &self,
        copy: CopyId,
        after: Option<OperationId>,
        limit: usize,
    ) -> Result<Vec<OperationRecord>> {
        self.read("list operations", |tx| {
            tx.any_copy("list operations", copy)?;
            tx.rows.operations(&copy, after, limit)
        })
    }

    /// Undoes one operation of an open copy, as a new operation: a three-way
    /// step from its tree after to its tree before, which keeps what came later.
    ///
    /// # Errors
    /// `Conflict`, with the paths, where later operations changed the same;
    /// nothing changes. `LimitExceeded` where more was changed than one call looks
    /// at, or the files would be more than
    /// [`max_entries`](crate::Options::max_entries). `Invalid` for a rebase, whose
    /// changes are head's.
    /// `NotFound`, `Closed`.
    pub fn undo(&self, copy: CopyId, id: OperationId, author: &Author) -> Result<Undone> {
        check_text("undo", &author.actor, &author.note)?;
        let now = self.now();
        self.write("undo", |tx| {
            let mut copy = tx.open_copy("undo", copy, now)?;
            let name = format!("operation {id}");
            let undone = tx.rows.operation(&copy.id, id)?;
            let undone =
                undone.ok_or_else(|| Error::not_found(Sought::Operation, "undo").at(&name))?;
            if matches!(undone.cause, OperationCause::Rebase(_)) {
                return Err(Error::invalid(Reason::NotUndoable, "undo")
                    .at(name)
                    .because(
                        "a rebase brought in the changes of its parent and cannot be undone",
                    ));
            }
            let tree = match merge(tx, &undone.after, &copy.tree, &undone.before)? {
                Merged::Tree(directory) => {
                    // Too large a tree may come back where it is there already.
                    self.check_entries(tx, "undo", &copy.tree, &directory)
                        .or_else(|_| self.check_entries(tx, "undo", &undone.before, &directory))?;
                    directory.tree
                }
                Merged::Conflict(conflict) => {
                    let first = conflict.both.paths.first().map_or("", TreePath::as_str);
                    let why = format!(
                        "{} paths that it changed were changed later, first {first}",
                        conflict.both.count
                    );
                    return Err(Error::conflicting("undo", conflict)
                        .at(format!("operation {id}"))
                        .because(why));
                }
            };
            if tree == copy.tree {
                return Ok(Undone {
                    generation: copy.generation,
                    operation: None,
                });
            }
            let cause = OperationCause::Undo(id);
            let operation = next_operation(&copy, cause, author, now, tree);
            tx.move_copy(&mut copy, &operation, now)?;
            Ok(Undone {
                generation: copy.generation,
                operation: Some(operation.id),
            })
        })
    }
}
