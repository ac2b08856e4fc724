//! What has to hold for a batch to be made, and who may come between.

use std::cell::Cell;
use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::{FutureExt, stream};
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{
    At, BlobKey, Change, ChangeOptions, Content, Entry, Error, ErrorKind, Grant, Options, Reason,
    Result, Scope, Text, WriteOptions,
};
use workspace_testkit::MemoryBlobs;

use crate::support::{Fixture, change, kind, pass, path, poll_with, write, write_with};

/// A store that waits before each object that it stores or reads.
struct Waits(MemoryBlobs);

impl BlobStore for Waits {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        async move {
            pass().await;
            self.0.put(key, body).await
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Option<ByteStream<'static>>>> {
        async move {
            pass().await;
            self.0.get(key, range).await
        }
        .boxed()
    }

    fn delete<'a>(&'a self, keys: &'a [BlobKey]) -> BoxFuture<'a, Result<()>> {
        self.0.delete(keys)
    }

    fn list<'a>(
        &'a self,
        after: Option<&'a BlobKey>,
        limit: usize,
    ) -> BoxFuture<'a, Result<Vec<Listed>>> {
        self.0.list(after, limit)
    }
}

fn waiting() -> Fixture {
    let options = Options::default().inline_limit(100);
    Fixture::over(options, |blobs| Arc::new(Waits(blobs)))
}

fn typed(kind: &str) -> WriteOptions {
    WriteOptions::default().media_type(Text::new(kind).unwrap())
}

fn media_type(entry: Option<&Entry>) -> Option<&str> {
    let file = entry?.as_file()?;
    file.media_type.as_ref().map(Text::as_str)
}

/// Fails with `Stale` unless the file there is plain text.
fn is_plain(entry: Option<&Entry>) -> Result<()> {
    match media_type(entry) {
        Some("text/plain") => Ok(()),
        other => Err(Error::new(ErrorKind::Stale, "test").because(format!("it is {other:?}"))),
    }
}

/// > A batch can be made if what is at a path is what its caller says, as the transaction finds it that commits: nobody comes between.
#[test]
fn a_condition_is_looked_at_where_the_batch_is_committed() {
    let large = "x".repeat(500);
    let target = path("/page");
    // The same bytes, stored ahead: it waits to ask for the object that is there.
    for ahead in [false, true] {
        let fixture = waiting();
        let files = fixture.workspace.files(At::Head);
        change(
            &files,
            vec![write_with("/page", &large, typed("text/plain"))],
        )
        .unwrap();
        let content = match ahead {
            true => {
                let body = Box::pin(stream::iter([Ok(Bytes::from(large.clone()))]));
                Content::Stored(block_on(fixture.workspace.store(body)).unwrap())
            }
            false => Content::from("y".repeat(500)),
        };
        let overwrite = Change::Write {
            path: target.clone(),
            content,
            options: typed("text/x-mine"),
        };
        // It holds as the call begins, and still when the bytes are under way.
        is_plain(files.stat(&target).unwrap().as_ref()).unwrap();
        let between = Cell::new(0);
        let call = files.change_if(&target, is_plain, vec![overwrite], ChangeOptions::default());
        let refused = poll_with(call, |n| {
            is_plain(files.stat(&target).unwrap().as_ref()).unwrap_or_else(|_| assert!(n > 0));
            between.set(n + 1);
            if n == 0 {
                // The content stays what it is, as does its tag without a type.
                let retype = write_with("/page", &large, typed("text/html"));
                change(&files, vec![retype]).unwrap();
            }
        });
        assert!(between.get() > 0, "it waited for the store");
        let error = refused.unwrap_err();
        assert_eq!(
            (error.kind(), error.subject()),
            (ErrorKind::Stale, Some("/page"))
        );
        let there = files.stat(&target).unwrap();
        assert_eq!(media_type(there.as_ref()), Some("text/html"));
        assert_eq!(fixture.state(At::Head)["/page"], large, "their edit stays");
        assert_eq!(fixture.workspace.head().unwrap().version, 2);
        fixture.gc();
        fixture.fsck();
    }
}

/// It sees what is there before the batch, and its error is told as it is.
#[test]
fn a_condition_sees_what_gives_way() {
    let fixture = Fixture::new();
    let copy = At::Copy(fixture.fork());
    let files = fixture.workspace.files(copy);
    let absent = |entry: Option<&Entry>| match entry {
        None => Ok(()),
        Some(_) => Err(Error::invalid(Reason::Contradiction, "test")),
    };
    let call = |at: &str, text: &str| {
        let changes = vec![write(at, text)];
        block_on(files.change_if(&path("/a"), absent, changes, ChangeOptions::default()))
    };
    assert_eq!(call("/a", "1").unwrap().generation, 1);
    assert_eq!(kind(call("/a", "2")), ErrorKind::Invalid);
    assert_eq!(kind(call("/b", "2")), ErrorKind::Invalid, "of another path");
    assert_eq!(fixture.paths(copy), ["/a"]);
    // What is stale anyway is not asked for.
    let stale = ChangeOptions::default().expect_generation(7);
    let never = |_: Option<&Entry>| -> Result<()> { panic!("it was asked") };
    let refused = block_on(files.change_if(&path("/a"), never, vec![write("/a", "3")], stale));
    assert_eq!(kind(refused), ErrorKind::Stale);
}

/// A condition asks what is there, which takes a grant to read; paths are the holder's.
#[test]
fn a_condition_of_a_holder_is_of_what_it_may_read() {
    let fixture = Fixture::new();
    for at in ["/site/open/a", "/site/secret/b"] {
        fixture.write(At::Head, at, "1");
    }
    let grant = Grant::all().attenuate(Scope {
        root: path("/site"),
        read: vec!["/open".parse().unwrap()],
        write: vec!["**".parse().unwrap()],
        delete: true,
    });
    let view = fixture.workspace.view(At::Head, grant);
    let call = |at: &str, holds: &dyn Fn(Option<&Entry>) -> Result<()>| {
        let changes = vec![write("/open/a", "2")];
        block_on(view.change_if(&path(at), holds, changes, ChangeOptions::default()))
    };
    let never = |_: Option<&Entry>| -> Result<()> { panic!("it was asked") };
    assert_eq!(kind(call("/secret/b", &never)), ErrorKind::Denied);
    assert_eq!(kind(call("/secret/none", &never)), ErrorKind::Denied);
    let refuses = |entry: Option<&Entry>| {
        assert!(entry.is_some());
        Err(Error::new(ErrorKind::Stale, "test"))
    };
    let error = call("/open/a", &refuses).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::Stale, Some("/open/a"))
    );
    call("/open/a", &|_| Ok(())).unwrap();
    assert_eq!(fixture.state(At::Head)["/site/open/a"], "2");
}
