//! Storing several contents at a time.

use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::pin::pin;
use std::task::Poll;

use bytes::{Bytes, BytesMut};
use futures::future::LocalBoxFuture;
use futures::stream::FuturesOrdered;
use futures::{FutureExt, StreamExt, TryStreamExt, stream};

use crate::error::Result;
use crate::store::ByteStream;
use crate::workspace::Workspace;
use crate::workspace::contents::Stored;

/// The most bodies that are being stored at a time.
const PUTS: usize = 16;
/// The most bytes that those hold in memory, but for a single larger one.
const HELD: usize = 16 << 20;
/// A body up to this size is held in memory and stored beside others; a larger one
/// is streamed, and the next one waits for it.
const BUFFERED: usize = 1 << 20;

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

    /// Reads a body, storing others meanwhile, and begins to store it. Waits where
    /// there is no room.
    ///
    /// # Errors
    /// Those of the body, and of whatever is being stored.
    #[allow(dead_code, reason = "for imports")]
    pub(crate) async fn push(&mut self, mut body: ByteStream<'_>) -> Result<()> {
        let mut start = BytesMut::new();
        while let Some(chunk) = self.beside(body.try_next()).await?? {
            if start.len() + chunk.len() > BUFFERED {
                let head = stream::iter([Ok(start.freeze()), Ok(chunk)]);
                let workspace = self.workspace;
                let storing = workspace.store_object(Box::pin(head.chain(body)));
                let stored = self.beside(storing).await?;
                self.begin(0, ready(stored).boxed_local());
                return Ok(());
            }
            start.extend_from_slice(&chunk);
        }
        self.push_bytes(start.freeze()).await
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

    /// Runs a future to its end and stores on meanwhile.
    async fn beside<T>(&mut self, future: impl Future<Output = T>) -> Result<T> {
        let mut future = pin!(future);
        poll_fn(|cx| {
            while let Poll::Ready(Some(stored)) = self.storing.poll_next_unpin(cx) {
                if let Err(error) = self.done(stored) {
                    return Poll::Ready(Err(error));
                }
            }
            future.as_mut().poll(cx).map(Ok)
        })
        .await
    }
}
