//! Bodies on their way in, and large ones past this code.

use std::sync::Arc;

use axum::body::Body;
use futures::FutureExt as _;
use js_sys::{Error as Exception, Uint8Array};
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use workspace_core::{BlobKey, ContentId, Error, ErrorKind, Reason};
use workspace_durable_object::{R2Blobs, chunks};
use workspace_http::Passage;

use crate::platform::Platform;

/// Returns the body that JavaScript hands over: nothing, bytes, or a stream.
pub(crate) fn incoming(body: &JsValue) -> Body {
    if body.is_undefined() || body.is_null() {
        return Body::empty();
    }
    match body.dyn_ref::<Uint8Array>() {
        Some(bytes) => Body::from(bytes.to_vec()),
        None => Body::from_stream(chunks(body)),
    }
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
