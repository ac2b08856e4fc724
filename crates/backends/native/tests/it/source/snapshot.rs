//! Directories, archives and URLs of archives as sources that resolve.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::thread::{self, JoinHandle};

use workspace_core::{Clock as _, EntriesOptions, Failure, Glob, Snapshot, Source, Timestamp};
use workspace_native::source::{PathSource, UrlSource};

use super::*;

fn resolve(source: &dyn Source) -> Result<std::sync::Arc<dyn Snapshot>> {
    block_on(source.resolve(None))
}

fn paths(snapshot: &dyn Snapshot, options: EntriesOptions) -> Result<Vec<String>> {
    let mut entries = block_on(snapshot.entries(options))?;
    let found = everything(entries.as_mut())?;
    Ok(found.into_iter().map(|found| found.path).collect())
}

fn packed() -> Vec<u8> {
    let mut tar = ::tar::Builder::new(Vec::new());
    for (path, bytes) in [("a.txt", "one"), ("deep/b.txt", "two")] {
        let mut header = ::tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes.as_bytes())
            .unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn a_directory_resolves_to_what_is_in_it() {
    let place = tempfile::tempdir().unwrap();
    fs::create_dir(place.path().join("deep")).unwrap();
    fs::write(place.path().join("a.txt"), "one").unwrap();
    fs::write(place.path().join("deep/b.txt"), "two").unwrap();
    let source = PathSource::new(place.path(), SourceOptions::default());
    let first = resolve(&source).unwrap();
    let again = resolve(&source).unwrap();
    assert_eq!(first.id(), again.id());
    assert_eq!(first.id().kind.as_str(), "directory");
    let all = ["/", "/a.txt", "/deep", "/deep/b.txt"];
    for _ in 0..2 {
        assert_eq!(paths(&*first, EntriesOptions::default()).unwrap(), all);
    }
    let glob = |text: &str| vec![Glob::new(text).unwrap()];
    let only = EntriesOptions::default().include(glob("/deep/**"));
    assert_eq!(paths(&*first, only).unwrap(), ["/", "/deep", "/deep/b.txt"]);
    let without = EntriesOptions::default().exclude(glob("/deep"));
    assert_eq!(paths(&*first, without).unwrap(), ["/", "/a.txt"]);
    fs::write(place.path().join("deep/b.txt"), "three").unwrap();
    assert_ne!(resolve(&source).unwrap().id().version, first.id().version);
}

#[cfg(unix)]
#[test]
fn a_file_that_becomes_executable_is_another_version() {
    use std::os::unix::fs::PermissionsExt as _;
    let place = tempfile::tempdir().unwrap();
    let file = place.path().join("run");
    fs::write(&file, "one").unwrap();
    let source = PathSource::new(place.path(), SourceOptions::default());
    let version = |mode| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        resolve(&source).unwrap().id().version.clone()
    };
    let plain = version(0o644);
    assert_ne!(version(0o755), plain);
    assert_eq!(version(0o644), plain);
}

#[test]
fn what_is_not_there_is_not_found_and_a_path_has_no_references() {
    let place = tempfile::tempdir().unwrap();
    let source = PathSource::new(place.path().join("none"), SourceOptions::default());
    let error = refusal(resolve(&source));
    assert_eq!(
        error.sought(),
        Some(workspace_core::Sought::Source),
        "{error}"
    );
    let source = PathSource::new(place.path(), SourceOptions::default());
    let error = refusal(block_on(source.resolve(Some("main"))));
    assert_eq!(error.kind(), ErrorKind::Invalid, "{error}");
}

#[test]
fn an_archive_that_changes_after_it_was_resolved_is_altered() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("it.tar");
    fs::write(&path, packed()).unwrap();
    let source = PathSource::new(&path, SourceOptions::default());
    let snapshot = resolve(&source).unwrap();
    let all = ["/a.txt", "/deep/b.txt"];
    assert_eq!(paths(&*snapshot, EntriesOptions::default()).unwrap(), all);
    fs::write(&path, [packed(), vec![0; 512]].concat()).unwrap();
    let error = refusal(paths(&*snapshot, EntriesOptions::default()));
    assert_eq!(error.failure(), Some(Failure::Altered), "{error}");
}

