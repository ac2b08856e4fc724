use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink as link};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime};

use futures::executor::block_on;
use workspace_core::{EntryKind, EntrySource, ErrorKind, Timestamp};
use workspace_native::source::{DirectorySource, SourceOptions, list};

use super::{directory, entries, everything, file, program, symlink};
use crate::common::refusal;

fn open(path: &Path) -> DirectorySource {
    DirectorySource::open(path, &SourceOptions::default()).unwrap()
}

#[test]
fn a_directory_comes_whole_and_in_order() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    fs::create_dir_all(root.join("b/deep/er")).unwrap();
    fs::create_dir(root.join("empty")).unwrap();
    let large: Vec<u8> = (0..700_000u32).flat_map(u32::to_le_bytes).collect();
    fs::write(root.join("b/large"), &large).unwrap();
    fs::write(root.join("b/deep/er/ü.txt"), "inside").unwrap();
    fs::write(root.join("B"), "").unwrap();
    fs::write(root.join("run"), "#!").unwrap();
    fs::set_permissions(root.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(root.join(".hidden"), "seen").unwrap();
    fs::write(root.join(".gitignore"), "*").unwrap();
    // Links are entries, wherever they lead.
    link("/etc", root.join("out")).unwrap();
    link("loop", root.join("loop")).unwrap();
    link("b", root.join("to-directory")).unwrap();
    assert_eq!(
        entries(&mut open(root)),
        [
            directory("/"),
            file("/.gitignore", "*"),
            file("/.hidden", "seen"),
            file("/B", ""),
            directory("/b"),
            directory("/b/deep"),
            directory("/b/deep/er"),
            file("/b/deep/er/ü.txt", "inside"),
            file("/b/large", large),
            directory("/empty"),
            symlink("/loop", "loop"),
            symlink("/out", "/etc"),
            program("/run", "#!"),
            symlink("/to-directory", "b"),
        ]
    );
}

#[test]
fn times_are_kept_to_the_millisecond() {
    let place = tempfile::tempdir().unwrap();
    for (name, time) in [
        (
            "after",
            SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123),
        ),
        (
            "before",
            SystemTime::UNIX_EPOCH - Duration::from_millis(5_000),
        ),
    ] {
        let made = fs::File::create(place.path().join(name)).unwrap();
        made.set_modified(time).unwrap();
    }
    let found = everything(&mut open(place.path())).unwrap();
    let times: Vec<_> = found.iter().map(|found| found.modified).collect();
    let millis = |millis| Some(Timestamp::from_millis(millis));
    assert_eq!(times, [None, millis(1_700_000_000_123), millis(-5_000)]);
}

#[test]
fn ignore_files_count_on_request() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    fs::write(root.join(".gitignore"), "target/\n*.log\n!keep.log\n").unwrap();
    for directory in [".git", "target", "sub"] {
        fs::create_dir(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("file"), "").unwrap();
    }
    fs::write(root.join("sub/.gitignore"), "file\n").unwrap();
    fs::write(root.join("sub/.gitmodules"), "").unwrap();
    fs::write(root.join("a.log"), "").unwrap();
    fs::write(root.join("keep.log"), "").unwrap();
    let options = SourceOptions::default().ignore(true);
    let mut source = DirectorySource::open(root, &options).unwrap();
    let paths: Vec<_> = entries(&mut source)
        .into_iter()
        .map(|(path, _)| path)
        .collect();
    let wanted = [
        "/",
        "/.gitignore",
        "/keep.log",
        "/sub",
        "/sub/.gitignore",
        "/sub/.gitmodules",
    ];
    assert_eq!(paths, wanted);
    assert_eq!(entries(&mut open(root)).len(), 10);
}

#[test]
fn what_is_git_s_own_is_left_out_and_noted_unless_asked_for() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    for directory in [".git", "sub/.GIT", "git~1"] {
        fs::create_dir_all(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("config"), "").unwrap();
    }
    fs::create_dir(root.join("module")).unwrap();
    fs::write(root.join("module/.git"), "gitdir: ../.git/modules/module\n").unwrap();
    fs::write(root.join(".gitignore"), "").unwrap();
    let options = SourceOptions::default();
    let mut source = DirectorySource::open(root, &options).unwrap();
    let kept = ["/", "/.gitignore", "/module", "/sub"];
    let found = entries(&mut source);
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, kept);
    assert_eq!(options.left_out.load(Ordering::Relaxed), 4);

    let options = SourceOptions::default().allow_git(true);
    let mut source = DirectorySource::open(root, &options).unwrap();
    assert_eq!(entries(&mut source).len(), 11);
    assert_eq!(options.left_out.load(Ordering::Relaxed), 0);
}

