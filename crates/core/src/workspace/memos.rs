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
        let room = self.room(holder.is_some() || once.of_a_part);
        self.make_room(tx, operation, room, now)?;
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

    /// Makes sure that what comes of a call under a key can be kept, as far as that is known
    /// before it is made: for who makes it only after much else. Reads two rows.
    ///
    /// # Errors
    /// `LimitExceeded` where as many are kept as may be.
    pub fn check_memos(&self) -> Result<()> {
        let now = self.now();
        self.read("check memos", |tx| {
            let room = self.room(false);
            if !is_full(tx, room)? || over(tx, 1, self.memos_until(now), now)?.is_some() {
                return Ok(());
            }
            Err(too_many("check memos", room))
        })
    }

    /// Makes sure that one more may be kept.
    fn make_room(
        &self,
        tx: &Tx<'_>,
        operation: &'static str,
        room: u64,
        now: Timestamp,
    ) -> Result<()> {
        let until = self.memos_until(now);
        match !is_full(tx, room)? || trim(tx, GIVE_WAY, until, now)? > 0 {
            true => Ok(()),
            false => Err(too_many(operation, room)),
        }
    }

    /// Returns how many are kept. Who has not all of the workspace, holders of grants and who
    /// has a part of the files, is refused from half of that on, so that none of them takes
    /// what is for who has the workspace.
    fn room(&self, in_part: bool) -> u64 {
        let max = self.inner.options.max_memos;
        match in_part {
            true => max.div_ceil(2),
            false => max,
        }
    }

    /// Returns when a call must have been made whose memo is kept no longer.
    pub(super) fn memos_until(&self, now: Timestamp) -> Timestamp {
        now.plus_millis(self.inner.options.keep_memos.saturating_neg())
    }
}

fn too_many(operation: &'static str, room: u64) -> Error {
    Error::new(ErrorKind::LimitExceeded, operation).because(format!(
        "{room} answers are kept under keys, as many as may be"
    ))
}

fn is_full(tx: &Tx<'_>, room: u64) -> Result<bool> {
    let last = tx.rows.last_memo()?;
    // The numbers have few gaps, so they also count.
    Ok(last >= room
        && match tx.rows.memos(0, 1)?.first() {
            Some(oldest) => last - oldest.number + 1 >= room,
            None => false,
        })
}

/// Deletes up to `limit` of the oldest memos, of calls that were made at `until` or before, and
/// those of calls before them that were made while the clock was ahead; returns how many.
pub(super) fn trim(tx: &Tx<'_>, limit: usize, until: Timestamp, now: Timestamp) -> Result<u64> {
    match over(tx, limit, until, now)? {
        Some(last) => tx.rows.delete_memos(last + 1),
        None => Ok(0),
    }
}

/// As many of calls that were made while the clock was ahead are passed.
const AHEAD: usize = 10_000;

/// Returns the number of the last of the oldest memos that are kept no longer, of `limit` that
/// are looked at. One that is of a time that has not come was made before those that follow it,
/// whatever the clock said: it is no reason to keep those.
fn over(tx: &Tx<'_>, limit: usize, until: Timestamp, now: Timestamp) -> Result<Option<u64>> {
    let is_kept = |memo: &MemoEntry| memo.at > until && memo.at <= now;
    // Mostly there is none, which costs a row.
    if limit == 0 || tx.rows.memos(0, 1)?.first().is_none_or(is_kept) {
        return Ok(None);
    }
    let (mut after, mut passed) = (0, 0);
    loop {
        let page = tx.rows.memos(after, limit)?;
        let known = page.iter().take_while(|memo| !is_kept(memo));
        let (mut last, mut count) = (None, 0);
        for memo in known {
            count += 1;
            if memo.at <= until {
                last = Some(memo.number);
            }
        }
        passed += count;
        match page.last() {
            Some(ahead) if last.is_none() && count == limit && passed < AHEAD => {
                after = ahead.number;
            }
            _ => return Ok(last),
        }
    }
}
