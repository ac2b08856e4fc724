//! Input that is wrong.

use serde_json::{Value, json};

use crate::support::Fixture;

fn fixture() -> Fixture {
    Fixture::over(&[("/a.txt", "one\ntwo\n"), ("/d/b.txt", "b\n")])
}

#[test]
fn wrong_arguments_are_refused_saying_what_was_expected() {
    let fixture = fixture();
    for (tool, arguments, code) in [
        ("read", json!([]), "malformed_argument"),
        ("read", json!({}), "malformed_argument"),
        ("read", json!({ "path": 5 }), "malformed_argument"),
        (
            "read",
            json!({ "path": "a.txt", "offset": -1 }),
            "malformed_argument",
        ),
        (
            "read",
            json!({ "path": "a.txt", "offset": "two" }),
            "malformed_argument",
        ),
        (
            "read",
            json!({ "path": "a.txt", "limit": 0 }),
            "malformed_argument",
        ),
        (
            "read",
            json!({ "path": "a.txt", "offset": 9 }),
            "out_of_range",
        ),
        (
            "read",
            json!({ "path": "a.txt", "colour": 1 }),
            "malformed_argument",
        ),
        ("read", json!({ "path": "../a.txt" }), "malformed_path"),
        ("read", json!({ "path": "C:\\a.txt" }), "malformed_path"),
        ("read", json!({ "path": "d\\b.txt" }), "malformed_path"),
        ("read", json!({ "path": "b.txt" }), "not_found"),
        ("ls", json!({ "path": "a.txt" }), "not_a_directory"),
        ("find", json!({ "pattern": "[a" }), "malformed_glob"),
        (
            "find",
            json!({ "pattern": "{a,b}".repeat(9) }),
            "malformed_glob",
        ),
        ("grep", json!({ "pattern": "(" }), "malformed_pattern"),
        (
            "grep",
            json!({ "pattern": "(?:(?:a{90}){90}){90}" }),
            "malformed_pattern",
        ),
        (
            "grep",
            json!({ "pattern": "a", "output_mode": "x" }),
            "malformed_argument",
        ),
        ("write", json!({ "path": "a.txt" }), "malformed_argument"),
        (
            "write",
            json!({ "path": "d", "content": "" }),
            "is_a_directory",
        ),
        (
            "write",
            json!({ "path": "/", "content": "" }),
            "is_a_directory",
        ),
        (
            "write",
            json!({ "path": "a.txt/x", "content": "" }),
            "not_a_directory",
        ),
        (
            "write",
            json!({ "path": "a.txt", "content": "", "if_version": "none" }),
            "stale",
        ),
        (
            "write",
            json!({ "path": "a.txt", "content": "", "if_version": "1" }),
            "malformed_argument",
        ),
        ("edit", json!({ "path": "a.txt" }), "malformed_argument"),
        (
            "edit",
            json!({ "path": "a.txt", "edits": [] }),
            "malformed_argument",
        ),
        (
            "edit",
            json!({ "path": "a.txt", "edits": ["x"] }),
            "malformed_argument",
        ),
        (
            "edit",
            json!({ "path": "a.txt", "edits": [{ "oldText": "one" }] }),
            "malformed_argument",
        ),
        (
            "edit",
            json!({ "path": "a.txt", "old_string": "", "new_string": "x" }),
            "malformed_text",
        ),
        (
            "edit",
            json!({ "path": "a.txt", "old_string": "one", "new_string": "one" }),
            "no_change",
        ),
        (
            "edit",
            json!({ "path": "d", "old_string": "a", "new_string": "b" }),
            "not_a_file",
        ),
        ("edit", json!({ "patch": "x" }), "malformed_argument"),
        ("delete", json!({ "path": "d" }), "not_empty"),
        ("delete", json!({ "path": "/" , "recursive": true }), "root"),
        (
            "move",
            json!({ "from": "a.txt", "to": "d/b.txt" }),
            "already_exists",
        ),
        (
            "move",
            json!({ "from": "a.txt", "to": "d" }),
            "already_exists",
        ),
        ("move", json!({ "from": "d", "to": "d/e" }), "into_itself"),
        ("run", json!({ "code": "1" }), "unknown_tool"),
        ("exec", json!({ "command": "ls" }), "unknown_tool"),
        ("apply", json!({}), "unknown_tool"),
        ("discard", json!({}), "unknown_tool"),
        ("undo", json!({}), "malformed_argument"),
        ("undo", json!({ "operation": 7 }), "not_found"),
        ("undo", json!({ "call": "no such" }), "not_found"),
        ("undo", json!({ "from": 2, "to": 1 }), "malformed_argument"),
        ("propose", json!({ "message": "x" }), "no_change"),
        ("status", json!({ "x": 1 }), "malformed_argument"),
    ] {
        let refused = fixture.refused(tool, arguments.clone());
        assert_eq!(refused["code"], code, "{tool} {arguments}: {refused}");
        if code == "malformed_argument" {
            assert!(!refused["example"].is_null(), "{tool} {arguments}");
        }
    }
    assert_eq!(fixture.done("status", json!({}))["operations"], 0);
}

#[test]
fn too_much_is_refused() {
    let fixture = fixture();
    let edits: Vec<Value> = (0..10_000)
        .map(|n| json!({ "oldText": n.to_string(), "newText": "" }))
        .collect();
    let refused = fixture.refused("edit", json!({ "path": "a.txt", "edits": edits }));
    assert_eq!(refused["code"], "limit_exceeded");
    let long = "x".repeat(9 << 20);
    fixture.write("/long.txt", &long);
    let edit = json!({ "path": "long.txt", "old_string": "x", "new_string": "y" });
    assert_eq!(fixture.refused("edit", edit)["code"], "limit_exceeded");
    // It is read by bytes, up to its end.
    let refused = fixture.refused("read", json!({ "path": "long.txt" }));
    let mut read = fixture.next(&refused);
    assert_eq!(read["content"].as_str().unwrap().len(), 80_000);
    read = fixture.next(&read);
    assert_eq!(read["start_byte"], 80_000);
}