#[test]
#[cfg(target_os = "linux")]
fn a_tree_is_read_where_its_paths_are_longer_than_the_system_takes() {
    let place = tempfile::tempdir().unwrap();
    let above = place.path().join("q".repeat(200));
    fs::create_dir(&above).unwrap();
    let name = "d".repeat(200);
    let deep = vec![name.as_str(); 20].join("/");
    // Each step is short, as the shell's would be.
    let script = format!("mkdir -p {deep} && cd {deep} && echo hi > f && ln -s f l");
    let mut shell = std::process::Command::new("bash");
    let made = shell.args(["-c", &script]).current_dir(&above).status();
    assert!(made.unwrap().success());
    let found = entries(&mut open(&above));
    assert_eq!(found.len(), 23);
    assert_eq!(found[21], file(&format!("/{deep}/f"), "hi\n"));
    assert_eq!(found[22], symlink(&format!("/{deep}/l"), "f"));
}

#[test]
fn what_is_a_workspace_s_own_is_left_out_whatever_is_allowed() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    for directory in [
        ".workspace",
        "sub/.Workspace",
        ".workspace-export-0123456789abcdef",
        ".workspace-replaced-0123456789abcdef",
    ] {
        fs::create_dir_all(root.join(directory)).unwrap();
        fs::write(root.join(directory).join("workspace.db"), "").unwrap();
    }
    for allowed in [false, true] {
        let options = SourceOptions::default().allow_git(allowed);
        let mut source = DirectorySource::open(root, &options).unwrap();
        assert_eq!(entries(&mut source), ["/", "/sub"].map(directory));
        assert_eq!(options.left_out.load(Ordering::Relaxed), 4);
    }
}

#[test]
fn a_repository_of_another_name_is_left_out() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    for directory in ["bare/objects", "bare/refs", "kept/objects"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("bare/HEAD"), "ref: refs/heads/main\n").unwrap();
    fs::write(root.join("kept/HEAD"), "").unwrap();
    let options = SourceOptions::default();
    let mut source = DirectorySource::open(root, &options).unwrap();
    let found = entries(&mut source);
    let paths: Vec<_> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/", "/kept", "/kept/HEAD", "/kept/objects"]);
    assert_eq!(options.left_out.load(Ordering::Relaxed), 1);
    // The directory itself is refused, as nothing would be left of it.
    let mut source = DirectorySource::open(&root.join("bare"), &options).unwrap();
    let error = refusal(everything(&mut source));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
    let options = SourceOptions::default().allow_git(true);
    let mut source = DirectorySource::open(root, &options).unwrap();
    assert_eq!(entries(&mut source).len(), 8);
}

#[test]
fn an_excluded_directory_is_not_entered() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    for directory in ["a/home/objects", "b/home"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    let exclude = Some(root.join("b/../a/home"));
    let options = SourceOptions::default().exclude(exclude);
    let mut source = DirectorySource::open(root, &options).unwrap();
    let wanted = ["/", "/a", "/b", "/b/home"].map(directory);
    assert_eq!(entries(&mut source), wanted);
}

#[test]
fn a_name_that_is_not_utf8_is_refused() {
    let place = tempfile::tempdir().unwrap();
    let name = OsStr::from_bytes(b"caf\xe9");
    fs::write(place.path().join(name), "").unwrap();
    let error = refusal(everything(&mut open(place.path())));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("not UTF-8"), "{error}");

    let place = tempfile::tempdir().unwrap();
    link(name, place.path().join("link")).unwrap();
    let error = refusal(everything(&mut open(place.path())));
    assert_eq!(error.kind(), ErrorKind::Invalid);
}

#[test]
fn a_special_file_is_refused_or_passed_over() {
    let place = tempfile::tempdir().unwrap();
    let _socket = UnixListener::bind(place.path().join("socket")).unwrap();
    fs::write(place.path().join("z"), "after").unwrap();
    let error = refusal(everything(&mut open(place.path())));
    assert_eq!(error.kind(), ErrorKind::Invalid);
    assert!(error.to_string().contains("/socket"), "{error}");
    let options = SourceOptions::default().skip_special(true);
    let mut source = DirectorySource::open(place.path(), &options).unwrap();
    assert_eq!(entries(&mut source), [directory("/"), file("/z", "after")]);
}

#[test]
fn a_file_is_not_a_directory() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("file"), "").unwrap();
    for (name, kind) in [
        ("file", ErrorKind::NotADirectory),
        ("missing", ErrorKind::NotFound),
    ] {
        let opened = DirectorySource::open(&place.path().join(name), &SourceOptions::default());
        assert_eq!(refusal(opened).kind(), kind);
    }
}

#[test]
fn what_is_not_read_is_passed_over() {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("a"), vec![1; 3 << 20]).unwrap();
    fs::write(place.path().join("b"), "b").unwrap();
    let mut source = open(place.path());
    let paths = block_on(async {
        let mut paths = Vec::new();
        while let Some(entry) = source.next().await.unwrap() {
            paths.push(entry.path.as_str().to_owned());
        }
        paths
    });
    assert_eq!(paths, ["/", "/a", "/b"]);
}

