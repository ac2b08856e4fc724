//! Git itself: its protocol over HTTP, and archives.

use std::io;
use std::path::Path;
use std::process::Stdio;

use axum::body::Body;
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::answer::Answer;

/// Nothing of this machine's configuration.
pub(crate) const ENVIRONMENT: [(&str, &str); 8] = [
    ("GIT_AUTHOR_NAME", "Double"),
    ("GIT_AUTHOR_EMAIL", "double@example.com"),
    ("GIT_COMMITTER_NAME", "Double"),
    ("GIT_COMMITTER_EMAIL", "double@example.com"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("HOME", "/nonexistent"),
    ("GIT_TERMINAL_PROMPT", "0"),
];

fn git(directory: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .current_dir(directory)
        .envs(ENVIRONMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command
}

/// Lets `git http-backend` answer.
pub(crate) async fn http_backend(
    root: &Path,
    path: &str,
    query: &str,
    method: &str,
    headers: &HeaderMap,
    body: Bytes,
) -> io::Result<Answer> {
    let header = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or_default().to_owned()
    };
    let mut child = git(root)
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", body.len().to_string())
        .env("GIT_PROTOCOL", header("git-protocol"))
        .env("REMOTE_USER", "double")
        .env("REMOTE_ADDR", "127.0.0.1")
        .spawn()?;
    feed(&mut child, body);
    let mut out = BufReader::new(child.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?);
    let mut answer = Response::new(());
    loop {
        let line = line(&mut out).await?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.trim();
        if name.eq_ignore_ascii_case("status") {
            let code = value.get(..3).and_then(|code| code.parse().ok());
            *answer.status_mut() = code
                .and_then(|code: u16| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        } else if let (Ok(name), Ok(value)) =
            (HeaderName::try_from(name), HeaderValue::try_from(value))
        {
            answer.headers_mut().insert(name, value);
        }
    }
    Ok(answer.map(|()| streamed(out, child)))
}

async fn line(out: &mut (impl AsyncRead + Unpin)) -> io::Result<String> {
    let mut line = Vec::new();
    loop {
        match out.read_u8().await? {
            b'\n' => break,
            b'\r' => {}
            byte => line.push(byte),
        }
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}

fn feed(child: &mut Child, body: Bytes) {
    if let Some(mut input) = child.stdin.take() {
        tokio::spawn(async move {
            // Git may have had enough before the end.
            let _ = input.write_all(&body).await;
        });
    }
}

fn streamed(out: impl AsyncRead + Send + Unpin + 'static, child: Child) -> Body {
    Body::from_stream(stream::unfold((out, child), |(mut out, child)| async {
        let mut piece = vec![0; 64 << 10];
        match out.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Bytes::from(piece)), (out, child)))
            }
            Err(error) => Some((Err(error), (out, child))),
        }
    }))
}

/// The archive of a commit as GitHub makes it: by `git archive`, below one directory. It is
/// kept beside the repository, as GitHub does.
pub(crate) async fn archive(repository: &Path, name: &str, commit: &str) -> io::Result<Answer> {
    let kept = repository.join(format!("archive-{commit}.tar.gz"));
    if !kept.exists() {
        let (owner, repo) = name.split_once('/').unwrap_or((name, ""));
        let prefix = format!("--prefix={owner}-{repo}-{}/", &commit[..7]);
        let made = repository.join(format!(
            "archive-{commit}-{:?}.part",
            std::thread::current().id()
        ));
        let output = format!("--output={}", made.display());
        let mut command = git(repository);
        command.args(["archive", "--format=tar.gz", &prefix, &output, commit]);
        let done = command.stdout(Stdio::null()).status().await?;
        if !done.success() {
            return Err(io::Error::other("git archive failed"));
        }
        std::fs::rename(made, &kept)?;
    }
    let file = tokio::fs::File::open(&kept).await?;
    let body = stream::unfold(file, |mut file| async {
        let mut piece = vec![0; 128 << 10];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok::<_, io::Error>(Bytes::from(piece)), file))
            }
            Err(error) => Some((Err(error), file)),
        }
    });
    let mut answer = Response::new(Body::from_stream(body));
    let headers = answer.headers_mut();
    headers.insert(
        "content-type",
        HeaderValue::from_static("application/x-gzip"),
    );
    Ok(answer)
}

/// Runs git, and returns what it says; `None` where it fails.
pub(crate) async fn said(repository: &Path, args: &[&str]) -> Option<Vec<u8>> {
    let output = git(repository)
        .args(args)
        .stdin(Stdio::null())
        .output()
        .await
        .ok()?;
    output.status.success().then_some(output.stdout)
}
