//! Pages of other origins: none may ask, unless the server says so.

use axum::body::Body;
use axum::http::Request;
use futures::executor::block_on;
use tower::ServiceExt as _;
use workspace_http::{Origins, absent};

use crate::server::{Server, TOKEN};

/// An answer's status, and its header by a name.
struct Told {
    status: u16,
    headers: axum::http::HeaderMap,
}

impl Told {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    fn lists(&self, name: &str, item: &str) -> bool {
        let list = self.header(name).unwrap_or_default().to_ascii_lowercase();
        list.split(',').any(|found| found.trim() == item)
    }
}

fn ask(service: &axum::Router, method: &str, uri: &str, headers: &[(&str, &str)]) -> Told {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let response = block_on(service.clone().oneshot(request)).unwrap();
    Told {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
    }
}

const ALLOWED: &str = "access-control-allow-origin";

#[test]
fn pages_of_the_origins_that_are_set_may_ask() {
    let server = Server::new();
    server.put("/v1/head/files/a.txt", "text").ok();
    let origins = "https://app.example\nhttp://localhost:5173";
    let service = Origins::new(origins).unwrap().admit(server.router());
    let bearer = format!("Bearer {TOKEN}");
    let before = |origin: &str| {
        let method = ("access-control-request-method", "PUT");
        let wanted = ("access-control-request-headers", "authorization,if-match");
        let uri = "/v1/head/files/a.txt";
        ask(
            &service,
            "OPTIONS",
            uri,
            &[("origin", origin), method, wanted],
        )
    };
    for origin in ["https://app.example", "http://localhost:5173"] {
        let told = before(origin);
        assert_eq!((told.status, told.header(ALLOWED)), (200, Some(origin)));
        assert_eq!(told.header("x-content-type-options"), Some("nosniff"));
        for header in ["authorization", "if-match", "range", "content-type"] {
            assert!(
                told.lists("access-control-allow-headers", header),
                "{header}"
            );
        }
        assert_eq!(told.header("access-control-allow-credentials"), None);
        assert!(told.lists("vary", "origin"));

        let headers = [("origin", origin), ("authorization", &bearer)];
        let told = ask(&service, "GET", "/v1/head/files/a.txt", &headers);
        assert_eq!((told.status, told.header(ALLOWED)), (200, Some(origin)));
        for header in ["etag", "workspace-content", "content-range"] {
            assert!(
                told.lists("access-control-expose-headers", header),
                "{header}"
            );
        }
        assert!(told.lists("vary", "origin"));
        // What is refused can be read as well, or a page could not say why.
        let told = ask(&service, "GET", "/v1/head", &[("origin", origin)]);
        assert_eq!((told.status, told.header(ALLOWED)), (401, Some(origin)));
    }
    // Others are answered, and their browser keeps it from the page.
    for origin in [
        "https://other.example",
        "https://app.example.evil",
        "http://app.example",
        "https://app.example:8443",
        "null",
    ] {
        assert_eq!(before(origin).header(ALLOWED), None, "{origin}");
        let headers = [("origin", origin), ("authorization", &bearer)];
        let told = ask(&service, "GET", "/v1/head", &headers);
        assert_eq!((told.status, told.header(ALLOWED)), (200, None), "{origin}");
        assert!(told.lists("vary", "origin"), "{origin}");
    }
    let plain = ask(&service, "GET", "/v1/head", &[("authorization", &bearer)]);
    assert!(plain.lists("vary", "origin") && plain.header(ALLOWED).is_none());
    // What no browser asks before a request is a method that the route does not have.
    let options = ask(
        &service,
        "OPTIONS",
        "/v1/head",
        &[("authorization", &bearer)],
    );
    assert_eq!(options.status, 405);
}

/// A page could rename no copy, since its browser was told of no `PATCH`, nor read where
/// the copy is that it made.
#[test]
fn a_page_may_ask_by_every_method_and_read_every_header() {
    let server = Server::new();
    let service = Origins::new("https://app.example").unwrap();
    let service = service.admit(server.router());
    let origin = ("origin", "https://app.example");
    let document = server.get("/v1/openapi.json").ok().json();
    let mut methods = std::collections::BTreeSet::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        if path.starts_with("/v1/") {
            methods.extend(operations.as_object().unwrap().keys());
        }
    }
    assert!(methods.len() > 5, "{methods:?}");
    for method in methods {
        let before = ("access-control-request-method", method.as_str());
        let told = ask(&service, "OPTIONS", "/v1/head", &[origin, before]);
        assert!(
            told.lists("access-control-allow-methods", method),
            "{method}"
        );
    }
    let bearer = format!("Bearer {TOKEN}");
    let headers = [origin, ("authorization", &*bearer)];
    server.put("/v1/head/files/a", "text").ok();
    for (method, uri) in [("POST", "/v1/copies"), ("GET", "/v1/head/files/a")] {
        let told = ask(&service, method, uri, &headers);
        for header in told.headers.keys().map(|name| name.as_str()) {
            // A browser hands some out in any case, and keeps others to itself.
            let own = [
                "cache-control",
                "content-type",
                "vary",
                "x-content-type-options",
            ];
            let own = own.contains(&header) || header.starts_with("access-control-");
            let exposed = told.lists("access-control-expose-headers", header);
            assert!(own || exposed, "{header} of {method} {uri}");
        }
    }
}

/// An absent workspace tells a browser what one that is there does.
#[test]
fn a_browser_cannot_tell_whether_a_workspace_is_there() {
    let origins = Origins::new("https://app.example").unwrap();
    let there = origins.clone().admit(Server::new().router());
    let absent = origins.admit(absent());
    let before = ("access-control-request-method", "POST");
    for (method, more) in [("OPTIONS", Some(before)), ("OPTIONS", None), ("GET", None)] {
        let mut headers = vec![("origin", "https://app.example")];
        headers.extend(more);
        let [there, absent] = [&there, &absent].map(|service| {
            let told = ask(service, method, "/v1/copies", &headers);
            (told.status, told.headers)
        });
        assert_eq!(there, absent, "{method} {more:?}");
    }
}

#[test]
fn no_page_may_ask_unless_it_is_said() {
    let server = Server::new();
    let service = Origins::default().admit(server.router());
    let headers = [
        ("origin", "https://app.example"),
        ("access-control-request-method", "GET"),
    ];
    let told = ask(&service, "OPTIONS", "/v1/head", &headers);
    assert_eq!((told.status, told.header(ALLOWED)), (401, None));
    for none in [
        "*",
        "null",
        "https://app.example/",
        "https://app.example/x",
        "https://App.example",
        "https://app.example:443",
        "http://app.example:80",
        "https://user@app.example",
        "ftp://app.example",
        "//app.example",
        "app.example",
        "https://",
        "https://*.example",
        "https://ä.example",
    ] {
        let refused = Origins::new(none);
        // A star is a name to a URL, and no browser's origin has one.
        assert!(refused.is_err(), "{none}");
    }
    assert!(Origins::new(&"https://a.example ".repeat(101)).is_err());
    assert!(Origins::new("https://a.example ,\nhttp://[::1]:8080").is_ok());
}