/// Reads the first chunk of the first file, while the source waits with the rest;
/// then lets something happen to the directory, and reads on to the failure.
fn refused_after(root: &Path, happen: impl FnOnce()) -> workspace_core::Error {
    fs::write(root.join("a"), vec![1; 16 << 20]).unwrap();
    fs::write(root.join("b"), "b").unwrap();
    fs::create_dir(root.join("c")).unwrap();
    fs::write(root.join("c/d"), "d").unwrap();
    let mut source = open(root);
    block_on(async {
        while source.next().await.unwrap().unwrap().path.as_str() != "/a" {}
        source.chunk().await.unwrap().unwrap();
    });
    happen();
    refusal(everything(&mut source))
}

/// What comes in the place of a file, and how.
type Swap<'a> = (&'a str, &'a dyn Fn(&Path));

#[test]
fn a_file_that_is_swapped_is_refused() {
    let secret = tempfile::NamedTempFile::new().unwrap();
    let symlink = |at: &Path| link(secret.path(), at).unwrap();
    let directory = |at: &Path| fs::create_dir(at).unwrap();
    let fifo = |at: &Path| {
        let made = std::process::Command::new("mkfifo").arg(at).status();
        assert!(made.unwrap().success());
    };
    let swaps: [Swap<'_>; 3] = [
        ("a symlink", &symlink),
        ("a directory", &directory),
        ("a FIFO, which would block", &fifo),
    ];
    for (what, swap) in swaps {
        let place = tempfile::tempdir().unwrap();
        let at = place.path().join("b");
        let error = refused_after(place.path(), || {
            fs::remove_file(&at).unwrap();
            swap(&at);
        });
        assert_eq!(error.kind(), ErrorKind::Source, "{what}: {error}");
        assert!(error.subject().unwrap().ends_with("/b"), "{what}: {error}");
        assert!(error.detail().is_some(), "{what}: {error}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_directory_that_is_swapped_is_not_followed() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("d"), "secret").unwrap();
    let place = tempfile::tempdir().unwrap();
    let at = place.path().join("c");
    let error = refused_after(place.path(), || {
        fs::remove_dir_all(&at).unwrap();
        link(outside.path(), &at).unwrap();
    });
    assert_eq!(error.kind(), ErrorKind::Source, "{error}");
}

#[test]
fn a_file_that_changes_while_it_is_read_stops_the_import() {
    let grow = |at: &Path| {
        let mut file = fs::OpenOptions::new().append(true).open(at).unwrap();
        std::io::Write::write_all(&mut file, b"more").unwrap();
    };
    let rewrite = |at: &Path| {
        fs::File::open(at)
            .unwrap()
            .set_modified(SystemTime::UNIX_EPOCH)
            .unwrap();
    };
    let shrink = |at: &Path| {
        fs::OpenOptions::new()
            .write(true)
            .open(at)
            .unwrap()
            .set_len(5)
            .unwrap();
    };
    for change in [&grow as &dyn Fn(&Path), &rewrite, &shrink] {
        let place = tempfile::tempdir().unwrap();
        let at = place.path().join("a");
        let error = refused_after(place.path(), || change(&at));
        assert_eq!(error.kind(), ErrorKind::Source, "{error}");
        assert!(
            error.to_string().contains("changed while it was read"),
            "{error}"
        );
        assert!(error.subject().unwrap().ends_with("/a"), "{error}");
    }
}

#[test]
fn a_list_has_what_a_source_would_read_and_reads_nothing() {
    let place = tempfile::tempdir().unwrap();
    let root = place.path();
    fs::create_dir_all(root.join("d/.git")).unwrap();
    fs::create_dir(root.join(".workspace")).unwrap();
    fs::write(root.join(".gitignore"), "*.log\n").unwrap();
    fs::write(root.join("d/x.log"), "").unwrap();
    fs::write(root.join("d/unreadable"), "").unwrap();
    fs::set_permissions(root.join("d/unreadable"), fs::Permissions::from_mode(0o0)).unwrap();
    link("d", root.join("link")).unwrap();
    let _socket = UnixListener::bind(root.join("socket")).unwrap();
    let options = SourceOptions::default().ignore(true);
    let found: Vec<(String, EntryKind)> = list(root, &options)
        .unwrap()
        .into_iter()
        .map(|(path, kind)| (path.to_string(), kind))
        .collect();
    let expected = [
        ("/", EntryKind::Directory),
        ("/.gitignore", EntryKind::File),
        ("/d", EntryKind::Directory),
        ("/d/unreadable", EntryKind::File),
        ("/link", EntryKind::Symlink),
    ];
    let expected = expected.map(|(path, kind)| (path.to_string(), kind));
    assert_eq!(found, expected);
    let left_out = options.left_out.load(Ordering::Relaxed);
    assert_eq!(left_out, 2);
    let limits = options.limits.entries(3);
    let error = list(root, &options.clone().limits(limits)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    let error = list(&root.join("none"), &options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}
