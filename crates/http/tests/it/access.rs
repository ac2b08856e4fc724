//! Nothing is open by default.

use std::collections::{BTreeMap, BTreeSet};

use axum::body::{Body, to_bytes};
use axum::http::{Request, Response};
use futures::executor::block_on;
use serde_json::{Value, json};
use tower::ServiceExt as _;
use workspace_http::absent;

use crate::server::Server;

/// Returns a URL for a path of the document.
fn url(path: &str) -> String {
    path.replace("{path}", "a")
        .replace("{copy}", "draft")
        .replace("{revision}", "1")
        .replace("{grant}", &"0".repeat(32))
        .replace("{preview}", &"0".repeat(32))
        .replace("{token}", &"a".repeat(26))
}

#[test]
fn every_route_but_few_needs_the_token() {
    let server = Server::new();
    let mut open = Vec::new();
    for (method, path, who) in server.operations() {
        let url = url(&path);
        let wrong = [
            None,
            Some("Bearer a-token-for-tests-onlx"),
            Some("Basic YTpi"),
            Some("Bearer wsg_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        ];
        for authorization in wrong {
            let call = server.call(&method, &url).without_token();
            let answer = match authorization {
                Some(value) => call.header("authorization", value).send(),
                None => call.send(),
            };
            if who.is_empty() {
                let status = match (path.starts_with("/preview/"), &*method) {
                    (true, "OPTIONS") => 204,
                    (true, _) => 404,
                    (false, _) => 200,
                };
                assert_eq!(answer.status, status, "{path}");
                continue;
            }
            assert_eq!(answer.status, 401, "{method} {path}");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
            if method != "HEAD" {
                let problem = answer.json();
                for said in ["detail", "path", "operation"] {
                    assert!(problem.get(said).is_none());
                }
            }
        }
        if who.is_empty() && method != "OPTIONS" {
            open.push(path);
        }
    }
    let site = ["", "/", "/{path}"].map(|rest| format!("/preview/{{token}}{rest}"));
    assert_eq!(open[..3], site);
    assert_eq!(open[3..], ["/v1/health", "/v1/openapi.json"]);
}

#[test]
fn routes_that_are_not_there_are_not_told_from_others() {
    let server = Server::new();
    for uri in ["/", "/v1", "/v2/head", "/v1/head/file", "/favicon.ico"] {
        assert_eq!(server.call("GET", uri).without_token().send().status, 401);
        assert_eq!(server.get(uri).problem(), (404, "no_such_route".into()));
    }
    assert_eq!(
        server
            .call("POST", "/v1/head")
            .without_token()
            .send()
            .status,
        401
    );
    let answer = server.post("/v1/head", serde_json::json!({}));
    assert_eq!(answer.problem(), (405, "method_not_allowed".into()));
    assert!(answer.header("allow").unwrap().contains("GET"));
}

#[test]
fn the_document_and_the_health_are_served() {
    let server = Server::new();
    let document = server
        .call("GET", "/v1/openapi.json")
        .without_token()
        .send();
    assert_eq!(document.json()["openapi"], "3.1.0");
    assert_eq!(server.get("/v1/health").json()["status"], "ok");
}

#[test]
fn each_token_is_for_its_own_routes() {
    let server = Server::new();
    server.put("/v1/head/files/a", "x").ok();
    server
        .post("/v1/copies", serde_json::json!({ "name": "draft" }))
        .ok();
    let scope = serde_json::json!({ "scope": { "read": ["**"], "write": ["**"] } });
    let issued = server.post("/v1/copies/draft/grants", scope).ok().json();
    let token = issued["token"].as_str().unwrap();
    let mut denials = std::collections::BTreeSet::new();
    for (method, path, who) in server.operations() {
        let url = url(&path);
        let call = server.call(&method, &url);
        let answer = match who {
            "root" => call.with_token(token).send(),
            "grant" => call.send(),
            _ => continue,
        };
        assert_eq!(answer.status, 403, "{method} {path}");
        if method != "HEAD" {
            denials.insert((answer.body, format!("{:?}", answer.headers)));
        }
    }
    assert_eq!(denials.len(), 1, "whatever is there");
    for uri in [
        "/v1/nothing",
        "/v1/copies/draft/nothing",
        "/v1/viewing",
        "/",
    ] {
        let answer = server.call("GET", uri).with_token(token).send();
        assert_eq!(answer.problem(), (403, "denied".into()), "{uri}");
    }
    // What a view has is no secret from its holder.
    let own = server.call("GET", "/v1/view/nothing").with_token(token);
    assert_eq!(own.send().problem(), (404, "no_such_route".into()));
    assert_eq!(
        server
            .call("PUT", "/v1/copies")
            .with_token(token)
            .send()
            .status,
        403
    );
}

#[test]
fn a_trusted_router_asks_for_no_token() {
    let server = Server::trusting();
    for token in [None, Some("wsg_whatever")] {
        let call = server.call("GET", "/v1/head").without_token();
        let call = match token {
            Some(token) => call.with_token(token),
            None => call,
        };
        assert_eq!(call.send().status, 200);
    }
    assert_eq!(
        server.call("GET", "/v1/view").without_token().send().status,
        403
    );
}

/// Whether a workspace is there is nobody's business who has no token.
#[test]
fn a_stranger_cannot_tell_whether_a_workspace_is_there() {
    let server = Server::new();
    let methods = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"];
    let paths: BTreeSet<String> = server
        .operations()
        .into_iter()
        .map(|(_, path, _)| path)
        .collect();
    for path in paths
        .iter()
        .map(String::as_str)
        .chain(["/", "/v1/nothing", "/preview/"])
    {
        let url = url(path);
        for method in methods {
            let request = || {
                let request = Request::builder().method(method).uri(&url);
                request
                    .header("accept", "text/html")
                    .body(Body::empty())
                    .unwrap()
            };
            let told = |response: Response<Body>| {
                let (parts, body) = response.into_parts();
                let body = block_on(to_bytes(body, 1 << 20)).unwrap();
                (parts.status, format!("{:?}", parts.headers), body)
            };
            let there = block_on(server.router().oneshot(request())).unwrap();
            let absent = block_on(absent().oneshot(request())).unwrap();
            let (there, absent) = (told(there), told(absent));
            assert_eq!(
                (there.0, &there.1),
                (absent.0, &absent.1),
                "{method} {path}"
            );
            if method != "HEAD" {
                assert_eq!(there.2, absent.2, "{method} {path}");
            }
        }
    }
}

/// Returns a query that has what a route of the document requires.
fn required_query(method: &str, path: &str) -> String {
    let document: Value = serde_json::from_str(workspace_http::OPENAPI).unwrap();
    let route = &document["paths"][path][method.to_ascii_lowercase()];
    let parameters = route["parameters"].as_array().into_iter().flatten();
    let required = parameters.filter(|one| one["in"] == "query" && one["required"] == true);
    let said = required.map(|one| {
        let name = one["name"].as_str().unwrap();
        let value = match (name, &one["schema"]) {
            ("from" | "to", _) => "copy:draft",
            (_, schema) if schema["type"] == "string" => "x",
            _ => "1",
        };
        format!("{name}={value}")
    });
    let said: Vec<_> = said.collect();
    match said.is_empty() {
        true => String::new(),
        false => format!("?{}", said.join("&")),
    }
}

/// What an answer says about itself, by its class: of each route of the document that
/// reads, and of what each refuses.
#[test]
fn every_route_answers_by_its_class() {
    let server = Server::new();
    let changes = json!({ "changes": [
        { "op": "write", "path": "/d/a.html", "content": { "text": "<p>" }, "create_parents": true },
        { "op": "write", "path": "/index.html", "content": { "text": "<h1>" } },
    ] });
    server.post("/v1/head/changes", changes).ok();
    server.post("/v1/revisions", json!({})).ok();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    server.put("/v1/copies/draft/files/new", "new").ok();
    let everything = json!({ "scope": { "read": ["**"] } });
    let grant = server
        .post("/v1/copies/draft/grants", everything)
        .ok()
        .json();
    let preview = server.post("/v1/previews", json!({})).ok().json();
    let tree = server.get("/v1/head").json()["tree"]
        .as_str()
        .unwrap()
        .to_string();
    let token = grant["token"].as_str().unwrap();
    let mut classes: BTreeMap<&str, u32> = BTreeMap::new();
    for (method, path, who) in server.operations() {
        let is_directory = ["/list/", "/walk/", "/export/", "/glob/", "/grep/"]
            .iter()
            .any(|part| path.contains(part));
        let url = path
            .replace("{path}", if is_directory { "d" } else { "d/a.html" })
            .replace("{tree}", &tree)
            .replace("{token}", preview["token"].as_str().unwrap());
        let query = required_query(&method, &path);
        let url = self::url(&url) + &query;
        let call = || match who {
            "grant" => server.call(&method, &url).with_token(token),
            _ => server.call(&method, &url),
        };
        let mut answers = vec![call().without_token().send()];
        if ["GET", "HEAD", "OPTIONS"].contains(&&*method) {
            let answer = call().send();
            assert!(answer.status < 400, "{method} {path}: {}", answer.status);
            let tag = answer.header("etag").map(String::from);
            answers.push(answer);
            if let Some(tag) = tag {
                answers.push(call().header("if-none-match", tag).send());
                answers.push(call().header("range", "bytes=0-0").send());
                answers.push(call().header("range", "bytes=99-").send());
            }
        }
        if path == "/v1/events" {
            let (parts, _) = call().header("accept", "text/event-stream").open();
            assert_eq!(parts.headers["content-type"], "text/event-stream");
            assert_eq!(parts.headers["cache-control"], "no-store");
            assert_eq!(parts.headers["x-content-type-options"], "nosniff");
        }
        for answer in answers {
            let kind = answer.header("content-type");
            let (is_site, ok) = (path.starts_with("/preview/"), answer.status < 400);
            let (class, cache): (_, &[&str]) = match (is_site, &*method, ok) {
                (true, "OPTIONS", _) => ("preflight", &["no-store"]),
                (true, ..) => ("site", &["private, no-cache"]),
                (_, _, false) => ("problem", &["no-store"]),
                _ if path == "/v1/openapi.json" => ("document", &["no-cache"]),
                _ if path.contains("/files/") => ("file", &["private, no-cache"]),
                _ if path.contains("/export") => ("archive", &["no-store"]),
                _ if path.contains("/walk") => ("lines", &["no-store"]),
                _ => ("json", &["no-store"]),
            };
            *classes.entry(class).or_default() += 1;
            let said = format!("{method} {path} {}: {:?}", answer.status, answer.headers);
            assert!(
                cache.contains(&answer.header("cache-control").unwrap()),
                "{said}"
            );
            assert_eq!(
                answer.header("x-content-type-options"),
                Some("nosniff"),
                "{said}"
            );
            let has = |name: &str| answer.header(name).is_some();
            // Only a site is shown by a browser, and is of no origin where it shares one.
            let sandboxed = answer.header("content-security-policy");
            let sandboxed = sandboxed.is_some_and(|policy| policy.starts_with("sandbox "));
            assert_eq!(sandboxed, class == "site", "{said}");
            for name in ["referrer-policy", "x-robots-tag"] {
                assert_eq!(has(name), class == "site", "{name}: {said}");
            }
            let shared = has("access-control-allow-origin");
            assert_eq!(shared, is_site, "{said}");
            assert!(
                !has("access-control-allow-credentials") && !has("set-cookie"),
                "{said}"
            );
            assert_eq!(has("www-authenticate"), answer.status == 401, "{said}");
            assert_eq!(
                has("content-range"),
                [206, 416].contains(&answer.status),
                "{said}"
            );
            let expected = match class {
                "problem" => Some("application/problem+json"),
                "json" | "document" => Some("application/json"),
                "archive" => Some("application/x-tar"),
                "lines" => Some("application/x-ndjson"),
                _ => None,
            };
            assert!(expected.is_none() || expected == kind, "{said}");
            // Nothing of what a call costs to those whose grant hides what is outside.
            let tells_cost = who == "root" && answer.status != 401;
            assert_eq!(has("workspace-receipt"), tells_cost, "{said}");
            if class == "file" {
                assert!(has("etag") && has("workspace-content"), "{said}");
            }
        }
    }
    let found: Vec<&str> = classes.keys().copied().collect();
    let all = [
        "archive",
        "document",
        "file",
        "json",
        "lines",
        "preflight",
        "problem",
        "site",
    ];
    assert_eq!(found, all);
}

/// A method that a path does not have is 405, and says which it has (RFC 9110, 15.5.6).
#[test]
fn a_method_that_is_not_there_is_told_which_are() {
    let server = Server::new();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    server.put("/v1/copies/draft/files/new", "new").ok();
    let everything = json!({ "scope": { "read": ["**"], "write": ["**"] } });
    let issued = server
        .post("/v1/copies/draft/grants", everything)
        .ok()
        .json();
    let token = issued["token"].as_str().unwrap();
    let mut known: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (method, path, _) in server.operations() {
        let methods = known.entry(path).or_default();
        if method == "GET" {
            methods.insert("HEAD".into());
        }
        methods.insert(method);
    }
    for (path, methods) in known {
        let url = url(&path);
        for method in [
            "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE",
        ] {
            if methods.contains(method) {
                continue;
            }
            let call = server.call(method, &url);
            let call = match path.starts_with("/v1/view") {
                true => call.with_token(token),
                false => call,
            };
            let answer = call.send();
            assert_eq!(answer.status, 405, "{method} {path}");
            let allow = answer.header("allow").unwrap();
            let allowed: BTreeSet<String> =
                allow.split(',').map(|name| name.trim().into()).collect();
            assert_eq!(allowed, methods, "{method} {path}");
        }
    }
}
