//! Files: written, read in whole and in part, under conditions.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::body::Body;
use futures::{StreamExt as _, stream};
use serde_json::json;

use crate::server::{Server, TOKEN};

const A: &str = "/v1/head/files/a.txt";

fn tag(content: &str) -> String {
    format!("\"{}\"", workspace_core::ContentId::of(content.as_bytes()))
}

#[test]
fn a_file_comes_back_as_it_was_written() {
    let server = Server::new();
    let written = server
        .call("PUT", "/v1/head/files/deep/in/a%20b.txt?create_parents=true&executable=true&modified=86400000")
        .header("content-type", "text/plain; charset=utf-8")
        .body("hello")
        .send();
    assert_eq!(written.status, 201);
    let of_type = tag("hello").replace("\"", "") + "-74df46b3";
    assert_eq!(written.header("etag"), Some(&*format!("\"{of_type}\"")));
    let body = written.json();
    assert_eq!(body["path"], "/deep/in/a b.txt");
    assert_eq!(body["entry"]["size"], 5);
    assert_eq!(body["changed"]["generation"], 1);

    let read = server.get("/v1/head/files/deep/in/a%20b.txt");
    assert_eq!((read.status, &*read.body), (200, &b"hello"[..]));
    assert_eq!(
        read.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(read.header("etag"), written.header("etag"));
    assert_eq!(
        read.header("workspace-content"),
        Some(tag("hello").trim_matches('"'))
    );
    assert_eq!(read.header("content-length"), Some("5"));
    assert_eq!(read.header("workspace-executable"), Some("true"));
    assert_eq!(
        read.header("last-modified"),
        Some("Fri, 02 Jan 1970 00:00:00 GMT")
    );
    let head = server
        .call("HEAD", "/v1/head/files/deep/in/a%20b.txt")
        .send();
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some("5"));

    let again = server.put("/v1/head/files/deep/in/a%20b.txt", "hello").ok();
    assert_eq!(again.status, 200);
    assert_eq!(
        again.json()["entry"]["media_type"],
        "text/plain; charset=utf-8"
    );
    assert_eq!(server.get(A).problem(), (404, "not_found".into()));
    assert_eq!(
        server.get("/v1/head/files/deep").problem(),
        (409, "is_a_directory".into())
    );
    assert_eq!(
        server.put("/v1/head/files/deep", "x").problem(),
        (409, "is_a_directory".into())
    );
    assert_eq!(
        server.put("/v1/head/files/no/b", "x").problem(),
        (404, "not_found".into())
    );
}

#[test]
fn ranges_are_parts_of_the_file() {
    let server = Server::new();
    let content: &'static str = "0123456789".repeat(30).leak();
    server.put(A, content).ok();
    for (range, first, last) in [
        ("bytes=0-0", 0, 0),
        ("bytes=290-", 290, 299),
        ("bytes=-7", 293, 299),
        ("bytes=100-199", 100, 199),
    ] {
        let read = server.call("GET", A).header("range", range).send();
        assert_eq!(read.status, 206);
        assert_eq!(&*read.body, &content.as_bytes()[first..=last]);
        let expected = format!("bytes {first}-{last}/300");
        assert_eq!(read.header("content-range"), Some(&*expected));
    }
    let beyond = server.call("GET", A).header("range", "bytes=300-").send();
    assert_eq!(beyond.problem(), (416, "range_not_satisfiable".into()));
    assert_eq!(beyond.header("content-range"), Some("bytes */300"));
    for whole in ["bytes=9-0", "bytes=0-1,5-6", "items=1-2"] {
        assert_eq!(
            server
                .call("GET", A)
                .header("range", whole)
                .send()
                .body
                .len(),
            300
        );
    }
}

