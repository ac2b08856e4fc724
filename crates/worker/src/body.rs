//! Bodies on their way in, and large ones past this code.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures::{FutureExt as _, stream};
use js_sys::{ArrayBuffer, Error as Exception, Function, Promise, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use workspace_core::{BlobKey, ContentId, Error, ErrorKind, Reason, Result};
use workspace_durable_object::{R2Blobs, chunks};
use workspace_http::Passage;

use crate::platform::Platform;

/// Returns the body that JavaScript hands over: nothing, bytes, a stream, or what resolves
/// to its bytes, which is called when they are asked for.
pub(crate) fn incoming(body: &JsValue) -> Body {
    if body.is_undefined() || body.is_null() {
        return Body::empty();
    }
    if let Some(bytes) = body.dyn_ref::<Uint8Array>() {
        return Body::from(bytes.to_vec());
    }
    match body.dyn_ref::<Function>() {
        Some(take) => Body::from_stream(SendWrapper::new(stream::once(whole(take.clone())))),
        None => Body::from_stream(chunks(body)),
    }
}

/// Takes a body that comes at once.
async fn whole(take: Function) -> Result<Bytes> {
    let broke = |thrown: JsValue| {
        let text = thrown.dyn_ref::<Exception>();
        let text = text.map(|error| String::from(error.message()));
        Error::new(ErrorKind::Unavailable, "read body")
            .with_source(std::io::Error::other(text.unwrap_or_default()))
    };
    let promise = take.call0(&JsValue::UNDEFINED).map_err(broke)?;
    let taken = JsFuture::from(Promise::from(promise)).await;
    let taken: ArrayBuffer = taken.map_err(broke)?.unchecked_into();
    Ok(Uint8Array::new(&taken).to_vec().into())
}

/// Returns how a request's body gets into R2 without passing through here.
pub(crate) fn passage(platform: &Platform, blobs: &Arc<R2Blobs>, body: &JsValue) -> Passage {
    let shared = SendWrapper::new((platform.clone(), body.clone()));
    let blobs = Arc::clone(blobs);
    Passage::new(move |key, size| {
        let name = blobs.name(&key);
        let (platform, body) = (shared.0.clone(), shared.1.clone());
        SendWrapper::new(async move {
            match store(&platform, &name, &body, size).await {
                Ok(content) => Ok(Some(content)),
                Err(thrown) => failed(&key, &thrown).map_or(Ok(None), Err),
            }
        })
        .boxed()
    })
}

async fn store(
    platform: &Platform,
    name: &str,
    body: &JsValue,
    size: u64,
) -> std::result::Result<ContentId, JsValue> {
    // Sizes are under 2^53.
    let promise = platform.upload(name, body, size as f64)?;
    let hash: Uint8Array = JsFuture::from(promise).await?.unchecked_into();
    let mut bytes = [0; 32];
    hash.copy_to(&mut bytes);
    Ok(ContentId::from_bytes(bytes))
}

/// Reads what `upload` throws: its name says whose fault it is. Nothing, where the
/// body kept it waiting.
fn failed(key: &BlobKey, thrown: &JsValue) -> Option<Error> {
    let (name, message) = match thrown.dyn_ref::<Exception>() {
        Some(error) => (String::from(error.name()), String::from(error.message())),
        None => (String::new(), String::new()),
    };
    Some(match &*name {
        "TimeoutError" => return None,
        "LengthError" => Error::invalid(Reason::WrongLength, "read body").because(message),
        "SourceError" => Error::new(ErrorKind::Source, "read body").because(message),
        _ => Error::new(ErrorKind::Unavailable, "write object")
            .at(key)
            .with_source(std::io::Error::other(message)),
    })
}
