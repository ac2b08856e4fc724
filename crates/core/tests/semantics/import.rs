use futures::executor::block_on;
use workspace_core::store::{CopyState, OperationCause};
use workspace_core::{
    At, Author, BatchSize, ErrorKind, ImportLimits, ImportOptions, Imported, Result, RevisionId,
    TreePath,
};

use crate::support::{Entries, Fixture, kind, path, source_directory, source_file, source_symlink};

type Listed = Vec<Option<(workspace_core::SourceEntry, Vec<bytes::Bytes>)>>;

fn import(
    fixture: &Fixture,
    at: At,
    entries: Listed,
    options: ImportOptions<'_>,
) -> Result<Imported> {
    block_on(
        fixture
            .workspace
            .import(at, &mut Entries::new(entries), options),
    )
}

fn small_batches<'a>() -> ImportOptions<'a> {
    let batch = BatchSize::default().entries(2).bytes(1000);
    ImportOptions::default().batch(batch).into(path("/in"))
}

/// > A later entry for a path wins.
#[test]
fn a_later_entry_wins() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/in/a", "before");
    let long = "x".repeat(1000);
    let entries = vec![
        source_file("/a", "one"),
        source_file("/d/e/f", &long),
        source_directory("/d"),
        source_directory("/"),
        source_file("/kind", "file"),
        source_symlink("/link", "a"),
        source_directory("/kind"),
        source_file("/a", "two"),
    ];
    let imported = import(&fixture, At::Head, entries, small_batches()).unwrap();
    assert_eq!(
        (imported.files, imported.directories, imported.symlinks),
        (4, 3, 1)
    );
    assert_eq!(
        imported.revision,
        Some(RevisionId::new(2)),
        "after the one of head before it"
    );
    let state = fixture.state(At::Head);
    assert_eq!(state["/in/a"], "two");
    assert_eq!(state["/in/d/e/f"], long);
    assert_eq!((&*state["/in/kind"], &*state["/in/link"]), ("/", "->a"));
    let again = vec![source_file("/a", "two"), source_file("/d/e/f", &long)];
    let again = import(&fixture, At::Head, again, small_batches()).unwrap();
    assert_eq!((again.revision, again.files), (None, 2), "nothing changed");
    fixture.gc();
    fixture.fsck();
}

/// > A source that fails leaves head untouched.
#[test]
fn a_failing_source_leaves_head_untouched() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/in/a", "before");
    let before = fixture.workspace.head().unwrap();
    let entries = vec![
        source_file("/a", "1"),
        source_file("/b", &"x".repeat(500)),
        source_file("/c", "3"),
        None,
    ];
    let failed = import(&fixture, At::Head, entries, small_batches());
    assert_eq!(kind(failed), ErrorKind::Source);
    assert_eq!(fixture.workspace.head().unwrap(), before);
    let copies = fixture.workspace.copies(false, None, 9).unwrap();
    assert_eq!(
        copies.iter().map(|copy| copy.state).collect::<Vec<_>>(),
        [CopyState::Discarded]
    );
    fixture.gc();
    fixture.fsck();
    assert_eq!(fixture.workspace.usage().unwrap().object_contents, 0);
}

/// > An import into a copy is one operation, however many batches it took.
#[test]
fn an_import_into_a_copy_is_one_operation() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let before = fixture.workspace.copy(copy).unwrap().tree;
    let entries = (0..7).map(|n| source_file(&format!("/{n}"), "x")).collect();
    let mut seen = Vec::new();
    let mut progress = |imported: &Imported| seen.push(imported.entries());
    let author = Author::new("ci", "vendor");
    let options = small_batches().progress(&mut progress).author(author);
    let imported = import(&fixture, At::Copy(copy), entries, options).unwrap();
    assert_eq!(seen, [1, 2, 3, 4, 5, 6, 7]);
    let operations = fixture.workspace.operations(copy, None, 9).unwrap();
    assert_eq!(operations.len(), 1);
    assert_eq!([operations[0].id], *imported.operations);
    assert_eq!(
        (operations[0].cause, operations[0].before),
        (OperationCause::Import, before)
    );
    assert_eq!(
        operations[0].after,
        fixture.workspace.copy(copy).unwrap().tree
    );
    fixture
        .workspace
        .undo(copy, operations[0].id, &Author::default())
        .unwrap();
    assert_eq!(fixture.workspace.copy(copy).unwrap().tree, before);
}

/// > An import stops with `LimitExceeded` at the limits that it was given.
#[test]
fn imports_are_bounded() {
    let fixture = Fixture::new();
    let limits = ImportLimits::default()
        .entries(3)
        .bytes(1000)
        .file_bytes(600);
    let exceeded = |entries| {
        let failed = import(&fixture, At::Head, entries, small_batches().limits(limits));
        assert_eq!(kind(failed), ErrorKind::LimitExceeded);
        assert_eq!(fixture.workspace.head().unwrap().version, 0);
    };
    exceeded((0..4).map(|n| source_directory(&format!("/{n}"))).collect());
    exceeded(vec![source_file("/a", &"x".repeat(601))]);
    exceeded(
        (0..2)
            .map(|n| source_file(&format!("/{n}"), &"x".repeat(600)))
            .collect(),
    );
    let fits = vec![
        source_file("/a", &"x".repeat(600)),
        source_file("/b", &"x".repeat(400)),
    ];
    import(&fixture, At::Head, fits, small_batches().limits(limits)).unwrap();
}

