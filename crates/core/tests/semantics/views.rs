use bytes::Bytes;
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::future::BoxFuture;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _};
use proptest::prelude::*;
use workspace_core::store::Place;
use workspace_core::{
    At, Change, ChangeOptions, ContentId, EntrySource, ErrorKind, Glob, Grant, GrantOptions,
    ImportOptions, Imported, Name, Options, PathList, Precondition, Result, Scope, SourceEntry,
    Text, TreeId, TreePath, View, WriteOptions,
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

/// > A glob starts at the root; one without a slash, but at its end, is a name at any depth.
#[test]
fn globs_start_at_the_root_of_their_grant() {
    let fixture = Fixture::new();
    for name in [
        "/site/photos/a",
        "/site/x/photos/b",
        "/site/x/c.md",
        "/photos/d",
    ] {
        fixture.write(At::Head, name, name);
    }
    for (glob, seen) in [
        ("photos/**", &["/photos", "/photos/a"][..]),
        ("/photos/**", &["/photos", "/photos/a"]),
        ("photos/*", &["/photos", "/photos/a"]),
        ("x/*", &["/x", "/x/c.md", "/x/photos", "/x/photos/b"]),
        (
            "photos",
            &["/photos", "/photos/a", "/x", "/x/photos", "/x/photos/b"],
        ),
        (
            "photos/",
            &["/photos", "/photos/a", "/x", "/x/photos", "/x/photos/b"],
        ),
        ("*.md", &["/photos", "/x", "/x/c.md", "/x/photos"]),
        ("*/*.md", &["/photos", "/x", "/x/c.md"]),
    ] {
        let grant = Grant::all().attenuate(scope("/site", &[glob], &[], false));
        let view = fixture.workspace.view(At::Head, grant);
        let walk = view.walk(&TreePath::root()).unwrap();
        let walked: Vec<String> = walk.map(|found| found.unwrap().0.to_string()).collect();
        assert_eq!(walked, seen, "{glob}");
    }
}

/// > The holder of a grant names paths of up to 1,024 bytes, wherever its root is.
#[test]
fn a_path_of_a_holder_has_a_limit_of_its_own() {
    let fixture = Fixture::new();
    // Of an even number of bytes.
    let long = |bytes: usize| format!("/{}", "n/".repeat(bytes))[..bytes].to_string();
    let root = long(1024);
    for at in ["/".to_string(), root.clone()] {
        let grant = Grant::all().attenuate(scope(&at, &["**"], &["**"], true));
        let copy = At::Copy(fixture.fork());
        // What is above the root is not the holder's to make.
        fixture.write(copy, &format!("{}/there", at.trim_end_matches('/')), "x");
        let view = fixture.workspace.view(copy, grant);
        let file = |bytes| {
            Change::write(long(bytes).as_str(), "x")
                .unwrap()
                .with_parents()
        };
        change(&view, vec![file(1024)]).unwrap();
        assert_eq!(kind(change(&view, vec![file(1026)])), ErrorKind::Denied);
        assert_eq!(kind(view.stat(&path(&long(1026)))), ErrorKind::Denied);
        // Nor can something be moved to where it would be longer.
        let deeper = Change::Rename {
            from: path("/n"),
            to: path("/name"),
            replace: false,
        };
        assert_eq!(kind(change(&view, vec![deeper])), ErrorKind::Invalid);
        let shorter = Change::Rename {
            from: path("/n/n"),
            to: path("/m"),
            replace: false,
        };
        change(&view, vec![shorter]).unwrap();
    }
    let copy = fixture.fork();
    for (first, second) in [(1026, 1), (10, 130)] {
        let second = if second == 1 {
            "/".into()
        } else {
            long(second)
        };
        let grant = Grant::all()
            .attenuate(scope(&long(first), &["**"], &["**"], true))
            .attenuate(scope(&second, &["**"], &["**"], true));
        let issued = fixture
            .workspace
            .issue_grant(At::Copy(copy), grant, GrantOptions::default());
        assert_eq!(kind(issued), ErrorKind::Invalid);
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
    let stale = ChangeOptions::default().expect_generation(7);
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
        let options = WriteOptions::default().precondition(precondition);
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
    let options = ImportOptions::default()
        .into(path(into))
        .delete_missing(delete_missing);
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

/// > A change within a grant makes only directories that the grant lets be written or passed through; where another is missing, it is `Denied`.
#[test]
fn parents_outside_a_grant_are_not_made() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/there/y/z", "z");
    fixture.write(At::Head, "/blocked", "a file");
    let files = fixture.workspace.files(At::Head);
    let before = fixture.state(At::Head);
    let blind = files.attenuate(scope("/", &[], &["/*/y/*.md"], true));
    let symlink = |at: &str| Change::Symlink {
        path: path(at),
        target: Text::new("x").unwrap(),
        create_parents: true,
        modified: None,
    };
    let mkdir = |at: &str| Change::Mkdir {
        path: path(at),
        parents: true,
    };
    let lone = |at: &str| write_with(at, "x", WriteOptions::default());
    // Nothing there, a file in the way, and the parent's parent alone: one answer.
    for missing in ["/missing/y/a.md", "/blocked/y/a.md"] {
        for change in [
            write(missing, "x"),
            symlink(missing),
            mkdir(missing),
            lone(missing),
        ] {
            let error = self::change(&blind, vec![change]).unwrap_err();
            let told = (
                error.kind(),
                error.subject().map(ToOwned::to_owned),
                error.detail(),
            );
            let above = path(missing).parent().unwrap().to_string();
            assert_eq!(told, (ErrorKind::Denied, Some(above), None));
        }
        let error = import(&blind, vec![source_file(missing, "x")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied);
    }
    assert_eq!(fixture.state(At::Head), before);
    change(&blind, vec![write("/there/y/a.md", "x")]).unwrap();
    import(&blind, vec![source_file("/there/y/b.md", "x")]).unwrap();
    let from = path("/there/y/a.md");
    let away = Change::Copy {
        from: from.clone(),
        to: path("/missing/y/c.md"),
        replace: false,
    };
    let seeing = files.attenuate(scope("/", &["/there/**"], &["/*/y/*.md"], true));
    assert_eq!(kind(change(&seeing, vec![away])), ErrorKind::Denied);
    let away = Change::Rename {
        from,
        to: path("/blocked/y/c.md"),
        replace: false,
    };
    assert_eq!(kind(change(&seeing, vec![away])), ErrorKind::Denied);

    // What may be passed through, or written itself, is made.
    let passing = files.attenuate(scope("/", &["/new/y/*.md"], &["/new/y/*.md"], false));
    change(&passing, vec![write("/new/y/a.md", "x")]).unwrap();
    let whole = files.attenuate(scope("/", &[], &["/drop/**"], false));
    change(&whole, vec![write("/drop/y/z", "x")]).unwrap();
    // The root of a grant is made where all of it may be written, what is above it is not.
    let all = &["**"][..];
    let rooted = files.attenuate(scope("/made", &[], all, false));
    change(&rooted, vec![write("/a", "x")]).unwrap();
    let deeper = files.attenuate(scope("/none/made", all, all, false));
    assert_eq!(
        kind(change(&deeper, vec![write("/a", "x")])),
        ErrorKind::Denied
    );
    // A directory that the same batch makes is there.
    let both = files.attenuate(scope("/", &["/n"], &["/n/y", "/n"], false));
    change(&both, vec![mkdir("/n"), lone("/n/a")]).unwrap();
}

#[test]
fn a_directory_on_the_way_shows_nothing_in_a_listing_or_a_walk() {
    let fixture = fixture();
    let files = fixture.workspace.files(At::Head);
    let view = files.attenuate(scope("/", &["/site/posts"], &[], false));
    let shown = view.stat(&path("/site")).unwrap().unwrap();
    assert_eq!(shown.as_directory().unwrap().tree, TreeId::empty());
    let listed = view.list(&TreePath::root(), None, 9).unwrap();
    assert_eq!(listed, [(Name::new("site").unwrap(), shown.clone())]);
    let walked: Vec<_> = view
        .walk(&TreePath::root())
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(walked[0], (path("/site"), shown));
    // What may be read shows as it is.
    let posts = files.stat(&path("/site/posts")).unwrap().unwrap();
    assert_eq!(walked[1], (path("/site/posts"), posts.clone()));
    assert_eq!(view.list(&path("/site"), None, 9).unwrap()[0].1, posts);
}

#[test]
fn a_page_through_a_grant_is_as_long_as_it_is_asked_for() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let writes = (0..20).map(|n| write(&format!("/d/{n:02}{}", ["a", "b"][n % 2]), "x"));
    change(&files, writes.collect()).unwrap();
    let view = files.attenuate(scope("/", &["/d/*a"], &[], false));
    for limit in 1..12 {
        let mut found: Vec<Name> = Vec::new();
        loop {
            let page = view.list(&path("/d"), found.last(), limit).unwrap();
            let ended = page.len() < limit;
            found.extend(page.into_iter().map(|(name, _)| name));
            if ended {
                break;
            }
            assert!(found.len().is_multiple_of(limit));
        }
        let names: Vec<&str> = found.iter().map(Name::as_str).collect();
        assert_eq!(
            names,
            [
                "00a", "02a", "04a", "06a", "08a", "10a", "12a", "14a", "16a", "18a"
            ],
            "pages of {limit}"
        );
    }
}

/// What a page through a grant reads does not depend on how many pages it would be
/// of the entries that are left out.
#[test]
fn a_page_of_one_entry_reads_over_many_at_once() {
    let fixture = Fixture::with(Options::default().node_cache(0));
    let files = fixture.workspace.files(At::Head);
    let hidden = (0..1_000).map(|n| write(&format!("/d/{n:04}"), "x"));
    change(&files, hidden.chain([write("/d/z", "x")]).collect()).unwrap();
    let read = |globs: &[&str], limit: usize| {
        let metered = fixture.workspace.metered();
        let view = metered.files(At::Head);
        let view = view.attenuate(scope("/", globs, &[], false));
        let found = view.list(&path("/d"), None, limit).unwrap();
        (found.len(), metered.receipt().nodes_read)
    };
    let (all, at_once) = read(&["**"], 2_000);
    assert_eq!(all, 1_001);
    let (found, one) = read(&["/d/z"], 1);
    assert_eq!(found, 1);
    assert!(one <= at_once + 3 * 4, "{one} instead of {at_once}");
    // Where everything shows, no more is read than asked for.
    let (found, first) = read(&["**"], 1);
    assert!(found == 1 && first < at_once, "{first}");
}

/// > A batch within a grant fails with `LimitExceeded` where the number of the grant's globs, times the bytes of the batch's paths, is more than 268,435,456; for each scope but the first a path counts 128 bytes more.
#[test]
fn a_batch_compares_so_many_globs_with_its_paths() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let globs = vec!["**"; 1 << 18];
    let view = files.attenuate(scope("/", &[], &globs, true));
    let long = format!("/{}", "a".repeat(255)).repeat(4);
    let remove = |at: &str| Change::Remove {
        path: path(at),
        recursive: true,
    };
    assert_eq!(long.len(), 1024);
    assert_eq!(
        kind(change(&view, vec![remove(&long)])),
        ErrorKind::NotFound
    );
    let error = change(&view, vec![remove(&long), remove("/a")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.detail().unwrap().ends_with("more than 268435456"));
    // Who holds everything has no globs.
    let changes = vec![remove(&long), remove("/a")];
    assert_eq!(kind(change(&files, changes)), ErrorKind::NotFound);
}

#[test]
fn moving_is_reading() {
    let fixture = fixture();
    let files = fixture.workspace.files(At::Head);
    // Both may be written and removed; only one may be read.
    let view = files.attenuate(scope("/", &["/other"], &["/site/**", "/other/**"], true));
    let before = fixture.state(At::Head);
    for from in ["/site/secret/key", "/site/secret", "/site/none"] {
        for replace in [false, true] {
            let out = Change::Rename {
                from: path(from),
                to: path("/other/out"),
                replace,
            };
            assert_eq!(kind(change(&view, vec![out])), ErrorKind::Denied, "{from}");
        }
    }
    assert_eq!(fixture.state(At::Head), before);
    let within = Change::Rename {
        from: path("/other/x.md"),
        to: path("/site/x.md"),
        replace: false,
    };
    change(&view, vec![within]).unwrap();
}

#[test]
fn removing_what_a_source_does_not_have_is_reading() {
    let fixture = fixture();
    let copy = At::Copy(fixture.fork());
    let files = fixture.workspace.files(copy);
    let before = fixture.state(copy);
    for (read, write, delete) in [
        (&["/other/**"][..], &["/site/**"][..], true),
        (&["/site/posts/*.md"], &["/site/**"], true),
        (&["/site/**"], &["/site/posts/*.md"], true),
        (&["/site/**"], &["/site/**"], false),
    ] {
        let view = files.attenuate(scope("/", read, write, delete));
        let result = import_with(&view, vec![], "/site/posts", true);
        assert_eq!(
            kind(result),
            ErrorKind::Denied,
            "{read:?} {write:?} {delete}"
        );
        assert_eq!(fixture.state(copy), before);
    }
    let view = files.attenuate(scope("/", &["/site/**"], &["/site/**"], true));
    assert_eq!(
        import_with(&view, vec![], "/site/posts", true)
            .unwrap()
            .removed,
        2
    );
}

#[test]
fn only_directories_on_the_way_are_passed_over_by_an_import() {
    let fixture = fixture();
    let copy = At::Copy(fixture.fork());
    let view = fixture.workspace.files(copy);
    let view = view.attenuate(scope("/site", &["**"], &["/posts/*.md"], true));
    let before = fixture.state(copy);
    for outside in [
        source_file("/posts", "x"),
        source_symlink("/posts", "x"),
        source_file("/posts/c.txt", "x"),
        source_directory("/secret"),
    ] {
        let entries = vec![source_file("/posts/a.md", "new"), outside];
        assert_eq!(kind(import(&view, entries)), ErrorKind::Denied);
        assert_eq!(
            fixture.state(copy),
            before,
            "not even what came before, in one batch"
        );
    }
    let entries = vec![
        source_directory("/posts"),
        source_file("/posts/a.md", "new"),
    ];
    assert_eq!(import(&view, entries).unwrap().files, 1);
}

/// A source that is fed by a channel, so that others can come between.
struct Fed(mpsc::UnboundedReceiver<SourceEntry>);

impl EntrySource for Fed {
    fn next(&mut self) -> BoxFuture<'_, Result<Option<SourceEntry>>> {
        async move { Ok(self.0.next().await) }.boxed()
    }

    fn chunk(&mut self) -> BoxFuture<'_, Result<Option<Bytes>>> {
        async move { Ok(None) }.boxed()
    }
}

