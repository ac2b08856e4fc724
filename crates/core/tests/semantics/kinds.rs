//! What each kind of change makes of each kind of entry.

use workspace_core::{
    At, Change, Entry, ErrorKind, Glob, MAX_PATH, Scope, Text, Timestamp, WriteOptions,
};

use crate::support::{Fixture, change, kind, path, write_with};

/// What is at `/at` before a change.
const THERE: [&str; 6] = ["nothing", "file", "program", "link", "empty", "full"];

fn symlink(at: &str, target: &str) -> Change {
    Change::Symlink {
        path: path(at),
        target: Text::new(target).unwrap(),
        create_parents: false,
        modified: None,
    }
}

fn mkdir(parents: bool) -> Change {
    Change::Mkdir {
        path: path("/at"),
        parents,
    }
}

fn set_executable(executable: bool) -> Change {
    Change::SetExecutable {
        path: path("/at"),
        executable,
    }
}

fn remove(recursive: bool) -> Change {
    Change::Remove {
        path: path("/at"),
        recursive,
    }
}

/// From `/file`, or from `/directory`, which has a file in it.
fn renamed(from: &str, replace: bool) -> Change {
    Change::Rename {
        from: path(from),
        to: path("/at"),
        replace,
    }
}

fn fixture(there: &str) -> Fixture {
    let fixture = Fixture::new();
    fixture.write(At::Head, "/file", "moved");
    fixture.write(At::Head, "/directory/inner", "moved");
    let made = match there {
        "nothing" => return fixture,
        "file" => vec![write_with("/at", "old", WriteOptions::default())],
        "program" => {
            let options = WriteOptions::default().executable(true);
            vec![write_with("/at", "old", options)]
        }
        "link" => vec![symlink("/at", "old")],
        "empty" => vec![mkdir(false)],
        _ => {
            let inner = write_with("/at/inner", "old", WriteOptions::default());
            vec![mkdir(false), inner]
        }
    };
    change(&fixture.workspace.files(At::Head), made).unwrap();
    fixture
}

/// What is at `/at` after a change: as `state` tells it, with what is below, and `*` for
/// what may be executed.
fn at(fixture: &Fixture) -> String {
    let state = fixture.state(At::Head);
    let below = state.iter().filter(|(at, _)| at.starts_with("/at"));
    let told: Vec<&str> = below.map(|(_, text)| text.as_str()).collect();
    let entry = fixture
        .workspace
        .files(At::Head)
        .stat(&path("/at"))
        .unwrap();
    let executable = entry.is_some_and(|entry| entry.as_file().is_some_and(|it| it.executable));
    told.join(" ") + if executable { "*" } else { "" }
}

