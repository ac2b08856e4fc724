//! Tools over a part of the files.

use futures::executor::block_on;
use serde_json::{Value, json};
use workspace_core::{At, Grant, Scope, TreePath};
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
