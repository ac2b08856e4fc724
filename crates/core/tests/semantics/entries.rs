use futures::executor::block_on;
use workspace_core::{
    At, Change, ChangeOptions, ErrorKind, ImportOptions, Precondition, SourceKind, Text, Timestamp,
    TreePath, WriteOptions,
};

use crate::support::{Entries, Fixture, change, deep, kind, path, source_file, write, write_with};

/// > Paths are absolute, UTF-8, and normalized by rejection: no empty, `.` or `..` segment, no NUL.
#[test]
fn paths_are_rejected_not_repaired() {
    for bad in ["", "a", "/a/", "//a", "/./a", "/a/..", "/a\0b"] {
        assert_eq!(kind(TreePath::new(bad)), ErrorKind::Invalid, "{bad:?}");
    }
    assert_eq!(TreePath::new("/Ä/…/ b").unwrap().as_str(), "/Ä/…/ b");
}

/// > A segment has up to 255 bytes, a path up to 4,096.
#[test]
fn segments_and_paths_have_limits() {
    let longest = format!("/{}", "é".repeat(127));
    assert!(TreePath::new(&longest).is_ok());
    assert_eq!(
        kind(TreePath::new(&format!("{longest}é"))),
        ErrorKind::Invalid
    );
    let deep = "/a".repeat(2048);
    let fixture = Fixture::new();
    fixture.write(At::Head, &deep, "deep");
    assert_eq!(fixture.state(At::Head)[&deep], "deep");
    assert_eq!(kind(TreePath::new(&format!("{deep}b"))), ErrorKind::Invalid);
}

/// > Listing is in byte order of the names.
#[test]
fn listing_is_in_byte_order() {
    let fixture = Fixture::new();
    let names = ["Z", "a", "a.b", "a0", "é", "\u{10000}"];
    for name in names.iter().rev() {
        fixture.write(At::Head, &format!("/{name}"), "x");
    }
    let view = fixture.workspace.files(At::Head);
    let mut listed = Vec::new();
    while listed.len() < names.len() {
        let page = view.list(&TreePath::root(), listed.last(), 2).unwrap();
        assert_eq!(page.len(), 2);
        listed.extend(page.into_iter().map(|(name, _)| name));
    }
    assert_eq!(
        listed.iter().map(|name| name.as_str()).collect::<Vec<_>>(),
        names
    );
    assert!(
        view.list(&TreePath::root(), listed.last(), 2)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        kind(view.list(&path("/none"), None, 1)),
        ErrorKind::NotFound
    );
    assert_eq!(
        kind(view.list(&path("/Z"), None, 1)),
        ErrorKind::NotADirectory
    );
}

/// > Directories are explicit: writing needs the parent, unless it is told to create parents.
#[test]
fn directories_are_explicit() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let strict = |at: &str| vec![write_with(at, "x", WriteOptions::default())];
    assert_eq!(kind(change(&files, strict("/d/f"))), ErrorKind::NotFound);
    let mkdir = |at: &str, parents| {
        vec![Change::Mkdir {
            path: path(at),
            parents,
        }]
    };
    assert_eq!(
        kind(change(&files, mkdir("/d/e", false))),
        ErrorKind::NotFound
    );
    change(&files, mkdir("/d", false)).unwrap();
    assert_eq!(
        kind(change(&files, mkdir("/d", false))),
        ErrorKind::AlreadyExists
    );
    change(&files, mkdir("/d", true)).unwrap();
    change(&files, strict("/d/f")).unwrap();
    assert_eq!(
        kind(change(&files, strict("/d/f/g"))),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        kind(change(&files, mkdir("/d/f/g", true))),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        kind(change(&files, mkdir("/d/f", true))),
        ErrorKind::AlreadyExists
    );
    assert_eq!(kind(change(&files, strict("/d"))), ErrorKind::IsADirectory);
    assert_eq!(kind(change(&files, strict("/"))), ErrorKind::IsADirectory);
    fixture.write(At::Head, "/x/y/z", "made");
    fixture.remove(At::Head, "/x/y/z");
    assert_eq!(fixture.paths(At::Head), ["/d", "/d/f", "/x", "/x/y"]);
    let remove = |recursive| {
        vec![Change::Remove {
            path: path("/x"),
            recursive,
        }]
    };
    assert_eq!(kind(change(&files, remove(false))), ErrorKind::NotEmpty);
    change(&files, remove(true)).unwrap();
    assert_eq!(kind(change(&files, remove(true))), ErrorKind::NotFound);
}

