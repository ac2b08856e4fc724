//! What a caller of the metadata store may not do. Breaking a rule is a bug of
//! the caller, so each is a panic.

use std::collections::BTreeSet;

use bytes::Bytes;
use workspace_core::store::{
    ContentRecord, CopyRecord, CopyState, GrantRecord, HeadRecord, MemoRecord, OperationCause,
    OperationRecord, Place, RevisionRecord,
};
use workspace_core::{ContentId, Event, EventKind, MAX_MEMO, Timestamp, TreeId};

use super::rows::Rows;

/// The largest integer that JavaScript carries exactly.
const MAX_INTEGER: u64 = Timestamp::MAX_MILLIS as u64;
/// The largest value in a row, in bytes.
const MAX_VALUE: usize = 1 << 20;

fn integers(what: &str, values: impl IntoIterator<Item = u64>) {
    for value in values {
        assert!(value <= MAX_INTEGER, "{what}: {value} is above 2^53 - 1");
    }
}

pub(super) fn head(old: Option<&HeadRecord>, new: &HeadRecord) {
    integers("head", [new.version]);
    integers("head", new.revision.map(|id| id.get()));
    assert_eq!(
        new.revision.is_some(),
        new.recorded.is_some(),
        "head has a revision and its tree, or neither"
    );
    let Some(old) = old else {
        return;
    };
    assert!(new.version >= old.version, "head: version goes backwards");
    if new.tree != old.tree {
        assert!(new.version > old.version, "head: moved without a version");
    }
    if let (Some(old), Some(new)) = (old.revision, new.revision) {
        assert!(new >= old, "head: revision goes backwards");
    }
}

pub(super) fn node(old: Option<&Bytes>, id: &TreeId, encoded: &[u8]) {
    assert!(encoded.len() <= MAX_VALUE, "{id:?}: node over 1 MiB");
    if let Some(old) = old {
        assert_eq!(old, encoded, "{id:?}: two nodes under one id");
    }
}

pub(super) fn content(rows: &Rows, id: &ContentId, content: &ContentRecord) {
    integers("content", [content.size]);
    match &content.place {
        Place::Inline(bytes) => {
            assert!(bytes.len() <= MAX_VALUE, "{id:?}: content over 1 MiB");
            assert_eq!(bytes.len() as u64, content.size, "{id:?}: another size");
            assert_eq!(ContentId::of(bytes), *id, "content is not what its id says");
        }
        Place::Object(key) => {
            let owner = rows.objects.get(key);
            assert!(
                owner.is_none_or(|owner| owner == id),
                "{key:?}: two contents refer to one object"
            );
        }
        other => panic!("{id:?}: {other:?} is not a place that these rules know"),
    }
}

pub(super) fn copy(old: Option<&CopyRecord>, new: &CopyRecord) {
    let id = new.id;
    integers("copy", [new.base_version, new.generation]);
    integers("copy", new.operation.map(|id| id.get()));
    let Some(old) = old else {
        return;
    };
    assert!(
        old.state == CopyState::Open || old.state == new.state,
        "{id:?}: a closed copy changed from {:?} to {:?}",
        old.state,
        new.state
    );
    assert!(
        new.generation >= old.generation,
        "{id:?}: generation goes backwards"
    );
    if new.tree != old.tree {
        assert_eq!(old.state, CopyState::Open, "{id:?}: changed when closed");
        assert!(
            new.generation > old.generation,
            "{id:?}: changed within a generation"
        );
    }
    assert!(
        new.base_version >= old.base_version || new.parent != old.parent,
        "{id:?}: base goes backwards"
    );
    assert!(
        new.operation >= old.operation,
        "{id:?}: operation goes backwards"
    );
    assert_eq!(new.created, old.created, "{id:?}: forked twice");
}

pub(super) fn operation(operation: &OperationRecord) {
    integers("operation", [operation.id.get()]);
    match operation.cause {
        OperationCause::Rebase(version) => integers("operation", [version]),
        OperationCause::Undo(undone) => {
            assert!(undone < operation.id, "an operation undoes a later one");
        }
        OperationCause::Edit | OperationCause::Import | OperationCause::Apply(_) => {}
    }
}

pub(super) fn revision(rows: &Rows, new: &RevisionRecord) {
    let id = new.id;
    integers("revision", [id.get(), new.version]);
    assert!(
        new.parent.is_none_or(|parent| parent < id),
        "{id:?}: its parent is later"
    );
    if let Some(old) = rows.revisions.get(&id) {
        assert_eq!(old.tree, new.tree, "{id:?}: another tree");
        return;
    }
    if let Some((last, _)) = rows.revisions.rows().next_back() {
        assert!(id > *last, "{id:?}: comes after {last:?}");
    }
    let newest = rows.head.get(&()).and_then(|head| head.revision);
    assert!(
        newest.is_none_or(|newest| id >= newest),
        "{id:?}: head is at {newest:?}"
    );
}

