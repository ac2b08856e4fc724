//! Patches that are odd, damaged or hostile: `import` takes them as `git apply` does, or
//! refuses them.

use std::fs;
use std::process::Command;

use crate::support::{Place, Ran};

/// What `git apply` and `import` each made of a patch.
struct Both {
    git: bool,
    /// Whether git crashed over it, as 2.47 does over some.
    git_died: bool,
    ran: Ran,
    /// How the files differ, where both took it.
    differences: Vec<String>,
}

/// A workspace, and a directory beside it with the same files, to which a patch goes.
struct Beside<'a> {
    place: Place,
    files: &'a [(&'a str, &'a str)],
    next: usize,
}

impl<'a> Beside<'a> {
    fn new(files: &'a [(&'a str, &'a str)]) -> Self {
        let place = Place::new();
        for (path, text) in files {
            place.put(path, text);
        }
        Self {
            place,
            files,
            next: 0,
        }
    }

    /// Applies a patch to the files as they were.
    fn apply(&mut self, patch: &str) -> Both {
        self.next += 1;
        let place = &self.place;
        let directory = format!("git-{}", self.next);
        fs::create_dir(place.path(&directory)).unwrap();
        for (path, text) in self.files {
            place.file(&format!("{directory}/{path}"), text);
        }
        let file = place.file("x.patch", patch);
        let git = Command::new("git")
            .args(["apply", "--whitespace=nowarn"])
            .arg(&file)
            .current_dir(place.path(&directory))
            .env("GIT_CEILING_DIRECTORIES", place.directory.path())
            .output()
            .unwrap();
        let copy = format!("copy-{}", self.next);
        place.ok(&["fork", &copy]);
        let ran = place.run(&["import", "x.patch", "-c", &copy]);
        let mut differences = Vec::new();
        if ran.code == 0 {
            place.ok(&["export", &format!("of-{copy}"), "-c", &copy]);
            let mut same = Command::new("diff");
            same.args(["-r", &format!("of-{copy}"), &directory]);
            let same = same.current_dir(place.directory.path()).output().unwrap();
            let text = String::from_utf8_lossy(&same.stdout).into_owned();
            differences = text.lines().map(String::from).collect();
        }
        place.ok(&["discard", &copy]);
        Both {
            git: git.status.success(),
            git_died: git.status.code().is_none(),
            ran,
            differences,
        }
    }
}

/// One of two ways to read a patch was chosen for all of it, and what that did not know
/// was left out, and nobody was told.
#[test]
fn a_patch_was_applied_in_part() {
    let lines: String = (1..31).map(|n| format!("{n}\n")).collect();
    let files = [("k", "x\n"), ("f", &*lines)];
    let mut beside = Beside::new(&files);
    let plain = "--- a/k\n+++ b/k\n@@ -1 +1 @@\n-x\n+y\n";
    let git = "diff --git a/new b/new\nnew file mode 100644\n--- /dev/null\n+++ b/new\n\
               @@ -0,0 +1 @@\n+n\n";
    let letter = "as it is in\ndiff --git a/k b/k\nof last week\n";
    for whole in [
        format!("{plain}{git}"),
        format!("{git}{plain}"),
        format!("{letter}{plain}"),
        format!("{git}\n-- \n2.47.3\n\n{plain}"),
    ] {
        let both = beside.apply(&whole);
        assert!(both.git && both.ran.code == 0, "{whole}{}", both.ran.stderr);
        assert_eq!(both.differences, [""; 0], "{whole}");
    }
    let first = "@@ -1,3 +1,3 @@\n 1\n-2\n+B\n 3\n";
    let second = "@@ -20,3 +20,3 @@\n 20\n-21\n+y\n 22\n";
    let mode = "diff --git a/f b/f\nold mode 100644\nnew mode 120000\n";
    for (broken, line) in [
        (
            format!("diff --git a/f b/f\n--- a/f\n+++ b/f\n{first}\n{second}"),
            "line 10: ",
        ),
        (
            format!("--- a/f\n+++ b/f\n{first}garbage\n{second}"),
            "line 9: ",
        ),
        (format!("{plain}--- a/f\n+++ b/f\n\n{second}"), "line 6: "),
        (mode.into(), "of another kind"),
    ] {
        let both = beside.apply(&broken);
        assert!(both.ran.code != 0, "{broken}");
        assert!(
            both.ran.stderr.contains(line),
            "{broken}{}",
            both.ran.stderr
        );
    }
}

