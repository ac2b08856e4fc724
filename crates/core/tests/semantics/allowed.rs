//! What each kind of change needs of a grant, and what its errors may say.

use workspace_core::{
    At, Author, Change, ChangeOptions, ContentId, ErrorKind, Glob, Grant, Precondition, Recorded,
    Scope, Text, View, WriteOptions,
};

use futures::executor::block_on;

use crate::support::{Fixture, change, path, write_with};

/// What a grant allows of one path.
#[derive(Debug, Clone, Copy)]
struct Rights {
    reads: bool,
    writes: bool,
}

const RIGHTS: [Rights; 4] = [
    Rights {
        reads: false,
        writes: false,
    },
    Rights {
        reads: false,
        writes: true,
    },
    Rights {
        reads: true,
        writes: false,
    },
    Rights {
        reads: true,
        writes: true,
    },
];

fn globs(of: &[(&str, bool)]) -> Vec<Glob> {
    let allowed = of.iter().filter(|(_, allowed)| *allowed);
    allowed.map(|(glob, _)| Glob::new(glob).unwrap()).collect()
}

/// A view of `/from` and `/to`, of which it allows so much.
fn view(fixture: &Fixture, from: Rights, to: Rights, delete: bool) -> View {
    fixture.workspace.files(At::Head).attenuate(Scope {
        root: path("/"),
        read: globs(&[("/from", from.reads), ("/to", to.reads)]),
        write: globs(&[("/from", from.writes), ("/to", to.writes)]),
        delete,
    })
}

/// A change by its name: what it does, and whether somebody with these rights to `/from`
/// and `/to` may do it.
type Case = (
    &'static str,
    fn() -> Change,
    fn(Rights, Rights, bool) -> bool,
);

const CASES: [Case; 11] = [
    (
        "write",
        || write_with("/to", "x", WriteOptions::default()),
        |_, to, _| to.writes,
    ),
    (
        "write where nothing is",
        || conditional(Precondition::Absent),
        |_, to, _| to.writes && to.reads,
    ),
    (
        "write where something is",
        || conditional(Precondition::Content(ContentId::of(b"to"))),
        |_, to, _| to.writes && to.reads,
    ),
    (
        "mkdir",
        || Change::Mkdir {
            path: path("/to"),
            parents: true,
        },
        |_, to, _| to.writes,
    ),
    (
        "symlink",
        || Change::Symlink {
            path: path("/to"),
            target: Text::new("x").unwrap(),
            create_parents: false,
            modified: None,
        },
        |_, to, _| to.writes,
    ),
    (
        "set executable",
        || Change::SetExecutable {
            path: path("/to"),
            executable: true,
        },
        |_, to, _| to.writes,
    ),
    (
        "remove",
        || Change::Remove {
            path: path("/to"),
            recursive: false,
        },
        |_, to, delete| to.writes && delete,
    ),
    (
        "rename",
        || renamed(false),
        |from, to, delete| from.reads && from.writes && to.writes && delete,
    ),
    (
        "rename over",
        || renamed(true),
        |from, to, delete| from.reads && from.writes && to.writes && delete,
    ),
    (
        "copy",
        || copied(false),
        |from, to, _| from.reads && to.writes,
    ),
    (
        "copy over",
        || copied(true),
        |from, to, delete| from.reads && to.writes && delete,
    ),
];

fn conditional(precondition: Precondition) -> Change {
    write_with(
        "/to",
        "x",
        WriteOptions::default().precondition(precondition),
    )
}

fn renamed(replace: bool) -> Change {
    Change::Rename {
        from: path("/from"),
        to: path("/to"),
        replace,
    }
}

fn copied(replace: bool) -> Change {
    Change::Copy {
        from: path("/from"),
        to: path("/to"),
        replace,
    }
}

