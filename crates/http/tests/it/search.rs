//! Files that are found by name and by what is in them, and edited by it.

use serde_json::{Value, json};

use crate::server::{Answer, Server};

fn filled() -> Server {
    let server = Server::new();
    for (path, text) in [
        ("a.md", "one TODO\ntwo\r\nthree todo\n"),
        ("a/b/c.md", "TODO: (x)\n"),
        ("a-b.txt", "TODO"),
        ("src/main.rs", "fn main() {}\n"),
    ] {
        let body = json!({ "op": "write", "path": format!("/{path}"),
            "content": { "text": text }, "create_parents": true });
        server
            .post("/v1/head/changes", json!({ "changes": [body] }))
            .ok();
    }
    server
}

/// All of a list, in pages of `limit`.
fn pages(server: &Server, uri: &str, list: &str, limit: usize) -> Vec<Value> {
    let (mut found, mut after) = (Vec::new(), String::new());
    loop {
        let page = server.get(&format!("{uri}&limit={limit}{after}")).ok();
        let page = page.json();
        found.extend(page[list].as_array().unwrap().iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={}", next.replace('/', "%2F")),
            None => return found,
        }
    }
}

/// > A glob lists what matches below a directory in the order of a walk, in pages of any size.
#[test]
fn names_are_found_by_a_glob_in_pages_of_any_size() {
    let server = filled();
    for limit in [1, 2, 100] {
        let uri = "/v1/head/glob?pattern=*.md";
        let found = pages(&server, uri, "entries", limit);
        let paths: Vec<_> = found.iter().map(|one| one["path"].clone()).collect();
        // In the order of a walk, where a directory's entries come before its next sibling.
        assert_eq!(paths, ["/a/b/c.md", "/a.md"], "{limit}");
    }
    // A page that is full where nothing more matches is the last one.
    let page = server.get("/v1/head/glob?pattern=*.md&limit=2").ok().json();
    assert_eq!(page.get("next"), None);
    let below = server.get("/v1/head/glob/a?pattern=/a/*").ok().json();
    assert_eq!(below["entries"].as_array().unwrap().len(), 2);
    for (uri, code) in [
        ("/v1/head/glob?pattern=[a", "invalid"),
        ("/v1/head/glob", "invalid"),
        ("/v1/head/glob/a.md?pattern=x", "not_a_directory"),
        ("/v1/head/glob/none?pattern=x", "not_found"),
    ] {
        assert_eq!(server.get(uri).problem().1, code, "{uri}");
    }
}

