//! A workspace over strict stores in memory, and shorthands for using it.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Poll, Waker};

use bytes::Bytes;
use futures::FutureExt;
use futures::executor::block_on;
use futures::future::BoxFuture;
use workspace_core::store::{BlobStore, MetaStore};
use workspace_core::{
    At, Change, ChangeOptions, Changed, Clock, Content, Context, CopyId, Entry, EntrySource, Error,
    ErrorKind, ForkOptions, IdSource, Options, Result, SourceEntry, SourceKind, Text, Timestamp,
    TreePath, View, Workspace, WriteOptions,
};
use workspace_testkit::{FaultPlan, FaultyMeta, MemoryBlobs, MemoryMeta};

pub(crate) use workspace_testkit::pass;

pub(crate) struct Fixture {
    pub(crate) workspace: Workspace,
    pub(crate) meta: MemoryMeta,
    pub(crate) blobs: MemoryBlobs,
    pub(crate) time: Rc<Cell<i64>>,
}

struct TestClock(Rc<Cell<i64>>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        self.0.set(self.0.get() + 1);
        Timestamp::from_millis(self.0.get())
    }
}

struct CountingIds(Cell<u128>);

impl IdSource for CountingIds {
    fn next(&self) -> [u8; 16] {
        self.0.set(self.0.get() + 1);
        (self.0.get() << 64).to_be_bytes()
    }
}

impl Fixture {
    pub(crate) fn new() -> Self {
        Self::with(Options::default().inline_limit(100))
    }

    /// Over a blob store that is not this fixture's own.
    pub(crate) fn on(blobs: Arc<dyn BlobStore>) -> Self {
        let options = Options::default().inline_limit(100);
        let meta = MemoryMeta::new();
        let used = (Box::new(meta.clone()) as Box<dyn MetaStore>, blobs);
        Self::made(meta, MemoryBlobs::new(), used, options)
    }

    /// Over rows that fail as a plan says.
    pub(crate) fn failing(plan: &FaultPlan) -> Self {
        Self::over_rows(|meta| Box::new(FaultyMeta::new(Box::new(meta), plan)))
    }

    /// A workspace whose rows go through what `wrap` makes of the memory.
    pub(crate) fn over_rows(wrap: impl FnOnce(MemoryMeta) -> Box<dyn MetaStore>) -> Self {
        let (meta, blobs) = (MemoryMeta::new(), MemoryBlobs::new());
        let used = (
            wrap(meta.clone()),
            Arc::new(blobs.clone()) as Arc<dyn BlobStore>,
        );
        Self::made(meta, blobs, used, Options::default().inline_limit(100))
    }

    pub(crate) fn with(options: Options) -> Self {
        Self::over(options, |blobs| Arc::new(blobs))
    }

    /// A workspace whose objects go through what `wrap` makes of the memory.
    pub(crate) fn over(
        options: Options,
        wrap: impl FnOnce(MemoryBlobs) -> Arc<dyn BlobStore>,
    ) -> Self {
        let (meta, blobs) = (MemoryMeta::new(), MemoryBlobs::new());
        let used = (
            Box::new(meta.clone()) as Box<dyn MetaStore>,
            wrap(blobs.clone()),
        );
        Self::made(meta, blobs, used, options)
    }

    fn made(
        meta: MemoryMeta,
        blobs: MemoryBlobs,
        used: (Box<dyn MetaStore>, Arc<dyn BlobStore>),
        options: Options,
    ) -> Self {
        let time = Rc::new(Cell::new(1_000_000));
        let context = Context {
            clock: Box::new(TestClock(Rc::clone(&time))),
            ids: Box::new(CountingIds(Cell::new(0))),
        };
        let workspace = Workspace::create(used.0, used.1, context, options).unwrap();
        Self {
            workspace,
            meta,
            blobs,
            time,
        }
    }

    /// Opens the same stores once more, with other options.
    pub(crate) fn reopen(&self, options: Options) -> Workspace {
        let context = Context {
            clock: Box::new(TestClock(Rc::clone(&self.time))),
            ids: Box::new(CountingIds(Cell::new(1 << 32))),
        };
        let stores = (Box::new(self.meta.clone()), Arc::new(self.blobs.clone()));
        Workspace::open(stores.0, stores.1, context, options).unwrap()
    }

    pub(crate) fn fork(&self) -> CopyId {
        self.workspace.fork(ForkOptions::default()).unwrap().id
    }

    pub(crate) fn write(&self, at: At, at_path: &str, text: &str) -> Changed {
        change(&self.workspace.files(at), vec![write(at_path, text)]).unwrap()
    }

    pub(crate) fn remove(&self, at: At, at_path: &str) -> Changed {
        let remove = Change::Remove {
            path: path(at_path),
            recursive: true,
        };
        change(&self.workspace.files(at), vec![remove]).unwrap()
    }

