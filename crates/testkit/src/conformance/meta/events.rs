//! Events.

use workspace_core::store::MetaStore;
use workspace_core::{Event, EventKind, EventRecord, RevisionId, Timestamp};

use super::fixture::{copy_id, empty, read, tree, write};

/// The largest integer that every store and JavaScript carry exactly.
const MAX: u64 = Timestamp::MAX_MILLIS as u64;

/// Returns an event of this kind, with `n` in all that such a kind tells.
pub(super) fn event(kind: EventKind, n: u64) -> Event {
    use EventKind::{
        Applied, AppliedInPart, AppliedToParent, Changed, Discarded, Expired, Forked, HeadMoved,
        Pruned, Rebased, Recorded, Renamed, Restored, Undone,
    };
    let copy = !matches!(kind, HeadMoved | Recorded | Restored | Pruned);
    let generation = matches!(kind, Forked | Changed | Rebased | Undone);
    let version = !matches!(
        kind,
        Renamed | Changed | Undone | AppliedToParent | Discarded | Expired | Pruned
    );
    let tells_tree = matches!(
        kind,
        HeadMoved | Changed | Rebased | Undone | Applied | AppliedInPart | Restored
    );
    let revision = matches!(kind, Applied | AppliedInPart | Recorded | Restored | Pruned);
    Event {
        kind,
        copy: copy.then(|| copy_id(n as u8)),
        generation: generation.then_some(n),
        version: version.then_some(n),
        tree: tells_tree.then(|| tree(n)),
        revision: revision.then(|| RevisionId::new(n.max(1))),
        actor: match n % 2 {
            0 => String::new(),
            _ => format!("actor {n}"),
        },
        at: Timestamp::from_millis(5 - n as i64),
    }
}

/// Asserts that an event of each kind is kept with every field, under the next number.
pub fn events(store: &dyn MetaStore) {
    empty(store);
    for kind in EventKind::ALL {
        for n in [0, 1, MAX] {
            let event = event(kind, n);
            let last = read(store, |tx| tx.last_event());
            write(store, |tx| {
                tx.append_event(&event)?;
                assert_eq!(tx.last_event()?, last + 1, "in the transaction");
                Ok(())
            });
            let sequence = last + 1;
            let found = read(store, |tx| tx.events(last, 2));
            let event = event.clone();
            assert_eq!(found, [EventRecord { sequence, event }]);
        }
    }
    // Numbers go on where the newest was left, whatever was deleted before it.
    let last = read(store, |tx| tx.last_event());
    write(store, |tx| tx.delete_events(last + 5));
    let numbers = read(store, |tx| tx.events(0, 9));
    assert_eq!(
        numbers
            .iter()
            .map(|found| found.sequence)
            .collect::<Vec<_>>(),
        [last]
    );
    write(store, |tx| tx.append_event(&event(EventKind::Forked, 2)));
    assert_eq!(read(store, |tx| tx.last_event()), last + 1);
}

/// Asserts that pages of events are oldest first, complete and of the size asked for.
pub fn event_pages(store: &dyn MetaStore) {
    empty(store);
    let before = read(store, |tx| tx.last_event());
    write(store, |tx| {
        (1..=7).try_for_each(|n| tx.append_event(&event(EventKind::Changed, n)))
    });
    let last = before + 7;
    for limit in [1, 2, 3, 7, 8, usize::MAX] {
        let mut found: Vec<u64> = Vec::new();
        loop {
            let after = found.last().copied().unwrap_or(before);
            let page = read(store, |tx| tx.events(after, limit));
            assert!(page.len() <= limit);
            if page.is_empty() {
                break;
            }
            found.extend(page.iter().map(|found| found.sequence));
        }
        let wanted: Vec<u64> = (before + 1..=last).collect();
        assert_eq!(found, wanted, "pages of {limit}");
    }
    assert_eq!(read(store, |tx| tx.events(before, 0)), []);
    assert_eq!(read(store, |tx| tx.events(last, 5)), []);
    write(store, |tx| tx.delete_events(before + 4));
    write(store, |tx| tx.delete_events(before + 4));
    let left = read(store, |tx| tx.events(0, 9));
    let left: Vec<u64> = left.iter().map(|found| found.sequence).collect();
    assert_eq!(left, (before + 4..=last).collect::<Vec<_>>());
}