/// > A file takes the place of a directory with entries only where the import is told to remove what the source does not have.
#[test]
fn a_file_does_not_replace_a_full_directory() {
    let fixture = Fixture::new();
    for entries in [
        vec![source_file("/a/b", "1"), source_file("/a", "2")],
        vec![source_file("/a", "1"), source_file("/a/b", "2")],
        vec![source_file("/a/b", "1"), source_symlink("/a", "elsewhere")],
    ] {
        let error = import(&fixture, At::Head, entries, small_batches()).unwrap_err();
        let expected = [ErrorKind::IsADirectory, ErrorKind::NotADirectory];
        assert!(expected.contains(&error.kind()), "{error}");
        assert_eq!(error.subject(), Some("/in/a"));
    }
    let empty = vec![source_directory("/a"), source_file("/a", "2")];
    import(&fixture, At::Head, empty, small_batches()).unwrap();
    assert_eq!(fixture.state(At::Head)["/in/a"], "2");
}

/// > A file takes the place of a directory with entries only where the import is told to remove what the source does not have.
#[test]
fn a_file_replaces_a_full_directory_on_request() {
    for entry in [source_file("/a", "2"), source_symlink("/a", "elsewhere")] {
        let fixture = Fixture::new();
        fixture.write(At::Head, "/in/a/b/c", "1");
        fixture.write(At::Head, "/in/d/e", "1");
        let copy = fixture.fork();
        let told = || small_batches().delete_missing(true);
        let error = import(
            &fixture,
            At::Copy(copy),
            vec![entry.clone()],
            small_batches(),
        );
        assert_eq!(error.unwrap_err().kind(), ErrorKind::IsADirectory);
        let imported = import(&fixture, At::Copy(copy), vec![entry], told()).unwrap();
        assert_eq!(imported.removed, 2, "/in/a and /in/d, with all in them");
        assert_eq!(fixture.paths(At::Copy(copy)), ["/in", "/in/a"]);
        // The other way round, whether the source names the directory or not.
        let back = vec![source_file("/a/b", "3")];
        let imported = import(&fixture, At::Copy(copy), back, told()).unwrap();
        assert_eq!(imported.removed, 0, "nothing else was there");
        assert_eq!(fixture.state(At::Copy(copy))["/in/a/b"], "3");

        // A source that is of two minds is refused all the same.
        for entries in [
            vec![source_file("/a/b", "3"), source_file("/a", "2")],
            vec![source_file("/a", "2"), source_file("/a/b", "3")],
        ] {
            let error = import(&fixture, At::Copy(copy), entries, told()).unwrap_err();
            let expected = [ErrorKind::IsADirectory, ErrorKind::NotADirectory];
            assert!(expected.contains(&error.kind()), "{error}");
        }
        fixture.fsck();
    }
}

/// > An export is a consistent state, whatever is written meanwhile.
#[test]
fn an_export_is_consistent() {
    let fixture = Fixture::new();
    for name in ["/d/a", "/d/b", "/d/c"] {
        fixture.write(At::Head, name, name);
    }
    let view = fixture.workspace.files(At::Head);
    let mut export = view.export(&path("/d")).unwrap();
    let mut exported = Vec::new();
    let mut n = 0;
    while let Some(entry) = block_on(export.next()).unwrap() {
        exported.push(entry.path.to_string());
        n += 1;
        fixture.write(At::Head, &format!("/d/b{n}"), "later");
        fixture.remove(At::Head, "/d/c");
        fixture.write(At::Head, "/d/c", "later");
        fixture.gc();
    }
    assert_eq!(exported, ["/a", "/b", "/c"]);
    assert_eq!(kind(view.export(&path("/none"))), ErrorKind::NotFound);
    assert!(view.export(&TreePath::root()).is_ok());
}

/// > An import can be told to remove what the source does not have, within the same operation.
#[test]
fn an_import_can_remove_what_is_missing() {
    let fixture = Fixture::new();
    for name in [
        "/in/keep",
        "/in/d/keep",
        "/in/d/gone",
        "/in/gone/a",
        "/in/gone/b",
        "/out",
    ] {
        fixture.write(At::Head, name, name);
    }
    let copy = fixture.fork();
    let entries = vec![
        source_file("/d/keep", "/in/d/keep"),
        source_file("/keep", "new"),
    ];
    let options = small_batches().delete_missing(true);
    let imported = import(&fixture, At::Copy(copy), entries, options).unwrap();
    assert_eq!(
        imported.removed, 2,
        "/in/d/gone, and /in/gone with all in it"
    );
    let expected = ["/in", "/in/d", "/in/d/keep", "/in/keep", "/out"];
    assert_eq!(fixture.paths(At::Copy(copy)), expected);
    assert_eq!(
        fixture.workspace.operations(copy, None, 9).unwrap().len(),
        1
    );
}

/// > An import of any paths is cut into batches that do not open too many directories.
#[test]
fn an_import_of_deep_paths_is_cut() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    let deep = (0..70).map(|n| source_file(&crate::support::deep(n), "x"));
    let options = ImportOptions::default();
    let imported = import(&fixture, At::Copy(copy), deep.collect(), options).unwrap();
    assert_eq!(imported.files, 70);
    let found = fixture
        .workspace
        .files(At::Copy(copy))
        .stat(&TreePath::root());
    let summary = found.unwrap().unwrap().as_directory().unwrap().summary;
    assert!(summary.directories > 2 << 16, "{summary:?}");
    let operations = fixture.workspace.operations(copy, None, 9).unwrap();
    assert_eq!(operations.len(), 1);
    assert!(
        fixture.workspace.copy(copy).unwrap().generation > 1,
        "several batches"
    );
}
