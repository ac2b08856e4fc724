//! Whole trees in and out.

use serde_json::json;
use workspace_core::ImportLimits;

use crate::server::{Answer, Server};

fn import(server: &Server, uri: &str, archive: impl Into<axum::body::Body>) -> Answer {
    server
        .call("POST", uri)
        .header("content-type", "application/x-tar")
        .body(archive)
        .send()
}

fn filled() -> Server {
    let server = Server::new();
    let batch = json!({ "changes": [
        { "op": "write", "path": "/d/run", "content": { "text": "#!" }, "executable": true, "create_parents": true, "modified": 7000 },
        { "op": "write", "path": "/d/large", "content": { "text": "x".repeat(5000) }, "modified": 7000 },
        { "op": "write", "path": format!("/{}/deep", "long name ".repeat(20)), "content": { "text": "" }, "create_parents": true, "modified": 7000 },
        { "op": "symlink", "path": "/d/link", "target": "t".repeat(300) },
        { "op": "mkdir", "path": "/empty" },
    ] });
    server.post("/v1/head/changes", batch).ok();
    server
}

#[test]
fn what_is_exported_is_imported_the_same() {
    let server = filled();
    let archive = server.get("/v1/head/export").ok();
    assert_eq!(archive.header("content-type"), Some("application/x-tar"));
    assert_eq!(archive.body.len() % 512, 0);

    server.post("/v1/copies", json!({ "name": "draft" })).ok();
    let into = "/v1/copies/draft/import?into=/there/below&note=from%20elsewhere";
    let imported = import(&server, into, archive.body.clone()).ok().json();
    assert_eq!(
        (
            &imported["files"],
            &imported["symlinks"],
            &imported["operations"][0]
        ),
        (&json!(3), &json!(1), &json!(1))
    );
    let again = server.get("/v1/copies/draft/export/there/below").ok();
    let other = Server::new();
    let revision = import(&other, "/v1/head/import", again.body.clone())
        .ok()
        .json();
    assert_eq!(revision["revision"], 1);
    assert_eq!(other.get("/v1/head/files/d/large").body.len(), 5000);
    assert_eq!(
        other.get("/v1/head/stat/d/run").json()["entry"]["executable"],
        true
    );
    assert_eq!(
        other.get("/v1/head/stat/d/link").json()["entry"]["target"],
        "t".repeat(300)
    );
    assert_eq!(other.get("/v1/revisions/1/export").body, again.body);
    assert_eq!(
        server.get("/v1/head/export/d/run").problem(),
        (409, "not_a_directory".into())
    );
    assert_eq!(
        server.get("/v1/head/export/none").problem(),
        (404, "not_found".into())
    );
}

#[test]
fn an_import_may_remove_what_the_archive_does_not_have() {
    let server = filled();
    let archive = server.get("/v1/head/export/d").ok().body;
    server.put("/v1/head/files/d/extra", "x").ok();
    let imported = import(
        &server,
        "/v1/head/import?into=/d&delete_missing=true",
        archive,
    )
    .ok();
    assert_eq!(imported.json()["removed"], 1);
    assert_eq!(server.get("/v1/head/stat/d/extra").status, 404);
    assert_eq!(server.get("/v1/head/stat/empty").status, 200);
}

