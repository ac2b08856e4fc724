use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures::executor::block_on;
use futures::future::join;
use futures::poll;
use workspace_core::store::{MetaStore, MetaTx};
use workspace_core::{
    ApplyOptions, At, Author, ChangeOptions, Error, ErrorKind, Event, EventKind, EventRecord,
    ForkOptions, KeepRevisions, OperationId, Options, Result, RevisionId, RevisionMessage,
    Timestamp, Workspace,
};
use workspace_testkit::MemoryMeta;

use crate::support::{Fixture, kind, write};

fn kinds(workspace: &Workspace, after: u64) -> Vec<EventKind> {
    let found = workspace.events(after, 100).unwrap();
    found.iter().map(|found| found.event.kind).collect()
}

fn numbers(found: &[EventRecord]) -> Vec<u64> {
    found.iter().map(|found| found.sequence).collect()
}

/// > Every change of head, of a copy and of the revisions is an event of the transaction that makes it.
#[test]
fn every_change_is_an_event() {
    use EventKind::{
        Applied, Changed, Discarded, Expired, Forked, HeadMoved, Pruned, Rebased, Recorded,
        Renamed, Restored, Undone,
    };
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    let seen = Cell::new(0);
    let expect = |wanted: &[EventKind]| {
        assert_eq!(kinds(workspace, seen.get()), wanted);
        seen.set(workspace.last_event().unwrap());
    };
    expect(&[]);
    fixture.write(At::Head, "/a", "1");
    expect(&[HeadMoved]);
    fixture.write(At::Head, "/a", "1");
    expect(&[]);
    let copy = fixture.fork();
    expect(&[Forked]);
    workspace.rename_copy(copy, Some("draft".into())).unwrap();
    expect(&[Renamed]);
    let options = ChangeOptions::default().author(Author::new("ann", ""));
    let files = workspace.files(At::Copy(copy));
    let changed = block_on(files.change(vec![write("/b", "2")], options)).unwrap();
    let event = Event {
        kind: Changed,
        copy: Some(copy),
        generation: Some(1),
        version: None,
        tree: Some(changed.tree),
        revision: None,
        actor: "ann".into(),
        at: workspace.copy(copy).unwrap().modified,
    };
    assert_eq!(workspace.events(seen.get(), 9).unwrap()[0].event, event);
    expect(&[Changed]);
    let author = Author::default();
    workspace.undo(copy, OperationId::new(1), &author).unwrap();
    workspace.undo(copy, OperationId::new(2), &author).unwrap();
    expect(&[Undone, Undone]);
    fixture.write(At::Head, "/c", "3");
    workspace.rebase(copy, &author).unwrap();
    expect(&[HeadMoved, Rebased]);
    workspace.rebase(copy, &author).unwrap();
    expect(&[]);
    workspace.apply(copy, ApplyOptions::default()).unwrap();
    workspace.apply(copy, ApplyOptions::default()).unwrap();
    expect(&[Recorded, Applied]);
    workspace.snapshot(RevisionMessage::default()).unwrap();
    expect(&[]);
    let first = RevisionId::new(1);
    workspace
        .restore(first, RevisionMessage::default())
        .unwrap();
    expect(&[Restored]);
    let discarded = fixture.fork();
    workspace.discard(discarded).unwrap();
    workspace.discard(discarded).unwrap();
    expect(&[Forked, Discarded]);
    let expires = Some(Timestamp::from_millis(fixture.time.get() + 1000));
    let options = ForkOptions::default().expires(expires);
    workspace.fork(options).unwrap();
    fixture.time.set(fixture.time.get() + 1000);
    workspace.expire_copies().unwrap();
    expect(&[Forked, Expired]);
    workspace.prune_revisions(KeepRevisions::default()).unwrap();
    workspace.prune_revisions(KeepRevisions::default()).unwrap();
    expect(&[Pruned]);

    // Where the transaction fails, nothing is told.
    let failed = fixture.meta.write(&mut |rows| {
        rows.append_event(&event)?;
        Err(Error::new(ErrorKind::Unavailable, "commit"))
    });
    assert!(failed.is_err());
    expect(&[]);
}

/// > Events are numbered from 1, without a gap, in the order of the changes.
#[test]
fn events_are_numbered() {
    let fixture = Fixture::new();
    assert_eq!(fixture.workspace.last_event().unwrap(), 0);
    for n in 1..=5 {
        fixture.write(At::Head, "/a", &n.to_string());
        let metered = fixture.workspace.metered();
        assert_eq!(metered.last_event().unwrap(), n);
        assert_eq!(metered.receipt().rows_read, 1);
    }
    let found = fixture.workspace.events(0, 100).unwrap();
    assert_eq!(numbers(&found), [1, 2, 3, 4, 5]);
    let versions: Vec<_> = found.iter().map(|found| found.event.version).collect();
    assert_eq!(versions, [1, 2, 3, 4, 5].map(Some));
}