/// > Symlinks are stored as entries and never followed.
#[test]
fn symlinks_are_not_followed() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    fixture.write(At::Head, "/real/file", "x");
    let target = Text::new("real").unwrap();
    let link = Change::Symlink {
        path: path("/link"),
        target,
        create_parents: false,
        modified: None,
    };
    change(&files, vec![link]).unwrap();
    assert_eq!(files.stat(&path("/link/file")).unwrap(), None);
    assert_eq!(
        kind(change(&files, vec![write("/link/file", "y")])),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        kind(block_on(files.read(&path("/link")))),
        ErrorKind::Invalid
    );
    assert_eq!(fixture.state(At::Head)["/link"], "->real");
    fixture.write(At::Head, "/link", "a file now");
    assert_eq!(fixture.state(At::Head)["/real/file"], "x");
}

/// > Writing what is there already moves no tree, no generation and no time.
#[test]
fn writing_the_same_changes_nothing() {
    let fixture = Fixture::new();
    let copy = At::Copy(fixture.fork());
    let options = || {
        WriteOptions::default()
            .executable(true)
            .media_type(Text::new("text/x-sh").unwrap())
            .provenance(Text::new("upload").unwrap())
    };
    let files = fixture.workspace.files(copy);
    let first = change(&files, vec![write_with("/run", "x", options())]).unwrap();
    let entry = files.stat(&path("/run")).unwrap();
    let late = options().modified(Timestamp::from_millis(1));
    for same in [options(), WriteOptions::default(), late] {
        let again = change(&files, vec![write_with("/run", "x", same)]).unwrap();
        assert_eq!(
            (again.generation, again.tree),
            (first.generation, first.tree)
        );
        assert_eq!(again.operation, None);
    }
    assert_eq!(files.stat(&path("/run")).unwrap(), entry);
    let other = change(&files, vec![write("/run", "y")]).unwrap();
    assert_ne!(other.tree, first.tree);
    let file = files.stat(&path("/run")).unwrap().unwrap();
    let file = file.as_file().unwrap();
    assert!(file.executable && file.media_type.is_some() && file.provenance.is_none());
}

/// > A media type that is none, as RFC 9110 has them, is `Invalid`, for writes and for imports.
#[test]
fn media_types_are_checked_when_they_are_written() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Copy(fixture.fork()));
    let import = |said: &str| {
        let mut entry = source_file("/imported", "x");
        if let Some((entry, _)) = &mut entry
            && let SourceKind::File { media_type, .. } = &mut entry.kind
        {
            *media_type = Some(Text::new(said).unwrap());
        }
        let mut source = Entries::new(vec![entry]);
        block_on(files.import(&mut source, ImportOptions::default())).map(drop)
    };
    let write = |said: &str| {
        let options = WriteOptions::default().media_type(Text::new(said).unwrap());
        let batch = || vec![write_with("/written", "x", options.clone())];
        let now = files.change_now(batch(), &ChangeOptions::default());
        let then = change(&files, batch());
        assert_eq!(now.is_ok(), then.is_ok(), "{said}");
        then.map(drop)
    };
    for said in [
        "text/html",
        "Text/HTML; Charset=UTF-8",
        "text/html ;charset=utf-8",
        "text/html;",
        "application/vnd.x+json;a=b;c=\"d e\"",
        "multipart/mixed; boundary=\"a \\\" ; b\"",
        "x/y; z=\"\"",
        "x/y; z=\"\u{fc}\"",
        "!#$%&'*+-.^_`|~/0",
    ] {
        assert!(write(said).is_ok() && import(said).is_ok(), "{said}");
    }
    for none in [
        "text",
        "text/",
        "/html",
        "text/html/x",
        "text /html",
        " text/html",
        "text/html ",
        "text/html\r\nx-evil: 1",
        "text/html; a=\"\r\n\"",
        "text/html; a=\"\u{7f}\"",
        "text/html; a",
        "text/html; a=",
        "text/html; =b",
        "text/html; a=b c",
        "text/html; a=\"b",
        "text/html; a=b; a=c",
        "text/html, text/css",
        "*/*",
        "text/*",
        "t\u{fc}xt/html",
        "text/html; a=\u{fc}",
    ] {
        for refused in [write(none), import(none)] {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Invalid, "{none}");
            let told = error.to_string();
            assert!(told.contains("media type"), "{told}");
            assert!(!told.contains(['\r', '\n']), "{told}");
        }
    }
}

