//! The stores in memory keep the contract, and refuse what they say they refuse.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use workspace_core::store::{
    BlobStore, ContentRecord, CopyRecord, CopyState, HeadRecord, MetaStore, MetaTx, Place,
    RevisionCause, RevisionRecord,
};
use workspace_core::{ContentId, CopyId, ErrorKind, Result, RevisionId, Timestamp, TreeId};
use workspace_testkit::{FaultPlan, FaultyBlobs, FaultyMeta, MemoryBlobs, MemoryMeta, conformance};

#[test]
fn memory_conforms() {
    conformance::meta::all(&MemoryMeta::new());
    block_on(conformance::blobs::all(&MemoryBlobs::new()));
}

#[test]
fn functions_run_in_any_order() {
    let store = MemoryMeta::new();
    conformance::meta::limits(&store);
    conformance::meta::integers(&store);
    conformance::meta::errors_roll_back(&store);
    conformance::meta::head(&store);
    conformance::meta::head(&store);
}

#[test]
fn wrappers_without_faults_conform() {
    let plan = FaultPlan::new();
    conformance::meta::all(&FaultyMeta::new(Box::new(MemoryMeta::new()), &plan));
    block_on(conformance::blobs::all(&FaultyBlobs::new(
        Arc::new(MemoryBlobs::new()),
        &plan,
    )));
    assert!(plan.calls() > 1_000 && plan.faults() == 0);
}

fn tree(n: u8) -> TreeId {
    TreeId::from_bytes([n; 32])
}

fn copy(n: u8) -> CopyRecord {
    CopyRecord {
        id: CopyId::from_bytes([n; 16]),
        name: None,
        state: CopyState::Open,
        parent: None,
        top: None,
        base_version: 0,
        base: tree(1),
        tree: tree(1),
        generation: 0,
        operation: None,
        created: Timestamp::default(),
        modified: Timestamp::default(),
        expires: None,
    }
}

fn head(version: u64, n: u8) -> HeadRecord {
    HeadRecord {
        version,
        tree: tree(n),
        revision: None,
        recorded: None,
        modified: Timestamp::default(),
    }
}

fn revision(n: u64) -> RevisionRecord {
    RevisionRecord {
        id: RevisionId::new(n),
        parent: None,
        tree: tree(1),
        version: 0,
        cause: RevisionCause::Snapshot,
        actor: String::new(),
        message: String::new(),
        at: Timestamp::default(),
        metadata: Default::default(),
    }
}

/// Runs `body` over a store with two nodes, a head and a copy.
fn after_a_start(body: impl Fn(&dyn MetaTx) -> Result<()>) -> Result<()> {
    let store = MemoryMeta::new();
    store.write(&mut |tx| {
        tx.put_node(&tree(1), b"one")?;
        tx.put_node(&tree(2), b"two")?;
        tx.set_head(&head(3, 1))?;
        tx.put_revision(&revision(3))?;
        tx.put_copy(&CopyRecord {
            name: Some("taken".into()),
            ..copy(1)
        })?;
        let closed = CopyState::Discarded;
        tx.put_copy(&CopyRecord {
            state: closed,
            ..copy(2)
        })
    })?;
    store.write(&mut |tx| body(tx))
}

type Deed = fn(&dyn MetaTx) -> Result<()>;

#[test]
fn broken_rules_panic() {
    let deeds: &[(&str, Deed)] = &[
        ("two nodes under one id", |tx| {
            tx.put_node(&tree(1), b"other").map(drop)
        }),
        ("is not stored", |tx| tx.set_head(&head(4, 9))),
        ("version goes backwards", |tx| tx.set_head(&head(2, 1))),
        ("moved without a version", |tx| tx.set_head(&head(3, 2))),
        ("needs TreeId", |tx| tx.delete_node(&tree(1))),
        ("comes after", |tx| tx.put_revision(&revision(2))),
        ("above 2^53", |tx| tx.set_head(&head(1 << 53, 1))),
        ("is not what its id says", |tx| {
            let content = ContentRecord {
                size: 3,
                place: Place::Inline(Bytes::from_static(b"abc")),
            };
            tx.put_content(&ContentId::of(b"abd"), &content).map(drop)
        }),
        ("two contents refer to one object", |tx| {
            let content = ContentRecord {
                size: 3,
                place: Place::Object("key".parse()?),
            };
            tx.put_content(&ContentId::of(b"1"), &content)?;
            tx.put_content(&ContentId::of(b"2"), &content).map(drop)
        }),
        ("another open copy is named", |tx| {
            tx.put_copy(&CopyRecord {
                name: Some("taken".into()),
                ..copy(3)
            })
        }),
        ("a closed copy changed", |tx| tx.put_copy(&copy(2))),
        ("changed within a generation", |tx| {
            tx.put_copy(&CopyRecord {
                tree: tree(2),
                ..copy(1)
            })
        }),
    ];
    for (wanted, deed) in deeds {
        let caught = catch_unwind(|| after_a_start(deed)).expect_err(wanted);
        let said = match caught.downcast::<String>() {
            Ok(said) => *said,
            Err(other) => (*other.downcast::<&str>().expect("a message")).to_string(),
        };
        assert!(said.contains(wanted), "{said:?} is not about {wanted:?}");
    }
    after_a_start(|tx| tx.set_head(&head(4, 2))).unwrap();
}

#[test]
fn a_panic_rolls_back() {
    let store = MemoryMeta::new();
    let again = store.clone();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        store.write(&mut |tx| {
            tx.put_node(&tree(1), b"one")?;
            panic!("in the middle")
        })
    }));
    assert!(outcome.is_err());
    again
        .read(&mut |tx| {
            assert_eq!(tx.node(&tree(1))?, None);
            Ok(())
        })
        .unwrap();
}

#[test]
fn transactions_do_not_nest() {
    let store = MemoryMeta::new();
    let nested = AssertUnwindSafe(|| store.read(&mut |_| store.read(&mut |_| Ok(()))));
    assert!(catch_unwind(nested).is_err());
}

#[test]
fn a_write_in_a_read_is_an_error() {
    let store = MemoryMeta::new();
    let outcome = store.read(&mut |tx| {
        tx.put_node(&tree(1), b"one").unwrap_err();
        Ok(())
    });
    assert_eq!(outcome.unwrap_err().kind(), ErrorKind::ReadOnly);
}

#[test]
fn tampering_is_not_checked() {
    let store = MemoryMeta::new();
    store.tamper(&mut |tx| tx.set_head(&head(1, 1))).unwrap();
    store.tamper(&mut |tx| tx.set_head(&head(0, 2))).unwrap();
}

#[test]
fn keys_are_used_once() {
    let store = MemoryBlobs::new();
    let key = "key".parse().unwrap();
    block_on(async {
        store.put(&key, stream::empty().boxed()).await.unwrap();
        store.delete(std::slice::from_ref(&key)).await.unwrap();
    });
    let again = AssertUnwindSafe(|| block_on(store.put(&key, stream::empty().boxed())));
    assert!(catch_unwind(again).is_err());
}
