//! Imports beside other changes to the same copy, and imports that are given up.

use futures::future::join;
use workspace_core::store::{CopyState, OperationCause, OperationRecord};
use workspace_core::{
    At, Author, BatchSize, CopyId, ErrorKind, ImportOptions, Imported, Result, Workspace,
};

use crate::support::{Entries, Fixture, Paused, kind, poll_with, source_file};

type Listed = Vec<Option<(workspace_core::SourceEntry, Vec<bytes::Bytes>)>>;

/// Each entry is a batch.
fn single<'a>() -> ImportOptions<'a> {
    ImportOptions::default().batch(BatchSize::default().entries(1))
}

fn files(names: &[&str]) -> Listed {
    names.iter().map(|name| source_file(name, name)).collect()
}

/// Imports into a copy, and calls `between` before each entry and the end.
fn import(
    workspace: &Workspace,
    copy: CopyId,
    names: &[&str],
    options: ImportOptions<'_>,
    between: impl FnMut(usize),
) -> Result<Imported> {
    let mut source = Paused(Entries::new(files(names)));
    let import = workspace.import(At::Copy(copy), &mut source, options);
    poll_with(import, between)
}

fn undo(workspace: &Workspace, copy: CopyId, operations: impl IntoIterator<Item = u64>) {
    for id in operations {
        let id = workspace_core::OperationId::new(id);
        let undone = workspace.undo(copy, id, &Author::default()).unwrap();
        assert!(undone.operation.is_some(), "{id} is undone");
    }
}

/// The operations of a copy, each beginning where the one before ended.
fn log(workspace: &Workspace, copy: CopyId) -> Vec<OperationRecord> {
    let operations = workspace.operations(copy, None, 99).unwrap();
    for pair in operations.windows(2) {
        assert_eq!(pair[0].after, pair[1].before, "{pair:?}");
    }
    let copy = workspace.copy(copy).unwrap();
    assert_eq!(
        operations.last().map(|newest| newest.after),
        Some(copy.tree)
    );
    assert_eq!(operations.last().map(|newest| newest.id), copy.operation);
    operations
}

fn causes(workspace: &Workspace, copy: CopyId) -> Vec<OperationCause> {
    let operations = log(workspace, copy);
    operations.iter().map(|operation| operation.cause).collect()
}

fn made(imported: &Imported) -> Vec<u64> {
    imported.operations.iter().map(|id| id.get()).collect()
}

/// > Where others change the copy meanwhile, an import is several operations and names them; nobody's operation holds another's changes.
#[test]
fn an_edit_between_batches_is_never_part_of_the_import() {
    // The middle batch leaves the tree as it is.
    let names = ["/a", "/same", "/b"];
    for at in 0..=names.len() {
        let fixture = Fixture::new();
        let workspace = &fixture.workspace;
        fixture.write(At::Head, "/same", "/same");
        let copy = fixture.fork();
        let imported = import(workspace, copy, &names, single(), |n| {
            if n == at {
                fixture.write(At::Copy(copy), "/edit", "somebody else's");
            }
        })
        .unwrap();
        // Before the first batch, or after the last, there is nothing to be cut.
        let expected = match at {
            0 => (
                vec![2],
                [OperationCause::Edit, OperationCause::Import].to_vec(),
            ),
            3 => (
                vec![1],
                [OperationCause::Import, OperationCause::Edit].to_vec(),
            ),
            _ => (
                vec![1, 3],
                vec![
                    OperationCause::Import,
                    OperationCause::Edit,
                    OperationCause::Import,
                ],
            ),
        };
        assert_eq!((made(&imported), causes(workspace, copy)), expected, "{at}");
        fixture.write(At::Copy(copy), "/next", "later");
        fixture.fsck();
        undo(workspace, copy, made(&imported).into_iter().rev());
        assert_eq!(fixture.paths(At::Copy(copy)), ["/edit", "/next", "/same"]);
        assert_eq!(fixture.state(At::Copy(copy))["/edit"], "somebody else's");
        log(workspace, copy);
        fixture.fsck();
    }
}

