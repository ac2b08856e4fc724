//! Previews: a tree as a site.

use axum::body::Body;
use axum::http::Request;
use futures::executor::block_on;
use http_body_util::BodyExt as _;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use workspace_http::within_preview;

use crate::server::{Answer, Server};

fn filled() -> Server {
    let server = Server::new();
    let batch = json!({ "changes": [
        { "op": "write", "path": "/index.html", "content": { "text": "<h1>home" }, "modified": 7000 },
        { "op": "write", "path": "/docs/index.html", "content": { "text": "docs" }, "create_parents": true },
        { "op": "write", "path": "/docs/a b.html", "content": { "text": "a b" } },
        { "op": "write", "path": "/bare/app.mjs", "content": { "text": "export {}" }, "create_parents": true },
        { "op": "write", "path": "/typed", "content": { "text": "0123456789" }, "media_type": "text/x-typed" },
        { "op": "write", "path": "/LOGO.PNG", "content": { "base64": "AP8=" } },
        { "op": "write", "path": "/odd.unknown", "content": { "text": "?" } },
        { "op": "write", "path": "/app.html", "content": { "text": "app" } },
        { "op": "symlink", "path": "/link", "target": "index.html" },
    ] });
    server.post("/v1/head/changes", batch).ok();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    server
}

fn issue(server: &Server, body: Value) -> Value {
    let issued = server.post("/v1/previews", body);
    assert_eq!(issued.status, 201);
    issued.json()
}

fn path(issued: &Value) -> &str {
    issued["path"].as_str().unwrap()
}

fn get(server: &Server, uri: &str) -> Answer {
    server.call("GET", uri).without_token().send()
}

#[track_caller]
fn is_nowhere(answer: &Answer) {
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.header("content-type"),
        Some("text/html;charset=utf-8")
    );
    assert!(answer.body.starts_with(b"<!doctype html>"));
}

#[test]
fn a_copy_is_a_site_that_follows_it() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    let (root, token) = (path(&issued), issued["token"].as_str().unwrap());
    assert_eq!(root, format!("/preview/{token}/"));
    assert!(
        token.len() == 26
            && token
                .bytes()
                .all(|c| matches!(c, b'a'..=b'z' | b'2'..=b'7'))
    );

    let home = get(&server, root);
    assert_eq!((home.status, &home.body[..]), (200, &b"<h1>home"[..]));
    assert_eq!(home.header("content-type"), Some("text/html;charset=utf-8"));
    assert_eq!(home.header("cache-control"), Some("private, no-cache"));
    assert_eq!(home.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(home.header("referrer-policy"), Some("no-referrer"));
    assert!(
        home.header("content-security-policy")
            .unwrap()
            .starts_with("sandbox allow-scripts")
    );
    assert!(
        !home
            .header("content-security-policy")
            .unwrap()
            .contains("same-origin")
    );
    assert_eq!(home.header("access-control-allow-origin"), Some("*"));
    assert_eq!(home.header("workspace-tree"), issued["tree"].as_str());
    assert_eq!(home.header("workspace-receipt"), None);

    for (file, kind) in [
        ("bare/app.mjs", "application/javascript;charset=utf-8"),
        ("typed", "text/x-typed"),
        ("LOGO.PNG", "image/png"),
        ("odd.unknown", "application/octet-stream"),
        ("docs/a%20b.html", "text/html;charset=utf-8"),
    ] {
        let answer = get(&server, &format!("{root}{file}"));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some(kind)),
            "{file}"
        );
    }
    let head = server.call("HEAD", root).without_token().send();
    assert_eq!(
        (head.status, head.header("content-length"), head.body.len()),
        (200, Some("8"), 0)
    );

    // What was seen is what is published, or nothing is.
    server.put("/v1/copies/draft/files/index.html", "new").ok();
    let later = get(&server, root);
    assert_eq!(later.body, "new");
    let apply = |tree: &str| server.post("/v1/copies/draft/apply", json!({ "expect_tree": tree }));
    let seen = home.header("workspace-tree").unwrap();
    assert_eq!(apply(seen).problem(), (412, "stale".into()));
    apply(later.header("workspace-tree").unwrap()).ok();
    is_nowhere(&get(&server, root));

    let head = issue(&server, json!({}));
    assert_eq!(get(&server, path(&head)).body, "new");
    server.put("/v1/head/files/index.html", "head").ok();
    assert_eq!(get(&server, path(&head)).body, "head");
    let revision = issue(&server, json!({ "at": "revision:2" }));
    assert_eq!(get(&server, path(&revision)).body, "new");
}

