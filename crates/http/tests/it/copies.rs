//! The loop: fork, edit, review, apply or discard, restore.

use serde_json::json;

use crate::server::Server;

fn fork(server: &Server, name: &str) -> String {
    let copy = server.post("/v1/copies", json!({ "name": name })).ok();
    let id = copy.json()["id"].as_str().unwrap().to_string();
    assert_eq!(copy.header("location"), Some(&*format!("/v1/copies/{id}")));
    id
}

#[test]
fn nothing_is_published_until_it_is_applied() {
    let server = Server::new();
    let id = fork(&server, "draft");
    server
        .put("/v1/copies/draft/files/a?actor=me&note=first", "one")
        .ok();
    server.put(&format!("/v1/copies/{id}/files/b"), "two").ok();
    assert_eq!(server.get("/v1/head/files/a").status, 404);

    let status = server.get("/v1/copies/draft/status").ok().json();
    assert_eq!(status["parent_moved"], false);
    assert_eq!(status["changes"]["count"], 2);
    let operations = server
        .get("/v1/copies/draft/operations?limit=1")
        .ok()
        .json();
    assert_eq!(operations["operations"][0]["actor"], "me");
    assert_eq!(operations["operations"][0]["cause"]["kind"], "edit");
    assert_eq!(operations["next"], 1);

    let undone = server
        .post("/v1/copies/draft/undo", json!({ "operation": 2 }))
        .ok();
    assert_eq!(undone.json()["operation"], 3);
    let tree = server.get("/v1/copies/draft").json()["tree"].clone();
    let reviewed = json!({ "expect_tree": "00".repeat(32) });
    assert_eq!(
        server.post("/v1/copies/draft/apply", reviewed).problem(),
        (412, "stale".into())
    );
    for (parent, refused) in [
        (&*id, (412, "stale".into())),
        ("nobody", (400, "invalid".into())),
    ] {
        let apply = json!({ "expect_parent": parent });
        let answer = server.post("/v1/copies/draft/apply", apply);
        assert_eq!(answer.problem(), refused, "{parent}");
    }
    let apply = json!({ "expect_tree": tree, "expect_parent": "head", "message": "go", "metadata": { "k": "v" } });
    let applied = server.post("/v1/copies/draft/apply", apply).ok().json();
    assert_eq!(applied, json!({ "outcome": "published", "revision": 1 }));
    let again = server
        .call("POST", &format!("/v1/copies/{id}/apply"))
        .send()
        .ok();
    assert_eq!(again.json(), json!({ "outcome": "already", "revision": 1 }));

    assert_eq!(server.get("/v1/head/files/a").body, "one");
    let revision = server.get("/v1/revisions/1").ok().json();
    assert_eq!(revision["cause"], json!({ "kind": "apply", "copy": id }));
    assert_eq!(revision["metadata"]["k"], "v");
    assert_eq!(server.get("/v1/revisions/1/files/a").body, "one");
    assert_eq!(
        server
            .put(&format!("/v1/copies/{id}/files/a"), "x")
            .problem(),
        (410, "closed".into())
    );
    assert_eq!(
        server.get(&format!("/v1/copies/{id}")).json()["state"],
        "applied"
    );
    assert_eq!(server.get("/v1/copies/draft").status, 404);
}