/// > A reader that goes on after the last event it saw misses none and sees none twice.
#[test]
fn reading_goes_on() {
    let fixture = Fixture::new();
    let mut seen = Vec::new();
    for round in 0..10 {
        for n in 0..round {
            fixture.write(At::Head, "/a", &format!("{round} {n}"));
        }
        let page = fixture
            .workspace
            .events(seen.last().copied().unwrap_or(0), 4);
        seen.extend(numbers(&page.unwrap()));
    }
    assert_eq!(seen, (1..=seen.len() as u64).collect::<Vec<_>>());
    assert!(seen.len() > 20);
}

/// Rows that say of each commit whether it was flushed.
struct Flushing {
    meta: MemoryMeta,
    commits: Rc<RefCell<Vec<bool>>>,
}

impl MetaStore for Flushing {
    fn read(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.read(body)
    }

    fn write(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.write(body)?;
        self.commits.borrow_mut().push(true);
        Ok(())
    }

    fn write_unsynced(&self, body: &mut dyn FnMut(&dyn MetaTx) -> Result<()>) -> Result<()> {
        self.meta.write_unsynced(body)?;
        self.commits.borrow_mut().push(false);
        Ok(())
    }
}

/// > An event is told only when no crash can take it back.
#[test]
fn an_event_is_told_when_it_is_flushed() {
    let commits = Rc::new(RefCell::new(Vec::new()));
    let fixture = Fixture::over_rows(|meta| {
        let commits = Rc::clone(&commits);
        Box::new(Flushing { meta, commits })
    });
    let taken = || commits.take();
    let workspace = &fixture.workspace;
    workspace.events(0, 10).unwrap();
    taken();
    workspace.unsynced().fork(ForkOptions::default()).unwrap();
    assert_eq!(taken(), [false]);
    assert_eq!(workspace.events(0, 10).unwrap().len(), 1);
    assert_eq!(taken(), [true]);
    // Once is enough, and so is any other commit that is flushed.
    workspace.last_event().unwrap();
    workspace.unsynced().fork(ForkOptions::default()).unwrap();
    workspace.fork(ForkOptions::default()).unwrap();
    assert_eq!(workspace.last_event().unwrap(), 3);
    assert_eq!(taken(), [false, true]);
}

/// > Collection keeps the newest events; going on after one whose successors are gone, or that never was, fails with `Stale`.
#[test]
fn old_events_are_collected() {
    let fixture = Fixture::with(Options::default().keep_events(5));
    let workspace = &fixture.workspace;
    for n in 1..=12 {
        fixture.write(At::Head, "/a", &n.to_string());
    }
    fixture.gc();
    let found = workspace.events(7, 100).unwrap();
    assert_eq!(numbers(&found), [8, 9, 10, 11, 12]);
    assert_eq!(workspace.events(12, 100).unwrap(), []);
    for after in [0, 6, 13, u64::MAX] {
        assert_eq!(kind(workspace.events(after, 100)), ErrorKind::Stale);
        assert_eq!(
            kind(block_on(workspace.next_events(after, 1))),
            ErrorKind::Stale
        );
    }
    let told = workspace.events(6, 100).unwrap_err().to_string();
    assert!(
        told.contains("the oldest event that is kept is 8"),
        "{told}"
    );
    fixture.gc();
    fixture.write(At::Head, "/a", "13");
    assert_eq!(workspace.last_event().unwrap(), 13);
}

/// > Whoever waits for the next event gets it as soon as a change through any handle is committed.
#[test]
fn waiting_ends_with_a_change() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    block_on(async {
        let mut waits: Vec<_> = (0..3)
            .map(|_| Box::pin(workspace.next_events(0, 9)))
            .collect();
        for wait in &mut waits {
            assert!(poll!(wait.as_mut()).is_pending());
        }
        // One goes away, and is not waited for.
        drop(waits.pop());
        let other = workspace.metered();
        let found = join(waits.remove(0), async {
            other.fork(ForkOptions::default())
        });
        assert_eq!(numbers(&found.await.0.unwrap()), [1]);
        assert_eq!(numbers(&waits.remove(0).await.unwrap()), [1]);
        // What changes nothing ends no wait.
        let mut wait = Box::pin(workspace.next_events(1, 9));
        assert!(poll!(wait.as_mut()).is_pending());
        workspace.discard(fixture.fork()).unwrap();
        assert_eq!(numbers(&wait.await.unwrap()), [2, 3]);
        let mut wait = Box::pin(workspace.next_events(3, 9));
        assert!(poll!(wait.as_mut()).is_pending());
        workspace.expire_copies().unwrap();
        assert!(poll!(wait.as_mut()).is_pending());
    });
}