#[test]
fn directories_are_their_index() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    let root = path(&issued);
    let token = issued["token"].as_str().unwrap();
    for (from, to) in [
        (
            root.trim_end_matches('/').to_string(),
            format!("./{token}/"),
        ),
        (format!("{root}docs"), "./docs/".into()),
        (format!("{root}docs?page=2"), "./docs/?page=2".into()),
    ] {
        let answer = get(&server, &from);
        assert_eq!(
            (answer.status, answer.header("location")),
            (307, Some(&*to)),
            "{from}"
        );
    }
    assert_eq!(get(&server, &format!("{root}docs/")).body, "docs");
    for nowhere in [
        "bare",
        "bare/",
        "index.html/",
        "docs/index.html/x",
        "none",
        "link",
        "..",
        "%2e%2e/x",
        "a//b",
        "%",
        "%ff",
        "%00",
        "/index.html",
        "docs//",
    ] {
        let answer = get(&server, &format!("{root}{nowhere}"));
        is_nowhere(&answer);
        assert!(answer.header("workspace-tree").is_some(), "{nowhere}");
    }
    let other = issue(&server, json!({ "at": "copy:draft", "index": "app.mjs" }));
    assert_eq!(
        get(&server, &format!("{}bare/", path(&other))).body,
        "export {}"
    );
    is_nowhere(&get(&server, path(&other)));
}

#[test]
fn a_fallback_stands_for_pages_only() {
    let server = filled();
    let issued = issue(
        &server,
        json!({ "at": "copy:draft", "fallback": "/app.html" }),
    );
    let root = path(&issued);
    let browse = |file: &str| {
        let uri = format!("{root}{file}");
        let call = server.call("GET", &uri).without_token();
        call.header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .send()
    };
    for page in ["users/7", "bare/", "bare", "none", "..", "link"] {
        let answer = browse(page);
        assert_eq!(
            (answer.status, &answer.body[..]),
            (200, &b"app"[..]),
            "{page}"
        );
        assert_eq!(
            answer.header("content-type"),
            Some("text/html;charset=utf-8")
        );
        assert_eq!(answer.header("vary"), Some("accept"));
    }
    assert_eq!(browse("index.html").body, "<h1>home");
    is_nowhere(&get(&server, &format!("{root}none.js")));
    let broken = issue(
        &server,
        json!({ "at": "copy:draft", "fallback": "/none.html" }),
    );
    let call = server.call("GET", path(&broken)).without_token();
    assert_eq!(call.header("accept", "text/html").send().body, "<h1>home");
    let uri = format!("{}none", path(&broken));
    let call = server.call("GET", &uri).without_token();
    is_nowhere(&call.header("accept", "text/html").send());
}

#[test]
fn conditions_and_ranges_are_those_of_files() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    let typed = format!("{}typed", path(&issued));
    let tag = get(&server, &typed).header("etag").unwrap().to_string();
    assert_eq!(
        server.get("/v1/copies/draft/files/typed").header("etag"),
        Some(&*tag)
    );
    let with = |name, value: &str| {
        server
            .call("GET", &typed)
            .without_token()
            .header(name, value)
            .send()
    };
    let same = with("if-none-match", &tag);
    assert_eq!((same.status, same.body.len()), (304, 0));
    assert_eq!(same.header("content-type"), None);
    assert!(same.header("workspace-tree").is_some());
    let part = with("range", "bytes=2-4");
    assert_eq!((part.status, &part.body[..]), (206, &b"234"[..]));
    assert_eq!(part.header("content-range"), Some("bytes 2-4/10"));
    let beyond = with("range", "bytes=50-");
    assert_eq!(beyond.status, 416);
    assert_eq!(beyond.header("content-range"), Some("bytes */10"));
    assert_eq!(part.header("content-type"), Some("text/x-typed"));
    for (name, value, status) in [("range", "bytes=10-", 416), ("if-match", "\"x\"", 412)] {
        let answer = with(name, value);
        assert_eq!(answer.status, status);
        assert_eq!(
            answer.header("content-type"),
            Some("text/html;charset=utf-8")
        );
    }
    let old = server.call("GET", path(&issued)).without_token();
    let old = old
        .header("if-modified-since", "Thu, 01 Jan 1970 00:00:07 GMT")
        .send();
    assert_eq!(old.status, 304);
}

