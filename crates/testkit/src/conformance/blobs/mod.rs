//! What a [`BlobStore`] promises.
//!
//! Every function uses keys of its own, starting with its topic, and deletes
//! them at the end. An object is never put twice under a key, so each function
//! runs once over a store.

mod failures;
mod keys;
mod objects;

pub use failures::{dropped_puts, failing_bodies};
pub use keys::{deletes, deletes_many, empty_store, keys, listed_sizes, pages};
pub use objects::{concurrent_puts, objects, ranges, sizes};

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt, stream};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{BlobKey, Result};

/// Asserts everything over a store in which nothing was ever put.
pub async fn all(store: &dyn BlobStore) {
    empty_store(store).await;
    objects(store).await;
    sizes(store).await;
    ranges(store).await;
    concurrent_puts(store).await;
    keys(store).await;
    pages(store).await;
    listed_sizes(store).await;
    deletes(store).await;
    deletes_many(store).await;
    failing_bodies(store).await;
    dropped_puts(store).await;
}

fn key(text: &str) -> BlobKey {
    text.parse().expect("the tests' keys are valid")
}

/// Returns `size` bytes in which every offset shows.
fn pattern(size: usize) -> Bytes {
    let words =
        (0..size.div_ceil(4) as u32).flat_map(|n| n.wrapping_mul(0x9e37_79b1).to_le_bytes());
    words.take(size).collect()
}

fn body(chunks: impl IntoIterator<Item = Result<Bytes>>) -> ByteStream<'static> {
    let chunks: Vec<_> = chunks.into_iter().collect();
    stream::iter(chunks).boxed()
}

async fn put(store: &dyn BlobStore, key: &BlobKey, bytes: Bytes) {
    let size = bytes.len() as u64;
    let stored = store.put(key, body([Ok(bytes)])).await;
    assert_eq!(stored.expect("put succeeds"), size, "{key}: size");
}

/// Returns what `get` hands out; `None` for no object.
async fn try_get(
    store: &dyn BlobStore,
    key: &BlobKey,
    range: std::ops::Range<u64>,
) -> Option<Vec<u8>> {
    let chunks = store.get(key, range).await.expect("get succeeds")?;
    let append = |mut all: Vec<u8>, chunk: Bytes| async move {
        all.extend_from_slice(&chunk);
        Ok(all)
    };
    let all = chunks.try_fold(Vec::new(), append).await;
    Some(all.expect("reading succeeds"))
}

async fn get(store: &dyn BlobStore, key: &BlobKey, range: std::ops::Range<u64>) -> Vec<u8> {
    let bytes = try_get(store, key, range).await;
    bytes.unwrap_or_else(|| panic!("{key}: no object"))
}

async fn list(store: &dyn BlobStore, after: Option<&BlobKey>, limit: usize) -> Vec<BlobKey> {
    let listed = listed(store, after, limit).await.into_iter();
    listed.map(|listed| listed.key).collect()
}

async fn listed(store: &dyn BlobStore, after: Option<&BlobKey>, limit: usize) -> Vec<Listed> {
    store.list(after, limit).await.expect("list succeeds")
}

async fn delete(store: &dyn BlobStore, key: &BlobKey) {
    delete_all(store, std::slice::from_ref(key)).await;
}

async fn delete_all(store: &dyn BlobStore, keys: &[BlobKey]) {
    store.delete(keys).await.expect("delete succeeds");
}
