//! The server, over a real socket.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpStream;
use std::process::Stdio;

use serde_json::json;
use ureq::http::Request;
use ureq::{Agent, SendBody};

use crate::support::{Place, Server};

/// A server, and who talks to it.
struct Talk {
    server: Server,
    agent: Agent,
}

impl Talk {
    fn start(place: &Place) -> Self {
        let agent = Agent::config_builder().http_status_as_error(false).build();
        Self {
            server: Server::start(place),
            agent: agent.into(),
        }
    }

    fn url(&self) -> &str {
        &self.server.url
    }

    /// Sends a request; returns the status and the body.
    fn call(&self, method: &str, path: &str, body: SendBody<'_>) -> (u16, Box<dyn Read>) {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server.url))
            .header("authorization", format!("Bearer {}", self.server.token))
            .body(body)
            .unwrap();
        let response = self.agent.run(request).unwrap();
        let status = response.status().as_u16();
        (status, Box::new(response.into_body().into_reader()))
    }

    fn text(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut bytes = body.as_bytes();
        let (status, mut reader) = match body {
            "" => self.call(method, path, SendBody::none()),
            _ => self.call(method, path, SendBody::from_reader(&mut bytes)),
        };
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        (status, text)
    }

    /// Tells it to stop, and waits until it has; returns what it wrote down.
    #[cfg(unix)]
    fn stop(mut self) -> String {
        let id = self.server.child.id().to_string();
        let kill = std::process::Command::new("kill").arg(&id).status();
        assert!(kill.unwrap().success());
        assert!(self.server.child.wait().unwrap().success());
        std::fs::read_to_string(self.server.log.path()).unwrap()
    }