#[test]
fn a_preview_that_is_over_is_one_that_never_was() {
    let server = filled();
    let said = |answer: Answer| {
        is_nowhere(&answer);
        (format!("{:?}", answer.headers), answer.body)
    };
    let never = said(get(&server, &format!("/preview/{}/", "a".repeat(26))));
    for odd in ["x", "%", "%ff", "..", "a%2Fb"] {
        assert_eq!(
            said(get(&server, &format!("/preview/{odd}/"))),
            never,
            "{odd}"
        );
    }
    let now = server.context.now().as_millis();
    let body = json!({ "at": "copy:draft", "expires": now + 10 });
    let [revoked, expired, closed] =
        [json!({}), body, json!({ "at": "copy:draft" })].map(|body| issue(&server, body));
    let listed = server.get("/v1/previews").ok().json();
    let listed = listed["previews"].as_array().unwrap().clone();
    assert_eq!(listed.len(), 3);
    assert!(listed.iter().all(|preview| preview.get("token").is_none()));
    let ids: std::collections::BTreeSet<_> = listed.iter().map(|p| p["id"].to_string()).collect();
    assert!(
        [&revoked, &expired, &closed]
            .iter()
            .all(|p| ids.contains(&p["id"].to_string()))
    );
    let page = server.get("/v1/previews?limit=1").json();
    assert_eq!(page["next"], page["previews"][0]["id"]);

    let uri = format!("/v1/previews/{}", revoked["id"].as_str().unwrap());
    assert_eq!(server.call("DELETE", &uri).send().ok().json()["revoked"], 1);
    assert_eq!(
        server.call("DELETE", &uri).send().problem(),
        (404, "not_found".into())
    );
    server.context.advance(10);
    server.post("/v1/copies/draft/discard", json!({})).ok();
    for dead in [&revoked, &expired, &closed] {
        assert_eq!(said(get(&server, path(dead))), never);
    }
    server.post("/v1/gc", json!({})).ok();
    assert_eq!(server.get("/v1/previews").json()["previews"], json!([]));

    // Its token opens nothing else.
    let issued = issue(&server, json!({}));
    let token = issued["token"].as_str().unwrap();
    for uri in ["/v1/head", "/v1/view", "/v1/view/files/index.html"] {
        assert_eq!(server.call("GET", uri).with_token(token).send().status, 401);
    }
    let put = server
        .call("PUT", path(&issued))
        .without_token()
        .body("x")
        .send();
    assert_eq!(put.status, 405);
}

/// A site below `/preview/` is of no origin, so a browser asks before it lets the site
/// read its own data with a header of its own.
#[test]
fn a_site_of_no_origin_may_ask_for_its_own_files() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    for uri in [path(&issued).to_string(), format!("{}typed", path(&issued))] {
        let asked = server
            .call("OPTIONS", &uri)
            .without_token()
            .header("origin", "null")
            .header("access-control-request-method", "GET")
            .header(
                "access-control-request-headers",
                "x-requested-with,content-type",
            )
            .send();
        assert_eq!((asked.status, asked.body.len()), (204, 0));
        let allowed = |name| asked.header(&format!("access-control-allow-{name}"));
        assert_eq!(allowed("origin"), Some("*"));
        assert_eq!(allowed("headers"), Some("x-requested-with,content-type"));
        assert_eq!(allowed("methods"), Some("GET, HEAD, OPTIONS"));
        assert_eq!(allowed("credentials"), None);
        for method in ["POST", "PUT", "DELETE", "PATCH"] {
            let refused = server.call(method, &uri).without_token().send();
            assert_eq!(refused.status, 405);
            assert_eq!(refused.header("allow"), Some("GET, HEAD, OPTIONS"));
        }
    }
}