#[test]
fn an_edit_beside_an_import_is_undone_without_it() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    fixture.write(At::Head, "/same", "/same");
    let copy = fixture.fork();
    import(workspace, copy, &["/a", "/same", "/b"], single(), |n| {
        if n == 1 {
            fixture.write(At::Copy(copy), "/edit", "somebody else's");
        }
    })
    .unwrap();
    undo(workspace, copy, [2]);
    assert_eq!(fixture.paths(At::Copy(copy)), ["/a", "/b", "/same"]);
}

#[test]
fn two_imports_side_by_side_are_undone_one_without_the_other() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    fixture.write(At::Head, "/same", "/same");
    let copy = fixture.fork();
    let mut left = Paused(Entries::new(files(&["/l/1", "/same", "/l/2", "/l/3"])));
    let mut right = Paused(Entries::new(files(&["/same", "/r/1", "/r/2"])));
    let both = join(
        workspace.import(At::Copy(copy), &mut left, single()),
        workspace.import(At::Copy(copy), &mut right, single()),
    );
    let (left, right) = poll_with(both, |_| {});
    let (left, right) = (left.unwrap(), right.unwrap());
    // They take turns, and each batch that changes something is alone.
    let operations = (vec![1, 3, 5], vec![2, 4]);
    assert_eq!((made(&left), made(&right)), operations);
    assert_eq!(log(workspace, copy).len(), 5);
    fixture.fsck();
    undo(workspace, copy, made(&left).into_iter().rev());
    assert_eq!(
        fixture.paths(At::Copy(copy)),
        ["/r", "/r/1", "/r/2", "/same"]
    );
    undo(workspace, copy, made(&right).into_iter().rev());
    assert_eq!(fixture.paths(At::Copy(copy)), ["/same"]);
    fixture.fsck();
}

#[test]
fn an_import_goes_on_behind_an_undo_of_its_own_beginning() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    let copy = fixture.fork();
    let imported = import(workspace, copy, &["/a", "/b"], single(), |n| {
        if n == 1 {
            undo(workspace, copy, [1]);
        }
    })
    .unwrap();
    assert_eq!(made(&imported), [1, 3]);
    assert_eq!(fixture.paths(At::Copy(copy)), ["/b"]);
    undo(workspace, copy, [2]);
    assert_eq!(fixture.paths(At::Copy(copy)), ["/a", "/b"]);
    log(workspace, copy);
    fixture.fsck();
}

#[test]
fn an_import_goes_on_behind_a_rebase() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    let copy = fixture.fork();
    let imported = import(workspace, copy, &["/a", "/b"], single(), |n| {
        if n == 1 {
            fixture.write(At::Head, "/head", "of head");
            workspace.rebase(copy, &Author::default()).unwrap();
        }
    })
    .unwrap();
    assert_eq!(made(&imported), [1, 3]);
    undo(workspace, copy, [3, 1]);
    assert_eq!(fixture.paths(At::Copy(copy)), ["/head"]);
    log(workspace, copy);
    fixture.fsck();
}

/// > What others changed while an import was under way is not removed because the source does not have it.
#[test]
fn removing_what_is_missing_spares_what_others_changed_meanwhile() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    for name in ["/gone", "/edited", "/d/gone", "/d/e/gone", "/f/gone"] {
        fixture.write(At::Head, name, name);
    }
    let copy = fixture.fork();
    let options = single().delete_missing(true);
    let imported = import(workspace, copy, &["/a", "/b"], options, |n| {
        if n == 1 {
            fixture.write(At::Copy(copy), "/new", "new");
            fixture.write(At::Copy(copy), "/edited", "edited");
            fixture.write(At::Copy(copy), "/d/new", "new");
        }
        fixture.gc();
    })
    .unwrap();
    let left = ["/a", "/b", "/d", "/d/new", "/edited", "/new"];
    assert_eq!(fixture.paths(At::Copy(copy)), left);
    assert_eq!(imported.removed, 4, "/gone, /d/gone, /d/e and /f");
    assert_eq!(made(&imported), [1, 5]);
    undo(workspace, copy, [5, 1]);
    let all = [
        "/d",
        "/d/e",
        "/d/e/gone",
        "/d/gone",
        "/d/new",
        "/edited",
        "/f",
        "/f/gone",
        "/gone",
        "/new",
    ];
    assert_eq!(fixture.paths(At::Copy(copy)), all);
    fixture.fsck();
}