/// Reading a path, writing it and removing what is there are apart, and each kind of
/// change needs those that it does.
#[test]
fn each_change_needs_the_rights_to_what_it_does() {
    for (name, make, may) in CASES {
        for from in RIGHTS {
            for to in RIGHTS {
                for delete in [false, true] {
                    let fixture = Fixture::new();
                    fixture.write(At::Head, "/from", "from");
                    fixture.write(At::Head, "/to", "to");
                    let before = fixture.state(At::Head);
                    let done = change(&view(&fixture, from, to, delete), vec![make()]);
                    let denied = done
                        .as_ref()
                        .is_err_and(|error| error.kind() == ErrorKind::Denied);
                    assert_eq!(
                        denied,
                        !may(from, to, delete),
                        "{name}, from {from:?} to {to:?}, delete: {delete}: {done:?}"
                    );
                    if denied {
                        assert_eq!(fixture.state(At::Head), before, "{name}");
                    }
                }
            }
        }
    }
}

/// The paths of a batch counted as they are in the whole tree, so that what was refused told
/// how long the root is. Those of further scopes count as the longest.
#[test]
fn the_bytes_of_a_batch_do_not_tell_how_long_the_root_is() {
    let fixture = Fixture::new();
    let files = fixture.workspace.files(At::Head);
    let view = |root| {
        files.attenuate(Scope {
            root: path(root),
            read: Vec::new(),
            write: vec![Glob::new("**").unwrap(); 1 << 17],
            delete: true,
        })
    };
    let narrow = |root| {
        view("/site").attenuate(Scope {
            root: path(root),
            read: Vec::new(),
            write: vec![Glob::new("**").unwrap()],
            delete: true,
        })
    };
    let remove = |length: usize| {
        let names = format!("/{}", "a".repeat(255)).repeat(length / 256);
        let rest = match length % 256 {
            0 => String::new(),
            rest => format!("/{}", "a".repeat(rest - 1)),
        };
        Change::Remove {
            path: path(&(names + &rest)),
            recursive: true,
        }
    };
    // 2^17 globs times 2,048 bytes are 268,435,456.
    let long = format!("/{}", "r".repeat(100));
    for (view, fits) in [
        (view("/"), 2048),
        (view("/site"), 2048),
        (narrow("/"), 2048 - 130),
        (narrow(&long), 2048 - 130),
    ] {
        let kind = |length| change(&view, vec![remove(length)]).unwrap_err().kind();
        assert_ne!(kind(fits), ErrorKind::LimitExceeded, "{fits}");
        assert_eq!(kind(fits + 2), ErrorKind::LimitExceeded, "{fits}");
    }
}

/// What the holder of a part said himself is named to him; which tree he is in is not.
#[test]
fn an_error_names_what_the_holder_said_and_not_where_he_is() {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/site/a", "x");
    let recorded = fixture.workspace.snapshot("one".into()).unwrap();
    let Recorded::Published(revision) = recorded else {
        panic!("{recorded:?}");
    };
    let narrow = Scope {
        root: path("/site"),
        read: globs(&[("**", true)]),
        write: globs(&[("**", true)]),
        delete: true,
    };
    let written = || vec![write_with("/a", "y", WriteOptions::default())];

    let view = fixture.workspace.files(At::Head).attenuate(narrow.clone());
    for (actor, note, named) in [
        (200, 8192, None),
        (201, 8192, Some("actor")),
        (200, 8193, Some("note or message")),
    ] {
        let author = Author::new("a".repeat(actor), "n".repeat(note));
        let options = ChangeOptions::default().author(author);
        let changed = block_on(view.change(written(), options));
        assert_eq!(changed.is_ok(), named.is_none());
        if let Err(error) = changed {
            assert_eq!((error.kind(), error.subject()), (ErrorKind::Invalid, named));
        }
    }

    let at = At::Revision(revision);
    let grant = Grant::all().attenuate(narrow);
    let error = change(&fixture.workspace.view(at, grant), written()).unwrap_err();
    assert_eq!((error.kind(), error.subject()), (ErrorKind::ReadOnly, None));
    let error = change(&fixture.workspace.files(at), written()).unwrap_err();
    assert_eq!(error.subject(), Some(at.to_string().as_str()));
}
