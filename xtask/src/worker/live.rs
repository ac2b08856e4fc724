//! What a workspace does by itself, or while somebody looks on: previews, the
//! change feed over a WebSocket, upkeep by alarms.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::protocol::CloseFrame;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::{Message, WebSocket};

use super::matrix;
use super::raw::Target;
use workspace_workerd::Workerd;

/// The origin that `contract.capnp` lets ask.
pub(super) const ORIGIN: &str = "https://app.example";

/// Runs all of it. House must be kept a second after a change.
pub(crate) fn run(workerd: &mut Workerd, target: &Target) -> Result<()> {
    previews(&target.at("/workspaces/previews")).context("previews")?;
    hosts(&target.at("/workspaces/hosts")).context("hosts of previews")?;
    matrix::run(target).context("who is let in where")?;
    strangers(workerd, target).context("strangers")?;
    asked_of_nobody(workerd, target).context("what is for no workspace")?;
    lines(workerd, target).context("what is written down")?;
    let target = feed(workerd, &target.at("/workspaces/feed")).context("the feed")?;
    upkeep(&target.at("/workspaces/upkeep")).context("upkeep")?;
    println!("previews, the feed over a WebSocket, upkeep by alarms: as they should be");
    Ok(())
}

fn fork(target: &Target, body: &Value) -> Result<String> {
    let copy = target.call("POST", "/v1/copies").json(body).send()?;
    let copy = copy.expect(201)?.json()?;
    Ok(copy["id"].as_str().context("a copy has an id")?.into())
}

fn previews(target: &Target) -> Result<()> {
    let copy = fork(target, &json!({}))?;
    let put = |path: &str, body: &str| -> Result<Value> {
        let path = format!("/v1/copies/{copy}/files/{path}?create_parents=true");
        target
            .call("PUT", &path)
            .body(body)
            .send()?
            .expect(201)?
            .json()
    };
    put("index.html", "<h1>Home</h1>")?;
    put("docs/index.html", "<h1>Docs</h1>")?;
    put("workspaces/x/style.css", "h1 {}")?;
    let of = json!({ "at": format!("copy:{copy}") });
    let preview = target.call("POST", "/v1/previews").json(&of).send()?;
    let preview = preview.expect(201)?.json()?;
    let token = preview["token"].as_str().context("a preview has a token")?;

    let host = |token: &str| format!("Host: {token}-previews.LOCALHOST:8787");
    for (path, content, body) in [
        ("/", "text/html", "<h1>Home</h1>"),
        ("/docs/", "text/html", "<h1>Docs</h1>"),
        ("/workspaces/x/style.css", "text/css", "h1 {}"),
    ] {
        let own = target
            .at("")
            .hosted("GET", path, &host(token))
            .send()?
            .expect(200)?;
        let shared = target.at("/workspaces/previews");
        let shared = shared.anonymous("GET", &format!("/preview/{token}{path}"));
        let shared = shared.send()?.expect(200)?;
        for answer in [&own, &shared] {
            ensure!(answer.body == body.as_bytes(), "{path}: {answer:?}");
            ensure!(answer.head.contains(content), "{path}: {}", answer.head);
        }
        let sandboxed = |head: &str| head.to_ascii_lowercase().contains("sandbox");
        ensure!(
            sandboxed(&shared.head) && !sandboxed(&own.head),
            "{}",
            own.head
        );
    }
    let other = "a".repeat(26);
    target
        .at("")
        .hosted("GET", "/", &host(&other))
        .send()?
        .expect(404)?;

    // What was looked at is published, or nothing.
    put("late.html", "late")?;
    let apply = format!("/v1/copies/{copy}/apply");
    let expected = json!({ "expect_tree": preview["tree"] });
    let stale = target.call("POST", &apply).json(&expected).send()?;
    stale.problem(412, "stale")?;
    let look = target.at("").hosted("HEAD", "/", &host(token)).send()?;
    let tree = look
        .header("workspace-tree")
        .context("a preview names its tree")?;
    let expected = json!({ "expect_tree": tree });
    target
        .call("POST", &apply)
        .json(&expected)
        .send()?
        .expect(200)?;
    target
        .at("")
        .hosted("GET", "/", &host(token))
        .send()?
        .expect(404)?;
    Ok(())
}

