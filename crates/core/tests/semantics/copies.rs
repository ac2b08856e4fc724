use workspace_core::store::CopyState;
use workspace_core::{At, CopyId, ErrorKind, ForkOptions, Timestamp};

use crate::support::{Fixture, change, kind, write};

/// > A fork costs two rows, the copy and its event, whatever the size of the tree.
#[test]
fn a_fork_is_two_rows() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    change(
        &files,
        (0..2000)
            .map(|n| write(&format!("/{}/{n}", n % 9), "x"))
            .collect(),
    )
    .unwrap();
    let metered = fixture.workspace.metered();
    metered
        .fork(ForkOptions {
            name: Some("n".into()),
            expires: None,
        })
        .unwrap();
    let receipt = metered.receipt();
    assert_eq!(
        (
            receipt.rows_written,
            receipt.nodes_written,
            receipt.nodes_read
        ),
        (2, 0, 0)
    );
    assert_eq!(
        (receipt.commits, receipt.blob_calls, receipt.bytes_written),
        (1, 0, 0)
    );
}

/// > A copy is isolated: nobody sees its changes before it is applied, and it sees nobody's.
#[test]
fn copies_are_isolated() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "base");
    let (one, two) = (At::Copy(fixture.fork()), At::Copy(fixture.fork()));
    fixture.write(one, "/a", "one");
    fixture.write(At::Head, "/b", "head");
    assert_eq!(fixture.state(one)["/a"], "one");
    assert_eq!(fixture.state(two)["/a"], "base");
    assert_eq!(fixture.paths(two), ["/a"]);
    assert_eq!(fixture.state(At::Head)["/a"], "base");
}

/// > A name is unique among open copies and free again once the copy is closed.
#[test]
fn names_are_unique_among_open_copies() {
    let fixture = Fixture::new();
    let named = |name: &str| ForkOptions {
        name: Some(name.into()),
        expires: None,
    };
    let first = fixture.workspace.fork(named("draft")).unwrap().id;
    assert_eq!(
        kind(fixture.workspace.fork(named("draft"))),
        ErrorKind::AlreadyExists
    );
    let other = fixture.fork();
    let rename = |name: &str| fixture.workspace.rename_copy(other, Some(name.into()));
    assert_eq!(kind(rename("draft")), ErrorKind::AlreadyExists);
    rename("other").unwrap();
    assert_eq!(fixture.workspace.find_copy("other").unwrap().id, other);
    fixture.workspace.discard(first).unwrap();
    assert_eq!(
        kind(fixture.workspace.find_copy("draft")),
        ErrorKind::NotFound
    );
    rename("draft").unwrap();
    let found = fixture
        .workspace
        .find_copy(&other.to_string()[..20])
        .unwrap();
    assert_eq!((found.id, found.name.as_deref()), (other, Some("draft")));
    for bad in ["", "a\nb", &"x".repeat(101)] {
        assert_eq!(kind(fixture.workspace.fork(named(bad))), ErrorKind::Invalid);
    }
    let ids: Vec<CopyId> = fixture
        .workspace
        .copies(false, None, 9)
        .unwrap()
        .iter()
        .map(|copy| copy.id)
        .collect();
    assert_eq!(ids, [first, other]);
}

/// > Every change to a copy raises its generation.
#[test]
fn changes_raise_the_generation() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    for expected in 1..4 {
        let text = expected.to_string();
        assert_eq!(
            fixture.write(At::Copy(copy), "/a", &text).generation,
            expected
        );
        assert_eq!(fixture.workspace.copy(copy).unwrap().generation, expected);
    }
}

/// > A discarded copy is closed: it is read and written no more; discarding it again is fine.
#[test]
fn a_discarded_copy_is_closed() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "1");
    assert_eq!(
        fixture.workspace.discard(copy).unwrap().state,
        CopyState::Discarded
    );
    fixture.workspace.discard(copy).unwrap();
    let files = fixture.workspace.files(At::Copy(copy));
    assert_eq!(
        kind(files.stat(&crate::support::path("/a"))),
        ErrorKind::Closed
    );
    assert_eq!(
        kind(change(&files, vec![write("/a", "2")])),
        ErrorKind::Closed
    );
    assert_eq!(
        kind(fixture.workspace.apply(copy, Default::default())),
        ErrorKind::Closed
    );
    assert_eq!(
        kind(fixture.workspace.rebase(copy, &Default::default())),
        ErrorKind::Closed
    );
    let unknown = CopyId::from_bytes([9; 16]);
    assert_eq!(
        kind(fixture.workspace.discard(unknown)),
        ErrorKind::NotFound
    );
}

/// > An expired copy is refused from that moment on, before anything collects it.
#[test]
fn an_expired_copy_is_refused() {
    let fixture = Fixture::new();
    let now = fixture.time.get();
    let expires = Some(Timestamp::from_millis(now + 1000));
    let options = || ForkOptions {
        name: Some("short".into()),
        expires,
    };
    let copy = fixture.workspace.fork(options()).unwrap().id;
    fixture.write(At::Copy(copy), "/a", "1");
    fixture.time.set(now + 1000);
    let files = fixture.workspace.files(At::Copy(copy));
    assert_eq!(
        kind(change(&files, vec![write("/a", "2")])),
        ErrorKind::Closed
    );
    assert_eq!(
        kind(fixture.workspace.fork(options())),
        ErrorKind::Invalid,
        "in the past"
    );
    let again = ForkOptions {
        expires: None,
        ..options()
    };
    fixture.workspace.fork(again).unwrap();
    assert_eq!(
        fixture.workspace.expire_copies().unwrap(),
        0,
        "the name was taken over"
    );
    assert_eq!(
        fixture.workspace.copy(copy).unwrap().state,
        CopyState::Discarded
    );
}
