//! What random runs have found.

use bytes::Bytes;
use futures::executor::block_on;
use workspace_core::{
    At, ChangeOptions, DiffOptions, ForkOptions, Options, TreePath, Workspace, WriteOptions,
};
use workspace_testkit::model::Edit;
use workspace_testkit::{MemoryStorage, Storage, TestContext};

fn path(text: &str) -> TreePath {
    TreePath::new(text).expect("a path")
}

fn change(workspace: &Workspace, at: At, edits: &[Edit]) {
    let changes = edits.iter().map(Edit::to_change).collect();
    let files = workspace.files(at);
    block_on(files.change(changes, ChangeOptions::default())).expect("these can be made");
}

/// Renames were paired in the order of a walk, which is not that of the paths.
#[test]
fn renames_pair_in_the_order_of_paths() {
    let storage = MemoryStorage::new();
    let context = TestContext::new(1).context();
    let workspace = Workspace::create(storage.meta(), storage.blobs(), context, Options::default());
    let workspace = workspace.expect("new storage");
    let write = |at| {
        let options = WriteOptions::default().create_parents(true);
        Edit::Write(path(at), Bytes::from_static(b"same"), options)
    };
    change(&workspace, At::Head, &[write("/a/x"), write("/a-b/y")]);
    let copy = workspace.fork(ForkOptions::default()).expect("a fork").id;
    let remove = |at| Edit::Remove(path(at), true);
    let edits = [remove("/a"), remove("/a-b"), write("/z")];
    change(&workspace, At::Copy(copy), &edits);
    let found = workspace.diff(At::Head, At::Copy(copy), &DiffOptions::default());
    let found = found.expect("both are there");
    let renamed: Vec<_> = found
        .iter()
        .filter_map(|found| found.renamed_from.as_ref())
        .collect();
    assert_eq!(renamed, [&path("/a-b/y")]);
}