/// > The same set of entries always has the same tree id, whatever came before.
#[test]
fn the_same_entries_have_the_same_tree() {
    let fixture = Fixture::new();
    let timed = |at: &str, text: &str| {
        let modified = Some(Timestamp::from_millis(7));
        write_with(
            at,
            text,
            WriteOptions::default()
                .create_parents(true)
                .modified(modified),
        )
    };
    let (one, two) = (At::Copy(fixture.fork()), At::Copy(fixture.fork()));
    let files = fixture.workspace.files(one);
    change(
        &files,
        (0..300).map(|n| timed(&format!("/d/{n}"), "x")).collect(),
    )
    .unwrap();
    let files = fixture.workspace.files(two);
    for n in (0..300).rev() {
        change(
            &files,
            vec![timed(&format!("/d/{n}"), "x"), timed("/detour", "y")],
        )
        .unwrap();
    }
    fixture.remove(two, "/detour");
    assert_eq!(
        fixture.workspace.tree(one).unwrap(),
        fixture.workspace.tree(two).unwrap()
    );
}

/// > A directory moves and copies in one piece, and is shared, not copied.
#[test]
fn directories_move_and_copy_in_one_piece() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    change(
        &files,
        (0..500).map(|n| write(&format!("/d/{n}"), "x")).collect(),
    )
    .unwrap();
    let metered = fixture.workspace.metered();
    let moves = vec![
        Change::Copy {
            from: path("/d"),
            to: path("/e"),
            replace: false,
        },
        Change::Rename {
            from: path("/d"),
            to: path("/f"),
            replace: false,
        },
    ];
    change(&metered.files(At::Head), moves).unwrap();
    assert_eq!(
        metered.receipt().nodes_written,
        1,
        "{:?}",
        metered.receipt()
    );
    assert_eq!(fixture.paths(At::Head).len(), 1002);
    let rename = |from: &str, to: &str, replace| {
        change(
            &files,
            vec![Change::Rename {
                from: path(from),
                to: path(to),
                replace,
            }],
        )
    };
    assert_eq!(kind(rename("/e", "/e/g", true)), ErrorKind::Invalid);
    assert_eq!(kind(rename("/e", "/f", false)), ErrorKind::AlreadyExists);
    assert_eq!(kind(rename("/e", "/f", true)), ErrorKind::NotEmpty);
    assert_eq!(kind(rename("/e/1", "/f", true)), ErrorKind::IsADirectory);
    assert_eq!(kind(rename("/e", "/f/1", true)), ErrorKind::NotADirectory);
    assert_eq!(kind(rename("/none", "/g", true)), ErrorKind::NotFound);
    assert_eq!(kind(rename("/e", "/none/g", true)), ErrorKind::NotFound);
    rename("/e/1", "/f/2", true).unwrap();
    rename("/e", "/e", false).unwrap();
    assert_eq!(fixture.paths(At::Head).len(), 1001);
}

/// > A move that would make a path too long is refused, and changes nothing.
#[test]
fn moves_keep_paths_within_their_limit() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let deep = format!("/d{}", "/abc".repeat(1000));
    fixture.write(At::Head, &deep, "x");
    let before = fixture.workspace.head().unwrap();
    let long = format!("/{}", "n".repeat(97));
    let change_to = |to: &str| Change::Rename {
        from: path("/d"),
        to: path(to),
        replace: false,
    };
    assert_eq!(
        kind(change(&files, vec![change_to(&long)])),
        ErrorKind::Invalid
    );
    assert_eq!(fixture.workspace.head().unwrap(), before);
    change(&files, vec![change_to(&long[..96])]).unwrap();
    assert_eq!(fixture.paths(At::Head).len(), 1001);
}

