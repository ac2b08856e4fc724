//! What is asked, and who answers it.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;

use crate::answer::{self, Answer, message, missing, redirect, spoiled};
use crate::fault::{Fault, Route, What};
use crate::state::{Seen, State};
use crate::{backend, rest};

/// Answers whoever comes, for ever.
pub(crate) async fn listen(listener: TcpListener, state: Arc<State>, loads: bool) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = tower::service_fn(move |request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move { answer(&state, request, loads).await }
            });
            // Who hangs up is none of our business.
            let _ = Builder::new(TokioExecutor::new())
                .serve_connection(TokioIo::new(stream), TowerToHyperService::new(service))
                .await;
        });
    }
}

/// A request whose body has come.
pub(crate) struct Asked {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: Bytes,
}

impl Asked {
    /// Returns the token that is shown, however it is.
    pub(crate) fn token(&self) -> Option<String> {
        let shown = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let (scheme, rest) = shown.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "token" | "bearer" => Some(rest.to_owned()),
            "basic" => {
                let pair = String::from_utf8(BASE64_STANDARD.decode(rest).ok()?).ok()?;
                pair.strip_prefix("x-access-token:").map(str::to_owned)
            }
            _ => None,
        }
    }

    fn shown(&self, name: &str) -> Option<String> {
        let value = self.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    }
}

async fn answer(state: &Arc<State>, request: Request<Incoming>, loads: bool) -> io::Result<Answer> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().unwrap_or_default().to_owned(),
        headers: head.headers,
        body,
    };
    if asked.path.starts_with("/_double/") {
        return Ok(control(state, &asked));
    }
    let route = route_of(&asked, loads);
    let wants = asked
        .body
        .windows(5)
        .filter(|bytes| bytes == b"want ")
        .count();
    let (fault, delay) = {
        let fault = state.fault_of(route);
        let mut inner = state.lock();
        inner.seen.push(Seen {
            route,
            method: asked.method.to_string(),
            path: asked.path.clone(),
            authorization: asked.shown("authorization"),
            wants: if route == Route::Fetch { wants } else { 0 },
        });
        (fault, inner.delay)
    };
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    if asked.shown("user-agent").is_none() {
        let text = "Request forbidden by administrative rules. Please make sure your request \
                    has a User-Agent header";
        return Ok(message(StatusCode::FORBIDDEN, text));
    }
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let origin = if loads { &state.load } else { &state.url };
    let itself = format!("{origin}{}?{}", asked.path, asked.query);
    match &fault {
        None => {}
        Some(What::NoAnswer) => return Err(io::Error::other("no answer")),
        Some(What::Stall) => {
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return Err(io::Error::other("no answer"));
        }
        Some(What::Behind) => return behind(state, route, &asked).await,
        Some(what) => {
            if let Some(answer) = answer::instead(what, now.as_secs(), &itself) {
                return Ok(answer);
            }
        }
    }
    let mut asked = asked;
    if fault == Some(What::LacksTree) {
        asked.body = without_trees(&asked.body);
    }
    let answer = match loads {
        true => load(state, &asked).await?,
        false => routed(state, route, &asked).await?,
    };
    match fault {
        Some(What::DoneUnsaid) => {
            // It is done once the answer is there.
            let _ = answer.into_body().collect().await;
            Err(io::Error::other("no answer"))
        }
        Some(what) => spoiled(answer, &what).await,
        None => Ok(answer),
    }
}

/// Makes a fetch of trees one of commits alone.
fn without_trees(body: &[u8]) -> Bytes {
    let (from, to) = (&b"0015filter blob:none\n"[..], &b"0012filter tree:0\n"[..]);
    let at = body.windows(from.len()).position(|bytes| bytes == from);
    match at {
        Some(at) => [&body[..at], to, &body[at + from.len()..]].concat().into(),
        None => Bytes::copy_from_slice(body),
    }
}

fn route_of(asked: &Asked, loads: bool) -> Route {
    let path = asked.path.as_str();
    let rest = path.strip_prefix("/api/v3/");
    if loads {
        return match path.starts_with("/large/") {
            true => Route::LargeFile,
            false => Route::Load,
        };
    }
    let has = |part: &str| rest.is_some_and(|rest| rest.contains(part));
    if path.ends_with("/git-upload-pack") {
        let lists = asked.body.windows(7).any(|bytes| bytes == b"ls-refs");
        return if lists { Route::Refs } else { Route::Fetch };
    }
    match path {
        _ if path.ends_with("/git-receive-pack") => Route::Push,
        _ if path.ends_with("/info/lfs/objects/batch") => Route::Large,
        _ if has("/tarball/") => Route::Tarball,
        _ if has("/commits/") => Route::Commit,
        _ if has("/git/blobs/") => Route::Blob,
        _ if has("/pulls") => Route::Pulls,
        _ if has("/access_tokens") => Route::Token,
        _ => Route::Other,
    }
}

