//! Calls are made once, are one operation each, and can be taken back.

use futures::executor::block_on;
use serde_json::json;
use workspace_core::{ApplyOptions, At, ForkOptions};
use workspace_tools::Proposal;

use crate::support::{Fixture, tools};

#[test]
fn a_call_is_made_once_for_its_id() {
    let fixture = Fixture::over(&[("/n", "0")]);
    let tools = &fixture.tools;
    let add = json!({ "path": "n", "old_string": "0", "new_string": "00" });
    let first = block_on(tools.call("edit", &add, "one"));
    let again = json!({ "new_string": "00", "old_string": "0", "path": "n", "line": null });
    let second = block_on(tools.call("edit", &again, "one"));
    assert_eq!(fixture.text("/n"), "00");
    assert_eq!(second.value["repeated"], true);
    for field in ["operation", "changed", "diff", "replaced"] {
        assert_eq!(first.value[field], second.value[field], "{field}");
    }
    // Also at once.
    let write = json!({ "path": "m", "content": "1" });
    let both = async {
        futures::join!(
            tools.call("write", &write, "two"),
            tools.call("write", &write, "two")
        )
    };
    let (one, other) = block_on(both);
    assert_eq!(
        (&one.value["operation"], &other.value["operation"]),
        (&json!(2), &json!(2))
    );
    let other = block_on(tools.call("write", &json!({ "path": "m", "content": "2" }), "two"));
    assert_eq!(other.value["code"], "key_reused");
    assert_eq!(fixture.text("/m"), "1");
    // Another agent has ids of its own.
    let peer = crate::support::tools(&fixture.workspace, fixture.copy, "peer");
    let peers = block_on(peer.call("write", &json!({ "path": "m", "content": "2" }), "two"));
    assert_eq!(peers.value["operation"], 3);
    for bad in ["", "two words", "ü"] {
        let refused = block_on(tools.call("write", &write, bad));
        assert_eq!(refused.value["code"], "malformed_key", "{bad}");
        assert!(block_on(tools.call("read", &json!({ "path": "m" }), bad)).is_ok());
    }
}

#[test]
fn what_changes_nothing_says_so_and_is_no_operation() {
    let fixture = Fixture::over(&[("/a", "1")]);
    let made = fixture.done("write", json!({ "path": "a", "content": "1" }));
    assert_eq!(
        (&made["operation"], &made["changed"]),
        (&json!(null), &json!([]))
    );
    assert_eq!(fixture.done("status", json!({}))["changed_total"], 0);
}

#[test]
fn calls_are_listed_and_taken_back_one_by_one_or_together() {
    let fixture = Fixture::over(&[("/a", "1\n2\n3\n")]);
    let tools = tools(&fixture.workspace, fixture.copy, "agent");
    let call = |tool: &str, arguments, id: &str| block_on(tools.call(tool, &arguments, id)).value;
    call(
        "edit",
        json!({ "path": "a", "old_string": "1", "new_string": "one" }),
        "c1",
    );
    call("write", json!({ "path": "b", "content": "b" }), "c2");
    call("move", json!({ "from": "b", "to": "x/c" }), "c3");
    call("delete", json!({ "path": "a" }), "c4");
    let history = fixture.done("history", json!({ "limit": 3 }));
    let calls = history["calls"].as_array().unwrap();
    let listed: Vec<_> = calls
        .iter()
        .map(|it| (it["call"].as_str().unwrap(), it["tool"].as_str().unwrap()))
        .collect();
    assert_eq!(listed, [("c4", "delete"), ("c3", "move"), ("c2", "write")]);
    assert_eq!(
        (&history["complete"], &calls[0]["yours"]),
        (&json!(false), &json!(true))
    );
    assert_eq!(fixture.next(&history)["complete"], true);

    let undone = call("undo", json!({ "call": "c4" }), "c5");
    assert_eq!(undone["changed"][0]["change"], "added");
    assert_eq!(fixture.text("/a"), "one\n2\n3\n");
    let undone = call("undo", json!({ "from": 2, "to": 3 }), "c6");
    assert_eq!(
        (&undone["operation"], &undone["changed_total"]),
        (&json!(6), &json!(2))
    );
    assert_eq!(fixture.files().len(), 1);
    // An undo is a call like any other.
    assert_eq!(call("undo", json!({ "call": "c6" }), "c7")["operation"], 7);
    assert_eq!(fixture.text("/x/c"), "b");
    assert_eq!(
        call("undo", json!({ "call": "c6" }), "c7")["repeated"],
        true
    );
    let nothing = call("undo", json!({ "call": "c4" }), "c8");
    assert_eq!(nothing["operation"], json!(null));
    let diff = fixture.done("diff", json!({ "call": "c1" }));
    assert!(
        diff["diff"].as_str().unwrap().contains("\n-1\n+one\n 2\n"),
        "{diff}"
    );
}