/// A site is shown, not what tools keep beside it.
#[test]
fn hidden_names_are_not_shown() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    let put = |path: &str| {
        let uri = format!("/v1/copies/draft/files/{path}?create_parents=true");
        server.put(&uri, "x").ok();
    };
    for name in [
        ".env",
        ".git/config",
        "docs/.htpasswd",
        ".well-known/.secret",
    ] {
        put(name);
        is_nowhere(&get(&server, &format!("{}{name}", path(&issued))));
    }
    for name in [".well-known/security.txt", "a.b", "docs/..c"] {
        put(name);
        let shown = get(&server, &format!("{}{name}", path(&issued)));
        let expected = if name == "docs/..c" { 404 } else { 200 };
        assert_eq!(shown.status, expected, "{name}");
    }
}

/// A build below a source tree is shown alone, as the site that it is.
#[test]
fn a_preview_of_a_directory_shows_nothing_above_it() {
    let server = filled();
    let issued = issue(
        &server,
        json!({ "at": "copy:draft", "root": "/docs", "fallback": "/a b.html" }),
    );
    let root = path(&issued).to_string();
    let shown = get(&server, &root);
    assert_eq!(shown.body, "docs");
    // It would tell when anything outside changes.
    assert_eq!(shown.header("workspace-tree"), None);
    assert_eq!(get(&server, &format!("{root}a%20b.html")).body, "a b");
    for outside in [
        "docs/",
        "app.html",
        "../app.html",
        "%2e%2e/app.html",
        "bare/app.mjs",
    ] {
        is_nowhere(&get(&server, &format!("{root}{outside}")));
    }
    let nothing = format!("{root}nothing");
    let page = server.call("GET", &nothing).without_token();
    let page = page.header("accept", "text/html").send();
    assert_eq!((page.status, &page.body[..]), (200, &b"a b"[..]));
    let listed = server.get("/v1/previews").json();
    let listed = &listed["previews"][0];
    assert_eq!(
        (&listed["root"], &listed["hidden"]),
        (&json!("/docs"), &json!(false))
    );
    // One that is built later, and a file, which is no site.
    let later = issue(&server, json!({ "at": "copy:draft", "root": "/dist" }));
    is_nowhere(&get(&server, path(&later)));
    let put = |uri: &str| {
        server
            .put(&format!("/v1/copies/draft/files/{uri}"), "built")
            .ok()
    };
    put("dist/index.html?create_parents=true");
    assert_eq!(get(&server, path(&later)).body, "built");
    let file = issue(&server, json!({ "at": "copy:draft", "root": "/app.html" }));
    is_nowhere(&get(&server, path(&file)));
    let bad = server.post("/v1/previews", json!({ "root": "dist" }));
    assert_eq!(bad.problem(), (400, "invalid".into()));
}

/// Who asks for them gets the names that begin with a dot, and the preview says so.
#[test]
fn hidden_names_are_shown_where_that_was_asked_for() {
    let server = filled();
    server.put("/v1/copies/draft/files/.env", "secret").ok();
    let issued = issue(&server, json!({ "at": "copy:draft", "hidden": true }));
    assert_eq!(
        get(&server, &format!("{}.env", path(&issued))).body,
        "secret"
    );
    let plain = issue(&server, json!({ "at": "copy:draft" }));
    is_nowhere(&get(&server, &format!("{}.env", path(&plain))));
    let listed = server.get("/v1/previews").json();
    let hidden = |n: usize| listed["previews"][n]["hidden"].as_bool().unwrap();
    assert_eq!((hidden(0), hidden(1)), (true, false));
}

#[test]
fn a_page_that_is_corrected_to_another_type_is_seen() {
    let server = filled();
    let put = |kind: &str| {
        let call = server.call("PUT", "/v1/copies/draft/files/typed");
        call.header("content-type", kind).body("<h1>Hi").send().ok();
    };
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    for uri in [
        format!("{}typed", path(&issued)),
        "/v1/copies/draft/files/typed".to_string(),
    ] {
        put("text/plain");
        let before = server.get(&uri);
        let tag = before.header("etag").unwrap();
        let again = || server.call("GET", &uri).header("if-none-match", tag).send();
        assert_eq!(again().status, 304);
        put("text/html");
        let after = again();
        assert_eq!(
            (after.status, after.header("content-type")),
            (200, Some("text/html"))
        );
        let content = server
            .call("GET", &uri)
            .header("workspace-content", "")
            .send();
        assert_eq!(
            content.header("workspace-content"),
            before.header("workspace-content")
        );
    }
}

