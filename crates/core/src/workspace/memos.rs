//! Memos: what calls under a key led to, kept in their transactions.

use bytes::Bytes;

use crate::entry::Timestamp;
use crate::error::{Error, ErrorKind, Result};
use crate::id::GrantId;
use crate::memo::{MAX_MEMO, MemoKey, Once, Repeat};
use crate::store::{MemoEntry, MemoRecord, MetaTx as _};
use crate::workspace::Workspace;
use crate::workspace::tx::Tx;

/// How many memos that are kept no longer give way to a new one, where there is no room.
const GIVE_WAY: usize = 10;

impl Workspace {
    /// Returns what the call under a key of a grant's holder, or of who has the workspace,
    /// led to; `None` where there was none, or it is kept no longer.
    pub fn memo(&self, holder: Option<&GrantId>, key: &MemoKey) -> Result<Option<MemoRecord>> {
        let now = self.now();
        self.read("read memo", |tx| self.memo_in(tx, holder, key, now))
    }

    fn memo_in(
        &self,
        tx: &Tx<'_>,
        holder: Option<&GrantId>,
        key: &MemoKey,
        now: Timestamp,
    ) -> Result<Option<MemoRecord>> {
        let until = self.memos_until(now);
        let found = tx.rows.memo(holder, key)?;
        Ok(found.filter(|memo| memo.at > until))
    }

    /// Returns the answer of an earlier call under the same key.
    ///
    /// # Errors
    /// `Invalid` where that was another call.
    pub(super) fn repeated<T>(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        holder: Option<&GrantId>,
        once: &Once<'_, T>,
        now: Timestamp,
    ) -> Result<Option<Bytes>> {
        let memo = self.memo_in(tx, holder, once.key, now)?;
        memo.map(|memo| memo.answer_to(operation, once.request))
            .transpose()
    }

    /// Makes a call in its transaction, and keeps its answer there; or returns the answer of
    /// an earlier one under the same key, and makes none.
    ///
    /// # Errors
    /// Those of the call; `Invalid` where the key was used for another one; `LimitExceeded`
    /// for an answer that is too long, and for more of them than are kept.
    pub(super) fn once_in<T>(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        holder: Option<&GrantId>,
        once: &Once<'_, T>,
        now: Timestamp,
        call: impl FnOnce() -> Result<T>,
    ) -> Result<Repeat<T>> {
        if let Some(answer) = self.repeated(tx, operation, holder, once, now)? {
            return Ok(Repeat::Again(answer));
        }
        self.make_room(tx, operation, holder, now)?;
        let made = call()?;
        let answer = (once.answer)(&made)?;
        if answer.len() > MAX_MEMO {
            return Err(
                Error::new(ErrorKind::LimitExceeded, operation).because(format!(
                    "an answer of {} bytes; up to {MAX_MEMO} are kept under a key",
                    answer.len()
                )),
            );
        }
        tx.rows.put_memo(&MemoRecord {
            holder: holder.copied(),
            key: once.key.clone(),
            request: once.request,
            answer,
            at: now,
        })?;
        Ok(Repeat::First(made))
    }

    /// Makes sure that one more may be kept. Holders of grants have half of the room, so
    /// that none of them takes what is for who has the workspace.
    fn make_room(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        holder: Option<&GrantId>,
        now: Timestamp,
    ) -> Result<()> {
        let max = self.inner.options.max_memos;
        let room = match holder {
            Some(_) => max.div_ceil(2),
            None => max,
        };
        let last = tx.rows.last_memo()?;
        // The numbers have few gaps, so they also count.
        let is_full = last >= room
            && match tx.rows.memos(0, 1)?.first() {
                Some(oldest) => last - oldest.number + 1 >= room,
                None => false,
            };
        if !is_full || trim(tx, GIVE_WAY, self.memos_until(now))? > 0 {
            return Ok(());
        }
        Err(
            Error::new(ErrorKind::LimitExceeded, operation).because(format!(
                "{room} answers are kept under keys, as many as may be"
            )),
        )
    }

    /// Returns when a call must have been made whose memo is kept no longer.
    pub(super) fn memos_until(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.inner.options.keep_memos.saturating_neg())
    }
}

/// Deletes up to `limit` of the oldest memos, of calls that were made at `until` or before;
/// returns how many.
pub(super) fn trim(tx: &Tx<'_>, limit: usize, until: Timestamp) -> Result<u64> {
    let is_over = |page: &[MemoEntry]| {
        let over = page.iter().take_while(|memo| memo.at <= until);
        over.last().map(|last| last.number)
    };
    // Mostly there is none, which costs a row.
    if limit == 0 || is_over(&tx.rows.memos(0, 1)?).is_none() {
        return Ok(0);
    }
    match is_over(&tx.rows.memos(0, limit)?) {
        Some(last) => tx.rows.delete_memos(last + 1),
        None => Ok(0),
    }
}
