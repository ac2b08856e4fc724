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
    assert_eq!(status["head_moved"], false);
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
    let apply = json!({ "expect_tree": tree, "message": "go", "metadata": { "k": "v" } });
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
            "head": { "paths": ["/left"], "count": 1 },
            "copy": { "paths": ["/right"], "count": 1 },
            "both": { "paths": ["/both"], "count": 1 },
        })
    );
    let rebase = server.call("POST", "/v1/copies/right/rebase").send();
    assert_eq!(rebase.problem(), (409, "conflict".into()));
    assert_eq!(
        server.get("/v1/copies/right/status").json()["head_moved"],
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