    /// Everything at `at`: file contents, `->target`, or `/` for a directory.
    pub(crate) fn state(&self, at: At) -> BTreeMap<String, String> {
        let view = self.workspace.files(at);
        let mut state = BTreeMap::new();
        for found in view.walk(&TreePath::root()).unwrap() {
            let (path, entry) = found.unwrap();
            let text = match entry {
                Entry::Directory(_) => "/".into(),
                Entry::Symlink(symlink) => format!("->{}", symlink.target),
                Entry::File(file) => {
                    let bytes = block_on(self.workspace.read_entry(&file)).unwrap();
                    String::from_utf8(bytes.to_vec()).unwrap()
                }
            };
            state.insert(path.to_string(), text);
        }
        state
    }

    pub(crate) fn paths(&self, at: At) -> Vec<String> {
        self.state(at).into_keys().collect()
    }

    /// How many objects are stored.
    pub(crate) fn objects(&self) -> usize {
        block_on(self.blobs.list(None, usize::MAX)).unwrap().len()
    }

    pub(crate) fn fsck(&self) {
        let options = workspace_core::FsckOptions::default().contents(true);
        assert_eq!(block_on(self.workspace.fsck(options)).unwrap().problems, []);
    }

    pub(crate) fn gc(&self) -> workspace_core::Collected {
        block_on(self.workspace.gc(|_| {})).unwrap()
    }
}

pub(crate) fn path(text: &str) -> TreePath {
    TreePath::new(text).unwrap()
}

/// A path of about 4,090 bytes, which goes through some 2,040 directories of its own.
pub(crate) fn deep(number: usize) -> String {
    format!("/{number:06}{}/f", "/a".repeat(2040))
}

pub(crate) fn write(at_path: &str, text: &str) -> Change {
    write_with(at_path, text, WriteOptions::default().create_parents(true))
}

pub(crate) fn write_with(at_path: &str, text: &str, options: WriteOptions) -> Change {
    let content = Content::Bytes(Bytes::copy_from_slice(text.as_bytes()));
    Change::Write {
        path: path(at_path),
        content,
        options,
    }
}

pub(crate) fn change(view: &View, changes: Vec<Change>) -> Result<Changed> {
    block_on(view.change(changes, ChangeOptions::default()))
}

pub(crate) fn kind<T: std::fmt::Debug>(result: Result<T>) -> ErrorKind {
    result.unwrap_err().kind()
}

/// A source of entries in memory: `None` fails there.
pub(crate) struct Entries {
    entries: std::vec::IntoIter<Option<(SourceEntry, Vec<Bytes>)>>,
    chunks: std::vec::IntoIter<Bytes>,
}

impl Entries {
    pub(crate) fn new(entries: Vec<Option<(SourceEntry, Vec<Bytes>)>>) -> Self {
        Self {
            entries: entries.into_iter(),
            chunks: Vec::new().into_iter(),
        }
    }
}

pub(crate) fn source_file(at_path: &str, text: &str) -> Option<(SourceEntry, Vec<Bytes>)> {
    let kind = SourceKind::File {
        size: None,
        executable: false,
        modified: Some(Timestamp::from_millis(5)),
        media_type: None,
        provenance: None,
    };
    let chunks = text
        .as_bytes()
        .chunks(7)
        .map(Bytes::copy_from_slice)
        .collect();
    Some((
        SourceEntry {
            path: path(at_path),
            kind,
        },
        chunks,
    ))
}

pub(crate) fn source_directory(at_path: &str) -> Option<(SourceEntry, Vec<Bytes>)> {
    Some((
        SourceEntry {
            path: path(at_path),
            kind: SourceKind::Directory,
        },
        Vec::new(),
    ))
}

pub(crate) fn source_symlink(at_path: &str, target: &str) -> Option<(SourceEntry, Vec<Bytes>)> {
    let kind = SourceKind::Symlink {
        target: Text::new(target).unwrap(),
        modified: None,
    };
    Some((
        SourceEntry {
            path: path(at_path),
            kind,
        },
        Vec::new(),
    ))
}

impl EntrySource for Entries {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async move {
            match self.entries.next() {
                None => Ok(None),
                Some(None) => Err(Error::new(ErrorKind::Source, "read source").because("cut off")),
                Some(Some((entry, chunks))) => {
                    self.chunks = chunks.into_iter();
                    Ok(Some(entry))
                }
            }
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async move { Ok(self.chunks.next()) }.boxed()
    }
}

/// A source that is pending once before each entry, and before its end.
pub(crate) struct Paused(pub(crate) Entries);

impl EntrySource for Paused {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async {
            pass().await;
            self.0.next().await
        }
        .boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        self.0.chunk()
    }
}

/// Polls a future to its end, and calls `between` with 0, 1, … wherever it waits.
pub(crate) fn poll_with<T>(future: impl Future<Output = T>, mut between: impl FnMut(usize)) -> T {
    let mut future = pin!(future);
    let mut context = std::task::Context::from_waker(Waker::noop());
    for n in 0.. {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(out) => return out,
            Poll::Pending => between(n),
        }
    }
    unreachable!("the loop has no end")
}
