//! Stores that fail under a request: a problem that says so, and nothing lost.

use std::sync::Arc;

use futures::executor::block_on;
use serde_json::json;
use workspace_core::store::BlobStore;
use workspace_testkit::{FaultPlan, MemoryBlobs};

use crate::server::{Answer, Call, Server};

/// A server with a copy that has an operation, and a token to it.
struct Failing {
    plan: FaultPlan,
    server: Server,
    token: String,
    preview: String,
}

impl Failing {
    fn new() -> Self {
        let plan = FaultPlan::new();
        let server = Server::failing(&plan);
        let text = |answer: Answer, field: &str| answer.json()[field].as_str().unwrap().to_string();
        server.put("/v1/head/files/small", "small").ok();
        server.put("/v1/head/files/large", LARGE).ok();
        server.post("/v1/revisions", json!({})).ok();
        server.post("/v1/copies", json!({ "name": "draft" })).ok();
        server.put("/v1/copies/draft/files/small", "changed").ok();
        let scope = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
        let token = text(server.post("/v1/copies/draft/grants", scope).ok(), "token");
        let site = json!({ "at": "copy:draft", "index": "large" });
        let preview = text(server.post("/v1/previews", site).ok(), "path");
        Self {
            plan,
            server,
            token,
            preview,
        }
    }

    /// Everything that a caller can see of the files.
    fn state(&self) -> Vec<bytes::Bytes> {
        let uris = [
            "/v1/head",
            "/v1/copies?closed=true",
            "/v1/revisions",
            "/v1/head/walk",
        ];
        uris.map(|uri| self.server.get(uri).ok().body).into()
    }
}

/// Over the inline limit of the test server.
const LARGE: &str =
    "a text that is longer than what is kept in a row of the test server, as an object";

fn requests(failing: &Failing) -> Vec<Call<'_>> {
    let server = &failing.server;
    let post = |uri, body: serde_json::Value| server.call("POST", uri).json(&body);
    let held = |method, uri| server.call(method, uri).with_token(&failing.token);
    let batch = json!({ "changes": [
        { "op": "write", "path": "/d/new", "content": { "text": LARGE.repeat(2) }, "create_parents": true },
        { "op": "remove", "path": "/small" },
    ] });
    vec![
        server.call("GET", "/v1/head/files/large"),
        server.call("GET", "/v1/head/list"),
        server.call("GET", "/v1/head/export"),
        server.call("GET", "/v1/diff?from=head&to=copy:draft"),
        server.call("GET", "/v1/copies/draft/status"),
        server.call("PUT", "/v1/head/files/new").body("new"),
        server
            .call("PUT", "/v1/copies/draft/files/new")
            .body(LARGE.repeat(3)),
        server.call("DELETE", "/v1/head/files/small"),
        post("/v1/copies/draft/changes", batch.clone()),
        post("/v1/copies", json!({})),
        post("/v1/copies/draft/apply", json!({})),
        post("/v1/copies/draft/rebase", json!({})),
        post("/v1/copies/draft/discard", json!({})),
        post("/v1/copies/draft/undo", json!({ "operation": 1 })),
        post("/v1/revisions/1/restore", json!({})),
        post("/v1/copies/draft/grants", json!({ "scope": {} })),
        post("/v1/previews", json!({})),
        held("GET", "/v1/view"),
        held("GET", "/v1/view/files/large"),
        held("PUT", "/v1/view/files/new").body(LARGE.repeat(4)),
        held("POST", "/v1/view/changes").json(&batch),
        held("POST", "/v1/view/grants").json(&json!({ "scope": {} })),
        held("GET", "/v1/head"),
        server.call("GET", "/v1/nothing").with_token(&failing.token),
        server.call("GET", &failing.preview).without_token(),
        server.call("POST", "/v1/gc"),
    ]
}

#[test]
fn whatever_call_of_a_store_fails_it_is_told_and_nothing_is_lost() {
    let count = requests(&Failing::new()).len();
    for which in 0..count {
        let whole = Failing::new();
        let before = whole.state();
        requests(&whole).remove(which).send();
        let after = whole.state();
        for n in 1.. {
            let failing = Failing::new();
            failing.plan.fail_at(n);
            let answer = requests(&failing).remove(which).try_send();
            let failed = failing.plan.faults() > 0;
            failing.plan.reopen();
            if !failed {
                break;
            }
            let told = answer.broken || answer.status == 503;
            // What comes after a commit may fail, told or not: the commit stands.
            assert!(
                told || answer.status < 300,
                "request {which}, call {n}: {}",
                answer.status
            );
            let state = failing.state();
            assert!(
                state == after || told && state == before,
                "request {which}, call {n}"
            );
            let fsck = failing.server.get("/v1/fsck?contents=true").ok().json();
            assert_eq!(fsck["problems"], json!([]), "request {which}, call {n}");
        }
    }
}

#[test]
fn a_missing_object_is_corrupt_and_leaves_the_rest_alone() {
    let blobs = Arc::new(MemoryBlobs::new());
    let server = Server::on_blobs(blobs.clone());
    server.put("/v1/head/files/large", LARGE).ok();
    server.put("/v1/head/files/small", "small").ok();
    let site = json!({ "index": "large" });
    let issued = server.post("/v1/previews", site).ok().json();
    let keys = block_on(blobs.list(None, 9)).unwrap();
    block_on(blobs.delete(&[keys[0].key.clone()])).unwrap();
    let gone = server.get("/v1/head/files/large");
    assert_eq!(gone.problem(), (500, "corrupt".into()));
    let shown = server.call("GET", issued["path"].as_str().unwrap());
    assert_eq!(shown.without_token().send().status, 500);
    assert_eq!(server.get("/v1/head/files/small").body, "small");
    let fsck = server.get("/v1/fsck?contents=true").ok().json();
    assert_eq!(fsck["problems"].as_array().unwrap().len(), 1);
}