#[test]
fn what_was_changed_since_is_not_taken_back() {
    let fixture = Fixture::over(&[("/a", "1\n")]);
    fixture.done("write", json!({ "path": "a", "content": "2\n" }));
    fixture.done("write", json!({ "path": "a", "content": "3\n" }));
    let refused = fixture.refused("undo", json!({ "operation": 1 }));
    assert_eq!(
        (&refused["code"], &refused["paths"]),
        (&json!("conflict"), &json!(["/a"]))
    );
    assert_eq!(
        (
            &refused["changed_by"]["operation"],
            &refused["changed_by"]["yours"]
        ),
        (&json!(2), &json!(true))
    );
    fixture.next(&refused);
}

#[test]
fn a_proposal_publishes_exactly_what_was_proposed() {
    let fixture = Fixture::new();
    fixture.done("write", json!({ "path": "a", "content": "1" }));
    let proposed = fixture.done("propose", json!({ "message": "Add a" }));
    assert_eq!(proposed["published"], false);
    let proposal = Proposal::of(&proposed).unwrap();
    assert_eq!((proposal.message.as_str(), proposal.total), ("Add a", 1));
    let head = || crate::support::files(&fixture.workspace, At::Head);
    assert!(head().is_empty());
    fixture.done("write", json!({ "path": "b", "content": "2" }));
    let error = fixture
        .workspace
        .apply(fixture.copy, proposal.options())
        .unwrap_err();
    assert_eq!(error.kind(), workspace_core::ErrorKind::Stale);
    fixture.done("undo", json!({ "operation": 2 }));
    fixture
        .workspace
        .apply(fixture.copy, proposal.options())
        .unwrap();
    assert_eq!(
        head().into_iter().collect::<Vec<_>>(),
        [("/a".to_owned(), "1".to_owned())]
    );
    // The copy is closed.
    assert_eq!(fixture.call("status", json!({})).value["code"], "closed");
}

#[test]
fn a_proposal_is_not_published_elsewhere_than_was_proposed() {
    let fixture = Fixture::new();
    let options = ForkOptions::named("child").of(At::Copy(fixture.copy));
    let child = fixture.workspace.fork(options).unwrap().id;
    let tools = crate::support::tools(&fixture.workspace, child, "agent");
    let call = |tool: &str, arguments| block_on(tools.call(tool, &arguments, tool));
    call("write", json!({ "path": "a", "content": "1" }));
    let proposed = call("propose", json!({ "message": "Add a" }));
    let proposal = Proposal::of(&proposed.value).unwrap();
    assert_eq!(proposal.parent, At::Copy(fixture.copy));
    fixture.done("write", json!({ "path": "p", "content": "p" }));
    // Its parent is published meanwhile, and it is one of head then.
    fixture
        .workspace
        .apply(fixture.copy, ApplyOptions::default())
        .unwrap();
    let applied = fixture.workspace.apply(child, proposal.options());
    assert_eq!(
        applied.unwrap_err().kind(),
        workspace_core::ErrorKind::Stale
    );
    let head = crate::support::files(&fixture.workspace, At::Head);
    assert_eq!(head.into_keys().collect::<Vec<_>>(), ["/p"]);
}
