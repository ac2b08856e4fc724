//! The log of a copy, and undoing one entry of it.

use crate::change::Author;
use crate::entry::{Entry, Timestamp};
use crate::error::{Error, ErrorKind, Result};
use crate::grant::Grant;
use crate::id::{CopyId, OperationId};
use crate::memo::{Once, Repeat};
use crate::path::TreePath;
use crate::reason::{Reason, Sought};
use crate::store::{MetaTx as _, OperationCause, OperationRecord};
use crate::tree::{Differences, Merged, directory_of, merge};
use crate::workspace::Workspace;
use crate::workspace::batch::{By, check_text};
use crate::workspace::budgets::{admit_tree, check_alive};
use crate::workspace::tx::{Tx, next_operation};

/// The most operations that one call undoes.
const MAX_UNDONE: usize = 1_000;

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
            self.undo_in(tx, copy, &[id], author, None, now)
        })
    }

    /// Undoes operations on behalf of a holder, as far as its grant lets it change what they
    /// changed; once for a key.
    pub(crate) fn undo_as(
        &self,
        copy: CopyId,
        ids: &[OperationId],
        author: &Author,
        (by, grant): (&By<'_>, &Grant),
        once: Option<&Once<'_, Undone>>,
    ) -> Result<Repeat<Undone>> {
        check_text("undo", &author.actor, &author.note)?;
        if ids.is_empty() || ids.len() > MAX_UNDONE {
            return Err(Error::invalid(Reason::OutOfRange, "undo")
                .because(format!("expected 1 to {MAX_UNDONE} operations")));
        }
        let mut newest_first = ids.to_vec();
        newest_first.sort_unstable_by(|one, other| other.cmp(one));
        newest_first.dedup();
        let (holder, now) = (by.holder, self.now());
        self.write("undo", |tx| {
            check_alive(tx, "undo", holder, now)?;
            let undo = || self.undo_in(tx, copy, &newest_first, author, Some((by, grant)), now);
            match once {
                None => undo().map(Repeat::First),
                Some(once) => self.once_in(tx, "undo", holder, once, now, undo),
            }
        })
    }

    /// Undoes operations, one after the other, as one operation: that of the first of them.
    fn undo_in(
        &self,
        tx: &Tx<'_>,
        copy: CopyId,
        ids: &[OperationId],
        author: &Author,
        holder: Option<(&By<'_>, &Grant)>,
        now: Timestamp,
    ) -> Result<Undone> {
        let mut copy = tx.open_copy("undo", copy, now)?;
        let mut tree = copy.tree;
        for id in ids {
            let name = format!("operation {id}");
            let undone = tx.rows.operation(&copy.id, *id)?;
            let undone =
                undone.ok_or_else(|| Error::not_found(Sought::Operation, "undo").at(&name))?;
            if matches!(undone.cause, OperationCause::Rebase(_)) {
                return Err(Error::invalid(Reason::NotUndoable, "undo")
                    .at(name)
                    .because(
                        "a rebase brought in the changes of its parent and cannot be undone",
                    ));
            }
            if let Some((_, grant)) = holder {
                check_changes(tx, grant, &undone)?;
            }
            tree = match merge(tx, &undone.after, &tree, &undone.before)? {
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
        }
        let first = ids.first().filter(|_| tree != copy.tree);
        let Some(first) = first else {
            return Ok(Undone {
                generation: copy.generation,
                operation: None,
            });
        };
        if let Some((by, _)) = holder {
            let (had, has) = (directory_of(tx, &copy.tree)?, directory_of(tx, &tree)?);
            admit_tree(tx, "undo", by.holder, (&had.summary, &has.summary), now)?;
        }
        let operation = next_operation(&copy, OperationCause::Undo(*first), author, now, tree);
        tx.move_copy(&mut copy, &operation, now)?;
        Ok(Undone {
            generation: copy.generation,
            operation: Some(operation.id),
        })
    }
}

/// Refuses to undo what changed a path that the holder of a part may not change back.
fn check_changes(tx: &Tx<'_>, grant: &Grant, undone: &OperationRecord) -> Result<()> {
    if grant.scopes().is_empty() {
        return Ok(());
    }
    let mut differences =
        Differences::new(tx, &TreePath::root(), &undone.before, &undone.after, None)?;
    while let Some((path, old, new)) = differences.next(tx)? {
        let stays = matches!((&old, &new), (Some(Entry::File(_)), Some(Entry::File(_))));
        let own = grant.locate(&path);
        let may = own.is_some_and(|own| match stays {
            true => grant.writes(&own),
            false => grant.deletes(&own),
        });
        if !may {
            return Err(Error::new(ErrorKind::Denied, "undo")
                .at(format!("operation {}", undone.id))
                .because("it changed more than the grant lets be changed"));
        }
    }
    Ok(())
}
