//! The shapes of arguments that models know mean the same.

use serde_json::{Value, json};

use crate::support::Fixture;

const TEXT: &str = "one\ntwo\nthree\n";

#[test]
fn an_edit_is_understood_in_every_shape() {
    let patch = "*** Begin Patch\n*** Update File: a.txt\n@@\n one\n-two\n+2\n*** End Patch";
    for (tool, arguments) in [
        (
            "edit",
            json!({ "path": "a.txt", "old_string": "two", "new_string": "2" }),
        ),
        (
            "Edit",
            json!({ "file_path": "/a.txt", "old_string": "two", "new_string": "2", "replace_all": false }),
        ),
        (
            "MultiEdit",
            json!({ "file_path": "/a.txt", "edits": [{ "old_string": "two", "new_string": "2" }] }),
        ),
        (
            "edit",
            json!({ "path": "./a.txt", "edits": [{ "oldText": "two", "newText": "2" }] }),
        ),
        (
            "edit",
            json!({ "filePath": "a.txt", "oldString": "two", "newString": "2", "replaceAll": true }),
        ),
        (
            "edit",
            json!({ "path": "a.txt", "edits": r#"[{"old_string":"two","new_string":"2"}]"# }),
        ),
        (
            "edit",
            json!({ "path": "a.txt", "old_string": "two", "new_string": "2", "line": "2" }),
        ),
        ("apply_patch", json!({ "input": patch })),
        ("edit", json!({ "patch": patch })),
    ] {
        let fixture = Fixture::over(&[("/a.txt", TEXT)]);
        let made = fixture.done(tool, arguments);
        assert_eq!(fixture.text("/a.txt"), "one\n2\nthree\n");
        assert_eq!(made["matched_with"], "exact");
        assert_eq!(made["changed"][0]["path"], "/a.txt");
        assert_eq!(
            (&made["durable"], &made["published"]),
            (&json!(true), &json!(false))
        );
    }
}

#[test]
fn reading_and_searching_is_understood_in_every_shape() {
    let fixture = Fixture::over(&[("/src/a.rs", TEXT), ("/src/b.ts", "two\n")]);
    for (tool, arguments) in [
        (
            "read",
            json!({ "path": "src/a.rs", "offset": 2, "limit": 1 }),
        ),
        (
            "Read",
            json!({ "file_path": "/src/a.rs", "offset": "2", "limit": 1 }),
        ),
    ] {
        let read = fixture.done(tool, arguments);
        assert_eq!(read["content"], "two\n");
        assert_eq!(
            (&read["start_line"], &read["total_lines"]),
            (&json!(2), &json!(3))
        );
        assert_eq!(read["next"]["arguments"]["offset"], 3);
    }
    for (tool, arguments) in [
        ("grep", json!({ "pattern": "t[w]o", "glob": "*.rs" })),
        (
            "Grep",
            json!({ "pattern": "TWO", "-i": true, "-n": true, "path": "/src/a.rs", "output_mode": "content" }),
        ),
        (
            "grep",
            json!({ "query": "two", "include": "*.rs", "ignoreCase": false }),
        ),
    ] {
        let found = fixture.done(tool, arguments);
        let expected = json!([{ "path": "/src/a.rs", "line": 2, "text": "two" }]);
        assert_eq!((&found["results"], &found["total"]), (&expected, &json!(1)));
        assert_eq!(found["complete"], true);
    }
    // Plain text where the shape says so.
    assert_eq!(fixture.done("grep", json!({ "query": "t.o" }))["total"], 0);
    let files = fixture.done("grep", json!({ "pattern": "t", "output_mode": "count" }));
    assert_eq!(
        files["results"][0],
        json!({ "path": "/src/a.rs", "count": 2 })
    );
    for pattern in ["**/*.{rs,ts}", "*.*", "src/*"] {
        let found = fixture.done("Glob", json!({ "pattern": pattern }));
        assert_eq!(
            found["paths"],
            json!(["/src/a.rs", "/src/b.ts"]),
            "{pattern}"
        );
    }
    let listed = fixture.done("LS", json!({ "path": "/src/" }));
    assert_eq!(listed["entries"][0]["name"], "a.rs");
    assert_eq!(
        fixture.done("read", json!({ "path": "src" }))["entries"],
        listed["entries"]
    );
}

#[test]
fn context_is_shown_around_matches_and_no_line_twice() {
    let fixture = Fixture::over(&[("/a", "1\nx\n3\nx\n5\n6\n7\nx\n")]);
    let found = fixture.call("grep", json!({ "pattern": "x", "-C": 1 }));
    assert_eq!(
        found.text,
        "/a-1-1\n/a:2:x\n/a-3-3\n/a:4:x\n/a-5-5\n--\n/a-7-7\n/a:8:x\nComplete: 3 matches in 1 file."
    );
    let over = fixture.done("grep", json!({ "pattern": "3.x", "multiline": true }));
    assert_eq!(
        over["results"],
        json!([{ "path": "/a", "line": 3, "end_line": 4, "text": "3" }])
    );
}

#[test]
fn two_shapes_at_once_are_refused() {
    let fixture = Fixture::over(&[("/a.txt", TEXT)]);
    let both = |more: Value| {
        let mut arguments = json!({ "path": "a.txt", "old_string": "two", "new_string": "2" });
        for (name, value) in more.as_object().unwrap() {
            arguments[name] = value.clone();
        }
        arguments
    };
    for more in [
        json!({ "file_path": "a.txt" }),
        json!({ "edits": [{ "oldText": "one", "newText": "1" }] }),
        json!({ "oldText": "two" }),
        json!({ "patch": "*** Begin Patch\n*** End Patch" }),
        json!({ "replace_all": true, "line": 2 }),
    ] {
        let refused = fixture.refused("edit", both(more.clone()));
        assert_eq!(refused["code"], "contradiction", "{more}");
        assert!(!refused["example"].is_null() && !refused["expected"].is_null());
    }
    for (tool, arguments) in [
        (
            "read",
            json!({ "path": "a.txt", "offset": 1, "byte_offset": 0 }),
        ),
        ("diff", json!({ "call": "x", "operation": 1 })),
        ("undo", json!({ "from": 1, "to": 2, "operation": 1 })),
        ("grep", json!({ "pattern": "x", "query": "x" })),
    ] {
        assert_eq!(
            fixture.refused(tool, arguments)["code"],
            "contradiction",
            "{tool}"
        );
    }
}

#[test]
fn a_patch_changes_several_files_or_none() {
    let files = [("/a.txt", TEXT), ("/b.txt", "old\n"), ("/c.txt", "c\n")];
    let fixture = Fixture::over(&files);
    let patch = "*** Begin Patch\n*** Update File: a.txt\n*** Move to: docs/a.md\n@@ one\n-two\n\
        +2\n*** Delete File: b.txt\n*** Add File: new/d.txt\n+hello\n*** End Patch\n";
    let made = fixture.done("apply_patch", json!({ "input": patch }));
    let files = fixture.files();
    let names: Vec<_> = files.keys().map(String::as_str).collect();
    assert_eq!(names, ["/c.txt", "/docs/a.md", "/new/d.txt"]);
    assert_eq!(files["/docs/a.md"], "one\n2\nthree\n");
    assert_eq!(made["operation"], 1);
    let wrong = patch
        .replace("b.txt", "nothing.txt")
        .replace("a.txt", "c.txt");
    assert_eq!(
        fixture.refused("edit", json!({ "patch": wrong }))["code"],
        "text_absent"
    );
}