#[test]
fn reads_and_writes_heed_conditions() {
    let server = Server::new();
    let call = |method, name, value: &str| server.call(method, A).header(name, value);
    let put = |name, value: &str, body: &'static str| call("PUT", name, value).body(body).send();

    assert_eq!(put("if-match", "*", "x").problem(), (412, "stale".into()));
    assert_eq!(put("if-none-match", "*", "one").status, 201);
    assert_eq!(
        put("if-none-match", "*", "two").problem(),
        (412, "already_exists".into())
    );
    assert_eq!(
        put("if-match", &tag("other"), "two").problem(),
        (412, "stale".into())
    );
    assert_eq!(
        put("if-match", &format!("\"x\", {}", tag("one")), "two").status,
        200
    );
    assert_eq!(put("if-match", "*", "three").status, 200);
    assert_eq!(put("if-none-match", &tag("three"), "four").status, 412);
    assert_eq!(server.get(A).body, "three");

    let unchanged = call("GET", "if-none-match", &tag("three")).send();
    assert_eq!((unchanged.status, unchanged.body.len()), (304, 0));
    assert_eq!(unchanged.header("etag"), Some(&*tag("three")));
    assert_eq!(call("GET", "if-none-match", &tag("one")).send().status, 200);
    assert_eq!(call("GET", "if-match", &tag("one")).send().status, 412);
    assert_eq!(call("DELETE", "if-match", &tag("one")).send().status, 412);
    assert_eq!(call("DELETE", "if-match", &tag("three")).send().status, 200);
    assert_eq!(call("DELETE", "if-match", &tag("three")).send().status, 412);
    assert_eq!(
        server.call("DELETE", A).send().problem(),
        (404, "not_found".into())
    );
}

/// The root is a directory, and a revision and a tree are what they are: said as such.
#[test]
fn the_root_and_revisions_are_told_for_what_they_are() {
    let server = Server::new();
    server.put("/v1/head/files/a", "1").ok();
    server.post("/v1/revisions", json!({})).ok();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let everything = json!({ "scope": { "read": ["**"], "write": ["**"], "delete": true } });
    let issued = server
        .post("/v1/copies/draft/grants", everything)
        .ok()
        .json();
    let (token, tree) = (
        issued["token"].as_str().unwrap().to_string(),
        server.get("/v1/head").json()["tree"]
            .as_str()
            .unwrap()
            .to_string(),
    );
    for files in ["head", "copies/draft", "view"] {
        let token = if files == "view" { &*token } else { TOKEN };
        for root in ["", "/"] {
            let uri = format!("/v1/{files}/files{root}");
            let call = |method| server.call(method, &uri).with_token(token).body("x");
            for method in ["GET", "PUT"] {
                let answer = call(method).send();
                assert_eq!(
                    answer.problem(),
                    (409, "is_a_directory".into()),
                    "{method} {uri}"
                );
                assert_eq!(answer.json()["path"], "/");
            }
            assert_eq!(call("HEAD").send().status, 409);
            let answer = call("DELETE").send();
            assert_eq!(answer.problem(), (400, "invalid".into()));
            let problem = answer.json();
            assert_eq!(
                [&problem["reason"], &problem["path"]],
                ["root", "/"],
                "{problem}"
            );
        }
    }
    for files in ["revisions/1".to_string(), format!("trees/{tree}")] {
        for (method, rest, status) in [
            ("PUT", "files/a", 405),
            ("DELETE", "files/a", 405),
            ("PUT", "files", 405),
            ("DELETE", "files/", 405),
            ("POST", "changes", 403),
            ("POST", "import", 403),
        ] {
            let uri = format!("/v1/{files}/{rest}");
            let answer = server.call(method, &uri).body("x").send();
            assert_eq!(
                answer.problem(),
                (status, "read_only".into()),
                "{method} {uri}"
            );
            if status == 405 {
                let allow = answer.header("allow").unwrap();
                assert!(
                    allow.contains("GET") && !allow.contains("PUT"),
                    "{uri}: {allow}"
                );
            }
            let stranger = server.call(method, &uri).without_token().send();
            assert_eq!(stranger.status, 401);
            let holder = server.call(method, &uri).with_token(&token).send();
            assert_eq!(holder.problem(), (403, "denied".into()));
        }
        let other = server
            .call("POST", &format!("/v1/{files}/changes/more"))
            .send();
        assert_eq!(other.problem(), (404, "no_such_route".into()));
    }
}

