//! What a workspace does by itself, or while somebody looks on: previews, the
//! change feed over a WebSocket, upkeep by alarms.

use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use tungstenite::client::IntoClientRequest as _;
use tungstenite::{Message, WebSocket};

use super::raw::Target;
use workspace_workerd::Workerd;

/// Runs all of it. House must be kept a second after a change.
pub(crate) fn run(workerd: &mut Workerd, target: &Target) -> Result<()> {
    previews(&target.at("/workspaces/previews")).context("previews")?;
    strangers(&target.at("/workspaces/nobody")).context("strangers")?;
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

/// Whoever has no token learns nothing, and makes nothing.
fn strangers(target: &Target) -> Result<()> {
    for path in ["/v1/head", "/v1/view", "/v1/events", "/v1/copies"] {
        target
            .anonymous("GET", path)
            .send()?
            .problem(401, "unauthorized")?;
    }
    target.call("GET", "/v1/head").send()?.expect(200)?;
    Ok(())
}

fn listen(target: &Target, after: u64, token: &str) -> Result<WebSocket<TcpStream>> {
    let url = format!(
        "ws://{}{}/v1/events?after={after}",
        target.address, target.prefix
    );
    let mut request = url.into_client_request()?;
    let protocols = format!("workspace, bearer.{token}");
    request
        .headers_mut()
        .insert("sec-websocket-protocol", protocols.parse()?);
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