#[test]
fn a_conflict_names_only_what_its_holder_may_read() {
    let fixture = fixture();
    let conflict = |grant: Grant| {
        let view = fixture.workspace.view(At::Head, grant);
        let (feed, entries) = mpsc::unbounded();
        let mut source = Fed(entries);
        let import = view.import(&mut source, ImportOptions::default());
        let between = async {
            for hidden in [
                "/site/secret/key",
                "/other/new",
                "/site/posts/b.txt",
                "/site/posts/z.md",
            ] {
                let text = fixture.time.get().to_string();
                let files = fixture.workspace.files(At::Head);
                files
                    .change(vec![write(hidden, &text)], ChangeOptions::default())
                    .await
                    .unwrap();
            }
            for mine in ["/posts/new.md", "/posts/z.md"] {
                let (entry, _) = source_file(mine, "").unwrap();
                feed.unbounded_send(entry).unwrap();
            }
            drop(feed);
        };
        let (imported, ()) = block_on(futures::future::join(import, between));
        imported.unwrap_err()
    };
    let narrow = Grant::all().attenuate(scope("/site", &["/posts/*.md"], &["/posts/*.md"], false));
    let error = conflict(narrow);
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.subject(), None, "nor the copy that it works in");
    let found = error.conflict().unwrap();
    let paths = |list: &PathList| {
        list.paths
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
    };
    let none: [&str; 0] = [];
    assert_eq!(paths(&found.parent), none);
    assert_eq!(paths(&found.copy), ["/posts/new.md"]);
    assert_eq!(paths(&found.both), ["/posts/z.md"]);
    assert_eq!(
        (found.parent.count, found.copy.count, found.both.count),
        (0, 1, 1)
    );
    let told = format!("{error} {error:?}");
    for hidden in ["site", "secret", "other", "b.txt", "3 changed"] {
        assert!(!told.contains(hidden), "{hidden}: {told}");
    }
    // Who may read everything is told everything.
    let error = conflict(Grant::all().attenuate(scope("/", &["**"], &["**"], false)));
    assert_eq!(error.conflict().unwrap().parent.count, 4);
}

