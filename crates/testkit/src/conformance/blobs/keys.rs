//! Keys: listed, deleted, kept apart.

use bytes::Bytes;
use workspace_core::BlobKey;
use workspace_core::store::BlobStore;

use super::{delete, delete_all, get, key, list, listed, pattern, put, try_get};

/// Asserts that a store in which nothing was ever put is empty.
pub async fn empty_store(store: &dyn BlobStore) {
    assert_eq!(list(store, None, 10).await, []);
    assert_eq!(list(store, Some(&key("a")), 10).await, []);
    assert_eq!(try_get(store, &key("a"), 0..1).await, None);
}

/// Asserts that keys are kept apart, the shortest and longest as well.
pub async fn keys(store: &dyn BlobStore) {
    let (longest, second) = ("z".repeat(64), "z".repeat(63));
    let texts = ["0", "00", "000", "k", "ke", "key", &longest, &second];
    for text in texts {
        put(store, &key(text), Bytes::copy_from_slice(text.as_bytes())).await;
    }
    for text in texts {
        let found = get(store, &key(text), 0..100).await;
        assert_eq!(found, text.as_bytes());
    }
    delete(store, &key("ke")).await;
    assert_eq!(try_get(store, &key("ke"), 0..100).await, None);
    assert_eq!(get(store, &key("k"), 0..100).await, b"k");
    assert_eq!(get(store, &key("key"), 0..100).await, b"key");
    for text in texts {
        delete(store, &key(text)).await;
    }
}

/// Asserts that pages of keys are in byte order, complete and of the size asked for.
pub async fn pages(store: &dyn BlobStore) {
    let mut wanted: Vec<BlobKey> = (0..30).map(|n| key(&format!("pages{n}"))).collect();
    wanted.extend(["pages", "pagesa", "pagesz", "pages00"].map(key));
    for key in &wanted {
        put(store, key, Bytes::from_static(b"x")).await;
    }
    wanted.sort_unstable();
    let start = key("page");
    for limit in [1, 7, wanted.len(), 1_000, usize::MAX] {
        let mut found = vec![start.clone()];
        loop {
            let page = list(store, found.last(), limit).await;
            assert!(page.len() <= limit);
            let full = page.len() == limit;
            found.extend(page);
            if !full {
                break;
            }
        }
        found.retain(|key| key.as_str().starts_with("pages"));
        assert_eq!(found, wanted, "pages of {limit}");
    }
    assert_eq!(list(store, None, 0).await, []);
    let next = list(store, Some(&key("pages000")), 1).await;
    assert_eq!(next, [key("pages1")], "after a key that nobody has");
    for key in &wanted {
        delete(store, key).await;
    }
}

/// Asserts that a listing tells how large the objects are.
pub async fn listed_sizes(store: &dyn BlobStore) {
    let sizes = [0, 1, 100, 70_000];
    let keys: Vec<BlobKey> = sizes.iter().map(|n| key(&format!("size{n:05}"))).collect();
    for (key, size) in keys.iter().zip(sizes) {
        put(store, key, pattern(size)).await;
    }
    let mut found = listed(store, Some(&key("size")), sizes.len()).await;
    found.retain(|listed| keys.contains(&listed.key));
    let found: Vec<_> = found.iter().map(|listed| listed.size).collect();
    assert_eq!(found, sizes.map(|size| Some(size as u64)));
    delete_all(store, &keys).await;
}

/// Asserts that many objects are deleted in one call, those that are not there passed over.
pub async fn deletes_many(store: &dyn BlobStore) {
    let keys: Vec<BlobKey> = (0..40).map(|n| key(&format!("many{n:04}"))).collect();
    let stays = key("manystay");
    for key in keys.iter().filter(|key| !key.as_str().ends_with('7')) {
        put(store, key, Bytes::from_static(b"x")).await;
    }
    put(store, &stays, Bytes::from_static(b"stays")).await;
    delete_all(store, &[]).await;
    delete_all(store, &keys).await;
    delete_all(store, &keys).await;
    let left = list(store, Some(&key("many")), 1).await;
    assert_eq!(left.first(), Some(&stays));
    assert_eq!(get(store, &stays, 0..9).await, b"stays");
    delete(store, &stays).await;
}

/// Asserts that a deleted object is gone, and deleting nothing is no error.
pub async fn deletes(store: &dyn BlobStore) {
    let (gone, stays) = (key("deletes0"), key("deletes1"));
    delete(store, &gone).await;
    put(store, &gone, Bytes::from_static(b"gone")).await;
    put(store, &stays, Bytes::from_static(b"stays")).await;
    delete(store, &gone).await;
    delete(store, &gone).await;
    assert_eq!(try_get(store, &gone, 0..4).await, None);
    assert_eq!(get(store, &stays, 0..9).await, b"stays");
    let left = list(store, Some(&key("deletes")), 1).await;
    assert_eq!(left.first(), Some(&stays));
    delete(store, &stays).await;
}
