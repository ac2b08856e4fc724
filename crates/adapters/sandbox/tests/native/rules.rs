//! What is said of attaching, capturing and reconciling, one by one.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;

use futures::executor::block_on;
use workspace_core::{Author, Change, ErrorKind, TreePath};
use workspace_sandbox::{CaptureLimits, Native, Plan, Sandbox, Way, What};

use super::world::{World, path, view};

fn told(plan: &Plan) -> Vec<(&'static str, &str)> {
    let steps = plan.steps.iter();
    steps
        .map(|step| (step.what.word(), step.path.as_str()))
        .collect()
}

#[test]
fn a_plan_names_what_was_created_modified_deleted_renamed_ignored_and_refused() {
    let world = World::new();
    let copy = world.copy(&[("/a", "a"), ("/b", "b"), ("/dir/c", "c"), ("/dir/d", "d")]);
    let sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    fs::write(root.join("a"), "other").unwrap();
    fs::create_dir(root.join("new")).unwrap();
    fs::rename(root.join("dir/c"), root.join("new/c")).unwrap();
    fs::remove_dir_all(root.join("dir")).unwrap();
    fs::remove_file(root.join("b")).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", root.join("out")).unwrap();
    fs::create_dir(root.join("local")).unwrap();
    fs::write(root.join("local/cache"), "x").unwrap();
    fs::create_dir(root.join(".git")).unwrap();
    fs::write(root.join(".git/config"), "x").unwrap();
    fs::write(root.join(OsStr::from_bytes(b"not \xff text")), "x").unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let mut mkfifo = std::process::Command::new("mkfifo");
    assert!(mkfifo.arg(root.join("fifo")).status().unwrap().success());
    let plan = block_on(sandbox.plan()).unwrap();
    assert_eq!(
        told(&plan),
        [
            ("modified", "/a"),
            ("deleted", "/b"),
            ("deleted", "/dir"),
            ("created", "/new"),
            ("renamed", "/new/c"),
            ("created", "/out"),
        ]
    );
    let from = plan.steps.iter().find_map(|step| match &step.what {
        What::Renamed { from, .. } => Some(from.as_str()),
        _ => None,
    });
    assert_eq!(from, Some("/dir/c"));
    assert_eq!(plan.counts(), [2, 1, 2, 1]);
    let ignored: Vec<_> = plan.ignored.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(ignored, ["/local"]);
    let refused: Vec<_> = plan.refused.iter().map(|it| &*it.path).collect();
    assert_eq!(refused, ["/.git", "/fifo", "/not \\xff text", "/socket"]);
    assert!(plan.refused.iter().all(|it| !it.why.is_empty()));
    let note = Author::new("test", "what a command did");
    let (_, reconciled) = block_on(sandbox.reconcile(note)).unwrap();
    // One operation, in the name of who asked, undone like any other.
    let operation = reconciled.operation.unwrap();
    let log = world.workspace.operations(copy, None, 9).unwrap();
    assert!(
        log.iter()
            .any(|record| record.id == operation && record.actor == "test")
    );
    assert_eq!(world.listing(copy).get("/out").unwrap(), "->/etc/passwd");
    world
        .workspace
        .undo(copy, operation, &Author::default())
        .unwrap();
    assert_eq!(world.listing(copy).get("/dir/d").unwrap(), "fd");
    assert_eq!(world.workspace.copies(true, None, 9).unwrap().len(), 1);
}

