//! Requests that arrive: redirects, credentials, what is repeated and what is waited for.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use serde::Deserialize;
use workspace_core::Timestamp;

use crate::error::{Error, Kind, Result};
use crate::token::{Credentials, Scheme};
use crate::transport::{Body, Transport};

/// The most redirects of one request.
const MAX_REDIRECTS: usize = 5;
/// The most bytes that are read of an answer that is an error.
const MAX_FAILURE: usize = 64 << 10;
/// How long is waited where GitHub says that it was asked too often, and not until when.
const UNSAID: Duration = Duration::from_secs(60);
/// The shortest time between two attempts at the same.
const SOONEST: Duration = Duration::from_secs(1);
const AGENT: &str = concat!("workspace-github/", env!("CARGO_PKG_VERSION"));

/// How often a request is repeated, and how long is waited for that in all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retries {
    /// How often one request, or one body, is asked for.
    pub attempts: u32,
    /// How long is waited between them in all. Where GitHub says to come back later than
    /// that, the call fails at once, and says when.
    pub wait: Duration,
}

impl Default for Retries {
    /// Five times, and two minutes.
    fn default() -> Self {
        Self {
            attempts: 5,
            wait: Duration::from_secs(120),
        }
    }
}

/// Whose server it is, and in whose name it is asked.
pub(crate) struct Session {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) credentials: Credentials,
    pub(crate) retries: Retries,
}

/// One request.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    pub(crate) operation: &'static str,
    /// What errors are about.
    pub(crate) subject: String,
    pub(crate) method: Method,
    pub(crate) url: String,
    pub(crate) scheme: Scheme,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) body: Bytes,
}

impl Ask {
    pub(crate) fn get(operation: &'static str, subject: &str, url: String) -> Self {
        Self {
            operation,
            subject: subject.into(),
            method: Method::GET,
            url,
            scheme: Scheme::Rest,
            headers: vec![
                (
                    ACCEPT,
                    HeaderValue::from_static("application/vnd.github+json"),
                ),
                (
                    HeaderName::from_static("x-github-api-version"),
                    HeaderValue::from_static("2022-11-28"),
                ),
            ],
            body: Bytes::new(),
        }
    }

    pub(crate) fn post(operation: &'static str, subject: &str, url: String, body: Bytes) -> Self {
        let mut ask = Self::get(operation, subject, url);
        ask.method = Method::POST;
        ask.body = body;
        ask.header(CONTENT_TYPE, "application/json")
    }

    pub(crate) fn header(mut self, name: HeaderName, value: &'static str) -> Self {
        self.headers.retain(|(other, _)| *other != name);
        self.headers.push((name, HeaderValue::from_static(value)));
        self
    }

    /// Names what failed by what was asked.
    fn told(&self, kind: Kind) -> Error {
        Error::new(kind, self.operation).at(&self.subject)
    }
}