/// A host below the domain of previews is that of a preview, or nothing; and it shows
/// the site, whatever path or upgrade it is asked for.
fn hosts(target: &Target) -> Result<()> {
    let copy = fork(target, &json!({}))?;
    for path in ["v1/events", "v1/head", "index.html"] {
        let path = format!("/v1/copies/{copy}/files/{path}?create_parents=true");
        // What would pass for an answer to whoever may read the feed.
        let body = r#"{"events":[],"next":0}"#;
        target.call("PUT", &path).body(body).send()?.expect(201)?;
    }
    let of = json!({ "at": format!("copy:{copy}") });
    let preview = target.call("POST", "/v1/previews").json(&of).send()?;
    let preview = preview.expect(201)?.json()?;
    let token = preview["token"].as_str().context("a preview has a token")?;
    let bearer = format!("Authorization: Bearer {}", target.token);
    let long = "x".repeat(37);
    for (host, page, route) in [
        (format!("{token}-hosts.localhost"), 200, 200),
        (format!("{token}-HOSTS.localhost.:80"), 200, 200),
        (format!("{token}-x_y.localhost"), 404, 404),
        (format!("{token}-{long}.localhost"), 404, 404),
        (format!("{token}.localhost"), 404, 404),
        ("www.localhost".into(), 404, 404),
        (format!("www.{token}-hosts.localhost"), 404, 404),
        ("localhost".into(), 200, 404),
    ] {
        let server = target.at("");
        let ask = |path: &str| {
            let request = server.hosted("GET", path, &format!("Host: {host}"));
            request.header(&bearer).send()
        };
        for (path, status) in [("/", page), ("/v1/head", route)] {
            let answer = ask(path)?;
            ensure!(answer.status == status, "{host}{path}: {answer:?}");
        }
        let api = ask("/workspaces/previews/v1/head")?.status;
        let expected = if host == "localhost" { 200 } else { 404 };
        ensure!(api == expected, "the API at {host}: {api}");
        for token in ["", &target.token] {
            let listening = listen_at(target, "/v1/events", &host, token).is_ok();
            ensure!(!listening, "{host} takes `{token}` into the feed");
        }
    }
    Ok(())
}

/// Whoever has no token learns nothing, and makes nothing.
fn strangers(workerd: &Workerd, target: &Target) -> Result<()> {
    let before = alarms(workerd.state())?;
    let absent = target.at("/workspaces/absent");
    for method in ["POST", "PUT", "DELETE"] {
        let refused = absent.anonymous(method, "/v1/copies").send()?;
        refused.problem(401, "unauthorized")?;
    }
    let after = alarms(workerd.state())?;
    let set: Vec<_> = after.difference(&before).collect();
    ensure!(set.is_empty(), "an alarm was set: {set:?}");
    // Nor that somebody else has one.
    for path in [
        "/v1/health",
        "/v1/openapi.json",
        "/preview/aaaaaaaaaaaaaaaaaaaaaaaaaa/",
    ] {
        let answers = ["/workspaces/hosts", "/workspaces/absent"].map(|workspace| {
            let asked = target.at(workspace).anonymous("GET", path).send()?;
            anyhow::Ok((asked.status, asked.body))
        });
        let [there, absent] = answers;
        ensure!(
            there? == absent?,
            "{path} tells whether a workspace is there"
        );
    }
    let target = target.at("/workspaces/nobody");
    for path in ["/v1/head", "/v1/view", "/v1/events", "/v1/copies"] {
        target
            .anonymous("GET", path)
            .send()?
            .problem(401, "unauthorized")?;
    }
    target.call("GET", "/v1/head").send()?.expect(200)?;
    Ok(())
}

/// Health and the document wake no workspace, and neither does what a browser asks before
/// a request: no object is there afterwards that was not there before.
fn asked_of_nobody(workerd: &Workerd, target: &Target) -> Result<()> {
    let asleep = target.at("/workspaces/asleep");
    let before = objects(workerd.state())?;
    for path in ["/v1/health", "/v1/openapi.json", "/v1/health?since=1"] {
        for method in ["GET", "HEAD"] {
            let told = asleep.anonymous(method, path).send()?.expect(200)?;
            ensure!(told.head.contains("application/json"), "{}", told.head);
            ensure!(told.body.is_empty() == (method == "HEAD"), "{path}");
        }
    }
    let origin = format!("Origin: {ORIGIN}");
    for path in ["/v1/copies", "/v1/health", "/v1/head/files/a/b"] {
        let ask = asleep.anonymous("OPTIONS", path).header(&origin);
        let told = ask.header("Access-Control-Request-Method: PUT").send()?;
        let told = told.expect(200)?;
        let allowed = told.header("access-control-allow-origin");
        ensure!(allowed == Some(ORIGIN), "{}", told.head);
    }
    let after = objects(workerd.state())?;
    ensure!(after == before, "an object was woken by what is for none");
    // What asks for a workspace does wake it, or this would prove nothing.
    let woken = asleep.anonymous("GET", "/v1/head").header(&origin).send()?;
    let woken = woken.expect(401)?;
    let allowed = woken.header("access-control-allow-origin");
    ensure!(allowed == Some(ORIGIN), "{}", woken.head);
    ensure!(objects(workerd.state())? != before, "no object was woken");
    // A ticket is for a page of another origin as well.
    let ticket = target.at("/workspaces/hosts");
    let ticket = ticket.call("POST", "/v1/events/tickets").header(&origin);
    let ticket = ticket.send()?.expect(201)?;
    let allowed = ticket.header("access-control-allow-origin");
    ensure!(allowed == Some(ORIGIN), "{}", ticket.head);
    Ok(())
}