#[test]
fn a_copy_of_a_copy_is_applied_to_it() {
    let server = Server::new();
    let parent = fork(&server, "draft");
    server.put("/v1/copies/draft/files/a", "one").ok();
    let child = json!({ "name": "try", "copy": "draft" });
    let child = server.post("/v1/copies", child).ok().json();
    assert_eq!(child["parent"], json!(parent));
    assert_eq!(
        (&child["top"], &child["base_version"]),
        (&json!(parent), &json!(1))
    );
    server.put("/v1/copies/try/files/b", "two").ok();
    let status = server.get("/v1/copies/try/status").ok().json();
    assert_eq!(
        (&status["parent_moved"], &status["parent_version"]),
        (&json!(false), &json!(1))
    );
    let with = json!({ "message": "why", "actor": "who", "metadata": { "k": "v" } });
    let refused = server.post("/v1/copies/try/apply", with).problem();
    assert_eq!(refused, (400, "invalid".into()));
    let apply = json!({ "message": "why", "actor": "who" });
    let id = child["id"].as_str().unwrap();
    for outcome in ["applied", "already"] {
        let applied = server.post(&format!("/v1/copies/{id}/apply"), apply.clone());
        assert_eq!(
            applied.ok().json(),
            json!({ "outcome": outcome, "operation": 2 })
        );
    }
    let closed = server.get(&format!("/v1/copies/{id}")).ok().json();
    assert_eq!(
        (&closed["state"], &closed["parent_operation"]),
        (&json!("applied"), &json!(2))
    );
    let log = server
        .get("/v1/copies/draft/operations?after=1")
        .ok()
        .json();
    let operation = &log["operations"][0];
    assert_eq!(operation["cause"], json!({ "kind": "apply", "copy": id }));
    assert_eq!(
        (&operation["actor"], &operation["note"]),
        (&json!("who"), &json!("why"))
    );
    assert_eq!(server.get("/v1/head/files/b").status, 404);
    assert_eq!(server.get("/v1/copies/draft/files/b").body, "two");

    let both = json!({ "copy": "draft", "revision": 1 });
    assert_eq!(
        server.post("/v1/copies", both).problem(),
        (400, "invalid".into())
    );
    for nobody in [json!({ "copy": "nobody" }), json!({ "revision": 7 })] {
        let refused = server.post("/v1/copies", nobody).problem();
        assert_eq!(refused, (404, "not_found".into()));
    }
    server.call("POST", "/v1/copies/draft/apply").send().ok();
    let old = server
        .post("/v1/copies", json!({ "revision": 1 }))
        .ok()
        .json();
    assert_eq!(
        (&old["parent"], &old["base_version"]),
        (&json!(null), &json!(1))
    );
}

#[test]
fn every_conflict_has_a_way_out() {
    let server = Server::new();
    server.put("/v1/head/files/text", "one\ntwo\nthree\n").ok();
    server.put("/v1/head/files/own", "base").ok();
    fork(&server, "draft");
    server
        .put("/v1/copies/draft/files/text", "ONE\ntwo\nthree\n")
        .ok();
    server.put("/v1/copies/draft/files/own", "draft").ok();
    server.put("/v1/head/files/text", "one\ntwo\nTHREE\n").ok();
    server.call("DELETE", "/v1/head/files/own").send().ok();

    let found = server.get("/v1/copies/draft/conflicts").ok().json();
    assert_eq!(
        (&found["count"], &found["parent_version"]),
        (&json!(2), &json!(4))
    );
    let own = &found["conflicts"][0];
    assert_eq!(
        (&own["path"], &own["parent"]),
        (&json!("/own"), &json!(null))
    );
    assert_eq!(own["copy"]["kind"], "file");

    let rebase = |body| server.post("/v1/copies/draft/rebase", body);
    let merge = json!({ "path": "/text", "take": "merge" });
    let refused = rebase(json!({ "resolutions": [merge] }));
    assert_eq!(refused.problem(), (409, "conflict".into()));
    assert_eq!(refused.json()["conflict"]["both"]["paths"], json!(["/own"]));
    for (resolution, reason) in [
        (json!({ "path": "/nowhere", "take": "copy" }), "no_conflict"),
        (json!({ "path": "own", "take": "copy" }), "malformed_path"),
        (
            json!({ "path": "/own", "take": "theirs" }),
            "malformed_body",
        ),
        (
            json!({ "path": "/own", "take": { "content": { "base64": "!" } } }),
            "malformed_body",
        ),
    ] {
        let all = json!({ "path": "/", "take": "parent" });
        let resolutions = match reason {
            "no_conflict" => {
                json!([{ "path": "/own", "take": "copy" }, { "path": "/text", "take": "copy" }, resolution])
            }
            _ => json!([resolution, all]),
        };
        let refused = rebase(json!({ "resolutions": resolutions }));
        assert_eq!(refused.problem(), (400, "invalid".into()), "{reason}");
        assert_eq!(refused.json()["reason"], reason);
    }
    let own = json!({ "path": "/own", "take": "copy" });
    let resolutions = json!([own, merge]);
    let stale = json!({ "resolutions": resolutions, "expect_parent_version": 1 });
    assert_eq!(rebase(stale).problem(), (412, "stale".into()));
    let rebased = rebase(json!({ "resolutions": resolutions, "expect_parent_version": 4 }));
    assert_eq!(rebased.ok().json()["merged"], json!(["/text"]));
    assert_eq!(
        server.get("/v1/copies/draft/files/text").body,
        "ONE\ntwo\nTHREE\n"
    );

    let part = || {
        let only = json!({ "only": ["/text"] });
        server.post("/v1/copies/draft/apply", only).ok().json()
    };
    let published = json!({ "outcome": "published", "revision": 2, "in_part": true });
    assert_eq!(part(), published);
    // Again, nothing is left of it; the rest is still to be applied.
    let unchanged = json!({ "outcome": "unchanged", "in_part": true });
    assert_eq!(part(), unchanged);
    assert_eq!(server.get("/v1/head/files/own").status, 404);
    let revision = server.get("/v1/revisions/2").ok().json();
    assert_eq!(revision["cause"]["kind"], "apply_in_part");
    assert_eq!(server.get("/v1/copies/draft").json()["state"], "open");
}

