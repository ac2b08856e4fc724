//! Tokens of grants: what their holders can do, and what they cannot know.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use futures::executor::block_on;
use futures::{StreamExt as _, stream};
use proptest::prelude::*;
use serde_json::{Value, json};
use workspace_core::store::BlobStore as _;
use workspace_testkit::MemoryBlobs;

use crate::server::{Answer, Server};

/// A server with an open copy of some files.
fn filled() -> Server {
    let server = Server::new();
    for file in [
        "site/pub/a.md",
        "site/pub/deep/b.txt",
        "site/ro/c",
        "site/drop/d",
    ] {
        let uri = format!("/v1/head/files/{file}?create_parents=true");
        server.put(&uri, "inside").ok();
    }
    server
}

fn fork(server: &Server) {
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
}

fn issue(server: &Server, copy: &str, body: Value) -> (String, String) {
    let issued = server.post(&format!("/v1/copies/{copy}/grants"), body).ok();
    let issued = issued.json();
    let text = |value: &Value| value.as_str().unwrap().to_string();
    (text(&issued["token"]), text(&issued["grant"]["id"]))
}

fn site_scope() -> Value {
    json!({
        "root": "/site", "delete": true,
        "read": ["/pub/**", "/ro/**"], "write": ["/pub/**", "/drop/**"],
    })
}

/// A server and the token of a grant to a part of its copy.
fn holding() -> (Server, String, String) {
    let server = filled();
    fork(&server);
    let body = json!({ "scope": site_scope(), "actor": "agent", "label": "for the agent" });
    let (token, id) = issue(&server, "draft", body);
    (server, token, id)
}

fn get(server: &Server, token: &str, uri: &str) -> Answer {
    server.call("GET", uri).with_token(token).send()
}

fn put(server: &Server, token: &str, uri: &str, body: &'static str) -> Answer {
    server.call("PUT", uri).with_token(token).body(body).send()
}

fn post(server: &Server, token: &str, uri: &str, body: &Value) -> Answer {
    server.call("POST", uri).with_token(token).json(body).send()
}

/// What a holder may add is bounded, and it is told how much is left.
#[test]
fn a_holder_keeps_to_its_budget() {
    let server = filled();
    fork(&server);
    let scope = json!({ "read": ["**"], "write": ["**"], "delete": true });
    let body = json!({ "scope": scope, "max_bytes": 100, "max_entries": 2 });
    let (token, id) = issue(&server, "draft", body);
    let left = |token: &str| {
        let view = get(&server, token, "/v1/view").ok().json();
        (view["bytes_left"].as_u64(), view["entries_left"].as_u64())
    };
    assert_eq!(left(&token), (Some(100), Some(2)));
    let body = json!({ "scope": scope, "max_bytes": 1000 });
    let narrow = post(&server, &token, "/v1/view/grants", &body).json();
    assert_eq!(narrow["view"]["bytes_left"], 100);
    let narrow = narrow["token"].as_str().unwrap();
    // A name counts as well.
    put(&server, narrow, "/v1/view/files/a", "012345678");
    assert_eq!(
        (left(&token), left(narrow)),
        ((Some(90), Some(1)), (Some(90), Some(1)))
    );
    for token in [&token, narrow] {
        let long: &'static str = Box::leak("x".repeat(91).into_boxed_str());
        let refused = put(&server, token, "/v1/view/files/b", long);
        assert_eq!(refused.problem(), (413, "limit_exceeded".into()));
        let batch = json!({ "changes": [
            { "op": "mkdir", "path": "/b" }, { "op": "mkdir", "path": "/c" },
        ] });
        let refused = post(&server, token, "/v1/view/changes", &batch);
        assert_eq!(refused.problem(), (413, "limit_exceeded".into()));
    }
    assert_eq!(get(&server, &token, "/v1/view/stat/b").status, 404);
    let listed = server.get("/v1/copies/draft/grants").json();
    let grants = listed["grants"].as_array().unwrap();
    let grant = grants.iter().find(|grant| grant["id"] == *id).unwrap();
    assert_eq!(
        [
            &grant["max_bytes"],
            &grant["used_bytes"],
            &grant["max_entries"],
            &grant["used_entries"]
        ],
        [100, 10, 2, 1]
    );
    // What cannot fit is refused before it is sent.
    let refused = server
        .call("PUT", "/v1/view/files/long")
        .with_token(&token)
        .header("content-length", "91")
        .body(Body::from_stream(stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >()))
        .send();
    assert_eq!(refused.problem(), (413, "limit_exceeded".into()));
    let unlimited = issue(&server, "draft", json!({ "scope": scope })).0;
    assert_eq!(left(&unlimited), (None, None));
}