#[test]
fn another_copy_at_the_same_place_is_refused_and_the_same_one_goes_on() {
    let world = World::new();
    let (one, two) = (world.copy(&[("/a", "1")]), world.copy(&[("/a", "2")]));
    let sandbox = world.attach(one, "state", Way::Plain);
    fs::write(world.state("state").join("files/new"), "kept").unwrap();
    let open = || {
        block_on(Native::open(
            &world.state("state"),
            World::options(Way::Plain),
        ))
    };
    assert_eq!(open().unwrap_err().kind(), ErrorKind::Locked);
    drop(sandbox);
    let attach = |copy| {
        let host = open().unwrap();
        block_on(Sandbox::attach(world.workspace.clone(), host, view(copy)))
    };
    assert_eq!(attach(two).unwrap_err().kind(), ErrorKind::AlreadyExists);
    let again = attach(one).unwrap();
    assert_eq!(
        told(&block_on(again.plan()).unwrap()),
        [("created", "/new")]
    );
    drop(again);
    // A copy that is closed gives way.
    world.workspace.discard(one).unwrap();
    let other = attach(two).unwrap();
    assert_eq!(other.showing().copy, two);
    assert!(block_on(other.plan()).unwrap().is_empty());
    world.workspace.discard(two).unwrap();
    let error = block_on(other.reconcile(Author::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Closed);
}

#[test]
fn what_others_changed_stays_and_the_same_path_is_a_conflict() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1"), ("/b", "1"), ("/dir/c", "1")]);
    let mut sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    fs::write(root.join("a"), "sandbox").unwrap();
    world.change(copy, vec![Change::write("/b", "other").unwrap()]);
    assert_eq!(sandbox.behind().unwrap(), 1);
    let error = block_on(sandbox.refresh()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "it would lose /a");
    let (_, reconciled) = block_on(sandbox.reconcile(Author::default())).unwrap();
    assert!(reconciled.operation.is_some());
    let listing = world.listing(copy);
    assert_eq!((&*listing["/a"], &*listing["/b"]), ("fsandbox", "fother"));
    assert!(block_on(sandbox.refresh()).unwrap().moved);
    assert_eq!(fs::read_to_string(root.join("b")).unwrap(), "other");
    // The same path, and what is in a directory that was removed.
    fs::write(root.join("a"), "sandbox again").unwrap();
    fs::remove_dir_all(root.join("dir")).unwrap();
    world.change(
        copy,
        vec![
            Change::write("/a", "other").unwrap(),
            Change::write("/dir/new", "other").unwrap(),
        ],
    );
    let before = world.listing(copy);
    let error = block_on(sandbox.reconcile(Author::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    let paths = &error.conflict().unwrap().both.paths;
    assert_eq!(paths, &[path("/a"), path("/dir")]);
    assert_eq!(world.listing(copy), before, "all or nothing");
    assert_eq!(world.workspace.copies(true, None, 9).unwrap().len(), 1);
}

#[test]
fn limits_are_errors_before_anything_is_written() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1")]);
    let sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    for n in 0..10 {
        fs::write(root.join(format!("n{n}")), "12345").unwrap();
    }
    let limits = CaptureLimits::default();
    let sandbox = sandbox.with_limits(limits.entries(10));
    let error = block_on(sandbox.reconcile(Author::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let sandbox = sandbox.with_limits(limits.bytes(49));
    let error = block_on(sandbox.plan()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    assert_eq!(world.listing(copy).len(), 1);
    let sandbox = sandbox.with_limits(limits.file(4));
    let plan = block_on(sandbox.plan()).unwrap();
    assert_eq!((plan.steps.len(), plan.refused.len()), (0, 10));
}

/// A path that a tree cannot have is named, and does not end in a deep recursion.
#[test]
fn a_directory_deeper_than_a_path_may_be_is_refused_and_removed() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1")]);
    let mut sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    let name = "n".repeat(200);
    let script = format!(
        "i=0; while [ $i -lt 60 ]; do mkdir {name} && cd -P {name} || exit; i=$((i+1)); done"
    );
    let made = std::process::Command::new("sh")
        .args(["-c", &script])
        .current_dir(&root)
        .status();
    assert!(made.unwrap().success());
    let plan = block_on(sandbox.plan()).unwrap();
    assert_eq!(plan.refused.len(), 1, "{:?}", plan.refused);
    assert!(plan.refused[0].why.contains("too long"));
    block_on(sandbox.reconcile(Author::default())).unwrap();
    let error = block_on(sandbox.refresh()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict, "it would lose the rest");
    block_on(sandbox.reset()).unwrap();
    assert!(root.join(&name).is_dir());
    let files = world.workspace.files(workspace_core::At::Copy(copy));
    assert_eq!(files.walk(&TreePath::root()).unwrap().count(), 21);
}

#[test]
fn a_refresh_never_loses_what_was_refused() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1")]);
    let mut sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    let name = root.join(OsStr::from_bytes(b"not \xff text"));
    fs::write(&name, "kept").unwrap();
    // Nothing is lost where nothing is shown anew.
    block_on(sandbox.refresh()).unwrap();
    fs::write(root.join("work"), "work").unwrap();
    block_on(sandbox.reconcile(Author::default())).unwrap();
    let error = block_on(sandbox.refresh()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert_eq!(error.subject(), Some("/not \\xff text"));
    assert_eq!(fs::read_to_string(&name).unwrap(), "kept");
    block_on(sandbox.reset()).unwrap();
    assert!(!name.exists());
    assert_eq!(fs::read_to_string(root.join("work")).unwrap(), "work");
}

#[test]
fn after_a_failed_refresh_nothing_counts_as_deleted() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1")]);
    let mut sandbox = world.attach(copy, "state", Way::Plain);
    world.change(copy, vec![Change::write("/new", "lost").unwrap()]);
    let lost = workspace_core::ContentId::of(b"lost");
    let meta = &world.meta;
    meta.tamper(&mut |tx| tx.delete_content(&lost)).unwrap();
    block_on(sandbox.refresh()).unwrap_err();
    let error = block_on(sandbox.plan()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    let error = block_on(sandbox.reconcile(Author::default())).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Stale);
    assert_eq!(world.workspace.status(copy).unwrap().copy.generation, 2);
}

#[test]
fn a_directory_that_cannot_be_read_is_refused_and_the_rest_captured() {
    use std::os::unix::fs::PermissionsExt as _;

    let world = World::new();
    let copy = world.copy(&[("/dir/c", "c")]);
    let sandbox = world.attach(copy, "state", Way::Plain);
    let root = world.state("state").join("files");
    fs::write(root.join("work"), "work").unwrap();
    let close = |mode| {
        fs::set_permissions(root.join("dir"), fs::Permissions::from_mode(mode)).unwrap();
    };
    for mode in [0o000, 0o444] {
        close(mode);
        if fs::metadata(root.join("dir/c")).is_ok() {
            println!("skipped: root may read any directory");
            close(0o755);
            return;
        }
        let plan = block_on(sandbox.plan()).unwrap();
        assert_eq!(told(&plan), [("created", "/work")]);
        assert_eq!(plan.refused.len(), 1);
        assert_eq!(plan.refused[0].path, "/dir");
    }
    close(0o755);
}

#[test]
fn what_was_changed_dry_is_known_to_be_until_the_copy_is_shown_anew() {
    let world = World::new();
    let copy = world.copy(&[("/a", "1")]);
    let sandbox = world.attach(copy, "state", Way::Plain);
    assert!(!sandbox.host().is_dry().unwrap());
    sandbox.host().mark_dry().unwrap();
    drop(sandbox);
    let mut sandbox = world.attach(copy, "state", Way::Plain);
    assert!(sandbox.host().is_dry().unwrap());
    block_on(sandbox.reset()).unwrap();
    assert!(!sandbox.host().is_dry().unwrap());
}
