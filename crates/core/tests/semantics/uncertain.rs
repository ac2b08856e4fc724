//! What goes on after a commit that failed once its effect was there, and beside a store
//! that takes its time.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake};

use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use workspace_core::store::{
    BlobStore, ByteStream, CollectionPhase, CollectionRecord, Listed, MetaStore, MetaTx,
};
use workspace_core::{
    At, BlobKey, CollectBudget, Error, ErrorKind, ForkOptions, Options, Result, Workspace,
};
use workspace_testkit::{FaultPlan, MemoryBlobs, MemoryMeta};

use crate::support::{Fixture, kind, pass, poll_with};

/// Lets the last commit of `call` fail after its effect, as it is made on a twin of the
/// same fixture first to see which call of the stores that is.
fn fail_the_commit(fixture: impl Fn() -> (FaultPlan, Fixture), call: impl Fn(&Fixture)) -> Fixture {
    let (plan, twin) = fixture();
    plan.reopen();
    call(&twin);
    let commit = plan.effects().last().copied().unwrap();
    let (plan, fixture) = fixture();
    plan.crash_after(commit);
    call(&fixture);
    assert_eq!(plan.faults(), 1);
    plan.reopen();
    fixture
}

/// A collection that had begun, though its begin failed, swept what was written next.
#[test]
fn a_collection_that_began_with_a_failure_spares_what_is_written_next() {
    for rows in 1..120 {
        let with_garbage = || {
            let plan = FaultPlan::new();
            let fixture = Fixture::failing(&plan);
            fixture.write(At::Head, "/d/x", "one");
            fixture.write(At::Head, "/d/x", "two");
            fixture.write(At::Head, "/e", "three");
            (plan, fixture)
        };
        let budget = CollectBudget::default().rows(rows);
        let fixture = fail_the_commit(with_garbage, |fixture| {
            let _failed = block_on(fixture.workspace.collect(budget));
        });
        // What was garbage is in use again, through the same handle.
        fixture.write(At::Head, "/d/x", "one");
        while !block_on(fixture.workspace.collect(budget)).unwrap().done {}
        fixture.fsck();
        assert_eq!(fixture.state(At::Head)["/d/x"], "one", "in steps of {rows}");
    }
}

/// Counts how often it wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Whoever waited slept on where the commit failed and the change was there all the same.
#[test]
fn a_change_whose_commit_failed_wakes_who_waits_for_it() {
    let fresh = || {
        let plan = FaultPlan::new();
        let fixture = Fixture::failing(&plan);
        (plan, fixture)
    };
    let (plan, twin) = fresh();
    plan.reopen();
    twin.fork();
    let commit = plan.effects().last().copied().unwrap();

    let (plan, fixture) = fresh();
    let count = Arc::new(Count::default());
    let waker = Arc::clone(&count).into();
    let mut context = Context::from_waker(&waker);
    let mut wait = Box::pin(fixture.workspace.next_events(0, 9));
    assert!(wait.poll_unpin(&mut context).is_pending());
    fixture.workspace.expire_copies().unwrap();
    assert_eq!(count.0.load(Ordering::Relaxed), 0, "nothing has changed");
    plan.crash_after(commit);
    let forked = fixture.workspace.fork(ForkOptions::default());
    assert_eq!(kind(forked), ErrorKind::Unavailable);
    plan.reopen();
    assert_eq!(count.0.load(Ordering::Relaxed), 1, "it is woken");
    let Poll::Ready(found) = wait.poll_unpin(&mut context) else {
        panic!("the event is there");
    };
    assert_eq!(found.unwrap().len(), 1);
}

/// A store that waits once before it lists objects, each time it is told to.
struct Waits {
    blobs: MemoryBlobs,
    told: Arc<AtomicBool>,
}

impl BlobStore for Waits {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        self.blobs.put(key, body)
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        self.blobs.get(key, range)
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.blobs.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        async move {
            if self.told.swap(false, Ordering::Relaxed) {
                pass().await;
            }
            self.blobs.list(after, limit).await
        }
        .boxed()
    }
}

