//! Imports: every kind of source, whole or not at all.

use std::fs;
use std::io::{Cursor, Write as _};
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::support::{Place, also_behind_a_url};

/// Packs a small tree as tar.
fn tar() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, content) in [("a.txt", "one\n"), ("dir/b.txt", "two\n")] {
        append(&mut archive, path, content.as_bytes());
    }
    archive.into_inner().unwrap()
}

fn append(archive: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]) {
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o644);
    header.set_size(content.len() as u64);
    // Not `append_data`: that refuses the names that are to be refused here.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_cksum();
    archive.append(&header, content).unwrap();
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap()
}

fn zip() -> Vec<u8> {
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let options = zip::write::SimpleFileOptions::default();
    for (path, content) in [("a.txt", "one\n"), ("dir/b.txt", "two\n")] {
        archive.start_file(path, options).unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn every_format_gives_the_same_files_from_a_file_or_standard_input() {
    let packed = [
        ("x.tar", tar()),
        ("x.tar.gz", gzip(&tar())),
        ("x.tar.zst", zstd::encode_all(&tar()[..], 0).unwrap()),
        ("x.zip", zip()),
    ];
    for (name, bytes) in packed {
        let place = Place::new();
        place.file(name, &bytes);
        let expected = json!({
            "files": 2, "directories": 0, "symlinks": 0, "removed": 0, "left_out": 0, "bytes": 8, "changed": true, "revision": 1
        });
        assert_eq!(place.json(&["import", name]), expected, "{name}");
        assert_eq!(place.ok(&["cat", "a.txt", "dir/b.txt"]), "one\ntwo\n");

        let ran = place.run_with(&["import", "-", "--into", "piped"], &bytes);
        assert_eq!(ran.code, 0, "{name}: {}", ran.stderr);
        assert_eq!(place.ok(&["cat", "piped/dir/b.txt"]), "two\n");
        let again = place.json(&["import", name]);
        assert_eq!(again["changed"], false, "{name}");
    }
}

#[test]
fn what_is_in_an_archive_counts_and_not_its_name() {
    let place = Place::new();
    for (name, bytes, words) in [
        ("x.zip", gzip(&tar()), "zip by its name, and gzip"),
        ("x.tar", zip(), "tar by its name, and zip"),
        ("x.tgz", tar(), "gzip by its name, and tar"),
    ] {
        place.file(name, bytes);
        let ran = place.run(&["import", name, "--into", name]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
        assert_eq!(place.ok(&["cat", &format!("{name}/a.txt")]), "one\n");
    }
    let text = place.file("notes.txt", "no archive");
    let error = place.error(2, &["import", text.to_str().unwrap()]);
    let message = error["message"].as_str().unwrap();
    assert!(message.contains("neither tar nor zip"), "{message}");
}

#[test]
fn an_archive_leaves_out_what_git_takes_for_its_own() {
    let place = Place::new();
    let mut archive = tar::Builder::new(Vec::new());
    for name in [
        "a",
        ".git/config",
        "sub/.GIT/hooks/x",
        "git~1",
        ".gitignore",
    ] {
        append(&mut archive, name, b"x");
    }
    place.file("x.tar", archive.into_inner().unwrap());
    let text = place.ok(&["import", "x.tar"]);
    assert!(text.contains("3 entries left out as git's"), "{text}");
    assert_eq!(place.ok(&["find"]), "/.gitignore\n/a\n");
    let imported = place.json(&["import", "x.tar", "--into", "all", "--allow-git"]);
    assert_eq!(
        (&imported["left_out"], &imported["files"]),
        (&json!(0), &json!(5))
    );
    assert_eq!(place.ok(&["cat", "all/.git/config"]), "x");
}

/// Secrets get into previews and to agents with what they are imported with.
#[test]
fn files_that_may_hold_secrets_are_told() {
    let place = Place::new();
    for name in [
        "src/main.rs",
        ".env.example",
        "app/.env",
        "app/.env.local",
        "id_rsa.pub",
    ] {
        place.file(&format!("site/{name}"), name);
    }
    let ran = place.run(&["import", "site"]);
    assert_eq!(ran.code, 0);
    let note = "note: /app/.env and 1 more may hold secrets";
    assert!(
        ran.stderr.contains(note) && ran.stderr.contains("--ignore"),
        "{}",
        ran.stderr
    );
    assert!(place.run(&["--json", "import", "site"]).stderr.is_empty());
    place.file("site/.gitignore", ".env\n.env.local\n");
    let ran = place.run(&["import", "site", "--ignore", "--delete"]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    place.error(3, &["stat", "app/.env"]);
}

#[test]
fn a_directory_goes_into_head_or_a_copy() {
    let place = Place::new();
    place.file("in/a", "1");
    place.file("in/sub/b", "2");
    place.ok(&["fork", "work"]);
    let imported = place.json(&["import", "in", "--copy", "work", "-m", "by hand"]);
    assert_eq!(
        (&imported["operations"][0], &imported["files"]),
        (&json!(1), &json!(2))
    );
    assert_eq!(place.ok(&["ls"]), "");
    let operation = &place.json(&["operations", "--copy", "work"])["operations"][0];
    assert_eq!(
        (&operation["cause"], &operation["note"]),
        (&json!("import"), &json!("by hand"))
    );
    place.ok(&["undo", "--copy", "work"]);
    assert_eq!(place.ok(&["ls", "--copy", "work"]), "");

    let text = place.ok(&["import", "in", "--into", "deep/down", "-m", "first"]);
    assert!(
        text.starts_with("imported ") && text.ends_with(": as revision 1\n"),
        "{text}"
    );
    assert_eq!(place.ok(&["cat", "deep/down/sub/b"]), "2");
    assert_eq!(place.json(&["log"])["revisions"][0]["message"], "first");
    assert_eq!(
        place.ok(&["import", "in", "--into", "deep/down", "--quiet"]),
        ""
    );
}

#[test]
fn what_the_source_does_not_have_goes_on_request() {
    let place = Place::new();
    place.put("site/gone/a", "1");
    place.put("site/kept", "1");
    place.put("other", "1");
    place.file("in/kept", "2");
    let kept = place.json(&["import", "in", "--into", "site"]);
    assert_eq!(kept["removed"], 0);
    let text = place.ok(&["import", "in", "--into", "site", "--delete"]);
    assert!(text.contains("1 entry removed"), "{text}");
    assert_eq!(place.ok(&["find", "/"]), "/other\n/site/\n/site/kept\n");
}

#[test]
fn ignored_files_stay_out_on_request() {
    let place = Place::new();
    place.file("in/.gitignore", "*.log\n/target/\n");
    place.file("in/kept.rs", "");
    place.file("in/noise.log", "");
    place.file("in/target/out", "");
    place.file("in/.git/config", "");
    place.ok(&["import", "in", "--into", "all", "--allow-git"]);
    place.ok(&["import", "in", "--into", "some", "--ignore"]);
    assert_eq!(place.ok(&["cat", "all/target/out"]), "");
    assert_eq!(
        place.ok(&["find", "--below", "some"]),
        "/some/.gitignore\n/some/kept.rs\n"
    );
}

#[test]
fn git_s_own_directory_stays_out_unless_asked_for() {
    let place = Place::new();
    for name in [".git/config", "sub/.GIT/config", "sub/git~1", "sub/file"] {
        place.file(&format!("in/{name}"), "x");
    }
    let text = place.ok(&["import", "in"]);
    assert!(text.contains("3 entries left out as git's"), "{text}");
    assert_eq!(place.ok(&["find"]), "/sub/\n/sub/file\n");
    assert_eq!(place.json(&["import", "in"])["left_out"], 3);
    // What is not in the source is removed, and what is left out is not in it.
    place.ok(&["import", "in", "--allow-git"]);
    assert_eq!(place.ok(&["cat", ".git/config"]), "x");
    place.ok(&["import", "in", "--delete"]);
    assert_eq!(place.ok(&["find"]), "/sub/\n/sub/file\n");
}

#[test]
fn a_directory_that_became_a_file_is_imported_over_what_it_was() {
    for (before, after) in [
        (&["a/b/c", "d"][..], &["a", "d/e"][..]),
        (&["a", "d/e"], &["a/b/c", "d"]),
    ] {
        let place = Place::new();
        for (root, names) in [("before", before), ("after", after)] {
            for name in names {
                place.file(&format!("{root}/{name}"), name);
            }
        }
        place.ok(&["import", "before"]);
        place.ok(&["import", "after", "--delete"]);
        let found = place.ok(&["find", "--kind", "file"]);
        let expected: String = after.iter().map(|name| format!("/{name}\n")).collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn the_workspace_is_no_part_of_the_directory_that_it_is_in() {
    let place = Place::new();
    place.file("mine", "mine");
    place.ok(&["import", "."]);
    assert_eq!(place.ok(&["find"]), "/mine\n");
}

#[test]
fn no_workspace_is_a_part_of_what_is_imported() {
    let place = Place::new();
    place.file("in/mine", "mine");
    place.ok(&["init", "in"]);
    place.ok(&["init", "in/sub"]);
    let text = place.ok(&["import", "in"]);
    assert!(text.contains("2 entries left out"), "{text}");
    assert_eq!(place.ok(&["find"]), "/mine\n/sub/\n");
    let mut archive = tar::Builder::new(Vec::new());
    for name in ["a", ".workspace/workspace.db", "sub/.WORKSPACE/config"] {
        append(&mut archive, name, b"x");
    }
    place.file("x.tar", archive.into_inner().unwrap());
    place.ok(&["import", "x.tar", "--into", "tar", "--allow-git"]);
    assert_eq!(place.ok(&["ls", "tar"]), "a\n");
}

#[test]
fn what_is_left_out_counts_against_the_limits() {
    let place = Place::new();
    let mut archive = tar::Builder::new(Vec::new());
    for name in [".git/a", ".git/b"] {
        append(&mut archive, name, &vec![0; 2 << 20]);
    }
    place.file("x.tar.gz", gzip(&archive.into_inner().unwrap()));
    for (option, limit) in [("--max-bytes", "1M"), ("--max-entries", "1")] {
        let error = place.error(13, &["import", "x.tar.gz", option, limit]);
        let hint = format!("{option} raises the limit");
        assert_eq!(error["hint"], hint.as_str(), "{error}");
    }
    place.ok(&["import", "x.tar.gz"]);
}

#[test]
fn limits_are_kept_and_nothing_is_imported_beyond_them() {
    let place = Place::new();
    place.file("in/a", vec![b'x'; 5000]);
    place.file("in/b", vec![b'y'; 5000]);
    // Five mebibytes of zeros take five kibibytes.
    let mut bomb = tar::Builder::new(Vec::new());
    append(&mut bomb, "zeros", &vec![0; 5 << 20]);
    place.file("bomb.tar.gz", gzip(&bomb.into_inner().unwrap()));
    for arguments in [
        &["import", "in", "--max-entries", "1"][..],
        &["import", "in", "--max-bytes", "9K"],
        &["import", "in", "--max-file-bytes", "4999"],
        &["import", "bomb.tar.gz", "--max-bytes", "1M"],
    ] {
        let error = place.error(13, arguments);
        assert_eq!(error["code"], "limit_exceeded");
        assert!(error["path"].is_string(), "{error}");
        assert!(error["hint"].as_str().unwrap().contains("--max-"));
    }
    assert_eq!(place.ok(&["ls"]), "");
    assert_eq!(place.ok(&["copies"]), "");
    place.ok(&["import", "in", "--max-entries", "5", "--max-bytes", "10K"]);
    place.error(2, &["import", "in", "--max-bytes", "10X"]);
}

#[test]
fn a_source_that_fails_leaves_head_as_it_was() {
    let place = Place::new();
    place.put("a.txt", "before");
    let whole = gzip(&tar());
    let mut escaping = tar::Builder::new(Vec::new());
    append(&mut escaping, "fine", b"x");
    append(&mut escaping, "../escape", b"x");
    let mut clash = tar::Builder::new(Vec::new());
    append(&mut clash, "same", b"x");
    append(&mut clash, "same/below", b"x");
    for (name, bytes) in [
        ("short.tar.gz", whole[..whole.len() / 2].to_vec()),
        ("garbage.tar", vec![b'x'; 5000]),
        ("garbage.zip", vec![b'x'; 5000]),
        ("escaping.tar", escaping.into_inner().unwrap()),
        ("clash.tar", clash.into_inner().unwrap()),
    ] {
        place.file(name, bytes);
        let ran = place.run(&["import", name]);
        assert!(![0, 101].contains(&ran.code), "{name}: {}", ran.stderr);
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        assert_eq!(place.ok(&["find"]), "/a.txt\n", "{name}");
    }
    place.error(3, &["import", "absent"]);
    assert_eq!(place.ok(&["cat", "a.txt"]), "before");
    assert_eq!(place.ok(&["copies"]), "");
    place.whole();
}

#[test]
fn what_is_imported_may_point_anywhere_and_is_not_followed() {
    let place = Place::new();
    fs::create_dir_all(place.path("in")).unwrap();
    place.file("secret", "secret");
    symlink("../secret", place.path("in/up")).unwrap();
    symlink("/etc", place.path("in/etc")).unwrap();
    symlink(".", place.path("in/self")).unwrap();
    place.ok(&["import", "in"]);
    assert_eq!(place.ok(&["find"]), "/etc\n/self\n/up\n");
    assert_eq!(place.json(&["stat", "up"])["target"], "../secret");
    let error = place.error(2, &["cat", "up"]);
    assert!(error["message"].as_str().unwrap().contains("not followed"));
}

#[test]
fn an_altered_or_missing_object_is_told_and_found() {
    let place = Place::new();
    place.file("in/large", vec![b'x'; 1_200_000]);
    place.ok(&["import", "in"]);
    let object = objects(&place.path(".workspace")).pop().unwrap();
    fs::write(&object, vec![b'y'; 1_200_000]).unwrap();
    let told = |arguments: &[&str]| {
        let error = place.error(17, arguments);
        assert_eq!(error["code"], "corrupt");
        assert!(error["hint"].as_str().unwrap().contains("fsck"));
    };
    told(&["export", "out"]);
    let ran = place.run(&["fsck", "--contents"]);
    assert!(
        ran.code == 1 && ran.stdout.contains("1 problem"),
        "{}",
        ran.stdout
    );
    fs::remove_file(&object).unwrap();
    told(&["export", "elsewhere"]);
    let ran = place.run(&["--json", "cat", "large"]);
    assert_eq!(ran.code, 17);
}

/// Returns the files below a directory that are as large as the object.
fn objects(directory: &std::path::Path) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let meta = entry.metadata().unwrap();
        if meta.is_dir() {
            found.extend(objects(&entry.path()));
        } else if meta.len() == 1_200_000 {
            found.push(entry.path());
        }
    }
    found
}

// An altered object is found by the server, which can only break off its answer.
also_behind_a_url![
    an_archive_leaves_out_what_git_takes_for_its_own,
    a_directory_goes_into_head_or_a_copy,
    a_source_that_fails_leaves_head_as_it_was,
    a_directory_that_became_a_file_is_imported_over_what_it_was,
    every_format_gives_the_same_files_from_a_file_or_standard_input,
    git_s_own_directory_stays_out_unless_asked_for,
    ignored_files_stay_out_on_request,
    limits_are_kept_and_nothing_is_imported_beyond_them,
    the_workspace_is_no_part_of_the_directory_that_it_is_in,
    what_is_imported_may_point_anywhere_and_is_not_followed,
    what_the_source_does_not_have_goes_on_request,
];
