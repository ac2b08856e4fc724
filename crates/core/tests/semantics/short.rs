//! The short forms, and what is done without waiting.

use workspace_core::{
    ApplyOptions, At, Author, Change, ChangeOptions, ErrorKind, ForkOptions, Precondition,
    RevisionId, WriteOptions,
};

use crate::support::{Fixture, change, kind};

#[test]
fn a_draft_in_a_few_lines() {
    let fixture = Fixture::new();
    let workspace = &fixture.workspace;
    let copy = workspace.fork(ForkOptions::named("draft")).unwrap();
    assert_eq!(copy.name.as_deref(), Some("draft"));
    let draft = workspace.files(At::Copy(copy.id));
    draft.write_now("/notes/today.md", "# Today").unwrap();
    futures::executor::block_on(draft.write("/notes/long", "x".repeat(500))).unwrap();
    workspace
        .apply(copy.id, ApplyOptions::default().message("First notes"))
        .unwrap();
    let revision = workspace.revision(RevisionId::new(1)).unwrap();
    assert_eq!(revision.message, "First notes");
    let head = workspace.files(At::Head);
    assert_eq!(head.read_now("/notes/today.md").unwrap(), "# Today");
    assert_eq!(kind(head.read_now("/notes/long")), ErrorKind::Invalid);
    assert_eq!(kind(head.read_now("/notes")), ErrorKind::IsADirectory);
    assert_eq!(kind(head.read_now("notes")), ErrorKind::Invalid);
    assert_eq!(kind(head.read_now("/none")), ErrorKind::NotFound);
}

#[test]
fn changes_by_their_short_forms() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let made = vec![
        Change::mkdir("/a/b").unwrap().with_parents(),
        Change::write("/c/d", "x").unwrap().with_parents(),
        Change::symlink("/l/m", "../c/d").unwrap().with_parents(),
        Change::copy("/c", "/e").unwrap(),
        Change::write("/a/b", "y")
            .unwrap()
            .with_options(WriteOptions::default()),
    ];
    assert_eq!(kind(change(&files, made)), ErrorKind::IsADirectory);
    assert_eq!(fixture.paths(At::Head), [""; 0]);
    let made = vec![
        Change::mkdir("/a/b").unwrap().with_parents(),
        Change::write("/c/d", "x").unwrap().with_parents(),
        Change::symlink("/l/m", "../c/d").unwrap().with_parents(),
        Change::copy("/c", "/e").unwrap(),
        Change::rename("/e/d", "/c/d").unwrap().replacing(),
        Change::set_executable("/c/d", true).unwrap(),
        Change::remove("/a").unwrap().recursively(),
        Change::remove("/e").unwrap(),
    ];
    change(&files, made).unwrap();
    assert_eq!(fixture.paths(At::Head), ["/c", "/c/d", "/l", "/l/m"]);
    for (again, expected) in [
        (Change::mkdir("/c"), ErrorKind::AlreadyExists),
        (Change::write("/x/y", "1"), ErrorKind::NotFound),
        (Change::remove("/c"), ErrorKind::NotEmpty),
        (Change::rename("/l/m", "/c/d"), ErrorKind::AlreadyExists),
        (Change::copy("/l/m", "/c/d"), ErrorKind::AlreadyExists),
        (
            Change::write("/c/d", "1").map(|write| {
                write.with_options(WriteOptions::default().precondition(Precondition::Absent))
            }),
            ErrorKind::AlreadyExists,
        ),
    ] {
        assert_eq!(kind(change(&files, vec![again.unwrap()])), expected);
    }
    for bad in ["", "a", "/a/", "/.."] {
        assert_eq!(kind(Change::remove(bad)), ErrorKind::Invalid, "{bad}");
        assert_eq!(kind(Change::rename("/a", bad)), ErrorKind::Invalid, "{bad}");
    }
}

#[test]
fn what_needs_an_object_is_not_changed_at_once() {
    let fixture = Fixture::new();
    let copy = At::Copy(fixture.fork());
    let files = fixture.workspace.files(copy);
    let changes = |size: usize| {
        vec![
            Change::write("/a", "x").unwrap(),
            Change::write("/b", "x".repeat(size)).unwrap(),
        ]
    };
    let options = ChangeOptions::default().author(Author::new("ci", "at once"));
    let error = files.change_now(changes(101), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert_eq!(error.subject(), Some("/b"));
    assert_eq!(fixture.paths(copy), [""; 0]);
    let changed = files.change_now(changes(100), &options).unwrap();
    assert_eq!(fixture.paths(copy), ["/a", "/b"]);
    let stale = options.expect_generation(changed.generation + 1);
    assert_eq!(
        kind(files.change_now(changes(99), &stale)),
        ErrorKind::Stale
    );
    let At::Copy(copy) = copy else { return };
    let operations = fixture.workspace.operations(copy, None, 9).unwrap();
    let texts = operations.iter().map(|made| (&*made.actor, &*made.note));
    assert_eq!(texts.collect::<Vec<_>>(), [("ci", "at once")]);
}