/// What is underneath an error names paths of the whole tree, and is not told.
#[test]
fn an_error_within_a_grant_names_nothing_outside_it() {
    let fixture = fixture();
    let copy = fixture.fork();
    let files = fixture.workspace.files(At::Copy(copy));
    let view = files.attenuate(scope("/site", &["**"], &["**"], true));
    let inner = |change| change_error(&view, change);
    let remove = Change::Remove {
        path: path("/posts"),
        recursive: false,
    };
    let rename = |to: &str| Change::Rename {
        from: path("/posts"),
        to: path(to),
        replace: true,
    };
    let errors = [
        import(&view, vec![source_file("/posts", "x")]).unwrap_err(),
        import(&view, vec![source_file("/posts/a.md/b", "x")]).unwrap_err(),
        inner(remove),
        inner(rename("/secret")),
        inner(rename("/posts/a.md")),
        inner(write("/posts/a.md/x", "x")),
        view.list(&path("/posts/a.md"), None, 1)
            .map(|_| ())
            .unwrap_err(),
        block_on(view.read(&path("/posts")))
            .map(|_| ())
            .unwrap_err(),
    ];
    for error in errors {
        assert!(
            error
                .subject()
                .is_some_and(|at| at.starts_with("/posts") || at == "/secret")
        );
        let mut told = format!("{error} {error:?}");
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            told += &format!("{cause} {cause:?}");
            source = cause.source();
        }
        assert!(
            !told.contains("site") && !told.contains(&copy.to_string()),
            "{told}"
        );
    }
}