#[test]
fn copies_are_applied_together() {
    let server = Server::new();
    for (copy, path) in [("one", "a"), ("two", "b"), ("three", "a")] {
        fork(&server, copy);
        server
            .put(&format!("/v1/copies/{copy}/files/{path}"), copy)
            .ok();
    }
    let copies = json!({ "copies": ["one", "two", "three"] });
    let found = server.post("/v1/overlap", copies).ok().json();
    assert_eq!(found["overlaps"].as_array().unwrap().len(), 1);
    assert_eq!(
        found["overlaps"][0]["paths"],
        json!({ "paths": ["/a"], "count": 1 })
    );
    let all = |names: &[&str]| {
        let copies: Vec<_> = names.iter().map(|name| json!({ "copy": name })).collect();
        server.post(
            "/v1/apply",
            json!({ "copies": copies, "message": "together" }),
        )
    };
    assert_eq!(
        all(&["one", "two", "three"]).problem(),
        (409, "conflict".into())
    );
    assert_eq!(server.get("/v1/head/files/a").status, 404);
    let applied = all(&["one", "two"]).ok().json();
    assert_eq!(
        applied["applied"][1],
        json!({ "outcome": "published", "revision": 2 })
    );
    assert_eq!(server.get("/v1/revisions/2").json()["message"], "together");
    assert_eq!(all(&["three", "three"]).problem(), (400, "invalid".into()));
    assert_eq!(all(&["nobody"]).problem(), (404, "not_found".into()));
}

#[test]
fn a_conflict_names_the_paths_and_loses_nothing() {
    let server = Server::new();
    fork(&server, "left");
    fork(&server, "right");
    server.put("/v1/copies/left/files/both", "left").ok();
    server.put("/v1/copies/left/files/left", "left").ok();
    server.put("/v1/copies/right/files/both", "right").ok();
    server.put("/v1/copies/right/files/right", "right").ok();
    server.call("POST", "/v1/copies/left/apply").send().ok();

    let conflict = server.call("POST", "/v1/copies/right/apply").send();
    assert_eq!(conflict.problem(), (409, "conflict".into()));
    assert_eq!(
        conflict.json()["conflict"],
        json!({
            "parent": { "paths": ["/left"], "count": 1 },
            "copy": { "paths": ["/right"], "count": 1 },
            "both": { "paths": ["/both"], "count": 1 },
        })
    );
    let rebase = server.call("POST", "/v1/copies/right/rebase").send();
    assert_eq!(rebase.problem(), (409, "conflict".into()));
    assert_eq!(
        server.get("/v1/copies/right/status").json()["parent_moved"],
        true
    );
    server
        .call("DELETE", "/v1/copies/right/files/both")
        .send()
        .ok();
    let rebased = server
        .post("/v1/copies/right/rebase", json!({ "actor": "me" }))
        .ok()
        .json();
    assert_eq!(rebased["copy"]["base_version"], 1);
    assert_eq!(
        server
            .call("POST", "/v1/copies/right/apply")
            .send()
            .ok()
            .json()["revision"],
        2
    );
    assert_eq!(server.get("/v1/head/files/both").body, "left");
    assert_eq!(server.get("/v1/head/files/right").body, "right");
}