impl Session {
    /// Sends a request until it succeeds; reads its body whole, of at most `limit` bytes.
    pub(crate) async fn read(&self, ask: &Ask, limit: usize) -> Result<(HeaderMap, Bytes)> {
        let mut attempts = self.attempts();
        loop {
            let read = async {
                let (head, body) = self.send_once(ask).await?.into_parts();
                Ok((head.headers, collect(body, limit, ask).await?))
            };
            match read.await {
                Ok(read) => return Ok(read),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Sends a request that reads until it succeeds, and returns the answer, a success, with
    /// its body to come.
    pub(crate) async fn send(&self, ask: &Ask) -> Result<Response<Body>> {
        let mut attempts = self.attempts();
        loop {
            match self.send_once(ask).await {
                Ok(answer) => return Ok(answer),
                Err(error) => attempts.after(error).await?,
            }
        }
    }

    /// Says when to ask again, where that is of use and nobody has said it.
    pub(crate) fn dated(&self, error: Error) -> Error {
        let now = self.transport.now();
        match error.retry_at() {
            None if passes(&error) => {
                let millis = i64::try_from(UNSAID.as_millis()).unwrap_or(i64::MAX);
                error.until(Some(now.plus_millis(millis)))
            }
            Some(time) if time < soonest(now) => error.until(Some(soonest(now))),
            _ => error,
        }
    }

    /// Begins to count how often something is tried.
    pub(crate) fn attempts(&self) -> Attempts {
        Attempts {
            transport: Arc::clone(&self.transport),
            left: self.retries.attempts.max(1) - 1,
            patience: self.retries.wait,
            pause: SOONEST,
        }
    }

    /// Sends a request, and follows where it is sent on; no answer but a success is
    /// returned. Credentials that can be renewed are, once.
    pub(crate) async fn send_once(&self, ask: &Ask) -> Result<Response<Body>> {
        match self.follow(ask, false).await {
            Err(error) if error.kind() == Kind::Denied && self.credentials.renews() => {
                self.follow(ask, true).await
            }
            answer => answer,
        }
    }

    async fn follow(&self, ask: &Ask, anew: bool) -> Result<Response<Body>> {
        let first = parse(&ask.url, ask)?;
        let (mut at, mut method) = (first.clone(), ask.method.clone());
        let token = self
            .credentials
            .header(self, ask.scheme.clone(), anew)
            .await?;
        for _ in 0..=MAX_REDIRECTS {
            let own = same_origin(&at, &first);
            let mut request = Request::new(match method == ask.method {
                true => ask.body.clone(),
                false => Bytes::new(),
            });
            *request.uri_mut() = at.clone();
            *request.method_mut() = method.clone();
            let headers = request.headers_mut();
            headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
            // A token, and whatever else is said to a server, is for that and no other.
            for (name, value) in &ask.headers {
                if own || *name == ACCEPT {
                    headers.insert(name, value.clone());
                }
            }
            if let (true, Some(token)) = (own, &token) {
                headers.insert(AUTHORIZATION, token.clone());
            }
            let answer = self.transport.send(request).await;
            let answer = answer.map_err(|error| error.at(&ask.subject))?;
            let status = answer.status();
            if status.is_success() || status == StatusCode::NOT_MODIFIED {
                return Ok(answer);
            }
            match status.as_u16() {
                301 | 302 | 307 | 308 => {}
                303 => method = Method::GET,
                _ => return Err(self.failure(answer, ask).await),
            }
            let to = answer
                .headers()
                .get(LOCATION)
                .and_then(|to| to.to_str().ok());
            let to = to.and_then(|to| joined(&at, to));
            let to =
                to.ok_or_else(|| ask.told(Kind::Upstream).because("it redirects to nowhere"))?;
            if at.scheme_str() == Some("https") && to.scheme_str() != Some("https") {
                return Err(ask
                    .told(Kind::Upstream)
                    .because("it redirects to where others can listen"));
            }
            if method != Method::GET && !same_origin(&to, &first) {
                return Err(ask
                    .told(Kind::Upstream)
                    .because("it redirects what changes something to another host"));
            }
            at = to;
        }
        Err(ask
            .told(Kind::Upstream)
            .because(format!("it redirects more than {MAX_REDIRECTS} times"))
            .until(Some(self.transport.now().plus_millis(60_000))))
    }

    /// Tells what an answer that is no success means.
    async fn failure(&self, answer: Response<Body>, ask: &Ask) -> Error {
        let (head, body) = answer.into_parts();
        let said = collect(body, MAX_FAILURE, ask).await.unwrap_or_default();
        let said = message(&said);
        let now = self.transport.now();
        let (status, headers) = (head.status, &head.headers);
        let (kind, until) = judge(status, headers, &said, now);
        let detail = match said.is_empty() {
            true => format!("status {}", status.as_u16()),
            false => format!("status {}: {said}", status.as_u16()),
        };
        ask.told(kind).because(detail).until(until)
    }
}

/// Returns before when nobody is told to ask again, whatever the clocks say.
fn soonest(now: Timestamp) -> Timestamp {
    now.plus_millis(SOONEST.as_millis() as i64)
}

/// Tells what a status means, and when to ask again.
fn judge(
    status: StatusCode,
    headers: &HeaderMap,
    said: &str,
    now: Timestamp,
) -> (Kind, Option<Timestamp>) {
    let number = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        value.trim().parse::<i64>().ok()
    };
    let after = number(RETRY_AFTER.as_str())
        .map(|seconds| now.plus_millis(seconds.clamp(1, 1 << 32) * 1000));
    let used_up = number("x-ratelimit-remaining") == Some(0);
    let reset = number("x-ratelimit-reset").filter(|_| used_up);
    let reset = reset.map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1000)));
    // One that is past by our clock says nothing: one of the two clocks is wrong.
    let reset = reset.filter(|reset| *reset > now);
    let said = said.to_ascii_lowercase();
    let too_often = said.contains("rate limit") || said.contains("abuse");
    match status.as_u16() {
        429 | 403 if after.is_some() || used_up || too_often || status.as_u16() == 429 => {
            let unsaid = now.plus_millis(UNSAID.as_millis() as i64);
            (Kind::RateLimited, Some(after.or(reset).unwrap_or(unsaid)))
        }
        401 | 403 => (Kind::Denied, None),
        404 | 410 | 451 => (Kind::NotFound, None),
        409 | 422 => (Kind::Refused, None),
        400 | 413 | 414 => (Kind::Invalid, None),
        _ => (Kind::Upstream, after),
    }
}

