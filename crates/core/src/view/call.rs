//! What a holder's calls led to, and taking them back.

use crate::change::Author;
use crate::error::{Error, ErrorKind, Result};
use crate::id::OperationId;
use crate::memo::{MemoKey, Once, Repeat};
use crate::store::MemoRecord;
use crate::view::View;
use crate::workspace::{At, Undone};

impl View {
    /// Returns what a call under a key led to, that was made once through a view of the same
    /// holder; `None` where there was none, or it is kept no longer.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn memo(&self, key: &MemoKey) -> Result<Option<MemoRecord>> {
        let found = self.workspace.memo(self.holder.as_ref(), key);
        found.map_err(|error| self.told(error))
    }

    /// Undoes operations of the copy, the newest first, each as
    /// [`Workspace::undo`](crate::Workspace::undo) does, as one operation and once for its
    /// key: all of them or none. What they changed the grant must let be changed back; what
    /// the files have more of then, in bytes and in entries, is charged to a holder.
    ///
    /// # Errors
    /// As for [`Workspace::undo`](crate::Workspace::undo); `ReadOnly` but for a copy;
    /// `Denied` where one of them changed more than the grant lets be changed, or where that
    /// is over; `Invalid` for none and for more than 1,000, and where the key was used for
    /// another call; `LimitExceeded` where there is no room.
    pub fn undo_once(
        &self,
        ids: &[OperationId],
        author: &Author,
        once: &Once<'_, Undone>,
    ) -> Result<Repeat<Undone>> {
        let At::Copy(copy) = self.at else {
            return Err(Error::new(ErrorKind::ReadOnly, "undo")
                .because("only what was done in a copy is undone"));
        };
        let by = self.by();
        let undone = (self.workspace).undo_as(copy, ids, author, (&by, &self.grant), Some(once));
        undone.map_err(|error| self.told(error))
    }
}
