//! Bad input over a socket: what comes back is clear, and nothing is lost.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde_json::json;

use super::raw::{Answer, Target};

type Case = (&'static str, fn(&Target) -> Result<()>);

const CASES: [Case; 10] = [
    ("bodies without length", without_length),
    (
        "bodies that break off, or are longer than they say",
        wrong_length,
    ),
    ("bodies that are too long to begin with", too_long),
    ("archives that are broken", archives),
    ("paths in disguise", paths),
    ("tokens", tokens),
    ("what is not there, or not any more", stale),
    ("JSON that is wrong", documents),
    ("two applies at once", applies),
    ("names of workspaces", names),
];

const FILE: &str = "/v1/head/files/kept";
/// Too large for a row.
const LARGE: usize = 300_000;
/// Too large for one part of an upload.
const LARGER: usize = 11 << 20;

/// Runs all cases, each against a workspace of its own.
pub(crate) fn run(target: &Target) -> Result<()> {
    for (n, (name, case)) in CASES.iter().enumerate() {
        let start = Instant::now();
        let own = target.at(&format!("/workspaces/contract-{n}"));
        case(&own).with_context(|| name.to_string())?;
        println!(
            "{name}: as it should be ({:.1} s)",
            start.elapsed().as_secs_f64()
        );
    }
    Ok(())
}

/// Fails unless the file still has these bytes, and all is whole.
fn kept(target: &Target, expected: &[u8]) -> Result<()> {
    let found = target.call("GET", FILE).send()?.expect(200)?;
    ensure!(
        found.body == expected,
        "{} bytes came back",
        found.body.len()
    );
    let report = target.call("GET", "/v1/fsck?contents=true").send()?;
    let report = report.expect(200)?.json()?;
    ensure!(report["problem_count"] == 0, "{report}");
    Ok(())
}

fn put(target: &Target, body: &[u8]) -> Result<Answer> {
    target.call("PUT", FILE).body(body).send()
}

fn chunked(body: &[u8], ended: bool) -> Vec<u8> {
    let mut chunks = Vec::new();
    for chunk in body.chunks(100_000) {
        chunks.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        chunks.extend_from_slice(chunk);
        chunks.extend_from_slice(b"\r\n");
    }
    if ended {
        chunks.extend_from_slice(b"0\r\n\r\n");
    }
    chunks
}

fn without_length(target: &Target) -> Result<()> {
    for size in [0, 10, LARGE, LARGER] {
        let body = vec![b'x'; size];
        let request = target.call("PUT", FILE).body(chunked(&body, true));
        let status = request.declared("chunked").send()?.status;
        ensure!([200, 201].contains(&status), "{size} bytes: {status}");
        kept(target, &body)?;
    }
    Ok(())
}

fn wrong_length(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    for size in [10, LARGE, LARGER] {
        let body = vec![b'y'; size];
        let declared = (size * 2).to_string();
        let request = target.call("PUT", FILE).body(body.clone());
        let broken = request.declared(&declared).cut()?.status;
        ensure!(
            [0, 400].contains(&broken),
            "{size} of {declared} bytes: {broken}"
        );
        let request = target.call("PUT", FILE).body(chunked(&body, false));
        let broken = request.declared("chunked").cut()?.status;
        ensure!(
            [0, 400].contains(&broken),
            "{size} bytes of a chunked body: {broken}"
        );
        kept(target, b"before")?;
    }
    // What comes after a body is the next request, and not one of ours.
    let request = target.call("PUT", FILE).body("after that, more");
    request.declared("5").send()?.expect(200)?;
    kept(target, b"after")?;
    kept(target, b"after")
}

fn too_long(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    let declared = (5_u64 << 30).to_string();
    for (method, path) in [("PUT", FILE), ("POST", "/v1/head/changes")] {
        let request = target.call(method, path).body("only this");
        let answer = request.declared(&declared).cut()?;
        answer.problem(413, "limit_exceeded")?;
    }
    let long = target.call("POST", "/v1/head/changes");
    let long = long.json(&json!({ "changes": [], "note": "x".repeat(9 << 20) }));
    long.send()?.problem(413, "limit_exceeded")?;
    kept(target, b"before")
}

/// A tar archive of one file of 600 bytes.
fn archive(name: &str) -> Vec<u8> {
    let mut header = [0_u8; 512];
    header[..name.len()].copy_from_slice(name.as_bytes());
    header[100..107].copy_from_slice(b"0000644");
    header[124..135].copy_from_slice(b"00000001130");
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = b'0';
    header[257..265].copy_from_slice(b"ustar\x0000");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    let mut archive = header.to_vec();
    archive.extend_from_slice(&[b'z'; 600]);
    archive.resize(512 * 3, 0);
    archive.resize(512 * 5, 0);
    archive
}

fn archives(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    let import = |body: &[u8]| {
        let request = target.call("POST", "/v1/head/import").body(body);
        request.header("Content-Type: application/x-tar").send()
    };
    let whole = archive("kept");
    for length in [1, 100, 511, 512, 513, 1000, 1535, 1536, 2000] {
        import(&whole[..length])?
            .problem(400, "source")
            .or_else(|_| {
                // What is cut between members has lost its end mark.
                import(&whole[..length])?.problem(400, "invalid")
            })?;
        kept(target, b"before")?;
    }
    for name in ["../kept", "/../kept", "a/../kept", "a\u{1}/..", "./../kept"] {
        let refused = import(&archive(name))?;
        ensure!(refused.status == 400, "{name}: {}", refused.status);
    }
    let mut damaged = whole.clone();
    damaged[20] = 7;
    ensure!(import(&damaged)?.status == 400, "a header with a wrong sum");
    ensure!(import(b"no archive at all")?.status == 400, "no archive");
    kept(target, b"before")?;
    import(&whole)?.expect(200)?;
    kept(target, &[b'z'; 600])
}

fn paths(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    let long = "x".repeat(256);
    let deep = "x/".repeat(2048) + "y";
    for path in [
        "..",
        "../kept",
        "a//kept",
        "%2e%2e/kept",
        "..%2fkept",
        "%2E%2E%2Fkept",
        "a%2f..%2fkept",
        "a%00b",
        "%00",
        "%",
        "%4",
        "%zz",
        "%ff",
        "%c0%ae",
        &long,
        &deep,
    ] {
        for method in ["GET", "PUT", "DELETE"] {
            let request = target.call(method, &format!("/v1/head/files/{path}"));
            let request = if method == "PUT" {
                request.body("bad")
            } else {
                request
            };
            let answer = request.send()?;
            let shown: String = path.chars().take(40).collect();
            // A plain `..` is resolved on the way, and ends outside of all routes.
            let allowed = [400, 404].contains(&answer.status);
            ensure!(allowed, "{method} {shown}: {}", answer.status);
            ensure!(answer.status < 500, "{method} {shown}: {}", answer.status);
        }
    }
    kept(target, b"before")?;
    let listed = target
        .call("GET", "/v1/head/list")
        .send()?
        .expect(200)?
        .json()?;
    ensure!(
        listed["entries"]
            .as_array()
            .is_some_and(|all| all.len() == 1),
        "{listed}"
    );
    // Encoded twice it is a name like any other.
    target
        .call("PUT", "/v1/head/files/%252e%252e")
        .body("x")
        .send()?
        .expect(201)?;
    target
        .call("GET", "/v1/head/files/%252e%252e")
        .send()?
        .expect(200)?;
    Ok(())
}

fn tokens(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    let wrong = "Authorization: Bearer 0000000000000000000000000000000000000000";
    let twice = format!("Authorization: Bearer {}", target.token);
    for path in [
        FILE,
        "/v1/copies",
        "/v1/no/such/route",
        "/v1/copies/none/apply",
    ] {
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let calls = [
                target.anonymous(method, path),
                target.anonymous(method, path).header(wrong),
                target
                    .anonymous(method, path)
                    .header("Authorization: Basic eDp5"),
                target.call(method, path).header(&twice),
            ];
            for call in calls {
                call.send()?.problem(401, "unauthorized")?;
            }
        }
    }
    target.anonymous("GET", "/v1/health").send()?.expect(200)?;
    kept(target, b"before")
}

