//! A server without a socket, which checks each answer against the OpenAPI
//! document.

use std::sync::{Arc, LazyLock};

use axum::body::Body;
use axum::http::response::Parts;
use axum::{Extension, Router};
use bytes::Bytes;
use futures::executor::block_on;
use futures::stream;
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;
use workspace_core::store::{BlobStore, MetaStore};
use workspace_core::{ImportLimits, Options, Workspace};
use workspace_http::{Access, PROBLEM_JSON, Pulse, openapi, router};
use workspace_testkit::{FaultPlan, FaultyBlobs, FaultyMeta, MemoryBlobs, MemoryMeta, TestContext};

pub(crate) const TOKEN: &str = "a-token-for-tests-only";

static DOCUMENT: LazyLock<Value> = LazyLock::new(openapi);

/// A workspace that is served.
pub(crate) struct Server {
    pub(crate) context: TestContext,
    router: Router,
    document: &'static Value,
}

/// A request that is being put together.
pub(crate) struct Call<'a> {
    server: &'a Server,
    method: &'a str,
    uri: &'a str,
    headers: Vec<(&'a str, String)>,
    body: Body,
}

/// An answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: axum::http::HeaderMap,
    pub(crate) body: Bytes,
    /// Whether the body broke off.
    pub(crate) broken: bool,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self::with(ImportLimits::default())
    }

    pub(crate) fn with(limits: ImportLimits) -> Self {
        let meta = Box::new(MemoryMeta::new());
        let blobs = Arc::new(MemoryBlobs::new());
        Self::on(meta, blobs, limits)
    }

    /// A server whose stores fail as planned.
    pub(crate) fn failing(plan: &FaultPlan) -> Self {
        let meta = FaultyMeta::new(Box::new(MemoryMeta::new()), plan);
        let blobs = FaultyBlobs::new(Arc::new(MemoryBlobs::new()), plan);
        Self::on(Box::new(meta), Arc::new(blobs), ImportLimits::default())
    }

    pub(crate) fn on_blobs(blobs: Arc<MemoryBlobs>) -> Self {
        let meta = Box::new(MemoryMeta::new());
        Self::on(meta, blobs, ImportLimits::default())
    }

    fn on(meta: Box<dyn MetaStore>, blobs: Arc<dyn BlobStore>, limits: ImportLimits) -> Self {
        let context = TestContext::new(7);
        let options = Options::default().inline_limit(64);
        let workspace = Workspace::create(meta, blobs, context.context(), options).unwrap();
        Self::over(workspace, Access::root(TOKEN).unwrap(), limits, context)
    }

    pub(crate) fn trusting() -> Self {
        let context = TestContext::new(7);
        let workspace = Workspace::create(
            Box::new(MemoryMeta::new()),
            Arc::new(MemoryBlobs::new()),
            context.context(),
            Options::default(),
        );
        let limits = ImportLimits::default();
        Self::over(workspace.unwrap(), Access::trusted(), limits, context)
    }

    fn over(
        workspace: Workspace,
        access: Access,
        limits: ImportLimits,
        context: TestContext,
    ) -> Self {
        Self {
            context,
            router: router(workspace, access, limits),
            document: &DOCUMENT,
        }
    }

    /// Gives streams of events a pulse.
    pub(crate) fn with_pulse(mut self, pulse: Pulse) -> Self {
        self.router = self.router.layer(Extension(pulse));
        self
    }

    pub(crate) fn call<'a>(&'a self, method: &'a str, uri: &'a str) -> Call<'a> {
        Call {
            server: self,
            method,
            uri,
            headers: vec![("authorization", format!("Bearer {TOKEN}"))],
            body: Body::empty(),
        }
    }

    pub(crate) fn router(&self) -> Router {
        self.router.clone()
    }

    pub(crate) fn get(&self, uri: &str) -> Answer {
        self.call("GET", uri).send()
    }

    pub(crate) fn put(&self, uri: &str, body: &'static str) -> Answer {
        self.call("PUT", uri).body(body).send()
    }

    pub(crate) fn post(&self, uri: &str, body: Value) -> Answer {
        self.call("POST", uri).json(&body).send()
    }

    /// Checks that the document knows such an answer of such a request.
    fn check(&self, method: &str, uri: &str, answer: &Answer) {
        let media_type = answer.headers.get("content-type");
        let media_type = media_type.map(|value| value.to_str().unwrap());
        let is_site = uri.starts_with("/preview/");
        if answer.status >= 400 && method != "HEAD" && !is_site {
            assert_eq!(media_type, Some(PROBLEM_JSON), "{method} {uri}");
            let problem = answer.json();
            assert_eq!(problem["status"], answer.status);
            let code = problem["code"].as_str().unwrap();
            assert_eq!(problem["type"], format!("urn:workspace:problem:{code}"));
            // What a program tells them apart by.
            let says = |field: &str| problem[field].as_str().is_some_and(|text| !text.is_empty());
            assert_eq!(
                says("reason"),
                code == "invalid",
                "{method} {uri}: {problem}"
            );
            assert_eq!(
                says("what"),
                code == "not_found",
                "{method} {uri}: {problem}"
            );
            assert!(
                code != "invalid" || says("operation"),
                "{method} {uri}: {problem}"
            );
        }
        let path = uri.split('?').next().unwrap();
        check_headers(method, path, answer);
        let Some((template, operations)) = self.find(path) else {
            let root = path.ends_with("/files");
            let expected: &[u16] = if root {
                &[400, 401, 403, 404, 405, 409]
            } else {
                &[401, 403, 404, 503]
            };
            assert!(expected.contains(&answer.status), "{uri}");
            return;
        };
        let key = match method {
            "HEAD" if operations.get("head").is_none() => "get".to_string(),
            method => method.to_ascii_lowercase(),
        };
        let Some(operation) = operations.get(&key) else {
            assert!([401, 403, 405].contains(&answer.status), "{method} {uri}");
            return;
        };
        let response = &operation["responses"][answer.status.to_string()];
        let response = match response["$ref"].as_str() {
            Some(reference) => self.document.pointer(&reference[1..]).unwrap(),
            None => response,
        };
        assert!(
            response.is_object(),
            "{method} {template} does not document {}",
            answer.status
        );
        if let (Some(content), Some(media_type), false) = (
            response["content"].as_object(),
            media_type,
            method == "HEAD",
        ) {
            let known = content.contains_key(media_type);
            assert!(
                known
                    || content.contains_key("*/*")
                    || content.contains_key("application/octet-stream"),
                "{media_type}"
            );
        }
        if (answer.status == 409 || answer.status == 412) && method != "HEAD" && !is_site {
            let code = answer.json()["code"].as_str().unwrap().to_string();
            let what = response["description"].as_str().unwrap();
            assert!(
                what.contains(&format!("`{code}`")),
                "{method} {template}: {code}"
            );
        }
    }

    fn find(&self, path: &str) -> Option<(&str, &Value)> {
        let paths = self.document["paths"].as_object().unwrap();
        let fits = |template: &str| {
            let mut rest: Vec<&str> = path.split('/').collect();
            // The router takes nothing for a parameter, but not at the end.
            for part in template.split('/') {
                match rest.first() {
                    Some(_) if part == "{path}" => return true,
                    Some(found) if part == *found => rest.remove(0),
                    Some(found)
                        if part.starts_with('{') && (rest.len() > 1 || !found.is_empty()) =>
                    {
                        rest.remove(0)
                    }
                    _ => return false,
                };
            }
            rest.is_empty()
        };
        let exact = paths
            .get_key_value(path)
            .filter(|(key, _)| !key.contains('{'));
        exact
            .or_else(|| paths.iter().find(|(template, _)| fits(template)))
            .map(|(template, operations)| (template.as_str(), operations))
    }

    /// Every operation of the document: method, path, who may call it: `root`,
    /// `grant`, or nobody in particular.
    pub(crate) fn operations(&self) -> Vec<(String, String, &'static str)> {
        let paths = self.document["paths"].as_object().unwrap();
        paths
            .iter()
            .flat_map(|(path, operations)| {
                operations
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(method, operation)| {
                        let who = match operation.get("security") {
                            None => "root",
                            Some(schemes) if schemes[0].get("grant").is_some() => "grant",
                            Some(_) => "",
                        };
                        (method.to_ascii_uppercase(), path.clone(), who)
                    })
            })
            .collect()
    }
}