#[test]
fn a_broken_import_leaves_head_untouched() {
    let server = filled();
    let archive = server.get("/v1/head/export").ok().body;
    server.put("/v1/head/files/d/run", "changed").ok();
    let before = server.get("/v1/head").body;
    let cut = archive.slice(..archive.len() - 1024);
    assert_eq!(
        import(&server, "/v1/head/import", cut).problem(),
        (400, "source".into())
    );
    assert_eq!(
        import(&server, "/v1/head/import", "").problem(),
        (400, "source".into())
    );
    assert_eq!(
        import(&server, "/v1/head/import", "no archive").problem(),
        (400, "invalid".into())
    );
    let short = server
        .call("POST", "/v1/head/import")
        .header("content-length", "99999")
        .body(archive.clone());
    assert_eq!(short.send().problem(), (400, "invalid".into()));
    for bad in [
        "into=relative",
        "into=/a/../b",
        "nonsense=1",
        "delete_missing=2",
    ] {
        let answer = import(&server, &format!("/v1/head/import?{bad}"), archive.clone());
        assert_eq!(answer.problem(), (400, "invalid".into()), "{bad}");
    }
    let zip = server
        .call("POST", "/v1/head/import")
        .header("content-type", "application/zip")
        .body("PK");
    assert_eq!(zip.send().problem(), (415, "unsupported_media_type".into()));
    assert_eq!(server.get("/v1/head").body, before);
    assert_eq!(server.get("/v1/copies").json()["copies"], json!([]));

    let limits = workspace_core::ImportLimits::default().entries(3);
    let small = Server::with(limits);
    assert_eq!(
        import(&small, "/v1/head/import", archive).problem(),
        (413, "limit_exceeded".into())
    );
    assert_eq!(small.get("/v1/head").json()["version"], 0);
}

#[test]
fn an_import_leaves_out_what_git_takes_for_its_own() {
    let server = Server::new();
    let write = |path: &str| json!({ "op": "write", "path": path, "content": { "text": "x" }, "create_parents": true });
    let paths = ["/a", "/.git/config", "/sub/.GIT", "/.gitignore"];
    let changes: Vec<_> = paths.iter().map(|path| write(path)).collect();
    server
        .post("/v1/head/changes", json!({ "changes": changes }))
        .ok();
    let archive = server.get("/v1/head/export").ok().body;
    for (query, left_out, files) in [("", 3, 2), ("?allow_git=true", 0, 4)] {
        let other = Server::new();
        let uri = format!("/v1/head/import{query}");
        let imported = import(&other, &uri, archive.clone()).ok().json();
        assert_eq!(
            (&imported["left_out"], &imported["files"]),
            (&json!(left_out), &json!(files))
        );
        let there = other.get("/v1/head/stat/.git/config").status;
        assert_eq!(there, if left_out == 0 { 200 } else { 404 });
    }
}

/// The same archives are read by the command.
#[test]
fn an_archive_is_read_as_the_command_reads_it() {
    // A directory whose header has a size, and a file after it.
    let server = filled();
    let archive = server.get("/v1/head/export/d").ok().body;
    let mut sized = vec![0; 512];
    sized[..2].copy_from_slice(b"s/");
    sized[100..108].copy_from_slice(b"0000755\0");
    sized[124..136].copy_from_slice(b"00000001750\0");
    sized[136..148].copy_from_slice(b"00000000000\0");
    sized[156] = b'5';
    sized[257..265].copy_from_slice(b"ustar\x0000");
    sized[148..156].fill(b' ');
    let sum: u32 = sized.iter().map(|byte| u32::from(*byte)).sum();
    sized[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let other = Server::new();
    let whole = [&sized[..], &archive[..]].concat();
    let imported = import(&other, "/v1/head/import", whole).ok().json();
    assert_eq!(
        (&imported["directories"], &imported["files"]),
        (&json!(1), &json!(2))
    );
}

#[test]
fn a_query_does_not_raise_what_the_server_allows() {
    let archive = filled().get("/v1/head/export/d").ok().body;
    let defaults = ImportLimits::default;
    let refused = [
        (defaults().entries(2), "max_entries"),
        (defaults().bytes(5_001), "max_bytes"),
        (defaults().file_bytes(4_999), "max_file_bytes"),
    ];
    for (limits, name) in refused {
        let server = Server::with(limits);
        for uri in [
            "/v1/head/import".to_string(),
            format!("/v1/head/import?{name}=1000000000"),
            format!("/v1/head/import?{name}=9007199254740991"),
        ] {
            let answer = import(&server, &uri, archive.clone());
            assert_eq!(answer.problem(), (413, "limit_exceeded".into()), "{uri}");
        }
        assert_eq!(server.get("/v1/head/list").json()["entries"], json!([]));
    }
}
