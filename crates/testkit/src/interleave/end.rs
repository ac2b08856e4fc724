//! What must be true when all tasks are through.

use std::collections::{BTreeSet, HashSet};

use futures::executor::block_on;
use workspace_core::store::{CopyRecord, CopyState};
use workspace_core::{
    At, ContentId, DiffOptions, Entry, FsckOptions, OperationId, TreeId, TreePath, Workspace,
};

use super::tally::Tally;
use super::task::is_own;
use super::world::{KEEP_CLOSED_COPIES, World};
use crate::storage::Storage;

/// Checks everything; returns what was done.
///
/// # Panics
/// Where anything is damaged, left over, lost, or missing from a log.
pub(super) fn check(world: World<'_>, storage: &dyn Storage) -> Tally {
    // No more faults.
    world.plan.reopen();
    let workspace = &world.workspace;
    let newest = workspace.last_event().expect("the feed is there");
    assert_eq!(world.followed.get(), newest, "a reader was not woken");
    world.check();
    let copies = workspace.copies(false, None, usize::MAX);
    for copy in &copies.expect("copies are listed") {
        log(workspace, copy);
    }
    for late in [false, true] {
        if late {
            world.context.advance(KEEP_CLOSED_COPIES + 1);
        }
        collect(workspace);
        leftovers(workspace, storage, world.long_names);
    }
    world.check();
    world.tally.into_inner()
}

/// Collects all that is garbage.
fn collect(workspace: &Workspace) {
    block_on(workspace.gc(|_| {})).expect("nothing fails any more");
    let options = FsckOptions::default().contents(true);
    let report = block_on(workspace.fsck(options));
    let problems = report.expect("nothing fails any more").problems;
    assert_eq!(problems, [], "after collection");
}

/// The log of a copy is a chain that ends where the copy is, and each operation of a
/// task is about that task's files.
fn log(workspace: &Workspace, copy: &CopyRecord) {
    let id = copy.id;
    let operations = workspace.operations(id, None, usize::MAX);
    let operations = operations.expect("the copy is remembered");
    if copy.state != CopyState::Open && operations.is_empty() {
        // It is being forgotten.
        return;
    }
    let newest = operations.last();
    assert_eq!(copy.operation, newest.map(|newest| newest.id), "{id}");
    if let Some(newest) = newest {
        assert_eq!(copy.tree, newest.after, "copy {id}: its log ends elsewhere");
    }
    for (one, next) in operations
        .iter()
        .zip(&operations[operations.len().min(1)..])
    {
        assert_eq!(
            one.id.get() + 1,
            next.id.get(),
            "copy {id}: a gap in the log"
        );
        assert_eq!(
            one.after, next.before,
            "copy {id}: after operation {}",
            one.id
        );
    }
    assert!(copy.generation >= copy.operation.map_or(0, OperationId::get));
    if copy.state != CopyState::Open {
        return;
    }
    for operation in operations {
        let (from, to) = (At::Tree(operation.before), At::Tree(operation.after));
        let differences = workspace.diff(from, to, &DiffOptions::default());
        for difference in differences.expect("an open copy keeps its log") {
            assert!(
                is_own(&operation.actor, &operation.cause, &difference.path),
                "copy {id}: operation {} of {} changed {}",
                operation.id,
                operation.actor,
                difference.path
            );
        }
    }
}

/// What the store holds is what can be reached from outside, and nothing else.
fn leftovers(workspace: &Workspace, storage: &dyn Storage, long_names: bool) {
    let (trees, contents) = reachable(workspace);
    let usage = workspace.usage().expect("nothing fails any more");
    let objects = block_on(storage.blobs().list(None, usize::MAX));
    let objects = objects.expect("nothing fails any more").len() as u64;
    assert_eq!(objects, usage.object_contents, "objects and their rows");
    let rows = usage.inline_contents + usage.object_contents;
    assert_eq!(
        rows, contents as u64,
        "contents, and those that are reachable"
    );
    let report = block_on(workspace.fsck(FsckOptions::default()));
    let nodes = report.expect("nothing fails any more").nodes;
    assert_eq!(usage.nodes, nodes, "nodes, and those that are reachable");
    if !long_names {
        // Each directory is small here, and so is one node.
        assert_eq!(nodes, trees as u64, "nodes, and directories");
    }
}

/// Counts the directories but empty ones, and the contents, of all that keeps a tree.
fn reachable(workspace: &Workspace) -> (usize, usize) {
    let expected = "what is reachable is there";
    let mut todo: BTreeSet<TreeId> = BTreeSet::new();
    todo.insert(workspace.head().expect(expected).tree);
    let revisions = workspace.revisions(None, usize::MAX).expect(expected);
    todo.extend(revisions.iter().map(|revision| revision.tree));
    for copy in workspace.copies(true, None, usize::MAX).expect(expected) {
        todo.extend([copy.base, copy.tree]);
        let operations = workspace.operations(copy.id, None, usize::MAX);
        for operation in operations.expect(expected) {
            todo.extend([operation.before, operation.after]);
        }
    }
    let mut trees = HashSet::new();
    let mut contents: HashSet<ContentId> = HashSet::new();
    while let Some(tree) = todo.pop_first() {
        if tree == TreeId::empty() || !trees.insert(tree) {
            continue;
        }
        let files = workspace.files(At::Tree(tree));
        let entries = files.list(&TreePath::root(), None, usize::MAX);
        for (_, entry) in entries.expect(expected) {
            match entry {
                Entry::Directory(directory) => drop(todo.insert(directory.tree)),
                Entry::File(file) => drop(contents.insert(file.content)),
                Entry::Symlink(_) => {}
            }
        }
    }
    (trees.len(), contents.len())
}