    /// The most memory that it ever had, in bytes.
    #[cfg(target_os = "linux")]
    fn peak(&self) -> u64 {
        let status =
            std::fs::read_to_string(format!("/proc/{}/status", self.server.child.id())).unwrap();
        let line = status
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

#[test]
#[cfg(unix)]
fn a_served_workspace_is_edited_and_applied() {
    let place = Place::new();
    place.put("kept", "before");
    let server = Talk::start(&place);
    assert_eq!(place.error(15, &["ls"])["code"], "locked");

    let bare = server
        .agent
        .get(format!("{}/v1/head", server.url()))
        .call()
        .unwrap();
    assert_eq!(bare.status().as_u16(), 401);
    let fork = json!({ "name": "draft" }).to_string();
    assert_eq!(server.text("POST", "/v1/copies", &fork).0, 201);
    assert_eq!(
        server
            .text("PUT", "/v1/copies/draft/files/a%20b", "edited")
            .0,
        201
    );
    assert_eq!(server.text("POST", "/v1/copies/draft/apply", "").0, 200);
    assert_eq!(server.text("GET", "/v1/head/files/a%20b", "").1, "edited");
    let get = |tag: &str| {
        let request = server
            .agent
            .get(format!("{}/v1/head/files/a%20b", server.url()));
        let request = request.header("authorization", format!("Bearer {}", server.server.token));
        request.header("if-none-match", tag).call().unwrap()
    };
    let found = get("\"another\"");
    let tag = found.headers()["etag"].to_str().unwrap();
    for _ in 0..2 {
        assert_eq!(get(tag).status().as_u16(), 304);
    }
    let escaping = server.text("GET", "/v1/head/files/..%2f..%2fetc/passwd", "");
    assert_eq!(escaping.0, 400, "{}", escaping.1);
    server.stop();

    assert_eq!(place.ok(&["cat", "a b"]), "edited");
    assert_eq!(place.ok(&["cat", "kept"]), "before");
    place.whole();
}

#[test]
#[cfg(unix)]
fn an_upload_that_breaks_off_leaves_what_was_there() {
    let place = Place::new();
    place.put("a", "before");
    let server = Talk::start(&place);
    let address = server.url().strip_prefix("http://").unwrap();
    for (length, framing) in [
        (1 << 20, "Content-Length: 1048576"),
        (7, "Transfer-Encoding: chunked"),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let token = &server.server.token;
        write!(stream, "PUT /v1/head/files/a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{framing}\r\n\r\n").unwrap();
        match length {
            7 => stream.write_all(b"7\r\nchunk 1\r\n").unwrap(),
            _ => stream.write_all(&[b'x'; 200_000]).unwrap(),
        }
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        // Whatever it answers, if anything, says that it failed.
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400"),
            "{answer}"
        );
    }
    assert_eq!(server.text("GET", "/v1/head/files/a", "").1, "before");
    server.stop();
    place.ok(&["collect"]);
    place.whole();
}

#[test]
#[cfg(target_os = "linux")]
fn a_large_file_passes_through_little_memory() {
    const SIZE: u64 = 100_000_000;
    const GROWTH: u64 = 48 << 20;
    let place = Place::new();
    let server = Talk::start(&place);
    server.text("PUT", "/v1/head/files/warm", "up");
    let before = server.peak();

    let mut body = std::io::repeat(b'x').take(SIZE);
    let (status, _) = server.call(
        "PUT",
        "/v1/head/files/large",
        SendBody::from_reader(&mut body),
    );
    assert_eq!(status, 201);
    let after = server.peak() - before;
    assert!(after < GROWTH, "an upload took {after} bytes");

    let (status, mut reader) = server.call("GET", "/v1/head/files/large", SendBody::none());
    assert_eq!(status, 200);
    assert_eq!(
        std::io::copy(&mut reader, &mut std::io::sink()).unwrap(),
        SIZE
    );
    let after = server.peak() - before;
    assert!(after < GROWTH, "a download took {after} bytes");
    server.stop();
}

/// While a token is changed both are good; and a page of an origin that is said may ask.
#[test]
fn several_tokens_are_good_and_pages_of_an_origin_may_ask() {
    let place = Place::new();
    let [old, new] = ["the-old-token-of-it", "the-new-token-of-it"];
    let file = place.file("token", format!("{new}\n{old}\n"));
    let mut command = place.command();
    command.arg("serve").arg("--token-file").arg(&file);
    command.args(["--origin", "https://app.example", "--quiet"]);
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let url = line.trim();
    let agent: Agent = Agent::config_builder()
        .http_status_as_error(false)
        .build()
        .into();
    let ask = |token: &str, origin: &str| {
        let request = Request::builder()
            .uri(format!("{url}/v1/head"))
            .header("authorization", format!("Bearer {token}"))
            .header("origin", origin)
            .body(())
            .unwrap();
        let response = agent.run(request).unwrap();
        let allowed = response.headers().get("access-control-allow-origin");
        (
            response.status().as_u16(),
            allowed.map(|value| value.to_str().unwrap().to_owned()),
        )
    };
    let app = Some("https://app.example".to_owned());
    for token in [old, new] {
        assert_eq!(ask(token, "https://app.example"), (200, app.clone()));
        assert_eq!(ask(token, "https://other.example"), (200, None));
    }
    assert_eq!(
        ask("the-odd-token-of-it", "https://app.example"),
        (401, app)
    );
    // Of several, the first is the one to show.
    let mut command = place.command();
    command.args(["--remote", url, "--token-file"]).arg(&file);
    let head = command.arg("status").output().unwrap();
    assert!(head.status.success(), "{head:?}");
    child.kill().unwrap();
    child.wait().unwrap();
    for wrong in ["*", "app.example"] {
        let error = place.error(2, &["serve", "--origin", wrong]);
        assert_eq!(error["code"], "invalid", "{wrong}");
    }
}

#[test]
fn a_token_comes_from_a_file_and_is_not_told() {
    let place = Place::new();
    let file = place.file("token", "a-token-that-is-long-enough\n");
    let mut command = place.command();
    command
        .arg("serve")
        .arg("--token-file")
        .arg(&file)
        .stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    assert!(
        line.starts_with("http://127.0.0.1:") && !line.contains("token"),
        "{line}"
    );
    child.kill().unwrap();
    child.wait().unwrap();

    let short = place.file("short", "short").display().to_string();
    assert_eq!(
        place.error(2, &["serve", "--token-file", &short])["code"],
        "invalid"
    );
    assert_eq!(
        place.error(3, &["serve", "--token-file", "none"])["code"],
        "not_found"
    );
    assert_eq!(
        place.error(2, &["serve", "--listen", "nowhere"])["code"],
        "invalid"
    );
}

#[test]
#[cfg(unix)]
fn events_are_followed_until_the_server_stops() {
    let place = Place::new();
    let server = Talk::start(&place);
    let follow = || {
        let address = server.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        let token = &server.server.token;
        write!(stream, "GET /v1/events?after=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nAccept: text/event-stream\r\n\r\n").unwrap();
        BufReader::new(stream).lines().map(Result::unwrap)
    };
    let (mut stays, leaves) = (follow(), follow());
    assert_eq!(server.text("PUT", "/v1/head/files/a", "1").0, 201);
    drop(leaves);
    assert!(stays.any(|line| line == "event: head_moved"));
    assert_eq!(server.text("POST", "/v1/copies", "").0, 201);
    assert!(stays.any(|line| line == "event: forked"));
    // A stream that stays open does not keep it from stopping.
    let told = std::time::Instant::now();
    server.stop();
    assert!(told.elapsed() < std::time::Duration::from_secs(8));
    assert_eq!(stays.filter(|line| line.starts_with("event")).count(), 0);
}

/// Opens a connection and sends the head of a request on it.
fn begin(server: &Talk, head: &str) -> TcpStream {
    let address = server.url().strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    let token = &server.server.token;
    let head = head.replace("TOKEN", &format!("Authorization: Bearer {token}"));
    write!(stream, "{head}\r\nHost: x\r\n\r\n").unwrap();
    stream
}

/// Reads the head of an answer.
fn answer(stream: &TcpStream) -> String {
    let mut head = String::new();
    let mut reader = BufReader::with_capacity(1, stream);
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "{head}");
    }
    head
}

