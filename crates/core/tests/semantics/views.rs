use bytes::Bytes;
use futures::executor::block_on;
use proptest::prelude::*;
use workspace_core::{
    At, Change, ChangeOptions, ContentId, ErrorKind, Glob, Grant, ImportOptions, Imported,
    Precondition, Result, Scope, SourceEntry, TreePath, View, WriteOptions,
};

use crate::support::{
    Entries, Fixture, change, kind, path, source_directory, source_file, source_symlink, write,
    write_with,
};

fn scope(root: &str, read: &[&str], write: &[&str], delete: bool) -> Scope {
    let globs = |globs: &[&str]| globs.iter().map(|glob| Glob::new(glob).unwrap()).collect();
    Scope {
        root: path(root),
        read: globs(read),
        write: globs(write),
        delete,
    }
}

fn fixture() -> Fixture {
    let fixture = Fixture::new();
    for name in [
        "/site/posts/a.md",
        "/site/posts/b.txt",
        "/site/secret/key",
        "/other/x.md",
    ] {
        fixture.write(At::Head, name, name);
    }
    fixture
}

fn names(view: &View, at: &str) -> Vec<String> {
    let listed = view.list(&path(at), None, 99).unwrap();
    listed.iter().map(|(name, _)| name.to_string()).collect()
}

fn globs() -> impl Strategy<Value = Vec<String>> {
    let glob = prop::sample::select(vec![
        "**", "/**", "/", "/a", "/a/*", "/a/**/c", "*.md", "/b/?", "/[a-b]/c", "/a/b",
    ]);
    proptest::collection::vec(glob.prop_map(String::from), 0..3)
}

fn scopes() -> impl Strategy<Value = Scope> {
    (
        prop::sample::select(vec!["/", "/a", "/a/b"]),
        globs(),
        globs(),
        any::<bool>(),
    )
        .prop_map(|(root, read, write, delete)| {
            let strs =
                |globs: &'_ Vec<String>| globs.iter().map(|g| Glob::new(g).unwrap()).collect();
            Scope {
                root: path(root),
                read: strs(&read),
                write: strs(&write),
                delete,
            }
        })
}

proptest! {
    /// > Attenuation only narrows.
    #[test]
    fn attenuation_only_narrows(first in scopes(), second in scopes()) {
        let wide = Grant::all().attenuate(first);
        let narrow = wide.attenuate(second);
        for text in ["/", "/a", "/b", "/a/b", "/a/b/c", "/x.md", "/a/x.md", "/b/c", "/a/a/b/c/d"] {
            let inner = path(text);
            let outer = inner.below(&narrow.scopes()[1].root).unwrap();
            prop_assert_eq!(narrow.resolve(&inner).unwrap(), wide.resolve(&outer).unwrap());
            prop_assert!(!narrow.reads(&inner) || wide.reads(&outer));
            prop_assert!(!narrow.writes(&inner) || wide.writes(&outer));
            prop_assert!(!narrow.deletes(&inner) || wide.deletes(&outer));
            prop_assert!(!narrow.passes(&inner) || wide.passes(&outer));
            // What is granted for a path is granted for all below it.
            for below in ["x", "c", "b.md"] {
                let below = inner.join_relative(below).unwrap();
                prop_assert!(!narrow.reads(&inner) || narrow.reads(&below));
                prop_assert!(!narrow.writes(&inner) || narrow.writes(&below));
                // What may be read can be reached.
                prop_assert!(!narrow.reads(&below) || narrow.passes(&inner));
            }
        }
    }
}

proptest! {
    #[test]
    fn scopes_as_seen_say_the_same(
        scopes in proptest::collection::vec(scopes(), 0..4),
        names in proptest::collection::vec("[abc]|x\\.md|b\\.md", 0..5),
    ) {
        let grant = scopes.into_iter().fold(Grant::all(), |grant, scope| grant.attenuate(scope));
        let seen = grant.as_seen().unwrap();
        prop_assert!(seen.iter().all(|scope| scope.root.is_root()));
        for glob in seen.iter().flat_map(|scope| scope.read.iter().chain(&scope.write)) {
            prop_assert_eq!(&Glob::new(glob.as_str()).unwrap(), glob);
        }
        let seen = seen.into_iter().fold(Grant::all(), |grant, scope| grant.attenuate(scope));
        let path = path(&format!("/{}", names.join("/")));
        prop_assert_eq!(seen.reads(&path), grant.reads(&path));
        prop_assert_eq!(seen.passes(&path), grant.passes(&path));
        prop_assert_eq!(seen.writes(&path), grant.writes(&path));
        prop_assert_eq!(seen.deletes(&path), grant.deletes(&path));
    }
}

