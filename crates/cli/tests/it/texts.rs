//! Texts in a person's hands: editors, merge tools and patches.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use crate::support::{Place, Ran, also_behind_a_url};

/// Runs the command with an editor: a line of shell, in which `$1` is the file.
fn with_editor(place: &Place, editor: &str, arguments: &[&str]) -> Ran {
    let script = place.file("editor", format!("#!/bin/sh\n{editor}\n"));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let mut command = place.command();
    command.env("EDITOR", "false").env("VISUAL", &script);
    command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
    command.env("ROOT", place.directory.path());
    command.env("TMPDIR", place.path("tmp"));
    fs::create_dir_all(place.path("tmp")).unwrap();
    Ran::of(command.args(arguments).output().unwrap())
}

/// Returns how many things are left in the temporary directory.
fn left(place: &Place) -> usize {
    fs::read_dir(place.path("tmp")).unwrap().count()
}

#[test]
fn a_file_is_edited_and_written_where_it_was_changed() {
    let place = Place::new();
    place.put("notes.md", "one\n");
    place.ok(&["fork", "draft"]);
    let run = [
        "put",
        "-c",
        "draft",
        "run",
        "-x",
        "--media-type",
        "text/x-sh",
    ];
    assert_eq!(place.run_with(&run, b"#!\n").code, 0);
    let edit = |path, editor| {
        let ran = with_editor(
            &place,
            editor,
            &["edit", path, "-c", "draft", "-m", "by hand"],
        );
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran.stdout
    };
    // The editor knows by its name what it is.
    let told = edit("notes.md", r#"case "$1" in *.md) echo two >> "$1";; esac"#);
    assert!(told.starts_with("wrote /notes.md"), "{told}");
    assert_eq!(place.ok(&["cat", "-c", "draft", "notes.md"]), "one\ntwo\n");
    assert!(edit("notes.md", "true").contains("nothing was written"));
    edit("run", r#"echo more >> "$1""#);
    let stat = place.json(&["stat", "-c", "draft", "run"]);
    assert_eq!(
        (&stat["executable"], &stat["media_type"]),
        (&true.into(), &"text/x-sh".into())
    );
    edit("new", r#"echo new > "$1""#);
    assert_eq!(place.ok(&["cat", "-c", "draft", "new"]), "new\n");
    assert!(edit("none", "true").contains("nothing was written"));
    place.error(3, &["stat", "-c", "draft", "none"]);
    let operations = place.json(&["operations", "-c", "draft"]);
    assert_eq!(operations["operations"][1]["note"], "by hand");
    assert_eq!(left(&place), 0);
    // Of head it is a revision, with a message.
    let ran = with_editor(
        &place,
        r#"echo x > "$1""#,
        &["edit", "notes.md", "-m", "why"],
    );
    assert!(
        ran.stdout.contains("as revision 2"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(place.json(&["log"])["revisions"][0]["message"], "why");
}

#[test]
fn what_was_written_is_kept_where_it_cannot_go() {
    let place = Place::new();
    place.put("a", "one\n");
    place.ok(&["mkdir", "d"]);
    let kept = |ran: &Ran| {
        let (_, path) = ran.stderr.split_once("what was written is in ").unwrap();
        let path = path.split([';', '\n']).next().unwrap();
        let text = fs::read_to_string(path).unwrap();
        fs::remove_dir_all(Path::new(path).parent().unwrap()).unwrap();
        text
    };
    // While it is edited, others have the workspace.
    let workspace = assert_cmd::cargo::cargo_bin!("workspace")
        .display()
        .to_string();
    let race = format!("echo mine > \"$1\"; cd $ROOT; echo theirs | {workspace} -q put a");
    let ran = with_editor(&place, &race, &["edit", "a"]);
    assert_eq!(ran.code, 11, "{}", ran.stderr);
    assert_eq!(kept(&ran), "mine\n");
    assert_eq!(place.ok(&["cat", "a"]), "theirs\n");
    let race = format!("echo mine > \"$1\"; cd $ROOT; echo theirs | {workspace} -q put b");
    assert_eq!(kept(&with_editor(&place, &race, &["edit", "b"])), "mine\n");
    let ran = with_editor(&place, "echo mine > \"$1\"; exit 3", &["edit", "a"]);
    assert_eq!(ran.code, 19, "{}", ran.stderr);
    assert!(ran.stderr.contains("it ended with 3"), "{}", ran.stderr);
    assert_eq!(kept(&ran), "mine\n");
    let ran = with_editor(&place, "echo mine > \"$1\"", &["edit", "none/x"]);
    assert_eq!((ran.code, kept(&ran)), (3, "mine\n".into()));
    // What was not changed is not kept.
    assert_eq!(with_editor(&place, "exit 1", &["edit", "a"]).code, 19);
    assert_eq!(with_editor(&place, "true", &["edit", "d"]).code, 6);
    assert_eq!(left(&place), 0);
    let error = place.error(2, &["edit", "a"]);
    assert!(
        error["hint"].as_str().unwrap().contains("EDITOR"),
        "{error}"
    );
}

/// Head and a copy that changed the same line of a text, another file, and a kind.
fn conflicting() -> Place {
    let place = Place::new();
    for (path, text) in [
        ("text", "1\n2\n3\n"),
        ("other", "1\n2\n3\n4\n5\n"),
        ("gone", "1\n"),
    ] {
        place.put(path, text);
    }
    place.ok(&["fork", "draft"]);
    place.put_in("draft", "text", "1\nmine\n3\n");
    place.put("text", "1\ntheirs\n3\n");
    place.put_in("draft", "other", "one\n2\n3\n4\n5\n");
    place.put("other", "1\n2\n3\n4\nfive\n");
    place
}

#[test]
fn a_conflict_ends_in_an_editor() {
    let place = conflicting();
    // What is left undecided is nothing.
    let ran = with_editor(
        &place,
        "true",
        &["rebase", "draft", "--edit=/text", "--take", "copy"],
    );
    assert_eq!(ran.code, 10, "{}{}", ran.stdout, ran.stderr);
    assert!(ran.stderr.contains("conflict markers"), "{}", ran.stderr);
    assert_eq!(left(&place), 1);
    let markers = "1\n<<<<<<< copy\nmine\n||||||| base\n2\n=======\ntheirs\n>>>>>>> parent\n3\n";
    let editor = format!(
        "test \"$(cat $1)\" = '{}' && echo both > $1",
        markers.trim_end()
    );
    let ran = with_editor(&place, &editor, &["rebase", "draft", "--edit", "--merge"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(place.ok(&["cat", "-c", "draft", "text"]), "both\n");
    assert_eq!(
        place.ok(&["cat", "-c", "draft", "other"]),
        "one\n2\n3\n4\nfive\n"
    );
    place.ok(&["apply", "draft"]);
    place.whole();
}

/// What nobody decided was found out when a person had merged, and all of it was refused.
#[test]
fn a_person_merged_for_nothing() {
    let place = conflicting();
    let put = |copy: &[&str], text: &[u8]| {
        let put = [&["put", "bin"][..], copy].concat();
        assert_eq!(place.run_with(&put, text).code, 0);
    };
    put(&["-c", "draft"], b"\0one");
    put(&[], b"\0two");
    let long = "x".repeat(254);
    place.put_in("draft", &long, "<<<<<<< HEAD\nmine\n");
    place.put(&long, "<<<<<<< HEAD\ntheirs\n");
    let editor = "touch $ROOT/asked; sed -i '/^[<|=>]\\{8\\}/d' $1";
    let all = ["rebase", "draft", "--edit"];
    let ran = with_editor(&place, editor, &all);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("/bin: conflict: nothing decides it"),
        "{}",
        ran.stderr
    );
    assert!(!place.path("asked").exists());
    assert_eq!(left(&place), 0);
    // Half of the markers are markers.
    let some = "sed -i '/^[<>]\\{7,8\\} /d' $1";
    let take = [&all[..], &["--take", "copy:/bin"]].concat();
    let ran = with_editor(&place, some, &take);
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(ran.stderr.contains("conflict markers"), "{}", ran.stderr);
    let both =
        "sed -i -e '/^[<|=>]\\{7\\} /{/HEAD/!d}' -e '/^[<|=>]\\{8\\}/d' -e '/^=======$/d' $1";
    let ran = with_editor(&place, both, &take);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = place.ok(&["cat", "-c", "draft", &long]);
    assert!(text.starts_with("<<<<<<< HEAD\nmine\n"), "{text}");
}

#[test]
fn a_merge_tool_finds_the_files_that_git_names() {
    let place = conflicting();
    place.ok(&["rm", "-c", "draft", "gone"]);
    place.put("gone", "2\n");
    let tool = "cat $BASE $LOCAL $REMOTE > $MERGED.new && mv $MERGED.new $MERGED";
    let rebase = ["rebase", "draft", "--edit=text", "--tool", tool];
    let ran = place.run(&rebase);
    // What nobody decides is in the way of all.
    assert_eq!(ran.code, 10, "{}", ran.stderr);
    assert!(ran.stderr.contains("nobody was asked"), "{}", ran.stderr);
    place.error(2, &["rebase", "draft", "--edit=gone", "--tool", tool]);
    place.error(2, &["rebase", "draft", "--tool", tool]);
    let rest = ["--take", "parent:/gone", "--merge=/other"];
    let ran = place.run(&[&rebase[..], &rest].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let text = place.ok(&["cat", "-c", "draft", "text"]);
    assert_eq!(text, "1\n2\n3\n1\nmine\n3\n1\ntheirs\n3\n");
    assert_eq!(place.ok(&["cat", "-c", "draft", "gone"]), "2\n");
    let failing = conflicting();
    let ran = failing.run(&["rebase", "draft", "--edit", "--tool", "exit 1"]);
    assert_eq!(ran.code, 19, "{}", ran.stderr);
    assert_eq!(failing.ok(&["cat", "-c", "draft", "text"]), "1\nmine\n3\n");
}

#[test]
fn a_patch_is_imported_as_git_applies_it() {
    let place = Place::new();
    let text = |twenty: &str| {
        let line = |n| {
            if n == 20 {
                format!("{twenty}\n")
            } else {
                format!("{n}\n")
            }
        };
        (1..=40).map(line).collect::<String>()
    };
    place.put("text", &text("20"));
    place.put("old", "moved\n");
    place.put("d/gone", "x\n");
    let run = ["put", "blob", "--media-type", "image/x"];
    assert_eq!(place.run_with(&run, b"\0binary\0").code, 0);
    place.ok(&["snapshot", "-m", "first"]);
    place.ok(&["fork", "draft"]);
    place.put_in("draft", "text", &text("twenty"));
    place.ok(&["mv", "-c", "draft", "old", "new"]);
    place.ok(&["rm", "-c", "draft", "d/gone"]);
    place.put_in("draft", "e/added", "no newline");
    let put = ["put", "-c", "draft", "-x", "blob"];
    assert_eq!(place.run_with(&put, b"\0other\0").code, 0);
    place.ok(&["export", "x.patch", "--copy", "draft"]);
    // It goes into another copy, where lines have moved.
    place.ok(&["fork", "other"]);
    place.put_in("other", "text", &format!("0\n{}", text("20")));
    let told = place.json(&["import", "x.patch", "-c", "other", "-m", "from a patch"]);
    assert_eq!((&told["files"], &told["removed"]), (&4.into(), &2.into()));
    assert_eq!(told["operations"], serde_json::json!([2]));
    assert_eq!(
        place.ok(&["cat", "-c", "other", "text"]),
        format!("0\n{}", text("twenty"))
    );
    for path in ["new", "e/added", "blob"] {
        let [one, other] = ["draft", "other"].map(|copy| place.json(&["stat", "-c", copy, path]));
        let of = |it: &serde_json::Value| {
            [&it["content"], &it["executable"], &it["media_type"]].map(Clone::clone)
        };
        assert_eq!(of(&one), of(&other), "{path}");
    }
    place.error(3, &["stat", "-c", "other", "d/gone"]);
    let operations = place.json(&["operations", "-c", "other"]);
    assert_eq!(operations["operations"][1]["note"], "from a patch");
    place.ok(&["undo", "-c", "other"]);
    assert_eq!(place.ok(&["cat", "-c", "other", "d/gone"]), "x\n");
    // Head gets a revision, from standard input as well.
    let patch = fs::read(place.path("x.patch")).unwrap();
    let ran = place.run_with(&["--json", "import", "-", "--patch", "-m", "why"], &patch);
    assert!(
        ran.stdout.contains("\"revision\":2"),
        "{}{}",
        ran.stdout,
        ran.stderr
    );
    assert_eq!(place.ok(&["diff", "head", "draft", "--name-only"]), "");
    place.whole();
}

#[test]
fn what_a_patch_does_not_fit_is_named_and_nothing_is_changed() {
    let place = Place::new();
    place.put("text", "1\n2\n3\n4\n5\n6\n7\n8\n9\n");
    place.put("blob", "\0one");
    place.put("there", "x");
    place.ok(&["snapshot"]);
    let patch = "\
        --- a/text\n+++ b/text\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n@@ -7,3 +7,3 @@\n 7\n-nine\n+9\n 10\n\
        --- a/none\n+++ b/none\n@@ -1 +1 @@\n-a\n+b\n\
        --- /dev/null\n+++ b/there\n@@ -0,0 +1 @@\n+new\n";
    place.file("x.diff", patch);
    let error = place.error(10, &["import", "x.diff"]);
    assert_eq!([&error["code"], &error["path"]], ["conflict", "/text"]);
    let message = error["message"].as_str().unwrap();
    for part in [
        "hunk 2 (line 7) does not fit",
        "/none: it is not there",
        "/there: something is there already",
    ] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("hunk 1"), "{message}");
    assert_eq!(place.ok(&["diff", "--name-only"]), "");
    assert_eq!(place.ok(&["copies"]), "");
    for (text, why) in [
        ("", "no valid patches found"),
        ("hello\n", "no valid patches found"),
        ("--- a/x\n+++ b/x\n@@ -1,2 +1 @@\n-1\n", ""),
        ("--- a/../x\n+++ b/../x\n@@ -1 +1 @@\n-1\n+2\n", ""),
        ("--- x\n+++ x\n@@ -1 +1 @@\n-1\n+2\n", "--strip"),
    ] {
        place.file("bad.patch", text);
        let error = place.error(2, &["import", "bad.patch"]);
        assert!(error["message"].as_str().unwrap().contains(why), "{error}");
    }
    place.file(
        "bare.patch",
        "--- text\n+++ text\n@@ -1,2 +1,2 @@\n-1\n+one\n 2\n",
    );
    place.ok(&["import", "bare.patch", "-p", "0"]);
    place.file("into.patch", "--- a/x\n+++ b/x\n@@ -0,0 +1 @@\n+x\n");
    place.file("new.patch", "--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+x\n");
    place.ok(&["import", "new.patch", "--into", "d/e"]);
    assert_eq!(place.ok(&["cat", "d/e/x"]), "x\n");
    place.error(2, &["import", "new.patch", "--delete"]);
    place.error(3, &["import", "missing.patch"]);
}

/// Git's own rules for what is renamed, swapped and made twice.
#[test]
fn git_and_a_workspace_make_the_same_of_a_patch() {
    for (name, files, patch) in [
        (
            "swap",
            &[("a", "1\n"), ("b", "2\n")][..],
            "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n\
             diff --git a/b b/a\nsimilarity index 100%\nrename from b\nrename to a\n",
        ),
        (
            "file for directory",
            &[("d/x", "1\n")],
            "diff --git a/d/x b/d/x\ndeleted file mode 100644\n--- a/d/x\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n\
             diff --git a/d b/d\nnew file mode 100755\n--- /dev/null\n+++ b/d\n@@ -0,0 +1 @@\n+2\n",
        ),
        (
            "twice",
            &[("a", "1\n2\n3\n")],
            "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n-1\n+one\n 2\n 3\n\
             diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,3 +1,3 @@\n one\n 2\n-3\n+three\n",
        ),
        (
            "copy",
            &[("a", "1\n2\n3\n4\n5\n")],
            "diff --git a/a b/c\nsimilarity index 80%\ncopy from a\ncopy to c\n--- a/a\n+++ b/c\n\
             @@ -3,3 +3,3 @@\n 3\n 4\n-5\n+five\n",
        ),
        (
            "mode",
            &[("a", "1\n")],
            "diff --git a/a b/a\nold mode 100644\nnew mode 100755\n",
        ),
        (
            "more than is removed",
            &[("a", "1\n2\n")],
            "diff --git a/a b/a\ndeleted file mode 100644\n--- a/a\n+++ /dev/null\n@@ -1 +0,0 @@\n-1\n",
        ),
        (
            "there already",
            &[("a", "1\n"), ("b", "2\n")],
            "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n",
        ),
        (
            "no newline",
            &[("a", "1\n2")],
            "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1,2 +1,2 @@\n 1\n-2\n\\ No newline at end of file\n+2\n",
        ),
        (
            "odd name",
            &[],
            "diff --git \"a/t\\tab \\303\\251\" \"b/t\\tab \\303\\251\"\nnew file mode 100644\n\
             --- /dev/null\n+++ \"b/t\\tab \\303\\251\"\n@@ -0,0 +1 @@\n+1\n",
        ),
        (
            "nearest",
            &[("a", "0\nx\ny\nz\n4\n5\n6\nx\ny\nz\n10\n")],
            "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -5,3 +5,3 @@\n x\n-y\n+Y\n z\n",
        ),
        (
            "not at the end",
            &[("a", "1\n2\n3\n4\n")],
            "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -2,2 +2,3 @@\n 2\n 3\n+x\n",
        ),
    ] {
        let place = Place::new();
        fs::create_dir(place.path("git")).unwrap();
        for (path, text) in files {
            place.put(path, text);
            place.file(&format!("git/{path}"), text);
        }
        let file = place.file("x.patch", patch);
        let git = Command::new("git")
            .args(["apply", "--whitespace=nowarn"])
            .arg(&file)
            .current_dir(place.path("git"))
            .env("GIT_CEILING_DIRECTORIES", place.directory.path())
            .output()
            .unwrap();
        let ran = place.run(&["import", "x.patch"]);
        let git_said = String::from_utf8_lossy(&git.stderr).into_owned();
        assert_eq!(
            ran.code == 0,
            git.status.success(),
            "{name}: {}{git_said}",
            ran.stderr
        );
        place.ok(&["export", "out"]);
        let mut same = Command::new("diff");
        same.args(["-r", "out", "git"]);
        let same = same.current_dir(place.directory.path()).output().unwrap();
        let text = String::from_utf8_lossy(&same.stdout).into_owned();
        // Git keeps no directory without files.
        let text: Vec<&str> = text.lines().filter(|line| !line.ends_with(": d")).collect();
        assert!(text.is_empty(), "{name}: {text:?}");
    }
}

also_behind_a_url![
    a_conflict_ends_in_an_editor,
    a_file_is_edited_and_written_where_it_was_changed,
    a_merge_tool_finds_the_files_that_git_names,
    a_patch_is_imported_as_git_applies_it,
    what_a_patch_does_not_fit_is_named_and_nothing_is_changed,
];
