//! Tools over a part of the files.

use std::sync::Arc;

use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{
    At, Change, ChangeOptions, ForkOptions, Grant, Options, Scope, TreePath, Workspace,
};
use workspace_testkit::{MemoryBlobs, MemoryMeta, TestContext};
use workspace_tools::Tools;

use crate::support::Fixture;

fn part(fixture: &Fixture, delete: bool) -> Tools {
    let grant = Grant::all().attenuate(Scope {
        root: TreePath::new("/site").unwrap(),
        read: vec!["**".parse().unwrap()],
        write: vec!["/posts/**".parse().unwrap()],
        delete,
    });
    let view = fixture.workspace.view(At::Copy(fixture.copy), grant);
    Tools::new(fixture.workspace.clone(), view, "writer").unwrap()
}

#[test]
fn no_tool_does_what_the_grant_does_not_allow() {
    let files = [
        ("/secret", "s3cret"),
        ("/site/style.css", "css"),
        ("/site/posts/a.md", "post\n"),
    ];
    let fixture = Fixture::over(&files);
    fixture.done("write", json!({ "path": "secret", "content": "s3cret 2" }));
    let tools = part(&fixture, false);
    let call = |tool: &str, arguments: Value, id: &str| {
        let result = block_on(tools.call(tool, &arguments, id));
        assert!(!result.text.contains("secret"), "{}", result.text);
        assert!(
            !result.value.to_string().contains("secret"),
            "{}",
            result.value
        );
        result.value
    };
    let edit = json!({ "path": "posts/a.md", "old_string": "post", "new_string": "Post" });
    let made = call("edit", edit, "1");
    assert_eq!(made["changed"][0]["path"], "/posts/a.md");
    assert!(made["diff"].as_str().unwrap().contains("+++ b/posts/a.md"));
    for (tool, arguments) in [
        ("write", json!({ "path": "style.css", "content": "" })),
        ("delete", json!({ "path": "posts/a.md" })),
        ("move", json!({ "from": "posts/a.md", "to": "posts/b.md" })),
        ("undo", json!({ "operation": 1 })),
    ] {
        assert_eq!(call(tool, arguments, tool)["code"], "denied", "{tool}");
    }
    assert_eq!(call("grep", json!({ "pattern": "." }), "-")["files"], 2);
    assert_eq!(call("status", json!({}), "-")["changed_total"], 1);
    assert_eq!(
        call("history", json!({}), "-")["calls"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(call("diff", json!({}), "-")["changed_total"], 1);
    // Its own edit can be taken back; what it made, only with the right to remove.
    assert_eq!(call("undo", json!({ "call": "1" }), "2")["operation"], 3);
    assert_eq!(
        call(
            "write",
            json!({ "path": "posts/n.md", "content": "n" }),
            "3"
        )["operation"],
        4
    );
    assert_eq!(call("undo", json!({ "call": "3" }), "4")["code"], "denied");
    let undone = block_on(part(&fixture, true).call("undo", &json!({ "call": "3" }), "5"));
    assert!(undone.is_ok(), "{}", undone.text);
    fixture.workspace.discard(fixture.copy).unwrap();
    let closed = block_on(tools.call("status", &json!({}), "-"));
    assert_eq!(closed.value["code"], "closed");
    assert!(
        !closed.text.contains(&fixture.copy.to_string()),
        "{}",
        closed.text
    );
}

#[test]
fn tools_are_over_copies() {
    let fixture = Fixture::new();
    let head = fixture.workspace.files(At::Head);
    assert!(Tools::new(fixture.workspace.clone(), head, "a").is_err());
    for bad in ["", "a\n", &"x".repeat(101)] {
        let view = fixture.workspace.files(At::Copy(fixture.copy));
        assert!(Tools::new(fixture.workspace.clone(), view, bad).is_err());
    }
}

#[test]
fn a_part_does_not_propose_what_it_may_not_see() {
    let files = [("/secret", "1"), ("/site/posts/a.md", "post\n")];
    let fixture = Fixture::over(&files);
    let tools = part(&fixture, true);
    let call = |tool: &str, arguments: Value| block_on(tools.call(tool, &arguments, tool));
    let edit = json!({ "path": "posts/a.md", "old_string": "post", "new_string": "Post" });
    assert!(call("edit", edit).is_ok());
    let propose = || call("propose", json!({ "message": "Post" }));
    let proposed = propose();
    assert_eq!(proposed.value["proposal"]["paths"], json!(["/posts/a.md"]));
    fixture.done("write", json!({ "path": "secret", "content": "2" }));
    let refused = propose();
    assert_eq!(refused.value["code"], "denied", "{}", refused.text);
    assert!(!refused.text.contains("secret"), "{}", refused.text);
    fixture.done("write", json!({ "path": "secret", "content": "1" }));
    fixture.done("move", json!({ "from": "secret", "to": "site/posts/s.md" }));
    assert_eq!(propose().value["code"], "denied");
    // Who sees all of it may.
    fixture.done("propose", json!({ "message": "All" }));
}

#[test]
fn a_part_proposes_with_the_directories_above_it() {
    let fixture = Fixture::new();
    let tools = part(&fixture, true);
    fixture.done(
        "write",
        json!({ "path": "site/posts/a.md", "content": "a" }),
    );
    let propose = || block_on(tools.call("propose", &json!({ "message": "Post" }), "-"));
    assert!(propose().is_ok(), "{}", propose().text);
    let view = fixture.workspace.files(At::Copy(fixture.copy));
    let made = vec![Change::mkdir("/other").unwrap()];
    block_on(view.change(made, ChangeOptions::default())).unwrap();
    assert_eq!(propose().value["code"], "denied");
}

#[test]
fn a_part_is_told_of_what_came_and_went_over_its_border() {
    let long = "a line that is long enough\n".repeat(20);
    let other = "what has nothing of the first\n".repeat(20);
    let fixture = Fixture::over(&[("/site/out.md", &long), ("/secret", &other)]);
    fixture.done("move", json!({ "from": "site/out.md", "to": "elsewhere" }));
    fixture.done("move", json!({ "from": "secret", "to": "site/in.md" }));
    let told = block_on(part(&fixture, true).call("diff", &json!({}), "-"));
    let changed = told.value["changed"].as_array().unwrap();
    let changed: Vec<_> = changed
        .iter()
        .map(|it| (it["path"].as_str().unwrap(), it["change"].as_str().unwrap()))
        .collect();
    assert_eq!(changed, [("/in.md", "added"), ("/out.md", "deleted")]);
    for hidden in ["secret", "elsewhere"] {
        assert!(!told.value.to_string().contains(hidden), "{}", told.text);
    }
}

#[test]
fn a_part_finds_its_changes_behind_many_that_it_may_not_see() {
    let context = TestContext::new(1).context();
    let (meta, blobs) = (Box::new(MemoryMeta::new()), Arc::new(MemoryBlobs::new()));
    let options = Options::default().max_diff(64_usize << 10);
    let workspace = Workspace::create(meta, blobs, context, options).unwrap();
    let copy = workspace.fork(ForkOptions::named("draft")).unwrap().id;
    let view = workspace.files(At::Copy(copy));
    let write = |path: String| {
        let change = Change::write(path.as_str(), "x").unwrap();
        change.with_parents()
    };
    for first in [0, 500, 1_000, 1_500, 2_000] {
        let paths = (first..first + 500).map(|n| format!("/aaa/{n}"));
        let changes = paths.map(write).collect();
        block_on(view.change(changes, ChangeOptions::default())).unwrap();
    }
    let changes = vec![write("/site/a.md".into())];
    block_on(view.change(changes, ChangeOptions::default())).unwrap();
    let grant = Grant::all().attenuate(Scope {
        root: TreePath::new("/site").unwrap(),
        read: vec!["**".parse().unwrap()],
        write: vec!["**".parse().unwrap()],
        delete: true,
    });
    let tools = Tools::new(
        workspace.clone(),
        workspace.view(At::Copy(copy), grant),
        "a",
    );
    let tools = tools.unwrap();
    let told = block_on(tools.call("diff", &json!({}), "-"));
    // The directory that it holds, and what is in it.
    assert_eq!(told.value["changed_total"], 2, "{}", told.text);
    assert_eq!(told.value["changed"][1]["path"], "/a.md");
    assert_eq!(told.value["complete"], true);
    let proposed = block_on(tools.call("propose", &json!({ "message": "x" }), "-"));
    assert_eq!(proposed.value["code"], "denied");
    // Of the whole, the last page is said to be the last.
    let tools = Tools::new(workspace.clone(), view, "a").unwrap();
    let mut told = block_on(tools.call("diff", &json!({}), "-")).value;
    let mut pages = 1;
    while let Some(next) = told.get("next") {
        assert_eq!(told["diff_complete"], false);
        told = block_on(tools.call("diff", &next["arguments"].clone(), "-")).value;
        pages += 1;
        assert!(pages < 100);
    }
    assert_eq!(told["diff_complete"], true, "{told}");
    assert!(told["diff"].as_str().unwrap().contains("site/a.md"));
}
