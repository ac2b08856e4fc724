//! The change feed.

use serde_json::json;

use crate::server::Server;

#[test]
fn the_feed_is_read_in_pages() {
    let server = Server::new();
    let start = server.get("/v1/events").ok().json();
    assert_eq!(start, json!({ "events": [], "next": 0 }));
    server.put("/v1/head/files/a?actor=ann", "1").ok();
    let copy = server.post("/v1/copies", json!({})).ok().json();
    server.put("/v1/head/files/a", "2").ok();

    let page = server.get("/v1/events?after=0&limit=2").ok().json();
    assert_eq!(page["next"], 2);
    let first = &page["events"][0];
    assert_eq!(
        (&first["sequence"], &first["kind"]),
        (&json!(1), &json!("head_moved"))
    );
    assert_eq!(
        (&first["version"], &first["actor"]),
        (&json!(1), &json!("ann"))
    );
    let second = &page["events"][1];
    assert_eq!(
        (&second["kind"], &second["copy"]),
        (&json!("forked"), &copy["id"])
    );
    assert_eq!(second.get("tree"), None);

    let page = server.get("/v1/events?after=2").ok().json();
    assert_eq!(page["events"].as_array().unwrap().len(), 1);
    let rest = server.get("/v1/events?after=3").ok().json();
    assert_eq!(rest, json!({ "events": [], "next": 3 }));
    assert_eq!(server.get("/v1/events").ok().json(), rest);
}

#[test]
fn what_is_not_in_the_feed_is_refused() {
    let server = Server::new();
    let ahead = server.get("/v1/events?after=1");
    assert_eq!(ahead.problem(), (412, "stale".into()));
    for bad in ["after=-1", "after=x", "limit=0", "limit=10001", "since=1"] {
        let answer = server.get(&format!("/v1/events?{bad}"));
        assert_eq!(answer.problem(), (400, "invalid".into()), "{bad}");
    }
}
