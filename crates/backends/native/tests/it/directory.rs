//! Workspaces as directories: created, opened, locked, refused.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;

use futures::executor::block_on;
use workspace_core::{At, ErrorKind, Options};
use workspace_native::{Objects, SqliteConn, create, open, open_read_only};
use workspace_sql::SqlConn;

use crate::common::{S3Server, child, read, refusal, run, told_directory, write};

fn new(directory: &Path) -> workspace_core::Workspace {
    create(directory, &Objects::Local, Options::default()).unwrap()
}

#[test]
fn what_is_written_is_there_after_opening_again() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("deep/er");
    let workspace = new(&directory);
    let large = vec![7; 300_000];
    block_on(write(&workspace, "/small", b"small")).unwrap();
    block_on(write(&workspace, "/a/large", &large)).unwrap();
    drop(workspace);
    let workspace = open(&directory, Options::default()).unwrap();
    assert_eq!(block_on(read(&workspace, "/small")), b"small".as_slice());
    assert_eq!(block_on(read(&workspace, "/a/large")), large);
    assert_eq!(fs::read_dir(directory.join("objects")).unwrap().count(), 1);
}

#[test]
fn create_refuses_what_is_there() {
    let place = tempfile::tempdir().unwrap();
    let try_create =
        |directory: &Path| refusal(create(directory, &Objects::Local, Options::default())).kind();
    drop(new(&place.path().join("one")));
    assert_eq!(
        try_create(&place.path().join("one")),
        ErrorKind::AlreadyExists
    );

    let taken = place.path().join("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("thesis.txt"), "mine").unwrap();
    assert_eq!(try_create(&taken), ErrorKind::NotEmpty);
    assert_eq!(fs::read_dir(&taken).unwrap().count(), 1);

    fs::write(place.path().join("file"), "").unwrap();
    assert_eq!(
        try_create(&place.path().join("file")),
        ErrorKind::Unavailable
    );

    // The objects of a workspace that lost its database are not garbage.
    let lost = place.path().join("lost");
    fs::create_dir_all(lost.join("objects")).unwrap();
    fs::write(lost.join("objects/0123"), "precious").unwrap();
    assert_eq!(try_create(&lost), ErrorKind::NotEmpty);
}

#[test]
fn create_goes_on_where_a_crash_stopped_it() {
    let place = tempfile::tempdir().unwrap();
    let whole = place.path().join("whole");
    drop(new(&whole));
    let database = fs::read(whole.join("workspace.db")).unwrap();
    let config = fs::read(whole.join("config")).unwrap();
    // Whatever `create` had made by then, in its order.
    for step in 0..=5 {
        let half = place.path().join(format!("half{step}"));
        fs::create_dir(&half).unwrap();
        let made: [&dyn Fn(); 5] = [
            &|| fs::write(half.join("lock"), "12345\n").unwrap(),
            &|| fs::create_dir(half.join("objects")).unwrap(),
            &|| fs::write(half.join("config"), &config[..9]).unwrap(),
            &|| fs::write(half.join("workspace.db.new"), &database[..5000]).unwrap(),
            &|| fs::write(half.join("workspace.db.new-wal"), &database[..3000]).unwrap(),
        ];
        made[..step].iter().for_each(|make| make());
        let opened = refusal(open(&half, Options::default()));
        assert_eq!(opened.kind(), ErrorKind::NotFound, "{opened}");
        let workspace = new(&half);
        block_on(write(&workspace, "/file", b"works")).unwrap();
    }
}

#[test]
fn open_says_what_is_not_a_workspace() {
    let place = tempfile::tempdir().unwrap();
    let opened = |directory: &Path| refusal(open(directory, Options::default()));
    let missing = opened(&place.path().join("missing"));
    assert_eq!(missing.kind(), ErrorKind::NotFound);
    assert!(
        missing.to_string().ends_with("no such directory"),
        "{missing}"
    );
    let empty = opened(place.path());
    assert_eq!(empty.kind(), ErrorKind::NotFound);
    assert!(empty.to_string().ends_with("not a workspace"), "{empty}");
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 0);
}

