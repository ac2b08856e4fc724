//! What goes back to JavaScript.

use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{Extensions, HeaderMap, Response};
use bytes::Bytes;
use futures::TryStreamExt as _;
use futures::lock::Mutex;
use futures::stream::{AbortHandle, Abortable};
use js_sys::{Array, Uint8Array};
use wasm_bindgen::prelude::*;
use workspace_core::{Error, ErrorKind, Result};
use workspace_http::Routed;

/// Turns a response into `[status, headers, first, rest, route]`: the headers are lines of
/// which names and values alternate, in one text, which is handed over at once; `first`
/// are the first bytes of the body, or nothing; `rest` is a [`Rest`] or a
/// `ReadableStream`, or nothing where the first bytes are all; `route` is the one that
/// answered, if one did.
///
/// Waits for the first bytes of a body whose length is known, so that small ones
/// need no stream.
pub(crate) async fn answer(response: Response<Body>) -> Result<Array> {
    let (parts, body) = response.into_parts();
    let length = body.size_hint().exact().or_else(|| length(&parts.headers));
    let mut chunks = body.into_data_stream();
    let first = match length {
        None | Some(0) => None,
        Some(_) => chunks.try_next().await.map_err(broke_off)?,
    };
    let route = route(&parts.extensions);
    let whole = length == Some(first.as_ref().map_or(0, Bytes::len) as u64);
    let rest = (!whole).then(|| JsValue::from(Rest::new(chunks)));
    let first = first.map(|bytes| Uint8Array::from(&*bytes).into());
    Ok(Array::of5(
        &parts.status.as_u16().into(),
        &flat(&parts.headers),
        &first.unwrap_or_default(),
        &rest.unwrap_or_default(),
        &route,
    ))
}

/// Returns a body as it goes out.
pub(crate) fn rest(body: Body) -> Rest {
    Rest::new(body.into_data_stream())
}

/// Turns a response whose body is a `ReadableStream` into the same.
pub(crate) fn answer_with(response: &Response<Body>, body: &JsValue) -> Array {
    let status = response.status().as_u16();
    let headers = flat(response.headers());
    let route = route(response.extensions());
    Array::of5(&status.into(), &headers, &JsValue::UNDEFINED, body, &route)
}

fn route(extensions: &Extensions) -> JsValue {
    let routed = extensions.get::<Routed>();
    routed.map_or(JsValue::UNDEFINED, |Routed(route)| (&**route).into())
}

fn flat(headers: &HeaderMap) -> JsValue {
    let mut lines = String::with_capacity(64 * headers.len());
    for (name, value) in headers {
        if !lines.is_empty() {
            lines.push('\n');
        }
        lines.push_str(name.as_str());
        lines.push('\n');
        // No value holds a line break.
        lines.push_str(&String::from_utf8_lossy(value.as_bytes()));
    }
    lines.into()
}

/// Returns how long headers say that a body is.
fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A body, after its first bytes.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Rest {
    chunks: Mutex<Option<Abortable<BodyDataStream>>>,
    end: AbortHandle,
}

impl Rest {
    fn new(chunks: BodyDataStream) -> Self {
        let (end, ended) = AbortHandle::new_pair();
        Self {
            chunks: Mutex::new(Some(Abortable::new(chunks, ended))),
            end,
        }
    }
}

#[wasm_bindgen]
impl Rest {
    /// Returns the next bytes; nothing at the end.
    ///
    /// # Errors
    /// What breaks the body off.
    pub async fn next(&self) -> std::result::Result<Option<Uint8Array>, JsError> {
        let mut chunks = self.chunks.lock().await;
        let next = match chunks.as_mut() {
            Some(chunks) => chunks.try_next().await,
            None => Ok(None),
        };
        let next = next.map_err(|error| JsError::new(&broke_off(error).to_string()));
        if !matches!(next, Ok(Some(_))) {
            *chunks = None;
        }
        Ok(next?.as_deref().map(Uint8Array::from))
    }

    /// Lets go of the body: whoever waits for more of it gets nothing.
    pub fn close(&self) {
        self.end.abort();
        if let Some(mut chunks) = self.chunks.try_lock() {
            *chunks = None;
        }
    }
}

fn broke_off(error: axum::Error) -> Error {
    Error::new(ErrorKind::Unavailable, "read answer").with_source(error)
}