#[test]
fn a_refusal_is_heard_by_whoever_is_still_sending() {
    const SIZE: usize = 24 << 20;
    let place = Place::new();
    place.put("a", "before");
    let server = Talk::start(&place);
    let head = format!(
        "PUT /v1/head/files/a HTTP/1.1\r\nTOKEN\r\nIf-None-Match: *\r\nContent-Length: {SIZE}"
    );
    let mut stream = begin(&server, &head);
    stream.write_all(&vec![b'x'; SIZE]).unwrap();
    assert!(answer(&stream).starts_with("HTTP/1.1 412"));
    assert_eq!(server.text("GET", "/v1/head/files/a", "").1, "before");
}

#[test]
fn a_body_is_asked_for_only_where_it_is_wanted() {
    let place = Place::new();
    place.put("a", "before");
    let server = Talk::start(&place);
    let wrong = "PUT /v1/head/files/a HTTP/1.1\r\nAuthorization: Bearer wrong\r\nExpect: 100-continue\r\nContent-Length: 3";
    assert!(answer(&begin(&server, wrong)).starts_with("HTTP/1.1 401"));
    let exists = "PUT /v1/head/files/a HTTP/1.1\r\nTOKEN\r\nIf-None-Match: *\r\nExpect: 100-continue\r\nContent-Length: 3";
    assert!(answer(&begin(&server, exists)).starts_with("HTTP/1.1 412"));
    let right =
        "PUT /v1/head/files/a HTTP/1.1\r\nTOKEN\r\nExpect: 100-continue\r\nContent-Length: 3";
    let mut stream = begin(&server, right);
    assert!(answer(&stream).starts_with("HTTP/1.1 100"));
    stream.write_all(b"new").unwrap();
    assert!(answer(&stream).starts_with("HTTP/1.1 200"));
    assert_eq!(server.text("GET", "/v1/head/files/a", "").1, "new");
}

#[test]
fn a_head_that_is_too_long_is_refused() {
    let place = Place::new();
    let server = Talk::start(&place);
    let long = "x".repeat(1 << 20);
    for head in [
        format!("GET /v1/head HTTP/1.1\r\nX: {long}\r\n\r\n"),
        format!("GET /v1/head/files/{long} HTTP/1.1\r\n\r\n"),
    ] {
        let address = server.url().strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        // It closes the connection, be there more to come or not.
        let _ = stream.write_all(head.as_bytes());
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        let told = String::from_utf8_lossy(&told);
        let refused = ["HTTP/1.1 431", "HTTP/1.1 414"];
        assert!(
            told.is_empty() || refused.iter().any(|head| told.starts_with(head)),
            "{told}"
        );
    }
    // The longest that is allowed comes through.
    let path = "%41".repeat(255) + "/";
    let path = path.repeat(15) + "end";
    let note = "%41".repeat(8000);
    let uri = format!("/v1/head/files/{path}?create_parents=true&note={note}");
    assert_eq!(server.text("PUT", &uri, "x").0, 201);
}

/// One line for each request, by its route: neither tokens nor names are in it.
#[test]
#[cfg(unix)]
fn requests_are_written_down_without_secrets() {
    let place = Place::new();
    let secret = "a-name-that-is-nobodys-business";
    place.put(secret, "content-that-is-nobodys-business");
    let server = Talk::start(&place);
    let file = format!("/v1/head/files/{secret}");
    assert_eq!(server.text("GET", &file, "").0, 200);
    let (status, preview) = server.text("POST", "/v1/previews", "");
    assert_eq!(status, 201);
    let preview: serde_json::Value = serde_json::from_str(&preview).unwrap();
    let path = preview["path"].as_str().unwrap();
    assert_eq!(server.text("GET", &format!("{path}{secret}"), "").0, 200);
    let (status, problem) = server.text("GET", "/v1/head/files/none", "");
    assert_eq!(status, 404);
    let problem: serde_json::Value = serde_json::from_str(&problem).unwrap();
    let token = server.server.token.clone();
    let log = server.stop();
    let lines: Vec<serde_json::Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let told: Vec<_> = lines
        .iter()
        .map(|line| {
            (
                line["method"].as_str().unwrap(),
                line["route"].as_str().unwrap(),
                line["status"].as_u64().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            ("GET", "/v1/head/files/{*path}", 200),
            ("POST", "/v1/previews", 201),
            ("GET", "/preview/{token}/{*path}", 200),
            ("GET", "/v1/head/files/{*path}", 404),
        ]
    );
    assert_eq!(lines[3]["id"], problem["request"]);
    assert!(lines.iter().all(|line| line["millis"].as_f64().is_some()));
    let preview_token = preview["token"].as_str().unwrap();
    for hidden in [&*token, preview_token, secret, "nobodys-business"] {
        assert!(!log.contains(hidden), "{hidden}: {log}");
    }
}