fn phase(fixture: &Fixture) -> Option<CollectionPhase> {
    let mut found: Option<CollectionRecord> = None;
    let read = fixture.meta.read(&mut |tx| {
        found = tx.collection()?;
        Ok(())
    });
    read.unwrap();
    found.map(|found| found.phase)
}

/// A call that listed objects slowly put the next collection, begun meanwhile, back to
/// where its own was.
#[test]
fn a_slow_sweep_of_objects_does_not_put_the_next_collection_back() {
    let told = Arc::new(AtomicBool::new(false));
    let options = Options::default().inline_limit(100);
    let fixture = Fixture::over(options, |blobs| {
        let told = Arc::clone(&told);
        Arc::new(Waits { blobs, told })
    });
    fixture.write(At::Head, "/large", &"x".repeat(500));
    let collect = |rows| {
        block_on(
            fixture
                .workspace
                .collect(CollectBudget::default().rows(rows)),
        )
    };
    while !matches!(phase(&fixture), Some(CollectionPhase::SweepObjects(_))) {
        collect(9).unwrap();
    }
    told.store(true, Ordering::Relaxed);
    let slow = fixture.workspace.collect(CollectBudget::default().rows(9));
    let mut begun = None;
    let ended = poll_with(slow, |_| {
        while !collect(9).unwrap().done {}
        fixture.write(At::Head, "/next", "y");
        collect(1).unwrap();
        begun = phase(&fixture);
        assert!(!matches!(
            begun,
            Some(CollectionPhase::SweepObjects(_) | CollectionPhase::Done)
        ));
    });
    ended.unwrap();
    assert!(begun.is_some(), "it waited");
    assert_eq!(phase(&fixture), begun);
    while !collect(9).unwrap().done {}
    fixture.fsck();
}

/// Rows that fail the next few transactions, in a way that the test chooses.
struct Failing {
    meta: MemoryMeta,
    left: Arc<AtomicUsize>,
    kind: ErrorKind,
}

impl MetaStore for Failing {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.read(body)
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        let less = |left: usize| left.checked_sub(1);
        let order = Ordering::Relaxed;
        if self.left.fetch_update(order, order, less).is_ok() {
            return Err(Error::new(self.kind, "write"));
        }
        self.meta.write(body)
    }

    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.write(body)
    }
}

/// Where the disk is full, a collection goes on in smaller steps, down to ten rows.
#[test]
fn a_full_disk_is_collected_in_smaller_steps() {
    for (kind, failures, goes_on) in [
        (ErrorKind::StorageFull, 3, true),
        (ErrorKind::StorageFull, 4, false),
        (ErrorKind::Unavailable, 1, false),
    ] {
        let left = Arc::new(AtomicUsize::new(0));
        let fixture = Fixture::over_rows(|meta| {
            let left = Arc::clone(&left);
            Box::new(Failing { meta, left, kind })
        });
        fixture.write(At::Head, "/x", "one");
        fixture.write(At::Head, "/x", "two");
        left.store(failures, Ordering::Relaxed);
        let collected = block_on(fixture.workspace.gc(|_| {}));
        match goes_on {
            true => assert_eq!(collected.unwrap().contents, 1, "{kind:?}"),
            false => assert_eq!(collected.unwrap_err().kind(), kind),
        }
        assert_eq!(left.load(Ordering::Relaxed), 0, "{kind:?}");
        fixture.fsck();
    }
}

fn rows(handle: &Workspace) -> u64 {
    let receipt = handle.receipt();
    receipt.rows_read + receipt.rows_written
}

/// Where no collection is under way, one is run and not two.
#[test]
fn collecting_again_costs_no_more() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/x", &"x".repeat(500));
    let cost = || {
        let handle = fixture.workspace.metered();
        block_on(handle.gc(|_| {})).unwrap();
        rows(&handle)
    };
    cost();
    assert_eq!(cost(), cost());
    let first = {
        let handle = fixture.workspace.metered();
        let mut ended = 0;
        block_on(handle.gc(|collected| ended += u32::from(collected.done))).unwrap();
        assert_eq!(ended, 1);
        rows(&handle)
    };
    // With one under way, that is ended first.
    block_on(fixture.workspace.collect(CollectBudget::default().rows(1))).unwrap();
    assert!(cost() > first);
}