/// What was sent and then refused stayed stored, of who could add nothing.
#[test]
fn what_a_holder_is_refused_leaves_no_object() {
    let blobs = Arc::new(MemoryBlobs::new());
    let objects = || block_on(blobs.list(None, 99)).unwrap().len();
    let server = Server::on_blobs(Arc::clone(&blobs));
    fork(&server);
    let scope = json!({ "read": ["**"], "write": ["**"], "delete": true });
    let large: &'static str = Box::leak("x".repeat(100_000).into_boxed_str());
    let body = json!({ "scope": scope, "max_bytes": 150_000 });
    let (token, _) = issue(&server, "draft", body);
    let put = put(&server, &token, "/v1/view/files/a", large);
    assert_eq!((put.status, objects()), (201, 1));
    let write = json!({ "op": "write", "path": "/b", "content": { "text": &large[..90_000] } });
    let batch = json!({ "changes": [write] });
    let refused = post(&server, &token, "/v1/view/changes", &batch);
    assert_eq!(refused.problem(), (413, "limit_exceeded".into()));
    assert_eq!(objects(), 1);
    // Nothing may be added: that is known before the body is sent.
    let (token, _) = issue(
        &server,
        "draft",
        json!({ "scope": scope, "max_entries": 0 }),
    );
    let refused = server
        .call("PUT", "/v1/view/files/b")
        .with_token(&token)
        .header("content-length", "100000")
        .body(Body::from_stream(stream::pending::<
            Result<Vec<u8>, std::io::Error>,
        >()))
        .send();
    assert_eq!(refused.problem(), (413, "limit_exceeded".into()));
}

