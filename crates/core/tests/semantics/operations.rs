use futures::executor::block_on;
use workspace_core::store::{OperationCause, OperationRecord};
use workspace_core::{
    At, Author, ChangeOptions, CopyId, ErrorKind, Grant, MemoKey, Once, OperationId, Repeat,
    RequestHash, Result, Scope, TreePath, Undone, View,
};

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

fn undo_once(view: &View, ids: &[u64], key: &str) -> Result<Repeat<Undone>> {
    let ids: Vec<_> = ids.iter().map(|id| OperationId::new(*id)).collect();
    let once = Once {
        key: &MemoKey::new(key)?,
        request: RequestHash::of([key.as_bytes()]),
        of_a_part: false,
        answer: &|undone: &Undone| Ok(format!("{undone:?}").into()),
    };
    view.undo_once(&ids, &author(), &once)
}

/// > Several operations are undone through a view as one, the newest first: all of them or none, and once under a key.
#[test]
fn several_operations_are_undone_as_one() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let at = At::Copy(copy);
    let files = fixture.workspace.files(at);
    for text in ["1", "2", "3"] {
        fixture.write(at, "/a", text);
    }
    fixture.write(at, "/b", "4");
    let conflict = undo_once(&files, &[1, 4], "no");
    assert_eq!(kind(conflict), ErrorKind::Conflict);
    assert_eq!(fixture.paths(at), ["/a", "/b"]);
    // In whatever order they are named.
    let Ok(Repeat::First(undone)) = undo_once(&files, &[2, 3, 2], "key") else {
        panic!("it is undone");
    };
    assert_eq!(undone.operation, Some(OperationId::new(5)));
    assert_eq!(fixture.state(at)["/a"], "1");
    let logged = fixture
        .workspace
        .operations(copy, Some(OperationId::new(4)), 9)
        .unwrap();
    assert_eq!(logged[0].cause, OperationCause::Undo(OperationId::new(3)));
    let again = undo_once(&files, &[2, 3, 2], "key");
    assert!(matches!(again, Ok(Repeat::Again(_))));
    assert!(files.memo(&MemoKey::new("key").unwrap()).unwrap().is_some());
    assert_eq!(fixture.workspace.copy(copy).unwrap().generation, 5);
    assert_eq!(kind(undo_once(&files, &[], "none")), ErrorKind::Invalid);
    let many: Vec<u64> = (1..=1_001).collect();
    assert_eq!(kind(undo_once(&files, &many, "many")), ErrorKind::Invalid);
    let head = fixture.workspace.files(At::Head);
    assert_eq!(kind(undo_once(&head, &[1], "head")), ErrorKind::ReadOnly);
}

/// > The holder of a grant undoes only what changed nothing that the grant does not let be changed back.
#[test]
fn a_holder_undoes_only_what_it_could_change_back() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let at = At::Copy(copy);
    fixture.write(at, "/site/a", "1");
    fixture.write(at, "/site/a", "2");
    fixture.write(at, "/b", "3");
    let part = |delete| {
        let grant = Grant::all().attenuate(Scope {
            root: TreePath::new("/site").unwrap(),
            read: vec!["**".parse().unwrap()],
            write: vec!["**".parse().unwrap()],
            delete,
        });
        fixture.workspace.view(at, grant)
    };
    assert_eq!(
        kind(undo_once(&part(true), &[3], "outside")),
        ErrorKind::Denied
    );
    assert_eq!(
        kind(undo_once(&part(true), &[2, 3], "both")),
        ErrorKind::Denied
    );
    assert!(undo_once(&part(false), &[2], "again").is_ok());
    assert_eq!(fixture.state(at)["/site/a"], "1");
    // What it made, only if it may remove.
    undo_once(&part(false), &[4], "redo").unwrap();
    undo_once(&part(false), &[5], "redo-again").unwrap();
    assert_eq!(
        kind(undo_once(&part(false), &[1], "made")),
        ErrorKind::Denied
    );
}