#[test]
fn a_damaged_workspace_is_corrupt() {
    type Damage<'a> = (&'a str, &'a dyn Fn(&Path));
    let damages: [Damage<'_>; 5] = [
        ("empty database", &|d| {
            fs::write(d.join("workspace.db"), "").unwrap();
        }),
        ("not a database", &|d| {
            fs::write(d.join("workspace.db"), "words ".repeat(2000)).unwrap();
        }),
        ("altered pages", &|d| {
            let mut bytes = fs::read(d.join("workspace.db")).unwrap();
            bytes[100..8000].fill(0x5a);
            fs::write(d.join("workspace.db"), bytes).unwrap();
        }),
        ("a tree that does not decode", &|d| {
            let conn = SqliteConn::open(&d.join("workspace.db")).unwrap();
            conn.exec("UPDATE head SET tree = x'00'", &[]).unwrap();
        }),
        ("empty config", &|d| {
            fs::write(d.join("config"), "").unwrap();
        }),
    ];
    for (what, damage) in damages {
        let place = tempfile::tempdir().unwrap();
        drop(new(place.path()));
        damage(place.path());
        let error = refusal(open(place.path(), Options::default()));
        assert_eq!(error.kind(), ErrorKind::Corrupt, "{what}: {error}");
    }
}

#[test]
fn the_integrity_check_finds_an_altered_index() {
    let place = tempfile::tempdir().unwrap();
    let workspace = new(place.path());
    for n in 0..200 {
        block_on(write(&workspace, &format!("/{n}"), &[n; 100])).unwrap();
    }
    drop(workspace);
    let database = place.path().join("workspace.db");
    SqliteConn::open(&database).unwrap().check().unwrap();
    let mut bytes = fs::read(&database).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4096].fill(0xa5);
    fs::write(&database, bytes).unwrap();
    let error = refusal(SqliteConn::open(&database).and_then(|conn| conn.check()));
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
}

#[test]
fn a_newer_workspace_is_refused_and_not_changed() {
    let place = tempfile::tempdir().unwrap();
    drop(new(place.path()));
    let database = place.path().join("workspace.db");
    let conn = SqliteConn::open(&database).unwrap();
    conn.exec("UPDATE schema SET version = 1000", &[]).unwrap();
    drop(conn);
    let before = fs::read(&database).unwrap();
    let error = refusal(open(place.path(), Options::default()));
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("newer release"), "{error}");
    assert_eq!(fs::read(&database).unwrap(), before);
}

/// Returns every file below a directory, with its bytes.
fn snapshot(directory: &Path) -> Vec<(std::path::PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut left = vec![directory.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => left.push(path),
                false => found.push((path.clone(), fs::read(path).unwrap())),
            }
        }
    }
    found.sort();
    found
}

#[test]
fn a_workspace_is_read_where_nothing_may_be_written() {
    let place = tempfile::tempdir().unwrap();
    let large = vec![7; 300_000];
    let workspace = create(place.path(), &Objects::Local, Options::default()).unwrap();
    block_on(write(&workspace, "/large", &large)).unwrap();
    block_on(write(&workspace, "/small", b"small")).unwrap();
    let locked = refusal(open_read_only(place.path(), Options::default()));
    assert_eq!(locked.kind(), ErrorKind::Locked, "a writer has it");
    drop(workspace);
    let before = snapshot(place.path());

    let workspace = open_read_only(place.path(), Options::default()).unwrap();
    assert_eq!(block_on(read(&workspace, "/large")), large);
    let error = refusal(block_on(write(&workspace, "/small", b"other")));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("read-only"), "{error}");
    // Readers are beside each other, and keep writers out.
    let second = open_read_only(place.path(), Options::default()).unwrap();
    let locked = refusal(open(place.path(), Options::default()));
    assert_eq!(locked.kind(), ErrorKind::Locked);
    assert_eq!(block_on(read(&second, "/small")), b"small".as_slice());
    drop((workspace, second));
    assert_eq!(snapshot(place.path()), before);

    // What a killed process left in the log is neither passed over nor put in order.
    fs::write(place.path().join("workspace.db-wal"), "log").unwrap();
    let error = refusal(open_read_only(place.path(), Options::default()));
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains("not closed"), "{error}");
}