/// > Lines are found by a regular expression or a plain text, in the files that a glob matches, in pages of any size.
#[test]
fn lines_are_found_by_a_pattern() {
    let server = filled();
    let at = |one: &Value| format!("{}:{}:{}", one["path"], one["line"], one["text"]);
    let grep = |query: &str| -> Vec<String> {
        let uri = format!("/v1/head/grep?{query}");
        let found = pages(&server, &uri, "matches", 1);
        assert_eq!(found, pages(&server, &uri, "matches", 1000), "{query}");
        found.iter().map(at).collect()
    };
    let main = r#""/src/main.rs":1:"fn main() {}""#;
    assert_eq!(
        grep("pattern=TODO&glob=*.md"),
        [r#""/a/b/c.md":1:"TODO: (x)""#, r#""/a.md":1:"one TODO""#]
    );
    assert_eq!(grep("pattern=todo&ignore_case=true").len(), 4);
    assert_eq!(grep("pattern=two%24"), [r#""/a.md":2:"two""#]);
    assert_eq!(grep("pattern=(x)&literal=true").len(), 1);
    // A file in the place of the directory is the one that is searched.
    let page = server
        .get("/v1/head/grep/a.md?pattern=t&limit=1")
        .ok()
        .json();
    assert_eq!(page["matches"].as_array().unwrap().len(), 2);
    assert_eq!(page.get("next"), None);
    let uri = "/v1/head/grep/a.md?pattern=t&after=%2Fa.md";
    assert_eq!(server.get(uri).ok().json()["matches"], json!([]));
    let uri = "/v1/head/grep/a.md?pattern=t&glob=*.txt";
    assert_eq!(server.get(uri).ok().json()["matches"], json!([]));
    // So is a page that ends with the last file.
    let page = server.get("/v1/head/grep?pattern=main&limit=1").ok().json();
    assert_eq!(page.get("next"), None);
    assert_eq!(grep("pattern=%5Efn%20%5Cw%2B"), [main]);
    for query in [
        "pattern=(",
        "pattern=a&glob=[",
        "pattern=a&limit=0",
        "glob=a",
    ] {
        let (status, code) = server.get(&format!("/v1/head/grep?{query}")).problem();
        assert_eq!((status, &*code), (400, "invalid"), "{query}");
    }
    // Patterns that would become large, or take long, whatever they are compared with.
    let groups = format!("{}a", "()".repeat(40));
    for pattern in ["(?:a{1000}){300}", "(?:(?:a?){1000}){99}c", &groups, ""] {
        let pattern = pattern
            .replace('?', "%3F")
            .replace('{', "%7B")
            .replace('}', "%7D");
        let (status, code) = server
            .get(&format!("/v1/head/grep?pattern={pattern}"))
            .problem();
        assert_eq!((status, &*code), (400, "invalid"), "{pattern}");
    }
    let long = "a".repeat(1001);
    let (_, code) = server
        .get(&format!("/v1/head/grep?pattern={long}"))
        .problem();
    assert_eq!(code, "invalid");
}

/// > Files that are not text, or have more than 1 MiB, are not searched but counted; of a file up to 1,000 lines are told, each up to 1,000 bytes.
#[test]
fn what_is_no_text_is_counted_and_long_lines_are_cut() {
    let server = Server::new();
    server.put("/v1/head/files/binary", "TODO\0TODO").ok();
    let long = format!("{}TODO", "ü".repeat(2000));
    let many = "TODO\n".repeat(1500);
    for (path, text) in [("long", long), ("many", many)] {
        let uri = format!("/v1/head/files/{path}");
        server.call("PUT", &uri).body(text).send().ok();
    }
    let uri = "/v1/head/files/large";
    let large = "TODO\n".repeat(300_000);
    server.call("PUT", uri).body(large).send().ok();
    let found = server.get("/v1/head/grep?pattern=TODO").ok().json();
    assert_eq!(found["skipped"], 2);
    let matches = found["matches"].as_array().unwrap();
    assert_eq!(matches.len(), 1 + 1000);
    // Of a long line, what is around the match.
    let long = matches[0]["text"].as_str().unwrap();
    assert!(long.ends_with("TODO") && long.len() < 300, "{}", long.len());
    assert_eq!(found["left_out"], 500);
    let any = "/v1/head/grep?pattern=todo&literal=true&ignore_case=true&glob=long";
    let found = server.get(any).ok().json();
    assert_eq!(found["matches"].as_array().unwrap().len(), 1);
}

/// A page that goes on after a path does not look at what is before it.
#[test]
fn a_page_costs_what_it_has() {
    let server = Server::new();
    let changes: Vec<_> = (0..3000)
        .map(|n| json!({ "op": "write", "path": format!("/d/{n:04}"), "content": { "text": "" } }))
        .collect();
    server
        .post(
            "/v1/head/changes",
            json!({ "changes": [{ "op": "mkdir", "path": "/d" }] }),
        )
        .ok();
    server
        .post("/v1/head/changes", json!({ "changes": changes }))
        .ok();
    let cost = |after: &str| {
        let uri = format!("/v1/head/glob?pattern=d/*&limit=5&after={after}");
        let answer = server.get(&uri).ok();
        let receipt: Value =
            serde_json::from_str(answer.header("workspace-receipt").unwrap()).unwrap();
        (answer.json(), receipt["nodes_read"].as_u64().unwrap())
    };
    let (first, at_start) = cost("/d");
    let (last, at_end) = cost("/d/2990");
    assert_eq!(first["entries"][0]["path"], "/d/0000");
    assert_eq!(last["entries"][0]["path"], "/d/2991");
    assert!(at_end <= at_start + 2, "{at_end}, {at_start}");
    let elsewhere = server.get("/v1/head/glob/d?pattern=*&after=/e");
    assert_eq!(elsewhere.problem(), (400, "invalid".into()));
}

fn edit(server: &Server, path: &str, edits: Value) -> Answer {
    let uri = format!("/v1/head/edit/{path}");
    server.post(&uri, json!({ "edits": edits, "note": "edit" }))
}

/// > Edits of a file are taken literally, each sees what those before it did, and they are made together or not at all.
#[test]
fn edits_are_made_together_or_not_at_all() {
    let server = filled();
    let done = edit(
        &server,
        "a.md",
        json!([
            { "old": "two", "new": "zwei" },
            { "old": "zwei\nthree", "new": "$0" },
        ]),
    );
    // What is there ends its lines with CR LF, and an edit is literal.
    assert_eq!(done.problem().1, "invalid");
    assert_eq!(done.json()["reason"], "text_absent");
    let text = || server.get("/v1/head/files/a.md").ok().body;
    assert_eq!(text(), "one TODO\ntwo\r\nthree todo\n");
    let done = edit(
        &server,
        "a.md",
        json!([
            { "old": "two", "new": "zwei" },
            { "old": "TODO\nzwei\r", "new": "$0" },
            { "old": "o", "new": "0", "all": true },
        ]),
    );
    let done = done.ok().json();
    assert_eq!(done["replaced"], 5);
    assert_eq!(text(), "0ne $0\nthree t0d0\n");
    assert_eq!(done["entry"]["size"], 18);
}

/// > A text that is to be replaced is in the file once, unless all are meant; otherwise the edit is `Invalid`, and of a text that is there more than once says on which lines.
#[test]
fn an_edit_that_cannot_be_meant_says_what_is_wrong() {
    let server = filled();
    server.put("/v1/head/files/bytes", "\0").ok();
    let bytes = server.call("PUT", "/v1/head/files/bytes");
    bytes.body(vec![0xff, 0xfe]).send().ok();
    let once = |old: &str| json!([{ "old": old, "new": "x" }]);
    for (path, edits, status, reason) in [
        ("a.md", json!([]), 400, "out_of_range"),
        ("a.md", once(""), 400, "malformed_text"),
        ("a.md", once("four"), 400, "text_absent"),
        ("a.md", once("t"), 400, "text_not_unique"),
        ("bytes", once("a"), 400, "not_utf8"),
        ("none", once("a"), 404, ""),
        ("a", once("a"), 409, ""),
    ] {
        let answer = edit(&server, path, edits);
        assert_eq!(answer.status, status, "{path} {reason}");
        if !reason.is_empty() {
            assert_eq!(answer.json()["reason"], reason);
        }
    }
    let told = edit(&server, "a.md", once("t")).json();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("lines 2, 3"), "{detail}");
    let stale = json!({ "edits": once("two"), "if_content": "0".repeat(64) });
    let stale = server.post("/v1/head/edit/a.md", stale);
    assert_eq!(stale.problem(), (412, "stale".into()));
    // Small input never costs much: nor where the file becomes large on the way.
    server.put("/v1/head/files/grown", "a").ok();
    let mut grown = vec![json!({ "old": "a", "new": "aa", "all": true }); 20];
    grown.extend(vec![json!({ "old": "a", "new": "a", "all": true }); 900]);
    let refused = edit(&server, "grown", json!(grown));
    assert_eq!(refused.problem().1, "limit_exceeded");
    let refused = edit(
        &server,
        "grown",
        json!(vec![json!({ "old": "a", "new": "a" }); 1001]),
    );
    assert_eq!(refused.problem().1, "limit_exceeded");
    // Each edit looks through all of the file.
    let large = "a".repeat(4 << 20);
    let put = server.call("PUT", "/v1/head/files/large");
    put.body(large).send().ok();
    let many = vec![json!({ "old": "a", "new": "a", "all": true }); 3];
    let refused = edit(&server, "large", json!(many));
    assert_eq!(refused.problem().1, "limit_exceeded");
    let grows = json!([{ "old": "a", "new": "aaaa", "all": true }]);
    let refused = edit(&server, "large", grows);
    assert_eq!(refused.problem().1, "limit_exceeded");
}

/// > The holder of a grant finds and edits what it may, and is told of nothing else.
///
/// A holder finds and edits what it sees, and nothing else.
#[test]
fn a_holder_finds_and_edits_in_its_part() {
    let server = filled();
    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let scope = json!({ "root": "/a", "read": ["**"], "write": ["b/c.md"] });
    let issued = server.post("/v1/copies/draft/grants", json!({ "scope": scope }));
    let issued = issued.ok().json();
    let token = issued["token"].as_str().unwrap();
    let get = |uri: &str| server.call("GET", uri).with_token(token).send();
    let found = get("/v1/view/grep?pattern=TODO").ok().json();
    assert_eq!(found["matches"].as_array().unwrap().len(), 1);
    assert_eq!(found["matches"][0]["path"], "/b/c.md");
    let found = get("/v1/view/glob?pattern=**").ok().json();
    assert_eq!(found["entries"].as_array().unwrap().len(), 2);
    let edit = |path: &str| {
        let body = json!({ "edits": [{ "old": "(x)", "new": "done" }] });
        let uri = format!("/v1/view/edit/{path}");
        let call = server.call("POST", &uri).with_token(token);
        call.json(&body).send()
    };
    let done = edit("b/c.md").ok().json();
    assert!(done["changed"]["tree"].is_null());
    assert_eq!(edit("b/none").problem().0, 404);
    assert_eq!(edit("../a.md").problem().0, 400);
}
