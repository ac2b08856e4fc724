//! Contents: storing them before they are referred to, and reading them back.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use crate::entry::File;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, ContentId};
use crate::store::{ByteStream, ContentRecord, MetaTx as _, Place};
use crate::workspace::Workspace;
use crate::workspace::tx::Tx;

/// The keys of objects that are being stored and that no row refers to yet.
/// The collector leaves them alone; after a crash they are orphans that it
/// deletes.
#[derive(Clone, Default)]
pub(crate) struct InFlight(Rc<RefCell<HashSet<BlobKey>>>);

impl InFlight {
    fn enter(&self, key: BlobKey) -> Landing {
        self.0.borrow_mut().insert(key.clone());
        Landing {
            in_flight: self.clone(),
            key,
        }
    }

    pub(crate) fn contains(&self, key: &BlobKey) -> bool {
        self.0.borrow().contains(key)
    }
}

/// Keeps a key in flight until it is dropped.
struct Landing {
    in_flight: InFlight,
    key: BlobKey,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.in_flight.0.borrow_mut().remove(&self.key);
    }
}

/// A content that is stored and not yet part of any tree.
///
/// Put it into a [`Change::Write`](crate::Change::Write); one that is dropped
/// is collected later.
pub struct Stored {
    id: ContentId,
    record: ContentRecord,
    /// Held until the row is committed.
    _landing: Option<Landing>,
}

impl Stored {
    /// Returns the identity of the bytes.
    pub fn id(&self) -> ContentId {
        self.id
    }

    /// Returns the size in bytes.
    pub fn size(&self) -> u64 {
        self.record.size
    }

    /// Makes the content part of the transaction. Returns the key of an object
    /// that turned out not to be needed, since the content was there.
    pub(crate) fn commit(&self, tx: &Tx<'_>) -> Result<Option<BlobKey>> {
        let new = tx.put_content(&self.id, &self.record)?;
        Ok(match &self.record.place {
            Place::Object(key) if !new => Some(key.clone()),
            _ => None,
        })
    }
}

/// The key of an object that the caller stores by itself, past this crate: a
/// server that can hand a body to the blob store as it is.
///
/// Nothing refers to the object until it is [`stored`](Self::stored) and part of
/// a change. The collector leaves it alone while this lives.
pub struct Reserved {
    key: BlobKey,
    landing: Landing,
}

impl Reserved {
    /// Returns the key.
    pub fn key(&self) -> &BlobKey {
        &self.key
    }

    /// Takes over the object, whose bytes the caller counted and hashed.
    pub fn stored(self, id: ContentId, size: u64) -> Stored {
        Stored {
            id,
            record: ContentRecord {
                size,
                place: Place::Object(self.key),
            },
            _landing: Some(self.landing),
        }
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reserved").field(&self.key).finish()
    }
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stored")
            .field(&self.id)
            .field(&self.record.size)
            .finish()
    }
}

impl Workspace {
    /// Stores a stream ahead of the change that will refer to it, hashing it on
    /// the way. Holds up to the inline limit in memory, and what the blob store
    /// buffers.
    ///
    /// # Errors
    /// Those of the stream and of the blob store; nothing refers to what was
    /// stored of it, and collection deletes it.
    pub async fn store(&self, mut body: ByteStream<'_>) -> Result<Stored> {
        let limit = self.inner.options.inline_limit;
        let mut start = BytesMut::new();
        while let Some(chunk) = body.try_next().await? {
            if start.len() + chunk.len() > limit {
                let head = stream::iter([Ok(start.freeze()), Ok(chunk)]);
                return self.store_object(Box::pin(head.chain(body))).await;
            }
            start.extend_from_slice(&chunk);
        }
        Ok(inline(start.freeze()))
    }

    /// Stores bytes that are in memory.
    pub(crate) async fn store_bytes(&self, bytes: Bytes) -> Result<Stored> {
        match self.store_inline(bytes) {
            Ok(stored) => Ok(stored),
            Err(bytes) => self.store_object(Box::pin(stream::iter([Ok(bytes)]))).await,
        }
    }

    /// Stores bytes that fit into a row; returns others as they are.
    pub(crate) fn store_inline(&self, bytes: Bytes) -> std::result::Result<Stored, Bytes> {
        match bytes.len() <= self.inner.options.inline_limit {
            true => Ok(inline(bytes)),
            false => Err(bytes),
        }
    }

    /// Reserves the key of an object that the caller stores by itself; to be used
    /// for contents over the [inline limit](crate::Options::inline_limit) only.
    pub fn reserve(&self) -> Reserved {
        let key = BlobKey::from_random(self.inner.context.ids.next());
        let landing = self.inner.in_flight.enter(key.clone());
        Reserved { key, landing }
    }

    async fn store_object(&self, body: ByteStream<'_>) -> Result<Stored> {
        let reserved = self.reserve();
        let key = reserved.key();
        let mut hash = Sha256::new();
        let mut size = 0;
        let hashed = Box::pin(body.inspect_ok(|chunk| {
            hash.update(chunk);
            size += chunk.len() as u64;
        }));
        let stored = self.inner.blobs.put(key, hashed).await?;
        self.meter.count(|receipt| {
            receipt.blob_calls += 1;
            receipt.bytes_written += stored;
        });
        if stored != size {
            return Err(Error::new(ErrorKind::Unavailable, "store content")
                .at(key)
                .because(format!("{stored} bytes were stored of {size}")));
        }
        let id = ContentId::from_bytes(hash.finalize().into());
        Ok(reserved.stored(id, size))
    }

