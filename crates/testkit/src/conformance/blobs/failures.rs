//! Puts that do not end well.

use std::pin::pin;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{StreamExt, stream};
use workspace_core::store::BlobStore;
use workspace_core::{BlobKey, Error, ErrorKind};

use super::{body, delete, key, list, pattern, put, try_get};

/// Asserts that the error of a body comes out of `put`, and that nothing can be
/// read then.
pub async fn failing_bodies(store: &dyn BlobStore) {
    for (n, chunks) in [0, 1, 5, 2_000].into_iter().enumerate() {
        let key = key(&format!("failing{n}"));
        let good = (0..chunks).map(|_| Ok(pattern(5_000)));
        let fault = Error::new(ErrorKind::Source, "pull").at("upstream");
        let outcome = store.put(&key, body(good.chain([Err(fault)]))).await;
        let error = outcome.expect_err("put fails with its body");
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        assert_unreadable(store, &key).await;
    }
}

/// Asserts that a `put` that is dropped on its way leaves nothing to read.
pub async fn dropped_puts(store: &dyn BlobStore) {
    let key = key("dropped");
    let endless = stream::once(async { Ok(Bytes::from_static(b"start")) }).chain(stream::pending());
    let put_it = store.put(&key, endless.boxed());
    let some_turns = async {
        for _ in 0..50 {
            crate::turn::pass().await;
        }
    };
    match select(put_it, pin!(some_turns)).await {
        Either::Left((outcome, _)) => panic!("an endless body ended with {outcome:?}"),
        Either::Right(((), unfinished)) => drop(unfinished),
    }
    assert_unreadable(store, &key).await;
}

/// Whatever is left can only be listed, and deleted; other keys go on working.
async fn assert_unreadable(store: &dyn BlobStore, failed: &BlobKey) {
    assert_eq!(try_get(store, failed, 0..u64::MAX).await, None, "{failed}");
    delete(store, failed).await;
    let listed = list(store, None, 1_000).await;
    assert!(!listed.contains(failed), "{failed}: a deleted remnant");
    let next = key(&format!("{failed}next"));
    put(store, &next, pattern(100)).await;
    delete(store, &next).await;
}