#[test]
fn a_workspace_may_have_any_name() {
    let place = tempfile::tempdir().unwrap();
    for name in [
        "file:x",
        "file:y?mode=memory",
        "?immutable=1",
        "#a%41 b&c",
        ":memory:",
        "-",
        "é\n",
    ] {
        let mut child = child(
            "directory::child_uses_a_relative_name",
            Path::new(name),
            &[],
        );
        child.current_dir(place.path());
        run(child);
        let found = place.path().join(name).join("workspace.db");
        assert!(found.metadata().unwrap().len() > 0, "{name}");
    }
    let directories = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(directories, 7, "and nothing else");
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_uses_a_relative_name() {
    let directory = told_directory();
    drop(new(&directory));
    let workspace = open(&directory, Options::default()).unwrap();
    block_on(write(&workspace, "/small", b"small")).unwrap();
    block_on(write(&workspace, "/large", &[7; 300_000])).unwrap();
    drop(workspace);
    let workspace = open_read_only(&directory, Options::default()).unwrap();
    assert_eq!(block_on(read(&workspace, "/small")), b"small".as_slice());
    assert_eq!(block_on(read(&workspace, "/large")).len(), 300_000);
}

#[test]
fn a_second_handle_of_the_same_process_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let first = new(place.path());
    let clone = first.clone();
    drop(first);
    let refused = refusal(open(place.path(), Options::default()));
    assert_eq!(refused.kind(), ErrorKind::Locked);
    drop(clone);
    open(place.path(), Options::default()).unwrap();
}

#[test]
fn another_process_is_named_and_its_death_frees_the_workspace() {
    let place = tempfile::tempdir().unwrap();
    drop(new(place.path()));
    let mut holder = child(
        "directory::child_writes_until_it_is_killed",
        place.path(),
        &[],
    )
    .spawn()
    .unwrap();
    let mut lines = BufReader::new(holder.stdout.take().unwrap()).lines();
    let mut acknowledged = || {
        let numbers = lines.by_ref().map_while(Result::ok);
        numbers
            .filter_map(|line| line.strip_prefix("wrote ")?.parse::<u64>().ok())
            .take(20)
            .last()
    };
    assert_eq!(acknowledged(), Some(20));
    let refused = refusal(open(place.path(), Options::default()));
    assert_eq!(refused.kind(), ErrorKind::Locked);
    let pid = format!("process {}", holder.id());
    assert!(refused.to_string().contains(&pid), "{refused}");

    holder.kill().unwrap();
    holder.wait().unwrap();
    let last = std::iter::from_fn(acknowledged).last().unwrap_or(20);
    let workspace = open(place.path(), Options::default()).unwrap();
    let head = workspace.head().unwrap();
    // One more may have been committed and not yet announced.
    assert!(
        (last..=last + 1).contains(&head.version),
        "{last}: {head:?}"
    );
    assert_eq!(
        block_on(read(&workspace, "/n")),
        head.version.to_string().as_bytes()
    );
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_writes_until_it_is_killed() {
    let workspace = open(told_directory(), Options::default()).unwrap();
    for n in 1..u64::MAX {
        block_on(write(&workspace, "/n", n.to_string().as_bytes())).unwrap();
        println!("wrote {n}");
    }
}

#[test]
fn only_one_of_two_creates_at_once_wins() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("new");
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let runs = [(); 4].map(|()| {
            scope.spawn(|| {
                create(&directory, &Objects::Local, Options::default())
                    .map(|workspace| workspace.tree(At::Head).unwrap())
            })
        });
        runs.map(|run| run.join().unwrap()).into()
    });
    assert_eq!(outcomes.iter().filter(|made| made.is_ok()).count(), 1);
    for error in outcomes.into_iter().filter_map(Result::err) {
        let kind = error.kind();
        let expected = [ErrorKind::AlreadyExists, ErrorKind::Locked];
        assert!(expected.contains(&kind), "{error}");
    }
    open(&directory, Options::default()).unwrap();
}

