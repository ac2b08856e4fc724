//! Storing several contents at a time.

use std::collections::VecDeque;
use std::future::ready;

use bytes::Bytes;
use futures::future::LocalBoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt};

use crate::error::Result;
use crate::workspace::Workspace;
use crate::workspace::contents::Stored;

/// The most bodies that are being stored at a time.
const PUTS: usize = 16;
/// The most bytes that those hold in memory, but for a single larger one.
const HELD: usize = 16 << 20;

/// Stores bodies, up to 16 at a time and 16 MiB of them in memory, and returns them
/// in the order in which they were pushed.
///
/// Dropped, it leaves what was stored to the collector.
pub(crate) struct Uploads<'a> {
    workspace: &'a Workspace,
    storing: FuturesOrdered<LocalBoxFuture<'a, Result<Stored>>>,
    /// The sizes of those that are held in memory, and 0 for others, in order.
    sizes: VecDeque<usize>,
    held: usize,
    stored: Vec<Stored>,
}

impl<'a> Uploads<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            storing: FuturesOrdered::new(),
            sizes: VecDeque::new(),
            held: 0,
            stored: Vec::new(),
        }
    }

    /// Begins to store bytes that are in memory. Waits where there is no room.
    ///
    /// # Errors
    /// Those of whatever is being stored.
    pub(crate) async fn push_bytes(&mut self, bytes: Bytes) -> Result<()> {
        let workspace = self.workspace;
        if bytes.len() <= workspace.options().inline_limit {
            let stored = workspace.store_bytes(bytes).await;
            self.begin(0, ready(stored).boxed_local());
            return Ok(());
        }
        while self.held > 0 && (self.storing.len() >= PUTS || self.held + bytes.len() > HELD) {
            self.next().await?;
        }
        let size = bytes.len();
        self.begin(size, workspace.store_bytes(bytes).boxed_local());
        Ok(())
    }

    /// Takes a content that the caller stored already; see [`Workspace::own`].
    pub(crate) fn push_stored(&mut self, stored: Stored) {
        let workspace = self.workspace;
        self.begin(0, workspace.own(stored).boxed_local());
    }

    /// Waits for all that was pushed and returns it, in order.
    ///
    /// # Errors
    /// That of the first that could not be stored.
    pub(crate) async fn finish(&mut self) -> Result<Vec<Stored>> {
        while !self.storing.is_empty() {
            self.next().await?;
        }
        Ok(std::mem::take(&mut self.stored))
    }

    fn begin(&mut self, size: usize, storing: LocalBoxFuture<'a, Result<Stored>>) {
        self.sizes.push_back(size);
        self.held += size;
        self.storing.push_back(storing);
    }

    async fn next(&mut self) -> Result<()> {
        match self.storing.next().await {
            Some(stored) => self.done(stored),
            None => Ok(()),
        }
    }

    fn done(&mut self, stored: Result<Stored>) -> Result<()> {
        self.held -= self.sizes.pop_front().unwrap_or(0);
        self.stored.push(stored?);
        Ok(())
    }
}