fn stale(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    for path in [
        "/v1/copies/none",
        "/v1/copies/none/files/a",
        "/v1/revisions/7",
    ] {
        target.call("GET", path).send()?.problem(404, "not_found")?;
    }
    target
        .call("POST", "/v1/copies/none/apply")
        .send()?
        .problem(404, "not_found")?;
    for condition in ["If-Match: \"0000\"", "If-None-Match: *"] {
        for body in [vec![b'z'; 10], vec![b'z'; LARGE]] {
            let request = target.call("PUT", FILE).header(condition).body(body);
            let answer = request.send()?;
            ensure!(answer.status == 412, "{condition}: {}", answer.status);
        }
    }
    let answer = target
        .call("GET", FILE)
        .header("Range: bytes=100-")
        .send()?;
    answer.problem(416, "range_not_satisfiable")?;
    let copy = target
        .call("POST", "/v1/copies")
        .json(&json!({ "name": "gone" }));
    copy.send()?.expect(201)?;
    target
        .call("POST", "/v1/copies/gone/discard")
        .send()?
        .expect(200)?;
    let late = target
        .call("PUT", "/v1/copies/gone/files/a")
        .body("late")
        .send()?;
    ensure!(
        [404, 410].contains(&late.status),
        "a discarded copy: {}",
        late.status
    );
    kept(target, b"before")
}

fn documents(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    let deep = "[".repeat(100_000);
    for body in [
        "",
        "{",
        "null",
        "[]",
        "{\"changes\":1}",
        "{\"changes\":[{\"op\":\"burn\"}]}",
        "\u{feff}{}",
        &deep,
    ] {
        let request = target.call("POST", "/v1/head/changes").body(body);
        let answer = request.header("Content-Type: application/json").send()?;
        answer.problem(400, "invalid")?;
    }
    let request = target.call("POST", "/v1/head/changes").body("changes=1");
    let answer = request.header("Content-Type: application/x-www-form-urlencoded");
    answer.send()?.problem(415, "unsupported_media_type")?;
    for query in [
        "limit=0",
        "limit=-1",
        "limit=1e9",
        "limit=10001",
        "unknown=1",
        "after=%ff",
    ] {
        let answer = target
            .call("GET", &format!("/v1/head/list?{query}"))
            .send()?;
        answer.problem(400, "invalid")?;
    }
    target.call("BREW", FILE).send().map(drop)?;
    target
        .call("PATCH", FILE)
        .send()?
        .problem(405, "method_not_allowed")?;
    kept(target, b"before")
}