/// > What is outside a grant is `Denied`, whether it exists or not.
#[test]
fn outside_is_denied() {
    let fixture = fixture();
    let grant =
        Grant::all().attenuate(scope("/", &["/site/**/*.md"], &["/site/posts/*.md"], false));
    let view = fixture.workspace.view(At::Head, grant);
    for hidden in [
        "/other",
        "/other/x.md",
        "/other/nothing",
        "/site/posts/b.txt",
        "/site/posts/no",
    ] {
        assert_eq!(
            kind(view.stat(&path(hidden))),
            ErrorKind::Denied,
            "{hidden}"
        );
        assert_eq!(
            kind(block_on(view.read(&path(hidden)))),
            ErrorKind::Denied,
            "{hidden}"
        );
        assert_eq!(
            kind(view.list(&path(hidden), None, 9)),
            ErrorKind::Denied,
            "{hidden}"
        );
        assert_eq!(
            kind(change(&view, vec![write(hidden, "x")])),
            ErrorKind::Denied,
            "{hidden}"
        );
    }
    assert!(view.stat(&path("/site/posts/a.md")).unwrap().is_some());
    assert_eq!(view.stat(&path("/site/posts/c.md")).unwrap(), None);
    assert_eq!(names(&view, "/"), ["site"]);
    assert_eq!(names(&view, "/site/posts"), ["a.md"]);
    let directory = view.stat(&path("/site")).unwrap().unwrap();
    assert_eq!(
        directory.size(),
        0,
        "a directory on the way shows nothing of what is in it"
    );
    let walked: Vec<String> = view
        .walk(&TreePath::root())
        .unwrap()
        .map(|found| found.unwrap().0.to_string())
        .collect();
    assert_eq!(
        walked,
        ["/site", "/site/posts", "/site/posts/a.md", "/site/secret"]
    );
    change(&view, vec![write("/site/posts/c.md", "x")]).unwrap();
    let remove = Change::Remove {
        path: path("/site/posts/a.md"),
        recursive: false,
    };
    assert_eq!(
        kind(change(&view, vec![remove])),
        ErrorKind::Denied,
        "no delete"
    );
    let away = Change::Rename {
        from: path("/site/posts/a.md"),
        to: path("/site/posts/d.md"),
        replace: false,
    };
    assert_eq!(
        kind(change(&view, vec![away])),
        ErrorKind::Denied,
        "moving away is deleting"
    );
    let over = Change::Copy {
        from: path("/site/posts/c.md"),
        to: path("/site/posts/a.md"),
        replace: true,
    };
    assert_eq!(
        kind(change(&view, vec![over])),
        ErrorKind::Denied,
        "replacing is deleting"
    );
    let peek = Change::Copy {
        from: path("/site/secret/key"),
        to: path("/site/posts/k.md"),
        replace: false,
    };
    assert_eq!(
        kind(change(&view, vec![peek])),
        ErrorKind::Denied,
        "copying is reading"
    );
}

/// > The holder of a grant sees its root as `/`, also in errors.
#[test]
fn the_root_of_a_grant_is_its_root() {
    let fixture = fixture();
    let all = &["**"][..];
    let view = fixture
        .workspace
        .files(At::Head)
        .attenuate(scope("/site", all, all, true));
    let inner = view.attenuate(scope("/posts", all, all, true));
    assert_eq!(names(&view, "/"), ["posts", "secret"]);
    assert_eq!(names(&inner, "/"), ["a.md", "b.txt"]);
    assert_eq!(
        &block_on(inner.read(&path("/a.md"))).unwrap()[..],
        b"/site/posts/a.md"
    );
    change(&inner, vec![write("/new.md", "x")]).unwrap();
    assert_eq!(fixture.state(At::Head)["/site/posts/new.md"], "x");
    let error = change(&inner, vec![write("/a.md/below", "x")]).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::NotADirectory, Some("/a.md"))
    );
    let error = inner.list(&path("/none"), None, 1).unwrap_err();
    assert_eq!(error.subject(), Some("/none"));
    assert!(!format!("{error:?}{error}").contains("site"), "{error:?}");
    let long = path(&"/n".repeat(2047));
    let error = inner.stat(&long).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Denied, "too long below the root");
    assert!(!format!("{error:?}{error}").contains("site"), "{error:?}");
    let copy = fixture.fork();
    let of_copy = fixture
        .workspace
        .view(At::Copy(copy), inner.grant().clone());
    let stale = ChangeOptions {
        expect_generation: Some(7),
        ..ChangeOptions::default()
    };
    let error = block_on(of_copy.change(vec![], stale)).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::Stale, None));
    fixture.workspace.discard(copy).unwrap();
    let error = of_copy.stat(&path("/a.md")).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject(), error.detail()),
        (ErrorKind::Closed, None, None)
    );
    let gone = fixture
        .workspace
        .files(At::Head)
        .attenuate(scope("/none", all, all, true));
    let error = change(&gone, vec![write("/a/b", "x")]);
    assert!(error.is_ok(), "with parents, the root itself is made");
}

