//! A workspace behind the stub of its object.

use axum::body::{Body, HttpBody as _};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use js_sys::Uint8Array;
use wasm_bindgen::JsValue;
use worker::web_sys::{self, Headers, RequestInit, RequestRedirect};
use worker::{Env, ResponseBody, Stub};
use workspace_core::{Error, ErrorKind, Result};
use workspace_durable_object::chunks;
use workspace_http::{Client, Transport};

/// Where workspaces are bound, and the token that their objects take.
const WORKSPACES: &str = "WORKSPACES";
const TOKEN: &str = "WORKSPACE_TOKEN";

/// Carries requests to a `WorkspaceObject` through its stub.
///
/// Bodies stream both ways. A call that another Worker's object does not answer, or that
/// its panic ends, is `Unavailable`.
#[derive(Debug)]
pub struct StubTransport(Stub);

impl StubTransport {
    /// Takes the stub of an object.
    pub fn new(stub: Stub) -> Self {
        Self(stub)
    }
}

/// Returns a client of the workspace of that name, in the name of the root token: the
/// namespace is bound as `WORKSPACES`, the token as `WORKSPACE_TOKEN`, which may be several
/// with white space between them. Sends nothing.
///
/// # Errors
/// `Unsupported` where one of them is not bound; `Invalid` for a token that a header
/// cannot carry.
pub fn client(env: &Env, name: &str) -> Result<Client<StubTransport>> {
    let unbound = |error: worker::Error| {
        Error::new(ErrorKind::Unsupported, "open workspace")
            .at(name)
            .because(error)
    };
    let namespace = env.durable_object(WORKSPACES).map_err(unbound)?;
    let stub = namespace.get_by_name(name).map_err(unbound)?;
    // Secrets are given to Workers as variables are.
    let tokens = env.secret(TOKEN).map_err(unbound)?.to_string();
    let token = tokens.split_whitespace().next().unwrap_or_default();
    // Which one it is, the stub says: any name will do.
    let base = "http://workspace/workspaces/named";
    Client::new(StubTransport::new(stub), base, token)
}

impl Transport for StubTransport {
    async fn send(&self, request: Request<Body>) -> Result<Response<Body>> {
        let lost =
            |why: worker::Error| Error::new(ErrorKind::Unavailable, "call workspace").because(why);
        let request = sent(request).await?.map_err(lost)?;
        let answer = self.0.fetch_with_request(request).await.map_err(lost)?;
        received(&answer).map_err(|why| lost(why.into()))
    }
}

/// A body of so many bytes, known before, is handed over at once.
const AT_ONCE: u64 = 64 << 10;

/// Turns a request into the platform's. `worker` does it too, but follows redirects, and
/// makes a stream of the smallest body.
async fn sent(request: Request<Body>) -> Result<worker::Result<worker::Request>> {
    let (parts, body) = request.into_parts();
    let body = match body.size_hint().exact() {
        Some(0) => None,
        Some(size) if size <= AT_ONCE => {
            let bytes = axum::body::to_bytes(body, AT_ONCE as usize).await;
            let bytes = bytes
                .map_err(|error| Error::new(ErrorKind::Source, "read body").with_source(error))?;
            Some(JsValue::from(Uint8Array::from(&*bytes)))
        }
        _ => match worker::Body::from_stream(body.into_data_stream()) {
            Ok(body) => body.into_inner().map(JsValue::from),
            Err(error) => return Ok(Err(error)),
        },
    };
    Ok(request_of(&parts, body))
}

fn request_of(parts: &Parts, body: Option<JsValue>) -> worker::Result<worker::Request> {
    let headers = Headers::new()?;
    for (name, value) in &parts.headers {
        headers.append(name.as_str(), std::str::from_utf8(value.as_bytes())?)?;
    }
    let init = RequestInit::new();
    init.set_method(parts.method.as_str());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    if let Some(body) = body {
        init.set_body(&body);
    }
    let url = parts.uri.to_string();
    Ok(web_sys::Request::new_with_str_and_init(&url, &init)?.into())
}

/// Turns what the object answered into what the client reads; says what is wrong with it.
fn received(answer: &worker::Response) -> std::result::Result<Response<Body>, &'static str> {
    let mut response = Response::new(match answer.body() {
        ResponseBody::Stream(readable) => Body::from_stream(chunks(readable)),
        ResponseBody::Body(bytes) => Body::from(bytes.clone()),
        ResponseBody::Empty => Body::empty(),
    });
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code()).map_err(|_| "an answer without a status")?;
    for (name, value) in answer.headers().entries() {
        let name = HeaderName::try_from(name).map_err(|_| "an answer whose header is none")?;
        let value = HeaderValue::try_from(value).map_err(|_| "an answer whose header is none")?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}
