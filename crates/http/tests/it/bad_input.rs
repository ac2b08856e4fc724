//! Whatever comes in, a documented problem comes out, and nothing is lost.

use proptest::prelude::*;
use serde_json::json;

use crate::server::{Server, TOKEN};

#[test]
fn paths_that_are_none_are_named() {
    let server = Server::new();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let scope = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
    let grant = server.post("/v1/copies/draft/grants", scope).ok().json();
    let token = grant["token"].as_str().unwrap();
    let long = "n".repeat(256);
    let deep = "d/".repeat(2048) + "x";
    for (path, why) in [
        ("..", "`..`"),
        ("a/../b", "`..`"),
        ("%2e%2e/b", "`..`"),
        (".%2E", "`..`"),
        ("a%2F..%2Fb", "`..`"),
        ("a/./b", "`.`"),
        ("%2e", "`.`"),
        ("a//b", "empty"),
        ("/a", "empty"),
        ("a/", "empty"),
        ("%2Fa", "empty"),
        ("a%00b", "NUL"),
        ("%", "`%`"),
        ("%4", "`%`"),
        ("%zz", "`%`"),
        ("%ff", "UTF-8"),
        (&*long, "255"),
        (&*deep, "4096"),
    ] {
        for (method, what) in [
            ("GET", "files"),
            ("PUT", "files"),
            ("DELETE", "files"),
            ("GET", "list"),
            ("GET", "stat"),
            ("GET", "export"),
        ] {
            for (files, token) in [("head", TOKEN), ("view", token)] {
                let uri = format!("/v1/{files}/{what}/{path}");
                let answer = server.call(method, &uri).with_token(token).send();
                assert_eq!(answer.problem(), (400, "invalid".into()), "{method} {uri}");
                let detail = answer.json()["detail"].as_str().unwrap().to_string();
                assert!(detail.contains(why), "{uri}: {detail}");
                assert!(answer.body.len() < 1000);
            }
        }
    }
    // Encoded twice it is a name like any other.
    server.put("/v1/head/files/%252e%252e", "x").ok();
    assert_eq!(
        server.get("/v1/head/list").json()["entries"][0]["name"],
        "%2e%2e"
    );
}

#[test]
fn bodies_that_are_no_json_are_named() {
    let server = Server::new();
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{\"changes\":{}}",
        "{\"changes\":[{}]}",
        "{\"changes\":[],\"x\":1}",
        "{\"changes\":[],\"expect_generation\":9007199254740992}",
    ] {
        let answer = server.call("POST", "/v1/head/changes").body(body).send();
        assert_eq!(answer.problem(), (400, "invalid".into()), "{body}");
    }
    let form = server
        .call("POST", "/v1/copies")
        .header("content-type", "text/plain")
        .body("{}");
    assert_eq!(
        form.send().problem(),
        (415, "unsupported_media_type".into())
    );
    let huge = server
        .call("POST", "/v1/head/changes")
        .header("content-length", "9000000")
        .body("{}");
    assert_eq!(huge.send().problem(), (413, "limit_exceeded".into()));
    let note = json!({ "changes": [], "note": "n".repeat(9000) });
    assert_eq!(
        server.post("/v1/head/changes", note).problem(),
        (400, "invalid".into())
    );
    assert_eq!(server.get("/v1/head").json()["version"], 0);
}

/// Text that means something somewhere, or nothing anywhere.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("a".to_string()),
        Just("draft".to_string()),
        Just("1".to_string()),
        Just("head".to_string()),
        Just("copy:draft".to_string()),
        Just("true".to_string()),
        Just("0".to_string()),
        Just("9007199254740993".to_string()),
        Just("%2e%2e".to_string()),
        Just("%".to_string()),
        Just("%00".to_string()),
        "[a-z0-9:/.%~-]{0,12}",
    ]
}

fn body() -> impl Strategy<Value = String> {
    let field = prop_oneof![
        Just("changes"),
        Just("op"),
        Just("path"),
        Just("content"),
        Just("name"),
        Just("operation"),
        Just("newest"),
        Just("expect_tree"),
        Just("expect_parent"),
        Just("actor"),
        Just("message"),
        Just("metadata"),
        Just("expires"),
        Just("scope"),
        Just("at"),
        Just("index"),
        Just("fallback"),
    ];
    let value = prop_oneof![
        Just("null".to_string()),
        Just("[]".to_string()),
        Just("{}".to_string()),
        Just("-1".to_string()),
        Just("\"a\\u0000b\"".to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        Just("{\"read\":[\"**\"],\"root\":\"/a\"}".to_string()),
        text().prop_map(|text| format!("{text:?}")),
    ];
    let object = prop::collection::vec((field, value), 0..4).prop_map(|fields| {
        let fields: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("\"{name}\":{value}"))
            .collect();
        format!("{{{}}}", fields.join(","))
    });
    prop_oneof![Just(String::new()), object, "[ -~]{0,40}"]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The server of each case is fresh, and checks every answer against the
    /// OpenAPI document.
    #[test]
    fn any_request_is_answered_as_documented(
        at in any::<prop::sample::Index>(),
        path in text(), copy in text(), revision in text(), token in any::<bool>(),
        query in prop::collection::vec((prop_oneof![
            Just("limit"), Just("after"), Just("from"), Just("to"), Just("recursive"), Just("rows"), Just("into"), Just("x"),
        ], text()), 0..3),
        headers in prop::collection::vec((prop_oneof![
            Just("range"), Just("if-match"), Just("if-none-match"), Just("content-type"), Just("content-length"), Just("if-modified-since"),
        ], "[ -~]{0,20}"), 0..3),
        body in body(),
    ) {
        let server = Server::new();
        server.put("/v1/head/files/a", "content").ok();
        server.post("/v1/revisions", json!({})).ok();
        server.post("/v1/copies", json!({ "name": "draft" })).ok();
        let scope = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
        let grant = server.post("/v1/copies/draft/grants", scope).ok().json();
        let preview = server.post("/v1/previews", json!({ "at": "copy:draft" })).ok().json();
        let known = |value: &serde_json::Value| match token {
            true => value.as_str().unwrap().to_string(),
            false => copy.clone(),
        };
        let operations = server.operations();
        let (method, template, who) = at.get(&operations);
        let mut uri = template
            .replace("{path}", &path)
            .replace("{copy}", &copy)
            .replace("{revision}", &revision)
            .replace("{tree}", &revision)
            .replace("{token}", &known(&preview["token"]))
            .replace("{grant}", &known(&grant["grant"]["id"]))
            .replace("{preview}", &known(&preview["id"]));
        for (position, (name, value)) in query.iter().enumerate() {
            uri += &format!("{}{name}={value}", if position == 0 { "?" } else { "&" });
        }
        prop_assume!(uri.parse::<axum::http::Uri>().is_ok());
        let mut call = server.call(method, &uri).body(body);
        if *who == "grant" && token {
            call = call.with_token(grant["token"].as_str().unwrap());
        }
        for (name, value) in headers {
            call = call.header(name, value);
        }
        let answer = call.send();
        prop_assert!(answer.status < 500, "{method} {uri}: {}", answer.status);
    }
}
