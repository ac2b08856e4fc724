//! Directories in pages, batches of changes, differences.

use serde_json::json;

use crate::server::Server;

#[test]
fn a_batch_is_all_or_nothing() {
    let server = Server::new();
    let batch = json!({
        "changes": [
            { "op": "mkdir", "path": "/d/e", "parents": true },
            { "op": "write", "path": "/d/text", "content": { "text": "grüß" } },
            { "op": "write", "path": "/d/bytes", "content": { "base64": "AP8=" }, "executable": true,
              "media_type": "image/x", "provenance": "somewhere", "modified": 5, "if_absent": true },
            { "op": "symlink", "path": "/d/link", "target": "text" },
            { "op": "copy", "from": "/d", "to": "/copy" },
            { "op": "move", "from": "/copy/text", "to": "/moved" },
            { "op": "set_executable", "path": "/moved", "executable": true },
            { "op": "remove", "path": "/copy", "recursive": true },
        ],
        "expect_generation": 0, "actor": "me", "note": "all at once",
    });
    let changed = server.post("/v1/head/changes", batch).ok().json();
    assert_eq!(changed["generation"], 1);
    assert_eq!(server.get("/v1/head/files/moved").body, "grüß");
    assert_eq!(&*server.get("/v1/head/files/d/bytes").body, [0, 255]);
    assert_eq!(
        server.get("/v1/head/stat/moved").json()["entry"]["executable"],
        true
    );
    assert_eq!(server.get("/v1/head/stat/copy").status, 404);
    let bytes = server.get("/v1/head/stat/d/bytes").json();
    assert_eq!(bytes["entry"]["provenance"], "somewhere");
    assert_eq!(bytes["entry"]["modified"], 5);

    let before = server.get("/v1/head").body;
    for (change, status, code) in [
        (json!({ "op": "remove", "path": "/none" }), 404, "not_found"),
        (json!({ "op": "remove", "path": "/d" }), 409, "not_empty"),
        (
            json!({ "op": "mkdir", "path": "/d" }),
            409,
            "already_exists",
        ),
        (
            json!({ "op": "mkdir", "path": "/moved/x" }),
            409,
            "not_a_directory",
        ),
        (
            json!({ "op": "write", "path": "/d", "content": { "text": "" } }),
            409,
            "is_a_directory",
        ),
        (
            json!({ "op": "write", "path": "/moved", "content": { "text": "" }, "if_content": "00".repeat(32) }),
            412,
            "stale",
        ),
        (
            json!({ "op": "write", "path": "/moved", "content": { "base64": "?" } }),
            400,
            "invalid",
        ),
        (
            json!({ "op": "write", "path": "../x", "content": { "text": "" } }),
            400,
            "invalid",
        ),
        (json!({ "op": "explode", "path": "/x" }), 400, "invalid"),
        (
            json!({ "op": "mkdir", "path": "/x", "mode": 493 }),
            400,
            "invalid",
        ),
    ] {
        let batch = json!({ "changes": [{ "op": "mkdir", "path": "/new" }, change] });
        assert_eq!(
            server.post("/v1/head/changes", batch).problem(),
            (status, code.into()),
            "{change}"
        );
    }
    let stale = json!({ "changes": [], "expect_generation": 0 });
    assert_eq!(
        server.post("/v1/head/changes", stale).problem(),
        (412, "stale".into())
    );
    assert_eq!(server.get("/v1/head").body, before);
}

#[test]
fn listings_come_in_pages() {
    let server = Server::new();
    let changes: Vec<_> = (0..25)
        .map(|n| json!({ "op": "write", "path": format!("/d/{n:02}"), "content": { "text": "x" }, "create_parents": true }))
        .collect();
    server
        .post("/v1/head/changes", json!({ "changes": changes }))
        .ok();
    let mut names = Vec::new();
    let mut after = String::new();
    loop {
        let page = server
            .get(&format!("/v1/head/list/d?limit=10{after}"))
            .ok()
            .json();
        let entries = page["entries"].as_array().unwrap();
        assert!(entries.len() <= 10);
        names.extend(
            entries
                .iter()
                .map(|entry| entry["name"].as_str().unwrap().to_string()),
        );
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    let expected: Vec<String> = (0..25).map(|n| format!("{n:02}")).collect();
    assert_eq!(names, expected);
    let root = server.get("/v1/head/list").json();
    assert_eq!(root["entries"][0]["entry"]["files"], 25);
    assert_eq!(server.get("/v1/head/stat").json()["path"], "/");
    assert_eq!(
        server.get("/v1/head/list/d/01").problem(),
        (409, "not_a_directory".into())
    );
    assert_eq!(
        server.get("/v1/head/list/none").problem(),
        (404, "not_found".into())
    );
    for bad in [
        "limit=0",
        "limit=10001",
        "limit=x",
        "limit=-1",
        "after=a/b",
        "after=",
        "what=1",
        "limit=1&limit=2",
    ] {
        assert_eq!(
            server.get(&format!("/v1/head/list/d?{bad}")).status,
            400,
            "{bad}"
        );
    }
}

#[test]
fn trees_are_compared() {
    let server = Server::new();
    server.put("/v1/head/files/a", "one").ok();
    server
        .post("/v1/revisions", json!({ "message": "first" }))
        .ok();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let batch = json!({ "changes": [
        { "op": "move", "from": "/a", "to": "/b" },
        { "op": "write", "path": "/c", "content": { "text": "new" } },
    ] });
    server.post("/v1/copies/draft/changes", batch).ok();
    let diff = |query: &str| server.get(&format!("/v1/diff?{query}"));
    let found = diff("from=revision:1&to=copy:draft").ok().json();
    assert_eq!(found["count"], 2);
    assert_eq!(found["differences"][0]["renamed_from"], "/a");
    let whole = diff("from=head&to=copy:draft&renames=false").json();
    let (all, count) = (whole["differences"].as_array().unwrap(), &whole["count"]);
    assert_eq!((all.len(), count.is_null()), (3, true));
    let page = diff("from=head&to=copy:draft&renames=false&limit=1&after=/a").json();
    assert_eq!(page["differences"][0], all[1]);
    assert_eq!(page["next"], "/b");
    let end = diff("from=head&to=copy:draft&renames=false&after=/b").json();
    assert_eq!((&end["differences"][0], end.get("next")), (&all[2], None));
    assert_eq!(diff("from=head&to=copy:draft&below=/c").json()["count"], 1);
    let page = diff("from=head&to=copy:draft&limit=1").json();
    assert_eq!(page["next"], "/b");
    assert_eq!(
        diff("from=head&to=copy:draft&after=/b").json()["differences"][0]["path"],
        "/c"
    );
    let tree = server.get("/v1/head").json()["tree"]
        .as_str()
        .unwrap()
        .to_string();
    assert_eq!(
        diff(&format!("from=tree:{tree}&to=head")).json()["count"],
        0
    );
    for (bad, status) in [
        ("from=head", 400),
        ("from=head&to=heads", 400),
        ("from=head&to=revision:x", 400),
        ("from=head&to=revision:9", 404),
        ("from=head&to=copy:none", 404),
        ("from=head&to=head&below=x", 400),
    ] {
        assert_eq!(diff(bad).status, status, "{bad}");
    }
}
