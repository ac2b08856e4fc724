//! What a receipt says of contents: calls to the blob store, and bytes.

use bytes::Bytes;
use futures::executor::block_on;
use futures::{StreamExt as _, TryStreamExt as _, stream};
use workspace_core::{At, Receipt, Workspace};

use crate::support::{Fixture, change, path, write};

/// Returns what a call costs.
fn cost(fixture: &Fixture, call: impl FnOnce(&Workspace)) -> Receipt {
    let handle = fixture.workspace.metered();
    call(&handle);
    handle.receipt()
}

fn wrote(fixture: &Fixture, at: &str, text: &str) -> Receipt {
    cost(fixture, |handle| {
        change(&handle.files(At::Head), vec![write(at, text)]).unwrap();
    })
}

fn read(fixture: &Fixture, at: &str, range: std::ops::Range<u64>) -> Receipt {
    cost(fixture, |handle| {
        let view = handle.files(At::Head);
        let opened = block_on(view.open(&path(at), Some(range))).unwrap();
        block_on(opened.body.try_collect::<Vec<_>>()).unwrap();
    })
}

/// An object costs a call to put it, another to look whether the same bytes are there, and
/// a third to delete what was not needed.
#[test]
fn objects_cost_their_calls_and_their_bytes() {
    let [small, large] = [500, 700].map(|size| {
        let fixture = Fixture::new();
        let first = wrote(&fixture, "/a", &"x".repeat(size));
        let second = wrote(&fixture, "/b", &"x".repeat(size));
        assert_eq!((first.blob_calls, second.blob_calls), (1, 3));
        let part = read(&fixture, "/a", 100..200);
        let more = read(&fixture, "/a", 100..350);
        assert_eq!((part.blob_calls, more.blob_calls), (1, 1));
        assert_eq!(more.bytes_read - part.bytes_read, 150);
        assert_eq!(read(&fixture, "/a", 7..7).blob_calls, 1);
        first
    });
    assert_eq!(large.bytes_written - small.bytes_written, 200);

    let fixture = Fixture::new();
    let inline = wrote(&fixture, "/a", &"x".repeat(100));
    assert_eq!(inline.blob_calls, 0);
    assert_eq!(read(&fixture, "/a", 0..100).blob_calls, 0);
}

/// As many bytes as fit into a row go into one, also where they come in pieces.
#[test]
fn a_stream_of_the_inline_limit_goes_into_a_row() {
    let fixture = Fixture::new();
    for (size, calls) in [(99, 0), (100, 0), (101, 1)] {
        let cost = cost(&fixture, |handle| {
            let pieces = vec![b'x'; size];
            let pieces = pieces
                .chunks(30)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)));
            let body = stream::iter(pieces.collect::<Vec<_>>()).boxed();
            assert_eq!(block_on(handle.store(body)).unwrap().size(), size as u64);
        });
        assert_eq!(cost.blob_calls, calls, "{size}");
    }
}

/// A listing of objects is a call for each page, and so is what it deletes.
#[test]
fn collecting_objects_costs_a_call_a_page() {
    let fixture = Fixture::new();
    let collected = || {
        cost(&fixture, |handle| {
            block_on(handle.gc(|_| {})).unwrap();
        })
    };
    assert_eq!(collected().blob_calls, 1, "there are none");
    wrote(&fixture, "/a", &"x".repeat(500));
    assert_eq!(collected().blob_calls, 2, "one, and then none");
    wrote(&fixture, "/a", "small");
    assert_eq!(collected().blob_calls, 2, "what was swept is deleted");
}

/// Where head is, is known: nobody else moves it.
#[test]
fn looking_at_head_again_reads_no_row() {
    let fixture = Fixture::new();
    wrote(&fixture, "/a", "text");
    let look = |handle: &Workspace| drop(handle.files(At::Head).stat(&path("/a")).unwrap());
    assert_eq!(cost(&fixture, look).rows_read, 0, "the write has left it");
    assert_eq!(cost(&fixture, look).rows_read, 0);
}