/// Tells whether the same may be well the next time.
pub(crate) fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Upstream | Kind::Truncated | Kind::RateLimited | Kind::Altered
    )
}

/// Counts how often something is tried, and waits in between.
pub(crate) struct Attempts {
    transport: Arc<dyn Transport>,
    left: u32,
    patience: Duration,
    pause: Duration,
}

impl Attempts {
    /// Returns once it is time to try again what failed with `error`.
    ///
    /// # Errors
    /// `error`, where trying again is of no use, or not yet; it then says when.
    pub(crate) async fn after(&mut self, error: Error) -> Result<()> {
        if !passes(&error) {
            return Err(error);
        }
        let now = self.transport.now();
        let pause = match error.retry_at() {
            Some(time) => {
                let millis = time.as_millis() - now.as_millis();
                Duration::from_millis(u64::try_from(millis).unwrap_or(0)).max(self.pause)
            }
            None => self.pause,
        };
        if self.left == 0 || pause > self.patience {
            let time = error.retry_at().unwrap_or_else(|| {
                now.plus_millis(i64::try_from(UNSAID.as_millis()).unwrap_or(i64::MAX))
            });
            return Err(error.until(Some(time.max(soonest(now)))));
        }
        self.left -= 1;
        self.patience -= pause;
        self.pause = self.pause.saturating_mul(2);
        self.transport.wait(pause).await;
        Ok(())
    }
}

/// Reads a body whole.
pub(crate) async fn collect(mut body: Body, limit: usize, ask: &Ask) -> Result<Bytes> {
    let mut whole = BytesMut::new();
    while let Some(bytes) = body.next().await {
        let bytes = bytes.map_err(|error| error.at(&ask.subject))?;
        if whole.len() + bytes.len() > limit {
            return Err(ask
                .told(Kind::LimitExceeded)
                .because(format!("an answer of more than {limit} bytes")));
        }
        whole.extend_from_slice(&bytes);
    }
    Ok(whole.freeze())
}

/// Returns what an answer that is no success says, to be shown.
fn message(said: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Said {
        message: String,
        #[serde(default)]
        errors: Vec<serde_json::Value>,
    }
    let Ok(said) = serde_json::from_slice::<Said>(said) else {
        return match said.starts_with(b"<") {
            true => String::new(),
            false => crate::git::shown(said),
        };
    };
    let mut text = said.message;
    for error in said.errors {
        let told = error.get("message").and_then(|message| message.as_str());
        if let Some(told) = told.or_else(|| error.as_str()) {
            text.push_str("; ");
            text.push_str(told);
        }
    }
    crate::git::shown(text.as_bytes())
}

fn parse(url: &str, ask: &Ask) -> Result<Uri> {
    url.parse().map_err(|_| {
        Error::invalid("write request", "a name that a URL cannot carry").at(&ask.subject)
    })
}

