//! Faults come where the plan says, and have the effect that it says.

use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt, stream};
use workspace_core::store::{BlobStore, MetaStore};
use workspace_core::{BlobKey, ErrorKind, Result, TreeId};
use workspace_testkit::{FaultPlan, FaultyBlobs, FaultyMeta, MemoryBlobs, MemoryMeta};

struct Rig {
    plan: FaultPlan,
    meta: MemoryMeta,
    faulty_meta: FaultyMeta,
    blobs: MemoryBlobs,
    faulty_blobs: FaultyBlobs,
}

const NODE: TreeId = TreeId::from_bytes([1; 32]);

impl Rig {
    fn new() -> Self {
        let (plan, meta, blobs) = (FaultPlan::new(), MemoryMeta::new(), MemoryBlobs::new());
        Self {
            faulty_meta: FaultyMeta::new(Box::new(meta.clone()), &plan),
            faulty_blobs: FaultyBlobs::new(Arc::new(blobs.clone()), &plan),
            plan,
            meta,
            blobs,
        }
    }

    /// Calls 1 to 4: begin, node, put_node, commit.
    fn write(&self) -> Result<()> {
        self.faulty_meta.write(&mut |tx| {
            tx.node(&NODE)?;
            tx.put_node(&NODE, b"x").map(drop)
        })
    }

    fn written(&self) -> bool {
        let mut found = false;
        let look = self.meta.read(&mut |tx| {
            found = tx.node(&NODE)?.is_some();
            Ok(())
        });
        look.expect("the inner store has no faults");
        found
    }

    /// Calls 1 to 3: put, two chunks.
    fn put(&self) -> Result<u64> {
        let chunks = [Ok(Bytes::from_static(b"ab")), Ok(Bytes::from_static(b"cd"))];
        block_on(self.faulty_blobs.put(&key(), stream::iter(chunks).boxed()))
    }

    fn put_whole(&self) -> bool {
        let object = block_on(self.blobs.get(&key(), 0..4));
        object.expect("the inner store has no faults").is_some()
    }
}

fn key() -> BlobKey {
    "key".parse().expect("a valid key")
}

#[test]
fn calls_are_counted() {
    let rig = Rig::new();
    rig.write().unwrap();
    assert_eq!(rig.plan.calls(), 4);
    rig.put().unwrap();
    assert_eq!(rig.plan.calls(), 7);
}

#[test]
fn a_failure_is_once_and_without_effect() {
    for n in 1..=5 {
        let rig = Rig::new();
        rig.plan.fail_at(n);
        let outcome = rig.write();
        assert_eq!(outcome.is_err(), n <= 4);
        assert_eq!(rig.written(), n > 4);
        assert_eq!(rig.plan.faults(), u64::from(n <= 4));
        rig.write()
            .unwrap_or_else(|error| assert_eq!((n, error.kind()), (5, ErrorKind::Unavailable)));
    }
}

#[test]
fn a_crash_lasts_until_reopen() {
    for after in [false, true] {
        for n in 1..=4 {
            let rig = Rig::new();
            match after {
                false => rig.plan.crash_before(n),
                true => rig.plan.crash_after(n),
            }
            assert_eq!(rig.write().unwrap_err().kind(), ErrorKind::Unavailable);
            assert_eq!(rig.written(), after && n == 4, "call {n}");
            rig.write().unwrap_err();
            rig.plan.reopen();
            rig.write().unwrap();
        }
        for n in 1..=3 {
            let rig = Rig::new();
            match after {
                false => rig.plan.crash_before(n),
                true => rig.plan.crash_after(n),
            }
            rig.put().unwrap_err();
            assert_eq!(rig.put_whole(), after && n == 1, "call {n}");
        }
    }
}

#[test]
fn a_seed_repeats_itself() {
    let faults = |seed| {
        let rig = Rig::new();
        rig.plan.fail_randomly(seed, 0.2);
        let outcomes: Vec<bool> = (0..200).map(|_| rig.write().is_ok()).collect();
        (outcomes, rig.plan.faults())
    };
    assert_eq!(faults(1), faults(1));
    assert_ne!(faults(1), faults(2));
    assert!((40..160).contains(&faults(3).1), "{}", faults(3).1);
}