/// Answers one request with these bytes, and hangs up.
fn serve_once(answer: Vec<u8>) -> (String, JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://{}/it.tar?key=secret",
        listener.local_addr().unwrap()
    );
    let serve = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut asked = Vec::new();
        let mut byte = [0];
        while !asked.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap() == 1 {
            asked.push(byte[0]);
        }
        stream.write_all(&answer).unwrap();
        String::from_utf8(asked).unwrap()
    });
    (url, serve)
}

fn ask(answer: impl Into<Vec<u8>>) -> Result<std::sync::Arc<dyn Snapshot>> {
    let (url, serve) = serve_once(answer.into());
    let source = UrlSource::new(&url, SourceOptions::default()).unwrap();
    let resolved = resolve(&source);
    let asked = serve.join().unwrap();
    assert!(
        asked.starts_with("GET /it.tar?key=secret HTTP/1.1\r\n"),
        "{asked}"
    );
    resolved
}

#[test]
fn a_url_of_an_archive_resolves_to_its_bytes() {
    let body = packed();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let snapshot = ask([head.into_bytes(), body].concat()).unwrap();
    let id = snapshot.id().to_string();
    assert!(id.starts_with("url:http://127.0.0.1:"), "{id}");
    assert!(!id.contains("secret"), "a query may be a password: {id}");
    for _ in 0..2 {
        let found = paths(&*snapshot, EntriesOptions::default()).unwrap();
        assert_eq!(found, ["/a.txt", "/deep/b.txt"]);
    }
}

#[test]
fn where_a_url_redirects_its_query_is_not_told() {
    let body = packed();
    let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
    let (to, there) = serve_once([head.into_bytes(), body].concat());
    let to = to.replace("?key=secret", "");
    ask(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    ))
    .unwrap();
    let asked = there.join().unwrap();
    assert!(asked.starts_with("GET /it.tar HTTP/1.1\r\n"), "{asked}");
    assert!(!asked.contains("secret"), "{asked}");
}

#[test]
fn what_a_server_answers_keeps_its_kind() {
    let table = [
        ("401 Unauthorized", "", Failure::Denied),
        ("403 Forbidden", "", Failure::Denied),
        (
            "429 Too Many Requests",
            "retry-after: 60\r\n",
            Failure::RateLimited,
        ),
        ("500 Internal Server Error", "", Failure::Upstream),
    ];
    for (status, header, expected) in table {
        let before = workspace_native::SystemClock.now();
        let error = refusal(ask(format!(
            "HTTP/1.1 {status}\r\n{header}content-length: 0\r\n\r\n"
        )));
        assert_eq!(error.failure(), Some(expected), "{error}");
        let until = error.retry_at();
        assert_eq!(until.is_some(), !header.is_empty());
        assert!(until.is_none_or(|until| until >= Timestamp::plus_millis(before, 60_000)));
        assert!(!error.to_string().contains("secret"), "{error}");
    }
    let error = refusal(ask("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"));
    assert_eq!(
        error.sought(),
        Some(workspace_core::Sought::Source),
        "{error}"
    );
    // One that hangs up in the middle.
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this";
    let error = refusal(ask(cut));
    assert_eq!(error.failure(), Some(Failure::Truncated), "{error}");
    let large = "HTTP/1.1 200 OK\r\ncontent-length: 2000000000000\r\n\r\n";
    assert_eq!(refusal(ask(large)).kind(), ErrorKind::LimitExceeded);
}

#[test]
fn a_url_with_a_password_is_refused() {
    for url in ["http://me:secret@host/a.tar", "ftp://host/a.tar", "a.tar"] {
        let error = refusal(UrlSource::new(url, SourceOptions::default()));
        assert_eq!(error.kind(), ErrorKind::Invalid);
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