async fn routed(state: &Arc<State>, route: Route, asked: &Asked) -> io::Result<Answer> {
    if let Some(rest) = asked.path.strip_prefix("/api/v3") {
        return Ok(rest::answer(state, rest, asked).await);
    }
    // /owner/name.git/service
    let path = asked.path.trim_start_matches('/');
    let Some((name, service)) = path.split_once(".git/") else {
        return Ok(missing());
    };
    if let Some(new) = state.lock().renamed.get(name).cloned() {
        let to = format!("{}/{new}.git/{service}", state.url);
        return Ok(redirect(StatusCode::MOVED_PERMANENTLY, &to));
    }
    let (private, known) = {
        let inner = state.lock();
        let token = asked.token();
        let known = token.as_ref().map(|token| inner.tokens.contains(token));
        (inner.private.contains(name), known)
    };
    let refused = known == Some(false) || (known.is_none() && (private || route == Route::Push));
    if refused || state.find(name).is_none() {
        let mut answer = answer::status(
            StatusCode::UNAUTHORIZED,
            "Repository not found, or no access to it.",
        );
        let basic = http::HeaderValue::from_static("Basic realm=\"GitHub\"");
        answer.headers_mut().insert("www-authenticate", basic);
        return Ok(match known {
            Some(true) => answer::status(StatusCode::NOT_FOUND, "Repository not found."),
            _ => answer,
        });
    }
    if route == Route::Large {
        return Ok(rest::large(state, asked));
    }
    backend::http_backend(
        state.root(),
        &asked.path,
        &asked.query,
        asked.method.as_str(),
        &asked.headers,
        asked.body.clone(),
    )
    .await
}

/// The other host: archives, and large files.
async fn load(state: &Arc<State>, asked: &Asked) -> io::Result<Answer> {
    if let Some(oid) = asked.path.strip_prefix("/large/") {
        let found = state.lock().large.get(oid).cloned();
        return Ok(match found {
            // It is signed, and takes no token of GitHub's.
            Some(_) if asked.headers.contains_key(AUTHORIZATION) => {
                answer::status(StatusCode::BAD_REQUEST, "only one way to authenticate")
            }
            Some(bytes) if asked.shown("x-signed").as_deref() == Some("yes") => {
                answer::status(StatusCode::OK, bytes)
            }
            Some(_) => answer::status(StatusCode::FORBIDDEN, "not signed"),
            None => answer::status(StatusCode::NOT_FOUND, Body::empty()),
        });
    }
    // /owner/name/tar/commit
    let parts: Vec<&str> = asked.path.trim_start_matches('/').split('/').collect();
    let [owner, name, "tar", commit] = parts[..] else {
        return Ok(missing());
    };
    let name = format!("{owner}/{name}");
    if state.lock().private.contains(&name) && asked.query != "token=for-this-one" {
        return Ok(missing());
    }
    match state.find(&name) {
        Some(path) => backend::archive(&path, &name, commit).await,
        None => Ok(missing()),
    }
}

/// Answers as a server that has not heard of the last update: refs are one commit back, and
/// that commit is not known.
async fn behind(state: &Arc<State>, route: Route, asked: &Asked) -> io::Result<Answer> {
    match route {
        Route::Refs => {
            let (name, _) = asked
                .path
                .trim_start_matches('/')
                .split_once(".git/")
                .unwrap_or_default();
            let path = state.find(name).unwrap_or_default();
            let listed = backend::said(
                &path,
                &["for-each-ref", "--format=%(objectname) %(refname)"],
            );
            let listed = String::from_utf8(listed.await.unwrap_or_default()).unwrap_or_default();
            let mut body = String::new();
            for line in listed.lines() {
                let (id, name) = line.split_once(' ').unwrap_or_default();
                let parent = format!("{id}^");
                let before = backend::said(&path, &["rev-parse", "--verify", &parent]).await;
                let before = before.and_then(|text| String::from_utf8(text).ok());
                let id = before.as_deref().map_or(id, str::trim);
                let line = format!("{id} {name}\n");
                body.push_str(&format!("{:04x}{line}", line.len() + 4));
            }
            body.push_str("0000");
            Ok(answer::status(StatusCode::OK, body))
        }
        Route::Fetch => {
            let line = "ERR upload-pack: not our ref of this server\n";
            let body = format!("{:04x}{line}", line.len() + 4);
            Ok(answer::status(StatusCode::OK, body))
        }
        _ => Ok(missing()),
    }
}

/// What a test in another process asks of the double.
fn control(state: &Arc<State>, asked: &Asked) -> Answer {
    match asked.path.as_str() {
        "/_double/faults" => {
            let faults: Vec<Fault> = match serde_json::from_slice(&asked.body) {
                Ok(faults) => faults,
                Err(error) => return answer::status(StatusCode::BAD_REQUEST, error.to_string()),
            };
            state.lock().faults = faults;
            answer::status(StatusCode::OK, "[]")
        }
        "/_double/seen" => {
            let seen = std::mem::take(&mut state.lock().seen);
            let seen = serde_json::to_string(&seen).unwrap_or_default();
            answer::status(StatusCode::OK, seen)
        }
        "/_double/delay" => {
            let millis = String::from_utf8_lossy(&asked.body).trim().parse();
            state.lock().delay = Duration::from_millis(millis.unwrap_or_default());
            answer::status(StatusCode::OK, "")
        }
        _ => missing(),
    }
}
