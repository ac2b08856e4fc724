//! A blob store that fails as planned.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Result};

use super::plan::{FaultPlan, Verdict};

/// A blob store that fails as its [`FaultPlan`] says.
pub struct FaultyBlobs {
    blobs: Arc<dyn BlobStore>,
    plan: FaultPlan,
}

impl FaultyBlobs {
    /// Wraps `blobs`.
    pub fn new(blobs: Arc<dyn BlobStore>, plan: &FaultPlan) -> Self {
        Self {
            blobs,
            plan: plan.clone(),
        }
    }

    /// Counts each chunk of a stream, and fails there as planned.
    fn chunks<'a>(&self, what: &'static str, body: ByteStream<'a>) -> ByteStream<'a> {
        let plan = self.plan.clone();
        body.map(move |chunk: Result<Bytes>| {
            plan.call(what)?;
            chunk
        })
        .boxed()
    }
}

impl fmt::Debug for FaultyBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBlobs")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

impl BlobStore for FaultyBlobs {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        async move {
            let verdict = self.plan.effect("put blob")?;
            // A crash after the effect leaves the whole object behind.
            let body = match verdict {
                Verdict::Proceed => self.chunks("put chunk", body),
                Verdict::FailAfter => body,
            };
            let size = self.blobs.put(key, body).await?;
            verdict.end("put blob", size)
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        async move {
            self.plan.call("get blob")?;
            let body = self.blobs.get(key, range).await?;
            Ok(body.map(|body| self.chunks("get chunk", body)))
        }
        .boxed()
    }

    /// Counts each object, so that a call may fail when it has deleted some.
    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        async move {
            for key in keys {
                let verdict = self.plan.effect("delete blob")?;
                self.blobs.delete(std::slice::from_ref(key)).await?;
                verdict.end("delete blob", ())?;
            }
            Ok(())
        }
        .boxed()
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        async move {
            self.plan.call("list blobs")?;
            self.blobs.list(after, limit).await
        }
        .boxed()
    }
}
