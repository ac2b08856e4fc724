//! The bytes of a source's current file.

use bytes::{Bytes, BytesMut};
use futures::stream;

use crate::error::{Error, ErrorKind, Result};
use crate::import::EntrySource;
use crate::path::TreePath;
use crate::store::ByteStream;

/// The most empty chunks that a source may return one after the other.
const EMPTY_CHUNKS: u32 = 1000;

/// The bytes of a source's current file, up to a limit.
pub(super) struct Body<'a> {
    source: &'a mut dyn EntrySource,
    path: TreePath,
    left: u64,
    /// What more is refused for.
    why: &'static str,
}

/// The start of a body.
pub(super) enum Start<'a> {
    /// All of it.
    Whole(Bytes),
    /// More than was asked for; the rest is still to be read.
    More(ByteStream<'a>),
}

impl<'a> Body<'a> {
    /// Takes up to `limit` bytes; `why` says why no more.
    pub(super) fn new(
        source: &'a mut dyn EntrySource,
        path: TreePath,
        limit: u64,
        why: &'static str,
    ) -> Self {
        Self {
            source,
            path,
            left: limit,
            why,
        }
    }

    /// Reads up to `limit` bytes into memory, and as much more as a chunk has.
    pub(super) async fn start(mut self, limit: usize) -> Result<Start<'a>> {
        let Some(first) = self.chunk().await? else {
            return Ok(Start::Whole(Bytes::new()));
        };
        let mut start = BytesMut::new();
        let mut next = Some(first.clone());
        while let Some(chunk) = next {
            if start.len() + chunk.len() > limit {
                let state = (Some(start.freeze()), Some(chunk), self);
                return Ok(Start::More(Box::pin(stream::try_unfold(state, Self::rest))));
            }
            next = self.chunk().await?;
            if start.is_empty() && next.is_none() {
                return Ok(Start::Whole(first));
            }
            start.extend_from_slice(&chunk);
        }
        Ok(Start::Whole(start.freeze()))
    }

    /// Returns what was read already, then what is left.
    async fn rest(
        (start, chunk, mut body): (Option<Bytes>, Option<Bytes>, Self),
    ) -> Result<Option<(Bytes, (Option<Bytes>, Option<Bytes>, Self))>> {
        if let Some(start) = start.filter(|start| !start.is_empty()) {
            return Ok(Some((start, (None, chunk, body))));
        }
        let chunk = match chunk {
            Some(chunk) => Some(chunk),
            None => body.chunk().await?,
        };
        Ok(chunk.map(|chunk| (chunk, (None, None, body))))
    }

    /// Returns the next chunk that is not empty.
    async fn chunk(&mut self) -> Result<Option<Bytes>> {
        for _ in 0..EMPTY_CHUNKS {
            let chunk = self.source.chunk().await.map_err(Error::in_own_words)?;
            let Some(chunk) = chunk else {
                return Ok(None);
            };
            self.left = self.left.checked_sub(chunk.len() as u64).ok_or_else(|| {
                Error::new(ErrorKind::LimitExceeded, "import")
                    .at(&self.path)
                    .because(self.why)
            })?;
            if !chunk.is_empty() {
                return Ok(Some(chunk));
            }
        }
        Err(Error::new(ErrorKind::Source, "import")
            .at(&self.path)
            .because(format!("{EMPTY_CHUNKS} empty chunks one after the other")))
    }
}