/// Returns where a redirect goes: a whole URL, or a path of the same server.
fn joined(from: &Uri, to: &str) -> Option<Uri> {
    if to.starts_with('/') && !to.starts_with("//") {
        let mut parts = from.clone().into_parts();
        parts.path_and_query = Some(to.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    let to: Uri = to.split('#').next()?.parse().ok()?;
    let known = matches!(to.scheme_str(), Some("http" | "https"));
    (known && to.host().is_some()).then_some(to)
}

/// Tells whether both are of the same server: scheme, host and port.
fn same_origin(one: &Uri, other: &Uri) -> bool {
    let port = |uri: &Uri| match (uri.port_u16(), uri.scheme_str()) {
        (None, Some("https")) => Some(443),
        (None, _) => Some(80),
        (port, _) => port,
    };
    let host = |uri: &Uri| uri.host().map(str::to_ascii_lowercase);
    one.scheme_str() == other.scheme_str() && host(one) == host(other) && port(one) == port(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_says_what_to_do_and_when() {
        let now = Timestamp::from_millis(1_000_000);
        let at = |seconds: i64| Some(Timestamp::from_millis(seconds * 1000));
        type Case = (u16, &'static [(&'static str, &'static str)], &'static str);
        let cases: [(Case, Kind, Option<Timestamp>); 17] = [
            (
                (
                    403,
                    &[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "999")],
                    "",
                ),
                Kind::RateLimited,
                at(1060),
            ),
            (
                (429, &[("retry-after", "0")], ""),
                Kind::RateLimited,
                at(1001),
            ),
            ((401, &[], "Bad credentials"), Kind::Denied, None),
            ((403, &[], "Resource not accessible"), Kind::Denied, None),
            (
                (
                    403,
                    &[
                        ("x-ratelimit-remaining", "0"),
                        ("x-ratelimit-reset", "5000"),
                    ],
                    "",
                ),
                Kind::RateLimited,
                at(5000),
            ),
            (
                (
                    403,
                    &[
                        ("x-ratelimit-remaining", "7"),
                        ("x-ratelimit-reset", "5000"),
                    ],
                    "",
                ),
                Kind::Denied,
                None,
            ),
            (
                (403, &[("retry-after", "30")], ""),
                Kind::RateLimited,
                at(1030),
            ),
            (
                (403, &[], "You have exceeded a secondary rate limit"),
                Kind::RateLimited,
                at(1060),
            ),
            ((429, &[], ""), Kind::RateLimited, at(1060)),
            (
                (429, &[("retry-after", "soon")], ""),
                Kind::RateLimited,
                at(1060),
            ),
            (
                (
                    429,
                    &[
                        ("x-ratelimit-remaining", "0"),
                        ("x-ratelimit-reset", "5000"),
                        ("retry-after", "2"),
                    ],
                    "",
                ),
                Kind::RateLimited,
                at(1002),
            ),
            ((404, &[], "Not Found"), Kind::NotFound, None),
            ((409, &[], "Git Repository is empty."), Kind::Refused, None),
            ((422, &[], "Validation Failed"), Kind::Refused, None),
            ((500, &[], ""), Kind::Upstream, None),
            ((503, &[("retry-after", "9")], ""), Kind::Upstream, at(1009)),
            ((418, &[], ""), Kind::Upstream, None),
        ];
        for ((status, headers, said), kind, until) in cases {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, HeaderValue::from_static(value));
            }
            let found = judge(StatusCode::from_u16(status).unwrap(), &map, said, now);
            assert_eq!(found, (kind, until), "{status} {headers:?} {said}");
        }
    }

    #[test]
    fn redirects_go_where_they_say_and_tokens_do_not_go_with_them() {
        let from: Uri = "https://api.github.com/repos/a/b".parse().unwrap();
        for (to, url, same) in [
            (
                "/repositories/1",
                Some("https://api.github.com/repositories/1"),
                true,
            ),
            (
                "https://API.github.com:443/x",
                Some("https://API.github.com:443/x"),
                true,
            ),
            (
                "https://codeload.github.com/x?token=y",
                Some("https://codeload.github.com/x?token=y"),
                false,
            ),
            (
                "http://api.github.com/x",
                Some("http://api.github.com/x"),
                false,
            ),
            (
                "https://api.github.com:8443/x",
                Some("https://api.github.com:8443/x"),
                false,
            ),
            ("//evil.example/x", None, false),
            ("ftp://api.github.com/x", None, false),
            ("x/y", None, false),
        ] {
            let joined = joined(&from, to);
            let shown = joined.as_ref().map(|uri| uri.to_string());
            assert_eq!(
                shown.as_deref().map(str::to_lowercase),
                url.map(str::to_lowercase),
                "{to}"
            );
            if let Some(joined) = joined {
                assert_eq!(same_origin(&joined, &from), same, "{to}");
            }
        }
    }

    #[test]
    fn what_github_says_is_shown() {
        for (said, shown) in [
            (
                r#"{"message":"Validation Failed","errors":[{"message":"No commits"},"x",{"code":"y"}]}"#,
                "Validation Failed; No commits; x",
            ),
            ("<html><body>Unicorn!", ""),
            ("plain\ntext", "plain text"),
            ("", ""),
        ] {
            assert_eq!(message(said.as_bytes()), shown);
        }
    }
}
