//! The copy that an import into head works in.

use crate::entry::Timestamp;
use crate::error::Result;
use crate::id::CopyId;
use crate::store::CopyRecord;
use crate::workspace::Workspace;
use crate::workspace::apply::{Applied, ApplyOptions};
use crate::workspace::copies::ForkOptions;
use crate::workspace::tx::Tx;

/// How long the copy outlives a crash, from its last batch on.
const STAGING_MILLIS: i64 = 24 * 60 * 60 * 1000;

/// A copy without a name. It is discarded on drop unless it was applied, so that
/// neither an error nor a future that is dropped leaves it open.
pub(super) struct Staging<'a> {
    workspace: &'a Workspace,
    copy: CopyId,
    applied: bool,
}

impl<'a> Staging<'a> {
    pub(super) fn fork(workspace: &'a Workspace) -> Result<Self> {
        let expires = Some(workspace.now().plus_millis(STAGING_MILLIS));
        let copy = workspace.fork(ForkOptions::default().expires(expires))?;
        Ok(Self {
            workspace,
            copy: copy.id,
            applied: false,
        })
    }

    pub(super) fn copy(&self) -> CopyId {
        self.copy
    }

    /// Applies the copy; it is discarded where nothing was changed.
    pub(super) fn apply(mut self, options: ApplyOptions) -> Result<Applied> {
        let applied = self.workspace.apply(self.copy, options)?;
        self.applied = applied.is_some();
        Ok(applied)
    }
}

/// Puts off the end of the copy of an import that goes on. At most every half of its
/// time, as it is a row.
pub(super) fn renew(tx: &Tx<'_>, copy: &mut CopyRecord, now: Timestamp) -> Result<()> {
    let soon = now.plus_millis(STAGING_MILLIS / 2);
    if copy.expires.is_some_and(|expires| expires > soon) {
        return Ok(());
    }
    copy.expires = Some(now.plus_millis(STAGING_MILLIS));
    tx.put_copy(copy)
}

impl Drop for Staging<'_> {
    fn drop(&mut self) {
        // While a panic unwinds, the store may be in use further down the stack.
        if !self.applied && !std::thread::panicking() {
            // Where this fails, the copy expires after `STAGING_MILLIS`.
            let _expires = self.workspace.discard(self.copy);
        }
    }
}
