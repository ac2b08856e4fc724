//! The change feed: reading it, and waiting for what comes next.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use crate::error::{Error, ErrorKind, Result};
use crate::event::EventRecord;
use crate::store::MetaTx as _;
use crate::workspace::Workspace;
use crate::workspace::tx::Tx;

impl Workspace {
    /// Returns the number of the newest event; 0 before the first. Reads one row.
    ///
    /// A reader of the feed asks for it first, then reads whatever state it
    /// wants to follow, then asks for the events after it.
    pub fn last_event(&self) -> Result<u64> {
        self.flush()?;
        self.read("read events", |tx| tx.rows.last_event())
    }

    /// Returns up to `limit` events after the number `after`, oldest first;
    /// nothing where there is none yet.
    ///
    /// # Errors
    /// `Stale` where events after `after` are no longer kept, or where the feed
    /// does not reach to `after`: read the state again and go on from
    /// [`last_event`](Self::last_event).
    pub fn events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        self.flush()?;
        self.read("read events", |tx| {
            let found = tx.rows.events(after, limit)?;
            let stale = |why: String| {
                let error = Error::new(ErrorKind::Stale, "read events");
                error.at(format!("event {after}")).because(why)
            };
            match found.first() {
                Some(first) if first.sequence > after.saturating_add(1) => Err(stale(format!(
                    "the oldest event that is kept is {}",
                    first.sequence
                ))),
                Some(_) => Ok(found),
                None => match tx.rows.last_event()? {
                    last if last < after => Err(stale(format!("the newest event is {last}"))),
                    _ => Ok(found),
                },
            }
        })
    }

    /// Returns up to `limit` events after the number `after`, at least one:
    /// waits for it where there is none yet. A commit through any handle on this
    /// workspace ends the wait.
    ///
    /// # Errors
    /// As for [`events`](Self::events).
    pub async fn next_events(&self, after: u64, limit: usize) -> Result<Vec<EventRecord>> {
        loop {
            // Before looking, so that nothing slips in between.
            let commit = self.inner.readers.next_commit();
            let found = self.events(after, limit.max(1))?;
            if !found.is_empty() {
                return Ok(found);
            }
            commit.await;
        }
    }

    /// Sees to it that no crash takes back an event that is told: its number would be
    /// another's.
    fn flush(&self) -> Result<()> {
        if !self.inner.unflushed.get() {
            return Ok(());
        }
        let synced = Self {
            unsynced: false,
            ..self.clone()
        };
        // What is written is the same, and written all the same.
        synced.write("read events", |tx| tx.set_head(&tx.head()?))
    }

    /// Deletes up to `limit` of the events that are no longer kept; returns how
    /// many.
    pub(crate) fn trim_events(&self, tx: &Tx<'_>, limit: usize) -> Result<u64> {
        let keep = self.inner.options.keep_events.max(1);
        let last = tx.rows.last_event()?;
        let oldest = match tx.rows.events(0, 1)?.first() {
            Some(oldest) if oldest.sequence.saturating_add(keep) <= last => oldest.sequence,
            _ => return Ok(0),
        };
        // The numbers have no gap, so they also count.
        let first = (last + 1 - keep).min(oldest.saturating_add(limit as u64));
        tx.rows.delete_events(first)?;
        Ok(first - oldest)
    }
}

/// Those who wait for the next commit of an event.
#[derive(Default)]
pub(crate) struct Readers {
    commits: Cell<u64>,
    waiting: RefCell<BTreeMap<u64, Waker>>,
    next: Cell<u64>,
}

impl Readers {
    /// Returns what is ready as soon as an event is committed after this call.
    fn next_commit(&self) -> NextCommit<'_> {
        let key = self.next.get();
        self.next.set(key + 1);
        NextCommit {
            readers: self,
            seen: self.commits.get(),
            key,
        }
    }

    /// Ends the waiting of all.
    pub(crate) fn wake(&self) {
        self.commits.set(self.commits.get() + 1);
        // Taken out first: who is woken may come back at once.
        let waiting = self.waiting.take();
        waiting.into_values().for_each(Waker::wake);
    }
}

/// A wait that was dropped is forgotten with it.
struct NextCommit<'r> {
    readers: &'r Readers,
    seen: u64,
    key: u64,
}

impl Future for NextCommit<'_> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.readers.commits.get() != self.seen {
            return Poll::Ready(());
        }
        let mut waiting = self.readers.waiting.borrow_mut();
        waiting.insert(self.key, cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for NextCommit<'_> {
    fn drop(&mut self) {
        self.readers.waiting.borrow_mut().remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt;

    use super::*;

    #[test]
    fn who_goes_away_is_forgotten() {
        let readers = Readers::default();
        let mut first = Box::pin(readers.next_commit());
        let mut second = Box::pin(readers.next_commit());
        assert_eq!((&mut first).now_or_never(), None);
        assert_eq!((&mut second).now_or_never(), None);
        drop(first);
        assert_eq!(readers.waiting.borrow().len(), 1);
        readers.wake();
        assert_eq!(readers.waiting.borrow().len(), 0);
        assert_eq!(second.now_or_never(), Some(()));
    }
}