/// CI reads a revision, and a site's Worker head, without a token that can write.
#[test]
fn head_and_revisions_are_read_by_a_token_of_their_own() {
    let server = filled();
    let revision = server.post("/v1/revisions", json!({})).ok().json();
    let revision = revision["revision"].as_u64().unwrap();
    let of_revision = format!("/v1/revisions/{revision}/grants");
    let reading = json!({ "root": "/site", "read": ["/pub/**"] });
    let issue = |uri: &str, scope: &Value| server.post(uri, json!({ "scope": scope }));
    for uri in ["/v1/head/grants", &of_revision] {
        for wider in [
            json!({ "read": ["**"], "write": ["**"] }),
            json!({ "read": ["**"], "delete": true }),
        ] {
            let refused = issue(uri, &wider);
            assert_eq!(refused.problem().1, "read_only", "{uri} {wider}");
        }
        let issued = issue(uri, &reading);
        assert_eq!(issued.status, 201);
        let issued = issued.json();
        let token = issued["token"].as_str().unwrap().to_string();
        let file = get(&server, &token, "/v1/view/files/pub/a.md");
        assert_eq!((file.status, &file.body[..]), (200, &b"inside"[..]));
        assert_eq!(get(&server, &token, "/v1/view/files/ro/c").status, 403);
        assert_eq!(
            put(&server, &token, "/v1/view/files/pub/a.md", "x").status,
            403
        );
        let removed = server
            .call("DELETE", "/v1/view/files/pub/a.md")
            .with_token(&token);
        assert_eq!(removed.send().status, 403);
        let batch = json!({ "changes": [] });
        assert_eq!(
            post(&server, &token, "/v1/view/changes", &batch).status,
            403
        );
        for elsewhere in ["/v1/head", "/v1/head/files/site/ro/c", &of_revision] {
            assert_eq!(get(&server, &token, elsewhere).status, 403);
        }
        let narrower = json!({ "scope": { "read": ["/pub/a.md"] } });
        assert_eq!(
            post(&server, &token, "/v1/view/grants", &narrower).status,
            201
        );
        let listed = server.get(uri).ok().json();
        let listed = listed["grants"].as_array().unwrap();
        assert_eq!(listed.len(), 2);
        let id = issued["grant"]["id"].as_str().unwrap();
        let revoked = server.call("DELETE", &format!("/v1/grants/{id}")).send();
        assert_eq!(revoked.ok().json()["revoked"], 2);
        assert_eq!(get(&server, &token, "/v1/view").status, 401);
    }
    // Head's shows head as it changes, the revision's what was recorded.
    let token = |uri: &str| {
        let issued = issue(uri, &reading).json();
        issued["token"].as_str().unwrap().to_string()
    };
    let (head, recorded) = (token("/v1/head/grants"), token(&of_revision));
    let before = get(&server, &head, "/v1/view").json()["generation"].as_u64();
    server.put("/v1/head/files/site/pub/a.md", "later").ok();
    let read = |token: &str| get(&server, token, "/v1/view/files/pub/a.md").body;
    assert_eq!(
        (read(&head), read(&recorded)),
        ("later".into(), "inside".into())
    );
    let after = get(&server, &head, "/v1/view").json()["generation"].as_u64();
    assert!(after > before, "{after:?} {before:?}");
    assert_eq!(get(&server, &recorded, "/v1/view").json()["generation"], 0);
    server.post("/v1/revisions", json!({})).ok();
    server
        .post("/v1/revisions/prune", json!({ "newest": 1 }))
        .ok();
    assert_eq!(get(&server, &recorded, "/v1/view").status, 401);
    let unknown = server.post("/v1/revisions/99/grants", json!({ "scope": reading }));
    assert_eq!(unknown.problem(), (404, "not_found".into()));
}

