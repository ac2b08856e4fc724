//! The blob store in memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::Bound::{Excluded, Unbounded};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt, stream};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Result};

use crate::turn;

/// Objects in memory, stricter than any real store.
///
/// Clones share the objects. It panics where a key is put twice, ever; lets
/// other tasks run before each chunk, so that interleavings happen; hands bytes
/// out in odd chunks; and every other `put` that fails or is dropped leaves a
/// remnant that `list` shows.
#[derive(Debug, Clone, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<BlobKey, State>>>);

/// What has become of a key.
#[derive(Debug, Clone)]
enum State {
    Whole(Bytes),
    Remnant,
    Deleted,
}

impl MemoryBlobs {
    /// Creates an empty store.
    pub fn new() -> Self {
        Self::default()
    }

    /// Replaces an object, or takes it away, to stage damage that a real store
    /// could do.
    pub fn tamper(&self, key: &BlobKey, object: Option<Bytes>) {
        let state = object.map_or(State::Deleted, State::Whole);
        self.lock().insert(key.clone(), state);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<BlobKey, State>> {
        // Each change is one assignment, so a panic leaves nothing half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a fresh key; whether it fails visibly depends on how many there were.
    fn claim(&self, key: &BlobKey) {
        let mut objects = self.lock();
        let state = match objects.len() % 2 {
            0 => State::Remnant,
            _ => State::Deleted,
        };
        match objects.entry(key.clone()) {
            Entry::Vacant(entry) => entry.insert(state),
            Entry::Occupied(_) => panic!("{key:?}: put under a used key"),
        };
    }
}

impl BlobStore for MemoryBlobs {
    fn put<'a>(&'a self, key: &'a BlobKey, mut body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        async move {
            self.claim(key);
            let mut bytes = BytesMut::new();
            while let Some(chunk) = body.next().await {
                bytes.extend_from_slice(&chunk?);
                turn::pass().await;
            }
            let size = bytes.len() as u64;
            self.lock()
                .insert(key.clone(), State::Whole(bytes.freeze()));
            Ok(size)
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        async move {
            turn::pass().await;
            let Some(State::Whole(bytes)) = self.lock().get(key).cloned() else {
                return Ok(None);
            };
            let clamp = |at: u64| at.min(bytes.len() as u64) as usize;
            let (start, end) = (clamp(range.start), clamp(range.end));
            Ok(Some(in_odd_chunks(bytes.slice(start..end.max(start)))))
        }
        .boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        async move {
            for key in keys {
                turn::pass().await;
                if let Some(state) = self.lock().get_mut(key) {
                    *state = State::Deleted;
                }
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
            turn::pass().await;
            let start = after.map_or(Unbounded, Excluded);
            let objects = self.lock();
            let there =
                objects
                    .range::<BlobKey, _>((start, Unbounded))
                    .filter_map(|(key, state)| {
                        let size = match state {
                            State::Whole(bytes) => Some(bytes.len() as u64),
                            State::Remnant => None,
                            State::Deleted => return None,
                        };
                        let key = key.clone();
                        Some(Listed { key, size })
                    });
            Ok(there.take(limit).collect())
        }
        .boxed()
    }
}

/// Splits bytes where no caller expects it, with an empty chunk now and then.
fn in_odd_chunks(bytes: Bytes) -> ByteStream<'static> {
    const SIZES: [usize; 5] = [1, 0, 7, 4_099, 65_521];
    let chunks = stream::unfold((bytes, 0), |(mut rest, count)| async move {
        if rest.is_empty() {
            return None;
        }
        turn::pass().await;
        let chunk = rest.split_to(SIZES[count % SIZES.len()].min(rest.len()));
        Some((Ok(chunk), (rest, count + 1)))
    });
    chunks.boxed()
}
