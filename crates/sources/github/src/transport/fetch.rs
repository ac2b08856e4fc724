//! The platform's `fetch`, in a Worker.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::{Either, select};
use futures::stream::BoxStream;
use futures::{StreamExt as _, stream};
use gloo_timers::future::sleep;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use js_sys::Uint8Array;
use send_wrapper::SendWrapper;
use wasm_bindgen::JsValue;
use worker::web_sys::{self, Headers, RequestInit, RequestRedirect};
use worker::{Fetch, ResponseBody};
use workspace_core::Timestamp;

use super::{Body, Transport};
use crate::error::{Error, Kind, Result};

/// How long nothing may come of an answer.
const IDLE: Duration = Duration::from_secs(60);

/// What makes a stream of Rust's of a `ReadableStream`.
pub type Chunks = fn(&JsValue) -> BoxStream<'static, workspace_core::Result<Bytes>>;

/// The platform's `fetch`.
#[derive(Clone, Copy)]
pub struct FetchTransport(Chunks);

impl fmt::Debug for FetchTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FetchTransport")
    }
}

impl FetchTransport {
    /// Reads bodies by `chunks`, which is that of `workspace-durable-object`: a reader of
    /// another kind makes the process grow by what it has read.
    pub fn new(chunks: Chunks) -> Self {
        Self(chunks)
    }
}

#[async_trait]
impl Transport for FetchTransport {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Body>> {
        SendWrapper::new(send(request, self.0)).await
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_millis(js_sys::Date::now() as i64)
    }

    async fn wait(&self, time: Duration) {
        SendWrapper::new(sleep(time)).await;
    }
}

async fn send(request: Request<Bytes>, chunks: Chunks) -> Result<Response<Body>> {
    let failed =
        |why: worker::Error| Error::new(Kind::Upstream, "reach server").because(why.to_string());
    let request = platform_request(&request).map_err(failed)?;
    let answer = within(Fetch::Request(request).send()).await;
    let answer = answer.ok_or_else(idle)?.map_err(failed)?;
    let wrong = |why: &'static str| Error::malformed("read answer", why);
    let body: Body = match answer.body() {
        ResponseBody::Stream(readable) => watched(chunks(readable)),
        ResponseBody::Body(bytes) => {
            let bytes = Bytes::from(bytes.clone());
            stream::once(async { Ok(bytes) }).boxed()
        }
        ResponseBody::Empty => stream::empty().boxed(),
    };
    let mut response = Response::new(body);
    *response.status_mut() =
        StatusCode::from_u16(answer.status_code()).map_err(|_| wrong("no status"))?;
    for (name, value) in answer.headers().entries() {
        let name = HeaderName::try_from(name).map_err(|_| wrong("a header that is none"))?;
        let value = HeaderValue::try_from(value).map_err(|_| wrong("a header that is none"))?;
        response.headers_mut().append(name, value);
    }
    Ok(response)
}

fn platform_request(request: &Request<Bytes>) -> worker::Result<worker::Request> {
    let headers = Headers::new()?;
    for (name, value) in request.headers() {
        headers.append(name.as_str(), std::str::from_utf8(value.as_bytes())?)?;
    }
    let init = RequestInit::new();
    init.set_method(request.method().as_str());
    init.set_headers(&headers);
    init.set_redirect(RequestRedirect::Manual);
    if !request.body().is_empty() {
        init.set_body(&Uint8Array::from(&request.body()[..]));
    }
    let url = request.uri().to_string();
    Ok(web_sys::Request::new_with_str_and_init(&url, &init)?.into())
}

/// Breaks off where nothing comes for too long.
fn watched(chunks: BoxStream<'static, workspace_core::Result<Bytes>>) -> Body {
    let watched = stream::unfold(Some(chunks), |chunks| async {
        let mut chunks = chunks?;
        match within(chunks.next()).await {
            None => Some((Err(idle()), None)),
            Some(None) => None,
            Some(Some(Ok(bytes))) => Some((Ok(bytes), Some(chunks))),
            Some(Some(Err(error))) => {
                let error = Error::new(Kind::Truncated, "read answer").because(error.to_string());
                Some((Err(error), None))
            }
        }
    });
    SendWrapper::new(watched).boxed()
}

async fn within<T>(future: impl Future<Output = T>) -> Option<T> {
    let (future, timer) = (std::pin::pin!(future), std::pin::pin!(sleep(IDLE)));
    match select(future, timer).await {
        Either::Left((done, _)) => Some(done),
        Either::Right(_) => None,
    }
}

fn idle() -> Error {
    Error::new(Kind::Truncated, "read answer").because("nothing came for a minute")
}