    /// Deletes objects that a commit did not need. What fails stays for the
    /// collector.
    pub(crate) async fn drop_objects(&self, keys: Vec<BlobKey>) {
        for key in keys {
            self.meter.count(|receipt| receipt.blob_calls += 1);
            let _collected_later = self.inner.blobs.delete(&key).await;
        }
    }

    /// Reads the whole content of a file entry into memory, and checks it.
    ///
    /// # Errors
    /// `Corrupt` where it is missing or altered.
    pub async fn read_entry(&self, file: &File) -> Result<Bytes> {
        let mut body = self.open_entry(file, 0..file.size).await?;
        let Some(first) = body.try_next().await? else {
            return Ok(Bytes::new());
        };
        let mut rest = BytesMut::new();
        while let Some(chunk) = body.try_next().await? {
            if rest.is_empty() {
                rest.extend_from_slice(&first);
            }
            rest.extend_from_slice(&chunk);
        }
        Ok(if rest.is_empty() {
            first
        } else {
            rest.freeze()
        })
    }

    /// Returns the whole content of a file entry, if it is in a row.
    ///
    /// # Errors
    /// `Invalid` where it is in an object; `Corrupt` where it is missing or altered.
    pub(crate) fn read_inline(&self, file: &File) -> Result<Bytes> {
        match self.content(&file.content)?.place {
            Place::Inline(bytes) if ContentId::of(&bytes) == file.content => Ok(bytes),
            Place::Inline(_) => Err(Error::new(ErrorKind::Corrupt, "read content")
                .at(file.content)
                .because("the bytes are not those that were stored")),
            Place::Object(_) => Err(Error::new(ErrorKind::Invalid, "read content")
                .at(file.content)
                .because(format!(
                    "its {} bytes are in an object, which cannot be read at once",
                    file.size
                ))),
        }
    }

    /// Returns the key of the object that a file entry's content is in; `None`
    /// where it is in a row.
    ///
    /// # Errors
    /// `Corrupt` where the row is missing.
    pub fn object_of(&self, file: &File) -> Result<Option<BlobKey>> {
        Ok(match self.content(&file.content)?.place {
            Place::Inline(_) => None,
            Place::Object(key) => Some(key),
        })
    }

    fn content(&self, id: &ContentId) -> Result<ContentRecord> {
        let found = self.read("read content", |tx| tx.rows.content(id))?;
        found.ok_or_else(|| missing(id, "row"))
    }

    /// Opens `range` of the content of a file entry; a whole one is checked at its
    /// end.
    ///
    /// # Errors
    /// `Corrupt` where it is missing, and as a stream where it is altered.
    pub async fn open_entry(&self, file: &File, range: Range<u64>) -> Result<ByteStream<'static>> {
        let id = file.content;
        let record = self.content(&id)?;
        let whole = range == (0..file.size);
        let body: ByteStream<'static> = match record.place {
            Place::Inline(bytes) => {
                let within = |at: u64| at.min(bytes.len() as u64) as usize;
                let bytes = bytes.slice(within(range.start)..within(range.end));
                Box::pin(stream::iter((!bytes.is_empty()).then_some(Ok(bytes))))
            }
            Place::Object(key) => {
                self.meter.count(|receipt| {
                    receipt.blob_calls += 1;
                    receipt.bytes_read += range.end.saturating_sub(range.start);
                });
                let found = self.inner.blobs.get(&key, range.clone()).await?;
                found.ok_or_else(|| missing(&id, "object").with_source(missing_object(&key)))?
            }
        };
        Ok(Box::pin(Checked {
            body: Some(body),
            left: range.end.saturating_sub(range.start),
            hash: whole.then(Sha256::new),
            id,
        }))
    }

    pub(crate) fn blobs(&self) -> &Arc<dyn crate::store::BlobStore> {
        &self.inner.blobs
    }
}

fn missing(id: &ContentId, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read content")
        .at(id)
        .because(format!("the {what} is missing"))
}

fn missing_object(key: &BlobKey) -> Error {
    Error::new(ErrorKind::NotFound, "get object").at(key)
}

fn inline(bytes: Bytes) -> Stored {
    Stored {
        id: ContentId::of(&bytes),
        record: ContentRecord {
            size: bytes.len() as u64,
            place: Place::Inline(bytes),
        },
        _landing: None,
    }
}

/// Passes a content through and ends with an error where it is not as long as
/// it should be or, if whole, not what its id says.
struct Checked {
    body: Option<ByteStream<'static>>,
    left: u64,
    hash: Option<Sha256>,
    id: ContentId,
}

impl Stream for Checked {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(body) = self.body.as_mut() else {
            return Poll::Ready(None);
        };
        let corrupt = |id: ContentId, why: &str| {
            Error::new(ErrorKind::Corrupt, "read content")
                .at(id)
                .because(why)
        };
        match ready!(body.poll_next_unpin(cx)) {
            Some(Ok(chunk)) => {
                let Some(left) = self.left.checked_sub(chunk.len() as u64) else {
                    self.body = None;
                    return Poll::Ready(Some(Err(corrupt(self.id, "longer than its size"))));
                };
                self.left = left;
                if let Some(hash) = self.hash.as_mut() {
                    hash.update(&chunk);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Some(Err(error)) => {
                self.body = None;
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.body = None;
                let hash = self
                    .hash
                    .take()
                    .map(|hash| ContentId::from_bytes(hash.finalize().into()));
                Poll::Ready(if self.left > 0 {
                    Some(Err(corrupt(self.id, "shorter than its size")))
                } else if hash.is_some_and(|hash| hash != self.id) {
                    Some(Err(corrupt(
                        self.id,
                        "the bytes are not those that were stored",
                    )))
                } else {
                    None
                })
            }
        }
    }
}
