//! What only workspaces behind a URL can meet.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use crate::support::{Place, Server};

/// A place without a workspace, whose commands reach the server.
fn client(server: &Server) -> Place {
    let place = Place::empty();
    place.file("token", &server.token);
    place
}

#[test]
fn the_token_comes_from_a_file_or_the_environment_and_is_never_told() {
    let place = Place::new();
    place.put("a", "content");
    let server = Server::start(&place);
    let client = client(&server);
    let with = ["--remote", &server.url, "--token-file", "token"];
    assert_eq!(client.ok(&[&with[..], &["cat", "a"]].concat()), "content");
    let output = client
        .command()
        .env("WORKSPACE_REMOTE", &server.url)
        .env("WORKSPACE_TOKEN", &server.token)
        .args(["cat", "a"])
        .output()
        .unwrap();
    assert_eq!(output.stdout, b"content");

    let error = client.error(2, &["--remote", &server.url, "ls"]);
    assert!(error["hint"].as_str().unwrap().contains("WORKSPACE_TOKEN"));
    client.file("token", "another-token-entirely");
    let ran = client.run(&[&with[..], &["ls"]].concat());
    assert_eq!(ran.code, 8, "{}", ran.stderr);
    assert!(
        ran.stderr
            .starts_with("error: the token is missing or wrong\n")
            && !ran.stderr.contains("another-token"),
        "{}",
        ran.stderr
    );
    let error = client.error(3, &["--remote", &server.url, "--token-file", "none", "ls"]);
    assert_eq!(error["path"], "none");
}

/// What leaves the machine in clear has no token in it, unless somebody says so.
#[test]
fn a_token_is_not_sent_in_clear_to_another_machine() {
    let client = Place::empty();
    client.file("token", "a-token-of-16-bytes");
    let with = [
        "--token-file",
        "token",
        "--remote",
        "http://192.0.2.1:9/w",
        "ls",
    ];
    let error = client.error(2, &with);
    assert_eq!([&error["code"], &error["reason"]], ["invalid", "insecure"]);
    assert!(error["hint"].as_str().unwrap().contains("--insecure"));
    // It is asked for: what fails then is the way.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("http://127.0.0.1:{port}");
    for (url, code) in [(&*url, 19), (&*url.replace("127.0.0.1", "localhost"), 19)] {
        client.error(code, &["--token-file", "token", "--remote", url, "ls"]);
    }
    let odd = format!("http://0x7f000001:{port}");
    let with = ["--token-file", "token", "--remote", &odd];
    client.error(2, &[&with[..], &["ls"]].concat());
    client.error(19, &[&with[..], &["--insecure", "ls"]].concat());
}

#[test]
fn what_answers_not_or_not_as_a_workspace_is_told_with_its_url() {
    let place = Place::empty();
    place.file("token", "a-token-that-is-secret");
    let told = |code: i32, url: &str| {
        let error = place.error(code, &["--remote", url, "--token-file", "token", "ls"]);
        let text = error.to_string();
        assert!(!text.contains("secret"), "{text}");
        text
    };
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    for scheme in ["http", "https"] {
        let url = format!("{scheme}://{address}");
        assert!(told(19, &url).contains(&format!("cannot reach {url}: ")));
    }
    assert!(told(2, "workspace.example").contains("http://HOST"));
    assert!(!told(2, "http://me:secret@127.0.0.1").contains("me:"));

    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", other.local_addr().unwrap());
    let answering = thread::spawn(move || {
        for answer in [
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/",
            "HTTP/1.1 200 OK",
        ] {
            let (mut stream, _) = other.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            let page = "Content-Length: 5\r\nConnection: close\r\n\r\nhello";
            write!(stream, "{answer}\r\n{page}").unwrap();
        }
    });
    assert!(told(19, &url).contains("302"));
    told(19, &url);
    answering.join().unwrap();
}

#[test]
fn commands_on_directories_say_so() {
    let place = Place::new();
    let server = Server::start(&place);
    let client = client(&server);
    let with = ["--remote", &server.url, "--token-file", "token"];
    let error = client.error(16, &[&with[..], &["serve"]].concat());
    assert_eq!(error["code"], "unsupported");
    let error = client.error(4, &[&with[..], &["init"]].concat());
    assert_eq!(error["code"], "already_exists");
    assert!(
        client
            .ok(&[&with[..], &["completions", "bash"]].concat())
            .contains("workspace")
    );
}