#[test]
fn a_file_does_not_replace_a_directory_that_others_changed_meanwhile() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/b/old", "old");
    let copy = fixture.fork();
    let options = single().delete_missing(true);
    let error = import(&fixture.workspace, copy, &["/a", "/b"], options, |n| {
        if n == 1 {
            fixture.write(At::Copy(copy), "/b/new", "new");
        }
    });
    assert_eq!(error.unwrap_err().kind(), ErrorKind::IsADirectory);
    assert_eq!(fixture.state(At::Copy(copy))["/b/new"], "new");
}

#[test]
fn an_import_that_is_interrupted_too_often_stops() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    let copy = fixture.fork();
    let names: Vec<String> = (0..=Imported::MAX_OPERATIONS)
        .map(|n| format!("/{n}"))
        .collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let interrupt = |n: usize| {
        fixture.write(At::Copy(copy), "/edit", &n.to_string());
    };
    let mut operations = 0;
    let mut progress = |imported: &Imported| operations = imported.operations.len();
    let options = single().progress(&mut progress);
    let error = import(workspace, copy, &names, options, interrupt).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(operations, Imported::MAX_OPERATIONS);
    assert_eq!(fixture.state(At::Copy(copy)).get("/1000"), None);
}

/// > An import into head that is given up at any moment leaves head untouched and no copy open.
#[test]
fn an_import_into_head_that_is_dropped_leaves_no_copy() {
    let long = "x".repeat(500);
    let entries = || {
        let mut entries = files(&["/a", "/b", "/c"]);
        entries.insert(1, source_file("/long", &long));
        entries
    };
    let mut waits = 0;
    for stop in 0.. {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/before", "before");
        let before = fixture.workspace.head().unwrap();
        let mut source = Paused(Entries::new(entries()));
        let mut import = Box::pin(fixture.workspace.import(At::Head, &mut source, single()));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let ended = (0..stop).any(|_| import.as_mut().poll(&mut context).is_ready());
        drop(import);
        let copies = fixture.workspace.copies(false, None, 9).unwrap();
        let open = copies.iter().filter(|copy| copy.state == CopyState::Open);
        assert_eq!(open.count(), 0, "given up at {stop}");
        fixture.gc();
        fixture.gc();
        fixture.fsck();
        if ended {
            break;
        }
        waits = stop;
        assert_eq!(fixture.workspace.head().unwrap(), before);
        assert_eq!(fixture.workspace.usage().unwrap().object_contents, 0);
    }
    assert!(waits >= 5, "before each entry, and before the end: {waits}");
}

#[test]
fn an_import_into_a_closed_copy_fails() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let failed = import(&fixture.workspace, copy, &["/a", "/b"], single(), |n| {
        if n == 1 {
            fixture.workspace.discard(copy).unwrap();
        }
    });
    assert_eq!(kind(failed), ErrorKind::Closed);
}

/// > An import into head may take days, as long as it stores a batch in each of them.
#[test]
fn an_import_into_head_may_take_days() {
    const HOURS: i64 = 3_600_000;
    let fixture = Fixture::new();
    let names = ["/a", "/b", "/c", "/d"];
    let mut source = Paused(Entries::new(files(&names)));
    let import = fixture.workspace.import(At::Head, &mut source, single());
    poll_with(import, |_| {
        fixture.time.set(fixture.time.get() + 20 * HOURS);
        fixture.workspace.expire_copies().unwrap();
    })
    .unwrap();
    assert_eq!(fixture.paths(At::Head), names);
}
