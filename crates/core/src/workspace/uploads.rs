//! Contents that are stored several at a time, while a source is read on.

use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::future::{FutureExt as _, LocalBoxFuture};
use futures::stream::{FuturesUnordered, StreamExt as _};

use crate::error::Result;
use crate::workspace::Workspace;
use crate::workspace::contents::Stored;
use crate::workspace::edit::Prepared;

/// The longest content that an import stores while its source is read on, in bytes.
pub(crate) const LONGEST: usize = 1 << 20;
/// The most contents that are stored at once.
const MOST: usize = 16;
/// The most bytes that are stored at once, but for a single content that is longer.
const MOST_BYTES: usize = 4 << 20;

/// Writes whose contents are being stored. Each has its position in the batch and
/// comes out with it; in which order they are done does not matter.
pub(crate) struct Uploads<'a> {
    workspace: &'a Workspace,
    under_way: FuturesUnordered<LocalBoxFuture<'a, Ended>>,
    bytes: usize,
    done: Vec<(usize, Prepared)>,
}

/// An upload that has ended.
struct Ended {
    bytes: usize,
    position: usize,
    prepared: Result<Prepared>,
}

impl<'a> Uploads<'a> {
    pub(crate) fn new(workspace: &'a Workspace) -> Self {
        Self {
            workspace,
            under_way: FuturesUnordered::new(),
            bytes: 0,
            done: Vec::new(),
        }
    }

    /// Begins to store a content, once there is room for it; `prepare` makes of it
    /// what goes to its position in the batch.
    pub(crate) async fn begin(
        &mut self,
        position: usize,
        content: Bytes,
        prepare: impl FnOnce(Stored) -> Prepared + 'a,
    ) -> Result<()> {
        let bytes = content.len();
        while self.under_way.len() >= MOST
            || (self.bytes > 0 && self.bytes.saturating_add(bytes) > MOST_BYTES)
        {
            self.next().await?;
        }
        self.bytes += bytes;
        let workspace = self.workspace;
        let upload = async move {
            let stored = workspace.store_bytes(content).await;
            Ended {
                bytes,
                position,
                prepared: stored.map(prepare),
            }
        };
        self.under_way.push(upload.boxed_local());
        Ok(())
    }

    /// Waits for `work`, while contents are stored on.
    ///
    /// # Errors
    /// Those of `work`, and of the first content that could not be stored.
    pub(crate) async fn beside<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            while let Poll::Ready(Some(ended)) = self.poll(context) {
                if let Err(error) = ended {
                    return Poll::Ready(Err(error));
                }
            }
            work.as_mut().poll(context)
        })
        .await
    }

    /// Waits until all are stored; returns them with their positions.
    pub(crate) async fn finish(&mut self) -> Result<Vec<(usize, Prepared)>> {
        while !self.under_way.is_empty() {
            self.next().await?;
        }
        Ok(std::mem::take(&mut self.done))
    }

    /// Waits until none is under way, whatever becomes of it, and lets go of all.
    pub(crate) async fn end(&mut self) {
        while poll_fn(|context| self.poll(context)).await.is_some() {}
        self.done.clear();
    }

    async fn next(&mut self) -> Result<()> {
        poll_fn(|context| self.poll(context))
            .await
            .unwrap_or(Ok(()))
    }

    /// Takes down one that has ended; `None` where none is under way.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<()>>> {
        self.under_way.poll_next_unpin(context).map(|ended| {
            let ended = ended?;
            self.bytes -= ended.bytes;
            let position = ended.position;
            Some((ended.prepared).map(|prepared| self.done.push((position, prepared))))
        })
    }
}
