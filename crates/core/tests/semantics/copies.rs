use workspace_core::store::{CopyRecord, CopyState};
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
    metered.fork(ForkOptions::named("n")).unwrap();
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
    let named = |name: &str| ForkOptions::named(name);
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
    let found = fixture.workspace.find_copy("draft").unwrap();
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

/// A name that is an id would stand for another copy than the id does.
#[test]
fn a_copy_is_not_named_like_an_id() {
    let fixture = Fixture::new();
    let named = |name: String| ForkOptions::named(name);
    let victim = fixture.fork();
    let other = fixture.fork();
    for id in [
        victim.to_string(),
        victim.to_string().to_uppercase(),
        "f".repeat(32),
    ] {
        assert_eq!(
            kind(fixture.workspace.fork(named(id.clone()))),
            ErrorKind::Invalid
        );
        assert_eq!(
            kind(fixture.workspace.rename_copy(other, Some(id))),
            ErrorKind::Invalid
        );
    }
    for near in ["f".repeat(31), "f".repeat(33), "g".repeat(32)] {
        fixture.workspace.fork(named(near)).unwrap();
    }
    // One that was named so before it was refused.
    let row = fixture.workspace.copy(other).unwrap();
    let name = Some(victim.to_string());
    fixture
        .meta
        .tamper(&mut |tx| {
            tx.put_copy(&CopyRecord {
                name: name.clone(),
                ..row.clone()
            })
        })
        .unwrap();
    let found = fixture.workspace.find_copy(&victim.to_string()).unwrap();
    assert_eq!(found.id, victim);
    let gone = CopyId::from_bytes([9; 16]);
    assert_eq!(
        kind(fixture.workspace.find_copy(&gone.to_string())),
        ErrorKind::NotFound
    );
}

/// By nothing else: the start of an id is that of another copy any day.
#[test]
fn a_copy_among_hundreds_is_found_by_its_name_or_id() {
    let fixture = Fixture::new();
    let ids: Vec<CopyId> = (0..300).map(|_| fixture.fork()).collect();
    let find = |text: &str| {
        let metered = fixture.workspace.metered();
        let found = metered.find_copy(text).map(|copy| copy.id);
        assert!(metered.receipt().rows_read <= 2, "{:?}", metered.receipt());
        found
    };
    let last = ids.last().unwrap();
    let text = last.to_string();
    assert_eq!(find(&text).unwrap(), *last);
    assert_eq!(find(&text.to_uppercase()).unwrap(), *last);
    for none in [&text[..31], &text[..16], "ffff", "", "0000000000000g"] {
        assert_eq!(kind(find(none)), ErrorKind::NotFound, "{none:?}");
    }
    fixture.workspace.discard(*last).unwrap();
    assert_eq!(find(&text).unwrap(), *last, "a closed one by its id");
}

#[test]
fn ids_that_start_so_are_a_range() {
    let id = |text: &str| -> CopyId { text.parse().unwrap() };
    let range = CopyId::starting("0a1B").unwrap();
    let ends = (*range.start(), *range.end());
    let (zeros, ones) = ("0".repeat(28), "f".repeat(28));
    assert_eq!(
        ends,
        (id(&format!("0a1b{zeros}")), id(&format!("0a1b{ones}")))
    );
    assert_eq!(range.start().before(), Some(id(&format!("0a1a{ones}"))));
    assert_eq!(id(&"0".repeat(32)).before(), None);
    for none in ["", "0a1", "0a1g", &"0".repeat(33)] {
        assert!(CopyId::starting(none).is_none(), "{none}");
    }
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
    let options = || ForkOptions::named("short").expires(expires);
    let copy = fixture.workspace.fork(options()).unwrap().id;
    fixture.write(At::Copy(copy), "/a", "1");
    // The clock of the tests goes on by one whenever it is read.
    fixture.time.set(now + 998);
    let files = fixture.workspace.files(At::Copy(copy));
    change(&files, vec![write("/a", "3")]).unwrap();
    fixture.time.set(now + 999);
    assert_eq!(
        kind(change(&files, vec![write("/a", "2")])),
        ErrorKind::Closed
    );
    assert_eq!(
        kind(fixture.workspace.fork(options())),
        ErrorKind::Invalid,
        "in the past"
    );
    let again = options().expires(None);
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

/// A name has up to 100 bytes, and the longest is one.
#[test]
fn the_longest_name_is_one() {
    let fixture = Fixture::new();
    let fork = |bytes: usize| {
        let name = "n".repeat(bytes);
        let copy = fixture.workspace.fork(ForkOptions::named(name))?;
        Ok(copy.name.unwrap().len())
    };
    assert_eq!(fork(100).unwrap(), 100);
    assert_eq!(kind(fork(101)), ErrorKind::Invalid);
}
