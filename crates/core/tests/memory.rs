//! How much memory calls take, as an allocator counts it that this binary has for
//! itself.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use futures::executor::block_on;
use peak_alloc::PeakAlloc;
use workspace_core::{
    At, Change, ChangeOptions, Content, Options, Text, TreePath, Workspace, WriteOptions,
};
use workspace_testkit::{MemoryStorage, Storage as _, TestContext};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

const MIB: usize = 1 << 20;

struct Fixture {
    storage: MemoryStorage,
    context: TestContext,
}

impl Fixture {
    fn new() -> Self {
        let fixture = Self {
            storage: MemoryStorage::new(),
            context: TestContext::new(1),
        };
        let (meta, blobs) = (fixture.storage.meta(), fixture.storage.blobs());
        let options = Options::default();
        Workspace::create(meta, blobs, fixture.context.context(), options).unwrap();
        fixture
    }

    fn open(&self, node_cache: usize) -> Workspace {
        let options = Options::default().node_cache(node_cache);
        let (meta, blobs) = (self.storage.meta(), self.storage.blobs());
        Workspace::open(meta, blobs, self.context.context(), options).unwrap()
    }
}

fn write(at: &str, text: &str) -> Change {
    let options = WriteOptions::default().create_parents(true);
    Change::Write {
        path: TreePath::new(at).unwrap(),
        content: Content::Bytes(Bytes::copy_from_slice(text.as_bytes())),
        options,
    }
}

fn change(workspace: &Workspace, changes: Vec<Change>) {
    let files = workspace.files(At::Head);
    block_on(files.change(changes, ChangeOptions::default())).unwrap();
}

/// One test, as what is counted is the process's.
#[test]
fn calls_keep_to_their_memory() {
    deep_paths_take_the_memory_of_their_names();
    the_node_cache_keeps_to_its_size();
}

/// A batch takes memory in proportion to the names in its paths: 30 paths of
/// 4,090 bytes, each through 2,040 directories of its own.
fn deep_paths_take_the_memory_of_their_names() {
    let fixture = Fixture::new();
    let workspace = fixture.open(MIB);
    let deep = (0..30).map(|n| write(&format!("/{n:06}{}/f", "/a".repeat(2040)), "x"));
    let deep: Vec<_> = deep.collect();
    let before = MEMORY.current_usage();
    MEMORY.reset_peak_usage();
    change(&workspace, deep);
    let peak = MEMORY.peak_usage() - before;
    let files = workspace.files(At::Head);
    let root = files.stat(&TreePath::root()).unwrap().unwrap();
    assert_eq!(root.as_directory().unwrap().summary.directories, 30 * 2041);
    assert!(peak < 16 * MIB, "{} KiB", peak >> 10);
}

/// Reads a whole tree with a cache of 16 MiB; returns how much more memory is
/// taken afterwards than without a cache.
fn cached(fixture: &Fixture) -> usize {
    let walk = |workspace: &Workspace| {
        let files = workspace.files(At::Head);
        files
            .walk(&TreePath::root())
            .unwrap()
            .for_each(|found| drop(found.unwrap()));
    };
    let before = MEMORY.current_usage();
    let workspace = fixture.open(16 * MIB);
    walk(&workspace);
    let taken = MEMORY.current_usage() - before;
    drop(workspace);
    taken
}

/// The cache of nodes takes about as much as it may, whatever the nodes hold.
fn the_node_cache_keeps_to_its_size() {
    let links = Fixture::new();
    let text = "t".repeat(4000);
    let link = |n: usize| Change::Symlink {
        path: TreePath::new(&format!("/{n:06}")).unwrap(),
        target: Text::new(&text).unwrap(),
        create_parents: false,
        modified: None,
    };
    change(&links.open(0), (0..10_000).map(link).collect());
    let tiny = Fixture::new();
    let file = |n: usize| write(&format!("/{}/{n}/{n}", n / 300), "x");
    change(&tiny.open(0), (0..60_000).map(file).collect());
    for (what, fixture) in [("long targets", links), ("tiny nodes", tiny)] {
        let taken = cached(&fixture);
        assert!(taken < 24 * MIB, "{what}: {} KiB", taken >> 10);
        assert!(taken > 8 * MIB, "{what}: {} KiB", taken >> 10);
    }
}