#[test]
fn a_holder_uses_its_part_of_the_copy() {
    let (server, token, id) = holding();
    let view = get(&server, &token, "/v1/view").ok().json();
    assert_eq!(view["scopes"][0]["read"], json!(["/pub/**", "/ro/**"]));
    assert_eq!(
        (&view["actor"], &view["generation"]),
        (&json!("agent"), &json!(0))
    );
    for hidden in ["copy", "id", "label"] {
        assert!(view.get(hidden).is_none());
    }

    assert_eq!(
        get(&server, &token, "/v1/view/files/pub/a.md").ok().body,
        "inside"
    );
    let listed = get(&server, &token, "/v1/view/list").ok().json();
    let names: Vec<&Value> = listed["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| &e["name"])
        .collect();
    assert_eq!(names, ["pub", "ro"]);
    assert_eq!(
        get(&server, &token, "/v1/view/stat/pub").ok().json()["path"],
        "/pub"
    );
    let written = put(
        &server,
        &token,
        "/v1/view/files/pub/new?actor=root&note=why",
        "new",
    );
    assert_eq!(written.status, 201);
    assert!(written.json()["changed"].get("tree").is_none());
    assert_eq!(written.json()["entry"]["size"], 3);
    let batch = json!({ "actor": "somebody else", "changes": [
        { "op": "move", "from": "/pub/new", "to": "/pub/moved" },
        { "op": "remove", "path": "/pub/deep", "recursive": true },
    ] });
    let changed = post(&server, &token, "/v1/view/changes", &batch)
        .ok()
        .json();
    assert_eq!(
        (&changed["generation"], changed.get("tree")),
        (&json!(2), None)
    );
    let archive = get(&server, &token, "/v1/view/export/pub").ok().body;
    let import = server
        .call("POST", "/v1/view/import?into=/drop&actor=root")
        .with_token(&token);
    let imported = import
        .header("content-type", "application/x-tar")
        .body(archive)
        .send()
        .ok();
    assert_eq!(imported.json()["files"], 2);
    let removed = server
        .call("DELETE", "/v1/view/files/pub/moved")
        .with_token(&token)
        .send();
    assert!(removed.ok().json().get("tree").is_none());

    let operations = server.get("/v1/copies/draft/operations").json();
    let operations = operations["operations"].as_array().unwrap();
    assert_eq!(operations.len(), 4);
    assert!(
        operations
            .iter()
            .all(|operation| operation["actor"] == "agent")
    );
    assert_eq!(operations[0]["note"], "why");
    assert_eq!(
        server
            .get("/v1/copies/draft/files/site/drop/moved")
            .ok()
            .body,
        "new"
    );

    let listed = server.get("/v1/copies/draft/grants").ok().json();
    assert_eq!(listed["grants"][0]["id"], *id);
    assert_eq!(listed["grants"][0]["scopes"], json!([site_scope()]));
    assert!(!listed.to_string().contains(&token));
}

#[test]
fn who_may_write_but_not_read_learns_nothing_of_what_is_there() {
    let (server, token, _) = holding();
    let answers = ["drop/d", "drop/new"].map(|file| {
        let written = put(&server, &token, &format!("/v1/view/files/{file}"), "mine");
        assert_eq!(written.status, 200);
        assert!(written.json().get("entry").is_none() && written.header("etag").is_none());
        for (name, value) in [("if-none-match", "*"), ("if-match", "*")] {
            let uri = format!("/v1/view/files/{file}");
            let call = server
                .call("PUT", &uri)
                .with_token(&token)
                .header(name, value);
            assert_eq!(call.body("x").send().problem(), (403, "denied".into()));
        }
        let read = get(&server, &token, &format!("/v1/view/files/{file}"));
        assert_eq!(read.problem(), (403, "denied".into()));
        let mut written = written.json();
        written["path"] = json!("");
        written["changed"] = json!({});
        written
    });
    assert_eq!(answers[0], answers[1]);
    let uri = "/v1/view/files/drop/d";
    assert_eq!(
        server.call("DELETE", uri).with_token(&token).send().status,
        200
    );
    assert_eq!(
        server.get("/v1/copies/draft/files/site/drop/new").body,
        "mine"
    );
}

/// That nothing may be written is known before the body: not a byte of it is taken.
#[test]
fn a_body_of_who_may_only_read_is_not_taken() {
    let server = filled();
    fork(&server);
    let (token, _) = issue(&server, "draft", json!({ "scope": { "read": ["**"] } }));
    let narrow = json!({ "scope": { "read": ["**"], "write": ["/mine/**"] } });
    let (writer, _) = issue(&server, "draft", narrow);
    for (token, method, uri, kind) in [
        (&token, "PUT", "/v1/view/files/a?create_parents=true", ""),
        (&token, "POST", "/v1/view/changes", "application/json"),
        (&token, "POST", "/v1/view/import", "application/x-tar"),
        (&writer, "PUT", "/v1/view/files/a", ""),
    ] {
        let body = stream::once(async { unreachable!("the body was asked for") });
        let body = body.map(|()| Ok::<_, std::io::Error>(""));
        let call = server.call(method, uri).with_token(token);
        let call = call
            .header("content-type", kind)
            .header("content-length", "4000000");
        let answer = call.body(Body::from_stream(body)).send();
        assert_eq!(answer.problem(), (403, "denied".into()), "{method} {uri}");
    }
    let put = put(
        &server,
        &writer,
        "/v1/view/files/mine/a?create_parents=true",
        "x",
    );
    assert_eq!(put.status, 201);
}

#[test]
fn a_token_that_is_dead_is_one_that_never_was() {
    let answer = |server: &Server, token: &str| {
        let answer = get(server, token, "/v1/view/files/pub/a.md");
        let elsewhere = get(server, token, "/v1/head");
        assert_eq!((elsewhere.status, &elsewhere.body), (401, &answer.body));
        (answer.status, format!("{:?}", answer.headers), answer.body)
    };
    let (server, token, id) = holding();
    let unknown = answer(&server, "wsg_never");
    assert_eq!(unknown.0, 401);
    assert_eq!(answer(&server, "nothing-like-a-token"), unknown);
    assert_eq!(answer(&server, &format!("{token}a")), unknown);
    assert_eq!(answer(&server, &token[..token.len() - 1]), unknown);

    let scope = json!({ "scope": { "read": ["/a.md"], "root": "/pub" } });
    let child = post(&server, &token, "/v1/view/grants", &scope).ok().json();
    let child = child["token"].as_str().unwrap();
    assert_eq!(
        get(&server, child, "/v1/view/files/a.md").ok().body,
        "inside"
    );
    let revoked = server.call("DELETE", &format!("/v1/grants/{id}")).send();
    assert_eq!(revoked.ok().json()["revoked"], 2);
    assert_eq!(answer(&server, &token), unknown);
    assert_eq!(answer(&server, child), unknown);
    let again = server.call("DELETE", &format!("/v1/grants/{id}")).send();
    assert_eq!(again.problem(), (404, "not_found".into()));

    let now = server.context.now().as_millis();
    let body = json!({ "scope": site_scope(), "expires": now + 10 });
    let (short, _) = issue(&server, "draft", body.clone());
    get(&server, &short, "/v1/view").ok();
    server.context.advance(10);
    assert_eq!(answer(&server, &short), unknown);
    assert_eq!(
        server.post("/v1/copies/draft/grants", body).problem(),
        (400, "invalid".into())
    );

    let (bound, _) = issue(&server, "draft", json!({ "scope": site_scope() }));
    get(&server, &bound, "/v1/view").ok();
    server.post("/v1/copies/draft/discard", json!({})).ok();
    assert_eq!(answer(&server, &bound), unknown);
    server.post("/v1/gc", json!({})).ok();
    assert_eq!(answer(&server, &bound), unknown);
}

#[test]
fn narrower_tokens_are_narrower() {
    let (server, token, _) = holding();
    let later = server.context.now().as_millis() + 1000;
    let body = json!({
        "scope": { "root": "/pub", "read": ["/deep/**", "/../x"], "write": ["**"] },
    });
    assert_eq!(
        post(&server, &token, "/v1/view/grants", &body).problem(),
        (400, "invalid".into())
    );
    let body = json!({
        "scope": { "root": "/pub", "read": ["/deep/**"], "write": ["**"] }, "expires": later,
    });
    let made = post(&server, &token, "/v1/view/grants", &body).ok().json();
    let child = made["token"].as_str().unwrap();
    assert_eq!(made["view"]["expires"], later);
    assert_eq!(
        made["view"]["scopes"],
        json!([
            { "read": ["/**"], "write": ["/**"], "delete": true },
            { "read": ["/deep/**"], "write": ["/**"], "delete": false },
        ])
    );
    let mut view = get(&server, child, "/v1/view").ok().json();
    assert_eq!(view, made["view"]);
    view["actor"].take();
    assert!(!view.to_string().contains("site") && !view.to_string().contains("pub"));
    assert_eq!(
        get(&server, child, "/v1/view/files/deep/b.txt").ok().body,
        "inside"
    );
    assert_eq!(get(&server, child, "/v1/view/files/a.md").status, 403);
    let remove = server
        .call("DELETE", "/v1/view/files/deep/b.txt")
        .with_token(child);
    assert_eq!(remove.send().problem(), (403, "denied".into()));
    // What is outside the grant that it was made from stays outside.
    let wide = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
    let made = post(&server, &token, "/v1/view/grants", &wide).ok().json();
    let child = made["token"].as_str().unwrap();
    assert_eq!(get(&server, child, "/v1/view/files/drop/d").status, 403);
    for (uri, body) in [
        (
            "/v1/copies/draft/grants",
            json!({ "scope": { "read": ["["] } }),
        ),
        (
            "/v1/copies/draft/grants",
            json!({ "scope": { "root": "relative" } }),
        ),
        (
            "/v1/copies/draft/grants",
            json!({ "scope": {}, "copy": "x" }),
        ),
        (
            "/v1/copies/draft/grants",
            json!({ "scope": {}, "label": "x".repeat(201) }),
        ),
        ("/v1/copies/draft/grants", json!({})),
    ] {
        assert_eq!(server.post(uri, body).problem(), (400, "invalid".into()));
    }
    let body = json!({ "scope": {} });
    assert_eq!(server.post("/v1/copies/none/grants", body).status, 404);
}

/// A body that revokes the grant when it is asked for its second chunk.
#[test]
fn a_revoked_holder_cannot_finish_what_it_began() {
    let (server, token, id) = holding();
    let revoke = server.router();
    let chunks = futures::stream::unfold(0, move |n| {
        let (revoke, id) = (revoke.clone(), id.clone());
        async move {
            if n == 1 {
                let uri = format!("/v1/grants/{id}");
                assert_eq!(crate::server::delete(revoke, &uri).await, 200);
            }
            (n < 3).then_some((Ok::<_, std::io::Error>("part"), n + 1))
        }
    });
    let body = axum::body::Body::from_stream(chunks);
    let uri = "/v1/view/files/pub/late";
    let answer = server.call("PUT", uri).with_token(&token).body(body).send();
    assert_eq!(answer.problem(), (401, "unauthorized".into()));
    assert_eq!(
        server.get("/v1/copies/draft/stat/site/pub/late").status,
        404
    );
}

#[test]
fn moving_needs_the_right_to_read_what_is_moved() {
    let (server, token, _) = holding();
    let to_where_it_is_read = json!({ "changes": [
        { "op": "move", "from": "/drop/d", "to": "/pub/out" },
    ] });
    let answer = post(&server, &token, "/v1/view/changes", &to_where_it_is_read);
    assert_eq!(answer.problem(), (403, "denied".into()));
    assert_eq!(get(&server, &token, "/v1/view/files/pub/out").status, 404);
    let copy = "/v1/copies/draft/files/site/drop/d";
    assert_eq!(server.get(copy).ok().body, "inside");
}

#[test]
fn removing_what_is_missing_needs_the_right_to_read() {
    let (server, token, _) = holding();
    let empty = get(&server, &token, "/v1/view/export/pub/deep").ok().body;
    let import = |into: &str| {
        let uri = format!("/v1/view/import?into={into}&delete_missing=true");
        let call = server.call("POST", &uri).with_token(&token);
        let call = call.header("content-type", "application/x-tar");
        call.body(empty.clone()).send()
    };
    assert_eq!(import("/drop").problem(), (403, "denied".into()));
    let copy = "/v1/copies/draft/files/site/drop/d";
    assert_eq!(server.get(copy).ok().body, "inside");
    assert_eq!(import("/pub").ok().json()["removed"], 2);
}

#[test]
fn a_condition_in_a_batch_needs_the_right_to_read() {
    let (server, token, _) = holding();
    let inside = workspace_core::ContentId::of(b"inside").to_string();
    for (path, expected) in [("/drop/d", 403), ("/drop/none", 403), ("/pub/a.md", 412)] {
        for (name, value) in [("if_absent", json!(true)), ("if_content", json!(inside))] {
            let mut change = json!({ "op": "write", "path": path, "content": { "text": "new" } });
            change[name] = value;
            let batch = json!({ "changes": [change] });
            let answer = post(&server, &token, "/v1/view/changes", &batch);
            let expected = match (expected, name) {
                (412, "if_absent") => 409,
                (412, _) => 200,
                (denied, _) => denied,
            };
            assert_eq!(answer.status, expected, "{path} {name}");
        }
    }
    let copy = "/v1/copies/draft/files/site/drop/d";
    assert_eq!(server.get(copy).ok().body, "inside");
}

#[test]
fn a_narrower_token_dies_with_the_one_it_was_made_from() {
    let (server, _, _) = holding();
    let now = server.context.now().as_millis();
    let body = json!({ "scope": site_scope(), "expires": now + 10 });
    let (short, _) = issue(&server, "draft", body);
    for expires in [json!(now + 1_000), json!(null)] {
        let body = json!({ "scope": { "read": ["**"] }, "expires": expires });
        let made = post(&server, &short, "/v1/view/grants", &body).ok().json();
        assert_eq!(made["view"]["expires"], now + 10);
        let child = made["token"].as_str().unwrap().to_string();
        get(&server, &child, "/v1/view").ok();
        if expires.is_null() {
            server.context.advance(10);
            assert_eq!(get(&server, &child, "/v1/view").status, 401);
        }
    }
}

#[test]
fn a_directory_that_a_grant_does_not_cover_is_not_made() {
    let server = filled();
    fork(&server);
    let scope = json!({ "root": "/site", "write": ["/*/x/*.md"] });
    let (token, _) = issue(&server, "draft", json!({ "scope": scope }));
    for missing in ["none/x/a.md", "ro/c/x/a.md"] {
        let uri = format!("/v1/view/files/{missing}?create_parents=true");
        let refused = put(&server, &token, &uri, "x");
        assert_eq!(refused.problem(), (403, "denied".into()));
    }
    assert_eq!(server.get("/v1/copies/draft/stat/site/none").status, 404);
    let globs = json!({ "scope": { "read": ["/**/a".repeat(17)] } });
    let refused = server.post("/v1/copies/draft/grants", globs);
    assert_eq!(refused.problem(), (400, "invalid".into()));
}

/// The same inside; in the one there is something outside.
fn worlds() -> [(Server, String); 2] {
    [true, false].map(|outside| {
        let server = filled();
        // There to be written, with other bytes, and not to be read.
        let drop = if outside { "this one" } else { "the other" };
        server.put("/v1/head/files/site/drop/d", drop).ok();
        if outside {
            for file in [
                "secret/key",
                "site/hidden/x",
                "site/pub2/y",
                "site/drop2",
                "site/z",
            ] {
                let uri = format!("/v1/head/files/{file}?create_parents=true");
                server.put(&uri, "outside").ok();
            }
            server.post("/v1/copies", json!({ "name": "other" })).ok();
        }
        fork(&server);
        if outside {
            server.post("/v1/revisions", json!({})).ok();
        }
        let (token, _) = issue(&server, "draft", json!({ "scope": site_scope() }));
        (server, token)
    })
}

fn paths() -> impl Strategy<Value = String> {
    let known = [
        "pub",
        "pub/a.md",
        "pub/deep",
        "pub/deep/b.txt",
        "pub/new",
        "pub/new/below",
        "ro",
        "ro/c",
        "drop",
        "drop/d",
        "drop/new",
        "hidden",
        "hidden/x",
        "hidden/none",
        "pub2",
        "pub2/y",
        "drop2",
        "z",
        "z/below",
        "none",
        "secret/key",
        "%2e%2e/secret/key",
        "..",
        "",
        "pub/..",
        "pub/a.md/below",
    ];
    prop::sample::select(known.map(String::from).to_vec())
}

fn changes() -> impl Strategy<Value = Value> {
    let change = (0..8_usize, paths(), paths(), any::<bool>()).prop_map(|(op, one, two, flag)| {
        let (one, two) = (format!("/{one}"), format!("/{two}"));
        let text = json!({ "text": "new" });
        match op {
            0 => json!({ "op": "write", "path": one, "content": text, "create_parents": flag }),
            1 => json!({ "op": "mkdir", "path": one, "parents": flag }),
            2 => json!({ "op": "symlink", "path": one, "target": two }),
            3 => json!({ "op": "remove", "path": one, "recursive": flag }),
            4 => json!({ "op": "move", "from": one, "to": two, "replace": flag }),
            5 => json!({ "op": "copy", "from": one, "to": two, "replace": flag }),
            6 => json!({ "op": "write", "path": one, "content": text, "if_absent": flag }),
            _ => json!({ "op": "set_executable", "path": one, "executable": flag }),
        }
    });
    proptest::collection::vec(change, 1..3).prop_map(|changes| json!({ "changes": changes }))
}

#[derive(Debug, Clone)]
struct Step {
    method: &'static str,
    uri: String,
    header: Option<(&'static str, &'static str)>,
    body: String,
}

/// A tar archive of what is below `/site`.
static ARCHIVE: LazyLock<String> = LazyLock::new(|| {
    let archive = filled().get("/v1/head/export/site").ok().body;
    String::from_utf8(archive.to_vec()).unwrap()
});

fn steps() -> impl Strategy<Value = Step> {
    let files = (
        prop::sample::select(vec!["GET", "HEAD", "PUT", "DELETE"]),
        paths(),
        prop::sample::select(vec![
            "",
            "?create_parents=true",
            "?recursive=true",
            "?expect_generation=0",
        ]),
        prop::sample::select(vec![
            None,
            Some(("if-match", "*")),
            Some(("if-none-match", "*")),
            Some(("range", "bytes=1-")),
            Some(("if-modified-since", "Sun, 06 Nov 2094 08:49:37 GMT")),
        ]),
    );
    let files = files.prop_map(|(method, path, query, header)| Step {
        method,
        uri: format!("/v1/view/files/{path}{query}"),
        header,
        body: if method == "PUT" {
            "put".into()
        } else {
            String::new()
        },
    });
    let looks = (
        prop::sample::select(vec!["list", "stat", "export", "walk"]),
        paths(),
        prop::sample::select(vec!["", "?limit=1", "?after=pub"]),
    );
    let looks = looks.prop_map(|(what, path, query)| Step {
        method: "GET",
        uri: match path.as_str() {
            "" => format!("/v1/view/{what}{query}"),
            path => format!("/v1/view/{what}/{path}{query}"),
        },
        header: None,
        body: String::new(),
    });
    let batches = changes().prop_map(|changes| Step {
        method: "POST",
        uri: "/v1/view/changes".into(),
        header: Some(("content-type", "application/json")),
        body: changes.to_string(),
    });
    let imports = (paths(), any::<bool>()).prop_map(|(into, delete_missing)| Step {
        method: "POST",
        uri: format!("/v1/view/import?into=/{into}&delete_missing={delete_missing}"),
        header: Some(("content-type", "application/x-tar")),
        body: ARCHIVE.clone(),
    });
    let others = (
        prop::sample::select(vec!["GET", "POST", "DELETE", "PUT", "PATCH"]),
        prop::sample::select(vec![
            "/v1/view",
            "/v1/head",
            "/v1/copies",
            "/v1/copies/other",
            "/v1/copies/other/apply",
            "/v1/copies/draft/apply",
            "/v1/revisions/1",
            "/v1/head/files/secret/key",
            "/v1/diff?from=head&to=copy:other",
            "/v1/view/nothing",
            "/v1/gc",
        ]),
    );
    let others = others.prop_map(|(method, uri)| Step {
        method,
        uri: uri.into(),
        header: None,
        body: String::new(),
    });
    prop_oneof![4 => files, 3 => looks, 3 => batches, 1 => imports, 1 => others]
}

fn answer(server: &Server, token: &str, step: &Step) -> (u16, String, bytes::Bytes) {
    let mut call = server.call(step.method, &step.uri).with_token(token);
    if let Some((name, value)) = step.header {
        call = call.header(name, value);
    }
    let answer = call.body(step.body.clone()).send();
    (answer.status, format!("{:?}", answer.headers), answer.body)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever a holder asks, the answer does not depend on what is outside.
    #[test]
    fn nothing_outside_is_disclosed(steps in proptest::collection::vec(steps(), 1..25)) {
        let [(one, its_token), (other, other_token)] = worlds();
        for step in &steps {
            prop_assert_eq!(
                answer(&one, &its_token, step),
                answer(&other, &other_token, step),
                "{:?}",
                step
            );
        }
        for file in ["secret/key", "site/hidden/x", "site/pub2/y", "site/drop2", "site/z"] {
            let kept = one.get(&format!("/v1/copies/draft/files/{file}"));
            prop_assert_eq!(&kept.body[..], b"outside");
            prop_assert_eq!(other.get(&format!("/v1/copies/draft/files/{file}")).status, 404);
        }
    }
}