#[test]
fn copies_are_named_listed_and_discarded() {
    let server = Server::new();
    let ids: Vec<String> = ["a", "b", "c"].map(|name| fork(&server, name)).into();
    let taken = server.post("/v1/copies", json!({ "name": "a" }));
    assert_eq!(taken.problem(), (409, "already_exists".into()));
    let nameless = server.call("POST", "/v1/copies").send().ok().json();
    assert!(nameless.get("name").is_none());

    let rename = |copy: &str, body| {
        server
            .call("PATCH", &format!("/v1/copies/{copy}"))
            .json(&body)
            .send()
    };
    assert_eq!(rename("a", json!({ "name": "d" })).ok().json()["name"], "d");
    assert_eq!(
        rename("d", json!({ "name": "b" })).problem(),
        (409, "already_exists".into())
    );
    assert!(
        rename("d", json!({ "name": null }))
            .ok()
            .json()
            .get("name")
            .is_none()
    );
    assert_eq!(rename("b", json!({})).problem(), (400, "invalid".into()));

    let discarded = server
        .call("POST", "/v1/copies/b/discard")
        .send()
        .ok()
        .json();
    assert_eq!(discarded["state"], "discarded");
    server
        .call("POST", &format!("/v1/copies/{}/discard", ids[1]))
        .send()
        .ok();
    let open = server.get("/v1/copies").json();
    assert_eq!(open["copies"].as_array().unwrap().len(), 3);
    let page = server.get("/v1/copies?closed=true&limit=3").json();
    let rest = server.get(&format!(
        "/v1/copies?closed=true&after={}",
        page["next"].as_str().unwrap()
    ));
    assert_eq!(rest.json()["copies"].as_array().unwrap().len(), 1);
    for bad in ["name=x", "limit=0", "after=xyz"] {
        assert_eq!(server.get(&format!("/v1/copies?{bad}")).status, 400);
    }
    let past = server.post("/v1/copies", json!({ "expires": 1 }));
    assert_eq!(past.problem(), (400, "invalid".into()));
}

#[test]
fn an_undo_that_later_operations_touch_is_a_conflict() {
    let server = Server::new();
    fork(&server, "draft");
    server.put("/v1/copies/draft/files/a", "one").ok();
    server.put("/v1/copies/draft/files/a", "two").ok();
    let undo =
        |operation: u64| server.post("/v1/copies/draft/undo", json!({ "operation": operation }));
    assert_eq!(undo(1).problem(), (409, "conflict".into()));
    assert_eq!(undo(9).problem(), (404, "not_found".into()));
    assert_eq!(undo(0).problem(), (400, "invalid".into()));
    undo(2).ok();
    assert_eq!(server.get("/v1/copies/draft/files/a").body, "one");
}

