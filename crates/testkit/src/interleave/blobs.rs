//! A blob store and a source that take their time.

use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{
    BlobKey, EntrySource, Error, ErrorKind, Result, SourceEntry, SourceKind, TreePath,
};

use crate::random::Random;
use crate::turn;

/// A blob store each of whose calls lets other tasks run a random number of times,
/// before its effect and after it.
pub(super) struct SlowBlobs {
    blobs: Arc<dyn BlobStore>,
    random: Mutex<Random>,
}

impl SlowBlobs {
    pub(super) fn new(blobs: Arc<dyn BlobStore>, random: Random) -> Self {
        Self {
            blobs,
            random: Mutex::new(random),
        }
    }

    async fn rest(&self) {
        let mut turns = {
            let mut random = self.random.lock().unwrap_or_else(PoisonError::into_inner);
            random.below(4)
        };
        while turns > 0 {
            turn::pass().await;
            turns -= 1;
        }
    }
}

impl fmt::Debug for SlowBlobs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlowBlobs").finish_non_exhaustive()
    }
}

impl BlobStore for SlowBlobs {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        async move {
            self.rest().await;
            let size = self.blobs.put(key, body).await;
            self.rest().await;
            size
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        async move {
            self.rest().await;
            let body = self.blobs.get(key, range).await?;
            self.rest().await;
            let slow = body.map(|body| {
                body.then(|chunk| async move {
                    turn::pass().await;
                    chunk
                })
                .boxed()
            });
            Ok(slow)
        }
        .boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        async move {
            self.rest().await;
            self.blobs.delete(keys).await?;
            self.rest().await;
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
            self.rest().await;
            let listed = self.blobs.list(after, limit).await;
            self.rest().await;
            listed
        }
        .boxed()
    }
}

/// Files for an import, which come one by one and each in two chunks, with turns of
/// other tasks in between.
pub(super) struct SlowSource {
    files: std::vec::IntoIter<(TreePath, Bytes)>,
    chunks: Vec<Bytes>,
    random: Random,
    fails: bool,
}

impl SlowSource {
    /// Takes the files in their order, and whether the source fails at its end.
    pub(super) fn new(files: Vec<(TreePath, Bytes)>, random: Random, fails: bool) -> Self {
        Self {
            files: files.into_iter(),
            chunks: Vec::new(),
            random,
            fails,
        }
    }

    async fn rest(&mut self) {
        for _ in 0..self.random.below(4) {
            turn::pass().await;
        }
    }
}

impl EntrySource for SlowSource {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async move {
            self.rest().await;
            let Some((path, mut bytes)) = self.files.next() else {
                return match self.fails {
                    true => Err(Error::new(ErrorKind::Source, "pull")),
                    false => Ok(None),
                };
            };
            let rest = bytes.split_off(bytes.len() / 2);
            self.chunks = vec![rest, bytes];
            let kind = SourceKind::File {
                size: None,
                executable: false,
                modified: None,
                media_type: None,
                provenance: None,
            };
            Ok(Some(SourceEntry { path, kind }))
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async move {
            self.rest().await;
            Ok(self.chunks.pop())
        }
        .boxed()
    }
}
