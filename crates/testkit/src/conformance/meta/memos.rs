//! Memos.

use workspace_core::store::{MemoRecord, MetaStore};
use workspace_core::{MAX_MEMO, MemoKey, RequestHash, Timestamp};

use super::fixture::{empty, grant_id, memo, read, write};

/// Asserts that memos come back by key and holder, and that a new one takes the place of one
/// under the same key.
pub fn memos(store: &dyn MetaStore) {
    empty(store);
    assert_eq!(read(store, |tx| tx.last_memo()), 0);
    let of = |n: u64, holder: Option<u8>| MemoRecord {
        holder: holder.map(grant_id),
        ..memo(n)
    };
    let visible: String = ('!'..='~').cycle().take(255).collect();
    let edges = MemoRecord {
        key: MemoKey::new(&visible).expect("it is a key"),
        answer: vec![0xff; MAX_MEMO].into(),
        at: Timestamp::from_millis(-5),
        ..memo(9)
    };
    let empty_answer = MemoRecord {
        answer: bytes::Bytes::new(),
        at: Timestamp::from_millis(Timestamp::MAX_MILLIS),
        ..memo(8)
    };
    let all = [
        of(1, None),
        of(1, Some(1)),
        of(1, Some(0)),
        of(2, Some(1)),
        edges,
        empty_answer,
    ];
    for (n, memo) in (1..).zip(&all) {
        write(store, |tx| {
            tx.put_memo(memo)?;
            assert_eq!(tx.last_memo()?, n, "in the transaction");
            Ok(())
        });
    }
    for memo in &all {
        let found = read(store, |tx| tx.memo(memo.holder.as_ref(), &memo.key));
        assert!(found.as_ref() == Some(memo), "{:?}", memo.key);
    }
    assert_eq!(read(store, |tx| tx.memo(None, &of(2, None).key)), None);
    assert_eq!(
        read(store, |tx| tx.memo(Some(&grant_id(2)), &memo(1).key)),
        None
    );
    // Another one under the same key is the newest, and the only one.
    let again = MemoRecord {
        request: RequestHash::from_bytes([7; 32]),
        answer: "another".into(),
        ..of(1, Some(1))
    };
    for put in [&again, &of(1, Some(1)), &again] {
        write(store, |tx| tx.put_memo(put));
    }
    let found = read(store, |tx| tx.memo(Some(&grant_id(1)), &memo(1).key));
    assert_eq!(found.as_ref(), Some(&again));
    assert_eq!(read(store, |tx| tx.memo(None, &memo(1).key)), Some(memo(1)));
    let left = read(store, |tx| tx.memos(0, 99));
    assert_eq!(left.len(), all.len());
    let newest = left.last().expect("there are some");
    let last = read(store, |tx| tx.last_memo());
    assert_eq!((newest.number, newest.request), (last, again.request));
    assert_eq!((newest.size, newest.holder), (7, Some(grant_id(1))));
    assert_eq!((&newest.key, newest.at), (&again.key, again.at));
    assert_eq!(left[3].size, MAX_MEMO as u64);
}

/// Asserts that pages of memos are oldest first, complete and of the size asked for, and that
/// the oldest are deleted.
pub fn memo_pages(store: &dyn MetaStore) {
    empty(store);
    write(store, |tx| (1..=7).try_for_each(|n| tx.put_memo(&memo(n))));
    for limit in [1, 2, 3, 7, 8, usize::MAX] {
        let mut found: Vec<u64> = Vec::new();
        loop {
            let after = found.last().copied().unwrap_or(0);
            let page = read(store, |tx| tx.memos(after, limit));
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            found.extend(page.iter().map(|found| found.number));
        }
        assert_eq!(found, (1..=7).collect::<Vec<_>>(), "pages of {limit}");
    }
    assert_eq!(read(store, |tx| tx.memos(0, 0)), []);
    assert_eq!(read(store, |tx| tx.memos(u64::MAX, 9)), []);
    assert_eq!(write(store, |tx| tx.delete_memos(4)), 3);
    assert_eq!(write(store, |tx| tx.delete_memos(4)), 0);
    let left = read(store, |tx| tx.memos(0, 9));
    let left: Vec<u64> = left.iter().map(|found| found.number).collect();
    assert_eq!(left, [4, 5, 6, 7]);
    assert_eq!(read(store, |tx| tx.memo(None, &memo(3).key)), None);
    assert_eq!(write(store, |tx| tx.delete_memos(100)), 4);
    assert_eq!(read(store, |tx| tx.last_memo()), 0);
}