#[test]
fn what_may_not_be_read_is_not_counted() {
    let fixture = fixture();
    let files = fixture.workspace.files(At::Head);
    let remove = || Change::Remove {
        path: path("/posts"),
        recursive: false,
    };
    let blind = files.attenuate(scope("/site", &["/secret"], &["**"], true));
    let seeing = files.attenuate(scope("/site", &["/posts"], &["**"], true));
    let told = [blind, seeing].map(|view| {
        let error = change_error(&view, remove());
        assert_eq!(error.kind(), ErrorKind::NotEmpty);
        error.detail().map(ToOwned::to_owned)
    });
    assert_eq!(told, [None, Some("2 entries below".into())]);
}

/// A tree that is full is told without how many entries there are.
#[test]
fn the_entries_of_the_whole_tree_are_not_told() {
    let fixture = Fixture::with(Options::default().max_entries(5));
    fixture.write(At::Head, "/hidden/a", "x");
    fixture.write(At::Head, "/site/b", "x");
    let view = fixture.workspace.files(At::Head);
    let view = view.attenuate(scope("/site", &["**"], &["**"], false));
    let details = ["cd", "cdef"].map(|names| {
        let writes = names.chars().map(|name| write(&format!("/{name}"), "x"));
        let error = change(&view, writes.collect()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        error.detail().map(ToOwned::to_owned)
    });
    assert_eq!(details[0], details[1]);
    assert_eq!(
        details[0].as_deref(),
        Some("the tree would have more than 5 entries")
    );
}

fn change_error(view: &View, one: Change) -> workspace_core::Error {
    change(view, vec![one]).unwrap_err()
}

/// A content that is missing is `Corrupt` for the holder too, who is not told its hash.
#[test]
fn damage_is_told_without_what_is_damaged() {
    let fixture = fixture();
    let view = fixture.workspace.files(At::Head);
    let view = view.attenuate(scope("/site", &["/posts/**"], &[], false));
    let content = ContentId::of(b"/site/posts/a.md");
    fixture
        .meta
        .tamper(&mut |tx| tx.delete_content(&content))
        .unwrap();
    let error = block_on(view.read(&path("/posts/a.md"))).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt);
    assert!(
        !format!("{error:?}").contains(&content.to_string()),
        "{error:?}"
    );
}