#[test]
fn a_preview_is_at_the_url_that_is_printed() {
    let place = Place::new();
    place.put("site/index.html", "<h1>Hello</h1>");
    // One that was issued before anybody served it is there as well.
    let before = place.ok(&["preview", "issue"]);
    let server = Server::start(&place);
    let client = client(&server);
    let with = ["--remote", &server.url, "--token-file", "token"];
    let run = |arguments: &[&str]| client.json(&[&with[..], arguments].concat());
    let issued = run(&[
        "preview",
        "issue",
        "--index",
        "main.html",
        "--fallback",
        "site/index.html",
    ]);
    let url = issued["url"].as_str().unwrap();
    let get = |url: &str| {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .build()
            .into();
        let request = agent.get(url).header("accept", "text/html");
        let mut response = request.call().unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        (response.status().as_u16(), text)
    };
    let page = || (200, "<h1>Hello</h1>".to_string());
    assert_eq!(get(url), page());
    assert_eq!(
        get(&format!("{}{}site/", server.url, before.trim())),
        page()
    );

    let text = client.ok(&[&with[..], &["preview", "issue", "--expires", "2h"]].concat());
    assert!(text.starts_with(&server.url), "{text}");
    let listed = run(&["previews"])["previews"].clone();
    assert_eq!(listed.as_array().unwrap().len(), 3);
    assert_eq!(listed[1]["id"], issued["id"]);
    assert_eq!(listed[1]["fallback"], "/site/index.html");
    let id = issued["id"].as_str().unwrap();
    assert_eq!(run(&["preview", "revoke", id])["revoked"], 1);
    assert_eq!(get(url).0, 404);
    client.error(3, &[&with[..], &["preview", "revoke", id]].concat());
}

#[test]
fn events_are_followed_as_they_come() {
    let place = Place::new();
    let server = Server::start(&place);
    let client = client(&server);
    let with = ["--remote", &server.url, "--token-file", "token"];
    let mut following = client
        .command()
        .args(with)
        .args(["--json", "watch", "--after", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    let mut next = || {
        let line = lines.next().unwrap().unwrap();
        serde_json::from_str::<serde_json::Value>(&line).unwrap()["kind"].clone()
    };
    client.run_with(&[&with[..], &["put", "a"]].concat(), b"x");
    assert_eq!(next(), "head_moved");
    client.ok(&[&with[..], &["fork"]].concat());
    assert_eq!(next(), "forked");
    let id = server.child.id().to_string();
    let told = std::process::Command::new("kill").arg(id).status();
    assert!(told.unwrap().success());
    assert!(following.wait().unwrap().success());
}

#[test]
fn a_name_that_a_url_cannot_carry_is_refused() {
    let place = Place::new();
    let server = Server::start(&place);
    let client = client(&server);
    for name in ["..", "."] {
        let with = ["--remote", &server.url, "--token-file", "token"];
        client.error(2, &[&with[..], &["copy", "show", name]].concat());
    }
    let with = ["--remote", &server.url, "--token-file", "token"];
    client.ok(&[&with[..], &["fork", "a/b?c#d %41"]].concat());
    client.ok(&[&with[..], &["discard", "a/b?c#d %41"]].concat());
}

/// A server that dies while something is on its way to it: what was there stays,
/// and the client says what happened.
#[test]
fn a_server_that_dies_meanwhile_keeps_what_was_there() {
    let place = Place::new();
    place.put("before", "kept");
    for arguments in [&["put", "large"][..], &["import", "-"]] {
        let mut server = Server::start(&place);
        let client = client(&server);
        let mut child = client
            .command()
            .args(["--remote", &server.url, "--token-file", "token"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = child.stdin.take().unwrap();
        let mut archive = tar::Builder::new(Vec::new());
        let mut header = tar::Header::new_gnu();
        header.set_size(64 << 20);
        header.set_mode(0o644);
        archive
            .append_data(&mut header, "large", std::io::empty())
            .unwrap();
        input.write_all(archive.get_ref()).unwrap();
        input.write_all(&vec![b'x'; 4 << 20]).unwrap();
        server.child.kill().unwrap();
        server.child.wait().unwrap();
        thread::sleep(Duration::from_millis(20));
        // It may have given up already.
        let _ = input.write_all(&vec![b'x'; 60 << 20]);
        drop(input);
        let output = child.wait_with_output().unwrap();
        let told = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(19), "{told}");
        assert!(told.contains(&server.url), "{told}");
        assert_eq!(place.ok(&["find"]), "/before\n");
        assert_eq!(place.ok(&["cat", "before"]), "kept");
        place.ok(&["collect"]);
        place.whole();
    }
}
