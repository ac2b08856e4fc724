//! Requests that are made once, by their key.

use serde_json::{Value, json};

use crate::server::{Answer, Server};

fn post(server: &Server, uri: &str, key: &str, body: &Value) -> Answer {
    let call = server.call("POST", uri).header("idempotency-key", key);
    call.json(body).send()
}

/// A repeated request is told what the first one was told, byte for byte, whatever is there
/// by now.
#[test]
fn a_repeated_request_is_answered_as_the_first() {
    let server = Server::new();
    let fork = json!({ "name": "draft" });
    let first = post(&server, "/v1/copies", "\"fork-1\"", &fork);
    assert_eq!(first.status, 201);
    let changes = json!({ "changes": [
        { "op": "write", "path": "/a", "content": { "text": "one" } },
    ] });
    let uri = "/v1/copies/draft/changes";
    let changed = post(&server, uri, "change-1", &changes).ok();
    server.put("/v1/copies/draft/files/a", "two").ok();
    let uri_of_apply = "/v1/copies/draft/apply";
    let apply = json!({ "message": "go" });
    let applied = post(&server, uri_of_apply, "apply-1", &apply).ok();
    assert_eq!(
        applied.json(),
        json!({ "outcome": "published", "revision": 1 })
    );

    // The copy is closed, and nobody has its name any more.
    let again = post(&server, "/v1/copies", "fork-1", &fork);
    assert_eq!((again.status, &again.body), (201, &first.body));
    assert_eq!(again.header("location"), first.header("location"));
    assert!(again.header("location").is_some());
    // What is meant counts, not how it is written.
    let spaced = server
        .call("POST", uri_of_apply)
        .header("idempotency-key", "apply-1")
        .header("content-type", "application/json")
        .body("{ \"metadata\": {},\n \"message\": \"go\" }")
        .send()
        .ok();
    assert_eq!(spaced.body, applied.body);
    let again = post(&server, uri, "change-1", &changes).ok();
    assert_eq!(again.body, changed.body);
    assert_eq!(server.get("/v1/head/files/a").body, "two");
    let copies = server.get("/v1/copies?closed=true").ok().json();
    assert_eq!(copies["copies"].as_array().unwrap().len(), 1);
}

#[test]
fn a_key_is_for_one_request() {
    let server = Server::new();
    post(&server, "/v1/copies", "key", &json!({ "name": "a" })).ok();
    let other = post(&server, "/v1/copies", "key", &json!({ "name": "b" }));
    assert_eq!(other.problem(), (422, "invalid".into()));
    assert_eq!(other.json()["reason"], "key_reused");
    let elsewhere = post(&server, "/v1/copies/a/apply", "key", &json!({}));
    assert_eq!(elsewhere.problem(), (422, "invalid".into()));
    for bad in ["", "two words", "\"open", "ümlaut"] {
        let refused = post(&server, "/v1/copies", bad, &json!({}));
        assert_eq!(refused.problem(), (400, "invalid".into()), "{bad}");
    }
    // A request that failed can be made again, with its key.
    server.put("/v1/copies/a/files/x", "copy").ok();
    server.put("/v1/head/files/x", "head").ok();
    let apply = json!({});
    for _ in 0..2 {
        let refused = post(&server, "/v1/copies/a/apply", "apply", &apply);
        assert_eq!(refused.problem(), (409, "conflict".into()));
    }
    server.call("DELETE", "/v1/head/files/x").send().ok();
    post(&server, "/v1/copies/a/apply", "apply", &apply).ok();
}

#[test]
fn the_keys_of_holders_are_their_own() {
    let server = Server::new();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let issue = || {
        let scope = json!({ "root": "/", "read": ["**"], "write": ["**"], "delete": true });
        let issued = server.post("/v1/copies/draft/grants", json!({ "scope": scope }));
        issued.ok().json()["token"].as_str().unwrap().to_owned()
    };
    let tokens = [issue(), issue()];
    let write = |text: &str| json!({ "changes": [{ "op": "write", "path": "/a", "content": { "text": text } }] });
    let held = |token: &str, text: &str| {
        let call = server.call("POST", "/v1/view/changes").with_token(token);
        call.header("idempotency-key", "key")
            .json(&write(text))
            .send()
    };
    let root = post(&server, "/v1/copies/draft/changes", "key", &write("root")).ok();
    let one = held(&tokens[0], "one").ok();
    let two = held(&tokens[1], "two").ok();
    assert!(root.body != one.body && one.body != two.body);
    assert_eq!(held(&tokens[0], "one").ok().body, one.body);
    assert_eq!(held(&tokens[0], "two").problem(), (422, "invalid".into()));
    assert_eq!(server.get("/v1/copies/draft/files/a").body, "two");
}

#[test]
fn an_apply_can_rebase_first() {
    let server = Server::new();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    server.put("/v1/copies/draft/files/a", "copy").ok();
    server.put("/v1/head/files/b", "head").ok();
    let uri = "/v1/copies/draft/apply";
    assert_eq!(
        server.post(uri, json!({})).problem(),
        (409, "conflict".into())
    );
    let applied = server.post(uri, json!({ "rebase": true })).ok().json();
    assert_eq!(applied["outcome"], "published");
    for (file, text) in [("a", "copy"), ("b", "head")] {
        assert_eq!(server.get(&format!("/v1/head/files/{file}")).body, text);
    }
}