#[test]
fn revisions_are_recorded_restored_and_pruned() {
    let server = Server::new();
    for content in ["one", "two", "three"] {
        server.put("/v1/head/files/a", content).ok();
        server
            .post("/v1/revisions", json!({ "message": content }))
            .ok();
    }
    let unchanged = server.call("POST", "/v1/revisions").send().ok().json();
    assert_eq!(unchanged, json!({ "outcome": "unchanged", "revision": 3 }));
    let page = server.get("/v1/revisions?limit=2").ok().json();
    assert_eq!(
        (&page["revisions"][0]["id"], &page["next"]),
        (&json!(3), &json!(2))
    );
    assert_eq!(
        server.get("/v1/revisions?before=2").json()["revisions"][0]["message"],
        "one"
    );
    let restored = server
        .post("/v1/revisions/1/restore", json!({ "message": "back" }))
        .ok()
        .json();
    assert_eq!(restored["revision"], 4);
    assert_eq!(server.get("/v1/head/files/a").body, "one");
    assert_eq!(
        server
            .post("/v1/revisions/prune", json!({ "newest": 2 }))
            .ok()
            .json()["pruned"],
        2
    );
    for (revision, status) in [("1", 404), ("9", 404), ("0", 400), ("x", 400), ("-1", 400)] {
        assert_eq!(
            server.get(&format!("/v1/revisions/{revision}")).status,
            status
        );
        let restore = server
            .call("POST", &format!("/v1/revisions/{revision}/restore"))
            .send();
        assert_eq!(restore.status, status);
    }
}

#[test]
fn upkeep_is_done_in_steps() {
    let server = Server::new();
    fork(&server, "draft");
    server
        .put("/v1/copies/draft/files/a", "x".repeat(200).leak())
        .ok();
    server.call("POST", "/v1/copies/draft/discard").send().ok();
    let objects = || server.get("/v1/usage").ok().json()["object_contents"].clone();
    assert_eq!(objects(), 1);
    let mut steps = 0;
    while server.call("POST", "/v1/gc?rows=1").send().ok().json()["done"] == false {
        steps += 1;
    }
    assert!(steps > 2);
    assert_eq!(objects(), 0);
    let report = server.get("/v1/fsck?contents=true").ok().json();
    assert_eq!(report["problem_count"], 0);
    assert_eq!(server.get("/v1/fsck?contents=maybe").status, 400);
}

/// A write into a copy that is closed is refused in the same words, by whatever route.
#[test]
fn a_closed_copy_refuses_a_write_as_it_refuses_a_change() {
    let server = Server::new();
    let copy = server.post("/v1/copies", json!({})).ok().json();
    let id = copy["id"].as_str().unwrap();
    let discard = format!("/v1/copies/{id}/discard");
    server.call("POST", &discard).send().ok();
    let batch = json!({ "changes": [
        { "op": "write", "path": "/a", "content": { "text": "x" } },
    ] });
    let changed = server.post(&format!("/v1/copies/{id}/changes"), batch);
    let written = server.put(&format!("/v1/copies/{id}/files/a"), "x");
    assert_eq!(written.status, changed.status);
    assert_eq!(written.json(), changed.json());
}

/// > An operation of a copy is told with what it changed, and with nothing that others did.
///
/// What one operation changed, and nothing that others did.
#[test]
fn an_operation_tells_what_it_changed() {
    let server = Server::new();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    for (path, note) in [("a", "first"), ("b", "second")] {
        let uri = format!("/v1/copies/draft/files/{path}?note={note}");
        server.put(&uri, "x").ok();
    }
    server.put("/v1/copies/draft/files/a?note=third", "y").ok();
    let told = |operation: u64| {
        let uri = format!("/v1/copies/draft/operation?operation={operation}");
        server.get(&uri)
    };
    for (operation, note, path) in [(1, "first", "/a"), (2, "second", "/b"), (3, "third", "/a")] {
        let told = told(operation).ok().json();
        assert_eq!(told["operation"]["note"], note);
        let changes = told["changes"]["differences"].as_array().unwrap();
        assert_eq!(changes.len(), 1, "{note}");
        assert_eq!(changes[0]["path"], path);
    }
    for operation in [0, 4, 1 << 40] {
        assert_eq!(told(operation).problem(), (404, "not_found".into()));
    }
    let uri = "/v1/copies/draft/operation";
    assert_eq!(server.get(uri).problem(), (400, "invalid".into()));
}
