//! Contents: storing them before they are referred to, and reading them back.

use std::collections::HashSet;
use std::fmt;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};

use crate::entry::File;
use crate::error::{Error, ErrorKind, Result};
use crate::id::{BlobKey, ContentId};
use crate::reason::{Reason, Sought};
use crate::store::{ByteStream, ContentRecord, MetaTx as _, Place};
use crate::workspace::Workspace;
use crate::workspace::edit::{Prepared, What};
use crate::workspace::in_flight::{HeldObject, InFlight};
use crate::workspace::tx::Tx;

/// How many objects are let go of in one call of the blob store, at most.
const DELETED_AT_ONCE: usize = 1000;
/// How often a reader looks where a content is, before it says that it is lost.
const LOOKS: usize = 3;

/// A content that is stored and not yet part of any tree.
///
/// Put it into a [`Change::Write`](crate::Change::Write) of the same workspace;
/// one that is dropped is a reason for the next collection, which deletes it.
pub struct Stored {
    id: ContentId,
    record: ContentRecord,
    /// What is known of an object that holds the same bytes since before.
    before: Before,
    /// Those of the workspace that it is stored in.
    keys: InFlight,
    /// Held until the row is committed.
    _held: Option<HeldObject>,
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

    /// Makes the content part of the transaction: as it is where it is new, or
    /// where the one that is there is known to be damaged. Returns the key of the
    /// object that is not needed then.
    pub(crate) fn commit(&self, tx: &Tx<'_>) -> Result<Option<BlobKey>> {
        if tx.put_content(&self.id, &self.record)? {
            return Ok(None);
        }
        let unneeded = match tx.rows.content(&self.id)? {
            Some(old) if !self.keeps(&old) => {
                tx.rows.delete_content(&self.id)?;
                tx.put_content(&self.id, &self.record)?;
                old.place
            }
            _ => self.record.place.clone(),
        };
        Ok(match unneeded {
            Place::Object(key) => Some(key),
            Place::Inline(_) => None,
        })
    }

    /// Tells whether what is stored of the same bytes will do.
    fn keeps(&self, old: &ContentRecord) -> bool {
        old.size == self.record.size
            && match (&old.place, &self.record.place) {
                (Place::Inline(old), Place::Inline(new)) => old == new,
                (Place::Inline(old), Place::Object(_)) => ContentId::of(old) == self.id,
                // These bytes are at hand, those would have to be looked for.
                (Place::Object(_), Place::Inline(_)) => false,
                (Place::Object(old), Place::Object(_)) => match &self.before {
                    Before::Unknown => false,
                    Before::There => true,
                    Before::Lost(lost) => lost != old,
                },
            }
    }

    /// Forgets what is known of an older object: these bytes take its place.
    pub(crate) fn instead(self) -> Self {
        Self {
            before: Before::Unknown,
            ..self
        }
    }
}

/// What is known of an object that holds the same bytes as one that was just stored.
enum Before {
    /// Nobody has looked.
    Unknown,
    /// It was there just now, or there was none.
    There,
    /// It is not there any more.
    Lost(BlobKey),
}

/// The key of an object that the caller stores by itself, past this crate: a
/// server that can hand a body to the blob store as it is.
///
/// Nothing refers to the object until it is [`stored`](Self::stored) and part of
/// a change. The collector leaves it alone while this lives.
pub struct Reserved {
    held: HeldObject,
    keys: InFlight,
}

impl Reserved {
    /// Returns the key.
    pub fn key(&self) -> &BlobKey {
        self.held.key()
    }

    /// Takes over the object, whose bytes the caller counted and hashed.
    pub fn stored(self, id: ContentId, size: u64) -> Stored {
        self.keys.stored(self.held.key());
        Stored {
            id,
            record: ContentRecord {
                size,
                place: Place::Object(self.held.key().clone()),
            },
            before: Before::Unknown,
            keys: self.keys,
            _held: Some(self.held),
        }
    }
}