/// Nothing else ends it here: its copy is open, and it is not revoked.
#[test]
fn a_preview_expires() {
    let server = filled();
    let now = server.context.now().as_millis();
    let issued = issue(&server, json!({ "at": "copy:draft", "expires": now + 10 }));
    assert_eq!(get(&server, path(&issued)).status, 200);
    server.context.advance(10);
    is_nowhere(&get(&server, path(&issued)));
    assert_eq!(
        get(
            &server,
            path(&issue(&server, json!({ "at": "copy:draft" })))
        )
        .status,
        200
    );
}

#[test]
fn the_token_of_a_grant_opens_no_preview() {
    let server = filled();
    let body = json!({ "scope": { "read": ["**"], "write": ["**"] } });
    let issued = server.post("/v1/copies/draft/grants", body).ok().json();
    let token = issued["token"].as_str().unwrap();
    for token in [token, token.trim_start_matches("wsg_")] {
        is_nowhere(&get(&server, &format!("/preview/{token}/")));
    }
}

#[test]
fn what_cannot_be_previewed() {
    let server = filled();
    for (body, status) in [
        (json!({ "at": "copy:none" }), 404),
        (json!({ "at": "revision:9" }), 404),
        (json!({ "at": "heads" }), 400),
        (json!({ "index": "a/b" }), 400),
        (json!({ "fallback": "relative" }), 400),
        (json!({ "expires": 1 }), 400),
        (json!({ "path": "/" }), 400),
    ] {
        assert_eq!(
            server.post("/v1/previews", body.clone()).status,
            status,
            "{body}"
        );
    }
}

#[test]
fn a_host_of_its_own_needs_no_sandbox() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    let token = issued["token"].as_str().unwrap();
    let ask = |uri: &str| {
        let mut request = Request::get(uri).body(Body::empty()).unwrap();
        within_preview(&mut request, token).unwrap();
        block_on(server.router().oneshot(request)).unwrap()
    };
    let home = ask("/");
    assert_eq!(home.status(), 200);
    for absent in ["content-security-policy", "access-control-allow-origin"] {
        assert!(!home.headers().contains_key(absent), "{absent}");
    }
    assert_eq!(home.headers()["referrer-policy"], "no-referrer");
    assert_eq!(ask("/docs/").status(), 200);
    assert_eq!(ask("/docs?a=b").headers()["location"], "./docs/?a=b");
    // A path of the API is one of the site.
    assert_eq!(ask("/v1/head").status(), 404);
    let body = block_on(ask("/v1/head").into_body().collect()).unwrap();
    assert!(body.to_bytes().starts_with(b"<!doctype html>"));
    assert_eq!(ask("https://elsewhere.example/index.html").status(), 200);
}

/// Text of any kind is in UTF-8, whatever its type is called.
#[test]
fn media_types_of_text_say_its_charset() {
    let server = Server::new();
    for (name, kind) in [
        ("a.svg", "image/svg+xml;charset=utf-8"),
        ("a.atom", "application/atom+xml;charset=utf-8"),
        ("a.webmanifest", "application/manifest+json;charset=utf-8"),
        ("a.json", "application/json;charset=utf-8"),
        ("a.css", "text/css;charset=utf-8"),
        ("a.wasm", "application/wasm"),
    ] {
        server.put(&format!("/v1/head/files/{name}"), "text").ok();
        let issued = issue(&server, json!({}));
        let answer = get(&server, &format!("{}{name}", path(&issued)));
        assert_eq!(answer.header("content-type"), Some(kind), "{name}");
    }
}

/// What is below a file is nothing, as what is absent.
#[test]
fn nothing_is_below_a_file() {
    let server = filled();
    let issued = issue(&server, json!({ "at": "copy:draft" }));
    for below in ["typed/x", "typed/", "typed/x/y", "link/x"] {
        is_nowhere(&get(&server, &format!("{}{below}", path(&issued))));
    }
}
