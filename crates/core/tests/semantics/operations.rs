use futures::executor::block_on;
use workspace_core::store::{OperationCause, OperationRecord};
use workspace_core::{At, Author, ChangeOptions, CopyId, ErrorKind, OperationId, Result, Undone};

use crate::support::{Fixture, kind, write};

fn undo(fixture: &Fixture, copy: CopyId, id: u64) -> Result<Undone> {
    fixture
        .workspace
        .undo(copy, OperationId::new(id), &Author::default())
}

fn author() -> Author {
    Author::new("agent", "tidy up")
}

/// > A batch of changes to a copy is one operation, with actor, note, tree before and tree after.
#[test]
fn a_batch_is_one_operation() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let before = fixture.workspace.copy(copy).unwrap().tree;
    let files = fixture.workspace.files(At::Copy(copy));
    let options = ChangeOptions::default().author(author());
    let batch = vec![write("/a", "1"), write("/b", "2")];
    let after = block_on(files.change(batch, options)).unwrap().tree;
    let expected = OperationRecord {
        id: OperationId::new(1),
        cause: OperationCause::Edit,
        actor: "agent".into(),
        note: "tidy up".into(),
        at: workspace_core::Timestamp::from_millis(fixture.time.get()),
        before,
        after,
    };
    let operations = fixture.workspace.operations(copy, None, 9).unwrap();
    assert_eq!(operations.len(), 1);
    assert_eq!(
        OperationRecord {
            at: operations[0].at,
            ..expected
        },
        operations[0]
    );
}

/// > Undoing an operation takes back its changes and keeps what came later on other paths.
#[test]
fn undo_keeps_what_came_later() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/a", "base");
    let copy = fixture.fork();
    let at = At::Copy(copy);
    fixture.write(at, "/a", "one");
    fixture.write(at, "/d/b", "two");
    fixture.remove(at, "/a");
    fixture.write(at, "/c", "four");
    assert_eq!(undo(&fixture, copy, 2).unwrap().generation, 5);
    assert_eq!(fixture.paths(at), ["/c"]);
    undo(&fixture, copy, 3).unwrap();
    assert_eq!(fixture.state(at)["/a"], "one");
    undo(&fixture, copy, 1).unwrap();
    undo(&fixture, copy, 4).unwrap();
    assert_eq!(
        fixture.workspace.tree(at).unwrap(),
        fixture.workspace.head().unwrap().tree
    );
    assert_eq!(kind(undo(&fixture, copy, 99)), ErrorKind::NotFound);
}

/// > Undoing an operation whose paths were changed later fails with `Conflict` and changes nothing.
#[test]
fn undo_conflicts_with_what_came_later() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "1");
    fixture.write(At::Copy(copy), "/a", "2");
    let before = fixture.workspace.copy(copy).unwrap();
    let error = undo(&fixture, copy, 1).unwrap_err();
    assert_eq!(error.conflict().unwrap().both.paths[0].as_str(), "/a");
    assert_eq!(fixture.workspace.copy(copy).unwrap(), before);
}

/// > Undoing is itself an operation and can be undone.
#[test]
fn undo_can_be_undone() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let at = At::Copy(copy);
    let tree = fixture.write(at, "/a", "1").tree;
    let undone = undo(&fixture, copy, 1).unwrap();
    assert_eq!(undone.operation, Some(OperationId::new(2)));
    let operation = fixture
        .workspace
        .operations(copy, None, 9)
        .unwrap()
        .remove(1);
    assert_eq!(operation.cause, OperationCause::Undo(OperationId::new(1)));
    undo(&fixture, copy, 2).unwrap();
    assert_eq!(fixture.workspace.tree(at).unwrap(), tree);
    fixture.write(At::Head, "/head", "1");
    let rebased = fixture.workspace.rebase(copy, &author()).unwrap();
    assert_eq!(
        kind(undo(&fixture, copy, rebased.operation.unwrap().get())),
        ErrorKind::Invalid
    );
}

/// > Undoing what is already undone changes nothing and says so.
#[test]
fn undo_can_be_repeated() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/a", "1");
    let generation = undo(&fixture, copy, 1).unwrap().generation;
    let again = undo(&fixture, copy, 1).unwrap();
    assert_eq!(
        again,
        Undone {
            generation,
            operation: None
        }
    );
}
