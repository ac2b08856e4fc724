//! What a batch of changes is made to.

use crate::change::{Author, Changed};
use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::event::Event;
use crate::id::TreeId;
use crate::store::{CopyRecord, HeadRecord, OperationCause};
use crate::workspace::At;
use crate::workspace::tx::{Tx, next_operation};

/// What a batch is made to: head, or an open copy.
pub(crate) enum Target {
    Head(HeadRecord),
    Copy(CopyRecord),
}

impl Target {
    pub(crate) fn load(
        tx: &Tx<'_>,
        operation: &'static str,
        at: At,
        now: Timestamp,
    ) -> Result<Self> {
        match at {
            At::Head => tx.head().map(Self::Head),
            At::Copy(id) => tx.open_copy(operation, id, now).map(Self::Copy),
            At::Revision(_) | At::Tree(_) => Err(Error::new(ErrorKind::ReadOnly, operation).at(at)),
        }
    }

    pub(crate) fn tree(&self) -> TreeId {
        match self {
            Self::Head(head) => head.tree,
            Self::Copy(copy) => copy.tree,
        }
    }

    fn generation(&self) -> u64 {
        match self {
            Self::Head(head) => head.version,
            Self::Copy(copy) => copy.generation,
        }
    }

    /// Fails with `Stale` at another generation than the expected one.
    pub(crate) fn expect(&self, expected: Option<u64>) -> Result<()> {
        match expected {
            Some(expected) if expected != self.generation() => {
                let at = match self {
                    Self::Head(_) => At::Head,
                    Self::Copy(copy) => At::Copy(copy.id),
                };
                Err(Error::new(ErrorKind::Stale, "change")
                    .at(at)
                    .because(format!(
                        "at generation {}, not {expected}",
                        self.generation()
                    )))
            }
            _ => Ok(()),
        }
    }

    /// Moves the target to `tree`, if that is another one.
    pub(crate) fn commit(
        self,
        tx: &Tx<'_>,
        tree: TreeId,
        cause: OperationCause,
        author: &Author,
        now: Timestamp,
    ) -> Result<Changed> {
        let same = tree == self.tree();
        let unchanged = Changed {
            generation: self.generation(),
            tree,
            operation: None,
        };
        match self {
            _ if same => Ok(unchanged),
            Self::Head(mut head) => {
                head.version += 1;
                head.tree = tree;
                head.modified = now;
                tx.set_head(&head)?;
                tx.tell(&Event::head_moved(&head, &author.actor))?;
                Ok(Changed {
                    generation: head.version,
                    ..unchanged
                })
            }
            Self::Copy(mut copy) => {
                let operation = next_operation(&copy, cause, author, now, tree);
                tx.move_copy(&mut copy, &operation, now)?;
                Ok(Changed {
                    generation: copy.generation,
                    tree,
                    operation: Some(operation.id),
                })
            }
        }
    }
}
