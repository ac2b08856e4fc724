//! Objects and ranges of them.

use bytes::Bytes;
use futures::future::join_all;
use workspace_core::store::BlobStore;

use super::{body, delete, get, key, pattern, put, try_get};

/// Asserts that a stream comes back as it was, however it was cut.
pub async fn objects(store: &dyn BlobStore) {
    let whole = pattern(10_000);
    let cuts: [&[usize]; 5] = [&[], &[0], &[1], &[0, 0, 5_000, 5_000, 10_000], &[9_999]];
    for (n, cuts) in cuts.into_iter().enumerate() {
        let key = key(&format!("objects{n}"));
        assert_eq!(try_get(store, &key, 0..10).await, None);
        let mut chunks = Vec::new();
        let mut from = 0;
        for cut in cuts.iter().copied().chain([whole.len()]) {
            chunks.push(Ok(whole.slice(from..cut)));
            from = cut;
        }
        let size = store.put(&key, body(chunks)).await.expect("put succeeds");
        assert_eq!(size, 10_000);
        assert!(
            get(store, &key, 0..10_000).await == whole,
            "cut at {cuts:?}"
        );
        assert!(get(store, &key, 0..10_000).await == whole, "read again");
        delete(store, &key).await;
    }
}

/// Asserts that an object of no byte is an object, and that one of 12 MiB is whole.
pub async fn sizes(store: &dyn BlobStore) {
    let none = key("sizes0");
    let size = store.put(&none, body([])).await.expect("put succeeds");
    assert_eq!(size, 0);
    assert_eq!(get(store, &none, 0..0).await, b"");
    assert_eq!(get(store, &none, 0..u64::MAX).await, b"");
    delete(store, &none).await;

    let large = key("sizes1");
    let bytes = pattern(12 << 20);
    let chunks = bytes.chunks(1_000_003).map(Bytes::copy_from_slice).map(Ok);
    let size = store.put(&large, body(chunks)).await.expect("put succeeds");
    assert_eq!(size, 12 << 20);
    assert!(get(store, &large, 0..size).await == bytes, "12 MiB");
    delete(store, &large).await;
}

/// Asserts that ranges are exact, clamped to the object, and may be empty.
pub async fn ranges(store: &dyn BlobStore) {
    let key = key("ranges");
    let bytes = pattern(1_000);
    put(store, &key, bytes.clone()).await;
    let max = u64::MAX;
    let edges = [0, 1, 500, 999, 1_000, 1_001, 1 << 40, max];
    for start in edges {
        for end in edges {
            let clamp = |at: u64| at.min(1_000) as usize;
            let wanted = bytes.get(clamp(start)..clamp(end)).unwrap_or_default();
            let range = start..end;
            let found = get(store, &key, range.clone()).await;
            assert!(found == wanted, "{range:?}: {} bytes", found.len());
        }
    }
    delete(store, &key).await;
}

/// Asserts that several streams can go in and come out at a time.
pub async fn concurrent_puts(store: &dyn BlobStore) {
    let objects: Vec<_> = (0..8)
        .map(|n| (key(&format!("concurrent{n}")), pattern(1 + n * 30_000)))
        .collect();
    join_all(objects.iter().map(|(key, bytes)| async move {
        let chunks = bytes.chunks(7_001).map(Bytes::copy_from_slice).map(Ok);
        let size = store.put(key, body(chunks)).await.expect("put succeeds");
        assert_eq!(size, bytes.len() as u64);
    }))
    .await;
    join_all(objects.iter().map(|(key, bytes)| async move {
        assert!(get(store, key, 0..u64::MAX).await == *bytes, "{key}");
    }))
    .await;
    join_all(objects.iter().map(|(key, _)| delete(store, key))).await;
}