/// A body that is to be refused is not asked for.
#[test]
fn what_is_to_be_refused_is_refused_before_it_is_read() {
    let server = Server::new();
    server.put("/v1/head/files/file", "1").ok();
    let directory = json!({ "changes": [{ "op": "mkdir", "path": "/directory" }] });
    server.post("/v1/head/changes", directory).ok();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let scope = json!({ "scope": { "write": ["drop/**"], "read": ["drop/**"] } });
    let issued = server.post("/v1/copies/draft/grants", scope).ok().json();
    let token = issued["token"].as_str().unwrap();
    for (uri, token, refused) in [
        ("/v1/head/files/no/parent", TOKEN, (404, "not_found")),
        ("/v1/head/files/file/below", TOKEN, (409, "not_a_directory")),
        ("/v1/head/files/directory", TOKEN, (409, "is_a_directory")),
        ("/v1/head/files", TOKEN, (409, "is_a_directory")),
        (
            "/v1/head/files/a?expect_generation=99",
            TOKEN,
            (412, "stale"),
        ),
        ("/v1/revisions/1/files/a", TOKEN, (405, "read_only")),
        ("/v1/copies/nobody/files/a", TOKEN, (404, "not_found")),
        ("/v1/view/files/file", token, (403, "denied")),
        ("/v1/view/files/other/a", token, (403, "denied")),
        ("/v1/view/files/drop/a/b", token, (404, "not_found")),
    ] {
        let read = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&read);
        let chunks = stream::iter(0..100).map(move |_| {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(vec![b'x'; 1000])
        });
        let body = Body::from_stream(chunks);
        let answer = server.call("PUT", uri).with_token(token).body(body).send();
        assert_eq!(answer.problem(), (refused.0, refused.1.into()), "{uri}");
        assert_eq!(
            read.load(Ordering::Relaxed),
            0,
            "{uri}: chunks that were read"
        );
    }
}

#[test]
fn a_write_may_expect_a_generation() {
    let server = Server::new();
    server.put(A, "one").ok();
    let put = |uri| server.put(uri, "two");
    assert_eq!(
        put("/v1/head/files/a.txt?expect_generation=0").problem(),
        (412, "stale".into())
    );
    assert_eq!(
        put("/v1/head/files/a.txt?expect_generation=1").json()["changed"]["generation"],
        2
    );
}

#[test]
fn a_body_that_is_not_whole_changes_nothing() {
    let server = Server::new();
    server.put(A, "old").ok();
    let before = server.get("/v1/head").body;
    let long: &[u8] = &[b'x'; 300];
    let put = |declared: Option<&str>, chunks: &[Option<&'static [u8]>]| {
        let call = server.call("PUT", A).chunks(chunks);
        match declared {
            Some(declared) => call.header("content-length", declared),
            None => call,
        }
        .send()
        .problem()
    };
    let invalid = (400, "invalid".to_string());
    assert_eq!(put(Some("5"), &[Some(b"four")]), invalid);
    assert_eq!(put(Some("3"), &[Some(b"four")]), invalid);
    assert_eq!(put(Some("301"), &[Some(long)]), invalid);
    assert_eq!(put(Some("299"), &[Some(long)]), invalid);
    assert_eq!(put(Some("0x4"), &[Some(b"four")]), invalid);
    assert_eq!(put(None, &[Some(b"four"), None]), (400, "source".into()));
    assert_eq!(
        put(None, &[Some(long), Some(long), None]),
        (400, "source".into())
    );
    let part = server
        .call("PUT", A)
        .header("content-range", "bytes 0-3/9")
        .body("four")
        .send();
    assert_eq!(part.problem(), invalid);
    let packed = server
        .call("PUT", A)
        .header("content-encoding", "gzip")
        .body("four")
        .send();
    assert_eq!(packed.problem(), invalid);
    assert_eq!(server.get("/v1/head").body, before);
    assert_eq!(server.get(A).body, "old");
    server
        .call("PUT", A)
        .chunks(&[Some(b"in "), Some(b"chunks")])
        .send()
        .ok();
    assert_eq!(server.get(A).body, "in chunks");
}

#[test]
fn a_file_beyond_the_limit_is_refused_before_it_is_sent() {
    let limits = workspace_core::ImportLimits::default().file_bytes(100);
    let server = Server::with(limits);
    let declared = server
        .call("PUT", A)
        .header("content-length", "5368709120")
        .send();
    assert_eq!(declared.problem(), (413, "limit_exceeded".into()));
    let long: &[u8] = &[b'x'; 80];
    let streamed = server
        .call("PUT", A)
        .chunks(&[Some(long), Some(long)])
        .send();
    assert_eq!(streamed.problem(), (413, "limit_exceeded".into()));
    assert_eq!(server.get("/v1/head").json()["version"], 0);
}

#[test]
fn a_symlink_is_not_followed() {
    let server = Server::new();
    let batch =
        json!({ "changes": [{ "op": "symlink", "path": "/a.txt", "target": "/etc/passwd" }] });
    server.post("/v1/head/changes", batch).ok();
    assert_eq!(server.get(A).problem(), (400, "invalid".into()));
    assert_eq!(
        server.get("/v1/head/stat/a.txt").json()["entry"]["target"],
        "/etc/passwd"
    );
    assert_eq!(server.put(A, "a file now").status, 200);
    assert_eq!(server.get(A).body, "a file now");
}

