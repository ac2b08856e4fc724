//! The change feed.

use axum::body::{Body, BodyDataStream};
use futures::channel::mpsc;
use futures::executor::block_on;
use futures::{FutureExt, StreamExt};
use serde_json::{Value, json};
use workspace_http::Pulse;

use crate::server::Server;

/// What a client of server-sent events sees of a stream.
struct Follower {
    body: BodyDataStream,
    text: String,
    last_id: String,
}

impl Follower {
    fn new(server: &Server, uri: &str, last_id: Option<&str>) -> Self {
        let mut call = server.call("GET", uri);
        call = call.header("accept", "text/html, Text/Event-Stream;q=0.9");
        if let Some(id) = last_id {
            call = call.header("last-event-id", id);
        }
        let (parts, body) = call.open();
        assert_eq!(parts.status, 200);
        assert_eq!(parts.headers["content-type"], "text/event-stream");
        Self {
            body: Body::into_data_stream(body),
            text: String::new(),
            last_id: String::new(),
        }
    }

    /// Takes what has come; returns kinds and data, and whether the stream is open.
    fn take(&mut self) -> (Vec<(String, Value)>, bool) {
        let mut open = true;
        while let Some(chunk) = self.body.next().now_or_never() {
            match chunk {
                Some(chunk) => self.text += str::from_utf8(&chunk.unwrap()).unwrap(),
                None => {
                    open = false;
                    break;
                }
            }
        }
        let mut events = Vec::new();
        while let Some((block, rest)) = self.text.split_once("\n\n") {
            let field = |name: &str| {
                let mut lines = block.lines();
                lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            if let Some(id) = field("id") {
                self.last_id = id.into();
            }
            if let Some(data) = field("data") {
                let data: Value = serde_json::from_str(data).unwrap();
                assert_eq!(field("id"), Some(&*data["sequence"].to_string()));
                events.push((field("event").unwrap().into(), data));
            }
            self.text = rest.into();
        }
        assert_eq!(self.text, "", "whole blocks");
        (events, open)
    }

    fn kinds(&mut self) -> Vec<String> {
        let (events, open) = self.take();
        assert!(open);
        events.into_iter().map(|(kind, _)| kind).collect()
    }
}

#[test]
fn events_are_followed() {
    let server = Server::new();
    server.put("/v1/head/files/a", "1").ok();
    let mut late = Follower::new(&server, "/v1/events", None);
    let mut early = Follower::new(&server, "/v1/events?after=0", None);
    assert_eq!(late.kinds(), [""; 0]);
    assert_eq!(late.last_id, "1", "known before the first event");
    assert_eq!(early.kinds(), ["head_moved"]);
    server.post("/v1/copies", json!({})).ok();
    server.put("/v1/head/files/a", "2").ok();
    assert_eq!(late.kinds(), ["forked", "head_moved"]);
    assert_eq!(early.kinds(), ["forked", "head_moved"]);
    drop(early);

    // It comes back to where it was, whatever its URL says.
    let last_id = late.last_id.clone();
    drop(late);
    server.post("/v1/copies", json!({})).ok();
    let mut back = Follower::new(&server, "/v1/events?after=0", Some(&last_id));
    assert_eq!(back.kinds(), ["forked"]);
    assert_eq!(back.last_id, "4");
}

#[test]
fn many_events_come_without_loss_or_repetition() {
    let server = Server::new();
    let write = |n: usize| {
        let text: &'static str = if n.is_multiple_of(2) { "even" } else { "odd" };
        server.put("/v1/head/files/a", text).ok();
    };
    (0..250).for_each(write);
    let mut seen = Vec::new();
    let mut follower = Follower::new(&server, "/v1/events?after=0", None);
    for round in 0..20 {
        seen.extend(
            follower
                .take()
                .0
                .into_iter()
                .map(|(_, data)| data["sequence"].clone()),
        );
        (0..round).for_each(write);
        if round % 3 == 0 {
            let last_id = follower.last_id.clone();
            follower = Follower::new(&server, "/v1/events", Some(&last_id));
        }
    }
    seen.extend(
        follower
            .take()
            .0
            .into_iter()
            .map(|(_, data)| data["sequence"].clone()),
    );
    let wanted: Vec<Value> = (1..=seen.len() as u64).map(Value::from).collect();
    assert_eq!(seen, wanted);
    assert_eq!(
        server.get("/v1/events").ok().json()["next"],
        seen.len() as u64
    );
}

#[test]
fn a_stream_lives_by_its_pulse() {
    let (mut tick, ticks) = mpsc::channel(1);
    let ticks = std::sync::Mutex::new(Some(ticks));
    let server = Server::new().with_pulse(Pulse::new(move || {
        let ticks = ticks.lock().unwrap().take();
        ticks.expect("one stream is opened").boxed()
    }));
    let mut follower = Follower::new(&server, "/v1/events?after=0", None);
    assert_eq!(follower.kinds(), [""; 0]);
    tick.try_send(()).unwrap();
    let silence = block_on(follower.body.next()).unwrap().unwrap();
    assert_eq!(silence, ":\n\n");
    server.put("/v1/head/files/a", "1").ok();
    assert_eq!(follower.kinds(), ["head_moved"]);
    drop(tick);
    let (events, open) = follower.take();
    assert!(events.is_empty() && !open, "the server is told to stop");
}

#[test]
fn what_cannot_be_followed_is_a_problem() {
    let server = Server::new();
    let follow = |uri, last_id: &str| {
        let call = server
            .call("GET", uri)
            .header("accept", "text/event-stream");
        let call = call.header("last-event-id", last_id);
        call.send().problem()
    };
    assert_eq!(follow("/v1/events", "7"), (412, "stale".into()));
    assert_eq!(
        follow("/v1/events?after=0", "seven"),
        (400, "invalid".into())
    );
    let page = server
        .call("GET", "/v1/events")
        .header("last-event-id", "seven");
    page.send().ok();
}

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