/// A line for each request that failed, was refused for a limit or took long, with what
/// names it and no more of it: no token, no path, no content.
fn lines(workerd: &Workerd, target: &Target) -> Result<()> {
    let long = "x".repeat(9 << 20);
    let body = json!({ "changes": [{
        "op": "write", "path": "/secret-name", "content": { "text": long },
    }] });
    let refused = target.at("/workspaces/lines");
    let refused = refused
        .call("POST", "/v1/head/changes")
        .json(&body)
        .send()?;
    let refused = refused.expect(413)?;
    let id = refused.header("workspace-request").context("no request")?;
    ensure!(
        refused.json()?["request"] == id,
        "a problem names its request"
    );
    let written = fs::read_to_string(workerd.state().join("workerd.log"))?;
    for secret in [
        &*target.token,
        "secret-name",
        "xxxxxxxx",
        "llllllll",
        "/workspaces/",
        "/v1/head/files/small",
        "/v1/head/files/kept",
    ] {
        ensure!(!written.contains(secret), "`{secret}` is written down");
    }
    let lines: Vec<Value> = written
        .lines()
        .filter_map(|line| serde_json::from_str(&line[line.find('{')?..]).ok())
        .filter(|line: &Value| line["level"].is_string())
        .collect();
    let with = |message: &str, status: u64, route: &str| {
        let wanted = [json!(message), json!(status), json!(route)];
        let mut lines = lines.iter();
        lines.find(|line| ["message", "status", "route"].map(|name| line[name].clone()) == wanted)
    };
    let file = "/v1/head/files/{*path}";
    with("failed", 503, file).context("no line of a bucket that failed")?;
    with("failed", 500, file).context("no line of an object that was lost")?;
    with("slow", 200, file).context("no line of what took long")?;
    with("refused for a limit", 413, "/v1/head/changes").context("no line of a limit")?;
    let line = lines.iter().find(|line| line["request"] == id);
    let line = line.context("no line of this request")?;
    let route = "/v1/head/changes";
    ensure!(line["route"] == route && line["method"] == "POST", "{line}");
    ensure!(line["ms"].is_u64(), "{line}");
    Ok(())
}

/// Returns the files of the objects that there are.
fn objects(state: &Path) -> Result<BTreeSet<PathBuf>> {
    let files = files(&state.join("objects"))?.into_iter();
    Ok(files.map(|path| path.with_extension("sqlite")).collect())
}

/// Returns the objects that have had an alarm, by their files.
fn alarms(state: &Path) -> Result<BTreeSet<PathBuf>> {
    // A log is there at one moment, and not at the next.
    let has_one = |path: &PathBuf| {
        let bytes = fs::read(path).unwrap_or_default();
        bytes.windows(9).any(|it| it == b"_cf_ALARM")
    };
    // Either the database or its log.
    let files = files(state)?.into_iter().filter(has_one);
    Ok(files.map(|path| path.with_extension("sqlite")).collect())
}

/// Returns all files below a directory.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let (mut found, mut directories) = (Vec::new(), vec![directory.to_path_buf()]);
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            match path.is_dir() {
                true => directories.push(path),
                false => found.push(path),
            }
        }
    }
    Ok(found)
}

fn listen(target: &Target, after: u64, token: &str) -> Result<WebSocket<TcpStream>> {
    let path = format!("{}/v1/events?after={after}", target.prefix);
    listen_at(target, &path, &target.address, token)
}

fn listen_at(target: &Target, path: &str, host: &str, token: &str) -> Result<WebSocket<TcpStream>> {
    let mut request = format!("ws://{}{path}", target.address).into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("host", host.parse()?);
    if !token.is_empty() {
        headers.insert("authorization", format!("Bearer {token}").parse()?);
    }
    let stream = TcpStream::connect(&target.address)?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let (socket, _) = tungstenite::client(request, stream)?;
    Ok(socket)
}

fn next(socket: &mut WebSocket<TcpStream>) -> Result<Value> {
    match socket.read()? {
        Message::Text(text) => Ok(serde_json::from_str(&text)?),
        other => bail!("not an event: {other}"),
    }
}