#[test]
fn what_is_no_text_is_said_to_be_none() {
    let fixture = fixture();
    fixture.write("/bin", "a\0b");
    for (tool, arguments) in [
        ("read", json!({ "path": "bin" })),
        ("read", json!({ "path": "bin", "byte_offset": 0 })),
        (
            "edit",
            json!({ "path": "bin", "old_string": "a", "new_string": "b" }),
        ),
    ] {
        assert_eq!(fixture.refused(tool, arguments)["code"], "not_text");
    }
    let found = fixture.done("grep", json!({ "pattern": "a" }));
    assert_eq!(
        (&found["total"], &found["skipped_files"]),
        (&json!(0), &json!(1))
    );
}

#[test]
fn overlapping_edits_are_refused() {
    let fixture = fixture();
    let edits = json!([
        { "old_string": "one\ntw", "new_string": "x" },
        { "old_string": "two", "new_string": "y" },
    ]);
    let refused = fixture.refused("edit", json!({ "path": "a.txt", "edits": edits }));
    assert_eq!(
        (&refused["code"], &refused["failed"]),
        (&json!("overlap"), &json!([2]))
    );
}

#[test]
fn a_refusal_has_the_call_that_would_do() {
    let fixture = fixture();
    let moved = fixture.refused("move", json!({ "from": "a.txt", "to": "d" }));
    fixture.next(&moved);
    assert_eq!(fixture.text("/d/a.txt"), "one\ntwo\n");
    let absent = fixture.refused("read", json!({ "path": "a.txt" }));
    assert_eq!(fixture.next(&absent)["path"], "/d/a.txt");
    let empty = fixture.refused("delete", json!({ "path": "d" }));
    fixture.next(&empty);
    assert!(fixture.files().is_empty());
    let made = fixture.refused(
        "edit",
        json!({ "path": "new.txt", "old_string": "", "new_string": "n" }),
    );
    fixture.next(&made);
    assert_eq!(fixture.text("/new.txt"), "n");
}

#[test]
fn a_patch_that_moves_to_a_path_has_it_once() {
    let fixture = fixture();
    let update = "*** Update File: a.txt\n*** Move to: b\n@@\n-one\n+1\n";
    let moved = "*** Update File: d/b.txt\n*** Move to: b\n";
    for other in ["*** Add File: b\n+x\n", moved, "*** Delete File: b\n"] {
        for files in [format!("{update}{other}"), format!("{other}{update}")] {
            let patch = format!("*** Begin Patch\n{files}*** End Patch\n");
            let refused = fixture.refused("edit", json!({ "patch": patch }));
            assert_eq!(refused["code"], "contradiction", "{refused}");
            assert_eq!(refused["path"], "/b");
        }
    }
    let patch = format!("*** Begin Patch\n{update}*** End Patch\n");
    fixture.done("edit", json!({ "patch": patch }));
    assert_eq!(fixture.text("/b"), "1\ntwo\n");
}

#[test]
fn a_hunk_without_a_proven_place_is_refused() {
    let fixture = Fixture::over(&[("/a.py", "def f():\n  a\ndef f():\n  b\n")]);
    for (hunk, code) in [
        ("@@ def f():\n+  x\n", "text_not_unique"),
        ("@@ -1,0 +2 @@\n+  x\n", "text_absent"),
        ("@@ -1 +1 @@ def f():\n+  x\n", "text_absent"),
    ] {
        let patch = format!("*** Begin Patch\n*** Update File: a.py\n{hunk}*** End Patch");
        let refused = fixture.refused("edit", json!({ "patch": patch }));
        assert_eq!(refused["code"], code, "{refused}");
        assert_eq!(fixture.next(&refused)["path"], "/a.py");
    }
}

#[test]
fn what_removes_is_not_ready_for_another_file() {
    let fixture = Fixture::over(&[("/b.test.js", "b")]);
    for (tool, arguments) in [
        ("delete", json!({ "path": "a.test.js" })),
        ("move", json!({ "from": "a.test.js", "to": "c.js" })),
    ] {
        let refused = fixture.refused(tool, arguments);
        assert_eq!(refused["close"], json!(["/b.test.js"]), "{refused}");
        assert_eq!(refused["next"]["tool"], "ls");
    }
}

#[test]
fn nothing_is_found_below_a_file() {
    let fixture = fixture();
    let refused = fixture.refused("find", json!({ "path": "a.txt", "pattern": "**" }));
    assert_eq!(refused["code"], "not_a_directory");
    assert_eq!(refused["next"]["tool"], "read");
}

#[test]
fn a_character_is_read_however_few_bytes_are_asked_for() {
    let fixture = Fixture::over(&[("/a", "\u{20ac}a\u{1f600}")]);
    let arguments = json!({ "path": "a", "byte_offset": 0, "max_bytes": 1 });
    let mut read = fixture.done("read", arguments);
    let mut parts = vec![read["content"].clone()];
    while read["complete"] == false {
        read = fixture.next(&read);
        parts.push(read["content"].clone());
    }
    assert!(read["next"].is_null());
    assert_eq!(parts, ["\u{20ac}", "a", "\u{1f600}"]);
}