/// Each row has a change, and what it comes to where nothing is there, a file, one that
/// may be executed, a link, an empty directory and a full one.
#[test]
fn each_change_meets_each_kind_of_entry() {
    use ErrorKind::{AlreadyExists, Invalid, IsADirectory, NotADirectory, NotEmpty, NotFound};
    type Row = (
        &'static str,
        fn() -> Change,
        [Result<&'static str, ErrorKind>; 6],
    );
    let rows: [Row; 13] = [
        (
            "write",
            || write_with("/at", "new", WriteOptions::default()),
            [
                Ok("new"),
                Ok("new"),
                Ok("new*"),
                Ok("new"),
                Err(IsADirectory),
                Err(IsADirectory),
            ],
        ),
        (
            "symlink",
            || symlink("/at", "new"),
            [
                Ok("->new"),
                Ok("->new"),
                Ok("->new"),
                Ok("->new"),
                Err(IsADirectory),
                Err(IsADirectory),
            ],
        ),
        (
            "mkdir",
            || mkdir(false),
            [
                Ok("/"),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
            ],
        ),
        (
            "mkdir with parents",
            || mkdir(true),
            [
                Ok("/"),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Ok("/"),
                Ok("/ old"),
            ],
        ),
        (
            "let be executed",
            || set_executable(true),
            [
                Err(NotFound),
                Ok("old*"),
                Ok("old*"),
                Err(Invalid),
                Err(Invalid),
                Err(Invalid),
            ],
        ),
        (
            "let be executed no more",
            || set_executable(false),
            [
                Err(NotFound),
                Ok("old"),
                Ok("old"),
                Err(Invalid),
                Err(Invalid),
                Err(Invalid),
            ],
        ),
        (
            "remove",
            || remove(false),
            [Err(NotFound), Ok(""), Ok(""), Ok(""), Ok(""), Err(NotEmpty)],
        ),
        (
            "remove with all",
            || remove(true),
            [Err(NotFound), Ok(""), Ok(""), Ok(""), Ok(""), Ok("")],
        ),
        (
            "rename a file",
            || renamed("/file", false),
            [
                Ok("moved"),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
            ],
        ),
        (
            "rename a file over",
            || renamed("/file", true),
            [
                Ok("moved"),
                Ok("moved"),
                Ok("moved"),
                Ok("moved"),
                Err(IsADirectory),
                Err(IsADirectory),
            ],
        ),
        (
            "rename a directory",
            || renamed("/directory", false),
            [
                Ok("/ moved"),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
                Err(AlreadyExists),
            ],
        ),
        (
            "rename a directory over",
            || renamed("/directory", true),
            [
                Ok("/ moved"),
                Err(NotADirectory),
                Err(NotADirectory),
                Err(NotADirectory),
                Ok("/ moved"),
                Err(NotEmpty),
            ],
        ),
        (
            "rename from nowhere",
            || renamed("/nowhere", true),
            [
                Err(NotFound),
                Err(NotFound),
                Err(NotFound),
                Err(NotFound),
                Err(NotFound),
                Err(NotFound),
            ],
        ),
    ];
    for (name, make, outcomes) in rows {
        for (there, expected) in THERE.into_iter().zip(outcomes) {
            let fixture = fixture(there);
            let before = fixture.state(At::Head);
            let done = change(&fixture.workspace.files(At::Head), vec![make()]);
            match expected {
                Ok(expected) => {
                    assert!(done.is_ok(), "{name} where {there} is: {done:?}");
                    assert_eq!(at(&fixture), expected, "{name} where {there} is");
                }
                Err(expected) => {
                    assert_eq!(kind(done), expected, "{name} where {there} is");
                    assert_eq!(fixture.state(At::Head), before, "{name} where {there} is");
                }
            }
        }
    }
}

/// What is so already is left as it is, its time too; what is not gets the present one.
#[test]
fn a_change_moves_a_time_only_where_it_changes_something() {
    let old = Timestamp::from_millis(7);
    let put: [fn() -> Change; 3] = [
        || set_executable(true),
        || set_executable(false),
        || symlink("/link", "old"),
    ];
    for (n, change_it) in put.into_iter().enumerate() {
        let fixture = Fixture::new();
        let view = fixture.workspace.files(At::Head);
        let options = WriteOptions::default().executable(true).modified(old);
        let link = Change::Symlink {
            path: path("/link"),
            target: Text::new("old").unwrap(),
            create_parents: false,
            modified: Some(old),
        };
        change(&view, vec![write_with("/at", "text", options), link]).unwrap();
        let before = fixture.workspace.head().unwrap();
        let changed = change(&view, vec![change_it()]).unwrap();
        let after = fixture.workspace.head().unwrap();
        assert_eq!(
            (changed.generation, changed.tree),
            (after.version, after.tree)
        );
        assert_eq!(changed.operation, None, "head has no log");
        let Some(Entry::File(file)) = view.stat(&path("/at")).unwrap() else {
            panic!("it is a file");
        };
        match n {
            1 => assert!(file.modified > old && after.version > before.version),
            _ => {
                assert_eq!(file.modified, old);
                assert_eq!(after, before);
            }
        }
    }
}

/// A path below a directory that moves may have 4,096 bytes, and no more.
#[test]
fn what_moves_may_become_as_long_as_a_path() {
    let long = format!("/{}", "n".repeat(255)).repeat(15);
    for (name, fits) in [
        (MAX_PATH - long.len() - "/d".len() - "/f".len() - 1, true),
        (MAX_PATH - long.len() - "/d".len() - "/f".len(), false),
    ] {
        let fixture = Fixture::new();
        let view = fixture.workspace.files(At::Head);
        fixture.write(At::Head, &format!("{long}/x"), "x");
        fixture.write(At::Head, "/from/d/f", "x");
        let to = format!("{long}/{}", "m".repeat(name));
        let moved = Change::Rename {
            from: path("/from"),
            to: path(&to),
            replace: false,
        };
        let moved = change(&view, vec![moved]);
        match fits {
            true => {
                moved.unwrap();
                let longest = format!("{to}/d/f");
                assert_eq!(longest.len(), MAX_PATH);
                assert!(view.stat(&path(&longest)).unwrap().is_some());
            }
            false => assert_eq!(kind(moved), ErrorKind::Invalid),
        }
    }
}

/// Where a grant demands a directory, what is not one is told as nothing would be.
#[test]
fn a_file_in_the_place_of_a_directory_that_is_demanded_is_denied() {
    for there in ["nothing", "file", "link"] {
        let fixture = fixture(there);
        let view = fixture.workspace.files(At::Head).attenuate(Scope {
            root: path("/"),
            read: Vec::new(),
            write: vec![Glob::new("/at/*.md").unwrap()],
            delete: true,
        });
        let options = WriteOptions::default().create_parents(true);
        let error = change(&view, vec![write_with("/at/a.md", "x", options)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Denied, "{there}");
    }
}
