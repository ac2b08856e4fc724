use std::collections::BTreeMap;

use workspace_core::store::{RevisionCause, RevisionRecord};
use workspace_core::{
    ApplyOptions, At, ErrorKind, KeepRevisions, Recorded, RevisionId, RevisionMessage, Timestamp,
};

use crate::support::{Fixture, kind};

fn message(text: &str) -> RevisionMessage {
    RevisionMessage::default()
        .actor("ada")
        .message(text)
        .metadata(BTreeMap::from([("ticket".into(), "7".into())]))
}

/// > A revision is immutable and carries parent, tree, message, actor, time and metadata.
#[test]
fn a_revision_carries_what_it_was_given() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "0");
    fixture.workspace.snapshot(message("first")).unwrap();
    let copy = fixture.fork();
    let tree = fixture.write(At::Copy(copy), "/a", "1").tree;
    let options = ApplyOptions::default().message(message("second"));
    fixture.workspace.apply(copy, options).unwrap();
    let revision = fixture.workspace.revision(RevisionId::new(2)).unwrap();
    let expected = RevisionRecord {
        id: RevisionId::new(2),
        parent: Some(RevisionId::new(1)),
        tree,
        version: 2,
        cause: RevisionCause::Apply(copy),
        actor: "ada".into(),
        message: "second".into(),
        at: Timestamp::from_millis(fixture.time.get()),
        metadata: BTreeMap::from([("ticket".into(), "7".into())]),
    };
    assert_eq!(revision, expected);
    fixture.write(At::Head, "/a", "2");
    assert_eq!(fixture.state(At::Revision(RevisionId::new(2)))["/a"], "1");
    let files = fixture.workspace.files(At::Revision(RevisionId::new(2)));
    let write = vec![crate::support::write("/a", "3")];
    assert_eq!(
        kind(crate::support::change(&files, write)),
        ErrorKind::ReadOnly
    );
    let huge = message("").message("x".repeat(9000));
    assert_eq!(kind(fixture.workspace.snapshot(huge)), ErrorKind::Invalid);
}

/// > Snapshot records head as it is, and adds nothing where the newest revision has that tree.
#[test]
fn snapshot_records_head() {
    let fixture = Fixture::new();
    let tree = fixture.write(At::Head, "/a", "1").tree;
    let first = RevisionId::new(1);
    let snapshot = || fixture.workspace.snapshot(message("s")).unwrap();
    assert_eq!(snapshot(), Recorded::Published(first));
    assert_eq!(snapshot(), Recorded::Unchanged(Some(first)));
    assert_eq!(
        fixture.workspace.head().unwrap().version,
        1,
        "head did not move"
    );
    assert_eq!(fixture.workspace.revision(first).unwrap().tree, tree);
}

/// > Restore makes an old tree head again, as a new revision.
#[test]
fn restore_is_a_new_revision() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "1");
    fixture.workspace.snapshot(message("one")).unwrap();
    fixture.write(At::Head, "/a", "2");
    fixture.workspace.snapshot(message("two")).unwrap();
    let restore = || {
        fixture
            .workspace
            .restore(RevisionId::new(1), message("back"))
            .unwrap()
    };
    assert_eq!(restore(), Recorded::Published(RevisionId::new(3)));
    assert_eq!(fixture.state(At::Head)["/a"], "1");
    let revision = fixture.workspace.revision(RevisionId::new(3)).unwrap();
    assert_eq!(revision.cause, RevisionCause::Restore(RevisionId::new(1)));
    assert_eq!(
        restore(),
        Recorded::Unchanged(Some(RevisionId::new(3))),
        "repeated"
    );
    let missing = fixture.workspace.restore(RevisionId::new(9), message(""));
    assert_eq!(kind(missing), ErrorKind::NotFound);
}

/// > Pruning keeps the newest revision, whatever it is told.
#[test]
fn pruning_keeps_what_it_is_told_and_the_newest() {
    let fixture = Fixture::new();
    let mut times = Vec::new();
    for n in 0..6 {
        fixture.write(At::Head, "/a", &n.to_string());
        fixture.workspace.snapshot(message("s")).unwrap();
        times.push(fixture.time.get());
    }
    let ids = || {
        let revisions = fixture.workspace.revisions(None, 9).unwrap();
        revisions
            .iter()
            .map(|revision| revision.id.get())
            .collect::<Vec<_>>()
    };
    let since = Some(Timestamp::from_millis(times[2]));
    let prune = |newest, since| {
        fixture
            .workspace
            .prune_revisions(KeepRevisions::default().newest(newest).since(since))
            .unwrap()
    };
    assert_eq!((prune(2, since), ids()), (2, vec![6, 5, 4, 3]));
    assert_eq!((prune(2, None), ids()), (2, vec![6, 5]));
    assert_eq!((prune(0, None), ids()), (1, vec![6]));
    fixture.gc();
    fixture.fsck();
    assert_eq!(fixture.state(At::Head)["/a"], "5");
    let pruned = fixture.workspace.restore(RevisionId::new(1), message(""));
    assert_eq!(kind(pruned), ErrorKind::NotFound);
}

#[test]
fn metadata_of_a_revision_is_bounded() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "1");
    let snapshot = |metadata: &[(&str, &str)]| {
        let metadata = metadata
            .iter()
            .map(|(key, value)| ((*key).into(), (*value).into()));
        fixture
            .workspace
            .snapshot(RevisionMessage::default().metadata(metadata.collect()))
    };
    let (half, rest) = ("x".repeat(32 << 10), "x".repeat((32 << 10) - 2));
    let more = format!("{rest}x");
    for refused in [
        &[("a", &*half), ("b", &*more)][..],
        &[(&*half, "a"), (&*more, "b")],
        &[("a", "\0")],
        &[("\0", "a")],
    ] {
        let error = snapshot(refused).unwrap_err();
        assert_eq!(
            (error.kind(), error.subject()),
            (ErrorKind::Invalid, Some("metadata"))
        );
    }
    snapshot(&[("a", &half), ("b", &rest)]).unwrap();
}