/// Sends a DELETE from within another request; returns the status.
pub(crate) async fn delete(router: Router, uri: &str) -> u16 {
    let request = axum::http::Request::builder()
        .method("DELETE")
        .uri(uri)
        .header("authorization", format!("Bearer {TOKEN}"))
        .body(Body::empty());
    let response = router.oneshot(request.unwrap()).await.unwrap();
    response.status().as_u16()
}

impl<'a> Call<'a> {
    pub(crate) fn header(mut self, name: &'a str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn without_token(mut self) -> Self {
        self.headers.retain(|(name, _)| *name != "authorization");
        self
    }

    pub(crate) fn with_token(self, token: &str) -> Self {
        self.without_token()
            .header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Body>) -> Self {
        self.body = body.into();
        self
    }

    /// A body in chunks; `None` breaks it off.
    pub(crate) fn chunks(self, chunks: &[Option<&'static [u8]>]) -> Self {
        let chunks: Vec<_> = chunks
            .iter()
            .map(|chunk| chunk.ok_or(std::io::Error::other("the connection broke")))
            .collect();
        self.body(Body::from_stream(stream::iter(chunks)))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        let body = body.to_string();
        self.header("content-type", "application/json").body(body)
    }

    pub(crate) fn send(self) -> Answer {
        let answer = self.try_send();
        assert!(!answer.broken, "the body broke off");
        answer
    }

    /// Sends it, and takes as much of the answer as comes.
    pub(crate) fn try_send(self) -> Answer {
        let (server, method, uri) = (self.server, self.method, self.uri);
        let (parts, body) = self.open();
        let body = block_on(body.collect()).map(|body| body.to_bytes());
        let answer = Answer {
            status: parts.status.as_u16(),
            headers: parts.headers,
            broken: body.is_err(),
            body: body.unwrap_or_default(),
        };
        server.check(method, uri, &answer);
        answer
    }

    /// Sends the request, and leaves the body of the answer to be read.
    pub(crate) fn open(self) -> (Parts, Body) {
        let mut request = axum::http::Request::builder()
            .method(self.method)
            .uri(self.uri);
        for (name, value) in &self.headers {
            request = request.header(*name, value);
        }
        let request = request.body(self.body).unwrap();
        let response = block_on(self.server.router.clone().oneshot(request));
        response.unwrap().into_parts()
    }
}

impl Answer {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| {
            panic!("{}: {error}: {:?}", self.status, self.body);
        })
    }

    #[track_caller]
    pub(crate) fn ok(self) -> Self {
        assert!(self.status < 300, "{}: {:?}", self.status, self.body);
        self
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The status and the code of a problem.
    #[track_caller]
    pub(crate) fn problem(&self) -> (u16, String) {
        (self.status, self.json()["code"].as_str().unwrap().into())
    }
}

/// Checks what keeps an answer from being kept by others, or taken for what it is not.
fn check_headers(method: &str, path: &str, answer: &Answer) {
    let sniff = answer.header("x-content-type-options");
    assert_eq!(sniff, Some("nosniff"), "{method} {path}");
    let reads = ["GET", "HEAD"].contains(&method);
    let is_file = path.contains("/files/") && answer.status < 400;
    let sends_file = reads && (path.starts_with("/preview/") || is_file);
    let cache = match sends_file {
        // The same for everybody.
        _ if path == "/v1/openapi.json" && answer.status < 400 => "no-cache",
        true => "private, no-cache",
        false => "no-store",
    };
    assert_eq!(
        answer.header("cache-control"),
        Some(cache),
        "{method} {path}"
    );
}
