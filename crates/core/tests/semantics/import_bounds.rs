//! What an import may hold, and how long it goes on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use workspace_core::store::{BlobStore, ByteStream, Listed};
use workspace_core::{
    At, BatchSize, BlobKey, Change, EntrySource, ErrorKind, Glob, ImportLimits, ImportOptions,
    Options, Result, Scope, SourceEntry, TreePath,
};

use crate::support::{
    Entries, Fixture, change, kind, pass, path, source_directory, source_file, write,
};

/// A source without an end: the same entry, whose content is empty chunks.
struct Endless(SourceEntry);

impl Endless {
    fn new(entry: Option<(SourceEntry, Vec<Bytes>)>) -> Self {
        Self(entry.unwrap().0)
    }
}

impl EntrySource for Endless {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async { Ok(Some(self.0.clone())) }.boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async { Ok(Some(Bytes::new())) }.boxed()
    }
}

fn few() -> ImportOptions<'static> {
    ImportOptions::default().limits(ImportLimits::default().entries(100))
}

#[test]
fn a_content_of_nothing_but_empty_chunks_ends() {
    let fixture = Fixture::new();
    let mut source = Endless::new(source_file("/endless", ""));
    let import = fixture.workspace.import(At::Head, &mut source, few());
    let error = block_on(import).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Source);
    assert_eq!(error.subject(), Some("/endless"));
}

#[test]
fn a_source_without_an_end_is_stopped_by_the_number_of_entries() {
    let fixture = Fixture::new();
    let mut source = Endless::new(source_directory("/again"));
    let import = fixture.workspace.import(At::Head, &mut source, few());
    let error = block_on(import).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.subject(), Some("/again"));
}

#[test]
fn directories_on_the_way_through_a_grant_are_counted() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let scope = Scope {
        root: TreePath::root(),
        read: vec![Glob::new("/a/b/**").unwrap()],
        write: vec![Glob::new("/a/b/**").unwrap()],
        delete: false,
    };
    let view = fixture.workspace.files(At::Copy(copy)).attenuate(scope);
    let mut source = Endless::new(source_directory("/a"));
    let error = block_on(view.import(&mut source, few())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.subject(), Some("/a"));
}

#[test]
fn paths_that_are_kept_to_be_compared_are_counted() {
    let fixture = Fixture::new();
    let deep = |n: usize| format!("/{n}{}", "/d".repeat(2000));
    let entries = || (0..9).map(|n| source_directory(&deep(n))).collect();
    let options = |delete_missing| few().delete_missing(delete_missing);
    let copy = At::Copy(fixture.fork());
    let mut source = Entries::new(entries());
    let import = fixture.workspace.import(copy, &mut source, options(true));
    let error = block_on(import).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    // 2 * 100 and 8,192 paths are kept, and each of these has 2,001.
    assert_eq!(error.subject(), Some(deep(4).as_str()));
    // Or as many as the limits say, where memory is short.
    let mut source = Entries::new(entries());
    let limits = ImportLimits::default().named(5_000);
    let options = ImportOptions::default().limits(limits);
    let options = options.delete_missing(true);
    let import = fixture.workspace.import(copy, &mut source, options);
    let error = block_on(import).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(error.subject(), Some(deep(2).as_str()));
}

#[test]
fn a_batch_ends_at_a_number_of_bytes_of_paths() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let names = ["/a/b/c", "/a/b/d", "/e", "/f/gh", "/i1"];
    let entries = names.map(|name| source_file(name, name)).to_vec();
    let options = ImportOptions::default().batch(BatchSize::default().paths(10));
    let before = fixture.workspace.copy(copy).unwrap().generation;
    let mut source = Entries::new(entries);
    block_on(
        fixture
            .workspace
            .import(At::Copy(copy), &mut source, options),
    )
    .unwrap();
    let batches = fixture.workspace.copy(copy).unwrap().generation - before;
    assert_eq!(batches, 2, "of 12 and of 10 bytes");
}

/// Objects that take some polls to be put, and how many were so at once.
struct Slow {
    blobs: workspace_testkit::MemoryBlobs,
    now: AtomicUsize,
    most: Arc<AtomicUsize>,
}

impl BlobStore for Slow {
    fn put<'a>(&'a self, key: &'a BlobKey, body: ByteStream<'a>) -> BoxFuture<'a, Result<u64>> {
        async move {
            let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
            self.most.fetch_max(now, Ordering::Relaxed);
            for _ in 0..50 {
                pass().await;
            }
            let put = self.blobs.put(key, body).await;
            self.now.fetch_sub(1, Ordering::Relaxed);
            put
        }
        .boxed()
    }

    fn get<'a>(
        &'a self,
        key: &'a BlobKey,
        range: std::ops::Range<u64>,
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
        self.blobs.list(after, limit)
    }
}

/// > An import stores up to 16 contents at once while it reads on, of up to 4 MiB in all.
#[test]
fn contents_are_stored_while_the_source_is_read_on() {
    for (size, contents, most) in [
        (500, 40, 16),
        // Four of 1 MiB fit into 4 MiB.
        (1 << 20, 20, 4),
        // Larger ones are stored as they are read, one at a time.
        ((1 << 20) + 1, 3, 1),
    ] {
        let at_once = Arc::new(AtomicUsize::new(0));
        let options = Options::default().inline_limit(100);
        let fixture = Fixture::over(options, |blobs| {
            Arc::new(Slow {
                blobs,
                now: AtomicUsize::new(0),
                most: Arc::clone(&at_once),
            })
        });
        let content = |n: usize| Bytes::from(vec![n as u8; size]);
        let entries = (0..contents).map(|n| {
            let (entry, _) = source_file(&format!("/{n}"), "").unwrap();
            Some((entry, vec![content(n)]))
        });
        let mut source = Entries::new(entries.collect());
        let import = fixture
            .workspace
            .import(At::Head, &mut source, ImportOptions::default());
        let imported = block_on(import).unwrap();
        assert_eq!(imported.bytes, (size * contents) as u64);
        assert_eq!(at_once.load(Ordering::Relaxed), most, "of {size} bytes");
        for n in 0..contents {
            let path = TreePath::new(&format!("/{n}")).unwrap();
            let read = block_on(fixture.workspace.files(At::Head).read(&path));
            assert_eq!(read.unwrap(), content(n), "{path}");
        }
        fixture.fsck();
    }
}

#[test]
fn what_is_removed_one_by_one_has_a_limit() {
    let fixture = Fixture::new();
    let names: Vec<String> = (0..1_001).map(|n| format!("/d/{n}")).collect();
    let writes = names.iter().map(|name| write(name, "x"));
    let head = fixture.workspace.files(At::Head);
    change(&head, writes.collect()).unwrap();
    let copies = (0..100).map(|n| Change::Copy {
        from: path("/d"),
        to: path(&format!("/c{n}")),
        replace: false,
    });
    change(&head, copies.collect()).unwrap();
    let named: Vec<String> = (0..100).map(|n| format!("/c{n}/x")).collect();
    let remove = |named: &[String]| {
        let entries = named.iter().map(|name| source_file(name, "x"));
        let options = ImportOptions::default().delete_missing(true);
        let mut source = Entries::new(entries.collect());
        block_on(fixture.workspace.import(At::Head, &mut source, options))
    };
    assert_eq!(kind(remove(&named)), ErrorKind::LimitExceeded);
    assert_eq!(fixture.paths(At::Head).len(), 101 * 1_002);
    // What is not named at all goes as a whole.
    let imported = remove(&named[..10]).unwrap();
    assert_eq!(imported.removed, 10 * 1_001 + 91);
}
