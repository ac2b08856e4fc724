use futures::executor::block_on;
use proptest::prelude::*;
use workspace_core::{At, Change, ErrorKind, Glob, Grant, Scope, TreePath, View};

use crate::support::{Fixture, change, kind, path, write};

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