/// > A batch of changes is all or nothing.
#[test]
fn a_batch_is_all_or_nothing() {
    let fixture = Fixture::new();
    let copy = fixture.fork();
    fixture.write(At::Copy(copy), "/keep", "x");
    let before = fixture.workspace.copy(copy).unwrap();
    let files = fixture.workspace.files(At::Copy(copy));
    let missing = Change::Remove {
        path: path("/missing"),
        recursive: false,
    };
    let batch = vec![write("/new", "x"), write("/keep", "y"), missing];
    let error = change(&files, batch).unwrap_err();
    assert_eq!(
        (error.kind(), error.subject()),
        (ErrorKind::NotFound, Some("/missing"))
    );
    assert_eq!(fixture.workspace.copy(copy).unwrap(), before);
}

/// > A change sees what those before it in the batch did.
#[test]
fn a_change_sees_those_before_it() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let batch = vec![
        write("/a/one", "1"),
        Change::Rename {
            from: path("/a"),
            to: path("/b"),
            replace: false,
        },
        Change::Copy {
            from: path("/b/one"),
            to: path("/two"),
            replace: false,
        },
        Change::SetExecutable {
            path: path("/two"),
            executable: true,
        },
        Change::Remove {
            path: path("/b"),
            recursive: true,
        },
    ];
    change(&files, batch).unwrap();
    assert_eq!(fixture.paths(At::Head), ["/two"]);
    assert!(
        files
            .stat(&path("/two"))
            .unwrap()
            .unwrap()
            .as_file()
            .unwrap()
            .executable
    );
}

/// > A batch can name the generation that it was made for, and fails with `Stale` at another.
#[test]
fn a_batch_can_expect_a_generation() {
    let fixture = Fixture::new();
    let copy = At::Copy(fixture.fork());
    let seen = fixture.write(copy, "/a", "1").generation;
    let expecting = |generation| ChangeOptions::default().expect_generation(generation);
    let files = fixture.workspace.files(copy);
    block_on(files.change(vec![write("/a", "2")], expecting(seen))).unwrap();
    let late = block_on(files.change(vec![write("/a", "3")], expecting(seen)));
    assert_eq!(kind(late), ErrorKind::Stale);
    assert_eq!(fixture.state(copy)["/a"], "2");
}

/// > A write can be made conditional on absence or on the content that is there.
#[test]
fn a_write_can_be_conditional() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let only = |text: &str, precondition| {
        let options = WriteOptions::default().precondition(precondition);
        change(&files, vec![write_with("/a", text, options)])
    };
    only("1", Precondition::Absent).unwrap();
    assert_eq!(
        kind(only("2", Precondition::Absent)),
        ErrorKind::AlreadyExists
    );
    let one = workspace_core::ContentId::of(b"1");
    only("2", Precondition::Content(one)).unwrap();
    assert_eq!(
        kind(only("3", Precondition::Content(one))),
        ErrorKind::Stale
    );
    assert_eq!(fixture.state(At::Head)["/a"], "2");
}

/// > A head write moves the head version, and records no revision.
#[test]
fn a_head_write_moves_the_version() {
    let fixture = Fixture::new();
    let before = fixture.workspace.head().unwrap();
    assert_eq!(fixture.write(At::Head, "/a", "1").operation, None);
    let after = fixture.workspace.head().unwrap();
    assert_eq!((before.version, after.version), (0, 1));
    assert_eq!(after.revision, None);
}

/// A directory can be left out of a walk, wherever the walk has come to.
#[test]
fn a_walk_can_skip_directories() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let writes = (0..4).flat_map(|d| (0..300).map(move |n| write(&format!("/{d}/in/{n}"), "x")));
    change(&files, writes.collect()).unwrap();
    let mut walk = files.walk(&TreePath::root()).unwrap();
    let mut walked = Vec::new();
    while let Some(found) = walk.next() {
        let text = found.unwrap().0.to_string();
        if ["/0", "/2/in", "/3/in/7"].contains(&text.as_str()) {
            walk.skip_directory();
        }
        walked.push(text);
    }
    assert_eq!(walked.len(), 1 + 302 + 2 + 302);
    assert!(walked.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_symlink_that_is_there_is_not_absent() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let link = Change::Symlink {
        path: path("/l"),
        target: Text::new("elsewhere").unwrap(),
        create_parents: false,
        modified: None,
    };
    change(&files, vec![link]).unwrap();
    let options = WriteOptions::default().precondition(Precondition::Absent);
    let absent = change(&files, vec![write_with("/l", "x", options)]);
    assert_eq!(kind(absent), ErrorKind::AlreadyExists);
    assert_eq!(fixture.state(At::Head)["/l"], "->elsewhere");
}

