//! Disks that are full or read-only, made with mounts that only a child process sees.

use std::fs;
use std::process::Command;

use crate::support::Place;

/// Runs a script with this command as `$0`, as root of a user namespace of its own, which
/// may mount file systems.
fn with_mounts(place: &Place, script: &str) {
    unshared(place, &["-rm"], script);
}

/// Runs a script with this command as `$0`, as a user who may do nothing that the
/// permissions of files do not say; the test's own files are his.
pub(crate) fn as_plain_user(place: &Place, script: &str) {
    unshared(
        place,
        &["-U", "--map-user=1000", "--map-group=1000"],
        script,
    );
}

/// Where there are no such namespaces, as in some containers, nothing is tested and the
/// test fails, unless the variable `WORKSPACE_SKIP_NAMESPACES` says that this is known.
fn unshared(place: &Place, options: &[&str], script: &str) {
    let can = Command::new("unshare").args(options).arg("true").status();
    if !can.is_ok_and(|status| status.success()) {
        let known = std::env::var_os("WORKSPACE_SKIP_NAMESPACES").is_some();
        assert!(
            known,
            "`unshare {options:?}` is not allowed here: nothing is tested"
        );
        return;
    }
    let mut command = Command::new("unshare");
    let output = command
        .args(options)
        .args(["bash", "-euc", script])
        .arg(assert_cmd::cargo::cargo_bin!("workspace"))
        .current_dir(place.directory.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}

#[test]
fn an_export_to_a_full_disk_leaves_what_it_was_to_replace() {
    let place = Place::new();
    place.put("a", "new");
    place.file("large", vec![b'x'; 900_000]);
    place.ok(&["put", "large", "large"]);
    fs::create_dir(place.path("disk")).unwrap();
    with_mounts(
        &place,
        r#"
        mount -t tmpfs -o size=800k tmpfs disk
        mkdir disk/out; echo old > disk/out/a; echo old > disk/out/large; echo old > disk/x.tar
        for target in disk/out disk/x.tar; do
            if "$0" export $target --force 2> said; then exit 1; else test $? = 14; fi
            grep -q 'storage is full' said
        done
        test "$(cat disk/out/a disk/out/large disk/x.tar | uniq -c | tr -d ' \n')" = 3old
        test "$(ls -A disk disk/out | tr '\n' ' ')" = 'disk: out x.tar  disk/out: a large '
        "#,
    );
}

#[test]
fn room_is_freed_on_a_full_disk() {
    let place = Place::new();
    place.file(
        "content",
        (0..30_000u32)
            .map(|n| ((n * n) >> 7) as u8)
            .collect::<Vec<_>>(),
    );
    fs::create_dir(place.path("disk")).unwrap();
    with_mounts(
        &place,
        r#"
        mount -t tmpfs -o size=1200k tmpfs disk
        export WORKSPACE_DIR=disk/ws
        "$0" init -q; "$0" fork -q draft
        n=0
        while { echo $n; cat content; } | "$0" put -q f$n -c draft 2> said; do n=$((n + 1)); done
        grep -q 'storage is full' said
        "$0" discard draft
        "$0" gc
        "$0" fsck --contents
        { echo again; cat content; } | "$0" put -q again
        "#,
    );
}

/// A server has the workspace open, and so has the room that a command would be given.
#[test]
fn a_server_frees_room_on_a_full_disk() {
    let place = Place::new();
    place.file(
        "content",
        (0..30_000u32)
            .map(|n| ((n * n) >> 7) as u8)
            .collect::<Vec<_>>(),
    );
    fs::create_dir(place.path("disk")).unwrap();
    with_mounts(
        &place,
        r#"
        mount -t tmpfs -o size=1200k tmpfs disk
        "$0" init -q --workspace disk/ws
        echo a-token-of-16-bytes > token
        "$0" --workspace disk/ws --token-file token --quiet serve > url &
        server=$!
        trap 'kill $server' EXIT
        while ! grep -q http url; do sleep 0.05; done
        export WORKSPACE_REMOTE=$(head -n 1 url)
        run() { "$0" --token-file token "$@"; }
        run fork -q draft
        n=0
        while { echo $n; cat content; } | run put -q f$n -c draft 2> said; do n=$((n + 1)); done
        grep -q 'storage is full' said
        test -f disk/ws/reserve
        run discard draft
        run gc
        run fsck --contents
        { echo again; cat content; } | run put -q again
        "#,
    );
}

#[test]
fn what_reads_works_where_nothing_may_be_written() {
    let place = Place::new();
    place.put("a", "content\n");
    place.ok(&["snapshot", "-m", "the start"]);
    with_mounts(
        &place,
        r#"
        mount --bind .workspace .workspace; mount -o remount,ro,bind .workspace
        test "$("$0" cat a)" = content
        for reading in ls find log status diff 'export out' fsck; do "$0" $reading; done
        for writing in 'mkdir d' 'fork x' gc; do
            if "$0" $writing 2> said; then exit 1; else test $? = 19; fi
            grep -q 'read-only' said
        done
        "#,
    );
    place.whole();
}

#[test]
fn an_export_over_two_file_systems_is_refused_before_anything_is_moved() {
    let place = Place::new();
    place.put("a", "new");
    place.put("sub/b", "new");
    place.file("out/a", "old");
    fs::create_dir(place.path("out/sub")).unwrap();
    with_mounts(
        &place,
        r#"
        mount -t tmpfs tmpfs out/sub; echo old > out/sub/b
        if "$0" export out --force 2> said; then exit 1; else test $? = 16; fi
        grep -q 'mounted by itself' said
        test "$(cat out/a out/sub/b)" = oldold
        "$0" export out/sub --below sub --force; test "$(cat out/sub/b)" = new
        "#,
    );
}

/// It is of the same file system, and nothing can be renamed into it all the same.
#[test]
fn an_export_over_a_part_that_is_mounted_again_is_refused_before_anything_is_moved() {
    let place = Place::new();
    place.put("a", "new");
    place.put("sub/b", "new");
    place.file("out/a", "old");
    place.file("out/sub/b", "old");
    with_mounts(
        &place,
        r#"
        mount --bind out/sub out/sub
        if "$0" export out --force 2> said; then exit 1; else test $? = 16; fi
        test "$(cat out/a out/sub/b)" = oldold
        "#,
    );
}

#[test]
fn an_export_over_a_directory_without_permission_is_refused_before_anything_is_moved() {
    let place = Place::new();
    place.put("a", "new");
    place.put("sub/b", "new");
    place.file("out/a", "old");
    place.file("out/sub/b", "old");
    as_plain_user(
        &place,
        r#"
        chmod 555 out/sub
        if "$0" export out --force 2> said; then exit 1; else test $? = 19; fi
        grep -q 'permission denied' said
        test "$(cat out/a out/sub/b)" = oldold
        chmod 755 out/sub
        "$0" export out --force; test "$(cat out/a out/sub/b)" = newnew
        "#,
    );
}

#[test]
fn a_read_only_directory_is_told_and_nothing_is_lost() {
    let place = Place::new();
    place.put("a", "kept");
    as_plain_user(
        &place,
        r#"
        mkdir locked; chmod 555 locked
        if "$0" export locked/out 2> said; then exit 1; else test $? = 19; fi
        grep -q locked/out said
        if "$0" init locked 2> said; then exit 1; fi
        test "$("$0" cat a)" = kept
        "#,
    );
}
