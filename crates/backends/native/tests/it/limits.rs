//! A full disk and a read-only directory, made with mounts that only a child
//! process sees.

use std::fs;
use std::path::Path;
use std::process::Command;

use futures::executor::block_on;
use workspace_core::{At, ErrorKind, ForkOptions, FsckOptions, Options};
use workspace_native::{Objects, create, open, open_read_only, open_to_free};

use crate::common::{child, read, refusal, run, told_directory, write, write_at};

/// Runs an ignored test with a mount over `directory`; does nothing where this
/// user may not mount.
fn run_with_mount(test: &str, mount: &str, directory: &Path) {
    let may_mount = Command::new("unshare").args(["--mount", "true"]).status();
    if !may_mount.is_ok_and(|status| status.success()) {
        println!("skipped: this needs the right to mount");
        return;
    }
    let script = format!("{mount} && exec \"$@\"");
    let wrapper = ["unshare", "--mount", "sh", "-c", &script, "sh"];
    run(child(test, directory, &wrapper));
}

#[test]
fn a_full_disk_is_said_and_loses_nothing() {
    let place = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=4m tmpfs \"$WORKSPACE_TEST_DIRECTORY\"";
    run_with_mount("limits::child_fills_its_disk", mount, place.path());
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_fills_its_disk() {
    let ballast = told_directory().join("ballast");
    fs::write(&ballast, vec![1; 1 << 20]).unwrap();
    let home = told_directory().join("home");
    let workspace = create(&home, &Objects::Local, Options::default()).unwrap();

    // An object larger than what is left.
    let error = refusal(block_on(write(&workspace, "/huge", &vec![1; 8 << 20])));
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    let error = refusal(block_on(write(&workspace, "/huge", &vec![1; 20 << 20])));
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert_eq!(fs::read_dir(home.join("objects")).unwrap().count(), 0);

    // Rows until the log cannot grow.
    let content = |n: u32| n.to_le_bytes().repeat(5_000);
    let mut written = 0;
    let error = loop {
        match block_on(write(&workspace, &format!("/{written}"), &content(written))) {
            Ok(()) => written += 1,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
    assert!(written > 10, "{written}");
    let whole = |workspace: &workspace_core::Workspace| {
        for n in 0..written {
            assert_eq!(block_on(read(workspace, &format!("/{n}"))), content(n));
        }
    };
    whole(&workspace);

    fs::remove_file(&ballast).unwrap();
    block_on(write(&workspace, "/after", b"room again")).unwrap();
    drop(workspace);
    let workspace = open(&home, Options::default()).unwrap();
    whole(&workspace);
    assert_eq!(
        block_on(read(&workspace, "/after")),
        b"room again".as_slice()
    );
}

#[test]
fn room_can_be_freed_on_a_full_disk() {
    let place = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=6m tmpfs \"$WORKSPACE_TEST_DIRECTORY\"";
    run_with_mount("limits::child_frees_its_disk", mount, place.path());
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_frees_its_disk() {
    for size in [200, 3_000, 30_000] {
        let home = told_directory().join(size.to_string());
        let workspace = create(&home, &Objects::Local, Options::default()).unwrap();
        block_on(write(&workspace, "/kept", b"kept")).unwrap();
        let copy = workspace.fork(ForkOptions::named("draft")).unwrap().id;
        let error = (0u32..)
            .find_map(|n| {
                let name = format!("/{}/{n}", n % 50);
                let content = n.to_le_bytes().repeat(size / 4);
                block_on(write_at(&workspace, At::Copy(copy), &name, &content)).err()
            })
            .unwrap();
        assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        drop(workspace);
        // Others take what is left.
        let mut others = fs::File::create(told_directory().join("others")).unwrap();
        while std::io::Write::write_all(&mut others, &[1; 512]).is_ok() {}

        let workspace = open_to_free(&home, Options::default()).unwrap();
        workspace.discard(copy).unwrap();
        let collected = block_on(workspace.gc(|_| {})).unwrap();
        assert!(collected.contents > 50, "{size}: {collected:?}");
        drop(workspace);
        let workspace = open(&home, Options::default()).unwrap();
        assert_eq!(block_on(read(&workspace, "/kept")), b"kept".as_slice());
        block_on(write(&workspace, "/after", b"room again")).unwrap();
        let report = block_on(workspace.fsck(FsckOptions::default())).unwrap();
        assert!(report.problems.is_empty(), "{report:?}");
        drop(workspace);
        fs::remove_dir_all(home).unwrap();
        fs::remove_file(told_directory().join("others")).unwrap();
    }
}

#[test]
fn a_read_only_directory_is_said() {
    let place = tempfile::tempdir().unwrap();
    let home = place.path().join("home");
    let workspace = create(home, &Objects::Local, Options::default()).unwrap();
    block_on(write(&workspace, "/there", b"there")).unwrap();
    drop(workspace);
    let mount = "mount --bind \"$WORKSPACE_TEST_DIRECTORY\" \"$WORKSPACE_TEST_DIRECTORY\" \
         && mount -o remount,ro,bind \"$WORKSPACE_TEST_DIRECTORY\"";
    run_with_mount("limits::child_cannot_write", mount, place.path());
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_cannot_write() {
    let opened = refusal(open(told_directory().join("home"), Options::default()));
    let new = told_directory().join("new");
    let created = refusal(create(&new, &Objects::Local, Options::default()));
    for error in [opened, created] {
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("read-only"), "{error}");
    }
    let home = told_directory().join("home");
    let workspace = open_read_only(home, Options::default()).unwrap();
    assert_eq!(block_on(read(&workspace, "/there")), b"there".as_slice());
}

#[test]
fn creating_on_a_full_disk_can_be_repeated() {
    let place = tempfile::tempdir().unwrap();
    let mount = "mount -t tmpfs -o size=1m tmpfs \"$WORKSPACE_TEST_DIRECTORY\"";
    run_with_mount("limits::child_creates_on_a_full_disk", mount, place.path());
}

#[test]
#[ignore = "runs as a child of the test above"]
fn child_creates_on_a_full_disk() {
    let (ballast, home) = (
        told_directory().join("ballast"),
        told_directory().join("home"),
    );
    let (mut refused, mut made) = (0, 0);
    for left in (0..400).step_by(4) {
        fs::write(&ballast, vec![1; (1 << 20) - (left << 10)]).ok();
        match create(&home, &Objects::Local, Options::default()) {
            Ok(_) => made += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull, "{left}: {error}");
                refused += 1;
                fs::remove_file(&ballast).unwrap();
                drop(create(&home, &Objects::Local, Options::default()).unwrap());
            }
        }
        fs::remove_dir_all(&home).unwrap();
        let _gone = fs::remove_file(&ballast);
    }
    assert!(refused > 5 && made > 5, "{refused} and {made}");
}