#[test]
fn objects_can_be_in_a_bucket() {
    let place = tempfile::tempdir().unwrap();
    let server = S3Server::start();
    let mut child = child(
        "directory::child_keeps_objects_in_a_bucket",
        place.path(),
        &[],
    );
    child.envs(server.settings());
    run(child);
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_keeps_objects_in_a_bucket() {
    let new = |name: &str, url: &str| {
        let objects = Objects::S3(url.into());
        create(told_directory().join(name), &objects, Options::default())
    };
    let large = vec![7; 300_000];
    let workspace = new("home", "s3://bucket/one").unwrap();
    block_on(write(&workspace, "/large", &large)).unwrap();
    drop(workspace);
    let workspace = open(told_directory().join("home"), Options::default()).unwrap();
    assert_eq!(block_on(read(&workspace, "/large")), large);
    assert!(!told_directory().join("home/objects").exists());

    let shared = refusal(new("second", "s3://bucket/one"));
    assert_eq!(shared.kind(), ErrorKind::NotEmpty, "{shared}");
    let missing = refusal(new("third", "s3://elsewhere/one"));
    assert_eq!(missing.kind(), ErrorKind::Unavailable, "{missing}");
    assert!(missing.to_string().contains("bucket"), "{missing}");
    drop(new("third", "s3://bucket/three").unwrap());
}

/// Such a directory can come with a checkout: a link in it would choose what is written.
#[test]
#[cfg(unix)]
fn nothing_in_a_workspace_s_directory_is_opened_through_a_link() {
    use std::os::unix::fs::symlink;
    let place = tempfile::tempdir().unwrap();
    let victim = place.path().join("victim");
    for name in [
        "lock",
        "reserve",
        "config",
        "workspace.db",
        "workspace.db-wal",
        "workspace.db-shm",
        "workspace.db-journal",
        "objects",
    ] {
        let home = tempfile::tempdir().unwrap();
        drop(create(home.path(), &Objects::Local, Options::default()).unwrap());
        let link = home.path().join(name);
        let _missing = fs::remove_file(&link).or_else(|_| fs::remove_dir(&link));
        for exists in [true, false] {
            let _missing = fs::remove_file(&victim);
            if exists {
                fs::write(&victim, "precious").unwrap();
            }
            symlink(&victim, &link).unwrap();
            for opened in [
                open(home.path(), Options::default()),
                open_read_only(home.path(), Options::default()),
            ] {
                let error = refusal(opened);
                assert_eq!(error.kind(), ErrorKind::Denied, "{name}: {error}");
                assert!(error.to_string().contains("symlink"), "{error}");
            }
            let left = fs::read(&victim).ok();
            assert_eq!(left, exists.then(|| b"precious".to_vec()), "{name}");
            fs::remove_file(&link).unwrap();
        }
    }
}

#[test]
#[cfg(unix)]
fn a_lock_that_is_no_file_is_refused_and_not_waited_for() {
    let home = tempfile::tempdir().unwrap();
    drop(create(home.path(), &Objects::Local, Options::default()).unwrap());
    let lock = home.path().join("lock");
    fs::remove_file(&lock).unwrap();
    let made = std::process::Command::new("mkfifo").arg(&lock).status();
    assert!(made.unwrap().success());
    let error = refusal(open_read_only(home.path(), Options::default()));
    assert_eq!(error.kind(), ErrorKind::Denied, "{error}");
}

#[test]
fn who_opens_it_is_written_down_only_in_a_workspace() {
    let home = tempfile::tempdir().unwrap();
    fs::write(home.path().join("config"), "objects = local\n").unwrap();
    fs::write(home.path().join("lock"), "as it was").unwrap();
    // A database, and none of a workspace.
    drop(SqliteConn::create(&home.path().join("workspace.db")).unwrap());
    let error = refusal(open(home.path(), Options::default()));
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert_eq!(
        fs::read_to_string(home.path().join("lock")).unwrap(),
        "as it was"
    );
    assert!(!home.path().join("reserve").exists());
}