/// An event says what its kind is about, and nothing else.
pub(super) fn event(event: &Event) {
    use EventKind::{
        Applied, AppliedInPart, AppliedToParent, Changed, Discarded, Expired, Forked, HeadMoved,
        Pruned, Rebased, Recorded, Renamed, Reparented, Restored, Undone,
    };
    integers("event", event.generation);
    integers("event", event.version);
    integers("event", event.revision.map(|id| id.get()));
    let told = [
        event.copy.is_some(),
        event.generation.is_some(),
        event.version.is_some(),
        event.tree.is_some(),
        event.revision.is_some(),
    ];
    let kind = event.kind;
    let wanted = match kind {
        HeadMoved => [false, false, true, true, false],
        Forked => [true, true, true, false, false],
        Changed | Undone => [true, true, false, true, false],
        Rebased => [true, true, true, true, false],
        Renamed | Discarded | Expired | AppliedToParent => [true, false, false, false, false],
        Reparented => [true, false, true, false, false],
        Applied | AppliedInPart => [true, false, true, true, true],
        Recorded => [false, false, true, false, true],
        Restored => [false, false, true, true, true],
        Pruned => [false, false, false, false, true],
    };
    assert_eq!(told, wanted, "{kind:?}: tells of the wrong things");
}

pub(super) fn grant(rows: &Rows, new: &GrantRecord) {
    let id = new.id;
    assert!(new.parent != Some(id), "{id:?}: attenuated from itself");
    let first = new.top.is_some();
    assert_eq!(new.parent.is_some(), first, "{id:?}: parent without an top");
    for (other, grant) in rows.grants.rows() {
        let same = grant.token == new.token;
        assert_eq!(
            same,
            *other == id,
            "{id:?}: its token and that of {other:?}"
        );
    }
}

pub(super) fn memo(memo: &MemoRecord) {
    let size = memo.answer.len();
    assert!(size <= MAX_MEMO, "{:?}: {size} bytes", memo.key);
}

/// Checks what the transaction touched, as it is about to commit.
pub(super) fn check(rows: &Rows) {
    let stored = |what: &str, tree: &TreeId| {
        let there = *tree == TreeId::empty() || rows.nodes.has(tree);
        assert!(there, "{what}: {tree:?} is not stored");
    };
    if let (Some(()), Some(head)) = (rows.head.touched().next(), rows.head.get(&())) {
        stored("head", &head.tree);
        if let Some(newest) = head.revision {
            let recorded = rows.revisions.get(&newest).map(|revision| revision.tree);
            assert_eq!(recorded, head.recorded, "head: tree of {newest:?}");
        }
    }
    for id in rows.revisions.touched() {
        if let Some(revision) = rows.revisions.get(id) {
            stored("revision", &revision.tree);
        }
    }
    for key in rows.operations.touched() {
        let Some(operation) = rows.operations.get(key) else {
            continue;
        };
        assert!(rows.copies.has(&key.0), "an operation without its copy");
        stored("operation", &operation.before);
        stored("operation", &operation.after);
    }
    for id in rows.copies.touched() {
        let Some(copy) = rows.copies.get(id) else {
            continue;
        };
        if let Some(newest) = copy.operation {
            let operation = rows.operations.get(&(*id, newest));
            let operation = operation.unwrap_or_else(|| panic!("{id:?}: {newest:?} is missing"));
            assert_eq!(operation.after, copy.tree, "{id:?}: tree of {newest:?}");
        }
        if copy.state == CopyState::Open {
            stored("copy", &copy.tree);
            stored("copy", &copy.base);
        }
    }
    names(rows);
    nesting(rows);
    deleted_nodes(rows);
}

/// The parent of an open copy is open, and both are below the same top.
fn nesting(rows: &Rows) {
    if rows.copies.touched().next().is_none() {
        return;
    }
    for (id, copy) in rows.copies.rows() {
        if copy.state != CopyState::Open {
            continue;
        }
        let top = copy.parent.map(|parent| {
            let parent = rows.copies.get(&parent);
            let parent = parent.unwrap_or_else(|| panic!("{id:?}: its parent is not there"));
            assert_eq!(parent.state, CopyState::Open, "{id:?}: its parent");
            parent.top.unwrap_or(parent.id)
        });
        assert_eq!(copy.top, top, "{id:?}: it and its parent are not together");
    }
}

fn names(rows: &Rows) {
    if rows.copies.touched().next().is_none() {
        return;
    }
    let mut names = BTreeSet::new();
    for (id, copy) in rows.copies.rows() {
        if let (CopyState::Open, Some(name)) = (copy.state, &copy.name) {
            assert!(
                names.insert(name),
                "{id:?}: another open copy is named {name:?}"
            );
        }
    }
}

/// Nothing that can still be read may lose its root.
fn deleted_nodes(rows: &Rows) {
    let gone: BTreeSet<_> = rows
        .nodes
        .touched()
        .filter(|id| !rows.nodes.has(id))
        .collect();
    if gone.is_empty() {
        return;
    }
    let needed = |what: &str, tree: &TreeId| {
        assert!(!gone.contains(tree), "{what} needs {tree:?}");
    };
    for (_, head) in rows.head.rows() {
        needed("head", &head.tree);
    }
    for (_, revision) in rows.revisions.rows() {
        needed("revision", &revision.tree);
    }
    for (id, copy) in rows.copies.rows() {
        if copy.state != CopyState::Open {
            continue;
        }
        needed("copy", &copy.tree);
        needed("copy", &copy.base);
        for (_, operation) in rows.operations_of(id) {
            needed("operation", &operation.before);
            needed("operation", &operation.after);
        }
    }
}