/// Neither as an export meets it, nor where it shows at the end of what is read.
#[test]
fn damage_that_an_export_meets_is_told_without_what_is_damaged() {
    let fixture = fixture();
    let text = "x".repeat(1_000);
    fixture.write(At::Head, "/site/posts/large", &text);
    let content = ContentId::of(text.as_bytes());
    let view = fixture.workspace.files(At::Head);
    let view = view.attenuate(scope("/site", &["/posts/large"], &[], false));
    let mut key = None;
    fixture
        .meta
        .tamper(&mut |tx| {
            key = tx.content(&content)?.map(|found| found.place);
            Ok(())
        })
        .unwrap();
    let Some(Place::Object(key)) = key else {
        panic!("not an object");
    };
    let hidden = |error: &workspace_core::Error| {
        assert_eq!(error.kind(), ErrorKind::Corrupt);
        let told = format!("{error:?}");
        for hidden in [content.to_string(), key.to_string()] {
            assert!(!told.contains(&hidden), "{told}");
        }
    };
    let exported = || {
        block_on(async {
            let mut export = view.export(&path("/posts"))?;
            let found = export.next().await?.unwrap();
            found.body.unwrap().body.try_collect::<Vec<_>>().await
        })
    };
    assert_eq!(exported().unwrap().concat(), text.as_bytes());

    let altered = Bytes::from("y".repeat(1_000));
    fixture.blobs.tamper(&key, Some(altered));
    hidden(&exported().unwrap_err());
    let opened = block_on(view.open(&path("/posts/large"), None)).unwrap();
    let read = block_on(opened.body.try_collect::<Vec<_>>());
    hidden(&read.unwrap_err());

    fixture
        .meta
        .tamper(&mut |tx| tx.delete_content(&content))
        .unwrap();
    hidden(&exported().unwrap_err());
}