/// > What would make a tree of more entries than it may have, 50 million unless it is opened with another limit, fails with `LimitExceeded`; a tree that has more can be read and made smaller.
#[test]
fn a_tree_has_so_many_entries() {
    assert_eq!(workspace_core::Options::default().max_entries, 50_000_000);
    let limited = |max_entries| workspace_core::Options::default().max_entries(max_entries);
    let fixture = Fixture::with(limited(6));
    let head = fixture.workspace.files(At::Head);
    let copy = |from: &str, to: &str| Change::Copy {
        from: path(from),
        to: path(to),
        replace: false,
    };
    change(&head, vec![write("/d/a", "1"), write("/d/b", "2")]).unwrap();
    change(&head, vec![copy("/d", "/e")]).unwrap();
    let before = fixture.workspace.head().unwrap();
    let error = change(&head, vec![write("/f", "3")]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(error.to_string().contains("more than 6 entries"), "{error}");
    let shared = change(&head, vec![copy("/e", "/d/e")]);
    assert_eq!(kind(shared), ErrorKind::LimitExceeded);
    assert_eq!(fixture.workspace.head().unwrap(), before);
    change(&head, vec![write("/d/a", "other")]).unwrap();

    // Neither by an import, nor by what two sides come to.
    let mut source = Entries::new(vec![source_file("/f", "3")]);
    let options = workspace_core::ImportOptions::default();
    let imported = block_on(fixture.workspace.import(At::Head, &mut source, options));
    assert_eq!(kind(imported), ErrorKind::LimitExceeded);
    let draft = fixture.fork();
    fixture.remove(At::Copy(draft), "/e/a");
    fixture.write(At::Copy(draft), "/g", "1");
    fixture.remove(At::Head, "/d/a");
    fixture.write(At::Head, "/h", "1");
    fixture.write(At::Copy(draft), "/e/b", "more");
    let author = workspace_core::Author::default();
    fixture.workspace.rebase(draft, &author).unwrap();
    fixture.remove(At::Copy(draft), "/d");
    fixture.write(At::Copy(draft), "/i", "1");
    fixture.write(At::Copy(draft), "/j", "1");
    let newest = fixture.workspace.copy(draft).unwrap().operation.unwrap();
    let removal = workspace_core::OperationId::new(newest.get() - 2);
    let undone = fixture.workspace.undo(draft, removal, &author);
    assert_eq!(kind(undone), ErrorKind::LimitExceeded);

    // What is there already, under a limit of before, shrinks.
    let smaller = fixture.reopen(limited(2));
    let head = smaller.files(At::Head);
    assert_eq!(
        kind(change(&head, vec![write("/k", "1")])),
        ErrorKind::LimitExceeded
    );
    change(&head, vec![write("/d/b", "same number")]).unwrap();
    let remove = |at: &str| Change::Remove {
        path: path(at),
        recursive: true,
    };
    change(&head, vec![remove("/e/b")]).unwrap();
    assert_eq!(head.walk(&TreePath::root()).unwrap().count(), 5);
}

/// > A batch whose paths go through more than 65,536 directories fails with `LimitExceeded`.
#[test]
fn a_batch_opens_so_many_directories() {
    let fixture = Fixture::new();
    let before = fixture.workspace.head().unwrap();
    let deep = (0..33).map(|n| write(&deep(n), "x")).collect();
    let error = change(&fixture.workspace.files(At::Head), deep).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert!(
        error.to_string().contains("more than 65536 directories"),
        "{error}"
    );
    assert_eq!(fixture.workspace.head().unwrap(), before);
    // Many files in few directories are no such batch.
    let flat = (0..3_000)
        .map(|n| write(&format!("/a/b/c/d/{n}"), "x"))
        .collect();
    change(&fixture.workspace.files(At::Head), flat).unwrap();
}