/// What must be there is looked for before what must not (RFC 9110, 13.2.2).
#[test]
fn conditions_are_evaluated_in_their_order() {
    let server = Server::new();
    server.put(A, "one").ok();
    server.context.advance(10_000_000_000);
    server.put(A, "two").ok();
    server.put(A, "one").ok();
    let old = "Thu, 01 Jan 1970 00:00:01 GMT";
    let another = "\"another\"";
    for (method, headers, status) in [
        (
            "PUT",
            vec![("if-match", another), ("if-none-match", "\"x\"")],
            412,
        ),
        (
            "PUT",
            vec![("if-unmodified-since", old), ("if-none-match", "\"x\"")],
            412,
        ),
        ("PUT", vec![("if-match", "*"), ("if-none-match", "*")], 412),
        (
            "PUT",
            vec![("if-match", "*"), ("if-none-match", "\"x\"")],
            200,
        ),
        // A date is not looked at beside tags.
        (
            "PUT",
            vec![("if-match", "*"), ("if-unmodified-since", old)],
            200,
        ),
        (
            "DELETE",
            vec![("if-match", another), ("if-none-match", "\"x\"")],
            412,
        ),
        (
            "GET",
            vec![("if-match", another), ("if-none-match", "*")],
            412,
        ),
        ("GET", vec![("if-match", "*"), ("if-none-match", "*")], 304),
        ("GET", vec![("if-match", "no tag")], 400),
        ("PUT", vec![("if-none-match", "no tag")], 400),
    ] {
        let mut call = server.call(method, A);
        for (name, value) in &headers {
            call = call.header(name, *value);
        }
        let answer = call.body(if method == "PUT" { "one" } else { "" }).send();
        assert_eq!(answer.status, status, "{method} {headers:?}");
    }
    let absent = "/v1/head/files/absent";
    let call = server.call("PUT", absent).header("if-match", "*");
    let put = call.header("if-none-match", "*").body("x").send();
    assert_eq!(put.problem(), (412, "stale".into()));
}

/// A star between the quotes of a tag is a part of it.
#[test]
fn a_star_within_a_tag_names_nothing() {
    let server = Server::new();
    server.put(A, "mine").ok();
    for tag in ["\"a,*,b\"", "\"a, *, b\"", "W/\"a,*,b\"", "\"x\", \"*\""] {
        let call = |method, name| server.call(method, A).header(name, tag);
        assert_eq!(call("GET", "if-none-match").send().status, 200, "{tag}");
        assert_eq!(
            call("PUT", "if-match").body("x").send().status,
            412,
            "{tag}"
        );
        assert_eq!(
            call("PUT", "if-none-match").body("mine").send().status,
            200,
            "{tag}"
        );
        assert_eq!(call("DELETE", "if-match").send().status, 412, "{tag}");
    }
}

/// `fetch` says of any text that it is plain; curl of anything that it is a form.
#[test]
fn what_clients_send_unasked_is_no_media_type() {
    let server = Server::new();
    let fetched = "text/plain;charset=UTF-8";
    for (path, sent, kept) in [
        ("index.html", fetched, None),
        ("style.css", "text/plain; charset=\"utf-8\"", None),
        ("app.js", fetched, None),
        ("README", fetched, Some(fetched)),
        ("notes.txt", fetched, Some(fetched)),
        ("index.html", "text/plain", Some("text/plain")),
        (
            "app.js",
            "text/plain;charset=latin1",
            Some("text/plain;charset=latin1"),
        ),
        ("a.html", "application/x-www-form-urlencoded", None),
        ("b.html", "application/octet-stream", None),
    ] {
        let uri = format!("/v1/head/files/{path}");
        server.call("DELETE", &uri).send();
        let put = server.call("PUT", &uri).header("content-type", sent);
        let written = put.body("x").send().ok().json();
        assert_eq!(
            written["entry"]["media_type"].as_str(),
            kept,
            "{path} {sent}"
        );
    }
    let form = "multipart/form-data; boundary=x";
    let put = server
        .call("PUT", A)
        .header("content-type", form)
        .body("--x");
    assert_eq!(put.send().problem(), (415, "unsupported_media_type".into()));
    assert_eq!(server.get(A).status, 404);
}