/// > A recursive change needs the grant for everything below.
#[test]
fn recursive_changes_need_the_whole_grant() {
    let fixture = fixture();
    let md = &["/site/posts/*.md"][..];
    let view = fixture
        .workspace
        .files(At::Head)
        .attenuate(scope("/", &["**"], md, true));
    for directory in ["/site/posts", "/site"] {
        let remove = Change::Remove {
            path: path(directory),
            recursive: true,
        };
        assert_eq!(kind(change(&view, vec![remove])), ErrorKind::Denied);
    }
    let remove = Change::Remove {
        path: path("/site/posts/a.md"),
        recursive: true,
    };
    change(&view, vec![remove]).unwrap();
    let whole = &["/site/posts"][..];
    let view = fixture
        .workspace
        .files(At::Head)
        .attenuate(scope("/", &["**"], whole, true));
    let remove = Change::Remove {
        path: path("/site/posts"),
        recursive: true,
    };
    change(&view, vec![remove]).unwrap();
    assert_eq!(names(&view, "/site"), ["secret"]);
}

/// > A condition of a write needs the grant to read.
#[test]
fn conditions_are_reading() {
    let fixture = fixture();
    let view = fixture.workspace.files(At::Head);
    let view = view.attenuate(scope(
        "/site",
        &["/posts/**"],
        &["/posts/**", "/secret"],
        false,
    ));
    let with = |at: &str, precondition| {
        let options = WriteOptions {
            precondition,
            ..WriteOptions::default()
        };
        change(&view, vec![write_with(at, "new", options)])
    };
    let guess = Precondition::Content(ContentId::of(b"/site/secret/key"));
    for condition in [guess, Precondition::Absent] {
        assert_eq!(kind(with("/secret/key", condition)), ErrorKind::Denied);
        assert_eq!(kind(with("/secret/none", condition)), ErrorKind::Denied);
    }
    with("/posts/c.md", Precondition::Absent).unwrap();
    assert_eq!(kind(with("/posts/a.md", guess)), ErrorKind::Stale);
    with("/secret/key", Precondition::None).unwrap();
}

fn import(view: &View, entries: Vec<Option<(SourceEntry, Vec<Bytes>)>>) -> Result<Imported> {
    import_with(view, entries, "/", false)
}

fn import_with(
    view: &View,
    entries: Vec<Option<(SourceEntry, Vec<Bytes>)>>,
    into: &str,
    delete_missing: bool,
) -> Result<Imported> {
    let options = ImportOptions {
        into: path(into),
        delete_missing,
        ..ImportOptions::default()
    };
    block_on(view.import(&mut Entries::new(entries), options))
}

/// > An import needs the grant for every entry, and gives no entry's place to another kind unless it may remove.
#[test]
fn imports_within_a_grant() {
    let fixture = fixture();
    let copy = At::Copy(fixture.fork());
    let files = fixture.workspace.files(copy);
    let view = files.attenuate(scope("/site", &["**"], &["/posts/**"], false));
    let before = fixture.state(copy);
    for outside in ["/other/x", "/posts2", "/secret/key"] {
        let entries = vec![source_file("/posts/new", "x"), source_file(outside, "x")];
        let error = import(&view, entries).unwrap_err();
        assert_eq!(
            (error.kind(), error.subject()),
            (ErrorKind::Denied, Some(outside))
        );
    }
    for (entry, expected) in [
        (source_directory("/posts/a.md"), ErrorKind::NotADirectory),
        (source_directory("/other"), ErrorKind::Denied),
        (source_symlink("/link", "posts"), ErrorKind::Denied),
        (source_file("/posts/a.md/b", "x"), ErrorKind::NotADirectory),
    ] {
        assert_eq!(kind(import(&view, vec![entry])), expected);
    }
    assert_eq!(
        kind(import_with(&view, vec![], "/posts", true)),
        ErrorKind::Denied
    );
    assert_eq!(fixture.state(copy), before);

    let entries = vec![
        source_directory("/"),
        source_directory("/posts"),
        source_directory("/posts/empty"),
        source_file("/posts/a.md", "changed"),
    ];
    let imported = import(&view, entries).unwrap();
    assert_eq!(
        (
            imported.files,
            fixture.state(copy)["/site/posts/a.md"].as_str()
        ),
        (1, "changed")
    );
    let file = import(&view, vec![source_file("/posts/empty", "x")]);
    assert_eq!(kind(file), ErrorKind::IsADirectory);

    let view = files.attenuate(scope("/site", &["/posts/**"], &["/posts/**"], true));
    assert_eq!(
        kind(import_with(&view, vec![], "/", true)),
        ErrorKind::Denied
    );
    let entries = vec![source_file("/empty", "x"), source_directory("/a.md")];
    let imported = import_with(&view, entries, "/posts", true).unwrap();
    assert_eq!(imported.removed, 1, "b.txt");
    assert_eq!(names(&view, "/posts"), ["a.md", "empty"]);
    assert_eq!(fixture.state(copy)["/site/posts/empty"], "x");
    assert_eq!(fixture.state(copy)["/other/x.md"], "/other/x.md");
}