/// Whatever line is put in or lost, a patch is applied as git does, or refused.
#[test]
fn a_damaged_patch_was_taken_for_another() {
    let lines: String = (1..31).map(|n| format!("{n}\n")).collect();
    let files = [
        ("f", &*lines),
        ("k", "x\n"),
        ("old", "1\n2\n3\n"),
        ("gone", "1\n"),
    ];
    let mut beside = Beside::new(&files);
    let patch = "\
From 0123456 Mon Sep 17 00:00:00 2001
Subject: a patch
---
diff --git a/f b/f
index 1111111..2222222 100644
--- a/f
+++ b/f
@@ -1,3 +1,3 @@
 1
-2
+B
 3
@@ -20,3 +20,4 @@
 20
 21
+y
 22
diff --git a/gone b/gone
deleted file mode 100644
--- a/gone
+++ /dev/null
@@ -1 +0,0 @@
-1
diff --git a/new b/new
new file mode 100755
--- /dev/null
+++ b/new
@@ -0,0 +1 @@
+n
diff --git a/old b/name
similarity index 60%
rename from old
rename to name
--- a/old
+++ b/name
@@ -1,3 +1,3 @@
 1
 2
-3
+three
--- a/k
+++ b/k
@@ -1 +1 @@
-x
+y
-- 
2.47.3
";
    let both = beside.apply(patch);
    assert!(both.git && both.ran.code == 0, "{}", both.ran.stderr);
    let lines: Vec<&str> = patch.split_inclusive('\n').collect();
    let mut taken = 0;
    for at in 0..lines.len() {
        let (before, after) = lines.split_at(at);
        let line = ["\n", "text\n"][at % 2];
        for damaged in [
            [before, &[line], after].concat(),
            [before, &after[1..]].concat(),
        ] {
            let damaged = damaged.concat();
            let both = beside.apply(&damaged);
            if both.ran.code == 0 && !both.git_died {
                taken += 1;
                assert!(both.git, "git does not take it:\n{damaged}");
                assert_eq!(both.differences, [""; 0], "{damaged}");
            }
        }
    }
    assert!(taken > 10, "{taken}");
}

/// What GNU diff writes for a file that is not there on one side was refused as one that
/// the patch does not fit.
#[test]
fn a_file_of_the_epoch_was_looked_for() {
    let files = [("gone", "1\n"), ("there", "1\n"), ("more", "1\n2\n")];
    let mut beside = Beside::new(&files);
    let [none, some] = [
        "1970-01-01 01:00:00.000000000 +0100",
        "2026-11-28 10:00:00.000000000 +0100",
    ];
    let added =
        |name: &str| format!("--- a/{name}\t{none}\n+++ b/{name}\t{some}\n@@ -0,0 +1 @@\n+x\n");
    let removed =
        |name: &str| format!("--- a/{name}\t{some}\n+++ b/{name}\t{none}\n@@ -1 +0,0 @@\n-1\n");
    let emptied = "--- a/gone\n+++ b/gone\n@@ -1 +0,0 @@\n-1\n";
    let unnamed = "--- a/new\n+++ b/new\n@@ -0,0 +1 @@\n+x\n";
    let other = "--- a/there\n+++ b/there.new\n@@ -1 +1 @@\n-1\n+2\n";
    let older = "--- a/there.old\n+++ b/there\n@@ -1 +1 @@\n-1\n+2\n";
    for patch in [
        &*added("d/new"),
        &removed("gone"),
        &format!("{}{}", added("new"), removed("gone")),
        &added("there"),
        &removed("more"),
        emptied,
        unnamed,
        other,
        older,
    ] {
        let both = beside.apply(patch);
        assert_eq!(both.git, both.ran.code == 0, "{patch}{}", both.ran.stderr);
        assert_eq!(both.differences, [""; 0], "{patch}");
    }
}

/// Each copy of a file was read into memory, and what a binary patch said of its size was
/// not looked at before it was inflated.
#[test]
fn a_small_patch_asked_for_much() {
    let place = Place::new();
    place.file("large", vec![b'x'; 20_000_000]);
    let put = [
        "put",
        "large",
        "large",
        "-x",
        "--media-type",
        "text/x-large",
    ];
    place.ok(&put);
    let copies = (0..60).map(|n| {
        format!(
            "diff --git a/large b/d/{n}\nsimilarity index 100%\ncopy from large\ncopy to d/{n}\n"
        )
    });
    let moved = "diff --git a/large b/moved\nold mode 100755\nnew mode 100644\nsimilarity index 100%\n\
                 rename from large\nrename to moved\n";
    place.file("x.patch", copies.chain([moved.into()]).collect::<String>());
    let told = place.json(&["import", "x.patch"]);
    assert_eq!((&told["files"], &told["removed"]), (&61.into(), &1.into()));
    for (path, executable) in [("d/0", true), ("d/59", true), ("moved", false)] {
        let stat = place.json(&["stat", path]);
        assert_eq!(
            (&stat["size"], &stat["executable"]),
            (&20_000_000.into(), &executable.into())
        );
        assert_eq!(stat["media_type"], "text/x-large");
    }
    assert_eq!(
        place.json(&["find", "--kind", "directory"])["entries"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    place.file(
        "y.patch",
        "diff --git a/b b/b\nnew file mode 100644\nGIT binary patch\nliteral 99999999999\n\
         UcmV+l0QLU>0RjUA1qKHQ2>`DEE&u=k\n\nliteral 0\nKcmV+b0RR6000031\n\n",
    );
    let error = place.error(10, &["import", "y.patch"]);
    assert!(
        error["message"].as_str().unwrap().contains("more than"),
        "{error}"
    );
}