impl fmt::Debug for Reserved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reserved").field(self.key()).finish()
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
    /// stored of it, and the next collection deletes it. The same goes for a
    /// future that is dropped before its end.
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
        Ok(self.inline(start.freeze()))
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
            true => Ok(self.inline(bytes)),
            false => Err(bytes),
        }
    }

    /// Reserves the key of an object that the caller stores by itself; to be used
    /// for contents over the [inline limit](crate::Options::inline_limit) only.
    pub fn reserve(&self) -> Reserved {
        let key = BlobKey::from_random(self.inner.context.ids.next());
        let keys = self.inner.in_flight.clone();
        let held = keys.upload(key);
        Reserved { held, keys }
    }

    fn inline(&self, bytes: Bytes) -> Stored {
        Stored {
            id: ContentId::of(&bytes),
            record: ContentRecord {
                size: bytes.len() as u64,
                place: Place::Inline(bytes),
            },
            before: Before::There,
            keys: self.inner.in_flight.clone(),
            _held: None,
        }
    }

    /// Refuses a content that is stored in another workspace.
    pub(crate) fn refuse_foreign(&self, stored: &Stored) -> Result<()> {
        match stored.keys.is(&self.inner.in_flight) {
            true => Ok(()),
            false => Err(Error::invalid(Reason::UnknownContent, "change")
                .at(stored.id)
                .because("it was stored in another workspace")),
        }
    }

    /// Prepares a content that the caller stored, perhaps long ago, for being
    /// referred to.
    ///
    /// # Errors
    /// `Invalid` for one that is stored in another workspace; those of the blob store.
    pub(crate) async fn own(&self, stored: Stored) -> Result<Stored> {
        self.refuse_foreign(&stored)?;
        match stored.record.place {
            Place::Inline(_) => Ok(stored),
            Place::Object(_) => self.check_old(stored).await,
        }
    }

    /// Looks whether the same bytes were stored before and are lost, so that these
    /// take their place. Asks the blob store for the last byte, and only where
    /// there is an object already.
    async fn check_old(&self, stored: Stored) -> Result<Stored> {
        let id = &stored.id;
        let found = self.read("store content", |tx| tx.rows.content(id))?;
        let before = match found.map(|found| found.place) {
            Some(Place::Object(key)) => {
                let held = self.inner.in_flight.read(key);
                let size = stored.record.size;
                self.meter.count(|receipt| receipt.blob_calls += 1);
                let last = size.saturating_sub(1)..size;
                let found = self.inner.blobs.get(held.key(), last).await?;
                let there = match found {
                    Some(mut body) => loop {
                        match body.try_next().await? {
                            Some(chunk) if chunk.is_empty() => {}
                            chunk => break chunk.is_some(),
                        }
                    },
                    None => false,
                };
                match there {
                    true => Before::There,
                    false => Before::Lost(held.key().clone()),
                }
            }
            _ => Before::There,
        };
        Ok(Stored { before, ..stored })
    }

    pub(crate) async fn store_object(&self, body: ByteStream<'_>) -> Result<Stored> {
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
        self.check_old(reserved.stored(id, size)).await
    }

    /// Deletes objects that a commit did not need, but for those that are being
    /// read. What fails is left to the next collection.
    pub(crate) async fn drop_objects(&self, mut keys: Vec<BlobKey>) {
        keys.retain(|key| !self.inner.in_flight.reads(key));
        let _collected_later = self.delete_objects(keys).await;
    }

    /// Takes note that changes are committed: rows name what they stored, but for what
    /// was not needed. Where the files did not move, it is perhaps part of no tree.
    pub(crate) fn committed(&self, changes: &[Prepared], unneeded: &[BlobKey], moved: bool) {
        let unneeded: HashSet<&BlobKey> = unneeded.iter().collect();
        let objects = changes.iter().filter_map(|change| match &change.what {
            What::Write { content, .. } => match &content.record.place {
                Place::Object(key) => Some(key),
                Place::Inline(_) => None,
            },
            What::Other(_) | What::Gone(_) => None,
        });
        let named: Vec<_> = objects.filter(|key| !unneeded.contains(key)).collect();
        if !moved && !named.is_empty() {
            self.inner.in_flight.left_some();
        }
        self.inner.in_flight.settled(named);
    }

    /// Deletes the objects that calls have stored and that came to be part of nothing,
    /// since they failed or were dropped. Costs a row for each; where there are none,
    /// nothing. What fails is left to the next collection.
    ///
    /// Each call that stores contents does so where it fails. For who stores by
    /// [`store`](Self::store) or [`reserve`](Self::reserve), and makes no use of it.
    pub async fn let_go(&self) {
        loop {
            let mut keys = self.inner.in_flight.take_left(DELETED_AT_ONCE);
            if keys.is_empty() {
                return;
            }
            // Also after a commit that failed: its rows may be there all the same. Only a
            // key in flight can come to be named, which these are not any more.
            let unnamed = self.read("let go", |tx| {
                let mut unnamed = Vec::new();
                for key in &keys {
                    if !tx.rows.has_object(key)? {
                        unnamed.push(key.clone());
                    }
                }
                Ok(unnamed)
            });
            let failed = match unnamed {
                Ok(unnamed) => {
                    keys = unnamed;
                    self.delete_objects(keys.clone()).await.is_err()
                }
                Err(_) => true,
            };
            if failed {
                self.inner.in_flight.left_some();
                return;
            }
        }
    }

    /// Deletes objects that no row names any more, in one call.
    async fn delete_objects(&self, keys: Vec<BlobKey>) -> Result<u64> {
        if keys.is_empty() {
            return Ok(0);
        }
        self.meter.count(|receipt| receipt.blob_calls += 1);
        self.inner.blobs.delete(&keys).await?;
        self.inner.in_flight.settled(&keys);
        Ok(keys.len() as u64)
    }

    /// Deletes what a collection found that no row names, but for objects that
    /// somebody stores or reads; returns how many. Nobody can begin to use what no
    /// row names, so what is not in use now never will be.
    pub(crate) async fn sweep(&self, mut keys: Vec<BlobKey>) -> Result<u64> {
        keys.retain(|key| !self.inner.in_flight.keeps(key));
        self.delete_objects(keys).await
    }

    /// Reads the whole content of a file entry into memory, and checks it.
    ///
    /// # Errors
    /// As for [`open_entry`](Self::open_entry).
    pub async fn read_entry(&self, file: &File) -> Result<Bytes> {
        whole(self.open_entry(file, 0..file.size).await?).await
    }

    /// Returns the whole content of a file entry, if it is in a row.
    ///
    /// # Errors
    /// `Invalid` where it is in an object; `Corrupt` where it is missing or altered.
    pub(crate) fn read_inline(&self, file: &File) -> Result<Bytes> {
        let found = self.content(&file.content)?;
        match found.ok_or_else(|| missing(&file.content, "row"))?.place {
            Place::Inline(bytes) if ContentId::of(&bytes) == file.content => Ok(bytes),
            Place::Inline(_) => Err(Error::new(ErrorKind::Corrupt, "read content")
                .at(file.content)
                .because("the bytes are not those that were stored")),
            Place::Object(_) => Err(Error::invalid(Reason::NotInline, "read content")
                .at(file.content)
                .because(format!(
                    "its {} bytes are in an object, which cannot be read at once",
                    file.size
                ))),
        }
    }

    /// As [`read_entry`](Self::read_entry), for an entry of a tree that cannot have
    /// been collected since it was looked up.
    pub(crate) async fn read_kept(&self, file: &File) -> Result<Bytes> {
        whole(self.open_kept(file, 0..file.size).await?).await
    }

    /// Returns the object that a file entry's content is in, which the collector
    /// leaves alone while the caller holds it; `None` where the content is in a row.
    ///
    /// # Errors
    /// As for [`open_entry`](Self::open_entry).
    pub fn object_of(&self, file: &File) -> Result<Option<HeldObject>> {
        let found = self.content(&file.content)?;
        Ok(match found.ok_or_else(|| self.gone(&file.content))?.place {
            Place::Inline(_) => None,
            Place::Object(key) => Some(self.inner.in_flight.read(key)),
        })
    }

    fn content(&self, id: &ContentId) -> Result<Option<ContentRecord>> {
        self.read("read content", |tx| tx.rows.content(id))
    }

    /// Says that there is no row for a content that was looked up at some time.
    fn gone(&self, id: &ContentId) -> Error {
        match self.inner.swept.get() {
            true => Error::new(ErrorKind::Stale, "read content")
                .at(id)
                .because("it was collected, or is lost; look the entry up again"),
            false => missing(id, "row"),
        }
    }

    /// Opens `range` of the content of a file entry; a whole one is checked at its
    /// end. The entry should have been looked up just before: what nothing refers
    /// to any more may be collected.
    ///
    /// # Errors
    /// `Invalid` for a range that is not within the size; `Corrupt` where the content
    /// is missing, and as a stream where it is altered; `Stale`
    /// where it is gone and contents were collected since the workspace was opened.
    pub async fn open_entry(&self, file: &File, range: Range<u64>) -> Result<ByteStream<'static>> {
        self.open_range(file, range, |id| self.gone(id)).await
    }

    /// As [`open_entry`](Self::open_entry), for an entry of a tree that cannot have
    /// been collected since it was looked up: what is missing is `Corrupt`.
    pub(crate) async fn open_kept(
        &self,
        file: &File,
        range: Range<u64>,
    ) -> Result<ByteStream<'static>> {
        self.open_range(file, range, |id| missing(id, "row")).await
    }

    /// Takes note that contents may have been collected.
    pub(crate) fn swept(&self) {
        self.inner.swept.set(true);
    }

    async fn open_range(
        &self,
        file: &File,
        range: Range<u64>,
        gone: impl Fn(&ContentId) -> Error,
    ) -> Result<ByteStream<'static>> {
        let id = file.content;
        if range.start > range.end || range.end > file.size {
            return Err(Error::invalid(Reason::MalformedRange, "read content")
                .at(id)
                .because(format!(
                    "bytes {} to {} of {}",
                    range.start, range.end, file.size
                )));
        }
        let whole = range == (0..file.size);
        let mut last = None;
        for _ in 0..LOOKS {
            let record = self.content(&id)?.ok_or_else(|| gone(&id))?;
            let (body, held): (ByteStream<'static>, _) = match record.place {
                Place::Inline(bytes) => {
                    let within = |at: u64| at.min(bytes.len() as u64) as usize;
                    let bytes = bytes.slice(within(range.start)..within(range.end));
                    let bytes = (!bytes.is_empty()).then_some(Ok(bytes));
                    (Box::pin(stream::iter(bytes)), None)
                }
                // It was looked for there: nobody has put it anywhere else since.
                Place::Object(key) if last.as_ref() == Some(&key) => break,
                Place::Object(key) => {
                    let held = self.inner.in_flight.read(key);
                    self.meter.count(|receipt| {
                        receipt.blob_calls += 1;
                        receipt.bytes_read += range.end.saturating_sub(range.start);
                    });
                    match self.inner.blobs.get(held.key(), range.clone()).await? {
                        Some(body) => (body, Some(held)),
                        // The same bytes may have been stored again meanwhile.
                        None => {
                            last = Some(held.key().clone());
                            continue;
                        }
                    }
                }
            };
            return Ok(Box::pin(Checked {
                body: Some(body),
                left: range.end.saturating_sub(range.start),
                hash: whole.then(Sha256::new),
                id,
                held,
            }));
        }
        let lost = missing(&id, "object");
        Err(match last {
            Some(key) => lost.with_source(missing_object(&key)),
            None => lost,
        })
    }

    pub(crate) fn blobs(&self) -> &Arc<dyn crate::store::BlobStore> {
        &self.inner.blobs
    }
}

async fn whole(mut body: ByteStream<'static>) -> Result<Bytes> {
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

fn missing(id: &ContentId, what: &str) -> Error {
    Error::new(ErrorKind::Corrupt, "read content")
        .at(id)
        .because(format!("the {what} is missing"))
}

fn missing_object(key: &BlobKey) -> Error {
    Error::not_found(Sought::Object, "get object").at(key)
}

/// Passes a content through and keeps its object until then. Ends with an error where
/// it is not as long as it should be or, if whole, not what its id says.
struct Checked {
    body: Option<ByteStream<'static>>,
    left: u64,
    hash: Option<Sha256>,
    id: ContentId,
    held: Option<HeldObject>,
}

impl Checked {
    fn end(&mut self) {
        self.body = None;
        self.held = None;
    }
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
                    self.end();
                    return Poll::Ready(Some(Err(corrupt(self.id, "longer than its size"))));
                };
                self.left = left;
                if let Some(hash) = self.hash.as_mut() {
                    hash.update(&chunk);
                }
                Poll::Ready(Some(Ok(chunk)))
            }
            Some(Err(error)) => {
                self.end();
                Poll::Ready(Some(Err(error)))
            }
            None => {
                self.end();
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