fn applies(target: &Target) -> Result<()> {
    put(target, b"before")?.expect(201)?;
    for _ in 0..5 {
        let fork = || -> Result<String> {
            let copy = target
                .call("POST", "/v1/copies")
                .send()?
                .expect(201)?
                .json()?;
            let id = copy["id"].as_str().context("a copy has an id")?.to_string();
            let path = format!("/v1/copies/{id}/files/kept");
            let write = target.call("PUT", &path).body(id.as_bytes());
            write.send()?.expect(200)?;
            Ok(id)
        };
        let ids = [fork()?, fork()?];
        let apply = |id: &str| {
            target
                .call("POST", &format!("/v1/copies/{id}/apply"))
                .send()
        };
        let both = thread::scope(|scope| {
            let running = ids.each_ref().map(|id| scope.spawn(|| apply(id)));
            running.map(|one| one.join().expect("an apply does not panic"))
        });
        let [first, second] = both;
        let (first, second) = (first?, second?);
        let mut statuses = [first.status, second.status];
        statuses.sort_unstable();
        ensure!(statuses == [200, 409], "two applies: {statuses:?}");
        let winner = usize::from(first.status != 200);
        kept(target, ids[winner].as_bytes())?;
        // The same apply once more is the same revision.
        let again = apply(&ids[winner])?.expect(200)?.json()?;
        ensure!(again["outcome"] == "already", "{again}");
    }
    Ok(())
}

fn names(target: &Target) -> Result<()> {
    let long = "x".repeat(65);
    for name in [
        "a%2fb", "a%00", "%2e%2e", "a.b", "a b", "größe", "..%2f..", &*long,
    ] {
        let other = target.at(&format!("/workspaces/{name}"));
        let answer = other.call("GET", "/v1/head").send()?;
        ensure!(
            [400, 404].contains(&answer.status),
            "{name}: {}",
            answer.status
        );
    }
    for (prefix, status) in [
        ("", 404),
        ("/workspaces", 404),
        ("/workspaces/", 400),
        ("/x/y", 404),
    ] {
        let answer = target.at(prefix).call("GET", "/v1/head").send()?;
        ensure!(answer.status == status, "{prefix}: {}", answer.status);
    }
    Ok(())
}

/// What a bucket that fails, or is slow, does to the workspace on it. `tell`
/// tells the bucket how to behave.
pub(crate) fn faults(target: &Target, tell: impl Fn(&str) -> Result<()>) -> Result<()> {
    let target = &target.at("/workspaces/faults");
    let large = vec![b'l'; LARGE];
    put(target, &large)?.expect(201)?;
    for mode in ["failing", "breaking"] {
        tell(mode)?;
        for size in [LARGE, LARGER] {
            let whole = target.call("PUT", FILE).body(vec![b'n'; size]);
            let parts = target
                .call("PUT", FILE)
                .body(chunked(&vec![b'n'; size], true));
            for request in [whole, parts.declared("chunked")] {
                let answer = request.send()?;
                // An answer to a body that nobody took may not be heard.
                if answer.status != 0 {
                    answer.problem(503, "unavailable").context(mode)?;
                }
            }
        }
        target
            .call("GET", FILE)
            .send()?
            .problem(503, "unavailable")
            .context(mode)?;
        // What is in rows does not need the bucket.
        let small = target.call("PUT", "/v1/head/files/small").body("small");
        ensure!(small.send()?.status < 300, "a small file");
        tell("sound")?;
        kept(target, &large)?;
    }
    tell("forgetful")?;
    for request in [
        target.call("GET", FILE),
        target.call("GET", FILE).header("Range: bytes=5-9"),
    ] {
        request
            .send()?
            .problem(500, "corrupt")
            .context("an object that is lost")?;
    }
    tell("slow")?;
    thread::scope(|scope| -> Result<()> {
        let writing = scope.spawn(|| put(target, &vec![b's'; LARGE]));
        thread::sleep(Duration::from_millis(300));
        let start = Instant::now();
        let small = target.call("PUT", "/v1/head/files/small").body("quick");
        small.send()?.expect(200)?;
        target
            .call("GET", "/v1/head/files/small")
            .send()?
            .expect(200)?;
        ensure!(
            start.elapsed() < Duration::from_secs(2),
            "a slow upload holds up others"
        );
        writing
            .join()
            .expect("a write does not panic")?
            .expect(200)?;
        Ok(())
    })?;
    tell("sound")?;
    kept(target, &vec![b's'; LARGE])?;
    println!("a bucket that fails, breaks off, or is slow: nothing lost");
    Ok(())
}