/// A ticket stands for the token in a URL: once, and for nothing else. Whoever closes
/// a socket is answered.
fn tickets(target: &Target) -> Result<()> {
    let refused = target.anonymous("POST", "/v1/events/tickets").send()?;
    refused.problem(401, "unauthorized")?;
    let ticket = target.call("POST", "/v1/events/tickets").send()?;
    let ticket = ticket.expect(201)?.json()?;
    let ticket = ticket["ticket"].as_str().context("a ticket")?;
    let path = format!("{}/v1/events?ticket={ticket}&after=0", target.prefix);
    let plain = target.at("").anonymous("GET", &path).send()?;
    plain.problem(401, "unauthorized")?;
    let listen = || listen_at(target, &path, &target.address, "");
    let mut socket = listen()?;
    ensure!(
        next(&mut socket)?["sequence"] == 1,
        "it begins with the first"
    );
    ensure!(listen().is_err(), "a ticket is good for a second time");
    socket.close(Some(CloseFrame {
        code: CloseCode::Normal,
        reason: "enough".into(),
    }))?;
    loop {
        match socket.read() {
            Ok(Message::Close(frame)) => {
                let frame = frame.context("a close without a code")?;
                ensure!(frame.code == CloseCode::Normal, "closed by {frame}");
                return Ok(());
            }
            // What was under way.
            Ok(_) => {}
            Err(error) => bail!("a close is not answered: {error}"),
        }
    }
}

/// Follows the feed over a WebSocket, through a restart of the server.
fn feed(workerd: &mut Workerd, target: &Target) -> Result<Target> {
    let put = |target: &Target, name: &str| -> Result<()> {
        let path = format!("/v1/head/files/{name}");
        target
            .call("PUT", &path)
            .body("x")
            .send()?
            .expect(201)
            .map(drop)
    };
    put(target, "first")?;
    ensure!(
        listen(target, 0, "a-wrong-token-of-16").is_err(),
        "a wrong token listens"
    );
    let mut socket = listen(target, 0, &target.token)?;
    ensure!(
        next(&mut socket)?["kind"] == "head_moved",
        "the feed begins with the first"
    );
    for n in 2..12 {
        put(target, &n.to_string())?;
        let event = next(&mut socket)?;
        ensure!(event["sequence"] == n && event["version"] == n, "{event}");
    }
    tickets(target).context("tickets")?;
    socket.send(Message::text("ping"))?;
    ensure!(socket.read()? == Message::text("pong"), "no pong");
    let copy = fork(target, &json!({}))?;
    let forked = next(&mut socket)?;
    ensure!(
        forked["kind"] == "forked" && forked["copy"] == *copy,
        "{forked}"
    );

    workerd.restart()?;
    let target = target.moved(workerd.address());
    put(&target, "after")?;
    let mut socket = listen(&target, 11, &target.token)?;
    let kinds = [next(&mut socket)?, next(&mut socket)?].map(|event| event["kind"].clone());
    ensure!(kinds == ["forked", "head_moved"], "{kinds:?}");
    Ok(target)
}

/// A copy expires, and what it held is collected, with nobody calling.
fn upkeep(target: &Target) -> Result<()> {
    let used = || -> Result<(u64, u64)> {
        let usage = target
            .call("GET", "/v1/usage")
            .send()?
            .expect(200)?
            .json()?;
        let number = |name: &str| usage[name].as_u64().context("usage counts");
        Ok((number("object_contents")?, number("nodes")?))
    };
    // One that expires after the end of time is no reason not to go on.
    fork(target, &json!({ "expires": 9_007_199_254_740_991_u64 }))?;
    let now = std::time::UNIX_EPOCH.elapsed()?.as_millis() as u64;
    let copy = fork(target, &json!({ "expires": now + 1500 }))?;
    let path = format!("/v1/copies/{copy}/files/large");
    target
        .call("PUT", &path)
        .body(vec![b'x'; 300_000])
        .send()?
        .expect(201)?;
    ensure!(used()?.0 == 1, "a large file is an object");
    let start = Instant::now();
    while used()? != (0, 0) {
        ensure!(
            start.elapsed() < Duration::from_secs(30),
            "{:?} is left",
            used()?
        );
        thread::sleep(Duration::from_millis(200));
    }
    let copy = target.call("GET", &format!("/v1/copies/{copy}")).send()?;
    let copy = copy.expect(200)?.json()?;
    ensure!(
        copy["state"]["kind"] != "open" && copy["state"] != "open",
        "{copy}"
    );
    Ok(())
}
